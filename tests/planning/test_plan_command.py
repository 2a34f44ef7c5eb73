"""How many items a comparison needs, with the real command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, write_jsonl


def planned(folder: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(omr_judge("plan", *options, "--json", cwd=folder).stdout)
    return found


def make_pilot(folder: Path, outcomes: list[tuple[str, str]], *, per_cluster: int = 1) -> None:
    """Import a run whose items had these winners in the two orders."""
    slots = {"forward": {"a": "first", "b": "second"}, "swapped": {"a": "second", "b": "first"}}
    lines = [
        {
            "item": f"q{number}",
            "judge": "j",
            "order": order,
            "criterion": "overall",
            "verdict": slots[order].get(winner, winner),
            "cluster": f"c{number // per_cluster}",
        }
        for number, winners in enumerate(outcomes)
        for order, winner in zip(slots, winners, strict=True)
    ]
    write_jsonl(folder / "verdicts.jsonl", lines)
    omr_judge("import", "verdicts.jsonl", "--name", "pilot", "--quiet", cwd=folder)


def test_numbers_give_the_smallest_number_of_items_that_has_the_power(tmp_path: Path) -> None:
    power, items = "0.9", 837
    options = ("--win-rate", "0.55", "--ties", "0.2", "--power", power)
    found = planned(tmp_path, *options)
    # the exact test is a little conservative: it takes more than the published formula says
    assert items < found["needed"]["items"] < 1.06 * items
    items = found["needed"]["items"]
    assert found["needed"]["calls"] == 2 * items
    assert float(power) <= found["needed"]["simulated_power"] < float(power) + 0.027
    drawn = omr_judge("plan", *options, "--samples", "3", "--judges", "2", cwd=tmp_path).stdout
    assert f"A win rate of 55.0 % needs {items} items, {12 * items:,} calls" in drawn
    assert f"finds it in {100 * found['needed']['simulated_power']:.1f} % of 2,000 comparisons (seed 0)" in drawn
    assert not found["table"]


def test_without_a_win_rate_a_table_of_usual_ones_is_printed(tmp_path: Path) -> None:
    found = planned(tmp_path, "--ties", "0.4")
    assert found["needed"] is None
    published = {0.52: [2941, 3937], 0.55: [469, 627], 0.6: [116, 154], 0.65: [50, 66], 0.7: [27, 36]}  # by formula
    for rate, items in published.items():
        rows = [row for row in found["table"] if row["win_rate"] == rate]
        assert [row["items"] for row in rows] == pytest.approx([1.03 * number + 1 for number in items], rel=0.1)
        assert all(row["simulated_power"] >= row["power"] for row in rows)
    assert [row["items"] for row in found["table"] if row["win_rate"] == 0.8] == [None] * 2
    drawn = omr_judge("plan", "--ties", "0.4", "--orders", "one", cwd=tmp_path).stdout
    fewer, more = (f"{row['items']:,}" for row in found["table"][:2])
    assert f"│          52 % │ {fewer} │ {fewer} │ {more} │ {more} │" in drawn
    assert "│          80 % │     - │     - │     - │     - │" in drawn


def test_splits_pull_the_win_rate_to_one_half_and_clusters_multiply_the_items(tmp_path: Path) -> None:
    options = ("--win-rate", "0.6", "--ties", "0.2", "--consistency", "0.7", "--half-width", "0.05")
    alone = planned(tmp_path, *options)
    # by hand: 0.5 + 0.7 * 0.1; 1 - 0.7 * 0.8; (1.96 sqrt(.14) + .8416 sqrt(.14 - .07^2))^2 / .07^2 = 222
    assert (alone["resolved_win_rate"], alone["ties"], alone["spread"]) == (0.57, 0.44, 0.14)
    assert alone["needed"]["items"] == pytest.approx(1.03 * 222, rel=0.04)
    assert alone["precision"]["items"] == 208  # (.14 - .07^2) * (1.96 / .05)^2 = 207.6
    clustered = planned(tmp_path, *options, "--cluster-size", "5", "--icc", "0.3")
    assert clustered["design_effect"] == 2.2
    assert clustered["needed"]["items"] == pytest.approx(489, rel=0.1)  # 2.2 * 221.9... by formula
    assert clustered["needed"]["clusters"] * 5 == clustered["needed"]["items"]
    assert 0.8 <= clustered["needed"]["simulated_power"] < 0.83
    drawn = omr_judge("plan", *options, "--cluster-size", "5", "--icc", "0.3", cwd=tmp_path).stdout
    assert "5 items a cluster, correlated by 0.30: 2.20 times the items" in drawn
    assert "A win rate of 60.0 % where orders agree is 57.0 % over all items: a split counts half" in drawn
    assert "An interval of ±5 points needs 457 items, 914 calls." in drawn


def test_a_pilot_gives_its_own_pattern_and_says_that_it_overestimates(tmp_path: Path) -> None:
    make_pilot(tmp_path, [("a", "a")] * 40 + [("b", "b")] * 20 + [("tie", "tie")] * 20 + [("a", "b")] * 20)
    own = planned(tmp_path, "--pilot", "pilot")
    assert own["pilot"] == {"run": "pilot", "criterion": "overall", "n_items": 100, "n_clusters": None, "win_rate": 0.6}
    assert (own["ties"], own["consistency"], own["spread"], own["design_effect"]) == (0.4, 0.8, 0.15, 1.0)
    assert own["needed"]["items"] == pytest.approx(1.03 * 116, rel=0.04)  # the published value at p = .6, t = .4
    assert 0.8 <= own["needed"]["simulated_power"] < 0.83
    assert "A pilot overestimates" in own["notes"][0]
    assert own["table"]
    less = planned(tmp_path, "--pilot", "pilot", "--win-rate", "0.55", "--samples", "2")
    assert less["needed"]["items"] == pytest.approx(1.03 * 469, rel=0.03)
    assert less["needed"]["calls"] == 4 * less["needed"]["items"]
    assert 0.8 <= less["needed"]["simulated_power"] < 0.83
    drawn = omr_judge("plan", "--pilot", "pilot", "--win-rate", "0.55", cwd=tmp_path).stdout
    assert "Pilot pilot, overall: 100 items, win rate of a 60.0 %" in drawn
    assert "orders agree in 80.0 %; 40.0 % of the items tied or split" in drawn


def test_a_pilots_clusters_are_resampled_whole(tmp_path: Path) -> None:
    alike = [("a", "a")] * 60 + [("b", "b")] * 40
    make_pilot(tmp_path, alike, per_cluster=4)
    found = planned(tmp_path, "--pilot", "pilot")
    assert found["pilot"]["n_clusters"] == 25
    assert (found["cluster_size"], found["icc"], found["design_effect"]) == (4.0, 1.0, 4.0)
    assert found["needed"]["clusters"] == pytest.approx(1.03 * 194, rel=0.04)
    assert found["needed"]["items"] == 4 * found["needed"]["clusters"]
    assert 0.8 <= found["needed"]["simulated_power"] < 0.83


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--win-rate", "0.5"], "--win-rate: no number of items tells 0.5 from 0.5"),
        (["--win-rate", "1.2"], "--win-rate: 1.2 is out of range (give a number above 0 and below 1)"),
        (["--win-rate", "0.9", "--ties", "0.4"], "--win-rate: a win rate of 0.9 is out of reach"),
        (["--ties", "1"], "--ties: 1 is no share below 1"),
        (["--consistency", "0"], "--consistency: 0 is no share above 0"),
        (["--icc", "2", "--cluster-size", "2"], "--icc: 2 is no correlation"),
        (["--icc", "0.2"], "--icc: needs clusters of more than one item"),
        (["--half-width", "0.5"], "--half-width: 0.5 is out of range"),
        (["--criterion", "overall"], "--criterion: says what to read from a pilot (add --pilot RUN)"),
        (["--pilot", "pilot", "--ties", "0.1"], "--ties: is the pilot's to tell"),
        (["--pilot", "pilot", "--criterion", "style"], "--criterion: the pilot has no 'style' (it has overall)"),
        (["--pilot", "pilot", "--win-rate", "0.95"], "--win-rate: a win rate of 0.95 is out of reach"),
        (["--pilot", "elsewhere"], "elsewhere: no run of this name"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_words(tmp_path: Path, options: list[str], told: str) -> None:
    if "pilot" in options:
        make_pilot(tmp_path, [("a", "a"), ("b", "b"), ("tie", "tie")] * 4)
    assert told in omr_judge("plan", *options, cwd=tmp_path, code=3).stderr


@pytest.mark.slow
def test_a_pilot_without_verdicts_or_without_a_leaning_is_told_of(tmp_path: Path) -> None:
    make_pilot(tmp_path, [("a", "cannot_judge")])
    told = omr_judge("plan", "--pilot", "pilot", cwd=tmp_path, code=3).stderr
    assert "--pilot: no item of pilot has its verdicts on overall" in told
    level = tmp_path / "level"
    level.mkdir()
    make_pilot(level, [("a", "a"), ("b", "b")])
    found = planned(level, "--pilot", "pilot")
    assert found["needed"] is None
    assert [row["items"] for row in found["table"]][:2] == pytest.approx([1.02 * 4904, 1.02 * 6563], rel=0.03)
