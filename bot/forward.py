"""The demo's door: hands ``/demo/…`` on to the pretend WeCom, so that one address shows everything."""

from __future__ import annotations

import requests
from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

TIMEOUT_S = (2.0, 10.0)


def demo_page(target: str) -> Blueprint:
    """Routes that forward GET and POST below ``/demo/`` to ``target``."""
    page = Blueprint("demo", __name__)
    session = requests.Session()
    session.trust_env = False

    def forward(path: str) -> Response:
        try:
            answer = session.request(
                request.method, f"{target}/demo/{path}", params=request.query_string, data=request.get_data(), timeout=TIMEOUT_S,
                headers={"Content-Type": request.content_type or "application/octet-stream"}, allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException:
            return Response("演示用的企业微信没有应答，请稍候刷新", status=502, mimetype="text/plain")
        return Response(answer.content, status=answer.status_code, content_type=answer.headers.get("Content-Type", "text/plain"))

    def home() -> BaseResponse:
        return redirect("demo/")

    page.add_url_rule("/demo", view_func=home, methods=["GET"], endpoint="home")
    page.add_url_rule("/demo/", view_func=lambda: forward(""), methods=["GET", "POST"], endpoint="page")
    page.add_url_rule("/demo/<path:path>", view_func=forward, methods=["GET", "POST"], endpoint="below")
    return page
