"""Read the right answer of an item: a letter, an index, a text, or several of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from judge.enums import AnswerIs
from judge.prompting.answer_letters import Labels
from judge.prompting.option_texts import option_texts, plain
from judge.prompting.read_answer import read_answer


def right_options(answer: str, options: Mapping[str, str]) -> Labels | None:
    """Return the options that a right answer names, by letters ("C", "(c)", "A,C", "ac") or by text; None: none."""
    if answer in options:
        return frozenset((answer,))
    if answer.startswith("[") and (listed := free_answers(answer)) != [answer]:
        each = [right_options(one, options) for one in listed]
        return frozenset().union(*(one or () for one in each)) if all(each) else None
    return read_answer(answer, options)


def ways_to_read(answer: object, options: Mapping[str, str]) -> dict[AnswerIs, str]:
    """Return every way in which a right answer can be read, with the labels that it would name.

    Args:
        answer: a text, a number, or a list of these.
        options: letter to text; letters of a list without a gap count by their place in the alphabet.
    """
    if not isinstance(answer, list):
        return _ways(answer, options)
    each = [_ways(one, options) for one in answer]
    shared = [kind for kind in AnswerIs if each and all(kind in ways for ways in each)]
    if each and not shared and all(len({*ways.values()}) == 1 for ways in each):
        shared, each = [AnswerIs.LETTER], [{AnswerIs.LETTER: next(iter(ways.values()))} for ways in each]
    return {kind: joined([ways[kind] for ways in each]) for kind in shared}


def joined(labels: Sequence[str]) -> str:
    """Return labels as one text that `right_options` reads."""
    labels = sorted({*labels})
    return "".join(labels) if all(len(label) == 1 for label in labels) else ", ".join(labels)


def free_answers(answer: str) -> list[str]:
    """Return the right answers of an item without options, any of which is right: a list is kept as JSON."""
    try:
        several = json.loads(answer) if answer.startswith("[") else None
    except ValueError:
        several = None
    return [str(one) for one in several] if isinstance(several, list) and several else [answer]


def _ways(answer: object, options: Mapping[str, str]) -> dict[AnswerIs, str]:
    number = _number(answer)
    text = str(answer) if number is None else str(number)
    found: dict[AnswerIs, str | None] = {AnswerIs.TEXT: option_texts(tuple(options.items())).same(text)}
    if isinstance(answer, str) and text in options:
        found[AnswerIs.LETTER] = text
    elif number is not None:
        found |= {
            AnswerIs.LETTER: text if text in options else None,
            AnswerIs.INDEX0: _at(number, options),
            AnswerIs.INDEX1: _at(number - 1, options),
        }
    else:
        upper = {label.casefold(): label for label in options}
        letter = upper.get(plain(text).strip(" .()[]").casefold())
        named = right_options(text, options) if letter is None and not found[AnswerIs.TEXT] else None
        found[AnswerIs.LETTER] = letter or (joined([*named]) if named else None)
    return {kind: label for kind, label in found.items() if label is not None}


def _number(answer: object) -> int | None:
    if isinstance(answer, str) and answer.strip().isdecimal():
        return int(answer)
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return None
    return int(answer) if answer == int(answer) else None


def _at(index: int, options: Mapping[str, str]) -> str | None:
    """Return the label at an index from 0: of letters by the alphabet, since an option of a list may be absent."""
    labels = list(options)
    if all(label in ascii_uppercase for label in labels):
        label = ascii_uppercase[index] if 0 <= index < len(ascii_uppercase) else ""
        return label if label in options else None
    return labels[index] if 0 <= index < len(labels) else None
