"""Load the preference service: groups of 8 at a steady rate against a judge that takes a second.

`python benchmarks/service_load.py [--pairs-per-second 200] [--seconds 20]` prints what the service adds to a group's
answer beyond its slowest call (p50, p99), its processor time a pair beside that of `compare`, and its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[1]
SIZE, PAIRS = 8, 16
JUDGE_SECONDS = 1.0
COMPARED = 400
"""items of the comparison whose processor time is measured beside: two calls each"""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs-per-second", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, str(ROOT / "tests" / "provider_server.py"), "--port-file", str(folder / "port")]
        judge = subprocess.Popen([*command, "--delay", str(JUDGE_SECONDS)])  # noqa: S603 - our own
        try:
            while not (folder / "port").exists():
                time.sleep(0.05)
            address = f"openai:judge-1@http://127.0.0.1:{(folder / 'port').read_text()}/v1"
            print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
            measure_compare(folder, address)
            measure_service(folder, address, rate=given.pairs_per_second / PAIRS, seconds=given.seconds)
        finally:
            judge.kill()
            judge.wait()


def measure_compare(folder: Path, judge: str) -> None:
    """Print the processor time of `compare` a call, its start taken off by a comparison of one item."""
    times = []
    for n in (1, COMPARED + 1):
        for side in "ab":
            rows = [{"id": k, "question": f"Q{k}?", "trace": f"{side} {k} " * 40} for k in range(n)]
            (folder / f"{side}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        options = ["--judge", judge, "--rubric", "overall.v1", "--concurrency", "256", "--name", f"c{n}", "--quiet"]
        command = [sys.executable, "-m", "judge", "compare", "a.jsonl", "b.jsonl", *options]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"compare: {1000 * (times[1] - times[0]) / (2 * COMPARED):.2f} ms of processor a call, its report included")


def measure_service(folder: Path, judge: str, *, rate: float, seconds: float) -> None:
    """Print what the service adds, and takes."""
    command = [sys.executable, "-m", "judge", "serve", "--judge", judge, "--rubric", "overall.v1", "--port", "0"]
    options = ["--concurrency", "1024", "--name", "s"]
    service = subprocess.Popen([*command, *options], cwd=folder, stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        lines = iter(service.stderr or ())
        url = next(line.split("/v1/")[0] for line in lines if "/v1/preferences" in line)
        asyncio.run(ask(url, rate=rate, seconds=2, name="warm"))
        before = processor_seconds(service.pid)
        took = asyncio.run(ask(url, rate=rate, seconds=seconds, name="Q"))
        slowest = slowest_calls(folder / "runs" / "s")
        added = sorted(seconds - slowest[prompt] for prompt, seconds in took.items())
        n_pairs = PAIRS * len(added)
        used = 1000 * (processor_seconds(service.pid) - before) / n_pairs
        p50, p99 = (1000 * added[int(share * (len(added) - 1))] for share in (0.5, 0.99))
        print(f"service: {len(added)} groups, {n_pairs} pairs, {n_pairs / seconds:.0f} a second")
        print(f"it adds {p50:.0f} ms (p50), {p99:.0f} ms (p99) to a group")
        print(f"it takes {used:.2f} ms of processor a pair, and {peak_mb(service.pid):.0f} MB")
    finally:
        service.terminate()
        service.communicate()


def slowest_calls(run: Path) -> dict[str, float]:
    """Return the seconds of the slowest call about each prompt."""
    prompts = {pair["item"]["id"]: pair["item"]["question"] for pair in map(json.loads, (run / "pairs.jsonl").open())}
    slowest: dict[str, float] = {}
    for judgment in map(json.loads, (run / "judgments.jsonl").open()):
        prompt = prompts[judgment["item"]]
        slowest[prompt] = max(slowest.get(prompt, 0.0), judgment["latency_s"])
    return slowest


async def ask(url: str, *, rate: float, seconds: float, name: str) -> dict[str, float]:
    """Ask groups at a steady rate; return the seconds of each answer by its prompt."""

    async def one(client: httpx2.AsyncClient, number: int) -> tuple[str, float]:
        await asyncio.sleep(number / rate)
        responses = [f"response {k} of {number} " * 40 for k in range(SIZE)]
        began = time.perf_counter()
        came = await client.post("/v1/preferences", json={"prompt": f"{name} {number}?", "responses": responses})
        took = time.perf_counter() - began
        if None in came.json()["rewards"]:
            raise RuntimeError(came.text)
        return f"{name} {number}?", took

    limits = httpx2.Limits(max_connections=256)
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=120, trust_env=False) as client:
        return dict(await asyncio.gather(*(one(client, number) for number in range(int(rate * seconds)))))


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """Return the most memory that a process held, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


if __name__ == "__main__":
    main()
