"""Render a pair for a reader on the terminal: the item, the two traces side by side, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from judge.files.safe_text import safe

if TYPE_CHECKING:
    from rich.console import Console

    from judge.schema import Criterion, Item

KEYS = "1 first better   2 second better   t tie   c cannot judge   s skip   u back   r reason   q quit"


class ShownPair(NamedTuple):
    """What a reader is shown of a pair."""

    item: Item
    reference: bool
    """whether the right answer and its reasoning are shown, as to the judge"""
    first: str
    second: str
    titles: tuple[str, str]
    """over the two traces"""


def render_pair(shown: ShownPair, console: Console) -> None:
    """Render the question, the options, the reference and both traces."""
    item = shown.item
    console.print(Text(safe(item.question)))
    for letter, text in item.options.items():
        console.print(Text(safe(f"  {letter}. {text}")))
    for image in item.images:
        console.print(Text(safe(f"Image: {image.named}"), style="cyan"))
    if shown.reference and item.answer:
        console.print(Text(safe(f"Reference answer: {item.answer}"), style="green"))
    if shown.reference and item.reference_reasoning:
        console.print(Text(safe(f"Reference reasoning: {item.reference_reasoning}"), style="green"))
    table = Table(expand=True, show_lines=False)
    for title in shown.titles:
        table.add_column(Text(safe(title)), ratio=1, overflow="fold")
    table.add_row(Text(safe(shown.first)), Text(safe(shown.second)))
    console.print(table)


def render_question(criterion: Criterion, *, progress: str, earlier: str | None, console: Console) -> None:
    """Render what is asked of the pair, what the reader said of it before, and the keys."""
    definition = f": {criterion.definition}" if criterion.definition else ""
    console.print(Text(safe(f"{progress}  {criterion.title}{definition}"), style="bold"))
    if earlier is not None:
        console.print(Text(f"You said: {earlier}. A key replaces it, s keeps it."))
    console.print(Text(KEYS, style="dim"))
