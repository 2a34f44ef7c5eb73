"""A compared item as JSON values for display: the pair, every judgment with its evidence, the prompts sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import to_builtins
from msgspec.structs import asdict

from judge.enums import Method, Stratum, Unplaced
from judge.outcomes.counted_items import CriterionItems, Pooling, Subject, fold_panel
from judge.outcomes.rates import Basis
from judge.outcomes.tally import winner
from judge.prompting.correctness import chosen_options, is_right, right_labels
from judge.prompting.final_text import UnparsedError
from judge.prompting.pairwise_prompt import trace_body
from judge.prompting.pairwise_reply import parse_evidence
from judge.prompting.retry_prompt import note_after
from judge.schema import Failed, Judged, Order, Outcome, Trace

if TYPE_CHECKING:
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.schema import Image, Item, Judgment, Pair, Prompt

_UNUSED_BASIS = Basis(Method.WILSON, seed=0)
"""counting items needs no interval"""


class Outcomes(NamedTuple):
    """By criterion and item, as the report counts them; an item that is not there is missing."""

    together: Mapping[str, Mapping[str, Outcome]]
    alone: Mapping[str, Mapping[str, Mapping[str, Outcome]]]
    """by judge, where a panel has several"""


class Journey(NamedTuple):
    """One request with the judgment that counts, and how many of its judgments do not."""

    judgment: Judgment
    earlier: int


def journeys(judgments: Iterable[Judgment]) -> list[Journey]:
    """Return for each key the judgment that the report counts: the last with verdicts, else the last failure.

    They are whole, and in the order of the keys' first arrival.
    """
    by_key: dict[str, Journey] = {}
    for judgment in judgments:
        known = by_key.get(judgment.key)
        if known is None:
            by_key[judgment.key] = Journey(judgment, earlier=0)
        else:
            fails = isinstance(judgment.result, Failed) and not isinstance(known.judgment.result, Failed)
            by_key[judgment.key] = Journey(known.judgment if fails else judgment, known.earlier + 1)
    return list(by_key.values())


def journeys_by_item(judgments: Iterable[Judgment]) -> dict[str, list[Journey]]:
    """Return `journeys` by item."""
    by_item: dict[str, list[Journey]] = {}
    for journey in journeys(judgments):
        by_item.setdefault(journey.judgment.item, []).append(journey)
    return by_item


def outcomes(latest: LatestJudgments, subject: Subject, pooling: Pooling = Pooling.MEAN) -> Outcomes:
    """Fold judgments as the report does, for the panel and for each judge of several."""
    panel = fold_panel(latest, subject, _UNUSED_BASIS, pooling)
    alone = {judge: _outcomes(counted) for judge, counted in panel.alone.items()}
    return Outcomes(_outcomes(panel.together), alone if len(alone) > 1 else {})


def _outcomes(counted: Mapping[str, CriterionItems]) -> dict[str, dict[str, Outcome]]:
    return {
        name: {item: Outcome(outcome) for item, outcome in own.items.select("item", "outcome").iter_rows()}
        for name, own in counted.items()
    }


def stratum(pair: Pair) -> Stratum | Unplaced:
    """Return which of the two final answers are right."""
    if pair.item.answer is None:
        return Unplaced.NO_ANSWER
    match is_right(pair.a, pair.item), is_right(pair.b, pair.item):
        case True, True:
            return Stratum.BOTH_RIGHT
        case True, False:
            return Stratum.ONLY_A_RIGHT
        case False, True:
            return Stratum.ONLY_B_RIGHT
        case False, False:
            return Stratum.BOTH_WRONG
        case _:
            return Unplaced.UNREADABLE


def describe_pair(pair: Pair) -> dict[str, Any]:
    """Return a pair as JSON values, all texts as they came."""
    return describe_item(pair.item) | {"a": describe_trace(pair.a, pair.item), "b": describe_trace(pair.b, pair.item)}


def describe_item(item: Item) -> dict[str, Any]:
    """Return an item as JSON values."""
    return {
        "question": item.question,
        "options": [[letter, text] for letter, text in item.options.items()],
        "right": list(right_labels(item)),
        "answer": item.answer,
        "reference": item.reference_reasoning,
        "missing_images": item.missing_images,
        "fields": {**item.meta, **item.subgroup},
    }


def describe_trace(trace: Trace, item: Item) -> dict[str, Any]:
    """Return a trace as JSON values."""
    text = trace_body(trace)
    told: dict[str, Any] = {"text": text}
    if trace.final and text != trace.text:
        told["final_chars"] = len(trace.final.encode("utf-16-le", "surrogatepass")) // 2  # as a browser counts
    if trace.cut:
        told["cut"] = True
    return told | {
        "model": trace.model,
        "answer": trace.answer,
        "chosen": list(chosen_options(trace, item)),
        "right": is_right(trace, item),
    }


def describe_judgment(journey: Journey, criteria: Sequence[str], repair: str | None = None) -> dict[str, Any]:
    """Return a request as JSON values: verdicts with their winners, evidence by model, the raw reply.

    Args:
        journey: the request.
        criteria: of the rubric.
        repair: see `describe_request`.
    """
    told, judgment = describe_request(journey, repair), journey.judgment
    if isinstance(judgment.result, Judged):
        told["verdicts"] = {
            name: {"said": verdict.value, "winner": winner(verdict, judgment.order).value}
            | (asdict(chances) if (chances := judgment.result.chances.get(name)) else {})
            for name, verdict in judgment.result.verdicts.items()
        }
        quotations = slot_quotations(judgment, criteria)
        told["evidence"] = {
            name: dict(sorted(zip(sides_of(judgment.order), quoted, strict=True)))
            for name, quoted in quotations.items()
        }
    return told


def describe_request(journey: Journey, repair: str | None = None) -> dict[str, Any]:
    """Return a request of any kind as JSON values: its attempts, and why it failed.

    Args:
        journey: the request.
        repair: the run's note to a judge whose reply cannot be read: each attempt after which it was sent has it filled
            in, as `note`.
    """
    judgment = journey.judgment
    told: dict[str, Any] = to_builtins(judgment)
    del told["result"], told["item"]
    told.pop("reader", None)
    told["earlier"] = journey.earlier
    for attempt, own in zip(judgment.attempts, told.get("attempts", ()), strict=True):
        if (note := note_after(attempt, repair)) is not None:
            own["note"] = note
    if isinstance(judgment.result, Failed):
        failure, detail, criterion = judgment.result.failure, judgment.result.detail, judgment.result.criterion
        told["failure"] = {"kind": failure.value, "detail": detail, "criterion": criterion}
    return told


def numbered_prompts(
    asked: Iterable[tuple[dict[str, Any], Prompt | None]], known: Sequence[str]
) -> list[dict[str, Any]]:
    """Return an item's distinct prompts, and give each of its judgments the index of its own, as `prompt`.

    Args:
        asked: told judgments with what was sent; None: that is not known.
        known: long texts, which prompts hold by their numbers (see `describe_prompt`).
    """
    different: list[dict[str, Any]] = []
    for told, prompt in asked:
        if prompt is not None:
            sent = describe_prompt(prompt, known)
            if sent not in different:
                different.append(sent)
            told["prompt"] = different.index(sent)
    return different


def slot_quotations(judgment: Judgment, criteria: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """Return by criterion what the judge quoted of each slot's trace; nothing of a reply in another form.

    Imported replies hold no quotations that can be read.
    """
    if judgment.reply is None:
        return {}
    try:
        return parse_evidence(judgment.reply.text, criteria)
    except UnparsedError:
        return {}


def sides_of(order: Order) -> str:
    """Return which model's trace stood in the first slot, and which in the second: "ab" or "ba"."""
    return "ab" if order is Order.FORWARD else "ba"


def describe_prompt(prompt: Prompt, known: Sequence[str]) -> dict[str, Any]:
    """Return a prompt whose long known texts (the question, the traces) are written as their numbers."""
    return {
        "system": prompt.system,
        "shared": refer(prompt.shared, known),
        "traces": refer(prompt.traces, known),
        "images": [list(named_image(image)) for image in prompt.images],
    }


def named_image(image: Image) -> tuple[str, str, str]:
    """Return an image's media type, the first 12 digits of its sha256, and its file's name."""
    return image.media_type, image.sha256[:12], PurePath(image.path).name


def refer(text: str, known: Sequence[str]) -> list[str | int]:
    """Split a text so that each occurrence of a known text is its number; joined again it is the text.

    Longer texts go first, so that one within another does not cut it.
    """
    parts: list[str | int] = [text]
    for number in sorted(range(len(known)), key=lambda n: -len(known[n])):
        if known[number]:
            parts = [piece for part in parts for piece in _cut(part, known[number], number)]
    return parts


def _cut(part: str | int, known: str, number: int) -> list[str | int]:
    if isinstance(part, int):
        return [part]
    pieces: list[str | int] = []
    for piece in part.split(known):
        pieces += [piece, number] if piece else [number]
    return pieces[:-1]
