"""Runs made by an earlier program are read as they were then, and the same runs made anew report the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import omr_judge, read_jsonl
from kept_runs import (
    EXPORTED,
    KEPT,
    LLMBAR,
    OVER_SHARED,
    RESUMED,
    SHARED,
    compare_over_shared,
    copy_runs,
    import_llmbar,
    reading,
    resume,
)
from provider_server import Call, traces_of

without_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not here: real data is not shipped")
REPORTS = KEPT / "reports"
NAMES = sorted(path.name for path in REPORTS.iterdir())
FILES = [(name, file) for name in NAMES for file in reading(name)]


CASES = {f"What is case {number}?": f"q{number:02}" for number in range(20)}
ALIKE = {(item, order) for item in ("q05", "q11") for order in ("forward", "swapped")}
"""whose two traces say the same: nobody can see in which order they are shown"""


def asked_in(call: Call) -> tuple[str, str]:
    """Return the item that a judge was asked about, and the order."""
    (item,) = (CASES[line] for line in call.user.splitlines() if line in CASES)
    return item, "forward" if traces_of(call)[0].startswith("a sees") else "swapped"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("kept")
    copy_runs(made)
    return made


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_kept_run_reports_byte_for_byte_what_it_did(folder: Path, name: str, file: str) -> None:
    assert omr_judge(*reading(name)[file], cwd=folder).stdout == (REPORTS / name / file).read_text()


@pytest.mark.parametrize("name", EXPORTED)
def test_a_kept_run_is_exported_byte_for_byte_as_it_was(folder: Path, name: str) -> None:
    omr_judge("export", name, "--to", "jsonl", "--out", f"tables/{name}", cwd=folder)
    made = {path.name: path.read_bytes() for path in (folder / "tables" / name).iterdir()}
    assert made == {path.name: path.read_bytes() for path in (REPORTS / name / "tables").iterdir()}


def test_a_kept_run_that_is_half_judged_goes_on_and_asks_what_is_open_alone(folder: Path) -> None:
    journal = folder / "runs/half-judged/judgments.jsonl"
    before = read_jsonl(journal)
    judged = {(line["item"], line["order"]) for line in before if line["result"]["status"] == "judged"}
    report, calls = resume(folder, "half-judged")
    assert report == (REPORTS / "half-judged/resumed.json").read_text()
    after = read_jsonl(journal)
    assert after[: len(before)] == before
    new = {(line["item"], line["order"]) for line in after[len(before) :]}
    asked = {asked_in(call) for call in calls}
    assert asked - ALIKE == new - ALIKE
    assert not (asked - ALIKE) & judged
    assert not new & judged
    assert judged


def test_a_kept_run_of_checklists_that_is_whole_asks_nothing_and_reports_what_it_did(folder: Path) -> None:
    report, calls = resume(folder, "checklists")
    assert report == (REPORTS / "checklists/resumed.json").read_text()
    assert calls == []


def test_every_kept_report_is_read_by_a_test() -> None:
    read = {*FILES, *((name, "resumed.json") for name in RESUMED), *((name, "tables") for name in EXPORTED)}
    assert {(path.parent.name, path.name) for path in REPORTS.glob("*/*")} == read
    assert sorted(path.name for path in (KEPT / "runs").iterdir()) == NAMES


@pytest.mark.shared
@without_shared
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "igakuqa" else name for name in OVER_SHARED]
)
def test_a_comparison_of_real_traces_made_anew_reports_byte_for_byte_what_it_did(tmp_path: Path, name: str) -> None:
    assert compare_over_shared(tmp_path, name) == (KEPT / "shared" / f"{name}.json").read_text()


@pytest.mark.shared
@without_shared
@pytest.mark.parametrize("subset", LLMBAR)
def test_llmbars_verdicts_imported_anew_report_byte_for_byte_what_they_did(tmp_path: Path, subset: str) -> None:
    assert import_llmbar(tmp_path, subset) == (KEPT / "shared" / f"llmbar-{subset}.json").read_text()
