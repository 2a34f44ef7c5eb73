"""Every request ends as a verdict, as a failure of its kind, or unasked; nothing is lost and nothing hangs."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asked import made_request, made_spec
from builders import NAMES as CRITERIA
from command import wait_until
from msgspec import structs
from msgspec.json import encode
from provider_server import Answer, Call, ProviderServer, Script, longer_wins, verdicts_for

from judge.dispatch import circuit_breaker as health
from judge.dispatch import judge_queue as lane_module
from judge.dispatch.budget import Budget
from judge.dispatch.circuit_breaker import OUTAGE_LIMIT, REJECTED_LIMIT, UNREACHED_LIMIT, USELESS_LIMIT
from judge.dispatch.dispatch import Events, Stop, dispatch
from judge.dispatch.judge_queue import JudgeQueue
from judge.dispatch.rate_limits import PROBE, AdaptiveConcurrency, RateLimiter
from judge.dispatch.retry_policy import LONGEST_PAUSE, RetryPolicy
from judge.errors import OmrJudgeError, RetryableError, RunError, StopRunError
from judge.judges.registry import open_judge
from judge.judging.progress import Display
from judge.prompting.pairwise_plan import ExpectedReply
from judge.prompting.pairwise_reply import interpret
from judge.prompting.retry_prompt import repair
from judge.runs.journal import Journal
from judge.runs.run_folder import RunFolder
from judge.schema import Failed, FailureKind, Judged, JudgeSpec, Judgment, Order, Reply, Request, Result, Verdict

BOTH = ["openai", "anthropic"]
both_providers = pytest.mark.parametrize("provider", BOTH)
CANARY = "CANARY-4f9a7c31d2e8b650"
K = FailureKind


@pytest.fixture(autouse=True)
def _only_canary_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMR_JUDGE_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)


def read_verdicts(reply: Reply, _: ExpectedReply) -> Result:
    return interpret(reply, CRITERIA)


@dataclass
class Asking:
    """One dispatch of requests to a judge behind a server, and everything that came of it."""

    server: ProviderServer | str
    provider: str = "openai"
    concurrency: int = 4
    attempts: int = 8
    timeout: float = 60.0
    first_wait: float = 0.5
    real_sleep: bool = False
    judgments: list[Judgment] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    drawn: int = 0
    stop: Stop = field(default_factory=Stop)
    budget: Budget = field(default_factory=Budget)
    repairs: bool = False
    in_turn: bool = False
    queue_options: dict[str, Any] = field(default_factory=dict)
    spec: JudgeSpec | None = None
    slept: float = 0.0
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        self.display = self.events = Display(total=100, done=0, prices={}, quiet=True)

    def requests(self, n: int) -> Iterator[Request]:
        for number in range(n):
            self.drawn += 1
            yield made_request(f"q{number}")

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if not self.real_sleep:
            self.slept += seconds
        await asyncio.sleep(seconds if self.real_sleep else 0)

    def clock(self) -> float:
        """Tell the time, in which sleeping takes none and lasts as long as it was asked to."""
        return time.monotonic() + self.slept

    async def work(self, n: int, record: Callable[[Judgment], None] | None = None) -> None:
        policy = RetryPolicy(self.timeout, self.attempts, self.first_wait, sleep=self.sleep)
        spec = self.spec or made_spec(self.provider, self.server)
        judge = open_judge(spec, concurrency=self.concurrency, timeout=self.timeout)
        judge.caches_prompts = self.in_turn
        concurrency = AdaptiveConcurrency(self.concurrency)
        queue = JudgeQueue(judge, concurrency, read_verdicts, clock=self.clock, **self.queue_options)
        queue.take(self.requests(n))
        if self.repairs:
            queue.repair = partial(repair, settings=spec.settings, note="Not read: {problem}")
        try:
            await dispatch(
                [queue],
                policy=policy,
                record=record or self.judgments.append,
                events=self.events,
                stop=self.stop,
                budget=self.budget,
            )
        finally:
            await judge.close()

    def run(self, n: int, record: Callable[[Judgment], None] | None = None) -> list[Judgment]:
        asyncio.run(self.work(n, record))
        assert self.display.in_flight == 0
        return self.judgments


def failing(n_failures: int, answer: Answer) -> Script:
    """Answer the first calls for each item with a fault, and the next with a verdict."""
    seen: dict[bytes, int] = {}

    def script(call: Call) -> Answer:
        seen[call.fingerprint] = seen.get(call.fingerprint, 0) + 1
        return answer if seen[call.fingerprint] <= n_failures else longer_wins(call)

    return script


def for_item(item: str, answer: Answer) -> Script:
    return lambda call: answer if f"Question {item}?" in call.user else longer_wins(call)


@both_providers
def test_as_many_calls_as_allowed_are_in_flight_and_never_more(provider: str) -> None:
    with ProviderServer(lambda call: replace(longer_wins(call), after=lambda: server.in_flight_max >= 5)) as server:
        asking = Asking(server, provider, concurrency=5)
        judgments = asking.run(20)
    assert server.in_flight_max == 5
    assert {judgment.item for judgment in judgments} == {f"q{n}" for n in range(20)}
    assert all(isinstance(judgment.result, Judged) for judgment in judgments)


@pytest.mark.parametrize(
    ("kind", "status"), [(FailureKind.RATE_LIMIT, 429), (FailureKind.TRANSPORT, 529), (FailureKind.TIMEOUT, None)]
)
def test_a_provider_that_refuses_or_is_too_slow_is_asked_half_as_much_at_once(
    kind: FailureKind, status: int | None
) -> None:
    async def ask() -> float:
        judge = open_judge(made_spec("openai", "http://127.0.0.1:9"), concurrency=16, timeout=1)
        queue = JudgeQueue(judge, AdaptiveConcurrency(16), read_verdicts)
        queue.failed(RetryableError(kind, "no", status=status), started=queue.clock())
        await judge.close()
        return queue.concurrency.limit

    assert asyncio.run(ask()) == 8


def test_requests_are_drawn_one_by_one_as_workers_come_free() -> None:
    ahead = []
    with ProviderServer(longer_wins) as server:
        asking = Asking(server, concurrency=3)

        def record(judgment: Judgment) -> None:
            asking.judgments.append(judgment)
            ahead.append(asking.drawn - len(asking.judgments))

        asking.run(100, record)
    assert max(ahead) <= 3
    assert asking.drawn == 100


@both_providers
def test_a_judgment_records_what_was_asked_and_what_came(provider: str) -> None:
    with ProviderServer(longer_wins, delay=0.2) as server:
        (judgment,) = Asking(server, provider).run(1)
    request = made_request("q0")
    assert (judgment.key, judgment.item, judgment.order, judgment.judge, judgment.sample) == (
        request.key,
        "q0",
        request.order,
        request.judge,
        0,
    )
    assert judgment.result == Judged(verdicts=dict.fromkeys(CRITERIA, Verdict.FIRST))
    assert judgment.reply is not None
    assert judgment.reply.request_id == "req_000000"
    assert judgment.latency_s is not None
    assert 0.2 <= judgment.latency_s < 5
    assert judgment.time is not None
    assert judgment.time.endswith("+00:00")
    assert abs(datetime.fromisoformat(judgment.time) - datetime.now(UTC)) < timedelta(minutes=5)
    assert judgment.attempts == ()


@both_providers
@pytest.mark.parametrize(
    ("answer", "status", "maybe_paid"),
    [
        (Answer(status=500), 500, False),
        (Answer(status=504), 504, True),
        (Answer(fault="reset"), None, True),
        (Answer(fault="reset_mid_body"), None, True),
    ],
)
def test_a_fault_that_passes_is_retried_and_noted(
    provider: str, answer: Answer, status: int | None, *, maybe_paid: bool
) -> None:
    with ProviderServer(failing(2, answer)) as server:
        asking = Asking(server, provider)
        (judgment,) = asking.run(1)
    assert isinstance(judgment.result, Judged)
    assert [(attempt.status, attempt.maybe_paid) for attempt in judgment.attempts] == [(status, maybe_paid)] * 2
    assert [attempt.waited_s for attempt in judgment.attempts] == pytest.approx(asking.waits, abs=0.001)
    assert all(attempt.problem for attempt in judgment.attempts)
    assert asking.display.retries == 2


@both_providers
def test_a_body_that_cannot_be_used_is_asked_for_once_more_and_recorded(provider: str) -> None:
    with ProviderServer(failing(99, Answer(fault="garbage"))) as server:
        asking = Asking(server, provider, repairs=True)
        (judgment,) = asking.run(1)
        assert len(server.calls) == 2
    assert isinstance(judgment.result, Failed)
    assert judgment.result.failure is K.UNUSABLE
    assert "<html>upstream connect error</html>" in judgment.result.detail
    assert [reply.cut for reply in judgment.replies] == [K.UNUSABLE] * 2
    assert (asking.budget.n_answered, asking.budget.n_lost) == (2, 0)


@both_providers
def test_a_told_pause_is_kept_and_a_little_more(provider: str) -> None:
    with ProviderServer(failing(1, Answer(status=429, headers={"retry-after": "7"}))) as server:
        asking = Asking(server, provider)
        (judgment,) = asking.run(1)
    assert isinstance(judgment.result, Judged)
    assert len(asking.waits) == 1
    assert 7 <= asking.waits[0] <= 8


@pytest.mark.parametrize("headers", [{}, {"retry-after": "0"}])
def test_without_a_told_pause_waits_grow_and_are_not_alike(headers: dict[str, str]) -> None:
    with ProviderServer(lambda _: Answer(status=503, headers=headers)) as server:
        asking = Asking(server, attempts=12)
        asking.run(8)
    assert len(set(asking.waits)) == len(asking.waits) == 8 * 11
    assert 1 < max(asking.waits) <= RetryPolicy().longest_wait
    assert max(asking.waits) > 10 * sorted(asking.waits)[8]


@pytest.mark.parametrize("attempts", [1, 8])
def test_a_pause_that_is_too_long_stops_the_run_and_nobody_waits_for_it(attempts: int) -> None:
    def script(call: Call) -> Answer:
        if "q2" in call.user:
            too_long = {"retry-after": "86400"}
            return Answer(status=429, headers=too_long, after=lambda: server.in_flight_max == 4)
        return replace(longer_wins(call), after=lambda: asking.stop.error is not None)

    with ProviderServer(script) as server:
        asking = Asking(server, attempts=attempts, real_sleep=True)
        judgments = asking.run(20)
    assert {judgment.item for judgment in judgments} == {"q0", "q1", "q3"}  # those that were in flight with it
    assert isinstance(asking.stop.error, StopRunError)
    assert "asks for a pause of 24 h" in asking.stop.error.message


@pytest.mark.parametrize("answered", [0, 30])
def test_a_server_that_answers_nothing_for_ten_minutes_stops_the_run(answered: int) -> None:
    def script(call: Call) -> Answer:
        return longer_wins(call) if call.number < answered else Answer(status=503, error={"message": "down"})

    with ProviderServer(script) as server:
        asking = Asking(server)
        judgments = asking.run(1000)
    failed = [judgment for judgment in judgments if isinstance(judgment.result, Failed)]
    assert len(judgments) - len(failed) == answered
    assert OUTAGE_LIMIT <= len(failed) < 200
    assert isinstance(asking.stop.error, StopRunError)
    assert (told := re.search(r"has answered nothing for (\d+) min: 503: down", asking.stop.error.message))
    assert int(told[1]) >= 10
    assert asking.slept > LONGEST_PAUSE


def ask_a_server_that_goes_away(*, comes_back: bool) -> Asking:
    """Ask 60 requests, four attempts each, of a server that is gone after ten, and back after a pause or never."""
    seen = threading.Event()

    def script(call: Call) -> Answer:
        if call.number == 9:
            seen.set()
        return longer_wins(call)

    with ExitStack() as first, ExitStack() as second:
        server = first.enter_context(ProviderServer(script))
        port = int(server.url.rpartition(":")[2])

        def restart() -> None:
            seen.wait()
            first.close()
            if comes_back:
                wait_until(lambda: len(asking.waits) >= 5 * asking.concurrency)
                second.enter_context(ProviderServer(longer_wins, port=port))

        asking = Asking(server, attempts=4, first_wait=0.05, real_sleep=True)
        restarting = threading.Thread(target=restart)
        restarting.start()
        asking.run(60)
        restarting.join()
    return asking


def test_a_server_that_is_away_for_a_while_is_waited_for_whatever_the_attempts() -> None:
    asking = ask_a_server_that_goes_away(comes_back=True)
    assert [judgment.result for judgment in asking.judgments if not isinstance(judgment.result, Judged)] == []
    assert len(asking.judgments) == 60
    assert max(len(judgment.attempts) for judgment in asking.judgments) > 3
    assert asking.stop.error is None


def test_a_server_that_does_not_come_back_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LONGEST_PAUSE", 0.3)
    asking = ask_a_server_that_goes_away(comes_back=False)
    assert OUTAGE_LIMIT <= sum(isinstance(judgment.result, Failed) for judgment in asking.judgments) < 40
    assert isinstance(asking.stop.error, StopRunError)
    assert "has answered nothing" in asking.stop.error.message


def test_failures_between_replies_stop_nothing() -> None:
    """However long the run: three in four requests fail for minutes, and others are answered."""
    refused = Answer(status=503)
    with ProviderServer(lambda call: longer_wins(call) if "0?" in call.user else refused) as server:
        asking = Asking(server)
        assert len(asking.run(100)) == 100
    assert asking.slept > 2 * LONGEST_PAUSE
    assert asking.stop.error is None


@pytest.mark.parametrize(
    ("provider", "path", "hint"),
    [
        ("openai", "", "the address of such a server usually ends in /v1"),
        ("anthropic", "/v1", "the address of such a server ends before /v1"),
        ("openai", "/v1", None),
    ],
)
def test_a_wrong_address_is_told_of_by_the_judges_name_and_what_may_be_wrong(
    provider: str, path: str, hint: str | None
) -> None:
    with ProviderServer(lambda _: Answer(status=404)) as server:
        spec = JudgeSpec.model_validate({**made_spec(provider, server).model_dump(), "endpoint": server.url + path})
        asking = Asking(server, spec=spec)
        assert asking.run(1) == []
    told = str(asking.stop.error)
    assert told.startswith(f"{spec.name}: 404: no such model or address")
    assert told.endswith(f"({hint})") if hint else "such a server" not in told


def test_a_second_call_that_stops_the_run_and_may_be_paid_for_stands_with_the_first_reply() -> None:
    def script(call: Call) -> Answer:
        return Answer("prose") if call.number == 0 else Answer(status=504, headers={"retry-after": "3600"})

    with ProviderServer(script) as server:
        asking = Asking(server, repairs=True)
        (judgment,) = asking.run(1)
    assert isinstance(asking.stop.error, StopRunError)
    assert judgment.reply is not None
    assert [(attempt.status, attempt.maybe_paid) for attempt in judgment.attempts] == [(504, True)]


def test_a_limit_of_a_day_that_a_reply_tells_of_holds_nobody_up() -> None:
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "17h30m"}
    with ProviderServer(lambda call: Answer(longer_wins(call).text, headers=spent)) as server:
        asking = Asking(server, real_sleep=True)
        assert len(asking.run(20)) == 20
    assert asking.waits == []


def test_a_pause_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "TOLD_PAUSE", 1.0)
    told: list[str] = []
    with ProviderServer(failing(1, Answer(status=429, headers={"retry-after": "1"}))) as server:
        asking = Asking(server, queue_options={"say": told.append}, real_sleep=True)
        assert len(asking.run(4)) == 4
    assert told == ["openai:judge-1 asks for a pause of 1 s"]


@both_providers
@pytest.mark.parametrize("fault", ["drip", "hang"])
def test_a_call_has_a_deadline_however_it_drags_on(provider: str, fault: str) -> None:
    answer = Answer("x" * 1000, fault="drip" if fault == "drip" else "hang")
    started = time.monotonic()
    with ProviderServer(lambda _: answer) as server:
        (judgment,) = Asking(server, provider, timeout=1, attempts=2).run(1)
    assert time.monotonic() - started < 40, "the answers last fifty and sixty seconds"
    assert isinstance(judgment.result, Failed)
    assert judgment.result.failure is K.TIMEOUT
    assert [attempt.maybe_paid for attempt in judgment.attempts] == [True]
    assert len(server.calls) == 2


def test_a_failure_after_the_last_attempt_keeps_the_earlier_ones() -> None:
    with ProviderServer(lambda _: Answer(status=500, error={"message": f"echo {CANARY}"})) as server:
        (judgment,) = Asking(server, attempts=3).run(1)
    assert isinstance(judgment.result, Failed)
    assert (judgment.result.failure, len(judgment.attempts), len(server.calls)) == (K.TRANSPORT, 2, 3)
    assert CANARY.encode() not in encode(judgment)


def test_calls_in_flight_when_the_run_stops_are_waited_for_and_the_first_reason_counts() -> None:
    def script(call: Call) -> Answer:
        if "q0" in call.user:
            return Answer(status=402, after=lambda: server.in_flight_max == 4)
        answer = Answer(status=403) if "q1" in call.user else longer_wins(call)
        return replace(answer, after=lambda: asking.stop.error is not None)

    with ProviderServer(script) as server:
        asking = Asking(server, concurrency=4)
        judgments = asking.run(50)
    assert {judgment.item for judgment in judgments} == {"q2", "q3"}
    assert isinstance(asking.stop.error, StopRunError)
    assert asking.stop.error.status == 402
    assert len(server.calls) == 4


def test_a_request_that_waits_to_be_asked_again_is_given_up_when_the_run_stops() -> None:
    def script(call: Call) -> Answer:
        if "q0" in call.user:
            return Answer(status=429, headers={"retry-after": "300"})
        return Answer(status=401, after=lambda: asking.waits != [])

    started = time.monotonic()
    with ProviderServer(script) as server:
        asking = Asking(server, concurrency=2, real_sleep=True)
        judgments = asking.run(2)
    assert time.monotonic() - started < 200
    assert judgments == []
    assert asking.stop.error is not None


def test_a_stop_from_outside_is_no_error() -> None:
    with ProviderServer(longer_wins) as server:
        asking = Asking(server, concurrency=2)

        def record(judgment: Judgment) -> None:
            asking.judgments.append(judgment)
            asking.stop.asked.set()

        judgments = asking.run(20, record)
    assert 1 <= len(judgments) <= 2
    assert asking.stop.error is None


def test_a_judge_that_calls_all_its_first_requests_invalid_is_asked_no_more() -> None:
    with ProviderServer(lambda _: Answer(status=400, error={"message": "unknown field"})) as server:
        asking = Asking(server, concurrency=1)
        judgments = asking.run(50)
    assert len(judgments) == len(server.calls) == REJECTED_LIMIT
    assert asking.stop.error is not None
    assert "unknown field" in str(asking.stop.error)


USELESS_REPLIES = [
    *(Answer("Trace 1 is better."), Answer("{", stop="length"), Answer(stop="filter"), Answer(stop="refusal")),
    *(
        Answer("<html>Sign in</html>", fault="garbage"),
        Answer("[1, 2]", fault="garbage"),
        Answer(fault="reset_mid_body"),
    ),
    *(Answer(error={"message": "upstream is busy", "code": 429}), Answer(error={"message": "try pulling it first"})),
    *(Answer(" ", fault="garbage"), Answer("[" * 5000, fault="garbage"), Answer(fault="hang")),
]


@pytest.mark.parametrize("concurrency", [1, 200])
@pytest.mark.parametrize("answer", USELESS_REPLIES, ids=repr)
def test_a_judge_whose_replies_never_hold_a_verdict_is_given_up_before_the_whole_run_is_paid_for(
    answer: Answer, concurrency: int
) -> None:
    with ProviderServer(lambda _: answer) as server:
        timeout = 60.0 if answer.fault != "hang" else 0.2 if concurrency == 1 else 2
        asking = Asking(server, concurrency=concurrency, repairs=True, timeout=timeout)
        judgments = asking.run(400)
    assert USELESS_LIMIT <= len(server.calls) < USELESS_LIMIT + PROBE
    assert len(server.calls) >= sum(len(judgment.replies) for judgment in judgments) >= len(judgments) > 0 or (
        not any(judgment.reply for judgment in judgments)
    )
    assert isinstance(asking.stop.error, StopRunError)
    assert f"the first {USELESS_LIMIT} replies hold no verdict, the last: " in asking.stop.error.message
    assert (answer.error or {}).get("message", "") in asking.stop.error.message


def test_as_many_calls_as_allowed_are_in_flight_once_a_first_verdict_has_come() -> None:
    def script(call: Call) -> Answer:
        return replace(longer_wins(call), after=lambda: call.number < PROBE or server.in_flight_max >= 60)

    with ProviderServer(script) as server:
        assert len(Asking(server, concurrency=60).run(200)) == 200
    assert server.in_flight_max == 60
    with ProviderServer(lambda _: Answer("prose", after=lambda: server.in_flight_max >= PROBE)) as server:
        Asking(server, concurrency=60).run(200)
    assert server.in_flight_max == PROBE


def test_a_server_that_breaks_after_its_first_verdicts_is_given_up() -> None:
    def script(call: Call) -> Answer:
        return longer_wins(call) if call.number < 30 else Answer("<html>Sign in</html>", fault="garbage")

    with ProviderServer(script) as server:
        asking = Asking(server, concurrency=4, repairs=True)
        asking.run(400)
    assert 28 <= len(server.calls) - 30 <= 32
    assert isinstance(asking.stop.error, StopRunError)
    assert "28 replies in a row cannot be used, the last: unusable: " in asking.stop.error.message
    assert "Sign in" in asking.stop.error.message


def test_a_run_that_has_verdicts_may_ask_again_what_failed_however_much_fails_again() -> None:
    with ProviderServer(lambda _: Answer("Trace 1 is better.")) as server:
        asking = Asking(server, queue_options={"n_judged": 1})
        assert len(asking.run(50)) == 50
    assert asking.stop.error is None


@both_providers
def test_an_address_where_nobody_ever_answers_is_given_up(provider: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        asking = Asking(f"http://127.0.0.1:{taken.getsockname()[1]}", provider)
        judgments = asking.run(500)
    assert asking.stop.error is not None
    assert "cannot be reached: " in str(asking.stop.error)
    assert len(asking.waits) <= UNREACHED_LIMIT + asking.concurrency
    assert all(isinstance(judgment.result, Failed) for judgment in judgments)


def test_a_judge_that_has_judged_once_may_call_any_number_of_requests_invalid() -> None:
    script = for_item("q0", Answer(verdicts_for({"properties": dict.fromkeys(CRITERIA)}, "tie")))
    with ProviderServer(lambda call: script(call) if "q0?" in call.user else Answer(status=400)) as server:
        asking = Asking(server, concurrency=1)
        judgments = asking.run(20)
    assert len(judgments) == 20
    assert asking.stop.error is None


@pytest.mark.parametrize("concurrency", [1, 6])
def test_a_journal_that_cannot_be_written_ends_the_run_with_its_own_error(concurrency: int) -> None:
    def record(_: Judgment) -> None:
        raise RunError("disk full")

    with ProviderServer(longer_wins) as server, pytest.raises(RunError, match="disk full") as caught:
        Asking(server, concurrency=concurrency).run(20, record)
    assert type(caught.value) is RunError


def test_a_request_that_cannot_be_made_loses_no_reply_that_is_in_flight() -> None:
    class Broken(Asking):
        def requests(self, n: int) -> Iterator[Request]:
            yield from super().requests(n)
            raise RunError("image changed since the run began")

    with ProviderServer(longer_wins, delay=0.5) as server:
        asking = Broken(server, concurrency=4)
        with pytest.raises(RunError, match="image changed"):
            asking.run(3)
    assert {judgment.item for judgment in asking.judgments if isinstance(judgment.result, Judged)} == {"q0", "q1", "q2"}
    assert asking.display.in_flight == 0


def test_a_bug_is_not_taken_for_an_error_of_the_run() -> None:
    def record(_: Judgment) -> None:
        raise ZeroDivisionError

    with ProviderServer(longer_wins) as server, pytest.raises(ExceptionGroup) as caught:
        Asking(server).run(1, record)
    assert caught.group_contains(ZeroDivisionError)
    assert not caught.group_contains(OmrJudgeError)


def test_a_cancelled_run_ends_at_once_and_records_nothing_half_done() -> None:
    async def cancel_soon(asking: Asking) -> None:
        work = asyncio.ensure_future(asking.work(5))
        while len(server.calls) < 2:  # noqa: ASYNC110 - the server runs in a thread of its own
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    started = time.monotonic()
    with ProviderServer(lambda _: Answer(fault="hang")) as server:
        asking = Asking(server, concurrency=2, timeout=60)
        asyncio.run(cancel_soon(asking))
    assert time.monotonic() - started < 50
    assert asking.judgments == []


def test_a_judgment_is_on_disk_before_it_is_counted(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with ProviderServer(longer_wins) as server, Journal(folder.judgments_path) as journal:
        asking = Asking(server)

        def record(judgment: Judgment) -> None:
            before = asking.display.done
            journal.append(judgment)
            assert asking.display.done == before < len(list(folder.judgments()))

        asking.run(6, record)
    assert asking.display.done == 6


def test_all_requests_of_an_item_are_asked_in_turn_where_the_provider_caches_prompts() -> None:
    """The second finds in the cache what the first has left there, so it must not begin before."""
    busy: set[str] = set()
    together: list[str] = []

    def script(call: Call) -> Answer:
        item = call.user.split("?")[0]
        together.extend({item} & busy)
        busy.add(item)
        return replace(longer_wins(call), after=lambda: server.in_flight_max >= 6)

    class TwoOrders(Asking):
        def requests(self, n: int) -> Iterator[Request]:
            for request in super().requests(n):
                yield request
                yield structs.replace(request, order=Order.SWAPPED, key=request.key[::-1])

        def recorded(self, judgment: Judgment) -> None:
            busy.discard(f"Question {judgment.item}")
            self.judgments.append(judgment)

    with ProviderServer(script) as server:
        asking = TwoOrders(server, concurrency=6, in_turn=True)
        judgments = asking.run(12, asking.recorded)
    assert len(judgments) == 24
    assert together == []
    assert server.in_flight_max == 6


def test_no_more_calls_begin_in_a_minute_than_were_allowed() -> None:
    with ProviderServer(longer_wins) as server:
        asking = Asking(server, concurrency=1, queue_options={"call_rate": RateLimiter(30)})
        asking.run(5)
    assert asking.slept == pytest.approx(8, abs=2)
    assert asking.waits == pytest.approx([2, 2, 2, 2], abs=1)


def test_no_more_tokens_are_taken_in_a_minute_than_were_allowed() -> None:
    with ProviderServer(longer_wins) as server:
        asking = Asking(server, concurrency=1, queue_options={"token_rate": RateLimiter(6000)})
        judgments = asking.run(6)
    usages = [judgment.reply.usage for judgment in judgments if judgment.reply]
    seconds = sum(usage.input + usage.output for usage in usages[:-1]) / 100
    assert asking.slept == pytest.approx(seconds, abs=2)


def test_the_judges_of_a_panel_do_not_wait_for_each_other() -> None:
    """One is told to wait for good, and the other has all its requests answered meanwhile."""
    with (
        ProviderServer(lambda _: Answer(status=429, headers={"retry-after": "300"})) as busy,
        ProviderServer(longer_wins) as idle,
    ):
        asking = Asking(idle, real_sleep=True)

        async def both() -> None:
            judges = [open_judge(made_spec("openai", server), concurrency=4, timeout=60) for server in (busy, idle)]
            queues = [JudgeQueue(judge, AdaptiveConcurrency(4), read_verdicts) for judge in judges]
            for queue in queues:
                queue.take(asking.requests(20))
            policy = RetryPolicy(sleep=asking.sleep)

            def record(judgment: Judgment) -> None:
                asking.judgments.append(judgment)
                if len(asking.judgments) == 20:
                    asking.stop.asked.set()

            await dispatch(queues, policy=policy, record=record, events=asking.display, stop=asking.stop)
            for judge in judges:
                await judge.close()

        asyncio.run(both())
    assert all(isinstance(judgment.result, Judged) for judgment in asking.judgments)
    assert 1 <= len(busy.calls) <= 4


@both_providers
def test_a_reply_that_leaves_nothing_of_a_limit_pauses_all_calls_until_it_is_renewed(provider: str) -> None:
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m30s",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2026-11-22T10:01:30Z",
        "date": "Sun, 22 Nov 2026 10:00:00 GMT",
    }

    def script(call: Call) -> Answer:
        return replace(longer_wins(call), headers=headers if call.number == 0 else {})

    with ProviderServer(script) as server:
        asking = Asking(server, provider, concurrency=1)
        asking.run(3)
    assert asking.waits == [pytest.approx(90, abs=2)]
