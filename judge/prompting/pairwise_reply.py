"""Read a judge's reply: strictly, or not at all."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from judge.schema import Failed, FailureKind, Judged, Reply, Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DETAIL_CHARS = 300
EVIDENCE_FIELDS = ("evidence_1", "evidence_2")
_FIELDS = {*EVIDENCE_FIELDS, "verdict"}
_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_THINKING = re.compile(r"\A(?:\s*<think>.*?|[^{]*?)</think>", re.DOTALL)
_THINK_TAG = re.compile(r"</?think>")
_SURROGATE = re.compile("[\ud800-\udfff]")
_OBJECT_OPENS = re.compile(r"""\{\s*(?:["']|\w+\s*:)""")
_NAMES_VERDICT = re.compile(rf"\b(?:{'|'.join(Verdict)})\b", re.IGNORECASE)
_FENCE = re.compile(r"^```(?:json)?[ \t]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)


class UnparsedError(ValueError):
    """The reply does not hold exactly one verdict on each criterion in the schema's form."""


def parse_verdicts(text: str, criteria: Sequence[str]) -> dict[str, Verdict]:
    """Return the verdict on each criterion, in the rubric's order.

    Accepted is one JSON object in the schema's form: alone, in one fence, or bare in prose. Two objects, duplicate
    keys, missing or unknown criteria, fields or verdicts, and prose that names a verdict after the object are refused:
    a verdict is never guessed.

    Raises:
        UnparsedError: says what is wrong with the reply.
    """
    reply = read_object(text)
    if reply.keys() != set(criteria):
        raise UnparsedError(f"criteria are {sorted(reply)}, asked were {sorted(criteria)}")
    return {name: _verdict(name, reply[name]) for name in criteria}


def interpret(reply: Reply, criteria: Sequence[str]) -> Result:
    """Return what a reply says of a pair: verdicts, or why there are none."""
    return read_reply(reply, lambda text: Judged(verdicts=parse_verdicts(text, criteria)))


def read_reply(reply: Reply, parse: Callable[[str], Result]) -> Result:
    """Return what a reply says as `parse` reads its text, or why it says nothing. A reply that was cut is never parsed.

    Args:
        reply: as it came.
        parse: raises UnparsedError for a text that does not hold exactly what was asked for.
    """
    if reply.cut is not None:
        return Failed(failure=reply.cut, detail=reply.text[:DETAIL_CHARS])
    try:
        return parse(reply.text)
    except UnparsedError as error:
        return Failed(failure=FailureKind.UNPARSED, detail=str(error)[:DETAIL_CHARS])


def parse_evidence(text: str, criteria: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the quotations from the first and the second trace on each criterion of a reply that parses."""
    parse_verdicts(text, criteria)
    reply = read_object(text)
    return {name: (reply[name][EVIDENCE_FIELDS[0]], reply[name][EVIDENCE_FIELDS[1]]) for name in criteria}


def _verdict(name: str, given: object) -> Verdict:
    if not isinstance(given, dict) or given.keys() != _FIELDS:
        raise UnparsedError(f"{name}: expected an object with {', '.join(sorted(_FIELDS))}")
    first, second, said = given["evidence_1"], given["evidence_2"], given["verdict"]
    if not (isinstance(first, str) and isinstance(second, str) and isinstance(said, str)):
        raise UnparsedError(f"{name}: every field must be a string")
    if not is_text(first + second):
        raise UnparsedError(f"{name}: half a surrogate pair is not text")
    verdict = _VERDICTS.get(said)
    if verdict is None:
        raise UnparsedError(f"{name}: unknown verdict {said[:40]!r}")
    return verdict


def is_text(given: str) -> bool:
    """Tell whether a string can be written: it holds no half of a surrogate pair."""
    return given.isascii() or _SURROGATE.search(given) is None


def read_object(text: str, *, again: re.Pattern[str] = _NAMES_VERDICT) -> dict[str, Any]:
    """Return the one JSON object that a reply holds, thinking in front of it left out.

    Args:
        text: the reply.
        again: what would be a verdict in the prose after the object.

    Raises:
        UnparsedError: says what is wrong with the reply.
    """
    if thinking := _THINKING.match(text):
        text = text[thinking.end() :]
    text = text.strip()
    if not text:
        raise UnparsedError("the reply is empty")
    try:
        whole = text.startswith("[") or (text.startswith("{") and text.endswith("}"))
        value = _load(text if whole else _only_candidate(text, again))
    except RecursionError:
        raise UnparsedError("nested too deeply") from None
    if not isinstance(value, dict):
        raise UnparsedError("the reply is not a JSON object")
    return value


def _only_candidate(text: str, again: re.Pattern[str]) -> str:
    """Return the text of the only fenced, or only bare, JSON object within prose."""
    objects = _objects(text)
    if len(objects) != 1:
        raise UnparsedError(f"the reply holds {len(objects)} JSON objects")
    if _THINK_TAG.search(text.replace(objects[0], "", 1)):
        raise UnparsedError("a JSON object stands within thinking, or thinking does not end")
    if again.search(text.partition(objects[0])[2]):
        raise UnparsedError("the text after the JSON object names a verdict again")
    fences = _FENCE.findall(text)
    if fences and (len(fences) > 1 or objects[0] not in fences[0]):
        raise UnparsedError(f"the reply holds {len(fences)} fenced blocks and a JSON object elsewhere")
    return objects[0]


def _objects(text: str) -> list[str]:
    """Return the outermost JSON objects in prose, in order; what stands in a broken one is not taken for its whole."""
    decoder, found, position = json.JSONDecoder(), [], 0
    while (start := text.find("{", position)) >= 0:
        try:
            _, end = decoder.raw_decode(text, start)
        except ValueError as error:
            if _OBJECT_OPENS.match(text, start):
                raise UnparsedError(f"not JSON: {error}") from None
            position = start + 1
        else:
            found.append(text[start:end])
            position = end
    return found


def _load(text: str) -> Any:  # noqa: ANN401 - JSON can be anything
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnparsedError:
        raise
    except ValueError as error:
        raise UnparsedError(f"not JSON: {error}") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise UnparsedError("an object has the same key twice")
    return keys


def _no_constant(name: str) -> NoReturn:
    raise UnparsedError(f"{name} is not JSON")
