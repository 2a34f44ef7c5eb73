"""The log of a run's batches: written before a batch costs money, so that a crash never pays twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Self

from pydantic import AwareDatetime

from judge.batches.base import Frame
from judge.errors import RunError
from judge.files.files import as_its_folder, make_folder, touch
from judge.files.sealed_lines import mend_tail, sealed_records
from judge.files.sealing import seal
from judge.judges.prompt_counts import Sent, told_chars
from judge.schema import Frozen, Group, Order, Request


class Stage(StrEnum):
    """How far a batch is, as far as the log knows."""

    SUBMITTING = "submitting"
    """about to be submitted: after a crash, it may or may not have been"""
    SUBMITTED = "submitted"
    """the provider has it, under its id"""
    FOLDED = "folded"
    """all its results are in the journal, or are to be asked again"""
    DROPPED = "dropped"
    """the provider never accepted it"""


class BatchRecord(Frozen):
    """One line of `batches.jsonl`: the last one of a batch says how far it is."""

    batch: str
    """our own name for it: 32 hex digits"""
    judge: str
    stage: Stage
    n_requests: int
    id: str | None = None
    """the provider's name for it"""
    since: AwareDatetime
    """when it was about to be submitted, UTC, by a clock that may have been put forward or back"""
    journal_bytes: int | None = None
    """size of the journal then: what stands further on was recorded later; absent in logs of earlier versions"""
    newest: str | None = None
    """the provider's id of its newest batch then, empty where it had none, or where another mark tells ours apart"""


class Member(Frozen):
    """One request of a batch, as its results need it: one line of `batches/BATCH.jsonl`."""

    key: str
    item: str
    order: Order
    sample: int
    asks: tuple[str, ...] = ()
    group: Group | None = None
    n_chars: int = 0
    """of the prompt without its runs of one character; 0 in batches of earlier versions"""
    has_images: bool = False

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return what of a request its result needs."""
        same = {field: getattr(request, field) for field in ("key", "item", "order", "sample", "asks", "group")}
        return cls(**same, n_chars=told_chars(request.prompt), has_images=bool(request.prompt.images))

    @property
    def sent(self) -> Sent:
        """What the checks of its reply need."""
        return Sent(
            key=self.key,
            item=self.item,
            n_chars=self.n_chars,
            n_told=lambda: self.n_chars,
            has_images=self.has_images,
            is_correction=False,
            asks_again=False,
        )


@dataclass
class Pack:
    """The requests of one batch, written as they are drawn."""

    body: Path
    """the file that will be sent"""
    sent: IO[bytes]
    """that file, open"""
    members: IO[bytes]
    """the file of the batch's members, open"""
    frame: Frame
    n_requests: int = 0

    def add(self, member: Member, line: bytes) -> None:
        """Add a request, with its bytes as they are sent."""
        self.sent.write((self.frame.between if self.n_requests else b"") + line)
        self.members.write(seal(member.model_dump_json().encode())[0] + b"\n")
        self.n_requests += 1


class BatchLog:
    """The batches of a run.

    Args:
        path: `batches.jsonl`, created if absent; that it is there is what makes a run one in batches.
        folder: holds the members of each batch, and what is sent while it is sent; created if absent.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self._folder = path, folder
        try:
            make_folder(folder)
            self._last = {record.batch: record for record in _begun(path)}
            for file in folder.iterdir():
                if file.stem not in self._last or file.suffix != ".jsonl":
                    file.unlink()
        except OSError as error:
            raise RunError(f"{path}: cannot be used: {error.strerror}") from error

    def open_records(self, judge: str) -> list[BatchRecord]:
        """Return a judge's batches whose results are not all in the journal, oldest first."""
        stages = {Stage.SUBMITTING, Stage.SUBMITTED}
        return [record for record in self._last.values() if record.judge == judge and record.stage in stages]

    def known_ids(self) -> frozenset[str]:
        """Return the provider's ids of all batches that are told apart already."""
        return frozenset(record.id for record in self._last.values() if record.id)

    def members(self, batch: str) -> dict[str, Member]:
        """Return a batch's requests by key; RunError where they cannot be read: they say what it was asked."""
        path = self._members_path(batch)
        members = {member.key: member for member in read_members(path)}
        if not members:
            raise RunError(f"{path}: missing; it says which requests a batch holds")
        return members

    @contextmanager
    def pack(self, batch: str, frame: Frame) -> Iterator[Pack]:
        """Yield an empty pack to fill; at the end its members are on the disk, and its body lies there to be sent."""
        body = self._folder / f"{batch}.body"
        try:
            with _opened(body, "wb") as sent, _opened(self._members_path(batch), "wb") as members:
                sent.write(frame.before)
                yield Pack(body, sent, members, frame)
                sent.write(frame.after)
                _flush(members)
        except OSError as error:
            raise RunError(f"{body}: cannot be written: {error.strerror}; free space, then resume") from error

    def note(self, record: BatchRecord, stage: Stage, *, id_: str | None = None) -> BatchRecord:
        """Append how far a batch is now, on the disk before this returns; return the new record."""
        return self._append(record.model_copy(update={"stage": stage, "id": id_ or record.id}))

    def _append(self, record: BatchRecord) -> BatchRecord:
        try:
            with _opened(self.path, "ab") as file:
                file.write(seal(record.model_dump_json(exclude_none=True).encode())[0] + b"\n")
                _flush(file)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}; free space, then resume") from error
        self._last[record.batch] = record
        return record

    def intend(self, batch: str, judge: str, n_requests: int, *, journal_bytes: int, newest: str) -> BatchRecord:
        """Note that a batch is about to be submitted."""
        record = BatchRecord(
            batch=batch,
            judge=judge,
            stage=Stage.SUBMITTING,
            n_requests=n_requests,
            since=datetime.now(UTC),
            journal_bytes=journal_bytes,
            newest=newest,
        )
        return self._append(record)

    def _members_path(self, batch: str) -> Path:
        return self._folder / f"{batch}.jsonl"


def _opened(path: Path, mode: str) -> IO[bytes]:
    return open(path, mode, opener=as_its_folder)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _begun(path: Path) -> Iterator[BatchRecord]:
    """Make a log where there is none, and yield its records; what a torn last line was about to say had not begun."""
    if not path.exists():
        touch(path)
    mend_tail(path)
    return read_batches(path)


def read_batches(path: Path, *, sealed: bool = False) -> Iterator[BatchRecord]:
    """Yield the records of a log; none of them rests on another, so that a person may take the lines of a batch out."""
    decode = BatchRecord.model_validate_json
    return sealed_records(path, decode, sealed=sealed, appended=True, chained=False)


def read_members(path: Path, *, sealed: bool = False) -> Iterator[Member]:
    """Yield the requests of a batch; RunError names a line that is damaged."""
    return sealed_records(path, Member.model_validate_json, sealed=sealed, chained=False)
