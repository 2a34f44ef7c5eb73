"""What replies cost at a run's pinned prices; unknown stays unknown, and is never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import PlainSerializer

from judge.schema import Frozen, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from judge.schema import Judgment, Price, Tariff

MILLIONTH = Decimal("0.000001")
RATE_DIGITS = 6

Usd = Annotated[Decimal, PlainSerializer(lambda amount: float(round(amount, RATE_DIGITS)), when_used="json")]
"""US dollars: exact here, a number with six digits in JSON"""


class JudgeCost(Frozen):
    """What one judge's replies took, those that did not count included."""

    replies: int
    batched: int
    """among them: answered in a batch"""
    input_tokens: int
    """cached ones included"""
    cache_read: int
    cache_write: int
    cached_share: float | None
    """share of the input tokens that was read from a cache; null without input"""
    output_tokens: int
    """reasoning included"""
    reasoning: int
    usd: Usd | None
    """null where the price of a reply is unknown"""
    price: str | None
    """who says so; null where no price is known"""


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
        amount = None if price is None else cost(price, reply.usage, batched=reply.batched)
        if amount is None:
            return None
        total += amount
    return total


class Spending:
    """Adds up what the judgments of a run cost.

    Args:
        prices: by judge; the replies of others have no known price.
    """

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = prices
        self._usage: dict[str, Usage] = {}
        self._replies: dict[str, int] = {}
        self._batched: dict[str, int] = {}
        self._usd: dict[str, Decimal | None] = {}

    def add(self, judgment: Judgment) -> None:
        """Add every reply of a judgment that was paid for."""
        for reply in judgment.replies:
            self.add_reply(judgment.judge, reply.usage, batched=reply.batched)

    def add_reply(self, judge: str, usage: Usage, *, batched: bool) -> None:
        """Add one reply."""
        self._usage[judge] = self._usage.get(judge, Usage()) + usage
        self._replies[judge] = self._replies.get(judge, 0) + 1
        self._batched[judge] = self._batched.get(judge, 0) + batched
        price, known = self._prices.get(judge), self._usd.get(judge, Decimal(0))
        amount = None if price is None else cost(price, usage, batched=batched)
        self._usd[judge] = None if known is None or amount is None else known + amount

    def watch(self, judgments: Iterable[Judgment]) -> Iterator[Judgment]:
        """Yield judgments as they come, and add each."""
        for judgment in judgments:
            self.add(judgment)
            yield judgment

    @property
    def tokens(self) -> int:
        """Input and output tokens of all replies."""
        return sum(usage.input + usage.output for usage in self._usage.values())

    @property
    def usd(self) -> Decimal | None:
        """US dollars for all replies; None where the price of one is unknown."""
        return total(self._usd.values())

    def of(self, judge: str) -> JudgeCost:
        """Return what one judge's replies took; zeros where it has none."""
        usage, price = self._usage.get(judge, Usage()), self._prices.get(judge)
        return JudgeCost(
            replies=self._replies.get(judge, 0),
            batched=self._batched.get(judge, 0),
            input_tokens=usage.input,
            cache_read=usage.cache_read,
            cache_write=usage.cache_write,
            cached_share=round(usage.cache_read / usage.input, RATE_DIGITS) if usage.input else None,
            output_tokens=usage.output,
            reasoning=usage.reasoning,
            usd=self._usd.get(judge, Decimal(0)),
            price=price.source if price else None,
        )


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Add up dollars; None where one of them is unknown."""
    added = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        added += amount
    return added
