"""Tell a person who gives a generator's file where traces are expected how to convert it."""

from __future__ import annotations

import shlex
from pathlib import Path

from judge.convert.formats import NATIVE
from judge.convert.read_rows import RowFile
from judge.errors import InputError, InputErrors

MAX_DOCUMENT = 2**26
"""bytes of a JSON document that is read for no more than a hint"""


def with_convert_hint(error: InputErrors, source: str | Path) -> InputErrors:
    """Return a file's problems, led by the command that converts it where it is of a generator's format."""
    if source == "-" or not Path(source).is_file():
        return error
    try:
        with RowFile(source, None, max_document=MAX_DOCUMENT) as file:
            format_ = file.format
    except InputError:
        return error
    if format_ is NATIVE:
        return error
    command = f"omr-judge convert {shlex.quote(str(source))} --to traces.jsonl"
    hint = InputError(str(source), f"looks like {format_.title}", f"convert it first: {command}")
    return InputErrors([hint, *error.problems], error.total + 1)
