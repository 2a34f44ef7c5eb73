"""Prices of judges: `--price`, or the list of genai-prices; unknown stays unknown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from judge.errors import InputError, InputErrors
from judge.judges.known_providers import is_own_host, price_list_of
from judge.schema import JudgeSpec, Price, Provider, Tariff

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

OPTION = "--price"
FORM = f"use {OPTION} MODEL=INPUT/OUTPUT[/CACHE_READ[/CACHE_WRITE]], in US dollars per million tokens"
LARGEST = 1_000_000
HALF = Decimal("0.5")
FREE = Price(
    source="embedded",
    standard=(Tariff(input=Decimal(0), cache_read=Decimal(0), cache_write=Decimal(0), output=Decimal(0)),),
)
_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")


def is_hosted(spec: JudgeSpec) -> bool:
    """Return whether the judge is at its provider, and not at a compatible server."""
    if spec.provider not in {Provider.OPENAI, Provider.ANTHROPIC}:
        return False
    address = spec.endpoint or os.environ.get(f"{spec.provider.name}_BASE_URL")
    return not address or is_own_host(spec.provider, address)


def pin_prices(judges: Sequence[JudgeSpec], given: Mapping[str, Price]) -> dict[str, Price]:
    """Return the prices known today, by judge: the given one, else the list's; the embedded judge is free."""
    found = {judge.name: given.get(judge.name) or list_price(judge) for judge in judges}
    return {name: price for name, price in found.items() if price is not None}


def list_price(spec: JudgeSpec) -> Price | None:
    """Return the price on the list, or None where it has none or another server than the provider's is asked."""
    if spec.provider is Provider.LOCAL:
        return FREE
    provider = spec.provider.value if is_hosted(spec) else price_list_of(spec)
    if provider is None:
        return None
    import genai_prices  # noqa: PLC0415 - 0.7 s that only a paid judge needs

    one = genai_prices.Usage(input_tokens=1)
    try:
        standard = genai_prices.calc_price(one, spec.model, provider_id=provider).model_price
        context = {"processing": "batch"}
        batch = genai_prices.calc_price(one, spec.model, provider_id=provider, price_context=context).model_price
    except LookupError:
        return None
    tariffs = _tariffs(standard)
    if not tariffs:
        return None
    source = f"genai-prices {genai_prices.__version__}"
    return Price(source=source, standard=tariffs, batch=() if batch == standard else _tariffs(batch))


def _tariffs(listed: ModelPrice) -> tuple[Tariff, ...]:
    """Return a listed price with its tiers; nothing for models that are not paid by tokens in and out."""
    given, made = listed.input_mtok, listed.output_mtok
    if given is None or made is None:
        return ()
    read, written = (given if price is None else price for price in (listed.cache_read_mtok, listed.cache_write_mtok))
    starts = {tier.start for price in (given, made) if not isinstance(price, Decimal) for tier in price.tiers}
    return tuple(
        Tariff(
            above=above,
            input=_at(given, above),
            cache_read=_at(read, above),
            cache_write=_at(written, above),
            output=_at(made, above),
        )
        for above in sorted({0, *starts})
    )


def _at(price: Decimal | TieredPrices, above: int) -> Decimal:
    """Return the price that holds for more input tokens than this."""
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if above >= tier.start), price.base)


def parse_prices(texts: Sequence[str], judges: Sequence[JudgeSpec]) -> dict[str, Price]:
    """Read `--price` options: prices by judge, for the models or `provider:model` that they name.

    Raises:
        InputErrors: all that cannot be read, name no judge of the run, or name one twice.
    """
    found: dict[str, Price] = {}
    problems: list[InputError] = []
    for text in texts:
        where = f"{OPTION} {' '.join(text.split())}"
        model, _, amounts = text.rpartition("=")
        named = [judge for judge in judges if model in {judge.model, judge.name}]
        parts = amounts.split("/")
        if not model or not all(map(_is_amount, parts)) or len(parts) not in {2, 3, 4}:
            problems.append(InputError(where, "not a price", FORM))
        elif not named:
            known = ", ".join(judge.name for judge in judges)
            problems.append(InputError(where, f"no judge has the model {model!r}", f"the judges are {known}"))
        elif twice := [judge.name for judge in named if judge.name in found]:
            problems.append(InputError(where, f"a second price of {', '.join(twice)}", "give one"))
        else:
            rates = [Decimal(part) for part in parts]
            found |= {judge.name: _given(rates, batches=is_hosted(judge)) for judge in named}
    if problems:
        raise InputErrors(problems)
    return found


def _is_amount(text: str) -> bool:
    return _AMOUNT.fullmatch(text) is not None and Decimal(text) <= LARGEST


def _given(rates: Sequence[Decimal], *, batches: bool) -> Price:
    """Return a given price; what is cached costs as much as any input unless said, and the provider's batches half."""
    given, made, *cached = rates
    read, written = (*cached, *(given, given)[len(cached) :])
    tariff = Tariff(input=given, cache_read=read, cache_write=written, output=made)
    kinds = ("input", "cache_read", "cache_write", "output")
    half = tariff.model_copy(update={kind: HALF * getattr(tariff, kind) for kind in kinds})
    return Price(source=OPTION, standard=(tariff,), batch=(half,) if batches else ())
