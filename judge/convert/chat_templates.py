"""Take what the user said out of a prompt that is written in a model's chat template."""

from __future__ import annotations

import re

_TOKENS = (
    (r"<\|im_start\|>user\n", r"<\|im_end\|>"),
    (r"<\|start_header_id\|>user<\|end_header_id\|>\n\n", r"<\|eot_id\|>"),
    (r"<start_of_turn>user\n", r"<end_of_turn>"),
    (r"<\|turn>user\n", r"<turn\|>"),
    ("<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>"),
    (r"<\|start\|>user<\|message\|>", r"<\|end\|>"),
    (r"<\|user\|>\n?", r"<\|(?:end|assistant|endoftext)\|>|</s>"),
    (r"\[INST\]\s*(?:<<SYS>>.*?<</SYS>>\s*)?", r"\s*\[/INST\]"),
)
_WORDS = (  # where special tokens were left out
    (r"(?:\A|\n)user\n+", r"\n?assistant\n+\Z"),
    (r"(?:\A|\s)(?:Human|USER): ?", r"\s*(?:Assistant|ASSISTANT):\s*\Z"),
)
_TURNS = [re.compile(f"{opens}(.*?)(?:{closes}|\\Z)", re.DOTALL) for opens, closes in _TOKENS]
_TURNS += [re.compile(f"{opens}(.*?){closes}", re.DOTALL) for opens, closes in _WORDS]


def asked_in(prompt: str) -> str:
    """Return the user's turns of a prompt; the whole prompt where no template is recognised."""
    for turn in _TURNS:
        if said := turn.findall(prompt):
            return "\n\n".join(map(str.strip, said))
    return prompt
