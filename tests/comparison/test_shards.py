"""A comparison cut in shards and merged is the comparison, byte for byte."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command import omr_judge, read_jsonl, report_of, write_jsonl
from hypothesis import given
from hypothesis import strategies as st
from provider_server import Answer, Call, ProviderServer, content_judge

from judge.batches.log import BatchLog, Stage
from judge.errors import InputError
from judge.runs.run_folder import RunFolder
from judge.runs.sharding import Shard

N_ITEMS, N_SHARDS = 11, 4
IDENTICAL = (3, 8)


@given(st.sets(st.text(), min_size=1, max_size=40), st.data())
def test_each_item_is_in_exactly_one_shard_and_shards_are_of_one_size_but_for_one(
    items: set[str], data: st.DataObject
) -> None:
    of = data.draw(st.integers(1, len(items)))
    shards = [Shard(number=number, of=of).choose(items) for number in range(1, of + 1)]
    assert sorted(item for shard in shards for item in shard) == sorted(items)
    assert {len(shard) for shard in shards} <= {len(items) // of, -(-len(items) // of)}


@given(st.permutations([f"q{number}" for number in range(9)]))
def test_a_shard_does_not_depend_on_the_order_of_the_items(items: list[str]) -> None:
    assert Shard(number=2, of=4).choose(items) == Shard(number=2, of=4).choose(sorted(items))


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "1/0", "a/b", "1/2/3", "-1/2", "1 / 2", ""])
def test_what_is_not_one_of_n_shards_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--shard: .* is not one of n shards \(give i/n"):
        Shard.parse(text)


def write_inputs(folder: Path, *, reverse: bool = False) -> None:
    for side in ("a", "b"):
        records = [
            {"id": n, "question": f"Question {n}?", "trace": f"{side * (n not in IDENTICAL)} thinks of {n}. " * (1 + n)}
            for n in range(N_ITEMS)
        ]
        write_jsonl(folder / f"{side}.jsonl", [*records[::-1]] if reverse else records)


class Cut(NamedTuple):
    """A comparison made whole and in shards, by judges that answer the same."""

    folder: Path
    compare: tuple[str, ...]
    server: ProviderServer

    def run(self, name: str) -> Path:
        return self.folder / "runs" / name

    def manifest(self, name: str) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads((self.run(name) / "manifest.json").read_bytes())
        return manifest


def failing_on_seven(call: Call) -> Answer:
    return Answer(status=400) if "Question 7?" in call.user else content_judge(call)


@pytest.fixture(scope="module", params=["one", pytest.param("both", marks=pytest.mark.slow)])
def cut(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cut]:
    folder = tmp_path_factory.mktemp("cut")
    write_inputs(folder)
    with ProviderServer(failing_on_seven) as server:
        judge = ("--judge", f"openai:m@{server.url}/v1", "--orders", request.param, "--samples", "2")
        compare = ("compare", "a.jsonl", "b.jsonl", *judge, "--quiet", "--max-failures", "1")
        omr_judge(*compare, "--name", "whole", cwd=folder)
        for number in range(1, N_SHARDS + 1):
            omr_judge(*compare, "--shard", f"{number}/{N_SHARDS}", "--name", f"s{number}", cwd=folder)
        yield Cut(folder, compare, server)


def merge(cut: Cut, *names: str, to: str = "merged", code: int = 0) -> str:
    done = omr_judge("merge", *names, "--name", to, "--max-failures", "1", "--quiet", cwd=cut.folder, code=code)
    return done.stderr


def test_four_shards_merged_equal_one_run_byte_for_byte(cut: Cut) -> None:
    merge(cut, "s3", "s1", "s4", "s2")
    whole, merged = cut.run("whole"), cut.run("merged")
    assert (merged / "report.json").read_bytes() == (whole / "report.json").read_bytes()
    assert (merged / "pairs.jsonl").read_bytes() == (whole / "pairs.jsonl").read_bytes()
    keys = [sorted(line["key"] for line in read_jsonl(run / "judgments.jsonl")) for run in (merged, whole)]
    assert keys[0] == keys[1]
    differ = {"created", "command", "files", "merged", "seal"}
    manifests = [cut.manifest(name) for name in ("merged", "whole")]
    assert [manifests[0][name] for name in manifests[0] if name not in differ] == [
        manifests[1][name] for name in manifests[1] if name not in differ
    ]
    assert manifests[0]["merged"] == [str(cut.run(f"s{number}")) for number in range(1, N_SHARDS + 1)]
    asked = len(cut.server.calls)
    omr_judge(*cut.compare, "--name", "merged", cwd=cut.folder)
    failed = report_of(merged)["n_failed"]
    assert failed > 0
    assert len(cut.server.calls) == asked + failed, "as any other run it asks again what failed, and nothing else"
    omr_judge("retry", "merged", "--quiet", "--max-failures", "1", cwd=cut.folder)
    assert (merged / "report.json").read_bytes() == (whole / "report.json").read_bytes()


def test_each_shard_reports_its_own_items_and_all_calls_of_an_item_are_in_one(cut: Cut) -> None:
    items = [{line["item"] for line in read_jsonl(cut.run(f"s{n}") / "judgments.jsonl")} for n in range(1, 5)]
    assert sum(map(len, items)) == len(set().union(*items)) == N_ITEMS - len(IDENTICAL)
    reports = [report_of(cut.run(f"s{n}")) for n in range(1, 5)]
    assert sorted(report["n_items"] for report in reports) == [2, 3, 3, 3]
    assert sum(report["n_identical"] for report in reports) == len(IDENTICAL)
    assert {report["n_not_asked"] for report in reports} == {0}


def test_shuffled_files_give_the_same_shards(cut: Cut, tmp_path: Path) -> None:
    write_inputs(tmp_path, reverse=True)
    omr_judge(*cut.compare, "--shard", "2/4", "--name", "s2", cwd=tmp_path)
    shuffled, straight = (read_jsonl(folder / "runs/s2/pairs.jsonl") for folder in (tmp_path, cut.folder))
    assert sorted(pair["item"]["id"] for pair in shuffled) == sorted(pair["item"]["id"] for pair in straight)
    swapped = [
        json.loads((folder / "runs/s2/manifest.json").read_bytes())["swapped"] for folder in (tmp_path, cut.folder)
    ]
    assert swapped[0] == swapped[1]


def copied(cut: Cut, name: str, to: str) -> Path:
    shutil.copytree(cut.run(name), cut.run(to))
    return cut.run(to)


def test_shards_that_are_not_all_of_one_comparison_are_refused_and_named(cut: Cut) -> None:
    shards = [f"s{number}" for number in range(1, N_SHARDS + 1)]
    assert "missing: shard 2/4, 4/4; merge takes all 4" in merge(cut, "s1", "s3", to="x", code=3)
    assert "runs/s2 and runs/s2: both are shard 2/4" in merge(cut, *shards, "s2", to="x", code=3)
    assert "runs/whole: not a shard" in merge(cut, "whole", to="x", code=3)
    omr_judge(*cut.compare, "--shard", "2/4", "--seed", "5", "--ci", "wilson", "--name", "seed", cwd=cut.folder)
    told = merge(cut, "s1", "seed", "s3", "s4", to="x", code=3)
    assert "runs/seed: not of the same comparison as runs/s1: another --seed, another interval, another seed" in told
    omr_judge(*cut.compare, "--shard", "2/3", "--name", "thirds", cwd=cut.folder)
    told = merge(cut, "s1", "thirds", "s3", "s4", to="x", code=3)
    assert "another number of shards (--shard i/n)" in told
    assert "runs/s1: exists already" in merge(cut, *shards, to="s1", code=3)
    assert not cut.run("x").exists()


def test_damaged_shards_are_refused_and_named(cut: Cut) -> None:
    others = ("s1", "s3", "s4")
    damaged = copied(cut, "s2", "damaged")
    positions, pairs = (damaged / "positions.txt").read_bytes(), (damaged / "pairs.jsonl").read_bytes()
    for changed, told in (
        (positions.replace(b"\n", b"x\n", 1), "positions.txt:1: damaged line"),
        (b"999\n" + positions.partition(b"\n")[2], "positions.txt: changed since the run began"),
        (positions[:-3], "positions.txt"),
        (b"", "positions.txt"),
    ):
        (damaged / "positions.txt").write_bytes(changed)
        assert told in merge(cut, "damaged", *others, to="x", code=3)
    (damaged / "positions.txt").unlink()
    assert "positions.txt: missing" in merge(cut, "damaged", *others, to="x", code=3)
    (damaged / "positions.txt").write_bytes(positions)
    (damaged / "pairs.jsonl").write_bytes(pairs.replace(b"thinks", b"thanks", 1))
    assert "pairs.jsonl: changed since the run began" in merge(cut, "damaged", *others, to="x", code=3)
    shutil.rmtree(damaged)
    assert not cut.run("x").exists()
    assert not [path for path in cut.run("").iterdir() if path.name.startswith(".")]


def test_a_shard_with_a_batch_at_the_provider_is_refused_and_one_taken_in_makes_a_run_in_batches(cut: Cut) -> None:
    """A merged run that forgot an open batch would submit, and pay for, its requests again."""
    run = RunFolder(copied(cut, "s1", "batched"))
    log = BatchLog(run.batches_path, run.path / "batches")
    record = log.note(
        log.intend("b" * 32, run.manifest().judges[0].name, 3, journal_bytes=0, newest=""),
        Stage.SUBMITTED,
        id_="batch-1",
    )
    told = merge(cut, "batched", "s2", "s3", "s4", to="in-batches", code=3)
    assert "runs/batched: 1 batch is not taken in yet; `omr-judge resume runs/batched` first, then merge" in told
    assert not cut.run("in-batches").exists()
    log.note(record, Stage.FOLDED)
    merge(cut, "batched", "s2", "s3", "s4", to="in-batches")
    assert RunFolder(cut.run("in-batches")).batches_path.exists()


def test_a_merged_run_knows_what_its_shards_left_in_flight_and_unasked(cut: Cut) -> None:
    shards = [f"s{number}" for number in range(1, N_SHARDS + 1)]
    sound = next(name for name in shards if not report_of(cut.run(name))["n_failed"])
    cut_short = copied(cut, sound, "short")
    journal = cut_short / "judgments.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    last = json.loads(lines[-1])
    journal.write_bytes(b"".join(lines[:-1]))
    (cut_short / "in_flight").write_bytes(bytes.fromhex(last["key"]))
    merge(cut, "short", *(name for name in shards if name != sound), to="shortened")
    assert report_of(cut.run("shortened"))["n_not_asked"] == 1
    resumed = omr_judge("resume", "shortened", "--max-failures", "1", cwd=cut.folder)
    assert "1 call may have been paid twice (in flight when the run was killed)" in resumed.stderr
    assert (cut.run("shortened") / "report.json").read_bytes() == (cut.run("whole") / "report.json").read_bytes()
    shutil.rmtree(cut_short)


def test_labels_that_stay_with_a_shard_are_told(cut: Cut) -> None:
    labelled = copied(cut, "s3", "read")
    omr_judge("packet", "read", "--n", "2", "--out", "read.html", cwd=cut.folder)
    command = ("merge", "s1", "s2", "read", "s4", "--max-failures", "1")
    told = omr_judge(*command, "--name", "unread", cwd=cut.folder).stderr
    assert (
        "Note: labels and packets are not merged, as their samples are of the shards: they stay in runs/read;" in told
    )
    assert not (cut.run("unread") / "packets").exists()
    shutil.rmtree(labelled)


def test_a_shard_beside_which_judgments_were_rescued_is_refused(cut: Cut) -> None:
    meddled = copied(cut, "s1", "meddled")
    journal = meddled / "judgments.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    shutil.copy(journal, meddled / "judgments.rescued-1.jsonl")
    journal.write_bytes(b"".join(lines[:-1]))
    told = merge(cut, "meddled", "s2", "s3", "s4", to="never", code=3)
    assert "runs/meddled/judgments.rescued-1.jsonl: holds judgments that were rescued" in told
    assert not cut.run("never").exists()
    shutil.rmtree(meddled)


@pytest.mark.slow
def test_a_shard_goes_on_as_itself_under_a_name_that_says_which_it_is(cut: Cut, tmp_path: Path) -> None:
    write_inputs(tmp_path)
    asked = len(cut.server.calls)
    omr_judge(*cut.compare, "--shard", "1/4", cwd=tmp_path)
    (run,) = (tmp_path / "runs").iterdir()
    assert "_shard-1-of-4_" in run.name
    omr_judge(*cut.compare, "--shard", "1/4", cwd=tmp_path)
    assert len(list((tmp_path / "runs").iterdir())) == 1
    refused = omr_judge(*cut.compare, "--shard", "2/4", "--name", run.name, cwd=tmp_path, code=3)
    assert "begun with --shard " in refused.stderr
    few = omr_judge(*cut.compare, "--shard", "2/12", cwd=tmp_path, code=3)
    assert "--shard 2/12: there are only 11 items (use fewer shards)" in few.stderr
    assert len(cut.server.calls) < asked + 20
