"""How long a provider asks to wait, from whatever headers it sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.judges.retry_after import ANTHROPIC_LIMITS, OPENAI_LIMITS, duration, retry_after

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
NAMES = [
    "retry-after",
    "retry-after-ms",
    "date",
    *(name for pair in (*OPENAI_LIMITS, *ANTHROPIC_LIMITS) for name in pair),
]


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.sampled_from(["0", "1m", DATE, "2015-10-21T07:28:09Z"])))
def test_no_header_is_too_odd(headers: dict[str, str]) -> None:
    told = retry_after(headers)
    assert told is None or told >= 0


@pytest.mark.parametrize(
    "date", ["Wed, 21 Oct 2015 07:28:00 -0000", "Wed, 21 Oct 2015 07:28:00 +99999999999999", "Wed, 99 Xxx"]
)
def test_odd_dates_ask_for_no_pause(date: str) -> None:
    assert retry_after({"retry-after": date, "date": DATE}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m30s", 90),
        ("500ms", 0.5),
        ("6m0s", 360),
        ("1h2m3s", 3723),
        ("7", 7),
        ("0.25", 0.25),
        (" 1.5s ", 1.5),
        ("", None),
        ("soon", None),
        ("1m30", None),
        ("-1s", None),
        ("1d", None),
        ("1e9", None),
        ("\u0661s", None),
    ],
)
def test_durations_are_read_in_the_forms_that_providers_write(text: str, seconds: float | None) -> None:
    assert duration(text) == seconds


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    expected = timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds).total_seconds()
    assert duration(f"{hours}h{minutes}m{seconds}s{milliseconds}ms") == pytest.approx(expected)


def openai(**limits: tuple[str, str]) -> dict[str, str]:
    left = {f"x-ratelimit-remaining-{what}": remaining for what, (remaining, _) in limits.items()}
    return left | {f"x-ratelimit-reset-{what}": reset for what, (_, reset) in limits.items()}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (openai(requests=("0", "1m30s")), 90),
        (openai(requests=("0", "2s"), tokens=("0", "6m0s")), 360),
        (openai(requests=("0", "2s"), tokens=("1", "6m0s")), 2),
        (openai(requests=("5", "2s"), tokens=("1", "6m0s")), None),
        (openai(requests=("none", "2s")), None),
        (openai(requests=("0", "later")), None),
        (openai(requests=("0", "2s")) | {"retry-after": "9"}, 9),
        (openai(requests=("0", "2s")) | {"retry-after-ms": "100"}, 0.1),
        (openai(requests=("0", "2s")) | {"retry-after": "soon"}, 2),
        ({"x-ratelimit-remaining-requests": "0"}, None),
    ],
)
def test_a_limit_of_which_nothing_remains_is_waited_for_where_no_pause_is_named(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def anthropic(remaining: str, reset: str) -> dict[str, str]:
    return {"anthropic-ratelimit-tokens-remaining": remaining, "anthropic-ratelimit-tokens-reset": reset}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (anthropic("0", "2015-10-21T07:28:30Z") | {"date": DATE}, 30),
        (anthropic("0", "2015-10-21T09:28:30+02:00") | {"date": DATE}, 30),
        (anthropic("0", "2015-10-21T07:27:00Z") | {"date": DATE}, 0),
        (anthropic("10", "2015-10-21T07:28:30Z") | {"date": DATE}, None),
        (anthropic("0", "2015-10-21T07:28:30") | {"date": DATE}, None),
        (anthropic("0", "soon") | {"date": DATE}, None),
        (anthropic("0", "2015-10-21T07:28:30Z"), None),
    ],
)
def test_anthropics_times_are_read_by_its_own_clock(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3600)), min_size=4, max_size=4))
def test_the_latest_reset_of_all_that_is_used_up_counts(limits: list[tuple[int, int]]) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    headers = {"date": format_datetime(now, usegmt=True)}
    for (remaining, reset), (left, seconds) in zip(ANTHROPIC_LIMITS, limits, strict=True):
        headers |= {remaining: str(left), reset: (now + timedelta(seconds=seconds)).isoformat()}
    assert retry_after(headers) == max((seconds for left, seconds in limits if left == 0), default=None)
