"""What a run has spent so far, and what it may still spend."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from judge.errors import InputError
from judge.io.budget import Budget
from judge.io.prices import price
from judge.schema import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.io.journal import RunFolder
    from judge.schema import JudgeSpec, Reply

THOUSAND = Usage(input=1000, output=1000)


def budget_of(
    folder: RunFolder, judges: Iterable[JudgeSpec], *, max_calls: int | None, max_cost: Decimal | None
) -> Budget:
    """Return a run's budget, from which everything that it spent before is taken: a limit holds for the whole run.

    Raises:
        InputError: a limit in dollars for a judge whose price is not known.
    """
    by_name = {judge.name: judge for judge in judges}
    budget = Budget(max_calls=max_calls, max_cost=max_cost)
    if max_cost is not None:
        for judge in by_name.values():
            if price(judge, THOUSAND) is None:
                raise InputError("--max-cost", f"no price is known for {judge.name}", "use --max-calls")
    if max_calls is None and max_cost is None:
        return budget
    for judgment in folder.judgments():
        for reply in judgment.replies:
            budget.n_answered += 1
            budget.cost += cost_of(by_name[judgment.judge], reply)
        budget.n_lost += sum(attempt.maybe_paid and attempt.reply is None for attempt in judgment.attempts)
    return budget


def cost_of(judge: JudgeSpec, reply: Reply) -> Decimal:
    """Return the US dollars that a reply cost, 0 where no price is known."""
    return price(judge, reply.usage) or Decimal(0)
