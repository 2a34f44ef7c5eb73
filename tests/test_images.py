from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import threading
from pathlib import Path

import pytest

from judge.errors import InputError, RunError
from judge.io import images
from judge.io.images import image_base64, load_encoded, load_image

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
SHARED = Path(__file__).parents[2] / "shared"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\x04\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_an_image_is_known_by_its_first_bytes_not_by_its_name(tmp_path: Path, content: bytes, media_type: str) -> None:
    path = tmp_path / "image.txt"
    path.write_bytes(content)
    image = load_image(path)
    assert image.media_type == media_type
    assert image.sha256 == hashlib.sha256(content).hexdigest()
    assert image.path == str(path)
    assert image_base64(image) == base64.b64encode(content).decode()


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"RIFF\x04\x00\x00\x00WAVE", b"II*\x00"])
def test_an_unknown_type_is_refused_with_the_accepted_ones_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load_image(path)
    assert str(error.value) == f"{path}: not an image of a known type (accepted: PNG, JPEG, WebP, GIF)"


def test_an_image_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such image"):
        load_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="cannot be read: embedded null"):
        load_image(tmp_path / "a\0b.png")


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match="is not a regular file"):
            load_image(path)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real.png").write_bytes(PNG)
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    with pytest.raises(InputError, match="is a symbolic link"):
        load_image(tmp_path / "link.png")


def test_an_image_over_20_mb_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(PNG)
    os.truncate(path, images.MAX_IMAGE_BYTES)
    assert load_image(path).media_type == "image/png"
    os.truncate(path, images.MAX_IMAGE_BYTES + 1)
    with pytest.raises(InputError, match=r"is 20\.0 MB large \(images may have 20 MB: scale it down\)"):
        load_image(path)


def test_an_image_that_changed_since_it_was_loaded_stops_the_run(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(PNG)
    image = load_image(path)
    path.write_bytes(PNG + b"!")
    with pytest.raises(RunError, match="image changed since the run began"):
        image_base64(image)
    path.unlink()
    with pytest.raises(RunError, match=r"image changed since the run began \(no such image\)"):
        image_base64(image)


def test_an_image_is_encoded_once_for_all_calls_of_its_item(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(PNG + b"once")
    image = load_image(path)
    first = image_base64(image)
    path.unlink()
    assert image_base64(image) is first


def test_images_are_encoded_beside_the_event_loop_and_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = images._read  # noqa: SLF001 - counts how often a file is read
    threads: list[int] = []

    def counted(path: Path) -> bytes:
        threads.append(threading.get_ident())
        return read(path)

    shown = []
    for number in range(12):
        path = tmp_path / f"{number}.png"
        path.write_bytes(PNG + bytes([number]))
        shown.append(load_image(path))
    monkeypatch.setattr(images, "_read", counted)

    async def both_orders() -> None:
        await asyncio.gather(load_encoded(shown), load_encoded(shown))
        await load_encoded(shown)

    asyncio.run(both_orders())
    assert [image_base64(image) for image in shown] == [base64.b64encode(PNG + bytes([n])).decode() for n in range(12)]
    assert len(threads) == 12
    assert threading.get_ident() not in threads


def test_no_more_encoded_images_are_kept_than_fit_and_the_last_always_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_encoded", images._Encoded(most_bytes=30))  # noqa: SLF001
    shown = []
    for name, size in (("a", 8), ("b", 8), ("c", 4), ("large", 99)):
        path = tmp_path / f"{name}.png"
        path.write_bytes(PNG + name.encode() + bytes(size))
        shown.append(load_image(path))
    kept = []
    for image in (*shown, shown[0]):
        image_base64(image)
        kept.append([other in images._encoded for other in shown])  # noqa: SLF001
    # In base64: 24, 24, 20 and 144 characters.
    assert kept == [
        [True, False, False, False],
        [False, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
        [True, False, False, False],
    ]


@pytest.mark.shared
def test_every_real_image_is_a_jpeg() -> None:
    folder = SHARED / "data/igakuqa119/images"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    assert {load_image(path).media_type for path in folder.iterdir()} == {"image/jpeg"}
