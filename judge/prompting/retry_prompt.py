"""The one further request after a reply that holds no verdict but may hold one the second time."""

from __future__ import annotations

from msgspec.structs import replace

from judge.schema import Attempt, Correction, Failed, FailureKind, JudgeSettings, Reply, Request

LARGER = 4
"""times the limit of output tokens, after a reply that was cut at it"""
MOST_SPACE = 100
"""characters of white space at the end of a reply that was cut: more of it would only be more of that"""
SHOWN_BYTES = 4096
"""of a reply that cannot be read, which its judge is shown again"""


def repair(request: Request, reply: Reply, failed: Failed, *, settings: JudgeSettings, note: str) -> Request | None:
    """Return the request to ask again, or None where a second reply would be no better.

    What came in no usable form, or from another model, is asked for as before. A reply that was cut at the limit is
    asked for with a larger one; a reply that cannot be read is shown to the judge with what is wrong with it.

    Args:
        request: what was asked.
        reply: what came.
        failed: why it holds no verdict.
        settings: of the judge.
        note: what the judge is told; `{problem}` stands for what is wrong.
    """
    if failed.failure in {FailureKind.UNUSABLE, FailureKind.OTHER_MODEL}:
        return request
    if failed.failure is FailureKind.TRUNCATED:
        if len(reply.text) - len(reply.text.rstrip()) > MOST_SPACE:
            return None
        return replace(request, output_tokens=LARGER * settings.max_output_tokens)
    if failed.failure is not FailureKind.UNPARSED:
        return None
    if not reply.text.strip():  # providers refuse a conversation with an empty turn
        return request
    shown = reply.text.encode()[:SHOWN_BYTES].decode(errors="ignore")
    return replace(request, correction=Correction(reply=shown, note=note.replace("{problem}", failed.detail)))


def note_after(attempt: Attempt, note: str | None) -> str | None:
    """Return what the judge was told after an attempt, with its reply; None where it was told nothing.

    Args:
        attempt: with its problem as dispatch writes it, `kind: detail`.
        note: as for `repair`; None: the run repairs nothing.
    """
    kind, _, detail = attempt.problem.partition(": ")
    answered = attempt.reply is not None and attempt.reply.text.strip()
    return note.replace("{problem}", detail) if note and answered and kind == FailureKind.UNPARSED else None
