"""Be the process from which tests' commands are forked: the program and its libraries are imported here once.

Run by tests/forked.py as `fork_server.py CONTROL`. Through the socket CONTROL comes one socket for each command, and
through that one a `Request`, a line of JSON, with the descriptors of the command's standard streams. It is answered by
two numbers of `WIDTH` digits: the command's process id and, once it has ended, its exit code.
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import pkgutil
import runpy
import socket
import sys
import warnings
from functools import cache
from importlib import import_module
from selectors import EVENT_READ, DefaultSelector
from typing import NoReturn, TypedDict

import typer.main
from coverage.control import Coverage, process_startup

import judge
from judge.cli import app
from judge.flags.flags import find_flags
from judge.prompting.read_answer import read_answer

LIBRARIES = (
    "anthropic",
    "anyio.streams.tls",
    "filelock",
    "genai_prices",
    "httpcore2",
    "jinja2.meta",
    "jinja2.sandbox",
    "openai",
    "PIL.Image",
    "scipy.stats",
    "truststore",
)
STREAMS = 3
CHUNK = 2**16
WIDTH = 10


class Request(TypedDict):
    """What a command is started with."""

    arguments: list[str]
    cwd: str
    environment: dict[str, str]
    before: str
    """Python to be run before it"""


def main() -> None:
    """Serve until the tests hang up."""
    import_all()
    # Typer makes the whole tree of commands anew at each start, which takes longer than most commands run.
    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(app)
    # What is compiled and kept at the first text that is read.
    read_answer("The answer is A.", {"A": "one", "B": "two"})
    find_flags("The answer is A.")
    save_coverage()
    inspect.stack()  # coverage calls it at each start, and the first call is slow with so many modules
    gc.collect()
    gc.freeze()  # or each command's collector copies all of these pages
    accept(int(sys.argv[1]))


def import_all() -> None:
    """Import every module of the program, and the libraries that it imports within functions."""
    modules = (module.name for module in pkgutil.walk_packages(judge.__path__, "judge."))
    for name in (*modules, *LIBRARIES):
        if name not in {"judge.__main__", "judge.cluster.ray_run"}:  # Ray starts threads, which no fork takes along
            import_module(name)


def accept(control: int) -> None:
    """Fork for each connection, and tell it how its command fares, until the tests hang up."""
    with socket.socket(fileno=control) as incoming, DefaultSelector() as waiting:
        waiting.register(incoming, EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not incoming:
                    waiting.unregister(key.fileobj)
                    tell_end(key.fd, *key.data)
                elif received := socket.recv_fds(incoming, 1, 1)[1]:
                    connection = socket.socket(fileno=received[0])
                    command = begin(connection)
                    waiting.register(os.pidfd_open(command), EVENT_READ, (command, connection))
                else:
                    return


def begin(connection: socket.socket) -> int:
    """Fork a command, in spite of polars' threads, which only tidy up and are of no use to one; return its process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        command = os.fork()
    if command == 0:
        request, descriptors, _, _ = socket.recv_fds(connection, CHUNK, STREAMS)
        while not request.endswith(b"\n"):
            request += connection.recv(CHUNK)
        connection.close()
        become(json.loads(request), descriptors)
    connection.sendall(b"%*d" % (WIDTH, command))
    return command


def tell_end(descriptor: int, command: int, connection: socket.socket) -> None:
    """Take leave of a command that has ended, and tell its exit code."""
    os.close(descriptor)
    with connection:
        connection.sendall(b"%*d" % (WIDTH, os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])))


def become(request: Request, descriptors: list[int]) -> NoReturn:
    """Do what `python -m judge` does once all is imported, and measure its coverage where that is asked for."""
    for stream, descriptor in enumerate(descriptors):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["cwd"]
    sys.argv = ["judge", *request["arguments"]]
    process_startup(force=True)
    code = 0
    try:
        exec(request["before"], {})  # noqa: S102 - the test's own code
        runpy.run_module("judge", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = int(ended.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    save_coverage()
    os._exit(code)  # to take all modules down takes longer than most commands


def save_coverage() -> None:
    """Keep what was run so far, where that is asked for."""
    if measured := Coverage.current():
        measured.stop()
        measured.save()


if __name__ == "__main__":
    main()
