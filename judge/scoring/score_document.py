"""A checklist score, and the difference of two, as documents and on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from judge.costs.cost_words import costs
from judge.files.safe_text import safe
from judge.scoring import score_tables
from judge.scoring.score_screen import conclusion, headline, render_screen
from judge.tables import words
from judge.tables.cells import Document
from judge.tables.first_screen import counts_line
from judge.tables.notes import LEFT_OUT
from judge.tables.terminal_table import render_table

if TYPE_CHECKING:
    from rich.console import Console

    from judge.scoring.difference import ScoreDifference
    from judge.scoring.score_report import ScoreReport


def score_document(report: ScoreReport) -> Document:
    """Return the document of a score."""
    made = report.interval
    settings = {
        "model": report.model,
        "judges": ", ".join(report.judges),
        "prompts": ", ".join(report.prompts.values()),
        "cluster_field": report.clusters.field,
        "interval_method": made.method,
        "samples": report.samples,
        "n_items": report.n_items,
        "n_clusters": report.clusters.n,
        "n_judgments": report.n_judgments,
        "n_failed": report.n_failed,
        "interval_level": made.level,
        "n_resamples": made.n_resamples,
        "seed": made.seed,
    }
    return Document(
        tables=tuple(score_tables.score_tables(report)),
        basis=_basis(report),
        settings=settings,
        warnings=report.warnings,
        conclusion=conclusion(report),
        json=report.model_dump(mode="json"),
    )


def difference_document(found: ScoreDifference) -> Document:
    """Return the document of the difference of two scores."""
    return Document(
        tables=(score_tables.difference_table(found),),
        basis=_pairing(found),
        settings={"model_a": found.models.a, "model_b": found.models.b, "n_items": found.n_items},
        warnings=(),
        conclusion=difference_conclusion(found),
        json=found.model_dump(mode="json"),
    )


def difference_conclusion(found: ScoreDifference) -> str:
    """Return the concluding sentence of a difference; what is not significant is inconclusive, never equal."""
    total = found.trace_score
    if total.estimate is None:
        return "On the trace score, inconclusive: no item has it in both runs."
    between = f"{100 * total.estimate:+.1f} points [{100 * (total.low or 0):+.1f}, {100 * (total.high or 0):+.1f}]"
    told = f"{between} over {total.n} items, {total.p_method} sign-flip {words.p_text(total.p_value)}"
    return f"On the trace score, a is {total.verdict}: {told}."


def render_scores(
    report: ScoreReport, console: Console, *, run: str = "latest", full: bool = False, errors: bool = False
) -> None:
    """Render the first screen, or the tables, the cost, and every warning; on request with standard errors."""
    if not (full or errors or report.subgroups):
        render_screen(report, console, run=run)
        return
    for line in (*headline(report, run), *_counts(report)):
        console.print(Text(safe(line)))
    for table in score_tables.score_tables(report):
        if table.key != "costs":
            stacked = table.key in {"subgroups", "groups"}
            console.print(render_table(table, console.width, stacked=stacked, errors=errors))
    for line in costs(report):
        console.print(Text(safe(line)))
    console.print(Text(safe(f"{_basis(report)}{f' {words.ERRORS}' if errors else ''}"), style="dim"))
    for warning in report.warnings:
        console.print(Text(f"Warning: {safe(warning)}", style="bold yellow"))


def render_difference(found: ScoreDifference, console: Console, *, errors: bool = False) -> None:
    """Render the difference of two scores; on request with standard errors."""
    console.print(Text(safe(f"a = {found.models.a}\nb = {found.models.b}")))
    console.print(render_table(score_tables.difference_table(found), console.width, stacked=True, errors=errors))
    console.print(Text(safe(f"{_pairing(found)}{f' {words.ERRORS}' if errors else ''}"), style="dim"))
    console.print(Text(safe(difference_conclusion(found)), style="bold"))


def _percent(text: str) -> str:
    return text.replace(" [", " % [", 1) if " [" in text else f"{text} %"


def _counts(report: ScoreReport) -> list[str]:
    lines = [counts_line(report)]
    if report.n_unread:
        lines.append(f"{words.count(report.n_unread, 'trace')} whose final answer cannot be read: not right")
    if report.n_without_answer:
        unknown = words.count(report.n_without_answer, "item")
        lines.append(f"{unknown} whose right answer is unknown: out of the accuracy")
    left_out = report.left_out.items()
    return lines + [f"{words.count(n, 'item')} left out: {LEFT_OUT[reason]}" for reason, n in left_out if n]


def _basis(report: ScoreReport) -> str:
    samples = f", {report.samples} samples each" if report.samples > 1 else ""
    prompts = ", ".join(report.prompts.values())
    return (
        f"{report.model} scored by {', '.join(report.judges)} with prompts {prompts}{samples}. "
        f"Percent, with {words.intervals(report.interval, report.clusters)}; never over units."
        f"{words.quoted(report.fingerprint)}"
    )


def _pairing(found: ScoreDifference) -> str:
    apart = {"only in a": found.n_only_a, "only in b": found.n_only_b, "other checklists": found.n_other_checklist}
    left = ", ".join(f"{reason} {count}" for reason, count in apart.items() if count)
    return (
        f"a is {found.models.a}, b is {found.models.b}; {found.n_items} items in both"
        f"{f'; left out: {left}' if left else ''}. {100 * found.interval.level:.0f} % intervals over items or clusters."
    )
