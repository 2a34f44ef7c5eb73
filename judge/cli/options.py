"""Give options to typer: groups of them, as the use cases take them, and those that only commands have."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import MISSING, Field, dataclass, is_dataclass
from functools import wraps
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo, ParameterInfo

from judge.cli.help import HelpAll
from judge.files.limits import Limits, limiting
from judge.files.terminal import guarding
from judge.judging.option_groups import parts

VARIABLES = "OMR_JUDGE"
"""what the names of variables begin with that set options"""
GROUP_PANELS = {
    "InputOptions": "Input",
    "CaseOptions": "Input",
    "FieldOptions": "Input",
    "ImageOptions": "Images",
    "JudgeOptions": "Judge",
    "StoppingOptions": "Stopping early",
    "ControlOptions": "Controls",
    "JudgingOptions": "Pace and budget",
    "ResumeOptions": "Pace and budget",
    "RetryPolicy": "Pace and budget",
    "Reach": "Privacy",
    "OutputOptions": "Output",
    "FormOptions": "Output",
}
"""the panels of the help, by the group of options"""
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="FIELD", help="Items with the same value form one unit, e.g. patient (default: image)."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Quote calls, tokens and cost, ask nothing and write nothing; needs no keys.")
]


def complete_run(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of runs that a shell may complete to; of a path none, which the shell completes itself."""
    from judge.judging.options import DEFAULT_RUNS
    from judge.runs.run_names import LATEST, run_folders

    names = [folder.name for folder in run_folders(Path(context.params.get("runs") or DEFAULT_RUNS))]
    return [name for name in [*names, *([LATEST] if names else [])] if name.startswith(incomplete)]


RunPath = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        autocompletion=complete_run,
        help="A run: its folder, its name in --runs, the beginning of that, or `latest`.",
    ),
]


@dataclass(frozen=True)
class OutputOptions:
    """How a run that was just judged is reported."""

    max_failures: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Exit code 4 when a larger share of judgments failed.")
    ] = 0.05
    json: AsJson = False


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command as typer reads it: each field of its groups of options is an option of its own.

    Every command takes the limits of what is read, too, which hold while it runs, and writes nothing foreign that acts
    on a terminal.

    A group is a dataclass. Its fields carry their `typer.Option` or `typer.Argument` in `Annotated`, or are groups
    again; what is neither keeps its default. A tuple of any length is an option that may be repeated.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters

    @wraps(command)
    def run(**given: object) -> None:
        with guarding(), limiting(cast("Limits", _taken("limits", Limits, given))):
            command(**{name: _taken(name, hints[name], given) for name in parameters})

    flat = [flat for name, one in parameters.items() for flat in _parameters(name, hints[name], one.default)]
    flat += _parameters("limits", Limits, inspect.Parameter.empty)
    flat.append(_parameter("help_all", HelpAll, default=False))
    prefix = f"{VARIABLES}_{_variable(command.__name__)}"
    vars(run)["__signature__"] = inspect.Signature([_with_variables(one, prefix) for one in flat])
    return run


def _parameters(name: str, hint: type, default: object, panel: str | None = None) -> list[inspect.Parameter]:
    """Return an option, or the options of a group; a group as the default has those of its fields."""
    if is_dataclass(hint):
        panel = GROUP_PANELS.get(hint.__name__, panel)
        return [
            flat
            for field, part in parts(hint)
            for flat in _parameters(field.name, part, _default(field, default), panel)
        ]
    type_, *told = get_args(hint)
    if get_origin(type_) is tuple and get_args(type_)[-1] is Ellipsis:
        type_ = GenericAlias(list, get_args(type_)[:1])
        default = list(default) if isinstance(default, tuple) else default
    told = [_in_panel(one, panel) for one in told]
    return [_parameter(name, Annotated[type_, *told], default)]


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _in_panel(told: object, panel: str | None) -> object:
    """Put an option that is in no panel of the help into that of its group."""
    if not isinstance(told, ParameterInfo) or told.rich_help_panel or panel is None:
        return told
    moved = copy(told)
    moved.rich_help_panel = panel
    return moved


def _variable(name: str) -> str:
    """Return a name as variables have it: `max-cost` and `list_` become MAX_COST and LIST."""
    return name.strip("_-").replace("-", "_").upper()


def _with_variables(one: inspect.Parameter, prefix: str) -> inspect.Parameter:
    """Let an option be set by variables: one for its command alone, and one for all commands that have it."""
    type_, *told = get_args(one.annotation)
    infos = [copy(info) if isinstance(info, OptionInfo) else info for info in told]
    for info in infos:
        if isinstance(info, OptionInfo) and not info.is_eager:
            # Within `Annotated` typer holds the first name of an option where its default would be.
            given = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
            names = [name for text in given for name in text.split("/")]
            option = _variable(next((name for name in names if name.startswith("--")), one.name))
            info.envvar = [f"{prefix}_{option}", f"{VARIABLES}_{option}"]
            info.show_envvar = False
    return one.replace(annotation=Annotated[type_, *infos])


def _default(field: Field[Any], group: object) -> object:
    if is_dataclass(group):
        return getattr(group, field.name)
    return inspect.Parameter.empty if field.default is MISSING else field.default


def _taken(name: str, hint: type, given: Mapping[str, object]) -> object:
    """Return the value of an option, or a group made of its options' values."""
    if is_dataclass(hint):
        return hint(**{field.name: _taken(field.name, part, given) for field, part in parts(hint)})
    value = given[name]
    return tuple(value) if isinstance(value, list) else value
