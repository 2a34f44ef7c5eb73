"""Items with checklists, traces that say what these say, and scripted judges of planted pairs."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command import write_jsonl
from PIL import Image
from provider_server import Answer, Call, traces_of, verdicts_for

SIDES, PLACES = ("left", "right"), ("upper", "lower")
ORGANS = ("lung", "kidney", "breast", "thyroid", "ovary")
DRUGS = ("Furosemide", "Amiloride", "Digoxin", "Insulin", "Dobutamine")


def record(number: int, *, image: bool = True) -> dict[str, Any]:
    """Return a record with a trace, its item and the item's checklist."""
    side, place, organ = SIDES[number % 2], PLACES[number // 2 % 2], ORGANS[number % 5]
    drug, way = DRUGS[number % 5], ("increases", "decreases")[number % 2]
    size = 3 + number % 20
    seen = f"a {size} mm nodule is present in the {side} {place} pole of the {organ} region {number}"
    fact = f"{drug} usually {way} the renal excretion of marker {number} in patients"
    step = f"the spiculated margin of nodule {number} suggests a malignant {organ} tumour"
    claims = {"perception": seen, "knowledge": fact, "rationale": step}
    checklist = {
        group: [
            {
                "unit_id": f"{group[0]}{number}",
                "topic": group,
                "claim": f"{claim[0].upper()}{claim[1:]}.",
                "presence_question": "Is it said?",
                "correctness_question": "Is it right?",
                "source_quote": claim,
                "importance": "core",
            }
        ]
        for group, claim in claims.items()
    }
    trace = (
        f"I looked at the picture with care. On the study, {seen}. It is known that {fact}. "
        f"Taken together, {step}. That settles the question."
    )
    return {
        "id": f"q{number}",
        "question": f"What does case {number} show?",
        "trace": trace,
        "checklist": checklist,
        **({"images": [f"{number}.png"]} if image else {}),
    }


def write_items(folder: Path, n: int, *, images: bool = True) -> None:
    """Write a.jsonl, b.jsonl and an image of its own for each item."""
    for number in range(n if images else 0):
        Image.new("RGB", (4, 4), (number, 255 - number, 7)).save(folder / f"{number}.png")
    records = [record(number, image=images) for number in range(n)]
    write_jsonl(folder / "a.jsonl", records)
    write_jsonl(folder / "b.jsonl", [{**one, "trace": f"{one['trace']} Sure."} for one in records])


CHANGED = {
    "perception": re.compile(r"On the study, .*?\. It"),
    "knowledge": re.compile(r"It is known that .*?\. Taken"),
    "rationale": re.compile(r"Taken together, .*?\. That"),
}
SYNONYMS = {"probably": "likely", "generally": "usually", "individuals": "patients", "millimeters": "mm"}


def plain(text: str) -> str:
    """Return a text with each synonym in one form."""
    return re.sub(r"\w+", lambda found: SYNONYMS.get(found[0].lower(), found[0].lower()), text)


def original_of(call: Call) -> tuple[str, str]:
    """Return which slot holds the original, and the criterion of the error; no criterion: nothing is wrong."""
    number = int(re.search(r"case (\d+)", call.user)[1])  # type: ignore[index]
    original = record(number)["trace"]
    first, second = (text.strip() for text in traces_of(call))
    slot = "first" if first == original else "second"
    other = second if slot == "first" else first
    if plain(other) == plain(original):
        return slot, ""
    for criterion, part in CHANGED.items():
        was, is_now = part.search(original), part.search(other)
        if was and (is_now is None or plain(is_now[0]) != plain(was[0])):
            return slot, criterion
    return slot, "rationale"


def scripted(kind: str) -> Callable[[Call], Answer]:
    """Return a judge that has all criteria of its rubric to speak of."""

    def judge(call: Call) -> Answer:
        slot, criterion = original_of(call)
        asked = list((call.schema or {})["properties"])
        texts = [text.strip() for text in traces_of(call)]
        number = int(re.search(r"case (\d+)", call.user)[1])  # type: ignore[index]
        seen = kind == "text only" or any(
            Image.open(io.BytesIO(content)).tobytes()[0] == number for _, content in call.images
        )
        if kind == "first slot":
            return Answer(verdicts_for(call.schema or {}, "first"))
        if kind == "length":
            longer = (len(texts[0]) > len(texts[1])) - (len(texts[0]) < len(texts[1]))
            return Answer(verdicts_for(call.schema or {}, {1: "first", -1: "second", 0: "tie"}[longer]))
        sides = [set(re.findall(r"left|right", text)) for text in texts]
        if not criterion or (criterion == "perception" and not seen):
            return Answer(verdicts_for(call.schema or {}, "tie"))
        if kind == "blind to laterality" and sides[0] != sides[1]:
            return Answer(verdicts_for(call.schema or {}, "tie"))
        moved = asked if kind == "halo" else [criterion, "overall"]
        return Answer(verdicts_for(call.schema or {}, {one: slot if one in moved else "tie" for one in asked}))

    return judge
