"""Count the modules of judge that one record passes through to become a request, and its reply to become a rate.

`python benchmarks/walks.py` runs the real command on one item, in this process, against a server of its own.

A module counts where one of its functions is called (`sys.setprofile`) while the walk lasts, and is given, or gives
back, something that holds what walks:

- To the request: from the reading of the first line until the request reaches the server. What walks is the text of the
  trace in `a.jsonl`, in whatever holds it: the line, the record, the pair, the request.
- To the rate: from the reply's arrival until the report is printed. What walks is the reply's text, and once it is read
  whatever is made of it, which no mark can follow: from the first reading of the journal for the report on, every
  module counts whose functions are called.

Modules that are only imported, and nouns and errors, which every module speaks of, do not count.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import CodeType, FrameType

import msgspec
from servers import replies

NOUNS = {"judge.schema", "judge.errors"}
TRACE_MARK, REPLY_MARK = "walking-trace-of-a", "as the first puts it"
DEPTH = 4
FIRST, LAST = "judge.files.jsonl", "judge.comparison.derive_report"
"""the module that reads lines, and the one that makes a report"""
TARGETS = {"to the request": 25, "to the rate": 30}


def holds(thing: object, mark: str, depth: int = DEPTH) -> bool:
    """Tell whether a thing, or one within it, is text with the mark."""
    if isinstance(thing, str):
        return mark in thing
    if isinstance(thing, bytes | bytearray | memoryview):
        return mark.encode() in bytes(thing)
    return depth > 0 and any(holds(part, mark, depth - 1) for part in parts_of(thing))


def parts_of(thing: object) -> Iterable[object]:
    """Return what a collection or a record holds."""
    if isinstance(thing, Mapping):
        return thing.values()
    if isinstance(thing, list | tuple | set | frozenset):
        return thing
    if isinstance(thing, msgspec.Struct):
        return [getattr(thing, name) for name in thing.__struct_fields__]
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return [getattr(thing, field.name, None) for field in dataclasses.fields(thing)]
    return ()


class Walk:
    """The modules of one walk, in the order in which it first comes to them."""

    def __init__(self, mark: str) -> None:
        self.modules: dict[str, str] = {}
        """by module, the function that handled it first"""
        self.meanwhile: set[str] = set()
        """all modules of which a function was called, whatever it handled"""
        self.mark = mark
        self.follows = False
        """whether the mark is lost, and everything counts"""

    def see(self, frame: FrameType, event: str, given_back: object) -> None:
        """Count a call, where it handles what walks."""
        module, code = frame.f_globals["__name__"], frame.f_code
        if module in self.modules or module in NOUNS or not is_function(code):
            return
        self.meanwhile.add(module)
        if self.follows or holds(arguments(frame, code) if event == "call" else given_back, self.mark):
            self.modules[module] = code.co_qualname

    def told(self, name: str) -> str:
        """Return the modules line by line."""
        counts = f"{len(self.modules)} modules, at most {TARGETS[name]} (called meanwhile: {len(self.meanwhile)})"
        lines = [f"{name}: {counts}"]
        return "\n".join([*lines, *(f"  {module:<40} {function}" for module, function in self.modules.items())])


def is_function(code: CodeType) -> bool:
    """Tell whether code is that of a function with a name, and not the body of a module or a class."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and not code.co_name.startswith("<")


def arguments(frame: FrameType, code: CodeType) -> list[object]:
    """Return what a function was given."""
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return [value for name in names if (value := frame.f_locals.get(name)) is not None]


class Profile:
    """Hands calls to the walk that is under way."""

    def __init__(self) -> None:
        self.walks = {"to the request": Walk(TRACE_MARK), "to the rate": Walk(REPLY_MARK)}
        self.name = ""

    def __call__(self, frame: FrameType, event: str, given: object) -> None:
        """See one event of the interpreter."""
        module = frame.f_globals.get("__name__", "")
        if event not in {"call", "return"} or not module.startswith("judge."):
            return
        if not self.name and module == FIRST:
            self.name = "to the request"
        if self.name:
            walk = self.walks[self.name]
            walk.follows |= self.name == "to the rate" and module == LAST
            walk.see(frame, event, given)


def serve(profile: Profile) -> HTTPServer:
    """Serve one fixed reply in a thread; it ends the first walk and begins the second."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            profile.name = "to the rate"
            reply = replies()["openai"]
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Run the command, and print both walks."""
    profile = Profile()
    server = serve(profile)
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        item = {"id": "q1", "question": "Which?", "options": {"A": "one", "B": "two"}, "answer": "A"}
        for name, text in {"a": TRACE_MARK, "b": "the other trace"}.items():
            record = item | {"model": name, "response": f"{text}, long enough to be a trace."}
            Path(f"{name}.jsonl").write_text(json.dumps(record) + "\n")
        os.environ |= {"OPENAI_API_KEY": "none", "COLUMNS": "120"}
        judge = f"openai:judge-1@http://127.0.0.1:{server.server_port}/v1"
        sys.argv = ["omr-judge", "compare", "a.jsonl", "b.jsonl", "--judge", judge, "--orders", "one"]
        from judge.cli import main as command  # noqa: PLC0415 - imports are no part of the walks

        sys.setprofile(profile)
        with suppress(SystemExit):
            command()
        sys.setprofile(None)
        os.chdir("/")
    for name, walk in profile.walks.items():
        print(walk.told(name))


if __name__ == "__main__":
    main()
