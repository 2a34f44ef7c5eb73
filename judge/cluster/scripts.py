"""Scripts that have a cluster's own scheduler judge the shards of a run, each going on where it stood (pure)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import orjson

from judge.errors import InputError

SHARDED = ("compare", "score")
DIVIDED = ("--max-rpm", "--max-tpm", "--max-calls", "--max-cost")
"""limits of the whole run, of which each shard has its part"""
ARRAY = "$SLURM_ARRAY_TASK_ID"
INDEX = "$((JOB_COMPLETION_INDEX + 1))"


def _given(command: Sequence[str], option: str) -> str | None:
    """Return the value of an option of a command line; None where it is not given."""
    for place, word in enumerate(command):
        if word == option and place + 1 < len(command):
            return command[place + 1]
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
    return None


def _without(command: Sequence[str], option: str) -> list[str]:
    """Return a command line without an option and its value."""
    kept, skip = [], False
    for word in command:
        if skip or word == option or word.startswith(f"{option}="):
            skip = not skip and word == option
            continue
        kept.append(word)
    return kept


def _divided(command: Sequence[str], n: int) -> list[str]:
    """Return a command line whose limits are an n-th of what they were, calls rounded down."""
    changed = list(command)
    for option in DIVIDED:
        if (text := _given(changed, option)) is None:
            continue
        try:
            part = Decimal(text) / n
        except InvalidOperation:
            raise InputError(option, f"{text!r} is no number") from None
        shown = str(int(part)) if option == "--max-calls" else f"{float(part):.6g}"
        changed = [*_without(changed, option), option, shown]
    return changed


def _shard_command(command: Sequence[str], n: int, number: str) -> tuple[str, str]:
    """Return the shell's line that judges a shard, and the name of the run.

    Raises:
        InputError: the command judges nothing, or names no run.
    """
    if not command or command[0] not in SHARDED:
        raise InputError(
            "shards", f"{' '.join(command[:1]) or 'nothing'} is not cut in shards", f"give {' or '.join(SHARDED)}"
        )
    name = _given(command, "--name")
    if name is None:
        raise InputError(
            "shards", "the run has no name", "add --name NAME to the command: all shards are named after it"
        )
    words = shlex.join(["omr-judge", *_without(_divided(command, n), "--name")])
    return f'{words} --shard "{number}/{n}" --name "{name}.shard-{number}-of-{n}"', name


def _merge_command(command: Sequence[str], n: int, name: str) -> str:
    runs = _given(command, "--runs")
    shards = [f"{name}.shard-{number}-of-{n}" for number in range(1, n + 1)]
    return shlex.join(["omr-judge", "merge", *shards, "--name", name, *(["--runs", runs] if runs else [])])


def slurm_script(command: Sequence[str], n: int) -> str:
    """Return a script that submits the shards as an array, and their merging once all have ended well.

    A shard whose node fails, or that is preempted, is queued again and goes on from its journal, and so is everything
    when the script is run again.

    Raises:
        InputError: the command cannot be cut in shards.
    """
    shard, name = _shard_command(command, n, ARRAY)
    return f"""#!/usr/bin/env bash
# Judges {n} shards of {name} as a Slurm array, then merges them; run again, it goes on. Add what your site asks for:
# options of sbatch given to this script are those of the array, e.g. `bash {name}.sh --partition=cpu --time=8:00:00`.
set -euo pipefail
array=$(sbatch --parsable --job-name={shlex.quote(name)} --array=1-{n} --requeue --open-mode=append \\
  --signal=B:TERM@660 --output={shlex.quote(name)}-%a.log "$@" <<'SHARD'
#!/bin/bash
# The command stops by itself at the end of its time, and takes in what is in flight.
trap 'kill -TERM "$judging"; wait "$judging"; scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_{ARRAY}"' TERM
{shard} &
judging=$!
wait "$judging"
SHARD
)
sbatch --job-name={shlex.quote(name)}-merge --dependency="afterok:$array" --kill-on-invalid-dep=yes \\
  --output={shlex.quote(name)}-merge.log <<'MERGE'
#!/bin/bash
exec {_merge_command(command, n, name)}
MERGE
"""


def kubernetes_job(command: Sequence[str], n: int, *, image: str, claim: str) -> str:
    """Return an Indexed Job that judges the shards; a pod that is lost is made again and goes on from its journal.

    Args:
        command: `compare` or `score` with their options, of which `--name` is one.
        n: how many shards.
        image: of containers with omr-judge in them.
        claim: the volume of the inputs and of the runs, which all pods can write.

    Raises:
        InputError: the command cannot be cut in shards.
    """
    shard, name = _shard_command(command, n, INDEX)
    label = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": label},
        "spec": {
            "completions": n,
            "parallelism": n,
            "completionMode": "Indexed",
            "backoffLimitPerIndex": 20,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 660,
                    "containers": [
                        {
                            "name": "shard",
                            "image": image,
                            "workingDir": "/work",
                            "command": ["sh", "-c", f"exec {shard}"],
                            "envFrom": [{"secretRef": {"name": "omr-judge-keys", "optional": True}}],
                            "volumeMounts": [{"name": "work", "mountPath": "/work"}],
                        }
                    ],
                    "volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": claim}}],
                }
            },
        },
    }
    return f"""# Judges {n} shards of {name}: kubectl apply -f FILE (JSON is YAML). Keys: the secret omr-judge-keys.
# Then: kubectl wait --for=condition=complete --timeout=-1s job/{label}, and in the volume
# {_merge_command(command, n, name)}
{orjson.dumps(job, option=orjson.OPT_INDENT_2).decode()}
"""
