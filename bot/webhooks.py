"""Which webhook key is in force: the one put in by ``run.py webhook set``, else the configured one; never one that was replaced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.config import ADMINS, CommunityConfig, Config, webhook_key
from bot.errors import UserError
from bot.ways import Undeliverable
from storage.webhooks import Webhooks, WebhookState

CACHED_S = 2.0
"""How long a process may go on using a key that was replaced meanwhile."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A webhook as operators may see it: ``digest`` is '' where the key cannot be opened; ``source`` is 配置 or 命令."""

    community: str
    chat: str
    digest: str
    source: str
    is_refused: bool


class WebhookKeys:
    """The keys in force, for one process. Threads share one."""

    def __init__(self, config: Config, store: Webhooks, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._cached: tuple[float, WebhookState] | None = None

    def find(self, community: str, chat: str) -> str | None:
        """The key that posts into a chat (empty: the community's first group), None when there is none. Raises Undeliverable."""
        state = self._state()
        kept = state.keys.get(_place(self._config, community, chat))
        if kept == "":
            raise Undeliverable("这个群的 webhook 打不开：data_dir 里的 evidence.key 换过了，请用 run.py webhook set 重新放入")
        key = kept or _configured(self._config, community, chat)
        if key and self._store.digest(key) in state.refused:
            raise Undeliverable("这个群的 webhook 已被换掉，不再使用；请用 run.py webhook set 放入新的")
        return key or None

    def replace(self, community: str, chat: str, given: str) -> str:
        """Puts a new key in force; gives its digest. ``given`` is the whole address or the key. Raises UserError, which never shows it."""
        place_chat = self._known_chat(community, chat)
        try:
            key = webhook_key(given)
        except ValueError as error:
            raise UserError(
                "不是群机器人的 Webhook：粘贴完整地址（https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…）或其中的 key"
            ) from error
        configured = _configured(self._config, community, place_chat)
        if not configured:
            raise UserError("config.yaml 里这个群还没有 webhook，谈不上换。先在 communities 里写上一个（写成 ${变量名}），再重启")
        done = self._store.replace(_place(self._config, community, place_chat), key, configured)
        self._cached = None
        if done == "refused":
            raise UserError("这个 webhook 以前被换掉过，不能再用。在群里另建一个群机器人，用它的地址")
        if done == "same":
            raise UserError("这就是现在用的 webhook，没有改变")
        return self._store.digest(key)

    def shown(self, community: str) -> dict[str, Shown]:
        """The webhooks of one community by chat, as :meth:`all` tells them; one round trip."""
        return {one.chat: one for one in self.all() if one.community == community}

    def usable(self, community: str, chat: str) -> str:
        """The key that posts into a chat, '' where there is none or it cannot be used."""
        try:
            return self.find(community, chat) or ""
        except Undeliverable:
            return ""

    def all(self) -> Iterator[Shown]:
        """Every webhook of the configuration, with digests only."""
        state = self._store.state()
        for community in self._config.communities:
            for chat in chats_of(community):
                configured, place = _configured(self._config, community.id, chat), _place(self._config, community.id, chat)
                key = state.keys.get(place, configured)
                digest = self._store.digest(key) if key else ""
                if configured or place in state.keys:
                    yield Shown(community.id, chat, digest, "命令" if place in state.keys else "配置", digest in state.refused)

    def _state(self) -> WebhookState:
        if self._cached is None or self._clock() >= self._cached[0]:
            self._cached = (self._clock() + CACHED_S, self._store.state())
        return self._cached[1]

    def _known_chat(self, community: str, chat: str) -> str:
        listed = self._config.community(community)
        if listed is None:
            known = "、".join(listed.id for listed in self._config.communities) or "还没有"
            raise UserError(f"没有编号为 {community} 的社群；config.yaml 里的有：{known}")
        if chat and chat == listed.admin_group:
            return ADMINS
        if chat and chat not in listed.groups:
            raise UserError(
                f"社群 {community} 里没有这个群；它的群有：{'、'.join((*listed.groups, listed.admin_group)).strip('、') or '还没有'}"
            )
        return chat


def chats_of(community: CommunityConfig) -> tuple[str, ...]:
    """The chats of a community that may have a webhook: its groups ('' where none is named), then its admin group."""
    return (*(community.groups or ("",)), ADMINS)


def _place(config: Config, community: str, chat: str) -> str:
    listed = config.community(community)
    first = listed.groups[0] if listed and listed.groups else ""
    return f"{community}|{chat or first}"


def _configured(config: Config, community: str, chat: str) -> str:
    key = config.webhook_for(community, chat)
    return key.get_secret_value() if key else ""
