"""From a reply to what the sender will send: which way leads to a member, a chat, a group."""

from __future__ import annotations

from bot.channels.text import cut
from bot.config import ADMINS, AppChannel, Config
from bot.message import Message
from storage.outbox import Delivery

TEXT_BYTES = 2_048
MARKDOWN_BYTES = 4_096
RESPONSE_BYTES = 20_480


def app_channel(config: Config) -> AppChannel | None:
    """The app through which members can be spoken to in private, None when none is configured."""
    return next((channel for channel in config.channels if isinstance(channel, AppChannel)), None)


def to_member(config: Config, member: int, text: str, *, id: str, community: str, message: str, now_ms: int) -> Delivery | None:
    """A private message through the app; None when there is no app."""
    app = app_channel(config)
    if app is None:
        return None
    return Delivery(
        id=id, lane="now", target=f"app.{app.name}.{member}", via="app", community=community, channel=app.name, member=member,
        message=message, born_ms=now_ms, body={"msgtype": "text", "text": {"content": cut(text, TEXT_BYTES)}},
    )  # fmt: skip


def to_group(
    config: Config, community: str, chat: str, text: str, *, id: str, lane: str, message: str = "", now_ms: int
) -> Delivery | None:
    """A post through a group's webhook; None when that group has none. An empty ``chat`` is the community's first group."""
    if config.webhook_for(community, chat) is None:
        return None
    return Delivery(
        id=id, lane=lane, target=f"hook.{community}.{chat or 'main'}", via="webhook", community=community, chat=chat, message=message,
        born_ms=now_ms, body={"msgtype": "markdown", "markdown": {"content": cut(text, MARKDOWN_BYTES)}},
    )  # fmt: skip


def to_admins(config: Config, community: str, text: str, *, id: str, now_ms: int) -> Delivery | None:
    """A post into the admin group; None when the community has no admin webhook."""
    listed = config.community(community)
    if listed is None or not listed.admin_webhook:
        return None
    return Delivery(
        id=id, lane="now", target=f"hook.{community}.admin", via="webhook", community=community, chat=ADMINS, born_ms=now_ms,
        body={"msgtype": "markdown", "markdown": {"content": cut(text, MARKDOWN_BYTES)}},
    )  # fmt: skip


def answer_later(config: Config, message: Message, community: str, member: int, text: str, *, now_ms: int) -> Delivery | None:
    """An answer that missed its callback's response: by the message's own address, else the app, else the group's webhook; None when no way leads there."""
    id = f"{message.id}:answer"
    channel = config.channel(message.channel)
    if message.reply_url and channel is not None:
        via = "robot_webhook" if channel.kind == "robot" else "response_url"
        return Delivery(
            id=id, lane="now", target=f"once.{id}", via=via, community=community, channel=message.channel, member=member or None,
            url=message.reply_url, message=message.id, born_ms=now_ms,
            body={"msgtype": "markdown", "markdown": {"content": cut(text, RESPONSE_BYTES if via == "response_url" else MARKDOWN_BYTES)}},
        )  # fmt: skip
    if message.is_private and member and isinstance(channel, AppChannel):
        return to_member(config, member, text, id=id, community=community, message=message.id, now_ms=now_ms)
    if not message.is_private:
        return to_group(config, community, message.chat, text, id=id, lane="now", message=message.id, now_ms=now_ms)
    return None
