"""What is read of each format's records, of tables, Parquet and archives, and of files given as they are."""

from __future__ import annotations

import datetime as dt
import json
import random
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from command import omr_judge
from convert.format_examples import EXAMPLES, Json

if sys.version_info >= (3, 14):
    import zipfile
else:
    from backports.zstd import zipfile

from judge.convert.choose_traces import Choice
from judge.convert.convert import ConvertOptions, convert
from judge.convert.output import Row
from judge.convert.parquet_records import parquet_records
from judge.convert.read_rows import Problems, RowFile
from judge.errors import InputError, InputErrors
from judge.files.limits import Limits, limiting
from judge.inputs.traces import read_traces


def read(path: Path, **options: Any) -> tuple[str, list[Row]]:  # noqa: ANN401 - of RowFile
    problems = Problems()
    with RowFile(path, None, **options) as file:
        found = [row for _, row in file.rows(problems)]
        problems.raise_any()
        return file.format.name, found


def lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize(("name", "record", "expected"), EXAMPLES)
def test_a_record_is_recognised_and_read_as_its_program_means_it(
    name: str, record: Json, expected: Json, tmp_path: Path
) -> None:
    found, (row,) = read(lines(tmp_path / "in.jsonl", record))
    assert found == name
    for field, value in expected.items():
        assert getattr(row, field) == value, field


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"doc": {"query": "q"}, "model_response": {"text": []}}, "no generated text"),
        ({"question_id": 1, "model_id": "m", "choices": [{"text": "x"}]}, "a choice without turns"),
        ({"uid": "u", "model": "m", "metadata": {}, "messages": []}, "no answer among the messages"),
        (
            {"adapter_spec": {}, "request_states": [{"reference_index": 0, "instance": {"id": "i"}}]},
            "the requests ask for likelihoods",
        ),
        ({"id": 1, "messages": [{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant"}]}, "an image"),
    ],
)
def test_what_holds_no_text_is_refused_in_words(record: Json, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputErrors, match=said):
        read(lines(tmp_path / "in.jsonl", record))


def test_a_second_turn_is_an_item_of_its_own_and_a_second_choice_a_sample(tmp_path: Path) -> None:
    choices = [{"index": n, "turns": [f"one {n}", f"two {n}"]} for n in range(2)]
    path = lines(tmp_path / "in.jsonl", {"question_id": 81, "model_id": "m", "choices": choices})
    assert [(row.id, row.text) for row in read(path)[1]] == [
        ("81", "one 0"),
        ("81.2", "two 0"),
        ("81", "one 1"),
        ("81.2", "two 1"),
    ]


@pytest.mark.parametrize("id_path", ["row", None])
def test_rows_without_an_id_are_called_by_their_numbers(id_path: str | None, tmp_path: Path) -> None:
    path = lines(tmp_path / "in.jsonl", *({"prompt": "Q", "predict": str(n), "label": "C"} for n in range(3)))
    assert [row.id for row in read(path, id_path=id_path)[1]] == ["0", "1", "2"]
    plain = lines(tmp_path / "plain.jsonl", {"response": "a"}, {"response": "b"})
    assert [row.id for row in read(plain, id_path="row")[1]] == ["0", "1"]
    with pytest.raises(InputError, match="no format is recognised"):
        read(plain)


@pytest.mark.parametrize(("name", "sign"), [("a.csv", ","), ("a.tsv", "\t"), ("b.csv", ";")])
def test_a_table_with_a_header_is_read_with_cells_of_several_lines(name: str, sign: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(f'id{sign}question{sign}trace\n1{sign}q1{sign}"Some\nthought"\n2{sign}q2{sign}Other\n')
    found, rows = read(path)
    assert (found, [(row.id, row.text, row.fields) for row in rows]) == (
        "native",
        [("1", "Some\nthought", {"question": "q1"}), ("2", "Other", {"question": "q2"})],
    )


PNG = bytes.fromhex("89504e470d0a1a0a")


def test_values_of_parquet_are_those_of_json(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = {"day": [dt.date(2026, 1, 2)], "share": [float("nan")], "words": [["a", "b"]], "of": [{"n": 1}]}
    pl.DataFrame(table).write_parquet(path)
    (record,) = parquet_records(str(path))
    assert record.where == f"{path}: row 0"
    assert record.record == {"day": "2026-01-02", "share": None, "words": ["a", "b"], "of": {"n": 1}}
    text = random.Random(1).randbytes(5 * 2**20).hex()  # noqa: S311 - any text
    pl.DataFrame({"text": [text]}).write_parquet(path)
    with (
        limiting(Limits(max_record_mb=1)),
        pytest.raises(InputErrors, match="row 0: holds 10 MiB, and a row may hold 8"),
    ):
        list(parquet_records(str(path)))
    with pytest.raises(InputErrors, match="Parquet from standard input"):
        list(parquet_records("<stdin>"))


def test_parquet_is_read_as_records_and_its_images_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    image = {"bytes": PNG, "path": "a.png"}
    table = {"id": [1], "trace": ["t"], "xray": [image], "score": [float("nan")], "day": [None]}
    pl.DataFrame(table).write_parquet(path)
    ((row,)) = read(path)[1]
    assert (row.id, row.text) == ("1", "t")
    assert row.fields == {"score": None, "day": None, "image_base64": ["data:;base64,iVBORw0KGgo="]}
    with read_traces(path) as file:
        assert len(file.record("1").images) == 1
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputErrors, match="cannot be read as Parquet"):
        read(tmp_path / "broken.parquet")


def eval_log(path: Path, *samples: object, header: str = "header.json", packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr(header, json.dumps({"version": 2, "eval": {"model": "m/x"}}))
        for number, sample in enumerate(samples, 1):
            content = sample if isinstance(sample, str) else json.dumps(sample)
            archive.writestr(f"samples/{number}_epoch_1.json", content)
        archive.writestr("summaries.json", "[]")
    return path


def sample(id_: int, text: str = "B") -> Json:
    return {"id": id_, "input": "Q?", "output": {"choices": [{"message": {"content": text}, "stop_reason": "stop"}]}}


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_ZSTANDARD])
@pytest.mark.parametrize("header", ["header.json", "_journal/start.json"])
def test_a_packed_log_of_inspect_is_read_as_it_is(header: str, packing: int, tmp_path: Path) -> None:
    found, rows = read(eval_log(tmp_path / "x.eval", sample(1), sample(2), header=header, packing=packing))
    assert (found, [(row.id, row.model, row.text) for row in rows]) == (
        "inspect",
        [("1", "m/x", "B"), ("2", "m/x", "B")],
    )


def test_a_packed_log_is_held_to_the_limits_and_a_broken_sample_named(tmp_path: Path) -> None:
    bomb = eval_log(tmp_path / "bomb.eval", sample(1, "x" * (34 * 2**20)))
    with pytest.raises(InputErrors, match="unpacks into more than"):
        read(bomb)
    with limiting(Limits(max_record_mb=1)), pytest.raises(InputErrors, match="longer than 1 MiB"):
        read(eval_log(tmp_path / "long.eval", sample(1, "x" * (2 * 2**20))))
    with limiting(Limits(max_record_mb=1)), pytest.raises(InputErrors, match="larger than 8 MiB"):
        read(eval_log(tmp_path / "larger.eval", sample(1, "x" * (9 * 2**20))))
    with pytest.raises(InputErrors, match=r"samples/2_epoch_1\.json: truncated"):
        read(eval_log(tmp_path / "broken.eval", sample(1), '{"id"'))
    for packing in (zipfile.ZIP_DEFLATED, zipfile.ZIP_ZSTANDARD):
        damaged = bytearray(eval_log(tmp_path / "damaged.eval", sample(1), packing=packing).read_bytes())
        place = damaged.find(b"samples/1_epoch_1.json") + 22
        damaged[place : place + 10] = b"0123456789"
        (tmp_path / "damaged.eval").write_bytes(damaged)
        with pytest.raises(InputErrors, match="cannot be unpacked"):
            read(tmp_path / "damaged.eval")


def test_rows_of_one_id_that_are_of_different_documents_are_refused(tmp_path: Path) -> None:
    one = {"doc_id": 0, "target": "2", "resps": [["B"]], "filtered_resps": ["B"], "doc_hash": "h"}
    path = lines(tmp_path / "in.jsonl", one, one | {"doc_hash": "g"})
    with pytest.raises(InputErrors, match="id '0' stands for another document than before"):
        convert([str(path)], ConvertOptions(tmp_path / "t.jsonl", Choice()))


def test_records_that_cannot_be_read_are_left_out_on_request_and_counted(tmp_path: Path) -> None:
    path = lines(tmp_path / "in.jsonl", {"id": 1, "trace": "t"}, {"id": 3, "trace": "u"}, {"id": 2})
    path.write_text(path.read_text() + '{"id": 3, "tra')
    told = omr_judge("convert", "in.jsonl", "--to", "t.jsonl", "--skip-bad", cwd=tmp_path).stdout
    assert "2 rows = 2 traces" in told
    assert "2 records left out that could not be read (--skip-bad)" in told
