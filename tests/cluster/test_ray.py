"""A comparison over a Ray cluster is that of one process, byte for byte, also when a node is lost in mid-run."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.test_vllm import STAND_IN
from command import omr_judge, wait_until, write_jsonl
from provider_server import ProviderServer, content_judge

import judge
from judge.errors import BudgetReachedError, InputError
from judge.runs.run_folder import RunFolder

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own
N_ITEMS = 24


def write_inputs(folder: Path) -> None:
    for side in ("a", "b"):
        rows = [
            {"id": n, "question": f"Q{n}?", "trace": f"{side} thinks of {n}. " * (1 + n % 5)} for n in range(N_ITEMS)
        ]
        write_jsonl(folder / f"{side}.jsonl", rows)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--on", "slurm"], "is no cluster"),
        (["--serve-judge", "vllm:m"], "add --on ray"),
        (["--gpus", "1"], "add --on ray"),
        (["--on", "ray", "--shard", "1/2"], "--shard: is not for a run over a cluster"),
        (["--on", "ray", "--stop-when-decided"], "--stop-when-decided: is not for"),
        (["--on", "ray", "--control", "length"], ""),
    ],
)
def test_what_shards_cannot_have_is_refused_before_anything_starts(
    options: list[str], told: str, tmp_path: Path
) -> None:
    write_inputs(tmp_path)
    code = 3 if told else 2
    done = omr_judge(
        "compare", "a.jsonl", "b.jsonl", "--judge", "openai:m@http://127.0.0.1:9/v1", *options, cwd=tmp_path, code=code
    )
    assert told in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of a cluster on this machine, beside a head that judges nothing."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

    monkeypatch.setenv("OMR_JUDGE_API_KEY", "key")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.slow
def test_a_node_that_is_lost_in_mid_run_costs_nothing_that_was_judged(cluster: Any, tmp_path: Path) -> None:  # noqa: ANN401
    with ProviderServer(content_judge, delay=0.25) as server:
        given: dict[str, Any] = {"judge": f"openai:judge-1@{server.url}/v1"}
        whole = judge.compare("a.jsonl", "b.jsonl", runs="one", **given)
        n_before = len(server.calls)

        def lose() -> None:
            wait_until(lambda: len(server.calls) > n_before + 10, seconds=120)
            cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

        losing = threading.Thread(target=lose)
        losing.start()
        over = judge.compare(
            "a.jsonl", "b.jsonl", on=f"ray:{cluster.address}", shards=4, concurrency=1, name="many", **given
        )
        losing.join()
        judgments = list(RunFolder(over.path).judgments())
        assert len(judgments) == len({judgment.key for judgment in judgments}) == 2 * N_ITEMS
        assert over.report == whole.report
        assert (over.path / "report.json").read_bytes() == (whole.path / "report.json").read_bytes()
        # At most what was in flight on the lost node is asked twice: one call.
        assert len(server.calls) - n_before <= 2 * N_ITEMS + 1
        assert judge.compare("a.jsonl", "b.jsonl", on=f"ray:{cluster.address}", name="many", **given).path == over.path
        omr_judge("verify", "many", cwd=tmp_path)


@pytest.mark.slow
def test_limits_hold_for_all_shards_together_and_a_judge_may_be_served_beside_each(
    cluster: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on: dict[str, Any] = {"on": f"ray:{cluster.address}", "shards": 3}
    with ProviderServer(content_judge) as server:
        given = {"judge": f"openai:judge-1@{server.url}/v1", "name": "few", **on}
        with pytest.raises(BudgetReachedError, match="by all shards together"):
            judge.compare("a.jsonl", "b.jsonl", max_calls=20, **given)
        assert len(server.calls) == 20
        assert judge.compare("a.jsonl", "b.jsonl", max_calls=48, **given).report.n_judgments == 48
        assert len(server.calls) == 48
    with pytest.raises(InputError, match="vllm:MODEL"):
        judge.compare("a.jsonl", "b.jsonl", serve_judge="sglang:m", **on)
    assert sys.executable
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    # Nodes that are added from now on have the program; those before had none, and say so.
    for node in list(cluster.worker_nodes):
        cluster.remove_node(node)
    cluster.add_node(num_cpus=2)
    served = judge.compare("a.jsonl", "b.jsonl", serve_judge="vllm:judge-1", name="served", **on)
    assert served.report.judges == ("openai:judge-1",)
    assert served.report.n_judgments == 48
