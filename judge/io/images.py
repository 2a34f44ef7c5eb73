"""Load images from local files and encode them for a request."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import stat
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from judge.errors import InputError, RunError
from judge.io.image_size import Size, pixel_size
from judge.schema import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_IMAGE_BYTES = 20_000_000
ENCODED_BYTES = 64_000_000
"""encoded images that are kept in memory; at least one is"""

MediaType = Literal["image/png", "image/jpeg", "image/webp", "image/gif"]

# Neither a link put in the file's place nor a pipe may be followed or waited for; Windows has no such flags.
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def load_image(path: Path) -> Image:
    """Check an image file and return it with the hash and the type of its bytes."""
    content = _read(path)
    media_type = _media_type(content)
    if media_type is None:
        raise InputError(str(path), "not an image of a known type", "accepted: PNG, JPEG, WebP, GIF")
    return Image(path=str(path.absolute()), sha256=hashlib.sha256(content).hexdigest(), media_type=media_type)


class _Encoded:
    """The images that were encoded last, so that each is encoded once for all calls that show it at about one time."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held = most_bytes, 0
        self._texts: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, image: Image) -> bool:
        return (image.path, image.sha256) in self._texts

    def get(self, image: Image) -> str:
        """Return an image as base64, from memory or from its file."""
        key = (image.path, image.sha256)
        with self._lock:
            text = self._texts.get(key)
            if text is None:
                text = self._texts[key] = _encode(image)
                self._held += len(text)
                while self._held > self._most and len(self._texts) > 1:
                    self._held -= len(self._texts.popitem(last=False)[1])
            else:
                self._texts.move_to_end(key)
            return text


_encoded = _Encoded(ENCODED_BYTES)


def image_base64(image: Image) -> str:
    """Encode an image's bytes, which must be those that were loaded (RunError)."""
    return _encoded.get(image)


async def load_encoded(images: Sequence[Image]) -> None:
    """Encode in a thread what `image_base64` does not hold yet, so that the event loop goes on meanwhile."""
    missing = [image for image in images if image not in _encoded]
    if missing:
        await asyncio.to_thread(lambda: [_encoded.get(image) for image in missing])


def _encode(image: Image) -> str:
    return base64.b64encode(image_bytes(image)).decode()


def image_bytes(image: Image) -> bytes:
    """Return an image's bytes; RunError where they are no longer those that were loaded."""
    try:
        content = _read(Path(image.path))
    except InputError as error:
        raise RunError(f"{image.path}: image changed since the run began ({error.problem})") from error
    if hashlib.sha256(content).hexdigest() != image.sha256:
        raise RunError(f"{image.path}: image changed since the run began")
    return content


@lru_cache(maxsize=8)
def image_size(image: Image) -> Size | None:
    """Return the width and height that an image's header states; None where it states none."""
    return pixel_size(_read(Path(image.path)), image.media_type)


def _read(path: Path) -> bytes:
    """Return the bytes of a regular file; nothing else is opened."""
    try:
        _refuse_unreadable(path, path.lstat())
        with open(path, "rb", opener=_open_safely) as file:
            _refuse_unreadable(path, os.fstat(file.fileno()))
            return file.read(MAX_IMAGE_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(str(path), "no such image", "image paths are relative to the file that names them") from error
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from error


def _open_safely(path: str, flags: int) -> int:
    return os.open(path, flags | _SAFELY)


def _refuse_unreadable(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise InputError(str(path), "is a symbolic link", "give the path of the image itself")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(str(path), "is not a regular file", "give the path of an image file")
    if status.st_size > MAX_IMAGE_BYTES:
        raise InputError(
            str(path),
            f"is {status.st_size / 1e6:.1f} MB large",
            f"images may have {MAX_IMAGE_BYTES // 10**6} MB: scale it down",
        )


def _media_type(content: bytes) -> MediaType | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return None
