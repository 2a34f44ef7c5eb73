"""Read `--judge` options, and open the judges they name."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from judge.errors import InputError
from judge.io.judges.anthropic import KEY_VARIABLE as ANTHROPIC_KEY
from judge.io.judges.anthropic import AnthropicJudge
from judge.io.judges.local import LocalJudge
from judge.io.judges.openai import OpenAIJudge
from judge.io.weights import find_weights
from judge.schema import JudgeSettings, JudgeSpec, Provider

if TYPE_CHECKING:
    from collections.abc import Callable

    from judge.io.judges.base import Judge

DEFAULT_OUTPUT_TOKENS = 8192
LOCAL_SETTINGS = JudgeSettings(max_output_tokens=700, temperature=0.0, seed=0, evidence_chars=40)
_FORM = re.compile(r"(?P<provider>[a-z]+)(?::(?P<model>.+?)(?:@(?P<endpoint>https?://.+))?)?\Z")
_KEYS = {Provider.ANTHROPIC: ANTHROPIC_KEY, Provider.OPENAI: "OPENAI_API_KEY"}


class JudgeOptions(NamedTuple):
    """Settings that a person may set for all judges; None leaves the default."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    effort: str | None = None


def parse_judge(text: str, options: JudgeOptions, *, say: Callable[[str], None]) -> JudgeSpec:
    """Read `provider:model[@endpoint]`, `local` or `local:FILE`; nothing is asked of a provider.

    Raises:
        InputError: unknown provider, missing model or key, or an option that the provider does not take.
    """
    where = f"--judge {text}"
    match = _FORM.match(text)
    if match is None or match["provider"] not in list(Provider):
        known = "anthropic:MODEL, openai:MODEL, openai:MODEL@http://HOST:PORT/v1, local, local:FILE.gguf"
        raise InputError(where, "unknown judge", f"use {known}")
    provider = Provider(match["provider"])
    if provider is Provider.LOCAL:
        return _local(match["model"], options, say=say)
    if not match["model"]:
        raise InputError(where, "no model named", f"use {provider}:MODEL")
    if provider is Provider.ANTHROPIC and options.temperature is not None:
        raise InputError("--temperature", "Anthropic's API takes no temperature", "leave it out")
    if not match["endpoint"] and not os.environ.get(_KEYS[provider]):
        raise InputError(where, f"no key: {_KEYS[provider]} is not set", "export it; keys are read from there only")
    settings = JudgeSettings(
        max_output_tokens=options.max_output_tokens or DEFAULT_OUTPUT_TOKENS,
        temperature=options.temperature,
        effort=options.effort,
    )
    return JudgeSpec(provider=provider, model=match["model"], endpoint=match["endpoint"], settings=settings)


def _local(file: str | None, options: JudgeOptions, *, say: Callable[[str], None]) -> JudgeSpec:
    if options.effort is not None:
        raise InputError("--effort", "the embedded judge does not take it", "leave it out")
    weights = find_weights(file, say=say)
    given = {name: value for name, value in options._asdict().items() if value is not None}
    return JudgeSpec(
        provider=Provider.LOCAL,
        model=weights.path.stem,
        endpoint=str(weights.path),
        settings=LOCAL_SETTINGS.model_copy(update=given),
        sees_images=False,
        weights_sha256=weights.sha256,
    )


def open_judge(spec: JudgeSpec, *, concurrency: int, timeout: float) -> Judge:
    """Open the judge that a spec describes; import its SDK, start its server."""
    match spec.provider:
        case Provider.ANTHROPIC:
            return AnthropicJudge(spec, concurrency=concurrency, timeout=timeout)
        case Provider.OPENAI:
            return OpenAIJudge(spec, concurrency=concurrency, timeout=timeout)
        case Provider.LOCAL:
            return LocalJudge(spec, timeout=timeout)
