"""Keep images that no file of the person's holds in a run's own folder, and name them so that it can be moved."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from judge.io.images import load_image
from judge.schema import Case, Item, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from judge.schema import Image

FOLDER = "images"
Subject = TypeVar("Subject", Pair, Case, Item)


class OwnImages:
    """The images that a run's folder holds itself: `images/SHA256.EXTENSION`, each distinct one once.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._home, self._folder = folder, folder.absolute() / FOLDER

    def named_as_in_a_run(self, subject: Subject) -> Subject:
        """Return a pair or case whose images here are named as its run's file would."""
        return movable(subject, self._home)

    def add(self, content: bytes) -> Image:
        """Write an image; InputError where the bytes are none."""
        self._folder.mkdir(exist_ok=True)
        arriving = self._folder / hashlib.sha256(content).hexdigest()
        arriving.write_bytes(content)
        try:
            image = load_image(arriving)
            path = arriving.with_suffix(f".{image.media_type.removeprefix('image/')}")
            arriving.replace(path)
        except BaseException:
            arriving.unlink(missing_ok=True)
            raise
        return image.model_copy(update={"path": str(path)})

    def adopt(self, image: Image, folder: Path) -> Image:
        """Take over an image that another run's folder holds itself; any other stays where it is."""
        theirs = folder.absolute() / FOLDER
        if not Path(image.path).is_relative_to(theirs):
            return image
        self._folder.mkdir(exist_ok=True)
        path = self._folder / Path(image.path).name
        shutil.copyfile(image.path, path)
        return image.model_copy(update={"path": str(path)})

    def flush(self) -> None:
        """Wait until the images are on the disk: one call for all of them, since there may be 150,000."""
        if self._folder.exists() and hasattr(os, "sync"):
            os.sync()


@contextmanager
def passing_images() -> Iterator[OwnImages]:
    """Yield a place for images that are not kept."""
    with tempfile.TemporaryDirectory(prefix="omr-judge-") as folder:
        yield OwnImages(Path(folder))


def movable(subject: Subject, folder: Path) -> Subject:
    """Return a pair or case as its run's file holds it: images in the run's folder are named from there."""
    home = folder.absolute()

    def renamed(path: str) -> str:
        return Path(path).relative_to(home).as_posix() if Path(path).is_relative_to(home / FOLDER) else path

    return with_images(subject, lambda image: image.model_copy(update={"path": renamed(image.path)}))


def located(subject: Subject, folder: Path) -> Subject:
    """Undo `movable`: return a pair or case with absolute paths."""
    if not any(image.path.startswith(f"{FOLDER}/") for image in _item(subject).images):
        return subject
    home = folder.absolute()
    return with_images(subject, lambda image: image.model_copy(update={"path": str(home / image.path)}))


def with_images(subject: Subject, change: Callable[[Image], Image]) -> Subject:
    """Return a pair, a case or an item with each of its images changed."""
    item = _item(subject)
    images = tuple(map(change, item.images))
    if images == item.images:
        return subject
    changed = {"images": images}
    return subject.model_copy(update=changed if item is subject else {"item": item.model_copy(update=changed)})


def _item(subject: Pair | Case | Item) -> Item:
    return subject if isinstance(subject, Item) else subject.item
