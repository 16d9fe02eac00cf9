"""实验 in the console and in chat: what is tried, what came of it, and the wording that all get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from threading import Thread

import pytest
import visible
from chat import Chat, OpenChat
from playwright.sync_api import Browser, expect
from trying import live_through, push_of, tend, trying
from visits import code_of, met, visit, web
from werkzeug.serving import make_server

from bot.experiment_desk import ExperimentDesk, arm_in_force
from bot.permissions import Actor

pytest_plugins = ("chat",)

PAGE = "/console/in/main/experiments"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with visible.a_browser() as browser:
        yield browser


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


def decided(chat: Chat) -> Chat:
    live_through(trying(chat), days=3, chances={"A": 0.2, "B": 0.8})
    tend(chat)
    return chat


def test_an_empty_page_teaches_how_many_it_takes(chat: Chat) -> None:
    page = visit(chat, "boss").opens(PAGE)
    assert "还没有试过" in page
    assert "你只有 1,000 人，要" in page
    asked = visit(chat, "boss").opens(f"{PAGE}?to=groups&readers=12&arms=3&baseline=nan&lift=1e9")
    assert "你只有 12 个群" in asked


def test_a_wording_is_rolled_out_and_taken_back_with_its_row_in_the_audit(chat: Chat) -> None:
    desk = visit(decided(chat), "boss")
    listed = desk.opens(PAGE)
    assert "有结论" in listed
    name = f"tea.{chat.stores.experiments.all(chat.community.keys)[0].row.mark.split('.')[0]}"
    page = desk.opens(f"{PAGE}/{name}")
    assert "“B”比“A”回话多" in page
    done = desk.posts(f"{PAGE}/{name}/act", act="roll_out", arm="B", csrf=desk.csrf, once="r1")
    assert "以后都发这一种" in done
    assert arm_in_force(chat.stores, chat.community.keys, push_of(chat)) == "B"
    assert "撤回推广" in done
    assert "已撤回" in desk.posts(f"{PAGE}/{name}/act", act="take_back", csrf=desk.csrf, once="r2")
    assert [row.act for row in chat.stores.audit.newest("main", 2)] == ["实验 撤回推广", "实验 推广"]
    desk.posts(f"{PAGE}/{name}/act", act="roll_out", arm="Z", csrf=desk.csrf, once="r3")
    assert desk.status == 409
    desk.opens(f"{PAGE}/nix")
    assert desk.status == 404


def test_a_viewer_looks_and_does_not_settle(chat: Chat) -> None:
    decided(chat)
    chat.says("你好", user="john")
    chat.as_admin("角色 john 观察员")
    viewer = visit(chat, "john")
    page = viewer.opens(f"{PAGE}/tea")
    assert "“B”比“A”" in page
    assert "都发“B”" not in page
    viewer.posts(f"{PAGE}/tea/act", act="roll_out", arm="B", csrf=viewer.csrf, once="a1")
    assert viewer.status == 403


def test_experiments_are_asked_and_settled_in_chat(chat: Chat) -> None:
    assert "还没有实验" in chat.as_admin("实验")
    decided(chat)
    assert "• tea 喝茶（有结论）：“B”比“A”回话多" in chat.as_admin("实验")
    assert "• A：" in chat.as_admin("实验 tea")
    assert "以后都发“B”" in chat.as_admin("实验 推广 tea B")
    assert arm_in_force(chat.stores, chat.community.keys, push_of(chat)) == "B"
    assert "已撤回" in chat.as_admin("实验 撤回 tea")
    assert "例如：实验 推广 3 B" in chat.as_admin("实验 推广 tea")
    assert "没有实验 88" in chat.as_admin("实验 88")


@pytest.mark.parametrize("kind", ["desk-light", "desk-dark", "phone-light", "phone-dark"])
def test_pages_of_experiments_fit_every_screen(chat: Chat, browser: Browser, kind: str) -> None:
    size, _, scheme = kind.partition("-")
    decided(chat)
    server = make_server("127.0.0.1", 0, web(chat), threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    width = 1280 if size == "desk" else 390
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light")
    root = f"http://127.0.0.1:{server.port}"
    page.goto(f"{root}/console/login#{code_of(chat)}")
    page.get_by_role("button").first.click()
    page.wait_for_url(re.compile(r"/console/(in/.*)?$"))
    for place, name in ((PAGE, "experiments"), (f"{PAGE}/tea", "experiment")):
        page.goto(root + place)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        visible.keep(page, f"{name}-{kind}", whole=True)
    page.goto(root + PAGE)
    page.get_by_label("有多少（人或群）").fill("77")
    expect(page.get_by_test_id("size")).to_contain_text("你只有 77 人")
    page.close()
    server.shutdown()


def test_who_rolled_out_stands_on_the_page(chat: Chat) -> None:
    decided(chat)
    boss = chat.member("boss")
    ExperimentDesk(chat.stores, chat.config, chat.community, chat.clock()).roll_out("tea", "A", Actor(boss, "", "owner"), once="x")
    assert "王店长" in visit(chat, "boss").opens(f"{PAGE}/tea")
