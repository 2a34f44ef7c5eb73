"""A survey of items in words, and as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from judge.files.safe_text import safe
from judge.inputs.item_survey import ItemSurvey, Repeats, Shared


def survey_lines(surveys: Sequence[ItemSurvey], shared: Sequence[Shared]) -> Iterator[str]:
    """Yield what a person is told, safe for a terminal."""
    for survey in surveys:
        yield f"{safe(survey.path)}: {survey.n_items:,} items"
        yield from (f"  {line}" for line in _about(survey))
    for one in shared:
        if one.n_questions or one.n_images:
            both = " and ".join(map(safe, one.paths))
            yield f"{both} share {one.n_questions:,} questions and {one.n_images:,} images"


def survey_record(surveys: Sequence[ItemSurvey], shared: Sequence[Shared]) -> dict[str, Any]:
    """Return the same as JSON values."""
    return {
        "files": [
            {
                name: getattr(survey, name)
                for name in ItemSurvey.__dataclass_fields__
                if name not in {"n_options", "n_images", "same_question", "same_item", "same_image"}
            }
            | {"n_options": _counts(survey.n_options), "n_images": _counts(survey.n_images)}
            | {name: _told(getattr(survey, name)) for name in ("same_question", "same_item", "same_image")}
            | {"shares": [one._asdict() for one in survey.shares]}
            | {"habit": survey.habit and survey.habit._asdict()}
            for survey in surveys
        ],
        "shared": [{"paths": one.paths, "questions": one.n_questions, "images": one.n_images} for one in shared],
    }


def _about(survey: ItemSurvey) -> Iterator[str]:
    options = ", ".join(f"{n} options: {count:,}" for n, count in sorted(survey.n_options.items()) if n)
    without = survey.n_options[0]
    yield f"questions: {survey.n_questions:,}; {options or 'no options'}" + (
        f"; without options: {without:,}" if without and options else ""
    )
    answers = f"right answers: {survey.n_answers:,}"
    answers += f"; {survey.n_unread:,} name none of the options" if survey.n_unread else ""
    yield answers + (f"; {survey.n_several:,} name several" if survey.n_several else "")
    with_images = {n: count for n, count in sorted(survey.n_images.items()) if n}
    images = ", ".join(f"{n} each: {count:,}" for n, count in with_images.items())
    yield f"images: {images or 'none'}; references: {survey.n_references:,}; checklists: {survey.n_checklists:,}"
    if survey.fields:
        names = ", ".join(f"{safe(name)} ({count:,})" for name, count in sorted(survey.fields.items()))
        yield f"other fields, kept as metadata: {names}"
    if shares := survey.shares:
        told = ", ".join(
            f"{safe(one.letter)} {100 * one.share:.1f} % [{100 * one.low:.1f}, {100 * one.high:.1f}]" for one in shares
        )
        yield f"the right letter: {told}"
        note = ": a letter habit could pass for knowledge" if survey.habit else ""
        yield f"always answering {safe(shares[0].letter)} would score {100 * shares[0].share:.1f} %{note}"
    for what, repeats in (
        ("the same question", survey.same_question),
        ("the same question, options and images", survey.same_item),
        ("the same image", survey.same_image),
    ):
        if repeats.n_items:
            yield f"{what}: {repeats.n_items:,} items in {repeats.n_groups:,} groups, such as {_ids(repeats)}"
    if survey.given_away:
        ids = ", ".join(map(safe, survey.given_away[:3]))
        yield f"the right answer stands in the question: {len(survey.given_away):,} items, such as {ids}"


def _ids(repeats: Repeats) -> str:
    return "; ".join(" = ".join(map(safe, ids)) for ids in repeats.examples)


def _counts(counts: dict[int, int]) -> dict[str, int]:
    return {str(n): count for n, count in sorted(counts.items())}


def _told(repeats: Repeats) -> dict[str, Any]:
    return {"items": repeats.n_items, "groups": repeats.n_groups, "examples": repeats.examples}
