"""One live long connection to WeCom (path 101463): subscribed, kept alive, frames out with their acknowledgements, callbacks in.

A frame is JSON: ``cmd``, ``headers.req_id``, ``body``; its acknowledgement has the same req_id and no ``cmd``. Nothing is encrypted beyond
TLS, and nothing has to reach us from outside.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import structlog
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from bot.client import NoAnswer
from bot.errors import ApiError
from bot.scrub import scrub

log = structlog.get_logger(__name__)

CONNECT_S = 10.0
ACK_S = 5.0
"""How long WeCom's own clients wait for an acknowledgement."""
LATE_S = 60.0
"""How long an acknowledgement that nobody waits for any more is still expected, so that it is not taken for the next frame's."""
PING_S = 30.0
MISSED_PONGS = 2
CHUNK_BYTES = 524_288
"""The largest part of an upload, before base64."""
MOST_CHUNKS = 100
LARGEST = {"image": 10 * 1_048_576, "video": 10 * 1_048_576, "voice": 2 * 1_048_576, "file": 20 * 1_048_576}
"""The largest upload of each kind, in bytes."""
MAX_FRAME_BYTES = 4_194_304

_CALLBACKS = {"aibot_msg_callback": False, "aibot_event_callback": True}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Callback:
    """Something that a member said or did: ``payload`` is the callback's JSON, ``req_id`` what an answer has to name."""

    req_id: str = field(repr=False)
    payload: str = field(repr=False)
    is_event: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection is over. ``is_kicked``: WeCom ended it because the same bot subscribed elsewhere."""

    reason: str
    is_kicked: bool = False


def upload(ask: Callable[[str, Mapping[str, Any]], Mapping[str, Any]], kind: str, filename: str, content: bytes) -> str:
    """Uploads a file in parts, each by an ``ask`` for a command and its body; gives its media id, good for three days. Raises ApiError."""
    if not content or len(content) > min(LARGEST[kind], CHUNK_BYTES * MOST_CHUNKS):
        raise ApiError(None, f"文件为空，或超过 {LARGEST[kind] // 1_048_576} MB")
    parts = [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
    opened = ask(
        "aibot_upload_media_init",
        {
            "type": kind,
            "filename": filename,
            "total_size": len(content),
            "total_chunks": len(parts),
            "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        },
    )
    upload_id = str(opened.get("upload_id", ""))
    for number, part in enumerate(parts, 1):
        data = base64.b64encode(part).decode()
        ask("aibot_upload_media_chunk", {"upload_id": upload_id, "chunk_index": number, "base64_data": data})
    media_id = ask("aibot_upload_media_finish", {"upload_id": upload_id}).get("media_id")
    if not media_id:
        raise NoAnswer("上传后没有得到 media_id", may_have_arrived=True)
    return str(media_id)


class _Waiting:
    """Somebody who waits for the acknowledgement of a frame. ``answer`` without ``is_here`` may be meant for an earlier frame."""

    __slots__ = ("answer", "has_given_up", "is_here")

    def __init__(self) -> None:
        self.is_here = threading.Event()
        self.has_given_up = False
        self.answer: dict[str, Any] | None = None

    def give(self, answer: dict[str, Any] | None) -> None:
        """Hands the acknowledgement over; None when it cannot come any more."""
        self.answer = answer
        self.is_here.set()


class LongLink:
    """A subscribed connection. One thread reads it (:meth:`run`), any may :meth:`ask`.

    ``on_callback`` is called by the reading thread and must not block.
    """

    def __init__(self, socket: ClientConnection, on_callback: Callable[[Callback], None], *, ping_s: float, ack_s: float) -> None:
        self._socket = socket
        self._on_callback = on_callback
        self._ping_s = ping_s
        self._ack_s = ack_s
        self._waiting: defaultdict[str, deque[_Waiting]] = defaultdict(deque)
        self._late: deque[tuple[float, str, _Waiting]] = deque()
        self._lock = threading.Lock()
        self._order = threading.Lock()  # acknowledgements of one req_id come in the order of its frames
        self._pings: set[str] = set()
        self._is_kicked = False
        self._is_over = False
        self._heard_at = time.monotonic()

    @classmethod
    def open(
        cls,
        url: str,
        bot_id: str,
        secret: str,
        on_callback: Callable[[Callback], None],
        *,
        ping_s: float = PING_S,
        ack_s: float = ACK_S,
        connect_s: float = CONNECT_S,
    ) -> Self:
        """Connects and subscribes. Raises ApiError with WeCom's code when it refuses the bot, NoAnswer when there is no connection."""
        link = cls(_connect(url, connect_s), on_callback, ping_s=ping_s, ack_s=ack_s)
        try:
            link._subscribe(bot_id, secret)
        except BaseException:
            link.close()
            raise
        return link

    def run(self) -> Ending:
        """Reads until the connection is over, and says why."""
        reason = "closed"
        try:
            reason = self._read_on()
        except (WebSocketException, OSError) as error:
            reason = scrub(f"{type(error).__name__}: {error}")
        except Exception as error:  # a reader that dies unseen would leave a connection that hears nothing
            log.exception("long connection failed", error=type(error).__name__)
            reason = f"bug: {type(error).__name__}"
        finally:
            self._end()
        return Ending(reason, self._is_kicked)

    @property
    def is_silent(self) -> bool:
        """Whether a ping has waited for its answer: nobody knows whether the connection is alive."""
        return bool(self._pings) and time.monotonic() - self._heard_at > self._ack_s

    @property
    def is_over(self) -> bool:
        """Whether nobody can be asked any more."""
        return self._is_over

    def ask(self, cmd: str, body: Mapping[str, Any], *, req_id: str = "") -> dict[str, Any]:
        """Sends a frame and gives the body of its acknowledgement; ``req_id`` is that of the callback it answers, "" for a new one.

        Raises ApiError with WeCom's errcode, or NoAnswer: in ``ACK_S`` seconds, or ever, if the connection broke.
        """
        return self._judge(self._exchange(cmd, body, req_id or new_req_id(cmd)))

    def upload(self, kind: str, filename: str, content: bytes) -> str:
        """Uploads an image, voice, video or file in parts and gives its media id, good for three days. Raises ApiError."""
        return upload(self.ask, kind, filename, content)

    def close(self) -> None:
        """Ends the connection; who waits for an acknowledgement learns that none will come."""
        self._end()

    # Below: the frames ----------------------------------------------------------------------------------------------------

    def _subscribe(self, bot_id: str, secret: str) -> None:
        req_id = new_req_id("aibot_subscribe")
        waiting = self._send("aibot_subscribe", {"bot_id": bot_id, "secret": secret}, req_id)
        deadline = time.monotonic() + self._ack_s
        # Nobody reads yet; a callback that comes ahead of the acknowledgement is taken in all the same.
        while not waiting.is_here.is_set():
            try:
                self._take(self._socket.recv(timeout=max(deadline - time.monotonic(), 0)))
            except (WebSocketException, OSError, TimeoutError) as error:
                raise NoAnswer(f"订阅没有应答（{type(error).__name__}）", may_have_arrived=False) from None
        self._judge(waiting.answer)

    def _read_on(self) -> str:
        next_ping = time.monotonic() + self._ping_s
        while True:
            left_s = next_ping - time.monotonic()
            if left_s <= 0:
                if len(self._pings) >= MISSED_PONGS:
                    return f"{MISSED_PONGS} pings without an answer"
                self._ping()
                next_ping += self._ping_s
                continue
            try:
                self._take(self._socket.recv(timeout=left_s))
            except TimeoutError:
                continue
            if self._is_kicked:
                return "another connection took over"

    def _ping(self) -> None:
        req_id = new_req_id("ping")
        self._pings.add(req_id)
        self._write({"cmd": "ping", "headers": {"req_id": req_id}})

    def _take(self, data: str | bytes) -> None:
        self._heard_at = time.monotonic()
        try:
            frame = _decode(data)
            headers = frame.get("headers")
            req_id = str(headers.get("req_id", "")) if isinstance(headers, dict) else ""
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("frame is not a JSON object", bytes=len(data))
            return
        cmd = frame.get("cmd")
        if cmd in _CALLBACKS:
            self._take_callback(frame.get("body"), req_id, is_event=_CALLBACKS[cmd])
        elif "errcode" in frame:
            self._take_ack(req_id, frame)
        else:
            log.info("frame of an unknown kind", cmd=str(cmd)[:64])

    def _take_callback(self, body: object, req_id: str, *, is_event: bool) -> None:
        if not isinstance(body, dict):
            log.warning("callback without a body")
            return
        event = body.get("event")
        if is_event and isinstance(event, dict) and event.get("eventtype") == "disconnected_event":
            self._is_kicked = True
            return
        self._on_callback(Callback(req_id, _encode(body).decode(), is_event))

    def _take_ack(self, req_id: str, frame: dict[str, Any]) -> None:
        self._pings.discard(req_id)
        if req_id.startswith("ping"):
            self._pings.clear()  # who answers a later ping is alive
        with self._lock:
            queue = self._waiting.get(req_id)
            waiting = queue.popleft() if queue else None
            if queue is not None and not queue:
                del self._waiting[req_id]
            if waiting and waiting.has_given_up:
                # Late, or the next frame's own where the earlier was lost: whoever is next keeps it, in case nothing else comes.
                following = next((each for each in queue or () if not each.has_given_up), None)
                if following:
                    following.answer = frame
                return
        if waiting:
            waiting.give(frame)

    def _exchange(self, cmd: str, body: Mapping[str, Any], req_id: str) -> dict[str, Any] | None:
        waiting = self._send(cmd, body, req_id)
        if not waiting.is_here.wait(self._ack_s):
            self._give_up(req_id, waiting)
        return waiting.answer

    def _give_up(self, req_id: str, waiting: _Waiting) -> None:
        """Leaves the place of one whose acknowledgement did not come: it may come yet. One that may have been his is taken for his."""
        now = time.monotonic()
        with self._lock:
            waiting.has_given_up = True
            old = [self._late.popleft() for _ in range(len(self._late)) if self._late[0][0] < now - LATE_S]
            if waiting.answer is None and not self._is_over:
                self._late.append((now, req_id, waiting))
        for _, late_id, late in old:
            self._forget(late_id, late)
        if waiting.answer is not None:
            self._forget(req_id, waiting)

    def _send(self, cmd: str, body: Mapping[str, Any], req_id: str) -> _Waiting:
        waiting, frame = _Waiting(), {"cmd": cmd, "headers": {"req_id": req_id}, "body": body}
        with self._order:
            with self._lock:
                if self._is_over:
                    raise NoAnswer("长连接已断开", may_have_arrived=False)
                self._waiting[req_id].append(waiting)
            try:
                self._write(frame)
            except (WebSocketException, OSError) as error:
                self._forget(req_id, waiting)
                raise NoAnswer(f"长连接已断开（{type(error).__name__}）", may_have_arrived=False) from None
        return waiting

    def _write(self, frame: Mapping[str, Any]) -> None:
        self._socket.send(_encode(frame).decode())

    def _forget(self, req_id: str, waiting: _Waiting) -> None:
        with self._lock:
            queue = self._waiting.get(req_id)
            if queue and waiting in queue:
                queue.remove(waiting)
            if queue is not None and not queue:
                del self._waiting[req_id]

    def _judge(self, answer: dict[str, Any] | None) -> dict[str, Any]:
        if answer is None:
            raise NoAnswer("长连接上没有应答", may_have_arrived=True)
        code = answer.get("errcode")
        if code != 0:
            raise ApiError(code if isinstance(code, int) else -1, scrub(str(answer.get("errmsg", ""))))
        body = answer.get("body")
        return body if isinstance(body, dict) else {}

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            left = [waiting for queue in self._waiting.values() for waiting in queue]
            self._waiting.clear()
        for waiting in left:
            waiting.give(None)
        self._socket.close()


def new_req_id(cmd: str) -> str:
    """A req_id of our own, in the shape of WeCom's clients."""
    return f"{cmd}_{time.time_ns() // 1_000_000}_{secrets.token_hex(4)}"


def _connect(url: str, connect_s: float) -> ClientConnection:
    quiet = logging.getLogger("bot.longlink.wire")
    quiet.setLevel(logging.WARNING)  # the library's debug lines hold whole frames, the secret and what members say
    try:
        return connect(
            url,
            logger=quiet,
            open_timeout=connect_s,
            close_timeout=1,
            ping_interval=None,  # the heartbeat is WeCom's own frame
            compression=None,
            max_size=MAX_FRAME_BYTES,
            max_queue=None,
            proxy=None if urlsplit(url).hostname in _LOOPBACK else True,
            legacy=True,  # gives the connection itself
        )
    except (WebSocketException, OSError) as error:
        trouble = NoAnswer(scrub(f"{type(error).__name__}: {error}"), may_have_arrived=False)
    raise trouble
