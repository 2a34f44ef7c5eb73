"""Write a report's tables as HTML that can stand in any page: no script, no style, nothing fetched."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from judge.io.render.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.io.render.cells import Table
    from judge.io.render.document import Document


def as_html(document: Document) -> str:
    """Return a section of figures with one captioned table each, warnings and the concluding sentence."""
    figures = [_figure(table, document.basis) for table in document.tables]
    told = [f"<p>Warning: {escaped(warning)}</p>" for warning in document.warnings]
    last = f"<p><strong>{escaped(document.conclusion)}</strong></p>"
    return "\n".join(["<section>", *figures, *told, last, "</section>"]) + "\n"


def escaped(text: str) -> str:
    """Return text as HTML that shows it, in an element or a quoted attribute."""
    return html.escape(safe(text))


def _figure(table: Table, basis: str) -> str:
    rows = [(row.name, [cell.text for cell in row.cells]) for row in table.rows]
    columns = (_header(label, "col") for label in table.columns.values())
    lines = [
        "<figure>",
        "<table>",
        f"<caption>{escaped(table.caption(basis))}</caption>",
        f"<thead>{_line(_header(table.of, 'col'), columns)}</thead>",
        "<tbody>",
        *(_line(_header(name, "row"), (f"<td>{escaped(text)}</td>" for text in cells)) for name, cells in rows),
        "</tbody>",
        "</table>",
        "</figure>",
    ]
    return "\n".join(lines)


def _header(text: str, scope: str) -> str:
    return f'<th scope="{scope}">{escaped(text)}</th>'


def _line(first: str, rest: Iterable[str]) -> str:
    return f"<tr>{first}{''.join(rest)}</tr>"
