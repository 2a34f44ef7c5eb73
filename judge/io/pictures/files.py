"""Read image files from the folders that a person allowed, and nothing that is no regular file."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from judge.errors import InputError, MissingImageError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FILE_BYTES = 64_000_000
_WINDOWS = re.compile(r"[A-Za-z]:($|\\)|\\\\")
# Neither a link put in the file's place nor a pipe may be followed or waited for; Windows has no such flags.
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def find(path: Path, roots: Iterable[Path]) -> Path:
    """Return where an image really lies; links are followed as long as they stay within the roots.

    Args:
        path: absolute, as it was given.
        roots: folders in which images may lie.

    Raises:
        MissingImageError: there is no such file.
        InputError: it lies elsewhere, or its name is none here.
    """
    if os.name == "posix" and any(_WINDOWS.match(part) for part in path.parts):
        raise InputError(str(path), "is a Windows path", "give a path relative to the file that names the image")
    try:
        real = path.resolve(strict=True)
        inside = any(real.is_relative_to(root.resolve()) for root in roots)
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = "image paths are relative to the file that names them"
        raise MissingImageError(str(path), "no such image", hint) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from error
    if not inside:
        hint = f"--image-root {real.parent} allows images there"
        raise InputError(str(path), "lies outside of the folder of the file that names it", hint)
    return real


def read(path: Path) -> bytes:
    """Return the bytes of a regular file of at most 64 MB; nothing else is opened.

    Raises:
        MissingImageError: there is no such file.
        InputError: it is a link, a folder, a device or a pipe, too large, or cannot be read.
    """
    try:
        _refuse_unreadable(path, path.lstat())
        with open(path, "rb", opener=_open_safely) as file:
            _refuse_unreadable(path, os.fstat(file.fileno()))
            return file.read(MAX_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingImageError(str(path), "no such image") from error
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from error


def _open_safely(path: str, flags: int) -> int:
    return os.open(path, flags | _SAFELY)


def _refuse_unreadable(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise InputError(str(path), "is a symbolic link", "give the path of the image itself")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(str(path), "is not a regular file", "give the path of an image file")
    if status.st_size > MAX_FILE_BYTES:
        raise InputError(
            str(path),
            f"is {status.st_size / 1e6:.1f} MB large",
            f"images may have {MAX_FILE_BYTES // 10**6} MB: scale it down",
        )
