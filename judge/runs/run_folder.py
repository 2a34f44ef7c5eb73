"""The run folder: a manifest, the subjects, judgments, and what is read from them."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from msgspec.json import Decoder, decode
from pydantic import ValidationError

from judge.errors import RunError
from judge.files.damage import change_in
from judge.files.fields import show
from judge.files.files import as_its_folder, replacing, write_json
from judge.files.folders import filling, locking
from judge.files.limits import open_regular, own_lines, read_whole
from judge.files.sealed_lines import SealedLine, decoded, problem_of, sealed_lines, sealed_records
from judge.files.sealing import find_seal, unseal
from judge.images.image_store import located, with_item
from judge.runs.manifest import AnyManifest, Manifest, ScoreManifest, read_manifest
from judge.runs.members import JUDGMENT, RunMembers, misfit, read_items, refuse_changed
from judge.runs.run_names import TOURNAMENT
from judge.schema import Case, Failed, FailureKind, Item, Judgment, Pair

if TYPE_CHECKING:
    from judge.runs.manifest import RunManifest


LOST_SEAL = "it has no checksum, where the lines of the run have: changed since it was written"
Noun = TypeVar("Noun", Pair, Case, Item)
_POSITION = re.compile(rb"[0-9]{1,18}\n?")
PRIVATE, SHARED = 0o700, 0o770
"""rights of a run folder; its files have them too, but for entering"""


class LastFailure(NamedTuple):
    """How and when a request failed last."""

    kind: FailureKind
    time: datetime | None
    offset: int
    """of its line in the journal"""


class RunFolder:
    """Where a run's files lie."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest_path = path / "manifest.json"
        self.pairs_path = path / "pairs.jsonl"
        self.cases_path = path / "cases.jsonl"
        self.items_path = path / "items.jsonl"
        self.judgments_path = path / "judgments.jsonl"
        self.report_path = path / "report.json"
        self.batches_path = path / "batches.jsonl"
        """there is one where the run asks in batches"""
        self.in_flight_path = path / "in_flight"
        self.positions_path = path / "positions.txt"
        self._members: RunMembers | None = None
        self._n_grown: int | None = None

    @property
    def name(self) -> str:
        """The run's name is its folder's."""
        return self.path.name

    def manifest(self) -> Manifest:
        """Read a comparison's manifest; RunError where there is none, or the run is no comparison."""
        manifest = self.any_manifest()
        if not isinstance(manifest, Manifest):
            raise RunError(f"{self.path}: a {manifest.kind}; this needs a run made by `compare`")
        return manifest

    def score_manifest(self) -> ScoreManifest:
        """Read the manifest of a run that scores; RunError where there is none, or the run is of another kind."""
        manifest = self.any_manifest()
        if not isinstance(manifest, ScoreManifest):
            raise RunError(f"{self.path}: a {manifest.kind}; this needs a run made by `score`")
        return manifest

    def any_manifest(self) -> AnyManifest:
        """Read the manifest; RunError where there is none, it is not one, or it was changed."""
        try:
            written = read_whole(self.manifest_path)
        except (FileNotFoundError, NotADirectoryError):
            if (self.path / TOURNAMENT).exists():
                told = f"a tournament: `omr-judge rank {self.path}` ranks its models; else name one of the runs in it"
                raise RunError(f"{self.path}: {told}") from None
            raise RunError(f"{self.path}: no run here (manifest.json is missing); `ls {self.path.parent}`") from None
        unsealed = unseal(written)
        if not unsealed.holds:
            raise RunError(f"{self.manifest_path}: damaged: {change_in(written)}")
        try:
            manifest = read_manifest(unsealed.content)
        except ValidationError as error:
            raise RunError(f"{self.manifest_path}: not a manifest of this version: {problem_of(error)}") from error
        if isinstance(manifest, Manifest) and manifest.grows:
            if self._n_grown is None:
                self._n_grown = _count_lines(self.pairs_path)
            return manifest.model_copy(update={"n_items": self._n_grown})
        return manifest

    @property
    def is_sealed(self) -> bool:
        """Whether every line of the run has a checksum, as its manifest has: earlier versions wrote none."""
        return self.manifest_path.exists() and find_seal(read_whole(self.manifest_path)) is not None

    def lost_seal(self, manifest: AnyManifest) -> bool:
        """Tell whether the manifest has no checksum although the lines that were written with it have."""
        subjects = self.subjects_path(manifest)
        path = subjects if subjects.exists() else self.judgments_path
        if manifest.merged or self.is_sealed or not path.exists():
            return False
        with open_regular(path) as file:
            return find_seal(next(own_lines(file, path), b"")) is not None

    @property
    def members(self) -> RunMembers | None:
        """What its judgments can be about; None before there is a manifest.

        Raises:
            RunError: the manifest was changed, or the file of subjects.
        """
        if self._members is None and self.manifest_path.exists():
            manifest = self.any_manifest()
            path = self.subjects_path(manifest)
            if self.lost_seal(manifest):
                raise RunError(f"{self.manifest_path}: damaged: {LOST_SEAL}")
            for name, sha256 in manifest.files.items():
                refuse_changed(self.path / name, sha256, sealed=self.is_sealed)
            if manifest.pairs_sha256 is not None:
                refuse_changed(path, manifest.pairs_sha256, sealed=self.is_sealed)
            self._members = RunMembers(manifest, lambda: self._counted(read_items(path, most=self._n_grown), manifest))
        return self._members

    def _counted(self, items: frozenset[str] | None, manifest: AnyManifest) -> frozenset[str] | None:
        """Return the ids of the run's items; RunError where the manifest counts others."""
        if items is not None and len(items) != manifest.n_items:
            told = f"n_items: is {manifest.n_items}, where {self.subjects_path(manifest).name} has {len(items)}"
            raise RunError(f"{self.manifest_path}: damaged: {told}")
        return items

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs in file order, one in memory at a time."""
        return (with_item(pair, self._located) for pair in self._lines(self.pairs_path, Pair))

    def cases(self) -> Iterator[Case]:
        """Yield the cases of a run that scores, in file order, one in memory at a time."""
        return (with_item(case, self._located) for case in self._lines(self.cases_path, Case))

    def items(self) -> Iterator[Item]:
        """Yield the items of a run that writes checklists, in file order, one in memory at a time."""
        return map(self._located, self._lines(self.items_path, Item))

    def subjects_path(self, manifest: AnyManifest) -> Path:
        """Return the file of what the run's requests are about."""
        return {"comparison": self.pairs_path, "score": self.cases_path, "checklist": self.items_path}[manifest.kind]

    def _located(self, item: Item) -> Item:
        return located(item, self.path)

    def _lines(self, path: Path, noun: type[Noun]) -> Iterator[Noun]:
        if not path.exists():
            raise RunError(f"{path}: missing; this run can be reported, not resumed")
        members, ids = self.members, set[str]()
        sealed, grows = members is not None and self.is_sealed, self._n_grown is not None
        subjects = sealed_records(path, Decoder(noun).decode, sealed=sealed, appended=grows)
        for subject in islice(subjects, self._n_grown):
            ids.add(_id_of(subject))
            yield subject
        if members is not None:
            members.items = self._counted(frozenset(ids), self.any_manifest())

    def pair_offsets(self) -> array[int]:
        """Return the byte at which each pair's line begins, in file order."""
        offsets, offset = array("Q"), 0
        with open_regular(self.pairs_path) as file:
            for line in own_lines(file, self.pairs_path):
                offsets.append(offset)
                offset += len(line)
        return offsets

    def pairs_at(self, offsets: Iterable[int]) -> Iterator[Pair]:
        """Yield the pairs whose lines begin at the given bytes, in the order given."""
        with open_regular(self.pairs_path) as file:
            for offset in offsets:
                file.seek(offset)
                yield with_item(decode(unseal(file.readline()).content, type=Pair), self._located)

    def judgments(self) -> Iterator[Judgment]:
        """Yield the judgments in the order of their arrival; a torn last line is left out.

        Raises:
            RunError: a line was changed, or is about what the run does not have.
        """
        return (judgment for _, judgment in self.placed_judgments())

    def placed_judgments(self) -> Iterator[tuple[SealedLine, Judgment]]:
        """Yield the judgments with their lines in the journal."""
        members = self.members
        for line in sealed_lines(self.judgments_path, sealed=self.is_sealed, appended=True):
            judgment = decoded(self.judgments_path, line, JUDGMENT)
            if self._n_grown is not None and members and members.items and judgment.item not in members.items:
                continue  # of a pair that came after this reading began
            if problem := misfit(judgment, members):
                raise RunError(f"{self.judgments_path}:{line.number}: damaged line: {problem}")
            yield line, judgment

    def judged_keys(self) -> set[bytes]:
        """Return the keys that have verdicts, as bytes: what need not be asked again."""
        return {bytes.fromhex(judgment.key) for judgment in self.judgments() if not isinstance(judgment.result, Failed)}

    def failures(self) -> dict[bytes, LastFailure]:
        """Return the last failure of each request that was asked and has no verdict, by its key."""
        failed: dict[bytes, LastFailure] = {}
        for line, judgment in self.placed_judgments():
            if isinstance(judgment.result, Failed):
                time = self._time(judgment)
                failed[bytes.fromhex(judgment.key)] = LastFailure(judgment.result.failure, time, line.offset)
        return {key: failed[key] for key in failed.keys() - self.judged_keys()}

    def _time(self, judgment: Judgment) -> datetime | None:
        """Return when a judgment was made; RunError where it states no time, or none of a zone."""
        try:
            time = datetime.fromisoformat(judgment.time) if judgment.time else None
        except ValueError:
            time = datetime.min  # noqa: DTZ901 - of no zone
        if time is not None and time.tzinfo is None:
            told = f"the judgment {judgment.key} states no time with a zone: {show(str(judgment.time))}"
            raise RunError(f"{self.judgments_path}: damaged: {told}")
        return time

    def write_manifest(self, manifest: RunManifest, *, sealed: bool = True) -> None:
        """Write the manifest, sealed; that of a run which has unsealed lines stays as it is."""
        sealed = sealed and (self.is_sealed or not self.manifest_path.exists())
        self._members = None
        write_json(self.manifest_path, manifest.model_dump(mode="json", by_alias=True), sealed=sealed)

    def write_positions(self, positions: Iterable[int]) -> None:
        """Write, for each pair of a shard, where it stands in the whole comparison, counted from 0."""
        with replacing(self.positions_path, opener=as_its_folder) as file:
            file.writelines(b"%d\n" % position for position in positions)

    def positions(self) -> Iterator[int]:
        """Yield where each pair of a shard stands in the whole comparison."""
        if not self.positions_path.exists():
            raise RunError(f"{self.positions_path}: missing; this shard can be reported, not merged")
        with open_regular(self.positions_path) as file:
            for number, line in enumerate(own_lines(file, self.positions_path), start=1):
                if not _POSITION.fullmatch(line):
                    raise RunError(f"{self.positions_path}:{number}: damaged line: not a position")
                yield int(line)

    @contextmanager
    def created(self, *, shared: bool = False) -> Iterator[RunFolder]:
        """Yield a hidden folder to fill, which becomes this one when it is complete, and vanishes on an error.

        Args:
            shared: let the group read and write it, too; else it is its owner's alone.

        Raises:
            RunError: something is there already.
        """
        with filling(self.path, mode=SHARED if shared else PRIVATE) as hidden:
            yield RunFolder(hidden)

    def locked(self) -> AbstractContextManager[None]:
        """Hold the folder for this process alone; RunError names who else holds it."""
        return locking(self.path)


def _count_lines(path: Path) -> int:
    """Count the whole lines of a file that another process may append to."""
    with open_regular(path) as file:
        return sum(block.count(b"\n") for block in iter(partial(file.read, 1 << 20), b""))


def _id_of(subject: Pair | Case | Item) -> str:
    return subject.id if isinstance(subject, Item) else subject.item.id
