"""群机器人 with callback (beta, path 99399): XML or JSON callbacks → ``Message``, replies → its passive answer in the same format."""

from __future__ import annotations

from collections.abc import Sequence

from bot.channels import card, json, xml
from bot.channels.answer import without_card
from bot.channels.fields import Tree, branch, branches, folded, leaf, number, place, text
from bot.channels.text import cut, digest, identity, spoken
from bot.message import Attachment, Event, Message, Reply

MAX_TEXT_BYTES = 2_048

_KINDS = frozenset({"text", "image", "mixed"})
_SILENT_EVENTS = card.EVENTS | {"delete_from_chat"}


def parse(payload: str, *, channel: str, names: tuple[str, ...] = ()) -> Message:
    """The message in an opened callback: JSON if it begins with "{", else XML.

    Unknown types and misplaced groups become kind ``unknown`` with their id kept. ``Refused`` only for what is neither format.
    """
    tree = folded(json.read(payload) if payload.lstrip().startswith("{") else xml.read(payload))
    chat, is_placed = place(tree)
    kind, event = _kind(tree) if is_placed else "unknown", _event(tree)
    sender = branch(tree, "from")
    said, attachments = _content(tree, kind)
    return Message(
        id=_id(tree, event, payload),
        channel=channel,
        kind=kind,
        user=leaf(sender, "userid"),
        chat=chat,
        text=spoken(said, names),
        name=leaf(sender, "name"),
        sent_at=number(tree, "createtime"),
        attachments=attachments,
        event=event if kind == "event" else None,
        reply_url=leaf(tree, "webhookurl"),
    )


def render(message: Message, replies: Sequence[Reply], *, corp_id: str = "", as_json: bool = False) -> str:
    """The plaintext of the passive answer, as JSON for a callback that was JSON; "" where nothing can or is to be said."""
    del corp_id  # a group robot belongs to no corp id
    said = without_card(replies).text
    if not said or message.kind == "unknown" or (message.event and message.event.name in _SILENT_EVENTS):
        return ""
    content = cut(said, MAX_TEXT_BYTES)
    if as_json:
        return json.write({"msgtype": "text", "text": {"content": content}})
    return xml.write({"MsgType": "text", "Text": {"Content": content}})


def _kind(tree: Tree) -> str:
    kind = leaf(tree, "msgtype")
    if kind in {"event", "attachment"}:
        return "event" if _event(tree) else "unknown"
    return kind if kind in _KINDS else "unknown"


def _event(tree: Tree) -> Event | None:
    kind = leaf(tree, "msgtype")
    if kind == "attachment":
        return _click(branch(tree, "attachment"))
    name = leaf(branch(tree, "event"), "eventtype") if kind == "event" else ""
    if name in card.EVENTS:
        return card.click(name, branch(branch(tree, "event"), name.replace("_", "")) or branch(tree, "event"))
    return Event(name) if name else None


def _click(attachment: Tree) -> Event:
    """A button below a Markdown message: ``key`` is its value, ``detail`` its name, ``task`` the message's callback id."""
    pressed = next(iter(branches(attachment.get("actions"))), {})
    return Event("attachment", detail=leaf(pressed, "name"), key=leaf(pressed, "value"), task=leaf(attachment, "callbackid"))


def _content(tree: Tree, kind: str) -> tuple[str, tuple[Attachment, ...]]:
    items = branches(branch(tree, "mixedmessage").get("msgitem")) if kind == "mixed" else [tree] if kind in _KINDS else []
    said = "\n".join(words for item in items if (words := text(branch(item, "text"), "content")))
    urls = [leaf(branch(item, "image"), "imageurl", "url") for item in items]
    return said, tuple(Attachment("image", url) for url in urls if url)


def _id(tree: Tree, event: Event | None, payload: str) -> str:
    given = leaf(tree, "msgid")
    if given or event is None or not leaf(tree, "createtime"):
        return identity(given, payload)
    sender = leaf(branch(tree, "from"), "userid")
    return digest("e", sender, leaf(tree, "createtime"), leaf(tree, "chatid"), event.name, event.detail, event.key, event.task)
