"""Write a report in a form that goes into a paper, a page or another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from judge.enums import ReportFormat
from judge.io.files import as_json_bytes
from judge.io.render.html_fragment import as_html
from judge.io.render.latex import as_latex
from judge.io.render.markdown import as_markdown
from judge.io.render.tidy_csv import as_csv

if TYPE_CHECKING:
    from judge.io.render.document import Document


def written(document: Document, form: ReportFormat) -> str:
    """Write a report, with a final newline."""
    match form:
        case ReportFormat.MARKDOWN:
            return as_markdown(document)
        case ReportFormat.LATEX:
            return as_latex(document)
        case ReportFormat.CSV:
            return as_csv(document)
        case ReportFormat.HTML_FRAGMENT:
            return as_html(document)
        case ReportFormat.JSON:
            return as_json_bytes(document.json).decode()
        case ReportFormat.TERMINAL:
            raise ValueError("what is drawn on the terminal is not written")
        case _:
            assert_never(form)
