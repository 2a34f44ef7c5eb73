"""`omr-judge runs` lists runs, every command takes a run by a short name, and the help groups the commands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import environment, omr_judge
from run_builder import A_WINS, B_WINS, MODELS, SPLITS, make_run

PANELS = {
    "Compare": ["compare", "tournament", "rank", "score", "resume", "retry", "merge", "plan"],
    "Read": ["runs", "report", "view", "list", "show"],
    "Serve": ["serve", "shards"],
    "People": ["label", "packet", "agreement", "labels"],
    "Trust": [
        *("verify", "control", "certify", "anchor", "rejudge", "gate"),
        *("flags", "show-prompt", "prompts", "rubrics", "judges"),
    ],
    "Data": ["items", "convert", "import", "checklist", "export"],
    "Set up": ["init"],
}


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """Return a folder with two runs, of which the second is begun last."""
    for day, name in enumerate(("first", "second"), start=1):
        run = make_run(tmp_path / "runs" / name, {"q1": A_WINS, "q2": A_WINS, "q3": B_WINS, "q4": SPLITS, "q5": None})
        run.write_manifest(run.manifest().model_copy(update={"created": f"2026-01-0{day}T00:00:00+00:00"}))
    return tmp_path


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_list_fits_and_names_models_judges_and_state(cwd: Path, width: int) -> None:
    lines = omr_judge("runs", cwd=cwd, env={"COLUMNS": str(width)}).stdout.splitlines()
    assert all(len(line) <= width for line in lines)
    assert len(lines) == 5
    assert re.fullmatch(r"run +kind +win rate, % +state +cost +age", lines[0])
    assert re.fullmatch(r"second +import +- +done +- +\d+ d", lines[1])
    assert lines[2] == f"  {' against '.join(MODELS)} · j · 5 items"
    assert lines[3].startswith("first ")


def test_the_win_rate_is_that_of_the_report_and_json_tells_all(cwd: Path) -> None:
    report = json.loads(omr_judge("report", "latest", "--json", cwd=cwd).stdout)
    (cwd / "runs/second/report.json").write_text(json.dumps(report))
    told = json.loads(omr_judge("runs", "--json", "--n", "1", cwd=cwd).stdout)
    assert told["damaged"] == []
    assert told["n_runs"] == 2
    (run,) = told["runs"]
    # 2 wins, a split and a loss of a: (1 + 1 + 1/2 + 0) / 4
    assert (run["name"], run["kind"], run["win_rate"]["estimate"], run["win_rate"]["n"]) == (
        "second",
        "import",
        0.625,
        4,
    )
    assert run["win_rate"] == report["criteria"]["overall"]["win_rate"]
    low, high = (100 * run["win_rate"][end] for end in ("low", "high"))
    assert f"  62.5 [{low:.1f}, {high:.1f}]  done " in omr_judge("runs", cwd=cwd).stdout


def test_damaged_runs_are_named_and_no_runs_are_no_error(cwd: Path) -> None:
    (cwd / "runs/first/manifest.json").write_text("{")
    (cwd / "runs/stray").mkdir()
    out = omr_judge("runs", cwd=cwd).stdout
    assert out.startswith("run ")
    assert "\nNot listed: runs/first/manifest.json: not a manifest of this version: " in out
    assert "\nNot listed: runs/stray: no run here" in out
    assert omr_judge("runs", "--runs", "none", cwd=cwd).stdout.startswith("No runs in none;")


@pytest.mark.slow
def test_every_command_that_takes_a_run_takes_a_short_name(cwd: Path) -> None:
    for name in ("second", "sec", "latest", "runs/sec", "runs/latest"):
        for command in (["show"], ["list"], ["flags"], ["report"], ["export", "--to", "csv", "--out", f"out-{name}"]):
            assert omr_judge(command[0], name, *command[1:], cwd=cwd).stdout
    assert omr_judge("plan", "--pilot", "sec", "--reps", "10", cwd=cwd).stdout
    for wrong in (["report"], ["show"], ["resume"], ["retry"], ["agreement"], ["merge", "--name", "x"]):
        told = omr_judge(*wrong, "secnd", cwd=cwd, code=3).stderr
        lists = re.escape("`omr-judge runs` lists all")
        assert re.fullmatch(
            rf"omr-judge: secnd: no run of this name; the closest: second \(\d+ \w+ ago\); {lists}\n", told
        )


def test_no_new_run_is_called_latest(cwd: Path) -> None:
    (cwd / "v.jsonl").write_text('{"item": "q1", "order": "forward", "verdict": "first"}\n')
    told = omr_judge("import", "v.jsonl", "--name", "latest", cwd=cwd, code=3).stderr
    assert told == "omr-judge: --name: latest stands for the newest run (use another name)\n"


@pytest.mark.slow
def test_a_thousand_runs_are_listed_in_seconds(cwd: Path) -> None:
    for number in range(998):
        shutil.copytree(cwd / "runs/first", cwd / f"runs/copy-{number}")
    begun = time.monotonic()
    out = omr_judge("runs", cwd=cwd).stdout
    assert time.monotonic() - begun < 20
    assert len(out.splitlines()) == 2001


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_help_groups_the_commands_and_cuts_no_name(tmp_path: Path, width: int) -> None:
    panels: dict[str, list[str]] = {}
    for line in omr_judge("--help", cwd=tmp_path, env={"COLUMNS": str(width)}).stdout.splitlines():
        if head := re.match(r"(\w[\w ]*):$", line):
            panels[head[1]] = []
        elif named := re.match(r"  ([a-z-]+)  +\S", line):
            panels[list(panels)[-1]].append(named[1])
    del panels["Options"]
    assert panels.pop("Tasks") == []  # no commands, but what people do with them
    assert panels == PANELS
    assert list(panels) == list(PANELS)


def completed(words: str, cwd: Path, shell: str = "bash") -> list[str]:
    """Return what a shell would be offered for a line that ends in what is typed."""
    told = {
        "_OMR_JUDGE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    program = Path(sys.executable).with_name("omr-judge")
    done = subprocess.run(
        [program], cwd=cwd, env={**environment(), **told}, capture_output=True, text=True, timeout=60, check=True
    )
    return re.findall(r"[\w-]+", done.stdout.replace("_arguments", ""))


@pytest.mark.slow
def test_bash_completes_the_names_of_runs_wherever_one_is_taken(cwd: Path) -> None:
    (cwd / "mine").mkdir()
    (cwd / "runs/second").rename(cwd / "mine/sixth")
    assert completed("omr-judge show ", cwd) == ["first", "latest"]
    assert completed("omr-judge show --runs mine s", cwd) == ["sixth"]
    assert completed("omr-judge plan --pilot f", cwd) == ["first"]
    assert completed("omr-judge merge first l", cwd) == ["latest"]
    assert completed("omr-judge show runs/f", cwd) == [], "paths are the shell's own to complete"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_do_too(cwd: Path, shell: str) -> None:
    assert completed("omr-judge show f", cwd, shell) == ["first"]
