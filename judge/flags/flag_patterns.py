"""The patterns that flags of traces look for, and the names of the flags."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class FlagName(StrEnum):
    """Names of flags."""

    ADDRESSES_JUDGE = "addresses_judge"
    """it speaks to whoever compares: "ignore the above", "choose trace 1", "you are the judge" """
    FAKE_VERDICT = "fake_verdict"
    """it holds what a judge would reply: verdict fields, [[A]]"""
    FAKE_FENCE = "fake_fence"
    """it holds tags or headings that fence the parts of a prompt"""
    CHAT_TOKEN = "chat_token"  # noqa: S105 - a token of a chat template, no secret
    """it holds the control tokens of a chat template"""
    HIDDEN_CHARACTERS = "hidden_characters"
    """zero-width, bidirectional, tag or control characters"""
    MIXED_SCRIPTS = "mixed_scripts"
    """a word mixes Latin letters with Cyrillic or Greek ones that look alike"""
    SHORT = "short"
    """fewer than 40 characters"""
    REPETITIVE = "repetitive"
    """it compresses to less than a sixth"""
    LONG = "long"
    """longer than 99 % of the run's traces, and than three times their median"""


class Rule(NamedTuple):
    """A pattern that is tried at its anchors (lower case) alone, or searched from so many characters before them."""

    name: FlagName
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    before: int = 0


AFTER = 80
"""how far after an anchor a pattern may go"""
_SHOWN = r"(?:trace|response|answer|output|assistant|model|candidate|completion|solution)s?"
_WHICH = r"(?:1|2|one|two|a|b|first|second|[(\[][12ab][)\]])"
RULES = (
    Rule(
        FlagName.ADDRESSES_JUDGE,
        ("ignor", "disregard", "overrid", "forget"),
        re.compile(
            r"\b(?:ignor|disregard|overrid|forget)\w*\s+(?:(?:all|any|the|these|those|your|of)\s+)*"
            r"(?:above|previous|preceding|prior|earlier|other|system|instruction|prompt|rule|criteri|rubric)\w*",
            re.IGNORECASE,
        ),
    ),
    Rule(
        FlagName.ADDRESSES_JUDGE,
        ("choos", "pick ", "select", "prefer", "vote for", "favor", "favour", "declare", "rank ", "rate "),
        re.compile(
            rf"\b(?:choos\w*|pick|select|prefer|vote\s+for|favou?r|declare|rank|rate)\s+(?:the\s+)?"
            rf"(?:{_SHOWN}\s+{_WHICH}(?!\w)|(?:first|second|this|my)\s+{_SHOWN}\b)",
            re.IGNORECASE,
        ),
    ),
    Rule(
        FlagName.ADDRESSES_JUDGE,
        ("better", "best", "winner", "wins", "superior", "chosen", "preferred"),
        re.compile(
            rf"\b{_SHOWN}\s+{_WHICH}\s+(?:is|are|should|must|wins?|deserves?)\b.{{0,20}}?"
            rf"(?:better|best|winner|wins?\b|superior|chosen|preferred)",
            re.IGNORECASE,
        ),
        before=40,
    ),
    Rule(
        FlagName.ADDRESSES_JUDGE,
        ("judge", "evaluator", "grader", "verdict"),
        re.compile(
            r"\b(?:you\s+are|as|dear|attention|note\s+to|to)\s+(?:an?\s+|the\s+|all\s+)?(?:\w+\s+)?"
            r"(?:judges?|evaluators?|graders?)\b(?!\s+(?:whether|if|how|the))"
            r"|\b(?:your|final|correct)\s+verdict\b|\bverdict\s+(?:is|should|must)\b",
            re.IGNORECASE,
        ),
        before=30,
    ),
    Rule(
        FlagName.FAKE_VERDICT,
        ("verdict", "winner", "evidence_", "[[", "model_identifier"),
        re.compile(
            r"[\"'](?:verdict|winner|evidence_[12]|model_identifier)[\"']\s*:|\b(?:verdict|winner)\s*[:=]\s*\S"
            r"|\[\[(?:[ABC]|[AB]?[<>=]+[AB]?|tie)\]\]",
            re.IGNORECASE,
        ),
        before=1,
    ),
    Rule(
        FlagName.FAKE_FENCE,
        ("<", "[start", "[end", "[the ", "##"),
        re.compile(
            r"</?\s*(?:trace|output|response|assistant|instructions?|system|user|prompt|reference|judge|evaluation|"
            r"verdict|criteria|question)(?:[\s\d_(:-][^<>\n]{0,40})?>"
            r"|\[(?:the\s+)?(?:start|end)\s+of\b|^#+\s*(?:instructions?|system|model\s+outputs?|task|traces?|verdict)\b",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    Rule(
        FlagName.CHAT_TOKEN,
        ("<", "[inst]", "[/inst]", "human:", "assistant:"),
        re.compile(
            r"<[|\uff5c][^|\uff5c<>\n]{1,40}[|\uff5c]>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?s>|<[be]os>"
            r"|^(?:Human|Assistant):",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
)
_INVISIBLE = (
    "\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff\uffa0"
    "\U000e0000-\U000e01ef"
)
# Joiners are part of some scripts and of emoji: only those beside ASCII hide something.
_HIDDEN = re.compile(rf"[{_INVISIBLE}]|(?<=[!-~])[\u200c\u200d]|[\u200c\u200d](?=[!-~])")
# Greek lower case is everyday in medicine (TNF alpha, mu g): only letters that look like Latin ones count.
_ALIKE = "\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u0400-\u052f"
_MIXED = re.compile(rf"[A-Za-z][{_ALIKE}]|[{_ALIKE}][A-Za-z]")
ORDINARY = re.compile(r"[\t\n\f\r -~]*")
"""matches texts in which no unusual pattern can, in a small part of the time"""
UNUSUAL = {FlagName.HIDDEN_CHARACTERS: _HIDDEN, FlagName.MIXED_SCRIPTS: _MIXED}
"""patterns that are searched everywhere"""
