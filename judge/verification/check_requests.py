"""Check the subjects of a run against its manifest, their images, and render every request anew."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.json import Decoder
from msgspec.structs import replace

from judge.errors import InputError, OmrJudgeError, RunError
from judge.files.files import file_sha256
from judge.files.sealed_lines import decoded, sealed_lines
from judge.images.image_store import FOLDER, located
from judge.images.loader import image_bytes
from judge.judging.run_kinds import any_plan_of, counts_of
from judge.runs.manifest import Manifest
from judge.schema import Case, Image, Item, JudgeSpec, Order, Pair, Request

if TYPE_CHECKING:
    from judge.prompting.pairwise_plan import Plan
    from judge.runs.manifest import AnyManifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Group
    from judge.verification.findings import Findings

_NOUNS: dict[str, type[Pair | Case | Item]] = {"comparison": Pair, "score": Case, "checklist": Item}


class ExpectedRequest(NamedTuple):
    """What a judgment of a request must say of it."""

    item: str
    order: Order
    judge: str
    sample: int
    group: Group | None
    asks: tuple[str, ...]

    @classmethod
    def of(cls, request: Request) -> ExpectedRequest:
        """Return what of a request its judgment and the reading of its reply need."""
        return cls(request.item, request.order, request.judge, request.sample, request.group, request.asks)


class CheckedSubjects(NamedTuple):
    """What a run is about."""

    expected: dict[bytes, ExpectedRequest]
    """its requests by key; none of judgments that were made elsewhere"""
    items: frozenset[str] | None
    """ids of its items; None: they are not known"""


def check_requests(folder: RunFolder, manifest: AnyManifest, found: Findings) -> CheckedSubjects:
    """Check every subject and image of a run; return its items and its requests."""
    path = folder.subjects_path(manifest)
    if not path.exists():
        if manifest.pairs_sha256 is not None:
            found.add(path, "missing: the requests cannot be rendered anew")
        return CheckedSubjects({}, None)
    n_before = found.n_problems
    images: dict[str, Image] = {}
    items: set[str] = set()
    counts = counts_of(manifest)
    asks = not (isinstance(manifest, Manifest) and manifest.prompt is None)
    plan = any_plan_of(manifest) if asks else None
    expected: dict[bytes, ExpectedRequest] = {}
    names: dict[str, set[str]] = {"model_a": set(), "model_b": set(), "model": set()}
    for subject in counts.counting(_subjects(folder, manifest, found)):
        item = subject if isinstance(subject, Item) else subject.item
        items.add(item.id)
        images |= {image.path: image for image in item.images}
        _note_models(subject, names)
        if plan is not None:
            _add_requests(plan, subject, manifest.judges, expected, found)
    if (
        manifest.pairs_sha256 is not None
        and file_sha256(path) != manifest.pairs_sha256
        and found.n_problems == n_before
    ):
        found.add(path, "not the file that the run was made with: its hash is not the manifest's `pairs_sha256`")
    if found.n_problems == n_before:
        _check_counts(folder, manifest, counts.fields(), names, found)
    _check_images(folder, images, found)
    found.n_requests += len(expected)
    return CheckedSubjects(expected, frozenset(items))


def _subjects(folder: RunFolder, manifest: AnyManifest, found: Findings) -> Iterator[Any]:
    """Yield the subjects that can be read, their images located."""
    path, decode = folder.subjects_path(manifest), Decoder(_NOUNS[manifest.kind]).decode
    seen: set[str] = set()
    grows = isinstance(manifest, Manifest) and manifest.grows
    lines = sealed_lines(path, sealed=folder.is_sealed, appended=grows)
    for line in islice(lines, manifest.n_items if grows else None):
        where = f"{path}:{line.number}"
        if line.problem:
            found.add(where, line.problem)
        try:
            subject = decoded(path, line._replace(problem=""), decode)
        except RunError as error:
            if not line.problem:
                found.add(where, str(error).removeprefix(f"{where}: "))
            continue
        item = subject if isinstance(subject, Item) else subject.item
        if item.id in seen:
            found.add(where, f"a second line about item {item.id!r}", "item.id")
        seen.add(item.id)
        here = located(item, folder.path)
        yield here if isinstance(subject, Item) else replace(subject, item=here)


def _note_models(subject: Pair | Case | Item, names: dict[str, set[str]]) -> None:
    """Note which models the traces state that they are of."""
    if isinstance(subject, Pair):
        stated = {"model_a": subject.a.model, "model_b": subject.b.model}
    else:
        stated = {"model": subject.trace.model if isinstance(subject, Case) else None}
    for side, name in stated.items():
        if name is not None:
            names[side].add(name)


def _add_requests(
    plan: Plan[Any],
    subject: object,
    judges: tuple[JudgeSpec, ...],
    expected: dict[bytes, ExpectedRequest],
    found: Findings,
) -> None:
    """Render the requests about a subject."""
    for judge in judges:
        try:
            for request in plan.requests([subject], judge):
                expected[bytes.fromhex(request.key)] = ExpectedRequest.of(request)
        except InputError as error:
            found.add(error.where, f"a request cannot be rendered anew: {error.problem}")


def _check_counts(
    folder: RunFolder, manifest: AnyManifest, counted: dict[str, Any], names: dict[str, set[str]], found: Findings
) -> None:
    """Check what the manifest says of its subjects, as far as the version that wrote it said it."""
    grows = isinstance(manifest, Manifest) and manifest.grows
    against_itself = isinstance(manifest, Manifest) and manifest.control is not None
    for name, value in counted.items():
        stated = getattr(manifest, name)
        if stated == value or name not in manifest.model_fields_set or (name == "identical" and against_itself):
            continue
        if grows and name != "n_items":
            continue  # written before there was any pair
        shown = [len(one) if isinstance(one, tuple) else one for one in (stated, value)]
        found.add(folder.manifest_path, f"is {shown[0]}, the file of subjects gives {shown[1]}", name)
    for side, stated_names in names.items():
        for name in stated_names:
            if getattr(manifest, side) not in {name, f"{name} (a)", f"{name} (b)"}:
                told = f"is {getattr(manifest, side)!r}, where the traces say that they are of {name!r}"
                found.add(folder.manifest_path, told, side)


def _check_images(folder: RunFolder, images: dict[str, Image], found: Findings) -> None:
    """Check the bytes of every image, those that lie outside of the run folder where they are there."""
    held = folder.path.absolute() / FOLDER
    for path, image in images.items():
        try:
            image_bytes(image)
            found.n_images += 1
        except OmrJudgeError as error:
            if not path.startswith(str(held)) and "no such image" in str(error):
                found.n_images_absent += 1
            else:
                found.add(path, str(error).removeprefix(f"{path}: "))
