"""From a reply to what the sender will send: which way leads to a member, a chat, a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.cards import CardError, Place
from bot.channels.answer import body_of
from bot.channels.text import cut, sound
from bot.config import ADMINS, AibotWsChannel, AppChannel, ArchiveChannel, Config
from bot.longframes import answer_by_link, post_by_link
from bot.message import Card, Message, Reply
from rules.people import is_customer
from storage.outbox import Delivery

RESPONSE_BYTES = 20_480
"""An address that works once takes one message, so what is longer is cut; on all other ways it goes in parts (bot/parts.py)."""
WELCOME_BYTES = 4_000
_PLACES: Mapping[str, Place] = {"app": "app", "webhook": "webhook", "aibot_ws": "aibot"}
MANY = 100
"""How many members one app message is for at most: WeCom takes 1,000, but each has a limit of his own that is looked at first."""


def app_channel(config: Config) -> AppChannel | None:
    """The app through which members can be spoken to in private, None when none is configured."""
    return next((channel for channel in config.channels if isinstance(channel, AppChannel)), None)


def to_member(
    config: Config, member: int, text: str, *, user: str, id: str, community: str, message: str, now_ms: int, lane: str = "now"
) -> Delivery | None:  # fmt: skip
    """A private message through the app, else over a long connection; None when there is neither. ``user`` is the member's WeCom id.

    An app reaches colleagues only (path 90236), so for a customer there is the long connection alone.
    """
    app = app_channel(config)
    if app is None or is_customer(user):
        return post_by_link(config, community, text, id=id, lane=lane, member=member, message=message, now_ms=now_ms)
    return Delivery(
        id=id, lane=lane, target=f"app.{app.name}.{member}", via="app", community=community, channel=app.name, member=member,
        message=message, born_ms=now_ms, body={"msgtype": "text", "text": {"content": sound(text)}},
    )  # fmt: skip


def to_group(
    config: Config, community: str, chat: str, text: str, *, id: str, lane: str, message: str = "", now_ms: int
) -> Delivery | None:
    """A post through a group's webhook, else over a long connection; None when a group has neither. An empty ``chat`` is the community's first group."""
    if not config.has_webhook(community, chat):
        listed = config.community(community)
        place = chat or (listed.groups[0] if listed and listed.groups else "")
        return post_by_link(config, community, text, id=id, lane=lane, chat=place if listed else "", message=message, now_ms=now_ms)
    return Delivery(
        id=id, lane=lane, target=f"hook.{community}.{chat or 'main'}", via="webhook", community=community, chat=chat, message=message,
        born_ms=now_ms, body={"msgtype": "markdown", "markdown": {"content": sound(text)}},
    )  # fmt: skip


def to_members(
    app: str, members: Sequence[int], body: Mapping[str, Any], *, id: str, community: str, lane: str = "bulk", now_ms: int
) -> list[Delivery]:
    """One app message for many, ``MANY`` members a delivery; ``body`` is one of :mod:`bot.bodies`, ``app`` a channel's name.

    Whom WeCom could not reach is named in the outbound event; it is not sent to the others again.
    """
    groups = [tuple(members[start : start + MANY]) for start in range(0, len(members), MANY)]
    return [
        Delivery(
            id=f"{id}:{number}", lane=lane, target=f"app.{app}.many", via="app", community=community, channel=app, receivers=group,
            born_ms=now_ms, body=dict(body),
        )
        for number, group in enumerate(groups)
    ]  # fmt: skip


def to_app_chat(app: str, chat: str, body: Mapping[str, Any], *, id: str, community: str, lane: str = "bulk", now_ms: int) -> Delivery:
    """A post into a group that the app of a channel created; ``body`` is one of :mod:`bot.bodies`."""
    return Delivery(
        id=id, lane=lane, target=f"appchat.{app}.{chat}", via="appchat", community=community, channel=app, chat=chat, born_ms=now_ms,
        body=dict(body),
    )  # fmt: skip


def to_admins(config: Config, community: str, text: str, *, id: str, now_ms: int) -> Delivery | None:
    """A post into the admin group by its webhook, else over a long connection; None when the community has neither."""
    if not config.has_webhook(community, ADMINS):
        listed = config.community(community)
        return post_by_link(config, community, text, id=id, lane="now", chat=listed.admin_group if listed else "", now_ms=now_ms)
    return Delivery(
        id=id, lane="now", target=f"hook.{community}.admin", via="webhook", community=community, chat=ADMINS, born_ms=now_ms,
        body={"msgtype": "markdown", "markdown": {"content": sound(text)}}, mergeable=True,
    )  # fmt: skip


def to_first_admins(config: Config, text: str, *, id: str, now_ms: int) -> Delivery | None:
    """What concerns no single community: a post to the administrators of the first one that has a way to them; None when none has."""
    ways = (to_admins(config, community.id, text, id=id, now_ms=now_ms) for community in config.communities)
    return next(filter(None, ways), None)


def as_card(delivery: Delivery, card: Card | Mapping[str, Any] | None) -> Delivery:
    """The same delivery showing ``card`` where its way can; elsewhere it says the twin, as it did."""
    place = _PLACES.get(delivery.via)
    if card is None or place is None:
        return delivery
    try:
        shown: dict[str, Any] = {"msgtype": "template_card", "template_card": body_of(card, place)}
    except CardError:  # a card that asks for clicks, and a webhook hears none
        return delivery
    return replace(delivery, body={**delivery.body, "frame": shown} if delivery.via == "aibot_ws" else shown)


def update_later(
    config: Config, message: Message, community: str, member: int, update: Mapping[str, Any], *, now_ms: int
) -> Delivery | None:
    """The new face of an app's card whose click could not be answered in the response (path 94888); None where no code allows it.

    ``update`` is a card, or nothing but ``replace_name``: the clicked button's new words.
    """
    channel = config.channel(message.channel)
    if message.event is None or not message.event.code or not member or not isinstance(channel, AppChannel):
        return None
    is_button = set(update) == {"replace_name"}
    return Delivery(
        id=f"{message.id}:update", lane="now", target=f"app.{channel.name}.{member}", via="app_update", community=community,
        channel=channel.name, member=member, code=message.event.code, message=message.id, born_ms=now_ms,
        body={"button": dict(update)} if is_button else {"template_card": dict(update)},
    )  # fmt: skip


def answer_later(config: Config, message: Message, community: str, member: int, text: str, *, now_ms: int) -> Delivery | None:
    """An answer that missed its callback's response: by the message's own address, else the app, else the group's webhook; None when no way leads there."""
    id = f"{message.id}:answer"
    channel = config.channel(message.channel)
    if isinstance(channel, AibotWsChannel):
        return answer_by_link(config, message, [Reply(text)], community, member, now_ms=now_ms)
    if message.event and message.event.name == "change_external_contact":
        return _greeting(message, community, text, id=id, now_ms=now_ms) if message.event.code else None
    if message.reply_url and channel is not None:
        via = "robot_webhook" if channel.kind == "robot" else "response_url"
        return Delivery(
            id=id, lane="now", target=f"once.{id}", via=via, community=community, channel=message.channel, member=member or None,
            url=message.reply_url, message=message.id, born_ms=now_ms,
            body={"msgtype": "markdown", "markdown": {"content": cut(text, RESPONSE_BYTES) if via == "response_url" else sound(text)}},
        )  # fmt: skip
    if message.is_private and member and isinstance(channel, AppChannel):
        return to_member(config, member, text, user=message.user, id=id, community=community, message=message.id, now_ms=now_ms)
    if message.is_private:
        return None
    post = to_group(config, community, message.chat, text, id=id, lane="now", message=message.id, now_ms=now_ms)
    if post is None and member and isinstance(channel, ArchiveChannel):  # no callback will bring him a better one
        return to_member(config, member, text, user=message.user, id=id, community=community, message=message.id, now_ms=now_ms)
    return post


def _greeting(message: Message, community: str, text: str, *, id: str, now_ms: int) -> Delivery:
    """The greeting of a new customer, by the code in its event (path 92137): it works for 20 s from the event on, so that is its birth."""
    assert message.event is not None
    return Delivery(
        id=id, lane="now", target=f"once.{id}", via="welcome_code", community=community, channel=message.channel, code=message.event.code,
        message=message.id, born_ms=message.sent_at * 1000 or now_ms, body={"text": {"content": cut(text, WELCOME_BYTES)}},
    )  # fmt: skip
