"""Convert a generator's file in passing, where a file of traces is wanted."""

from __future__ import annotations

import tempfile
from pathlib import Path

from judge.convert.choose_traces import Choice
from judge.convert.convert import ConvertOptions, convert
from judge.convert.formats import NATIVE
from judge.convert.read_rows import RowFile
from judge.convert.render_conversion import ledger
from judge.errors import InputError, InputErrors
from judge.files.jsonl import JsonLines
from judge.files.limits import is_about_a_limit


class ConvertedLines(JsonLines):
    """The traces that a generator's file holds, under the name and the hash of that file.

    Args:
        source: the file, of a format that is recognised.
        sha256: its hash.
        id_path: where the ids stand; None: where the format has them.
        trace_path: where the traces stand; None: where the format has them.
        skip_bad: whether records that cannot be read are left out.

    Raises:
        InputErrors: the file's problems.
    """

    kind = "trace"

    def __init__(
        self, source: str | Path, sha256: str, id_path: str | None, trace_path: str | None, *, skip_bad: bool
    ) -> None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            to = Path(folder) / "traces.jsonl"
            options = ConvertOptions(to=to, choice=Choice(), id_path=id_path, trace_path=trace_path, skip_bad=skip_bad)
            counts = convert([str(source)], options)
            super().__init__(to)  # it stays readable: the file is open
        (file,) = counts.files
        self.path, self.sha256, self.n_bad = str(source), sha256, counts.bad_rows
        self.note = f"{file.path}: {file.title}, converted in passing: {ledger(counts)}; see `omr-judge convert`"

    def where(self, number: int) -> str:
        """Name the place of a trace: `out.jsonl: trace 12`, counted from 1."""
        return f"{self.path}: trace {number}"


def converted(
    source: str | Path,
    error: InputErrors,
    *,
    id_path: str | None = None,
    trace_path: str | None = None,
    skip_bad: bool = False,
) -> ConvertedLines:
    """Return the traces of a file that is none of traces, where its format is recognised; else raise its error.

    Where no format is, but the user says where the traces stand, they are taken from there.
    """
    if source == "-" or not Path(source).is_file() or any(map(is_about_a_limit, error.problems)):
        raise error
    for path in dict.fromkeys((None, trace_path)):
        try:
            with RowFile(source, None, id_path=id_path, trace_path=path, lenient=skip_bad) as file:
                sha256, is_foreign = file.sha256, file.format is not NATIVE or not file.holds_lines
        except InputErrors as damage:
            if "--field" in error.problems[0].hint:  # names would help, were the table or array whole
                raise damage from None
            raise error from None
        except InputError:
            continue
        if is_foreign:
            return ConvertedLines(source, sha256, id_path, path, skip_bad=skip_bad)
    raise error
