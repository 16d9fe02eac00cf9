"""What a bot may do over the long connection: answer a callback, send by itself, upload media (manual page 101463).

Each command is checked against the manual's limits, takes effect in the world that members see, and is refused with WeCom's error code.
Codes that no source names are 40058 with a text that says what is wrong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from simulator.answers import Sent
from simulator.cards import find_problem
from simulator.config import Channel
from simulator.limits import SlidingWindow
from simulator.world import BOT, Media, Post, RefusedError, World, single_chat

CONTENT_BYTES = 20_480
REPLY_LIFE_S = 24 * 3_600
EVENT_LIFE_S = 5
STREAM_LIFE_S = 360
UPLOAD_LIFE_S = 1_800
MEDIA_LIFE_S = 3 * 86_400
CHUNK_BYTES = 512 * 1_024
CHUNKS = 100
MEDIA_BYTES = {"image": 10_485_760, "voice": 2_097_152, "video": 10_485_760, "file": 20_971_520}
KEEP_TURNS = 20_000

Body = Mapping[str, Any]


@dataclass(slots=True)
class _Stream:
    post: Post
    begun_at: float
    finished: bool = False


@dataclass(slots=True)
class Turn:
    """One callback and what the bot made of it.

    ``req_id`` names it on the wire, ``delivered`` tells whether a connection was there to take it, ``answers`` are the bodies WeCom accepted.
    """

    req_id: str
    sent: Sent
    at: float
    delivered: bool = False
    answers: list[dict[str, Any]] = field(default_factory=list)
    card_given: bool = False
    streams: dict[str, _Stream] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """True when an answer came and nothing more has to come: every stream of it is finished."""
        return bool(self.answers) and all(stream.finished for stream in self.streams.values())


@dataclass(slots=True)
class _Upload:
    kind: str
    filename: str
    size: int
    chunks: int
    md5: str
    bot: str
    begun_at: float
    parts: dict[int, bytes] = field(default_factory=dict)


class Commands:
    """All bots' open turns, streams and uploads. ``run`` may be called by many connections at once."""

    def __init__(self, world: World, now: Callable[[], float]) -> None:
        self._world = world
        self._now = now
        self._turns: dict[str, Turn] = {}
        self._spoken: set[tuple[str, str]] = set()
        self._uploads: dict[str, _Upload] = {}
        self._minute, self._hour = SlidingWindow(30, 60), SlidingWindow(1_000, 3_600)
        self._upload_minute, self._upload_hour = SlidingWindow(30, 60), SlidingWindow(1_000, 3_600)
        self._lock = RLock()
        self._table: dict[str, Callable[[Channel, str, Body], dict[str, Any] | None]] = {
            "aibot_respond_msg": self._respond,
            "aibot_respond_welcome_msg": self._welcome,
            "aibot_respond_update_msg": self._update,
            "aibot_send_msg": self._send,
            "aibot_upload_media_init": self._upload_init,
            "aibot_upload_media_chunk": self._upload_chunk,
            "aibot_upload_media_finish": self._upload_finish,
        }

    def open_turn(self, turn: Turn) -> None:
        """From now on the callback may be answered; a message also opens its chat for ``aibot_send_msg``."""
        with self._lock:
            if len(self._turns) >= KEEP_TURNS:
                self._turns.pop(next(iter(self._turns)))
            self._turns[turn.req_id] = turn
            if turn.sent.kind == "message":
                self._spoken.add((turn.sent.channel.name, turn.sent.chat))

    def run(self, channel: Channel, cmd: str, req_id: str, body: Body) -> dict[str, Any] | None:
        """Let one command take effect; returns the body of its acknowledgement, if it has one. RefusedError otherwise."""
        act = self._table.get(cmd)
        if act is None:
            raise RefusedError(40058, f"unknown cmd {cmd!r}")
        with self._lock:
            return act(channel, req_id, body)

    # -- answers

    def _respond(self, channel: Channel, req_id: str, body: Body) -> None:
        turn = self._turn(channel, req_id, ("message", "enter_chat"), REPLY_LIFE_S)
        kind = str(body.get("msgtype"))
        if kind in ("stream", "stream_with_template_card"):
            self._stream(turn, kind, body)
        else:
            if kind == "template_card" and turn.card_given:
                raise RefusedError(40058, "this message has its card already")
            turn.card_given = turn.card_given or kind == "template_card"
            self._post(channel, turn.sent.chat, body, "passive", _quote(self._world, turn.sent))
        turn.answers.append(dict(body))

    def _welcome(self, channel: Channel, req_id: str, body: Body) -> None:
        turn = self._turn(channel, req_id, ("enter_chat",), EVENT_LIFE_S)
        if turn.answers:
            raise RefusedError(846605, "invalid req_id: welcomed already")
        if body.get("msgtype") not in ("text", "template_card"):
            raise RefusedError(40008, "a welcome is a text or a template_card")
        self._post(channel, turn.sent.chat, body, "passive", None)
        turn.answers.append(dict(body))

    def _update(self, channel: Channel, req_id: str, body: Body) -> None:
        turn = self._turn(channel, req_id, ("card",), EVENT_LIFE_S)
        card, clicked = body.get("template_card"), turn.sent.clicked
        if body.get("response_type") != "update_template_card":
            raise RefusedError(40008, "response_type is update_template_card")
        problem = find_problem(card)
        if problem or not isinstance(card, dict):
            raise RefusedError(40058, problem)
        if clicked is None or not clicked.card or card.get("task_id") != clicked.card.get("task_id"):
            raise RefusedError(40058, "the card's task_id is not the one of the event")
        self._world.replace_card(clicked, card, body.get("userids") or ())
        turn.answers.append(dict(body))

    def _turn(self, channel: Channel, req_id: str, kinds: tuple[str, ...], life_s: float) -> Turn:
        turn = self._turns.get(req_id)
        if turn is None or turn.sent.channel.name != channel.name or turn.sent.kind not in kinds or self._now() - turn.at > life_s:
            raise RefusedError(846605, "invalid req_id")
        return turn

    def _stream(self, turn: Turn, kind: str, body: Body) -> None:
        stream, card = body.get("stream") or {}, body.get("template_card")
        stream_id, content = str(stream.get("id", "")), str(stream.get("content", ""))
        _check_stream(stream_id, content, stream)
        problem = find_problem(card) if kind == "stream_with_template_card" and card else ""
        if problem or (card and turn.card_given):
            raise RefusedError(40058, problem or "this message has its card already")
        self._show_stream(turn, stream_id, content, finished=bool(stream.get("finish")))
        if card:
            turn.card_given = True
            self._world.post(turn.sent.chat, BOT, "card", card=card, via="passive", channel=turn.sent.channel.name)

    def _show_stream(self, turn: Turn, stream_id: str, content: str, *, finished: bool) -> None:
        """A new post for a new stream, else the old post's new text."""
        state, found = "" if finished else "streaming", turn.streams.get(stream_id)
        if found is None:
            self._count(turn.sent.channel, turn.sent.chat)
            name, quote = turn.sent.channel.name, _quote(self._world, turn.sent)
            post = self._world.post(turn.sent.chat, BOT, "markdown", text=content, via="passive", channel=name, state=state, quote=quote)
            turn.streams[stream_id] = _Stream(post, self._now(), finished)
            return
        if found.finished or self._now() - found.begun_at > STREAM_LIFE_S:
            raise RefusedError(846608, "stream message update expired")
        found.finished = finished
        self._world.change(found.post, text=content, state=state)

    # -- by itself

    def _send(self, channel: Channel, _req_id: str, body: Body) -> None:
        chatid = str(body.get("chatid", ""))
        chat = chatid if chatid in self._world.rooms else single_chat(channel.name, chatid)
        if (channel.name, chat) not in self._spoken:
            raise RefusedError(93006, "invalid chatid")
        if body.get("msgtype") == "text":
            raise RefusedError(40008, "invalid message type")
        self._post(channel, chat, body, "push", None)

    def _post(self, channel: Channel, chat: str, body: Body, via: str, quote: dict[str, str] | None) -> None:
        """Show what is no stream; counted only when it is in order."""
        fields = self._fields_of(channel, body)
        self._count(channel, chat)
        kind = fields.pop("kind")
        self._world.post(chat, BOT, kind, via=via, channel=channel.name, quote=quote, **fields)

    def _fields_of(self, channel: Channel, body: Body) -> dict[str, Any]:
        kind = str(body.get("msgtype"))
        part = body.get(kind)
        if kind in MEDIA_BYTES:
            return self._media_fields(channel, kind, part)
        if kind == "template_card":
            problem = find_problem(part)
            if problem:
                raise RefusedError(40058, problem)
            return {"kind": "card", "card": part}
        if kind not in ("text", "markdown"):
            raise RefusedError(40008, "invalid message type")
        content = part.get("content") if isinstance(part, Mapping) else None
        if not isinstance(content, str) or not content:
            raise RefusedError(44004, f"{kind}.content is empty")
        if len(content.encode()) > CONTENT_BYTES:
            raise RefusedError(45002, f"{kind}.content has more than {CONTENT_BYTES} bytes")
        return {"kind": kind, "text": content}

    def _media_fields(self, channel: Channel, kind: str, part: Any) -> dict[str, Any]:
        media_id = str(part.get("media_id", "")) if isinstance(part, Mapping) else ""
        found = self._world.find_media(media_id)
        if found is None or found.kind != kind or found.owner != _owner(channel):
            raise RefusedError(40007, "invalid media_id")
        if kind == "image":
            return {"kind": "image", "image": f"media/{media_id}"}
        return {"kind": "voice" if kind == "voice" else "file", "text": str(part.get("title") or found.filename)}

    def _count(self, channel: Channel, chat: str) -> None:
        """One message toward the chat's limits: further frames of a stream change a message and count nothing."""
        key, now = (channel.name, chat), self._now()
        if not (self._minute.admit(key, now) and self._hour.admit(key, now)):
            raise RefusedError(45009, "api freq out of limit")

    # -- media

    def _upload_init(self, channel: Channel, _req_id: str, body: Body) -> dict[str, Any]:
        kind, filename, size, chunks = body.get("type"), body.get("filename"), body.get("total_size"), body.get("total_chunks")
        if kind not in MEDIA_BYTES:
            raise RefusedError(40004, "invalid media type")
        if not isinstance(filename, str) or not 1 <= len(filename.encode()) <= 256:
            raise RefusedError(40058, "filename has 1 to 256 bytes")
        if not isinstance(chunks, int) or not 1 <= chunks <= CHUNKS:
            raise RefusedError(40058, f"total_chunks is 1 to {CHUNKS}")
        if not isinstance(size, int) or not 5 <= size <= MEDIA_BYTES[kind] or size > chunks * CHUNK_BYTES:
            raise RefusedError(40006, "invalid media size")
        if not (self._upload_minute.admit(channel.name, self._now()) and self._upload_hour.admit(channel.name, self._now())):
            raise RefusedError(45009, "api freq out of limit")
        self._forget_old_uploads()
        upload_id = secrets.token_urlsafe(18)
        self._uploads[upload_id] = _Upload(kind, filename, size, chunks, str(body.get("md5", "")), channel.name, self._now())
        return {"upload_id": upload_id}

    def _upload_chunk(self, channel: Channel, _req_id: str, body: Body) -> None:
        upload, index = self._upload(channel, body), body.get("chunk_index")
        # The vendor's Node client counts from 0 although its own comment says 1: both are taken.
        if not isinstance(index, int) or not 0 <= index <= upload.chunks:
            raise RefusedError(40058, "chunk_index is out of range")
        try:
            data = base64.b64decode(str(body.get("base64_data", "")), validate=True)
        except binascii.Error:
            raise RefusedError(40058, "base64_data is not base64") from None
        if not 1 <= len(data) <= CHUNK_BYTES:
            raise RefusedError(40006, f"a chunk has 1 to {CHUNK_BYTES} bytes")
        upload.parts[index] = data

    def _upload_finish(self, channel: Channel, _req_id: str, body: Body) -> dict[str, Any]:
        upload = self._upload(channel, body)
        first = min(upload.parts, default=0)
        if sorted(upload.parts) != list(range(first, first + upload.chunks)) or first > 1:
            raise RefusedError(40058, "a chunk is missing")
        data = b"".join(upload.parts[index] for index in sorted(upload.parts))
        if len(data) != upload.size:
            raise RefusedError(40006, "total_size is not the size of the chunks")
        if upload.md5 and upload.md5 != hashlib.md5(data, usedforsecurity=False).hexdigest():
            raise RefusedError(40058, "md5 does not fit")
        self._uploads.pop(str(body["upload_id"]))
        media = Media(upload.kind, data, filename=upload.filename, expires_at=self._now() + MEDIA_LIFE_S, owner=_owner(channel))
        return {"type": upload.kind, "media_id": self._world.store(media), "created_at": str(int(self._now()))}

    def _upload(self, channel: Channel, body: Body) -> _Upload:
        self._forget_old_uploads()
        found = self._uploads.get(str(body.get("upload_id", "")))
        if found is None or found.bot != channel.name:
            raise RefusedError(40058, "invalid upload_id")
        return found

    def _forget_old_uploads(self) -> None:
        oldest = self._now() - UPLOAD_LIFE_S
        self._uploads = {key: upload for key, upload in self._uploads.items() if upload.begun_at > oldest}


def _check_stream(stream_id: str, content: str, stream: Body) -> None:
    if not stream_id:
        raise RefusedError(40058, "stream.id is missing")
    if len(content.encode()) > CONTENT_BYTES:
        raise RefusedError(45002, f"stream.content has more than {CONTENT_BYTES} bytes")
    if len(str((stream.get("feedback") or {}).get("id", "")).encode()) > 256:
        raise RefusedError(40058, "feedback.id has more than 256 bytes")
    if stream.get("msg_item"):
        raise RefusedError(40058, "msg_item is not supported over the long connection")


def _owner(channel: Channel) -> str:
    """Media belong to the bot that uploaded them: no app may use them."""
    return f"link:{channel.name}"


def _quote(world: World, sent: Sent) -> dict[str, str] | None:
    """In a group the bot's answer quotes the message it answers."""
    if sent.chat not in world.rooms or sent.post is None:
        return None
    return {"user": sent.user, "text": sent.post.text[:120], "post": str(sent.post.id)}
