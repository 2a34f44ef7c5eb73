"""What asks a run to stop beside Ctrl-C: batch systems, and a terminal that is closed."""

from __future__ import annotations

import io
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from command import COMMAND, environment, omr_judge, read_jsonl, start, wait_until
from comparison.test_compare_command import judge, write_pairs
from provider_server import Answer, Call, ProviderServer, content_judge

from judge.files.terminal import forgive_stderr

QUICK, IN_FLIGHT = 6, 4
OWN_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""makes stdin the terminal whose end ends the process, then becomes a command"""


@dataclass
class Holding:
    """A judge that keeps some replies back until it is told to let them go."""

    released: threading.Event = field(default_factory=threading.Event)

    def __call__(self, call: Call) -> Answer:
        is_held = QUICK <= call.number < QUICK + IN_FLIGHT
        return replace(content_judge(call), after=self.released.is_set if is_held else None)

    def release(self) -> None:
        """Let the replies go, when a signal that was sent has surely come."""
        time.sleep(0.3)
        self.released.set()


def command(server: ProviderServer) -> tuple[str, ...]:
    return ("compare", "a.jsonl", "b.jsonl", *judge(server), "--name", "r", "--concurrency", str(IN_FLIGHT))


def begin(server: ProviderServer, folder: Path, *through: str, **streams: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - Popen's
    """Start a run, through another program that becomes it, or none."""
    return subprocess.Popen([*through, *COMMAND, *command(server)], cwd=folder, env=environment(), **streams)


def n_kept(folder: Path) -> int:
    return len(read_jsonl(folder / "runs" / "r" / "judgments.jsonl"))


def drain(terminal: int) -> None:
    """Read what is shown, so that the program need not wait for it."""
    while select.select([terminal], [], [], 0)[0]:
        with suppress(OSError):
            os.read(terminal, 4096)


def test_what_a_batch_system_sends_before_it_kills_waits_for_replies_in_flight(tmp_path: Path) -> None:
    write_pairs(tmp_path, 12)
    with ProviderServer(holding := Holding()) as server, start(*command(server), cwd=tmp_path) as process:
        wait_until(lambda: len(server.calls) == QUICK + IN_FLIGHT)
        process.send_signal(signal.SIGTERM)
        holding.release()
        assert process.wait(30) == 130
    assert n_kept(tmp_path) == len(server.calls) == QUICK + IN_FLIGHT


@pytest.mark.slow
def test_a_terminal_that_is_closed_loses_no_reply_in_flight(tmp_path: Path) -> None:
    """The kernel sends SIGHUP, the shell once more, and whatever is written to the terminal is an error."""
    write_pairs(tmp_path, 12)
    ours, theirs = pty.openpty()
    with (
        ProviderServer(holding := Holding()) as server,
        begin(
            server,
            tmp_path,
            *(sys.executable, "-c", OWN_TERMINAL),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as process,
    ):
        os.close(theirs)

        def are_in_flight() -> bool:
            drain(ours)
            return len(server.calls) == QUICK + IN_FLIGHT

        wait_until(are_in_flight)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        holding.release()
        assert process.wait(30) == 130
        assert n_kept(tmp_path) == len(server.calls) == QUICK + IN_FLIGHT
        told = omr_judge("resume", "runs/r", cwd=tmp_path).stderr
    assert "paid twice" not in told
    assert n_kept(tmp_path) == 24


@pytest.mark.parametrize("interrupted", [True, False])
def test_words_that_nobody_reads_any_more_stop_no_run(tmp_path: Path, *, interrupted: bool) -> None:
    """As `2>&1 | tee log`: Ctrl-C ends `tee` too."""
    write_pairs(tmp_path, 12)
    with (
        ProviderServer(holding := Holding()) as server,
        begin(server, tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process,
    ):
        wait_until(lambda: len(server.calls) == QUICK + IN_FLIGHT)
        assert process.stderr is not None
        process.stderr.close()
        if interrupted:
            process.send_signal(signal.SIGINT)
        holding.release()
        assert process.wait(30) == (130 if interrupted else 0)
        assert n_kept(tmp_path) == len(server.calls) == (QUICK + IN_FLIGHT if interrupted else 24)


@pytest.mark.slow
def test_a_run_that_is_to_outlive_its_terminal_goes_on(tmp_path: Path) -> None:
    write_pairs(tmp_path, 12)
    with (
        ProviderServer(holding := Holding()) as server,
        begin(
            server,
            tmp_path,
            *("/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh"),  # as nohup does
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        wait_until(lambda: len(server.calls) == QUICK + IN_FLIGHT)
        process.send_signal(signal.SIGHUP)
        holding.release()
        assert process.wait(30) == 0
    assert n_kept(tmp_path) == 24


def test_a_stream_that_is_no_file_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        forgive_stderr()
        assert sys.stderr is stream
