"""Find the run that a command goes on with, or make a new one: the one way in for every kind of run."""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from judge.batches.submit import require_batches
from judge.costs.prices import parse_prices, pin_prices
from judge.costs.quote import Quote, quote
from judge.errors import InputError, RunError
from judge.files.fields import show
from judge.files.files import file_sha256, touch, write_lines
from judge.flags.flags import FLAGS
from judge.images.image_store import ImageStore
from judge.judging.command_options import CompareOptions, RejudgeOptions, ServeOptions
from judge.judging.provenance import changed_setting, judges_identity, open_specs, versions
from judge.judging.quote_run import pixels, quote_run
from judge.judging.run_kinds import any_plan_of
from judge.prompting.shipped_files import repair_note
from judge.runs.controls import folders_within
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import LATEST

if TYPE_CHECKING:
    from judge.judging.command_options import CertifyOptions, ChecklistOptions, ScoreOptions
    from judge.prompting.subject_counts import SubjectCounts
    from judge.runs.manifest import AnyManifest, Input
    from judge.schema import JudgeSpec, Price

Counts = TypeVar("Counts", bound="SubjectCounts[Any]")
PART_CHARS = 40
_FINDING = threading.Lock()
"""held by a thread that finds or makes a run: two that began at once would make it twice, or under one name"""
SHARD = "--shard"
"""what a shard's identity names beside the identity of the whole"""


@dataclass(frozen=True)
class PreparedRun(ABC, Generic[Counts]):
    """A run that need not exist yet: everything given, checked, that its manifest is made from."""

    subjects_file: ClassVar[str]

    options: CompareOptions | ScoreOptions | ChecklistOptions | CertifyOptions | RejudgeOptions | ServeOptions
    command: tuple[str, ...]
    judges: tuple[JudgeSpec, ...]
    prices: dict[str, Price]
    """by judge, as given"""

    @abstractmethod
    def name_parts(self) -> list[str]:
        """Return what a new run is named after."""

    @abstractmethod
    def decided(self) -> dict[str, str]:
        """Name what decides the judgments beside the judges and the files."""

    @abstractmethod
    def files(self) -> list[Input]:
        """Return every file that was read, with its hash."""

    @abstractmethod
    def counts(self) -> Counts:
        """Return what counts the subjects of the run, and passes on those of its shard."""

    @abstractmethod
    def subjects(self, store: ImageStore | None = None) -> Iterator[Any]:
        """Yield the subjects of the run, and those of other shards; InputErrors after the last if some cannot be used.

        Args:
            store: takes the images that cannot be sent as their files are; None only says what would be sent.
        """

    @abstractmethod
    def manifest(self, counts: Counts, *, sha256: str) -> AnyManifest:
        """Return the manifest of the run, once its subjects are counted; `sha256` is their file's."""

    def complete(self, new: RunFolder, counts: Counts) -> None:
        """Write what else belongs to a new run, whose subjects are written; InputError where they cannot be judged."""

    def identity(self) -> dict[str, str]:
        """Return by name everything that decides the run's judgments; a judge's address does not."""
        files = {f"file {file.role}": file.sha256 for file in self.files()}
        return self.decided() | judges_identity(self.judges) | files

    def made(self, counts: Counts, *, sha256: str) -> dict[str, Any]:
        """Return what every manifest says of how, when and with whom its run was made, and of its subjects."""
        return {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": self.command,
            "versions": versions(),
            "judges": self.judges,
            "prices": pin_prices(self.judges, self.prices),
            "repair": repair_note(),
            "inputs": tuple(self.files()),
            "identity": self.identity(),
            "pairs_sha256": sha256,
            **counts.fields(),
        }

    def create(self, folder: RunFolder) -> None:
        """Write the subjects and the manifest; InputErrors, and no folder, if they cannot be used.

        A shard reads every subject too, so that all shards agree on what the whole is.
        """
        counts = self.counts()
        with folder.created(shared=self.options.shared) as new:
            store = ImageStore(new.path)
            sha256 = write_lines(new.path / self.subjects_file, counts.counting(self.subjects(store)))
            store.flush()
            self.complete(new, counts)
            manifest = self.manifest(counts, sha256=sha256)
            if manifest.shard is not None:
                new.write_positions(counts.positions)
            if self.options.judging.batch:
                touch(new.batches_path)
            beside = (path for path in (new.positions_path, new.path / FLAGS) if path.exists())
            files = {path.name: file_sha256(path) for path in beside}
            new.write_manifest(manifest.model_copy(update={"files": files}))

    def own_subjects(self) -> Iterator[Any]:
        """Yield the subjects of the run alone, as its manifest counts them."""
        return self.counts().counting(self.subjects())

    def quote(self, folder: RunFolder) -> Quote:
        """Quote what is still open of the run, in its folder or its place; nothing is written."""
        batch = self.options.judging.batch
        if folder.manifest_path.exists():
            known = folder.any_manifest()
            known = known.model_copy(update={"prices": known.prices | self.prices})
            return quote_run(folder, known, done=folder.judged_keys(), batch=batch)
        manifest = self.manifest(self.counts(), sha256="")
        plan, prices = any_plan_of(manifest), manifest.prices
        return quote(plan, self.judges, prices, self.own_subjects(), done=(), pixels=pixels, batch=batch)


def start_run(
    prepared: AbstractContextManager[PreparedRun[Any]], *, say: Callable[[str], None]
) -> tuple[RunFolder, tuple[JudgeSpec, ...]]:
    """Find the run that was prepared, or make it; what was read of the files is forgotten with the return.

    Returns:
        The run's folder, and the judges of the command: a run may go on at another address than it began at.
    """
    with prepared as run, _FINDING:
        folder = find_run(run, say=say)
        if folder.manifest_path.exists():
            change_prices(folder, run.prices)
        else:
            run.create(folder)
        return folder, run.judges


def quote_start(prepared: AbstractContextManager[PreparedRun[Any]], *, say: Callable[[str], None]) -> Quote:
    """Quote the run that was prepared, or what is still open of it where it exists; nothing is asked or written."""
    with prepared as run:
        return run.quote(find_run(run, say=say))


def open_judges(
    texts: Sequence[str],
    options: CompareOptions | ScoreOptions | ChecklistOptions | RejudgeOptions | ServeOptions,
    *,
    say: Callable[[str], None],
    needs_keys: bool,
) -> tuple[tuple[JudgeSpec, ...], dict[str, Price]]:
    """Return the judges, as given and checked, and the prices given, by judge.

    Raises:
        InputError: a judge or a price cannot be used, or not in this way.
    """
    judges = open_specs(texts, options.judge_options, say=say, needs_keys=needs_keys)
    options.judging.reach.check(judges)
    for judge in judges:
        if judge.settings.prompt is not None and not isinstance(
            options, CompareOptions | RejudgeOptions | ServeOptions
        ):
            raise InputError(f"--judge {judge.name}", "its prompt compares pairs", "leave prompt out of its table")
    if options.judging.batch:
        require_batches(judges)
    return judges, parse_prices(options.prices, judges)


def find_run(run: PreparedRun[Any], *, say: Callable[[str], None]) -> RunFolder:
    """Return the named run, else the one that the very same command began, else the place of a new one.

    Raises:
        RunError: the named run was begun by another command, with which its judgments would be mixed.
    """
    runs, name, identity = run.options.runs, run.options.name, run.identity()
    if name is not None:
        folder = named_run(runs, name)
        begun = folder.any_manifest().identity if folder.manifest_path.exists() else identity
        changed = [
            changed_setting(part, begun.get(part), identity.get(part))
            for part in begun.keys() | identity.keys()
            if (begun.get(part) or "None") != (identity.get(part) or "None")
        ]
        if changed:
            told = "; with ".join(sorted(filter(None, changed))) or "other judges"
            raise RunError(
                f"{folder.path}: begun with {told}. Repeat the first command to go on, or use another --name"
            )
        return folder
    for path in sorted(runs.glob("[!.]*/manifest.json"), reverse=True):
        folder = RunFolder(path.parent)
        try:
            known = folder.any_manifest()
        except (RunError, InputError, OSError):  # damaged, or another person's
            continue
        if known.identity == identity:
            say(f"Going on with run {folder.path}, the same {known.kind} (--name starts another)")
            return folder
    parts = [*run.name_parts(), datetime.now(UTC).strftime("%Y%m%d-%H%M%S")]
    name = "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", part).strip("-.")[:PART_CHARS] or "x" for part in parts)
    path = runs / name
    again = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return RunFolder(next(free for free in chain([path], again) if not free.exists()))


def named_run(runs: Path, name: str) -> RunFolder:
    """Return the run of a name; InputError where that is no folder name, or names the newest run."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,119}", name):
        hint = "use letters, digits, '.', '_', '+', '-', at most 120 of them"
        raise InputError("--name", f"{show(name)} is no folder name", hint)
    if name == LATEST and not (runs / name).exists():
        raise InputError("--name", f"{name} stands for the newest run", "use another name")
    return RunFolder(runs / name)


def change_prices(folder: RunFolder, given: Mapping[str, Price]) -> None:
    """Pin prices that were given for a run that exists and for its controls; other prices stay as they are."""
    if not given:
        return
    for each in (folder, *folders_within(folder)):
        with each.locked():
            manifest = each.any_manifest()
            each.write_manifest(manifest.model_copy(update={"prices": manifest.prices | dict(given)}))
