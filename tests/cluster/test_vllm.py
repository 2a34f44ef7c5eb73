"""A judge is served beside a shard: its command line, its health, its port and its end, with a stand-in for vLLM."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx2
import pytest

from judge.cluster import vllm
from judge.errors import InputError, RunError

TESTS = Path(__file__).parents[1]
STAND_IN = f"""#!{sys.executable}
import asyncio, json, os, sys, time
sys.path.insert(0, {str(TESTS)!r})
from aiohttp import web
from provider_server import ProviderServer, longer_wins

if os.environ.get("BREAKS"):
    print("CUDA out of memory")
    sys.exit(3)
open("vllm.json", "w").write(json.dumps(sys.argv[1:]))
began = time.monotonic()
async def health(_):
    return web.Response(status=200 if time.monotonic() - began > 0.3 else 503)
class Server(ProviderServer):
    def routes(self):
        return [*super().routes(), web.get("/health", health)]
port = int(sys.argv[sys.argv.index("--port") + 1])
with Server(longer_wins, port=port):
    time.sleep(1000)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program called vllm at the head of the path."""
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vllm, "LOOK_SECONDS", 0.05)
    return tmp_path


def test_a_server_is_waited_for_and_stopped_at_the_end(stand_in: Path) -> None:
    with vllm.serving("Org/Model", gpus=2) as judge:
        name, _, address = judge.partition("@")
        assert name == "openai:Org/Model"
        assert address.startswith("http://127.0.0.1:")
        assert httpx2.get(f"{address}/models", trust_env=False).is_success
        told = (stand_in / "vllm.json").read_text()
        port = address.removesuffix("/v1").rpartition(":")[2]
        assert (
            told == f'["serve", "Org/Model", "--host", "127.0.0.1", "--port", "{port}", "--tensor-parallel-size", "2"]'
        )
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{address}/models", trust_env=False)
    assert "--tensor-parallel-size" not in vllm.command_line("m", port=1, gpus=1)


def test_a_server_that_breaks_is_told_with_its_last_words(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREAKS", "1")
    with pytest.raises(RunError, match=r"vllm ended with exit code 3: CUDA out of memory"), vllm.serving("m", gpus=1):
        pass
    monkeypatch.delenv("BREAKS")
    monkeypatch.setattr(vllm, "START_SECONDS", 0.0)
    with pytest.raises(RunError, match="vllm did not answer within"), vllm.serving("m", gpus=1):
        pass
    assert stand_in.exists()


def test_a_node_without_vllm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="--serve-judge: vllm cannot be started"), vllm.serving("m", gpus=1):
        pass


@pytest.mark.parametrize("text", ["", "vllm", "vllm:", "sglang:m"])
def test_what_is_no_model_of_vllm_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not of the form vllm:MODEL"):
        vllm.served_model(text)
    assert vllm.served_model("vllm:Org/M:1") == "Org/M:1"
