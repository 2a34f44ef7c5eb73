"""Part a model's thinking from its final text, by the marks that models and servers put around it."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_THOUGHT = r"(?:think|thought|reason|reflect|scratch|ponder|deliberat|brainstorm|monologue|analysis)"
_DRAFT = r"(?:plan(?:ning|s)?|draft|notes?|work(?:ing)?s?|critique|check|verif\w{1,10})"
"""tags of thinking with which an output begins; elsewhere they are a part of the text"""
_REASONS = r"(?:rationale|explanation|justification|steps?|review)"
"""the same, where something follows their end: else they hold the answer, too"""
DRAFTS = re.compile(rf"<(?P<tag>{_DRAFT})(?:\s[^<>]{{0,200}})?>.*?(?:</(?P=tag)\s?>|\Z)", re.IGNORECASE | re.DOTALL)
"""drafts anywhere in a text"""
_FORMS: dict[str, tuple[str, str]] = {
    # gpt-oss: every channel but the final one
    "gpt-oss": (
        r"<\|channel\|>\s*(?!final\b)(?:\w{1,20})?",
        r"<\|channel\|>\s*final\b(?:\s{0,9}<\|constrain\|>\s{0,9}\w{0,20})?\s{0,9}<\|message\|>",
    ),
    "gemma": (r"<\|channel>|<unused94>", r"<channel\|>|<unused95>"),
    "apertus": (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
}
"""of models: what opens their thinking, and what ends it"""
_MARK = re.compile(
    rf"""(?ix) (?=[<\[\u25c1][\s|\uff5c/\w]) (?:
      (?P<closes>{"|".join(closes for _, closes in _FORMS.values())})
    | (?P<opens>{"|".join(opens for opens, _ in _FORMS.values())})
    # <think>, </think>, <seed:think>, <thinking budget="9">, [THINK], <|END_THINKING|>, <|end_of_thought|> ...
    | [<\[\u25c1]\s?[|\uff5c]?\s?(?P<slash>/?)\s?(?P<word>(?:(?:begin|start|end)_(?:of_)?)?)
      (?P<name>[\w:.-]{{0,20}}?{_THOUGHT}[\w:.-]{{0,20}}|cot|(?P<first>{_DRAFT}|(?P<reasons>{_REASONS})))(?:\s[^<>\[\]{{}}\u25b7]{{0,200}}+)?[|\uff5c]?(?<!/)[>\]\u25b7]
    )"""
)
_MARK_BEGINS = re.compile(r"[<\[\u25c1][\s|\uff5c/\w](?=[^<>\[\]\u25c1\u25b7]{0,300}[>\]\u25b7])")
"""the same beginning, with a closing bracket in reach: found far more quickly"""
_OPENS = {kind: re.compile(opens, re.IGNORECASE) for kind, (opens, _) in _FORMS.items()}
_CLOSES = {kind: re.compile(closes, re.IGNORECASE) for kind, (_, closes) in _FORMS.items()}
_BARE = (
    # gpt-oss where a server left the special tokens out: `analysisWe ...assistantfinal...`
    (
        re.compile(r"\s*+(?:assistant)?(?:analysis|commentary)(?!\s*[*_#]*\s*(?::|\n))", re.IGNORECASE),
        re.compile(r"assistant\s{0,9}final", re.IGNORECASE),
    ),
    # Granite
    (
        re.compile(r"\s*+here is my thought process:", re.IGNORECASE),
        re.compile(r"here is my response:", re.IGNORECASE),
    ),
    # the terminal of Ollama
    (re.compile(r"\s*+Thinking\.\.\.\s*\n"), re.compile(r"^\.\.\.done thinking\.", re.MULTILINE)),
)
"""words with which a whole text begins, and those that end its thinking"""
_BLOCKS = (
    (
        re.compile(r"\s*+```[ \t]*(?:think(?:ing)?|thoughts?|reasoning)[ \t]*\n", re.IGNORECASE),
        re.compile(r"^```[ \t]*$", re.MULTILINE),
    ),
    # Open WebUI
    (
        re.compile(
            r"\s*+<details\b[^<>]{0,200}>\s{0,9}<summary>[^<>]{0,60}(?:think|thought|reason)[^<>]{0,60}</summary>",
            re.IGNORECASE,
        ),
        re.compile(r"</details>", re.IGNORECASE),
    ),
)
"""blocks with which a text begins: what opens one, and the first that ends it"""
_HEADING = r"[ \t]*(?:\#{{1,6}}[ \t]*(?:\*\*)?|\*\*)(?:{})[ \t]*:?(?:\*\*)?[ \t]*:?[ \t]*(?:\n|\Z)"
_HEADING_OPENS = re.compile(
    r"\s*+" + _HEADING.format(r"thinking(?: process)?|thoughts?(?: process)?|chain of thought|reasoning(?: process)?"),
    re.IGNORECASE,
)
_HEADING_CLOSES = re.compile(
    "^" + _HEADING.format(r"final (?:response|answer|output|text)|response|answer"), re.IGNORECASE | re.MULTILINE
)
"""headings between which HuatuoGPT-o1 and its like think, in traces only: a judge's reply has none"""
_OBJECT = re.compile(r"\s*+(?:```\w{0,20}+\s*+)?(?=\{)")
_MOST_QUOTED = 8
"""ends of thinking after which an object is looked for: reading stays linear"""
_DECODER = json.JSONDecoder()


class Parted(NamedTuple):
    """A model's text, parted at the last end of its thinking."""

    thinking: str
    """all before it, marks included; empty where there is none"""
    final: str | None
    """the text after it; None where thinking begins and never ends: then nothing is final"""


class Marked(NamedTuple):
    """The marks around a text's thinking."""

    end: int | None
    """where the final text begins: 0 where there is no thinking, None where it never ends"""
    spans: list[tuple[int, int]]
    """where the marks stand, in their order"""


def part_thinking(text: str) -> Parted:
    """Part a text at the last end of thinking.

    Thinking that was opened ends with a mark of its own kind; an end alone closes thinking that a chat template opened.
    Marks within a JSON object with which the text, or what follows an end of thinking, begins are quotations.
    """
    end = marks_of_thinking(text).end
    return Parted(text, None) if end is None else Parted(text[:end], text[end:])


def marks_of_thinking(text: str) -> Marked:
    """Find the marks around thinking (see `part_thinking`)."""
    final_at, spans = _bare_marks(text)
    if final_at is None:
        return Marked(None, spans)
    position, n_quoted = _object_end(text, final_at), 1
    kind, depth, opened_at = "", 0, -1
    while begins := _MARK_BEGINS.search(text, position):
        mark = _MARK.match(text, begins.start())
        if mark is None:
            position = begins.start() + 1
            continue
        position, (name, closes) = mark.end(), _kind(mark)
        if mark["first"] and (name != kind if depth else not _begins(text, final_at, mark)):
            continue
        spans.append(mark.span())
        if not closes and not depth:
            kind, depth, opened_at = name, 1, mark.end()
        elif not closes and name == kind:
            # A template and the model may both open it; any other further opening needs an end of its own.
            depth += kind not in _FORMS and text[opened_at : mark.start()].strip() != ""
            opened_at = mark.end()
        elif closes and (not depth or name == kind):
            depth = max(0, depth - 1)
            final_at = mark.end()
            if not depth and n_quoted < _MOST_QUOTED:
                position, n_quoted = _object_end(text, final_at), n_quoted + 1
        else:
            spans.pop()  # a mark of another kind within thinking is a thought
    return Marked(None if depth else final_at, spans)


def marks_of_headings(text: str) -> Marked:
    """Find the headings of an output that parts itself: "## Thinking" first, and the last "## Final Response"."""
    opens = _HEADING_OPENS.match(text)
    ends = list(_HEADING_CLOSES.finditer(text, opens.end())) if opens else []
    return Marked(ends[-1].end(), [opens.span(), ends[-1].span()]) if opens and ends else Marked(0, [])


def _bare_marks(text: str) -> tuple[int | None, list[tuple[int, int]]]:
    """Return where thinking without marks ends (0 where there is none, None where it never does), and its words."""
    for opens, closes in _BARE:
        if opened := opens.match(text):
            ends = [found.span() for found in closes.finditer(text)]
            return (ends[-1][1] if ends else None), [opened.span(), *ends]
    end, spans = 0, list[tuple[int, int]]()
    while opened := next(filter(None, (opens.match(text, end) for opens, _ in _BLOCKS)), None):
        closes = next(closes for opens, closes in _BLOCKS if opens is opened.re)
        closed = closes.search(text, opened.end())
        if closed is None:
            return None, [*spans, opened.span()]
        spans += [opened.span(), closed.span()]
        end = closed.end()
    if end:
        return end, spans
    lone = text.rfind("assistantfinal")
    if lone < 0 or text.lstrip().startswith("{"):
        return 0, []
    end = lone + len("assistantfinal")
    return end, [(lone, end)]


def _begins(text: str, final_at: int, mark: re.Match[str]) -> bool:
    """Return whether a tag with which what is read of the text may begin as thinking does so."""
    if mark["slash"] or mark[0][0] == "[" or text[final_at : mark.start()].strip():
        return False  # "[Plan]" is a heading
    if not mark["reasons"]:
        return True
    end = re.compile(rf"[<\[\u25c1]\s?/\s?{mark['reasons']}\s?[>\]\u25b7]", re.IGNORECASE).search(text, mark.end())
    return end is not None and bool(text[end.end() :].strip())


def _kind(mark: re.Match[str]) -> tuple[str, bool]:
    """Return the kind of a mark, and whether it ends thinking."""
    if mark["name"]:
        form = mark[0][0] + "|" * ("|" in mark[0] or "\uff5c" in mark[0]) + "_" * bool(mark["word"])
        return form + mark["name"].lower(), bool(mark["slash"]) or mark["word"].lower().startswith("end")
    patterns = _CLOSES if mark["closes"] else _OPENS
    return next(kind for kind, pattern in patterns.items() if pattern.match(mark[0])), bool(mark["closes"])


def _object_end(text: str, start: int) -> int:
    """Return where a JSON object ends that begins here, bare or in a fence; the same place where none does."""
    begins = _OBJECT.match(text, start)
    if begins is None:
        return start
    try:
        return _DECODER.raw_decode(text, begins.end())[1]
    except (ValueError, RecursionError):
        return start
