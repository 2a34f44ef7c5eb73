"""Parquet files in the hub's schema, with drawn images."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image, ImageDraw

UNIT = pl.Struct(
    dict.fromkeys(
        ["unit_id", "topic", "claim", "presence_question", "correctness_question", "source_quote", "importance"],
        pl.String,
    )
)
IMAGE = pl.Struct({"bytes": pl.Binary, "path": pl.String})
HUB: dict[str, Any] = {
    "image": IMAGE,
    "question": pl.String,
    "reasoning": pl.String,
    "answer": pl.String,
    "perception": pl.List(UNIT),
    "knowledge": pl.List(UNIT),
    "rationale": pl.List(UNIT),
}


def drawn(text: str, *, form: str = "PNG", size: tuple[int, int] = (64, 48)) -> bytes:
    """Return an image that no other text has."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).text((2, 2), text, fill="black")
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def unit(id_: str, claim: str, **changes: object) -> dict[str, Any]:
    """Return a unit as the hub has it."""
    return {
        "unit_id": id_,
        "topic": "a topic",
        "claim": claim,
        "presence_question": f"Does it discuss {id_}?",
        "correctness_question": f"Does it state that {claim}?",
        "source_quote": "a quote",
        "importance": "core",
        **changes,
    }


def hub_row(number: int, **changes: object) -> dict[str, Any]:
    """Return an invented row of the test split."""
    return {
        "image": {"bytes": drawn(f"row {number}"), "path": f"{number}.png"},
        "question": f"What does figure {number} show?\nA. A square\nB. A circle\nC. A line",
        "reasoning": f"<think>I look at figure {number}.</think><answer>B</answer>",
        "answer": "B",
        "perception": [unit("u1", "There is a circle."), unit("u2", "It is closed.", importance="supporting")],
        "knowledge": [unit("u3", "A circle has no corner.")],
        "rationale": [unit("u4", "A closed curve without corners is a circle.")],
        **changes,
    }


def write_hub(path: Path, rows: Sequence[dict[str, Any]], **columns: pl.DataType | type[pl.DataType]) -> Path:
    """Write rows in the hub's schema, and other columns of the types given."""
    pl.DataFrame(list(rows), schema={**HUB, **columns}, orient="row").write_parquet(path, row_group_size=3)
    return path
