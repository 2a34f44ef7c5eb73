from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from command import at_once, omr_judge, read_jsonl, report_of, write_jsonl
from run_builder import change_manifest


def verdict(item: str | int, order: str, said: str | None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"item": item, "order": order, "verdict": said} | fields


def test_imported_verdicts_are_folded_like_judged_ones_and_reported_without_network(tmp_path: Path) -> None:
    """On safety judge j says: item 1 a in both orders, 2 b in both, 3 tie in both, 4 first in both (a split), 5 a tie
    and a win (a split), 6 cannot_judge once and 7 nothing once (both missing). Hence W 1, L 1, T 1, split 2, missing 2;
    the win rate is (1 + 0 + .5 + .5 + .75) / 5 = 0.55, consistency 3/5, and of the decisive verdicts of items in the
    rate (1: first, second; 2: second, first; 4: first, first; 5: first) 5 of 7 are first.
    """
    said = {
        1: ("first", "second"),
        2: ("second", "first"),
        3: ("tie", "tie"),
        4: ("first", "first"),
        5: ("first", "tie"),
        6: ("cannot_judge", "first"),
        7: (None, "first"),
    }
    every_field = {
        "criterion": "safety",
        "judge": "j",
        "sample": 0,
        "reply": "raw text",
        "cluster": "image-1",
        "model_a": "alpha",
        "model_b": "beta",
        "meta": {"cost": 0.1, "nested": {"x": [1]}},
    }
    lines = [
        verdict(item, order, one, **every_field)
        for item, both in said.items()
        for order, one in zip(("forward", "swapped"), both, strict=True)
    ]
    for line in lines:
        if line["verdict"] is None:
            line["failure"] = "refused"
    write_jsonl(tmp_path / "verdicts.jsonl", lines)
    imported = omr_judge("import", "verdicts.jsonl", "--name", "r", "--json", cwd=tmp_path)
    run = tmp_path / "runs" / "r"
    drawn = omr_judge("report", "r", cwd=tmp_path)
    report = report_of(run)
    safety = report["criteria"]["safety"]
    counts = {name: safety[name] for name in ("wins_a", "wins_b", "ties", "splits", "missing", "cannot_judge")}
    assert counts == {"wins_a": 1, "wins_b": 1, "ties": 1, "splits": 2, "missing": 2, "cannot_judge": 1}
    rates = {name: (safety[name]["estimate"], safety[name]["n"]) for name in ("win_rate", "consistency", "first_slot")}
    assert rates == {"win_rate": (0.55, 5), "consistency": (0.6, 5), "first_slot": (0.714286, 7)}
    assert report["models"] == {"a": "alpha", "b": "beta"}
    assert (report["judges"], report["n_items"], report["n_judgments"]) == (["j"], 7, 14)
    assert (report["n_failed"], report["failures"], report["n_not_asked"]) == (1, {"refused": 1}, 0)
    assert imported.stdout.encode() == (run / "report.json").read_bytes()
    assert "7 items, 14 judgments, 1 failed (1 refused)" in drawn.stdout
    assert "2 pairs have no verdict (1 in one order only, 1 cannot judge)" in drawn.stdout

    kept = read_jsonl(run / "judgments.jsonl")
    assert [judgment["item"] for judgment in kept] == [str(line["item"]) for line in lines]
    for judgment in kept:
        assert judgment["reply"]["text"] == "raw text"
        assert judgment["meta"] == {"cost": 0.1, "nested": {"x": [1]}, "cluster": "image-1"}
    assert len({judgment["key"] for judgment in kept}) == 14


def test_what_a_verdict_leaves_out_has_a_default_and_a_strange_failure_keeps_its_name(tmp_path: Path) -> None:
    strange = verdict("x", "swapped", None, failure="meteor strike")
    first, half, again = (
        [verdict("x", "forward", "first"), strange, verdict("y", "forward", "first"), verdict("y", "swapped", "tie")],
        [verdict("x", "forward", "first"), verdict("y", "swapped", "first"), verdict("z", "forward", "tie")],
        [verdict("x", "forward", "first")],
    )
    stdin = "".join(json.dumps(line) + "\n" for line in first)
    write_jsonl(tmp_path / "half.jsonl", half)
    write_jsonl(tmp_path / "again.jsonl", again)
    defaults, one_order = at_once(
        partial(omr_judge, "import", "-", "--name", "defaults", cwd=tmp_path, stdin=stdin),
        partial(omr_judge, "import", "half.jsonl", "--name", "half", "--quiet", cwd=tmp_path),
    )
    report = report_of(tmp_path / "runs" / "defaults")
    assert report["models"] == {"a": "a", "b": "b"}
    assert (report["judges"], list(report["criteria"]), report["orders"]) == (["imported"], ["overall"], "both")
    assert report["failures"] == {"other": 1}
    overall = report["criteria"]["overall"]
    assert (overall["splits"], overall["missing"], overall["wins_a"], overall["ties"]) == (1, 1, 0, 0)
    assert "1 failed (1 other)" in defaults.stdout
    kept = read_jsonl(tmp_path / "runs" / "defaults" / "judgments.jsonl")
    assert kept[1]["result"]["detail"] == "meteor strike"

    assert one_order.stderr == ""
    report = report_of(tmp_path / "runs" / "half")
    overall = report["criteria"]["overall"]
    assert report["orders"] == "one"
    assert (overall["wins_a"], overall["wins_b"], overall["ties"], overall["missing"]) == (1, 1, 1, 0)
    assert overall["consistency"]["estimate"] is None

    before = {path.name: path.read_bytes() for path in (tmp_path / "runs" / "half").iterdir()}
    refused, nothing_to_ask, failed = at_once(
        partial(omr_judge, "import", "again.jsonl", "--name", "half", cwd=tmp_path, code=3),
        partial(omr_judge, "resume", "defaults", cwd=tmp_path, code=3),
        partial(omr_judge, *("import", "-", "--name", "f", "--max-failures", "0"), cwd=tmp_path, stdin=stdin, code=4),
    )
    assert "runs/half: exists already" in refused.stderr
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "runs" / "half").iterdir()}
    assert "nothing to ask" in nothing_to_ask.stderr
    assert "1 of 4 judgments failed" in failed.stderr


def test_every_line_that_cannot_be_imported_is_named_and_no_run_is_made(tmp_path: Path) -> None:
    good = verdict("x", "forward", "first")
    bad = [
        good,
        verdict("x", "sideways", "first"),
        verdict("x", "forward", "second"),
        {"item": "y", "order": "forward"},
        verdict("y", "forward", "better"),
        verdict("y", "forward", "first", score=3),
        verdict("y", "forward", "first", criterion="Not A Name"),
        {"order": "forward", "verdict": "tie"},
        verdict("z", "swapped", "first", model_a="alpha"),
        verdict("z", "forward", "first", model_a="omega"),
    ]
    (tmp_path / "bad.jsonl").write_text("".join(json.dumps(line) + "\n" for line in bad) + '{"item": "last", "ord')
    (tmp_path / "empty.jsonl").write_text("\n")
    refused, empty = at_once(
        partial(omr_judge, "import", "bad.jsonl", "--name", "r", cwd=tmp_path, code=3),
        partial(omr_judge, "import", "empty.jsonl", "--name", "r", cwd=tmp_path, code=3),
    )
    lines = [line.removeprefix("omr-judge: ") for line in refused.stderr.splitlines()]
    expected = [
        ("bad.jsonl:2", "order"),
        ("bad.jsonl:3", "second verdict on overall of item 'x'"),
        ("bad.jsonl:4", "verdict"),
        ("bad.jsonl:5", "verdict"),
        ("bad.jsonl:6", "score"),
        ("bad.jsonl:7", "criterion"),
        ("bad.jsonl:8", "item"),
        ("bad.jsonl:11", "truncated last line"),
        ("model_a", "several names: alpha, omega"),
    ]
    assert [line.split(": ")[0] for line in lines] == [where for where, _ in expected]
    for line, (_, word) in zip(lines, expected, strict=True):
        assert word in line
    assert "first in bad.jsonl:1" in lines[1]
    assert "empty.jsonl: empty file" in empty.stderr
    assert not (tmp_path / "runs" / "r" / "manifest.json").exists()


def test_a_verdict_beside_a_failure_and_a_name_outside_the_runs_are_refused(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "both.jsonl", [verdict("x", "forward", "first", failure="unparsed")])
    write_jsonl(tmp_path / "good.jsonl", [verdict("x", "forward", "first")])
    both, outside = at_once(
        partial(omr_judge, "import", "both.jsonl", "--name", "r", cwd=tmp_path, code=3),
        partial(omr_judge, "import", "good.jsonl", "--name", "../outside", cwd=tmp_path, code=3),
    )
    assert "both.jsonl:1" in both.stderr
    assert "--name" in outside.stderr
    assert not (tmp_path / "outside").exists()


def test_a_run_that_asked_for_an_interval_of_earlier_versions_is_reported_by_the_default(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "verdicts.jsonl", [verdict(n, "forward", "first" if n % 3 else "tie") for n in range(30)])
    omr_judge("import", "verdicts.jsonl", "--name", "r", cwd=tmp_path)
    default = json.loads(omr_judge("report", "r", "--json", cwd=tmp_path).stdout)
    change_manifest(tmp_path / "runs/r", b'"interval": "jeffreys"', b'"interval": "bca"')
    report = json.loads(omr_judge("report", "r", "--json", cwd=tmp_path).stdout)
    assert [text for text in report.pop("warnings") if text not in default["warnings"]] == [
        "the run asked for --ci bca, which is no more: its intervals are those of --ci jeffreys"
    ]
    assert {**report, "warnings": default["warnings"]} == default


def test_models_that_the_file_does_not_name_are_named_by_option_and_others_refused(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "v.jsonl", [verdict(1, "forward", "first"), verdict(1, "swapped", "second")])
    write_jsonl(tmp_path / "named.jsonl", [verdict(1, "forward", "first", model_a="alpha", model_b="beta")])
    named = ("--models", "qwen-med", "qwen-base", "--name")
    omr_judge("import", "v.jsonl", *named, "r", cwd=tmp_path)
    assert report_of(tmp_path / "runs" / "r")["models"] == {"a": "qwen-med", "b": "qwen-base"}
    told = omr_judge("import", "named.jsonl", *named, "s", cwd=tmp_path, code=3).stderr
    assert "the file names alpha and beta" in told
