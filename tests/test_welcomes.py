"""Welcomes: each newcomer once, many at a time together, only where the bot can write."""

from __future__ import annotations

from datetime import timedelta

import pytest
from chat import MAIN, ROOT, SUB, Chat, OpenChat

from bot import welcomes
from bot.welcomes import ring_welcomes
from handlers.contents import publish
from rules.contents import FLOWS, WORDS, parse
from rules.roster import Roster, Seat
from storage.customer_groups import KnownGroup, News
from storage.welcomes import SETTLE_MS

pytest_plugins = ("chat",)


def joins(chat: Chat, *names: str, group: str = MAIN, serial: int = 1) -> list[int]:
    """People who are in a group as of a new look at it; gives their numbers."""
    numbers = [chat.stores.directory.enrol(f"wm{name}", name=name).number for name in names]
    known, before = KnownGroup(group, chat.community.keys, "customers"), chat.stores.customer_groups.look_back(chat.community.keys, group)
    seats = {**(before.roster.seats if before.roster else {}), **{number: Seat(2, 5) for number in numbers}}
    roster = Roster(f"v{serial}", seats=seats)
    news = News([(number, {"group": "join"}) for number in numbers], newcomers=numbers)
    assert chat.stores.customer_groups.keep(known, before, roster, news, chat.clock(), "2026-03-10")
    return numbers


def ring(chat: Chat) -> int:
    """The clock looks once."""
    return ring_welcomes(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def posts(chat: Chat) -> list[str]:
    """What was posted into groups."""
    return [str(d.body["markdown"]["content"]) for d in chat.outbox() if d.via == "webhook"]


def test_twenty_who_join_at_once_get_one_welcome(chat: Chat) -> None:
    joins(chat, *(f"新人{n}" for n in range(20)))
    assert ring(chat) == 0, "others are waited for"
    chat.later(seconds=50)
    assert ring(chat) == 20
    [post] = posts(chat)
    assert "欢迎 新人0、新人1、新人2、新人3、新人4 等 20 位新朋友 加入" in post
    chat.later(minutes=5)
    assert ring(chat) == 0
    assert len(posts(chat)) == 1


def test_those_who_join_in_the_meantime_are_welcomed_with_them(chat: Chat) -> None:
    joins(chat, "甲")
    chat.later(seconds=30)
    joins(chat, "乙", serial=2)
    chat.later(seconds=20)
    assert ring(chat) == 2
    assert "欢迎 甲、乙 加入" in posts(chat)[0]


def test_who_spoke_first_is_not_welcomed_again(chat: Chat) -> None:
    joins(chat, "甲", "乙")
    assert "欢迎 甲" in chat.says("你好", user="wm甲")
    chat.later(seconds=50)
    assert ring(chat) == 1
    assert "欢迎 乙 加入" in posts(chat)[0]


def test_who_was_welcomed_in_the_group_is_not_at_his_first_message(chat: Chat) -> None:
    joins(chat, "甲")
    chat.later(seconds=50)
    assert ring(chat) == 1
    assert "欢迎" not in chat.says("签到", user="wm甲")


def test_who_joins_a_second_group_of_the_community_is_not_welcomed_again(chat: Chat) -> None:
    joins(chat, "甲")
    chat.later(seconds=50)
    ring(chat)
    joins(chat, "甲", group=SUB)
    chat.later(seconds=50)
    assert ring(chat) == 0
    assert len(posts(chat)) == 1


def test_where_the_bot_cannot_write_the_first_message_is_still_welcomed(chat: Chat) -> None:
    joins(chat, "甲", group=SUB)  # a group without a webhook of its own
    chat.later(seconds=50)
    assert ring(chat) == 0
    assert posts(chat) == []
    assert "欢迎 甲" in chat.says("你好", user="wm甲", group=SUB)


def test_at_night_they_are_welcomed_in_the_morning(chat: Chat) -> None:
    chat.at("2026-03-10 23:00")
    joins(chat, "甲")
    chat.at("2026-03-10 23:01")
    assert ring(chat) == 0
    chat.at("2026-03-11 07:59")
    assert ring(chat) == 0
    chat.at("2026-03-11 08:01")
    assert ring(chat) == 1


def test_a_name_that_is_an_advertisement_is_not_said(chat: Chat) -> None:
    listed = parse(WORDS, (ROOT / "rules/content/words.yaml").read_text(encoding="utf-8")).words
    word = next(word.text for word in listed if word.severity >= 2 and len(word.text) > 2)
    joins(chat, word, "乙")
    chat.later(seconds=50)
    assert ring(chat) == 2
    assert word not in posts(chat)[0]
    assert "乙 等 2 位新朋友" in posts(chat)[0]


def look(chat: Chat, *members: int, serial: int) -> None:
    """A new look at the group finds these in it, and nobody new."""
    known, before = KnownGroup(MAIN, chat.community.keys, "customers"), chat.stores.customer_groups.look_back(chat.community.keys, MAIN)
    roster = Roster(f"v{serial}", seats={number: Seat(2, 5) for number in members})
    assert chat.stores.customer_groups.keep(known, before, roster, News(), chat.clock(), "2026-03-10")


def test_who_left_before_the_welcome_is_neither_welcomed_nor_led_into_a_flow(chat: Chat) -> None:
    publish(chat.stores, FLOWS, "- {id: a, title: t, start: {on: joined}, steps: [{ask: {name: 问, text: 问}}]}", "boss", chat.clock())
    chat.live.refresh()
    chat.at("2026-03-10 23:00")
    gone, here = joins(chat, "广告哥", "甲")
    look(chat, here, serial=2)
    chat.at("2026-03-11 08:01")
    assert ring(chat) == 1
    assert "广告哥" not in posts(chat)[0]
    assert chat.stores.flows.of_member(chat.community.keys, gone) == {}
    assert chat.stores.flows.of_member(chat.community.keys, here)


def test_in_a_group_that_is_closed_nobody_is_welcomed_any_more(chat: Chat) -> None:
    joins(chat, "甲")
    known, before = KnownGroup(MAIN, chat.community.keys, "customers"), chat.stores.customer_groups.look_back(chat.community.keys, MAIN)
    assert chat.stores.customer_groups.close(known, before, News(), chat.clock(), "2026-03-10")
    chat.later(minutes=1)
    assert chat.stores.welcomes.due(chat.clock()) == []
    assert ring(chat) == 0


def test_those_beyond_one_common_welcome_follow_a_little_later(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(welcomes, "MOST_AT_ONCE", 1)
    joins(chat, "甲", "乙")
    chat.later(milliseconds=SETTLE_MS)
    assert ring(chat) == 1
    chat.later(milliseconds=SETTLE_MS - 1_000)
    assert ring(chat) == 0
    chat.later(seconds=2)
    assert ring(chat) == 1


def test_two_processes_welcome_once(open_chat: OpenChat) -> None:
    one, other = open_chat(), open_chat()
    joins(one, "甲", "乙")
    for each in (one, other):
        each.later(seconds=50)
    assert ring(one) + ring(other) == 2
    assert len(posts(one)) == 1


def test_an_erased_newcomer_is_forgotten(chat: Chat) -> None:
    [number] = joins(chat, "甲")
    chat.stores.welcomes.erase_user(number)
    chat.later(seconds=50)
    assert ring(chat) == 0
    assert posts(chat) == []


def test_the_same_message_twice_is_welcomed_both_times(chat: Chat) -> None:
    where, now = chat.community.keys, chat.clock()
    assert now + timedelta(0) == now
    assert chat.stores.welcomes.claim(where, 5, once="a")
    assert chat.stores.welcomes.claim(where, 5, once="a")
    assert not chat.stores.welcomes.claim(where, 5, once="b")


@pytest.mark.parametrize("text", ["", "joined: ''\n"])
def test_who_writes_no_welcome_posts_none(chat: Chat, text: str) -> None:
    chat.stores.content.put("welcome", {"": f"first_message: 你好呀\n{text}"}, "boss", chat.clock())
    chat.live.refresh()
    joins(chat, "甲")
    chat.later(seconds=50)
    assert ring(chat) == 0
    assert posts(chat) == []
    assert "你好呀" in chat.says("签到", user="wm甲")
