"""Records in memory become the file that the same records would be read from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from command import read_jsonl

from judge.errors import InputError
from judge.inputs.in_memory import as_file, as_frame

ROWS: list[dict[str, Any]] = [{"id": "q1", "trace": "one", "score": 1.5}, {"id": "q2", "trace": "two", "score": None}]
WRITTEN = [{"id": "q1", "trace": "one", "score": 1.5}, {"id": "q2", "trace": "two"}]


class Exchanged:
    """A frame that has the interchange protocol alone."""

    def __dataframe__(self, **given: Any) -> object:  # noqa: ANN401 - the protocol's
        return pa.Table.from_pylist(ROWS).__dataframe__(**given)


@pytest.mark.parametrize("made", [list, iter, pl.DataFrame, pl.LazyFrame, pd.DataFrame, lambda _: Exchanged()])
def test_missing_values_are_left_out_whatever_holds_the_records(made: Any, tmp_path: Path) -> None:  # noqa: ANN401
    assert read_jsonl(Path(as_file(made(ROWS), "a", tmp_path))) == WRITTEN


def test_a_frame_with_bytes_anywhere_in_a_column_is_written_as_parquet(tmp_path: Path) -> None:
    for column in ([b"x"], [[b"x"]], [{"bytes": b"x", "path": "x.png"}], [[{"bytes": b"x"}]]):
        path = as_file(pl.DataFrame({"id": ["q1"], "image": column}), "items", tmp_path)
        assert path == str(tmp_path / "items.parquet")
        assert pl.read_parquet(path)["image"].to_list() == column
    assert as_file(pl.DataFrame({"id": ["q1"], "options": [["x", "y"]]}), "b", tmp_path) == str(tmp_path / "b.jsonl")


def test_paths_of_images_start_where_the_caller_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = ["x.png", Path("y.png"), "https://host/z.png", "", {"bytes": None}]
    (line,) = read_jsonl(Path(as_file([{"id": "q1", "image": image}], "a", tmp_path)))
    assert line["image"] == [
        *(str(tmp_path / "x.png"), str(tmp_path / "y.png"), "https://host/z.png", "", {"bytes": None})
    ]


def test_a_frame_of_the_interchange_protocol_needs_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.interchange", None)
    with pytest.raises(InputError, match="a: a Exchanged needs pyarrow to be read"):
        as_frame(Exchanged(), "a")
