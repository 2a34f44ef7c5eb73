"""Read the difficulties of AlpacaEval's instructions."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np

from judge.errors import InputError
from judge.files.limits import limits, read_whole
from judge.stats.alpaca_length import Difficulties

_IDS, _VALUES = ("id", "item", "index", ""), ("instruction_difficulty", "difficulty")
_GAMED = ("preference", "std_delta_len")


def read_difficulties(path: Path) -> Difficulties:
    """Read a CSV of items' difficulties: AlpacaEval's own `df_gamed.csv` or `instruction_difficulty.csv`, or one alike.

    Rows with `preference` and `std_delta_len` are those of the gamed baselines.

    Raises:
        InputError: the file cannot be read, lacks a column, or holds what is no number; names the line.
    """
    try:
        text = read_whole(path, most=limits().document_bytes).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from error
    rows = csv.DictReader(io.StringIO(text))
    names = rows.fieldnames or ()
    own_id = next((name for name in _IDS if name in names), None)
    own_value = next((name for name in _VALUES if name in names), None)
    if own_id is None or own_value is None:
        raise InputError(str(path), f"has the columns {', '.join(names)}", "it needs id (or index) and difficulty")
    by_item: dict[str, float] = {}
    gamed: list[list[float]] = []
    for row in rows:
        where = f"{path}:{rows.line_num}"
        value = _number(row[own_value], where, own_value)
        if by_item.setdefault(row[own_id] or "", value) != value:
            raise InputError(where, f"a second difficulty of {row[own_id]}")
        if all(name in names for name in _GAMED):
            gamed.append([*(_number(row[name], where, name) for name in _GAMED), value])
    return Difficulties(by_item, np.array(gamed, dtype=np.float64).reshape(-1, 3))


def _number(given: str | None, where: str, column: str) -> float:
    try:
        value = float(given or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(where, f"{column}: {given!r} is no number")
    return value
