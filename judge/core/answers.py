"""Where a trace states its final answer, and how to hide it."""

from __future__ import annotations

import re

HIDDEN = "[answer hidden]"

_NOUN = r"(?:answer|option|choice)"
_TO_SENTENCE_END = r"""\s*[*_"'(]*(?:[A-J]\b[)*_"']*[.:]?\s*)?[^\n.]*\.?"""
_ANSWER_TAG = re.compile(r"<answer>.*?(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\{[^{}]*\}")
_STATEMENT = re.compile(
    rf"""\b(?:(?:the|my)\s+)?(?:(?:final|correct|best|right)\s+)?{_NOUN}\s*(?:{_NOUN}\s*)?[*_]*
         (?:\b(?:would|should|must)\s+be\b|\bis\b|:|=){_TO_SENTENCE_END}
       | \b{_NOUN}\s+\(?[A-J]\)?\s+is\s+(?:the\s+)?(?:correct|best|right|most)\b[^\n.]*\.?""",
    re.IGNORECASE | re.VERBOSE,
)


def hide_answer(text: str) -> str:
    r"""Replace every statement of a final answer by `[answer hidden]`.

    Hidden are `<answer>` tags with their content, `\boxed{...}`, and, to the end of their sentence, statements such as
    "the answer is ...", "Final answer: ..." and "option B is correct ...".
    """
    for pattern in (_ANSWER_TAG, _BOXED, _STATEMENT):
        text = pattern.sub(HIDDEN, text)
    return text
