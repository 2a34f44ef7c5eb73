"""NeMo Gym's `genrm_compare`: `/compare` judges a group at once."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from judge.service.group_requests import PreferenceRequest, Prompt
from judge.service.preferences import AsyncPreferenceJudge
from judge.service.protocol import Endpoint, preferred

DEADLINE_SECONDS = 600.0


class PolicyResponse(Struct):
    """A response of the Responses API, as far as it is read."""

    output: list[dict[str, Any]] = []
    id: str | None = None

    def text(self) -> str:
        """Return its text, without its reasoning."""
        contents = [item.get("content") for item in self.output if item.get("type") == "message"]
        parts = [part for content in contents if isinstance(content, list) for part in content]
        return "".join(
            str(p.get("text") or "") for p in parts if isinstance(p, dict) and p.get("type") == "output_text"
        )


class CompareBody(Struct):
    """The body of `/compare`."""

    conversation_history: Prompt
    response_objs: list[PolicyResponse]
    principle: str | None = None


def group_of(history: Prompt, texts: list[str], principle: str | None) -> PreferenceRequest:
    """Return what is asked of a group: a principle stands at the end of the conversation."""
    messages = [{"role": "user", "content": history}] if isinstance(history, str) else history
    told = [{"role": "principle to judge by", "content": principle}] if principle else []
    design = "anchor" if len(texts) == 1 else None
    return PreferenceRequest(prompt=[*messages, *told], responses=texts, design=design, deadline_s=DEADLINE_SECONDS)


async def compare(judge: AsyncPreferenceJudge, body: CompareBody) -> object:
    """PolicyResponse with rewards; the scores of a pair are its credits, its ranking goes from 1 (i wins) to 6."""
    texts = [response.text() for response in body.response_objs]
    answer, rewards = await preferred(judge, group_of(body.conversation_history, texts, body.principle))
    names = list(dict.fromkeys(pair.judge for pair in answer.pairs))
    said = [(pair, pair.p) for pair in answer.pairs if pair.p is not None]
    results = [
        {"response_i": pair.i, "response_j": pair.j, "judge_idx": names.index(pair.judge)}
        | {"score_1": p, "score_2": 1 - p, "ranking": 6 - 5 * p}
        for pair, p in said
    ]
    metrics = {"failed": float(answer.failed), "n_comparisons": float(len(said))}
    return {"rewards": rewards, "comparison_results": results, "metrics": metrics}


ENDPOINTS = [Endpoint("/compare", CompareBody, compare)]
