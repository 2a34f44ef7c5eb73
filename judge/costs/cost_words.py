"""Costs of replies in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from judge.costs.spending import JudgeCost

CENT = Decimal("0.01")


class Costed(Protocol):
    """A report with the costs of its replies."""

    @property
    def costs(self) -> dict[str, JudgeCost]:
        """By judge."""
        ...

    @property
    def usd(self) -> Decimal | None:
        """Of all judges; None where a price is unknown."""
        ...


def dollars(amount: Decimal) -> str:
    """Write US dollars: to the cent, and less than a cent with two digits, so that it never looks free."""
    if 0 < amount < CENT:
        return f"${amount:.2g}" if amount >= Decimal("0.0001") else "under $0.0001"
    return f"${amount:,.2f}"


def costs(report: Costed) -> list[str]:
    """Return the cost of each judge's replies, and of all, a line each."""
    lines = [cost_line(judge, cost) for judge, cost in report.costs.items()]
    if len(lines) > 1:
        n_lost = sum(cost.lost for cost in report.costs.values())
        lines.append(f"Cost together: {_amount(report.usd)}{_beside(n_lost)}.")
    return lines


def _amount(usd: Decimal | None) -> str:
    return "unknown" if usd is None else dollars(usd)


def cost_line(judge: str, cost: JudgeCost) -> str:
    """Return the cost of one judge's replies, with tokens and the source of the price."""
    if not cost.replies and cost.lost:
        return f"Cost of {judge}: no reply came; {_calls(cost.lost)} without one may be billed, at an unknown cost."
    if not cost.replies:
        return f"Cost of {judge}: no reply came; what calls without one cost, if any were billed, is unknown."
    share = f", {100 * cost.cached_share:.0f} % from the cache" if cost.cached_share else ""
    reasoning = f", {cost.reasoning:,} of it reasoning" if cost.reasoning else ""
    parts = [f"{cost.input_tokens:,} tokens in{share}", f"{cost.output_tokens:,} out{reasoning}"]
    if cost.without_usage and cost.without_usage == cost.replies:
        parts = ["tokens unknown"]
    if cost.batched:
        parts.append(f"{cost.batched:,} of {cost.replies:,} replies in batches")
    if cost.without_usage:
        parts.append(f"{cost.without_usage:,} of {cost.replies:,} replies do not tell their tokens")
    if cost.usd is None and cost.price is None:
        source = "no price is known for it; `omr-judge resume --price` sets one"
    elif cost.usd is None and not cost.without_usage:
        source = f"no price of batches is known from {cost.price}"
    else:
        source = f"prices: {cost.price}"
    return f"Cost of {judge}: {_amount(cost.usd)} ({', '.join(parts)}; {source}){_beside(cost.lost)}."


def _beside(n_lost: int) -> str:
    """Say how many calls may be billed beside a cost of replies; nothing where there are none."""
    return f"; {_calls(n_lost)} without a reply may be billed too" if n_lost else ""


def _calls(n: int) -> str:
    return f"{n:,} call{'s' * (n != 1)}"
