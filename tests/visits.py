"""Visits to the console without a browser: the real application, pages as text, forms posted as a browser would.

PYTEST_DONT_REWRITE: test modules import names from here before pytest sees it as a plugin.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from chat import Chat
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.test import TestResponse

from bot.faq_transfer import Plan, export_file, plan_import
from bot.http import create_app
from bot.live import LiveContents
from bot.table_reader import read_apart
from console.api import api
from console.pages import console
from console.parts import Parts
from rules.content_tables import table_of
from rules.sheets import write_table
from storage.content import ContentStore


class _Compiled(BytecodeCache):
    """Templates that another application of this process has read already."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


@dataclass(slots=True)
class _Last:
    """The application of the chat that was last asked for."""

    live: LiveContents | None = None
    app: Flask | None = None


COMPILED, LAST = _Compiled(), _Last()
MAIN_PAGE = "/console/in/main/"


def met(chat: Chat) -> Chat:
    """The bot, once its owner and a member have spoken."""
    chat.says("签到", user="boss", name="王店长", group="wrADMIN")
    chat.says("签到", user="lilei", name="李雷")
    return chat


PEOPLE = {"lilei": "李雷", "hanmei": "韩梅梅", "john": "John Smith", "wang": "王芳", "zhao": "赵小敏", "qian": "钱多多"}


def lively(chat: Chat) -> Chat:
    """A community after some days: points, badges, tags, an order that waits and one that is done, a flow, a challenge."""
    met(chat)
    for day in range(8):
        for at, (user, name) in enumerate(PEOPLE.items()):
            if day % (at + 1) == 0:
                chat.says("签到", user=user, name=name)
        chat.later(days=1)
    chat.says("签到", user="lilei")
    chat.as_admin("发积分 @李雷 @韩梅梅 500 热心解答")
    chat.as_admin("标签 李雷 加 老客户、北京")
    chat.as_admin("标签 韩梅梅 加 老客户")
    chat.as_admin("授勋 李雷 社群之光")
    for item, n in (("群贴纸一套", 20), ("纪念 T 恤", 3)):
        chat.as_admin(f"商城 补货 {item} {n}")
    chat.as_admin("商城 加码 咖啡兑换码\nCAFE-0001\nCAFE-0002\nCAFE-0003")
    for user, item in (("lilei", "咖啡兑换码"), ("lilei", "群贴纸一套"), ("hanmei", "纪念 T 恤")):
        chat.says(f"兑换 {item}", user=user)
        chat.says("1", user=user)
    for user in ("lilei", "hanmei", "john"):
        chat.says("新人任务", user=user)
    chat.says("1", user="hanmei")
    chat.says("参加挑战 早起打卡", user="lilei")
    chat.says("打卡", user="lilei")
    chat.says("参加挑战 读书笔记", user="hanmei")
    chat.says("打卡 今天读到第三章，记住要先把问题写下来", user="hanmei")
    return chat


def eventful(chat: Chat) -> Chat:
    """The same with activities in every state: a poll, two lotteries (drawn, and waiting for its public number), a survey, a quiz, a list, works."""
    lively(chat)
    for asked in (
        "发起投票 团建去哪儿 | 爬山 | 看电影 | 密室逃脱 | 截止 明天20:00", "发起抽奖 周年抽奖 | 咖啡券 1 | 积分50 1",
        "发起抽奖 新年大奖 | 按摩椅 1 | 公证数 上证指数 3 月 20 日收盘", "发起问卷 nps", "发起答题 社群常识 | 题数 3 | 个人 | 队伍 红队 蓝队",
        "发起接龙 周六爬山 | 早上 8 点南门集合 | 上限 20", "发起征稿 我和一本书 | 200 字以内 | 奖励 20",
    ):  # fmt: skip
        chat.as_admin(asked)
        chat.as_admin("1")
    for user, option, score in (("lilei", 1, 9), ("hanmei", 2, 10), ("john", 1, 3)):
        for words in (f"投票 {option}", "抽奖 2", "抽奖 3", "答题", "答题 A", "答题 A", "答题 B"):
            chat.says(words, user=user)
        for words in ("问卷", str(score), "活动再多一些就好了"):
            chat.privately(words, user=user)
    chat.as_admin("活动 截止 2")
    chat.as_admin("活动 截止 3")
    chat.says("接龙 我和孩子两人", user="lilei")
    chat.says("投稿 这本书教我把问题先写下来", user="hanmei")
    chat.says("人工 发票怎么一直没有收到", user="lilei")
    chat.as_admin("发起话题 你最近怎么读书？ | 说说你的办法")
    return chat


def plan(store: ContentStore, name: str, data: bytes, replace: bool) -> Plan:
    return plan_import(store, name, data, replace=replace)


def web(chat: Chat) -> Flask:
    """The web application of a chat's bot; made once for it, for 180 routes take 50 ms."""
    if LAST.live is not chat.live:
        LAST.live, LAST.app = chat.live, new_web(chat)
    assert LAST.app
    return LAST.app


def new_web(chat: Chat) -> Flask:
    """A web application of its own, to be changed by a test, or for another process."""
    app = create_app(chat.config, chat.pipeline, chat.metrics, lambda: True, chat.clock)
    app.jinja_env.bytecode_cache = COMPILED
    parts = Parts(
        chat.config, chat.stores, chat.live, chat.communities, chat.clock, plan, export_file, write_table, read_apart, table_of,
        extensions=[found.extension for found in chat.extensions],
    )  # fmt: skip
    app.register_blueprint(console(parts))
    app.register_blueprint(api(parts))
    return app


class _Filled(HTMLParser):
    """What the fields of a page's form ``data-save`` hold, as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._is_inside, self._text, self._choice = False, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        its = {name: value or "" for name, value in attrs}
        self._is_inside = "data-save" in its if tag == "form" else self._is_inside
        if not self._is_inside:
            return
        if tag == "input" and (its.get("type") not in ("checkbox", "radio") or "checked" in its):
            self.fields[its.get("name", "")] = its.get("value", "on" if its.get("type") == "checkbox" else "")
        elif tag == "textarea":
            self._text = its["name"]
            self.fields[self._text] = ""
        elif tag == "select":
            self._choice = its["name"]
        elif tag == "option" and (self._choice not in self.fields or "selected" in its):
            self.fields[self._choice] = its["value"]

    def handle_endtag(self, tag: str) -> None:
        self._text = "" if tag == "textarea" else self._text

    def handle_data(self, data: str) -> None:
        if self._text:
            self.fields[self._text] += data


@dataclass(slots=True)
class Visit:
    """One browser: its cookies and what it sees."""

    app: Flask
    client: FlaskClient
    page: TestResponse | None = None

    @classmethod
    def of(cls, app: Flask) -> Visit:
        """A browser that has never been here."""
        return cls(app, app.test_client())

    def opens(self, path: str, **more: Any) -> str:
        """Goes to a page, through its redirections; gives its text."""
        self.page = self.client.get(path, follow_redirects=True, **more)
        return self.page.get_data(as_text=True)

    def posts(self, path: str, *, csrf: str | None = None, follow: bool = True, **fields: Any) -> str:
        """Posts a form with the page's own proof, or another one, and a mark of its own if ``once`` names none; gives the page that follows."""
        proof = self.csrf if csrf is None else csrf
        self.page = self.client.post(path, data={"csrf": proof, "once": secrets.token_hex(8), **fields}, follow_redirects=follow)
        return self.page.get_data(as_text=True)

    def logs_in(self, code: str) -> str:
        """Types a login code."""
        self.opens("/console/login")
        return self.posts("/console/login", code=code)

    @property
    def form(self) -> dict[str, str]:
        """What the form to be saved holds."""
        assert self.page is not None
        filled = _Filled()
        filled.feed(self.page.get_data(as_text=True))
        return filled.fields

    @property
    def status(self) -> int:
        """The status of the page it sees."""
        assert self.page is not None
        return self.page.status_code

    @property
    def csrf(self) -> str:
        """The proof in the page's forms."""
        return self.field("csrf")

    def field(self, name: str) -> str:
        """What a hidden field of the page holds."""
        assert self.page is not None
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page.get_data(as_text=True))
        return found[1] if found else ""


def every_page(browser: Visit) -> dict[str, str]:
    """What stands on every page that links lead to, by its address without the query; the two hundred nearest, where there are more."""
    seen: dict[str, str] = {}
    waiting = deque([MAIN_PAGE])
    while waiting and len(seen) < 200:
        path = waiting.popleft()
        place = path.partition("?")[0]
        if place in seen or place.startswith("/console/static/") or "/tables/" in place:  # files that are taken along
            continue
        browser.page = browser.client.get(path, follow_redirects=True)
        assert browser.status == 200, f"{path}: {browser.status}"
        seen[place] = browser.page.get_data().decode(errors="replace")  # some links lead to files
        waiting += re.findall(r'href="(/console/[^"#]*)"', seen[place])
    return seen


def code_of(chat: Chat, user: str = "boss", *, group: str = "wrADMIN") -> str:
    """The login code that the bot tells somebody."""
    said = chat.says("控制台", user=user, group=group) if group else chat.privately("控制台", user=user)
    found = re.search(r"#([0-9A-Z-]{19})", said)
    assert found, said
    return found[1]


def visit(chat: Chat, user: str = "boss", *, app: Flask | None = None) -> Visit:
    """Somebody who has logged in."""
    browser = Visit.of(app or web(chat))
    browser.logs_in(code_of(chat, user, group="wrADMIN" if user == "boss" else ""))
    assert browser.status == 200, browser.page
    return browser


def inside(chat: Chat, user: str = "boss") -> Visit:
    """Somebody who came in by a link before, and has not opened a page yet."""
    browser = Visit.of(web(chat))
    browser.client.set_cookie(
        "console_session", chat.stores.sessions.begin(chat.member(user), chat.clock(), network="127.0.0.1"), path="/console"
    )
    return browser
