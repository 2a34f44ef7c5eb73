"""What one call is charged against a limit in dollars before its reply tells what it cost."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import orjson

from judge.costs.spending import cost
from judge.prompting.token_estimates import EXPECTED, HIGH, Scenario, image_tokens, output_tokens, text_tokens
from judge.schema import Image, JudgeSpec, Price, Request, Usage


class Charge(NamedTuple):
    """US dollars that a call takes, by the rules of a quote."""

    expected: Decimal
    """most likely"""
    high: Decimal
    """as much as it may be, to the limit of its output; no less than expected"""


NO_CHARGE = Charge(Decimal(0), Decimal(0))


def charge(
    price: Price | None,
    request: Request,
    judge: JudgeSpec,
    *,
    pixels: Callable[[Image], tuple[int, int]],
    batched: bool = False,
) -> Charge:
    """Estimate what a call costs; nothing where no price is known.

    Args:
        price: of the judge.
        request: what is asked.
        judge: whom.
        pixels: width and height of an image.
        batched: it is asked in a batch, at that price where one is known.
    """
    batched = batched and price is not None and bool(price.batch)
    images = [image_tokens(judge.provider, *pixels(image)) for image in request.prompt.images]
    schema, prompt, again = orjson.dumps(request.schema_), request.prompt, request.correction
    texts = (prompt.system, prompt.shared, prompt.traces, *((again.reply, again.note) if again else ()))
    n_bytes = len(schema) + sum(len(text.encode()) for text in texts)

    def dollars(scenario: Scenario) -> Decimal:
        given = text_tokens(n_bytes, scenario) + sum(getattr(image, scenario.name) for image in images)
        limit = judge.settings.max_output_tokens
        made = output_tokens(request.n_parts or len(request.asks), judge.settings, scenario)
        if request.output_tokens is not None:
            made = limit  # asked again with a larger limit, since the first reply came to the judge's own
        if scenario is HIGH:
            made = request.output_tokens or limit
        filled = given if scenario is HIGH and request.shares_prefix else 0
        amounts = [
            cost(price, Usage(input=given, cache_write=written, output=made), batched=batched)
            for written in {0, filled}
        ]
        return max((amount for amount in amounts if amount is not None), default=Decimal(0))

    expected = dollars(EXPECTED)
    return Charge(expected, max(expected, dollars(HIGH)))
