"""Tables of a checklist score, and of the difference of two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from judge.schema import Group
from judge.scoring.scores import PARTS
from judge.tables import cells
from judge.tables.cells import Cell, Table
from judge.tables.tables import cost_table

if TYPE_CHECKING:
    from judge.scoring.difference import Difference, ScoreDifference
    from judge.scoring.figures import Figures
    from judge.scoring.score_report import ScoreReport


def difference(own: Difference) -> Cell:
    """Show a difference of rates with its interval, in points, always with its sign."""
    if own.estimate is None:
        return Cell("-")
    ends = "" if own.low is None or own.high is None else f" [{100 * own.low:+.1f}, {100 * own.high:+.1f}]"
    error = "" if own.se is None else f"{100 * own.se:.1f}"
    text = f"{100 * own.estimate:+.1f}{ends}"
    return Cell(text, own.estimate, own.low, own.high, own.n, se=own.se, error=error)


TOTALS = {
    "trace_score": "trace score",
    "answer_accuracy": "answer accuracy",
    "right_and_grounded": "right, with a grounded rationale",
}
STANDINGS = {
    "scored": "scored",
    "missing": "missing",
    "unseen": "images not seen",
    "without_units": "no unit in it",
    "nothing_present": "scored, nothing present",
}
LEGEND = (
    "Means over traces: presence, how far the units are spoken of; correctness and consistency, the shares of right "
    "and of uncontradicted ones among those spoken of; score, presence x correctness of each trace. The trace score is "
    "the mean of the three groups' scores"
)


def score_tables(report: ScoreReport) -> Iterator[Table]:
    """Yield every table of a score's report that has something to say."""
    yield from figure_tables(report, f"Scored by {', '.join(report.judges)}")
    for judge, figures in report.by_judge.items():
        yield from figure_tables(figures, f"Scored by {judge} alone", judge)
    yield failure_modes(report)
    yield standings(report)
    yield from subgroups(report)
    if report.costs:
        yield cost_table(report.costs)


def figure_tables(figures: Figures, title: str, judge: str = "") -> Iterator[Table]:
    """Yield the figures of each group, and those of whole traces."""
    yield Table.of_records(
        "group",
        {group.value: own for group, own in figures.groups.items()},
        {part: (part, cells.rate) for part in PARTS},
        key="groups",
        title=title,
        judge=judge,
        legend=LEGEND,
    )
    yield Table(
        key="traces",
        title="Whole traces",
        of="figure",
        columns={"estimate": "percent", "n": "traces"},
        rows=tuple(
            cells.row(told, cells.counted(getattr(figures, name)), cells.count(getattr(figures, name).n))
            for name, told in TOTALS.items()
        ),
        judge=judge,
    )


def failure_modes(report: ScoreReport) -> Table:
    """Return the units by failure mode."""
    counts = report.failure_modes
    rows = {**{group.value: own for group, own in counts.by_group.items()}, **counts.by_importance, "all": counts.all}
    return Table(
        key="failure_modes",
        title="What is wrong with the units: the first that applies, each reply counted by itself",
        of="units",
        columns={mode.value: mode.value.replace("_", " ") for mode in counts.all},
        rows=tuple(cells.row(name, *(cells.count(count) for count in own.values())) for name, own in rows.items()),
    )


def standings(report: ScoreReport) -> Table:
    """Return the items by their standing with each group."""
    return Table.of_records(
        "group",
        {group.value: own for group, own in report.group_counts.items()},
        {name: (heading, cells.count) for name, heading in STANDINGS.items()},
        key="standings",
        title=f"How it stands with the {report.n_items} items",
    )


def subgroups(report: ScoreReport) -> Iterator[Table]:
    """Yield the figures by each field that was asked for."""
    for field, values in report.subgroups.items():
        small = [value for value, own in values.items() if own.small]
        yield Table(
            key="subgroups",
            title=f"Scores by {field}",
            of=field,
            columns={"n": "items", **{group.value: group.value for group in Group}, **TOTALS},
            rows=tuple(
                cells.row(
                    value,
                    cells.count(own.n),
                    *(cells.rate(own.groups[group].score) for group in Group),
                    *(cells.rate(getattr(own, name)) for name in TOTALS),
                )
                for value, own in values.items()
            ),
            note=f"Fewer than 20 items, read nothing into them: {', '.join(small)}" if small else "",
        )


def difference_table(found: ScoreDifference) -> Table:
    """Return the differences of two scores, figure by figure."""
    parts = {f"{group}, {part}": own for group, parts in found.groups.items() for part, own in parts.items()}
    differences = parts | {told: getattr(found, name) for name, told in TOTALS.items()}
    return Table(
        key="differences",
        title="Is a better, on the same items?",
        of="figure",
        columns={
            "a": "a",
            "b": "b",
            "difference": "a - b",
            "p_value": "p",
            "p_adjusted": "p, adjusted (Holm)",
            "verdict": "a is",
            "n": "items",
        },
        rows=tuple(
            cells.row(
                name,
                cells.share(own.a),
                cells.share(own.b),
                difference(own),
                cells.p_value(own.p_value),
                cells.p_value(own.p_adjusted),
                cells.in_words(own.verdict),
                cells.count(own.n),
            )
            for name, own in differences.items()
        ),
        legend="In percent; the sign-flip test's p; the trace score was declared first and keeps its own p",
    )
