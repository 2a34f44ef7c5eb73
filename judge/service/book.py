"""The run of a service: a folder whose pairs are appended as they are asked for, and judged at once.

`report`, `show`, `flags` and the page read it like any run, also while it grows. A pair's id is a hash of its content,
so that the same content is never asked twice, whoever asks, and whenever.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from msgspec.json import encode

from judge.comparison.prepared_run import find_rubric, one_verdict_judges
from judge.costs.spending import reply_cost
from judge.dispatch.budget import Budget
from judge.dispatch.dispatch import Asking, Stop, UnaskedError
from judge.dispatch.in_flight import InFlight, read_in_flight
from judge.errors import OmrJudgeError, RunError
from judge.files.files import as_its_folder, flush
from judge.files.sealed_lines import mend_tail
from judge.files.sealing import seal
from judge.files.secrets import hide_in_logs
from judge.images.image_store import located, with_item
from judge.judging.command_options import ServeOptions
from judge.judging.direct import open_queues
from judge.judging.find_run import PreparedRun, open_judges, start_run
from judge.judging.progress import Display
from judge.judging.provenance import used_asset
from judge.judging.quote_run import budget_of
from judge.judging.run_kinds import plan_of
from judge.judging.session import Closed, Recorder, Session
from judge.prompting.shipped_files import REPAIR_ANY, Asset, find_asset, load_prompt, load_rubric, repair_note
from judge.prompting.subject_counts import PairCounts
from judge.runs.journal import Journal
from judge.runs.manifest import Input, Manifest
from judge.runs.run_folder import RunFolder
from judge.schema import Chances, Failed, Judged, JudgeSpec, Judgment, Order, Pair, Rubric, Verdict
from judge.service.designs import Against

if TYPE_CHECKING:
    from judge.dispatch.judge_queue import JudgeQueue
    from judge.images.image_store import ImageStore

AWAY_SECONDS = 30.0
"""for which a judge that answers no more is left alone"""
MODELS = {
    Against.FIRST: ("shown first", "shown second"),
    Against.LATER: ("one response", "another"),
    Against.ANCHOR: ("policy", "anchor"),
}


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


@dataclass(frozen=True)
class PreparedService(PreparedRun[PairCounts]):
    """The run of a service, which begins without pairs."""

    subjects_file = "pairs.jsonl"

    options: ServeOptions
    against: Against
    prompt: Asset
    rubric_asset: Asset
    rubric: Rubric

    def name_parts(self) -> list[str]:
        """Return what the pairs are, and the first judge's model."""
        return ["serve", self.against, self.judges[0].model]

    def files(self) -> list[Input]:
        """Return the prompt and the rubric."""
        return [used_asset("prompt", self.prompt), used_asset("rubric", self.rubric_asset)]

    def counts(self) -> PairCounts:
        """Return what would count pairs: there are none yet."""
        return PairCounts(answers=True)

    def subjects(self, store: ImageStore | None = None) -> Iterator[Pair]:  # noqa: ARG002 - there are none yet
        """Yield no pair."""
        return iter(())

    def decided(self) -> dict[str, str]:
        """Name what decides the judgments beside the judges, the files, and the pairs that will be asked about."""
        options = self.options
        return {
            "kind of run": f"service, {self.against}",
            "--orders": self.against.orders.value,
            "--samples": "1",
            "--seed": str(options.seed),
            "--show-reference": str(options.show_reference),
            "--hide-answers": "False",
        }

    def manifest(self, counts: PairCounts, *, sha256: str) -> Manifest:
        """Return a manifest that states nothing of the pairs: they are counted when they are read."""
        made: dict[str, Any] = self.made(counts, sha256=sha256)
        for name in ("pairs_sha256", *counts.fields()):
            made.pop(name)
        if one_verdict_judges(load_prompt(self.prompt), self.judges):
            made["repair"] = repair_note(REPAIR_ANY)
        model_a, model_b = MODELS[self.against]
        return Manifest(
            **made,
            n_items=0,
            model_a=model_a,
            model_b=model_b,
            prompt=self.prompt.text,
            rubric=self.rubric,
            schema_sha256=None,
            orders=self.against.orders,
            samples=1,
            seed=self.options.seed,
            show_reference=self.options.show_reference,
            grows=True,
        )


@contextmanager
def prepared_service(
    options: ServeOptions, against: Against, *, say: Callable[[str], None]
) -> Iterator[PreparedService]:
    """Check what was given (InputError), and yield the run that it describes."""
    prompt = find_asset("prompts", options.prompt_name)
    template = load_prompt(prompt)
    template.check()
    judges, prices = open_judges(options.judges, options, say=say, needs_keys=True)
    rubric = find_rubric(options.rubric, template, judges, say=say)
    yield PreparedService(options, ("judge.serve",), judges, prices, against, prompt, rubric, load_rubric(rubric))


class PairsFile:
    """Appends pairs to `pairs.jsonl`: each is with the operating system before it is asked about."""

    def __init__(self, folder: RunFolder) -> None:
        self.path = folder.pairs_path
        self._seal, _ = mend_tail(self.path)
        self._descriptor = as_its_folder(self.path, os.O_WRONLY | os.O_APPEND)

    def append(self, pair: Pair) -> None:
        """Write a pair as a line; RunError where the disk is full, with the file as it was before."""
        sealed, checksum = seal(encode(pair), self._seal)
        line = sealed + b"\n"
        try:
            if (written := os.write(self._descriptor, line)) < len(line):
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                raise RunError(f"{self.path}: disk full; free space")
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}; free space") from error
        self._seal = checksum

    def close(self) -> None:
        """Flush to the disk and close."""
        flush(self._descriptor)
        os.close(self._descriptor)


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


def content_id(parts: bytes) -> str:
    """Return the id of a pair: 16 hex digits of the hash of all that is shown of it."""
    return hashlib.sha256(parts).hexdigest()[:16]
