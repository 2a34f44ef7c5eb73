"""The parts of the page of a comparison, and of that of a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from judge.enums import FailureMode
from judge.files.files import as_json_bytes
from judge.page.assemble import Parts, browser_key
from judge.page.plots import plotted, shares
from judge.page.sections import judgment_counts, sections, spending, subgroup
from judge.schema import Group
from judge.scoring import score_tables
from judge.scoring.score_screen import headline
from judge.scoring.scores import PARTS

if TYPE_CHECKING:
    from judge.page.contents import CaseContents, PairContents
    from judge.page.plots import Forest, Plotted
    from judge.page.spent import Spent
    from judge.report.report import Report
    from judge.runs.manifest import Manifest, ScoreManifest
    from judge.scoring.figures import Figures
    from judge.scoring.score_report import ScoreReport


def comparison_page(run: str, manifest: Manifest, report: Report, contents: PairContents, spent: Spent | None) -> Parts:
    """Return what the page of a comparison is made of."""
    head = {
        "run": run,
        "pairs_sha256": manifest.pairs_sha256,
        "key": browser_key(run, manifest.created),
        "models": report.models.model_dump(),
        "names": dict(zip("ab", report.models.names, strict=True)),
        "judges": report.judges,
        "criteria": [criterion.model_dump() for criterion in manifest.rubric.criteria],
        "orders": manifest.orders.value,
        "seed": manifest.seed,
    }
    shown = {"noun": "pairs", "run": run, "report": report, "manifest": manifest, "spent": spent}
    return Parts("comparison.html.j2", "pairs", head, contents, shown | sections(run, report, manifest))


def score_page(
    run: str, manifest: ScoreManifest, report: ScoreReport, contents: CaseContents, spent: Spent | None
) -> Parts:
    """Return what the page of a score is made of."""
    head = {
        "run": run,
        "key": browser_key(run, manifest.created),
        "model": report.model,
        "judges": report.judges,
        "groups": list(Group),
        "modes": list(FailureMode),
    }
    shown = {"noun": "traces", "run": run, "report": report, "manifest": manifest, "spent": spent}
    return Parts("score.html.j2", "cases", head, contents, shown | _score_sections(run, report, manifest))


def _score_sections(run: str, report: ScoreReport, manifest: ScoreManifest) -> dict[str, Any]:
    """Return what the template of the report shows, by name."""
    optional = {"with an unreadable answer": report.n_unread, "without a known answer": report.n_without_answer}
    return {
        "claim": headline(report, run)[0],
        "counts": judgment_counts(report) + [(name, f"{count:,}") for name, count in optional.items() if count],
        "totals": _percent("figure", _totals(report)),
        "groups": {group: _percent("part", rows) for group, rows in _groups(report).items()},
        "alone": {
            judge: _percent(
                "figure",
                [
                    *_totals(own),
                    *(
                        row._replace(name=f"{group}: {row.name}")
                        for group, rows in _groups(own).items()
                        for row in rows
                    ),
                ],
            )
            for judge, own in report.by_judge.items()
        },
        "legend": score_tables.LEGEND,
        "subgroups": {
            field: _percent(field, [subgroup(value, own.trace_score, small=own.small) for value, own in values.items()])
            for field, values in report.subgroups.items()
        },
        "modes": score_tables.failure_modes(report),
        "standings": score_tables.standings(report),
        "spending": spending(report),
        "manifest_json": as_json_bytes(manifest.model_dump(mode="json", by_alias=True)).decode(),
    }


def _percent(of: str, rows: list[Plotted]) -> Forest:
    return shares(of, "Mean over traces, %", rows, "traces")


def _totals(figures: Figures) -> list[Plotted]:
    return [plotted(told, getattr(figures, name)) for name, told in score_tables.TOTALS.items()]


def _groups(figures: Figures) -> dict[str, list[Plotted]]:
    """Return each group's figures by the group's name."""
    return {group.value: [plotted(part, getattr(own, part)) for part in PARTS] for group, own in figures.groups.items()}
