"""A scripted judge that decides by hashes of what it is asked alone; now and then it refuses, fails or writes badly."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson
from checklist_writer import REFERENCE, writer
from provider_server import TAG, TRACE, Answer, Call, traces_of

UNIT = re.compile(r"^Unit (?P<id>\S+)(?: \([^)]*\))?: (?P<claim>.*)$", re.MULTILINE)
SCORED = re.compile(r"<trace-(?P<tag>[0-9a-f]+)>\n(?P<text>.*?)\n</trace-(?P=tag)>", re.DOTALL)
SURE = "sure"
"""the judge that prefers one model always"""
REPAIR = "could not be read"
FIRST_LIMIT = 8192
"""of output tokens: a reply that was cut at it is asked for again with a larger one"""


def draw(*parts: object) -> int:
    """Return one of 256 numbers that the parts decide."""
    return hashlib.sha256(orjson.dumps(parts)).digest()[0]


def judge(call: Call) -> Answer:
    """Compare two traces, read one by its checklist, or write a checklist."""
    if REFERENCE.search(call.user) and call.schema and not TRACE.search(call.user) and not SCORED.search(call.user):
        return writer(call)
    return trouble_with(call) or (compared(call) if TRACE.search(call.user) else scored(call))


def trouble_with(call: Call) -> Answer | None:
    """Refuse, fail or write badly: at one request in twelve or so; half of what is unreadable is repaired."""
    if call.body["model"] == SURE:
        return None
    asked = call.user.partition("Your reply " + REPAIR)[0].rstrip()
    fate = draw(call.body["model"], asked)
    if fate < 3:
        return Answer(status=400)
    if fate < 7:
        return Answer("I would rather not.", stop="refusal")
    if fate < 11 and call.body.get("max_tokens", call.body.get("max_completion_tokens")) == FIRST_LIMIT:
        return Answer('{"perception": {"evidence_1": "Cut in the mid', stop="length")
    if fate < 21 and (fate % 2 or REPAIR not in call.user):
        return Answer("Both are good; I like the first.")
    return None


def compared(call: Call) -> Answer:
    """Judge by content on most criteria, by the slot or not at all on the others."""
    first, second = traces_of(call)
    words = TRACE.sub("", call.user)
    for tag in set(TAG.findall(call.user)):
        words = words.replace(tag, "")
    question = words.partition("Your reply " + REPAIR)[0].rstrip()
    model, pair = call.body["model"], sorted((first, second))
    seen = sorted(hashlib.sha256(content).hexdigest() for _, content in call.images)
    said = {}
    for criterion in (call.schema or {})["properties"]:
        shown = seen if criterion == "perception" else []
        chance = draw(model, criterion, question, first, second, shown)
        taste, leaning = draw(criterion, question, pair, shown), draw(model, criterion, pair)
        if model == SURE:
            verdict = "first" if first.startswith("b sees") else "second"
        elif chance < 10 or (criterion == "perception" and not seen and chance < 80):
            verdict = "cannot_judge"
        elif chance < 50:
            verdict = "first"
        elif taste < 40 or first == second:
            verdict = "tie"
        else:
            better = pair[(taste if leaning < 200 else leaning) % 5 < 3]
            verdict = "first" if better == first else "second"
        said[criterion] = {
            "evidence_1": first[: 5 + chance // 4],
            "evidence_2": "not in the trace at all" if chance % 11 == 0 else second[:40],
            "verdict": verdict,
        }
    return Answer(orjson.dumps(said).decode())


def scored(call: Call) -> Answer:
    """Read a trace by its checklist: each unit for itself."""
    found = SCORED.search(call.user)
    assert found is not None, call.user
    assert call.schema is not None
    said: dict[str, Any] = {}
    for unit in UNIT.finditer(call.user):
        chance = draw(call.body["model"], unit["id"], unit["claim"], found["text"])
        present, right = (2, 1, 2, 0)[chance % 4], (1, 1, 1, 0, -1)[chance % 5]
        said[unit["id"]] = {
            "evidence": found["text"][: 10 + chance % 30] if present else "",
            "presence": present,
            "correctness": right if present else 0,
            "consistency": int(chance % 7 > 1) if present else 0,
        }
        if "chain_grounding" in call.schema["properties"][unit["id"]]["properties"]:
            answers = {"perception_premise": chance % 3, "knowledge_premise": chance % 5, "premises_correct": right > 0}
            said[unit["id"]]["chain_grounding"] = {name: "yes" if yes else "no" for name, yes in answers.items()}
    return Answer(orjson.dumps(said).decode())
