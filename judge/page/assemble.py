"""Assemble a page: the shell with its report, the styles, the scripts and the packed items."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from judge.files.safe_text import safe
from judge.page.contents import packed

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from judge.page.contents import Contents

PACKAGE = "judge.page"
_WHOLE = re.compile(r"\[[^\[\]]*\]|\(\d[^()]{,12}\)|(?<=\d) %|\bp [<=] [\d.]+|\b[\d.,]+ (?:pair|item)s?\b|\d\. $")


class Parts(NamedTuple):
    """The parts of a page of any kind."""

    template: str
    """extends `shell.html.j2`"""
    scripts: str
    """the folder of the scripts that go with those of `script/any`"""
    head: Mapping[str, Any]
    """what the script reads before it unpacks any item, as JSON values"""
    contents: Contents
    values: Mapping[str, Any]
    """what the template shows, by name"""


def assemble(parts: Parts, *, served: bool) -> str:
    """Return the page as one HTML document.

    Nothing of an item is markup: items travel packed, and the shell escapes the report. The policy in the document
    allows its own style and script by their hashes, images within it, and no address at all; a served page may also
    ask its own server.
    """
    style, script = _joined(["style"], ".css"), _joined(["script/any", f"script/{parts.scripts}"], ".js")
    script = f'"use strict";\n(() => {{\n{script}\n}})();\n'
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
    chunks = parts.contents.chunks()
    head = {**parts.head, "served": served, "index": parts.contents.index()}
    return (
        _environment()
        .get_template(parts.template)
        .render(
            policy="; ".join(f"{name} {value}" for name, value in policy.items()),
            style=_trusted(style),
            script=_trusted(script),
            head=_trusted(packed(head)),
            chunks=[_trusted(chunk) for chunk in chunks],
            served=served,
            **parts.values,
        )
    )


def assemble_plain(template: str, values: Mapping[str, Any]) -> str:
    """Return a page without items and script; its policy allows its own style, and links lead where they say.

    Args:
        template: extends `plain.html.j2`.
        values: what the template shows, by name.
    """
    styles = _joined(["style"], ".css")
    policy = f"default-src 'none'; style-src {_hash(styles)}; img-src data:; base-uri 'none'; form-action 'none'"
    return _environment().get_template(template).render(policy=policy, style=_trusted(styles), **values)


def browser_key(run: str, created: str) -> str:
    """Return the key under which a browser stores a reader's choices on the page of a run."""
    return hashlib.sha256(f"{run}\x1f{created}".encode()).hexdigest()[:16]


def whole(text: object) -> str:
    """Keep intervals, and numbers with their signs, in one line."""
    return _WHOLE.sub(lambda found: found[0].replace(" ", "\u00a0"), str(text))


def _joined(folders: Sequence[str], suffix: str) -> str:
    """Return the files of folders one after the other, by name."""
    there = (path for folder in folders for path in files(PACKAGE).joinpath(folder).iterdir())
    found = sorted((path for path in there if path.name.endswith(suffix)), key=lambda path: path.name)
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


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
    environment.filters["whole"] = whole
    return environment
