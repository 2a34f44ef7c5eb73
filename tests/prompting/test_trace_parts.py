from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET, json

from judge.enums import Show
from judge.prompting.correctness import chosen_options, is_right
from judge.prompting.pairwise_prompt import shown_text
from judge.prompting.trace_parts import join_output, part_output
from judge.schema import Item, Trace

MARKS = [
    *("<think>", "</think>", "[THINK]", "[/THINK]", "<answer>", "</answer>", "<seed:think>", "</seed:think>"),
    *("<|channel|>analysis<|message|>", "<|end|><|start|>assistant", "<|channel|>final<|message|>", "<|return|>"),
    *("analysis", "assistantfinal", "## Thinking\n\n", "\n## Final Response\n\n", "Here is my thought process:"),
    *("Here is my response:", "<eos>", "</s>", "{", "}", '"', " ", "\n", "word", "\u2581", "\U0001f600"),
]
OUTPUTS = st.lists(st.sampled_from(MARKS), max_size=14).map("".join) | st.text()
ITEM = Item(id="1", options={"A": "Aspirin", "B": "Heparin", "C": "Clopidogrel"}, answer="C")


def traced(output: str, *, cut: bool = False) -> Trace:
    parts = part_output(output)
    return Trace(
        text=parts.text,
        answer=parts.answer,
        final=UNSET if parts.final is None else parts.final,
        marks=parts.marks or UNSET,
        cut=cut or UNSET,
    )


@given(output=OUTPUTS)
@example("<think>a</think>b<think>c</think>d</s>")
def test_thinking_final_text_and_marks_give_back_the_output_byte_for_byte(output: str) -> None:
    trace = json.decode(json.encode(traced(output)), type=Trace)
    assert trace.output == output


@given(reasoning=st.text(), text=st.text())
def test_thinking_of_a_field_of_its_own_is_given_back_in_tags(reasoning: str, text: str) -> None:
    output = join_output(reasoning, text)
    assert traced(output).output == output
    assert output in (text, f"<think>{reasoning}</think>{text}")


@given(output=OUTPUTS)
def test_parting_loses_no_word(output: str) -> None:
    trace = traced(output)
    kept = trace.text + (trace.final or "") + "".join(mark.written for mark in trace.marks or ())
    assert kept.count("word") == output.count("word")
    assert bool((trace.text + (trace.final or "")).strip()) or not output.strip() or trace.marks


@pytest.mark.parametrize(
    ("output", "thinking", "final"),
    [
        ("<think>\n\n</think>\n\nBlock.\n<think>Check.</think>\nC", "Block.\n\nCheck.", "C"),
        ("<think>High.</think>Draft: D<think>No.</think>B", "High.\n\nDraft: D\n\nNo.", "B"),
        ("analysisThe answer is B?assistantfinal**C**", "The answer is B?", "**C**"),
        ("[THINK]low[/THINK]B</s>", "low", "B"),
        ("<think>a [THINK] b</think>c", "a [THINK] b", "c"),
    ],
)
def test_no_mark_stays_within_thinking_or_final_text(output: str, thinking: str, final: str) -> None:
    assert part_output(output)[:2] == (thinking, final)


TWO = traced("<think>At first B.</think>The stent calls for more.\n\n**Answer: C**")


@pytest.mark.parametrize(
    ("trace", "show", "text"),
    [
        (TWO, Show.BOTH, "Thinking:\nAt first B.\n\nFinal text:\nThe stent calls for more.\n\n**Answer: C**"),
        (TWO, Show.THINKING, "At first B."),
        (TWO, Show.FINAL, "The stent calls for more.\n\n**Answer: C**"),
        (traced("<think>low</think>C"), Show.BOTH, "low\n\nFinal answer: C"),
        (traced("<think>low</think><answer>C</answer>"), Show.BOTH, "low\n\nFinal answer: C"),
        (traced("<think>low</think>C"), Show.FINAL, "C"),
        (traced("<think>low</think>So:\n<answer>C</answer>"), Show.FINAL, "So:\n<answer>C</answer>"),
        (traced("<think>low</think>So:\n<answer>C</answer>"), Show.THINKING, "low\n\nFinal answer: C"),
        (traced("<think>low</think>"), Show.FINAL, "(no final text)"),
        (traced("<think>low"), Show.FINAL, "(no final text)"),
        (traced("no marks"), Show.FINAL, "no marks"),
        (traced("no marks"), Show.THINKING, "no marks"),
    ],
)
def test_a_judge_is_shown_the_parts_asked_for_by_name(trace: Trace, show: Show, text: str) -> None:
    assert shown_text(trace, answers=True, show=show) == text


def test_hidden_answers_are_hidden_in_both_parts() -> None:
    trace = traced("<think>The answer is B.\nNo.</think>It follows.\nThe answer is C.")
    shown = shown_text(trace, answers=False)
    assert shown == "Thinking:\n[answer hidden]\nNo.\n\nFinal text:\nIt follows.\n[answer hidden]"
    assert shown_text(traced("<think>low</think>C"), answers=False) == "low"


def test_the_answer_is_read_from_the_final_text() -> None:
    assert chosen_options(TWO, ITEM) == ("C",)
    assert chosen_options(traced("<think>The answer is B.</think>\n"), ITEM) == ()
    assert chosen_options(traced("<think>So <answer>B</answer></think>"), ITEM) == ("B",)
    assert chosen_options(traced("<think>The answer is B.</think>I cannot\nsay."), ITEM) == ()


def test_an_answer_before_a_cut_is_not_certain_unless_its_record_states_it() -> None:
    cut = traced("Stent, so block platelets. The answer is B? No, wait: the ", cut=True)
    assert (chosen_options(cut, ITEM), is_right(cut, ITEM)) == ((), None)
    assert chosen_options(traced("<think>low</think>The answer is C", cut=True), ITEM) == ()
    assert chosen_options(traced("<think>low</think>so <answer>C</answer> as", cut=True), ITEM) == ("C",)
    free = Item(id="1", question="Which?", answer="heparin")
    assert is_right(traced("<think>low</think>heparin", cut=True), free) is None


@pytest.mark.parametrize(
    "piece", ["<eos>", "<think>", "</think>", "<think>a</think>", " \n", "<answer>", "**answer**\n"]
)
def test_parting_is_linear(piece: str) -> None:
    output = piece * (200_000 // len(piece))
    began = time.process_time()
    assert traced(output).output == output
    assert time.process_time() - began < 2
