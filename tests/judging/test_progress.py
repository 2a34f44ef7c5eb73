"""What a person sees: all counts, in 80 columns, and nothing that foreign text does to a terminal."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from decimal import Decimal

import pytest
from audit.test_terminal_is_safe import SEEN
from builders import NAMES
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from judge.enums import Method, Orders
from judge.files.safe_text import safe
from judge.judging import progress
from judge.judging.progress import Display, Pace
from judge.outcomes.counted_items import Subject
from judge.outcomes.latest_judgments import latest_judgments
from judge.report.build_report import RunDescription, build_report
from judge.report.report import Models, Report
from judge.schema import (
    Attempt,
    Failed,
    FailureKind,
    Judged,
    JudgeSettings,
    JudgeSpec,
    Judgment,
    Order,
    Price,
    Provider,
    Reply,
    Tariff,
    Usage,
    Verdict,
)
from judge.tables.notes import LEFT_OUT
from judge.tables.terminal import render_report

EVIL = "[/foo]\x1b[31m[bold red]\x07\r\x9b2J\u202egnp.exe"
WIDTH = 80


def judgment(item: str, order: Order, verdict: Verdict | None, judge: str = "openai:m") -> Judgment:
    result = Judged(verdicts=dict.fromkeys(NAMES, verdict)) if verdict else Failed(failure=FailureKind.REFUSED)
    reply = Reply(text="", usage=Usage(input=1000, output=100))
    key = f"{abs(hash((item, order, judge))):032x}"
    return Judgment(key=key, item=item, order=order, judge=judge, sample=0, result=result, reply=reply)


def report(
    *,
    orders: Orders = Orders.BOTH,
    judges: tuple[str, ...] = ("openai:m",),
    models: tuple[str, str] = ("model-a", "model-b"),
) -> Report:
    shown = list(Order) if orders is Orders.BOTH else [Order.FORWARD]
    said = {"q1": Verdict.FIRST, "q2": Verdict.SECOND, "q3": Verdict.TIE, "q4": Verdict.CANNOT_JUDGE, "q5": None}
    judgments = [judgment(item, order, v, judge) for item, v in said.items() for order in shown for judge in judges]
    return build_report(
        latest_judgments(judgments),
        Subject(judges, NAMES, orders, n_items=8, n_identical=1),
        RunDescription(Models(a=models[0], b=models[1]), "pairwise.v1", "r.v1", 1, 0, {"only_a": 3, "no_image": 2}),
        method=Method.JEFFREYS,
    )


def drawn(shown: Report, *, full: bool = False) -> str:
    console = Console(file=io.StringIO(), width=WIDTH, highlight=False, markup=False, emoji=False)
    render_report(shown, console, full=full)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def assert_harmless(text: str) -> None:
    for character in text:
        assert character in SEEN or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_safe_text_holds_nothing_that_acts_on_a_terminal(text: str) -> None:
    shown = safe(text)
    assert_harmless(shown)
    shown.encode()
    assert safe(shown) == shown


@given(st.text(alphabet=st.characters(categories=("L", "M", "N", "P", "S", "Zs")) | st.sampled_from("\n\t")))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_invisible_characters_are_spelled_out() -> None:
    assert safe("a\u202eb\u200bc\x1b[0m\x00") == "a⟨U+202E⟩b⟨U+200B⟩c[0m"


def test_every_table_fits_a_terminal_and_shows_all_counts() -> None:
    shown = report()
    big = {"wins_a": 123_456, "wins_b": 234_567, "ties": 345_678, "splits": 456_789, "missing": 567_890}
    name = "a_criterion_name_of_forty_characters_aaa"
    criteria = {name: shown.criteria["overall"].model_copy(update=big), **shown.criteria}
    text = drawn(shown.model_copy(update={"criteria": criteria}), full=True)
    assert max(cell_len(line) for line in text.splitlines()) <= WIDTH
    assert all(str(count) in text for count in big.values())
    first_column = "".join(line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│"))
    assert first_column.count(name) == 1
    assert name in text.splitlines()


def test_the_counts_beside_the_tables_are_told() -> None:
    text = " ".join(drawn(report()).split())
    assert "8 items, 10 judgments, 2 failed (2 refused)" in text
    assert "Not finished: 10 of 14 calls made." in text
    assert "1 pair has identical traces: counted as tied, not asked." in text
    assert "2 pairs have no verdict (1 cannot judge, 1 refused)." in text
    assert "3 items left out: only in the traces of model-a." in text
    assert "2 items left out: without an image that can be shown." in text
    assert "prompt pairwise.v1, rubric r.v1" in " ".join(drawn(report(), full=True).split())
    assert set(LEFT_OUT) == {"only_a", "only_b", "no_item", "no_image", "no_checklist", "not_chosen", "bad_row"}


def test_a_run_without_failures_says_so() -> None:
    assert "8 items, 10 judgments, 0 failed.\n" in drawn(report().model_copy(update={"n_failed": 0, "failures": {}}))


def test_one_order_has_no_splits_and_no_consistency() -> None:
    text = drawn(report(orders=Orders.ONE), full=True)
    assert "split" not in text.partition("Percent")[0]
    assert "position consistency" not in text
    assert "first slot" in text


def test_a_panel_is_drawn_together_and_judge_by_judge() -> None:
    lines = [line.rstrip() for line in drawn(report(judges=("openai:m", "anthropic:n")), full=True).splitlines()]
    assert [line for line in lines if line.endswith(" alone")] == ["openai:m alone", "anthropic:n alone"]
    believed = [line for line in lines if line.endswith(" be believed?")]
    assert believed == [f"Can {who} be believed?" for who in ("the judge", "openai:m", "anthropic:n")]


def test_a_rate_over_nothing_is_a_dash() -> None:
    nothing = build_report(
        latest_judgments([judgment("q1", Order.FORWARD, None)]),
        Subject(("openai:m",), NAMES, Orders.BOTH, n_items=1, n_identical=0),
        RunDescription(Models(a="a", b="b"), None, "imported.v1", 1, 0, {}),
        method=Method.JEFFREYS,
    )
    text = drawn(nothing, full=True)
    assert text.splitlines()[0] == "Nothing can be said of a and b: no pair has the verdicts that a win rate needs."
    assert "│ - │" in " ".join(text.replace("│", " │ ").split())
    assert "nan" not in text
    assert "imported, criteria imported.v1" in " ".join(text.split())


def test_foreign_text_prints_harmless_wherever_it_stands() -> None:
    shown = report(models=(f"a{EVIL}", EVIL), judges=(f"openai:{EVIL}", "openai:m"))
    shown = shown.model_copy(update={"warnings": (f"Judge {EVIL} warns",), "prompt": EVIL, "rubric": EVIL})
    text = drawn(shown, full=True)
    assert_harmless(text)
    assert_harmless(drawn(shown))
    assert text.replace("\n", "").count("[/foo]") >= 6
    assert "⟨U+202E⟩" in text


SPEC = JudgeSpec(provider=Provider.OPENAI, model="m", settings=JudgeSettings(max_output_tokens=1))
PRICE = Price(
    source="test",
    standard=(Tariff(input=Decimal("2.5"), cache_read=Decimal(1), cache_write=Decimal(3), output=Decimal(10)),),
)
PROBLEM = Attempt(problem=f"500: {EVIL}", status=500)


def play(display: Display) -> None:
    with display:
        for number in range(4):
            display.started("k")
            if number == 1:
                display.retried(PROBLEM)
            verdict = None if number == 2 else Verdict.TIE
            display.recorded(judgment(f"q{number}", Order.FORWARD, verdict))
        display.started("k")
        display.given_up("k", maybe_paid=False)
        display.started("k")


def assert_counted(display: Display) -> None:
    counts = (display.total, display.done, display.failed, display.in_flight, display.retries)
    assert counts == (10, 7, 1, 1, 1)


def test_progress_is_plain_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    display = Display(total=10, done=3, prices={}, quiet=False)
    play(display)
    assert_counted(display)
    out, err = capsys.readouterr()
    assert out == ""
    assert_harmless(err)
    lines = err.splitlines()
    assert len(lines) == 6
    assert re.match(r"4 of 10 judged, \d+ s left, cost unknown, 0 failed$", lines[0])
    assert re.match(r"7 of 10 judged, \d+ s left, cost unknown, 1 failed, 1 retry \(last: 500: ", lines[-1])


def test_progress_says_little_when_it_goes_fast(capsys: pytest.CaptureFixture[str]) -> None:
    play(Display(total=10, done=3, prices={}, quiet=False))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_progress_is_silent_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(total=10, done=3, prices={}, quiet=True)
    play(display)
    assert_counted(display)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("seconds", [0.0, 10.0])
def test_progress_is_a_live_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(progress, "LIVE_SECONDS", seconds)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    display = Display(total=10, done=3, prices={}, quiet=False)
    play(display)
    assert_counted(display)
    text = terminal.getvalue()
    assert "7/10" in text
    assert "1 failed  1 retry" in text
    assert " judged" not in text


def test_a_problem_is_shown_live_without_acting_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Display(total=10, done=0, prices={}, quiet=False) as display:
        display.started("k")
        display.retried(PROBLEM)
        display._progress.refresh()  # noqa: SLF001 - as its timer does
    text = terminal.getvalue()
    assert "1 retry  500: [/foo][31m[bold red]2J⟨U+202E⟩gnp.exe" in text
    assert "\x1b[31m[bold" not in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_live_line_fits_its_terminal_in_one_line(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    display = Display(total=1600, done=1140, prices={SPEC.name: PRICE}, quiet=False)
    with display:
        for number in range(4):
            display.started(f"q{number}/forward/{SPEC.name}/0")
            display.recorded(judgment(f"q{number}", Order.FORWARD, Verdict.TIE, SPEC.name))
    line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()).replace("\r", "\n").strip().splitlines()[-1]
    assert cell_len(line) <= width
    assert "1,144/1,600" in line
    assert " left  $0.01  0 failed" in line
    assert ("/s" in line) == ("━" in line) == (width >= 80)


def test_the_first_estimate_counts_the_calls_in_flight() -> None:
    pace = Pace(0.0)
    for call in range(16):
        pace.began(str(call), 0.1)
    assert pace.per_second(9.0) is None
    pace.ended("0", 10.1, judged=True)
    assert pace.per_second(10.1) == pytest.approx(1.6, rel=0.02)
    for call in range(1, 16):
        pace.ended(str(call), 10.2, judged=True)
    assert pace.per_second(10.2) == pytest.approx(1.6, rel=0.05)
    for turn in range(1, 6):
        for call in range(16):
            pace.began(f"{turn}/{call}", 10.2 * turn)
            pace.ended(f"{turn}/{call}", 10.2 * (turn + 1), judged=True)
    assert pace.per_second(61.2) == pytest.approx(96 / 61.2)
    assert Pace(0.0).per_second(1.0) is None


def test_a_pace_without_calls_in_flight_counts_what_came() -> None:
    pace = Pace(0.0)
    pace.ended("of a batch", 5.0, judged=True)
    assert pace.per_second(10.0) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (12, "12 s"), (119, "119 s"), (300, "5 min"), (9000, "2.5 h")]
)
def test_a_duration_is_told_in_one_unit(seconds: float, told: str) -> None:
    assert progress._duration(seconds) == told  # noqa: SLF001 - a word of the plain line


def test_the_cost_is_told_when_every_price_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(total=1, done=0, prices={SPEC.name: PRICE}, quiet=False) as display:
        display.started("k")
        display.recorded(judgment("q1", Order.FORWARD, Verdict.TIE, SPEC.name))
    assert "1 of 1 judged, $0.0035, 0 failed\n" in capsys.readouterr().err
