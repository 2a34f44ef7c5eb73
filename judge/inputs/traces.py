"""Read files of traces or items: checked whole at first, then read back by id."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterator, KeysView, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self

from msgspec.structs import replace

from judge.convert.read_rows import with_convert_hint
from judge.errors import SHOWN_PROBLEMS, InputError, InputErrors
from judge.files.fields import RecordFields, RecordProblem, as_label, as_text, is_address, show, split_thinking
from judge.files.jsonl import JsonLines, Line, refuse
from judge.inputs.embedded_options import split_options
from judge.inputs.item_fields import EmbeddedImage, read_images, read_item
from judge.schema import Item, Trace

SHORT_TRACE = 10
"""characters; a trace of no more is counted for a warning"""
KEPT_BYTES = 4 * 2**20
"""of lines: the records of a file that has no more are kept, so that they are read once"""

_TAGS = re.compile(r"</?(?:think|answer)>")
NO_PATHS: Mapping[str, str] = MappingProxyType({})
_NO_ITEM = 0


class Record(NamedTuple):
    """One record of a file."""

    where: str
    """`b.jsonl:12`"""
    item: Item
    """without its images: they are not loaded here"""
    images: tuple[Path | str | EmbeddedImage, ...]
    """absolute paths, addresses as text, or what stands in the record itself"""
    trace: Trace | None
    """None only in a file of items"""
    folder: Path | None = None
    """that of the file: its images may lie in it"""


class RecordSource(Protocol):
    """A file whose records can be read repeatedly: JSON lines, or Parquet."""

    path: str
    sha256: str
    kind: str
    """what a record is called: `line` or `row`"""
    if_empty: str
    """what to do with a file without records"""

    def __iter__(self) -> Iterator[Line]:
        """Yield every record from the start, unread."""

    def parse(self, raw: Any) -> dict[str, Any]:  # noqa: ANN401 - as the lines of the same class hold it
        """Read a record; RecordProblem where that is impossible."""

    def read_again(self, offset: int, mark: int) -> dict[str, Any]:
        """Read a record that `parse` took before; RecordProblem where it is not the one with this mark."""

    def where(self, number: int) -> str:
        """Name the place of a record in messages."""

    def close(self) -> None:
        """Close the file."""


class IdIndex:
    """The position of each record by its id, in the order in which they were added."""

    def __init__(self) -> None:
        self._positions: dict[str, int] = {}
        self._altered: dict[str, str] = {}

    @property
    def ids(self) -> KeysView[str]:
        """The ids in their order."""
        return self._positions.keys()

    def __len__(self) -> int:
        return len(self._positions)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._positions

    def __getitem__(self, id_: str) -> int:
        return self._positions[id_]

    def add(self, id_: str, place: Callable[[str], str]) -> None:
        """Number an id.

        Args:
            id_: of a record.
            place: says where the record of an id stands, for a message: `line 12`. It is not kept: an index that its
                owner is bound to would hold both until the next look for garbage.

        Raises:
            RecordProblem: the id, or one that looks like it, is there already.
        """
        if id_ in self._positions:
            raise RecordProblem(f"duplicate id {show(id_)}", f"first on {place(id_)}")
        plain = id_.strip() if id_.isascii() else unicodedata.normalize("NFC", id_.strip())
        twin = plain if plain in self._positions else self._altered.get(plain)
        if twin is not None:
            raise RecordProblem(
                f"id {show(id_)} is easily confused with {show(twin)} on {place(twin)}",
                "they differ only by spaces around or by Unicode form",
            )
        self._positions[id_] = len(self._positions)
        if plain != id_:
            self._altered[plain] = id_


class RecordFile:
    """One file of records by id; of a large one, memory holds ids and offsets, never the texts.

    Args:
        file: the records; closed with this.
        folder: where relative image paths start.
        fields: paths given with `--field`, by field name.
        with_traces: whether each record holds a trace.
    """

    def __init__(self, file: RecordSource, *, folder: Path, fields: Mapping[str, str], with_traces: bool) -> None:
        self.model: str | None = None
        self.short_traces = 0
        self._file, self._folder, self._paths, self._with_traces = file, folder, fields, with_traces
        self._index = IdIndex()
        self._offsets, self._lines, self._digests = array("Q"), array("Q"), array("q")
        self._marks = array("q")
        self._kept: list[Record] = []
        self._kept_bytes = 0
        self.path, self.sha256 = file.path, file.sha256
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    @property
    def ids(self) -> KeysView[str]:
        """The ids in the order of the file."""
        return self._index.ids

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
        """Return the number of a record's line (from 1) or row (from 0)."""
        return self._lines[self._index[id_]]

    def _place(self, id_: str) -> str:
        return f"{self._file.kind} {self.line(id_)}"

    def where(self, id_: str) -> str:
        """Name the place of a record in messages."""
        return self._file.where(self.line(id_))

    def digest(self, id_: str) -> int | None:
        """Return a hash of a record's question and options that holds within the process; None where it has neither."""
        digest = self._digests[self._index[id_]]
        return None if digest == _NO_ITEM else digest

    def record(self, id_: str) -> Record:
        """Return a record, read again unless it was kept."""
        at = self._index[id_]
        if self._kept:
            return self._kept[at]
        where = self._file.where(self._lines[at])
        try:
            record = self._read(self._file.read_again(self._offsets[at], self._marks[at]), where)
        except (InputErrors, RecordProblem) as error:
            raise InputError(where, "the file changed while it was being read", "start again") from error
        if record.item.id != id_ or _digest(record.item) != self._digests[at]:
            raise InputError(where, "the file changed while it was being read", "start again")
        return record

    def _check(self) -> None:
        """Read every record once, and raise all problems together."""
        problems: list[InputError] = []
        total = 0
        for line in self._file:
            try:
                record = self._parse(line.raw, line.where)
                self._add(record, line)
                self._keep(record, line)
            except InputErrors as error:
                problems += error.problems[: SHOWN_PROBLEMS - len(problems)]
                total += error.total
        if problems:
            raise InputErrors(problems, total)
        if not self._index:
            refuse(self.path, "empty file", self._file.if_empty)

    def _add(self, record: Record, line: Line) -> None:
        """Note what later questions about a record need."""
        try:
            self._index.add(record.item.id, self._place)
        except RecordProblem as problem:
            refuse(record.where, problem.problem, problem.hint)
        self._offsets.append(line.offset)
        self._lines.append(line.number)
        self._marks.append(line.mark)
        self._digests.append(_digest(record.item))
        if record.trace is not None:
            self.short_traces += _is_short(record.trace.text)
            self._note_model(record.trace.model, record.where)

    def _keep(self, record: Record, line: Line) -> None:
        """Keep a record, unless there are too many, or it is a row, which does not tell its size."""
        self._kept_bytes += len(line.raw) if isinstance(line.raw, bytes) else KEPT_BYTES + 1
        if self._kept_bytes <= KEPT_BYTES:
            self._kept.append(record)
        elif self._kept:
            self._kept.clear()

    def _note_model(self, model: str | None, where: str) -> None:
        if self.model is None:
            self.model = model
        elif model not in (None, self.model):
            refuse(where, f"model {show(model)} beside {show(self.model)}", "a file holds the traces of one model")

    def _parse(self, raw: Any, where: str) -> Record:  # noqa: ANN401 - what the file's own `parse` takes
        """Parse one record, or raise all its problems together."""
        try:
            parsed = self._file.parse(raw)
        except RecordProblem as problem:
            raise InputErrors([InputError(where, problem.problem, problem.hint)]) from problem
        return self._read(parsed, where)

    def _read(self, parsed: Mapping[str, Any], where: str) -> Record:
        """Read the fields of a record, or raise all its problems together."""
        fields = RecordFields(parsed, self._paths)
        item = read_item(fields, alone=not self._with_traces)
        images = read_images(fields)
        trace = _read_trace(fields) if self._with_traces else None
        if fields.problems:
            raise InputErrors([InputError(where, problem.problem, problem.hint) for problem in fields.problems])
        if trace is None:
            item = replace(item, meta=fields.rest() | item.meta)
        return Record(where, item, tuple(map(self._placed, images)), trace, self._folder)

    def _placed(self, image: str | EmbeddedImage) -> Path | str | EmbeddedImage:
        """Return the absolute path of an image that is named by a path."""
        return self._folder / image if isinstance(image, str) and not is_address(image) else image


def read_traces(source: str | Path, *, fields: Mapping[str, str] = NO_PATHS) -> RecordFile:
    """Open a file of traces, or standard input for `-`; raise InputErrors with all its problems."""
    try:
        return read_lines(source, fields=fields, with_traces=True)
    except InputErrors as error:
        raise with_convert_hint(error, source) from None


def read_lines(source: str | Path, *, fields: Mapping[str, str], with_traces: bool) -> RecordFile:
    """Open a file of JSON lines, or standard input for `-`; raise InputErrors with all its problems."""
    folder = Path.cwd() if source == "-" else Path(source).absolute().parent
    return RecordFile(JsonLines(source), folder=folder, fields=fields, with_traces=with_traces)


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


def _digest(item: Item) -> int:
    """Hash what must be the same in two files that share an item; `_NO_ITEM` where nothing of it is there."""
    if not item.question and not item.options:
        return _NO_ITEM
    question, options = (item.question, item.options) if item.options else split_options(item.question)
    return hash((question, *sorted(options.items())))
