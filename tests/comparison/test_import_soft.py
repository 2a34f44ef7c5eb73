"""Soft verdicts made elsewhere: probabilities of a line, and annotations as AlpacaEval publishes them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, report_of, write_jsonl

from judge.comparison.derive_report import make_report
from judge.comparison.import_judgments import import_verdicts
from judge.enums import Method
from judge.errors import InputErrors
from judge.outcomes.item_features import WantedFields
from judge.report.build_report import Extras
from judge.schema import Chances, Failed, FailureKind, Judged

PREFERENCES = (1.25, 2.0, 0.0, 1.5, 1.9, None)


def annotation(number: int, preference: float | None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "dataset": "koala" if number % 2 else "vicuna",
        "instruction": f"Say {number}.",
        "output_1": "word " * (10 + number),
        "generator_1": "gpt4_1106_preview",
        "output_2": "word " * (14 - number),
        "generator_2": "my-model",
        "annotator": "weighted_alpaca_eval_gpt4_turbo",
        "preference": preference,
        **fields,
    }


def test_annotations_of_alpaca_eval_give_the_leaderboards_win_rate_and_error(tmp_path: Path) -> None:
    """Preferences less 1 are .25, 1, .5 (a tie of 0), .5, .9: their mean is .63. Squared distances from it are .1444,
    .1369, .0169, .0169, .0729, in all .388; the standard error is sqrt(.388 / 4 / 5) = .1392839. Two are won, one is
    lost, two are drawn; the null is a failure.
    """
    (tmp_path / "annotations.json").write_text(json.dumps([annotation(n, p) for n, p in enumerate(PREFERENCES)]))
    omr_judge("import", "annotations.json", "--name", "r", cwd=tmp_path)
    report = report_of(tmp_path / "runs" / "r")
    own = report["criteria"]["overall"]
    assert report["models"] == {"a": "my-model", "b": "gpt4_1106_preview"}
    assert report["judges"] == ["weighted_alpaca_eval_gpt4_turbo"]
    assert own["win_rate"]["estimate"] == pytest.approx(0.63, abs=1e-6)
    assert own["win_rate"]["se"] == pytest.approx(math.sqrt(0.388 / 4 / 5), abs=1e-6)
    assert (own["wins_a"], own["wins_b"], own["ties"], own["missing"]) == (2, 1, 2, 1)
    assert (report["n_failed"], report["failures"], report["n_soft"]) == (1, {"other": 1}, 5)
    assert (own["first_slot"]["n"], own["signal"]) == (0, None)


def test_annotations_keep_their_lengths_and_sets_and_are_read_as_lines_too(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [annotation(n, 1 + n / 20) for n in range(12)])
    folder = import_verdicts(str(tmp_path / "a.jsonl"), name="r", runs=tmp_path, command=[])
    report = make_report(folder, method=Method.WILSON, wanted=WantedFields(by=("dataset",)), extras=Extras())
    length = report.length["overall"]
    assert length is not None
    assert length.n == 12
    assert {value: group.n for value, group in report.subgroups["dataset"].items()} == {"koala": 6, "vicuna": 6}


def line(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"item": "x", "order": "forward", **fields}


def imported(tmp_path: Path, given: dict[str, Any]) -> Judged | Failed:
    write_jsonl(tmp_path / "v.jsonl", [given])
    (judgment,) = import_verdicts(str(tmp_path / "v.jsonl"), name="r", runs=tmp_path, command=[]).judgments()
    assert isinstance(judgment.result, (Judged, Failed))
    return judgment.result


@pytest.mark.parametrize(
    ("given", "chances"),
    [
        ({"p_first": 0.7, "p_tie": 0.1, "p_second": 0.2}, Chances(0.7, 0.1, 0.2)),
        ({"p_first": 0.7, "p_tie": 0.1, "p_second": 0.2, "verdict": "first"}, Chances(0.7, 0.1, 0.2)),
        ({"p_first": 1, "p_tie": 0, "p_second": 0, "verdict": None}, Chances(1.0, 0.0, 0.0)),
        ({"preference": 1.25}, Chances(0.75, 0.0, 0.25)),
        ({"preference": 2}, Chances(0.0, 0.0, 1.0)),
        ({"preference": 0}, Chances(0.0, 1.0, 0.0)),
    ],
)
def test_a_line_may_give_probabilities_or_a_preference(tmp_path: Path, given: dict[str, Any], chances: Chances) -> None:
    assert imported(tmp_path, line(**given)) == Judged.softly({"overall": chances})


def test_a_line_without_a_preference_is_a_failure(tmp_path: Path) -> None:
    assert imported(tmp_path, line(preference=None)) == Failed(FailureKind.OTHER, "no verdict", "overall")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "no verdict, no p_first"),
        ({"p_first": 0.7, "p_second": 0.3}, "needs p_first, p_tie and p_second"),
        ({"p_first": 0.7, "p_tie": 0.7, "p_second": 0.7}, "sum to 1"),
        ({"p_first": "0.7", "p_tie": 0.1, "p_second": 0.2}, "p_first"),
        ({"p_first": 0.7, "p_tie": 0.1, "p_second": 0.2, "preference": 1.5}, "both probabilities and a preference"),
        ({"p_first": 0.7, "p_tie": 0.1, "p_second": 0.2, "verdict": "tie"}, "the most probable one is first"),
        ({"p_first": 0.7, "p_tie": 0.1, "p_second": 0.2, "failure": "refused"}, "both a verdict and a failure"),
        ({"preference": 2.5}, "between 1"),
        ({"preference": 0.5}, "between 1"),
        ({"preference": True}, "preference"),
    ],
)
def test_a_line_that_is_no_soft_verdict_is_refused_in_words(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputErrors, match=words):
        imported(tmp_path, line(**given))


def test_an_annotation_without_a_model_is_refused_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([annotation(0, 1.0), annotation(1, 1.0, generator_2=None)]))
    with pytest.raises(InputErrors, match=r"record 2.*generator_2"):
        import_verdicts(str(tmp_path / "a.json"), name="r", runs=tmp_path, command=[])


def test_probabilities_are_exported_and_shown(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "v.jsonl", [line(p_first=0.7, p_tie=0.1, p_second=0.2), line(item="y", verdict="tie")])
    omr_judge("import", "v.jsonl", "--name", "r", cwd=tmp_path)
    omr_judge("export", "r", "--to", "jsonl", "--out", "tables", cwd=tmp_path)
    rows = [json.loads(row) for row in (tmp_path / "tables" / "judgments.jsonl").read_text().splitlines()]
    assert [(row["p_first"], row["p_tie"], row["p_second"]) for row in rows] == [(0.7, 0.1, 0.2), (None, None, None)]
    assert "first 70.0%, tie 10.0%, second 20.0%" in omr_judge("show", "r", "x", cwd=tmp_path).stdout
