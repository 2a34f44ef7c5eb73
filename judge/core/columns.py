"""Hold judgments as columns, some forty bytes each, and settle which of those with the same key count."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from judge.core.costs import Spending
from judge.schema import FailureKind, Judged, Order, Scored, UnitVerdict, Verdict, Written

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from judge.schema import Judgment, Result

BLOCK = 1 << 16
"""judgments that are held as Python objects before they become columns"""
KEY_BYTES = 16
_JUDGMENTS: dict[str, pl.DataType] = {
    "key": pl.Binary(),
    "item": pl.Categorical(),
    "judge": pl.Categorical(),
    "sample": pl.Int32(),
    "order": pl.Enum(Order),
    "said": pl.UInt32(),
}
JUDGMENTS_SCHEMA = pl.Schema(_JUDGMENTS)
"""`said` is a place in `Settled.said`"""
_VERDICTS: dict[str, pl.DataType] = {
    "item": pl.Categorical(),
    "judge": pl.Categorical(),
    "sample": pl.Int32(),
    "order": pl.Enum(Order),
    "criterion": pl.Categorical(),
    "verdict": pl.Enum(Verdict),
    "failure": pl.Enum(sorted(kind.value for kind in FailureKind)),
}
VERDICTS_SCHEMA = pl.Schema(_VERDICTS)
"""One row a request and criterion: a verdict, or the kind of failure."""


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


class Settled(NamedTuple):
    """One judgment per key."""

    judgments: pl.DataFrame
    """columns of `JUDGMENTS_SCHEMA` but the key"""
    said: tuple[Said, ...]

    @property
    def failures(self) -> dict[str, int]:
        """Failed judgments by kind, sorted."""
        counts: Counter[str] = Counter()
        for said, count in self.judgments.group_by("said").len().iter_rows():
            failure = self.said[said].failure
            if failure is not None:
                counts[failure] += count
        return dict(sorted(counts.items()))

    def verdict_rows(self, criteria: Sequence[str]) -> pl.DataFrame:
        """Return one row of `VERDICTS_SCHEMA` per judgment and criterion; a failure is a null verdict."""
        table = [
            (place, *row)
            for place, said in enumerate(self.said)
            for row in (
                [(name, None, said.failure) for name in ([said.criterion] if said.criterion else criteria)]
                if said.failure
                else [(criterion, verdict, None) for criterion, verdict in said.verdicts]
            )
        ]
        own = ("criterion", "verdict", "failure")
        schema = {"said": pl.UInt32} | {name: VERDICTS_SCHEMA[name] for name in own}
        meanings = pl.DataFrame(table, schema=schema, orient="row")
        return self.judgments.join(meanings, on="said").select(VERDICTS_SCHEMA.names())


class Columns:
    """Takes judgments one by one and holds them as columns.

    Args:
        spending: counts every reply that was paid for.
    """

    def __init__(self, spending: Spending) -> None:
        self.spending = spending
        self._lists: dict[str, list[object]] = {name: [] for name in JUDGMENTS_SCHEMA}
        self._blocks: list[pl.DataFrame] = []
        self._said: dict[Said, int] = {}

    def add(self, key: str, item: str, judge: str, sample: int, order: str, said: Said) -> None:  # noqa: PLR0917 - as in the journal
        """Take a judgment: its fields, and what it says."""
        place = self._said.setdefault(said, len(self._said))
        for values, value in zip(
            self._lists.values(), (key_bytes(key), item, judge, sample, order, place), strict=True
        ):
            values.append(value)
        if len(self._lists["key"]) == BLOCK:
            self._close_block()

    def knows(self, said: Said) -> bool:
        """Tell whether some judgment said the same before."""
        return said in self._said

    def settled(self) -> Settled:
        """Keep, of all judgments with the same key, the last that has verdicts, else the last failure."""
        self._close_block()
        judgments = pl.concat(self._blocks)
        failed = [place for said, place in self._said.items() if said.failure]
        kept = settled_places(judgments.select("key", failed=pl.col("said").is_in(failed)))
        return Settled(judgments.drop("key")[kept], tuple(self._said))

    def _close_block(self) -> None:
        self._blocks.append(pl.DataFrame(self._lists, schema=JUDGMENTS_SCHEMA))
        for values in self._lists.values():
            values.clear()


def settled_places(judgments: pl.DataFrame) -> pl.Series:
    """Return the places of the judgments that count: of those with one key, the last that has verdicts, else the last.

    Args:
        judgments: columns `key` and `failed`, in the order in which they were recorded.
    """
    return (
        judgments.lazy()
        .with_columns(place=pl.int_range(pl.len(), dtype=pl.UInt32))
        .group_by("key")
        .agg(judged=pl.col("place").filter(~pl.col("failed")).max(), last=pl.col("place").max())
        .select(pl.coalesce("judged", "last").sort())
        .collect()
        .to_series()
    )


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
