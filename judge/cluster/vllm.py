"""Serve a judge's model beside a shard: `vllm serve` as a child of this process, on the GPUs that it was given."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from judge.errors import InputError, RunError
from judge.files.listening import LOCAL

START_SECONDS = 1800.0
"""in which weights of hundreds of gigabytes are loaded"""
STOP_SECONDS = 30.0
LOOK_SECONDS = 1.0
TOLD_CHARS = 2000


def served_model(text: str) -> str:
    """Return the model of `vllm:MODEL`; InputError where it is none."""
    engine, _, model = text.partition(":")
    if engine != "vllm" or not model:
        raise InputError(f"--serve-judge {text}", "is not of the form vllm:MODEL", "e.g. vllm:Qwen/Qwen3-32B")
    return model


def judge_at(model: str, port: int) -> str:
    """Return the judge that asks a model served here."""
    return f"openai:{model}@http://{LOCAL}:{port}/v1"


def command_line(model: str, *, port: int, gpus: int) -> list[str]:
    """Return what starts the server: one model over all of its GPUs, reached from this machine alone."""
    parallel = ["--tensor-parallel-size", str(gpus)] if gpus > 1 else []
    return ["vllm", "serve", model, "--host", LOCAL, "--port", str(port), *parallel]


@contextmanager
def serving(model: str, *, gpus: int) -> Iterator[str]:
    """Serve a model, and yield the judge that asks it once it answers; stopped at the end.

    Raises:
        InputError: there is no vLLM here.
        RunError: it ended, or did not answer in time; the text ends in its last words.
    """
    with socket.create_server((LOCAL, 0)) as free:
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="omr-judge-vllm-") as folder:
        log = Path(folder, "log")
        with log.open("wb") as told:
            try:
                process = subprocess.Popen(  # noqa: S603 - the model is an argument of its own
                    command_line(model, port=port, gpus=gpus), stdout=told, stderr=subprocess.STDOUT
                )
            except OSError as error:
                hint = "install vllm on every node, or serve the judge elsewhere and give --judge openai:MODEL@URL"
                raise InputError("--serve-judge", f"vllm cannot be started: {error.strerror}", hint) from error
        try:
            _await_health(process, port, log)
            yield judge_at(model, port)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_health(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if httpx2.get(f"http://{LOCAL}:{port}/health", timeout=5, trust_env=False).is_success:
                return
        except httpx2.TransportError:
            pass  # it does not listen yet
        if process.poll() is not None:
            said = log.read_text(errors="replace")[-TOLD_CHARS:]
            raise RunError(f"vllm ended with exit code {process.returncode}: {said}")
        time.sleep(LOOK_SECONDS)
    raise RunError(f"vllm did not answer within {START_SECONDS / 60:.0f} min")
