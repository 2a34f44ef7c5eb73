"""Scenario states of HELM (0.3 on): `scenario_state.json` of a run."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_uppercase
from typing import Any

from judge.convert.messages import image_fields, is_limit
from judge.convert.output import Cut, NoTrace, Row
from judge.convert.record_images import images_within
from judge.convert.values import Record, object_at, objects_at, optional_text, present, record_id, text_at
from judge.files.fields import RecordProblem


def is_helm(record: Record) -> bool:
    """Return whether a record is a whole scenario state."""
    return "adapter_spec" in record and "request_states" in record


def read_helm(record: Record, id_path: str | None) -> Iterator[Row]:
    """Yield a row for each completion; instances that are perturbed or asked in several trials repeat their id."""
    spec = object_at(record, "adapter_spec")
    model = optional_text(spec, "model") or optional_text(spec, "model_deployment")
    for state in objects_at(record, "request_states"):
        yield from _rows(state, id_path, model)


def _rows(state: Record, id_path: str | None, model: str | None) -> Iterator[Row]:
    if state.get("reference_index") is not None:
        raise RecordProblem("the requests ask for likelihoods", "give a run whose adapter has the model generate")
    instance, result = object_at(state, "instance"), object_at(state, "result")
    id_ = record_id(instance, id_path or "id")
    item = _item(instance, state)
    if result.get("success") is False or result.get("error"):
        yield Row(id=id_, model=model, no_trace=NoTrace.ERROR, detail=text_at(result, "error"), fields=item)
        return
    for completion in objects_at(result, "completions"):
        ended = completion.get("finish_reason")
        ended = ended.get("reason") if isinstance(ended, dict) else ended
        yield Row(
            id=id_,
            text=text_at(completion, "text"),
            reasoning=text_at(object_at(completion, "thinking"), "text"),
            model=model,
            cut=Cut.LIMIT if is_limit(ended) else None,
            fields=item,
            source=present(trial=state.get("train_trial_index"), finish_reason=ended),
        )


def _item(instance: Record, state: Record) -> dict[str, Any]:
    references = objects_at(instance, "references")
    texts = [text_at(object_at(one, "output"), "text") for one in references]
    right = [text for text, one in zip(texts, references, strict=True) if "correct" in (one.get("tags") or ())]
    mapping = object_at(state, "output_mapping") or dict(zip(ascii_uppercase, texts, strict=False))
    letters = {text: letter for letter, text in mapping.items()}
    options = dict(mapping) if len(texts) > 1 else {}
    answers = [letters.get(text, text) for text in right] if options else right
    given = object_at(instance, "input")
    media = objects_at(object_at(given, "multimedia_content"), "media_objects")
    question = text_at(given, "text") or "\n".join(filter(None, (text_at(one, "text") for one in media)))
    answer = answers[0] if len(answers) == 1 else answers
    return present(question=question, options=options, answer=answer) | image_fields(list(images_within(media)))
