"""What a data set's columns hold, as a request takes it: numpy's values, pictures, and the messages of a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from judge.images.data_urls import data_url, is_picture

TEXTS = ("id", "answer", "reference", "anchor")
"""columns that a request takes as text"""


def columns_of(row: Mapping[str, Any], prompt: object = "") -> dict[str, Any]:
    """Return the fields of a row that a request takes; what is missing, also as NaN, is left out.

    Args:
        row: of a data set: text, numbers, lists and objects, of Python or numpy.
        prompt: of the same row; where its messages hold pictures, those of the row are not sent again.
    """
    found = {name: value for name in (*TEXTS, "checklist", "options") if (value := plain(row.get(name))) is not None}
    found |= {name: str(found[name]) for name in TEXTS if name in found}
    if isinstance(options := found.get("options"), list):
        options = dict(zip(ascii_uppercase, options, strict=False))
    if isinstance(options, dict):
        found["options"] = {letter: str(text) for letter, text in options.items()}
    if not shows_pictures(prompt):
        given: Any = next((value for name in ("images", "image") if (value := row.get(name)) is not None), [])
        if images := [image_url(one) for one in (given if isinstance(given, list | tuple) else [given]) if one]:
            found["images"] = images
    return found


def plain(value: Any) -> Any:  # noqa: ANN401 - of a data set
    """Return a value as JSON has it; None where it is missing."""
    if hasattr(value, "tolist"):  # of numpy, and of tensors
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): held for name, one in value.items() if (held := plain(one)) is not None}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if value != value else value  # noqa: PLR0124 - NaN


def prompt_of(prompt: Any) -> Any:  # noqa: ANN401 - a text, or messages
    """Return a prompt as a request takes it: a text, or messages whose pictures are data URLs."""
    if isinstance(prompt, str) or prompt is None:
        return prompt or ""
    return [
        {"role": message.get("role", "user"), "content": _content(message.get("content"))}
        for message in (prompt.tolist() if hasattr(prompt, "tolist") else prompt)
    ]


def _content(content: Any) -> Any:  # noqa: ANN401 - of a message
    content = content.tolist() if hasattr(content, "tolist") else content
    if isinstance(content, str) or content is None:
        return content or ""
    return [
        {"type": "image_url", "image_url": {"url": image_url(part["image"])}} if _shows_picture(part) else plain(part)
        for part in content
    ]


def _shows_picture(part: Any) -> bool:  # noqa: ANN401 - of a message's content
    return isinstance(part, Mapping) and part.get("type") == "image" and part.get("image") is not None


def shows_pictures(prompt: Any) -> bool:  # noqa: ANN401 - a text, or messages
    """Tell whether messages hold pictures, not only places for them."""
    if isinstance(prompt, str) or not isinstance(prompt, Sequence):
        return False
    contents = [message.get("content") for message in prompt if isinstance(message, Mapping)]
    parts = [part for content in contents if isinstance(content, list | tuple) for part in content]
    return any(_shows_picture(part) or (isinstance(part, Mapping) and "image_url" in part) for part in parts)


def text_of(completion: Any) -> str:  # noqa: ANN401 - a text, or messages
    """Return the text of a completion: of messages all that they say, one after the other."""
    if isinstance(completion, str):
        return completion
    said = []
    for message in completion:
        content = message.get("content") or ""
        parts = [content] if isinstance(content, str) else content
        said += [part if isinstance(part, str) else str(part.get("text") or "") for part in parts]
    return "".join(said)


def image_url(image: Any) -> str:  # noqa: ANN401 - of a data set
    """Return a picture as a data URL: given as one, in memory, or as a path, also as `datasets` gives them."""
    if is_picture(image):
        return data_url(image)
    named = str(image.get("path") if isinstance(image, Mapping) else image)
    if named.startswith("data:") or not Path(named).is_file():
        return named  # the service says what is wrong with it
    return data_url(Path(named).read_bytes())
