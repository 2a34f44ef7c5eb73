"""Write files so that a crash leaves the old one or the new one, and hash them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import orjson
from msgspec.json import encode
from pydantic_core import to_json

from judge.errors import RunError
from judge.files.limits import open_regular
from judge.files.sealing import seal, seal_lines
from judge.schema import Frozen, Noun


def flush(descriptor: int) -> None:
    """Wait until a file's content, and its length, are on the disk."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def flush_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk: a file that nobody finds is lost too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_its_folder(path: str | Path, flags: int) -> int:
    """Open a file of a run, as an `opener`: whom its folder lets in may read, and write, a new one."""
    descriptor = os.open(path, flags, 0o600)
    status = os.fstat(descriptor)
    if os.name == "posix" and flags & os.O_CREAT and not status.st_size and status.st_uid == os.geteuid():
        os.fchmod(descriptor, rights_in(Path(path).parent))
    return descriptor


def rights_in(folder: Path) -> int:
    """Return the rights of a file in a folder: its own, but for entering it."""
    return folder.stat().st_mode & 0o666


def make_folder(path: Path) -> None:
    """Make a folder within a run's, if it is not there, with the rights of that one."""
    if not path.is_dir():
        path.mkdir(exist_ok=True)
        path.chmod(path.parent.stat().st_mode & 0o777)


def touch(path: Path) -> None:
    """Make an empty file of a run."""
    os.close(as_its_folder(path, os.O_WRONLY | os.O_CREAT))


@contextmanager
def replacing(path: Path, *, opener: Callable[[str, int], int] | None = None) -> Iterator[IO[bytes]]:
    """Yield a file to fill, so that a reader, or a crash, finds the old one or the new one and nothing between.

    Args:
        path: the file.
        opener: as of `open`; what a person named themselves has the rights that their files have.

    Raises:
        RunError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb", opener=opener) as file:
            yield file
            file.flush()
            flush(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any, *, sealed: bool = False) -> None:  # noqa: ANN401 - any JSON value
    """Write indented JSON of a run atomically; a sealed object ends in its checksum (`judge.files.sealing`)."""
    content = as_json_bytes(value)
    with replacing(path, opener=as_its_folder) as file:
        file.write(seal(content)[0] if sealed else content)


def as_json_bytes(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return indented JSON with a final newline: the bytes of every JSON file here."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"


def file_sha256(path: Path) -> str:
    """Return the hash of a file's bytes."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def write_lines(path: Path, records: Iterable[Frozen | Noun]) -> str:
    """Write records of a run as sealed JSON lines, atomically and one at a time; return the file's sha256."""
    digest = hashlib.sha256()
    contents = (encode(record) if isinstance(record, Noun) else to_json(record) for record in records)
    with replacing(path, opener=as_its_folder) as file:
        for line in seal_lines(contents):
            digest.update(line)
            file.write(line)
    return digest.hexdigest()
