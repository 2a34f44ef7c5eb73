"""Show what would be sent, before anything is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from judge.core.planning import Plan, Planner
from judge.core.prompting import Shown
from judge.errors import InputError
from judge.io.assets import find_asset, load_prompt, load_rubric
from judge.io.judges.options import JudgeOptions
from judge.run.draft import open_specs
from judge.run.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from judge.run.options import PromptOptions
    from judge.schema import Image, Order


def _told(image: Image) -> str:
    made = f", {image.width} x {image.height} pixels, prepared from" if image.original else ":"
    return f"[image {image.media_type}, sha256 {image.sha256}{made} {image.named}]"


def show_prompt(options: PromptOptions, *, item: str, order: Order, say: Callable[[str], None]) -> str:
    """Return the text, images and schema that the first judge would be sent for one item in one order."""
    rubric = load_rubric(find_asset("rubrics", options.rubric))
    template = load_prompt(find_asset("prompts", options.prompt_name))
    judge = open_specs(options.judges, JudgeOptions(), say=say)[0]
    plan = Plan(
        template=template,
        rubric=rubric,
        shown=Shown(reference=options.show_reference, answers=not options.hide_answers),
        seed=options.seed,
    )
    with Inputs(options.inputs, blind_judge=not judge.sees_images) as inputs:
        inputs.check()
        pair = inputs.pair(item)
        if pair is None:
            raise InputError(f"--item {item}", "no such item among those compared")
    planner = Planner(plan, judge)
    prompt = planner.prompt(pair, order)
    images = [_told(image) for image in prompt.images]
    schema = orjson.dumps(planner.schema, option=orjson.OPT_INDENT_2).decode()
    key = planner.key(prompt, sample=0, order=order)
    blocks = [
        f"=== system (judge {judge.name}, key {key})",
        prompt.system,
        "=== user",
        *images,
        prompt.shared,
        "",
        prompt.traces,
        "=== reply schema",
        schema,
    ]
    return "\n".join(blocks)
