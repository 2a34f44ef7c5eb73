"""Read `--judge` options, and open the judges they name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import parse_qsl, urlsplit

from judge.errors import InputError, RunError
from judge.files.fields import MAX_NAME_CHARS, show
from judge.judges.anthropic import KEY_VARIABLE as ANTHROPIC_KEY
from judge.judges.anthropic import TOKEN_VARIABLE as ANTHROPIC_TOKEN
from judge.judges.anthropic import AnthropicJudge
from judge.judges.base import Judge, environment_key
from judge.judges.judge_options import JudgeOptions
from judge.judges.local import LocalJudge
from judge.judges.local_weights import find_weights
from judge.judges.openai import KEY_VARIABLE as OPENAI_KEY
from judge.judges.openai import OpenAIJudge, openai_key
from judge.schema import JudgeSettings, JudgeSpec, Provider

DEFAULT_OUTPUT_TOKENS = 8192
LOCAL_SETTINGS = JudgeSettings(max_output_tokens=700, temperature=0.0, seed=0, evidence_chars=30)
_FORM = re.compile(r"(?P<provider>[a-z]+)(?::(?P<model>.*?)(?:@(?P<endpoint>https?://.+))?)?\Z")
_HARMLESS = "api-version"
"""the one parameter that an address may hold"""
_HALF_ADDRESS = re.compile(r"@.*(?:://|:\d)")


def parse_judge(text: str, options: JudgeOptions, *, say: Callable[[str], None], needs_key: bool = True) -> JudgeSpec:
    """Read `provider:model[@endpoint]`, `local` or `local:FILE`; nothing is asked of a provider.

    Args:
        text: as the person wrote it.
        options: settings for all judges.
        say: is told that weights are fetched.
        needs_key: refuse a judge whose key is not there.

    Raises:
        InputError: unknown provider, missing model or key, or an option that the provider does not take.
    """
    where = f"--judge {_without_secrets(' '.join(text.split()))}"
    match = _FORM.match(text)
    if match is None or match["provider"] not in list(Provider):
        known = "anthropic:MODEL, openai:MODEL, openai:MODEL@http://HOST:PORT/v1, local, local:FILE.gguf"
        raise InputError(where, "unknown judge", f"use {known}")
    provider = Provider(match["provider"])
    if match["model"] == "" or (match["model"] is None and provider is not Provider.LOCAL):
        raise InputError(where, "no model named", f"use {provider}:{'FILE' if provider is Provider.LOCAL else 'MODEL'}")
    if provider is Provider.LOCAL:
        return _local(match["model"], options, say=say)
    _check_address(where, match["model"], match["endpoint"])
    if provider is Provider.ANTHROPIC and options.temperature is not None:
        raise InputError("--temperature", "Anthropic's API takes no temperature", "leave it out")
    settings = JudgeSettings(
        max_output_tokens=options.max_output_tokens or DEFAULT_OUTPUT_TOKENS,
        temperature=options.temperature,
        effort=options.effort,
    )
    spec = JudgeSpec(provider=provider, model=match["model"], endpoint=match["endpoint"], settings=settings)
    if needs_key:
        require(spec)
    return spec


def _without_secrets(text: str) -> str:
    """Leave out of a judge's address, for messages, where names, passwords and keys stand."""
    return re.sub(r"[?#].*|(?<=//)[^/]*@", "", text)


def _check_address(where: str, model: str, endpoint: str | None) -> None:
    if len(model) > MAX_NAME_CHARS:
        raise InputError(
            "--judge", f"{show(model)} is no model's name", f"it has more than {MAX_NAME_CHARS:,} characters"
        )
    if _HALF_ADDRESS.search(model):
        raise InputError(where, "not a server's address", "it begins with http:// or https://")
    if endpoint is None:
        return
    if "@" in endpoint:
        # The manifest would record the password, and this error's text would repeat it.
        raise InputError(f"--judge {model}", "the address holds a name or a password", "keys come from the environment")
    try:
        parts = urlsplit(endpoint)
        usable = bool(parts.hostname) and parts.port != 0
        if parts.fragment or any(name != _HARMLESS for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
            # It could be a key, and the manifest would record it.
            raise InputError(where, "the address holds more than a path", "keys come from the environment")
    except ValueError:
        usable = False
    if not usable:
        raise InputError(where, "not a server's address", "use http://HOST:PORT/v1")


def require(spec: JudgeSpec) -> None:
    """Check that a judge's key, or its weights, are there; nothing is asked of a provider.

    Raises:
        InputError: they are not, or cannot be used.
        RunError: the weights are others than the run began with.
    """
    match spec.provider:
        case Provider.ANTHROPIC:
            _check_key(spec, environment_key(ANTHROPIC_KEY, ANTHROPIC_TOKEN), ANTHROPIC_KEY)
        case Provider.OPENAI:
            _check_key(spec, openai_key(spec), OPENAI_KEY)
        case Provider.LOCAL:
            if find_weights(spec.endpoint, say=lambda _: None).sha256 != spec.weights_sha256:
                raise RunError(f"{spec.endpoint}: the weights have changed since the run began")


def _check_key(spec: JudgeSpec, key: str | None, variable: str) -> None:
    where = f"--judge {spec.name}"
    if key is None and spec.endpoint is None:
        raise InputError(where, f"no key: {variable} is not set", "export it; keys are read from there only")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise InputError(where, f"no key: {variable} holds characters that no key has", "copy the key again")


def _local(file: str | None, options: JudgeOptions, *, say: Callable[[str], None]) -> JudgeSpec:
    if options.effort is not None:
        raise InputError("--effort", "the embedded judge does not take it", "leave it out")
    weights = find_weights(file, say=say)
    given = {name: value for name, value in asdict(options).items() if value is not None}
    return JudgeSpec(
        provider=Provider.LOCAL,
        model=weights.path.stem,
        endpoint=str(weights.path),
        settings=LOCAL_SETTINGS.model_copy(update=given),
        sees_images=False,
        weights_sha256=weights.sha256,
    )


def open_judge(spec: JudgeSpec, *, concurrency: int, timeout: float) -> Judge:
    """Open the judge that a spec describes; import its SDK, start its server.

    Raises:
        InputError: the environment names certificates or a proxy that cannot be used.
    """
    match spec.provider:
        case Provider.ANTHROPIC:
            return AnthropicJudge(spec, concurrency=concurrency, timeout=timeout)
        case Provider.OPENAI:
            return OpenAIJudge(spec, concurrency=concurrency, timeout=timeout)
        case Provider.LOCAL:
            return LocalJudge(spec, timeout=timeout)
