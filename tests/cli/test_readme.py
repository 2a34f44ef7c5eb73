"""Every command that the README and the docs show is run, and what they show of the output is what it prints."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import forked
import orjson
import pytest
from batch_server import BatchServer
from checklist_writer import writer
from command import environment
from provider_server import Answer, Call, content_judge

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
# In the order in which a reader meets them: later pages use the runs of the tour.
PAGES = [ROOT / "README.md", ROOT / "docs/tour.md", *sorted({*(ROOT / "docs").glob("*.md")} - {ROOT / "docs/tour.md"})]

# The tour's own files: what a reader would have at hand.
MINE = '{"id": 1, "trace": "Pneumonia, by the crackles."}\n{"id": 1, "trace": "Asthma, by the wheeze."}\n{"id": 2}\n'
THEIRS = '{"id": 1, "trace": "Pneumonia."}\n'
VERDICTS = (
    '{"item": "q1", "order": "forward", "verdict": "first"}\n{"item": "q1", "order": "swapped", "verdict": "second"}\n'
)

MESSAGE = '{"message": {"content": "B", "reasoning": "By the crackles."}}'
ANSWERED = f'"response": {{"status_code": 200, "body": {{"model": "m", "choices": [{MESSAGE}]}}}}, "error": null'
OUTPUT = (
    f'{{"custom_id": "q1", {ANSWERED}}}\n{{"custom_id": "q2", {ANSWERED}}}\n'
    '{"custom_id": "q3", "response": null, "error": {"code": "batch_expired", "message": "too late"}}\n'
)
SCORED = re.compile(r"<trace-(?P<tag>[0-9a-f]+)>\n(?P<text>.*?)\n</trace-(?P=tag)>", re.DOTALL)
UNIT = re.compile(r"^Unit (?P<id>\S+)(?: \([^)]*\))?: (?P<claim>.*)$", re.MULTILINE)


def judge(call: Call) -> Answer:
    """Judge pairs by their content, and units by how many of their claim's words the trace holds; write checklists."""
    if "<reference-" in call.user and "<trace-" not in call.user:
        return writer(call)
    if "2 + 2" in call.user or "random number" in call.user:  # `judges check`
        return Answer('{"overall": {"evidence_1": "four", "evidence_2": "five", "verdict": "first"}}')
    if call.schema is None and "[RESULT]" in str(call.body):
        return Answer("Feedback: the first one says why. [RESULT] A")
    trace = SCORED.search(call.user)
    if trace is None:
        return content_judge(call)
    told, said = set(re.findall(r"\w{4,}", trace["text"].casefold())), {}
    for unit in UNIT.finditer(call.user):
        words = re.findall(r"\w{4,}", unit["claim"].casefold())
        share = sum(word in told for word in words) / len(words)
        presence = 2 if share >= 0.4 else int(share >= 0.2)
        verdict = {"presence": presence, "correctness": int(presence > 0), "consistency": int(presence > 1)}
        chain = dict.fromkeys(("perception_premise", "knowledge_premise", "premises_correct"), "not_needed")
        grounds = {"chain_grounding": chain} if "chain_grounding" in str(call.schema) else {}
        said[unit["id"]] = {"evidence": "", **verdict, **grounds}
    return Answer(orjson.dumps(said).decode())


def quick_start() -> list[str]:
    section = README.split("## Quick start")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)


class Shown(NamedTuple):
    """A block of a page: a command with what is shown of its output, or code."""

    page: str
    language: str
    text: str
    output: str = ""


def shown() -> list[Shown]:
    """Return every `$` command and every piece of Python, in the order of the pages."""
    blocks = []
    for page in PAGES:
        for language, text in re.findall(r"```(console|python)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:] if language == "console" else [text]
            for part in parts:
                command, _, output = part.partition("\n") if language == "console" else (text, "", "")
                blocks.append(Shown(page.name, language, command, output))
    return blocks


def test_the_quick_start_is_two_blocks_of_one_command_line_each() -> None:
    blocks = quick_start()
    assert [len(block.splitlines()) for block in blocks] == [1, 1]
    assert blocks[0].endswith("omr-judge compare examples/first-a.jsonl examples/first-b.jsonl")
    assert blocks[1].endswith(".venv/bin/python -m pytest")
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").count("## Quick start") == 1


def test_the_quick_start_ends_with_a_win_rate_table_by_the_embedded_judge(tmp_path: Path) -> None:
    """On one of two items, cut short for the time it takes; the slow set runs the whole line in a fresh clone."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for side in ("a", "b"):
        file = tmp_path / "examples" / f"first-{side}.jsonl"
        item = orjson.loads(file.read_bytes().splitlines()[0])
        del item["reference_reasoning"], item["options"]
        for name in ("question", "trace"):
            item[name] = item[name].split(".")[0]
        file.write_bytes(orjson.dumps(item))
    command = shlex.split(quick_start()[0].split("&&")[-1])
    env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    done = run([str(BIN / "omr-judge"), *command[1:]], cwd=tmp_path, env=env | {"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    whole = README.split("```text\n")[1].split("```")[0]
    assert "1 item, 2 judgments, 0 failed, $0.00" in done.stdout
    assert "2 items, 4 judgments, 0 failed, $0.00" in whole
    for line in ("Judge local:SmolLM2-135M-Instruct.Q4_1: ", "Next: omr-judge view latest"):
        assert line in done.stdout
        assert line in whole
    assert "--judge local:REPO/FILE.gguf" in done.stderr.splitlines()[-1]
    (folder,) = (tmp_path / "runs").iterdir()
    assert {path.name for path in folder.iterdir()} >= {"manifest.json", "judgments.jsonl", "report.json"}


LOOKING = ("report", "packet", "export", "flags", "list", "show")
"""commands that change no run"""


@pytest.mark.parametrize("those_that_show_nothing", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_command_of_the_pages_runs_and_prints_what_is_shown(
    tmp_path: Path, *, those_that_show_nothing: bool
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    files = {"mine.jsonl": MINE, "theirs.jsonl": THEIRS, "verdicts.jsonl": VERDICTS, "out.jsonl": OUTPUT}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with BatchServer(judge) as server:
        given = {
            "ANTHROPIC_BASE_URL": server.url,
            "ANTHROPIC_API_KEY": "test",
            "OPENAI_API_KEY": "test",
            "COLUMNS": "80",
        }
        env = {name: value for name, value in environment(given).items() if not name.startswith("COVERAGE_")}
        done_before: set[str] = set()
        for block in shown():
            if block.text.startswith("export ") or (block.text in done_before and not block.output):
                continue
            done_before.add(block.text)
            if "pytest" in block.text:
                assert block.text == ".venv/bin/python -m pytest -m slow"
                continue
            keeps = bool(block.output) or " > " in block.text
            if block.text.split()[1] in LOOKING and not (keeps or those_that_show_nothing):
                continue
            command, _, target = block.text.replace("http://127.0.0.1:8000", server.url).partition(" > ")
            done = start(block.language, command, tmp_path, env)
            problem = "mine.jsonl" in command
            assert done.returncode == (3 if problem else 0), (block, done.stderr)
            if target:
                (tmp_path / target).write_text(done.stdout, encoding="utf-8")
            if block.output:
                printed = done.stderr if problem else done.stdout
                assert printed.startswith(block.output.removesuffix("...\n")), (block, printed)


def start(language: str, text: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command, or a piece of Python."""
    if language == "python":
        return run([sys.executable, "-c", text], cwd=cwd, env=env)
    program, *arguments = shlex.split(text)
    if program == "omr-judge":
        return forked.run(arguments, cwd=cwd, environment=env, seconds=120)
    assert program == "python"
    return run([sys.executable, *arguments], cwd=cwd, env=env)


@pytest.mark.slow
def test_both_lines_of_the_quick_start_work_in_a_fresh_clone(tmp_path: Path) -> None:
    run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], cwd=tmp_path, env=dict(os.environ), check=True)
    kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")
    env = {name: value for name, value in os.environ.items() if name in kept or name.startswith("PIP_")}
    for line in quick_start():
        done = run(["bash", "-c", line], cwd=tmp_path / "clone", env=env)
        assert done.returncode == 0, done.stdout + done.stderr


def run(command: list[str], *, cwd: Path, env: dict[str, str], check: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=env, check=check, capture_output=True, text=True, timeout=900)
