"""A record of a file of traces or items as it is read, and what must be the same in two files that share an item."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from msgspec import UNSET

from judge.convert.choose_traces import document_of
from judge.convert.messages import is_cut, whole_output
from judge.files.fields import RecordFields, RecordProblem, as_label, as_name
from judge.inputs.item_fields import EmbeddedImage
from judge.prompting.embedded_options import split_options
from judge.prompting.trace_parts import part_output
from judge.schema import Item, Trace


class Digest(NamedTuple):
    """Hashes of an item that hold within the process; None where it has no such part."""

    question: int | None
    options: int | None
    document: int | None = None
    """of what a generator tells its documents apart by"""

    def differs(self, other: Digest) -> str | None:
        """Name what is another in two records of an item: each may lack a part."""
        if self.question and other.question and self.question != other.question:
            return "question"
        if self.options and other.options and self.options != other.options:
            return "options"
        if self.document and other.document and self.document != other.document:
            return None if self.question and self.question == other.question else "document"
        return None


class Record(NamedTuple):
    """One record of a file."""

    where: str
    """`b.jsonl:12`"""
    item: Item
    """without its images: they are not loaded here"""
    images: tuple[Path | str | EmbeddedImage, ...]
    """absolute paths, addresses as text, or what stands in the record itself"""
    trace: Trace | None
    """None only in a file of items"""
    folder: Path | None = None
    """that of the file: its images may lie in it"""
    sample: int | None = None
    """which of several traces for the item"""
    unseen: RecordProblem | None = None
    """an image that it holds under a name of no image"""


def read_trace(fields: RecordFields) -> Trace:
    """Read a record's trace, parted into thinking and final text; problems are noted in the fields."""
    parts = part_output(whole_output(fields))
    model, stated = fields.read("model", as_name), fields.read("model_answer", as_label)
    tag = {"answer_tag": parts.answer} if stated is not None and parts.answer not in (None, stated, parts.final) else {}
    return Trace(
        text=parts.text,
        model=model,
        answer=parts.answer if stated is None else stated,
        final=UNSET if parts.final is None else parts.final,
        marks=parts.marks or UNSET,
        cut=is_cut(fields) or UNSET,
        meta=fields.rest() | tag,
    )


def digest_of(record: Record) -> Digest:
    """Hash what must be the same in two files that share an item."""
    item, meta = record.item, record.trace.meta if record.trace else {}
    source = meta.get("source")
    named = {name: value for name, value in meta.items() if name != "question"}
    document = document_of(named, source if isinstance(source, dict) else {})
    question, options = (item.question, item.options) if item.options else split_options(item.question)
    return Digest(
        hash(" ".join(question.split())) if question.strip() else None,
        hash(tuple(sorted(options.items()))) if options else None,
        document,
    )
