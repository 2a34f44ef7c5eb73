"""Part a model's output into thinking and final text, so that both and the marks give it back byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from judge.prompting.thinking import Marked, marks_of_headings, marks_of_thinking, part_thinking
from judge.schema import TraceMark

LONGEST_ANSWER = 200
"""characters of one line after the thinking that states the answer; what is longer is an explanation"""
_LEFT_IN = (
    r"(?:<\|(?:message|end|call|return|im_end|eot_id|eom_id|endoftext|end_of_text)\|>|<\|start\|>(?:assistant)?"
    r"|<(?:end_of_turn|eos|/s)>|<turn\|>|<\uff5cend\u2581of\u2581sentence\uff5c>)"
)
"""tokens that servers leave in around the parts of an output"""
_LEADS = re.compile(rf"(?:\s|{_LEFT_IN})*+")
_ENDS = re.compile(rf"{_LEFT_IN}\Z")
_LONGEST_TOKEN = 40
_BETWEEN = "\n\n"
"""between two pieces of thinking"""


class OutputParts(NamedTuple):
    """A model's output, parted; the fields are those of a `Trace`."""

    text: str
    final: str | None
    """None: it is not parted"""
    answer: str | None
    """what the last `<answer>` tag holds, or one line after the thinking"""
    marks: tuple[TraceMark, ...]


class _Piece(NamedTuple):
    """What is kept of an output."""

    start: int
    end: int
    lead: str = ""
    """what is shown between it and the piece before"""


def part_output(output: str) -> OutputParts:
    """Part an output at the end of its thinking.

    An output without thinking, or cut within it, stays as it is but for the last `<answer>` tag. Pieces of thinking
    are joined by a blank line. A tag within thinking states no answer where a final text follows.
    """
    marked = marks_of_thinking(output)
    if marked.end == 0:
        marked = marks_of_headings(output)
    if marked.end is None:
        kept_whole = OutputParts(output, None, _answer_tag(output)[0], ())
        return kept_whole if "<think>" in output else _unparted(output, _Piece(0, len(output)))
    thoughts = _thoughts(output, marked)
    final = _stripped(output, marked.end, len(output)) if marked.end else _Piece(0, len(output))
    if not thoughts:
        return _unparted(output, final)
    text, marks = _kept(output, [*thoughts, final])
    n = len(text) - (final.end - final.start)
    if final.start == final.end:
        return OutputParts(text, "", _answer_tag(output)[0], marks)
    return OutputParts(text[:n], text[n:], _stated(text[n:]), marks)


def join_output(reasoning: str, text: str, *, cut: bool = False) -> str:
    """Return thinking that was kept apart and the text after it as one output, in the tags that any trace may use.

    Args:
        reasoning: blank where there is none.
        text: the final text; may hold the thinking as well.
        cut: whether the output was cut: without a text, the thinking then never ends.
    """
    if not reasoning.strip() or ("</think>" in text and reasoning.strip() in text):
        return text
    return f"<think>{reasoning}" if cut and not text.strip() else f"<think>{reasoning}</think>{text}"


def holds_thinking(output: str) -> bool:
    """Tell whether an output holds thinking that is marked as such, ended or not."""
    return part_output(output).final is not None or part_thinking(output).final is None


def states_only(final: str, answer: str | None) -> bool:
    """Tell whether a final text says nothing but the answer."""
    tag, around = _answer_tag(final)
    return answer is not None and answer in (final, None if "".join(around).strip() else tag)


def _stated(final: str) -> str | None:
    tag, _ = _answer_tag(final)
    if tag is None and "\n" not in final and len(final) <= LONGEST_ANSWER and "<answer>" not in final:
        return final
    return tag


def _thoughts(output: str, marked: Marked) -> list[_Piece]:
    """Return the pieces of thinking between the marks."""
    starts = [0, *(end for _, end in marked.spans)]
    ends = [*(start for start, _ in marked.spans), marked.end or 0]
    pieces = [
        _stripped(output, start, end)
        for start, end in zip(starts, ends, strict=True)
        if start <= end <= (marked.end or 0)
    ]
    pieces = [piece for piece in pieces if piece.start < piece.end]
    return [piece._replace(lead=_BETWEEN if number else "") for number, piece in enumerate(pieces)]


def _unparted(output: str, rest: _Piece) -> OutputParts:
    """Return an output without thinking: what it holds beside empty marks and the last answer's tag."""
    tag, around = _answer_tag(output, rest.start, rest.end)
    pieces = [rest]
    if around:
        first, last = _Piece(rest.start, rest.start + len(around[0])), _Piece(rest.end - len(around[1]), rest.end)
        if not around[1].strip():
            pieces = [_stripped(output, *first[:2])]
        elif not around[0].strip():
            pieces = [_stripped(output, *last[:2])]
        else:
            first = first._replace(start=first.end - len(around[0].lstrip()))
            pieces = [first, last._replace(end=last.start + len(around[1].rstrip()))]
    text, marks = _kept(output, pieces)
    return OutputParts(text, None, tag, marks) if text.strip() else OutputParts(output, None, tag, ())


def _kept(output: str, pieces: Iterable[_Piece]) -> tuple[str, tuple[TraceMark, ...]]:
    """Return what is kept of an output, and the marks that give the whole back."""
    kept, marks, at = "", list[TraceMark](), 0
    for piece in pieces:
        if (written := output[at : piece.start]) != piece.lead:
            marks.append(TraceMark(len(kept), len(piece.lead), written))
        kept += piece.lead + output[piece.start : piece.end]
        at = piece.end
    if at < len(output):
        marks.append(TraceMark(len(kept), 0, output[at:]))
    return kept, tuple(marks)


def _stripped(output: str, start: int, end: int) -> _Piece:
    """Return a piece without spaces and tokens around it."""
    begins = _LEADS.match(output, start, end)
    start = begins.end() if begins else start
    while start < end:
        if output[end - 1].isspace():
            end -= 1
        elif token := _ENDS.search(output, max(start, end - _LONGEST_TOKEN), end):
            end = token.start()
        else:
            break
    return _Piece(start, end)


def _answer_tag(output: str, start: int = 0, stop: int | None = None) -> tuple[str | None, tuple[str, ...]]:
    """Return what the last `<answer>` tag of a part of an output holds, and what stands before and after it."""
    end = output.rfind("</answer>", start, stop)
    begin = output.rfind("<answer>", start, max(end, start))
    if begin < 0:
        return None, ()
    answer = output[begin + len("<answer>") : end].strip()
    return answer or None, (output[start:begin], output[end + len("</answer>") : stop])
