"""Where a trace states its final answer, and how to hide it."""

from __future__ import annotations

import re
from functools import lru_cache

HIDDEN = "[answer hidden]"

_APOSTROPHE = r"['\u2019]"
_LETTER = r"\(?(?-i:[A-J])\b\)?"
_NOUN = r"(?:answers?|options?|choices?)"
_MOST = r"most\s+(?:accurate|appropriate|consistent|fitting|likely|logical|plausible|probable|reasonable|suitable)"
_QUALIFIER = rf"(?:final|correct|right|best|closest|{_MOST})"
_BE = r"(?:is|are|was|(?:would|will|should|must)\s+(?:\w+\s+){0,2}?be)\b"
# A full stop within a number, or before a lower-case word ("E. coli"), does not end a sentence.
_SENTENCE = r"(?:[^\n.]|\.(?=\w|[ \t]+(?-i:[a-z])))*\.?"
# "D. None of the above." is one statement, "D. This is because ..." a statement and its reason.
_OTHER_SENTENCE = r"(?:This|These|It|Because|Since|However|Although|While|Note|Other|Options?|Therefore)\b"
_LETTER_AND_TEXT = rf"""(?-i:[A-J])\b[)\]*_"'$]*(?:[.:](?![ \t]*{_OTHER_SENTENCE}|[ \t]*\n)[ \t]*)?"""
_ANSWER = rf"""[\s:*_"'$(\[]*(?:{_LETTER_AND_TEXT})?{_SENTENCE}"""

_TAG = r"<answer>.*?(?:</answer>|\Z)"
_BOXED = r"\\boxed\s*\{(?:[^{}]|\{[^{}]*\})*\}"
_HEADING = rf"""  # "### Answer", "**Final answer**" or "Answer:" at the head of a line, and what follows it
    ^(?P<kept>[#>*_ \t-]*)(?:the\s+)?(?:{_QUALIFIER}\s+{_NOUN}|answer|ans\b\.?)[ \t]*
    (?:[*_]*[ \t]*[:=](?!\s*let{_APOSTROPHE}?s\b)|[*_]*[ \t]*\n){_ANSWER}
"""
_STATEMENT = rf"""  # "the correct answer is ...", "my answer: ...", "the best choice for this patient would be ..."
    (?<!\bnot\ )(?<!\bnot\ the\ )(?<!n't\ the\ )
    \b(?:(?:(?:the|my)\s+)?{_QUALIFIER}\s+(?:{_NOUN}\s+)?{_NOUN}|(?:the|my)\s+answer(?:\s+choice)?|answer(?=[\s*_]*[:=]))
    (?:\s+(?:to|for|in|of|among|from|here|given)\b[^\n.,:;!?]{{0,100}}?|,?\s+(?:then|therefore|thus|hence)\b,?)?
    (?:\s+{_BE}|[*_]*\s*[:=](?!\s*let{_APOSTROPHE}?s\b)|\s+[-\u2013\u2014]\s){_ANSWER}
"""
_CLAIM = rf"""  # "option B is the best choice", "choice C, heparin, is correct", "(B) is the right answer"
    \b{_NOUN}\s+{_LETTER}(?:\s*[,(:][^\n.,()]{{1,80}}?[,)])?\s+{_BE}\s+(?:(?:therefore|thus|clearly|likely)\s+)?
        (?:the\s+)?(?:single\s+)?{_QUALIFIER}\b{_SENTENCE}
    | (?<![\w'\u2019])\(?(?-i:[A-J])\b\)?[ \t]+is\s+(?:therefore\s+|thus\s+)?correct\b{_SENTENCE}
    | (?<![\w'\u2019])\(?(?-i:[A-J])\b\)?(?:[ \t][^\n.,]{{0,80}}?)?\s+{_BE}\s+(?:therefore\s+|thus\s+)?
        (?:the\s+)?(?:single\s+)?{_QUALIFIER}\s+{_NOUN}\b{_SENTENCE}
"""
_PICK = rf"""  # "I would choose option C"
    \bI(?:\s+would|\s+will|{_APOSTROPHE}d|{_APOSTROPHE}ll)?\s+(?:choose|pick|select|answer|go\s+with)\s+(?:the\s+)?(?:{_NOUN}\s+)?
    [*_]*{_LETTER}{_SENTENCE}
"""
_CONCLUSION = rf"""  # "the most likely diagnosis is B) ...": the conclusion's own words stay
    (?P<kept>\b(?:most|best|correct)\b[^\n.]{{0,150}}?\s(?:is|are|be)\b)
    (?::?[ \t*_]*\(?(?-i:[A-J])\)|:?\s*\n[\s*_]*\(?(?-i:[A-J])[).])[ \t]*{_SENTENCE}
"""
_LAST_LINE = r"^(?P<kept>[ \t]*)[^\w\s]*(?-i:[A-J])\b[^\w\n]*\n*\Z"
_FLAGS = re.IGNORECASE | re.MULTILINE | re.VERBOSE
_PATTERNS = (
    re.compile(_TAG, re.IGNORECASE | re.DOTALL),
    *(re.compile(text, _FLAGS) for text in (_BOXED, _HEADING, _STATEMENT, _CLAIM, _PICK, _CONCLUSION, _LAST_LINE)),
)


@lru_cache(maxsize=4)  # a pair's two traces are compared before they are shown
def hide_answer(text: str) -> str:
    r"""Replace every statement of a final answer by `[answer hidden]`.

    Hidden are `<answer>` tags with their content, `\boxed{...}`, what stands under or after a heading such as
    "Final answer:", a last line that is only a letter and, to the end of their sentence, statements such as "the
    answer is ...", "option B is correct ...", "I would choose C" and "the most likely cause is D) ...". Remarks on
    single options ("this option is unlikely") stay: they are the reasoning. A conclusion in free words stays too.
    """
    for pattern in _PATTERNS:
        text = pattern.sub(_hide, text)
    return text


def _hide(match: re.Match[str]) -> str:
    kept = match.groupdict().get("kept")
    return HIDDEN if kept is None else f"{kept} {HIDDEN}" if kept[-1:].isalpha() else f"{kept}{HIDDEN}"
