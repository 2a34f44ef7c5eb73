"""Families of models, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

FAMILIES = {
    "GPT": ("chatgpt", "gpt", r"o[1-9]", "davinci"),
    "Claude": ("claude",),
    "Gemini": ("gemini", "gemma", "medgemma", "palm", "bard"),
    "Llama": ("llama", "vicuna", "alpaca", "meditron"),
    "Qwen": ("qwen", "qwq", "qvq", "huatuogpt"),
    "Mistral": ("mistral", "mixtral", "ministral", "magistral", "pixtral", "biomistral"),
    "DeepSeek": ("deepseek",),
    "SmolLM": ("smollm", "smolvlm"),
    "Phi": ("phi",),
    "Grok": ("grok",),
    "Command": ("command", "aya"),
    "GLM": ("glm", "chatglm"),
    "Kimi": ("kimi",),
    "Yi": ("yi",),
}
"""Words that name a family; a digit may follow. docs/report.md shows the same table."""

_PATTERNS = {
    family: re.compile(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])", re.IGNORECASE)
    for family, words in FAMILIES.items()
}


def families(name: str) -> set[str]:
    """Return the families that a model's name speaks of; a distilled model may have two."""
    return {family for family, pattern in _PATTERNS.items() if pattern.search(name)}


def kinship_warnings(judges: Iterable[str], models: dict[str, str], *, asked: Mapping[str, str]) -> list[str]:
    """Say in words where a judge's family is one of the contestants': judges tend to favour their own kind.

    Args:
        judges: names of judges.
        models: the contestants' names by side.
        asked: the model of each judge; of one that is not there, its name says it, `provider:model`.
    """
    texts = []
    for judge in judges:
        own = families(asked.get(judge) or judge.partition(":")[2] or judge)
        for side, model in models.items():
            shared = sorted(own & families(model))
            if shared:
                texts.append(
                    f"Judge {judge} and model {side} ({model}) are both of the {' and '.join(shared)} family: judges "
                    "tend to favour their own kind. Confirm the result with a judge of another family."
                )
    return texts
