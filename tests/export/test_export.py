"""A run carried away: tables that say what the report says, and preferences of exactly the agreed items."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from builders import both_orders, criterion_reports, frame
from command import omr_judge, read_jsonl, report_of, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from outcomes.test_tally import CRITERIA, fold_by_hand, rows
from provider_server import Answer, Call, ProviderServer, traces_of, verdicts_for
from run_builder import A_WINS, B_WINS, MODELS, SPLITS, TIES, make_judgment, make_label, make_pair, make_run

from judge.audit.audited_item import journeys
from judge.enums import ExportFormat, Method, Orders
from judge.errors import InputError, RunError
from judge.export.rows import LABELS, agreed_items, judgment_rows
from judge.export.write import ExportOptions, export_run
from judge.files.files import write_lines
from judge.labels.labels import append_labels, labels_path
from judge.outcomes.counted_items import Subject
from judge.outcomes.rates import Basis
from judge.runs.run_folder import RunFolder
from judge.schema import Failed, FailureKind, Image, Judgment, Order, Verdict, Winner
from judge.tables.tidy_csv import harmless

RUBRIC_CRITERIA = ["perception", "knowledge", "rationale", "overall"]
SAID = {"q0": ("a", "a"), "q1": ("b", "b"), "q2": ("first", "first"), "q3": ("a", None)}
"""what the judge says of each item in both orders; None: it refuses"""
BYPASSES = [
    *(f"{before}{sign}1+1" for sign in "=+-@" for before in ("", " ", "\t", "\r", "\u00a0", "\u200b", "\ufeff", "x\n")),
    *("＝1+1", "＋1+1", "－1+1", "＠SUM(1)"),  # noqa: RUF001 - spreadsheets take the full-width ones too
    *("\x00=1+1", "\x1b=1+1", "\x7f=1+1", "\u202e=1+1", "\u00ad=1+1", "x\r=1+1", "x\r\n@SUM(1)", "\x0b=1", "\u2028=1"),
]


def record(number: int, side: str, model_answer: str) -> dict[str, Any]:
    return {
        "id": f"q{number}",
        "question": f"=Question {number}?",
        "options": {"A": "one", "B": "two"},
        "answer": "A",
        "subgroup": {"site": "left"} if number else {},
        "trace": f"{side} trace of q{number}" if number < 4 else "the same",
        "model": f"model-{side.lower()}",
        "model_answer": model_answer,
    }


def scripted(call: Call) -> Answer:
    first, _ = traces_of(call)
    a_first = first.startswith("Left")
    said = SAID[first[first.index("q") :].split()[0]][0 if a_first else 1]
    if said is None:
        return Answer("I will not.", stop="refusal")
    slot = said if said not in {"a", "b"} else "first" if (said == "a") == a_first else "second"
    return Answer(verdicts_for(call.schema or {}, slot, evidence=("=quoted 1", "quoted 2")))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four items that differ and an identical one, judged by the real command; with one label."""
    folder = tmp_path_factory.mktemp("judged")
    answers = ["AB", "BA", "AA", "BB", "AA"]
    for side, place in (("Left", 0), ("Right", 1)):
        name = "a.jsonl" if place == 0 else "b.jsonl"
        write_jsonl(folder / name, [record(number, side, both[place]) for number, both in enumerate(answers)])
    with ProviderServer(scripted) as server:
        named = ("--judge", f"openai:m@{server.url}/v1", "--name", "r", "--max-failures", "1", "--price", "m=1/2")
        omr_judge("compare", "a.jsonl", "b.jsonl", *named, cwd=folder)
    append_labels(labels_path(folder / "runs/r"), [make_label("q0", Winner.A, reason="=1+1")])
    return folder


def by_item(table: list[dict[str, Any]], criterion: str = "overall") -> dict[str, dict[str, Any]]:
    return {row["item"]: row for row in table if row["criterion"] == criterion}


def test_the_tables_hold_what_was_judged_as_the_report_counts_it(judged: Path) -> None:
    told = omr_judge("export", "r", "--to", "jsonl", "--out", "tables", cwd=judged)
    assert told.stdout == "tables: items 20, judgments 32, labels 1\n"
    items = read_jsonl(judged / "tables/items.jsonl")
    own = by_item(items)
    assert [row["criterion"] for row in items if row["item"] == "q0"] == RUBRIC_CRITERIA
    outcomes = {item: (row["outcome"], row["credit"], row["consistent"]) for item, row in own.items()}
    assert outcomes == {
        "q0": ("a", 1.0, 1.0),
        "q1": ("b", 0.0, 1.0),
        "q2": ("split", 0.5, 0.0),
        "q3": ("missing", None, None),
        "q4": ("tie", 0.5, None),
    }
    assert (own["q2"]["forward"], own["q2"]["swapped"]) == (1.0, 0.0)
    assert {item: row["stratum"] for item, row in own.items()} == {
        "q0": "only_a_right",
        "q1": "only_b_right",
        "q2": "both_right",
        "q3": "both_wrong",
        "q4": "both_right",
    }
    assert (own["q0"]["right_a"], own["q0"]["right_b"]) == (True, False)
    assert (own["q0"]["by_site"], own["q1"]["by_site"], own["q0"]["question"]) == (None, "left", "=Question 0?")
    overall = report_of(judged / "runs/r")["criteria"]["overall"]
    counts = [overall[name] for name in ("wins_a", "wins_b", "ties", "splits", "missing")]
    assert counts == [1, 1, 1, 1, 1]


def test_each_criterion_of_a_judgment_is_a_row_with_what_was_said_and_what_it_took(judged: Path) -> None:
    run = RunFolder(judged / "runs/r")
    export_run(run, ExportOptions(ExportFormat.JSONL, judged / "judgments"))
    table = read_jsonl(judged / "judgments/judgments.jsonl")
    found = {(row["item"], row["order"]): row for row in table if row["criterion"] == "overall"}
    said = {place: (row["verdict"], row["winner"], row["failure"]) for place, row in found.items()}
    assert said == {
        ("q0", "forward"): ("first", "a", None),
        ("q0", "swapped"): ("second", "a", None),
        ("q1", "forward"): ("second", "b", None),
        ("q1", "swapped"): ("first", "b", None),
        ("q2", "forward"): ("first", "a", None),
        ("q2", "swapped"): ("first", "b", None),
        ("q3", "forward"): ("first", "a", None),
        ("q3", "swapped"): (None, None, "refused"),
    }
    assert {row["evidence_1"] for row in table} == {"=quoted 1", None}
    for judgment in run.judgments():
        row = found[judgment.item, judgment.order.value]
        assert (row["key"], row["judge"], row["sample"], row["earlier"]) == (judgment.key, "openai:m", 0, 0)
        assert (row["latency_s"], row["time"]) == (judgment.latency_s, judgment.time)
        assert judgment.reply is not None
        usage = judgment.reply.usage
        assert (row["tokens_input"], row["tokens_output"]) == (usage.input, usage.output)
        assert row["usd"] == float((usage.input + 2 * usage.output) * Decimal("0.000001"))
        assert row["model"] == judgment.reply.model


def test_csv_and_parquet_hold_the_same_tables_and_no_cell_of_csv_is_a_formula(judged: Path) -> None:
    for form in ("csv", "parquet", "jsonl"):
        omr_judge("export", "runs/r", "--to", form, "--out", f"as/{form}", cwd=judged)
    for name in ("items", "judgments", "labels"):
        lines = read_jsonl(judged / f"as/jsonl/{name}.jsonl")
        assert pl.read_parquet(judged / f"as/parquet/{name}.parquet").to_dicts() == lines
        with (judged / f"as/csv/{name}.csv").open(newline="", encoding="utf-8") as file:
            cells = list(csv.DictReader(file))
        assert [list(row) for row in cells] == [list(row) for row in lines]
        assert [list(row.values()) for row in cells] == [list(map(csv_cell, row.values())) for row in lines]
    assert by_item(cells)["q0"]["reason"] == "'=1+1"
    assert sorted(path.name for path in (judged / "as/parquet").iterdir()) == [
        "items.parquet",
        "judgments.parquet",
        "labels.parquet",
    ]


def csv_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if value.startswith("=") else value
        case _:
            return str(value)


def test_preferences_are_the_items_whose_orders_agree_in_the_form_that_trl_reads(judged: Path) -> None:
    told = omr_judge("export", "r", "--to", "dpo", "--out", "dpo.jsonl", "--criterion", "knowledge", cwd=judged)
    assert told.stdout == "dpo.jsonl: preferences 2\n"
    for_a, for_b = read_jsonl(judged / "dpo.jsonl")
    assert for_a == {
        "prompt": [{"role": "user", "content": "=Question 0?\n\nA. one\nB. two"}],
        "chosen": [{"role": "assistant", "content": "Left trace of q0\n\nFinal answer: A"}],
        "rejected": [{"role": "assistant", "content": "Right trace of q0\n\nFinal answer: B"}],
        "item": "q0",
        "criterion": "knowledge",
        "judges": ["openai:m"],
        "chosen_model": "model-left",
        "rejected_model": "model-right",
        "agreement": 1.0,
        "run": "r",
        "judge_prompt": "pairwise.v1",
    }
    assert (for_b["item"], for_b["chosen_model"], for_b["rejected_model"]) == ("q1", "model-right", "model-left")
    assert for_b["chosen"][0]["content"].startswith("Right trace of q1")


def shape(value: object) -> object:
    """Return a JSON value's type, with those of what it holds."""
    if isinstance(value, Mapping):
        return {name: shape(part) for name, part in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value)


def test_all_preferences_have_the_same_columns_and_types_and_paths_of_images_where_the_run_has_any(
    tmp_path: Path,
) -> None:
    image = Image(path="/images/x.png", sha256="0" * 64, media_type="image/png")
    pairs = [make_pair("q0"), make_pair("q1", images=[image]), make_pair("q2", images=[image, image])]
    run = make_run(tmp_path / "run", {"q0": B_WINS, "q1": A_WINS, "q2": A_WINS}, pairs)
    run.write_manifest(run.manifest().model_copy(update={"n_images": 3}))
    export_run(run, ExportOptions(ExportFormat.DPO, tmp_path / "dpo.jsonl"))
    found = read_jsonl(tmp_path / "dpo.jsonl")
    assert [row["item"] for row in found] == ["q1", "q2", "q0"], "the type of a column is guessed from the first lines"
    assert [row.pop("images") for row in found] == [["/images/x.png"], ["/images/x.png"] * 2, []]
    assert [shape(row) for row in found] == [shape(found[0])] * 3
    assert {row["judge_prompt"] for row in found} == {""}
    assert [row["chosen_model"] for row in found] == [MODELS[0], MODELS[0], MODELS[1]]


def test_agreement_is_the_share_of_all_judges_samples_whose_own_outcome_is_the_items() -> None:
    """x: three samples for a, one split: (1 + 1 + 1 + 1) / 4 forward and 3 / 4 swapped are a's, 3 of 4 agree.
    y: b in all; z: a tie; k's second sample of y failed, so that 3 of 3 agree.
    """
    said: dict[str, list[tuple[Verdict | None, Verdict | None]]] = {
        "x": [A_WINS, A_WINS, A_WINS, SPLITS],
        "y": [B_WINS, B_WINS, B_WINS, (Verdict.SECOND, None)],
        "z": [TIES, TIES, TIES, TIES],
    }
    drawn = [
        (row[0], judge, *row[2:])
        for item, samples in said.items()
        for place, both in enumerate(samples)
        for judge in ["jk"[place // 2]]
        for row in both_orders(item, *both, sample=place % 2)
    ]
    subject = Subject(["j", "k"], ["overall"], Orders.BOTH, n_items=3, n_identical=0)
    assert agreed_items(frame(drawn), subject, "overall") == {"x": ("a", 0.75), "y": ("b", 1.0)}


@given(data=st.data())
def test_the_agreed_items_are_those_that_the_report_counts_as_wins(data: st.DataObject) -> None:
    drawn, judges = data.draw(rows(Orders.BOTH))
    subject = Subject(judges, CRITERIA, Orders.BOTH, n_items=8, n_identical=0)
    settled = frame(drawn)
    by_hand = fold_by_hand(drawn, judges, Orders.BOTH)
    for criterion in CRITERIA:
        agreed = agreed_items(settled, subject, criterion)
        found = {item: outcome for item, (outcome, _) in agreed.items()}
        wins = {
            item: folded.outcome
            for (name, item), folded in by_hand.items()
            if name == criterion and folded.outcome in {"a", "b"}
        }
        assert found == wins
        assert all(0 <= agreement <= 1 for _, agreement in agreed.values())
        if drawn:
            report = criterion_reports(settled, subject, Basis(Method.WILSON, seed=0))[criterion]
            assert sorted(found.values()) == ["a"] * report.wins_a + ["b"] * report.wins_b


def test_a_smaller_share_than_asked_for_is_left_out_and_no_preference_at_all_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q0": A_WINS, "q1": A_WINS, "q2": TIES, "q3": SPLITS, "q4": None})
    of_k = {"q0": TIES, "q1": A_WINS, "q2": A_WINS, "q3": A_WINS}
    second = [
        make_judgment(item, order, verdict, judge="k")
        for item, both in of_k.items()
        for order, verdict in zip(Order, both, strict=True)
    ]
    write_lines(run.judgments_path, [*run.judgments(), *second])
    run.write_manifest(run.manifest().model_copy(update={"imported_judges": ("j", "k")}))

    def exported(name: str, share: float | None) -> list[tuple[str, float]]:
        export_run(run, ExportOptions(ExportFormat.DPO, tmp_path / name, min_agreement=share))
        return [(row["item"], row["agreement"]) for row in read_jsonl(tmp_path / name)]

    assert exported("all", None) == [("q0", 0.5), ("q1", 1.0), ("q2", 0.5)]
    assert exported("sure", 0.75) == [("q1", 1.0)]
    split = make_run(tmp_path / "split", {"q0": SPLITS, "q1": None})
    with pytest.raises(InputError, match=r"no item on overall \(orders agree on 0 of 2\)"):
        export_run(split, ExportOptions(ExportFormat.DPO, tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("text", BYPASSES)
def test_no_line_of_a_cell_is_a_formula_even_after_its_control_characters_are_gone(text: str) -> None:
    for line in harmless(text).split("\n"):
        assert line.strip()[:1] not in tuple("=+-@＝＋－＠")  # noqa: RUF001 - the full-width ones too


def test_a_hostile_question_and_field_name_stay_harmless_in_csv_and_whole_in_json_lines(tmp_path: Path) -> None:
    pair = make_pair("q1")
    named = {"question": "\x1b=HYPERLINK(1)\n@SUM(1)", "subgroup": {"x\n=1": "\u202e=2"}}
    hostile = structs.replace(pair, item=structs.replace(pair.item, **named))
    run = make_run(tmp_path / "run", {"q1": A_WINS}, [hostile])
    for form in (ExportFormat.CSV, ExportFormat.JSONL):
        export_run(run, ExportOptions(form, tmp_path / form.value))
    with (tmp_path / "csv/items.csv").open(newline="", encoding="utf-8") as file:
        (row, _) = csv.DictReader(file)
    assert row["question"] == "'=HYPERLINK(1)\n'@SUM(1)"
    assert row["by_x\n'=1"] == "⟨U+202E⟩=2"
    (kept, _) = read_jsonl(tmp_path / "jsonl/items.jsonl")
    assert (kept["question"], kept["by_x\n=1"]) == (named["question"], "\u202e=2")


@pytest.mark.slow
def test_an_imported_run_has_tables_of_what_is_known_and_no_preferences(tmp_path: Path) -> None:
    lines = [
        {"item": "x", "order": order, "verdict": verdict, "reply": "prose", "meta": {"site": site}}
        for order, verdict, site in (("forward", "first", "left"), ("swapped", "second", "left"))
    ]
    write_jsonl(tmp_path / "verdicts.jsonl", lines)
    omr_judge("import", "verdicts.jsonl", "--name", "r", cwd=tmp_path)
    omr_judge("export", "r", "--to", "jsonl", "--out", "t", cwd=tmp_path)
    (row,) = read_jsonl(tmp_path / "t/items.jsonl")
    assert (row["item"], row["outcome"], row["question"], row["stratum"], row["by_site"]) == (
        "x",
        "a",
        None,
        None,
        "left",
    )
    judgments = read_jsonl(tmp_path / "t/judgments.jsonl")
    assert [(one["winner"], one["evidence_1"], one["model"]) for one in judgments] == [("a", None, None)] * 2
    assert (tmp_path / "t/labels.jsonl").read_bytes() == b""
    omr_judge("export", "r", "--to", "parquet", "--out", "p", cwd=tmp_path)
    assert pl.read_parquet(tmp_path / "p/labels.parquet").columns == list(LABELS)
    refused = omr_judge("export", "r", "--to", "dpo", "--out", "d", cwd=tmp_path, code=3)
    assert refused.stderr == "omr-judge: --to dpo: the traces of r are not known (export a run of compare)\n"


def test_a_request_that_was_asked_again_has_the_rows_of_the_judgment_that_counts(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q0": A_WINS})
    first, second = run.judgments()
    failed = structs.replace(first, result=Failed(failure=FailureKind.TIMEOUT), reply=None)
    second = structs.replace(second, reply=None)
    write_lines(run.judgments_path, [failed, second, first])
    export_run(run, ExportOptions(ExportFormat.JSONL, tmp_path / "t"))
    table = read_jsonl(tmp_path / "t/judgments.jsonl")
    assert [row["evidence_1"] for row in table] == [None, None, "", ""]
    assert [(row["order"], row["failure"], row["earlier"]) for row in table if row["criterion"] == "overall"] == [
        ("swapped", None, 0),
        ("forward", None, 1),
    ]


def test_a_failure_of_one_criterion_has_one_row_and_without_replies_tokens_and_cost_are_unknown() -> None:
    failed = Judgment(
        key="0" * 32,
        item="x",
        order=Order.FORWARD,
        judge="j",
        sample=0,
        result=Failed(failure=FailureKind.OTHER, criterion="safety"),
    )
    ((row,),) = [list(judgment_rows(one, ["safety", "overall"], {})) for one in journeys([failed])]
    assert (row["criterion"], row["failure"], row["usd"]) == ("safety", "other", None)
    assert "tokens_input" not in row


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": "run"}, "--out .*: exists already"),
        ({"criterion": "beauty"}, r"--criterion beauty: no such criterion \(the run has knowledge, overall\)"),
        ({"form": ExportFormat.CSV, "criterion": "overall"}, "--criterion: chooses preferences, not rows of csv"),
        ({"form": ExportFormat.JSONL, "min_agreement": 0.5}, "--min-agreement: chooses preferences, not rows of jsonl"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    run = make_run(tmp_path / "run", {"q0": A_WINS})
    chosen = {"form": ExportFormat.DPO, **changes, "out": tmp_path / changes.get("out", "new")}
    with pytest.raises(InputError, match=message):
        export_run(run, ExportOptions(**chosen))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_of_one_order_and_an_item_without_a_question_give_no_preferences(tmp_path: Path) -> None:
    pair = make_pair("q0")
    bare = structs.replace(pair, item=structs.replace(pair.item, question="", options={}))
    run = make_run(tmp_path / "run", {"q0": A_WINS}, [bare])
    with pytest.raises(InputError, match="item 'q0' has no question"):
        export_run(run, ExportOptions(ExportFormat.DPO, tmp_path / "d"))
    run.write_manifest(run.manifest().model_copy(update={"orders": Orders.ONE}))
    with pytest.raises(InputError, match="the run asked one order"):
        export_run(run, ExportOptions(ExportFormat.DPO, tmp_path / "d"))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_damaged_journal_leaves_nothing_behind(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q0": A_WINS})
    run.judgments_path.write_bytes(b"{}\n")
    with pytest.raises(RunError, match="damaged line"):
        export_run(run, ExportOptions(ExportFormat.PARQUET, tmp_path / "t"))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_polars_reads_the_run_folder_directly_as_the_documentation_says(judged: Path) -> None:
    judgments = pl.read_ndjson(judged / "runs/r/judgments.jsonl", infer_schema_length=None)
    said = judgments.select("item", "order", pl.col("result").struct.field("verdicts").struct.field("overall"))
    assert said.filter(pl.col("overall") == "first").height == 5
    assert json.loads((judged / "runs/r/manifest.json").read_bytes())["model_a"] == "model-left"
