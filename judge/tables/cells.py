"""A report as values that any writer can write: documents, tables, cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from judge.tables import words

if TYPE_CHECKING:
    from judge.outcomes.rates import Estimate, Figure

    RecordColumns = Mapping[str, tuple[str, Callable[[Any], "Cell"]]]


class Cell(NamedTuple):
    """What is shown, and the numbers behind it: rates in [0, 1]; words have none."""

    text: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    n: float | None = None
    numerator: float | None = None
    """the rate is numerator / n"""
    se: float | None = None
    error: str = ""
    """the standard error, on the scale of the text"""
    is_words: bool = False

    def with_error(self) -> Cell:
        """Show the standard error too, in parentheses before the interval."""
        rate, bracket, interval = self.text.partition(" [")
        return self._replace(text=f"{rate} ({self.error}){bracket}{interval}") if self.error else self


class TableRow(NamedTuple):
    """One line of a table."""

    name: str
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """One table of a report."""

    key: str
    """what it is about, for programs: letters and underscores"""
    title: str
    of: str
    """what a row stands for"""
    columns: dict[str, str]
    """for programs and for people"""
    rows: tuple[TableRow, ...]
    note: str = ""
    judge: str = ""
    """whose verdicts these are alone; empty: those of all judges together"""
    legend: str = ""
    """what its columns mean, where the table stands alone"""

    @classmethod
    def of_records(
        cls,
        of: str,
        records: Mapping[str, object],
        columns: RecordColumns,
        *,
        key: str,
        title: str,
        note: str = "",
        judge: str = "",
        legend: str = "",
    ) -> Table:
        """Return a table with one row a record.

        Args:
            of: what a record stands for.
            records: by the name of their row.
            columns: by field of the records, dotted where it lies deeper: the heading, and what makes a cell of it.
            key: as all that follows: the table's own.
            title: of the table.
            note: below it.
            judge: whose verdicts these are alone.
            legend: of its columns.
        """
        fields = {field: (attrgetter(field), cell) for field, (_, cell) in columns.items()}
        rows = tuple(
            row(name, *(cell(of_record(record)) for of_record, cell in fields.values()))
            for name, record in records.items()
        )
        headings = {field.rpartition(".")[2]: heading for field, (heading, _) in columns.items()}
        return cls(key, title, of, headings, rows, note, judge, legend)

    def with_errors(self) -> Table:
        """Show the standard errors of all rates."""
        rows = tuple(row._replace(cells=tuple(cell.with_error() for cell in row.cells)) for row in self.rows)
        return self._replace(rows=rows)

    def caption(self, basis: str) -> str:
        """Return the caption of the table where it stands alone, as sentences.

        Args:
            basis: what its numbers rest on.
        """
        judge = f"{self.judge} alone" if self.judge and self.judge not in self.title else ""
        parts = [part for part in (self.title, judge, self.legend, self.note) if part]
        return " ".join([*(part if part.endswith("?") else f"{part}." for part in parts), basis])


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

    def with_errors(self) -> Document:
        """Show the standard errors of all rates, and tell how they are made."""
        tables = tuple(table.with_errors() for table in self.tables)
        return self._replace(tables=tables, basis=f"{self.basis} {words.ERRORS}")


def row(name: str, *cells: Cell) -> TableRow:
    """Make a line of a table."""
    return TableRow(name, cells)


def rate(estimate: Estimate | Figure | None) -> Cell:
    """Show a rate in percent with its interval."""
    return Cell("-") if estimate is None else _figure(estimate, words.percent(estimate), times=100, digits=1)


def counted(estimate: Estimate | None) -> Cell:
    """Show a rate as a fraction of counts and in percent, with its interval."""
    shown = rate(estimate)
    return shown if estimate is None else shown._replace(text=words.counted(estimate))


def number(figure: Figure | None) -> Cell:
    """Show a number with its interval."""
    return Cell("-") if figure is None else _figure(figure, words.number(figure), times=1, digits=2)


def _figure(found: Estimate | Figure, text: str, *, times: float, digits: int) -> Cell:
    error = "" if found.se is None or found.estimate is None else f"{times * found.se:.{digits}f}"
    return Cell(text, error=error, **found.model_dump())


def share(value: float | None) -> Cell:
    """Show a rate without an interval, in percent."""
    return plain(value, f"{100 * (value or 0):.1f}")


def total(value: float | None) -> Cell:
    """Show a sum of credits."""
    return plain(value, words.amount(value or 0))


def count(value: int | None) -> Cell:
    """Show a count."""
    return plain(value, str(value))


def p_value(value: float | None) -> Cell:
    """Show a p-value."""
    return plain(value, "" if value is None else f"<{words.SMALLEST_P}" if value < words.SMALLEST_P else f"{value:.2g}")


def plain(value: float | None, text: str) -> Cell:
    """Show a number as the text says; a dash where there is none."""
    return Cell("-") if value is None else Cell(text, value)


def in_words(text: str | None) -> Cell:
    """Show words; a dash where there are none."""
    return Cell(str(text or "-"), is_words=True)
