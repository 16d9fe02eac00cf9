"""The open overview on a real bot with all its processes: what is said in the group is seen without a reload, and many watchers keep no message waiting."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import visible
from playwright.sync_api import Browser, Page, expect

from commands.past import bring_past, pasts
from storage.keys import SHARDS
from storage.moment import DEFAULT_TIMEZONE
from tests.outside import aibot_text
from tests.timing import SLOWER, await_until
from tests.tree import GROUP, Tree

PAGE_MS = 60_000
PLACE = "/console/in/main/"

_DRAWN = "() => document.querySelector('[data-chart] canvas').toDataURL()"

needs_browser = pytest.mark.skipif(not visible.CHROMIUM.exists(), reason="no /usr/bin/chromium here: no page was seen to change by itself")


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    tree = Tree(tmp_path_factory.mktemp("live"))
    try:
        tree.start()
        says(tree, "签到", user="boss", chat=GROUP)
        yield tree
    finally:
        tree.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with visible.a_browser() as browser:
        yield browser


def says(bot: Tree, words: str, *, user: str = "lilei", chat: str = "") -> str:
    """Somebody speaks, mentioning the bot in a group; gives what it answers."""
    answer = bot.client.tell(bot.channels["assistant"], aibot_text(user, f"@小助手 {words}" if chat else words, chat=chat))
    assert answer.status == 200
    return answer.said


def code_of(bot: Tree) -> str:
    """A login code for the owner."""
    found = re.search(r"login#([0-9A-Z-]{19})", says(bot, "控制台", user="boss"))
    assert found
    return found[1]


@pytest.fixture
def page(bot: Tree, chromium: Browser) -> Iterator[Page]:
    """The owner's browser, logged in."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    page, complaints = context.new_page(), list[str]()
    page.set_default_timeout(PAGE_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"http://127.0.0.1:{bot.port}/console/login#{code_of(bot)}")
    page.get_by_test_id("enter").click()
    expect(page.get_by_role("heading", name="主群")).to_be_visible()
    yield page
    context.close()
    assert complaints == []


@needs_browser
def test_what_is_said_in_the_group_is_seen_without_a_reload(bot: Tree, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{bot.port}{PLACE}")
    expect(page.locator("[data-live-is=on]")).to_be_attached()
    page.evaluate("window.isTheSamePage = true")
    figure = page.locator("[data-metric=messages] strong")
    before = int(figure.inner_text().split()[0])
    for at in range(3):
        says(bot, f"大家好 {at}", chat=GROUP)
    expect(figure).to_have_text(f"{before + 3} 次")
    says(bot, "人工 想问一下课程什么时候开始", chat=GROUP)
    expect(page.get_by_test_id("todo")).to_contain_text("1 个工单等人回复")
    assert page.evaluate("window.isTheSamePage") is True


@needs_browser
def test_the_first_page_is_there_within_a_second_and_light(bot: Tree, chromium: Browser, page: Page) -> None:
    state = page.context.storage_state()
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN", storage_state=state)
    fresh = context.new_page()
    line = context.new_cdp_session(fresh)
    line.send("Network.enable")
    received: list[float] = []
    line.on("Network.loadingFinished", lambda told: received.append(told["encodedDataLength"]))
    fresh.goto(f"http://127.0.0.1:{bot.port}{PLACE}", wait_until="load")
    ready_ms = fresh.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    print(f"first page: {sum(received) / 1000:.0f} KB over the wire, interactive after {ready_ms:.0f} ms")
    context.close()
    assert 10_000 < sum(received) < 300_000
    assert ready_ms < 1_000 * SLOWER, "a second on a quiet machine; here others work too"


@needs_browser
def test_a_chart_is_drawn_from_its_table_and_again_when_night_falls(bot: Tree, page: Page) -> None:
    with bot.database() as database:
        _, past, _ = pasts([], well=("a", ""), unwell=("main", GROUP), young=("b", ""))
        bring_past(database, SHARDS, [past], datetime.now(ZoneInfo(DEFAULT_TIMEZONE)).date())
    page.goto(f"http://127.0.0.1:{bot.port}{PLACE}numbers/of/dau?length=day")
    drawing = page.locator("[data-chart] canvas")
    expect(drawing).to_be_visible()
    await_until(lambda: len(page.evaluate(_DRAWN)) > 5_000, PAGE_MS / 1000, "a chart")
    by_day = page.evaluate(_DRAWN)
    page.emulate_media(color_scheme="dark")
    await_until(lambda: page.evaluate(_DRAWN) != by_day, PAGE_MS / 1000, "the same by night")
    drawing.hover()  # its words are drawn too: as elements they would need styles that the policy stops
    page.get_by_text("表格", exact=True).click()
    expect(page.locator("#points tbody tr")).to_have_count(past.days)


def watch(bot: Tree, cookie: str) -> http.client.HTTPConnection:
    """Opens a stream and leaves it open."""
    line = http.client.HTTPConnection("127.0.0.1", bot.port, timeout=20)
    line.request("GET", "/console/live", headers={"Cookie": cookie})
    return line


def test_fifty_open_pages_keep_no_message_waiting(bot: Tree) -> None:
    line = http.client.HTTPConnection("127.0.0.1", bot.port, timeout=20)
    line.request("GET", "/console/login")
    asked = line.getresponse()
    form = re.search(r'name="csrf" value="(\w+)"', asked.read().decode())
    door = (asked.headers["Set-Cookie"] or "").partition(";")[0]
    assert form
    line.request(
        "POST",
        "/console/login",
        f"csrf={form[1]}&code={code_of(bot)}",
        {"Cookie": door, "Content-Type": "application/x-www-form-urlencoded"},
    )
    cookies = line.getresponse().headers.get_all("Set-Cookie") or []
    cookie = next(one for one in cookies if one.startswith("console_session=")).partition(";")[0]
    lines = [watch(bot, cookie) for _ in range(50)]
    try:
        waited = []
        for _ in range(10):
            began = time.perf_counter()
            assert says(bot, "我的积分", chat=GROUP)
            waited.append(time.perf_counter() - began)
        assert max(waited) < 4 * SLOWER, f"WeCom waits five seconds: {waited}"
        answers = [line.getresponse() for line in lines]
        assert {answer.status for answer in answers} == {200}
        assert all(b"retry: 5000" in answer.read(12) for answer in answers), "each got its first line"
    finally:
        for line in lines:
            line.close()
