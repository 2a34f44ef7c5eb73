"""What providers take of images in one request; docs/input.md tells where the numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from judge.schema import MESSAGES, Image, JudgeSpec, Provider


class ImageLimits(NamedTuple):
    """Limits of one provider; sizes are those of base64, in bytes."""

    images: int
    """in one request"""
    request_bytes: int
    """of all images, what the text may take taken off"""
    image_bytes: int
    side: int
    """pixels"""
    many: int
    """with more images than this, `many_side` holds in place of `side`"""
    many_side: int


ANTHROPIC = ImageLimits(images=100, request_bytes=30_000_000, image_bytes=5 * 2**20, side=8000, many=20, many_side=2000)
OPENAI = ImageLimits(
    images=500, request_bytes=48_000_000, image_bytes=48_000_000, side=2**31, many=500, many_side=2**31
)


def limits_of(judge: JudgeSpec) -> ImageLimits | None:
    """Return what a judge's provider takes; None where nobody knows: an own server, or a judge that sees nothing."""
    if not judge.sees_images:
        return None
    if judge.provider in MESSAGES:
        return ANTHROPIC
    return OPENAI if judge.provider is Provider.OPENAI and judge.endpoint is None else None


def beyond(images: Sequence[Image], limits: ImageLimits) -> str | None:
    """Say in what an item's images exceed a provider's limits, and by how much; None where they do not."""
    if len(images) > limits.images:
        return f"{len(images)} images, of which a request takes {limits.images}"
    encoded = [4 * ceil((image.size or 0) / 3) for image in images]
    if sum(encoded) > limits.request_bytes:
        return f"images of {_bytes(sum(encoded))} in base64, of which a request takes {_bytes(limits.request_bytes)}"
    most = limits.many_side if len(images) > limits.many else limits.side
    for image, size in zip(images, encoded, strict=True):
        if size > limits.image_bytes:
            return f"{image.named} has {_bytes(size)} in base64, and an image may have {_bytes(limits.image_bytes)}"
        width, height = image.width or 0, image.height or 0
        if max(width, height) > most:
            beside = f" where there are {len(images)} images" if len(images) > limits.many else ""
            return f"{image.named} is sent with {width} x {height} pixels, and a side may have {most}{beside}"
    return None


def _bytes(size: int) -> str:
    return f"{size:,} bytes"
