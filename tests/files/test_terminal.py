"""What reaches a terminal is harmless, and there is one place that writes to it."""

# ruff: noqa: RUF001 - texts in other scripts

from __future__ import annotations

import re
from pathlib import Path

import pytest

import judge
from judge.files.safe_text import safe

PACKAGE = Path(judge.__file__).parent
WRITER = PACKAGE / "files" / "terminal.py"
APART = PACKAGE / "convert" / "sheet_process.py"
"""a process whose output another process reads"""


def test_no_other_module_writes_to_a_terminal() -> None:
    writes = re.compile(r"\bprint\(|sys\.std(out|err)\b|\becho\(|\bConsole\(\w")
    others = [path for path in PACKAGE.rglob("*.py") if path not in {WRITER, APART}]
    found = [f"{path}: {line}" for path in others for line in path.read_text().splitlines() if writes.search(line)]
    assert [line for line in found if ".print(" not in line and '"""' not in line] == []


@pytest.mark.parametrize(
    "text",
    [
        "سلام می\u200cخواهم",  # Persian joins and parts letters by an invisible character
        "हिन्\u200dदी",
        "👩\u200d⚕️",
        "\u0600١٢",
        "日本語、한국어, ελληνικά, עברית\tand\nlines",
    ],
)
def test_text_in_every_script_stays_readable(text: str) -> None:
    assert safe(text) == text


def test_joiners_between_latin_letters_are_shown_since_they_tell_names_apart() -> None:
    assert safe("pay\u200dpal\u200c") == "pay⟨U+200D⟩pal⟨U+200C⟩"
