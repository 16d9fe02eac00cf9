"""The door that WeCom knocks at, and what operators' machines ask: health, readiness, metrics."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from flask import Flask, Request, Response, current_app, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from bot.channels import KINDS, Kind
from bot.config import AibotWsChannel, ArchiveChannel, ChannelConfig, Config
from bot.envelope import Envelope, Envelopes, Opened, is_json
from bot.errors import Refused
from bot.logs import Seldom
from bot.metrics import Metrics
from bot.pipeline import Outcome, Pipeline
from storage.connection import StorageAway

log = structlog.get_logger(__name__)

_WITH_PORT = re.compile(r"(\[.*\]|[\d.]+):\d+")
"""An address with a port behind it, as a few proxies write it."""


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

    def seal(self, answer: str, envelope: Envelope, args: Mapping[str, str], *, as_json: bool) -> Response:
        """The response around an answer, in the envelope that opened the callback, with its nonce and time: ours may be wrong. Empty around an empty one."""
        if not answer:
            return Response(status=200)
        nonce, asked_s = args["nonce"], int(args["timestamp"])
        if as_json:
            return Response(envelope.seal_json(answer, nonce, asked_s), mimetype="application/json")
        return Response(envelope.seal_xml(answer, nonce, asked_s), mimetype="application/xml")


def open_doors(config: Config) -> dict[str, Door]:
    """A door for every channel that has a callback address."""
    return {channel.name: _door(channel, config) for channel in config.channels if not isinstance(channel, AibotWsChannel | ArchiveChannel)}


def create_app(config: Config, pipeline: Pipeline, metrics: Metrics, is_ready: Callable[[], bool], clock: Callable[[], datetime]) -> Flask:
    """The web application. ``is_ready`` asks whether Redis answers."""
    app = Flask("qunguanjia", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.server.max_body_bytes
    callbacks = _Callbacks(config, pipeline, metrics, clock)
    app.add_url_rule("/wecom/<name>", view_func=callbacks.verify, methods=["GET"], endpoint="verify")
    app.add_url_rule("/wecom/<name>", view_func=callbacks.receive, methods=["POST"], endpoint="receive")
    _add_status(app, config, metrics, is_ready)
    app.register_error_handler(Exception, _fail)
    return app


def create_status_app(config: Config, metrics: Metrics, is_ready: Callable[[], bool]) -> Flask:
    """What a process without a door of its own (worker, clock) tells a machine that asks how it is: health, readiness, metrics."""
    app = Flask("qunguanjia.status", static_folder=None)
    _add_status(app, config, metrics, is_ready)
    return app


def _add_status(app: Flask, config: Config, metrics: Metrics, is_ready: Callable[[], bool]) -> None:
    app.add_url_rule("/healthz", view_func=lambda: Response("ok\n", mimetype="text/plain"), endpoint="healthz")
    app.add_url_rule("/readyz", view_func=lambda: _readiness(is_ready), endpoint="readyz")
    app.add_url_rule("/metrics", view_func=lambda: _metrics(config, metrics), endpoint="metrics")


class _Callbacks:
    """GET and POST of ``/wecom/<channel>``."""

    def __init__(self, config: Config, pipeline: Pipeline, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._doors = open_doors(config)
        self._pipeline = pipeline
        self._metrics = metrics
        self._clock = clock
        self._seldom = Seldom()
        self._once_a_minute = Seldom(1)

    def verify(self, name: str) -> Response:
        """Answers the check that WeCom makes when an operator saves the address."""
        try:
            door = self._door(name)
            opened = door.envelopes.verify(request.args, self._clock().timestamp())
            self._notice_keys(door, opened)
            return Response(opened.plaintext, mimetype="text/plain")
        except Refused as refused:
            return self._refuse(name, refused)

    def receive(self, name: str) -> Response:
        """Takes a callback in and answers it in its own response."""
        started = time.perf_counter()
        try:
            door = self._door(name)
            opened, as_json = door.open(request.args, _body(request, self._config.server.max_body_bytes), self._clock().timestamp())
            self._notice_keys(door, opened)
            message = door.kind.parse(opened.plaintext, channel=name, names=door.names)
            outcome = self._pipeline.receive(message, as_json=as_json)
        except Refused as refused:
            return self._refuse(name, refused)
        except StorageAway as away:
            self._metrics.callbacks.labels(name, "away").inc()
            log.warning("callback not kept", channel=name, reason=str(away))
            return Response(status=503, headers={"Retry-After": "1"})
        return self._respond(door, opened.envelope, outcome, started, as_json=as_json)

    def _respond(self, door: Door, envelope: Envelope, outcome: Outcome, started: float, *, as_json: bool) -> Response:
        self._metrics.callbacks.labels(door.name, outcome.state).inc()
        self._metrics.duration.observe(time.perf_counter() - started)
        if outcome.state == "busy":
            return Response(status=503, headers={"Retry-After": "1"})
        return door.seal(outcome.answer, envelope, request.args, as_json=as_json)

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

    def _refuse(self, name: str, refused: Refused) -> Response:
        channel = name if name in self._doors else "unknown"  # what strangers write into the address stays out of the log
        self._metrics.callbacks.labels(channel, "refused").inc()
        kept_back = self._seldom.admits(f"{channel} {refused.reason}", self._clock().timestamp())
        if kept_back is not None:
            log.warning(
                "callback refused",
                channel=channel,
                status=refused.status,
                reason=refused.reason,
                address=client_address(self._config),
                not_logged_before=kept_back,
            )
        return Response(status=refused.status)


def client_address(config: Config) -> str:
    """Who asks: the peer, or what a trusted proxy says of it; without the port that some proxies add."""
    peer = request.remote_addr or ""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if forwarded and _is_within(peer, config.server.trusted_proxies):
        said = forwarded.rsplit(",", 1)[-1].strip()[:64]
        found = _parsed(said)
        return str(found) if found else said
    return peer


def network_digest(address: str) -> str:
    """Stands for an address in a key; all of one IPv6 subscriber's addresses are one."""
    found = _parsed(address)
    is_v6 = isinstance(found, ipaddress.IPv6Address)
    plain = ipaddress.IPv6Network((str(found), 64), strict=False) if is_v6 else found or address
    return hashlib.sha256(str(plain).encode()).hexdigest()[:16]


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as it is written with or without port and brackets; an IPv4 one that came in through an IPv6 socket as IPv4."""
    with_port = _WITH_PORT.fullmatch(address)
    bare = with_port[1] if with_port else address
    try:
        found = ipaddress.ip_address(bare.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found


def _door(channel: ChannelConfig, config: Config) -> Door:
    assert not isinstance(channel, AibotWsChannel | ArchiveChannel)
    kind = KINDS[channel.kind]
    receiver = config.wecom.corp_id if kind.receives_corp_id else ""
    envelopes = [
        Envelope(token.get_secret_value(), aes_key.get_secret_value(), receiver, freshness_s=config.server.freshness_s)
        for token, aes_key in channel.key_pairs
    ]
    return Door(channel.name, kind, Envelopes(*envelopes), config.mention_names(channel.name))


def _body(asked: Request, limit: int) -> bytes:
    if asked.content_length is not None:
        return asked.get_data(cache=False)
    # Without a Content-Length werkzeug reads nothing unless the server marks the end; take a bounded piece either way.
    body = asked.stream.read(limit + 1)
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body


def _readiness(is_ready: Callable[[], bool]) -> Response:
    if current_app.extensions.get("is_leaving", bool)():
        return Response("leaving\n", status=503, mimetype="text/plain")
    try:
        ready = is_ready()
    except StorageAway:
        ready = False
    return Response("ready\n" if ready else "Redis does not answer\n", status=200 if ready else 503, mimetype="text/plain")


def _metrics(config: Config, metrics: Metrics) -> Response:
    if not _may_read_metrics(config):
        return Response(status=403)
    return Response(metrics.text(), mimetype="text/plain; version=0.0.4")


def _may_read_metrics(config: Config) -> bool:
    token = config.metrics.token.get_secret_value()
    if token and hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        return True
    # Behind a proxy on the same machine everybody seems to come from loopback: a forwarded request is not local.
    return "X-Forwarded-For" not in request.headers and _is_within(request.remote_addr or "", ("127.0.0.0/8", "::1/128"))


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    found = _parsed(address)
    return found is not None and any(found in ipaddress.ip_network(network, strict=False) for network in networks)


def _fail(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return Response(status=error.code or 500)
    log.error("request failed", path=request.endpoint, error=type(error).__name__, exc_info=error)
    return Response(status=500)
