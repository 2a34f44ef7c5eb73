"""What the library returns: a run that was judged, and a ranking, each shown in a notebook as its report."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, cast

import polars as pl

from judge.comparison.derive_report import save_report
from judge.enums import ReportFormat
from judge.export.write import tables_of
from judge.runs.run_folder import RunFolder
from judge.scoring.derive_score_report import save_score_report
from judge.tables.formats import written

if TYPE_CHECKING:
    from judge.ranking.ranking_report import RankingReport
    from judge.report.report import Report
    from judge.scoring.score_report import ScoreReport
    from judge.tables.cells import Document

AnyReport = TypeVar("AnyReport", bound="Report | ScoreReport")


class Shown(ABC):
    """What a notebook shows as its report."""

    @abstractmethod
    def _document(self) -> Document: ...

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it."""
        return written(self._document(), ReportFormat.HTML_FRAGMENT)

    def _repr_markdown_(self) -> str:
        """Return the report as Markdown."""
        return written(self._document(), ReportFormat.MARKDOWN)


class JudgedRun(Shown, Generic[AnyReport]):
    """A run: its folder, its report, and its rows.

    Args:
        folder: where it lies.
        notes: what was said while it was judged.
    """

    def __init__(self, folder: RunFolder, notes: Sequence[str] = ()) -> None:
        self.path = folder.path
        """its folder, which every command takes"""
        self.notes = tuple(notes)
        """notes and warnings of the judging, a line each"""
        self._folder = folder

    @cached_property
    def report(self) -> AnyReport:
        """The report (docs/report.md), as `report.json` has it; of a score that of docs/score.md."""
        is_score = self._folder.any_manifest().kind == "score"
        return cast("AnyReport", save_score_report(self._folder) if is_score else save_report(self._folder))

    def frame(self, table: Literal["items", "judgments"]) -> pl.DataFrame:
        """Return the rows of the items or of the judgments, with the columns of `omr-judge export`."""
        for found in tables_of(self._folder):
            if found.name == table:
                rows = [{column: row.get(column) for column in found.columns} for row in found.rows]
                return pl.DataFrame(rows, schema=pl.Schema(found.columns))
        raise ValueError(f"no table is called {table!r}; there are items and judgments")

    def _document(self) -> Document:
        from judge.report.report import Report  # noqa: PLC0415 - only where it is drawn
        from judge.scoring.score_document import score_document  # noqa: PLC0415
        from judge.tables.tables import comparison_document  # noqa: PLC0415

        report = self.report
        return comparison_document(report) if isinstance(report, Report) else score_document(report)

    def __repr__(self) -> str:
        return f"JudgedRun({str(self.path)!r})"


class Ranking(Shown):
    """Many models by rank.

    Args:
        report: of the ranking.
    """

    def __init__(self, report: RankingReport) -> None:
        self.report = report
        """the report (docs/report.md), as `omr-judge rank --json` prints it"""

    def frame(self, table: Literal["models", "pairs"]) -> pl.DataFrame:
        """Return the models by rank, or every pair that was judged, a row each and criterion.

        Columns are the fields of the report, those of a figure after its name: `rating_estimate`.
        """
        if table not in {"models", "pairs"}:
            raise ValueError(f"no table is called {table!r}; there are models and pairs")
        rows = [
            {"criterion": name} | row
            for name, found in self.report.criteria.items()
            for row in found.model_dump(mode="json")[table]
        ]
        return pl.json_normalize(rows, separator="_", infer_schema_length=None)

    def _document(self) -> Document:
        from judge.ranking.ranking_document import ranking_document  # noqa: PLC0415 - only where it is drawn

        return ranking_document(self.report)

    def __repr__(self) -> str:
        return f"Ranking({', '.join(self.report.models)})"
