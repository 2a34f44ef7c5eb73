"""Read traces and items, join them by id, and refuse what cannot be judged before anything is spent."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import combinations, permutations
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from judge.errors import InputError, InputErrors
from judge.files.fields import show
from judge.files.sampling import shuffled
from judge.images.image_store import ImageStore
from judge.images.loader import ImageLoader
from judge.inputs.input_options import CaseOptions, InputOptions, ItemOptions
from judge.inputs.item_images import ItemImages
from judge.inputs.items import Items, read_items
from judge.inputs.records import Digest, Record
from judge.inputs.traces import RecordFile, read_traces
from judge.prompting.correctness import right_answer_key
from judge.schema import SAMPLE_OF, Case, Item, Pair, Trace

SHOWN_IDS = 3
"""ids named of those that a file lacks"""


class _Joined:
    """Opened files of traces, and of items if these are apart, joined by id.

    Args:
        sources: one file of traces for each model.
        options: the items, and how to read.
        blind_judge: whether a judge cannot see images.
        seed: decides the sample, where one is asked for.

    Raises:
        InputErrors: every problem of the first file that has any.
    """

    def __init__(self, sources: Sequence[str], options: ItemOptions, *, blind_judge: bool, seed: int = 0) -> None:
        if [*sources, *options.items].count("-") > 1:
            raise InputError("-", "more than one file is standard input", "give one of them as a file")
        self._options, self._blind_judge = options, blind_judge
        with ExitStack() as stack:
            self._traces = [
                stack.enter_context(
                    read_traces(
                        source,
                        fields=options.fields,
                        answer_is=options.answer_is,
                        id_column=options.id_column,
                        skip_bad=options.skip_bad,
                    )
                )
                for source in sources
            ]
            if not any(file.has_samples for file in self._traces):
                for file in self._traces:
                    file.forget_samples()
            self.items: Items | None = None
            if options.items:
                items = read_items(
                    options.items,
                    fields=options.fields,
                    id_column=options.id_column,
                    answer_is=options.answer_is,
                    skip_bad=options.skip_bad,
                )
                self.items = stack.enter_context(items)
            self._stack = stack.pop_all()
        self.left_out: dict[str, int] = {}
        first, *others = self._traces
        self._shared = [id_ for id_ in first.ids if all(id_ in other for other in others)]
        self.ids = self._chosen(self._shared, seed)
        """the ids to judge, which every file of traces has, in the order of the first"""
        unread, not_chosen = sum(file.n_bad for file in self._files()), len(self._shared) - len(self.ids)
        self.left_out |= {"bad_row": unread} if unread else {}
        self.left_out |= {"not_chosen": not_chosen} if not_chosen else {}

    def _chosen(self, ids: list[str], seed: int) -> list[str]:
        """Return the ids of the first items, or of a sample of them in their order, where that is asked for."""
        items = list(dict.fromkeys(map(self._item_of, ids)))
        if self._options.sample is not None:
            drawn = {*shuffled(items, seed=f"{seed} items")[: self._options.sample]}
            items = [item for item in items if item in drawn]
        chosen = {*items[: self._options.limit]}
        return [id_ for id_ in ids if self._item_of(id_) in chosen]

    def notes(self) -> list[str]:
        """Say how files were read that are no JSON lines of traces or items."""
        return [file.note for file in self._files() if file.note]

    def _model(self, file: RecordFile) -> str:
        """Return the name of a file's model: as its records say, else the file's."""
        return file.model or Path(file.path).name.split(".")[0]

    def warnings(self) -> list[str]:
        """Say what looks wrong and may be meant."""
        said = []
        bare = sum(not any(any(digest) for _, digest in self._told(id_)) for id_ in self.ids)
        if bare:
            said.append(f"{bare} of {len(self.ids)} items have neither question nor options")
        said += [
            f"{file.path}: the right answers of {len(unread)} of {len(file)} items name none of their options, "
            f"first at {unread[0]}"
            for file in self._files()
            if (unread := file.answers.unread)
        ]
        said += [f"{file.path}: {habit}" for file in self._files() if (habit := file.habit())][:1]
        return said + [
            f"{file.path}: {file.short_traces} of {len(file)} traces have ten characters or fewer"
            for file in self._traces
            if file.short_traces
        ]

    def check(self) -> None:
        """Refuse ids without a partner or item (unless allowed), and ids whose question or options differ."""
        problems = self._without_partner()
        problems += [file.answers.question for file in self._files() if file.answers.question]
        problems += [problem for id_ in self.ids if (problem := self._difference(id_))]
        problems += self._without_item()
        if problems:
            raise InputErrors(problems)
        if not self.ids:
            paths = ", ".join(file.path for file in self._traces)
            raise InputError(paths, "no id occurs in both files", "see docs/input.md on ids")

    def _without_partner(self) -> list[InputError]:
        """Return the ids that only one file of traces has, unless that is allowed."""
        if self._options.allow_missing or any(file.n_bad for file in self._traces):
            return []
        if not self._shared and all(self._traces):
            named = "; ".join(f"{file.path} begins with {file.named(next(iter(file.ids)))}" for file in self._traces)
            hint = f"{named}: what names an item must be the same in all; --field id=NAME reads another field"
            return [InputError(", ".join(file.path for file in self._traces), "share no id", hint)]
        hint = "add their traces, or leave such items out with --allow-missing"
        return [
            problem
            for here, there in permutations(self._traces, 2)
            for problem in _only_here(here, [id_ for id_ in here.ids if id_ not in there], there.path, hint)
        ]

    def _without_item(self) -> list[InputError]:
        items = self.items
        if items is None:
            return []
        missing = [id_ for id_ in self.ids if self._item_of(id_) not in items]
        if self._options.allow_missing or any(file.n_bad for file in items.files):
            self.left_out["no_item"] = len(missing)
            return []
        return _only_here(self._traces[0], missing, items.path, "add the items, or leave such out with --allow-missing")

    def _files(self) -> list[RecordFile]:
        return [*(self.items.files if self.items else ()), *self._traces]

    def _told(self, id_: str) -> list[tuple[RecordFile | Items, Digest]]:
        """Return what each file tells of an item's question and options, as digests."""
        told: list[tuple[RecordFile | Items, Digest]] = [
            (file, file.digest(id_)) for file in self._traces if id_ in file
        ]
        if self.items is not None and (item := self._item_of(id_)) in self.items:
            told.insert(0, (self.items, self.items.digest(item)))
        return told

    def _item_of(self, id_: str) -> str:
        """Return the item that an id names, or one of whose traces it names."""
        return self._traces[0].item_of.get(id_, id_)

    def _difference(self, id_: str) -> InputError | None:
        """Say what differs when the files, or the items, tell of another question under the same id."""
        for (one, digest), (other, known) in combinations(self._told(id_), 2):
            if what := digest.differs(known):
                hint = f"the first stands in {one.record(id_).where}; give one of them another id"
                return InputError(other.record(id_).where, f"id {id_!r} has another {what} than in {one.path}", hint)
        return None

    def _all_joined(
        self, store: ImageStore | None, held: Container[str] | None, ids: Iterable[str]
    ) -> Iterator[tuple[Item, list[Trace]]]:
        """Yield each item, its images loaded, with its traces; InputErrors after the last if images cannot be used."""
        kept, passing = self._images(store), self._images(None)
        for id_ in ids:
            if self.items is not None and self._item_of(id_) not in self.items:
                continue
            joined = self._join(id_, kept if held is None or id_ in held else passing)
            if joined is None:
                self.left_out["no_image"] = self.left_out.get("no_image", 0) + 1
            elif not kept.problems and not passing.problems:
                yield joined
        if problems := kept.problems + passing.problems:
            raise InputErrors(problems)

    def _images(self, store: ImageStore | None) -> ItemImages:
        loader = ImageLoader(self._options.images, store)
        return ItemImages(self._options.on_missing_image, blind_judge=self._blind_judge, loader=loader)

    def _join(self, id_: str, images: ItemImages) -> tuple[Item, list[Trace]] | None:
        """Return an item with its traces; None where it is left out for its images."""
        traces = [file.record(id_) for file in self._traces]
        records = [self.items.record(self._item_of(id_)), *traces] if self.items is not None else traces
        merged = merge_items([record.item for record in records])
        if problem := _other_answer(records):
            images.problems.append(problem)
        if (own := self._item_of(id_)) != id_:
            merged = replace(merged, id=id_, meta=merged.meta | {SAMPLE_OF: own, "sample": traces[0].sample})
        item = images.show(merged, records)
        return None if item is None else (item, [record.trace for record in traces if record.trace is not None])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class Inputs(_Joined):
    """The opened files of two models' traces, checked against each other.

    Raises:
        InputErrors: every problem that was found, in one go.
    """

    def __init__(self, options: InputOptions, *, blind_judge: bool, seed: int = 0) -> None:
        super().__init__([options.a, options.b], options, blind_judge=blind_judge, seed=seed)
        self.a, self.b = self._traces
        self.left_out |= {"only_a": len(self.a) - len(self._shared), "only_b": len(self.b) - len(self._shared)}

    @property
    def models(self) -> tuple[str, str]:
        """The names of model a and model b, told apart if they are equal."""
        a, b = self._model(self.a), self._model(self.b)
        return (a, b) if a != b else (f"{a} (a)", f"{b} (b)")

    def warnings(self) -> list[str]:
        """Say what looks wrong and may be meant."""
        said = []
        if self.a.sha256 == self.b.sha256:
            said.append(f"{self.a.path} and {self.b.path} are the same bytes")
        elif self.a.model is not None and self.a.model == self.b.model:
            said.append(f"both files name the same model, {self.a.model}")
        return said + super().warnings()

    def pairs(
        self, store: ImageStore | None = None, *, held: Container[str] | None = None, ids: Iterable[str] | None = None
    ) -> Iterator[Pair]:
        """Yield the pairs in a's order; InputErrors after the last if images cannot be used.

        Args:
            store: takes the images that cannot be sent as their files are; None only says what would be sent.
            held: the items whose images the store takes; None: all.
            ids: which of the items; None: all.
        """
        for item, (a, b) in self._all_joined(store, held, self.ids if ids is None else ids):
            yield Pair(item=item, a=a, b=b)


class CaseInputs(_Joined):
    """The opened file of one model's traces, joined to its items.

    Raises:
        InputErrors: every problem that was found, in one go.
    """

    def __init__(self, options: CaseOptions, *, blind_judge: bool, seed: int = 0) -> None:
        super().__init__([options.traces], options, blind_judge=blind_judge, seed=seed)
        (self.traces,) = self._traces

    @property
    def model(self) -> str:
        """The name of the model: as the records say, else the file's."""
        return self._model(self.traces)

    def cases(self, store: ImageStore | None = None, *, held: Container[str] | None = None) -> Iterator[Case]:
        """Yield the cases in the order of the traces (arguments and errors as for pairs)."""
        for item, (trace,) in self._all_joined(store, held, self.ids):
            yield Case(item=item, trace=trace)


def merge_items(items: Sequence[Item]) -> Item:
    """Return one item from several records of it, at least one: each field from the first record that has it."""
    first, *others = items
    found = {}
    for name in first.__struct_fields__ if others else ():
        values = (getattr(item, name) for item in items)
        if not getattr(first, name) and (value := next(filter(None, values), None)):
            found[name] = value
    return replace(first, **found) if found else first


def _other_answer(records: Sequence[Record]) -> InputError | None:
    """Return the problem that records of an item state different right answers, each read in its own way."""
    told = [(record, right_answer_key(record.item)) for record in records]
    for (one, answer), (other, another) in combinations([(record, key) for record, key in told if key], 2):
        if answer.keys() == another.keys() and answer != another:
            hint = "what a model answered is --field model_answer=NAME; where the right one stands, --field answer=NAME"
            said = f"id {show(other.item.id)} has another right answer than in {one.where}"
            return InputError(
                other.where, f"{said}: {show(other.item.answer or '')}, not {show(one.item.answer or '')}", hint
            )
    return None


def _only_here(here: RecordFile, ids: Sequence[str], elsewhere: str, hint: str) -> list[InputError]:
    """Return one problem for all ids that another file lacks, with the first three of them; none without any."""
    if not ids:
        return []
    named = ", ".join(map(show, ids[:SHOWN_IDS])) + (f" and {len(ids) - SHOWN_IDS:,} more" * (len(ids) > SHOWN_IDS))
    what = f"{here.named(ids[0])} is" if len(ids) == 1 else f"{len(ids):,} ids ({named}) are"
    return [InputError(here.where(ids[0]), f"{what} not in {elsewhere}", hint)]
