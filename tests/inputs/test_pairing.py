from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from judge.inputs.pairing import find_partners, merge_items
from judge.schema import Image, Item

IDS = st.lists(st.text(max_size=3), unique=True, max_size=12)


@given(IDS, IDS)
def test_every_id_is_with_both_or_with_one_and_keeps_the_order_of_its_file(ids_a: list[str], ids_b: list[str]) -> None:
    partners = find_partners(ids_a, ids_b, in_a=set(ids_a), in_b=set(ids_b))
    assert set(partners.both) == set(ids_a) & set(ids_b)
    assert sorted([*partners.both, *partners.only_a]) == sorted(ids_a)
    assert sorted([*partners.both, *partners.only_b]) == sorted(ids_b)
    assert [id_ for id_ in ids_a if id_ in partners.both] == partners.both
    assert [id_ for id_ in ids_a if id_ in partners.only_a] == partners.only_a
    assert [id_ for id_ in ids_b if id_ in partners.only_b] == partners.only_b


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
