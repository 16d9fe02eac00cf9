"""The bare app to compare with: the same server, the same envelope, redis-py as it comes; it keeps the plaintext and says always the same.

``python -m benchmarks.bare`` serves; its settings come in the environment: BARE_PORT, BARE_ENGINE, BARE_REDIS, BARE_TOKEN, BARE_KEY.
"""

from __future__ import annotations

import os
import time

import redis
from flask import Flask, Response, request

from bot.config import ServerConfig
from bot.envelope import Envelope
from bot.processes import die_with_parent
from bot.serving import serve_gthread
from bot.serving_fast import serve_granian

ANSWER = (
    '{"msgtype":"stream","stream":{"id":"s0123456789abcdef0123456789abcde","finish":true,'
    '"content":"请在“我的订单”里找到这笔订单，点“申请退款”并写明原因。审核通过后，款项会在 1–3 个工作日内原路退回。"}}'
)


def create_app() -> Flask:
    """The application: open, XADD, seal."""
    app = Flask("bare", static_folder=None)
    envelope = Envelope(os.environ["BARE_TOKEN"], os.environ["BARE_KEY"], "")
    client = redis.Redis.from_url(os.environ["BARE_REDIS"])

    def receive() -> Response:
        now_s = time.time()
        plaintext = envelope.open_json(request.args, request.get_data(cache=False), now_s)
        client.xadd("bare", {"m": plaintext})
        return Response(envelope.seal_json(ANSWER, request.args["nonce"], now_s), mimetype="application/json")

    app.add_url_rule("/wecom/assistant", view_func=receive, methods=["POST"])
    app.add_url_rule("/readyz", view_func=lambda: Response("ready\n"), endpoint="readyz")
    return app


def main() -> None:
    """Serves until SIGTERM or the end of the parent."""
    die_with_parent()
    server = ServerConfig.model_validate({"port": int(os.environ["BARE_PORT"])})
    if os.environ["BARE_ENGINE"] == "granian":
        serve_granian(server, "benchmarks.bare:create_app")
    else:
        serve_gthread(server, create_app, lambda: None)


if __name__ == "__main__":
    main()
