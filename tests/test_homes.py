"""切换社群: which community a single chat belongs to."""

from __future__ import annotations

import pytest
from chat import FAR, SUB, Chat, OpenChat

pytest_plugins = ("chat",)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """A member with 5 points here and 10 there, last seen there."""
    chat = open_chat()
    chat.says("签到", user="lilei", name="李雷")
    chat.says("签到", user="lilei", group=FAR)
    chat.later(days=1)
    chat.says("签到", user="lilei", group=FAR)
    return chat


def balance(chat: Chat, user: str = "lilei") -> str:
    """What a member hears alone about his points."""
    return chat.privately("我的积分", user=user).splitlines()[0]


def test_a_single_chat_belongs_where_its_member_was_last_seen_until_he_switches(chat: Chat) -> None:
    there = balance(chat)
    said = chat.privately("切换社群")
    assert "现在算在“纽约”" in said
    assert "1. 主群\n2. 纽约（现在）" in said
    assert "算在“主群”" in chat.privately("1")
    here = balance(chat)
    assert here != there
    assert "1. 主群（现在）\n2. 纽约" in chat.privately("切换社群")


@pytest.mark.parametrize("typed", ["切换社群 1", "切换社群 主群", "换社群 main", "切换社群 主"])
def test_it_is_switched_by_number_name_or_a_part_of_it(chat: Chat, typed: str) -> None:
    assert "算在“主群”" in chat.privately(typed)
    assert "主群（现在）" in chat.privately("切换社群")


def test_a_choice_holds_wherever_he_speaks_next_and_whichever_process_hears_it(chat: Chat, open_chat: OpenChat) -> None:
    other = open_chat(clock=chat.clock)
    chat.privately("切换社群 主群")
    here = balance(other)
    other.says("签到", group=FAR)
    chat.says("怎么退款", group=FAR)
    assert balance(chat) == balance(other) == here
    assert "自动" in chat.privately("切换社群")
    assert "最后说话" in chat.privately("切换社群 自动")
    assert "纽约（现在）" in other.privately("切换社群")


def test_nobody_gets_where_he_was_not_seen(chat: Chat) -> None:
    chat.says("签到", user="hanmei", group=SUB)
    assert "我只在“主群”见过你" in chat.privately("切换社群", user="hanmei")
    for typed in ("切换社群 2", "切换社群 0", "切换社群 纽约", "切换社群 far"):
        said = chat.privately(typed, user="hanmei")
        assert "例如：切换社群 1" in said
        assert "纽约" not in said
    assert "主群" in chat.privately("切换社群", user="hanmei")


def test_a_choice_made_by_number_is_judged_when_it_is_made(chat: Chat) -> None:
    chat.privately("切换社群")
    database = chat.stores.database
    [roster] = [key for key in database.scan("qb:{*}:main:members") if database.command("HEXISTS", key, chat.member())]
    database.command("HDEL", roster, chat.member())
    assert "没有在那里见过你" in chat.privately("1")
    assert "我只在“纽约”见过你" in chat.privately("切换社群")


def test_in_a_group_it_is_not_done(chat: Chat) -> None:
    assert "请私聊我" in chat.says("切换社群 1", group=FAR)
    assert chat.stores.directory.chosen_home(chat.member()) == ""


def test_a_group_that_nobody_configured_has_no_name_to_show(chat: Chat) -> None:
    chat.says("签到", user="hanmei", group="wrSTRANGER")
    said = chat.privately("切换社群", user="hanmei")
    assert "我只在“还没有登记的群”见过你" in said
    assert "wrSTRANGER" not in said


def test_a_question_about_switching_is_a_question(chat: Chat) -> None:
    chat.privately("切换社群 怎么弄")
    assert chat.stores.directory.chosen_home(chat.member()) == ""


def test_a_late_repeat_changes_nothing_and_the_choice_goes_with_its_member(chat: Chat) -> None:
    number, directory = chat.member(), chat.stores.directory
    directory.choose_home(number, "main", once="a")
    directory.choose_home(number, "far", once="b")
    directory.choose_home(number, "main", once="a")
    assert directory.chosen_home(number) == "far"
    assert directory.export_user(number)["单聊选的社群"] == "far"
    chat.erase()
    assert directory.chosen_home(number) == ""
