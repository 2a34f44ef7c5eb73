"""A record of each format as its program writes it, and what has to be read of it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_USER = {
    "role": "user",
    "content": [{"type": "text", "text": "Q?"}, {"type": "image_url", "image_url": {"url": "x.png"}}],
}
_ASKED = {"question": "Q?", "image": ["x.png"]}
_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "C", "reasoning_content": "low"}}
_COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "m",
    "choices": [_CHOICE | {"finish_reason": "length"}],
}
_OPTIONS = {"A": "Aspirin", "B": "Heparin"}

EXAMPLES: list[tuple[str, Json, Json]] = [
    (
        "vlmevalkit",
        {"index": 1, "question": "Q?", "prediction": "C", "image": "iVBORw0KGgo=" * 9},
        {"id": "1", "fields": {"question": "Q?", "image_base64": ["iVBORw0KGgo=" * 9]}},
    ),
    (
        "llama-factory",
        {"prompt": "user\nQ?", "predict": "<think>t</think>C", "label": "C"},
        {"id": "0", "text": "<think>t</think>C", "fields": {"question": "user\nQ?", "answer": "C"}},
    ),
    (
        "ms-swift",
        {
            "response": "<think>t</think>C",
            "labels": "C",
            "logprobs": None,
            "messages": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "<think>t</think>C"}],
            "images": [{"bytes": None, "path": "x.png"}],
        },
        {"id": "0", "fields": _ASKED | {"answer": "C"}},
    ),
    (
        "evalscope",
        {
            "index": 3,
            "model": "m",
            "model_output": {
                "choices": [
                    {
                        "message": {
                            "role": "assistant",
                            "content": [{"type": "reasoning", "reasoning": "low"}, {"type": "text", "text": "C"}],
                        },
                        "stop_reason": "max_tokens",
                    }
                ],
                "error": None,
            },
            "messages": [_USER],
        },
        {"id": "3", "text": "C", "reasoning": "low", "model": "m", "cut": "limit", "fields": _ASKED},
    ),
    (
        "evalscope",
        {"index": 1, "model": "m", "model_output": {"choices": [], "error": "timed out"}, "messages": []},
        {"id": "1", "no_trace": "error", "detail": "timed out"},
    ),
    (
        "evalscope",
        {
            "index": 0,
            "input": "**User**: \nQ?",
            "target": "C",
            "sample_score": {"score": {"value": {"acc": 1.0}, "extracted_prediction": "C", "prediction": "So C"}},
        },
        {"id": "0", "text": "So C", "fields": {"question": "Q?", "answer": "C"}},
    ),
    (
        "opencompass",
        {
            "7": {
                "origin_prompt": [
                    {"role": "HUMAN", "prompt": "an example"},
                    {"role": "BOT", "prompt": "its answer"},
                    {"role": "HUMAN", "prompt": "Q?"},
                ],
                "prediction": "So C",
                "gold": "C",
            }
        },
        {"id": "7", "text": "So C", "fields": {"question": "Q?", "answer": "C"}},
    ),
    (
        "opencompass",
        {"0": {"origin_prompt": "Q?", "prediction": ["So C"], "gold": ["C"]}},
        {"id": "0", "text": "So C", "fields": {"question": "Q?", "answer": "C"}},
    ),
    (
        "helm",
        {
            "adapter_spec": {"model": "m"},
            "request_states": [
                {
                    "instance": {
                        "id": "id1",
                        "input": {"text": "Q?"},
                        "references": [
                            {"output": {"text": "Aspirin"}, "tags": []},
                            {"output": {"text": "Heparin"}, "tags": ["correct"]},
                        ],
                    },
                    "output_mapping": _OPTIONS,
                    "result": {
                        "success": True,
                        "completions": [
                            {"text": "B", "thinking": {"text": "low"}, "finish_reason": {"reason": "length"}}
                        ],
                    },
                }
            ],
        },
        {
            "id": "id1",
            "text": "B",
            "reasoning": "low",
            "model": "m",
            "cut": "limit",
            "fields": {"question": "Q?", "options": _OPTIONS, "answer": "B"},
        },
    ),
    (
        "helm",
        {
            "adapter_spec": {"model_deployment": "d"},
            "request_states": [
                {"instance": {"id": "i"}, "result": {"success": False, "error": "no", "completions": []}}
            ],
        },
        {"id": "i", "model": "d", "no_trace": "error", "detail": "no"},
    ),
    (
        "lighteval",
        {
            "doc": {"id": "4", "query": "Q?", "choices": ["Aspirin", "Heparin"], "gold_index": [1]},
            "model_response": {"text": ["B"], "reasonings": ["low"]},
            "metric": {"acc": 1},
        },
        {
            "id": "4",
            "text": "B",
            "reasoning": "low",
            "fields": {"question": "Q?", "options": _OPTIONS, "answer": ["B"]},
        },
    ),
    (
        "lighteval",
        {"full_prompt": "Q? A. x B. y", "choices": [" A", " B"], "gold_index": 1, "predictions": ["So B"]},
        {"id": "0", "text": "So B", "fields": {"question": "Q? A. x B. y", "answer": ["B"]}},
    ),
    (
        "gemini-batch",
        {
            "key": "q0",
            "response": {
                "candidates": [
                    {
                        "content": {"parts": [{"text": "low", "thought": True}, {"text": "C"}]},
                        "finishReason": "MAX_TOKENS",
                    }
                ],
                "modelVersion": "gemini-2.5-pro",
            },
        },
        {"id": "q0", "text": "C", "reasoning": "low", "model": "gemini-2.5-pro", "cut": "limit"},
    ),
    (
        "gemini-batch",
        {
            "request": {"contents": [{"role": "user", "parts": [{"text": "Q?"}]}]},
            "response": {"promptFeedback": {"blockReason": "SAFETY"}},
        },
        {"id": "0", "no_trace": "filtered", "detail": "SAFETY", "fields": {"question": "Q?"}},
    ),
    (
        "gemini-batch",
        {"key": "q0", "error": {"code": 500, "message": "broken"}},
        {"id": "q0", "no_trace": "error", "detail": "broken"},
    ),
    (
        "sglang",
        {"text": "C", "meta_info": {"id": "x", "finish_reason": {"type": "length"}}, "index": 5},
        {"id": "5", "cut": "limit"},
    ),
    (
        "trl",
        {"step": 100, "prompt": [_USER], "completion": [{"role": "assistant", "content": "C"}], "advantage": 0.5},
        {"id": "0", "text": "C", "fields": _ASKED},
    ),
    (
        "trl",
        {"step": 100, "prompt": "Q?", "completion": "C", "accuracy_reward": 1.0},
        {"id": "0", "text": "C", "fields": {"question": "Q?"}, "source": {"step": 100}},
    ),
    (
        "mt-bench",
        {
            "question_id": 81,
            "answer_id": "a",
            "model_id": "m",
            "choices": [{"index": 0, "turns": ["one"]}],
            "tstamp": 1.0,
        },
        {"id": "81", "text": "one", "model": "m"},
    ),
    (
        "mt-bench",
        {
            "question_id": "q",
            "answer_id": "a",
            "model_id": "m",
            "choices": [{"turns": [{"content": "one", "token_len": 1}]}],
        },
        {"id": "q", "text": "one"},
    ),
    (
        "mt-bench",
        {
            "uid": "u1",
            "ans_id": "a",
            "model": "m",
            "messages": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": {"answer": "one"}}],
            "metadata": {},
        },
        {"id": "u1", "text": "one", "model": "m", "fields": {"question": "Q?"}},
    ),
    ("mt-bench", {"question_id": 1, "model_id": "m", "choices": [{"turns": ["$ERROR$"]}]}, {"no_trace": "error"}),
    ("chat", _COMPLETION, {"id": "0", "text": "C", "reasoning": "low", "model": "m", "cut": "limit"}),
    (
        "chat",
        {"id": "q7", "request": {"messages": [_USER]}, "response": _COMPLETION, "gold": "C"},
        {"id": "q7", "text": "C", "fields": _ASKED | {"answer": "C"}},
    ),
    (
        "chat",
        {"id": "q7", "messages": [_USER, {"role": "assistant", "content": "C", "reasoning": "low"}], "answer": "C"},
        {"id": "q7", "text": "C", "reasoning": "low", "fields": _ASKED | {"answer": "C"}},
    ),
    (
        "chat",
        {"conversations": [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "C"}], "image": "x.png"},
        {"id": "0", "text": "C", "fields": _ASKED},
    ),
    (
        "inspect",
        {
            "eval": {"model": "m"},
            "samples": [
                {
                    "id": 1,
                    "input": [{"role": "user", "content": [{"type": "image", "image": "data:image/png;base64,AAAA"}]}],
                    "output": {"choices": [{"message": {"content": "B"}}]},
                }
            ],
        },
        {"id": "1", "text": "B", "fields": {"image_base64": ["data:image/png;base64,AAAA"]}},
    ),
    (
        "native",
        {"id": 1, "reasoning": "low", "response": "So\nC", "finish_reason": "length"},
        {"id": "1", "text": "<think>low</think>So\nC", "fields": {"finish_reason": "length"}},
    ),
]
