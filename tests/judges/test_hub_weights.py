"""Embedded judges from the Hub: the real library against a server that stands for it, with the embedded weights."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import huggingface_hub.constants
import pytest
from asked import made_request, with_judge
from command import omr_judge, write_jsonl
from hub_server import COMMIT, HubServer
from pictures import written
from tiny_projector import N_PATCHES, write_projector

from judge.errors import InputError, RunError
from judge.judges.base import Judge
from judge.judges.hub_weights import choose_projector, hub_file
from judge.judges.judge_options import JudgeOptions
from judge.judges.local import n_servers
from judge.judges.local_weights import find_weights
from judge.judges.registry import parse_judge, require
from judge.schema import Image, JudgeSpec, MediaType, Reply

REPO = "org/tiny-GGUF"
PINNED = f"{REPO}@{COMMIT}"


@pytest.fixture
def repo(tmp_path: Path) -> dict[str, Path]:
    """A repository of tiny files, which are GGUF by their first bytes alone."""
    names = ("tiny-Q4.gguf", "sub/tiny-Q8.gguf", "mmproj-tiny-f32.gguf", "mmproj-tiny-F16.gguf", "README.md")
    for number, name in enumerate(names):
        (tmp_path / "repo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repo" / name).write_bytes(b"GGUF" + bytes([number]))
    return {name: tmp_path / "repo" / name for name in names}


@pytest.fixture
def hub(repo: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    blind = {"blind.gguf": repo["tiny-Q4.gguf"]}
    with HubServer({REPO: repo, "org/blind": blind, "org/gated": blind}, gated=frozenset({"org/gated"})) as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            huggingface_hub.constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            server.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        yield server


def parse(text: str, said: list[str] | None = None) -> JudgeSpec:
    return parse_judge(text, JudgeOptions(), say=(said if said is not None else []).append)


def loaded(path: Path, content: bytes) -> Image:
    path.write_bytes(content)
    kinds: dict[str, MediaType] = {".png": "image/png", ".webp": "image/webp"}
    return Image(path=str(path), sha256=sha256(path), media_type=kinds[path.suffix])


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_of_the_hub_is_fetched_once_with_its_projector_and_pinned(hub: HubServer, repo: dict[str, Path]) -> None:
    said: list[str] = []
    spec = parse(f"local:{REPO}/tiny-Q4.gguf", said)
    assert (spec.name, spec.endpoint) == ("local:tiny-Q4", f"{PINNED}/tiny-Q4.gguf")
    assert (spec.weights_sha256, spec.projector) == (sha256(repo["tiny-Q4.gguf"]), "mmproj-tiny-F16.gguf")
    assert spec.projector_sha256 == sha256(repo["mmproj-tiny-F16.gguf"])
    assert spec.sees_images
    assert spec.settings.evidence_chars is not None, "no quotation goes on for ever"
    assert n_servers(spec) == 1
    assert [line.split(" once ")[0] for line in said] == [
        f"Fetching tiny-Q4.gguf of {REPO}",
        f"Fetching mmproj-tiny-F16.gguf of {REPO}",
    ]
    assert parse(f"local:{REPO}/tiny-Q4.gguf", said) == spec
    assert parse(f"local:{PINNED}/tiny-Q4.gguf", said) == spec
    assert len(said) == 2
    before = len(hub.asked)
    assert require(spec, say=said.append) == spec
    assert len(hub.asked) == before, "what is pinned and kept needs no connection"


def test_a_model_without_a_projector_sees_no_images_and_a_folder_is_part_of_the_name(hub: HubServer) -> None:
    assert hub.url
    blind = parse("local:org/blind/blind.gguf")
    assert (blind.sees_images, blind.projector_sha256) == (False, None)
    assert parse(f"local:{REPO}/sub/tiny-Q8.gguf").endpoint == f"{PINNED}/sub/tiny-Q8.gguf"


def test_without_a_connection_what_was_fetched_is_used(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = parse(f"local:{REPO}/tiny-Q4.gguf")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert hub.url
    assert parse(f"local:{REPO}/tiny-Q4.gguf") == spec
    with pytest.raises(InputError, match="no such file on this machine, and the Hugging Face Hub gives none"):
        parse(f"local:{REPO}/sub/tiny-Q8.gguf")


def test_a_named_judge_of_the_hub_goes_on_with_its_commit_and_refuses_other_weights(
    hub: HubServer, repo: dict[str, Path], tmp_path: Path
) -> None:
    table = f'[judges.mine]\nprovider = "local"\nmodel = "{REPO}/FILE"\nbody = {{ top_k = 1 }}\n'
    (tmp_path / "omr-judge.toml").write_text(table.replace("FILE", "tiny-Q4.gguf"))
    spec = parse("mine")
    assert (spec.name, spec.endpoint, spec.settings.body) == ("mine", f"{PINNED}/tiny-Q4.gguf", {"top_k": 1})
    hub.commit = "beef" + "0" * 36
    repo["tiny-Q4.gguf"].write_bytes(b"GGUF of a later commit")
    assert require(spec, say=lambda _: None) == spec
    assert parse("mine").weights_sha256 != spec.weights_sha256
    (tmp_path / "omr-judge.toml").write_text(table.replace("FILE", "sub/tiny-Q8.gguf"))
    with pytest.raises(RunError, match=r'model \(was "tiny-Q4", is now "tiny-Q8"\)'):
        require(spec, say=lambda _: None)


def test_changed_weights_do_not_go_on(hub: HubServer) -> None:
    spec = parse(f"local:{REPO}/tiny-Q4.gguf")
    assert hub.url
    for other in ({"weights_sha256": "0" * 64}, {"projector_sha256": "0" * 64}, {"projector": None}):
        with pytest.raises(RunError, match="the weights have changed since the run began"):
            require(spec.model_copy(update=other), say=lambda _: None)


def test_what_is_not_what_the_hub_says_is_refused(hub: HubServer) -> None:
    hub.lies["tiny-Q4.gguf"] = "f" * 64
    with pytest.raises(RunError, match=r"not what the Hub says that tiny-Q4\.gguf is"):
        parse(f"local:{REPO}/tiny-Q4.gguf")


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (
            f"{REPO}/absent.gguf",
            "org/tiny-GGUF has no such file (it has mmproj-tiny-F16.gguf, mmproj-tiny-f32.gguf, sub",
        ),
        ("org/absent/x.gguf", "no such file on this machine, and the Hugging Face Hub gives none"),
        (f"{REPO}@v2/tiny-Q4.gguf", "Revision"),
        ("org/gated/blind.gguf", "needs HF_TOKEN"),
        (f"{REPO}/big-00001-of-00003.gguf", "one of several parts"),
        ("./org/tiny/x.gguf", "org/tiny/x.gguf: cannot be read"),
    ],
)
def test_what_the_hub_does_not_give_is_an_error_that_says_so(hub: HubServer, named: str, told: str) -> None:
    assert hub.url
    with pytest.raises(InputError) as refused:
        parse(f"local:{named}")
    assert told in str(refused.value)


def test_the_token_goes_to_the_hub_and_into_no_message(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.url
    monkeypatch.setenv("HF_TOKEN", "hf-token-1")
    assert parse("local:org/gated/blind.gguf").name == "local:blind"


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'omr-judge\[local\]'"):
        parse(f"local:{REPO}/tiny-Q4.gguf")


def test_a_file_on_this_machine_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hub_file("org/name/x.gguf") is not None
    (tmp_path / "org/name").mkdir(parents=True)
    (tmp_path / "org/name/x.gguf").write_bytes(b"GGUF")
    assert hub_file("org/name/x.gguf") is None
    for other in ("x.gguf", "name/x.gguf", "/org/name/x.gguf", "../org/x.gguf", "org/name/x.bin", "http://host/x.gguf"):
        assert hub_file(other) is None


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (("m.gguf",), None),
        (("m.gguf", "mmproj-F32.gguf", "mmproj-BF16.gguf", "mmproj-F16.gguf"), "mmproj-F16.gguf"),
        (("m.gguf", "mmproj-BF16.gguf", "mmproj-F32.gguf"), "mmproj-BF16.gguf"),
        (("m.gguf", "m-mmproj.gguf"), "m-mmproj.gguf"),
        (("m.gguf", "other/mmproj-f16.gguf", "mmproj-f32.gguf"), "mmproj-f32.gguf"),
        (("m.gguf", "other/mmproj-f16.gguf"), "other/mmproj-f16.gguf"),
        (("m.gguf", "mmproj.txt", "model-mmprojector.gguf"), None),
    ],
)
def test_the_projector_is_the_one_beside_the_weights_in_half_precision(
    files: tuple[str, ...], chosen: str | None
) -> None:
    assert choose_projector(files, "m.gguf") == chosen
    assert choose_projector(files[::-1], "m.gguf") == chosen


def test_on_a_terminal_a_bar_shows_how_far_it_is(repo: dict[str, Path], tmp_path: Path) -> None:
    repo["tiny-Q4.gguf"].write_bytes(b"GGUF" + bytes(10**6))
    fetch = "from judge.judges.hub_weights import *; choose_weights(hub_file('org/t/tiny.gguf'), say=print)"
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    with HubServer({"org/t": {"tiny.gguf": repo["tiny-Q4.gguf"]}}) as server:
        env = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path), "COLUMNS": "100"}
        done = subprocess.run([sys.executable, "-c", fetch], env=env, stderr=theirs, stdout=subprocess.PIPE, check=True)
    os.close(theirs)
    told = ""
    with suppress(OSError):  # the terminal is closed at its other end, as the last that is read
        while said := os.read(ours, 10_000):
            told += said.decode()
    os.close(ours)
    assert done.stdout.startswith(b"Fetching tiny.gguf of org/t once from the Hugging Face Hub, 1 MB, to ")
    assert "tiny.gguf: 100%" in told


@pytest.mark.slow
def test_a_comparison_runs_on_weights_from_the_hub_and_goes_on_with_the_very_same(tmp_path: Path) -> None:
    for side, word in (("a", "Two and two are four."), ("b", "Two and two are five.")):
        write_jsonl(tmp_path / f"{side}.jsonl", [{"id": 1, "question": "How much is 2 + 2?", "trace": word}])
    embedded = find_weights(None, say=lambda _: None)
    cache = tmp_path / "home"
    with HubServer({REPO: {"SmolLM2.gguf": embedded.path}}) as server:
        env = {"HF_ENDPOINT": server.url, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}
        judge = ("--judge", f"local:{REPO}/SmolLM2.gguf", "--rubric", "overall.v1", "--name", "r")
        told = omr_judge("compare", "a.jsonl", "b.jsonl", *judge, cwd=tmp_path, env=env).stderr
    assert f"Fetching SmolLM2.gguf of {REPO} once from the Hugging Face Hub, 98 MB, to {cache}" in told
    assert "Next: --judge local:REPO/FILE.gguf" in told.splitlines()[-1]
    assert "far too small" in told, "they are the default's weights, whatever they are called"
    made = json.loads((tmp_path / "runs/r/manifest.json").read_text())
    (said,) = made["judges"]
    assert said["endpoint"] == f"{PINNED}/SmolLM2.gguf"
    assert said["weights_sha256"] == embedded.sha256
    assert omr_judge("resume", "r", cwd=tmp_path, env=env).stdout, "without the Hub"
    assert "local:SmolLM2" in omr_judge("report", "r", cwd=tmp_path).stdout
    said["weights_sha256"] = "0" * 64
    (tmp_path / "runs/r/manifest.json").write_text(json.dumps(made))
    (tmp_path / "runs/r/judgments.jsonl").write_text("")
    assert "the weights have changed" in omr_judge("resume", "r", cwd=tmp_path, env=env, code=3).stderr


def test_a_judge_with_a_projector_is_shown_the_images(hub: HubServer, tmp_path: Path) -> None:
    """With llama.cpp itself and a projector of random weights: an image changes what the model computes."""
    projector, limit = tmp_path / "mmproj-f16.gguf", JudgeOptions(max_output_tokens=5)
    write_projector(projector)
    hub.repos["org/seeing"] = {"m.gguf": find_weights(None, say=lambda _: None).path, projector.name: projector}
    spec = parse_judge("local:org/seeing/m.gguf", limit, say=lambda _: None)
    assert spec.sees_images
    images = [loaded(tmp_path / f"scan.{kind}", written(kind.upper(), lossless=True)) for kind in ("png", "webp")]

    async def replies(judge: Judge) -> list[Reply]:
        requests = [made_request(), *(made_request(images=[image]) for image in images)]
        return [await judge.ask(request) for request in requests]

    blind, *seeing = with_judge(spec, replies, timeout=60)
    for reply in seeing:
        assert reply.usage.input >= blind.usage.input + N_PATCHES
        assert reply.text.startswith('{"knowledge":')
