"""Which webhook key is in force: the one put in while the bot runs, in the console or by ``run.py webhook set``, else the configured one; never one
that was replaced. Whether a chat has one at all is asked of :meth:`bot.config.Config.has_webhook`, which costs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.config import ADMINS, CommunityConfig, Config, webhook_key
from bot.errors import UserError
from bot.ways import Undeliverable
from storage.groups import Groups
from storage.webhooks import Webhooks, WebhookState

WECOM_HOST = "qyapi.weixin.qq.com"
CACHED_S = 2.0
"""How long a process may go on using a key that was replaced meanwhile."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A webhook as operators may see it: ``digest`` is '' where the key cannot be opened.

    ``is_kept``: it was put in while the bot runs; ``is_configured``: the configuration names one for this chat, in force or not;
    ``is_idle``: it is kept for a chat that the configuration has put elsewhere since, or dropped, so nothing asks for it.
    """

    community: str
    chat: str
    digest: str
    is_kept: bool
    is_configured: bool
    is_refused: bool
    is_idle: bool

    @property
    def name(self) -> str:
        """What operators call the chat."""
        return chat_name(self.community, self.chat)


@dataclass(frozen=True, slots=True)
class Put:
    """What a change did: digests of the key in force now and before, '' for none."""

    digest: str
    before: str


class WebhookKeys:
    """The keys in force, for one process. Threads share one."""

    def __init__(self, config: Config, store: Webhooks, groups: Groups, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._store = store
        self._groups = groups
        self._clock = clock
        self._cached: tuple[float, WebhookState] | None = None

    def find(self, community: str, chat: str) -> str | None:
        """The key that posts into a chat (empty: the community's first group), None when there is none. Raises Undeliverable."""
        state = self._state()
        kept = state.keys.get(self._config.webhook_place(community, chat))
        if kept == "":
            raise Undeliverable("这个群的 webhook 打不开：data_dir 里的 evidence.key 换过了，请在控制台的“社群”里重新放入")
        key = kept or _configured(self._config, community, chat)
        if key and self._store.digest(key) in state.refused:
            raise Undeliverable("这个群的 webhook 已被换掉，不再使用；请在控制台的“社群”里放入新的")
        return key or None

    def put(self, community: str, chat: str, given: str, *, once: str, refusal: Callable[[str], str] = lambda key: "") -> Put:
        """Puts a key in force for a chat, in place of the one before, which never comes back. ``given`` is the whole address or the key.

        ``refusal`` tries the key before: what it says against it ('' nothing) keeps the one before in force.
        ``community`` may be an unlisted group, by its chat id. Raises UserError, which never shows what was given.
        """
        place_chat = self._known_chat(community, chat)
        try:
            key = webhook_key(given)
            self._check_host(given)
        except ValueError as error:
            raise UserError(
                "不是群机器人的 Webhook：粘贴完整地址（https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…）或其中的 key"
            ) from error
        place, digest = self._config.webhook_place(community, place_chat), self._store.digest(key)
        for shown in self.all():
            if shown.digest == digest and not shown.is_refused and self._config.webhook_place(shown.community, shown.chat) != place:
                raise UserError(f"{shown.name}已经在用这个 Webhook，它只能发进一个群。在这个群里另建一个群机器人，用它的地址")
        if digest not in self._state().refused and (against := refusal(key)):
            raise UserError(f"没有换，原来的照旧：试这个 Webhook 时{against}")
        done, before = self._store.put(place, key, _configured(self._config, community, place_chat), once=once)
        self._cached = None
        if done == "refused":
            raise UserError("这个 webhook 以前被换掉过，不能再用。在群里另建一个群机器人，用它的地址")
        if done == "same":
            raise UserError("这就是现在用的 webhook，没有改变")
        return Put(digest, before)

    def _check_host(self, given: str) -> None:
        """A key out of some other program's address would end a group's pushes, and the one before it cannot come back. Raises ValueError."""
        known = (WECOM_HOST, urlsplit(self._config.wecom.api_base).hostname)
        if "://" in given and urlsplit(given.strip()).hostname not in known:
            raise ValueError("not an address of WeCom's")

    def remove(self, community: str, chat: str, *, once: str) -> Put:
        """Takes out a key that was put in where the configuration names none; it may be put in again. Raises UserError."""
        listed = self._config.community(community)
        chat = ADMINS if listed and chat and chat == listed.admin_group else chat
        if _configured(self._config, community, chat):
            raise UserError("这个群的 Webhook 写在 config.yaml 里：在那里删掉，再重启。只是泄露了，就换上新的")
        done, before = self._store.remove(self._config.webhook_place(community, chat), once=once)
        self._cached = None
        if done == "missing":
            raise UserError("这个群没有放进来的 Webhook；有哪些，看 run.py webhook list")
        return Put("", before)

    def shown(self) -> dict[tuple[str, str], Shown]:
        """The webhooks by community and chat, as :meth:`all` tells them; one round trip."""
        return {(one.community, one.chat): one for one in self.all()}

    def usable(self, community: str, chat: str) -> str:
        """The key that posts into a chat, '' where there is none or it cannot be used."""
        try:
            return self.find(community, chat) or ""
        except Undeliverable:
            return ""

    def all(self) -> Iterator[Shown]:
        """Every webhook, with digests only: those of listed communities, then those of unlisted groups. One round trip."""
        self._cached = None
        state = self._state()
        listed = [(community.id, chat) for community in self._config.communities for chat in chats_of(community)]
        places = {self._config.webhook_place(*where) for where in listed}
        others = [(place.partition("|")[0], place.partition("|")[2]) for place in sorted(state.keys) if place not in places]
        for community, chat in [*listed, *others]:
            configured, place = _configured(self._config, community, chat), self._config.webhook_place(community, chat)
            key = state.keys.get(place, configured)
            digest = self._store.digest(key) if key else ""
            if configured or place in state.keys:
                is_idle = place not in places and (self._config.community(community) or self._config.community_of_group(chat)) is not None
                yield Shown(community, chat, digest, place in state.keys, bool(configured), digest in state.refused, is_idle)

    def _state(self) -> WebhookState:
        if self._cached is None or self._clock() >= self._cached[0]:
            self._cached = (self._clock() + CACHED_S, self._store.state())
        return self._cached[1]

    def _known_chat(self, community: str, chat: str) -> str:
        listed = self._config.community(community)
        if listed is None:
            if chat in ("", community) and community in self._groups.all():
                return community
            known = "、".join(listed.id for listed in self._config.communities) or "还没有"
            raise UserError(f"没有编号为 {community} 的社群；config.yaml 里的有：{known}。没有登记的群写它的 chatid，机器人要在里面说过话")
        if chat and chat in (ADMINS, listed.admin_group):
            return ADMINS
        if chat and chat not in listed.groups:
            raise UserError(
                f"社群 {community} 里没有这个群；它的群有：{'、'.join((*listed.groups, listed.admin_group)).strip('、') or '还没有'}"
            )
        return chat


def chats_of(community: CommunityConfig) -> tuple[str, ...]:
    """The chats of a community that may have a webhook: its groups ('' where none is named), then its admin group."""
    return (*(community.groups or ("",)), ADMINS)


def chat_name(community: str, chat: str) -> str:
    """What operators call a chat that has a webhook."""
    if chat == ADMINS:
        return f"{community} 的管理群"
    return f"没有登记的群 {chat}" if chat == community else f"{community} 的群 {chat}".rstrip()


def _configured(config: Config, community: str, chat: str) -> str:
    key = config.webhook_for(community, chat)
    return key.get_secret_value() if key else ""
