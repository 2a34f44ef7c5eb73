"""Samples of lm-evaluation-harness (`samples_<task>_<time>.jsonl`) and of lmms-eval (`<time>_samples_<task>.jsonl`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from judge.convert.output import Row
from judge.convert.values import Record, answer_at, object_at, options_at, present, record_id
from judge.files.fields import RecordFields, RecordProblem
from judge.files.option_fields import options_in_columns

_ONE_PER_REQUEST_AND_REPEAT = 2


def is_lm_eval(record: Record) -> bool:
    """Return whether a record is one document's sample, with the document."""
    return {"doc_id", "doc", "resps"} <= record.keys()


def is_lmms_eval(record: Record) -> bool:
    """Return whether a record is one document's sample without the document."""
    return {"doc_id", "filtered_resps"} <= record.keys() and "doc" not in record


def read_lm_eval(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each repeat: the raw response, beside what the record's filter took from it."""
    item = _item(object_at(record, "doc"), record.get("target"))
    yield from _rows(record, id_path, item, record.get("filter"))


def read_lmms_eval(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each response; the document was dropped, so that the items are needed apart."""
    yield from _rows(record, id_path, present(answer=answer_at(record.get("target"))), None)


def _rows(record: Record, id_path: str | None, item: Mapping[str, Any], filter_: object) -> Iterator[Row]:
    id_ = record_id(record, id_path or "doc_id")
    kept = record.get("resps")
    filtered = _texts(record.get("filtered_resps"))
    texts = filtered if kept is None else _texts(kept)
    if not texts:
        raise RecordProblem("no response", "resps and filtered_resps are empty or hold no text")
    filter_ = filter_ if isinstance(filter_, str) else None
    for index, text in enumerate(texts):
        taken = filtered[index] if index < len(filtered) and filtered[index] != text else None
        yield Row(
            id=id_,
            text=text,
            filter=filter_,
            fields=item,
            source=present(filter=filter_, filtered=taken, doc_hash=record.get("doc_hash"), prompt=_prompt(record)),
        )


def _texts(responses: object, depth: int = 0) -> list[str]:
    """Return the texts of responses, listed by request and repeat, or flattened."""
    match responses:
        case None:
            return []
        case str():
            return [responses]
        case list() if depth < _ONE_PER_REQUEST_AND_REPEAT:
            return [text for one in responses for text in _texts(one, depth + 1)]
        case _:
            raise RecordProblem(
                "the responses are no texts but likelihoods",
                "a multiple_choice task generates nothing: run a generate_until task",
            )


def _item(doc: Record, target: object) -> dict[str, Any]:
    """Return what the document tells of the item, where its fields have plain names."""
    question = next((doc[name] for name in ("question", "query") if isinstance(doc.get(name), str)), None)
    options = next((found for name in ("options", "choices") if (found := options_at(doc.get(name)))), None)
    options = options or options_in_columns(RecordFields(doc, {}))
    return present(question=question, options=options, answer=answer_at(target, options))


def _prompt(record: Record) -> str | None:
    match record:
        case {"arguments": {"gen_args_0": {"arg_0": str(prompt)}}} | {"input": str(prompt)}:
            return prompt
        case _:
            return None
