"""接龙: everybody has one line, in the order in which people came; full is full, and what is not fit to be said is not taken."""

from __future__ import annotations

import re

import pytest
from chat import Chat
from hypothesis import given
from hypothesis import strategies as st

from bot.activities.words import short
from bot.drawing import Artist, drawn
from bot.pictures.roll import MOST_SHOWN

pytest_plugins = ("chat",)


def begin(chat: Chat, words: str) -> None:
    chat.as_admin(f"发起接龙 {words}")
    chat.as_admin("1")


def lines(chat: Chat, number: int = 1) -> list[str]:
    return [kept.value for kept in chat.stores.activities.entries(chat.community.keys, number)]


def test_a_list_as_people_know_it(chat: Chat) -> None:
    begin(chat, "周六爬山 | 早上 8 点南门集合 | 上限 20 | 截止 周五20:00")
    said = chat.says("接龙 我和孩子两人", name="李雷")
    assert "排上了" in said
    assert "周六爬山（1/20 人）\n1. 李雷 我和孩子两人" in said
    assert "1. 李雷 我和孩子两人\n2. 韩梅梅 +1" in chat.says("接龙+1", user="hanmei", name="韩梅梅")
    shown = chat.says("接龙", user="jim")
    assert "早上 8 点南门集合" in shown
    assert "截止" in shown
    assert "2. 韩梅梅 +1" in shown


def test_a_line_is_replaced_in_its_place(chat: Chat) -> None:
    begin(chat, "周六爬山")
    chat.says("接龙 一个人")
    chat.says("接龙 +1", user="hanmei")
    assert "已改成你刚写的" in chat.says("接龙 三个人")
    assert lines(chat) == ["三个人", "+1"]
    assert "你已经这样排着了" in chat.says("接龙 三个人")


def test_who_does_not_come_leaves_and_may_come_again_at_the_end(chat: Chat) -> None:
    begin(chat, "周六爬山")
    chat.says("接龙 一个人")
    chat.says("接龙 +1", user="hanmei")
    assert "还有 1 人" in chat.says("接龙 取消")
    assert "还没有参加" in chat.says("接龙 取消")
    chat.says("接龙 又来了")
    assert lines(chat) == ["+1", "又来了"]


def test_full_is_full_but_who_is_in_may_change(chat: Chat) -> None:
    begin(chat, "周六爬山 | 上限 1")
    chat.says("接龙 一个人")
    assert "满了" in chat.says("接龙 +1", user="hanmei")
    assert "已改成" in chat.says("接龙 两个人")
    chat.says("接龙 取消")
    assert "排上了" in chat.says("接龙 +1", user="hanmei")


def test_a_repeat_joins_once_and_gives_the_first_answer(chat: Chat) -> None:
    begin(chat, "周六爬山")
    first = chat.says("接龙 一个人", id="J1")
    chat.says("接龙 取消")
    assert chat.says("接龙 一个人", id="J1") == first
    assert lines(chat) == []


def test_closed_is_closed(chat: Chat) -> None:
    begin(chat, "周六爬山")
    chat.says("接龙 一个人", name="李雷")
    chat.as_admin("活动 截止 1")
    assert "没有进行中的接龙" in chat.says("接龙 +1", user="hanmei")
    assert "已经截止" in chat.says("接龙 1号 +1", user="hanmei")
    assert "已经截止" in chat.says("接龙 1号 取消")
    assert lines(chat) == ["一个人"]
    chat.as_admin("活动 结算 1")
    assert "1. 李雷 一个人" in chat.says("接龙 1号 名单")
    assert any("接龙“周六爬山”共 1 人" in str(delivery.body) for delivery in chat.outbox())


def test_what_the_judge_objects_to_is_not_taken(chat: Chat) -> None:
    begin(chat, "周六爬山")
    bad = chat.live.current.judge
    words = next(word for word in ("傻逼", "加微信", "刷单") if bad.judge(word).verdict != "pass")
    assert "不合适" in chat.says(f"接龙 {words}")
    assert lines(chat) == []


def test_a_line_mentions_nobody_and_leads_nowhere(chat: Chat) -> None:
    begin(chat, "周六爬山")
    said = chat.says("接龙 <@all> 看[这里](https://example.com)", name="李雷")
    assert "1. 李雷 ＜@all> 看[这里］（https://example.com)" in said


def test_a_long_list_shows_its_end_and_its_size(chat: Chat) -> None:
    begin(chat, "周六爬山")
    for n in range(12):
        said = chat.says(f"接龙 第{n}个", user=f"u{n}", name=f"群友{n}")
    assert "……（前面 2 人）\n3. 群友2 第2个" in said
    assert "12. 群友11 第11个" in said
    assert "1. 群友0 第0个" in chat.says("接龙 名单")


def test_a_long_list_costs_no_more_round_trips_than_a_short_one(chat: Chat) -> None:
    begin(chat, "周六爬山")
    made: list[int] = []

    def trips(words: str) -> int:
        chat.stores.database._on_round_trip = lambda: made.append(1)
        before = len(made)
        chat.says(words, user="u0")
        chat.stores.database._on_round_trip = lambda: None
        return len(made) - before

    for n in range(3):
        chat.says("接龙 +1", user=f"u{n}", name=f"群友{n}")
    few = trips("接龙 两个人"), trips("接龙 名单")
    for n in range(3, 30):
        chat.says("接龙 +1", user=f"u{n}", name=f"群友{n}")
    assert (trips("接龙 三个人"), trips("接龙 名单")) == few


def test_where_several_run_a_number_stands_in_front(chat: Chat) -> None:
    begin(chat, "周六爬山")
    begin(chat, "周日聚餐")
    assert "几号" in chat.says("接龙 +1")
    assert "1号 周六爬山" in chat.says("接龙")
    assert "周日聚餐（1 人）" in chat.says("接龙 2号 +1")
    assert "周六爬山（1 人）" in chat.says("接龙 1 两个人")
    assert lines(chat, 1) == ["两个人"]
    assert lines(chat, 2) == ["+1"]


def test_with_one_list_a_number_in_front_belongs_to_the_line(chat: Chat) -> None:
    begin(chat, "周六爬山")
    chat.says("接龙 3 人")
    assert lines(chat) == ["3 人"]


@pytest.mark.parametrize("words", ["1号楼302 两箱", "2号楼302 两箱", "8号下午到", "1号，我和孩子", "9号 周日到"])
def test_a_house_number_or_a_date_in_front_belongs_to_the_line(chat: Chat, words: str) -> None:
    begin(chat, "团购苹果")
    chat.says(f"接龙 {words}")
    assert lines(chat) == [words]


def test_a_card_in_a_single_chat_joins_and_leaves(chat: Chat) -> None:
    begin(chat, "周六爬山")
    chat.says("你好", name="李雷")
    shown = chat.privately("接龙")
    assert shown.choices == ["+1", "取消"]
    assert "排上了" in str(chat.clicks(shown, "+1", user="lilei", group="").updated)
    assert lines(chat) == ["+1"]
    assert "退出" in str(chat.clicks(shown, "取消", user="lilei", group="").updated)
    assert lines(chat) == []
    assert chat.says("接龙").card is None, "in a group a clicked card would turn into somebody's receipt"


def test_every_wrong_way_of_typing_gets_an_example(chat: Chat) -> None:
    assert re.search("例如|写法是", chat.as_admin("发起接龙"))
    assert "例如" in chat.says("接龙 +1")
    begin(chat, "周六爬山")
    for words in ("接龙 ！！", f"接龙 {'长' * 61}", "接龙 99号 名单"):
        assert re.search("例如|写法是", chat.says(words)), words
    assert lines(chat) == []


def test_a_question_is_no_line(chat: Chat) -> None:
    begin(chat, "周六爬山")
    chat.says("接龙 怎么弄")
    chat.says("接龙 什么时候截止？")
    chat.says("接龙 哪天都可以吗？")
    assert lines(chat) == []


@pytest.mark.parametrize("words", ["什么都行", "哪天都可以", "什么时候都行，两个人"])
def test_who_is_content_with_anything_asks_nothing(chat: Chat, words: str) -> None:
    begin(chat, "周六爬山")
    chat.says(f"接龙 {words}")
    assert lines(chat) == [words]


def test_the_list_and_leaving_need_no_blank(chat: Chat) -> None:
    begin(chat, "周六爬山")
    chat.says("接龙 一个人", name="李雷")
    assert "1. 李雷 一个人" in chat.says("接龙名单")
    assert "退出" in chat.says("接龙取消")
    assert lines(chat) == []


def test_what_a_list_asks_for_is_asked_at_joining_only(chat: Chat) -> None:
    begin(chat, "周六爬山 | 条件 签到")
    assert "先签到" in chat.says("接龙 一个人")
    chat.says("签到")
    chat.says("接龙 一个人")
    chat.later(days=1)
    assert "已改成" in chat.says("接龙 两个人")
    chat.says("接龙 取消")
    assert "先签到" in chat.says("接龙 又来了")


def test_who_is_erased_is_in_no_list_any_more(chat: Chat) -> None:
    begin(chat, "周六爬山")
    chat.says("接龙 一个人", name="李雷")
    chat.says("接龙 +1", user="hanmei", name="韩梅梅")
    chat.erase()
    assert "1. 韩梅梅 +1" in chat.says("接龙", user="jim")
    chat.as_admin("活动 截止 1")
    chat.erase("hanmei")
    said = chat.says("接龙 1号 名单", user="jim")
    assert "韩梅梅" not in said
    assert "1. （已退出的成员）" in said


def test_a_price_goes_back_to_who_leaves(chat: Chat) -> None:
    for _ in range(3):
        chat.says("签到")
        chat.later(days=1)
    had = chat.points()
    begin(chat, "周六爬山 | 花费 5")
    chat.says("接龙 一个人")
    assert chat.points() == had - 5
    assert "退回" in chat.says("接龙 取消")
    assert chat.points() == had


@given(st.lists(st.tuples(st.integers(1, 10**6), st.text(), st.text()), max_size=MOST_SHOWN), st.text(min_size=1))
def test_every_list_fits_into_the_name_of_its_picture(rows: list[tuple[int, str, str]], title: str) -> None:
    shown = [[n, short(who, 12), short(words, 16)] for n, who, words in rows]
    facts = {"title": short(title, 60), "community": short(title, 40), "rows": shown, "size": 10**6, "most": 10**6}
    assert drawn("roll", facts, about=range(10**6, 10**6 + len(rows)))


@pytest.mark.parametrize("char", ["a", "字", "😀", "\x01"])
def test_the_longest_list_fits_whatever_it_is_written_in(char: str) -> None:
    rows = [[10**6, short(char * 99, 12), short(char * 99, 16)]] * MOST_SHOWN
    facts = {"title": short(char * 99, 60), "community": short(char * 99, 40), "rows": rows, "size": 10**6, "most": 10**6}
    assert drawn("roll", facts, about=range(10**6, 10**6 + MOST_SHOWN))


def test_the_picture_of_a_list_is_drawn() -> None:
    rows = [[n, "名字" * 6, "👨‍👩‍👧 三个人" * 2] for n in range(281, 301)]
    name = drawn("roll", {"title": "周六爬山", "community": "早起读书群", "rows": rows, "size": 300}, about=range(1, 21))
    assert Artist().draw(name).startswith(b"\x89PNG")
