"""A run as rows of tidy tables, and as preferences to train on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from msgspec.structs import asdict

from judge.audit.audited_item import slot_quotations
from judge.costs.spending import cost_of
from judge.enums import Method
from judge.errors import InputError
from judge.outcomes.counted_items import fold_panel
from judge.outcomes.item_features import as_group
from judge.outcomes.rates import Basis
from judge.outcomes.tally import fold, winner
from judge.prompting.pairwise_prompt import shown_text
from judge.schema import Failed, Judged, Outcome, Winner

if TYPE_CHECKING:
    from judge.audit.audited_item import Journey
    from judge.outcomes.counted_items import CriterionItems, Subject
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.prompting.trace_answers import TraceAnswers
    from judge.schema import Item, Pair, Price, Trace

Row = dict[str, Any]
_TEXT, _NUMBER, _COUNT = pl.String(), pl.Float64(), pl.Int64()
FOLDED = ("outcome", "credit", "forward", "swapped", "consistent")
ITEMS: dict[str, pl.DataType] = {
    "item": _TEXT,
    "criterion": _TEXT,
    "question": _TEXT,
    "outcome": _TEXT,
    **dict.fromkeys(FOLDED[1:], _NUMBER),
    "stratum": _TEXT,
    "right_a": pl.Boolean(),
    "right_b": pl.Boolean(),
}
"""One row an item and criterion; a column `by_FIELD` follows for each field of the items."""
TOKENS = ("input", "cache_read", "cache_write", "output", "reasoning")
TOOK: dict[str, pl.DataType] = {
    "model": _TEXT,
    **{f"tokens_{kind}": _COUNT for kind in TOKENS},
    "usd": _NUMBER,
    "latency_s": _NUMBER,
    "time": _TEXT,
    "earlier": _COUNT,
    "key": _TEXT,
}
"""what the replies to a request took, in any table of judgments"""
JUDGMENTS: dict[str, pl.DataType] = {
    "item": _TEXT,
    "criterion": _TEXT,
    "order": _TEXT,
    "judge": _TEXT,
    "sample": _COUNT,
    "verdict": _TEXT,
    "winner": _TEXT,
    "failure": _TEXT,
    "evidence_1": _TEXT,
    "evidence_2": _TEXT,
    **TOOK,
}
"""One row a judgment that counts and criterion; from `model` on, a judgment's values are the same in all its rows."""
CHANCES: dict[str, pl.DataType] = dict.fromkeys(("p_first", "p_tie", "p_second"), _NUMBER)
"""of soft verdicts: further columns where a run has some"""
LABELS: dict[str, pl.DataType] = {
    **dict.fromkeys(("item", "criterion", "winner", "order", "reader", "time", "reason", "draw"), _TEXT),
    "weight": _NUMBER,
}
"""One row a label."""


class Provenance(NamedTuple):
    """Where every preference of a file comes from."""

    criterion: str
    judges: Sequence[str]
    model_a: str
    model_b: str
    run: str
    judge_prompt: str
    """the prompt's label; empty where the judgments were made elsewhere"""
    images: bool
    """whether some item of the file has images"""


def counted_items(latest: LatestJudgments, subject: Subject) -> dict[str, CriterionItems]:
    """Fold judgments by criterion as the report does, the judges averaged."""
    return fold_panel(latest, subject, Basis(Method.WILSON, seed=0)).together  # counting needs no interval


def item_row(pair: Pair, answers: TraceAnswers) -> Row:
    """Return what the table of items holds of a pair, whatever the criterion."""
    right_a, right_b = answers.right(pair)
    return {
        "item": pair.item.id,
        "question": pair.item.question,
        "stratum": answers.stratum(pair).value,
        "right_a": right_a,
        "right_b": right_b,
        **field_columns(pair.item.subgroup),
    }


def field_columns(fields: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the columns of an item's fields, values as the report's groups are called."""
    return {f"by_{name}": as_group(value) for name, value in fields.items()}


def item_rows(known: Sequence[Row], counted: Mapping[str, CriterionItems]) -> Iterator[Row]:
    """Yield a row for each item and criterion.

    Args:
        known: rows of `item_row`, or what else is known beside the item.
        counted: folded items by criterion; an item that is not there is missing.
    """
    ids = pl.DataFrame({"item": [row["item"] for row in known]}, schema={"item": pl.String})
    missing = pl.col("outcome").fill_null(Outcome.MISSING.value)
    folded = [
        ids.join(own.items, on="item", how="left", maintain_order="left")
        .select(pl.col(FOLDED).exclude("outcome"), missing)
        .iter_rows(named=True)
        for own in counted.values()
    ]
    for row, *outcomes in zip(known, *folded, strict=True):
        for criterion, outcome in zip(counted, outcomes, strict=True):
            yield {**row, "criterion": criterion, **outcome}


_REQUEST = ("item", "order", "judge", "sample", "latency_s", "time", "key")


def request_row(journey: Journey, prices: Mapping[str, Price]) -> Row:
    """Return what any table of judgments holds of a request: who was asked what, and what the replies took."""
    judgment = journey.judgment
    usd, known = (cost_of(judgment, prices), TOKENS) if judgment.replies else (None, ())
    return {
        **{name: getattr(judgment, name) for name in _REQUEST},
        "model": judgment.reply.model if judgment.reply else None,
        **{f"tokens_{kind}": sum(getattr(reply.usage, kind) for reply in judgment.replies) for kind in known},
        "usd": None if usd is None else float(usd),
        "earlier": journey.earlier,
    }


def judgment_rows(journey: Journey, criteria: Sequence[str], prices: Mapping[str, Price]) -> Iterator[Row]:
    """Yield a row for each criterion of a judgment; a failure has one for each criterion that it left out."""
    judgment, shared = journey.judgment, request_row(journey, prices)
    if isinstance(judgment.result, Failed):
        for name in [judgment.result.criterion] if judgment.result.criterion else criteria:
            yield {**shared, "criterion": name, "failure": judgment.result.failure.value}
        return
    if not isinstance(judgment.result, Judged):
        return
    quotations = slot_quotations(judgment, criteria)
    for name, verdict in judgment.result.verdicts.items():
        said = {"criterion": name, "verdict": verdict.value, "winner": winner(verdict, judgment.order).value}
        chances = judgment.result.chances.get(name)
        evidence = zip(("evidence_1", "evidence_2"), quotations.get(name, ()), strict=False)
        yield {**shared, **said, **dict(evidence), **(asdict(chances) if chances else {})}


def agreed_items(latest: LatestJudgments, subject: Subject, criterion: str) -> dict[str, tuple[str, float]]:
    """Return the items that the report counts as wins of a or of b on a criterion, with how agreed they are.

    Args:
        latest: the judgments.
        subject: what was planned.
        criterion: one of the subject's.

    Returns:
        By item its outcome, and in [0, 1] the share of complete samples, of all judges, whose own outcome is the same.
    """
    items = counted_items(latest, subject._replace(criteria=[criterion]))[criterion].items
    wins = items.filter(pl.col("outcome").is_in([Outcome.A, Outcome.B])).select("item", "outcome")
    alone = fold(latest.on(criterion), orders=subject.orders, by=("judge", "sample"))
    same = (pl.col("outcome") == pl.col("outcome_alone")).mean()
    agreed = (
        wins.join(alone, on="item", suffix="_alone")
        .group_by("item")
        .agg(pl.col("outcome").first().cast(pl.String), same=same)
        .sort("item")
    )
    return {item: (outcome, share) for item, outcome, share in agreed.iter_rows()}


def preference(pair: Pair, outcome: str, agreement: float, source: Provenance) -> Row:
    """Return a preference in TRL's conversational format: a prompt and the two traces, the winner's chosen.

    Raises:
        InputError: the item has nothing that could be a prompt.
    """
    sides = [(pair.a, source.model_a), (pair.b, source.model_b)]
    (chosen, chosen_model), (rejected, rejected_model) = sides if outcome == Winner.A.value else sides[::-1]
    return {
        "prompt": [{"role": "user", "content": _prompt(pair.item)}],
        "chosen": _reply(chosen),
        "rejected": _reply(rejected),
        **({"images": [image.path for image in pair.item.images]} if source.images else {}),
        "item": pair.item.id,
        "criterion": source.criterion,
        "judges": list(source.judges),
        "chosen_model": chosen_model,
        "rejected_model": rejected_model,
        "agreement": agreement,
        "run": source.run,
        "judge_prompt": source.judge_prompt,
    }


def _prompt(item: Item) -> str:
    options = "\n".join(f"{letter}. {text}" for letter, text in item.options.items())
    text = "\n\n".join(part for part in (item.question, options) if part)
    if not text and not item.images:
        hint = "a preference needs a prompt: compare traces that have questions, or give --items"
        raise InputError("--to dpo", f"item {item.id!r} has no question", hint)
    return text


def _reply(trace: Trace) -> list[dict[str, str]]:
    """Return the model's output as it gave it; where it was not parted, with the answer that its record states."""
    is_known = trace.marks or trace.final
    return [{"role": "assistant", "content": trace.output if is_known else shown_text(trace, answers=True)}]
