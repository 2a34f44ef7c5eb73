"""Check a manifest against itself: much of what it says stands in it twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from judge.enums import ReadAnswers, Show
from judge.files.fields import show
from judge.judging.provenance import judges_identity
from judge.runs.manifest import Manifest, ScoreManifest
from judge.runs.run_folder import LOST_SEAL
from judge.verification.findings import is_time

if TYPE_CHECKING:
    from judge.runs.manifest import AnyManifest
    from judge.runs.run_folder import RunFolder
    from judge.verification.findings import Findings


def check_manifest(folder: RunFolder, manifest: AnyManifest, found: Findings) -> None:
    """Hold the fields of a manifest against its identity, and its prompts against their hashes."""
    if folder.lost_seal(manifest):
        found.add(folder.manifest_path, LOST_SEAL)
    if not is_time(manifest.created):
        found.add(folder.manifest_path, f"no time with a zone: {show(manifest.created)}", "created")
    grows = isinstance(manifest, Manifest) and manifest.grows
    if manifest.pairs_sha256 is None and not grows and folder.is_sealed and folder.subjects_path(manifest).exists():
        found.add(folder.manifest_path, "missing", "pairs_sha256")
    for name in manifest.files:
        if not (folder.path / name).exists():
            found.add(folder.path / name, "missing")
    _check_identity(folder, manifest, found)


def _check_identity(folder: RunFolder, manifest: AnyManifest, found: Findings) -> None:
    identity = manifest.identity
    for field, name, stated in _stated(manifest):
        if name in identity and identity[name] != stated:
            found.add(
                folder.manifest_path, f"is {stated!r}, where the identity of the run has {identity[name]!r}", field
            )
    roles = {file.role for file in manifest.inputs}
    for name in identity:
        if name.startswith("file ") and name.removeprefix("file ") not in roles:
            found.add(folder.manifest_path, f"lacks the {name} of the identity of the run", "inputs")
    for file in manifest.inputs:
        if identity.get(f"file {file.role}", file.sha256) != file.sha256:
            found.add(folder.manifest_path, f"not the hash of {file.role} in the identity of the run", "inputs")
    hashes = {file.role: file.sha256 for file in manifest.inputs}
    for role, field, text in _prompts(manifest):
        if role in hashes and hashlib.sha256(text.encode()).hexdigest() != hashes[role]:
            found.add(folder.manifest_path, "not the text whose hash stands in `inputs`", field)


def _stated(manifest: AnyManifest) -> Iterator[tuple[str, str, str]]:
    """Yield each field that the identity repeats: its name, its name there, and what it says as it stands there."""
    yield "samples", "--samples", str(manifest.samples)
    yield "seed", "--seed", str(manifest.seed)
    for name, stated in judges_identity(manifest.judges).items():
        yield "judges", name, stated
    if isinstance(manifest, Manifest):
        yield "orders", "--orders", manifest.orders.value
        if "--show" in manifest.identity or manifest.show is not Show.BOTH:
            yield "show", "--show", manifest.show.value
        if "--read-answers" in manifest.identity or manifest.read_answers is not ReadAnswers.RULES:
            yield "read_answers", "--read-answers", manifest.read_answers.value
        yield "show_reference", "--show-reference", str(manifest.show_reference)
        if manifest.control is None:
            yield "hide_answers", "--hide-answers", str(manifest.hide_answers)


def _prompts(manifest: AnyManifest) -> Iterator[tuple[str, str, str]]:
    """Yield each prompt: the role of its file, its field, and its text."""
    if isinstance(manifest, ScoreManifest):
        for group, text in manifest.prompts.items():
            yield f"prompt of {group}", f"prompts.{group}", text
    elif manifest.prompt is not None:
        yield "prompt", "prompt", manifest.prompt
