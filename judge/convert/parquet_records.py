"""Read the rows of a Parquet file as records in JSON's types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from judge.convert.values import SourceRecord
from judge.files.fields import RecordProblem
from judge.files.jsonl import refuse
from judge.files.limits import MIB, limits, raise_record_limit
from judge.files.parquet_limits import check_parquet, size_in_memory

ROWS = 100
"""read together"""


def parquet_records(path: str) -> Iterator[SourceRecord]:
    """Yield each row; places are `x.parquet: row 12`, counted from 0. Raises InputErrors where it cannot be read."""
    import polars as pl  # noqa: PLC0415 - other files do without
    from polars.exceptions import PanicException, PolarsError  # noqa: PLC0415

    if path == "<stdin>":
        refuse(path, "Parquet from standard input", "give it as a file")
    number = 0
    try:
        check_parquet(Path(path))
        scan = pl.scan_parquet(path, glob=False)
        for batch in scan.collect_batches(chunk_size=ROWS, maintain_order=True):
            measures = (size_in_memory(pl.col(name), kind) for name, kind in batch.schema.items())
            sizes = batch.select(pl.sum_horizontal(measures)).to_series().to_list()
            for row, size in zip(batch.iter_rows(named=True), sizes, strict=True):
                where = f"{path}: row {number}"
                if size > (most := limits().document_bytes):
                    told = f"holds {size / MIB:,.0f} MiB, and a row may hold {most // MIB} MiB"
                    refuse(where, told, raise_record_limit("keep large data in files of their own"))
                yield SourceRecord(where, _as_json(row))
                number += 1
    except RecordProblem as problem:
        refuse(path, problem.problem, problem.hint)
    except (PolarsError, PanicException, OSError) as error:
        refuse(path, f"cannot be read as Parquet: {str(error).splitlines()[0]}", "fetch or export the file again")


def _as_json(value: Any) -> Any:  # noqa: ANN401 - any value
    match value:
        case dict():
            return {name: _as_json(one) for name, one in value.items()}
        case list():
            return [_as_json(one) for one in value]
        case float() if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
            return None
        case str() | int() | float() | bytes() | None:
            return value
        case _:
            return str(value)
