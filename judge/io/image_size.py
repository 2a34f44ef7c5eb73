"""Read an image's width and height from its header, without decoding it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Size = tuple[int, int]
"""width and height in pixels"""

JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""markers that are followed by the size: C4, C8 and CC mean tables"""
WEBP_BITS = 14


def pixel_size(content: bytes, media_type: str) -> Size | None:
    """Return the size that the header states; None where it states none."""
    try:
        width, height = _READERS[media_type](content) or (0, 0)
    except (struct.error, IndexError):
        return None
    return (width, height) if width and height else None


def _png(content: bytes) -> Size:
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _gif(content: bytes) -> Size:
    width, height = struct.unpack_from("<HH", content, 6)
    return width, height


def _jpeg(content: bytes) -> Size | None:
    """Walk over the segments to the frame's header."""
    at = 2
    while content[at] == 0xFF:  # noqa: PLR2004 - begins every marker
        marker = content[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - padding
            at += 1
            continue
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        (length,) = struct.unpack_from(">H", content, at + 2)
        at += 2 + length
    return None


def _webp(content: bytes) -> Size | None:
    """Read the first chunk: lossy, lossless or extended."""
    kind = content[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> WEBP_BITS & 0x3FFF) + 1
    if kind == b"VP8X":
        width, height = (int.from_bytes(content[start : start + 3], "little") for start in (24, 27))
        return width + 1, height + 1
    return None


_READERS: dict[str, Callable[[bytes], Size | None]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
}
