"""Verdicts of one letter and nothing else, as judges that are read by their log-probabilities give them."""

from __future__ import annotations

from judge.prompting.final_text import SLOTS, UnparsedError, final_text, require_end
from judge.schema import Verdict


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
