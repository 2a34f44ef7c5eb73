"""A server that speaks as many providers do, one below each first part of the path, and refuses what they refuse."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from provider_server import ProviderServer, longer_wins

Told = tuple[int, dict[str, Any]]
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
CONTEXT = 8192
CRITERIA = ("perception", "knowledge", "rationale", "overall")


@dataclass(frozen=True)
class Asked:
    """A call as it arrived."""

    case: str
    path: str
    """below the case, with its query"""
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def verdict(self) -> str:
        """What a good judge says of the two traces, of which one holds ALPHA and the other BETA, as JSON."""
        verdict = {"A": "first", "B": "second"}[self.letter]
        said = json.dumps([self.body.get("system"), self.messages])
        criteria = [name for name in CRITERIA if f"- {name}:" in said] or CRITERIA[-1:]
        return json.dumps({name: {"evidence_1": "x", "evidence_2": "y", "verdict": verdict} for name in criteria})

    @property
    def letter(self) -> str:
        """What such a judge calls the better trace."""
        said = json.dumps([self.body.get("system"), self.messages])
        return "A" if said.find("ALPHA") <= said.find("BETA") else "B"

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.body["messages" if "messages" in self.body else "input"]
        return messages

    @property
    def reply_form(self) -> str | None:
        form: str | None = (self.body.get("response_format") or {}).get("type")
        return form


def completion(content: object, finish: str = "stop", **message: object) -> Told:
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish}
    return 200, {"id": "c1", "object": "chat.completion", "choices": [choice], "usage": USAGE}


def message(asked: Asked) -> Told:
    usage = {"input_tokens": 1000, "output_tokens": 200}
    content = [{"type": "text", "text": asked.verdict}]
    return 200, {"type": "message", "content": content, "stop_reason": "end_turn", "usage": usage}


def refuse(words: str, status: int = 400, **more: object) -> Told:
    return status, {"error": {"message": words, "type": "invalid_request_error"} | more}


def azure(asked: Asked) -> Told:
    path, _, query = asked.path.partition("?")
    if path != "/openai/deployments/judge/chat/completions" or query != "api-version=2025-04-01":
        return refuse("Resource not found", 404, code="404")
    return azure_model(asked)


def azure_v1(asked: Asked) -> Told:
    return azure_model(asked) if asked.path == "/openai/v1/chat/completions" else refuse("Resource not found", 404)


def azure_model(asked: Asked) -> Told:
    if asked.headers.get("api-key") != "azure-key-1":
        return refuse("Access denied due to invalid subscription key or wrong API endpoint.", 401)
    if "max_tokens" in asked.body:
        return refuse(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        )
    return completion(asked.verdict)


def bedrock(asked: Asked) -> Told:
    if asked.path != "/model/anthropic.claude-x/invoke" or "model" in asked.body:
        return 404, {"message": "UnknownOperationException"}
    if not asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIATEST"):
        return 403, {"message": "The security token included in the request is invalid."}
    if "output_config" in asked.body:
        return 400, {"message": "output_config: Extra inputs are not permitted"}
    return message(asked)


def vertex(asked: Asked) -> Told:
    way = "/projects/p1/locations/europe-west1/publishers/anthropic/models/claude-x:rawPredict"
    if asked.path != way or asked.headers["authorization"] != "Bearer google-token":
        return refuse("Not found", 404)
    return message(asked)


def deepseek(asked: Asked) -> Told:
    if asked.reply_form == "json_schema":
        return refuse("This response_format type is unavailable now")
    if any(isinstance(turn["content"], list) for turn in asked.messages):
        return refuse(
            "Failed to deserialize the JSON body into the target type: messages[1]: invalid type: sequence, "
            "expected a string at line 1 column 900",
            422,
        )
    return completion(asked.verdict)


def gemma(asked: Asked) -> Told:
    if asked.messages[0]["role"] == "system":
        words = "System role not supported"
        return 400, {"object": "error", "message": words, "type": "BadRequestError", "param": None, "code": 400}
    return completion(asked.verdict)


def gateway(asked: Asked) -> Told:
    if asked.headers.get("x-portkey-provider") != "openai" or asked.headers.get("x-portkey-api-key") != "portkey-1":
        return refuse("Either x-portkey-config or x-portkey-provider header is required")
    return completion(asked.verdict)


def thinker(asked: Asked) -> Told:
    if (asked.body.get("chat_template_kwargs") or {}).get("enable_thinking") is not False:
        return completion(None, "length", reasoning_content="endless")
    return completion(asked.verdict)


def caller(asked: Asked) -> Told:
    if asked.reply_form or asked.body["tool_choice"]["function"]["name"] != "judgment":
        return refuse("no function")
    call = {"id": "t1", "type": "function", "function": {"name": "judgment", "arguments": asked.verdict}}
    return completion(None, "tool_calls", tool_calls=[call])


def cold(asked: Asked) -> Told:
    if "temperature" in asked.body:
        return refuse(
            "Unsupported value: 'temperature' does not support 0 with this model. "
            "Only the default (1) value is supported.",
            param="temperature",
        )
    return completion(asked.verdict)


def small(asked: Asked) -> Told:
    limit, given = asked.body["max_tokens"], 600
    if limit + given > CONTEXT:
        words = f"'max_tokens' or 'max_completion_tokens' is too large: {limit}. This model's maximum context length is"
        return refuse(f"{words} {CONTEXT} tokens and your request has {given} input tokens.", param="max_tokens")
    return completion(asked.verdict)


def obedient(asked: Asked) -> Told:
    """Keep to the schema, to the limit and to the seed."""
    if asked.body["max_tokens"] < 50:
        return completion('{"checked": "te', "length")
    if asked.reply_form == "json_schema":
        return completion(json.dumps({"checked": "teal"} | json.loads(asked.verdict)))
    return completion(asked.verdict)


def mistral(asked: Asked) -> Told:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "BETA is first, or is it?"}]}
    return completion([thought, {"type": "text", "text": asked.verdict}])


def vllm_plain(asked: Asked) -> Told:
    """Answer as vLLM does without a reasoning parser, behind a template that opens the thinking."""
    draft = asked.verdict.replace("first", "tie").replace("second", "tie")
    return completion(f"Okay, a draft: {draft}. No, that is too easy.\n</think>\n\n{asked.verdict}")


def ollama(asked: Asked) -> Told:
    if asked.body["model"] != "qwen3:8b":
        return 404, {"error": {"message": f"model {asked.body['model']!r} not found, try pulling it first"}}
    return completion(asked.verdict, reasoning="{BETA}?")


def openrouter(asked: Asked) -> tuple[int, str]:
    """Answer after the white space by which it keeps a connection open, with fields of its own."""
    status, body = completion(asked.verdict, reasoning="BETA?", reasoning_details=[{"type": "reasoning.text"}])
    body["provider"], body["choices"][0]["native_finish_reason"] = "Novita", "eos_token"
    return status, "\n         \n" * 3 + json.dumps(body)


def gemini(asked: Asked) -> tuple[int, Any]:
    """Refuse in lists, and what it does not know at all."""
    known = {"model", "messages", "response_format", "max_tokens", "temperature", "reasoning_effort"}
    if unknown := asked.body.keys() - known:
        words = f'Invalid JSON payload received. Unknown name "{min(unknown)}": Cannot find field.'
        return 400, [{"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}]
    if asked.path != "/v1beta/openai/chat/completions":
        return 404, [{"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}}]
    return completion(asked.verdict)


def vllm(asked: Asked) -> Told:
    """Answer as vLLM does with a reasoning parser: what was thought stands in a field of its own."""
    return completion(asked.verdict, reasoning="{BETA}", reasoning_content="{BETA}")


def prometheus(asked: Asked) -> Told:
    """Answer as a judge model with a format of its own, which no server constrains."""
    if "response_format" in asked.body or "tools" in asked.body:
        return refuse("the reply has a form of its own")
    return completion(f"Feedback: one thinks, one does not. [RESULT] {asked.letter}")


def arena(asked: Asked) -> Told:
    if "response_format" in asked.body or "tools" in asked.body:
        return refuse("the reply has a form of its own")
    return completion(f"<think>[[C]]?</think>\nIt reasons better.\n\n[[{asked.letter}>>{'AB'.strip(asked.letter)}]]")


def lettered(asked: Asked) -> Told:
    if "response_format" in asked.body or "tools" in asked.body:
        return refuse("the reply has a form of its own")
    return completion(asked.letter)


def weighed(asked: Asked) -> Told:
    """Give the better trace .7 and .1 by two tokens of its letter, the other .15, a tie .03; the rest is no letter."""
    if asked.body.get("logprobs") is not True:
        return lettered(asked)
    other = "AB".strip(asked.letter)
    chances = {asked.letter: 0.7, f" {asked.letter}": 0.1, other: 0.15, "C": 0.03, "The": 0.02}
    told = [{"token": token, "logprob": math.log(p), "bytes": None} for token, p in chances.items()]
    status, body = completion(asked.letter)
    ending = {"token": "<|im_end|>", "logprob": 0.0, "top_logprobs": [{"token": "<|im_end|>", "logprob": 0.0}]}
    body["choices"][0]["logprobs"] = {
        "content": [{"token": asked.letter, "logprob": -0.36, "top_logprobs": told}, ending]
    }
    return status, body


def decided(asked: Asked) -> Told:
    if asked.path != "/decisions":
        return refuse("Not found", 404)
    chances = {asked.letter: 0.75, "AB".strip(asked.letter): 0.25, "C": 0.0}
    told = [{"value": letter, "probability": p} for letter, p in chances.items()]
    answer = {"type": "choice", "choice": asked.letter, "confidence": 0.75, "probabilities": told}
    usage = {"input_tokens": 1000, "output_tokens": 0, "input_tokens_details": {"cached_tokens": 10}}
    return 200, {"answers": [answer], "model": "gpt-6-luna", "usage": usage}


def scored(asked: Asked) -> Told:
    """Tokenize a text by its characters and a chat by its letters; score the better trace's letter at .8, a tie's 0."""
    if asked.path == "/tokenize":
        chat = "messages" in asked.body
        text = json.dumps(asked.messages) if chat else asked.body["prompt"]
        return 200, {"tokens": [ord(letter) for letter in text], "count": len(text), "max_model_len": CONTEXT}
    if asked.path != "/generative_scoring" or asked.body["apply_softmax"]:
        return refuse("Not found", 404)
    (item,), (label,) = asked.body["items"], asked.body["label_token_ids"]
    tokens = asked.body["query"] + item
    text = "".join(map(chr, tokens))
    better = "A" if text.find("ALPHA") <= text.find("BETA") else "B"
    score = {better: 0.8, "C": 0.0}.get(chr(label), 0.15)
    n = CONTEXT if asked.body["model"] == "short" else len(tokens)
    usage = {"prompt_tokens": n, "completion_tokens": 1, "total_tokens": n + 1}
    data = [] if asked.body["model"] == "mute" else [{"index": 0, "object": "score", "score": score}]
    return 200, {"id": f"s{label}", "object": "list", "data": data, "usage": usage}


def declined(asked: Asked) -> Told:
    del asked
    return 200, {"answers": [{"type": "refusal"}], "usage": {"input_tokens": 1000, "output_tokens": 0}}


def locked(asked: Asked) -> Told:
    if asked.headers.get("authorization") == "Bearer no-key":
        return refuse("Unauthorized", 401)
    return completion(asked.verdict)


def plain(asked: Asked) -> Told:
    return completion(asked.verdict)


CASES: dict[str, Callable[[Asked], tuple[int, Any]]] = {
    "azure": azure,
    "azure_v1": azure_v1,
    "bedrock": bedrock,
    "vertex": vertex,
    "deepseek": deepseek,
    "gemma": gemma,
    "gateway": gateway,
    "thinker": thinker,
    "caller": caller,
    "cold": cold,
    "mistral": mistral,
    "vllm": vllm,
    "vllm_plain": vllm_plain,
    "ollama": ollama,
    "openrouter": openrouter,
    "gemini": gemini,
    "small": small,
    "prometheus": prometheus,
    "locked": locked,
    "arena": arena,
    "lettered": lettered,
    "weighed": weighed,
    "decided": decided,
    "declined": declined,
    "scored": scored,
    "obedient": obedient,
}


class FormServer(ProviderServer):
    """Serve every case; a path that begins with no case's name is a plain server."""

    def __init__(self) -> None:
        super().__init__(longer_wins)
        self.asked: list[Asked] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/google/token", self._token), web.post("/{case}/{rest:.*}", self._told)]

    async def _token(self, _: web.Request) -> web.Response:
        """Give the token for which Google's library asks with a service account's key."""
        return web.json_response({"access_token": "google-token", "expires_in": 3600, "token_type": "Bearer"})

    async def _told(self, request: web.Request) -> web.Response:
        case = request.match_info["case"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.path_qs.removeprefix(f"/{case}")
        asked = Asked(case, path, headers, json.loads(await request.read()))
        self.asked.append(asked)
        status, body = CASES.get(case, plain)(asked)
        if isinstance(body, str):
            return web.Response(text=body, status=status, content_type="application/json")
        if not case.startswith("azure") and "model" in body:  # Azure names the model, and is asked for a deployment
            body["model"] = asked.body.get("model", "claude-x")
        return web.json_response(body, status=status)

    def of(self, case: str) -> list[Asked]:
        """Return the calls of a case."""
        return [asked for asked in self.asked if asked.case == case]
