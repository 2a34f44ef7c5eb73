"""Verdicts in the formats of judge models: exactly one, at the end, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.prompting.brackets_reply import parse_brackets
from judge.prompting.final_text import MOST_CHARS, UnparsedError
from judge.prompting.letter_reply import parse_letter
from judge.prompting.pairwise_prompt import parse_template
from judge.prompting.pairwise_reply import interpret
from judge.prompting.result_reply import parse_result
from judge.prompting.shipped_files import find_asset
from judge.schema import Failed, FailureKind, Judged, Reply, Verdict, VerdictForm

A, B, TIE = Verdict.FIRST, Verdict.SECOND, Verdict.TIE
PARSERS = {
    VerdictForm.BRACKETS: parse_brackets,
    VerdictForm.RESULT: parse_result,
    VerdictForm.LETTER: parse_letter,
}
BRACKETS = {
    "[[A]]": A,
    "[[b]]": B,
    "[[ C ]]": TIE,
    "[[Tie]]": TIE,
    "[[A>B]]": A,
    "[[A>>B]]": A,
    "[[A >> B]]": A,
    "[[A=B]]": TIE,
    "[[B=A]]": TIE,
    "[[B>A]]": B,
    "[[B>>A]]": B,
    "[[A<B]]": B,
    "[[A<<B]]": B,
    "My final verdict is tie: [[A=B]]": TIE,
    "Assistant A [1] is better (see [2]).\n\n[[A]]\n": A,
    "Final verdict: **[[B]]**": B,
    "<answer>[[A]]</answer>": A,
    "`[[A]]`<|im_end|>": A,
    "<think>[[B]]? No.</think>[[A]]</s>": A,
    "analysis draft [[B]] assistantfinal[[A]]": A,
}
NO_BRACKETS = [
    *("", "A", "[A]", "[[A]", "[A]]", "[[]]", "[[D]]", "[[A>A]]", "[[B=B]]", "[[A>>>B]]", "[[AB]]", "[[Trace 1]]"),
    *(
        "[[A or B]]",
        "[[\u0410]]",
        "[[\uff21]]",
        "[[first]]",
        "[[cannot_judge]]",
        "[[[A]]]",
        "[[A]] [[A]]",
        "[[A]] [[B]]",
    ),
    *("[[A]].", "[[A]] is my verdict", "[[A]] Wait, no.", "[[A]]\n\nCorrection: B.", "[[A]]** no", "[[A]]</answer>"),
    *("Say [[A]] or [[B]]: [[A]]", "[[A]] [[", "<think>[[A]]", "[[A]]<think>hm", "analysisI say [[A]]"),
    *("**[[A]]** not", "[[A>B>A]]", "[[A]]]", "[[A]]\u200b", "[[A]]<|im_end|>[[B]]"),
]
RESULTS = {
    "Feedback: both are fine. [RESULT] A": A,
    "[result]b": B,
    "[RESULT] C": TIE,
    "[RESULT] tie": TIE,
    "[RESULT] (B)": B,
    "**[RESULT] A**": A,
    "[ RESULT ]\nA</s>": A,
    "<think>[RESULT] B</think>Feedback: ... [RESULT] A\n": A,
}
NO_RESULTS = [
    *(
        "",
        "A",
        "RESULT A",
        "[RESULT]",
        "[RESULT] D",
        "[RESULT] 1",
        "[RESULT] AB",
        "[RESULT] A or B",
        "[RESULT] (A",
        "[RESULT] A)",
    ),
    *(
        "[RESULT] A.",
        "[RESULT] A [RESULT] A",
        "[RESULT] A [RESULT] B",
        "[RESULT] (A or B) [RESULT] A",
        "[RESULT] A wins",
    ),
    *(
        "[RESULT] Response A",
        "[RESULT] A\nNo: B.",
        "[RESULT]: A",
        "<think>[RESULT] A",
        "[RESULT] \u0410",
        "[RESULT] A, B",
        "[RESULT] A_",
    ),
]
LETTERS = {"A": A, "b": B, "C": TIE, " A\n": A, "A<|im_end|>": A, "<think>B</think>\n\nA": A}
NO_LETTERS = [
    *(
        "",
        "D",
        "A.",
        "(A)",
        "A B",
        "AB",
        "A A",
        "Answer: A",
        "**A**",
        "\u0410",
        "\uff21",
        "1",
        "[[A]]",
        "tie",
        "<think>A",
    ),
    *("A, since", "A\nB", '"A"', "<think>A</think>"),
]


def said(form: VerdictForm, text: str) -> Verdict | None:
    """Return the verdict on the one criterion; None where there is none."""
    result = interpret(Reply(text=text, stop="stop"), ["overall"], form)
    if isinstance(result, Judged):
        return result.verdicts["overall"]
    assert isinstance(result, Failed)
    assert result.failure is FailureKind.UNPARSED
    assert result.detail
    return None


@pytest.mark.parametrize(
    ("form", "text", "verdict"),
    [
        *((VerdictForm.BRACKETS, text, verdict) for text, verdict in BRACKETS.items()),
        *((VerdictForm.RESULT, text, verdict) for text, verdict in RESULTS.items()),
        *((VerdictForm.LETTER, text, verdict) for text, verdict in LETTERS.items()),
    ],
)
def test_the_one_verdict_at_the_end_is_read(form: VerdictForm, text: str, verdict: Verdict) -> None:
    assert said(form, text) is verdict


@pytest.mark.parametrize(
    ("form", "text"),
    [
        *((VerdictForm.BRACKETS, text) for text in NO_BRACKETS),
        *((VerdictForm.RESULT, text) for text in NO_RESULTS),
        *((VerdictForm.LETTER, text) for text in NO_LETTERS),
    ],
)
def test_whatever_is_not_certainly_one_verdict_is_none(form: VerdictForm, text: str) -> None:
    assert said(form, text) is None


@pytest.mark.parametrize("form", PARSERS)
@given(text=st.text(alphabet="[]ABCabc>=<*`() \nRESULTtie/think", max_size=40))
def test_any_text_is_a_verdict_or_unparsed(form: VerdictForm, text: str) -> None:
    said(form, text)


@pytest.mark.parametrize(("form", "mark"), [(VerdictForm.BRACKETS, "[[{}]]"), (VerdictForm.RESULT, "[RESULT] {}")])
@given(
    before=st.text(alphabet="xyz .,\n", max_size=20),
    first=st.sampled_from("ABC"),
    after=st.text(alphabet="xyz.,\n ", max_size=20),
    second=st.sampled_from("ABC"),
)
def test_a_verdict_counts_only_alone_and_last(
    form: VerdictForm, mark: str, before: str, first: str, after: str, second: str
) -> None:
    expected = {"A": A, "B": B, "C": TIE}[first]
    assert said(form, before + mark.format(first)) is expected
    assert (said(form, f"{before}{mark.format(first)} {after}") is expected) == (not after.strip())
    assert said(form, f"{before}{mark.format(first)}{after} {mark.format(second)}") is None


@pytest.mark.parametrize(("form", "mark"), [(VerdictForm.BRACKETS, "[[A]]"), (VerdictForm.RESULT, "[RESULT] A")])
def test_a_verdict_that_is_introduced_as_a_draft_or_denied_is_none(form: VerdictForm, mark: str) -> None:
    for before in ("Draft: ", "My tentative verdict:\n\n", "**Sample answer:** **", "The verdict is not ", "NOT: `"):
        closing = "**" * before.endswith(" **") + "`" * before.endswith("`")
        assert said(form, before + mark + closing) is None, before
    for before in (
        "A good example. ",
        "Whether A is better or not: ",
        "It does not hold. ",
        "The other does not. ",
        "B does not\n\n",
        "No draft, but a verdict: ",
        "The knot: ",
    ):
        assert said(form, before + mark) is A, before


@pytest.mark.parametrize("form", PARSERS)
def test_a_reply_that_was_cut_is_never_a_verdict(form: VerdictForm) -> None:
    text = {VerdictForm.BRACKETS: "[[A]]", VerdictForm.RESULT: "[RESULT] A", VerdictForm.LETTER: "A"}[form]
    assert said(form, text) is A
    for cut in (FailureKind.TRUNCATED, FailureKind.FILTERED, FailureKind.UNUSABLE):
        for end in ("", "\n" * 9):
            result = interpret(Reply(text=text + end, stop="length", cut=cut), ["overall"], form)
            assert isinstance(result, Failed)
            assert result.failure is cut


@pytest.mark.parametrize("piece", ["[[", "]]", "[[A", "[RESULT]", "[ RESULT ", "<think>", "`", "**", " ", "A"])
def test_reading_is_linear_and_bounded(piece: str) -> None:
    for parse in PARSERS.values():
        with pytest.raises(UnparsedError):
            parse(piece * (MOST_CHARS // len(piece)))
        with pytest.raises(UnparsedError, match="is not read"):
            parse("x" * (MOST_CHARS + 1))


@pytest.mark.parametrize("form", VerdictForm)
def test_a_prompt_of_each_form_ships_and_says_so(form: VerdictForm) -> None:
    name = "pairwise.v1" if form is VerdictForm.SCHEMA else f"pairwise-{form}.v1"
    template = parse_template(find_asset("prompts", name).text, where=name)
    assert template.reply is form
