from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from checklists import make_case, shipped_plan
from hypothesis import given
from hypothesis import strategies as st

from judge.prompting.checklist_score import PREMISES, SCALES, PremiseVerdict, parse_evidence, parse_units, reply_form
from judge.prompting.final_text import UnparsedError
from judge.schema import Failed, FailureKind, Group, Reply, Scored, UnitVerdict

ASKED = ("u1", "u2")
ONE = {"evidence": "clear lungs", "presence": 2, "correctness": 1, "consistency": 0}
VALID: dict[str, Any] = {"u1": ONE, "u2": {**ONE, "evidence": "", "presence": 0, "correctness": 0}}
TEXT = json.dumps(VALID)
PRETTY = json.dumps(VALID, indent=2)
OTHER = TEXT.replace('"presence": 2', '"presence": 1')
EXPECTED = {
    "u1": UnitVerdict(presence=2, correctness=1, consistency=0),
    "u2": UnitVerdict(presence=0, correctness=0, consistency=0),
}
CHAIN = dict(zip(PREMISES, ("yes", "yes", "yes"), strict=True))


@dataclass(frozen=True)
class Asked:
    asks: tuple[str, ...] = ASKED
    group: Group | None = Group.KNOWLEDGE


def changed(**fields: object) -> str:
    """Return the valid reply with fields of its first unit set; `...` takes a field out."""
    one = {name: value for name, value in {**ONE, **fields}.items() if value is not ...}
    return json.dumps({**VALID, "u1": one})


OFF_SCALE = (None, True, False, 1.0, 1.5, 3, -2, "1", "", [1], {"value": 1}, 10**30, ...)
HOSTILE = [
    *(TEXT[:end] for end in range(len(TEXT))),
    *(f"```json\n{PRETTY[:end]}\n```" for end in range(0, len(PRETTY), 5)),
    *(changed(**{name: value}) for name in SCALES for value in OFF_SCALE),
    *(changed(evidence=value) for value in (None, 1, True, ["x"], {"text": "x"}, "\ud800 lone", ...)),
    changed(verdict="ok"),
    changed(Presence=2),
    changed(presence=-1),
    changed(chain_grounding=CHAIN),
    json.dumps({"u1": ONE}),
    json.dumps({**VALID, "u3": ONE}),
    json.dumps({"u1": ONE, "U2": ONE}),
    json.dumps({"u1": ONE, "u3": ONE}),
    json.dumps({"units": VALID}),
    json.dumps([VALID]),
    json.dumps([{"unit_id": "u1", **ONE}, {"unit_id": "u2", **ONE}]),
    json.dumps({"u1": [ONE], "u2": [ONE]}),
    json.dumps({"u1": None, "u2": ONE}),
    json.dumps({"u1": 2, "u2": 0}),
    json.dumps(TEXT),
    TEXT[:-1] + f', "u2": {json.dumps(ONE)}}}',
    TEXT[:-1] + f', "u\\u0032": {json.dumps(ONE)}}}',
    TEXT.replace('"presence": 2', '"presence": 2, "presence": 1'),
    TEXT.replace('"presence": 2', '"presence": 02'),
    TEXT.replace('"presence": 2', '"presence": NaN'),
    TEXT.replace('"presence": 2', '"presence": +2'),
    TEXT.replace('"presence": 2', '"presence": 2e0'),
    TEXT.replace('"presence": 2', '"presence": 0|1|2'),
    f"{TEXT}{TEXT}",
    f"{TEXT}\n{OTHER}",
    f"Draft: {TEXT}\nFinal: {OTHER}",
    f"```json\n{TEXT}\n```\n```json\n{OTHER}\n```",
    f"{TEXT} On reflection, the presence of u1 is 0.",
    f"{TEXT} Correctness of u2: -1.",
    f"Here: {TEXT} But chain_grounding is missing.",
    f"<think>{TEXT}",
    f"<think>Perhaps {TEXT}</think>",
    f"<think>{TEXT}</think>I cannot judge.",
    "",
    "null",
    "{}",
    "All units are present and correct.",
    "u1: presence 2, correctness 1, consistency 0\nu2: presence 0",
    "I cannot help with that.",
    reply_form(Group.KNOWLEDGE, make_case(2).item.checklist[Group.KNOWLEDGE]),
    "[" * 100_000,
    '{"u1":' * 100_000,
]


def test_the_corpus_of_hostile_replies_is_large() -> None:
    assert len(set(HOSTILE)) >= 200


def test_no_hostile_reply_is_accepted_and_none_becomes_an_absence() -> None:
    results = {text: shipped_plan().interpret(Reply(text=text), Asked()) for text in HOSTILE}
    accepted = [
        text[:200]
        for text, result in results.items()
        if not (isinstance(result, Failed) and result.failure is FailureKind.UNPARSED and result.detail)
    ]
    assert accepted == []


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        PRETTY,
        f"```json\n{PRETTY}\n```",
        f"Here is my judgment.\n{TEXT}\n",
        f"<think>Is u1 present? {{maybe}}</think>{TEXT}",
        json.dumps(dict(reversed(VALID.items()))),
    ],
)
def test_a_reply_in_the_schemas_form_is_read_in_the_order_asked(text: str) -> None:
    result = shipped_plan().interpret(Reply(text=text), Asked())
    assert isinstance(result, Scored)
    assert list(result.units.items()) == list(EXPECTED.items())


@pytest.mark.parametrize("cut", [FailureKind.REFUSED, FailureKind.FILTERED, FailureKind.TRUNCATED])
def test_a_reply_that_was_cut_is_never_parsed(cut: FailureKind) -> None:
    assert shipped_plan().interpret(Reply(text=TEXT, cut=cut), Asked()) == Failed(failure=cut, detail=TEXT)


def test_the_failure_says_which_units_are_missing() -> None:
    result = shipped_plan().interpret(Reply(text=json.dumps({"u1": ONE})), Asked())
    assert result == Failed(failure=FailureKind.UNPARSED, detail="units are ['u1'], asked were ['u1', 'u2']")


@pytest.mark.parametrize(
    ("grounds", "grounded"),
    [
        (("yes", "yes", "yes"), True),
        (("yes", "not_needed", "yes"), True),
        (("not_needed", "yes", "yes"), True),
        (("yes", "yes", "no"), False),
        (("no", "yes", "yes"), False),
        (("not_needed", "no", "not_needed"), False),
        (("no", "no", "no"), False),
        (("not_needed", "not_needed", "not_needed"), None),
        (("not_needed", "not_needed", "yes"), None),
    ],
)
def test_an_inference_is_grounded_when_the_premises_that_it_needs_are_present_and_right(
    grounds: tuple[str, str, str],
    *,
    grounded: bool | None,
) -> None:
    text = json.dumps({"r1": {**ONE, "chain_grounding": dict(zip(PREMISES, grounds, strict=True))}})
    assert parse_units(text, ["r1"], group=Group.RATIONALE)["r1"].grounded is grounded


@pytest.mark.parametrize(
    "chain",
    [
        None,
        "yes",
        {},
        {name: value for name, value in CHAIN.items() if name != "premises_correct"},
        {**CHAIN, "extra": "yes"},
        {**CHAIN, "premises_correct": True},
        {**CHAIN, "premises_correct": "Yes"},
        {**CHAIN, "premises_correct": "not_needed"},
        {**CHAIN, "perception_premise": ["yes"]},
        dict(zip(PREMISES, ("not_needed", "not_needed", "no"), strict=True)),
    ],
)
def test_a_rationale_unit_needs_a_chain_that_does_not_contradict_itself(chain: object) -> None:
    with pytest.raises(UnparsedError, match="r1: "):
        parse_units(json.dumps({"r1": {**ONE, "chain_grounding": chain}}), ["r1"], group=Group.RATIONALE)


def test_a_rationale_unit_without_a_chain_is_refused() -> None:
    with pytest.raises(UnparsedError, match="chain_grounding"):
        parse_units(json.dumps({"r1": ONE}), ["r1"], group=Group.RATIONALE)


def test_the_quotations_of_a_reply_that_parses_can_be_shown() -> None:
    assert parse_evidence(TEXT, ASKED, group=Group.KNOWLEDGE) == {"u1": "clear lungs", "u2": ""}
    with pytest.raises(UnparsedError):
        parse_evidence(TEXT, ("u1",), group=Group.KNOWLEDGE)


def test_the_plan_reads_replies_by_the_group_asked() -> None:
    chained = json.dumps({unit: {**one, "chain_grounding": CHAIN} for unit, one in VALID.items()})
    assert isinstance(shipped_plan().interpret(Reply(text=TEXT), Asked()), Scored)
    assert isinstance(shipped_plan().interpret(Reply(text=TEXT), Asked(group=Group.RATIONALE)), Failed)
    assert isinstance(shipped_plan().interpret(Reply(text=chained), Asked(group=Group.RATIONALE)), Scored)


NUMBERS = st.one_of(st.integers(-4, 4), st.floats(), st.booleans(), st.none(), st.text(max_size=3))
UNIT = st.fixed_dictionaries(
    {"evidence": st.one_of(st.text(max_size=9), st.integers())},
    optional={**dict.fromkeys(SCALES, NUMBERS), "chain_grounding": st.dictionaries(st.text(max_size=3), NUMBERS)},
)


@given(st.dictionaries(st.sampled_from(["u1", "u2", "u3"]), UNIT))
def test_whatever_is_accepted_says_exactly_what_stands_there(reply: dict[str, dict[str, Any]]) -> None:
    result = shipped_plan().interpret(Reply(text=json.dumps(reply)), Asked())
    if isinstance(result, Failed):
        assert result.failure is FailureKind.UNPARSED
        return
    assert isinstance(result, Scored)
    assert result.units.keys() == reply.keys() == set(ASKED)
    for unit, verdict in result.units.items():
        assert set(reply[unit]) == {"evidence", *SCALES}
        for name, values in SCALES.items():
            assert reply[unit][name] in values
            assert type(reply[unit][name]) is int
            assert getattr(verdict, name) == reply[unit][name]


@given(st.lists(st.sampled_from(list(PremiseVerdict)), min_size=3, max_size=3))
def test_a_chain_is_grounded_only_where_nothing_needed_is_missing_or_wrong(grounds: list[PremiseVerdict]) -> None:
    text = json.dumps({"r1": {**ONE, "chain_grounding": dict(zip(PREMISES, grounds, strict=True))}})
    try:
        grounded = parse_units(text, ["r1"], group=Group.RATIONALE)["r1"].grounded
    except UnparsedError:
        return
    if grounded:
        assert PremiseVerdict.NO not in grounds
        assert PremiseVerdict.YES in grounds[:2]
    if grounded is False:
        assert PremiseVerdict.NO in grounds
