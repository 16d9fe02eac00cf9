"""Pushes as Excel and CSV in the console: looked at before they are in force, every mistake named, and nothing said that nobody agreed to."""

from __future__ import annotations

import io
from datetime import date

import pytest
from chat import MAIN, Chat, OpenChat
from visits import Visit, met, visit

from handlers.contents import publish
from rules.contents import PUSHES, PUSHING, Push
from rules.push_sheets import HEADS
from rules.sheets import read_excel
from storage import keys
from storage.tallies import place_of

pytest_plugins = ("chat",)

PAGE = "/console/in/main/calendar"
PUSHED = """
- {id: morning, cron: "0 9 * * *", community: "*", text: 早安, title: 早安}
- {id: live, at: 2026-03-20 15:00, community: main, text: 三点直播, title: 直播预告, grace_minutes: 45}
- {id: far, at: 2026-03-20 09:00, community: far, text: 远方的事}
"""
NEW = ",元旦,2026-12-31 09:00,,每天,main,群,,新年快乐,,否,等到早上,是"
LIVE = "live,直播预告,2026-03-20 15:00,,每天,main,群,,{},,否,等到早上,是"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """Tuesday, 10 March 2026, 10:00 in Shanghai, with some pushes."""
    chat = met(open_chat())
    publish(chat.stores, PUSHES, PUSHED, "boss", chat.clock())
    return chat


@pytest.fixture
def browser(chat: Chat) -> Visit:
    """The owner's."""
    return visit(chat)


def pushes(chat: Chat) -> dict[str, Push]:
    chat.live.refresh()
    return {push.id: push for push in chat.live.current.pushes}


def people(chat: Chat, count: int) -> None:
    """So many members who are here and in the main group."""
    where, shard = chat.community.keys, chat.community.shard
    chat.stores.traits.write(where, {1_000 + n: {"level": 1, "joined": date(2026, 3, 4)} for n in range(count)})
    for place in (where.id, place_of(where.id, MAIN)):
        chat.stores.database.pipeline(("SETBIT", keys.HERE(shard=shard, community=place), 1_000 + n, 1) for n in range(count))


def table(*rows: str) -> bytes:
    return "\n".join([",".join(HEADS.values()), *rows]).encode()


def looks(browser: Visit, data: bytes, name: str = "推送.csv") -> str:
    """Sends a file, and sees what it would change."""
    browser.opens(f"{PAGE}/files")
    return browser.posts(f"{PAGE}/import", file=(io.BytesIO(data), name))


def agrees(browser: Visit) -> str:
    """Has what is shown be put in force."""
    fields = {name: browser.field(name) for name in ("name", "seen", "data", "once")}
    return browser.posts(f"{PAGE}/import", **fields)


def test_a_table_is_looked_at_put_in_force_and_taken_back(chat: Chat, browser: Visit) -> None:
    before = pushes(chat)
    page = looks(browser, table(NEW, LIVE.format("四点直播")))
    assert "新增 1 条，修改 1 条，不变 0 条" in page
    assert "<del>三点直播</del> <ins>四点直播</ins>" in page
    assert pushes(chat) == before, "only looked at"
    assert "推送已导入" in agrees(browser)
    after = pushes(chat)
    assert (after["live"].text, after["live"].grace_minutes) == ("四点直播", 45), "what no column holds stays"
    assert [push.text for id, push in after.items() if id not in before] == ["新年快乐"]
    assert "推送 导入" in browser.opens("/console/in/main/audit")
    browser.opens(PAGE)
    assert "已撤销" in browser.posts(f"{PAGE}/undo", version=str(chat.stores.content.versions()["pushes"]))
    assert pushes(chat) == before


def test_what_is_agreed_to_twice_is_put_in_force_once(chat: Chat, browser: Visit) -> None:
    looks(browser, table(NEW))
    fields = {name: browser.field(name) for name in ("name", "seen", "data", "once")}
    pages = [browser.posts(f"{PAGE}/import", **fields) for _ in range(2)]
    assert all("推送已导入" in page for page in pages)
    assert sum(push.text == "新年快乐" for push in pushes(chat).values()) == 1


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_given_out_comes_back_and_changes_nothing(chat: Chat, browser: Visit, form: str) -> None:
    data = browser.client.get(f"{PAGE}/export/{form}").get_data()
    assert "什么都不用改" in looks(browser, data, f"推送.{form}")
    if form == "xlsx":
        assert [cells[0] for _, cells in read_excel(data)[0].rows] == ["编号", "morning", "live"], "others' pushes are theirs"


def test_every_mistake_is_named_with_its_row_and_column_and_nothing_is_taken_in(chat: Chat, browser: Visit) -> None:
    before = pushes(chat)
    page = looks(browser, table(NEW.replace("2026-12-31", "2026-02-30"), NEW.replace("每天", "有时")))
    assert browser.status == 400
    assert "第 2 行（只发一次）：" in page
    assert "第 3 行（哪些天）：只能是 每天、工作日、" in page
    page = looks(browser, table(LIVE.format("四点直播"), NEW.replace("2026-12-31", "2026-01-31"), NEW.replace("新年快乐", "{nobody} 好")))
    assert browser.status == 400
    assert "第 2 条推送“元旦”：2026-01-31 09:00 已经过了" in page
    assert "第 3 条推送“元旦”：没有 {nobody} 这个变量" in page
    assert "一条都没有动" in page
    assert pushes(chat) == before


@pytest.mark.parametrize("manners", ["approve_marketing: true\n", "brake_above: 0\n"])
def test_what_another_has_to_agree_to_or_its_number_be_typed_comes_as_a_draft(chat: Chat, browser: Visit, manners: str) -> None:
    publish(chat.stores, PUSHING, manners, "boss", chat.clock())
    people(chat, 1)
    chat.live.refresh()
    assert "先存为草稿" in looks(browser, table(NEW.replace(",否,", ",是,")))
    assert "推送已导入" in agrees(browser)
    [new] = [push for push in pushes(chat).values() if push.text == "新年快乐"]
    assert (new.enabled, new.approval) == (False, "")


def test_who_works_in_one_community_touches_no_others_pushes(chat: Chat) -> None:
    chat.as_admin("角色 lilei 运营")
    operator, before = visit(chat, "lilei"), pushes(chat)
    page = looks(operator, table("far,,2026-03-20 09:00,,每天,far,群,,骗你的,,否,等到早上,是"))
    assert "这个编号别的社群在用" in page
    for elsewhere in ("*", "far"):
        assert "要在所有社群都是运营才能改" in looks(operator, table(NEW.replace(",main,", f",{elsewhere},")))
        assert operator.status == 400
    assert pushes(chat) == before


def test_who_saw_another_state_looks_again(chat: Chat, browser: Visit) -> None:
    looks(browser, table(NEW))
    fields = {name: browser.field(name) for name in ("name", "seen", "data", "once")}
    publish(chat.stores, PUSHES, PUSHED.replace("早安", "早上好"), "boss", chat.clock())
    page = browser.posts(f"{PAGE}/import", **fields)
    assert browser.status == 409
    assert "刚刚有人改过推送" in page
    assert "推送已导入" in agrees(browser)


@pytest.mark.parametrize(("name", "data"), [("推送.yaml", b"[]"), ("推送.xlsx", b"no table"), ("推送.csv", b"\xff\xfe"), ("", b"")])
def test_files_that_are_none_are_refused(browser: Visit, name: str, data: bytes) -> None:
    looks(browser, data, name)
    assert browser.status == 400


def test_what_the_page_carries_along_is_not_believed(chat: Chat, browser: Visit) -> None:
    before = pushes(chat)
    for fields in (
        {"name": "a.csv", "data": "!!", "seen": "1"},
        {"name": "a.csv", "data": "", "seen": "x"},
        {"name": "a.csv", "data": "Zm9v", "seen": "9"},
    ):
        browser.opens(f"{PAGE}/files")
        browser.posts(f"{PAGE}/import", **fields)
        assert browser.status == 400
    assert pushes(chat) == before
