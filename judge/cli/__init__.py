"""The command `omr-judge`: options in, one call, print, exit code."""

from __future__ import annotations

import errno
import gc
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from judge import __version__
from judge.cli import (
    browsing,
    certifying,
    converting,
    defaults,
    judges,
    judging,
    labeling,
    listing,
    planning,
    prompting,
    ranking,
    reporting,
    serving,
    surveying,
    verifying,
)
from judge.cli.help import VALUE_ERROR, BriefCommand, PanelGroup
from judge.cli.options import flattened
from judge.cli.output import Exit
from judge.errors import BudgetReachedError, InterruptedRunError, OmrJudgeError, ProviderError
from judge.files.secrets import hide_secrets
from judge.files.terminal import forgive_stderr, tell, write

GARBAGE_THRESHOLD = 5_000
"""objects made between two looks for cycles: judging makes hardly any, and Python's own 700 cost it time for nothing"""

app = typer.Typer(
    cls=PanelGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Which of two models reasons better, by how much, and can the judge be believed?",
)
PANELS = {
    "Compare": (
        judging.compare,
        ranking.tournament,
        ranking.rank,
        judging.score,
        judging.resume,
        judging.retry,
        judging.merge,
        planning.plan,
    ),
    "Read": (listing.runs, reporting.report, browsing.view, browsing.list_, browsing.show),
    "Serve": (serving.serve, serving.shards),
    "People": (labeling.label, labeling.packet, labeling.labels, labeling.agreement),
    "Trust": (
        verifying.verify,
        judging.control,
        certifying.certify,
        certifying.anchor,
        certifying.rejudge,
        certifying.gate,
        labeling.flags,
        judges.judges,
        prompting.show_prompt,
        prompting.prompts,
        prompting.rubrics,
    ),
    "Data": (surveying.items, converting.convert, converting.import_, judging.checklist, converting.export),
    "Set up": (defaults.init,),
}
"""the panels of `--help` with their commands, in the order in which they are needed"""
FULL = {errno.ENOSPC, errno.EDQUOT}
"""what a system says where there is no room, to whatever was written"""
TAKES_A_COMMAND = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""settings of a command whose arguments are another one with its options"""
for panel, commands in PANELS.items():
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, rich_help_panel=panel)
        else:
            name = command.__name__.strip("_").replace("_", "-")
            settings = TAKES_A_COMMAND if command is serving.shards else None
            added = app.command(name, cls=BriefCommand, rich_help_panel=panel, context_settings=settings)
            added(flattened(command))


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback form
    if wanted:
        write(f"omr-judge {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options of every command."""


def main() -> None:
    """Run the command line; an error for a person is one line on stderr and an exit code."""
    forgive_stderr()
    gc.set_threshold(GARBAGE_THRESHOLD)
    # Before numpy is imported: its tables are small here, and threads that wait for more burn a tenth of a second each.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        given, default_map = _defaults()
        sys.exit(app(standalone_mode=False, default_map=default_map, obj=given))
    except TyperException as error:  # wrong usage: it repeats what was typed
        context = getattr(error, "ctx", None)
        usage = f"{context.get_usage()}\nTry '{context.command_path} --help'.\n" if context else ""
        said = error.format_message().replace(VALUE_ERROR, "")
        if context and said == context.get_help():  # no command was named
            tell(said)
        elif said:  # else its help is printed already
            tell(f"{usage}Error: {said}")
        sys.exit(error.exit_code)
    except OmrJudgeError as error:
        tell(hide_secrets(f"omr-judge: {error}"))
        sys.exit(_exit_code(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:  # whoever read the output, such as `head`, has had enough
        _drop_output()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - a bug: its traceback is all that helps, and may quote what a server echoed
        if isinstance(error, OSError) and (error.filename is not None or error.errno in FULL):
            tell(hide_secrets(f"omr-judge: {error.filename or 'what it prints'}: {error.strerror}"))
            _drop_output()
            sys.exit(Exit.INPUT)
        tell(hide_secrets(traceback.format_exc().rstrip()))
        sys.exit(Exit.BUG)


def _drop_output() -> None:
    """Write no more to standard output, which takes nothing: not what it still holds as the program ends either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _defaults() -> tuple[defaults.Defaults | None, dict[str, Any]]:
    """Return the defaults that the nearest omr-judge.toml gives to the command; none for what needs none."""
    if not sys.argv[1:] or {"--help", "--help-all", "--version"} & {*sys.argv}:
        return None, {}
    here = Path.cwd()
    path = next((found for folder in (Path(), *here.parents) if (found := folder / defaults.FILE).is_file()), None)
    return defaults.read_defaults(path, typer.main.get_command(app), sys.argv[1:]) if path else (None, {})


def _exit_code(error: OmrJudgeError) -> Exit:
    match error:
        case InterruptedRunError():
            return Exit.INTERRUPTED
        case BudgetReachedError():
            return Exit.BUDGET
        case ProviderError():
            return Exit.FAILURES
        case _:
            return Exit.INPUT
