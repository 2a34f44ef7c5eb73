"""Derive the report of a score from its folder alone, and the difference of two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.costs.spending import Spending
from judge.enums import Method
from judge.errors import RunError
from judge.files.files import write_json
from judge.judging.run_kinds import score_plan_of
from judge.outcomes.item_features import WantedFields
from judge.outcomes.latest_judgments import latest_judgments
from judge.outcomes.rates import Basis
from judge.report.report import Models
from judge.runs.evidence import fingerprint_of
from judge.scoring.cases import features_of_cases
from judge.scoring.difference import ScoreDifference, compare_scores
from judge.scoring.figures import SCORE_METHOD
from judge.scoring.score_report import ScoredRun, ScoreSetting, build_score_report

if TYPE_CHECKING:
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.runs.run_folder import RunFolder
    from judge.scoring.cases import CaseFeatures
    from judge.scoring.score_report import ScoreReport

NOTHING_WANTED = WantedFields()


def make_score_report(
    folder: RunFolder, *, method: Method = SCORE_METHOD, wanted: WantedFields = NOTHING_WANTED
) -> ScoredRun:
    """Fold the judgments of a score; the same folder gives the same report.

    Args:
        folder: the run.
        method: how to make intervals.
        wanted: fields of the items that make clusters and subgroups.

    Raises:
        InputError: no item has a wanted field.
        RunError: the folder is damaged, or of another kind of run.
    """
    manifest = folder.score_manifest()
    features = features_of_cases(folder.cases(), wanted)  # first: it reads which items there are
    spending = Spending(manifest.prices)
    latest = latest_judgments(folder.judgments(), spending)
    _refuse_strange_units(folder, latest, features)
    setting = ScoreSetting(
        model=manifest.model,
        judges=manifest.judges,
        prompts={group: template.label for group, template in score_plan_of(manifest).templates.items()},
        samples=manifest.samples,
        seed=manifest.seed,
        left_out=manifest.left_out,
        costs={judge.name: spending.of(judge.name) for judge in manifest.judges},
        fingerprint=fingerprint_of(folder, manifest, latest),
    )
    return build_score_report(latest, features, setting, method=method)


def _refuse_strange_units(folder: RunFolder, latest: LatestJudgments, features: CaseFeatures) -> None:
    """Refuse verdicts on units that the item's checklist does not have."""
    known = features.units.select("item", "group", "unit")
    said = latest.requests.join(latest.units, on="place")
    for place, unit in said.join(known, on=["item", "group", "unit"], how="anti").select("place", "unit").iter_rows():
        where = f"{folder.judgments_path}:{place + 1}"
        raise RunError(f"{where}: damaged line: result.units: the checklist of the item has no unit {unit!r}")


def save_score_report(folder: RunFolder) -> ScoreReport:
    """Derive the report with default options and write `report.json`."""
    report = make_score_report(folder).report
    write_json(folder.report_path, report.model_dump(mode="json"))
    return report


def make_difference(
    a: RunFolder, b: RunFolder, *, method: Method, wanted: WantedFields = NOTHING_WANTED
) -> ScoreDifference:
    """Compare two scores item by item (arguments and errors as for `make_score_report`)."""
    runs = [make_score_report(folder, method=method, wanted=wanted) for folder in (a, b)]
    names = [run.report.model for run in runs]
    models = (
        Models(a=names[0], b=names[1]) if names[0] != names[1] else Models(a=f"{names[0]} (a)", b=f"{names[1]} (b)")
    )
    return compare_scores(runs[0].scores.items, runs[1].scores.items, models, Basis(method, a.score_manifest().seed))
