"""Rerank, as vLLM and others have it: documents are responses to the query, a relevance score is a reward."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from judge.service.group_requests import PreferenceRequest
from judge.service.preferences import AsyncPreferenceJudge
from judge.service.protocol import Endpoint, preferred

DEADLINE_SECONDS = 600.0


class RerankDocument(Struct):
    """A document as an object."""

    text: str


class Rerank(Struct):
    """The body."""

    query: str
    documents: list[str | RerankDocument]
    model: str = ""
    top_n: Annotated[int, Meta(ge=0)] | None = None
    """how many results; None or 0: all"""


async def rerank(judge: AsyncPreferenceJudge, body: Rerank) -> object:
    """Answer with the documents, the best first."""
    texts = [one.text if isinstance(one, RerankDocument) else one for one in body.documents]
    request = PreferenceRequest(prompt=body.query, responses=texts, deadline_s=DEADLINE_SECONDS)
    answer, rewards = await preferred(judge, request)
    best = sorted(range(len(texts)), key=lambda place: -rewards[place])
    return {
        "id": answer.judge_key,
        "model": body.model,
        "results": [
            {"index": place, "document": {"text": texts[place]}, "relevance_score": rewards[place]}
            for place in best[: body.top_n or None]
        ],
    }


ENDPOINTS = [Endpoint(path, Rerank, rerank) for path in ("/rerank", "/v1/rerank", "/v2/rerank")]
