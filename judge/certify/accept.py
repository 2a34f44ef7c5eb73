"""Read people's labels of a run, and say which of its items can be accepted as judged."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from judge.comparison.derive_report import read_verdicts
from judge.errors import InputError
from judge.labels.check_labels import LabelCheck, checked_labels
from judge.labels.labels import labels_path, latest_labels
from judge.outcomes.counted_items import fold_panel
from judge.outcomes.rates import Basis
from judge.report.acceptance import Acceptance, accept, confidence

if TYPE_CHECKING:
    from judge.outcomes.item_features import WantedFields
    from judge.runs.run_folder import RunFolder
    from judge.schema import Label

OPTION = "--accept-error"


def find_acceptance(folder: RunFolder, error: float, wanted: WantedFields) -> Acceptance:
    """Say which items of a run can be accepted, by the labels of its largest simple random sample.

    Raises:
        InputError: no label is of such a sample.
        RunError: a label does not fit the run, or the folder is damaged.
    """
    manifest = folder.manifest()
    overall = manifest.rubric.criteria[-1].name
    labels = checked_labels(folder, LabelCheck(folder, manifest)) if labels_path(folder.path).exists() else ()
    by_draw: dict[str, list[Label]] = {}
    for label in latest_labels(labels):
        if label.draw is not None and label.criterion == overall:
            by_draw.setdefault(label.draw, []).append(label)
    even = {draw: own for draw, own in by_draw.items() if len({label.weight for label in own}) == 1}
    if not even:
        problem = f"no label on {overall} is of a simple random sample of this run"
        raise InputError(OPTION, problem, "`omr-judge label` or `packet` draw one; import what people said")
    draw = max(sorted(even), key=lambda name: len({label.item for label in even[name]}))
    latest, subject, *_ = read_verdicts(folder, manifest, wanted)
    counted = fold_panel(latest, subject, Basis(manifest.method, manifest.seed)).together
    said = dict(confidence(counted).select("item", "outcome").iter_rows())
    right = {item: winner == said.get(item) for item, winner in _winners(even[draw]).items()}
    identical = set(manifest.identical)
    items = tuple(pair.item.id for pair in folder.pairs() if pair.item.id not in identical)
    return accept(counted, right, items, error=error, draw=draw)


def _winners(labels: list[Label]) -> dict[str, str]:
    """Return by item whom people prefer; where readers disagree, whom most do, or nobody: then no judge is right."""
    said: dict[str, Counter[str]] = {}
    for label in labels:
        said.setdefault(label.item, Counter())[label.winner.value] += 1
    most = {item: votes.most_common(1)[0] for item, votes in said.items()}
    return {item: winner if 2 * n > said[item].total() else "" for item, (winner, n) in most.items()}
