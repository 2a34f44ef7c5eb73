"""What is in flight is named on disk before it is sent, and no longer once it is recorded."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from asked import made_request
from command import omr_judge, read_jsonl, report_of, start, wait_until
from comparison.test_compare_command import judge, write_pairs
from dispatch.test_dispatch import Asking
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from provider_server import Answer, Call, ProviderServer, content_judge, longer_wins

from judge.dispatch.in_flight import InFlight, read_in_flight, write_in_flight
from judge.errors import RunError
from judge.judging.progress import Display
from judge.judging.session import Recorder
from judge.runs.journal import Journal
from judge.runs.run_folder import RunFolder

KEYS = st.integers(1, 6).map(lambda number: bytes([number]) * 16)


def left(path: Path, judged: frozenset[bytes] = frozenset()) -> frozenset[bytes]:
    return read_in_flight(path, judged)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["sent", "failed", "judged"]), KEYS), max_size=30))
def test_the_file_names_exactly_what_was_sent_and_has_not_settled(
    tmp_path: Path, steps: list[tuple[str, bytes]]
) -> None:
    path, sent, judged = tmp_path / "in_flight", set[bytes](), set[bytes]()
    with InFlight(path) as in_flight:
        for step, key in steps:
            if key in judged:  # nobody asks again what has a verdict
                continue
            if step == "sent":
                in_flight.sent(key)
                sent.add(key)
            else:
                in_flight.settled(key, judged=step == "judged")
                sent.discard(key)
            if step == "judged":
                judged.add(key)
            assert left(path, frozenset(judged)) == sent
        assert path.stat().st_size <= 16 * len(steps)
    assert left(path, frozenset(judged)) == sent
    assert path.exists() == bool(sent)


def test_a_file_of_an_earlier_version_is_read_where_settled_keys_are_blank_and_judged_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "in_flight"
    path.write_bytes(b"j" * 16 + bytes(16) + b"k" * 16 + bytes(16))
    assert left(path, frozenset({b"j" * 16})) == {b"k" * 16}


def test_keys_with_a_verdict_and_one_that_a_kill_cut_short_are_no_calls_paid_twice(tmp_path: Path) -> None:
    path = tmp_path / "in_flight"
    assert left(path) == frozenset()
    write_in_flight(path, [])
    assert not path.exists()
    write_in_flight(path, [b"k" * 16, b"j" * 16])
    with path.open("ab") as file:
        file.write(b"torn")
    assert left(path, frozenset({b"j" * 16})) == {b"k" * 16}


def test_a_record_that_cannot_be_written_is_an_error_before_the_request_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with InFlight(tmp_path / "in_flight") as in_flight:
        monkeypatch.setattr("os.pwrite", full)
        with pytest.raises(RunError, match="in_flight: cannot be written: No space left on device; free space"):
            in_flight.sent(b"k" * 16)
        monkeypatch.undo()
        assert left(in_flight.path) == frozenset()
    with pytest.raises(RunError, match="in_flight: cannot be written"):
        InFlight(tmp_path / "absent" / "in_flight")


@pytest.mark.parametrize("maybe_paid", [True, False])
def test_a_request_that_is_given_up_is_forgotten_unless_it_may_have_been_paid_for(
    tmp_path: Path,
    maybe_paid: bool,  # noqa: FBT001 - pytest
) -> None:
    folder, request = RunFolder(tmp_path), made_request()
    display = Display(total=1, done=0, prices={}, quiet=True)
    with Journal(folder.judgments_path) as journal, InFlight(folder.in_flight_path) as in_flight:
        recorder = Recorder(journal, in_flight, display)
        recorder.started(request.key)
        assert left(folder.in_flight_path) == {bytes.fromhex(request.key)}
        recorder.given_up(request.key, maybe_paid=maybe_paid)
    assert len(left(folder.in_flight_path)) == maybe_paid
    assert display.in_flight == 0


def test_a_reply_that_could_not_be_recorded_stays_on_record_as_paid_for(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with ProviderServer(longer_wins) as server, InFlight(folder.in_flight_path) as in_flight:
        asking, journal = Asking(server), Journal(folder.judgments_path)
        journal._problem = OSError(28, "No space left on device")  # noqa: SLF001 - as a failed flush leaves it
        recorder = Recorder(journal, in_flight, asking.display)
        asking.events = recorder
        with pytest.raises(RunError, match="No space left"):
            asyncio.run(asking.work(1, recorder.record))
        with pytest.raises(RunError, match="No space left"):
            journal.close()
    assert left(folder.in_flight_path) == {bytes.fromhex(made_request("q0").key)}


def hanging_later(quick: int) -> Callable[[Call], Answer]:
    return lambda call: content_judge(call) if call.number < quick else Answer(fault="hang")


def test_calls_that_were_cut_off_are_told_of_once_when_the_run_goes_on(tmp_path: Path) -> None:
    """By a second Ctrl-C; tests/judging/test_kill_at_each_step.py kills runs."""
    write_pairs(tmp_path, 5)
    with ProviderServer(hanging_later(3)) as server:
        command = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--name", "r", "--concurrency", "2")
        with start(*command, cwd=tmp_path) as process:
            wait_until(lambda: len(server.calls) == 5)
            run = RunFolder(tmp_path / "runs" / "r")
            wait_until(lambda: len(run.judged_keys()) == 3)
            process.send_signal(signal.SIGINT)
            wait_until(lambda: "Stopping" in (tmp_path / "stderr.txt").read_text())
            process.send_signal(signal.SIGINT)
            process.wait(30)
    assert len(left(run.in_flight_path, frozenset(run.judged_keys()))) == 2
    with ProviderServer(content_judge) as server:
        first = omr_judge(*command[:3], *judge(server), *command[5:], cwd=tmp_path)
        assert "2 calls may have been paid twice (in flight when the run was killed)" in first.stderr
        second = omr_judge("resume", "r", cwd=tmp_path)
    assert "paid twice" not in second.stderr
    assert not run.in_flight_path.exists()


def test_retry_asks_again_what_failed_and_nothing_that_was_never_asked(tmp_path: Path) -> None:
    """Of 12 requests, q0's two are refused and q1's two filtered; q5's two are taken out of the journal."""
    write_pairs(tmp_path, 6)
    broken = True

    def failing(call: Call) -> Answer:
        if broken and "Question 0:" in call.user:
            return replace(content_judge(call), text="I cannot help.", stop="refusal")
        if broken and "Question 1:" in call.user:
            return Answer(status=400, error={"code": "content_filter", "message": "filtered"})
        return content_judge(call)

    with ProviderServer(failing) as server:
        command = ("compare", "a.jsonl", "b.jsonl", *judge(server), "--name", "r", "--concurrency", "1")
        failed = omr_judge(*command, cwd=tmp_path, code=4)
        assert "`omr-judge retry runs/r` asks them again" in failed.stderr
        journal = tmp_path / "runs" / "r" / "judgments.jsonl"
        kept = [line for line in journal.read_text().splitlines(keepends=True) if '"item":"q5"' not in line]
        assert len(kept) == 10
        journal.write_text("".join(kept))
        broken = False
        once = omr_judge("retry", "r", "--failure", "filtered", "--max-failures", "1", cwd=tmp_path)
        assert "Asking again: 2 filtered\n" in once.stderr
        assert len(server.calls) == 12 + 2
        twice = omr_judge("retry", "r", cwd=tmp_path)
        assert "Asking again: 2 refused\n" in twice.stderr
        none = omr_judge("retry", "r", cwd=tmp_path)
        assert "Nothing to ask again" in none.stderr
        assert len(server.calls) == 12 + 4
        assert report_of(tmp_path / "runs" / "r")["n_not_asked"] == 2
        omr_judge("resume", "r", "--fsync-ms", "0", cwd=tmp_path)
        assert len(server.calls) == 12 + 6
    assert len(read_jsonl(journal)) == 10 + 4 + 2
    assert report_of(tmp_path / "runs" / "r")["n_failed"] == 0
