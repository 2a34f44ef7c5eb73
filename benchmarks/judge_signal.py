"""Print how often simulated judges are said to show a signal, no signal, or too few items to tell.

Run `python benchmarks/judge_signal.py`. Each verdict picks the first slot with the chance that it is slot-driven, else
the better trace with the judge's accuracy; a judge of accuracy 50 % guesses. Model a is better on four items of five.
No run may be called "no signal" with p <= 0.025, and a judge that guesses may be called "signal" in 5.5 % at most.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
import polars as pl

from judge.enums import Method
from judge.outcomes.counted_items import CriterionItems
from judge.outcomes.rates import Basis, Ratio, estimate_rates
from judge.outcomes.tally import with_outcomes
from judge.report.conclusions import conclude_all
from judge.report.judge_signal import SIGNAL_ALPHA, Signal, chance_consistency, state_signal

ACCURACIES = (0.5, 0.55, 0.6, 0.7, 0.8, 0.9)
SLOT_DRIVEN = (0.0, 0.2, 0.4, 0.6)
SIZES = (20, 100, 500)
A_IS_BETTER = 0.8
GUESSING = 0.5


def main() -> None:
    """Print the table, and what must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--reps", type=int, default=300, help="simulated runs a cell; of judges that guess five times as many"
    )
    reps = parser.parse_args().reps
    rng = np.random.default_rng(0)
    contradictions, most = 0, 0.0
    print("signal / no signal / too few to tell, in % of the runs")
    print(f"{'accuracy':>9}{'slot-driven':>13}" + "".join(f"{f'n = {n}':>22}" for n in SIZES))
    for accuracy in ACCURACIES:
        for slot in SLOT_DRIVEN:
            cells = []
            for n in SIZES:
                times = 5 * reps if accuracy == GUESSING else reps
                found = [_stated(_draw(rng, n, accuracy, slot)) for _ in range(times)]
                shares = Counter(signal for signal, _ in found)
                contradictions += sum(signal is Signal.NO_SIGNAL and p <= SIGNAL_ALPHA for signal, p in found)
                if accuracy == GUESSING:
                    most = max(most, shares[Signal.SIGNAL] / times)
                cells.append(" / ".join(f"{100 * shares[signal] / times:.1f}" for signal in Signal))
            print(f"{100 * accuracy:>9.0f}{100 * slot:>13.0f}" + "".join(f"{cell:>22}" for cell in cells), flush=True)
    print(f'"no signal" with p <= {SIGNAL_ALPHA}: {contradictions} runs')
    print(f"a judge that guesses is said to show a signal in {100 * most:.1f} % at most")


def _draw(rng: np.random.Generator, n: int, accuracy: float, slot: float) -> pl.DataFrame:
    """Return the folded items of one run."""
    a_is_better = rng.random(n) < A_IS_BETTER
    credits_ = []
    for a_is_first in (True, False):
        says_a = np.where(rng.random(n) < accuracy, a_is_better, ~a_is_better)
        credits_.append(np.where(rng.random(n) < slot, a_is_first, says_a).astype(float))
    forward, swapped = credits_
    folded = pl.DataFrame({"item": [str(place) for place in range(n)], "forward": forward, "swapped": swapped})
    return with_outcomes(
        folded.with_columns(
            consistent=(pl.col("forward") == pl.col("swapped")).cast(pl.Float64),
            on_forward="forward",
            on_swapped="swapped",
            first_picks=pl.col("forward") + 1 - pl.col("swapped"),
            decisive=pl.lit(2),
            n_verdicts=pl.lit(2),
        )
    )


def _stated(folded: pl.DataFrame) -> tuple[Signal | None, float]:
    """Return what is stated of a run, and the p-value of its sign-flip test."""
    counted = CriterionItems.of(folded, None, Basis(Method.JEFFREYS, seed=0))
    distinct, counts = counted.distinct()
    ratios = {
        "consistency": Ratio.over_known(distinct.column("consistent")),
        "first_slot": Ratio(distinct.column("first_picks"), distinct.column("decisive")),
    }
    rates = estimate_rates(ratios, None, counted.basis, counts)
    tested = conclude_all({"overall": counted}, None)["overall"]
    signal = state_signal(counted, rates["consistency"], rates["first_slot"], chance_consistency(counted), tested)
    return signal, tested.p_value


if __name__ == "__main__":
    main()
