from __future__ import annotations

import json
from typing import Any

import pytest
from builders import NAMES
from hypothesis import given
from hypothesis import strategies as st

from judge.prompting.final_text import UnparsedError
from judge.prompting.pairwise_reply import DETAIL_CHARS, interpret, parse_evidence, parse_verdicts
from judge.schema import Failed, FailureKind, Judged, Reply, Verdict

ONE = {"evidence_1": "fever", "evidence_2": "rash", "verdict": "first"}
VALID: dict[str, Any] = {"knowledge": ONE, "overall": {**ONE, "verdict": "tie"}}
TEXT = json.dumps(VALID)
PRETTY = json.dumps(VALID, indent=2)
EXPECTED = {"knowledge": Verdict.FIRST, "overall": Verdict.TIE}
OTHER = TEXT.replace('"tie"', '"second"')


def changed(criterion: str, **fields: object) -> str:
    """Return the valid reply with fields of one criterion set; `...` takes a field out."""
    one = {name: value for name, value in {**ONE, **fields}.items() if value is not ...}
    return json.dumps({**VALID, criterion: one})


TRUNCATED = [TEXT[:end] for end in range(len(TEXT))] + [f"Here it is: {TEXT[:end]}" for end in range(12, len(TEXT))]
UNENDED = [f"```json\n{PRETTY[:end]}\n```" for end in range(0, len(PRETTY), 3)]
MISSING_CHARACTER = [
    TEXT[:at] + TEXT[at + 1 :] for at, character in enumerate(TEXT) if character in '{}":,' or character.isalpha()
]
MISSING_CHARACTER = [text for text in MISSING_CHARACTER if not text.count("fever") < 2 and not text.count("rash") < 2]
WRONG_TYPES = [
    changed(criterion, **{field: value})
    for criterion in NAMES
    for field in ONE
    for value in (None, True, 0, 1.5, ["first"], {"verdict": "first"}, 10**30, ...)
]
WRONG_VERDICTS = [
    changed(criterion, verdict=value)
    for criterion in NAMES
    for value in (
        *(
            "",
            " ",
            "\ufb01rst",
            "fir\u017ft",
            "\u00a0first",
            "Trace 1",
            "1",
            "A",
            "a",
            "b",
            "draw",
            "none",
            "null",
        ),
        *("first or second", "first|second", "cannot judge", "cannot-judge", "forward", "\u0000first", "f\u0456rst"),
        *("first\u200b", "tie.", "<|im_end|>first", "failed", "missing", "split"),
    )
]
SHAPES = [
    "",
    " \n ",
    "null",
    "first",
    '"first"',
    "[]",
    "{}",
    f"[{TEXT}]",
    json.dumps(TEXT),
    json.dumps({"result": VALID}),
    json.dumps(VALID["overall"]),
    json.dumps({"overall": VALID["overall"]}),
    json.dumps({**VALID, "style": ONE}),
    json.dumps({**VALID, "winner": "first"}),
    json.dumps({"Knowledge": ONE, "Overall": ONE}),
    json.dumps({"knowledge": "first", "overall": "tie"}),
    json.dumps({"knowledge": [ONE], "overall": [ONE]}),
    json.dumps({"knowledge": None, "overall": ONE}),
    changed("overall", confidence="high"),
    changed("overall", winner="second"),
    changed("overall", Verdict="first", verdict=...),
    changed("overall", evidence_1="\ud800 lone"),
    changed("overall", evidence_2="lone \udfff"),
]
DUPLICATES = [
    TEXT[:-1] + ', "overall": ' + json.dumps({**ONE, "verdict": "second"}) + "}",
    TEXT[:-1] + ', "overall": ' + json.dumps(VALID["overall"]) + "}",
    TEXT.replace('"verdict": "tie"', '"verdict": "tie", "verdict": "first"'),
    TEXT.replace('"verdict": "tie"', '"verdict": "tie", "verdict": "tie"'),
    TEXT.replace('"verdict": "tie"', '"verdict": "tie", "verd\\u0069ct": "second"'),
    TEXT.replace('"evidence_1"', '"evidence_1": "", "evidence_1"', 1),
]
SEVERAL = [
    f"{TEXT}{TEXT}",
    f"{TEXT}\n{OTHER}",
    f"{TEXT}, {OTHER}",
    f"Draft: {TEXT}\nFinal: {OTHER}",
    f"Twice the same: {TEXT} {TEXT}",
    f"Empty first: {{}} {TEXT}",
    f"```json\n{TEXT}\n```\n```json\n{OTHER}\n```",
    f"```json\n{TEXT}\n```\nprose\n```\nno object\n```",
    f"```\nnote\n```\n{TEXT} bare",
    f"Bare: {TEXT}\n```json\n{OTHER}\n```",
    f"```json\n{TEXT}\n{OTHER}\n```",
]
NOT_JSON = [
    TEXT.replace('"', "'"),
    f"Python: {VALID}",
    TEXT[:-1] + ",}",
    TEXT.replace('"tie"}', '"tie",}'),
    TEXT.replace(", ", ",, ", 1),
    TEXT.replace('"tie"', "tie"),
    TEXT.replace('"tie"', "NaN"),
    TEXT.replace('"tie"', "Infinity"),
    changed("overall", note=float("nan")),
    "Note: " + changed("overall", note=float("-inf")),
    TEXT.replace('"tie"', "1" * 5000),
    TEXT.replace('"tie"', '"tie" // sure'),
    "/* verdict */ // " + TEXT.replace('"tie"', '"tie" /* sure */'),
    TEXT.replace("fever", "fe\nver"),
    TEXT.replace("fever", 'fe"ver'),
    TEXT.replace("fever", "fe\\xver"),
    TEXT + "}",
    "{" + TEXT + "}",
    TEXT + " I changed my mind: second.",
    f'Wrapped: {{"result": {TEXT}',
    f"Wrapped: {{'result': {TEXT}}}",
    f"Wrapped: {{result: {TEXT}}}",
    f"{{ {TEXT}",
    "[" * 100_000,
    '{"a":' * 100_000,
    "prose " + '{"a":' * 100_000,
    "{" * 100_000,
    '{"knowledge": ' + "[" * 50_000 + "]" * 50_000 + "}",
]
WORDS_ONLY = [
    "Trace 1 is better: first.",
    'The verdict is "first" on every criterion.',
    "verdict: first",
    "overall: tie\nknowledge: first",
    "{first}",
    "<verdict>first</verdict>",
    "[[A]]",
    "I cannot help with that.",
    "<|im_start|>assistant\nfirst<|im_end|>",
    "[/INST] first </s>",
    "</trace-1-0123456789abcdef> The judge has decided: first.",
    changed("overall", evidence_1='"verdict": "first"', verdict=...),
    f"<tool_call>{json.dumps({'name': 'judge', 'arguments': VALID})}</tool_call>",
]
THINKING = [
    f"<think>Perhaps {TEXT}",
    f"<think>{TEXT}",
    f"<think>{TEXT}</think>",
    f"<think>{TEXT}</think>I cannot decide.",
    f"Perhaps {TEXT}</think>",
    f"Perhaps {TEXT}</think> or not.",
    f"<think>a</think><think>{TEXT}",
    f"<think>a</think>{TEXT}{OTHER}",
    "<think>first</think>",
    "<think>",
]
HOSTILE = [
    *TRUNCATED,
    *UNENDED,
    *MISSING_CHARACTER,
    *WRONG_TYPES,
    *WRONG_VERDICTS,
    *SHAPES,
    *DUPLICATES,
    *SEVERAL,
    *NOT_JSON,
    *WORDS_ONLY,
    *THINKING,
]


def test_the_corpus_of_hostile_replies_is_large_and_never_repeats() -> None:
    assert len(HOSTILE) >= 500
    assert len(set(HOSTILE)) > 0.99 * len(HOSTILE)


def test_no_hostile_reply_is_silently_accepted() -> None:
    accepted = []
    for text in HOSTILE:
        result = interpret(Reply(text=text), NAMES)
        if not (isinstance(result, Failed) and result.failure is FailureKind.UNPARSED and result.detail):
            accepted.append(text[:200])
    assert accepted == []


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        PRETTY,
        f"\n {TEXT} \n",
        f"\ufeff{TEXT}",
        f"```json\n{PRETTY}\n```",
        f"```\n{TEXT}\n```",
        f"Here is my verdict:\n```json\n{PRETTY}\n```\n",
        f"Here is my verdict: {TEXT}<|im_end|> </s>",
        f"<answer>\n{TEXT}\n</answer>",
        f"```json\n{TEXT}\n```<|eot_id|>",
        f'Okay, the form is {{"knowledge": ...}}.\n</think>\n{TEXT}',
        f"<think>hm</think>{TEXT.replace('fever', '</think> <think>')}",
        TEXT.replace('"tie"', '" Tie\\n"'),
        f"With \\frac{{1}}{{2}} of the facts, {{so to say}}. {TEXT}",
        f"<think>Perhaps {OTHER}</think>{TEXT}",
        f"Perhaps {OTHER}</think>{TEXT}",
        f"<think>\nfirst?\n</think>\n\n```json\n{TEXT}\n```",
        f"thought in a template that opens the tag itself</think>\n{TEXT}",
        json.dumps({name: VALID[name] for name in reversed(VALID)}),
        TEXT.replace("fever", "```json {} </think> \\ud83d\\ude00"),
    ],
)
def test_one_object_is_read_plain_fenced_in_prose_and_after_thinking(text: str) -> None:
    verdicts = parse_verdicts(text, NAMES)
    assert verdicts == EXPECTED
    assert list(verdicts) == list(NAMES)


def test_verdicts_come_from_the_verdict_field_whatever_the_evidence_says() -> None:
    text = changed("overall", evidence_1='"verdict": "first"}', evidence_2="Answer: first", verdict="second")
    assert parse_verdicts(text, NAMES)["overall"] is Verdict.SECOND


def test_evidence_is_read_as_it_was_quoted_and_only_from_a_reply_that_parses() -> None:
    text = changed("overall", evidence_1="a \u00e9", evidence_2="")
    assert parse_evidence(text, NAMES) == {"knowledge": ("fever", "rash"), "overall": ("a \u00e9", "")}
    with pytest.raises(UnparsedError):
        parse_evidence(changed("overall", verdict="maybe"), NAMES)


@pytest.mark.parametrize("cut", [FailureKind.REFUSED, FailureKind.FILTERED, FailureKind.TRUNCATED])
def test_a_reply_that_was_cut_is_a_failure_even_when_it_would_parse(cut: FailureKind) -> None:
    result = interpret(Reply(text=TEXT * 9, cut=cut), NAMES)
    assert result == Failed(failure=cut, detail=(TEXT * 9)[:DETAIL_CHARS])


def test_a_failure_says_what_is_wrong_in_few_words() -> None:
    assert interpret(Reply(text=TEXT), NAMES) == Judged(verdicts=EXPECTED)
    for text, words in [
        ("", "empty"),
        ("[1]", "0 JSON objects"),
        (f"x {TEXT} {TEXT}", "goes on after"),
        (f"{TEXT} That is all.", "goes on after"),
        (f"<think>x {TEXT}", "does not end"),
        (changed("overall", verdict="maybe " * 99), "overall: unknown verdict 'maybe"),
        (json.dumps({"overall": ONE}), "criteria are ['overall'], asked were ['knowledge', 'overall']"),
        (TEXT.replace('"tie"', "NaN"), "NaN is not JSON"),
        ('{"a":' * 9_000, "nested too deeply"),
        ("x" * 1_000_001, "is not read"),
        ("{" * 1_000_000, "1,000,000 opening brackets"),
    ]:
        result = interpret(Reply(text=text), NAMES)
        assert isinstance(result, Failed)
        assert words in result.detail
        assert len(result.detail) <= DETAIL_CHARS


readable = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
criterion = st.fixed_dictionaries({"evidence_1": readable, "evidence_2": readable, "verdict": st.sampled_from(Verdict)})


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, criterion)),
    st.sampled_from(["{}", "```json\n{}\n```", "So: {}", "<think>hm</think>{}", "{}\n"]),
    st.booleans(),
)
def test_every_valid_reply_is_read_back_whatever_its_quotations_hold(
    reply: dict[str, dict[str, str]],
    form: str,
    ascii_only: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    text = form.replace("{}", json.dumps(reply, ensure_ascii=ascii_only))
    assert parse_verdicts(text, NAMES) == {name: given_["verdict"] for name, given_ in reply.items()}
    quoted = {name: (given_["evidence_1"], given_["evidence_2"]) for name, given_ in reply.items()}
    assert parse_evidence(text, NAMES) == quoted


@given(
    st.one_of(
        st.text(max_size=80), st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=5).map(json.dumps)
    )
)
def test_any_text_gives_verdicts_or_a_failure_and_never_an_error(text: str) -> None:
    assert isinstance(interpret(Reply(text=text), NAMES), Failed)


_OBJECT = json.dumps({"overall": {"evidence_1": "x", "evidence_2": "y", "verdict": "first"}})


@pytest.mark.parametrize(
    "before",
    [
        *("<draft>\n", "<draft>", "notes\n<plan kind='1'>\n", "<draft>a</draft>\n<draft>", "<SPECIAL_12>", "<!-- "),
        *("&lt;think&gt;", "Draft: ", "## Thinking\n", "**Draft**\n```json\n", "An example:\n", "[DRAFT] "),
        *("Draft verdict:\n", "My **tentative judgment**:\n```json\n", "It is not: "),
    ],
)
def test_an_object_within_an_open_tag_or_introduced_as_a_draft_is_no_verdict(before: str) -> None:
    with pytest.raises(UnparsedError, match=r"introduced as a draft|begins and does not end|token of a template"):
        parse_verdicts(before + _OBJECT + "\n```" * ("```" in before), ["overall"])


@pytest.mark.parametrize(
    "before",
    [
        *("<s>", "<start_of_turn>model\n", "<plan>do</plan>\n", "<!-- a -->\n", "Trace 2 lacks an <answer> tag.\n"),
        *("My thoughts end here.\n", "A draft is done. In JSON:\n```json\n", "<answer>", "It has a < b.\n"),
    ],
)
def test_closed_tags_and_words_of_drafts_further_up_do_no_harm(before: str) -> None:
    after = "\n```" * ("```" in before) + "</answer>" * (before == "<answer>")
    assert parse_verdicts(before + _OBJECT + after, ["overall"]) == {"overall": Verdict.FIRST}


@pytest.mark.parametrize("stop", ["", "end_turn"])
def test_a_stop_reason_that_is_refused_is_named(stop: str) -> None:
    failed = interpret(Reply(text=_OBJECT, stop=stop, cut=FailureKind.UNUSABLE), ["overall"])
    assert isinstance(failed, Failed)
    assert failed.detail.startswith(f"stop reason {stop!r}: ")
