"""Every format that is read, and how a file's own is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from judge.convert.alpaca_eval import is_alpaca_eval, read_alpaca_eval
from judge.convert.anthropic_batch import is_anthropic_batch, read_anthropic_batch
from judge.convert.inspect_log import is_inspect_log, read_inspect_log
from judge.convert.lm_eval import is_lm_eval, is_lmms_eval, read_lm_eval, read_lmms_eval
from judge.convert.native import is_native, read_native
from judge.convert.openai_batch import is_openai_batch, read_openai_batch
from judge.convert.output import Row
from judge.convert.values import Record
from judge.convert.vlmevalkit import is_vlmevalkit, read_vlmevalkit
from judge.enums import SourceFormat
from judge.errors import InputError


class Format(NamedTuple):
    """One generator's records."""

    name: SourceFormat
    """as in `--format`"""
    title: str
    recognises: Callable[[Record], bool]
    rows: Callable[[Record, str | None], Iterator[Row]]
    """of a record and the path of its id, None for the format's own; raises RecordProblem"""


NATIVE = Format(SourceFormat.NATIVE, "traces as in docs/input.md", is_native, read_native)
FORMATS = (
    Format(SourceFormat.LM_EVAL, "samples of lm-evaluation-harness", is_lm_eval, read_lm_eval),
    Format(SourceFormat.LMMS_EVAL, "samples of lmms-eval", is_lmms_eval, read_lmms_eval),
    Format(SourceFormat.VLMEVALKIT, "predictions of VLMEvalKit", is_vlmevalkit, read_vlmevalkit),
    Format(SourceFormat.OPENAI_BATCH, "batch output of OpenAI or vLLM", is_openai_batch, read_openai_batch),
    Format(SourceFormat.ANTHROPIC_BATCH, "batch results of Anthropic", is_anthropic_batch, read_anthropic_batch),
    Format(SourceFormat.INSPECT, "a log of inspect", is_inspect_log, read_inspect_log),
    Format(SourceFormat.ALPACA_EVAL, "outputs of alpaca_eval", is_alpaca_eval, read_alpaca_eval),
    NATIVE,
)
"""The last one is for what no other recognises, since it has the widest choice of names."""


def detect(records: Sequence[Record], path: str) -> Format:
    """Return the format that all of a file's first records have.

    Raises:
        InputError: none or several formats recognise them.
    """
    matching = [one for one in FORMATS if records and all(map(one.recognises, records))]
    special = [one for one in matching if one is not NATIVE] or matching
    if not special:
        fields = f"the first record has {', '.join(list(records[0])[:8])}" if records else "no record can be read"
        raise InputError(
            path,
            f"no format is recognised: {fields}",
            f"name one with --format: {', '.join(one.name for one in FORMATS)}",
        )
    if len(special) > 1:
        names = " or ".join(one.name for one in special)
        raise InputError(path, f"may be {names}", "choose with --format")
    return special[0]
