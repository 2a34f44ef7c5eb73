"""A disk that fills up at any write costs nothing that was recorded, and the run goes on once there is room."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from command import COMMAND, environment, write_jsonl
from judging.test_kill_at_each_step import N_CALLS, Loop, loop
from provider_server import ProviderServer, content_judge

__all__ = ["loop"]

MANY = 150


@pytest.mark.parametrize("fault", ["full", "short"])
@pytest.mark.parametrize("stride", [47, pytest.param(1, marks=pytest.mark.slow)])
def test_a_disk_that_is_full_at_each_step_is_told_of_and_leaves_a_run_that_goes_on(
    loop: Loop,
    fault: str,
    stride: int,
) -> None:
    failed = 0
    for step in count(1, stride):
        name = next(loop.names)
        full = loop.command.run(*loop.named(name), fault="full" if fault == "full" else "short", at=step)
        if full.code == 0:
            break
        assert full.code == 3, full.stderr
        assert "Traceback" not in full.stderr
        assert "No space left on device" in full.stderr or "disk full" in full.stderr
        failed += 1
        journal = loop.runs / name / "judgments.jsonl"
        kept = journal.read_bytes() if journal.exists() else b""
        ended = loop.command.run(*loop.named(name))
        assert ended.code == 0, ended.stderr
        lines = journal.read_bytes()
        assert lines.startswith(kept[: kept.rfind(b"\n") + 1])
        assert lines.count(b"\n") == N_CALLS
        assert (loop.runs / name / "report.json").read_bytes() == loop.report
    print(f"{fault}: failed at {failed} steps")  # noqa: T201 - figures
    assert step > 2 * N_CALLS


SMALL_DISK = """
set -u
mkdir -p runs && mount -t tmpfs -o size=1m none runs || exit 77
"$@"
echo "ended with $?"
df --output=avail runs
mount -o remount,size=64m runs
"$@"
echo "ended with $?"
cp runs/r/report.json full.json
"""


@pytest.mark.slow
def test_a_disk_of_a_megabyte_that_fills_up_and_then_grows_ends_in_the_same_report(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:  # noqa: S607
        pytest.skip("this machine lets nobody mount a small disk (unshare -rm fails)")
    long = "thinks about it once more, and again, "
    for side in ("a", "b"):
        records = [
            {"id": n, "question": f"Question {n}?", "trace": f"{side} {n} " + long * (66 + n % 7)} for n in range(MANY)
        ]
        write_jsonl(tmp_path / f"{side}.jsonl", records)
    with ProviderServer(content_judge) as server:
        command = [*COMMAND, "compare", "a.jsonl", "b.jsonl", "--judge", f"openai:m@{server.url}/v1", "--name"]
        small = subprocess.run(
            ["unshare", "-rm", "sh", "-c", SMALL_DISK, "sh", *command, "r"],  # noqa: S607
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        subprocess.run([*command, "whole"], cwd=tmp_path, env=environment(), capture_output=True, check=True)
    if small.returncode == 77:
        pytest.skip(f"this machine lets nobody mount a small disk: {small.stderr.splitlines()[0]}")
    assert "ended with 3" in small.stdout, small.stdout + small.stderr
    assert "ended with 0" in small.stdout
    assert "Traceback" not in small.stderr
    assert "free space, then resume" in small.stderr
    assert (tmp_path / "full.json").read_bytes() == (tmp_path / "runs" / "whole" / "report.json").read_bytes()
    sys.stdout.write(small.stderr)
