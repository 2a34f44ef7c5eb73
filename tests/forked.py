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
from functools import cache
from pathlib import Path
from threading import Lock

from fork_server import WIDTH, Request

PROGRAM = Path(__file__).with_name("fork_server.py")
_starting = Lock()


def run(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], stdin: str = "", seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run `omr-judge` to its end.

    Raises:
        subprocess.TimeoutExpired: It took longer, and was killed.
    """
    request = Request(arguments=list(arguments), cwd=str(cwd), environment=dict(environment))
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as given,
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as err,
        _connection() as connection,
    ):
        given.write(stdin)
        given.seek(0)
        line = json.dumps(request).encode() + b"\n"
        sent = socket.send_fds(connection, [line], [given.fileno(), out.fileno(), err.fileno()])
        connection.sendall(line[sent:])
        code = _exit_code(connection, request, seconds)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(request["arguments"], code, out.read(), err.read())


def _exit_code(connection: socket.socket, request: Request, seconds: float) -> int:
    process = _told(connection)
    connection.settimeout(seconds)
    try:
        return _told(connection)
    except TimeoutError:
        os.kill(process, signal.SIGKILL)
        connection.settimeout(None)
        _told(connection)
        raise subprocess.TimeoutExpired(request["arguments"], seconds) from None


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
