"""The embedded judge: a small language model that runs in this process and is asked like any other server."""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64decode, b64encode
from functools import lru_cache
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from judge.errors import InputError, RunError
from judge.images.loader import image_base64
from judge.judges.hub_weights import INSTALL, hub_file
from judge.judges.local_weights import weights_of
from judge.judges.openai import OpenAIJudge
from judge.schema import Image, JudgeSpec, Request

NOTE = (
    "The embedded judge (local) is for trying the tool: it is far too small to judge reasoning. "
    "Name a capable one with --judge for results."
)
NEXT_STEP = (
    "Next: --judge local:REPO/FILE.gguf runs a capable model from the Hugging Face Hub on this machine, without a key "
    "(docs/judges.md)."
)
CONTEXT_TOKENS = 8192
HUB_CONTEXT_TOKENS = 16_384
"""of weights that a person has chosen; a model that was trained on less gets its own"""
MOST_SERVERS = 2
START_SECONDS = 60.0


class LocalJudge(OpenAIJudge):
    """Serves a GGUF file on a free port of 127.0.0.1, under a random key, for as long as the judge is open."""

    def __init__(self, spec: JudgeSpec, *, timeout: float) -> None:
        weights = weights_of(spec, say=lambda _: None)
        context = HUB_CONTEXT_TOKENS if weights.source else CONTEXT_TOKENS
        threads = max(1, n_cores() // 2) if weights.source else 1
        self._server = serve(weights.path, weights.projector_path, context=context, threads=threads)
        served = spec.model_copy(update={"endpoint": f"{self._server.address}/v1"})
        super().__init__(served, concurrency=1, timeout=timeout, api_key=self._server.key)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's arguments; the schema goes as a grammar without white space, which halves the output."""
        body = super().body(request)
        if body.pop("response_format", None):
            body["grammar"] = compact_grammar(json.dumps(request.schema_))
        return body | {"cache_prompt": True}

    def image_data(self, image: Image) -> tuple[str, str]:
        """Return an image's media type and base64: WebP, which llama.cpp does not read, as PNG."""
        if image.media_type != "image/webp":
            return super().image_data(image)
        from PIL import Image as Picture  # noqa: PLC0415 - only images need it

        png = BytesIO()
        Picture.open(BytesIO(b64decode(image_base64(image)))).save(png, "PNG")
        return "image/png", b64encode(png.getvalue()).decode()

    async def close(self) -> None:
        """Close the client and stop the server."""
        await super().close()
        self._server.stop()


def n_cores() -> int:
    """Return how many cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def n_servers(spec: JudgeSpec) -> int:
    """Return how many servers to run: of one thread, since several threads of one would wait for each other.

    Weights of the Hub are held in memory once, by one server, with a thread for every two cores.
    """
    return 1 if hub_file(str(spec.endpoint)) else min(MOST_SERVERS, n_cores())


class LocalServer:
    """A running server: its address and its key."""

    def __init__(self, server: Any, key: str) -> None:  # noqa: ANN401 - xllamacpp has no types
        self._server: Any = server
        self.address, self.key = str(server.listening_address), key

    def await_start(self) -> None:
        """Wait until its loop has answered once: a server that is stopped before that never stops."""
        parts = urlsplit(self.address)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=START_SECONDS)
        try:
            connection.request("GET", "/slots", headers={"authorization": f"Bearer {self.key}"})
            connection.getresponse().read()
        except (OSError, HTTPException) as error:
            raise RunError(f"the embedded judge does not start: {error}") from error
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop the server and free its memory; its destructor does both."""
        self._server = None


def serve(
    weights: Path, projector: Path | None = None, *, context: int = CONTEXT_TOKENS, threads: int = 1
) -> LocalServer:
    """Load the weights and listen; InputError where the runtime is not installed or cannot load them.

    One slot, and one thread for small weights: more only helps on an idle machine, and costs dearly on a busy one.

    Args:
        weights: a GGUF file.
        projector: the one with which the model sees images.
        context: tokens of a request and its reply.
        threads: to compute with.
    """
    try:
        import xllamacpp  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError("--judge local", "the runtime xllamacpp is not installed", INSTALL) from error
    key = secrets.token_hex(16)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    if projector is not None:
        parameters.mmproj.path = str(projector)
    parameters.port = 0
    parameters.n_ctx = context
    parameters.n_parallel = 1
    parameters.cache_ram_mib = 0
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.api_keys = [key]
    parameters.verbosity = -1
    try:
        server = LocalServer(xllamacpp.Server(parameters), key)
    except RuntimeError as error:
        raise InputError(str(weights), f"cannot be loaded: {error}", "give another GGUF file") from error
    server.await_start()
    return server


@lru_cache(maxsize=64)
def compact_grammar(schema: str) -> str:
    """Return a JSON schema as a grammar that allows no white space between the tokens of JSON."""
    import xllamacpp  # noqa: PLC0415 - an extra

    spacing = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
    return str(xllamacpp.json_schema_to_grammar(json.dumps({"x-guidance": spacing} | json.loads(schema))))
