"""What WeCom does with a passive answer: shows it, updates a card with it, or refuses it (manual pages 101031, 90241, 99399)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.cards import find_problem
from simulator.config import Channel
from simulator.world import BOT, Post, World
from simulator.xmltext import card_from_xml, from_xml

STREAM_BYTES = 20_480
TEXT_BYTES = 2_048
_ALLOWED = {
    "enter_chat": ("text", "template_card"),
    "message": ("stream", "template_card", "stream_with_template_card"),
    "refresh": ("stream", "stream_with_template_card"),
    "card": ("update_template_card",),
    "feedback": (),
}


@dataclass(slots=True)
class Sent:
    """A callback and what is needed to send it again and to place its answer.

    ``kind`` is message, enter_chat, refresh, card, feedback or event; ``chat`` is the chat's id in the world; ``post`` the member's own
    post, ``shown`` the post its answer became.
    """

    channel: Channel
    plaintext: str
    msgid: str
    kind: str
    user: str
    chat: str
    retries: int
    post: Post | None = None
    clicked: Post | None = None
    shown: Post | None = None
    answered: bool = False
    stream: str = ""


def take_answer(world: World, sent: Sent, opened: dict[str, Any] | str | None) -> str:
    """Act on an opened answer; returns what WeCom refuses about it, or the empty string."""
    if not opened:
        sent.stream = ""
        return ""
    if sent.channel.kind == "aibot" and isinstance(opened, dict):
        return _aibot(world, sent, opened)
    fields = opened if isinstance(opened, dict) else from_xml(opened)
    return _robot(world, sent, fields) if sent.channel.kind == "robot" else _app(world, sent, fields)


def _aibot(world: World, sent: Sent, answer: dict[str, Any]) -> str:
    kind = str(answer.get("response_type") or answer.get("msgtype"))
    allowed = _ALLOWED.get(sent.kind, ())
    if kind not in allowed:
        return f"{sent.kind} may be answered with {', '.join(allowed) or 'nothing'}, not with {kind}"
    if kind == "update_template_card":
        return _update_card(world, sent, answer)
    card = answer.get("template_card")
    problem = find_problem(card) if kind != "stream" and "template_card" in kind else ""
    if problem:
        return problem
    if kind == "text":
        return _say(world, sent, "text", str((answer.get("text") or {}).get("content", "")))
    problem = _stream(world, sent, answer.get("stream") or {}) if kind.startswith("stream") else ""
    if not problem and isinstance(card, dict):
        world.post(sent.chat, BOT, "card", card=card, via="passive", channel=sent.channel.name, quote=_quote(world, sent))
    return problem


def _stream(world: World, sent: Sent, stream: Mapping[str, Any]) -> str:
    content, finished = str(stream.get("content", "")), bool(stream.get("finish"))
    if not stream.get("id") and sent.kind == "message":
        return "stream.id is missing"
    if len(content.encode()) > STREAM_BYTES:
        return f"stream.content has more than {STREAM_BYTES} bytes"
    if len(str((stream.get("feedback") or {}).get("id", "")).encode()) > 256:
        return "feedback.id has more than 256 bytes"
    if stream.get("msg_item") and not finished:
        return "msg_item is only allowed when finish is true"
    sent.stream = "" if finished else str(stream.get("id") or sent.stream)
    if sent.shown:
        world.change(sent.shown, text=content, state="" if finished else "streaming")
    elif content or not finished:
        state = "" if finished else "streaming"
        fields = {"text": content, "via": "passive", "channel": sent.channel.name, "state": state, "quote": _quote(world, sent)}
        sent.shown = world.post(sent.chat, BOT, "markdown", **fields)
    for item in stream.get("msg_item") or ():
        data = str((item.get("image") or {}).get("base64", ""))
        world.post(sent.chat, BOT, "image", image=f"data:image/png;base64,{data}", via="passive", channel=sent.channel.name)
    return ""


def _update_card(world: World, sent: Sent, answer: Mapping[str, Any]) -> str:
    card = answer.get("template_card")
    problem = find_problem(card)
    if problem or not isinstance(card, dict):
        return problem
    if sent.clicked is None or not sent.clicked.card or card.get("task_id") != sent.clicked.card.get("task_id"):
        return "the card's task_id is not the one of the event"
    world.replace_card(sent.clicked, card, answer.get("userids") or ())
    return ""


def _app(world: World, sent: Sent, fields: Mapping[str, Any]) -> str:
    kind = fields.get("MsgType")
    if kind == "text":
        content = str(fields.get("Content", ""))
        if len(content.encode()) > TEXT_BYTES:
            return f"Content has more than {TEXT_BYTES} bytes"
        return _say(world, sent, "text", content)
    if kind == "update_button" and sent.clicked and sent.clicked.card:
        name = str((fields.get("Button") or {}).get("ReplaceName", ""))
        world.replace_card(sent.clicked, {**sent.clicked.card, "replace_text": name}, (sent.user,))
        return ""
    if kind == "update_template_card" and sent.clicked and sent.clicked.card:
        card = card_from_xml(fields.get("TemplateCard") or {})
        card.setdefault("task_id", sent.clicked.card.get("task_id"))
        world.replace_card(sent.clicked, card, (sent.user,))
        return ""
    if kind == "news":
        found = (fields.get("Articles") or {}).get("item") or []
        articles = [card_from_xml(item) for item in (found if isinstance(found, list) else [found])]
        world.post(sent.chat, BOT, "news", articles=articles, via="passive", channel=sent.channel.name)
        return ""
    return "" if kind in ("image", "voice", "video") else f"an answer of type {kind} does not fit"


def _robot(world: World, sent: Sent, fields: Mapping[str, Any]) -> str:
    kind = str(fields.get("msgtype") or fields.get("MsgType"))
    if kind not in ("text", "markdown"):
        return f"an answer of type {kind} does not fit"
    part = fields.get(kind) or fields.get(kind.capitalize()) or {}
    visible = str(fields.get("visible_to_user") or fields.get("VisibleToUser") or "")
    return _say(world, sent, kind, str(part.get("content") or part.get("Content") or ""), frozenset(filter(None, visible.split("|"))))


def _say(world: World, sent: Sent, kind: str, text: str, only_for: frozenset[str] = frozenset()) -> str:
    if not text:
        return "the answer is empty"
    quote = _quote(world, sent) if sent.channel.kind == "aibot" else None
    sent.shown = world.post(sent.chat, BOT, kind, text=text, via="passive", channel=sent.channel.name, only_for=only_for, quote=quote)
    return ""


def _quote(world: World, sent: Sent) -> dict[str, str] | None:
    """In a group the bot's answer quotes the message it answers."""
    if sent.chat not in world.rooms or sent.post is None:
        return None
    return {"user": sent.user, "text": sent.post.text[:120], "post": str(sent.post.id)}
