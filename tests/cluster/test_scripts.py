"""Scripts for Slurm and Kubernetes say what a shard's command is, and run in a shell."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from command import omr_judge
from hypothesis import given
from hypothesis import strategies as st

from judge.cluster.scripts import kubernetes_job, slurm_script
from judge.errors import InputError

COMMAND = [
    "compare",
    "a.jsonl",
    "b x.jsonl",
    "--judge",
    "openai:m",
    "--name",
    "big",
    "--max-rpm=100",
    "--max-calls",
    "1000",
]
SBATCH = """#!/bin/bash
# Stands in for Slurm: keeps its options and its script, and names a job.
n=$(ls sbatch-* 2>/dev/null | wc -l)
printf '%s\\n' "$@" > "sbatch-$n.options"
cat > "sbatch-$n.script"
echo 4711
"""


def submitted(script: str, folder: Path, *options: str) -> list[tuple[list[str], str]]:
    """Run a script with a stand-in for sbatch; return what it was given, call by call."""
    (folder / "sbatch").write_text(SBATCH)
    (folder / "sbatch").chmod(0o700)
    path = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run(
        ["/bin/bash", "-c", script, "script", *options], cwd=folder, env=path, check=True, capture_output=True
    )
    jobs = sorted(folder.glob("sbatch-*.script"))
    return [(job.with_suffix(".options").read_text().splitlines(), job.read_text()) for job in jobs]


def test_slurm_gets_an_array_of_shards_and_their_merging_as_a_dependency(tmp_path: Path) -> None:
    printed = omr_judge("shards", "--slurm", "4", *COMMAND, cwd=tmp_path).stdout
    (options, shard), (then, merge) = submitted(printed, tmp_path, "--partition=cpu")
    assert {"--parsable", "--array=1-4", "--requeue", "--job-name=big", "--partition=cpu"} <= set(options)
    assert {"--dependency=afterok:4711", "--kill-on-invalid-dep=yes"} <= set(then)
    line = next(line for line in shard.splitlines() if line.startswith("omr-judge"))
    asked = shlex.split(line.removesuffix(" &").replace("$SLURM_ARRAY_TASK_ID", "3"))
    assert asked == [
        *["omr-judge", "compare", "a.jsonl", "b x.jsonl", "--judge", "openai:m"],
        *["--max-rpm", "25", "--max-calls", "250", "--shard", "3/4", "--name", "big.shard-3-of-4"],
    ]
    merged = shlex.split(merge.splitlines()[-1])
    assert merged == ["exec", "omr-judge", "merge", *(f"big.shard-{n}-of-4" for n in range(1, 5)), "--name", "big"]
    subprocess.run(["/bin/bash", "-n"], input=shard, check=True, text=True)


def test_kubernetes_gets_an_indexed_job(tmp_path: Path) -> None:
    given_ = [
        "shards",
        "--k8s",
        "3",
        "--image",
        "judge:1",
        "--claim",
        "data",
        "score",
        "t.jsonl",
        "--name=S_1",
        "--runs",
        "r",
    ]
    printed = omr_judge(*given_, cwd=tmp_path).stdout
    head, job = printed.split("\n{", 1)
    assert "omr-judge merge S_1.shard-1-of-3 S_1.shard-2-of-3 S_1.shard-3-of-3 --name S_1 --runs r" in head
    spec = json.loads("{" + job)
    assert (spec["kind"], spec["metadata"]["name"]) == ("Job", "s-1")
    assert [spec["spec"][name] for name in ("completions", "parallelism", "completionMode")] == [3, 3, "Indexed"]
    pod = spec["spec"]["template"]["spec"]
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "data"}
    shell = pod["containers"][0]["command"][2].removeprefix("exec ")
    told = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\n' {shell}"],
        env={"JOB_COMPLETION_INDEX": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines() == [
        *["omr-judge", "score", "t.jsonl", "--runs", "r", "--shard", "2/3", "--name", "S_1.shard-2-of-3"]
    ]


@given(st.lists(st.text(st.characters(exclude_characters="\x00\r\n", codec="utf-8"), min_size=1), max_size=4))
def test_every_argument_reaches_the_shards_command_as_it_was_given(words: list[str]) -> None:
    words = [word for word in words if not word.startswith("-")]
    printed = slurm_script(["compare", *words, "--name", "n"], 2)
    line = next(line for line in printed.split("\n") if line.startswith("omr-judge compare"))
    assert shlex.split(line)[2 : 2 + len(words)] == words


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ([], "nothing is not cut in shards"),
        (["report", "x"], r"report is not cut in shards \(give compare or score\)"),
        (["compare", "a", "b"], "the run has no name"),
        (["compare", "a", "b", "--name", "n", "--max-rpm", "x"], "'x' is no number"),
    ],
)
def test_what_cannot_be_cut_in_shards_is_refused(command: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        slurm_script(command, 2)
    with pytest.raises(InputError, match=told):
        kubernetes_job(command, 2, image="i", claim="c")
    assert not list(tmp_path.iterdir())


def test_one_scheduler_has_to_be_named(tmp_path: Path) -> None:
    for given_ in (["compare", "--name", "n"], ["--slurm", "2", "--k8s", "2", "compare", "--name", "n"]):
        assert "for one of --slurm and --k8s" in omr_judge("shards", *given_, cwd=tmp_path, code=3).stderr
