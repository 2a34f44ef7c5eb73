"""Load images for a run, and encode for a request what is sent of them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from judge.errors import InputError, RunError
from judge.io.image_size import Size, pixel_size
from judge.io.image_store import stored_path
from judge.io.pictures.files import find, read
from judge.io.pictures.kinds import UnusableError
from judge.io.pictures.preparing import ImageOptions, prepare
from judge.schema import Image, Original

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.io.image_store import ImageStore
    from judge.io.pictures.preparing import Prepared
    from judge.schema import Item

ENCODED_BYTES = 64_000_000
"""encoded images that are kept in memory; at least one is"""


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
        real = find(path, [*([root] if root else []), *self._options.roots])
        content = read(real)
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
        from judge.io.pictures.fetching import fetch  # noqa: PLC0415 - aiohttp, only where addresses are given

        if url not in self._fetched:
            self._fetched[url] = self.take(fetch(url, self._options.hosts), name=url)
        return self._fetched[url]

    def _prepare(self, content: bytes, name: str) -> Prepared:
        try:
            return prepare(content, max_side=self._options.max_side)
        except UnusableError as error:
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
    """Return the bytes that are sent of an image; RunError where its file has changed since."""
    try:
        content = read(Path(image.path))
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
    return pixel_size(read(Path(image.path)), image.media_type)
