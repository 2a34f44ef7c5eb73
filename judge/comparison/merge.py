"""Merge the shards of a comparison into the run that it would have been unsharded."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import chain, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from judge.batches.log import BatchLog
from judge.dispatch.in_flight import read_in_flight, write_in_flight
from judge.errors import RunError
from judge.files.files import file_sha256, touch, write_lines
from judge.files.limits import real_path
from judge.images.image_store import ImageStore, with_item
from judge.images.loader import held
from judge.judging.find_run import SHARD, named_run
from judge.judging.run_kinds import counts_of, subjects_of
from judge.runs.journal_copy import refuse_rescued
from judge.runs.manifest import AnyManifest, Manifest
from judge.runs.run_folder import RunFolder

OWN = {
    "created",
    "command",
    "versions",
    "inputs",
    "identity",
    "judges",
    "n_items",
    "n_units",
    "n_asked",
    "identical",
    "n_checklists",
    "swapped",
    "n_images",
    "images_sha256",
    "pairs_sha256",
    "files",
    "shard",
}
"""fields of the manifest in which shards of one comparison may differ; `identity` is compared name by name, and holds
the judges without their addresses and the files without their paths"""


class _Part(NamedTuple):
    folder: RunFolder
    manifest: AnyManifest
    number: int
    of: int


def merge_shards(
    shards: Sequence[RunFolder], *, name: str, runs: Path, command: Sequence[str], shared: bool = False
) -> RunFolder:
    """Write the run folder of the whole comparison from those of all its shards; memory does not grow with the pairs.

    Raises:
        InputError: the name is no folder's.
        RunError: a folder is no shard, is given twice, missing, damaged, in use, or of another comparison.
    """
    folder = named_run(runs, name)
    parts = sorted(map(_open, shards), key=lambda part: part.number)
    _check_same(parts)
    _check_complete(parts)
    with ExitStack() as held, folder.created(shared=shared) as new:
        for part in parts:
            held.enter_context(part.folder.locked())
            _check_batches(part)
            refuse_rescued(part.folder.judgments_path)
            subjects = part.folder.subjects_path(part.manifest)
            if file_sha256(subjects) != part.manifest.pairs_sha256:
                raise RunError(f"{subjects}: changed since the run began")
        _fill(new, parts, command=command)
    return folder


def _open(folder: RunFolder) -> _Part:
    manifest = folder.any_manifest()
    if manifest.shard is None:
        raise RunError(f"{folder.path}: not a shard; merge takes runs made with {SHARD}")
    return _Part(folder, manifest, manifest.shard.number, manifest.shard.of)


def _check_same(parts: Sequence[_Part]) -> None:
    first = parts[0]
    for part in parts[1:]:
        known, other = _compared(first), _compared(part)
        changed = sorted(name for name in known.keys() | other.keys() if known.get(name) != other.get(name))
        if changed:
            listed = ", ".join(f"another {name}" for name in changed)
            raise RunError(f"{part.folder.path}: not of the same comparison as {first.folder.path}: {listed}")


def _compared(part: _Part) -> dict[str, Any]:
    """Return by name what all shards of one comparison have in common."""
    manifest = part.manifest
    fields = manifest.model_dump(mode="json", exclude=OWN)
    return fields | manifest.whole_identity | {f"number of shards ({SHARD} i/n)": part.of}


def _check_complete(parts: Sequence[_Part]) -> None:
    """Refuse a shard that is given twice, and name those that are missing."""
    for part, after in pairwise(parts):
        if part.number == after.number:
            both = f"{part.folder.path} and {after.folder.path}"
            raise RunError(f"{both}: both are shard {part.number}/{part.of}; give each shard once")
    of = parts[0].of
    missing = sorted(set(range(1, of + 1)) - {part.number for part in parts})
    if missing:
        raise RunError(f"missing: shard {', '.join(f'{number}/{of}' for number in missing)}; merge takes all {of}")


def _check_batches(part: _Part) -> None:
    """Refuse a shard whose batches are still with a provider: the merged run would pay for them again."""
    if not part.folder.batches_path.exists():
        return
    log = BatchLog(part.folder.batches_path, part.folder.path / "batches")
    n = sum(len(log.open_records(judge.name)) for judge in part.manifest.judges)
    if n:
        batches = "1 batch is" if n == 1 else f"{n} batches are"
        raise RunError(
            f"{part.folder.path}: {batches} not taken in yet; `omr-judge resume {part.folder.path}` first, then merge"
        )


def _fill(new: RunFolder, parts: Sequence[_Part], *, command: Sequence[str]) -> None:
    first = parts[0].manifest
    counts = counts_of(first)
    store = ImageStore(new.path)
    subjects: Iterator[Any] = counts.counting(with_item(one, partial(held, store=store)) for one in _in_order(parts))
    pairs_sha256 = write_lines(new.subjects_path(first), subjects)
    store.flush()
    write_lines(new.judgments_path, chain.from_iterable(part.folder.judgments() for part in parts))
    if any(part.folder.batches_path.exists() for part in parts):
        touch(new.batches_path)
    left = (read_in_flight(part.folder.in_flight_path, part.folder.judged_keys()) for part in parts)
    write_in_flight(new.in_flight_path, frozenset().union(*left))
    whole = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": tuple(command),
        "versions": first.versions | {"reader": str(min(part.manifest.first_reader for part in parts))},
        "identity": first.whole_identity,
        **counts.fields(),
        "pairs_sha256": pairs_sha256,
        "files": {},
        "shard": None,
        "merged": tuple(str(real_path(part.folder.path)) for part in parts),
    }
    if isinstance(first, Manifest):
        swapped = (part.manifest.swapped for part in parts if isinstance(part.manifest, Manifest))
        whole["swapped"] = tuple(sorted(chain.from_iterable(swapped)))
    new.write_manifest(first.model_copy(update=whole), sealed=all(part.folder.is_sealed for part in parts))


def _in_order(parts: Sequence[_Part]) -> Iterator[Any]:
    """Yield the shards' subjects in the order of the whole; RunError where one is missing or there twice."""
    placed = (zip(part.folder.positions(), subjects_of(part.folder, part.manifest), strict=False) for part in parts)
    end = 0
    for end, (position, subject) in enumerate(heapq.merge(*placed, key=itemgetter(0)), start=1):
        if position != end - 1:
            raise RunError(
                f"the shards' positions.txt do not fit together: pair {end - 1} of the comparison is missing"
            )
        yield subject
    if end != (n_items := sum(part.manifest.n_items for part in parts)):
        raise RunError(f"the shards' positions.txt name {end} of {n_items} pairs")
