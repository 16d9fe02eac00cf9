"""The addresses that WeCom calls, ``/wecom/<channel>``: a WSGI application in front of the web framework's.

Nearly every request comes here, and none needs routes, sessions or a context: the framework's way to a view and back would cost as much as the
two round trips to Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import structlog

from bot.channels import KINDS, Kind
from bot.config import AibotWsChannel, ArchiveChannel, ChannelConfig, Config
from bot.envelope import Envelope, Envelopes, Opened, is_json
from bot.errors import Refused
from bot.logs import Seldom
from bot.metrics import Metrics
from bot.peers import client_address
from bot.pipeline import Outcome, Pipeline
from storage.connection import StorageAway

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

log = structlog.get_logger(__name__)

PREFIX = "/wecom/"
MOST_ARGUMENTS = 16
"""WeCom sends three or four; what comes behind so many is not looked at."""
_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes = b""
    kind: str = _TEXT
    headers: tuple[tuple[str, str], ...] = ()


_AWAY = _Answer(503, headers=(("Retry-After", "1"),))


@dataclass(frozen=True, slots=True)
class Door:
    """One callback address: its channel, its envelopes, and how to read and write what is inside."""

    name: str
    kind: Kind
    envelopes: Envelopes
    names: tuple[str, ...]

    def open(self, args: Mapping[str, str], body: bytes, now_s: float) -> tuple[Opened, bool]:
        """An opened callback, and whether it came in a JSON envelope. Raises Refused."""
        as_json = self.kind.json or (self.kind.name == "robot" and is_json(body))
        return (self.envelopes.open_json if as_json else self.envelopes.open_xml)(args, body, now_s), as_json

    def seal(self, answer: str, envelope: Envelope, args: Mapping[str, str], *, as_json: bool) -> _Answer:
        """The response around an answer, in the envelope that opened the callback, with its nonce and time: ours may be wrong. Empty around an empty one."""
        if not answer:
            return _Answer(200)
        nonce, asked_s = args["nonce"], int(args["timestamp"])
        if as_json:
            return _Answer(200, envelope.seal_json(answer, nonce, asked_s).encode(), "application/json")
        return _Answer(200, envelope.seal_xml(answer, nonce, asked_s).encode(), "application/xml; charset=utf-8")


def open_doors(config: Config) -> dict[str, Door]:
    """A door for every channel that has a callback address."""
    return {channel.name: _door(channel, config) for channel in config.channels if not isinstance(channel, AibotWsChannel | ArchiveChannel)}


class Callbacks:
    """GET and POST of ``/wecom/<channel>``; everything else is ``rest``'s."""

    def __init__(
        self, config: Config, pipeline: Pipeline, metrics: Metrics, clock: Callable[[], datetime], rest: WSGIApplication
    ) -> None:  # fmt: skip
        self._config = config
        self._doors = open_doors(config)
        self._pipeline = pipeline
        self._metrics = metrics
        self._clock = clock
        self._rest = rest
        self._seldom = Seldom()
        self._once_a_minute = Seldom(1)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        path = environ.get("PATH_INFO", "")
        name = path[len(PREFIX) :]
        if not path.startswith(PREFIX) or not name or "/" in name:
            return self._rest(environ, start_response)
        try:
            answer = self._answer(name, environ)
        except Exception as error:
            log.error("request failed", path="callback", error=type(error).__name__, exc_info=error)
            answer = _Answer(500)
        start_response(_LINES[answer.status], [("Content-Type", answer.kind), ("Content-Length", str(len(answer.body))), *answer.headers])
        return [answer.body]

    def _answer(self, name: str, environ: Mapping[str, Any]) -> _Answer:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "POST"):
            return _Answer(405, headers=(("Allow", "GET, POST"),))
        try:
            door = self._door(name)
            return self._receive(door, environ) if method == "POST" else self._verify(door, environ)
        except Refused as refused:
            return self._refuse(name, refused, environ)
        except StorageAway as away:
            self._metrics.callbacks.labels(name, "away").inc()
            log.warning("callback not kept", channel=name, reason=str(away))
            return _AWAY

    def _verify(self, door: Door, environ: Mapping[str, Any]) -> _Answer:
        """Answers the check that WeCom makes when an operator saves the address."""
        opened = door.envelopes.verify(_arguments(environ), self._clock().timestamp())
        self._notice_keys(door, opened)
        return _Answer(200, opened.plaintext.encode())

    def _receive(self, door: Door, environ: Mapping[str, Any]) -> _Answer:
        """Takes a callback in and answers it in its own response."""
        started = time.perf_counter()
        args = _arguments(environ)
        opened, as_json = door.open(args, _body(environ, self._config.server.max_body_bytes), self._clock().timestamp())
        self._notice_keys(door, opened)
        message = door.kind.parse(opened.plaintext, channel=door.name, names=door.names)
        outcome: Outcome = self._pipeline.receive(message, as_json=as_json)
        self._metrics.callbacks.labels(door.name, outcome.state).inc()
        self._metrics.duration.observe(time.perf_counter() - started)
        return _AWAY if outcome.state == "busy" else door.seal(outcome.answer, opened.envelope, args, as_json=as_json)

    def _notice_keys(self, door: Door, opened: Opened) -> None:
        """Tells in the log, now and then, that WeCom uses a channel's next keys: the old ones can go."""
        if not door.envelopes.is_next(opened.envelope):
            return
        if self._once_a_minute.admits(f"{door.name} next keys", self._clock().timestamp()) is not None:
            log.info("next keys in use", channel=door.name)

    def _door(self, name: str) -> Door:
        door = self._doors.get(name)
        if door is None:
            raise Refused(404, "no such channel")
        return door

    def _refuse(self, name: str, refused: Refused, environ: Mapping[str, Any]) -> _Answer:
        channel = name if name in self._doors else "unknown"  # what strangers write into the address stays out of the log
        self._metrics.callbacks.labels(channel, "refused").inc()
        kept_back = self._seldom.admits(f"{channel} {refused.reason}", self._clock().timestamp())
        if kept_back is not None:
            log.warning(
                "callback refused",
                channel=channel,
                status=refused.status,
                reason=refused.reason,
                address=client_address(self._config, environ),
                not_logged_before=kept_back,
            )
        return _Answer(refused.status)


def _door(channel: ChannelConfig, config: Config) -> Door:
    assert not isinstance(channel, AibotWsChannel | ArchiveChannel)
    kind = KINDS[channel.kind]
    receiver = config.wecom.corp_id if kind.receives_corp_id else ""
    envelopes = [
        Envelope(token.get_secret_value(), aes_key.get_secret_value(), receiver, freshness_s=config.server.freshness_s)
        for token, aes_key in channel.key_pairs
    ]
    return Door(channel.name, kind, Envelopes(*envelopes), config.mention_names(channel.name))


def _arguments(environ: Mapping[str, Any]) -> dict[str, str]:
    """The first of the query's arguments; of one that stands there twice the first."""
    found: dict[str, str] = {}
    for part in environ.get("QUERY_STRING", "").split("&", MOST_ARGUMENTS)[:MOST_ARGUMENTS]:
        name, _, value = part.partition("=")
        found.setdefault(name, unquote_plus(value))
    return found


def _body(environ: Mapping[str, Any], limit: int) -> bytes:
    told, stream = environ.get("CONTENT_LENGTH") or "", environ["wsgi.input"]
    if told and not (told.isascii() and told.isdecimal()):
        raise Refused(400, "length is no number")
    if not told and not environ.get("wsgi.input_terminated"):
        return b""  # nobody knows where it ends
    wanted = int(told[:20]) if told else limit + 1  # without a length the server marks the end: a bounded piece is taken
    if told and wanted > limit:
        raise Refused(413, "body is too large")
    try:
        body: bytes = stream.read(wanted)
    except OSError:  # it did not come in time, or not as it was announced
        raise Refused(400, "body did not arrive") from None
    if len(body) > limit:
        raise Refused(413, "body is too large")
    if told and len(body) < wanted:
        raise Refused(400, "body did not arrive")
    return body
