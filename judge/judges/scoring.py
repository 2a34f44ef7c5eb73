"""Judges whose letters are scored without writing any: vLLM's `/generative_scoring`, which reads the prompt alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from judge.errors import StopRunError
from judge.judges.base import NoReplyError, reply_errors
from judge.judges.decisions import LETTERS, log_chances
from judge.judges.openai import OpenAIJudge
from judge.judges.prompt_counts import Sent
from judge.judges.provider_errors import part, read_json
from judge.judges.replies import count, made_reply, made_usage, receive
from judge.schema import FailureKind, Reply, Request

if TYPE_CHECKING:
    import httpx2

    from judge.schema import JudgeSpec


class ScoringJudge(OpenAIJudge):
    """Asks a vLLM server for the probability of each letter as the next token of a chat.

    The server's own tokenizer applies the chat's template; each letter must be one token. It scores one token a call,
    of which it reads the prompt from its cache. It cuts prompts that are too long in silence: the count of its tokens
    tells.
    """

    def __init__(self, spec: JudgeSpec, *, concurrency: int, timeout: float) -> None:
        super().__init__(spec, concurrency=concurrency, timeout=timeout)
        root = str(self._client.base_url).rstrip("/").removesuffix("/v1")
        self._tokenize, self._score = f"{root}/tokenize", f"{root}/generative_scoring"
        self._letters: list[int] = []

    async def ask(self, request: Request) -> Reply:
        """Return the most probable letter, with the probability of each; ProviderError where there is none."""
        try:
            return await self._scored(request)
        except NoReplyError as error:
            return Reply(text="", cut=FailureKind.UNUSABLE, problem=error.message)

    async def _scored(self, request: Request) -> Reply:
        chat = self.body(request)
        asked = {"model": chat["model"], "messages": chat["messages"], "add_generation_prompt": True}
        tokens = await self._tokens(asked | self.spec.settings.body)
        if not self._letters:
            plain = ({"model": chat["model"], "prompt": letter, "add_special_tokens": False} for letter in LETTERS)
            self._letters = [only for own in plain for only in await self._tokens(own, one=True)]
        query, last = tokens[:-1], tokens[-1:]
        bodies = [
            {
                "model": chat["model"],
                "query": query,
                "items": [last],
                "label_token_ids": [letter],
                "apply_softmax": False,
            }
            for letter in self._letters
        ]
        replies = await asyncio.gather(*(self._post(self._score, body) for body in bodies))
        headers = dict(replies[0].headers.items())
        self.on_headers(headers)
        with reply_errors(key=self._key):
            record = {"n_tokens": len(tokens), "scores": [read_json(reply.content) for reply in replies]}
        came, reply_id = receive(orjson.dumps(record), headers, key=self._key, read=self.read)
        return self.check(came, Sent.of(request), reply_id=reply_id, headers=headers)

    async def _post(self, address: str, body: dict[str, Any]) -> httpx2.Response:
        import httpx2  # noqa: PLC0415 - only judging needs it

        async with self.errors(seconds=self._timeout):
            reply: httpx2.Response = await self._client.post(
                address, content=orjson.dumps(body), cast_to=httpx2.Response
            )
        return reply

    async def _tokens(self, body: dict[str, Any], *, one: bool = False) -> list[int]:
        reply = await self._post(self._tokenize, body)
        with reply_errors(key=self._key):
            tokens: list[int] = read_json(reply.content)["tokens"]
            if one and len(tokens) != 1:
                raise StopRunError(FailureKind.REJECTED, f"{body['prompt']} is no single token of {self.spec.model}")
        return tokens

    def read(self, record: Any, headers: Mapping[str, str]) -> Reply:  # noqa: ANN401 - what a server sent
        """Return the most probable letter, with the probability of each."""
        chances = {
            letter: float(own["data"][0]["score"]) for letter, own in zip(LETTERS, record["scores"], strict=True)
        }
        sent = [count(part(own, "usage"), "prompt_tokens") for own in record["scores"]]
        is_cut = any(n is None or n < record["n_tokens"] for n in sent)
        return made_reply(
            text=max(chances, key=chances.__getitem__),
            cut=FailureKind.TOO_LONG if is_cut else None,
            problem="the server cut the prompt, or does not count it: raise --max-model-len" if is_cut else "",
            letters=log_chances(chances),
            model=record["scores"][0].get("model"),
            request_id=headers.get("x-request-id"),
            usage=made_usage(sum(n or 0 for n in sent), len(LETTERS)),
        )
