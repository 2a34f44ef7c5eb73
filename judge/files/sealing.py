"""Seal JSON with a checksum of its own bytes, so that what was changed since is told from what was written.

A sealed object ends in a field `seal`: eight hex digits, the CRC-32 of the bytes before that field. In a file of lines
the checksum goes on from the line before it, so that a line that was taken out, doubled or moved is found too. CRC-32
finds every change of up to 32 bits in a row, tells which byte it was, and costs a microsecond a line. It is no
signature: whoever means to deceive writes a new one, and is found by `omr-judge verify`, which reads each reply again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

_SEAL = re.compile(rb',\s*"seal": ?"(?P<digits>[0-9a-f]{8})"\s?\}\n?\Z')
_FIELD_BYTES = 48
"""more than the field takes at the end of an object"""


class Unsealed(NamedTuple):
    """JSON without its seal."""

    content: bytes
    seal: int | None
    """as it is stated; None: there is none"""
    holds: bool
    """whether it is the checksum of the content; True where there is none"""


def seal(content: bytes, before: int = 0) -> tuple[bytes, int]:
    """Return a JSON object, which has a field at least, with its seal at its end, and that seal.

    Args:
        content: the object on one line, or indented and with a final newline.
        before: the seal of the line before it; 0 for the first line, and for what is no line.
    """
    indent = content.endswith(b"\n")
    body = content[: -3 if indent else -1]
    checksum = crc32(body, before)
    return body + (b',\n  "seal": "%08x"\n}\n' if indent else b',"seal":"%08x"}') % checksum, checksum


def unseal(sealed: bytes, before: int = 0) -> Unsealed:
    """Part a JSON object from its seal (arguments as for `seal`; a final newline may be there or not)."""
    found = find_seal(sealed)
    if found is None:
        return Unsealed(sealed, None, holds=True)
    body, stated = sealed[: found.start()], int(found["digits"], 16)
    return Unsealed(body + b"}", stated, holds=crc32(body, before) == stated)


def find_seal(sealed: bytes) -> re.Match[bytes] | None:
    """Return where the seal stands, with its `digits`; None where there is none."""
    return _SEAL.search(sealed, max(0, len(sealed) - _FIELD_BYTES))


def seal_lines(contents: Iterable[bytes], before: int = 0) -> Iterator[bytes]:
    """Yield objects as sealed lines that go on from a line with the seal `before`."""
    for content in contents:
        line, before = seal(content, before)
        yield line + b"\n"
