"""Writes the examples that have an image as a benchmark is published, and as generators write their output.

    python examples/make_parquet.py bench

makes `bench/test-00000-of-00001.parquet`, in the schema of the OpenMedReason files on the hub, and beside it the output
of two models as lmms-eval logs it: `bench/a_samples_demo.jsonl` and `bench/b_samples_demo.jsonl`.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import polars as pl

HERE = Path(__file__).parent
Row = dict[str, Any]
UNIT = pl.Struct(
    dict.fromkeys(
        ["unit_id", "topic", "claim", "presence_question", "correctness_question", "source_quote", "importance"],
        pl.String,
    )
)
SCHEMA: dict[str, Any] = {
    "image": pl.Struct({"bytes": pl.Binary, "path": pl.String}),
    "question": pl.String,
    "reasoning": pl.String,
    "answer": pl.String,
    "perception": pl.List(UNIT),
    "knowledge": pl.List(UNIT),
    "rationale": pl.List(UNIT),
}


def main() -> None:
    """Write the three files into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    checklists = tomllib.loads((HERE / "checklists.toml").read_text("utf-8"))
    models = {side: read(side, among=checklists) for side in ("a", "b")}
    rows = [row(item, checklists[item["id"]]) for item in models["a"]]
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(folder / "test-00000-of-00001.parquet", row_group_size=500)
    for side, items in models.items():
        lines = (json.dumps(sample(number, item), ensure_ascii=False) for number, item in enumerate(items))
        (folder / f"{side}_samples_demo.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def read(side: str, *, among: Row) -> list[Row]:
    """Return the examples that have a checklist, with one model's traces."""
    lines = map(json.loads, (HERE / f"{side}.jsonl").read_text("utf-8").splitlines())
    return [line for line in lines if line["id"] in among]


def row(item: Row, checklist: Row) -> Row:
    """Return an item as a row of the hub's: the image's bytes, and the options within the question."""
    units = ((group, entry) for group, entries in checklist.items() for entry in entries)
    groups: dict[str, list[Row]] = {}
    for number, (group, (topic, claim, importance)) in enumerate(units, start=1):
        groups.setdefault(group, []).append(
            {
                "unit_id": f"u{number}",
                "topic": topic,
                "claim": claim,
                "presence_question": f"Does the response speak of {topic}?",
                "correctness_question": f"Does the response rightly state this? {claim}",
                "source_quote": "",
                "importance": importance,
            }
        )
    options = "\n".join(f"{letter}. {text}" for letter, text in item["options"].items())
    image = HERE / item["image"]
    return {
        "image": {"bytes": image.read_bytes(), "path": image.name},
        "question": f"{item['question']}\n{options}",
        "reasoning": thinking(item["reference_reasoning"], item["answer"]),
        "answer": item["answer"],
        **groups,
    }


def sample(number: int, item: Row) -> Row:
    """Return a model's output for a row as lmms-eval logs it: rows by their number."""
    output = thinking(item["trace"], item.get("model_answer", ""))
    return {
        "doc_id": number,
        "target": item["answer"],
        "filtered_resps": [item.get("model_answer", "")],
        "resps": [[output]],
        "input": item["question"],
    }


def thinking(text: str, answer: str) -> str:
    """Return reasoning and answer in the tags of the published data."""
    return f"<think>{text}</think>" + (f"<answer>{answer}</answer>" if answer else "")


if __name__ == "__main__":
    main()
