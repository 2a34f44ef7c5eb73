"""Draw a random sample of a run into a blinded page that people fill in offline."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judge.comparison.derive_report import item_features, subject_of
from judge.errors import InputError, RunError
from judge.files.files import replacing
from judge.files.sampling import Drawn, draw, draw_by_stratum
from judge.labels.ask_reader import readable_items
from judge.labels.labels import first_shown
from judge.labels.packet_keys import KeyItem, PacketKey, write_key
from judge.labels.render_packet import packet_page
from judge.outcomes.counted_items import fold_panel
from judge.outcomes.estimates import Basis
from judge.outcomes.item_features import WantedFields
from judge.outcomes.latest_judgments import latest_judgments
from judge.prompting.pairwise_prompt import shown_text
from judge.runs.manifest import chosen_criteria
from judge.schema import Order, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from judge.runs.journal import RunFolder
    from judge.runs.manifest import Manifest
    from judge.schema import Image, Pair


@dataclass(frozen=True)
class PacketOptions:
    """What to draw, and how."""

    n: int
    criteria: tuple[str, ...] = ()
    """empty: the rubric's last, the overall verdict"""
    stratify: bool = False
    """by the judge's outcome on the rubric's last criterion"""
    seed: int = 0


def make_packet(folder: RunFolder, options: PacketOptions, out: Path) -> PacketKey:
    """Write the page to a file and its key to the run folder; return the key.

    The sample follows from the seed; which trace an item shows first follows from the draw's own random name, so that
    nobody can work it out from the page.

    Raises:
        InputError: an unknown criterion, fewer places than strata, or an image that is no longer what it was.
        RunError: the run's traces are not known, or a file cannot be written.
    """
    manifest = folder.manifest()
    criteria = chosen_criteria(manifest, options.criteria)
    items = readable_items(folder, manifest)
    if not items:
        raise RunError(f"{folder.path}: no pair of this run differs: there is nothing to read")
    drawn = _drawn(folder, manifest, items, options)
    name, secret = f"packet-{secrets.token_hex(6)}", secrets.token_hex(16)
    key = PacketKey(
        draw=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=options.seed,
        stratify="outcome" if options.stratify else None,
        criteria=tuple(criterion.name for criterion in criteria),
        pairs_sha256=_identity(folder, manifest),
        n_population=len(items),
        items=tuple(
            KeyItem(
                number=number,
                item=one.item,
                order=first_shown(one.item, reader=name, seed=secret),
                weight=one.weight,
                stratum=one.stratum,
            )
            for number, one in enumerate(drawn, start=1)
        ),
    )
    wanted = {one.item for one in drawn}
    pairs = {pair.item.id: pair for pair in folder.pairs() if pair.item.id in wanted}
    content = {
        "draw": key.draw,
        "pairs_sha256": key.pairs_sha256,
        "criteria": [{"name": c.name, "title": c.title, "definition": c.definition} for c in criteria],
        "items": [_shown(pairs[one.item], one, manifest) for one in key.items],
    }
    write_key(folder.path, key)
    with replacing(out) as file:
        file.write(packet_page(content).encode())
    return key


def _identity(folder: RunFolder, manifest: Manifest) -> str:
    if manifest.pairs_sha256 is None:
        raise RunError(f"{folder.manifest_path}: the hash of the pairs is missing")
    return manifest.pairs_sha256


def _drawn(folder: RunFolder, manifest: Manifest, items: Sequence[str], options: PacketOptions) -> list[Drawn]:
    if not options.stratify:
        return draw(items, options.n, seed=options.seed)
    outcomes = outcomes_of(folder, manifest)
    strata = {item: outcomes.get(item, Outcome.MISSING.value) for item in items}
    kinds = sorted(set(strata.values()))
    if options.n < len(kinds):
        raise InputError(f"--n {options.n}", f"there are {len(kinds)} outcomes ({', '.join(kinds)})", "draw more")
    return draw_by_stratum(strata, options.n, seed=options.seed)


def outcomes_of(folder: RunFolder, manifest: Manifest) -> dict[str, str]:
    """Return the panel's outcome on the rubric's last criterion by item; items without one are absent."""
    subject = subject_of(manifest, item_features(folder, manifest, WantedFields()))
    latest = latest_judgments(folder.judgments())
    counted = fold_panel(latest, subject, Basis(manifest.method, manifest.seed)).together[subject.criteria[-1]]
    return dict(counted.judged.items.select("item", "outcome").iter_rows())


def _shown(pair: Pair, key: KeyItem, manifest: Manifest) -> dict[str, Any]:
    """Return what the page holds of a pair: nothing that tells which model is which."""
    texts = [shown_text(trace, answers=not manifest.hide_answers) for trace in (pair.a, pair.b)]
    if key.order is Order.SWAPPED:
        texts.reverse()
    item = pair.item
    reference = [item.answer, item.reference_reasoning] if manifest.show_reference else []
    return {
        "number": key.number,
        "question": item.question,
        "options": list(item.options.items()),
        "reference": "\n".join(filter(None, reference)),
        "right": item.answer if manifest.show_reference and item.answer in item.options else None,
        "images": [_data_address(image) for image in item.images],
        "traces": texts,
    }


def _data_address(image: Image) -> str:
    """Return an image as a data address; InputError where the file is not what the judge was shown."""
    try:
        data = Path(image.path).read_bytes()
    except OSError as error:
        raise InputError(image.path, f"cannot be read: {error.strerror}", "put the image back") from error
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise InputError(image.path, "changed since the run began", "put the image back as it was")
    return f"data:{image.media_type};base64,{base64.b64encode(data).decode()}"
