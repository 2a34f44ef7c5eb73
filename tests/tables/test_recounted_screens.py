"""Each count and rate of a first screen follows from the lines of its run folder, counted by other code.

A number on the screen that no line here counts again fails the test: only the ends of intervals, p-values and what the
legend explains are left out. `python tests/tables/test_recounted_screens.py RUN ...` checks runs of one's own.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command import omr_judge
from kept_runs import copy_runs
from msgspec import structs
from run_builder import A_WINS, B_WINS, SPLITS, TIES, Verdicts, make_judgment, make_pair, make_run
from tables.test_recounted_rates import rate_tables

from judge.files.files import write_lines
from judge.schema import Failed, FailureKind, Order, Pair

SHARES = {"first": 1.0, "tie": 0.5, "second": 0.0}
HALF_DIGIT = 0.0501
NEVER_COUNTED = (
    r"\[[^\[\]]*\]",
    r"p [=<] [\d.e-]+",
    r"Of .*: % = .*? --full has the rest\.",
    r"Next: .*",
    r"equivalent within [\d.]+ points of 50 %",
    r"(?:biased away from|excludes) 50 %",
    r"--judge \S+",
)
"""texts whose numbers are no counts: intervals, p-values, the legend, commands, settings"""


class Counted(NamedTuple):
    """What the verdicts of a criterion come to."""

    credit: float
    n: int
    won: int
    tied: int
    lost: int
    split: int
    judged: int
    agree: float
    """judged items whose orders agree; of a panel the share of its judges, summed"""
    credits: Mapping[str, float]
    """of model a, by judged item"""

    def of_b(self) -> Counted:
        turned = {item: 1 - credit for item, credit in self.credits.items()}
        return self._replace(credit=self.n - self.credit, won=self.lost, lost=self.won, credits=turned)


class RunLines:
    """A run folder's manifest, pairs and judgments: the latest line of each request, a verdict before a failure."""

    def __init__(self, run: Path) -> None:
        self.manifest = json.loads((run / "manifest.json").read_bytes())
        self.latest: dict[str, dict[str, Any]] = {}
        for line in read_lines(run / "judgments.jsonl"):
            if line["key"] not in self.latest or line["result"]["status"] == "judged":
                self.latest[line["key"]] = line
        self.pairs = read_lines(run / "pairs.jsonl", "item") if (run / "pairs.jsonl").exists() else []
        self.identical: set[str] = {*self.manifest.get("identical", ())}
        self.both = self.manifest["orders"] == "both"

    def verdicts(self, criterion: str, judge: str | None = None) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Yield each line, of a judge, with its verdict: None where it has none."""
        for line in self.latest.values():
            if judge in (None, line["judge"]):
                said = line["result"].get("verdicts", {}).get(criterion)
                yield line, said if said in SHARES else None

    def recount(self, criterion: str, judge: str | None = None) -> Counted:
        """Count a criterion over the items that have all their verdicts."""
        names = {line["judge"] for line, _ in self.verdicts(criterion, judge)}
        orders = len(Order) if self.both else 1
        said: dict[str, dict[Any, list[float | None]]] = defaultdict(lambda: defaultdict(list))
        for line, verdict in self.verdicts(criterion, judge):
            share = None if verdict is None else SHARES[verdict]
            of_a = share if share is None or line["order"] == "forward" else 1 - share
            said[line["item"]][line["order"], line["judge"]].append(of_a)
        found = Counter[str]()
        credit: dict[str, float] = {}
        agree = 0.0
        for item, by_place in said.items():
            given = [share for shares in by_place.values() for share in shares]
            if len(given) < orders * len(names) * self.manifest["samples"] or None in given:
                continue
            by_order: dict[str, list[float]] = defaultdict(list)
            for (order, _), shares in by_place.items():
                by_order[order].append(sum(share for share in shares if share is not None) / len(shares))
            means = [sum(shares) / len(shares) for shares in by_order.values()]
            sides = {(mean > 1 / 2 + 1e-9) - (mean < 1 / 2 - 1e-9) for mean in means}
            found[str(sides.pop()) if len(sides) == 1 else "split"] += 1
            credit[item] = sum(means) / len(means)
            by_judge: dict[str, set[int]] = defaultdict(set)
            for (_, name), shares in by_place.items():
                mean = sum(share for share in shares if share is not None) / len(shares)
                by_judge[name].add((mean > 1 / 2 + 1e-9) - (mean < 1 / 2 - 1e-9))
            agree += sum(len(own) == 1 for own in by_judge.values()) / len(by_judge)
        alike = dict.fromkeys(self.identical, 1 / 2)
        return Counted(
            credit=sum((credit | alike).values()),
            n=len(credit | alike),
            won=found["1"],
            tied=found["0"] + len(alike),
            lost=found["-1"],
            split=found["split"],
            judged=len(credit),
            agree=agree,
            credits=credit | alike,
        )

    def text_length(self, trace: Mapping[str, Any]) -> int:
        """Return how many characters of a trace that is one text the judge is shown."""
        text, answer = trace["text"], trace.get("answer")
        shown = not self.manifest.get("hide_answers") and answer and f"<answer>{answer}</answer>" not in text
        return len(f"{text}\n\nFinal answer: {answer}" if shown else text)


def read_lines(path: Path, field: str = "key") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [line for line in lines if field in line]


class Check:
    """A first screen held against its run folder; what was counted again is taken out of its text."""

    def __init__(self, run: Path, screen: str) -> None:
        self.run, self.screen, self.text = RunLines(run), screen, " ".join(screen.split())
        self.checked = 0
        manifest = self.run.manifest
        self.speaks_of_b = f"Of {manifest['model_b']}:" in self.text
        self.table = next(rate_tables(screen))
        names = [row[0] for row in self.table[1:]]
        self.overall_name = [name for name in names if not name.startswith("·")][-1]
        self.overall = self.counted(self.overall_name)
        for name in (manifest["model_a"], manifest["model_b"], *self.judges()):
            self.text = re.sub(rf"(?<![\w-]){re.escape(name)}(?!\w)", "NAME", self.text)

    def judges(self) -> set[str]:
        return {line["judge"] for line in self.run.latest.values()}

    def counted(self, criterion: str, judge: str | None = None) -> Counted:
        found = self.run.recount(criterion, judge)
        return found.of_b() if self.speaks_of_b else found

    def taken(self, pattern: str) -> Iterator[re.Match[str]]:
        """Yield what a pattern finds, and take it out of the text."""
        found = [*re.finditer(pattern, self.text)]
        self.text = re.sub(pattern, " ", self.text)
        yield from found

    def same(self, shown: str, counted: float, *, digits: float = 0) -> None:
        assert float(shown.replace(",", "")) == pytest.approx(counted, abs=digits), (shown, counted)
        self.checked += 1

    def all(self) -> int:
        """Check everything; return how many numbers were counted again."""
        self.check_table()
        self.check_sentences()
        self.check_panel_and_looks()
        self.check_notes()
        self.check_traces()
        self.check_counts()
        for pattern in NEVER_COUNTED:
            self.text = re.sub(pattern, " ", self.text)
        assert not re.search(r"\d", self.text), f"not counted again: {self.text}"
        return self.checked

    def check_table(self) -> None:
        (header, *rows) = self.table
        names: list[str] = [name for name in ("credit", "W", "T", "L", "split", "missing", "agree") if name in header]
        for name, percent, *cells in rows:
            judge = name.removeprefix("· ") if name.startswith("·") else None
            own = self.counted(self.overall_name if judge else name, judge)
            shown: dict[str, str] = dict(zip(names, cells, strict=True))
            if own.n:
                self.same(percent.split()[0], 100 * own.credit / own.n, digits=HALF_DIGIT)
                self.same(shown["credit"], own.credit, digits=1e-4)
            for column, counted in zip("WTL", (own.won, own.tied, own.lost), strict=True):
                self.same(shown[column], counted)
            self.same(shown.get("split", "0"), own.split)
            self.same(shown["missing"], self.run.manifest["n_items"] - own.n)
            if own.judged and "agree" in shown:
                self.same(shown["agree"].split("/")[0], own.agree, digits=1e-4)
                self.same(shown["agree"].split("/")[1], own.judged)
        lines = self.screen.splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("criterion "))
        for line in lines[first : first + len(self.table)]:
            told = " ".join(line.split())
            for name in (*self.judges(),):
                told = re.sub(rf"(?<![\w-]){re.escape(name)}(?!\w)", "NAME", told)
            self.text = self.text.replace(told, " ", 1)

    def check_sentences(self) -> None:
        own, rate = self.overall, 100 * self.overall.credit / max(1, self.overall.n)
        for found in self.taken(r"(?:in|wins) ([\d.]+) % of (\d+) pairs?"):
            self.same(found[1], rate, digits=HALF_DIGIT)
            self.same(found[2], own.n)
        for found in self.taken(r"both orders agree in (\d+) of (\d+) pairs?"):
            self.same(found[1], own.agree, digits=1e-4)
            self.same(found[2], own.judged)
        first = Counter(said for _, said in self.run.verdicts(self.overall_name) if said)
        decisive = first["first"] + first["second"]
        for found in self.taken(r"shown first in (\d+) of (\d+) decisive verdicts? \((\d+) %\)"):
            self.same(found[1], first["first"])
            self.same(found[2], decisive)
            self.same(found[3], 100 * first["first"] / decisive, digits=0.501)

    def check_panel_and_looks(self) -> None:
        alone = [self.counted(self.overall_name, judge) for judge in sorted(self.judges())]
        rates = [100 * one.credit / one.n for one in alone if one.n]
        for found in self.taken(r"(\d+) judges (?:agree|do not agree): NAME wins ([\d.]+) to ([\d.]+) % by judge"):
            self.same(found[1], len(rates))
            self.same(found[2], min(rates), digits=HALF_DIGIT)
            self.same(found[3], max(rates), digits=HALF_DIGIT)
            sides = {rate > 50 for rate in rates} if 50 not in rates else {True, False}
            assert ("do not agree" in found[0]) == (len(sides) > 1)
        asked, planned = len({line["item"] for line in self.run.latest.values()} | self.run.identical), self.n_items
        for found in self.taken(r"after (\d+) looks?, (\d+) of (\d+) pairs"):
            self.same(found[1], math.ceil(asked / self.run.manifest["stopping"]["look_every"]))
            self.same(found[2], asked)
            self.same(found[3], planned)
        for found in self.taken(r"wins of NAME among (\d+) pairs with a winner ([\d.]+) %"):
            winners = [credit for credit in self.overall.credits.values() if credit != 1 / 2]
            self.same(found[1], len(winners))
            self.same(found[2], 100 * sum(credit > 1 / 2 for credit in winners) / len(winners), digits=HALF_DIGIT)
        orders = len(Order) if self.run.both else 1
        requests = (self.n_items - len(self.run.identical)) * orders * len(self.judges()) * self.run.manifest["samples"]
        for found in self.taken(r"Not finished: ([\d,]+) of ([\d,]+) calls made"):
            self.same(found[1], len(self.run.latest))
            self.same(found[2], requests)

    @property
    def n_items(self) -> int:
        return int(self.run.manifest["n_items"])

    def check_notes(self) -> None:
        own = self.overall
        judged = {line["item"] for line in self.run.latest.values()}
        waiting = self.n_items - len(judged | self.run.identical)
        for found in self.taken(r"(\d+) pairs? (?:is|are) not judged yet"):
            self.same(found[1], waiting)
        lost = self.n_items - own.n
        for found in self.taken(r"(\d+) pairs? (?:has|have) no verdict \(([^)]*)\)"):
            reasons = re.findall(r"([\d,]+) ([a-z ]+)", found[2])
            self.same(found[1], sum(int(n.replace(",", "")) for n, _ in reasons))
            self.same(found[1], lost - (waiting if self.screen.startswith("Not finished") else 0))
        for found in self.taken(r"worst-case bounds ([\d.]+) to ([\d.]+) %"):
            self.same(found[1], 100 * own.credit / self.n_items, digits=HALF_DIGIT)
            self.same(found[2], 100 * (own.credit + lost) / self.n_items, digits=HALF_DIGIT)
        for found in self.taken(r"(\d+) pairs? (?:has|have) identical traces"):
            self.same(found[1], len(self.run.identical))
        for found in self.taken(r"(\d+) (?:items?) left out: [a-z ]+(?:NAME)?"):
            self.same(found[1], sum(self.run.manifest["left_out"].values()))
        for found in self.taken(r"Only (\d+) clusters"):
            self.same(found[1], self.n_clusters())
        for _ in self.taken(r"(\d+) more notes?: --full"):
            self.checked += 1

    def check_traces(self) -> None:
        own = self.overall
        by_item = {pair["item"]["id"]: pair for pair in self.run.pairs}
        known = [(by_item[item], credit) for item, credit in own.credits.items() if item in by_item]
        right, longer, matched = [], [], []
        for pair, credit in known:
            if pair["a"].get("answer") == pair["b"].get("answer") == pair["item"].get("answer"):
                right.append(credit)
            a, b = (self.run.text_length(pair[side]) for side in (("b", "a") if self.speaks_of_b else ("a", "b")))
            if credit != 1 / 2 and a != b:
                longer.append((credit > 1 / 2) == (a > b))
            if a <= 1.25 * b and b <= 1.25 * a:
                matched.append(credit)
        said = Counter(
            verdict for line, verdict in self.run.verdicts(self.overall_name) if line["item"] in own.credits and verdict
        )
        counted = {
            "Both answers right:": (sum(right), len(right)),
            "The longer trace wins": (sum(longer), len(longer)),
            "at matched length": (sum(matched), len(matched)),
            "the trace shown first wins": (said["first"], said["first"] + said["second"]),
        }
        for words, (sum_, n) in counted.items():
            for found in self.taken(rf"{words} ([\d.]+)/(\d+) = ([\d.]+) %"):
                self.same(found[1], sum_, digits=1e-4)
                self.same(found[2], n)
                self.same(found[3], 100 * sum_ / n, digits=HALF_DIGIT)
        for found in self.taken(r"net of it ([\d.]+) %"):
            self.same(found[1], self.net_of_slot(), digits=HALF_DIGIT)

    def n_clusters(self) -> int:
        """Count the groups of counted items that share an image, or of one value of the field that clusters them."""
        marks: dict[str, set[str]] = {item: set() for item in self.overall.credits}
        for pair in self.run.pairs:
            if pair["item"]["id"] in marks:
                marks[pair["item"]["id"]] |= {image["sha256"] for image in pair["item"].get("images", ())}
        for line in self.run.latest.values():
            if line["item"] in marks and "cluster" in line.get("meta", {}):
                marks[line["item"]].add(line["meta"]["cluster"])
        groups: list[set[str]] = []
        for item, own in marks.items():
            joined = (own or {item}).union(*(group for group in groups if group & own))
            groups = [group for group in groups if not group & own] + [joined]
        return len(groups)

    def net_of_slot(self) -> float:
        """The rate whose log-odds are the mean of those of both orders."""
        by_order: dict[str, list[float]] = defaultdict(list)
        for line, verdict in self.run.verdicts(self.overall_name):
            if verdict and line["item"] in self.overall.credits:
                of_a = SHARES[verdict] if line["order"] == "forward" else 1 - SHARES[verdict]
                by_order[line["order"]].append(1 - of_a if self.speaks_of_b else of_a)
        means = [sum(shares) / len(shares) for shares in by_order.values()]
        return 100 / (1 + math.exp(-sum(math.log(mean / (1 - mean)) for mean in means) / 2))

    def check_counts(self) -> None:
        failed = [line["result"] for line in self.run.latest.values() if line["result"]["status"] != "judged"]
        kinds = Counter(result["failure"].replace("_", " ") for result in failed)
        for found in self.taken(r"([\d,]+) items?, ([\d,]+) judgments?, ([\d,]+) failed(?: \(([^)]*)\))?"):
            self.same(found[1], self.n_items)
            self.same(found[2], len(self.run.latest))
            self.same(found[3], len(failed))
            told = {kind: int(n.replace(",", "")) for n, kind in re.findall(r"([\d,]+) ([a-z ]+)", found[4] or "")}
            assert told == kinds
            self.checked += len(told)
        for found in self.taken(r"\$([\d,.]*\d)"):
            self.same(found[1], self.dollars(), digits=0.0051)

    def dollars(self) -> float:
        cost = 0.0
        for line in self.run.latest.values():
            (price, *_) = self.run.manifest["prices"][line["judge"]]["standard"]
            for reply in [line.get("reply"), *(attempt.get("reply") for attempt in line.get("attempts", ()))]:
                usage = (reply or {}).get("usage") or {}
                cost += usage.get("input", 0) * float(price["input"]) + usage.get("output", 0) * float(price["output"])
        return cost / 1e6


# Twelve situations, of which five are kept runs


def of_length(n: int, *, a_longer: bool, right: bool) -> Pair:
    pair = make_pair(f"q{n:03}")
    more = " It says so at greater length, for what that is worth to whoever reads it."
    answers = ("A", "A") if right else ("A", "B")
    a, b = (structs.replace(trace, answer=answer) for trace, answer in zip((pair.a, pair.b), answers, strict=True))
    longer = structs.replace(a if a_longer else b, text=(a if a_longer else b).text + more)
    return structs.replace(pair, **({"a": longer, "b": b} if a_longer else {"a": a, "b": longer}))


def built(folder: Path, *groups: tuple[Verdicts | None, int]) -> None:
    """Write a run with so many pairs of each kind of verdicts; None: refused in one order, cut in the other."""
    verdicts = [verdict for verdict, n in groups for _ in range(n)]
    names = [f"q{n:03}" for n in range(len(verdicts))]
    pairs = [
        of_length(n, a_longer=verdict != B_WINS and n % 7 > 0, right=n % 3 == 0 or verdict == TIES)
        for n, verdict in enumerate(verdicts)
    ]
    run = make_run(folder, dict(zip(names, verdicts, strict=True)), pairs)
    kinds = (FailureKind.REFUSED, FailureKind.TRUNCATED)
    judgments = [
        made if verdict else structs.replace(made, reply=None, result=Failed(failure=kinds[place], detail="made up"))
        for name, verdict in zip(names, verdicts, strict=True)
        for place, order in enumerate(Order)
        for made in [make_judgment(name, order, (verdict or A_WINS)[place])]
    ]
    write_lines(run.judgments_path, judgments)


BUILT: dict[str, tuple[tuple[Verdicts | None, int], ...]] = {
    "preferred": ((A_WINS, 41), (TIES, 9), (B_WINS, 14), (SPLITS, 9), (None, 2)),
    "other-preferred": ((A_WINS, 11), (TIES, 4), (B_WINS, 40), (SPLITS, 6), (None, 1)),
    "no-preference": ((A_WINS, 22), (TIES, 8), (B_WINS, 20), (SPLITS, 5), (None, 3)),
    "no-signal": ((A_WINS, 2), (SPLITS, 38)),
    "too-few": ((A_WINS, 1), (SPLITS, 1)),
    "equivalent": ((A_WINS, 12), (TIES, 120), (B_WINS, 11)),
    "nothing-judged": ((None, 6),),
}
KEPT = {
    "unfinished": "unfinished",
    "panel": "panel",
    "stopped-early": "decided",
    "one-order": "one-order",
    "clusters": "comparison",
}
FURTHER = ("half-judged", "controls", "batched", "merged", "imported", "labelled")
BEGIN = {
    "preferred": "secret-model-alpha is preferred to secret-model-beta in ",
    "other-preferred": "secret-model-beta is preferred to secret-model-alpha in ",
    "no-preference": "No preference is shown: ",
    "no-signal": "Nothing can be said of ",
    "too-few": "Too few to tell: ",
    "equivalent": "secret-model-alpha and secret-model-beta are equivalent within 10 points",
    "nothing-judged": "Nothing can be said of ",
    "unfinished": "Not finished: 19 of 38 calls made.",
    "stopped-early": "beta-9b is preferred to alpha-7b: decided after 5 looks",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("kept")
    copy_runs(made)
    for name, groups in BUILT.items():
        built(made / "runs" / name, *groups)
    cut = made / "runs/unfinished"
    cut.mkdir()
    for path in (made / "runs/comparison").iterdir():
        if path.is_file():
            lines = path.read_bytes().splitlines(keepends=True)
            (cut / path.name).write_bytes(b"".join(lines[:19] if path.name == "judgments.jsonl" else lines))
    return made


@pytest.mark.parametrize("name", [*BUILT, *KEPT, *FURTHER])
def test_each_number_of_a_first_screen_follows_from_the_run_folder(folder: Path, name: str) -> None:
    run = KEPT.get(name, name)
    more = ("--equivalence", "0.1") if name == "equivalent" else ()
    screen = omr_judge("report", run, *more, cwd=folder, env={"COLUMNS": "80"}).stdout
    assert screen.startswith(BEGIN.get(name, ""))
    assert Check(folder / "runs" / run, screen).all() > 8


if __name__ == "__main__":
    for given in map(Path, sys.argv[1:]):
        drawn = omr_judge("report", given, cwd=Path(), env={"COLUMNS": "80"}).stdout
        print(f"{given}: {Check(given, drawn).all()} figures are as counted")  # noqa: T201 - a script
