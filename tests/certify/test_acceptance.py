"""Which items can be accepted: a level chosen by labels, whose error stays below what was asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command import omr_judge
from run_builder import A_WINS, B_WINS, SPLITS, TIES, make_label, make_run, record_draw

from judge.labels.labels import append_labels, labels_path
from judge.report.acceptance import choose_level
from judge.schema import Winner


def table(levels: list[float | None]) -> pl.DataFrame:
    items = [f"q{place}" for place in range(len(levels))]
    return pl.DataFrame({"item": items, "sure": levels}, schema={"item": pl.String(), "sure": pl.Float64()})


def test_levels_are_taken_from_the_surest_down_until_one_fails() -> None:
    levels: list[float | None] = [2.0] * 40 + [1.0] * 40 + [0.5] * 40 + [None] * 5
    items = table(levels)["item"].to_list()
    right = dict.fromkeys(items, True)
    assert choose_level(table(levels), right, error=0.1) == 0.5
    wrong = right | dict.fromkeys(items[40:60], False)
    assert choose_level(table(levels), wrong, error=0.1) == 2.0
    assert choose_level(table(levels), dict.fromkeys(items[:28], True), error=0.1) is None  # 29 are the fewest
    assert choose_level(table(levels), dict.fromkeys(items[:29], True), error=0.1) == 0.5
    assert choose_level(table(levels), dict.fromkeys(items, False), error=0.1) is None
    assert choose_level(table([None]), {}, error=0.1) is None


@pytest.mark.parametrize("error", [0.1, pytest.param(0.2, marks=pytest.mark.slow)])
def test_the_error_of_what_is_accepted_is_held_in_95_percent_of_simulations(error: float) -> None:
    rng, exceeded, accepted, runs = np.random.default_rng(2), 0, 0, 300
    for _ in range(runs):
        levels = rng.choice([0.5, 1.0, 1.5, 2.0], 400)
        is_right = rng.random(400) > 0.45 - 0.2 * levels
        labelled = rng.choice(400, 120, replace=False)
        right = {f"q{place}": bool(is_right[place]) for place in labelled}
        level = choose_level(table(levels.tolist()), right, error=error)
        if level is not None:
            accepted += 1
            # The share of errors of the judge at these levels, not of these 400 items alone.
            truth = np.mean(0.45 - 0.2 * levels[levels >= level])
            exceeded += int(truth > error)
    print(error, exceeded / runs, accepted / runs)  # noqa: T201 - the figures are told on closing
    assert exceeded <= runs * 0.05 + 2 * (runs * 0.05) ** 0.5
    assert accepted > runs / 10


def test_a_judge_that_errs_a_little_more_than_is_allowed_is_accepted_in_at_most_five_percent() -> None:
    rng, accepted = np.random.default_rng(4), 0
    for _ in range(400):
        is_right = rng.random(120) > 0.101
        right = {f"q{place}": bool(one) for place, one in enumerate(is_right)}
        accepted += choose_level(table([1.0] * 120), right, error=0.1) is not None
    print(accepted / 400)  # noqa: T201 - the figure is told on closing
    assert accepted <= 400 * 0.05 + 2 * (400 * 0.05) ** 0.5


def test_a_report_lists_what_is_left_to_people(tmp_path: Path) -> None:
    kinds = [A_WINS] * 30 + [B_WINS] * 20 + [TIES] * 10 + [SPLITS] * 5 + [None]
    verdicts = {f"q{place:02}": kind for place, kind in enumerate(kinds)}
    run = make_run(tmp_path / "runs" / "r", verdicts)
    weights = dict.fromkeys(list(verdicts), 1.0)
    refused = omr_judge("report", "r", "--accept-error", "0.1", cwd=tmp_path, code=3)
    assert "no label on overall is of a simple random sample" in refused.stderr
    record_draw(run, "packet-1", weights)
    words = [Winner.A] * 30 + [Winner.B] * 20 + [Winner.TIE] * 10 + [Winner.A] * 6
    labels = [make_label(item, word, draw="packet-1", weight=1.0) for item, word in zip(verdicts, words, strict=True)]
    other = make_label("q00", Winner.B, draw="packet-1", weight=1.0, reader="bob")
    append_labels(labels_path(run.path), [*labels, other])
    told = json.loads(omr_judge("report", "r", "--accept-error", "0.1", "--json", cwd=tmp_path).stdout)["acceptance"]
    assert (told["n_items"], told["n_accepted"], told["n_labels"], told["n_wrong"]) == (66, 60, 60, 1)
    assert told["rest"] == [f"q{place}" for place in range(60, 66)]
    assert told["bound"] == pytest.approx(0.0766, abs=0.001)  # Clopper and Pearson's upper bound of 1 in 60
    drawn = " ".join(omr_judge("report", "r", "--accept-error", "0.1", cwd=tmp_path).stdout.split())
    assert "Accept 60 of 66 items (91 %) as judged on overall" in drawn
    assert "For people: q60, q61, q62, q63, q64, q65." in drawn
    none = omr_judge("report", "r", "--accept-error", "0.01", cwd=tmp_path).stdout
    assert "Accept none of 66 items" in none
    omr_judge("report", "r", "--accept-error", "1", cwd=tmp_path, code=3)
