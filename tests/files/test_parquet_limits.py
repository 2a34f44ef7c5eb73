"""A Parquet file is held to the limits by its own headers, whatever they say."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from judge.errors import InputError
from judge.files.fields import RecordProblem
from judge.files.limits import Limits, limiting
from judge.files.parquet_limits import check_parquet, size_in_memory


def written(path: Path, rows: int = 50) -> Path:
    frame = pl.DataFrame(
        {
            "id": [str(row) for row in range(rows)],
            "flag": [row % 2 == 0 for row in range(rows)],
            "image": [{"bytes": bytes([row] * 100), "path": None} for row in range(rows)],
            "options": [["a" * row, "b"] for row in range(rows)],
        }
    )
    frame.write_parquet(path, statistics="full", row_group_size=20)
    return path


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "zstd", "gzip", "lz4"])
def test_an_ordinary_file_passes_however_it_is_packed(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.read_parquet(written(path)).write_parquet(path, compression=compression)  # type: ignore[arg-type]
    check_parquet(path)


def test_the_sizes_of_values_are_those_of_their_texts_and_bytes_wherever_they_stand() -> None:
    kinds = {
        "text": ["abc", None, "é"],
        "bytes": [b"12", b"", None],
        "number": [1, None, 3],
        "list": [["ab", "c"], [], None],
        "struct": [{"bytes": b"123", "path": "p"}, {"bytes": None, "path": None}, None],
        "deep": [[{"x": "abcd"}, {"x": None}], None, []],
    }
    frame = pl.DataFrame(kinds).with_columns(fixed=pl.Series([["a", "bc"]] * 3, dtype=pl.Array(pl.String, 2)))
    sizes = frame.select(size_in_memory(pl.col(name), kind).alias(name) for name, kind in frame.schema.items())
    assert sizes.to_dict(as_series=False) == {
        "text": [3, 0, 2],
        "bytes": [2, 0, 0],
        "number": [8, 0, 8],
        "list": [3, 0, 0],
        "struct": [4, 0, 0],
        "deep": [4, 0, 0],
        "fixed": [3, 3, 3],
    }


def test_a_file_of_more_than_it_may_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"x": list(range(400_000))}).write_parquet(path, compression="uncompressed")
    with limiting(Limits(max_file_mb=1)), pytest.raises(InputError, match="larger than 1 MiB"):
        check_parquet(path)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_headers_are_refused_or_pass_and_break_nothing(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "x.parquet"
    content = bytearray(written(path).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 9) | st.integers(len(content) - 1500, len(content) - 9))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(InputError, RecordProblem):
        check_parquet(path)


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_refused_as_no_parquet(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1")
    with suppress(InputError, RecordProblem):
        check_parquet(path)
