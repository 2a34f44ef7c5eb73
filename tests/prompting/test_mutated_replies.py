"""Replies whose last word is not a verdict, made by mutation: none is taken for one."""

from __future__ import annotations

import json
import random
import time

import pytest
from builders import NAMES

from judge.errors import ProviderError
from judge.judges.openai import read_reply as read_completion
from judge.judges.replies import receive
from judge.prompting.pairwise_reply import interpret
from judge.schema import Judged, Reply, Verdict

MARKS = [
    *((f"<{name}>", f"</{name}>") for name in ("think", "thinking", "reasoning", "thought", "seed:think")),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<unused94>", "<unused95>"),
    ('<THINK budget="9">', "</Think>"),
    ("<|begin_of_reasoning|>", "<|end_of_reasoning|>"),
    ("<scratchpad>", "</scratchpad>"),
]
STOPS = [
    "length",
    "max_tokens",
    "error",
    "network_error",
    "content_filter",
    "SAFETY",
    "abort",
    "pause_turn",
    "tool_calls",
    "refusal",
    "model_context_window_exceeded",
    "insufficient_system_resource",
    "",
    "odd",
    7,
]
RETRACTIONS = [
    "Correction: the other one is better.",
    "Korrektur: Die andere ist besser.",
    "Correction : l'autre est meilleure.",
    "Correcci\u00f3n: la otra es mejor.",
    "Corre\u00e7\u00e3o: a outra \u00e9 melhor.",
    "Correzione: l'altra \u00e8 migliore.",
    "\u8a02\u6b63\uff1a\u3082\u3046\u4e00\u65b9\u304c\u826f\u3044\u3002",
    "\u66f4\u6b63\uff1a\u53e6\u4e00\u4e2a\u66f4\u597d\u3002",
    "\u041f\u043e\u043f\u0440\u0430\u0432\u043a\u0430: \u043d\u0435\u0442.",
    "\u062a\u0635\u062d\u064a\u062d: \u0627\u0644\u0622\u062e\u0631 \u0623\u0641\u0636\u0644.",
    "\u0938\u0941\u0927\u093e\u0930: \u0926\u0942\u0938\u0930\u093e \u092c\u0947\u0939\u0924\u0930 \u0939\u0948\u0964",
]
SPACES = ["", " ", "\n", "\n\n"]


def verdicts(said: str) -> str:
    return json.dumps({name: {"evidence_1": "a", "evidence_2": "b", "verdict": said} for name in NAMES})


DRAFT, FINAL = verdicts("second"), verdicts("first")
BROKEN = [
    f"{DRAFT}{FINAL}",
    f"{DRAFT}\n{FINAL}",
    json.dumps({"judgment": json.loads(DRAFT)}),
    f"[{DRAFT}]",
    f"[{DRAFT}",
    f'{{"properties": {DRAFT}}}',
    f'{DRAFT[:-1]}, "{NAMES[0]}": {json.dumps(json.loads(FINAL)[NAMES[0]])}}}',
    DRAFT.replace('"verdict": "second"', '"verdict": "second", "verdict": "first"'),
    f"{{ {DRAFT}",
    f"```json\n{DRAFT}\n```\n```json\n{FINAL}\n```",
    f"<json>{DRAFT}</json><json>{FINAL}</json>",
    json.dumps([json.loads(DRAFT), json.loads(FINAL)]),
    json.dumps(DRAFT),
    json.dumps(json.loads(DRAFT) | {"note": "the other one is better"}),
    json.dumps({name: {"final": one, **one} for name, one in json.loads(DRAFT).items()}),
    json.dumps({name: [one] for name, one in json.loads(DRAFT).items()}),
    DRAFT.replace('"second"', '"second, no: first"'),
    DRAFT.replace('"second"', "null"),
    DRAFT.replace('"second"', '["second", "first"]'),
    f"```json\n{DRAFT}\n```\n{FINAL}",
    f"{DRAFT}\n<answer>{FINAL}</answer>",
]
ERRORS: list[object] = [
    "upstream",
    {"message": "gone"},
    {"code": 502},
    ["x"],
    {"code": "429"},
    [{"message": "gone"}],
    7,
]


def in_parts(draw: random.Random, draft: str, final: str | None) -> list[dict[str, object]]:
    """Return a content in parts: thinking that drafts, and the final text; without one, what is no verdict."""
    thinking: dict[str, object] = {"type": "thinking", "thinking": [{"type": "text", "text": draft}]}
    if final is not None:
        return [thinking, {"type": "text", "text": final}]
    odd: dict[str, object] = {"type": draw.choice(["image", "tool_use", "odd"]), "text": draft}
    taken_back: dict[str, object] = {"type": "text", "text": f"{draft}{draw.choice(RETRACTIONS)}"}
    return draw.choice([[thinking], [odd], [thinking, taken_back], [thinking, odd]])


def mutated(draw: random.Random) -> tuple[dict[str, object], bool]:
    """Return a completion, and whether it is a verdict, which says that the first is better."""
    opens, closes = draw.choice(MARKS)
    space = draw.choice(SPACES)
    draft = f"```json\n{DRAFT}\n```" if draw.random() < 0.3 else DRAFT
    takes_back = draw.choice(RETRACTIONS)
    is_verdict = False
    stop: object = "stop"
    error: object = None
    content: object = None
    match draw.randrange(11):
        case 0:
            other, other_closes = draw.choice([mark for mark in MARKS if mark[1].lower() != closes.lower()])
            text = f"{opens}{draw.choice(['Perhaps ', f'{other}no{other_closes}', other])}{space}{draft}{space}"
        case 1:
            text = f"{opens}{draft}{closes}{space}{takes_back}"
        case 2:
            text, is_verdict = f"{opens}Perhaps {draft}{closes}{space}{FINAL}", True
        case 3:
            text, is_verdict = f"{draw.choice(['Perhaps ', ''])}{draft} no.{space}{closes}{FINAL}", True
        case 4:
            text = f"{draft}{space}{takes_back}{space}"
        case 5:
            text, stop = draft, draw.choice(STOPS)
        case 6:
            text, error = draft, draw.choice(ERRORS)
        case 7:
            text = draw.choice([*BROKEN, f"The form is {draft}. Judging: {takes_back}"])
        case 8 | 9:
            text, is_verdict = "", draw.random() < 0.5
            content = in_parts(draw, draft, FINAL if is_verdict else None)
        case _:
            text, is_verdict = f"{space}{FINAL}{draw.choice(['<|im_end|>', '</s>', space])}", True
    choice: dict[str, object] = {
        "index": 0,
        "message": {"role": "assistant", "content": content or text},
        "finish_reason": stop,
    }
    body: dict[str, object] = {"id": "", "model": "m", "choices": [choice]}
    (choice if draw.random() < 0.5 else body)["error"] = error
    return body, is_verdict


def said_by(body: dict[str, object]) -> set[Verdict]:
    try:
        sent = json.dumps(body).encode()
        reply, _ = receive(sent, {}, key="key", read=lambda one, _: read_completion(one, request_id=None))
    except ProviderError:
        return set()
    result = interpret(reply, NAMES)
    return set(result.verdicts.values()) if isinstance(result, Judged) else set()


@pytest.mark.parametrize("n", [1_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_no_draft_is_taken_for_a_verdict_and_no_verdict_for_a_draft(n: int) -> None:
    draw = random.Random(15)  # noqa: S311 - no secret
    for _ in range(n):
        body, is_verdict = mutated(draw)
        assert said_by(body) == ({Verdict.FIRST} if is_verdict else set()), body


PIECES = [
    *(
        "{",
        "<",
        "[",
        "\u25c1",
        "<think>",
        "</think>",
        "<|channel|>",
        "{}",
        '{"',
        "```",
        " ",
        "\n",
        "{a",
        "{ ",
        "</s>",
        "<a",
    ),
    *(
        '{"a":1}',
        "< think",
        "<reason x ",
        "assistant ",
        "analysis",
        "<answer>",
        "<seed:",
        '{"a":',
        "{" + " " * 99,
        "\\u0041",
    ),
    *(
        "<reason " + "x" * 190,
        "<" + " " * 9 + "think",
        "assistantfinal",
        "here is my thought process:",
        "</think>{",
        "|",
        "/",
    ),
]


@pytest.mark.parametrize("before", ["", FINAL])
@pytest.mark.parametrize("piece", PIECES)
def test_a_million_characters_of_anything_are_read_in_a_tenth_of_a_second(piece: str, before: str) -> None:
    text = (before + piece * 1_000_000)[:1_000_000]
    started = time.process_time()
    result = interpret(Reply(text=text), NAMES)
    assert time.process_time() - started < 0.1
    assert isinstance(result, Judged) or before != FINAL or not piece.isspace()
