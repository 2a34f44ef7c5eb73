"""Report what people's labels say of a run, from its folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.comparison.derive_report import item_features, subject_of
from judge.errors import InputError, RunError
from judge.labels.human_labels import PeopleReport, PeopleReportOptions, draws_by_size, report_people
from judge.labels.labels_file import labels_path, read_labels
from judge.outcomes.counted_items import fold_panel
from judge.outcomes.estimates import Basis
from judge.outcomes.item_features import WantedFields
from judge.outcomes.latest_judgments import latest_judgments

if TYPE_CHECKING:
    from judge.runs.journal import RunFolder


def make_people_report(folder: RunFolder, asked: PeopleReportOptions, *, cluster: str | None = None) -> PeopleReport:
    """Compare the labels of a run with its judgments; the same folder gives the same report.

    Args:
        folder: the run.
        asked: which draw, and the width of the interval to plan for.
        cluster: the field whose values make clusters; None: items that share images.

    Raises:
        InputError: no item has that field, or no label that draw.
        RunError: there are no labels, or the folder is damaged.
    """
    manifest = folder.manifest()
    labels = list(read_labels(labels_path(folder.path)))
    if not labels:
        raise RunError(f"{folder.path}: no labels yet; `omr-judge label` and `omr-judge packet` gather them")
    draws = draws_by_size(labels)
    if asked.draw is not None and asked.draw not in draws:
        raise InputError(f"--draw {asked.draw}", "no label belongs to it", f"draws with labels: {', '.join(draws)}")
    subject = subject_of(manifest, item_features(folder, manifest, WantedFields(cluster)))
    counted = fold_panel(latest_judgments(folder.judgments()), subject, Basis(manifest.method, manifest.seed)).together
    n_items = manifest.n_items - len(manifest.identical)
    return report_people(labels, counted, asked, judges=subject.judges, n_items=n_items)
