"""What a run has spent so far, and what it may still spend."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING

from judge.core.costs import cost
from judge.errors import InputError
from judge.io.budget import Budget
from judge.schema import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.io.journal import RunFolder
    from judge.io.manifest import RunManifest
    from judge.schema import Price, Reply


def budget_of(
    folder: RunFolder,
    manifest: RunManifest,
    *,
    beside: Sequence[RunFolder] = (),
    max_calls: int | None,
    max_cost: Decimal | None,
) -> Budget:
    """Return a run's budget, from which everything that it spent before is taken: a limit holds for the whole run.

    Args:
        folder: the run's, or that of one of its controls.
        manifest: says what calls cost.
        beside: the other folders of the same run.
        max_calls: the limits.
        max_cost: in US dollars.

    Raises:
        InputError: a limit in dollars for a judge whose price is not known.
    """
    budget = Budget(max_calls=max_calls, max_cost=max_cost)
    if max_cost is not None:
        for judge in manifest.judges:
            if judge.name not in manifest.prices:
                raise InputError("--max-cost", f"no price is known for {judge.name}", "give one with --price")
    if max_calls is None and max_cost is None:
        return budget
    for judgment in chain.from_iterable(each.judgments() for each in (folder, *beside)):
        for reply in judgment.replies:
            budget.n_answered += 1
            budget.cost += cost_of(manifest.prices.get(judgment.judge), reply)
        budget.n_lost += sum(attempt.maybe_paid and attempt.reply is None for attempt in judgment.attempts)
        budget.n_lost += isinstance(judgment.result, Failed) and judgment.result.maybe_paid
    return budget


def cost_of(price: Price | None, reply: Reply) -> Decimal:
    """Return the US dollars that a reply cost, 0 where no price is known."""
    known = None if price is None else cost(price, reply.usage, batched=reply.batched)
    return known or Decimal(0)
