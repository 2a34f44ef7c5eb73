"""A list of runs says what each is, how far it is and what it found, and never more than its folder tells."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept_runs import copy_runs
from msgspec.json import encode
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console
from run_builder import A_WINS, MODELS, SPLITS, make_judgment, make_run

from judge.audit.list_runs import DamagedRun, ListedRun, RunListing, RunState, list_runs
from judge.audit.render_runs import render_runs
from judge.costs.prices import pin_prices
from judge.enums import Method
from judge.files.files import write_json, write_lines
from judge.outcomes.interim_looks import Stopping
from judge.outcomes.rates import Estimate
from judge.runs.control_kinds import Control, ControlKind
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import age
from judge.runs.sharding import Shard
from judge.schema import Failed, FailureKind, JudgeSettings, JudgeSpec, Order, Price, Provider, Tariff, Usage, Verdict

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LISTED = ListedRun(
    name="sonnet",
    kind="compare",
    models=("qwen-med", "qwen-base"),
    judges=("anthropic:claude-sonnet-5-5",),
    created="2026-11-30T09:59:00+00:00",
    state=RunState.DONE,
    n_items=400,
    n_requests=800,
    n_judged=800,
    n_failed=0,
    win_rate=Estimate(estimate=0.614, low=0.57, high=0.657, n=400),
    trace_score=None,
    usd=Decimal("7.41"),
    controls=(),
)
LONG = "qwen-med_qwen-base_anthropic-claude-sonnet-5-5_20261127-080000"
RUNS = (
    LISTED,
    LISTED.model_copy(
        update={
            "name": LONG,
            "created": "2026-11-27T08:00:00+00:00",
            "state": RunState.PARTIAL,
            "n_judged": 799,
            "n_failed": 12,
            "win_rate": None,
            "usd": None,
            "controls": ("no-image", "repeat"),
        }
    ),
    LISTED.model_copy(
        update={
            "name": "s",
            "kind": "score",
            "models": ("qwen-med",),
            "win_rate": None,
            "trace_score": Estimate(estimate=0.5, low=0.4, high=0.6, n=9),
            "usd": Decimal(0),
        }
    ),
)
SCREENS = {
    60: """\
run   kind     win rate, %        state         cost     age
sonnet
      compare  61.4 [57.0, 65.7]  done          $7.41    2 h
  qwen-med against qwen-base · anthropic:claude-sonnet-5-5
  400 items
qwen-med_qwen-base_anthropic-claude-sonnet-5-5_20261127-0800
00
      compare  -                  partial 99 %  unknown  3 d
  qwen-med against qwen-base · anthropic:claude-sonnet-5-5
  400 items · 12 failed · 2 controls
s     score    -                  done          $0.00    2 h
  qwen-med · anthropic:claude-sonnet-5-5 · 400 items
  mean trace score 50.0 [40.0, 60.0]
""",
    80: """\
run                       kind     win rate, %        state         cost     age
sonnet                    compare  61.4 [57.0, 65.7]  done          $7.41    2 h
  qwen-med against qwen-base · anthropic:claude-sonnet-5-5 · 400 items
qwen-med_qwen-base_anthropic-claude-sonnet-5-5_20261127-080000
                          compare  -                  partial 99 %  unknown  3 d
  qwen-med against qwen-base · anthropic:claude-sonnet-5-5 · 400 items
  12 failed · 2 controls
s                         score    -                  done          $0.00    2 h
  qwen-med · anthropic:claude-sonnet-5-5 · 400 items
  mean trace score 50.0 [40.0, 60.0]
""",
    120: f"""\
run{" " * 63}kind     win rate, %        state         cost     age
sonnet{" " * 60}compare  61.4 [57.0, 65.7]  done          $7.41    2 h
  qwen-med against qwen-base · anthropic:claude-sonnet-5-5 · 400 items
{LONG}    compare  -                  partial 99 %  unknown  3 d
  qwen-med against qwen-base · anthropic:claude-sonnet-5-5 · 400 items · 12 failed · 2 controls
s{" " * 65}score    -                  done          $0.00    2 h
  qwen-med · anthropic:claude-sonnet-5-5 · 400 items · mean trace score 50.0 [40.0, 60.0]
""",
}


def drawn(listing: RunListing, width: int) -> str:
    screen = Console(file=io.StringIO(), width=width)
    render_runs(listing, Path("runs"), screen, now=NOW)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.mark.parametrize("width", SCREENS)
def test_the_screen_is_as_made_by_hand(width: int) -> None:
    assert drawn(RunListing(runs=RUNS, damaged=(), n_runs=3), width) == SCREENS[width]


@given(st.text(min_size=1, max_size=200), st.text(max_size=200), st.integers(30, 130))
def test_no_line_is_longer_than_the_terminal_whatever_things_are_called(name: str, model: str, width: int) -> None:
    named = LISTED.model_copy(update={"name": name, "models": (model, "b"), "judges": (name, model)})
    text = drawn(RunListing(runs=(named,), damaged=(), n_runs=1), width)
    assert max(map(cell_len, text.split("\n"))) <= width
    assert "61.4 [57.0, 65.7]" in text


def test_figures_that_do_not_fit_a_line_are_never_divided_within() -> None:
    wide = LISTED.model_copy(update={"name": "no-image", "kind": "control no-image", "usd": Decimal("1234567.8")})
    assert drawn(RunListing(runs=(wide,), damaged=(), n_runs=1), 50) == (
        "run\n  kind · win rate, % · state · cost · age\n"
        "no-image\n  control · 61.4 [57.0, 65.7] · done\n  $1,234,567.80 · 2 h\n"
        "  control no-image · qwen-med against qwen-base\n  anthropic:claude-sonnet-5-5 · 400 items\n"
    )


def test_a_rate_without_an_interval_stands_alone() -> None:
    bare = LISTED.model_copy(update={"win_rate": Estimate(estimate=0.5, low=None, high=None, n=4), "state": "decided"})
    assert "compare  50.0         decided  $7.41  2 h" in drawn(RunListing(runs=(bare,), damaged=(), n_runs=1), 80)


def test_scores_and_runs_that_write_checklists_are_named_by_what_they_are_about(tmp_path: Path) -> None:
    copy_runs(tmp_path)
    runs = tmp_path / "runs"
    for other in {path.name for path in runs.iterdir()} - {"score-a", "checklists"}:
        shutil.rmtree(runs / other)
    score, checklist = sorted(list_runs(runs).runs, key=lambda run: run.kind, reverse=True)
    assert (score.kind, score.models, checklist.kind, checklist.models) == ("score", ("alpha-7b",), "checklist", ())
    assert (score.state, checklist.state, checklist.n_requests) == (RunState.DONE, RunState.DONE, 6)
    half = Estimate(estimate=0.5, low=0.25, high=0.75, n=3)
    told = {"schema_version": 1, "n_judgments": 60, "n_failed": 0, "n_not_asked": 0, "usd": 0.05}
    write_json(runs / "score-a/report.json", {**told, "trace_score": half.model_dump()})
    scored = next(run for run in list_runs(runs).runs if run.kind == "score")
    assert (scored.trace_score, scored.win_rate) == (half, None)


def test_what_is_not_listed_is_told_below_the_list() -> None:
    damaged = DamagedRun(name="x", problem="runs/x/manifest.json: broken")
    text = drawn(RunListing(runs=(LISTED,), damaged=(damaged,), n_runs=5), 80)
    assert text.endswith("Not listed: runs/x/manifest.json: broken\nThe newest 2 of 5 runs in runs.\n")
    assert drawn(RunListing(runs=(), damaged=(), n_runs=0), 80).startswith("No runs in runs;")


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_an_age_is_whole_units_that_have_passed(ago: timedelta, words: str) -> None:
    assert age((NOW - ago).isoformat(), NOW) == words
    assert age((NOW - ago).replace(tzinfo=None).isoformat(), NOW) == words
    assert age("last week", NOW) == "-"


JUDGE = JudgeSpec(provider=Provider.OPENAI, model="m", settings=JudgeSettings(max_output_tokens=9))
DOLLAR = Tariff(input=Decimal(1), cache_read=Decimal(1), cache_write=Decimal(1), output=Decimal(1))
NEVER_JUDGED = {"q1": None, "q2": None, "q3": None}


def asked(folder: Path, judged: int, **changes: object) -> RunFolder:
    """Write a run of three items and six requests, of which so many are judged at a million tokens, a dollar, each."""
    run = make_run(folder, NEVER_JUDGED)
    prices = pin_prices([JUDGE], {JUDGE.name: Price(source="test", standard=(DOLLAR,))})
    told = {"judges": (JUDGE,), "imported_judges": (), "prompt": "p", "prices": prices, **changes}
    run.write_manifest(run.manifest().model_copy(update=told))
    requests = [(item, order) for item in NEVER_JUDGED for order in Order][:judged]
    made = [make_judgment(item, order, Verdict.FIRST, judge=JUDGE.name) for item, order in requests]
    usage = Usage(input=1_000_000)
    write_lines(run.judgments_path, [replace(one, reply=replace(one.reply, usage=usage)) for one in made if one.reply])
    return run


def only(runs: Path) -> ListedRun:
    listing = list_runs(runs)
    assert not listing.damaged
    (run,) = listing.runs
    return run


def keep_report(run: RunFolder, **changes: object) -> None:
    """Write the part of a report that a list takes."""
    told: Mapping[str, Any] = {
        "schema_version": 2,
        "n_judgments": 6,
        "n_failed": 1,
        "n_not_asked": 0,
        "usd": 1.5,
        "criteria": {"overall": {"win_rate": {"estimate": 0.5, "low": 0.25, "high": 0.75, "n": 3}}},
    }
    write_json(run.report_path, {**told, **changes})


def test_without_a_report_the_journal_is_counted_and_there_is_no_win_rate(tmp_path: Path) -> None:
    run = asked(tmp_path / "r", 4)
    found = only(tmp_path)
    assert (found.n_requests, found.n_judged, found.n_failed) == (6, 4, 0)
    assert (found.state, found.usd, found.win_rate) == (RunState.PARTIAL, Decimal(4), None)
    assert (found.kind, found.models, found.judges) == ("compare", MODELS, ("openai:m",))
    failed = [
        replace(one, result=Failed(failure=FailureKind.REFUSED, detail=""), reply=None) for one in run.judgments()
    ]
    write_lines(run.judgments_path, [*run.judgments(), *failed])
    assert only(tmp_path).n_failed == 0, "a verdict that was paid for is not lost to a later failure"
    write_lines(run.judgments_path, failed[:3])
    found = only(tmp_path)
    assert (found.n_judged, found.n_failed, found.usd) == (3, 3, Decimal(0))


def test_a_report_tells_the_figures_as_long_as_nothing_is_newer(tmp_path: Path) -> None:
    run = asked(tmp_path / "r", 4)
    keep_report(run)
    found = only(tmp_path)
    assert (found.state, found.n_judged, found.n_failed, found.usd) == (RunState.DONE, 6, 1, Decimal("1.5"))
    assert found.win_rate == Estimate(estimate=0.5, low=0.25, high=0.75, n=3)
    made = run.report_path.stat().st_mtime_ns
    for path in (run.judgments_path, run.manifest_path):
        os.utime(path, ns=(made + 1, made + 1))
        assert (only(tmp_path).n_judged, only(tmp_path).win_rate) == (4, None)
        os.utime(path, ns=(made, made))
    assert only(tmp_path).n_judged == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 1},
        {"n_failed": "many"},
        {"usd": "NaN"},
        {"criteria": 3},
        {"controls": {}},
        {"criteria": {"overall": {}}},
        {"criteria": {"overall": {"win_rate": {"estimate": "half", "low": None, "high": None, "n": 3}}}},
    ],
)
def test_a_report_of_another_form_or_version_is_not_taken(tmp_path: Path, changes: dict[str, object]) -> None:
    keep_report(asked(tmp_path / "r", 4), **changes)
    found = only(tmp_path)
    assert found.n_judged == (6 if changes == {"controls": {}} else 4)


def test_a_report_that_is_cut_or_lacks_the_overall_criterion_gives_no_win_rate(tmp_path: Path) -> None:
    run = asked(tmp_path / "r", 4)
    keep_report(run, criteria={})
    assert (only(tmp_path).n_judged, only(tmp_path).win_rate) == (6, None)
    run.report_path.write_text('{"schema_version": 2, "n_ju')
    assert only(tmp_path).n_judged == 4


@pytest.mark.parametrize(("evidence", "ends"), [("credits", (0.1, 0.9)), ("signs", (None, None)), (None, (None, None))])
def test_a_run_that_may_stop_has_the_interval_of_its_looks_where_that_is_of_the_win_rate(
    tmp_path: Path, evidence: str | None, ends: tuple[float | None, float | None]
) -> None:
    run = asked(tmp_path / "r", 4, stopping=Stopping(look_every=1, alpha=0.05, cluster=None))
    looks = {"decided": True, "low": 0.1, "high": 0.9} | ({"evidence": evidence} if evidence else {})
    keep_report(run, sequential=looks, n_not_asked=2)
    found = only(tmp_path)
    assert found.state is RunState.DECIDED
    assert found.win_rate is not None
    assert (found.win_rate.estimate, found.win_rate.low, found.win_rate.high) == (0.5, *ends)


def test_controls_count_and_cost_with_their_run(tmp_path: Path) -> None:
    run = asked(tmp_path / "r", 6)
    asked(run.path / "controls/repeat", 2, control=Control(kind=ControlKind.REPEAT, n=3))
    found = only(tmp_path)
    assert (found.n_requests, found.n_judged, found.usd, found.controls) == (12, 8, Decimal(8), ("repeat",))
    assert found.state is RunState.PARTIAL
    keep_report(run)
    assert only(tmp_path).n_judged == 8, "the report knows nothing of the control"
    keep_report(run, controls={"repeat": {"n_judgments": 6, "n_failed": 0, "n_not_asked": 0, "usd": 0.5}})
    found = only(tmp_path)
    assert (found.n_judged, found.usd, found.state) == (12, Decimal(2), RunState.DONE)
    assert only(run.path / "controls").kind == "control repeat"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"shard": Shard(number=1, of=3)}, "shard 1/3"),
        ({"merged": ("s1", "s2")}, "merge"),
        ({"interval": Method.WILSON}, "compare"),
    ],
)
def test_the_kind_is_named_after_the_command(tmp_path: Path, changes: dict[str, object], kind: str) -> None:
    asked(tmp_path / "r", 6, **changes)
    assert only(tmp_path).kind == kind


def test_an_imported_run_is_done_and_cost_nothing_that_is_known(tmp_path: Path) -> None:
    make_run(tmp_path / "r", {"q1": A_WINS, "q2": SPLITS, "q3": None})
    found = only(tmp_path)
    assert (found.kind, found.state, found.n_judged, found.usd) == ("import", RunState.DONE, 4, None)
    assert found.judges == ("j",)


def test_a_run_that_is_worked_on_is_running_and_its_control_too(tmp_path: Path) -> None:
    run = asked(tmp_path / "r", 3)
    control = asked(run.path / "controls/repeat", 6, control=Control(kind=ControlKind.REPEAT, n=3))
    for part in (run, control):
        with part.locked():
            assert only(tmp_path).state is RunState.RUNNING
        assert only(tmp_path).state is RunState.PARTIAL


def test_an_owner_that_tells_nothing_holds_no_lock(tmp_path: Path) -> None:
    run = asked(tmp_path / "r", 6)
    for owner in (b"{", b"[]", b"{}", encode({"host": "elsewhere", "pid": 1})):
        (run.path / "owner.json").write_bytes(owner)
        assert only(tmp_path).state is RunState.DONE
        assert not (run.path / "lock").exists()


def test_damaged_runs_are_named_with_what_is_wrong_and_the_others_are_listed(tmp_path: Path) -> None:
    asked(tmp_path / "good", 6)
    journal = asked(tmp_path / "journal", 6).judgments_path
    journal.write_bytes(b"{broken}\n" + journal.read_bytes())
    for name, manifest in {
        "cut": b"{",
        "deep": b"[" * 100_000,
        "list": b"[1]",
        "old": b'{"format_version": 9}',
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_bytes(manifest)
    (tmp_path / "empty").mkdir()
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe/manifest.json")
    (tmp_path / "folder/manifest.json").mkdir(parents=True)
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop/manifest.json").symlink_to("manifest.json")
    os.mkdir(os.fsencode(tmp_path) + b"/no text \xff")  # noqa: PTH102 - a name that is no text
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file").touch()
    listing = list_runs(tmp_path)
    assert [run.name for run in listing.runs] == ["good"]
    assert [one.name for one in listing.damaged] == [
        "cut",
        "deep",
        "empty",
        "folder",
        "journal",
        "list",
        "loop",
        "no text ?",
        "old",
        "pipe",
    ]
    assert all(str(tmp_path / one.name) in one.problem for one in listing.damaged)
    assert f"{journal}:1: damaged line" in listing.damaged[4].problem


def test_a_run_whose_name_is_no_text_or_whose_time_is_none_is_listed(tmp_path: Path) -> None:
    for number, created in enumerate(("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "soon", "2026-01-01")):
        asked(tmp_path / f"r{number}", 6, created=created)
    asked(tmp_path / "r4", 6).path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    listing = list_runs(tmp_path)
    assert [run.name for run in listing.runs] == ["r1", "?", "r3", "r2", "r0"]
    assert len(drawn(listing, 80).splitlines()) == 11
    assert listing.model_dump_json()


def test_the_newest_runs_are_read_and_no_others(tmp_path: Path) -> None:
    for day in (3, 1, 2):
        asked(tmp_path / f"d{day}", 6, created=f"2026-01-0{day}T00:00:00+00:00")
    listing = list_runs(tmp_path, most=2)
    assert [run.name for run in listing.runs] == ["d3", "d2"]
    assert listing.n_runs == 3
    assert list_runs(tmp_path / "nowhere") == RunListing(runs=(), damaged=(), n_runs=0)
