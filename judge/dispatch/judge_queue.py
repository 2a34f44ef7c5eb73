"""One judge of a run: its requests, how fast it may be asked, and what became of the first of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from judge.costs.charges import NO_CHARGE, Charge
from judge.dispatch.circuit_breaker import CircuitBreaker
from judge.dispatch.rate_limits import AdaptiveConcurrency, RateLimiter
from judge.dispatch.retry_policy import LONGEST_PAUSE
from judge.errors import ProviderError, RetryableError
from judge.judges.base import Judge
from judge.judges.retry_after import retry_after
from judge.prompting.pairwise_plan import ExpectedReply
from judge.schema import Failed, FailureKind, Reply, Request, Result

SLOW_DOWN = {429, 529}
TOLD_PAUSE = 5.0
"""seconds; a person is told of pauses that are as long"""
CHARS_A_TOKEN = 4
"""until replies tell what a request takes"""


@dataclass
class JudgeQueue:
    """A judge, and its requests, which are drawn lazily.

    Every queue has its own workers and limits, so that no judge of a panel waits for another.
    """

    judge: Judge
    concurrency: AdaptiveConcurrency
    interpret: Callable[[Reply, ExpectedReply], Result]
    repair: Callable[[Request, Reply, Failed], Request | None] = lambda *_: None
    """makes the one further request after a reply that was cut short or cannot be read"""
    charge: Callable[[Request], Charge] = lambda _: NO_CHARGE
    """estimates a call's US dollars, for the budget"""
    cost: Callable[[Reply], Decimal | None] = lambda _: Decimal(0)
    """US dollars of a reply; None where it does not tell its tokens"""
    say: Callable[[str], None] = lambda _: None
    """is told notes, a line each"""
    call_rate: RateLimiter = field(default_factory=RateLimiter)
    token_rate: RateLimiter = field(default_factory=RateLimiter)
    clock: Callable[[], float] = time.monotonic
    n_judged: InitVar[int] = 0
    """verdicts of the run's earlier sessions"""
    breaker: CircuitBreaker = field(init=False)
    groups: Iterator[list[Request]] = field(init=False, default=iter(()))
    """what one worker asks in turn: where the provider caches prompts, all requests of an item.

    Only a call that begins after the first has answered finds in the cache what they share."""
    n_replies: int = 0
    n_tokens: int = 0

    def __post_init__(self, n_judged: int) -> None:
        self.breaker = CircuitBreaker(self.judge.spec, self.clock, n_judged, self.concurrency.ceiling)
        self.concurrency.probe = not n_judged
        self.judge.on_headers = self._read_limits

    def take(self, requests: Iterator[Request]) -> None:
        """Take what is to be asked next."""
        if self.judge.caches_prompts:
            self.groups = (list(group) for _, group in groupby(requests, key=attrgetter("item")))
        else:
            self.groups = ([request] for request in requests)

    def _read_limits(self, headers: Mapping[str, str]) -> None:
        """Pause before a limit is met, where the reply's headers say that nothing of it is left.

        Where that would take too long, the next call tells whether it is so: a limit of a day is given back bit by bit.
        """
        if (seconds := retry_after(headers)) is not None and seconds <= LONGEST_PAUSE:
            self._pause(seconds, now=self.clock())

    def _pause(self, seconds: float, *, now: float) -> None:
        if seconds >= TOLD_PAUSE and not self.concurrency.pause_left(now=now):
            self.say(f"{self.judge.spec.name} asks for a pause of {seconds:.0f} s")
        self.concurrency.pause(seconds, now=now)

    def expected_tokens(self, request: Request) -> float:
        """Return what a call will take of a limit on tokens, as far as earlier replies tell."""
        return self.n_tokens / self.n_replies if self.n_replies else request.prompt.n_chars / CHARS_A_TOKEN

    def turn(self, expected_tokens: float) -> float:
        """Take a call's turn, and return the seconds until it may be sent."""
        now = self.clock()
        return max(
            self.concurrency.pause_left(now=now),
            self.call_rate.take(1, now=now),
            self.token_rate.take(expected_tokens, now=now),
        )

    def replied(self, reply: Reply, *, expected_tokens: float) -> None:
        """Count a reply, and correct the rate by the tokens that it took."""
        n_tokens = reply.usage.input + reply.usage.output
        self.n_replies, self.n_tokens = self.n_replies + 1, self.n_tokens + n_tokens
        self.breaker.replied()
        self.token_rate.correct(n_tokens - expected_tokens)
        self.concurrency.succeeded()

    def settled(self, result: Result) -> None:
        """Note what came of a request; StopRunError where asking further is of no use."""
        if not isinstance(result, Failed):
            self.concurrency.judged()
        self.breaker.settled(result)

    def failed(self, error: ProviderError, *, started: float) -> None:
        """Slow down where a provider asks for it, or is too slow; StopRunError where it asks for a pause of hours."""
        self.breaker.failed(error)
        if error.status not in SLOW_DOWN and error.kind is not FailureKind.TIMEOUT:
            return
        now = self.clock()
        self.concurrency.refused(started=started, now=now)
        if isinstance(error, RetryableError) and error.retry_after is not None:
            self._pause(error.retry_after, now=now)
