"""Load the preference service: groups of 8 at a steady rate against a judge that takes a second.

`python benchmarks/service_load.py [--pairs-per-second 200] [--seconds 20] [--rounds 2]` prints what the service adds to
a pair: the seconds from the group's request to its answer, less what the judge itself took for that pair, by the
judge's own clock. The least that can be done stands beside it, measured by turns on the same machine: a proxy of a few
lines that asks the same judge as often, keeps nothing and checks nothing. Then the processor time a pair beside that of
`compare`, and memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import httpx2
from servers import HEAD, Seen, SlowConnection, free_port, replies, running

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE, PAIRS = 8, 16
JUDGE_SECONDS = 1.0
COMPARED = 400
"""items of the comparison whose processor time is measured beside: two calls each"""
NAME = re.compile(rb"group-[a-z0-9]+-[0-9]+")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs-per-second", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--as", dest="role", choices=["judge", "proxy"], help="be one of the servers (PORT [JUDGE])")
    parser.add_argument("address", nargs="*")
    given = parser.parse_args()
    if given.role == "judge":
        asyncio.run(be_judge(int(given.address[0])))
    elif given.role == "proxy":
        be_proxy(int(given.address[0]), given.address[1])
    else:
        measure(rate=given.pairs_per_second / PAIRS, seconds=given.seconds, rounds=given.rounds)


def measure(*, rate: float, seconds: float, rounds: int) -> None:
    """Load the proxy and the service by turns, and print what each adds and takes."""
    os.environ["OPENAI_API_KEY"] = "any"
    with tempfile.TemporaryDirectory() as name, server("judge") as (judge, _), server("proxy", judge) as proxy:
        folder, spec = Path(name), f"openai:judge-1@{judge}/v1"
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        measure_compare(folder, spec)
        with service(folder, spec) as own:
            added: dict[str, list[float]] = defaultdict(list)
            used: dict[str, float] = defaultdict(float)
            for number in range(-1, rounds):
                for who, (url, pid) in {"a bare proxy": proxy, "the service": own}.items():
                    before, length = processor_seconds(pid), seconds if number >= 0 else 2
                    tag = f"group-{who[-5:]}{max(number, 0)}{'w' if number < 0 else ''}"
                    found = asyncio.run(ask(url, judge, rate=rate, seconds=length, tag=tag))
                    if number >= 0:  # what comes before warms up
                        added[who] += found
                        used[who] += processor_seconds(pid) - before
            for who, pid in (("a bare proxy", proxy[1]), ("the service", own[1])):
                times = sorted(added[who])
                p50, p99 = (1000 * times[int(share * (len(times) - 1))] for share in (0.5, 0.99))
                spent = 1000 * used[who] / len(times)
                print(f"{who} adds {p50:.0f} ms (p50), {p99:.0f} ms (p99) to a pair, of {len(times)}")
                print(f"    and takes {spent:.2f} ms of processor a pair, {peak_mb(pid):.0f} MB")


async def ask(url: str, judge: str, *, rate: float, seconds: float, tag: str) -> list[float]:
    """Ask groups at a steady rate; return for each pair the seconds of its group less the judge's own."""

    async def one(client: httpx2.AsyncClient, number: int) -> tuple[str, float]:
        await asyncio.sleep(number / rate)
        responses = [f"response {k} of {number} " * 40 for k in range(SIZE)]
        began = time.perf_counter()
        came = await client.post("/v1/preferences", json={"prompt": f"{tag}-{number}?", "responses": responses})
        took = time.perf_counter() - began
        if None in came.json()["rewards"]:
            raise RuntimeError(came.text)
        return f"{tag}-{number}", took

    limits = httpx2.Limits(max_connections=256)
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=120, trust_env=False) as client:
        took = await asyncio.gather(*(one(client, number) for number in range(int(rate * seconds))))
        own = (await client.get(f"{judge}/seen")).json()
    return [whole - seconds for name, whole in took for seconds in own[name]]


class TimedConnection(SlowConnection):
    """A judge that notes how long it took for each pair of each group."""

    took: ClassVar[defaultdict[str, list[float]]] = defaultdict(list)

    def _asked(self, asked: bytes) -> None:
        if asked.startswith(b"GET"):
            body = json.dumps(self.took).encode()
            self._transport.write(HEAD.format(len(body)).encode() + body)
            return
        name, loop = NAME.search(asked), asyncio.get_running_loop()
        began = loop.time()

        def answer() -> None:
            self._transport.write(self._answers["openai"])
            if name is not None:
                self.took[name[0].decode()].append(loop.time() - began)

        loop.call_later(self._seconds, answer)


async def be_judge(port: int) -> None:
    """Judge until this process is ended."""
    answer = {"openai": HEAD.format(len(replies()["openai"])).encode() + replies()["openai"]}
    loop = asyncio.get_running_loop()
    made = lambda: TimedConnection(JUDGE_SECONDS, answer, Seen())  # noqa: E731
    await (await loop.create_server(made, "127.0.0.1", port, backlog=4096)).serve_forever()


def be_proxy(port: int, judge: str) -> None:
    """Ask the judge about 16 pairs of each group, and keep nothing."""
    import aiohttp  # noqa: PLC0415 - one role alone
    import uvicorn  # noqa: PLC0415
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.requests import Request  # noqa: PLC0415
    from starlette.responses import JSONResponse  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    @cache
    def client() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1024))

    async def verdict(prompt: str, first: str, second: str) -> Any:  # noqa: ANN401 - any JSON
        text = f"{prompt}\n{'Judge which of these two traces is better. ' * 60}\n{first}\n{second}"
        body = {"model": "judge-1", "messages": [{"role": "user", "content": text}]}
        async with client().post(f"{judge}/v1/chat/completions", json=body) as came:
            reply = await came.json()
        return json.loads(reply["choices"][0]["message"]["content"])["overall"]["verdict"]

    async def preferences(request: Request) -> JSONResponse:
        asked = await request.json()
        prompt, texts = asked["prompt"], asked["responses"]
        pairs = [(i, (i + stride) % SIZE) for stride in (1, 2) for i in range(SIZE)]
        said = await asyncio.gather(*(verdict(prompt, texts[i], texts[j]) for i, j in pairs))
        wins = [sum(one == "first" for (i, _), one in zip(pairs, said, strict=True) if i == k) for k in range(SIZE)]
        return JSONResponse({"rewards": wins})

    app = Starlette(routes=[Route("/v1/preferences", preferences, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="warning", http="h11")


@contextmanager
def server(role: str, *judge: str) -> Iterator[tuple[str, int]]:
    """Run one of the servers; yield its address and process."""
    port = free_port()
    with running([sys.executable, __file__, "--as", role, str(port), *judge], port) as (address, process):
        yield address, process.pid


@contextmanager
def service(folder: Path, judge: str) -> Iterator[tuple[str, int]]:
    """Run the service; yield its address and process."""
    port = free_port()
    command = [sys.executable, "-m", "judge", "serve", "--judge", judge, "--port", str(port), "--name", "s"]
    options = ["--concurrency", "1024", "--runs", str(folder / "runs")]
    with running([*command, *options], port) as (address, process):
        yield address, process.pid


def measure_compare(folder: Path, judge: str) -> None:
    """Print the processor time of `compare` a call, its start taken off by a comparison of one item."""
    times = []
    for n in (1, COMPARED + 1):
        for side in "ab":
            rows = [{"id": k, "question": f"Q{k}?", "trace": f"{side} {k} " * 40} for k in range(n)]
            (folder / f"{side}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "judge", "compare", "a.jsonl", "b.jsonl", "--judge", judge, "--quiet"]
        options = ["--concurrency", "256", "--name", f"c{n}"]
        subprocess.run([*command, *options], cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"compare: {1000 * (times[1] - times[0]) / (2 * COMPARED):.2f} ms of processor a call, its report included")


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
