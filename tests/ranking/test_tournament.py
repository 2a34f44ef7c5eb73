"""A tournament: pairs planned and judged by a scripted judge of known strengths, and the models ranked."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import chromium
from command import omr_judge, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from provider_server import TRACE, Answer, Call, ProviderServer, verdicts_for

from judge.comparison.compare import compare
from judge.comparison.derive_report import make_report
from judge.errors import BudgetReachedError, InputError, RunError
from judge.inputs.input_options import InputOptions
from judge.judging.command_options import CompareOptions
from judge.judging.options import ClusterOptions, JudgingOptions, StoppingOptions
from judge.page.ranking_page import write_ranking
from judge.ranking.joined_runs import Wanted
from judge.ranking.make_ranking import make_ranking
from judge.ranking.options import PairDesign, TournamentInputs, TournamentOptions
from judge.ranking.tournament import N_BLOCKS, quote_tournament, read_plan, tournament
from judge.runs.run_folder import RunFolder
from judge.runs.run_names import TOURNAMENT
from judge.runs.sharding import Shard

if TYPE_CHECKING:
    from judge.ranking.ranking_report import RankingReport

STRENGTHS = {"epsilon": 2.0, "alpha": 1.0, "delta": 0.0, "beta": -1.0, "gamma": -2.0}
N_ITEMS = 10
SLOT, TIE = 0.3, 0.5
STRENGTH = re.compile(r"strength ([+-]\d\.\d)")


def scripted(call: Call) -> Answer:
    """Judge by the strengths that the traces state, by Davidson's model, the same for the same two traces."""
    first, second = (found["text"] for found in sorted(TRACE.finditer(call.user), key=lambda found: found["slot"]))
    one, other = (float(STRENGTH.findall(text)[0]) for text in (first, second))
    drawn = int.from_bytes(hashlib.sha256(f"{first.strip()}|{second.strip()}".encode()).digest()[:6], "big") / 2**48
    half = (one - other + SLOT) / 2
    total = math.exp(half) + math.exp(-half) + TIE
    verdict = (
        "first" if drawn < math.exp(half) / total else "tie" if drawn < (math.exp(half) + TIE) / total else "second"
    )
    return Answer(verdicts_for(call.schema or {}, {"overall": verdict}, ("", "")))


def write_traces(folder: Path, model: str, n: int = N_ITEMS) -> str:
    told = f"strength {STRENGTHS[model]:+.1f}"
    records = (
        {"id": f"q{at}", "question": f"Question {at}?", "trace": f"{model} of {told} reasons step by step on {at}."}
        for at in range(n)
    )
    return str(write_jsonl(folder / f"{model}.jsonl", ({"model": model, **record} for record in records)))


@pytest.fixture(scope="module")
def server() -> Iterator[ProviderServer]:
    with ProviderServer(scripted) as started:
        yield started


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, server: ProviderServer) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    server.calls.clear()


def options(
    server: ProviderServer,
    folder: Path,
    *models: str,
    design: str = "all",
    **changes: Any,  # noqa: ANN401
) -> TournamentOptions:
    """Return a tournament of models whose traces are written where they are missing."""
    files = tuple(write_traces(folder, model) for model in models)
    return TournamentOptions(
        inputs=TournamentInputs(files=files),
        judges=(f"openai:judge-1@{server.url}/v1",),
        rubric="overall.v1",
        runs=folder / "runs",
        pairs=design,
        judging=JudgingOptions(quiet=True),
        **changes,
    )


def hold(options: TournamentOptions) -> RankingReport:
    return tournament(options, command=(), say=lambda _: None)


def figures(report: RankingReport) -> dict[str, tuple[float | None, ...]]:
    return {
        one.model: (one.rating.estimate, one.rating.low, one.rating.high, one.rank, one.rank_low, one.rank_high)
        for one in report.criteria["overall"].models
    }


def asked_twice(server: ProviderServer) -> list[str]:
    """Return the pairs of shown traces that were asked about more than once."""
    shown = Counter("|".join(found["text"].strip() for found in TRACE.finditer(call.user)) for call in server.calls)
    return [traces for traces, n in shown.items() if n > 1]


@pytest.mark.slow
def test_five_models_come_out_in_the_order_of_their_strengths(server: ProviderServer, tmp_path: Path) -> None:
    report = hold(options(server, tmp_path, *sorted(STRENGTHS)))
    assert len(server.calls) == 10 * 2 * N_ITEMS
    assert [one.model for one in report.criteria["overall"].models] == list(STRENGTHS)
    assert (report.n_judgments, report.n_failed, report.n_not_asked, report.n_items) == (200, 0, 0, N_ITEMS)
    for one in report.criteria["overall"].models:
        assert one.rating.low is not None
        assert one.rating.high is not None
        assert one.rating.low - 0.5 < STRENGTHS[one.model] < one.rating.high + 0.5
        assert one.rank_low <= list(STRENGTHS).index(one.model) + 1 <= one.rank_high
    assert report == make_ranking([tmp_path / "runs/tournament"], Wanted(), design=report.design)


@pytest.mark.slow
def test_a_model_more_asks_for_its_own_pairs_alone_and_fits_as_from_the_start(
    server: ProviderServer, tmp_path: Path
) -> None:
    grown, fresh = tmp_path / "grown", tmp_path / "fresh"
    grown.mkdir()
    fresh.mkdir()
    assert hold(options(server, grown, "alpha", "beta", "gamma")).criteria["overall"].moved == ()
    before = len(server.calls)
    report = hold(options(server, grown, "delta", "gamma", "beta", "alpha"))
    assert len(server.calls) - before == 3 * 2 * N_ITEMS
    assert asked_twice(server) == []
    moved = report.criteria["overall"].moved
    assert [one.model for one in moved] == ["alpha", "beta", "gamma"]
    assert all(one.after - one.before == pytest.approx(one.recentred + one.indirect, abs=3e-6) for one in moved)
    whole = figures(hold(options(server, fresh, "alpha", "beta", "gamma", "delta")))
    for name, own in figures(report).items():
        assert own == pytest.approx(whole[name], abs=1e-10)
    before = len(server.calls)
    assert hold(options(server, grown, "alpha", "beta", "gamma", "delta")).criteria["overall"].moved == ()
    assert len(server.calls) == before


def test_two_models_have_the_win_rate_of_compare(server: ProviderServer, tmp_path: Path) -> None:
    whole = options(server, tmp_path, "alpha", "beta")
    report = hold(whole)
    inputs = InputOptions(a=whole.inputs.files[0], b=whole.inputs.files[1])
    plain = CompareOptions(inputs, judges=whole.judges, rubric="overall.v1", runs=tmp_path, judging=whole.judging)
    own = make_report(compare(plain, command=(), say=lambda _: None)).criteria["overall"].win_rate
    assert report.criteria["overall"].models[0].win_rate == own


@pytest.mark.parametrize(("design", "pairs"), [("star:beta", 3), pytest.param("cyclic:1", 4, marks=pytest.mark.slow)])
def test_a_design_judges_its_pairs_alone(server: ProviderServer, tmp_path: Path, design: str, pairs: int) -> None:
    report = hold(options(server, tmp_path, "alpha", "beta", "gamma", "delta", design=design))
    assert len(server.calls) == pairs * 2 * N_ITEMS
    assert len(report.criteria["overall"].pairs) == pairs
    assert report.design is not None


def test_an_adaptive_design_plans_whole_blocks_and_asks_its_share(server: ProviderServer, tmp_path: Path) -> None:
    four = ("alpha", "beta", "gamma", "delta")
    given_ = options(server, tmp_path, *four, design="adaptive:0.2")
    report = hold(given_)
    plan = read_plan(given_.folder)
    assert plan is not None
    blocks = Counter((block.a, block.b) for batch in plan.batches for block in batch)
    assert blocks.total() == 12  # of 6 pairs in 10 blocks
    assert {block.block for block in plan.batches[0]} == {0}
    assert set(blocks) == {(pair.a, pair.b) for pair in report.criteria["overall"].pairs}
    assert len(server.calls) == blocks.total() * 2 * N_ITEMS / N_BLOCKS
    assert report.n_not_asked == 120 - len(server.calls)
    assert all(pair.missing == 0 for pair in report.criteria["overall"].pairs)
    assert "20 % of all pairs' items" in (report.design or "")
    before = len(server.calls)
    assert figures(hold(given_)) == figures(report)
    assert len(server.calls) == before
    hold(options(server, tmp_path, *four, design="adaptive:0.25"))
    assert len(server.calls) == 30
    assert asked_twice(server) == []


def test_an_adaptive_design_connects_a_model_that_takes_the_place_of_another(
    server: ProviderServer, tmp_path: Path
) -> None:
    hold(options(server, tmp_path, "alpha", "beta", "gamma", design="adaptive:0.1"))
    report = hold(options(server, tmp_path, "beta", "gamma", "delta", design="adaptive:0.1"))
    assert report.models == ("alpha", "beta", "delta", "gamma")  # what was judged is never lost
    plan = read_plan(tmp_path / "runs/tournament")
    assert plan is not None
    assert any("delta" in {block.a, block.b} for block in plan.batches[-1])
    assert asked_twice(server) == []


def test_one_budget_holds_for_all_pairs_and_the_same_command_goes_on(server: ProviderServer, tmp_path: Path) -> None:
    given_ = options(server, tmp_path, "alpha", "beta", "gamma")
    judging = replace(given_.judging, max_calls=40, concurrency=1)
    with pytest.raises(BudgetReachedError, match=r"of --max-calls 40; .* the same `omr-judge tournament` command"):
        hold(replace(given_, judging=judging))
    assert len(server.calls) == 40
    report = hold(given_)
    assert len(server.calls) == 60
    assert asked_twice(server) == []
    assert report.n_not_asked == 0


@pytest.mark.slow
def test_shards_of_a_tournament_are_one_ranking(server: ProviderServer, tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    parts.mkdir()
    whole.mkdir()
    for number in (1, 2):
        shard = Shard(number=number, of=2)
        report = hold(options(server, parts, "alpha", "beta", "gamma", shard=shard))
    assert len(server.calls) == 60
    assert figures(report) == figures(hold(options(server, whole, "alpha", "beta", "gamma")))
    pairs = report.criteria["overall"].pairs
    assert all(len(pair.runs) == 2 for pair in pairs)
    write_ranking(report, parts / "page.html")
    assert '<a href="#overall-pair-0"' in (parts / "page.html").read_text(encoding="utf-8")


def test_what_was_lost_is_counted_and_asked_again(server: ProviderServer, tmp_path: Path) -> None:
    given_ = options(server, tmp_path, "alpha", "beta", "gamma")

    def failing(call: Call) -> Answer:
        return Answer("no verdict") if "Question 3?" in call.user else scripted(call)

    with ProviderServer(failing) as broken:
        judging = replace(given_, judges=(f"openai:judge-1@{broken.url}/v1",))
        report = hold(judging)
    assert report.failures == {"unparsed": 6}
    assert all((pair.missing, pair.win_rate.n) == (1, N_ITEMS - 1) for pair in report.criteria["overall"].pairs)
    assert hold(given_).n_failed == 0
    assert len(server.calls) == 6


def test_pairs_and_models_without_any_verdict_are_listed_and_counted(server: ProviderServer, tmp_path: Path) -> None:
    files = tuple(write_traces(tmp_path, model, 4) for model in ("alpha", "beta", "gamma"))
    given_ = replace(options(server, tmp_path), inputs=TournamentInputs(files=files))

    def failing(*models: str) -> Callable[[Call], Answer]:
        return lambda call: Answer("no") if all(f"{one} of" in call.user for one in models) else scripted(call)

    with ProviderServer(failing("gamma")) as broken:
        report = hold(replace(given_, judges=(f"openai:judge-1@{broken.url}/v1",)))
    assert "On overall gamma has no rank: it has no verdict." in report.warnings
    pairs = {(pair.a, pair.b): pair for pair in report.criteria["overall"].pairs}
    assert (pairs["beta", "gamma"].missing, pairs["beta", "gamma"].p_a, pairs["beta", "gamma"].z) == (4, None, None)
    assert [one.missing for one in report.criteria["overall"].models] == [4, 4]
    write_ranking(report, tmp_path / "page.html")
    with ProviderServer(failing("alpha", "gamma")) as broken:
        found = hold(replace(given_, judges=(f"openai:judge-1@{broken.url}/v1",))).criteria["overall"]
    assert {one.model: one.missing for one in found.models} == {"alpha": 4, "beta": 0, "gamma": 4}
    lost = {(pair.a, pair.b): pair for pair in found.pairs}["alpha", "gamma"]
    assert (lost.win_rate.estimate, lost.win_rate.n, lost.missing, lost.not_asked) == (None, 0, 4, 0)
    assert lost.expected.estimate == pytest.approx((lost.p_a or 0) + (lost.p_tie or 0) / 2, abs=2e-6)
    assert (found.fit.n_triads, found.fit.n_circular) == (0, 0)


def test_doubtful_items_of_every_pair_are_escalated_and_ranked_by_the_second_judge(
    server: ProviderServer, tmp_path: Path
) -> None:
    plain = options(server, tmp_path, "alpha", "delta")
    report = hold(replace(plain, escalate=f"openai:judge-2@{server.url}/v1"))
    splits = sum(call.body["model"] == "judge-2" for call in server.calls)
    assert splits > 0
    assert (len(server.calls), report.n_judgments) == (20 + splits, 20)
    assert report.judges == ("openai:judge-1, doubtful items by openai:judge-2",)
    for pair in report.criteria["overall"].pairs:
        assert pair.win_rate == make_report(RunFolder(Path(pair.runs[0]))).criteria["overall"].win_rate
    other = replace(plain, name="plain")
    hold(other)
    with pytest.raises(RunError, match=r"judged by openai:judge-1, openai:judge-2, and .* by openai:judge-1, or with"):
        make_ranking([other.folder, plain.folder], Wanted())
    judging = replace(plain.judging, max_calls=0)
    hold(replace(plain, escalate=f"openai:judge-2@{server.url}/v1", judging=judging))  # all is judged


def test_a_quote_adds_up_the_pairs_and_asks_nothing(server: ProviderServer, tmp_path: Path) -> None:
    quote = quote_tournament(options(server, tmp_path, "alpha", "beta", "gamma"), say=lambda _: None)
    assert quote.calls == 60
    assert server.calls == []
    assert not (tmp_path / "runs").exists()


def test_a_run_is_no_tournament_and_a_tournament_has_a_name_of_a_folder(server: ProviderServer, tmp_path: Path) -> None:
    given_ = options(server, tmp_path, "alpha", "beta")
    hold(given_)
    inner = replace(given_, runs=given_.folder, name="alpha_vs_beta")
    with pytest.raises(RunError, match="alpha_vs_beta: a run, and no tournament"):
        hold(inner)
    with pytest.raises(InputError, match=r"--name: '\.\./x' is no folder name"):
        hold(replace(given_, name="../x"))


def test_names_that_no_folder_can_have_stay_apart(server: ProviderServer, tmp_path: Path) -> None:
    records = [{"id": 1, "question": "Why?", "trace": "of strength +0.1, at some length"}]
    files = [
        str(write_jsonl(tmp_path / f"{at}.jsonl", [{**record, "model": name} for record in records]))
        for at, name in enumerate(["org/model", "org-model", "org/" + "m" * 80 + "1", "org/" + "m" * 80 + "2"])
    ]
    given_ = replace(options(server, tmp_path), inputs=TournamentInputs(files=tuple(files)))
    assert len(hold(given_).criteria["overall"].pairs) == 6


Change = Callable[[TournamentOptions], TournamentOptions]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda own: replace(own, inputs=TournamentInputs(files=own.inputs.files[:1])), "two models at least"),
        (lambda own: replace(own, inputs=TournamentInputs(files=("-", "x"))), "standard input can be read once"),
        (lambda own: replace(own, inputs=TournamentInputs(files=own.inputs.files * 2)), "is of model alpha, as"),
        (lambda own: replace(own, early=StoppingOptions(stop_when_decided=True)), "stopped early cannot be ranked"),
        (lambda own: replace(own, pairs="star:zeta"), "star:zeta is none of the models"),
        (lambda own: replace(own, pairs="adaptive", shard=Shard(number=1, of=2)), "--shard: an adaptive design"),
        (
            lambda own: replace(own, pairs="adaptive", judging=replace(own.judging, batch=True)),
            "--batch: an adaptive design",
        ),
        (lambda own: replace(own, pairs="adaptive", escalate="openai:x"), "--escalate: an adaptive design"),
        (lambda own: replace(own, cluster=ClusterOptions(on="ray")), "--on: a tournament is judged here"),
    ],
)
def test_what_a_tournament_cannot_have_is_refused(
    server: ProviderServer, tmp_path: Path, change: Change, told: str
) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        hold(change(options(server, tmp_path, "alpha", "beta")))
    assert server.calls == []


@pytest.mark.parametrize(
    "text", ["", "most", "star:", "star", "cyclic:0", "cyclic:x", "adaptive:0", "adaptive:2", "all:x"]
)
def test_what_is_no_design_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--design: .* is no design"):
        PairDesign.parse(text)


@given(st.lists(st.text("abcdef", min_size=1), min_size=2, max_size=8, unique=True), st.integers(1, 9))
def test_every_design_connects_all_models_and_plans_each_pair_once(models: list[str], k: int) -> None:
    for design in (PairDesign(kind="all"), PairDesign(kind="star", base=models[0]), PairDesign(kind="cyclic", k=k)):
        pairs = design.pairs(models)
        assert len({frozenset(pair) for pair in pairs}) == len(pairs)
        reached = {models[0]}
        for _ in models:
            reached |= {name for pair in pairs if reached & set(pair) for name in pair}
        assert reached == set(models)


def test_a_damaged_plan_is_named(tmp_path: Path) -> None:
    (tmp_path / TOURNAMENT).write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match=r"tournament\.json: damaged"):
        read_plan(tmp_path)
    (tmp_path / TOURNAMENT).write_bytes(b'{"design":{"kind":"all"},"seal":"00000000"}')
    with pytest.raises(RunError, match=r"tournament\.json: damaged"):
        read_plan(tmp_path)


def test_the_commands_judge_rank_and_draw_a_page_that_leads_to_every_pair(
    server: ProviderServer, tmp_path: Path
) -> None:
    files = [write_traces(tmp_path, model, 12) for model in ("alpha", "beta", "gamma")]
    judged = (
        "tournament",
        *files,
        "--judge",
        f"openai:judge-1@{server.url}/v1",
        "--rubric",
        "overall.v1",
        "--name",
        "t",
    )
    env = {"OPENAI_API_KEY": "test"}
    done = omr_judge(*judged, "--json", cwd=tmp_path, env=env)
    assert json.loads(done.stdout)["criteria"]["overall"]["models"][0]["model"] == "alpha"
    assert "72 of 72 judged" in done.stderr
    assert "Tournament folder: runs/t" in done.stderr
    assert "a tournament of 3 runs; `omr-judge rank runs/t`" in omr_judge("runs", cwd=tmp_path).stdout
    assert omr_judge("verify", "t", cwd=tmp_path).stdout.count(": proven: 24 judgments") == 3
    with pytest.raises(RunError, match=r"a tournament: `omr-judge rank .*t` ranks its models"):
        RunFolder(tmp_path / "runs/t").manifest()
    omr_judge("rank", "t", "--html", "page.html", cwd=tmp_path)
    with chromium() as browser:
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto((tmp_path / "page.html").as_uri())
        assert page.locator(".heat td a").count() == 6
        heading = page.locator("h1").inner_text().replace("\u00a0", " ")
        assert heading.startswith("On overall, by openai:judge-1: 1. alpha")
        page.locator(".heat td a").first.click()
        assert page.title() == "alpha_vs_beta · omr-judge"
        assert said == []
    journal = tmp_path / "runs/t/beta_vs_gamma/judgments.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"first", b"First", 1))
    found = json.loads(omr_judge("verify", "t", "--json", cwd=tmp_path, code=3).stdout)
    assert (found["proven"], [run["proven"] for run in found["runs"]]) == (False, [True, True, False])
