"""The embedded judge: the real runtime with the real weights, asked a few short questions."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from asked import made_request
from builders import NAMES
from msgspec.structs import replace

from judge.errors import InputError, RunError
from judge.judges import local
from judge.judges.judge_options import JudgeOptions
from judge.judges.local import LocalJudge, LocalServer, n_servers, serve
from judge.judges.local_weights import find_weights
from judge.judges.registry import open_judge, parse_judge
from judge.prompting.pairwise_reply import interpret
from judge.schema import FailureKind, Judged, JudgeSpec, Reply

EVIDENCE_CHARS = 8


@dataclass
class Open:
    """A judge that stays open for all tests: loading it takes a second."""

    runner: asyncio.Runner
    judge: LocalJudge
    address: str

    def ask(self, item: str) -> Reply:
        return self.runner.run(self.judge.ask(made_request(item, evidence_chars=EVIDENCE_CHARS)))


@pytest.fixture(scope="module")
def spec() -> JudgeSpec:
    return parse_judge("local", JudgeOptions(max_output_tokens=120), say=lambda _: None)


@pytest.fixture(scope="module")
def embedded(spec: JudgeSpec) -> Iterator[Open]:
    with pytest.MonkeyPatch.context() as environment, asyncio.Runner() as runner:
        # A proxy that is not there: what the embedded judge is asked must never leave the machine.
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            environment.setenv(name, "http://127.0.0.1:9")
        for name in ("NO_PROXY", "no_proxy"):
            environment.delenv(name, raising=False)
        judge = open_judge(spec, concurrency=1, timeout=60)
        assert isinstance(judge, LocalJudge)
        yield Open(runner, judge, str(judge.spec.endpoint))
        runner.run(judge.close())


def test_a_reply_follows_the_schema_and_is_counted(embedded: Open) -> None:
    reply = embedded.ask("q1")
    result = interpret(reply, NAMES)
    assert isinstance(result, Judged), reply.text
    assert tuple(result.verdicts) == NAMES
    assert (reply.stop, reply.cut) == ("stop", None)
    assert reply.usage.input > 20
    assert reply.usage.output > 20
    assert reply.text.startswith('{"knowledge":{"evidence_1":"'), "no white space between the tokens of JSON"


def test_each_request_is_answered_in_its_own_schema(embedded: Open) -> None:
    one = replace(made_request("q1", evidence_chars=EVIDENCE_CHARS), schema_={"type": "boolean"})
    other = replace(one, schema_={"type": "string", "enum": ["either"]})
    grammars = [embedded.judge.body(request)["grammar"] for request in (one, other)]
    assert "either" not in grammars[0]
    assert "either" in grammars[1]


def test_asking_again_says_the_same_and_reads_from_the_cache(embedded: Open) -> None:
    first, again = embedded.ask("q1"), embedded.ask("q1")
    assert first.text == again.text
    assert again.usage.cache_read > 0


def test_the_server_asks_for_its_key(embedded: Open) -> None:
    bare = httpx2.post(f"{embedded.address}/chat/completions", json={"messages": []}, trust_env=False)
    assert bare.status_code == 401


def test_a_reply_that_reaches_its_limit_is_cut(embedded: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    short = embedded.judge.spec.settings.model_copy(update={"max_output_tokens": 3})
    monkeypatch.setattr(embedded.judge, "spec", embedded.judge.spec.model_copy(update={"settings": short}))
    assert embedded.ask("q1").cut is FailureKind.TRUNCATED


def test_the_spec_pins_the_weights_by_their_hash(spec: JudgeSpec) -> None:
    assert spec.weights_sha256 == find_weights(None, say=lambda _: None).sha256
    assert spec.settings.evidence_chars is not None
    assert not spec.sees_images


def test_a_server_that_was_never_asked_stops(spec: JudgeSpec) -> None:
    stopped = threading.Event()

    def start_and_stop() -> None:
        serve(Path(str(spec.endpoint))).stop()
        stopped.set()

    threading.Thread(target=start_and_stop, daemon=True).start()
    assert stopped.wait(60)


def test_a_server_that_does_not_answer_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RunError, match="does not start"):
            LocalServer(SimpleNamespace(listening_address=address), "key").await_start()


def test_weights_that_cannot_be_loaded_are_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF and nothing that follows")
    with pytest.raises(InputError, match=r"x\.gguf: cannot be loaded"):
        serve(path)


def test_without_the_runtime_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(InputError, match=r"pip install 'omr-judge\[local\]'"):
        serve(Path("x.gguf"))


def test_there_is_a_server_for_each_core_and_never_many(spec: JudgeSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= n_servers(spec) <= local.MOST_SERVERS
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    for cores, expected in ((None, 1), (1, 1), (64, local.MOST_SERVERS)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert n_servers(spec) == expected
