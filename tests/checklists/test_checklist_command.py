"""`omr-judge checklist` from items to items with checklists, through a scripted writer."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer
from checklist_writer import checklist, groups_of, reference_of, sentences, writer
from command import omr_judge, only_run, read_jsonl, start, wait_until, write_jsonl
from PIL import Image
from provider_server import Answer, Call, ProviderServer

FEW = 4
MANY = 60
KILLS = 3


def reference(number: int) -> str:
    return f"Film {number} shows narrowed hips. Wear narrows joints by {number} mm. Hence case {number} is wear."


def record(number: int) -> dict[str, Any]:
    return {
        "id": f"q{number}",
        "question": f"Question {number}?",
        "options": {"A": "wear", "B": "gout"},
        "answer": "A",
        "reference_reasoning": reference(number),
        "subgroup": {"site": "hip"},
        "source": f"book {number}",
    }


def write_items(folder: Path, n: int = FEW) -> None:
    write_jsonl(folder / "items.jsonl", [record(number) for number in range(n)])


def command(server: ProviderServer, *more: str) -> tuple[str, ...]:
    return ("checklist", "items.jsonl", "--to", "out.jsonl", "--judge", f"openai:m@{server.url}/v1", *more)


def test_items_are_written_with_their_checklists_and_where_these_come_from(tmp_path: Path) -> None:
    write_items(tmp_path)
    (tmp_path / "images").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "images" / "x.png")
    bare = {"id": "bare", "question": "Why?"}
    seen = record(9) | {"id": "seen", "image": ["images/x.png", "images/gone.png"]}
    write_jsonl(tmp_path / "items.jsonl", [*(record(number) for number in range(FEW)), bare, seen])
    with ProviderServer(writer) as server:
        told = omr_judge(*command(server), cwd=tmp_path)
    assert len(server.calls) == FEW + 1
    assert all(not call.images for call in server.calls)
    made = {one["id"]: one for one in read_jsonl(tmp_path / "out.jsonl")}
    assert list(made) == ["q0", "q1", "q2", "q3", "bare", "seen"]
    assert made["bare"] == bare
    for number in range(FEW):
        one = made[f"q{number}"]
        written, source = one.pop("checklist"), one.pop("checklist_source")
        assert one == record(number)
        assert list(written) == ["knowledge", "rationale"]
        assert source == {
            "judge": "openai:m",
            "prompt": "checklist-writing.v1",
            "reference_sha256": hashlib.sha256(reference(number).encode()).hexdigest(),
        }
    assert list(made["seen"]["checklist"]) == ["perception", "knowledge", "rationale"]
    (first, *_), (inference, *_) = made["seen"]["checklist"]["perception"], made["seen"]["checklist"]["rationale"]
    assert first == {
        "unit_id": "p1",
        "topic": "topic of p1",
        "claim": "Claim of p1.",
        "presence_question": "Does the response speak of the topic of p1?",
        "correctness_question": "Does the response state the claim of p1?",
        "source_quote": "Film 9 shows narrowed hips.",
        "importance": "core",
    }
    assert inference["premise_knowledge_ids"] == ["k1"]
    assert inference["premise_perception_ids"] == []
    assert made["seen"]["image"] == ["images/x.png", "images/gone.png"]
    assert f"out.jsonl: 6 items, {FEW + 1} with a checklist ({FEW + 1} made by openai:m)" in told.stdout
    assert "Units: 33 (3 perception, 15 knowledge, 15 rationale); 11 core, 22 supporting" in told.stdout
    assert "Without a checklist, no reference to make one from: 1 (bare)" in told.stdout
    assert "Cost of openai:m: unknown" in told.stdout
    report = json.loads((only_run(tmp_path) / "report.json").read_bytes())
    assert report["units"] == {"perception": 3, "knowledge": 15, "rationale": 15}
    assert report["without"] == {"no_reference": ["bare"]}


def test_units_whose_quotation_is_not_in_the_reference_are_kept_out_and_counted(tmp_path: Path) -> None:
    write_items(tmp_path, 2)

    def inventive(call: Call) -> Answer:
        text = reference_of(call)
        made = checklist(groups_of(call), sentences(text))
        made["knowledge"][1]["source_quote"] = "Nobody wrote this sentence."
        for one in made["rationale"] if "Film 1" in text else []:
            one["source_quote"] = "Nor this one."
        return Answer(json.dumps(made))

    with ProviderServer(inventive) as server:
        told = omr_judge(*command(server, "--json"), cwd=tmp_path, code=4)
    report = json.loads(told.stdout)
    assert report["dropped"] == {"not_found": 2 + 3, "too_short": 0}
    assert report["without"] == {"group_lost": ["q1"]}
    assert (report["n_made"], report["units"]) == (1, {"perception": 0, "knowledge": 2, "rationale": 3})
    first, second = read_jsonl(tmp_path / "out.jsonl")
    assert [one["unit_id"] for one in first["checklist"]["knowledge"]] == ["k1", "k3"]
    assert second == record(1)
    assert "1 of 2 items asked about have no checklist" in told.stderr


def test_an_unreadable_reply_is_asked_for_once_more_and_then_named_as_a_failure(tmp_path: Path) -> None:
    write_items(tmp_path, 2)

    def moody(call: Call) -> Answer:
        if "Film 1" in call.user:
            return Answer("Here is no checklist.")
        return writer(call) if "could not be read" in call.user else Answer('{"knowledge": [], "rationale": []}')

    with ProviderServer(moody) as server:
        told = omr_judge(*command(server), cwd=tmp_path, code=4)
        assert "Without a checklist, unparsed: 1 (q1)" in told.stdout
        assert len(server.calls) == 4
        server._answer = writer  # noqa: SLF001 - the same address, another mood
        retried = omr_judge("retry", only_run(tmp_path).name, cwd=tmp_path)
        assert len(server.calls) == 5
    assert "2 items, 2 with a checklist" in retried.stdout
    assert all("checklist" in one for one in read_jsonl(tmp_path / "out.jsonl"))


def test_repeating_the_command_asks_nothing_and_writes_the_same_bytes(tmp_path: Path) -> None:
    write_items(tmp_path)
    with ProviderServer(writer) as server:
        omr_judge(*command(server), cwd=tmp_path)
        content = (tmp_path / "out.jsonl").read_bytes()
        (tmp_path / "out.jsonl").unlink()
        again = omr_judge(*command(server), cwd=tmp_path)
        assert len(server.calls) == FEW
        quoted = omr_judge(*command(server, "--dry-run", "--json", "--price", "m=1/1"), cwd=tmp_path)
    assert "the same checklist" in again.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == content
    assert json.loads(quoted.stdout)["calls"] == 0


def test_items_that_have_a_checklist_keep_it_and_cost_nothing(tmp_path: Path) -> None:
    write_items(tmp_path, 2)
    with ProviderServer(writer) as server:
        omr_judge(*command(server), cwd=tmp_path)
        made = read_jsonl(tmp_path / "out.jsonl")
        write_jsonl(tmp_path / "items.jsonl", [*made, record(7)])
        told = omr_judge(*command(server), cwd=tmp_path)
    assert len(server.calls) == 3
    assert "3 items, 3 with a checklist (1 made by openai:m; 2 came with one and keep it)" in told.stdout
    assert read_jsonl(tmp_path / "out.jsonl")[:2] == made


def test_a_budget_stops_the_writing_and_resume_finishes_it(tmp_path: Path) -> None:
    write_items(tmp_path)
    with ProviderServer(writer) as server:
        told = omr_judge(*command(server, "--max-calls", "2", "--name", "r"), cwd=tmp_path, code=6)
        assert "budget reached" in told.stderr
        assert not (tmp_path / "out.jsonl").exists()
        omr_judge("resume", "r", cwd=tmp_path)
        assert len(server.calls) == FEW
    assert all("checklist" in one for one in read_jsonl(tmp_path / "out.jsonl"))


def test_a_quote_asks_nothing_and_writes_nothing(tmp_path: Path) -> None:
    write_items(tmp_path)
    with ProviderServer(writer) as server:
        told = omr_judge(*command(server, "--dry-run", "--price", "m=1/2"), cwd=tmp_path)
        assert not server.calls
    assert f"{FEW} calls: about $" in told.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["items.jsonl"]


def test_what_cannot_be_used_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "items.jsonl", [{"id": 1, "question": "Why?"}])
    with ProviderServer(writer) as server:
        none = omr_judge(*command(server), cwd=tmp_path, code=3)
        assert "no item has a reference and lacks a checklist" in none.stderr
        assert list((tmp_path / "runs").iterdir()) == []
        same = omr_judge(*command(server, "--to", "items.jsonl"), cwd=tmp_path, code=3)
        assert "is the file of items itself" in same.stderr
        nowhere = omr_judge(*command(server, "--to", "no/out.jsonl"), cwd=tmp_path, code=3)
        assert "is no folder" in nowhere.stderr
        other = omr_judge(*command(server, "--prompt", "pairwise.v1"), cwd=tmp_path, code=3)
        assert "reference_reasoning" in other.stderr
        assert not server.calls


def test_a_run_that_writes_checklists_is_no_comparison(tmp_path: Path) -> None:
    write_items(tmp_path, 1)
    with ProviderServer(writer) as server:
        omr_judge(*command(server, "--name", "r", "--quiet"), cwd=tmp_path)
        changed = omr_judge(
            *command(server, "--name", "r", "--judge", f"openai:n@{server.url}/v1"), cwd=tmp_path, code=3
        )
    assert "begun with --judge openai:m, now openai:n" in changed.stderr
    told = omr_judge("report", "r", cwd=tmp_path, code=3)
    assert "a checklist; this needs a run made by `compare`" in told.stderr


def count(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/count", timeout=30) as answer:  # noqa: S310 - our own server
        counts: dict[str, int] = json.load(answer)
        return counts


@pytest.mark.slow
def test_a_killed_run_ends_as_one_that_was_never_killed(tmp_path: Path) -> None:
    write_items(tmp_path, MANY)
    port_file = tmp_path / "port"
    program = Path(__file__).parents[1] / "checklist_writer.py"
    options = ("--port-file", str(port_file), "--delay", "0.1")
    with subprocess.Popen([sys.executable, str(program), *options]) as process:
        try:
            wait_until(port_file.exists)
            url = f"http://127.0.0.1:{port_file.read_text()}"
            asked = ("checklist", "items.jsonl", "--judge", f"openai:m@{url}/v1", "--concurrency", "4", "--quiet")
            omr_judge(*asked, "--to", "whole.jsonl", "--name", "whole", cwd=tmp_path)
            journal = tmp_path / "runs" / "killed" / "judgments.jsonl"
            chance = random.Random(0)  # noqa: S311 - the same moments each time
            for kill in range(1, KILLS + 1):
                least = MANY * kill // (KILLS + 2) + chance.randint(0, 3)
                with start(*asked, "--to", "killed.jsonl", "--name", "killed", cwd=tmp_path) as run:
                    wait_until(lambda least=least: lines(journal) >= least)  # type: ignore[misc]
                    run.kill()
            assert not (tmp_path / "killed.jsonl").exists()
            omr_judge("resume", "killed", "--quiet", cwd=tmp_path)
            assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
            counts = count(url)
        finally:
            process.kill()
    assert counts["distinct"] == MANY
    assert counts["calls"] <= 2 * MANY + KILLS * 4


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_checklists_can_be_written_in_batches(tmp_path: Path) -> None:
    write_items(tmp_path)
    with BatchServer(writer) as server:
        env = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "sk-test"}
        asked = ("checklist", "items.jsonl", "--to", "out.jsonl", "--judge", "openai:m", "--batch", "--poll", "0.01")
        omr_judge(*asked, cwd=tmp_path, env=env)
        assert len(server.batches) == 1
    assert all("checklist" in one for one in read_jsonl(tmp_path / "out.jsonl"))
