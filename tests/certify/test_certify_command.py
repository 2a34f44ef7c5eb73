"""Certification, end to end through the command and over sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import omr_judge, read_jsonl, write_jsonl
from planted_items import record, scripted, write_items
from provider_server import ProviderServer

from judge.files.sealing import seal, unseal

NAMES = {
    "sees all": "",
    "blind to laterality": "misses perception.laterality",
    "halo": "one error moves all criteria",
    "first slot": "picks one slot: the first",
    "length": "prefers the longer trace",
    "text only": "catches perception errors without the image: from the text",
}


def certify(kind: str, folder: Path, *more: str, n: int = 40, target: str = "a.jsonl") -> tuple[dict[str, Any], str]:
    write_items(folder, n)
    with ProviderServer(scripted(kind)) as server:
        judge = ("--judge", f"openai:m@{server.url}/v1")
        done = omr_judge("certify", target, *judge, "--price", "m=1/2", *more, "--json", cwd=folder)
    found: dict[str, Any] = json.loads(done.stdout)
    return found, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", NAMES)
def test_a_scripted_judge_is_named_over_sockets(kind: str, tmp_path: Path) -> None:
    found, _ = certify(kind, tmp_path)
    own = found["judges"]["openai:m"]
    assert ", ".join(own["findings"]) == NAMES[kind]
    assert (own["word"] == "certified") == (kind in {"sees all", "text only"})
    assert own["rows"]["perception"]["n"] == own["rows"]["placebo"]["n"] == 37
    assert {part: row["n"] for part, row in own["parts"].items()} == {"no-image": 20, "wrong-image": 20}


def test_a_run_is_certified_and_its_reports_and_gate_say_so(tmp_path: Path) -> None:
    write_items(tmp_path, 12)
    small = ("--per-criterion", "6", "--omissions", "0", "--image-part", "0")
    with ProviderServer(scripted("sees all")) as server:
        asked = ("--judge", f"openai:m@{server.url}/v1", "--price", "m=1/2")
        omr_judge("compare", "a.jsonl", "b.jsonl", *asked, "--name", "r", cwd=tmp_path)
        before = omr_judge("report", "r", "--json", cwd=tmp_path).stdout
        quoted = json.loads(omr_judge("certify", "r", *small, "--dry-run", "--json", cwd=tmp_path).stdout)
        assert quoted["calls"] == 6 * 4 * 2
        stopped = omr_judge("certify", "r", *small, "--max-calls", "10", cwd=tmp_path, code=6)
        assert "budget reached" in stopped.stderr
        assert "the same `omr-judge certify` command goes on" in stopped.stderr
        drawn = omr_judge("certify", "r", *small, cwd=tmp_path)
        calls = len(read_jsonl(next((tmp_path / "runs").glob("certify*")) / "judgments.jsonl"))
        again = omr_judge("certify", "r", *small, cwd=tmp_path)
    assert calls == 6 * 4 * 2
    assert again.stdout == drawn.stdout
    assert "too few (floor 70 %): of planted edits it catches perception 6 of 6" in " ".join(drawn.stdout.split())
    line = "Certificate: too few (certify"
    assert line in omr_judge("report", "r", cwd=tmp_path).stdout
    assert line in omr_judge("report", "r", "--format", "markdown", cwd=tmp_path).stdout
    told = json.loads(omr_judge("report", "r", "--json", cwd=tmp_path).stdout)
    assert told.pop("certificate")["word"] == "too few"
    assert told == json.loads(before)
    omr_judge("gate", "r", "--require-certificate", cwd=tmp_path, code=7)
    omr_judge("verify", next((tmp_path / "runs").glob("certify*")), cwd=tmp_path)
    omr_judge("verify", "r", cwd=tmp_path)
    (run,) = (tmp_path / "runs").glob("certify*")
    omr_judge("certify", run, cwd=tmp_path, code=3)
    listed = json.loads(omr_judge("runs", "--json", cwd=tmp_path).stdout)["runs"]
    assert {one["kind"] for one in listed} == {"certify", "compare"}
    kept = (run / "certificate.json").read_bytes()
    better = json.loads(unseal(kept).content)
    better["judges"]["openai:m"]["rows"]["placebo"]["n"] += 1
    for where in (run, tmp_path / "runs/r"):
        (where / "certificate.json").write_bytes(seal(json.dumps(better).encode())[0])
    told = "certificate.json: judges.openai:m.rows.placebo.n: is"
    assert told in omr_judge("verify", run, cwd=tmp_path, code=3).stdout
    (run / "certificate.json").write_bytes(kept)
    omr_judge("verify", run, cwd=tmp_path)
    assert told in omr_judge("verify", "r", cwd=tmp_path, code=3).stdout
    (tmp_path / "runs/r/certificate.json").write_bytes(kept)
    (run / "certificate.json").write_bytes(kept[:40] + bytes([kept[40] ^ 1]) + kept[41:])
    assert "certificate.json: damaged" in omr_judge("verify", run, cwd=tmp_path, code=3).stdout
    with ProviderServer(scripted("halo")) as server:
        other = ("--judge", f"openai:m2@{server.url}/v1", "--price", "m2=1/2")
        omr_judge("compare", "a.jsonl", "b.jsonl", *other, "--name", "r2", cwd=tmp_path)
    shown = omr_judge("report", "r2", "--certificate", "runs/r", cwd=tmp_path).stdout
    assert "Certificate: other judge" in shown
    omr_judge("gate", "r2", "--require-certificate", "--certificate", "runs/r", cwd=tmp_path, code=5)


def test_people_read_planted_pairs_in_a_packet_and_are_quoted(tmp_path: Path) -> None:
    write_items(tmp_path, 12, images=False)
    small = ("--judge", "local", "--per-criterion", "4", "--omissions", "0")
    done = omr_judge("certify", "a.jsonl", *small, "--packet", "p.html", cwd=tmp_path)
    assert "labels import" in done.stdout
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "edited" not in page.split("<script")[-1]
    (run,) = (tmp_path / "runs").iterdir()
    assert not (run / "judgments.jsonl").exists()


def test_what_cannot_be_certified_is_refused(tmp_path: Path) -> None:
    write_items(tmp_path, 3, images=False)
    write_jsonl(tmp_path / "bare.jsonl", [{"id": "q", "question": "?", "trace": record(1)["trace"]}])
    write_jsonl(tmp_path / "v.jsonl", [{"item": "q0", "order": "forward", "verdict": "first"}])
    omr_judge("import", "v.jsonl", "--name", "imported", cwd=tmp_path)
    refused = {
        ("imported", "--judge", "local"): "the run has its own",
        ("imported",): "there is no judge to ask",
        ("bare.jsonl", "--judge", "openai:m@http://127.0.0.1:9/v1"): "no error can be planted",
        ("nothing",): "no run",
    }
    for arguments, told in refused.items():
        assert told in omr_judge("certify", *arguments, cwd=tmp_path, code=3).stderr
