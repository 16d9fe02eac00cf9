"""When somebody leaves the company: his rights end, the other administrators hear of it, and nothing more is sent to him.

An administrator of config.yaml who comes back has his rights again, with an alarm; roles that were granted are not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from bot import deliveries
from bot.client import UploadedFile
from bot.communities import LOBBY
from bot.config import Config
from bot.errors import ApiError
from bot.permissions import SYSTEM, title_of
from bot.ways import Client
from storage.keys import shard_of
from storage.leavers import Leavers
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.roles import ALL
from storage.stores import Stores

log = structlog.get_logger(__name__)

UNKNOWN_MEMBER = 60111
"""WeCom's errcode for a user id that does not exist (any more)."""


class Reach:
    """Who can still be reached by a message of the app, for one process. ``clock`` tells when a leaver was noticed."""

    def __init__(self, stores: Stores, config: Config, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._config = config
        self._clock = clock

    def find_user(self, number: int) -> str | None:
        """The WeCom user id of a member; None when he was erased or has left."""
        user = self._stores.directory.find_user(number)
        return None if user is None or self._stores.leavers.has_left(user) else user

    def watched(self, client: Client) -> Watched:
        """The client, from now on under our eyes: to whom WeCom knows no way has left."""
        return Watched(client, lambda user: note_left(self._stores, self._config, user, str(UNKNOWN_MEMBER), self._clock()))


class Watched:
    """A client that tells ``on_gone`` of the user to whom WeCom knows no way any more."""

    def __init__(self, client: Client, on_gone: Callable[[str], object]) -> None:
        self._client = client
        self._on_gone = on_gone

    def post(self, url: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """WeCom's answer; raises ApiError."""
        try:
            return self._client.post(url, data=data)
        except ApiError as error:
            user = str((data or {}).get("touser", ""))
            if error.code == UNKNOWN_MEMBER and user and "|" not in user:
                self._on_gone(user)
            raise

    def upload(self, kind: str, file: UploadedFile) -> dict[str, Any]:
        """WeCom's answer with the media id; raises ApiError."""
        return self._client.upload(kind, file)


def note_left(stores: Stores, config: Config, user: str, how: str, now: datetime) -> bool:
    """Notes that somebody left; gives whether it was news. Idempotent: a repeat repeats no alarm.

    Of who is neither an administrator nor known here, nothing is noted. ``how`` we know goes into the log.
    """
    is_admin, number = user in config.admins, stores.directory.find_number(user) or 0
    if not (is_admin or number):
        return False
    had = stores.roles.drop(number) if number else []
    stores.sessions.end_all(number)
    stores.accounts.drop(number)
    since = stores.leavers.leave(user, now, is_admin=is_admin)
    for grant in had:
        place = "" if grant.place == ALL else grant.place
        stores.audit.record(place, SYSTEM, "收回角色", f"成员 {number}", title_of(grant.role), "无（已离职）", now, once="")
    is_news = to_ms(since) == to_ms(now)
    if is_admin:
        text = f"⚠️ 管理员（{_who(number)}）的 userid 已不在企业里，他的权限已经停用。请把它从 config.yaml 的 admins 里删掉或改正。"
        _tell_admins(stores, config, user, text, f"left:{stores.leavers.mark(user)}:{to_ms(since)}", now)
    if is_news:
        _record(stores, config, "admin" if is_admin else "change", {"act": "left", "how": how, "admin": is_admin}, number, now)
        log.warning("member left", member=number, admin=is_admin, how=how)
    return is_news


def note_back(stores: Stores, config: Config, user: str, how: str, now: datetime) -> bool:
    """Notes that a leaver is back; gives whether he was one."""
    if not stores.leavers.has_left(user):
        return False
    is_admin, number = user in config.admins, stores.directory.find_number(user) or 0
    if is_admin:  # before the mark goes: a crash in between repeats the alarm's id, not the alarm
        text = f"⚠️ 管理员（{_who(number)}）回到了企业。他还写在 config.yaml 的 admins 里，权限已经恢复；如果不对，请立刻把他删掉并重启。"
        _tell_admins(stores, config, user, text, f"back:{stores.leavers.mark(user)}:{to_ms(now) // 60_000}", now)
    if not stores.leavers.come_back(user):
        return False
    _record(stores, config, "admin" if is_admin else "change", {"act": "back", "how": how, "admin": is_admin}, number, now)
    log.warning("member is back", member=number, admin=is_admin, how=how)
    return True


def left_admins(config: Config, leavers: Leavers) -> list[str]:
    """The administrators of the configuration whose rights have ended, as WeCom user ids."""
    return [user for user in config.admins if leavers.has_left(user)]


def _tell_admins(stores: Stores, config: Config, about: str, text: str, id: str, now: datetime) -> None:
    now_ms, home = to_ms(now), _home(config)
    told: list[Delivery | None] = [
        deliveries.to_admins(config, listed.id, text, id=f"{id}:{listed.id}", now_ms=now_ms) for listed in config.communities
    ]
    for admin in config.admins:
        number = stores.directory.find_number(admin)
        if admin != about and number and not stores.leavers.has_left(admin):
            mail = deliveries.to_member(config, number, text, user=admin, id=f"{id}:{number}", community=home, message="", now_ms=now_ms)
            told.append(mail)
    ready = [delivery for delivery in told if delivery]
    if ready:
        stores.outbox.enqueue(shard_of(home, stores.shards), ready, now_ms)


def _record(stores: Stores, config: Config, kind: str, facts: dict[str, Any], number: int, now: datetime) -> None:
    home = _home(config)
    stores.events.record(shard_of(home, stores.shards), kind, home, now, facts, member=number)


def _who(number: int) -> str:
    return f"成员 {number}" if number else "没有和机器人说过话"


def _home(config: Config) -> str:
    return config.communities[0].id if config.communities else LOBBY
