"""Find a run by what a person calls it: its path, its name, the beginning of its name, or `latest`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path

from msgspec import DecodeError, Struct
from msgspec.json import decode

from judge.errors import InputError, RunError
from judge.files.limits import read_whole

MANIFEST = "manifest.json"
TOURNAMENT = "tournament.json"
"""makes a folder of runs that of a tournament"""
LATEST = "latest"
"""names the run that was begun last"""
SUGGESTED = 5
"""runs named for a mistyped name, at most"""
CANDIDATES = 20
"""runs named for a beginning that several share, at most"""
CLOSE = 0.6
"""similarity, in [0, 1], from which a name may have been meant: that of difflib's close matches"""
MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
"""seconds"""
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class _Begun(Struct):
    """The one field of a manifest by which runs are sorted; no run is read whole for it."""

    created: str


def run_folders(runs: Path) -> list[Path]:
    """Return the folders in the folder of runs, by name; none where there is no such folder.

    Hidden ones, which are being made, are left out; others need not be whole runs.
    """
    try:
        return sorted(path for path in runs.iterdir() if not path.name.startswith(".") and path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def newest_first(folders: Sequence[Path]) -> list[Path]:
    """Sort runs by when they were begun, the newest first; those that do not tell it come last."""
    return sorted(folders, key=_begun, reverse=True)


def _begun(folder: Path) -> tuple[datetime, int]:
    """Return when a run was begun, to the second, and what orders the runs of one second."""
    try:
        time = datetime.fromisoformat(decode(read_whole(folder / MANIFEST), type=_Begun).created)
        written = (folder / MANIFEST).stat().st_mtime_ns
    except (InputError, OSError, DecodeError, ValueError, RecursionError):
        return LONG_AGO, 0
    return (time if time.tzinfo else time.replace(tzinfo=UTC)), written


def age(created: str, now: datetime) -> str:
    """Write how long ago something was, in its largest whole unit: minutes, hours or days; `-` where it is no time."""
    try:
        time = datetime.fromisoformat(created)
    except ValueError:
        return "-"
    return _age(time if time.tzinfo else time.replace(tzinfo=UTC), now)


def _age(time: datetime, now: datetime) -> str:
    seconds = (now - time).total_seconds()
    if seconds < HOUR:
        return f"{max(0, int(seconds // MINUTE))} min"
    return f"{int(seconds // HOUR)} h" if seconds < DAY else f"{int(seconds // DAY)} d"


def find_run(run: str, runs: Path, *, now: datetime | None = None) -> Path:
    """Return the folder of the run that a person named; it need not be a whole run.

    A run's path comes first, then its name, then `latest`, then the beginning of a name that no other run shares. Of a
    path, too, the last part may be abbreviated.

    Args:
        run: what was given.
        runs: the folder of runs.
        now: from when the ages in messages are told; the present if None.

    Raises:
        RunError: no run, or more than one, can have been meant; the message names those that may have been.
    """
    path, named = Path(run), runs / run
    if (path / MANIFEST).exists():
        return path
    if named.is_dir():
        return named
    around = path.parent if len(path.parts) > 1 and path.parent.is_dir() else named.parent
    known = [folder for folder in run_folders(around) if (folder / MANIFEST).exists()]
    if path.name == LATEST and known:
        return newest_first(known)[0]
    begin_so = [folder for folder in known if path.name and folder.name.startswith(path.name)]
    if len(begin_so) == 1:
        return begin_so[0]
    if path.is_dir():
        return path
    if begin_so:
        names = _some(newest_first(begin_so), CANDIDATES, now)
        raise RunError(f"{run}: {len(begin_so)} runs begin so: {names}; give more of the name")
    raise RunError(_no_run(run, path.name, around, known, now))


def _no_run(run: str, name: str, around: Path, known: Sequence[Path], now: datetime | None) -> str:
    """Say that there is no run of a name, and which there are: the closest names, else the newest runs."""
    problem = f"{run}: no run of this name"
    if not known:
        return f"{problem}: there are none in {around} (--runs names another folder)"
    by_likeness = sorted(known, key=lambda folder: _likeness(name, folder.name), reverse=True)
    close = [folder for folder in by_likeness[:SUGGESTED] if _likeness(name, folder.name) >= CLOSE]
    there_are = f"the closest: {_some(close, SUGGESTED, now)}" if close else _there_are(known, now)
    every = "omr-judge runs" if around == Path("runs") else f"omr-judge runs --runs {around}"
    return f"{problem}; {there_are}; `{every}` lists all"


def _there_are(known: Sequence[Path], now: datetime | None) -> str:
    return f"there {'is' if len(known) == 1 else 'are'} {_some(newest_first(known), SUGGESTED, now)}"


def _likeness(given: str, name: str) -> float:
    """Return how like a name, or its beginning, what was given is: from 0 to 1."""
    given, name = given.casefold(), name.casefold()
    return max(SequenceMatcher(None, given, part).ratio() for part in (name, name[: len(given)]))


def _some(folders: Sequence[Path], most: int, now: datetime | None) -> str:
    """Name runs with their ages: "r1 (2 h ago), r0 (3 d ago) and 5 more"."""
    names = ", ".join(f"{folder.name}{_ago(folder, now)}" for folder in folders[:most])
    return names + (f" and {len(folders) - most} more" if len(folders) > most else "")


def _ago(folder: Path, now: datetime | None) -> str:
    begun, _ = _begun(folder)
    return "" if begun == LONG_AGO else f" ({_age(begun, now or datetime.now(UTC))} ago)"
