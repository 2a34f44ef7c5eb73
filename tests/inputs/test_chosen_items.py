"""Which items are taken: the first, a sample, those whose rows can be read; and ids of rows and documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from judge.errors import InputErrors
from judge.inputs.input_options import InputOptions
from judge.inputs.join import Inputs
from judge.inputs.traces import read_traces


def lines(path: Path, *records: object) -> str:
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records))
    return str(path)


def two(folder: Path, n: int = 10) -> dict[str, str]:
    return {
        name: lines(
            folder / f"{name}.jsonl", *({"id": i, "trace": f"{name} {i}", "question": f"q{i}"} for i in range(n))
        )
        for name in "ab"
    }


def options(files: dict[str, str], **others: Any) -> InputOptions:  # noqa: ANN401 - options of any type
    return InputOptions(a=files["a"], b=files["b"], **others)


def opened(given: InputOptions, *, seed: int = 0) -> Inputs:
    inputs = Inputs(given, blind_judge=True, seed=seed)
    inputs.check()
    return inputs


def test_the_first_items_or_a_seeded_sample_are_taken_and_the_others_counted(tmp_path: Path) -> None:
    files = two(tmp_path)
    with opened(options(files, limit=3)) as inputs:
        assert (inputs.ids, inputs.left_out) == (["0", "1", "2"], {"only_a": 0, "only_b": 0, "not_chosen": 7})
    drawn = []
    for seed in (0, 0, 1):
        with opened(options(files, sample=4), seed=seed) as inputs:
            drawn.append(inputs.ids)
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(ids == sorted(ids) and len(ids) == 4 for ids in drawn)
    assert options(files).identity() == {}
    assert options(files, limit=3, sample=4, skip_bad=True).identity() == {
        "--limit": "3",
        "--sample": "4",
        "--skip-bad": "True",
    }


def test_rows_that_cannot_be_read_are_left_out_on_request_with_their_items(tmp_path: Path) -> None:
    files = two(tmp_path, 3)
    lines(tmp_path / "b.jsonl", {"id": 0, "trace": "t"}, {"id": 1}, '{"id": 2, "tr')
    with pytest.raises(InputErrors):
        Inputs(options(files), blind_judge=True)
    with opened(options(files, skip_bad=True)) as inputs:
        assert (inputs.ids, inputs.left_out) == (["0"], {"only_a": 2, "only_b": 0, "bad_row": 2})


def test_rows_are_ids_of_traces_that_have_none(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.jsonl", {"trace": "t"}, {"trace": "u"})
    with pytest.raises(InputErrors, match="missing id"):
        read_traces(path)
    with read_traces(path, id_column="row") as file:
        assert list(file.ids) == ["0", "1"]
        record = file.record("1").trace
        assert record is not None
        assert record.text == "u"
    named = lines(tmp_path / "named.jsonl", {"id": "x", "trace": "t"})
    with read_traces(named, id_column="row") as file:
        assert list(file.ids) == ["x"]


def of_document(id_: int, question: str, hash_: str) -> dict[str, object]:
    doc = {"sentence": question}
    return {
        "doc_id": id_,
        "doc": doc,
        "target": "B",
        "resps": [["t " + question]],
        "filtered_resps": ["t"],
        "doc_hash": hash_,
    }


def test_different_documents_under_one_id_are_refused_by_their_hashes(tmp_path: Path) -> None:
    files = {
        "a": lines(tmp_path / "a.jsonl", of_document(5, "two", "h2"), of_document(2, "five", "h5")),
        "b": lines(tmp_path / "b.jsonl", of_document(2, "two", "h2"), of_document(5, "five", "h5")),
    }
    with (
        Inputs(options(files), blind_judge=True) as inputs,
        pytest.raises(InputErrors, match="id '5' has another document than in"),
    ):
        inputs.check()
    lines(tmp_path / "b.jsonl", of_document(5, "two", "h2"), of_document(2, "five", "h5"))
    with opened(options(files)) as inputs:
        assert inputs.ids == ["5", "2"]
        assert len(inputs.notes()) == 2
