"""Groups of options: dataclasses whose fields are options, or groups again; filled by the options' names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typer.models import ParameterInfo

from judge.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Group = TypeVar("Group", bound="DataclassInstance")


def parts(group: type[DataclassInstance]) -> list[tuple[Field[Any], type]]:
    """Return the fields of a group that are options or groups, with their types."""
    hints = get_type_hints(group, include_extras=True)
    return [
        (field, hint)
        for field in fields(group)
        if is_dataclass(hint := hints[field.name]) or any(isinstance(one, ParameterInfo) for one in get_args(hint))
    ]


def made(group: type[Group], given: Mapping[str, object]) -> Group:
    """Fill a group from options by name; what is not given keeps its default.

    Args:
        group: its type.
        given: by the option's name on the command line, with `_` for `-` and without the dashes: `max_cost`.

    Raises:
        TypeError: no option has such a name.
        InputError: a value is none of its option's.
    """
    unused = dict(given)
    filled = _filled(group, unused)
    if unused:
        known = ", ".join(sorted(_names(group)))
        raise TypeError(f"no option is called {', '.join(sorted(unused))}; there are {known}")
    return cast("Group", filled)


def _filled(group: type[DataclassInstance], unused: dict[str, object], default: object = None) -> object:
    """Make a group of what is given, taking that out; where nothing of it is, its default."""
    values = {}
    for field, hint in parts(group):
        if is_dataclass(hint):
            before = len(unused)
            own = None if default is None else getattr(default, field.name)
            part = _filled(hint, unused, own)
            if len(unused) < before or own is None:
                values[field.name] = part
        elif (name := _name(field, hint)) in unused:
            values[field.name] = _value(name, hint, unused.pop(name))
        elif default is not None:
            values[field.name] = getattr(default, field.name)
    return group(**values)


def _names(group: type[DataclassInstance]) -> list[str]:
    found = []
    for field, hint in parts(group):
        found += _names(hint) if is_dataclass(hint) else [_name(field, hint)]
    return found


def _option(hint: type) -> ParameterInfo:
    return next(one for one in get_args(hint) if isinstance(one, ParameterInfo))


def _name(field: Field[Any], hint: type) -> str:
    """Return an option's name: the one that it has on the command line where that differs from its field's."""
    option = _option(hint)
    declared = [option.default, *(option.param_decls or ())]  # within Annotated the first name stands for a default
    named = next((name for name in declared if isinstance(name, str) and name.startswith("--")), field.name)
    return named.split("/")[0].removeprefix("--").replace("-", "_")


def _value(name: str, hint: type, value: object) -> object:
    """Return a value as its option has it: read from text as the command reads it, alone where several may be given."""
    option, type_ = _option(hint), get_args(hint)[0]
    if option.parser is not None and isinstance(value, str | int | float):
        return option.parser(str(value))
    several = value if isinstance(value, list | tuple) else (value,)
    several = [str(one) if isinstance(one, PathLike) else one for one in several]
    value = several if get_origin(type_) is tuple or isinstance(value, list | tuple) else several[0]
    least, most = getattr(option, "min", None), getattr(option, "max", None)
    try:
        read = TypeAdapter(type_, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError as error:
        raise InputError(name, f"{value!r}: {error.errors()[0]['msg']}") from error
    if isinstance(read, int | float) and ((least is not None and read < least) or (most is not None and read > most)):
        raise InputError(name, f"{read!r} is not from {least} to {most if most is not None else 'any number'}")
    return read
