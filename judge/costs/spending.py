"""Costs of replies at a run's pinned prices; unknown stays unknown, and is never 0."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated

from msgspec.structs import asdict
from pydantic import Field, PlainSerializer

from judge.schema import Frozen, Judgment, Price, Reply, Usage

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
    """share of the input tokens that was read from a cache; null where none is told, or less than was cached"""
    output_tokens: int
    """reasoning included"""
    reasoning: int
    """output tokens that were reasoning"""
    usd: Usd | None
    """US dollars for the replies, at the run's pinned price; null where the price or the tokens of one are unknown, and
    where there are only lost calls"""
    price: str | None
    """who says so; null where no price is known"""
    without_usage: Annotated[int, Field(exclude_if=lambda n: n == 0)] = 0
    """replies that do not tell their tokens, which are in none of the sums above; absent where there are none"""
    lost: Annotated[int, Field(exclude_if=lambda n: n == 0)] = 0
    """calls that got no reply and may have been billed, beside the US dollars; absent where there are none"""
    served_models: Annotated[dict[str, int] | None, Field(exclude_if=lambda models: models is None)] = None
    """replies by the model that they name; absent unless they name several"""


def cost(price: Price | None, usage: Usage, *, batched: bool) -> Decimal | None:
    """Return the US dollars that a reply cost, never negative; None where no price, or none of batches, is known.

    Cached tokens are part of `usage.input`; where a server reports more of them than input, there is no other input.
    """
    if price is None or not (tariffs := price.batch if batched else price.standard):
        return None
    tariff = next((tariff for tariff in reversed(tariffs[1:]) if usage.input > tariff.above), tariffs[0])
    plain = max(0, usage.input - usage.cache_read - usage.cache_write)
    return MILLIONTH * (
        plain * tariff.input
        + usage.cache_read * tariff.cache_read
        + usage.cache_write * tariff.cache_write
        + usage.output * tariff.output
    )


def cost_of(judgment: Judgment, prices: Mapping[str, Price]) -> Decimal | None:
    """Return what all replies to a request cost; None where one of them has no known price.

    Args:
        judgment: with its replies; without any it cost nothing.
        prices: by judge.
    """
    price = prices.get(judgment.judge)
    return total(reply_cost(price, reply) for reply in judgment.replies)


def reply_cost(price: Price | None, reply: Reply) -> Decimal | None:
    """Return the US dollars that a reply cost; None where no price is known, or it does not tell its tokens."""
    return cost(price, reply.usage, batched=reply.batched) if reply.usage.is_known else None


class Spending:
    """Running totals of what a run's judgments cost.

    Args:
        prices: by judge; the replies of others have no known price.
    """

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = prices
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """by judge: replies, those in batches, lost calls, and tokens by the fields of `Usage`"""
        self._usd: dict[str, Decimal | None] = {}
        self._models: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """by judge: replies by the model that they name"""

    def add(self, judgment: Judgment) -> None:
        """Add every reply of a judgment that was paid for, and count the calls that may have been."""
        judge, counts = judgment.judge, self._counts[judgment.judge]
        counts["lost"] += judgment.n_lost
        for reply in judgment.replies:
            counts.update(
                asdict(reply.usage), replies=1, batched=int(reply.batched), without_usage=int(not reply.usage.is_known)
            )
            self._usd[judge] = total([self._usd.get(judge, Decimal(0)), reply_cost(self._prices.get(judge), reply)])
            if reply.model is not None:
                self._models[judge][reply.model] += 1

    def models(self, judge: str) -> list[str]:
        """Return the models that a judge's replies name."""
        return sorted(self._models[judge])

    @property
    def tokens(self) -> int:
        """Input and output tokens of all replies."""
        return sum(counts["input"] + counts["output"] for counts in self._counts.values())

    @property
    def usd(self) -> Decimal | None:
        """US dollars for all replies; None where the price of one is unknown, or of a judge calls alone were lost."""
        return total(map(self._usd_of, self._counts))

    def _usd_of(self, judge: str) -> Decimal | None:
        counts = self._counts[judge]
        return None if counts["lost"] and not counts["replies"] else self._usd.get(judge, Decimal(0))

    def of(self, judge: str) -> JudgeCost:
        """Return what one judge's replies took; zeros where it has none."""
        counts, price, models = self._counts[judge], self._prices.get(judge), self._models[judge]
        return JudgeCost(
            replies=counts["replies"],
            batched=counts["batched"],
            input_tokens=counts["input"],
            cache_read=counts["cache_read"],
            cache_write=counts["cache_write"],
            cached_share=_share(counts["cache_read"], counts["input"]),
            output_tokens=counts["output"],
            reasoning=counts["reasoning"],
            usd=self._usd_of(judge),
            price=price.source if price else None,
            without_usage=counts["without_usage"],
            lost=counts["lost"],
            served_models=dict(sorted(models.items())) if len(models) > 1 else None,
        )


def _share(part: int, whole: int) -> float | None:
    """Return the share of tokens; None where there is none, or their server counts the part beside the whole."""
    return round(part / whole, RATE_DIGITS) if 0 < whole >= part else None


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum of US dollars; None where one of them is unknown."""
    added = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        added += amount
    return added
