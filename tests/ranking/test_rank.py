"""Runs joined into one ranking: what is joined, what is refused by name, and what a reader is told."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from builders import ROOT, make_judge
from command import omr_judge, write_jsonl
from kept_runs import copy_runs
from msgspec.structs import replace
from run_builder import A_WINS, B_WINS, SPLITS, TIES, Verdicts, make_pair, make_run

from judge.comparison.derive_report import make_report
from judge.comparison.import_judgments import import_verdicts
from judge.enums import ReportFormat, Show
from judge.errors import InputError, RunError
from judge.files.files import write_lines
from judge.files.terminal import console
from judge.outcomes.interim_looks import Stopping
from judge.outcomes.item_features import WantedFields
from judge.ranking.joined_runs import Wanted
from judge.ranking.make_ranking import make_ranking
from judge.ranking.ranking_document import ranking_document, render_ranking
from judge.ranking.ranking_report import RankingReport
from judge.runs.control_kinds import Control, ControlKind
from judge.runs.run_folder import RunFolder
from judge.schema import Image, Pair, Trace
from judge.tables.formats import written

STRENGTHS = {"alpha": 1.0, "beta": 0.0, "gamma": -1.0}
SLOW = pytest.mark.slow
PROMPT = (ROOT / "prompts/pairwise.v1.md").read_text(encoding="utf-8")
FOUR = (A_WINS, B_WINS, TIES, SPLITS)


class Written(NamedTuple):
    """What differs between runs."""

    judge: str = "j"
    verb: str = "argues"
    ids: str = "q"
    answer: str = "A"
    step: object = None
    bare: bool = False
    """whether items have neither question nor options"""
    alike: bool = False
    """whether all items ask the same"""
    images: int = 0
    """how many items share an image; 0: none has one"""


def model_run(
    folder: Path,
    a: str,
    b: str,
    verdicts: list[Verdicts | None],
    own: Written = Written(),  # noqa: B008 - frozen
    **manifest: object,
) -> RunFolder:
    """Write a run of two models on the same questions as any other; each model has one trace an item."""
    pairs = []
    for number in range(len(verdicts)):
        item = make_pair(f"q{number}", patient=f"p{number // 2}").item
        if own.images:
            digest = f"{number // own.images:064d}"
            item = replace(item, images=(Image(path="x.png", sha256=digest, media_type="image/png"),))
        if own.bare:
            item = replace(item, question="", options={})
        if own.alike:
            item = replace(item, question="What is it?")
        half = {"half": "even" if number % 2 else "odd", "where": "here"}
        item = replace(item, answer=own.answer, id=f"{own.ids}{number}", subgroup=half)
        one, other = (
            Trace(text=f"{name} {own.verb} at length of {number}.", meta={"step": own.step or STRENGTHS.get(name, 5)})
            for name in (a, b)
        )
        pairs.append(Pair(item=item, a=one, b=other))
    run = make_run(folder, {f"{own.ids}{number}": verdict for number, verdict in enumerate(verdicts)}, pairs)
    write_lines(run.judgments_path, [replace(judgment, judge=own.judge) for judgment in list(run.judgments())])
    judges = (make_judge(label=own.judge),)
    made = {"model_a": a, "model_b": b, "prompt": PROMPT, "judges": judges, "imported_judges": (), **manifest}
    run.write_manifest(run.manifest().model_copy(update=made))
    return run


def drawn(a: str, b: str, n: int, seed: int) -> list[Verdicts | None]:
    rng = np.random.default_rng(seed)
    lead = STRENGTHS.get(a, 0.5) - STRENGTHS.get(b, 0.5)
    weights = np.exp([lead, -lead, 0.0, 0.0])
    return [FOUR[place] for place in rng.choice(4, n, p=weights / weights.sum())]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three models in a folder of three runs, one of them with its models turned round."""
    for number, (a, b) in enumerate([("alpha", "beta"), ("gamma", "alpha"), ("beta", "gamma")]):
        model_run(tmp_path / "runs" / f"{a}_{b}", a, b, drawn(a, b, 40, number))
    return tmp_path / "runs"


def ranked(*paths: Path, **wanted: Any) -> RankingReport:  # noqa: ANN401
    return make_ranking(paths, Wanted(**wanted))


def test_runs_are_joined_into_one_order_whichever_model_is_a(three: Path) -> None:
    report = ranked(three)
    found = report.criteria["overall"]
    assert [model.model for model in found.models] == ["alpha", "beta", "gamma"]
    assert (report.n_items, report.n_judgments, report.n_failed, report.n_not_asked) == (40, 240, 0, 0)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("alpha", "beta"), ("alpha", "gamma"), ("beta", "gamma")]
    assert sum(model.rating.estimate or 0 for model in found.models) == pytest.approx(0, abs=1e-5)
    assert all(model.rank_low <= model.rank <= model.rank_high for model in found.models)
    assert report.criteria["knowledge"] == found.model_copy(update={})  # the same verdicts on both


def test_two_models_have_the_win_rate_and_interval_of_their_comparison_digit_by_digit(tmp_path: Path) -> None:
    run = model_run(tmp_path / "one", "alpha", "beta", [*drawn("alpha", "beta", 31, 5), None])
    own = make_report(run).criteria["overall"]
    found = ranked(run.path).criteria["overall"]
    first, second = sorted(found.models, key=lambda model: model.model)
    assert first.win_rate == own.win_rate == found.pairs[0].win_rate
    assert second.win_rate.estimate == pytest.approx(1 - (own.win_rate.estimate or 0), abs=1e-12)
    assert (second.win_rate.low, second.win_rate.high) == (
        round(1 - (own.win_rate.high or 0), 6),
        round(1 - (own.win_rate.low or 0), 6),
    )
    pair = found.pairs[0]
    assert (pair.wins_a, pair.wins_b, pair.ties, pair.splits) == (own.wins_a, own.wins_b, own.ties, own.splits)
    assert (pair.missing, pair.not_asked) == (0, 1)
    assert ranked(run.path).n_not_asked == 2
    turned = model_run(tmp_path / "turned", "beta", "alpha", [*drawn("beta", "alpha", 31, 5), None])
    other = make_report(turned).criteria["overall"].win_rate
    mirrored = ranked(turned.path).criteria["overall"].pairs[0].win_rate
    assert (mirrored.low, mirrored.high) == (round(1 - (other.high or 0), 6), round(1 - (other.low or 0), 6))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"show_reference": False}, "another --show-reference than"),
        ({"hide_answers": True}, "another --hide-answers than"),
        ({"show": Show.FINAL}, "another --show than"),
        ({"prompt": f"{PROMPT} And so on."}, "another prompt than"),
        ({"control": Control(kind=ControlKind.IDENTICAL, n=3)}, "a control of another run"),
        ({"stopping": Stopping()}, "it could stop when it was decided"),
        ({"model_b": "gamma"}, "both models are called gamma"),
    ],
)
def test_what_differs_is_named_and_refused(three: Path, changed: dict[str, Any], told: str) -> None:
    run = RunFolder(three / "gamma_alpha")
    run.write_manifest(run.manifest().model_copy(update=changed))
    with pytest.raises(RunError, match=f"gamma_alpha: .*{told}"):
        ranked(three)


def test_another_rubric_is_refused(three: Path) -> None:
    run = RunFolder(three / "gamma_alpha")
    rubric = run.manifest().rubric.model_copy(update={"version": 7})
    run.write_manifest(run.manifest().model_copy(update={"rubric": rubric}))
    with pytest.raises(RunError, match=r"judged with another rubric than .*alpha_beta"):
        ranked(three)


def test_other_judges_are_refused_unless_they_are_made_a_panel(three: Path) -> None:
    shutil.rmtree(three / "gamma_alpha")
    model_run(three / "gamma_alpha", "gamma", "alpha", drawn("gamma", "alpha", 40, 1), Written(judge="another"))
    with pytest.raises(RunError, match=r"judged by another, .* --allow-judges makes them a panel"):
        ranked(three)
    report = ranked(three, allow_judges=True)
    found = report.criteria["overall"]
    assert report.judges == ("j", "another")
    assert [model.model for model in found.by_judge["another"].models] == ["alpha", "gamma"]
    assert found.by_judge["j"].n == 80
    assert [pair.win_rate.n for pair in found.pairs] == [40, 40, 40]
    model_run(three / "again", "alpha", "gamma", drawn("alpha", "gamma", 30, 9), Written(judge="third"))
    pair = ranked(three, allow_judges=True).criteria["overall"].pairs[1]
    assert (pair.win_rate.n, pair.missing, pair.not_asked, len(pair.runs)) == (40, 0, 0, 2)


def test_models_that_no_run_connects_are_refused_in_words(tmp_path: Path) -> None:
    model_run(tmp_path / "one", "alpha", "beta", drawn("alpha", "beta", 6, 1))
    model_run(tmp_path / "two", "delta", "gamma", drawn("delta", "gamma", 6, 2))
    told = r"connects these groups of models: alpha, beta \| delta, gamma; judge a pair across, such as alpha and delta"
    with pytest.raises(RunError, match=told):
        ranked(tmp_path / "one", tmp_path / "two")


def test_the_same_pair_judged_twice_is_refused_and_parts_of_its_items_are_joined(tmp_path: Path) -> None:
    one = model_run(tmp_path / "one", "alpha", "beta", drawn("alpha", "beta", 8, 1))
    model_run(tmp_path / "two", "beta", "alpha", drawn("beta", "alpha", 8, 2))
    with pytest.raises(
        RunError, match=r"two: judged item q. of alpha and beta by .*, as .*one did; name one of the two"
    ):
        ranked(tmp_path)
    assert ranked(one.path).n_items == 8


def test_another_trace_of_a_model_is_refused(three: Path) -> None:
    model_run(three / "other", "alpha", "delta", drawn("alpha", "delta", 5, 3), Written(verb="claims"))
    with pytest.raises(
        RunError, match=r"alpha has another trace there than in item q. of .*; give the versions different names"
    ):
        ranked(three)


def test_items_are_the_same_by_their_content_whatever_their_ids(three: Path) -> None:
    """The same questions under other ids, judged for one more pair, are the same items: the units stay 40."""
    model_run(three / "other", "alpha", "delta", drawn("alpha", "delta", 40, 3), Written(ids="renamed-"))
    report = ranked(three)
    assert report.n_items == report.criteria["overall"].n_units == 40


def test_clusters_are_the_units_where_a_field_makes_them(three: Path) -> None:
    report = ranked(three, fields=WantedFields(cluster="patient"))
    assert (report.clusters.field, report.clusters.n, report.criteria["overall"].n_units) == ("patient", 20, 20)


def test_subgroups_and_answer_strata_are_ranked_too(three: Path) -> None:
    report = ranked(three, fields=WantedFields(by=("half",)))
    halves = report.criteria["overall"].subgroups["half"]
    assert {value: part.n for value, part in halves.items()} == {"even": 60, "odd": 60}
    assert halves["odd"].models[0].model == "alpha"
    with pytest.raises(InputError, match="no item has a field 'colour'"):
        ranked(three, fields=WantedFields(by=("colour",)))


def drawn_text(report: RankingReport) -> str:
    """Return what the terminal shows of a ranking."""
    screen = console()
    with screen.capture() as captured:
        render_ranking(report, screen)
    return captured.get()


def test_how_an_added_model_moved_the_others_adds_up(three: Path) -> None:
    for number, other in enumerate(["alpha", "beta"]):
        model_run(three / f"delta_{other}", "delta", other, drawn("delta", other, 40, 7 + number))
    report = make_ranking([three], Wanted(), added=["delta"])
    found = report.criteria["overall"]
    assert [one.model for one in found.moved] == ["alpha", "beta", "gamma"]
    assert "How the added models moved the others on overall" in drawn_text(report)
    for one in found.moved:
        assert one.after - one.before == pytest.approx(one.recentred + one.indirect, abs=3e-6)
    assert sum(one.indirect for one in found.moved) == pytest.approx(0, abs=1e-5)
    with pytest.raises(InputError, match="--added 'epsilon': no such model"):
        make_ranking([three], Wanted(), added=["epsilon"])


def test_a_curve_has_a_band_the_first_step_that_differs_lengths_and_flags(three: Path) -> None:
    report = ranked(three, step="step")
    assert "Checkpoints by step" in drawn_text(report)
    curve = report.curve
    assert curve is not None
    assert (curve.base, [step.step for step in curve.steps]) == ("gamma", [-1, 0, 1])
    assert curve.first_different in {"alpha", "beta"}
    first = curve.steps[0]
    assert (first.difference.estimate, first.differs, first.win_rate.estimate) == (0, False, 0.5)
    assert first.mean_chars == pytest.approx(len("gamma argues at length of 10.") - 10 / 40, abs=0.051)
    assert all(step.flagged == 1 for step in curve.steps)  # fewer than 40 characters argue nothing
    with pytest.raises(InputError, match="--curve epoch: fewer than two models have a step"):
        ranked(three, step="epoch")


def votes(path: Path, a: str, b: str, n: int, seed: int) -> Path:
    """Write votes of one order, each item by another judge."""
    rng, lead = np.random.default_rng(seed), STRENGTHS[a] - STRENGTHS[b]
    said = rng.choice(["first", "second", "tie"], n, p=np.exp([lead, -lead, 0]) / np.exp([lead, -lead, 0]).sum())
    lines = [
        {
            "item": f"{a}{b}{number}",
            "order": order,
            "judge": f"person-{number % 50}",
            "model_a": a,
            "model_b": b,
            "verdict": verdict if order == "forward" else {"first": "second", "second": "first", "tie": "tie"}[verdict],
        }
        for number, verdict in enumerate(said)
        for order in (["forward", "swapped"][number % 2],)
    ]
    return write_jsonl(path, lines)


def test_votes_of_many_judges_in_one_order_are_ranked_by_all_of_them(tmp_path: Path) -> None:
    for number, (a, b) in enumerate(combinations(STRENGTHS, 2)):
        source = votes(tmp_path / f"{a}{b}.jsonl", a, b, 150, number)
        import_verdicts(str(source), name=f"{a}{b}", runs=tmp_path / "runs", command=())
    report = ranked(tmp_path / "runs")
    found = report.criteria["overall"]
    assert [model.model for model in found.models] == list(STRENGTHS)
    assert (report.judges, report.n_items, found.n_units, report.prompt) == (("votes",), 450, 450, None)
    assert found.slot is not None
    assert all(pair.win_rate.n == 150 and pair.missing == 0 for pair in found.pairs)


def test_sure_wins_are_held_by_a_prior_and_the_report_says_so(tmp_path: Path) -> None:
    model_run(tmp_path / "one", "alpha", "beta", [A_WINS] * 12)
    model_run(tmp_path / "two", "beta", "gamma", drawn("beta", "gamma", 12, 2))
    report = ranked(tmp_path)
    assert report.criteria["overall"].fit.held
    assert any("held by half a win and half a loss" in warning for warning in report.warnings)
    assert all(abs(model.rating.estimate or 0) < 5 for model in report.criteria["overall"].models)


def test_a_judge_that_follows_the_slot_and_one_cluster_are_warned_of(tmp_path: Path) -> None:
    model_run(tmp_path / "one", "alpha", "beta", [SPLITS, TIES, A_WINS])
    assert any("too few for reliable intervals" in text for text in ranked(tmp_path / "one").warnings)
    report = ranked(tmp_path / "one", fields=WantedFields(cluster="where"))
    found = report.criteria["overall"]
    assert any("there is one item or cluster alone: there are no intervals" in text for text in report.warnings)
    assert found.critical is found.models[0].rating.low is found.models[0].win_rate.low is None
    assert [(model.rank_low, model.rank_high) for model in found.models] == [(1, 2), (1, 2)]


def test_errors_by_the_bootstrap_are_near_those_in_closed_form(three: Path) -> None:
    plain, again = ranked(three), make_ranking([three], Wanted(), n_resamples=150)
    assert (plain.errors.method, again.errors.method, again.errors.n_resamples) == ("sandwich", "bootstrap", 150)
    for one, other in zip(plain.criteria["overall"].models, again.criteria["overall"].models, strict=True):
        assert one.rating.estimate == other.rating.estimate
        assert (other.rating.se or 0) / (one.rating.se or 1) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("form", [form for form in ReportFormat if form is not ReportFormat.TERMINAL])
def test_every_format_names_every_model_and_pair(three: Path, form: ReportFormat) -> None:
    text = written(ranking_document(ranked(three, step="step")), form)
    assert all(name in text for name in STRENGTHS)
    if form is ReportFormat.JSON:
        assert RankingReport.model_validate(json.loads(text)).models == tuple(STRENGTHS)
    else:
        assert "alpha : beta" in text


@pytest.mark.slow
def test_the_command_ranks_a_folder_by_name_and_draws_a_page(three: Path) -> None:
    folder = three.parent
    done = omr_judge("rank", "runs", "--curve", "step", "--by", "half", "--added", "gamma", cwd=folder)
    parts = ("Ranking on overall", "Who beats whom", "half even", "moved the others", "Checkpoints by step", "1. alpha")
    assert [part for part in parts if part not in done.stdout] == []
    to_page = ("rank", "alpha_beta", "gamma_alpha", "--html", "page.html")
    assert omr_judge(*to_page, cwd=folder).stdout.startswith("page.html: written, ")
    assert "--overwrite" in omr_judge(*to_page, cwd=folder, code=3).stderr
    omr_judge(*to_page, "--overwrite", cwd=folder)
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert 'href="page-runs/alpha_beta.html"' in page
    assert "<script" not in page
    assert (folder / "page-runs" / "gamma_alpha.html").exists()


def test_a_folder_without_comparisons_is_refused_and_what_is_none_is_left_out(three: Path) -> None:
    with pytest.raises(RunError, match="no comparison in this folder"):
        ranked(three.parent)


def test_the_terminal_leaves_the_matrix_of_many_models_out(tmp_path: Path) -> None:
    for number in range(9):
        model_run(tmp_path / f"run{number}", f"m{number}", "m9", drawn("m0", "m9", 12, number))
    text = drawn_text(ranked(tmp_path))
    assert "Who beats whom" not in text
    assert "Position bias" in text


def test_another_right_answer_to_the_same_question_is_refused(three: Path) -> None:
    model_run(three / "other", "alpha", "delta", drawn("alpha", "delta", 5, 3), Written(answer="B"))
    with pytest.raises(RunError, match=r"another right answer or reference than item q0 of .*, of the same question"):
        ranked(three)


def test_items_without_a_question_are_known_by_their_ids_and_those_of_one_image_are_one_unit(tmp_path: Path) -> None:
    model_run(tmp_path / "bare", "alpha", "beta", drawn("alpha", "beta", 12, 1), Written(bare=True))
    assert ranked(tmp_path / "bare").n_items == 12
    model_run(tmp_path / "seen", "alpha", "beta", drawn("alpha", "beta", 12, 1), Written(images=3))
    report = ranked(tmp_path / "seen")
    assert (report.clusters.field, report.clusters.n, report.criteria["overall"].n_units) == ("image", 4, 4)


@pytest.mark.parametrize(("step", "told"), [("soon", "'soon' is no number"), (7, "alpha is at step 7 and 1")])
def test_steps_that_are_no_numbers_or_contradict_each_other_are_refused(three: Path, step: object, told: str) -> None:
    model_run(three / "other", "alpha", "delta", drawn("alpha", "delta", 4, 3), Written(step=step, bare=True))
    with pytest.raises(InputError, match=f"--curve step: item q0 of .*: {told}"):
        ranked(three / "alpha_beta", three / "other", step="step")


def test_nothing_judged_and_groups_that_fall_apart_are_told_in_words(tmp_path: Path) -> None:
    model_run(tmp_path / "none", "alpha", "beta", [None, None])
    with pytest.raises(RunError, match="no item has a verdict on knowledge yet"):
        ranked(tmp_path)
    model_run(tmp_path / "one", "gamma", "delta", [A_WINS, TIES, B_WINS, None, A_WINS])
    model_run(tmp_path / "two", "alpha", "beta", [TIES, A_WINS, None, B_WINS, None])
    shutil.rmtree(tmp_path / "none")
    model_run(tmp_path / "three", "gamma", "alpha", [None, TIES, None, SPLITS, None])
    report = ranked(tmp_path, fields=WantedFields(by=("half",)))
    parts = report.criteria["overall"].subgroups["half"]
    assert parts["even"].problem is None
    assert "connects these groups of models: alpha, beta | delta, gamma" in (parts["odd"].problem or "")
    assert "No ranking: no judged pair connects" in written(ranking_document(report), ReportFormat.MARKDOWN)


def test_runs_of_one_order_say_that_position_bias_cannot_be_told(tmp_path: Path) -> None:
    lines = [
        {"item": f"q{at}", "order": "forward", "judge": "anthropic:claude-3", "model_a": "claude-2", "verdict": verdict}
        for at, verdict in enumerate(["first", "second", "first", "tie"])
    ]
    source = write_jsonl(tmp_path / "v.jsonl", lines)
    import_verdicts(str(source), name="v", runs=tmp_path / "runs", command=())
    circle = [("claude-2", "gpt", "first"), ("gpt", "llama", "first"), ("claude-2", "llama", "tie")]
    for a, b, verdict in circle:  # pairs that do not add up, each in one order, tell nothing of the slot
        votes_ = [{**lines[0], "item": f"{a}{n}", "model_a": a, "model_b": b, "verdict": verdict} for n in range(3)]
        source = write_jsonl(tmp_path / f"{a}{b}.jsonl", votes_)
        import_verdicts(str(source), name=f"{a}{b}", runs=tmp_path / "circle", command=())
    assert ranked(tmp_path / "circle").criteria["overall"].slot is None
    report = ranked(tmp_path / "runs")
    assert report.criteria["overall"].slot is None
    assert any("position bias cannot be told from the models" in text for text in report.warnings)
    assert any("are both of the claude family" in text.lower() for text in report.warnings)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folders that earlier versions made."""
    folder = tmp_path_factory.mktemp("kept")
    copy_runs(folder)
    return folder / "runs"


@pytest.mark.parametrize(
    "name", ["comparison", "one-order", "imported", *(pytest.param(name, marks=SLOW) for name in ("panel", "merged"))]
)
def test_every_kind_of_comparison_keeps_its_win_rates(kept: Path, name: str) -> None:
    own, found = make_report(RunFolder(kept / name)), ranked(kept / name)
    for criterion, ranking in found.criteria.items():
        rate, pair = own.criteria[criterion].win_rate, ranking.pairs[0]
        assert {pair.a, pair.b} == set(own.models.model_dump().values())
        told = [rate.estimate, rate.low, rate.high]
        if pair.a != own.models.a:
            told = [None if end is None else round(1 - end, 6) for end in (rate.estimate, rate.high, rate.low)]
        assert [pair.win_rate.estimate, pair.win_rate.low, pair.win_rate.high] == told


@SLOW
def test_shards_have_the_win_rate_of_the_merged_run(kept: Path) -> None:
    apart, together = ranked(kept / "shard-1", kept / "shard-2"), ranked(kept / "merged")
    one, other = (report.criteria["overall"].models for report in (apart, together))
    assert [model.win_rate for model in one] == [model.win_rate for model in other]


def test_a_score_among_the_runs_is_left_out_of_a_folder_and_refused_by_name(kept: Path, tmp_path: Path) -> None:
    for name in ("comparison", "score-a"):
        shutil.copytree(kept / name, tmp_path / name)
    assert ranked(tmp_path).warnings[0] == "left out: score-a compares no models"
    with pytest.raises(RunError, match="a score; this needs a run made by `compare`"):
        ranked(tmp_path / "score-a")


def test_items_that_look_alike_stay_apart_by_their_ids(tmp_path: Path) -> None:
    """Two records of one question, as of two patients: a comparison counts both, and so does the ranking."""
    run = model_run(tmp_path / "one", "alpha", "beta", drawn("alpha", "beta", 12, 1), Written(alike=True))
    found, own = ranked(run.path), make_report(run).criteria["overall"].win_rate
    assert found.n_items == 12
    assert found.criteria["overall"].pairs[0].win_rate == own
    for at, other in enumerate(["alpha", "beta"]):
        verdicts = drawn(other, "gamma", 12, at)
        model_run(tmp_path / f"{other}_gamma", other, "gamma", verdicts, Written(alike=True))
    assert ranked(tmp_path).n_items == ranked(tmp_path).criteria["overall"].n_units == 12
