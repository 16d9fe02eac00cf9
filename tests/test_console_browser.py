"""The console as an operator sees it, in a real browser: by link and by keyboard, on a desk and on a phone, by day and by night."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
import visible
from casework import INSULT, by_words_alone, quotes
from chat import Chat, OpenChat
from playwright.sync_api import Browser, BrowserContext, Page, expect
from visits import code_of, lively, web
from werkzeug.serving import make_server

from rules.ladder import Ladder

pytest_plugins = ("chat",)

PAGE_MS = 60_000
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}

pytestmark = pytest.mark.skipif(not visible.CHROMIUM.exists(), reason="no /usr/bin/chromium here: the console was not looked at")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with visible.a_browser() as browser:
        yield browser


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The bot after a morning: some answers, some questions that nobody could answer, and an edit."""
    chat = open_chat()
    chat.says("签到", user="boss", name="王店长", group="wrADMIN")
    for asked in ("怎么退款", "怎么退款呀", "发票怎么开", "什么时候发货"):
        chat.says(asked)
    for asked in ("停车场晚上几点关门", "停车场几点关门呀", "你们停车场晚上几点关", "可以带宠物进店吗", "带狗狗进店可以吗"):
        chat.says(asked)
    chat.as_admin("角色 lilei 运营")
    return chat


@pytest.fixture
def address(chat: Chat) -> Iterator[str]:
    """Where the console is served."""
    server = make_server("127.0.0.1", 0, web(chat), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)


Look = Callable[..., Page]


@pytest.fixture
def look(chromium: Browser, address: str, chat: Chat) -> Iterator[Look]:
    """Opens browsers that are logged in as the owner; at the end none of them may have complained in its console."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(*, size: dict[str, int] = DESK, dark: bool = False, user: str = "boss") -> Page:
        scheme: Any = "dark" if dark else "light"
        context = chromium.new_context(viewport=size, color_scheme=scheme, locale="zh-CN", device_scale_factor=1)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PAGE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" and "status of 4" not in said.text else None)
        page.goto(f"{address}/console/login#{code_of(chat, user, group='wrADMIN' if user == 'boss' else '')}")
        page.get_by_test_id("enter").click()
        page.get_by_role("heading", name="主群").get_by_role("link").click()
        expect(page.get_by_test_id("todo")).to_be_visible()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == [], "nothing was stopped by the policy, no script failed"


def keep(page: Page, name: str) -> None:
    """Keeps the page as a picture, where pictures are kept."""
    visible.keep(page, f"console-{name}", whole=True)


def fits(page: Page) -> bool:
    """Whether nothing sticks out at the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_the_link_logs_in_and_leaves_no_code_in_the_address(chromium: Browser, address: str, chat: Chat) -> None:
    context = chromium.new_context(viewport=DESK, locale="zh-CN")  # type: ignore[arg-type]
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    code = code_of(chat)
    page.goto(f"{address}/console/login#{code}")
    expect(page.get_by_test_id("enter")).to_be_focused()
    assert code not in page.url
    keep(page, "login")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("me")).to_contain_text("王店长")
    assert not any(code in url for url in asked), "no server saw it in an address"
    page.get_by_test_id("logout").click()
    expect(page.get_by_text("已退出登录")).to_be_visible()
    context.close()


def test_the_link_logs_in_where_the_login_is_open_already(chromium: Browser, address: str, chat: Chat) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{address}/console/login")
    page.goto(f"{address}/console/login#{code_of(chat)}")  # nothing is loaded: only what stands behind # is another
    expect(page.get_by_test_id("enter")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("me")).to_contain_text("王店长")
    context.close()


def test_without_scripts_the_code_is_typed(chromium: Browser, address: str, chat: Chat) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/console/login")
    page.get_by_test_id("code").fill(code_of(chat))
    page.get_by_test_id("enter").click()
    expect(page.get_by_role("link", name="问答", exact=True)).to_have_count(0)  # all communities are shown, and the pages belong to one
    page.get_by_role("heading", name="主群").get_by_role("link").click()
    page.get_by_role("link", name="问答", exact=True).click()
    page.get_by_role("searchbox").fill("退款")
    page.get_by_role("button", name="搜索", exact=True).click()
    expect(page.get_by_test_id("entries")).to_contain_text("退款")
    context.close()


def test_a_question_that_nobody_could_answer_is_answered_in_a_minute(look: Look, chat: Chat) -> None:
    page = look()
    page.get_by_role("link", name="问答", exact=True).click()
    page.get_by_role("link", name="未答").click()
    pile = page.get_by_test_id("pile").first
    expect(pile).to_contain_text("停车场")
    pile.get_by_test_id("pile-answer").fill("停车场晚上 **十点** 关门，周末到十一点。")
    keep(page, "unanswered")
    pile.get_by_test_id("adopt").click()
    expect(page.get_by_test_id("said")).to_contain_text("已变成新的问答")
    page.get_by_role("link", name="试一试").click()
    page.get_by_test_id("try-text").fill("停车场几点关门呀")
    page.get_by_test_id("try").click()
    expect(page.get_by_test_id("trial")).to_contain_text("直接回答")
    keep(page, "try")
    assert "十点" in chat.says("停车场几点关门呀")


def test_an_entry_is_written_with_a_preview_saved_and_taken_back(look: Look, chat: Chat) -> None:
    page = look()
    page.get_by_role("link", name="问答", exact=True).click()
    expect(page.get_by_test_id("entries").locator("li")).to_have_count(20)
    page.wait_for_load_state("load")
    page.keyboard.press("f")
    page.keyboard.type("退款多久到账")
    expect(page.get_by_test_id("entries").locator("li")).to_have_count(1)
    page.get_by_test_id("entries").locator("a").first.click()
    page.get_by_test_id("answer").fill("{nickname}，在**我的订单**里点退款。\n- 三天到账\n<script>alert(1)</script>")
    page.get_by_label("用 Markdown").check()
    preview = page.get_by_test_id("preview")
    expect(preview.locator("strong")).to_have_text("我的订单")
    expect(preview).to_contain_text("李雷，在")
    expect(preview).to_contain_text("<script>alert(1)</script>")
    keep(page, "edit")
    page.get_by_test_id("answer").press("Control+Enter")
    said = page.get_by_test_id("said")
    expect(said).to_contain_text("已保存")
    keep(page, "saved")
    said.get_by_test_id("undo").click()
    expect(page.get_by_test_id("said")).to_contain_text("已撤销")
    page.get_by_role("link", name="历史").click()
    page.get_by_test_id("versions").locator("a").nth(1).click()
    expect(page.locator(".diff ins").first).to_be_visible()
    keep(page, "history")


def test_the_keyboard_is_explained_by_a_question_mark(look: Look) -> None:
    page = look()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="键盘")).to_be_visible()
    keep(page, "keyboard")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="键盘")).not_to_be_visible()


def test_everything_is_found_by_keyboard_from_anywhere(look: Look, chat: Chat) -> None:
    page = look()
    page.wait_for_load_state("load")
    page.keyboard.press("/")
    box, hits = page.get_by_test_id("find"), page.get_by_test_id("found").locator("a")
    expect(box).to_be_focused()
    page.keyboard.type("lilei")
    expect(hits).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(hits.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(box).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("balance")).to_be_visible()
    page.wait_for_load_state("load")
    page.keyboard.press("/")
    page.keyboard.type("lilei")
    expect(hits).to_have_count(1)
    box.fill("没有这样的东西")
    box.press("Enter")  # before its answer is there: the hit of the words before is not opened
    page.wait_for_url("**/console/search?**")
    page.wait_for_load_state("load")
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    expect(box).not_to_be_visible()


def test_letters_lead_to_pages_and_along_lists(look: Look) -> None:
    page = look()
    page.wait_for_load_state("load")
    page.keyboard.press("g")
    page.keyboard.press("w")
    entries = page.get_by_test_id("entries").locator("a")
    expect(entries.first).to_be_visible()
    page.wait_for_load_state("load")
    for key, at in (("j", 0), ("j", 1), ("k", 0), ("k", 0)):
        page.keyboard.press(key)
        expect(entries.nth(at)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("answer")).to_be_visible()
    page.get_by_test_id("answer").press("g")
    page.keyboard.press("c")
    expect(page.get_by_test_id("answer")).to_be_focused()


def test_on_a_phone_the_menu_is_a_drawer(look: Look) -> None:
    page = look(size=PHONE)
    expect(page.get_by_role("link", name="审计")).not_to_be_visible()
    page.locator("[data-drawer] > summary").click()
    expect(page.get_by_role("link", name="审计")).to_be_visible()


def test_a_member_is_looked_up_and_given_points_by_keyboard(look: Look, chat: Chat) -> None:
    page = look()
    page.get_by_role("link", name="成员", exact=True).click()
    page.wait_for_load_state("load")
    page.keyboard.press("f")
    page.keyboard.type("lilei")
    page.keyboard.press("Enter")
    page.get_by_test_id("people").locator("a").click()
    page.get_by_test_id("n").fill("20")
    page.get_by_test_id("note").fill("热心 <b>解答</b>")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("said")).to_contain_text("积分已发")
    expect(page.get_by_test_id("rows")).to_contain_text("热心 <b>解答</b>")
    expect(page.get_by_test_id("balance")).to_have_text(str(chat.points()))
    page.reload()
    page.go_back()
    assert chat.points() == int(page.get_by_test_id("balance").inner_text())


def test_a_sentence_is_tried_with_its_path_and_a_wide_word_is_said_to_be_one(look: Look, address: str, chat: Chat) -> None:
    for size, dark in ((DESK, False), (PHONE, True)):
        page, look_of = look(size=size, dark=dark), f"{'phone' if size is PHONE else 'desk'}-{'night' if dark else 'day'}"
        page.goto(f"{address}/console/in/main/words/try")
        page.get_by_test_id("try-text").fill("你这个傻·逼，今天不发货")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("trial")).to_contain_text("“傻·逼”读作词库里的“傻逼”（去掉中间的符号）")
        assert fits(page)
        keep(page, f"words-trial-{look_of}")
        page.goto(f"{address}/console/in/main/words/new")
        page.get_by_test_id("words-text").fill("今天\n坏坏坏")
        page.get_by_test_id("save").click()
        expect(page.get_by_test_id("wide")).to_contain_text("“今天”在 5000 句日常聊天里碰到")
        assert fits(page)
        keep(page, f"words-wide-{look_of}")


def test_a_case_is_decided_by_keyboard(look: Look, address: str, chat: Chat) -> None:
    lively(chat)
    chat.says(INSULT)  # in the trial run
    by_words_alone(chat, Ladder(spare_newcomers=False), trial="off")
    for user, words in (("lilei", INSULT), ("hanmei", f"{'很长的前缀' * 30}{INSULT}")):
        chat.says(words, user=user)
    for user in ("john", "wang"):
        quotes(chat, "加我微信领资料，名额有限", "举报 @钱多多 又在发广告", user=user)
    chat.as_admin("处理 2 忽略 对方说是玩笑")
    chat.privately("申诉 1 我们是老朋友，开玩笑的")
    page = look()
    page.goto(f"{address}/console/in/main/cases/3")
    page.get_by_test_id("why").fill("不是广告")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("said")).to_contain_text("已忽略")
    expect(page.get_by_test_id("told")).to_contain_text("待处理 → 已忽略：不是广告")


def test_an_activity_is_made_and_begun_without_scripts(chromium: Browser, address: str, chat: Chat) -> None:
    context = chromium.new_context(viewport=PHONE, locale="zh-CN", java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PAGE_MS)
    page.goto(f"{address}/console/login")
    page.get_by_test_id("code").fill(code_of(chat))
    page.get_by_test_id("enter").click()
    page.goto(f"{address}/console/in/main/activities/new/poll")
    page.get_by_label("标题").fill("团建去哪儿")
    page.get_by_label("选项").fill("爬山")
    page.get_by_test_id("make").click()
    expect(page.get_by_test_id("problem")).to_contain_text("2–20 个选项")
    page.get_by_label("选项").fill("爬山\n看电影")
    page.get_by_test_id("make").click()
    expect(page.get_by_test_id("preview")).to_contain_text("2. 看电影")
    page.get_by_test_id("open").click()
    expect(page.get_by_test_id("said")).to_contain_text("已开始")
    found = chat.stores.activities.find(chat.community.keys, 1)
    assert found is not None
    assert found.is_open
    context.close()
