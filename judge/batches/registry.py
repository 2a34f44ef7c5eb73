"""Tell which judges take batches, and open them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judge.batches.anthropic import AnthropicBatches
from judge.batches.openai import OpenAIBatches
from judge.errors import InputError
from judge.schema import JudgeSpec, Provider, ReplyForm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.batches.base import BatchJudge


def require_batches(specs: Iterable[JudgeSpec]) -> None:
    """Refuse judges whose provider takes no batches; InputError names them."""
    takers = {Provider.OPENAI, Provider.ANTHROPIC}
    without = [spec.name for spec in specs if spec.provider not in takers or spec.settings.reply is ReplyForm.TOOL]
    if without:
        hint = "leave --batch out, or name only openai: and anthropic: judges, none with reply = tool"
        raise InputError("--batch", f"{', '.join(without)} takes no batches", hint)


def open_batch_judge(spec: JudgeSpec, *, timeout: float) -> BatchJudge:
    """Open a judge that takes batches; import its SDK."""
    if spec.provider is Provider.ANTHROPIC:
        return AnthropicBatches(spec, timeout=timeout)
    return OpenAIBatches(spec, timeout=timeout)
