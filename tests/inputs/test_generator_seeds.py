"""Several traces of one model for an item: told apart by `sample`, paired by it, and one item in every interval."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import write_jsonl
from msgspec import structs
from report.test_report_sections import judgment, report_of
from report.test_report_sections import pair as made_pair

from judge.errors import InputErrors
from judge.inputs.input_options import InputOptions
from judge.inputs.join import Inputs
from judge.outcomes.item_features import units_of_pairs
from judge.schema import SAMPLE_OF, Order, Pair, Verdict
from judge.stats.variance_components import sample_variance
from judge.tables import reliability_words
from judge.tables.tables import tables


def trace(id_: str, sample: object = None, *, text: str = "thinking", **fields: object) -> dict[str, object]:
    own = {} if sample is None else {"sample": sample}
    return {"id": id_, "question": f"Why {id_}?", "trace": f"{text} {id_} {sample}"} | own | fields


def paired(tmp_path: Path, a: list[dict[str, Any]], b: list[dict[str, Any]], **options: Any) -> list[Pair]:  # noqa: ANN401
    write_jsonl(tmp_path / "a.jsonl", a)
    write_jsonl(tmp_path / "b.jsonl", b)
    given = InputOptions(str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"), **options)
    with Inputs(given, blind_judge=True) as inputs:
        inputs.check()
        return list(inputs.pairs())


def test_sample_k_of_a_meets_sample_k_of_b_and_the_samples_of_an_item_are_one_unit(tmp_path: Path) -> None:
    rows = [("q1", 0), ("q1", 1), ("q2", 1), ("q2", 0)]
    pairs = paired(tmp_path, [trace(*row, text="a") for row in rows], [trace(*row, text="b") for row in rows[::-1]])
    assert [pair.item.id for pair in pairs] == ["q1#0", "q1#1", "q2#1", "q2#0"]
    assert [(pair.a.text, pair.b.text) for pair in pairs][1:3] == [("a q1 1", "b q1 1"), ("a q2 1", "b q2 1")]
    assert pairs[2].item.meta[SAMPLE_OF] == "q2"
    ids, units = units_of_pairs(pairs, None)
    assert ids == ["q1#0", "q1#1", "q2#1", "q2#0"]
    assert units[0] == units[1] != units[2] == units[3]


def test_the_items_of_samples_are_looked_up_by_their_own_id(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "items.jsonl", [{"id": "q1", "question": "What now?", "subgroup": {"part": "x"}}])
    rows = [{"id": "q1", "trace": f"text {k}", "sample": k} for k in range(2)]
    (first, second) = paired(tmp_path, rows, rows, items=(str(tmp_path / "items.jsonl"),))
    assert (first.item.question, second.item.question) == ("What now?", "What now?")
    assert second.item.subgroup == {"part": "x"}


def test_what_is_missing_is_named_by_its_sample(tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match=r"sample 1 of id 'q1' is not in"):
        paired(tmp_path, [trace("q1", 0), trace("q1", 1)], [trace("q1", 0)])
    (kept,) = paired(tmp_path, [trace("q1", 0), trace("q1", 1)], [trace("q1", 0)], allow_missing=True)
    assert kept.item.id == "q1#0"


def test_a_field_of_that_name_means_nothing_where_each_item_has_one_trace(tmp_path: Path) -> None:
    (pair,) = paired(tmp_path, [trace("q1", 7)], [trace("q1", 3)])
    assert pair.item.id == "q1"
    assert SAMPLE_OF not in pair.item.meta
    assert pair.a.meta["sample"] == 7


def test_ids_that_are_easily_confused_are_refused_with_such_a_field_too(tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match="easily confused"):
        paired(tmp_path, [trace("q1", 1), trace("q1 ", 1)], [trace("q1")])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([trace("q1"), trace("q1")], "duplicate id 'q1'"),
        ([trace("q1", 1), trace("q1", 1)], "duplicate id 'q1', sample 1"),
        ([trace("q1"), trace("q1", 1)], "duplicate id 'q1'"),
        ([trace("q1", 1), trace("q1")], "duplicate id 'q1'"),
        ([trace("q1", "1"), trace("q1", "2")], "duplicate id 'q1'"),
        ([trace("q1", sample) for sample in (True, False)], "duplicate id 'q1'"),
    ],
)
def test_an_id_that_comes_twice_without_numbers_of_its_samples_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], told: str
) -> None:
    with pytest.raises(InputErrors, match=told):
        paired(tmp_path, rows, [trace("q1")])


def seeded(n_items: int, n_seeds: int) -> list[Pair]:
    pairs = []
    for item in range(n_items):
        for seed in range(n_seeds):
            own = made_pair(item)
            meta = own.item.meta | {SAMPLE_OF: f"q{item}", "sample": seed}
            pairs.append(structs.replace(own, item=structs.replace(own.item, id=f"q{item}#{seed}", meta=meta)))
    return pairs


def test_samples_are_clusters_of_every_interval_and_their_variance_is_a_component() -> None:
    """Credits of two seeds an item: 1 1, 1 0, 0 0. Within items half the mean squared difference is 1/6. Of the twelve
    pairs across items eight differ, half of which is 1/3: the variance between items is 1/3 - 1/6.
    """
    won = {"q0#0": 1, "q0#1": 1, "q1#0": 1, "q1#1": 0, "q2#0": 0, "q2#1": 0}
    both = {1: (Verdict.FIRST, Verdict.SECOND), 0: (Verdict.SECOND, Verdict.FIRST)}
    rows = [judgment(i, o, v) for i, a in won.items() for o, v in zip(Order, both[a], strict=True)]
    report = report_of(rows, seeded(3, 2))
    assert (report.clusters.field, report.clusters.n) == (SAMPLE_OF, 3)
    assert report.variance_components is not None
    own = report.variance_components["overall"]
    assert own.item == pytest.approx(1 / 6, abs=1e-6)
    assert own.generator_seed == pytest.approx(1 / 6, abs=1e-6)
    assert "generator seed with noise" in reliability_words.variance("overall", own)
    (table,) = (one for one in tables(report) if one.key == "variance_components")
    assert "generator_seed" in table.columns
    assert json.loads(report.model_dump_json())["variance_components"]["overall"]["generator_seed"] > 0


def test_the_parts_of_seeds_and_items_are_found_again_in_a_simulation() -> None:
    rng = np.random.default_rng(4)
    items, seeds = rng.normal(0, 0.3, 4000), rng.normal(0, 0.2, (4000, 3))
    between, within = sample_variance((items[:, None] + seeds).ravel(), np.repeat(np.arange(4000), 3))
    assert between == pytest.approx(0.09, abs=0.008)
    assert within == pytest.approx(0.04, abs=0.002)


def test_more_seeds_of_the_same_items_do_not_shrink_the_interval_when_seeds_say_the_same() -> None:
    source = random.Random(2)  # noqa: S311 - fixed verdicts
    won = [source.random() < 0.6 for _ in range(30)]
    both = {True: (Verdict.FIRST, Verdict.SECOND), False: (Verdict.SECOND, Verdict.FIRST)}
    widths = []
    for n_seeds in (1, 4):
        rows = [
            judgment(f"q{i}#{k}", o, v)
            for i, a in enumerate(won)
            for k in range(n_seeds)
            for o, v in zip(Order, both[a], strict=True)
        ]
        rate = report_of(rows, seeded(30, n_seeds)).criteria["overall"].win_rate
        widths.append((rate.high or 0) - (rate.low or 0))
    assert widths[1] == pytest.approx(widths[0], abs=0.01)
