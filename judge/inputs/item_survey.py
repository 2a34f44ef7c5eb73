"""Survey files of items: what was understood, which letters are right, and what repeats or gives itself away."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from judge.enums import AnswerIs
from judge.errors import InputErrors
from judge.files.files import file_sha256
from judge.inputs.item_fields import EmbeddedImage
from judge.inputs.items import read_items
from judge.inputs.records import Record
from judge.inputs.traces import RecordFile
from judge.prompting.correctness import right_labels
from judge.prompting.embedded_options import options_of, split_options
from judge.prompting.option_texts import plain
from judge.stats.letter_shares import LetterShare, letter_habit, letter_shares

SHORTEST = 4
"""characters of an answer that is looked for in its question: shorter words stand anywhere"""
EXAMPLES = 3


@dataclass(slots=True)
class Repeats:
    """What stands in several items."""

    n_groups: int = 0
    """different things that repeat"""
    n_items: int = 0
    """items that hold one of them"""
    examples: list[list[str]] = field(default_factory=list)
    """ids of the first groups"""


@dataclass(slots=True)
class ItemSurvey:
    """What a file of items holds."""

    path: str
    n_items: int = 0
    n_questions: int = 0
    n_options: Counter[int] = field(default_factory=Counter)
    """items by their number of options; 0: none"""
    n_answers: int = 0
    """items with a right answer"""
    n_unread: int = 0
    """right answers that name none of the options"""
    n_several: int = 0
    """items with several right options"""
    n_images: Counter[int] = field(default_factory=Counter)
    """items by their number of images"""
    n_references: int = 0
    n_checklists: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    """other fields of the records, kept as metadata, by how many items have them"""
    letters: Counter[str] = field(default_factory=Counter)
    """items by the letter of their one right option"""
    given_away: list[str] = field(default_factory=list)
    """ids of items whose question holds the right option's text and no other's"""
    same_question: Repeats = field(default_factory=Repeats)
    """with whatever images"""
    same_item: Repeats = field(default_factory=Repeats)
    """question, options and images"""
    same_image: Repeats = field(default_factory=Repeats)

    @property
    def shares(self) -> list[LetterShare]:
        """The share of each right letter, the most frequent first."""
        return letter_shares(self.letters)

    @property
    def habit(self) -> LetterShare | None:
        """The letter that answered always would score clearly above chance."""
        return letter_habit(self.letters, mean_options(self.n_options))


@dataclass(slots=True)
class Shared:
    """What two files have in common."""

    paths: tuple[str, str]
    n_questions: int
    """different questions that both have"""
    n_images: int


@dataclass(slots=True)
class _Seen:
    questions: defaultdict[Hashable, list[str]] = field(default_factory=lambda: defaultdict(list))
    items: defaultdict[Hashable, list[str]] = field(default_factory=lambda: defaultdict(list))
    images: defaultdict[Hashable, list[str]] = field(default_factory=lambda: defaultdict(list))


def mean_options(counts: Mapping[int, int]) -> float:
    """Return how many options an item that has some has, on the average; 0 where none has any."""
    known = {n: count for n, count in counts.items() if n}
    return sum(n * count for n, count in known.items()) / sum(known.values()) if known else 0.0


def survey_items(
    sources: Sequence[str], *, fields: Mapping[str, str], id_column: str | None, answer_is: AnswerIs | None
) -> tuple[list[ItemSurvey], list[Shared]]:
    """Survey files of items, or of traces that hold their items, and what any two have in common.

    Raises:
        InputErrors: a file cannot be read, or its right answers can be read in several ways.
    """
    surveys, seen = [], []
    for source in sources:
        with read_items([source], fields=fields, id_column=id_column, answer_is=answer_is) as items:
            if questions := [file.answers.question for file in items.files if file.answers.question]:
                raise InputErrors(questions)
            own = _Seen()
            surveys.append(_survey(items.path, items.files, own))
            seen.append(own)
    shared = [
        Shared((surveys[one].path, surveys[other].path), *_common(seen[one], seen[other]))
        for one, other in combinations(range(len(sources)), 2)
    ]
    return surveys, shared


def _survey(path: str, files: Iterable[RecordFile], seen: _Seen) -> ItemSurvey:
    survey = ItemSurvey(path)
    for file in files:
        survey.n_unread += len(file.answers.unread)
        for id_ in file.ids:
            _add(survey, file.record(id_), seen)
    survey.same_question, survey.same_item, survey.same_image = map(_repeats, (seen.questions, seen.items, seen.images))
    return survey


def _add(survey: ItemSurvey, record: Record, seen: _Seen) -> None:
    item, options = record.item, options_of(record.item)
    images = [_image_hash(image) for image in record.images]
    question = " ".join(item.question.casefold().split())
    survey.n_items += 1
    survey.n_questions += bool(question)
    survey.n_options[len(options)] += 1
    survey.n_answers += bool(item.answer)
    survey.n_images[len(images)] += 1
    survey.n_references += bool(item.reference_reasoning)
    survey.n_checklists += bool(item.checklist)
    survey.fields.update(item.meta.keys())
    right = right_labels(item)
    survey.n_several += len(right) > 1
    if len(right) == 1:
        survey.letters[right[0]] += 1
    if _gives_away(item.question if item.options else split_options(item.question)[0], options, right, item.answer):
        survey.given_away.append(item.id)
    if question:
        seen.questions[hash(question)].append(item.id)
        whole = (question, tuple(sorted(options.items())), tuple(images))
        seen.items[hash(whole)].append(item.id)
    for image in dict.fromkeys(images):
        if image is not None:
            seen.images[image].append(item.id)


def _gives_away(question: str, options: Mapping[str, str], right: Sequence[str], answer: str | None) -> bool:
    """Say whether a question holds the right answer as words of its own, and none of the other options."""
    text = f" {plain(question).casefold()} "
    wanted = [options[label] for label in right] if options else [answer or ""]
    others = [text_ for label, text_ in options.items() if label not in right]
    return any(len(one) >= SHORTEST and _holds(text, one) for one in wanted) and not any(
        _holds(text, one) for one in others
    )


def _holds(text: str, words: str) -> bool:
    words = plain(words).casefold()
    return bool(words) and any(f"{before}{words}{after}" in text for before in " (\"'" for after in " .,;:?!)\"'")


def _image_hash(image: Path | str | EmbeddedImage) -> str | None:
    """Return the hash of an image's bytes; of an address, the address; None where it is not there."""
    match image:
        case EmbeddedImage():
            return None if image.content is None else hashlib.sha256(image.content).hexdigest()
        case Path():
            return file_sha256(image) if image.is_file() else None
        case _:
            return image


def _repeats(by_hash: Mapping[Hashable, list[str]]) -> Repeats:
    groups = [ids for ids in by_hash.values() if len(ids) > 1]
    return Repeats(
        len(groups), len({id_ for ids in groups for id_ in ids}), [ids[:EXAMPLES] for ids in groups[:EXAMPLES]]
    )


def _common(one: _Seen, other: _Seen) -> tuple[int, int]:
    return len(one.questions.keys() & other.questions.keys()), len(one.images.keys() & other.images.keys())
