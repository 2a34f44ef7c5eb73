"""Read JSONL files of traces or items: checked whole at first, then read back by id."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import KeysView, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

import orjson

from judge.errors import SHOWN_PROBLEMS, InputError, InputErrors
from judge.io.fields import (
    RecordFields,
    RecordProblem,
    as_id,
    as_image_paths,
    as_label,
    as_options,
    as_subgroup,
    as_text,
    show,
    split_thinking,
)
from judge.io.jsonl import JsonLines, parse_object, refuse
from judge.schema import Item, Trace

SHORT_TRACE = 10
"""characters; a trace of no more is counted for a warning"""

_TAGS = re.compile(r"</?(?:think|answer)>")
_NO_PATHS: Mapping[str, str] = MappingProxyType({})
_NO_ITEM = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a file."""

    where: str
    """`b.jsonl:12`"""
    item: Item
    """without its images: they are not loaded here"""
    image_paths: tuple[Path, ...]
    """absolute"""
    trace: Trace | None
    """None only in a file of items"""


class RecordFile:
    """One JSONL file by id; memory holds ids and offsets, never the texts."""

    def __init__(self, source: str | Path, *, fields: Mapping[str, str], with_traces: bool) -> None:
        self.model: str | None = None
        self.short_traces = 0
        self._folder = Path.cwd() if source == "-" else Path(source).absolute().parent
        self._paths, self._with_traces = fields, with_traces
        self._index: dict[str, int] = {}
        self._altered: dict[str, str] = {}
        self._offsets, self._lines, self._digests = array("Q"), array("Q"), array("Q")
        self._file = JsonLines(source)
        self.path, self.sha256 = self._file.path, self._file.sha256
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    @property
    def ids(self) -> KeysView[str]:
        """The ids in the order of the file."""
        return self._index.keys()

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._index

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def line(self, id_: str) -> int:
        """Return the number of a record's line, from 1."""
        return self._lines[self._index[id_]]

    def digest(self, id_: str) -> bytes | None:
        """Return a digest of a record's question and options, or None where it has neither."""
        digest = self._digests[self._index[id_]]
        return None if digest == _NO_ITEM else digest.to_bytes(8)

    def record(self, id_: str) -> Record:
        """Read a record again."""
        where = f"{self.path}:{self.line(id_)}"
        try:
            record = self._parse(self._file.at(self._offsets[self._index[id_]]), where)
        except InputErrors as error:
            raise InputError(where, "the file changed while it was being read", "start again") from error
        if record.item.id != id_:
            raise InputError(where, "the file changed while it was being read", "start again")
        return record

    def _check(self) -> None:
        """Read every line once, and raise all problems together."""
        problems: list[InputError] = []
        total = 0
        for line in self._file:
            try:
                self._add(self._parse(line.raw, line.where), line.number, line.offset)
            except InputErrors as error:
                problems += error.problems[: SHOWN_PROBLEMS - len(problems)]
                total += error.total
        if problems:
            raise InputErrors(problems, total)
        if not self._index:
            refuse(self.path, "empty file", "write one JSON object a line")

    def _add(self, record: Record, number: int, offset: int) -> None:
        """Note what later questions about a record need."""
        id_ = record.item.id
        self._refuse_known_id(id_, record.where)
        self._index[id_] = len(self._offsets)
        if (plain := _plain(id_)) != id_:
            self._altered[plain] = id_
        self._offsets.append(offset)
        self._lines.append(number)
        self._digests.append(_digest(record.item))
        if record.trace is not None:
            self.short_traces += _is_short(record.trace.text)
            self._note_model(record.trace.model, record.where)

    def _refuse_known_id(self, id_: str, where: str) -> None:
        if id_ in self._index:
            refuse(where, f"duplicate id {show(id_)}", f"first on line {self.line(id_)}")
        plain = _plain(id_)
        twin = plain if plain in self._index else self._altered.get(plain)
        if twin is not None:
            refuse(
                where,
                f"id {show(id_)} is easily confused with {show(twin)} on line {self.line(twin)}",
                "they differ only by spaces around or by Unicode form",
            )

    def _note_model(self, model: str | None, where: str) -> None:
        if self.model is None:
            self.model = model
        elif model not in (None, self.model):
            refuse(where, f"model {show(model)} beside {show(self.model)}", "a file holds the traces of one model")

    def _parse(self, raw: bytes, where: str) -> Record:
        """Parse one line, or raise all its problems together."""
        try:
            fields = RecordFields(parse_object(raw), self._paths)
        except RecordProblem as problem:
            raise InputErrors([InputError(where, problem.problem, problem.hint)]) from problem
        item, images = _read_item(fields)
        trace = _read_trace(fields) if self._with_traces else None
        if fields.problems:
            raise InputErrors([InputError(where, problem.problem, problem.hint) for problem in fields.problems])
        if trace is None:
            item = item.model_copy(update={"meta": fields.rest()})
        return Record(where, item, tuple(self._folder / image for image in images), trace)


def read_traces(source: str | Path, *, fields: Mapping[str, str] = _NO_PATHS) -> RecordFile:
    """Open a file of traces, or standard input for `-`; raise InputErrors with all its problems."""
    return RecordFile(source, fields=fields, with_traces=True)


def read_items(source: str | Path, *, fields: Mapping[str, str] = _NO_PATHS) -> RecordFile:
    """Open a file of items, whose traces are not read; raise InputErrors with all its problems."""
    return RecordFile(source, fields=fields, with_traces=False)


def _read_item(fields: RecordFields) -> tuple[Item, tuple[str, ...]]:
    item = Item(
        id=fields.require("id", as_id) or "",
        question=fields.read("question", as_text) or "",
        options=fields.read("options", as_options) or {},
        answer=fields.read("answer", as_label),
        reference_reasoning=fields.read("reference_reasoning", as_text),
        subgroup=fields.read("subgroup", as_subgroup) or {},
    )
    return item, fields.read("image", as_image_paths) or ()


def _read_trace(fields: RecordFields) -> Trace:
    thinking = split_thinking(fields.require("trace", as_text) or "")
    model, stated = fields.read("model", as_text), fields.read("model_answer", as_label)
    unused = {"before_think": thinking.before, "after_think": thinking.after}
    if stated is not None and thinking.answer != stated:
        unused["answer_tag"] = thinking.answer or ""
    return Trace(
        text=thinking.trace,
        model=model,
        answer=thinking.answer if stated is None else stated,
        meta=fields.rest() | {name: text for name, text in unused.items() if text},
    )


def _is_short(trace: str) -> bool:
    """Tell whether hardly anything stands in a trace beside its tags."""
    return len((_TAGS.sub("", trace) if "<" in trace else trace).strip()) <= SHORT_TRACE


def _plain(id_: str) -> str:
    """Return the form in which ids that look alike are equal."""
    return id_.strip() if id_.isascii() else unicodedata.normalize("NFC", id_.strip())


def _digest(item: Item) -> int:
    """Hash what must be the same in two files that share an item."""
    if not item.question and not item.options:
        return _NO_ITEM
    told = orjson.dumps([item.question, sorted(item.options.items())])
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest())
