"""The command that says how many items a comparison needs: plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli.named_runs import find_run, refuse_options
from judge.cli.options import AsJson, complete_run
from judge.cli.output import print_json
from judge.enums import Orders
from judge.errors import InputError
from judge.files.terminal import console
from judge.judging.options import DEFAULT_RUNS, Runs

if TYPE_CHECKING:
    from judge.planning.pilot import Numbers, PilotOptions

HALF = 0.5


@dataclass(frozen=True)
class Supposed:
    """Assumptions about the items to come."""

    ties: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Ties among items whose orders agree (default 0).")
    ] = None
    consistency: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Items whose orders agree; a split counts half (default 1).")
    ] = None
    cluster_size: Annotated[int | None, typer.Option(min=1, help="Items a cluster, e.g. an image (default 1).")] = None
    icc: Annotated[
        float | None, typer.Option(metavar="RHO", help="Correlation of two items of a cluster (default 0).")
    ] = None

    def numbers(self) -> Numbers:
        """Return the assumptions; InputError where one is out of range."""
        from judge.planning.pilot import Numbers

        ties, consistency, cluster_size, icc = self.ties, self.consistency, self.cluster_size, self.icc
        if ties is not None and not 0 <= ties < 1:
            raise InputError("--ties", f"{ties:g} is no share below 1", "give a number from 0 on, below 1")
        if consistency is not None and not 0 < consistency <= 1:
            raise InputError(
                "--consistency", f"{consistency:g} is no share above 0", "give a number above 0, at most 1"
            )
        if icc is not None and not 0 <= icc <= 1:
            raise InputError("--icc", f"{icc:g} is no correlation from 0 to 1", "give a number from 0 to 1")
        if icc is not None and cluster_size is None:
            raise InputError("--icc", "needs clusters of more than one item", "add --cluster-size")
        return Numbers(ties or 0.0, 1.0 if consistency is None else consistency, cluster_size or 1, icc or 0.0)


@dataclass(frozen=True)
class PilotRun:
    """A pilot run that the assumptions are estimated from instead."""

    pilot: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            autocompletion=complete_run,
            help="Take ties, consistency and clusters from a run instead.",
        ),
    ] = None
    criterion: Annotated[str | None, typer.Option(metavar="NAME", help="Of the pilot (default overall).")] = None
    cluster: Annotated[
        str | None, typer.Option(metavar="FIELD", help="The pilot's clusters, as in report (default image).")
    ] = None


@dataclass(frozen=True)
class Calls:
    """Calls an item, and the settings of the simulation."""

    orders: Annotated[
        Orders | None, typer.Option(help="As in compare, to count calls (default both, or the pilot's).")
    ] = None
    samples: Annotated[int | None, typer.Option(min=1, help="Replies per pair, order and judge.")] = None
    judges: Annotated[int | None, typer.Option(min=1, help="How many judges.")] = None
    reps: Annotated[int, typer.Option(min=1, help="Simulated comparisons.")] = 2_000
    seed: Annotated[int, typer.Option(min=0, help="Of the simulation.")] = 0


def plan(
    *,
    win_rate: Annotated[
        float | None, typer.Option(metavar="RATE", help="The win rate of a to find, e.g. 0.6; else a table of several.")
    ] = None,
    supposed: Supposed,
    pilot: PilotRun,
    power: Annotated[float, typer.Option(metavar="SHARE", help="How surely to find it.")] = 0.8,
    alpha: Annotated[float, typer.Option(metavar="SHARE", help="Level of the two-sided test and interval.")] = 0.05,
    half_width: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Also the items for an interval of ± this, e.g. 0.05.")
    ] = None,
    calls: Calls,
    runs: Runs = DEFAULT_RUNS,
    json: AsJson = False,
) -> None:
    """Say how many items and calls it takes to find a difference, by formula and by simulation."""
    _check_between("--win-rate", win_rate, 0, 1)
    _check_between("--power", power, 0, 1)
    _check_between("--alpha", alpha, 0, 1)
    _check_between("--half-width", half_width, 0, HALF)
    if win_rate == HALF:
        raise InputError("--win-rate", "no number of items tells 0.5 from 0.5", "give the smallest rate that matters")
    from judge.planning.pilot import PlanOptions, plan
    from judge.planning.plan import Target
    from judge.planning.render_plan import render_plan

    target = Target(win_rate, power, alpha, half_width)
    made = plan(PlanOptions(target=target, source=_source(supposed, pilot, runs), **vars(calls)))
    if json:
        print_json(made)
    else:
        render_plan(made, console())


def _source(supposed: Supposed, pilot: PilotRun, runs: Path) -> Numbers | PilotOptions:
    from judge.planning.pilot import OVERALL, PilotOptions

    if pilot.pilot is None:
        of_a_pilot = {"--criterion": pilot.criterion, "--cluster": pilot.cluster}
        refuse_options(of_a_pilot, "says what to read from a pilot", "add --pilot RUN")
        return supposed.numbers()
    numbers = {f"--{name.replace('_', '-')}": value for name, value in vars(supposed).items()}
    refuse_options(numbers, "is the pilot's to tell", "leave it out, or leave --pilot out")
    return PilotOptions(find_run(pilot.pilot, runs), pilot.criterion or OVERALL, pilot.cluster)


def _check_between(option: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low < value < high:
        raise InputError(option, f"{value:g} is out of range", f"give a number above {low:g} and below {high:g}")
