"""Operators' content goes in and out as files; a mistake changes nothing."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from chat import OpenChat

from bot.errors import UserError
from bot.permissions import COMMAND_LINE
from handlers.contents import current_text, diff, find_kind, history, publish, undo
from rules.contents import FAQ, PUSHES, WELCOME, parse

pytest_plugins = ("chat",)

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_published_answer_is_said_by_every_process(open_chat: OpenChat) -> None:
    chat = open_chat()
    elsewhere = open_chat(clock=chat.clock)
    text = current_text(chat.stores, find_kind("faq")) + "- {id: dogs, question: 可以带狗吗, answer: 可以，请牵绳。}\n"
    assert publish(chat.stores, find_kind("问答"), text, "王店长", chat.clock()) == 2
    for bot in (chat, elsewhere):
        bot.live.refresh()
        assert "请牵绳" in bot.says("可以带狗吗？")
    assert parse(FAQ, current_text(chat.stores, FAQ)) == parse(FAQ, text)


def test_a_mistake_is_named_and_changes_nothing(open_chat: OpenChat) -> None:
    chat = open_chat()
    before = current_text(chat.stores, find_kind("faq"))
    with pytest.raises(UserError, match="第 1 行"):
        publish(chat.stores, find_kind("faq"), "- {id: a, question: 问}\n", "王店长", chat.clock())
    assert current_text(chat.stores, find_kind("faq")) == before


def test_an_unknown_kind_is_answered_with_those_there_are(open_chat: OpenChat) -> None:
    with pytest.raises(UserError, match="faq（问答）"):
        find_kind("fqa")


def test_a_published_greeting_is_shown_line_by_line_and_taken_back(open_chat: OpenChat) -> None:
    chat = open_chat()
    before = current_text(chat.stores, WELCOME)
    publish(chat.stores, WELCOME, "enter_chat: 你好呀\n", "王店长", chat.clock())
    assert "    +enter_chat: 你好呀" in diff(chat.stores, WELCOME, 2, SHANGHAI)
    assert undo(chat.stores, WELCOME, 2, COMMAND_LINE, chat.clock()) == 3
    assert current_text(chat.stores, WELCOME) == before
    assert history(chat.stores, WELCOME, SHANGHAI)[:2] == [
        "第 3 版  2026-03-10 10:00  命令行  1 处  撤销第 2 版",
        "第 2 版  2026-03-10 10:00  王店长  1 处",
    ]
    assert [row.act for row in chat.stores.audit.newest("", 2)] == ["欢迎语 撤销", "欢迎语 发布"]


def test_a_push_that_was_changed_since_is_not_taken_back(open_chat: OpenChat) -> None:
    chat = open_chat()
    for text in ("早安", "早上好"):
        publish(chat.stores, PUSHES, f'- {{id: p, cron: "0 9 * * *", text: {text}}}\n', "王店长", chat.clock())
    with pytest.raises(UserError, match="p 之后又改过"):
        undo(chat.stores, PUSHES, 2, COMMAND_LINE, chat.clock())
    with pytest.raises(UserError, match="没有第 9 版"):
        diff(chat.stores, PUSHES, 9, SHANGHAI)
