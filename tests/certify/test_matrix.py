"""The selectivity matrix names judges rightly, and its bounds and words hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest
from builders import Row, frame
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from judge.certify.lexicon import PlantedKind
from judge.certify.matrix import Matrix, make_matrix, pairs_wanted, passing, people_words, read_verdicts
from judge.enums import Method
from judge.outcomes.rates import Basis
from judge.report.certificate import CertificateWord, Finding
from judge.schema import Order
from judge.stats.exact_bounds import at_most, clopper_pearson, least_trials, sample_size

CRITERIA = ("perception", "knowledge", "rationale", "overall")
OPERATORS = {
    "perception": ("laterality", "position", "presence", "signal", "size", "count"),
    "knowledge": ("direction", "prefix", "agonist", "treatment", "threshold"),
    "rationale": ("inference", "likelihood", "exclusion", "conclusion"),
    "omission": ("step",),
    "placebo": ("synonym", "order", "spelled_unit"),
}
N = {"perception": 37, "knowledge": 37, "rationale": 37, "omission": 12, "placebo": 37}
NOISE = 0.03
Script = Callable[[Mapping[str, object], str, bool], str]
"""from a planted pair, a criterion, and whether the image is there: `original`, `longer`, `first` or `tie`"""


def planted(seed: int) -> pl.DataFrame:
    """Return planted pairs as a run would have them: the kinds share their items."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "item": f"q{number}#{kind}",
            "kind": kind,
            "operator": f"{kind}.{OPERATORS[kind][number % len(OPERATORS[kind])]}",
            "cluster": f"q{number}",
            "longer": -80 if kind == "omission" else int(rng.integers(-4, 5)),
        }
        for kind, n in N.items()
        for number in range(n)
    ]
    return pl.DataFrame(rows)


def errors(pair: Mapping[str, object], criterion: str) -> bool:
    kind = pair["kind"]
    return kind != "placebo" and criterion in {kind, "overall"}


def sees_all(pair: Mapping[str, object], criterion: str, seen: bool) -> str:  # noqa: FBT001
    if not errors(pair, criterion) or (pair["kind"] == "perception" and not seen):
        return "tie"
    return "original"


def blind(pair: Mapping[str, object], criterion: str, seen: bool) -> str:  # noqa: FBT001
    return "tie" if pair["operator"] == "perception.laterality" else sees_all(pair, criterion, seen)


def halo(pair: Mapping[str, object], criterion: str, seen: bool) -> str:  # noqa: ARG001, FBT001
    return "tie" if pair["kind"] == "placebo" or (pair["kind"] == "perception" and not seen) else "original"


def first_slot(pair: Mapping[str, object], criterion: str, seen: bool) -> str:  # noqa: ARG001, FBT001
    return "first"


def length(pair: Mapping[str, object], criterion: str, seen: bool) -> str:  # noqa: ARG001, FBT001
    return "longer"


def text_only(pair: Mapping[str, object], criterion: str, seen: bool) -> str:  # noqa: ARG001, FBT001
    return sees_all(pair, criterion, seen=True)


JUDGES: dict[str, tuple[Script, tuple[str, ...]]] = {
    "sees all": (sees_all, ()),
    "blind to laterality": (blind, ("misses perception.laterality",)),
    "halo": (halo, (Finding.HALO,)),
    "first slot": (first_slot, (f"{Finding.SLOT}: the first",)),
    "length": (length, (Finding.LONGER,)),
    "text only": (text_only, (Finding.TEXT_ONLY,)),
}


def said(pairs: pl.DataFrame, script: Script, seed: int, *, seen: bool = True) -> list[Row]:
    """Let a judge speak of each pair in both orders; now and then it says anything."""
    rng, rows = np.random.default_rng(seed), list[Row]()
    for pair in pairs.iter_rows(named=True):
        for order in Order:
            original, edited = ("first", "second") if order is Order.FORWARD else ("second", "first")
            longer = {1: edited, 0: "tie", -1: original}[int(np.sign(pair["longer"]))]
            words = {"original": original, "longer": longer, "first": "first", "tie": "tie"}
            for criterion in CRITERIA:
                verdict = words[script(pair, criterion, seen)]
                if rng.random() < NOISE:
                    verdict = ("first", "second", "tie")[int(rng.integers(3))]
                rows.append((pair["item"], "j", 0, order.value, criterion, verdict))
    return rows


def matrix_of(script: Script, seed: int) -> Matrix:
    pairs, basis = planted(seed), Basis(Method.WILSON, seed)
    part = pairs.filter(kind="perception").head(20)
    own = read_verdicts(pairs, frame(said(pairs, script, seed)), CRITERIA, basis)
    hidden = {
        name: read_verdicts(part, frame(said(part, script, seed + offset, seen=False)), CRITERIA, basis)
        for offset, name in ((10_000, "no-image"), (20_000, "wrong-image"))
    }
    return make_matrix(own, hidden, floor=0.7)


@pytest.mark.parametrize("name", JUDGES)
def test_the_matrix_names_a_scripted_judge(name: str) -> None:
    script, findings = JUDGES[name]
    made = matrix_of(script, 1)
    assert made.findings == findings
    assert (made.word is CertificateWord.CERTIFIED) == (name in {"sees all", "text only"})


@pytest.mark.slow
@pytest.mark.parametrize("name", JUDGES)
def test_the_matrix_names_a_scripted_judge_in_95_of_100_seeds(name: str) -> None:
    script, findings = JUDGES[name]
    rightly = sum(matrix_of(script, seed).findings == findings for seed in range(100))
    print(name, rightly)  # noqa: T201 - the figure is told on closing
    assert rightly >= 95


def test_a_judge_that_misses_a_criterion_or_prefers_the_shorter_or_second_is_named() -> None:
    no_facts = matrix_of(lambda pair, c, seen: "tie" if pair["kind"] == "knowledge" else sees_all(pair, c, seen), 2)
    assert no_facts.findings == ("misses knowledge",)
    assert no_facts.rows["knowledge"].word is CertificateWord.NOT_CERTIFIED
    pairs, basis = planted(3), Basis(Method.WILSON, 3)
    flipped = {"first": "second", "second": "first", "tie": "tie"}
    for script, name in ((length, Finding.SHORTER), (first_slot, f"{Finding.SLOT}: the second")):
        rows: list[Row] = [(*row[:5], flipped[str(row[5])]) for row in said(pairs, script, 3)]
        assert make_matrix(read_verdicts(pairs, frame(rows), CRITERIA, basis), {}, floor=0.7).findings == (name,)


@pytest.mark.parametrize(("script", "expected"), [(halo, 1.0), (sees_all, 0.0)])
def test_a_halo_that_is_the_same_in_every_pair_has_no_interval(script: Script, expected: float) -> None:
    pairs, basis = planted(6), Basis(Method.WILSON, 6)
    rows: list[Row] = [
        (pair["item"], "j", 0, order.value, criterion, said_)
        for pair in pairs.iter_rows(named=True)
        for order in Order
        for criterion in CRITERIA
        for said_ in [
            "tie"
            if script(pair, criterion, bool(order)) == "tie"
            else {Order.FORWARD: "first", Order.SWAPPED: "second"}[order]
        ]
    ]
    made = make_matrix(read_verdicts(pairs, frame(rows), CRITERIA, basis), {}, floor=0.7)
    assert made.halo is not None
    assert (made.halo.estimate, made.halo.low, made.halo.high) == (expected, None, None)
    assert (made.findings == (Finding.HALO,)) == bool(expected)


def test_a_rubric_of_one_criterion_has_rows_and_no_halo() -> None:
    pairs, basis = planted(4), Basis(Method.JEFFREYS, 4)
    rows = [row for row in said(pairs, sees_all, 4) if row[4] == "overall"]
    made = make_matrix(read_verdicts(pairs, frame(rows), ["overall"], basis), {}, floor=0.7)
    assert made.halo is None
    assert made.word is CertificateWord.CERTIFIED
    assert {row.criterion for row in made.rows.values()} == {"overall"}


def test_pairs_without_verdicts_are_missing_and_no_misses() -> None:
    pairs, basis = planted(5), Basis(Method.WILSON, 5)
    rows = [row for row in said(pairs, sees_all, 5) if not row[0].startswith(("q1", "q2"))]
    made = make_matrix(read_verdicts(pairs, frame(rows), CRITERIA, basis), {}, floor=0.7)
    assert made.rows["perception"].missing == 22
    assert made.rows["perception"].n == 15
    none = make_matrix(read_verdicts(pairs, frame([]), CRITERIA, basis), {}, floor=0.7)
    assert none.word is CertificateWord.TOO_FEW
    assert none.findings == ()


def test_sample_sizes_are_those_of_the_design() -> None:
    assert sample_size(0.7, 0.9) == (37, 31)
    assert sample_size(0.8, 0.95) == (44, 40)
    assert (pairs_wanted(0.7), pairs_wanted(0.8)) == (37, 44)
    assert sample_size(0.5, 1.0) == (5, 5)
    assert least_trials(0.1) == 29  # the rule of three: 3 / 0.1, nearly
    for floor, truth in ((0.0, 0.5), (0.9, 0.8)):
        with pytest.raises(ValueError, match="no sample"):
            sample_size(floor, truth)
    with pytest.raises(ValueError, match="more than"):
        sample_size(0.5, 0.5001, power=0.9)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_exact_bounds_are_scipys(counts: tuple[int, int]) -> None:
    successes, n = counts
    told = binomtest(successes, n).proportion_ci(confidence_level=0.9, method="exact")
    assert clopper_pearson(successes, n) == pytest.approx((told.low, told.high), abs=1e-9)
    assert at_most(successes, n, 0.7) == pytest.approx(binomtest(successes, n, 0.7, alternative="less").pvalue)


@pytest.mark.parametrize(("truth", "least", "most"), [(0.9, 0.9, 1.0), (0.7, 0.0, 0.05)])
def test_a_criterion_passes_with_the_power_and_at_the_level_of_the_design(
    truth: float, least: float, most: float
) -> None:
    caught = np.random.default_rng(7).binomial(37, truth, size=4000)
    passed = np.isin(caught, [n for n in range(38) if passing(n, 37, 0.7) is CertificateWord.CERTIFIED]).mean()
    assert least - 0.015 <= passed <= most + 0.01


def test_words_of_a_criterion_follow_the_bounds() -> None:
    assert passing(31, 37, 0.7) is CertificateWord.CERTIFIED
    assert passing(30, 37, 0.7) is CertificateWord.NOT_CERTIFIED
    assert passing(8, 10, 0.7) is CertificateWord.TOO_FEW
    assert passing(1, 10, 0.7) is CertificateWord.NOT_CERTIFIED
    assert passing(0, 0, 0.7) is CertificateWord.TOO_FEW


def test_what_people_say_counts_errors_alone() -> None:
    kinds = {"1": "perception", "2": PlantedKind.PLACEBO.value, "3": "knowledge"}
    assert people_words({}, kinds) == people_words({"2": "a"}, kinds) == ""
    told = people_words({"1": "a", "2": "a", "3": "tie", "unknown": "a"}, kinds)
    assert told == "people who read 2 of the planted errors prefer the original in 1"


def test_placebo_alarms_are_counted_at_the_rate_at_which_a_judge_gives_them() -> None:
    """Over runs of 37 placebos, both orders of which name one trace with a chance of .2, the bounds hold in 90 %."""
    rng, held = np.random.default_rng(11), 0
    for _ in range(400):
        bounds = clopper_pearson(int(rng.binomial(37, 0.2)), 37)
        held += bounds.low <= 0.2 <= bounds.high
    assert held / 400 >= 0.9 - 0.03
