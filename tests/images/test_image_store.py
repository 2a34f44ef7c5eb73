from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from judge.errors import RunError
from judge.images.image_store import ImageStore, located
from judge.schema import Image, Item

BYTES = b"the bytes"
SHA = hashlib.sha256(BYTES).hexdigest()


def test_an_image_is_kept_once_under_its_hash_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    store.flush()
    paths = [store.keep(BYTES, "image/png") for _ in range(2)] + [store.keep(BYTES, "image/jpeg")]
    store.flush()
    assert paths == [Path(f"images/{SHA}.png")] * 2 + [Path(f"images/{SHA}.jpg")]
    assert {path.name: path.read_bytes() for path in (tmp_path / "images").iterdir()} == {
        f"{SHA}.png": BYTES,
        f"{SHA}.jpg": BYTES,
    }


def test_an_image_that_cannot_be_written_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file in the folder's place")
    with pytest.raises(RunError, match="cannot be written"):
        ImageStore(tmp_path).keep(BYTES, "image/png")


def test_images_of_a_run_are_found_where_the_run_lies_now(tmp_path: Path) -> None:
    held = Image(path=f"images/{SHA}.png", sha256=SHA, media_type="image/png")
    outside = Image(path="/data/x.png", sha256=SHA, media_type="image/png")
    item = Item(id="q", images=(held, outside))
    assert [image.path for image in located(item, tmp_path).images] == [
        str(tmp_path / f"images/{SHA}.png"),
        "/data/x.png",
    ]
    elsewhere = Item(id="q", images=(outside,))
    assert located(elsewhere, tmp_path) == elsewhere
