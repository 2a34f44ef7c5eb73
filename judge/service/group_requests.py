"""What is asked of a service: a prompt with responses, and what the answer holds."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import replace

from judge.errors import InputError
from judge.files.fields import RecordFields
from judge.inputs.item_fields import read_item
from judge.schema import Image, Item, Order, Pair, Trace, Verdict

MOST_RESPONSES = 512
Prompt = str | list[dict[str, Any]]
"""a text, or the messages of a chat"""


class PreferenceRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group of responses to one prompt: the body of `POST /v1/preferences`."""

    prompt: Prompt
    """what was asked: a text, or messages with `role` and `content`"""
    responses: list[str]
    """to be compared, in any order"""
    id: str = ""
    """the caller's name of the prompt, given back; with `--anchors` it finds the stored trace"""
    images: list[str] = []
    """data URLs, or the sha256 of images that were sent before"""
    options: dict[str, str] = {}
    """letter to text, in the order given"""
    answer: str | None = None
    """the right answer"""
    reference: str | None = None
    """how to get to it"""
    checklist: dict[str, Any] | list[Any] | None = None
    """what a good response says (docs/score.md)"""
    criteria: list[str] = []
    """which criteria of the rubric make the rewards; empty: its last, the overall one"""
    design: str | None = None
    """which pairs to ask; None: the service's own"""
    anchor: str | None = None
    """with design `anchor`: the trace that each response is compared with; None: the stored one, else the first"""
    subgroup: dict[str, str] = {}
    """fields to report by, such as the step of training"""
    deadline_s: float | None = None
    """seconds after which it is answered with what is known by then"""


class AskedPair(Struct, frozen=True):
    """One verdict of a group, or why there is none."""

    i: int
    """place of a response; with a stored anchor, that has the place after the last"""
    j: int
    """place of the other"""
    order: Order
    """`forward`: i was shown first"""
    judge: str
    """who was asked; empty: both responses are the same text, which is a tie"""
    verdict: Verdict | None
    """on the last criterion, in slot words; of a soft one the most probable"""
    p: float | None
    """what it is worth to i, in [0, 1]: 1, one half or 0, of a soft verdict the probability of i and half of a tie's;
    null where the verdict decides nothing"""
    why_not: str = ""
    """the failure, `unasked`, or `late`"""


class Preferences(Struct, frozen=True):
    """The answer to a group."""

    id: str
    """as given"""
    design: str
    """which pairs were asked"""
    rewards: list[float | None]
    """mean credit of each response over its comparisons, in [0, 1]; null without a verdict, and never made up"""
    se: list[float | None]
    """standard error of each reward"""
    by_criterion: dict[str, list[float | None]]
    """rewards on each criterion alone"""
    pairs: list[AskedPair]
    """every question"""
    failed: int
    """questions without a verdict"""
    position_bias: float | None
    """share of the group's decisive verdicts that pick the first slot, by the probabilities of soft ones; null where
    there is none"""
    judge_key: str
    """hash of what decides the verdicts: judges, settings, prompt, rubric"""
    usd: float | None
    """US dollars that this answer cost; what was known before costs nothing; null: a price is not known"""


def read_prompt(prompt: Prompt) -> tuple[str, list[str]]:
    """Return the text of a prompt and its images: one message alone as it is, more under their roles (InputError)."""
    if isinstance(prompt, str):
        return prompt, []
    said, images = [], list[str]()
    for message in prompt:
        text, own = _content(message.get("content"))
        said.append((str(message.get("role", "user")), text))
        images += own
    if len(said) == 1:
        return said[0][1], images
    return "\n\n".join(f"{role}: {text}" for role, text in said), images


def _content(content: object) -> tuple[str, list[str]]:
    """Return the text and the images of a message; InputError where a part of it could not be shown."""
    if not isinstance(content, list):
        if content is not None and not isinstance(content, str):
            raise InputError("prompt", f"the content of a message is {type(content).__name__}", "give text, or parts")
        return content or "", []
    texts, images = [], []
    for part in content:
        held = {"text": part} if isinstance(part, str) else part
        if not isinstance(held, Mapping):
            raise InputError("prompt", f"a part of a message is {type(held).__name__}", "give text, or an object")
        url = held.get("image_url") or held.get("image")
        if isinstance(url, Mapping):
            url = url.get("url")
        if isinstance(url, str):
            images.append(url)
        elif isinstance(text := held.get("text", held.get("refusal")), str):
            texts.append(text)
        elif held.get("type") != "image" or any(value is not None for name, value in held.items() if name != "type"):
            raise InputError(
                "prompt", f"a part of type {held.get('type')!r} cannot be shown", "give text and image_url"
            )
    return "".join(texts), images


def data_url(url: str, where: str) -> bytes:
    """Return the bytes that a data URL holds; InputError where it is none."""
    head, _, encoded = url.partition(";base64,")
    if not head.startswith("data:") or not encoded:
        raise InputError(where, "neither a data URL nor the sha256 of an image sent before", "send the image itself")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(where, "its data URL is not base64") from error


def item_of(request: PreferenceRequest, question: str, images: Sequence[Image]) -> Item:
    """Return the item that a group is about; InputError where a part of it cannot be read."""
    record = {
        "id": "0",
        "question": question,
        "options": request.options or None,
        "reference_reasoning": request.reference,
        "checklist": request.checklist,
        "subgroup": request.subgroup or None,
    }
    fields = RecordFields(record, {})
    item = read_item(fields, lambda answer, _: str(answer), alone=False)
    if fields.problems:
        raise InputError("request", fields.problems[0].problem, fields.problems[0].hint)
    return replace(item, answer=request.answer, images=tuple(images))


def pair_of(item: Item, a: str, b: str) -> Pair:
    """Return a pair under the hash of its content."""
    images = [image.sha256 for image in item.images]
    units = {group.value: [unit.claim for unit in units] for group, units in item.checklist.items()}
    content = [item.question, item.options, item.answer, item.reference_reasoning, units, images, a, b]
    return Pair(item=replace(item, id=_content_id(orjson.dumps(content))), a=Trace(text=a), b=Trace(text=b))


def _content_id(parts: bytes) -> str:
    """Return the id of a pair: 16 hex digits of the hash of all that is shown of it."""
    return hashlib.sha256(parts).hexdigest()[:16]
