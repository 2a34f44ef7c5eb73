"""What a judge made of planted edits: the selectivity matrix, its words, and what it says of the judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from judge.certify.lexicon import ERRORS, PlantedKind
from judge.certify.plant import EDIT, PLANTED, SOURCE
from judge.enums import Orders
from judge.outcomes.counted_items import CriterionItems
from judge.outcomes.rates import Estimate, Figure, Ratio, estimate_rates, figure
from judge.outcomes.tally import fold
from judge.report.certificate import CertificateWord, Finding, JudgeCertificate, OperatorRow, PlantedRow
from judge.schema import Outcome
from judge.stats.closed_form import ratio_of_sums
from judge.stats.exact_bounds import ALPHA, at_most, clopper_pearson, sample_size
from judge.stats.significance import holm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.outcomes.rates import Basis
    from judge.schema import Pair

HALF = 0.5
LEAST_CAUGHT = 10
"""errors caught, below which nothing is said of a halo"""
_PAIRS = {
    "item": pl.String(),
    "kind": pl.String(),
    "operator": pl.String(),
    "cluster": pl.String(),
    "longer": pl.Int64(),
}


class Matrix(NamedTuple):
    """What the planted edits show of one judge: fields of its certificate."""

    word: CertificateWord
    rows: dict[str, PlantedRow]
    operators: dict[str, OperatorRow]
    halo: Figure | None
    parts: dict[str, PlantedRow]
    findings: tuple[str, ...]


class Verdicts(NamedTuple):
    """One judge's folded verdicts on planted pairs, in columns by criterion; null where one has no outcome."""

    items: pl.DataFrame
    """item, kind, operator, cluster (the item that the trace is of), longer (characters that the edit adds); by
    criterion `outcome CRITERION` and `first CRITERION`, the verdicts for the first slot where both are decisive"""
    criteria: Sequence[str]
    basis: Basis

    def column(self, kind: str, criterion: str, wanted: Sequence[Outcome]) -> pl.Series:
        """Return by pair of a kind whether its outcome on a criterion is one of these; null where it has none."""
        return self.items.filter(kind=kind).select(pl.col(f"outcome {criterion}").is_in(wanted)).to_series()

    def own(self, kind: str) -> str:
        """Return the criterion that edits of a kind are of: the overall one where the rubric has none of that name."""
        return kind if kind in self.criteria else self.criteria[-1]


def planted_frame(pairs: Iterable[Pair]) -> pl.DataFrame:
    """Return what is known of planted pairs: columns item, kind, operator, cluster and longer."""
    rows = [
        (
            pair.item.id,
            pair.item.subgroup[PLANTED],
            f"{pair.item.subgroup[PLANTED]}.{pair.b.meta[EDIT]['operator']}",
            pair.item.subgroup[SOURCE],
            len(pair.b.text) - len(pair.a.text),
        )
        for pair in pairs
    ]
    return pl.DataFrame(rows, schema=_PAIRS, orient="row")


def read_verdicts(planted: pl.DataFrame, latest: LatestJudgments, criteria: Sequence[str], basis: Basis) -> Verdicts:
    """Fold one judge's judgments of planted pairs, each of which it was asked about in both orders.

    Args:
        planted: rows of `planted_frame`.
        latest: the judgments of that judge.
        criteria: of the rubric.
        basis: how intervals are made.
    """
    items = planted
    for name in criteria:
        folded = fold(latest.on(name), orders=Orders.BOTH).select(
            "item",
            pl.col("outcome").cast(pl.String).alias(f"outcome {name}"),
            pl.when(pl.col("decisive") == pl.col("n_verdicts")).then("first_picks").alias(f"first {name}"),
        )
        items = items.join(folded, on="item", how="left", maintain_order="left")
    return Verdicts(items, criteria, basis)


def make_matrix(verdicts: Verdicts, parts: Mapping[str, Verdicts], *, floor: float) -> Matrix:
    """Make the matrix of one judge, and say what it shows.

    Args:
        verdicts: on all planted pairs.
        parts: on perception errors without their image, and with another item's, by the control's name.
        floor: the catch rate that is to be shown on each criterion.
    """
    rows = {kind.value: _row(verdicts, kind, floor) for kind in PlantedKind}
    rows = {kind: row for kind, row in rows.items() if row.n + row.missing or kind != PlantedKind.OMISSION}
    without = {name: _row(part, PlantedKind.PERCEPTION, floor) for name, part in parts.items()}
    operators = _operators(verdicts)
    halo = _halo(verdicts)
    findings = tuple(_findings(verdicts, rows, operators, halo, without, floor))
    words = [row.word for row in rows.values() if row.word]
    if Finding.HALO in findings:  # a verdict that moves for every error is none on its criterion
        words.append(CertificateWord.NOT_CERTIFIED)
    return Matrix(
        word=max(words, key=list(CertificateWord).index),
        rows=rows,
        operators=operators,
        halo=halo,
        parts={name: row.model_copy(update={"word": None}) for name, row in without.items()},
        findings=findings,
    )


def _row(verdicts: Verdicts, kind: PlantedKind, floor: float) -> PlantedRow:
    own = verdicts.own(kind)
    is_placebo = kind is PlantedKind.PLACEBO
    wanted = [Outcome.A, Outcome.B] if is_placebo else [Outcome.A]
    moved = {name: verdicts.column(kind, name, wanted) for name in verdicts.criteria}
    known = moved[own].drop_nulls()
    n, hits = len(known), int(known.sum())
    bounds = clopper_pearson(hits, n)
    right = n - hits if is_placebo else hits
    return PlantedRow(
        n=n,
        missing=len(moved[own]) - n,
        criterion=own,
        moved={name: _mean(column, verdicts.basis) for name, column in moved.items()},
        reversed=_mean(verdicts.column(kind, own, [Outcome.B]), verdicts.basis),
        low=round(bounds.low, 6),
        high=round(bounds.high, 6),
        word=None if kind is PlantedKind.OMISSION else passing(right, n, floor),
    )


def passing(right: int, n: int, floor: float) -> CertificateWord:
    """Say whether a share is shown to be above a floor, by the exact one-sided bounds.

    Where it is neither above nor below, as many pairs as the test is planned for have missed it, and fewer are too few.
    """
    bounds = clopper_pearson(right, n)
    if bounds.low > floor:
        return CertificateWord.CERTIFIED
    missed = bounds.high < floor or n >= pairs_wanted(floor)
    return CertificateWord.NOT_CERTIFIED if missed else CertificateWord.TOO_FEW


def pairs_wanted(floor: float) -> int:
    """Return how many pairs of a kind show a floor with a power of .9: .7 where the truth is .9, .8 where it is .95."""
    return sample_size(floor, 0.55 + floor / 2).n


def _mean(column: pl.Series, basis: Basis) -> Estimate:
    """Estimate a share of pairs; those of one kind are of different items, each its own unit."""
    values = column.cast(pl.Float64).to_numpy().astype(np.float64)
    known = values[~np.isnan(values)]
    return estimate_rates({"rate": Ratio.over_known(known)}, None, basis)["rate"]


def _operators(verdicts: Verdicts) -> dict[str, OperatorRow]:
    rows = {}
    for kind in ERRORS:
        caught = verdicts.items.filter(kind=kind).select(
            "operator", caught=pl.col(f"outcome {verdicts.own(kind)}") == Outcome.A
        )
        counts = caught.drop_nulls().group_by("operator").agg(n=pl.len(), caught=pl.col("caught").sum())
        for name, n, hits in counts.sort("operator").iter_rows():
            rows[name] = OperatorRow(n=n, caught=hits)
    return rows


def _halo(verdicts: Verdicts) -> Figure | None:
    """Estimate the mean rate at which the other criteria move, over that at which the error's own does.

    Where all pairs say the same its error is not known, and it has no interval.
    """
    groups = [kind.value for kind in ERRORS if kind in verdicts.criteria]
    if len(groups) < 2:  # noqa: PLR2004 - there is no other
        return None
    moved = {name: (pl.col(f"outcome {name}") == Outcome.A).cast(pl.Float64) for name in groups}
    tables = [
        verdicts.items.filter(kind=kind)
        .select(
            "item",
            "cluster",
            own=moved[kind],
            others=pl.mean_horizontal(*(moved[name] for name in groups if name != kind), ignore_nulls=False),
        )
        .drop_nulls(["own", "others"])
        for kind in groups
    ]
    counted = CriterionItems(pl.concat(tables), None, verdicts.basis)
    codes = (counted.items["cluster"].rank("dense") - 1).to_numpy().astype(np.intp)
    own, others = counted.column("own"), counted.column("others")
    if own.sum() < LEAST_CAUGHT:
        return None
    found = figure(ratio_of_sums(others, own, codes))
    return found if found.se else found.model_copy(update={"low": None, "high": None})


def _findings(
    verdicts: Verdicts,
    rows: Mapping[str, PlantedRow],
    operators: Mapping[str, OperatorRow],
    halo: Figure | None,
    parts: Mapping[str, PlantedRow],
    floor: float,
) -> Iterator[str]:
    """Yield what the matrix says of a judge: a slot or a length that decides, else a halo, the text, or what it misses.

    A judge that goes by slot or length catches nothing: what else it seems to do follows from that.
    """
    by_place = [*_slot(verdicts), *_length(verdicts)]
    if by_place:
        yield from by_place
        return
    if halo is not None and ((halo.estimate or 0.0) if halo.low is None else halo.low) > HALF:
        yield Finding.HALO
    if rows[PlantedKind.PERCEPTION].low > HALF and any(part.low > HALF for part in parts.values()):
        yield Finding.TEXT_ONLY
    if missed := list(_missed(operators, floor)):
        yield f"{Finding.BLIND} {', '.join(missed)}"


def _slot(verdicts: Verdicts) -> Iterator[str]:
    """Name a judge of whose pairs more than half are decided for one slot in both orders."""
    firsts = verdicts.items[f"first {verdicts.criteria[-1]}"]
    n = verdicts.items[f"outcome {verdicts.criteria[-1]}"].count()
    for slot, picks in (("the first", 2), ("the second", 0)):
        if clopper_pearson(int((firsts == picks).sum()), n).low > HALF:
            yield f"{Finding.SLOT}: {slot}"


def _length(verdicts: Verdicts) -> Iterator[str]:
    """Name a judge that prefers the longer trace, or the shorter one, whichever of the two is the original."""
    decided = verdicts.items.select("longer", outcome=f"outcome {verdicts.criteria[-1]}").filter(
        pl.col("outcome").is_in([Outcome.A, Outcome.B]) & (pl.col("longer") != 0)
    )
    for finding, of_longer in ((Finding.LONGER, Outcome.B), (Finding.SHORTER, Outcome.A)):
        lows = []
        for is_longer, outcome in ((True, of_longer), (False, Outcome.A if of_longer is Outcome.B else Outcome.B)):
            own = decided.filter((pl.col("longer") > 0) == is_longer)["outcome"]
            lows.append(clopper_pearson(int((own == outcome).sum()), len(own)).low)
        if min(lows) > HALF:
            yield finding


def _missed(operators: Mapping[str, OperatorRow], floor: float) -> Iterator[str]:
    """Yield the operators whose errors are shown to be caught below the floor (Holm over those of a criterion).

    The whole criterion where its other errors together are so, too, or there are no others.
    """
    for kind in ERRORS:
        own = {name: row for name, row in operators.items() if name.startswith(f"{kind}.")}
        p_values = holm(np.array([at_most(row.caught, row.n, floor) for row in own.values()]))
        missed = [name for name, p_value in zip(own, p_values, strict=True) if p_value <= ALPHA]
        rest = [row for name, row in own.items() if name not in missed]
        n, caught = sum(row.n for row in rest), sum(row.caught for row in rest)
        if (own and (missed or n) and clopper_pearson(caught, n).high < floor) or (missed and not n):
            yield kind.value
        else:
            yield from missed


def people_words(verdicts: Mapping[str, str], kinds: Mapping[str, str]) -> str:
    """Say how many of the planted errors that people read they find worse than the original; empty without any.

    Args:
        verdicts: by pair, the model that people prefer.
        kinds: by pair, the kind of its edit.
    """
    read = [said for item, said in verdicts.items() if kinds.get(item, PlantedKind.PLACEBO) != PlantedKind.PLACEBO]
    if not read:
        return ""
    harmful = sum(said == "a" for said in read)
    return f"people who read {len(read)} of the planted errors prefer the original in {harmful}"


def certified_judge(matrix: Matrix, key: str, served: Sequence[str]) -> JudgeCertificate:
    """Bind a matrix to the judge whose it is."""
    return JudgeCertificate(key=key, served=tuple(served), **matrix._asdict())
