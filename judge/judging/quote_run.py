"""What a run has spent so far, what it may still spend, and what that may come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from judge.costs.charges import charge
from judge.costs.cost_words import dollars
from judge.costs.quote import Quote, quote
from judge.costs.render_quote import render_quote
from judge.costs.spending import reply_cost
from judge.dispatch.budget import Budget
from judge.dispatch.in_flight import read_in_flight
from judge.errors import InputError, InterruptedRunError
from judge.files.terminal import agreed, somebody_is_here
from judge.images.loader import image_size
from judge.judging.run_kinds import any_plan_of, subjects_of

if TYPE_CHECKING:
    from judge.images.file_types import Size
    from judge.judging.options import JudgingOptions
    from judge.runs.manifest import AnyManifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Image, Price

UNREADABLE = (1024, 1024)
"""pixels that an image is taken to have whose header does not state them"""


def budget_of(
    folder: RunFolder, manifest: AnyManifest, options: JudgingOptions, *, beside: Sequence[RunFolder] = ()
) -> Budget:
    """Return a run's budget, from which everything that it spent before is taken: a limit holds for the whole run.

    Args:
        folder: the run's, or that of one of its controls.
        manifest: says what calls cost.
        options: the limits.
        beside: the other folders of the same run.

    Raises:
        InputError: a limit in dollars for a judge whose price is not known.
    """
    max_calls, max_cost = options.max_calls, options.max_cost
    budget = Budget(max_calls=max_calls, max_cost=max_cost)
    if (lease := options.lease) is not None:
        none = (None if max_calls is None else 0, None if max_cost is None else Decimal(0))
        budget = Budget(*none, more=lease.more)
    if max_cost is not None:
        for judge in manifest.judges:
            if judge.name not in manifest.prices:
                raise InputError(
                    "--max-cost", f"no price is known for {judge.name}", f"give one with --price {judge.model}=IN/OUT"
                )
    if not budget.is_limited:
        return budget
    for each in (folder, *beside):
        own = manifest if each is folder else each.any_manifest()
        unknown = _count_spent(each, own.prices, budget)
        if max_cost is not None and unknown:
            budget.cost += _estimated(each, own, unknown)
    return budget


def _count_spent(folder: RunFolder, prices: Mapping[str, Price], budget: Budget) -> Counter[str]:
    """Count what a folder's judgments took; return how many calls of each key may be paid for at an unknown cost."""
    unknown: Counter[str] = Counter()
    for judgment in folder.judgments():
        n_unknown = judgment.n_lost
        budget.n_lost += n_unknown
        for reply in judgment.replies:
            cost = reply_cost(prices.get(judgment.judge), reply)
            budget.n_answered += 1
            budget.cost += cost or 0
            n_unknown += cost is None
        if n_unknown:
            unknown[judgment.key] += n_unknown
    if folder.in_flight_path.exists():
        left = read_in_flight(folder.in_flight_path, folder.judged_keys())
        budget.n_lost += len(left)
        unknown.update(key.hex() for key in left)
    return unknown


def _estimated(folder: RunFolder, manifest: AnyManifest, calls: Mapping[str, int]) -> Decimal:
    """Return what calls are expected to have cost, in US dollars.

    Args:
        folder: of the run that they belong to.
        manifest: its.
        calls: how many, by key.
    """
    plan, estimated = any_plan_of(manifest), Decimal(0)
    for judge in manifest.judges:
        price = manifest.prices.get(judge.name)
        for request in plan.requests(subjects_of(folder, manifest), judge):
            if n := calls.get(request.key):
                estimated += n * charge(price, request, judge, pixels=pixels).expected
    return estimated


def quote_run(folder: RunFolder, manifest: AnyManifest, *, done: Container[bytes], batch: bool = False) -> Quote:
    """Quote the requests of a run that have no verdict yet, at its pinned prices.

    Args:
        folder: where its subjects are.
        manifest: whom to ask, at what price.
        done: keys of requests that are not to be asked.
        batch: ask in batches, where the provider has them.
    """
    plan, subjects = any_plan_of(manifest), subjects_of(folder, manifest)
    return quote(plan, manifest.judges, manifest.prices, subjects, done=done, pixels=pixels, batch=batch)


def pixels(image: Image) -> Size:
    """Return an image's width and height."""
    return image_size(image) or UNREADABLE


def confirm(quoted: Quote, *, above: Decimal) -> None:
    """Ask a person before more than so many US dollars are spent, or before a price that is unknown.

    Raises:
        InputError: nobody is here to ask.
        InterruptedRunError: the person does not agree; nothing was asked.
    """
    if quoted.usd is not None and quoted.usd.expected <= above:
        return
    if not somebody_is_here():
        cost = "at an unknown cost" if quoted.usd is None else f"for about {dollars(quoted.usd.expected)}"
        raise InputError(
            f"--confirm-above {above}",
            f"{quoted.calls} calls are to be made {cost}, and nobody is at a terminal to confirm it",
            "raise the limit or leave it out; --dry-run shows the quote, --price sets an unknown price",
        )
    render_quote(quoted, to_stderr=True)
    if not agreed("Go on?"):
        raise InterruptedRunError("not confirmed; nothing was asked, and the same command goes on")
