"""Read a judge's reply: strictly, or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from html import unescape
from typing import Any, NoReturn

from judge.prompting.brackets_reply import parse_brackets
from judge.prompting.final_text import UnparsedError, final_text, require_end
from judge.prompting.introductions import require_announced, require_meant
from judge.prompting.letter_reply import parse_chances, parse_letter
from judge.prompting.pairwise_prompt import ANSWER_FIELDS, ANSWERS
from judge.prompting.result_reply import parse_result
from judge.schema import Failed, FailureKind, Judged, Reply, Result, Verdict, VerdictForm

READER = 2
"""version of the reading of replies of every kind, which judgments name: count it up where a reply is read otherwise"""
DETAIL_CHARS = 300
MOST_BRACES = 10_000
EVIDENCE_FIELDS = ("evidence_1", "evidence_2")
_FIELDS = {*EVIDENCE_FIELDS, "verdict"}
_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_ORDINARY_STOPS = {"stop", "end_turn"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_OBJECT_OPENS = re.compile(r"""\{\s*+(?:["'}]|\w++\s*+:)""")
_FENCE = "```"
_TAG = re.compile(
    r"""(?imx) ^[ \t]*<(?P<heads>!--|[a-z][\w:.-]{0,40}) | (?:</(?P<closes>[a-z][\w:.-]{0,40})\s?> | (?P<comment>-->))
    | <(?P<last>[a-z][\w:.-]{0,40})(?:\s[^<>]{0,200}+)?>\s*+\Z"""
)
"""one that heads a line or stands directly before an object, and what closes one"""
_BEGINNINGS = {"s", "bos", "start_of_turn"}
"""tokens with which texts begin: they have no end"""
_OPEN_FENCE = re.compile(
    rf"(?:{_FENCE}(?:json[c5]?|javascript|js|text)?|<(?P<tag>(?:final_)?answer|json|output|response|result|verdict)>)\s*\Z",
    re.IGNORECASE,
)
_MARKS: dict[VerdictForm, Callable[[str], Verdict]] = {
    VerdictForm.BRACKETS: parse_brackets,
    VerdictForm.RESULT: parse_result,
    VerdictForm.LETTER: parse_letter,
}
"""what reads the one verdict of a reply that is no object"""


def parse_verdicts(text: str, criteria: Sequence[str]) -> dict[str, Verdict]:
    """Return the verdict on each criterion, in the rubric's order.

    Accepted is one JSON object in the schema's form after all thinking, bare or in one fence, with nothing after it:
    nobody can list the ways to take back a verdict. Two objects, duplicate keys, and missing or unknown criteria,
    fields or verdicts are refused: a verdict is never guessed.

    Raises:
        UnparsedError: says what is wrong with the reply.
    """
    return _check(read_object(text), criteria)


def _check(reply: dict[str, Any], criteria: Sequence[str]) -> dict[str, Verdict]:
    if reply.keys() != set(criteria):
        raise UnparsedError(f"criteria are {sorted(reply)}, asked were {sorted(criteria)}")
    return {name: _verdict(name, reply[name]) for name in criteria}


def _after_answers(text: str, criteria: Sequence[str]) -> dict[str, Verdict]:
    """Return the verdicts of a reply that begins with the final answers of the traces (errors as above)."""
    reply = read_object(text)
    if next(iter(reply), None) != ANSWERS:
        raise UnparsedError("the traces' final answers do not stand before the verdicts")
    _answers(reply)
    return _check({name: value for name, value in reply.items() if name != ANSWERS}, criteria)


def parse_answers(text: str) -> tuple[str, str] | None:
    """Return the final answers that a reply states of the traces, in the order shown; None where it states none.

    Raises:
        UnparsedError: it does not hold one object.
    """
    reply = read_object(text, prose_after=True)
    return _answers(reply) if ANSWERS in reply else None


def _answers(reply: dict[str, Any]) -> tuple[str, str]:
    given = reply[ANSWERS]
    if not isinstance(given, dict) or tuple(given) != ANSWER_FIELDS:
        raise UnparsedError(f"{ANSWERS}: expected an object with {', '.join(ANSWER_FIELDS)}")
    first, second = given.values()
    if not (isinstance(first, str) and isinstance(second, str) and is_text(first + second)):
        raise UnparsedError(f"{ANSWERS}: every field must be text")
    return first, second


def interpret(reply: Reply, criteria: Sequence[str], form: VerdictForm = VerdictForm.SCHEMA) -> Result:
    """Return what a reply says of a pair: verdicts, or why there are none.

    Args:
        reply: as it came.
        criteria: what it must speak of, in the rubric's order; one alone where the form is not the schema's.
        form: in which it gives its verdicts.
    """
    if form is VerdictForm.SCHEMA:
        return read_reply(reply, lambda text: Judged(verdicts=parse_verdicts(text, criteria)))
    if form is VerdictForm.ANSWERS:
        return read_reply(reply, lambda text: Judged(verdicts=_after_answers(text, criteria)))
    (criterion,) = criteria
    if reply.letters:
        return read_reply(reply, lambda text: Judged.softly({criterion: parse_chances(text, reply.letters)}))
    return read_reply(reply, lambda text: Judged(verdicts={criterion: _MARKS[form](text)}))


def read_reply(reply: Reply, parse: Callable[[str], Result]) -> Result:
    """Return what a reply says as `parse` reads its text, or why it says nothing. A reply that was cut is never parsed.

    Args:
        reply: as it came.
        parse: raises UnparsedError for a text that does not hold exactly what was asked for.
    """
    try:
        if reply.cut is None or (reply.cut is FailureKind.TRUNCATED and _ends_in_space(reply.text)):
            return parse(reply.text)
    except UnparsedError as error:
        if reply.cut is None:
            return Failed(failure=FailureKind.UNPARSED, detail=str(error)[:DETAIL_CHARS])
    return Failed(failure=reply.cut, detail=_why_cut(reply))


def _ends_in_space(text: str) -> bool:
    """Tell whether a reply is one object and white space to its limit, as grammars allow: nothing of it is missing."""
    return text.endswith(("\n", " ", "\t", "\r")) and text.rstrip().endswith("}")


def _why_cut(reply: Reply) -> str:
    """Say why a reply is not whole, in the server's words, and what there is of it."""
    tells = reply.stop is not None and (reply.cut is FailureKind.UNUSABLE or reply.stop.lower() not in _ORDINARY_STOPS)
    said = reply.problem or (f"stop reason {reply.stop!r}" if tells else "")
    text = "" if reply.cut is FailureKind.UNPARSED else reply.text  # it can be read, and is not to be trusted yet
    return ": ".join(part for part in (said, text) if part)[:DETAIL_CHARS]


def parse_evidence(text: str, criteria: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the quotations from the first and the second trace on each criterion of a reply that has verdicts.

    Earlier versions took verdicts from replies with prose after the object: their quotations are read too.
    """
    reply = read_object(text, prose_after=True)
    reply.pop(ANSWERS, None)
    _check(reply, criteria)
    return {name: (reply[name][EVIDENCE_FIELDS[0]], reply[name][EVIDENCE_FIELDS[1]]) for name in criteria}


def _verdict(name: str, given: object) -> Verdict:
    if not isinstance(given, dict) or given.keys() != _FIELDS:
        raise UnparsedError(f"{name}: expected an object with {', '.join(sorted(_FIELDS))}")
    first, second, said = given["evidence_1"], given["evidence_2"], given["verdict"]
    if not (isinstance(first, str) and isinstance(second, str) and isinstance(said, str)):
        raise UnparsedError(f"{name}: every field must be a string")
    if not is_text(first + second):
        raise UnparsedError(f"{name}: half a surrogate pair is not text")
    verdict = _VERDICTS.get(said.strip().lower()) if said.isascii() else None
    if verdict is None:
        raise UnparsedError(f"{name}: unknown verdict {said[:40]!r}")
    return verdict


def is_text(given: str) -> bool:
    """Tell whether a string can be written: it holds no half of a surrogate pair."""
    return given.isascii() or _SURROGATE.search(given) is None


def read_object(text: str, *, prose_after: bool = False) -> dict[str, Any]:
    """Return the one JSON object that a reply holds after its thinking.

    Args:
        text: the reply.
        prose_after: allow prose after the object that holds no other one.

    Raises:
        UnparsedError: says what is wrong with the reply.
    """
    final = final_text(text)
    if (n_braces := final.count("{")) > MOST_BRACES:
        raise UnparsedError(f"the reply holds {n_braces:,} opening braces")
    opens = _OBJECT_OPENS.search(final)
    if opens is None:
        raise UnparsedError("the reply holds 0 JSON objects")
    value, end = _load(final, opens.start())
    before, after = final[: opens.start()], final[end:]
    if not prose_after or _OBJECT_OPENS.search(after):
        _check_around(before, after)
    return value


def _check_around(before: str, after: str) -> None:
    """Raise UnparsedError unless an object stands bare or in one fence, and nothing follows it."""
    if any(before.count(opening) != before.count(closing) for opening, closing in ("{}", "[]")):
        raise UnparsedError("the JSON object stands within something that is not closed")
    fence = _OPEN_FENCE.search(before)
    introduction = before[: fence.start()] if fence else before
    require_meant(introduction)
    if _is_within_tag(introduction):
        raise UnparsedError("the JSON object is introduced as a draft, or stands within a tag that is not closed")
    if before.count(_FENCE) > (fence is not None and not fence["tag"]):
        raise UnparsedError("the reply holds a fenced block beside the JSON object")
    closing = f"</{fence['tag']}>" if fence and fence["tag"] else _FENCE
    after = after.lstrip()
    if after[: len(closing)].lower() == closing.lower():
        after = after[len(closing) :]
    require_end(after, of="JSON object")
    require_announced(introduction)


def _is_within_tag(before: str) -> bool:
    """Tell whether a tag before an object is not closed."""
    opened = set[str]()
    for tag in _TAG.finditer(unescape(before).lower()):
        if name := tag["heads"] or tag["last"]:
            opened.add(name)
        else:
            opened.discard("!--" if tag["comment"] else tag["closes"])
    return bool(opened - _BEGINNINGS)


def _load(text: str, start: int) -> tuple[dict[str, Any], int]:
    """Read the JSON object that begins there; return it and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except UnparsedError:
        raise
    except RecursionError:
        raise UnparsedError("nested too deeply") from None
    except ValueError as error:
        raise UnparsedError(f"not JSON: {error}") from None
    return value, end


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise UnparsedError("an object has the same key twice")
    return keys


def _no_constant(name: str) -> NoReturn:
    raise UnparsedError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
