"""Which environment variables may hold a judge's key: none that was given for another server."""

from __future__ import annotations

import os
from typing import Any

from judge.errors import InputError
from judge.files.secrets import note_secret
from judge.judges.known_providers import PROVIDERS, is_own_host
from judge.schema import JudgeSpec, Provider

OPENAI_KEY = "OPENAI_API_KEY"
SERVER_KEY = "OMR_JUDGE_API_KEY"
"""for servers given by their address on the command line"""
ANTHROPIC_KEY = "ANTHROPIC_API_KEY"
ANTHROPIC_TOKEN = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105 - its name
AZURE_TOKEN = "AZURE_OPENAI_AD_TOKEN"  # noqa: S105 - its name
AWS_TOKEN = "AWS_BEARER_TOKEN_BEDROCK"  # noqa: S105 - its name
AWS_SECRET = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - its name
NO_KEY = "no-key"
"""sent to servers that need none, since the SDKs insist on one"""
_VARIABLES = {
    Provider.OPENAI: (OPENAI_KEY,),
    Provider.ANTHROPIC: (ANTHROPIC_KEY, ANTHROPIC_TOKEN),
    Provider.BEDROCK: (AWS_TOKEN, AWS_SECRET),
}


def environment_key(*names: str) -> str | None:
    """Return the first of the environment's variables that is set, without the white space around it.

    From then on no message shows its value.
    """
    for name in names:
        note_secret(name)
    return next((key for name in names if (key := os.environ.get(name, "").strip())), None)


def key_variables(spec: JudgeSpec) -> tuple[str, ...]:
    """Return the variables that may hold a judge's key, the one that goes first at the beginning."""
    if spec.key_env is not None:
        return (spec.key_env,)
    if known := PROVIDERS.get(spec.provider):
        elsewhere = spec.endpoint is not None and known.needs_key and known.base_url is not None
        return () if elsewhere else (known.key_variable,)
    if spec.provider in {Provider.OPENAI, Provider.ANTHROPIC} and is_elsewhere(spec):
        return () if spec.label else (SERVER_KEY,)
    return _VARIABLES.get(spec.provider, ())


def is_elsewhere(spec: JudgeSpec) -> bool:
    """Return whether a judge is at an address that is not its provider's: none of the provider's keys goes there."""
    return spec.endpoint is not None and not is_own_host(spec.provider, spec.endpoint)


def why_no_key(spec: JudgeSpec) -> str:
    """Say why a judge's calls hold no key."""
    variables = key_variables(spec)
    missing = f"{variables[0]} is not set" if variables else "no key_env in a table of judges names one"
    return f"no key was sent: {missing}"


def check_keys(spec: JudgeSpec) -> None:
    """Refuse a judge whose keys are not there, or cannot be sent; nothing is asked of a provider.

    Raises:
        InputError: a variable is not set, or holds what is no key.
    """
    where, variables = f"--judge {spec.name}", key_variables(spec)
    key = environment_key(*variables)
    known = PROVIDERS.get(spec.provider)
    hosted = not is_elsewhere(spec) and spec.provider in {Provider.OPENAI, Provider.ANTHROPIC}
    required = spec.key_env is not None or (known.needs_key and spec.endpoint is None if known else hosted)
    if spec.provider is Provider.AZURE:
        required = spec.key_env is not None or environment_key(AZURE_TOKEN) is None
    if key is None and required and variables:
        raise InputError(where, f"no key: {variables[0]} is not set", "export it; keys are read from there only")
    if key is not None and not _can_be_sent(key):
        held = next(name for name in variables if environment_key(name))
        raise InputError(where, f"no key: {held} holds characters that no key has", "copy the key again")
    for header, variable in spec.key_headers.items():
        value = environment_key(variable)
        if value is None or not _can_be_sent(value):
            raise InputError(where, f"no {header}: {variable} is not set, or no key", "export it")


def _can_be_sent(key: str) -> bool:
    return key.isascii() and key.isprintable()


def without_custom_headers(sdk: Any) -> dict[str, Any]:  # noqa: ANN401 - a module
    """Return headers that take back those of the SDK's variable: they were given for its own provider's address."""
    lines = os.environ.get(f"{sdk.__name__.upper()}_CUSTOM_HEADERS", "").splitlines()
    return {name.strip(): sdk.Omit() for name, colon, _ in (line.partition(":") for line in lines) if colon}


def own_headers(spec: JudgeSpec) -> dict[str, str]:
    """Return the headers that a judge's settings add to every call, those that are keys included."""
    return spec.settings.headers | {name: environment_key(key) or "" for name, key in spec.key_headers.items()}
