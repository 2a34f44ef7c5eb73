"""What tokens cost, by the price list that genai-prices carries; unknown stays unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.schema import JudgeSpec, Provider, Usage

if TYPE_CHECKING:
    from decimal import Decimal


def price(spec: JudgeSpec, usage: Usage) -> Decimal | None:
    """Return US dollars for tokens of a judge, or None where no price is known; the embedded judge is free."""
    from decimal import Decimal  # noqa: PLC0415 - with genai_prices, 0.7 s that only judging needs

    import genai_prices  # noqa: PLC0415

    if spec.provider is Provider.LOCAL:
        return Decimal(0)
    if spec.endpoint is not None:
        return None
    tokens = genai_prices.Usage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
    )
    try:
        return genai_prices.calc_price(tokens, model_ref=spec.model, provider_id=spec.provider.value).total_price
    except (LookupError, ValueError):  # a model without a price, or a usage that does not add up
        return None
