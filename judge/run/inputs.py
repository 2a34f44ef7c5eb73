"""Read the two trace files, pair them, and refuse what cannot be compared before anything is spent."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self

from judge.core.pairing import find_partners, merge_items
from judge.errors import InputError, InputErrors
from judge.io.images import load_image
from judge.io.traces import read_items, read_traces
from judge.schema import Image, Pair, Trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from judge.io.traces import Record, RecordFile
    from judge.schema import Trace


class OnMissingImage(StrEnum):
    """What to do with an item whose image cannot be shown."""

    ERROR = "error"
    """refuse files that do not exist; a judge that cannot see is told so"""
    SKIP = "skip"
    """leave the item out, for a judge that cannot see too"""
    TEXT_ONLY = "text-only"
    """ask about the text, and tell the judge so"""


@dataclass(frozen=True)
class InputOptions:
    """Where the traces are and how to read them."""

    a: str
    b: str
    items: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    allow_missing: bool = False
    on_missing_image: OnMissingImage = OnMissingImage.ERROR


class Inputs:
    """The opened files, checked against each other.

    Raises:
        InputErrors: every problem that was found, in one go.
    """

    def __init__(self, options: InputOptions, *, blind_judge: bool) -> None:
        if options.a == options.b == "-":
            raise InputError("-", "both files are standard input", "give one of them as a file")
        self.options, self._blind_judge = options, blind_judge
        self._stack = ExitStack()
        with ExitStack() as stack:
            self.a = stack.enter_context(read_traces(options.a, fields=options.fields))
            self.b = stack.enter_context(read_traces(options.b, fields=options.fields))
            self.items = (
                stack.enter_context(read_items(options.items, fields=options.fields)) if options.items else None
            )
            self._stack = stack.pop_all()
        self.partners = find_partners(list(self.a.ids), list(self.b.ids), in_a=self.a, in_b=self.b)
        self.left_out: dict[str, int] = {"only_a": len(self.partners.only_a), "only_b": len(self.partners.only_b)}

    @property
    def models(self) -> tuple[str, str]:
        """The names of model a and model b: as the records say, else the files' names, told apart if they are equal."""
        names = [file.model or Path(file.path).name.split(".")[0] for file in (self.a, self.b)]
        return (names[0], names[1]) if names[0] != names[1] else (f"{names[0]} (a)", f"{names[1]} (b)")

    def warnings(self) -> list[str]:
        """Say what looks wrong and may be meant."""
        said = []
        if self.a.sha256 == self.b.sha256:
            said.append(f"{self.a.path} and {self.b.path} are the same bytes")
        elif self.a.model is not None and self.a.model == self.b.model:
            said.append(f"both files name the same model, {self.a.model}")
        bare = sum(all(digest is None for _, digest in self._told(id_)) for id_ in self.partners.both)
        if bare:
            said.append(f"{bare} of {len(self.partners.both)} items have neither question nor options")
        return said + [
            f"{file.path}: {file.short_traces} of {len(file)} traces have ten characters or fewer"
            for file in (self.a, self.b)
            if file.short_traces
        ]

    def check(self) -> None:
        """Refuse ids without a partner (unless allowed), and ids whose question or options differ between the files."""
        problems = [] if self.options.allow_missing else self._unpaired()
        problems += [problem for id_ in self.partners.both if (problem := self._difference(id_))]
        if self.items is not None:
            problems += self._without_item(self.partners.both)
        if problems:
            raise InputErrors(problems)
        if not self.partners.both:
            raise InputError(f"{self.a.path}, {self.b.path}", "no id occurs in both files", "see docs/input.md on ids")

    def _unpaired(self) -> list[InputError]:
        hint = "add its trace, or leave such items out with --allow-missing"
        sides = ((self.partners.only_a, self.a, self.b), (self.partners.only_b, self.b, self.a))
        return [
            InputError(f"{here.path}:{here.line(id_)}", f"id {id_!r} is not in {there.path}", hint)
            for ids, here, there in sides
            for id_ in ids
        ]

    def _without_item(self, ids: Sequence[str]) -> list[InputError]:
        items = self.items
        missing = [id_ for id_ in ids if items is not None and id_ not in items]
        if self.options.allow_missing:
            self.left_out["no_item"] = len(missing)
            return []
        where = items.path if items else ""
        return [InputError(f"{self.a.path}:{self.a.line(id_)}", f"id {id_!r} is not in {where}") for id_ in missing]

    def _told(self, id_: str) -> list[tuple[RecordFile, bytes | None]]:
        """Return what each file tells of an item's question and options, as digests."""
        return [(file, file.digest(id_)) for file in (self.items, self.a, self.b) if file is not None and id_ in file]

    def _difference(self, id_: str) -> InputError | None:
        """Say what differs when the files, or the items, tell of another question under the same id."""
        told = [(file, digest) for file, digest in self._told(id_) if digest is not None]
        for file, digest in told[1:]:
            if digest != told[0][1]:
                one, other = told[0][0].record(id_), file.record(id_)
                what = "question" if one.item.question != other.item.question else "options"
                hint = f"the first stands in {one.where}; give one of them another id"
                return InputError(other.where, f"id {id_!r} has another {what} than in {told[0][0].path}", hint)
        return None

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs in a's order; InputErrors after the last if images cannot be used."""
        problems: list[InputError] = []
        for id_ in self.partners.both:
            if self.items is not None and id_ not in self.items:
                continue
            pair = self._pair(id_, problems)
            if pair is None:
                self.left_out["no_image"] = self.left_out.get("no_image", 0) + 1
            elif not problems:
                yield pair
        if problems:
            raise InputErrors(problems)

    def _pair(self, id_: str, problems: list[InputError]) -> Pair | None:
        """Return a pair with its images loaded, or None where the item is skipped for its image."""
        records = [file.record(id_) for file in (self.items, self.a, self.b) if file is not None]
        shown, missing = self._images(records, problems)
        policy = self.options.on_missing_image
        if policy is OnMissingImage.SKIP and (missing or (self._blind_judge and shown)):
            return None
        item = merge_items([record.item for record in records], images=tuple(shown), missing_images=tuple(missing))
        trace_a, trace_b = (_trace(record) for record in records[-2:])
        return Pair(item=item, a=trace_a, b=trace_b)

    def _images(self, records: list[Record], problems: list[InputError]) -> tuple[list[Image], list[str]]:
        """Load the images that the first record with any names; return them, and the paths that do not exist."""
        shown, missing = [], []
        record = next((record for record in records if record.image_paths), records[0])
        for path in record.image_paths:
            try:
                shown.append(load_image(path))
            except InputError as error:
                if self.options.on_missing_image is OnMissingImage.ERROR or os.path.lexists(path):
                    hint = "mend the path, or see --on-missing-image"
                    problems.append(InputError(record.where, f"image {path}: {error.problem}", error.hint or hint))
                missing.append(str(path))
        return shown, missing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


def _trace(record: Record) -> Trace:
    if record.trace is None:  # read_traces lets no record without a trace pass
        raise InputError(record.where, "missing trace")
    return record.trace
