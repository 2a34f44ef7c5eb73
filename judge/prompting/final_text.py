"""What of a reply is read for a verdict: bounded, after its thinking, and with nothing that follows the verdict."""

from __future__ import annotations

import re

from judge.prompting.thinking import part_thinking
from judge.schema import Verdict

MOST_CHARS = 1_000_000
"""a longer reply is not read"""
MOST_MARKS = 20_000
"""opening brackets of any kind, thinking included: more are not looked through"""
SLOTS = {"a": Verdict.FIRST, "b": Verdict.SECOND, "c": Verdict.TIE}
"""what judge models with formats of their own call the traces, in the order shown, and a tie"""
_TAIL = re.compile(
    r"""(?ix) (?: \s
    | </s> | <eos> | <end_of_turn> | <turn\|> | <\uff5cend\u2581of\u2581sentence\uff5c>
    | <\|(?:im_end|endoftext|end_of_(?:text|solution)|eot_id|eom_id|eot|end|return|end_response|end_of_turn_token)\|>
    )*+"""
)
"""what may follow a verdict: white space, and tokens that end texts"""
_OPENS = re.compile(r"(?:(?P<quote>\*\*|`)|<(?P<tag>(?:final_)?answer|result|verdict)>)\s*\Z", re.IGNORECASE)


class UnparsedError(ValueError):
    """The reply does not hold exactly one verdict on each criterion in the form that was asked for."""


def final_text(text: str) -> str:
    """Return what of a reply follows its thinking, without white space around it.

    Raises:
        UnparsedError: the reply is too long or holds too many brackets to be read, its thinking never ends, or nothing
            follows it.
    """
    if len(text) > MOST_CHARS:
        raise UnparsedError(f"the reply has {len(text):,} characters: it is not read")
    if (n_marks := sum(map(text.count, "<[{\u25c1"))) > MOST_MARKS:
        raise UnparsedError(f"the reply holds {n_marks:,} opening brackets")
    final = part_thinking(text).final
    if final is None:
        raise UnparsedError("thinking begins and does not end: nothing after it is final")
    final = final.strip().removeprefix("\ufeff")
    if not final:
        raise UnparsedError("the reply is empty" + (" after its thinking" if text.strip() else ""))
    return final


def unwrapped(before: str, after: str) -> str:
    """Return what follows a verdict, without what closes the emphasis, code or tag that opens directly before it."""
    opens = _OPENS.search(before)
    if opens is None:
        return after
    closing = opens["quote"] or f"</{opens['tag']}>"
    after = after.lstrip()
    return after[len(closing) :] if after[: len(closing)].lower() == closing.lower() else after


def is_tail(text: str) -> bool:
    """Return whether a text may follow a verdict: white space, and tokens that end texts."""
    return _TAIL.fullmatch(text) is not None


def require_end(after: str, *, of: str) -> None:
    """Refuse a reply that goes on after its verdict: nobody can list the ways to take one back.

    Args:
        after: what follows the verdict.
        of: what holds the verdict, in words.

    Raises:
        UnparsedError: something follows that is neither white space nor a token that ends texts.
    """
    if not is_tail(after):
        raise UnparsedError(f"the text goes on after the {of}")
