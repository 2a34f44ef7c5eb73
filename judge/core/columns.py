"""Hold judgments as columns, fifteen bytes each, and settle which of those with the same key count."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from judge.core.costs import Spending
from judge.core.table import texts
from judge.schema import FailureKind, Judged, Order, Scored, UnitVerdict, Verdict, Written

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from judge.core.table import Column
    from judge.schema import Judgment, Result

    Mask = NDArray[np.bool_]

KEY_BYTES = 16
ORDERS = tuple(Order)
VERDICTS = tuple(Verdict)
FAILURES = tuple(sorted(kind.value for kind in FailureKind))
NOTHING = -1
"""the code of no verdict, and of no failure"""
_CODES = {order.value: code for code, order in enumerate(ORDERS)}


class Said(NamedTuple):
    """What a judgment says, hashable: its verdicts, or how it failed."""

    verdicts: tuple[tuple[str, str], ...] = ()
    failure: str | None = None
    criterion: str | None = None
    """the one criterion that failed; None: all of them"""
    units: tuple[tuple[str, UnitVerdict], ...] = ()
    """verdicts on the units of a checklist"""

    @classmethod
    def of(cls, result: Result) -> Said:
        """Return what a result says."""
        if isinstance(result, Scored):
            return cls(units=tuple(result.units.items()))
        if isinstance(result, Judged):
            return cls(tuple((criterion, verdict.value) for criterion, verdict in result.verdicts.items()))
        if isinstance(result, Written):
            return cls()
        return cls(failure=result.failure.value, criterion=result.criterion)

    def on(self, criterion: str) -> tuple[int, int] | None:
        """Return the codes of the verdict on a criterion and of its failure; None where it is not spoken of."""
        if self.failure:
            spoken = self.criterion in {None, criterion}
            return (NOTHING, FAILURES.index(self.failure)) if spoken else None
        verdict = dict(self.verdicts).get(criterion)
        return None if verdict is None else (VERDICTS.index(Verdict(verdict)), NOTHING)


@dataclass(frozen=True)
class Settled:
    """One judgment per key: arrays with one entry a judgment, and what their codes mean."""

    item: Column
    """places in `items`"""
    judge: Column
    """places in `judges`"""
    sample: Column
    order: Column
    """places in `ORDERS`"""
    said: Column
    """places in `meanings`"""
    items: Column
    """texts, sorted; some may have no judgment"""
    judges: tuple[str, ...]
    meanings: tuple[Said, ...]

    def __len__(self) -> int:
        return len(self.item)

    @property
    def failures(self) -> dict[str, int]:
        """Failed judgments by kind, sorted."""
        counts: Counter[str] = Counter()
        for said, count in zip(self.meanings, np.bincount(self.said, minlength=len(self.meanings)), strict=True):
            if said.failure is not None and count:
                counts[said.failure] += int(count)
        return dict(sorted(counts.items()))

    def take(self, rows: Column) -> Settled:
        """Return some judgments, by a mask or by places."""
        if rows.dtype == bool and rows.all():
            return self
        columns = {name: getattr(self, name)[rows] for name in ("item", "judge", "sample", "order", "said")}
        return replace(self, **columns)

    def of(self, judge: str) -> Settled:
        """Return the judgments of one judge."""
        return self.take(self.judge == (self.judges.index(judge) if judge in self.judges else NOTHING))

    def about(self, items: Collection[str]) -> Settled:
        """Return the judgments of some items; `items` should be quick to search."""
        return self.take(np.array([item in items for item in self.items], dtype=bool)[self.item])

    def compact(self) -> Settled:
        """Return the same without the items and meanings that no judgment has."""
        items, item = np.unique(self.item, return_inverse=True)
        said, codes = np.unique(self.said, return_inverse=True)
        meanings = tuple(self.meanings[code] for code in said)
        return replace(self, item=item, said=codes, items=self.items[items], meanings=meanings)

    def joined(self, other: Settled) -> Settled:
        """Return these judgments and others, of other requests or of failed ones that were asked again."""
        names = sorted({*self.items, *other.items})
        place = {name: code for code, name in enumerate(names)}
        judges = tuple(dict.fromkeys(self.judges + other.judges))

        def codes(one: Settled) -> tuple[Column, Column]:
            items = np.array([place[name] for name in one.items], dtype=np.int32)
            return items[one.item], np.array([judges.index(name) for name in one.judges], dtype=np.int16)[one.judge]

        (item, judge), (others, judges_of_others) = codes(self), codes(other)
        return Settled(
            item=np.concatenate([item, others]),
            judge=np.concatenate([judge, judges_of_others]),
            sample=np.concatenate([self.sample, other.sample]),
            order=np.concatenate([self.order, other.order]),
            said=np.concatenate([self.said, other.said + len(self.meanings)]),
            items=texts(names),
            judges=judges,
            meanings=self.meanings + other.meanings,
        )

    def on(self, criterion: str) -> Spoken:
        """Return what is said on a criterion."""
        spoken = [said.on(criterion) for said in self.meanings]
        codes = np.array([codes or (NOTHING, NOTHING) for codes in spoken], dtype=np.int8).reshape(-1, 2)
        rows = self.take(np.array([codes is not None for codes in spoken], dtype=bool)[self.said])
        return Spoken(rows, codes[rows.said, 0], codes[rows.said, 1])


class Spoken(NamedTuple):
    """What judgments say on one criterion: one entry a judgment, a verdict or a failure."""

    rows: Settled
    verdict: Column
    """places in `VERDICTS`, or `NOTHING`"""
    failure: Column
    """places in `FAILURES`, or `NOTHING`"""

    def take(self, mask: Mask) -> Spoken:
        """Return some of them."""
        return Spoken(self.rows.take(mask), self.verdict[mask], self.failure[mask])

    def of(self, judge: str) -> Spoken:
        """Return what one judge says."""
        judges = self.rows.judges
        return self.take(self.rows.judge == (judges.index(judge) if judge in judges else NOTHING))

    def is_verdict(self, *verdicts: Verdict) -> Mask:
        """Tell where the verdict is one of some."""
        return np.isin(self.verdict, [VERDICTS.index(verdict) for verdict in verdicts])

    def is_order(self, order: Order) -> Mask:
        """Tell where the order is a certain one."""
        return np.asarray(self.rows.order == ORDERS.index(order))


class Columns:
    """Takes judgments one by one and holds them as columns.

    Args:
        spending: counts every reply that was paid for.
    """

    def __init__(self, spending: Spending) -> None:
        self.spending = spending
        self._keys = bytearray()
        self._codes = {
            name: array(code) for name, code in zip(("item", "judge", "sample", "order", "said"), "ihibi", strict=True)
        }
        self._items: dict[str, int] = {}
        self._judges: dict[str, int] = {}
        self._said: dict[Said, int] = {}

    def add(self, key: str, item: str, judge: str, sample: int, order: str, said: Said) -> None:
        """Take a judgment: its fields, and what it says."""
        items, judges, meanings, codes = self._items, self._judges, self._said, self._codes
        codes["sample"].append(sample)
        self._keys += key_bytes(key)
        codes["item"].append(items.setdefault(item, len(items)))
        codes["judge"].append(judges.setdefault(judge, len(judges)))
        codes["order"].append(_CODES[order])
        codes["said"].append(meanings.setdefault(said, len(meanings)))

    def knows(self, said: Said) -> bool:
        """Tell whether some judgment said the same before."""
        return said in self._said

    def settled(self) -> Settled:
        """Keep, of all judgments with the same key, the last that has verdicts, else the last failure."""
        failed = np.array([said.failure is not None for said in self._said], dtype=bool)
        columns = {name: np.asarray(codes) for name, codes in self._codes.items()}
        names = sorted(self._items)
        rank = np.empty(len(names), dtype=np.int32)
        rank[[self._items[name] for name in names]] = np.arange(len(names))
        columns["item"] = rank[columns["item"]]
        every = Settled(**columns, items=texts(names), judges=tuple(self._judges), meanings=tuple(self._said))
        return every.take(settled_places(bytes(self._keys), failed[every.said]))


def settled_places(keys: bytes, failed: Mask) -> NDArray[np.intp]:
    """Return the places of the judgments that count: of those with one key, the last that has verdicts, else the last.

    Args:
        keys: `KEY_BYTES` a judgment, in the order in which they were recorded.
        failed: which of them failed.
    """
    high, low = np.frombuffer(keys, dtype=np.uint64).reshape(-1, 2).T
    by_key = np.lexsort((~failed, low, high))  # stable: of equal ones the last recorded stands last
    high, low = high[by_key], low[by_key]
    is_last = np.append((high[1:] != high[:-1]) | (low[1:] != low[:-1]), True)[: len(by_key)]
    return np.sort(by_key[is_last])


def settle(judgments: Iterable[Judgment]) -> Settled:
    """Settle judgments that are whole records."""
    columns = Columns(Spending({}))
    for judgment in judgments:
        take(columns, judgment)
    return columns.settled()


def take(columns: Columns, judgment: Judgment) -> None:
    """Put a whole record into columns, and count its replies."""
    columns.spending.add(judgment)
    said = Said.of(judgment.result)
    columns.add(judgment.key, judgment.item, judgment.judge, judgment.sample, judgment.order.value, said)


def key_bytes(key: str) -> bytes:
    """Return a key as 16 bytes: itself where it is 32 hex digits, else its hash."""
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raw = b""
    return raw if len(raw) == KEY_BYTES else hashlib.blake2b(key.encode(), digest_size=KEY_BYTES).digest()
