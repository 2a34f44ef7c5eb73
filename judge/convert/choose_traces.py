"""Choose which outputs become traces, and count every row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from judge.convert.output import Cut, NoTrace, Row, trace_text, why_no_trace
from judge.files.fields import RecordProblem, show
from judge.prompting.trace_parts import holds_thinking

BARE_ANSWER = 10
"""characters; a trace of no more is an answer without reasoning"""
OTHER_ID = "give each document an id of its own, or name another place of the id"
NUMBER_SAMPLES = "give each trace an id of its own, or number an item's traces in a field `sample`"
_SHOWN_EXAMPLE = 160
_HASHES = ("doc_hash", "document_hash", "sample_hash", "question_hash", "content_sha256")
"""fields by which generators tell documents apart"""
_TAGS = re.compile("</?(?:think|answer)>")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of a file's outputs are wanted."""

    model: str | None = None
    """its rows, and what rows without a model's name are called; None: the only one there is"""
    filter: str | None = None
    """None: the filter of the first row"""
    sample: int | None = None
    """from 1: the n-th row of an id; None: the first, or all where the file numbers them"""
    all_samples: bool = False
    """every row of an id, as `id#1`, `id#2` ..."""


@dataclass(slots=True)
class ModelCount:
    """The traces of one model."""

    traces: int = 0
    without_reasoning: int = 0
    """those that hold no reasoning marked as such"""
    bare_answers: int = 0
    """those that are too short to hold any"""


class FileRead(NamedTuple):
    """A file that was read."""

    path: str
    format: str
    title: str
    rows: int


class Example(NamedTuple):
    """The first trace, shortened."""

    id: str
    trace: str


@dataclass
class Counts:
    """Where every row went: rows = traces + without_trace + other filters, models and samples."""

    files: list[FileRead] = field(default_factory=list)
    rows: int = 0
    traces: int = 0
    bad_rows: int = 0
    """records that could not be read, and were left out on request; not among the rows"""
    without_trace: Counter[NoTrace] = field(default_factory=Counter)
    other_filters: Counter[str] = field(default_factory=Counter)
    other_models: Counter[str] = field(default_factory=Counter)
    other_samples: int = 0
    filter: str | None = None
    """the one that was chosen"""
    repeated_ids: int = 0
    """ids with several rows"""
    cut: Counter[str] = field(default_factory=Counter)
    """traces that were cut short, by what cut them"""
    models: dict[str, ModelCount] = field(default_factory=dict)
    """by name; the empty one where no name is known"""
    example: Example | None = None


def document_of(*records: Mapping[str, Any]) -> int | None:
    """Return a hash, that holds within the process, of what tells a record's document; None where nothing does."""
    told = next((record[name] for record in records for name in _HASHES if isinstance(record.get(name), str)), None)
    if told is None and isinstance(question := records[0].get("question"), str):
        told = question
    return None if told is None else hash(told)


class Made(NamedTuple):
    """A row that was chosen: its trace as a record of docs/input.md, or why it has none."""

    record: Mapping[str, Any]
    no_trace: NoTrace | None


class TraceSelector:
    """Take the rows of one conversion, one after the other."""

    def __init__(self, choice: Choice) -> None:
        self.counts = Counts()
        self._choice = choice
        self._model = choice.model
        """the first that is named: rows of a second one are no samples of it, and are refused in the end"""
        self._filter, self._known_filter = choice.filter, choice.filter is not None
        self._rows_of: Counter[tuple[str, str | None]] = Counter()
        self._numbered: set[tuple[str, str | None, int]] = set()
        self._document_of: dict[str, int] = {}
        self._file_of: dict[str, int] = {}

    def earlier_file(self, id_: str, file: int) -> int | None:
        """Return which earlier file holds an id; None where this one is the first."""
        earlier = self._file_of.setdefault(id_, file)
        return None if earlier == file else earlier

    def take(self, row: Row) -> Made | None:
        """Count a row; return what becomes of it, or None where another row of its kind is wanted."""
        self.counts.rows += 1
        if not self._is_wanted(row):
            return None
        told = document_of(row.fields, row.source)
        if told is not None and self._document_of.setdefault(row.id, told) != told:
            raise RecordProblem(f"id {show(row.id)} stands for another document than before", OTHER_ID)
        self._model = self._model or row.model
        second = None if self._choice.all_samples or row.model == self._model else row.model
        takes_all = self._choice.sample is None and not self._choice.all_samples
        named = f"id {show(row.id)}"
        if takes_all and row.sample is not None:
            if (row.id, second, row.sample) in self._numbered:
                raise RecordProblem(f"duplicate {named}, sample {row.sample}", OTHER_ID)
            self._numbered.add((row.id, second, row.sample))
            return self._make(row, row.id, self._choice.model or row.model)
        own = row.id, second
        self._rows_of[own] += 1
        sample = self._rows_of[own]
        if sample > 1 and takes_all and not row.repeats:
            raise RecordProblem(f"duplicate {named}", NUMBER_SAMPLES)
        self.counts.repeated_ids += sample == 2  # noqa: PLR2004 - the second row of an id
        if not self._choice.all_samples and sample != (self._choice.sample or 1):
            self.counts.other_samples += 1
            return None
        id_ = f"{row.id}#{sample}" if self._choice.all_samples else row.id
        return self._make(row, id_, self._choice.model or row.model)

    def _is_wanted(self, row: Row) -> bool:
        """Count rows of another filter or model away."""
        if not self._known_filter:
            self._filter, self._known_filter = row.filter, True
        self.counts.filter = self._filter
        if row.filter != self._filter:
            self.counts.other_filters[row.filter or ""] += 1
            return False
        if row.model is not None and self._choice.model not in (None, row.model):
            self.counts.other_models[row.model] += 1
            return False
        return True

    def _make(self, row: Row, id_: str, model: str | None) -> Made:
        counts = self.counts
        named = {"model": model} if model is not None else {}
        no_trace = why_no_trace(row)
        if no_trace is not None:
            counts.without_trace[no_trace] += 1
            return Made(
                {"id": id_, "reason": no_trace.value, "detail": row.detail} | named | dict(row.source), no_trace
            )
        trace = trace_text(row)
        counts.traces += 1
        if row.cut is not None:
            counts.cut[row.cut.value] += 1
        count = counts.models.setdefault(model or "", ModelCount())
        count.traces += 1
        if not holds_thinking(trace):
            count.without_reasoning += 1
            count.bare_answers += len(_TAGS.sub("", trace).strip()) <= BARE_ANSWER
        if counts.example is None:
            counts.example = Example(id_, trace if len(trace) <= _SHOWN_EXAMPLE else f"{trace[:_SHOWN_EXAMPLE]}...")
        meta: dict[str, object] = {"finish_reason": "length"} if row.cut is Cut.LIMIT else {}
        meta |= {"source": dict(row.source)} if row.source else {}
        return Made({"id": id_} | named | {"trace": trace} | dict(row.fields) | meta, None)
