"""Make a run of judgments that were made elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from judge.comparison.alpaca_annotations import is_annotation, read_annotation
from judge.comparison.foreign_verdicts import ForeignVerdicts
from judge.convert.source import source_records
from judge.enums import Orders
from judge.errors import InputError, InputErrors
from judge.files.fields import MAX_NAME_CHARS, RecordProblem
from judge.files.files import write_lines
from judge.files.jsonl import JsonLines
from judge.files.limits import MAX_PROBLEMS, limits, real_path
from judge.judging.find_run import named_run
from judge.runs.manifest import Input, Manifest
from judge.runs.run_folder import RunFolder
from judge.schema import (
    Chances,
    Criterion,
    Failed,
    FailureKind,
    Frozen,
    Judged,
    Judgment,
    Order,
    Reply,
    Rubric,
    Verdict,
)

Name = Annotated[str, Field(max_length=MAX_NAME_CHARS)]
Probability = Annotated[float | None, Field(strict=True)]
_CHANCES = ("p_first", "p_tie", "p_second")
_SAID = ("verdict", "preference", *_CHANCES)


def imported_key(about: VerdictLine | Judgment, criterion: str) -> str:
    """Return the key of a judgment that was made elsewhere: 32 hex digits of a hash of what it is about."""
    told = f"{about.item}\x1f{criterion}\x1f{about.order}\x1f{about.judge}\x1f{about.sample}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


class VerdictLine(Frozen):
    """One line of an imported file: one verdict on one criterion of one item.

    It is named by `verdict`, or given by the probabilities of all three, or by AlpacaEval's `preference`: 1 plus the
    probability that the second trace is better, 0 for a tie.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    item: Name
    criterion: str = Field(default="overall", pattern=r"^[a-z][a-z0-9_]{0,39}$")
    order: Order
    judge: Name = "imported"
    sample: int = 0
    verdict: Verdict | None = None
    p_first: Probability = None
    p_tie: Probability = None
    p_second: Probability = None
    preference: Probability = None
    failure: str | None = None
    reply: str | None = None
    cluster: Name | None = None
    model_a: Name | None = None
    model_b: Name | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    @field_validator("item", "cluster", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if not self.model_fields_set.intersection(_SAID):
            raise ValueError("no verdict, no p_first, p_tie and p_second, and no preference")
        chances = self.chances
        if (self.verdict is not None or chances is not None) and self.failure is not None:
            raise ValueError("both a verdict and a failure")
        if chances is not None and self.verdict not in {None, chances.likeliest}:
            raise ValueError(f"the verdict is {self.verdict}, and the most probable one is {chances.likeliest}")
        return self

    @property
    def chances(self) -> Chances | None:
        """The probabilities of a soft verdict; None where it is hard, or there is none."""
        given = [p for name in _CHANCES if (p := getattr(self, name)) is not None]
        if given and self.preference is not None:
            raise ValueError("both probabilities and a preference")
        if self.preference is not None:
            if self.preference and not 1 <= self.preference <= 2:  # noqa: PLR2004 - the scale is AlpacaEval's
                raise ValueError("a preference is 0 for a tie, or between 1 (the first trace) and 2 (the second)")
            second = self.preference - 1
            return Chances(1 - second, 0.0, second) if self.preference else Chances(0.0, 1.0, 0.0)
        if len(given) not in {0, len(_CHANCES)}:
            raise ValueError("a soft verdict needs p_first, p_tie and p_second")
        return Chances(*given) if given else None

    def result(self) -> Judged | Failed:
        """Return the verdict, or the failure: an unknown name of a failure is kept as its detail."""
        if (chances := self.chances) is not None:
            return Judged.softly({self.criterion: chances})
        if self.verdict is not None:
            return Judged(verdicts={self.criterion: self.verdict})
        named = self.failure or "no verdict"
        kind = FailureKind(named) if named in set(FailureKind) else FailureKind.OTHER
        return Failed(failure=kind, detail=named, criterion=self.criterion)

    def judgment(self) -> Judgment:
        """Return the judgment that this line records, under a key of what it is about."""
        meta = self.meta | ({"cluster": self.cluster} if self.cluster is not None else {})
        return Judgment(
            key=imported_key(self, self.criterion),
            item=self.item,
            order=self.order,
            judge=self.judge,
            sample=self.sample,
            result=self.result(),
            reply=Reply(text=self.reply) if self.reply is not None else None,
            meta=meta,
        )


def import_verdicts(
    source: str,
    *,
    name: str,
    runs: Path,
    command: Sequence[str],
    shared: bool = False,
    models: tuple[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> RunFolder:
    """Write a run folder from a file of verdicts; everything downstream works on it.

    Args:
        source: the file, of ours or of a program that is recognised; `-` is standard input.
        name: the run's.
        runs: where run folders lie.
        command: the command line.
        shared: whether the group may read and write the run.
        models: model a and model b, where the file tells of more than two, or names none.
        say: is told what a person should know of how verdicts were taken.

    Raises:
        InputErrors: lines that cannot be used, or two verdicts on the same thing.
        RunError: a run of this name exists.
    """
    folder = named_run(runs, name)
    foreign = ForeignVerdicts(models)
    lines, sha256 = read_verdicts(source, foreign)
    for note in foreign.notes():
        say(f"Note: {note}")
    path = "<stdin>" if source == "-" else str(real_path(source))
    given = Input(role="verdicts", path=path, sha256=sha256)
    manifest = _manifest(lines, source=given, command=command, models=_model_names(lines, models))
    with folder.created(shared=shared) as new:
        sha256 = write_lines(new.judgments_path, (line.judgment() for line in lines))
        new.write_manifest(manifest.model_copy(update={"files": {new.judgments_path.name: sha256}}))
    return folder


def read_verdicts(source: str, foreign: ForeignVerdicts) -> tuple[list[VerdictLine], str]:
    """Read and check every line; return them with the file's hash."""
    problems: list[InputError] = []
    lines: dict[str, VerdictLine] = {}
    where_of: dict[str, str] = {}
    with JsonLines(source) as file:
        for index, given in enumerate(source_records(file, max_document=limits().document_bytes)):
            record = given.record
            try:
                if isinstance(record, RecordProblem):
                    raise record
                told = [read_annotation(record, index)] if is_annotation(record) else foreign.lines(record)
                read = [VerdictLine.model_validate(line) for line in told]
            except (ValidationError, RecordProblem) as error:
                problems.append(_problem(given.where, error))
                if len(problems) >= MAX_PROBLEMS:
                    break
                continue
            for line in read:
                key = line.judgment().key
                if key in lines:
                    same = f"on {line.criterion} of item {line.item!r} by the same judge, order and sample"
                    problems.append(InputError(given.where, f"a second verdict {same}", f"first in {where_of[key]}"))
                lines[key], where_of[key] = line, given.where
        sha256 = file.sha256
    problems += _several(lines, "model_a") + _several(lines, "model_b")
    if problems:
        raise InputErrors(problems)
    if not lines:
        raise InputError(source, "empty file", "write one verdict a line")
    return list(lines.values()), sha256


def _problem(where: str, error: ValidationError | RecordProblem) -> InputError:
    if isinstance(error, RecordProblem):
        return InputError(where, error.problem, error.hint)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "record"
    return InputError(where, f"{field}: {first['msg'].removeprefix('Value error, ')}", "see docs/input.md")


def _several(lines: dict[str, VerdictLine], field: str) -> list[InputError]:
    names = sorted({name for line in lines.values() if (name := getattr(line, field)) is not None})
    return [InputError(field, f"several names: {', '.join(names)}", "one run compares two models")] if names[1:] else []


def _model_names(lines: Sequence[VerdictLine], given: tuple[str, str] | None) -> tuple[str, str]:
    """Return the names of a and b as the lines have them, else as given; InputError where the two differ."""

    def named(field: str, default: str) -> str:
        return next((name for line in lines if (name := getattr(line, field)) is not None), default)

    a, b = named("model_a", given[0] if given else "a"), named("model_b", given[1] if given else "b")
    if given is not None and given != (a, b):
        raise InputError(f"--models {' '.join(given)}", f"the file names {a} and {b}", "leave the option out")
    return a, b


def _manifest(
    lines: Sequence[VerdictLine], *, source: Input, command: Sequence[str], models: tuple[str, str]
) -> Manifest:
    names = dict.fromkeys(line.criterion for line in lines)
    criteria = tuple(Criterion(name=name, title=name, definition="", tie="") for name in names)
    orders_of: dict[str, set[Order]] = {}
    for line in lines:
        orders_of.setdefault(line.item, set()).add(line.order)
    both = any(len(orders) > 1 for orders in orders_of.values())
    return Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=tuple(command),
        versions={},
        inputs=(source,),
        identity={"file verdicts": source.sha256},
        model_a=models[0],
        model_b=models[1],
        imported_judges=tuple(sorted({line.judge for line in lines})),
        prompt=None,
        rubric=Rubric(name="imported", version=1, description="", criteria=criteria),
        schema_sha256=None,
        orders=Orders.BOTH if both else Orders.ONE,
        samples=len({line.sample for line in lines}),
        seed=0,
        n_items=len(orders_of),
    )
