"""The library: what the commands do, as functions (docs/library.md).

Records are a path, a list of objects, a polars frame, or what has the Arrow C stream or the dataframe interchange
protocol, such as frames of pandas and data sets of datasets. Options are those of the command of the same name, by
their names there with `_` for `-`: `judge.compare("a.jsonl", "b.jsonl", judge="openai:gpt-5", max_cost="2.50")`.

Each function has a twin that is awaited, `compare_async` of `compare`. Both may be called where an event loop runs, as
in a notebook. Interrupted (Ctrl-C, a cancelled task), they wait for what is in flight, and the same call goes on later.
"""

from __future__ import annotations

import asyncio
import contextvars
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

import polars as pl

from judge.comparison.compare import compare as compare_here
from judge.comparison.derive_report import save_report
from judge.enums import ReportFormat
from judge.errors import InputError, InterruptedRunError
from judge.export.write import tables_of
from judge.files.interrupts import Interrupter, interrupter
from judge.inputs.in_memory import Records, as_file
from judge.judging.option_groups import made
from judge.judging.options import DEFAULT_RUNS, CompareOptions, ScoreOptions
from judge.ranking.options import RankOptions
from judge.ranking.rank import rank as rank_here
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import find_run
from judge.scoring.derive_score_report import save_score_report
from judge.scoring.score import score as score_here
from judge.service.preferences import AsyncPreferenceJudge as AsyncJudge
from judge.service.waiting_judge import PreferenceJudge as Judge
from judge.tables.formats import written

if TYPE_CHECKING:
    from judge.ranking.ranking_report import RankingReport
    from judge.report.report import Report
    from judge.scoring.score_report import ScoreReport
    from judge.tables.cells import Document

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

AnyReport = TypeVar("AnyReport", bound="Report | ScoreReport")
T = TypeVar("T")
Items = Records | Sequence[str | Path]


class Shown(ABC):
    """What a notebook shows as its report."""

    @abstractmethod
    def _document(self) -> Document: ...

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it."""
        return written(self._document(), ReportFormat.HTML_FRAGMENT)

    def _repr_markdown_(self) -> str:
        """Return the report as Markdown."""
        return written(self._document(), ReportFormat.MARKDOWN)


class JudgedRun(Shown, Generic[AnyReport]):
    """A run: its folder, its report, and its rows.

    Args:
        folder: where it lies.
        notes: what was said while it was judged.
    """

    def __init__(self, folder: RunFolder, notes: Sequence[str] = ()) -> None:
        self.path = folder.path
        """its folder, which every command takes"""
        self.notes = tuple(notes)
        """notes and warnings of the judging, a line each"""
        self._folder = folder

    @cached_property
    def report(self) -> AnyReport:
        """The report (docs/report.md), as `report.json` has it; of a score that of docs/score.md."""
        is_score = self._folder.any_manifest().kind == "score"
        return cast("AnyReport", save_score_report(self._folder) if is_score else save_report(self._folder))

    def frame(self, table: Literal["items", "judgments"]) -> pl.DataFrame:
        """Return the rows of the items or of the judgments, with the columns of `omr-judge export`."""
        for found in tables_of(self._folder):
            if found.name == table:
                rows = [{column: row.get(column) for column in found.columns} for row in found.rows]
                return pl.DataFrame(rows, schema=pl.Schema(found.columns))
        raise ValueError(f"no table is called {table!r}; there are items and judgments")

    def _document(self) -> Document:
        from judge.report.report import Report  # noqa: PLC0415 - only where it is drawn
        from judge.scoring.score_document import score_document  # noqa: PLC0415
        from judge.tables.tables import comparison_document  # noqa: PLC0415

        report = self.report
        return comparison_document(report) if isinstance(report, Report) else score_document(report)

    def __repr__(self) -> str:
        return f"JudgedRun({str(self.path)!r})"


class Ranking(Shown):
    """Many models by rank.

    Args:
        report: of the ranking.
    """

    def __init__(self, report: RankingReport) -> None:
        self.report = report
        """the report (docs/report.md), as `omr-judge rank --json` prints it"""

    def frame(self, table: Literal["models", "pairs"]) -> pl.DataFrame:
        """Return the models by rank, or every pair that was judged, a row each and criterion.

        Columns are the fields of the report, those of a figure after its name: `rating_estimate`.
        """
        if table not in {"models", "pairs"}:
            raise ValueError(f"no table is called {table!r}; there are models and pairs")
        rows = [
            {"criterion": name} | row
            for name, found in self.report.criteria.items()
            for row in found.model_dump(mode="json")[table]
        ]
        return pl.json_normalize(rows, separator="_", infer_schema_length=None)

    def _document(self) -> Document:
        from judge.ranking.ranking_document import ranking_document  # noqa: PLC0415 - only where it is drawn

        return ranking_document(self.report)

    def __repr__(self) -> str:
        return f"Ranking({', '.join(self.report.models)})"


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
    return _here(partial(_compared, a, b, items, options))


async def compare_async(a: Records, b: Records, *, items: Items = (), **options: object) -> JudgedRun[Report]:
    """Compare as `compare`, awaited; a cancelled task waits for what is in flight."""
    return await _aside(partial(_compared, a, b, items, options))


def score(traces: Records, *, items: Items = (), **options: object) -> JudgedRun[ScoreReport]:
    """Score one model's traces by their items' checklists, or go on with the run that the same call began.

    Args:
        traces: records with `id` and `trace`.
        items: records of the items with their checklists, where the traces do not hold them.
        options: those of `omr-judge score`; `quiet` is True unless given.

    Raises:
        TypeError, InputError, BudgetReachedError, InterruptedRunError, StopRunError: as `compare`.
    """
    return _here(partial(_scored, traces, items, options))


async def score_async(traces: Records, *, items: Items = (), **options: object) -> JudgedRun[ScoreReport]:
    """Score as `score`, awaited."""
    return await _aside(partial(_scored, traces, items, options))


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
    with tempfile.TemporaryDirectory(prefix="omr-judge-") as folder:
        files = {name: as_file(records, name, Path(folder)) for name, records in traces.items()}
        paths = [str(one) for one in items if isinstance(one, str | Path)] if isinstance(items, list | tuple) else []
        several = isinstance(items, list | tuple) and len(paths) == len(items)
        given = paths if several else [as_file(items, "items", Path(folder))]
        is_in_memory = any(Path(folder) in Path(file).parents for file in [*files.values(), *given])
        roots = {"image_root": [Path.cwd()]} if is_in_memory else {}
        chosen = made(group, {"quiet": True, **roots, **options, **files, "items": given})
        command = [f"judge.{'compare' if group is CompareOptions else 'score'}", *map(_shown, options.items())]
        return JudgedRun(judged(chosen, command=command, say=notes.append), notes)


def _shown(option: tuple[str, object]) -> str:
    return f"{option[0]}={option[1]!r}"


def _here(work: Callable[[], T]) -> T:
    """Do work in this thread; where an event loop runs in it, in another one, and pass interrupts on to it."""
    if not _loop_runs():
        return work()
    stop = Interrupter()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(_in_context(work, stop))
        while True:
            try:
                return working.result()
            except KeyboardInterrupt:
                stop.interrupt()


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _aside(work: Callable[[], T]) -> T:
    """Do work in another thread; where this task is cancelled, interrupt it and wait for its end."""
    stop = Interrupter()
    working = asyncio.ensure_future(asyncio.to_thread(_in_context(work, stop)))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stop.interrupt()
        with suppress(InterruptedRunError):
            await working
        raise


def _in_context(work: Callable[[], T], stop: Interrupter) -> Callable[[], T]:
    context = contextvars.copy_context()
    context.run(interrupter.set, stop)
    return partial(context.run, work)
