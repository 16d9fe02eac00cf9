"""会话内容存档: its decrypted messages, a JSON object each → ``Message`` (path 91774). They allow no passive answer."""

from __future__ import annotations

from collections.abc import Sequence

from bot.channels import json
from bot.channels.fields import Tree, branch, branches, leaf, number, text
from bot.channels.text import clean, identity, spoken, without_mention
from bot.errors import Refused
from bot.message import Event, Message, Reply

_KINDS = frozenset({"text", "mixed", "voice", "image", "video", "file", "location", "link"})


def parse(payload: str, *, channel: str, names: tuple[str, ...] = ()) -> Message:
    """The message in a line of the archive; ``Refused`` for what is no JSON object or has no id."""
    return from_tree(json.read(payload), channel=channel, names=names)


def render(message: Message, replies: Sequence[Reply], *, corp_id: str = "", as_json: bool = False) -> str:
    """Always "": nobody waits for an answer to what was overheard."""
    del message, replies, corp_id, as_json
    return ""


def from_tree(tree: Tree, *, channel: str, names: tuple[str, ...] = ()) -> Message:
    """The message in ``tree``: overheard, unless its text mentions one of ``names``.

    ``chat`` is empty between two people. A recall and a switch of company are events; the recalled message's id is the event's ``key``.
    """
    given, action = leaf(tree, "msgid"), leaf(tree, "action") or "send"
    if not given:
        raise Refused(400, "no msgid")
    kind = leaf(tree, "msgtype")
    said = clean(_said(tree, kind))
    event = Event(action, key=leaf(branch(tree, "revoke"), "pre_msgid")) if action != "send" else None
    return Message(
        id=identity(given, given),
        channel=channel,
        kind="event" if event else kind if kind in _KINDS else "unknown",
        user=leaf(tree, "from", "user"),
        chat=leaf(tree, "roomid"),
        text=spoken(said, names),
        sent_at=number(tree, "msgtime") // 1000,
        event=event,
        overheard=event is None and not _mentions(said, names),
    )


def _mentions(said: str, names: tuple[str, ...]) -> bool:
    return ("@" in said or "＠" in said) and without_mention(said, names) != said


def _said(tree: Tree, kind: str) -> str:
    body = branch(tree, kind)
    if kind == "text":
        return text(body, "content")
    if kind == "link":
        return "\n".join(filter(None, (text(body, "title"), text(body, "description"))))
    if kind == "location":
        return text(body, "title") or text(body, "address")
    if kind == "mixed":
        return "\n".join(filter(None, (_said_in(item) for item in branches(body.get("item")))))
    return ""


def _said_in(item: Tree) -> str:
    """The text of one part of a 图文混排, which holds its content as JSON in a text."""
    if leaf(item, "type") != "text":
        return ""
    try:
        return text(json.read(text(item, "content")), "content")
    except Refused:
        return text(item, "content")
