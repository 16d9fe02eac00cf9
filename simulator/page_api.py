"""What the chat page asks for: its files, what is new since a revision, and the things a member can do."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request, send_from_directory
from werkzeug.exceptions import HTTPException

from simulator.pretend import PretendWeCom
from simulator.wire import WireRow
from simulator.world import Post, single_chat

PAGE = Path(__file__).parent / "page"
SHANGHAI_OFFSET = timedelta(hours=8)
TEXT_CHARACTERS = 4_000
IMAGE_BYTES = 1_000_000
WIRE_CHARACTERS = 6_000
WIRE_ROWS = 100
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
_SECRETS = re.compile(
    r"((?:access_token|corpsecret|response_code|echostr|key|code)=|\"(?:access_token|response_code|welcome_code)\":\s*\""
    r"|<(?:ResponseCode|WelcomeCode)><!\[CDATA\[)([^&\"\s\]<>]{7,})"
)


class _RejectedError(Exception):
    """What the page did cannot be done; the text is shown to the person."""


def page_blueprint(pretend: PretendWeCom) -> Blueprint:
    """Routes below ``/demo/``."""
    routes = Blueprint("page", __name__, url_prefix="/demo")
    page = _Page(pretend)

    @routes.errorhandler(_RejectedError)
    def rejected(error: _RejectedError) -> tuple[Response, int]:
        return jsonify(error=str(error)), 400

    @routes.errorhandler(HTTPException)
    def failed(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500

    @routes.get("/")
    def index() -> Response:
        return _file("index.html")

    @routes.get("/<name>")
    def asset(name: str) -> Response:
        return _file(name)

    @routes.get("/media/<media_id>")
    def media(media_id: str) -> Response:
        found = pretend.world.find_media(media_id)
        return (
            Response(found.data, mimetype=found.mime) if found and found.kind == "image" else Response("gone", 404, mimetype="text/plain")
        )

    for name, view in page.reads.items():
        routes.add_url_rule(f"/api/{name}", name, _answering(view), methods=["GET"])
    for name, act in page.acts.items():
        routes.add_url_rule(f"/api/{name}", name, _answering(act), methods=["POST"])
    return routes


def _answering(view: Callable[[], dict[str, Any]]) -> Callable[[], Response]:
    def answer() -> Response:
        response = jsonify(view())
        response.headers["Cache-Control"] = "no-store"
        return response

    return answer


def _file(name: str) -> Response:
    response = send_from_directory(PAGE, name)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


class _Page:
    """The page's reads and acts; ``epoch`` tells a page that the simulator was started anew."""

    def __init__(self, pretend: PretendWeCom) -> None:
        self.pretend = pretend
        self.world = pretend.world
        self.epoch = secrets.token_hex(6)
        self._entered: set[tuple[str, str, str]] = set()
        self.reads = {"start": self.start, "updates": self.updates, "wire": self.wire}
        self.acts = {
            "say": self.say, "image": self.image, "click": self.click, "join": self.join, "leave": self.leave, "enter": self.enter,
            "repeat": self.repeat,
        }  # fmt: skip

    # -- reads

    def start(self) -> dict[str, Any]:
        """What does not change while the simulator runs."""
        channels = [{"name": c.name, "kind": c.kind} for c in self.world.channels.values()]
        return {"epoch": self.epoch, "bot_name": self.pretend.config.bot_name, "channels": channels}

    def updates(self) -> dict[str, Any]:
        """Posts of the viewer's chats changed after a revision, and the roster if it changed."""
        who, after = request.args.get("who", ""), request.args.get("after", 0, type=int)
        if request.args.get("epoch") != self.epoch:
            after = 0
        with self.world.lock:
            chats = self._chats(who)
            posts = [self._post(post, who) for chat in chats for post in self._posts(chat["id"], who, after)]
            answer: dict[str, Any] = {"epoch": self.epoch, "rev": self.world.rev, "posts": sorted(posts, key=lambda post: int(post["id"]))}
            if self.world.roster_rev > after:
                answer |= {"people": [asdict(person) for person in self.world.people.values()], "chats": chats}
            return answer

    def wire(self) -> dict[str, Any]:
        """The last exchanges after a number, with shortened secrets."""
        rows = self.pretend.wire.rows(request.args.get("after", 0, type=int))
        return {"epoch": self.epoch, "rows": [_shown_row(row) for row in rows[-WIRE_ROWS:]]}

    def _chats(self, who: str) -> list[dict[str, Any]]:
        rooms = [
            {"id": room.group.id, "name": room.group.name, "kind": "group", "members": list(room.members), "inside": who in room.members}
            for room in self.world.rooms.values()
        ]
        kinds = {"aibot": self.pretend.config.bot_name, "aibot_ws": self.pretend.config.bot_name, "app": "群管家", "robot": "群机器人"}
        singles = [
            {"id": single_chat(c.name, who), "name": kinds[c.kind], "kind": c.kind, "channel": c.name, "members": [who], "inside": True}
            for c in self.world.channels.values()
            if c.kind in kinds
        ]
        return rooms + singles

    def _posts(self, chat: str, who: str, after: int) -> list[Post]:
        """What a viewer may see of a chat: nothing from outside, and nothing from before he came."""
        room = self.world.rooms.get(chat)
        since_ms = 0 if room is None else room.members.get(who, -1) * 1000
        return [post for post in self.world.posts(chat, after) if _visible(post, who) and 0 <= since_ms <= post.at_ms]

    def _post(self, post: Post, who: str) -> dict[str, Any]:
        shown = {
            name: getattr(post, name)
            for name in ("id", "rev", "chat", "sender", "kind", "at_ms", "text", "quote", "image", "articles", "state", "via")
        }
        repeatable = post.sender == who and bool(post.msgid)
        return {**shown, "card": post.card_of(who), "recalled": post.recalled, "msgid": post.msgid if repeatable else ""}

    # -- acts

    def say(self) -> dict[str, Any]:
        """A member writes into a chat; the mention is what the text says."""
        fields = _fields()
        who, chat, text = self._who(fields), self._chat(fields), str(fields.get("text", "")).strip()
        if not text:
            raise _RejectedError("先写点什么再发送")
        if len(text) > TEXT_CHARACTERS:
            raise _RejectedError(f"一条消息最多 {TEXT_CHARACTERS} 个字")
        quote = self.world.find_post(int(fields["quote"])) if str(fields.get("quote") or "").isdigit() else None
        quoted = _quotable(quote) if quote and quote.chat == fields.get("chat") else None
        self.pretend.later(self.pretend.say, who, text, mention=False, quote=quoted, **chat)
        return {"ok": True}

    def image(self) -> dict[str, Any]:
        """A member sends a picture (base64 of a PNG or JPEG)."""
        fields = _fields()
        who, chat = self._who(fields), self._chat(fields)
        try:
            data = base64.b64decode(str(fields.get("data", "")), validate=True)
        except binascii.Error as error:
            raise _RejectedError("图片没有读懂") from error
        if not data.startswith((b"\x89PNG", b"\xff\xd8\xff")) or len(data) > IMAGE_BYTES:
            raise _RejectedError("只能发送 1 MB 以内的 PNG 或 JPEG 图片")
        self.pretend.later(self.pretend.send_image, who, data=data, **chat)
        return {"ok": True}

    def click(self) -> dict[str, Any]:
        """A member presses a button of a card."""
        fields = _fields()
        who, selected = self._who(fields), fields.get("selected") or {}
        if not isinstance(selected, dict):
            raise _RejectedError("选择没有读懂")
        chosen = {str(question): [str(option) for option in options] for question, options in selected.items()}
        self.pretend.later(self.pretend.click, who, int(fields.get("post") or 0), str(fields.get("key", "")), chosen)
        return {"ok": True}

    def join(self) -> dict[str, Any]:
        """Somebody new (by name) or somebody known enters a group; answers who it is."""
        fields = _fields()
        group, name = str(fields.get("chat", "")), " ".join(str(fields.get("name", "")).split())[:24]
        if group not in self.world.rooms:
            raise _RejectedError("没有这个群")
        if not name and fields.get("who") not in self.world.people:
            raise _RejectedError("写上新成员的名字")
        person = self.world.add_person(name) if name else self.world.people[str(fields["who"])]
        self.pretend.later(self.pretend.join, person.user, group, name=person.name)
        return {"ok": True, "user": person.user}

    def leave(self) -> dict[str, Any]:
        """A member leaves a group."""
        fields = _fields()
        who, group = self._who(fields), str(fields.get("chat", ""))
        if group not in self.world.rooms or who not in self.world.rooms[group].members:
            raise _RejectedError("已经不在这个群里了")
        self.pretend.later(self.pretend.leave, who, group)
        return {"ok": True}

    def enter(self) -> dict[str, Any]:
        """A member opens a single chat: WeCom tells the robot once a day."""
        fields = _fields()
        who, chat = self._who(fields), self._chat(fields)
        day = (datetime.fromtimestamp(self.pretend.now(), UTC) + SHANGHAI_OFFSET).date().isoformat()
        once = (who, str(chat.get("channel", "")), day)
        if chat.get("chat") or once in self._entered:
            return {"ok": True, "told": False}
        self._entered.add(once)
        self.pretend.later(self.pretend.enter_chat, who, **chat)
        return {"ok": True, "told": True}

    def repeat(self) -> dict[str, Any]:
        """The network delivers a message a second time."""
        self.pretend.later(self.pretend.repeat, str(_fields().get("msgid", "")))
        return {"ok": True}

    def _who(self, fields: dict[str, Any]) -> str:
        who = str(fields.get("who", ""))
        if who not in self.world.people:
            raise _RejectedError("先选择你是谁")
        return who

    def _chat(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The chat and channel arguments for a chat id of the page."""
        chat, who = str(fields.get("chat", "")), str(fields.get("who", ""))
        if chat in self.world.rooms:
            if who not in self.world.rooms[chat].members:
                raise _RejectedError("你不在这个群里，先加入")
            return {"chat": chat, **self._group_channel()}
        for channel in self.world.channels.values():
            if chat == single_chat(channel.name, who):
                return {"channel": channel.name}
        raise _RejectedError("没有这个聊天")

    def _group_channel(self) -> dict[str, Any]:
        kinds = {channel.kind for channel in self.world.channels.values()}
        robot = self.world.find_channel("robot")
        return {"channel": robot.name} if robot and not kinds & {"aibot", "aibot_ws"} else {}


def _fields() -> dict[str, Any]:
    found = request.get_json(silent=True)
    return found if isinstance(found, dict) else {}


def _visible(post: Post, who: str) -> bool:
    return not post.only_for or who in post.only_for


def _quotable(post: Post) -> str:
    if post.text:
        return post.text
    card = post.card or {}
    return str((card.get("main_title") or {}).get("title") or "[图片]")


def _shown_row(row: WireRow) -> dict[str, Any]:
    shown = asdict(row)
    for name in ("plaintext", "answer", "sealed", "answer_sealed", "query"):
        shown[name] = _shorten(shown[name])
    return shown


def _shorten(text: str) -> str:
    """Secrets down to their first four characters, and long texts to what a drawer can show."""
    safe = _SECRETS.sub(lambda found: f"{found[1]}{found[2][:4]}…", text[: 4 * WIRE_CHARACTERS])
    return safe if len(safe) <= WIRE_CHARACTERS else f"{safe[:WIRE_CHARACTERS]}…（共 {len(text)} 字符）"
