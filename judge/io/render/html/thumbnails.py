"""Make images small enough to travel within the page."""

from __future__ import annotations

import base64
import io
import warnings
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from judge.errors import RunError
from judge.io.images import image_bytes

if TYPE_CHECKING:
    from types import ModuleType

    from PIL.Image import Image as Picture

    from judge.schema import Image

MAX_BYTES = 15_000
MAX_PIXELS = 50_000_000
SIDES = (560, 420, 300, 200)
QUALITIES = (80, 60, 40)
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
NO_PILLOW = "left out: scaling an image down needs Pillow, `pip install 'omr-judge[page]'`"


class Shown(NamedTuple):
    """An image as the page holds it."""

    name: str
    sha256: str
    """of the original"""
    source: str | None
    """a data URL; None where `note` says why there is none"""
    scaled: bool
    """whether the original is larger"""
    note: str


def shown(image: Image) -> Shown:
    """Return an image of at most 15 KB: the original where it is as small, else a copy scaled down by Pillow.

    An original that has changed since the run began, or that Pillow cannot read, is named and left out.
    """
    source, scaled, note = _shown(image)
    return Shown(PurePath(image.path).name, image.sha256, source, scaled, note)


@lru_cache(maxsize=512)
def _shown(image: Image) -> tuple[str | None, bool, str]:
    try:
        content = image_bytes(image)
    except RunError as error:
        return None, False, f"left out: {error}"
    if len(content) <= MAX_BYTES:
        return _data_url(image.media_type, content), False, ""
    try:
        from PIL import Image as pillow  # noqa: N813, PLC0415 - an extra, and only for large images
    except ImportError:
        return None, True, NO_PILLOW
    try:
        return _data_url("image/jpeg", _scaled(pillow, content)), True, ""
    except (OSError, ValueError, SyntaxError, Warning, pillow.DecompressionBombError) as error:
        return None, True, f"left out: cannot be scaled down: {error}"


def _scaled(pillow: ModuleType, content: bytes) -> bytes:
    """Return a JPEG without metadata, the largest and best that fits; ValueError where none does."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pillow.open(io.BytesIO(content), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError(f"{opened.width} x {opened.height} pixels are too many")
            opened.draft("RGB", (SIDES[0], SIDES[0]))
            flat = _on_white(pillow, opened)
    for side in SIDES:
        flat.thumbnail((side, side))
        for quality in QUALITIES:
            file = io.BytesIO()
            flat.save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() <= MAX_BYTES:
                return file.getvalue()
    raise ValueError(f"does not fit into {MAX_BYTES} bytes")


def _on_white(pillow: ModuleType, opened: Picture) -> Picture:
    """Return an image in RGB, what is transparent in white."""
    rgba = opened.convert("RGBA")
    white: Picture = pillow.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return white.convert("RGB")


def _data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
