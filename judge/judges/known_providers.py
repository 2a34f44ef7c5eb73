"""Providers that are known by name: where they are, what their key is called, and how they are asked."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from judge.schema import JudgeSpec, Provider, ReplyForm

OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"


class Known(NamedTuple):
    """A provider that speaks OpenAI's chat completions."""

    base_url: str | None
    """None: the person's own, in a variable of the SDK"""
    key_variable: str
    needs_key: bool = True
    limit: str = OLD_LIMIT
    """what the limit of output tokens is called"""
    reply: ReplyForm = ReplyForm.SCHEMA
    takes_lists: bool = True
    """whether a turn's content may be a list of parts where there is no image"""
    prices: str | None = None
    """the provider's name in the list of prices"""


PROVIDERS = {
    Provider.AZURE: Known(None, "AZURE_OPENAI_API_KEY", limit=NEW_LIMIT, prices="azure"),
    Provider.OPENROUTER: Known("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", prices="openrouter"),
    Provider.GEMINI: Known(
        "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", prices="google"
    ),
    Provider.DEEPSEEK: Known(
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        reply=ReplyForm.OBJECT,
        takes_lists=False,
        prices="deepseek",
    ),
    Provider.MISTRAL: Known("https://api.mistral.ai/v1", "MISTRAL_API_KEY", prices="mistral"),
    Provider.TOGETHER: Known("https://api.together.xyz/v1", "TOGETHER_API_KEY", prices="together"),
    Provider.GROQ: Known("https://api.groq.com/openai/v1", "GROQ_API_KEY", limit=NEW_LIMIT, prices="groq"),
    Provider.OLLAMA: Known("http://127.0.0.1:11434/v1", "OLLAMA_API_KEY", needs_key=False),
    Provider.LMSTUDIO: Known("http://127.0.0.1:1234/v1", "LMSTUDIO_API_KEY", needs_key=False),
    Provider.LITELLM: Known("http://127.0.0.1:4000/v1", "LITELLM_API_KEY", needs_key=False),
}
HOSTS = {
    Provider.OPENAI: ".openai.com",
    Provider.ANTHROPIC: ".anthropic.com",
    Provider.BEDROCK: ".amazonaws.com",
    Provider.VERTEX: ".googleapis.com",
}
"""the ends of the names of the providers' own hosts"""
CLOUD_PRICES = {Provider.BEDROCK: "aws", Provider.VERTEX: "google"}


def is_own_host(provider: Provider, address: str) -> bool:
    """Return whether an address is its provider's own, and not that of another who speaks as it does."""
    host = HOSTS.get(provider)
    return host is not None and f".{urlsplit(address).hostname}".endswith(host)


def price_list_of(spec: JudgeSpec) -> str | None:
    """Return whose list a judge's price is on; None where another server than the provider's is asked."""
    if spec.endpoint is not None:
        return None
    known = PROVIDERS.get(spec.provider)
    return known.prices if known else CLOUD_PRICES.get(spec.provider)
