"""The open interface below ``/api/v1``: read-only JSON for whoever shows a token. Errors have one shape (RFC 9457).

A token opens what it was made for, and only as long as whoever made it may make one: it cannot outlive his role.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from bot.console_links import base_url
from bot.peers import client_address, network_digest
from bot.permissions import may, role_in
from console.api_answers import Problem
from console.api_routes import ENDPOINTS, EVERYWHERE, Asked, BadValue, Endpoint
from console.openapi import PROBLEMS, describe
from console.parts import Parts
from storage.api_tokens import ApiToken
from storage.connection import StorageAway
from storage.limits import Limits, Rules
from storage.moment import to_ms
from storage.roles import ALL

log = structlog.get_logger(__name__)

BASE = "/api/v1"
PER_TOKEN: Rules = ((60, 60),)
WRONG_TOKENS: Rules = ((30, 60),)
"""Wrong tokens of one address; a token has 256 bits, so this only keeps the noise down."""
_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Refusal(Exception):
    """A request that is not answered: the status and what to do, in Chinese."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def api(parts: Parts) -> Blueprint:
    """All addresses below ``/api/v1``."""
    pages, doors = Blueprint("api", __name__, url_prefix=BASE), _Doors(parts)
    document = msgspec.json.encode(describe(ENDPOINTS, f"{base_url(parts.config.server)}{BASE}"))
    pages.add_url_rule("/openapi.json", "openapi", lambda: Response(document, mimetype="application/json"), methods=["GET"])
    for one in ENDPOINTS:
        path = one.path.replace("{", "<").replace("}", ">")
        pages.add_url_rule(path, one.id, partial(doors.answer, one), methods=["GET"])
    pages.add_url_rule("/", "nothing", _nothing, methods=_METHODS)
    pages.add_url_rule("/<path:rest>", "nothing", _nothing, methods=_METHODS)
    pages.register_error_handler(Exception, _fail)
    pages.after_request(partial(_secured, is_https=parts.is_https))
    return pages


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class _Doors:
    """Who is let in, and to what."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._limits = Limits(parts.stores.database)
        self._noted: dict[str, date] = {}

    def answer(self, endpoint: Endpoint, community: str = "", **more: str) -> BaseResponse:
        """The answer of an address, for whoever shows a token that opens it."""
        token = self._admitted()
        if endpoint.needs_names and not token.names:
            raise Refusal(403, "这个令牌看不到成员：建一个有成员权限的令牌。")
        places = [place for place in self._parts.places if token.place in (ALL, place.id)]
        is_everywhere = endpoint.everywhere and community == EVERYWHERE and token.place == ALL
        here = next((place for place in places if place.id == community), None)
        if endpoint.has_community and here is None and not is_everywhere:
            raise Refusal(404, "没有这个社群，或者这个令牌看不到它；看得到哪些见 /communities。")
        asked = Asked(self._parts, token, places, here, _values(endpoint, more))
        body = msgspec.json.encode(endpoint.run(asked))
        found = Response(body, mimetype="application/json")
        found.set_etag(hashlib.sha256(body).hexdigest()[:32])
        return found.make_conditional(request)

    def _admitted(self) -> ApiToken:
        now, parts = self._parts.clock(), self._parts
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        token = parts.stores.api_tokens.find(shown.strip(), now) if scheme.lower() == "bearer" else None
        if token is None or not self._is_answered_for(token):
            name = f"api.wrong.{network_digest(client_address(parts.config, request.environ))}"
            if wait_ms := self._limits.acquire(name, WRONG_TOKENS, to_ms(now)):
                raise _too_fast(wait_ms)
            raise Refusal(401, "要带上令牌：Authorization: Bearer qgj_…；它可能不对、过期或被吊销了。", WWW_Authenticate="Bearer")
        if wait_ms := self._limits.acquire(f"api.{token.id}", PER_TOKEN, to_ms(now)):
            raise _too_fast(wait_ms)
        if self._noted.get(token.id) != now.date():
            parts.stores.api_tokens.note_used(token, now.date())
            self._noted[token.id] = now.date()
        return token

    def _is_answered_for(self, token: ApiToken) -> bool:
        """Whether who made the token might still make it."""
        user = self._parts.stores.directory.find_user(token.by)
        return user is not None and may(role_in(token.place, user, token.by, self._parts.config, self._parts.stores), "admin")


def _values(endpoint: Endpoint, in_path: Mapping[str, str]) -> dict[str, Any]:
    """What the parameters say, read and checked. Raises BadValue."""
    given = {**request.args.to_dict(), **in_path}
    known = {one.name for one in endpoint.parameters}
    if strange := sorted(given.keys() - known):
        raise BadValue(f"不认得参数 {strange[0][:40]}；这个网址的参数有：{'、'.join(sorted(known)) or '没有'}")
    return {one.name: one.read(given[one.name]) if given.get(one.name) else one.fallback for one in endpoint.parameters}


def _nothing(rest: str = "") -> Response:
    del rest
    if request.method != "GET":
        raise Refusal(405, "只能读：只接受 GET。", Allow="GET, HEAD")
    raise Refusal(404, f"没有这个网址；有哪些见 {BASE}/openapi.json。")


def _too_fast(wait_ms: int) -> Refusal:
    seconds = -(-wait_ms // 1000)
    return Refusal(429, f"每个令牌每分钟 {PER_TOKEN[0][0]} 次，请 {seconds} 秒后再试。", Retry_After=str(seconds))


def _fail(error: Exception) -> Response:
    """The one shape of all errors; nothing of what went wrong inside is told."""
    status, detail, headers = 500, "机器人自己出错了，已经记进日志。", dict[str, str]()
    match error:
        case Refusal():
            status, detail, headers = error.status, error.detail, error.headers
        case BadValue():
            status, detail = 400, str(error)
        case StorageAway():
            status, detail, headers = 503, PROBLEMS[503], {"Retry-After": "2"}
            log.warning("open interface not answered", reason=str(error))
        case HTTPException():
            status = error.code or 500
            detail = PROBLEMS.get(status, "这个请求看不懂。")
        case _:
            log.error("open interface failed", page=request.endpoint, error=type(error).__name__, exc_info=error)
    problem = Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(msgspec.json.encode(problem), status, headers, mimetype="application/problem+json")


def _secured(answer: Response, *, is_https: bool) -> Response:
    for name, value in _HEADERS.items():
        answer.headers[name] = value
    answer.headers["RateLimit-Policy"] = '"token";q=60;w=60'
    if is_https:
        answer.headers["Strict-Transport-Security"] = "max-age=31536000"
    return answer
