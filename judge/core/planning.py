"""Plan the requests of a run: which order, judge and sample of which pair, under which key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from judge.core.parsing import interpret
from judge.core.prompting import PromptTemplate, Renderer, Shown, is_identical, reply_schema
from judge.enums import Orders
from judge.schema import JudgeSpec, Order, Pair, Prompt, Reply, Request, Result, Rubric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from judge.core.work import Asked


@dataclass(frozen=True)
class Plan:
    """What is asked about every pair of a run, whatever the judge."""

    template: PromptTemplate
    rubric: Rubric
    shown: Shown = Shown()
    orders: Orders = Orders.BOTH
    samples: int = 1
    seed: int = 0
    swapped_items: frozenset[str] = frozenset()
    """with `Orders.ONE`: the items that are judged with b shown first"""
    asks_identical: bool = False
    """ask about identical traces too; then a key tells the order, as both orders show the same bytes"""

    def planner(self, judge: JudgeSpec) -> Planner:
        """Return what makes the requests for a judge."""
        return Planner(self, judge)

    def interpret(self, reply: Reply, asked: Asked) -> Result:
        """Return the verdicts of a reply, or why there are none."""
        return interpret(reply, asked.asks)

    def orders_of(self, item: str) -> tuple[Order, ...]:
        """Return the orders in which an item is judged."""
        if self.orders is Orders.BOTH:
            return (Order.FORWARD, Order.SWAPPED)
        return (Order.SWAPPED if item in self.swapped_items else Order.FORWARD,)


def choose_swapped(items: Iterable[str], *, seed: int) -> frozenset[str]:
    """Choose the half of the items that `Orders.ONE` shows swapped: exactly half, by the seed, whatever their order."""
    ranked = sorted(items, key=lambda item: hashlib.sha256(f"{seed}:{item}".encode()).digest())
    return frozenset(ranked[1::2])


@dataclass(frozen=True)
class Planner:
    """Makes the requests about pairs for one judge."""

    plan: Plan
    judge: JudgeSpec

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The reply's JSON schema, as this judge is given it."""
        return reply_schema(self.plan.rubric, evidence_chars=self.judge.settings.evidence_chars)

    @cached_property
    def _hashed_identity(self) -> hashlib._Hash:
        """A hash that has taken in the judge; each key goes on from a copy of it."""
        judge = self.judge
        model = [judge.provider, judge.model, judge.weights_sha256]
        return hashlib.sha256(orjson.dumps([*model, judge.settings.model_dump(), self.schema]))

    @cached_property
    def _criteria(self) -> tuple[str, ...]:
        return tuple(criterion.name for criterion in self.plan.rubric.criteria)

    @cached_property
    def _name(self) -> str:
        return self.judge.name

    @cached_property
    def _renderer(self) -> Renderer:
        """What renders the prompts as this judge is shown them."""
        plan = self.plan
        shown = Shown(plan.shown.reference, plan.shown.answers, plan.shown.images and self.judge.sees_images)
        return Renderer(plan.template, plan.rubric, shown, plan.seed)

    def requests(self, pairs: Iterable[Pair]) -> Iterator[Request]:
        """Yield one request per pair, sample and order; identical traces need none.

        The two orders of a pair follow each other, so that a prompt cache serves the second.
        """
        for pair in pairs:
            if not self.plan.asks_identical and is_identical(pair, answers=self.plan.shown.answers):
                continue
            prompts = self._renderer.prompts(pair, self.plan.orders_of(pair.item.id))
            shares_prefix = self.plan.samples * len(prompts) > 1
            for sample in range(self.plan.samples):
                for order, prompt in prompts.items():
                    yield self.request(pair.item.id, order, prompt, sample=sample, shares_prefix=shares_prefix)

    def prompt(self, pair: Pair, order: Order) -> Prompt:
        """Render the prompt of a pair in one order, as this judge is shown it."""
        return self._renderer.prompts(pair, [order])[order]

    def request(self, item: str, order: Order, prompt: Prompt, *, sample: int, shares_prefix: bool) -> Request:
        """Give a rendered prompt its stable key."""
        return Request(
            key=self.key(prompt, sample=sample, order=order),
            item=item,
            order=order,
            judge=self._name,
            sample=sample,
            prompt=prompt,
            schema_=self.schema,
            asks=self._criteria,
            shares_prefix=shares_prefix,
        )

    def key(self, prompt: Prompt, *, sample: int, order: Order) -> str:
        """Return 32 hex digits of the hash of everything that decides the answer."""
        digest = self._hashed_identity.copy()
        images = [image.sha256 for image in prompt.images]
        digest.update(orjson.dumps([prompt.system, prompt.shared, prompt.traces, images, sample]))
        if self.plan.asks_identical:
            digest.update(order.encode())
        return digest.hexdigest()[:32]
