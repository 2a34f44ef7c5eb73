"""What is chosen, joined and counted of generators' outputs."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.convert.choose_traces import Choice, TraceSelector
from judge.convert.convert import ConvertOptions, convert
from judge.convert.output import Cut, NoTrace, Row, trace_text, why_no_trace
from judge.inputs.records import Record
from judge.inputs.traces import read_traces
from judge.prompting.trace_parts import holds_thinking, part_output

PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=20)
NAMES = st.sampled_from(["a", "b", None])
ROWS = st.builds(
    Row,
    id=st.sampled_from(["1", "2", "3"]),
    text=st.sampled_from(["", "text"]),
    model=NAMES,
    filter=NAMES,
    no_trace=st.sampled_from([None, None, NoTrace.REFUSED]),
    cut=st.sampled_from([None, Cut.LIMIT]),
)


@given(reasoning=PLAIN, text=PLAIN)
def test_joined_reasoning_and_text_are_read_back_as_they_were(reasoning: str, text: str) -> None:
    parts = part_output(trace_text(Row(id="1", reasoning=reasoning, text=text)))
    if reasoning.strip():
        assert (parts.text, parts.final) == (reasoning.strip(), text.strip())
    else:
        assert parts.text == text


@pytest.mark.parametrize(
    ("reasoning", "text", "cut", "joined"),
    [
        ("low", "<think>low</think>B", None, "<think>low</think>B"),
        ("low", "high</think>B", None, "<think>low</think>high</think>B"),
        ("low", "low", None, "<think>low</think>low"),
        ("low", "", None, "<think>low</think>"),
        ("low", " ", Cut.LIMIT, "<think>low"),
        ("low", "", Cut.EXCEL, "<think>low</think>"),
        ("low", "so B", Cut.LIMIT, "<think>low</think>so B"),
        (" ", "B", None, "B"),
    ],
)
def test_reasoning_is_joined_once_and_stays_open_where_it_was_cut(
    reasoning: str, text: str, cut: Cut | None, joined: str
) -> None:
    assert trace_text(Row(id="1", reasoning=reasoning, text=text, cut=cut)) == joined


@pytest.mark.parametrize(
    ("trace", "shown"),
    [
        ("B", False),
        ("Long words without tags", False),
        ("<think>low</think>B", True),
        ("<think>low", True),
        ("low</think>B", True),
        ("<think> </think>B", False),
        ("</think>B", False),
    ],
)
def test_reasoning_shows_by_its_tags(trace: str, shown: bool) -> None:  # noqa: FBT001
    assert holds_thinking(trace) is shown


@pytest.mark.parametrize(
    ("trace", "answer"),
    [
        ("<think>low</think> B ", "B"),
        ("low</think>The lower lobe.", "The lower lobe."),
        ("<think>low</think>" + "x" * 200, "x" * 200),
        ("<think>low</think>" + "x" * 201, None),
        ("<think>low</think>one\ntwo", None),
        ("<think>low</think>", None),
        ("<think>low</think><answer>B</answer>", "B"),
        ("B", None),
    ],
)
def test_one_short_line_after_reasoning_is_the_final_answer(trace: str, answer: str | None) -> None:
    assert part_output(trace).answer == answer


@given(rows=st.lists(ROWS, max_size=12), choice=st.builds(Choice, model=NAMES, filter=NAMES, sample=st.integers(1, 3)))
def test_every_row_is_counted_once(rows: list[Row], choice: Choice) -> None:
    selector = TraceSelector(choice)
    made = [one for row in rows if (one := selector.take(row))]
    counts = selector.counts
    left = counts.other_filters.total() + counts.other_models.total() + counts.other_samples
    assert counts.rows == len(rows) == counts.traces + counts.without_trace.total() + left
    assert Counter(one.no_trace for one in made if one.no_trace) == counts.without_trace
    assert counts.traces == sum(model.traces for model in counts.models.values())
    if len({one.record["model"] for one in made if "model" in one.record}) <= 1:  # more are refused in the end
        ids = [one.record["id"] for one in made]
        assert len(ids) == len(set(ids))


@given(rows=st.lists(ROWS, max_size=12))
def test_all_samples_of_an_id_get_ids_of_their_own(rows: list[Row]) -> None:
    selector = TraceSelector(Choice(all_samples=True))
    made = [one for row in rows if (one := selector.take(row))]
    taken = [row.id for row in rows if row.filter == rows[0].filter]
    expected = [f"{id_}#{taken[: index + 1].count(id_)}" for index, id_ in enumerate(taken)]
    assert [one.record["id"] for one in made] == expected


def test_the_share_without_reasoning_and_of_bare_answers_is_counted_by_hand() -> None:
    selector = TraceSelector(Choice())
    texts = ["<think>low</think>B", "B", "<think></think>B", "It lies low, hence B.", "1234567890", "12345678901"]
    for number, text in enumerate(texts):
        selector.take(Row(id=str(number), text=text, model="m"))
    count = selector.counts.models["m"]
    assert (count.traces, count.without_reasoning, count.bare_answers) == (6, 5, 3)
    assert [why_no_trace(Row(id="1", cut=cut)) for cut in (None, Cut.LIMIT)] == [NoTrace.EMPTY, NoTrace.TRUNCATED]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False), PLAIN
)
TAGGED = st.lists(st.one_of(PLAIN, st.sampled_from(["<think>", "</think>", "<answer>", "</answer>"])), max_size=6)
FIELDS = st.fixed_dictionaries(
    {"trace": TAGGED.map("".join).filter(str.strip)},
    optional={
        "question": PLAIN,
        "choices": st.lists(PLAIN, max_size=3),
        "gold": PLAIN,
        "pred": st.one_of(PLAIN, st.integers(0, 9)),
        "generator": st.just("m"),
        "image": st.just("x.png"),
        "subgroup": st.dictionaries(PLAIN, st.booleans(), max_size=2),
        "note": VALUES,
        "output": PLAIN,
        "source": PLAIN,
    },
)


def records_of(path: Path) -> dict[str, Record]:
    with read_traces(path) as file:
        return {id_: file.record(id_) for id_ in file.ids}


@given(records=st.lists(FIELDS, min_size=1, max_size=4))
def test_our_own_traces_are_the_same_after_conversion(records: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        given_, made = Path(folder, "in.jsonl"), Path(folder, "deep", "out.jsonl")
        made.parent.mkdir()
        lines = [json.dumps({"qid": number} | record) for number, record in enumerate(records)]
        given_.write_text("\n".join(lines), encoding="utf-8")
        options = ConvertOptions(to=made, choice=Choice(), format="native")
        assert convert([str(given_)], options).traces == len(records)
        before, after = records_of(given_), records_of(made)
        assert list(before) == list(after)
        for id_, record in before.items():
            assert after[id_].item == record.item
            assert after[id_].trace == record.trace
            assert after[id_].images == record.images
