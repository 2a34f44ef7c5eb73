"""Find out what of a sealed object was changed: which byte, and which field it lies in."""

from __future__ import annotations

import re
from zlib import crc32

from judge.files.sealing import find_seal

_TOKEN = re.compile(rb'[{}\[\],]|"(?P<text>(?:[^"\\]|\\.)*+)(?P<end>"|\\?\Z)', re.DOTALL)


def change_in(sealed: bytes, before: int = 0) -> str:
    """Say what of a sealed object was changed since it was sealed (arguments as for `unseal`)."""
    place = changed_byte(sealed, before)
    if place is None:
        return "changed since it was written, or not the line that was written here"
    return f"{field_at(sealed, place) or 'the line'}: changed since it was written (byte {place + 1})"


def changed_byte(sealed: bytes, before: int = 0) -> int | None:
    """Return where the one byte is that was changed, as an offset; None where more than one was.

    Two checksums differ by a number that the changed bits and their distance from the end alone decide: it is followed
    back byte by byte until it is what the bits of one byte make.
    """
    found = find_seal(sealed)
    if found is None:
        return None
    body, stated = sealed[: found.start()], found["digits"]
    checksum = crc32(body, before)
    wrong = [place for place, digit in enumerate(b"%08x" % checksum) if digit != stated[place]]
    if len(wrong) == 1:
        return found.start("digits") + wrong[0]
    difference = checksum ^ int(stated, 16)
    for place in range(len(body) - 1, -1, -1):
        byte = _BY_HIGH_BYTE[difference >> 24]
        difference = (difference ^ _EFFECTS[byte]) << 8 & 0xFFFFFFFF | byte
        if difference < len(_EFFECTS):
            return place
    return None


_EFFECTS = [crc32(bytes([byte])) ^ crc32(b"\0") for byte in range(256)]
"""what a change of these bits in the last byte changes of a checksum"""
_BY_HIGH_BYTE = {effect >> 24: byte for byte, effect in enumerate(_EFFECTS)}


def field_at(content: bytes, offset: int) -> str:
    """Return the path of the field of a JSON object in which a byte lies, such as `reply.text`.

    It is empty where the byte lies in the object itself. What follows the byte may be broken.
    """
    path: list[str | int | None] = []  # a key, a place in a list, or None: a key is to come
    for token in _TOKEN.finditer(content, 0, offset):
        match token[0]:
            case b"{":
                path.append(None)
            case b"[":
                path.append(0)
            case _ if not path:
                continue
            case b"}" | b"]":
                path.pop()
            case b",":
                last = path[-1]
                path[-1] = last + 1 if isinstance(last, int) else None
            case _ if path[-1] is None and token["end"] == b'"':
                path[-1] = token["text"].decode(errors="replace")
    return ".".join(str(step) for step in path if step is not None)
