"""Print how often our tests at 5 % find what is not there: of equal models, equivalence at the margin, and so on.

Run `python benchmarks/false_findings.py`; `benchmarks/coverage.py` does the same for intervals.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from judge.stats.bounded_mean import equivalence_p_value
from judge.stats.clusters import HALF, sum_by_cluster
from judge.stats.sequential import UnitCredits, is_decided, log_wealth
from judge.stats.significance import ALPHA, holm, sign_flip
from judge.stats.strata import heterogeneity

if TYPE_CHECKING:
    from collections.abc import Callable

    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats

    Finds = Callable[[np.random.Generator], bool]

MARGIN = 0.05
PEEKED = 1.96


def main() -> None:
    """Print the share of simulated runs in which each test finds something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=300, help="simulated runs a line")
    parser.add_argument("--only", default="", metavar="TEXT", help="only tests whose name has it")
    options = parser.parse_args()
    print(f"findings in %, at 5 % and nothing to find; the error is {21.8 / options.reps**0.5:.1f}")
    for name, finds in TESTS.items():
        if options.only in name:
            rng = np.random.default_rng(0)
            found = sum(finds(rng) for _ in range(options.reps)) / options.reps
            print(f"{name:>60} {100 * found:5.1f}{'!' if found > 0.055 else ''}", flush=True)  # noqa: PLR2004


def _graded(rng: np.random.Generator, n: int, *, lean: float = 0.0, slot: float = 0.5, ties: float = 0.35) -> Floats:
    """Draw credits of items judged in both orders."""
    preference = lean + rng.standard_normal((n, 1)) + rng.standard_normal((n, 2)) + np.array([slot, -slot])
    return np.asarray(np.where(np.abs(preference) < ties, HALF, preference > 0).mean(axis=1))


def _clusters(rng: np.random.Generator, n: int) -> Codes:
    return np.repeat(np.arange(n), rng.integers(1, 10, size=n))


def _in_clusters(rng: np.random.Generator, n: int) -> tuple[Floats, Codes]:
    """Draw credits of clusters of one to nine items that share a part."""
    codes = _clusters(rng, n)
    preference = rng.standard_normal(len(codes)) + rng.standard_normal(n)[codes]
    return np.where(np.abs(preference) < 0.35, HALF, preference > 0).astype(float), codes  # noqa: PLR2004


def _preference(rng: np.random.Generator, *, n: int, slot: float = 0.5) -> bool:
    return sign_flip(_graded(rng, n, slot=slot) - HALF).p_value <= ALPHA


def _soft_preference(rng: np.random.Generator, *, n: int) -> bool:
    return sign_flip(rng.beta(0.5, 0.5, size=n) - HALF, seed=int(rng.integers(1 << 30))).p_value <= ALPHA


def _soft_clustered_preference(rng: np.random.Generator, *, n: int) -> bool:
    """Draw soft credits of clusters of one to nine items that share a part."""
    codes = _clusters(rng, n)
    credit = 1 / (1 + np.exp(-2 * (rng.standard_normal(len(codes)) + rng.standard_normal(n)[codes])))
    units = sum_by_cluster(credit[:, None] - HALF, codes)[:, 0]
    return sign_flip(units, seed=int(rng.integers(1 << 30))).p_value <= ALPHA


def _clustered_preference(rng: np.random.Generator, *, n: int) -> bool:
    credit, codes = _in_clusters(rng, n)
    units = sum_by_cluster(credit[:, None] - HALF, codes)[:, 0]
    return sign_flip(units, seed=int(rng.integers(1 << 30))).p_value <= ALPHA


def _equivalence(rng: np.random.Generator, *, n: int, decisive: float) -> bool:
    """Draw items of which so many are decisive, and the win rate is the margin's lower end."""
    lost = (decisive + 2 * MARGIN) / 2
    credit = rng.choice([1.0, HALF, 0.0], size=n, p=[decisive - lost, 1 - decisive, lost])
    return equivalence_p_value(credit - HALF, np.ones(n), MARGIN) <= ALPHA


def _soft_equivalence(rng: np.random.Generator, *, n: int) -> bool:
    return equivalence_p_value(rng.beta(0.45, 0.55, size=n) - HALF, np.ones(n), MARGIN) <= ALPHA


def _clustered_equivalence(rng: np.random.Generator, *, n: int) -> bool:
    codes = _clusters(rng, n)
    odds = rng.beta(0.45 * 7 / 3, 0.55 * 7 / 3, size=n)[codes]
    excess = (rng.random(len(codes)) < odds) - HALF
    sums, sizes = sum_by_cluster(np.column_stack([excess, np.ones(len(codes))]), codes).T
    return equivalence_p_value(sums, sizes, MARGIN) <= ALPHA


def _interaction(rng: np.random.Generator, *, n: int, groups: int) -> bool:
    found = heterogeneity(_graded(rng, n, lean=0.5), np.arange(n) % groups, n_permutations=499)
    return found is not None and found.p_value <= ALPHA


def _unequal_interaction(rng: np.random.Generator, *, small: int) -> bool:
    """Draw a group with few ties and another, four times as large, with many."""
    credit = np.append(_graded(rng, small, ties=0.1), _graded(rng, 4 * small, ties=1.5))
    found = heterogeneity(credit, np.repeat([0, 1], [small, 4 * small]), n_permutations=499)
    return found is not None and found.p_value <= ALPHA


def _clustered_interaction(rng: np.random.Generator, *, n: int, spanning: bool) -> bool:
    credit, codes = _in_clusters(rng, n)
    groups = rng.integers(0, 3, size=len(codes)) if spanning else codes % 3
    found = heterogeneity(credit, groups, codes, n_permutations=499)
    return found is not None and found.p_value <= ALPHA


def _control(rng: np.random.Generator, *, n: int, criteria: int, noise: float) -> bool:
    """Draw what a judge says of a run, its control and its repetition, all alike: whether a criterion "moves"."""
    shared = rng.standard_normal((n, 1))
    preference = shared + rng.standard_normal((n, criteria))

    def said() -> Floats:
        orders = preference[..., None] + noise * rng.standard_normal((n, criteria, 2)) + np.array([0.3, -0.3])
        return np.asarray(np.where(np.abs(orders) < 0.35, HALF, orders > 0).mean(axis=2))  # noqa: PLR2004

    run, control, repeat = said(), said(), said()
    excess = (run != control).astype(float) - (run != repeat)
    differences = np.hstack([control - run, excess])
    adjusted = holm(np.array([sign_flip(column).p_value for column in differences.T]))
    return bool(
        (adjusted[:criteria] <= ALPHA).any() or ((adjusted[criteria:] <= ALPHA) & (excess.sum(axis=0) > 0)).any()
    )


def _stopping(rng: np.random.Generator, *, units: Callable[[np.random.Generator, int], tuple[Floats, Floats]]) -> bool:
    """Look at ten parts of a plan between equal models."""
    sums, sizes = units(rng, 500)
    parts = zip(np.array_split(sums, 10), np.array_split(sizes, 10), strict=True)
    steps = [log_wealth(UnitCredits(*part, float(sizes.max()))) for part in parts]
    return any(is_decided(wealth) for wealth in np.cumsum(steps, axis=0))


def _peeking(rng: np.random.Generator) -> bool:
    """Look at every tenth item for p < .05, the habit that the sequential rule takes the place of."""
    lead = np.cumsum(rng.choice([1, 0, -1], p=[0.4, 0.2, 0.4], size=1_000))
    decided = np.cumsum(rng.random(1_000) < 0.8)[9::10]  # noqa: PLR2004
    return bool((np.abs(lead[9::10]) / np.sqrt(np.maximum(decided, 1)) > PEEKED).any())


def _two_orders(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    return _graded(rng, n), np.ones(n)


def _skewed(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Draw two of three items that lean to a by a quarter, the third lost: most signs are for a, the mean is 1/2."""
    return np.where(rng.random(n) < 2 / 3, 0.75, 0.0), np.ones(n)


def _grouped(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    credit, codes = _in_clusters(rng, n)
    sums, sizes = sum_by_cluster(np.column_stack([credit, np.ones(len(credit))]), codes).T
    return sums, sizes


def _soft(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    return rng.beta(0.5, 0.5, size=n), np.ones(n)


TESTS: dict[str, Finds] = {
    **{f"preference, {n} items": partial(_preference, n=n) for n in (12, 30, 100)},
    "preference, 100 items of a judge that leans to a slot": partial(_preference, n=100, slot=2.0),
    **{f"preference, {n} items of soft credits": partial(_soft_preference, n=n) for n in (12, 100)},
    **{f"preference, {n} clusters of soft credits": partial(_soft_clustered_preference, n=n) for n in (12, 50)},
    **{f"preference, {n} clusters": partial(_clustered_preference, n=n) for n in (12, 50)},
    **{
        f"equivalence, {n} items, {100 * decisive:g} % decisive": partial(_equivalence, n=n, decisive=decisive)
        for decisive in (0.1, 0.15, 0.3, 1.0)
        for n in (50, 200, 1000)
    },
    **{f"equivalence, {n} items of soft credits": partial(_soft_equivalence, n=n) for n in (200, 1000)},
    "equivalence, 200 clusters": partial(_clustered_equivalence, n=200),
    "interaction, three groups of ten": partial(_interaction, n=30, groups=3),
    "interaction, two groups of fifty": partial(_interaction, n=100, groups=2),
    "interaction, forty groups of five": partial(_interaction, n=200, groups=40),
    "interaction, groups of 10 and 40 with other shares of ties": partial(_unequal_interaction, small=10),
    "interaction, groups of 25 and 100 with other shares of ties": partial(_unequal_interaction, small=25),
    "interaction, forty clusters": partial(_clustered_interaction, n=40, spanning=False),
    "interaction, forty clusters that span groups": partial(_clustered_interaction, n=40, spanning=True),
    **{
        f"control of 200 items, {criteria} criteria, noise {noise:g}": partial(
            _control, n=200, criteria=criteria, noise=noise
        )
        for criteria in (1, 4)
        for noise in (0.3, 1.0)
    },
    "stopping, items in two orders": partial(_stopping, units=_two_orders),
    "stopping, most signs for a": partial(_stopping, units=_skewed),
    "stopping, soft credits": partial(_stopping, units=_soft),
    "stopping, clusters": partial(_stopping, units=_grouped),
    "p < .05 at every tenth item (for comparison)": _peeking,
}

if __name__ == "__main__":
    main()
