"""``run.py demo`` as a visitor sees it, in a real browser: the page, the bot behind it, and that nothing is left when it ends."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest
import visible
from playwright.sync_api import Browser, Locator, Page, expect

from simulator.opening import ADMINS, MAIN
from tests.drawn import drawn
from tests.timing import await_until
from tools import operator_pictures

ROOT = Path(__file__).parent.parent
READY_WITHIN_S, OPENED_WITHIN_S, ENDS_WITHIN_S = 60.0, 180.0, 60.0
PAGE_MS = 60_000
"""How long the page may take to show something on a busy machine."""

_NEW = """({before, of, text}) => [...document.querySelectorAll('.entry')]
  .filter((entry) => Number(entry.dataset.id) > before && entry.querySelector(`[data-testid=message][data-from='${of}']`))
  .filter((entry) => entry.textContent.includes(text)).at(-1)?.dataset.id"""

pytestmark = pytest.mark.timeout(300)  # whichever test is first waits for the demo
needs_browser = pytest.mark.skipif(not visible.CHROMIUM.exists(), reason="no /usr/bin/chromium here: the demo page was not looked at")


class Demo:
    """A demo of its own: on free ports, in a folder that is its processes' mark."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = two_free_ports()
        self.url = f"http://127.0.0.1:{self.port}/demo/"
        words = [sys.executable, str(ROOT / "run.py"), "demo", "--port", str(self.port), "--data", str(folder)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("BOT_", "PROMETHEUS_"))}
        self._log = folder.with_suffix(".log").open("wb")
        self.parent = subprocess.Popen(
            words, env=environment | {"DEMO_MARK": str(folder)}, stdout=self._log, stderr=self._log, start_new_session=True
        )
        try:
            await_until(self._is_ready, READY_WITHIN_S, "a demo that is ready", every_s=0.05)
        except AssertionError:
            self.end()
            raise

    def processes(self) -> dict[int, str]:
        """Every process that the demo started and that still runs: by its mark, or (Redis sees no environment) by its folder."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state = process.joinpath("stat").read_text().rpartition(")")[2].split()[0]
                command, environment = process.joinpath("cmdline").read_bytes(), process.joinpath("environ").read_bytes()
                if state != "Z" and (f"DEMO_MARK={self.folder}".encode() in environment or f"{self.folder}/".encode() in command):
                    found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found

    def has_opened(self) -> bool:
        """Whether the thirtieth member, the last who speaks at the start, was answered, so that nobody else speaks any more."""
        if not (self.folder / "opened").exists():
            return False
        posts = json.load(self._get(f"{self.url}api/updates?who=boss&after=0"))["posts"]
        last = max((post["id"] for post in posts if post["sender"] == "user30"), default=None)
        return last is not None and any(post["id"] > last and post["sender"] == "bot" for post in posts)

    def end(self) -> None:
        """Ends it politely, then by force."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                self.parent.send_signal(number)
                self.parent.wait(ENDS_WITHIN_S)
        self._log.close()

    def _is_ready(self) -> bool:
        assert self.parent.poll() is None, f"the demo ended: {self.folder.with_suffix('.log').read_text()[-2000:]}"
        try:
            return all(self._get(url).status == 200 for url in (self.url, f"http://127.0.0.1:{self.port}/readyz"))
        except (URLError, OSError):
            return False

    @staticmethod
    def _get(url: str) -> Any:
        # the browser's way, through the bot to the page; a proxy of the environment has no part in it
        return build_opener(ProxyHandler({})).open(url, timeout=5)


def two_free_ports() -> int:
    """A port that is free together with the one above it, below those that the system lends to outgoing connections."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
            return port


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo") / "data")
    await_until(demo.has_opened, OPENED_WITHIN_S, "the opening lines", every_s=0.05)
    yield demo
    demo.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with visible.a_browser() as chromium:
        yield chromium


class Visitor:
    """Somebody at the page, and what may not happen there: errors in the console."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self._before = 0
        page.set_default_timeout(PAGE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.goto(url)
        expect(page.get_by_test_id("chat-list").locator("[data-chat]").first).to_be_visible(timeout=PAGE_MS)

    def becomes(self, user: str) -> None:
        """Chooses who to be."""
        self.page.get_by_test_id("who").click()
        self.page.get_by_test_id("who-search").fill(user)
        self.page.locator(f"[data-testid=who-option][data-user={user}]").click()

    def opens(self, chat: str) -> None:
        """Opens a chat of the list."""
        self._before = 0
        self.page.get_by_test_id("chat-list").locator(f"[data-chat='{chat}']").click()

    def says(self, text: str, *, mention: bool = True) -> None:
        """Writes and sends, in a group with the button that mentions the bot."""
        self._before = self.page.evaluate(
            "Math.max(0, ...[...document.querySelectorAll('.entry')].map((entry) => Number(entry.dataset.id)))"
        )
        if mention:
            self.page.get_by_test_id("mention").click()
        self.page.get_by_test_id("input").press_sequentially(text)
        self.page.get_by_test_id("send").click()

    def hears(self, text: str, *, of: str = "bot") -> Locator:
        """Waits for somebody to say something since the visitor spoke last (or opened the chat); gives that message."""
        said = {"before": self._before, "of": of, "text": text}
        number = self.page.wait_for_function(_NEW, arg=said, timeout=PAGE_MS, polling=operator_pictures.LOOKS_EACH_MS).json_value()
        return self.page.locator(f".entry[data-id='{number}']").get_by_test_id("message")

    def keeps(self, name: str) -> None:
        """Keeps what is seen as a picture, where pictures are kept."""
        visible.keep(self.page, f"demo-{name}")


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One for all visitors: a process of its own for each would take longer than what they do."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    yield context.new_page()
    context.close()


@pytest.fixture
def visitor(demo: Demo, tab: Page) -> Iterator[Visitor]:
    visitor = Visitor(tab, demo.url)
    yield visitor
    tab.evaluate("localStorage.clear(); sessionStorage.clear()")
    tab.goto("about:blank")
    assert visitor.errors == []


@needs_browser
def test_a_visitor_checks_in_and_asks_and_is_answered(visitor: Visitor) -> None:
    visitor.becomes("user04")
    visitor.opens(MAIN)
    visitor.says("签到")
    visitor.hears("签到成功")
    visitor.says("我的积分")
    expect(visitor.hears("你现在有")).not_to_contain_text("**")  # markdown: the figure is set in bold, not in asterisks
    visitor.says("怎么开发票")
    visitor.hears("电子发票会在")
    visitor.keeps("group")


@needs_browser
def test_what_is_said_without_a_mention_the_bot_does_not_hear(visitor: Visitor) -> None:
    visitor.becomes("user06")
    visitor.opens(MAIN)
    visitor.says("大家晚上好", mention=False)
    expect(visitor.hears("大家晚上好", of="user06")).to_contain_text("机器人听不到")


@needs_browser
def test_a_single_chat_needs_no_mention(visitor: Visitor) -> None:
    visitor.becomes("user08")
    visitor.opens("single|assistant|user08")
    visitor.hears("我是社群小助手")
    visitor.says("签到", mention=False)
    visitor.hears("积分")
    visitor.keeps("single")


@needs_browser
def test_an_insult_is_warned_of_in_private_and_decided_by_the_admin_with_a_card(visitor: Visitor) -> None:
    visitor.becomes("user09")
    visitor.opens(MAIN)
    visitor.says("你个王八蛋，给老子滚")
    visitor.opens("single|desk|user09")
    visitor.hears("友善交流")
    visitor.keeps("warning")

    visitor.becomes("boss")
    visitor.opens(ADMINS)
    visitor.says("案件")
    visitor.hears("待处理的案件")
    card = visitor.page.get_by_test_id("message").filter(has=visitor.page.get_by_test_id("card-button")).last
    expect(card).to_contain_text("你个王八蛋")
    visitor.keeps("case")
    card.get_by_test_id("card-button").filter(has_text="忽略").click()
    visitor.hears("已警告 → 已忽略")
    visitor.keeps("case-decided")


@needs_browser
def test_a_newcomer_joins_is_welcomed_and_leaves(visitor: Visitor) -> None:
    visitor.opens(MAIN)
    visitor.page.get_by_test_id("join").click()
    visitor.page.get_by_test_id("join-name").fill("小明同学")
    visitor.page.get_by_test_id("join-confirm").click()
    expect(visitor.page.get_by_test_id("who")).to_contain_text("小明同学")
    visitor.says("你好")
    visitor.hears("很高兴认识你")
    visitor.keeps("newcomer")
    visitor.page.get_by_test_id("leave").click()
    expect(visitor.page.get_by_text("你不在这个群里")).to_be_visible(timeout=PAGE_MS)


@needs_browser
def test_the_drawer_shows_what_went_over_the_wire(visitor: Visitor) -> None:
    visitor.becomes("user11")
    visitor.opens(MAIN)
    visitor.says("帮助")
    visitor.hears("我可以")
    visitor.page.get_by_test_id("wire-toggle").click()
    row = visitor.page.get_by_test_id("wire-row").filter(has_text="回调 assistant").first
    expect(row).to_contain_text("200", timeout=PAGE_MS)
    row.click()
    expect(row).to_contain_text("msgtype")
    visitor.keeps("wire")


@needs_browser
def test_a_picture_is_shown_and_seen_in_full_when_it_is_clicked(visitor: Visitor) -> None:
    visitor.becomes("user21")
    visitor.opens(MAIN)
    visitor.says("海报")
    visitor.hears("你的海报来了")
    picture = visitor.page.locator(".entry").last.get_by_test_id("picture")
    expect(picture).to_have_js_property("naturalWidth", 1080)
    picture.click()
    expect(visitor.page.locator("#zoomed")).to_be_visible()
    visitor.keeps("picture")


@needs_browser
def test_an_app_shows_its_picture_too(visitor: Visitor) -> None:
    visitor.becomes("user21")
    visitor.opens("single|desk|user21")
    visitor.says("排行榜", mention=False)
    visitor.hears("本周积分榜")
    expect(visitor.page.get_by_test_id("picture").last).to_have_js_property("naturalWidth", 1080)


@needs_browser
def test_where_only_administrators_are_their_commands_are_offered(visitor: Visitor) -> None:
    visitor.becomes("boss")
    visitor.opens(ADMINS)
    visitor.page.locator(".chip", has_text="商城 盘点").click()
    visitor.hears("待处理订单 1 个")
    visitor.opens(MAIN)
    expect(visitor.page.locator(".chip", has_text="排行榜")).to_be_visible()


@pytest.fixture(scope="module")
def looked_at(demo: Demo, browser: Browser) -> None:
    """What the operators' pages show was there, in the community as it was before tests changed that; who changes it asks for this first.

    Each day it is another quarter of them; all are looked at when the pictures are taken.
    """
    shots = drawn([shot for shot in operator_pictures.SHOTS if not shot.later], 4)
    operator_pictures.take(browser, demo.port, None, shots, drawn(operator_pictures.LOOKS, 4))


@needs_browser
@pytest.mark.usefixtures("looked_at")
def test_the_pictures_of_the_operators_pages_can_be_taken(demo: Demo, browser: Browser, tmp_path: Path) -> None:
    shots = [shot for shot in operator_pictures.SHOTS if shot.name == "chain"]
    looks = [look for look in operator_pictures.LOOKS if look.name == "console-lottery"]
    taken = operator_pictures.take(browser, demo.port, tmp_path, shots, looks)
    assert [file.stem for file in taken] == ["chain", "console-lottery"]
    assert all(file.stat().st_size <= operator_pictures.MOST_BYTES for file in taken)


@needs_browser
def test_the_page_fits_a_phone(demo: Demo, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True, has_touch=True)
    visitor = Visitor(context.new_page(), demo.url)
    visitor.becomes("user14")
    visitor.keeps("phone-list")
    visitor.opens(MAIN)
    visitor.says("签到")
    visitor.hears("签到成功")
    visitor.keeps("phone")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out"
    assert visitor.errors == []
    context.close()


@needs_browser
@pytest.mark.usefixtures("looked_at")
def test_a_member_takes_part_in_everything_and_an_operator_closes_the_poll(visitor: Visitor) -> None:
    visitor.becomes("boss")
    visitor.opens(ADMINS)
    visitor.says("发起答题 社群常识 | 题数 1 | 个人 | 截止 1天后")
    visitor.hears("的预览")
    visitor.says("1")
    visitor.hears("开始了")

    visitor.becomes("user30")
    visitor.opens(MAIN)
    visitor.says("投票 1 4")
    visitor.hears("你投了：1. 湖边徒步、4. 美术馆")
    visitor.says("接龙 带两个水壶")
    visitor.hears("邓小雨 带两个水壶")
    visitor.says("抽奖")
    visitor.hears("你的号码是 8")
    visitor.says("答题")
    visitor.hears("第 1/1 题")
    visitor.says("答题 A")
    visitor.hears("你的题都答完了")
    visitor.says("话题 今天也要好好吃饭")
    visitor.hears("记下了")
    visitor.keeps("takes-part")

    visitor.becomes("boss")
    visitor.opens(ADMINS)
    visitor.says("活动 截止 2")
    visitor.hears("“周末线下聚会去哪儿”结果")
    expect(visitor.page.get_by_test_id("picture").last).to_have_js_property("naturalWidth", 1080)
    visitor.keeps("poll-closed")


# The end ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_demo(tmp_path: Path, number: signal.Signals) -> None:
    demo = Demo(tmp_path / "data")
    # The page answers before the worker and the clock, which begin last, are there.
    everybody = "parent, simulator, serve, Redis, web with two workers, worker, clock"
    await_until(lambda: len(demo.processes()) >= 7, READY_WITHIN_S, everybody, every_s=0.05)
    started = demo.processes()
    assert any("valkey" in command or "redis" in command for command in started.values())
    assert any("simulator" in command for command in started.values())
    demo.parent.send_signal(number)
    code = demo.parent.wait(ENDS_WITHIN_S)
    await_until(lambda: not demo.processes(), ENDS_WITHIN_S, "the end of every process", every_s=0.05)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    demo.end()
