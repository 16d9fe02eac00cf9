"""An independent client: seals callbacks and opens answers by WeCom's published scheme (paths 90968, 101033), and plays WeCom's own side.

It shares no code with the bot or the simulator, so that one misreading of the scheme cannot hide in both.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import secrets
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ANSWER_WITHIN_S = 5.0
"""WeCom drops the connection of a callback after five seconds."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One callback address as WeCom's console knows it. ``receiver`` is the CorpID, or empty for robots."""

    name: str
    kind: str
    token: str = field(repr=False)
    aes_key: str = field(repr=False)
    receiver: str = ""


def make_channel(name: str, kind: str, receiver: str = "") -> Channel:
    """A channel with secrets of its own."""
    while not (key := base64.b64encode(secrets.token_bytes(32)).decode()[:43]).isalnum():
        pass
    return Channel(name, kind, secrets.token_hex(12), key, receiver)


# The scheme -----------------------------------------------------------------------------------------------------------


def seal(channel: Channel, plaintext: bytes, *, receiver: str | None = None) -> str:
    """The ciphertext around ``plaintext``: base64 of AES-256-CBC, padded to blocks of 32."""
    told = (channel.receiver if receiver is None else receiver).encode()
    framed = secrets.token_bytes(16) + struct.pack(">I", len(plaintext)) + plaintext + told
    pad = 32 - len(framed) % 32
    encryptor = _cipher(channel).encryptor()
    return base64.b64encode(encryptor.update(framed + bytes([pad]) * pad) + encryptor.finalize()).decode()


def open_sealed(channel: Channel, sealed: str) -> str:
    """The plaintext of an answer; ValueError when it is not sealed by the scheme for this channel."""
    decryptor = _cipher(channel).decryptor()
    framed = decryptor.update(base64.b64decode(sealed, validate=True)) + decryptor.finalize()
    if not 1 <= framed[-1] <= 32 or framed[-framed[-1] :] != bytes([framed[-1]]) * framed[-1]:
        raise ValueError("not padded by the scheme")
    framed = framed[: -framed[-1]]
    (size,) = struct.unpack(">I", framed[16:20])
    if framed[20 + size :].decode() != channel.receiver:
        raise ValueError("sealed for another receiver")
    return framed[20 : 20 + size].decode()


def sign(token: str, timestamp: str, nonce: str, sealed: str) -> str:
    """The signature in the query string and in answers."""
    return hashlib.sha1("".join(sorted((token, timestamp, nonce, sealed))).encode()).hexdigest()


def _cipher(channel: Channel) -> Cipher[modes.CBC]:
    key = base64.b64decode(channel.aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


# Callbacks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Callback:
    """A request, ready to be sent: the address with its query, and the body."""

    target: str
    body: bytes
    nonce: str = ""


def callback(
    channel: Channel, plaintext: str | bytes, *, as_json: bool | None = None, timestamp: int | None = None, receiver: str | None = None
) -> Callback:
    """A sealed callback. ``as_json`` says which format a group robot was configured for; an aibot speaks JSON, the others XML."""
    raw = plaintext if isinstance(plaintext, bytes) else plaintext.encode()
    sealed = seal(channel, raw, receiver=receiver)
    target, nonce = address(channel, sealed, timestamp=timestamp)
    if channel.kind == "aibot" if as_json is None else as_json:
        return Callback(target, json.dumps({"encrypt": sealed}).encode(), nonce)
    head = f"<ToUserName><![CDATA[{channel.receiver}]]></ToUserName>" if channel.receiver else ""
    return Callback(target, f"<xml>{head}<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode(), nonce)


def address(channel: Channel, sealed: str, *, timestamp: int | None = None, **more: str) -> tuple[str, str]:
    """The path and query of a callback about ``sealed``, and its nonce."""
    at, nonce = str(int(time.time()) if timestamp is None else timestamp), secrets.token_hex(8)
    query = {"msg_signature": sign(channel.token, at, nonce, sealed), "timestamp": at, "nonce": nonce, **more}
    return f"/wecom/{channel.name}?{urlencode(query)}", nonce


# Answers --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``status`` 0 when the connection broke. ``plain`` is the opened answer, "" for an empty one."""

    status: int
    body: bytes = b""
    plain: str = ""
    took_s: float = 0.0

    @property
    def said(self) -> str:
        """The words in it, whatever their format."""
        if not self.plain:
            return ""
        if self.plain.startswith("<"):
            found = re.search(r"<Content>(.*?)</Content>", self.plain, re.DOTALL)
            return "".join(re.findall(r"<!\[CDATA\[(.*?)\]\]>", found[1], re.DOTALL)) if found else ""
        tree = json.loads(self.plain)
        return str((tree.get("stream") or tree.get("text") or {}).get("content", ""))


class Client:
    """Sends callbacks to a bot on 127.0.0.1, each over a connection of its own, as WeCom's many machines do. Threads share one."""

    def __init__(self, port: int, *, within_s: float = ANSWER_WITHIN_S) -> None:
        self.port = port
        self._within_s = within_s

    def ask(self, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None, **how: Any) -> Answer:
        """One plain request; a broken connection is an answer with status 0."""
        started = time.monotonic()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self._within_s)
        try:
            line.request(method, target, body=body, headers=dict(headers or {}), **how)
            response = line.getresponse()
            return Answer(response.status, response.read(), took_s=time.monotonic() - started)
        except (OSError, http.client.HTTPException):
            return Answer(0, took_s=time.monotonic() - started)
        finally:
            line.close()

    def tell(self, channel: Channel, plaintext: str | bytes, *, as_json: bool | None = None) -> Answer:
        """Seals ``plaintext``, posts it, and opens what comes back, checking everything that WeCom would check."""
        sealed = callback(channel, plaintext, as_json=as_json)
        return opened(channel, sealed, self.ask("POST", sealed.target, sealed.body))

    def verify(self, channel: Channel, plaintext: str) -> Answer:
        """The GET with which WeCom checks an address."""
        sealed = seal(channel, plaintext.encode())
        target, _ = address(channel, sealed, echostr=sealed)
        return self.ask("GET", target)


def opened(channel: Channel, asked: Callback, answer: Answer) -> Answer:
    """The answer with its envelope opened; ValueError when WeCom would not take it."""
    if answer.status != 200 or not answer.body:
        return answer
    if asked.body.startswith(b"{"):
        parts = json.loads(answer.body)
        sealed, signature, timestamp, nonce = parts["encrypt"], parts["msgsignature"], str(parts["timestamp"]), parts["nonce"]
        if channel.kind == "aibot" and nonce != asked.nonce:
            raise ValueError("an aibot wants its own nonce back")
    else:
        sealed, signature, timestamp, nonce = (_element(answer.body, name) for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce"))
    if signature != sign(channel.token, timestamp, nonce, sealed) or abs(int(timestamp) - time.time()) > 60:
        raise ValueError("wrong signature on the answer")
    return Answer(200, answer.body, open_sealed(channel, sealed), answer.took_s)


def _element(body: bytes, name: str) -> str:
    found = re.search(rf"<{name}>(?:<!\[CDATA\[(.*?)\]\]>|(.*?))</{name}>", body.decode(), re.DOTALL)
    if found is None:
        raise ValueError(f"the answer has no {name}")
    return found[1] if found[1] is not None else found[2]


# What members do ------------------------------------------------------------------------------------------------------


def new_id() -> str:
    """A message id such as WeCom gives."""
    return base64.urlsafe_b64encode(secrets.token_bytes(18)).decode()


def aibot(user: str, *, id: str = "", chat: str = "", kind: str = "text", url: str = "", **parts: Any) -> str:
    """An aibot's callback: ``parts`` are the fields of its kind."""
    tree: dict[str, Any] = {
        "msgid": id or new_id(),
        "aibotid": "AIBOT",
        "chattype": "group" if chat else "single",
        "from": {"userid": user},
    }
    tree |= {"chatid": chat} if chat else {}
    tree |= {"response_url": url} if url else {}
    return json.dumps({**tree, "msgtype": kind, **parts}, ensure_ascii=False)


def aibot_text(user: str, words: str, *, id: str = "", chat: str = "", url: str = "", **parts: Any) -> str:
    """A text to an aibot."""
    return aibot(user, id=id, chat=chat, url=url, text={"content": words}, **parts)


def aibot_event(user: str, name: str, detail: Mapping[str, Any], *, chat: str = "", url: str = "") -> str:
    """An aibot's event."""
    about = {"eventtype": name, **({name: detail} if detail else {})}
    return aibot(user, chat=chat, kind="event", url=url, create_time=int(time.time()), event=about)


def app(user: str, kind: str = "text", *, id: str = "", **fields: str) -> str:
    """An app's callback: ``fields`` are the elements of its kind."""
    head = {"ToUserName": "CORP", "FromUserName": user, "CreateTime": str(int(time.time())), "MsgType": kind}
    tail = {} if kind == "event" else {"MsgId": id or str(secrets.randbelow(10**17) + 10**16)}
    return _xml({**head, **fields, **tail, "AgentID": "1000002"})


def robot_xml(user: str, words: str, *, chat: str = "", id: str = "", url: str = "") -> str:
    """A text to a group robot, as XML."""
    hook = f"<WebhookUrl><![CDATA[{url}]]></WebhookUrl>" if url else ""
    where = f"<ChatId><![CDATA[{chat}]]></ChatId><ChatType>group</ChatType>" if chat else "<ChatType>single</ChatType>"
    return (
        f"<xml>{hook}<MsgId>{id or new_id()}</MsgId>{where}<From><UserId>{user}</UserId><Name><![CDATA[小明]]></Name></From>"
        f"<MsgType>text</MsgType><Text><Content><![CDATA[{words}]]></Content></Text></xml>"
    )


def robot_json(user: str, words: str, *, chat: str = "", id: str = "") -> str:
    """A text to a group robot, as JSON."""
    tree = {"msgid": id or new_id(), "chatid": chat, "chattype": "group" if chat else "single", "from": {"userid": user, "name": "小明"}}
    return json.dumps({**tree, "msgtype": "text", "text": {"content": words}}, ensure_ascii=False)


def _xml(fields: Mapping[str, str]) -> str:
    return "<xml>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items()) + "</xml>"


# WeCom's own side -----------------------------------------------------------------------------------------------------


@dataclass
class WeCom:
    """Takes what the bot says of its own accord. A response address works once, as WeCom's do (path 101138)."""

    base: str = ""
    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    """Response code → the bodies that were taken: never more than one."""
    sent: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    """User id → the app messages that he was sent."""
    posts: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Webhook's key → when its posts came, by this machine's clock."""
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, code: str) -> str:
        """A response address for one callback."""
        return f"{self.base}/cgi-bin/aibot/response?response_code={quote(code)}"

    def take(self, path: str, query: Mapping[str, list[str]], body: Any) -> dict[str, Any]:
        """WeCom's answer to one request."""
        with self.lock:
            if path == "/cgi-bin/gettoken":
                return {"errcode": 0, "errmsg": "ok", "access_token": "TOKEN", "expires_in": 7200}
            if path == "/cgi-bin/aibot/response":
                code = query["response_code"][0]
                if self.answers[code]:
                    self.refused += 1
                    return {"errcode": 60140, "errmsg": "response_code used"}
                self.answers[code].append(body)
            if path == "/cgi-bin/message/send" and not self._is_dropped(body):
                self.sent[body["touser"]].append(body)
            if path == "/cgi-bin/webhook/send":
                self.posts[query["key"][0]].append(time.time())
            return {"errcode": 0, "errmsg": "ok"}

    def _is_dropped(self, body: Any) -> bool:
        """Whether an app message is the repeat of one that arrived, and says that it may be: WeCom drops it then (path 90236)."""
        return bool(body.get("enable_duplicate_check")) and any(
            one[one["msgtype"]] == body[body["msgtype"]] for one in self.sent[body["touser"]]
        )


@contextmanager
def wecom() -> Iterator[WeCom]:
    """A running WeCom on a port of its own."""
    side = WeCom()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

        def _answer(self, body: Any) -> None:
            parts = urlsplit(self.path)
            said = json.dumps(side.take(parts.path, parse_qs(parts.query), body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    side.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield side
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
