"""What counts, where, and once: messages in community, group and installation; pushes; who comes and goes; and the log tells the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chat import ADMINS, FAR, MAIN, SUB, Chat

from bot.closing import ring_days
from bot.mailing import fire
from bot.recounting import recount, told_from
from rules.contents import Push
from rules.figures import Day, Where
from rules.roster import Roster, Seat
from storage import keys
from storage.connection import Database, Script
from storage.customer_groups import KnownGroup, Look, Moves, News
from storage.layouts import convert
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.tallies import counted_in, place_of

pytest_plugins = ("chat",)

COMMUNITY, GROUP, ALL = Where("main"), Where("main", MAIN), Where()


def day_of(chat: Chat, where: Where) -> Day:
    """Today's figures of a place."""
    today = chat.community.keys.day_of(chat.clock())
    return chat.stores.daybook.days(where, today, today, today)[0]


def unlike(chat: Chat, days: int = 30) -> list[str]:
    """Where book and log disagree."""
    today = chat.community.keys.day_of(chat.clock())
    return list(recount(chat.stores, chat.communities, today - timedelta(days=days), today))


def close(chat: Chat) -> None:
    ring_days(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def send(chat: Chat, *, arrives: bool = True) -> None:
    """Sends what waits in the community's shard."""
    outbox, shard, now = chat.stores.outbox, chat.community.shard, to_ms(chat.clock())
    for _, lane, target in outbox.due([shard], now):
        lease = outbox.lease(shard, lane, target, "test", now, 1000)
        assert lease
        settled = outbox.done(lease, now, {"pushed": lease.delivery.pushed}) if arrives else outbox.dead(lease, "没有这个群", now)
        assert settled


def test_a_message_counts_in_its_community_in_its_group_and_in_the_whole_installation(chat: Chat) -> None:
    chat.says("大家早上好", user="a")
    chat.says("你们好", user="a", id="same")
    chat.says("你们好", user="a", id="same")
    chat.privately("怎么签到", user="a")
    for where, messages, members in ((COMMUNITY, 3, 1), (GROUP, 2, 1), (ALL, 3, 1)):
        day = day_of(chat, where)
        assert (day.counts["messages"], day.counts["h:10"], day.spoke.day, day.new) == (messages, messages, 1, 1)
        assert day.counts.get("came", 0) == day.members == members
    assert unlike(chat) == []


def test_who_only_speaks_alone_with_the_bot_is_no_member(chat: Chat) -> None:
    chat.privately("你好", user="b")
    day = day_of(chat, Where(chat.community.id))
    assert (day.counts["messages"], day.spoke.day, day.members, day.new) == (1, 1, 0, 0)


def test_a_message_counts_on_the_day_and_in_the_hour_of_its_community(chat: Chat) -> None:
    chat.clock.set(chat.clock().astimezone(ZoneInfo("Asia/Shanghai")).replace(hour=23, minute=59))
    chat.says("晚安")
    first = day_of(chat, GROUP)
    chat.clock.later(minutes=2)
    chat.says("早安")
    second = day_of(chat, GROUP)
    assert (first.counts["h:23"], second.counts["h:0"]) == (1, 1)
    assert (second.day - first.day, second.new, second.spoke.week) == (timedelta(days=1), 0, 1)
    assert second.returned[1].still == 1


def test_who_speaks_within_an_hour_after_a_push_responded_and_once(chat: Chat) -> None:
    chat.says("你好", user="a")
    fire(Push("morning", "0 9 * * *", "早上好"), chat.community, chat.clock(), chat.stores, chat.config, chat.live.current, chat.clock())
    assert "pushes_sent" not in day_of(chat, GROUP).counts, "it counts when it arrives"
    send(chat)
    chat.says("早", user="a")
    chat.says("早呀", user="a")
    chat.clock.later(minutes=61)
    chat.says("我来晚了", user="b")
    for where in (COMMUNITY, GROUP):
        assert (day_of(chat, where).counts["pushes_sent"], day_of(chat, where).counts["responded"]) == (1, 1)
    fire(Push("noon", "0 12 * * *", "中午好"), chat.community, chat.clock(), chat.stores, chat.config, chat.live.current, chat.clock())
    send(chat, arrives=False)
    assert day_of(chat, GROUP).counts["pushes_failed"] == 1
    assert unlike(chat) == []


def test_a_push_of_a_community_without_groups_counts_once(chat: Chat) -> None:
    today = chat.community.keys.day_of(chat.clock()).isoformat()
    post = Delivery("p1", "bulk", "hook.main.main", "webhook", "main", {"msgtype": "text"}, pushed=f"{today}|")
    chat.stores.outbox.enqueue(chat.community.shard, [post], to_ms(chat.clock()))
    send(chat)
    assert day_of(chat, COMMUNITY).counts["pushes_sent"] == 1
    assert unlike(chat) == []


def test_a_work_that_is_featured_counts_once(chat: Chat) -> None:
    chat.as_admin("发起征稿 我和一本书 | 200 字以内 | 截止 3天后 | 奖励 20")
    chat.as_admin("1")
    chat.says("投稿 十年前买的书里还夹着书签", user="a")
    assert "精华" in chat.as_admin("审稿 1 精华 好")
    counts = day_of(chat, COMMUNITY).counts
    assert (counts["submissions_featured"], counts.get("featured", 0)) == (1, 0)
    assert unlike(chat) == []


def test_a_roster_says_who_was_there_who_came_and_who_is_gone(chat: Chat) -> None:
    chat.says("你好", user="a")
    speaker, known = chat.member("a"), KnownGroup(MAIN, chat.community.keys, "customers")
    today = chat.community.keys.day_of(chat.clock()).isoformat()

    def look(members: set[int], version: str, moves: Moves) -> None:
        before = chat.stores.customer_groups.look_back(chat.community.keys, MAIN) if version > "1" else Look()
        events = [(one, {"group": "out", "chat": MAIN, "gone": True}) for one in moves.left]
        events += [(one, {"group": "found", "chat": MAIN}) for one in moves.found]
        events += [(one, {"group": "join", "chat": MAIN}) for one in moves.came]
        news = News(events, {"joins": len(moves.came)} if moves.came else {}, moves=moves)
        after = Roster(version, seats={one: Seat(2, 1) for one in members})
        assert chat.stores.customer_groups.keep(known, before, after, news, chat.clock(), today)

    look({speaker, 901}, "1", Moves(found=(speaker, 901)))
    look({speaker, 901, 902}, "2", Moves(came=(902,)))
    look({901}, "3", Moves(left=(speaker, 902), gone=(speaker, 902)))
    look({901, 902}, "4", Moves(came=(902,)))
    for where in (COMMUNITY, GROUP):
        counts = day_of(chat, where).counts
        assert (counts["came"], counts["found"], counts["gone"], counts["joins"]) == (3, 1, 2, 2)
        assert (day_of(chat, where).members, day_of(chat, where).new) == (2, 2)
    assert unlike(chat) == []


def test_days_that_were_closed_say_the_same_and_an_erased_member_is_found_gone(chat: Chat) -> None:
    for n in range(40):
        for user in ("a", "b", "c")[: 1 + n % 3]:
            chat.says(f"第 {n} 天", user=user)
        if n % 5 == 0:
            chat.says("签到", user="a")
            chat.as_admin("数据")
        if n == 30:
            before = day_of(chat, GROUP)
            close(chat)
            chat.erase("b")
        if n in (12, 13, 20, 38):
            close(chat)
        chat.clock.later(days=1)
    close(chat)
    assert before.members - day_of(chat, GROUP).members == 0, "who was erased went, and spoke again as somebody new"
    assert unlike(chat, 45) == []
    where = chat.community.keys
    assert chat.stores.database.command("HLEN", keys.BOOK(shard=where.shard, community=place_of(where.id, ADMINS))) > 30
    chat.stores.database.command("HINCRBY", counted_in(where, where.day_of(chat.clock()))[0], "messages", 1)
    assert unlike(chat, 45), "what the log does not tell is found"


def test_what_an_older_program_counted_is_read_as_it_is(chat: Chat) -> None:
    where, database = chat.community.keys, chat.stores.database
    today = where.day_of(chat.clock())
    first = today - timedelta(days=10)
    part = {"shard": where.shard, "community": where.id}
    for day in (first, today):
        database.command("HSET", keys.COUNTS(**part, day=day.isoformat()), "messages", 7)
        database.command("SETBIT", keys.ACTIVE(**part, day=day.isoformat()), 5, 1)
    seen = to_ms(chat.clock() - timedelta(days=3))
    database.command("HSET", keys.MEMBERS(**part), 5, to_ms(chat.clock() - timedelta(days=500)), 6, seen, 7, "new:x")
    for _ in range(2):
        convert(database, 5)
    days = chat.stores.daybook.days(COMMUNITY, first, today, today)
    assert [day.members for day in days] == [1] * 7 + [2] * 3 + [3]
    assert (days[0].counts["found"], days[7].new, days[-1].counts["messages"]) == (1, 1, 7)
    assert chat.stores.daybook.days(ALL, first, today, today)[-1].spoke.month == 1


# What goes wrong on the way ----------------------------------------------------------------------------------------------


def test_counting_costs_a_message_no_round_trip(chat: Chat) -> None:
    chat.says("大家早上好", user="a")
    post(chat, "push", MAIN)
    send(chat)
    trips: list[int] = []
    chat.stores.database._on_round_trip = lambda: trips.append(1)
    for _ in range(3):  # the first of a day, too, and the first after a push
        before = len(trips)
        chat.says("怎么签到", user="a")
        assert len(trips) - before == 1, "accepted, answered, counted and logged in one act"
        chat.clock.later(days=1)
    assert day_of(chat, COMMUNITY).spoke.week == 1


def test_an_erasure_that_dies_on_its_way_and_is_done_again_loses_nobody_who_went(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    for user in ("a", "b"):
        chat.says("大家早上好", user=user)
    number, left = chat.member("a"), iter(range(2))
    act = Database.act

    def dies(database: Database, script: Script, *rest: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return act(database, script, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "act", dies)
        with pytest.raises(KeyboardInterrupt):
            chat.stores.daybook.erase_user(number)
    for _ in range(2):
        chat.stores.daybook.erase_user(number)
    for where in (COMMUNITY, GROUP):
        assert (day_of(chat, where).members, day_of(chat, where).counts["gone"]) == (1, 1)
    assert day_of(chat, ALL).spoke.day == 1
    assert unlike(chat) == []


def test_who_speaks_again_on_the_day_on_which_he_left_is_there(chat: Chat) -> None:
    chat.says("大家好", user="a")
    where, member = chat.community.keys, chat.member("a")
    group = KnownGroup(MAIN, where, "contact")
    moves, now = Moves(left=(member,), gone=(member,)), chat.clock()
    told = [(member, {"group": "out", "chat": MAIN, "gone": True})]
    empty = Roster("v1", 0, "群", "", {})
    assert chat.stores.customer_groups.keep(group, Look(), empty, News(told, moves=moves), now, where.day_of(now).isoformat())
    assert [day_of(chat, where).members for where in (COMMUNITY, GROUP)] == [0, 0]
    chat.says("我又来了", user="a")
    for place in (COMMUNITY, GROUP):
        day = day_of(chat, place)
        assert (day.members, day.new, day.counts["came"], day.counts["gone"]) == (1, 1, 2, 1)
    assert unlike(chat) == []


def post(chat: Chat, id: str, group: str) -> None:
    """A planned push on its way to a group."""
    today = chat.community.keys.day_of(chat.clock())
    planned = Delivery(
        id=id, target=f"hook.main.{group}", via="webhook", community="main", chat=group, body={"msgtype": "text"}, lane="bulk",
        pushed=f"{today}|{group}",
    )  # fmt: skip
    chat.stores.outbox.enqueue(chat.community.shard, [planned], to_ms(chat.clock()))


def test_who_speaks_in_two_groups_after_a_push_responds_once_in_their_community(chat: Chat) -> None:
    for group in (MAIN, SUB):
        post(chat, f"push:{group}", group)
    send(chat)
    for group in (MAIN, SUB):
        chat.says("大家好", user="a", group=group)
    assert [day_of(chat, where).counts["responded"] for where in (COMMUNITY, GROUP, Where("main", SUB))] == [1, 1, 1]
    assert unlike(chat) == []


def test_a_push_that_failed_and_was_sent_after_all_counts_as_sent(chat: Chat) -> None:
    post(chat, "late", MAIN)
    send(chat, arrives=False)
    assert day_of(chat, GROUP).counts["pushes_failed"] == 1
    assert chat.stores.outbox.replay(chat.community.shard, "late", to_ms(chat.clock()), once="said once")
    assert not chat.stores.outbox.replay(chat.community.shard, "late", to_ms(chat.clock()), once="said once"), (
        "there is no such letter any more"
    )
    send(chat)
    for where in (COMMUNITY, GROUP):
        assert (day_of(chat, where).counts["pushes_failed"], day_of(chat, where).counts["pushes_sent"]) == (0, 1)
    assert unlike(chat) == []


def test_what_failed_days_ago_stays_failed_on_its_day(chat: Chat) -> None:
    post(chat, "old", MAIN)
    send(chat, arrives=False)
    day = chat.community.keys.day_of(chat.clock())
    chat.clock.later(days=3)
    assert chat.stores.outbox.replay(chat.community.shard, "old", to_ms(chat.clock()))
    send(chat)
    [then] = chat.stores.daybook.days(GROUP, day, day, day)
    assert (then.counts["pushes_failed"], then.counts.get("pushes_sent", 0)) == (1, 0)
    assert unlike(chat) == []


def test_a_log_that_was_cut_is_held_against_the_book_from_its_first_whole_day_on(chat: Chat) -> None:
    for _ in range(6):
        chat.says("大家早上好", user="a")
        chat.clock.later(days=1)
    today = chat.community.keys.day_of(chat.clock())
    assert told_from(chat.stores, chat.communities, today, 180) is None
    chat.stores.database.command("XTRIM", keys.EVENTS(shard=chat.community.shard), "MAXLEN", 7)
    whole = told_from(chat.stores, chat.communities, today, 180)
    assert whole
    assert today - whole == timedelta(days=2), "of the day before it, the third from the end, the log has only the rest"
    assert list(recount(chat.stores, chat.communities, whole, today, whole=whole)) == []


def test_a_place_that_cannot_be_closed_stops_no_other_and_is_closed_when_it_is_well(chat: Chat) -> None:
    chat.says("大家早上好", user="a")
    chat.says("大家早上好", user="a", group=FAR)
    where, day = chat.communities.named("far").keys, chat.community.keys.day_of(chat.clock())
    broken, _ = counted_in(where, where.day_of(chat.clock()))
    chat.stores.database.command("HSET", broken, "messages", "viele")
    chat.clock.later(days=2)
    close(chat)
    closed = chat.stores.daybook.closed([COMMUNITY, GROUP, Where("far")])
    assert (closed[COMMUNITY], closed[GROUP], closed[Where("far")]) == (day + timedelta(days=1), day + timedelta(days=1), None)
    chat.stores.database.command("HSET", broken, "messages", 1)
    chat.clock.later(minutes=20)
    close(chat)
    assert chat.stores.daybook.closed([Where("far")])[Where("far")]


def test_a_year_that_was_brought_in_is_closed_at_the_first_ring(chat: Chat) -> None:
    today = chat.community.keys.day_of(chat.clock())
    for back in range(365, 0, -1):
        chat.stores.daybook.bring(COMMUNITY, today - timedelta(days=back), counts={"messages": back}, spoke=[back % 7])
    close(chat)
    assert chat.stores.daybook.closed([COMMUNITY, ALL]) == {COMMUNITY: today - timedelta(days=1), ALL: today - timedelta(days=1)}


@pytest.mark.parametrize("group", ["a/b", "wr:ever", "wr:mark:new:2026-03-10", "wr*[x]", "~all"])
def test_a_group_with_an_odd_id_counts_nowhere_else(chat: Chat, group: str) -> None:
    chat.says("你好", user="q", group=group)
    found = {(where.community, where.chat) for where in chat.stores.daybook.begins()}
    assert found - {("", "")} == {("~overflow", ""), ("~overflow", group)}
    chat.erase("q")
    assert day_of(chat, Where("~overflow", group)).counts["gone"] == 1
    assert unlike(chat) == []
