"""Access tokens: one per secret, two hours, refused in WeCom's three ways."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from threading import Lock

from simulator.config import Channel
from simulator.world import RefusedError

LIFE_S = 7_200


class Tokens:
    """Hands out and checks tokens. ``calls`` counts the gettoken calls by channel name; wrong secrets count under the empty name."""

    def __init__(self, channels: Iterable[Channel], now: Callable[[], float]) -> None:
        self._by_secret = {channel.secret: channel for channel in channels if channel.secret}
        self._now = now
        self._live: dict[str, tuple[str, float]] = {}
        self._owners: dict[str, tuple[Channel, float]] = {}
        self._lock = Lock()
        self.calls: Counter[str] = Counter()

    def give(self, secret: str) -> dict[str, object]:
        """The gettoken answer; the same token as long as it lives. 40001 for a wrong secret."""
        with self._lock:
            channel = self._by_secret.get(secret)
            self.calls[channel.name if channel else ""] += 1
            if channel is None:
                raise RefusedError(40001, "invalid credential")
            token, expires_at = self._live.get(channel.name, ("", 0.0))
            if expires_at <= self._now():
                token, expires_at = secrets.token_urlsafe(120), self._now() + LIFE_S
                self._live[channel.name] = (token, expires_at)
                self._owners[token] = (channel, expires_at)
            return {"access_token": token, "expires_in": int(expires_at - self._now())}

    def owner(self, token: str) -> Channel:
        """Whose token it is; 41001 missing, 40014 unknown, 42001 expired."""
        if not token:
            raise RefusedError(41001, "access_token missing")
        with self._lock:
            found = self._owners.get(token)
        if found is None:
            raise RefusedError(40014, "invalid access_token")
        if found[1] <= self._now():
            raise RefusedError(42001, "access_token expired")
        return found[0]

    def expire(self) -> None:
        """WeCom ends every token early: the next calls get 42001."""
        with self._lock:
            self._live.clear()
            self._owners = {token: (channel, 0.0) for token, (channel, _) in self._owners.items()}

    def forget(self) -> None:
        """WeCom no longer knows any token: the next calls get 40014."""
        with self._lock:
            self._live.clear()
            self._owners.clear()
