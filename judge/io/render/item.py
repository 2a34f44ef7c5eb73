"""Draw everything about one item: the pair, what each judge said in both orders, and how it came to say it."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.table import Table
from rich.text import Text

from judge.core.audit import named_image, told_judgment, told_pair
from judge.core.audit_queue import points
from judge.core.repairing import note_after
from judge.io.render.text import safe
from judge.schema import Failed, Order, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from judge.core.audit import Journey
    from judge.core.audit_queue import Doubt
    from judge.schema import Judgment, Pair, Prompt

NARROW = 100
"""columns of a terminal below which the traces stand one above the other"""
RIGHT = {True: "right", False: "wrong", None: "whether it is right cannot be read"}
SAID = {"a": "a better", "b": "b better", "tie": "tie", "cannot_judge": "cannot judge"}
FOLDED = {
    Outcome.A: "consistent: a",
    Outcome.B: "consistent: b",
    Outcome.TIE: "consistent: tie",
    Outcome.SPLIT: "split: the orders disagree",
    Outcome.MISSING: "missing: a verdict is lacking",
}


class Asked(NamedTuple):
    """What one judge was asked of an item in one sample."""

    judge: str
    sample: int
    journeys: Mapping[Order, Journey]
    outcomes: Mapping[str, Outcome]
    """by criterion, of this sample alone"""


class ShownItem(NamedTuple):
    """Everything about one item."""

    item: str
    pair: Pair | None
    """None: the run does not know it"""
    models: tuple[str, str]
    criteria: Sequence[str]
    outcomes: Mapping[str, Outcome]
    """by criterion, as the report counts them"""
    asked: Sequence[Asked]
    doubts: frozenset[Doubt]
    identical: bool
    prompts: Mapping[str, Prompt]
    """by key, rendered again"""
    repair: str | None
    """the run's note to a judge whose reply cannot be read"""
    run: str
    following: str | None
    """the next item by doubt"""


def draw_item(shown: ShownItem, console: Console, *, raw: bool) -> None:
    """Draw the item; with `raw`, what was sent and what came back too."""
    _say(console, f"Item {shown.item}", "bold")
    if shown.pair is None:
        _say(console, "The question and the traces of this item are not known: its judgments were made elsewhere.")
    else:
        _draw_pair(told_pair(shown.pair), shown.pair, shown.models, console)
    told = ", ".join(f"{name} {outcome}" for name, outcome in shown.outcomes.items())
    _say(console, f"Outcome: {told}", "bold")
    doubts = ", ".join(sorted(shown.doubts))
    _say(console, f"Doubts: {doubts} ({points(shown.doubts)} points)" if doubts else "Doubts: none")
    if shown.identical:
        _say(console, "Both traces are the same: a tie that no judge was asked about.")
    elif not shown.asked:
        _say(console, "No judgment of this item yet.")
    for asked in shown.asked:
        _draw_asked(asked, shown, console, raw=raw)
    _say(console, "\n".join(_ways_on(shown)), "dim")


def _ways_on(shown: ShownItem) -> Iterator[str]:
    yield f"All items: omr-judge list {quote(shown.run)}"
    if shown.following is not None:
        yield f"Next by doubt: omr-judge show {quote(shown.run)} {quote(shown.following)}"


def _draw_pair(told: Mapping[str, Any], pair: Pair, models: tuple[str, str], console: Console) -> None:
    _say(console, told["question"])
    for letter, text in told["options"]:
        is_right = letter in told["right"]
        _say(console, f"{'*' if is_right else ' '} {letter}. {text}", "green" if is_right else "")
    if told["answer"] is not None:
        _say(console, f"Reference answer: {told['answer']}", "green")
    if told["reference"]:
        _say(console, f"Reference reasoning: {told['reference']}", "green")
    for path in [image.named for image in pair.item.images] + [f"{path} (missing)" for path in told["missing_images"]]:
        _say(console, f"Image: {path}", "cyan")
    titles = [f"{side}: {model}" for side, model in zip("ab", models, strict=True)]
    _draw_columns(titles, [_trace(told[side], known=told["answer"] is not None) for side in "ab"], console)


def _trace(told: Mapping[str, Any], *, known: bool) -> str:
    answer = told["answer"] if told["answer"] is not None else "/".join(told["chosen"]) or "not stated"
    judged = f" ({RIGHT[told['right']]})" if known else ""
    return f"{told['text']}\n\nFinal answer: {answer}{judged}"


def _draw_columns(titles: Sequence[str], texts: Sequence[str], console: Console) -> None:
    """Draw texts side by side, or one above the other where the terminal is narrow."""
    groups = [[place] for place in range(len(texts))] if console.width < NARROW else [list(range(len(texts)))]
    for places in groups:
        table = Table(expand=True)
        for place in places:
            table.add_column(Text(safe(titles[place])), ratio=1, overflow="fold")
        table.add_row(*(Text(safe(texts[place])) for place in places))
        console.print(table)


def _draw_asked(asked: Asked, shown: ShownItem, console: Console, *, raw: bool) -> None:
    """Draw what a judge said on each criterion in the orders next to each other, and how it got there."""
    _say(console, f"Judge {asked.judge}, sample {asked.sample + 1}", "bold")
    orders = [order for order in Order if order in asked.journeys]
    told = {order: told_judgment(asked.journeys[order], shown.criteria) for order in orders}
    titles = [f"{order} ({'a' if order is Order.FORWARD else 'b'} shown first)" for order in orders]
    for name in shown.criteria:
        _say(console, f"{name}: {_folded(asked, name)}")
        _draw_columns(titles, [_verdict(told[order], name) for order in orders], console)
    for order in orders:
        _say(console, "\n".join(_journey(order, asked.journeys[order])))
        if raw:
            _draw_raw(asked.journeys[order].judgment, shown, console)


def _folded(asked: Asked, criterion: str) -> str:
    outcome = asked.outcomes[criterion]
    if len(asked.journeys) == 1 and outcome is not Outcome.MISSING:
        return f"{outcome}, in one order"
    return FOLDED[outcome]


def _verdict(told: Mapping[str, Any], criterion: str) -> str:
    """Say a verdict by model, with what the judge quoted of both."""
    if "failure" in told:
        return f"failed: {told['failure']['kind']}"
    said = told["verdicts"].get(criterion)
    lines = ["not asked" if said is None else f"{SAID[said['winner']]} (said: {said['said']})"]
    evidence = told["evidence"].get(criterion, {})
    return "\n".join([*lines, *(f"of {side}: {quoted or '(nothing)'}" for side, quoted in evidence.items())])


def _journey(order: Order, journey: Journey) -> Iterator[str]:
    """Say how a request went: every attempt, and its end."""
    judgment = journey.judgment
    for number, attempt in enumerate(judgment.attempts, start=1):
        status = f", status {attempt.status}" if attempt.status is not None else ""
        yield f"{order}, attempt {number}: {attempt.problem}{status}, waited {attempt.waited_s:.1f} s"
        if attempt.reply is not None:
            yield f"  a reply that did not count: {attempt.reply.text}"
    match judgment.result:
        case Failed(failure=failure, detail=detail):
            end = f"failed: {failure}" + (f": {detail}" if detail else "")
        case _:
            end = "judged"
    earlier = f"; {journey.earlier} earlier judgments do not count" if journey.earlier else ""
    yield f"{order}, attempt {len(judgment.attempts) + 1}: {end}{earlier}"


def _draw_raw(judgment: Judgment, shown: ShownItem, console: Console) -> None:
    """Draw what was sent, where it is known, and what came back, as it came."""
    prompt = shown.prompts.get(judgment.key)
    if prompt is None:
        _say(console, "Sent: not known: the run's pairs give no prompt with this judgment's key.", "yellow")
    else:
        _draw_sent(prompt, console)
    for attempt in judgment.attempts:
        if (note := note_after(attempt, shown.repair)) is not None and attempt.reply is not None:
            _say(console, "Came back first:", "bold")
            _say(console, attempt.reply.text)
            _say(console, "Sent, correction:", "bold")
            _say(console, note)
    _say(console, "Came back:", "bold")
    _say(console, judgment.reply.text if judgment.reply else "(no reply)")


def _draw_sent(prompt: Prompt, console: Console) -> None:
    """Draw a prompt in the order in which it is sent: the images stand before the item."""
    _say(console, "Sent, system:", "bold")
    _say(console, prompt.system)
    for image in prompt.images:
        media_type, digest, _ = named_image(image)
        _say(console, f"Sent, image: {media_type}, sha256 {digest}..., {image.path}", "bold")
    for part in ("shared", "traces"):
        _say(console, f"Sent, {part}:", "bold")
        _say(console, getattr(prompt, part))


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(safe(text), style=style))
