"""The Flask application: WeCom's REST calls, its media, the chat page below ``/demo/`` and the control below ``/_/``."""

from __future__ import annotations

from flask import Flask, Response, redirect
from werkzeug.wrappers import Response as AnyResponse

from simulator.control import control_blueprint
from simulator.page_api import page_blueprint
from simulator.pretend import PretendWeCom
from simulator.rest import rest_blueprint

MAX_REQUEST_BYTES = 32 * 1024 * 1024


def build_app(pretend: PretendWeCom) -> Flask:
    """The application around one pretend WeCom."""
    app = Flask("simulator", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST_BYTES
    app.register_blueprint(rest_blueprint(pretend))
    app.register_blueprint(control_blueprint(pretend))
    app.register_blueprint(page_blueprint(pretend))

    @app.get("/")
    def front() -> AnyResponse:
        return redirect("demo/")

    @app.get("/demo")
    def demo() -> AnyResponse:
        return redirect("demo/")

    @app.get("/healthz")
    def health() -> Response:
        return Response("ok", mimetype="text/plain")

    return app
