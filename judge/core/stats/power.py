"""How many items a comparison needs to find what it looks for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from judge.core.stats.clusters import HALF
from judge.core.stats.sign_flip import sign_flip

if TYPE_CHECKING:
    from judge.core.stats.intervals import Floats

N_RUNS = 2_000


def design_effect(mean_cluster_size: float, correlation: float) -> float:
    """Return by how much clusters multiply the items needed: 1 + (m - 1) rho (Kish, Survey Sampling, 1965, 5.4).

    Args:
        mean_cluster_size: items a cluster, at least 1.
        correlation: of the credits of two items in a cluster, in [0, 1].
    """
    return 1 + (mean_cluster_size - 1) * correlation


def items_needed(
    win_rate: float, *, ties: float = 0.0, power: float = 0.8, alpha: float = 0.05, effect: float = 1.0
) -> int:
    """Return how many items show, with the given power, that a's win rate is not 1/2.

    The normal approximation of the sign-flip test, (z_alpha sqrt(v0) + z_power sqrt(v1))^2 / (p - 1/2)^2 with
    v0 = (1 - t) / 4 and v1 = v0 - (p - 1/2)^2 (Connor, Biometrics 43, 1987, for McNemar's test).

    Args:
        win_rate: of a, in [0, 1], other than 1/2.
        ties: share of items that end as a tie or split, in [0, 1); at most 1 - |2 win_rate - 1|.
        power: in (0, 1).
        alpha: two-sided level.
        effect: the design effect of clusters, at least 1.
    """
    from scipy.special import ndtri  # noqa: PLC0415 - half a second that other commands do without

    distance = abs(win_rate - HALF)
    if distance == 0:
        raise ValueError("no number of items tells a win rate of 1/2 from 1/2")
    if 2 * distance > 1 - ties + 1e-12:
        raise ValueError(f"a win rate of {win_rate} is out of reach with a share of ties of {ties}")
    null = (1 - ties) / 4
    spread = math.sqrt(max(null - distance**2, 0.0))
    root = float(ndtri(1 - alpha / 2)) * math.sqrt(null) + float(ndtri(power)) * spread
    return math.ceil(effect * (root / distance) ** 2)


def simulated_power(
    credit: Floats, weights: Floats, n_items: int, *, alpha: float = 0.05, n_runs: int = N_RUNS, seed: int = 0
) -> float:
    """Return the share of simulated comparisons whose sign-flip test finds a difference.

    Args:
        credit: shape (patterns,), credits of a seen in a pilot, or planned.
        weights: shape (patterns,), how frequent each is; they need not add up to 1.
        n_items: of each simulated comparison.
        alpha: two-sided level.
        n_runs: how many comparisons to simulate.
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_items, weights / weights.sum(), size=n_runs).astype(np.float64)
    found = [sign_flip(credit - HALF, counts).p_value <= alpha for counts in drawn]
    return float(np.mean(found))
