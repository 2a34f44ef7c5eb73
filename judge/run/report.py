"""Derive the report of a run from its folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.core.prompting import parse_template
from judge.core.report import Facts, Models, Report, Subject, build_report
from judge.core.tally import settle
from judge.io.journal import write_json

if TYPE_CHECKING:
    from judge.core.stats.intervals import Method
    from judge.io.journal import RunFolder


def make_report(folder: RunFolder, *, method: Method | None = None) -> Report:
    """Fold the judgments of a run; the same folder gives the same report.

    Args:
        folder: the run.
        method: how to make intervals; None takes the run's own choice.
    """
    manifest = folder.manifest()
    rubric = manifest.rubric
    subject = Subject(
        judges=[judge.name for judge in manifest.judges] or list(manifest.imported_judges),
        criteria=[criterion.name for criterion in rubric.criteria],
        orders=manifest.orders,
        n_items=manifest.n_items,
        n_identical=len(manifest.identical),
    )
    facts = Facts(
        models=Models(a=manifest.model_a, b=manifest.model_b),
        prompt=parse_template(manifest.prompt, where="the run's prompt").label if manifest.prompt else None,
        rubric=f"{rubric.name}.v{rubric.version}",
        samples=manifest.samples,
        seed=manifest.seed,
        left_out=manifest.left_out,
    )
    return build_report(settle(folder.judgments()), subject, facts, method=method or manifest.interval)


def save_report(folder: RunFolder) -> Report:
    """Make the report with the run's own settings and write `report.json`."""
    report = make_report(folder)
    write_json(folder.report_path, report.model_dump(mode="json"))
    return report
