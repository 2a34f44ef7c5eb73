"""Details of lighteval (`--save-details`), Parquet: `doc` and `model_response` (0.10 on), or columns apart (before)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from judge.convert.messages import image_fields, named_images
from judge.convert.output import Row
from judge.convert.values import Record, id_or_row, object_at, options_at, present, text_at
from judge.files.fields import RecordProblem

_OLD = {"full_prompt", "predictions", "gold_index"}


def is_lighteval(record: Record) -> bool:
    """Return whether a record is the row of one document."""
    return record.keys() >= _OLD or all(isinstance(record.get(name), dict) for name in ("doc", "model_response"))


def read_lighteval(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each text that the model generated; likelihoods are no texts."""
    old = "model_response" not in record
    doc, response = (record, record) if old else (object_at(record, "doc"), object_at(record, "model_response"))
    texts = response.get("predictions" if old else "text")
    thoughts, images = response.get("reasonings"), image_fields(named_images(doc.get("images")))
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise RecordProblem("no generated text", "a task of likelihoods generates nothing: run a generative one")
    for number, text in enumerate(texts):
        thought = thoughts[number] if isinstance(thoughts, list) and number < len(thoughts) else None
        yield Row(
            id=id_or_row(record, id_path) if id_path else id_or_row(doc, None, "id"),
            text=text,
            reasoning=thought or "",
            fields={**_item(doc, question=text_at(doc, "full_prompt" if old else "query")), **images},
        )


def _item(doc: Record, *, question: str) -> Mapping[str, Any]:
    """Return the item; choices that are letters alone stand with their texts within the question."""
    choices, gold = doc.get("choices"), doc.get("gold_index")
    choices = choices if isinstance(choices, list) else []
    places = gold if isinstance(gold, list) else [gold]
    right = [choices[at] for at in places if isinstance(at, int) and 0 <= at < len(choices)]
    letters = all(isinstance(one, str) and len(one.strip()) == 1 for one in choices)
    options = options_at(choices) if len(choices) > 1 and not letters else None
    if options:
        named = [list(options)[at] for at in places if isinstance(at, int) and at < len(options)]
        return present(question=question, options=options, answer=named)
    return present(question=question, answer=[one.strip() for one in right if isinstance(one, str)])
