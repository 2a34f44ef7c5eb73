"""Images under any name are seen, or refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from msgspec import UNSET
from pictures import written

from judge.errors import InputErrors
from judge.inputs.input_options import InputOptions
from judge.inputs.item_fields import EmbeddedImage
from judge.inputs.items import read_items
from judge.inputs.join import Inputs
from judge.inputs.traces import read_traces
from judge.schema import Pair

PNG = bytes.fromhex("89504e470d0a1a0a")


def traces(path: Path, record: dict[str, object]) -> Path:
    path.write_text(json.dumps({"id": 1, "trace": "t"} | record) + "\n")
    return path


def test_numbered_columns_are_images_in_their_order(tmp_path: Path) -> None:
    path = traces(tmp_path / "t.jsonl", {"image_1": "a.png", "image_2": "b.png", "image_3": None, "image_type": "MRI"})
    with read_traces(path) as file:
        record = file.record("1")
    assert record.images == (tmp_path / "a.png", tmp_path / "b.png")
    assert record.trace is not None
    assert (record.trace.meta, record.trace.final) == ({"image_type": "MRI", "image_3": None}, UNSET)


@pytest.mark.parametrize(
    "value",
    [
        "data:image/png;base64,iVBORw0KGgo=",
        "iVBORw0KGgoAAAANSUhEUg",
        [{"bytes": "iVBORw0KGgo=", "path": "a.png"}],
        {"url": "data:image/png;base64,AA"},
        "UklGRiIAAABXRUJQVlA4",
        "scans/1.png",
        ["1.JPG", "2.jpeg"],
        "https://example.org/1.webp",
        {"note": [{"content": "data:image/png;base64,AA"}]},
    ],
)
def test_an_image_as_text_under_another_name_is_refused_until_it_is_named(value: object, tmp_path: Path) -> None:
    path = traces(tmp_path / "t.jsonl", {"xray": value, "note": "data"})
    with pytest.raises(
        InputErrors, match=r"xray: holds an image, which would be left out \(show it with --field image=xray"
    ):
        joined(path)
    with pytest.raises(InputErrors, match="xray: holds an image"), read_items([path]):
        pass
    read_traces(path, fields={"image": "note"}).close()


def joined(path: Path, *items: str) -> list[Pair]:
    with Inputs(InputOptions(str(path), str(path), items=items), blind_judge=False) as inputs:
        return list(inputs.pairs())


def test_nobody_is_asked_about_a_name_where_the_item_has_its_image_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(written())
    path = traces(tmp_path / "t.jsonl", {"file_name": "1.png"})
    (tmp_path / "items.jsonl").write_text(json.dumps({"id": 1, "question": "Q?", "image": "x.png"}) + "\n")
    (pair,) = joined(path, str(tmp_path / "items.jsonl"))
    assert len(pair.item.images) == 1
    (tmp_path / "bare.jsonl").write_text(json.dumps({"id": 1, "question": "Q?"}) + "\n")
    with pytest.raises(InputErrors, match="file_name: holds an image"):
        joined(path, str(tmp_path / "bare.jsonl"))


@pytest.mark.parametrize(
    "record",
    [
        {
            "key": "1",
            "request": {
                "contents": [
                    {"parts": [{"text": "Q"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]}
                ]
            },
            "response": {"candidates": [{"content": {"parts": [{"text": "B"}]}}]},
        },
        {
            "doc_id": 0,
            "doc": {"question": "Q", "image_1": {"bytes": "iVBORw0KGgo=", "path": "a.png"}},
            "target": "B",
            "resps": [["B"]],
        },
        {"text": "B", "meta_info": {}, "image_data": "iVBORw0KGgo="},
        {
            "custom_id": "1",
            "response": {"status_code": 200, "body": {"choices": [{"message": {"content": "B"}}]}},
            "request": {
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
                ]
            },
        },
        {
            "index": 0,
            "messages": [
                {"role": "user", "content": [{"type": "image", "image": "data:image/png;base64,iVBORw0KGgo="}]}
            ],
            "sample_score": {"score": {"prediction": "B"}},
        },
        {
            "adapter_spec": {},
            "request_states": [
                {
                    "instance": {
                        "id": "1",
                        "input": {
                            "multimedia_content": {
                                "media_objects": [
                                    {"content_type": "image/png", "location": "a.png"},
                                    {"content_type": "text/plain", "text": "Q?"},
                                ]
                            }
                        },
                    },
                    "result": {"success": True, "completions": [{"text": "B"}]},
                }
            ],
        },
    ],
)
def test_an_image_that_a_generator_keeps_beside_its_output_is_shown(record: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(record) + "\n")
    with read_traces(path) as file:
        (id_,) = file.ids
        assert len(file.record(id_).images) == 1


def test_a_name_of_a_file_beside_an_image_or_within_a_text_is_none_to_show(tmp_path: Path) -> None:
    beside = traces(tmp_path / "t.jsonl", {"image": "1.png", "file_name": "1.png"})
    read_traces(beside).close()
    texts: dict[str, object] = {"trace": "1.png", "model_answer": "2.png", "note": "shown in 3.png"}
    read_traces(traces(tmp_path / "u.jsonl", texts)).close()
    said = traces(tmp_path / "v.jsonl", {"log": "1.png"})
    read_traces(said, fields={"image": "image"}).close()


def test_bytes_in_any_column_of_parquet_are_seen_and_other_shapes_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.parquet"
    cell = {"bytes": PNG, "path": "a.png"}
    table = {"id": ["1"], "question": ["q"], "image_1": [cell], "xray": [PNG], "image_2": [None]}
    pl.DataFrame(table).write_parquet(path)
    with read_items([path]) as items:
        held = [one.content for one in items.record("1").images if isinstance(one, EmbeddedImage)]
    assert [content for content in held if content] == [PNG, PNG]
    with read_items([path], fields={"image": "xray"}) as items:
        assert len(items.record("1").images) == 1
    pl.DataFrame(table | {"deep": [[[cell]]]}).write_parquet(path)
    with pytest.raises(InputErrors, match="column deep holds"):
        read_items([path])
