"""Calls that need no token: the webhook key or a one-time code is the secret (manual pages 99110, 101138, 99399)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from simulator.calls.call import Call, Handler, articles_of, required_text
from simulator.cards import NOTICES, find_problem
from simulator.world import BOT, RefusedError, Room

RESPONSE_BYTES = 20_480
IMAGE_BYTES = 2_097_152


def _webhook_send(call: Call) -> dict[str, Any]:
    room, body = _room_of(call), call.body()
    kind = str(body.get("msgtype"))
    fields = _fields(call, body, kind)
    if not call.windows.webhook.admit(room.group.webhook_key, call.world.now()):
        raise RefusedError(45009, "api freq out of limit")
    call.world.post(room.group.id, BOT, _shown_kind(kind), via="webhook", **fields)
    return {}


def _room_of(call: Call) -> Room:
    room = call.world.room_of_key(call.args.get("key", ""))
    if room is None:
        raise RefusedError(93000, "invalid webhook url")
    return room


def _shown_kind(kind: str) -> str:
    return {"markdown_v2": "markdown", "template_card": "card"}.get(kind, kind)


def _fields(call: Call, body: dict[str, Any], kind: str) -> dict[str, Any]:
    if kind == "text":
        return {"text": required_text(body, kind, 2_048) + _mentions(body)}
    if kind in ("markdown", "markdown_v2"):
        return {"text": required_text(body, kind, 4_096)}
    if kind == "image":
        return {"image": _image(body.get("image") or {})}
    if kind == "news":
        return {"articles": articles_of(body)}
    if kind in ("file", "voice"):
        return {"text": _filename(call, str((body.get(kind) or {}).get("media_id", "")), kind)}
    if kind == "template_card":
        card = body.get("template_card")
        if problem := find_problem(card, NOTICES, place="webhook"):
            raise RefusedError(40058, problem)
        return {"card": card}
    raise RefusedError(40008, f"invalid message type {kind}")


def _mentions(body: dict[str, Any]) -> str:
    names = body["text"].get("mentioned_list") or []
    if not isinstance(names, list):
        raise RefusedError(40058, "mentioned_list is not a list")
    return "".join(f" <@{name}>" for name in names if f"<@{name}>" not in body["text"]["content"])


def _image(part: dict[str, Any]) -> str:
    try:
        data = base64.b64decode(str(part.get("base64", "")), validate=True)
    except binascii.Error as error:
        raise RefusedError(40058, "image.base64 is not base64") from error
    if not data or len(data) > IMAGE_BYTES:
        raise RefusedError(40058, "the image is empty or has more than 2 MB")
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != str(part.get("md5", "")).lower():
        raise RefusedError(40058, "image.md5 does not fit")
    kind = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg"}
    form = next((name for magic, name in kind.items() if data.startswith(magic)), "")
    if not form:
        raise RefusedError(40058, "the image is neither JPG nor PNG")
    return f"data:image/{form};base64,{base64.b64encode(data).decode()}"


def _filename(call: Call, media_id: str, kind: str) -> str:
    media = call.world.find_media(media_id)
    if media is None or media.kind != kind or media.owner != call.args.get("key"):
        raise RefusedError(40007, "invalid media_id")
    return media.filename


def _webhook_upload(call: Call) -> dict[str, Any]:
    room = _room_of(call)
    return call.keep_upload(owner=room.group.webhook_key)


def _response(call: Call) -> dict[str, Any]:
    """The active answer of the aibot. The manual names no error codes here: 40058 stands in for a used or expired code."""
    code, body = call.args.get("response_code", ""), call.body()
    found = call.world.look_at_code("response", code)
    if found is None:
        raise RefusedError(40058, "invalid response_code: unknown, used or expired")
    kind = body.get("msgtype")
    place = {"via": "response", "channel": found["channel"], "quote": found["quote"]}
    if kind == "markdown":
        content = required_text(body, "markdown", RESPONSE_BYTES)
        call.world.use_code(code)
        call.world.post(found["chat"], BOT, "markdown", text=content, **place)
        return {}
    if kind != "template_card":
        raise RefusedError(40008, f"invalid message type {kind}")
    if found["chat"] in call.world.rooms:
        raise RefusedError(40058, "a card is only allowed in the single chat")
    if problem := find_problem(body.get("template_card")):
        raise RefusedError(40058, problem)
    call.world.use_code(code)
    call.world.post(found["chat"], BOT, "card", card=body["template_card"], **place)
    return {}


def _chat_info(call: Call) -> dict[str, Any]:
    code = call.args.get("code", "")
    found = call.world.look_at_code("chat_info", code)
    if found is None:
        raise RefusedError(40058, "invalid code: unknown, used or expired")
    call.world.use_code(code)
    room = call.world.rooms[found["chat"]]
    members = [{"userid": user, "alias": user, "name": call.world.people[user].name} for user in room.members]
    return {"chatid": room.group.id, "name": room.group.name, "chattype": "group", "members": members}


ROBOT_CALLS: dict[tuple[str, str], Handler] = {
    ("POST", "/cgi-bin/webhook/send"): _webhook_send,
    ("POST", "/cgi-bin/webhook/upload_media"): _webhook_upload,
    ("GET", "/cgi-bin/webhook/get_chat_info"): _chat_info,
    ("POST", "/cgi-bin/aibot/response"): _response,
}
