"""Quotes: what the open requests of a run may cost; an unknown price stays unknown."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import orjson
from pydantic import Field

from judge.costs.spending import Usd, cost, total
from judge.prompting.pairwise_plan import Plan, Subject
from judge.prompting.token_estimates import (
    HIGH,
    LOW,
    SCENARIOS,
    Range,
    Scenario,
    image_tokens,
    output_tokens,
    text_tokens,
)
from judge.schema import Frozen, Image, JudgeSpec, Price, Prompt, Request, Usage

SCHEMA_VERSION = 1
LEAST_CACHED = 1024
"""tokens; providers cache no shorter beginning of a prompt"""


class UsdRange(Frozen):
    """US dollars, as low, as likely and as high as they may be."""

    low: Usd
    """at least"""
    expected: Usd
    """most likely"""
    high: Usd
    """at most"""


class JudgeQuote(Frozen):
    """What one judge is still to be asked."""

    calls: int
    """calls still to be made"""
    judged: int
    """calls that have verdicts already, and are not made again"""
    input_tokens: Range
    """of these calls"""
    output_tokens: Range
    """of these calls"""
    usd: UsdRange | None
    """asked directly; null where no price is known"""
    batch_usd: UsdRange | None
    """asked in batches; null where the provider has none, or no known price for them"""
    price: str | None
    """who says what it costs; null where nobody does"""


class Quote(Frozen):
    """What is still to be asked, and what it may cost."""

    schema_version: int = SCHEMA_VERSION
    """another one where a field changes its meaning"""
    batch: bool
    """whether `usd` is for batches, where the judge has them"""
    calls: int
    """calls still to be made"""
    judged: int
    """calls that have verdicts already"""
    usd: UsdRange | None
    """null where the price of a judge that is still to be asked is unknown"""
    judges: dict[str, JudgeQuote]
    """by judge"""
    controls: dict[str, int] = Field(default_factory=dict)
    """among the calls: those of each control"""


def quote(
    plan: Plan[Subject],
    judges: Sequence[JudgeSpec],
    prices: Mapping[str, Price],
    subjects: Iterable[Subject],
    *,
    done: Container[bytes],
    pixels: Callable[[Image], tuple[int, int]],
    batch: bool,
) -> Quote:
    """Quote the requests of a run that have no verdict yet.

    Args:
        plan: what is asked about each subject.
        judges: the panel.
        prices: by judge; one who is not there has no known price.
        subjects: read once, one in memory at a time.
        done: keys of requests that are not to be asked, as bytes.
        pixels: width and height of an image.
        batch: the run is to be asked in batches.
    """
    quoters = [_Quoter(judge, prices.get(judge.name), pixels) for judge in judges]
    for subject in subjects:
        for quoter in quoters:
            quoter.add(plan.requests([subject], quoter.judge), done)
    quotes = {quoter.judge.name: quoter.quote() for quoter in quoters}
    return Quote(
        batch=batch,
        calls=sum(one.calls for one in quotes.values()),
        judged=sum(one.judged for one in quotes.values()),
        usd=_added([one.batch_usd if batch and one.batch_usd else one.usd for one in quotes.values()]),
        judges=quotes,
    )


def added(quotes: Sequence[Quote]) -> Quote:
    """Add up quotes of the same judges: those of a run and of its controls."""
    return Quote(
        batch=quotes[0].batch,
        calls=sum(one.calls for one in quotes),
        judged=sum(one.judged for one in quotes),
        usd=_added([one.usd for one in quotes]),
        judges={judge: _added_judge([one.judges[judge] for one in quotes]) for judge in quotes[0].judges},
    )


def _added_judge(quotes: Sequence[JudgeQuote]) -> JudgeQuote:
    return JudgeQuote(
        calls=sum(one.calls for one in quotes),
        judged=sum(one.judged for one in quotes),
        input_tokens=_added_tokens([one.input_tokens for one in quotes]),
        output_tokens=_added_tokens([one.output_tokens for one in quotes]),
        usd=_added([one.usd for one in quotes]),
        batch_usd=_added([one.batch_usd for one in quotes]),
        price=quotes[0].price,
    )


def _added_tokens(ranges: Sequence[Range]) -> Range:
    return Range(**{name: sum(getattr(one, name) for one in ranges) for name in Range.model_fields})


def _added(ranges: Sequence[UsdRange | None]) -> UsdRange | None:
    known = [one for one in ranges if one is not None]
    if len(known) < len(ranges):
        return None
    return _usd({name: sum((getattr(one, name) for one in known), Decimal(0)) for name in UsdRange.model_fields})


def _usd(amounts: Mapping[str, Decimal | None]) -> UsdRange | None:
    """Return amounts as an ordered range: filling a cache may cost more than it saves."""
    low, expected, high = (amounts[scenario.name] for scenario in SCENARIOS)
    if low is None or expected is None or high is None:
        return None
    return UsdRange(low=min(low, expected), expected=expected, high=max(expected, high))


@dataclass
class _Sum:
    """Tokens and dollars of one scenario."""

    input: int = 0
    output: int = 0
    usd: Decimal | None = Decimal(0)
    batch_usd: Decimal | None = Decimal(0)


class _Sent(NamedTuple):
    """Input of one call, and its place among the calls with the same prefix."""

    prompt: Prompt
    schema_bytes: int
    image_tokens: int
    first: bool
    alone: bool


@dataclass
class _Quoter:
    """Totals of one judge's open requests."""

    judge: JudgeSpec
    price: Price | None
    pixels: Callable[[Image], tuple[int, int]]
    calls: int = 0
    judged: int = 0
    sums: dict[str, _Sum] = field(default_factory=lambda: {scenario.name: _Sum() for scenario in SCENARIOS})

    def add(self, requests: Iterable[Request], done: Container[bytes]) -> None:
        """Add the open ones of the requests about a subject, of which some share the beginning of their prompts."""
        told = list(requests)
        opened = [request for request in told if bytes.fromhex(request.key) not in done]
        self.calls += len(opened)
        self.judged += len(told) - len(opened)
        for _, sharing in groupby(opened, key=attrgetter("group")):
            self._add_sharing(list(sharing))

    def _add_sharing(self, opened: Sequence[Request]) -> None:
        schema_bytes = len(orjson.dumps(opened[0].schema_))
        images = [image_tokens(self.judge.provider, *self.pixels(image)) for image in opened[0].prompt.images]
        for scenario in SCENARIOS:
            seen = sum(getattr(one, scenario.name) for one in images)
            for place, request in enumerate(opened):
                sent = _Sent(request.prompt, schema_bytes, seen, first=place == 0, alone=len(opened) == 1)
                self._add(self._usage(sent, request.n_parts or len(request.asks), scenario), scenario)

    def _usage(self, sent: _Sent, n_asked: int, scenario: Scenario) -> Usage:
        """Estimate one call: in LOW a cache serves the later calls of a pair, in HIGH it is only filled."""
        prompt = sent.prompt
        beginning = len(prompt.system.encode()) + sent.schema_bytes + len(prompt.shared.encode())
        shared = text_tokens(beginning, scenario) + sent.image_tokens
        given = shared + text_tokens(len(prompt.traces.encode()), scenario)
        read = written = 0
        if scenario is HIGH and self._filling_is_dear:
            written = given
        elif scenario is LOW and not sent.alone and shared >= LEAST_CACHED:
            read, written = (0, shared) if sent.first else (shared, 0)
        made = output_tokens(n_asked, self.judge.settings, scenario)
        return Usage(input=given, cache_read=read, cache_write=written, output=made)

    @cached_property
    def _filling_is_dear(self) -> bool:
        tariff = self.price.standard[0] if self.price else None
        return tariff is not None and tariff.cache_write > tariff.input

    def _add(self, usage: Usage, scenario: Scenario) -> None:
        added = self.sums[scenario.name]
        added.input += usage.input
        added.output += usage.output
        added.usd = total([added.usd, cost(self.price, usage, batched=False)])
        added.batch_usd = total([added.batch_usd, cost(self.price, usage, batched=True)])

    def quote(self) -> JudgeQuote:
        """Return what was added up."""
        has_batches = self.price is not None and self.price.batch
        return JudgeQuote(
            calls=self.calls,
            judged=self.judged,
            input_tokens=Range(**{name: added.input for name, added in self.sums.items()}),
            output_tokens=Range(**{name: added.output for name, added in self.sums.items()}),
            usd=_usd({name: added.usd for name, added in self.sums.items()}),
            batch_usd=_usd({name: added.batch_usd for name, added in self.sums.items()}) if has_batches else None,
            price=self.price.source if self.price else None,
        )
