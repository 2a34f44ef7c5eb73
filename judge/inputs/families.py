"""Families of models, by a table of names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

FAMILIES: dict[str, tuple[str, ...]] = {
    "GPT": ("gpt", "chatgpt", "gpt oss", "davinci", "codex", "^o1", "^o3", "^o4", "openai o1", "openai o3"),
    "Claude": ("claude",),
    "Gemini": ("gemini", "gemma", "medgemma", "paligemma", "medpalm", "palm", "bard"),
    "Llama": ("llama", "codellama", "tinyllama", "vicuna", "alpaca", "meditron", "llava", "nemotron"),
    "Qwen": ("qwen", "qwq", "qvq", "huatuogpt", "marco o1"),
    "Mistral": (
        *("mistral", "mixtral", "ministral", "magistral", "pixtral", "codestral", "devstral", "biomistral", "zephyr"),
    ),
    "DeepSeek": ("deepseek",),
    "SmolLM": ("smollm", "smolvlm"),
    "Phi": ("phi",),
    "Grok": ("grok",),
    "Command": ("command r", "command a", "command light", "command nightly", "^command", "c4ai", "aya"),
    "GLM": ("glm", "chatglm", "cogvlm"),
    "Kimi": ("kimi", "moonshot"),
    "Yi": ("yi",),
    "InternLM": ("internlm", "internvl"),
    "MiniMax": ("minimax",),
    "Nova": ("^nova", "amazon nova"),
}
"""Names of models' lines, in words; a number may follow. `^`: only where a model's own name begins with it.
docs/report.md shows the same table."""
STRANGERS = ("gpt j", "gpt neo", "gpt neox", "gpt sw3", "minigpt", "huatuogpt o1", "open o1", "llava o1", "skywork o1")
"""names that hold another line's name, and are not of its family"""
_PARENTS = {"huatuogpt o1": {"Qwen", "Llama"}, "llava o1": {"Llama"}}
"""families of those that were made from one"""
_TABLE = {name: {family} for family, names in FAMILIES.items() for name in names} | {
    name: _PARENTS.get(name, set()) for name in STRANGERS
}
_LONGEST = max(len(name.split()) for name in _TABLE)
_WORD = re.compile(r"[a-z0-9]+")
_NUMBER = re.compile(r"(?<=[a-z])\d[a-z0-9]*$")


def families(name: str) -> set[str]:
    """Return the families that a model's name speaks of; a distilled model may have two.

    A name is read in words, the longest known ones first: "gpt-neox" is no GPT, and "palmyra" no PaLM.
    """
    found: set[str] = set()
    *before, own = re.split(r"[/:]", name.lower().strip())
    for part, is_own in (*((part, False) for part in before), (own, True)):
        words, at = _WORD.findall(part), 0
        while at < len(words):
            at += _take(words, at, found, begins=is_own and at == 0)
    return found


def _take(words: list[str], at: int, found: set[str], *, begins: bool) -> int:
    """Add the families of the name that begins at a word, and return how many words it has, at least 1."""
    for count in range(min(_LONGEST, len(words) - at), 0, -1):
        taken = words[at : at + count]
        forms = [" ".join(taken), " ".join([*taken[:-1], _NUMBER.sub("", taken[-1])])]
        for form in (*forms, *(f"^{form}" for form in forms if begins)):
            if form in _TABLE:
                found |= _TABLE[form]
                return count
    return 1


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
