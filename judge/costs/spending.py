"""What replies cost at a run's pinned prices; unknown stays unknown, and is never 0."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PlainSerializer

from judge.schema import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from judge.schema import Judgment, Price, Tariff, Usage

MILLIONTH = Decimal("0.000001")
RATE_DIGITS = 6

Usd = Annotated[Decimal, PlainSerializer(lambda amount: float(round(amount, RATE_DIGITS)), when_used="json")]
"""US dollars: exact here, a number with six digits in JSON"""


class JudgeCost(Frozen):
    """What one judge's replies took, those that did not count included."""

    replies: int
    """how many were paid for"""
    batched: int
    """among them: answered in a batch"""
    input_tokens: int
    """cached ones included"""
    cache_read: int
    """input tokens read from the provider's cache"""
    cache_write: int
    """input tokens written to it"""
    cached_share: float | None
    """share of the input tokens that was read from a cache; null without input"""
    output_tokens: int
    """reasoning included"""
    reasoning: int
    """output tokens that were reasoning"""
    usd: Usd | None
    """US dollars at the run's pinned price; null where the price or the tokens of a reply are unknown"""
    price: str | None
    """who says so; null where no price is known"""
    served_models: Annotated[dict[str, int] | None, Field(exclude_if=lambda models: models is None)] = None
    """replies by the model that they name; absent unless they name several"""


def cost(price: Price, usage: Usage, *, batched: bool) -> Decimal | None:
    """Return the US dollars that a reply cost, never negative; None where batches have no known price.

    Cached tokens are part of `usage.input`; where a server reports more of them than input, there is no other input.
    """
    tariffs = price.batch if batched else price.standard
    if not tariffs:
        return None
    tariff = _tariff(tariffs, usage.input)
    plain = max(0, usage.input - usage.cache_read - usage.cache_write)
    return MILLIONTH * (
        plain * tariff.input
        + usage.cache_read * tariff.cache_read
        + usage.cache_write * tariff.cache_write
        + usage.output * tariff.output
    )


def _tariff(tariffs: tuple[Tariff, ...], tokens: int) -> Tariff:
    held = tariffs[0]
    for tariff in tariffs[1:]:
        if tokens > tariff.above:
            held = tariff
    return held


def cost_of(judgment: Judgment, prices: Mapping[str, Price]) -> Decimal | None:
    """Return what all replies to a request cost; None where one of them has no known price.

    Args:
        judgment: with its replies; without any it cost nothing.
        prices: by judge.
    """
    total = Decimal(0)
    for reply in judgment.replies:
        price = prices.get(judgment.judge)
        amount = cost(price, reply.usage, batched=reply.batched) if price and reply.usage.is_known else None
        if amount is None:
            return None
        total += amount
    return total


@dataclass
class _Taken:
    """What one judge's replies took so far."""

    replies: int = 0
    batched: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    usd: Decimal | None = Decimal(0)
    models: Counter[str] = field(default_factory=Counter)


class Spending:
    """Adds up what the judgments of a run cost.

    Args:
        prices: by judge; the replies of others have no known price.
    """

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = prices
        self._taken: dict[str, _Taken] = {}

    def add(self, judgment: Judgment) -> None:
        """Add every reply of a judgment that was paid for."""
        for reply in judgment.replies:
            self.add_reply(judgment.judge, reply.usage, batched=reply.batched)
            if reply.model is not None:
                self._taken[judgment.judge].models[reply.model] += 1

    def add_reply(self, judge: str, usage: Usage, *, batched: bool) -> None:
        """Add one reply."""
        if (taken := self._taken.get(judge)) is None:
            taken = self._taken[judge] = _Taken()
        taken.replies += 1
        taken.batched += batched
        taken.input += usage.input
        taken.cache_read += usage.cache_read
        taken.cache_write += usage.cache_write
        taken.output += usage.output
        taken.reasoning += usage.reasoning
        if taken.usd is not None:
            price = self._prices.get(judge)
            amount = cost(price, usage, batched=batched) if price and usage.is_known else None
            taken.usd = None if amount is None else taken.usd + amount

    @property
    def tokens(self) -> int:
        """Input and output tokens of all replies."""
        return sum(taken.input + taken.output for taken in self._taken.values())

    @property
    def usd(self) -> Decimal | None:
        """US dollars for all replies; None where the price of one is unknown."""
        return total(taken.usd for taken in self._taken.values())

    def of(self, judge: str) -> JudgeCost:
        """Return what one judge's replies took; zeros where it has none."""
        taken, price = self._taken.get(judge, _Taken()), self._prices.get(judge)
        return JudgeCost(
            replies=taken.replies,
            batched=taken.batched,
            input_tokens=taken.input,
            cache_read=taken.cache_read,
            cache_write=taken.cache_write,
            cached_share=round(taken.cache_read / taken.input, RATE_DIGITS) if taken.input else None,
            output_tokens=taken.output,
            reasoning=taken.reasoning,
            usd=taken.usd,
            price=price.source if price else None,
            served_models=dict(sorted(taken.models.items())) if len(taken.models) > 1 else None,
        )


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Add up dollars; None where one of them is unknown."""
    added = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        added += amount
    return added
