"""Type the right answers of a file once: what a number or a letter in it means, told by all of its records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from judge.enums import AnswerIs
from judge.errors import InputError
from judge.files.fields import RecordProblem, as_label, show, wrong_type
from judge.prompting.right_answer import ways_to_read

OTHER_SPELLINGS = (
    *("answer_idx", "answer_index", "answer_id", "answerKey", "answer_key", "correct_answer", "correct_answer_idx"),
    *("correct_option", "correct_index", "correct_choice", "correct_letter", "gold_index", "gold_label", "gold_answer"),
    *("answer_letter", "correct_answer_letter", "correctAnswer", "reference_answer", "gt_answer"),
    *("ground_truth", "right_answer", "cop", "correct", "label"),
)
"""fields that hold the right answer of an item with options, where they can be read and none of ours is there"""


SAME = ("answer_idx", "answer_letter", "answerKey", "answer_key", "correct_answer", "correct_option", "correct_letter")
"""fields that hold the right answer beside `answer`: they must name the same option"""


class _Doubt(NamedTuple):
    where: str
    answer: object
    options: Mapping[str, str]
    ways: Mapping[AnswerIs, str]


class RightAnswers:
    """What the right answers of a file are.

    A number may be an option's place from 0, from 1, its label or its text: all numbers of a file are the same of
    these, so that one record may tell what the others are (a 0, or the number of the options). Likewise letters and
    texts.

    Args:
        given: as the user says.
    """

    def __init__(self, given: AnswerIs | None = None) -> None:
        self._given = given
        self._kinds: dict[bool, set[AnswerIs]] = {}
        self._doubts: dict[bool, list[_Doubt]] = {}
        self._settled = False
        self.unread: list[str] = []
        """places of the answers that name no option"""

    def typed(self, answer: object, options: Mapping[str, str], where: str) -> str:
        """Return a right answer as labels of options, where it is a number or a list; a text as it is."""
        if not options:
            return _as_given(answer)
        ways, is_number = ways_to_read(answer, options), _is_number(answer)
        if not self._settled:
            self._note(_Doubt(where, answer, options, ways), is_number=is_number)
        kinds = self._kinds.get(is_number, set())
        kind = self._given or (next(iter(kinds)) if len(kinds) == 1 else None)
        chosen = ways.get(kind) if kind else None
        if chosen is None and len({*ways.values()}) == 1:
            chosen = next(iter(ways.values()))
        if chosen is None or (isinstance(answer, str) and not is_number and len({*ways.values()}) == 1):
            return _as_given(answer)
        return chosen

    def settle(self) -> None:
        """Take what was noted for all that the file says."""
        self._settled = True

    @property
    def question(self) -> InputError | None:
        """What the user has to say: where the answers can be read in several ways, and nothing tells in which."""
        for is_number, doubts in self._doubts.items():
            if doubts and self._given is None and len(self._kinds[is_number]) != 1:
                first = doubts[0]
                read = "; ".join(
                    f"{kind}: {', '.join(_named(labels, first.options))}" for kind, labels in first.ways.items()
                )
                count = f"{len(doubts)} right answers" if len(doubts) > 1 else "1 right answer"
                choices = "|".join(first.ways)
                return InputError(
                    first.where,
                    f"{count} can be read in more than one way, such as {show(_as_given(first.answer))} here ({read})",
                    f"say what they are with --answer-is {choices}",
                )
        return None

    def _note(self, doubt: _Doubt, *, is_number: bool) -> None:
        if not doubt.ways:
            self.unread.append(doubt.where)
            return
        kinds = {*doubt.ways}
        self._kinds[is_number] = self._kinds.get(is_number, kinds) & kinds
        if len({*doubt.ways.values()}) > 1:
            self._doubts.setdefault(is_number, []).append(doubt)


def as_answer(value: object) -> object:
    """Return a right answer as it is given: a text, a number, or a list of these; of true and false, as 1 and 0."""
    if isinstance(value, list) and value and all(isinstance(one, bool) for one in value):
        return [int(one) for one in value]
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise wrong_type("text, a number or a list of these", one)
    if value == []:
        raise RecordProblem("an empty list", "leave the field out where the answer is unknown")
    return value


def chosen_of(answer: object, options: Mapping[str, str]) -> object:
    """Return the labels where a right answer is a list of 0 and 1, one for each option; else the answer as it is."""
    if not isinstance(answer, list) or len(answer) != len(options) or not all(one in (0, 1) for one in answer):
        return answer
    return [label for label, is_right in zip(options, answer, strict=True) if is_right] or answer


def _is_number(answer: object) -> bool:
    return all(
        str(one).strip().removesuffix(".0").isdecimal() for one in (answer if isinstance(answer, list) else [answer])
    )


def _as_given(answer: object) -> str:
    if isinstance(answer, list):
        return as_label(answer[0]) if len(answer) == 1 else json.dumps(answer, ensure_ascii=False)
    return as_label(answer)


def _named(labels: str, options: Mapping[str, str]) -> list[str]:
    return [
        f"{label} ({show(options[label])})" for label in ([labels] if labels in options else labels) if label in options
    ]
