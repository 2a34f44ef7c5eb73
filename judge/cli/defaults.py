"""Defaults of options from `omr-judge.toml`; the command line and variables come first."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from judge.errors import InputError
from judge.files.terminal import say

FILE = "omr-judge.toml"
DEFAULTS = "defaults"
"""the table of the file that holds them"""
TEMPLATE = """\
# Defaults of omr-judge in this folder and those below it.
#
# A value stands for an option of the same name, without its dashes. What a command line says comes first, then a
# variable (OMR_JUDGE_JUDGE, or OMR_JUDGE_COMPARE_JUDGE for one command), then this file. Take the '#' away.

[defaults]                      # of every command that has the option
# judge = ["anthropic:claude-sonnet-5-5"]
# max-cost = 20
# runs = "runs"

[defaults.compare]              # of one command
# items = ["items.jsonl"]
# control = ["identical", "no-image"]
# confirm-above = 5

[defaults.report]
# by = ["specialty"]
# full = true

# [judges.mine]                 # a judge of one's own: --judge mine (docs/judges.md)
# provider = "openai"
# model = "qwen3-32b"
# base_url = "http://127.0.0.1:8000/v1"
"""


def init(
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """Write omr-judge.toml here: defaults of options, all of them commented out."""
    path = Path(FILE)
    if path.exists() and not overwrite:
        raise InputError(FILE, "exists already", "edit it, or replace it with --overwrite")
    path.write_text(TEMPLATE, encoding="utf-8")
    say(f"{FILE}: written; every line of it is a comment until you change it")


def default_map(path: Path, group: Any) -> dict[str, Any]:  # noqa: ANN401 - typer carries its own click
    """Return the defaults that a file gives to commands, by command and parameter.

    Args:
        path: of the file.
        group: the commands, or those below one of them.

    Raises:
        InputError: the file cannot be read, or names what is no option.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from error
    table = content.get(DEFAULTS, {})
    if not isinstance(table, dict):
        raise InputError(f"{path}: {DEFAULTS}", "is no table", f"write [{DEFAULTS}], and options below it")
    shared = {name: value for name, value in table.items() if not isinstance(value, dict)}
    known = {option for command in _commands(group) for option in _options(command)}
    for name in shared:
        _refuse_unknown(f"{path}: [{DEFAULTS}]", name, known)
    return _of_group(str(path), group, shared, {name: own for name, own in table.items() if isinstance(own, dict)})


def _of_group(place: str, group: Any, shared: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    for name in tables:
        if name not in group.commands:
            close = ", ".join(get_close_matches(name, group.commands, n=3)) or ", ".join(group.commands)
            raise InputError(f"{place}: [{DEFAULTS}.{name}]", "no such command", f"there are {close}")
    made: dict[str, Any] = {}
    for name, command in group.commands.items():
        own = tables.get(name, {})
        if hasattr(command, "commands"):
            made[name] = _of_group(place, command, shared, own)
            continue
        options = _options(command)
        for option in own:
            _refuse_unknown(f"{place}: [{DEFAULTS}.{name}]", option, options)
        given = {option: value for option, value in shared.items() if _key(option) in options} | own
        repeatable = {param.name for param in command.params if getattr(param, "multiple", False)}
        typed = {options[_key(option)]: _as_typed(value) for option, value in given.items()}
        made[name] = {
            param: [value] if param in repeatable and not isinstance(value, list) else value
            for param, value in typed.items()
        }
    return made


def _commands(group: Any) -> Iterator[Any]:  # noqa: ANN401 - typer carries its own click
    for command in group.commands.values():
        yield from _commands(command) if hasattr(command, "commands") else (command,)


def _options(command: Any) -> dict[str, str]:  # noqa: ANN401 - typer carries its own click
    """Return the options of a command, without dashes before them, with the names of their parameters."""
    params = [param for param in command.params if param.param_type_name == "option"]
    return {name.removeprefix("--"): param.name for param in params for name in param.opts if name.startswith("--")}


def _key(option: str) -> str:
    return option.removeprefix("--").replace("_", "-")


def _refuse_unknown(place: str, option: str, known: Any) -> None:  # noqa: ANN401 - any names
    if _key(option) not in known:
        close = ", ".join(get_close_matches(_key(option), sorted(known), n=3))
        raise InputError(place, f"{option} is no option", f"meant may be {close}" if close else "leave it out")


def _as_typed(value: Any) -> Any:  # noqa: ANN401 - a value of TOML
    """Return a value as it would be typed, so that it is read in the same way; switches stay switches."""
    if isinstance(value, list):
        return [_as_typed(one) for one in value]
    return value if isinstance(value, bool) else str(value)
