"""Write the items of a run with the checklists that it made, and report on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import orjson

from judge.checklists.checklist_report import ChecklistReport, Tally, WrittenItem, outcome_of
from judge.costs.spending import Spending
from judge.errors import RunError
from judge.files.files import replacing, write_json
from judge.files.limits import open_regular
from judge.files.sealing import unseal
from judge.inputs.item_fields import item_record
from judge.prompting.checklist_writing import WRITING
from judge.prompting.pairwise_prompt import parse_template
from judge.runs.manifest import ChecklistManifest
from judge.runs.members import JUDGMENT
from judge.schema import Failed, Result

if TYPE_CHECKING:
    from judge.runs.run_folder import RunFolder


class _Place(NamedTuple):
    offset: int
    """in bytes"""
    written: bool
    """whether it holds a checklist"""


def save_checklists(folder: RunFolder, to: Path | None = None) -> tuple[ChecklistReport, Path]:
    """Write all items, each with the checklist that was made for it, and `report.json`; memory holds no text.

    Returns the report, and the file that was written.

    Args:
        folder: a run that writes checklists; what it did not ask yet is left without.
        to: the file; None takes the one that the run was begun with.

    Raises:
        RunError: the run is of another kind, or damaged; the file cannot be written.
    """
    manifest = _manifest_of(folder)
    path = to.absolute() if to else Path(manifest.to)
    with replacing(path) as file:

        def write(outcome: WrittenItem) -> None:
            record = item_record(outcome.item, beside=path.parent)
            if outcome.made:
                digest = hashlib.sha256((outcome.item.reference_reasoning or "").encode()).hexdigest()
                source = {"judge": manifest.judges[0].name, "prompt": _label(manifest), "reference_sha256": digest}
                record["checklist_source"] = source
            file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))

        report = make_checklist_report(folder, told=write)
    write_json(folder.report_path, report.model_dump(mode="json"))
    return report, path


def make_checklist_report(
    folder: RunFolder, *, told: Callable[[WrittenItem], None] = lambda _: None
) -> ChecklistReport:
    """Report on the checklists of a run, and tell of the outcome of each item, in the order of the file.

    Raises:
        RunError: the run is of another kind, or damaged.
    """
    manifest = _manifest_of(folder)
    (judge,), tally, spending = manifest.judges, Tally(), Spending(manifest.prices)
    places = _places(folder, spending)
    with _results(folder, places) as result_of:
        for item in folder.items():
            outcome = outcome_of(item, result_of(item.id))
            tally.add(outcome)
            told(outcome)
    return tally.report(judge=judge.name, prompt=_label(manifest), cost=spending.of(judge.name))


def _manifest_of(folder: RunFolder) -> ChecklistManifest:
    manifest = folder.any_manifest()
    if not isinstance(manifest, ChecklistManifest):
        raise RunError(f"{folder.path}: a run of another kind (`{manifest.kind}`); this needs one made by `checklist`")
    return manifest


def _label(manifest: ChecklistManifest) -> str:
    return parse_template(manifest.prompt, where="the run's prompt", form=WRITING).label


def _places(folder: RunFolder, spending: Spending) -> dict[str, _Place]:
    """Return where the judgment of each item stands that counts: the last with a checklist, else the last failure."""
    places: dict[str, _Place] = {}
    for line, judgment in folder.placed_judgments():
        spending.add(judgment)
        written, known = not isinstance(judgment.result, Failed), places.get(judgment.item)
        if written or known is None or not known.written:
            places[judgment.item] = _Place(line.offset, written)
    return places


@contextmanager
def _results(folder: RunFolder, places: dict[str, _Place]) -> Iterator[Callable[[str], Result | None]]:
    """Yield a function that reads the result of an item's request from the journal; None where it has none."""
    if not places:
        yield lambda _: None
        return
    with open_regular(folder.judgments_path) as file:

        def result_of(item: str) -> Result | None:
            if (place := places.get(item)) is None:
                return None
            file.seek(place.offset)
            return JUDGMENT(unseal(file.readline()).content).result

        yield result_of
