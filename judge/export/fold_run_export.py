"""Carry a run away: as tidy tables, or as preferences to train on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import polars as pl

from judge.audit.fold_run_counting import counting_journeys
from judge.comparison.derive_report import subject_of
from judge.enums import ExportFormat, Orders
from judge.errors import InputError
from judge.export.fold_run_score_export import write_score_tables
from judge.export.rows import (
    ITEMS,
    JUDGMENTS,
    LABELS,
    Provenance,
    agreed_items,
    counted_items,
    field_columns,
    item_row,
    item_rows,
    judgment_rows,
    label_row,
    preference,
)
from judge.export.write import write_json_lines, write_table
from judge.files.folders import filling
from judge.labels.ask_reader import chosen_criteria
from judge.labels.labels_file import labels_path, read_labels
from judge.outcomes.latest_judgments import latest_judgments
from judge.prompting.pairwise_prompt import parse_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from judge.export.rows import Row
    from judge.runs.journal import RunFolder
    from judge.runs.manifest import Manifest

BLOCK = 1 << 14
"""items that are joined with their outcomes at once"""


@dataclass(frozen=True)
class ExportOptions:
    """What to export as what; the last two are for preferences."""

    form: ExportFormat
    out: Path
    criterion: str | None = None
    """None: the rubric's last, the overall verdict"""
    min_agreement: float | None = None
    """least share of the judges' samples that say what the item's outcome says"""


def export_run(folder: RunFolder, options: ExportOptions) -> dict[str, int]:
    """Write a run's tables into a new folder, or its preferences into a new file; return how many rows each has.

    Raises:
        InputError: something is there already, an unknown criterion, or a run without preferences.
        RunError: the folder is damaged, or something cannot be written.
    """
    is_score = folder.any_manifest().kind == "score"
    if options.out.exists():
        raise InputError(f"--out {options.out}", "exists already", "give another path, or remove it")
    if options.form is ExportFormat.DPO:
        if is_score:
            raise InputError("--to dpo", "a score prefers no trace to another", "export a run of compare")
        return {"preferences": _write_preferences(folder, folder.manifest(), options)}
    for name, value in (("--criterion", options.criterion), ("--min-agreement", options.min_agreement)):
        if value is not None:
            raise InputError(name, f"chooses preferences, not rows of {options.form.value}", "use it with --to dpo")
    if is_score:
        return write_score_tables(folder, options.out, options.form)
    return _write_tables(folder, folder.manifest(), options)


def _write_tables(folder: RunFolder, manifest: Manifest, options: ExportOptions) -> dict[str, int]:
    criteria = [criterion.name for criterion in manifest.rubric.criteria]
    judged = (row for one in counting_journeys(folder) for row in judgment_rows(one, criteria, manifest.prices))
    labels = map(label_row, read_labels(labels_path(folder.path)))
    with filling(options.out) as hidden:
        return {
            "items": write_table(hidden, "items", _item_columns(folder), _item_rows(folder, manifest), options.form),
            "judgments": write_table(hidden, "judgments", JUDGMENTS, judged, options.form),
            "labels": write_table(hidden, "labels", LABELS, labels, options.form),
        }


def _item_columns(folder: RunFolder) -> dict[str, pl.DataType]:
    """Return the columns of the table of items, with one for each field that some item has."""
    fields = {name: None for row in _known_items(folder) for name in row if name.startswith("by_")}
    return {**ITEMS, **dict.fromkeys(fields, pl.String())}


def _item_rows(folder: RunFolder, manifest: Manifest) -> Iterator[Row]:
    subject = subject_of(manifest)
    counted = counted_items(latest_judgments(folder.judgments()), subject)
    known = _known_items(folder)
    while block := list(islice(known, BLOCK)):
        yield from item_rows(block, counted)


def _known_items(folder: RunFolder) -> Iterator[Row]:
    """Yield what is known of each item: by the pairs, else by what imported judgments say."""
    if folder.pairs_path.exists():
        yield from map(item_row, folder.pairs())
        return
    rows: dict[str, Row] = {}
    for judgment in folder.judgments():
        rows.setdefault(judgment.item, {"item": judgment.item}).update(field_columns(judgment.meta))
    yield from rows.values()


def _write_preferences(folder: RunFolder, manifest: Manifest, options: ExportOptions) -> int:
    if not folder.pairs_path.exists():
        raise InputError("--to dpo", f"the traces of {folder.name} are not known", "export a run of compare")
    if manifest.orders is not Orders.BOTH:
        raise InputError("--to dpo", "the run asked one order: nothing tells whether orders agree", "ask both orders")
    criterion = chosen_criteria(manifest, [options.criterion] if options.criterion else [])[0].name
    subject = subject_of(manifest)
    agreed = agreed_items(latest_judgments(folder.judgments()), subject, criterion)
    least = options.min_agreement or 0.0
    chosen = {item: (outcome, agreement) for item, (outcome, agreement) in agreed.items() if agreement >= least}
    if not chosen:
        problem = f"no item on {criterion} (orders agree on {len(agreed)} of {manifest.n_items})"
        raise InputError("--to dpo", problem, "a smaller --min-agreement, or another --criterion")
    return write_json_lines(options.out, _preferences(folder, manifest, criterion, chosen))


def _preferences(
    folder: RunFolder, manifest: Manifest, criterion: str, chosen: Mapping[str, tuple[str, float]]
) -> Iterator[Row]:
    """Yield the preferences in the pairs' order, those with images first.

    Readers guess a column's type from the first lines: lists that are all empty would make it one of nothing.
    """
    source = Provenance(
        criterion=criterion,
        judges=subject_of(manifest).judges,
        model_a=manifest.model_a,
        model_b=manifest.model_b,
        run=folder.name,
        judge_prompt=parse_template(manifest.prompt, where="the run's prompt").label if manifest.prompt else "",
        images=manifest.n_images > 0 and any(pair.item.images for pair in folder.pairs() if pair.item.id in chosen),
    )
    for with_images in (True, False) if source.images else (False,):
        for pair in folder.pairs():
            if pair.item.id in chosen and bool(pair.item.images) is with_images:
                yield preference(pair, *chosen[pair.item.id], source)
