"""Judge a run over the nodes of a Ray cluster: a task a shard, each with its own journal, and one merged run.

The folder of runs has to be one that every node sees. Ray starts the task of a lost node on another one, which goes on
from the shard's journal: nothing that has a verdict is asked again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from judge.cluster.leases import Grant, Leases
from judge.cluster.vllm import judge_at, served_model, serving
from judge.comparison.compare import compare
from judge.comparison.merge import merge_shards
from judge.comparison.prepared_run import prepared_comparison
from judge.dispatch.budget import Budget
from judge.errors import (
    BudgetReachedError,
    InputError,
    InputErrors,
    InterruptedRunError,
    OmrJudgeError,
    RunError,
    RunInUseError,
)
from judge.judging.command_options import CompareOptions, ScoreOptions
from judge.judging.find_run import PreparedRun, find_run
from judge.judging.options import ClusterOptions
from judge.judging.quote_run import budget_of
from judge.runs.run_folder import RunFolder
from judge.runs.sharding import Shard
from judge.scoring.score import prepared_score, score

MOST_RETRIES = 20
"""starts of a shard's task on another node"""
LOCK_SECONDS = 300.0
"""for which a task waits for one before it, whose node was lost, to be gone"""
SHARE_SECONDS = 5.0
"""for which a share of the rate limits is taken as known"""
DENIED_SECONDS = 1.0


class ShardEnd(NamedTuple):
    """How a shard's task ended; errors travel as text, since another process raises them."""

    path: str
    """of its run; empty where there is none"""
    error: str = ""
    kind: str = ""
    """class of the error"""


class RayLease:
    """A shard's view of the leases, which one actor holds.

    Args:
        leases: the actor.
        shard: which shard asks.
    """

    def __init__(self, leases: Any, shard: int) -> None:  # noqa: ANN401 - Ray makes the actor's class
        self._leases, self._shard = leases, shard
        self._share, self._share_until, self._denied_until = 1.0, 0.0, 0.0

    def share(self) -> float:
        """Return the shard's share of the rate limits."""
        if time.monotonic() >= self._share_until:
            self._share = float(ray.get(self._leases.share.remote()))
            self._share_until = time.monotonic() + SHARE_SECONDS
        return self._share

    def more(self, budget: Budget) -> bool:
        """Raise a budget's limits by what is granted; return whether it was anything."""
        if budget.n_in_flight and time.monotonic() < self._denied_until:
            return False
        grant: Grant = ray.get(self._leases.more.remote(self._shard, budget.n_calls, budget.cost))
        changed = (grant.calls or 0) > (budget.max_calls or 0) or (grant.cost or 0) > (budget.max_cost or 0)
        budget.max_calls, budget.max_cost = grant.calls, grant.cost
        if not changed:
            self._denied_until = time.monotonic() + DENIED_SECONDS
        return changed


def judge_on_ray(
    options: CompareOptions | ScoreOptions, *, command: Sequence[str], say: Callable[[str], None]
) -> RunFolder:
    """Judge a run in shards over a cluster, or go on with those that the same command began; return the merged run.

    Args:
        options: what to judge, and how; `cluster` says where.
        command: the command line, for the manifests.
        say: is told notes, a line each.

    Raises:
        InputError: something given cannot be used, or not over a cluster.
        RunError: a shard ended in an error; the others are kept.
        BudgetReachedError, InterruptedRunError: the shards are kept, and the same command goes on.
    """
    _refuse(options)
    cluster = options.cluster
    if cluster.serve_judge is not None:
        options = replace(options, judges=(judge_at(served_model(cluster.serve_judge), 80),))
    with _prepared(options, command, say) as prepared:
        whole, spent = find_run(prepared, say=say), _spent_before(options, prepared.identity())
    if whole.manifest_path.exists():
        say(f"{whole.path} is whole: what failed in it is asked again here")
        return _judged_here(replace(options, cluster=ClusterOptions()), command, say)
    address = (cluster.on or "ray").removeprefix("ray").removeprefix(":") or None
    began = time.monotonic()
    ray.init(
        address=address,
        ignore_reinit_error=True,
        log_to_driver=False,
        logging_level=logging.ERROR,
        include_dashboard=False,
    )
    nodes: list[Any] = ray.nodes()  # type: ignore[no-untyped-call]
    say(f"Ray: {len(nodes)} nodes, after {time.monotonic() - began:.1f} s; {cluster.shards} shards")
    parts = _all_shards(options, spent, command, say)
    return merge_shards(parts, name=whole.name, runs=options.runs, command=command, shared=options.shared)


def _refuse(options: CompareOptions | ScoreOptions) -> None:
    """Refuse what shards cannot have."""
    refused: dict[str, object] = {"--shard": options.shard, "--batch": options.judging.batch or None}
    if isinstance(options, CompareOptions):
        refused |= {"--stop-when-decided": options.stopping, "--control": options.controls.kinds or None}
    for option, value in refused.items():
        if value is not None:
            raise InputError(option, "is not for a run over a cluster", "leave it out, or leave out --on")


def _prepared(
    options: CompareOptions | ScoreOptions, command: Sequence[str], say: Callable[[str], None]
) -> AbstractContextManager[PreparedRun[Any]]:
    if isinstance(options, CompareOptions):
        return prepared_comparison(options, command=command, say=say)
    return prepared_score(options, command=command, say=say)


def _judged_here(
    options: CompareOptions | ScoreOptions, command: Sequence[str], say: Callable[[str], None]
) -> RunFolder:
    if isinstance(options, CompareOptions):
        return compare(options, command=command, say=say)
    return score(options, command=command, say=say)


def _spent_before(
    options: CompareOptions | ScoreOptions, identity: Mapping[str, str]
) -> dict[int, tuple[int, Decimal]]:
    """Return what each shard of a run has spent in earlier sessions, as far as limits ask."""
    found = {}
    for path in options.runs.glob("[!.]*/manifest.json"):
        folder = RunFolder(path.parent)
        try:
            manifest = folder.any_manifest()
            shard = manifest.shard
            if shard is not None and shard.of == options.cluster.shards and manifest.whole_identity == identity:
                found[shard.number] = _spent(folder, options)
        except (OmrJudgeError, OSError):  # damaged, or another person's
            continue
    return found


def _all_shards(
    options: CompareOptions | ScoreOptions,
    spent_before: Mapping[int, tuple[int, Decimal]],
    command: Sequence[str],
    say: Callable[[str], None],
) -> list[RunFolder]:
    """Judge every shard; those that ended for want of budget once more, while others left some of theirs."""
    n = options.cluster.shards
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    # Lost only with this process.
    holder: Any = ray.remote(Leases).options(num_cpus=0, scheduling_strategy=here)
    leases = holder.remote(options.judging.max_calls, options.judging.max_cost)
    ray.get([leases.end.remote(number, *own) for number, own in spent_before.items()])
    judge = ray.remote(judge_shard).options(
        num_cpus=1, num_gpus=options.cluster.gpus, max_retries=MOST_RETRIES, scheduling_strategy="SPREAD"
    )
    ends: dict[int, ShardEnd] = {}
    todo, spent = list(range(1, n + 1)), (-1, Decimal(-1))
    now: tuple[int, Decimal]
    while todo:
        tasks = {judge.remote(options, number, n, leases, list(command)): number for number in todo}
        ends |= _awaited(tasks, say)
        left = [number for number, end in ends.items() if end.kind == BudgetReachedError.__name__]
        now = ray.get(leases.spent.remote())
        todo, spent = (left if now > spent and ray.get(leases.has_left.remote()) else []), now
    for end in ends.values():
        if end.error:
            raise _error_of(end)
    return [RunFolder(Path(ends[number].path)) for number in sorted(ends)]


def _awaited(tasks: Mapping[Any, int], say: Callable[[str], None]) -> dict[int, ShardEnd]:
    """Wait for tasks; interrupted, ask them to stop, and wait for what they have in flight."""
    ends: dict[int, ShardEnd] = {}
    waiting = list(tasks)
    try:
        while waiting:
            done, waiting = ray.wait(waiting)
            for task in done:
                ends[tasks[task]] = ray.get(task)
                say(f"Shard {tasks[task]}: {ends[tasks[task]].error or 'judged'} ({len(waiting)} left)")
    except KeyboardInterrupt:
        for task in waiting:
            ray.cancel(task)
        ray.wait(waiting, num_returns=len(waiting), timeout=LOCK_SECONDS)
        raise InterruptedRunError("interrupted; what was judged is kept, and the same command goes on") from None
    except ray.exceptions.RayError as error:
        raise RunError(f"a shard cannot be judged: {error}; the same command goes on") from error
    return ends


def _error_of(end: ShardEnd) -> OmrJudgeError:
    if end.kind == BudgetReachedError.__name__:
        way_on = "what was judged is kept, and the same command goes on with a larger one, or none"
        return BudgetReachedError(f"budget reached, by all shards together; {way_on}")
    if end.kind in {InputError.__name__, InputErrors.__name__}:
        return InputError("--on", end.error)
    kind = InterruptedRunError if end.kind == InterruptedRunError.__name__ else RunError
    return kind(f"{end.error}; the same command goes on")


def judge_shard(
    options: CompareOptions | ScoreOptions,
    number: int,
    of: int,
    leases: Any,  # noqa: ANN401 - Ray makes the actor's class
    command: list[str],
) -> ShardEnd:
    """Judge one shard, here; go on where an earlier task of it stood."""
    shard, cluster = Shard(number=number, of=of), options.cluster
    name = None if options.name is None else f"{options.name}.{shard.label}"
    judging = replace(options.judging, quiet=True, lease=RayLease(leases, number))
    own = replace(options, shard=shard, name=name, judging=judging, cluster=ClusterOptions())
    ray.get(leases.begin.remote(number))
    folder: RunFolder | None = None
    error = ShardEnd("")
    try:
        with ExitStack() as stack:
            if cluster.serve_judge is not None:
                model = served_model(cluster.serve_judge)
                own = replace(own, judges=(stack.enter_context(serving(model, gpus=cluster.gpus)),))
            folder = _judged_in_turn(own, command)
    except OmrJudgeError as problem:
        error = ShardEnd("", f"shard {shard}: {problem}", type(problem).__name__)
    found = folder or _begun(own, command)
    calls, cost = _spent(found, own)
    ray.get(leases.end.remote(number, calls, cost))
    return error._replace(path="" if found is None else str(found.path.absolute()))


def _judged_in_turn(options: CompareOptions | ScoreOptions, command: list[str]) -> RunFolder:
    """Judge a shard once nobody else does: where a node was lost, its task may be a moment in ending."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return _judged_here(options, command, lambda _: None)
        except RunInUseError:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def _begun(options: CompareOptions | ScoreOptions, command: list[str]) -> RunFolder | None:
    """Return the run of a shard that ended in an error, where there is one."""
    try:
        with _prepared(options, command, lambda _: None) as prepared:
            folder = find_run(prepared, say=lambda _: None)
    except OmrJudgeError:
        return None
    return folder if folder.manifest_path.exists() else None


def _spent(folder: RunFolder | None, options: CompareOptions | ScoreOptions) -> tuple[int, Decimal]:
    """Return calls and US dollars that a shard has spent, as far as limits ask."""
    if folder is None or (options.judging.max_calls is None and options.judging.max_cost is None):
        return 0, Decimal(0)
    budget = budget_of(folder, folder.any_manifest(), options.judging)
    return budget.n_calls, budget.cost
