from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from builders import make_pair

from judge.errors import InputError
from judge.io.own_images import OwnImages, located, movable, passing_images

PNG, GIF = b"\x89PNG\r\n\x1a\n" + b"pixels", b"GIF89a pixels"


def test_an_image_is_kept_once_under_its_hash_and_type(tmp_path: Path) -> None:
    own = OwnImages(tmp_path)
    own.flush()
    images = [own.add(content) for content in (PNG, GIF, PNG)]
    own.flush()
    names = [f"{hashlib.sha256(PNG).hexdigest()}.png", f"{hashlib.sha256(GIF).hexdigest()}.gif"]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(names)
    assert [Path(image.path).name for image in images] == [*names, names[0]]
    assert Path(images[1].path).read_bytes() == GIF


def test_bytes_that_are_no_image_leave_no_file(tmp_path: Path) -> None:
    own = OwnImages(tmp_path)
    with pytest.raises(InputError, match="not an image"):
        own.add(b"<svg/>")
    assert list((tmp_path / "images").iterdir()) == []


def test_a_pair_is_written_so_that_its_folder_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run, elsewhere = Path("run"), tmp_path / "elsewhere"
    run.mkdir()
    image = OwnImages(run).add(PNG)
    other = image.model_copy(update={"path": str(tmp_path / "images/x.png")})
    pair = make_pair(images=(image, other))
    written = movable(pair, run)
    assert [one.path for one in written.item.images] == [f"images/{Path(image.path).name}", other.path]
    assert located(written, run) == pair
    run.rename(elsewhere)
    assert Path(located(written, elsewhere).item.images[0].path).read_bytes() == PNG
    assert movable(make_pair(), run) == located(make_pair(), run) == make_pair()


def test_only_images_that_another_run_holds_are_adopted(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    image = OwnImages(tmp_path / "one").add(PNG)
    own = OwnImages(tmp_path / "two")
    adopted = own.adopt(image, tmp_path / "one")
    assert Path(adopted.path) == tmp_path / "two/images" / Path(image.path).name
    assert Path(adopted.path).read_bytes() == PNG
    assert own.adopt(adopted, tmp_path / "one") == adopted


def test_passing_images_vanish() -> None:
    with passing_images() as own:
        path = Path(own.add(PNG).path)
        assert path.exists()
        own.clear()
        assert not path.exists()
    assert not path.parent.parent.exists()
