"""Find prompts and rubrics: those shipped with the program, or a person's own file."""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from judge.errors import InputError
from judge.files.limits import limits, read_whole, real_path
from judge.files.toml import parse_toml
from judge.prompting.pairwise_prompt import PAIRWISE, PromptForm, PromptTemplate, parse_template
from judge.schema import Rubric, VerdictForm

REPAIR, REPAIR_ANY = "repair.v1.txt", "repair-any.v1.txt"
"""the notes about a reply that could not be read: of one object, and of any form"""
ANY = PromptForm({}, ("tag",), tuple(VerdictForm))
"""of a prompt file of any kind of run, to be named and not rendered"""
_KINDS = {"prompts": ".md", "rubrics": ".toml"}


class Asset(NamedTuple):
    """A prompt or rubric file and its text."""

    path: Path
    text: str


def shipped(kind: str) -> list[Path]:
    """List the shipped files of a kind, `prompts` or `rubrics`, by name.

    They are top-level folders in a checkout and package data in an installed wheel.
    """
    package = Path(str(files("judge")))
    packaged = package / "_data" / kind
    folder = packaged if packaged.is_dir() else package.parent / kind
    return sorted(folder.glob(f"*{_KINDS[kind]}"))


def find_asset(kind: str, name: str) -> Asset:
    """Read a shipped file by its name without suffix, or any file by its path."""
    by_name = {path.stem: path for path in shipped(kind)}
    path = by_name.get(name, Path(name))
    if name not in by_name and path.suffix != _KINDS[kind]:
        known = ", ".join(by_name)
        raise InputError(name, f"no such {kind[:-1]}", f"shipped are {known}; or give a {_KINDS[kind]} file")
    try:
        return Asset(real_path(path), _text(read_whole(path, most=limits().settings_bytes)))
    except (OSError, ValueError) as error:
        raise InputError(name, f"cannot be read: {error}") from error


def _text(content: bytes) -> str:
    """Decode a file; line ends of every kind become one kind."""
    return TextIOWrapper(BytesIO(content), encoding="utf-8").read()


def repair_note(name: str = REPAIR) -> str:
    """Return what a judge is told of a reply that could not be read."""
    return (shipped("prompts")[0].parent / name).read_text(encoding="utf-8").strip()


def load_prompt(asset: Asset, form: PromptForm = PAIRWISE) -> PromptTemplate:
    """Parse a prompt file of a kind of run."""
    return parse_template(asset.text, where=asset.path.name, form=form)


def load_rubric(asset: Asset) -> Rubric:
    """Parse a rubric file: name, version, description and one `[[criterion]]` table each."""
    try:
        rubric = Rubric.model_validate(parse_toml(asset.text, where=asset.path.name))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(asset.path.name, f"{place}: {first['msg']}", "see rubrics/openmedreason.v1.toml") from error
    names = [criterion.name for criterion in rubric.criteria]
    if len(set(names)) != len(names):
        raise InputError(asset.path.name, f"a criterion's name occurs twice: {names}")
    return rubric
