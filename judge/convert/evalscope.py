"""Files of EvalScope 1.0 on: `predictions/<model>/<dataset>_<subset>.jsonl`, and the reviews beside them."""

from __future__ import annotations

from collections.abc import Iterator

from judge.convert.messages import asked, choice_row, image_fields, images_in
from judge.convert.output import NoTrace, Row
from judge.convert.values import Record, answer_at, object_at, objects_at, optional_text, present, record_id, text_at


def is_evalscope(record: Record) -> bool:
    """Return whether a record is one prediction or one review."""
    return "index" in record and ("sample_score" in record or isinstance(record.get("model_output"), dict))


def read_evalscope(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each choice of a prediction, or the one that a review is of."""
    id_, messages = record_id(record, id_path or "index"), objects_at(record, "messages")
    question = asked(messages) or text_at(record, "input").removeprefix("**User**:").strip()
    item = present(question=question, answer=answer_at(record.get("target"))) | image_fields(images_in(messages))
    if "sample_score" in record:
        score = object_at(object_at(record, "sample_score"), "score")
        yield Row(id=id_, text=text_at(score, "prediction"), fields=item)
        return
    output = object_at(record, "model_output")
    model = optional_text(record, "model") or optional_text(output, "model")
    if output.get("error"):
        yield Row(id=id_, model=model, no_trace=NoTrace.ERROR, detail=str(output["error"]), fields=item)
        return
    for choice in objects_at(output, "choices"):
        yield choice_row(id_, choice, model=model, fields=item)
