"""The library: what the commands do, as functions (docs/library.md).

Records are a path, a list of objects, a polars frame, or what has the Arrow C stream or the dataframe interchange
protocol, such as frames of pandas and data sets of datasets. Options are those of the command of the same name, by
their names there with `_` for `-`: `judge.compare("a.jsonl", "b.jsonl", judge="openai:gpt-5", max_cost="2.50")`.

Each function has a twin that is awaited, `compare_async` of `compare`. Both may be called where an event loop runs, as
in a notebook. Interrupted (Ctrl-C, a cancelled task), they wait for what is in flight, and the same call goes on later.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judge.api.results import JudgedRun, Ranking
from judge.api.threads import run_awaited, run_now
from judge.comparison.compare import compare as compare_here
from judge.errors import InputError, InputErrors
from judge.inputs.in_memory import Records, as_file
from judge.judging.command_options import CompareOptions, ScoreOptions
from judge.judging.option_groups import made
from judge.judging.options import DEFAULT_RUNS
from judge.ranking.options import RankOptions
from judge.ranking.rank import rank as rank_here
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import find_run
from judge.scoring.score import score as score_here
from judge.service.preferences import AsyncPreferenceJudge as AsyncJudge
from judge.service.waiting_judge import PreferenceJudge as Judge

if TYPE_CHECKING:
    from judge.report.report import Report
    from judge.scoring.score_report import ScoreReport

__all__ = [
    "AsyncJudge",
    "Judge",
    "JudgedRun",
    "Ranking",
    "compare",
    "compare_async",
    "open_run",
    "open_run_async",
    "rank",
    "rank_async",
    "score",
    "score_async",
]

Items = Records | Sequence[str | Path]


def judged(options: CompareOptions | ScoreOptions, *, command: Sequence[str], say: Callable[[str], None]) -> RunFolder:
    """Judge what options describe, or go on with the run that the same began: the one way of commands and library."""
    if options.cluster.on is not None:
        try:
            from judge.cluster.ray_run import judge_on_ray  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise InputError(f"--on {options.cluster.on}", "needs Ray", "pip install 'omr-judge[ray]'") from error
        return judge_on_ray(options, command=command, say=say)
    if isinstance(options, CompareOptions):
        return compare_here(options, command=command, say=say)
    return score_here(options, command=command, say=say)


def compare(a: Records, b: Records, *, items: Items = (), **options: object) -> JudgedRun[Report]:
    """Compare two models' traces, or go on with the run that the same call began.

    Args:
        a: traces of model a: records with `id` and `trace` (docs/input.md).
        b: traces of model b.
        items: records of the items, or paths of several files, where the traces do not hold them.
        options: those of `omr-judge compare`; `quiet` is True unless given.

    Raises:
        TypeError: there is no such option.
        InputError: something given cannot be used; nothing was spent.
        BudgetReachedError, InterruptedRunError, StopRunError: the run ended early; the same call goes on.
    """
    return run_now(partial(_compared, a, b, items, options))


async def compare_async(a: Records, b: Records, *, items: Items = (), **options: object) -> JudgedRun[Report]:
    """Compare as `compare`, awaited; a cancelled task waits for what is in flight."""
    return await run_awaited(partial(_compared, a, b, items, options))


def score(traces: Records, *, items: Items = (), **options: object) -> JudgedRun[ScoreReport]:
    """Score one model's traces by their items' checklists, or go on with the run that the same call began.

    Args:
        traces: records with `id` and `trace`.
        items: records of the items with their checklists, where the traces do not hold them.
        options: those of `omr-judge score`; `quiet` is True unless given.

    Raises:
        TypeError, InputError, BudgetReachedError, InterruptedRunError, StopRunError: as `compare`.
    """
    return run_now(partial(_scored, traces, items, options))


async def score_async(traces: Records, *, items: Items = (), **options: object) -> JudgedRun[ScoreReport]:
    """Score as `score`, awaited."""
    return await run_awaited(partial(_scored, traces, items, options))


def open_run(run: str | Path, *, runs: str | Path = DEFAULT_RUNS) -> JudgedRun[Any]:
    """Open a run by its folder, its name in `runs`, the beginning of that, or `latest` (RunError: there is none)."""
    folder = RunFolder(find_run(str(run), Path(runs)))
    folder.any_manifest()
    return JudgedRun(folder)


async def open_run_async(run: str | Path, *, runs: str | Path = DEFAULT_RUNS) -> JudgedRun[Any]:
    """Open a run as `open_run`, awaited."""
    return await asyncio.to_thread(open_run, run, runs=runs)


def rank(*run: str | Path | JudgedRun[Any], **options: object) -> Ranking:
    """Rank many models from the comparisons of their pairs, without network.

    Args:
        run: comparisons: runs by folder or name, folders that hold them, or what `compare` returned.
        options: those of `omr-judge rank`.

    Raises:
        TypeError: there is no such option, or no run is given.
        InputError: something given cannot be used.
        RunError: there is no such run, or the runs cannot be ranked together.
    """
    if not run:
        raise TypeError("rank() needs a run, or a folder of runs")
    paths = [str(one.path if isinstance(one, JudgedRun) else one) for one in run]
    return Ranking(rank_here(paths, made(RankOptions, options)))


async def rank_async(*run: str | Path | JudgedRun[Any], **options: object) -> Ranking:
    """Rank as `rank`, awaited."""
    return await asyncio.to_thread(rank, *run, **options)


def _compared(a: Records, b: Records, items: Items, options: Mapping[str, object]) -> JudgedRun[Report]:
    return _run(CompareOptions, {"a": a, "b": b}, items, options)


def _scored(traces: Records, items: Items, options: Mapping[str, object]) -> JudgedRun[ScoreReport]:
    return _run(ScoreOptions, {"traces": traces}, items, options)


def _run(
    group: type[CompareOptions | ScoreOptions],
    traces: Mapping[str, Records],
    items: Items,
    options: Mapping[str, object],
) -> JudgedRun[Any]:
    """Judge records with options; those in memory lie in files meanwhile, as the run holds all that it needs."""
    notes: list[str] = []
    place: Path | None = None
    if options.get("on"):  # a cluster, whose nodes see the folder of runs
        place = Path(str(options.get("runs", DEFAULT_RUNS))).absolute()
        place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".omr-judge-", dir=place) as folder:
        try:
            files = {name: as_file(records, name, Path(folder)) for name, records in traces.items()}
            if isinstance(items, list | tuple) and all(isinstance(one, str | Path) for one in items):
                given = [str(path) for path in items]
            else:
                given = [as_file(items, "items", Path(folder))]
            is_in_memory = any(Path(folder) in Path(file).parents for file in [*files.values(), *given])
            roots = {"image_root": [Path.cwd()]} if is_in_memory else {}
            chosen = made(group, {"quiet": True, **roots, **options, **files, "items": given})
            command = [f"judge.{'compare' if group is CompareOptions else 'score'}", *map(_shown, options.items())]
            return JudgedRun(judged(chosen, command=command, say=notes.append), notes)
        except InputError as error:
            raise _as_given(error, folder) from error


def _as_given(error: InputError, folder: str) -> InputError:
    """Return an error that names records as they were given, `a:1` the first, not the file that they lay in."""
    if isinstance(error, InputErrors):
        return InputErrors([_as_given(one, folder) for one in error.problems], error.total)
    lay_in = re.compile(rf"{re.escape(folder)}/(\w+)\.(jsonl|parquet)")
    return type(error)(*(lay_in.sub(r"\1", text) for text in (error.where, error.problem, error.hint)))


def _shown(option: tuple[str, object]) -> str:
    return f"{option[0]}={option[1]!r}"
