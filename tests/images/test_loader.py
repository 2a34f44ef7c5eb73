from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import threading
from pathlib import Path

import pytest
from msgspec import structs
from pictures import load_image, written

from judge.errors import InputError, MissingImageError, RunError
from judge.images import loader as images
from judge.images.image_store import ImageStore, located
from judge.images.loader import ImageLoader, held, image_base64, load_encoded
from judge.images.preparing import ImageOptions
from judge.schema import Image, Item, Original

PNG = written("PNG")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_an_image_is_known_by_its_bytes_not_by_its_name_and_sent_as_it_is(tmp_path: Path, form: str) -> None:
    path = tmp_path / "image.txt"
    path.write_bytes(content := written(form))
    image = load_image(path)
    assert structs.asdict(image) == {
        "path": str(path),
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": f"image/{form.lower()}",
        "width": 60,
        "height": 40,
        "size": len(content),
        "original": None,
    }
    assert image_base64(image) == base64.b64encode(content).decode()
    assert image.named == str(path)


def test_a_prepared_image_is_held_by_the_run_and_its_original_recorded(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(content := written("TIFF"))
    image = load_image(path, max_side=30, store=ImageStore(tmp_path))
    held_bytes = (tmp_path / image.path).read_bytes()
    assert image.path == f"images/{hashlib.sha256(held_bytes).hexdigest()}.png"
    assert (image.sha256, image.size) == (hashlib.sha256(held_bytes).hexdigest(), len(held_bytes))
    assert (image.width, image.height, image.media_type) == (30, 20, "image/png")
    assert image.original == Original(path=str(path), sha256=hashlib.sha256(content).hexdigest(), width=60, height=40)
    assert image.named == str(path)
    assert load_image(path, max_side=30) == image, "without a store it is only said"


def test_an_image_out_of_another_file_is_held_even_if_it_is_sent_as_it_is(tmp_path: Path) -> None:
    image = ImageLoader(store=ImageStore(tmp_path)).take(PNG, name="bench.parquet row 3")
    assert (tmp_path / image.path).read_bytes() == PNG
    assert image.named == "bench.parquet row 3"
    with pytest.raises(InputError, match=r"^bench.parquet row 4: not an image of a known type but text \(accepted: "):
        ImageLoader().take(b"words", name="bench.parquet row 4")


def test_a_merged_run_holds_what_its_shards_held(tmp_path: Path) -> None:
    (tmp_path / "shard").mkdir()
    (tmp_path / "whole").mkdir()
    (tmp_path / "x.png").write_bytes(PNG)
    plain = load_image(tmp_path / "x.png")
    item = Item(id="q", images=(plain, ImageLoader(store=ImageStore(tmp_path / "shard")).take(PNG, name="row 1")))
    merged = held(located(item, tmp_path / "shard"), ImageStore(tmp_path / "whole"))
    assert merged == item
    assert (tmp_path / "whole" / merged.images[1].path).read_bytes() == PNG


def test_an_image_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path / "none" / "x.png"):
        with pytest.raises(MissingImageError, match="no such image"):
            load_image(path)
    with pytest.raises(InputError, match=r"cannot be read: .*embedded null"):
        load_image(tmp_path / "a\0b.png")


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match="is not a regular file"):
            load_image(path)


def test_a_link_put_in_the_place_of_a_checked_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(PNG)
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    with pytest.raises(InputError, match="is a symbolic link"):
        images.read_image(tmp_path / "link.png")


def test_a_file_over_64_mb_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.touch()
    os.truncate(path, images.MAX_FILE_BYTES + 1)
    with pytest.raises(InputError, match=r"is 64\.0 MB large \(images may have 64 MB: scale it down\)"):
        load_image(path)


# Where images may lie


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Return a folder `in` with an image, beside a folder `out` with one."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(PNG)
    (tmp_path / "in" / "sub").mkdir()
    return tmp_path


def load(places: Path, name: str, *roots: Path) -> Image:
    return ImageLoader(ImageOptions(roots=roots)).load(places / "in" / name, root=places / "in")


def test_paths_and_links_within_the_folder_are_followed(places: Path) -> None:
    (places / "in" / "link.png").symlink_to("x.png")
    (places / "in" / "folder").symlink_to("sub/..")
    for name in ("x.png", "./sub/../x.png", "link.png", "folder/x.png", str(places / "in" / "x.png")):
        assert load(places, name).path == str(places / "in" / "x.png")


def test_whatever_leads_out_of_the_folder_is_refused_unless_a_person_allows_it(places: Path) -> None:
    (places / "in" / "link.png").symlink_to(places / "out" / "x.png")
    (places / "in" / "folder").symlink_to(places / "out")
    for name in ("../out/x.png", str(places / "out" / "x.png"), "link.png", "folder/x.png", "sub/../../out/x.png"):
        with pytest.raises(InputError) as error:
            load(places, name)
        assert not isinstance(error.value, MissingImageError)
        assert error.value.problem == "lies outside of the folder of the file that names it"
        assert error.value.hint == f"--image-root {places / 'out'} allows images there"
        assert load(places, name, places / "out").path == str(places / "out" / "x.png")
    with pytest.raises(InputError, match="lies outside"):
        load(places, "/dev/zero")


def test_links_in_a_circle_and_windows_paths_are_refused(places: Path) -> None:
    (places / "in" / "one").symlink_to("two")
    (places / "in" / "two").symlink_to("one")
    with pytest.raises(InputError, match="cannot be read"):
        load(places, "one")
    for name in ("C:\\..\\x.png", "C:/x.png", "\\\\server\\x.png"):
        with pytest.raises(InputError, match="is a Windows path"):
            load(places, name)


# What is sent


def test_an_image_that_changed_since_it_was_loaded_stops_the_run(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(PNG)
    image = load_image(path)
    path.write_bytes(written("GIF"))
    with pytest.raises(RunError, match="image changed since the run began"):
        image_base64(image)
    path.unlink()
    with pytest.raises(RunError, match=r"image changed since the run began \(no such image\)"):
        image_base64(image)


def test_an_image_is_encoded_once_for_all_calls_of_its_item(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(written("PNG", size=(9, 9)))
    image = load_image(path)
    first = image_base64(image)
    path.unlink()
    assert image_base64(image) is first


def test_images_are_encoded_beside_the_event_loop_and_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = images.read_image
    threads: list[int] = []

    def counted(path: Path) -> bytes:
        threads.append(threading.get_ident())
        return read(path)

    shown = []
    for number in range(12):
        path = tmp_path / f"{number}.png"
        path.write_bytes(written("PNG", size=(number + 1, 1)))
        shown.append(load_image(path))
    monkeypatch.setattr(images, "read_image", counted)

    async def both_orders() -> None:
        await load_encoded(shown)
        await load_encoded(shown)

    asyncio.run(both_orders())
    assert [image_base64(image) for image in shown] == [
        base64.b64encode(written("PNG", size=(n + 1, 1))).decode() for n in range(12)
    ]
    assert len(threads) == 12
    assert threading.get_ident() not in threads


def test_the_size_of_an_image_that_an_earlier_run_did_not_state_is_read_from_its_header(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(PNG)
    image = structs.replace(load_image(tmp_path / "x.png"), width=None, height=None)
    assert images.image_size(image) == (60, 40)
    (tmp_path / "y.png").write_bytes(PNG[:20])
    assert images.image_size(structs.replace(image, path=str(tmp_path / "y.png"))) is None
