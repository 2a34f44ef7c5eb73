"""A certificate on the terminal: the selectivity matrix, the operators, and the line that reports print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from judge.files.safe_text import safe
from judge.report.certificate import CertificateWord, judge_words
from judge.tables import cells
from judge.tables.cells import Table
from judge.tables.terminal_table import render_table

if TYPE_CHECKING:
    from rich.console import Console

    from judge.report.certificate import Certificate, JudgeCertificate, PlantedRow

LEGEND = (
    "Share of pairs in which both orders prefer the original, by the criterion that the planted error is of (rows) and "
    "the one that moved (columns); placebo: both orders prefer the same trace though nothing is wrong. Low, high: "
    "one-sided exact bounds of 95 % on the error's own criterion."
)
SHORT = {CertificateWord.CERTIFIED: "passes", CertificateWord.NOT_CERTIFIED: "missed"}


def certificate_tables(name: str, judge: JudgeCertificate) -> list[Table]:
    """Return the matrix of a judge, what it makes of perception errors without the image, and its operators."""
    parts = {f"perception, {part}": row for part, row in judge.parts.items()}
    operators = Table.of_records(
        "operator",
        judge.operators,
        {"n": ("pairs", cells.count), "caught": ("caught", cells.count)},
        key="planted_operators",
        title=f"Errors caught by operator: {name}",
        judge=name,
    )
    return [_matrix(name, {**judge.rows, **parts}), operators]


def _matrix(name: str, rows: dict[str, PlantedRow]) -> Table:
    criteria = list(next(iter(rows.values())).moved)
    return Table(
        key="selectivity",
        title=f"What planted errors move: {name}",
        of="planted",
        columns={**{one: one for one in criteria}, "low": "low", "high": "high", "missing": "missing", "word": "test"},
        rows=tuple(
            cells.row(
                kind,
                *(cells.counted(row.moved[one]) for one in criteria),
                cells.share(row.low),
                cells.share(row.high),
                cells.count(row.missing),
                cells.in_words(SHORT.get(row.word, row.word) if row.word else None),
            )
            for kind, row in rows.items()
        ),
        judge=name,
        legend=LEGEND,
    )


def render_certificate(found: Certificate, console: Console) -> None:
    """Render a certificate: each judge's tables, what they say of it, and its word last."""
    for name, judge in found.judges.items():
        for table in certificate_tables(name, judge):
            console.print(render_table(table, console.width, stacked=True))
        if judge.halo is not None and judge.halo.estimate is not None:
            halo = cells.rate(judge.halo).text
            console.print(Text(f"The other criteria move {halo} % as often as the error's own."))
        told = f"{name}: {judge.word} (floor {100 * found.floor:g} %): {judge_words(judge)}."
        console.print(Text(safe(told), style="bold"))
    console.print(Text(LEGEND, style="dim"))
    if found.people:
        console.print(Text(safe(f"{found.people}.")))
