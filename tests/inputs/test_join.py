from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from judge.errors import InputErrors
from judge.inputs.input_options import InputOptions
from judge.inputs.join import Inputs, merge_items
from judge.schema import Image, Item

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IDS = st.lists(st.text("abcdef", min_size=1, max_size=2), unique=True, min_size=1, max_size=12)


@given(IDS, IDS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_id_is_with_both_or_with_one_and_keeps_the_order_of_its_file(
    tmp_path: Path, ids_a: list[str], ids_b: list[str]
) -> None:
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for file, ids in zip(files, (ids_a, ids_b), strict=True):
        file.write_text("".join(json.dumps({"id": id_, "trace": "so"}) + "\n" for id_ in ids))
    with Inputs(InputOptions(*map(str, files), allow_missing=True), blind_judge=False) as inputs:
        assert inputs.ids == [id_ for id_ in ids_a if id_ in ids_b]
        only = {"only_a": len(set(ids_a) - set(ids_b)), "only_b": len(set(ids_b) - set(ids_a))}
        assert inputs.left_out == only


def test_an_item_takes_each_field_from_the_first_record_that_has_it() -> None:
    image = Image(path="/x", sha256="1" * 64, media_type="image/png")
    bare = Item(id="q", question="Which?", meta={"source": "a"})
    full = Item(
        id="q",
        question="Other?",
        options={"A": "one"},
        answer="A",
        reference_reasoning="so",
        images=(image,),
        missing_images=("y",),
        subgroup={"by": "x"},
        meta={"source": "b"},
    )
    expected = structs.replace(full, question="Which?", meta={"source": "a"})
    assert merge_items([bare, full]) == expected
    assert merge_items([full, bare]) == full
    assert merge_items([bare]) == bare
    assert merge_items([Item(id="q"), Item(id="q"), bare]) == bare


ITEM = {"question": "Which?", "options": ["one", "two"]}


def joined(folder: Path, a: Mapping[str, object], b: Mapping[str, object]) -> list[str | None]:
    for name, record in (("a", a), ("b", b)):
        (folder / f"{name}.jsonl").write_text(json.dumps({"id": 1, "trace": "so", **record}) + "\n")
    with Inputs(InputOptions(str(folder / "a.jsonl"), str(folder / "b.jsonl")), blind_judge=False) as inputs:
        inputs.check()
        return [pair.item.answer for pair in inputs.pairs()]


@pytest.mark.parametrize(
    ("a", "b"),
    [({**ITEM, "answer": "A"}, {**ITEM, "answer": "two"}), ({"answer": "sepsis"}, {"answer": "shock"})],
)
def test_two_right_answers_of_one_item_are_refused(tmp_path: Path, a: dict[str, object], b: dict[str, object]) -> None:
    with pytest.raises(InputErrors, match=r"b\.jsonl:1: id '1' has another right answer than in .*a\.jsonl:1"):
        joined(tmp_path, a, b)


def test_the_same_right_answer_in_another_form_and_a_question_in_other_spaces_are_one(tmp_path: Path) -> None:
    assert joined(tmp_path, {**ITEM, "answer": "B"}, {**ITEM, "question": " Which?\n", "answer": "Two."}) == ["B"]
    assert joined(tmp_path, {"answer": "Sepsis"}, {"answer": "sepsis."}) == ["Sepsis"]
    assert joined(tmp_path, ITEM, {**ITEM, "answer": "B"}) == ["B"]
