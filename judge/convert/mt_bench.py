"""Answers of FastChat's MT-bench (`model_answer/<model>.jsonl`) and of arena-hard: 0.1 has `turns`, 2.0 `messages`."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.messages import asked
from judge.convert.output import NoTrace, Row
from judge.convert.values import Record, object_at, objects_at, optional_text, present, record_id, text_at
from judge.files.fields import RecordProblem

FAILED = "$ERROR$"
"""what both write in place of an answer that they did not get"""


def is_mt_bench(record: Record) -> bool:
    """Return whether a record is one model's answer, of any of the versions."""
    if {"uid", "model", "messages"} <= record.keys():
        return "ans_id" in record or "metadata" in record
    return {"question_id", "model_id", "choices"} <= record.keys()


def read_mt_bench(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each turn of each choice; a turn after the first is an item of its own, as `81.2`."""
    model = optional_text(record, "model_id") or optional_text(record, "model")
    if "messages" in record:
        messages = objects_at(record, "messages")
        yield _row(record_id(record, id_path or "uid"), _answer(messages), model, question=asked(messages))
        return
    id_ = record_id(record, id_path or "question_id")
    for choice in objects_at(record, "choices"):
        turns = choice.get("turns")
        if not isinstance(turns, list):
            raise RecordProblem("a choice without turns", "the file may be of another format; see --format")
        for number, turn in enumerate(turns, 1):
            text = text_at(turn, "content") if isinstance(turn, dict) else text_at({"turn": turn}, "turn")
            yield _row(id_ if number == 1 else f"{id_}.{number}", text, model, question="")


def _row(id_: str, text: str, model: str | None, *, question: str) -> Row:
    failed = NoTrace.ERROR if text == FAILED else None
    return Row(id=id_, text=text, model=model, no_trace=failed, fields=present(question=question))


def _answer(messages: list[Record]) -> str:
    """Return the last answer: a text, or an object that holds it."""
    last = next((one for one in reversed(messages) if one.get("role") == "assistant"), None)
    if last is None:
        raise RecordProblem("no answer among the messages", "the file may be of another format; see --format")
    return (
        text_at(object_at(last, "content"), "answer") if isinstance(last["content"], dict) else text_at(last, "content")
    )
