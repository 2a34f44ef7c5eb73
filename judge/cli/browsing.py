"""The commands that show single items: list, show, and view, which serves the page of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from judge.cli.named_runs import find_run, refuse_options
from judge.cli.options import RunPath
from judge.enums import AnswerStanding, FailureMode, Sort, Stratum, Unplaced
from judge.errors import InputError
from judge.files.safe_text import safe
from judge.files.terminal import console, tell, write
from judge.judging.options import DEFAULT_RUNS, Runs
from judge.schema import FailureKind, Outcome

if TYPE_CHECKING:
    from judge.audit.browse import Listing
    from judge.audit.filters import Filters
    from judge.runs.run_folder import RunFolder

ANSWERS = (*Stratum, Unplaced.UNREADABLE)


def _field(given: str) -> tuple[str, str]:
    field, equals, value = given.partition("=")
    if not (field and equals):
        raise InputError(f"--where {given}", "is no FIELD=VALUE", "e.g. --where specialty=cardio")
    return field, value


def _answers(given: str) -> Stratum | Unplaced:
    """Return the stratum that a word names; ValueError for other words."""
    if given not in ANSWERS:
        raise ValueError(f"{given!r} is not one of {', '.join(ANSWERS)}")
    return Unplaced.UNREADABLE if given == Unplaced.UNREADABLE else Stratum(given)


@dataclass(frozen=True)
class PairFilters:
    """Filters of the items of a comparison."""

    criterion: Annotated[
        tuple[str, ...],
        typer.Option("--criterion", metavar="NAME", help="Whose outcomes; repeatable. Default: the last."),
    ] = ()
    outcome: Annotated[
        tuple[Outcome, ...], typer.Option("--outcome", help="Only items with it on a chosen criterion; repeatable.")
    ] = ()
    failure: Annotated[
        tuple[FailureKind, ...], typer.Option("--failure", help="Only items with such a failure; repeatable.")
    ] = ()
    judges_disagree: Annotated[
        bool, typer.Option("--judges-disagree", help="Only items where one judge is for a and another for b.")
    ] = False
    where: Annotated[
        tuple[str, ...],
        typer.Option("--where", metavar="FIELD=VALUE", help="Only items with it; repeatable: all must hold."),
    ] = ()
    answers: Annotated[
        tuple[str, ...],
        typer.Option(
            "--answers",
            metavar=f"<list[{'|'.join(ANSWERS)}]>",
            parser=_answers,
            help="Only items whose final answers are so; repeatable.",
        ),
    ] = ()
    flagged: Annotated[
        bool,
        typer.Option("--flagged", help="Only items with a flagged trace (`omr-judge flags --help` names the flags)."),
    ] = False

    def chosen(self, text: str) -> Filters:
        """Return the filters, with words that items must contain."""
        from judge.audit.filters import Filters

        return Filters(
            outcomes=frozenset(self.outcome),
            failures=frozenset(self.failure),
            answers=frozenset(map(_answers, self.answers)),
            judges_disagree=self.judges_disagree,
            flagged=self.flagged,
            where=tuple(map(_field, self.where)),
            text=text,
        )

    def given(self) -> dict[str, object]:
        """Return the options with their values."""
        return {f"--{name.replace('_', '-')}": value for name, value in vars(self).items()}


@dataclass(frozen=True)
class CaseFilters:
    """Filters of the traces of a score."""

    mode: Annotated[
        tuple[FailureMode, ...], typer.Option("--mode", help="Of a score: only traces with a unit so; repeatable.")
    ] = ()
    answer: Annotated[
        tuple[AnswerStanding, ...],
        typer.Option("--answer", help="Of a score: only traces whose answer is so; repeatable."),
    ] = ()


def show(
    run: RunPath,
    item: Annotated[
        str | None, typer.Argument(metavar="ITEM", help="An item; default: the most doubtful, or the lowest score.")
    ] = None,
    *,
    raw: Annotated[bool, typer.Option("--raw", help="What was sent and what came back, too.")] = False,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Read one item: its traces, every verdict with its evidence, and how each request went."""
    folder = find_run(run, runs)
    if folder.any_manifest().kind == "score":
        from judge.audit.browse import read_case
        from judge.audit.render_case import render_case

        render_case(read_case(folder, item), console(), raw=raw)
        return
    from judge.audit.browse import read_item
    from judge.audit.render_item import render_item

    render_item(read_item(folder, item), console(), raw=raw)


def list_(
    run: RunPath,
    *,
    pairs: PairFilters,
    text: Annotated[
        str, typer.Option(metavar="WORDS", help="Only items whose question, traces or replies hold them, in any case.")
    ] = "",
    cases: CaseFilters,
    sort: Annotated[
        Sort, typer.Option(help="The most doubtful (of a score: the lowest) first, or as they stand.")
    ] = Sort.DOUBT,
    n: Annotated[int | None, typer.Option(min=1, help="Most items to print; default: all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """List items of a run by what was said of them, one a line."""
    folder = find_run(run, runs)
    if folder.any_manifest().kind == "score":
        refuse_options(pairs.given(), "is for runs of `compare`")
        from judge.audit.browse import list_traces
        from judge.audit.filters import TraceFilters
        from judge.audit.render_list import trace_lines, trace_record

        traces = list_traces(folder, TraceFilters(frozenset(cases.mode), frozenset(cases.answer), text), sort, n)
        _print(traces, "traces", map(trace_record, traces.rows) if json else trace_lines(traces.rows), as_json=json)
        if not json:
            _say_why(folder, traces)
        return
    refuse_options({"--mode": cases.mode, "--answer": cases.answer}, "is for runs of `score`")
    from judge.audit.browse import list_items
    from judge.audit.render_list import item_lines, item_record

    found, manifest = list_items(folder, pairs.chosen(text), pairs.criterion, sort, n), folder.manifest()
    rows = map(item_record, found.rows) if json else item_lines(found.rows)
    _print(found, "items", rows, as_json=json, more=safe(f"; a is {manifest.model_a}, b is {manifest.model_b}"))
    if not json:
        _say_why(folder, found)


def _say_why(folder: RunFolder, found: Listing[Any]) -> None:
    """Say how the first of those that were found is read."""
    if found.rows:
        tell(f"Why: omr-judge show {quote(str(folder.path))} {quote(found.rows[0].item)}")


def _print(found: Listing[Any], what: str, rows: Iterable[object], *, as_json: bool, more: str = "") -> None:
    """Print records as JSON with the foot on stderr, or lines with the foot after them."""
    import orjson

    for row in rows if found.rows else ():
        write(orjson.dumps(row) if as_json else str(row))
    foot = f"{found.matched} of {found.total} {what}"
    if len(found.rows) < found.matched:
        foot += "; the first is shown" if len(found.rows) == 1 else f"; the first {len(found.rows)} are shown"
    if as_json:
        tell(foot)
    else:
        write(foot + more if found.rows else foot)


def view(
    run: RunPath,
    *,
    runs: Runs = DEFAULT_RUNS,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; anything but 127.0.0.1 lets others read and label.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
) -> None:
    """Serve the page of a run on this machine; labels made in it are kept in the run's folder."""
    from judge.page.serve import serve

    serve(find_run(run, runs), host=host, port=port, say=tell)
