"""Synonyms as content of the operators': changed in chat, tried before, live in the FAQ, taken back."""

from __future__ import annotations

import pytest
from chat import Chat, OpenChat

from rules.contents import SYNONYMS

pytest_plugins = ("chat",)

FRUIT = ("苹果", "香蕉", "葡萄", "西瓜", "桃子")


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return open_chat()


def test_a_word_that_operators_equate_is_understood_at_once_and_no_more_when_taken_back(chat: Chat) -> None:
    def score() -> float:
        chat.live.refresh()
        found = chat.live.current.faq.ask("通勤小火箭时刻表").candidates
        return found[0].score if found and found[0].entry.question == "班车时刻表" else 0.0

    chat.as_admin("问答 添加 班车时刻表 | 一小时一趟。")
    before = score()
    assert "这些说法现在是一组（同义）" in chat.as_admin("问答 同义词 添加 班车=通勤小火箭")
    assert score() > before
    assert chat.as_admin("问答 同义词 通勤小火箭") == "同义：班车、通勤小火箭"
    assert "已撤销" in chat.as_admin("问答 同义词 撤销")
    assert score() == before
    assert [row.act for row in chat.stores.audit.newest("", 2)] == ["同义词 发布", "同义词 发布"]


def test_words_join_the_group_that_has_one_of_them_and_leave_it(chat: Chat) -> None:
    chat.as_admin("问答 同义词 添加 近义 雪糕=冰棍")
    chat.as_admin("问答 同义词 添加 近义 冰棍，棒冰")
    assert chat.as_admin("问答 同义词 棒冰") == "近义：雪糕、冰棍、棒冰"
    assert "已删除“冰棍”" in chat.as_admin("问答 同义词 删除 冰棍")
    assert chat.as_admin("问答 同义词 雪糕") == "近义：雪糕、棒冰"
    chat.as_admin("问答 同义词 删除 棒冰")
    assert "没有同义词" in chat.as_admin("问答 同义词 雪糕"), "a group of one is none"
    assert "没有“冰棍”" in chat.as_admin("问答 同义词 删除 冰棍")


def test_a_repeat_changes_nothing_more(chat: Chat) -> None:
    said = chat.words("@小助手 问答 同义词 添加 雪糕=冰棍", user="boss", group="wrADMIN", id="M-syn")
    first = chat.hears(said)
    version = chat.stores.content.snapshot(SYNONYMS.name)[0]
    assert chat.hears(said) == first
    assert chat.stores.content.snapshot(SYNONYMS.name)[0] == version


def test_what_a_change_breaks_is_shown_first(chat: Chat) -> None:
    for fruit in FRUIT:
        chat.as_admin(f"问答 添加 {fruit}怎么领 | {fruit}在前台领。")
        chat.live.refresh()
        entry = next(one.id for one in chat.live.current.faq.entries() if one.question == f"{fruit}怎么领")
        chat.as_admin(f"问答 用例 添加 这个{fruit}要怎样才能领到呀 => {entry}")
    version = chat.stores.content.snapshot(SYNONYMS.name)[0]
    chat.live.refresh()
    told = chat.as_admin(f"问答 同义词 添加 写法 {'='.join(FRUIT)}")
    assert "答错" in told
    assert chat.stores.content.snapshot(SYNONYMS.name)[0] == version
    assert "没有改" in chat.as_admin("2")
    chat.as_admin(f"问答 同义词 添加 写法 {'='.join(FRUIT)}")
    assert "现在是一组（写法）" in chat.as_admin("1")
    assert chat.stores.content.snapshot(SYNONYMS.name)[0] == version + 1


@pytest.mark.parametrize("typed", ["问答 同义词 添加", "问答 同义词 添加 雪糕", "问答 同义词 删除", "问答 同义词 雪糕 冰棍"])
def test_wrong_typing_is_answered_with_the_right_way(chat: Chat, typed: str) -> None:
    assert "问答 同义词 添加 退货=退掉" in chat.as_admin(typed)


def test_who_looks_after_one_community_does_not_change_what_all_share(chat: Chat) -> None:
    chat.says("签到", user="lilei", name="李雷")
    chat.as_admin("角色 李雷 运营")
    assert "所有社群共用" in chat.privately("问答 同义词 添加 雪糕=冰棍", user="lilei")
