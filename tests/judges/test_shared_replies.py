"""Servers that answer oddly, after public reports: each verdict is right, or it is a failure in the server's words."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builders import RUBRIC, SHARED, make_pair, shipped_prompt
from command import wait_until

from judge.dispatch.dispatch import Stop, dispatch
from judge.dispatch.judge_queue import JudgeQueue
from judge.dispatch.rate_limits import AdaptiveConcurrency
from judge.dispatch.retry_policy import RetryPolicy
from judge.judges.known_providers import PROVIDERS
from judge.judges.registry import open_judge
from judge.judging.progress import Display
from judge.prompting.pairwise_plan import PairPlan
from judge.prompting.pairwise_prompt import parse_template
from judge.prompting.retry_prompt import repair
from judge.prompting.shipped_files import find_asset, load_rubric
from judge.schema import (
    Failed,
    Judged,
    JudgeSettings,
    JudgeSpec,
    Judgment,
    Order,
    Pair,
    Provider,
    ReplyForm,
    Verdict,
)

CASES = SHARED / "cases" / "replies"
N_ITEMS = 3
PLAN = PairPlan(shipped_prompt(), RUBRIC)


def pairs(n: int, repeat: int) -> list[Pair]:
    body = "The sum of the two numbers is computed digit by digit. " * repeat
    return [
        make_pair(f"ALPHA {number} {body}", f"BETA {number} {body}", id=f"q{number}", question=f"What is {number}+1?")
        for number in range(n)
    ]


def shipped_plan(prompt: str, rubric: str) -> PairPlan:
    template = parse_template(find_asset("prompts", prompt).text, where=prompt)
    return PairPlan(template, load_rubric(find_asset("rubrics", rubric)))


@dataclass
class Came:
    """What came of a run against a case, in which the better trace is ALPHA's."""

    judgments: list[Judgment] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    n_calls: int = 0

    @property
    def right(self) -> int:
        return sum(self._names_alpha(judgment) is True for judgment in self.judgments)

    @property
    def wrong(self) -> int:
        return sum(self._names_alpha(judgment) is False for judgment in self.judgments)

    @staticmethod
    def _names_alpha(judgment: Judgment) -> bool | None:
        if not isinstance(judgment.result, Judged):
            return None
        alpha = Verdict.FIRST if judgment.order is Order.FORWARD else Verdict.SECOND
        return set(judgment.result.verdicts.values()) == {alpha}

    @property
    def words(self) -> str:
        failed = {j.result.failure + ": " + j.result.detail for j in self.judgments if isinstance(j.result, Failed)}
        return " | ".join([*sorted(failed), *([f"stop: {self.stop.error}"] if self.stop.error else [])])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("cases") / "log"
    log.touch()
    process = subprocess.Popen([sys.executable, str(CASES / "server.py"), str(port), str(log)], cwd=CASES)

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers)
    yield port, log
    process.terminate()
    process.wait()


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0)


async def run(
    case: str,
    server: tuple[int, Path],
    *,
    n_items: int = N_ITEMS,
    repeat: int = 1,
    plan: PairPlan = PLAN,
    **changes: object,
) -> Came:
    """Ask a case about some pairs.

    Args:
        case: of the shared ones.
        server: its port and its log.
        n_items: pairs.
        repeat: how long they are.
        plan: what is asked.
        changes: to the fields of the judge's spec.
    """
    port, log = server
    provider = Provider.ANTHROPIC if case.startswith("a_") else Provider.OPENAI
    path = case if provider is Provider.ANTHROPIC else f"{case}/v1"
    spec = JudgeSpec(
        provider=provider,
        model="m",
        endpoint=f"http://127.0.0.1:{port}/{path}",
        settings=JudgeSettings(max_output_tokens=1000),
    ).model_copy(update=changes)
    timeout = 1.5 if case == "cl_too_long" else 6.0
    came = Came()
    judge = open_judge(spec, concurrency=2, timeout=timeout)
    queue = JudgeQueue(judge, AdaptiveConcurrency(2), plan.reader(spec))
    queue.repair = partial(repair, settings=spec.settings, note="Not read: {problem}")
    queue.take(plan.requests(pairs(n_items, repeat), spec))
    try:
        await dispatch(
            [queue],
            policy=RetryPolicy(timeout, 3, 0.1, sleep=no_sleep),
            record=came.judgments.append,
            events=Display(total=9, done=0, prices={}, quiet=True),
            stop=came.stop,
        )
    finally:
        await judge.close()
    came.n_calls = sum(json.loads(line)["case"] == case for line in log.read_text().splitlines())
    return came


ALTERNATING = {"s503_loading", "s529", "html502", "gemini_429"} | {
    f"ra_{kind}" for kind in ("float", "neg", "pastdate", "suffix", "two", "epoch_reset")
}
"""every other call fails: with few attempts a request may meet failures alone"""
RIGHT = {
    *("ok", "reasoning_plus_content", "think_tag", "think_noopen", "think_noopen_brace", "magistral_think", "harmony"),
    *("thinking_tag", "mistral_parts", "parts_text", "fin_null", "usage_null", "usage_missing", "usage_float", "gzip"),
    *("deflate", "or_whitespace", "bom", "http10", "close_each", "close_silent", "lf_only", "obs_fold", "early_hints"),
    *("fence", "fence_crlf", "upper_verdict", "space_verdict", "escapes", "special_tok", "full_then_ws"),
    *("refusal_empty", "vllm8k", "slow_first", "a_ok", "a_thinking", "a_redacted"),
}
TAUGHT = {"azurev1", "gemma", "parts_refused", "deepseek", "a_noformat"}
"""refused by name at first, and then asked in the form that the server takes"""
WORDS = {
    **dict.fromkeys(
        ("json_in_reasoning_content", "json_in_reasoning_empty", "empty_stop", "reasoning_details"),
        "the reply is empty",
    ),
    **dict.fromkeys(("empty_length", "think_switch", "ws_after_json"), "truncated: stop reason 'length'"),
    **dict.fromkeys(("draft_magistral", "draft_harmony"), "thinking begins and does not end"),
    **dict.fromkeys(
        ("fence_tail", "dup_same", "dup_conflict", "draft_retract", "schema_echo"),
        "goes on after the JSON object",
    ),
    **dict.fromkeys(("credit", "credit2"), "Your credit balance is too low"),
    **dict.fromkeys(("gemini_badkey", "err200_list"), "API key not valid"),
    **dict.fromkeys(
        ("finish_error_full", "finish_error_partial"),
        "unusable: an error within the reply: Upstream provider disconnected",
    ),
    **dict.fromkeys(("a_pause", "a_pause_full"), "unusable: stop reason 'pause_turn'"),
    "s400_maxtokens": "Use 'max_completion_tokens' instead",
    "s400_deepseek": "This response_format type is unavailable now",
    "s400_system": "System role not supported",
    **dict.fromkeys(("redir301", "redir307", "redir308"), "the server sends calls on to /ok/v1/chat/completions"),
    **dict.fromkeys(("te_and_cl", "cl_twice", "hdr_bad_name"), "unusable: not a reply"),
    **dict.fromkeys(("fmt_bracket", "fmt_result", "draft_reason_tag"), "0 JSON objects"),
    "fin_sensitive": "filtered: stop reason 'sensitive'",
    "fin_safety": "filtered: stop reason 'safety'",
    "fin_SAFETY": "filtered: stop reason 'SAFETY'",
    "fin_max_tokens": "truncated: stop reason 'max_tokens'",
    "fin_MAX_TOKENS": "truncated: stop reason 'MAX_TOKENS'",
    "fin_model_context_window_exceeded": "too_long: stop reason",
    "fin_abort": "unusable: stop reason 'abort'",
    "fin_network_error": "unusable: stop reason 'network_error'",
    "fin_insufficient_system_resource": "unusable: stop reason 'insufficient_system_resource'",
    "draft_fin_error": "unusable: stop reason 'error'",
    "tool_calls": "unusable: stop reason 'tool_calls'",
    "choices_empty": "unusable: the reply holds 0 choices",
    "choices_null": "unusable: the reply holds no choices",
    "message_missing": "unusable: the reply holds no message",
    "err200_429": "rate_limit: 429: with status 200: Provider returned error",
    "err200_string": "model 'qwen' not found, try pulling it first",
    "err200_vllm_old": "too_long: 400: with status 200: This model's maximum context length",
    "sse": "unusable: not a reply: the body is a stream of events",
    "html200": "Sign in to corporate network",
    "s413": "too_long: 413",
    "s422_schema": "`json_schema` is unavailable now",
    "s400_ctx_own_limit": "(set --max-output-tokens)",
    "s404_responses_only": "Use v1/responses instead",
    "s400_stream_only": "must be set to false for non-streaming calls",
    "s424": "rejected: 424: Failed dependency",
    "s499": "rejected: 499: client closed",
    "s500_quota": "stop: openai:m: 500: litellm.RateLimitError",
    "s400_ctx_sglang": "too_long: 400: The input (5000 tokens) is longer",
    "s422_ctx_tgi": "too_long: 422: Input validation error",
    "s400_ctx_gemini": "too_long: 400: The input token count",
    "s400_ctx_bedrock": "Input is too long for requested model",
    "s400_ctx_lmstudio": "too_long: 400: Trying to keep",
    "ra_day": "free-models-per-day",
    "html403": "Attention Required! | Cloudflare",
    "trace1_verdict": "unknown verdict 'Trace 1'",
    "as_list": "within something that is not closed",
    "cn_quotes": "unparsed",
    "lone_surr": "half a surrogate pair",
    "extra_key": "'explanation'",
    "wrapped": "criteria are ['judgment']",
    "latex_escape": "Invalid \\escape",
    "raw_newline": "Invalid control character",
    "trailing_comma": "not JSON",
    "stop_but_cut": "Unterminated string",
    "refusal": "refused: I can't help with that.",
    "azure": "404: no such model or address: Resource not found",
    "need_header": "header is required",
    "cl_too_long": "timeout",
    "a_refusal": "refused: stop reason 'refusal'",
    "a_ctx": "too_long: stop reason 'model_context_window_exceeded'",
    "a_tool_use": "unusable: the content has a part of another kind: tool_use",
    "a_empty": "the reply is empty",
    "a_null": "unusable: the reply holds no content",
    "a_err200": "529: with status 200: Overloaded",
    "a_bedrock": "UnknownOperationException",
    "draft_thinking": "empty after its thinking",
    "ollama_4096": "too_long: the server counts 4,096 tokens",
    "content_filter_azure_200": "filtered: stop reason 'content_filter'",
    "gemini_prohibited": "filtered: stop reason 'content_filter: PROHIBITED_CONTENT'",
    "ctx_cut_silent": "too_long: the server counts 2,050 tokens",
    "model_swap": "other_model: the reply names the model 'gpt-3.5-turbo-fallback', asked was 'm'",
    "sem_cache": "to another prompt again: switch its cache off",
}
"""what the failures of a case say, where it has no verdict that can be trusted"""

SLOW = {"cl_too_long", "slow_first"}
"""whose servers keep a caller waiting"""


@pytest.mark.shared
@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.slow) if case in SLOW else case
        for case in sorted(RIGHT | TAUGHT | WORDS.keys() | ALTERNATING)
    ],
)
def test_a_reply_is_read_right_or_fails_in_the_servers_words(case: str, server: tuple[int, Path]) -> None:
    # Without a schema, the servers speak of the four criteria of the shipped rubric.
    plan = shipped_plan("pairwise.v1", "openmedreason.v1") if case in TAUGHT else PLAN
    came = asyncio.run(run(case, server, repeat=300 if case == "ollama_4096" else 1, plan=plan))
    assert came.wrong == 0
    if case in RIGHT | TAUGHT:
        assert came.right == 2 * N_ITEMS
        assert came.n_calls == 2 * N_ITEMS or case in TAUGHT
    elif case in WORDS:
        assert WORDS[case] in came.words
        assert came.right == {"credit": 2, "credit2": 2, "sem_cache": 3}.get(case, 0)
    else:
        assert came.right >= 2 * N_ITEMS - 2


ASKED_AS_SET: dict[str, dict[str, Any]] = {
    "azure": {"provider": Provider.AZURE, "endpoint": "http://127.0.0.1:PORT/azure"},
    "azurev1": {"provider": Provider.AZURE, "endpoint": "http://127.0.0.1:PORT/azurev1/openai/v1"},
    "deepseek": {
        "provider": Provider.DEEPSEEK,
        "settings": JudgeSettings(max_output_tokens=1000, reply=PROVIDERS[Provider.DEEPSEEK].reply),
    },
    "s400_deepseek": {"provider": Provider.OLLAMA},
    "parts_refused": {"provider": Provider.DEEPSEEK},
    "gemma": {"settings": JudgeSettings(max_output_tokens=1000, system_role=False)},
    "need_header": {"settings": JudgeSettings(max_output_tokens=1000, headers={"x-portkey-provider": "openai"})},
    "think_switch": {
        "settings": JudgeSettings(max_output_tokens=1000, body={"chat_template_kwargs": {"enable_thinking": False}})
    },
    "tool_calls": {"settings": JudgeSettings(max_output_tokens=1000, reply=ReplyForm.TOOL)},
    "a_tool_use": {"settings": JudgeSettings(max_output_tokens=1000, reply=ReplyForm.TOOL)},
    "a_noformat": {"settings": JudgeSettings(max_output_tokens=1000, reply=ReplyForm.TEXT)},
    "a_bedrock": {"provider": Provider.BEDROCK, "model": "anthropic.m"},
    "fmt_bracket": {"plan": shipped_plan("pairwise-brackets.v1", "overall.v1")},
    "fmt_result": {"plan": shipped_plan("pairwise-result.v1", "overall.v1")},
    "draft_reason_tag": {"plan": shipped_plan("pairwise-brackets.v1", "overall.v1")},
}
"""cases that cannot be used, or not without a refusal, unless the judge is set for them"""
NEVER_RIGHT = {"s400_deepseek": "This response_format type is unavailable now", "draft_reason_tag": "[[Trace "}


@pytest.mark.shared
@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
@pytest.mark.parametrize("case", ASKED_AS_SET)
def test_a_judge_that_is_set_for_its_server_is_asked_in_its_form_from_the_first_call(
    case: str, server: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dict(ASKED_AS_SET[case])
    # With Azure, each call is to a deployment: its name is in the address, below the case.
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_API_VERSION", "2025-04-01")
    for name, value in (("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "eu-west-1")):
        monkeypatch.setenv(name, value)
    if "endpoint" in settings:
        settings["endpoint"] = settings["endpoint"].replace("PORT", str(server[0]))
    before = sum(json.loads(line)["case"] == case for line in server[1].read_text().splitlines())
    came = asyncio.run(run(case, server, **{"plan": shipped_plan("pairwise.v1", "openmedreason.v1")} | settings))
    assert came.wrong == 0
    if case in NEVER_RIGHT:
        assert came.right == 0
        assert NEVER_RIGHT[case] in came.words
    else:
        assert (came.right, came.n_calls - before) == (2 * N_ITEMS, 2 * N_ITEMS), came.words
