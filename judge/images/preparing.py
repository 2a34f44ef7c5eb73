"""Prepare an image file for sending: its own bytes where they can be sent, else a copy that can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from judge.images.dicom import render_dicom
from judge.images.file_types import MEDIA_TYPES, Kind, Size, kind_of
from judge.images.redraw import as_jpeg, as_png, decode_wholly, needs_rendering, opened, render_picture
from judge.images.strip_metadata import strip_metadata

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from judge.schema import MediaType

MAX_SIDE = 1920
"""pixels: the largest square that no provider shrinks (Anthropic: 4784 patches of 28 pixels; 2000 a side where a
request has more than 20 images; OpenAI: 2048)"""
MAX_SENT_BYTES = 3_900_000
"""of an image's file: in base64 this stays below 5 MiB, the strictest known limit"""

_LOSSY_WEBP = b"VP8 "


@dataclass(frozen=True)
class ImageOptions:
    """Where images may come from, and how large they are sent."""

    max_side: Annotated[
        int,
        typer.Option(
            "--max-image-side",
            min=0,
            metavar="PIXELS",
            help="Send images with no side longer than this; 0 sends every size.",
        ),
    ] = MAX_SIDE
    roots: Annotated[
        tuple[Path, ...],
        typer.Option(
            "--image-root",
            metavar="DIR",
            help="Images may lie in this folder too, not only in that of the file that names them; repeatable.",
            exists=True,
            file_okay=False,
        ),
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        typer.Option("--allow-image-urls", metavar="HOST", help="Fetch images from this host, by https; repeatable."),
    ] = ()

    burned_in: Annotated[
        bool,
        typer.Option(
            "--accept-burned-in",
            help="Send DICOM pictures that may hold text about the patient, as secondary captures do.",
        ),
    ] = False

    def identity(self) -> dict[str, str]:
        """Name what decides what is sent, where it is not the default."""
        return {} if self.max_side == MAX_SIDE else {"--max-image-side": str(self.max_side)}


class Prepared(NamedTuple):
    """An image as it is sent."""

    content: bytes
    media_type: MediaType
    size: Size
    original_size: Size
    """as stored: not yet turned"""


def prepare(content: bytes, *, max_side: int = MAX_SIDE, burned_in: bool = False) -> Prepared:
    """Return what is sent of an image file; the same bytes give the same, and unfit ones are refused.

    Args:
        content: the file's bytes.
        max_side: the longest side that is sent, in pixels; 0 sends every size.
        burned_in: take DICOM whose picture may hold text about the patient.

    Raises:
        UnusableImageError: it is no image, damaged, too large, or needs a package that is missing.
    """
    kind = kind_of(content)
    if kind is Kind.DICOM:
        picture, size = render_dicom(content, max_side=max_side, burned_in=burned_in)
        return _written(picture, size, lossless=True)
    left = strip_metadata(content, kind)
    with opened(content, kind) as picture:
        size = picture.size
        fits = left is not None and len(left) <= MAX_SENT_BYTES and (not max_side or max(size) <= max_side)
        if left is not None and fits and not needs_rendering(picture):
            decode_wholly(picture)
            return Prepared(left, MEDIA_TYPES[kind], size, size)
        lossy = kind is Kind.JPEG or (kind is Kind.WEBP and _LOSSY_WEBP in content[:64])
        return _written(render_picture(picture, kind, max_side=max_side), size, lossless=not lossy)


def _written(picture: Picture, original: Size, *, lossless: bool) -> Prepared:
    """Write a lossless or transparent picture as PNG unless that is too large, and any other as JPEG."""
    if lossless or picture.mode in {"RGBA", "LA"}:
        content = as_png(picture)
        if len(content) <= MAX_SENT_BYTES:
            return Prepared(content, "image/png", picture.size, original)
    return Prepared(as_jpeg(picture), "image/jpeg", picture.size, original)
