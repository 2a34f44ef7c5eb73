"""Plan the requests of a checklist score: one a case, judge, group with units, and sample, under its key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from judge.prompting.checklist_score_prompt import askable, render_group, reply_schema
from judge.prompting.checklist_score_reply import parse_units
from judge.prompting.pairwise_plan import Ask, Plan
from judge.prompting.pairwise_reply import read_reply
from judge.schema import Case, Group, Scored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from judge.prompting.pairwise_plan import ExpectedReply
    from judge.prompting.pairwise_prompt import PromptTemplate
    from judge.schema import JudgeSpec, Reply, Result


@dataclass(frozen=True)
class ScorePlan(Plan[Case]):
    """What is asked about every case of a run, whatever the judge."""

    templates: Mapping[Group, PromptTemplate]
    """one of each group, parsed with the form `CHECKLIST`"""
    samples: int = 1
    seed: int = 0

    def asks(self, case: Case, judge: JudgeSpec) -> Iterator[list[Ask]]:
        """Yield a call for each group of a case's checklist that the judge can be asked about."""
        for group in askable(case.item, judge):
            units = case.item.checklist[group]
            prompt = render_group(self.templates[group], group, case, seed=self.seed)
            schema = reply_schema(group, units, evidence_chars=judge.settings.evidence_chars)
            yield [Ask(case.item.id, prompt, schema, tuple(unit.id for unit in units), group=group)]

    def key_parts(self, ask: Ask, judge: Sequence[object], sample: int) -> Iterator[object]:
        """Yield what decides the answer."""
        prompt = ask.prompt
        images = [image.sha256 for image in prompt.images]
        yield judge
        yield [ask.group, ask.schema, prompt.system, prompt.shared, prompt.traces, images]
        yield sample

    def interpret(self, reply: Reply, expected: ExpectedReply) -> Result:
        """Return the verdicts of a reply, or why there are none."""
        return read_reply(reply, lambda text: Scored(units=parse_units(text, expected.asks, group=expected.group)))
