"""Checklists in all the forms in which they are published."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from command import write_jsonl
from hypothesis import given
from hypothesis import strategies as st

from judge.errors import InputErrors
from judge.inputs.item_fields import EmbeddedImage
from judge.inputs.items import read_items
from judge.inputs.records import Record
from judge.inputs.traces import read_traces
from judge.schema import Group, Item, Unit


def read(folder: Path, record: dict[str, Any]) -> Record:
    with read_items([write_jsonl(folder / "items.jsonl", [{"id": 1, **record}])]) as items:
        return items.record("1")


def item(folder: Path, record: dict[str, Any]) -> Item:
    return read(folder, record).item


def problems(folder: Path, record: dict[str, Any]) -> list[str]:
    with pytest.raises(InputErrors) as error:
        read(folder, record)
    return str(error.value).replace(f"{folder}/items.jsonl:1: ", "").splitlines()


SEEN, KNOWN = {"unit_id": "p", "claim": "It is round."}, {"unit_id": "k", "claim": "Round is closed."}
MEANT = {"unit_id": "r", "claim": "So it is closed.", "importance": "supporting"}
READ = {
    Group.PERCEPTION: (Unit(id="p", claim="It is round."),),
    Group.KNOWLEDGE: (Unit(id="k", claim="Round is closed."),),
    Group.RATIONALE: (Unit(id="r", claim="So it is closed.", importance="supporting"),),
}


@pytest.mark.parametrize(
    "record",
    [
        {"checklist": {"perception": [SEEN], "knowledge": [KNOWN], "rationale": [MEANT]}},
        {"perception": [SEEN], "knowledge": [KNOWN], "rationale": [MEANT]},
        {"units": [MEANT | {"axis": "inference"}, SEEN | {"axis": "observation"}, KNOWN | {"axis": "knowledge"}]},
        {"checklist": [MEANT | {"axis": "reasoning"}, SEEN | {"axis": "perception"}, KNOWN | {"axis": "knowledge"}]},
    ],
)
def test_three_groups_and_a_flat_list_are_the_same_checklist(tmp_path: Path, record: dict[str, Any]) -> None:
    read = item(tmp_path, record)
    assert read.checklist == READ
    assert list(read.checklist) == list(Group)
    assert read.meta == {}


def test_a_rationale_unit_names_its_premises_in_either_form(tmp_path: Path) -> None:
    authors = MEANT | {"relation": "implies", "premise_perception_ids": ["p"], "premise_knowledge_ids": ["k", "k"]}
    ours = MEANT | {"premises": ["k"]}
    for unit, premises in ((authors, ("p", "k")), (ours, ("k",))):
        record = {"perception": [SEEN], "knowledge": [KNOWN], "rationale": [unit]}
        assert item(tmp_path, record).checklist[Group.RATIONALE][0].premises == premises


def test_a_trace_file_may_carry_the_checklist_and_keeps_other_fields_of_its_names(tmp_path: Path) -> None:
    record = {"id": 1, "trace": "t", "checklist": {"perception": [SEEN]}, "knowledge": "anatomy"}
    with read_traces(write_jsonl(tmp_path / "a.jsonl", [record])) as file:
        read = file.record("1")
    assert read.item.checklist == {Group.PERCEPTION: READ[Group.PERCEPTION]}
    assert read.trace is not None
    assert read.trace.meta == {"knowledge": "anatomy"}


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"checklist": "u1"}, "checklist: expected a list of units, found text"),
        ({"checklist": {"axis": []}}, "checklist: unknown group 'axis' (groups: perception, knowledge, rationale)"),
        ({"checklist": {"perception": "u1"}}, "checklist: expected a list of units, found text"),
        ({"perception": ["u1"]}, "perception[0]: expected a unit, found text"),
        ({"perception": [SEEN | {"claim": 3}]}, "perception[0]: claim: expected text, found a number"),
        ({"perception": [SEEN | {"unit_id": 1.5}]}, "perception[0]: expected text or an integer, found a number"),
        ({"perception": [SEEN, SEEN]}, "perception: unit id 'p' occurs twice (give one another id)"),
        (
            {"perception": [SEEN], "checklist": {"rationale": [MEANT | {"unit_id": "p"}]}},
            "perception and rationale: unit id 'p' occurs twice (give one another id)",
        ),
        (
            {"units": [SEEN]},
            (
                "checklist: unit 0 has no axis (in a flat list each unit has one of: "
                "perception, knowledge, rationale, observation, inference, reasoning)"
            ),
        ),
        (
            {"units": [SEEN | {"axis": "sight"}]},
            (
                "checklist: unit 0 has axis 'sight' (in a flat list each unit has one of: "
                "perception, knowledge, rationale, observation, inference, reasoning)"
            ),
        ),
        (
            {"perception": [SEEN], "rationale": [MEANT | {"premises": ["p", "x"]}]},
            (
                "rationale: unit 'r' rests on 'x', which the item does not have "
                "(premises are ids of its perception and knowledge units)"
            ),
        ),
    ],
)
def test_a_wrong_unit_is_refused_with_its_place(tmp_path: Path, record: dict[str, Any], told: str) -> None:
    assert problems(tmp_path, record) == [told]


def test_the_reference_comes_out_of_its_tags_and_a_stated_answer_wins(tmp_path: Path) -> None:
    read = item(tmp_path, {"reasoning": "<think>It is round.</think><answer>B</answer>"})
    assert (read.reference_reasoning, read.answer, read.meta) == ("It is round.", "B", {})
    read = item(tmp_path, {"reference": "<think>x</think><answer>B</answer>", "reasoning": "y", "answer": "C"})
    assert (read.reference_reasoning, read.answer) == ("x", "C")
    assert read.meta == {"reasoning": "y", "answer_tag": "B"}
    assert problems(tmp_path, {"reasoning": 3}) == ["reasoning: expected text, found a number"]


def test_stated_options_leave_the_question_whole(tmp_path: Path) -> None:
    text = "Which?\nA. one\nB. two"
    assert item(tmp_path, {"question": text, "options": ["x", "y"]}).question == text
    assert item(tmp_path, {"question": text}).options == {"A": "one", "B": "two"}


def test_images_in_base64_are_read_plain_and_as_data_addresses(tmp_path: Path) -> None:
    one, two = b"\x89PNG one", b"\xff\xd8\xff two"
    plain = base64.b64encode(one).decode()
    address = f"data:image/jpeg;base64,{base64.b64encode(two).decode()}"
    images = read(tmp_path, {"image": "x.png", "image_base64": [plain, address]}).images
    assert images == (tmp_path / "x.png", EmbeddedImage(one), EmbeddedImage(two))
    hint = "(write the image's bytes in standard base64, without line breaks)"
    for wrong in ("a", "****", "é"):
        assert problems(tmp_path, {"image_base64": wrong}) == [f"image_base64: not base64 {hint}"]
    assert problems(tmp_path, {"image_base64": 3}) == [
        "image_base64: expected base64 text or a list of it, found a number"
    ]


@given(st.binary(max_size=200))
def test_the_bytes_of_an_image_survive_base64(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    record = {"image_base64": base64.b64encode(content).decode()}
    assert read(tmp_path_factory.mktemp("base64"), record).images == (EmbeddedImage(content),)
