"""Listen for HTTP on this machine, or where a person asked for it."""

from __future__ import annotations

import socket

from judge.errors import InputError

LOCAL = "127.0.0.1"
OWN = {LOCAL, "localhost", "::1"}
"""names of this machine that no other can reach"""


def listening(host: str, port: int, *, backlog: int | None = None) -> socket.socket:
    """Return a socket that listens; port 0 takes a free one. InputError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        raise InputError(f"--host {host} --port {port}", f"cannot listen: {error.strerror}") from error
    # Connections inherit it; asyncio sets it only where a socket names its protocol. Without it the body of an answer
    # waits for the client to acknowledge its head: 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def in_url(host: str) -> str:
    """Return a host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def allowed_hosts(host: str) -> list[str]:
    """Return which hosts requests may name, so that no other site's name can be pointed here."""
    any_host = host in {"0.0.0.0", "::"}  # noqa: S104 - only where a person asked for it
    return ["*"] if any_host else [LOCAL, "localhost", host, in_url(host)]
