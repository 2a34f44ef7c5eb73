"""The tables of how reliable the verdicts are: agreement, other judges, parts of the variance, and the halo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from judge.tables import cells, reliability_words, words
from judge.tables.cells import Cell, Table

if TYPE_CHECKING:
    from judge.report.judge_agreement import HaloReport
    from judge.report.judge_sensitivity import JudgeSensitivity
    from judge.report.report import Report
    from judge.report.variance_components import VarianceComponents


def reliability_tables(report: Report) -> Iterator[Table]:
    """Yield the tables that have something to say."""
    if any(report.agreement.values()):
        yield _agreement(report)
    if report.judge_sensitivity:
        yield _judge_sensitivity(report, report.judge_sensitivity)
    if report.variance_components:
        yield _variance(report.variance_components)
    if report.halo is not None:
        yield _halo(report.halo)


def _agreement(report: Report) -> Table:
    found = {name: agreement for name, agreement in report.agreement.items() if agreement}
    warned = {own.kappa_warning: None for own in found.values() if own.kappa_warning}
    return Table.of_records(
        "criterion",
        found,
        {
            "n": ("items", cells.count),
            "raw": ("raw", cells.number),
            "ac1": ("AC1", cells.number),
            "alpha_nominal": ("alpha", cells.number),
            "alpha_interval": ("interval alpha", cells.number),
            "kappa": ("kappa", cells.number),
            "repeat_flip": ("samples of one order differ", cells.counted),
            "order_flip": ("of different orders", cells.counted),
        },
        key="agreement",
        title="How far judges and samples agree",
        note="; ".join(warned),
    )


def _judge_sensitivity(report: Report, found: Mapping[str, JudgeSensitivity]) -> Table:
    return Table(
        key="judge_sensitivity",
        title="Win rate of a with one judge left out",
        of="left out",
        columns={name: name for name in found},
        rows=tuple(
            cells.row(judge, *(cells.counted(own.without[judge]) for own in found.values())) for judge in report.judges
        ),
        note="; ".join(
            f"{name}, with judges drawn at random too: {words.percent(own.random_judges)}"
            for name, own in found.items()
            if own.random_judges
        ),
    )


def _variance(found: Mapping[str, VarianceComponents]) -> Table:
    designs = dict.fromkeys(design for own in found.values() for design in own.predicted)
    headings = {design: "standard error" if design == "now" else f"with one more {design}" for design in designs}
    parts = {
        part: text
        for part, text in reliability_words.VARIANCE_PARTS.items()
        if part != "generator_seed" or _has_seeds(found)
    }
    columns = {"n": "items"} | parts | {f"se_{design}": text for design, text in headings.items()}
    errors = ["se"]
    if any(own.judge is not None for own in found.values()):
        columns |= {f"se_random_judges_{design}": f"{text}, judges drawn too" for design, text in headings.items()}
        errors.append("se_random_judges")
    rows = tuple(
        cells.row(
            name,
            cells.count(own.n),
            *(_variance_part(getattr(own, part)) for part in parts),
            *(_error(getattr(own.predicted.get(design), error, None)) for error in errors for design in designs),
        )
        for name, own in found.items()
    )
    title = "What the variance of a verdict is made of, and the standard error of the win rate"
    own = "generator seed" if _has_seeds(found) else "item"
    note = f"With one sample its noise is in the slot and in judge by item (with one judge in {own})"
    return Table("variance_components", title, "criterion", columns, rows, note)


def _has_seeds(found: Mapping[str, VarianceComponents]) -> bool:
    return any(own.generator_seed is not None for own in found.values())


def _variance_part(value: float | None) -> Cell:
    return cells.plain(value, f"{value or 0:.4f}")


def _error(value: float | None) -> Cell:
    return cells.plain(value, f"{100 * (value or 0):.2f}")


def _halo(halo: HaloReport) -> Table:
    rows = tuple(
        cells.row(name, *(cells.plain(others[other], f"{others[other] or 0:.2f}") for other in halo.correlations))
        for name, others in halo.correlations.items()
    )
    together = ""
    if halo.together is not None:
        together = (
            f"Together the others explain {reliability_words.explained(halo.together)} of it (adjusted R squared). "
        )
    note = f"{together}Items judged on all criteria: {halo.n}"
    title = f"Inter-criterion correlation within items; the last is {halo.overall}"
    return Table("halo", title, "criterion", {name: name for name in halo.correlations}, rows, note)
