"""A report as a value that any writer can write: tables, and what must be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from judge.tables import words
from judge.tables.tables import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from judge.report.report import Report
    from judge.tables.cells import Table


class Document(NamedTuple):
    """Everything that a paper, a page or a program takes from a report."""

    tables: tuple[Table, ...]
    basis: str
    """what the numbers rest on, as sentences"""
    settings: Mapping[str, str | float | None]
    """the same for programs"""
    warnings: tuple[str, ...]
    conclusion: str
    """one sentence"""
    json: dict[str, Any]
    """the report itself"""


def comparison(report: Report) -> Document:
    """Return the document of a comparison's report."""
    made = report.interval
    settings = {
        "model_a": report.models.a,
        "model_b": report.models.b,
        "judges": ", ".join(report.judges),
        "pooling": report.pooling,
        "prompt": report.prompt,
        "rubric": report.rubric,
        "orders": report.orders,
        "cluster_field": report.clusters.field,
        "interval_method": made.method,
        "samples": report.samples,
        "n_items": report.n_items,
        "n_clusters": report.clusters.n,
        "n_judgments": report.n_judgments,
        "n_failed": report.n_failed,
        "interval_level": made.level,
        "n_resamples": made.n_resamples,
        "seed": made.seed,
    }
    return Document(
        tables=tuple(tables(report)),
        basis=words.basis(report),
        settings=settings,
        warnings=report.warnings,
        conclusion=words.conclusion(report),
        json=report.model_dump(mode="json"),
    )
