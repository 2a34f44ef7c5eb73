"""Make a run of judgments that were made elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from judge.enums import Orders
from judge.errors import InputError, InputErrors
from judge.files.fields import MAX_NAME_CHARS, RecordProblem
from judge.files.files import write_lines
from judge.files.jsonl import JsonLines
from judge.files.limits import MAX_PROBLEMS, real_path
from judge.files.strict_json import parse_object
from judge.judging.find_run import named_run
from judge.runs.manifest import Input, Manifest
from judge.runs.run_folder import RunFolder
from judge.schema import Criterion, Failed, FailureKind, Frozen, Judged, Judgment, Order, Reply, Rubric, Verdict

Name = Annotated[str, Field(max_length=MAX_NAME_CHARS)]


def imported_key(about: VerdictLine | Judgment, criterion: str) -> str:
    """Return the key of a judgment that was made elsewhere: 32 hex digits of a hash of what it is about."""
    told = f"{about.item}\x1f{criterion}\x1f{about.order}\x1f{about.judge}\x1f{about.sample}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


class VerdictLine(Frozen):
    """One line of an imported file: one verdict on one criterion of one item."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    item: Name
    criterion: str = Field(default="overall", pattern=r"^[a-z][a-z0-9_]{0,39}$")
    order: Order
    judge: Name = "imported"
    sample: int = 0
    verdict: Verdict | None
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
        if self.verdict is not None and self.failure is not None:
            raise ValueError("both a verdict and a failure")
        return self

    def result(self) -> Judged | Failed:
        """Return the verdict, or the failure: an unknown name of a failure is kept as its detail."""
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


def import_verdicts(source: str, *, name: str, runs: Path, command: Sequence[str], shared: bool = False) -> RunFolder:
    """Write a run folder from a file of verdicts; everything downstream works on it.

    Raises:
        InputErrors: lines that cannot be used, or two verdicts on the same thing.
        RunError: a run of this name exists.
    """
    folder = named_run(runs, name)
    lines, sha256 = read_verdicts(source)
    path = "<stdin>" if source == "-" else str(real_path(source))
    manifest = _manifest(lines, source=Input(role="verdicts", path=path, sha256=sha256), command=command)
    with folder.created(shared=shared) as new:
        sha256 = write_lines(new.judgments_path, (line.judgment() for line in lines))
        new.write_manifest(manifest.model_copy(update={"files": {new.judgments_path.name: sha256}}))
    return folder


def read_verdicts(source: str) -> tuple[list[VerdictLine], str]:
    """Read and check every line; return them with the file's hash."""
    problems: list[InputError] = []
    lines: dict[str, VerdictLine] = {}
    where_of: dict[str, str] = {}
    with JsonLines(source) as file:
        for given in file:
            try:
                line = VerdictLine.model_validate(parse_object(given.raw))
            except (ValidationError, RecordProblem) as error:
                problems.append(_problem(given.where, error))
                if len(problems) >= MAX_PROBLEMS:
                    break
                continue
            key = line.judgment().key
            if key in lines:
                again = (
                    f"a second verdict on {line.criterion} of item {line.item!r} by the same judge, order and sample"
                )
                problems.append(InputError(given.where, again, f"first in {where_of[key]}"))
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
    return InputError(where, f"{field}: {first['msg'].removeprefix('Value error, ')}", "see docs/convert.md")


def _several(lines: dict[str, VerdictLine], field: str) -> list[InputError]:
    names = sorted({name for line in lines.values() if (name := getattr(line, field)) is not None})
    return [InputError(field, f"several names: {', '.join(names)}", "one run compares two models")] if names[1:] else []


def _manifest(lines: Sequence[VerdictLine], *, source: Input, command: Sequence[str]) -> Manifest:
    def named(field: str, default: str) -> str:
        return next((name for line in lines if (name := getattr(line, field)) is not None), default)

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
        model_a=named("model_a", "a"),
        model_b=named("model_b", "b"),
        imported_judges=tuple(sorted({line.judge for line in lines})),
        prompt=None,
        rubric=Rubric(name="imported", version=1, description="", criteria=criteria),
        schema_sha256=None,
        orders=Orders.BOTH if both else Orders.ONE,
        samples=len({line.sample for line in lines}),
        seed=0,
        n_items=len(orders_of),
    )
