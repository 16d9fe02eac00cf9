"""WeCom's side of the aibot's long connection, on a loopback port without TLS (manual page 101463).

A bot subscribes with its id and secret, gets callbacks as frames, and answers by their ``req_id``. One connection per bot is live: a new
subscription pushes the old one out. Every frame is kept, so that a test can look at what was really said.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from threading import Condition, Event, Lock, Thread, Timer
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from simulator import payloads
from simulator.answers import Sent
from simulator.config import Channel
from simulator.faults import Fault, Faults
from simulator.link_commands import Commands, Turn
from simulator.wire import Wire, WireRow
from simulator.world import Post, RefusedError, World, single_chat

KEEP_FRAMES = 20_000
MAX_FRAME_BYTES = 2 * 1024 * 1024
_EVENT_KINDS = {"enter_chat": "enter_chat", "template_card_event": "card", "feedback_event": "feedback"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame on the wire. ``sent_by`` is bot or wecom, ``line`` the number of the connection; secrets and media are masked in ``frame``."""

    n: int
    at: float
    sent_by: str
    line: int
    frame: dict[str, Any]

    @property
    def cmd(self) -> str:
        """The command, or the empty string of an acknowledgement."""
        return str(self.frame.get("cmd", ""))


class _Line:
    """One connection. ``channel`` is set once it has subscribed; its lock keeps the record in the order of the wire."""

    def __init__(self, number: int, socket_: ServerConnection) -> None:
        self.number = number
        self.socket = socket_
        self.channel: Channel | None = None
        self.lock = Lock()

    def cut(self) -> None:
        """The network goes away: no closing handshake."""
        try:
            self.socket.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


class LongLink:
    """The running server of every ``aibot_ws`` channel of a world. A context manager that closes itself.

    Trouble is ordered with ``faults.add(cmd, …)``: ``errcode`` refuses without effect; ``drop="before"`` cuts the connection before the frame
    takes effect, ``drop="after"`` behind it; ``drop="ack"`` lets it take effect and acknowledges nothing; ``delay_s`` acknowledges late.
    Callbacks and commands also become rows of ``wire``. OSError when the port is taken.
    """

    def __init__(
        self, world: World, now: Callable[[], float], *, faults: Faults | None = None, wire: Wire | None = None, port: int = 0
    ) -> None:
        self.world = world
        self._wire = wire or Wire()
        self.faults = faults or Faults()
        self.commands = Commands(world, now)
        self._now = now
        self._closing = Event()
        self._frames: deque[Frame] = deque(maxlen=KEEP_FRAMES)
        self._frame_count = self._line_count = 0
        self._open: set[_Line] = set()
        self._lines: dict[str, _Line] = {}
        self._changed = Condition()
        self._subscribing = Lock()  # a newcomer has its acknowledgement before the next one pushes it out
        quiet = logging.getLogger("simulator.longlink")
        quiet.setLevel(logging.CRITICAL)  # a cut connection is a test's wish, not an error
        self._server = serve(self._serve, "127.0.0.1", port, ping_interval=None, max_size=MAX_FRAME_BYTES, close_timeout=1, logger=quiet)
        self.port = int(self._server.socket.getsockname()[1])
        self.url = f"ws://127.0.0.1:{self.port}"
        self._thread = Thread(target=self._server.serve_forever, name="pretend-wecom-link", daemon=True)
        self._thread.start()

    # -- what members do

    def say(self, user: str, text: str, chat: str = "", channel: str = "") -> Turn:
        """A member writes: in a group (``chat``; the bot's mention is put in front) or in the single chat. Does not wait for an answer."""
        target = self.channel(channel)
        heard = f"@{self.world.config.bot_name} {text}" if chat else text
        place = chat or single_chat(target.name, user)
        post = self.world.post(place, user, "text", text=heard, channel=target.name, state="sending")
        msgid = _fresh_id()
        plain = payloads.aibot_message(
            msgid=msgid, aibotid=target.bot_id, user=user, chat=chat, response_url=None, body=payloads.text(heard)
        )
        return self.deliver(Sent(target, plain, msgid, "message", user, place, 0, post=post))

    def event(
        self, user: str, name: str, detail: dict[str, Any] | None = None, chat: str = "", channel: str = "", clicked: Post | None = None
    ) -> Turn:
        """A member does something: enter_chat, template_card_event or feedback_event with its detail."""
        target = self.channel(channel)
        where = {"chatid": chat, "chattype": "group"} if chat else {"chattype": "single"}
        msgid = _fresh_id()
        plain = payloads.aibot_event(msgid=msgid, aibotid=target.bot_id, user=user, at=int(self._now()), name=name, detail=detail, **where)
        place = chat or single_chat(target.name, user)
        return self.deliver(Sent(target, plain, msgid, _EVENT_KINDS.get(name, "event"), user, place, 0, clicked=clicked))

    def click(self, user: str, post: Post, key: str, selected: Mapping[str, list[str]] | None = None) -> Turn:
        """A member clicks on a card that the bot has shown."""
        card = post.card_of(user)
        if card is None:
            raise KeyError("the post has no card")
        chat = post.chat if post.chat in self.world.rooms else ""
        return self.event(user, "template_card_event", payloads.card_click(card, key, selected or {}), chat, post.channel, post)

    def deliver(self, sent: Sent) -> Turn:
        """Push a callback out over the bot's live connection. Without one it is lost: no source says that WeCom sends it again."""
        turn = Turn(_fresh_id(), sent, self._now())
        self.commands.open_turn(turn)  # first, because the answer may be here before the push returns
        cmd = "aibot_msg_callback" if sent.kind == "message" else "aibot_event_callback"
        line = self._lines.get(sent.channel.bot_id)
        frame = {"cmd": cmd, "headers": {"req_id": turn.req_id}, "body": json.loads(sent.plaintext)}
        turn.delivered = line is not None and self._push(line, frame)
        status, plain = 200 if turn.delivered else 0, _plain(frame)
        self._wire.record(WireRow("callback", sent.channel.name, plain, status=status, msgid=sent.msgid, at=self._now()))
        if sent.post is not None:
            self.world.change(sent.post, state="delivered" if turn.delivered else "failed", msgid=sent.msgid)
        return turn

    # -- what a test looks at

    @property
    def frames(self) -> list[Frame]:
        """Every kept frame of all connections, oldest first."""
        with self._changed:
            return list(self._frames)

    def shown(self, chat: str, channel: str = "") -> list[Post]:
        """The bot's posts in a group, or in the single chat of a user, as members see them now."""
        place = chat if chat in self.world.rooms else single_chat(self.channel(channel).name, chat)
        return [post for post in self.world.posts(place) if post.sender == "bot"]

    def live_connections(self, bot_id: str) -> int:
        """How many connections get this bot's callbacks: 0 or 1."""
        return int(bot_id in self._lines)

    def wait_until(self, holds: Callable[[], bool], timeout_s: float = 60.0) -> bool:
        """Waits until a frame or a connection made the condition true; False when time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: holds() or self._closing.is_set(), timeout_s) and holds()

    def cut(self, bot_id: str) -> None:
        """Tear the bot's live connection as a network does."""
        line = self._lines.get(bot_id)
        if line is not None:
            line.cut()

    def channel(self, name: str = "") -> Channel:
        """The named channel, or the first one with a long connection. KeyError when there is none."""
        found = self.world.channels.get(name) if name else self.world.find_channel("aibot_ws")
        if found is None or found.kind != "aibot_ws":
            raise KeyError(f"no aibot_ws channel {name!r}")
        return found

    def close(self) -> None:
        """End all connections and stop listening."""
        self._closing.set()
        self._tell_change()
        with self._changed:
            lines = list(self._open)
        for line in lines:
            line.cut()  # the library would wait without end for a client that says goodbye and then keeps its socket
        self._server.shutdown()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the wire

    def _serve(self, connection: ServerConnection) -> None:
        with self._changed:
            self._line_count += 1
            line = _Line(self._line_count, connection)
            self._open.add(line)
        try:
            for raw in connection:
                self._take(line, raw)
        except ConnectionClosed:
            return
        finally:
            self._forget(line)

    def _take(self, line: _Line, raw: str | bytes) -> None:
        try:
            frame = json.loads(raw)
            cmd, req_id, body = str(frame["cmd"]), str(frame["headers"]["req_id"]), frame.get("body") or {}
        except (ValueError, KeyError, TypeError):
            line.socket.close(1008, "not a frame")
            return
        with line.lock:
            self._record(line, "bot", frame)
        fault = self.faults.take(cmd)
        if fault and fault.drop == "before":
            line.cut()
            return
        with self._subscribing if cmd == "aibot_subscribe" else nullcontext():
            ack = self._act(line, cmd, req_id, body if isinstance(body, dict) else {}, fault)
            self._wire.record(WireRow("rest", cmd, _plain(_masked(frame)), _plain(ack), status=200, at=self._now()))
            self._acknowledge(line, ack, fault)
        self._tell_change()

    def _act(self, line: _Line, cmd: str, req_id: str, body: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
        try:
            if fault and fault.errcode:
                raise RefusedError(fault.errcode, "ordered fault")
            answer = self._run(line, cmd, req_id, body)
        except RefusedError as refusal:
            return {"headers": {"req_id": req_id}, "errcode": refusal.errcode, "errmsg": refusal.errmsg}
        ack: dict[str, Any] = {"headers": {"req_id": req_id}, "errcode": 0, "errmsg": "ok"}
        return ack | ({"body": answer} if answer is not None else {})

    def _run(self, line: _Line, cmd: str, req_id: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if cmd == "aibot_subscribe":
            self._subscribe(line, body)
            return None
        if line.channel is None or self._lines.get(line.channel.bot_id) is not line:
            raise RefusedError(40058, "this connection has not subscribed")
        return None if cmd == "ping" else self.commands.run(line.channel, cmd, req_id, body)

    def _acknowledge(self, line: _Line, ack: dict[str, Any], fault: Fault | None) -> None:
        if fault and fault.drop == "after":
            line.cut()
        elif fault and fault.drop == "ack":
            return
        elif fault and fault.delay_s:
            late = Timer(fault.delay_s, self._push, (line, ack))
            late.daemon = True
            late.start()
        else:
            self._push(line, ack)

    def _subscribe(self, line: _Line, body: Mapping[str, Any]) -> None:
        bot_id, secret = str(body.get("bot_id", "")), str(body.get("secret", ""))
        channel = next((c for c in self.world.channels.values() if c.kind == "aibot_ws" and c.bot_id == bot_id), None)
        if channel is None or not secrets.compare_digest(channel.secret.encode(), secret.encode()):
            raise RefusedError(40001, "invalid bot_id or secret")
        line.channel = channel
        with self._changed:
            old, self._lines[bot_id] = self._lines.get(bot_id), line
        if old is not None and old is not line:
            self._push_out(old, channel)

    def _push_out(self, old: _Line, channel: Channel) -> None:
        """Tell a connection that another has taken its place, and close it without keeping the new one waiting."""
        event = {"eventtype": "disconnected_event"}
        body = {"msgid": _fresh_id(), "create_time": int(self._now()), "aibotid": channel.bot_id, "msgtype": "event", "event": event}
        self._push(old, {"cmd": "aibot_event_callback", "headers": {"req_id": _fresh_id()}, "body": body})
        Thread(target=old.socket.close, args=(1000, "replaced"), daemon=True).start()

    def _push(self, line: _Line, frame: dict[str, Any]) -> bool:
        """True if the connection took the frame."""
        with line.lock:
            kept = self._record(line, "wecom", frame)  # before it can be answered, or looked for
            try:
                line.socket.send(_plain(frame))
            except (ConnectionClosed, OSError):
                with self._changed, suppress(ValueError):
                    self._frames.remove(kept)
                return False
        return True

    def _record(self, line: _Line, sent_by: str, frame: Mapping[str, Any]) -> Frame:
        with self._changed:
            self._frame_count += 1
            kept = Frame(self._frame_count, self._now(), sent_by, line.number, _masked(frame))
            self._frames.append(kept)
            self._changed.notify_all()
            return kept

    def _forget(self, line: _Line) -> None:
        with self._changed:
            self._open.discard(line)
            if line.channel is not None and self._lines.get(line.channel.bot_id) is line:
                del self._lines[line.channel.bot_id]
            self._changed.notify_all()

    def _tell_change(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _masked(frame: Mapping[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(frame))
    body = copy.get("body")
    if isinstance(body, dict):
        if "secret" in body:
            body["secret"] = "***"
        if "base64_data" in body:
            body["base64_data"] = f"[{len(str(body['base64_data']))} characters]"
    return copy


def _plain(frame: Mapping[str, Any]) -> str:
    return json.dumps(frame, ensure_ascii=False)


def _fresh_id() -> str:
    return secrets.token_urlsafe(18)
