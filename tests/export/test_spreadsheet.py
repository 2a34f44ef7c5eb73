"""A CSV opened in LibreOffice: no cell of it is a formula, and every cell says what it should."""

from __future__ import annotations

import csv
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from export.test_export import BYPASSES
from msgspec import structs
from run_builder import A_WINS, make_pair, make_run

from judge.enums import ExportFormat
from judge.export.write import ExportOptions, export_run
from judge.tables.tidy_csv import harmless

SOFFICE = shutil.which("soffice")
EVALUATED = "CSV:44,34,76,1,,0,false,true,false,false,false,-1,true"
"""comma, double quote, UTF-8, from the first line; numbers detected, formulas evaluated, as one may ask"""
TABLE, TEXT = (f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("table", "text"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SOFFICE is None, reason="no soffice: apt-get install libreoffice-calc-nogui"),
]


def opened(path: Path) -> ET.Element:
    """Return a CSV file as LibreOffice understands it, in its own format."""
    profile = (path.parent / "profile").as_uri()
    command = ["soffice", f"-env:UserInstallation={profile}", "--headless", f"--infilter={EVALUATED}"]
    out = ["--convert-to", "fods", "--outdir", str(path.parent), str(path)]
    subprocess.run([*command, *out], check=True, capture_output=True, timeout=120)
    return ET.parse(path.with_suffix(".fods")).getroot()  # noqa: S314 - LibreOffice wrote it


def formulas(sheet: ET.Element) -> list[str]:
    return [cell.attrib[f"{TABLE}formula"] for cell in sheet.iter() if f"{TABLE}formula" in cell.attrib]


def texts(sheet: ET.Element) -> list[list[str]]:
    """Return the text of every cell of every row; a repeated cell counts as often as it stands there."""
    return [
        [
            "\n".join(map(line, cell.iter(f"{TEXT}p")))
            for cell in row.iter(f"{TABLE}table-cell")
            for _ in range(times(cell))
        ]
        for row in sheet.iter(f"{TABLE}table-row")
    ]


def times(cell: ET.Element) -> int:
    return int(cell.attrib.get(f"{TABLE}number-columns-repeated", "1"))


def line(paragraph: ET.Element) -> str:
    """Return a paragraph's text; tabs and repeated spaces are elements."""
    spelled = {f"{TEXT}tab": "\t", f"{TEXT}s": " "}
    before = [(spelled.get(part.tag, "") * int(part.attrib.get(f"{TEXT}c", "1")), part) for part in paragraph.iter()]
    return "".join(
        lead + (part.text or "") + ((part.tail or "") if part is not paragraph else "") for lead, part in before
    )


def test_a_hostile_cell_left_as_it_came_would_be_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "raw.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[text] for text in BYPASSES])
    assert formulas(opened(path))


def test_an_exported_csv_of_hostile_cells_has_no_formula_and_keeps_their_text(tmp_path: Path) -> None:
    pairs = [
        structs.replace(pair, item=structs.replace(pair.item, question=text))
        for number, text in enumerate(BYPASSES)
        for pair in [make_pair(f"q{number}")]
    ]
    run = make_run(tmp_path / "run", {pair.item.id: A_WINS for pair in pairs}, pairs)
    export_run(run, ExportOptions(ExportFormat.CSV, tmp_path / "csv"))
    sheet = opened(tmp_path / "csv/items.csv")
    assert formulas(sheet) == []
    head, *rows = texts(sheet)
    shown = {row[head.index("item")]: row[head.index("question")] for row in rows if row[0]}
    assert len(shown) == len(BYPASSES)
    for number, text in enumerate(BYPASSES):
        assert shown[f"q{number}"] == harmless(text), repr(text)
