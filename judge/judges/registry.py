"""Read `--judge` options, and open the judges they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePath
from urllib.parse import parse_qsl, urlsplit

from judge.errors import InputError, RunError
from judge.files.fields import MAX_NAME_CHARS, show
from judge.judges.anthropic import AnthropicJudge
from judge.judges.azure import AzureJudge, azure_address
from judge.judges.base import Judge
from judge.judges.cloud import CloudJudge, check_cloud
from judge.judges.config import JudgeTable, find_config, prompt_of, read_config, require_unchanged
from judge.judges.decisions import DecisionsJudge
from judge.judges.hub_weights import HUB_MAIN, hub_file
from judge.judges.judge_options import JudgeOptions
from judge.judges.keys import check_keys
from judge.judges.known_providers import PROVIDERS
from judge.judges.local import LocalJudge
from judge.judges.local_weights import find_weights, weights_of
from judge.judges.openai import OpenAIJudge
from judge.judges.scoring import ScoringJudge
from judge.schema import MESSAGES, JudgeSettings, JudgeSpec, Provider, ReplyForm

DEFAULT_OUTPUT_TOKENS = 8192
LOCAL_SETTINGS = JudgeSettings(max_output_tokens=700, temperature=0.0, seed=0, evidence_chars=30)
LOCAL_FIELDS = {"provider", "model", "temperature", "max_output_tokens", "reply", "system_role", "body", "prompt"}
"""of the table of an embedded judge"""
HUB_SETTINGS = JudgeSettings(max_output_tokens=2048, temperature=0.0, seed=0, evidence_chars=200)
"""of an embedded judge from the Hub: larger, but no quotation goes on for ever"""
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
        needs_key: refuse a judge whose key is not there, and fetch weights that are not; else nothing is asked for.

    Raises:
        InputError: unknown provider, missing model or key, or an option that the provider does not take.
    """
    where = f"--judge {_without_secrets(' '.join(text.split()))}"
    config = find_config(options.config)
    tables = read_config(config)
    if config is not None and text in tables:
        spec = _named(text, tables[text], config, options, say=say, fetch=needs_key)
    else:
        spec = _read(where, text, options, tables, say=say, fetch=needs_key)
    if needs_key:
        check_ready(spec)
    return spec


def _read(
    where: str,
    text: str,
    options: JudgeOptions,
    tables: Mapping[str, JudgeTable],
    *,
    say: Callable[[str], None],
    fetch: bool,
) -> JudgeSpec:
    match = _FORM.match(text)
    if match is None or match["provider"] not in list(Provider):
        known = "anthropic:MODEL, openai:MODEL, openai:MODEL@http://HOST:PORT/v1, local, local:FILE.gguf"
        named = f"; of the file: {', '.join(tables)}" if tables else ""
        raise InputError(where, "unknown judge", f"use {known}, another provider of `omr-judge judges`{named}")
    provider = Provider(match["provider"])
    if match["model"] == "" or (match["model"] is None and provider is not Provider.LOCAL):
        raise InputError(where, "no model named", f"use {provider}:{'FILE' if provider is Provider.LOCAL else 'MODEL'}")
    if provider is Provider.LOCAL:
        return _local(match["model"], options, say=say, fetch=fetch)
    _check_address(where, match["model"], match["endpoint"])
    if provider in MESSAGES and options.temperature is not None:
        raise InputError("--temperature", "Anthropic's API takes no temperature", "leave it out")
    settings = JudgeSettings(
        max_output_tokens=options.max_output_tokens or DEFAULT_OUTPUT_TOKENS,
        temperature=options.temperature,
        effort=options.effort,
        reply=PROVIDERS[provider].reply if provider in PROVIDERS else ReplyForm.SCHEMA,
    )
    return JudgeSpec(provider=provider, model=match["model"], endpoint=match["endpoint"], settings=settings)


def _named(
    name: str, table: JudgeTable, config: Path, options: JudgeOptions, *, say: Callable[[str], None], fetch: bool
) -> JudgeSpec:
    """Return a judge of the file, which options that are for all judges would change unseen."""
    for option in ("max_output_tokens", "temperature", "effort"):
        if getattr(options, option) is not None:
            where = f"--{option.replace('_', '-')}"
            raise InputError(where, f"judge {name} is set in {config}", f"write {option} there")
    return _of_table(name, table, config, say=say, fetch=fetch)


def _of_table(
    name: str, table: JudgeTable, config: Path, *, say: Callable[[str], None], fetch: bool = True
) -> JudgeSpec:
    where, provider = f"{config}: judges.{name}", table.provider
    prompt = prompt_of(table, config, where=where)
    if provider is Provider.LOCAL:
        spec = _local_of_table(where, table, prompt, say=say, fetch=fetch)
        return spec.model_copy(update={"label": name, "config": str(config)})
    if not table.model:
        raise InputError(f"{where}.model", "no model named")
    _check_address(f"{where}.base_url", "", table.base_url)
    if provider in MESSAGES:
        if table.temperature is not None:
            raise InputError(f"{where}.temperature", "Anthropic's API takes no temperature", "leave it out")
        if table.reply is ReplyForm.OBJECT:
            raise InputError(f"{where}.reply", "Anthropic's API knows no such form", "use schema, tool or text")
        if table.logprobs:
            raise InputError(f"{where}.logprobs", "Anthropic's API tells no probabilities", "leave it out")
    if table.reply in {ReplyForm.DECISIONS, ReplyForm.SCORING} and provider is not Provider.OPENAI:
        raise InputError(f"{where}.reply", f"{table.reply} takes provider openai, or a server that speaks as it does")
    usual = PROVIDERS[provider].reply if provider in PROVIDERS else ReplyForm.SCHEMA
    settings = JudgeSettings(
        max_output_tokens=table.max_output_tokens or DEFAULT_OUTPUT_TOKENS,
        temperature=table.temperature,
        effort=table.effort,
        reply=table.reply if "reply" in table.model_fields_set else usual,
        logprobs=table.logprobs,
        system_role=table.system_role,
        headers={header: value for header, value in table.headers.items() if header not in table.key_headers},
        body=table.body,
        prompt=prompt,
    )
    return JudgeSpec(
        provider=provider,
        model=table.model,
        endpoint=table.base_url,
        settings=settings,
        sees_images=table.reply is not ReplyForm.SCORING,
        label=name,
        config=str(config),
        key_env=table.key_env,
        key_headers=table.key_headers,
    )


def _local_of_table(
    where: str, table: JudgeTable, prompt: str | None, *, say: Callable[[str], None], fetch: bool
) -> JudgeSpec:
    if beside := table.model_fields_set - LOCAL_FIELDS:
        raise InputError(f"{where}.{min(beside)}", "the embedded judge does not take it")
    if table.reply in {ReplyForm.OBJECT, ReplyForm.TOOL, ReplyForm.DECISIONS, ReplyForm.SCORING}:
        raise InputError(f"{where}.reply", "the embedded judge knows no such form", "use schema or text")
    spec = _local(table.model, JudgeOptions(table.max_output_tokens, table.temperature), say=say, fetch=fetch)
    own = {"reply": table.reply, "system_role": table.system_role, "body": table.body, "prompt": prompt}
    return spec.model_copy(update={"settings": spec.settings.model_copy(update=own)})


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
        at = f"--judge {model}" if model else where
        raise InputError(at, "the address holds a name or a password", "keys come from the environment")
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        if parts.fragment or any(name != _HARMLESS for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
            # It could be a key, and the manifest would record it.
            raise InputError(where, "the address holds more than a path", "keys come from the environment")
    except ValueError:
        usable = False
    if not usable:
        raise InputError(where, "not a server's address", "use http://HOST:PORT/v1")


def require(spec: JudgeSpec, *, say: Callable[[str], None]) -> JudgeSpec:
    """Check that a run can go on with a judge: nothing that decides its answers has changed, and its key is there.

    Args:
        spec: the judge, as the run began with it.
        say: is told that weights are fetched.

    Returns:
        The judge, at the address and with the keys that its table in the file of judges names now.

    Raises:
        InputError: its key, library or weights are not there, or cannot be used.
        RunError: its weights, or its table, are others than the run began with.
    """
    now = spec
    if spec.label and spec.config and Path(spec.config).is_file():
        table = read_config(Path(spec.config)).get(spec.label)
        if table is None:
            raise RunError(f"{spec.config}: judge {spec.name} is gone; put it back to go on, or begin another run")
        now = _of_table(spec.label, _pinned(table, spec), Path(spec.config), say=say)
        require_unchanged(spec, now)
    elif spec.provider is Provider.LOCAL:
        weights_of(spec, say=say)
    check_ready(now)
    return now


def _pinned(table: JudgeTable, spec: JudgeSpec) -> JudgeTable:
    """Return a table that names a file of the Hub with the very commit that its judge runs, whatever came since."""
    wanted, runs = hub_file(table.model or ""), hub_file(spec.endpoint or "")
    same = wanted and runs and wanted._replace(revision=runs.revision) == runs and wanted.revision == HUB_MAIN
    return table.model_copy(update={"model": spec.endpoint}) if same else table


def check_ready(spec: JudgeSpec) -> None:
    """Refuse a judge whose key, address or library is not there (InputError); nothing is asked of a provider."""
    if spec.provider is Provider.LOCAL:
        return
    check_keys(spec)
    if spec.provider is Provider.AZURE:
        azure_address(spec)
    if spec.provider in {Provider.BEDROCK, Provider.VERTEX}:
        check_cloud(spec)


def _local(file: str | None, options: JudgeOptions, *, say: Callable[[str], None], fetch: bool) -> JudgeSpec:
    if options.effort is not None:
        raise InputError("--effort", "the embedded judge does not take it", "leave it out")
    weights = find_weights(file, say=say, fetch=fetch)
    given = {name: value for name, value in asdict(options).items() if value is not None and name != "config"}
    usual = HUB_SETTINGS if weights.source else LOCAL_SETTINGS
    return JudgeSpec(
        provider=Provider.LOCAL,
        model=PurePath(weights.source or weights.path).stem,
        endpoint=weights.source or str(weights.path),
        settings=usual.model_copy(update=given),
        sees_images=weights.projector is not None,
        weights_sha256=weights.sha256,
        projector=weights.projector,
        projector_sha256=weights.projector_sha256,
    )


def open_judge(spec: JudgeSpec, *, concurrency: int, timeout: float) -> Judge:
    """Open the judge that a spec describes; import its SDK, start its server.

    Raises:
        InputError: the environment names certificates or a proxy that cannot be used.
    """
    match spec.provider:
        case Provider.LOCAL:
            return LocalJudge(spec, timeout=timeout)
        case Provider.ANTHROPIC:
            return AnthropicJudge(spec, concurrency=concurrency, timeout=timeout)
        case Provider.BEDROCK | Provider.VERTEX:
            return CloudJudge(spec, concurrency=concurrency, timeout=timeout)
        case Provider.AZURE:
            return AzureJudge(spec, concurrency=concurrency, timeout=timeout)
        case _:
            weighed: dict[ReplyForm, type[OpenAIJudge]] = {
                ReplyForm.DECISIONS: DecisionsJudge,
                ReplyForm.SCORING: ScoringJudge,
            }
            opened = weighed.get(spec.settings.reply, OpenAIJudge)
            return opened(spec, concurrency=concurrency, timeout=timeout)
