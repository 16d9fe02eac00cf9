"""Tests of the example, as an author of an extension writes them: with the test kit (``-p tests.kit``), on a real Redis."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from bot.errors import UserError
from bot.extensions import load_file
from tests.kit import Chat, Extended, inside

HERE = Path(__file__).parent
birthdays = load_file(HERE / "birthdays.py")
parts = sys.modules[birthdays.router.commands["生日"].handler.__module__]


@pytest.fixture
def chat(extended: Extended) -> Chat:
    """A bot with this extension, which looks a week ahead."""
    return extended(HERE / "birthdays.py", settings={"ahead_days": 7})


def test_who_told_his_birthday_is_shown_in_time(chat: Chat) -> None:
    chat.at("2026-03-10 09:00")
    assert "记下了：3 月 15 日" in chat.says("我的生日 3月15日", user="lilei", name="李雷")
    assert "3 月 15 日 李雷" in chat.says("生日", user="wang")
    chat.later(days=30)
    assert "没有人过生日" in chat.says("生日", user="wang")


def test_it_is_forgotten_on_request(chat: Chat) -> None:
    chat.says("我的生日 3-15")
    assert "忘掉了" in chat.says("我的生日 忘掉")
    assert "本来就没有" in chat.says("我的生日 忘掉")


def test_communities_do_not_see_each_other(chat: Chat) -> None:
    chat.at("2026-03-10 09:00")
    chat.says("我的生日 3-15", user="lilei")
    assert "没有人过生日" in chat.says("生日", user="lilei", group="wrFAR")


def test_a_person_is_exported_and_erased(chat: Chat) -> None:
    chat.says("我的生日 3-15")
    store, number = birthdays.store_of(chat.stores), chat.member()
    assert store.export_user(number) == {"main": "03-15"}
    assert chat.erase()["扩展 birthdays"] == "删除了 1 个生日"
    assert store.export_user(number) == {}


def test_an_operator_takes_one_out_on_the_page(chat: Chat) -> None:
    chat.says("我的生日 3-15")
    chat.as_admin("签到")
    operator = inside(chat)
    page = "/console/in/main/x/birthdays"
    assert "1 位成员" in operator.opens(page)
    assert "没有记着" in operator.posts(page, act="forget", member="77")
    assert "忘掉了成员" in operator.posts(page, act="forget", member=str(chat.member()))
    assert "0 位成员" in operator.opens(page)


@pytest.mark.parametrize(("text", "day"), [("3-15", "03-15"), ("12月1日", "12-01"), ("2.29", "02-29")])
def test_days_are_read_as_people_write_them(text: str, day: str) -> None:
    assert parts.read_day(text) == day


def test_what_is_no_day_is_refused() -> None:
    for text in ("13-1", "2-30", "明天", ""):
        with pytest.raises(UserError, match="月和日"):
            parts.read_day(text)


def test_a_leap_day_is_celebrated_in_every_year() -> None:
    assert parts.days_until("02-29", date(2027, 2, 28)) == 1
    assert parts.days_until("02-29", date(2028, 2, 28)) == 1
    assert parts.days_until("01-01", date(2026, 12, 31)) == 1
