"""Each count and rate of a first screen follows from the lines of its run folder, counted by other code.

`python tests/tables/test_recounted_screens.py RUN ...` checks runs of one's own.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command import omr_judge
from kept_runs import copy_runs
from tables.test_recounted_rates import rate_tables

SHARES = {"first": 1.0, "tie": 0.5, "second": 0.0}
RUNS = ("comparison", "half-judged", "one-order", "controls", "batched", "merged", "decided", "panel", "imported")


class Counted(NamedTuple):
    """What the verdicts of a criterion come to."""

    credit: float
    n: int
    won: int
    tied: int
    lost: int
    split: int
    agree: int
    judged: int

    def of_b(self) -> Counted:
        return self._replace(credit=self.n - self.credit, won=self.lost, lost=self.won)


def read_lines(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [line for line in lines if "key" in line]


def recount(run: Path, criterion: str) -> Counted:
    """Count a criterion of a run folder from its journal and manifest."""
    manifest = json.loads((run / "manifest.json").read_bytes())
    latest: dict[str, dict[str, Any]] = {}
    for line in read_lines(run / "judgments.jsonl"):
        if line["key"] not in latest or line["result"]["status"] == "judged":
            latest[line["key"]] = line
    names = {line["judge"] for line in latest.values()}
    shares: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    lost: set[tuple[str, str, str]] = set()
    for line in latest.values():
        verdict = line["result"].get("verdicts", {}).get(criterion)
        place = (line["item"], line["judge"], line["order"])
        if verdict not in SHARES:
            lost.add(place)
            continue
        share = SHARES[verdict]
        shares[line["item"]][line["judge"]][line["order"]].append(share if line["order"] == "forward" else 1 - share)
    found = Counted(0.0, 0, 0, 0, 0, 0, 0, 0)
    both = manifest["orders"] == "both"
    for item, by_judge in shares.items():
        whole = set(by_judge) == names and all(
            len(own) == (2 if both else 1) and not any((item, judge, order) in lost for order in own)
            for judge, own in by_judge.items()
        )
        complete = all(len(given) == manifest["samples"] for own in by_judge.values() for given in own.values())
        if not (whole and complete):
            continue
        orders: dict[str, list[float]] = defaultdict(list)
        for own in by_judge.values():
            for order, given in own.items():
                orders[order].append(sum(given) / len(given))
        means = [sum(given) / len(given) for given in orders.values()]
        sides = {(mean > 1 / 2 + 1e-9) - (mean < 1 / 2 - 1e-9) for mean in means}
        outcome = sides.pop() if len(sides) == 1 else None
        found = found._replace(
            credit=found.credit + sum(means) / len(means),
            n=found.n + 1,
            won=found.won + (outcome == 1),
            lost=found.lost + (outcome == -1),
            tied=found.tied + (outcome == 0),
            split=found.split + (outcome is None),
            agree=found.agree + (outcome is not None),
            judged=found.judged + 1,
        )
    alike = len(manifest.get("identical", ()))
    return found._replace(credit=found.credit + alike / 2, n=found.n + alike, tied=found.tied + alike)


def check(run: Path, screen: str) -> int:
    """Check a first screen against its run folder; return how many figures were checked."""
    manifest = json.loads((run / "manifest.json").read_bytes())
    told, checked = " ".join(screen.split()), 0
    speaks_of_b = f"Of {manifest['model_b']}:" in told
    one_judge = len(manifest["judges"]) == 1
    (header, *rows) = next(rate_tables(screen))
    names = [name for name in ("credit", "W", "T", "L", "split", "missing", "consistency") if name in header]
    for row in rows:
        if row[0].startswith("·"):
            continue
        counted = recount(run, row[0])
        counted = counted.of_b() if speaks_of_b else counted
        shown = dict(zip(names, row[2:], strict=False))
        assert float(row[1].split()[0]) == pytest.approx(100 * counted.credit / counted.n, abs=0.0501), row
        assert float(shown["credit"]) == pytest.approx(counted.credit, abs=1e-4), row
        assert [int(shown[name]) for name in ("W", "T", "L")] == [counted.won, counted.tied, counted.lost], row
        assert int(shown.get("split", 0)) == counted.split, row
        checked += 6
    overall = recount(run, [row[0] for row in rows if not row[0].startswith("·")][-1])
    overall = overall.of_b() if speaks_of_b else overall
    if found := re.search(r"(?:in|wins) ([\d.]+) % of (\d+) pairs?", told):
        assert float(found[1]) == pytest.approx(100 * overall.credit / overall.n, abs=0.0501)
        assert int(found[2]) == overall.n
        checked += 2
    if found := re.search(r"both orders agree in (\d+) of (\d+) pairs?", told):
        assert (int(found[1]), int(found[2])) == (overall.agree, overall.judged)
        checked += 2
    latest = {line["key"]: line for line in read_lines(run / "judgments.jsonl")}
    judged = {line["key"] for line in read_lines(run / "judgments.jsonl") if line["result"]["status"] == "judged"}
    found = re.search(r"([\d,]+) judgments?, ([\d,]+) failed", told)
    assert found is not None
    assert int(found[1].replace(",", "")) == len(latest)
    assert int(found[2].replace(",", "")) == len(latest.keys() - judged)
    if one_judge and (found := re.search(r"Not finished: ([\d,]+) of ([\d,]+) calls made", told)):
        assert int(found[1].replace(",", "")) == len(latest)
        checked += 1
    return checked + 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("kept")
    copy_runs(made)
    return made


@pytest.mark.parametrize("name", RUNS)
def test_each_count_and_rate_of_a_first_screen_follows_from_the_run_folder(folder: Path, name: str) -> None:
    screen = omr_judge("report", name, cwd=folder, env={"COLUMNS": "80"}).stdout
    assert check(folder / "runs" / name, screen) > 8


if __name__ == "__main__":
    for given in map(Path, sys.argv[1:]):
        drawn = omr_judge("report", given, cwd=Path(), env={"COLUMNS": "80"}).stdout
        print(f"{given}: {check(given, drawn)} figures are as counted")  # noqa: T201 - a script
