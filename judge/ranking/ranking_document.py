"""The tables and sentences of a ranking, for every output format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from judge.costs.cost_words import dollars
from judge.files.safe_text import safe
from judge.ranking.ranking_words import HELD, LEGEND, MATRIX, PAIRS, basis, conclusion, fit_words
from judge.tables import cells, words
from judge.tables.cells import Cell, Document, Table
from judge.tables.terminal_table import render_table

if TYPE_CHECKING:
    from rich.console import Console

    from judge.outcomes.rates import Estimate
    from judge.ranking.ranking_report import CriterionRanking, Curve, PartRanking, RankedModel, RankingReport
    from judge.tables.cells import RecordColumns

BAR_CELLS = 25
MOST_IN_MATRIX = 8
"""models; the matrix of more is too wide for a terminal"""


def ranking_document(report: RankingReport) -> Document:
    """Return everything that a paper or a program takes from a ranking."""
    settings = {
        "judges": ", ".join(report.judges),
        "prompt": report.prompt,
        "rubric": report.rubric,
        "items": report.n_items,
        "judgments": report.n_judgments,
        "failed": report.n_failed,
        "not_asked": report.n_not_asked,
        "errors": report.errors.method,
        "seed": report.errors.seed,
        "design": report.design,
    }
    tables = tuple(_tables(report))
    return Document(
        tables, basis(report), settings, report.warnings, conclusion(report), report.model_dump(mode="json")
    )


def _tables(report: RankingReport) -> Iterator[Table]:
    for name, found in report.criteria.items():
        yield ranking_table(found.models, key="ranking", title=f"Ranking on {name}")
        yield matrix(found, name)
        yield pairs_table(found, name)
        yield from part_tables(found, name)
        yield from moved_tables(found, name)
    if report.curve:
        yield curve_table(report.curve)


def ranking_table(models: Sequence[RankedModel], *, key: str, title: str, note: str = "", judge: str = "") -> Table:
    """Return the table of ranks."""
    columns: RecordColumns = {
        "rank": ("rank", lambda rank: Cell(str(rank), rank)),
        "rating": ("rating", cells.number),
        "win_rate": ("win rate, %", cells.rate),
        "win_rate.numerator": ("credit", cells.total),
        "win_rate.n": ("items", cells.count),
        "missing": ("missing", cells.count),
    }
    table = Table.of_records(
        "model",
        {one.model: one for one in models},
        columns,
        key=key,
        title=title,
        note=note,
        judge=judge,
        legend=LEGEND,
    )
    rows = [row._replace(cells=(_rank(one), *row.cells[1:])) for row, one in zip(table.rows, models, strict=True)]
    return table._replace(rows=tuple(rows))


def _rank(model: RankedModel) -> Cell:
    return Cell(rank_text(model), model.rank, model.rank_low, model.rank_high)


def rank_text(model: RankedModel) -> str:
    """Return a rank with its interval."""
    return f"{model.rank} [{model.rank_low}, {model.rank_high}]"


def matrix(found: CriterionRanking, criterion: str) -> Table:
    """Return expected win rates of each model against each, by rank; a dash where nobody was asked about the two."""
    names = [model.model for model in found.models]
    rates: dict[tuple[str, str], Cell] = {}
    for pair in found.pairs:
        rate, n = pair.expected.estimate, pair.win_rate.n
        if rate is None:
            continue
        for one, other, own in ((pair.a, pair.b, rate), (pair.b, pair.a, round(1 - rate, 6))):
            rates[one, other] = Cell(f"{cells.share(own).text} ({n:g})", own, n=n)
    rows = tuple(cells.row(one, *(rates.get((one, other), Cell("-")) for other in names)) for one in names)
    title = f"Who beats whom on {criterion}, %"
    return Table("win_rates", title, "model", {name: name for name in names}, rows, MATRIX)


def pairs_table(found: CriterionRanking, criterion: str) -> Table:
    """Return every pair as judged, beside what the ratings say."""
    columns: RecordColumns = {
        "win_rate": ("win rate, %", cells.rate),
        "wins_a": ("W", cells.count),
        "ties": ("T", cells.count),
        "wins_b": ("L", cells.count),
        "splits": ("split", cells.count),
        "missing": ("missing", cells.count),
        "not_asked": ("not asked", cells.count),
        "expected": ("expected, %", cells.rate),
        "z": ("z", lambda z: cells.plain(z, "" if z is None else f"{z:.1f}")),
    }
    records = {f"{pair.a} : {pair.b}": pair for pair in found.pairs}
    return Table.of_records(
        "pair", records, columns, key="pairs", title=f"Pairs on {criterion}", note=fit_words(found), legend=PAIRS
    )


def part_tables(found: CriterionRanking, criterion: str) -> Iterator[Table]:
    """Yield the ranking within each value of a field, each stratum of answers, and by each judge."""
    fields: Mapping[str, Mapping[str, PartRanking]] = {
        **found.subgroups,
        "answers": found.strata,
        "judge": found.by_judge,
    }
    for field, values in fields.items():
        for value, part in values.items():
            title = f"Ranking on {criterion}, {field} {value.replace('_', ' ')} ({part.n} judged pairs)"
            note = f"No ranking: {part.problem}" if part.problem else HELD if part.held else ""
            own = {"key": "by_" + "".join(c if c.isalnum() else "_" for c in field), "title": title, "note": note}
            yield ranking_table(part.models, **own, judge=value if field == "judge" else "")


def moved_tables(found: CriterionRanking, criterion: str) -> Iterator[Table]:
    """Yield how far added models moved the others, where some were."""
    if not found.moved:
        return

    def signed(value: float) -> Cell:
        return Cell(f"{value:+.2f}", value)

    columns: RecordColumns = {
        "rank_before": ("rank before", cells.count),
        "rank": ("rank", cells.count),
        "before": ("rating before", signed),
        "after": ("rating", signed),
        "recentred": ("by the new average", signed),
        "indirect": ("by their pairs", signed),
    }
    note = (
        "by the new average: all ratings move alike, as the added models change what is average; by their pairs: what "
        "the verdicts on the added models tell of this one; ranks are among the models that were there before"
    )
    records = {one.model: one for one in found.moved}
    yield Table.of_records(
        "model", records, columns, key="moved", title=f"How the added models moved the others on {criterion}", note=note
    )


def curve_table(curve: Curve) -> Table:
    """Return the checkpoints in order."""
    columns: RecordColumns = {
        "step": ("step", lambda step: Cell(f"{step:g}", step)),
        "difference": ("rating less the base's", cells.number),
        "win_rate": ("win rate against the base, %", cells.rate),
        "differs": ("differs", lambda differs: cells.in_words("yes" if differs else "no")),
        "mean_chars": ("characters", lambda chars: cells.plain(chars, f"{chars or 0:.0f}")),
        "flagged": ("flagged, %", cells.share),
    }
    first = curve.first_different
    note = (
        f"{curve.base} is the base; {f'{first} is the first that differs from it' if first else 'none differs from it'}"
    )
    left = f"; without a step: {', '.join(curve.left_out)}" if curve.left_out else ""
    return Table.of_records(
        "model",
        {step.model: step for step in curve.steps},
        columns,
        key="curve",
        title=f"Checkpoints by {curve.field}",
        note=f"{note}; the intervals hold for all steps together{left}",
    )


def render_ranking(report: RankingReport, console: Console, *, errors: bool = False) -> None:
    """Draw a ranking on the terminal: of the criteria before the last, the ranks alone."""
    overall = list(report.criteria)[-1]
    for name, found in report.criteria.items():
        console.print(
            render_table(
                ranking_table(found.models, key="ranking", title=f"Ranking on {name}"), console.width, errors=errors
            )
        )
        console.print(Text("\n".join(bars(found.models))), soft_wrap=True)
        shown = [matrix(found, name), pairs_table(found, name)] if len(found.models) <= MOST_IN_MATRIX else []
        parts = part_tables(found, name) if name == overall else ()
        for table in (*(shown if name == overall else ()), *parts, *moved_tables(found, name)):
            console.print(render_table(table, console.width, stacked=True, errors=errors))
        if not shown:
            console.print(Text(safe(fit_words(found))))
    if report.curve:
        console.print(render_table(curve_table(report.curve), console.width, stacked=True, errors=errors))
    cost = "" if report.usd is None else f" Cost: {dollars(report.usd)}."
    console.print(Text(safe(f"{basis(report)}{cost} {LEGEND}."), style="dim"))
    for warning in report.warnings:
        console.print(Text(f"Warning: {safe(warning)}", style="bold yellow"))
    console.print(Text(safe(conclusion(report)), style="bold"))


def bars(models: Sequence[RankedModel]) -> list[str]:
    """Return each model's win rate with its interval as a bar from 0 to 100 %."""
    width = max(len(safe(model.model)) for model in models)
    return [f"{safe(one.model):{width}} |{_bar(one.win_rate)}| {words.percent(one.win_rate)}" for one in models]


def _bar(rate: Estimate) -> str:
    places = [" "] * BAR_CELLS
    if rate.low is not None and rate.high is not None:
        for place in range(_place(rate.low), _place(rate.high) + 1):
            places[place] = "-"
    places[_place(rate.estimate or 0.0)] = "o"
    return "".join(places)


def _place(rate: float) -> int:
    return round(rate * (BAR_CELLS - 1))
