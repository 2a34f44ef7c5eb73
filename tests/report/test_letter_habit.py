"""The strata with every right letter counted alike, by hand."""

from __future__ import annotations

from report.test_report_sections import judgment, report_of

from judge.enums import Stratum
from judge.report.letter_habit import habit_warning
from judge.schema import Item, Order, Pair, Trace, Verdict
from judge.tables.tables import strata

OPTIONS = {"A": "w", "B": "x", "C": "y", "D": "z"}


def pair(number: int, right: str, a: str, b: str) -> Pair:
    item = Item(id=f"{number:03d}", question="q", options=OPTIONS, answer=right)
    return Pair(item=item, a=Trace(text="t", answer=a), b=Trace(text="u", answer=b))


def test_each_right_letter_counts_alike_in_the_corrected_strata() -> None:
    # a always answers A: right on all 36 items of A, and on none of the 12 others. b knows every answer but those of A.
    pairs = [pair(n, "A", "A", "B") for n in range(36)]
    pairs += [pair(36 + n, "BCD"[n % 3], "A", "BCD"[n % 3]) for n in range(12)]
    said = [judgment(one.item.id, order, Verdict.TIE) for one in pairs for order in Order]
    report = report_of(said, pairs)
    habit = report.letter_habit
    assert habit is not None
    assert (habit.letter, habit.share, habit.n) == ("A", 0.75, 48)
    assert (habit.a.on_letter, habit.a.elsewhere, habit.a.corrected) == (1.0, 0.0, 0.25)
    assert (habit.b.on_letter, habit.b.elsewhere, habit.b.corrected) == (0.0, 1.0, 0.75)
    assert {stratum: one.share for stratum, one in habit.strata.items()} == {
        Stratum.BOTH_RIGHT: 0.0,
        Stratum.ONLY_A_RIGHT: 0.25,
        Stratum.ONLY_B_RIGHT: 0.75,
        Stratum.BOTH_WRONG: 0.0,
    }
    told = habit_warning(habit, "x", "y")
    assert told in report.warnings
    assert "the right answer is A in 75 % of 48 items" in told
    assert "x is right on 100 % of them and on 0 % of the others" in told
    row = next(row for row in strata(report).rows if "every right letter counted alike" in row.name)
    assert [cell.estimate for cell in row.cells] == [None, 0.5, 0.5, None]
