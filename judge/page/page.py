"""Make the page of a comparison, and that of a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from judge.enums import FailureMode
from judge.files.files import as_json_bytes
from judge.page.assemble import Parts, assemble, browser_key
from judge.page.sections import judgment_counts, plotted, sections, spending
from judge.schema import Group
from judge.scoring import score_tables
from judge.scoring.score_document import conclusion
from judge.scoring.scores import PARTS

if TYPE_CHECKING:
    from judge.page.pair_contents import CaseContents, PairContents
    from judge.page.sections import Plotted
    from judge.report.report import Report
    from judge.runs.manifest import Manifest, ScoreManifest
    from judge.scoring.figures import Figures
    from judge.scoring.score_report import ScoreReport


class Page(NamedTuple):
    """What the page of a comparison is made of."""

    run: str
    """the run's name"""
    manifest: Manifest
    report: Report
    contents: PairContents


def build(page: Page, *, served: bool) -> str:
    """Return the page as one HTML document (see `assemble`)."""
    shown = {"noun": "pairs", "run": page.run, "report": page.report, "manifest": page.manifest}
    values = shown | sections(page.report, page.manifest)
    return assemble(Parts("comparison.html.j2", "pairs", _head(page), page.contents, values), served=served)


def _head(page: Page) -> dict[str, Any]:
    manifest = page.manifest
    return {
        "run": page.run,
        "pairs_sha256": manifest.pairs_sha256,
        "key": browser_key(page.run, manifest.created),
        "models": page.report.models.model_dump(),
        "judges": page.report.judges,
        "criteria": [criterion.model_dump() for criterion in manifest.rubric.criteria],
        "orders": manifest.orders.value,
        "seed": manifest.seed,
    }


class ScorePage(NamedTuple):
    """What the page of a score is made of."""

    run: str
    """the run's name"""
    manifest: ScoreManifest
    report: ScoreReport
    contents: CaseContents


def build_score(page: ScorePage, *, served: bool) -> str:
    """Return the page as one HTML document (see `assemble`)."""
    shown = {"noun": "traces", "run": page.run, "report": page.report, "manifest": page.manifest}
    values = shown | _score_sections(page.report, page.manifest)
    return assemble(Parts("score.html.j2", "cases", _score_head(page), page.contents, values), served=served)


def _score_head(page: ScorePage) -> dict[str, Any]:
    return {
        "run": page.run,
        "key": browser_key(page.run, page.manifest.created),
        "model": page.report.model,
        "judges": page.report.judges,
        "groups": list(Group),
        "modes": list(FailureMode),
    }


def _score_sections(report: ScoreReport, manifest: ScoreManifest) -> dict[str, Any]:
    """Return what the template of the report shows, by name."""
    return {
        "claim": conclusion(report),
        "counts": _counts(report),
        "totals": _totals(report),
        "groups": _groups(report),
        "alone": {judge: [*_totals(own), *_all_parts(own)] for judge, own in report.by_judge.items()},
        "legend": score_tables.LEGEND,
        "subgroups": {
            field: [
                plotted(value, own.trace_score, "few items: read nothing into it" if own.small else "")
                for value, own in values.items()
            ]
            for field, values in report.subgroups.items()
        },
        "modes": score_tables.failure_modes(report),
        "standings": score_tables.standings(report),
        "spending": spending(report),
        "manifest_json": as_json_bytes(manifest.model_dump(mode="json", by_alias=True)).decode(),
    }


def _totals(figures: Figures) -> list[Plotted]:
    return [plotted(told, getattr(figures, name)) for name, told in score_tables.TOTALS.items()]


def _groups(figures: Figures) -> dict[str, list[Plotted]]:
    """Return each group's figures by the group's name."""
    return {group.value: [plotted(part, getattr(own, part)) for part in PARTS] for group, own in figures.groups.items()}


def _all_parts(figures: Figures) -> list[Plotted]:
    return [row._replace(name=f"{group}: {row.name}") for group, rows in _groups(figures).items() for row in rows]


def _counts(report: ScoreReport) -> list[tuple[str, str]]:
    """Return the numbers that a reader looks for first, each with what it counts."""
    optional = {"with an unreadable answer": report.n_unread, "without a known answer": report.n_without_answer}
    return judgment_counts(report) + [(name, f"{count:,}") for name, count in optional.items() if count]
