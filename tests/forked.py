"""Start commands by tests/fork_server.py, which spares each of them three quarters of its time: its imports."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Self

from fork_server import WIDTH, Request

PROGRAM = Path(__file__).with_name("fork_server.py")
_starting = Lock()


class Started:
    """A command that runs, to be used as `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], connection: socket.socket) -> None:
        self.args, self._connection = list(arguments), connection
        self.pid = _told(connection)
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It takes longer.
        """
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                self.returncode = _told(self._connection)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._connection.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return its exit code if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()


def start(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], streams: Sequence[int], before: str = ""
) -> Started:
    """Start `omr-judge` with three descriptors as its standard streams, and some Python to be run before it."""
    request = Request(arguments=list(arguments), cwd=str(cwd), environment=dict(environment), before=before)
    line = json.dumps(request).encode() + b"\n"
    connection = _connection()
    sent = socket.send_fds(connection, [line], list(streams))
    connection.sendall(line[sent:])
    return Started(arguments, connection)


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    stdin: str = "",
    seconds: float,
    before: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run `omr-judge` to its end.

    Raises:
        subprocess.TimeoutExpired: It took longer, and was killed.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as given,
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as err,
    ):
        given.write(stdin)
        given.seek(0)
        streams = (given.fileno(), out.fileno(), err.fileno())
        with start(arguments, cwd=cwd, environment=environment, streams=streams, before=before) as command:
            try:
                code = command.wait(seconds)
            except subprocess.TimeoutExpired:
                command.kill()
                raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read(), err.read())


def _told(connection: socket.socket) -> int:
    return int(connection.recv(WIDTH, socket.MSG_WAITALL))


def _connection() -> socket.socket:
    """Return a new connection to the server whose turn it is."""
    with _starting:
        control = _server()
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(control, [b"+"], [theirs.fileno()])
    return ours


@cache
def _server() -> socket.socket:
    """Start the server, which ends with this process; return the socket that controls it."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", str(PROGRAM), str(theirs.fileno())],
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # no threads that a command would miss
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
