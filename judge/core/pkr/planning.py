"""Plan the requests of a checklist score: one a case, judge, group with units, and sample, under its key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from judge.core.pkr.prompting import GroupRenderer, askable, reply_schema
from judge.core.pkr.reading import interpret
from judge.schema import Group, Order, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from judge.core.prompting import PromptTemplate
    from judge.core.work import Asked
    from judge.schema import Case, JudgeSpec, Prompt, Reply, Result


@dataclass(frozen=True)
class ScorePlan:
    """What is asked about every case of a run, whatever the judge."""

    templates: Mapping[Group, PromptTemplate]
    """one of each group, parsed with the form `CHECKLIST`"""
    samples: int = 1
    seed: int = 0

    def planner(self, judge: JudgeSpec) -> ScorePlanner:
        """Return what makes the requests for a judge."""
        return ScorePlanner(self, judge)

    def interpret(self, reply: Reply, asked: Asked) -> Result:
        """Return the verdicts of a reply, or why there are none."""
        return interpret(reply, asked)


@dataclass(frozen=True)
class ScorePlanner:
    """Makes the requests about cases for one judge."""

    plan: ScorePlan
    judge: JudgeSpec

    def requests(self, cases: Iterable[Case]) -> Iterator[Request]:
        """Yield one request per case, group that the judge can be asked about, and sample.

        The samples of a group follow each other, so that a prompt cache serves the later ones.
        """
        for case in cases:
            for group in askable(case.item, self.judge):
                yield from self._samples(case, group)

    def prompt(self, case: Case, group: Group) -> Prompt:
        """Render the prompt about one group of a case's checklist."""
        return self._renderers[group].prompt(case)

    @cached_property
    def _renderers(self) -> dict[Group, GroupRenderer]:
        return {
            group: GroupRenderer(group, template, self.plan.seed) for group, template in self.plan.templates.items()
        }

    @cached_property
    def _hashed_identity(self) -> hashlib._Hash:
        """A hash that has taken in the judge; each key goes on from a copy of it."""
        judge = self.judge
        model = [judge.provider, judge.model, judge.weights_sha256]
        return hashlib.sha256(orjson.dumps([*model, judge.settings.model_dump()]))

    def _samples(self, case: Case, group: Group) -> Iterator[Request]:
        units = case.item.checklist[group]
        schema = reply_schema(group, units, evidence_chars=self.judge.settings.evidence_chars)
        prompt = self.prompt(case, group)
        about = self._hashed_identity.copy()
        images = [image.sha256 for image in prompt.images]
        about.update(orjson.dumps([group, schema, prompt.system, prompt.shared, prompt.traces, images]))
        for sample in range(self.plan.samples):
            yield Request(
                key=_key(about, sample),
                item=case.item.id,
                order=Order.FORWARD,
                judge=self.judge.name,
                sample=sample,
                prompt=prompt,
                schema_=schema,
                asks=tuple(unit.id for unit in units),
                group=group,
                shares_prefix=self.plan.samples > 1,
            )


def _key(about: Any, sample: int) -> str:  # noqa: ANN401 - a hash has no public type
    """Return 32 hex digits of the hash of everything that decides the answer."""
    digest = about.copy()
    digest.update(orjson.dumps(sample))
    return str(digest.hexdigest()[:32])
