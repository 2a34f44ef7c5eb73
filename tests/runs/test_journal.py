"""A run folder: what is written stays, whole, whatever happens to the process or the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from msgspec.json import encode

from judge.enums import Orders
from judge.errors import InputError, RunError
from judge.files.files import file_sha256, write_json, write_lines
from judge.files.sealing import seal
from judge.runs.journal import Journal
from judge.runs.manifest import Manifest
from judge.runs.run_folder import RunFolder
from judge.schema import (
    Attempt,
    Criterion,
    Failed,
    FailureKind,
    Item,
    Judged,
    Judgment,
    Order,
    Pair,
    Reply,
    Rubric,
    Trace,
    Usage,
    Verdict,
)

ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
TEXT = st.text(alphabet=st.characters(codec="utf-8"))
COUNT = st.integers(0, 2**53)


def made(number: int = 0, text: str = "{}") -> Judgment:
    return Judgment(
        key=f"{number:032x}",
        item=f"q{number}",
        order=Order.FORWARD,
        judge="openai:m",
        sample=0,
        result=Judged(verdicts={"overall": Verdict.FIRST}),
        reply=Reply(text=text),
    )


def manifest() -> Manifest:
    return Manifest(
        created="2026-11-22",
        command=("omr-judge",),
        versions={},
        identity={},
        model_a="a",
        model_b="b",
        prompt=None,
        rubric=Rubric(name="r", version=1, description="", criteria=(criterion(),)),
        schema_sha256=None,
        orders=Orders.BOTH,
        samples=1,
        seed=0,
        n_items=1,
    )


def criterion() -> Criterion:
    return Criterion(name="overall", title="Overall", definition="d", tie="t")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_a_judgment_can_be_read_by_others_before_append_returns(folder: RunFolder) -> None:
    with Journal(folder.judgments_path) as journal:
        assert not journal.torn
        for number in range(3):
            journal.append(made(number))
            assert [judgment.item for judgment in folder.judgments()] == [f"q{n}" for n in range(number + 1)]


results = st.one_of(
    st.builds(Judged, verdicts=st.dictionaries(TEXT, st.sampled_from(Verdict), max_size=3)),
    st.builds(Failed, failure=st.sampled_from(FailureKind), detail=TEXT, criterion=st.none() | TEXT),
)
usages = st.builds(Usage, input=COUNT, cache_read=COUNT, cache_write=COUNT, output=COUNT, reasoning=COUNT)
replies = st.builds(
    Reply,
    text=TEXT,
    stop=st.none() | TEXT,
    cut=st.none() | st.sampled_from(FailureKind),
    model=st.none() | TEXT,
    request_id=st.none() | TEXT,
    usage=usages,
)
seconds = st.floats(0, 1e6, allow_nan=False)
attempts = st.builds(
    Attempt, problem=TEXT, status=st.none() | st.integers(100, 599), waited_s=seconds, maybe_paid=st.booleans()
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)
judgments = st.builds(
    Judgment,
    key=st.binary(min_size=16, max_size=16).map(bytes.hex),
    item=TEXT,
    order=st.sampled_from(Order),
    judge=TEXT,
    sample=st.integers(0, 9),
    result=results,
    reply=st.none() | replies,
    attempts=st.lists(attempts, max_size=2).map(tuple),
    latency_s=st.none() | seconds,
    time=st.none() | TEXT,
    meta=st.dictionaries(TEXT, json_values, max_size=2),
)


@ONE_FOLDER
@given(st.lists(judgments, max_size=3))
def test_every_field_of_a_judgment_comes_back_as_it_was(folder: RunFolder, written: list[Judgment]) -> None:
    folder.judgments_path.unlink(missing_ok=True)
    with Journal(folder.judgments_path) as journal:
        for judgment in written:
            journal.append(judgment)
    assert list(folder.judgments()) == written
    judged = {bytes.fromhex(judgment.key) for judgment in written if isinstance(judgment.result, Judged)}
    assert folder.judged_keys() == judged


@ONE_FOLDER
@given(st.data())
def test_a_judgment_torn_at_any_byte_is_cut_off_and_the_others_stay(folder: RunFolder, data: st.DataObject) -> None:
    folder.judgments_path.unlink(missing_ok=True)
    with Journal(folder.judgments_path) as journal:
        journal.append(made(1))
        kept = folder.judgments_path.stat().st_size
        journal.append(made(2, text="ünïcode " * data.draw(st.sampled_from([1, 20_000]))))
    whole = folder.judgments_path.read_bytes()
    cut = data.draw(st.integers(kept + 1, len(whole) - 2))
    folder.judgments_path.write_bytes(whole[:cut])
    assert [judgment.item for judgment in folder.judgments()] == ["q1"]  # as `report` reads it
    with Journal(folder.judgments_path) as journal:
        assert journal.torn
        assert folder.judgments_path.stat().st_size == kept
        journal.append(made(3))
    assert [judgment.item for judgment in folder.judgments()] == ["q1", "q3"]


def test_a_whole_last_line_without_its_newline_is_kept(folder: RunFolder) -> None:
    with Journal(folder.judgments_path) as journal:
        journal.append(made(1))
    folder.judgments_path.write_bytes(folder.judgments_path.read_bytes().rstrip(b"\n"))
    with Journal(folder.judgments_path) as journal:
        assert not journal.torn
        journal.append(made(2))
    assert [judgment.item for judgment in folder.judgments()] == ["q1", "q2"]


def test_zeros_that_a_power_cut_leaves_at_the_end_are_cut_off(folder: RunFolder) -> None:
    with Journal(folder.judgments_path) as journal:
        journal.append(made(1))
    with folder.judgments_path.open("ab") as file:
        file.write(bytes(4096))
    with Journal(folder.judgments_path) as journal:
        assert journal.torn
    assert [judgment.item for judgment in folder.judgments()] == ["q1"]


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"key": 1}', b"\xff\xfe"])
def test_a_damaged_line_in_the_middle_is_named(folder: RunFolder, damage: bytes) -> None:
    line = encode(made(1))
    folder.judgments_path.write_bytes(b"\n".join([line, damage, line, b""]))
    with pytest.raises(RunError, match=r"judgments\.jsonl:2: damaged line"):
        list(folder.judgments())


@pytest.mark.parametrize("key", ["z" * 32, "0" * 31, ""])
def test_a_key_that_is_none_is_a_damaged_line_and_is_named(folder: RunFolder, key: str) -> None:
    lines = [made(1), structs.replace(made(2), key=key)]
    folder.judgments_path.write_bytes(b"\n".join(map(encode, lines)))
    with pytest.raises(RunError, match=r"judgments\.jsonl:2: damaged line: its key is not 32 hex digits"):
        folder.judged_keys()


def test_a_key_has_failed_when_it_has_no_verdict_whatever_came_first(folder: RunFolder) -> None:
    def failed(number: int, kind: FailureKind) -> Judgment:
        return structs.replace(made(number), result=Failed(failure=kind))

    with Journal(folder.judgments_path) as journal:
        for judgment in (
            failed(1, FailureKind.TIMEOUT),
            failed(2, FailureKind.TIMEOUT),
            made(1),
            made(3),
            failed(3, FailureKind.REFUSED),
            failed(2, FailureKind.REFUSED),
        ):
            journal.append(judgment)
    kinds = {key: last.kind for key, last in folder.failures().items()}
    assert kinds == {(2).to_bytes(16, "big"): FailureKind.REFUSED}


def test_no_judgments_are_no_error(folder: RunFolder) -> None:
    assert list(folder.judgments()) == []


FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from judge.errors import RunError
from judge.runs.journal import Journal
from msgspec.json import decode
from judge.schema import Judgment
line = decode(sys.argv[2], type=Judgment)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
with Journal(path) as journal:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), before[1]))
    written = 0
    for attempt in range(3):
        try:
            while True:
                journal.append(line)
                written += 1
        except RunError as error:
            print(written, path.stat().st_size, error)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
"""


@pytest.mark.parametrize("room", [10, 0, -1])
def test_a_full_disk_is_an_error_and_leaves_whole_lines_that_a_resumed_run_appends_to(
    folder: RunFolder, room: int
) -> None:
    line = encode(made(1)).decode()
    size = len(seal(encode(made(1)))[0]) + 1
    limit = 5 * size + (room if room >= 0 else size - 1)
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, folder.judgments_path, line, str(limit)],
        check=True,
        capture_output=True,
        text=True,
    )
    tries = done.stdout.splitlines()
    assert len(tries) == 3
    assert all(told.startswith(f"5 {5 * size} ") and "free space, then resume" in told for told in tries)
    with Journal(folder.judgments_path) as journal:
        assert not journal.torn
        journal.append(made(2))
    assert [judgment.item for judgment in folder.judgments()] == ["q1"] * 5 + ["q2"]


def test_a_disk_that_fails_to_flush_is_told_of_by_the_next_append_and_by_close(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    journal = Journal(folder.judgments_path, sync_seconds=0.001)
    journal.append(made(1))
    monkeypatch.setattr(os, "fdatasync", fail)
    append_all: Callable[[], object] = partial(deque, map(journal.append, map(made, range(10_000))), maxlen=0)
    with pytest.raises(RunError, match="Input/output error"):
        append_all()
    with pytest.raises(RunError, match="Input/output error"):
        journal.close()


def test_without_a_pause_each_judgment_is_flushed_before_it_counts(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    with Journal(folder.judgments_path, sync_seconds=0) as journal:
        monkeypatch.setattr(os, "fdatasync", lambda _: flushed.append(len(list(folder.judgments()))))
        for number in range(3):
            journal.append(made(number))
            assert flushed == list(range(1, number + 2))

        def fail(_: int) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", fail)
        with pytest.raises(RunError, match="Input/output error"):
            journal.append(made(4))
        monkeypatch.undo()
        journal._problem = None  # noqa: SLF001 - closing tells of it again, as another test shows


def test_where_the_platform_flushes_no_data_alone_it_flushes_all(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.setattr(os, "fsync", flushed.append)
    with Journal(folder.judgments_path, sync_seconds=0) as journal:
        before = len(flushed)
        journal.append(made(1))
        assert len(flushed) == before + 1


def test_a_journal_that_cannot_be_opened_is_an_error_for_a_person(folder: RunFolder) -> None:
    with pytest.raises(RunError, match=r"judgments\.jsonl: cannot be written: .*; free space, then resume"):
        Journal(folder.path / "absent" / "judgments.jsonl")


HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from judge.runs.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(folder: RunFolder) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_in_use_names_who_holds_it_and_is_free_once_that_process_is_killed(
    folder: RunFolder, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(RunError) as refused, folder.locked():
        pass
    assert f"in use by process {holder.pid} on {os.uname().nodename};" in str(refused.value)
    (folder.path / "owner.json").write_bytes(b'{"pid":')  # as a crash could leave it
    with pytest.raises(RunError, match="in use by another process;"), folder.locked():
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with folder.locked():
        assert orjson.loads((folder.path / "owner.json").read_bytes())["pid"] == os.getpid()


def test_a_lock_is_free_when_its_block_ends_even_while_the_error_that_ended_it_is_kept(folder: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError) as kept, folder.locked():
        _ = 1 / 0
    with folder.locked(), pytest.raises(RunError, match=f"process {os.getpid()} on"), RunFolder(folder.path).locked():
        pass
    assert kept.value.__traceback__ is not None


def test_a_folder_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match="cannot be locked"), RunFolder(tmp_path / "file").locked():
        pass


def broken() -> Iterator[Criterion]:
    yield criterion()
    raise InputError("b.jsonl:2", "broken")


def test_lines_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    digest = write_lines(path, [criterion()] * 3)
    before = path.read_bytes()
    assert len(before.splitlines()) == 3
    assert digest == file_sha256(path)
    with pytest.raises(InputError, match="broken"):
        write_lines(path, broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"n": 1})
    with pytest.raises(TypeError):
        write_json(path, {"n": object()})
    assert path.read_bytes() == b'{\n  "n": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(RunError, match="cannot be written"):
        write_json(tmp_path / "absent" / "x.json", {})


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs" / "new")
    with pytest.raises(InputError), folder.created() as hidden:
        write_lines(hidden.pairs_path, broken())
    assert list(folder.path.parent.iterdir()) == []
    with folder.created() as hidden:
        hidden.write_manifest(manifest())
        assert not folder.path.exists()
    assert folder.manifest() == manifest()
    assert folder.name == "new"
    with pytest.raises(RunError, match="exists already"), folder.created():
        pass
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match="cannot be written"), RunFolder(tmp_path / "file" / "new").created():
        pass


def test_what_a_killed_process_left_half_made_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.node", lambda: "here.local")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead, alive = process.pid, os.getppid()
    stay = [f".new.there-local.{dead}", f".other.here-local.{alive}", f"x.here-local.{dead}", ".git", ".x.here-local.1"]
    for name in (f".new.here-local.{dead}", f".other.here-local.{dead}", f".o.here-local.{10**30}", *stay):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pairs.jsonl").write_bytes(b"half")
    with RunFolder(tmp_path / "run").created():
        assert (tmp_path / f".run.here-local.{os.getpid()}").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["run", *stay])


def test_a_folder_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "file"):
        with pytest.raises(RunError, match="no run here"):
            RunFolder(path).manifest()


@pytest.mark.parametrize("change", [{"format_version": 2}, {"n_items": "many"}, {"new_field": 1}])
def test_a_manifest_of_another_version_is_refused(folder: RunFolder, change: dict[str, object]) -> None:
    write_json(folder.manifest_path, manifest().model_dump(mode="json", by_alias=True) | change)
    with pytest.raises(RunError, match="not a manifest of this version"):
        folder.manifest()


def test_pairs_that_are_damaged_or_missing_are_named(folder: RunFolder) -> None:
    with pytest.raises(RunError, match=r"pairs\.jsonl: missing"):
        list(folder.pairs())
    pair = Pair(item=Item(id="q1"), a=Trace(text="a"), b=Trace(text="b"))
    write_lines(folder.pairs_path, [pair, pair])
    assert list(folder.pairs()) == [pair, pair]
    with folder.pairs_path.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(RunError, match=r"pairs\.jsonl:3: damaged line"):
        list(folder.pairs())
