"""Plan the requests of a run that writes checklists: one for each item that has a reference."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import orjson

from judge.core.checklists.prompting import Renderer, is_askable, reply_schema, wanted_groups
from judge.core.checklists.reading import interpret
from judge.schema import Order, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from judge.core.prompting import PromptTemplate
    from judge.core.work import Asked
    from judge.schema import Item, JudgeSpec, Reply, Result

TYPICAL_UNITS = 10
"""what a quote takes a reply to hold; each is about as long as what a judge says of a criterion"""


@dataclass(frozen=True)
class WritingPlan:
    """What is asked about every item, whatever the judge."""

    template: PromptTemplate
    """parsed with the form `WRITING`"""

    def planner(self, judge: JudgeSpec) -> WritingPlanner:
        """Return what makes the requests for a judge."""
        return WritingPlanner(self, judge)

    def interpret(self, reply: Reply, asked: Asked) -> Result:
        """Return the units of a reply, or why there are none."""
        return interpret(reply, asked)


@dataclass(frozen=True)
class WritingPlanner:
    """Makes the requests about items for one judge."""

    plan: WritingPlan
    judge: JudgeSpec

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self.plan.template)

    def requests(self, items: Iterable[Item]) -> Iterator[Request]:
        """Yield one request for each item that has a reference and no checklist."""
        for item in items:
            if is_askable(item):
                yield self.request(item)

    def request(self, item: Item) -> Request:
        """Return the request about an item, under the hash of everything that decides the answer."""
        judge, groups = self.judge, wanted_groups(item)
        prompt = self._renderer.prompt(item)
        schema = reply_schema(groups, text_chars=judge.settings.evidence_chars)
        asked = [judge.provider, judge.model, judge.weights_sha256, judge.settings.model_dump(), schema]
        told = [prompt.system, prompt.shared, prompt.traces]
        return Request(
            key=hashlib.sha256(orjson.dumps(["checklist", *asked, *told])).hexdigest()[:32],
            item=item.id,
            order=Order.FORWARD,
            judge=judge.name,
            sample=0,
            prompt=prompt,
            schema_=schema,
            asks=groups,
            n_parts=TYPICAL_UNITS,
        )
