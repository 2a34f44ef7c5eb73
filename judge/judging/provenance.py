"""What a manifest says of how its run was made: the files, the versions, and the judges as they were given."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from judge.errors import InputError
from judge.files.limits import real_path
from judge.judges.config import changed_fields
from judge.judges.judge_options import JudgeOptions
from judge.judges.registry import parse_judge
from judge.prompting.pairwise_reply import READER
from judge.prompting.shipped_files import Asset
from judge.runs.manifest import Input
from judge.schema import JudgeSpec

if TYPE_CHECKING:
    from judge.inputs.items import Items
    from judge.inputs.traces import RecordFile

SETTINGS_OF = "settings of "
"""what an identity calls those of a judge, before its name"""
SHOWN_CHARS = 80
"""of a value that has changed"""
VERSIONED = ("omr-judge", "openai", "anthropic", "xllamacpp", "numpy", "pillow", "polars", "pydantic")


def open_specs(
    texts: Sequence[str], options: JudgeOptions, *, say: Callable[[str], None], needs_keys: bool = True
) -> tuple[JudgeSpec, ...]:
    """Read the judges' specs; two judges of one name could not be told apart in a report."""
    specs = tuple(parse_judge(text, options, say=say, needs_key=needs_keys) for text in texts)
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--judge {name}", "named twice", "for several replies of one judge use --samples")
    return specs


def judges_identity(judges: Sequence[JudgeSpec]) -> dict[str, str]:
    """Name what of the judges decides judgments: all but their addresses."""
    settings = {f"{SETTINGS_OF}{judge.name}": judge.decided.model_dump_json() for judge in judges}
    return {"--judge": ", ".join(sorted(judge.name for judge in judges)), **settings}


OPTIONS_OF_JUDGES = {"max_output_tokens", "temperature", "effort"}
"""fields of a judge that the command line sets too"""


def changed_setting(name: str, before: str | None, now: str | None) -> str:
    """Name something that differs between two runs, with both values where they say something to a person.

    Empty for the settings of a judge that one run has not: `--judge` names it.
    """
    if name.startswith("--"):
        return f"{name} {_value(before)}, now {_value(now)}"
    if not name.startswith(SETTINGS_OF):
        return f"another {name}"
    if before is None or now is None:
        return ""
    fields = changed_fields(*(JudgeSpec.model_validate_json(text) for text in (before, now)))
    return f"{', '.join(map(_as_option, fields))} in the {name}"


def _as_option(told: str) -> str:
    """Call a field of a judge as its option is called, if it has one."""
    name, blank, rest = told.partition(" ")
    return f"--{name.replace('_', '-')}{blank}{rest}" if name in OPTIONS_OF_JUDGES else told


def _value(text: str | None) -> str:
    shown = {None: "not given", "None": "not given", "True": "on", "False": "off"}.get(text, text or "none")
    return shown if len(shown) <= SHOWN_CHARS else f"{shown[:SHOWN_CHARS]}..."


def read_files(named: Iterable[tuple[str, RecordFile]]) -> list[Input]:
    """Return the records of files that were read, given with their roles."""
    return [Input(role=role, path=_absolute(file.path), sha256=file.sha256) for role, file in named]


def used_asset(role: str, asset: Asset) -> Input:
    """Return the record of a prompt or a rubric."""
    return Input(role=role, path=str(asset.path), sha256=hashlib.sha256(asset.text.encode()).hexdigest())


def item_roles(items: Items | None) -> list[tuple[str, RecordFile]]:
    """Name the files of items by their roles: `items`, or `items 1`, `items 2` ... where there are several."""
    files = items.files if items else ()
    return [(f"items {number}" if len(files) > 1 else "items", file) for number, file in enumerate(files, start=1)]


def _absolute(path: str) -> str:
    return path if path.startswith("<") else str(real_path(path))


def versions() -> dict[str, str]:
    """Return the versions of Python, of the program and of the packages that decide what it does, by name.

    `reader` is that of the reading of replies: no reply of the run is read by an earlier one.
    """
    found = {"python": platform.python_version(), "platform": sys.platform, "reader": str(READER)}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
