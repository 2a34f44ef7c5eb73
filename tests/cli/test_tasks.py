"""The ten tasks that `omr-judge --help` ends with: each of its commands works, and its screen leads to the next."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cli.test_pseudo_terminal import on_a_terminal
from command import COMMAND, environment, omr_judge
from provider_server import Answer, Call, ProviderServer, content_judge

from judge.cli.help import TASKS

ROOT = Path(__file__).parents[2]
REFUSED = "rhythm does it show"


def judge(call: Call) -> Answer:
    """Refuse one item, and judge the others by their content."""
    return Answer(text="I cannot.", stop="refusal") if REFUSED in call.user else content_judge(call)


def test_the_help_ends_with_ten_tasks_and_the_tour_tells_them_too() -> None:
    tour = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
    assert len(TASKS) == 10
    assert re.findall(r"^\| ([A-Z][^|]*) \| `(omr-judge [^`]*)` \|", tour, re.MULTILINE) == list(TASKS)


@pytest.mark.parametrize("width", ["60", "80", "120"])
def test_without_a_command_the_help_is_printed_with_each_task_and_its_command(tmp_path: Path, width: str) -> None:
    shown = omr_judge(cwd=tmp_path, code=2, env={"COLUMNS": width}).stderr
    assert shown.startswith("Usage: ")
    assert "Error" not in shown
    tasks = re.findall(r"^  (\S.*?)(?:\s{2,}|:\n    )(omr-judge .*)$", shown.split("\nTasks:\n")[1], re.MULTILINE)
    assert tasks == list(TASKS)
    assert max(map(len, shown.splitlines())) <= int(width)


def test_every_task_is_done_by_its_command_and_screens_lead_to_the_next(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    with ProviderServer(judge) as server:
        own = f"openai:m@{server.url}/v1"
        names = {"A.JSONL": "examples/a.jsonl", "B.JSONL": "examples/b.jsonl", "A": "examples/a.jsonl"}
        names |= {"B": "examples/b.jsonl", "JUDGE": "anthropic:claude-sonnet-5-5", "openai:MODEL@URL": own}

        def shown(task: str, *more: str, code: int = 0) -> str:
            """Run a task's command, and return what it says."""
            command = dict(TASKS)[task].replace("RUN RUN", "first second").split()[1:]
            env = {"COLUMNS": "80", "OPENAI_API_KEY": "test", "OMR_JUDGE_JUDGE": own}
            done = omr_judge(*(names.get(word, word) for word in command), *more, cwd=tmp_path, env=env, code=code)
            return done.stdout + done.stderr

        assert re.search(r"24 calls: about \$[\d.]+, between", shown("See what a judge will cost"))
        first = shown("Compare for the first time", "--name", "first", code=4)
        assert "1 pair has no verdict (1 refused)" in first
        assert "omr-judge list" in first
        stopped = shown("Ask a judge of your own", "--name", "second", "--max-calls", "5", code=6)
        assert "`omr-judge resume runs/second` goes on" in stopped
        assert "12 items, 24 judgments" in shown("Go on after a stop", code=4)

    doubtful = shown("See which items are doubtful")
    assert "12 of 12 items; the first 10 are shown; a is omr-judge authors, b is SmolLM2-135M-Instruct\n" in doubtful
    missing = shown("See why a verdict is missing")
    assert missing.endswith("Why: omr-judge show runs/second ecg-01\n")
    assert "failed: refused" in omr_judge("show", "runs/second", "ecg-01", cwd=tmp_path).stdout
    assert r"\begin{tabular}" in shown("Get tables for a paper")
    labelled = on_a_terminal(*dict(TASKS)["Label ten items yourself"].split()[1:], cwd=tmp_path, keys="1" * 10)
    assert "10 labels by " in labelled
    assert "The judge beside them: omr-judge agreement runs/second" in labelled
    assert "both.html: written" in shown("Put two runs side by side")
    assert re.search(r"^second .*\n.*\n(?:.*\n)*first ", shown("Find last week's run"), re.MULTILINE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["--help", "runs"])
def test_output_for_which_there_is_no_room_is_said_in_one_line(tmp_path: Path, command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, command], cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 3
    assert done.stderr.decode() == "omr-judge: what it prints: No space left on device\n"
