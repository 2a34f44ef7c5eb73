"""Render one compared item: the pair, each judge's verdicts in both orders, and the course of each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from judge.audit.audit_queue import points
from judge.audit.audited_item import describe_judgment, describe_pair
from judge.audit.render_parts import (
    journey_lines,
    render_columns,
    render_next,
    render_question,
    render_raw,
    say,
    trace_text,
)
from judge.schema import Order, Outcome

if TYPE_CHECKING:
    from rich.console import Console

    from judge.audit.audit_queue import Doubt
    from judge.audit.audited_item import Journey
    from judge.audit.read_run import Audit
    from judge.schema import Pair

SAID = {"a": "a better", "b": "b better", "tie": "tie", "cannot_judge": "cannot judge"}
FOLDED = {
    Outcome.A: "consistent: a",
    Outcome.B: "consistent: b",
    Outcome.TIE: "consistent: tie",
    Outcome.SPLIT: "split: the orders disagree",
    Outcome.MISSING: "missing: a verdict is lacking",
}


class SampleJudgments(NamedTuple):
    """The requests of one judge about an item in one sample."""

    judge: str
    sample: int
    journeys: Mapping[Order, Journey]
    outcomes: Mapping[str, Outcome]
    """by criterion, of this sample alone"""


class ShownItem(NamedTuple):
    """Everything about one item."""

    audit: Audit
    """of its run"""
    run: str
    item: str
    pair: Pair | None
    """None: the run does not know it"""
    asked: Sequence[SampleJudgments]
    doubts: frozenset[Doubt]
    following: str | None
    """the next item by doubt"""


def render_item(shown: ShownItem, console: Console, *, raw: bool) -> None:
    """Render the item; with `raw`, what was sent and what came back too."""
    say(console, f"Item {shown.item}", "bold")
    if shown.pair is None:
        say(console, "The question and the traces of this item are not known: its judgments were made elsewhere.")
    else:
        pair, manifest = describe_pair(shown.pair, shown.audit.answers), shown.audit.manifest
        render_question(pair, shown.pair.item, console)
        titles = [f"a: {manifest.model_a}", f"b: {manifest.model_b}"]
        render_columns(titles, [trace_text(pair[side], known=pair["answer"] is not None) for side in "ab"], console)
    outcomes = {name: own.get(shown.item, Outcome.MISSING) for name, own in shown.audit.outcomes.together.items()}
    told = ", ".join(f"{name} {outcome}" for name, outcome in outcomes.items())
    say(console, f"Outcome: {told}", "bold")
    doubts = ", ".join(sorted(shown.doubts))
    say(console, f"Doubts: {doubts} ({points(shown.doubts)} points)" if doubts else "Doubts: none")
    if shown.item in shown.audit.manifest.identical:
        say(console, "Both traces are the same: a tie that no judge was asked about.")
    elif not shown.asked:
        say(console, "No judgment of this item yet.")
    for asked in shown.asked:
        _render_asked(asked, shown, console, raw=raw)
    render_next(shown.run, shown.following, console, all_of="items", by="doubt")


def _render_asked(asked: SampleJudgments, shown: ShownItem, console: Console, *, raw: bool) -> None:
    """Render what a judge said on each criterion in the orders next to each other, and how it got there."""
    say(console, f"Judge {asked.judge}, sample {asked.sample + 1}", "bold")
    orders = [order for order in Order if order in asked.journeys]
    told = {order: describe_judgment(asked.journeys[order], shown.audit.criteria) for order in orders}
    titles = [f"{order} ({'a' if order is Order.FORWARD else 'b'} shown first)" for order in orders]
    for name in shown.audit.criteria:
        say(console, f"{name}: {_folded(asked, name)}")
        render_columns(titles, [_verdict(told[order], name) for order in orders], console)
    for order in orders:
        journey = asked.journeys[order]
        say(console, "\n".join(journey_lines(order, journey)))
        if raw:
            sent = shown.audit.prompts(shown.pair).get(journey.judgment.key)
            render_raw(journey.judgment, sent, shown.audit.manifest.repair, console)


def _folded(asked: SampleJudgments, criterion: str) -> str:
    outcome = asked.outcomes[criterion]
    if len(asked.journeys) == 1 and outcome is not Outcome.MISSING:
        return f"{outcome}, in one order"
    return FOLDED[outcome]


def _verdict(told: Mapping[str, Any], criterion: str) -> str:
    """Return a verdict in model words, with the quotations of both traces."""
    if "failure" in told:
        return f"failed: {told['failure']['kind']}"
    said = told["verdicts"].get(criterion)
    lines = ["not asked" if said is None else f"{SAID[said['winner']]} (said: {said['said']})"]
    if said and "p_first" in said:
        lines.append("first {p_first:.1%}, tie {p_tie:.1%}, second {p_second:.1%}".format_map(said))
    evidence = told["evidence"].get(criterion, {})
    return "\n".join([*lines, *(f"of {side}: {quoted or '(nothing)'}" for side, quoted in evidence.items())])
