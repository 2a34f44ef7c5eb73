"""Write the page that a reader fills in offline: one file, without connections, in which traces are text."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def packet_page(content: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        content: what the page's script reads: `draw`, `pairs_sha256`, `criteria` (name, title, definition) and `items`
            (number, question, options as pairs, reference, the right option's letter or null, images as data addresses,
            and two traces as they are shown).
    """
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - 0.2 s that other commands do without

    folder = files("judge.labels") / "packet_page"
    page, style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js"))
    # Nothing here is escaped by the template: style and script are ours, and no JSON below can end its element.
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - see above
    return environment.from_string(page).render(
        policy=_policy(style, script), style=style, script=script, content=_as_inline_json(content)
    )


def _policy(style: str, script: str) -> str:
    """Allow this style, this script and embedded images, and no connection."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _as_inline_json(content: Mapping[str, Any]) -> str:
    text = orjson.dumps(content).decode()
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text
