"""Render what items of any run have in common: texts side by side, the question, attempts, prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from judge.audit.audited_item import named_image
from judge.files.safe_text import safe
from judge.prompting.retry_prompt import note_after
from judge.schema import Failed

if TYPE_CHECKING:
    from rich.console import Console

    from judge.audit.audited_item import Journey
    from judge.schema import Item, Judgment, Prompt

NARROW = 100
"""columns of a terminal below which texts stand one above the other"""
RIGHT = {True: "right", False: "wrong", None: "whether it is right cannot be read"}


def say(console: Console, text: str, style: str = "") -> None:
    """Print foreign text, harmless."""
    console.print(Text(safe(text), style=style))


def render_question(told: Mapping[str, Any], item: Item, console: Console) -> None:
    """Render what is known of an item beside its traces; `told` is from `describe_item`."""
    say(console, told["question"])
    for letter, text in told["options"]:
        is_right = letter in told["right"]
        say(console, f"{'*' if is_right else ' '} {letter}. {text}", "green" if is_right else "")
    if told["answer"] is not None:
        say(console, f"Reference answer: {told['answer']}", "green")
    if told["reference"]:
        say(console, f"Reference reasoning: {told['reference']}", "green")
    for path in [image.named for image in item.images] + [f"{path} (missing)" for path in told["missing_images"]]:
        say(console, f"Image: {path}", "cyan")


def trace_text(told: Mapping[str, Any], *, known: bool) -> str:
    """Return a trace with its final answer; `told` is from `describe_trace`, `known` whether the right answer is."""
    answer = told["answer"] if told["answer"] is not None else "/".join(told["chosen"]) or "not stated"
    judged = f" ({RIGHT[told['right']]})" if known else ""
    return f"{told['text']}\n\nFinal answer: {answer}{judged}"


def render_columns(titles: Sequence[str], texts: Sequence[str], console: Console) -> None:
    """Render texts side by side, or one above the other where the terminal is narrow."""
    groups = [[place] for place in range(len(texts))] if console.width < NARROW else [list(range(len(texts)))]
    for places in groups:
        table = Table(expand=True)
        for place in places:
            table.add_column(Text(safe(titles[place])), ratio=1, overflow="fold")
        table.add_row(*(Text(safe(texts[place])) for place in places))
        console.print(table)


def journey_lines(name: str, journey: Journey) -> Iterator[str]:
    """Yield a line for each attempt of a request, and one for its end."""
    judgment = journey.judgment
    for number, attempt in enumerate(judgment.attempts, start=1):
        status = f", status {attempt.status}" if attempt.status is not None else ""
        yield f"{name}, attempt {number}: {attempt.problem}{status}, waited {attempt.waited_s:.1f} s"
        if attempt.reply is not None:
            yield f"  a reply that did not count: {attempt.reply.text}"
    match judgment.result:
        case Failed(failure=failure, detail=detail):
            end = f"failed: {failure}" + (f": {detail}" if detail else "")
        case _:
            end = "judged"
    earlier = f"; {journey.earlier} earlier judgments do not count" if journey.earlier else ""
    yield f"{name}, attempt {len(judgment.attempts) + 1}: {end}{earlier}"


def render_raw(judgment: Judgment, prompt: Prompt | None, repair: str | None, console: Console) -> None:
    """Render what was sent, where it is known, and what came back, as it came."""
    if prompt is None:
        say(console, "Sent: not known: the run's files give no prompt with this judgment's key.", "yellow")
    else:
        _render_sent(prompt, console)
    for attempt in judgment.attempts:
        if (note := note_after(attempt, repair)) is not None and attempt.reply is not None:
            say(console, "Came back first:", "bold")
            say(console, attempt.reply.text)
            say(console, "Sent, correction:", "bold")
            say(console, note)
    say(console, "Came back:", "bold")
    say(console, judgment.reply.text if judgment.reply else "(no reply)")


def _render_sent(prompt: Prompt, console: Console) -> None:
    """Render a prompt in the order in which it is sent: the images stand before the item."""
    say(console, "Sent, system:", "bold")
    say(console, prompt.system)
    for image in prompt.images:
        media_type, digest, _ = named_image(image)
        say(console, f"Sent, image: {media_type}, sha256 {digest}..., {image.path}", "bold")
    for part in ("shared", "traces"):
        say(console, f"Sent, {part}:", "bold")
        say(console, getattr(prompt, part))


def render_next(run: str, following: str | None, console: Console, *, all_of: str, by: str) -> None:
    """Render the commands that list the run, and that show what follows."""
    say(console, f"All {all_of}: omr-judge list {quote(run)}", "dim")
    if following is not None:
        say(console, f"Next by {by}: omr-judge show {quote(run)} {quote(following)}", "dim")
