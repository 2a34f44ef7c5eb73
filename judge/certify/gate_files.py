"""The outcome of a gate for what runs it: JUnit's XML, and a summary in Markdown."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from judge.certify.gate import GateWord
from judge.errors import InputError
from judge.files.safe_text import safe

if TYPE_CHECKING:
    from judge.certify.gate import GateReport

_ELEMENTS = {GateWord.FAIL: "failure", GateWord.UNKNOWN: "error"}
"""what JUnit's readers take for not passed; `error`: the test could not tell"""
_NOT_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


def junit(found: GateReport) -> bytes:
    """Return a gate as a JUnit suite with one case a condition."""
    words = Counter(one.word for one in found.conditions)
    counts = {
        "tests": str(len(found.conditions)),
        "failures": str(words[GateWord.FAIL]),
        "errors": str(words[GateWord.UNKNOWN]),
    }
    suite = Element("testsuite", {"name": _text(f"omr-judge gate {found.run}"), **counts})
    for one in found.conditions:
        case = SubElement(suite, "testcase", {"classname": _text(found.run), "name": _text(one.name)})
        if element := _ELEMENTS.get(one.word):
            SubElement(case, element, {"type": one.word, "message": _text(one.detail)})
    indent(suite)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suite) + b"\n"


def markdown(found: GateReport) -> str:
    """Return a gate as a heading with its word, and a table of its conditions."""
    rows = [f"| {_cell(one.word)} | {_cell(one.name)} | {_cell(one.detail)} |" for one in found.conditions]
    heading = f"### Gate: {found.word}\n\n{_cell(found.model)} against {_cell(found.against)}, run {_cell(found.run)}"
    return "\n".join([heading, "", "| | condition | |", "|---|---|---|", *rows, "", ""])


def write_gate_file(path: Path, content: bytes, *, append: bool = False) -> None:
    """Write a file that a person named, or append to it; InputError where that cannot be."""
    try:
        with path.open("ab" if append else "wb") as file:
            file.write(content)
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror}", "name another file") from error


def _text(text: str) -> str:
    """Return a text without the characters that no XML holds."""
    return _NOT_XML.sub("\ufffd", text)


def _cell(text: str) -> str:
    """Return a text as Markdown that means nothing but itself, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(safe(text).split()))
