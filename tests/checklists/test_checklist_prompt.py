"""A checklist as the reference of a comparison: what the judge is shown, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import ROOT, RUBRIC, make_judge, make_pair, shipped_prompt
from command import omr_judge, read_jsonl, report_of, write_jsonl
from msgspec import structs
from provider_server import ProviderServer, content_judge

from judge.comparison.compare import compare
from judge.comparison.merge import merge_shards
from judge.errors import InputError
from judge.inputs.input_options import InputOptions
from judge.inputs.join import merge_items
from judge.judging.command_options import CompareOptions
from judge.judging.options import JudgingOptions
from judge.prompting.pairwise_plan import PairPlan
from judge.prompting.pairwise_prompt import PromptTemplate, ShownParts, parse_template, render
from judge.prompting.subject_counts import PairCounts
from judge.runs.sharding import Shard
from judge.schema import Group, Item, Order, Unit

Checklist = dict[Group, tuple[Unit, ...]]
UNITS: Checklist = {
    Group.RATIONALE: (Unit(id="r1", topic="diagnosis", claim="Narrow joints make arthrosis likely."),),
    Group.PERCEPTION: (
        Unit(id="p1", claim="A cyst is seen.", importance="supporting"),
        Unit(id="p2", claim="The joint is narrow.", source_quote="narrow joint"),
    ),
}
BLOCK = """Checklist:
perception:
- core: The joint is narrow.
- supporting: A cyst is seen.
rationale:
- core: Narrow joints make arthrosis likely.
"""
RECORD = {
    group.value: [
        {"unit_id": unit.id, "topic": "t", "claim": unit.claim, "importance": unit.importance} for unit in units
    ]
    for group, units in UNITS.items()
}


def checklist_prompt() -> PromptTemplate:
    source = (ROOT / "prompts/pairwise-checklist.v1.md").read_text(encoding="utf-8")
    return parse_template(source, where="pairwise-checklist.v1.md")


def shown_by(template: PromptTemplate, checklist: Checklist | None = None) -> str:
    pair = make_pair(answer="A", reference_reasoning="so", checklist=checklist or {})
    return render(template, RUBRIC, pair, [Order.FORWARD], shown=ShownParts(), seed=0)[Order.FORWARD].shared


def test_claims_are_shown_group_by_group_and_core_before_supporting() -> None:
    assert shown_by(checklist_prompt(), checklist=UNITS).endswith(f"Reference reasoning: so\n\n{BLOCK}")


def test_an_item_without_a_checklist_is_shown_as_by_the_plain_prompt() -> None:
    assert shown_by(checklist_prompt()) == shown_by(shipped_prompt())


def test_the_prompts_differ_in_the_checklist_and_its_rule_alone() -> None:
    with_it, plain = checklist_prompt().sections, shipped_prompt().sections
    rule = "- The item may come with a checklist: "
    assert [line for line in with_it["System"].splitlines() if not line.startswith(rule)] == plain[
        "System"
    ].splitlines()
    assert with_it["Traces"] == plain["Traces"]
    assert checklist_prompt().shows("checklist")
    assert not shipped_prompt().shows("checklist")


def test_a_checklist_changes_no_key_of_a_prompt_that_does_not_show_it() -> None:
    pair = make_pair(answer="A", reference_reasoning="so", checklist=UNITS)

    def keys(template: PromptTemplate) -> list[str]:
        plan = PairPlan(template=template, rubric=RUBRIC)
        return [request.key for request in plan.requests([pair], make_judge())]

    # As they were before prompts could show checklists: runs that were begun then go on.
    before = ["4dced70e9d86c1bbaba34fb3b2198c8f", "452510b5cd8099dab9ce3c5258db515c"]
    assert keys(shipped_prompt()) == before
    assert not {*keys(checklist_prompt())} & {*before}


def test_a_census_counts_the_items_that_have_a_checklist() -> None:
    census = PairCounts(answers=True)
    assert len(list(census.counting([make_pair(checklist=UNITS), make_pair(id="q2")]))) == 2
    assert census.fields()["n_checklists"] == 1


def write_inputs(folder: Path, *, with_checklist: int, n: int = 3) -> None:
    for side in ("a", "b"):
        write_jsonl(
            folder / f"{side}.jsonl", [{"id": k, "trace": f"{side} thinks of {k}, at length"} for k in range(n)]
        )
    items: list[dict[str, Any]] = [{"id": k, "question": f"Question {k}?"} for k in range(n)]
    for item in items[:with_checklist]:
        item["checklist"] = RECORD
    write_jsonl(folder / "items.jsonl", items)


def asked(server: ProviderServer, *more: str) -> tuple[str, ...]:
    judge = ("--judge", f"openai:m@{server.url}/v1")
    return ("compare", "a.jsonl", "b.jsonl", "--items", "items.jsonl", *judge, *more)


def options(folder: Path, server: ProviderServer, **more: Any) -> CompareOptions:  # noqa: ANN401 - fields of the options
    a, b, items = (str(folder / name) for name in ("a.jsonl", "b.jsonl", "items.jsonl"))
    return CompareOptions(
        inputs=InputOptions(a, b, items=(items,)),
        judges=(f"openai:m@{server.url}/v1",),
        prompt="pairwise-checklist.v1",
        runs=folder / "runs",
        judging=JudgingOptions(quiet=True),
        **more,
    )


def with_units(items: Iterable[Item]) -> Item:
    """Merge records of an item, of which the first two come with a checklist."""
    item = merge_items(list(items))
    return structs.replace(item, checklist=UNITS if item.id in {"0", "1"} else {})


def test_the_judge_is_shown_each_checklist_and_items_without_one_are_counted_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_inputs(tmp_path, with_checklist=0)
    monkeypatch.setattr("judge.inputs.join.merge_items", with_units)
    said: list[str] = []
    with ProviderServer(content_judge) as server:
        folder = compare(options(tmp_path, server, checklist=True), command=(), say=said.append)
        assert sum(BLOCK in call.user for call in server.calls) == 4
        assert len(server.calls) == 6
    assert "Note: 1 of 3 items have no checklist, and are judged without one" in said
    assert folder.manifest().n_checklists == 2
    assert [bool(pair.item.checklist) for pair in folder.pairs()] == [True, True, False]


def test_shards_of_a_run_with_checklists_merge_into_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_inputs(tmp_path, with_checklist=0)
    monkeypatch.setattr("judge.inputs.join.merge_items", with_units)
    with ProviderServer(content_judge) as server:
        parts = [
            compare(options(tmp_path, server, checklist=True, shard=Shard(number=n, of=3)), command=(), say=print)
            for n in (1, 2, 3)
        ]
    merged = merge_shards(parts, name="whole", runs=tmp_path / "runs", command=())
    assert sorted(part.manifest().n_checklists for part in parts) == [0, 1, 1]
    assert merged.manifest().n_checklists == 2


def test_without_any_checklist_and_with_a_prompt_that_shows_none_the_option_is_refused(tmp_path: Path) -> None:
    write_inputs(tmp_path, with_checklist=0)
    with ProviderServer(content_judge) as server:
        none = omr_judge(*asked(server, "--checklist"), cwd=tmp_path, code=3)
        hidden = omr_judge(*asked(server, "--checklist", "--prompt", "pairwise.v1"), cwd=tmp_path, code=3)
        assert not server.calls
    assert "--checklist: no item has a checklist" in none.stderr
    assert "prompt pairwise.v1 does not show it" in hidden.stderr
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_prompt_for_another_kind_of_run_is_refused(tmp_path: Path) -> None:
    write_inputs(tmp_path, with_checklist=0)
    with ProviderServer(content_judge) as server, pytest.raises(InputError, match=r"does not use \{\{ trace_1 \}\}"):
        compare(replace(options(tmp_path, server), prompt="checklist-writing.v1"), command=(), say=print)


@pytest.mark.slow
def test_the_effect_is_measured_by_two_runs_that_differ_in_the_prompt_alone(tmp_path: Path) -> None:
    write_inputs(tmp_path, with_checklist=2)
    with ProviderServer(content_judge) as server:
        told = omr_judge(*asked(server, "--checklist", "--dry-run", "--json"), cwd=tmp_path)
        assert json.loads(told.stdout)["calls"] == 6
        plain = omr_judge(*asked(server, "--name", "plain"), cwd=tmp_path)
        run = omr_judge(*asked(server, "--checklist", "--name", "with"), cwd=tmp_path)
        assert sum(BLOCK in call.user for call in server.calls) == 4
    assert "1 of 3 items have no checklist" in run.stderr
    assert "checklist" not in plain.stderr
    prompts = [report_of(tmp_path / "runs" / name)["prompt"] for name in ("plain", "with")]
    assert prompts == ["pairwise.v1", "pairwise-checklist.v1"]
    pairs = [read_jsonl(tmp_path / "runs" / name / "pairs.jsonl") for name in ("plain", "with")]
    assert pairs[0] == pairs[1]
