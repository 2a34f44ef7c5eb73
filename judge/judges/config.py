"""The file of judges, `omr-judge.toml`: judges by name, each with settings of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue, ValidationError, field_validator

from judge.errors import InputError, RunError
from judge.files.limits import limits, read_whole, real_path
from judge.files.toml import parse_toml
from judge.prompting.shipped_files import find_asset, load_prompt
from judge.schema import LETTER_REPLIES, OBJECTS, Frozen, JudgeSettings, JudgeSpec, Provider, ReplyForm, VerdictForm

FILE = "omr-judge.toml"
SHOWN_CHARS = 80
"""of a value that has changed"""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_OWN_FIELDS = {"model", "messages", "stream", "n"}
"""of a body: what decides what is asked, and how often"""
_KEY_HEADER = re.compile(r".*(?:auth(?:orization)?|key|token|secret|password|credentials?|cookie)", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TRANSPORT = {"connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"}
"""headers of the connection itself"""
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""what names an environment variable, and is no key that was written in its place"""
_KEY_FIELD = re.compile(r"(?:.*[_-])?(?:api_?key|access_?token|secret|password|authorization)", re.IGNORECASE)
"""what the manifest must not hold"""


class JudgeTable(Frozen):
    """A judge of the file."""

    provider: Provider
    """who runs the model, or as whom a server speaks"""
    model: str | None = None
    """as the provider calls it; for the embedded judge, a GGUF file"""
    base_url: str | None = None
    """a server's address"""
    key_env: str | None = None
    """the environment variable that holds the key"""
    headers: dict[str, str] = Field(default_factory=dict)
    """sent with every call; a value `$NAME` is read from the environment"""
    body: dict[str, JsonValue] = Field(default_factory=dict)
    """fields of every call's body beside the usual ones, or in their place"""
    reply: ReplyForm = ReplyForm.SCHEMA
    """how the form of the reply is told"""
    logprobs: Annotated[bool, Field(strict=True)] = False
    """whether the probability of each letter is asked for, and makes a soft verdict"""
    system_role: Annotated[bool, Field(strict=True)] = True
    """whether the system's words have a turn of their own, or begin the first question"""
    temperature: Annotated[float | None, Field(ge=0, allow_inf_nan=False, strict=True)] = None
    """sampling temperature"""
    max_output_tokens: Annotated[int | None, Field(ge=1, strict=True)] = None
    """limit of a reply, reasoning included"""
    effort: str | None = None
    """reasoning effort, in the provider's word"""
    prompt: str | None = None
    """by which it compares pairs: the name of a shipped prompt, or a file beside this one"""

    @field_validator("body")
    @classmethod
    def _check_body(cls, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted(_OWN_FIELDS & body.keys()):
            raise ValueError(f"{taken[0]} is not yours to set")
        if keys := sorted(filter(_KEY_FIELD.fullmatch, body)):
            raise ValueError(f"{keys[0]} is a key: send it in a header, $NAME")
        in_order: dict[str, JsonValue] = json.loads(json.dumps(body, sort_keys=True, allow_nan=False))
        return in_order

    @field_validator("key_env")
    @classmethod
    def _check_key_env(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE.fullmatch(name):
            raise ValueError("not the name of an environment variable in capitals; keys are read from there only")
        return name

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or name.lower() in _TRANSPORT:
                raise ValueError(f"{name!r} is not yours to set")
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"{name} holds characters that no header can")
            if value.startswith("$") and not _VARIABLE.fullmatch(value[1:]):
                raise ValueError(f"{name} names no environment variable in capitals, $NAME")
            if _KEY_HEADER.fullmatch(name) and not value.startswith("$"):
                raise ValueError(f"{name} is a key: name an environment variable instead, $NAME")
        return {name.lower(): headers[name] for name in sorted(headers, key=str.lower)}

    @property
    def key_headers(self) -> dict[str, str]:
        """The headers whose values are in the environment: the variable of each."""
        return {name: value[1:] for name, value in self.headers.items() if value.startswith("$")}


class Config(Frozen):
    """What the file holds."""

    judges: dict[str, JudgeTable] = Field(default_factory=dict)
    """by name"""
    defaults: dict[str, JsonValue] = Field(default_factory=dict)
    """of options, which the command line reads: no judge knows of them"""

    @field_validator("judges", mode="before")
    @classmethod
    def _check_names(cls, judges: object) -> object:
        for name in judges if isinstance(judges, dict) else ():
            if not _NAME.fullmatch(name) or name == Provider.LOCAL:
                raise ValueError(f"{name!r} cannot name a judge: use letters, digits, '_', '.', '-', and not local")
        return judges


def find_config(given: Path | None) -> Path | None:
    """Return the file of judges: the given one, else the next from the working folder upwards, else None."""
    if given is not None:
        return real_path(given)
    here = Path.cwd()
    return next((path for folder in (here, *here.parents) if (path := folder / FILE).is_file()), None)


def read_config(path: Path | None) -> dict[str, JudgeTable]:
    """Return the judges of a file, by name; none where there is no file.

    Raises:
        InputError: the file cannot be read, or holds what is no judge; it names the first field that is wrong.
    """
    if path is None:
        return {}
    try:
        text = read_whole(path, most=limits().settings_bytes).decode("utf-8-sig")
        return Config.model_validate(parse_toml(text, where=str(path))).judges
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        fields = (Config if len(first["loc"]) == 1 else JudgeTable).model_fields
        known = f"known: {', '.join(fields)}" if first["type"] == "extra_forbidden" else ""
        problem = "unknown field" if known else first["msg"].removeprefix("Value error, ")
        raise InputError(f"{path}: {field}", problem, known) from error


def prompt_of(table: JudgeTable, config: Path, *, where: str) -> str | None:
    """Return the text of a judge's own prompt.

    Args:
        table: the judge's.
        config: the file that it stands in.
        where: how errors name the table.

    Raises:
        InputError: the prompt cannot be read or used, or asks for another reply than the table.
    """
    asked = table.reply if "reply" in table.model_fields_set else None
    if table.logprobs and asked is not ReplyForm.LETTER:
        raise InputError(f"{where}.logprobs", "probabilities are those of one letter", 'add reply = "letter"')
    if table.prompt is None:
        if asked in LETTER_REPLIES:
            raise InputError(
                f"{where}.reply", "a prompt has to ask for one letter", 'add prompt = "pairwise-letter.v1"'
            )
        return None
    is_file = table.prompt.endswith(".md")
    asset = find_asset("prompts", str(config.parent / table.prompt) if is_file else table.prompt)
    template = load_prompt(asset)
    template.check()
    fitting = {None, ReplyForm.TEXT}
    if template.reply is VerdictForm.LETTER:
        fitting |= LETTER_REPLIES
    if template.reply not in OBJECTS and asked not in fitting:
        raise InputError(f"{where}.reply", f"prompt {template.label} asks for {template.reply}", "leave reply out")
    return asset.text


def changed_fields(before: JudgeSpec, after: JudgeSpec) -> Iterator[str]:
    """Yield what decides a judge's answers and differs: each field by its name in the file, with both values."""
    old, new = (spec.decided.model_dump(mode="json") for spec in (before, after))
    old, new = old | old.pop("settings"), new | new.pop("settings")
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            was, is_now = _told_apart(old.get(name, _default(name)), new.get(name, _default(name)))
            yield f"{name} (was {was}, is now {is_now})"


def _default(name: str) -> object:
    """Return the value of a field that is not written, since it is at its default."""
    field = JudgeSettings.model_fields.get(name) or JudgeSpec.model_fields[name]
    return field.get_default()


def _told_apart(*values: object) -> list[str]:
    """Return two values as JSON, both from shortly before they differ where they are long."""
    texts = ["not set" if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    if max(map(len, texts)) <= SHOWN_CHARS:
        return texts
    differ = next(
        (place for place, (was, now) in enumerate(zip(*texts, strict=False)) if was != now), min(map(len, texts))
    )
    start = max(0, differ - SHOWN_CHARS // 4)
    return [
        ("..." if start else "") + text[start : start + SHOWN_CHARS] + ("..." if text[start + SHOWN_CHARS :] else "")
        for text in texts
    ]


def require_unchanged(spec: JudgeSpec, now: JudgeSpec) -> None:
    """Refuse to go on with a judge whose table has changed since the run began; RunError says how."""
    if changed := ", ".join(changed_fields(spec, now)):
        raise RunError(
            f"{spec.config}: judge {spec.name} has changed since the run began: {changed}; "
            "undo that to go on, or begin another run"
        )
