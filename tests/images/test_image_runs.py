"""Images from the files that name them to the judges, through the real command and both SDKs."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import SHARED
from command import environment, omr_judge, only_run, read_jsonl, write_jsonl
from pictures import animated, dicom, png_bomb, png_stating, read, written
from provider_server import Answer, Call, ProviderServer, content_judge
from run_builder import change_manifest

MOST_BYTES = 300_000_000
"""of memory, for a process that meets all hostile images"""


def record(number: int, images: list[str], text: str) -> dict[str, Any]:
    return {
        "id": f"q{number}",
        "question": f"Question {number}?",
        "image": images,
        "trace": f"{text} of {number}, at length",
    }


def write_traces(folder: Path, images: list[list[str]]) -> None:
    for name in ("a", "b"):
        write_jsonl(folder / f"{name}.jsonl", [record(n, shown, f"Trace {name * 3}") for n, shown in enumerate(images)])


def judges(server: ProviderServer) -> list[str]:
    return ["--judge", f"openai:m@{server.url}/v1", "--judge", f"anthropic:m@{server.url}"]


def sent(calls: list[Call]) -> dict[str, set[tuple[tuple[str, str], ...]]]:
    """Return by question what each call showed: the media type and the hash of each image."""
    found: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    for call in calls:
        question = next(f"q{n}" for n in range(20) if f"Question {n}?" in call.user)
        shown = tuple((kind, hashlib.sha256(content).hexdigest()) for kind, content in call.images)
        found.setdefault(question, set()).add(shown)
    return found


def images_of(run: Path) -> dict[str, list[dict[str, Any]]]:
    return {pair["item"]["id"]: pair["item"]["images"] for pair in read_jsonl(run / "pairs.jsonl")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write items with an image that is sent as it is, and with three that are prepared."""
    (tmp_path / "clean.png").write_bytes(written("PNG"))
    (tmp_path / "wide.png").write_bytes(written("PNG", size=(2400, 300)))
    (tmp_path / "scan.dcm").write_bytes(dicom(np.arange(2400, dtype=np.int16).reshape(40, 60)))
    (tmp_path / "photo.jpg").write_bytes(written("JPEG", comment=b"CANARY"))
    write_traces(tmp_path, [["clean.png"], ["wide.png", "clean.png"], ["scan.dcm"], ["photo.jpg"]])
    return tmp_path


@pytest.mark.slow
def test_prepared_images_are_held_by_the_run_which_needs_their_originals_no_more(folder: Path) -> None:
    with ProviderServer(
        lambda call: Answer(status=400) if call.provider == "openai" else content_judge(call)
    ) as broken:
        # One judge refuses everything, so that resuming has something left to send.
        omr_judge("compare", "a.jsonl", "b.jsonl", *judges(broken), "--name", "r", "--max-failures", "1", cwd=folder)
        first = sent(broken.calls)
    shown = images_of(folder / "runs" / "r")
    for images in shown.values():
        for image in images:
            held = image["original"] is not None
            content = (folder / "runs/r" / image["path"] if held else Path(image["path"])).read_bytes()
            assert (image["sha256"], image["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
            assert read(content).size == (image["width"], image["height"])
            assert b"CANARY" not in content
    assert shown["q0"][0]["original"] is None
    wide = (folder / "wide.png").read_bytes()
    assert shown["q1"][0]["original"] == {
        "path": str(folder / "wide.png"),
        "sha256": hashlib.sha256(wide).hexdigest(),
        "width": 2400,
        "height": 300,
    }
    assert (shown["q1"][0]["width"], shown["q1"][0]["height"]) == (1920, 240)
    assert first == {
        id_: {tuple((image["media_type"], image["sha256"]) for image in images)} for id_, images in shown.items()
    }

    for name in ("wide.png", "scan.dcm", "photo.jpg"):
        (folder / name).unlink()
    (folder / "runs" / "r").rename(folder / "moved")
    with ProviderServer(content_judge) as server:
        env = {"OPENAI_BASE_URL": f"{server.url}/v1"}
        manifest = json.loads((folder / "moved/manifest.json").read_text())
        for judge in manifest["judges"]:
            moved = f"{server.url}/v1" if judge["provider"] == "openai" else server.url
            change_manifest(folder / "moved", judge["endpoint"].encode(), moved.encode())
        omr_judge("retry", "moved", cwd=folder, env=env)
        assert sent(server.calls) == first
        assert {call.provider for call in server.calls} == {"openai"}


@pytest.mark.slow
def test_shards_hold_their_own_images_and_the_merged_run_all_of_them(folder: Path) -> None:
    with ProviderServer(content_judge) as server:
        for part in ("1/2", "2/2"):
            name = f"s{part[0]}"
            omr_judge("compare", "a.jsonl", "b.jsonl", *judges(server), "--shard", part, "--name", name, cwd=folder)
    held = {name: {path.name for path in (folder / "runs" / name).glob("images/*")} for name in ("s1", "s2")}
    for name, files in held.items():
        wanted = {Path(image["path"]).name for shown in images_of(folder / "runs" / name).values() for image in shown}
        assert files == {name for name in wanted if name != "clean.png"}
    omr_judge("merge", "runs/s1", "runs/s2", "--name", "whole", cwd=folder)
    assert {path.name for path in (folder / "runs/whole/images").iterdir()} == held["s1"] | held["s2"]
    assert sum(map(len, images_of(folder / "runs/whole").values())) == 5


@pytest.mark.slow
def test_the_longest_side_is_an_option_and_part_of_what_a_run_is(folder: Path) -> None:
    with ProviderServer(content_judge) as server:
        compare = ("compare", "a.jsonl", "b.jsonl", *judges(server), "--name", "r")
        omr_judge(*compare, "--max-image-side", "30", cwd=folder)
        assert {max(image["width"], image["height"]) for i in images_of(folder / "runs/r").values() for image in i} == {
            30
        }
        again = omr_judge(*compare, cwd=folder, code=3)
    assert "--max-image-side " in again.stderr
    shown = omr_judge("show-prompt", "a.jsonl", "b.jsonl", *judges(server)[:2], "--item", "q1", cwd=folder)
    assert f", 1920 x 240 pixels, prepared from {folder / 'wide.png'}]" in shown.stdout
    assert f": {folder / 'clean.png'}]" in shown.stdout


@pytest.mark.slow
def test_what_leads_out_of_the_folder_or_onto_the_network_needs_an_option(tmp_path: Path) -> None:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "out" / "x.png").write_bytes(written("PNG"))
    write_traces(tmp_path / "in", [["../out/x.png"], ["https://images.invalid/x.png"]])
    with ProviderServer(content_judge) as server:
        compare = ("compare", "a.jsonl", "b.jsonl", *judges(server))
        refused = omr_judge(*compare, "--on-missing-image", "skip", cwd=tmp_path / "in", code=3)
        allowed = omr_judge(
            *compare,
            *("--image-root", "../out", "--allow-image-urls", "images.invalid", "--on-missing-image", "skip"),
            cwd=tmp_path / "in",
        )
        assert len(server.calls) == 4, "two orders and two judges, of the one item whose image is there"
    assert "a.jsonl:1: image ../out/x.png" in refused.stderr.replace(str(tmp_path / "in") + "/", "")
    assert f"(--image-root {tmp_path / 'out'} allows images there)" in refused.stderr
    assert "images.invalid is no host to fetch from" in refused.stderr
    assert "--allow-image-urls images.invalid fetches it" in refused.stderr
    assert "1 item left out: without an image that can be shown" in allowed.stdout


def test_an_item_beyond_a_judges_limits_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(written("PNG"))
    write_traces(tmp_path, [["x.png"], ["x.png"] * 101])
    with ProviderServer(content_judge) as server:
        for more in ([], ["--dry-run"]):
            run = omr_judge("compare", "a.jsonl", "b.jsonl", *judges(server), *more, cwd=tmp_path, code=3)
            assert "item 'q1': anthropic:m refuses 101 images, of which a request takes 100" in run.stderr
        assert not server.calls
    assert not list(tmp_path.glob("runs/[!.]*"))


# Hostile images


def write_hostile(folder: Path) -> dict[str, str]:
    """Write images that must be refused; return what each is named and what is said of it."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("x.txt", "hidden")
    files = {
        "bomb-81.png": (png_bomb(9000), "9000 x 9000 pixels are 81 megapixels"),
        "bomb-225.png": (png_bomb(15_000), "more than 50 megapixels"),
        "header.png": (png_stating(2**31 - 1, 2**31 - 1), "megapixels"),
        "cut.jpg": (written("JPEG", size=(600, 400))[:2000], "is cut off"),
        "svg.png": (b'<svg xmlns="x" onload="alert(1)"/>', "not an image of a known type but SVG"),
        "html.jpg": (b"<!DOCTYPE html><script>alert(1)</script>", "but HTML"),
        "zip.png": (written("PNG") + archive.getvalue(), "another file hides behind the image's end"),
        "empty.png": (b"", "but an empty file"),
        "magic.png": (b"\x89PNX" + written("PNG")[4:], "not an image of a known type"),
        "text.png": (b"just words", "but text"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.png")
    (folder.parent / "secret.png").write_bytes(written("PNG"))
    (folder / "out.png").symlink_to(folder.parent / "secret.png")
    places = {
        "pipe.png": "is not a regular file",
        "/dev/zero": "lies outside of the folder",
        "out.png": "lies outside of the folder",
        "../secret.png": "lies outside of the folder",
        "C:\\..\\secret.png": "is a Windows path",
        "https://169.254.169.254/x.png": "is no host to fetch from",
    }
    return {name: said for name, (_, said) in files.items()} | places


LOAD_ALL = """
import json, re, sys, time
from pathlib import Path
from judge.errors import InputError
from judge.images.loader import ImageLoader
said, folder = {}, Path(sys.argv[1])
for name in json.load(sys.stdin):
    began = time.perf_counter()
    try:
        ImageLoader().load(name if name.startswith("https") else folder / name, root=folder)
    except InputError as error:
        said[name] = [error.problem, time.perf_counter() - began]
# What the parent held when it forked counts in ru_maxrss, and not here.
peak = int(re.search(r"VmHWM:\\s+([0-9]+)", open("/proc/self/status").read())[1]) * 1024
print(json.dumps([said, peak]))
"""


def test_hostile_images_are_refused_in_little_memory(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    expected = write_hostile(folder)
    assert len(expected) == 16, "the seventeenth is the NUL, which the reader of records refuses"
    (folder / "frames.gif").write_bytes(animated(10_000))
    (folder / "tiny.bmp").write_bytes(written("PNG", size=(1, 1)))
    run = subprocess.run(
        [sys.executable, "-c", LOAD_ALL, folder],
        input=json.dumps([*expected, "frames.gif", "tiny.bmp"]),
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=environment(),
    )
    said, peak = json.loads(run.stdout)
    sys.stdout.write(f"peak {peak / 1e6:.0f} MB; {json.dumps(said, indent=1)}\n")
    assert {name: text for name, (text, _) in said.items() if expected[name] not in text} == {}
    assert said.keys() == expected.keys(), "ten thousand frames become one, and a pixel of another type is fine"
    assert peak < MOST_BYTES


def test_all_hostile_images_of_a_file_are_named_in_one_go_and_nothing_is_sent(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    expected = write_hostile(folder)
    write_traces(folder, [[name] for name in expected])
    with ProviderServer(content_judge) as server:
        for more in ([], ["--on-missing-image", "skip"]):
            run = omr_judge("compare", "a.jsonl", "b.jsonl", *judges(server), *more, cwd=folder, code=3)
            lines = run.stderr.splitlines()
            assert [said in line for said, line in zip(expected.values(), lines, strict=True)] == [True] * 16
        write_traces(folder, [["a\0b.png"]])
        run = omr_judge("compare", "a.jsonl", "b.jsonl", *judges(server), cwd=folder, code=3)
        assert "it holds a NUL character" in run.stderr
        assert not server.calls


# Real images


@pytest.mark.slow
@pytest.mark.shared
def test_every_real_image_arrives_intact_once_per_call_through_both_sdks(tmp_path: Path) -> None:
    source = SHARED / "data/igakuqa119"
    if not source.is_dir():
        pytest.skip(f"{source} is absent")
    asked = [row | {"model": "a"} for row in read_jsonl(source / "a.jsonl") if row["image"]]
    answered = {row["id"]: row for row in read_jsonl(source / "b.jsonl")}
    # b never answered one block: there its trace is a's in other words, so that every image is sent.
    other = [answered.get(row["id"], row | {"trace": f"In other words: {row['trace']}"}) for row in asked]
    write_jsonl(tmp_path / "a.jsonl", asked)
    write_jsonl(tmp_path / "b.jsonl", [row | {"model": "b"} for row in other])
    (tmp_path / "images").symlink_to(source / "images")

    with ProviderServer(content_judge) as server:
        root = ("--image-root", str(source))
        omr_judge("compare", "a.jsonl", "b.jsonl", *judges(server), *root, "--quiet", cwd=tmp_path)
        calls = list(server.calls)

    pairs = read_jsonl(only_run(tmp_path) / "pairs.jsonl")
    recorded = {pair["item"]["question"]: pair["item"]["images"] for pair in pairs}
    manifest = json.loads((only_run(tmp_path) / "manifest.json").read_text())
    assert manifest["n_images"] == sum(map(len, recorded.values()))
    counted: Counter[tuple[str, str]] = Counter()
    for call in calls:
        question = max((text for text in recorded if text.strip() in call.user), key=len)
        shown = [(kind, hashlib.sha256(content).hexdigest(), len(content)) for kind, content in call.images]
        assert shown == [(image["media_type"], image["sha256"], image["size"]) for image in recorded[question]]
        counted[call.provider, question] += 1
    assert set(counted.values()) == {2}, "once in each order"
    assert len(counted) == 2 * len(pairs)
    sys.stdout.write(f"{len(pairs)} questions, {manifest['n_images']} images, {len(calls)} calls\n")
