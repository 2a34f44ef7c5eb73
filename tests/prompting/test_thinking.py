from __future__ import annotations

import time

import pytest

from judge.prompting.thinking import part_thinking

OBJECT = '{"winner": "first"}'
DRAFT = '{"winner": "second"}'
FORMS = [
    ("<think>", "</think>"),
    ("<THINK>", "</Think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<think budget='9'>", "</think>"),
    ("<seed:think>", "</seed:think>"),
    ("<cot>", "</cot>"),
    ("[THINK]", "[/THINK]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|channel|>final <|constrain|>json<|message|>"),
    ("analysis", "assistantfinal"),
    ("Here is my thought process:", "Here is my response:"),
    ("Thinking...\n", "\n...done thinking."),
]
forms = pytest.mark.parametrize(("opens", "closes"), FORMS)


@forms
def test_what_follows_the_end_of_thinking_is_final(opens: str, closes: str) -> None:
    assert part_thinking(f"{opens}We draft {DRAFT}{closes}{OBJECT}").final == OBJECT


@forms
def test_thinking_that_never_ends_leaves_nothing_final(opens: str, closes: str) -> None:
    assert part_thinking(f"{opens}We draft {DRAFT}").final is None
    if opens[0] in "<[\u25c1":
        assert part_thinking(f"{opens}a{closes}b{opens}c {DRAFT}").final is None


@pytest.mark.parametrize("closes", [closes for opens, closes in FORMS if not opens.startswith(("Here", "Thinking"))])
def test_an_end_alone_closes_thinking_that_a_template_opened(closes: str) -> None:
    assert part_thinking(f"We draft {DRAFT}. No.{closes}{OBJECT}").final == OBJECT


@pytest.mark.parametrize(
    "text",
    [
        f"<think>the tag <reasoning>x</reasoning> {DRAFT}",
        f"<think>a <think>b</think> {DRAFT}",
        f"<think>a</reasoning>{DRAFT}",
        f"<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>{DRAFT}",
    ],
)
def test_thinking_ends_with_a_mark_of_its_own_kind_only(text: str) -> None:
    assert part_thinking(text).final is None


@pytest.mark.parametrize(
    "text",
    [
        '{"quoted": "<think> and </think>"}',
        '```json\n{"quoted": "</thinking>"}\n```',
        "Analysis: the first is better.",
        "the first is a good [sic] <b>thing</b>",
    ],
)
def test_a_text_without_thinking_is_final_whatever_its_object_quotes(text: str) -> None:
    assert part_thinking(text) == ("", text)
    assert part_thinking(f"<think>x</think>{text}").final == text


@pytest.mark.parametrize(
    ("opens", "closes", "alone"),
    [
        ("<plan>", "</plan>", ""),
        ("<Draft>", "</draft>", ""),
        ("<rationale>", "</Rationale>", None),
        ("<explanation class='x'>", "</explanation>", None),
        ("<steps>", "</steps>", None),
    ],
)
def test_a_draft_or_reason_is_thinking_only_where_an_output_begins_with_it(
    opens: str, closes: str, alone: str | None
) -> None:
    draft = f"{opens}{DRAFT}{closes}"
    assert part_thinking(f" {draft}\n{OBJECT}") == (f" {draft}", f"\n{OBJECT}")
    assert part_thinking(f"<think>x</think>{draft}{OBJECT}").final == OBJECT
    assert part_thinking(f"<think>{draft}</think>{OBJECT}").final == OBJECT
    assert part_thinking(f"{draft}{OBJECT}{draft}").final == f"{OBJECT}{draft}"
    assert part_thinking(f"{OBJECT} {draft}").thinking == ""
    assert part_thinking(draft).final == (draft if alone is None else alone)
    assert part_thinking(opens + DRAFT).final == (opens + DRAFT if alone is None else None)
    assert part_thinking("[Plan] Give heparin.").thinking == ""


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("```thinking\n", "\n```\n"),
        ('<details type="reasoning" done="true">\n<summary>Thought for 5 seconds</summary>\n', "\n</details>\n"),
    ],
)
def test_a_block_of_thinking_ends_with_its_first_end(opens: str, closes: str) -> None:
    final = f"{OBJECT}\n```\n1\n```\n<details><summary>more</summary></details>"
    assert part_thinking(f"{opens}{DRAFT}{closes}{opens}b{closes}{final}").final in {final, f"\n{final}"}
    assert part_thinking(opens + DRAFT).final is None
    assert part_thinking(f"{OBJECT}\n{opens}{DRAFT}{closes}").thinking == ""


def test_a_template_and_a_model_may_both_open_it() -> None:
    assert part_thinking(f"<think>\n<think>a</think>{OBJECT}").final == OBJECT


@pytest.mark.parametrize("piece", ["{", "<", "</think>{", '</think>{"a":', "<think>", "[think", "<|channel|>final "])
def test_parting_is_linear(piece: str) -> None:
    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        started = time.process_time()
        part_thinking(text)
        return time.process_time() - started

    assert seconds(400_000) < 40 * max(seconds(40_000), 0.002)
