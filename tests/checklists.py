"""Cases with checklists, and judgments of them, in a few words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from builders import ROOT
from msgspec import convert

from judge.enums import Method
from judge.outcomes.item_features import WantedFields
from judge.outcomes.latest_judgments import latest_judgments
from judge.prompting.checklist_score import CHECKLIST, ScorePlan
from judge.prompting.pairwise_prompt import PromptTemplate, parse_template
from judge.schema import (
    Case,
    Failed,
    FailureKind,
    Group,
    Image,
    Item,
    JudgeSpec,
    Judgment,
    Order,
    Scored,
    Trace,
    Unit,
    UnitVerdict,
)
from judge.scoring.cases import features_of_cases
from judge.scoring.figures import SCORE_METHOD
from judge.scoring.score_report import ScoredRun, ScoreSetting, build_score_report

Said = tuple[int, int, int] | tuple[int, int, int, bool | None]
"""presence, correctness, consistency (, grounded)"""


def image(name: str) -> Image:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Image(path=f"/x/{name}.png", sha256=digest, media_type="image/png")


def units(letter: str, n: int, **fields: object) -> tuple[Unit, ...]:
    """Return n units p1, p2, ..., say."""
    names = [f"{letter}{place}" for place in range(1, n + 1)]
    return tuple(convert({"id": name, "claim": f"claim {name}", **fields}, Unit) for name in names)


def make_case(
    p: int = 1,
    k: int = 1,
    r: int = 1,
    *,
    item: str = "q1",
    text: str = "a trace",
    says: str | None = "A",
    **fields: object,
) -> Case:
    """Return a case with so many perception, knowledge and rationale units; its right answer is A."""
    checklist = {group: own for group in Group if (own := units(group[0], {"p": p, "k": k, "r": r}[group[0]]))}
    known = {"id": item, "question": "Which?", "options": {"A": "one", "B": "two"}, "answer": "A"}
    about = convert({**known, "images": (image(item),), "checklist": checklist, **fields}, Item)
    return Case(item=about, trace=Trace(text=text, answer=says))


def judged(
    group: Group, said: Mapping[str, Said] | FailureKind, *, item: str = "q1", judge: str = "openai:m", sample: int = 0
) -> Judgment:
    """Return the judgment of one group: verdicts by unit, or a failure."""
    result: Failed | Scored
    if isinstance(said, FailureKind):
        result = Failed(failure=said)
    else:
        fields = ("presence", "correctness", "consistency", "grounded")
        verdicts = {unit: dict(zip(fields, one, strict=False)) for unit, one in said.items()}
        result = Scored(units={unit: convert(one, UnitVerdict) for unit, one in verdicts.items()})
    key = f"{item} {judge} {sample} {group}"
    return Judgment(key=key, item=item, order=Order.FORWARD, judge=judge, sample=sample, group=group, result=result)


def all_groups(
    p: Sequence[Said],
    k: Sequence[Said],
    r: Sequence[Said],
    *,
    item: str = "q1",
    judge: str = "openai:m",
    sample: int = 0,
) -> list[Judgment]:
    """Return one judgment a group, the verdicts in the order of its units."""
    given = zip(Group, (p, k, r), strict=True)
    said = {group: {f"{group[0]}{n}": one for n, one in enumerate(own, start=1)} for group, own in given}
    return [judged(group, own, item=item, judge=judge, sample=sample) for group, own in said.items() if own]


def build(
    judgments: Iterable[Judgment],
    cases: Iterable[Case],
    judges: Sequence[JudgeSpec],
    *,
    samples: int = 1,
    by: tuple[str, ...] = (),
    method: Method = SCORE_METHOD,
) -> ScoredRun:
    """Report a score run of the model `tested`."""
    setting = ScoreSetting("tested", judges, dict.fromkeys(Group, "prompt.v1"), samples, 0, {}, {})
    features = features_of_cases(cases, WantedFields(by=by))
    return build_score_report(latest_judgments(judgments), features, setting, method=method)


def shipped_templates() -> dict[Group, PromptTemplate]:
    return {
        group: parse_template(
            (ROOT / f"prompts/pkr-{group}.v1.md").read_text(encoding="utf-8"), where=f"pkr-{group}", form=CHECKLIST
        )
        for group in Group
    }


def shipped_plan(samples: int = 1) -> ScorePlan:
    return ScorePlan(shipped_templates(), samples=samples, seed=0)
