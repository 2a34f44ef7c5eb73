"""Ask a reader about the pairs of a run in the terminal, and store each answer as its key is pressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from judge.audit.audit_queue import queue
from judge.audit.read_run import doubts_of_run
from judge.audit.render_parts import say
from judge.errors import InputError
from judge.files.safe_text import safe
from judge.labels.check_labels import LabelCheck, checked_labels
from judge.labels.draws import readable_items, record_session
from judge.labels.labels import (
    append_labels,
    first_shown,
    labels_path,
    latest_labels,
    read_labels,
    shown_as,
    shown_texts,
    subject_of_label,
)
from judge.labels.readers import reader_problem
from judge.outcomes.tally import winner
from judge.runs.manifest import chosen_criteria
from judge.schema import Label, Order, Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from judge.files.keyboard import Keyboard
    from judge.labels.draws import Draw
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Criterion, Pair

VERDICT_KEYS = {"1": Verdict.FIRST, "2": Verdict.SECOND, "t": Verdict.TIE, "c": Verdict.CANNOT_JUDGE}
WORDS = {Verdict.FIRST: "first better", Verdict.SECOND: "second better", Verdict.TIE: "tie"}
KEYS = "1 first better   2 second better   t tie   c cannot judge   s skip   u back   r reason   q quit"


@dataclass(frozen=True)
class LabelOptions:
    """Options of a labelling session."""

    reader: str
    criteria: tuple[str, ...] = ()
    """empty: the rubric's last, the overall verdict"""
    n: int | None = None
    doubtful: bool = False
    seed: int = 0
    blind: bool = True


class Task(NamedTuple):
    """One question to a reader: a pair, a criterion, and the random sample that the pair was drawn in."""

    pair: Pair
    order: Order
    criterion: Criterion
    draw: str | None
    weight: float | None


def label_run(folder: RunFolder, options: LabelOptions, keyboard: Keyboard, console: Console) -> int:
    """Ask what the reader has not answered, until the last pair or `q`; return the number of labels stored.

    Raises:
        InputError: an unknown criterion, or no name of a reader.
        RunError: the run's traces are not known, or its labels do not fit it or cannot be written.
    """
    manifest = folder.manifest()
    tasks = _tasks(folder, manifest, options)
    return _LabelingSession(folder, manifest, options, tasks).run(keyboard, console)


def _tasks(folder: RunFolder, manifest: Manifest, options: LabelOptions) -> list[Task]:
    """Choose the items to read, in their order, and leave out what the reader has answered in the same draw."""
    criteria = chosen_criteria(manifest, options.criteria)
    stored = list(checked_labels(folder, LabelCheck(folder, manifest)))
    if problem := reader_problem(options.reader, {label.reader for label in stored}):
        raise InputError("--reader", problem, "give another name")
    items = readable_items(folder, manifest)
    n = len(items) if options.n is None else min(options.n, len(items))
    drawn = record_session(folder, manifest, items, n, seed=options.seed, doubtful=options.doubtful)
    weights = _weights(folder, items, options, n, drawn)
    pairs = {pair.item.id: pair for pair in folder.pairs() if pair.item.id in weights}
    said = {(label.item, label.criterion, label.draw) for label in stored if label.reader == options.reader}
    tasks = [
        Task(
            pairs[item],
            first_shown(item, reader=options.reader, seed=options.seed),
            criterion,
            drawn.name if drawn and weight is not None else None,
            weight,
        )
        for item, weight in weights.items()
        for criterion in criteria
    ]
    return [task for task in tasks if (task.pair.item.id, task.criterion.name, task.draw) not in said]


def _weights(
    folder: RunFolder, items: Sequence[str], options: LabelOptions, n: int, drawn: Draw | None
) -> dict[str, float | None]:
    """Return the items to read in their order, with the weights of those that are drawn at random."""
    weights = {} if drawn is None else drawn.weights
    if not options.doubtful:
        return dict(weights)
    places = queue(items, doubts_of_run(folder), seed=options.seed)[:n]
    return {place.item: weights.get(place.item) for place in places}


class _LabelingSession:
    """The state of a reader's session: the current task, labels stored, the reason typed."""

    def __init__(self, folder: RunFolder, manifest: Manifest, options: LabelOptions, tasks: Sequence[Task]) -> None:
        self._path = labels_path(folder.path)
        self._manifest, self._options, self._tasks = manifest, options, tasks
        self._at, self._stored, self._reason = 0, 0, ""

    def run(self, keyboard: Keyboard, console: Console) -> int:
        """Ask until there is nothing left, `q`, or the end of the input; return how many labels were stored."""
        rendered = -1
        while self._at < len(self._tasks):
            task = self._tasks[self._at]
            if rendered != self._at:
                console.clear()
                self._render(task, console)
                rendered = self._at
            key = keyboard.key()
            if key in {"q", ""}:
                break
            self._press(key, task, keyboard)
        return self._stored

    def _press(self, key: str, task: Task, keyboard: Keyboard) -> None:
        """Carry out a key; ignore unknown ones."""
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

    def _render(self, task: Task, console: Console) -> None:
        """Render the item, the two traces side by side, what is asked, and the keys."""
        item = task.pair.item
        say(console, item.question)
        for letter, text in item.options.items():
            say(console, f"  {letter}. {text}")
        for image in item.images:
            say(console, f"Image: {image.named}", "cyan")
        if self._manifest.show_reference and item.answer:
            say(console, f"Reference answer: {item.answer}", "green")
        if self._manifest.show_reference and item.reference_reasoning:
            say(console, f"Reference reasoning: {item.reference_reasoning}", "green")
        table = Table(expand=True)
        models = [self._manifest.model_a, self._manifest.model_b]
        for slot, name in enumerate(models if task.order is Order.FORWARD else models[::-1], start=1):
            title = f"{slot}" if self._options.blind else f"{slot}: {name}"
            table.add_column(Text(safe(title)), ratio=1, overflow="fold")
        table.add_row(*(Text(safe(text)) for text in shown_texts(task.pair, task.order, self._manifest)))
        console.print(table)
        definition = f": {task.criterion.definition}" if task.criterion.definition else ""
        say(console, f"{self._at + 1} of {len(self._tasks)}  {task.criterion.title}{definition}", "bold")
        about = (self._options.reader, item.id, task.criterion.name)
        for label in latest_labels(read_labels(self._path)):
            if subject_of_label(label) == about:
                earlier = WORDS.get(shown_as(label.winner, task.order), "cannot judge")
                say(console, f"You said: {earlier}. A key replaces it, s keeps it.")
        say(console, KEYS, "dim")
