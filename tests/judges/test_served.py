"""A reply to another prompt than the one that was sent is a failure."""

from __future__ import annotations

from typing import Any

import pytest
from asked import made_request
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from judge.judges.replies import DIFFERENT, SAME_COUNT, SentReplies
from judge.schema import FailureKind, Image, Prompt, Reply, Request, Usage


def asked(chars: int, *, key: str = "0" * 32, text: str = "ab ", item: str = "q1") -> Request:
    prompt = Prompt(system="", shared="", traces=(text * chars)[:chars])
    return replace(made_request(item), key=key, prompt=prompt)


def cut_of(
    served: SentReplies,
    request: Request,
    tokens: int,
    reply_id: str = "",
    text: str = "{}",
    **more: Any,  # noqa: ANN401 - `output` and `headers`
) -> FailureKind | None:
    reply = Reply(text=text, usage=Usage(tokens, 0, 0, more.get("output", 9)))
    return served.check(reply, request, reply_id=reply_id, headers=more.get("headers", {})).cut


def counting() -> SentReplies:
    """Return what is known of a server whose counts differ."""
    served = SentReplies()
    assert cut_of(served, asked(30), 10, output=8) is None
    return served


@pytest.mark.parametrize("tokens", [4096, 2050, 3333])
def test_fewer_tokens_than_a_sixth_of_the_characters_are_a_cut_prompt(tokens: int) -> None:
    assert cut_of(counting(), asked(30_000), tokens) is FailureKind.TOO_LONG


@pytest.mark.parametrize("tokens", [5001, 0])
def test_a_count_that_a_whole_prompt_may_have_and_none_at_all_are_no_cut(tokens: int) -> None:
    assert cut_of(counting(), asked(30_000), tokens) is None


def test_a_server_that_cuts_every_prompt_is_seen_as_soon_as_its_replies_differ_in_length() -> None:
    served = SentReplies()
    cuts = [cut_of(served, asked(30_000 + n), 3_333, output=90 + n) for n in range(4)]
    assert cuts == [None, *[FailureKind.TOO_LONG] * 3]


@pytest.mark.parametrize("tokens", [4096, 2050])
def test_the_size_of_a_context_is_seen_at_once(tokens: int) -> None:
    assert cut_of(SentReplies(), asked(30_000), tokens) is FailureKind.TOO_LONG


def test_a_server_that_tells_one_usage_for_all_replies_cuts_nothing() -> None:
    served = SentReplies()
    for chars in (30, 3_000, 8_000, 30_000, 200_000):
        assert cut_of(served, asked(chars), 1500, output=120) is None


def test_lines_of_one_character_take_few_tokens() -> None:
    assert cut_of(counting(), asked(30_000, text="-" * 100 + "\n"), 900) is None


def test_one_count_for_prompts_of_very_different_length_is_a_limit() -> None:
    served = counting()
    assert [cut_of(served, asked(chars), 4096) for chars in (16_000, 20_000, 24_000, 8_000, 24_500)] == [
        *(None, None),
        FailureKind.TOO_LONG,
        None,
        FailureKind.TOO_LONG,
    ]
    assert cut_of(served, asked(30_000), 7_000) is None


@given(st.lists(st.integers(3_000, 20_000), max_size=12))
def test_a_limit_is_seen_by_the_shortest_and_the_longest_of_all_prompts(lengths: list[int]) -> None:
    served = counting()
    for n, chars in enumerate(lengths, start=1):
        seen = set(lengths[:n])
        limited = len(seen) >= SAME_COUNT and max(seen) >= DIFFERENT * min(seen) and chars > min(seen)
        assert cut_of(served, asked(chars), 4096) is (FailureKind.TOO_LONG if limited else None)


def test_a_prompt_with_images_is_not_measured_by_the_longest_count() -> None:
    served, image = counting(), Image(path="x.png", sha256="0" * 64, media_type="image/png")
    for chars in (4_000, 8_000, 16_000):
        request = asked(chars)
        assert cut_of(served, replace(request, prompt=replace(request.prompt, images=(image,))), 4096) is None


def test_one_reply_to_both_orders_comes_from_a_cache_once_ids_tell_replies_apart() -> None:
    served = SentReplies()
    forward, swapped = asked(9, key="1" * 32), asked(9, key="2" * 32)
    assert cut_of(served, forward, 9, "chatcmpl-7") is None
    for n in range(3):
        assert cut_of(served, asked(9, key=f"other {n}", item=f"other {n}"), 9, f"chatcmpl-{n}") is None
    assert cut_of(served, forward, 9, "chatcmpl-7") is None
    assert cut_of(served, swapped, 9, "chatcmpl-8") is None
    assert cut_of(served, swapped, 9, "chatcmpl-7", text="another") is None
    assert cut_of(served, swapped, 9, "chatcmpl-7") is FailureKind.UNUSABLE


@pytest.mark.parametrize(
    ("value", "cut"), [("true", FailureKind.UNUSABLE), ("HIT", FailureKind.UNUSABLE), ("MISS", None)]
)
def test_a_cache_that_tells_of_itself_is_known_by_the_second_reply(value: str, cut: FailureKind | None) -> None:
    served, headers = SentReplies(), {"x-cache-status": value}
    assert cut_of(served, asked(9, key="1" * 32), 9, "chatcmpl-7", headers=headers) is None
    assert cut_of(served, asked(9, key="2" * 32), 9, "chatcmpl-7", headers=headers) is cut


def test_a_server_that_gives_every_reply_one_id_has_no_cache_for_it() -> None:
    served = SentReplies()
    for n in range(12):
        assert cut_of(served, asked(9, key=f"{n}", item=f"q{n // 2}"), 9, "same") is None
