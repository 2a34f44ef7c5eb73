"""Judge against people, people against each other, and when a win rate may be corrected."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from builders import shipped_prompt
from msgspec import structs
from rich.console import Console
from run_builder import (
    A_WINS,
    B_WINS,
    SPLITS,
    TIES,
    Verdicts,
    make_judgment,
    make_label,
    make_pair,
    make_run,
    record_draw,
)
from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

from judge.errors import InputError, RunError
from judge.files.files import write_lines
from judge.labels.human_labels import PeopleReportOptions, make_people_report
from judge.labels.labels import append_labels, labels_path
from judge.labels.people_report import PeopleOnCriterion, PeopleReport
from judge.labels.render_human_labels import render_people
from judge.runs.run_folder import RunFolder
from judge.schema import Chances, Judged, Label, Order, Verdict, Winner
from judge.stats.prediction_powered import Sample, correct

CYCLE: list[Verdicts] = [A_WINS, A_WINS, B_WINS, TIES, A_WINS, SPLITS]
CREDIT = {A_WINS: 1.0, B_WINS: 0.0, TIES: 0.5, SPLITS: 0.5}
WORTH = {Winner.A: 1.0, Winner.B: 0.0, Winner.TIE: 0.5}
SIDE = {1.0: 0, 0.5: 1, 0.0: 2}


def run_of(folder: Path, n: int = 120) -> RunFolder:
    return make_run(folder, {f"q{i:03}": CYCLE[i % 6] for i in range(n)})


def truth(i: int) -> Winner:
    """Return what people say: mostly what the judge does."""
    return [Winner.A, Winner.A, Winner.B, Winner.TIE, Winner.B, Winner.A][i % 6] if i % 11 else Winner.B


def labels_on(numbers: list[int], **changes: object) -> list[Label]:
    return [make_label(f"q{i:03}", truth(i), **changes) for i in numbers]


def keep(run: RunFolder, labels: list[Label]) -> None:
    """Store labels beside the draws that they name, which hold unlabelled items too until the weights add up."""
    for name in {label.draw for label in labels if label.draw}:
        weights = {label.item: label.weight or 0 for label in labels if label.draw == name}
        *_, last = weights.values()
        items = [pair.item.id for pair in run.pairs()]
        for item in items:
            if item not in weights and sum(weights.values()) + last <= len(items):
                weights[item] = last
        record_draw(run, name, weights)
    append_labels(labels_path(run.path), labels)


def report(run: RunFolder, labels: list[Label], **asked: object) -> PeopleReport:
    keep(run, labels)
    return make_people_report(run, PeopleReportOptions(**asked))  # type: ignore[arg-type] # fields of PeopleReportOptions by name


def only(found: PeopleReport) -> PeopleOnCriterion:
    (criterion,) = found.criteria.values()
    return criterion


def test_judge_and_people_are_counted_side_by_side_and_agree_as_sklearn_says(tmp_path: Path) -> None:
    found = only(report(run_of(tmp_path / "run"), labels_on(list(range(60)), draw="d", weight=2.0)))
    assert found.judge is not None
    pairs = [(SIDE[WORTH[truth(i)]], SIDE[CREDIT[CYCLE[i % 6]]]) for i in range(60)]
    assert found.judge.table == tuple(tuple(pairs.count((row, column)) for column in range(3)) for row in range(3))
    people, judge = zip(*pairs, strict=True)
    agreement = found.judge.agreement
    assert agreement.n == 60
    assert agreement.raw is not None
    assert agreement.kappa is not None
    assert agreement.raw.estimate == pytest.approx(np.mean([x == y for x, y in pairs]), abs=1e-6)
    assert agreement.kappa.estimate == pytest.approx(cohen_kappa_score(people, judge), abs=1e-6)
    decided = [x == y for x, y in pairs if x != 1]
    assert found.judge.decisive is not None
    assert found.judge.decisive.estimate == pytest.approx(np.mean(decided), abs=1e-6)
    assert found.judge.decisive.n == len(decided)
    assert found.people is None


def test_the_corrected_rate_is_that_of_the_credits_and_labels(tmp_path: Path) -> None:
    found = only(report(run_of(tmp_path / "run"), labels_on(list(range(60)), draw="d", weight=2.0)))
    assert found.refused is None
    assert found.corrected is not None
    credits_ = np.array([CREDIT[CYCLE[i % 6]] for i in range(120)])
    given = np.array([WORTH[truth(i)] if i < 60 else np.nan for i in range(120)])
    expected = correct(Sample(credits_, given, np.ones(120)))
    assert found.corrected.corrected.estimate == pytest.approx(expected.corrected.estimate, abs=1e-6)
    assert found.corrected.people.estimate == pytest.approx(np.nanmean(given), abs=1e-6)
    assert found.corrected.judge.estimate == pytest.approx(credits_.mean(), abs=1e-6)
    assert (found.corrected.judge.n, found.corrected.corrected.n) == (120, 60)


def test_probabilities_are_held_against_people_by_fifths_and_by_the_brier_score(tmp_path: Path) -> None:
    """With probabilities p in both orders the credit is p. The credits are .9, .9, .8, .6, .5, .2, and people's 1, 0,
    1, 1, .5, 0: the squared differences .01, .81, .04, .16, 0 and .04 have a mean of 1.06 / 6.
    """
    credits_, said = (0.9, 0.9, 0.8, 0.6, 0.5, 0.2), "abaatb"
    run = make_run(tmp_path / "r", {f"q{i}": A_WINS for i in range(6)})
    soft = [
        structs.replace(one, result=Judged.softly({"overall": Chances(p, 0.0, 1 - p)}))
        for i, credit in enumerate(credits_)
        for one, p in zip(
            (make_judgment(f"q{i}", order, Verdict.TIE) for order in Order), (credit, 1 - credit), strict=True
        )
    ]
    run.judgments_path.unlink()
    write_lines(run.judgments_path, soft)
    readers = {"a": Winner.A, "b": Winner.B, "t": Winner.TIE}
    found = report(run, [make_label(f"q{i}", readers[one]) for i, one in enumerate(said)])
    own = found.criteria["overall"]
    assert own.calibration is not None
    assert own.calibration.brier.estimate == pytest.approx(1.06 / 6, abs=1e-6)
    bins = [(one.n, one.credit, one.label) for one in own.calibration.bins]
    assert bins == [(1, 0.2, 0.0), (2, 0.55, 0.75), (1, 0.8, 1.0), (2, 0.9, 0.5)]
    assert own.judge is not None
    assert own.judge.table == ((3, 0, 0), (0, 1, 0), (1, 0, 1))
    text = drawn(found)
    assert "Brier score of the judge's probabilities: 0.18" in text
    assert "credit by the judge 0.90, by people 0.50 (2 items)" in text


def test_hard_verdicts_have_no_calibration(tmp_path: Path) -> None:
    assert only(report(run_of(tmp_path / "r"), labels_on([*range(60)]))).calibration is None


def test_several_readers_are_compared_and_averaged(tmp_path: Path) -> None:
    labels = labels_on(list(range(60)), draw="d", weight=2.0)
    others = [make_label(f"q{i:03}", Winner.A, reader="bob", draw="d", weight=2.0) for i in range(60)]
    found = only(report(run_of(tmp_path / "run"), labels + others))
    assert found.readers == {"ann": 60, "bob": 60}
    assert found.people is not None
    assert found.people.table is not None
    assert sum(map(sum, found.people.table)) == 60
    assert found.corrected is not None
    expected = np.mean([(WORTH[truth(i)] + 1) / 2 for i in range(60)])
    assert found.corrected.people.estimate == pytest.approx(expected, abs=1e-6)


def test_three_readers_have_no_table_and_no_kappa(tmp_path: Path) -> None:
    labels = [label for name in ("ann", "bob", "cy") for label in labels_on(list(range(20)), reader=name)]
    found = only(report(run_of(tmp_path / "run"), labels))
    assert found.people is not None
    assert (found.people.table, found.people.agreement.kappa) == (None, None)
    assert found.people.agreement.alpha_nominal is not None
    assert found.people.agreement.alpha_nominal.estimate == 1


def test_weights_of_a_stratified_draw_weigh_agreement_and_rate(tmp_path: Path) -> None:
    # All ties and splits are labelled, and a quarter of the rest: the judge is right on all of the rest and on no tie.
    run = run_of(tmp_path / "run", 240)
    rare = [i for i in range(240) if CREDIT[CYCLE[i % 6]] == 0.5]
    rest = [i for i in range(240) if CREDIT[CYCLE[i % 6]] != 0.5][::4]
    sure = {1.0: Winner.A, 0.0: Winner.B}
    labels = [make_label(f"q{i:03}", Winner.A, draw="d", weight=1.0) for i in rare]
    labels += [make_label(f"q{i:03}", sure[CREDIT[CYCLE[i % 6]]], draw="d", weight=4.0) for i in rest]
    found = only(report(run, labels))
    assert found.judge is not None
    assert found.judge.agreement.raw is not None
    assert found.judge.agreement.raw.estimate == pytest.approx(160 / 240, abs=1e-6)
    assert found.judge.decisive is not None
    assert found.judge.decisive.estimate == pytest.approx(160 / 240, abs=1e-6)
    assert found.corrected is not None
    shares = [4 * (CREDIT[CYCLE[i % 6]] == 1) for i in rest] + [1] * len(rare)
    assert found.corrected.people.estimate == pytest.approx(sum(shares) / 240, abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (labels_on(list(range(60))), "no item was drawn at random"),
        (
            labels_on(list(range(49)), draw="d", weight=2.0),
            "49 items of draw d have a label and an outcome: it takes 50",
        ),
        (
            [make_label(f"q{i:03}", [Winner.A, Winner.B][i // 6 % 2], draw="d", weight=2.0) for i in range(60)],
            "hardly tells what people prefer",
        ),
    ],
)
def test_a_rate_that_cannot_be_corrected_is_refused_with_words(tmp_path: Path, labels: list[Label], words: str) -> None:
    found = only(report(run_of(tmp_path / "run"), labels))
    assert found.corrected is None
    assert found.refused is not None
    assert words in found.refused
    assert found.judge is not None


def test_labelled_items_in_few_clusters_are_refused(tmp_path: Path) -> None:
    verdicts = {f"q{i:03}": CYCLE[i % 6] for i in range(120)}
    pairs = [make_pair(name, patient=str(int(name[1:]) // 15)) for name in verdicts]
    run = make_run(tmp_path / "run", verdicts, pairs)
    keep(run, labels_on(list(range(60)), draw="d", weight=2.0))
    run.write_manifest(run.manifest().model_copy(update={"prompt": shipped_prompt().source}))
    found = only(make_people_report(run, PeopleReportOptions(), cluster="patient"))
    assert found.refused == "the labelled items are in 4 clusters: it takes 10"


def test_the_largest_draw_is_taken_unless_another_is_named(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    keep(run, labels_on(list(range(60)), draw="large", weight=2.0))
    found = report(run, labels_on(list(range(60, 110)), draw="small", weight=2.4))
    assert (found.draw, found.other_draws) == ("large", ("small",))
    named = make_people_report(run, PeopleReportOptions("small"))
    assert (named.draw, named.other_draws) == ("small", ("large",))
    with pytest.raises(InputError, match="no label belongs to it"):
        make_people_report(run, PeopleReportOptions("absent"))


def test_labels_without_a_verdict_are_counted_and_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"q000": A_WINS, "q001": None, "q002": B_WINS})
    labels = [make_label("q000", Winner.CANNOT_JUDGE), make_label("q001", Winner.A)]
    found = only(report(run, labels))
    assert (found.cannot_judge, found.n_unjudged, found.judge) == (1, 1, None)


def test_a_run_without_labels_is_told_how_to_gather_them(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no labels yet"):
        make_people_report(run_of(tmp_path / "run", 6), PeopleReportOptions())


def drawn(found: PeopleReport) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False, markup=False, emoji=False)
    render_people(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_person_is_told_everything_that_is_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {f"q{i:03}": A_WINS if i else None for i in range(80)})
    labels = [make_label(f"q{i:03}", Winner.A, draw="d", weight=1.0) for i in range(70)]
    labels += [make_label(f"q{i:03}", Winner.A, reader="bob", draw="e", weight=2.0) for i in range(20)]
    labels += [make_label("q075", Winner.CANNOT_JUDGE)]
    text = drawn(report(run, labels))
    assert "Judged by j; compared on draw d.\nLeft out: draws e (--draw takes another)." in text
    assert "Labels: ann 71, bob 20; 1 cannot judge." in text
    assert "1 labelled items have no outcome by the judge and are left out." in text
    assert "Judge and people, 69 items: raw 1.00 [0.96, 1.00], AC1 1.00 [" in text
    assert "Note: 100 % of the verdicts are the same" in text
    assert "People among themselves, 20 items" in text
    assert ["a", "69", "0", "0"] in [line.split() for line in text.splitlines()]
    assert "Corrected by people's labels (PPI++): 100.0 [96.4" in text
    assert "An interval 10 points wide takes 0 more labels" in text


def test_a_person_is_told_that_chosen_items_are_no_sample(tmp_path: Path) -> None:
    text = drawn(report(run_of(tmp_path / "run"), [make_label("q000", Winner.A)]))
    assert "compared on all labelled items, which readers chose: no random sample" in text
    assert "No corrected win rate: no item was drawn at random" in text
    text = drawn(report(run_of(tmp_path / "other"), [make_label("q000", Winner.CANNOT_JUDGE)]))
    assert "Judge and people" not in text
