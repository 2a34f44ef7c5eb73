"""Whether a server has read all of a prompt, by the tokens that it counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Self

from judge.schema import Prompt, Request, Usage

CHARS_A_TOKEN = 6
"""most characters that a token stands for: English text has 4 to 5"""
SAME_COUNT = 3
"""prompts of different lengths that count as equally long, and longest of all, before a limit is seen in it"""
DIFFERENT = 1.5
"""ratio of such lengths"""
MANY_LENGTHS = 8
"""lengths of prompts of one count that are too many for chance: no tokenizer takes as many characters for a token"""
CONTEXT_UNIT, CONTEXT_SLACK = 1024, 2
"""contexts are multiples of this many tokens, and Ollama keeps two more than the half of one"""
MOST_KEPT = 10_000
"""lengths of prompts of one count that are remembered"""
_RUNS = re.compile(r"(.)\1{2,}", re.DOTALL)


class Sent(NamedTuple):
    """What of a request the checks of its reply need."""

    key: str
    item: str
    n_chars: int
    """of the prompt"""
    n_told: Callable[[], int]
    """of the prompt without its runs of one character: a token may stand for a line of dashes"""
    has_images: bool
    is_correction: bool
    """the prompt is followed by an earlier reply, and what was wrong with it"""
    asks_again: bool = True
    """whether a reply that fails is asked for once more"""

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return what of a direct call its reply's checks need."""
        prompt = request.prompt
        told = partial(told_chars, prompt)
        has_images, is_correction = bool(prompt.images), request.correction is not None
        return cls(request.key, request.item, prompt.n_chars, told, has_images, is_correction)


def _is_context(tokens: int) -> bool:
    """Tell whether a count is the size of a context."""
    return tokens >= CONTEXT_UNIT and tokens % CONTEXT_UNIT <= CONTEXT_SLACK


def told_chars(prompt: Prompt) -> int:
    """Count a prompt's characters without its runs of one."""
    return sum(len(_RUNS.sub(r"\1\1", text)) for text in (prompt.system, prompt.shared, prompt.traces))


class PromptCounts:
    """The tokens that a server has counted of prompts so far, to see whether it cuts them.

    Counts are evidence only once they differ: one usage for all replies says nothing of any prompt.
    """

    def __init__(self) -> None:
        self._usage: tuple[int, int] | None = None
        self._counts = False
        self._lengths: dict[int, set[int]] = {}
        self._longest = 0
        self._limits: set[int] = set()
        """counts at which the server cuts prompts"""
        self._suspected: dict[str, int] = {}
        """by key: counts that may be such limits, where their requests are asked again with more words"""

    def cut(self, usage: Usage, sent: Sent) -> str:
        """Say that a server counted fewer tokens than the prompt can have, and what helps; nothing where it did not.

        A server that tells one usage for all replies, output included, does not count: real replies differ in length.
        Only a context's size is taken for what was read even then.
        """
        tokens = usage.input
        if not tokens:
            return ""
        self._usage = self._usage or (tokens, usage.output)
        self._counts = self._counts or self._usage != (tokens, usage.output)
        few = tokens * CHARS_A_TOKEN < sent.n_chars and tokens * CHARS_A_TOKEN < sent.n_told()
        if sent.is_correction:
            few = few or tokens <= self._suspected.pop(sent.key, 0)
        elif not (few or sent.has_images):
            few = tokens in self._limits or self._is_limit(tokens, sent.n_chars)
        if not few or not (self._counts or _is_context(tokens)):
            return ""
        if _is_context(tokens):
            self._limits.add(tokens)
        return (
            f"the server counts {tokens:,} tokens of a prompt of {sent.n_chars:,} characters: it cuts long prompts; "
            "give it a larger context (Ollama: OLLAMA_CONTEXT_LENGTH; vLLM: --max-model-len; llama.cpp: -c)"
        )

    def suspicion(self, tokens: int, sent: Sent) -> str:
        """Say that a count may be a limit: the largest so far, and a context's size.

        The same prompt is then asked with more after it: a server that reads all of it counts more.
        """
        is_most, self._longest = tokens >= self._longest, max(self._longest, tokens)
        if not (is_most and _is_context(tokens) and sent.asks_again) or sent.is_correction:
            return ""
        self._suspected[sent.key] = tokens
        return f"the server counts {tokens:,} tokens, the size of a context: asked again, to see it count more words"

    def _is_limit(self, tokens: int, chars: int) -> bool:
        """Tell whether the largest count so far came for prompts of different length, this not the shortest.

        They are of very different length, or many, and no longer one has a smaller count.
        """
        same = self._lengths.setdefault(tokens, set())
        if len(same) < MOST_KEPT:
            same.add(chars)
        if tokens < self._longest or len(same) < SAME_COUNT or chars == min(same):
            return False
        others = max((max(lengths) for count, lengths in self._lengths.items() if count != tokens), default=0)
        return max(same) >= DIFFERENT * min(same) or (len(same) >= MANY_LENGTHS and others <= min(same))
