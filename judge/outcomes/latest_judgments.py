"""Judgments as data frames, one judgment per request key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from judge.costs.spending import Spending
from judge.schema import Failed, FailureKind, Group, Judged, Judgment, Order, Scored, Verdict

BLOCK = 1 << 16
"""rows that are held as Python objects before they become columns"""
_REQUESTS: dict[str, pl.DataType] = {
    "place": pl.UInt32(),
    "key": pl.String(),
    "item": pl.String(),
    "judge": pl.Categorical(),
    "sample": pl.Int32(),
    "order": pl.Enum(Order),
    "group": pl.Enum(Group),
    "failure": pl.Enum(sorted(kind.value for kind in FailureKind)),
    "criterion": pl.Categorical(),
    "model": pl.Categorical(),
}
_VERDICTS: dict[str, pl.DataType] = {
    "place": pl.UInt32(),
    "criterion": pl.Categorical(),
    "verdict": pl.Enum(Verdict),
}
_CHANCES: dict[str, pl.DataType] = {
    "place": pl.UInt32(),
    "criterion": pl.Categorical(),
    "p_first": pl.Float64(),
    "p_tie": pl.Float64(),
    "p_second": pl.Float64(),
}
_UNITS: dict[str, pl.DataType] = {
    "place": pl.UInt32(),
    "unit": pl.String(),
    "presence": pl.Int8(),
    "correctness": pl.Int8(),
    "consistency": pl.Int8(),
    "grounded": pl.Boolean(),
}


class FrameBuilder:
    """Builder of a data frame from rows, block by block.

    Args:
        schema: of the frame, in the order of a row's values.
    """

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self._schema = dict(schema)
        self._rows: list[tuple[object, ...]] = []
        self._blocks: list[pl.DataFrame] = []

    def add(self, *values: object) -> None:
        """Append a row."""
        self._rows.append(values)
        if len(self._rows) == BLOCK:
            self._close_block()

    def frame(self) -> pl.DataFrame:
        """Return all rows, in the order of appending."""
        self._close_block()
        return pl.concat(self._blocks)

    def _close_block(self) -> None:
        self._blocks.append(pl.DataFrame(self._rows, schema=self._schema, orient="row"))
        self._rows = []


@dataclass(frozen=True)
class LatestJudgments:
    """One judgment per key: the last that has verdicts, else the last failure."""

    requests: pl.DataFrame
    """one row a judgment, as they were recorded: `place` (its number in the journal), `item`, `judge`, `sample`,
    `order`, `group`, `failure` (null where there are verdicts), `criterion` (the only one that failed, else null), and
    `model` (that the reply names, else null)
    """
    verdicts: pl.DataFrame
    """one row a criterion of a judgment, those that do not count among them: `place`, `criterion`, `verdict`"""
    units: pl.DataFrame
    """one row a unit of a checklist, likewise: `place`, `unit`, and the fields of `UnitVerdict`"""
    chances: pl.DataFrame
    """one row a soft verdict, likewise: `place`, `criterion`, and the fields of `Chances`"""

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def failures(self) -> dict[str, int]:
        """Failed judgments by kind, sorted."""
        failed = self.requests["failure"].drop_nulls().cast(pl.String)
        return dict(sorted(failed.value_counts().iter_rows()))

    @property
    def n_soft(self) -> int:
        """Number of verdicts that are probabilities."""
        return len(self.chances.join(self.requests, on="place", how="semi"))

    def of(self, judge: str) -> LatestJudgments:
        """Return the judgments of one judge."""
        return replace(self, requests=self.requests.filter(pl.col("judge") == judge))

    @property
    def most_judges(self) -> int:
        """The largest number of judges of one item."""
        return max(self.requests.group_by("item").agg(pl.col("judge").n_unique())["judge"], default=0)

    def as_of(self, judge: str) -> LatestJudgments:
        """Return all judgments as those of one judge."""
        return replace(self, requests=self.requests.with_columns(judge=pl.lit(judge).cast(pl.Categorical)))

    def served_by(self, model: str) -> LatestJudgments:
        """Return the judgments whose replies name a model."""
        return replace(self, requests=self.requests.filter(pl.col("model") == model))

    def about(self, items: Collection[str]) -> LatestJudgments:
        """Return the judgments of some items."""
        return replace(self, requests=self.requests.filter(pl.col("item").is_in(list(items))))

    def on(self, criterion: str) -> pl.DataFrame:
        """Return the verdicts and failures on a criterion, in recorded order.

        Returns:
            Columns `item`, `judge`, `sample`, `order`, and either `verdict` or `failure`, the other being null; and
            `p_first`, `p_tie` and `p_second`, null where the verdict is not soft.
        """
        verdicts, chances = (
            frame.filter(pl.col("criterion") == criterion).drop("criterion") for frame in (self.verdicts, self.chances)
        )
        failed = pl.col("failure").is_not_null() & pl.col("criterion").fill_null(criterion).eq(criterion)
        return (
            self.requests.join(verdicts, on="place", how="left", maintain_order="left")
            .filter(pl.col("verdict").is_not_null() | failed)
            .join(chances, on="place", how="left", maintain_order="left")
            .select("item", "judge", "sample", "order", "verdict", "failure", "p_first", "p_tie", "p_second")
        )


def latest_judgments(judgments: Iterable[Judgment], spending: Spending | None = None) -> LatestJudgments:
    """Keep, of all judgments with the same key, the last that has verdicts, else the last failure.

    Args:
        judgments: in the order in which they were recorded; one in memory at a time.
        spending: counts every reply that was paid for.
    """
    requests, verdicts, chances, units = map(FrameBuilder, (_REQUESTS, _VERDICTS, _CHANCES, _UNITS))
    for place, judgment in enumerate(judgments):
        if spending is not None:
            spending.add(judgment)
        result = judgment.result
        if isinstance(result, Judged):
            for name, verdict in result.verdicts.items():
                verdicts.add(place, name, verdict)
            for name, own in result.chances.items():
                chances.add(place, name, own.p_first, own.p_tie, own.p_second)
        elif isinstance(result, Scored):
            for unit, said in result.units.items():
                units.add(place, unit, said.presence, said.correctness, said.consistency, said.grounded)
        failed = result if isinstance(result, Failed) else None
        requests.add(
            place,
            judgment.key,
            judgment.item,
            judgment.judge,
            judgment.sample,
            judgment.order,
            judgment.group,
            failed and failed.failure,
            failed and failed.criterion,
            judgment.reply and judgment.reply.model,
        )
    recorded = requests.frame()
    rank = pl.col("place") + pl.col("failure").is_null() * len(recorded)
    counting = recorded.filter(rank == rank.max().over("key")).drop("key")
    return LatestJudgments(counting, verdicts.frame(), units.frame(), chances.frame())
