"""Write a report's tables in LaTeX, with the rules of booktabs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from judge.io.render.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.io.render.cells import Table
    from judge.io.render.document import Document

SPECIAL = str.maketrans(
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
LIGATURE = re.compile(r"([-',])(?=\1)")
"""two of them would become one other sign"""
HEAD = r"""% \usepackage[T1]{fontenc}, \usepackage{booktabs}; with letters beyond Latin ones: LuaLaTeX or XeLaTeX"""


def as_latex(document: Document) -> str:
    """Return every table as a float with caption and label, then warnings and the concluding sentence."""
    floats = [_float(table, document.basis, number) for number, table in enumerate(document.tables, start=1)]
    warnings = [f"Warning: {escaped(warning)}" for warning in document.warnings]
    return "\n\n".join([HEAD, *floats, *warnings, escaped(document.conclusion)]) + "\n"


def escaped(text: str) -> str:
    """Return text as LaTeX that prints it, on one line."""
    return LIGATURE.sub(r"\1{}", " ".join(safe(text).split()).translate(SPECIAL))


def _float(table: Table, basis: str, number: int) -> str:
    rows = [[row.name, *(cell.text for cell in row.cells)] for row in table.rows]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escaped(table.caption(basis))}}}",
        rf"\label{{tab:judge-{number}-{table.key.replace('_', '-')}}}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        _line([table.of, *table.columns.values()]),
        r"\midrule",
        *map(_line, rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    """Return a row; a bracket or a star at its start would be an argument of the command before it."""
    row = " & ".join(map(escaped, cells))
    return f"{'{}' if row[:1] in {'[', '*'} else ''}{row} \\\\"
