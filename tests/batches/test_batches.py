from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from batch_server import Batch, BatchServer, End, Fault, Step
from command import omr_judge, read_jsonl, start, wait_until, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from provider_server import Answer, Call, ProviderServer, Script, content_judge

from judge.batches import collect, log
from judge.batches import submit as batching
from judge.batches.anthropic import AnthropicBatches
from judge.batches.base import PackLimits, packs
from judge.batches.openai import OpenAIBatches
from judge.comparison.compare import compare, resume
from judge.comparison.derive_report import save_report
from judge.dispatch.retry_policy import RetryPolicy
from judge.errors import BudgetReachedError, RunError, StopRunError
from judge.inputs.input_options import InputOptions
from judge.judging.command_options import CompareOptions
from judge.judging.options import JudgingOptions
from judge.runs.run_folder import RunFolder

N_ITEMS = 5
N_REQUESTS = 2 * N_ITEMS
BOTH = ("openai", "anthropic")
HASTY = RetryPolicy(attempts=4, timeout=5.0, first_wait=0.001, longest_wait=0.002)
PROVIDERS = pytest.mark.parametrize("provider", BOTH)


def write_inputs(folder: Path, n_items: int = N_ITEMS) -> None:
    for side in ("a", "b"):
        write_jsonl(
            folder / f"{side}.jsonl",
            [
                {"id": n, "question": f"Question {n}?", "trace": f"{side} thinks\u2028about {n}. " * (1 + n % 7)}
                for n in range(n_items)
            ],
        )


def judges_at(url: str, providers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{provider}:m@{url}{'/v1' if provider == 'openai' else ''}" for provider in providers)


class Runs:
    """Runs of one folder's traces against one server, in this process."""

    def __init__(self, folder: Path, server: ProviderServer | ServerProcess, *providers: str) -> None:
        write_inputs(folder)
        self.folder, self.server, self.providers = folder, server, providers or BOTH
        self.said: list[str] = []
        self.limits: dict[str, Any] = {}

    def judging(self, *, batch: bool) -> JudgingOptions:
        return JudgingOptions(policy=HASTY, quiet=True, batch=batch, poll=0.01, **self.limits)

    def compare(self, name: str = "batched", *, batch: bool = True, samples: int = 1, seed: int = 0) -> RunFolder:
        options = CompareOptions(
            inputs=InputOptions(str(self.folder / "a.jsonl"), str(self.folder / "b.jsonl")),
            judges=judges_at(self.server.url, self.providers),
            samples=samples,
            seed=seed,
            prices=("m=1/10",) if "max_cost" in self.limits else (),
            name=name,
            runs=self.folder / "runs",
            judging=self.judging(batch=batch),
        )
        return compare(options, command=["omr-judge"], say=self.said.append)

    def resume(self, name: str = "batched") -> RunFolder:
        folder = RunFolder(self.folder / "runs" / name)
        resume(folder, self.judging(batch=False), say=self.said.append)
        return folder

    @property
    def notes(self) -> str:
        return "\n".join(self.said)


def journal(folder: RunFolder) -> list[dict[str, Any]]:
    return read_jsonl(folder.judgments_path)


def stages(folder: RunFolder) -> list[str]:
    return [line["stage"] for line in read_jsonl(folder.batches_path)]


def report(folder: RunFolder) -> dict[str, Any]:
    """Return a run's report without how many replies came in batches, which alone may differ from direct calls'."""
    save_report(folder)
    told: dict[str, Any] = json.loads(folder.report_path.read_bytes())
    for cost in told["costs"].values():
        del cost["batched"]
    return told


def verdicts(folder: RunFolder) -> dict[str, Any]:
    """Return the verdicts by key; no request has two judgments."""
    read = {line["key"]: line["result"]["verdicts"] for line in journal(folder) if line["result"]["status"] == "judged"}
    assert len(read) == sum(line["result"]["status"] == "judged" for line in journal(folder))
    return read


Verdicts = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """Return what direct calls say of the same traces: verdicts by provider and key."""
    with ProviderServer(content_judge) as server:
        return {
            provider: verdicts(Runs(tmp_path_factory.mktemp(provider), server, provider).compare(batch=False))
            for provider in BOTH
        }


def failures(folder: RunFolder) -> Counter[str]:
    return Counter(line["result"].get("failure", "judged") for line in journal(folder))


def now_and_then(answer: Answer, *, times: int, every: int = 3) -> Script:
    """Answer every third distinct request otherwise the first times it comes."""
    seen: Counter[bytes] = Counter()

    def script(call: Call) -> Answer:
        seen[call.fingerprint] += 1
        chosen = list(seen).index(call.fingerprint) % every == 0
        return answer if chosen and seen[call.fingerprint] <= times else content_judge(call)

    return script


# Packing


@given(
    sizes=st.lists(st.integers(1, 50)),
    requests=st.integers(1, 7),
    size=st.integers(50, 120),
)
def test_packs_keep_order_lose_nothing_and_stay_within_both_limits(sizes: list[int], requests: int, size: int) -> None:
    limits = PackLimits(requests, size)
    packed = [list(pack) for pack in packs(enumerate(sizes), size_of=lambda part: part[1], limits=limits)]
    assert [part for pack in packed for part in pack] == list(enumerate(sizes))
    for pack, following in zip_longest(packed, packed[1:]):
        assert 1 <= len(pack) <= requests
        filled = sum(part[1] for part in pack)
        assert filled <= size
        if following is not None:
            assert len(pack) == requests or filled + following[0][1] > size, "a pack that is not full is wasted"


def test_a_part_that_no_pack_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="9 bytes fits into no pack of 8"):
        list(packs([9], size_of=int, limits=PackLimits(1, 8)))


def test_packs_are_drawn_lazily_one_part_ahead() -> None:
    drawn: list[int] = []

    def parts() -> Iterator[int]:
        for number in range(100):
            drawn.append(number)
            yield 1

    for number, pack in enumerate(packs(parts(), size_of=int, limits=PackLimits(10, 1000)), start=1):
        assert len(list(pack)) == 10
        assert len(drawn) <= 10 * number + 1


# What a batch run is


def test_a_panel_in_batches_reports_what_direct_calls_report(tmp_path: Path) -> None:
    with BatchServer(content_judge, polls=2) as server:
        runs = Runs(tmp_path, server)
        direct = runs.compare("direct", batch=False)
        n_direct = len(server.calls)
        batched = runs.compare("batched")
        runs.compare("batched")
    assert report(batched) == report(direct)
    assert (n_direct, len(server.calls)) == (2 * N_REQUESTS, 4 * N_REQUESTS)
    assert [len(batch.calls) for batch in server.batches] == [N_REQUESTS, N_REQUESTS]
    assert {batch.provider for batch in server.batches} == set(BOTH)
    lines = journal(batched)
    assert sorted(line["key"] for line in lines) == sorted(line["key"] for line in journal(direct))
    assert all(line["reply"].get("batched") for line in lines)
    assert not any(line["reply"].get("batched") for line in journal(direct))
    assert sorted(stages(batched)) == sorted(["submitting", "submitted", "folded"] * 2)
    assert not direct.batches_path.exists()
    assert not list((batched.path / "batches").glob("*.body"))
    assert f" of {N_REQUESTS} requests: 0 answered, 0 not" in runs.notes
    assert f"ended, {N_REQUESTS} answered, 0 not" in runs.notes


@PROVIDERS
@pytest.mark.parametrize(("limits", "sizes"), [(PackLimits(4, 10**6), [4, 4, 2]), (PackLimits(10**5, 30_000), None)])
def test_a_run_larger_than_a_batch_is_submitted_in_several(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    limits: PackLimits,
    sizes: list[int] | None,
    direct: Verdicts,
) -> None:
    monkeypatch.setattr(OpenAIBatches, "limits", limits)
    monkeypatch.setattr(AnthropicBatches, "limits", limits)
    with BatchServer(content_judge) as server:
        batched = Runs(tmp_path, server, provider).compare()
    made = [len(batch.calls) for batch in server.batches]
    assert sum(made) == N_REQUESTS
    assert made == sizes or (sizes is None and len(made) > 1)
    assert verdicts(batched) == direct[provider]


@PROVIDERS
def test_a_request_that_no_batch_can_hold_fails_alone_and_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, provider)
        write_jsonl(
            tmp_path / "a.jsonl",
            [{"id": n, "question": "?", "trace": "x" * (1 + 10**5 * (n == 2))} for n in range(N_ITEMS)],
        )
        write_jsonl(tmp_path / "b.jsonl", [{"id": n, "question": "?", "trace": "yy"} for n in range(N_ITEMS)])
        for judge in (OpenAIBatches, AnthropicBatches):
            monkeypatch.setattr(judge, "limits", PackLimits(100, 10**5))
        folder = runs.compare()
    assert failures(folder) == {"too_long": 2, "judged": N_REQUESTS - 2}
    assert {line["item"] for line in journal(folder) if line["result"]["status"] == "failed"} == {"2"}


def test_a_run_begun_in_batches_goes_on_in_batches_by_itself(tmp_path: Path, direct: Verdicts) -> None:
    with BatchServer(now_and_then(Answer("no verdict"), times=1)) as server:
        runs = Runs(tmp_path, server, "openai")
        first = runs.compare()
        assert failures(first) == {"unparsed": 4, "judged": N_REQUESTS - 4}
        runs.resume()
    assert [len(batch.calls) for batch in server.batches] == [N_REQUESTS, 4]
    assert verdicts(first) == direct["openai"]


@pytest.mark.slow
def test_judges_without_batches_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.gguf"
    weights.write_bytes(b"GGUF")
    write_inputs(tmp_path)
    told = omr_judge(
        *("compare", "a.jsonl", "b.jsonl", "--batch", "--judge", f"local:{weights}", "--judge", "openai:m@http://x/v1"),
        cwd=tmp_path,
        code=3,
    )
    assert "--batch: local:tiny takes no batches (leave --batch out, or name only openai: and anthropic:" in told.stderr
    assert not (tmp_path / "runs").exists()


# Budgets, and what came is what was asked


@PROVIDERS
def test_no_more_is_submitted_than_calls_are_allowed(tmp_path: Path, provider: str, direct: Verdicts) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, provider)
        runs.limits = {"max_calls": 4}
        with pytest.raises(BudgetReachedError, match="budget reached: 4 calls, of --max-calls 4"):
            runs.compare()
        runs.limits = {"max_calls": 7}
        with pytest.raises(BudgetReachedError, match="of --max-calls 7"):
            runs.resume()
        assert [len(batch.calls) for batch in server.batches] == [4, 3]
        runs.limits = {}
        folder = runs.resume()
    assert [len(batch.calls) for batch in server.batches] == [4, 3, 3]
    assert verdicts(folder) == direct[provider]


@PROVIDERS
def test_no_more_is_submitted_than_dollars_are_expected_to_pay_for(tmp_path: Path, provider: str) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, provider)
        runs.limits = {"max_cost": Decimal("0.02")}
        with pytest.raises(BudgetReachedError, match=r"spent, of --max-cost 0.02: the next call may exceed it"):
            runs.compare()
    assert [len(batch.calls) for batch in server.batches] == [2]
    assert failures(RunFolder(tmp_path / "runs/batched")) == {"judged": 2}


def test_requests_that_cost_nothing_make_room_for_others(tmp_path: Path) -> None:
    with BatchServer(now_and_then(Answer(status=500), times=1)) as server:
        runs = Runs(tmp_path, server, "openai")
        runs.limits = {"max_calls": 6}
        with pytest.raises(BudgetReachedError, match="6 calls, of --max-calls 6"):
            runs.compare()
    assert [len(batch.calls) for batch in server.batches] == [6, 2]
    assert failures(RunFolder(tmp_path / "runs/batched")) == {"judged": 6}


def test_what_is_in_a_batch_counts_before_more_is_submitted(tmp_path: Path) -> None:
    with BatchServer(content_judge, faults={"retrieve": ["401"]}) as server:
        runs = Runs(tmp_path, server, "openai")
        runs.limits = {"max_calls": 4}
        with pytest.raises(StopRunError):
            runs.compare()
        with pytest.raises(BudgetReachedError):
            runs.resume()
    assert [len(batch.calls) for batch in server.batches] == [4]
    assert failures(RunFolder(tmp_path / "runs/batched")) == {"judged": 4}


OTHER = ({"model": "other-9b"}, "other_model", "the reply names the model 'other-9b', asked was 'm'")
CUT = ("too_long", "it cuts long prompts")


@pytest.mark.parametrize(
    ("provider", "more", "kind", "words"),
    [
        ("openai", *OTHER),
        ("anthropic", *OTHER),
        ("openai", {"usage": {"prompt_tokens": 2, "completion_tokens": 1}}, *CUT),
        ("anthropic", {"usage": {"input_tokens": 2, "output_tokens": 1}}, *CUT),
        ("openai", {"choices": []}, "unusable", "the reply holds 0 choices"),
        ("anthropic", {"content": None}, "unusable", "the reply holds no content"),
        ("openai", {"error": {"message": "upstream is gone"}}, "unusable", "upstream is gone"),
    ],
)
def test_replies_of_batches_are_checked_as_those_of_direct_calls(
    tmp_path: Path, provider: str, more: dict[str, Any], kind: str, words: str
) -> None:
    def script(call: Call) -> Answer:
        answer = content_judge(call)
        return replace(answer, more=more) if "Question 3?" in call.user else answer

    with BatchServer(script) as server:
        folder = Runs(tmp_path, server, provider).compare()
    assert failures(folder) == {kind: 2, "judged": N_REQUESTS - 2}
    assert all(words in line["result"].get("detail", words) for line in journal(folder))
    assert all(line["reply"]["batched"] for line in journal(folder))


# Requests that get no verdict


@PROVIDERS
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(fault="hang"), ("expire", "window expired")),
        (Answer(status=500), ("scripted status 500",)),
        (Answer(status=429), ("scripted status 429",)),
        (Answer(fault="garbage"), ("ended without a result",)),
        (Answer(fault="reset"), ("ended without a result",)),
    ],
)
def test_requests_that_got_no_reply_are_submitted_again(
    tmp_path: Path, provider: str, answer: Answer, problem: tuple[str, ...], direct: Verdicts
) -> None:
    with BatchServer(now_and_then(answer, times=2)) as server:
        runs = Runs(tmp_path, server, provider)
        folder = runs.compare()
    assert [len(batch.calls) for batch in server.batches] == [N_REQUESTS, 4, 4]
    assert verdicts(folder) == direct[provider]
    attempts = [line["attempts"] for line in journal(folder) if "attempts" in line]
    assert [len(each) for each in attempts] == [2] * 4
    assert all(any(word in attempt["problem"] for word in problem) for each in attempts for attempt in each)
    # A line that cannot be read may have been a reply, and was paid for then.
    is_unreadable = answer.fault == "garbage"
    assert {attempt.get("maybe_paid", False) for each in attempts for attempt in each} == {is_unreadable}
    assert [cost.get("lost", 0) for cost in report(folder)["costs"].values()] == [8 if is_unreadable else 0]


def test_an_error_in_place_of_a_reply_in_a_batch_is_asked_again_and_counted_as_maybe_paid(tmp_path: Path) -> None:
    error = {"choices": [], "error": {"code": 503, "message": "the upstream is overloaded"}}
    with BatchServer(now_and_then(Answer(more=error), times=3)) as server:
        folder = Runs(tmp_path, server, "openai").compare()
    assert [len(batch.calls) for batch in server.batches] == [N_REQUESTS, 4, 4]
    assert failures(folder) == {"transport": 4, "judged": N_REQUESTS - 4}
    failed = [line for line in journal(folder) if "failure" in line["result"]]
    assert all("the upstream is overloaded" in line["result"]["detail"] for line in failed)
    assert [(line["result"]["maybe_paid"], *(one["maybe_paid"] for one in line["attempts"])) for line in failed] == [
        (True, True, True)
    ] * 4
    assert report(folder)["costs"]["openai:m"]["lost"] == 12


def test_a_batch_is_asked_in_the_forms_that_direct_calls_of_the_run_have_learnt(tmp_path: Path) -> None:
    def script(call: Call) -> Answer:
        if call.body["messages"][0]["role"] == "system":
            return Answer(status=400, error={"message": "the system role is not supported"})
        return content_judge(call)

    with BatchServer(script) as server:
        runs = Runs(tmp_path, server, "openai")
        runs.limits = {"max_calls": 1}
        with pytest.raises(BudgetReachedError):
            runs.compare(batch=False)
        runs.limits = {}
        folder = runs.compare()
    assert len(server.batches) == 1
    assert failures(folder) == {"judged": N_REQUESTS}


@PROVIDERS
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(fault="hang"), "timeout"),
        (Answer(status=500), "transport"),
        (Answer(status=429), "rate_limit"),
        (Answer(fault="reset"), "transport"),
    ],
)
def test_requests_that_never_get_a_reply_fail_by_their_kind_after_three_rounds_and_resume_asks_them_again(
    tmp_path: Path, provider: str, answer: Answer, kind: str, direct: Verdicts
) -> None:
    with BatchServer(now_and_then(answer, times=3)) as server:
        runs = Runs(tmp_path, server, provider)
        folder = runs.compare()
        assert [len(batch.calls) for batch in server.batches] == [N_REQUESTS, 4, 4]
        assert failures(folder) == {kind: 4, "judged": N_REQUESTS - 4}
        assert [len(line["attempts"]) for line in journal(folder) if "failure" in line["result"]] == [2] * 4
        runs.resume()
        assert [len(batch.calls) for batch in server.batches][3:] == [4]
        assert verdicts(folder) == direct[provider]


@PROVIDERS
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(stop="refusal"), "refused"),
        (Answer('{"knowledge": ', stop="length"), "truncated"),
        (Answer("I like both."), "unparsed"),
        (Answer(status=400, error={"message": "Invalid 'x'."}), "rejected"),
        (Answer(status=413, error={"type": "request_too_large"}), "too_long"),
    ],
)
def test_failures_that_asking_again_would_not_mend_are_recorded_as_with_direct_calls(
    tmp_path: Path, provider: str, answer: Answer, kind: str
) -> None:
    with BatchServer(now_and_then(answer, times=9)) as server:
        runs = Runs(tmp_path, server, provider)
        folder = runs.compare()
    assert len(server.batches) == 1
    assert failures(folder) == {kind: 4, "judged": N_REQUESTS - 4}


@PROVIDERS
@pytest.mark.parametrize(
    "answer",
    [Answer(status=401), Answer(status=429, error={"code": "insufficient_quota", "type": "insufficient_quota"})],
)
def test_a_result_that_says_every_further_call_would_fail_stops_the_run_and_keeps_the_others(
    tmp_path: Path, provider: str, answer: Answer, direct: Verdicts
) -> None:
    with BatchServer(now_and_then(answer, times=1)) as server:
        runs = Runs(tmp_path, server, provider)
        with pytest.raises(StopRunError, match=r"resume .*batched` picks the submitted batches up"):
            runs.compare()
        folder = RunFolder(tmp_path / "runs" / "batched")
        assert failures(folder) == {"judged": N_REQUESTS - 4}
        runs.resume()
        assert verdicts(folder) == direct[provider]
    assert [len(batch.calls) for batch in server.batches] == [N_REQUESTS, 4]


# Batches that end otherwise


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_what_an_expired_or_cancelled_batch_did_answer_counts_and_the_rest_is_asked_again(
    tmp_path: Path, end: End
) -> None:
    with BatchServer(content_judge, end=end) as server:
        folder = Runs(tmp_path, server, "openai").compare()
    assert [len(batch.calls) for batch in server.batches] == [10, 5, 2]
    assert failures(folder) == {"judged": 9, "timeout": 1}


def test_a_batch_that_is_refused_as_a_whole_stops_the_run_in_words_and_can_be_submitted_again(tmp_path: Path) -> None:
    with BatchServer(content_judge, end="failed") as server:
        runs = Runs(tmp_path, server, "openai")
        with pytest.raises(
            StopRunError, match=r"has no results: This line is not JSON\. \(invalid_json_line, line 3\)"
        ):
            runs.compare()
        server.end = "completed"
        folder = runs.resume()
    assert failures(folder) == {"judged": N_REQUESTS}
    assert stages(folder) == ["submitting", "submitted", "dropped", "submitting", "submitted", "folded"]


def test_results_that_are_no_longer_kept_stop_the_run_before_anything_is_paid_twice(tmp_path: Path) -> None:
    stopped = pytest.raises(StopRunError, match="its results are no longer kept")
    with BatchServer(content_judge, end="archived") as server, stopped:
        Runs(tmp_path, server, "anthropic").compare()
    assert len(server.batches) == 1


@PROVIDERS
def test_a_batch_that_the_provider_no_longer_knows_is_not_paid_again_without_a_persons_word(
    tmp_path: Path, provider: str
) -> None:
    with BatchServer(content_judge, faults={"retrieve": ["404", "404"]}) as server:
        runs = Runs(tmp_path, server, provider)
        for _ in range(2):
            with pytest.raises(StopRunError, match=r"take its lines out of .*batches\.jsonl"):
                runs.compare()
        assert len(server.batches) == 1
        RunFolder(tmp_path / "runs" / "batched").batches_path.write_bytes(b"")
        folder = runs.compare()
    assert len(server.batches) == 2
    assert failures(folder) == {"judged": N_REQUESTS}


def test_results_of_no_request_or_twice_are_ignored_with_a_warning(tmp_path: Path) -> None:
    with BatchServer(content_judge) as server:
        answer_all = server._answer_all  # noqa: SLF001 - our own server

        def with_strangers(batch: Batch) -> None:
            answer_all(batch)
            line = batch.lines["output"][0]
            key = json.loads(line)["custom_id"].encode()
            batch.lines["output"] += [line, line.replace(key, b"f" * 32), b"\n"]

        server._answer_all = with_strangers  # type: ignore[method-assign]  # noqa: SLF001
        runs = Runs(tmp_path, server, "anthropic")
        folder = runs.compare()
    assert "Warning: batch batch-0: 2 results of no request in it, or twice" in runs.notes
    assert failures(folder) == {"judged": N_REQUESTS}


# Faults of the calls about batches


@PROVIDERS
@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("upload", "500"),
        ("upload", "429"),
        ("upload", "garbage"),
        ("create", "500"),
        ("create", "429"),
        ("create", "lost"),
        ("retrieve", "500"),
        ("retrieve", "garbage"),
        ("results", "500"),
        ("results", "cut"),
    ],
)
def test_faults_in_passing_of_any_call_lose_nothing_and_submit_nothing_twice(
    tmp_path: Path, provider: str, step: Step, fault: Fault, direct: Verdicts
) -> None:
    with BatchServer(content_judge, faults={step: [fault, fault] if fault != "lost" else [fault]}) as server:
        runs = Runs(tmp_path, server, provider)
        folder = runs.compare()
        assert len(server.batches) == 1
        assert verdicts(folder) == direct[provider]
    assert len({line["key"] for line in journal(folder)}) == len(journal(folder)) == N_REQUESTS


@PROVIDERS
@pytest.mark.parametrize("step", ["upload", "create", "retrieve", "results"])
@pytest.mark.parametrize("fault", ["401", "500"])
def test_a_step_that_stays_failed_stops_the_run_which_resumes_without_a_second_submission(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    step: Step,
    fault: Fault,
    direct: Verdicts,
) -> None:
    monkeypatch.setattr(batching, "SILENT_POLLS", 0)
    times = 1 if fault == "401" else HASTY.attempts
    with BatchServer(content_judge, faults={step: [fault] * times}) as server:
        runs = Runs(tmp_path, server, provider)
        if (provider, step) == ("anthropic", "upload"):
            return  # its requests go with the call that creates the batch
        with pytest.raises(StopRunError, match=rf"{provider}:m: .*{fault}.*picks the submitted batches up"):
            runs.compare()
        folder = runs.resume()
        assert len(server.batches) == 1
        assert verdicts(folder) == direct[provider]


@PROVIDERS
def test_a_provider_that_cannot_be_reached_for_a_while_is_looked_for_again(
    tmp_path: Path, provider: str, direct: Verdicts
) -> None:
    with BatchServer(content_judge, faults={"retrieve": ["500"] * (5 * HASTY.attempts)}) as server:
        runs = Runs(tmp_path, server, provider)
        assert verdicts(runs.compare()) == direct[provider]
        assert len(server.batches) == 1
    (note,) = (note for note in runs.said if "looked at again" in note)
    assert "500" in note
    assert note.endswith("; it is looked at again every 0.01 s")


def test_one_judges_stop_leaves_the_other_judges_batch_to_be_picked_up(tmp_path: Path) -> None:
    with BatchServer(content_judge, polls=3) as server:
        runs = Runs(tmp_path, server)
        server._faults["upload"] = ["401"]  # noqa: SLF001 - our own server
        with pytest.raises(StopRunError, match="openai:m: a batch of 10 requests cannot be uploaded: 401"):
            runs.compare()
        folder = runs.resume()
        assert report(folder) == report(runs.compare("direct", batch=False))
    assert Counter(batch.provider for batch in server.batches) == {"openai": 1, "anthropic": 1}


# Crashes


class ServerProcess:
    """The batch server as a process of its own, which outlives the killed command."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def counts(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/batches", timeout=30) as reply:  # noqa: S310 - our own server
            found: dict[str, int] = json.load(reply)
            return found


def serve(folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], ServerProcess]:
    port_file = folder / "port"
    program = Path(__file__).parents[1] / "batch_server.py"
    process = subprocess.Popen([sys.executable, str(program), "--port-file", str(port_file), *options])
    wait_until(port_file.exists)
    return process, ServerProcess(int(port_file.read_text()))


def command(url: str, name: str, *options: str, providers: tuple[str, ...] = BOTH) -> tuple[str, ...]:
    named = [word for judge in judges_at(url, providers) for word in ("--judge", judge)]
    return ("compare", "a.jsonl", "b.jsonl", *named, "--name", name, *options)


def killed_and_resumed_equals_direct(folder: Path, n_batches: int, *options: str) -> str:
    """Kill a run once the server has its batches and resume it; return what the resumed run told."""
    write_inputs(folder)
    process, server = serve(folder, *options)
    log = folder / "runs" / "batched" / "batches.jsonl"
    with process:
        try:
            with start(*command(server.url, "batched", "--batch", "--poll", "600"), cwd=folder) as killed:
                wait_until(lambda: server.counts()["batches"] == n_batches)
                if not options:
                    wait_until(lambda: log.read_text().count('"submitted"') == n_batches)
                killed.kill()
            assert server.counts()["requests"] == n_batches * N_REQUESTS
            told = omr_judge("resume", "batched", "--poll", "0.05", cwd=folder).stderr
            assert server.counts()["batches"] == n_batches, "something was submitted twice"
            assert server.counts()["requests"] == n_batches * N_REQUESTS
            Runs(folder, server, *BOTH).compare("direct", batch=False)
        finally:
            process.kill()
    batched, direct = (report(RunFolder(folder / "runs" / name)) for name in ("batched", "direct"))
    assert batched == direct
    return told


@pytest.mark.slow
def test_a_run_killed_between_submission_and_results_picks_its_batches_up(tmp_path: Path) -> None:
    told = killed_and_resumed_equals_direct(tmp_path, 2)
    assert "is submitted" not in told
    assert "ended, 10 answered, 0 not" in told


@pytest.mark.slow
def test_a_run_killed_between_acceptance_and_our_record_of_it_finds_its_batches(tmp_path: Path) -> None:
    told = killed_and_resumed_equals_direct(tmp_path, 2, "--hang-creates", "2")
    assert told.count("requests that was cut off while it was submitted is found: batch-") == 2


def test_ctrl_c_while_waiting_ends_at_once_and_tells_how_to_go_on(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    with BatchServer(content_judge, polls=None) as server:
        waiting = command(server.url, "batched", "--batch", "--poll", "600", providers=("openai",))
        with start(*waiting, cwd=tmp_path) as stopped:
            wait_until(lambda: server.steps["retrieve"] == 1)
            stopped.send_signal(signal.SIGINT)
            assert stopped.wait(timeout=60) == 130
    told = (tmp_path / "stderr.txt").read_text()
    assert "interrupted; what was judged is kept, and `omr-judge resume runs/batched` picks the submitted batch" in told
    assert "Traceback" not in told


def forget(folder: RunFolder, *, n_lines: int, n_judgments: int = 0) -> None:
    """Make a run's files those of a process that was killed while it wrote the next line of its log."""
    log, judgments = folder.batches_path, folder.judgments_path
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:n_lines]) + b'{"batch": "torn')
    judgments.write_bytes(b"".join(judgments.read_bytes().splitlines(keepends=True)[:n_judgments]))


@PROVIDERS
def test_a_batch_cut_off_while_submitted_is_told_from_others_of_the_same_size(
    tmp_path: Path, provider: str, direct: Verdicts
) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, provider)
        folder = runs.compare()
        forget(folder, n_lines=1)
        runs.compare("other", seed=1)
        runs.compare("larger", seed=2, samples=2)
        runs.resume()
        assert [len(batch.calls) for batch in server.batches] == [N_REQUESTS, N_REQUESTS, 2 * N_REQUESTS]
        assert verdicts(folder) == direct[provider]
    assert "cut off while it was submitted is found: batch-0" in runs.notes
    assert len(journal(folder)) == N_REQUESTS


@PROVIDERS
def test_a_batch_that_was_never_accepted_is_submitted_again(tmp_path: Path, provider: str, direct: Verdicts) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, provider)
        folder = runs.compare()
        forget(folder, n_lines=1)
        server.batches.clear()
        runs.resume()
        assert len(server.batches) == 1
        assert verdicts(folder) == direct[provider]
    assert "is not with the provider: it is submitted again" in runs.notes
    assert stages(folder) == ["submitting", "dropped", "submitting", "submitted", "folded"]
    assert [len(line["attempts"]) for line in journal(folder)] == [1] * N_REQUESTS


def test_where_it_cannot_be_told_how_many_calls_may_be_paid_twice_is_said(tmp_path: Path) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, "anthropic")
        folder = runs.compare()
        forget(folder, n_lines=1)
        server.end = "archived"
        with pytest.raises(StopRunError):
            runs.resume()
    assert (
        "Warning: anthropic:m: a batch of 10 requests that was cut off while it was submitted may be batch-0"
        in runs.notes
    )
    assert "up to 10 calls may have been paid twice" in runs.notes
    assert stages(folder) == ["submitting", "dropped", "submitting", "submitted", "dropped"]


def test_a_batch_that_was_accepted_twice_is_said_to_be_paid_twice(tmp_path: Path) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, "anthropic")
        folder = runs.compare()
        forget(folder, n_lines=1)
        server.batches.append(replace(server.batches[0], id="batch-again"))
        runs.resume()
    assert "Warning: anthropic:m: 10 calls were paid twice: batch-again, batch-0 are the same" in runs.notes
    assert failures(folder) == {"judged": N_REQUESTS}


class Ahead(datetime):
    """A clock that is two days ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Ahead:
        return super().now(tz) + timedelta(days=2)


@PROVIDERS
def test_a_batch_cut_off_while_the_clock_was_ahead_is_found(
    tmp_path: Path, provider: str, direct: Verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, provider)
        runs.compare("other", seed=1)
        with monkeypatch.context() as clock:
            clock.setattr(log, "datetime", Ahead)
            folder = runs.compare()
        forget(folder, n_lines=1)
        runs.resume()
        assert len(server.batches) == 2
    assert "cut off while it was submitted is found: batch-1" in runs.notes
    assert verdicts(folder) == direct[provider]


@PROVIDERS
def test_results_are_taken_in_and_once_though_the_clock_was_put_back_before_their_batch(
    tmp_path: Path, provider: str, direct: Verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BatchServer(now_and_then(Answer("no verdict"), times=1)) as server:
        runs = Runs(tmp_path, server, provider)
        with monkeypatch.context() as clock:
            clock.setattr(collect, "datetime", Ahead)
            folder = runs.compare()
        assert failures(folder) == {"unparsed": 4, "judged": N_REQUESTS - 4}
        lines = folder.judgments_path.read_bytes().splitlines(keepends=True)
        runs.resume()
        forget(folder, n_lines=5)
        folder.judgments_path.write_bytes(b"".join(lines))
        runs.resume()
        assert [len(batch.calls) for batch in server.batches] == [N_REQUESTS, 4]
    assert verdicts(folder) == direct[provider]


@PROVIDERS
def test_a_run_killed_while_it_folds_records_no_result_twice(tmp_path: Path, provider: str) -> None:
    with BatchServer(now_and_then(Answer("neither", stop="length"), times=9)) as server:
        runs = Runs(tmp_path, server, provider)
        folder = runs.compare()
        whole = report(folder)
        assert len({line["result"]["status"] for line in journal(folder)[:7]}) == 2
        forget(folder, n_lines=2, n_judgments=7)
        runs.resume()
    assert len(server.batches) == 1
    assert report(folder) == whole
    assert len({line["key"] for line in journal(folder)}) == len(journal(folder)) == N_REQUESTS


@pytest.mark.parametrize("name", ["batches.jsonl", "members"])
def test_a_damaged_record_of_batches_is_named_and_nothing_is_submitted(tmp_path: Path, name: str) -> None:
    with BatchServer(content_judge) as server:
        runs = Runs(tmp_path, server, "openai")
        folder = runs.compare()
        forget(folder, n_lines=2)
        if name == "members":
            (members,) = (folder.path / "batches").iterdir()
            members.write_text("{}\n")
            name = members.name
        else:
            folder.batches_path.write_text("{}\n")
        with pytest.raises(RunError, match=name):
            runs.resume()
    assert len(server.batches) == 1
