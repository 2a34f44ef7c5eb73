"""OpenAI's models in a person's own Azure resource."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from judge.errors import InputError
from judge.judges.keys import AZURE_TOKEN, NO_KEY, environment_key, own_headers, without_custom_headers
from judge.judges.openai import OpenAIJudge
from judge.schema import JudgeSpec

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ENDPOINT = "AZURE_OPENAI_ENDPOINT"
VERSION = "OPENAI_API_VERSION"
V1 = "/openai/v1"


class AzureJudge(OpenAIJudge):
    """Asks a deployment: by the dated API where OPENAI_API_VERSION names its date, else by Azure's v1."""

    def _open(self, spec: JudgeSpec, sdk: Any, key: str, options: dict[str, Any], *, is_own: bool) -> AsyncOpenAI:  # noqa: ANN401, ARG002 - a module
        address = azure_address(spec)
        headers = without_custom_headers(sdk) | own_headers(spec)
        token = environment_key(AZURE_TOKEN) if key == NO_KEY else None
        if V1 not in address and os.environ.get(VERSION):
            client: AsyncOpenAI = sdk.AsyncAzureOpenAI(
                azure_endpoint=address,
                azure_deployment=spec.model,
                api_key=None if token else key,
                azure_ad_token=token,
                default_headers=headers,
                **options,
            )
            client.organization = client.project = None
            return client
        base_url = address if V1 in address else f"{address.rstrip('/')}{V1}"
        sent = {"Authorization": f"Bearer {token}"} if token else {"api-key": key, "Authorization": f"Bearer {key}"}
        client = sdk.AsyncOpenAI(api_key=token or key, base_url=base_url, default_headers=headers | sent, **options)
        client.organization = client.project = None
        return client


def azure_address(spec: JudgeSpec) -> str:
    """Return the address of the person's resource; InputError where nothing names it."""
    address = spec.endpoint or os.environ.get(ENDPOINT)
    if not address:
        raise InputError(
            f"--judge {spec.name}", f"no address: {ENDPOINT} is not set", "use https://NAME.openai.azure.com"
        )
    return address
