"""Judge groups of responses: what the service answers, and the library's `AsyncJudge` in process."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any, Self

import msgspec
import orjson

from judge.comparison.certificates import read_certificate, require_certified
from judge.dispatch.budget import Budget
from judge.errors import InputError, OmrJudgeError
from judge.inputs.traces import read_traces
from judge.judging.command_options import ServeOptions
from judge.judging.option_groups import made
from judge.schema import Order, Verdict
from judge.service.book import Book, QuestionResult
from judge.service.designs import HALF, Against, Credit, GroupDesign, Reward, orders_of, rewards
from judge.service.group_requests import (
    MOST_RESPONSES,
    AskedPair,
    PreferenceRequest,
    Preferences,
    item_of,
    read_prompt,
)
from judge.service.questions import Question, asked_pair, pooled, questions_about
from judge.service.sent_images import SentImages

NOT_OPEN = "the judge is not open: ask it within `with judge.Judge(...) as own:`, or `async with judge.AsyncJudge(...)`"


class BusyError(OmrJudgeError):
    """Nothing can be asked now.

    Args:
        why: in words.
        retry_after: seconds after which it may be otherwise.
    """

    def __init__(self, why: str, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(why)


class AsyncPreferenceJudge:
    """Judges groups of responses, each question once: an asynchronous context, `judge.AsyncJudge`.

    What is asked and answered lies in run folders, one for each kind of pairs, which go on where they stood.

    Args:
        judge: who is asked, as for `--judge`; or several; or all options, grouped.
        say: is told notes, a line each.
        more: options of `omr-judge serve`, by their names there.
    """

    def __init__(
        self,
        judge: str | Sequence[str] | ServeOptions = "local",
        *,
        say: Callable[[str], None] = lambda _: None,
        **more: object,
    ) -> None:
        options = judge if isinstance(judge, ServeOptions) else made(ServeOptions, {"judge": judge, **more})
        self.options = options
        self.design = GroupDesign.parse(options.design)
        judging = options.judging
        self.budget = Budget(max_calls=judging.max_calls, max_cost=judging.max_cost)
        self.counts: Counter[str] = Counter()
        """questions by what came of them: `judged`, `known`, or why there is no verdict"""
        self._say, self._books, self._stack = say, dict[Against, Book](), AsyncExitStack()
        self._opening, self._is_open = asyncio.Lock(), False
        self._images = SentImages()
        self._anchors: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        """Open the run of the design; errors as of `compare`."""
        if self.options.anchors is not None:
            self._anchors = await asyncio.to_thread(read_anchors, self.options.anchors, say=self._say)
        await self.book(self.design.against)
        self._is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for what is in flight, and close."""
        self._is_open = False
        await self._stack.aclose()

    def stop(self) -> None:
        """Ask nothing more, so that whoever waits is answered with what is known and in flight."""
        for book in self._books.values():
            book.stop()

    async def book(self, against: Against) -> Book:
        """Return the run of a kind of pairs, opened when it is first needed."""
        async with self._opening:
            if against not in self._books:
                options = self.options
                if options.name is not None and against is not self.design.against:
                    options = replace(options, name=f"{options.name}-{against}")
                book = await asyncio.to_thread(Book, options, against, self.budget, say=self._say)
                if options.require_certificate:
                    given = None if options.certificate is None else read_certificate(options.certificate)
                    await asyncio.to_thread(require_certified, book.folder, book.manifest, given)
                self._books[against] = await self._stack.enter_async_context(book)
                await asyncio.to_thread(self._images.read, book)
            return self._books[against]

    @property
    def books(self) -> list[Book]:
        """The runs that are open."""
        return list(self._books.values())

    @property
    def n_pending(self) -> int:
        """Questions that wait or are in flight."""
        return sum(book.n_pending for book in self._books.values())

    async def prefer(self, prompt: str | list[dict[str, Any]], responses: Sequence[str], **more: object) -> Preferences:
        """Judge a group of responses (arguments as the fields of a request, docs/library.md).

        Raises:
            InputError: something given cannot be used.
            BusyError: nothing of it can be asked now.
            RuntimeError: the context was not entered, or was left.
        """
        if not self._is_open:
            raise RuntimeError(NOT_OPEN)
        given: Any = responses
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InputError("responses", f"{type(given).__name__} is no list of texts")
        texts = [str(one) if isinstance(one, str) else one for one in given]  # numpy's texts too
        asked = {"prompt": prompt, "responses": texts, **more}
        try:
            return await self.answer(msgspec.convert(asked, PreferenceRequest))
        except msgspec.ValidationError as error:
            raise InputError("request", str(error)) from error

    async def answer(self, request: PreferenceRequest) -> Preferences:
        """Judge a group of responses; what comes after the deadline is kept, and found when the same is asked again.

        Raises:
            InputError: something given cannot be used.
            BusyError: nothing of it can be asked now.
        """
        design = GroupDesign.parse(request.design, "design") if request.design else self.design
        question, shown = read_prompt(request.prompt)
        texts, n = self._texts(request, design, question)
        book = await self.book(design.against)
        n_questions = len(design.comparisons(len(texts))) * len(orders_of(design.against)) * len(book.judges)
        if n_questions > (most := self.options.max_pending):
            hint = "send fewer responses, choose another design, or serve with more"
            raise InputError("responses", f"{n_questions} pairs are more than may wait (--max-pending {most})", hint)
        chosen = self._criteria(book, request.criteria)
        images = [await self._images.take(book, url, f"images[{k}]") for k, url in enumerate([*request.images, *shown])]
        item = item_of(request, question, images)
        questions = list(questions_about(design, texts, item, book.judges))
        said = await self._said(book, questions, request.deadline_s)
        same = [one for one in design.comparisons(len(texts)) if texts[one.i] == texts[one.j]]
        judged = [(one, answer.verdicts) for one, answer in zip(questions, said, strict=True) if answer.verdicts]

        def folded(criteria: Sequence[int]) -> list[Reward]:
            credits_ = [*(Credit(one, HALF) for one in same), *pooled(judged, criteria)]
            return rewards(len(texts), credits_)[:n]

        means = folded([book.criteria.index(name) for name in chosen])
        overall = [last for _, verdicts in judged if (last := verdicts[-1]) is not None]
        decisive = sum(one.p_first + one.p_second for one in overall)
        costs = [answer.usd for answer in said]
        tied = [AskedPair(*one, Order.FORWARD, "", Verdict.TIE, HALF) for one in same]
        return Preferences(
            id=request.id,
            design=design.name,
            rewards=[reward.mean for reward in means],
            se=[reward.se for reward in means],
            by_criterion={
                name: [reward.mean for reward in folded([k])]
                for k, name in enumerate(book.criteria)
                if name in chosen or not request.criteria
            },
            pairs=[*map(asked_pair, questions, said), *tied],
            failed=len(said) - len(judged),
            position_bias=sum(one.p_first for one in overall) / decisive if decisive else None,
            judge_key=_judge_key(book),
            usd=None if None in costs else float(sum((cost for cost in costs if cost is not None), Decimal(0))),
        )

    def _texts(self, request: PreferenceRequest, design: GroupDesign, question: str) -> tuple[list[str], int]:
        """Return what is compared, with a stored anchor last, and of how many there are rewards."""
        texts, anchor = list(request.responses), None
        if design.against is Against.ANCHOR:
            anchor = request.anchor or self._anchors.get(request.id) or self._anchors.get(question)
        if not texts or len(texts) > MOST_RESPONSES:
            raise InputError("responses", f"there are {len(texts)}", f"give 1 to {MOST_RESPONSES}")
        if anchor is None and len(texts) == 1:
            hint = "give `anchor`, or serve with --anchors, a file of traces by id, or by the prompt as it is sent"
            raise InputError("responses", "one response alone cannot be compared, and no anchor is known", hint)
        return (texts if anchor is None else [*texts, anchor]), len(texts)

    def _criteria(self, book: Book, named: Sequence[str]) -> list[str]:
        for name in named:
            if name not in book.criteria:
                raise InputError("criteria", f"{name!r} is none of the rubric", f"it has {', '.join(book.criteria)}")
        return list(named) or book.criteria[-1:]

    async def _said(self, book: Book, questions: Sequence[Question], deadline: float | None) -> list[QuestionResult]:
        """Return what is known, or asked now, of each question; in one wait for all of them."""
        known = [book.said(one.pair, one.judge, one.asked) for one in questions]
        n_new = known.count(None)
        if n_new:
            self._refuse_busy(book, n_new)
        asked = [
            book.ask(one.pair, one.judge, one.asked) if answer is None else None
            for one, answer in zip(questions, known, strict=True)
        ]
        if waiting := [task for task in asked if task is not None]:
            await asyncio.wait(waiting, timeout=deadline)
        said = []
        for answer, task in zip(known, asked, strict=True):
            now = answer or (task.result() if task is not None and task.done() else QuestionResult(None, "late"))
            self.counts["known" if answer else now.why_not or "judged"] += 1
            said.append(now)
        return said

    def _refuse_busy(self, book: Book, n_new: int) -> None:
        """Raise BusyError where new questions would find no place, no judge, or no money."""
        if self.budget.reached:
            raise BusyError(f"budget reached: {self.budget.reached}", 3600.0)
        if seconds := book.away_seconds:
            raise BusyError("the judge answers no more", seconds)
        if self.n_pending + n_new > self.options.max_pending:
            raise BusyError(f"{self.n_pending} pairs wait already", 5.0)


def _judge_key(book: Book) -> str:
    decides = {name: value for name, value in book.manifest.identity.items() if name not in {"--orders", "kind of run"}}
    return hashlib.sha256(orjson.dumps(decides, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def read_anchors(path: str, *, say: Callable[[str], None]) -> dict[str, str]:
    """Read the stored traces of items, by their ids, and by the questions that are of one item alone.

    Args:
        path: of the file; InputError where it cannot be read.
        say: is told where questions are of several items.
    """
    by_id, by_question = dict[str, str](), dict[str, set[str]]()
    with read_traces(path) as file:
        for id_ in file.ids:
            record = file.record(id_)
            if record.trace is not None:
                by_id[id_] = record.trace.text
                by_question.setdefault(record.item.question, set()).add(record.trace.text)
    alone = {question: texts.pop() for question, texts in by_question.items() if question and len(texts) == 1}
    if n := sum(len(texts) > 1 for texts in by_question.values()):
        say(f"Note: {path}: several items ask the same question ({n} questions): a request has to name their id")
    return alone | by_id
