"""Put the page together: the shell with the report, the styles, the scripts and the packed items."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from judge.io.render.html.contents import packed
from judge.io.render.html.sections import sections
from judge.io.render.text import safe

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from judge.core.report import Report
    from judge.io.manifest import Manifest
    from judge.io.render.html.contents import Contents

PACKAGE = "judge.io.render.html"


class Page(NamedTuple):
    """What a page is made of."""

    run: str
    """the run's name"""
    manifest: Manifest
    report: Report
    contents: Contents


def build(page: Page, *, served: bool) -> str:
    """Return the page as one HTML document.

    Nothing of an item is markup: items travel packed, and the shell escapes the report. The policy in the document
    allows its own style and script by their hashes, images within it, and no address at all; a served page may also
    ask its own server.
    """
    style, script = _joined("style", ".css"), _wrapped(_joined("script", ".js"))
    own = " 'self'" if served else ""
    policy = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "img-src": f"data: blob:{own}",
        **({"connect-src": "'self'"} if served else {}),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    environment = _environment()
    chunks = page.contents.chunks()
    return environment.get_template("page.html.j2").render(
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        style=_trusted(style),
        script=_trusted(script),
        head=_trusted(packed(_head(page, served=served))),
        chunks=[_trusted(chunk) for chunk in chunks],
        run=page.run,
        served=served,
        report=page.report,
        manifest=page.manifest,
        **sections(page.report, page.manifest),
    )


def _head(page: Page, *, served: bool) -> dict[str, Any]:
    """Return what the script knows before it unpacks any item."""
    manifest = page.manifest
    return {
        "run": page.run,
        "pairs_sha256": page.manifest.pairs_sha256,
        "key": hashlib.sha256(f"{page.run}\x1f{manifest.created}".encode()).hexdigest()[:16],
        "served": served,
        "models": page.report.models.model_dump(),
        "judges": page.report.judges,
        "criteria": [criterion.model_dump() for criterion in manifest.rubric.criteria],
        "orders": manifest.orders.value,
        "seed": manifest.seed,
        "index": page.contents.index(),
    }


def _joined(folder: str, suffix: str) -> str:
    """Return the files of a folder one after the other, by name."""
    found = sorted(
        (path for path in files(PACKAGE).joinpath(folder).iterdir() if path.name.endswith(suffix)),
        key=lambda path: path.name,
    )
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def _wrapped(script: str) -> str:
    """Return a script that leaves no name behind on the page."""
    return f'"use strict";\n(() => {{\n{script}\n}})();\n'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _trusted(text: str) -> Markup:
    """Mark what this package itself wrote, or packed, as needing no escape."""
    from markupsafe import Markup  # noqa: PLC0415 - only the page needs it

    return Markup(text)  # noqa: S704 - our own files, or base64


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - 0.1 s that only the page needs

    environment = Environment(
        loader=PackageLoader(PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["visible"] = lambda value: safe(str(value))
    return environment
