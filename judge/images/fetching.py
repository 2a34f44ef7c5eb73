"""Fetch an image by its address, where a person allowed the host: https, no redirects, public addresses only."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from judge.errors import InputError, MissingImageError

if TYPE_CHECKING:
    import ssl

Lookup = Callable[[str], Awaitable[list[str]]]
"""from a host's name to its addresses"""

MAX_FETCHED_BYTES = 20_000_000
SECONDS = 30.0
"""for the whole answer: a server that drips bytes does not get more"""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_OK = 200


async def look_up(host: str) -> list[str]:
    """Return a host's addresses, as this machine resolves them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]


def fetch(
    url: str, hosts: Collection[str], *, lookup: Lookup = look_up, context: ssl.SSLContext | None = None
) -> bytes:
    """Return what an address holds.

    Args:
        url: the image's address.
        hosts: the names that may be asked.
        lookup: resolves names; each is resolved once, and what was checked is what is connected to.
        context: of TLS; None trusts what this machine trusts.

    Raises:
        MissingImageError: the host was asked and gave no image.
        InputError: it may not be asked; nothing was connected to.
    """
    check_allowed(url, hosts)
    return asyncio.run(_fetch(url, lookup, context))


def check_allowed(url: str, hosts: Collection[str]) -> None:
    """Refuse an address by its form, or because nobody allowed its host."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise InputError(url, f"is no address: {error}") from error
    if parts.scheme != "https" or not host or parts.username is not None or parts.password is not None:
        raise InputError(url, "is not a plain https address", "save the image and give its path")
    if host not in {allowed.lower() for allowed in hosts}:
        hint = f"save the image and give its path; --allow-image-urls {host} fetches it"
        raise InputError(url, f"is a URL, and {host} is no host to fetch from", hint)
    if _as_address(host) is not None:
        raise InputError(url, "names a number in place of a host", "save the image and give its path")


async def _fetch(url: str, lookup: Lookup, context: ssl.SSLContext | None) -> bytes:
    connector = TCPConnector(resolver=_PublicOnly(lookup), ssl=context or True)
    session = ClientSession(connector=connector, trust_env=False, timeout=ClientTimeout(total=SECONDS))
    async with session:
        try:
            async with session.get(url, allow_redirects=False, headers={"accept": "image/*"}) as answer:
                if answer.status != _OK:
                    raise MissingImageError(url, f"the host answers {answer.status}", "redirects are not followed")
                return await _body(url, answer.content.iter_chunked(65536))
        except TimeoutError as error:
            raise MissingImageError(url, f"was not fetched within {SECONDS:g} s") from error
        except (ClientError, OSError) as error:
            raise MissingImageError(url, f"cannot be fetched: {error}") from error


async def _body(url: str, chunks: Any) -> bytes:  # noqa: ANN401 - aiohttp's stream
    body = b""
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_FETCHED_BYTES:
            raise InputError(url, f"is more than {MAX_FETCHED_BYTES // 10**6} MB large", "scale it down")
    return body


class _PublicOnly(AbstractResolver):
    """Resolves a name to its addresses, or refuses it if any of them is not public."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family  # whatever the lookup gives
        addresses = await self._lookup(host)
        for address in addresses:
            if not is_public(address):
                raise InputError(host, f"resolves to {address}, which is no public address", "save the image yourself")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Hold nothing."""


def is_public(text: str) -> bool:
    """Say whether an address belongs to the public internet, and to no IPv4 address in disguise that does not."""
    address = _as_address(text)
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
        if address.ipv4_mapped:
            return True
    return address.is_global and not address.is_multicast


def _as_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
