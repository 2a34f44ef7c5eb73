"""Turn the options of the commands that ask judges into what the use cases take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.errors import InputError

if TYPE_CHECKING:
    from decimal import Decimal

    from judge.run.session import JudgingOptions


def judging_options(
    *,
    concurrency: int,
    timeout: float,
    attempts: int,
    max_rpm: float | None,
    max_tpm: float | None,
    max_calls: int | None,
    max_cost: str | None,
    confirm_above: str | None,
    poll: float,
    fsync_ms: int,
    quiet: bool,
    batch: bool = False,
) -> JudgingOptions:
    """Return how to ask; InputError for an amount of dollars that is none."""
    from judge.io.limits import RetryPolicy  # noqa: PLC0415
    from judge.run.session import JudgingOptions  # noqa: PLC0415

    return JudgingOptions(
        concurrency=concurrency,
        policy=RetryPolicy(attempts=attempts, timeout=timeout),
        max_rpm=max_rpm,
        max_tpm=max_tpm,
        max_calls=max_calls,
        max_cost=_dollars("--max-cost", max_cost),
        confirm_above=_dollars("--confirm-above", confirm_above),
        batch=batch,
        poll=poll,
        sync_seconds=fsync_ms / 1000,
        quiet=quiet,
    )


def _dollars(option: str, text: str | None) -> Decimal | None:
    """Read an amount of US dollars; InputError where it is none."""
    from decimal import Decimal, InvalidOperation  # noqa: PLC0415 - `--help` starts without it

    if text is None:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise InputError(option, f"{text!r} is no amount of dollars", "give a number, such as 2.50")
    return amount
