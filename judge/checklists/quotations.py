"""Keep the units of a checklist whose quotation stands in the reference."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec.structs import replace

from judge.schema import Group, Unit

LEAST_QUOTED = 8
"""bytes of UTF-8: eight Latin letters, three of Japanese; a shorter quotation stands in any text and proves nothing"""
_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_SINGLE = "\u2018\u2019\u201a\u201b\u2032"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
_PLAIN = str.maketrans({**dict.fromkeys(_HYPHENS, "-"), **dict.fromkeys(_SINGLE, "'"), **dict.fromkeys(_DOUBLE, '"')})
_SPACE = re.compile(r"\s+")


class UnitDoubt(StrEnum):
    """Why a unit is kept out of the checklist."""

    NOT_FOUND = "not_found"
    """its quotation does not stand in the reference"""
    TOO_SHORT = "too_short"
    """its quotation is too short to prove anything"""


class Checked(NamedTuple):
    """The units that were written, parted by their quotations."""

    checklist: dict[Group, tuple[Unit, ...]]
    """those that are kept; a group without any is absent"""
    doubts: dict[str, UnitDoubt]
    """the others, by id"""


def checked_units(reference: str, units: Mapping[Group, Sequence[Unit]]) -> Checked:
    """Part units by whether their quotation stands in the reference; premises that are not kept are taken out."""
    text = plain(reference)
    doubts = {
        unit.id: doubt
        for written in units.values()
        for unit in written
        if (doubt := _doubt(unit.source_quote, text)) is not None
    }
    kept = {group: tuple(_without(doubts, unit) for unit in units[group] if unit.id not in doubts) for group in units}
    return Checked({group: left for group, left in kept.items() if left}, doubts)


def plain(text: str) -> str:
    """Return a text in the form in which quotations are compared: one space, one hyphen, one form of each quote mark.

    Letters, their case and punctuation stay as they are.
    """
    return _SPACE.sub(" ", unicodedata.normalize("NFC", text).translate(_PLAIN)).strip()


def _doubt(quotation: str, text: str) -> UnitDoubt | None:
    quoted = plain(quotation)
    if len(quoted.encode()) < LEAST_QUOTED:
        return UnitDoubt.TOO_SHORT
    return None if quoted in text else UnitDoubt.NOT_FOUND


def _without(doubts: Mapping[str, UnitDoubt], unit: Unit) -> Unit:
    left = tuple(id_ for id_ in unit.premises if id_ not in doubts)
    return unit if left == unit.premises else replace(unit, premises=left)
