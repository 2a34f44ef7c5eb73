"""Files of a few kilobytes that take a machine's memory where nothing bounds what is read of them."""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
import zipfile
from pathlib import Path

import openpyxl
import polars as pl

PIECE = 16 * 2**20
LINE = b'{"id": "1", "trace": "%s"}\n'


def gzip_of_10_gb(path: Path) -> None:
    piece = gzip.compress(b"a" * PIECE)
    with path.open("wb") as file:
        for _ in range(640):
            file.write(piece)


def gzip_of_lines(path: Path) -> None:
    path.write_bytes(gzip.compress((LINE % (b"a" * 1000)) * 100_000))


def gzip_of_wrong_records(path: Path) -> None:
    path.write_bytes(gzip.compress(b"{}\n" * 10_000_000))


def gzip_of_blank_lines(path: Path) -> None:
    path.write_bytes(gzip.compress(b"\n" * 30_000_000))


def nested_gzip(path: Path) -> None:
    gzip_of_10_gb(path)
    path.write_bytes(gzip.compress(path.read_bytes()))


def sparse(path: Path) -> None:
    path.write_bytes(LINE % b"a")
    os.truncate(path, 4 * 2**30)


def larger_than_any(path: Path) -> None:
    sparse(path)
    os.truncate(path, 10 * 2**40)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def bound_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's address has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def deep_toml(path: Path) -> None:
    path.write_text(f"a = {'[' * 100_000}{']' * 100_000}\n")


def long_toml(path: Path) -> None:
    path.write_text("[judges]\n" + "".join(f"k{number}.model = 1\n" for number in range(1_000_000)))


def deep(path: Path) -> None:
    path.write_bytes(b'{"id": "1", "trace": "a", "m": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n")


def many_values(path: Path) -> None:
    path.write_bytes(gzip.compress(b'{"id": "1", "trace": "a", "m": [' + b"{}," * 7_000_000 + b"{}]}\n"))


def many_keys(path: Path) -> None:
    keys = ",".join(f'"{number:x}":0' for number in range(1_900_000))
    path.write_bytes(gzip.compress(f'{{"id": "1", "trace": "a", {keys}}}\n'.encode()))


def wide_text(path: Path) -> None:
    """One character beyond the first planes makes Python keep every character in four bytes."""
    path.write_bytes(gzip.compress(LINE % ("😀".encode() + b"a" * 30 * 2**20)))


def long_id(path: Path) -> None:
    path.write_text(json.dumps({"id": "1" * 10_000, "trace": "a"}) + "\n")


def document(path: Path) -> None:
    path.write_bytes(gzip.compress(b"[" + b"[]," * 10_000_000 + b"[]]"))


def table(path: Path) -> None:
    path.write_bytes(gzip.compress(b"index\tprediction\tquestion" + b"\t" * 20_000_000 + b"\n1\ta\tb\n"))


def far_cell(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "index"
    book.active["XFD1048576"] = "far"
    book.save(path)


def repeated_text(path: Path) -> None:
    """One shared text of 30 MB that a thousand cells show."""
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 1001))
    _write_sheet(path, cells, b"a" * 30_000_000)


def lying_archive(path: Path) -> None:
    """A part that unpacks into 500 MB, and is said to have 100 bytes."""
    _write_sheet(path, '<row r="1"><c r="A1" t="s"><v>0</v></c></row>', b"a" * 500_000_000)
    with zipfile.ZipFile(path) as archive:
        unpacked = archive.getinfo("xl/sharedStrings.xml").file_size
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", unpacked), struct.pack("<I", 100)))


def _write_sheet(path: Path, rows: str, shared: bytes) -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = "http://schemas.openxmlformats.org/package/2006/relationships"
    link = '<Relationship Id="r{0}" Type="' + office + '/{1}" Target="{2}"/>'
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{related}">{link.format(1, "officeDocument", "xl/workbook.xml")}',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{related}">'
        + link.format(1, "worksheet", "worksheets/sheet1.xml")
        + link.format(2, "sharedStrings", "sharedStrings.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{main}"><si><t>%s</t></si></sst>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            closed = part + "</Relationships>" if name.endswith("rels") else part
            archive.writestr(name, closed.encode().replace(b"%s", shared))


def parquet_cell(path: Path) -> None:
    pl.DataFrame({"id": ["1"], "question": ["a" * 300_000_000]}).write_parquet(path, compression="zstd")


def parquet_of_one_text(path: Path) -> None:
    """A text of 40 MB that a dictionary holds once and 300 rows show."""
    text = pl.Series("question", ["a" * 40_000_000]).new_from_index(0, 300)
    ids = pl.Series("id", [str(number) for number in range(300)])
    pl.DataFrame([ids, text]).write_parquet(path, compression="zstd")


def parquet_of_nulls(path: Path) -> None:
    rows = pl.select(id=pl.int_range(20_000_000, dtype=pl.Int64) * 0, question=pl.lit(None, dtype=pl.String))
    rows.write_parquet(path, compression="zstd")
