"""Load the images of items, or say why they cannot be shown, as `--on-missing-image` has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from judge.enums import OnMissingImage
from judge.errors import InputError, MissingImageError
from judge.images.image_limits import beyond, limits_of
from judge.images.loader import ImageLoader
from judge.inputs.item_fields import EmbeddedImage
from judge.inputs.records import Record
from judge.schema import Image, Item, JudgeSpec


class ItemImages:
    """Loads images item by item, and gathers what is wrong with them.

    Args:
        policy: what to do with images that cannot be shown.
        blind_judge: whether a judge cannot see images at all.
        loader: checks images, and prepares those that cannot be sent as they are.
    """

    def __init__(self, policy: OnMissingImage, *, blind_judge: bool, loader: ImageLoader) -> None:
        self.problems: list[InputError] = []
        self._policy, self._blind_judge, self._loader = policy, blind_judge, loader

    def show(self, item: Item, records: Sequence[Record]) -> Item | None:
        """Return an item with the images of the first record that has any; None where it is to be left out.

        An image that a record holds under another name is a problem where no record has any.
        """
        record = next((record for record in records if record.images), None)
        if record is None:
            if unseen := next(((one.where, one.unseen) for one in records if one.unseen), None):
                self.problems.append(InputError(unseen[0], unseen[1].problem, unseen[1].hint))
            return item
        shown: list[Image] = []
        missing: list[str] = []
        for number, image in enumerate(record.images, start=1):
            name = f"image {number}" if isinstance(image, EmbeddedImage) else str(image)
            try:
                shown.append(self._load(image, record, f"{record.where} {name}"))
            except InputError as error:
                if self._is_refused(image, error):
                    self.problems.append(_problem(record.where, name, image, error))
                missing.append(name)
        if self._policy is OnMissingImage.SKIP and (missing or (self._blind_judge and shown)):
            return None
        return replace(item, images=tuple(shown), missing_images=tuple(missing))

    def _load(self, image: Path | str | EmbeddedImage, record: Record, name: str) -> Image:
        if not isinstance(image, EmbeddedImage):
            return self._loader.load(image, root=record.folder)
        if image.content is None:
            raise InputError("", "no bytes in it")
        return self._loader.take(image.content, name=name)

    def _is_refused(self, image: Path | str | EmbeddedImage, error: InputError) -> bool:
        """Whether an image is refused under the policy; a file that exists and is no image always is."""
        optional = isinstance(error, MissingImageError) or isinstance(image, EmbeddedImage)
        return self._policy is OnMissingImage.ERROR or not optional


def _problem(where: str, name: str, image: Path | str | EmbeddedImage, error: InputError) -> InputError:
    if not isinstance(image, EmbeddedImage):
        hint = error.hint or "mend the path, or see --on-missing-image"
        return InputError(where, f"image {name}: {error.problem}", hint)
    hint = "leave such items out, or ask about their text alone: --on-missing-image"
    return InputError(where, f"{name}: {error.problem}", f"{error.hint}; {hint}" if error.hint else hint)


def refused_images(item: Item, judges: Sequence[JudgeSpec]) -> list[InputError]:
    """Say which judges would not take an item's images."""
    if not item.images:
        return []
    hint = "show fewer or smaller images (--max-image-side), or ask another judge"
    limited = [(judge, limits) for judge in judges if (limits := limits_of(judge)) is not None]
    found = [(judge, beyond(item.images, limits)) for judge, limits in limited]
    return [InputError(f"item {item.id!r}", f"{judge.name} refuses {what}", hint) for judge, what in found if what]
