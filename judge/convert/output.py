"""A generator's output for one item in common terms, and the text of its trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from judge.prompting.trace_parts import join_output


class NoTrace(StrEnum):
    """Why a row of a generator's file holds no trace."""

    ERROR = "error"
    """the generator could not get an answer"""
    REFUSED = "refused"
    """the model declined"""
    FILTERED = "filtered"
    """a content filter stopped the answer"""
    TRUNCATED = "truncated"
    """the token limit was reached before anything was written"""
    EMPTY = "empty"
    """the answer is blank"""


class Cut(StrEnum):
    """Causes of truncation."""

    LIMIT = "limit"
    """the model's token limit"""
    EXCEL = "excel"
    """a spreadsheet's cell holds 32,767 characters"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One output of one model for one item."""

    id: str
    text: str = ""
    """the final text, which may hold `<think>` tags of its own"""
    reasoning: str = ""
    """reasoning that the generator kept apart from the text"""
    model: str | None = None
    no_trace: NoTrace | None = None
    """why the text does not count, where the generator says so"""
    detail: str = ""
    """the generator's words for that"""
    cut: Cut | None = None
    filter: str | None = None
    """lm-evaluation-harness writes each output once for each of its filters"""
    repeats: bool = True
    """whether a generator writes several rows of an id; else a second one is a mistake"""
    sample: int | None = None
    """which of an item's outputs it is, where the file numbers them"""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """further fields of docs/input.md"""
    source: Mapping[str, Any] = field(default_factory=dict)
    """what the generator says of the output, kept as metadata"""


def trace_text(row: Row) -> str:
    """Return reasoning and text as one, in the tags that every trace file may use; blank where both are."""
    return join_output(row.reasoning, row.text, cut=row.cut is Cut.LIMIT)


def why_no_trace(row: Row) -> NoTrace | None:
    """Return why a row holds no trace; None where it holds one."""
    if row.no_trace is not None or trace_text(row).strip():
        return row.no_trace
    return NoTrace.TRUNCATED if row.cut is Cut.LIMIT else NoTrace.EMPTY
