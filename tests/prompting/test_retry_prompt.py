"""A reply that holds no verdict is asked for once more, and both replies are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asked import made_request
from builders import PLAIN
from dispatch.test_dispatch import Asking, both_providers
from provider_server import Answer, Call, ProviderServer, longer_wins

from judge.errors import StopRunError
from judge.judges.base import user_turns
from judge.prompting.retry_prompt import LARGER, repair
from judge.schema import Correction, Failed, FailureKind, Judged, Judgment, Reply

K = FailureKind
NOT_JSON = Answer("Trace 1 is better.")
CUT = Answer('{"overall": ', stop="length")


def second_chance(first: Answer, second: Answer | None = None) -> Any:  # noqa: ANN401 - a script
    """Answer every first call for an item with something of no use, and the next with a verdict, or as told."""
    asked: set[str] = set()

    def script(call: Call) -> Answer:
        item = call.user.split("?")[0]
        if item not in asked:
            asked.add(item)
            return first
        return second or longer_wins(call)

    return script


def only(judgments: list[Judgment]) -> Judgment:
    (judgment,) = judgments
    return judgment


@both_providers
def test_a_reply_that_cannot_be_read_is_shown_to_the_judge_and_asked_for_again(provider: str) -> None:
    with ProviderServer(second_chance(NOT_JSON)) as server:
        judgment = only(Asking(server, provider, repairs=True).run(1))
    assert isinstance(judgment.result, Judged)
    (useless,) = judgment.attempts
    assert useless.reply is not None
    assert useless.reply.text == NOT_JSON.text
    assert useless.problem.startswith("unparsed: ")
    assert len(judgment.replies) == len(server.calls) == 2
    first, second = (call.body["messages"] for call in server.calls)
    assert second[: len(first)] == first
    told = second[len(first) :]
    assert [turn["role"] for turn in told] == ["assistant", "user"]
    assert told[0]["content"] == NOT_JSON.text
    assert told[1]["content"].startswith("Not read: ")


@both_providers
def test_a_reply_that_was_cut_is_asked_for_with_a_larger_limit(provider: str) -> None:
    with ProviderServer(second_chance(CUT)) as server:
        judgment = only(Asking(server, provider, repairs=True).run(1))
    assert isinstance(judgment.result, Judged)
    first, second = (dict(call.body) for call in server.calls)
    assert second.pop("max_tokens") == LARGER * first.pop("max_tokens")
    assert first == second
    assert [attempt.problem.split(":")[0] for attempt in judgment.attempts] == ["truncated"]


@pytest.mark.parametrize("second", [NOT_JSON, CUT, Answer("no", stop="refusal")])
def test_the_last_reply_alone_counts_and_there_is_no_third(second: Answer) -> None:
    with ProviderServer(second_chance(NOT_JSON, second)) as server:
        judgment = only(Asking(server, repairs=True).run(1))
    assert isinstance(judgment.result, Failed)
    kinds = {"end": K.UNPARSED, "length": K.TRUNCATED, "refusal": K.REFUSED}
    assert judgment.result.failure is kinds[second.stop]
    assert judgment.reply is not None
    assert judgment.reply.text == second.text
    assert len(judgment.replies) == len(server.calls) == 2


@pytest.mark.parametrize("status", [400, 500])
def test_a_second_call_without_a_reply_leaves_the_first_failure_and_both_are_recorded(status: int) -> None:
    with ProviderServer(second_chance(CUT, Answer(status=status))) as server:
        judgment = only(Asking(server, repairs=True, attempts=2).run(1))
    assert isinstance(judgment.result, Failed)
    assert judgment.result.failure is K.TRUNCATED
    assert judgment.reply is None
    assert [reply.text for reply in judgment.replies] == [CUT.text]


def test_a_reply_that_was_paid_for_is_recorded_though_the_second_call_stops_the_run() -> None:
    with ProviderServer(second_chance(CUT, Answer(status=401))) as server:
        asking = Asking(server, repairs=True)
        judgment = only(asking.run(1))
    assert isinstance(judgment.result, Failed)
    assert judgment.result.failure is K.TRUNCATED
    assert len(judgment.replies) == 1
    assert isinstance(asking.stop.error, StopRunError)


def test_attempts_at_a_second_call_that_came_to_nothing_are_recorded_with_the_first_reply() -> None:
    """The second call is reset once, which may have been paid for, and then the key is refused."""
    answers = iter([CUT, Answer(fault="reset"), Answer(status=401)])
    with ProviderServer(lambda _: next(answers)) as server:
        asking = Asking(server, repairs=True)
        judgment = only(asking.run(1))
    assert len(judgment.replies) == 1
    assert [attempt.maybe_paid for attempt in judgment.attempts] == [True]
    assert isinstance(asking.stop.error, StopRunError)


def test_a_first_reply_is_kept_when_the_second_call_is_cancelled_and_its_request_stays_in_flight() -> None:
    async def cancel_soon(asking: Asking) -> None:
        work = asyncio.ensure_future(asking.work(1))
        while len(server.calls) < 2:  # noqa: ASYNC110 - the server runs in a thread of its own
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    with ProviderServer(second_chance(CUT, Answer(fault="hang"))) as server:
        asking = Asking(server, repairs=True, timeout=60)
        asyncio.run(cancel_soon(asking))
    assert [reply.text for reply in only(asking.judgments).replies] == [CUT.text]
    assert asking.display.in_flight == 1


@pytest.mark.parametrize("stop", ["refusal", "filter"])
def test_what_a_judge_will_not_answer_is_not_asked_again(stop: Any) -> None:  # noqa: ANN401 - a literal
    with ProviderServer(lambda _: Answer("no", stop=stop)) as server:
        Asking(server, repairs=True).run(1)
    assert len(server.calls) == 1


def test_an_empty_reply_is_asked_for_in_the_same_words() -> None:
    request = made_request()
    failed = Failed(failure=K.UNPARSED, detail="the reply is empty")
    assert repair(request, Reply(text=" \n"), failed, settings=PLAIN, note="x") == request


def test_the_note_names_the_problem_even_where_it_holds_braces() -> None:
    failed = Failed(failure=K.UNPARSED, detail="not JSON: {problem} {0}")
    again = repair(made_request(), Reply(text="{"), failed, settings=PLAIN, note="Bad: {problem}!")
    assert again is not None
    assert again.correction == Correction(reply="{", note="Bad: not JSON: {problem} {0}!")
    assert again.key == made_request().key


def test_a_conversation_without_a_correction_is_the_question_alone() -> None:
    assert user_turns([{"type": "text"}], None) == [{"role": "user", "content": [{"type": "text"}]}]
