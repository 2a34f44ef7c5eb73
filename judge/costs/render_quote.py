"""Render a quote."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from judge.costs.cost_words import dollars
from judge.costs.quote import Quote, UsdRange
from judge.files.safe_text import safe
from judge.files.terminal import console
from judge.prompting.token_estimates import Range

UNKNOWN = "unknown"
COLUMNS = ("calls", "in", "out", "low", "expected", "high", "batch")
THOUSAND = 1000


def render_quote(quote: Quote, *, to_stderr: bool = False) -> None:
    """Render the open calls and the cost of each judge, and the sum."""
    screen = console(to_stderr=to_stderr)
    screen.print(_table(quote))
    for line in (_sources(quote), _controls(quote), _sum(quote)):
        if line:
            screen.print(Text(line), soft_wrap=True)


def _table(quote: Quote) -> Table:
    """Render one line a judge: calls, expected tokens in and out, dollars, and the expected dollars in batches."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("judge", overflow="fold")
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for judge, one in quote.judges.items():
        tokens = [_tokens(one.input_tokens), _tokens(one.output_tokens)]
        in_batches = dollars(one.batch_usd.expected) if one.batch_usd else "-"
        table.add_row(Text(safe(judge)), f"{one.calls:,}", *tokens, *_usd(one.usd), in_batches)
    return table


def _tokens(tokens: Range) -> str:
    """Write a token count with its precision: 950, 666K, 1.4M, 3,010M."""
    count = tokens.expected
    if count < THOUSAND:
        return f"{count}"
    if count < THOUSAND**2:
        return f"{count / THOUSAND:.0f}K"
    millions = count / THOUSAND**2
    return f"{millions:.1f}M" if millions < THOUSAND else f"{millions:,.0f}M"


def _usd(usd: UsdRange | None) -> list[str]:
    if usd is None:
        return [UNKNOWN] * 3
    return [dollars(amount) for amount in (usd.low, usd.expected, usd.high)]


def _sources(quote: Quote) -> str:
    """Return the sources of the prices."""
    by_source: dict[str, list[str]] = {}
    for judge, one in quote.judges.items():
        by_source.setdefault(one.price or UNKNOWN, []).append(safe(judge))
    told = "; ".join(f"{source} for {', '.join(judges)}" for source, judges in by_source.items())
    told = next(iter(by_source)) if len(by_source) == 1 else told
    return f"Prices: {told}. Everything is estimated: see docs/costs.md."


def _controls(quote: Quote) -> str:
    """Return the calls of controls."""
    told = ", ".join(f"{kind} {calls:,}" for kind, calls in quote.controls.items())
    return f"Calls of the controls among them: {told}." if told else ""


def _sum(quote: Quote) -> str:
    """Return the total cost; unknown where a judge's price is."""
    judged = f" ({quote.judged:,} are judged already)" if quote.judged else ""
    how = " in batches" if quote.batch else ""
    if quote.usd is not None:
        low, expected, high = _usd(quote.usd)
        return f"{quote.calls:,} calls{judged}{how}: about {expected}, between {low} and {high}."
    unknown = ", ".join(safe(judge) for judge, one in quote.judges.items() if one.usd is None)
    return f"{quote.calls:,} calls{judged}{how}: the cost is unknown, for want of a price of {unknown} (see --price)."
