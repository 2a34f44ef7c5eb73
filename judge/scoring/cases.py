"""Features of cases beside their verdicts: checklist units, cluster, correctness of the answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import orjson
import polars as pl
from msgspec.structs import asdict

from judge.outcomes.item_features import BY_IMAGE, FeatureRow, WantedFields, tabulate
from judge.outcomes.latest_judgments import FrameBuilder
from judge.prompting.correctness import is_right, right_labels
from judge.prompting.embedded_options import options_of
from judge.schema import Case, Group, Item

_SCHEMA: dict[str, pl.DataType] = {
    "item": pl.String(),
    "cluster": pl.String(),
    "right": pl.Float64(),
    "unread": pl.Boolean(),
    "seen": pl.Boolean(),
    "by_letters": pl.Boolean(),
    "checklist": pl.UInt64(),
}
"""`right` is 0 or 1, null where the item's answer is unknown; `unread`: it is
known, and the trace states none that can be read (which is not right); `seen`: a judge that sees images can be shown
all of the item's; `by_letters`: see `argues_by_letters`; `checklist`: a hash of it"""
_UNITS = {"item": pl.String(), "group": pl.Enum(Group), "unit": pl.String(), "core": pl.Boolean()}
_NAMED = r"\b(?i:options?|choices?|answers?)\s+\(?(LETTER)\b"
_CLOSED = r"\((LETTER)\)"
_JUDGED = r"\b(LETTER)\s+(?:is|are|was|would|could|can|cannot|may|does|seems)\b"
_SEVERAL = 2


class CaseFeatures(NamedTuple):
    """Features of a run's cases."""

    items: pl.DataFrame
    """one row a case; columns of `_SCHEMA` and one `by:FIELD` a field"""
    cluster_field: str | None
    """as in `ItemFeatures`"""
    fields: tuple[str, ...]
    units: pl.DataFrame
    """one row a unit: `item`, `group`, `unit`, and whether it is `core`"""


def features_of_cases(cases: Iterable[Case], wanted: WantedFields) -> CaseFeatures:
    """Read the features of a run's cases.

    Args:
        cases: one in memory at a time.
        wanted: fields of the items, in `subgroup` or `meta`.

    Raises:
        InputError: no item has a wanted field.
    """
    units = FrameBuilder(_UNITS)

    def rows() -> Iterator[FeatureRow]:
        for case in cases:
            for group, own in case.item.checklist.items():
                for unit in own:
                    units.add(case.item.id, group, unit.id, unit.importance == "core")
            yield _feature_row(case)

    items = tabulate(rows(), wanted, default=BY_IMAGE, schema=_SCHEMA)
    return CaseFeatures(items.items, items.cluster_field, items.fields, units.frame())


def argues_by_letters(text: str, item: Item) -> bool:
    """Return whether a trace argues by the letters of the options: it names two of them or more."""
    letters = "".join(letter for letter in item.options if len(letter) == 1 and letter.isalpha())
    if len(set(_alone_pattern(letters).findall(text))) < _SEVERAL:
        return False  # as the search would find, many times as fast
    named = {letter for match in _letters_pattern(letters).finditer(text) for letter in match.groups() if letter}
    return len(named) >= _SEVERAL


@cache
def _letters_pattern(letters: str) -> re.Pattern[str]:
    """Return the pattern of options named by letter: "option B", "(B)", "B is"; it matches nothing without letters."""
    return re.compile(f"{_NAMED}|{_CLOSED}|{_JUDGED}".replace("LETTER", _any_of(letters)))


@cache
def _alone_pattern(letters: str) -> re.Pattern[str]:
    """Return the pattern of letters that are words of their own, as every named option is."""
    return re.compile(rf"{_any_of(letters)}(?!\w)(?<!\w.)", re.DOTALL)


def _any_of(letters: str) -> str:
    return f"[{letters}]" if letters else "(?!)"


def _known(item: Item) -> bool:
    """Return whether an item's right answer is known."""
    return item.answer is not None and bool(right_labels(item) or not options_of(item))


def _feature_row(case: Case) -> FeatureRow:
    item, trace = case.item, case.trace
    right = is_right(trace, item)
    unread = right is None and _known(item)
    values = {
        "item": item.id,
        "right": 0.0 if unread else None if right is None else float(right),
        "unread": unread,
        "seen": bool(item.images) and not item.missing_images,
        "by_letters": argues_by_letters(trace.text, item),
        "checklist": _checklist_hash(item),
    }
    return FeatureRow.of(item, values)


def _checklist_hash(item: Item) -> int:
    groups = [[group, [asdict(unit) for unit in item.checklist.get(group, ())]] for group in Group]
    return int.from_bytes(hashlib.blake2b(orjson.dumps(groups), digest_size=8).digest())
