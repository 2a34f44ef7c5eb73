"""Ids that repeat are samples only where the file says so, whatever holds the records; two models are refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import omr_judge, write_jsonl

Rows = list[dict[str, Any]]


def trace(id_: str, number: int, **more: object) -> dict[str, Any]:
    return {
        "id": id_,
        "model": "m",
        "question": f"Question {id_}?",
        "trace": f"Trace {number} of {id_}, long enough.",
    } | more


def as_array(path: Path, rows: Rows) -> None:
    path.write_text(json.dumps(rows))


def as_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, [*rows[0]])
        table.writeheader()
        table.writerows(rows)


def as_parquet(path: Path, rows: Rows) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


HOLDERS = {"array": as_array, "csv": as_csv, "parquet": as_parquet, "lines": write_jsonl}


def compared(folder: Path, holder: str, rows: Rows, others: Rows, *, code: int = 0) -> str:
    HOLDERS[holder](folder / "a", rows)
    write_jsonl(folder / "b.jsonl", others)
    ran = omr_judge("compare", "a", "b.jsonl", "--judge", "openai:x", "--dry-run", "--json", cwd=folder, code=code)
    return ran.stdout if code == 0 else ran.stderr


@pytest.mark.parametrize("holder", HOLDERS)
def test_an_id_that_occurs_twice_is_refused(tmp_path: Path, holder: str) -> None:
    rows = [trace("1", 0), trace("2", 0), trace("1", 1)]
    assert "duplicate id '1'" in compared(tmp_path, holder, rows, rows[:2], code=3)
    if holder == "lines":
        return
    assert "duplicate id '1'" in omr_judge("convert", "a", "--to", "t.jsonl", cwd=tmp_path, code=3).stderr
    told = omr_judge("convert", "a", "--to", "t.jsonl", "--sample", "2", cwd=tmp_path).stdout
    assert "3 rows = 1 trace + 2 other samples" in told
    told = omr_judge("convert", "a", "--to", "u.jsonl", "--all-samples", cwd=tmp_path).stdout
    assert "3 rows = 3 traces" in told


@pytest.mark.parametrize("holder", HOLDERS)
def test_numbered_samples_stay_what_they_are(tmp_path: Path, holder: str) -> None:
    rows = [trace(id_, 10 * number, sample=number) for id_ in "12" for number in (0, 1)]
    others = [trace(id_, 10 * number + 1, sample=number, model="n") for id_ in "12" for number in (0, 1)]
    assert json.loads(compared(tmp_path, holder, rows, others))["calls"] == 8
    again = [*rows, trace("1", 5, sample=1)]
    assert "duplicate id '1', sample 1" in compared(tmp_path, holder, again, others, code=3)


@pytest.mark.parametrize("holder", HOLDERS)
def test_two_models_in_one_file_are_no_samples_of_each_other(tmp_path: Path, holder: str) -> None:
    rows = [trace("1", 0), trace("1", 1, model="other")]
    told = compared(tmp_path, holder, rows, rows[:1], code=3)
    assert "duplicate id '1'" in told if holder == "lines" else "traces of several models: 'm', 'other'" in told


def test_two_generators_in_one_file_of_alpaca_eval_are_refused(tmp_path: Path) -> None:
    rows = [{"instruction": "Say hi.", "output": f"Hi, says {name}.", "generator": name} for name in ("m", "n")]
    as_array(tmp_path / "a.json", rows)
    told = omr_judge("convert", "a.json", "--to", "t.jsonl", cwd=tmp_path, code=3).stderr
    assert "traces of several models: 'm', 'n' (choose one with --model)" in told
