from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import tracemalloc
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from judge.errors import InputError, InputErrors
from judge.files.fields import FIELDS, parse_field_options
from judge.files.limits import Limits, limiting
from judge.inputs.items import read_items
from judge.inputs.records import Digest, Record
from judge.inputs.traces import read_traces
from judge.prompting.correctness import chosen_options
from judge.schema import Group, Item

SHARED = Path(__file__).parents[3] / "shared"
DOCS = Path(__file__).parents[2] / "docs/input.md"
ANY_TEMPORARY_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


def write(folder: Path, *lines: object) -> Path:
    path = folder / "a.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def only(folder: Path, record: dict[str, Any], **fields: str) -> Record:
    with read_traces(write(folder, record), fields=fields) as file:
        return file.record(next(iter(file.ids)))


def problems(path: Path, *, items: bool = False, **fields: str) -> list[str]:
    with pytest.raises(InputErrors) as error:
        read_items([path], fields=fields) if items else read_traces(path, fields=fields)
    return str(error.value).replace(f"{path}", path.name).splitlines()


def test_a_full_record_is_read_into_an_item_and_a_trace(tmp_path: Path) -> None:
    record = only(
        tmp_path,
        {
            "id": 7,
            "question": "Which?",
            "options": ["one", 2, None, 4.0],
            "answer": "one",
            "reference_reasoning": "because",
            "image": ["x.png", "/y.png", ""],
            "trace": " I think. ",
            "model": "m",
            "model_answer": "B",
            "subgroup": {"year": 2024, "seen": True, "part": None, "p": 0.5},
            "note": {"kept": 1},
        },
    )
    assert record.where == f"{tmp_path / 'a.jsonl'}:1"
    assert record.item.id == "7"
    assert record.item.options == {"A": "one", "B": "2", "D": "4.0"}
    assert (record.item.question, record.item.answer, record.item.reference_reasoning) == ("Which?", "one", "because")
    assert record.item.subgroup == {"year": "2024", "seen": "true", "p": "0.5"}
    assert record.item.meta == {}
    assert record.images == (tmp_path / "x.png", Path("/y.png"))
    assert record.trace is not None
    assert (record.trace.text, record.trace.model, record.trace.answer) == (" I think. ", "m", "B")
    assert record.trace.meta == {"note": {"kept": 1}}


def test_null_is_absent_and_leaves_no_metadata(tmp_path: Path) -> None:
    record = only(tmp_path, dict.fromkeys(FIELDS) | {"id": "q", "trace": "t", "other": None})
    assert record.item == Item(id="q")
    assert record.trace is not None
    assert record.trace.meta == {"other": None}


def test_records_are_read_back_in_any_order_by_id(tmp_path: Path) -> None:
    path = write(tmp_path, {"id": "é", "trace": "first"}, "", "  ", {"id": "b", "trace": "second", "question": "Q"})
    with read_traces(path) as file:
        assert list(file.ids) == ["é", "b"]
        assert [trace.text for id_ in ("b", "é", "b") if (trace := file.record(id_).trace)] == [
            "second",
            "first",
            "second",
        ]
        assert (file.place("é"), file.place("b"), len(file)) == ("line 1", "line 4", 2)
        assert "b" in file
        assert "c" not in file
        assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert file.model is None


def test_items_are_read_without_traces_and_keep_other_fields_as_metadata(tmp_path: Path) -> None:
    with read_items([write(tmp_path, {"id": "q", "question": "Q", "trace": "t", "model": "m"})]) as items:
        record = items.record("q")
        (file,) = items.files
    assert record.trace is None
    assert record.item.meta == {"trace": "t", "model": "m"}
    assert file.model is None


def test_the_digest_is_of_question_and_options_alone(tmp_path: Path) -> None:
    with read_traces(
        write(
            tmp_path,
            {"id": "1", "trace": "t", "question": "Q", "options": ["x", 2]},
            {"id": "2", "trace": "u", "query": "Q", "choices": {"B": "2", "A": "x"}, "note": 1},
            {"id": "3", "trace": "t", "question": "Q", "options": ["x", 3]},
            {"id": "4", "trace": "t", "answer": "A"},
        )
    ) as file:
        digests = [file.digest(id_) for id_ in file.ids]
    assert None not in digests[0][:2]
    assert digests[0] == digests[1] != digests[2]
    assert [digests[0].differs(other) for other in digests] == [None, None, "options", None]
    assert digests[3] == Digest(None, None)


@pytest.mark.parametrize(("name", "spelling"), [(n, s) for n in FIELDS if n not in set(Group) for s in FIELDS[n]])
def test_every_spelling_of_the_table_is_read(tmp_path: Path, name: str, spelling: str) -> None:
    values: dict[str, Any] = {"options": ["x"], "subgroup": {"s": "x"}, "checklist": {}, "image_base64": "AAAA"}
    record = {"id": "q", "trace": "t"} if name not in {"id", "trace"} else {"id": "q", "trace": "t", name: None}
    read = only(tmp_path, record | {spelling: values.get(name, "x")})
    assert read.trace is not None
    assert read.trace.meta == {}


def test_the_documented_table_is_the_table_of_the_code() -> None:
    table = DOCS.read_text().partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    documented = {name.strip(" `"): tuple(s.strip(" `") for s in spellings.split(",")) for name, spellings in rows}
    assert documented == FIELDS


def test_our_own_name_of_a_field_wins_and_the_other_is_kept(tmp_path: Path) -> None:
    trace = only(tmp_path, {"id": 1, "trace": "ours", "output": "other"}).trace
    assert trace is not None
    assert (trace.text, trace.meta) == ("ours", {"output": "other"})


def test_reasoning_wins_over_the_response_that_followed_it(tmp_path: Path) -> None:
    trace = only(tmp_path, {"id": 1, "response": "B.", "reasoning": "Since ..."}).trace
    assert trace is not None
    assert (trace.text, trace.final, trace.meta) == ("Since ...", "B.", {})


def test_an_empty_spelling_gives_way_to_one_with_text(tmp_path: Path) -> None:
    trace = only(tmp_path, {"id": 1, "reasoning": "", "response": "Since ..."}).trace
    assert trace is not None
    assert trace.text == "Since ..."


def test_two_spellings_with_different_values_ask_for_a_choice(tmp_path: Path) -> None:
    record = {"id": 1, "response": "x", "output": "y"}
    assert problems(write(tmp_path, record)) == [
        "a.jsonl:1: trace: 'response' and 'output' differ (choose with --field trace=response)"
    ]
    chosen = only(tmp_path, record, trace="output").trace
    assert chosen is not None
    assert (chosen.text, chosen.meta) == ("y", {"response": "x"})
    equal = only(tmp_path, record | {"output": "x"}).trace
    assert equal is not None
    assert equal.text == "x"


def test_a_path_reaches_into_objects_and_lists_and_its_root_is_not_read_as_another_field(tmp_path: Path) -> None:
    record = {"custom_id": "q", "choices": [{"message": {"content": "deep"}}]}
    read = only(tmp_path, record, id="custom_id", trace="choices.0.message.content")
    assert read.trace is not None
    assert (read.item.id, read.item.options, read.trace.text) == ("q", {}, "deep")
    assert read.trace.meta == {"choices": record["choices"]}


def test_a_key_that_holds_dots_is_found(tmp_path: Path) -> None:
    read = only(tmp_path, {"id": 1, "body.text": "flat"}, trace="body.text")
    assert read.trace is not None
    assert (read.trace.text, read.trace.meta) == ("flat", {})


@pytest.mark.parametrize("path", ["choices.1.x", "choices.x", "choices.0.x.y", "choices.0.absent", "choices.²"])
def test_a_path_that_leads_nowhere_is_named(tmp_path: Path, path: str) -> None:
    record = {"id": 1, "choices": [{"x": "t"}]}
    assert problems(write(tmp_path, record), trace=path) == [
        f"a.jsonl:1: missing trace (looked for: {path}; see --field)"
    ]


def test_field_options_are_parsed() -> None:
    assert parse_field_options(["trace=a.0.b", "id=x=y"]) == {"trace": "a.0.b", "id": "x=y"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["foo=bar"], f"--field foo=bar: unknown field 'foo' (known fields: {', '.join(FIELDS)})"),
        (["trace"], "--field trace: not of the form name=path (for example --field trace=choices.0.message.content)"),
        (
            ["id=a..b"],
            "--field id=a..b: not of the form name=path (for example --field trace=choices.0.message.content)",
        ),
        (["trace=a", "trace=b"], "--field trace=b: trace is given twice (it was given as a)"),
    ],
)
def test_a_wrong_field_option_is_refused(options: list[str], text: str) -> None:
    with pytest.raises(InputError) as error:
        parse_field_options(options)
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("text", "trace", "final", "answer"),
    [
        ("<think> a </think><answer>B</answer>", "a", "<answer>B</answer>", "B"),
        ("<think>a</think>\nSo B.", "a", "So B.", "So B."),
        ("<think>a</think>So\nB.", "a", "So\nB.", None),
        ("a <answer>C</answer> b <answer> D </answer> c", "a <answer>C</answer> b  c", UNSET, "D"),
        ("<think>a <answer>B</answer>", "<think>a <answer>B</answer>", UNSET, "B"),
        ("a</think>B", "a", "B", "B"),
        ("Hm <think>a</think>", "Hm\n\na", "", None),
        ("<think>a</think>b<think>c</think>d", "a\n\nb\n\nc", "d", "d"),
        ("<think>\n</think>\n\nB it is", "B it is", UNSET, None),
        ("<think></think><answer>B</answer>", "<think></think><answer>B</answer>", UNSET, "B"),
        ("<answer></answer> a", "a", UNSET, None),
        (" plain </answer> text <answer> ", " plain </answer> text <answer> ", UNSET, None),
    ],
)
def test_thinking_final_text_and_answer_tags_are_parted(
    tmp_path: Path, text: str, trace: str, final: object, answer: str | None
) -> None:
    read = only(tmp_path, {"id": 1, "output": text}).trace
    assert read is not None
    assert (read.text, read.final, read.answer, read.meta) == (trace, final, answer, {})
    assert read.output == text


@pytest.mark.parametrize(
    ("record", "final"),
    [
        ({"reasoning": "a", "response": "So\nB"}, "So\nB"),
        ({"reasoning_content": "a", "content": [{"type": "text", "text": "B"}]}, "B"),
        ({"thinking": "a", "response": "B"}, "B"),
        ({"trace": [{"type": "reasoning", "text": "a"}, {"type": "text", "text": "B"}]}, "B"),
        ({"output": [{"type": "reasoning", "reasoning": "a"}, {"type": "text", "text": "B"}]}, "B"),
        ({"trace": {"role": "assistant", "content": "B", "reasoning_content": "a"}}, "B"),
        ({"trace": {"content": "B", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]}}, "B"),
        ({"trace": {"content": [{"type": "thinking", "thinking": "a"}, "B"]}}, "B"),
        (
            {"trace": "<|channel|>analysis<|message|>a<|end|><|channel|>final<|message|>B<|return|>"},
            "B",
        ),
        ({"trace": "## Thinking\n\na\n\n## Final Response\n\nB"}, "B"),
        ({"reasoning": "<think>a</think>B", "response": "C"}, "B"),
        ({"reasoning": "a", "response": ""}, ""),
    ],
)
def test_thinking_and_final_text_are_found_in_whichever_form_they_come(
    tmp_path: Path, record: dict[str, object], final: object
) -> None:
    read = only(tmp_path, {"id": 1, **record}).trace
    assert read is not None
    assert (read.text, read.final) == ("a", final)


@pytest.mark.parametrize(
    ("told", "cut"),
    [
        ({"finish_reason": "length"}, True),
        ({"stop_reason": "max_tokens"}, True),
        ({"finish_reason": {"type": "length"}}, True),
        ({"source": {"finish_reason": "MAX_TOKENS"}}, True),
        ({"finish_reason": "stop"}, UNSET),
    ],
)
def test_an_output_that_was_cut_by_length_is_marked(tmp_path: Path, told: dict[str, object], cut: object) -> None:
    read = only(tmp_path, {"id": 1, "trace": "The answer is B? No, wait", **told}).trace
    assert read is not None
    assert read.cut is cut


def test_a_stated_answer_wins_and_the_tag_is_kept(tmp_path: Path) -> None:
    read = only(tmp_path, {"id": 1, "output": "a <answer>B</answer>", "model_answer": "C"}).trace
    assert read is not None
    assert (read.text, read.answer, read.meta) == ("a", "C", {"answer_tag": "B"})


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"id": 1, "trace" "x"}', "broken JSON: Expecting ':' delimiter at column 19 (write one JSON object a line)"),
        ("[1, 2]", "not an object (write one JSON object a line; for an array: jq -c '.[]')"),
        ('{"id": 1, "m": {"k": 1, "k": 2}}', "duplicate key 'k' (keep one of the two)"),
        ('{"id": 1, "m": NaN}', "NaN is not JSON (write null, or leave the field out)"),
        ('{"id": 1, "m": -Infinity}', "-Infinity is not JSON (write null, or leave the field out)"),
        ('{"id": 1, "m": 1e400}', "number '1e400' is too large (write it as text)"),
        ('{"id": 1, "trace": "\\ud800"}', "half a character: \\ud800 without its partner (write the text as UTF-8)"),
        ('{"id": ' + "9" * 5000 + "}", "a number has too many digits (write it as text)"),
        ('{"id": 1, "m": ' + "[" * 70 + "]" * 70 + "}", "nested more than 64 levels deep (write a flatter record)"),
        ("[" * 100_000, "nested more than 64 levels deep (write a flatter record)"),
        ('{"trace": "x"}', "missing id (looked for: id, question_id, qid, item_id; see --field)"),
        ('{"id": true, "trace": "x"}', "id: expected text or an integer, found true or false"),
        ('{"id": 1.0, "trace": "x"}', "id: expected text or an integer, found a number"),
        ('{"id": " ", "trace": "x"}', "id: empty (every record needs its own id)"),
        (
            '{"id": 1, "trace": null}',
            f"missing trace (looked for: {', '.join(FIELDS['trace'])}; see --field)",
        ),
        ('{"id": 1, "trace": ["x"]}', "trace: expected text, found a list"),
        ('{"id": 1, "trace": "x", "question": 3}', "question: expected text, found a number"),
        ('{"id": 1, "trace": "x", "options": "A"}', "options: expected an object or a list, found text"),
        ('{"id": 1, "trace": "x", "options": [{}]}', "options: expected text or a number, found an object"),
        (
            '{"id": 1, "trace": "x", "options": [' + ",".join("1" * 27) + "]}",
            "options: 27 options in a list (lists may hold 26; give an object with your letters)",
        ),
        (
            '{"id": 1, "trace": "x", "answer": true}',
            "answer: expected text, a number or a list of these, found true or false",
        ),
        ('{"id": 1, "trace": "x", "image": [null]}', "image: expected a path or a list of paths, found null"),
        (
            '{"id": 1, "trace": "x", "image": "http://x/y.png"}',
            "image: 'http://x/y.png' is a URL (only https is ever fetched: save the image and give its path)",
        ),
        (
            '{"id": 1, "trace": "x", "image": "Data:image/png;base64,AA"}',
            "image: 'Data:image/png;base64,AA' is a URL (only https is ever fetched: save the image and give its path)",
        ),
        ('{"id": 1, "trace": "x", "image": "\\u0000"}', "image: '\\x00' is not a path (it holds a NUL character)"),
        ('{"id": 1, "trace": "x", "subgroup": "s"}', "subgroup: expected an object, found text"),
        ('{"id": 1, "trace": "x", "subgroup": {"s": []}}', "subgroup: expected text or a number, found a list"),
        ('{"id": 1, "trace": "x", "model": 4}', "model: expected text, found a number"),
    ],
)
def test_a_wrong_record_is_refused_with_its_line(tmp_path: Path, line: str, text: str) -> None:
    assert problems(write(tmp_path, {"id": "ok", "trace": "t"}, line)) == [f"a.jsonl:2: {text}"]


def test_all_problems_of_a_record_and_of_a_file_are_told_in_one_go(tmp_path: Path) -> None:
    path = write(tmp_path, {"question": 1}, *[{"id": n} for n in range(30)])
    told = problems(path)
    assert told[0] == "a.jsonl:1: missing id (looked for: id, question_id, qid, item_id; see --field)"
    assert told[1] == "a.jsonl:1: question: expected text, found a number"
    assert told[2].startswith("a.jsonl:1: missing trace (and so 30 more times, as in lines 2 and 3)")
    assert len(told) == 3


def test_a_truncated_last_line_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "trace": "x"}\n{"id": 2, "tra')
    assert problems(path) == [
        "a.jsonl:2: truncated last line (Unterminated string starting at at column 11; write the file again)"
    ]
    path.write_text('{"id": 1, "options": {"A": "x"}')
    assert problems(path)[0].startswith("a.jsonl:1: truncated last line")
    path.write_text('{"id": 1 "trace": "x"}')
    assert problems(path)[0].startswith("a.jsonl:1: broken JSON")


def test_ids_compare_as_text(tmp_path: Path) -> None:
    assert problems(write(tmp_path, {"id": 1, "trace": "x"}, "", {"id": "1", "trace": "y"})) == [
        "a.jsonl:3: duplicate id '1' (first on line 1)"
    ]


@pytest.mark.parametrize(("first", "second"), [("q", " q"), (" q", "q"), (" q", "q\t"), ("\u00e9", "e\u0301")])
def test_ids_that_look_alike_are_refused(tmp_path: Path, first: str, second: str) -> None:
    (told,) = problems(write(tmp_path, {"id": first, "trace": "x"}, {"id": second, "trace": "y"}))
    assert told == (
        f"a.jsonl:2: id {second!r} is easily confused with {first!r} on line 1 "
        "(they differ only by spaces around or by Unicode form)"
    )


def test_a_file_names_one_model(tmp_path: Path) -> None:
    lines = [{"id": n, "trace": "x", "model": model} for n, model in enumerate([None, "m", None, "m"])]
    with read_traces(write(tmp_path, *lines)) as file:
        assert file.model == "m"
    assert problems(write(tmp_path, *lines, {"id": 9, "trace": "x", "generator": "n"})) == [
        "a.jsonl:5: model 'n' beside 'm' (a file holds the traces of one model)"
    ]


def test_short_traces_are_counted_without_their_tags(tmp_path: Path) -> None:
    texts = ["", " \n", "0123456789", "0123456789a", "<think></think><answer>B</answer>"]
    with read_traces(write(tmp_path, *[{"id": n, "trace": text} for n, text in enumerate(texts)])) as file:
        assert file.short_traces == 4


TWICE_PACKED = gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0)
"""without the time, so that every worker of xdist collects the same test"""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "empty file (write one JSON object a line)"),
        (b"\n \n", "empty file (write one JSON object a line)"),
        (b"\xef\xbb\xbf", "empty file (write one JSON object a line)"),
        (b"\x80\x04\x95", "looks like a pickle (give JSON lines in UTF-8, plain or gzip)"),
        (b"PK\x03\x04", "looks like a zip archive or an Excel sheet (give JSON lines in UTF-8, plain or gzip)"),
        (b"PAR1", "looks like a Parquet file (convert it first: omr-judge convert a.jsonl --to a-lines.jsonl)"),
        (b"\xff\xfe{\x00", "looks like UTF-16 text (give JSON lines in UTF-8, plain or gzip)"),
        (TWICE_PACKED, "looks like gzip within gzip (give JSON lines in UTF-8, plain or gzip)"),
        (
            gzip.compress(b"{}" * 99, mtime=0)[:-9],
            (
                "damaged gzip data: Compressed file ended before the end-of-stream marker was reached "
                "(compress the file again)"
            ),
        ),
    ],
)
def test_a_file_that_holds_no_json_lines_is_refused(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    assert problems(path) == [f"a.jsonl: {text}"]


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.jsonl") == [
        "none.jsonl: no such file (relative paths start at the current folder)"
    ]
    assert problems(tmp_path) == [f"{tmp_path.name}: is a folder (give a JSONL file)"]
    assert problems(Path("/dev/zero"))[0].endswith("is a device (give a JSONL file)")


def test_invalid_utf8_is_refused_with_the_byte_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 1, "trace": "\xff"}\n')
    assert problems(path) == ["a.jsonl:1: not UTF-8: byte 0xff at position 21 (save the file as UTF-8)"]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": 1, "trace": "x"}\r\n{"id": 2, "trace": "y"}')
    with read_traces(path) as file:
        assert [trace.text for id_ in file.ids if (trace := file.record(id_).trace)] == ["x", "y"]


def test_a_line_that_is_too_long_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    long = json.dumps({"id": 1, "trace": "x" * 3 * 2**20})
    with limiting(Limits(max_record_mb=1)):
        told = problems(write(tmp_path, long, {"id": 2, "trace": "y"}, {"id": 2, "trace": "y"}))
    assert told == [
        "a.jsonl:1: line longer than 1 MiB (write one record a line; --max-record-mb MB allows more)",
        "a.jsonl:3: duplicate id '2' (first on line 2)",
    ]


def test_gzip_is_known_by_its_bytes_and_hashed_as_given(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(b'{"id": 1, "trace": "x"}\n{"id": 2, "trace": "y"}\n'))
    with read_traces(str(path)) as file:
        assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert file.record("2").where == f"{path}:2"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_is_read_and_can_be_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    content = pack(b'{"id": 1, "trace": "x", "image": "i.png"}\n')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    monkeypatch.chdir(tmp_path)
    with read_traces("-") as file:
        assert (file.path, file.sha256) == ("<stdin>", hashlib.sha256(content).hexdigest())
        assert (file.record("1").where, file.record("1").images) == ("<stdin>:1", (tmp_path / "i.png",))


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=('{"id": 1, "trace": "x"}\n',))
    writer.start()
    with read_traces(pipe) as file:
        assert list(file.ids) == ["1"]
    writer.join()


def test_a_file_that_changes_after_it_was_checked_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, {"id": 1, "trace": "x"})
    with read_traces(path) as file:
        for content in ('{"id": 2, "trace": "x"}\n', '{"id": 1, "trace": "y"}\n', "{}", ""):
            path.write_text(content)
            with pytest.raises(InputError, match="changed while it was being read"):
                file.record("1")


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXT, children, max_size=3),
    max_leaves=8,
)
RECORDS = st.fixed_dictionaries(
    {"id": TEXT.filter(str.strip), "trace": TEXT, "question": TEXT, "options": st.dictionaries(TEXT, TEXT), "x": VALUES}
)


@given(record=RECORDS, ascii_only=st.booleans())
@ANY_TEMPORARY_FOLDER
def test_any_record_that_json_writes_is_read_back_unchanged(
    tmp_path: Path, record: dict[str, Any], *, ascii_only: bool
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(record, ensure_ascii=ascii_only).encode() + b"\n")
    with read_traces(path) as file:
        read = file.record(record["id"])
    assert read.trace is not None
    assert (read.item.question, read.item.options) == (record["question"], record["options"])
    assert (read.trace.text, read.trace.meta) == (record["trace"], {"x": record["x"]})


@given(record=RECORDS, place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
@ANY_TEMPORARY_FOLDER
def test_damage_is_either_harmless_or_an_input_error(
    tmp_path: Path, record: dict[str, Any], *, place: float, byte: int, cut: bool
) -> None:
    content = json.dumps(record, ensure_ascii=False).encode() + b"\n"
    at = int(place * (len(content) - 1))
    path = tmp_path / "a.jsonl"
    path.write_bytes(content[:at] + (b"" if cut else bytes([byte]) + content[at + 1 :]))
    with suppress(InputErrors), read_traces(path) as file:
        for id_ in file.ids:
            file.record(id_)


@given(first=TEXT.filter(str.strip), second=TEXT.filter(str.strip))
@ANY_TEMPORARY_FOLDER
def test_two_ids_are_accepted_only_where_they_look_different(tmp_path: Path, first: str, second: str) -> None:
    alike = unicodedata.normalize("NFC", first.strip()) == unicodedata.normalize("NFC", second.strip())
    path = write(tmp_path, {"id": first, "trace": "x"}, {"id": second, "trace": "y"})
    if alike:
        assert len(problems(path)) == 1
    else:
        with read_traces(path) as file:
            assert list(file.ids) == [first, second]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "records", "model", "short"),
    [
        ("thoughtsource_med/a", 200, "gpt-4", 0),
        ("thoughtsource_med/b", 200, "gpt-3.5-turbo", 0),
        ("medarc_qa/a", 100, "gpt-4o", 0),
        ("medarc_qa/b", 95, "Meditron3-8B", 0),
        ("igakuqa119/a", 400, "gpt-4o-2024-08-06", None),
        ("igakuqa119/b", 325, "claude-3-5-sonnet-20241022", 4),
    ],
)
def test_real_files_are_read(name: str, records: int, model: str, short: int | None) -> None:
    path = SHARED / f"data/{name}.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    with read_traces(path) as file:
        assert (len(file), file.model) == (records, model)
        assert short in (None, file.short_traces)
        raw = [json.loads(line) for line in path.read_text().splitlines()]
        for record in raw:
            read = file.record(record["id"])
            assert read.trace is not None
            assert (read.item.question, read.trace.text) == (record["question"], record["trace"])
            assert all(isinstance(image, Path) and image.is_file() for image in read.images)


@pytest.mark.slow
def test_two_hundred_thousand_records_take_no_more_than_250_bytes_each_beside_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("w") as file:
        for n in range(200_000):
            file.write(json.dumps({"id": f"q{n}", "question": f"Q{n}", "trace": "because " * 100}) + "\n")
    ids = sum(sys.getsizeof(f"q{n}") for n in range(200_000))
    tracemalloc.start()
    with read_traces(path) as read:
        held, peak = tracemalloc.get_traced_memory()
        assert len(read) == 200_000
    tracemalloc.stop()
    assert (held - ids) / 200_000 <= 250
    assert peak < 150 * 2**20


@pytest.mark.slow
def test_a_line_of_a_gigabyte_is_refused_in_less_than_300_mb(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 1, "trace": "')
    os.truncate(path, 2**30)
    script = (
        "import re, sys\nfrom judge.errors import InputErrors\nfrom judge.inputs.traces import read_traces\n"
        "try:\n    read_traces(sys.argv[1])\nexcept InputErrors as error:\n    print(error)\n"
        # The kernel's own mark of this program alone: getrusage tells of the process that it was forked from too.
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    told, rss_kb = done.stdout.splitlines()
    assert told == f"{path}: holds NUL characters, which no text has (give JSON lines in UTF-8, plain or gzip)"
    assert int(rss_kb) < 300_000


def test_reasoning_alone_is_a_whole_trace_and_beside_an_empty_text_thinking_without_an_answer(tmp_path: Path) -> None:
    options = {"A": "Aspirin", "B": "Heparin"}
    records = [{"reasoning": "So the answer is B."}, {"reasoning": "So the answer is B.", "content": ""}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"id": n, "options": options, **own}) + "\n" for n, own in enumerate(records)))
    with read_traces(path) as file:
        read = [file.record(id_) for id_ in file.ids]
    assert [chosen_options(one.trace, one.item) for one in read if one.trace] == [("B",), ()]
