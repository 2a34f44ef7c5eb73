"""Images of groups: sent once, and afterwards named by their hash."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from judge.errors import InputError
from judge.images.image_store import ImageStore
from judge.images.loader import ImageLoader
from judge.runs.run_folder import RunFolder
from judge.schema import Image
from judge.service.book import Book
from judge.service.group_requests import data_url

SHA256 = re.compile(r"[0-9a-f]{64}")


class SentImages:
    """The images that the runs of a service hold."""

    def __init__(self) -> None:
        self._known: dict[str, dict[Book, Image]] = {}

    def read(self, book: Book) -> None:
        """Note the images of a run's pairs."""
        for pair in RunFolder(book.folder.path).pairs():
            if pair.item.images:
                self._note(book, [_within(image, book) for image in pair.item.images])

    async def take(self, book: Book, given: str, where: str) -> Image:
        """Return an image that a run holds, by its content or by the hash of what was sent before."""
        if SHA256.fullmatch(given):
            held = self._known.get(given, {})
            if book in held:
                return held[book]
            if not held:
                raise InputError(where, "no image of this hash was sent before", "send the image itself")
            other, image = next(iter(held.items()))
            content = (other.folder.path / image.path).read_bytes()
        else:
            content = data_url(given, where)
        loader = ImageLoader(store=ImageStore(book.folder.path))
        name = f"sha256:{hashlib.sha256(content).hexdigest()}"
        image = await asyncio.to_thread(loader.take, content, name=name)
        self._note(book, [image])
        return image

    def _note(self, book: Book, images: Sequence[Image]) -> None:
        for image in images:
            for one in (image.sha256, *([image.original.sha256] if image.original is not None else [])):
                self._known.setdefault(one, {})[book] = image


def _within(image: Image, book: Book) -> Image:
    """Return an image of a run with its path within the folder."""
    path = Path(image.path).relative_to(book.folder.path.absolute())
    return msgspec.structs.replace(image, path=path.as_posix())
