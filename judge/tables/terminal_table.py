"""Render a table on the terminal, as narrow as the terminal is."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple, Self

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from judge.files.safe_text import safe

if TYPE_CHECKING:
    from judge.tables import cells

NAME_WIDTH = 20
"""columns that the longest word of a row's name may claim; longer ones are folded"""


class _Form(NamedTuple):
    """How a table is written."""

    headings: list[str]
    texts: list[list[str]]
    """of the cells, by row"""
    padding: int = 1
    """blanks on either side of a column"""

    def widths(self) -> list[int]:
        """Return how wide each column is, without its padding."""
        columns = zip(self.headings, *self.texts, strict=True)
        return [max(cell_len(line) for text in column for line in text.split("\n")) for column in columns]

    def fits(self, names: int, width: int) -> bool:
        """Return whether the table fits a width, with a first column of width `names`."""
        return sum(own + 2 * self.padding + 1 for own in [names, *self.widths()]) + 1 <= width

    def folded(self) -> Self:
        """Fold headings to the width of their columns."""
        columns = zip(*self.texts, strict=True) if self.texts else [()] * len(self.headings)
        cells = [max((cell_len(line) for text in column for line in text.split("\n")), default=1) for column in columns]
        folded = [_fold(heading, width) for heading, width in zip(self.headings, cells, strict=True)]
        return self._replace(headings=folded)

    def stacked(self, *, ends: bool = False) -> Self:
        """Write each rate above its interval; on request also below its fraction, and the ends one above the other."""
        breaks = {" [": "\n[", **({", ": ",\n", " = ": " =\n"} if ends else {})}
        texts = self.texts
        for old, new in breaks.items():
            texts = [[text.replace(old, new) for text in row] for row in texts]
        return self._replace(texts=texts)


def render_table(table: cells.Table, width: int, *, stacked: bool = False, errors: bool = False) -> Table:
    """Render a table.

    Args:
        table: what to draw.
        width: of the terminal. A table that is wider has its headings folded, then its intervals, and then loses its
            padding.
        stacked: whether each rate stands above its interval in any case.
        errors: whether to show standard errors.
    """
    table = table.with_errors() if errors else table
    words = " ".join([safe(table.of), *_names(table)]).split(" ")
    names = min(NAME_WIDTH, max(map(cell_len, words)))
    form = _Form(list(map(safe, table.columns.values())), [[cell.text for cell in row.cells] for row in table.rows])
    form = form.stacked() if stacked else form
    forms = [form, form.folded(), form.stacked().folded(), form.stacked(ends=True).folded()]
    forms.append(forms[-1]._replace(padding=0))
    chosen = next((one for one in forms if one.fits(names, width)), forms[-1])
    shown = Table(title=Text(safe(table.title)), title_justify="left", padding=(0, chosen.padding))
    shown.add_column(safe(table.of), overflow="fold", min_width=names)
    for heading in chosen.headings:
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, texts in zip(_names(table), chosen.texts, strict=True):
        shown.add_row(Text(name), *texts)
    shown.caption = Text(safe(table.note)) if table.note else None
    return shown


def _names(table: cells.Table) -> list[str]:
    return [safe(row.name) for row in table.rows]


def _fold(heading: str, width: int) -> str:
    """Break a heading between words where it is wider than its column and its longest word."""
    least = max(width, *(len(word) for word in heading.split()))
    return "\n".join(wrap(heading, least, break_long_words=False, break_on_hyphens=False))
