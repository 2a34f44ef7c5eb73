"""Every sentence that a report can print stands in one list, to be read by whoever changes one.

`python tests/tables/test_sentences.py` writes the list anew: read the difference once before it is committed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).parent / "sentences.txt"
FILES = (
    *("tables/first_screen.py", "tables/notes.py", "tables/words.py", "tables/reliability_words.py"),
    *("tables/qualifiers.py", "tables/terminal.py", "tables/tables.py", "tables/control_tables.py"),
    *("tables/reliability_tables.py", "tables/rate_rows.py", "report/judge_signal.py", "report/conclusions.py"),
    *("report/control_report.py", "report/escalation.py", "report/acceptance.py", "report/certificate.py"),
    *("report/build_report.py", "costs/cost_words.py", "judging/progress.py", "page/several.py"),
    *("page/sections.py", "page/control_sections.py", "page/plots.py", "page/spent.py", "scoring/score_screen.py"),
)
ASKED = {"response A is better"}
"""what judges write, and not the program"""
OLD_WORDS = (
    "halo",
    "length-adjusted",
    "orders agree,",
    "first-slot rate",
    "jeffreys bootstrap",
    "- %",
    "a is better",
    "(s)",
)


def template(node: ast.expr) -> str | None:
    """Return the text of a string or f-string, with `…` for what is filled in; None for what is neither."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in values)
        case _:
            return None


def sentences(path: Path) -> Iterator[str]:
    """Yield the texts of a module that hold two words at least; docstrings are none of them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr) or id(node) in left_out or id(node) in inner:
            continue
        text = template(node)
        if text is not None and len(re.findall(r"[A-Za-z]{2,}", text)) > 1 and " " in text:
            yield " ".join(text.split())


def listed() -> str:
    lines = []
    for name in FILES:
        lines += [f"# {name}", *dict.fromkeys(sentences(ROOT / "judge" / name)), ""]
    return "\n".join(lines)


def test_every_sentence_of_a_report_is_in_the_list() -> None:
    assert listed() == LIST.read_text(encoding="utf-8")


@pytest.mark.parametrize("word", OLD_WORDS)
def test_no_sentence_of_the_program_has_a_word_that_the_field_does_not_use(word: str) -> None:
    files = [path for path in (ROOT / "judge").rglob("*.py") if word in path.read_text(encoding="utf-8").lower()]
    assert [text for path in files for text in sentences(path) if word in text.lower() and text not in ASKED] == []


if __name__ == "__main__":
    LIST.write_text(listed(), encoding="utf-8")
