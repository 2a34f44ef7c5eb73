"""Make folders so that a crash leaves a whole one or none, and lock them against other processes."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from judge.errors import InputError, RunError, RunInUseError
from judge.files.files import flush_folder, rights_in, write_json
from judge.files.limits import read_whole


@contextmanager
def filling(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Yield a hidden folder to fill, which is renamed to `path` when it is complete, and vanishes on an error.

    Args:
        path: the folder.
        mode: its rights; None: those that a person's folders have.

    Raises:
        RunError: something is there already, or it cannot be written.
    """
    if path.exists():
        raise RunError(f"{path}: exists already; give another --name, or remove it")
    hidden = path.with_name(f".{path.name}.{_host()}.{os.getpid()}")
    try:
        hidden.mkdir(parents=True)
        if mode is not None:
            hidden.chmod(mode)
        _remove_abandoned(path.parent)
        yield hidden
        hidden.rename(path)
        flush_folder(path.parent)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


@contextmanager
def locking(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; RunInUseError names who else holds it.

    The lock is the operating system's and ends with the process, however it ends.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - 0.1 s that `report` need not pay

    lock = FileLock(folder / "lock", mode=rights_in(folder))
    owner = folder / "owner.json"
    try:
        lock.acquire(timeout=0)
        write_json(owner, {"pid": os.getpid(), "host": platform.node()})
    except Timeout:
        raise RunInUseError(f"{folder}: in use by {_named(owner)}; wait for it, or stop it") from None
    except OSError as error:
        raise RunError(f"{folder}: cannot be locked: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Say whether a process works on a folder: False where none does, or this one may not know.

    The lock is tried only where a process that may be alive is named as its owner, since nobody else can have it
    meanwhile. A folder that nobody ever worked on stays as it is.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - as above

    try:
        owner = orjson.loads(read_whole(folder / "owner.json"))
        is_gone = owner["host"] == platform.node() and not _is_alive(owner["pid"])
        if is_gone or not (folder / "lock").exists():
            return False
        lock = FileLock(folder / "lock", mode=rights_in(folder))
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (OSError, InputError, orjson.JSONDecodeError, KeyError, TypeError):
        return False
    lock.release()
    return False


def _named(owner: Path) -> str:
    try:
        named = orjson.loads(read_whole(owner))
        return f"process {named['pid']} on {named['host']}"
    except (OSError, InputError, orjson.JSONDecodeError, KeyError, TypeError):
        return "another process"


def _host() -> str:
    """Name this machine as a part of a file's name: others may share the folder."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", platform.node()) or "host"


def _remove_abandoned(parent: Path) -> None:
    """Remove the hidden folders of processes of this machine that were killed while they filled them."""
    form = re.compile(rf"\..+\.{re.escape(_host())}\.(?P<pid>[0-9]+)")
    for hidden in parent.iterdir():
        match = form.fullmatch(hidden.name)
        if match and hidden.is_dir() and not _is_alive(int(match["pid"])):
            shutil.rmtree(hidden, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    """Say whether a process may be there; where the system tells nothing, it may."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
