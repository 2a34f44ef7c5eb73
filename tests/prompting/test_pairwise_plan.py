from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from builders import PLAIN, RUBRIC, make_judge, make_pair, shipped_prompt
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from judge.enums import Orders
from judge.prompting.pairwise_plan import PairPlan, choose_swapped
from judge.prompting.pairwise_prompt import ShownParts
from judge.schema import Image, JudgeSpec, Order, Pair, Provider, Request, Trace

PLAN = PairPlan(template=shipped_prompt(), rubric=RUBRIC)
IMAGE = Image(path="/x.png", sha256="0" * 64, media_type="image/png")
PAIR = make_pair(answer="A", images=(IMAGE,), reference_reasoning="so")


def planned(*pairs: Pair, judge: JudgeSpec | None = None, **plan: Any) -> list[Request]:  # noqa: ANN401 - replace()'s
    return list(replace(PLAN, **plan).requests(pairs, judge or make_judge()))


def keys(pair: Pair = PAIR, judge: JudgeSpec | None = None, **plan: Any) -> list[str]:  # noqa: ANN401 - as replace() takes them
    return [request.key for request in planned(pair, judge=judge, **plan)]


def pairs(count: int) -> list[Pair]:
    return [make_pair(id=f"q{number}", a=f"a {number}") for number in range(count)]


@pytest.mark.parametrize(
    "change",
    [
        {"question": "Where?"},
        {"options": {"A": "one"}},
        {"answer": "B"},
        {"reference_reasoning": "otherwise"},
        {"images": (structs.replace(IMAGE, sha256="1" * 64),)},
        {"images": (IMAGE, IMAGE)},
        {"images": ()},
        {"id": "q2"},
        {"a": "another trace"},
        {"b": "another trace"},
    ],
    ids=str,
)
def test_a_key_changes_with_what_the_judge_is_shown(change: dict[str, Any]) -> None:
    given_ = {"answer": "A", "images": (IMAGE,), "reference_reasoning": "so", **change}
    assert not set(keys()) & set(keys(make_pair(**given_)))


@pytest.mark.parametrize(
    "change",
    [
        {"provider": Provider.ANTHROPIC},
        {"model": "n"},
        {"weights_sha256": "2" * 64},
        {"settings": {**PLAIN.model_dump(), "max_output_tokens": 101}},
        {"settings": {**PLAIN.model_dump(), "temperature": 0.0}},
        {"settings": {**PLAIN.model_dump(), "effort": "high"}},
        {"settings": {**PLAIN.model_dump(), "seed": 0}},
        {"settings": {**PLAIN.model_dump(), "evidence_chars": 40}},
        {"sees_images": False},
    ],
    ids=str,
)
def test_a_key_changes_with_the_judge_and_its_settings(change: dict[str, Any]) -> None:
    assert not set(keys()) & set(keys(judge=make_judge(**change)))


@pytest.mark.parametrize(
    "change",
    [
        {"shown": ShownParts(reference=False)},
        {"shown": ShownParts(images=False)},
        {"seed": 1},
        {"rubric": RUBRIC.model_copy(update={"criteria": RUBRIC.criteria[:1]})},
        {"template": replace(PLAN.template, sections={**PLAN.template.sections, "System": "Other rules."})},
    ],
    ids=["reference", "images", "seed", "rubric", "template"],
)
def test_a_key_changes_with_the_plan(change: dict[str, Any]) -> None:
    assert not set(keys()) & set(keys(**change))


def test_a_key_is_32_hex_digits_and_differs_by_order_and_sample() -> None:
    three = keys(samples=3)
    assert len(set(three)) == 6
    assert all(len(key) == 32 and int(key, 16) >= 0 for key in three)
    assert three[:2] == keys()


GOLDEN: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["6713c5a4c1de6b7a8b6517ecf6d7724c", "5be98c6d4d7629f220872fba051c5361"]),
    (
        {"provider": "anthropic", "model": "claude", "settings": {**PLAIN.model_dump(), "effort": "high"}},
        ["b5f5a92ea8f2a2300a651bd932c13e99", "32c85f65effa33d765d033d3cb377159"],
    ),
    (
        {
            "provider": "local",
            "weights_sha256": "2" * 64,
            "sees_images": False,
            "settings": {**PLAIN.model_dump(), "temperature": 0.0, "seed": 0, "evidence_chars": 30},
        },
        ["ace266dbbcc6182936ded488145e34bb", "13bb27992c9f807aa0830f96b76428d4"],
    ),
]


@pytest.mark.parametrize(("judge", "golden"), GOLDEN, ids=["openai", "anthropic", "local"])
def test_keys_are_those_of_version_0_1_so_that_its_journals_resume(judge: dict[str, Any], golden: list[str]) -> None:
    assert keys(judge=make_judge(**judge)) == golden


def test_keys_with_hidden_answers_and_another_seed_are_those_of_version_0_1() -> None:
    golden = ["345bcd2123ea3e9eae5f3cc4ff5ce964", "bdf9825f2831c7efa5efb7e64bb12c6c"]
    assert keys(shown=ShownParts(reference=False, answers=False), seed=7) == golden


def test_keys_of_further_samples_and_of_the_control_of_identical_traces_stay_the_same() -> None:
    further = ["2d0c5aa5832043da445f67058a7526ac", "0e6c2218dc00468524238b052161d829"]
    assert keys(samples=2)[2:] == further
    golden = ["2a096c84201637c2e1cdef082b43e13b", "e77621ed53b09a2d47ef6bfd0b18cfcb"]
    assert keys(make_pair(), asks_identical=True) == golden


def test_a_key_ignores_addresses_names_and_metadata() -> None:
    other = make_pair(
        answer="A",
        reference_reasoning="so",
        images=(structs.replace(IMAGE, path="/elsewhere.png"),),
        subgroup={"by": "x"},
        meta={"n": 1},
    )
    other = structs.replace(other, a=Trace(text="trace a", model="renamed", meta={"n": 2}))
    elsewhere = make_judge(endpoint="http://localhost:1/v1")
    described = replace(PLAN.template, description="told anew")
    assert keys(other, judge=elsewhere, template=described) == keys()
    assert keys(orders=Orders.ONE) == keys()[:1]
    assert keys(orders=Orders.ONE, swapped_items=frozenset({"q1"})) == keys()[1:]


@given(st.integers(0, 8), st.integers(1, 3), st.sampled_from(Orders), st.sets(st.integers(0, 7)))
def test_there_is_one_request_per_item_order_and_sample_and_none_for_identical_traces(
    count: int, samples: int, orders: Orders, same: set[int]
) -> None:
    some = [make_pair(id=f"q{n}", b="trace a" if n in same else "trace b") for n in range(count)]
    requests = planned(*some, orders=orders, samples=samples)
    asked = [f"q{n}" for n in range(count) if n not in same]
    per_item = samples * (2 if orders is Orders.BOTH else 1)
    assert Counter(request.item for request in requests) == dict.fromkeys(asked, per_item)
    assert len({request.key for request in requests}) == len(requests)
    assert len({(request.item, request.order, request.sample) for request in requests}) == len(requests)


def test_both_orders_of_a_sample_follow_each_other() -> None:
    requests = planned(*pairs(3), samples=2)
    assert [(r.order, r.sample) for r in requests[:4]] == [
        (Order.FORWARD, 0),
        (Order.SWAPPED, 0),
        (Order.FORWARD, 1),
        (Order.SWAPPED, 1),
    ]
    for one, two in list(pairwise(requests))[::2]:
        assert (one.item, one.sample) == (two.item, two.sample)
        assert (one.prompt.system, one.prompt.shared) == (two.prompt.system, two.prompt.shared)


@pytest.mark.parametrize(
    ("orders", "samples", "shares"), [(Orders.BOTH, 1, True), (Orders.ONE, 1, False), (Orders.ONE, 2, True)]
)
def test_a_request_says_whether_another_begins_as_it_does(orders: Orders, samples: int, *, shares: bool) -> None:
    requests = planned(make_pair(), orders=orders, samples=samples)
    assert {request.shares_prefix for request in requests} == {shares}


def test_a_request_carries_the_judge_and_the_schema_that_its_judge_is_given() -> None:
    judge = make_judge(settings=PLAIN.model_copy(update={"evidence_chars": 9}), sees_images=False)
    request = planned(PAIR, judge=judge)[0]
    assert request.judge == "openai:m"
    assert request.schema_["properties"]["overall"]["properties"]["evidence_1"]["maxLength"] == 9
    assert request.prompt.images == ()
    assert "cannot be shown" in request.prompt.shared


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), unique=True), st.integers(0, 99))
def test_one_order_shows_exactly_half_of_the_items_swapped_whatever_their_order(items: list[str], seed: int) -> None:
    swapped = choose_swapped(items, seed=seed)
    assert len(swapped) == len(items) // 2
    assert swapped <= set(items)
    assert choose_swapped(random.Random(1).sample(items, len(items)), seed=seed) == swapped  # noqa: S311


def test_the_seed_decides_which_items_are_shown_swapped() -> None:
    items = [f"q{n}" for n in range(40)]
    chosen = {choose_swapped(items, seed=seed) for seed in range(20)}
    assert len(chosen) == 20
    often = Counter(item for swapped in chosen for item in swapped)
    assert len(often) == 40
    swapped = choose_swapped(items, seed=3)
    requests = planned(*pairs(40), orders=Orders.ONE, swapped_items=swapped)
    assert {request.item for request in requests if request.order is Order.SWAPPED} == swapped
    assert len(requests) == 40
