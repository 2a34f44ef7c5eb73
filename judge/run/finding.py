"""Find the run that a command goes on with, or the place of a new one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from judge.errors import InputError, RunError
from judge.io.journal import RunFolder
from judge.run.pricing import change_prices
from judge.schema import Price

PART_CHARS = 40


@dataclass(frozen=True)
class Sought:
    """What tells a run from others."""

    identity: Mapping[str, str]
    """everything that decides its judgments, by name"""
    parts: Sequence[str]
    """what a new run is named after"""
    runs: Path
    name: str | None = None
    """as given to `--name`"""


def find_run(sought: Sought, *, say: Callable[[str], None]) -> RunFolder:
    """Return the named run, else the one that the very same command began, else a new one by its parts and the time."""
    if sought.name is not None:
        return named_run(sought.runs, sought.name)
    for path in sorted(sought.runs.glob("[!.]*/manifest.json"), reverse=True):
        folder = RunFolder(path.parent)
        try:
            known = folder.any_manifest()
        except RunError:
            continue
        if known.identity == sought.identity:
            say(f"Going on with run {folder.path}, the same {known.kind} (--name starts another)")
            return folder
    parts = [*sought.parts, datetime.now(UTC).strftime("%Y%m%d-%H%M%S")]
    name = "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", part).strip("-.")[:PART_CHARS] or "x" for part in parts)
    path = sought.runs / name
    again = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return RunFolder(next(free for free in chain([path], again) if not free.exists()))


def find_or_create(
    sought: Sought,
    prices: Mapping[str, Price],
    create: Callable[[RunFolder], None],
    *,
    say: Callable[[str], None],
) -> RunFolder:
    """Return the run that a command goes on with, after changes that would mix two of them are refused, or a new one.

    Args:
        sought: what tells it from others.
        prices: by judge, as given: a run that exists pins them anew.
        create: writes the folder of a new run.
        say: is told that a run goes on.
    """
    folder = find_run(sought, say=say)
    if folder.manifest_path.exists():
        refuse_changes(folder, sought.identity)
        change_prices(folder, prices)
    else:
        create(folder)
    return folder


def named_run(runs: Path, name: str) -> RunFolder:
    """Return the run of a name; InputError where that is no folder name."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name):
        raise InputError("--name", f"{name!r} is no folder name", "use letters, digits, '.', '_', '+', '-'")
    return RunFolder(runs / name)


def refuse_changes(folder: RunFolder, identity: Mapping[str, str]) -> None:
    """Refuse to mix judgments of two different commands in one run, naming what changed."""
    known = folder.any_manifest().identity
    changed = sorted(name for name in known.keys() | identity.keys() if known.get(name) != identity.get(name))
    if changed:
        raise RunError(
            f"{folder.path}: begun with another {', another '.join(changed)}; "
            "repeat the first command to go on, or give another --name"
        )
