"""Import labels given elsewhere: filled packets, and labels of the audit page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from judge.errors import InputError, InputErrors
from judge.labels.labels import append_labels, labels_path, read_labels, subject_of_label
from judge.labels.packet_keys import AnswerFile, read_given, read_key
from judge.outcomes.tally import winner
from judge.schema import Label

if TYPE_CHECKING:
    from judge.labels.packet_keys import Answer, LabelFile, PacketKey
    from judge.runs.journal import RunFolder
    from judge.runs.manifest import Manifest


class Imported(NamedTuple):
    """Counts of an import."""

    new: int
    known: int
    """labels that the run had already, to the letter and the second"""
    replaced: int
    """new labels on what the same reader had labelled before: the later of the two counts"""


def import_labels(folder: RunFolder, paths: Sequence[str]) -> Imported:
    """Check every file, then append the labels that are new, in one write: all or nothing.

    Raises:
        InputErrors: files that cannot be read, are of another run or draw, or name unknown items or criteria.
        RunError: the labels cannot be written.
    """
    manifest = folder.manifest()
    problems: list[InputError] = []
    labels: list[Label] = []
    for path in paths:
        try:
            content = read_given(path)
        except InputError as error:
            problems.append(error)
            continue
        found, wrong = _labels(folder, manifest, content, path)
        labels += found
        problems += wrong
    if problems:
        raise InputErrors(problems)
    stored = list(read_labels(labels_path(folder.path)))
    known, about = set(map(_identity, stored)), {subject_of_label(label) for label in stored}
    new = list({_identity(label): label for label in labels if _identity(label) not in known}.values())
    if new:
        append_labels(labels_path(folder.path), new)
    return Imported(len(new), len(labels) - len(new), sum(subject_of_label(label) in about for label in new))


def _identity(label: Label) -> str:
    return label.model_dump_json()


def _labels(
    folder: RunFolder, manifest: Manifest, content: AnswerFile | LabelFile, path: str
) -> tuple[list[Label], list[InputError]]:
    """Return a file's labels in model words, and every reason why it cannot be used."""
    if content.pairs_sha256 != manifest.pairs_sha256:
        return [], [InputError(path, "made from another run", "import it into the run that it came from")]
    if isinstance(content, AnswerFile):
        return _of_packet(folder, content, path)
    return _of_page(folder, manifest, content, path)


def _of_packet(folder: RunFolder, content: AnswerFile, path: str) -> tuple[list[Label], list[InputError]]:
    key = read_key(folder.path, content.draw)
    if key is None:
        problem = InputError(path, f"this run has no draw {content.draw}", f"its draws lie in {folder.path}/packets")
        return [], [problem]
    problems = _unknown(content, key, path)
    return ([] if problems else _undone(content, key)), problems


def _unknown(content: AnswerFile, key: PacketKey, path: str) -> list[InputError]:
    """Return a problem for each answer to an unknown item or criterion, or given twice."""
    numbers = {one.number for one in key.items}
    problems, seen = [], set()
    for answer in content.answers:
        where = f"{path}: item {answer.number}"
        if answer.number not in numbers:
            problems.append(InputError(where, f"draw {key.draw} has no such item"))
        if answer.criterion not in key.criteria:
            problems.append(InputError(where, f"draw {key.draw} did not ask about {answer.criterion!r}"))
        if (answer.number, answer.criterion) in seen:
            problems.append(InputError(where, f"answered twice on {answer.criterion}"))
        seen.add((answer.number, answer.criterion))
    return problems


def _undone(content: AnswerFile, key: PacketKey) -> list[Label]:
    """Return answers as labels in model words."""
    items = {one.number: one for one in key.items}

    def label(answer: Answer) -> Label:
        one = items[answer.number]
        return Label(
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

    return [label(answer) for answer in content.answers]


def _of_page(
    folder: RunFolder, manifest: Manifest, content: LabelFile, path: str
) -> tuple[list[Label], list[InputError]]:
    pairs = folder.pairs() if folder.pairs_path.exists() else ()
    items = {pair.item.id for pair in pairs} or {judgment.item for judgment in folder.judgments()}
    criteria = {criterion.name for criterion in manifest.rubric.criteria}
    problems = []
    for number, label in enumerate(content.labels, start=1):
        where = f"{path}: label {number}"
        if label.item not in items:
            problems.append(InputError(where, f"the run has no item {label.item!r}"))
        if label.criterion not in criteria:
            problems.append(InputError(where, f"the run has no criterion {label.criterion!r}"))
        if (label.draw is None) is not (label.weight is None):
            problems.append(InputError(where, "a draw goes with a weight", "give both, or neither"))
    return [Label.model_validate(label.model_dump()) for label in content.labels], problems
