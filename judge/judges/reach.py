"""Which machines judges are asked on: with `--local-only` no trace leaves this one but for hosts that are named."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Annotated
from urllib.parse import urlsplit

import typer

from judge.errors import InputError
from judge.judges.azure import azure_address
from judge.judges.known_providers import HOSTS, PROVIDERS
from judge.schema import JudgeSpec, Provider

_HOSTED = {
    Provider.OPENAI: ("OPENAI_BASE_URL", "https://api.openai.com"),
    Provider.ANTHROPIC: ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
    # The clouds' regions have hosts of their own: they are allowed together.
    Provider.BEDROCK: ("ANTHROPIC_BEDROCK_BASE_URL", f"https://{HOSTS[Provider.BEDROCK].lstrip('.')}"),
    Provider.VERTEX: ("ANTHROPIC_VERTEX_BASE_URL", f"https://{HOSTS[Provider.VERTEX].lstrip('.')}"),
}
"""the variable by which the SDK is told another address, and the one that it asks else"""


@dataclass(frozen=True)
class Reach:
    """How far traces may go."""

    local_only: Annotated[
        bool,
        typer.Option("--local-only", help="Refuse judges that are not on this machine, before a trace is read."),
    ] = False
    allow_hosts: Annotated[
        tuple[str, ...],
        typer.Option("--allow-host", metavar="HOST", help="With --local-only: this host too; repeatable."),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse hosts that are allowed where every host is (InputError)."""
        if self.allow_hosts and not self.local_only:
            raise InputError("--allow-host", "every host is allowed", "add --local-only, or leave it out")

    def check(self, judges: Iterable[JudgeSpec]) -> None:
        """Refuse the first judge that is asked elsewhere, or through a proxy elsewhere (InputError)."""
        if not self.local_only:
            return
        for judge in judges:
            if (address := _address(judge)) is not None:
                self._check_host(judge, address, "is asked at")
                if (proxy := _proxy(address)) is not None:
                    self._check_host(judge, proxy, "is asked through the proxy")

    def _check_host(self, judge: JudgeSpec, address: str, how: str) -> None:
        host = urlsplit(address).hostname or ""
        if not _is_here(host) and host not in {allowed.lower() for allowed in self.allow_hosts}:
            hint = f"--allow-host {host} allows it; NO_PROXY keeps proxies out"
            raise InputError("--local-only", f"{judge.name} {how} {host}, which is not this machine", hint)


def _address(judge: JudgeSpec) -> str | None:
    """Return where a judge is asked; None where this program runs it itself."""
    if judge.provider is Provider.LOCAL:
        return None
    if judge.provider is Provider.AZURE:
        return azure_address(judge)
    if judge.provider in _HOSTED:
        variable, default = _HOSTED[judge.provider]
        return judge.endpoint or os.environ.get(variable, "").strip() or default
    return judge.endpoint or PROVIDERS[judge.provider].base_url


def _proxy(address: str) -> str | None:
    """Return the proxy that the environment puts before an address."""
    parts, proxies = urlsplit(address), urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_here(host: str) -> bool:
    """Say whether a host is this machine by its name or number; what a name server says of other names may change."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
