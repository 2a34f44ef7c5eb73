"""Formats of image files, by their bytes."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from judge.schema import MediaType

Size = tuple[int, int]
"""width and height in pixels"""
ACCEPTED = "accepted: PNG, JPEG, WebP, GIF, TIFF, BMP, DICOM"


class UnusableError(Exception):
    """A file cannot be shown to a judge.

    Args:
        problem: what is wrong, in a few words.
        hint: what to do about it; may be empty.
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem, self.hint = problem, hint
        super().__init__(problem)


class Kind(StrEnum):
    """A format; the values are Pillow's names, but for DICOM."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WEBP"
    GIF = "GIF"
    TIFF = "TIFF"
    BMP = "BMP"
    DICOM = "DICOM"


MEDIA_TYPES: dict[Kind, MediaType] = {
    Kind.PNG: "image/png",
    Kind.JPEG: "image/jpeg",
    Kind.WEBP: "image/webp",
    Kind.GIF: "image/gif",
}
"""of the kinds that judges take; the others are always drawn anew"""
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")
_OTHERS = (
    (re.compile(rb"PK[\x03\x05]"), "a ZIP archive"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb"\x1f\x8b"), "gzip data"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg", re.IGNORECASE | re.DOTALL), "SVG"),
    (re.compile(rb"\s*<(!doctype html|html|head|body|script)", re.IGNORECASE), "HTML"),
    (re.compile(rb"....ftyp(heic|heix|mif1|avif)", re.DOTALL), "HEIC or AVIF"),
)


def kind_of(content: bytes) -> Kind:
    """Return a file's format; UnusableError, naming what it is instead, where it is none of ours."""
    starts = {b"\x89PNG\r\n\x1a\n": Kind.PNG, b"\xff\xd8\xff": Kind.JPEG, b"GIF87a": Kind.GIF, b"GIF89a": Kind.GIF}
    for start, kind in starts.items():
        if content.startswith(start):
            return kind
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return Kind.WEBP
    if content[128:132] == b"DICM":
        return Kind.DICOM
    if content.startswith((b"II*\0", b"MM\0*")):
        return Kind.TIFF
    if content.startswith(b"BM") and int.from_bytes(content[14:18], "little") in _BMP_HEADERS:
        return Kind.BMP
    raise UnusableError(f"not an image of a known type{_instead(content)}", ACCEPTED)


def _instead(content: bytes) -> str:
    """Name the format of bytes that are no image, by their beginning."""
    if not content:
        return " but an empty file"
    head = content[:1024]
    for form, name in _OTHERS:
        if form.match(head):
            return f" but {name}"
    return " but text" if _TEXT.fullmatch(head) else ""
