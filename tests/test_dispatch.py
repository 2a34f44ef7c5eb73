"""Every request ends as a verdict, as a failure of its kind, or unasked; nothing is lost and nothing hangs."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from asked import made_request, made_spec
from builders import NAMES as CRITERIA
from provider_server import Answer, Call, ProviderServer, Script, longer_wins, verdicts_for

from judge.core.parsing import interpret
from judge.errors import OmrJudgeError, RunError, StopRunError
from judge.io.dispatch import REJECTED_LIMIT, UNREACHED_LIMIT, Lane, Policy, Stop, dispatch
from judge.io.journal import Journal, RunFolder
from judge.io.judges.specs import open_judge
from judge.io.render.progress import Display
from judge.schema import Failed, FailureKind, Judged, Judgment, Request, Verdict

BOTH = ["openai", "anthropic"]
both_providers = pytest.mark.parametrize("provider", BOTH)
CANARY = "CANARY-4f9a7c31d2e8b650"
K = FailureKind


@pytest.fixture(autouse=True)
def _only_canary_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMR_JUDGE_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)


@dataclass
class Asking:
    """One dispatch of requests to a judge behind a server, and everything that came of it."""

    server: ProviderServer | str
    provider: str = "openai"
    concurrency: int = 4
    attempts: int = 8
    timeout: float = 5.0
    real_sleep: bool = False
    judgments: list[Judgment] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    drawn: int = 0
    stop: Stop = field(default_factory=Stop)

    def __post_init__(self) -> None:
        self.display = Display(total=100, done=0, prices={}, quiet=True)

    def requests(self, n: int) -> Iterator[Request]:
        for number in range(n):
            self.drawn += 1
            yield made_request(f"q{number}")

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(seconds if self.real_sleep else 0)

    async def work(self, n: int, record: Callable[[Judgment], None] | None = None) -> None:
        policy = Policy(attempts=self.attempts, timeout=self.timeout, sleep=self.sleep)
        spec = made_spec(self.provider, self.server)
        judge = open_judge(spec, concurrency=self.concurrency, timeout=60)
        lane = Lane(judge, self.requests(n), self.concurrency, partial(interpret, criteria=CRITERIA))
        try:
            await dispatch(
                [lane], policy=policy, record=record or self.judgments.append, events=self.display, stop=self.stop
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
    with ProviderServer(longer_wins, delay=0.05) as server:
        asking = Asking(server, provider, concurrency=5)
        judgments = asking.run(20)
    assert server.in_flight_max == 5
    assert {judgment.item for judgment in judgments} == {f"q{n}" for n in range(20)}
    assert all(isinstance(judgment.result, Judged) for judgment in judgments)


def test_requests_are_drawn_only_when_they_can_be_asked() -> None:
    ahead = []
    with ProviderServer(longer_wins) as server:
        asking = Asking(server, concurrency=3)

        def record(judgment: Judgment) -> None:
            asking.judgments.append(judgment)
            ahead.append(asking.drawn - len(asking.judgments))

        asking.run(30, record)
    assert max(ahead) <= 3
    assert asking.drawn == 30


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
    assert judgment.attempts == ()


@both_providers
@pytest.mark.parametrize(
    ("answer", "status", "maybe_paid"),
    [
        (Answer(status=500), 500, False),
        (Answer(status=529), 529, False),
        (Answer(status=504), 504, True),
        (Answer(fault="reset"), None, True),
        (Answer(fault="reset_mid_body"), None, True),
        (Answer(fault="garbage"), None, True),
        (Answer(fault="garbage", headers={"content-type": "text/html"}), None, True),
        (Answer('{"choices": [null], "content": [null]}', fault="garbage"), None, True),
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
    assert 1 < max(asking.waits) <= Policy().longest_wait
    assert max(asking.waits) > 10 * sorted(asking.waits)[8]


def test_a_pause_longer_than_patience_is_a_failure_at_once() -> None:
    with ProviderServer(lambda _: Answer(status=429, headers={"retry-after": "86400"})) as server:
        asking = Asking(server)
        (judgment,) = asking.run(1)
    assert isinstance(judgment.result, Failed)
    assert judgment.result.failure is K.RATE_LIMIT
    assert (len(server.calls), asking.waits) == (1, [])


@both_providers
@pytest.mark.parametrize("fault", ["drip", "hang"])
def test_a_call_has_a_deadline_however_it_drags_on(provider: str, fault: str) -> None:
    answer = Answer("x" * 1000, fault="drip" if fault == "drip" else "hang")
    started = time.monotonic()
    with ProviderServer(lambda _: answer) as server:
        (judgment,) = Asking(server, provider, timeout=0.3, attempts=2).run(1)
    assert time.monotonic() - started < 5
    assert isinstance(judgment.result, Failed)
    assert judgment.result.failure is K.TIMEOUT
    assert [attempt.maybe_paid for attempt in judgment.attempts] == [True]
    assert len(server.calls) == 2


FAULTS: list[tuple[str, Answer, FailureKind]] = [
    ("rate limit", Answer(status=429), K.RATE_LIMIT),
    ("server error", Answer(status=500), K.TRANSPORT),
    ("overloaded", Answer(status=529), K.TRANSPORT),
    ("reset", Answer(fault="reset"), K.TRANSPORT),
    ("reset in mid-body", Answer(fault="reset_mid_body"), K.TRANSPORT),
    ("garbage", Answer(fault="garbage"), K.TRANSPORT),
    ("HTML", Answer(fault="garbage", headers={"content-type": "text/html"}), K.TRANSPORT),
    ("empty object", Answer("{}", fault="garbage"), K.TRANSPORT),
    ("context overflow", Answer(status=400, error={"code": "context_length_exceeded"}), K.TOO_LONG),
    ("too large", Answer(status=413), K.TOO_LONG),
    ("filtered request", Answer(status=400, error={"message": "content filter"}), K.FILTERED),
    ("bad request", Answer(status=400), K.REJECTED),
    ("refusal", Answer("I cannot", stop="refusal"), K.REFUSED),
    ("length", Answer('{"overall": ', stop="length"), K.TRUNCATED),
    ("prose", Answer("Trace 1 is better."), K.UNPARSED),
    ("empty reply", Answer(""), K.UNPARSED),
]


@both_providers
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_every_fault_ends_as_a_failure_of_its_kind_and_never_as_a_verdict(provider: str, place: int) -> None:
    """Of every three requests one fails."""

    def script(call: Call) -> Answer:
        number = int(re.findall(r"Question q(\d+)\?", call.user)[0])
        return FAULTS[number // 3][1] if number % 3 == place else longer_wins(call)

    with ProviderServer(script) as server:
        judgments = Asking(server, provider, attempts=2).run(3 * len(FAULTS))
    results = {int(judgment.item[1:]): judgment.result for judgment in judgments}
    for number, result in sorted(results.items()):
        name, _, kind = FAULTS[number // 3]
        if number % 3 == place:
            assert isinstance(result, Failed), name
            assert result.failure is kind, name
        else:
            assert isinstance(result, Judged), name
    assert len(results) == 3 * len(FAULTS)


def test_a_whole_verdict_in_a_cut_reply_is_no_verdict() -> None:
    with ProviderServer(lambda call: Answer(verdicts_for(call.schema or {}, "first"), stop="length")) as server:
        (judgment,) = Asking(server).run(1)
    assert isinstance(judgment.result, Failed)
    assert judgment.result.failure is K.TRUNCATED
    assert judgment.reply is not None
    assert judgment.reply.usage.output > 0


def test_a_failure_after_the_last_attempt_keeps_the_earlier_ones() -> None:
    with ProviderServer(lambda _: Answer(status=500, error={"message": f"echo {CANARY}"})) as server:
        (judgment,) = Asking(server, attempts=3).run(1)
    assert isinstance(judgment.result, Failed)
    assert (judgment.result.failure, len(judgment.attempts), len(server.calls)) == (K.TRANSPORT, 2, 3)
    assert CANARY not in judgment.model_dump_json()


@both_providers
def test_what_concerns_every_request_stops_asking_and_keeps_what_was_judged(provider: str) -> None:
    def script(call: Call) -> Answer:
        if call.number == 3:
            return Answer(status=401)
        return longer_wins(call)

    with ProviderServer(script) as server:
        asking = Asking(server, provider, concurrency=1)
        judgments = asking.run(10)
    assert isinstance(asking.stop.error, StopRunError)
    assert asking.stop.error.status == 401
    assert [judgment.item for judgment in judgments] == ["q0", "q1", "q2"]
    assert (asking.drawn, len(server.calls)) == (4, 4)


def test_calls_in_flight_when_the_run_stops_are_waited_for_and_the_first_reason_counts() -> None:
    def script(call: Call) -> Answer:
        if "q0" in call.user:
            return Answer(status=402)
        if "q1" in call.user:
            return Answer(status=403, delay=0.1)
        answer = longer_wins(call)
        return Answer(answer.text, delay=0.3)

    with ProviderServer(script) as server:
        asking = Asking(server, concurrency=4)
        judgments = asking.run(50)
    assert {judgment.item for judgment in judgments} == {"q2", "q3"}
    assert isinstance(asking.stop.error, StopRunError)
    assert asking.stop.error.status == 402
    assert asking.drawn == 4


def test_a_request_that_waits_to_be_asked_again_is_given_up_when_the_run_stops() -> None:
    def script(call: Call) -> Answer:
        if "q0" in call.user:
            return Answer(status=429, headers={"retry-after": "300"})
        return Answer(status=401, delay=0.2)

    started = time.monotonic()
    with ProviderServer(script) as server:
        asking = Asking(server, concurrency=2, real_sleep=True)
        judgments = asking.run(2)
    assert time.monotonic() - started < 10
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
    assert time.monotonic() - started < 5
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
