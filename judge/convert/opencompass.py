"""Predictions of OpenCompass (0.2 on): `predictions/<model>/<dataset>.json`, one object of numbered answers."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.output import Row
from judge.convert.values import Record, answer_at, object_at, objects_at, present, text_at
from judge.files.fields import RecordProblem


def is_opencompass(record: Record) -> bool:
    """Return whether a record is a whole file of answers."""
    answers = list(record.values())
    return bool(answers) and all(
        isinstance(one, dict) and "prediction" in one and ("origin_prompt" in one or "gold" in one) for one in answers
    )


def read_opencompass(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each answer, or for each of several to one question; its id is its number in the file."""
    if id_path:
        raise RecordProblem(f"nothing lies at {id_path}", "leave --id out: the answers are numbered")
    for id_ in record:
        answer = object_at(record, id_)
        given = answer.get("prediction")
        texts = given if isinstance(given, list) else [given]
        item = present(question=_prompt(answer), answer=answer_at(answer.get("gold")))
        for text in texts:
            yield Row(id=id_, text=text_at({"prediction": text}, "prediction"), fields=item)


def _prompt(answer: Record) -> str:
    """Return the last thing that was asked: before it stand examples and a system prompt."""
    if not isinstance(answer.get("origin_prompt"), list):
        return text_at(answer, "origin_prompt")
    asked = [one for one in objects_at(answer, "origin_prompt") if one.get("role") == "HUMAN"]
    return text_at(asked[-1], "prompt") if asked else ""
