"""日历 in the console: a month with all that stands in it, and pushes made, tried, moved and taken back, by mouse and by keyboard."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import visible
from chat import Chat, OpenChat
from playwright.sync_api import Browser, Page, expect
from visits import Visit, code_of, met, visit, web
from werkzeug.serving import make_server

from bot.mailing import fire, settle
from handlers.contents import publish
from rules.contents import PUSHES, Push
from storage.outbox import Outbox
from tests.timing import SLOWER

pytest_plugins = ("chat",)

PAGE = "/console/in/main/calendar"
LATE_MS = 2**42
"""Long after all that happens here."""
SHANGHAI = ZoneInfo("Asia/Shanghai")
PUSHED = """
- {id: morning, cron: "0 9 * * *", community: "*", text: 早安, title: 早安}
- {id: often, cron: "*/10 8-20 * * sat", community: main, text: 十分钟一次}
- {id: live, at: 2026-03-20 15:00, community: main, text: "**三点**直播", title: 直播预告, marketing: true}
- {id: later, at: 2026-03-25 15:00, community: main, enabled: false, text: 还没写完的}
- {id: far, at: 2026-03-20 09:00, community: far, text: 远方的事}
"""


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """Tuesday, 10 March 2026, 10:00 in Shanghai, with some pushes."""
    chat = met(open_chat())
    publish(chat.stores, PUSHES, PUSHED, "boss", chat.clock())
    chat.live.refresh()
    return chat


def pushes(chat: Chat) -> dict[str, Push]:
    chat.live.refresh()
    return {push.id: push for push in chat.live.current.pushes}


def day(page: str, date: str) -> str:
    """What stands in the month on a day, tags left out."""
    found = re.search(rf'<td data-day="{date}"(.*?)</td>', page, re.DOTALL)
    assert found, date
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def write(browser: Visit, path: str, **fields: str) -> str:
    """Fills in the form beside the month and saves it."""
    browser.opens(f"{PAGE}?{path}")
    filled: dict[str, Any] = browser.form | {"act": "enable", "repeat": "once"} | fields
    return browser.posts(f"{PAGE}/save", **filled)


# The month ----------------------------------------------------------------------------------------------------------------


def test_a_month_shows_what_is_planned_and_what_came_of_it(chat: Chat) -> None:
    morning = pushes(chat)["morning"]
    for n, why in enumerate(("", "missed", "paused", "crisis", "no_way", "")):
        moment = datetime(2026, 3, 4 + n, 9, tzinfo=SHANGHAI)
        if why:
            settle(morning, chat.community, moment, why, chat.stores, chat.clock())  # type: ignore[arg-type]
        else:
            fire(
                morning,
                chat.community,
                moment,
                chat.stores,
                chat.config,
                chat.live.current,
                chat.clock() if n else moment + timedelta(minutes=5),
            )
    outbox = chat.stores.outbox
    lease = outbox.lease(chat.community.shard, "bulk", "hook.main.main", "s", LATE_MS, 1)
    assert lease
    outbox.dead(lease, "群机器人被移除了", 2)
    page = visit(chat).opens(f"{PAGE}?month=2026-03")
    assert "✕ 09:00 早安" in day(page, "2026-03-04")
    assert "群机器人被移除了" in page
    assert all("⊘ 09:00 早安" in day(page, f"2026-03-0{n}") for n in (5, 6, 7, 8))
    assert all(words in page for words in ("到点时机器人没有在运行", "社群在暂停", "危机模式里不发营销", "没有到群里的 webhook"))
    assert "… 09:00 早安" in day(page, "2026-03-09"), "it waits in the outbox"
    assert "早安" not in day(page, "2026-03-10"), "9:00 is past, and nothing is known of it"
    assert "↻ 09:00 早安" in day(page, "2026-03-11")
    assert "08:00 十分钟一次 ×78" in day(page, "2026-03-14")
    assert "● 15:00 直播预告" in day(page, "2026-03-20")
    assert "，草稿" in day(page, "2026-03-25")
    assert "远方" not in page
    assert "09:30 周报" in day(page, "2026-03-16")
    assert "日报" not in page
    assert "日报" in visit(chat).opens(f"{PAGE}?month=2026-03&kind=report")


def test_days_off_and_days_made_up_are_marked(chat: Chat) -> None:
    page = visit(chat).opens(f"{PAGE}?month=2026-02")
    assert "春节" in day(page, "2026-02-17")
    assert "班" in day(page, "2026-02-14")
    assert 'data-testid="unannounced"' not in page
    assert 'data-testid="unannounced"' in visit(chat).opens(f"{PAGE}?month=2027-02")


def test_activities_stand_on_the_days_of_their_beginning_and_end(chat: Chat) -> None:
    chat.as_admin("发起投票 团建去哪 | 爬山 | 看电影 | 开始 3-18 9:00 | 截止 3-19 20:00")
    chat.as_admin("1")
    page = visit(chat).opens(f"{PAGE}?month=2026-03&kind=activity")
    assert "09:00 投票“团建去哪”开始" in day(page, "2026-03-18")
    assert "20:00 投票“团建去哪”截止" in day(page, "2026-03-19")
    assert "早安" not in page


def test_two_hundred_entries_take_few_round_trips_and_little_time(chat: Chat) -> None:
    many = "".join(f"- {{id: p{n}, at: 2026-03-{n % 28 + 1:02} 15:{n % 60:02}, community: main, text: 第 {n} 条}}\n" for n in range(200))
    publish(chat.stores, PUSHES, many, "boss", chat.clock())
    browser = visit(chat)
    browser.opens(f"{PAGE}?month=2026-03")
    trips: list[int] = []
    chat.stores.database._on_round_trip = lambda: trips.append(1)
    begun = time.process_time()
    page = browser.opens(f"{PAGE}?month=2026-03")
    assert time.process_time() - begun < 0.2 * SLOWER, "a fifth of a second on a quiet machine"
    assert len(trips) <= 25
    assert "还有" in day(page, "2026-03-20")


@pytest.mark.parametrize(
    "asked", ["month=2026-13", "month=0001-01", "month=9999-12", "day=2026-02-30", "push=nothing", "kind=x", "month=%00", "new=1&day=x"]
)
def test_an_address_that_makes_no_sense_shows_a_month(chat: Chat, asked: str) -> None:
    assert "2026 年 3 月" in visit(chat).opens(f"{PAGE}?{asked}")


# Making and moving --------------------------------------------------------------------------------------------------------


def test_a_push_is_made_edited_and_taken_back(chat: Chat) -> None:
    browser = visit(chat)
    page = write(browser, "new=1&day=2026-03-18", text="三点有\r\n直播", title="直播", time="15:30")
    assert "● 15:30 直播" in day(page, "2026-03-18")
    [made] = [push for push in pushes(chat).values() if push.title == "直播"]
    assert (made.at, made.text, made.community, made.enabled) == ("2026-03-18 15:30", "三点有\n直播", "main", True)
    page = write(browser, f"push={made.id}", repeat="weekly", weekday="fri", days="workdays", act="draft")
    edited = pushes(chat)[made.id]
    assert (edited.cron, edited.at, edited.days, edited.enabled) == ("30 15 * * fri", "", "workdays", False)
    assert 'data-testid="undo"' in page
    browser.posts(f"{PAGE}/undo", version=browser.field("version"))
    assert pushes(chat)[made.id] == made
    browser.opens(f"{PAGE}?push={made.id}")
    browser.posts(f"{PAGE}/remove", id=made.id, mark=browser.field("mark"), month="2026-03")
    assert made.id not in pushes(chat)
    assert [row.act for row in chat.stores.audit.newest("main", 9) if row.act.startswith("推送")] == [
        "推送 删除",
        "推送 撤销",
        "推送 修改",
        "推送 新建",
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": " "}, "是空的"),
        ({"date": "2026-03-09"}, "已经过了"),
        ({"date": ""}, "请选日期"),
        ({"time": "x"}, "请写几点"),
        ({"repeat": "weekly"}, "勾一个星期几"),
        ({"repeat": "monthly", "monthday": "32"}, "1 到 31"),
        ({"repeat": "monthly", "monthday": "0019"}, "1 到 31"),
        ({"repeat": "cron", "cron": "0 9 31 2 *"}, "永远不会到来"),
        ({"grace": "很久"}, "分钟数"),
        ({"grace": "9999"}, "1440"),
        ({"text": "长" * 4_001}, "太长"),
    ],
)
def test_what_cannot_be_is_refused_and_what_was_typed_stays(chat: Chat, fields: dict[str, str], told: str) -> None:
    browser = visit(chat)
    page = write(browser, "new=1&day=2026-03-18", **{"text": "三点直播", "title": "不见了可惜"} | fields)
    assert browser.status == 400
    assert told in page
    assert "不见了可惜" in page
    assert len(pushes(chat)) == 5


def test_a_push_is_moved_and_moved_back(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}?push=live")
    page = browser.posts(f"{PAGE}/move", sort="push", id="live", mark=browser.field("mark"), day="2026-04-02")
    assert "2026 年 4 月" in page
    assert "15:00 直播预告" in day(page, "2026-04-02")
    browser.posts(f"{PAGE}/undo", version=browser.field("version"))
    assert pushes(chat)["live"].at == "2026-03-20 15:00"


@pytest.mark.parametrize(
    ("id", "date", "status", "told"),
    [
        ("live", "2026-03-01", 400, "已经过了"),
        ("live", "很快", 400, "请选一个日期"),
        ("morning", "2026-04-02", 400, "不能只挪一天"),
        ("far", "2026-04-02", 400, "没有推送"),
        ("gone", "2026-04-02", 400, "没有推送"),
    ],
)
def test_what_cannot_be_moved_says_why(chat: Chat, id: str, date: str, status: int, told: str) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}?push={id}")
    assert told in browser.posts(f"{PAGE}/move", sort="push", id=id, mark=browser.field("mark"), day=date)
    assert browser.status == status


def test_whoever_saw_an_older_state_changes_nothing(chat: Chat) -> None:
    first, second = visit(chat), visit(chat)
    first.opens(f"{PAGE}?push=live")
    mark = first.field("mark")
    second.opens(f"{PAGE}?push=live")
    second.posts(f"{PAGE}/move", sort="push", id="live", mark=mark, day="2026-04-02")
    wanted: dict[str, dict[str, Any]] = {
        "move": {"sort": "push", "day": "2026-04-03"}, "remove": {}, "save": {"text": "别的", "grace": "60", "repeat": "daily", "time": "09:00"}
    }  # fmt: skip
    for path, fields in wanted.items():
        assert "刚刚被别人改过" in first.posts(f"{PAGE}/{path}", id="live", mark=mark, **fields)
        assert first.status == 409
    assert pushes(chat)["live"].at == "2026-04-02 15:00"


def test_a_form_that_is_posted_twice_makes_one_push(chat: Chat) -> None:
    browser = visit(chat)
    for _ in range(2):
        write(browser, "new=1&day=2026-03-18", text="三点直播", once="samemark")
    assert len(pushes(chat)) == 6


def test_an_activity_that_has_not_begun_is_moved_with_its_end(chat: Chat) -> None:
    chat.as_admin("发起投票 团建去哪 | 爬山 | 看电影 | 开始 3-18 9:00 | 截止 3-19 20:00")
    chat.as_admin("1")
    browser = visit(chat)
    page = browser.opens(f"{PAGE}?day=2026-03-18")
    assert 'data-sort="activity"' in page
    [activity] = chat.stores.activities.running(chat.community.keys) or chat.stores.activities.newest(chat.community.keys)[1]
    page = browser.posts(f"{PAGE}/move", sort="activity", id=str(activity.number), mark=str(activity.revision), day="2026-03-23")
    assert "09:00 投票“团建去哪”开始" in day(page, "2026-03-23")
    assert "20:00 投票“团建去哪”截止" in day(page, "2026-03-24")
    page = browser.posts(f"{PAGE}/move", sort="activity", id=str(activity.number), mark=str(activity.revision), day="2026-03-26")
    assert browser.status == 409
    assert "刚刚被别人改过" in page


def test_a_text_is_tried_on_oneself_and_previewed(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{PAGE}?push=live")
    assert "<strong>三点</strong>直播，大家" in browser.posts(f"{PAGE}/preview", text="**三点**直播，{nickname}<script>")
    assert "<script>" not in browser.posts(f"{PAGE}/preview", text="<script>")
    browser.opens(f"{PAGE}?push=live")
    assert "已私聊发给你" in browser.posts(f"{PAGE}/try", text="三点直播，{nickname}")
    [shown] = [delivery for delivery in chat.outbox() if delivery.id.startswith("push:trial:")]
    assert shown.member == chat.member("boss")
    browser.opens(f"{PAGE}?push=live")
    assert "请先写上内容" in browser.posts(f"{PAGE}/try", text=" ")


def test_a_viewer_looks_and_changes_nothing(chat: Chat) -> None:
    chat.as_admin("角色 lilei 观察员")
    browser = visit(chat, "lilei")
    page = browser.opens(f"{PAGE}?push=live&month=2026-03")
    assert "直播预告" in page
    assert "draggable" not in page
    assert "你可以看" in page
    for path in ("save", "move", "remove", "undo", "preview", "try"):
        browser.posts(f"{PAGE}/{path}", id="live")
        assert browser.status == 403, path


def test_a_dead_letter_is_told_by_the_push_that_it_was_a_part_of(chat: Chat) -> None:
    live, moment = pushes(chat)["live"], datetime(2026, 3, 9, 15, tzinfo=SHANGHAI)
    assert fire(live, chat.community, moment, chat.stores, chat.config, chat.live.current, moment)
    outbox: Outbox = chat.stores.outbox
    lease = outbox.lease(chat.community.shard, "bulk", "hook.main.main", "s", LATE_MS, 1_000)
    assert lease
    outbox.split(lease, [chat.outbox()[0].__class__(**{**_fields(lease.delivery), "id": f"{lease.delivery.id}/{n}"}) for n in (1, 2)], 1)
    assert outbox.queued(chat.community.shard, "bulk", "hook.main.main") == {lease.delivery.id}
    part = outbox.lease(chat.community.shard, "bulk", "hook.main.main", "s", LATE_MS + 10_000, 1_000)
    assert part
    outbox.dead(part, "群不在了", 3)
    assert outbox.dead_reasons(chat.community.shard, "push:main:") == {lease.delivery.id: "群不在了"}


def _fields(delivery: Any) -> dict[str, Any]:
    return {name: getattr(delivery, name) for name in delivery.__dataclass_fields__}


# In a real browser --------------------------------------------------------------------------------------------------------

needs_chromium = pytest.mark.skipif(not visible.CHROMIUM.exists(), reason="no /usr/bin/chromium here: the calendar was not looked at")
Look = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with visible.a_browser() as browser:
        yield browser


@pytest.fixture
def look(chromium: Browser, chat: Chat) -> Iterator[Look]:
    """Opens the calendar as the owner; at the end no browser may have complained."""
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
        page.goto(f"{address}{PAGE}?{path}")
        return page

    yield open_one
    for context in contexts:
        context.close()
    server.shutdown()
    thread.join(10)
    assert complaints == []


@needs_chromium
def test_a_push_is_dragged_to_another_day_and_what_repeats_says_why_it_stays(look: Look, chat: Chat) -> None:
    page = look("month=2026-03")
    page.locator("[data-id=morning]").first.drag_to(page.locator("[data-day='2026-03-19']"))
    expect(page.get_by_test_id("moved")).to_contain_text("不能只挪一天")
    page.locator("[data-id=live]").drag_to(page.locator("[data-day='2026-03-24']"))
    expect(page.get_by_test_id("said")).to_contain_text("已改期")
    expect(page.locator("[data-day='2026-03-24']")).to_contain_text("直播预告")
    visible.keep(page, "calendar")
    assert pushes(chat)["live"].at == "2026-03-24 15:00"
    page.get_by_test_id("undo").click()
    expect(page.locator("[data-day='2026-03-20']")).to_contain_text("直播预告")
    assert pushes(chat)["live"].at == "2026-03-20 15:00"


@needs_chromium
def test_by_keyboard_alone_a_push_is_made_and_moved(look: Look, chat: Chat) -> None:
    page = look("month=2026-03")
    page.locator("[data-day='2026-03-18'] .date a").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("new-here")).to_be_visible()
    page.get_by_test_id("new-here").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("text")).to_be_visible()
    page.get_by_test_id("text").focus()
    page.keyboard.type("**三点**直播")
    expect(page.get_by_test_id("preview").locator("strong")).to_have_text("三点")
    visible.keep(page, "calendar-form")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("said")).to_contain_text("已保存")
    expect(page.locator("[data-day='2026-03-18']")).to_contain_text("三点")
    page.locator("[data-day='2026-03-18'] [data-sort=push]", has_text="三点").focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("move-day").fill("2026-03-26")
    page.get_by_test_id("move").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-day='2026-03-26']")).to_contain_text("三点")
    page.locator("[data-day='2026-03-26'] .date a").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("day-list")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("beside")).to_be_hidden()
    assert "2026-03-26 09:00" in {push.at for push in pushes(chat).values()}


@needs_chromium
def test_on_a_phone_the_days_stand_one_below_the_other(look: Look) -> None:
    page = look("month=2026-03", width=390, dark=True)
    expect(page.locator("[data-day='2026-03-20'] .full")).to_have_text("3 月 20 日 周五")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    visible.keep(page, "calendar-phone", whole=True)
    page.locator("[data-id=live]").click()
    expect(page.get_by_test_id("text")).to_have_value("**三点**直播")
    page.get_by_test_id("repeat-weekly").check()
    expect(page.get_by_test_id("weekday-mon")).to_be_visible()
    expect(page.get_by_test_id("date")).to_be_hidden()
    page.get_by_test_id("try").click()
    expect(page.get_by_test_id("tried")).to_contain_text("已私聊发给你")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    visible.keep(page, "calendar-form-phone")
