"""Read an item's options from whatever form a record has them in."""

from __future__ import annotations

import ast
import json
import re
from io import StringIO
from itertools import pairwise
from string import ascii_lowercase, ascii_uppercase
from tokenize import STRING, TokenError, generate_tokens
from typing import cast

from judge.files.fields import RecordFields, RecordProblem, as_label, wrong_type

_LEAST = 2
_LABELS = ("label", "key", "letter", "id", "name", "option_id")
_TEXTS = ("text", "value", "content", "option", "option_text", "description")
_LETTERED = re.compile(r"\(?([A-Za-z])[.):]\s*(\S.*)")
_FLAGS = ("correct", "is_correct", "isCorrect", "is_answer", "right")
COLUMNS: tuple[tuple[str, ...], ...] = tuple(
    tuple(prefix + letter for letter in letters[:10])
    for prefix, letters in (
        *(("", ascii_uppercase), ("op", ascii_lowercase)),
        *(
            (word, letters)
            for word in ("option_", "choice_", "option", "choice", "Option ", "Option_", "Option", "Choice ", "opt_")
            for letters in (ascii_lowercase, ascii_uppercase)
        ),
        *((word, "123456789") for word in ("option_", "choice_", "option", "choice", "Option ", "opt")),
        ("ending", "0123456789"),
    )
)
"""names of columns that hold one option each, lettered in their order"""
_ARRAY = re.compile(r"\barray\((\[.*?\])(?:,\s*dtype=\w+)?\)", re.DOTALL)
"""as numpy prints itself within an object"""
LISTS = (("choices.text", "choices.label"), ("options.text", "options.label"))
"""columns into which a table flattens an object of texts and labels"""


def as_options(value: object) -> dict[str, str]:
    """Return options by letter; a list gets the letters A, B, C ..., a null option is absent.

    Taken are an object, a list of texts or of objects with a letter and a text, an object of two lists (`text`,
    `label`), and any of these as JSON or as Python writes it.
    """
    if isinstance(value, str):
        value = _lettered(value) or parsed_text(value)
    match value:
        case {"text": list() as texts, "label": list() as labels} if len(texts) == len(labels):
            value = {as_label(label): text for label, text in zip(labels, texts, strict=True)}
        case {"text": list() as texts, **others} if not others:
            value = texts
        case [dict(), *_] if all(isinstance(one, dict) for one in value):
            value = _of_objects(cast("list[dict[str, object]]", value))
    if isinstance(value, list):
        if len(value) > len(ascii_uppercase):
            raise RecordProblem(
                f"{len(value)} options in a list", "lists may hold 26; give an object with your letters"
            )
        value = dict(zip(ascii_uppercase, value, strict=False))
    if not isinstance(value, dict):
        raise wrong_type("an object or a list", value)
    return {letter: as_label(text) for letter, text in value.items() if text is not None}


def _lettered(text: str) -> dict[str, str]:
    """Return the options of a text that lists them as "A. one", each on a line or behind a bar; else none."""
    found = [_LETTERED.fullmatch(part.strip()) for part in re.split(r"[\n|]", text) if part.strip()]
    marks = [one for one in found if one]
    is_list = len(marks) >= _LEAST and found[-len(marks) :] == marks and len(found) - len(marks) <= 1  # a heading
    in_order = [one[1].upper() for one in marks] == [*ascii_uppercase[: len(marks)]]
    return {one[1].upper(): one[2] for one in marks} if is_list and in_order else {}


def flagged_options(value: object) -> list[bool]:
    """Return which of a list of options is said to be right, by a field of each; empty where they do not say so."""
    if isinstance(value, str):
        value = parsed_text(value)
    options = value if isinstance(value, list) and all(isinstance(one, dict) for one in value) else []
    name = next((name for name in _FLAGS if options and all(isinstance(one.get(name), bool) for one in options)), None)
    return [] if name is None else [one[name] for one in options]


def options_in_columns(fields: RecordFields) -> dict[str, str]:
    """Take options that stand in columns of their own: `A` to `J`, `opa`, `option_a`, `choices.text` ..."""
    for texts, labels in LISTS:
        if isinstance(found := fields.look(texts), list):
            named = fields.look(labels)
            pair = {"text": found, "label": named} if isinstance(named, list) else {"text": found}
            options = fields.take(texts, lambda _, pair=pair: as_options(pair))  # type: ignore[misc]
            fields.take(labels, lambda _: None)
            return options or {}
    for names in COLUMNS:
        held = [isinstance(fields.look(name), str | int | float) for name in names]
        count = next((at for at, is_held in enumerate(held) if not is_held), len(held))
        if count >= _LEAST:
            given = [fields.take(name, as_label) for name in names[: len(held) - held[::-1].index(True)]]
            return {letter: text for letter, text in zip(ascii_uppercase, given, strict=False) if text}
    return {}


def parsed_text(text: str) -> object:
    """Return what a text holds as JSON or as a Python literal; the text itself where it holds neither."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(_with_commas(_ARRAY.sub(r"\1", text.strip())))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TokenError):
        return text


def _with_commas(text: str) -> str:
    """Return a Python literal in which texts side by side are parted, as numpy prints them: else they would be one."""
    tokens = [token for token in generate_tokens(StringIO(text).readline) if token.string.strip()]
    if not any(one.type == other.type == STRING for one, other in pairwise(tokens)):
        return text
    return " ".join(f"{token.string}," if token.type == STRING else token.string for token in tokens)


def _of_objects(options: list[dict[str, object]]) -> object:
    """Return options from objects: by their letters, or as a list where they have none."""
    label, text = (
        next((name for name in names if all(name in one for one in options)), None) for names in (_LABELS, _TEXTS)
    )
    if text is None and all(len(one) == 1 for one in options):
        merged = {name: value for one in options for name, value in one.items()}
        return merged if len(merged) == len(options) else None
    if text is None:
        raise wrong_type("text or a number", options[0])
    texts = [one[text] for one in options]
    if label is None or label == text:
        return texts
    labels = [as_label(one[label]) for one in options]
    return dict(zip(labels, texts, strict=True)) if len({*labels}) == len(labels) else texts
