"""A run is found by its path, its name, the beginning of that, or `latest`; a mistyped name says which there are."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.errors import RunError
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import find_run, newest_first, run_folders

NAMES = st.sets(st.text("ab1._-", min_size=1, max_size=6).filter(lambda name: name[0] not in ".-"), min_size=1)


def make(runs: Path, names: Iterable[str], *, day: int = 1) -> Path:
    """Write a folder that looks like a run's for each name, each begun a day after the one before."""
    for number, name in enumerate(names, start=day):
        (runs / name).mkdir(parents=True)
        written = {"created": f"2026-01-{number:02}T00:00:00+00:00", "kind": "comparison"}
        (runs / name / "manifest.json").write_text(json.dumps(written))
    return runs


def refused(run: str, runs: Path) -> str:
    with pytest.raises(RunError) as told:
        find_run(run, runs, now=datetime(2026, 1, 5, 3, tzinfo=UTC))
    return str(told.value)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "elsewhere", ["other"])
    return make(Path("runs"), ["sonnet", "sonnet-2", "opus", "qwen-med_qwen-base_20260101"])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("sonnet", "runs/sonnet"),
        ("sonnet-", "runs/sonnet-2"),
        ("o", "runs/opus"),
        ("latest", "runs/qwen-med_qwen-base_20260101"),
        ("runs/opus", "runs/opus"),
        ("runs/opus/", "runs/opus"),
        ("runs/o", "runs/opus"),
        ("runs/latest", "runs/qwen-med_qwen-base_20260101"),
        ("elsewhere/other", "elsewhere/other"),
        ("elsewhere/o", "elsewhere/other"),
        ("elsewhere/latest", "elsewhere/other"),
    ],
)
def test_a_run_is_found_by_whatever_names_it_alone(runs: Path, given: str, found: str) -> None:
    assert find_run(given, runs) == Path(found)


def test_a_name_comes_before_what_it_could_abbreviate_and_before_a_folder_that_is_no_run(runs: Path) -> None:
    Path("opus").mkdir()
    Path("o").mkdir()
    assert find_run("opus", runs) == Path("runs/opus")
    assert find_run("o", runs) == Path("runs/opus")
    make(Path(), ["opus-here"])
    assert find_run("opus-here", runs) == Path("opus-here")
    make(runs, ["latest"])
    assert find_run("latest", runs) == Path("runs/latest")


def test_a_control_is_found_by_its_place_in_its_run(runs: Path) -> None:
    make(runs / "opus/controls", ["repeat", "no-image"])
    assert find_run("opus/controls/repeat", runs) == Path("runs/opus/controls/repeat")
    assert find_run("opus/controls/no", runs) == Path("runs/opus/controls/no-image")


def test_an_ambiguous_beginning_lists_the_candidates_the_newest_first(runs: Path) -> None:
    assert refused("son", runs) == "son: 2 runs begin so: sonnet-2 (3 d ago), sonnet (4 d ago); give more of the name"
    make(runs, (f"many{number:02}" for number in range(25)))
    told = refused("many", runs)
    assert told.startswith("many: 25 runs begin so: many24 (0 min ago), many23 (0 min ago), ")
    assert told.endswith(", many05 (0 min ago) and 5 more; give more of the name")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "sonet",
            "sonet: no run of this name; the closest: sonnet (4 d ago), sonnet-2 (3 d ago); `omr-judge runs` lists all",
        ),
        (
            "SONNET",
            "SONNET: no run of this name; the closest: sonnet (4 d ago), sonnet-2 (3 d ago); ",
        ),
        ("qwne-med", "the closest: qwen-med_qwen-base_20260101 (1 d ago);"),
        ("runs/opsu", "runs/opsu: no run of this name; the closest: opus (2 d ago); `omr-judge runs` lists all"),
        ("elsewhere/othre", "the closest: other (4 d ago); `omr-judge runs --runs elsewhere` lists all"),
        (
            "zzz",
            "there are qwen-med_qwen-base_20260101 (1 d ago), opus (2 d ago), sonnet-2 (3 d ago), sonnet (4 d ago);",
        ),
        ("nowhere/x", "nowhere/x: no run of this name: there are none in runs/nowhere (--runs names another folder)"),
    ],
)
def test_a_mistyped_name_says_which_there_are(runs: Path, given: str, told: str) -> None:
    assert told in refused(given, runs)


def test_at_most_five_are_suggested(runs: Path) -> None:
    make(runs, (f"gemini-{number}" for number in range(9)))
    assert refused("gemni-4", runs).count("gemini-") == 5
    newest = ", ".join(f"gemini-{number} (0 min ago)" for number in (8, 7, 6, 5))
    assert refused("zzz", runs).endswith(
        f"there are {newest}, gemini-4 (3 h ago) and 8 more; `omr-judge runs` lists all"
    )


def test_an_only_run_is_named_alone_and_one_that_tells_no_time_without_its_age(tmp_path: Path) -> None:
    make(tmp_path, ["sonnet"])
    assert "; there is sonnet (4 d ago); " in refused("zzz", tmp_path)
    (tmp_path / "sonnet/manifest.json").write_text("{}")
    assert "; there is sonnet; " in refused("zzz", tmp_path)


def test_a_folder_that_is_no_run_is_handed_on_to_be_told_so_and_is_never_guessed(runs: Path) -> None:
    (runs / "broken").mkdir()
    Path("empty").mkdir()
    for name in ("broken", "empty", "runs"):
        with pytest.raises(RunError, match=r"manifest\.json is missing"):
            RunFolder(find_run(name, runs)).any_manifest()
    assert "no run of this name" in refused("brok", runs)
    assert "there are none in nowhere" in refused("latest", Path("nowhere"))


def test_no_name_at_all_begins_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make(tmp_path, ["only"]))
    assert find_run(".", Path("runs")) == Path()
    assert find_run("", Path("runs")) == Path()


def test_the_newest_is_begun_last_whatever_was_touched_since(runs: Path) -> None:
    os.utime(runs / "sonnet/manifest.json")
    for name, content in {"cut": b"{", "none": b'{"created": 3}', "late": b'{"created": "tomorrow"}'}.items():
        (runs / name).mkdir()
        (runs / name / "manifest.json").write_bytes(content)
    (runs / ".new.host.1").mkdir()
    assert [folder.name for folder in newest_first(run_folders(runs))][:4] == [
        "qwen-med_qwen-base_20260101",
        "opus",
        "sonnet-2",
        "sonnet",
    ]
    assert len(run_folders(runs)) == 7


def test_runs_of_one_second_stand_in_the_order_of_their_manifests(tmp_path: Path) -> None:
    for number, name in enumerate(("b", "c", "a")):
        make(tmp_path, [name])
        os.utime(tmp_path / name / "manifest.json", ns=(number, number))
    assert [folder.name for folder in newest_first(run_folders(tmp_path))] == ["a", "c", "b"]


@given(NAMES, st.data())
def test_whatever_is_found_is_named_or_begun_so_by_no_other(names: set[str], data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(sorted({name[:end] for name in names for end in range(1, len(name) + 1)})))
    meant = [name for name in names if name == text] or [name for name in names if name.startswith(text)]
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), [])
        for name in names:
            make(Path(folder), [name])
        if len(meant) == 1:
            assert find_run(text, Path(folder)).name == meant[0]
        else:
            told = refused(text, Path(folder))
            assert all(name in told for name in meant[:20])
