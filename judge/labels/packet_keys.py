"""The keys of packets, which stay in the run folder, and the answers that come back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from judge.errors import InputError, RunError
from judge.files.damage import change_in
from judge.files.fields import RecordProblem
from judge.files.files import write_json
from judge.files.jsonl import parse_object
from judge.files.sealing import unseal
from judge.schema import Frozen, Label, Order, Verdict

HINT = "see docs/labels.md"


def _in_utc(text: str) -> str:
    """Return an ISO 8601 time as the labels write it; ValueError where it is none, or has no zone."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("no time zone")
    return time.astimezone(UTC).isoformat(timespec="microseconds")


Time = Annotated[str, AfterValidator(_in_utc)]
Reader = Annotated[str, Field(min_length=1, max_length=200)]


class KeyItem(Frozen):
    """An item of a packet, and which trace the page shows first."""

    number: int
    item: str
    order: Order
    weight: float
    stratum: str | None = None


class PacketKey(Frozen):
    """The key of a packet, which the packet does not hold: `packets/DRAW.json` of the run folder."""

    format_version: Literal[1] = 1
    draw: str
    created: str
    seed: int
    stratify: str | None
    criteria: tuple[str, ...]
    pairs_sha256: str
    n_population: int
    items: tuple[KeyItem, ...]


class Answer(Frozen):
    """A reader's verdict on an item of a packet, in slot words."""

    number: int
    criterion: str
    verdict: Verdict
    reason: str = ""
    time: Time


class AnswerFile(Frozen):
    """The answers that a packet's page downloads."""

    format: Literal["omr-judge packet answers"]
    version: Literal[1]
    pairs_sha256: str
    draw: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]
    reader: Reader
    answers: tuple[Answer, ...]


class GivenLabel(Label):
    """A label of a file: its time is checked, and converted to UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: Time
    reader: Reader
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class LabelFile(Frozen):
    """The labels that the audit page downloads."""

    format: Literal["omr-judge labels"]
    version: Literal[1]
    pairs_sha256: str | None
    labels: tuple[GivenLabel, ...]


def key_path(run: Path, draw: str) -> Path:
    """Return where a run folder keeps the key of a draw."""
    return run / "packets" / f"{draw}.json"


def write_key(run: Path, key: PacketKey) -> None:
    """Write a packet's key."""
    path = key_path(run, key.draw)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{path.parent}: cannot be written: {error.strerror}") from error
    write_json(path, key.model_dump(mode="json"), sealed=True)


def read_key(run: Path, draw: str) -> PacketKey | None:
    """Read a packet's key; None where this run has no such draw, RunError where the key is damaged."""
    path = key_path(run, draw)
    if not path.exists():
        return None
    written = path.read_bytes()
    unsealed = unseal(written)
    if not unsealed.holds:
        raise RunError(f"{path}: damaged: {change_in(written)}")
    try:
        return PacketKey.model_validate_json(unsealed.content)
    except ValidationError as error:
        raise RunError(f"{path}: damaged: {error.errors()[0]['msg']}") from error


def read_given(path: str) -> AnswerFile | LabelFile:
    """Read a file of answers or labels, strictly; InputError where it is neither."""
    try:
        record = parse_object(Path(path).read_bytes())
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    except RecordProblem as error:
        raise InputError(path, error.problem, error.hint) from error
    forms: dict[object, type[AnswerFile | LabelFile]] = {
        "omr-judge packet answers": AnswerFile,
        "omr-judge labels": LabelFile,
    }
    form = forms.get(record.get("format"))
    if form is None:
        raise InputError(path, "neither answers of a packet nor labels of a page", HINT)
    try:
        return form.model_validate_json(orjson.dumps(record))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(path, f"{place}: {first['msg']}", HINT) from error
