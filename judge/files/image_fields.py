"""Find the images that a record names or holds, under whatever names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

NUMBERED = re.compile(r"(?:image|img|picture|photo|figure)s?[_-]?[0-9]{1,2}", re.IGNORECASE)
"""names of fields that hold one of several images"""
IMAGE_TEXTS = ("data:image/", "iVBORw0KGgo", "/9j/4", "R0lGODlh", "R0lGODdh", "UklGR", "SUkqA", "TU0AK")
"""with which images begin as text: data addresses, and PNG, JPEG, GIF, WebP and TIFF in base64"""
_FILE = re.compile(r"[^\s<>|\"]{1,250}\.(?:png|jpe?g|webp|gif|bmp|tiff?|dcm)(?:\?\S{0,500})?", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:image|img|picture|photo)s?[_-]?(?:urls?|uris?|paths?|files?|file_?names?|data|b64|base64)?", re.IGNORECASE
)
"""names of fields whose texts name images, whatever these are called"""


def is_image_name(key: str, value: object) -> bool:
    """Say whether a field's value names an image: by its own ending, or under a name of images."""
    return isinstance(value, str) and bool(
        _FILE.fullmatch(value) or (_NAMED.fullmatch(key) and len(value.split()) == 1)
    )


def image_places(value: object, path: str, *, named: bool) -> Iterator[str]:
    """Yield the paths of images as text: data addresses, base64, and where asked for values that name an image file."""
    match value:
        case str():
            if value.startswith(IMAGE_TEXTS) or (named and is_image_name(path.rpartition(".")[2], value)):
                yield path
        case list():
            for at, one in enumerate(value):
                if isinstance(one, str) and next(image_places(one, path, named=named), None):
                    yield path
                else:
                    yield from image_places(one, f"{path}.{at}", named=False)
        case Mapping():
            for name, one in value.items():
                yield from image_places(one, f"{path}.{name}", named=False)
