"""Judge look by look, and stop when the overall criterion is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from msgspec.structs import replace

from judge.errors import RunError
from judge.outcomes.interim_looks import (
    InterimLooks,
    LookPanel,
    evidence_of,
    follow,
    largest_unit,
    lead,
    plan_looks,
    read_looks,
)
from judge.outcomes.item_features import units_of_pairs
from judge.outcomes.latest_judgments import latest_judgments
from judge.schema import Judgment, Pair
from judge.stats.sequential import is_decided, log_wealth

if TYPE_CHECKING:
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder

Round = Callable[[], Iterator[Pair]]
"""opens the pairs of one round, which is judged whole before the next"""


def planned_looks(folder: RunFolder, manifest: Manifest) -> InterimLooks | None:
    """Return the looks of a run that may stop early, from its pairs and its seed; None for any other run.

    Raises:
        RunError: the pairs are missing or damaged.
    """
    rule = manifest.stopping
    if rule is None:
        return None
    if not folder.pairs_path.exists():
        raise RunError(f"{folder.pairs_path}: missing; without it nobody can tell which items each look was over")
    items, units = units_of_pairs(folder.pairs(), rule.cluster)
    planned = plan_looks(items, units, manifest.identical, seed=manifest.seed, every=rule.look_every)
    return InterimLooks(rule, planned, manifest.samples)


class Stopper:
    """Hands out a run's pairs look by look until one shows that the overall criterion is decided.

    Looks are ever evaluated whole, in their planned order: what a killed run would have decided, the resumed one does.

    Args:
        folder: the run, with what was judged already.
        looks: its plan.
        panel: who judges.
        say: is told of a decision.
    """

    def __init__(self, folder: RunFolder, looks: InterimLooks, panel: LookPanel, *, say: Callable[[str], None]) -> None:
        self._folder, self._rule, self._panel, self._say = folder, looks.rule, panel, say
        offsets = pl.Series("offset", folder.pair_offsets(), dtype=pl.UInt64)
        planned = looks.planned.with_columns(offsets).sort("look", maintain_order=True)
        self._n_planned = len(planned)
        self._looks = planned.partition_by("look", maintain_order=True)
        known = self._latest(folder.judgments())
        self._known = known.join(planned.select("item", "look"), on="item").partition_by("look", as_dict=True)
        """what an earlier process left, by look"""
        self._largest = largest_unit(planned)
        self.decided = read_looks(follow(planned, known, panel), looks.rule, self._largest).decided
        """whether the judgments on disk decide already"""
        self._new: list[Judgment] = []

    def _latest(self, judgments: Iterable[Judgment]) -> pl.DataFrame:
        return latest_judgments(judgments).on(self._panel.criterion)

    def note(self, judgment: Judgment) -> None:
        """Take in a judgment of the round that is under way."""
        self._new.append(replace(judgment, reply=None, attempts=()))

    def rounds(self) -> Iterator[Round]:
        """Yield the looks one by one; each is judged whole, and noted, before the next is asked for."""
        wealth, ahead, end = np.zeros(()), 0.0, 0
        for look in self._looks:
            yield partial(self._folder.pairs_at, look["offset"].to_list())
            seen = follow(look, self._said(look["look"][0]), self._panel)
            units = evidence_of(seen, self._rule, self._largest)
            wealth, ahead, end = wealth + log_wealth(units), ahead + lead(units), end + len(look)
            if is_decided(wealth, alpha=self._rule.alpha):
                leader = "a" if ahead > 0 else "b"
                left = self._n_planned - end
                self._say(f"Decided for {leader} after {end} of {self._n_planned} items: {left} stay unasked")
                return

    def _said(self, look: int) -> pl.DataFrame:
        """Return what is known of a look: what an earlier process left, and what came now."""
        said = self._latest(self._new)
        self._new.clear()
        known = self._known.pop((look,), None)
        return said if known is None else pl.concat([known.drop("look"), said])
