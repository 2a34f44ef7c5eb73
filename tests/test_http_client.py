"""How calls reach a judge: proxies, certificates, headers and time limits, each over a real socket."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import pytest
from asked import ask, made_spec
from command import environment, run_anew, write_jsonl
from provider_server import Answer, Call, ProviderServer, longer_wins

from judge.errors import InputError, RetryableError
from judge.judges import http_client
from judge.schema import FailureKind

CERTIFICATE = str(Path(__file__).with_name("localhost.pem"))
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
SETTINGS = ("API_KEY", "BASE_URL", "ORG_ID", "PROJECT_ID", "CUSTOM_HEADERS", "AUTH_TOKEN", "ADMIN_KEY")
each_sdk = pytest.mark.parametrize("provider", ["openai", "anthropic"])
K = FailureKind


SOCKS_NAME = 3
_CONNECT = re.compile(rb"CONNECT (\S+) ")


class Relay:
    """A proxy, or the end of a secure connection: passes every connection on to one address while the context lasts.

    As a proxy it notes where each connection was to lead, and leads it to its own address all the same.

    Args:
        to: the address that connections are passed on to.
        proxy: expect a proxy's greeting first, HTTP's CONNECT or SOCKS5.
        secure: the certificate and key of a secure server; None: plain connections.
    """

    port: int

    def __init__(self, to: str, *, proxy: bool = False, secure: str | None = None) -> None:
        parts = urlsplit(to)
        self.asked: list[str] = []
        """host and port that each connection was to lead to"""
        self._to, self._proxy, self._secure = (parts.hostname, parts.port), proxy, secure
        self._started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port, self._loop, self._stop = self._started.result(timeout=30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        context, stop = None, asyncio.Event()
        if self._secure is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._secure)
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=context)
        self._started.set_result((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), stop))
        await stop.wait()
        server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = [writer]
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                if self._proxy:
                    await self._greet(reader, writer)
                to_reader, to_writer = await asyncio.open_connection(*self._to)
                opened.append(to_writer)
                await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))
        except asyncio.CancelledError:  # the relay ends while the connection is open
            for one in opened:
                one.transport.abort()
            raise

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == b"\x05":
            await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x05\x00")
            kind = (await reader.readexactly(4))[3]
            length = (await reader.readexactly(1))[0] if kind == SOCKS_NAME else 4
            host, port = await reader.readexactly(length), await reader.readexactly(2)
            name = host.decode() if kind == SOCKS_NAME else ".".join(map(str, host))
            self.asked.append(f"{name}:{int.from_bytes(port)}")
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
            return
        head = first + await reader.readuntil(b"\r\n\r\n")
        found = _CONNECT.match(head)
        assert found is not None, head
        self.asked.append(found[1].decode())
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends, and then the end."""
    with suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for program in ("OPENAI", "ANTHROPIC", "OMR_JUDGE"):
        for setting in SETTINGS:
            monkeypatch.delenv(f"{program}_{setting}", raising=False)


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer(longer_wins) as opened:
        yield opened


@pytest.fixture
def unused_port() -> Iterator[int]:
    """Yield a port that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        yield taken.getsockname()[1]


@pytest.fixture
def full_port() -> Iterator[int]:
    """Yield a port whose queue of new connections is full, so that it accepts no more."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)  # noqa: FBT003 - the standard library's
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def failure(provider: str, address: str, *, timeout: float = 5.0) -> RetryableError:
    with pytest.raises(RetryableError) as caught:
        ask(made_spec(provider, address), timeout=timeout)
    return caught.value


@each_sdk
@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_a_plain_call_goes_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, server: ProviderServer, provider: str, variable: str
) -> None:
    monkeypatch.setenv(variable, server.url)
    ask(made_spec(provider, "http://judge.example"))
    assert server.calls[0].headers["host"] == "judge.example"


@each_sdk
@pytest.mark.parametrize(
    ("variable", "scheme"), [("HTTPS_PROXY", "http"), ("HTTPS_PROXY", "socks5h"), ("ALL_PROXY", "socks5")]
)
def test_a_secure_call_goes_through_the_proxy_to_a_server_with_a_trusted_certificate(
    monkeypatch: pytest.MonkeyPatch, server: ProviderServer, provider: str, variable: str, scheme: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
    with Relay(server.url, secure=CERTIFICATE) as secure, Relay(f"http://127.0.0.1:{secure.port}", proxy=True) as proxy:
        monkeypatch.setenv(variable, f"{scheme}://127.0.0.1:{proxy.port}")
        ask(made_spec(provider, f"https://localhost:{secure.port}"))
    assert proxy.asked == [f"localhost:{secure.port}"]
    assert len(server.calls) == 1


@each_sdk
@pytest.mark.parametrize("without", ["127.0.0.0/8", "judge.example, 127.0.0.1"])
def test_what_needs_no_proxy_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch, server: ProviderServer, unused_port: int, provider: str, without: str
) -> None:
    monkeypatch.setenv("NO_PROXY", without)
    for scheme in ("http", "socks5"):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{unused_port}")
        ask(made_spec(provider, server))
    assert len(server.calls) == 2


@each_sdk
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_not_there_was_not_sent_anything(
    monkeypatch: pytest.MonkeyPatch, unused_port: int, provider: str, scheme: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{unused_port}")
    for address in ("http://judge.example", "https://judge.example"):
        error = failure(provider, address)
        assert (error.kind, error.maybe_paid) == (K.TRANSPORT, False), error.message


@each_sdk
def test_a_proxy_that_lets_nobody_through_was_not_paid(
    monkeypatch: pytest.MonkeyPatch, server: ProviderServer, provider: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", server.url)  # answers CONNECT with an error
    error = failure(provider, "https://judge.example")
    assert (error.kind, error.maybe_paid) == (K.TRANSPORT, False), error.message


@each_sdk
@pytest.mark.parametrize("proxy", ["ftp://p:1", "http://p:x"])
def test_a_proxy_that_is_none_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, provider: str, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(InputError, match="HTTP_PROXY"):
        ask(made_spec(provider, "http://judge.example"))


@each_sdk
def test_a_certificate_that_nobody_vouches_for_is_not_sent_anything(server: ProviderServer, provider: str) -> None:
    with Relay(server.url, secure=CERTIFICATE) as secure:
        error = failure(provider, f"https://localhost:{secure.port}")
    assert (error.kind, error.maybe_paid) == (K.TRANSPORT, False)
    assert "CERTIFICATE_VERIFY_FAILED" in error.message


@each_sdk
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_told_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, provider: str, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(InputError, match=rf"SSL_CERT_FILE: {file}: certificates cannot be read"):
        ask(made_spec(provider, "https://judge.example"))


@each_sdk
def test_a_server_that_refuses_connections_or_has_no_address_was_not_paid(provider: str, unused_port: int) -> None:
    for address in (f"http://127.0.0.1:{unused_port}", "http://nobody.invalid"):
        error = failure(provider, address)
        assert (error.kind, error.maybe_paid) == (K.TRANSPORT, False), error.message


@each_sdk
@pytest.mark.parametrize("socks", [False, True])
def test_a_server_that_accepts_no_connection_in_time_was_not_paid(
    monkeypatch: pytest.MonkeyPatch, provider: str, full_port: int, *, socks: bool
) -> None:
    if socks:  # carried by the SDK's ordinary client
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    error = failure(provider, f"http://127.0.0.1:{full_port}", timeout=0.4)
    assert (error.kind, error.maybe_paid) == (K.TIMEOUT, False), error.message


@each_sdk
@pytest.mark.parametrize(
    ("fault", "kind"),
    [("drip", K.TIMEOUT), ("reset", K.TRANSPORT), ("reset_mid_body", K.TRANSPORT)],
)
@pytest.mark.parametrize("socks", [False, True])
def test_whatever_fails_after_a_call_was_sent_may_have_been_paid(
    monkeypatch: pytest.MonkeyPatch, provider: str, fault: str, kind: FailureKind, *, socks: bool
) -> None:
    if socks:
        monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    with ProviderServer(lambda _: Answer("x" * 1000, fault=fault)) as server:  # type: ignore[arg-type]
        error = failure(provider, server.url, timeout=2)
    assert (error.kind, error.maybe_paid) == (kind, True), error.message


@each_sdk
def test_a_reply_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    monkeypatch.setattr(http_client, "MAX_REPLY_BYTES", 2**20)
    with ProviderServer(lambda _: Answer("x" * 2**21)) as server:
        error = failure(provider, server.url)
    assert (error.kind, error.maybe_paid) == (K.TRANSPORT, True)
    assert "a reply of more than 1 MiB" in error.message


def call_of(provider: str, *, to_address: bool = True) -> Call:
    """Return what a server that is given by its address, or by the SDK's own variable, is asked."""
    with ProviderServer(longer_wins) as server, pytest.MonkeyPatch.context() as environment:
        if to_address:
            ask(made_spec(provider, server))
        else:
            environment.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            environment.setenv("ANTHROPIC_BASE_URL", server.url)
            ask(made_spec(provider, None))
    return server.calls[0]


@pytest.mark.parametrize("to_address", [False, True])
def test_openais_organisation_project_and_custom_headers_are_sent(
    monkeypatch: pytest.MonkeyPatch, *, to_address: bool
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: judges\nX-Run: 7")
    headers = call_of("openai", to_address=to_address).headers
    names = ("authorization", "openai-organization", "openai-project", "x-team", "x-run")
    key = "no-key" if to_address else "key-1"
    assert [headers[name] for name in names] == [f"Bearer {key}", "org-1", "project-1", "judges", "7"]


def test_a_server_with_a_key_of_its_own_is_sent_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OMR_JUDGE_API_KEY": "own-key",
        "OPENAI_API_KEY": "CANARY-1",
        "OPENAI_ADMIN_KEY": "CANARY-2",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer CANARY-3\nX-Team: judges",
        "ANTHROPIC_API_KEY": "CANARY-4",
        "ANTHROPIC_CUSTOM_HEADERS": "X-Key: CANARY-5",
    }.items():
        monkeypatch.setenv(name, value)
    headers = call_of("openai").headers
    assert (headers["authorization"], headers["x-team"]) == ("Bearer own-key", "judges")
    assert "CANARY" not in str(headers)
    assert call_of("openai", to_address=False).headers["authorization"] == "Bearer CANARY-3"


@pytest.mark.parametrize("to_address", [False, True])
def test_anthropics_token_and_custom_headers_are_sent(monkeypatch: pytest.MonkeyPatch, *, to_address: bool) -> None:
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-1")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Team: judges")
    headers = call_of("anthropic", to_address=to_address).headers
    key = "no-key" if to_address else "token-1"
    assert (headers["authorization"], headers["x-team"]) == (f"Bearer {key}", "judges")


@pytest.mark.slow
def test_openais_log_tells_of_calls_to_a_server_given_by_its_address(tmp_path: Path, server: ProviderServer) -> None:
    for side in ("a", "b"):
        write_jsonl(tmp_path / f"{side}.jsonl", [{"id": 1, "question": "Which?", "trace": f"{side} thinks it over"}])
    judge = ["--judge", f"openai:m@{server.url}/v1"]
    told = environment({"OPENAI_LOG": "debug"})
    done = run_anew(["compare", "a.jsonl", "b.jsonl", *judge], cwd=tmp_path, environment=told)
    assert done.stderr.count("HTTP Response: POST 200") == 2
