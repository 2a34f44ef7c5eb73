"""Images that a run holds itself, because they were prepared, fetched or read out of another file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from judge.errors import RunError
from judge.files.files import as_its_folder, make_folder
from judge.schema import Case, Item, Pair

Subject = TypeVar("Subject", Pair, Case)
FOLDER = "images"
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}


def stored_path(sha256: str, media_type: str) -> Path:
    """Return where an image lies within its run folder: `images/<sha256>.<ext>`."""
    return Path(FOLDER, f"{sha256}.{EXTENSIONS[media_type]}")


class ImageStore:
    """The images of one run folder, each under the hash of its bytes.

    Args:
        folder: the run folder, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wrote = False

    def keep(self, content: bytes, media_type: str) -> Path:
        """Write an image once, whole or not at all; return its path within the run folder.

        Raises:
            RunError: it cannot be written.
        """
        path = stored_path(hashlib.sha256(content).hexdigest(), media_type)
        target = self._folder / path
        if target.exists():
            return path
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            make_folder(target.parent)
            with open(temporary, "wb", opener=as_its_folder) as file:
                file.write(content)
            temporary.replace(target)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise RunError(f"{target}: cannot be written: {error.strerror}") from error
        self._wrote = True
        return path

    def flush(self) -> None:
        """Wait until what was kept is on the disk: once for all, since a wait for each takes milliseconds."""
        if self._wrote and hasattr(os, "sync"):
            os.sync()


def located(item: Item, folder: Path) -> Item:
    """Return an item whose images in the run folder have absolute paths: the folder may have moved since."""
    if not item.images:
        return item
    here = folder.absolute()
    return replace(item, images=tuple(replace(image, path=str(here / image.path)) for image in item.images))


def with_item(subject: Subject, change: Callable[[Item], Item]) -> Subject:
    """Return a pair or a case with its item changed; itself where nothing changes."""
    item = change(subject.item)
    return subject if item is subject.item else replace(subject, item=item)
