"""The run of a service: a folder whose pairs are appended as they are asked for, and judged at once.

`report`, `show`, `flags` and the page read it like any run, also while it grows. A pair's id is a hash of its content,
so that the same content is never asked twice, whoever asks, and whenever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Self

from judge.costs.spending import reply_cost
from judge.dispatch.budget import Budget
from judge.dispatch.dispatch import Asking, Stop, UnaskedError
from judge.dispatch.in_flight import InFlight, read_in_flight
from judge.errors import OmrJudgeError
from judge.files.secrets import hide_in_logs
from judge.images.image_store import located, with_item
from judge.judging.command_options import ServeOptions
from judge.judging.direct import open_queues
from judge.judging.find_run import start_run
from judge.judging.progress import Display
from judge.judging.quote_run import budget_of
from judge.judging.run_kinds import plan_of
from judge.judging.session import Closed, Recorder, Session
from judge.runs.journal import Journal
from judge.runs.run_folder import RunFolder
from judge.schema import Chances, Failed, Judged, JudgeSpec, Judgment, Order, Pair, Verdict
from judge.service.designs import Against
from judge.service.service_run import PairsFile, prepared_service

if TYPE_CHECKING:
    from judge.dispatch.judge_queue import JudgeQueue

AWAY_SECONDS = 30.0
"""for which a judge that answers no more is left alone"""


HARD = {
    Verdict.FIRST: Chances(1.0, 0.0, 0.0),
    Verdict.TIE: Chances(0.0, 1.0, 0.0),
    Verdict.SECOND: Chances(0.0, 0.0, 1.0),
}
Verdicts = tuple[Chances | None, ...]
"""in the order of the rubric: a hard verdict is the soft one with probability 1; None: the judge cannot judge it"""


class QuestionResult(NamedTuple):
    """What came of one question: verdicts by criterion, or why there are none."""

    verdicts: Verdicts | None
    why_not: str = ""
    """the failure, or `unasked`"""
    usd: Decimal | None = Decimal(0)
    """what it cost now; None: nobody knows"""


@dataclass
class JudgeLine:
    """The way to the judges until one of them answers no more: then it is closed, and another opened later."""

    stack: AsyncExitStack
    queues: dict[str, list[JudgeQueue]]
    asking: Asking
    until: float = 0.0
    """when, after a judge answered no more, another may be opened; by the monotonic clock"""

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is asked on it."""
        return self.asking.stop.asked.is_set()


class Book:
    """One run of a service, open for appending; entered as an asynchronous context.

    Args:
        options: of the service.
        against: what its pairs are.
        budget: what the service may spend; what the run has spent before is added.
        say: is told notes, a line each.
    """

    def __init__(self, options: ServeOptions, against: Against, budget: Budget, *, say: Callable[[str], None]) -> None:
        self.folder, self.judges = start_run(prepared_service(options, against, say=say), say=say)
        self.manifest = self.folder.manifest().model_copy(update={"judges": self.judges})
        self.plan = plan_of(self.manifest)
        self.criteria = [criterion.name for criterion in self.manifest.rubric.criteria]
        self._options, self._budget, self._say = options, budget, say
        self._items: set[bytes] = set()
        self._known: dict[bytes, Verdicts] = {}
        self._alike: dict[Verdicts, Verdicts] = {}
        self._open: dict[bytes, asyncio.Task[QuestionResult]] = {}
        self._came: dict[str, Judgment] = {}
        self._stack, self._ending = AsyncExitStack(), False
        self._session: Session
        self._line: JudgeLine

    async def __aenter__(self) -> Self:
        """Lock the folder, read what is known, and open the judges; RunError where another process has it."""
        stack, options = self._stack, self._options.judging
        stack.enter_context(self.folder.locked())
        folder = self.folder = RunFolder(self.folder.path)  # which reads what is there now
        self._items.update(bytes.fromhex(pair.item.id) for pair in folder.pairs())
        judged: set[bytes] = set()
        for judgment in folder.judgments():
            if isinstance(judgment.result, Judged):
                judged.add(bytes.fromhex(judgment.key))
                self._learn(judgment, judgment.result)
        spent = budget_of(folder, self.manifest, options)
        self._budget.n_answered += spent.n_answered
        self._budget.n_lost += spent.n_lost
        self._budget.cost += spent.cost
        if n_unknown := len(read_in_flight(folder.in_flight_path, judged)):
            self._say(f"{n_unknown} calls may have been paid twice (in flight when the service was killed)")
        self._pairs = PairsFile(folder)
        stack.callback(self._pairs.close)
        journal = stack.enter_context(Journal(folder.judgments_path, sync_seconds=options.fsync_ms / 1000))
        in_flight = stack.enter_context(InFlight(folder.in_flight_path))
        recorder = Recorder(journal, in_flight, Display(total=0, done=0, prices=self.manifest.prices, quiet=True))
        closed = Closed(judged)
        manifest, plan = self.manifest, self.plan
        self._session = Session(folder, manifest, plan, options, closed, recorder, self._budget, None, self._say)
        self._open_line()
        hide_in_logs()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for what is in flight, ask nothing more, and close."""
        self.stop()
        if tasks := list(self._open.values()):
            late = (await asyncio.wait(tasks, timeout=self._options.judging.policy.timeout))[1]
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._line.stack.aclose()
        await self._stack.aclose()

    def stop(self) -> None:
        """Ask nothing more; what waits stays unasked."""
        self._ending = True
        self._line.asking.stop.asked.set()

    @property
    def n_pending(self) -> int:
        """Questions that wait or are in flight."""
        return len(self._open)

    @property
    def away_seconds(self) -> float:
        """For how long nothing is asked, as a judge answers no more; 0: it is asked."""
        return max(0.0, self._line.until - time.monotonic()) if self._line.is_closed else 0.0

    def said(self, pair: Pair, judge: JudgeSpec, order: Order) -> QuestionResult | None:
        """Return what is known of a question; None where it was never answered."""
        verdicts = self._known.get(self._key(pair.item.id, judge.name, order))
        return None if verdicts is None else QuestionResult(verdicts)

    def ask(self, pair: Pair, judge: JudgeSpec, order: Order) -> asyncio.Task[QuestionResult]:
        """Ask a question, or share the asking where it is under way; whoever waits may leave, the asking goes on.

        Raises:
            RunError: the pair cannot be written.
        """
        key = self._key(pair.item.id, judge.name, order)
        if key not in self._open:
            if (id_ := bytes.fromhex(pair.item.id)) not in self._items:
                self._pairs.append(pair)
                self._items.add(id_)
            task = self._open[key] = asyncio.create_task(self._asked(pair, judge, order))
            task.add_done_callback(lambda _: self._open.pop(key, None))
        return self._open[key]

    async def _asked(self, pair: Pair, judge: JudgeSpec, order: Order) -> QuestionResult:
        if self._line.is_closed and not self._ending and not self.away_seconds:
            before = self._line
            self._open_line()
            if any(queue.concurrency.in_flight for own in before.queues.values() for queue in own):
                self._stack.push_async_callback(before.stack.aclose)
            else:
                await before.stack.aclose()
        line = self._line
        (asked,) = self.plan.asks_in([order], with_item(pair, lambda item: located(item, self.folder.path)), judge)
        request = self.plan.request(asked, judge)
        queue = min(line.queues[judge.name], key=lambda one: one.concurrency.in_flight)
        try:
            async with queue.concurrency:
                await line.asking.judge(queue, request)
        except UnaskedError:
            pass
        except OmrJudgeError as error:
            if not line.is_closed:
                self._say(f"{error}; asked again in {AWAY_SECONDS:.0f} s")
                line.until = time.monotonic() + AWAY_SECONDS
                line.asking.stop.because(error)
        judgment = self._came.pop(request.key, None)
        if judgment is None:
            return QuestionResult(None, "unasked")
        price = self.manifest.prices.get(judge.name)
        costs = [reply_cost(price, reply) for reply in judgment.replies]
        usd = None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))
        if isinstance(judgment.result, Judged):
            return QuestionResult(self._learn(judgment, judgment.result), usd=usd)
        return QuestionResult(None, judgment.result.failure.value if isinstance(judgment.result, Failed) else "", usd)

    def _learn(self, judgment: Judgment, result: Judged) -> Verdicts:
        verdicts = tuple(result.chances.get(name, HARD.get(result.verdicts[name])) for name in self.criteria)
        if not result.chances:  # soft ones are seldom alike
            verdicts = self._alike.setdefault(verdicts, verdicts)
        self._known[self._key(judgment.item, judgment.judge, judgment.order)] = verdicts
        return verdicts

    def _key(self, item: str, judge: str, order: Order) -> bytes:
        number = next(number for number, one in enumerate(self.judges) if one.name == judge)
        return bytes.fromhex(item) + bytes((number, order is Order.SWAPPED))

    def _record(self, judgment: Judgment) -> None:
        self._session.recorder.record(judgment)
        self._came[judgment.key] = judgment

    def _open_line(self) -> None:
        session, stack, options = self._session, AsyncExitStack(), self._options.judging
        if self._known:  # a judge that has given verdicts is asked on
            session = replace(session, folder=RunFolder(self.folder.path), closed=Closed({b""}))
        queues = {spec.name: open_queues(session, spec, options.concurrency, stack) for spec in self.judges}
        asking = Asking(options.policy, self._record, session.recorder, Stop(), self._budget)
        self._line = JudgeLine(stack, queues, asking)
