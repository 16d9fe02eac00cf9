"""The console as one blueprint: which page is where, and what every page has around it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args

import structlog
from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from bot.communities import Community
from bot.errors import UserError
from bot.faq_office import faq_stats
from bot.moods import set_crisis
from bot.permissions import TITLES, may
from console.activity_forms import ActivityForms
from console.activity_pages import ActivityPages
from console.asked import fresh_once, number_of, once_of
from console.case_pages import CasePages
from console.doors import Doors, csrf_of, needs
from console.faq_files import FaqFiles
from console.faq_pages import FaqPages
from console.flow_pages import ChallengePages, FlowPages
from console.invitation_pages import InvitationPages
from console.member_pages import MemberPages
from console.parts import Parts, visitor
from console.points_pages import PointsPages
from console.rule_pages import RulePages
from console.safety import secure
from console.sayings import said
from console.shop_pages import ShopPages
from console.submission_pages import SubmissionPages
from console.ticket_pages import TicketPages
from console.word_pages import WordPages
from handlers.audit import MOST_PAGES, actor_name, audit_page, change_lines
from handlers.pauses import STOPPED, set_pause
from storage.connection import StorageAway
from storage.moment import from_ms
from storage.pauses import Pause

log = structlog.get_logger(__name__)

AUDIT_ROWS = 30
GROUP_DAYS = 7
MOST_GROUPS = 50
"""Unlisted groups of one page; each costs a round trip."""
ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("这个请求看不懂", "请返回上一页再试一次。"),
    403: ("没有权限", "你的角色不够做这件事。需要的话请找管理员，用“角色”给你。"),
    404: ("这里没有东西", "网址不对，或者它已经被删掉了。"),
    405: ("不能这样打开", "这个网址要从页面上的按钮进入。"),
    409: ("被别人抢先了", "这一项刚刚被改过，请看看最新的再决定。"),
    413: ("内容太大了", "一次最多传 8 MB。更大的文件请用命令行：python run.py content import faq 文件。"),
    429: ("太快了", "请稍等一会儿再试。"),
    500: ("出错了", "这是机器人自己的问题，已经记进日志。请稍后再试，还是不行就把时间告诉维护的人。"),
    503: ("暂时不能用", "机器人的存储没有应答，通常几秒钟就好，请稍后刷新。"),
}
"""What error pages say, and what to do then."""


def console(parts: Parts) -> Blueprint:
    """All pages below ``/console/``."""
    pages, doors = Blueprint("console", __name__, url_prefix="/console", static_folder="static", template_folder="templates"), Doors(parts)
    static = Static(Path(__file__).parent / "static")
    pages.before_request(doors.look)
    pages.after_request(lambda answer: secure(answer, is_static=request.endpoint == "console.static", is_https=parts.is_https))
    pages.register_error_handler(Exception, _fail)
    pages.context_processor(lambda: _around(parts, static))
    pages.add_app_template_filter(_moment, "moment")
    pages.add_url_rule("/login", view_func=doors.login, methods=["GET", "POST"], endpoint="login")
    pages.add_url_rule("/logout", view_func=doors.logout, methods=["POST"], endpoint="logout")
    pages.add_url_rule("/others", view_func=doors.end_others, methods=["POST"], endpoint="end_others")
    pages.add_url_rule("/", view_func=lambda: _home(parts), endpoint="home")
    general = _General(parts)
    pages.add_url_rule("/in/<place>/", view_func=needs(parts, "viewer")(general.overview), endpoint="overview")
    pages.add_url_rule("/in/<place>/groups", view_func=needs(parts, "admin")(general.groups), endpoint="groups")
    pages.add_url_rule("/in/<place>/pause", view_func=needs(parts, "admin")(general.pause), methods=["POST"], endpoint="pause")
    pages.add_url_rule("/in/<place>/crisis", view_func=needs(parts, "admin")(general.crisis), methods=["POST"], endpoint="crisis")
    pages.add_url_rule("/in/<place>/audit", view_func=needs(parts, "admin")(general.audit), endpoint="audit")
    groups = (
        FaqPages, FaqFiles, MemberPages, PointsPages, ShopPages, FlowPages, ChallengePages, ActivityForms, ActivityPages, SubmissionPages,
        InvitationPages, TicketPages, CasePages, WordPages, RulePages,
    )  # fmt: skip
    for group in groups:
        group(parts).add_to(pages)
    pages.add_url_rule("/<path:rest>", view_func=_nothing, methods=["GET", "POST"], endpoint="nothing")
    return pages


class Static:
    """Addresses of the console's own style sheets and scripts, which change with what is in them."""

    def __init__(self, folder: Path) -> None:
        files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".css", ".js", ".svg")]
        self._marks = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:10] for path in files}

    def __call__(self, name: str) -> str:
        """The address of a file."""
        return url_for("console.static", filename=name, v=self._marks[name])


class _General:
    """The pages that belong to no feature."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def overview(self, community: Community) -> str:
        """What there is to do, and where."""
        parts = self._parts
        stats = faq_stats(parts.office(community))
        cases = parts.stores.cases.count_undecided(community.keys) if visitor().may(community.id, "moderator") else None
        sessions = parts.stores.sessions.count(visitor().number, parts.clock())
        return render_template(
            "overview.html", stats=stats, cases=cases, sessions=sessions, pause=parts.stores.pauses.of(community.id), stopped=STOPPED,
            once=fresh_once(), mood=parts.stores.moods.find_group(community.keys), crisis_since=_since(parts, community), **self._waiting(community),
        )  # fmt: skip

    def groups(self, community: Community) -> str:
        """The community's groups, and for who looks after all communities those that nobody listed, the newest first."""
        parts, listed = self._parts, self._parts.config.community(community.id)
        heard = parts.stores.groups.all() if may(visitor().everywhere, "admin") else None
        newest = sorted((heard or {}).items(), key=lambda one: one[1], reverse=True)
        today = parts.clock().astimezone(community.zone).date()
        unlisted = [
            (chat, datetime.fromisoformat(at), parts.stores.tallies.of_days(chat, today, GROUP_DAYS).get("messages", 0))
            for chat, at in newest[:MOST_GROUPS]
        ]
        return render_template(
            "groups.html", groups=listed.groups if listed else (), unlisted=unlisted, total=len(newest), sees_unlisted=heard is not None, days=GROUP_DAYS,
        )  # fmt: skip

    def pause(self, community: Community) -> Any:
        """Stops what nobody asked for, or all, or lets it go on: as 暂停 and 恢复 in chat."""
        wanted, once, parts = request.form.get("pause", ""), once_of(), self._parts
        found = next((pause for pause in get_args(Pause) if pause == wanted), None)
        if found is None:
            abort(400)
        set_pause(parts.stores, community, visitor().actor(community.id), found, "暂停" if found else "恢复", parts.clock(), once=once)
        return redirect(url_for("console.overview", place=community.id, said="paused" if found else "resumed"), 303)

    def crisis(self, community: Community) -> Any:
        """Stops marketing, or lets it go on: as 危机模式 in chat."""
        wanted, once, parts = request.form.get("crisis", ""), once_of(), self._parts
        if wanted not in ("", "on"):
            abort(400)
        set_crisis(parts.stores, community, visitor().actor(community.id), is_on=bool(wanted), now=parts.clock(), once=once)
        return redirect(url_for("console.overview", place=community.id, said="crisis" if wanted else "crisis_over"), 303)

    def _waiting(self, community: Community) -> dict[str, int]:
        """How much waits for somebody who may see to it, and how many activities run."""
        stores, where, may_here = self._parts.stores, community.keys, partial(visitor().may, community.id)
        return {
            "orders": stores.orders.count_waiting(where),
            "running": sum(one.is_open for one in stores.activities.running(where)),
            "tickets": stores.tickets.count_waiting([where], self._parts.clock())[0] if may_here("moderator") else 0,
            "submissions": stores.submissions.count_waiting(where) if may_here("moderator") else 0,
            "invitations": stores.invitations.held(where, 1)[0] if may_here("operator") else 0,
            "appeals": stores.appeals.count_waiting(where) if may_here("moderator") else 0,
        }

    def audit(self, community: Community) -> str:
        """Who changed what."""
        page = number_of("page", 1, MOST_PAGES)
        shows_all = may(visitor().everywhere, "admin")
        found = audit_page(self._parts.stores, community.id, page, size=AUDIT_ROWS, everywhere=shows_all)
        names = {row.actor: actor_name(self._parts.stores, row.actor) for row in found.rows}
        told = {row.id: change_lines(row) for row in found.rows}
        return render_template("audit.html", rows=found.rows, names=names, told=told, page=page, has_more=found.has_more)


def _home(parts: Parts) -> Response:
    first = next(place for place in parts.places if place.id in visitor().roles)
    return redirect(url_for("console.overview", place=first.id, said=request.args.get("said")), 303)


def _nothing(**address: str) -> Response:
    del address
    abort(404)


def _around(parts: Parts, static: Static) -> dict[str, Any]:
    """What the frame of every page needs."""
    around: dict[str, Any] = {"static": static, "titles": TITLES, "fresh_once": fresh_once}
    if "visitor" not in g:
        return around
    places = [place for place in parts.places if place.id in visitor().roles]
    community = g.get("community") or places[0]  # an error page has the frame of some community too
    return around | {
        "visitor": visitor(),
        "places": places,
        "community": community,
        "csrf": csrf_of(visitor().cookie),
        "said": said(request.args),
        "may": lambda needed: visitor().may(community.id, needed),
    }


def _since(parts: Parts, community: Community) -> datetime | None:
    """Since when a community is in crisis, None while it is not."""
    since = parts.stores.pauses.crisis_since(community.id)
    return from_ms(since) if since else None


def _moment(moment: datetime, form: str = "%m-%d %H:%M") -> str:
    community: Community | None = g.get("community")
    return moment.astimezone(community.zone if community else None).strftime(form)


def _fail(error: Exception) -> tuple[str, int, dict[str, str]]:
    code, text, headers = 500, "", {}
    if isinstance(error, UserError):
        code, text = 400, str(error)
    elif isinstance(error, StorageAway):
        code, headers = 503, {"Retry-After": "2"}
        log.warning("console page not made", reason=str(error))
    elif isinstance(error, HTTPException):
        code = error.code or 500
        text = error.description or "" if code in (400, 403, 409) and _is_ours(error) else ""
    else:
        log.error("console page failed", page=request.endpoint, error=type(error).__name__, exc_info=error)
    title, remedy = ERRORS.get(code, ERRORS[500] if code >= 500 else ERRORS[400])
    return render_template("error.html", code=code, title=title, text=text or remedy), code, headers


def _is_ours(error: HTTPException) -> bool:
    return error.description != type(error).description
