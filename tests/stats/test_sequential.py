"""Stopping early."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats.oracles import oracle

from judge.stats.sequential import confidence_sequence, is_decided, log_e_value

COUNT = st.integers(0, 500)


def test_the_confidence_sequence_has_its_published_ends() -> None:
    assert confidence_sequence(120, 80) == pytest.approx((0.494, 0.700), abs=6e-4)


@given(COUNT, COUNT)
def test_evidence_is_the_mixture_over_win_shares_and_mirrors_with_the_models(wins: int, losses: int) -> None:
    assert log_e_value(wins, losses) == pytest.approx(log_e_value(losses, wins))
    there, back = confidence_sequence(wins, losses), confidence_sequence(losses, wins)
    assert (there.low, there.high) == pytest.approx((1 - back.high, 1 - back.low), abs=1e-9)
    assert 0 <= there.low <= there.high <= 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_evidence_equals_the_integral_over_the_beta_prior(wins: int, losses: int) -> None:
    stats, integrate = oracle("scipy.stats"), oracle("scipy.integrate")

    def ratio(share: float) -> float:
        return float(stats.beta.pdf(share, 10, 10) * share**wins * (1 - share) ** losses * 2.0 ** (wins + losses))

    assert log_e_value(wins, losses) == pytest.approx(math.log(integrate.quad(ratio, 0, 1)[0]), abs=1e-6)


@given(COUNT, COUNT)
def test_a_run_is_decided_exactly_when_the_sequence_excludes_one_half(wins: int, losses: int) -> None:
    sequence = confidence_sequence(wins, losses)
    excluded = not sequence.low - 1e-9 <= 0.5 <= sequence.high + 1e-9
    if abs(log_e_value(wins, losses) - math.log(20)) > 1e-6:
        assert is_decided(wins, losses) == excluded


def test_before_the_first_win_nothing_is_known() -> None:
    assert log_e_value(0, 0) == pytest.approx(0)
    assert confidence_sequence(0, 0) == (0.0, 1.0)
    assert not is_decided(5, 0)
    assert confidence_sequence(100, 0).high == 1.0


def test_looking_after_every_item_finds_a_difference_that_is_not_there_in_fewer_than_one_of_twenty() -> None:
    found = _stopped(win_rate=0.5, n_items=1_000, every=1).found
    assert found < 0.05
    assert found == pytest.approx(0.033, abs=0.012)


@pytest.mark.parametrize(("win_rate", "power", "items"), [(0.55, 0.78, 583), (0.6, 1.0, 177), (0.7, 1.0, 52)])
def test_a_run_stops_after_the_published_number_of_items(win_rate: float, power: float, items: int) -> None:
    found = _stopped(win_rate=win_rate, n_items=1_000, every=1)
    assert found.found == pytest.approx(power, abs=0.03)
    assert found.mean_items == pytest.approx(items, rel=0.06)


@pytest.mark.parametrize(("win_rate", "share"), [(0.5, 0.99), (0.55, 0.87), (0.6, 0.44), (0.7, 0.16), (0.86, 0.1)])
def test_ten_looks_at_five_hundred_items_ask_the_published_share_of_them(win_rate: float, share: float) -> None:
    found = _stopped(win_rate=win_rate, n_items=500, every=50)
    assert found.mean_items / 500 == pytest.approx(share, abs=0.02)
    if win_rate == 0.5:
        assert found.found == pytest.approx(0.012, abs=0.007)


class _Stopped(NamedTuple):
    found: float
    """share of the runs that are decided"""
    mean_items: float


def _stopped(*, win_rate: float, n_items: int, every: int, n_runs: int = 3_000) -> _Stopped:
    """Simulate runs with a fifth of ties that are looked at after every so many items."""
    rng = np.random.default_rng(0)
    won = win_rate - 0.1
    steps = rng.choice(np.array([1, 0, -1], dtype=np.int8), p=[won, 0.2, 0.8 - won], size=(n_runs, n_items))
    looks = slice(every - 1, None, every)
    wins, losses = (np.cumsum(steps == side, axis=1, dtype=np.int32)[:, looks] for side in (1, -1))
    lead = np.array([_lead_that_decides(n) for n in range(n_items + 1)])
    decided = np.abs(wins - losses) >= lead[wins + losses]
    first = np.where(decided.any(axis=1), decided.argmax(axis=1) + 1, wins.shape[1])
    return _Stopped(float(decided.any(axis=1).mean()), float(first.mean() * every))


@cache
def _lead_that_decides(n: int) -> float:
    """Return the smallest lead of wins over losses that stops a run with n decided items."""
    leads = (lead for lead in range(n % 2, n + 1, 2) if is_decided((n + lead) // 2, (n - lead) // 2))
    return next(leads, math.inf)
