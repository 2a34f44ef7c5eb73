"""Every format that is read, and how a file's own is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from judge.convert.alpaca_eval import is_alpaca_eval, read_alpaca_eval
from judge.convert.anthropic_batch import is_anthropic_batch, read_anthropic_batch
from judge.convert.chat import is_chat, read_chat
from judge.convert.evalscope import is_evalscope, read_evalscope
from judge.convert.gemini_batch import is_gemini_batch, read_gemini_batch
from judge.convert.helm import is_helm, read_helm
from judge.convert.inspect_log import is_inspect_log, read_inspect_log
from judge.convert.lighteval import is_lighteval, read_lighteval
from judge.convert.llama_factory import is_llama_factory, read_llama_factory
from judge.convert.lm_eval import is_lm_eval, is_lmms_eval, read_lm_eval, read_lmms_eval
from judge.convert.ms_swift import is_ms_swift, read_ms_swift
from judge.convert.mt_bench import is_mt_bench, read_mt_bench
from judge.convert.native import holds_trace, is_native, read_native
from judge.convert.openai_batch import is_openai_batch, read_openai_batch
from judge.convert.opencompass import is_opencompass, read_opencompass
from judge.convert.output import Row
from judge.convert.sglang import is_sglang, read_sglang
from judge.convert.trl_completions import is_trl_completions, read_trl_completions
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
    """of a record and the path of its id, None for the format's own; raises RecordProblem; a row without an id is
    called by its number"""


NATIVE = Format(SourceFormat.NATIVE, "traces as in docs/input.md", is_native, read_native)
GENERAL = (Format(SourceFormat.CHAT, "chat completions or conversations", is_chat, read_chat), NATIVE)
FORMATS = (
    Format(SourceFormat.LM_EVAL, "samples of lm-evaluation-harness", is_lm_eval, read_lm_eval),
    Format(SourceFormat.LMMS_EVAL, "samples of lmms-eval", is_lmms_eval, read_lmms_eval),
    Format(SourceFormat.VLMEVALKIT, "predictions of VLMEvalKit", is_vlmevalkit, read_vlmevalkit),
    Format(SourceFormat.OPENAI_BATCH, "batch output of OpenAI or vLLM", is_openai_batch, read_openai_batch),
    Format(SourceFormat.ANTHROPIC_BATCH, "batch results of Anthropic", is_anthropic_batch, read_anthropic_batch),
    Format(SourceFormat.INSPECT, "a log of inspect", is_inspect_log, read_inspect_log),
    Format(SourceFormat.ALPACA_EVAL, "outputs of alpaca_eval", is_alpaca_eval, read_alpaca_eval),
    Format(SourceFormat.LLAMA_FACTORY, "predictions of LLaMA-Factory", is_llama_factory, read_llama_factory),
    Format(SourceFormat.MS_SWIFT, "results of ms-swift", is_ms_swift, read_ms_swift),
    Format(SourceFormat.EVALSCOPE, "predictions or reviews of EvalScope", is_evalscope, read_evalscope),
    Format(SourceFormat.OPENCOMPASS, "predictions of OpenCompass", is_opencompass, read_opencompass),
    Format(SourceFormat.HELM, "a scenario state of HELM", is_helm, read_helm),
    Format(SourceFormat.LIGHTEVAL, "details of lighteval", is_lighteval, read_lighteval),
    Format(SourceFormat.GEMINI_BATCH, "batch results of Gemini", is_gemini_batch, read_gemini_batch),
    Format(SourceFormat.SGLANG, "results of SGLang", is_sglang, read_sglang),
    Format(SourceFormat.TRL, "completions logged by TRL", is_trl_completions, read_trl_completions),
    Format(SourceFormat.MT_BENCH, "answers of MT-bench or arena-hard", is_mt_bench, read_mt_bench),
    *GENERAL,
)
"""The last are for what no other recognises, since they have the widest choice of names; of these the last wins."""


def detect(records: Sequence[Record], path: str, *, any_id: bool = False, lenient: bool = False) -> Format:
    """Return the format that all of a file's first records have.

    Args:
        records: the first ones.
        path: the file's, for messages.
        any_id: where the user says where the ids are, a text under a name of ours is enough for a trace.
        lenient: whether most of the records are enough, since others may be bad.

    Raises:
        InputError: none or several formats recognise them.
    """
    needed = len(records) // 2 + 1 if lenient else len(records)
    matching = [one for one in FORMATS if records and sum(map(one.recognises, records)) >= needed]
    special = [one for one in matching if one not in GENERAL] or matching[-1:]
    if not special and any_id and records and sum(map(holds_trace, records)) >= needed:
        return NATIVE
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
