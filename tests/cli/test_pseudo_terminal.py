"""On a pseudo-terminal no escape sequence, control character or reordering mark of foreign origin comes out."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from command import COMMAND, environment, write_jsonl
from provider_server import Answer, Call, ProviderServer, longer_wins

EVIL = "\x1b[38;5;199mE\x1b]8;;http://evil\x1b\\V\x9b5mI\x90q\x07L\u202e\u2066\x08\r"
"""a colour, a link, C1 controls, a device string, a bell, reordering, going back"""
SECONDS = 60
FOREIGN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def on_a_terminal(*args: str, cwd: Path, keys: str = "", term: str = "dumb", more: dict[str, str] | None = None) -> str:
    """Run the command with a terminal as all three streams, and return all that reaches it."""
    ours, theirs = pty.openpty()
    env = environment({"TERM": term, "COLUMNS": "200", **(more or {})})
    try:
        run = subprocess.Popen([*COMMAND, *args], cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown, deadline = b"", time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    shown += os.read(ours, 2**16)
                except OSError:  # nobody has it open any more
                    break
                if keys and b"quit" in shown:
                    os.write(ours, keys.encode())
                    keys = ""
        assert run.wait(SECONDS) in {0, 2, 3, 4}, shown.decode(errors="replace")
        return shown.decode()
    finally:
        os.close(ours)


def foreign(shown: str) -> set[str]:
    """Return what acts on a terminal, beside the ends of lines as a terminal writes them."""
    return set(FOREIGN.findall(shown.replace("\r\n", "\n")))


def trace_files(folder: Path) -> list[str]:
    """Write traces and items with escape sequences in every field and in the files' names."""
    names = [f"a{EVIL.replace('/', '_')}.jsonl", "b.jsonl"]
    for name, text in zip(names, ("long long long", "short"), strict=True):
        fields = {"id": f"q{EVIL}", "question": f"Q{EVIL}", "options": {"A": EVIL, "B": "x"}, "answer": "A"}
        more = {"reference_reasoning": EVIL, "trace": text + EVIL, "model": name[0] + EVIL, EVIL: EVIL}
        write_jsonl(folder / name, [fields | more | {"subgroup": {EVIL: EVIL}}])
    return names


def hostile(call: Call) -> Answer:
    """Refuse the first call in words of a server that writes to terminals, and judge the others."""
    if call.number == 0:
        return Answer(status=500, error={"message": f"busy {EVIL}", "code": EVIL, "type": EVIL})
    return longer_wins(call)


def errors_only(call: Call) -> Answer:
    """Refuse every call in such words."""
    del call
    return Answer(status=400, error={"message": f"no {EVIL}", "code": EVIL, "type": EVIL})


def test_nothing_foreign_acts_on_a_terminal_where_every_call_is_refused(tmp_path: Path) -> None:
    a, b = trace_files(tmp_path)
    with ProviderServer(errors_only) as server:
        judge = ["--judge", f"openai:m@{server.url}/v1", "--name", "r"]
        shown = on_a_terminal("compare", a, b, *judge, cwd=tmp_path)
    shown += on_a_terminal("show", "r", cwd=tmp_path)
    assert "no [38;5;199mE]8;;" in shown
    assert foreign(shown) == set()


@pytest.mark.slow
def test_nothing_foreign_acts_on_a_terminal_from_a_run_to_its_labels(tmp_path: Path) -> None:
    a, b = trace_files(tmp_path)
    run = ["--name", "r"]
    with ProviderServer(hostile) as server:
        judge = ["--judge", f"openai:m{EVIL.replace('/', '')}@{server.url}/v1"]
        shown = on_a_terminal("compare", a, b, *judge, *run, cwd=tmp_path)
        shown += on_a_terminal("retry", "r", cwd=tmp_path)
    commands = (
        ["report", "r"],
        ["report", "r", "--json"],
        ["report", "r", "--format", "csv"],
        ["show", "r", f"q{EVIL}", "--raw"],
        ["show", "r", f"no such {EVIL}"],
        ["list", "r"],
        ["list", "r", "--json"],
        ["flags", "r"],
        ["show-prompt", a, b, "--item", f"q{EVIL}"],
        ["compare", a, b, *judge, "--dry-run"],
        ["compare", f"none{EVIL}", b],
        ["compare", a, b, "--judge", f"what{EVIL}"],
        ["compare", a, b, f"--no-such{EVIL}"],
        [f"no-such{EVIL}"],
        ["report", f"no-run{EVIL}"],
        ["convert", a, "--to", f"out{EVIL.replace('/', '_')}.jsonl"],
        ["export", "r", "--to", "csv", "--out", f"x{EVIL.replace('/', '_')}"],
        ["packet", "r", "--out", f"p{EVIL.replace('/', '_')}.html"],
        ["labels", "import", "r", a],
    )
    with ThreadPoolExecutor(4) as pool:
        shown += "".join(pool.map(lambda command: on_a_terminal(*command, cwd=tmp_path), commands))
    shown += on_a_terminal("label", "r", "--reader", "me" + EVIL, "--not-blind", cwd=tmp_path, keys="1q")
    assert "q[38;5;199mE]8;;http://evil\\V5mIqL⟨U+202E⟩⟨U+2066⟩" in shown
    assert foreign(shown) == set()


@pytest.mark.slow
def test_own_colours_come_through_and_foreign_ones_do_not(tmp_path: Path) -> None:
    a, b = trace_files(tmp_path)
    with ProviderServer(hostile) as server:
        judge = ["--judge", f"openai:m@{server.url}/v1", "--name", "r"]
        shown = on_a_terminal("compare", a, b, *judge, cwd=tmp_path, term="xterm-256color", more={"NO_COLOR": ""})
        shown += on_a_terminal("show", "r", cwd=tmp_path, term="xterm-256color", more={"NO_COLOR": ""})
    assert "\x1b[1m" in shown
    assert "\x1b[38;5;199m" not in shown
    own = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown)
    assert foreign(own) == set()


def test_what_goes_into_a_file_stays_as_it_is(tmp_path: Path) -> None:
    a, b = trace_files(tmp_path)
    with (tmp_path / "out").open("wb") as out:
        prompt = [*COMMAND, "show-prompt", a, b, "--item", f"q{EVIL}"]
        subprocess.run(prompt, cwd=tmp_path, env=environment(), stdout=out, stderr=subprocess.PIPE, check=True)
    assert EVIL.encode()[:20] in (tmp_path / "out").read_bytes()
