"""Names of one model, as providers, gateways and files write them, and names of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.judges.served_models import is_same_model, parse_model

SAME = [
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("claude-sonnet-4", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
    ("gemini-2.5-flash", "models/gemini-2.5-flash-preview-05-20"),
    ("gemini-2.5-flash", "gemini-2.5-flash-preview-09-2025"),
    ("mistral-large-latest", "mistral-large-2411"),
    ("grok-4", "grok-4-0709"),
    ("command-r", "command-r-08-2024"),
    ("meta-llama/Meta-Llama-3.1-70B-Instruct", "llama-3.1-70b-instruct"),
    ("Qwen/Qwen3-32B", "/models/Qwen3-32B-Q4_K_M.gguf"),
    ("qwen3:32b", "qwen3:32b"),
    ("llama3", "llama3:latest"),
    ("gpt-3.5-turbo", "gpt-35-turbo"),
    ("openai/gpt-4o", "gpt-4o-2024-11-20"),
    ("m", "m"),
    ("Qwen/Qwen3-32B", "Qwen/Qwen3-32B-AWQ"),
    ("Qwen3-32B", "Qwen3-32B-FP8"),
    ("deepseek/deepseek-r1", "deepseek/deepseek-r1:free"),
    ("gpt-4-1106-preview", "gpt-4-1106-preview"),
    ("google/gemma-3-27b-it", "gemma-3-27b"),
    ("claude-sonnet-4@20250514", "claude-sonnet-4-20250514"),
    ("x", "unsloth/x-bnb-4bit"),
    ("Llama-3.3-70B-Instruct", "Llama-3.3-70B-Instruct-quantized.w8a8"),
    ("gpt-oss-120b", "openai/gpt-oss-120b-MXFP4"),
    ("gpt-4o", "azure/gpt-4o"),
    ("GPT-4O", "gpt-4o"),
    ("mixtral-8x7b", "mixtral-8x7b-instruct"),
    ("gpt-6-luna", "gpt-6-luna-2026-05-01"),
    ("o3", "o3-2025-04-16"),
    ("claude-sonnet-4-5", "anthropic/claude-4.5-sonnet-20250929"),
    ("qwen-3-32b", "qwen3-32b"),
    ("Llama-3.3-70B-Instruct-Turbo", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
]
OTHERS = [
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4", "gpt-4-turbo"),
    ("gpt-4", "gpt-4o"),
    ("claude-sonnet-4", "claude-sonnet-4-5"),
    ("claude-sonnet-4", "claude-opus-4"),
    ("m", "gpt-5-2026-01"),
    ("gpt-5-2026-01", "gpt-3.5-turbo-fallback"),
    ("qwen3-32b", "qwen3-8b"),
    ("qwen2.5-7b", "qwen2-7b"),
    ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20"),
    ("deepseek-v3", "deepseek-r1"),
    ("gemini-2.5-pro", "gemini-2.5-flash"),
    ("llama-3-8b", "llama-3-70b"),
    ("o3", "o3-mini"),
    ("mistral-7b-instruct-v0.2", "mistral-7b-instruct-v0.3"),
    ("gpt-5", "gpt-5.1"),
    ("qwen3:32b", "qwen3:8b"),
    ("k2", "k2-thinking"),
]


@pytest.mark.parametrize(("asked", "served"), SAME)
def test_dates_vendors_and_quantisation_make_no_other_model(asked: str, served: str) -> None:
    assert is_same_model(asked, served)
    assert is_same_model(served, asked)


@pytest.mark.parametrize(("asked", "served"), OTHERS)
def test_sizes_versions_and_kinds_make_other_models(asked: str, served: str) -> None:
    assert not is_same_model(asked, served)
    assert not is_same_model(served, asked)


@given(st.text(max_size=300))
def test_every_name_is_that_of_its_own_model(name: str) -> None:
    assert is_same_model(name, name)


@given(st.from_regex(r"[a-z][a-z0-9.-]{0,40}[a-z0-9]", fullmatch=True))
def test_the_vendor_before_a_name_makes_no_other_model(name: str) -> None:
    assert parse_model(f"vendor/{name}") == parse_model(name)
