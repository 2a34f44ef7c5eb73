"""Find the images of an item wherever a generator's record keeps them, so that none is left out in silence."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from judge.convert.messages import image_fields
from judge.convert.output import Row
from judge.convert.values import Record
from judge.enums import SourceFormat
from judge.files.image_fields import IMAGE_TEXTS, is_image_name

_OUTPUTS = {
    *("response", "output", "model_output", "model_response", "choices", "result", "completion", "completions"),
    *("prediction", "predictions", "predict", "resps", "filtered_resps"),
}
"""fields of what a model wrote, whose images are none of the item's"""
_OF_MANY = {SourceFormat.NATIVE, SourceFormat.INSPECT, SourceFormat.HELM, SourceFormat.OPENCOMPASS}
"""formats whose records hold many items, or whose fields are all kept"""


def with_images(row: Row, record: Record, format_: SourceFormat) -> Mapping[str, Any]:
    """Return a row's fields with the images of its record, where the format knows of none."""
    if format_ in _OF_MANY or {"image", "image_base64"} & row.fields.keys():
        return row.fields
    asked = {name: value for name, value in record.items() if name not in _OUTPUTS}
    return {**row.fields, **image_fields(list(dict.fromkeys(images_within(asked))))}


def images_within(value: object, name: str = "") -> Iterator[str]:
    """Yield the images that a value holds, in order: names, addresses, or data.

    Args:
        value: any JSON value, and bytes.
        name: of the field that holds it.
    """
    match value:
        case Mapping():
            if held := _held(value):
                yield from images_within(held, "image")
                return
            for key, one in value.items():
                yield from images_within(one, name if key in {"url", "path"} else str(key))
        case list():
            for one in value:
                yield from images_within(one, name)
        case bytes():
            yield f"data:;base64,{base64.b64encode(value).decode()}"
        case str() if value.startswith(IMAGE_TEXTS):
            yield value if value.startswith("data:") else f"data:;base64,{value}"
        case str() if is_image_name(name, value):
            yield value


def _held(value: Mapping[str, Any]) -> object:
    """Return the image that an object of a provider or of the hub is, None where it is none."""
    kind = next((value[name] for name in ("mimeType", "mime_type", "media_type", "content_type") if name in value), "")
    if isinstance(kind, str) and kind.startswith("image/"):
        data = value.get("data")
        place = next((value[name] for name in ("fileUri", "file_uri", "location", "url") if value.get(name)), None)
        return f"data:{kind};base64,{data}" if data else place
    held = value.get("bytes")
    return held if isinstance(held, bytes) or (isinstance(held, str) and held.startswith(IMAGE_TEXTS)) else None
