"""The prompt of one item as it would be sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from judge.comparison.prepared_run import find_rubric
from judge.errors import InputError
from judge.inputs.join import Inputs
from judge.judges.judge_options import JudgeOptions
from judge.judging.provenance import open_specs
from judge.prompting.pairwise_plan import PairPlan, verdict_form
from judge.prompting.pairwise_prompt import ShownParts
from judge.prompting.shipped_files import find_asset, load_prompt, load_rubric

if TYPE_CHECKING:
    from judge.judging.command_options import PromptOptions
    from judge.schema import Image, Order


def _told(image: Image) -> str:
    made = f", {image.width} x {image.height} pixels, prepared from" if image.original else ":"
    return f"[image {image.media_type}, sha256 {image.sha256}{made} {image.named}]"


def show_prompt(options: PromptOptions, *, item: str, order: Order, say: Callable[[str], None]) -> str:
    """Return the text, images and schema that the first judge would be sent for one item in one order."""
    template = load_prompt(find_asset("prompts", options.prompt_name))
    judge = open_specs(options.judges, JudgeOptions(), say=say, needs_keys=False)[0]
    rubric = load_rubric(find_rubric(options.rubric, template, [judge], say=say))
    plan = PairPlan(
        template=template,
        rubric=rubric,
        shown=ShownParts(reference=options.show_reference, answers=not options.hide_answers, show=options.show),
        seed=options.seed,
    )
    with Inputs(options.inputs, blind_judge=not judge.sees_images, seed=options.seed) as inputs:
        inputs.check()
        pair = next(inputs.pairs(ids=[item]), None) if item in inputs.ids else None
        if pair is None:
            raise InputError(f"--item {item}", "no such item among those compared")
    (ask,) = plan.asks_in([order], pair, judge)
    prompt, key = ask.prompt, plan.request(ask, judge).key
    images = [_told(image) for image in prompt.images]
    form = verdict_form(judge, template)
    told = ["=== reply schema", orjson.dumps(ask.schema, option=orjson.OPT_INDENT_2).decode()]
    blocks = [
        f"=== system (judge {judge.name}, key {key})",
        prompt.system,
        "=== user",
        *images,
        prompt.shared,
        "",
        prompt.traces,
        *(told if ask.schema else [f"=== reply: {form}"]),
    ]
    return "\n".join(blocks)
