"""The console as one blueprint: which page is where, and what every page has around it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from flask import Blueprint, abort, current_app, g, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from bot.communities import Community
from bot.errors import UserError
from bot.permissions import TITLES
from console.account_pages import AccountPages
from console.activity_forms import ActivityForms
from console.activity_pages import ActivityPages
from console.asked import fresh_once
from console.audit_pages import AuditPages
from console.calendar_pages import CalendarPages
from console.case_pages import CasePages
from console.doors import Doors, csrf_of
from console.experiment_pages import ExperimentPages
from console.extension_pages import ExtensionPages, entries
from console.faq_files import FaqFiles
from console.faq_pages import FaqPages
from console.flow_pages import ChallengePages, FlowPages
from console.group_pages import GroupPages
from console.home_pages import HomePages
from console.invitation_pages import InvitationPages
from console.live import Live
from console.mailing_pages import MailingPages
from console.member_pages import MemberPages
from console.navigation import Menu
from console.number_pages import NumberPages
from console.overview_pages import OverviewPages
from console.parts import Parts, visitor
from console.points_pages import PointsPages
from console.push_files import PushFiles
from console.report_pages import ReportPages
from console.rule_pages import RulePages
from console.running_pages import RunningPages
from console.safety import secure
from console.sayings import said
from console.search import Search
from console.segment_pages import SegmentPages
from console.settings_pages import SettingsPages
from console.shop_pages import ShopPages
from console.static_files import StaticFiles
from console.submission_pages import SubmissionPages
from console.table_pages import TablePages, exports
from console.ticket_pages import TicketPages
from console.token_pages import TokenPages
from console.word_pages import WordPages
from storage.connection import StorageAway

log = structlog.get_logger(__name__)

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
    pages, doors = Blueprint("console", __name__, url_prefix="/console", template_folder="templates"), Doors(parts)
    static = StaticFiles(Path(__file__).parent / "static")
    pages.before_request(doors.look)
    pages.after_request(lambda answer: secure(answer, is_static=request.endpoint == "console.static", is_https=parts.is_https))
    pages.register_error_handler(Exception, _fail)
    pages.context_processor(lambda: _around(parts, static))
    pages.add_app_template_filter(_moment, "moment")
    pages.add_url_rule("/static/<path:filename>", view_func=static.serve, endpoint="static")
    pages.add_url_rule("/login", view_func=doors.login, methods=["GET", "POST"], endpoint="login")
    pages.add_url_rule("/logout", view_func=doors.logout, methods=["POST"], endpoint="logout")
    pages.add_url_rule("/others", view_func=doors.end_others, methods=["POST"], endpoint="end_others")
    groups = (
        FaqPages, FaqFiles, MemberPages, PointsPages, ShopPages, FlowPages, ChallengePages, ActivityForms, ActivityPages, SubmissionPages,
        InvitationPages, TicketPages, CasePages, WordPages, RulePages, AccountPages, TokenPages, TablePages, Search, Live, HomePages, OverviewPages,
        NumberPages, ReportPages, CalendarPages, PushFiles, MailingPages, SegmentPages, ExperimentPages, GroupPages, SettingsPages, AuditPages, RunningPages,
        ExtensionPages,
    )  # fmt: skip
    for group in groups:
        group(parts).add_to(pages)
    pages.add_url_rule("/<path:rest>", view_func=_nothing, methods=["GET", "POST"], endpoint="nothing")
    return pages


def _nothing(**address: str) -> Response:
    del address
    abort(404)


def _around(parts: Parts, static: StaticFiles) -> dict[str, Any]:
    """What the frame of every page needs."""
    around: dict[str, Any] = {"static": static, "titles": TITLES, "fresh_once": fresh_once}
    if "visitor" not in g:
        return around
    places = [place for place in parts.places if place.id in visitor().roles]
    community = g.get("community") or places[0]  # an error page has the frame of some community too
    here = (request.endpoint or "").removeprefix("console.")
    is_everywhere = here == "home" and len(places) > 1
    return around | {
        "visitor": visitor(),
        "places": places,
        "community": community,
        "here": here,
        "menu": menu_of(parts, community, here, is_everywhere=is_everywhere),
        "is_everywhere": is_everywhere,
        "account_href": url_for("console.account") if "console.account" in current_app.view_functions else "",
        "csrf": csrf_of(visitor().cookie),
        "exports": exports,
        "said": said(request.args),
        "kind_open": (request.view_args or {}).get("kind"),
        "may": lambda needed: visitor().may(community.id, needed),
    }


def menu_of(parts: Parts, community: Community, here: str, *, is_everywhere: bool = False) -> Menu:
    """The menu beside what is looked at now."""
    name = (request.view_args or {}).get("name", "") if here == "extension" else ""
    return Menu(visitor(), community.id, here, name=name, is_everywhere=is_everywhere, more=entries(parts.extensions))


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
