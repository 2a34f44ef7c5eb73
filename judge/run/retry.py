"""Ask again what failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from judge.io.prices import parse_prices
from judge.run.compare import unchanged_manifest
from judge.run.judging_all import judge_all, members_of
from judge.run.pricing import change_prices

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from judge.io.journal import RunFolder
    from judge.run.options import JudgingOptions
    from judge.schema import FailureKind


def retry(
    folder: RunFolder,
    options: JudgingOptions,
    *,
    kinds: Collection[FailureKind] = (),
    prices: Sequence[str] = (),
    say: Callable[[str], None],
) -> None:
    """Ask again what failed, in the run and its controls, and nothing that was never asked.

    Args:
        folder: the run.
        options: how to ask.
        prices: as given to `--price`.
        kinds: which kinds of failure to ask again; all of them where none is named.
        say: is told how many requests of each kind are asked again.
    """
    change_prices(folder, parse_prices(prices, unchanged_manifest(folder).judges))
    members = members_of(folder, folder.any_manifest())
    failed = [
        {key: kind for key, kind in member.folder.failed_keys().items() if not kinds or kind in kinds}
        for member in members
    ]
    counts = Counter(kind.value for own in failed for kind in own.values())
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    say(f"Asking again: {told}" if told else "Nothing to ask again: no request has failed so")
    open_ = [member._replace(only=frozenset(own)) for member, own in zip(members, failed, strict=True)]
    judge_all(open_, options, say=say)
