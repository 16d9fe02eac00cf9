"""Who asks: the address behind a request, and what stands for it in keys and limits."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from bot.config import Config

_WITH_PORT = re.compile(r"(\[.*\]|[\d.]+):\d+")
"""An address with a port behind it, as a few proxies write it."""


def client_address(config: Config, environ: Mapping[str, Any]) -> str:
    """Who asks, by a request's WSGI environment: the peer, or what a trusted proxy says of it; without the port that some proxies add."""
    peer = environ.get("REMOTE_ADDR") or ""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded and is_within(peer, config.server.trusted_proxies):
        said = forwarded.rsplit(",", 1)[-1].strip()[:64]
        found = _parsed(said)
        return str(found) if found else said
    return peer


def network_digest(address: str) -> str:
    """Stands for an address in a key; all of one IPv6 subscriber's addresses are one."""
    found = _parsed(address)
    is_v6 = isinstance(found, ipaddress.IPv6Address)
    plain = ipaddress.IPv6Network((str(found), 64), strict=False) if is_v6 else found or address
    return hashlib.sha256(str(plain).encode()).hexdigest()[:16]


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as it is written with or without port and brackets; an IPv4 one that came in through an IPv6 socket as IPv4."""
    with_port = _WITH_PORT.fullmatch(address)
    bare = with_port[1] if with_port else address
    try:
        found = ipaddress.ip_address(bare.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found


def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of the networks."""
    found = _parsed(address)
    return found is not None and any(found in ipaddress.ip_network(network, strict=False) for network in networks)
