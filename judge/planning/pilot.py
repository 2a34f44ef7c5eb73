"""Plan a comparison from numbers, or from a pilot run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from judge.comparison.derive_report import read_verdicts
from judge.enums import Orders
from judge.errors import InputError
from judge.outcomes.counted_items import fold_panel
from judge.outcomes.item_features import WantedFields
from judge.outcomes.rates import Basis
from judge.planning.plan import Effort, PlanBasis, PowerPlan, Target, from_numbers, from_pilot, make_plan
from judge.planning.power import N_RUNS

if TYPE_CHECKING:
    from judge.runs.run_folder import RunFolder

OVERALL = "overall"


@dataclass(frozen=True)
class Numbers:
    """Assumptions about the items to come, as numbers."""

    ties: float = 0.0
    consistency: float = 1.0
    cluster_size: int = 1
    icc: float = 0.0


@dataclass(frozen=True)
class PilotOptions:
    """The pilot run, and its criterion and clusters."""

    folder: RunFolder
    criterion: str = OVERALL
    cluster: str | None = None


@dataclass(frozen=True)
class PlanOptions:
    """A target, what it is planned from, and what an item costs."""

    target: Target
    source: Numbers | PilotOptions
    orders: Orders | None = None
    """None: the pilot's, or both"""
    samples: int | None = None
    judges: int | None = None
    reps: int = N_RUNS
    seed: int = 0


def plan(options: PlanOptions) -> PowerPlan:
    """Work out how many items and calls a target needs.

    Raises:
        InputError: the target is 1/2 or out of reach, or the pilot has nothing to plan from.
        RunError: the pilot's folder cannot be read.
    """
    source = options.source
    if isinstance(source, Numbers):
        ground = from_numbers(**asdict(source))
        orders, samples, judges = Orders.BOTH, 1, 1
    else:
        ground = _read_pilot(source)
        manifest = source.folder.manifest()
        orders, samples = manifest.orders, manifest.samples
        judges = len(manifest.judges or manifest.imported_judges)
    n_orders = 2 if (options.orders or orders) is Orders.BOTH else 1
    calls = n_orders * (options.samples or samples) * (options.judges or judges)
    try:
        return make_plan(ground, options.target, Effort(calls, options.reps, options.seed))
    except ValueError as error:
        raise InputError("--win-rate", str(error), "give a rate that is further from 0.5, or nearer to it") from error


def _read_pilot(pilot: PilotOptions) -> PlanBasis:
    """Fold a pilot's judgments of one criterion."""
    manifest = pilot.folder.manifest()
    latest, subject, *_ = read_verdicts(pilot.folder, manifest, WantedFields(pilot.cluster))
    name = pilot.criterion
    if name not in subject.criteria:
        raise InputError("--criterion", f"the pilot has no {name!r}", f"it has {', '.join(subject.criteria)}")
    counted = fold_panel(latest, subject, Basis(manifest.method, manifest.seed)).together[name]
    if not len(counted.items):
        raise InputError("--pilot", f"no item of {pilot.folder.name} has its verdicts on {name}", "resume it first")
    return from_pilot(counted, run=pilot.folder.name, criterion=name, stopped=manifest.stopping is not None)
