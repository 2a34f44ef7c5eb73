"""Write a small run folder without asking a judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from builders import RUBRIC

from judge.enums import Orders
from judge.files.files import as_json_bytes, file_sha256, write_lines
from judge.files.sealing import seal, unseal
from judge.labels.draws import DRAW_FOLDERS, KeyItem, PacketKey, write_key
from judge.runs.manifest import Manifest
from judge.runs.run_folder import RunFolder
from judge.schema import Image, Item, Judged, Judgment, Label, Order, Pair, Reply, Trace, Verdict, Winner

MODELS = ("secret-model-alpha", "secret-model-beta")
Verdicts = tuple[Verdict, Verdict]
A_WINS, B_WINS = (Verdict.FIRST, Verdict.SECOND), (Verdict.SECOND, Verdict.FIRST)
TIES, SPLITS = (Verdict.TIE, Verdict.TIE), (Verdict.FIRST, Verdict.FIRST)


def make_pair(name: str, *, text: str = "", images: Sequence[Image] = (), patient: str = "") -> Pair:
    item = Item(
        id=name,
        question=f"Question {name}?{text}",
        options={"A": "one", "B": "two"},
        answer="A",
        reference_reasoning=f"Because of {name}.",
        images=tuple(images),
        meta={"patient": patient} if patient else {},
    )
    long = "It argues at some length that the lesion is benign."
    return Pair(
        item=item,
        a=Trace(text=f"Left trace of {name}. {long}{text}", model=MODELS[0]),
        b=Trace(text=f"Right trace of {name}. {long}", model=MODELS[1]),
    )


def make_run(
    folder: Path, verdicts: Mapping[str, Verdicts | None], pairs: Sequence[Pair] | None = None, *, answers: bool = True
) -> RunFolder:
    """Write a run of two criteria whose verdicts are the same on both; None: not judged."""
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    given = [make_pair(name) for name in verdicts] if pairs is None else pairs
    digest = write_lines(run.pairs_path, given)
    judgments = [
        make_judgment(name, order, verdict)
        for name, both in verdicts.items()
        if both
        for order, verdict in zip(Order, both, strict=True)
    ]
    write_lines(run.judgments_path, judgments)
    run.write_manifest(
        Manifest(
            created="2026-01-01T00:00:00+00:00",
            command=(),
            versions={},
            identity={},
            model_a=MODELS[0],
            model_b=MODELS[1],
            imported_judges=("j",),
            prompt=None,
            rubric=RUBRIC,
            schema_sha256=None,
            orders=Orders.BOTH,
            samples=1,
            seed=0,
            hide_answers=not answers,
            n_items=len(given),
            pairs_sha256=digest,
        )
    )
    return run


def make_judgment(
    item: str,
    order: Order,
    verdict: Verdict,
    *,
    judge: str = "j",
    evidence: tuple[str, str] = ("", ""),
    sample: int = 0,
) -> Judgment:
    """Return a judgment with its reply, in the schema's form."""
    fields = {"evidence_1": evidence[0], "evidence_2": evidence[1], "verdict": verdict.value}
    names = [criterion.name for criterion in RUBRIC.criteria]
    return Judgment(
        key=hashlib.sha256(f"{item} {order} {judge} {sample}".encode()).hexdigest()[:32],
        item=item,
        order=order,
        judge=judge,
        sample=sample,
        result=Judged(verdicts=dict.fromkeys(names, verdict)),
        reply=Reply(text=json.dumps(dict.fromkeys(names, fields))),
    )


def make_label(item: str, winner: Winner, **changes: object) -> Label:
    fields = {
        "item": item,
        "criterion": "overall",
        "winner": winner,
        "order": Order.FORWARD,
        "reader": "ann",
        "time": "2026-01-02T00:00:00+00:00",
    }
    return Label.model_validate({**fields, **changes})


def record_draw(run: RunFolder, name: str, weights: Mapping[str, float]) -> None:
    """Put a draw on record that shows model a first always; items of one weight are one stratum."""
    digest = run.manifest().pairs_sha256
    assert digest is not None
    items = tuple(
        KeyItem(number=number, item=item, order=Order.FORWARD, weight=weight, stratum=str(weight))
        for number, (item, weight) in enumerate(weights.items(), start=1)
    )
    key = PacketKey(
        draw=name,
        created="2026-01-01T00:00:00+00:00",
        seed=0,
        stratify="outcome",
        criteria=tuple(criterion.name for criterion in RUBRIC.criteria),
        pairs_sha256=digest,
        n_population=sum(1 for _ in run.pairs()),
        items=items,
    )
    write_key(run.path, key)


def change_manifest(run: Path, old: bytes, new: bytes) -> None:
    """Change a run's manifest, and seal it anew: as whoever means to deceive does, or a test that is in a hurry."""
    path = run / "manifest.json"
    content = unseal(path.read_bytes()).content.replace(old, new)
    path.write_bytes(seal(as_json_bytes(json.loads(content)))[0])


def without_seals(run: Path) -> None:
    """Make a run, and its controls, what an earlier version would have written."""
    for path in run.rglob("*.jsonl"):
        lines = path.read_bytes().splitlines()
        path.write_bytes(b"".join(unseal(line).content + b"\n" for line in lines))
    for path in run.rglob("manifest.json"):
        manifest = json.loads(unseal(path.read_bytes()).content) | {"files": {}}
        for name in ("pairs.jsonl", "cases.jsonl", "items.jsonl"):
            if (subjects := path.with_name(name)).exists():
                manifest["pairs_sha256"] = file_sha256(subjects)
        path.write_bytes(as_json_bytes(manifest))
        for folder in DRAW_FOLDERS:
            for record in path.parent.glob(f"{folder}/*.json"):
                told = json.loads(unseal(record.read_bytes()).content) | {"pairs_sha256": manifest["pairs_sha256"]}
                record.write_bytes(as_json_bytes(told))
