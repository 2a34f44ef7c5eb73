"""Judges that are asked for the probability of each letter: OpenAI's Decisions API, and vLLM's route of that name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Never

from judge.errors import ProviderError
from judge.judges.openai import OpenAIJudge
from judge.judges.provider_errors import part
from judge.judges.replies import UnusableReplyError, count, made_reply, made_usage
from judge.schema import FailureKind, Reply, Request, RequestForm

LETTERS = {"A": "response A is better", "B": "response B is better", "C": "a tie"}
INSTRUCTIONS = "Which of the two responses is better, by the system's criterion and rules?"
NO_CHANCE = -9999.0
"""the logarithm of a probability of 0, as servers write it"""


def log_chances(chances: Mapping[str, float]) -> dict[str, float]:
    """Return the log-probability of each letter; UnusableReplyError where one is no probability."""
    if not all(0 <= p <= 1 for p in chances.values()):
        raise UnusableReplyError("the reply tells what is no probability")
    return {letter: math.log(p) if p else NO_CHANCE for letter, p in chances.items()}


class DecisionsJudge(OpenAIJudge):
    """Asks one question with three choices; nothing is generated, and a refusal of the question is a refusal."""

    PATH = "decisions"

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's body: the prompt as messages, and the question."""
        prompt = request.prompt
        content: list[dict[str, Any]] = []
        for image in prompt.images:
            media_type, data = self.image_data(image)
            content.append({"type": "input_image", "image_url": f"data:{media_type};base64,{data}"})
        content += [{"type": "input_text", "text": text} for text in (prompt.shared, prompt.traces)]
        choices = [{"value": letter, "description": meaning} for letter, meaning in LETTERS.items()]
        return {
            "model": self.spec.model,
            "input": [{"role": "system", "content": prompt.system}, {"role": "user", "content": content}],
            "questions": [{"type": "choice", "instructions": INSTRUCTIONS, "choices": choices}],
            **self.spec.settings.body,
        }

    def read(self, record: Any, headers: Mapping[str, str]) -> Reply:  # noqa: ANN401 - what a server sent
        """Return the answer as a letter, with the probability of each."""
        answers = record.get("answers")
        if not isinstance(answers, list) or len(answers) != 1 or not isinstance(answers[0], dict):
            raise UnusableReplyError("the reply does not hold one answer")
        (answer,), usage = answers, part(record, "usage")
        refused = answer.get("type") == "refusal"
        told = answer.get("probabilities")
        chances = {} if refused else {one["value"]: float(one["probability"]) for one in told or ()}
        if not refused and chances.keys() != LETTERS.keys():
            raise UnusableReplyError("the answer does not tell the probability of each choice")
        return made_reply(
            text="" if refused else answer["choice"],
            stop="refusal" if refused else None,
            cut=FailureKind.REFUSED if refused else None,
            letters=log_chances(chances),
            model=record.get("model"),
            request_id=headers.get("x-request-id"),
            usage=made_usage(
                count(usage, "input_tokens"),
                count(usage, "output_tokens"),
                cache_read=count(part(usage, "input_tokens_details"), "cached_tokens"),
                cache_write=count(part(usage, "input_tokens_details"), "cache_write_tokens"),
            ),
        )

    def _change_form(self, error: ProviderError, body: dict[str, Any], forms: frozenset[RequestForm]) -> Never:
        """Raise a refusal: the request has one form alone."""
        del body, forms
        raise error
