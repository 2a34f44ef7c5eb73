"""Verdicts in double brackets, as MT-Bench and Arena-Hard ask for them: `[[A]]`, `[[C]]`, `[[A>>B]]`, `[[A=B]]`."""

from __future__ import annotations

import re

from judge.prompting.final_text import SLOTS, UnparsedError, final_text, require_end, unwrapped
from judge.prompting.introductions import require_meant
from judge.schema import Verdict

_BRACKETS = re.compile(r"\[\[([^\[\]]*)\]\]")
_COMPARED = re.compile(r"([ab])\s*(>>?|<<?|=)\s*([ab])", re.ASCII)


def parse_brackets(text: str) -> Verdict:
    """Return the verdict of a reply that ends with the only double brackets in it.

    How much better a trace is (`>>`) is not kept.

    Raises:
        UnparsedError: the reply holds no double brackets, several, or others than a verdict, denies them, or goes
            on after them.
    """
    final = final_text(text)
    found = list(_BRACKETS.finditer(final))
    if len(found) != 1 or final.count("[[") != 1 or final.count("]]") != 1:
        raise UnparsedError(f"the reply holds {len(found)} verdicts in double brackets")
    (mark,) = found
    before = final[: mark.start()]
    require_meant(before)
    require_end(unwrapped(before, final[mark.end() :]), of="double brackets")
    return _verdict(mark[1])


def _verdict(said: str) -> Verdict:
    word = said.strip().lower() if said.isascii() else ""
    if word in SLOTS or word == Verdict.TIE:
        return SLOTS.get(word, Verdict.TIE)
    compared = _COMPARED.fullmatch(word)
    if compared is None or compared[1] == compared[3]:
        raise UnparsedError(f"unknown verdict [[{said[:40]}]]")
    left, sign, right = compared.groups()
    if sign == "=":
        return Verdict.TIE
    return SLOTS[left if sign.startswith(">") else right]
