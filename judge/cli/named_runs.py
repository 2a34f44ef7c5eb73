"""What a person names on the command line: runs, certificates, and options that do not apply to them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from judge.errors import InputError
from judge.judging.options import DEFAULT_RUNS

if TYPE_CHECKING:
    from judge.report.certificate import Certificate
    from judge.runs.run_folder import RunFolder

SHORT_NAME = 24
"""characters of a run's name that is easily typed"""


def called(folder: RunFolder, given: str | None = None) -> str:
    """Return what a person types to name a run: the name that was given, else its name in `runs`, else its path.

    A long name, as runs have that nobody named, is `latest` as long as it is that.
    """
    from judge.runs import run_names

    if given is not None and "/" not in given:
        return shlex.quote(given)
    if folder.path.resolve().parent != DEFAULT_RUNS.resolve():
        return shlex.quote(str(folder.path))
    is_long = len(folder.name) > SHORT_NAME
    is_latest = is_long and run_names.find_run(run_names.LATEST, DEFAULT_RUNS).name == folder.name
    return run_names.LATEST if is_latest else shlex.quote(folder.name)


def find_run(run: str, runs: Path) -> RunFolder:
    """Return the run that a person named: by path, name, beginning of a name, or `latest`."""
    from judge.runs import run_names
    from judge.runs.run_folder import RunFolder

    return RunFolder(run_names.find_run(run, runs))


def find_certificate(path: Path | None) -> Certificate | None:
    """Read the certificate that a person named: a file, or a run folder that has one; None where none is named."""
    if path is None:
        return None
    from judge.comparison.certificates import read_certificate

    return read_certificate(path)


def refuse_options(options: Mapping[str, object], why: str, hint: str = "leave it out, or name another run") -> None:
    """Raise InputError for the first given option, which does not apply: one that is not None, False or empty."""
    for option, value in options.items():
        if value is not None and value is not False and value != ():
            raise InputError(option, why, hint)
