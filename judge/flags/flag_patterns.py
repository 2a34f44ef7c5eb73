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
    ENCODED = "encoded"
    """words in base64 or hex, or what speaks to the judge in rot13 or backwards"""
    HIDDEN_TEXT = "hidden_text"
    """what a page would not show: comments, elements of no size or colour"""
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
RULES = (
    Rule(
        FlagName.FAKE_VERDICT,
        ("verdict", "winner", "evidence_", "prefer", "better_", "[[", "model_identifier"),
        re.compile(
            r"[\"'](?:verdict|winner|evidence_[12]|preference|preferred|better_\w{1,20}|model_identifier)[\"']\s*:"
            r"|\b(?:verdict|winner)\s*[:=]\s*\S"
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
        (
            "<",
            "[inst]",
            "[/inst]",
            "[system",
            "[/system",
            "human:",
            "assistant:",
            "system:",
            "user:",
            "system prompt:",
            "system message:",
        ),
        re.compile(
            r"<\|[^|<>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?s>|<[be]os>"
            r"|\[/?system(?:\s(?:prompt|message|note|override))?\]|<<system>>"
            r"|^(?:Human|Assistant|System|User|System\s(?:prompt|message)):",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    Rule(
        FlagName.HIDDEN_TEXT,
        ("<!--", "hidden", "display:", "font-size:", "opacity:", "color:", "visibility:", "[//]:", "[comment]:"),
        re.compile(
            r"<!--|^\[(?://|comment)\]:\s|<\w[^<>]{0,200}?(?:\shidden\b|(?:display\s*:\s*none|visibility\s*:\s*hidden"
            r"|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d])|color\s*:\s*(?:white|transparent|#fff)))",
            re.IGNORECASE | re.MULTILINE,
        ),
        before=200,
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
