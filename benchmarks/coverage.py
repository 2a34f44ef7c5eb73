"""Print how often our 95 % intervals cover the true rate.

Run `python benchmarks/coverage.py` for every rate of a report in designs that are hard for it, `--published` for the
tables of methods beside the published figures (the first of them an exact enumeration of outcomes).
`benchmarks/false_findings.py` does the same for tests.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from judge.enums import Method
from judge.files.sampling import draw_by_stratum
from judge.stats.closed_form import wilson
from judge.stats.clusters import collapse, sum_by_cluster
from judge.stats.intervals import N_RESAMPLES, Patterns, bootstrap
from judge.stats.pooled_means import standardised_rate
from judge.stats.prediction_powered import Sample, correct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats, Rates

RATES = (0.5, 0.86, 0.98)
SIZES = (20, 50, 100, 500)
CLUSTERS = (10, 20, 50, 100)
CORRELATION = 0.3
SCALE = (1 - CORRELATION) / CORRELATION
NEGLIGIBLE = 1e-7
STANDARDISED = "standardised"
TIE_BAND = 0.35
"""a latent preference within this of 0 is a tie"""
METHODS: dict[str, Callable[..., Rates]] = {
    "percentile": partial(bootstrap, method=Method.PERCENTILE),
    "wilson n_eff": lambda patterns, **_: wilson(patterns),
    "jeffreys": bootstrap,
}
# Percent, rates .5, .86 and .98 in turn, four sizes each; "wilson n_eff" is Wilson's own interval in the first table.
PUBLISHED = {
    "binary": {
        "percentile": "95.9 96.7 96.5 95.6  93.6 97.1 96.6 95.3  33.2 63.5 86.6 96.5",
        "wilson n_eff": "95.9 93.5 94.3 94.6  94.9 93.8 94.1 95.5  94.0 92.2 94.9 96.4",
        "jeffreys": "95.9 93.5 94.3 94.6  93.6 96.0 95.7 94.7  94.0 98.2 98.5 94.6",
    },
    "ties": {
        "percentile": "95.4 95.4 94.7 94.6  87.7 94.7 95.4 95.8  50.4 83.5 88.7 95.6",
        "wilson n_eff": "94.6 95.4 94.8 94.2  92.7 94.7 95.2 95.5  96.3 96.0 96.7 94.7",
        "jeffreys": "94.3 95.2 95.0 94.1  95.2 94.5 95.8 95.5  96.3 96.0 96.7 95.5",
    },
    "two orders": {
        "percentile": "94.6 94.9 95.4 95.3  89.6 93.5 94.4 94.9  64.7 93.1 93.0 94.2",
        "wilson n_eff": "95.0 94.6 95.4 95.2  93.5 94.1 94.8 94.6  95.1 96.2 93.5 94.2",
        "jeffreys": "94.7 94.3 95.2 95.0  95.8 95.0 95.0 94.8  95.1 97.0 95.8 95.2",
    },
    "clusters": {
        "percentile": "91 93 94 95  84 89 93 94  43 68 81 88",
        "wilson n_eff": "95 95 95 95  95 93 95 94  97 97 96 91",
        "jeffreys": "95 94 94 94  96 96 95 95  96 96 96 97",
    },
}


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=300, help="simulated data sets a cell")
    parser.add_argument("--resamples", type=int, default=1_000, help="bootstrap resamples a simulated interval")
    parser.add_argument("--published", action="store_true", help="print the methods' tables beside the published ones")
    parser.add_argument("--only", default="", metavar="TEXT", help="only designs whose name has it")
    options = parser.parse_args()
    if options.published:
        _print_published(np.random.default_rng(0), options)
        return
    print(f"coverage in %, by rate and number of units; a cell near 95 has an error of {21.8 / options.reps**0.5:.1f}")
    for name, design in DESIGNS.items():
        if options.only in name:
            _print_design(name, design, options)
    for name, kind in {
        "labels": {},
        "labels by outcome": {"strata": True},
        "labels in clusters": {"clusters": True},
    }.items():
        if options.only in name:
            _print_labels(name, options, **kind)
    if options.only in STANDARDISED:
        _print_standardised(options)


def _print_published(rng: np.random.Generator, options: argparse.Namespace) -> None:
    enumerated = {(rate, n): list(_binary(rate, n)) for rate in RATES for n in SIZES}
    _print_table("binary", enumerated, N_RESAMPLES)
    print(f"\nA simulated cell near 95 has a standard error of {21.8 / options.reps**0.5:.1f}.")
    for name, draw, sizes in (
        ("ties", partial(_latent, rng, orders=1), SIZES),
        ("two orders", partial(_latent, rng, orders=2), SIZES),
        ("clusters", partial(_clustered, rng), CLUSTERS),
    ):
        share = 1 / options.reps
        cells = {(p, n): [(share, draw(p, n)) for _ in range(options.reps)] for p in RATES for n in sizes}
        _print_table(name, cells, options.resamples)


def _print_table(name: str, cells: dict[tuple[float, int], list[tuple[float, Patterns]]], resamples: int) -> None:
    """Print a method's coverage in each cell with the published one behind it."""
    print(f"\n{name}: coverage in %, ours (published)")
    print(f"{'rate':>14}" + "".join(f"{rate:>13}" for rate, _ in cells))
    print(f"{'units':>14}" + "".join(f"{size:>13}" for _, size in cells))
    for method, interval in METHODS.items():
        ours = [100 * _coverage(interval, rate, data, resamples) for (rate, _), data in cells.items()]
        published = PUBLISHED[name][method].split()
        pairs = [f"{mine:.1f} ({theirs})" for mine, theirs in zip(ours, published, strict=True)]
        print(f"{method:>14}" + "".join(f"{pair:>13}" for pair in pairs), flush=True)


def _coverage(
    interval: Callable[..., Rates], rate: float, data: Iterable[tuple[float, Patterns]], resamples: int
) -> float:
    """Return the probability that the interval contains the rate, over data sets with their probabilities."""
    covered = 0.0
    for seed, (probability, patterns) in enumerate(data):
        ends = interval(patterns, n_resamples=resamples, seed=seed)
        covered += probability * bool(ends.low[0] - 1e-9 <= rate <= ends.high[0] + 1e-9)
    return covered


def _binary(rate: float, n: int) -> Iterator[tuple[float, Patterns]]:
    """Yield every outcome of n binary items with its probability; negligible ones left out."""
    for wins in range(n + 1):
        ways = gammaln(n + 1) - gammaln(wins + 1) - gammaln(n - wins + 1)
        probability = float(np.exp(ways + xlogy(wins, rate) + xlog1py(n - wins, -rate)))
        if probability > NEGLIGIBLE:
            yield probability, _units(np.repeat([1.0, 0.0], [wins, n - wins]))


def _latent(rng: np.random.Generator, rate: float, n: int, *, orders: int) -> Patterns:
    """Draw items whose verdicts are latent preferences cut at a band of ties; two orders share the item's part."""
    shared = 0.0 if orders == 1 else 1.0
    noise = rng.standard_normal((n, orders)) + shared * rng.standard_normal((n, 1))
    return _units(_credit(_shift(rate, 1 + shared) + noise).mean(axis=1))


def _credit(preference: Floats) -> Floats:
    return np.where(np.abs(preference) < TIE_BAND, 0.5, preference > 0)


def _shift(rate: float, variance: float) -> float:
    """Return the mean preference that gives the rate, by bisection on (P(> -band) + P(> band)) / 2."""
    from scipy.special import ndtr  # noqa: PLC0415 - used here alone

    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        reached = (ndtr((middle - TIE_BAND) / variance**0.5) + ndtr((middle + TIE_BAND) / variance**0.5)) / 2
        low, high = (middle, high) if reached < rate else (low, middle)
    return low


def _clustered(rng: np.random.Generator, rate: float, n_clusters: int) -> Patterns:
    """Draw clusters of one to nine binary items, Beta-binomial with the intracluster correlation."""
    sizes = rng.integers(1, 10, size=n_clusters)
    wins = rng.binomial(sizes, rng.beta(rate * SCALE, (1 - rate) * SCALE, size=n_clusters))
    return collapse(wins[:, None].astype(float), sizes[:, None].astype(float))


def _units(credit: Floats) -> Patterns:
    return collapse(credit[:, None], np.ones((len(credit), 1)))


class Drawn(NamedTuple):
    """Items of a simulated run: a rate's numerators and denominators, shape (items,), and their clusters."""

    numerators: Floats
    denominators: Floats
    codes: Codes | None = None


class Design(NamedTuple):
    """How to draw items of a run whose judge leans to a by so much."""

    draw: Callable[[np.random.Generator, int, float], Drawn]
    leans: Sequence[float]
    sizes: Sequence[int]


def _verdicts(rng: np.random.Generator, n: int, lean: float, *, voices: int = 1, slot: float = 0.5) -> Floats:
    """Draw credits of a, shape (items, voices, orders): latent preferences that share the item's part, cut at ties."""
    noise = rng.standard_normal((n, voices, 2)) + rng.standard_normal((n, 1, 1)) + np.array([slot, -slot])
    return _credit(lean + noise)


def _win_rate(rng: np.random.Generator, n: int, lean: float, *, voices: int = 1, missing: float = 0.0) -> Drawn:
    known = (rng.random(n) >= missing).astype(float)
    return Drawn(_verdicts(rng, n, lean, voices=voices).mean(axis=(1, 2)) * known, known)


def _consistency(rng: np.random.Generator, n: int, lean: float, *, identical: float = 0.0) -> Drawn:
    """Draw whether orders agree; identical traces have no orders."""
    verdicts, judged = _verdicts(rng, n, lean, slot=0.2)[:, 0], (rng.random(n) >= identical).astype(float)
    return Drawn((verdicts[:, 0] == verdicts[:, 1]) * judged, judged)


def _first_slot(rng: np.random.Generator, n: int, lean: float, *, decisive: float) -> Drawn:
    """Draw verdicts of which few are no tie; the two orders of an item go together."""
    verdicts = np.where(rng.random((n, 1)) < decisive, _verdicts(rng, n, lean, slot=0.8)[:, 0], 0.5)
    return Drawn((verdicts == [1, 0]).sum(axis=1).astype(float), (verdicts != 0.5).sum(axis=1).astype(float))  # noqa: PLR2004


def _stratum(rng: np.random.Generator, n: int, lean: float) -> Drawn:
    """Draw the win rate within a stratum of a fifth of the items."""
    within = (rng.random(n) < 0.2).astype(float)  # noqa: PLR2004
    return Drawn(_win_rate(rng, n, lean).numerators * within, within)


def _scores(rng: np.random.Generator, n: int, lean: float) -> Drawn:
    """Draw differences of two scores of eight units each, as the credits (1 + a - b) / 2."""
    skill = rng.beta(6, 2, size=n)
    a, b = rng.binomial(8, np.minimum(skill + lean / 8, 1)), rng.binomial(8, skill)
    return Drawn((1 + (a - b) / 8) / 2, np.ones(n))


def _soft(rng: np.random.Generator, n: int, lean: float) -> Drawn:
    chance = 1 / (1 + np.exp(-2 * (lean + rng.standard_normal((n, 1)) + 0.3 * rng.standard_normal((n, 2)))))
    return Drawn(chance.mean(axis=1), np.ones(n))


def _chances(rng: np.random.Generator, n: int, lean: float) -> Floats:
    """Draw probabilities of a, a tie and b by a judge that leans to the first slot, shape (3, items, orders)."""
    logits = lean + rng.standard_normal((n, 1)) + 0.5 * rng.standard_normal((n, 2)) + np.array([0.5, -0.5])
    odds = np.exp([2 * logits, np.zeros_like(logits), -2 * logits])
    return np.asarray(odds / odds.sum(axis=0))


def _soft_consistency(rng: np.random.Generator, n: int, lean: float) -> Drawn:
    """Draw the probability that verdicts of both orders are the same."""
    return Drawn(_chances(rng, n, lean).prod(axis=2).sum(axis=0), np.ones(n))


def _soft_first_slot(rng: np.random.Generator, n: int, lean: float) -> Drawn:
    (a, a_second), _, (b, b_first) = _chances(rng, n, lean).transpose(0, 2, 1)
    return Drawn(a + b_first, a + a_second + b + b_first)


def _seeds(rng: np.random.Generator, n: int, lean: float) -> Drawn:
    """Draw soft credits of three traces of each model for an item, which share the item's part."""
    codes = np.repeat(np.arange(n), 3)
    preference = lean + rng.standard_normal(n)[codes] + 0.7 * rng.standard_normal(len(codes))
    return Drawn(1 / (1 + np.exp(-2 * preference)), np.ones(len(codes)), codes)


def _in_clusters(rng: np.random.Generator, n: int, lean: float, *, slots: bool = False) -> Drawn:
    """Draw clusters of one to nine items that share a part; with `slots` the first-slot rate of them."""
    codes = np.repeat(np.arange(n), rng.integers(1, 10, size=n))
    noise = rng.standard_normal((len(codes), 2)) + rng.standard_normal(n)[codes, None] + np.array([0.5, -0.5])
    verdicts = _credit(lean + noise)
    if slots:
        return Drawn((verdicts == [1, 0]).sum(axis=1).astype(float), (verdicts != 0.5).sum(axis=1).astype(float), codes)  # noqa: PLR2004
    return Drawn(verdicts.mean(axis=1), np.ones(len(codes)), codes)


LEANS = (0.0, 1.5, 3.0)
"""win rates of .5, .86 and .98 or so"""
DESIGNS = {
    "win rate": Design(_win_rate, LEANS, SIZES),
    "panel of three": Design(partial(_win_rate, voices=3), LEANS, (20, 100)),
    "four samples": Design(partial(_win_rate, voices=4), LEANS, (20, 100)),
    "a fifth missing": Design(partial(_win_rate, missing=0.2), LEANS, (20, 100)),
    "soft credits": Design(_soft, LEANS, (20, 100, 500)),
    "soft credits of three generator seeds": Design(_seeds, LEANS, (20, 100)),
    "soft consistency": Design(_soft_consistency, LEANS, (20, 100, 500)),
    "soft first slot": Design(_soft_first_slot, (0.0, 1.0), (20, 100, 500)),
    "consistency": Design(_consistency, LEANS, (20, 100, 500)),
    "consistency, four of five items identical": Design(partial(_consistency, identical=0.8), LEANS, (100, 500)),
    "first slot": Design(partial(_first_slot, decisive=1.0), (0.0, 1.0), (20, 100, 500)),
    "first slot, one of twenty items decisive": Design(
        partial(_first_slot, decisive=0.05), (0.0, 1.0), (200, 500, 1000)
    ),
    "stratum of a fifth": Design(_stratum, LEANS, (100, 500)),
    "paired scores": Design(_scores, (0.0, 0.5, 1.5), (20, 100, 500)),
    "win rate in clusters": Design(_in_clusters, LEANS, CLUSTERS),
    "first slot in clusters": Design(partial(_in_clusters, slots=True), (0.0, 1.0), CLUSTERS),
}


def _print_design(name: str, design: Design, options: argparse.Namespace) -> None:
    for lean in design.leans:
        many = design.draw(np.random.default_rng(99), 1_000_000, lean)
        rate, cells = float(many.numerators.sum() / many.denominators.sum()), []
        for n in design.sizes:
            rng, held = np.random.default_rng(n), 0
            for seed in range(options.reps):
                drawn = design.draw(rng, n, lean)
                pairs = sum_by_cluster(np.column_stack(drawn[:2]), drawn.codes)
                ends = bootstrap(collapse(pairs[:, :1], pairs[:, 1:]), n_resamples=options.resamples, seed=seed)
                held += bool(ends.low[0] - 1e-9 <= rate <= ends.high[0] + 1e-9)
            cells.append((n, held / options.reps))
        _print_cells(name, rate, cells)


def _print_cells(name: str, rate: float, cells: Sequence[tuple[int, float]]) -> None:
    shown = "".join(f"  {n:>5}: {100 * held:5.1f}{' ' if 0.93 <= held <= 0.99 else '!'}" for n, held in cells)  # noqa: PLR2004
    print(f"{name:>42} {rate:.3f}{shown}", flush=True)


def _print_standardised(options: argparse.Namespace) -> None:
    """Print coverage of the mean win rate of 20 values of a field, by how many items the values have in turn."""
    for rate in RATES:
        for sizes in ((1, 2, 3), (2, 2), (3, 3), (5, 5), (20, 20), (1, 40)):
            rng, groups = np.random.default_rng(0), np.repeat(np.arange(20), np.resize(sizes, 20))
            drawn = (
                standardised_rate((rng.random(len(groups)) < rate).astype(float), groups) for _ in range(options.reps)
            )
            held = sum(found.low <= rate <= found.high for found in drawn)
            _print_cells(f"{STANDARDISED}, sizes {sizes}", rate, [(len(groups), held / options.reps)])


def _print_labels(name: str, options: argparse.Namespace, *, strata: bool = False, clusters: bool = False) -> None:
    """Print coverage of the win rate that people would give, corrected by labels of a fifth of the items."""
    for rates in ((0.9, 0.7), (0.97, 0.9)):
        for p in (0.5, 0.86, 0.95, 0.98):
            cells = []
            for n in (50, 100, 200):
                rng, held = np.random.default_rng(n), 0
                for seed in range(options.reps):
                    sample = _labelled(rng, p, n, rates, strata=strata, clusters=clusters, seed=seed)
                    found = correct(sample, n_resamples=options.resamples, seed=seed).corrected
                    held += found.low <= p <= found.high
                cells.append((n, held / options.reps))
            _print_cells(f"{name}, judge {rates[0]:g}/{rates[1]:g}", p, cells)


def _labelled(
    rng: np.random.Generator,
    p: float,
    n: int,
    rates: tuple[float, float],
    *,
    strata: bool,
    clusters: bool,
    seed: int,
) -> Sample:
    """Draw items that people give to a with the rate p, a judge of both orders, and labels as packets draw them."""
    codes = np.repeat(np.arange(n), rng.integers(1, 10, size=n)) if clusters else None
    n_items = 5 * n if codes is None else len(codes)
    odds = np.full(n_items, p) if codes is None else rng.beta(p * SCALE, (1 - p) * SCALE, size=n)[codes]
    truth, orders = (rng.random(n_items) < odds).astype(float), rng.random((2, n_items))
    credits_ = np.where(truth == 1, orders < rates[0], orders >= rates[1]).mean(axis=0)
    weights, labels = np.zeros(n_items), np.full(n_items, np.nan)
    by_outcome = {str(item): str(credit) if strata else "" for item, credit in enumerate(credits_)}
    for one in draw_by_stratum(by_outcome, n, seed=seed):
        weights[int(one.item)], labels[int(one.item)] = one.weight, truth[int(one.item)]
    return Sample(credits_, labels, weights, codes, np.unique(weights, return_inverse=True)[1] if strata else None)


if __name__ == "__main__":
    main()
