"""Small score runs that the real command makes against a local server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from command import omr_judge, write_jsonl
from provider_server import Answer, Call, ProviderServer
from scoring.test_score_command import CHECKLIST, PIXEL, reading_judge

MODEL = "vendor/tested-7b"
REFUSED = "q 3/ä?#"
JUDGE = ("--price", "judge-1=1/2", "--max-failures", "1", "--name", "s")


def refusing_judge(call: Call) -> Answer:
    """Read the traces, but say nothing of the rationale of one."""
    if "Question 3" in call.user and "chain_grounding" in str(call.schema):
        return Answer("I would rather not.", stop="refusal")
    return reading_judge(call)


def score_item(id_: str, question: str, **more: object) -> dict[str, Any]:
    options = {"A": "one", "B": "two"}
    known = {"id": id_, "question": question, "options": options, "answer": "A", "checklist": CHECKLIST}
    return {**known, **more}


TRACES = {
    "q1": ("white line, dark spot, lines are bone, so it is a fracture, so it is old", "A"),
    "q2": ("white line, not dark spot, lines are bone, so it is a fracture", "B"),
    REFUSED: ("=nothing at all", None),
}
"""By hand: q1 all in order. q2: perception 1 x 1/2, knowledge 1 x 1, rationale 1/2 x 1. The third: nothing is present;
of the rationale nothing is known."""
ITEMS = [
    score_item("q1", "Question 1: what?", image="scan.png", subgroup={"site": "hand", "serial": "1"}),
    score_item("q2", "=Question 2: what?", image="scan.png", subgroup={"site": "foot", "serial": "2"}),
    score_item(REFUSED, "Question 3: what?", image="scan.png", reference_reasoning="Fact 3 of the textbook."),
]


def make_score(
    folder: Path,
    items: Sequence[Mapping[str, Any]],
    traces: Sequence[Mapping[str, Any]],
    *more: str,
    models: Sequence[str] = ("judge-1",),
) -> list[Call]:
    """Score traces into `runs/s`; return what the judge was asked."""
    (folder / "scan.png").write_bytes(PIXEL)
    write_jsonl(folder / "items.jsonl", items)
    write_jsonl(folder / "t.jsonl", traces)
    with ProviderServer(refusing_judge) as server:
        judges = [part for model in models for part in ("--judge", f"openai:{model}@{server.url}/v1")]
        omr_judge("score", "t.jsonl", "--items", "items.jsonl", *judges, *JUDGE, *more, cwd=folder)
        return list(server.calls)


def three_traces(folder: Path, *more: str) -> list[Call]:
    """Score the traces above."""
    traces = [
        {"id": id_, "trace": text, "model": MODEL, **({"model_answer": answer} if answer else {})}
        for id_, (text, answer) in TRACES.items()
    ]
    return make_score(folder, ITEMS, traces, *more)
