"""What is said over a long connection, as deliveries: answers that name their callback, and posts of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bot.channels import aibot
from bot.channels.answer import as_post
from bot.channels.text import cut
from bot.config import AibotWsChannel, Config
from bot.message import Message, Reply
from storage.outbox import Delivery

RESPOND = "aibot_respond_msg"
WELCOME = "aibot_respond_welcome_msg"
UPDATE = "aibot_respond_update_msg"
SEND = "aibot_send_msg"
MARKDOWN_BYTES = 20_480


def ws_channel(config: Config) -> AibotWsChannel | None:
    """The long connection through which posts of one's own go, None when none is configured."""
    return next((channel for channel in config.channels if isinstance(channel, AibotWsChannel)), None)


def answer_by_link(
    config: Config, message: Message, replies: Sequence[Reply], community: str, member: int, *, now_ms: int
) -> Delivery | None:
    """The answer to a message of a long connection, as the aibot's passive answer would be; None on other channels, or if nothing is to be said.

    Where the aibot may not answer, a text becomes a post in the same chat.
    """
    if not isinstance(config.channel(message.channel), AibotWsChannel):
        return None
    passive, text = aibot.render(message, replies), as_post(replies)
    if not passive and not text:
        return None
    cmd = _cmd(message) if passive else SEND
    frame = msgspec.json.decode(passive, type=dict[str, Any]) if passive else _markdown(text)
    is_begun = bool(frame.get("stream")) and not frame["stream"]["finish"]
    return Delivery(
        id=f"{message.id}:{'begun' if is_begun else 'answer'}", lane="now", target=_target(message.channel, message.chat, member),
        via="aibot_ws", community=community, channel=message.channel, chat=message.chat, member=member or None,
        url=message.reply_id if passive else "", message=message.id, born_ms=message.arrived_ms or now_ms,
        body={"cmd": cmd, "frame": frame, "text": text},
    )  # fmt: skip


def post_by_link(
    config: Config, community: str, text: str, *, id: str, lane: str, chat: str = "", member: int = 0, message: str = "", now_ms: int
) -> Delivery | None:
    """A post of one's own into a group, or to a member; None without a long connection. WeCom takes it only where the bot was spoken to before."""
    channel = ws_channel(config)
    if channel is None or not (chat or member):
        return None
    return Delivery(
        id=id, lane=lane, target=_target(channel.name, chat, member), via="aibot_ws", community=community, channel=channel.name, chat=chat,
        member=None if chat else member, message=message, born_ms=now_ms, body={"cmd": SEND, "frame": _markdown(text), "text": text},
    )  # fmt: skip


def _cmd(message: Message) -> str:
    if message.event is None:
        return RESPOND
    return WELCOME if message.event.name == "enter_chat" else UPDATE


def _markdown(text: str) -> dict[str, Any]:
    return {"msgtype": "markdown", "markdown": {"content": cut(text, MARKDOWN_BYTES)}}


def _target(channel: str, chat: str, member: int) -> str:
    return f"ws.{channel}.{chat or member}"
