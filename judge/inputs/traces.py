"""Read files of traces or items: checked whole at first, then read back by id."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from judge.convert.in_passing import ConvertedLines, converted
from judge.enums import AnswerIs
from judge.errors import InputError, InputErrors
from judge.files.fields import FIELDS, ROW, RecordFields, RecordProblem, is_address, show
from judge.files.jsonl import JsonLines, Line, refuse
from judge.files.limits import MAX_PROBLEMS
from judge.inputs.file_kinds import with_file_kind
from judge.inputs.id_index import IdIndex, id_of_sample
from judge.inputs.item_fields import read_images, read_item
from judge.inputs.items_in_passing import ConvertedItems, converted_items
from judge.inputs.parquet_rows import ParquetRows
from judge.inputs.records import Digest, Record, digest_of, read_trace
from judge.inputs.right_answers import RightAnswers
from judge.prompting.correctness import right_labels
from judge.prompting.embedded_options import options_of
from judge.stats.letter_shares import letter_habit

SHORT_TRACE = 10
"""characters beside the tags; a trace of no more is counted for a warning"""

_TAGS = re.compile(r"</?(?:think|answer)>")
NO_PATHS: Mapping[str, str] = MappingProxyType({})
_ABSENT = 0


class RecordFile(IdIndex):
    """One file of records by id; of a large one, memory holds ids and offsets, never the texts.

    Args:
        file: the records; closed with this.
        folder: where relative image paths start.
        fields: paths given with `--field`, by field name.
        with_traces: whether each record holds a trace.
        answer_is: what the right answers are, as the user says.
        row_ids: whether a trace without an id is called by its row's number, from 0.
        skip_bad: whether records that cannot be read are left out, and counted.
    """

    def __init__(
        self,
        file: JsonLines | ParquetRows,
        *,
        folder: Path,
        fields: Mapping[str, str],
        with_traces: bool,
        answer_is: AnswerIs | None = None,
        row_ids: bool = False,
        skip_bad: bool = False,
    ) -> None:
        super().__init__()
        self._row_ids, self._skip_bad = row_ids, skip_bad
        self.n_bad = file.n_bad if isinstance(file, ConvertedLines) else 0
        self.note = file.note if isinstance(file, ConvertedLines | ConvertedItems) else None
        """what a person should know of how it was read"""
        self.answers = RightAnswers(answer_is)
        self.model: str | None = None
        self.short_traces = 0
        self.letters, self.n_options = Counter[str](), Counter[int]()
        """items by the letter of their one right option, and by their number of options"""
        self._file, self._folder, self._paths, self._with_traces = file, folder, fields, with_traces
        self._offsets, self._lines, self._marks = array("Q"), array("Q"), array("q")
        self._questions, self._options, self._documents = array("q"), array("q"), array("q")
        self.item_of: dict[str, str] = {}
        """the item of each id that names one of several traces for it"""
        self.has_samples = False
        """whether an item has several traces"""
        self._samples_of: dict[str, str] = {}
        self.path, self.sha256 = file.path, file.sha256
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def place(self, id_: str) -> str:
        """Name a record within the file: `line 12`, counted from 1, or `row 12`, counted from 0."""
        return f"{self._file.kind} {self._lines[self._positions[id_]]}"

    def where(self, id_: str) -> str:
        """Name the place of a record in messages."""
        return self._file.where(self._lines[self._positions[id_]])

    def named(self, id_: str) -> str:
        """Name a record in messages: its id, or that of its item and which of several traces it is."""
        item = self.item_of.get(id_)
        return f"id {id_!r}" if item is None else f"sample {id_.removeprefix(item)[1:]} of id {item!r}"

    def forget_samples(self) -> None:
        """Name each record by its item alone: a field `sample` means nothing where no item has several traces.

        Raises:
            InputErrors: two ids are easily confused.
        """
        items, self.item_of = [self.item_of.get(id_, id_) for id_ in self._positions], {}
        self._positions, self._altered = {}, {}
        for item, line in zip(items, self._lines, strict=True):
            try:
                self.add(item)
            except RecordProblem as problem:
                refuse(self._file.where(line), problem.problem, problem.hint)

    def digest(self, id_: str) -> Digest:
        """Return hashes of a record's question, options and document."""
        at = self._positions[id_]
        return Digest(self._questions[at] or None, self._options[at] or None, self._documents[at] or None)

    def habit(self) -> str | None:
        """Say where answering one letter always could pass for knowledge."""
        n_options = sum(n * count for n, count in self.n_options.items()) / max(1, self.n_options.total())
        found = letter_habit(self.letters, n_options)
        if found is None:
            return None
        share = f"{100 * found.share:.0f} % of {self.letters.total():,} items"
        return (
            f"the right answer is {found.letter} in {share}: a letter habit could pass for knowledge; the report gives "
            "the strata with every letter counted alike (see `omr-judge items`)"
        )

    def record(self, id_: str) -> Record:
        """Return a record, read again."""
        at = self._positions[id_]
        where = self._file.where(self._lines[at])
        try:
            record = self._read(self._file.read_again(self._offsets[at], self._marks[at]), where, self._lines[at])
        except (InputErrors, RecordProblem) as error:
            raise InputError(where, "the file changed while it was being read", "start again") from error
        if record.item.id != self.item_of.get(id_, id_) or digest_of(record) != self.digest(id_):
            raise InputError(where, "the file changed while it was being read", "start again")
        return record

    def _check(self) -> None:
        """Read every record once, and raise all problems together."""
        problems: list[InputError] = []
        total = 0
        for line in self._file:
            try:
                self._note(self._parse(line), line)
            except InputErrors as error:
                if self._skip_bad:
                    self.n_bad += 1
                    continue
                problems += error.problems
                total += error.total
                if total >= MAX_PROBLEMS:
                    break
        self.answers.settle()
        if problems:
            raise InputErrors(problems, total)
        if not self._positions:
            refuse(self.path, "empty file", self._file.if_empty)

    def _note(self, record: Record, line: Line) -> None:
        """Index a record: its id, place, hashes and model."""
        try:
            self._add_record(record.item.id, record.sample)
        except RecordProblem as problem:
            refuse(record.where, problem.problem, problem.hint)
        self._offsets.append(line.offset)
        self._lines.append(line.number)
        self._marks.append(line.mark)
        digest = digest_of(record)
        self._documents.append(digest.document or _ABSENT)
        self._questions.append(digest.question or _ABSENT)
        self._options.append(digest.options or _ABSENT)
        if len(right := right_labels(record.item)) == 1:
            self.letters[right[0]] += 1
            self.n_options[len(options_of(record.item))] += 1
        if record.trace is not None:
            self.short_traces += len(_TAGS.sub("", record.trace.text).strip()) <= SHORT_TRACE
            model = record.trace.model
            if self.model is None:
                self.model = model
            elif model not in (None, self.model):
                both = f"model {show(model)} beside {show(self.model)}"
                refuse(record.where, both, "a file holds the traces of one model")

    def _add_record(self, item: str, sample: int | None) -> None:
        """Number a record by its item, or by the item and the sample; RecordProblem where it is there already."""
        if sample is None:
            if item in self._samples_of:
                raise RecordProblem(f"duplicate id {show(item)}", f"first on {self.place(self._samples_of[item])}")
            self.add(item)
            return
        id_ = id_of_sample(item, sample)
        if item in self._positions:
            raise RecordProblem(f"duplicate id {show(item)}", f"first on {self.place(item)}")
        if id_ in self._positions:
            raise RecordProblem(f"duplicate id {show(item)}, sample {sample}", f"first on {self.place(id_)}")
        self.has_samples |= item in self._samples_of
        self.add(id_)
        self.item_of[id_] = item
        self._samples_of.setdefault(item, id_)

    def _parse(self, line: Line) -> Record:
        """Parse one record, or raise all its problems together."""
        try:
            parsed = self._file.parse(line.raw)
        except RecordProblem as problem:
            raise InputErrors([InputError(line.where, problem.problem, problem.hint)]) from problem
        return self._read(parsed, line.where, line.number)

    def _read(self, parsed: Mapping[str, Any], where: str, number: int) -> Record:
        """Read the fields of a record, or raise all its problems together."""
        if self._row_ids and all(parsed.get(name) is None for name in (self._paths.get("id"), *FIELDS["id"]) if name):
            parsed = {**parsed, "id": number - 1}
        fields = RecordFields(parsed, self._paths)
        item = read_item(
            fields, lambda answer, options: self.answers.typed(answer, options, where), alone=not self._with_traces
        )
        found = read_images(fields)
        images = tuple(
            self._folder / image if isinstance(image, str) and not is_address(image) else image for image in found.shown
        )
        if found.unseen and not self._with_traces:  # a trace's item may have its images elsewhere
            fields.problems.append(found.unseen)
        trace = read_trace(fields) if self._with_traces else None
        if fields.problems:
            raise InputErrors([InputError(where, problem.problem, problem.hint) for problem in fields.problems])
        if trace is None:
            item = replace(item, meta=fields.rest() | item.meta)
        sample = parsed.get("sample")
        is_numbered = trace is not None and type(sample) is int
        return Record(where, item, images, trace, self._folder, sample if is_numbered else None, found.unseen)


def read_traces(
    source: str | Path,
    *,
    fields: Mapping[str, str] = NO_PATHS,
    answer_is: AnswerIs | None = None,
    id_column: str | None = None,
    skip_bad: bool = False,
) -> RecordFile:
    """Open a file of traces, or standard input for `-`; a generator's file is converted in passing.

    Args:
        source: the file.
        fields: paths given with `--field`, by field name.
        answer_is: what the right answers are, as the user says.
        id_column: `row` calls traces without an id by their rows' numbers.
        skip_bad: whether records that cannot be read are left out.

    Raises:
        InputErrors: all problems of the file.
    """
    folder = Path.cwd() if source == "-" else Path(source).absolute().parent
    open_ = partial(
        RecordFile,
        folder=folder,
        with_traces=True,
        answer_is=answer_is,
        row_ids=id_column == ROW,
        skip_bad=skip_bad,
    )
    try:
        return open_(JsonLines(source), fields=fields)
    except InputErrors as error:
        id_path = fields.get("id") or (ROW if id_column == ROW else None)
        told = with_file_kind(error, source)
        lines = converted(source, told, id_path=id_path, trace_path=fields.get("trace"), skip_bad=skip_bad)
    return open_(lines, fields={name: path for name, path in fields.items() if name not in {"id", "trace"}})


def read_lines(
    source: str | Path, *, fields: Mapping[str, str], answer_is: AnswerIs | None = None, skip_bad: bool = False
) -> RecordFile:
    """Open a file of items, or standard input for `-`; raise InputErrors with all its problems.

    JSON lines are wanted; a table, an array or an Excel sheet is converted in passing.
    """
    folder = Path.cwd() if source == "-" else Path(source).absolute().parent
    open_ = partial(RecordFile, folder=folder, fields=fields, with_traces=False, answer_is=answer_is, skip_bad=skip_bad)
    try:
        return open_(JsonLines(source))
    except InputErrors as error:
        return open_(converted_items(source, error))
