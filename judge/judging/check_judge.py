"""Ask a judge a tiny pair in every form of request, and say what works, what it costs, and what its server ignores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from judge.costs.prices import list_price
from judge.costs.spending import reply_cost, total
from judge.errors import ProviderError, StopRunError
from judge.files.secrets import hide_in_logs
from judge.judges.registry import open_judge
from judge.judging.command_options import DEFAULT_PROMPT
from judge.prompting.pairwise_plan import PairPlan
from judge.prompting.shipped_files import find_asset, load_prompt
from judge.schema import (
    LETTER_REPLIES,
    MESSAGES,
    Criterion,
    Failed,
    FailureKind,
    Item,
    Judged,
    JudgeSpec,
    Order,
    Pair,
    Prompt,
    Provider,
    Reply,
    ReplyForm,
    Request,
    RequestForm,
    Rubric,
    Trace,
    Verdict,
)

LETTER_PROMPT = "pairwise-letter.v1"
FEW_TOKENS = 16
"""a limit that no object with a verdict fits into"""
UNSAID = "checked"
"""a field of the schema that the words do not ask for: a server that ignores the schema leaves it out"""
_OVERALL = Criterion(name="overall", title="Overall", definition="Which trace is right?", tie="both are")
_RUBRIC = Rubric(name="check", version=1, description="A pair that anyone can judge.", criteria=(_OVERALL,))
_PAIR = Pair(
    Item("check", question="How much is 2 + 2?"),
    Trace("Two and two are four."),
    Trace("Two and two are five, as everybody knows."),
)
_DICE = Prompt(system="You invent numbers.", shared="Write a random number of twelve digits.", traces="Nothing else.")


@dataclass(frozen=True)
class Check:
    """What came of one kind of call."""

    asked: str
    """what was tried"""
    works: bool | None
    """None: cannot be told"""
    told: str
    """what happened, in words"""
    replies: tuple[Reply, ...] = ()
    """that came, and were paid for"""
    error: ProviderError | None = None
    """why there is none, or no further one"""


async def check_judge(spec: JudgeSpec, *, seconds: float) -> list[Check]:
    """Ask in each form that the judge's provider has, and try the schema, the limit and the seed.

    Args:
        spec: the judge; its own form of the reply comes first.
        seconds: longest time of a call, seconds.

    Returns:
        One check for each, in the order asked.
    """
    hide_in_logs()
    own = spec.settings.reply
    checks = [await _check_form(spec, seconds)]
    if (error := checks[0].error) and (isinstance(error, StopRunError) or not (error.status or error.maybe_paid)):
        return checks  # every other call would end like this one
    for form in ReplyForm:
        if form is not own and _has(spec, form):
            prompt = find_asset("prompts", LETTER_PROMPT).text if form is ReplyForm.LETTER else None
            checks.append(await _check_form(_with(spec, reply=form, prompt=prompt), seconds))
    spec = _with(spec, logprobs=False)
    asked = ReplyForm.TEXT if own in LETTER_REPLIES else own
    checks.append(await _check_limit(_with(spec, reply=asked, prompt=None), seconds))
    if spec.provider not in MESSAGES:
        checks.append(await _check_seed(_with(spec, reply=ReplyForm.TEXT, prompt=None), seconds))
    return checks


def cost_of_checks(spec: JudgeSpec, checks: Sequence[Check]) -> Decimal | None:
    """Return what the replies to checks cost, in US dollars; None where that is unknown of any."""
    price = list_price(spec)
    if any(check.error and check.error.maybe_paid for check in checks):
        return None
    return total(reply_cost(price, reply) for check in checks for reply in check.replies)


def _has(spec: JudgeSpec, form: ReplyForm) -> bool:
    if form in {ReplyForm.DECISIONS, ReplyForm.SCORING}:
        return False  # other addresses, of which few servers know
    if spec.provider is Provider.LOCAL:
        return form not in {ReplyForm.OBJECT, ReplyForm.TOOL}
    return form is not ReplyForm.OBJECT or spec.provider not in MESSAGES


def _with(spec: JudgeSpec, **settings: object) -> JudgeSpec:
    return spec.model_copy(update={"settings": spec.settings.model_copy(update=settings)})


async def _asked(spec: JudgeSpec, request: Request, seconds: float) -> tuple[Reply, list[RequestForm]]:
    judge = open_judge(spec, concurrency=1, timeout=seconds)
    learnt: list[RequestForm] = []
    judge.on_form = learnt.append
    try:
        return await judge.ask(request), learnt
    finally:
        await judge.close()


def _plan() -> PairPlan:
    return PairPlan(load_prompt(find_asset("prompts", DEFAULT_PROMPT)), _RUBRIC)


def _request(spec: JudgeSpec, **changes: Any) -> Request:  # noqa: ANN401 - as replace() takes them
    plan = _plan()
    (ask,) = plan.asks_in([Order.FORWARD], _PAIR, spec)
    if schema := ask.schema:
        schema["properties"] = {UNSAID: {"type": "string", "enum": ["teal"]}, **schema["properties"]}
        schema["required"] = [UNSAID, *schema["required"]]
    return replace(plan.request(ask, spec), **changes)


async def _check_form(spec: JudgeSpec, seconds: float) -> Check:
    form, request = spec.settings.reply, _request(spec)
    asked = f"reply = {form.value}" if request.schema_ or form in LETTER_REPLIES else "its own prompt"
    try:
        reply, learnt = await _asked(spec, request, seconds)
    except ProviderError as error:
        return Check(asked, works=False, told=error.message, error=error)
    text, has_unsaid = _without_unsaid(reply.text) if request.schema_ else (reply.text, False)
    result = _plan().reader(spec)(replace(reply, text=text), request)
    words = [f"refused, asked with {one.value}" for one in learnt]
    if isinstance(result, Failed):
        words.append(f"{result.failure}: {result.detail}")
        return Check(asked, works=False, told="; ".join(words), replies=(reply,))
    if request.schema_ and form in {ReplyForm.SCHEMA, ReplyForm.TOOL} and not has_unsaid and not learnt:
        words.append("a verdict, but the schema was ignored")
    verdict = result.verdicts[_OVERALL.name] if isinstance(result, Judged) else None
    if verdict is not Verdict.FIRST:
        words.append(f"a verdict, but the wrong one: {verdict}")
    return Check(asked, works=True, told="; ".join(words) or "a verdict", replies=(reply,))


def _without_unsaid(text: str) -> tuple[str, bool]:
    """Return a reply without what only the schema asks for, and whether that was there."""
    try:
        said = json.loads(text)
    except ValueError:
        return text, UNSAID in text
    if not isinstance(said, dict) or UNSAID not in said:
        return text, False
    return json.dumps({name: value for name, value in said.items() if name != UNSAID}), True


async def _check_limit(spec: JudgeSpec, seconds: float) -> Check:
    asked = f"a limit of {FEW_TOKENS} tokens"
    try:
        reply, _ = await _asked(spec, _request(spec, output_tokens=FEW_TOKENS), seconds)
    except ProviderError as error:
        return Check(asked, works=False, told=error.message, error=error)
    if reply.cut not in {None, FailureKind.TRUNCATED}:
        return Check(asked, works=None, told=f"cannot be told: {reply.cut}", replies=(reply,))
    kept = reply.cut is FailureKind.TRUNCATED
    told = "kept" if kept else f"ignored: the reply ended with {reply.stop or 'no reason'}"
    return Check(asked, works=kept, told=told, replies=(reply,))


async def _check_seed(spec: JudgeSpec, seconds: float) -> Check:
    asked, seeded = "a seed", _with(spec, body={**spec.settings.body, "seed": 7})
    replies: tuple[Reply, ...] = ()
    try:
        for _ in range(2):
            reply, _ = await _asked(seeded, _request(seeded, prompt=_DICE), seconds)
            replies += (reply,)
    except ProviderError as error:
        return Check(asked, works=False, told=error.message, replies=replies, error=error)
    if cut := next((reply.cut for reply in replies if reply.cut), None):
        return Check(asked, works=None, told=f"cannot be told: {cut}", replies=replies)
    first, second = (reply.text.strip() for reply in replies)
    if first != second:
        return Check(asked, works=False, told="ignored: two replies differ", replies=replies)
    return Check(asked, works=True, told="two replies are the same", replies=replies)
