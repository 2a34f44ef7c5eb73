"""Ask a reader about the pairs of a run in the terminal, and store each answer as its key is pressed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from judge.audit.audit_queue import queue
from judge.audit.doubts import doubts_of_run
from judge.errors import RunError
from judge.files.sampling import draw
from judge.labels.labels import first_shown, settle_labels, shown_as
from judge.labels.labels_file import append_labels, labels_path, read_labels
from judge.labels.terminal_pair import ShownPair, render_pair, render_question
from judge.outcomes.tally import winner
from judge.prompting.pairwise_prompt import shown_text
from judge.runs.manifest import chosen_criteria
from judge.schema import Label, Order, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from judge.files.keyboard import Keyboard
    from judge.files.sampling import Drawn
    from judge.runs.journal import RunFolder
    from judge.runs.manifest import Manifest
    from judge.schema import Criterion, Pair

VERDICT_KEYS = {"1": Verdict.FIRST, "2": Verdict.SECOND, "t": Verdict.TIE, "c": Verdict.CANNOT_JUDGE}
WORDS = {Verdict.FIRST: "first better", Verdict.SECOND: "second better", Verdict.TIE: "tie"}


@dataclass(frozen=True)
class LabelOptions:
    """Who reads what."""

    reader: str
    criteria: tuple[str, ...] = ()
    """empty: the rubric's last, the overall verdict"""
    n: int | None = None
    doubtful: bool = False
    seed: int = 0
    blind: bool = True


class Task(NamedTuple):
    """One thing to ask: a pair, a criterion, and the random sample that the pair was drawn in."""

    pair: Pair
    order: Order
    criterion: Criterion
    draw: str | None
    weight: float | None


class Chosen(NamedTuple):
    """An item to read; a weight, if it was drawn at random."""

    item: str
    weight: float | None


def label_run(folder: RunFolder, options: LabelOptions, keyboard: Keyboard, console: Console) -> int:
    """Ask what the reader has not said yet, until the last pair or `q`; return how many labels were stored.

    Raises:
        InputError: an unknown criterion.
        RunError: the run's traces are not known, or its labels cannot be written.
    """
    manifest = folder.manifest()
    tasks = plan_tasks(folder, manifest, options)
    return LabelingSession(folder, manifest, options, tasks).run(keyboard, console)


def readable_items(folder: RunFolder, manifest: Manifest) -> list[str]:
    """Return the ids of the pairs that differ, in file order; RunError where the run has no traces."""
    if not folder.pairs_path.exists():
        raise RunError(f"{folder.path}: the traces of this run are not known: there is nothing to read")
    identical = set(manifest.identical)
    return [pair.item.id for pair in folder.pairs() if pair.item.id not in identical]


def plan_tasks(folder: RunFolder, manifest: Manifest, options: LabelOptions) -> list[Task]:
    """Choose the items to read, in their order, and leave out what the reader has answered in the same draw."""
    criteria = chosen_criteria(manifest, options.criteria)
    items = readable_items(folder, manifest)
    if not items:
        raise RunError(f"{folder.path}: no pair of this run differs: there is nothing to read")
    n = len(items) if options.n is None else min(options.n, len(items))
    name = f"{'doubtful' if options.doubtful else 'random'}-s{options.seed}-n{n}"
    chosen = _doubtful(folder, items, options, n) if options.doubtful else _weighted(draw(items, n, seed=options.seed))
    wanted = {one.item for one in chosen}
    pairs = {pair.item.id: pair for pair in folder.pairs() if pair.item.id in wanted}
    said = {
        (label.item, label.criterion, label.draw)
        for label in read_labels(labels_path(folder.path))
        if label.reader == options.reader
    }
    tasks = [
        Task(
            pairs[item],
            first_shown(item, reader=options.reader, seed=options.seed),
            criterion,
            None if weight is None else name,
            weight,
        )
        for item, weight in chosen
        for criterion in criteria
    ]
    return [task for task in tasks if (task.pair.item.id, task.criterion.name, task.draw) not in said]


def _weighted(drawn: Sequence[Drawn]) -> list[Chosen]:
    return [Chosen(one.item, one.weight) for one in drawn]


def _doubtful(folder: RunFolder, items: Sequence[str], options: LabelOptions, n: int) -> list[Chosen]:
    places = queue(items, doubts_of_run(folder), seed=options.seed)[:n]
    random_ones = sum(place.drawn is not None for place in places)
    weight = len(items) / random_ones if random_ones else None
    return [Chosen(place.item, weight if place.drawn else None) for place in places]


class LabelingSession:
    """A reader's way through the tasks: forward, back, and out.

    Args:
        folder: the run, whose `labels.jsonl` grows.
        manifest: of the run.
        options: who reads.
        tasks: what to ask.
    """

    def __init__(self, folder: RunFolder, manifest: Manifest, options: LabelOptions, tasks: Sequence[Task]) -> None:
        self._path = labels_path(folder.path)
        self._manifest, self._options, self._tasks = manifest, options, tasks
        self._at, self._stored, self._reason = 0, 0, ""

    def run(self, keyboard: Keyboard, console: Console) -> int:
        """Ask until there is nothing left, `q`, or the end of the input; return how many labels were stored."""
        drawn = -1
        while self._at < len(self._tasks):
            task = self._tasks[self._at]
            if drawn != self._at:
                console.clear()
                render_pair(self._shown(task), console)
                progress = f"{self._at + 1} of {len(self._tasks)}"
                render_question(task.criterion, progress=progress, earlier=self._earlier(task), console=console)
                drawn = self._at
            key = keyboard.key()
            if key in {"q", ""}:
                break
            self._press(key, task, keyboard)
        return self._stored

    def _press(self, key: str, task: Task, keyboard: Keyboard) -> None:
        """Do what a key says; other keys say nothing."""
        if key in VERDICT_KEYS:
            self._store(task, VERDICT_KEYS[key])
            self._go(1)
        elif key == "s":
            self._go(1)
        elif key == "u":
            self._go(-1)
        elif key == "r":
            self._reason = keyboard.line("Reason (then a verdict): ")

    def _go(self, step: int) -> None:
        self._at, self._reason = max(0, self._at + step), ""

    def _store(self, task: Task, verdict: Verdict) -> None:
        label = Label(
            item=task.pair.item.id,
            criterion=task.criterion.name,
            winner=winner(verdict, task.order),
            order=task.order,
            reader=self._options.reader,
            time=datetime.now(UTC).isoformat(timespec="microseconds"),
            reason=self._reason,
            draw=task.draw,
            weight=task.weight,
        )
        append_labels(self._path, [label])
        self._stored += 1

    def _earlier(self, task: Task) -> str | None:
        """Return what the reader has said of this before, in slot words."""
        about = (self._options.reader, task.pair.item.id, task.criterion.name)
        for label in settle_labels(read_labels(self._path)):
            if (label.reader, label.item, label.criterion) == about:
                return WORDS.get(shown_as(label.winner, task.order), "cannot judge")
        return None

    def _shown(self, task: Task) -> ShownPair:
        """Return a task as the reader sees it: without the models' names, unless they were asked for."""
        pair, answers = task.pair, not self._manifest.hide_answers
        texts = [shown_text(trace, answers=answers) for trace in (pair.a, pair.b)]
        names = [self._manifest.model_a, self._manifest.model_b]
        if task.order is Order.SWAPPED:
            texts.reverse()
            names.reverse()
        titles = ("1", "2") if self._options.blind else (f"1: {names[0]}", f"2: {names[1]}")
        return ShownPair(pair.item, self._manifest.show_reference, texts[0], texts[1], titles)
