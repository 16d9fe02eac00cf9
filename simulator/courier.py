"""Carries callbacks to the bot the way WeCom does: sealed, five seconds to answer, again when there is no 200."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import urlencode, urlsplit

from simulator.config import Channel
from simulator.envelope import Envelope, EnvelopeError, Sealed
from simulator.wire import Wire, WireRow
from simulator.xmltext import from_xml, to_xml

MAX_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """What became of one callback.

    ``status`` is the last HTTP status (0: no connection or no answer in time); ``opened`` the decrypted answer: a dict where the channel
    speaks JSON, the XML text where it speaks XML, None when it is empty; ``problem`` what WeCom would object to in the answer.
    """

    status: int
    opened: dict[str, Any] | str | None
    msgid: str = ""
    attempts: int = 1
    problem: str = ""
    ms: float = 0.0

    @property
    def text(self) -> str:
        """The words of the answer, whatever its shape; empty when it has none."""
        return words_of(self.opened)


def words_of(opened: dict[str, Any] | str | None) -> str:
    """The words of an opened answer: stream, markdown or text, JSON or XML."""
    if not opened:
        return ""
    if isinstance(opened, dict):
        kind = str(opened.get("msgtype", ""))
        part = opened.get("stream" if kind.startswith("stream") else kind)
        return str(part.get("content", "")) if isinstance(part, dict) else ""
    fields = from_xml(opened)
    inner = fields.get("Text") or fields.get("Markdown") or fields
    return str(inner.get("Content", "")) if isinstance(inner, dict) else ""


class Courier:
    """Posts callbacks and opens the answers. ``now`` stamps the envelopes; waiting is done on ``closing``, so that closing ends it."""

    def __init__(self, *, corp_id: str, timeout_s: float, waits_s: tuple[float, ...], wire: Wire, now: Callable[[], float]) -> None:
        self._corp_id = corp_id
        self._timeout_s = timeout_s
        self._waits_s = waits_s or (0.0,)
        self._wire = wire
        self._now = now
        self.closing = Event()

    def deliver(
        self, bot: str, channel: Channel, plaintext: str, *, msgid: str, retries: int, on_retry: Callable[[], None] = lambda: None
    ) -> CallbackResult:
        """Post until the bot says 200, at most ``retries`` times more; ``on_retry`` is told before the first repeat."""
        for attempt in range(1, retries + 2):
            result = self._attempt(bot, channel, plaintext, msgid, attempt)
            if result.status == 200 or attempt > retries or self.closing.is_set():
                return result
            on_retry()
            self.closing.wait(self._waits_s[min(attempt, len(self._waits_s)) - 1])
        raise AssertionError("unreachable")

    def verify(self, bot: str, channel: Channel) -> CallbackResult:
        """The GET of the URL verification; ``opened`` is what the bot answered, ``problem`` tells when it is not the echo."""
        envelope, secret = self._envelope(channel), str(secrets.randbelow(10**19))
        sealed = envelope.seal(secret, str(int(self._now())), _nonce())
        query = {**_query(sealed), "echostr": sealed.encrypt}
        started = time.perf_counter()
        status, body = self._request("GET", bot, channel.url_path, query, b"")
        answer = body.decode(errors="replace")
        problem = "" if status == 200 and answer == secret else "the echo is not the plaintext of echostr"
        ms = (time.perf_counter() - started) * 1000
        row = WireRow(
            "callback", channel.name, secret, answer, sealed.encrypt, "", urlencode(query), status, ms, problem=problem, at=self._now()
        )
        self._wire.record(row)
        return CallbackResult(status, answer or None, problem=problem, ms=ms)

    def _attempt(self, bot: str, channel: Channel, plaintext: str, msgid: str, attempt: int) -> CallbackResult:
        envelope = self._envelope(channel)
        sealed = envelope.seal(plaintext, str(int(self._now())), _nonce())
        query, body = _query(sealed), self._wrap(channel, sealed)
        if channel.kind == "robot" and channel.format == "json":
            query["robot_callback_format"] = "json"
        started = time.perf_counter()
        status, answer = self._request("POST", bot, channel.url_path, query, body)
        ms = (time.perf_counter() - started) * 1000
        answer_text = answer.decode(errors="replace")
        plain, problem = _open(envelope, channel, answer_text, sealed.nonce) if status == 200 else ("", "")
        opened, problem = _read(channel, plain, problem)
        row = WireRow(
            "callback",
            channel.name,
            plaintext,
            plain,
            body.decode(),
            answer_text,
            urlencode(query),
            status,
            ms,
            attempt,
            msgid,
            problem,
            self._now(),
        )
        self._wire.record(row)
        return CallbackResult(status, opened, msgid, attempt, problem, ms)

    def _request(self, method: str, bot: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        address = urlsplit(bot)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.hostname or "127.0.0.1", address.port, timeout=self._timeout_s)
        form = "application/json" if body.startswith(b"{") else "text/xml"
        try:
            connection.request(method, f"{address.path.rstrip('/')}{path}?{urlencode(query)}", body or None, {"Content-Type": form})
            response = connection.getresponse()
            return response.status, response.read(MAX_ANSWER_BYTES)
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def _envelope(self, channel: Channel) -> Envelope:
        return Envelope(channel.token, channel.aes_key, self._corp_id if channel.kind in ("app", "contact") else "")

    def _wrap(self, channel: Channel, sealed: Sealed) -> bytes:
        if speaks_json(channel):
            return json.dumps({"encrypt": sealed.encrypt}).encode()
        if channel.kind == "robot":
            return to_xml({"Encrypt": sealed.encrypt}).encode()
        return to_xml({"ToUserName": self._corp_id, "AgentID": str(channel.agent_id or ""), "Encrypt": sealed.encrypt}).encode()


def speaks_json(channel: Channel) -> bool:
    """True for the aibot, and for a group robot set to JSON."""
    return channel.kind == "aibot" or (channel.kind == "robot" and channel.format == "json")


def _query(sealed: Sealed) -> dict[str, str]:
    return {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}


def _nonce() -> str:
    return str(1_000_000_000 + secrets.randbelow(9_000_000_000))


def _open(envelope: Envelope, channel: Channel, answer: str, nonce: str) -> tuple[str, str]:
    """The plaintext of an answer and what is wrong with its envelope."""
    if not answer:
        return "", ""
    try:
        fields = json.loads(answer) if speaks_json(channel) else from_xml(answer)
        json_names, xml_names = ("encrypt", "msgsignature", "timestamp", "nonce"), ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
        sealed = Sealed(*(str(fields[name]) for name in (json_names if speaks_json(channel) else xml_names)))
        plain = envelope.open(sealed)
    except (EnvelopeError, ValueError, KeyError, TypeError) as error:
        return "", f"the answer does not open: {type(error).__name__} {error}"
    if channel.kind == "aibot" and sealed.nonce != nonce:
        return "", "the nonce of an aibot answer has to be the one of the callback"
    return plain, ""


def _read(channel: Channel, plain: str, problem: str) -> tuple[dict[str, Any] | str | None, str]:
    if not plain:
        return None, problem
    try:
        if not speaks_json(channel):
            from_xml(plain)
            return plain, problem
        fields = json.loads(plain)
    except ValueError as error:
        return None, f"the answer's plaintext does not parse: {error}"
    return (fields or None, problem) if isinstance(fields, dict) else (None, "the answer's plaintext is no object")
