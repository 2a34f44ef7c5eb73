"""What a person sees: all counts, in 80 columns, and nothing that foreign text does to a terminal."""

from __future__ import annotations

import io
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
from judge.judging.progress import Display
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
from judge.tables.terminal import LEFT_OUT, render_report

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


def drawn(shown: Report) -> str:
    console = Console(file=io.StringIO(), width=WIDTH, highlight=False, markup=False, emoji=False)
    render_report(shown, console)
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
    text = drawn(shown.model_copy(update={"criteria": criteria}))
    assert max(cell_len(line) for line in text.splitlines()) <= WIDTH
    assert all(str(count) in text for count in big.values())
    first_column = "".join(line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│"))
    assert first_column.count(name) == 2


def test_the_counts_beside_the_tables_are_told() -> None:
    text = " ".join(drawn(report()).split())
    assert "8 items, 10 judgments, 2 failed (refused 2)" in text
    assert "4 judgments not asked yet" in text
    assert "1 items with identical traces" in text
    assert "missing because a judge said cannot_judge: knowledge 1, overall 1" in text
    assert "3 items left out: only in a" in text
    assert "2 items left out: without an image that can be shown" in text
    assert "prompt pairwise.v1, rubric r.v1" in text
    assert set(LEFT_OUT) == {"only_a", "only_b", "no_item", "no_image", "no_checklist", "not_chosen", "bad_row"}


def test_a_run_without_failures_says_so() -> None:
    assert "8 items, 10 judgments, 0 failed\n" in drawn(report().model_copy(update={"n_failed": 0, "failures": {}}))


def test_one_order_has_no_splits_and_no_consistency() -> None:
    text = drawn(report(orders=Orders.ONE))
    assert "split" not in text.partition("Percent")[0]
    assert "orders agree" not in text
    assert "first slot" in text


def test_a_panel_is_drawn_together_and_judge_by_judge() -> None:
    text = drawn(report(judges=("openai:m", "anthropic:n")))
    titles = [line.rstrip() for line in text.splitlines() if line.startswith("Judged by")]
    assert titles == [f"Judged by {who}" for who in ("openai:m, anthropic:n", "openai:m alone", "anthropic:n alone")]


def test_a_rate_over_nothing_is_a_dash() -> None:
    nothing = build_report(
        latest_judgments([judgment("q1", Order.FORWARD, None)]),
        Subject(("openai:m",), NAMES, Orders.BOTH, n_items=1, n_identical=0),
        RunDescription(Models(a="a", b="b"), None, "imported.v1", 1, 0, {}),
        method=Method.JEFFREYS,
    )
    text = drawn(nothing)
    assert "│ - │" in " ".join(text.replace("│", " │ ").split())
    assert "nan" not in text
    assert "imported, criteria imported.v1" in " ".join(text.split())


def test_foreign_text_prints_harmless_wherever_it_stands() -> None:
    shown = report(models=(f"a{EVIL}", EVIL), judges=(f"openai:{EVIL}", "openai:m"))
    shown = shown.model_copy(update={"warnings": (f"Judge {EVIL} warns",), "prompt": EVIL, "rubric": EVIL})
    text = drawn(shown)
    assert_harmless(text)
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
    assert all(line.startswith("judging: ") for line in lines)
    assert lines[0].startswith("judging: 4/10 done, 0 failed, 0 in flight, ")
    assert lines[-1].startswith("judging: 7/10 done, 1 failed, 1 in flight, ")
    assert "4,400 tokens, cost unknown, 1 retries, last retry: 500: " in lines[-1]


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
    assert "1 failed, 1 in flight" in text
    assert "judging: " not in text


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
    assert "last retry: 500: [/foo][31m[bold red]2J⟨U+202E⟩gnp.exe" in text
    assert "\x1b[31m[bold" not in text


def test_the_cost_is_told_when_every_price_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(total=1, done=0, prices={SPEC.name: PRICE}, quiet=False) as display:
        display.started("k")
        display.recorded(judgment("q1", Order.FORWARD, Verdict.TIE, SPEC.name))
    assert "1,100 tokens, $0.0035\n" in capsys.readouterr().err
