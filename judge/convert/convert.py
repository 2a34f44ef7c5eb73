"""Turn generators' files into one file of traces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from judge.convert.choose_traces import Choice, Counts, FileRead, Made, TraceSelector
from judge.convert.native import with_absolute_images
from judge.convert.output import Row
from judge.convert.read_rows import Problems, RowFile
from judge.errors import InputError
from judge.files.fields import RecordProblem, show
from judge.files.files import replacing
from judge.files.limits import real_path


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """Options of a conversion."""

    to: Path
    choice: Choice
    format: str | None = None
    """None: found by each file's first records"""
    id_path: str | None = None
    """a dotted path; None: the format's own"""
    trace_path: str | None = None
    """a dotted path to the text of a trace, for records of no known format"""
    failures: Path | None = None
    """where rows without a trace are written"""
    force: bool = False
    """whether files that exist may be replaced"""
    skip_bad: bool = False
    """whether records that cannot be read are left out, counted"""


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
            for where, made in _selected(selector, sources, number, options):
                if made.no_trace is None:
                    traces.write(_line(made.record))
                elif failures is not None:
                    failures.write(_line({"where": where} | dict(made.record)))
        _check_counts(selector.counts, ", ".join(sources), options.choice)
    return selector.counts


def _selected(
    selector: TraceSelector, sources: Sequence[str], number: int, options: ConvertOptions
) -> Iterator[tuple[str, Made]]:
    """Read a file to its end, yield what becomes of its chosen rows, and raise all its problems together."""
    problems, counts = Problems(), selector.counts
    before = counts.rows
    with RowFile(
        sources[number],
        options.format,
        id_path=options.id_path,
        trace_path=options.trace_path,
        lenient=options.skip_bad,
    ) as file:
        for where, given in file.rows(problems):
            try:
                row = _completed(given, file)
                _refuse_known_id(selector, sources, row.id, number)
                made = selector.take(row)
            except RecordProblem as problem:
                problems.add(where, problem)
                continue
            if made is not None:
                yield where, made
        if not options.skip_bad:
            problems.raise_any()
        counts.bad_rows += problems.total
        format_ = file.format
        counts.files.append(FileRead(file.path, format_.name, format_.title, counts.rows - before))


def _refuse_known_id(selector: TraceSelector, sources: Sequence[str], id_: str, number: int) -> None:
    earlier = selector.earlier_file(id_, number)
    if earlier is not None:
        hint = "convert such files one by one, or name another place of the id with --id"
        raise RecordProblem(f"id {show(id_)} is in {sources[earlier]} too", hint)


def _completed(row: Row, file: RowFile) -> Row:
    """Return a row whose image paths hold anywhere."""
    return replace(row, fields=with_absolute_images(row.fields, file.folder))


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _check_targets(sources: Sequence[str], options: ConvertOptions) -> None:
    """Refuse to replace an input, or without being told so any other file."""
    targets = [path for path in (options.to, options.failures) if path is not None]
    if len({real_path(path) for path in targets}) < len(targets):
        raise InputError(f"--failures {options.failures}", "is the file of --to", "name another file")
    for path in targets:
        if any(source != "-" and real_path(source) == real_path(path) for source in sources):
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
