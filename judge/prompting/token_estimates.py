"""Estimate tokens before anything is asked; docs/costs.md tells the rules and where they come from."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from judge.schema import MESSAGES, Frozen, JudgeSettings, Provider


class Range(Frozen):
    """A count, as low, as likely and as high as it may be."""

    low: int
    """at least"""
    expected: int
    """most likely"""
    high: int
    """at most"""


class Scenario(NamedTuple):
    """One set of assumptions; its name is the field of a `Range` that it makes."""

    name: str
    bytes_per_token: int
    """of UTF-8: a quarter token for a Latin letter, three quarters for a Japanese one, where it is 4"""
    criterion_tokens: int
    """output for a criterion: two quotations and a verdict"""
    reasoning_tokens: int
    output_times: int


LOW = Scenario("low", bytes_per_token=5, criterion_tokens=50, reasoning_tokens=0, output_times=1)
EXPECTED = Scenario("expected", bytes_per_token=4, criterion_tokens=100, reasoning_tokens=500, output_times=1)
HIGH = Scenario("high", bytes_per_token=3, criterion_tokens=100, reasoning_tokens=500, output_times=4)
SCENARIOS = (LOW, EXPECTED, HIGH)

ANTHROPIC_PATCH, ANTHROPIC_MOST, ANTHROPIC_OLD_MOST = 28, 4784, 1568
"""pixels of a patch, which is a token; most of an image, for today's models and for those before"""
OPENAI_PATCH, OPENAI_WEIGHT = 32, 1.2
TILE, TILE_TOKENS, TILE_BASE, TILE_EDGE, TILE_SHORT_EDGE = 512, 170, 85, 2048, 768
"""OpenAI's models before GPT-5: the image is shrunk until both edges fit, and cut into tiles"""


def text_tokens(n_bytes: int, scenario: Scenario) -> int:
    """Return the tokens of a text of so many bytes of UTF-8."""
    return ceil(n_bytes / scenario.bytes_per_token)


def output_tokens(n_criteria: int, settings: JudgeSettings, scenario: Scenario) -> int:
    """Return the tokens of a reply, reasoning included; no reply exceeds the judge's limit."""
    tokens = scenario.output_times * (n_criteria * scenario.criterion_tokens + scenario.reasoning_tokens)
    return min(tokens, settings.max_output_tokens)


def image_tokens(provider: Provider, width: int, height: int) -> Range:
    """Return the tokens of an image by its pixels; a server that speaks as a provider is taken to count as it does."""
    if provider in MESSAGES:
        patches = ceil(width / ANTHROPIC_PATCH) * ceil(height / ANTHROPIC_PATCH)
        most = min(patches, ANTHROPIC_MOST)
        return Range(low=min(patches, ANTHROPIC_OLD_MOST), expected=most, high=most)
    patched = ceil(OPENAI_WEIGHT * ceil(width / OPENAI_PATCH) * ceil(height / OPENAI_PATCH))
    scale = min(1, TILE_EDGE / max(width, height), TILE_SHORT_EDGE / min(width, height))
    tiled = TILE_BASE + TILE_TOKENS * ceil(scale * width / TILE) * ceil(scale * height / TILE)
    return Range(low=min(patched, tiled), expected=patched, high=max(patched, tiled))
