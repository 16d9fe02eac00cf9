"""Circuit breakers: what fails again and again is left alone for a growing while, then tried once before all others follow.

There is one circuit for each target (a robot, an app's member) and one for each host behind many targets. All processes share them; what a
process knows of a host may be a second old.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from storage.limits import Limits, Patience
from storage.outbox import Delivery

TARGET = Patience(failures=5, first_ms=10_000, longest_ms=600_000)
HOST = Patience(failures=10, first_ms=5_000, longest_ms=60_000)
LOOK_MS = 1_000


@dataclass(frozen=True, slots=True)
class Circuit:
    """A circuit that opened or closed. ``name`` is a host or a target's limit name, ``since_ms`` when it opened first."""

    name: str
    is_host: bool
    is_open: bool
    since_ms: int
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class _Seen:
    at_ms: int
    is_troubled: bool


class Breaker:
    """The circuits as one process uses them. ``on_change`` is told of each one that opens or closes, in one process only."""

    def __init__(self, limits: Limits, on_change: Callable[[Circuit], None]) -> None:
        self._limits = limits
        self._on_change = on_change
        self._hosts: dict[str, _Seen] = {}
        self._lock = threading.Lock()

    def wait_ms(self, host: str, now_ms: int) -> int:
        """How long a host is to be left alone; 0: go on. A round trip a second while all is well."""
        seen = self._hosts.get(host)
        if seen and not seen.is_troubled and abs(now_ms - seen.at_ms) < LOOK_MS:
            return 0
        turn = self._limits.turn(_host_name(host), (), now_ms)
        self._see(host, now_ms, turn.failures > 0)
        return turn.wait_ms

    def failed(self, host: str, limit: str, delivery: Delivery, now_ms: int, *, host_too: bool) -> None:
        """A request failed: at its target, and with ``host_too`` because nobody answered at all."""
        if host_too:
            self._see(host, now_ms, True)
            self._count(_host_name(host), host, HOST, delivery, now_ms)
        self._count(limit, "", TARGET, delivery, now_ms)

    def answered(self, host: str, limit: str, delivery: Delivery, now_ms: int, *, failures: int) -> None:
        """WeCom answered; ``failures`` is how often the target failed before. Costs nothing where nothing had failed."""
        seen = self._hosts.get(host)
        if seen and seen.is_troubled:
            self._see(host, now_ms, False)
            self._close(_host_name(host), host, delivery)
        if failures:
            self._close(limit, "", delivery)

    def _count(self, name: str, host: str, patience: Patience, delivery: Delivery, now_ms: int) -> None:
        _, is_new = self._limits.failed(name, patience, now_ms)
        if is_new:
            self._on_change(Circuit(host or name, bool(host), True, now_ms, delivery))

    def _close(self, name: str, host: str, delivery: Delivery) -> None:
        since_ms = self._limits.answered(name)
        if since_ms:
            self._on_change(Circuit(host or name, bool(host), False, since_ms, delivery))

    def _see(self, host: str, now_ms: int, is_troubled: bool) -> None:
        with self._lock:
            self._hosts[host] = _Seen(now_ms, is_troubled)


def _host_name(host: str) -> str:
    return f"host.{host}"
