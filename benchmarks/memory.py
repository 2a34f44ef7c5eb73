"""Print the memory of a report by the number of judgments: what is held when it begins, and the most that it takes.

python benchmarks/memory.py                 100,000 and 1,000,000 judgments
python benchmarks/memory.py 20000 100000    others

Judgments are of one judge in both orders on four criteria, with 6 KB of prompt a pair; each report is made in a process
of its own, after the imports of `compare`, and drawn as `compare` draws it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fold import write_run

from judge.files.files import write_lines
from judge.runs.run_folder import RunFolder
from judge.schema import Item, Pair, Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (100_000, 1_000_000)
TRACE = "The scan shows a filling defect in the left lower lobe artery. " * 16
QUESTION = "A patient comes with sudden pain in the chest after a long flight. " * 40
OPTIONS = {"A": "Embolism", "B": "Pneumonia", "C": "Fracture", "D": "Anxiety"}
STATUS = Path("/proc/self/status")


def main() -> None:
    """Measure each size, or in a process of its own one run folder."""
    if len(sys.argv) > 1 and not sys.argv[1].isdigit():
        _measure(Path(sys.argv[1]))
        return
    print(f"{'judgments':>10} {'MB after imports':>17} {'MB at most':>11} {'CPU s':>7}")
    for n in map(int, sys.argv[1:] or SIZES):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "run"
            write_run(n, str(folder))
            write_lines(RunFolder(folder).pairs_path, _pairs(n // 2))
            print(f"{n:>10,}", end=" ", flush=True)
            subprocess.run([sys.executable, __file__, str(folder)], check=True)  # noqa: S603 - itself


def _pairs(n: int) -> Iterator[Pair]:
    for number in range(n):
        item = Item(id=f"item-{number}", question=f"{number}: {QUESTION}", options=OPTIONS, answer="A")
        a, b = (Trace(text=f"{model} {number}: {TRACE}", model=model) for model in ("a", "b"))
        yield Pair(item=item, a=a, b=b)


def _measure(path: Path) -> None:
    import contextlib  # noqa: PLC0415 - as all that follows, counted
    import io  # noqa: PLC0415
    import time  # noqa: PLC0415

    import judge.comparison.compare  # noqa: F401, PLC0415 - what the command holds when its report begins
    from judge.cli.options import OutputOptions  # noqa: PLC0415
    from judge.cli.reporting import print_report  # noqa: PLC0415

    started, before = time.process_time(), _megabytes("VmRSS")
    with contextlib.redirect_stdout(io.StringIO()):
        print_report(RunFolder(path), OutputOptions(max_failures=1), quiet=True)
    print(f"{before:>17.0f} {_megabytes('VmHWM'):>11.0f} {time.process_time() - started:>7.2f}")


def _megabytes(name: str) -> float:
    """Return a figure of this process's memory, as Linux tells it."""
    (line,) = (line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
