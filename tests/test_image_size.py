"""The size that Pillow wrote is the size that is read."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import load_image
from PIL import Image

from judge.io.image_size import pixel_size
from judge.io.images import image_size

MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
FORMS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("GIF", {}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"exif": b"Exif\0\0" + bytes(5000), "icc_profile": bytes(100_000)}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"exif": b"Exif\0\0" + bytes(100)}),
]


def written(form: str, size: tuple[int, int], **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own options
    file = BytesIO()
    Image.new("RGB", size).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(("form", "options"), FORMS)
@pytest.mark.parametrize("size", [(1, 1), (300, 7), (1023, 2048)])
def test_the_header_gives_the_size(form: str, options: dict[str, Any], size: tuple[int, int]) -> None:
    assert pixel_size(written(form, size, **options), MEDIA[form]) == size


def test_markers_may_be_padded() -> None:
    content = written("JPEG", (30, 20))
    assert pixel_size(content[:2] + b"\xff\xff" + content[2:], "image/jpeg") == (30, 20)


@pytest.mark.parametrize("form", MEDIA)
def test_a_cut_header_gives_none(form: str) -> None:
    content = written(form, (30, 20))
    for end in (0, 4, 9):
        assert pixel_size(content[:end], MEDIA[form]) is None
    assert pixel_size(content[:12] + b"????" + bytes(40), "image/webp") is None


def test_a_header_that_states_nothing_gives_none() -> None:
    assert pixel_size(bytes(40), "image/png") is None
    assert pixel_size(b"\xff\xd8" + bytes(40), "image/jpeg") is None


@given(st.binary(max_size=80), st.sampled_from(list(MEDIA.values())))
def test_no_bytes_break_it(content: bytes, media_type: str) -> None:
    size = pixel_size(content, media_type)
    assert size is None or min(size) > 0


def test_an_image_file_has_a_size(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(written("PNG", (64, 48)))
    assert image_size(load_image(tmp_path / "x.png")) == (64, 48)
