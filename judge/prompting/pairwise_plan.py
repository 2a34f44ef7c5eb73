"""Plan the requests of a run: what its judges are asked about each subject, under which key."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import orjson

from judge.enums import Orders
from judge.prompting.pairwise_prompt import (
    PromptTemplate,
    ShownParts,
    is_identical,
    parse_template,
    render,
    reply_schema,
)
from judge.prompting.pairwise_reply import interpret
from judge.schema import (
    LETTER_REPLIES,
    OBJECTS,
    Case,
    Group,
    Item,
    JudgeSpec,
    Order,
    Pair,
    Prompt,
    Reply,
    Request,
    Result,
    Rubric,
    VerdictForm,
)

Subject = TypeVar("Subject", bound=Pair | Case | Item)
"""what the requests of a run are about: pairs, cases, or items"""


class ExpectedReply(Protocol):
    """What of a request the reading of its reply needs."""

    @property
    def asks(self) -> tuple[str, ...]:
        """What the reply must speak of, in order: criteria, units of a checklist, or groups of units to write."""
        ...

    @property
    def group(self) -> Group | None:
        """The checklist's group that was asked about; None: a pair was compared."""
        ...


class Ask(NamedTuple):
    """One call about a subject: all of its request but the judge, the sample and the key."""

    item: str
    prompt: Prompt
    schema: dict[str, Any]
    """of the reply, as its judge is given it; empty where the reply is no object"""
    asks: tuple[str, ...]
    order: Order = Order.FORWARD
    group: Group | None = None
    n_parts: int | None = None
    """as in `Request`"""


class Plan(ABC, Generic[Subject]):
    """What a run asks about each of its subjects, whatever the judge."""

    samples: int

    @abstractmethod
    def asks(self, subject: Subject, judge: JudgeSpec) -> Iterable[Sequence[Ask]]:
        """Return the calls about a subject, those whose prompts begin alike together: a cache serves the later ones."""

    @abstractmethod
    def key_parts(self, ask: Ask, judge: Sequence[object], sample: int) -> Iterable[object]:
        """Return everything that decides the answer, in JSON values whose order is fixed for ever: journals resume.

        Args:
            ask: the call.
            judge: the judge's provider, model, weights and settings.
            sample: from 0.
        """

    @abstractmethod
    def interpret(self, reply: Reply, expected: ExpectedReply) -> Result:
        """Return what a reply says: verdicts on all that was asked, or why there are none."""

    def reader(self, judge: JudgeSpec) -> Callable[[Reply, ExpectedReply], Result]:  # noqa: ARG002 - a comparison's differ
        """Return what reads the replies of a judge."""
        return self.interpret

    def requests(self, subjects: Iterable[Subject], judge: JudgeSpec) -> Iterator[Request]:
        """Yield every request to a judge about each subject, those about one subject together."""
        for subject in subjects:
            for alike in self.asks(subject, judge):
                shares_prefix = self.samples * len(alike) > 1
                for sample in range(self.samples):
                    for ask in alike:
                        yield self.request(ask, judge, sample=sample, shares_prefix=shares_prefix)

    def request(self, ask: Ask, judge: JudgeSpec, *, sample: int = 0, shares_prefix: bool = False) -> Request:
        """Give a call to a judge its key: 32 hex digits of the hash of everything that decides the answer."""
        parts = b"".join(map(orjson.dumps, self.key_parts(ask, _identity(judge), sample)))
        return Request(
            key=hashlib.sha256(parts).hexdigest()[:32],
            item=ask.item,
            order=ask.order,
            judge=judge.name,
            sample=sample,
            prompt=ask.prompt,
            schema_=ask.schema,
            asks=ask.asks,
            n_parts=ask.n_parts,
            group=ask.group,
            shares_prefix=shares_prefix,
        )


@lru_cache(maxsize=64)
def own_template(source: str) -> PromptTemplate:
    """Return the prompt of a judge that has one of its own."""
    return parse_template(source, where="a judge's own prompt")


def template_of(judge: JudgeSpec, template: PromptTemplate) -> PromptTemplate:
    """Return the prompt by which a judge is asked: its own, else the run's."""
    return template if judge.settings.prompt is None else own_template(judge.settings.prompt)


def prompt_labels(source: str, judges: Sequence[JudgeSpec]) -> str:
    """Name the prompt of a run; where some of its judges have prompts of their own, each with its judges.

    Args:
        source: the text of the run's prompt file.
        judges: of the run.
    """
    template = parse_template(source, where="the run's prompt")
    used: dict[str, list[str]] = {}
    for judge in judges:
        used.setdefault(template_of(judge, template).label, []).append(judge.name)
    if len(used) > 1:
        return ", ".join(f"{label} ({', '.join(names)})" for label, names in used.items())
    return next(iter(used), template.label)


def verdict_form(judge: JudgeSpec, template: PromptTemplate) -> VerdictForm:
    """Return in what form a judge gives its verdicts, in a run with this prompt."""
    if judge.settings.reply in LETTER_REPLIES:
        return VerdictForm.LETTER
    return template_of(judge, template).reply


@lru_cache
def _identity(judge: JudgeSpec) -> tuple[object, ...]:
    """Return what of a judge decides its answers."""
    decided = (judge.provider, judge.model, judge.weights_sha256, judge.settings.model_dump())
    return decided if judge.projector_sha256 is None else (*decided, judge.projector_sha256)


@dataclass(frozen=True)
class PairPlan(Plan[Pair]):
    """What is asked about every pair of a comparison: one request a sample and order; identical traces need none."""

    template: PromptTemplate
    rubric: Rubric
    shown: ShownParts = ShownParts()
    orders: Orders = Orders.BOTH
    samples: int = 1
    seed: int = 0
    swapped_items: frozenset[str] = frozenset()
    """with `Orders.ONE`: the items that are judged with b shown first"""
    asks_identical: bool = False
    """ask about identical traces too; then a key tells the order, as both orders show the same bytes"""

    def asks(self, pair: Pair, judge: JudgeSpec) -> Iterator[list[Ask]]:
        """Yield the calls about a pair, its orders together."""
        if self.asks_identical or not is_identical(pair, answers=self.shown.answers, show=self.shown.show):
            yield self.asks_in(self.orders_of(pair.item.id), pair, judge)

    def asks_in(self, orders: Iterable[Order], pair: Pair, judge: JudgeSpec) -> list[Ask]:
        """Return the calls about a pair in these orders."""
        shown = replace(self.shown, images=self.shown.images and judge.sees_images)
        template = template_of(judge, self.template)
        prompts = render(template, self.rubric, pair, orders, shown=shown, seed=self.seed)
        schema = {}
        if (form := verdict_form(judge, self.template)) in OBJECTS:
            chars, answers = judge.settings.evidence_chars, form is VerdictForm.ANSWERS
            schema = reply_schema(self.rubric, evidence_chars=chars, answers=answers)
        criteria = tuple(criterion.name for criterion in self.rubric.criteria)
        return [Ask(pair.item.id, prompt, schema, criteria, order) for order, prompt in prompts.items()]

    def key_parts(self, ask: Ask, judge: Sequence[object], sample: int) -> Iterator[object]:
        """Yield what decides the answer: the order too where the prompt cannot tell it."""
        prompt = ask.prompt
        images = [image.sha256 for image in prompt.images]
        yield [*judge, ask.schema]
        yield [prompt.system, prompt.shared, prompt.traces, images, sample]
        if self.asks_identical:
            yield orjson.Fragment(ask.order.encode())  # without quotation marks, as it ever was

    def interpret(self, reply: Reply, expected: ExpectedReply) -> Result:
        """Return the verdicts of a reply in the form of the run's prompt, or why there are none."""
        return interpret(reply, expected.asks, self.template.reply)

    def reader(self, judge: JudgeSpec) -> Callable[[Reply, ExpectedReply], Result]:
        """Return what reads the replies of a judge, in the form that its prompt asks for."""
        form = verdict_form(judge, self.template)
        return lambda reply, expected: interpret(reply, expected.asks, form)

    def orders_of(self, item: str) -> tuple[Order, ...]:
        """Return the orders in which an item is judged."""
        if self.orders is Orders.BOTH:
            return (Order.FORWARD, Order.SWAPPED)
        return (Order.SWAPPED if item in self.swapped_items else Order.FORWARD,)


def choose_swapped(items: Iterable[str], *, seed: int) -> frozenset[str]:
    """Choose the half of the items that `Orders.ONE` shows swapped: exactly half, by the seed, whatever their order."""
    ranked = sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{item}".encode()).digest())
    return frozenset(ranked[1::2])
