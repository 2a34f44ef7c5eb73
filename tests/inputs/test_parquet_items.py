"""Items from Parquet files as the hub has them."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from builders import SHARED
from msgspec import structs
from parquet_files import HUB, IMAGE, drawn, hub_row, unit, write_hub

from judge.errors import InputError, InputErrors
from judge.inputs.item_fields import EmbeddedImage
from judge.inputs.items import Items, read_items
from judge.schema import Group


def opened(*sources: Path, fields: dict[str, str] | None = None, id_column: str | None = None) -> Items:
    return read_items(sources, fields=fields or {}, id_column=id_column)


def refused(*sources: Path, id_column: str | None = None) -> list[str]:
    with pytest.raises(InputErrors) as error:
        read_items(sources, id_column=id_column)
    return str(error.value).replace(f"{sources[0].parent}/", "").splitlines()


def test_a_row_of_the_hub_is_an_item_with_its_options_reference_checklist_and_image(tmp_path: Path) -> None:
    with opened(write_hub(tmp_path / "test-00000-of-00001.parquet", [hub_row(0), hub_row(1)])) as items:
        assert list(items.ids) == ["test-000000", "test-000001"]
        record = items.record("test-000001")
    item = record.item
    assert record.where == f"{tmp_path}/test-00000-of-00001.parquet: row 1"
    assert item.question == "What does figure 1 show?"
    assert item.options == {"A": "A square", "B": "A circle", "C": "A line"}
    assert (item.reference_reasoning, item.answer) == ("I look at figure 1.", "B")
    assert {group: [unit.id for unit in units] for group, units in item.checklist.items()} == {
        Group.PERCEPTION: ["u1", "u2"],
        Group.KNOWLEDGE: ["u3"],
        Group.RATIONALE: ["u4"],
    }
    assert structs.asdict(item.checklist[Group.PERCEPTION][1]) == {
        "id": "u2",
        "topic": "a topic",
        "claim": "It is closed.",
        "presence_question": "Does it discuss u2?",
        "correctness_question": "Does it state that It is closed.?",
        "source_quote": "a quote",
        "importance": "supporting",
        "premises": (),
    }
    assert record.images == (EmbeddedImage(drawn("row 1")),)
    told = hub_row(1)["question"].encode() + b"\0" + drawn("row 1")
    assert item.meta == {"content_sha256": hashlib.sha256(told).hexdigest()}


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "data/openmedreason").is_dir(), reason="the shared data are not here")
def test_the_published_examples_are_read_as_they_are(tmp_path: Path) -> None:
    examples = json.loads((SHARED / "data/openmedreason/test_examples.json").read_text())["examples"]
    rows = [
        {
            "image": {"bytes": drawn(name, form="JPEG", size=(one["w"], one["h"])), "path": None},
            "question": "\n".join([one["stem"], *(f"{option['k']}. {option['t']}" for option in one["options"])]),
            "reasoning": f"<think>{' '.join(one['trace'])}</think><answer>{one['answer']}</answer>",
            "answer": one["answer"],
            **one["rubric"],
        }
        for name, one in examples.items()
    ]
    with opened(write_hub(tmp_path / "test-00000-of-00001.parquet", rows)) as items:
        records = [items.record(id_) for id_ in items.ids]
    # SOURCE.txt: test-2 6/3/3, test-3 3/2/4, test-7 4/2/3, test-85 2/3/5
    assert [[len(units) for units in record.item.checklist.values()] for record in records] == [
        [6, 3, 3],
        [3, 2, 4],
        [4, 2, 3],
        [2, 3, 5],
    ]
    for record, one in zip(records, examples.values(), strict=True):
        assert record.item.question == one["stem"]
        assert record.item.options == {option["k"]: option["t"] for option in one["options"]}
        assert (record.item.reference_reasoning, record.item.answer) == (" ".join(one["trace"]), one["answer"])
        for group, units in record.item.checklist.items():
            assert [unit.claim for unit in units] == [unit["claim"] for unit in one["rubric"][group.value]]


def test_the_train_split_has_no_checklist(tmp_path: Path) -> None:
    none: dict[str, Any] = dict.fromkeys(["perception", "knowledge", "rationale"])
    empty: dict[str, Any] = {"perception": [], "knowledge": [], "rationale": []}
    with opened(
        write_hub(tmp_path / "train-00000-of-00001.parquet", [hub_row(0, **none), hub_row(1, **empty)])
    ) as items:
        assert [items.record(id_).item.checklist for id_ in items.ids] == [{}, {}]


def test_a_folder_is_read_shard_by_shard_and_rows_are_counted_over_a_split(tmp_path: Path) -> None:
    write_hub(tmp_path / "test-00001-of-00002.parquet", [hub_row(2)])
    write_hub(tmp_path / "test-00000-of-00002.parquet", [hub_row(0), hub_row(1)])
    write_hub(tmp_path / "train-00000-of-00001.parquet", [hub_row(3)])
    with opened(tmp_path) as items:
        assert list(items.ids) == ["test-000000", "test-000001", "test-000002", "train-000000"]
        assert items.record("test-000002").item.question == "What does figure 2 show?"
        assert items.place("test-000002").endswith("test-00001-of-00002.parquet: row 0")
        assert items.path.endswith("test-00000-of-00002.parquet and 2 more")
        assert len(items) == 4
    with opened(*sorted(tmp_path.glob("test-*"), reverse=True), id_column="row") as items:
        assert list(items.ids) == ["0", "1", "2"]
        assert items.record("2").item.question == "What does figure 2 show?"


def test_a_shard_without_those_before_it_has_no_ids(tmp_path: Path) -> None:
    path = write_hub(tmp_path / "test-00001-of-00002.parquet", [hub_row(2, no=7)], no=pl.Int32)
    assert refused(path) == [
        (
            "test-00001-of-00002.parquet: its ids count the rows of its split, of which an earlier shard is missing "
            "(give all shards of the split, each once, or --id-column)"
        )
    ]
    with opened(path, id_column="no") as items:
        assert list(items.ids) == ["7"]


def test_a_folder_without_parquet_and_a_column_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty") == ["empty: holds no *.parquet file (give a file, or a folder of Parquet files)"]
    path = write_hub(tmp_path / "x.parquet", [hub_row(0)])
    assert refused(path, id_column="idx") == [
        "x.parquet: no column 'idx' (--id-column takes row or one of: " + ", ".join(HUB) + ")"
    ]


def test_a_file_is_known_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    path = write_hub(tmp_path / "test.data", [hub_row(0)])
    with opened(path) as items:
        assert list(items.ids) == ["test.data-000000"]
    path = tmp_path / "items.parquet"
    path.write_text('{"id": 1, "question": "Q"}\n')
    with opened(path) as items:
        assert list(items.ids) == ["1"]


def test_ids_are_told_apart_over_all_files(tmp_path: Path) -> None:
    one = write_hub(tmp_path / "a.parquet", [hub_row(0, id="x")], id=pl.String)
    two = write_hub(tmp_path / "b.parquet", [hub_row(1, id="y"), hub_row(2, id="x")], id=pl.String)
    assert refused(one, two) == ["b.parquet: row 1: duplicate id 'x' (first on a.parquet: row 0)"]
    three = write_hub(tmp_path / "c.parquet", [hub_row(1, id="y"), hub_row(2, id=" y")], id=pl.String)
    assert refused(three) == [
        (
            "c.parquet: row 1: id ' y' is easily confused with 'y' on row 0 "
            "(they differ only by spaces around or by Unicode form)"
        )
    ]


def test_names_given_with_field_are_columns_and_those_of_the_traces_alone_are_left(tmp_path: Path) -> None:
    path = write_hub(tmp_path / "x.parquet", [hub_row(0, picture={"bytes": b"1", "path": None})], picture=IMAGE)
    fields = {"image": "picture", "question": "reasoning", "id": "custom_id", "trace": "out.0.text"}
    with opened(path, fields=fields) as items:
        record = items.record("x-000000")
    assert record.images == (EmbeddedImage(b"1"),)
    assert record.item.question.startswith("<think>")
    assert record.item.reference_reasoning is None


@pytest.mark.parametrize(
    ("kind", "cell", "images"),
    [
        (IMAGE, None, (EmbeddedImage(None),)),
        (IMAGE, {"bytes": None, "path": "x.png"}, (EmbeddedImage(None),)),
        (IMAGE, {"bytes": b"", "path": "x.png"}, (EmbeddedImage(None),)),
        (pl.List(IMAGE), [{"bytes": b"1", "path": None}, None], (EmbeddedImage(b"1"), EmbeddedImage(None))),
        (pl.List(IMAGE), None, (EmbeddedImage(None),)),
        (pl.List(IMAGE), [], ()),
        (pl.Binary, b"1", (EmbeddedImage(b"1"),)),
        (pl.Binary, None, (EmbeddedImage(None),)),
        (pl.List(pl.Binary), [b"1", b"2"], (EmbeddedImage(b"1"), EmbeddedImage(b"2"))),
        (pl.String, None, ()),
        (pl.Null, None, ()),
    ],
)
def test_an_image_stands_in_any_of_the_forms_and_a_null_one_has_its_place(
    tmp_path: Path, kind: pl.DataType, cell: object, images: tuple[EmbeddedImage, ...]
) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"id": ["q"], "image": [cell]}, schema={"id": pl.String, "image": kind}).write_parquet(path)
    with opened(path) as items:
        assert items.record("q").images == images


def test_a_path_is_relative_to_the_file_and_a_column_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"id": ["q"], "image_path": ["i.png"]}).write_parquet(path)
    with opened(path) as items:
        assert items.record("q").images == (tmp_path / "i.png",)
    pl.DataFrame({"id": ["q"], "image": [3]}).write_parquet(path)
    assert refused(path) == [
        (
            "x.parquet: column image holds Int64 (images are a struct of bytes and path, binary, text (a path), "
            "or a list of these)"
        )
    ]


def test_other_scalar_columns_are_metadata_in_the_types_of_json(tmp_path: Path) -> None:
    others: dict[str, Any] = {
        "year": pl.Int16,
        "share": pl.Float32,
        "bad": pl.Float64,
        "day": pl.Date,
        "kind": pl.Categorical,
        "seen": pl.Boolean,
        "blob": pl.Binary,
        "many": pl.List(pl.Int8),
    }
    row = hub_row(
        0, year=2024, share=0.5, bad=float("nan"), day=dt.date(2024, 2, 29), kind="x", seen=True, blob=b"1", many=[1]
    )
    with opened(write_hub(tmp_path / "x.parquet", [row], **others)) as items:
        meta = items.record("x-000000").item.meta
    del meta["content_sha256"]
    assert meta == {"year": 2024, "share": 0.5, "bad": None, "day": "2024-02-29", "kind": "x", "seen": True}


def test_wrong_units_and_wrong_types_are_named_with_file_and_row_in_one_go(tmp_path: Path) -> None:
    rows = [
        hub_row(0),
        hub_row(1, knowledge=[unit("u1", "x")], perception=[unit("u1", "y"), unit("u9", " ")]),
        hub_row(2, rationale=[unit("u8", "z", importance="major"), unit("u8", "z", unit_id=None)]),
    ]
    assert refused(write_hub(tmp_path / "x.parquet", rows)) == [
        "x.parquet: row 1: perception[1]: missing claim (a unit is judged by its claim)",
        "x.parquet: row 1: perception and knowledge: unit id 'u1' occurs twice (give one another id)",
        "x.parquet: row 2: rationale[0]: importance 'major' (it is core or supporting; null counts as core)",
        "x.parquet: row 2: rationale[1]: missing unit_id (every unit of an item needs its own)",
    ]
    pl.DataFrame({"question": [3], "perception": ["u1"]}).write_parquet(tmp_path / "y.parquet")
    assert refused(tmp_path / "y.parquet") == [
        "y.parquet: row 0: question: expected text, found a number",
        "y.parquet: row 0: perception: expected a list of units, found text",
    ]


def test_what_is_no_parquet_after_its_first_bytes_is_refused(tmp_path: Path) -> None:
    path = write_hub(tmp_path / "x.parquet", [hub_row(n) for n in range(20)])
    content = path.read_bytes()
    for damaged in (b"PAR1", content[:-5], content[:2000] + content[2400:], content[:100] + b"PAR1"):
        path.write_bytes(damaged)
        (problem,) = refused(path)
        assert problem.startswith("x.parquet: cannot be read as Parquet: ")
        assert problem.endswith("(fetch or export the file again)")


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    assert refused(write_hub(tmp_path / "x.parquet", [])) == ["x.parquet: empty file (it has no rows: export it again)"]


def test_rows_that_changed_places_after_they_were_checked_are_noticed(tmp_path: Path) -> None:
    path = write_hub(tmp_path / "x.parquet", [hub_row(0), hub_row(1)])
    with opened(path) as items:
        write_hub(path, [hub_row(1), hub_row(0)])
        with pytest.raises(InputError, match=r"x\.parquet: row 0: the file changed while it was being read"):
            items.record("x-000000")


def test_rows_are_read_in_any_order(tmp_path: Path) -> None:
    path = write_hub(tmp_path / "x.parquet", [hub_row(n) for n in range(200)])
    with opened(path) as items:
        for n in (150, 3, 199, 4, 5, 0, 64, 63):
            assert items.record(f"x-{n:06d}").images == (EmbeddedImage(drawn(f"row {n}")),)


def test_a_file_that_cannot_be_opened_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_hub(tmp_path / "x.parquet", [hub_row(0)])
    assert refused(tmp_path / "none.parquet") == [
        "none.parquet: no such file (relative paths start at the current folder)"
    ]

    opened = os.open

    def denied(file: str, *more: int) -> int:
        if file == str(path):
            raise PermissionError(13, "Permission denied")
        return opened(file, *more)

    monkeypatch.setattr(os, "open", denied)
    (told,) = refused(path)
    assert told.startswith("x.parquet: cannot be read: Permission denied")


def test_standard_input_holds_items_and_a_folder_of_shards_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_hub(tmp_path / "test.parquet", [hub_row(0)])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"id": 1, "question": "Q"}')))
    with read_items(["-", tmp_path]) as items:
        assert list(items.ids) == ["1", "test-000000"]
        assert items.digest("1") is not None
