"""Reports in the forms of papers, pages and programs: the same numbers, and nothing that foreign text does to them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from command import omr_judge
from hypothesis import given
from hypothesis import strategies as st
from judging.test_progress import EVIL, assert_harmless, report
from msgspec import structs
from report.test_report_sections import hundred, pair, report_of

from judge.enums import Method, Orders, ReportFormat
from judge.outcomes.counted_items import Pooling
from judge.outcomes.item_features import WantedFields
from judge.report.build_report import Extras
from judge.report.report import Report
from judge.tables.formats import html_escaped, latex_escaped, markdown_escaped, written
from judge.tables.tables import comparison_document, tables
from judge.tables.tidy_csv import COLUMNS, harmless

HOSTILE = r"a_b%c&d#e$f~g^h\\i{j}k<script>alert(1)</script>|`--'' [x](y) ![z](http://e.org) =1+1 測é" + EVIL
anything = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)


@cache
def full_report(names: tuple[str, str] = ("model-a", "model-b"), judges: tuple[str, str] = ("j", "k")) -> Report:
    """Return a report that has something to say in every section."""
    judgments = [structs.replace(j, judge=judge, key=f"{j.key}{judge}") for judge in judges for j in hundred()]
    pairs = [pair(n) for n in range(100)]
    made = report_of(
        judgments, pairs, judges=judges, wanted=WantedFields(by=("part",)), extras=Extras(length_control=True)
    )
    return made.model_copy(update={"models": made.models.model_copy(update={"a": names[0], "b": names[1]})})


WRITTEN = [form for form in ReportFormat if form is not ReportFormat.TERMINAL]
FOREIGN = ((HOSTILE, "[*" + HOSTILE), ("=" + HOSTILE, "k"))


def test_every_section_of_the_report_is_a_table_in_every_form() -> None:
    keys = {table.key for table in tables(full_report())}
    assert keys == {
        *("win_rates", "credibility", "tests", "ledger", "strata", "subgroups"),
        *("position", "length", "agreement", "judge_sensitivity", "variance_components", "halo"),
    }
    n, document = len(list(tables(full_report()))), comparison_document(full_report())
    assert written(document, ReportFormat.MARKDOWN).count("| ---: |\n") == n
    assert written(document, ReportFormat.LATEX).count(r"\begin{tabular}") == n
    assert written(document, ReportFormat.HTML_FRAGMENT).count("<caption>") == n
    assert json.loads(written(document, ReportFormat.JSON)) == full_report().model_dump(mode="json")


@pytest.mark.parametrize("form", [ReportFormat.MARKDOWN, ReportFormat.LATEX, ReportFormat.HTML_FRAGMENT])
def test_every_caption_says_what_the_numbers_rest_on(form: ReportFormat) -> None:
    text = written(comparison_document(full_report()), form).replace("\\", "")
    told = (
        *("a is model", "judged by j, k, with prompt p.v1 and rubric r.v1, each pair in both orders"),
        "100 items, 400 judgments, 0 failed",
        "The panel's verdicts are averaged".replace("'", "&#x27;" if form is ReportFormat.HTML_FRAGMENT else "'"),
        "with 95 % intervals over items (Bayesian bootstrap, Jeffreys prior, 10,000 resamples, seed 0)",
    )
    for words in told:
        assert text.count(words) == len(list(tables(full_report()))), words
    assert text.rstrip().removesuffix("</section>").count("On overall, ") == 1


def test_csv_has_a_line_for_each_number_and_the_numbers_of_the_report() -> None:
    rows = list(csv.DictReader(io.StringIO(written(comparison_document(full_report()), ReportFormat.CSV))))
    assert tuple(rows[0]) == COLUMNS
    found = {(r["table"], r["judge"], r["row"], r["quantity"]): r for r in rows}
    report = full_report()
    rate, own = report.criteria["overall"].win_rate, found["win_rates", "", "overall", "win_rate"]
    figures = ("estimate", "low", "high", "n", "numerator", "se")
    assert [float(own[name]) for name in figures] == list(rate.model_dump().values())
    assert float(found["win_rates", "k", "overall", "wins_a"]["estimate"]) == report.by_judge["k"]["overall"].wins_a
    assert found["tests", "", "overall", "verdict"]["text"] == report.criteria["overall"].verdict
    assert found["run", "", "", "n_items"]["estimate"] == "100"
    assert found["subgroups", "", "p0", "n"]["estimate"] == str(report.subgroups["part"]["p0"].n)
    assert len(found) == len(rows) - len(report.warnings[1:])


@pytest.mark.parametrize("sign", "=+-@＝＋－＠")  # noqa: RUF001 - the full-width ones too
@pytest.mark.parametrize("before", ["", " ", "\t", "\u00a0", "\u200b", "\ufeff ", "two\n", "two\r", "two\r\n \u3000"])
def test_no_line_of_a_csv_cell_can_become_a_formula(sign: str, before: str) -> None:
    lines = harmless(f"{before}{sign}1+1").split("\n")
    assert lines[-1].startswith("'")
    assert lines[0] in ("two", lines[-1])


def test_a_csv_cell_with_a_tab_before_it_is_quoted_and_ordinary_text_stays() -> None:
    assert harmless("\tx") == "'\tx"
    assert harmless("gpt-4 a=b") == "gpt-4 a=b"


@given(anything)
def test_latex_of_any_text_has_balanced_braces_and_no_special_that_acts(text: str) -> None:
    shown = latex_escaped(text)
    assert_harmless(shown)
    bare = re.sub(r"\\(text[a-z]+\{\}|[{}#$%&_])", "", shown)
    assert not set(bare) & set('\\#$%&_~^<>|`"')
    assert re.sub(r"\{\}", "", bare).count("{") == 0
    assert "--" not in bare
    assert "\n" not in shown


@given(anything)
def test_markdown_of_any_text_is_one_line_without_a_sign_that_acts(text: str) -> None:
    shown = markdown_escaped(text)
    assert_harmless(shown)
    bare = re.sub(r"\\[\\`*_\[\]<>|~#&$@]|&#(58|46);", "", shown)
    assert not set(bare) & set("\\`*_[]<>|~#&$@")
    assert "://" not in shown
    assert "\n" not in shown


class Tags(HTMLParser):
    """Collects tags and text; fails on attributes but `scope`."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= {"scope"}
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_html_fragment_is_tables_alone_whatever_names_say() -> None:
    parser = Tags()
    parser.feed(written(comparison_document(full_report(*FOREIGN)), ReportFormat.HTML_FRAGMENT))
    assert parser.open == []
    assert parser.seen == {
        *("section", "figure", "table", "caption", "thead", "tbody", "tr", "th", "td", "p", "strong"),
    }
    assert "<script>alert(1)</script>" in parser.text


@given(anything)
def test_html_of_any_text_is_text(text: str) -> None:
    parser = Tags()
    parser.feed(f"<p>{html_escaped(text)}</p>")
    parser.close()
    assert parser.seen == {"p"}


@pytest.mark.parametrize("form", WRITTEN)
def test_foreign_names_act_nowhere(form: ReportFormat) -> None:
    text = written(comparison_document(full_report(*FOREIGN)), form)
    if form is not ReportFormat.JSON:
        assert_harmless(text)
    if form is ReportFormat.LATEX:
        bare = re.sub(r"\\[\\{}#$%&_]", "", text)
        assert bare.count("{") == bare.count("}")
        assert not re.search(r"(\\\\|rule)\s*[\[*]", text)
    if form is ReportFormat.CSV:
        assert not any(harmless(cell) != cell for row in csv.reader(io.StringIO(text)) for cell in row if "1+1" in cell)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is absent")
def test_pdflatex_takes_the_tables(tmp_path: Path) -> None:
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}\begin{document}"
    text = written(comparison_document(full_report(*FOREIGN)), ReportFormat.LATEX).replace("測", "")
    (tmp_path / "t.tex").write_text(f"{head}\n{text}\n\\end{{document}}", encoding="utf-8")
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)  # noqa: S607


def test_a_report_over_nothing_is_written_in_every_form() -> None:
    nothing = report_of([], [pair(0)])
    for form in WRITTEN:
        text = written(comparison_document(nothing), form)
        assert "nan" not in text
        assert text.endswith("\n")


def test_the_caption_tells_a_majority_and_one_judge_has_none() -> None:
    one = report_of(hundred(), [pair(n) for n in range(100)], extras=Extras(majority=True))
    assert one.pooling is None
    assert "This run has one judge: there is no majority to take." in one.warnings
    two = comparison_document(full_report().model_copy(update={"pooling": Pooling.MAJORITY}))
    said = "The panel speaks by majority in each order of an item; without one it says tie."
    assert said in written(two, ReportFormat.MARKDOWN)
    interval = full_report().interval.model_copy(update={"method": Method.WILSON})
    assert "Wilson's closed form" in written(
        comparison_document(full_report().model_copy(update={"interval": interval})), ReportFormat.MARKDOWN
    )


def test_one_order_has_fewer_columns() -> None:
    (win_rates, credibility, *_) = tables(report().model_copy(update={"orders": Orders.ONE}))
    assert "splits" not in win_rates.columns
    assert list(credibility.columns) == ["first_slot", "signal"]


VERDICTS = "".join(
    json.dumps({"item": item, "order": order, "judge": judge, "verdict": said}) + "\n"
    for judge, said in {"j": "first", "k": "tie", "l": "first"}.items()
    for item in ("q1", "q2")
    for order in ("forward", "swapped")
)


@pytest.mark.slow
def test_the_command_writes_each_form_and_json_is_short_for_one(tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text(VERDICTS)
    omr_judge("import", "v.jsonl", "--name", "v", cwd=tmp_path)
    marks = {"markdown": "| criterion |", "latex": r"\begin{table}", "csv": "table,judge", "html-fragment": "<figure>"}
    for form, mark in marks.items():
        assert mark in omr_judge("report", "v", "--format", form, "--majority", cwd=tmp_path).stdout
    short, long = (omr_judge("report", "v", *how, cwd=tmp_path).stdout for how in (["--json"], ["--format", "json"]))
    assert short == long
    assert json.loads(short)["pooling"] == "mean"
    assert "The panel speaks by majority" in " ".join(
        omr_judge("report", "v", "--majority", cwd=tmp_path).stdout.split()
    )
