"""The library: its names, what it takes, and that it works where an event loop runs."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import polars as pl
import pytest
from command import environment, omr_judge, read_jsonl, wait_until, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient
from pictures import written
from PIL import Image
from provider_server import ProviderServer, Script, longer_wins

import judge
from judge import api
from judge.errors import InputError, InterruptedRunError, RunError
from judge.inputs.in_memory import as_file
from judge.inputs.input_options import CaseOptions
from judge.judging.command_options import CompareOptions, ScoreOptions
from judge.judging.option_groups import made
from judge.report.report import Report

NAMES = [
    *("AsyncJudge", "Judge", "JudgedRun", "Ranking", "__version__", "compare", "compare_async", "open_run"),
    *("open_run_async", "rank", "rank_async", "score", "score_async"),
]
A = [{"id": str(n), "question": f"Question {n}?", "trace": f"A thought that is long of {n}."} for n in range(4)]
B = [{"id": str(n), "question": f"Question {n}?", "trace": f"A thought of {n}."} for n in range(4)]
ROOT = Path(__file__).parents[1]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ProviderServer]:
    monkeypatch.setenv("OMR_JUDGE_API_KEY", "key")
    monkeypatch.chdir(tmp_path)
    with ProviderServer(longer_wins) as server:
        yield server


def named(provider: ProviderServer) -> str:
    return f"openai:judge-1@{provider.url}/v1"


def test_the_library_has_these_names_each_documented_and_with_an_awaited_twin() -> None:
    assert judge.__all__ == NAMES
    assert [name for name in NAMES if name != "__version__"] == api.__all__
    assert set(NAMES) <= set(dir(judge))
    for name in api.__all__:
        assert inspect.getdoc(getattr(judge, name))
        if inspect.isfunction(getattr(judge, name)) and not name.endswith("_async"):
            assert inspect.iscoroutinefunction(getattr(judge, f"{name}_async"))
    with pytest.raises(AttributeError, match="has no attribute 'contrast'"):
        judge.contrast  # noqa: B018
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    assert [name for name in api.__all__ if f"`{name}" not in page] == []


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import judge; print(sorted(m for m in set(sys.modules) - before))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    heavy = {"polars", "numpy", "pydantic", "openai", "anthropic", "aiohttp", "asyncio", "typer", "judge.api"}
    assert not heavy & set(eval(said.stdout))  # noqa: S307 - our own


def test_a_call_gives_the_report_and_rows_of_the_command_and_goes_on_with_its_run(
    provider: ProviderServer, tmp_path: Path
) -> None:
    run = judge.compare(A, B, judge=named(provider), name="run", orders="both", samples=1, max_cost=None)
    assert isinstance(run.report, Report)
    assert (run.report.n_items, run.report.criteria["overall"].win_rate.estimate) == (4, 1)
    assert run.frame("items").height == 4 * 4
    assert run.frame("judgments").height == 4 * len(provider.calls) == 32
    with pytest.raises(ValueError, match="no table is called 'units'"):
        run.frame("units")  # type: ignore[arg-type]
    assert "win rate" in run._repr_html_()
    assert run._repr_markdown_() == omr_judge("report", "run", "--format", "markdown", cwd=tmp_path).stdout
    assert repr(run) == "JudgedRun('runs/run')"
    assert judge.compare(A, B, judge=named(provider)).path == run.path
    assert asyncio.run(judge.open_run_async("run")).report == run.report
    assert len(provider.calls) == 8
    with pytest.raises(RunError, match="no run of this name"):
        judge.open_run("other")


def test_many_models_are_ranked_as_the_command_ranks_them(provider: ProviderServer, tmp_path: Path) -> None:
    models = {
        name: [row | {"model": name, "trace": row["trace"] + " More." * (n + int(row["id"]) % 2 * n)} for row in B]
        for n, name in enumerate("xyz")
    }
    pairs = itertools.combinations(models, 2)
    runs = [judge.compare(models[a], models[b], judge=named(provider), name=f"{a}{b}") for a, b in pairs]
    n_calls = len(provider.calls)
    found = judge.rank("runs")
    printed = json.loads(omr_judge("rank", "runs", "--json", cwd=tmp_path).stdout)
    assert found.report.model_dump(mode="json") == printed
    assert "Ranking on overall" in found._repr_html_()
    assert "Ranking on overall" in found._repr_markdown_()
    assert found.frame("models").filter(criterion="overall")["model"].to_list() == ["z", "y", "x"]
    overall = found.report.criteria["overall"]
    assert found.frame("pairs").filter(criterion="overall")["win_rate_estimate"].to_list() == [
        pair.win_rate.estimate for pair in overall.pairs
    ]
    assert repr(found) == "Ranking(x, y, z)"
    assert asyncio.run(judge.rank_async(runs[0], runs[1].path, "yz")).report.criteria == found.report.criteria
    assert len(provider.calls) == n_calls
    with pytest.raises(ValueError, match="no table is called 'items'"):
        found.frame("items")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no option is called html"):
        judge.rank("runs", html="x")
    with pytest.raises(TypeError, match="needs a run"):
        judge.rank()
    with pytest.raises(RunError, match="no run"):
        judge.rank("other")


def frames(folder: Path) -> dict[str, Callable[[list[dict[str, Any]]], object]]:
    from datasets import Dataset  # noqa: PLC0415 - it takes a second

    class Exchanged:
        def __init__(self, rows: list[dict[str, Any]]) -> None:
            self._frame = pd.DataFrame(rows).pipe(Dataset.from_pandas).data.table

        def __dataframe__(self, **given: Any) -> object:  # noqa: ANN401
            return self._frame.__dataframe__(**given)

    return {
        "list": lambda rows: rows,
        "generator": iter,
        "path": lambda rows: write_jsonl(folder / f"{len(rows[0]['trace'])}.jsonl", rows),
        "polars": pl.DataFrame,
        "lazy": pl.LazyFrame,
        "pandas": pd.DataFrame,
        "arrow": lambda rows: pd.DataFrame(rows).pipe(Dataset.from_pandas).data.table,
        "datasets": Dataset.from_list,
        "interchange": Exchanged,
    }


@pytest.mark.parametrize("names", [("list", "path", "polars", "pandas"), pytest.param((), marks=pytest.mark.slow)])
def test_records_of_every_library_are_the_same_run(
    names: tuple[str, ...], provider: ProviderServer, tmp_path: Path
) -> None:
    reports = set()
    known = frames(tmp_path)
    for name in names or known:
        form = known[name]
        # A file of ours has the bytes that any other library's would have: the run is the same one.
        run = judge.compare(form(A), form(B), judge=named(provider), **({"name": name} if name == "path" else {}))
        reports.add(run.report.model_dump_json(exclude={"models", "fingerprint"}))
    assert len(reports) == 1
    assert len(provider.calls) == 8 * 2
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_images_in_a_frame_are_shown(provider: ProviderServer) -> None:
    from datasets import Dataset  # noqa: PLC0415

    items = [
        {"id": row["id"], "question": row["question"], "image": {"bytes": written(), "path": "x.png"}} for row in A
    ]
    bare = [{"id": row["id"], "trace": row["trace"]} for row in A]
    for form in (pl.DataFrame, Dataset.from_list):
        judge.compare(bare, pl.DataFrame(B), items=form(items), judge=named(provider))
        assert len(provider.calls[-1].images) == 1
    Path("x.png").write_bytes(written())
    shown = Image.open("x.png")
    for n, image in enumerate((written(), items[0]["image"], [shown, written()], {"bytes": None, "path": "x.png"})):
        rows = [{**row, "image": image} for row in A]
        for form in (list, pl.DataFrame, pd.DataFrame) if n < 2 else (list, pd.DataFrame):
            judge.compare(form(rows), B, judge=named(provider), name=f"{n}-{form.__name__}-{form.__module__}")
            assert len(provider.calls[-1].images) == (2 if n == 2 else 1)


def test_items_may_be_several_files_and_a_score_takes_checklists(provider: ProviderServer, tmp_path: Path) -> None:
    halves = [write_jsonl(tmp_path / f"{n}.jsonl", rows) for n, rows in enumerate((A[:2], A[2:]))]
    bare = [{"id": row["id"], "trace": row["trace"]} for row in B]
    assert judge.compare(A, bare, items=halves, judge=named(provider)).report.n_items == 4
    with pytest.raises(InputError, match="have no checklist"):
        judge.score(A, judge=named(provider))
    with pytest.raises(InputError, match="have no checklist"):
        asyncio.run(judge.score_async(A, judge=named(provider)))


@pytest.mark.parametrize(
    ("records", "told"),
    [
        (5, "a int holds no records"),
        ({"id": 1}, "a dict holds no records"),
        ([], "^a: holds no records"),
        (iter(()), "^a: holds no records"),
        (pl.DataFrame(schema={"id": pl.String, "trace": pl.String}), "^a: holds no records"),
        (pd.DataFrame(), "^a: holds no records"),
        (pd.Series(["x"]), "a Series holds no records"),
        (pl.Series(["x"]), "a Series holds no records"),
        (["x"], "a:1: a str is no record"),
        ([{"id": {1, 2}}], "a:1: cannot be written as JSON"),
        ([{"id": "1"}], "^a:1: missing trace"),
        (pl.DataFrame([{"id": "1", "image": b"x"}]), "^a:1: missing trace"),
        ([{"id": "1", "trace": "x", "level": object()}], "^a:1: cannot be written as JSON"),
    ],
)
def test_what_holds_no_records_is_refused(records: object, told: str, provider: ProviderServer) -> None:
    with pytest.raises(InputError, match=told):
        judge.compare(records, B, judge=named(provider))


def test_the_index_of_a_frame_of_pandas_is_a_column_where_it_has_a_name(provider: ProviderServer) -> None:
    frames = [pd.DataFrame(rows).set_index("id") for rows in (A, B)]
    assert judge.compare(*frames, judge=named(provider)).report.n_items == 4


@given(
    st.lists(st.dictionaries(st.text(min_size=1), st.none() | st.integers(-9, 9) | st.text()), min_size=1, max_size=5)
)
def test_objects_are_written_as_they_are_without_nulls(rows: list[dict[str, Any]]) -> None:
    import tempfile  # noqa: PLC0415 - a folder for each example

    with tempfile.TemporaryDirectory() as folder:
        path = as_file(rows, "rows", Path(folder))
        assert read_jsonl(Path(path)) == [{k: v for k, v in row.items() if v is not None} for row in rows]


def test_options_have_their_names_and_values_of_the_command_line() -> None:
    options = made(
        CompareOptions,
        {"a": Path("a.jsonl"), "b": "b.jsonl", "judge": "x", "ci": "wilson", "max_cost": "$2.50", "shard": "2/4"}
        | {"field": ["trace=t"], "show_reference": False, "timeout": 5},
    )
    assert (options.inputs.a, options.judges, options.interval.value) == ("a.jsonl", ("x",), "wilson")
    assert (str(options.judging.max_cost), str(options.shard), options.show_reference) == ("2.50", "2/4", False)
    assert (options.judging.policy.timeout, options.judging.policy.attempts) == (5, 8)
    assert made(ScoreOptions, {"traces": "t"}) == ScoreOptions(CaseOptions("t"))
    for given_, told in (
        ({"concurrency": 0}, "concurrency: 0 is not from 1"),
        ({"orders": "all"}, "orders: 'all': Input should be"),
        ({"max_cost": "much"}, "no amount of dollars"),
        ({"look_every": 3}, "says how a run stops early"),
    ):
        with pytest.raises(InputError, match=told):
            made(CompareOptions, {"a": "a", "b": "b", **given_})
    with pytest.raises(TypeError, match="no option is called jugde; there are a, "):
        made(CompareOptions, {"a": "a", "b": "b", "jugde": "x"})


def test_it_works_where_an_event_loop_runs_and_several_at_once(provider: ProviderServer) -> None:
    async def main() -> None:
        here = judge.compare(A, B, judge=named(provider))
        other = judge.compare_async(B, A, judge=named(provider))
        third = judge.compare_async(A[:2], B[:2], judge=named(provider))
        assert [run.report.n_items for run in (here, *await asyncio.gather(other, third))] == [4, 4, 2]

    asyncio.run(main())


def held_after_two(go_on: threading.Event) -> Script:
    """Answer the second call, and those after it, once told to go on."""
    return lambda call: replace(longer_wins(call), after=lambda: call.number < 1 or go_on.is_set())


def test_a_cancelled_task_leaves_a_run_that_the_same_call_goes_on_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OMR_JUDGE_API_KEY", "key")
    monkeypatch.chdir(tmp_path)
    cancelled = threading.Event()
    with ProviderServer(held_after_two(cancelled)) as server:

        async def main() -> None:
            task = asyncio.create_task(judge.compare_async(A, B, judge=named(server), concurrency=1))
            await asyncio.to_thread(wait_until, lambda: len(server.calls) >= 2)
            task.cancel()
            cancelled.set()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        n = len(server.calls)
        assert n < 8
        assert judge.open_run("latest").report.n_judgments == n
        judge.compare(A, B, judge=named(server))
        assert len(server.calls) == 8


def test_ctrl_c_in_a_notebook_leaves_a_run_that_resumes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMR_JUDGE_API_KEY", "key")
    monkeypatch.chdir(tmp_path)
    interrupted = threading.Event()
    with ProviderServer(held_after_two(interrupted)) as server:

        def interrupt() -> None:
            wait_until(lambda: len(server.calls) >= 2)
            os.kill(os.getpid(), signal.SIGINT)
            interrupted.set()

        async def cell() -> None:
            # A kernel runs a cell within its loop, and raises KeyboardInterrupt in the main thread.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            threading.Thread(target=interrupt).start()
            with pytest.raises(InterruptedRunError, match="what was judged is kept"):
                judge.compare(A, B, judge=named(server), concurrency=1)

        asyncio.run(cell())
        n = len(server.calls)
        assert n < 8
        judge.compare(A, B, judge=named(server))
        assert len(server.calls) == 8


@pytest.mark.slow
def test_the_example_notebook_runs_with_the_embedded_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    path = ROOT / "examples" / "notebook.ipynb"
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes((ROOT / "examples" / name).read_bytes())
    began = time.monotonic()
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("text/html" in output.get("data", {}) for output in shown)
    assert not [output for output in shown if output.output_type == "error"]
    assert all(not cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)  # type: ignore[no-untyped-call]
    assert time.monotonic() - began < 300
