"""Reports as Markdown, LaTeX, CSV, HTML and JSON."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, assert_never

from judge.enums import ReportFormat
from judge.files.files import as_json_bytes
from judge.files.safe_text import safe
from judge.tables.tidy_csv import as_csv

if TYPE_CHECKING:
    from judge.tables.cells import Document, Table

MARKDOWN_ACTIVE = re.compile(r"[\\`*_\[\]<>|~#&$@]")
"""what Markdown, or HTML within it, would act on"""
MARKDOWN_LINK = re.compile(r"(?i):(?=//)|(?<=www)\.")
"""where GitHub makes a link of bare text"""
LATEX_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "#": r"\#",
        "$": r"\$",
        "%": r"\%",
        "&": r"\&",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "`": r"\textasciigrave{}",
        '"': r"\textquotedbl{}",
        "±": r"\textpm{}",
        "⟨": r"\textlangle{}",
        "⟩": r"\textrangle{}",
    }
)
LATEX_LIGATURE = re.compile(r"([-',])(?=\1)")
"""two of them would become one other sign"""
LATEX_HEAD = (
    r"""% \usepackage[T1]{fontenc}, \usepackage{booktabs}; with letters beyond Latin ones: LuaLaTeX or XeLaTeX"""
)


def written(document: Document, form: ReportFormat) -> str:
    """Write a report, with a final newline."""
    match form:
        case ReportFormat.MARKDOWN:
            return _as_markdown(document)
        case ReportFormat.LATEX:
            return _as_latex(document)
        case ReportFormat.CSV:
            return as_csv(document)
        case ReportFormat.HTML_FRAGMENT:
            return _as_html(document)
        case ReportFormat.JSON:
            return as_json_bytes(document.json).decode()
        case ReportFormat.TERMINAL:
            raise ValueError("what is drawn on the terminal is not written")
        case _:
            assert_never(form)


def _rows(table: Table) -> list[list[str]]:
    """Return the texts of a table's rows, the header first."""
    return [
        [table.of, *table.columns.values()],
        *([row.name, *(cell.text for cell in row.cells)] for row in table.rows),
    ]


# The Markdown that GitHub draws


def _as_markdown(document: Document) -> str:
    """Return every table below its caption, then warnings and the concluding sentence."""
    parts = [_markdown_table(table, document.basis) for table in document.tables]
    parts += [f"**Warning.** {markdown_escaped(warning)}" for warning in document.warnings]
    return "\n\n".join([*parts, f"**{markdown_escaped(document.conclusion)}**"]) + "\n"


def markdown_escaped(text: str) -> str:
    """Escape text for Markdown, on one line."""
    plain = MARKDOWN_ACTIVE.sub(r"\\\g<0>", " ".join(safe(text).split()))
    return MARKDOWN_LINK.sub(lambda found: f"&#{ord(found[0])};", plain)


def _markdown_table(table: Table, basis: str) -> str:
    head, *rows = (f"| {' | '.join(map(markdown_escaped, row))} |" for row in _rows(table))
    rule = f"| {' | '.join(['---', *('---:' for _ in table.columns)])} |"
    return "\n".join([markdown_escaped(table.caption(basis)), "", head, rule, *rows])


# LaTeX with the rules of booktabs


def _as_latex(document: Document) -> str:
    """Return every table as a float with caption and label, then warnings and the concluding sentence."""
    floats = [_latex_float(table, document.basis, number) for number, table in enumerate(document.tables, start=1)]
    warnings = [f"Warning: {latex_escaped(warning)}" for warning in document.warnings]
    return "\n\n".join([LATEX_HEAD, *floats, *warnings, latex_escaped(document.conclusion)]) + "\n"


def latex_escaped(text: str) -> str:
    """Escape text for LaTeX, on one line."""
    return LATEX_LIGATURE.sub(r"\1{}", " ".join(safe(text).split()).translate(LATEX_SPECIAL))


def _latex_float(table: Table, basis: str, number: int) -> str:
    head, *rows = map(_latex_row, _rows(table))
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_escaped(table.caption(basis))}}}",
        rf"\label{{tab:judge-{number}-{table.key.replace('_', '-')}}}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        head,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _latex_row(cells: Iterable[str]) -> str:
    """Return a row; a bracket or a star at its start would be an argument of the command before it."""
    row = " & ".join(map(latex_escaped, cells))
    return f"{'{}' if row[:1] in {'[', '*'} else ''}{row} \\\\"


# HTML that can stand in any page: no script, no style, nothing fetched


def _as_html(document: Document) -> str:
    """Return a section of figures with one captioned table each, warnings and the concluding sentence."""
    figures = [_html_figure(table, document.basis) for table in document.tables]
    told = [f"<p>Warning: {html_escaped(warning)}</p>" for warning in document.warnings]
    last = f"<p><strong>{html_escaped(document.conclusion)}</strong></p>"
    return "\n".join(["<section>", *figures, *told, last, "</section>"]) + "\n"


def html_escaped(text: str) -> str:
    """Escape text for an HTML element or quoted attribute."""
    return html.escape(safe(text))


def _html_figure(table: Table, basis: str) -> str:
    head, *rows = _rows(table)
    lines = [
        "<figure>",
        "<table>",
        f"<caption>{html_escaped(table.caption(basis))}</caption>",
        f"<thead><tr>{''.join(_html_header(label, 'col') for label in head)}</tr></thead>",
        "<tbody>",
        *(
            f"<tr>{_html_header(name, 'row')}{''.join(f'<td>{html_escaped(text)}</td>' for text in cells)}</tr>"
            for name, *cells in rows
        ),
        "</tbody>",
        "</table>",
        "</figure>",
    ]
    return "\n".join(lines)


def _html_header(text: str, scope: str) -> str:
    return f'<th scope="{scope}">{html_escaped(text)}</th>'
