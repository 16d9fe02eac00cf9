"""Who is let into the console: a code that works once, or a password with a code of an app, begins a session; each request is checked anew.

The session's secret lives in a cookie for this site alone (``HttpOnly``, ``SameSite=Strict``). Whoever posts a form proves that he has seen a page
of his session: the form carries a digest that only the session's secret gives, which another site can neither read nor guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Response, abort, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from bot.account_desk import WRONG, AccountDesk, TooOften
from bot.communities import Community
from bot.errors import UserError
from bot.members import name_of
from bot.peers import client_address, network_digest
from bot.permissions import Role, may, role_in
from console.parts import Parts, Visitor, visitor
from storage.limits import Limits, Rules
from storage.moment import to_ms
from storage.roles import ALL
from storage.sessions import LONGEST_MS, Session

log = structlog.get_logger(__name__)

COOKIE, LOGIN_COOKIE = "console_session", "console_login"
PATH = "/console"
PER_ADDRESS: Rules = ((10, 60), (60, 3600))
"""Login tries of one address: those with passwords, and the wrong ones with link codes. A right link code is never refused for others' tries."""
ALTOGETHER: Rules = ((200, 60),)
"""Wrong codes of everybody together. A code has 80 bits, so this only keeps the noise down; whoever has a right one is never kept out by it."""
OPEN = frozenset({"console.login", "console.static"})
"""What is shown to everybody."""

UPLOADS, MOST_UPLOADED = frozenset({"console.faq_import", "console.words_import", "console.calendar_import"}), 8 * 1024 * 1024
"""Where a file may be uploaded by whoever has a session, and how many bytes the request may have."""

WAYS = {"link": "一次性链接", "password": "密码和验证码"}
"""How one may come in."""
BROWSERS = (
    ("企业微信", "wxwork"), ("微信", "micromessenger"), ("Edge", "edg(e|a|ios)?/"), ("Firefox", "firefox|fxios"), ("Chrome", "chrome|crios"),
    ("Safari", "safari"),
)  # fmt: skip
"""Families of browsers, by what they say of themselves; the first that fits."""

View = Callable[..., Any]


class Doors:
    """Login, logout, and the look at everybody who asks for a page."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._limits = Limits(parts.stores.database)
        self._desk = AccountDesk(parts.stores)

    # At every request -----------------------------------------------------------------------------------------------------

    def look(self) -> BaseResponse | None:
        """Lets the request through, or sends it to the login. Raises 403 for a change that does not come from a page of ours."""
        changes = request.method not in ("GET", "HEAD", "OPTIONS")
        if changes and self._is_foreign():
            abort(403, "这个请求来自别的网站，已拒绝。")
        if request.endpoint in OPEN:
            return None
        found = self._find_visitor(request.cookies.get(COOKIE, ""))
        if found is None:
            return self._to_login()
        g.visitor = found
        if request.endpoint in UPLOADS:
            request.max_content_length = request.max_form_memory_size = MOST_UPLOADED
        if changes and not hmac.compare_digest(request.form.get("csrf", "").encode(), csrf_of(found.cookie).encode()):
            abort(403, "这个页面已经过期：请返回、刷新以后再提交一次。")
        return None

    def _is_foreign(self) -> bool:
        """Whether the browser says that another site's page, or one that hides whose it is, sends the request."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return True
        origin = request.headers.get("Origin")
        ours = (request.host, urlsplit(self._parts.config.server.public_url).netloc.lower())  # a proxy may call us by another name
        return origin is not None and (origin.partition("://")[2] or "hidden") not in ours

    def _find_visitor(self, cookie: str) -> Visitor | None:
        # What a page asks by itself keeps nobody's session awake: he may have gone home.
        is_by_itself = request.endpoint == "console.live" or "X-Live" in request.headers
        sessions = self._parts.stores.sessions
        session = (sessions.look if is_by_itself else sessions.touch)(cookie, self._parts.clock()) if cookie else None
        if session is None:
            return None
        found = self._known(session, cookie)
        if found is None:  # he lost his roles, or left: whatever he has open ends
            self._parts.stores.sessions.end_all(session.member)
            self._parts.stores.accounts.drop(session.member)
            log.info("console sessions ended, no role any more", member=session.member)
        return found

    def _known(self, session: Session, cookie: str) -> Visitor | None:
        parts, number = self._parts, session.member
        user = parts.stores.directory.find_user(number)
        if user is None:
            return None
        held = held_roles(parts, user, number)
        name = name_of(parts.stores, number)
        return Visitor(number, name, session, cookie, held, role_in(ALL, user, number, parts.config, parts.stores)) if held else None

    def _to_login(self) -> BaseResponse:
        if request.headers.get("HX-Request"):  # a part of a page: the whole page has to go
            return Response(status=401, headers={"HX-Redirect": url_for("console.login")})
        answer = redirect(url_for("console.login"), 303)
        if request.cookies.get(COOKIE):
            self._drop(answer, COOKIE)
        return answer

    # Login and logout -----------------------------------------------------------------------------------------------------

    def login(self) -> BaseResponse:
        """The page with the forms for a login code and for a password, and what their posting does."""
        return self._enter() if request.method == "POST" else self._ask()

    def logout(self) -> BaseResponse:
        """Ends this session."""
        self._parts.stores.sessions.end(visitor().session)
        answer = redirect(url_for("console.login", said="out"), 303)
        self._drop(answer, COOKIE)
        return answer

    def end_others(self) -> BaseResponse:
        """Ends the visitor's other sessions."""
        self._parts.stores.sessions.end_others(visitor().session)
        return redirect(url_for("console.account", said="others"), 303)

    def _ask(self, problem: str = "", status: int = 200, retry_after_s: int = 0) -> BaseResponse:
        # The form is tied to this browser: nobody can make another's browser log in as him.
        secret = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(32)
        is_by_password = "user" in request.form
        page = render_template(
            "login.html", csrf=csrf_of(secret), problem=problem, said=request.args.get("said", ""), is_by_password=is_by_password,
            has_passwords=self._parts.config.console.password_login, typed_user=request.form.get("user", "")[:64],
        )  # fmt: skip
        answer = make_response(page, status)
        if retry_after_s:
            answer.headers["Retry-After"] = str(retry_after_s)
        self._give(answer, LOGIN_COOKIE, secret, max_age_s=3600)
        return answer

    def _enter(self) -> BaseResponse:
        parts, now = self._parts, self._parts.clock()
        address = client_address(parts.config, request.environ)
        secret = request.cookies.get(LOGIN_COOKIE, "")
        # Without the cookie anybody could make the proof.
        if not secret or not hmac.compare_digest(request.form.get("csrf", "").encode(), csrf_of(secret).encode()):
            return self._ask("页面放得太久了，请再按一次“登录”。", 403)
        if "user" in request.form:
            return self._enter_by_password(now, address)
        number = parts.stores.sessions.redeem(request.form.get("code", ""), now)
        if number is None or not self._has_role(number):
            if wait_ms := self._limits.acquire(f"console.login.{network_digest(address)}", PER_ADDRESS, to_ms(now)):
                return self._ask_later(wait_ms)
            return self._refuse("登录码不对、用过了，或者超过 5 分钟了。请在企业微信里对机器人说“控制台”，拿一个新的。", now, address)
        return self._let_in(number, "link", now, address)

    def _enter_by_password(self, now: datetime, address: str) -> BaseResponse:
        form, parts = request.form, self._parts
        if wait_ms := self._limits.acquire(f"console.entry.{network_digest(address)}", PER_ADDRESS, to_ms(now)):
            return self._ask_later(wait_ms)
        if not parts.config.console.password_login:
            return self._refuse("这里不用密码登录。请在企业微信里对机器人说“控制台”，拿一个链接。", now, address)
        try:
            number = self._desk.enter(form.get("user", "")[:64].strip(), form.get("password", ""), form.get("code", "")[:64], now)
        except TooOften as problem:
            return self._ask(str(problem), 429, -(-problem.wait_ms // 1000))
        except UserError as problem:
            return self._ask(str(problem), 503, 5)
        if number is None or not self._has_role(number):
            if number:  # who has no role any more has no login either
                parts.stores.accounts.drop(number)
            return self._refuse(WRONG, now, address)
        return self._let_in(number, "password", now, address)

    def _let_in(self, number: int, way: str, now: datetime, address: str) -> BaseResponse:
        """Begins a session in place of the one that this browser may have."""
        sessions = self._parts.stores.sessions
        sessions.end_cookie(request.cookies.get(COOKIE, ""))
        answer = redirect(url_for("console.home"), 303)
        cookie = sessions.begin(
            number, now, way=way, browser=browser_of(request.headers.get("User-Agent", "")), network=network_digest(address)
        )
        self._give(answer, COOKIE, cookie, max_age_s=LONGEST_MS // 1000)
        self._drop(answer, LOGIN_COOKIE)
        self._parts.stores.audit.record("", str(number), "登录控制台", WAYS[way], "", "", now, once="")
        log.info("console login", member=number, way=way)
        return answer

    def _refuse(self, problem: str, now: datetime, address: str) -> BaseResponse:
        if wait_ms := self._limits.acquire("console.login", ALTOGETHER, to_ms(now)):
            return self._ask_later(wait_ms)
        log.warning("console login refused", address=address)
        return self._ask(problem, 403)

    def _has_role(self, number: int) -> bool:
        user = self._parts.stores.directory.find_user(number)
        return user is not None and bool(held_roles(self._parts, user, number))

    def _ask_later(self, wait_ms: int) -> BaseResponse:
        seconds = -(-wait_ms // 1000)
        return self._ask(f"试得太多了，请 {seconds} 秒后再试。", 429, seconds)

    # Cookies ----------------------------------------------------------------------------------------------------------------

    def _give(self, answer: BaseResponse, name: str, value: str, *, max_age_s: int) -> None:
        answer.set_cookie(name, value, max_age=max_age_s, path=PATH, secure=self._parts.is_https, httponly=True, samesite="Strict")

    def _drop(self, answer: BaseResponse, name: str) -> None:
        answer.delete_cookie(name, path=PATH, secure=self._parts.is_https, httponly=True, samesite="Strict")


def held_roles(parts: Parts, user: str, number: int) -> dict[str, Role]:
    """The roles that let a member into communities, by their ids; ``user`` is his WeCom id."""
    roles = {place.id: role_in(place.id, user, number, parts.config, parts.stores) for place in parts.places}
    return {id: role for id, role in roles.items() if may(role, "viewer")}


def needs(parts: Parts, role: Role) -> Callable[[View], View]:
    """Makes a view of ``(community, …)`` out of one of ``(community id, …)``: the one place where a page's community and role are checked.

    A community where the visitor has no role does not exist for him.
    """
    by_id = {place.id: place for place in parts.places}

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(place: str, **more: Any) -> Any:
            community = find_place(by_id.get(place))
            if not visitor().may(community.id, role):
                abort(403, "你的角色不够做这件事，请找管理员。")
            g.community = community
            return view(community, **more)

        return guarded

    return guard


def needs_everywhere(role: Role) -> Callable[[View], View]:
    """The same for a view that is about all communities: the role is needed in all of them."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(**more: Any) -> Any:
            if not may(visitor().everywhere, role):
                abort(403, "这一页关系到所有社群，要在所有社群都有这个角色才能看。")
            return view(**more)

        return guarded

    return guard


def find_place(community: Community | None) -> Community:
    """The community, if the visitor has a role there; else 404, the same for those that do not exist."""
    if community is None or not visitor().may(community.id, "viewer"):
        abort(404)
    return community


def browser_of(agent: str) -> str:
    """The family of a browser, as far as it says: "Chrome（手机）"; nothing that would tell it from others of its kind."""
    lowered = agent[:400].lower()
    family = next((name for name, pattern in BROWSERS if re.search(pattern, lowered)), "")
    return f"{family}（{'手机' if 'mobile' in lowered else '电脑'}）" if family else ""


def csrf_of(secret: str) -> str:
    """What a form carries to prove that it was shown to whoever has the secret."""
    return hmac.new(secret.encode(), b"console form", hashlib.sha256).hexdigest()
