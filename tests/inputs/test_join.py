from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from judge.inputs.input_options import InputOptions
from judge.inputs.join import Inputs, merge_items
from judge.schema import Image, Item

if TYPE_CHECKING:
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
