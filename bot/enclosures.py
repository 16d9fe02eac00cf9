"""What of an answer does not go into the response itself: pictures and files, the rest of a long text, what is said beside a card's new face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from bot.channels import app, robot
from bot.channels.answer import BETWEEN, is_address, spoken, without_card
from bot.channels.pieces import split
from bot.channels.text import sound
from bot.config import ADMINS, AibotWsChannel, AppChannel, Config
from bot.deliveries import answer_later, app_channel
from bot.drawing import shown_members
from bot.files import PLACE, shown_name
from bot.longframes import SEND, ws_channel
from bot.message import Message, Reply
from storage.outbox import Delivery

Kind = Literal["image", "file"]
_MORE = "\n（接下一条）"
_PASSIVE_BYTES = {"app": app.MAX_TEXT_BYTES, "robot": robot.MAX_TEXT_BYTES}
_NAMES: dict[Kind, str] = {"image": "图片", "file": "文件"}


def enclose(
    config: Config, message: Message, replies: Sequence[Reply], community: str, member: int, *, in_time: bool, now_ms: int
) -> tuple[list[Reply], list[Delivery]]:
    """The replies as they are to be said, and what goes beside them: pictures and files that the response cannot hold.

    What is at an address stays with its reply, for a channel shows it as a link.
    """
    said: list[Reply] = []
    beside: list[Delivery] = []
    for reply in replies:
        for kind, name in _enclosed(reply):
            if kind == "image" and _is_shown(config, message, in_time=in_time):
                continue
            id = f"{message.id}:{kind}{len(beside)}"
            delivery = _delivery(config, message, community, member, kind, name, id=id, now_ms=now_ms)
            if delivery:
                beside.append(delivery)
            else:
                reply = replace(reply, text=f"{reply.text}\n\n（{_NAMES[kind]}“{shown_name(name)}”在这里发不了，请联系管理员）".strip())
            reply = replace(reply, image="") if kind == "image" else replace(reply, file="")
        said.append(reply)
    return said, beside


def fit(
    config: Config, message: Message, replies: Sequence[Reply], community: str, member: int, *, now_ms: int
) -> tuple[list[Reply], list[Delivery]]:
    """The replies that the response can show, and the rest of a text too long for it as a message of its own, where a way leads there."""
    channel = config.channel(message.channel)
    most_bytes = _PASSIVE_BYTES.get(channel.kind, 0) if channel and message.event is None else 0
    if not most_bytes:
        return list(replies), []
    said = without_card(replies).text
    if len(said.encode("utf-8", "replace")) <= most_bytes:
        return list(replies), []
    first, *others = split(sound(said), most_bytes - len(_MORE.encode()))
    rest = answer_later(config, message, community, member, "".join(others).strip(), now_ms=now_ms)
    return ([Reply(first.rstrip() + _MORE)], [rest]) if rest else (list(replies), [])


def beside_update(
    config: Config, message: Message, replies: Sequence[Reply], community: str, member: int, *, now_ms: int
) -> list[Delivery]:
    """What is said to a click besides the card's new face, which is all that the response may hold."""
    if message.event is None or all(reply.update_card is None for reply in replies):
        return []
    here = [reply for reply in replies if reply.update_card is None and reply.to is None and not reply.push]
    channel = config.channel(message.channel)
    said = BETWEEN.join(filter(None, (spoken(reply, shows_markdown=not isinstance(channel, AppChannel)) for reply in here)))
    later = answer_later(config, message, community, member, said, now_ms=now_ms) if said else None
    return [replace(later, id=f"{message.id}:beside")] if later else []


def _enclosed(reply: Reply) -> list[tuple[Kind, str]]:
    if reply.to is not None or reply.push:
        return []
    pairs: tuple[tuple[Kind, str], ...] = (("image", reply.image), ("file", reply.file))
    return [(kind, name) for kind, name in pairs if name and not is_address(name)]


def _is_shown(config: Config, message: Message, *, in_time: bool) -> bool:
    channel = config.channel(message.channel)
    return in_time and message.event is None and channel is not None and channel.kind == "aibot"


def _delivery(
    config: Config, message: Message, community: str, member: int, kind: Kind, name: str, *, id: str, now_ms: int
) -> Delivery | None:
    """The picture or file as a message of its own, to where the question came from; None when no way leads there."""
    channel, body = config.channel(message.channel), {"msgtype": kind, kind: {PLACE: name}}
    made = Delivery(id, "now", "", "", community, body, message=message.id, born_ms=now_ms, about=shown_members(name))
    if isinstance(channel, AibotWsChannel):
        return _by_link(made, channel, message.chat, member)
    if channel is not None and channel.kind == "robot" and message.reply_url:
        return replace(
            made,
            target=f"once.{message.id}:answer",
            via="robot_webhook",
            channel=channel.name,
            member=member or None,
            url=message.reply_url,
        )
    if message.is_private:
        desk = channel if isinstance(channel, AppChannel) else app_channel(config)
        return replace(made, target=f"app.{desk.name}.{member}", via="app", channel=desk.name, member=member) if desk and member else None
    listed = config.community(community)
    is_admins = listed is not None and message.chat == listed.admin_group
    if config.has_webhook(community, ADMINS if is_admins else message.chat):
        place, chat = ("admin", ADMINS) if is_admins else (message.chat or "main", message.chat)
        return replace(made, target=f"hook.{community}.{place}", via="webhook", chat=chat)
    link = ws_channel(config)
    return _by_link(made, link, message.chat, 0) if link else None


def picture_to_group(config: Config, community: str, chat: str, name: str, *, id: str, lane: str = "now", now_ms: int) -> Delivery | None:
    """A picture as a post in a group ('' the community's first), by its webhook, else over a long connection; None when a group has neither."""
    made = Delivery(
        id, lane, "", "", community, {"msgtype": "image", "image": {PLACE: name}}, born_ms=now_ms, about=shown_members(name)
    )  # fmt: skip
    if config.has_webhook(community, chat):
        return replace(made, target=f"hook.{community}.{chat or 'main'}", via="webhook", chat=chat)
    link, listed = ws_channel(config), config.community(community)
    place = chat or (listed.groups[0] if listed and listed.groups else "")
    return _by_link(made, link, place, 0) if link and listed and place else None


def enclosing(post: Delivery, kind: Kind, name: str) -> Delivery:
    """A picture or file that goes the same way as a text: a delivery of its own to the same target."""
    frame = {"msgtype": kind, kind: {PLACE: name}}
    body = {"cmd": SEND, "frame": frame, "text": f"[{_NAMES[kind]}]"} if post.via == "aibot_ws" else frame
    return replace(post, id=f"{post.id}:{kind}", body=body, mergeable=False, about=shown_members(name))


def _by_link(made: Delivery, channel: AibotWsChannel, chat: str, member: int) -> Delivery:
    kind: Any = made.body["msgtype"]
    body = {"cmd": SEND, "frame": made.body, "text": f"[{_NAMES[kind]}]"}
    return replace(
        made, target=f"ws.{channel.name}.{chat or member}", via="aibot_ws", channel=channel.name, chat=chat,
        member=None if chat else member, body=body,
    )  # fmt: skip
