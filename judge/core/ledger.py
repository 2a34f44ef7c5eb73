"""Where every item of a comparison went, and what the missing ones could change."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from judge.core.columns import FAILURES
from judge.core.estimates import DIGITS, GRID
from judge.core.table import sum_by
from judge.enums import Orders
from judge.schema import Frozen, Outcome, Verdict

if TYPE_CHECKING:
    from judge.core.columns import Spoken
    from judge.core.counted import Counted, Subject

NOT_ASKED = "not_asked"
DECISIONS = (Verdict.FIRST, Verdict.SECOND, Verdict.TIE)


class Ledger(Frozen):
    """All items of a criterion; the counts add up to the report's n_items."""

    agreed_a: int
    """both orders agree on a; with one order, its verdict names a"""
    agreed_b: int
    """the same for b"""
    agreed_tie: int
    """both say that it is a tie"""
    identical: int
    """identical traces: ties that no judge was asked about"""
    split_to_first: int
    """the orders disagree, and lean to the trace shown first"""
    split_to_second: int
    """the orders disagree, and lean to the trace shown second"""
    one_sided: int
    """every judge said who won in some order, and some judge in one order only"""
    cannot_judge: int
    """a judge said so, and no call failed"""
    missing: dict[str, int]
    """the rest, by kind of failure; `not_asked` where nothing failed"""

    @property
    def total(self) -> int:
        """The sum of all counts."""
        counts: dict[str, int] = self.model_dump(exclude={"missing"})
        return sum(counts.values()) + sum(self.missing.values())


class Bounds(Frozen):
    """The win rate of a if every missing item had gone to b, and if every one had gone to a."""

    low: float | None
    """if every missing item had gone to b"""
    high: float | None
    """if every missing item had gone to a"""


def take_stock(counted: Counted, said: Spoken, subject: Subject) -> Ledger:
    """Count where each item went on a criterion.

    Args:
        counted: its counted items.
        said: what the judges that they are of say on it.
        subject: what was planned.
    """
    items = counted.items
    outcomes = Counter(items["outcome"].tolist())
    to_first = int(((items["outcome"] == Outcome.SPLIT.value) & (items["forward"] > items["swapped"])).sum())
    lost = _lost(counted, said, subject)
    lost[NOT_ASKED] += subject.n_items - len(items) - lost.total()
    return Ledger(
        agreed_a=outcomes[Outcome.A.value],
        agreed_b=outcomes[Outcome.B.value],
        agreed_tie=outcomes[Outcome.TIE.value] - subject.n_identical,
        identical=subject.n_identical,
        split_to_first=to_first,
        split_to_second=outcomes[Outcome.SPLIT.value] - to_first,
        one_sided=lost.pop("one_sided", 0),
        cannot_judge=lost.pop("cannot_judge", 0),
        missing={kind: count for kind, count in sorted(lost.items()) if count},
    )


def _lost(counted: Counted, said: Spoken, subject: Subject) -> Counter[str]:
    """Count the items that have judgments and are not counted, by the reason; of several failures the first by name."""
    if np.array_equal(counted.items["item"], said.rows.items):
        return Counter()
    known = set(counted.items["item"].tolist())
    is_lost = np.array([item not in known for item in said.rows.items], dtype=bool)
    said = said.take(is_lost[said.rows.item])
    items, of = np.unique(said.rows.item, return_inverse=True)
    decided = said.is_verdict(*DECISIONS)
    heard_by = (decided & (said.rows.judge == judge) for judge in range(len(said.rows.judges)))
    n_heard = np.zeros(len(items), dtype=np.intp)
    for heard in heard_by:
        n_heard += sum_by(of, heard, len(items)) > 0
    undecided = sum_by(of, said.is_verdict(Verdict.CANNOT_JUDGE), len(items)) > 0
    failed = said.failure >= 0
    failure = np.full(len(items), len(FAILURES))
    np.minimum.at(failure, of[failed], said.failure[failed])
    reasons = (*FAILURES, NOT_ASKED)
    one_sided = (n_heard == len(subject.judges)) & (subject.orders is Orders.BOTH)
    return Counter(
        "cannot_judge"
        if is_undecided and reasons[code] is NOT_ASKED
        else "one_sided"
        if is_one_sided
        else reasons[code]
        for is_undecided, is_one_sided, code in zip(undecided, one_sided, failure, strict=True)
    )


def bounds(counted: Counted, n_items: int) -> Bounds:
    """Return the least and the greatest win rate that the missing items allow, mirrored exactly with the models."""
    if not n_items:
        return Bounds(low=None, high=None)
    won = float((np.rint(counted.column("credit") * GRID) / GRID).sum())
    lost = len(counted.items) - won
    missing = n_items - len(counted.items)
    least = round(min(won, lost) / n_items, DIGITS)
    most = round(1 - least, DIGITS) if won == lost else round((min(won, lost) + missing) / n_items, DIGITS)
    low, high = (least, most) if won <= lost else (round(1 - most, DIGITS), round(1 - least, DIGITS))
    return Bounds(low=low, high=high)
