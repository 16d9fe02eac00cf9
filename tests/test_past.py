"""The demo's past: on whatever day the demo begins, one community is well, one plainly is not and says why, one is too young to tell."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from chat import Chat

from commands.past import bring_friend, bring_past, pasts
from console.glances import colour_of
from rules.figures import Where
from rules.health import HealthRules
from rules.lighting import DAYS, lights
from storage.connection import Database
from storage.daybook import Daybook
from storage.keys import SHARDS
from tests.inviting import ring

pytest_plugins = ("chat",)

EVERYBODY = [f"user{n:02d}" for n in range(1, 31)]
PASTS = pasts(EVERYBODY, well=("main", "wrA"), unwell=("starters", "wrB"), young=("photos", "wrC"))


@pytest.mark.parametrize("today", [date(2026, 11, 22), date(2026, 11, 25), date(2027, 2, 1)])
def test_the_lights_say_which_community_is_unwell_and_why(database: Database, today: date) -> None:
    book = Daybook(database, SHARDS)
    bring_past(database, SHARDS, PASTS, today)
    seen = {}
    for past in PASTS:
        days = book.days(Where(past.community), today - timedelta(days=DAYS), today - timedelta(days=1), today)
        seen[past.community] = lights(days, HealthRules(), past.community, frozenset({"mentions"}), lambda day: day.weekday() >= 5)
    assert {id: colour_of(found) for id, found in seen.items()} == {"main": "green", "starters": "red", "photos": "grey"}
    assert {light.metric for light in seen["main"] if light.colour in ("red", "yellow")} == set()
    unwell = {light.metric: light for light in seen["starters"] if light.colour == "red"}
    assert "34%" in unwell["wau"].reason
    assert {"wau", "answer_minutes", "negative_share"} <= set(unwell)
    assert all(light.remedy and light.remedy.label for light in unwell.values())


def test_a_friend_of_last_week_is_credited_as_the_demo_begins(chat: Chat) -> None:
    for _ in range(2):
        bring_friend(chat.stores.database, chat.stores.shards, PASTS[0], chat.live.current.invitations, chat.clock())
    chat.says("你好", user="user01", name="李雷")
    assert ring(chat) == 1
    assert "已计入 1 位" in chat.privately("我的邀请", user="user01")
    assert "邀请" in chat.privately("积分明细", user="user01")


def test_a_past_is_brought_once_and_not_where_somebody_was_before(database: Database) -> None:
    today, book = date(2026, 11, 22), Daybook(database, SHARDS)
    yesterday = today - timedelta(days=1)
    book.bring(Where("main"), yesterday, counts={"messages": 7})
    for _ in range(2):
        bring_past(database, SHARDS, PASTS, today)
    [own] = book.days(Where("main"), yesterday, yesterday, today)
    assert own.counts == {"messages": 7}
    [brought] = book.days(Where("starters"), yesterday, yesterday, today)
    [in_group] = book.days(Where("starters", "wrB"), yesterday, yesterday, today)
    assert brought == in_group
    assert brought.counts["messages"] == sum(n for name, n in brought.counts.items() if name.startswith("h:"))
    assert brought.counts["faq_hit"] == sum(n for name, n in brought.counts.items() if name.startswith("hit:"))
    [young] = book.days(Where("photos"), yesterday, yesterday, today)
    [everything] = book.days(Where(), yesterday, yesterday, today)
    assert everything.spoke.day == brought.spoke.day + young.spoke.day, "nobody is in both"
    assert everything.counts["messages"] == brought.counts["messages"] + young.counts["messages"] + 7
