"""Import labels given elsewhere: filled packets, and labels of the audit page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from judge.errors import InputError, InputErrors
from judge.files.fields import show
from judge.labels.check_labels import LabelCheck
from judge.labels.draws import read_key
from judge.labels.given_files import AnswerFile, Given, LabelFile, read_given
from judge.labels.labels import append_labels, labels_path, read_labels, subject_of_label
from judge.labels.readers import reader_problem
from judge.outcomes.tally import winner
from judge.schema import Label

if TYPE_CHECKING:
    from judge.runs.run_folder import RunFolder
    from judge.schema import Winner


class Imported(NamedTuple):
    """Counts of an import."""

    new: int
    known: int
    """labels that the run had already, to the letter and the second"""
    replaced: int
    """new labels on what the same reader had labelled before: the later of the two counts"""


class _Found(NamedTuple):
    """A label of a file, and where it stands."""

    label: Label
    where: str


def import_labels(folder: RunFolder, paths: Sequence[str]) -> Imported:
    """Check every file, then append the labels that are new, in one write: all or nothing.

    Raises:
        InputErrors: files that cannot be read, are of another run, name what the run does not have, or contradict.
        RunError: the labels cannot be written, or the record of a draw does not fit the run.
    """
    manifest = folder.manifest()
    check = LabelCheck(folder, manifest)
    problems: list[InputError] = []
    stored = list(read_labels(labels_path(folder.path)))
    earlier = _Earlier(stored, str(labels_path(folder.path)))
    labels: list[Label] = []
    for path in paths:
        try:
            given = read_given(path)
        except InputError as error:
            problems.append(error)
            continue
        if given.content.pairs_sha256 != manifest.pairs_sha256:
            problems.append(InputError(path, "made from another run", "import it into the run that it came from"))
            continue
        found, wrong = _found(folder, check, given)
        problems += wrong or earlier.problems(found)
        earlier.add(found)
        labels += [one.label for one in found]
    if problems:
        raise InputErrors(problems)
    known, about = set(stored), {subject_of_label(label) for label in stored}
    new = [label for label in dict.fromkeys(labels) if label not in known]
    if new:
        append_labels(labels_path(folder.path), new)
    return Imported(len(new), len(labels) - len(new), sum(subject_of_label(label) in about for label in new))


def _found(folder: RunFolder, check: LabelCheck, given: Given) -> tuple[list[_Found], list[InputError]]:
    """Return a file's labels with the weights of their draws, or what is wrong with them."""
    if isinstance(given.content, AnswerFile):
        found, problems = _of_packet(folder, given, given.content)
    else:
        found, problems = _of_page(given, given.content), []
    kept = []
    for label, where in found:
        problems += [InputError(where, problem, hint) for _, problem, hint in check.problems(label)]
        draw = None if label.draw is None else check.draw(label.draw)
        weight = None if draw is None else draw.weights.get(label.item)
        kept.append(_Found(label.model_copy(update={"weight": weight}), where))
    return kept, problems


def _of_packet(folder: RunFolder, given: Given, content: AnswerFile) -> tuple[list[_Found], list[InputError]]:
    """Return answers as labels in model words; a problem for each to an unknown item, or given twice."""
    key = read_key(folder.path, content.draw)
    if key is None:
        problem = f"this run has no draw {content.draw}"
        return [], [InputError(given.path, problem, f"its draws lie in {folder.path}/packets")]
    items = {one.number: one for one in key.items}
    found: list[_Found] = []
    problems, seen = [], set()
    for index, answer in enumerate(content.answers):
        where = given.where(index)
        if (answer.number, answer.criterion) in seen:
            problems.append(InputError(where, f"item {answer.number} is answered twice on {show(answer.criterion)}"))
        seen.add((answer.number, answer.criterion))
        one = items.get(answer.number)
        if one is None:
            problems.append(InputError(where, f"draw {key.draw} has no such item: {answer.number}"))
            continue
        label = Label(
            item=one.item,
            criterion=answer.criterion,
            winner=winner(answer.verdict, one.order),
            order=one.order,
            reader=content.reader,
            time=answer.time,
            reason=answer.reason,
            draw=key.draw,
            weight=one.weight,
        )
        found.append(_Found(label, where))
    return found, problems


def _of_page(given: Given, content: LabelFile) -> list[_Found]:
    return [
        _Found(Label.model_validate(label.model_dump()), given.where(index))
        for index, label in enumerate(content.labels)
    ]


class _Earlier:
    """The labels that came before a file: those of the run, and of the files before it."""

    def __init__(self, stored: Sequence[Label], path: str) -> None:
        self._said: dict[tuple[str, str, str, str], tuple[Winner, str]] = {}
        self._readers: dict[tuple[object, ...], str] = {}
        self._names: list[str] = []
        self.add(_Found(label, f"{path}:{number}") for number, label in enumerate(stored, start=1))

    def add(self, found: Iterable[_Found]) -> None:
        """Take in labels, in the order given."""
        for label, where in found:
            self._said[*subject_of_label(label), label.time] = (label.winner, where)
            self._readers.setdefault(_act(label), label.reader)
            if label.reader not in self._names:
                self._names.append(label.reader)

    def problems(self, found: Sequence[_Found]) -> Iterator[InputError]:
        """Yield what contradicts the earlier labels: names, verdicts of one moment, and one reader under two names."""
        first = {label.reader: where for label, where in reversed(found)}
        for reader, where in first.items():
            if problem := reader_problem(reader, [*self._names, *first]):
                yield InputError(where, problem, "give one person one name")
        for label, where in found:
            said = self._said.get((*subject_of_label(label), label.time))
            if said and said[0] is not label.winner:
                about = (
                    f"{show(label.reader)} said otherwise of {show(label.item)} on {label.criterion} at the same time"
                )
                yield InputError(where, f"{about} ({said[1]})", "one of the two files was changed")
        yield from self._renamed(found, first)

    def _renamed(self, found: Sequence[_Found], first: dict[str, str]) -> Iterator[InputError]:
        """Yield the readers most of whose labels another reader gave, to the second."""
        totals = Counter(label.reader for label, _ in found)
        others = Counter((label.reader, self._readers.get(_act(label), label.reader)) for label, _ in found)
        for (reader, other), count in others.items():
            if reader != other and 2 * count > totals[reader]:
                problem = f"{count} of {totals[reader]} labels by {show(reader)} are those of {show(other)}"
                yield InputError(first[reader], problem, "one person's labels under two names would count twice")


def _act(label: Label) -> tuple[object, ...]:
    """Return what two people hardly share: what was said of what, and when."""
    return label.item, label.criterion, label.time, label.order, label.winner
