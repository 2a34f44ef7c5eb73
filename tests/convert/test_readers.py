"""Each generator's records, written here in the shapes that the generator documents, become the right rows."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from convert.format_examples import EXAMPLES
from hypothesis import given
from hypothesis import strategies as st

from judge.convert.chat_templates import asked_in
from judge.convert.formats import FORMATS, Format
from judge.convert.in_passing import converted
from judge.convert.output import Cut, NoTrace, Row, trace_text, why_no_trace
from judge.convert.read_rows import Problems, RowFile
from judge.convert.source import source_records
from judge.enums import SourceFormat
from judge.errors import InputError, InputErrors
from judge.files.fields import RecordProblem
from judge.files.jsonl import JsonLines
from judge.files.limits import Limits, limiting
from judge.inputs.items import read_items
from judge.inputs.traces import read_traces

Json = dict[str, Any]


def lm_eval(**changes: Any) -> Json:  # noqa: ANN401
    return {
        "doc_id": 7,
        "doc": {"question": "Which lobe?", "choices": ["upper", "lower"]},
        "target": "1",
        "arguments": {"gen_args_0": {"arg_0": "Q: Which lobe?\nA:", "arg_1": {"until": []}}},
        "resps": [["<think>It is low.</think>lower"]],
        "filtered_resps": ["lower"],
        "filter": "strict",
        "metrics": ["exact_match"],
        "doc_hash": "abc",
        "exact_match": 1.0,
    } | changes


def lmms_eval(**changes: Any) -> Json:  # noqa: ANN401
    return {
        "doc_id": 3,
        "target": "B",
        "input": "<image>\nWhich lobe?",
        "filtered_resps": ["B"],
        "token_counts": [{"output_tokens": 12}],
        "doc_hash": "h",
    } | changes


def vlmevalkit(**changes: Any) -> Json:  # noqa: ANN401
    row = {"index": 5, "question": "Which lobe?", "A": "upper", "B": "lower", "answer": "B", "category": "chest"}
    return row | {"prediction": "B", "thinking": "It is low."} | changes


def chat(message: Json, *, finish: str = "stop", **changes: Any) -> Json:  # noqa: ANN401
    body = {"model": "m-1", "choices": [{"index": 0, "finish_reason": finish, "message": message}], "usage": {"n": 1}}
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {"id": "batch_req_1", "custom_id": "q1", "response": response, "error": None} | changes


def responses(*output: Json, **body: Any) -> Json:  # noqa: ANN401
    told = {"model": "m-1", "status": "completed", "output": list(output)} | body
    return {"id": "b", "custom_id": "q1", "response": {"status_code": 200, "body": told}, "error": None}


def message_of(*parts: Json) -> Json:
    return {"type": "message", "role": "assistant", "content": list(parts)}


def anthropic(*content: Json, stop: str = "end_turn") -> Json:
    message = {"model": "c-1", "content": list(content), "stop_reason": stop, "usage": {"output_tokens": 3}}
    return {"custom_id": "q1", "result": {"type": "succeeded", "message": message}}


def inspect_log(*samples: Json, **changes: Any) -> Json:  # noqa: ANN401
    return {"version": 2, "status": "success", "eval": {"model": "openai/m-1"}, "samples": list(samples)} | changes


def inspect_sample(content: object, *, stop: str = "stop", **changes: Any) -> Json:  # noqa: ANN401
    choice = {"message": {"role": "assistant", "content": content}, "stop_reason": stop}
    asked = {"id": "s1", "epoch": 1, "input": "Which lobe?", "choices": ["upper", "lower"], "target": ["B"]}
    return asked | {"output": {"model": "m", "choices": [choice], "completion": "whole"}} | changes


ALPACA = {"dataset": "d", "instruction": "Name a lobe.", "output": "lower", "generator": "m-2"}


def write(folder: Path, *records: object) -> Path:
    path = folder / "in.jsonl"
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records))
    return path


def rows(path: Path, *, format_: str | None = None, id_path: str | None = None) -> tuple[str, list[Row]]:
    problems = Problems()
    with RowFile(path, format_, id_path=id_path) as file:
        found = [row for _, row in file.rows(problems)]
        problems.raise_any()
        return file.format.name, found


def only(folder: Path, record: object, **options: str) -> Row:
    (row,) = rows(write(folder, record), **options)[1]
    return row


def refused(path: Path, **options: str) -> list[str]:
    with pytest.raises(InputError) as error:
        rows(path, **options)
    return str(error.value).replace(str(path), path.name).splitlines()


def write_xlsx(path: Path, table: Iterable[Iterable[object]]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in table:
        sheet.append(list(row))
    book.save(path)
    return path


def as_table(*records: Mapping[str, object]) -> list[list[object]]:
    return [list(records[0]), *(list(record.values()) for record in records)]


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("lm-eval", lm_eval()),
        ("lmms-eval", lmms_eval()),
        ("vlmevalkit", vlmevalkit()),
        ("openai-batch", chat({"content": "B"})),
        ("openai-batch", {"id": "b", "custom_id": "q", "response": None, "error": {"code": "x", "message": "y"}}),
        ("anthropic-batch", anthropic({"type": "text", "text": "B"})),
        ("inspect", inspect_log(inspect_sample("B"))),
        ("alpaca-eval", ALPACA),
        ("native", {"qid": 1, "output": "B"}),
    ],
)
def test_every_format_is_known_by_its_fields(name: str, record: Json, tmp_path: Path) -> None:
    assert rows(write(tmp_path, record))[0] == name


def test_the_option_names_every_format() -> None:
    assert [one.name for one in FORMATS] == list(SourceFormat)


def test_a_sample_of_lm_eval_is_its_raw_response_with_the_documents_question(tmp_path: Path) -> None:
    row = only(tmp_path, lm_eval())
    assert (row.id, row.filter, row.model) == ("7", "strict", None)
    assert trace_text(row) == "<think>It is low.</think>lower"
    assert row.fields == {"question": "Which lobe?", "options": {"A": "upper", "B": "lower"}, "answer": "B"}
    assert row.source == {"filter": "strict", "filtered": "lower", "doc_hash": "abc", "prompt": "Q: Which lobe?\nA:"}


@pytest.mark.parametrize(
    ("doc", "target", "fields"),
    [
        ({"query": "Q?", "choices": {"text": ["x", "y"], "label": ["1", "2"]}}, "2", {"answer": "2"}),
        ({"options": {"A": "x", "B": "y"}}, 0, {"answer": "A"}),
        ({"options": ["x", "y"]}, "y", {"answer": "y"}),
        ({"options": ["x", "y"]}, 9, {"answer": "9"}),
        ({"options": [["x"]], "choices": 4}, "42", {"answer": "42"}),
        ({"choices": {"text": ["x"], "label": []}}, ["a", "b"], {"answer": ["a", "b"]}),
        ({"choices": []}, True, {}),
        ({"choices": []}, [], {}),
        ({"choices": []}, [["a"]], {}),
        ({"choices": ["2", "3", "4", "1"]}, 2, {"answer": "C"}),
        ({"choices": ["2", "3", "4", "1"]}, "2", {"answer": "2"}),
        ({"choices": {"text": ["x", "y"], "label": ["1", "2"]}}, 0, {"answer": "1"}),
        ({"opa": "x", "opb": "y", "cop": 1}, 1, {"answer": "B"}),
        ({"A": "x", "B": "y"}, [0, 1], {"answer": "AB"}),
        ({"options": ["x", "y"]}, ["B"], {"answer": "B"}),
        ({"options": "['x', 'y']"}, "0", {"answer": "A"}),
    ],
)
def test_an_index_into_lm_evals_options_becomes_a_letter(
    doc: Json, target: object, fields: Json, tmp_path: Path
) -> None:
    found = only(tmp_path, lm_eval(doc=doc, target=target)).fields
    assert {name: value for name, value in found.items() if name == "answer"} == fields


def test_options_of_lm_eval_keep_their_own_labels(tmp_path: Path) -> None:
    doc = {"query": "Q?", "choices": {"text": ["x", "y"], "label": ["1", "2"]}}
    assert only(tmp_path, lm_eval(doc=doc)).fields == {"question": "Q?", "options": {"1": "x", "2": "y"}, "answer": "1"}


def test_repeats_of_lm_eval_are_rows_of_one_id(tmp_path: Path) -> None:
    found = rows(write(tmp_path, lm_eval(resps=[["one", "two"]], filter=None)))[1]
    assert [(row.id, row.text, row.filter) for row in found] == [("7", "one", None), ("7", "two", None)]


def test_likelihoods_and_missing_responses_are_no_traces(tmp_path: Path) -> None:
    path = write(tmp_path, lm_eval(resps=[[["-1.5", "False"]], [["-0.2", "True"]]]), lm_eval(resps=[]))
    assert refused(path) == [
        (
            "in.jsonl:1: the responses are no texts but likelihoods (a multiple_choice task generates nothing: "
            "run a generate_until task)"
        ),
        "in.jsonl:2: no response (resps and filtered_resps are empty or hold no text)",
    ]


@pytest.mark.parametrize("resps", ["<think>low</think>B", ["<think>low</think>B"], [["<think>low</think>B"]]])
def test_lmms_evals_response_is_preferred_to_the_filtered_one_in_any_nesting(resps: object, tmp_path: Path) -> None:
    row = only(tmp_path, lmms_eval(resps=resps))
    assert (row.id, row.text, row.fields) == ("3", "<think>low</think>B", {"answer": "B"})
    assert row.source == {"filtered": "B", "doc_hash": "h", "prompt": "<image>\nWhich lobe?"}


def test_a_file_that_is_read_from_a_pipe_is_not_converted() -> None:
    error = InputErrors([InputError("<stdin>:1", "missing trace")])
    with pytest.raises(InputErrors) as told:
        converted("-", error)
    assert told.value is error


def test_raw_responses_stand_alone_where_nothing_was_filtered(tmp_path: Path) -> None:
    assert only(tmp_path, lm_eval(filtered_resps=None)).text == "<think>It is low.</think>lower"


def test_lmms_eval_leaves_out_a_response_that_is_the_filtered_one(tmp_path: Path) -> None:
    assert only(tmp_path, lmms_eval()).text == "B"


EXPECTED = {"question": "Which lobe?", "options": {"A": "upper", "B": "lower"}, "answer": "B"}


@pytest.mark.parametrize("kind", ["jsonl", "json", "tsv", "xlsx"])
def test_a_table_of_vlmevalkit_is_the_same_in_every_file_type(kind: str, tmp_path: Path) -> None:
    records = [vlmevalkit(), vlmevalkit(index=6, prediction='line one\nline "two"\t3', thinking=None)]
    path = tmp_path / f"model_data.{kind}"
    match kind:
        case "jsonl":
            path = write(tmp_path, *records)
        case "json":
            path.write_text(json.dumps([*records[:1], records[1] | {"category": float("nan")}], indent=4))
        case "tsv":
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL).writerows(as_table(*records))
        case "xlsx":
            write_xlsx(path, as_table(*records))
    name, found = rows(path)
    assert name == "vlmevalkit"
    assert [(row.id, trace_text(row)) for row in found] == [
        ("5", "<think>It is low.</think>B"),
        ("6", 'line one\nline "two"\t3'),
    ]
    assert [row.fields for row in found] == [EXPECTED, EXPECTED]
    assert found[0].source == {"category": "chest"}


def test_vlmevalkits_own_failure_is_no_trace_and_excels_limit_is_told(tmp_path: Path) -> None:
    failed = vlmevalkit(prediction="Failed to obtain answer via API. timeout", thinking=None)
    records = [failed, vlmevalkit(prediction="x" * 32_767), vlmevalkit(thinking="x" * 32_767), vlmevalkit()]
    found = rows(write_xlsx(tmp_path / "t.xlsx", as_table(*records)))[1]
    assert [why_no_trace(row) for row in found] == [NoTrace.ERROR, None, None, None]
    assert found[0].detail == "Failed to obtain answer via API. timeout"
    assert [row.cut for row in found] == [None, Cut.EXCEL, Cut.EXCEL, None]


def test_numbers_in_cells_become_text_and_other_values_are_refused(tmp_path: Path) -> None:
    row = only(tmp_path, vlmevalkit(prediction=4, answer=2.5, A=1, B=None))
    assert (row.text, row.fields) == ("4", {"question": "Which lobe?", "options": {"A": "1"}, "answer": "2.5"})
    assert refused(write(tmp_path, vlmevalkit(prediction=["B"]))) == [
        "in.jsonl:1: prediction: expected text or a number, found a list"
    ]


@pytest.mark.parametrize(
    ("cells", "images"),
    [
        ({"image": "iVBORw0KGgo" * 9}, {"image_base64": ["iVBORw0KGgo" * 9]}),
        (
            {"image": str(["iVBORw0KGgo" * 9, "/9j/4AAQSkZJ" * 9])},
            {"image_base64": ["iVBORw0KGgo" * 9, "/9j/4AAQSkZJ" * 9]},
        ),
        ({"image": "x/1.png"}, {"image": ["x/1.png"]}),
        ({"image_path": "x/1.png"}, {"image": ["x/1.png"]}),
        ({"image_path": "['x/1.png', 'x/2.png']"}, {"image": ["x/1.png", "x/2.png"]}),
        ({"image_path": ["x/1.png", "x/2.png"], "image": 4}, {"image": ["x/1.png", "x/2.png"]}),
        ({"image": "", "image_path": None}, {}),
    ],
)
def test_the_images_of_a_row_of_vlmevalkit_are_kept(cells: Json, images: Json, tmp_path: Path) -> None:
    assert only(tmp_path, vlmevalkit(**cells)).fields == EXPECTED | images


@pytest.mark.parametrize("cell", ["4", 4, "['4', '5']"])
def test_a_cell_of_vlmevalkit_that_names_another_rows_image_is_refused(cell: object, tmp_path: Path) -> None:
    (told,) = refused(write(tmp_path, vlmevalkit(image=cell)))
    assert told.startswith("in.jsonl:1: image: '4' names another row, whose image would be left out (write that row's")


def test_the_text_of_a_plain_completion_is_one(tmp_path: Path) -> None:
    record = chat({})
    record["response"]["body"]["choices"] = [{"index": 0, "text": "It is low, so B.", "finish_reason": "length"}]
    row = only(tmp_path, record)
    assert (row.text, row.cut, row.model) == ("It is low, so B.", Cut.LIMIT, "m-1")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_a_chat_completions_reasoning_stands_before_its_text(name: str, tmp_path: Path) -> None:
    row = only(tmp_path, chat({"content": "B", name: "It is low.", "refusal": None}))
    assert (row.id, row.model, row.cut) == ("q1", "m-1", None)
    assert trace_text(row) == "<think>It is low.</think>B"
    assert row.source == {"finish_reason": "stop", "usage": {"n": 1}}


@pytest.mark.parametrize(
    ("record", "why", "cut", "detail"),
    [
        (chat({"content": None, "refusal": "I cannot."}), NoTrace.REFUSED, None, "I cannot."),
        (chat({"content": "par"}, finish="content_filter"), NoTrace.FILTERED, None, ""),
        (chat({"content": None}, finish="length"), NoTrace.TRUNCATED, Cut.LIMIT, ""),
        (chat({"content": " "}), NoTrace.EMPTY, None, ""),
        (chat({}, error={"code": "batch_expired", "message": "late"}), NoTrace.ERROR, None, "batch_expired: late"),
        (chat({}, error={"code": "content_filter"}), NoTrace.FILTERED, None, "content_filter"),
        (chat({}, response={"status_code": 500, "body": None}), NoTrace.ERROR, None, "status 500"),
        (chat({}, response={"status_code": 400, "body": {"error": {"message": "no"}}}), NoTrace.ERROR, None, "no"),
        (chat({"content": "half a trace"}, finish="length"), None, Cut.LIMIT, ""),
        (responses(status="failed"), NoTrace.ERROR, None, ""),
        (responses(message_of({"type": "refusal", "refusal": "No."})), NoTrace.REFUSED, None, "No."),
        (responses(incomplete_details={"reason": "content_filter"}), NoTrace.FILTERED, None, ""),
        (responses(incomplete_details={"reason": "max_output_tokens"}), NoTrace.TRUNCATED, Cut.LIMIT, ""),
    ],
)
def test_a_line_of_batch_output_says_why_it_holds_no_trace(
    record: Json, why: NoTrace | None, cut: Cut | None, detail: str, tmp_path: Path
) -> None:
    row = only(tmp_path, record)
    assert (why_no_trace(row), row.cut, row.detail) == (why, cut, detail)


def test_every_choice_is_a_row_and_content_may_come_in_parts(tmp_path: Path) -> None:
    record = chat({"content": [{"type": "text", "text": "one"}, {"type": "text", "text": "more"}]})
    record["response"]["body"]["choices"].append({"index": 1, "finish_reason": "stop", "message": {"content": "two"}})
    assert [row.text for row in rows(write(tmp_path, record))[1]] == ["one\n\nmore", "two"]


def test_a_responses_reasoning_is_preferred_to_its_summary(tmp_path: Path) -> None:
    summary = [{"type": "summary_text", "text": "short"}]
    whole = {"type": "reasoning", "summary": summary, "content": [{"type": "reasoning_text", "text": "long"}]}
    text = message_of({"type": "output_text", "text": "B"})
    assert trace_text(only(tmp_path, responses(whole, text))) == "<think>long</think>B"
    hidden = {"type": "reasoning", "summary": []}
    record = responses({"type": "reasoning", "summary": summary}, hidden, text)
    assert trace_text(only(tmp_path, record)) == "<think>short</think>B"


def test_a_body_of_another_endpoint_is_refused(tmp_path: Path) -> None:
    record = chat({}, response={"status_code": 200, "body": {"embedding": []}})
    assert refused(write(tmp_path, record)) == [
        "in.jsonl:1: no chat completion and no response (the body has neither choices nor output)"
    ]


def test_anthropics_thinking_stands_before_its_text(tmp_path: Path) -> None:
    thinking = {"type": "thinking", "thinking": "It is low.", "signature": "s"}
    redacted = {"type": "redacted_thinking", "data": "zzz"}
    row = only(tmp_path, anthropic(thinking, redacted, {"type": "text", "text": "B"}))
    assert (row.id, row.model, trace_text(row)) == ("q1", "c-1", "<think>It is low.</think>B")
    assert row.source == {"stop_reason": "end_turn", "usage": {"output_tokens": 3}}


@pytest.mark.parametrize(
    ("record", "why", "detail"),
    [
        (anthropic({"type": "text", "text": "I"}, stop="refusal"), NoTrace.REFUSED, ""),
        (anthropic(stop="max_tokens"), NoTrace.TRUNCATED, ""),
        (anthropic({"type": "thinking", "thinking": "half"}, stop="max_tokens"), None, ""),
        ({"custom_id": "q", "result": {"type": "expired"}}, NoTrace.ERROR, "expired"),
        ({"custom_id": "q", "result": {"type": "canceled"}}, NoTrace.ERROR, "canceled"),
        (
            {
                "custom_id": "q",
                "result": {
                    "type": "errored",
                    "error": {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
                },
            },
            NoTrace.ERROR,
            "errored: overloaded_error: busy",
        ),
    ],
)
def test_a_result_of_anthropic_says_why_it_holds_no_trace(
    record: Json, why: NoTrace | None, detail: str, tmp_path: Path
) -> None:
    row = only(tmp_path, record)
    assert (why_no_trace(row), row.detail) == (why, detail)


def test_thinking_that_was_cut_stays_open(tmp_path: Path) -> None:
    row = only(tmp_path, anthropic({"type": "thinking", "thinking": "half"}, stop="max_tokens"))
    assert trace_text(row) == "<think>half"


def test_an_unknown_result_of_anthropic_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, {"custom_id": "q", "result": {"type": "new"}})) == [
        "in.jsonl:1: a result of unknown type (known: succeeded, errored, canceled, expired)"
    ]


def test_a_log_of_inspect_gives_a_row_for_each_sample_with_its_attachments(tmp_path: Path) -> None:
    key = "0123456789abcdef0123456789abcdef"
    blocks = [
        {"type": "reasoning", "reasoning": f"attachment://{key}", "redacted": False},
        {"type": "reasoning", "reasoning": "opaque", "redacted": True, "summary": "in short"},
        {"type": "reasoning", "reasoning": "opaque", "redacted": True},
        {"type": "text", "text": "attachment://ffff is B"},
    ]
    path = tmp_path / "log.json"
    first = inspect_sample(blocks, attachments={key: "It is low."})
    second = inspect_sample(
        "plain",
        id=2,
        epoch=2,
        target="C",
        choices=None,
        input=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Look."}, {"type": "image", "image": "x"}]},
            {"role": "user", "content": "Which?"},
        ],
    )
    path.write_text(json.dumps(inspect_log(first, second), indent=2))
    one, two = rows(path)[1]
    assert trace_text(one) == "<think>It is low.\n\nin short</think>attachment://ffff is B"
    assert (one.id, one.model, one.fields) == ("s1", "openai/m-1", EXPECTED)
    assert one.source == {"epoch": 1, "stop_reason": "stop"}
    assert (two.id, two.text, two.fields) == (
        "2",
        "plain",
        {"image": ["x"], "question": "Look.\n\nWhich?", "answer": "C"},
    )


@pytest.mark.parametrize(
    ("sample", "why", "cut", "detail"),
    [
        (inspect_sample("B", error={"message": "crashed", "traceback": "..."}), NoTrace.ERROR, None, "crashed"),
        (inspect_sample("", output={"choices": [], "error": "broken"}), NoTrace.ERROR, None, "broken"),
        (inspect_sample("x", stop="content_filter"), NoTrace.FILTERED, None, ""),
        (inspect_sample("x", stop="max_tokens"), None, Cut.LIMIT, ""),
        (inspect_sample("x", limit={"type": "token", "limit": 10.0}), None, Cut.LIMIT, ""),
        (inspect_sample("", output={"choices": [], "completion": "whole"}, target=["a", "b"]), None, None, ""),
    ],
)
def test_a_sample_of_inspect_says_why_it_holds_no_trace(
    sample: Json, why: NoTrace | None, cut: Cut | None, detail: str, tmp_path: Path
) -> None:
    row = only(tmp_path, inspect_log(sample))
    assert (why_no_trace(row), row.cut, row.detail) == (why, cut, detail)


def test_a_log_without_samples_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, inspect_log())) == [
        "in.jsonl:1: a log without samples (dump the whole log: inspect log dump FILE > log.json)"
    ]
    with zipfile.ZipFile(tmp_path / "x.eval", "w") as archive:
        archive.writestr("header.json", "{}")
    (line,) = refused(tmp_path / "x.eval")
    assert line == "x.eval: a log without samples (run the evaluation to its end, or give another log)"


def test_outputs_of_alpaca_eval_get_an_id_from_their_instruction_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps([ALPACA, ALPACA | {"instruction": "Name a rib."}]))
    one, two = rows(path)[1]
    path.write_text(json.dumps([ALPACA | {"instruction": "Name a rib.", "output": "first"}]))
    (again,) = rows(path)[1]
    assert (one.model, one.text, one.fields) == ("m-2", "lower", {"question": "Name a lobe."})
    assert (again.id, again.text) == (two.id, "first")
    assert one.id != two.id
    assert only(tmp_path, ALPACA | {"n": 4}, id_path="n").id == "4"


def test_annotations_of_alpaca_eval_are_no_outputs(tmp_path: Path) -> None:
    record = {"instruction": "x", "output_1": "a", "output_2": "b", "preference": 1.0}
    assert refused(write(tmp_path, record)) == [
        "in.jsonl:1: a judgment of two outputs, no output (give the file of one model's outputs)"
    ]


def test_our_own_files_keep_every_field_and_reasoning_goes_before_what_followed_it(tmp_path: Path) -> None:
    row = only(tmp_path, {"qid": 1, "reasoning": "It is low.", "output": "B", "generator": "m", "note": [1]})
    assert (row.id, row.model, trace_text(row)) == ("1", "m", "<think>It is low.</think>B")
    assert row.fields == {"note": [1]}
    row = only(tmp_path, {"id": "x", "trace": "t", "reasoning": "r", "options": ["a"]})
    assert (trace_text(row), row.fields) == ("t", {"reasoning": "r", "options": ["a"]})
    assert trace_text(only(tmp_path, {"id": "x", "reasoning": "r <answer>B</answer>"})) == "r <answer>B</answer>"
    assert trace_text(only(tmp_path, {"id": "x", "reasoning": "only"})) == "only"


def test_ids_lie_where_the_option_says(tmp_path: Path) -> None:
    record = lm_eval(doc={"meta": {"uid": "u-9"}})
    assert only(tmp_path, record, id_path="doc.meta.uid").id == "u-9"
    path = write(tmp_path, record, lm_eval(doc_id=True), {"doc_id": 1, "doc": 3, "resps": [], "target": None})
    assert refused(path, id_path="doc.uid") == [
        "in.jsonl:1: missing id (looked for: doc.uid; name another place with --id)",
        "in.jsonl:2: missing id (looked for: doc.uid; name another place with --id)",
        "in.jsonl:3: doc: expected an object (the file may be of another format; see --format)",
    ]
    assert refused(write(tmp_path, lm_eval(doc_id=True)))[0] == (
        "in.jsonl:1: id: expected text or an integer, found true or false (name another place with --id)"
    )
    assert refused(write(tmp_path, {"trace": "t", "id": None}), format_="native")[0].startswith(
        "in.jsonl:1: missing id"
    )


def test_all_problems_of_a_file_are_told_in_one_go_with_their_number(tmp_path: Path) -> None:
    good = chat({"content": "B"})
    broken = ["{", "[]", '{"a": 1, "a": 2}', chat({"content": 7}), chat({"content": [3]}), chat([])]  # type: ignore[arg-type]
    path = write(tmp_path, good, *broken, *(["{}"] * 40))
    lines = refused(path, format_="openai-batch")
    assert [line.partition(" (")[0] for line in lines[:7]] == [
        "in.jsonl:2: broken JSON: Expecting property name enclosed in double quotes at column 1",
        "in.jsonl:3: not an object",
        "in.jsonl:4: duplicate key 'a'",
        "in.jsonl:5: content: expected text, found a number",
        "in.jsonl:6: content: expected a list of objects",
        "in.jsonl:7: message: expected an object",
        "in.jsonl:8: missing id",
    ]
    assert lines[-1] == "... and 26 more problems"


def test_an_unknown_or_ambiguous_file_asks_for_the_format(tmp_path: Path) -> None:
    known = ", ".join(one.name for one in FORMATS)
    assert refused(write(tmp_path, {"x": 1, "y": 2})) == [
        f"in.jsonl: no format is recognised: the first record has x, y (name one with --format: {known})"
    ]
    assert refused(write(tmp_path, vlmevalkit(**ALPACA))) == [
        "in.jsonl: may be vlmevalkit or alpaca-eval (choose with --format)"
    ]
    assert rows(write(tmp_path, vlmevalkit(**ALPACA)), format_="alpaca-eval")[0] == "alpaca-eval"
    assert refused(write(tmp_path)) == ["in.jsonl: empty file (see docs/input.md on what can be read)"]
    assert [line.partition(":")[0] for line in refused(write(tmp_path, "nonsense", "more"))] == ["in.jsonl"] * 2
    assert refused(tmp_path / "none.jsonl")[0].endswith(
        "none.jsonl: no such file (relative paths start at the current folder)"
    )


def test_gzip_is_known_by_its_content_and_nan_is_no_value(tmp_path: Path) -> None:
    path = tmp_path / "samples.dat"
    path.write_bytes(gzip.compress(json.dumps(lm_eval(perplexity=float("nan"))).encode()))
    assert rows(path)[0] == "lm-eval"
    packed = tmp_path / "packed.xlsx"
    packed.write_bytes(gzip.compress(write_xlsx(tmp_path / "t.xlsx", as_table(vlmevalkit())).read_bytes()))
    assert rows(packed)[0] == "vlmevalkit"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[1, {"id": 1, "trace": "t"}]', "in.jsonl, record 1: not an object (give an array of objects)"),
        (b'[{"a": 1}', "in.jsonl: broken JSON"),
        (b'{"samples": [\n1,\n', "in.jsonl: broken JSON: Expecting value"),
        (b'{\n"a": "\xff"}', "in.jsonl: not UTF-8"),
        (b"\x80\x04\t", "in.jsonl: looks like a pickle"),
        (b"PK\x03\x04", "in.jsonl: damaged Excel sheet"),
        (b'index\tprediction\n1\t"open\n', "in.jsonl:2: broken table: unexpected end of data"),
        (b"index\tprediction\n1\t\xff\n", "in.jsonl:2: not UTF-8"),
        (b"\nindex\tindex\n1\t2\n", "in.jsonl: two columns 'index'"),
        (b"index\tprediction\n\n1\n", "in.jsonl:3: 1 cells under 2 columns (write the file again, with quoted cells)"),
    ],
)
def test_a_damaged_file_is_refused_by_its_place(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    assert refused(path)[0].startswith(said)


def test_archives_that_are_no_sheet_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    assert refused(tmp_path / "x.zip") == ["x.zip: a zip archive and no Excel sheet (unpack it, and give the files)"]
    with zipfile.ZipFile(tmp_path / "y.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "no xml")
    assert refused(tmp_path / "y.xlsx")[0].startswith("y.xlsx: damaged Excel sheet")


def test_a_sheet_may_be_empty_and_hold_blank_rows_and_dates(tmp_path: Path) -> None:
    assert refused(write_xlsx(tmp_path / "e.xlsx", []))[0].startswith("e.xlsx: empty file")
    table: list[list[object]] = [[None] * 4, ["index", None, "prediction", "question"], [None] * 4]
    table.append([1.0, "note", 2.5, dt.date(2026, 1, 2)])
    ((row,)) = rows(write_xlsx(tmp_path / "t.xlsx", table))[1]
    assert (row.id, row.text, row.fields) == ("1", "2.5", {"question": "2026-01-02"})


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "id"]), inner),
    max_leaves=6,
)
BLOCKS = ({"type": "thinking", "thinking": "low"}, {"type": "text", "text": "B"})
WHOLE = {
    "lm-eval": lm_eval(),
    "lmms-eval": lmms_eval(),
    "vlmevalkit": vlmevalkit(),
    "openai-batch": chat({"content": "B", "reasoning": "low"}),
    "anthropic-batch": anthropic(*BLOCKS),
    "inspect": inspect_log(inspect_sample([*BLOCKS], attachments={"a": "b"})),
    "alpaca-eval": ALPACA,
    "native": {"id": 1, "trace": "t", "model": "m", "image": ["x.png"]},
    **{name: record for name, record, _ in EXAMPLES if name not in {"native", "inspect"}},
}


def damaged(value: object, data: st.DataObject) -> object:
    """Replace one value, on any level, by another."""
    if isinstance(value, dict | list) and value and data.draw(st.integers(0, 3)):
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        changed: Any = value.copy()
        changed[key] = damaged(changed[key], data)
        return changed
    return data.draw(JSON)


@pytest.mark.parametrize("format_", FORMATS, ids=lambda one: one.name)
@given(data=st.data())
def test_a_record_of_any_shape_gives_rows_or_says_what_is_wrong(format_: Format, data: st.DataObject) -> None:
    record = damaged(WHOLE[format_.name], data)
    if isinstance(record, dict):
        with suppress(RecordProblem):
            for row in format_.rows(record, None):
                assert isinstance(row.id, str)
                assert isinstance(row.model, str | None)
                assert isinstance(trace_text(row), str)
                json.dumps([row.fields, row.source, row.detail])
        assert format_.recognises(record) in (True, False)


def test_without_the_extra_a_sheet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    assert refused(write_xlsx(tmp_path / "t.xlsx", as_table(vlmevalkit()))) == [
        "t.xlsx: an Excel sheet, and nothing is installed that reads it (pip install 'omr-judge[xlsx]')"
    ]


def test_a_document_is_told_from_lines_and_limited_in_size(tmp_path: Path) -> None:
    log = inspect_log(inspect_sample("B")) | {"note": "x" * 2**20}
    with limiting(Limits(max_record_mb=1)):
        assert rows(write(tmp_path, log))[0] == "inspect"
        told = (
            r"in.jsonl: a JSON document of more than 0 MiB \(write one record a line; --max-record-mb MB allows more\)"
        )
        with JsonLines(write(tmp_path, log)) as file, pytest.raises(InputErrors, match=told):
            list(source_records(file, max_document=200))


@pytest.mark.parametrize("name", ["out.jsonl", "it's.json"])
def test_a_generators_file_given_as_traces_is_converted_in_passing(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(json.dumps([ALPACA]) if name.endswith("json") else json.dumps(lmms_eval()))
    with read_traces(path) as file:
        (id_,) = file.ids
        assert file.record(id_).trace is not None
        assert file.where(id_) == f"{path}: trace 1"
        assert file.note is not None
        assert "converted in passing: 1 row = 1 trace" in file.note
        assert (file.path, file.sha256) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(InputErrors) as error:
        read_items([path])
    assert "convert" not in str(error.value)


@pytest.mark.parametrize("records", [[{"id": 1, "trace": "t"}, {"id": 1, "trace": "t"}], [{"x": 1}]])
def test_other_files_get_no_such_hint(records: list[Json], tmp_path: Path) -> None:
    with pytest.raises(InputErrors) as error:
        read_traces(write(tmp_path, *records))
    assert "convert" not in str(error.value)


@pytest.mark.parametrize(
    "prompt",
    [
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nQ?<|im_end|>\n<|im_start|>assistant\n",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nQ?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nQ? [/INST]",
        "<start_of_turn>user\nQ?<end_of_turn>\n<start_of_turn>model\n",
        "system\nBe kind.\nuser\nQ?\nassistant\n",
        "A chat. USER: Q? ASSISTANT:",
        "Q?",
    ],
)
def test_a_question_is_taken_out_of_any_chat_template_so_that_models_are_paired(prompt: str) -> None:
    assert asked_in(prompt) == "Q?"
