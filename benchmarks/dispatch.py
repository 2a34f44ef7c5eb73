"""Print what a judgment costs beside a bare HTTP client: processor time, calls per second and memory.

Run `python benchmarks/dispatch.py`; it needs nginx. Everything runs in turn, several rounds interleaved, each program
as a process of its own from start to exit. The marginal cost is the difference between a long and a short run divided
by the calls between them: what does not depend on the number of calls drops out of it. It is of the cheapest run of
each kind, since whatever disturbs a machine only adds; all else are medians.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import orjson
from clients import RIVALS
from servers import nginx, slow_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZES = (400, 1_600, 8_000)
"""calls of a run; at 1,000 at once the first would be over before they are"""
FEW, MANY = 64, 1000
ITEM = "A patient of {} years reports sudden chest pain on breathing in, and has a swollen calf. " * 5
STEMS = "cardi pulmon nephr hepat gastr derm oste neur haem vascul thromb my arthr"
ENDINGS = "itis osis oma opathy algia ectomy ography oscopy emia otic itic ology al"
LINKS = (
    "the of and in a is with for to on by was from as that this no may be are not an at or which has if more than "
    "likely since although given therefore suggests points against excludes"
)
SENTENCES, WORDS = 17, 14
BARE = "bare aiohttp"
KEYS = ("OPENAI_", "ANTHROPIC_", "OMR_JUDGE_")


class Cost(NamedTuple):
    """What one process took."""

    cpu: float
    """seconds, user and system"""
    wall: float
    """seconds"""
    megabytes: float
    """largest resident set"""


@dataclass(frozen=True)
class Contender:
    """A program that makes n calls to a server, some at once."""

    name: str
    command: Callable[[str, int, int], list[str]]
    """from address, calls and concurrency"""

    def run(self, address: str, calls: int, concurrency: int) -> Cost:
        """Run the program to its end; leave the benchmark, with its words, if it fails."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(KEYS)}
        key = {"OPENAI_API_KEY": "benchmark", "ANTHROPIC_API_KEY": "benchmark"}
        environment = {**kept, **key, "PYTHONPATH": str(Path(__file__).parents[1])}
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "told").open("w+") as told:
            started = time.monotonic()
            process = subprocess.Popen(  # noqa: S603 - commands of this file
                self.command(address, calls, concurrency), cwd=folder, env=environment, stdout=told, stderr=told
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.monotonic() - started
            if process.returncode:
                told.seek(0)
                sys.exit(f"{self.name}, {calls} calls, {concurrency} at once: {told.read()[-2000:]}")
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / unit)


def ours(inputs: Path, judge: Callable[[str], str]) -> Callable[[str, int, int], list[str]]:
    """Return the command that compares as many items as make so many judgments, both orders each."""

    def command(address: str, calls: int, concurrency: int) -> list[str]:
        files = [str(file) for file in write_inputs(inputs, calls // 2)]
        asked = ["--judge", judge(address), "--concurrency", str(concurrency), "--max-failures", "0"]
        return [sys.executable, "-m", "judge", "compare", *files, *asked]

    return command


def client(name: str, python: str = sys.executable) -> Callable[[str, int, int], list[str]]:
    """Return the command that makes the calls through a client of `clients.py`."""
    script = str(Path(__file__).with_name("clients.py"))
    return lambda address, calls, concurrency: [python, script, name, address, str(calls), str(concurrency)]


def installed(python: str) -> list[str]:
    """Return which of the other programs a Python has."""
    asked = f"import importlib.util as u; print([n for n, m in {RIVALS}.items() if u.find_spec(m.split('.')[0])])"
    told = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout  # noqa: S603 - asked for
    return [rival for rival in RIVALS if f"'{rival}'" in told]


def contenders(inputs: Path, peers: Sequence[str]) -> list[Contender]:
    """Return the floor, ours through either SDK, and every other program that a Python of the peers has."""
    return [
        Contender(BARE, client("bare")),
        Contender("ours, OpenAI SDK", ours(inputs, "openai:judge-1@{}/v1".format)),
        Contender("ours, Anthropic SDK", ours(inputs, "anthropic:judge-1@{}".format)),
        *(Contender(rival, client(rival, python)) for python in peers for rival in installed(python)),
    ]


def write_inputs(folder: Path, items: int) -> tuple[Path, Path]:
    """Write the traces of two models for so many items, unless they are there: prompts of 6 KB."""
    files = (folder / f"a{items}.jsonl", folder / f"b{items}.jsonl")
    for file in files:
        if file.exists():
            continue
        draw = random.Random(file.name)  # noqa: S311 - no secret
        with file.open("wb") as lines:
            for number in range(items):
                record = {
                    "id": f"q{number}",
                    "question": ITEM.format(*[number] * 5),
                    "options": {"A": "Embolism", "B": "Pneumonia", "C": "Fracture", "D": "Anxiety"},
                    "answer": "A",
                    "model": f"model-{file.stem[0]}",
                    "trace": write_trace(draw),
                }
                lines.write(orjson.dumps(record) + b"\n")
    return files


def write_trace(draw: random.Random) -> str:
    """Return some 1,700 characters in which, as in real traces, 55 to 65 % of the words occur once."""
    stems, endings, links = STEMS.split(), ENDINGS.split(), LINKS.split()

    def word(place: int) -> str:
        return draw.choice(stems) + draw.choice(endings) if place % 2 else draw.choice(links)

    return " ".join(f"{' '.join(word(place) for place in range(WORDS))}.".capitalize() for _ in range(SENTENCES))


def compare_costs(found: Sequence[Contender], address: str, rounds: int) -> None:
    """Print the marginal cost of a call at both concurrencies, as multiples of the floor's, then what a run takes."""
    costs: dict[tuple[str, int, int], list[Cost]] = {}
    for _ in range(rounds):
        for contender in found:
            for concurrency, sizes in ((FEW, SIZES), (MANY, SIZES[1:])):
                for calls in sizes:
                    cost = contender.run(address, calls, concurrency)
                    costs.setdefault((contender.name, concurrency, calls), []).append(cost)

    def marginal(name: str, concurrency: int, short: int, long: int) -> float:
        cheapest = {calls: min(cost.cpu for cost in costs[name, concurrency, calls]) for calls in (short, long)}
        return (cheapest[long] - cheapest[short]) / (long - short)

    def middle(name: str, calls: int, of: Callable[[Cost], float]) -> float:
        return median(of(cost) for cost in costs[name, FEW, calls])

    steps = list(pairwise(SIZES))
    names = [contender.name for contender in found]
    print(f"\n{'one more call, x bare':22}", *(f"{f'{short:,} to {long:,}':>15}" for short, long in steps), end="")
    print(f"{f'{MANY:,} at once, x {FEW}':>22}")
    for name in names:
        ratios = (marginal(name, FEW, *step) / marginal(BARE, FEW, *step) for step in steps)
        print(f"{name:22}", *(f"{ratio:15.1f}" for ratio in ratios), end="")
        print(f"{marginal(name, MANY, *steps[-1]) / marginal(name, FEW, *steps[-1]):22.1f}")
    print(f"\n{'whole run':22} {'calls':>7} {'ms/call':>8} {'one more':>9} {'calls/s':>8} {'MB':>5}")
    for name in names:
        for step in steps:
            calls = step[1]
            whole, rate = (middle(name, calls, of) for of in (lambda cost: cost.cpu, lambda cost: 1 / cost.wall))
            print(f"{name:22} {calls:7,} {whole / calls * 1e3:8.2f} {marginal(name, FEW, *step) * 1e3:9.2f}", end="")
            print(f" {rate * calls:8,.0f} {middle(name, calls, lambda cost: cost.megabytes):5.0f}")


def compare_throughput(found: Sequence[Contender], *, calls: int, seconds: float) -> None:
    """Print calls per second at a server that answers after a pause, by the server's clock, beside the ideal.

    The ideal is `MANY` calls in flight from the first on.
    """
    ideal = MANY / seconds
    print(f"\n{f'{seconds:g} s of latency':22} {'calls/s':>8} {'of the ideal':>13} {'MB':>5}")
    with slow_server(seconds) as address:
        for contender in found:
            cost = contender.run(address, calls, MANY)
            with urllib.request.urlopen(f"{address}/seen") as reply:  # noqa: S310 - our own server
                arrived, took = orjson.loads(reply.read())
            if arrived != calls:
                sys.exit(f"{contender.name} made {arrived} calls instead of {calls}")
            rate = (calls - MANY) / took
            print(f"{contender.name:22} {rate:8.0f} {rate / ideal:13.0%} {cost.megabytes:5.0f}")


def main() -> None:
    """Run the comparisons that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="names of contenders; the floor always runs")
    parser.add_argument("--latency-calls", type=int, default=20_000, help="0 leaves that comparison out")
    parser.add_argument("--latency", type=float, default=10.0, help="of the server in that comparison, seconds")
    parser.add_argument("--skip-costs", action="store_true")
    parser.add_argument(
        "--peers",
        nargs="+",
        default=[sys.executable],
        metavar="PYTHON",
        help="the Pythons that have inspect-ai and bespokelabs-curator",
    )
    chosen = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        every = contenders(Path(folder), chosen.peers)
        found = [one for one in every if not chosen.only or one.name in {BARE, *chosen.only}]
        if not chosen.skip_costs:
            served = Path(folder) / "nginx"
            served.mkdir()
            Path(folder).chmod(0o755)  # nginx answers as another user
            with nginx(served) as address:
                compare_costs(found, address, chosen.rounds)
        if chosen.latency_calls:
            compare_throughput(found, calls=chosen.latency_calls, seconds=chosen.latency)


if __name__ == "__main__":
    main()
