"""What the variance of verdicts is made of, against hand counts, statsmodels and simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats.oracles import oracle

from judge.stats.variance_components import (
    Cells,
    Components,
    Design,
    parts_of_error,
    predicted_error,
    variance_components,
)

if TYPE_CHECKING:
    from judge.stats.clusters import Codes
    from judge.stats.intervals import Floats


def cells_of(credits_: Floats) -> Cells:
    """Return the cells of verdicts, shape (items, judges, orders, samples)."""
    n_items, n_judges, n_orders, n_samples = credits_.shape
    means = credits_.mean(axis=3)
    squares = ((credits_ - means[..., None]) ** 2).sum(axis=(2, 3))
    items, judges = np.meshgrid(np.arange(n_items), np.arange(n_judges), indexing="ij")
    return Cells(
        items.ravel(),
        judges.ravel(),
        means.reshape(-1, n_orders),
        squares.ravel(),
        np.full(n_items * n_judges, float(n_samples)),
    )


def without(cells: Cells, missing: Codes) -> Cells:
    kept = np.setdiff1d(np.arange(len(cells.items)), missing)
    return Cells(cells.items[kept], cells.judges[kept], cells.means[kept], cells.squares[kept], cells.counts[kept])


def test_a_balanced_table_has_the_components_counted_by_hand() -> None:
    table = np.array([[1, 0.5], [0.5, 0], [1, 1]])
    # By items 3/4, 1/4, 1; by judges 5/6, 1/2; over all 2/3. Mean squares: items 7/24, judges 1/6, the rest 1/24.
    found = variance_components(cells_of(table[:, :, None, None]))
    assert found[:3] == pytest.approx([(7 / 24 - 1 / 24) / 2, (1 / 6 - 1 / 24) / 3, 1 / 24])
    assert np.isnan(found[3:]).all()


def test_slot_and_noise_are_told_apart_by_samples_alone() -> None:
    # One judge, two items: samples 1, 0 when a is first and 0, 0 when second; then 1, 1 and 1, 1.
    credits_ = np.array([[[[1, 0], [0, 0]]], [[[1, 1], [1, 1]]]], dtype=float)
    found = variance_components(cells_of(credits_))
    noise = (1 / 2) / 4  # the one sum of squares over 2 items x 2 orders x (2 - 1)
    slot = (1 / 2) ** 2 / 4 / 2 - noise / 4
    item = (3 / 4) ** 2 / 2 - noise / 4
    assert (found.noise, found.slot, found.item) == pytest.approx((noise, slot, item))
    assert np.isnan([found.judge, found.item_judge]).all()
    one = variance_components(cells_of(credits_[..., :1]))
    assert (one.slot, one.item) == pytest.approx((1 / 8, (1 / 2) ** 2 / 2))
    assert np.isnan(one.noise)


def test_a_balanced_table_equals_the_analysis_of_variance_of_statsmodels() -> None:
    credits_ = (
        np.random.default_rng(3).integers(0, 3, size=(12, 4, 2, 3)) / 2 + np.linspace(0, 1, 12)[:, None, None, None]
    )
    index = np.indices(credits_.shape).reshape(4, -1)
    pandas, formula, anova = (oracle(name) for name in ("pandas", "statsmodels.formula.api", "statsmodels.stats.anova"))
    data = pandas.DataFrame(dict(zip(("i", "j", "o", "s"), index, strict=True), y=credits_.ravel()))
    table = anova.anova_lm(formula.ols("y ~ C(i) * C(j) + C(i):C(j):C(o)", data).fit())
    square = table["sum_sq"] / table["df"]
    n, judges, per_cell = 12, 4, 2 * 3
    found = variance_components(cells_of(credits_))
    noise = square["Residual"]
    assert found.noise == pytest.approx(noise)
    between = (square["C(i)"] - square["C(i):C(j)"]) / (judges * per_cell)
    of_judges = (square["C(j)"] - square["C(i):C(j)"]) / (n * per_cell)
    together = (square["C(i):C(j)"] - noise) / per_cell
    slot = (square["C(i):C(j):C(o)"] - noise) / per_cell
    assert found[:4] == pytest.approx([max(part, 0) for part in (between, of_judges, together, slot)])


TRUE = Components(item=0.04, judge=0.01, item_judge=0.02, slot=0.03, noise=0.05)


def drawn(rng: np.random.Generator, n_items: int, n_judges: int, n_samples: int) -> Floats:
    """Draw credits of which each part has its true variance: a slot moves both orders apart by the same."""
    sd = Components(*np.sqrt(TRUE))
    slot = sd.slot * rng.standard_normal((n_items, n_judges, 1, 1)) * np.array([1, -1])[:, None]
    credits_: Floats = (
        sd.item * rng.standard_normal((n_items, 1, 1, 1))
        + sd.judge * rng.standard_normal((1, n_judges, 1, 1))
        + sd.item_judge * rng.standard_normal((n_items, n_judges, 1, 1))
        + slot
        + sd.noise * rng.standard_normal((n_items, n_judges, 2, n_samples))
    )
    return credits_


def test_simulated_components_are_found_again_with_a_third_of_the_cells_missing() -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(150):
        cells = cells_of(drawn(rng, 60, 8, 2))
        missing = rng.choice(len(cells.items), size=len(cells.items) // 3, replace=False)
        found.append(variance_components(without(cells, missing)))
    errors = np.std(found, axis=0) / 150**0.5
    assert np.all(np.abs(np.mean(found, axis=0) - TRUE) < 3 * errors)
    assert np.all(errors < 0.08 * np.array(TRUE))


def test_the_predicted_error_is_the_one_of_the_design_that_it_predicts() -> None:
    rng = np.random.default_rng(11)
    now, told = Design(60, 4, 2, 1 / 2), []
    for _ in range(150):
        credits_ = drawn(rng, 60, 4, 2)
        by_item = credits_.mean(axis=(1, 2, 3))
        shares = parts_of_error(by_item.var(ddof=1) / 60, variance_components(cells_of(credits_)), now)
        more = [
            now,
            Design(60, 4, 2, 1 / 3),
            Design(60, 5, 2, 1 / 2),
            Design(61, 4, 2, 1 / 2),
            Design(120, 8, 2, 1 / 8),
        ]
        told.append([predicted_error(shares, now, design) for design in more])
        assert told[-1][0][0] == pytest.approx(by_item.std(ddof=1) / 60**0.5)
    squared = (np.array(told) ** 2).mean(axis=0)

    def true(n: int, judges: int, samples: int) -> tuple[float, float]:
        fixed = (TRUE.item + (TRUE.item_judge + TRUE.noise / (2 * samples)) / judges) / n
        return fixed, fixed + TRUE.judge / judges

    designs = [(60, 4, 2), (60, 4, 3), (60, 5, 2), (61, 4, 2), (120, 8, 8)]
    assert squared[:, 0] == pytest.approx([true(*design)[0] for design in designs], rel=0.05)
    assert squared[:, 1] == pytest.approx([true(*design)[1] for design in designs], rel=0.2)


@st.composite
def tables(draw: st.DrawFn) -> Cells:
    """Return cells of a few items and judges, some missing."""
    shape = [draw(st.integers(1, top)) for top in (5, 3, 2, 3)]
    credits_ = np.array(
        draw(st.lists(st.sampled_from([-0.5, 0, 0.5]), min_size=(n := int(np.prod(shape))), max_size=n))
    )
    cells = cells_of(credits_.reshape(shape))
    gone = draw(st.sets(st.integers(0, len(cells.items) - 1)))
    return without(cells, np.array(sorted(gone), dtype=np.intp))


@given(tables())
def test_no_component_is_negative_and_exchanging_the_models_changes_none(cells: Cells) -> None:
    found = variance_components(cells)
    assert np.nanmin([0, *found]) == 0
    exchanged = variance_components(cells._replace(means=-cells.means[:, ::-1]))
    assert np.array_equal(found, exchanged, equal_nan=True)
    renamed = variance_components(cells._replace(items=9 - cells.items, judges=4 - cells.judges))
    assert np.allclose(found, renamed, equal_nan=True)


@given(tables(), st.floats(0, 0.1), st.integers(1, 9))
def test_more_of_anything_never_raises_the_error_and_the_shares_add_up(cells: Cells, variance: float, n: int) -> None:
    judges = int(cells.judges.max(initial=0)) + 1
    now = Design(n, judges, cells.means.shape[1], 1 / 2)
    shares = parts_of_error(variance, variance_components(cells), now)
    assert min(shares[:3]) >= 0
    assert sum(shares[:3]) == pytest.approx(variance)
    today, random_today = predicted_error(shares, now, now)
    assert today == pytest.approx(variance**0.5)
    for after in (now._replace(n_items=n + 1), now._replace(n_judges=judges + 1), now._replace(inverse_samples=1 / 3)):
        se, se_random = predicted_error(shares, now, after)
        assert se <= today + 1e-12
        assert np.isnan(se_random) or se <= se_random + 1e-12 <= random_today + 2e-12


def test_nothing_judged_has_no_components_and_one_item_none_between_items() -> None:
    empty = np.zeros(0)
    nothing = Cells(empty.astype(np.intp), empty.astype(np.intp), np.zeros((0, 2)), empty, empty)
    assert np.isnan(variance_components(nothing)).all()
    one = variance_components(cells_of(np.array([[[[1.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]]])))
    assert np.isnan(one[:3]).all()
    assert one.noise == 1 / 8
