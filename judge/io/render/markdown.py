"""Write a report's tables in the Markdown that GitHub draws."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from judge.io.render.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.io.render.cells import Table
    from judge.io.render.document import Document

ACTIVE = re.compile(r"[\\`*_\[\]<>|~#&$@]")
"""what Markdown, or HTML within it, would act on"""
LINK = re.compile(r"(?i):(?=//)|(?<=www)\.")
"""where GitHub makes a link of bare text"""


def as_markdown(document: Document) -> str:
    """Return every table below its caption, then warnings and the concluding sentence."""
    parts = [_table(table, document.basis) for table in document.tables]
    parts += [f"**Warning.** {escaped(warning)}" for warning in document.warnings]
    return "\n\n".join([*parts, f"**{escaped(document.conclusion)}**"]) + "\n"


def escaped(text: str) -> str:
    """Return text as Markdown that shows it, on one line, and does nothing else."""
    plain = ACTIVE.sub(r"\\\g<0>", " ".join(safe(text).split()))
    return LINK.sub(lambda found: f"&#{ord(found[0])};", plain)


def _table(table: Table, basis: str) -> str:
    rule = ["---", *("---:" for _ in table.columns)]
    rows = [[row.name, *(cell.text for cell in row.cells)] for row in table.rows]
    lines = [_line([table.of, *table.columns.values()]), f"| {' | '.join(rule)} |", *map(_line, rows)]
    return f"{escaped(table.caption(basis))}\n\n" + "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
