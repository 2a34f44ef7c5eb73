"""Every rate that a table prints follows, to its last digit, from the counts that are printed beside it."""

from __future__ import annotations

import csv
import html
import io
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from kept_runs import copy_runs
from msgspec import structs
from report.test_report_sections import hundred, judgment, pair, report_of, runs
from rich.console import Console

from judge.comparison.derive_report import make_report
from judge.enums import Orders, ReportFormat
from judge.outcomes.item_features import WantedFields
from judge.report.build_report import Extras
from judge.report.report import Report
from judge.runs.run_folder import RunFolder
from judge.schema import Judgment, Order, Verdict
from judge.tables.formats import written
from judge.tables.tables import comparison_document
from judge.tables.terminal import render_report

FRACTION = re.compile(r"(?P<sum>[\d.]+)/(?P<n>[\d.]+) = (?P<rate>[\d.]+)(?: \[.*\])?")
RATE = re.compile(r"-?\d+\.\d(?: \[.*\])?")
NO_RATES = {
    *("credit", "credit of a", "p", "p, adjusted (Holm)", "p, sign test", "p, adjusted (Benjamini-Hochberg)"),
    *("raw", "AC1", "kappa", "alpha", "interval alpha", "preference (log-odds)", "slot effect (log-odds)"),
    *("length-controlled win rate", "beyond repeat", "a gains"),
}
"""sums, p-values, coefficients; a regression, and differences in points: no shares of what is counted"""
FORMS = ("markdown", "latex", "html-fragment", "terminal")
Rows = list[list[str]]


def markdown_tables(text: str) -> Iterator[Rows]:
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = [re.sub(r"\\(.)", r"\1", line).strip("|\n").split(" | ") for line in block.splitlines()]
        yield [[cell.strip() for cell in line] for n, line in enumerate(lines) if n != 1]


def latex_tables(text: str) -> Iterator[Rows]:
    for block in re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL):
        lines = [line.removesuffix(r" \\") for line in block.splitlines() if line != r"\midrule"]
        plain = [re.sub(r"\\([#$%&_])|\{\}", r"\1", line.replace(r"\textless{}", "<")) for line in lines]
        yield [line.split(" & ") for line in plain]


class HtmlTables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Rows] = []
        self.is_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"th", "td"}:
            self.tables[-1][-1].append("")
            self.is_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.is_cell = self.is_cell and tag not in {"th", "td"}

    def handle_data(self, data: str) -> None:
        if self.is_cell:
            self.tables[-1][-1][-1] += html.unescape(data)


def rate_tables(text: str) -> Iterator[Rows]:
    """Yield the tables of win rates, whose rows are no wider than the terminal and have a bar after their name."""
    for block in re.findall(r"^criterion .*\n(?:.+\n)+", text, re.MULTILINE):
        head, *lines = (line.split() for line in block.splitlines())
        after = head[head.index("%") + 1 :]
        rows = [["criterion", "win rate of a", *after]]
        for line in lines:
            *start, tail = line[: -len(after)], line[-len(after) :]
            text = " ".join(part for part in start[0] if not set(part) & set("━●┊"))
            found = re.fullmatch(r"(.+?) (-|[\d.]+(?: \[.*\])?)", text)
            assert found is not None, line
            rows.append([found[1], found[2], *tail])
        yield rows


def terminal_tables(text: str) -> Iterator[Rows]:
    yield from rate_tables(text)
    for block in re.findall(r"┏.*?└", text, re.DOTALL):
        rows: Rows = []
        for line in block.splitlines():
            if line[:1] not in "┃│":
                continue
            own = [cell.strip() for cell in re.split("[┃│]", line)[1:-1]]
            if rows and ((len(rows) == 1 and line[0] == "┃") or not own[0] or RATE.match(own[0])):
                rows[-1] = [f"{above} {cell}".strip() for above, cell in zip(rows[-1], own, strict=True)]
            else:
                rows.append(own)
        yield rows


def printed_tables(report: Report, form: str) -> list[Rows]:
    if form == "terminal":
        drawn = io.StringIO()
        render_report(report, Console(file=drawn, width=100, highlight=False, markup=False, emoji=False), full=True)
        return list(terminal_tables(drawn.getvalue()))
    text = written(comparison_document(report), ReportFormat(form))
    if form == "html-fragment":
        parser = HtmlTables()
        parser.feed(text)
        return parser.tables
    return list((markdown_tables if form == "markdown" else latex_tables)(text))


def fraction(cell: str) -> tuple[float, float]:
    """Return the sum of a rate and what it is over: of soft verdicts an expected number, and not a whole one."""
    found = FRACTION.fullmatch(cell)
    return (float(found["sum"]), float(found["n"])) if found else (0.0, 0.0)


def by_chance(row: Mapping[str, str]) -> float:
    """2 f s + t t, from the verdicts' counts: two an item unless it is said how many there are."""
    first, decisive = fraction(row["first slot"])
    total = float(row.get("verdicts", 2 * fraction(row["position consistency"])[1]))
    f, s, t = first / total, (decisive - first) / total, (total - decisive) / total
    return 2 * f * s + t * t


def net_of_slot(row: Mapping[str, str]) -> float:
    sums = [fraction(row[name]) for name in ("win rate of a shown first", "shown second")]
    means = [total / n for total, n in sums]
    if row["splits to the first"] == "-":
        return sum(means) / 2
    return 1 / (1 + math.exp(-sum(math.log(mean / (1 - mean)) for mean in means) / 2))


def recounted(heading: str, row: Mapping[str, str], sides: Mapping[str, str]) -> float:
    """Return a rate from the counts beside it.

    Args:
        heading: of its column.
        row: by heading, the texts of its row.
        sides: the row of the table of two instruments' sides.
    """
    if heading == "win rate of a":
        return float(row["credit"]) / sum(int(row.get(name, 0)) for name in ("W", "T", "L", "split"))
    if heading in {"if all missing went to b", "to a"}:
        counts = {name: int(cell) for name, cell in list(row.items())[1:] if cell.isdigit() and name != "credit of a"}
        known = ("a", "b", "tie", "identical", "split to the first slot", "split to the second slot")
        missing = sum(counts.values()) - sum(counts.get(name, 0) for name in known)
        return (float(row["credit of a"]) + (missing if heading == "to a" else 0)) / sum(counts.values())
    if heading == "by chance":
        return by_chance(row)
    if heading == "win rate net of the slot":
        return net_of_slot(row)
    if heading == "items matched":
        return fraction(row["win rate at matched length"])[1] / int(row["of"])
    if heading == "agreement (a, neither, b)":
        return sum(int(sides[f"{side}, {side}"]) for side in ("a", "neither", "b")) / int(row["items"])
    raise AssertionError(f"nothing printed makes {heading}: {row[heading]}")


def assert_recounted(report: Report, form: str) -> int:
    """Check every rate of every table; return how many there are."""
    tables = printed_tables(report, form)
    sides = {row[0]: dict(zip(rows[0], row, strict=True)) for rows in tables if "a, neither" in rows[0] for row in rows}
    panel = report.pooling == "mean"
    chances: dict[str, list[Mapping[str, str]]] = {}
    checked: list[tuple[str, float]] = []
    for header, *body in tables:
        for texts in body:
            row = dict(zip(header, texts, strict=True))
            if panel and "by chance" in row:
                chances.setdefault(texts[0], []).append(row)
            for heading, cell in list(row.items())[1:]:
                if found := FRACTION.fullmatch(cell):
                    checked.append((found["rate"], float(found["sum"]) / float(found["n"])))
                elif RATE.fullmatch(cell) and heading not in NO_RATES and not (panel and heading == "by chance"):
                    checked.append((cell.split()[0], recounted(heading, row, sides.get(texts[0], {}))))
    for together, *alone in chances.values():
        known = {number: by_chance(row) for number, row in enumerate(alone) if row["by chance"] != "-"}
        checked += [(alone[number]["by chance"], chance) for number, chance in known.items()]
        if together["by chance"] != "-":
            checked.append((together["by chance"], sum(known.values()) / len(alone)))
    for rate, made in checked:  # half a digit, and what four digits of a sum leave open where it counts few items
        assert float(rate) == pytest.approx(100 * made, abs=0.056)
    return len(checked)


def assert_csv_recounted(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(written(comparison_document(report), ReportFormat.CSV))))
    rates = [row for row in rows if row["numerator"] and row["estimate"]]
    assert rates or not report.criteria["overall"].win_rate.n
    for row in rates:
        assert float(row["estimate"]) == pytest.approx(float(row["numerator"]) / float(row["n"]), abs=1.1e-6), row


def noisy(
    n: int, *, judge: str = "j", sample: int = 0, orders: Sequence[Order] = tuple(Order), seed: int = 3
) -> list[Judgment]:
    source = random.Random(f"{seed}{judge}{sample}")  # noqa: S311 - fixed verdicts
    said = [Verdict.FIRST] * 5 + [Verdict.SECOND] * 3 + [Verdict.TIE] * 2 + [Verdict.CANNOT_JUDGE]
    return [
        judgment(f"q{i}", order, source.choice(said), judge=judge, sample=sample)
        for i in range(n)
        for order in (orders if len(orders) > 1 else [list(Order)[i % 2]])
    ]


@cache
def made_up() -> dict[str, Report]:
    pairs, by = [pair(n) for n in range(133)], WantedFields(by=("part",))
    panel = [row for judge in ("j", "k", "l") for row in noisy(133, judge=judge)]
    samples = [row for sample in range(3) for row in noisy(133, sample=sample)]
    extras = Extras(length_control=True)
    return {
        "one judge": report_of(noisy(133), pairs, wanted=by, extras=extras),
        "panel": report_of(panel, pairs, judges=("j", "k", "l"), wanted=by, extras=extras),
        "majority": report_of(panel, pairs, judges=("j", "k", "l"), extras=Extras(majority=True)),
        "samples": report_of(samples, pairs, samples=3),
        "one order": report_of(noisy(133, orders=[Order.FORWARD]), pairs, orders=Orders.ONE),
        "nothing": report_of([], pairs[:2]),
        "identical": report_of(noisy(20), pairs[:24], identical=[p.item.id for p in pairs[20:24]]),
    }


MADE_UP = ("one judge", "panel", "majority", "samples", "one order", "nothing", "identical")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MADE_UP)
def test_each_rate_of_a_report_follows_from_the_counts_beside_it(name: str, form: str) -> None:
    assert assert_recounted(made_up()[name], form) > 0 or name == "nothing"


@pytest.mark.parametrize("name", MADE_UP)
def test_each_rate_of_a_csv_is_its_numerator_over_its_n(name: str) -> None:
    assert_csv_recounted(made_up()[name])


@given(runs())
@settings(max_examples=10)
def test_the_rates_of_any_run_follow_from_the_counts_beside_them(run: dict[str, Any]) -> None:
    report = report_of(**run, wanted=WantedFields(None, ("part",)))
    assert_recounted(report, "markdown")
    assert_csv_recounted(report)


def test_each_rate_of_kept_runs_follows_from_the_counts_beside_it(tmp_path: Path) -> None:
    copy_runs(tmp_path)
    scores = [RunFolder(tmp_path / "runs" / f"score-{model}") for model in ("a", "b")]
    for name in ("comparison", "controls", "imported", "panel", "decided"):
        folder = RunFolder(tmp_path / "runs" / name)
        report = make_report(folder, scores=scores if name == "comparison" else ())
        for form in FORMS:
            assert assert_recounted(report, form) > 0
        assert_csv_recounted(report)


def test_the_credit_of_a_split_of_a_win_and_a_tie_is_three_quarters_in_the_table() -> None:
    said = [(Verdict.FIRST, Verdict.TIE), (Verdict.FIRST, Verdict.SECOND), (Verdict.TIE, Verdict.FIRST)]
    rows = [judgment(f"q{n}", order, v) for n, both in enumerate(said) for order, v in zip(Order, both, strict=True)]
    (header, *body) = printed_tables(report_of(rows, [pair(n) for n in range(3)]), "markdown")[0]
    row = dict(zip(header, body[-1], strict=True))
    assert (row["W"], row["T"], row["L"], row["split"], row["credit"]) == ("1", "0", "0", "2", "2")
    text = written(comparison_document(report_of(rows, [pair(n) for n in range(3)])), ReportFormat.MARKDOWN)
    assert "count half" not in text
    assert "the mean of its two orders (1, 3/4, 1/2, 1/4 or 0" in text


@pytest.mark.parametrize("form", FORMS[:3])
def test_standard_errors_stand_in_parentheses_before_the_interval_and_a_line_says_how_they_are_made(form: str) -> None:
    report = report_of([structs.replace(j) for j in hundred()], [pair(n) for n in range(100)])
    plain, with_errors = (
        written(made, ReportFormat(form))
        for made in (comparison_document(report), comparison_document(report).with_errors())
    )
    rate = report.criteria["overall"].win_rate
    assert rate.se is not None
    assert f"{100 * (rate.estimate or 0):.1f} ({100 * rate.se:.1f})" in with_errors
    assert "In parentheses: standard errors" in with_errors
    assert "In parentheses" not in plain
    drawn = io.StringIO()
    render_report(report, Console(file=drawn, width=100), errors=True)
    assert f"({100 * rate.se:.1f})" in drawn.getvalue()
    assert "In parentheses: standard errors" in drawn.getvalue()
