"""Load images for a run, and encode for a request what is sent of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from msgspec.structs import replace

from judge.errors import InputError, MissingImageError, RunError
from judge.images.file_types import Size, UnusableImageError, kind_of
from judge.images.image_store import ImageStore, stored_path
from judge.images.preparing import ImageOptions, Prepared, prepare
from judge.images.redraw import opened
from judge.schema import Image, Item, Original

MAX_FILE_BYTES = 64_000_000
_WINDOWS = re.compile(r"[A-Za-z]:($|\\)|\\\\")
# Neither a link put in the file's place nor a pipe may be followed or waited for; Windows has no such flags.
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
ENCODED_IMAGES = 16
"""kept encoded in memory for the further calls about an item: at most 84 MB"""


class ImageLoader:
    """Checks images, and prepares those that cannot be sent as they are.

    Args:
        options: where images may come from, and how large they are sent.
        store: takes what a run must hold itself; None only says what would be sent.
    """

    def __init__(self, options: ImageOptions = ImageOptions(), store: ImageStore | None = None) -> None:
        self._options, self._store = options, store
        self._fetched: dict[str, Image] = {}

    def load(self, source: Path | str, *, root: Path | None = None) -> Image:
        """Return what is sent of an image.

        Args:
            source: a path, or an address as text.
            root: the folder of the file that names it.

        Raises:
            MissingImageError: it is not there.
            InputError: it cannot be shown, or lies where nobody allowed it.
        """
        if isinstance(source, str):
            return self._fetch(source)
        path = source.absolute()
        real = find_image(path, [*([root] if root else []), *self._options.roots])
        content = read_image(real)
        prepared = self._prepare(content, str(path))
        if prepared.content == content:
            return _image(prepared, str(real))
        return self._kept(prepared, content, str(real))

    def take(self, content: bytes, *, name: str) -> Image:
        """Return what is sent of an image that is no file of its own: the run holds it.

        Args:
            content: the bytes of an image file.
            name: where they come from, for people.

        Raises:
            InputError: it cannot be shown.
        """
        return self._kept(self._prepare(content, name), content, name)

    def _fetch(self, url: str) -> Image:
        from judge.images.fetching import fetch  # noqa: PLC0415 - aiohttp, only where addresses are given

        if url not in self._fetched:
            self._fetched[url] = self.take(fetch(url, self._options.hosts), name=url)
        return self._fetched[url]

    def _prepare(self, content: bytes, name: str) -> Prepared:
        try:
            return prepare(content, max_side=self._options.max_side, burned_in=self._options.burned_in)
        except UnusableImageError as error:
            raise InputError(name, error.problem, error.hint) from error

    def _kept(self, prepared: Prepared, content: bytes, name: str) -> Image:
        width, height = prepared.original_size
        original = Original(path=name, sha256=hashlib.sha256(content).hexdigest(), width=width, height=height)
        if self._store is None:
            path = stored_path(hashlib.sha256(prepared.content).hexdigest(), prepared.media_type)
        else:
            path = self._store.keep(prepared.content, prepared.media_type)
        return replace(_image(prepared, path.as_posix()), original=original)


def _image(prepared: Prepared, path: str) -> Image:
    return Image(
        path=path,
        sha256=hashlib.sha256(prepared.content).hexdigest(),
        media_type=prepared.media_type,
        width=prepared.size[0],
        height=prepared.size[1],
        size=len(prepared.content),
    )


def find_image(path: Path, roots: Iterable[Path]) -> Path:
    """Return where an image really lies; links are followed as long as they stay within the roots.

    Args:
        path: absolute, as it was given.
        roots: folders in which images may lie.

    Raises:
        MissingImageError: there is no such file.
        InputError: it lies elsewhere, or its name is none here.
    """
    if os.name == "posix" and any(_WINDOWS.match(part) for part in path.parts):
        raise InputError(str(path), "is a Windows path", "give a path relative to the file that names the image")
    try:
        real = path.resolve(strict=True)
        inside = any(real.is_relative_to(root.resolve()) for root in roots)
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = "image paths are relative to the file that names them"
        raise MissingImageError(str(path), "no such image", hint) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from error
    if not inside:
        hint = f"--image-root {real.parent} allows images there"
        raise InputError(str(path), "lies outside of the folder of the file that names it", hint)
    return real


def read_image(path: Path) -> bytes:
    """Return the bytes of a regular file of at most 64 MB; nothing else is opened.

    Raises:
        MissingImageError: there is no such file.
        InputError: it is a link, a folder, a device or a pipe, too large, or cannot be read.
    """
    try:
        _refuse_unreadable(path, path.lstat())
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _SAFELY)) as file:
            _refuse_unreadable(path, os.fstat(file.fileno()))
            return file.read(MAX_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingImageError(str(path), "no such image") from error
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from error


def _refuse_unreadable(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise InputError(str(path), "is a symbolic link", "give the path of the image itself")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(str(path), "is not a regular file", "give the path of an image file")
    if status.st_size > MAX_FILE_BYTES:
        raise InputError(
            str(path),
            f"is {status.st_size / 1e6:.1f} MB large",
            f"images may have {MAX_FILE_BYTES // 10**6} MB: scale it down",
        )


@lru_cache(maxsize=ENCODED_IMAGES)
def image_base64(image: Image) -> str:
    """Encode an image's bytes, which must be those that were loaded (RunError)."""
    return base64.b64encode(image_bytes(image)).decode()


async def load_encoded(images: Sequence[Image]) -> None:
    """Encode images in a thread, so that the event loop goes on meanwhile and `image_base64` finds them encoded."""
    if images:
        await asyncio.to_thread(lambda: [image_base64(image) for image in images])


def image_bytes(image: Image) -> bytes:
    """Return the bytes that are sent of an image; RunError where its file has changed since."""
    try:
        content = read_image(Path(image.path))
    except InputError as error:
        raise RunError(f"{image.path}: image changed since the run began ({error.problem})") from error
    if hashlib.sha256(content).hexdigest() != image.sha256:
        raise RunError(f"{image.path}: image changed since the run began")
    return content


def held(item: Item, store: ImageStore) -> Item:
    """Return an item whose prepared images a store holds too; RunError where one has changed."""
    images = [
        replace(image, path=store.keep(image_bytes(image), image.media_type).as_posix()) if image.original else image
        for image in item.images
    ]
    return replace(item, images=tuple(images))


@lru_cache(maxsize=8)
def image_size(image: Image) -> Size | None:
    """Return the width and height of an image that is sent; None where neither the run nor its header states them."""
    if image.width is not None and image.height is not None:
        return image.width, image.height
    content = read_image(Path(image.path))
    try:
        with opened(content, kind_of(content)) as picture:
            return picture.size
    except UnusableImageError:
        return None
