"""Runs that stop when the overall criterion is decided, with the real command against a local provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, read_jsonl, report_of, start, wait_until, write_jsonl
from provider_server import Answer, Call, ProviderServer, content_judge, longer_wins, traces_of, verdicts_for

from judge.comparison.derive_report import make_report
from judge.runs.run_folder import RunFolder
from judge.tables.words import sequential as sequential_words

EVERY = 10


def write_inputs(folder: Path, n_items: int, *, better: str = "a", patients: int = 0) -> None:
    """Write traces of which the better model's are longer by far."""
    for side in ("a", "b"):
        records = [
            {
                "id": f"q{n}",
                "question": f"Question {n}?",
                "trace": f"{side} thinks {n}. " * (9 if side == better else 3),
            }
            | ({"subgroup": {"patient": f"p{n % patients}"}} if patients else {})
            for n in range(n_items)
        ]
        write_jsonl(folder / f"{side}.jsonl", records)


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer(longer_wins) as running:
        yield running


def compare(server: ProviderServer, *more: str) -> tuple[str, ...]:
    judge = ("--judge", f"openai:m@{server.url}/v1", "--concurrency", "4", "--name", "r")
    return ("compare", "a.jsonl", "b.jsonl", *judge, "--stop-when-decided", "--look-every", str(EVERY), *more)


def sequential(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = report_of(folder / "runs" / "r")["sequential"]
    return found


def asked_items(folder: Path) -> set[str]:
    return {line["item"] for line in read_jsonl(folder / "runs" / "r" / "judgments.jsonl")}


def without_interval(rate: dict[str, Any]) -> bool:
    return rate["estimate"] is not None and rate["low"] is rate["high"] is None


def test_a_clear_winner_stops_a_run_after_whole_looks_and_the_report_gives_the_sequence(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_inputs(tmp_path, 100)
    first = omr_judge(*compare(server), cwd=tmp_path)
    report = report_of(tmp_path / "runs" / "r")
    found = report["sequential"]
    # E of 10 wins is 4.9, of 20 wins 7.6e2
    assert (found["decided"], found["winner"], found["n_looks"]) == (True, "a", 2)
    assert (found["items_asked"], found["items_planned"], found["items_missing"]) == (20, 100, 0)
    assert (found["wins"], found["losses"], found["alpha"], found["look_every"]) == (20, 0, 0.05, EVERY)
    assert 0.5 < found["low"] < found["high"] == 1.0
    assert len(asked_items(tmp_path)) == 20
    assert len(server.calls) == 40
    overall = report["criteria"]["overall"]
    for rate in (overall["win_rate"], overall["consistent_only"], *overall["shares"].values()):
        assert without_interval(rate)
    assert (overall["p_method"], overall["p_value"], overall["verdict"]) == ("e-process", found["p_value"], "better")
    assert not without_interval(report["criteria"]["knowledge"]["win_rate"])
    assert (report["n_items"], report["n_not_asked"], overall["missing"]) == (20, 0, 0)
    assert "Decided for a after 20 of 100 items: 80 stay unasked" in first.stderr
    assert "is preferred to b: decided after 2 looks, 20 of 100 pairs; win rate of" in " ".join(first.stdout.split())
    assert "biased away from 50 %" in first.stdout

    resumed = omr_judge("resume", "r", cwd=tmp_path)
    assert "Decided already: nothing is asked" in resumed.stderr
    assert len(server.calls) == 40
    assert omr_judge("report", "r", cwd=tmp_path).stdout == resumed.stdout == first.stdout


@pytest.mark.slow
def test_which_items_are_asked_follows_from_the_seed_and_not_from_the_files(
    tmp_path: Path, server: ProviderServer
) -> None:
    orders: dict[str, set[str]] = {}
    for name, reverse, seed in (("one", False, "0"), ("turned", True, "0"), ("other", False, "1")):
        folder = tmp_path / name
        folder.mkdir()
        write_inputs(folder, 60)
        if reverse:
            for side in ("a", "b"):
                write_jsonl(folder / f"{side}.jsonl", read_jsonl(folder / f"{side}.jsonl")[::-1])
        omr_judge(*compare(server, "--seed", seed), cwd=folder)
        orders[name] = asked_items(folder)
    assert orders["one"] == orders["turned"] != orders["other"]
    assert orders["one"] != {f"q{n}" for n in range(20)}


@pytest.mark.slow
def test_a_run_killed_within_a_look_decides_as_one_that_was_never_killed(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with ProviderServer(content_judge, delay=0.02) as server:
        for folder in (whole, killed):
            folder.mkdir()
            write_inputs(folder, 80, better="b")
        omr_judge(*compare(server), cwd=whole)
        journal = killed / "runs" / "r" / "judgments.jsonl"
        with start(*compare(server), cwd=killed) as process:
            wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 2 * EVERY + 5)
            process.kill()
        omr_judge("resume", "r", "--concurrency", "4", cwd=killed)
    assert asked_items(killed) == asked_items(whole)
    assert sequential(killed) == sequential(whole)
    assert (killed / "runs/r/report.json").read_bytes() == (whole / "runs/r/report.json").read_bytes()


def test_an_undecided_run_asks_everything_and_says_so(tmp_path: Path) -> None:
    def always_ties(call: Call) -> Answer:
        return Answer(verdicts_for(call.schema or {}, "tie"))

    write_inputs(tmp_path, 25)
    with ProviderServer(always_ties) as server:
        drawn = omr_judge(*compare(server), cwd=tmp_path).stdout
    found = sequential(tmp_path)
    assert (found["decided"], found["winner"], found["n_looks"], found["items_asked"]) == (False, None, 3, 25)
    assert (found["wins"], found["losses"], found["estimate"]) == (0, 0, 0.5)
    assert found["low"] < 0.5 < found["high"]
    assert "this judge shows no signal" in drawn
    assert report_of(tmp_path / "runs" / "r")["criteria"]["overall"]["verdict"] == "inconclusive"


def test_items_whose_verdicts_fail_count_for_neither_model(tmp_path: Path) -> None:
    def refuses_some(call: Call) -> Answer:
        if any(f" {n}." in traces_of(call)[0] for n in range(0, 40, 2)):
            return Answer("I cannot help with that.", stop="refusal")
        return longer_wins(call)

    write_inputs(tmp_path, 40)
    with ProviderServer(refuses_some) as server:
        drawn = omr_judge(*compare(server, "--max-failures", "1"), cwd=tmp_path).stdout
        n_calls = len(server.calls)
        omr_judge("resume", "r", "--max-failures", "1", cwd=tmp_path)
        assert len(server.calls) == n_calls
    found = sequential(tmp_path)
    assert found["decided"]
    assert found["wins"] + found["items_missing"] == found["items_asked"]
    assert found["items_missing"] > 0
    assert f"{found['items_missing']} pairs have no verdict ({found['items_missing']} refused)" in drawn
    overall = report_of(tmp_path / "runs" / "r")["criteria"]["overall"]
    assert overall["missing"] == found["items_missing"] == overall["ledger"]["missing"]["refused"]


def test_a_decision_that_later_looks_turn_names_no_model_and_says_why(tmp_path: Path, server: ProviderServer) -> None:
    write_inputs(tmp_path, 30)
    omr_judge(*compare(server), cwd=tmp_path)
    report = make_report(RunFolder(tmp_path / "runs" / "r"))
    found = report.sequential
    assert found is not None
    turned = found.model_copy(update={"decided": True, "winner": None})
    assert " decided once, but the later looks lean the other way, after " in sequential_words(report, turned)
    decided = found.model_copy(update={"decided": True, "winner": "a"})
    assert "is preferred to b (b): decided after " in sequential_words(report, decided)


def test_items_of_one_cluster_are_one_step_and_stay_together(tmp_path: Path, server: ProviderServer) -> None:
    write_inputs(tmp_path, 120, patients=30)
    omr_judge(*compare(server, "--cluster", "patient"), cwd=tmp_path)
    found = sequential(tmp_path)
    assert (found["decided"], found["cluster"], found["losses"]) == (True, "patient", 0)
    assert found["wins"] * 4 == found["items_asked"] < 120
    patients = {int(item[1:]) % 30 for item in asked_items(tmp_path)}
    assert len(patients) == found["wins"]
    report = json.loads(omr_judge("report", "r", "--json", cwd=tmp_path).stdout)
    assert report["clusters"] == {"field": "patient", "n": found["wins"]}


@pytest.mark.slow
def test_a_rule_of_stopping_is_part_of_what_a_run_is(tmp_path: Path, server: ProviderServer) -> None:
    write_inputs(tmp_path, 30)
    omr_judge(*compare(server), cwd=tmp_path)
    fixed = [word for word in compare(server) if word not in {"--stop-when-decided", "--look-every", str(EVERY)}]
    assert (
        "begun with --look-every 10, now not given; with --stop-when-decided at 0.05, now not given"
        in omr_judge(*fixed, cwd=tmp_path, code=3).stderr
    )
    other = (*compare(server), "--look-every", "5")
    assert "begun with --look-every 10, now 5." in omr_judge(*other, cwd=tmp_path, code=3).stderr
    stray = omr_judge(*fixed, "--look-every", "5", cwd=tmp_path, code=3).stderr
    assert "--look-every: says how a run stops early (add --stop-when-decided" in stray


def test_a_cluster_field_that_no_item_has_is_refused_before_anything_is_asked(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_inputs(tmp_path, 30)
    told = omr_judge(*compare(server, "--cluster", "ward"), cwd=tmp_path, code=3).stderr
    assert "--cluster: no item has a field 'ward'" in told
    assert not server.calls
    assert not (tmp_path / "runs" / "r").exists()


def test_a_panels_subgroups_and_judges_have_no_fixed_interval_on_the_deciding_criterion(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_inputs(tmp_path, 60, patients=3)
    more = ("--judge", f"openai:second@{server.url}/v1")
    omr_judge(*compare(server, *more), cwd=tmp_path)
    options = ("--by", "patient", "--equivalence", "0.05", "--json")
    report = json.loads(omr_judge("report", "r", *options, cwd=tmp_path).stdout)
    assert report["sequential"]["items_asked"] == 20
    for rows in (report["criteria"], *report["by_judge"].values()):
        assert without_interval(rows["overall"]["win_rate"])
        assert rows["overall"]["verdict"] == "better"
    groups = report["subgroups"]["patient"].values()
    assert sum(group["n"] for group in groups) == 20
    assert all(without_interval(group["win_rate"]["overall"]) for group in groups)
    assert not any(without_interval(group["win_rate"]["knowledge"]) for group in groups)
    assert report["length"]["overall"]["longer_wins"]["low"] is None
    assert any("Equivalence on overall is not tested" in warning for warning in report["warnings"])


@pytest.mark.slow
def test_a_run_interrupted_within_a_look_reports_the_looks_before_it(tmp_path: Path, server: ProviderServer) -> None:
    write_inputs(tmp_path, 60)
    omr_judge(*compare(server), cwd=tmp_path)
    journal = tmp_path / "runs" / "r" / "judgments.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-3]))
    drawn = omr_judge("report", "r", cwd=tmp_path).stdout
    assert "Not finished: " in drawn
    assert "Go on: omr-judge resume r" in drawn
    omr_judge("resume", "r", cwd=tmp_path)
    assert len(server.calls) == 43
    assert sequential(tmp_path)["n_looks"] == 2
    (tmp_path / "runs" / "r" / "pairs.jsonl").unlink()
    told = omr_judge("report", "r", cwd=tmp_path, code=3).stderr
    assert "pairs.jsonl: missing; without it nobody can tell which items each look was over" in told
