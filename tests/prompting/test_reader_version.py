"""The version of the reading of replies, by which `verify` knows whether it may hold a verdict against its reply."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from itertools import product

from msgspec.json import encode

from judge.prompting.checklist_score import parse_units
from judge.prompting.checklist_writing import parse_checklist
from judge.prompting.pairwise_reply import READER, interpret, read_reply
from judge.schema import FailureKind, Group, Reply, Scored, VerdictForm, Written

VERDICT = {"evidence_1": "one", "evidence_2": "two", "verdict": "first"}
PLAIN = json.dumps({"overall": VERDICT})
UNIT = {"evidence": "one", "presence": 2, "correctness": 1, "consistency": 1}
PREMISES = {"perception_premise": "yes", "knowledge_premise": "not_needed", "premises_correct": "yes"}
ONE = dict.fromkeys(("unit_id", "source_quote", "topic", "claim", "presence_question", "correctness_question"), "u")
KNOWN = [{**ONE, "unit_id": f"u{n}", "claim": f"claim {n}", "importance": "core"} for n in range(5)]
WRITTEN = {"knowledge": KNOWN, "rationale": [{**KNOWN[0], "unit_id": "r", "claim": "hence", "premises": ["u1"]}]}
BODIES = (
    PLAIN,
    json.dumps({"overall": {**VERDICT, "verdict": " TIE "}}),
    json.dumps({"overall": {**VERDICT, "verdict": "both"}}),
    json.dumps({"overall": VERDICT, "style": VERDICT}),
    json.dumps({"u": UNIT}),
    json.dumps({"u": {**UNIT, "chain_grounding": PREMISES}}),
    json.dumps({"u": {**UNIT, "presence": 3}}),
    json.dumps(WRITTEN),
    "",
    "I would rather not.",
    "A",
    "(B)",
    "The first is better. [[A]]",
    "[[A=B]]",
    "[[B>>A]]",
    "Feedback: as good. [RESULT] C",
)
AROUND = (
    "{}",
    "```json\n{}\n```",
    "<think>hm</think>\n{}",
    "<think>hm\n{}",
    "Here: {} Or not.",
    "{}</s>",
    "{0} {0}",
    "{}\n\n",
    "Trace 2 claims:\n{}",
    "Both are good. My verdict: {}",
)
ENDS = ((None, None), ("length", FailureKind.TRUNCATED), ("refusal", FailureKind.REFUSED))
READ_AS = {1: "32b1c9f837e11f4a", 2: "272c2c1ed27bf6cd"}
"""by version: a hash of what these replies are read as"""


def scored(text: str, group: Group) -> Scored:
    return Scored(units=parse_units(text, ("u",), group=group))


def written(text: str) -> Written:
    return Written(units=parse_checklist(text, [Group.KNOWLEDGE, Group.RATIONALE]))


def test_what_a_reply_is_read_as_changes_only_with_the_version_of_the_reader() -> None:
    """Where this fails, the reading has changed: count `READER` up, and add what it gives under the new number."""
    digest = hashlib.sha256()
    for body, around, (stop, cut) in product(BODIES, AROUND, ENDS):
        reply = Reply(text=around.replace("{0}", body).replace("{}", body), stop=stop, cut=cut)
        for form in VerdictForm:
            if form is VerdictForm.ANSWERS:
                continue  # it came later, and is read as the schema's
            digest.update(encode(interpret(reply, ("overall",), form)))
        for group in (Group.KNOWLEDGE, Group.RATIONALE):
            digest.update(encode(read_reply(reply, partial(scored, group=group))))
        digest.update(encode(read_reply(reply, written)))
    assert digest.hexdigest()[:16] == READ_AS[READER]
