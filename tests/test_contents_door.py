"""Operators' content goes in and out as files; a mistake changes nothing."""

from __future__ import annotations

import pytest
from chat import OpenChat

from bot.errors import UserError
from handlers.contents import current_text, find_kind, publish

pytest_plugins = ("chat",)


def test_a_published_answer_is_said_by_every_process(open_chat: OpenChat) -> None:
    chat = open_chat()
    elsewhere = open_chat(clock=chat.clock)
    text = current_text(chat.stores, find_kind("faq")) + "- {id: dogs, question: 可以带狗吗, answer: 可以，请牵绳。}\n"
    assert publish(chat.stores, find_kind("问答"), text, "王店长", chat.clock()) == 2
    for bot in (chat, elsewhere):
        bot.live.refresh()
        assert "请牵绳" in bot.says("可以带狗吗？")
    assert current_text(chat.stores, find_kind("faq")) == text


def test_a_mistake_is_named_and_changes_nothing(open_chat: OpenChat) -> None:
    chat = open_chat()
    before = current_text(chat.stores, find_kind("faq"))
    with pytest.raises(UserError, match="第 1 行"):
        publish(chat.stores, find_kind("faq"), "- {id: a, question: 问}\n", "王店长", chat.clock())
    assert current_text(chat.stores, find_kind("faq")) == before


def test_an_unknown_kind_is_answered_with_those_there_are(open_chat: OpenChat) -> None:
    with pytest.raises(UserError, match="faq（问答）"):
        find_kind("fqa")
