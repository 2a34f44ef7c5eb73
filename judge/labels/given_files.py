"""Files of labels that were given elsewhere: the answers that a packet downloads, and the labels of the audit page."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from judge.errors import InputError
from judge.files.fields import RecordProblem
from judge.files.limits import read_whole
from judge.files.strict_json import parse_object
from judge.labels.readers import reader_problem
from judge.schema import Frozen, Label, Verdict

HINT = "see docs/labels.md"
AGAIN = "download it from the page again"
LATEST = timedelta(days=1)
"""how far a reader's clock may be ahead"""


def in_utc(text: str) -> str:
    """Return an ISO 8601 time as the labels write it; ValueError where it is none, has no zone or is yet to come."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise ValueError("no time zone")
        time = time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no time") from error
    if time > datetime.now(UTC) + LATEST:
        raise ValueError("is yet to come: it would always count as the latest")
    return time.isoformat(timespec="microseconds")


def _named(text: str) -> str:
    """Return a reader's name; ValueError where it cannot be one."""
    if problem := reader_problem(text):
        raise ValueError(problem)
    return text


Time = Annotated[str, AfterValidator(in_utc)]
Reader = Annotated[str, AfterValidator(_named)]


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


FORMS: dict[str, type[AnswerFile | LabelFile]] = {
    "omr-judge packet answers": AnswerFile,
    "omr-judge labels": LabelFile,
}


class Given(NamedTuple):
    """A file of answers or labels, with the line on which each of them begins."""

    path: str
    content: AnswerFile | LabelFile
    lines: tuple[int, ...]

    def where(self, index: int) -> str:
        """Name the place of an answer or a label."""
        return f"{self.path}:{self.lines[index]}"


def read_given(path: str) -> Given:
    """Read a file of answers or labels, strictly; InputError where it is neither."""
    try:
        raw = read_whole(Path(path)).removeprefix(BOM_UTF8)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    if not raw.strip():
        raise InputError(path, "is empty", AGAIN)
    try:
        record = parse_object(raw)
    except RecordProblem as error:
        line = f":{error.__cause__.lineno}" if isinstance(error.__cause__, JSONDecodeError) else ""
        raise InputError(path + line, error.problem, AGAIN) from error
    form = FORMS.get(str(record.get("format")))
    if form is None:
        raise InputError(path, "neither answers of a packet nor labels of a page", HINT)
    field = "answers" if form is AnswerFile else "labels"
    lines = _lines_of(raw.decode(), field)
    try:
        return Given(path, form.model_validate_json(raw), lines)
    except ValidationError as error:
        first = error.errors()[0]
        match first["loc"]:
            case (str(name), int(index), *rest) if name == field:
                where, place = f"{path}:{lines[index]}", rest
            case whole:
                where, place = path, list(whole)
        raise InputError(where, f"{'.'.join(map(str, place))}: {first['msg']}", HINT) from error


def _lines_of(text: str, field: str) -> tuple[int, ...]:
    """Return the line on which each element of a list begins that is a field of a JSON object, known to be valid."""
    decoder = JSONDecoder()
    at = _next(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        at = _next(text, at)
        if name == field and text[at] == "[":
            return tuple(_elements(text, _next(text, at + 1), decoder))
        _, at = decoder.raw_decode(text, at)
        at = _next(text, at)
    return ()


def _elements(text: str, at: int, decoder: JSONDecoder) -> Iterator[int]:
    line, counted = 1, 0
    while text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        yield line
        _, at = decoder.raw_decode(text, at)
        at = _next(text, at)


def _next(text: str, at: int) -> int:
    """Return where the next value begins, or a bracket ends, past spaces, a colon or a comma."""
    while text[at] in " \t\r\n:,":
        at += 1
    return at
