"""The embedded judge: a small language model that runs in this process and is asked like any other server."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import zlib
from pathlib import Path
from typing import Any

from judge.errors import InputError
from judge.io.judges.openai import OpenAIJudge
from judge.schema import JudgeSpec, Reply, Request

NOTE = (
    "The embedded judge (local) is for trying the tool: it is far too small to judge reasoning. "
    "Name a capable one with --judge for results."
)
CONTEXT_TOKENS = 8192
MOST_SERVERS = 2
IN_FLIGHT = 8
"""requests drawn ahead, so that every server has work"""
INSTALL = "pip install 'omr-judge[local]'"


class LocalJudge:
    """Serves a GGUF file on free ports of 127.0.0.1, under a random key, for as long as the judge is open.

    One server of one thread a core, at most two, and an item's requests always go to the same one: a prompt cache
    then serves the second order. Several threads of one server would wait for each other on a busy machine.
    """

    def __init__(self, spec: JudgeSpec, *, timeout: float) -> None:
        self.spec = spec
        n_servers = min(MOST_SERVERS, len(os.sched_getaffinity(0)))
        self._servers = [_ServedJudge(spec, serve(Path(str(spec.endpoint))), timeout=timeout) for _ in range(n_servers)]
        self._free = [asyncio.Lock() for _ in self._servers]

    async def ask(self, request: Request) -> Reply:
        """Ask the server of the request's item as soon as it is free."""
        index = zlib.crc32(request.item.encode()) % len(self._servers)
        async with self._free[index]:
            return await self._servers[index].ask(request)

    async def close(self) -> None:
        """Close the clients and stop the servers."""
        for server in self._servers:
            await server.close()


class _ServedJudge(OpenAIJudge):
    """Asks one server."""

    def __init__(self, spec: JudgeSpec, server: Served, *, timeout: float) -> None:
        self._server, self._grammar = server, ""
        served = spec.model_copy(update={"endpoint": f"{server.address}/v1"})
        super().__init__(served, concurrency=1, timeout=timeout, api_key=server.key)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the call's arguments; the schema goes as a grammar without white space, which halves the output."""
        body = super().body(request)
        del body["response_format"]
        self._grammar = self._grammar or compact_grammar(request.schema_)
        return body | {"extra_body": {"grammar": self._grammar, "cache_prompt": True}}

    async def close(self) -> None:
        """Close the client and stop the server."""
        await super().close()
        self._server.stop()


class Served:
    """A running server: its address and its key."""

    def __init__(self, server: Any, key: str) -> None:  # noqa: ANN401 - xllamacpp has no types
        self._server: Any = server
        self.address, self.key = str(server.listening_address), key

    def stop(self) -> None:
        """Stop the server and free its memory; its destructor does both."""
        self._server = None


def serve(weights: Path) -> Served:
    """Load the weights and listen; InputError where the runtime is not installed or cannot load them.

    One thread and one slot: more of either only helps on an idle machine, and costs dearly on a busy one.
    """
    try:
        import xllamacpp  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError("--judge local", "the runtime xllamacpp is not installed", INSTALL) from error
    key = secrets.token_hex(16)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.port = 0
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.cache_ram_mib = 0
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.api_keys = [key]
    parameters.verbosity = -1
    try:
        return Served(xllamacpp.Server(parameters), key)
    except RuntimeError as error:
        raise InputError(str(weights), f"cannot be loaded: {error}", "give another GGUF file") from error


def compact_grammar(schema: dict[str, Any]) -> str:
    """Return the schema as a grammar that allows no white space between the tokens of JSON."""
    import xllamacpp  # noqa: PLC0415 - an extra

    spacing = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
    return str(xllamacpp.json_schema_to_grammar(json.dumps({"x-guidance": spacing} | schema)))
