"""Draw a random sample of a run into a blinded page that people fill in offline."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judge.errors import InputError, RunError
from judge.files.files import replacing
from judge.files.sampling import Drawn, draw, draw_by_stratum
from judge.images.loader import image_base64
from judge.labels.draws import KeyItem, PacketKey, readable_items, write_key
from judge.labels.human_labels import counted_items
from judge.labels.labels import first_shown, shown_texts
from judge.runs.manifest import chosen_criteria
from judge.schema import Outcome

if TYPE_CHECKING:
    from judge.runs.manifest import Manifest
    from judge.runs.run_folder import RunFolder
    from judge.schema import Pair


TITLE = b"<title>Which trace is better?</title>"
"""by which a packet is known, within its first bytes"""
HEAD_BYTES = 4096


@dataclass(frozen=True)
class PacketOptions:
    """Options of a packet: size, criteria, stratification, seed."""

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
        InputError: an unknown criterion, fewer places than strata, or a file that is there and no packet.
        RunError: the run's traces are not known, an image is no longer what it was, or a file cannot be written.
    """
    _refuse_other_file(out)
    manifest = folder.manifest()
    criteria = chosen_criteria(manifest, options.criteria)
    items = readable_items(folder, manifest)
    drawn = _drawn(folder, manifest, items, options)
    if manifest.pairs_sha256 is None:
        raise RunError(f"{folder.manifest_path}: the hash of the pairs is missing")
    name, secret = f"packet-{secrets.token_hex(6)}", secrets.token_hex(16)
    key = PacketKey(
        draw=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=options.seed,
        stratify="outcome" if options.stratify else None,
        criteria=tuple(criterion.name for criterion in criteria),
        pairs_sha256=manifest.pairs_sha256,
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


def _refuse_other_file(out: Path) -> None:
    """Refuse to replace a file that holds anything but a packet."""
    if not out.is_file():
        return
    try:
        with out.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"--out {out}", f"cannot be read: {error.strerror}", "name another file") from error
    if head and TITLE not in head:
        raise InputError(f"--out {out}", "exists, and is no packet", "name another file, or remove it")


def _drawn(folder: RunFolder, manifest: Manifest, items: Sequence[str], options: PacketOptions) -> list[Drawn]:
    if not options.stratify:
        return draw(items, options.n, seed=options.seed)
    judged = list(counted_items(folder, manifest).values())[-1].judged.items
    outcomes = dict(judged.select("item", "outcome").iter_rows())
    strata = {item: outcomes.get(item, Outcome.MISSING.value) for item in items}
    kinds = sorted(set(strata.values()))
    if options.n < len(kinds):
        raise InputError(f"--n {options.n}", f"there are {len(kinds)} outcomes ({', '.join(kinds)})", "draw more")
    return draw_by_stratum(strata, options.n, seed=options.seed)


def _shown(pair: Pair, key: KeyItem, manifest: Manifest) -> dict[str, Any]:
    """Return what the page holds of a pair: nothing that tells which model is which."""
    item = pair.item
    reference = [item.answer, item.reference_reasoning] if manifest.show_reference else []
    return {
        "number": key.number,
        "question": item.question,
        "options": list(item.options.items()),
        "reference": "\n".join(filter(None, reference)),
        "right": item.answer if manifest.show_reference and item.answer in item.options else None,
        "images": [f"data:{image.media_type};base64,{image_base64(image)}" for image in item.images],
        "traces": shown_texts(pair, key.order, manifest),
    }


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
    # This style, this script and embedded images are allowed, and no connection.
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    # Style and script are ours, and the template's `tojson` leaves no character that could end the element.
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - see above
    return environment.from_string(page).render(policy=policy, style=style, script=script, content=content)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
