"""Join comparison runs into one table of judged pairs a criterion: items by their content, and nothing that differs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from judge.comparison.derive_report import VOTES, answers_of, counted_verdicts
from judge.costs.spending import Spending, total
from judge.errors import RunError
from judge.outcomes.counted_items import Pooling, fold_panel
from judge.outcomes.item_features import WantedFields, features_of_judgments, features_of_pairs, image_clusters
from judge.outcomes.rates import Basis
from judge.outcomes.tally import COUNTS, FOLDED, MEANS, with_outcomes
from judge.prompting.pairwise_plan import prompt_labels
from judge.ranking.judged_alike import refuse_other_judges, refuse_otherwise_asked, refuse_unranked
from judge.ranking.same_items import SameItems
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import MANIFEST, run_folders

if TYPE_CHECKING:
    from decimal import Decimal

    from judge.outcomes.counted_items import Subject
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.runs.manifest import Manifest


class Wanted(NamedTuple):
    """What a person asks of a ranking."""

    fields: WantedFields = WantedFields()
    step: str | None = None
    """the field that gives checkpoints' steps"""
    allow_judges: bool = False


class PairTotals(NamedTuple):
    """The items of one pair of models, over its runs."""

    runs: list[str]
    """the run folders"""
    items: set[str]
    """by their content"""
    seen: set[str]
    """those that a judge was asked about, or that need none"""


@dataclass
class JoinedRuns:
    """Runs that were judged alike; every table has one row a pair and item, `a` before `b` by name."""

    criteria: list[str] = field(default_factory=list)
    judges: dict[str, None] = field(default_factory=dict)
    tables: dict[str, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    """by criterion: `a`, `b`, the columns of `FOLDED` with `item` by its content, and the items' features"""
    by_judge: dict[tuple[str, str], list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    """the same by judge and criterion"""
    pairs: dict[tuple[str, str], PairTotals] = field(default_factory=dict)
    items: SameItems = field(default_factory=SameItems)
    n_judgments: int = 0
    n_soft: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    n_not_asked: int = 0
    usd: list[Decimal | None] = field(default_factory=list)
    folders: list[RunFolder] = field(default_factory=list)
    manifests: list[Manifest] = field(default_factory=list)
    cluster_field: str | None = None
    warnings: list[str] = field(default_factory=list)
    _judged: dict[tuple[str, str, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """by pair and judge: the run that judged each content"""

    @property
    def models(self) -> list[str]:
        """The names of all models, sorted."""
        return sorted({name for pair in self.pairs for name in pair})

    @property
    def prompt(self) -> str | None:
        """Name and version of the prompt; None for imported runs."""
        first = self.manifests[0]
        return prompt_labels(first.prompt, first.judges) if first.prompt else None

    @property
    def basis(self) -> Basis:
        """How the first run makes intervals."""
        return Basis(self.manifests[0].method, self.manifests[0].seed)

    def spent(self) -> Decimal | None:
        """Return what all replies cost, in US dollars; None where it is not known."""
        return total(self.usd) if self.usd else None

    def table(self, criterion: str, judge: str | None = None) -> pl.DataFrame:
        """Return the judged pairs of a criterion; an item that several runs judged has the mean of their credits."""
        frames = self.by_judge[judge, criterion] if judge else self.tables[criterion]
        joined = pl.concat(frames, how="diagonal")
        others = [name for name in joined.columns if name not in {"a", "b", *FOLDED}]
        means, counts = pl.col(MEANS).mean(), pl.col(COUNTS).sum()
        grouped = joined.group_by("a", "b", "item", maintain_order=True).agg(means, counts, pl.col(others).first())
        table = with_outcomes(grouped).sort("a", "b", "item")
        clusters = image_clusters(list(self.items.images.values())) if self.cluster_field in {None, "image"} else None
        if clusters is None:
            return table
        self.cluster_field = "image"
        named = dict(zip(self.items.images, clusters, strict=True))
        return table.with_columns(cluster=pl.col("item").replace_strict(named, return_dtype=pl.String))

    def add(self, folder: RunFolder, wanted: Wanted) -> None:
        """Join one more run.

        Raises:
            InputError: no item of the run has a wanted field.
            RunError: it is no comparison, or differs from those before it in what was asked.
        """
        manifest = folder.manifest()
        refuse_unranked(folder, manifest)
        if self.manifests:
            first = (self.folders[0], self.manifests[0])
            refuse_otherwise_asked((folder, manifest), first)
        self.criteria = self.criteria or [criterion.name for criterion in manifest.rubric.criteria]
        content: dict[str, str] = {}
        if manifest.prompt is None:
            features = features_of_judgments(folder.judgments(), wanted.fields)
        else:
            pairs = self.items.read(folder, manifest, wanted.step, content)
            read = answers_of(folder, manifest)
            features = features_of_pairs(
                pairs, wanted.fields, answers=not manifest.hide_answers, show=manifest.show, read=read
            )
        self.cluster_field = features.cluster_field or self.cluster_field
        spending = Spending(manifest.prices)
        latest, subject, *_ = counted_verdicts(folder, manifest, features, spending)
        if manifest.judges:
            self.usd.append(spending.usd)
        if self.manifests and not wanted.allow_judges:
            are_votes = list(self.judges) == subject.judges == [VOTES]
            refuse_other_judges((folder, manifest), (self.folders[0], self.manifests[0]), are_votes=are_votes)
        panel = fold_panel(latest, subject, Basis(manifest.method, manifest.seed), Pooling.MEAN)
        self.judges |= dict.fromkeys(subject.judges)
        pair = (manifest.model_a, manifest.model_b)
        for criterion, items in panel.together.items():
            self.tables[criterion].append(_oriented(items.items, *pair, content))
        for judge, own in panel.alone.items():
            for criterion, items in own.items():
                self.by_judge[judge, criterion].append(_oriented(items.items, *pair, content))
        self._count(folder, manifest, subject, latest, content)

    def _count(
        self,
        folder: RunFolder,
        manifest: Manifest,
        subject: Subject,
        latest: LatestJudgments,
        content: dict[str, str],
    ) -> None:
        """Count what a run has; refuse an item that another run judged already, of the same pair by the same judge."""
        pair = (min(manifest.model_a, manifest.model_b), max(manifest.model_a, manifest.model_b))
        asked = latest.requests.select("item", pl.col("judge").cast(pl.String)).unique()
        totals = self.pairs.setdefault(pair, PairTotals([], set(), set()))
        totals.runs.append(str(folder.path))
        totals.items.update(content.values())
        totals.seen.update(content.get(item, item) for item in subject.identical)
        for item, judge in asked.iter_rows():
            key = content.get(item, item)
            first = self._judged[*pair, judge].setdefault(key, str(folder.path))
            if first != str(folder.path):
                told = f"judged item {item} of {pair[0]} and {pair[1]} by {judge}, as {first} did"
                raise RunError(f"{folder.path}: {told}; name one of the two")
            totals.items.add(key)
            totals.seen.add(key)
        self.n_judgments += len(latest)
        self.n_soft += latest.n_soft
        self.failures.update(latest.failures)
        if manifest.prompt is not None:
            self.n_not_asked += max(0, manifest.n_requests - len(latest))
        self.folders.append(folder)
        self.manifests.append(manifest)


def join_runs(paths: Sequence[Path], wanted: Wanted) -> JoinedRuns:
    """Join the runs of these folders, and of the folders within those that are no runs themselves.

    Raises:
        InputError: no item has a wanted field.
        RunError: there is no run, or runs that cannot be ranked together; the message names what differs.
    """
    joined = JoinedRuns()
    for path in paths:
        for folder in _runs_in(path):
            if folder.any_manifest().kind == "comparison":
                joined.add(folder, wanted)
            elif folder.path == path:
                folder.manifest()  # refuses it in words
            else:
                joined.warnings.append(f"left out: {folder.name} compares no models")
    if not joined.folders:
        raise RunError(f"{paths[0]}: no comparison in this folder")
    return joined


def _runs_in(path: Path) -> list[RunFolder]:
    if (path / MANIFEST).exists():
        return [RunFolder(path)]
    return [RunFolder(folder) for folder in run_folders(path) if (folder / MANIFEST).exists()]


def _oriented(items: pl.DataFrame, a: str, b: str, content: dict[str, str]) -> pl.DataFrame:
    """Return a run's items by their content, the model first by name as `a`."""
    if content:
        items = items.with_columns(item=pl.col("item").replace_strict(content))
    if a < b:
        return items.with_columns(a=pl.lit(a), b=pl.lit(b))
    forward = [name for name in items.columns if name.endswith("forward")]
    turned = {
        one.replace("forward", side): 1 - pl.col(one.replace("forward", other))
        for one in forward
        for side, other in (("forward", "swapped"), ("swapped", "forward"))
    }
    swapped = {
        f"{name}_{one}": pl.col(f"{name}_{other}") for name in ("length", "right") for one, other in ("ab", "ba")
    }
    return with_outcomes(items.with_columns(**turned, **swapped)).with_columns(a=pl.lit(b), b=pl.lit(a))
