"""Count the modules of judge that one record passes through to become a request, and its reply to become a rate.

`python benchmarks/walks.py` runs the real command on one item, in this process (`sys.setprofile`), against a server of
its own, and prints both roads; "called meanwhile" counts every module of which any function ran, on the road or not.

**To the request**, from the reading of the first line until the request reaches the server: a module counts where one
of its functions is given, or gives back, something that holds the text of the trace in `a.jsonl`: the line, the record,
the pair, the request.

**To the rate**, from the reply's arrival until the overall criterion's win rate is on the terminal. A module counts
where one of its functions

1. is given, or gives back, something that holds the reply's text: the reply, its verdicts, the judgment;
2. once the report reads the journal: gives back something that holds what the judgment becomes on its way to the win
   rate: judgments, data frames with a column of verdicts or credits, folded items, numerators and denominators,
   resampled rates. This ends where the estimate of the win rate is made;
3. from then on: gives back something that holds that very estimate (the report), or the very text made of it (the cell,
   the row, the table, the document);
4. is on the call stack while that text is written to the terminal, and was given the report or what is made of it.

So the road has no module that only works out or words other figures of the same report, such as tests, bounds, position
bias, length, agreement and subgroups. In stretches 2 and 3 arguments do not count: half of the modules are given the
folded items or the report, and make other figures of them. Modules that every other one speaks of (`COMMON`), and
modules that are only imported, never count. To count what was called, whatever it did, see "called for the report": all
modules of which a function ran from the first reading of the journal on, with those of stretch 1.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import CodeType, FrameType, FunctionType, GeneratorType, ModuleType
from typing import Any, NamedTuple, TextIO, cast

import orjson
import polars as pl
from servers import replies

COMMON = {"judge.schema", "judge.errors", "judge.enums"}
TRACE_MARK, REPLY_MARK = "walking-trace-of-a", "as the first puts it"
DEPTH = 8
READS_LINES, MAKES_REPORT = "judge.files.jsonl", "judge.comparison.derive_report"
FORMS = {"LatestJudgments", "CriterionItems", "PanelItems", "Ratio", "Patterns", "Rates"}
"""classes of what a judgment becomes on its way to a win rate"""
TO_REQUEST, TO_RATE = "to the request", "to the rate"
TARGETS = {TO_REQUEST: 25, TO_RATE: 30}

Test = Callable[[object], bool]


def holds(thing: object, is_it: Test, depth: int = DEPTH) -> bool:
    """Return whether a thing, or one within it, is what is looked for."""
    return is_it(thing) or (depth > 0 and any(holds(part, is_it, depth - 1) for part in parts_of(thing)))


def parts_of(thing: object) -> Iterable[object]:
    """Return what a collection, a record, a function's closure or another object holds."""
    match thing:
        case Mapping():
            return list(thing.values())
        case list() | tuple() | set() | frozenset():
            return list(thing)
        case FunctionType():
            return [cell.cell_contents for cell in thing.__closure__ or ()]
        case type() | ModuleType() | GeneratorType() | FrameType() | pl.DataFrame():
            return ()
    fields: tuple[str, ...] = getattr(thing, "__struct_fields__", ())
    return [*getattr(thing, "__dict__", {}).values(), *(getattr(thing, name) for name in fields)]


def has_mark(mark: str) -> Test:
    """Return the test for text with a mark."""

    def is_it(thing: object) -> bool:
        if isinstance(thing, bytes | bytearray | memoryview):
            return mark.encode() in bytes(thing)
        return isinstance(thing, str) and mark in thing

    return is_it


def is_form(thing: object) -> bool:
    """Return whether a thing is what a judgment becomes on its way to a win rate."""
    if isinstance(thing, pl.DataFrame):
        return not {"verdict", "credit"}.isdisjoint(thing.columns)
    return type(thing).__name__ in FORMS


class Call(NamedTuple):
    """What a function was given, and what it gave back; None where it was only entered."""

    module: str
    function: str
    given: list[object]
    result: object


class Road:
    """The modules of one walk, in the order in which it first comes to them."""

    def __init__(self, mark: str) -> None:
        self.modules: dict[str, str] = {}
        """by module, the function that handled it first"""
        self.meanwhile: set[str] = set()
        """all modules of which a function was called, whatever it handled"""
        self.has_mark = has_mark(mark)

    def see(self, call: Call) -> None:
        """Count a call, where it is given or gives back what holds the mark."""
        self.meanwhile.add(call.module)
        if call.module not in self.modules and (holds(call.given, self.has_mark) or holds(call.result, self.has_mark)):
            self.add(call)

    def add(self, call: Call) -> None:
        """Count a call."""
        if call.module not in COMMON:
            self.modules.setdefault(call.module, call.function)

    def lines(self) -> list[str]:
        """Return the modules, a line each."""
        return [f"  {module:<40} {function}" for module, function in self.modules.items()]


class RateRoad(Road):
    """The road of a reply to the win rate of the overall criterion."""

    def __init__(self, mark: str) -> None:
        super().__init__(mark)
        self.calls: list[Call] = []
        """all calls that ended since the journal is read for the report"""
        self.written: list[tuple[str, list[Call]]] = []
        """each text that was written, with the calls that waited for it"""
        self.reads = False
        self.called: set[str] = set()
        """what an older way of counting counted: stretch 1, and every module called for the report"""

    def keep(self, call: Call, *, ended: bool) -> None:
        """Keep a call for `follow`."""
        if not self.reads and call.module == MAKES_REPORT:
            self.reads, self.called = True, {*self.modules}
        if self.reads:
            self.called |= {call.module} - COMMON
            if ended:
                self.calls.append(call)

    def follow(self) -> None:
        """Follow the win rate through the calls that were kept."""
        report: Any = next(call.result for call in self.calls if type(call.result).__name__ == "Report")
        estimate = list(report.criteria.values())[-1].win_rate
        made = next(index for index, call in enumerate(self.calls) if holds(call.result, lambda own: own is estimate))
        for call in self.calls[:made]:
            if holds(call.result, is_form):
                self.add(call)
        later = self.calls[made:]
        text = next(call.result for call in later if isinstance(call.result, str) and call.given[0] is estimate)

        def is_made_of_it(thing: object) -> bool:
            return thing is estimate or thing is text

        for call in later:
            if holds(call.result, is_made_of_it):
                self.add(call)
        stacks = [stack for written, stack in self.written if str(text) in written]
        for call in (call for stack in stacks for call in stack):
            if holds(call.given, is_made_of_it):
                self.add(call)


def is_function(code: CodeType) -> bool:
    """Return whether code is that of a function with a name, and not the body of a module or a class."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and not code.co_name.startswith("<")


def arguments(frame: FrameType, code: CodeType) -> list[object]:
    """Return what a function was given."""
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return [value for name in names if (value := frame.f_locals.get(name)) is not None]


class Profile:
    """Hands calls to the walk that is under way."""

    def __init__(self) -> None:
        self.request, self.rate = Road(TRACE_MARK), RateRoad(REPLY_MARK)
        self.name = ""

    def __call__(self, frame: FrameType, event: str, result: object) -> None:
        """See one event of the interpreter."""
        if event not in {"call", "return"} or not is_ours(frame):
            return
        call = as_call(frame, result if event == "return" else None)
        if not self.name and call.module == READS_LINES:
            self.name = TO_REQUEST
        if self.name == TO_REQUEST:
            self.request.see(call)
        elif self.name == TO_RATE:
            self.rate.see(call)
            self.rate.keep(call, ended=event == "return")


class Terminal:
    """Standard output, with a note of what was on the stack at each text."""

    def __init__(self, output: TextIO, road: RateRoad) -> None:
        self.output, self.road = output, road

    def write(self, text: str) -> int:
        """Write text."""
        stack = [as_call(frame, None) for frame in stack_of(inspect.currentframe()) if is_ours(frame)]
        self.road.written.append((text, stack))
        return self.output.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self.output, name)


def is_ours(frame: FrameType) -> bool:
    """Return whether a frame is that of a function of judge."""
    return frame.f_globals.get("__name__", "").split(".")[0] == "judge" and is_function(frame.f_code)


def as_call(frame: FrameType, result: object) -> Call:
    """Return what is seen of a call."""
    return Call(frame.f_globals["__name__"], frame.f_code.co_qualname, arguments(frame, frame.f_code), result)


def stack_of(frame: FrameType | None) -> Iterable[FrameType]:
    """Yield a frame and those that wait for it."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def reply() -> bytes:
    """Return a reply that prefers the trace shown second on the overall criterion alone."""
    made = orjson.loads(replies()["openai"])
    message = made["choices"][0]["message"]
    verdicts = orjson.loads(message["content"])
    verdicts["overall"]["verdict"] = "second"
    message["content"] = orjson.dumps(verdicts).decode()
    return orjson.dumps(made)


def serve(profile: Profile) -> HTTPServer:
    """Serve one fixed reply in a thread; it ends the first walk and begins the second."""
    body = reply()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            profile.name = TO_RATE
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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

        sys.stdout = cast("TextIO", Terminal(sys.stdout, profile.rate))
        sys.setprofile(profile)
        with suppress(SystemExit):
            command()
        sys.setprofile(None)
        os.chdir("/")
    profile.rate.follow()
    for name, road in ((TO_REQUEST, profile.request), (TO_RATE, profile.rate)):
        called = f"called meanwhile: {len(road.meanwhile)}"
        if isinstance(road, RateRoad):
            called += f", of them called for the report or on stretch 1: {len(road.called)}"
        print(f"{name}: {len(road.modules)} modules, at most {TARGETS[name]} ({called})", *road.lines(), sep="\n")


if __name__ == "__main__":
    main()
