"""Every fault of a provider, at the first call, in the middle and at the last: its outcome, and nothing lost.

The rows are those of docs/judges.md: what passes is asked again, what concerns one request fails it under its own name,
and what concerns all of them stops the run.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import pytest
from dispatch.test_dispatch import Asking, both_providers
from msgspec.json import decode, encode
from provider_server import Answer, Call, ProviderServer, longer_wins, verdicts_for

from judge.errors import StopRunError
from judge.schema import Failed, FailureKind, Judged, Judgment, Verdict

K = FailureKind
N_ITEMS = 5
places = pytest.mark.parametrize(
    "place",
    [
        pytest.param(0, id="first"),
        pytest.param(2, id="middle", marks=pytest.mark.slow),
        pytest.param(N_ITEMS - 1, id="last"),
    ],
)
FIRST = Verdict.FIRST


class Fault(NamedTuple):
    """What the server does to one item, and how often."""

    name: str
    answer: Answer
    maybe_paid: bool = False


def error(status: int, **words: str) -> Answer:
    return Answer(status=status, error=words or None)


SPENT_FOR_TODAY = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "17h30m"}
PASSING = [
    Fault("request timeout", error(408)),
    Fault("conflict", error(409)),
    Fault("rate limit", error(429)),
    Fault("slow down", error(429, code="slow_down", type="rate_limit_error")),
    Fault("server error", error(500)),
    Fault("half a character in an error", error(500, message="bad \ud800 word")),
    Fault("bad gateway", error(502)),
    Fault("unavailable", error(503)),
    Fault("gateway timeout", error(504), maybe_paid=True),
    Fault("overloaded", error(529)),
    Fault("reset", Answer(fault="reset"), maybe_paid=True),
    Fault("reset in mid-body", Answer(fault="reset_mid_body"), maybe_paid=True),
    Fault("no reply", Answer(fault="hang"), maybe_paid=True),
    Fault("slow drip", Answer("x" * 1000, fault="drip"), maybe_paid=True),
    Fault("an error for a reply", Answer(error={"code": 502, "message": "upstream failed"}), maybe_paid=True),
]
STOPPING = [
    Fault("no key", error(401)),
    Fault("no credit", error(402)),
    Fault("not permitted", error(403)),
    Fault("no such model", error(404)),
    Fault("quota", error(429, code="insufficient_quota", type="insufficient_quota")),
    Fault("credit balance", error(429, code="credit_balance_exhausted")),
    Fault("spend limit", error(429, code="organization_spend_limit_exceeded")),
    Fault("project's limit", error(429, code="project_spend_limit_exceeded")),
    Fault("usage limit", error(429, code="organization_usage_limit_exceeded")),
    Fault("billing", error(400, type="billing_error")),
    Fault("a day's pause", Answer(status=429, headers={"retry-after": "86400"})),
    Fault("a day's limit", Answer(status=429, headers=SPENT_FOR_TODAY)),
    Fault("maintenance", Answer(status=503, headers={"retry-after": "3600"})),
    Fault("a gateway's long pause", Answer(status=504, headers={"retry-after": "3600"}), maybe_paid=True),
]
FAILING = [
    (Fault("refusal", Answer("I cannot help.", stop="refusal")), K.REFUSED),
    (Fault("filtered request", error(400, code="content_filter", message="content filter")), K.FILTERED),
    (Fault("too large", error(413)), K.TOO_LONG),
    (Fault("too long", error(400, code="context_length_exceeded")), K.TOO_LONG),
    (Fault("invalid", error(400, message="unknown field")), K.REJECTED),
    (Fault("half a character", error(400, message="unknown \ud800 field")), K.REJECTED),
    (Fault("truncated", Answer('{"overall": ', stop="length")), K.TRUNCATED),
    (Fault("prose", Answer("Trace 1 is better.")), K.UNPARSED),
    (Fault("empty", Answer("")), K.UNPARSED),
    (Fault("garbage", Answer(fault="garbage")), K.UNUSABLE),
    (Fault("an error without a status", Answer(error={"message": "upstream failed"})), K.UNUSABLE),
]


def named(faults: list[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=[fault.name for fault in faults])


def run(provider: str, fault: Fault, place: int, *, times: int, **options: object) -> tuple[Asking, int]:
    """Ask about items one after another, one of which meets a fault so many times; return how often it was asked."""
    n_met = 0

    def script(call: Call) -> Answer:
        nonlocal n_met
        if f"Question q{place}?" not in call.user:
            return longer_wins(call)
        n_met += 1
        return fault.answer if n_met <= times else longer_wins(call)

    timeout = 2 if fault.answer.fault in {"hang", "drip"} else 60
    with ProviderServer(script) as server:
        asking = replace(Asking(server, provider, concurrency=1, timeout=timeout, repairs=True), **options)  # type: ignore[arg-type]
        asking.run(N_ITEMS)
    return asking, n_met


def by_item(judgments: list[Judgment]) -> dict[int, Judgment]:
    assert len({judgment.item for judgment in judgments}) == len(judgments)
    assert [decode(encode(judgment), type=Judgment) for judgment in judgments] == judgments
    return {int(re.sub(r"\D", "", judgment.item)): judgment for judgment in judgments}


def assert_right(judgments: dict[int, Judgment]) -> None:
    """What met no fault has the server's verdict."""
    for judgment in judgments.values():
        assert isinstance(judgment.result, Judged)
        assert set(judgment.result.verdicts.values()) == {FIRST}


@both_providers
@places
@named(PASSING)
def test_a_fault_that_passes_costs_a_retry_and_nothing_else(provider: str, place: int, fault: Fault) -> None:
    asking, n_met = run(provider, fault, place, times=1)
    judgments = by_item(asking.judgments)
    assert sorted(judgments) == list(range(N_ITEMS))
    assert_right(judgments)
    assert n_met == 2
    assert [attempt.maybe_paid for attempt in judgments[place].attempts] == [fault.maybe_paid]
    assert asking.budget.n_lost == fault.maybe_paid
    assert asking.stop.error is None


@places
@named(PASSING)
def test_a_fault_that_does_not_pass_fails_its_request_alone(place: int, fault: Fault) -> None:
    asking, n_met = run("openai", fault, place, times=99, attempts=2)
    judgments = by_item(asking.judgments)
    failed = judgments.pop(place)
    assert isinstance(failed.result, Failed)
    assert failed.result.failure in {K.TRANSPORT, K.TIMEOUT, K.RATE_LIMIT}
    assert len(judgments) == N_ITEMS - 1
    assert_right(judgments)
    assert n_met == 2


@both_providers
@places
@named(STOPPING)
def test_what_concerns_every_request_stops_the_run_and_keeps_what_was_judged(
    provider: str, place: int, fault: Fault
) -> None:
    asking, n_met = run(provider, fault, place, times=99)
    judgments = by_item(asking.judgments)
    assert sorted(judgments) == list(range(place))
    assert_right(judgments)
    assert isinstance(asking.stop.error, StopRunError)
    assert n_met == 1
    assert asking.waits == []
    assert asking.budget.n_lost == fault.maybe_paid


@both_providers
@places
@pytest.mark.parametrize(("fault", "kind"), FAILING, ids=[fault.name for fault, _ in FAILING])
def test_what_concerns_one_request_fails_it_under_its_own_name(
    provider: str, place: int, fault: Fault, kind: FailureKind
) -> None:
    asking, n_met = run(provider, fault, place, times=99)
    judgments = by_item(asking.judgments)
    failed = judgments.pop(place)
    assert isinstance(failed.result, Failed)
    assert failed.result.failure is kind
    assert sorted([*judgments, place]) == list(range(N_ITEMS))
    assert_right(judgments)
    assert n_met == (2 if kind in {K.TRUNCATED, K.UNPARSED, K.UNUSABLE} else 1)
    assert asking.stop.error is None


@both_providers
@places
def test_a_whole_verdict_in_a_cut_reply_is_no_verdict(provider: str, place: int) -> None:
    text = verdicts_for({"properties": {"knowledge": {}, "overall": {}}}, "first")
    asking, _ = run(provider, Fault("cut", Answer(text, stop="length")), place, times=99)
    failed = by_item(asking.judgments)[place]
    assert isinstance(failed.result, Failed)
    assert failed.result.failure is K.TRUNCATED
