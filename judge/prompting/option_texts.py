"""Find the texts of an item's options in what a model wrote, whatever its dress."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from string import ascii_uppercase
from typing import NamedTuple

from judge.prompting.answer_phrases import any_of

OPEN, CLOSE = "\u27e6", "\u27e7"
"""around what stands in a box or in `<answer>`"""
_LOOKALIKES = str.maketrans({
    **dict.fromkeys("\u2018\u2019\u02bc\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u00ab\u00bb\u201e", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", None),
    **{chr(start + place): letter for start in (0x1F150, 0x1F170) for place, letter in enumerate(ascii_uppercase)},
})  # fmt: skip
_FONT = re.compile(
    r"(?:\\(?:text(?:bf|it|rm|sf|tt)?|math(?:bf|it|rm|sf|tt)|bm|boldsymbol|operatorname|emph|underline)\s*|(?<=\{))"
    r"\{([^{}]*)\}"
)
_BOX = re.compile(r"\\f?box(?:ed)?\s*\{([^{}]*)\}|\\boxed\s*([0-9A-Za-z])(?!\w)")
_TAG = re.compile(r"<answer>(.*?)(?:</answer>|\Z)|\[answer\](.*?)\[/answer\]", re.IGNORECASE | re.DOTALL)
_SPACING = re.compile(
    r"\\(?:[,;:! ()\[\]]|quad|bf|rm|left|right|displaystyle|[lL]arge|LARGE|[hH]uge|(?:text)?color\s*\{[^{}]*\})"
    r"|\\\\(?=\s)|[\u00a0\u3000]"
)
# Each begins with the characters that it needs, which are found quickly, and looks back from these.
_MARKED_LETTER = re.compile(
    r"""[*_`$"'](?:(?<![\w'"][*_`$"'])[*_`$"']*\s*([0-9A-Za-z])\s*[.:)]?\s*[*_`$"']++(?!\w|-\w|\s+[*_`]*[a-z])"""
    r"""|(?<=[*_`$])[*_`$]*\(([A-Za-z])\)[*_`$]+)"""
)
_HEADING = re.compile(r"^[ \t]*(?:#{1,6}|>|[\u2022\u2023\u25aa\u25cf\u25e6])[ \t]*", re.MULTILINE)
_ENTITY = re.compile(r"&(?:quot|apos|amp|lt|gt|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_HTML = re.compile(r"</?(?:b|strong|em|i|u|code|mark|span|font)(?:\s[^<>]{0,200})?>")
_HTML_BLOCK = re.compile(
    r"</?(?:br|p|div|li|ul|ol|h[1-6]|(?:final_?)?(?:answer|output|result|response)|final|ans|choice|option|letter|solution|conclusion"
    r"|explanation|rationale|justification|steps?|review)(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"<\|[a-z_]{1,30}\|>|</s>|<(?:eos|end_of_turn)>")
"""of a chat template, left in behind a text"""
DECORATION = re.compile(
    "(?:[\u2600-\u2775\u27a1\u2b50\U0001f300-\U0001faff]"
    "(?<![\u2610\u2612\u2640\u2642\u26a0\u26d4\u2716-\u2718\u274c\u274e\u2753-\u2755\U0001f44e\U0001f4c8\U0001f4c9"
    "\U0001f519-\U0001f51d\U0001f53a-\U0001f53d\U0001f645\U0001f6ab\U0001f914\U0001f937])|[\ufe0e\ufe0f\u20e3])+"
)
"""emojis and other pictures, but for those that deny, doubt or point"""
_EMPHASIS = re.compile(r"(?<!\w)_+|_+(?!\w)")
_SNAKE = re.compile(r"(?<=[a-z])_(?=[a-z])")
_MARKS = re.compile(r"[*`$]+")
ENDS = " \t\n.,;:*_\"'()[]{}"
_ARTICLE = re.compile(r"(?:an?|the|el|la|los|las|une?|le|les|der|die|das|eine?|uma?)\s+(?=\S)", re.IGNORECASE)
_ASIDE = re.compile(r"(?<=\S)\s*\([^()]*\)$")
_LATIN_END = re.compile(r"[0-9A-Za-z\u00c0-\u024f]")
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_LEADS = r"\u662f\u4e3a\u70ba\u4e88\u7528\u9078\u9009\u4e8e\u3001\u3002\u306f\u304c\u306e\u3092\u4e0e\u548c:"
"""characters of Chinese and Japanese after which a word may begin"""
_ONE_IDEOGRAPH = re.compile(f"[{_IDEOGRAPH}]")
_PARTS = re.compile(r"\s+|(?<=[^\W\d_])-(?=[^\W\d_])")
_BEFORE_LATIN = re.compile(r"(?<![0-9A-Za-z\u00c0-\u024f'])(?<!\w-)")
_BEFORE_DIGIT = re.compile(_BEFORE_LATIN.pattern + r"(?<![<>=\u2264\u2265+.,-])")
_BEFORE_IDEOGRAPH = re.compile(rf"(?:(?<![{_IDEOGRAPH}])|(?<=[{_LEADS}]))(?<![\w.,]-)")
_AFTER_LATIN = re.compile(r"(?:e?s)?(?![0-9A-Za-z\u00c0-\u024f]|-\w|'s\s\w)")
_AFTER_DIGIT = re.compile(r"(?![0-9A-Za-z\u00c0-\u024f]|[.,-]\d|\s*[%\u2030]|\s*/\s*\d)")
_ANYTHING = re.compile("")


class Mention(NamedTuple):
    """An option's text within a text."""

    start: int
    end: int
    label: str


def plain(text: str) -> str:
    """Return a text in the usual characters, without LaTeX commands of font and spacing."""
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = unicodedata.normalize("NFKC", text).translate(_LOOKALIKES)
    while "\\" in text and (bare := _FONT.sub(r"\1", text)) != text:
        text = bare
    return _SPACING.sub(" ", text) if "\\" in text else text


def undressed(text: str) -> str:
    """Return a text without bold, headings and the like; a letter so marked stands in brackets."""
    text = _TAG.sub(lambda tag: f"{OPEN}{tag[1] or tag[2] or ''}{CLOSE}", plain(text))
    if "<" in text:
        text = _TOKEN.sub(" ", _HTML_BLOCK.sub("\n", _HTML.sub("*", text)))
    text = _BOX.sub(lambda box: f"{OPEN}{box[1] or box[2] or ''}{CLOSE}", text)
    text = _MARKED_LETTER.sub(lambda letter: f"({letter[1] or letter[2]})", text)
    if "#" in text or ">" in text or not text.isascii():
        text = _HEADING.sub("", text)
    if "_" not in text:
        return _MARKS.sub("", text)
    return _SNAKE.sub(" ", _MARKS.sub("", _EMPHASIS.sub("", text)))


def core(text: str) -> str:
    """Return a text without case, punctuation at its ends and differences of spacing."""
    return " ".join(plain(text).casefold().strip(ENDS).split())


class _Form(NamedTuple):
    """A text that names an option, in small letters."""

    label: str
    text: str
    words: tuple[str, ...]
    """parted by spaces or hyphens, which are as they may be where it is found"""
    before: re.Pattern[str]
    after: re.Pattern[str]

    def end(self, small: str, start: int) -> int | None:
        """Return where the text that stands at a place ends, None where it does not stand there."""
        if not small.startswith(self.words[0], start) or not self.before.match(small, start):
            return None
        if len(self.words) == 1:
            end = start + len(self.text)
        elif self.words[-1] in small and (found := _body(self.words).match(small, start)):
            end = found.end()
        else:
            return None
        after = self.after.match(small, end)
        return after.end() if after else None

    def starts(self, small: str) -> Iterator[int]:
        """Yield where the text may begin."""
        at = small.find(self.words[0])
        while at >= 0:
            yield at
            at = small.find(self.words[0], at + 1)


class OptionTexts:
    """The texts of an item's options; a text that two options share names neither."""

    def __init__(self, options: Mapping[str, str]) -> None:
        options = _without_letters(options)
        full = _unique((core(text), label) for label, text in options.items())
        short = _unique((form, label) for label, text in options.items() if (form := _short(core(text))))
        self.known = {**{form: label for form, label in short.items() if form not in full}, **full}
        """label by text, as `core` gives it"""
        longest_first = sorted(filter(None, self.known), key=len, reverse=True)
        self._forms = [_form(text, self.known[text]) for text in longest_first]
        self._first_words = tuple(form.words[0] for form in self._forms)
        self.within = {label for text, label in full.items() if any(other.endswith(f" {text}") for other in full)}
        """options whose texts end another's: a word before them changes what they name"""
        self.words = [(form.label, re.findall(r"\w+", form.text)) for form in self._forms]

    def same(self, text: str) -> str | None:
        """Return the option whose text this is."""
        return self.known.get(core(text))

    def mentions(self, text: str) -> list[Mention]:
        """Return where options stand in a text, in order; of one within another the longer alone."""
        small, found = small_letters(text), list[Mention]()
        for start in sorted({start for form in self._forms for start in form.starts(small)}):
            if (not found or start >= found[-1].end) and (mention := self.at(text, start)):
                found.append(mention)
        return found

    def at(self, text: str, start: int) -> Mention | None:
        """Return the option whose text stands at a place."""
        small = small_letters(text)
        if small.startswith(self._first_words, start):
            for form in self._forms:
                if (end := form.end(small, start)) is not None:
                    return Mention(start, end, form.label)
        return None


@lru_cache(maxsize=16)
def option_texts(options: tuple[tuple[str, str], ...]) -> OptionTexts:
    """Return the texts of options, kept for the traces of the same item."""
    return OptionTexts(dict(options))


@lru_cache(maxsize=4)
def small_letters(text: str) -> str:
    """Return a text in small letters, each character in its place: that one alone would become two."""
    return text.replace("\u0130", "i").lower()


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    labels: dict[str, list[str]] = {}
    for form, label in pairs:
        labels.setdefault(form, []).append(label)
    return {form: found[0] for form, found in labels.items() if len(found) == 1}


def _without_letters(options: Mapping[str, str]) -> Mapping[str, str]:
    """Return options whose texts all begin with their letters, as "(A) Aspirin" or "A. Aspirin", without these."""
    found = {label: re.match(rf"\s*[(\[]?{re.escape(label)}[.):\]]+\s+(?=\S)", text) for label, text in options.items()}
    if not all(found.values()):
        return options
    return {
        label: text[begun.end() :]
        for (label, text), begun in zip(options.items(), found.values(), strict=True)
        if begun
    }


def _short(text: str) -> str:
    """Return an option's text without its article and bracketed end; empty where it has neither."""
    short = _ASIDE.sub("", _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text)
    return short if short != text and len(short) > 1 else ""


def _form(text: str, label: str) -> _Form:
    """Return how an option's text is found as words of its own."""
    if _LATIN_END.match(text[0]):
        before = _BEFORE_DIGIT if text[0].isdigit() else _BEFORE_LATIN
    else:
        before = _BEFORE_IDEOGRAPH if _ONE_IDEOGRAPH.match(text[0]) else _ANYTHING
    if text[-1].isdigit():
        after = _AFTER_DIGIT
    elif _LATIN_END.match(text[-1]):
        after = _AFTER_LATIN
    else:
        after = _after_ideograph() if _ONE_IDEOGRAPH.match(text[-1]) else _ANYTHING
    return _Form(label, text, tuple(_PARTS.split(text)), before, after)


@lru_cache(maxsize=256)
def _body(words: tuple[str, ...]) -> re.Pattern[str]:
    # Of small letters, for texts of small letters: to ignore case, a pattern takes far longer to make.
    return re.compile(r"[\s-]+".join(map(re.escape, words)))


@cache
def _after_ideograph() -> re.Pattern[str]:
    return re.compile(rf"(?=[^{_IDEOGRAPH}]|\Z|{any_of('reason', 'and', 'or')})")
