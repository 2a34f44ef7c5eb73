"""A reply to another prompt than the one that was sent is a failure."""

from __future__ import annotations

from math import ceil
from typing import Any
from zlib import crc32

import pytest
from asked import made_request
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from judge.judges.prompt_counts import Sent
from judge.judges.reply_checks import SentReplies
from judge.schema import Correction, FailureKind, Image, Prompt, Reply, Request, Usage


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
    return served.check(reply, Sent.of(request), reply_id=reply_id, headers=more.get("headers", {})).cut


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
    assert [cut_of(served, asked(chars), 5000) for chars in (16_000, 20_000, 24_000, 8_000, 24_500)] == [
        *(None, None),
        FailureKind.TOO_LONG,
        None,
        FailureKind.TOO_LONG,
    ]
    assert cut_of(served, asked(30_000), 7_000) is None


def test_a_prompt_with_images_is_not_measured_by_the_longest_count() -> None:
    served, image = counting(), Image(path="x.png", sha256="0" * 64, media_type="image/png")
    for chars in (4_000, 8_000, 16_000):
        request = asked(chars)
        assert cut_of(served, replace(request, prompt=replace(request.prompt, images=(image,))), 5000) is None


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


def corrected(request: Request) -> Request:
    return replace(request, correction=Correction(reply="{}" * 40, note="Again."))


class Server:
    """Counts tokens as some tokenizer does, and reads no more of a prompt than its context holds."""

    def __init__(self, chars_a_token: float, overhead: int, noise: int, context: int | None) -> None:
        self.chars_a_token, self.overhead, self.noise, self.context = chars_a_token, overhead, noise, context

    def true_count(self, request: Request) -> int:
        again = request.correction
        chars = request.prompt.n_chars + (len(again.reply) + len(again.note) if again else 0)
        jitter = crc32(request.key.encode()) % (self.noise + 1)  # words, not lengths, make the difference
        return self.overhead + jitter + ceil(chars / self.chars_a_token)

    def count(self, request: Request) -> int:
        return min(self.true_count(request), self.context or 10**9)


def outcomes(server: Server, requests: list[Request]) -> list[FailureKind | None]:
    """Return what comes of requests, those whose reply is suspected asked again as dispatch does."""
    served = SentReplies()
    found = []
    for number, request in enumerate(requests):
        output = 50 + number % 7
        cut = cut_of(served, request, server.count(request), output=output)
        if cut is FailureKind.UNPARSED:
            again = corrected(request)
            cut = cut_of(served, again, server.count(again), output=output)
        found.append(cut)
    return found


lengths = st.lists(st.integers(300, 40_000), min_size=1, max_size=60)
tokenizers = st.tuples(st.floats(0.8, 5.9), st.integers(0, 900), st.integers(0, 40))


def asked_each(lengths_: list[int], *, n_of_each: int = 1) -> list[Request]:
    """Return requests of these lengths, several about one length in a row."""
    numbers = range(len(lengths_) * n_of_each)
    return [asked(lengths_[n // n_of_each], key=f"{n * 7919 % 2**64:032x}", item=f"q{n}") for n in numbers]


@given(lengths_=lengths, tokenizer=tokenizers, n_of_each=st.integers(1, 3))
def test_no_honest_tokenizer_is_taken_for_a_server_that_cuts(
    lengths_: list[int], tokenizer: tuple[float, int, int], n_of_each: int
) -> None:
    requests = asked_each(lengths_, n_of_each=n_of_each)
    assert set(outcomes(Server(*tokenizer, None), requests)) == {None}


@given(length=st.integers(3_000, 30_000), tokenizer=tokenizers)
def test_prompts_of_nearly_one_length_are_no_sign_of_a_limit(length: int, tokenizer: tuple[float, int, int]) -> None:
    requests = asked_each([length + n % 40 for n in range(120)])
    assert set(outcomes(Server(*tokenizer, None), requests)) == {None}


@given(lengths_=lengths, tokenizer=tokenizers, context=st.sampled_from([1024, 2048, 2050, 4096, 4098, 8192]))
def test_a_server_that_cuts_prompts_at_the_size_of_a_context_has_no_verdict_on_any(
    lengths_: list[int], tokenizer: tuple[float, int, int], context: int
) -> None:
    server = Server(*tokenizer, context)
    requests = asked_each(lengths_)
    for request, cut in zip(requests, outcomes(server, requests), strict=True):
        assert cut is FailureKind.TOO_LONG or server.true_count(request) <= context


def test_many_lengths_of_one_count_are_a_limit_of_any_size() -> None:
    served = counting()
    cuts = [cut_of(served, asked(9_000 + n), 3_000, output=n) for n in range(12)]
    assert cuts == [None] * 7 + [FailureKind.TOO_LONG] * 5


@pytest.mark.parametrize(("second", "cut"), [(4096, FailureKind.TOO_LONG), (4200, None)])
def test_a_count_of_a_contexts_size_is_tried_with_more_words(second: int, cut: FailureKind | None) -> None:
    served, request = SentReplies(), asked(12_000)
    assert cut_of(served, request, 4096) is FailureKind.UNPARSED
    assert cut_of(served, corrected(request), second) is cut
    assert cut_of(served, asked(15_000, key="1" * 32), 4096) is cut


def named(served: SentReplies, model: str, **more: Any) -> FailureKind | None:  # noqa: ANN401 - as above
    reply = Reply(text="{}", model=model)
    return served.check(reply, Sent.of(asked(9)), reply_id="", headers={}, **more).cut


OTHER = FailureKind.OTHER_MODEL


def test_a_snapshot_of_the_model_that_was_asked_is_that_model() -> None:
    served = SentReplies("gpt-4o")
    assert [named(served, name) for name in ("gpt-4o-2024-08-06", "gpt-4o", "openai/gpt-4o", "")] == [None] * 4


def test_another_model_beside_the_one_that_was_asked_is_a_failure() -> None:
    served = SentReplies("gpt-4o")
    names = ("gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4o-2024-08-06", "gpt-3.5-turbo")
    assert [named(served, name) for name in names] == [None, OTHER, None, OTHER]


def test_one_other_name_in_every_reply_is_an_alias_once_a_second_reply_confirms_it() -> None:
    served = SentReplies("my-deployment")
    names = ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20")
    assert [named(served, name) for name in names] == [OTHER, None, None]


def test_several_other_names_are_several_models_of_which_none_is_trusted() -> None:
    served = SentReplies("auto")
    assert [named(served, name) for name in ("gpt-5", "gpt-3.5", "gpt-5", "gpt-3.5")] == [OTHER] * 4


def test_names_that_a_person_allows_are_no_other_models() -> None:
    served = SentReplies("auto")
    for name in ("gpt-5", "Gpt-3.5", "o3"):
        assert named(served, name, allowed=("gpt-*", "o3")) is None
    assert named(served, "claude", allowed=("gpt-*", "o3")) is OTHER
