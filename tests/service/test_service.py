"""The service over real sockets: what it answers, what it never asks twice, and that a failure is never a number."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from command import omr_judge, read_jsonl, start, wait_until, write_jsonl
from forked import Started
from form_server import CASES, Asked, FormServer, Told, completion
from pictures import written
from planted_items import scripted, write_items
from provider_server import Answer, Call, ProviderServer, longer_wins, traces_of, verdicts_for
from serving import Service, serving

import judge
from judge import rewards
from judge.certify.certify import certify
from judge.errors import BudgetReachedError, InputError, RunInUseError
from judge.judging.option_groups import made
from judge.judging.options import CertifyOptions
from judge.runs.run_folder import RunFolder
from judge.service.preferences import BusyError

SHORT, MIDDLE, LONG = "aa", "bbbb bbbb", "cccc cccc cccc cccc"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMR_JUDGE_API_KEY", "key")


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with ProviderServer(longer_wins) as server:
        yield server


def test_a_group_has_the_mean_credit_of_each_response_as_its_reward(provider: ProviderServer, tmp_path: Path) -> None:
    with serving(provider, tmp_path) as service:
        answer = service.prefer("Which?", [MIDDLE, SHORT, LONG], id="p7", subgroup={"step": "3"})
    # Strides 1 and 2 around three are all ordered pairs: each response meets both others twice.
    assert answer["rewards"] == [0.5, 0.0, 1.0]
    assert answer["by_criterion"] == {"overall": [0.5, 0.0, 1.0]}
    assert (answer["id"], answer["design"], answer["failed"], answer["position_bias"]) == ("p7", "strides:2", 0, 0.5)
    assert [(pair["i"], pair["j"], pair["verdict"], pair["p"]) for pair in answer["pairs"]] == [
        *[(0, 1, "first", 1.0), (1, 2, "second", 0.0), (2, 0, "first", 1.0)],
        *[(0, 2, "second", 0.0), (1, 0, "second", 0.0), (2, 1, "first", 1.0)],
    ]
    assert all(0 < error < 0.5 for error in answer["se"])
    report = judge.open_run("s", runs=tmp_path / "runs").report
    assert (report.n_items, report.n_judgments, report.n_failed) == (6, 6, 0)
    assert judge.open_run(tmp_path / "runs" / "s").frame("items")["by_step"].unique().to_list() == ["3"]


@pytest.mark.slow
def test_commands_read_the_run_of_a_service_while_it_grows(provider: ProviderServer, tmp_path: Path) -> None:
    with serving(provider, tmp_path) as service:
        service.prefer("Which?", [MIDDLE, SHORT, LONG])
        with (tmp_path / "runs" / "s" / "pairs.jsonl").open("ab") as file:
            file.write(b'{"item":{"id":"torn')
        item: str = read_jsonl(tmp_path / "runs" / "s" / "judgments.jsonl")[0]["item"]
        assert "Which?" in omr_judge("show", "s", item, cwd=tmp_path).stdout
        for command in (["flags"], ["list"], ["verify"], ["report"], ["report", "--html", "page.html"]):
            omr_judge(command[0], "s", *command[1:], cwd=tmp_path)
    omr_judge("export", "s", "--to", "csv", "--out", "out", cwd=tmp_path)
    with serving(provider, tmp_path) as service:  # which takes the torn line off
        assert service.prefer("Else?", [SHORT, LONG])["failed"] == 0
    omr_judge("verify", "s", cwd=tmp_path)


def test_the_same_content_is_never_asked_twice_also_by_a_service_that_starts_anew(
    provider: ProviderServer, tmp_path: Path
) -> None:
    with serving(provider, tmp_path) as service:
        first = service.prefer("Which?", [MIDDLE, SHORT, LONG])
        n = len(provider.calls)
        assert service.prefer("Which?", [MIDDLE, SHORT, LONG], id="other")["rewards"] == first["rewards"]
        assert service.metrics()['omr_judge_questions_total{result="known"}'] == 6
    with serving(provider, tmp_path) as service:
        again = service.prefer("Which?", [MIDDLE, SHORT, LONG])
        assert (again["rewards"], again["usd"], len(provider.calls)) == (first["rewards"], 0.0, n)
        service.prefer("Which?", [MIDDLE, SHORT, LONG], design="both")
        service.prefer("Which?", [LONG, MIDDLE, SHORT], design="both")  # the same pairs, in another order
        assert len(provider.calls) == n + 6
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["s", "s-later"]
    assert judge.open_run("s-later", runs=tmp_path / "runs").report.criteria["overall"].consistency.estimate == 1


def test_equal_texts_are_ties_without_a_call_and_a_group_asked_at_once_is_asked_once(
    provider: ProviderServer, tmp_path: Path
) -> None:
    with serving(provider, tmp_path) as service:
        same = service.prefer("Which?", [SHORT, SHORT])
        assert (same["rewards"], same["failed"], len(provider.calls)) == ([0.5, 0.5], 0, 0)

        async def all_at_once() -> list[Any]:
            async with httpx2.AsyncClient(base_url=service.url, trust_env=False) as client:
                body = {"prompt": "Q", "responses": [SHORT, LONG]}
                came = await asyncio.gather(*(client.post("/v1/preferences", json=body) for _ in range(8)))
                return [one.json()["rewards"] for one in came]

        assert asyncio.run(all_at_once()) == [[0.0, 1.0]] * 8
        assert len(provider.calls) == 2


FAULTS = [
    Answer(status=400, error={"message": "no"}),
    Answer(stop="refusal"),
    Answer(stop="length", text='{"overall": {'),
    Answer(stop="filter"),
    Answer("The first one is better."),
    Answer('{"overall": {"evidence_1": "", "evidence_2": "", "verdict": "third"}}'),
    Answer("", fault="garbage"),
    Answer(more={"model": "other-1"}, text=""),
    Answer(fault="reset"),
    Answer(fault="reset_mid_body"),
    Answer(status=500),
    Answer(status=429),
]


def faulty(call: Call) -> Answer:
    """Judge every third call rightly, and fail the others in every way there is."""
    n = call.number
    return longer_wins(call) if n % 3 == 0 else FAULTS[n // 3 % len(FAULTS)]


def only_real_rewards(answer: dict[str, Any], responses: list[str]) -> int:
    """Hold every reward against what the judge said, recounted; return how many rewards there are."""
    for place, reward in enumerate(answer["rewards"]):
        own = [
            pair["p"] if pair["i"] == place else 1 - pair["p"]
            for pair in answer["pairs"]
            if place in (pair["i"], pair["j"]) and pair["p"] is not None
        ]
        assert reward == (sum(own) / len(own) if own else None)
    for pair in answer["pairs"]:
        if pair["p"] is not None:
            i, j = len(responses[pair["i"]]), len(responses[pair["j"]])
            assert pair["p"] == (0.5 if i == j else float(i > j))
        else:
            assert pair["why_not"]
    return sum(reward is not None for reward in answer["rewards"])


@pytest.mark.parametrize("n_groups", [25, pytest.param(6_250, marks=pytest.mark.slow)])
def test_no_fault_of_a_judge_becomes_a_reward(n_groups: int, tmp_path: Path) -> None:
    # 16 questions a group: the slow one makes 100,000 of them.
    with (
        ProviderServer(faulty) as server,
        serving(server, tmp_path, attempts=1, concurrency=16, max_pending=100) as service,
        httpx2.Client(base_url=service.url, timeout=60, trust_env=False) as client,
    ):
        client.post("/v1/preferences", json={"prompt": "first", "responses": [SHORT, LONG]})
        n_real = n_missing = 0
        for number in range(n_groups):
            responses = ["x" * (1 + number * k % 7 + k) for k in range(8)]
            came = client.post("/v1/preferences", json={"prompt": f"Q{number}", "responses": responses})
            if came.status_code == 503:
                assert int(came.headers["retry-after"]) > 0
                continue
            own = only_real_rewards(came.json(), responses)
            n_real, n_missing = n_real + own, n_missing + 8 - own
        assert n_real
        assert n_missing
        for body, path in (
            ({"prompt": "none", "response": SHORT}, "/slime"),
            ({"query": "none", "documents": [SHORT, LONG]}, "/rerank"),
        ):
            came = client.post(path, json=body)
            assert came.status_code in {200, 422, 503}


@pytest.mark.slow
@pytest.mark.parametrize(("design", "expected"), [("strides:2", 0.77), ("all", 0.86), ("cyclic", 0.64)])
def test_rewards_of_the_service_follow_quality_as_the_simulated_table_says(
    design: str, expected: float, tmp_path: Path
) -> None:
    """A judge with logit slope 2 and a position bias of 1.5, asked over the service's sockets."""
    rng, n_groups, drawn = np.random.default_rng(5), 150, threading.Lock()
    quality = rng.normal(size=(n_groups, 8))

    def noisy(call: Call) -> Answer:
        first, second = (float(text.strip().split()[-1]) for text in traces_of(call))
        with drawn:
            wins = rng.random() < 1 / (1 + np.exp(-2 * (first - second) - 1.5))
        return Answer(verdicts_for(call.schema or {}, "first" if wins else "second"))

    correlations = []
    with ProviderServer(noisy) as server, serving(server, tmp_path, design=design) as service:
        for number, own in enumerate(quality):
            answer = service.prefer(f"Q{number}", [f"quality {one:.6f}" for one in own])
            if len(set(answer["rewards"])) > 1:
                correlations.append(np.corrcoef(answer["rewards"], own)[0, 1])
    assert np.mean(correlations) == pytest.approx(expected, abs=0.05)


SOFT = """
[judges.j]
provider = "openai"
model = "m"
base_url = "{url}"
prompt = "pairwise-letter.v1"
reply = "letter"
logprobs = true
"""


def test_a_soft_verdict_is_worth_its_expected_credit_also_to_a_service_that_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gives the better trace .8, the other .15, a tie .03 of .98."""
    worth = (0.8 + 0.03 / 2) / 0.98
    monkeypatch.chdir(tmp_path)
    with FormServer() as server:
        (tmp_path / "omr-judge.toml").write_text(SOFT.format(url=f"{server.url}/weighed"))
        for n_calls in (2, 0):
            asked = len(server.asked)
            with serving(server, tmp_path, judge="j") as service:
                answer = service.prefer("Which?", ["BETA", "ALPHA"])
                assert len(server.asked) == asked + n_calls
            assert answer["rewards"] == [pytest.approx(1 - worth), pytest.approx(worth)]
            assert answer["by_criterion"]["overall"] == answer["rewards"]
            assert [(pair["verdict"], pair["p"]) for pair in answer["pairs"]] == [
                ("second", pytest.approx(1 - worth)),
                ("first", pytest.approx(worth)),
            ]
            assert answer["position_bias"] == pytest.approx(0.5)  # either order names the better trace
            won, lost = 0.5 + 2 * worth, 0.5 + 2 * (1 - worth)
            assert answer["se"] == pytest.approx([(won * lost / 9 / 4) ** 0.5] * 2)
        report = judge.open_run("s").report
        assert report.n_soft == 2
        with serving(server, tmp_path, judge="j", design="both", name="t") as service:
            assert service.prefer("Which?", ["ALPHA", "BETA"])["rewards"] == pytest.approx([worth, 1 - worth])


@pytest.mark.slow
def test_soft_rewards_of_the_service_follow_quality_as_the_simulated_table_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, drawn = np.random.default_rng(5), threading.Lock()
    quality = rng.normal(size=(100, 8))

    def felt(asked: Asked) -> Told:
        first, second = map(float, re.findall(r"quality (-?[0-9.]+)", json.dumps(asked.messages)))
        with drawn:
            logit = 2 * (first - second) + 1.5 + rng.logistic()
        chances = {"A": 1 / (1 + np.exp(-logit)), "B": 1 / (1 + np.exp(logit))}
        status, body = completion(max(chances, key=chances.__getitem__))
        told = [{"token": letter, "logprob": float(np.log(p)), "bytes": None} for letter, p in chances.items()]
        body["choices"][0]["logprobs"] = {"content": [{"token": "A", "logprob": 0.0, "top_logprobs": told}]}
        return status, body

    monkeypatch.setitem(CASES, "felt", felt)
    monkeypatch.chdir(tmp_path)
    with FormServer() as server:
        (tmp_path / "omr-judge.toml").write_text(SOFT.format(url=f"{server.url}/felt"))
        with serving(server, tmp_path, judge="j") as service:
            found = [
                np.corrcoef(service.prefer(f"Q{n}", [f"quality {one:.6f}" for one in own])["rewards"], own)[0, 1]
                for n, own in enumerate(quality)
            ]
    assert np.mean(found) == pytest.approx(0.85, abs=0.03)


def test_protocols_without_a_null_answer_503_and_the_repeat_finds_what_was_judged(tmp_path: Path) -> None:
    broken = threading.Event()
    broken.set()

    def judge_(call: Call) -> Answer:
        first = traces_of(call)[0].strip()
        return Answer("no verdict") if broken.is_set() and first == LONG else longer_wins(call)

    with ProviderServer(judge_) as server, serving(server, tmp_path) as service:
        service.prefer("warm", [SHORT, MIDDLE])
        body = {"query": "Which?", "documents": [SHORT, LONG], "top_n": 1, "model": "m"}
        native = service.prefer("Which?", [SHORT, LONG])
        assert (native["rewards"], native["failed"]) == ([0.0, 1.0], 1)  # of the one order that was judged
        assert [pair["why_not"] for pair in native["pairs"]] == ["", "unparsed"]
        n = len(server.calls)
        broken.clear()
        assert service.post("/rerank", body)["results"][0]["index"] == 1
        assert len(server.calls) == n + 1
        broken.set()
        refused = service.client.post("/rerank", json={"query": "Else?", "documents": [LONG, LONG + "."]})
        assert refused.status_code == 200 or "retry-after" in refused.headers


def test_a_judge_that_cannot_be_used_is_left_alone_and_callers_are_told_when_to_come_back(tmp_path: Path) -> None:
    with ProviderServer(lambda _: Answer(status=401)) as server, serving(server, tmp_path) as service:
        assert service.prefer("Which?", [SHORT, LONG])["rewards"] == [None, None]
        n = len(server.calls)
        refused = service.client.post("/v1/preferences", json={"prompt": "Which?", "responses": [SHORT, LONG]})
        assert (refused.status_code, len(server.calls)) == (503, n)
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert service.client.get("/v1/health").status_code == 503
        assert any("asked again in 30 s" in note for note in service.notes)


def test_a_judge_that_was_away_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("judge.service.book.AWAY_SECONDS", 0.2)
    answers = iter([Answer(status=401), Answer(status=401)])
    with (
        ProviderServer(lambda call: next(answers, None) or longer_wins(call)) as server,
        serving(server, tmp_path, concurrency=1) as service,
    ):
        assert service.prefer("Which?", [SHORT, LONG])["failed"] == 2
        wait_until(lambda: service.client.get("/v1/health").status_code == 200)
        next(answers)
        assert service.prefer("Which?", [SHORT, LONG])["rewards"] == [0.0, 1.0]


def test_whoever_waits_as_the_service_stops_is_told_and_what_is_in_flight_is_kept(tmp_path: Path) -> None:
    answers: list[Any] = []
    with ProviderServer(longer_wins, delay=0.5) as server:
        with serving(server, tmp_path, concurrency=1) as service:
            responses = ["x" * (k + 1) for k in range(8)]
            body = {"prompt": "Which?", "responses": responses}

            def ask() -> None:
                answers.append(httpx2.post(f"{service.url}/v1/preferences", json=body, timeout=60, trust_env=False))

            asking = threading.Thread(target=ask)
            asking.start()
            wait_until(lambda: len(server.calls) >= 2)
        asking.join()
        answer = answers[0].json()
        assert len(server.calls) < 8
        assert answer["failed"] == 16 - len(server.calls)
        assert only_real_rewards(answer, responses) < 8
    assert judge.open_run("s", runs=tmp_path / "runs").report.n_judgments == len(server.calls)


def test_what_comes_after_the_deadline_is_kept_for_the_repeat(tmp_path: Path) -> None:
    with ProviderServer(longer_wins, delay=0.6) as server, serving(server, tmp_path) as service:
        early = service.prefer("Which?", [SHORT, LONG], deadline_s=0.1)
        assert early["rewards"] == [None, None]
        assert {pair["why_not"] for pair in early["pairs"]} == {"late"}
        assert service.prefer("Which?", [SHORT, LONG])["rewards"] == [0.0, 1.0]
        assert len(server.calls) == 2


def test_a_budget_holds_and_what_is_known_is_answered_all_the_same(provider: ProviderServer, tmp_path: Path) -> None:
    with serving(provider, tmp_path, max_calls=3, concurrency=1) as service:
        assert service.prefer("Which?", [SHORT, LONG])["failed"] == 0
        half = service.prefer("Else?", [SHORT, LONG])
        assert (half["failed"], half["rewards"]) == (1, [0.0, 1.0])
        refused = service.client.post("/v1/preferences", json={"prompt": "More?", "responses": [SHORT, LONG]})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "3600")
        assert "3 calls, of --max-calls 3" in refused.text
        assert service.prefer("Which?", [SHORT, LONG])["failed"] == 0
        assert service.client.get("/v1/health").status_code == 503
    assert len(provider.calls) == 3
    with serving(provider, tmp_path, max_calls=3) as service:
        assert service.prefer("More?", [SHORT, LONG])["failed"] == 2
    assert len(provider.calls) == 3


def test_costs_are_those_of_the_answer_and_unknown_ones_are_null(provider: ProviderServer, tmp_path: Path) -> None:
    with serving(provider, tmp_path, price="judge-1=1000/1000") as service:
        answer = service.prefer("Which?", [SHORT, LONG])
        spent = judge.open_run("s", runs=tmp_path / "runs").report.usd
        assert answer["usd"] == pytest.approx(float(spent or 0))
        assert answer["usd"] > 0
        assert "omr_judge_spent_usd" not in service.metrics()
    with serving(provider, tmp_path, price="judge-1=1000/1000", max_cost="100") as service:
        assert service.prefer("Which?", [SHORT, LONG])["usd"] == 0
        assert service.metrics()["omr_judge_spent_usd"] == pytest.approx(float(spent or 0))
    with serving(provider, tmp_path, name="t") as service:
        assert service.prefer("Which?", [SHORT, LONG])["usd"] is None


def test_a_full_disk_makes_503_and_the_run_stays_whole(
    provider: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(descriptor: int, content: bytes) -> int:
        if content.startswith(b'{"item"') and b'"question":"Full?"' in content:
            return write(descriptor, content[:20])
        return write(descriptor, content)

    with serving(provider, tmp_path) as service:
        service.prefer("Which?", [SHORT, LONG])
        with monkeypatch.context() as changed:
            changed.setattr("judge.service.book.os.write", full)
            refused = service.client.post("/v1/preferences", json={"prompt": "Full?", "responses": [SHORT, LONG]})
        assert (refused.status_code, "disk full" in refused.text) == (503, True)
        assert service.prefer("Full?", [SHORT, LONG])["rewards"] == [0.0, 1.0]
    assert judge.open_run("s", runs=tmp_path / "runs").report.n_items == 4


def test_more_than_may_wait_is_refused_with_a_time_to_come_back(tmp_path: Path) -> None:
    told = threading.Event()
    with (
        ProviderServer(lambda call: replace(longer_wins(call), after=told.is_set)) as server,
        serving(server, tmp_path, max_pending=4, concurrency=1) as service,
    ):
        service.prefer("Q1", [SHORT, LONG], deadline_s=0.05)
        service.prefer("Q2", [SHORT, LONG], deadline_s=0.05)
        refused = service.client.post("/v1/preferences", json={"prompt": "Q3", "responses": [SHORT, LONG]})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert service.metrics()["omr_judge_questions_pending"] == 4
        told.set()


def test_images_and_references_and_checklists_are_shown_and_an_image_is_sent_once(
    provider: ProviderServer, tmp_path: Path
) -> None:
    picture = written()
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    unit = {"id": "u1", "claim": "There is a fracture.", "importance": "core"}
    more = {
        "reference": "Because of the line.",
        "answer": "A",
        "options": {"A": "yes", "B": "no"},
        "checklist": {"perception": [unit]},
    }
    with serving(provider, tmp_path, prompt="pairwise-checklist.v1") as service:
        service.prefer("Is it?", [SHORT, LONG], images=[url], **more)
        call = provider.calls[-1]
        assert len(call.images) == 1
        assert all(text in call.user for text in ("Because of the line.", "There is a fracture.", "yes"))
        sha256 = re.findall(r"images/([0-9a-f]{64})", (tmp_path / "runs/s/pairs.jsonl").read_text())[0]
        n = len(provider.calls)
        service.prefer("Is it?", [SHORT, LONG], images=[sha256], **more)
        assert len(provider.calls) == n
        service.prefer("Is it?", [SHORT, LONG], images=[sha256], design="both", **more)
        assert len(provider.calls[-1].images) == 1
        message = [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "Is it?"}],
            }
        ]
        assert service.post("/v1/preferences", {"prompt": message, "responses": [SHORT, LONG], **more})["failed"] == 0
        assert len(provider.calls) == n + 2
    with serving(provider, tmp_path, prompt="pairwise-checklist.v1") as service:
        service.prefer("Is it?", [SHORT, LONG], images=[sha256], **more)
        assert len(provider.calls) == n + 2
    omr_judge("verify", "s", cwd=tmp_path)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"responses": []}, "there are 0"),
        ({"responses": ["x"]}, "one response alone cannot be compared"),
        ({"responses": "x"}, "Expected `array`"),
        ({"design": "any"}, "is no design"),
        ({"criteria": ["style"]}, "is none of the rubric"),
        ({"images": ["http://elsewhere/x.png"]}, "neither a data URL nor"),
        ({"images": ["data:image/png;base64,A"]}, "is not base64"),
        ({"images": ["data:image/png;base64,AAAA"]}, "images"),
        ({"images": ["0" * 64]}, "no image of this hash"),
        ({"checklist": {"style": []}}, "unknown group"),
        ({"answers": "x"}, "unknown field `answers`"),
        ({"prompt": 5}, "Expected"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    with ProviderServer(longer_wins) as server, serving(server, tmp_path) as service:
        refused = service.post("/v1/preferences", {"prompt": "Q", "responses": [SHORT, LONG], **changed}, 422)
        assert told in refused["error"] or "image" in refused["error"]
        assert not server.calls


def test_several_criteria_and_judges_make_one_reward_and_each_has_its_own(tmp_path: Path) -> None:
    def judge_(call: Call) -> Answer:
        first, second = map(len, traces_of(call))
        by_length, against = ("first", "second") if first > second else ("second", "first")
        criteria = dict.fromkeys(call.schema["properties"] if call.schema else [], by_length)
        return Answer(verdicts_for(call.schema or {}, criteria | {"knowledge": against, "rationale": "cannot_judge"}))

    with ProviderServer(judge_) as server:
        judges = [f"openai:{name}@{server.url}/v1" for name in ("judge-1", "judge-2")]
        with serving(server, tmp_path, rubric="openmedreason.v1", judge=judges) as service:
            answer = service.prefer("Which?", [SHORT, LONG])
            assert answer["rewards"] == [0.0, 1.0]
            assert answer["by_criterion"] == {
                "perception": [0.0, 1.0],
                "knowledge": [1.0, 0.0],
                "rationale": [None, None],
                "overall": [0.0, 1.0],
            }
            assert {pair["judge"] for pair in answer["pairs"]} == {"openai:judge-1", "openai:judge-2"}
            both = service.prefer("Which?", [SHORT, LONG], criteria=["perception", "knowledge"])
            assert (both["rewards"], list(both["by_criterion"])) == ([0.5, 0.5], ["perception", "knowledge"])
            assert service.prefer("Which?", [SHORT, LONG], criteria=["rationale"])["rewards"] == [None, None]
            assert service.post("/rerank", {"query": "Which?", "documents": [SHORT, LONG]})["model"] == ""


def test_an_uncertified_judge_is_not_served_where_a_certificate_is_required(tmp_path: Path) -> None:
    write_items(tmp_path, 12, images=False)
    with ProviderServer(scripted("text only")) as server:
        own: dict[str, Any] = {"judge": f"openai:m@{server.url}/v1", "rubric": "openmedreason.v1"}
        small = {"per_criterion": 6, "omissions": 0, "floor": 0.55, "name": "c", "runs": tmp_path / "runs"}
        options = made(CertifyOptions, {"target": str(tmp_path / "a.jsonl"), "quiet": True, **own, **small})
        assert certify(options, command=(), say=lambda _: None)[1].judges["openai:m"].word == "certified"
        required = own | {"require_certificate": True}
        named = required | {"certificate": tmp_path / "runs" / "c"}
        for name, given, told in (
            ("t", required, "the judge has no certificate .*name it with --certificate"),
            ("u", named | {"certificate": tmp_path / "runs"}, "no certificate here"),
            ("v", named | {"judge": f"openai:m2@{server.url}/v1"}, "Certificate: other judge"),
            ("w", named | {"rubric": "overall.v1"}, "Certificate: other judge"),
        ):
            with pytest.raises(InputError, match=told), serving(server, tmp_path, **given | {"name": name}):
                pass
        with serving(server, tmp_path, **named) as service:
            assert service.client.get("/v1/health").status_code == 200
            assert service.prefer("What does case 1 show?", [SHORT, LONG], design="both")["failed"] == 0
        with serving(server, tmp_path, **named):
            pass


# What each trainer sends, in the form that its code makes.


@pytest.fixture
def anchored(provider: ProviderServer, tmp_path: Path) -> Iterator[Service]:
    write_jsonl(tmp_path / "anchors.jsonl", [{"id": "q1", "question": "Which?", "trace": MIDDLE}])
    with serving(provider, tmp_path, anchors=tmp_path / "anchors.jsonl", listen={"cohort": 3}) as service:
        yield service


def test_openrlhf_gets_rewards_and_scores_for_one_sample_and_for_several(anchored: Service) -> None:
    body = {"query": [f"Which?{LONG}"], "prompts": ["Which?"], "labels": ["A"]}
    answer = anchored.post("/openrlhf", body)
    assert (answer["rewards"], answer["scores"]) == ([1.0], [1.0])
    assert answer["extra_logs"]["judge_failed"] == [0]
    several = {
        "query": [f"Q{SHORT}", f"Which?{SHORT}", f"Q{LONG}"],
        "prompts": ["Q", "Which?", "Q"],
        "labels": ["", "", ""],
    }
    assert anchored.post("/openrlhf", several)["rewards"] == [0.0, 0.0, 1.0]
    assert anchored.post("/openrlhf", {"query": [], "prompts": [], "labels": []})["rewards"] == []
    assert "equal length" in anchored.post("/openrlhf", body | {"labels": ["A", "B"]}, 422)["error"]
    assert (
        "no anchor is known" in anchored.post("/openrlhf", {"query": ["Else? x"], "prompts": ["Else?"]}, 422)["error"]
    )


def test_slime_gets_a_number_alone(anchored: Service) -> None:
    assert anchored.post("/slime", {"prompt": "Which?", "response": LONG, "label": "A"}) == 1.0
    chat = [{"role": "user", "content": "Which?"}]
    assert anchored.post("/slime", {"prompt": chat, "response": SHORT, "label": None}) == 0.0


def test_rerank_sorts_documents_by_their_rewards(anchored: Service) -> None:
    body = {"model": "m", "query": "Q", "documents": [SHORT, {"text": LONG}, MIDDLE], "top_n": 2}
    answer = anchored.post("/rerank", body)
    assert [(one["index"], one["relevance_score"]) for one in answer["results"]] == [(1, 1.0), (2, 0.5)]
    assert answer["results"][0]["document"] == {"text": LONG}
    assert len(anchored.post("/v1/rerank", body | {"top_n": 0})["results"]) == 3


def response(text: str) -> dict[str, Any]:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    return {
        "output": [thought, {"type": "message", "content": [{"type": "output_text", "text": text, "annotations": []}]}]
    }


def test_nemo_gym_gets_rewards_with_every_comparison(anchored: Service, provider: ProviderServer) -> None:
    history = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Q"},
    ]
    body = {
        "conversation_history": history,
        "response_objs": [response(SHORT), response(LONG)],
        "principle": "Be kind.",
    }
    answer = anchored.post("/compare", body)
    assert answer["rewards"] == [0.0, 1.0]
    assert answer["comparison_results"] == [
        {"response_i": 0, "response_j": 1, "judge_idx": 0, "score_1": 0.0, "score_2": 1.0, "ranking": 6.0},
        {"response_i": 1, "response_j": 0, "judge_idx": 0, "score_1": 1.0, "score_2": 0.0, "ranking": 1.0},
    ]
    assert answer["metrics"] == {"failed": 0.0, "n_comparisons": 2.0}
    assert "Be kind." in provider.calls[-1].user
    assert "assistant: Yes?" in provider.calls[-1].user


def test_nemo_gyms_rollouts_wait_for_their_group_and_a_repeat_finds_its_reward(anchored: Service) -> None:
    async def verify() -> list[Any]:
        async with httpx2.AsyncClient(base_url=anchored.url, trust_env=False, timeout=30) as client:
            bodies = [
                {
                    "responses_create_params": {"input": "Q"},
                    "response": response(text),
                    "_ng_task_index": 4,
                    "_ng_rollout_index": n,
                }
                for n, text in enumerate([MIDDLE, LONG, SHORT])
            ]
            came = await asyncio.gather(*(client.post("/verify", json=body) for body in [*bodies, bodies[0]]))
            again = await client.post("/verify", json=bodies[1])
            assert came[0].json()["responses_create_params"] == {"input": "Q"}
            return [one.json()["reward"] for one in (*came, again)]

    assert asyncio.run(verify()) == [0.5, 1.0, 0.0, 0.5, 1.0]


def test_trl_calls_the_function_and_gets_none_where_there_is_no_verdict(tmp_path: Path) -> None:
    def judge_(call: Call) -> Answer:
        return Answer("no verdict") if "Broken" in call.user else longer_wins(call)

    with ProviderServer(judge_) as server, serving(server, tmp_path) as service:
        service.prefer("warm", [SHORT, LONG])
        reward = rewards.trl(service.url, num_generations=2, step=lambda: 7)
        assert asyncio.iscoroutinefunction(reward)
        assert reward.__name__ == "preference_reward"
        prompts = [[{"role": "user", "content": text}] for text in ("Q", "Q", "Broken", "Broken")]
        completions = [[{"role": "assistant", "content": text}] for text in (SHORT, LONG, SHORT, LONG)]
        columns = {
            "completion_ids": [[1]] * 4,
            "trainer_state": None,
            "answer": ["A", "A", None, None],
            "level": [1] * 4,
        }
        found = asyncio.run(reward(prompts=prompts, completions=completions, **columns))
        assert found == [0.0, 1.0, None, None]
        alone = rewards.trl(service.url)
        assert asyncio.run(alone(["a", "a", "b", "b"], [SHORT, LONG, LONG, SHORT])) == [0.0, 1.0, 1.0, 0.0]
        with pytest.raises(rewards.NoRewardError, match="422"):
            asyncio.run(rewards.trl(service.url, design="none")(["a", "a"], [SHORT, LONG]))
    assert judge.open_run("s", runs=tmp_path / "runs").frame("items")["by_step"].drop_nulls().to_list() == ["7"] * 4


def test_verl_waits_for_a_verdict_and_never_gets_a_number_instead(
    anchored: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute_score = rewards.verl(anchored.url, deadline_s=30)
    found = asyncio.run(compute_score("set", LONG, "A", {"question": "Which?"}, reward_router_address=None))
    assert found == {"score": 1.0}
    own = {"id": "q9", "prompt": "Else?", "anchor": LONG}
    assert asyncio.run(compute_score(data_source="set", solution_str=SHORT, ground_truth="A", extra_info=own)) == {
        "score": 0.0
    }
    monkeypatch.setattr(rewards, "LONGEST_PAUSE", 0.1)
    with pytest.raises(rewards.NoRewardError, match=r"no verdict within 0\.5 s"):
        asyncio.run(rewards.verl("http://127.0.0.1:9", deadline_s=0.5)("set", LONG))


def test_verl_asks_again_until_the_judge_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("judge.service.book.AWAY_SECONDS", 0.3)
    away = itertools.chain([Answer(status=401)] * 2, itertools.repeat(None))
    with ProviderServer(lambda call: next(away) or longer_wins(call)) as server, serving(server, tmp_path) as service:
        info = {"prompt": "Q", "anchor": SHORT}
        assert asyncio.run(rewards.verl(service.url, deadline_s=30)("set", LONG, None, info)) == {"score": 1.0}


# Who may ask, and how much.


def test_only_who_bears_the_token_is_answered_and_only_under_the_services_own_name(
    provider: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REWARD_TOKEN", "s3cret")
    body = {"prompt": "Q", "responses": [SHORT, LONG]}
    with serving(provider, tmp_path, listen={"token_env": "REWARD_TOKEN"}) as service:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic s3cret"}):
            assert "token" in service.post("/v1/preferences", body, 401, **headers)["error"]
        assert service.client.get("/v1/metrics").status_code == 401
        assert service.client.get("/v1/health").text == "ok\n"
        assert not provider.calls
        service.post("/v1/preferences", body, authorization="bearer s3cret")
        reward = rewards.trl(service.url, token_env="REWARD_TOKEN")  # noqa: S106 - its variable
        assert asyncio.run(reward(["Q", "Q"], [SHORT, LONG])) == [0.0, 1.0]
        assert service.client.post("/v1/preferences", json=body, headers={"host": "evil.example"}).status_code == 400
        assert service.client.get("/v1/preferences").status_code == 405
        assert service.client.get("/").status_code == 404
        typed = service.client.post(
            "/v1/preferences",
            content=json.dumps(body),
            headers={"content-type": "text/plain", "authorization": "Bearer s3cret"},
        )
        assert typed.status_code == 415


def test_others_are_not_served_without_a_token(
    provider: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(InputError, match=r"--host 0\.0\.0\.0: whoever reaches it could spend your money"),
        serving(provider, tmp_path, listen={"host": "0.0.0.0"}),  # noqa: S104
    ):
        pass
    monkeypatch.delenv("REWARD_TOKEN", raising=False)
    with (
        pytest.raises(InputError, match="the variable is not set"),
        serving(provider, tmp_path, listen={"token_env": "REWARD_TOKEN"}),
    ):
        pass
    with serving(provider, tmp_path) as service:
        port = int(service.url.rpartition(":")[2])
        with (
            pytest.raises(InputError, match="cannot listen"),
            serving(provider, tmp_path, name="u", listen={"port": port}),
        ):
            pass
        with pytest.raises(RunInUseError, match="in use by process"), serving(provider, tmp_path):
            pass
    with pytest.raises(InputError, match="is no design"), serving(provider, tmp_path, design="x"):
        pass


async def _raw(service: Service, sent: bytes, *, wait: float) -> bytes:
    """Send bytes and return what comes within a time; b'' where the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
    writer.write(sent)
    try:
        return await asyncio.wait_for(reader.read(65536), wait)
    finally:
        writer.close()


def test_large_and_slow_requests_are_refused_and_the_service_lives(
    provider: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("judge.service.serve.HEAD_SECONDS", 0.3)
    monkeypatch.setattr("judge.service.protocol.BODY_SECONDS", 0.3)
    monkeypatch.setattr("judge.files.limits.Limits.record_bytes", 100_000)
    head = b"POST /v1/preferences HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    with serving(provider, tmp_path) as service:
        large = {"prompt": "x" * 200_000, "responses": [SHORT, LONG]}
        assert "larger than" in service.post("/v1/preferences", large, 413)["error"]
        chunked = service.client.post(
            "/v1/preferences", content=(b"x" * 50_000 for _ in range(4)), headers={"content-type": "application/json"}
        )
        assert chunked.status_code == 413
        many = {"prompt": "x", "responses": [""] * 20_000}
        assert service.client.post("/v1/preferences", json=many).status_code in {413, 422}
        assert (
            service.client.post(
                "/v1/preferences", content=b"{", headers={"content-type": "application/json"}
            ).status_code
            == 422
        )
        deep = b"[" * 50_000
        assert service.client.post(
            "/v1/preferences", content=deep, headers={"content-type": "application/json"}
        ).status_code in {413, 422}
        assert asyncio.run(_raw(service, b"", wait=10)) == b""  # says nothing
        assert asyncio.run(_raw(service, b"POST /v1/pref", wait=10)) == b""  # half a head
        assert b" 408 " in asyncio.run(_raw(service, head + b"content-length: 50\r\n\r\n{", wait=10))  # half a body
        assert b" 400 " in asyncio.run(_raw(service, b"nonsense\r\n\r\n", wait=10))
        assert b" 400 " in asyncio.run(_raw(service, head + b"x: " + b"y" * 100_000, wait=10))
        assert service.prefer("Q", [SHORT, LONG])["rewards"] == [0.0, 1.0]
        assert service.metrics()["omr_judge_bodies_bytes"] == 0


@pytest.mark.parametrize(("most", "n"), [(20, 50), pytest.param(1024, 2000, marks=pytest.mark.slow)])
def test_connections_too_many_are_refused_and_the_service_lives(
    most: int, n: int, provider: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("judge.service.serve.MOST_CONNECTIONS", most)
    monkeypatch.setattr("judge.service.serve.HEAD_SECONDS", 2.0)

    async def crowd(service: Service) -> int:
        port = int(service.url.rpartition(":")[2])
        opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(n)))
        said = await asyncio.gather(*(asyncio.wait_for(reader.read(100), 30) for reader, _ in opened))
        for _, writer in opened:
            writer.close()
        return sum(b" 503 " in one for one in said)

    with serving(provider, tmp_path) as service:
        assert asyncio.run(crowd(service)) >= n - most
        assert service.prefer("Q", [SHORT, LONG])["rewards"] == [0.0, 1.0]


@pytest.mark.parametrize("n_groups", [24, pytest.param(256, marks=pytest.mark.slow)])
def test_groups_that_come_at_once_are_answered_in_their_order_and_none_is_lost(n_groups: int, tmp_path: Path) -> None:
    answered: list[int] = []

    async def ask(client: httpx2.AsyncClient, number: int) -> None:
        await asyncio.sleep(number * 0.002)
        responses = ["x" * (k + 1) for k in range(8)]
        came = await client.post("/v1/preferences", json={"prompt": f"Q{number}", "responses": responses})
        answered.append(number)
        found = came.json()["rewards"]
        assert sorted(found) == found

    async def all_of_them(url: str) -> None:
        limits = httpx2.Limits(max_connections=300)
        async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=120, trust_env=False) as client:
            await asyncio.gather(*(ask(client, number) for number in range(n_groups)))

    with ProviderServer(longer_wins, delay=0.02) as server, serving(server, tmp_path, concurrency=32) as service:
        service.prefer("warm", [SHORT, LONG])
        asyncio.run(all_of_them(service.url))
    assert sorted(answered) == list(range(n_groups))
    # Those asked at once overlap on their way: the order holds but for neighbours.
    off = sum((place - number) ** 2 for place, number in enumerate(answered))
    assert 1 - 6 * off / (n_groups * (n_groups**2 - 1)) > 0.9  # Spearman's correlation


def started(server: ProviderServer, folder: Path, concurrency: int) -> tuple[Started, str]:
    """Start the command; return its process, and the service's URL."""
    command = ["serve", "--judge", f"openai:judge-1@{server.url}/v1", "--port", "0"]
    command += ["--rubric", "overall.v1", "--name", "s", "--concurrency", str(concurrency)]
    errors = folder / "stderr.txt"
    process = start(*command, cwd=folder, env={"OMR_JUDGE_API_KEY": "k"}, errors=errors)
    wait_until(lambda: "/v1/preferences" in errors.read_text() or process.poll() is not None)
    (line,) = (line for line in errors.read_text().splitlines() if "/v1/preferences" in line)
    return process, line.split("/v1/")[0]


def test_a_killed_service_invents_nothing_and_the_repeats_end_with_the_same_rewards(tmp_path: Path) -> None:
    held = 6
    bodies = [{"prompt": f"Q{n}", "responses": ["x" * (k + 1) for k in range(5)]} for n in range(3)]

    async def asked(url: str, *, dies: bool) -> list[Any]:
        async with httpx2.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
            came = await asyncio.gather(
                *(client.post("/v1/preferences", json=body) for body in bodies), return_exceptions=dies
            )
            return [one.json()["rewards"] for one in came if isinstance(one, httpx2.Response)]

    with ProviderServer(longer_wins, delay=0.2) as server:
        process, url = started(server, tmp_path, held)

        def kill() -> None:
            wait_until(lambda: len(server.calls) >= 2 * held)
            os.kill(process.pid, signal.SIGKILL)

        threading.Thread(target=kill).start()
        assert len(asyncio.run(asked(url, dies=True))) < len(bodies)
        process.wait()
        with serving(server, tmp_path, concurrency=held) as service:
            again = asyncio.run(asked(service.url, dies=False))
    assert again == [[0.0, 0.25, 0.5, 0.75, 1.0]] * 3
    prompts = [(*traces_of(call), call.user.split("<trace")[0]) for call in server.calls]
    assert len(server.calls) - len(set(prompts)) <= held
    assert RunFolder(tmp_path / "runs" / "s").manifest().n_items == 3 * 10
    omr_judge("verify", "s", cwd=tmp_path)


@pytest.mark.slow
def test_the_command_ends_in_peace_when_it_is_told_to(provider: ProviderServer, tmp_path: Path) -> None:
    process, url = started(provider, tmp_path, 6)
    answer = httpx2.post(f"{url}/v1/preferences", json={"prompt": "Q", "responses": [SHORT, LONG]}, trust_env=False)
    assert answer.json()["rewards"] == [0.0, 1.0]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


# The same in process.


def test_the_librarys_judge_answers_as_the_service_does(provider: ProviderServer, tmp_path: Path) -> None:
    given: dict[str, Any] = {"rubric": "overall.v1", "runs": tmp_path / "runs", "name": "s"}
    with judge.Judge(f"openai:judge-1@{provider.url}/v1", **given) as own:
        answer = own.prefer("Which?", [MIDDLE, SHORT, LONG], id="x")
        assert (answer.rewards, answer.id) == ([0.5, 0.0, 1.0], "x")
        with pytest.raises(InputError, match=r"request: .*unknown field"):
            own.prefer("Which?", [SHORT], colour="red")

    async def awaited() -> list[float | None]:
        async with judge.AsyncJudge(f"openai:judge-1@{provider.url}/v1", **given) as own:
            return (await own.prefer("Which?", [MIDDLE, SHORT, LONG])).rewards

    assert asyncio.run(awaited()) == [0.5, 0.0, 1.0]
    assert len(provider.calls) == 6
    with pytest.raises(TypeError, match="no option is called colour"):
        judge.Judge(colour="red")
    with pytest.raises(InputError), judge.Judge("nobody:x"):
        pass


def test_a_judge_without_budget_says_so(provider: ProviderServer, tmp_path: Path) -> None:
    given: dict[str, Any] = {"rubric": "overall.v1", "runs": tmp_path / "runs", "max_calls": 0}
    with judge.Judge(f"openai:judge-1@{provider.url}/v1", **given) as own:
        assert own.prefer("Which?", [SHORT, LONG]).failed == 2
        with pytest.raises(BusyError, match="budget reached"):
            own.prefer("Which?", [SHORT, LONG])
    assert not issubclass(BusyError, BudgetReachedError)
