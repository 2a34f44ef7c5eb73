"""Judge look by look, and stop when the overall criterion is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from judge.core.columns import settle
from judge.core.facts import units_of_pairs
from judge.core.looks import Panel, follow, plan_looks
from judge.core.sequential_report import Looks, read_looks
from judge.core.stats.sequential import is_decided
from judge.errors import RunError
from judge.io.journal_columns import read_settled
from judge.schema import Judgment, Pair

if TYPE_CHECKING:
    from judge.core.stats.clusters import Codes
    from judge.core.table import Table
    from judge.io.journal import RunFolder
    from judge.io.manifest import Manifest

Round = Callable[[], Iterator[Pair]]
"""opens the pairs of one round, which is judged whole before the next"""


def planned_looks(folder: RunFolder, manifest: Manifest) -> Looks | None:
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
    return Looks(rule, planned, manifest.samples)


class Stopper:
    """Hands out a run's pairs look by look until one shows that the overall criterion is decided.

    Looks are ever evaluated whole, in their planned order: what a killed run would have decided, the resumed one does.

    Args:
        folder: the run, with what was judged already.
        looks: its plan.
        panel: who judges.
        say: is told of a decision.
    """

    def __init__(self, folder: RunFolder, looks: Looks, panel: Panel, *, say: Callable[[str], None]) -> None:
        self._folder, self._rule, self._panel, self._say = folder, looks.rule, panel, say
        self._planned = looks.planned.take(np.argsort(looks.planned["look"], kind="stable"))
        offsets = np.asarray(folder.pair_offsets(), dtype=np.uint64)
        self._offsets = offsets[np.argsort(looks.planned["look"], kind="stable")]
        last = np.flatnonzero(np.diff(self._planned["look"], append=-1))
        self._ends: list[int] = (last + 1).tolist()
        self._known = read_settled(folder)
        known = follow(self._planned, self._known.on(panel.criterion), panel)
        self.decided = read_looks(known, looks.rule).decided
        """whether the judgments on disk decide already"""
        self._rows_of_look = self._by_look()
        self._new: list[Judgment] = []

    def note(self, judgment: Judgment) -> None:
        """Take in a judgment of the round that is under way."""
        self._new.append(replace(judgment, reply=None, attempts=()))

    def rounds(self) -> Iterator[Round]:
        """Yield the looks one by one; each is judged whole, and noted, before the next is asked for."""
        wins = losses = start = 0
        for look, end in enumerate(self._ends):
            yield partial(self._folder.pairs_at, self._offsets[start:end].tolist())
            seen = self._seen(look, start, end)
            wins, losses, start = wins + int(seen["wins"][0]), losses + int(seen["losses"][0]), end
            if is_decided(wins, losses, alpha=self._rule.alpha):
                leader = "a" if wins > losses else "b"
                left = len(self._planned) - end
                self._say(f"Decided for {leader} after {end} of {len(self._planned)} items: {left} stay unasked")
                return

    def _seen(self, look: int, start: int, end: int) -> Table:
        """Fold what is known of one look: what an earlier process left, and what came now."""
        planned = self._planned.take(np.arange(start, end))
        known = self._known.take(self._rows_of_look.pop(look, np.empty(0, dtype=np.intp))).compact()
        said = known.joined(settle(self._new)).on(self._panel.criterion)
        self._new.clear()
        return follow(planned, said, self._panel)

    def _by_look(self) -> dict[int, Codes]:
        """Return, by look, the places of the judgments of its items among those that an earlier process left."""
        items = self._planned.places(self._known.items)
        looks = np.where(items >= 0, self._planned["look"][items], -1)[self._known.item] if len(self._known) else items
        by_look = np.argsort(looks, kind="stable")
        numbers, starts = np.unique(looks[by_look], return_index=True)
        return dict(zip(numbers.tolist(), np.split(by_look, starts[1:]), strict=True)) if len(self._known) else {}
