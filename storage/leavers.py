"""Who left the company: administrators and known members, each under a mark that only his WeCom id and our key give."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from storage import keys
from storage.connection import Database
from storage.moment import from_ms, to_ms
from storage.personal import Personal

CACHED_S = 2.0
"""How long a process may go on without hearing that somebody left."""
MOST_CACHED = 10_000
_ADMIN = "|admin"


class Leavers:
    """The register of leavers. Threads share one."""

    PERSONAL = Personal(
        "离职",
        "离职的人权限立即结束",
        (keys.LEAVERS,),
        what="离职的时间，和认得出 userid 的记号（看不出是谁）",
        erasing="删除；写在 admins 里的管理员的留着",
        stays=(keys.LEAVERS,),
        stays_why="去掉管理员的记号，他的权限就会恢复",
    )

    def __init__(self, database: Database, key: bytes, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._key = key
        self._clock = clock
        self._cache: dict[str, tuple[float, bool]] = {}

    def has_left(self, user: str) -> bool:
        """Whether a WeCom user id is that of a leaver; at most :data:`CACHED_S` old, one round trip when it is not remembered."""
        until, left = self._cache.get(user, (0.0, False))
        if self._clock() < until:
            return left
        return self._remember(user, bool(self._database.command("HEXISTS", keys.LEAVERS(), self.mark(user))))

    def left_since(self, user: str) -> datetime | None:
        """Since when somebody is known to have left; None where he is no leaver. One round trip."""
        kept = self._database.command("HGET", keys.LEAVERS(), self.mark(user))
        return _since(kept) if kept else None

    def leave(self, user: str, now: datetime, *, is_admin: bool) -> datetime:
        """Notes a leaver; gives since when he is known to have left, which a repeat does not change."""
        field = self.mark(user)
        value = f"{to_ms(now)}{_ADMIN if is_admin else ''}"
        _, kept = self._database.pipeline([("HSETNX", keys.LEAVERS(), field, value), ("HGET", keys.LEAVERS(), field)])
        self._remember(user, left=True)
        return _since(kept or value)

    def come_back(self, user: str) -> bool:
        """Forgets that somebody left; False when nobody had noted it."""
        done = bool(self._database.command("HDEL", keys.LEAVERS(), self.mark(user)))
        self._remember(user, left=False)
        return done

    def mark(self, user: str) -> str:
        """What stands for a WeCom user id here: 32 hex digits."""
        return hmac.new(self._key, f"left {user}".encode(), hashlib.sha256).hexdigest()[:32]

    def export_user(self, number: int) -> dict[str, Any]:
        """Since when the member is known to have left."""
        user = self._database.command("HGET", keys.MEMBER_USERS(), number)
        since = self.left_since(user) if user else None
        return {"离职": since.isoformat()} if since else {}

    def erase_user(self, number: int) -> str:
        """Drops the mark, but not an administrator's: with it his rights would come back to whoever gets his id."""
        user = self._database.command("HGET", keys.MEMBER_USERS(), number)
        kept = self._database.command("HGET", keys.LEAVERS(), self.mark(user)) if user else None
        if not user or not kept:
            return "没有离职标记"
        if kept.endswith(_ADMIN):
            return "离职标记保留（只是一个摘要）：他写在 admins 里，去掉标记就会恢复权限"
        self._database.command("HDEL", keys.LEAVERS(), self.mark(user))
        return "已删除离职标记"

    def _remember(self, user: str, left: bool) -> bool:
        if len(self._cache) >= MOST_CACHED:
            self._cache = {}
        self._cache[user] = (self._clock() + CACHED_S, left)
        return left


def _since(kept: str) -> datetime:
    return from_ms(int(kept.removesuffix(_ADMIN)))
