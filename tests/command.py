"""Start the real command as a process of its own, in an environment without keys and settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import forked

# A warning anywhere in the program is an error, as it is in the tests themselves.
COMMAND = (sys.executable, "-W", "error", "-m", "judge")
SECONDS = 120.0
SETTINGS = ("OPENAI_", "ANTHROPIC_", "OMR_JUDGE_")
PLAIN = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "xterm"}


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without keys, settings and proxies, plus what is given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(SETTINGS) and not name.lower().endswith("_proxy")
    }
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling the program anew takes a fifth of each command's time
    return {**kept, **PLAIN, **(given or {})}


def omr_judge(
    *args: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    code: int = 0,
    seconds: float = SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; it must end with the given exit code and never with a traceback.

    It is forked from a process that has imported libraries already.
    """
    given = [str(arg) for arg in args]
    run = forked.run(given, cwd=cwd, environment=environment(env), stdin=stdin, seconds=seconds)
    assert run.returncode == code, f"exit code {run.returncode} of {args}\n{run.stdout}\n{run.stderr}"
    assert "Traceback" not in run.stderr, run.stderr
    return run


def run_anew(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdin: str = "", seconds: float = SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end as a shell would start it."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=seconds,
        check=False,
    )


def start(
    *args: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    errors: Path | None = None,
    stdin: int | None = None,
) -> forked.Started:
    """Start the command and return at once; its stderr goes to a file that can be read meanwhile."""
    given = list(map(str, args))
    with (errors or cwd / "stderr.txt").open("w") as told, Path(os.devnull).open("r+") as nothing:
        streams = (nothing.fileno() if stdin is None else stdin, nothing.fileno(), told.fileno())
        return forked.start(given, cwd=cwd, environment=environment(env), streams=streams)


def at_once(*runs: Callable[[], subprocess.CompletedProcess[str]]) -> list[subprocess.CompletedProcess[str]]:
    """Make runs that do not touch each other, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return [started.result() for started in [pool.submit(run) for run in runs]]


def wait_until(true: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Return as soon as something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def write_jsonl(path: Path, records: Iterable[Mapping[str, Any]]) -> Path:
    """Write records, one a line."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read records, one a line."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def only_run(folder: Path) -> Path:
    """Return the only run folder."""
    (run,) = (folder / "runs").iterdir()
    return run


def report_of(run: Path) -> dict[str, Any]:
    """Read a run's report."""
    report: dict[str, Any] = json.loads((run / "report.json").read_bytes())
    return report
