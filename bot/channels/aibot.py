"""智能机器人: its JSON callbacks → ``Message``, replies → its passive answer (paths 100719, 101027, 101031)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from bot.channels import card, json
from bot.channels.answer import Answer, with_card
from bot.channels.fields import Tree, branch, branches, folded, leaf, leaves, number, place, text
from bot.channels.text import cut, digest, identity, spoken
from bot.files import place_for
from bot.message import Attachment, Event, Message, Quote, Reply

MAX_STREAM_BYTES = 20_480
MAX_FEEDBACK_BYTES = 256
MAX_WELCOME_BYTES = 2_048
"""The manual names no limit for the welcome text; this is the limit of WeCom's other plain texts."""

MOST_IMAGES = 10

_FILES = frozenset({"image", "file", "video"})


def parse(payload: str, *, channel: str, names: tuple[str, ...] = ()) -> Message:
    """The message in an opened callback; ``names`` are the bot's names, whose mention is taken out of the text.

    Unknown types and misplaced groups become kind ``unknown`` with their id kept. ``Refused`` only for what is no JSON object.
    """
    tree = json.read(payload)
    chat, is_placed = place(tree)
    kind = leaf(tree, "msgtype") if is_placed else "unknown"
    read = _READERS.get(kind, _read_unknown)
    return read(tree, _Head(payload, channel, names, chat))


def render(message: Message, replies: Sequence[Reply], *, corp_id: str = "", as_json: bool = False) -> str:
    """The plaintext of the passive answer; "" where WeCom allows none or nothing is to be said."""
    del corp_id, as_json  # an aibot needs neither
    if message.kind in {"refresh", "unknown"}:
        return ""
    body = _body(message, with_card(replies))
    return json.write(body) if body else ""


def stream_frame(id: str, text: str, *, is_done: bool) -> str:
    """The plaintext that answers a refresh: all that is shown of a stream so far."""
    return json.write(stream_body(id, text, is_done=is_done))


def stream_body(id: str, text: str, *, is_done: bool) -> dict[str, object]:
    """All that is shown of a stream, and whether that is the whole answer."""
    return {"msgtype": "stream", "stream": {"id": id, "finish": is_done, "content": cut(text, MAX_STREAM_BYTES)}}


def stream_id(message: Message) -> str:
    """The id of the stream that answers ``message``: the same whenever it is answered again."""
    return digest("s", message.id)


@dataclass(frozen=True, slots=True)
class _Head:
    """What every reader needs besides the tree."""

    payload: str
    channel: str
    names: tuple[str, ...]
    chat: str


def _read_text(tree: Tree, head: _Head) -> Message:
    return _message(tree, head, "text", said=text(branch(tree, "text"), "content"))


def _read_voice(tree: Tree, head: _Head) -> Message:
    return _message(tree, head, "voice", said=text(branch(tree, "voice"), "content"))


def _read_mixed(tree: Tree, head: _Head) -> Message:
    said, attachments = mixed_parts(tree)
    return _message(tree, head, "mixed", said=said, attachments=attachments)


def _read_file(tree: Tree, head: _Head) -> Message:
    kind = leaf(tree, "msgtype")
    return _message(tree, head, kind, attachments=_attachments(tree, kind))


def _read_refresh(tree: Tree, head: _Head) -> Message:
    return _message(tree, head, "refresh", event=Event("stream", key=leaf(branch(tree, "stream"), "id")))


def _read_unknown(tree: Tree, head: _Head) -> Message:
    return _message(tree, head, "unknown")


def _read_event(tree: Tree, head: _Head) -> Message:
    raw = branch(tree, "event")
    name = leaf(raw, "eventtype", "event_type")
    if not name:
        return _read_unknown(tree, head)
    detail = branch(raw, name) or raw
    if name in card.EVENTS:
        flat = folded(raw)
        return _message(tree, head, "event", event=card.click(name, branch(flat, name.replace("_", "")) or flat))
    if name == "feedback_event":
        return _message(tree, head, "event", said=text(detail, "content"), event=_feedback(name, detail))
    return _message(tree, head, "event", event=Event(name, key=leaf(detail, "event_key", "eventkey")))


_READERS: dict[str, Callable[[Tree, _Head], Message]] = {
    "text": _read_text,
    "voice": _read_voice,
    "mixed": _read_mixed,
    "image": _read_file,
    "file": _read_file,
    "video": _read_file,
    "stream": _read_refresh,
    "event": _read_event,
}


def _message(
    tree: Tree, head: _Head, kind: str, *, said: str = "", attachments: tuple[Attachment, ...] = (), event: Event | None = None
) -> Message:
    sender = branch(tree, "from")
    user = leaf(sender, "userid")
    return Message(
        id=_id(tree, head, user, event),
        channel=head.channel,
        kind=kind,
        user=user,
        chat=head.chat,
        text=spoken(said, head.names),
        name=leaf(sender, "name"),
        sent_at=number(tree, "create_time"),
        quote=_quote(tree),
        attachments=attachments,
        event=event,
        reply_url=leaf(tree, "response_url"),
    )


def _id(tree: Tree, head: _Head, user: str, event: Event | None) -> str:
    given = leaf(tree, "msgid")
    if given or event is None or not tree.get("create_time"):
        return identity(given, head.payload)
    return digest("e", user, leaf(tree, "create_time"), head.chat, event.name, event.detail, event.key, event.task, card.chosen(event))


def _feedback(name: str, detail: Tree) -> Event:
    reasons = leaves(detail.get("inaccurate_reason_list"))
    return Event(name, detail=leaf(detail, "type"), key=leaf(detail, "id"), selected={"reasons": reasons} if reasons else {})


def _quote(tree: Tree) -> Quote | None:
    quoted = branch(tree, "quote")
    kind = leaf(quoted, "msgtype")
    if not kind:
        return None
    if kind == "mixed":
        said, attachments = mixed_parts(quoted)
        return Quote(kind, spoken(said), attachments)
    return Quote(kind, spoken(text(branch(quoted, kind), "content")), _attachments(quoted, kind))


def mixed_parts(tree: Tree) -> tuple[str, tuple[Attachment, ...]]:
    """The joined texts and the images of a 图文混排."""
    items = branches(branch(tree, "mixed").get("msg_item"))
    said = "\n".join(words for item in items if (words := text(branch(item, "text"), "content")))
    return said, tuple(found for item in items for found in _attachments(item, leaf(item, "msgtype")))


def _attachments(tree: Tree, kind: str) -> tuple[Attachment, ...]:
    file = branch(tree, kind) if kind in _FILES else {}
    url = leaf(file, "url")
    return (Attachment(kind, url, aes_key=leaf(file, "aeskey")),) if url else ()


def _body(message: Message, answer: Answer) -> dict[str, object]:
    if message.event is None:
        return _spoken_body(message, answer)
    if message.event.name == "enter_chat":
        return _welcome_body(answer)
    if message.event.name in card.EVENTS:
        return _update_body(message.event, answer)
    return {}


def _spoken_body(message: Message, answer: Answer) -> dict[str, object]:
    shown = answer.card
    if not answer.text:
        return {"msgtype": "template_card", "template_card": shown} if shown else {}
    body = stream_body(stream_id(message), answer.text, is_done=not answer.is_begun)
    if 0 < len(answer.feedback.encode()) <= MAX_FEEDBACK_BYTES:
        body["stream"] = {**cast(dict[str, object], body["stream"]), "feedback": {"id": answer.feedback}}
    if answer.images and not answer.is_begun:  # WeCom takes pictures with the end of an answer only
        body["stream"] = {**cast(dict[str, object], body["stream"]), "msg_item": [place_for(name) for name in answer.images[:MOST_IMAGES]]}
    return {**body, "msgtype": "stream_with_template_card", "template_card": shown} if shown else body


def _welcome_body(answer: Answer) -> dict[str, object]:
    if answer.card:
        return {"msgtype": "template_card", "template_card": answer.card}
    return {"msgtype": "text", "text": {"content": cut(answer.text, MAX_WELCOME_BYTES)}} if answer.text else {}


def _update_body(event: Event, answer: Answer) -> dict[str, object]:
    if not answer.update_card or "card_type" not in answer.update_card:
        return {}
    # WeCom takes the update only under the task id of the card that was clicked.
    return {"response_type": "update_template_card", "template_card": {**answer.update_card, "task_id": event.task}}
