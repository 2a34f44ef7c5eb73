"""Certify a judge: plant errors in traces, ask it about original and edited ones, and write what came of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from judge.certify.lexicon import ERRORS, PlantedKind
from judge.certify.matrix import (
    certified_judge,
    make_matrix,
    pairs_wanted,
    people_words,
    planted_frame,
    read_verdicts,
)
from judge.certify.plant import EDITED, ORIGINAL, PLANTED, Planted, choose, planted_pairs
from judge.certify.prepared_again import PreparedAgain, check_askable, pairs_of_run
from judge.comparison.certificates import asked_judges, write_certificate
from judge.comparison.derive_report import save_report
from judge.comparison.dry_run import quoted_controls, with_controls
from judge.comparison.prepared_run import prepared_comparison
from judge.costs.prices import parse_prices
from judge.costs.spending import Spending
from judge.enums import Orders
from judge.errors import InputError, RunError
from judge.inputs.input_options import InputOptions, ItemOptions
from judge.judging.command_options import CompareOptions
from judge.judging.find_run import find_run, start_run
from judge.judging.judge_run import judge_all, parts_of
from judge.judging.quote_run import quote_run
from judge.labels.labels import labels_path, latest_labels, read_labels
from judge.labels.make_packet import PacketOptions, make_packet
from judge.outcomes.latest_judgments import latest_judgments
from judge.outcomes.rates import Basis
from judge.report.certificate import Certificate
from judge.runs.control_kinds import Control, ControlKind
from judge.runs.control_sample import ControlSource, candidates, exchange_images
from judge.runs.control_sample import choose as choose_items
from judge.runs.controls import controls_of, make_controls
from judge.runs.manifest import Manifest
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import find_run as find_folder

if TYPE_CHECKING:
    from judge.costs.quote import Quote
    from judge.images.image_store import ImageStore
    from judge.judging.command_options import CertifyOptions
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.schema import Pair

PACKET_PAIRS = 30


class TraceSource(NamedTuple):
    """Where the traces come from in which errors are planted, and how their judge is asked."""

    manifest: Manifest
    pairs: Callable[[ImageStore | None], Iterator[Pair]]
    """reads them, one in memory at a time; a store takes their images"""
    run: RunFolder | None
    """the run whose judge it is; None: the traces were given as a file"""


@contextmanager
def trace_source(
    options: CertifyOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool
) -> Iterator[TraceSource]:
    """Open the comparison, or the file of traces, that a person named.

    Raises:
        InputError: a file cannot be used, or an option does not go with a run.
        RunError: the run is no comparison, or asks nothing.
    """
    if Path(options.target).is_file():
        inputs = InputOptions(
            a=options.target, b=options.target, **{one.name: getattr(options, one.name) for one in fields(ItemOptions)}
        )
        asked = CompareOptions(
            inputs=inputs,
            judges=options.judges or ("local",),
            prompt=options.prompt,
            rubric=options.rubric,
            seed=options.seed,
            judge_options=options.judge_options,
            prices=options.prices,
            runs=options.runs,
            judging=options.judging,
        )
        with prepared_comparison(asked, command=command, say=_unless_same(say), needs_keys=needs_keys) as prepared:
            manifest = prepared.manifest(prepared.counts(), sha256="")
            yield TraceSource(manifest, prepared.inputs.pairs, None)
        return
    for option, value in {"--judge": options.judges, "--prompt": options.prompt, "--rubric": options.rubric}.items():
        if value:
            raise InputError(option, "the run has its own", "leave it out, or give the file of traces")
    run = RunFolder(find_folder(options.target, options.runs))
    manifest = run.manifest()
    check_askable(run, manifest)
    if manifest.model_b == EDITED:
        raise RunError(f"{run.path}: its pairs were made to test its judge; name the run that they are of")
    options.judging.reach.check(manifest.asked_judges)
    judged = manifest.model_copy(update={"judges": manifest.asked_judges})
    yield TraceSource(judged, partial(pairs_of_run, run), run)


def _unless_same(say: Callable[[str], None]) -> Callable[[str], None]:
    """Pass notes on, but for those that hold of a file that is read as both models' traces."""
    said: set[str] = set()

    def once(line: str) -> None:
        if "the same bytes" not in line and line not in said:
            said.add(line)
            say(line)

    return once


@dataclass(frozen=True)
class PreparedCertification(PreparedAgain):
    """A run of planted pairs that need not exist yet."""

    options: CertifyOptions
    source: TraceSource
    wanted: dict[PlantedKind, int]
    chosen: Mapping[str, list[Planted]]

    def name_parts(self) -> list[str]:
        """Return what the run is, the model whose traces are edited, and the judge."""
        return ["certify", self.base.model_a, self.judges[0].model]

    def decided(self) -> dict[str, str]:
        """Name what decides which errors are planted."""
        wanted = {f"--certify {kind}": str(n) for kind, n in self.wanted.items()}
        return {
            **super().decided(),
            **wanted,
            "--floor": f"{self.options.floor:g}",
            "--image-part": str(self.options.image_part),
            "operators": operators_sha256(),
        }

    def subjects(self, store: ImageStore | None = None) -> Iterator[Pair]:
        """Yield the planted pairs."""
        return planted_pairs(self.source.pairs(store), self.chosen)

    def changes(self) -> dict[str, Any]:
        """Name the two traces of a pair, each of which is asked about in both orders."""
        return {"model_a": ORIGINAL, "model_b": EDITED, "orders": Orders.BOTH, "samples": 1}

    def perception_items(self) -> frozenset[str]:
        """Return the pairs with a perception error."""
        return frozenset(
            f"{one.item}#{one.kind}"
            for own in self.chosen.values()
            for one in own
            if one.kind is PlantedKind.PERCEPTION
        )

    def image_controls(self, pairs: Callable[[], Iterator[Pair]]) -> list[Control]:
        """Return the controls without the image and with another item's, where some judge sees images to be hidden."""
        if not self.options.image_part or not any(judge.sees_images for judge in self.judges):
            return []
        n, seed = self.options.image_part, self.base.seed
        source = ControlSource(pairs, seed, answers=not self.base.hide_answers, judged=self.perception_items())
        shown = candidates(ControlKind.NO_IMAGE, source)
        kinds = [ControlKind.NO_IMAGE] if shown else []
        kinds += [ControlKind.WRONG_IMAGE] if exchange_images(choose_items(shown, n, seed=seed), seed=seed) else []
        return [Control(kind=kind, n=n) for kind in kinds]


@contextmanager
def prepared_certification(
    options: CertifyOptions, *, command: Sequence[str], say: Callable[[str], None], needs_keys: bool = True
) -> Iterator[PreparedCertification]:
    """Choose the errors to plant, and yield the run that asks about them; InputError where none can be planted."""
    n = options.per_criterion or pairs_wanted(options.floor)
    wanted = {**dict.fromkeys([*ERRORS, PlantedKind.PLACEBO], n), PlantedKind.OMISSION: options.omissions}
    with trace_source(options, command=command, say=say, needs_keys=needs_keys) as source:
        base = source.manifest
        chosen = choose(partial(source.pairs, None), wanted, seed=options.seed, answers=not base.hide_answers)
        counts = Counter(one.kind for own in chosen.values() for one in own)
        if not any(counts[kind] for kind in ERRORS):
            problem = "no error can be planted: no sentence of a's traces says what a checklist or a reference says"
            raise InputError(options.target, problem, "give items with a `checklist` or `reference_reasoning`")
        say("Planted: " + ", ".join(f"{kind} {counts[kind]} of {n}" for kind, n in wanted.items() if n))
        prices = parse_prices(options.prices, base.judges)
        yield PreparedCertification(
            options, tuple(command), base.judges, base.prices | prices, base, source, wanted, chosen
        )


def certify(
    options: CertifyOptions, *, command: Sequence[str], say: Callable[[str], None]
) -> tuple[RunFolder, Certificate]:
    """Ask a judge about planted errors, or go on with that; write its certificate beside them and into its own run.

    Raises:
        InputError, RunError, StopRunError, BudgetReachedError, InterruptedRunError: as for `compare`.
    """
    with prepared_certification(options, command=command, say=say) as prepared:
        folder, judges = start_run(nullcontext(prepared), say=say)
        manifest = folder.manifest().model_copy(update={"judges": judges})
        controls = prepared.image_controls(folder.pairs)
        make_controls(folder, manifest, controls, judged=prepared.perception_items(), command=command)
        run = prepared.source.run
    judge_all(parts_of(folder, manifest), options.judging, again="the same `omr-judge certify` command", say=say)
    made = make_certificate(folder, floor=options.floor)
    write_certificate(folder, made)
    if run is not None:
        write_certificate(run, made)
        save_report(run)  # which tells of it from now on
    return folder, made


def quote_certification(options: CertifyOptions, *, say: Callable[[str], None]) -> Quote:
    """Quote what `certify` would ask; nothing is asked or written."""
    with prepared_certification(options, command=(), say=say, needs_keys=False) as prepared:
        folder, batch = find_run(prepared, say=say), options.judging.batch
        if folder.manifest_path.exists():
            there = {
                part.folder.name: quote_run(part.folder, part.manifest, done=part.folder.judged_keys(), batch=batch)
                for part in parts_of(folder, folder.manifest())[1:]
            }
            return with_controls(prepared.quote(folder), there)
        controls = quoted_controls(
            prepared.image_controls(prepared.own_subjects),
            prepared.manifest(prepared.counts(), sha256=""),
            prepared.own_subjects,
            judged=prepared.perception_items(),
            batch=batch,
        )
        return with_controls(prepared.quote(folder), controls)


def write_packet(
    options: CertifyOptions, out: Path, *, command: Sequence[str], say: Callable[[str], None]
) -> RunFolder:
    """Put planted pairs before people in a blinded page; their labels come back into the run of the planted pairs."""
    with prepared_certification(options, command=command, say=say, needs_keys=False) as prepared:
        folder, _ = start_run(nullcontext(prepared), say=say)
    make_packet(folder, PacketOptions(PACKET_PAIRS, seed=options.seed), out)
    return folder


def operators_sha256() -> str:
    """Return the SHA-256 over every file of operators, by name."""
    paths = sorted((files("judge.certify") / "operators").iterdir(), key=lambda path: path.name)
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def make_certificate(folder: RunFolder, *, floor: float) -> Certificate:
    """Derive the certificate from a run of planted pairs; the same folder gives the same certificate."""
    manifest = folder.manifest()
    criteria = [criterion.name for criterion in manifest.rubric.criteria]
    planted, spending, basis = planted_frame(folder.pairs()), Spending(manifest.prices), Basis(manifest.method, 0)
    latest = latest_judgments(folder.judgments(), spending)
    parts = {part.name: latest_judgments(part.judgments()) for part in controls_of(folder)}
    judges = {}
    for name, asked in asked_judges(manifest, spending).items():
        own = read_verdicts(planted, latest.of(name), criteria, basis)
        asked_again = {
            part: read_verdicts(_asked(planted, said), said.of(name), criteria, basis) for part, said in parts.items()
        }
        judges[name] = certified_judge(make_matrix(own, asked_again, floor=floor), asked.key, asked.served)
    kinds = {pair.item.id: pair.item.subgroup[PLANTED] for pair in folder.pairs()}
    return Certificate(
        run=folder.name,
        date=manifest.created,
        floor=floor,
        items_sha256=manifest.pairs_sha256 or "",
        operators_sha256=manifest.identity.get("operators", ""),
        n_items=manifest.n_items,
        people=people_words(_labels(folder, criteria[-1]), kinds),
        judges=judges,
    )


def _asked(planted: pl.DataFrame, said: LatestJudgments) -> pl.DataFrame:
    """Return the planted pairs that a control asks about."""
    return planted.filter(pl.col("item").is_in(said.requests["item"].implode()))


def _labels(folder: RunFolder, criterion: str) -> dict[str, str]:
    """Return by pair whom people prefer on a criterion; of several readers the last."""
    path = labels_path(folder.path)
    if not path.exists():
        return {}
    return {one.item: one.winner.value for one in latest_labels(read_labels(path)) if one.criterion == criterion}
