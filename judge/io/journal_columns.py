"""Read the journal of a run into columns: a report of a million judgments needs neither their texts nor objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import orjson

from judge.core.columns import Columns, Said, take
from judge.core.costs import Spending
from judge.io.journal import KEY
from judge.schema import Attempt, Failed, Judgment, Order, Reply, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from judge.core.columns import Settled
    from judge.io.journal import RunFolder

WHOLE = frozenset({int})
ORDERS = frozenset(order.value for order in Order)
JUDGMENT, REPLY, ATTEMPT, USAGE = (frozenset(record.__struct_fields__) for record in (Judgment, Reply, Attempt, Usage))
FAILED = frozenset({"status", *Failed.__struct_fields__})


def read_settled(folder: RunFolder, spending: Spending | None = None) -> Settled:
    """Settle the judgments of a run, counting every reply that was paid for.

    Lines of a form that was read before are recognised by a few look-ups; each new form, and every odd line, is read by
    `Judgment` itself, which decides what is a judgment and words what is wrong.

    Raises:
        RunError: a line is damaged; a torn last line is left out.
    """
    columns = Columns(spending or Spending({}))
    for number, line in folder.judgment_lines():
        if not _recognised(line, columns):
            judgment = folder.read_judgment(number, line)
            if judgment is None:
                break
            take(columns, judgment)
    return columns.settled()


def _recognised(line: bytes, columns: Columns) -> bool:
    """Take a line if every field that a report needs has its plain form; False changes nothing."""
    try:
        record = orjson.loads(line)
        key, item, judge, sample = record["key"], record["item"], record["judge"], record["sample"]
        said = _said(record["result"])
        replies = list(_usages(record))
        plain = type(key) is type(item) is type(judge) is str and type(sample) is int
        if not (
            plain
            and KEY.fullmatch(key)
            and record.keys() <= JUDGMENT
            and record["order"] in ORDERS
            and columns.knows(said)
        ):
            return False
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        return False
    for usage, batched in replies:
        columns.spending.add_reply(judge, Usage(**usage), batched=batched)
    columns.add(key, item, judge, sample, record["order"], said)
    return True


def _said(result: dict[str, Any]) -> Said:
    """Return what a result says; ValueError where it has other fields than it should."""
    if result["status"] == "judged" and len(result) == 2:  # noqa: PLR2004 - its status and its verdicts
        return Said(tuple(result["verdicts"].items()))
    if result["status"] == "failed" and result.keys() <= FAILED and isinstance(result.get("detail", ""), str):
        return Said(failure=result["failure"], criterion=result.get("criterion"))
    raise ValueError


def _usages(record: dict[str, Any]) -> Iterator[tuple[dict[str, int], bool]]:
    """Yield each paid reply's usage and whether it came in a batch; ValueError where one is not plain."""
    for attempt in record.get("attempts", ()):
        if not attempt.keys() <= ATTEMPT:
            raise ValueError
        if attempt.get("reply") is not None:
            yield _paid(attempt["reply"])
    if record.get("reply") is not None:
        yield _paid(record["reply"])


def _paid(reply: dict[str, Any]) -> tuple[dict[str, int], bool]:
    usage, batched = reply.get("usage", {}), reply.get("batched", False)
    if not (reply.keys() <= REPLY and _is_usage(usage) and isinstance(batched, bool)):
        raise ValueError
    return usage, batched


def _is_usage(usage: dict[str, Any]) -> TypeGuard[dict[str, int]]:
    return usage.keys() <= USAGE and set(map(type, usage.values())) <= WHOLE
