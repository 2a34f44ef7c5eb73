"""A reply to another prompt than the one that was sent is a failure."""

from __future__ import annotations

import pytest
from asked import made_request
from msgspec.structs import replace

from judge.judges.replies import Served
from judge.schema import FailureKind, Image, Prompt, Reply, Request, Usage


def asked(chars: int, *, key: str = "0" * 32, text: str = "ab ", item: str = "q1") -> Request:
    prompt = Prompt(system="", shared="", traces=(text * chars)[:chars])
    return replace(made_request(item), key=key, prompt=prompt)


def cut_of(served: Served, request: Request, tokens: int, reply_id: str = "", text: str = "{}") -> FailureKind | None:
    return served.check(Reply(text=text, usage=Usage(tokens, 0, 0, 9)), request, reply_id=reply_id).cut


@pytest.mark.parametrize(("tokens", "cut"), [(4096, FailureKind.TOO_LONG), (5001, None), (0, None)])
def test_fewer_tokens_than_a_sixth_of_the_characters_are_a_cut_prompt(tokens: int, cut: FailureKind | None) -> None:
    assert cut_of(Served(), asked(30_000), tokens) is cut


def test_lines_of_one_character_take_few_tokens() -> None:
    assert cut_of(Served(), asked(30_000, text="-" * 100 + "\n"), 900) is None


def test_one_count_for_prompts_of_very_different_length_is_a_limit() -> None:
    served = Served()
    assert [cut_of(served, asked(chars), 4096) for chars in (16_000, 20_000, 24_000, 8_000, 24_500)] == [
        *(None, None),
        FailureKind.TOO_LONG,
        None,
        FailureKind.TOO_LONG,
    ]
    assert cut_of(served, asked(30_000), 7_000) is None


def test_a_prompt_with_images_is_not_measured_by_the_longest_count() -> None:
    served, image = Served(), Image(path="x.png", sha256="0" * 64, media_type="image/png")
    for chars in (4_000, 8_000, 16_000):
        request = asked(chars)
        assert cut_of(served, replace(request, prompt=replace(request.prompt, images=(image,))), 4096) is None


def test_one_reply_to_both_orders_of_an_item_comes_from_a_cache() -> None:
    served = Served()
    forward, swapped = asked(9, key="1" * 32), asked(9, key="2" * 32)
    assert cut_of(served, forward, 9, "chatcmpl-7") is None
    assert cut_of(served, forward, 9, "chatcmpl-7") is None
    assert cut_of(served, swapped, 9, "chatcmpl-8") is None
    assert cut_of(served, swapped, 9, "chatcmpl-7") is FailureKind.UNUSABLE


def test_a_server_that_gives_every_reply_one_name_has_no_cache_for_it() -> None:
    served = Served()
    assert cut_of(served, asked(9, key="1" * 32), 9, "same") is None
    assert cut_of(served, asked(9, key="2" * 32, item="q2"), 9, "same") is None
    assert cut_of(served, asked(9, key="3" * 32, item="q2"), 9, "same") is None
