"""The random samples that a run drew for its readers: recorded as they are made, and held against the run's pairs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from pydantic import ValidationError

from judge.audit.audit_queue import queue
from judge.errors import RunError
from judge.files.damage import change_in
from judge.files.files import make_folder, write_json
from judge.files.limits import read_whole
from judge.files.sampling import draw
from judge.files.sealing import unseal
from judge.labels.labels import first_shown, labels_path
from judge.schema import Frozen, Order

if TYPE_CHECKING:
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder

NAME = re.compile(r"[a-z0-9-]{1,200}")
DRAW_FOLDERS = (PACKETS, SESSIONS) = ("packets", "draws")
"""of a run: what each file in them tells of"""
_OF_SESSION = re.compile(r"(random|doubtful)-s(-?[0-9]{1,40})-n([0-9]{1,18})")


class KeyItem(Frozen):
    """An item of a packet, and which trace the page shows first."""

    number: int
    item: str
    order: Order
    weight: float
    stratum: str | None = None


class PacketKey(Frozen):
    """The key of a packet, which the packet does not hold: `packets/DRAW.json` of the run folder."""

    format_version: Literal[1] = 1
    draw: str
    created: str
    seed: int
    stratify: str | None
    criteria: tuple[str, ...]
    pairs_sha256: str
    n_population: int
    items: tuple[KeyItem, ...]


class SessionDraw(Frozen):
    """The sample of a session in the terminal: `draws/DRAW.json` of the run folder."""

    format_version: Literal[1] = 1
    draw: str
    created: str
    seed: int
    doubtful: bool
    pairs_sha256: str | None
    n_population: int
    weights: dict[str, float]
    """how many items of the run each item that was drawn stands for"""


class Draw(NamedTuple):
    """A random sample that the run made."""

    name: str
    weights: Mapping[str, float]
    """by item: how many items of the run it stands for"""
    criteria: frozenset[str]
    """what its items are asked about"""
    orders: Mapping[str, Order] | None
    """of a packet: which trace each item shows first; None: it depends on the reader"""
    seed: int
    recorded: bool
    """False: a session's of an earlier version, which kept no record; worked out again from its name"""

    def order(self, item: str, reader: str) -> Order:
        """Return which trace a reader was shown first."""
        return self.orders[item] if self.orders else first_shown(item, reader=reader, seed=self.seed)


_Record = TypeVar("_Record", PacketKey, SessionDraw)


def readable_items(folder: RunFolder, manifest: Manifest) -> list[str]:
    """Return the ids of the pairs that differ, in file order; RunError where there are none, or no traces."""
    if not folder.pairs_path.exists():
        raise RunError(f"{folder.path}: the traces of this run are not known: there is nothing to read")
    identical = set(manifest.identical)
    items = [pair.item.id for pair in folder.pairs() if pair.item.id not in identical]
    if not items:
        raise RunError(f"{folder.path}: no pair of this run differs: there is nothing to read")
    return items


def session_name(n: int, *, seed: int, doubtful: bool) -> str:
    """Return the name of a session's draw, which says all that decides it."""
    return f"{'doubtful' if doubtful else 'random'}-s{seed}-n{n}"


def session_weights(items: Sequence[str], n: int, *, seed: int, doubtful: bool) -> dict[str, float]:
    """Return the items that a session draws at random, in their order, with their weights.

    Among the doubtful, those are every fourth of the n that are read, whatever the doubts.
    """
    if not doubtful:
        return {one.item: one.weight for one in draw(items, n, seed=seed)}
    random_ones = [place.item for place in queue(items, {}, seed=seed)[:n] if place.drawn]
    return {item: len(items) / len(random_ones) for item in random_ones}


def holds_labels(run: Path) -> bool:
    """Tell whether anybody labelled a run, or samples of it were drawn to be labelled."""
    return labels_path(run).exists() or any((run / name).exists() for name in DRAW_FOLDERS)


def packet_path(run: Path, name: str) -> Path:
    """Return where a run folder keeps the key of a packet."""
    return run / PACKETS / f"{name}.json"


def _session_path(run: Path, name: str) -> Path:
    return run / SESSIONS / f"{name}.json"


def write_key(run: Path, key: PacketKey) -> None:
    """Write a packet's key."""
    _write(packet_path(run, key.draw), key)


def record_session(
    folder: RunFolder, manifest: Manifest, items: Sequence[str], n: int, *, seed: int, doubtful: bool
) -> Draw | None:
    """Record the sample of a session before anything is asked, unless it is on record; None where nothing is drawn.

    Raises:
        RunError: it cannot be written, or what is on record is another sample.
    """
    name = session_name(n, seed=seed, doubtful=doubtful)
    weights = session_weights(items, n, seed=seed, doubtful=doubtful)
    if not weights:
        return None
    if (known := find_draw(folder, manifest, name)) is not None:
        return known
    record = SessionDraw(
        draw=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        doubtful=doubtful,
        pairs_sha256=manifest.pairs_sha256,
        n_population=len(items),
        weights=weights,
    )
    _write(_session_path(folder.path, name), record)
    return _of_session(manifest, record)


def _write(path: Path, record: PacketKey | SessionDraw) -> None:
    try:
        make_folder(path.parent)
    except OSError as error:
        raise RunError(f"{path.parent}: cannot be written: {error.strerror}") from error
    write_json(path, record.model_dump(mode="json"), sealed=True)


def read_key(run: Path, name: str) -> PacketKey | None:
    """Read a packet's key; None where this run has no such packet, RunError where the key is damaged."""
    return _read(packet_path(run, name), PacketKey, name)


def find_draw(folder: RunFolder, manifest: Manifest, name: str, *, work_out: bool = False) -> Draw | None:
    """Return the random sample of a name; None where the run did not make it.

    Args:
        folder: the run.
        manifest: its manifest.
        name: of the draw.
        work_out: whether a session's that is not on record is worked out from its name, as earlier versions need.

    Raises:
        RunError: its record is damaged, or is not the sample that its seed draws from the pairs of this run.
    """
    if not NAME.fullmatch(name):
        return None
    return _packet_draw(folder, manifest, name) or _session_draw(folder, manifest, name, work_out=work_out)


def _packet_draw(folder: RunFolder, manifest: Manifest, name: str) -> Draw | None:
    """Return the sample of a packet; errors as for `find_draw`."""
    key = read_key(folder.path, name)
    if key is None:
        return None
    if key.pairs_sha256 != manifest.pairs_sha256 or not _is_sample(key, readable_items(folder, manifest)):
        raise _foreign(packet_path(folder.path, name))
    return Draw(
        name,
        {one.item: one.weight for one in key.items},
        frozenset(key.criteria),
        {one.item: one.order for one in key.items},
        key.seed,
        recorded=True,
    )


def _session_draw(folder: RunFolder, manifest: Manifest, name: str, *, work_out: bool) -> Draw | None:
    """Return the sample of a session; arguments and errors as for `find_draw`."""
    path = _session_path(folder.path, name)
    record = _read(path, SessionDraw, name)
    named = _OF_SESSION.fullmatch(name)
    if named is None or (record is None and not (work_out and folder.pairs_path.exists())):
        return None
    items = readable_items(folder, manifest)
    kind, seed, n = named.groups()
    expected = SessionDraw(
        draw=name,
        created="",
        seed=int(seed),
        doubtful=kind == "doubtful",
        pairs_sha256=manifest.pairs_sha256,
        n_population=len(items),
        weights=session_weights(items, int(n), seed=int(seed), doubtful=kind == "doubtful"),
    )
    if record is None:
        return _of_session(manifest, expected)._replace(recorded=False)
    if record.model_copy(update={"created": ""}) != expected:
        raise _foreign(path)
    return _of_session(manifest, record)


def _of_session(manifest: Manifest, record: SessionDraw) -> Draw:
    criteria = frozenset(criterion.name for criterion in manifest.rubric.criteria)
    return Draw(record.draw, record.weights, criteria, None, record.seed, recorded=True)


def _is_sample(key: PacketKey, items: Sequence[str]) -> bool:
    """Tell whether a packet's items and weights are a sample of these items.

    Without strata the seed decides all of it. Strata are outcomes at the time of the draw: their sizes must be whole
    numbers that add up to the number of items.
    """
    weights = {one.item: one.weight for one in key.items}
    if not (
        key.n_population == len(items) and len(weights) == len({one.number for one in key.items}) == len(key.items)
    ):
        return False
    if key.stratify is None:
        return weights == session_weights(items, len(key.items), seed=key.seed, doubtful=False)
    strata: dict[str | None, list[float]] = {}
    for one in key.items:
        strata.setdefault(one.stratum, []).append(one.weight)
    sizes = [sum(own) for own in strata.values()]
    return (
        weights.keys() <= set(items)
        and all(len(set(own)) == 1 and own[0] >= 1 for own in strata.values())
        and all(math.isclose(size, round(size)) for size in sizes)
        and round(sum(sizes)) == len(items)
    )


def _read(path: Path, form: type[_Record], name: str) -> _Record | None:
    try:
        written = read_whole(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error
    unsealed = unseal(written)
    if not unsealed.holds:
        raise RunError(f"{path}: damaged: {change_in(written)}")
    try:
        record = form.model_validate_json(unsealed.content)
    except ValidationError as error:
        raise RunError(f"{path}: damaged: {error.errors()[0]['msg']}") from error
    if record.draw != name:
        raise _foreign(path)
    return record


def _foreign(path: Path) -> RunError:
    return RunError(f"{path}: not a sample of the pairs of this run: it was changed, or belongs to another run")
