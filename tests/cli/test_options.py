"""Options are stated once, in groups that commands take whole; `--help` starts without what only commands need."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from command import environment, omr_judge
from typer.testing import CliRunner

from judge.cli.options import flattened
from judge.enums import OnMissingImage
from judge.judging.command_options import CompareOptions
from judge.judging.options import ResumeOptions
from judge.runs.sharding import Shard

HEAVY = ("numpy", "polars", "scipy", "PIL", "openai", "anthropic", "httpx2", "aiohttp", "jinja2")
SECONDS = 0.5


@dataclass(frozen=True)
class Inner:
    """A group within a group."""

    limit: Annotated[int, typer.Option(min=1)] = 3
    unasked: str = "as it was"


@dataclass(frozen=True)
class Outer:
    """A group."""

    name: Annotated[str, typer.Argument()]
    tags: Annotated[tuple[str, ...], typer.Option("--tag")] = ("x",)
    inner: Inner = Inner()


def taken(command: Any, *args: str, code: int = 0) -> str:  # noqa: ANN401 - any command
    app = typer.Typer()
    app.command()(flattened(command))
    result = CliRunner().invoke(app, list(args))
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_a_command_takes_each_field_of_its_groups_as_an_option_and_gets_the_groups_whole() -> None:
    got: list[object] = []

    def command(outer: Outer, *, loud: Annotated[bool, typer.Option("--loud")] = False) -> None:
        got.append((outer, loud))

    taken(command, "me")
    taken(command, "you", "--tag", "a", "--tag", "b", "--limit", "5", "--loud")
    assert got == [(Outer("me"), False), (Outer("you", ("a", "b"), Inner(5)), True)]
    assert "unasked" not in taken(command, "--help")
    taken(command, "me", "--limit", "0", code=2)


def test_a_group_that_is_a_commands_default_gives_the_defaults_of_its_options() -> None:
    got: list[object] = []

    def command(inner: Inner = Inner(7)) -> None:
        got.append(inner)

    taken(command)
    assert got == [Inner(7)]


def test_the_command_line_becomes_what_a_comparison_takes() -> None:
    got: list[CompareOptions] = []

    def command(options: CompareOptions) -> None:
        got.append(options)

    def resume(judging: ResumeOptions) -> None:
        del judging

    taken(command, "a.jsonl", "b.jsonl")
    words = "--shard 2/4 --field trace=out.0.text --max-cost $2.50 --fsync-ms 20 --timeout 9 --on-missing-image skip"
    taken(command, "a.jsonl", "b.jsonl", *words.split(), "--stop-when-decided", "--look-every", "10", "--batch")
    plain, full = got
    assert plain == CompareOptions(plain.inputs)
    assert (plain.judges, plain.prompt_name, plain.stopping) == (("local",), "pairwise.v1", None)
    assert (full.shard, full.inputs.fields) == (Shard(number=2, of=4), {"trace": "out.0.text"})
    assert (full.judging.max_cost, full.judging.fsync_ms, full.judging.policy.timeout) == (Decimal("2.50"), 20, 9)
    assert full.inputs.on_missing_image is OnMissingImage.SKIP
    assert full.stopping is not None
    assert (full.stopping.look_every, full.judging.batch) == (10, True)
    taken(resume, "--batch", code=2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--max-cost", "much"], "--max-cost: 'much' is no amount of dollars"),
        (["--confirm-above", "-1"], "--confirm-above: '-1' is no amount of dollars"),
        (["--shard", "5/4"], "--shard: '5/4' is not one of n shards"),
        (["--field", "trace"], "--field trace: not of the form name=path"),
        (["--field", "trace=a", "--field", "trace=b"], "trace is given twice"),
        (["--look-every", "5"], "--look-every: says how a run stops early"),
    ],
)
def test_a_value_that_means_nothing_is_refused_before_a_file_is_read(
    given: list[str], said: str, tmp_path: Path
) -> None:
    assert said in omr_judge("compare", "no.jsonl", "none.jsonl", *given, cwd=tmp_path, code=3).stderr


def test_help_starts_at_once_and_without_what_only_commands_need() -> None:
    code = (
        "import sys, time, judge.cli\n"
        "sys.argv = ['omr-judge', 'compare', '--help-all']\n"
        "try: judge.cli.main()\n"
        "except SystemExit: pass\n"
        "import json; sys.stderr.write(json.dumps([time.process_time(), sorted(sys.modules)]))"
    )
    env = {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}
    ran = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
        for _ in range(3)
    ]
    told = [json.loads(one.stderr) for one in ran]
    assert "--max-image-side" in ran[0].stdout
    assert not set(HEAVY) & set(told[0][1])
    assert min(seconds for seconds, _ in told) < SECONDS
