"""Write a report in a form that goes into a paper, a page or another program."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from judge.io.files import as_json_bytes
from judge.io.render.html_fragment import as_html
from judge.io.render.latex import as_latex
from judge.io.render.markdown import as_markdown
from judge.io.render.tidy_csv import as_csv

if TYPE_CHECKING:
    from judge.io.render.document import Document


class Form(StrEnum):
    """What a report may be written in."""

    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"
    HTML_FRAGMENT = "html-fragment"


def written(document: Document, form: Form) -> str:
    """Write a report, with a final newline."""
    match form:
        case Form.MARKDOWN:
            return as_markdown(document)
        case Form.LATEX:
            return as_latex(document)
        case Form.CSV:
            return as_csv(document)
        case Form.HTML_FRAGMENT:
            return as_html(document)
        case Form.JSON:
            return as_json_bytes(document.json).decode()
        case _:
            assert_never(form)
