"""Comparisons whose items, with their images, come from Parquet or from JSON lines with images in them."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from command import omr_judge, only_run, read_jsonl, report_of, write_jsonl
from parquet_files import drawn, hub_row, write_hub
from provider_server import ProviderServer, content_judge

from judge.enums import OnMissingImage
from judge.inputs.input_options import CaseOptions
from judge.inputs.join import CaseInputs
from judge.runs.run_folder import RunFolder

N = 5


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer(content_judge) as started:
        yield started


def write_traces(folder: Path, *, n: int = N) -> None:
    for side in ("a", "b"):
        traces = [{"id": f"test-{i:06d}", "trace": f"{side} looks at figure {i}, long enough."} for i in range(n)]
        write_jsonl(folder / f"{side}.jsonl", traces)


def compare(folder: Path, server: ProviderServer, *options: str, code: int = 0) -> str:
    """Run the comparison; return its stderr."""
    judge = ("--judge", f"openai:m@{server.url}/v1", "--max-failures", "1", "--orders", "one")
    return omr_judge("compare", "a.jsonl", "b.jsonl", *judge, *options, cwd=folder, code=code).stderr


def images_by_figure(server: ProviderServer) -> dict[int, list[tuple[str, bytes]]]:
    return {n: call.images for call in server.calls for n in range(N) if f"does figure {n} show" in call.user}


def test_images_of_parquet_items_arrive_intact_and_lie_in_the_run(tmp_path: Path, server: ProviderServer) -> None:
    write_traces(tmp_path)
    rows = [hub_row(n) for n in range(N)]
    rows[3]["image"] = {"bytes": drawn("three", form="JPEG"), "path": "x.png"}
    rows[4]["image"] = rows[0]["image"]
    write_hub(tmp_path / "test-00000-of-00001.parquet", rows)
    compare(tmp_path, server, "--items", "test-00000-of-00001.parquet")
    sent = {n: [("image/png", drawn(f"row {n}"))] for n in range(3)}
    sent |= {3: [("image/jpeg", drawn("three", form="JPEG"))], 4: sent[0]}
    assert images_by_figure(server) == sent
    run = only_run(tmp_path)
    assert len(list((run / "images").iterdir())) == 4, "each distinct image once"
    paths = [pair["item"]["images"][0]["path"] for pair in read_jsonl(run / "pairs.jsonl")]
    assert all((run / path).is_file() for path in paths)
    assert {path.split(".")[-1] for path in paths} == {"png", "jpg"}
    assert json.loads((run / "manifest.json").read_bytes())["n_images"] == N

    moved = tmp_path / "elsewhere"
    shutil.move(run, moved)
    assert {Path(pair.item.images[0].path).parent for pair in RunFolder(moved).pairs()} == {moved / "images"}
    assert "Goes on" not in omr_judge("resume", str(moved), cwd=tmp_path).stderr


@pytest.mark.slow
def test_a_folder_of_shards_and_base64_in_json_lines_give_the_same_comparison(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_traces(tmp_path)
    rows = [hub_row(n) for n in range(N)]
    (tmp_path / "data").mkdir()
    write_hub(tmp_path / "data/test-00000-of-00002.parquet", rows[:2])
    write_hub(tmp_path / "data/test-00001-of-00002.parquet", rows[2:])
    lines = [
        {k: v for k, v in row.items() if k != "image"}
        | {"id": f"test-{n:06d}", "image_base64": base64.b64encode(row["image"]["bytes"]).decode()}
        for n, row in enumerate(rows)
    ]
    write_jsonl(tmp_path / "items.jsonl", lines)
    compare(tmp_path, server, "--items", "data", "--name", "parquet")
    asked = len(server.calls)
    compare(tmp_path, server, "--items", "items.jsonl", "--name", "jsonl")
    assert len(server.calls) == 2 * asked
    keys = [
        sorted(line["key"] for line in read_jsonl(tmp_path / "runs" / name / "judgments.jsonl"))
        for name in ("parquet", "jsonl")
    ]
    assert keys[0] == keys[1], "the same requests"
    roles = [one["role"] for one in json.loads((tmp_path / "runs/parquet/manifest.json").read_bytes())["inputs"]]
    assert roles == ["a", "b", "items 1", "items 2", "prompt", "rubric"]


def test_a_quote_and_a_shown_prompt_leave_nothing_behind(tmp_path: Path, server: ProviderServer) -> None:
    write_traces(tmp_path)
    items = write_hub(tmp_path / "test.parquet", [hub_row(n) for n in range(N)])
    (tmp_path / "temporary").mkdir()
    env = {"TMPDIR": str(tmp_path / "temporary"), "OPENAI_API_KEY": "sk-x"}
    judge = ("--judge", f"openai:m@{server.url}/v1")
    files = ("a.jsonl", "b.jsonl", "--items", str(items))
    before = sorted(tmp_path.rglob("*"))
    quoted = omr_judge("compare", *files, *judge, "--dry-run", "--json", cwd=tmp_path, env=env)
    assert json.loads(quoted.stdout)["calls"] == 2 * N
    shown = omr_judge("show-prompt", *files, *judge, "--item", "test-000003", cwd=tmp_path, env=env).stdout
    assert "What does figure 3 show?" in shown
    assert "test.parquet" in next(line for line in shown.splitlines() if line.startswith("[image"))
    assert str(tmp_path / "temporary") not in shown
    assert sorted(tmp_path.rglob("*")) == before


def test_an_image_that_is_null_or_none_is_named_and_treated_as_the_option_says(
    tmp_path: Path, server: ProviderServer
) -> None:
    write_traces(tmp_path)
    rows = [hub_row(n) for n in range(N)]
    rows[1]["image"] = None
    rows[2]["image"] = {"bytes": None, "path": "x.png"}
    rows[3]["image"] = {"bytes": b"<svg/>", "path": "x.png"}
    write_hub(tmp_path / "test.parquet", rows)
    told = compare(tmp_path, server, "--items", "test.parquet", code=3)
    hint = "leave such items out, or ask about their text alone: --on-missing-image"
    assert f"test.parquet: row 1: image 1: no bytes in it ({hint})" in told
    assert f"test.parquet: row 2: image 1: no bytes in it ({hint})" in told
    assert "test.parquet: row 3: image 1: not an image of a known type" in told
    assert server.calls == []
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())

    compare(tmp_path, server, "--items", "test.parquet", "--on-missing-image", "skip", "--name", "skip")
    assert sorted(images_by_figure(server)) == [0, 4]
    assert report_of(tmp_path / "runs/skip")["left_out"] == {"no_image": 3}
    compare(tmp_path, server, "--items", "test.parquet", "--on-missing-image", "text-only", "--name", "text")
    assert {n: len(images) for n, images in images_by_figure(server).items()} == {0: 1, 1: 0, 2: 0, 3: 0, 4: 1}


def test_rows_in_another_order_than_the_traces_were_made_from_are_refused(
    tmp_path: Path, server: ProviderServer
) -> None:
    rows = [hub_row(n) for n in range(N)]
    for side in ("a", "b"):
        traces = [{"id": n, "question": row["question"], "trace": f"{side}: long enough"} for n, row in enumerate(rows)]
        write_jsonl(tmp_path / f"{side}.jsonl", traces)
    write_hub(tmp_path / "test.parquet", rows[::-1])
    by_row = ("--items", "test.parquet", "--id-column", "row")
    told = compare(tmp_path, server, *by_row, code=3)
    assert "a.jsonl:1: id '0' has another question than in test.parquet (and so 3 more times" in told
    assert "(the first stands in test.parquet: row 0" in told
    write_hub(tmp_path / "test.parquet", rows)
    compare(tmp_path, server, *by_row)
    assert sorted(images_by_figure(server)) == list(range(N))
    identity = json.loads((only_run(tmp_path) / "manifest.json").read_bytes())["identity"]
    assert identity["--id-column"] == "row"


@pytest.mark.slow
def test_shards_with_their_images_are_merged_into_the_whole_run(tmp_path: Path, server: ProviderServer) -> None:
    write_traces(tmp_path)
    write_hub(tmp_path / "test.parquet", [hub_row(n) for n in range(N)])
    for shard in ("1/2", "2/2"):
        compare(tmp_path, server, "--items", "test.parquet", "--shard", shard, "--name", f"s{shard[0]}")
    omr_judge("merge", "runs/s1", "runs/s2", "--name", "merged", "--max-failures", "1", cwd=tmp_path)
    compare(tmp_path, server, "--items", "test.parquet", "--name", "whole")
    runs = [tmp_path / "runs" / name for name in ("merged", "whole")]
    assert (runs[0] / "pairs.jsonl").read_bytes() == (runs[1] / "pairs.jsonl").read_bytes()
    held = [{path.name: path.read_bytes() for path in (run / "images").iterdir()} for run in runs]
    assert held[0] == held[1]
    assert len(held[0]) == N
    shutil.rmtree(tmp_path / "runs/s1")
    assert all(Path(pair.item.images[0].path).is_file() for pair in RunFolder(runs[0]).pairs())


def test_one_file_of_traces_is_joined_to_its_items(tmp_path: Path) -> None:
    write_traces(tmp_path, n=3)
    items = write_hub(tmp_path / "test.parquet", [hub_row(0), hub_row(1, image=None)])
    options = CaseOptions(
        str(tmp_path / "a.jsonl"), items=(str(items),), allow_missing=True, on_missing_image=OnMissingImage.SKIP
    )
    with CaseInputs(options, blind_judge=False) as inputs:
        inputs.check()
        cases = [(case.item.id, case.trace.text, len(case.item.checklist)) for case in inputs.cases()]
        assert inputs.model == "a"
        assert inputs.left_out == {"no_item": 1, "no_image": 1}
    assert cases == [("test-000000", "a looks at figure 0, long enough.", 3)]


def test_ids_come_from_a_column_of_choice(tmp_path: Path, server: ProviderServer) -> None:
    for side in ("a", "b"):
        write_jsonl(tmp_path / f"{side}.jsonl", [{"custom_id": "x7", "trace": f"{side}: long enough"}])
    write_hub(tmp_path / "test.parquet", [hub_row(0, uid="x7", id="0")], uid=pl.String, id=pl.String)
    compare(tmp_path, server, "--items", "test.parquet", "--id-column", "uid", "--field", "id=custom_id")
    assert [pair["item"]["id"] for pair in read_jsonl(only_run(tmp_path) / "pairs.jsonl")] == ["x7"]
