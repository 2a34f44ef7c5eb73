"""The command `omr-judge`: options in, one call to judge.run, print, exit code."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from typing import Annotated

import typer

from judge import __version__
from judge.cli import (
    assets,
    auditing,
    browsing,
    checklists,
    comparing,
    continuing,
    controlling,
    converting,
    exporting,
    importing,
    labeling,
    planning,
    reporting,
    scoring,
)
from judge.cli.exits import Exit
from judge.errors import BudgetReachedError, InputError, InterruptedRunError, OmrJudgeError, ProviderError
from judge.io.secrets import hide_secrets
from judge.io.terminal import forgive_stderr

GARBAGE_THRESHOLD = 5_000
"""objects made between two looks for cycles: judging makes hardly any, and Python's own 700 cost it time for nothing"""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Which of two models reasons better, by how much, and can the judge be believed?",
)
app.command("compare")(comparing.compare)
app.command("score")(scoring.score)
app.command("resume")(continuing.resume)
app.command("retry")(continuing.retry)
app.command("control")(controlling.control)
app.command("merge")(continuing.merge)
app.command("report")(reporting.report)
app.command("view")(auditing.view)
app.command("export")(exporting.export)
app.command("show")(browsing.show)
app.command("list")(browsing.list_)
app.command("import")(importing.import_)
app.command("convert")(converting.convert)
app.command("checklist")(checklists.checklist)
app.command("plan")(planning.plan)
app.command("label")(labeling.label)
app.command("packet")(labeling.packet)
app.add_typer(labeling.labels, name="labels")
app.command("agreement")(labeling.agreement)
app.command("flags")(labeling.flags)
app.command("show-prompt")(comparing.show_prompt)
app.command("prompts")(assets.prompts)
app.command("rubrics")(assets.rubrics)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback form
    if wanted:
        typer.echo(f"omr-judge {__version__}")
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
        app()
    except OmrJudgeError as error:
        sys.stderr.write(hide_secrets(f"omr-judge: {error}\n"))
        sys.exit(_exit_code(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception:  # noqa: BLE001 - a bug: its traceback is all that helps, and may quote what a server echoed
        sys.stderr.write(hide_secrets(traceback.format_exc()))
        sys.exit(Exit.BUG)


def _exit_code(error: OmrJudgeError) -> Exit:
    match error:
        case InterruptedRunError():
            return Exit.INTERRUPTED
        case BudgetReachedError():
            return Exit.BUDGET
        case ProviderError():
            return Exit.FAILURES
        case InputError():
            return Exit.INPUT
        case _:
            return Exit.INPUT
