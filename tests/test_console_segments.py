"""群体 in the console: conditions tried while they are typed, saved, sent to, and taken back – by mouse, by keyboard and on a phone."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
import visible
from chat import Chat, OpenChat
from playwright.sync_api import Browser, Page, expect
from visits import PEOPLE, code_of, lively, met, visit, web
from werkzeug.serving import make_server

from rules.traits import TRAITS

pytest_plugins = ("chat",)

PAGE = "/console/in/main/segments"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The owner and a member, whose levels are known."""
    return known(met(open_chat()))


def known(chat: Chat) -> Chat:
    facts: dict[int, dict[str, int | bool]] = {
        found: {"level": at % 4 + 1, "points": 80 * at, "orders": at % 3}
        for at, user in enumerate(PEOPLE)
        if (found := chat.stores.directory.find_number(user))
    }
    facts |= {chat.member("boss"): {"level": 9, "staff": True}, chat.member("lilei"): {"level": 3, "points": 120, "orders": 0}}
    chat.stores.traits.write(chat.community.keys, facts)
    return chat


def test_the_list_says_whom_each_means_and_how_many(chat: Chat) -> None:
    page = visit(chat).opens(PAGE)
    assert "核心成员" in page
    assert "积分至少 100 分，并且兑换次数正好 0 次，并且没有职务" in page
    assert "<strong>1</strong><small>人</small></span><small>50.0%</small>" in page


def test_a_condition_is_checked_as_it_is_typed(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}/one")
    csrf = browser.csrf
    told = browser.posts(f"{PAGE}/check", text="等级 >= 2 且 非 staff")
    assert '<strong data-testid="members">1 人</strong>' in told
    assert "占 2 人的 50.0%" in told
    assert "等级至少 2 级，并且没有职务。" in told
    assert f'<a href="/console/in/main/members/{chat.member("lilei")}">李雷</a>' in told
    wrong = browser.posts(f"{PAGE}/check", csrf=csrf, text="staff and <b>lvel > 2")
    assert "staff and <mark>&lt;</mark>b&gt;lvel &gt; 2" in wrong
    assert "第 11 个字" in wrong
    assert "最多 1000 个字" in browser.posts(f"{PAGE}/check", csrf=csrf, text="x" * 5_000)
    assert "写一个条件" in browser.posts(f"{PAGE}/check", csrf=csrf, text="  ")


def test_a_segment_is_made_changed_removed_and_brought_back(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}/one?name=高手&text=level >= 3")
    page = browser.posts(f"{PAGE}/save", **{**browser.form, "note": "请他们带新人"})
    assert "已保存" in page
    assert "/console/in/main/calendar?new=1&amp;segment=@%E9%AB%98%E6%89%8B" in page
    form = browser.form
    page = browser.posts(f"{PAGE}/save", **{**form, "text": "level >= 4"})
    assert "等级至少 4 级" in page
    page = browser.posts(f"{PAGE}/save", **{**form, "once": "", "text": "level >= 5"})
    assert browser.status == 400
    page = browser.posts(f"{PAGE}/save", **{**form, "once": "abc", "text": "level >= 5"})
    assert browser.status == 409
    assert "现在是“高手”：level &gt;= 4" in page
    browser.opens(f"{PAGE}/one?id={form['id']}")
    page = browser.posts(f"{PAGE}/remove", id=form["id"], mark=browser.form["mark"])
    assert "已删除" in page
    assert "高手" not in page
    browser.opens(f"{PAGE}/history")
    newest = chat.stores.content.versions()["segments"]
    assert "高手" in browser.posts(f"{PAGE}/undo", version=str(newest))


def test_what_cannot_be_saved_is_told_and_kept_in_the_form(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}/one")
    page = browser.posts(f"{PAGE}/save", **{**browser.form, "name": "高手", "text": "lvel > 3"})
    assert browser.status == 400
    assert "没有 lvel，是不是 level？" in page
    assert browser.form["name"] == "高手"
    assert browser.form["text"] == "lvel > 3"


def test_of_another_communitys_segments_nothing_is_seen(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}/one")
    browser.posts(f"{PAGE}/save", **{**browser.form, "name": "只有我们", "text": "all", "scope": "here"})
    id = browser.form["id"]
    assert "只有我们" not in browser.opens("/console/in/far/segments")
    browser.opens(f"/console/in/far/segments/one?id={id}")
    assert browser.status == 404


def test_every_trait_is_in_the_help_with_an_example_that_works(chat: Chat) -> None:
    browser = visit(chat)
    page = browser.opens(f"{PAGE}/one")
    examples = re.findall(r'data-insert="([^"@]*)"', page)
    assert len(examples) == len(TRAITS)
    assert 'data-testid="words"' in browser.posts(f"{PAGE}/check", text=" or ".join(map(html.unescape, examples)))


# In a real browser --------------------------------------------------------------------------------------------------------
needs_chromium = pytest.mark.skipif(not visible.CHROMIUM.exists(), reason="no /usr/bin/chromium here: segments were not looked at")
Look = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with visible.a_browser() as browser:
        yield browser


@pytest.fixture
def look(chromium: Browser, open_chat: OpenChat) -> Iterator[Look]:
    """Opens the pages as the owner; at the end no browser may have complained."""
    chat = known(lively(open_chat()) if visible.FOLDER else met(open_chat()))
    server = make_server("127.0.0.1", 0, web(chat), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    address, complaints, contexts = f"http://127.0.0.1:{server.server_port}", list[str](), list[Any]()

    def open_one(path: str = "", *, width: int = 1280, dark: bool = False) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 860}, color_scheme="dark" if dark else "light", locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(f"{address}/console/login#{code_of(chat)}")
        page.get_by_test_id("enter").click()
        page.wait_for_url(re.compile(r"/console/(in/.*)?$"))
        page.goto(f"{address}{PAGE}{path}")
        return page

    yield open_one
    for context in contexts:
        context.close()
    server.shutdown()
    thread.join(10)
    assert complaints == []


@needs_chromium
def test_by_keyboard_a_condition_is_typed_mended_and_saved(look: Look) -> None:
    page = look()
    visible.keep(page, "segments")
    page.keyboard.press("n")
    page.get_by_test_id("text").focus()
    page.keyboard.type("lvel >= 2")
    expect(page.get_by_test_id("wrong")).to_contain_text("是不是 level？")
    expect(page.locator(".underlined mark")).to_have_text("lvel")
    visible.keep(page, "segment-wrong")
    page.keyboard.press("Control+A")
    page.keyboard.type("等级 >= 2")
    expect(page.get_by_test_id("members")).to_have_text(re.compile(r"[2-9] 人"))
    page.locator("summary", has_text="是不是").click()
    page.get_by_role("button", name="职务", exact=True).click()
    expect(page.get_by_test_id("text")).to_have_value("等级 >= 2 且 职务")
    expect(page.get_by_test_id("members")).to_have_text("1 人")
    page.get_by_test_id("name").fill("有职务的高手")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("said")).to_contain_text("已保存")
    visible.keep(page, "segment", whole=True)
    page.get_by_test_id("push").click()
    expect(page.get_by_test_id("segment")).to_have_value("@有职务的高手")


@needs_chromium
def test_on_a_phone_nothing_sticks_out(look: Look) -> None:
    page = look(width=390, dark=True)
    visible.keep(page, "segments-phone", whole=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_text("有分没花的人").click()
    expect(page.get_by_test_id("members")).to_contain_text("人")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    visible.keep(page, "segment-phone", whole=True)
