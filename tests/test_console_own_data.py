"""A member's page: who may give his data away and have him forgotten, and that neither happens unseen."""

from __future__ import annotations

import json

import pytest
from chat import FAR, Chat, OpenChat
from visits import met, visit

from bot.errors import UserError
from handlers.privacy import ring_erasures
from storage import keys
from storage.roles import ALL

pytest_plugins = ("chat",)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


def page_of(chat: Chat, user: str = "lilei") -> str:
    return f"/console/in/main/members/{chat.member(user)}"


def acts(chat: Chat) -> list[tuple[str, str, str]]:
    """What the audit of the whole installation says."""
    return [(row.actor, row.act, row.subject) for row in chat.stores.audit.newest("", 9) if "数据" in row.act]


def ring(chat: Chat) -> int:
    chat.later(seconds=60)
    return ring_erasures(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def test_the_data_come_as_a_file_and_the_audit_says_who_took_them(chat: Chat) -> None:
    chat.says("签到", group=FAR)
    browser = visit(chat)
    assert "他的数据" in browser.opens(page_of(chat))
    given = json.loads(browser.posts(f"{page_of(chat)}/data"))
    assert given["通讯录"]["企业微信 ID"] == "lilei"
    assert set(given["成员名册"]) >= {"main", "far"}, "of all communities"
    assert acts(chat) == [(str(chat.member("boss")), "导出个人数据", f"成员 {chat.member()}")]


def test_nobody_is_forgotten_without_his_number(chat: Chat) -> None:
    browser = visit(chat)
    assert "在框里填他的编号" in browser.posts(f"{page_of(chat)}/erase", typed="1234567")
    assert browser.status == 400
    assert ring(chat) == 0
    assert acts(chat) == []


def test_whom_an_administrator_has_forgotten_is_gone_within_minutes(chat: Chat) -> None:
    browser, number, page = visit(chat), chat.member(), page_of(chat)
    browser.posts(f"{page}/erase", typed=str(number))
    assert ring(chat) == 1
    assert chat.stores.directory.find_user(number) is None
    assert (str(chat.member("boss")), "要求删除个人数据", f"成员 {number}") in acts(chat)
    browser.opens(page)
    assert browser.status == 404


def test_where_a_part_of_the_log_is_not_seen_nothing_is_given_away_and_nobody_forgotten(chat: Chat) -> None:
    chat.stores.database.command("SET", keys.LOG_FOLDER(), "the word of another folder")
    browser, number = visit(chat), chat.member()
    assert "在另一个文件夹里" in browser.posts(f"{page_of(chat)}/data")
    assert browser.status == 409
    browser.posts(f"{page_of(chat)}/erase", typed=str(number))
    assert ring(chat) == 0
    assert chat.stores.directory.find_user(number) == "lilei"
    with pytest.raises(UserError, match="另一个文件夹"):
        chat.erase("lilei")
    chat.stores.events.forget_files()
    assert ring(chat) == 1
    assert "导出个人数据" not in str(acts(chat))


def test_an_owner_is_not_forgotten(chat: Chat) -> None:
    browser = visit(chat)
    assert "所有者" in browser.posts(f"{page_of(chat, 'boss')}/erase", typed=str(chat.member("boss")))
    assert ring(chat) == 0


@pytest.mark.parametrize(("place", "status"), [("main", 403), (ALL, 200)])
def test_it_takes_an_administrator_of_all_communities(chat: Chat, place: str, status: int) -> None:
    chat.says("签到", user="lucy")
    chat.stores.roles.grant(chat.member("lucy"), place, "admin", seen="", once="t")
    browser = visit(chat, "lucy")
    assert ("他的数据" in browser.opens(page_of(chat))) == (place == ALL)
    browser.posts(f"{page_of(chat)}/erase", typed=str(chat.member()))
    assert browser.status == status
    assert ring(chat) == int(place == ALL)
