"""What a run over a cluster makes of its shards; here Ray is calls in this process, in test_ray.py it is Ray."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cluster.test_ray import write_inputs
from provider_server import Answer, ProviderServer, content_judge

import judge
from judge.cluster import ray_run
from judge.cluster.leases import Grant
from judge.dispatch.budget import Budget
from judge.errors import BudgetReachedError, InputError, InterruptedRunError, RunError, RunInUseError
from judge.runs.run_folder import RunFolder


class Here:
    """The part of Ray that is used, each call made at once."""

    exceptions = SimpleNamespace(RayError=ConnectionError)

    def __init__(self) -> None:
        self.cancelled = 0
        self.breaks: BaseException | None = None

    def init(self, **_: object) -> None:
        pass

    def nodes(self) -> list[int]:
        return [1]

    def get_runtime_context(self) -> Any:  # noqa: ANN401
        return SimpleNamespace(get_node_id=lambda: "ab" * 28)

    def get(self, found: Any) -> Any:  # noqa: ANN401
        return [one.value for one in found] if isinstance(found, list) else found.value

    def wait(self, waiting: list[Any], **_: object) -> tuple[list[Any], list[Any]]:
        if self.breaks is not None:
            error, self.breaks = self.breaks, None
            raise error
        return waiting[:1], waiting[1:]

    def cancel(self, _: object) -> None:
        self.cancelled += 1

    def remote(self, target: Callable[..., Any]) -> Any:  # noqa: ANN401
        def made(*args: object) -> object:
            value = target(*args)
            if not isinstance(target, type):
                return Done(value)
            methods = [name for name in dir(value) if not name.startswith("_") and callable(getattr(value, name))]
            return SimpleNamespace(**{name: SimpleNamespace(remote=later(getattr(value, name))) for name in methods})

        task = SimpleNamespace(remote=made)
        task.options = lambda **_: task
        return task


class Done:
    """A reference to what a call returned."""

    def __init__(self, value: object) -> None:
        self.value = value


def later(call: Callable[..., object]) -> Callable[..., Done]:
    return lambda *args: Done(call(*args))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setenv("OMR_JUDGE_API_KEY", "key")
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    own = Here()
    monkeypatch.setattr(ray_run, "ray", own)
    return own


def test_the_merged_report_is_that_of_one_process_and_limits_hold_over_all_shards_and_sessions(here: Here) -> None:
    with ProviderServer(content_judge) as server:
        given: dict[str, Any] = {"judge": f"openai:judge-1@{server.url}/v1", "rubric": "overall.v1"}
        whole = judge.compare("a.jsonl", "b.jsonl", runs="one", **given)
        n = len(server.calls)
        given |= {"on": "ray", "shards": 3, "max_rpm": 60_000}
        for most in (10, 25):
            with pytest.raises(BudgetReachedError, match="by all shards together"):
                judge.compare("a.jsonl", "b.jsonl", max_calls=most, **given)
            assert len(server.calls) == n + most
        over = judge.compare("a.jsonl", "b.jsonl", max_cost="1", price="judge-1=1/1", **given)
        assert len(server.calls) == 2 * n
        costless = {"costs", "usd"}  # only one of them knows a price
        assert over.report.model_dump(exclude=costless) == whole.report.model_dump(exclude=costless)
        assert judge.compare("a.jsonl", "b.jsonl", **given).path == over.path
        assert len(server.calls) == 2 * n
    assert not here.cancelled


def test_records_in_memory_lie_where_every_node_sees_them(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    shard = ray_run.judge_shard

    def judged(options: Any, *rest: Any) -> ray_run.ShardEnd:  # noqa: ANN401
        seen.extend(Path("all").resolve().glob(".*/a.jsonl"))
        return shard(options, *rest)

    monkeypatch.setattr(ray_run, "judge_shard", judged)
    rows = [{"id": n, "question": f"Q{n}?", "trace": f"a {n}"} for n in range(4)]
    with ProviderServer(content_judge) as server:
        given: dict[str, Any] = {"judge": f"openai:judge-1@{server.url}/v1", "rubric": "overall.v1", "runs": "all"}
        run = judge.compare(rows, "b.jsonl", on="ray", shards=2, allow_missing=True, **given)
    assert run.report.n_items == 4
    assert len(seen) == 2
    assert [path.name for path in Path("all").iterdir() if path.name.startswith(".omr-judge-")] == []
    assert not here.cancelled


def test_an_error_of_a_shard_an_interrupt_and_a_broken_cluster_leave_what_was_judged(here: Here) -> None:
    answers = iter([Answer(status=401)])
    with ProviderServer(lambda call: next(answers, None) or content_judge(call)) as server:
        given: dict[str, Any] = {
            "judge": f"openai:judge-1@{server.url}/v1",
            "rubric": "overall.v1",
            "on": "ray",
            "shards": 2,
        }
        with pytest.raises(RunError, match=r"shard 1/2: .*the same command goes on"):
            judge.compare("a.jsonl", "b.jsonl", name="n", **given)
        for error, raised, told in (
            (KeyboardInterrupt(), InterruptedRunError, "the same command goes on"),
            (ConnectionError("gone"), RunError, "a shard cannot be judged: gone"),
        ):
            here.breaks = error
            with pytest.raises(raised, match=told):
                judge.compare("a.jsonl", "b.jsonl", name="n", **given)
        assert here.cancelled == 2
        n = len(server.calls)
        assert judge.compare("a.jsonl", "b.jsonl", name="n", **given).report.n_judgments == 48
        assert len(server.calls) == n
        with pytest.raises(InputError, match="there are only 24 items"):
            judge.compare("a.jsonl", "b.jsonl", name="m", **given | {"shards": 25})


def test_a_shard_waits_until_a_lost_nodes_task_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = iter([RunInUseError("in use"), RunInUseError("in use"), None])

    folder = RunFolder(Path("judged"))

    def judged(*_: object) -> RunFolder:
        if (error := next(tries)) is not None:
            raise error
        return folder

    monkeypatch.setattr(ray_run, "_judged_here", judged)
    monkeypatch.setattr("time.sleep", lambda _: None)
    options: Any = None
    assert ray_run._judged_in_turn(options, []) is folder  # noqa: SLF001 - our own
    monkeypatch.setattr(ray_run, "LOCK_SECONDS", -1.0)
    tries = iter([RunInUseError("in use")])
    with pytest.raises(RunInUseError):
        ray_run._judged_in_turn(options, [])  # noqa: SLF001


def test_a_lease_asks_again_only_after_a_while_where_nothing_was_granted(here: Here) -> None:
    asked = []

    def more(*args: object) -> Grant:
        asked.append(args)
        return Grant(2, Decimal(1))

    leases = SimpleNamespace(more=SimpleNamespace(remote=later(more)), share=SimpleNamespace(remote=later(lambda: 0.5)))
    lease, budget = ray_run.RayLease(leases, 3), Budget(max_calls=0, max_cost=Decimal(0))
    assert (lease.share(), lease.share()) == (0.5, 0.5)
    assert lease.more(budget)
    budget.n_in_flight = 1
    assert not lease.more(budget)
    assert not lease.more(budget)
    assert asked == [(3, 0, Decimal(0)), (3, 1, Decimal(0))]
    assert not here.cancelled
