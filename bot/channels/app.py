"""自建应用: its XML callbacks → ``Message``, replies → its passive answer (paths 90239, 90240, 90241)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.channels import card, contact, xml
from bot.channels.answer import Answer, without_card
from bot.channels.fields import Tree, folded, leaf, number, text
from bot.channels.text import cut, digest, identity, spoken
from bot.message import Attachment, Event, Message, Reply

MAX_TEXT_BYTES = 2_048
COMMAND_KEY = "cmd:"
"""How the key of a menu's entry begins that runs a command; the rest is the command, as a member would type it."""

_KINDS = frozenset({"text", "image", "voice", "video", "file", "location", "link"})
_UPDATE_ONLY = frozenset({"template_card_event"})
_ANSWERABLE = card.EVENTS | {"subscribe", "enter_agent", "LOCATION", "click", "view", "view_miniprogram", "scancode_waitmsg"}
_MARKED = _ANSWERABLE | {"unsubscribe"}
"""Events that their sender, second and keys tell apart; any other is told apart by its whole text."""


def parse(payload: str, *, channel: str, names: tuple[str, ...] = ()) -> Message:
    """The message in an opened callback; ``names`` are the bot's names, whose mention is taken out of the text.

    Unknown types become kind ``unknown`` with their id kept. ``Refused`` only for what is no XML document of WeCom's.
    """
    tree = xml.read(payload)
    if contact.is_change(tree):
        return contact.from_tree(tree, payload, channel=channel)
    kind, event = _kind(tree), _event(tree)
    if typed := _typed(event):
        return Message(
            id=_id(tree, event, payload), channel=channel, kind="text", user=leaf(tree, "FromUserName"), text=spoken(typed, names),
            sent_at=number(tree, "CreateTime"),
        )  # fmt: skip
    return Message(
        id=_id(tree, event, payload),
        channel=channel,
        kind=kind,
        user=leaf(tree, "FromUserName"),
        text=spoken(_said(tree, kind), names),
        sent_at=number(tree, "CreateTime"),
        attachments=_attachments(tree, kind),
        event=event,
    )


def render(message: Message, replies: Sequence[Reply], *, corp_id: str = "", as_json: bool = False) -> str:
    """The plaintext of the passive answer; "" where WeCom allows none or nothing is to be said.

    ``corp_id`` is who answers. The time in it is the message's, so that the same answer again is the same text.
    """
    del as_json  # an app speaks XML only
    body = _body(message, without_card(replies))
    if not body:
        return ""
    head = {"ToUserName": message.user, "FromUserName": corp_id, "CreateTime": message.sent_at}
    return xml.write({**head, **body})


def _kind(tree: Tree) -> str:
    kind = leaf(tree, "MsgType")
    if kind == "event":
        return "event" if leaf(tree, "Event") else "unknown"
    return kind if kind in _KINDS else "unknown"


def _typed(event: Event | None) -> str:
    """The command that a click on the menu stands for: from here on it is as if the member had typed it."""
    is_ours = event is not None and event.name == "click" and event.key.startswith(COMMAND_KEY)
    return event.key.removeprefix(COMMAND_KEY).strip() if event and is_ours else ""


def _said(tree: Tree, kind: str) -> str:
    if kind == "link":
        return "\n".join(filter(None, (text(tree, "Title"), text(tree, "Description"))))
    fields = {"text": "Content", "voice": "Recognition", "location": "Label"}
    return text(tree, fields[kind]) if kind in fields else ""


def _attachments(tree: Tree, kind: str) -> tuple[Attachment, ...]:
    url = leaf(tree, "Url") if kind == "link" else leaf(tree, "PicUrl") if kind == "image" else ""
    media_id = leaf(tree, "MediaId")
    return (Attachment(kind, url, media_id),) if kind in _KINDS and (url or media_id) else ()


def _event(tree: Tree) -> Event | None:
    name = leaf(tree, "Event")
    if leaf(tree, "MsgType") != "event" or not name:
        return None
    if name in card.EVENTS:
        return card.click(name, folded(tree))
    return Event(name, detail=leaf(tree, "ChangeType"), key=leaf(tree, "EventKey"))


def _id(tree: Tree, event: Event | None, payload: str) -> str:
    given = leaf(tree, "MsgId")
    if given or event is None or event.name not in _MARKED:
        return identity(given, payload)
    marks = [leaf(tree, name) for name in ("FromUserName", "CreateTime", "AgentID", "Latitude", "Longitude")]
    return digest("e", *marks, event.name, event.detail, event.key, event.task, card.chosen(event))


def _body(message: Message, answer: Answer) -> dict[str, object]:
    name = message.event.name if message.event else ""
    if message.kind == "unknown" or (name and name not in _ANSWERABLE):
        return {}
    if name in card.EVENTS and answer.update_card:
        return _update_body(answer.update_card)
    if name in _UPDATE_ONLY or not answer.text:
        return {}
    return {"MsgType": "text", "Content": cut(answer.text, MAX_TEXT_BYTES)}


def _update_body(update: Mapping[str, object]) -> dict[str, object]:
    """The whole card anew, or with nothing but ``replace_name`` the clicked button's new words."""
    if set(update) == {"replace_name"}:
        return {"MsgType": "update_button", "Button": {"ReplaceName": update["replace_name"]}}
    return {"MsgType": "update_template_card", "TemplateCard": xml.camel_case(update)}
