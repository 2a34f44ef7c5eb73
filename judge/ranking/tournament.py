"""Judge the pairs of many models: a run folder for each pair, one budget, one progress; then rank the models."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from hashlib import sha256
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from judge.comparison.dry_run import dry_run
from judge.comparison.escalate import escalate
from judge.comparison.prepared_run import prepared_comparison
from judge.costs.quote import added
from judge.errors import InputError, RunError
from judge.files.damage import change_in
from judge.files.files import write_json
from judge.files.limits import read_whole
from judge.files.sealing import unseal
from judge.inputs.input_options import InputOptions, ItemOptions
from judge.inputs.traces import read_traces
from judge.judging.command_options import CompareOptions
from judge.judging.find_run import named_run, start_run
from judge.judging.judge_run import RunPart, Whole, confirmed, judge_all, parts_of
from judge.judging.progress import Display
from judge.judging.quote_run import budget_of
from judge.judging.run_kinds import plan_of
from judge.ranking.fitted_models import Settings, fit_table
from judge.ranking.joined_runs import Wanted, join_runs
from judge.ranking.make_ranking import make_ranking
from judge.ranking.options import DEFAULT_NAME, PairDesign
from judge.runs.controls import folders_within, make_controls
from judge.runs.run_names import TOURNAMENT
from judge.schema import Frozen
from judge.stats.davidson import components
from judge.stats.pair_design import least_seen_block, next_pairs, top_variances

if TYPE_CHECKING:
    from judge.costs.quote import Quote
    from judge.ranking.options import TournamentOptions
    from judge.ranking.ranking_report import RankingReport
    from judge.runs.manifest import Manifest

N_BLOCKS = 10
"""in which the items of an adaptive tournament are cut"""
N_BATCHES = 5
"""in so many batches every pair has one more block at most"""
CONNECTING = PairDesign(kind="cyclic", k=2)
"""of an adaptive tournament: the pairs whose first block comes first"""
TARGETS = 3
"""the ranks that an adaptive tournament is to tell"""
NAME_CHARS = 40
AGAIN = "the same `omr-judge tournament` command"
Pairs = dict[tuple[str, str], "PairRun"]


class PairBlock(Frozen):
    """A block of items of one pair."""

    a: str
    b: str
    block: int


class TournamentPlan(Frozen):
    """What a tournament was asked for, and has planned: `tournament.json` in its folder."""

    design: PairDesign
    ranked: tuple[str, ...] = ()
    """the models of the last complete ranking"""
    batches: tuple[tuple[PairBlock, ...], ...] = ()
    """of an adaptive design, in the order in which they were planned"""

    def told(self) -> str:
        """Say how pairs were chosen."""
        return self.design.told(len(self.batches))


class PairRun:
    """The run of one pair, with the keys of its requests by block of items.

    Args:
        parts: the run and its controls.
    """

    def __init__(self, parts: Sequence[RunPart]) -> None:
        self.parts = parts
        self._keys: dict[int, set[bytes]] | None = None

    @property
    def manifest(self) -> Manifest:
        """Its manifest."""
        return self.parts[0].folder.manifest()

    def keys(self, block: int) -> set[bytes]:
        """Return the keys of a block: an item is in the same block in every pair."""
        if self._keys is None:
            self._keys = {number: set() for number in range(N_BLOCKS)}
            manifest, folder = self.manifest, self.parts[0].folder
            drawn = sorted(
                (sha256(f"{manifest.seed}:{pair.item.id}".encode(errors="surrogatepass")).digest(), pair.item.id)
                for pair in folder.pairs()
            )
            block_of = {item: at * N_BLOCKS // len(drawn) for at, (_, item) in enumerate(drawn)}
            for judge in manifest.judges:
                for request in plan_of(manifest).requests(folder.pairs(), judge):
                    self._keys[block_of[request.item]].add(bytes.fromhex(request.key))
        return self._keys[block]


def tournament(options: TournamentOptions, *, command: Sequence[str], say: Callable[[str], None]) -> RankingReport:
    """Judge the pairs that the design asks for and that are not judged yet, and rank all that were judged.

    Raises:
        InputError: something given cannot be used; nothing was spent.
        RunError: the folder holds another tournament, is in use or damaged.
        StopRunError: a judge answers no more; what was judged is kept.
        BudgetReachedError: the tournament has spent what it may.
        InterruptedRunError: a person stopped it.
    """
    options.check()
    if named_run(options.runs, options.name or DEFAULT_NAME).manifest_path.exists():
        raise RunError(f"{options.folder}: a run, and no tournament; give another --name")
    files = _files(options)
    plan = read_plan(options.folder) or TournamentPlan(design=options.design)
    plan = plan.model_copy(update={"design": options.design})
    pairs = {
        pair: PairRun(_started(options, files, pair, command=command, say=say))
        for pair in options.design.pairs([*files])
    }
    _write(options.folder, plan)
    parts = [part for pair in pairs.values() for part in pair.parts]
    judging = confirmed(parts, options.judging)
    first, *others = (part.folder for part in parts)
    done = sum(len(part.folder.judged_keys()) for part in parts)
    total = sum(part.manifest.n_requests for part in parts)
    if options.design.kind == "adaptive":
        total = max(done, round(options.design.share * total))
    display = Display(total=total, done=done, prices=parts[0].manifest.prices, quiet=judging.quiet)
    whole = Whole(display, budget_of(first, parts[0].manifest, judging, beside=others))
    options = replace(options, judging=judging)
    with display:
        if options.design.kind == "adaptive":
            plan = _judge_adaptively(options, plan, pairs, whole, say=say)
        else:
            judge_all(parts, judging, say=say, whole=whole, again=AGAIN)
    runs = [pair.parts[0].folder for pair in pairs.values()]
    for run in runs:
        beside = [folder for one in runs for folder in (one, *folders_within(one))]
        escalate(run, judging, command=command, beside=beside, again=AGAIN, say=say)
    new = [name for name in files if name not in plan.ranked] if plan.ranked else []
    report = make_ranking([options.folder], Wanted(), added=new, design=plan.told())
    _write(options.folder, plan.model_copy(update={"ranked": report.models}))
    return report


def quote_tournament(options: TournamentOptions, *, say: Callable[[str], None]) -> Quote:
    """Quote what the design has still to ask; nothing is asked or written (of an adaptive one: of all its pairs)."""
    options.check()
    files = _files(options)
    return added([dry_run(_pair_options(options, files, pair), say=say) for pair in options.design.pairs([*files])])


def read_plan(folder: Path) -> TournamentPlan | None:
    """Read what a tournament has planned; None where the folder is none, RunError where it cannot be read."""
    if not (folder / TOURNAMENT).exists():
        return None
    written = read_whole(folder / TOURNAMENT)
    unsealed = unseal(written)
    if not unsealed.holds:
        raise RunError(f"{folder / TOURNAMENT}: damaged: {change_in(written)}")
    try:
        return TournamentPlan.model_validate_json(unsealed.content)
    except ValidationError as error:
        raise RunError(f"{folder / TOURNAMENT}: damaged: {error.errors()[0]['msg']}") from error


def _write(folder: Path, plan: TournamentPlan) -> None:
    write_json(folder / TOURNAMENT, plan.model_dump(mode="json"), sealed=True)


def _files(options: TournamentOptions) -> dict[str, str]:
    """Return the file of each model, by its name; InputError where two files are of one model."""
    files: dict[str, str] = {}
    for path in options.inputs.files:
        with read_traces(path, fields=options.inputs.fields, answer_is=options.inputs.answer_is) as traces:
            name = traces.model or Path(path).name.split(".")[0]
        if name in files:
            hint = "give each model's records another `model`, or its file another name"
            raise InputError(path, f"is of model {name}, as {files[name]} is", hint)
        files[name] = path
    return files


def _pair_options(options: TournamentOptions, files: dict[str, str], pair: tuple[str, str]) -> CompareOptions:
    """Return the comparison of a pair; the order of names decides which is a, whatever the order of the files."""
    same = {field.name: getattr(options.inputs, field.name) for field in fields(ItemOptions)}
    inputs = InputOptions(a=files[pair[0]], b=files[pair[1]], **same)
    shard = f"_{options.shard.label}" if options.shard else ""
    own = {"inputs": inputs, "name": "_vs_".join(map(_folder_name, pair)) + shard, "runs": options.folder}
    return CompareOptions(**{field.name: getattr(options, field.name) for field in fields(CompareOptions)} | own)


def _folder_name(model: str) -> str:
    """Return a model's part of a folder's name: two models never have the same."""
    plain = re.sub(r"[^A-Za-z0-9.+-]+", "-", model).strip("-.")[:NAME_CHARS]
    return plain if plain == model else f"{plain or 'x'}-{sha256(model.encode(errors='surrogatepass')).hexdigest()[:6]}"


def _started(
    options: TournamentOptions,
    files: dict[str, str],
    pair: tuple[str, str],
    *,
    command: Sequence[str],
    say: Callable[[str], None],
) -> list[RunPart]:
    """Find or make the run of a pair, and its controls."""
    folder, judges = start_run(
        prepared_comparison(_pair_options(options, files, pair), command=command, say=say), say=say
    )
    manifest = folder.manifest().model_copy(update={"judges": judges})
    make_controls(folder, manifest, options.controls.wanted(), command=command)
    return parts_of(folder, manifest)


def _judge_adaptively(
    options: TournamentOptions, plan: TournamentPlan, pairs: Pairs, whole: Whole, *, say: Callable[[str], None]
) -> TournamentPlan:
    """Judge batch after batch, each planned and written before it is asked; return the plan."""

    def judge(blocks: Sequence[PairBlock]) -> None:
        wanted: dict[tuple[str, str], set[bytes]] = {}
        for block in blocks:
            if (pair := (block.a, block.b)) in pairs:
                wanted.setdefault(pair, set()).update(pairs[pair].keys(block.block))
        parts = [pairs[pair].parts[0]._replace(only=frozenset(keys)) for pair, keys in wanted.items()]
        judge_all(parts, options.judging, say=say, whole=whole, again=AGAIN)

    judge([block for batch in plan.batches for block in batch])
    total = ceil(round(options.design.share * len(pairs) * N_BLOCKS, 6))
    while batch := _next_batch(plan, pairs, total):
        plan = plan.model_copy(update={"batches": (*plan.batches, batch)})
        _write(options.folder, plan)
        judge(batch)
    controls = [part for pair in pairs.values() for part in pair.parts[1:]]
    judge_all(controls, options.judging, say=say, whole=whole, again=AGAIN)
    return plan


def _next_batch(plan: TournamentPlan, pairs: Pairs, total: int) -> tuple[PairBlock, ...]:
    """Plan the next blocks: first so that all models are connected, then of the pairs that tell most; none at the end.

    A pair is asked next about the items that its two models were asked about the least.

    Args:
        plan: what is planned so far, and judged.
        pairs: of the design.
        total: how many blocks are to be judged.
    """
    models = sorted({name for pair in pairs for name in pair})
    code = {name: at for at, name in enumerate(models)}
    asked = np.zeros((len(models), len(models), N_BLOCKS), dtype=bool)
    for one in (one for batch in plan.batches for one in batch if (one.a, one.b) in pairs):
        i, j = code[one.a], code[one.b]
        asked[[i, j], [j, i], one.block] = True
    first, second = np.argwhere(asked.any(axis=2)).T
    if len(components(first, second, len(models))) > 1:
        cycle = [(a, b) for a, b in CONNECTING.pairs(models) if not asked[code[a], code[b]].any()]
        return tuple(PairBlock(a=a, b=b, block=0) for a, b in cycle)
    left = total - int(asked.sum()) // 2
    if left <= 0:
        return ()
    judged = [part.parts[0].folder.path for (a, b), part in pairs.items() if asked[code[a], code[b]].any()]
    joined = join_runs(judged, Wanted())
    found = fit_table(joined.table(joined.criteria[-1]), Settings(joined.basis))
    games = len(found.games.unit) / (int(asked.sum()) / 2)
    asked = asked[np.ix_(*[[code[name] for name in found.models]] * 2)]
    blocks = asked.sum(axis=2)
    sizes = np.where((blocks < N_BLOCKS) & ~np.eye(len(blocks), dtype=bool), games, 0.0)
    wanted = top_variances(found.fit.ratings, found.errors.draws, TARGETS)
    batch = []
    for i, j in next_pairs(found.fit, blocks * games, sizes, wanted, min(left, ceil(len(pairs) / N_BATCHES))):
        number = least_seen_block(asked, i, j)
        asked[[i, j], [j, i], number] = True
        batch.append(PairBlock(a=found.models[i], b=found.models[j], block=number))
    return tuple(batch)
