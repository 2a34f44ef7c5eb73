"""What trainers hand over of a data set becomes what a request takes; checked by what the service reads of it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import written
from PIL import Image

from judge.rewards.values import columns_of, image_url, plain, prompt_of, shows_pictures, text_of
from judge.service.group_requests import PreferenceRequest, read_prompt

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def read(fields: dict[str, Any]) -> PreferenceRequest:
    """Read fields as the service does, from bytes of JSON."""
    sent = msgspec.json.encode({"prompt": "Q", "responses": ["x", "y"], **fields})
    return msgspec.json.decode(sent, type=PreferenceRequest)


def test_numpys_values_and_missing_ones_become_a_request() -> None:
    row = {
        "id": np.int64(7),
        "answer": 42,
        "reference": float("nan"),
        "anchor": np.str_("z"),
        "options": {"A": "yes", "B": np.float64(2.5), "C": None},
        "checklist": {"perception": np.array([{"id": "u1", "claim": "c", "importance": "core"}], dtype=object)},
        "level": object(),
    }
    found = read(columns_of(row))
    assert (found.id, found.answer, found.reference, found.anchor) == ("7", "42", None, "z")
    assert found.options == {"A": "yes", "B": "2.5"}
    assert found.checklist == {"perception": [{"id": "u1", "claim": "c", "importance": "core"}]}
    assert read(columns_of({"options": np.array(["yes", "no"])})).options == {"A": "yes", "B": "no"}


@given(JSON)
def test_whatever_json_a_column_holds_can_be_sent(value: Any) -> None:  # noqa: ANN401
    msgspec.json.encode(plain(value))
    assert plain(plain(value)) == plain(value)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "F"])
def test_pictures_of_every_kind_become_image_urls_that_show_them(mode: str) -> None:
    shown = Image.open(io.BytesIO(base64.b64decode(image_url(Image.new(mode, (3, 2))).partition(",")[2])))
    assert shown.size == (3, 2)


def test_a_picture_may_be_bytes_a_file_or_what_datasets_makes_of_it(tmp_path: Path) -> None:
    picture = written()
    path = tmp_path / "x.png"
    path.write_bytes(picture)
    url = image_url(picture)
    assert base64.b64decode(url.partition(",")[2]) == picture
    for form in (path, str(path), {"bytes": picture, "path": None}, {"bytes": None, "path": str(path)}, url):
        assert columns_of({"image": form})["images"] == [url]
        assert columns_of({"images": [form, form]})["images"] == [url, url]
    assert image_url("0" * 64) == "0" * 64
    assert "images" not in columns_of({"images": None, "image": None})


def test_the_pictures_of_messages_are_sent_once() -> None:
    """TRL puts PIL's pictures into the messages, and hands the column on too."""
    picture = Image.new("RGB", (3, 2))
    asked = [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": "Which?"}]},
    ]
    text, images = read_prompt(read({"prompt": prompt_of(asked)}).prompt)
    assert (text, images) == ("system: Be brief.\n\nuser: Which?", [image_url(picture)])
    assert columns_of({"images": [picture]}, asked) == {}
    assert shows_pictures([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}])
    places = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Which?"}]}]
    assert not shows_pictures(places)
    assert read_prompt(prompt_of(places)) == ("Which?", [])
    for plain_form in ("Which?", [{"role": "user", "content": "Which?"}], np.array([{"content": "Which?"}])):
        assert not shows_pictures(plain_form)
        assert read_prompt(prompt_of(plain_form)) == ("Which?", [])
    assert prompt_of(None) == ""


def test_the_text_of_a_completion_is_all_that_its_messages_say() -> None:
    assert text_of("x") == "x"
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, "b"]
    assert text_of([{"content": "x"}, {"content": None, "tool_calls": []}, {"content": parts}]) == "xab"
