"""Print what large reports cost: processor seconds and peak memory, each measured in a process of its own.

python benchmarks/fold.py                 all of them
python benchmarks/fold.py rows 1000000    judgment rows in memory, two judges and samples, to a whole report
python benchmarks/fold.py journal 100000  a run folder on disk, to a whole report
python benchmarks/fold.py bootstrap 1000000  10,000 resamples of items, beside scipy and resampling by index
python benchmarks/fold.py clusters 100000    10,000 resamples of clusters that are nearly all different
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from judge.enums import Orders
from judge.schema import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from judge.outcomes.counted_items import Subject
    from judge.outcomes.latest_judgments import LatestJudgments
    from judge.report.build_report import RunDescription
    from judge.report.report import Report
    from judge.schema import Judgment
    from judge.stats.intervals import Floats

ALL = {"rows": (1_000_000,), "journal": (100_000, 1_000_000), "bootstrap": (1_000_000,), "clusters": (100_000,)}
SHARES = (0.45, 0.35, 0.2)
"""of first, second and tie among the verdicts"""
CRITERIA = ("perception", "knowledge", "rationale", "overall")
JUDGES = ("judge-one", "judge-two")
ROWS_AN_ITEM = 8
"""two judges, samples and orders"""
N_RESAMPLES = 10_000
FEW = 5
"""resamples that the slow ways are timed over"""


def main() -> None:
    """Run one measurement, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*ALL, "write"], nargs="?")
    parser.add_argument("n", type=int, nargs="?")
    parser.add_argument("folder", nargs="?", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "write":
        write_run(options.n, options.folder)
        return
    if options.what is None:
        for what, sizes in ALL.items():
            for n in sizes:
                subprocess.run([sys.executable, __file__, what, str(n)], check=True)  # noqa: S603 - itself
        return
    measure = {"rows": _rows, "journal": _journal, "bootstrap": _bootstrap, "clusters": _clusters}
    measure[options.what](options.n or ALL[options.what][0])


def _timed(what: str, work: Callable[[], object], *, times: float = 1) -> float:
    """Print and return the processor seconds that some work takes, multiplied where a part of it was done."""
    started = time.process_time()
    work()
    seconds = times * (time.process_time() - started)
    estimated = " (from a part of it)" if times != 1 else ""
    print(f"  {what:<44} {seconds:10.3f} s{estimated}, peak memory {_peak():.2f} GB", flush=True)
    return seconds


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _rows(n: int) -> None:
    print(f"{n:,} judgment rows in memory")
    latest = _latest(n)
    print(f"  {'memory with the rows':<44} {_peak():.2f} GB")
    _timed("folded to outcomes", lambda: _fold(latest))
    _timed("a whole report", lambda: _report(latest))


def _latest(n: int) -> LatestJudgments:
    import polars as pl  # noqa: PLC0415

    from judge.outcomes.latest_judgments import LatestJudgments, latest_judgments  # noqa: PLC0415

    nothing = latest_judgments([])
    place, orders = pl.int_range(n, dtype=pl.UInt32, eager=True), pl.Series(list(Order))
    item = pl.select(pl.format("item-{}", (place // ROWS_AN_ITEM).cast(pl.String).str.zfill(9))).to_series()
    said = np.random.default_rng(0).choice(["first", "second", "tie"], p=SHARES, size=n)
    requests = pl.DataFrame(
        {
            "place": place,
            "item": item,
            "judge": pl.Series(JUDGES)[(place // 4 % 2)],
            "sample": place // 2 % 2,
            "order": orders[place % 2],
            "group": None,
            "failure": None,
            "criterion": None,
        },
        schema=nothing.requests.schema,
    )
    verdicts = pl.DataFrame(
        {"place": place, "criterion": ["overall"] * n, "verdict": said}, schema=nothing.verdicts.schema
    )
    return LatestJudgments(requests, verdicts, nothing.units, nothing.chances)


def _subject(n_items: int) -> Subject:
    from judge.outcomes.counted_items import Subject  # noqa: PLC0415

    return Subject(JUDGES, ["overall"], Orders.BOTH, n_items, 0)


def _run() -> RunDescription:
    from judge.report.build_report import RunDescription  # noqa: PLC0415
    from judge.report.report import Models  # noqa: PLC0415

    return RunDescription(models=Models(a="a", b="b"), prompt="p.v1", rubric="r.v1", samples=2, seed=0, left_out={})


def _fold(latest: LatestJudgments) -> object:
    from judge.outcomes.counted_items import pool  # noqa: PLC0415
    from judge.outcomes.tally import fold  # noqa: PLC0415

    return pool(fold(latest.on("overall"), orders=Orders.BOTH), JUDGES)


def _report(latest: LatestJudgments) -> Report:
    from judge.enums import Method  # noqa: PLC0415
    from judge.report.build_report import build_report  # noqa: PLC0415

    return build_report(latest, _subject(len(latest) // ROWS_AN_ITEM), _run(), method=Method.JEFFREYS)


def _journal(n: int) -> None:
    from judge.comparison.derive_report import make_report  # noqa: PLC0415
    from judge.runs.run_folder import RunFolder  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as temporary:
        folder = RunFolder(Path(temporary) / "run")
        subprocess.run([sys.executable, __file__, "write", str(n), str(folder.path)], check=True)  # noqa: S603 - itself
        size = folder.judgments_path.stat().st_size / 1e6
        print(f"{n:,} judgments of four criteria on disk, {size:,.0f} MB")
        _timed("a whole report", lambda: make_report(folder))


def write_run(n: int, path: str) -> None:
    """Write a run folder of so many judgments: two orders an item, with replies of 500 characters."""
    from judge.files.files import write_lines  # noqa: PLC0415
    from judge.runs.manifest import Manifest  # noqa: PLC0415
    from judge.runs.run_folder import RunFolder  # noqa: PLC0415
    from judge.schema import Criterion, Rubric  # noqa: PLC0415

    folder = RunFolder(Path(path))
    folder.path.mkdir()
    criteria = tuple(Criterion(name=name, title=name, definition="", tie="") for name in CRITERIA)
    folder.write_manifest(
        Manifest(
            created="",
            command=(),
            versions={},
            identity={},
            model_a="a",
            model_b="b",
            imported_judges=(JUDGES[0],),
            prompt=(Path(__file__).parents[1] / "prompts" / "pairwise.v1.md").read_text(encoding="utf-8"),
            rubric=Rubric(name="r", version=1, description="", criteria=criteria),
            schema_sha256=None,
            orders=Orders.BOTH,
            samples=1,
            seed=0,
            n_items=n // 2,
        )
    )
    write_lines(folder.judgments_path, _judgments(n))


def _judgments(n: int) -> Iterator[Judgment]:
    from judge.schema import Judged, Judgment, Order, Reply, Usage, Verdict  # noqa: PLC0415

    words = [Verdict.FIRST, Verdict.SECOND, Verdict.TIE]
    said = np.random.default_rng(0).choice(3, p=SHARES, size=(n, len(CRITERIA)))
    for place, row in enumerate(said.tolist()):
        yield Judgment(
            key=f"{place:032x}",
            item=f"item-{place // 2}",
            order=list(Order)[place % 2],
            judge=JUDGES[0],
            sample=0,
            result=Judged(verdicts={name: words[word] for name, word in zip(CRITERIA, row, strict=True)}),
            reply=Reply(text="x" * 500, stop="stop", model="m", usage=Usage(input=1000, output=150)),
            latency_s=1.5,
        )


def _bootstrap(n: int) -> None:
    from scipy import stats  # noqa: PLC0415

    from judge.stats.clusters import collapse  # noqa: PLC0415
    from judge.stats.intervals import bootstrap  # noqa: PLC0415

    print(f"{n:,} items, {N_RESAMPLES:,} resamples")
    rng = np.random.default_rng(0)
    credit = rng.choice(np.arange(5) / 4, size=n, p=(0.1, 0.1, 0.3, 0.1, 0.4))
    bootstrap(collapse(credit[:9, None], np.ones((9, 1))))
    part = FEW / N_RESAMPLES
    ours = _timed("ours", lambda: bootstrap(collapse(credit[:, None], np.ones((n, 1)))))
    index = _timed("resampling by index", lambda: _by_index(credit, rng), times=1 / part)
    scipy = _timed(
        "scipy.stats.bootstrap, percentile",
        lambda: stats.bootstrap((credit,), np.mean, n_resamples=FEW, method="percentile", batch=1, rng=rng),
        times=1 / part,
    )
    print(f"  ours is {index / ours:,.0f} and {scipy / ours:,.0f} times faster")


def _by_index(credit: Floats, rng: np.random.Generator) -> None:
    for _ in range(FEW):
        credit[rng.integers(0, len(credit), size=len(credit))].mean()


def _clusters(n: int) -> None:
    from judge.stats.clusters import collapse  # noqa: PLC0415
    from judge.stats.intervals import bootstrap  # noqa: PLC0415

    print(f"{n:,} clusters, nearly all of them different, {N_RESAMPLES:,} resamples")
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 10_000, size=n).astype(float)
    patterns = collapse((sizes * rng.random(n))[:, None], sizes[:, None])
    _timed(f"{len(patterns.counts):,} patterns", lambda: bootstrap(patterns))


if __name__ == "__main__":
    main()
