"""Pictures in memory as data URLs."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

SAVED_AS_PNG = {"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"}
"""PIL's modes of pictures that PNG holds as they are"""


def is_picture(value: Any) -> bool:  # noqa: ANN401 - of a data set
    """Tell whether a value is a picture in memory: bytes, one of PIL, or what `datasets` makes of a file."""
    if isinstance(value, Mapping):
        value = value.get("bytes")
    return isinstance(value, bytes) or (hasattr(value, "save") and hasattr(value, "mode"))


def data_url(picture: Any) -> str:  # noqa: ANN401 - of a data set
    """Return a picture in memory as a data URL: bytes as they are, one of PIL as PNG."""
    if isinstance(picture, Mapping):
        picture = picture["bytes"]
    if not isinstance(picture, bytes):
        saved = io.BytesIO()
        (picture if picture.mode in SAVED_AS_PNG else picture.convert("RGB")).save(saved, format="PNG")
        picture = saved.getvalue()
    return f"data:image/*;base64,{base64.b64encode(picture).decode()}"
