"""WeCom's REST side: every call goes through the ordered faults, the frequency limit and its handler, and into the wire record."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from flask import Blueprint, Response, request

from simulator.calls import CALLS, Call
from simulator.faults import Fault
from simulator.pretend import PretendWeCom
from simulator.wire import WireRow
from simulator.world import RefusedError

_OWN_LIMITS = ("/cgi-bin/message/send", "/cgi-bin/appchat/send", "/cgi-bin/webhook/send", "/cgi-bin/aibot/response")
"""Send calls do not count toward the corp's base limit."""


class _CutError(Exception):
    """The connection was cut on purpose."""


def rest_blueprint(pretend: PretendWeCom) -> Blueprint:
    """Routes for ``/cgi-bin/…`` and ``/media/…``."""
    routes = Blueprint("rest", __name__)

    @routes.route("/cgi-bin/<path:rest>", methods=["GET", "POST"])
    def call(rest: str) -> Response:
        return _recorded(pretend, f"/cgi-bin/{rest}")

    @routes.get("/media/<media_id>")
    def media(media_id: str) -> Response:
        found = pretend.world.find_media(media_id)
        if found is None:
            return Response("expired", 403, mimetype="text/plain")
        return Response(found.data, mimetype=found.mime)

    @routes.get("/cgi-bin/media/get")
    def media_get() -> Response:
        found = pretend.world.find_media(request.args.get("media_id", ""))
        try:
            pretend.tokens.owner(request.args.get("access_token", ""))
        except RefusedError as refusal:
            return _json({"errcode": refusal.errcode, "errmsg": refusal.errmsg})
        if found is None or found.owner:
            return _json({"errcode": 40007, "errmsg": "invalid media_id"})
        return Response(found.data, mimetype=found.mime, headers={"Content-Disposition": 'attachment; filename="media"'})

    return routes


def _recorded(pretend: PretendWeCom, path: str) -> Response:
    started, fault = time.perf_counter(), pretend.faults.take(path)
    upload = _upload()
    plaintext = f"[{upload[0]}, {len(upload[2])} bytes]" if upload else request.get_data(as_text=True)
    status, answer, cut = _answer(pretend, path, fault, upload)
    ms = (time.perf_counter() - started) * 1000
    text = "" if cut == "before" else json.dumps(answer, ensure_ascii=False)
    query, problem = request.query_string.decode(), f"connection cut {cut} the act" if cut else ""
    pretend.wire.record(
        WireRow("rest", path, plaintext, text, query=query, status=0 if cut else status, ms=ms, problem=problem, at=pretend.now())
    )
    if cut:
        _cut_connection()
    return _json(answer, status)


def _answer(
    pretend: PretendWeCom, path: str, fault: Fault | None, upload: tuple[str, str, bytes] | None
) -> tuple[int, dict[str, Any], str]:
    """HTTP status, JSON body, and whether the connection is to be cut before or after the act."""
    if fault and fault.delay_s:
        pretend.courier.closing.wait(fault.delay_s)
    if fault and fault.drop == "before":
        return 0, {}, "before"
    if fault and fault.http_status:
        return fault.http_status, {}, ""
    if fault and fault.errcode:
        return 200, {"errcode": fault.errcode, "errmsg": "ordered fault"}, ""
    return 200, _handle(pretend, path, upload), fault.drop if fault else ""


def _handle(pretend: PretendWeCom, path: str, upload: tuple[str, str, bytes] | None) -> dict[str, Any]:
    handler = CALLS.get((request.method, path))
    if handler is None:
        return {"errcode": 40058, "errmsg": f"the pretend WeCom knows no {request.method} {path}"}
    raw = b"" if upload else request.get_data()
    call = Call(path, request.args.to_dict(), raw, pretend.world, pretend.tokens, pretend.windows, upload)
    try:
        if path not in _OWN_LIMITS and not pretend.windows.corp_minute.admit(path, pretend.now()):
            raise RefusedError(45009, "api freq out of limit")
        return {"errcode": 0, "errmsg": "ok", **handler(call)}
    except RefusedError as refusal:
        return {"errcode": refusal.errcode, "errmsg": refusal.errmsg}


def _upload() -> tuple[str, str, bytes] | None:
    if request.mimetype != "multipart/form-data" or "media" not in request.files:
        return None
    file = request.files["media"]
    return file.filename or "", file.mimetype or "", file.read()


def _cut_connection() -> None:
    """Close the socket under the answer; without a real socket (a test client) say so by an exception."""
    connection = request.environ.get("werkzeug.socket")
    if connection is None:
        raise _CutError("connection cut as ordered")
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _json(answer: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(answer, ensure_ascii=False), status, mimetype="application/json")
