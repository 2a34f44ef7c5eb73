"""Strip an image file of its metadata, without decoding it.

What is left out never leaves this machine: EXIF, GPS, XMP, IPTC, comments, text, thumbnails, colour profiles, further
frames, and whatever follows the image's end.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from judge.images.file_types import Kind, UnusableError

PNG_RENDERED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"pHYs"}
WEBP_RENDERED = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH"}
WEBP_ALPHA = 0x10
"""the one bit of VP8X that says something of what is kept"""
MAX_SCANS = 100
"""of a progressive JPEG: each costs a pass over all pixels, and real ones have about ten"""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FOREIGN = re.compile(rb"[\s\0]*(<|PK|%PDF|Rar!|7z\xbc\xaf|MZ|\x7fELF|\x1f\x8b|#!)")
_ZIP_END = b"PK\x05\x06"
_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APPS = range(0xE0, 0xF0)
_JFIF, _ADOBE = 0xE0, 0xEE
_JFIF_BARE = 16
"""length of a JFIF segment without a thumbnail"""
_GIF_IMAGE, _GIF_EXTENSION, _GIF_CONTROL, _GIF_END = 0x2C, 0x21, 0xF9, 0x3B


def strip_metadata(content: bytes, kind: Kind) -> bytes | None:
    """Return the same picture's file without metadata: the very bytes where there are none.

    Args:
        content: the file's bytes.
        kind: PNG, JPEG, WebP or GIF; any other is not read.

    Returns:
        None where only rendering the picture anew leaves metadata out.

    Raises:
        UnusableError: the file is cut off, or another file follows the image.
    """
    reader = {Kind.PNG: _png, Kind.JPEG: _jpeg, Kind.WEBP: _webp, Kind.GIF: _gif}.get(kind)
    if reader is None:
        return None
    try:
        return reader(content)
    except (struct.error, IndexError) as error:
        raise _cut() from error


def _cut() -> UnusableError:
    return UnusableError("is cut off: its end is missing", "copy or save it again")


def _check_tail(content: bytes, end: int) -> None:
    """Refuse an image in whose tail another file hides; other bytes there are merely left out."""
    tail = content[end:]
    if _FOREIGN.match(tail) or _ZIP_END in tail:
        raise UnusableError(
            f"another file hides behind the image's end ({len(tail)} bytes)", "save the image anew in an image program"
        )


def _png(content: bytes) -> bytes:
    kept, at = [content[:8]], 8
    while True:
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content):
            raise _cut()
        if name in PNG_RENDERED:
            kept.append(content[at:end])
        at = end
        if name == b"IEND":
            break
    _check_tail(content, at)
    return b"".join(kept)


def _jpeg(content: bytes) -> bytes:
    kept, at, scans, marker = [content[:2]], 2, 0, _SOI
    while True:
        found = _MARKER.search(content, at)
        if found is None:
            raise _cut()
        if marker == _SOS:
            kept.append(content[at : found.start()])
        at, marker = found.start(), content[found.start() + 1]
        if marker == _EOI:
            break
        (length,) = struct.unpack_from(">H", content, at + 2)
        if _is_rendered(marker, content[at + 4 : at + 10], length):
            kept.append(content[at : at + 2 + length])
        at += 2 + length
        scans += marker == _SOS
        if scans > MAX_SCANS:
            raise UnusableError(f"more than {MAX_SCANS} scans", "save it again as an ordinary JPEG")
    _check_tail(content, at + 2)
    return b"".join([*kept, content[at : at + 2]])


def _is_rendered(marker: int, beginning: bytes, length: int) -> bool:
    """Say whether a JPEG's segment is needed to draw it: tables, frames and scans, and how colours are coded."""
    if marker == _JFIF:
        return beginning.startswith(b"JFIF\0") and length == _JFIF_BARE
    if marker == _ADOBE:
        return beginning.startswith(b"Adobe")
    return marker not in _APPS and marker != _COM


def _webp(content: bytes) -> bytes | None:
    (size,) = struct.unpack_from("<I", content, 4)
    if size + 8 > len(content):
        raise _cut()
    _check_tail(content, size + 8)
    kept = []
    for name, data in _riff_chunks(content[: size + 8]):
        if name == b"ANMF":
            return None
        if name in WEBP_RENDERED:
            drawn = bytes([data[0] & WEBP_ALPHA]) + data[1:] if name == b"VP8X" else data
            kept.append(name + struct.pack("<I", len(drawn)) + drawn + bytes(len(drawn) % 2))
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        data = content[at + 8 : at + 8 + length]
        if len(data) < length:
            raise _cut()
        yield name, data
        at += 8 + length + length % 2


def _gif(content: bytes) -> bytes:
    """Keep the first frame; the others are not even walked over."""
    at = 13 + _table_length(content[10])
    kept = [content[:at]]
    while content[at] == _GIF_EXTENSION:
        end = _blocks_end(content, at + 2)
        if content[at + 1] == _GIF_CONTROL:
            kept.append(content[at:end])
        at = end
    if content[at] != _GIF_IMAGE:
        raise UnusableError("a GIF without a picture")
    end = _blocks_end(content, at + 11 + _table_length(content[at + 9]))
    kept += [content[at:end], bytes([_GIF_END])]
    if content[end : end + 1] == bytes([_GIF_END]):
        _check_tail(content, end + 1)
    return b"".join(kept)


def _table_length(flags: int) -> int:
    """Return the bytes of the colour table that a GIF's flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks_end(content: bytes, at: int) -> int:
    while content[at]:
        at += 1 + content[at]
    return at + 1
