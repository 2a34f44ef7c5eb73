"""A score carried away: tables that say what was counted by hand."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from checklists import all_groups, judged, make_case
from command import omr_judge, read_jsonl
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from score_runs import REFUSED, TRACES, three_traces

from judge.audit.audited_item import journeys
from judge.enums import FailureMode
from judge.export.score_rows import CLAIMS, UNITS, claim_rows, score_judgment_row, scored_rows, unit_rows
from judge.outcomes.item_features import WantedFields
from judge.outcomes.latest_judgments import latest_judgments
from judge.runs.run_folder import RunFolder
from judge.schema import FailureKind, Group, JudgeSpec, Reply
from judge.scoring.cases import features_of_cases
from judge.scoring.scores import score

TABLES = ("items", "units", "judgments")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("score")
    three_traces(folder)
    return folder


@pytest.fixture(scope="module")
def tables(work: Path) -> dict[str, list[dict[str, Any]]]:
    told = omr_judge("export", "s", "--to", "jsonl", "--out", "tables", cwd=work)
    assert told.stdout == "tables: items 3, units 15, judgments 9\n"
    return {name: read_jsonl(work / f"tables/{name}.jsonl") for name in TABLES}


def test_a_row_a_trace_holds_the_figures_counted_by_hand(tables: dict[str, list[dict[str, Any]]]) -> None:
    own = {row["item"]: row for row in tables["items"]}
    assert list(own) == list(TRACES)
    groups = {item: [row[f"{group}_score"] for group in Group] for item, row in own.items()}
    assert groups == {"q1": [1.0, 1.0, 1.0], "q2": [0.5, 1.0, 0.5], REFUSED: [0.0, 0.0, None]}
    whole = {item: (row["trace_score"], row["right_and_grounded"]) for item, row in own.items()}
    assert whole["q1"] == (1.0, 1.0)
    assert whole["q2"] == (pytest.approx(2 / 3), 0.0)
    assert whole[REFUSED] == (None, None)
    assert [row["rationale_standing"] for row in tables["items"]] == ["scored", "scored", "missing"]
    assert (own["q2"]["perception_presence"], own["q2"]["perception_correctness"]) == (1.0, 0.5)
    assert (own[REFUSED]["knowledge_presence"], own[REFUSED]["knowledge_correctness"]) == (0.0, None)
    answers = {item: (row["answer"], row["right"], row["unread"]) for item, row in own.items()}
    assert answers == {"q1": ("A", True, False), "q2": ("B", False, False), REFUSED: (None, False, True)}
    assert [row["by_site"] for row in tables["items"]] == ["hand", "foot", None]


def test_a_row_a_unit_holds_the_claim_what_was_said_of_it_and_what_is_wrong(
    tables: dict[str, list[dict[str, Any]]],
) -> None:
    own = {(row["item"], row["unit"]): row for row in tables["units"]}
    modes = {place: row["mode"] for place, row in own.items()}
    assert modes["q2", "u2"] == "factual_error"
    assert modes["q2", "u5"] == "omission"
    assert Counter(modes.values()) == {"ok": 8, "factual_error": 1, "omission": 4, "judge_error": 2}
    denied = own["q2", "u2"]
    assert (denied["claim"], denied["evidence"], denied["importance"]) == ("dark spot", "dark spot", "core")
    assert (denied["presence"], denied["correctness"], denied["consistency"], denied["grounded"]) == (2, -1, 1, None)
    assert (own["q1", "u4"]["group"], own["q1", "u4"]["grounded"]) == ("rationale", True)
    refused = own[REFUSED, "u4"]
    assert (refused["failure"], refused["presence"], refused["evidence"]) == ("refused", None, None)
    assert {(row["judge"], row["sample"]) for row in tables["units"]} == {("openai:judge-1", 0)}


def test_a_row_a_request_holds_how_it_went_and_what_it_took(
    work: Path, tables: dict[str, list[dict[str, Any]]]
) -> None:
    own = {row["key"]: row for row in tables["judgments"]}
    assert Counter(row["status"] for row in own.values()) == {"scored": 8, "failed": 1}
    for judgment in RunFolder(work / "runs/s").judgments():
        row = own[judgment.key]
        assert (row["item"], row["group"], row["latency_s"]) == (judgment.item, judgment.group, judgment.latency_s)
        assert judgment.reply is not None
        usage = judgment.reply.usage
        assert (row["tokens_input"], row["tokens_output"]) == (usage.input, usage.output)
        assert row["usd"] == pytest.approx((usage.input + 2 * usage.output) / 1e6)
    (failed,) = [row for row in own.values() if row["failure"]]
    assert (failed["item"], failed["group"], failed["failure"]) == (REFUSED, "rationale", "refused")


def test_polars_reads_the_same_tables_from_every_form_and_no_cell_of_csv_is_a_formula(
    work: Path, tables: dict[str, list[dict[str, Any]]]
) -> None:
    for form in ("csv", "parquet"):
        omr_judge("export", "runs/s", "--to", form, "--out", f"as/{form}", cwd=work)
    for name in TABLES:
        assert pl.read_parquet(work / f"as/parquet/{name}.parquet").to_dicts() == tables[name]
        with (work / f"as/csv/{name}.csv").open(newline="", encoding="utf-8") as file:
            cells = list(csv.DictReader(file))
        assert [list(row) for row in cells] == [list(row) for row in tables[name]]
        assert not [cell for row in cells for cell in row.values() if cell.startswith(("=", "+", "@"))]
    read = pl.read_csv(work / "as/csv/items.csv")
    assert read["question"][1] == "'=Question 2: what?"
    assert read["trace_score"].to_list() == [1.0, pytest.approx(2 / 3), None]


def test_what_belongs_to_comparisons_is_refused_in_words(work: Path) -> None:
    dpo = omr_judge("export", "s", "--to", "dpo", "--out", "x.jsonl", cwd=work, code=3)
    assert "a score prefers no trace to another" in " ".join(dpo.stderr.split())
    for option in (("--criterion", "overall"), ("--min-agreement", "1")):
        told = omr_judge("export", "s", "--to", "csv", "--out", "x", *option, cwd=work, code=3)
        assert option[0] in told.stderr
    assert not (work / "x").exists()


VERDICT = st.tuples(st.sampled_from([0, 1, 2]), st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1]))


@given(st.lists(st.tuples(VERDICT, st.none() | VERDICT), min_size=1, max_size=6))
def test_every_unit_of_every_judgment_has_exactly_one_row_whatever_the_order_of_the_judgments(
    said: list[tuple[tuple[int, int, int], tuple[int, int, int] | None]],
) -> None:
    names = [f"q{place}" for place in range(len(said))]
    cases = [make_case(1, 2, 0, item=name) for name in names]
    judgments = [
        judgment
        for name, (first, second) in zip(names, said, strict=True)
        for judgment in (
            *all_groups([first], [], [], item=name),
            judged(Group.KNOWLEDGE, FailureKind.TIMEOUT if second is None else {"k1": second, "k2": second}, item=name),
        )
    ]
    spec = JudgeSpec.model_validate({"provider": "openai", "model": "m", "settings": {"max_output_tokens": 9}})
    scores = score(latest_judgments(judgments), features_of_cases(cases, WantedFields()), [spec])
    plain = scores.units.with_columns(pl.col("judge", "group", "mode").cast(pl.String), pl.col("sample").cast(pl.Int64))
    claims = pl.DataFrame([row for case in cases for row in claim_rows(case)], schema=CLAIMS, orient="row")
    rows = list(unit_rows(judgments[::-1], plain, claims))
    assert [list(row) for row in rows] == [list(UNITS)] * (3 * len(said))
    found = {(row["item"], row["unit"]): row for row in rows}
    assert len(found) == len(rows)
    for name, (first, second) in zip(names, said, strict=True):
        assert (found[name, "p1"]["presence"], found[name, "p1"]["claim"]) == (first[0], "claim p1")
        lost = found[name, "k2"]
        assert (lost["failure"], lost["mode"] == FailureMode.JUDGE_ERROR) == (
            ("timeout", True) if second is None else (None, False)
        )


def test_a_reply_that_no_longer_parses_leaves_its_quotations_unknown_and_its_verdicts_stand() -> None:
    case = make_case(0, 1, 0)
    (judgment,) = all_groups([], [(2, 1, 1)], [])
    other = structs.replace(judgment, reply=Reply(text="prose"))
    spec = JudgeSpec.model_validate({"provider": "openai", "model": "m", "settings": {"max_output_tokens": 9}})
    scores = score(latest_judgments([other]), features_of_cases([case], WantedFields()), [spec])
    plain = scores.units.with_columns(pl.col("judge", "group", "mode").cast(pl.String), pl.col("sample").cast(pl.Int64))
    claims = pl.DataFrame(list(claim_rows(case)), schema=CLAIMS, orient="row")
    (row,) = unit_rows([other], plain, claims)
    assert (row["mode"], row["evidence"]) == ("ok", None)
    (journey,) = journeys([other])
    assert score_judgment_row(journey, {})["group"] == "knowledge"
    assert next(scored_rows([{"item": "q1"}], scores.items))["knowledge_score"] == 1.0
