"""Write tidy tables as CSV, JSON lines or Parquet, row by row: memory does not grow with the table."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import orjson
import polars as pl

from judge.audit.read_run import counting_journeys
from judge.comparison.derive_report import counted_verdicts
from judge.enums import ExportFormat, Orders
from judge.errors import InputError
from judge.export.rows import (
    CHANCES,
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
    preference,
)
from judge.export.score_rows import (
    CASE_ITEMS,
    CASE_JUDGMENTS,
    CLAIMS,
    UNITS,
    case_row,
    claim_rows,
    score_judgment_row,
    scored_rows,
    unit_rows,
)
from judge.files.files import replacing
from judge.files.folders import filling
from judge.labels.check_labels import LabelCheck, checked_labels
from judge.outcomes.latest_judgments import FrameBuilder
from judge.prompting.pairwise_plan import prompt_labels
from judge.runs.manifest import chosen_criteria
from judge.scoring.derive_score_report import make_score_report
from judge.tables.tidy_csv import harmless

if TYPE_CHECKING:
    from judge.export.rows import Row
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder

T = TypeVar("T")
BLOCK = 1 << 14
"""items that are joined with their outcomes at once"""


class ExportedTable(NamedTuple):
    """A table to write."""

    name: str
    columns: Mapping[str, pl.DataType]
    """with their types; a row that lacks one has null there"""
    rows: Iterable[Row]
    """one in memory at a time"""


def tables_of(folder: RunFolder) -> list[ExportedTable]:
    """Return the tables of a run, `items` and `judgments` among them."""
    if folder.any_manifest().kind == "score":
        return _score_tables(folder)
    return _comparison_tables(folder, folder.manifest())


def _score_tables(folder: RunFolder) -> list[ExportedTable]:
    scores = make_score_report(folder).scores
    prices = folder.score_manifest().prices
    return [
        _item_table(CASE_ITEMS, lambda: map(case_row, folder.cases()), lambda block: scored_rows(block, scores.items)),
        ExportedTable("units", UNITS, _unit_rows(folder, scores.units)),
        ExportedTable(
            "judgments",
            CASE_JUDGMENTS,
            (score_judgment_row(journey, prices) for journey in counting_journeys(folder)),
        ),
    ]


def _comparison_tables(folder: RunFolder, manifest: Manifest) -> list[ExportedTable]:
    criteria = [criterion.name for criterion in manifest.rubric.criteria]
    latest, subject, _ = counted_verdicts(folder, manifest)
    counted = counted_items(latest, subject)
    judged = (row for one in counting_journeys(folder) for row in judgment_rows(one, criteria, manifest.prices))
    labels = (label.model_dump(mode="json") for label in checked_labels(folder, LabelCheck(folder, manifest)))
    return [
        _item_table(ITEMS, lambda: _known_items(folder), lambda block: item_rows(block, counted)),
        ExportedTable("judgments", JUDGMENTS | (CHANCES if latest.n_soft else {}), judged),
        ExportedTable("labels", LABELS, labels),
    ]


def _item_table(
    columns: Mapping[str, pl.DataType],
    known: Callable[[], Iterator[Row]],
    complete: Callable[[Sequence[Row]], Iterator[Row]],
) -> ExportedTable:
    """Return the table of items, with a column for each field that some item has.

    Args:
        columns: that every run has.
        known: yields what is known of each item, every time from the first.
        complete: joins a block of them with what was judged.
    """
    fields = {name: pl.String() for row in known() for name in row if name.startswith("by_")}
    return ExportedTable("items", {**columns, **fields}, chain.from_iterable(map(complete, _blocks(known()))))


def _blocks(rows: Iterator[T]) -> Iterator[list[T]]:
    while block := list(islice(rows, BLOCK)):
        yield block


def _unit_rows(folder: RunFolder, units: pl.DataFrame) -> Iterator[Row]:
    claims = FrameBuilder(CLAIMS)
    for case in folder.cases():
        for row in claim_rows(case):
            claims.add(*row)
    known = claims.frame()
    plain = units.with_columns(pl.col("judge", "group", "mode").cast(pl.String), pl.col("sample").cast(pl.Int64))
    for block in _blocks(journey.judgment for journey in counting_journeys(folder)):
        yield from unit_rows(block, plain, known)


def write_table(folder: Path, table: ExportedTable, form: ExportFormat) -> int:
    """Write `folder/NAME.FORM`, in any form but `dpo`; return how many rows it has.

    Raises:
        RunError: it cannot be written.
    """
    path = folder / f"{table.name}.{form.value}"
    rows = ({column: row.get(column) for column in table.columns} for row in table.rows)
    match form:
        case ExportFormat.CSV:
            return _write_csv(path, list(table.columns), rows)
        case ExportFormat.PARQUET:
            return _write_parquet(path, table.columns, rows)
        case _:
            return write_json_lines(path, rows)


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write a JSON object a line; return how many.

    Raises:
        RunError: it cannot be written.
    """
    n = 0
    with replacing(path) as file:
        for n, row in enumerate(rows, start=1):  # noqa: B007 - returned
            file.write(orjson.dumps(row) + b"\n")
    return n


def _write_csv(path: Path, header: list[str], rows: Iterator[Mapping[str, Any]]) -> int:
    n = 0
    with replacing(path) as file:
        writer = csv.writer(codecs.getwriter("utf-8")(file), lineterminator="\n")
        writer.writerow(harmless(name) for name in header)
        for n, row in enumerate(rows, start=1):  # noqa: B007 - returned
            writer.writerow(_cell(value) for value in row.values())
    return n


def _cell(value: object) -> object:
    """Return what stands in a cell of CSV: no formula, numbers as numbers, nothing for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else value


def _write_parquet(path: Path, columns: Mapping[str, pl.DataType], rows: Iterator[Mapping[str, Any]]) -> int:
    lines = path.with_suffix(".jsonl")
    try:
        n = write_json_lines(lines, rows)
        if n:
            pl.scan_ndjson(lines, schema=pl.Schema(columns)).sink_parquet(path)
        else:
            pl.DataFrame(schema=pl.Schema(columns)).write_parquet(path)
        return n
    finally:
        lines.unlink(missing_ok=True)


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export; the last two are for preferences."""

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
    if options.out.exists():
        raise InputError(f"--out {options.out}", "exists already", "give another path, or remove it")
    if options.form is ExportFormat.DPO:
        if folder.any_manifest().kind == "score":
            raise InputError("--to dpo", "a score prefers no trace to another", "export a run of compare")
        return {"preferences": _write_preferences(folder, folder.manifest(), options)}
    for name, value in (("--criterion", options.criterion), ("--min-agreement", options.min_agreement)):
        if value is not None:
            raise InputError(name, f"chooses preferences, not rows of {options.form.value}", "use it with --to dpo")
    with filling(options.out) as hidden:
        return {table.name: write_table(hidden, table, options.form) for table in tables_of(folder)}


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
    latest, subject, _ = counted_verdicts(folder, manifest)
    agreed = agreed_items(latest, subject, criterion)
    least = options.min_agreement or 0.0
    chosen = {item: (outcome, agreement) for item, (outcome, agreement) in agreed.items() if agreement >= least}
    if not chosen:
        problem = f"no item on {criterion} (orders agree on {len(agreed)} of {manifest.n_items})"
        raise InputError("--to dpo", problem, "a smaller --min-agreement, or another --criterion")
    return write_json_lines(options.out, _preferences(folder, manifest, subject.judges, criterion, chosen))


def _preferences(
    folder: RunFolder,
    manifest: Manifest,
    judges: Sequence[str],
    criterion: str,
    chosen: Mapping[str, tuple[str, float]],
) -> Iterator[Row]:
    """Yield the preferences in the pairs' order, those with images first.

    Readers guess a column's type from the first lines: lists that are all empty would make it one of nothing.
    """
    source = Provenance(
        criterion=criterion,
        judges=judges,
        model_a=manifest.model_a,
        model_b=manifest.model_b,
        run=folder.name,
        judge_prompt=prompt_labels(manifest.prompt, manifest.judges) if manifest.prompt else "",
        images=manifest.n_images > 0 and any(pair.item.images for pair in folder.pairs() if pair.item.id in chosen),
    )
    for with_images in (True, False) if source.images else (False,):
        for pair in folder.pairs():
            if pair.item.id in chosen and bool(pair.item.images) is with_images:
                yield preference(pair, *chosen[pair.item.id], source)
