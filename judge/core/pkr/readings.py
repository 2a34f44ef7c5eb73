"""Hold judgments of checklists as columns, and settle which of those with the same key count."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from judge.core.columns import key_bytes, settled_places
from judge.core.pkr.rows import Rows
from judge.schema import Failed, FailureKind, Group, Scored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.core.costs import Spending
    from judge.schema import Judgment

_REQUESTS: dict[str, pl.DataType] = {
    "key": pl.Binary(),
    "item": pl.String(),
    "judge": pl.Categorical(),
    "sample": pl.Int32(),
    "group": pl.Enum(Group),
    "failure": pl.Enum(sorted(kind.value for kind in FailureKind)),
}
_VERDICTS: dict[str, pl.DataType] = {
    "place": pl.UInt32(),
    "unit": pl.String(),
    "presence": pl.Int8(),
    "correctness": pl.Int8(),
    "consistency": pl.Int8(),
    "grounded": pl.Boolean(),
}


class Readings(NamedTuple):
    """One judgment per key."""

    requests: pl.DataFrame
    """`place`, `item`, `judge`, `sample`, `group`, and `failure`, null where there are verdicts"""
    verdicts: pl.DataFrame
    """one row a unit of a request: its `place`, `unit`, and the fields of `UnitVerdict`"""

    @property
    def failures(self) -> dict[str, int]:
        """Failed judgments by kind, sorted."""
        failed = self.requests["failure"].drop_nulls().cast(pl.String)
        return dict(sorted(failed.value_counts().iter_rows()))


def settle_readings(judgments: Iterable[Judgment], spending: Spending | None = None) -> Readings:
    """Keep, of all judgments with the same key, the last that has verdicts, else the last failure.

    Args:
        judgments: of checklist groups, in the order in which they were recorded; one in memory at a time.
        spending: counts every reply that was paid for.
    """
    requests, verdicts = Rows(_REQUESTS), Rows(_VERDICTS)
    for place, judgment in enumerate(judgments):
        if spending is not None:
            spending.add(judgment)
        result = judgment.result
        failure = result.failure.value if isinstance(result, Failed) else None
        if isinstance(result, Scored):
            for unit, said in result.units.items():
                verdicts.add(place, unit, said.presence, said.correctness, said.consistency, said.grounded)
        key = key_bytes(judgment.key)
        requests.add(key, judgment.item, judgment.judge, judgment.sample, judgment.group, failure)
    recorded = requests.frame().with_row_index("place")
    kept = settled_places(b"".join(recorded["key"]), recorded["failure"].is_not_null().to_numpy())
    counted = recorded[kept].drop("key")
    return Readings(counted, verdicts.frame().join(counted.select("place"), on="place", how="semi"))
