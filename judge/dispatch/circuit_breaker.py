"""How a judge has answered so far, and when asking it further is of no use: a circuit breaker for a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from judge.dispatch.rate_limits import MINUTE
from judge.dispatch.retry_policy import LONGEST_PAUSE
from judge.errors import ProviderError, RetryableError, StopRunError
from judge.schema import Attempt, Failed, FailureKind, JudgeSpec, Provider, Result

UNREACHED_LIMIT = 20
"""when so many attempts in a row meet nobody, and nothing was ever answered, the address is wrong: stop"""
REJECTED_LIMIT = 10
"""when a judge's first so many requests are all called invalid, it is the settings that are wrong: stop"""
USELESS_LIMIT = 20
"""when a judge's first so many replies all hold no verdict, it is not up to the task, or to its settings: stop"""
ROUNDS_UNUSABLE = 2
"""of calls in flight together that may fail, each asked again, before a server that has given verdicts is broken"""
OUTAGE_LIMIT = 20
"""when so many requests in a row failed for want of a reply, and none came for `LONGEST_PAUSE`: stop"""
USELESS = {
    *(FailureKind.UNPARSED, FailureKind.TRUNCATED, FailureKind.TOO_LONG, FailureKind.UNUSABLE),
    *(FailureKind.OTHER_MODEL, FailureKind.REFUSED, FailureKind.FILTERED),
}
BROKEN = {FailureKind.UNUSABLE, FailureKind.OTHER_MODEL}
"""faults of a server, whatever it is asked"""
UNANSWERED = {FailureKind.TRANSPORT, FailureKind.TIMEOUT, FailureKind.RATE_LIMIT}


@dataclass
class CircuitBreaker:
    """Counts what became of a judge's requests; every method raises StopRunError where the run had better stop."""

    judge: JudgeSpec
    clock: Callable[[], float]
    n_judged: int = 0
    """verdicts, those of the run's earlier sessions included: a run that has any goes on whatever items fail again"""
    most_in_flight: int = 1
    n_rejected: int = 0
    n_useless: int = 0
    """replies without a verdict, and calls that ended before their reply was whole: paid for, or maybe"""
    n_broken: int = 0
    """replies in a row that show the server at fault"""
    n_unreached: int = 0
    """attempts in a row that met no server"""
    n_unanswered: int = 0
    """requests in a row that failed for want of a reply"""
    has_replied: bool = False
    heard_at: float = field(init=False)
    """when the last reply came, by the clock; before the first: when the session began"""

    def __post_init__(self) -> None:
        self.heard_at = self.clock()

    def replied(self) -> None:
        """Note a reply, whatever it says."""
        self.has_replied, self.heard_at = True, self.clock()

    def failed(self, error: ProviderError) -> None:
        """Note how a call failed: a provider that asks for a pause of hours is not waited for.

        One that breaks its replies off, or tells errors in them, or answers none in time, may be paid for all of them.
        """
        if isinstance(error, StopRunError):
            words = f"{self.judge.name}: {error.message}{_hint(self.judge, error)}"
            raise StopRunError(error.kind, words, status=error.status, maybe_paid=error.maybe_paid) from error
        told = error.retry_after if isinstance(error, RetryableError) else None
        if told is not None and told > LONGEST_PAUSE:
            words = f"{self.judge.name} asks for a pause of {told / MINUTE / 60:.2g} h: {error.message}"
            raise StopRunError(error.kind, words, status=error.status, maybe_paid=error.maybe_paid) from error
        if error.kind is FailureKind.TIMEOUT or (isinstance(error, RetryableError) and error.has_begun):
            self.useless(Failed(failure=error.kind, detail=error.message, maybe_paid=error.maybe_paid))

    def retried(self, attempt: Attempt) -> None:
        """Note an attempt that failed in passing."""
        self.n_unreached = self.n_unreached + 1 if _never_sent(attempt) else 0
        if not self.has_replied and self.n_unreached >= UNREACHED_LIMIT:
            hint = "see whether its server runs, and its address"
            words = f"{self.judge.name} cannot be reached: {attempt.problem} ({hint})"
            raise StopRunError(FailureKind.TRANSPORT, words)

    def useless(self, failed: Failed) -> None:
        """Note a reply without a verdict, or one that did not come whole."""
        self.n_useless += 1
        self.n_broken = self.n_broken + 1 if failed.failure in BROKEN else 0
        words = ""
        if not self.n_judged and self.n_useless >= USELESS_LIMIT:
            words = f"the first {self.n_useless} replies hold no verdict"
        elif self.n_broken >= USELESS_LIMIT + ROUNDS_UNUSABLE * self.most_in_flight:
            words = f"{self.n_broken} replies in a row cannot be used"
        if words:
            words = f"{self.judge.name}: {words}, the last: {failed.failure}: {failed.detail}"
            raise StopRunError(failed.failure, words, maybe_paid=failed.maybe_paid)

    def settled(self, result: Result) -> None:
        """Note what came of a request."""
        if not isinstance(result, Failed):
            self.n_judged, self.n_unanswered, self.n_broken = self.n_judged + 1, 0, 0
            return
        self.n_unanswered = self.n_unanswered + 1 if result.failure in UNANSWERED else 0
        if self.n_unanswered >= OUTAGE_LIMIT and self.silence > LONGEST_PAUSE:
            words = f"{self.judge.name} has answered nothing for {self.silence / MINUTE:.0f} min: {result.detail}"
            raise StopRunError(result.failure, words)
        self.n_rejected += result.failure is FailureKind.REJECTED
        if not self.n_judged and self.n_rejected >= REJECTED_LIMIT:
            words = f"{self.judge.name}: the first {REJECTED_LIMIT} requests were all called invalid: {result.detail}"
            raise StopRunError(FailureKind.REJECTED, words)
        if result.failure in USELESS:
            self.useless(result)

    @property
    def silence(self) -> float:
        """Seconds since the last reply."""
        return self.clock() - self.heard_at

    def is_away(self, error: ProviderError, *, since: float) -> bool:
        """Tell whether a server that has answered cannot be reached by anyone now: it may be back before long.

        Args:
            error: how a call failed.
            since: when its request failed the time before, by the clock: a reply since then tells that others reach it.
        """
        gone = _never_sent(error) and self.has_replied and self.heard_at <= since
        return gone and self.silence < LONGEST_PAUSE


def _hint(judge: JudgeSpec, error: StopRunError) -> str:
    """Return what to look at where an address may be written wrong; else nothing."""
    if error.status != HTTPStatus.NOT_FOUND or judge.endpoint is None:
        return ""
    path = urlsplit(judge.endpoint).path.rstrip("/")
    if judge.provider is Provider.OPENAI and not path:
        return " (the address of such a server usually ends in /v1)"
    if judge.provider is Provider.ANTHROPIC and path.endswith("/v1"):
        return " (the address of such a server ends before /v1)"
    return ""


def _never_sent(failed: Attempt | ProviderError) -> bool:
    """Tell whether a call met no server at all."""
    return failed.status is None and not failed.maybe_paid
