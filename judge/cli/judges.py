"""The commands that list and check judges."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from judge.cli.help import BriefCommand, PanelGroup
from judge.cli.output import Exit
from judge.files.terminal import console, say, tell

Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The file of judges (default: omr-judge.toml, here or above).")
]
_SAYS = {True: "yes", False: "no", None: "-"}
judges = typer.Typer(
    name="judges",
    cls=PanelGroup,
    rich_markup_mode=None,
    invoke_without_command=True,
    help="List the judges that can be asked, or check one.",
)


@judges.callback()
def list_judges(context: typer.Context, config: Config = None) -> None:
    """List the judges of omr-judge.toml, and the providers that are known by name."""
    if context.invoked_subcommand is not None:
        return
    from rich.table import Table

    from judge.files.safe_text import safe
    from judge.judging.list_judges import known_judges

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("--judge", "what answers", "reply", "key"):
        table.add_column(column, overflow="fold")
    for row in known_judges(config):
        table.add_row(*map(safe, row))
    console().print(table)


@judges.command(cls=BriefCommand)
def check(
    name: Annotated[str, typer.Argument(metavar="JUDGE", help="As given to --judge.")],
    *,
    config: Config = None,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Longest time of a call.")] = 120.0,
) -> None:
    """Ask a judge one tiny pair in each form: what works, what it costs, and what its server ignores.

    Exit code 4 where the judge gives no verdict in the form that it is set to.
    """
    import asyncio

    from rich.table import Table

    from judge.costs.cost_words import dollars
    from judge.files.safe_text import safe
    from judge.judges.judge_options import JudgeOptions
    from judge.judges.registry import parse_judge
    from judge.judging.check_judge import check_judge, cost_of_checks

    spec = parse_judge(name, JudgeOptions(config=config), say=tell)
    checks = asyncio.run(check_judge(spec, seconds=timeout))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("asked with", "works", "tokens in", "out", "what came"):
        table.add_column(column, justify="right" if column in {"tokens in", "out"} else "left", overflow="fold")
    for one in checks:
        tokens = (
            sum(reply.usage.input or 0 for reply in one.replies),
            sum(reply.usage.output or 0 for reply in one.replies),
        )
        table.add_row(one.asked, _SAYS[one.works], *(f"{n:,}" for n in tokens), safe(one.told))
    console().print(table)
    usd = cost_of_checks(spec, checks)
    say(f"Cost of the check: {'unknown' if usd is None else dollars(usd)}.")
    if not checks[0].works:
        raise typer.Exit(Exit.FAILURES)
