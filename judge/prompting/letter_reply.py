"""Verdicts of one letter and nothing else, and the probabilities of the letters that could have stood there."""

from __future__ import annotations

import math
from collections.abc import Mapping

from judge.prompting.final_text import SLOTS, UnparsedError, final_text, require_end
from judge.schema import Chances, Verdict

MOST_ELSEWHERE = 0.1
"""share of the probability at the letter's place that may lie on what is no verdict"""
ROUNDING = 0.01
"""by how much the probabilities of all tokens may exceed 1"""
SPACE = " \t\r\n\u0120\u2581"
"""white space, as tokens write it too"""


def parse_letter(text: str) -> Verdict:
    """Return the verdict of a reply that is one letter: A, B, or C for a tie.

    Raises:
        UnparsedError: the reply is another letter, or more than one.
    """
    final = final_text(text)
    verdict = SLOTS.get(final[0].lower()) if final[0].isascii() else None
    if verdict is None:
        raise UnparsedError(f"the reply is none of the letters A, B and C: {final[:40]!r}")
    require_end(final[1:], of="letter")
    return verdict


def parse_chances(text: str, letters: Mapping[str, float]) -> Chances:
    """Return the probabilities of the verdicts of a reply that is one letter.

    All tokens that write a letter count for it, in either case and with white space around. They are divided by their
    sum, which is nearly 1: what is left out of a server's list, or is no verdict, may be a tenth.

    Args:
        text: of the reply; any of the letters.
        letters: log-probability of each token that could have stood in the letter's place.

    Raises:
        UnparsedError: the reply is no letter, or too much of the probability lies elsewhere.
    """
    parse_letter(text)
    found = dict.fromkeys(SLOTS.values(), 0.0)
    for token, logprob in letters.items():
        bare = token.strip(SPACE)
        if (slot := SLOTS.get(bare.lower()) if bare.isascii() else None) is not None:
            found[slot] += math.exp(min(logprob, 1.0))
    together = sum(found.values())
    if not 1 - MOST_ELSEWHERE <= together <= 1 + ROUNDING:
        raise UnparsedError(f"the letters A, B and C have {100 * together:.0f} % of the probability, not nearly all")
    first, second, tie = (p / together for p in found.values())
    return Chances(first, tie, second)
