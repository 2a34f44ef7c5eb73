"""Defaults of options from `omr-judge.toml`; the command line and variables come first."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

import typer

from judge.errors import InputError
from judge.files.terminal import say, tell

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


@dataclass(frozen=True)
class Defaults:
    """The defaults that a file gives to one command."""

    file: TomlFile
    options: Mapping[str, tuple[str, Any]]
    """by option, without dashes before it: the table that it stands in, and its value as the file has it"""

    def place(self, option: str) -> str:
        """Name the file, the line and the key of an option: `omr-judge.toml:3: max-cost`."""
        table, _ = self.options[option]
        return f"{self.file.place(table, option)}: {option}"


class TomlFile(NamedTuple):
    """A file of TOML with its text."""

    path: Path
    text: str = ""

    def place(self, table: str, key: str = "") -> str:
        """Name the line on which a table begins or a key of it stands, `omr-judge.toml:3`; else the file."""
        at, wanted = "", _plain(f"{table}.{key}")
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[([^\[\]]+)\]", line):
                at = _plain(header[1])
            named = header or re.match(r"([^=#]+)=", line)
            if named and wanted == (at if header else _plain(f"{at}.{named[1]}")):
                return f"{self.path}:{number}"
        return str(self.path)


def read_defaults(path: Path, group: Any, words: Sequence[str]) -> tuple[Defaults, dict[str, Any]]:  # noqa: ANN401
    """Return the defaults that a file gives to a command, and the same as typer takes them.

    A command that spends money stops at whatever is wrong with the file, since it may be its limit. Other commands stop
    at what is wrong with their own table; beside it they warn and go on.

    Args:
        path: of the file.
        group: all commands.
        words: of the command line, without the program's name; they begin with the command's.

    Raises:
        InputError: the file cannot be read, or names what is no option.
    """
    command, names = group, list[str]()
    for word in words:
        if word not in getattr(command, "commands", {}):
            break
        command, names = command.commands[word], [*names, word]
    if not names or hasattr(command, "commands"):  # typer says that there is no such command
        return Defaults(TomlFile(path), {}), {}
    params = _options(command)
    file, table, problems = _read(path)
    problems += list(_unknown(file, DEFAULTS, table, group))
    if problems and "max-cost" in params:
        raise problems[0]
    for problem in problems:
        tell(f"Warning: {problem}")
    own, place = table, DEFAULTS
    given = {_key(name): (place, value) for name, value in table.items() if _key(name) in params}
    for name in names:
        inner = own.get(name)
        own, place = inner if isinstance(inner, dict) else {}, f"{place}.{name}"
    for option, value in own.items():
        _refuse_unknown(file, place, option, params)
        given[_key(option)] = (place, value)
    made = Defaults(file, given)
    typed: dict[str, Any] = {
        params[option].name: _as_typed(value, params[option], made.place(option))
        for option, (_, value) in given.items()
    }
    for name in reversed(names):
        typed = {name: typed}
    return made, typed


def _read(path: Path) -> tuple[TomlFile, dict[str, Any], list[InputError]]:
    """Return the file, its table of defaults, and why there is none."""
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text).get(DEFAULTS, {})
    except (OSError, ValueError, RecursionError) as error:
        line = re.search(r"\(at line (\d+)", str(error))
        last = len(text.splitlines()) if "(at end of document)" in str(error) else ""
        where = f"{path}:{line[1] if line else last}".rstrip(":")
        return TomlFile(path, text), {}, [InputError(where, f"cannot be read: {error}", "mend it, or move it away")]
    file = TomlFile(path, text)
    if isinstance(table, dict):
        return file, table, []
    hint = f"write [{DEFAULTS}], and options below it"
    return file, {}, [InputError(file.place("", DEFAULTS), f"{DEFAULTS} is no table", hint)]


def _unknown(file: TomlFile, at: str, table: Mapping[str, Any], group: Any) -> Iterator[InputError]:  # noqa: ANN401
    """Yield which tables are of no command, and what the table of all commands names that none of them has."""
    known = {option for command in _commands(group) for option in _options(command)}
    for name, value in table.items():
        command = group.commands.get(name)
        if isinstance(value, dict) and hasattr(command, "commands"):
            yield from _unknown(file, f"{at}.{name}", value, command)
        elif command is None and (isinstance(value, dict) or at != DEFAULTS):
            where = file.place(f"{at}.{name}") if isinstance(value, dict) else file.place(at, name)
            close = ", ".join(get_close_matches(name, group.commands, n=3)) or ", ".join(group.commands)
            yield InputError(where, f"[{at}.{name}]: no such command", f"there are {close}")
        elif not isinstance(value, dict):
            try:
                _refuse_unknown(file, at, name, known)
            except InputError as problem:
                yield problem


def set_by(context: Any, param: Any) -> str | None:  # noqa: ANN401 - typer carries its own click
    """Return the variable, or the place in the file, that set an option; None where neither did."""
    source = context.get_parameter_source(param.name)
    if source is not None and source.name == "ENVIRONMENT":
        return next((name for name in param.envvar if os.environ.get(name)), None)
    if source is not None and source.name == "DEFAULT_MAP":
        return cast("Defaults", context.obj).place(next(_key(name) for name in param.opts if name.startswith("--")))
    return None


def _commands(group: Any) -> Iterator[Any]:  # noqa: ANN401 - typer carries its own click
    for command in group.commands.values():
        yield from _commands(command) if hasattr(command, "commands") else (command,)


def _options(command: Any) -> dict[str, Any]:  # noqa: ANN401 - typer carries its own click
    """Return the options of a command, without dashes before them, with their parameters."""
    params = [param for param in command.params if param.param_type_name == "option"]
    return {_key(name): param for param in params for name in param.opts if name.startswith("--")}


def _key(option: str) -> str:
    return option.removeprefix("--").replace("_", "-")


def _plain(name: str) -> str:
    """Return a dotted name without blanks and quotes, as an option is called."""
    return re.sub(r"[\s\"']", "", name).strip(".").replace("_", "-")


def _refuse_unknown(file: TomlFile, table: str, option: str, known: Any) -> None:  # noqa: ANN401 - any names
    if _key(option) not in known:
        close = ", ".join(get_close_matches(_key(option), sorted(known), n=3))
        hint = f"meant may be {close}" if close else "leave it out"
        raise InputError(file.place(table, option), f"[{table}]: {option} is no option", hint)


def _as_typed(value: Any, param: Any, where: str) -> Any:  # noqa: ANN401 - a value of TOML, an option of typer
    """Return a value as it would be typed, so that it is read in the same way; switches stay switches."""
    if isinstance(value, list):
        if not param.multiple and param.nargs == 1:
            raise InputError(where, "a list", "it takes one value")
        return [[str(part) for part in one] if isinstance(one, list) else str(one) for one in value]
    if isinstance(value, dict):
        raise InputError(where, "a table", "it takes a value")
    if isinstance(value, bool):
        if not param.is_flag:
            raise InputError(where, str(value).lower(), "it is no switch, and takes a value")
        return value
    return [str(value)] if param.multiple else str(value)
