"""Verdicts after a mark, as Prometheus writes them: `Feedback: ... [RESULT] A`."""

from __future__ import annotations

import re

from judge.prompting.final_text import SLOTS, UnparsedError, final_text, require_end, unwrapped
from judge.prompting.introductions import require_meant
from judge.schema import Verdict

_MARK = re.compile(r"\[\s*result\s*\]", re.IGNORECASE | re.ASCII)
_SAID = re.compile(r"\s*(?:(?P<word>[abc]|tie)(?!\w)|\((?P<closed>[abc]|tie)\))", re.IGNORECASE | re.ASCII)


def parse_result(text: str) -> Verdict:
    """Return the verdict that follows the only `[RESULT]` of a reply and ends it: A, B, and C or tie.

    Raises:
        UnparsedError: the reply holds no such mark or several, it is denied, or something else follows it.
    """
    final = final_text(text)
    marks = list(_MARK.finditer(final))
    if len(marks) != 1:
        raise UnparsedError(f"the reply holds {len(marks)} [RESULT] marks")
    said = _SAID.match(final, marks[0].end())
    if said is None:
        raise UnparsedError(f"unknown verdict after [RESULT]: {final[marks[0].end() :][:40]!r}")
    before = final[: marks[0].start()]
    require_meant(before)
    require_end(unwrapped(before, final[said.end() :]), of="verdict")
    return SLOTS.get((said["word"] or said["closed"]).lower(), Verdict.TIE)
