"""A command that tests fork does and tells what one started by a shell does and tells."""

from __future__ import annotations

import subprocess
from pathlib import Path

import forked
import pytest
from command import environment, run_anew

EXAMPLES = Path(__file__).parents[1] / "examples"
PAIR = (str(EXAMPLES / "a.jsonl"), str(EXAMPLES / "b.jsonl"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["compare", *PAIR, "--judge", "openai:m", "--dry-run", "--json"], 0),
        (["report", "nothing"], 3),
        (["compare", "--no-such-option"], 2),
    ],
)
def test_a_forked_command_ends_and_tells_as_one_that_is_started(
    arguments: list[str], code: int, tmp_path: Path
) -> None:
    env = environment({"OPENAI_API_KEY": "none", "COLUMNS": "90"})
    started = run_anew(arguments, cwd=tmp_path, environment=env)
    one = forked.run(arguments, cwd=tmp_path, environment=env, seconds=60)
    assert (one.returncode, one.stdout, one.stderr) == (started.returncode, started.stdout, started.stderr)
    assert started.returncode == code


def test_a_forked_command_has_its_own_folder_and_environment(tmp_path: Path) -> None:
    for name, width in (("one", "60"), ("two", "120")):
        (tmp_path / name).mkdir()
        given = environment({"COLUMNS": width})
        told = forked.run(["--help"], cwd=tmp_path / name, environment=given, seconds=60).stdout
        assert int(width) - 45 < max(map(len, told.splitlines())) <= int(width)
        listed = forked.run(["report", "nothing"], cwd=tmp_path / name, environment=given, seconds=60)
        assert listed.returncode == 3


def test_a_forked_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run(["--help"], cwd=tmp_path, environment=environment(), seconds=1e-3)
    assert forked.run(["--version"], cwd=tmp_path, environment=environment(), seconds=60).returncode == 0
