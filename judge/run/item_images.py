"""Load the images of items, or say why they cannot be shown, as `--on-missing-image` has it."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from judge.errors import InputError
from judge.io.images import load_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.io.item_fields import EmbeddedImage
    from judge.io.own_images import OwnImages
    from judge.io.traces import Record
    from judge.schema import Image, Item


class OnMissingImage(StrEnum):
    """What to do with an item whose image cannot be shown."""

    ERROR = "error"
    """refuse images that are not there; a judge that cannot see is told so"""
    SKIP = "skip"
    """leave the item out, for a judge that cannot see too"""
    TEXT_ONLY = "text-only"
    """ask about the text, and tell the judge so"""


class ItemImages:
    """Loads images item by item, and gathers what is wrong with them.

    Args:
        policy: what to do with images that cannot be shown.
        blind_judge: whether a judge cannot see images at all.
        own: where the bytes of images go that have no file of their own.
    """

    def __init__(self, policy: OnMissingImage, *, blind_judge: bool, own: OwnImages) -> None:
        self.problems: list[InputError] = []
        self._policy, self._blind_judge, self._own = policy, blind_judge, own

    def show(self, item: Item, records: Iterable[Record]) -> Item | None:
        """Return an item with the images of the first record that has any; None where it is to be left out."""
        record = next((record for record in records if record.images), None)
        shown: list[Image] = []
        missing: list[str] = []
        for number, image in enumerate(record.images if record else (), start=1):
            name = str(image) if isinstance(image, Path) else f"image {number}"
            try:
                shown.append(self._load(image))
            except InputError as error:
                if self._is_refused(image):
                    where = record.where if record else ""
                    self.problems.append(_problem(where, name, image, error))
                missing.append(name)
        if self._policy is OnMissingImage.SKIP and (missing or (self._blind_judge and shown)):
            return None
        return item.model_copy(update={"images": tuple(shown), "missing_images": tuple(missing)})

    def _load(self, image: Path | EmbeddedImage) -> Image:
        if isinstance(image, Path):
            return load_image(image)
        if image.content is None:
            raise InputError("", "no bytes in it")
        return self._own.add(image.content)

    def _is_refused(self, image: Path | EmbeddedImage) -> bool:
        """Say whether the policy cannot help: a file that is there and is no image is a mistake under every policy."""
        return self._policy is OnMissingImage.ERROR or (isinstance(image, Path) and os.path.lexists(image))


def _problem(where: str, name: str, image: Path | EmbeddedImage, error: InputError) -> InputError:
    if isinstance(image, Path):
        hint = error.hint or "mend the path, or see --on-missing-image"
        return InputError(where, f"image {name}: {error.problem}", hint)
    hint = "leave such items out, or ask about their text alone: --on-missing-image"
    return InputError(where, f"{name}: {error.problem}", f"{error.hint}; {hint}" if error.hint else hint)
