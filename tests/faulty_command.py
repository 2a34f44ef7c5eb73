"""Run the command many times in children of one process that has imported it already, with a fault at a chosen step.

A step is one call that touches the runs: write, flush, rename, make or remove. Files that Python writes through `open`
are counted too, since their writes go through a raw file of our own. `python tests/faulty_command.py` reads one JSON
object a line (`Trial`) and answers with one (`Ended`).
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Literal

Fault = Literal["none", "kill", "tear", "full", "short"]
"""`tear` writes half and is killed; `full` raises ENOSPC from the step on; `short` writes half, then is full"""
Clock = Literal["steady", "jumping"]
"""`jumping`: whenever the program asks what time it is, the clock has been put two days forward or back, or less"""
DESCRIPTOR_STEPS = ("write", "pwrite", "fsync", "fdatasync", "ftruncate")
PATH_STEPS = ("rename", "replace", "mkdir", "unlink", "rmdir")
WRITES = {"write", "pwrite"}
FREEING = {"unlink", "rmdir", "ftruncate", "rename", "replace"}
"""what a full disk still does"""


@dataclass(frozen=True)
class Trial:
    """One run of the command."""

    args: tuple[str, ...]
    cwd: str
    fault: Fault = "none"
    at: int = 0
    """the step of the fault, from 1"""
    kill_after: float | None = None
    """seconds after which the process is killed"""
    clock: Clock = "steady"


@dataclass(frozen=True)
class Ended:
    """How it ended."""

    code: int
    """the exit code, or minus the signal"""
    steps: int
    """how many steps it made, where it was not killed"""
    stderr: str


class Faults:
    """Count the steps within a folder, and fail at the chosen one."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.steps = trial, 0
        self._runs = os.path.join(os.path.realpath(trial.cwd), "runs")  # noqa: PTH118 - pathlib is what is patched

    def install(self) -> None:
        """Put the counting calls in the place of the system's."""
        for name in DESCRIPTOR_STEPS:
            setattr(os, name, self._counting(name, getattr(os, name), self._of_descriptor))
        for name in PATH_STEPS:
            setattr(os, name, self._counting(name, getattr(os, name), os.path.abspath))
        faults, opened = self, io.open

        class Raw(io.FileIO):
            def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
                size = len(memoryview(data).cast("B"))
                written: int = faults.step("write", self.name, size, lambda n: super(Raw, self).write(bytes(data)[:n]))
                return written

        def open_counting(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as `open`
            if mode == "wb" and not isinstance(file, int):
                return io.BufferedWriter(Raw(os.fspath(file), "w"))
            return opened(file, mode, *args, **kwargs)

        io.open = open_counting

    def _of_descriptor(self, descriptor: int) -> str:
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
        return ""

    def _counting(self, name: str, real: Callable[..., Any], place: Callable[[Any], str]) -> Callable[..., Any]:
        def call(target: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the system's
            if name in WRITES:
                data, *rest = args
                return self.step(name, place(target), len(data), lambda n: real(target, data[:n], *rest))
            return self.step(name, place(target), 0, lambda _: real(target, *args, **kwargs))

        return call

    def step(self, name: str, path: str, size: int, real: Callable[[int], Any]) -> Any:  # noqa: ANN401
        """Do a step, or fail at it."""
        if not os.path.realpath(path).startswith(self._runs):
            return real(size)
        self.steps += 1
        fault, at = self.trial.fault, self.trial.at
        if fault == "none" or self.steps < at:
            return real(size)
        if fault == "tear" and name == "write":  # 16 bytes within a page, as `pwrite` has them, are never torn
            real(size // 2)
        if fault in {"kill", "tear"}:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "short" and self.steps == at and name in WRITES and size > 1:
            return real(size // 2)
        if name in FREEING:
            return real(size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class JumpingTime(datetime):
    """A wall clock that is put forward or back between any two looks at it."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> JumpingTime:
        """Return a time within two days of the real one."""
        return super().now(tz) + timedelta(days=random.uniform(-2, 2))  # noqa: S311 - any will do


def let_the_clock_jump() -> None:
    """Put a jumping clock in the place of the one of every module of the program, loaded now or later."""
    for name, module in list(sys.modules.items()):
        if name.startswith("judge.") and getattr(module, "datetime", None) is datetime:
            module.datetime = JumpingTime  # type: ignore[attr-defined]
    sys.modules["datetime"].datetime = JumpingTime  # type: ignore[attr-defined]
    real = time.time
    time.time = lambda: real() + random.uniform(-2, 2) * 86400  # noqa: S311


def _child(trial: Trial, errors: int, steps: int) -> None:
    from judge.cli import main  # noqa: PLC0415 - imported by the parent already

    os.chdir(trial.cwd)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    faults = Faults(trial)
    faults.install()
    if trial.clock == "jumping":
        let_the_clock_jump()
    sys.argv = ["omr-judge", *trial.args]
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # noqa: BLE001 - as the interpreter would
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os.lseek(steps, 0, os.SEEK_SET)
    with open(steps, "w", closefd=False) as file:
        file.write(str(faults.steps))
    os._exit(code)


def run_here(trial: Trial) -> Ended:
    """Run a trial in a child of this process."""
    errors, steps = os.memfd_create("errors"), os.memfd_create("steps")
    pid = os.fork()
    if pid == 0:
        _child(trial, errors, steps)
    if trial.kill_after is not None:
        time.sleep(trial.kill_after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    told, counted = (os.pread(descriptor, 1 << 20, 0).decode() for descriptor in (errors, steps))
    os.close(errors)
    os.close(steps)
    return Ended(os.waitstatus_to_exitcode(status), int(counted or 0), told)


class FaultyCommand:
    """The process that has imported the command."""

    def __init__(self, process: subprocess.Popen[str], cwd: Path) -> None:
        self._process, self._cwd = process, cwd

    def run(
        self,
        *args: str,
        fault: Fault = "none",
        at: int = 0,
        kill_after: float | None = None,
        clock: Clock = "steady",
    ) -> Ended:
        """Run the command to its end."""
        trial = Trial(args, str(self._cwd), fault, at, kill_after, clock)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(trial)) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextlib.contextmanager
def faulty_command(cwd: Path) -> Iterator[FaultyCommand]:
    """Start the process."""
    from command import environment  # noqa: PLC0415 - not needed by the process itself

    command = [sys.executable, str(Path(__file__))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=cwd
    ) as process:
        yield FaultyCommand(process, cwd)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def main() -> None:
    """Answer trials until the input ends."""
    import aiohttp  # noqa: F401, PLC0415 - so that children need not
    import anthropic  # noqa: F401, PLC0415
    import filelock  # noqa: F401, PLC0415
    import httpx2  # noqa: F401, PLC0415
    import openai  # noqa: F401, PLC0415

    import judge.cli  # noqa: PLC0415
    import judge.comparison.compare  # noqa: PLC0415
    import judge.comparison.derive_report  # noqa: PLC0415
    import judge.scoring.derive_score_report  # noqa: PLC0415
    import judge.scoring.score  # noqa: F401, PLC0415

    for line in sys.stdin:
        given = json.loads(line)
        ended = run_here(Trial(**given | {"args": tuple(given["args"])}))
        sys.stdout.write(json.dumps(asdict(ended)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
