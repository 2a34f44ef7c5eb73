"""Plan the requests of a run that writes checklists: one for each item that has a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from judge.prompting.checklist_writing_prompt import is_askable, render_reference, reply_schema, wanted_groups
from judge.prompting.checklist_writing_reply import parse_checklist
from judge.prompting.pairwise_plan import Ask, Plan
from judge.prompting.pairwise_reply import read_reply
from judge.schema import Group, Item, Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from judge.prompting.pairwise_plan import ExpectedReply
    from judge.prompting.pairwise_prompt import PromptTemplate
    from judge.schema import JudgeSpec, Reply, Result

TYPICAL_UNITS = 10
"""what a quote takes a reply to hold; each is about as long as what a judge says of a criterion"""


@dataclass(frozen=True)
class WritingPlan(Plan[Item]):
    """What is asked about every item, whatever the judge."""

    template: PromptTemplate
    """parsed with the form `WRITING`"""
    samples: int = 1

    def asks(self, item: Item, judge: JudgeSpec) -> Iterator[list[Ask]]:
        """Yield one call for an item that has a reference and no checklist."""
        if is_askable(item):
            groups = wanted_groups(item)
            schema = reply_schema(groups, text_chars=judge.settings.evidence_chars)
            yield [Ask(item.id, render_reference(self.template, item), schema, groups, n_parts=TYPICAL_UNITS)]

    def key_parts(self, ask: Ask, judge: Sequence[object], sample: int) -> Iterator[object]:  # noqa: ARG002 - there is one
        """Yield what decides the answer."""
        prompt = ask.prompt
        yield ["checklist", *judge, ask.schema, prompt.system, prompt.shared, prompt.traces]

    def interpret(self, reply: Reply, expected: ExpectedReply) -> Result:
        """Return the units of a reply, or why there are none."""
        groups = [Group(name) for name in expected.asks]
        return read_reply(reply, lambda text: Written(units=parse_checklist(text, groups)))
