"""The published work's items, from the hub's Parquet to figures, page and export, through the command line."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from builders import SHARED
from checklist_writer import writer
from command import omr_judge, read_jsonl, write_jsonl
from parquet_files import HUB, drawn, write_hub
from provider_server import Answer, Call, ProviderServer, longer_wins

EXAMPLES = SHARED / "data/openmedreason/test_examples.json"
SHARD = "test-00000-of-00001.parquet"
SCORED = re.compile(r"<trace-(?P<tag>[0-9a-f]+)>\n(?P<text>.*?)\n</trace-(?P=tag)>", re.DOTALL)
GROUPS = ("perception", "knowledge", "rationale")
N = 4
PAIRWISE = 2 * N
BY_GROUP = 3 * N

pytestmark = [pytest.mark.shared, pytest.mark.skipif(not EXAMPLES.exists(), reason="../shared is absent")]


def row(example: dict[str, Any]) -> dict[str, Any]:
    """Return an example as a row of the hub's, with an image of the original's size that we draw."""
    options = "\n".join(f"{option['k']}. {option['t']}" for option in example["options"])
    thought = "\n\n".join(example["trace"])
    image = drawn(f"{example['split']} {example['idx']}", size=(example["w"], example["h"]))
    return {
        "image": {"bytes": image, "path": f"{example['idx']}.png"},
        "question": f"{example['stem']}\n{options}",
        "reasoning": f"<think>{thought}</think><answer>{example['answer']}</answer>",
        "answer": example["answer"],
        **example["rubric"],
    }


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    found = [row(example) for example in json.loads(EXAMPLES.read_bytes())["examples"].values()]
    assert len(found) == N
    return found


@pytest.fixture
def work(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write the items, the displayed reference traces as model a, and their first paragraphs, misread, as model b."""
    write_hub(tmp_path / SHARD, rows)
    traces = {
        "a": [row["reasoning"] for row in rows],
        "b": [f"<think>{first_paragraph(row)}</think><answer>A</answer>" for row in rows],
    }
    for model, texts in traces.items():
        write_jsonl(
            tmp_path / f"{model}.jsonl",
            [{"id": f"test-{n:06d}", "model": model, "trace": text} for n, text in enumerate(texts)],
        )
    return tmp_path


def first_paragraph(of: dict[str, Any]) -> str:
    return str(of["reasoning"]).removeprefix("<think>").split("\n\n")[0]


def judge(call: Call) -> Answer:
    """Judge pairs by length, write checklists, and score a trace of several paragraphs as without a fault.

    Of one paragraph, what is seen is touched on and right, the facts are wrong, and nothing is inferred.
    """
    assert call.schema is not None
    asked = call.schema["properties"]
    if asked.keys() <= set(GROUPS):
        return writer(call)
    if "overall" in asked:
        return longer_wins(call)
    trace = SCORED.search(call.user)
    assert trace is not None
    inferred = "chain_grounding" in next(iter(asked.values()))["properties"]
    if trace["text"].removesuffix("\n\nFinal answer: A").count("\n\n"):
        said, grounds = {"presence": 2, "correctness": 1, "consistency": 1}, "yes"
    elif inferred:
        said, grounds = {"presence": 0, "correctness": 0, "consistency": 0}, "no"
    else:
        presence, correctness = (1, 1) if call.images else (2, -1)
        said, grounds = {"presence": presence, "correctness": correctness, "consistency": 0}, "no"
    chain = dict.fromkeys(("perception_premise", "knowledge_premise", "premises_correct"), grounds)
    found = {"evidence": "", **said, **({"chain_grounding": chain} if inferred else {})}
    return Answer(orjson.dumps(dict.fromkeys(asked, found)).decode())


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer(judge) as started:
        yield started


def run(work: Path, server: ProviderServer, *args: str | Path, code: int = 0) -> str:
    """Run the command with its judge at the server; return its stdout."""
    env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": f"{server.url}/v1"}
    return omr_judge(*args, cwd=work, env=env, code=code).stdout


def compare(work: Path, server: ProviderServer, *more: str, code: int = 0) -> str:
    return run(work, server, "compare", "a.jsonl", "b.jsonl", *ITEMS, *more, code=code)


def score(work: Path, server: ProviderServer, model: str, *more: str) -> dict[str, Any]:
    arguments = ("score", f"{model}.jsonl", *ITEMS, "--json", *more)
    report: dict[str, Any] = json.loads(run(work, server, *arguments))
    return report


ITEMS = ("--items", SHARD, "--judge", "openai:judge-1", "--quiet")


def shown(server: ProviderServer, rows: list[dict[str, Any]], *, since: int = 0) -> Counter[str]:
    """Count the calls that show no image, exactly the one that their row holds, or another row's."""
    counted: Counter[str] = Counter()
    for call in server.calls[since:]:
        (own,) = (row for row in rows if row["question"].partition("\n")[2] in call.user)
        others = [row["image"]["bytes"] for row in rows if row is not own]
        match call.images:
            case []:
                counted["none"] += 1
            case [("image/png", content)] if content == own["image"]["bytes"]:
                counted["own"] += 1
            case [("image/png", content)] if content in others:
                counted["another"] += 1
            case _:
                counted["wrong"] += 1
    return counted


def pictures_on(page: Path) -> int:
    packed = re.findall(
        r'<script type="application/octet-stream;base64"[^>]*>([^<]*)</script>', page.read_text("utf-8")
    )
    return sum(gzip.decompress(base64.b64decode(one)).count(b'"data:image/') for one in packed)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "images").iterdir()}


def estimates(found: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    return {name: figure["estimate"] for name, figure in found.items()}


@pytest.mark.slow
def test_both_models_are_scored_as_counted_by_hand_and_only_perception_sees_the_row_s_image(
    work: Path, server: ProviderServer, rows: list[dict[str, Any]]
) -> None:
    """By hand, of b: perception 1/2 x 1, knowledge 1 x 0, rationale 0: a trace score of 1/6. No right answer is A."""
    a = score(work, server, "a", "--name", "score-a")
    assert shown(server, rows) == {"own": N, "none": 2 * N}
    assert all("test-2" not in call.user and "score-a" not in call.user for call in server.calls)
    b = score(work, server, "b", "--name", "score-b")
    assert shown(server, rows, since=BY_GROUP) == {"own": N, "none": 2 * N}
    assert a["n_items"] == b["n_items"] == N
    assert [a["trace_score"]["estimate"], b["trace_score"]["estimate"]] == [1, pytest.approx(1 / 6, abs=1e-6)]
    assert [a["answer_accuracy"]["estimate"], b["answer_accuracy"]["estimate"]] == [1, 0]
    assert {group: estimates(b["groups"][group]) for group in GROUPS} == {
        "perception": {"presence": 0.5, "correctness": 1, "consistency": 0, "score": 0.5},
        "knowledge": {"presence": 1, "correctness": 0, "consistency": 0, "score": 0},
        "rationale": {"presence": 0, "correctness": None, "consistency": None, "score": 0},
    }
    n_units = {group: sum(len(row[group]) for row in rows) for group in GROUPS}
    assert n_units == {"perception": 15, "knowledge": 10, "rationale": 15}
    modes = {mode: n for mode, n in b["failure_modes"]["all"].items() if n}
    assert modes == {"ok": 15, "factual_error": 10, "omission": 15}

    against = json.loads(run(work, server, "report", "score-a", "--against", "score-b", "--json"))
    assert against["trace_score"]["estimate"] == pytest.approx(5 / 6, abs=1e-6)
    assert against["groups"]["rationale"]["score"]["estimate"] == 1
    compare(work, server, "--name", "pairs")
    beside = json.loads(run(work, server, "report", "pairs", "--with-scores", "score-a", "score-b", "--json"))
    overall = beside["instruments"]["overall"]
    assert (overall["n"], overall["table"]["a"]) == (N, {"a": N, "neither": 0, "b": 0})
    assert overall["same_side"]["estimate"] == 1


@pytest.mark.slow
def test_the_pairwise_judge_sees_the_row_s_image_and_every_claim_where_the_checklist_is_shown(
    work: Path, server: ProviderServer, rows: list[dict[str, Any]]
) -> None:
    compare(work, server, "--name", "plain")
    assert shown(server, rows) == {"own": PAIRWISE}
    claims = [unit["claim"] for row in rows for group in GROUPS for unit in row[group]]
    assert not any(claim in call.user for call in server.calls for claim in claims)
    compare(work, server, "--name", "listed", "--checklist")
    listed = server.calls[PAIRWISE:]
    assert shown(server, rows, since=PAIRWISE) == {"own": PAIRWISE}
    assert {claim: sum(claim in call.user for call in listed) for claim in claims} == dict.fromkeys(claims, 2)
    for name in ("plain", "listed"):
        report = json.loads(run(work, server, "report", name, "--json"))
        assert (report["n_items"], report["n_failed"]) == (N, 0)

    run(work, server, "report", "plain", "--html", "page.html", "--overwrite")
    assert pictures_on(work / "page.html") == N
    run(work, server, "export", "plain", "--to", "jsonl", "--out", "tables")
    assert {line["right_a"] for line in read_jsonl(work / "tables/items.jsonl")} == {True}
    run(work, server, "export", "plain", "--to", "dpo", "--out", "dpo.jsonl")
    assert [Path(image).read_bytes() for line in read_jsonl(work / "dpo.jsonl") for image in line["images"]] == [
        row["image"]["bytes"] for row in rows
    ]


@pytest.mark.slow
def test_shards_of_both_instruments_merge_into_the_whole_with_their_images(
    work: Path, server: ProviderServer, rows: list[dict[str, Any]]
) -> None:
    commands = {"pairs": ("compare", "a.jsonl", "b.jsonl"), "cases": ("score", "a.jsonl")}
    for subjects, command in commands.items():
        for part in ("1/2", "2/2"):
            run(work, server, *command, *ITEMS, "--shard", part, "--name", f"{subjects}-{part[0]}")
        run(work, server, "merge", f"{subjects}-1", f"{subjects}-2", "--name", subjects)
        run(work, server, *command, *ITEMS, "--name", f"{subjects}-whole")
        merged, whole = work / "runs" / subjects, work / "runs" / f"{subjects}-whole"
        for name in ("report.json", f"{subjects}.jsonl"):
            assert (merged / name).read_bytes() == (whole / name).read_bytes()
        assert files_of(merged) == files_of(whole)
        assert sorted(files_of(merged).values()) == sorted(row["image"]["bytes"] for row in rows)
        halves = [files_of(work / "runs" / f"{subjects}-{number}") for number in (1, 2)]
        assert halves[0].keys() | halves[1].keys() == files_of(merged).keys()
        for number in (1, 2):
            shutil.rmtree(work / "runs" / f"{subjects}-{number}")
        asked = len(server.calls)
        run(work, server, "resume", subjects)
        assert len(server.calls) == asked


@pytest.mark.slow
def test_a_run_with_controls_goes_on_elsewhere_without_the_file_that_it_was_made_from(
    work: Path, server: ProviderServer, rows: list[dict[str, Any]]
) -> None:
    """By hand: the run, `repeat` and `wrong-image` show an image in eight calls each, `no-image` in none of eight."""
    controls = ("--control", "no-image", "--control", "wrong-image")
    compare(work, server, *controls, "--name", "pairs", "--max-calls", "5", code=6)
    (work / "elsewhere").mkdir()
    moved = work / "elsewhere" / "moved"
    (work / "runs/pairs").rename(moved)
    for name in (SHARD, "a.jsonl", "b.jsonl"):
        (work / name).unlink()
    run(work, server, "resume", moved)
    assert shown(server, rows) == {"own": 2 * PAIRWISE, "another": PAIRWISE, "none": PAIRWISE}
    held = [path.read_text(encoding="utf-8") for path in moved.rglob("pairs.jsonl")]
    assert len(held) == 4
    assert not any(str(work / "runs") in text for text in held)
    report = json.loads(run(work, server, "report", moved, "--json"))
    assert report["controls"]["wrong-image"]["n_items"] == N
    assert report["controls"]["wrong-image"]["moved"]["openai:judge-1"]["perception"]["changed"]["estimate"] == 0
    run(work, server, "report", moved / "controls/wrong-image", "--html", "page.html", "--overwrite")
    assert pictures_on(work / "page.html") == N


@pytest.mark.slow
def test_a_score_goes_on_elsewhere(work: Path, server: ProviderServer, rows: list[dict[str, Any]]) -> None:
    run(work, server, "score", "a.jsonl", *ITEMS, "--name", "cases", "--max-calls", "1", code=6)
    (work / "runs/cases").rename(work / "moved")
    for name in (SHARD, "a.jsonl"):
        (work / name).unlink()
    run(work, server, "resume", "moved")
    assert shown(server, rows) == {"own": N, "none": 2 * N}
    assert json.loads(run(work, server, "report", "moved", "--json"))["trace_score"]["estimate"] == 1


@pytest.mark.slow
def test_checklists_are_written_of_the_references_and_score_traces(
    work: Path, server: ProviderServer, rows: list[dict[str, Any]]
) -> None:
    bare = [{name: value for name, value in row.items() if name not in GROUPS} for row in rows]
    columns = {name: kind for name, kind in HUB.items() if name not in GROUPS}
    pl.DataFrame(bare, schema=columns).write_parquet(work / SHARD)
    written = ("checklist", SHARD, "--to", "items.jsonl", "--judge", "openai:judge-1", "--quiet")
    run(work, server, *written)
    assert shown(server, rows) == {"none": N}
    items = read_jsonl(work / "items.jsonl")
    assert [sorted(item["checklist"]) for item in items] == [sorted(GROUPS)] * N
    references = [" ".join(row["reasoning"].split()) for row in rows]
    for item, reference in zip(items, references, strict=True):
        quotes = [unit["source_quote"] for group in GROUPS for unit in item["checklist"][group]]
        assert all(" ".join(quote.split()) in reference for quote in quotes)
    scored = run(work, server, "score", "a.jsonl", "--items", "items.jsonl", *ITEMS[2:], "--name", "own", "--json")
    assert json.loads(scored)["trace_score"]["estimate"] == 1
    assert shown(server, rows, since=N) == {"own": N, "none": 2 * N}
