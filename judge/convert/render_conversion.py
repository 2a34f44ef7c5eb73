"""The counts of a conversion, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from judge.convert.choose_traces import BARE_ANSWER, Counts, ModelCount
from judge.files.safe_text import safe

_REASONS = {"truncated": "cut at the token limit before any text"}
_CUTS = {
    "limit": "Cut at the model's token limit, and kept as they are",
    "excel": "Cut by Excel, which keeps 32,767 characters of a cell (have the generator write TSV or JSON)",
}


def lines(counts: Counts, *, sample: int | None, all_samples: bool) -> Iterator[str]:
    """Yield what a person is told, safe for a terminal."""
    for file in counts.files:
        yield f"{_one_line(file.path)}: {file.title} ({file.format}), {_count(file.rows, 'row')}"
    yield ledger(counts)
    if counts.bad_rows:
        yield f"{_count(counts.bad_rows, 'record')} left out that could not be read (--skip-bad)"
    if counts.other_filters:
        others = ", ".join(_named(name) for name in counts.other_filters)
        yield f"Of each output the rows of filter {_named(counts.filter)} are taken; others: {others} (--filter)"
    if counts.repeated_ids:
        yield f"{_count(counts.repeated_ids, 'id')} with several rows: {_taken(sample, all_samples=all_samples)}"
    for name, model in counts.models.items():
        yield _model(name, model)
    for cut, count in counts.cut.items():
        yield f"{_CUTS[cut]}: {_count(count, 'trace')}"
    if counts.example is not None:
        yield f"For example {_one_line(counts.example.id)}: {_one_line(counts.example.trace)}"


def as_record(counts: Counts) -> dict[str, Any]:
    """Return the same as JSON values."""
    return vars(counts) | {
        "files": [file._asdict() for file in counts.files],
        "without_trace": {reason.value: count for reason, count in counts.without_trace.items()},
        "models": [
            {
                "model": name or None,
                "traces": model.traces,
                "without_reasoning": model.without_reasoning,
                "share_without_reasoning": model.without_reasoning / model.traces,
                "bare_answers": model.bare_answers,
            }
            for name, model in counts.models.items()
        ],
        "example": counts.example._asdict() if counts.example else None,
    }


def ledger(counts: Counts) -> str:
    """Return where every row went, in a sentence."""
    terms = [_count(counts.traces, "trace")]
    if missing := counts.without_trace.total():
        reasons = ", ".join(f"{_REASONS.get(reason, reason)} {count}" for reason, count in counts.without_trace.items())
        terms.append(f"{missing} without a trace ({reasons})")
    others = (
        ("other filters", counts.other_filters),
        ("other models", counts.other_models),
    )
    terms += [
        f"{found.total()} of {word} ({', '.join(f'{_named(name)} {n}' for name, n in found.items())})"
        for word, found in others
        if found
    ]
    if counts.other_samples:
        terms.append(f"{counts.other_samples} other samples")
    return f"{_count(counts.rows, 'row')} = {' + '.join(terms)}"


def _model(name: str, count: ModelCount) -> str:
    share = 100 * count.without_reasoning / count.traces
    text = f"Model {_one_line(name) if name else 'not named (--model)'}: {count.without_reasoning} of "
    text += f"{_count(count.traces, 'trace')} ({share:.1f} %) show no reasoning apart from the answer"
    if not count.without_reasoning:
        return text
    bare = f"{count.bare_answers} of them are bare answers ({BARE_ANSWER} characters or fewer)"
    return f"{text}; {bare}. Was thinking stripped before the file was written?"


def _taken(sample: int | None, *, all_samples: bool) -> str:
    if all_samples:
        return "each row is taken, as id#1, id#2 ..."
    which = "the first" if sample in (None, 1) else f"number {sample}"
    return f"{which} of each is taken (--sample N, --all-samples)"


def _named(name: str | None) -> str:
    return _one_line(name) if name else "none"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _one_line(text: str) -> str:
    return " ".join(safe(text).split())
