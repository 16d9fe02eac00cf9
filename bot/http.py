"""The web application around the callbacks: what operators' machines ask (health, readiness, metrics), and how a failure is answered."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime

import structlog
from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from bot.callbacks import Callbacks
from bot.config import Config
from bot.metrics import Metrics
from bot.peers import is_within
from bot.pipeline import Pipeline
from storage.connection import StorageAway

log = structlog.get_logger(__name__)


def create_app(config: Config, pipeline: Pipeline, metrics: Metrics, is_ready: Callable[[], bool], clock: Callable[[], datetime]) -> Flask:
    """The web application. ``is_ready`` asks whether Redis answers."""
    app = Flask("qunguanjia", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.server.max_body_bytes
    app.wsgi_app = Callbacks(config, pipeline, metrics, clock, app.wsgi_app)  # type: ignore[method-assign]  # the framework's own hook
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
    return "X-Forwarded-For" not in request.headers and is_within(request.remote_addr or "", ("127.0.0.0/8", "::1/128"))


def _fail(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return Response(status=error.code or 500)
    log.error("request failed", path=request.endpoint, error=type(error).__name__, exc_info=error)
    return Response(status=500)
