"""No address is connected to but a public one of a host that a person allowed."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pictures import written

from judge.errors import InputError, MissingImageError
from judge.images import fetching
from judge.images.fetching import Lookup, fetch, is_public, look_up
from judge.images.loader import ImageLoader
from judge.images.preparing import ImageOptions

HOST = "images.example"
PNG = written("PNG")


class ImageHost:
    """Answers TLS on this machine as the script says, and counts who connects."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.connections, self.answer = 0, b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.trusted = ssl.create_default_context(cafile=str(certificate))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/x.png"

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with plain:
                try:
                    with self._context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(65536)
                        connection.sendall(self.answer)
                        connection.unwrap()
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageHost]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is absent")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    made = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST}"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    serving = ImageHost(certificate, key)
    yield serving
    serving.close()


def to(*addresses: str) -> Lookup:
    """Return a resolver of one answer."""

    async def lookup(_: str) -> list[str]:
        return list(addresses)

    return lookup


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
def as_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine pass for a public one."""
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1")


@pytest.mark.usefixtures("as_public")
def test_an_image_of_an_allowed_host_is_fetched_once_and_sent_as_it_is(
    host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.answer = answer(PNG)
    assert fetch(host.url, [HOST.upper()], lookup=to("127.0.0.1"), context=host.trusted) == PNG

    before = host.connections
    real = fetch
    monkeypatch.setattr(
        fetching, "fetch", lambda url, hosts: real(url, hosts, lookup=to("127.0.0.1"), context=host.trusted)
    )
    loader = ImageLoader(ImageOptions(hosts=(HOST,)))
    images = [loader.load(host.url) for _ in range(2)]
    assert host.connections == before + 1
    assert images[0] == images[1]
    assert images[0].named == host.url


@pytest.mark.usefixtures("as_public")
@pytest.mark.parametrize("target", ["https://127.0.0.1:{port}/", "https://images.example:{port}/", "http://10.0.0.1/"])
def test_a_redirect_is_not_followed(host: ImageHost, target: str) -> None:
    host.answer = answer(b"", "302 Found", f"location: {target.format(port=host.port)}")
    before = host.connections
    with pytest.raises(MissingImageError, match="the host answers 302"):
        fetch(host.url, [HOST], lookup=to("127.0.0.1"), context=host.trusted)
    assert host.connections == before + 1


FORBIDDEN = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",  # noqa: S104 - nothing listens there
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "not an address",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_host_that_resolves_to_an_address_that_is_not_public_is_not_connected_to(
    host: ImageHost, address: str
) -> None:
    before = host.connections
    for addresses in ([address], ["8.8.8.8", address]):
        with pytest.raises(InputError, match="which is no public address"):
            fetch(host.url, [HOST], lookup=to(*addresses), context=host.trusted)
    assert host.connections == before
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def test_a_name_that_changes_its_address_is_resolved_once_and_only_what_was_checked_is_asked(
    host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_: list[str] = []

    async def rebinding(_: str) -> list[str]:
        given_.append("192.0.2.1" if not given_ else "127.0.0.1")
        return [given_[-1]]

    # The first answer passes the check; nothing listens there, and a second look would find this machine.
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "192.0.2.1")
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    before = host.connections
    with pytest.raises(MissingImageError, match=r"cannot be fetched|was not fetched within"):
        fetch(host.url, [HOST], lookup=rebinding, context=host.trusted)
    assert given_ == ["192.0.2.1"]
    assert host.connections == before


@pytest.mark.parametrize("name", ["2130706433", "0x7f000001", "127.1", "localhost"])
def test_numbers_that_the_system_reads_as_this_machine_are_refused(host: ImageHost, name: str) -> None:
    before = host.connections
    with pytest.raises(InputError, match=r"no public address|cannot be fetched"):
        fetch(f"https://{name}:{host.port}/", [name], context=host.trusted)
    assert host.connections == before


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://other.example/x.png", "other.example is no host to fetch from"),
        ("https://images.example.evil.example/x.png", "is no host to fetch from"),
        ("https://images.example@evil.example/x.png", "is not a plain https address"),
        ("https://user:word@images.example/x.png", "is not a plain https address"),
        ("http://images.example/x.png", "is not a plain https address"),
        ("https:///x.png", "is not a plain https address"),
        ("https://images.example:99999999/x.png", "is no address"),
        ("https://[::1/x.png", "is no address"),
        ("https://127.0.0.1/x.png", "names a number in place of a host"),
        ("https://[::ffff:127.0.0.1]/x.png", "names a number in place of a host"),
    ],
)
def test_an_address_that_nobody_allowed_is_refused_unasked(url: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as error:
        fetch(url, [HOST, "127.0.0.1", "::ffff:127.0.0.1"], lookup=to())
    assert not isinstance(error.value, MissingImageError)


@pytest.mark.usefixtures("as_public")
def test_more_than_20_mb_a_slow_host_and_a_broken_answer_are_refused(
    host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MAX_FETCHED_BYTES", 1000)
    host.answer = answer(bytes(1001))
    with pytest.raises(InputError, match="is more than"):
        fetch(host.url, [HOST], lookup=to("127.0.0.1"), context=host.trusted)
    host.answer = b"HTTP/1.1 nonsense\r\n\r\n"
    with pytest.raises(MissingImageError, match="cannot be fetched"):
        fetch(host.url, [HOST], lookup=to("127.0.0.1"), context=host.trusted)
    with pytest.raises(MissingImageError, match="cannot be fetched"):
        fetch(host.url, [HOST], lookup=to("127.0.0.1"))

    async def never(_: str) -> list[str]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(fetching, "SECONDS", 0.05)
    with pytest.raises(MissingImageError, match=r"was not fetched within 0\.05 s"):
        fetch(host.url, [HOST], lookup=never)


def test_this_machine_resolves_names() -> None:
    assert set(asyncio.run(look_up("localhost"))) <= {"127.0.0.1", "::1"}
