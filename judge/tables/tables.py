"""The tables of a report, for every output format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from judge.costs.cost_words import dollars
from judge.enums import Orders, Stratum
from judge.outcomes.counted_items import Pooling
from judge.report.instruments import SIDE_NAMES
from judge.tables import cells, words
from judge.tables.cells import Cell, Document, Table
from judge.tables.control_tables import control_tables
from judge.tables.reliability_tables import reliability_tables

if TYPE_CHECKING:
    from judge.costs.spending import JudgeCost
    from judge.report.criterion import CriterionReport
    from judge.report.instruments import Instruments
    from judge.report.position_length import PositionReport
    from judge.report.report import Report

STRATA = {
    "both_right": "both right",
    "only_a_right": "only a right",
    "only_b_right": "only b right",
    "both_wrong": "both wrong",
}
LEGEND = (
    f"Win rate of a, and the items it is made of; W, L: those that both orders give to a, to b; T: both orders tie; "
    f"split: the orders disagree; {words.CREDIT}; missing: items out of the rate"
)
CREDIBLE = (
    "position consistency: share of items whose orders agree; by chance: 2 f s + t t, with f, s and t the shares of "
    "first slot, second slot and tie among the verdicts, two a judged item and sample; first slot: position bias, its "
    "share of the decisive verdicts"
)
NET_OF_SLOT = (
    "net of the slot: the rate whose log-odds are the mean of those of the judged items' two orders; with one order a "
    "pair, the mean of both"
)
PANEL_CHANCE = "; by chance, of a panel: the mean of its judges"


def tables(report: Report) -> Iterator[Table]:
    """Yield every table of a report that has something to say."""
    yield from judged_tables(report, report.criteria)
    for judge, criteria in report.by_judge.items():
        yield from judged_tables(report, criteria, judge)
    yield _tests(report)
    yield _ledger(report)
    if any(row.strata for row in report.criteria.values()):
        yield strata(report)
    yield from subgroups(report)
    yield _position(report)
    if any(report.length.values()):
        yield _length(report)
    yield from reliability_tables(report)
    if report.instruments:
        yield from instrument_tables(report.instruments)
    yield from control_tables(report)
    if report.costs:
        yield cost_table(report.costs)


def judged_tables(report: Report, criteria: Mapping[str, CriterionReport], judge: str = "") -> Iterator[Table]:
    """Yield win rates and reliability of the panel, or of one judge alone."""
    both = report.orders is Orders.BOTH
    counts = {"wins_a": "W", "ties": "T", "wins_b": "L", **({"splits": "split"} if both else {}), "missing": "missing"}
    yield Table.of_records(
        "criterion",
        criteria,
        {
            "win_rate": ("win rate of a", cells.rate),
            "credit": ("credit", cells.total),
            **{field: (heading, cells.count) for field, heading in counts.items()},
        },
        key="win_rates",
        title=f"Judged by {f'{judge} alone' if judge else ', '.join(report.judges)}",
        judge=judge,
        legend=LEGEND,
    )
    yield credibility(report, criteria, judge)


def credibility(report: Report, criteria: Mapping[str, CriterionReport], judge: str = "") -> Table:
    """Return the table of how reliable the panel, or one judge alone, is."""
    both = report.orders is Orders.BOTH
    averaged = not judge and report.pooling is Pooling.MEAN
    return Table.of_records(
        "criterion",
        criteria,
        {
            **({"consistency": ("position consistency", cells.counted)} if both else {}),
            **({"chance_consistency": ("by chance", cells.share)} if both else {}),
            "first_slot": ("first slot", cells.counted),
            **({"n_verdicts": ("verdicts", cells.count)} if report.samples > 1 else {}),
            "signal": ("signal", cells.in_words),
        },
        key="credibility",
        title=f"Can {judge or 'the judge'} be believed?",
        judge=judge,
        legend=f"{CREDIBLE}{PANEL_CHANCE if averaged else ''}" if both else "",
    )


def _tests(report: Report) -> Table:
    return Table.of_records(
        "criterion",
        report.criteria,
        {
            "p_value": ("p", cells.p_value),
            "p_adjusted": ("p, adjusted (Holm)", cells.p_value),
            "sign_test_p": ("p, sign test", cells.p_value),
            "p_method": ("sign-flip test", cells.in_words),
            "verdict": ("a is", cells.in_words),
        },
        key="tests",
        title="Is a model preferred?",
    )


def _ledger(report: Report) -> Table:
    terms = {name: words.ledger_terms(row.ledger) for name, row in report.criteria.items()}
    names = list(dict.fromkeys(name for own in terms.values() for name in own))
    bounds = {"bound_low": "if all missing went to b", "bound_high": "to a"}
    return Table(
        key="ledger",
        title=f"Where each of the {report.n_items} items went, and worst-case bounds for the missing ones",
        of="criterion",
        columns={word.replace(" ", "_"): word for word in names} | {"credit": "credit of a"} | bounds,
        rows=tuple(
            cells.row(
                name,
                *(cells.count(terms[name].get(word, 0)) for word in names),
                cells.total(row.credit),
                cells.share(row.bounds.low),
                cells.share(row.bounds.high),
            )
            for name, row in report.criteria.items()
        ),
    )


def strata(report: Report) -> Table:
    """Return the win rate by whose final answer is right; some criterion has strata."""
    found = {name: row.strata for name, row in report.criteria.items() if row.strata}
    last = list(found.values())[-1]
    rows = [
        cells.row(name, *(cells.counted(getattr(own, stratum).win_rate) for stratum in STRATA))
        for name, own in found.items()
    ]
    sizes = cells.row("items", *(cells.count(getattr(last, stratum).n) for stratum in STRATA))
    rows += [
        cells.row(name, *(cells.counted(own[stratum].win_rate) for stratum in Stratum))
        for name, own in words.letters_alike(report).items()
    ]
    lost = last.unreadable
    unreadable = f"unreadable answers: a {lost.a}, b {lost.b} ({words.count(lost.items, 'item')} in no column)"
    note = f"{unreadable}. If only the answers counted, the win rate would be {words.counted(last.answer_only)}"
    title = "Win rate of a by whose final answer is right"
    return Table("strata", title, "criterion", dict(STRATA), (*rows, sizes), note)


def subgroups(report: Report) -> Iterator[Table]:
    """Yield the win rates by the values of each field that was asked for."""
    names = {f"win_rate_{name}": f"win rate, {name}" for name in report.criteria}
    for field, values in report.subgroups.items():
        rows = [
            cells.row(
                value,
                cells.count(group.n),
                *(cells.counted(rate) for rate in group.win_rate.values()),
                cells.p_value(group.p_value),
                cells.p_value(group.p_adjusted),
            )
            for value, group in values.items()
        ]
        small = [value for value, group in values.items() if group.small]
        notes = [
            f"Fewer than 20 items, read nothing into them: {', '.join(small)}" if small else "",
            words.interaction(report).get(field, "").removesuffix("."),
            words.standardised(report).get(field, "").removesuffix("."),
        ]
        columns = {"n": "items", **names, "p_value": "p", "p_adjusted": "p, adjusted (Benjamini-Hochberg)"}
        yield Table(
            "subgroups", f"Win rate of a by {field}", field, columns, tuple(rows), ". ".join(filter(None, notes))
        )


def _position(report: Report) -> Table:
    columns: dict[str, tuple[str, Callable[[PositionReport], Cell]]] = {
        "first_slot": ("first slot", lambda own: cells.counted(own.first_slot)),
        "to_first": ("splits to the first", lambda own: cells.count(own.to_first)),
        "to_second": ("to the second", lambda own: cells.count(own.to_second)),
        "p_value": ("p", lambda own: cells.p_value(own.p_value)),
        "preference": ("preference (log-odds)", lambda own: cells.number(own.preference)),
        "slot_effect": ("slot effect (log-odds)", lambda own: cells.number(own.slot_effect)),
        "win_rate": ("win rate net of the slot", lambda own: cells.rate(own.win_rate)),
    }
    orders = {"forward": "win rate of a shown first", "swapped": "shown second"}
    return Table(
        key="position",
        title="Position bias: what the slot does",
        of="criterion",
        columns={field: heading for field, (heading, _) in columns.items()} | orders,
        rows=tuple(
            cells.row(
                name,
                *(cell(own) for _, cell in columns.values()),
                *(cells.counted(getattr(report.criteria[name].by_order, order)) for order in orders),
            )
            for name, own in report.position.items()
        ),
        legend=NET_OF_SLOT,
    )


def _length(report: Report) -> Table:
    found = {name: length for name, length in report.length.items() if length}
    refused = {name: length.not_identified for name, length in found.items() if length.not_identified}
    by_difficulty = [
        f"{own.alpaca_eval.name}, {name}: {100 * own.alpaca_eval.win_rate:.1f}"
        for name, own in found.items()
        if own.alpaca_eval
    ]
    return Table.of_records(
        "criterion",
        found,
        {
            "longer_wins": ("the longer trace wins", cells.counted),
            "matched": ("win rate at matched length", cells.counted),
            "matched_share": ("items matched", cells.share),
            "n": ("of", cells.count),
            "adjusted": ("length-controlled win rate", lambda adjusted: cells.rate(adjusted and adjusted.win_rate)),
        },
        key="length",
        title="Length bias: what length does",
        note="; ".join(
            [*(f"Length-controlled win rate, {name}: {why}" for name, why in refused.items()), *by_difficulty]
        ),
    )


def cost_table(costs: Mapping[str, JudgeCost]) -> Table:
    """Return tokens and cost by judge."""
    return Table.of_records(
        "judge",
        costs,
        {
            "replies": ("replies", cells.count),
            "input_tokens": ("tokens in", cells.count),
            "cache_read": ("from the cache", cells.count),
            "output_tokens": ("out", cells.count),
            "reasoning": ("of it reasoning", cells.count),
            "usd": ("US dollars", _usd),
        },
        key="costs",
        title="What the replies took",
    )


def _usd(amount: Decimal | None) -> Cell:
    return cells.in_words("unknown") if amount is None else cells.plain(float(amount), dollars(amount))


def instrument_tables(found: Mapping[str, Instruments]) -> Iterator[Table]:
    """Yield how far preference and checklist scores agree, and how many items each gives to whom."""
    yield Table.of_records(
        "criterion",
        found,
        {
            "n": ("items", cells.count),
            "preference": ("win rate of a", cells.counted),
            "same_side": ("same model, where both name one", cells.counted),
            "agreement.raw": ("agreement (a, neither, b)", cells.rate),
            "agreement.ac1": ("AC1", cells.number),
            "agreement.kappa": ("kappa", cells.number),
        },
        key="instruments",
        title="Two instruments: pairwise preference, and the difference of checklist scores",
        note="Items in both instruments alone",
    )
    places = [(preferred, scored) for preferred in SIDE_NAMES for scored in SIDE_NAMES]
    yield Table(
        key="sides",
        title="Items by who is preferred, then by whose checklist score is higher",
        of="criterion",
        columns={f"{preferred}_{scored}": f"{preferred}, {scored}" for preferred, scored in places},
        rows=tuple(
            cells.row(name, *(cells.count(own.table[preferred][scored]) for preferred, scored in places))
            for name, own in found.items()
        ),
    )


def comparison_document(report: Report) -> Document:
    """Return the document of a comparison's report."""
    made = report.interval
    settings = {
        "model_a": report.models.a,
        "model_b": report.models.b,
        "judges": ", ".join(report.judges),
        "pooling": report.pooling,
        "prompt": report.prompt,
        "rubric": report.rubric,
        "orders": report.orders,
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
        tables=tuple(tables(report)),
        basis=" ".join([words.basis(report), *words.trust(report)]),
        settings=settings,
        warnings=report.warnings,
        conclusion=words.conclusion(report),
        json=report.model_dump(mode="json"),
    )
