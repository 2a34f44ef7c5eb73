"""A journal that another program meddles with while it is written: the run stops, and nothing is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from runs.test_journal import made

from judge.errors import RunError
from judge.runs.journal import Journal
from judge.runs.journal_copy import JournalCopy, refuse_rescued, rescued_journals
from judge.runs.run_folder import RunFolder


def replace(path: Path) -> None:
    path.with_suffix(".other").write_bytes(path.read_bytes())
    path.with_suffix(".other").replace(path)


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def write_to(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"{}\n")


def edit(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"[")
    os.utime(path, ns=(0, 0))  # within the same tick of the clock an edit could not be told by its time


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


MEDDLING: dict[Callable[[Path], object], str] = {
    replace: "replaced",
    shorten: "shortened",
    empty: "shortened",
    write_to: "written to",
    edit: "edited",
    Path.unlink: "removed",
    move_folder: "removed",
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o750)
    return RunFolder(tmp_path / "run")


def rescued_by(error: RunError) -> Path:
    return Path(str(error).partition(" is in ")[2].partition(": put that file in its place")[0])


@pytest.mark.parametrize("meddle", MEDDLING)
def test_a_journal_that_is_meddled_with_stops_the_run_and_goes_on_in_a_file_beside_it(
    folder: RunFolder, meddle: Callable[[Path], object]
) -> None:
    path = folder.judgments_path
    with Journal(path) as journal:
        journal.append(made(1))
    with Journal(path) as journal:
        journal.append(made(2))
        journal.append(made(3))
        meddle(path)
        with pytest.raises(RunError, match=f"judgments.jsonl: {MEDDLING[meddle]} by another program") as stopped:
            journal.append(made(4))
        journal.append(made(5))  # was in flight, and is paid for too
    rescued = rescued_by(stopped.value)
    path.parent.mkdir(exist_ok=True)
    shutil.move(rescued, path)
    assert [judgment.item for judgment in folder.judgments()] == ["q1", "q2", "q3", "q4", "q5"]
    with Journal(path) as journal:
        journal.append(made(6))
    assert len(list(folder.judgments())) == 6


@pytest.mark.parametrize("meddle", MEDDLING)
def test_what_is_done_after_the_last_judgment_is_told_at_the_end(
    folder: RunFolder, meddle: Callable[[Path], object]
) -> None:
    told = pytest.raises(RunError, match=f"{MEDDLING[meddle]} by another program")
    with told as stopped, Journal(folder.judgments_path) as journal:
        journal.append(made(1))
        meddle(folder.judgments_path)
    path = folder.judgments_path
    path.parent.mkdir(exist_ok=True)
    rescued = rescued_by(stopped.value)
    assert rescued.stat().st_mode & 0o777 == (0o640 if rescued.parent == folder.path else 0o600)
    shutil.move(rescued, path)
    assert [judgment.item for judgment in folder.judgments()] == ["q1"]


def test_a_time_that_changes_by_itself_stops_nothing(folder: RunFolder) -> None:
    with Journal(folder.judgments_path) as journal:
        for number in range(4):
            journal.append(made(number))
            os.utime(folder.judgments_path, ns=(number, number))
    assert len(list(folder.judgments())) == 4
    assert list(folder.path.iterdir()) == [folder.judgments_path]


def test_a_file_that_was_rescued_already_is_not_written_over(folder: RunFolder) -> None:
    for number in range(2):
        journal = Journal(folder.judgments_path)
        journal.append(made(number))
        folder.judgments_path.unlink()
        with pytest.raises(RunError, match=f"rescued-{number + 1}"):
            journal.close()
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "judgments.rescued-1.jsonl",
        "judgments.rescued-2.jsonl",
    ]


def test_without_room_for_a_copy_a_journal_is_watched_all_the_same(folder: RunFolder) -> None:
    path = folder.judgments_path
    path.write_bytes(b"one\n")
    copy = JournalCopy(path)
    copy.close()
    write_to(path)
    assert copy.change() == "written to"
    assert copy.rescue(b"two\n").read_bytes() == b"two\n"


def test_a_rescue_without_what_was_there_before_says_so(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    append = JournalCopy.append

    def without_room(copy: JournalCopy, line: bytes, descriptor: int) -> None:
        append(copy, line, descriptor)
        copy.close()

    monkeypatch.setattr(JournalCopy, "append", without_room)
    path = folder.judgments_path
    journal = Journal(path)
    journal.append(made(1))
    held = path.read_bytes()
    replace(path)
    with pytest.raises(RunError, match="no room for a copy of those before: restore the journal, append") as stopped:
        journal.append(made(2))
    journal.close()
    (rescued,) = rescued_journals(path)
    assert str(rescued) in str(stopped.value)
    with pytest.raises(RunError, match="put that file in its place, or delete it"):
        refuse_rescued(path)
    path.write_bytes(held + rescued.read_bytes())
    assert [judgment.item for judgment in folder.judgments()] == ["q1", "q2"]
    refuse_rescued(path)


def test_a_rescue_that_is_impossible_is_told(folder: RunFolder) -> None:
    folder.judgments_path.write_bytes(b"one\n")
    copy = JournalCopy(folder.judgments_path)
    assert copy.rescue(b"two\n").read_bytes() == b"one\ntwo\n"
    shutil.rmtree(folder.path)
    with pytest.raises(RunError, match="changed by another program, and cannot be rescued"):
        copy.rescue(b"three\n")
    copy.close()
