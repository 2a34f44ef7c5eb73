"""An item that exceeds what a judge takes is refused before anything is spent."""

from __future__ import annotations

import pytest
from builders import make_judge
from msgspec import structs

from judge.images.image_limits import ANTHROPIC, OPENAI, ImageLimits, beyond, limits_of
from judge.inputs.item_images import refused_images
from judge.schema import Image, Item, Original

CLAUDE = make_judge(provider="anthropic", model="claude")
GPT = make_judge(provider="openai", model="gpt")
OWN = make_judge(provider="openai", model="own", endpoint="http://127.0.0.1:8000/v1")


def image(size: int = 1000, width: int = 100, height: int = 100) -> Image:
    return Image(path="/x.png", sha256="0" * 64, media_type="image/png", size=size, width=width, height=height)


def test_the_limits_are_those_of_who_is_asked() -> None:
    assert [limits_of(judge) for judge in (CLAUDE, GPT, OWN)] == [ANTHROPIC, OPENAI, None]
    assert limits_of(make_judge(provider="anthropic", model="claude", sees_images=False)) is None


@pytest.mark.parametrize(
    ("limits", "images", "problem"),
    [
        (ANTHROPIC, [], None),
        (ANTHROPIC, [image()] * 100, None),
        (ANTHROPIC, [image()] * 101, "101 images, of which a request takes 100"),
        (OPENAI, [image()] * 500, None),
        (OPENAI, [image()] * 501, "501 images, of which a request takes 500"),
        # 3,932,160 bytes are 5 MiB in base64; one more is 4 characters more.
        (ANTHROPIC, [image(3_932_160)], None),
        (ANTHROPIC, [image(3_932_161)], "/x.png has 5,242,884 bytes in base64, and an image may have 5,242,880 bytes"),
        (ANTHROPIC, [image(3_750_000)] * 6, None),
        (
            ANTHROPIC,
            [image(3_750_001)] * 6,
            "images of 30,000,024 bytes in base64, of which a request takes 30,000,000 bytes",
        ),
        (OPENAI, [image(36_000_000)], None),
        (ANTHROPIC, [image(width=8000)], None),
        (ANTHROPIC, [image(height=8001)], "/x.png is sent with 100 x 8001 pixels, and a side may have 8000"),
        (ANTHROPIC, [image(width=2001)] * 20, None),
        (
            ANTHROPIC,
            [image(width=2001)] * 21,
            "/x.png is sent with 2001 x 100 pixels, and a side may have 2000 where there are 21 images",
        ),
        (OPENAI, [image(width=20_000)] * 21, None),
        (ANTHROPIC, [Image(path="/old.png", sha256="0" * 64, media_type="image/png")], None),
    ],
)
def test_what_exceeds_a_limit_is_said_with_both_numbers(
    limits: ImageLimits, images: list[Image], problem: str | None
) -> None:
    assert beyond(images, limits) == problem


def test_the_file_that_a_person_knows_is_named() -> None:
    made = structs.replace(image(width=9000), original=Original(path="/scan.dcm", sha256="1" * 64, width=9, height=9))
    assert (beyond([made], ANTHROPIC) or "").startswith("/scan.dcm is sent")


def test_each_judge_that_would_refuse_an_item_is_named_with_what_to_do() -> None:
    item = Item(id="q7", images=(image(),) * 101)
    (problem,) = refused_images(item, [GPT, CLAUDE, OWN])
    assert str(problem) == (
        "item 'q7': anthropic:claude refuses 101 images, of which a request takes 100 "
        "(show fewer or smaller images (--max-image-side), or ask another judge)"
    )
    assert refused_images(Item(id="q8"), [CLAUDE]) == []
