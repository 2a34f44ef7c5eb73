"""What the tables of a report hold, whatever they are drawn in: the one place that chooses rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.costs.cost_words import dollars
from judge.enums import Orders
from judge.tables import cells
from judge.tables.cells import Table
from judge.tables.control_tables import control_tables
from judge.tables.instrument_tables import instrument_tables
from judge.tables.words import interaction, ledger_terms, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from judge.costs.spending import JudgeCost
    from judge.report.criterion import CriterionReport
    from judge.report.report import Report

STRATA = {
    "both_right": "both right",
    "only_a_right": "only a right",
    "only_b_right": "only b right",
    "both_wrong": "both wrong",
}


LEGEND = (
    "Win rate of a, and the items it is made of; W, L: those that both orders give to a, to b; T: both orders tie; "
    "split: the orders disagree; T and split count half; missing: items out of the rate"
)


def tables(report: Report) -> Iterator[Table]:
    """Yield every table of a report that has something to say."""
    yield from judged_tables(report, report.criteria)
    for judge, criteria in report.by_judge.items():
        yield from judged_tables(report, criteria, judge)
    yield _tests(report)
    yield _ledger(report)
    if any(row.strata for row in report.criteria.values()):
        yield strata(report.criteria)
    yield from _subgroups(report)
    yield _position(report)
    if any(report.length.values()):
        yield _length(report)
    if any(report.agreement.values()):
        yield _agreement(report)
    if report.halo is not None:
        yield _halo(report)
    if report.instruments:
        yield from instrument_tables(report.instruments)
    yield from control_tables(report)
    if report.costs:
        yield cost_table(report.costs)


def judged_tables(report: Report, criteria: Mapping[str, CriterionReport], judge: str = "") -> Iterator[Table]:
    """Yield who won, and whether that can be believed: of the panel, or of one judge alone."""
    yield _win_rates(report, criteria, judge)
    yield _reliability(report, criteria, judge)


def _win_rates(report: Report, criteria: Mapping[str, CriterionReport], judge: str) -> Table:
    splits = report.orders is Orders.BOTH
    names = {"wins_a": "W", "ties": "T", "wins_b": "L", **({"splits": "split"} if splits else {}), "missing": "missing"}
    return Table(
        key="win_rates",
        title=f"Judged by {f'{judge} alone' if judge else ', '.join(report.judges)}",
        of="criterion",
        columns={"win_rate": "win rate of a", **names},
        rows=tuple(
            cells.row(name, cells.rate(row.win_rate), *(cells.count(getattr(row, field)) for field in names))
            for name, row in criteria.items()
        ),
        judge=judge,
        legend=LEGEND,
    )


def _reliability(report: Report, criteria: Mapping[str, CriterionReport], judge: str) -> Table:
    """Put the judge's consistency beside what chance gives, and its leaning to a slot."""
    both = {"consistency": "orders agree", "chance_consistency": "by chance"} if report.orders is Orders.BOTH else {}
    return Table(
        key="credibility",
        title="Can the judge be believed?",
        of="criterion",
        columns={**both, "first_slot": "first slot"},
        rows=tuple(
            cells.row(
                name,
                *((cells.rate(row.consistency), cells.share(row.chance_consistency)) if both else ()),
                cells.rate(row.first_slot),
            )
            for name, row in criteria.items()
        ),
        judge=judge,
    )


def _tests(report: Report) -> Table:
    names = {"p_value": "p", "p_adjusted": "p, adjusted (Holm)", "sign_test_p": "p, sign test"}
    return Table(
        key="tests",
        title="Is a model preferred?",
        of="criterion",
        columns={**names, "p_method": "sign-flip test", "verdict": "a is"},
        rows=tuple(
            cells.row(
                name,
                *(cells.p_value(getattr(row, field)) for field in names),
                cells.in_words(row.p_method),
                cells.in_words(row.verdict),
            )
            for name, row in report.criteria.items()
        ),
    )


def _ledger(report: Report) -> Table:
    terms = {name: ledger_terms(row.ledger) for name, row in report.criteria.items()}
    words = list(dict.fromkeys(word for own in terms.values() for word in own))
    bounds = {"bound_low": "if all missing went to b", "bound_high": "to a"}
    return Table(
        key="ledger",
        title=f"Where each of the {report.n_items} items went, and the win rate that the missing ones allow",
        of="criterion",
        columns={word.replace(" ", "_"): word for word in words} | bounds,
        rows=tuple(
            cells.row(
                name,
                *(cells.count(terms[name].get(word, 0)) for word in words),
                cells.share(row.bounds.low),
                cells.share(row.bounds.high),
            )
            for name, row in report.criteria.items()
        ),
    )


def strata(criteria: Mapping[str, CriterionReport]) -> Table:
    """Return the win rate by whose final answer is right; some criterion has strata."""
    found = {name: row.strata for name, row in criteria.items() if row.strata}
    last = list(found.values())[-1]
    rows = [
        cells.row(name, *(cells.rate(getattr(own, stratum).win_rate) for stratum in STRATA))
        for name, own in found.items()
    ]
    sizes = cells.row("items", *(cells.count(getattr(last, stratum).n) for stratum in STRATA))
    lost = last.unreadable
    note = (
        f"unreadable answers: a {lost.a}, b {lost.b} ({lost.items} items in no column). If only the answers counted, "
        f"the win rate would be {percent(last.answer_only)}"
    )
    title = "Win rate of a by whose final answer is right"
    return Table("strata", title, "criterion", dict(STRATA), (*rows, sizes), note)


def _subgroups(report: Report) -> Iterator[Table]:
    names = {f"win_rate_{name}": f"win rate, {name}" for name in report.criteria}
    for field, values in report.subgroups.items():
        rows = [
            cells.row(
                value,
                cells.count(group.n),
                *(cells.rate(rate) for rate in group.win_rate.values()),
                cells.p_value(group.p_value),
                cells.p_value(group.p_adjusted),
            )
            for value, group in values.items()
        ]
        small = [value for value, group in values.items() if group.small]
        notes = [
            f"Fewer than 20 items, read nothing into them: {', '.join(small)}" if small else "",
            interaction(report).get(field, "").removesuffix("."),
        ]
        columns = {"n": "items", **names, "p_value": "p", "p_adjusted": "p, adjusted (Benjamini-Hochberg)"}
        yield Table(
            "subgroups", f"Win rate of a by {field}", field, columns, tuple(rows), ". ".join(filter(None, notes))
        )


def _position(report: Report) -> Table:
    return Table(
        key="position",
        title="What the slot does",
        of="criterion",
        columns={
            "first_slot": "first slot",
            "to_first": "splits to the first",
            "to_second": "to the second",
            "p_value": "p",
            "preference": "preference (log-odds)",
            "slot_effect": "slot effect (log-odds)",
            "win_rate": "win rate net of the slot",
        },
        rows=tuple(
            cells.row(
                name,
                cells.rate(found.first_slot),
                cells.count(found.to_first),
                cells.count(found.to_second),
                cells.p_value(found.p_value),
                cells.number(found.preference),
                cells.number(found.slot_effect),
                cells.number(found.win_rate, as_rate=True),
            )
            for name, found in report.position.items()
        ),
    )


def _length(report: Report) -> Table:
    found = {name: length for name, length in report.length.items() if length}
    refused = {name: length.not_identified for name, length in found.items() if length.not_identified}
    return Table(
        key="length",
        title="What length does",
        of="criterion",
        columns={
            "longer_wins": "the longer trace wins",
            "matched": "win rate at matched length",
            "matched_share": "items matched",
            "adjusted": "length-adjusted win rate",
        },
        rows=tuple(
            cells.row(
                name,
                cells.rate(length.longer_wins),
                cells.rate(length.matched),
                cells.share(length.matched_share),
                cells.number(length.adjusted.win_rate if length.adjusted else None, as_rate=True),
            )
            for name, length in found.items()
        ),
        note="; ".join(f"Length-adjusted win rate, {name}: {why}" for name, why in refused.items()),
    )


def _agreement(report: Report) -> Table:
    found = {name: agreement for name, agreement in report.agreement.items() if agreement}
    names = {
        "raw": "raw",
        "ac1": "AC1",
        "alpha_nominal": "alpha",
        "alpha_interval": "interval alpha",
        "kappa": "kappa",
    }
    flips = {"repeat_flip": "samples of one order differ", "order_flip": "of different orders"}
    warned = {own.kappa_warning: None for own in found.values() if own.kappa_warning}
    return Table(
        key="agreement",
        title="How far judges and samples agree",
        of="criterion",
        columns={"n": "items", **names, **flips},
        rows=tuple(
            cells.row(
                name,
                cells.count(own.n),
                *(cells.number(getattr(own, field)) for field in names),
                *(cells.rate(getattr(own, field)) for field in flips),
            )
            for name, own in found.items()
        ),
        note="; ".join(warned),
    )


def _halo(report: Report) -> Table:
    halo = report.halo
    assert halo is not None  # noqa: S101 - its caller looked
    rows = tuple(
        cells.row(name, *(cells.plain(others[other], f"{others[other] or 0:.2f}") for other in halo.correlations))
        for name, others in halo.correlations.items()
    )
    together = "" if halo.together is None else f"Together the others explain {100 * halo.together:.0f} % of it. "
    note = f"{together}Items judged on all criteria: {halo.n}"
    title = f"Correlation of the criteria within items; the last is {halo.overall}"
    return Table("halo", title, "criterion", {name: name for name in halo.correlations}, rows, note)


def cost_table(costs: Mapping[str, JudgeCost]) -> Table:
    """Return what each judge's replies took."""
    names = {"replies": "replies", "input_tokens": "tokens in", "cache_read": "from the cache", "output_tokens": "out"}
    names |= {"reasoning": "of it reasoning"}
    return Table(
        key="costs",
        title="What the replies took",
        of="judge",
        columns=names | {"usd": "US dollars"},
        rows=tuple(
            cells.row(
                judge,
                *(cells.count(getattr(cost, field)) for field in names),
                cells.in_words("unknown") if cost.usd is None else cells.plain(float(cost.usd), dollars(cost.usd)),
            )
            for judge, cost in costs.items()
        ),
    )
