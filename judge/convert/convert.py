"""Turn generators' files into one file of traces."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from judge.convert.choose_traces import Choice, Counts, FileRead, TraceSelector
from judge.convert.formats import NATIVE
from judge.convert.native import with_absolute_images
from judge.convert.output import final_answer, trace_text
from judge.convert.read_rows import Placed, Problems, RowFile
from judge.errors import InputError
from judge.files.fields import RecordProblem, show
from judge.files.files import replacing


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What to read, and where to write."""

    to: Path
    choice: Choice
    format: str | None = None
    """None: found by each file's first records"""
    id_path: str | None = None
    """a dotted path; None: the format's own"""
    failures: Path | None = None
    """where rows without a trace are written"""
    force: bool = False
    """whether files that exist may be replaced"""


def convert(sources: Sequence[str], options: ConvertOptions) -> Counts:
    """Write the traces of all files into one, atomically; return where every row went.

    Raises:
        InputErrors: the files' problems, all of a file together; then nothing is written.
        RunError: the result cannot be written.
    """
    _check_targets(sources, options)
    selector = TraceSelector(options.choice)
    with ExitStack() as stack:
        traces = stack.enter_context(replacing(options.to))
        failures = stack.enter_context(replacing(options.failures)) if options.failures else None
        for number in range(len(sources)):
            _Conversion(selector, sources, traces, failures).read(number, options)
        _check_counts(selector.counts, ", ".join(sources), options.choice)
    return selector.counts


class _Conversion:
    """The reading of files into open ones."""

    def __init__(
        self, selector: TraceSelector, sources: Sequence[str], traces: IO[bytes], failures: IO[bytes] | None
    ) -> None:
        self._selector, self._sources = selector, sources
        self._traces, self._failures = traces, failures

    def read(self, number: int, options: ConvertOptions) -> None:
        """Read a file to its end, and raise all its problems together."""
        problems, counts = Problems(), self._selector.counts
        before = counts.rows
        with RowFile(self._sources[number], options.format) as file:
            for placed in file.rows(options.id_path, problems):
                try:
                    self._take(_completed(placed, file), number)
                except RecordProblem as problem:
                    problems.add(placed.where, problem)
            problems.raise_any()
            counts.files.append(FileRead(file.path, file.format.name, file.format.title, counts.rows - before))

    def _take(self, placed: Placed, number: int) -> None:
        row = placed.row
        earlier = self._selector.earlier_file(row.id, number)
        if earlier is not None:
            hint = "convert such files one by one, or name another place of the id with --id"
            raise RecordProblem(f"id {show(row.id)} is in {self._sources[earlier]} too", hint)
        made = self._selector.take(row)
        if made is None:
            return
        if made.no_trace is None:
            self._traces.write(_line(made.record))
        elif self._failures is not None:
            self._failures.write(_line({"where": placed.where} | dict(made.record)))


def _completed(placed: Placed, file: RowFile) -> Placed:
    """Return a row with what a trace file needs: paths that hold anywhere, and the answer that follows reasoning."""
    row = placed.row
    if file.format is NATIVE:
        return placed._replace(row=replace(row, fields=with_absolute_images(row.fields, file.folder)))
    answer = final_answer(trace_text(row))
    if answer is None:
        return placed
    return placed._replace(row=replace(row, fields={"model_answer": answer} | dict(row.fields)))


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _check_targets(sources: Sequence[str], options: ConvertOptions) -> None:
    """Refuse to replace an input, or without being told so any other file."""
    targets = [path for path in (options.to, options.failures) if path is not None]
    if len({path.resolve() for path in targets}) < len(targets):
        raise InputError(f"--failures {options.failures}", "is the file of --to", "name another file")
    for path in targets:
        if any(source != "-" and Path(source).resolve() == path.resolve() for source in sources):
            raise InputError(str(path), "would replace what is read", "name another file")
        if path.exists() and not options.force:
            raise InputError(str(path), "exists", "name another file, or replace it with --force")


def _check_counts(counts: Counts, sources: str, choice: Choice) -> None:
    """Refuse traces of several models in one file, and a choice that leaves none."""
    models = sorted(name for name in counts.models if name)
    if models[1:]:
        raise InputError(
            sources, f"traces of several models: {', '.join(map(show, models))}", "choose one with --model"
        )
    if counts.traces:
        return
    if counts.rows == counts.other_models.total() + counts.other_filters.total():
        found = (("--model", choice.model, counts.other_models), ("--filter", choice.filter, counts.other_filters))
        option, given, names = next(one for one in found if one[2])
        listed = ", ".join(show(name) if name else "none" for name in names)
        raise InputError(f"{option} {given}", "no row is of it", f"found: {listed}")
    reasons = ", ".join(f"{reason} {count}" for reason, count in counts.without_trace.items())
    raise InputError(
        sources, f"no trace among {counts.rows} rows" + (f": {reasons}" if reasons else ""), "nothing written"
    )
