"""Logs of inspect as they are (`.eval`, a zip archive of JSON files; 0.3.37 on), one sample in memory at a time."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO

if sys.version_info >= (3, 14):
    import zipfile

    from compression.zstd import ZstdError
else:  # inspect packs its logs with Zstandard, which the standard library reads since 3.14
    from backports.zstd import ZstdError, zipfile

from judge.convert.values import SourceRecord
from judge.errors import InputErrors
from judge.files.fields import RecordProblem
from judge.files.jsonl import refuse
from judge.files.limits import limits, record_too_large, unpacks_too_far
from judge.files.strict_json import parse_object

HEADERS = ("header.json", "_journal/start.json")
"""what was evaluated: written at the end, and of a log that never came to its end at the start"""


def is_inspect_archive(parts: set[str]) -> bool:
    """Say whether a zip archive of these parts is a log."""
    return any(header in parts for header in HEADERS)


def inspect_records(handle: BinaryIO, path: str) -> Iterator[SourceRecord]:
    """Yield each sample as a log of its own.

    Raises:
        InputErrors: the archive is damaged, packed in a way that cannot be read, or unpacks into too much.
    """
    packed = handle.seek(0, 2)
    handle.seek(0)
    with zipfile.ZipFile(handle) as archive:
        parts = {part.filename: part for part in archive.infolist()}
        if sum(part.file_size for part in parts.values()) > limits().unpacked_bytes(packed):
            raise InputErrors([unpacks_too_far(path)])
        header = _read(archive, parts[next(name for name in HEADERS if name in parts)], path)
        samples = [part for name, part in parts.items() if name.startswith("samples/") and name.endswith(".json")]
        if not samples:
            refuse(path, "a log without samples", "run the evaluation to its end, or give another log")
        for part in samples:
            where = f"{path}: {part.filename}"
            try:
                yield SourceRecord(where, {"eval": header.get("eval"), "samples": [_read(archive, part, path)]})
            except RecordProblem as problem:
                yield SourceRecord(where, problem)


def _read(archive: zipfile.ZipFile, part: zipfile.ZipInfo, path: str) -> dict[str, object]:
    """Read a part as an object, within the limit of a record."""
    if part.file_size > (most := limits().document_bytes):
        raise InputErrors([record_too_large(f"{path}: {part.filename}", most)])
    try:
        with archive.open(part) as content:
            return parse_object(content.read(most + 1), constants_as_null=True)
    except (NotImplementedError, zipfile.BadZipFile, EOFError, zlib.error, ZstdError) as error:
        refuse(
            f"{path}: {part.filename}", f"cannot be unpacked: {error}", f"unpack it: inspect log dump {path} > log.json"
        )
