"""Write the tables of JSON fields in these pages from the models, so that they cannot differ.

`python docs/make_fields.py` rewrites each region `<!-- fields: NAME -->` ... `<!-- end of fields -->` in place. A row
is a field's name, its type in plain words, and the docstring below it in the model. Run it after a change of a model;
tests/test_docs.py holds that the pages are what it writes.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel, PlainSerializer

from judge.schema import TraceMark

MODELS = {
    "preferences": "judge.service.group_requests:Preferences",
    "asked pair": "judge.service.group_requests:AskedPair",
    "report": "judge.report.report:Report",
    "models": "judge.report.report:Models",
    "interval settings": "judge.report.report:IntervalSettings",
    "clusters": "judge.report.report:Clusters",
    "rate": "judge.outcomes.rates:Estimate",
    "number": "judge.outcomes.rates:Figure",
    "criterion report": "judge.report.criterion:CriterionReport",
    "shares": "judge.report.criterion:Shares",
    "rates by order": "judge.report.criterion:OrderRates",
    "ledger": "judge.report.ledger:Ledger",
    "bounds": "judge.report.ledger:Bounds",
    "strata": "judge.report.criterion:Strata",
    "stratum": "judge.report.criterion:StratumReport",
    "unreadable answers": "judge.report.criterion:Unreadable",
    "position bias": "judge.report.position_length:PositionReport",
    "length": "judge.report.position_length:LengthReport",
    "length-controlled": "judge.report.position_length:LengthAdjustedReport",
    "length-controlled by difficulty": "judge.report.position_length:AlpacaLengthReport",
    "agreement report": "judge.report.judge_agreement:AgreementReport",
    "halo": "judge.report.judge_agreement:HaloReport",
    "subgroup": "judge.report.subgroups:Subgroup",
    "interaction": "judge.report.subgroups:Interaction",
    "standardised": "judge.report.standardised:Standardised",
    "sensitivity to the judge": "judge.report.judge_sensitivity:JudgeSensitivity",
    "variance components": "judge.report.variance_components:VarianceComponents",
    "predicted error": "judge.report.variance_components:PredictedError",
    "instrument": "judge.report.instruments:Instruments",
    "disagreement": "judge.report.instruments:Disagreement",
    "sequential": "judge.outcomes.interim_looks:Sequential",
    "cost": "judge.costs.spending:JudgeCost",
    "answers read by the judge": "judge.report.judge_answers:JudgeAnswers",
    "letter habit": "judge.report.letter_habit:LetterHabit",
    "right answers of a model": "judge.report.letter_habit:RightOf",
    "corrected stratum": "judge.report.letter_habit:CorrectedStratum",
    "served model": "judge.report.served_models:ServedModel",
    "certificate standing": "judge.report.certificate:CertificateStanding",
    "escalation": "judge.report.escalation:EscalationReport",
    "acceptance": "judge.report.acceptance:Acceptance",
    "certificate": "judge.report.certificate:Certificate",
    "certified judge": "judge.report.certificate:JudgeCertificate",
    "planted errors": "judge.report.certificate:PlantedRow",
    "operator": "judge.report.certificate:OperatorRow",
    "gate": "judge.certify.gate:GateReport",
    "gate condition": "judge.certify.gate:GateCondition",
    "drift": "judge.certify.drift_report:DriftReport",
    "drift on a criterion": "judge.certify.drift_report:CriterionDrift",
    "parted change": "judge.certify.drift_report:PartedChange",
    "control report": "judge.report.control_report:ControlReport",
    "control effect": "judge.report.control_report:ControlEffect",
    "self-comparison": "judge.report.control_report:SelfComparison",
    "false preference": "judge.report.control_report:FalsePreference",
    "ranking report": "judge.ranking.ranking_report:RankingReport",
    "error settings": "judge.ranking.ranking_report:ErrorSettings",
    "criterion ranking": "judge.ranking.ranking_report:CriterionRanking",
    "ranked model": "judge.ranking.ranking_report:RankedModel",
    "ranked pair": "judge.ranking.ranking_report:RankedPair",
    "fit of a ranking": "judge.ranking.ranking_report:RankingFit",
    "triad": "judge.ranking.ranking_report:Triad",
    "ranking of a part": "judge.ranking.ranking_report:PartRanking",
    "moved model": "judge.ranking.ranking_report:Moved",
    "curve": "judge.ranking.ranking_report:Curve",
    "step of a curve": "judge.ranking.ranking_report:CurveStep",
    "score report": "judge.scoring.score_report:ScoreReport",
    "score subgroup": "judge.scoring.score_report:ScoreSubgroup",
    "figures": "judge.scoring.figures:Figures",
    "figures of a group": "judge.scoring.figures:GroupFigures",
    "group counts": "judge.scoring.figures:GroupCounts",
    "failure modes": "judge.scoring.figures:Failures",
    "score difference": "judge.scoring.difference:ScoreDifference",
    "difference": "judge.scoring.difference:Difference",
    "checklist report": "judge.checklists.checklist_report:ChecklistReport",
    "list of runs": "judge.audit.list_runs:RunListing",
    "listed run": "judge.audit.list_runs:ListedRun",
    "damaged run": "judge.audit.list_runs:DamagedRun",
    "manifest": "judge.runs.manifest:RunManifest",
    "comparison": "judge.runs.manifest:Manifest",
    "score": "judge.runs.manifest:ScoreManifest",
    "writing of checklists": "judge.runs.manifest:ChecklistManifest",
    "escalation rule": "judge.runs.manifest:Escalation",
    "input file": "judge.runs.manifest:Input",
    "judge": "judge.schema:JudgeSpec",
    "judge settings": "judge.schema:JudgeSettings",
    "rubric": "judge.schema:Rubric",
    "criterion": "judge.schema:Criterion",
    "shard": "judge.runs.sharding:Shard",
    "control": "judge.runs.control_kinds:Control",
    "stopping rule": "judge.outcomes.interim_looks:Stopping",
    "price": "judge.schema:Price",
    "tariff": "judge.schema:Tariff",
    "pair": "judge.schema:Pair",
    "case": "judge.schema:Case",
    "item": "judge.schema:Item",
    "unit": "judge.schema:Unit",
    "image": "judge.schema:Image",
    "original image": "judge.schema:Original",
    "trace": "judge.schema:Trace",
    "judgment": "judge.schema:Judgment",
    "judged": "judge.schema:Judged",
    "chances": "judge.schema:Chances",
    "scored": "judge.schema:Scored",
    "unit verdict": "judge.schema:UnitVerdict",
    "written": "judge.schema:Written",
    "failed": "judge.schema:Failed",
    "reply": "judge.schema:Reply",
    "usage": "judge.schema:Usage",
    "attempt": "judge.schema:Attempt",
    "label": "judge.schema:Label",
    "quote": "judge.costs.quote:Quote",
    "quote of a judge": "judge.costs.quote:JudgeQuote",
    "dollars": "judge.costs.quote:UsdRange",
    "tokens": "judge.prompting.token_estimates:Range",
}
"""Each model by the name that the pages call it; its place is told here and nowhere else in the docs."""

DOCS = Path(__file__).parent
PLAIN = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Decimal: "number as text",
    Any: "anything",
}
_ABSENT = {NoneType: "null", msgspec.UnsetType: "absent"}
REGION = re.compile(r"(<!-- fields: (?P<name>[a-z -]+) -->\n).*?(<!-- end of fields -->)", re.DOTALL)
Model = type[BaseModel] | type[msgspec.Struct]


def written_pages() -> dict[Path, str]:
    """Return what each page that has such a table should hold.

    Raises:
        KeyError: a page names a model that is not listed.
        TypeError: a field has a type without words here, or of a model that no page shows.
    """
    models = {name: _import(place) for name, place in MODELS.items()}
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}
    homes = {models[found["name"]]: (page, found["name"]) for page in pages for found in REGION.finditer(pages[page])}
    return {page: _filled(text, page, models, homes) for page, text in pages.items() if REGION.search(text)}


def _filled(text: str, page: Path, models: Mapping[str, Model], homes: Mapping[type, tuple[Path, str]]) -> str:
    def fill(found: re.Match[str]) -> str:
        return found[1] + _section(found["name"], models[found["name"]], page, homes) + found[3]

    return REGION.sub(fill, text)


def _import(place: str) -> Model:
    module, _, name = place.partition(":")
    model: Model = getattr(import_module(module), name)
    return model


def _section(name: str, model: Model, page: Path, homes: Mapping[type, tuple[Path, str]]) -> str:
    hints = get_type_hints(model, include_extras=True)
    rows = [
        f"| `{_key(model, field)}` | {_words(hints[field], page, homes)} | {meaning} |"
        for field, meaning in _meanings(model, homes)
    ]
    if issubclass(model, msgspec.Struct) and (config := model.__struct_config__).tag is not None:
        rows.insert(0, f"| `{config.tag_field}` | `{config.tag}` | |")
    told = _plain(inspect.getdoc(model) or "")
    parents = [home for base in model.__bases__ if (home := homes.get(base))]
    also = "".join(f" It has the fields of {_link(*home, page)} too." for home in parents)
    head = [f"#### Fields: {name}", "", told + also, "", "| field | type | meaning |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _meanings(model: Model, homes: Mapping[type, tuple[Path, str]]) -> Iterator[tuple[str, str]]:
    """Yield a model's fields with the docstrings below them, parents' first unless a page shows the parent."""
    for base in model.__bases__:
        if base not in homes and issubclass(base, BaseModel | msgspec.Struct) and base.__module__.startswith("judge"):
            yield from _meanings(base, homes)
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - the source of a class
    for field, below in zip(body.body, [*body.body[1:], None], strict=True):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, _plain(text)
            case ast.AnnAssign(target=ast.Name(id=name)), _:
                yield name, ""


def _plain(docstring: str) -> str:
    return re.sub(r"\bNone\b", "null", " ".join(docstring.split())).replace("|", "\\|")


def _key(model: Model, field: str) -> str:
    """Return a field's name in JSON."""
    if issubclass(model, BaseModel):
        return model.model_fields[field].alias or field
    return field


def _words(hint: Any, page: Path, homes: Mapping[type, tuple[Path, str]]) -> str:  # noqa: ANN401
    """Return a type in plain words, with links to the tables of other models."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated and any(isinstance(part, PlainSerializer) for part in parts[1:]):
        return "number"
    if origin is Literal:
        return _either(parts)
    if origin is None:
        return _simple(hint, page, homes)
    of = [_words(part, page, homes) for part in parts if isinstance(part, type) or get_origin(part) or part is Any]
    if origin in {Union, UnionType}:
        of = [words for words, part in zip(of, parts, strict=True) if words not in {"null", "absent"}]
        return ", ".join(of) + "".join(f", or {_ABSENT[part]}" for part in parts if part in _ABSENT)
    each = f"({of[-1]})" if ", " in of[-1] else of[-1]
    return {dict: f"object of {each}", tuple: f"list of {of[0]}", list: f"list of {of[0]}", Annotated: of[0]}[origin]


def _simple(hint: Any, page: Path, homes: Mapping[type, tuple[Path, str]]) -> str:  # noqa: ANN401
    if hint in PLAIN:
        return PLAIN[hint]
    if hint in homes:
        return _link(*homes[hint], page)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _either(hint)
    if hint in _ABSENT:
        return _ABSENT[hint]
    if hint is TraceMark:
        return "list of place, length and text"
    raise TypeError(f"{hint} has no words, and no page shows it")


def _either(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _link(home: Path, name: str, page: Path) -> str:
    return f"[{name}]({'' if home == page else home.name}#fields-{name.replace(' ', '-')})"


if __name__ == "__main__":
    for path, text in written_pages().items():
        path.write_text(text, encoding="utf-8")
