"""Make images small enough to travel within the page."""

from __future__ import annotations

import base64
import io
from functools import lru_cache
from pathlib import PurePath
from typing import NamedTuple

from judge.errors import RunError
from judge.images.file_types import UnusableImageError, kind_of
from judge.images.loader import image_bytes
from judge.images.redraw import on_white, opened, render_picture
from judge.page.without_paths import without_folders
from judge.schema import Image

MAX_BYTES = 15_000
SIDES = (560, 420, 300, 200)
QUALITIES = (80, 60, 40)


class Thumbnail(NamedTuple):
    """An image as the page holds it."""

    name: str
    sha256: str
    """of the original"""
    source: str | None
    """a data URL; None where `note` says why there is none"""
    scaled: bool
    """whether the original is larger"""
    note: str = ""


@lru_cache(maxsize=512)
def thumbnail(image: Image) -> Thumbnail:
    """Return an image of at most 15 KB: the original where it is as small, else a copy scaled down by Pillow.

    An image that has changed since the run began, or that Pillow cannot read, is named and left out.
    """
    named = (PurePath(image.named).name, image.sha256)
    try:
        content = image_bytes(image)
    except RunError as error:
        return Thumbnail(*named, None, scaled=False, note=f"left out: {without_folders(str(error))}")
    if len(content) <= MAX_BYTES:
        return Thumbnail(*named, _data_url(image.media_type, content), scaled=False)
    try:
        return Thumbnail(*named, _data_url("image/jpeg", _scaled(content)), scaled=True)
    except (UnusableImageError, OSError, ValueError) as error:
        return Thumbnail(*named, None, scaled=True, note=f"left out: cannot be scaled down: {error}")


def _scaled(content: bytes) -> bytes:
    """Return a JPEG without metadata, the largest and best that fits; ValueError where none does."""
    kind = kind_of(content)
    with opened(content, kind) as picture:
        flat = on_white(render_picture(picture, kind, max_side=SIDES[0]))
    for side in SIDES:
        flat.thumbnail((side, side))
        for quality in QUALITIES:
            file = io.BytesIO()
            flat.save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() <= MAX_BYTES:
                return file.getvalue()
    raise ValueError(f"does not fit into {MAX_BYTES} bytes")


def _data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
