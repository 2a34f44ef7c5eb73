"""Leave out of a page, which is made to be passed on, where files lie on this machine, and under whose name."""

from __future__ import annotations

import re
from typing import Any, TypeVar
from urllib.parse import urlsplit

from judge.runs.manifest import RunManifest

M = TypeVar("M", bound=RunManifest)
_FOLDERS = re.compile(
    r"""(?:file://|(?<![\w./~-]))/ (?: (?:home|Users)/[^/\s]+$ | (?:[^/\n"'<>|]+/)+ )
    | \b[A-Za-z]:[\\/] (?:[^\\/\n"'<>|]+[\\/])+
    | ~\w*/ (?:[^/\s]+/)*""",
    re.VERBOSE,
)
"""the folders of an absolute path; an address has a colon and two slashes before its host"""


def without_folders(text: str) -> str:
    """Return a text with no more than the names of the files that it names by absolute paths."""
    return _FOLDERS.sub("", text)


def shareable(manifest: M) -> M:
    """Return a manifest as a page shows it: files by their names, and judges' addresses without what could be a key."""
    told: dict[str, Any] = {
        "command": tuple(map(without_folders, manifest.command)),
        "inputs": tuple(one.model_copy(update={"path": without_folders(one.path)}) for one in manifest.inputs),
        "judges": tuple(judge.model_copy(update={"endpoint": _address(judge.endpoint)}) for judge in manifest.judges),
    }
    if manifest.merged:
        told["merged"] = tuple(map(without_folders, manifest.merged))
    return manifest.model_copy(update=told)


def _address(endpoint: str | None) -> str | None:
    if endpoint is None or "://" not in endpoint:
        return None if endpoint is None else without_folders(endpoint)
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
