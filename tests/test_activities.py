"""Activities: the life that all kinds have – in the store's acts, at the desk, by the clock, and as operators and members hear it."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from chat import SUB, Chat, OpenChat

from bot.activities.desk import BATCHES, ActivityDesk, ring_due
from bot.errors import UserError
from bot.permissions import Actor
from rules.activities import LONGEST_TITLE, MOST_BYTES, MOST_RUNNING, NEXT, Activity, Conditions
from storage.activities import Activities, Draft, Entered, Entry, Payment
from storage.community import CommunityKeys
from storage.connection import Database
from storage.points import Points

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)
HOME = CommunityKeys("home", 4)
NAMES = itertools.count()
BOSS = Actor(1, "老板", "owner")


@pytest.fixture
def store(database: Database) -> Activities:
    return Activities(database, 16)


def opened(store: Activities, **settings: Any) -> Activity:
    """An activity that takes entries."""
    draft = Draft("chain", "周六爬山", 1, **settings)
    return store.change(HOME, store.create(HOME, draft, NOW, once=""), NOW, state="open").activity


def put(
    store: Activities, activity: Activity, member: int, value: str = "我", *, now: datetime = NOW, once: str = "", **more: Any
) -> Entered:
    entry = Entry(value, **more)
    return store.enter(HOME, activity, member, entry, now, today=TODAY, lapses=None, once=once or f"e{next(NAMES)}")


# The store ----------------------------------------------------------------------------------------------------------------


def test_an_activity_is_kept_as_it_was_made(store: Activities) -> None:
    draft = Draft(
        "poll", "投|票", 7, "wrMAIN", NOW + timedelta(hours=1), NOW + timedelta(hours=2), 5, 3, 20, Conditions("2", "新手", 7, 3, True),
        {"options": ["甲", "乙"]},
    )  # fmt: skip
    made = store.create(HOME, draft, NOW, once="m")
    assert store.find(HOME, 1) == made
    assert (made.number, made.state, made.created, made.revision) == (1, "draft", NOW, 1)
    assert {name: getattr(made, name) for name in Draft.__slots__} == {name: getattr(draft, name) for name in Draft.__slots__}
    assert store.create(HOME, draft, NOW, once="m").number == 1, "a repeat makes no second one"
    assert store.create(HOME, draft, NOW, once="n").number == 2
    assert store.find(HOME, 3) is None


def test_several_who_make_activities_at_once_get_numbers_of_their_own(store: Activities) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda n: store.create(HOME, Draft("chain", f"接龙 {n}", 1), NOW, once=f"n{n}").number, range(20))
        assert sorted(made) == list(range(1, 21))
    assert store.newest(HOME, 3)[0] == 20
    assert [one.number for one in store.newest(HOME, 3, skip=2)[1]] == [18, 17, 16]


@pytest.mark.parametrize("wrong", [{"title": ""}, {"title": "长" * (LONGEST_TITLE + 1)}, {"spec": {"text": "x" * MOST_BYTES}}])
def test_what_is_too_long_is_refused(store: Activities, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"characters|bytes"):
        store.create(HOME, replace(Draft("poll", "投票", 1), **wrong), NOW, once="")
    with pytest.raises(ValueError, match="characters"):
        put(store, opened(store), 1, "x" * 1_001)


def test_a_change_is_made_on_what_was_seen_or_not_at_all(store: Activities) -> None:
    draft = store.create(HOME, Draft("poll", "投票", 1), NOW, once="")
    first = store.change(HOME, draft, NOW, state="open", live={"a": 1}, actor=1, once="o")
    assert (first.outcome, first.activity.state, first.activity.opened, first.activity.revision) == ("done", "open", NOW, 2)
    assert store.change(HOME, draft, NOW, title="别的").outcome == "moved"
    assert store.change(HOME, draft, NOW, state="open", once="o").outcome == "again"
    assert store.find(HOME, 1) == first.activity
    put(store, first.activity, 1)
    assert store.change(HOME, first.activity, NOW, title="别的").outcome == "done", "an entry is no change"


def test_only_so_many_run_at_one_time(store: Activities, database: Database) -> None:
    for _ in range(MOST_RUNNING):
        opened(store)
    draft = store.create(HOME, Draft("chain", "多了", 1), NOW, once="")
    assert store.change(HOME, draft, NOW, state="open").outcome == "full"
    assert len(store.running(HOME)) == MOST_RUNNING
    assert len(Activities(database, 16).running(HOME)) == MOST_RUNNING
    store.change(HOME, store.running(HOME)[0], NOW, state="closed")
    assert store.change(HOME, draft, NOW, state="open").outcome == "done"
    assert draft.number in [one.number for one in store.running(HOME)]


def test_closed_means_closed_whatever_the_clock_of_a_process_shows(store: Activities) -> None:
    activity = opened(store, closes=NOW + timedelta(minutes=1))
    assert put(store, activity, 1, now=NOW + timedelta(seconds=59)).outcome == "ok"
    assert put(store, activity, 2, now=NOW + timedelta(minutes=1)).outcome == "closed", "nobody has closed it yet, but its time is over"
    store.change(HOME, store.running(HOME)[0], NOW, state="closed")
    assert put(store, activity, 3, now=NOW - timedelta(days=1)).outcome == "closed"
    assert [kept.member for kept in store.entries(HOME, 1)] == [1]


def test_arrival_is_numbered_by_redis(store: Activities) -> None:
    activity = opened(store)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda m: put(store, activity, m, race="first", bonuses=(3, 2, 1), score=1), range(1, 41)))
    assert sorted(one.seq for one in done) == sorted(one.order for one in done) == list(range(1, 41))
    assert {one.order: one.score for one in done if one.order < 5} == {1: 4, 2: 3, 3: 2, 4: 1}
    assert [kept.seq for kept in store.entries(HOME, 1, start=10, count=5)] == [11, 12, 13, 14, 15]
    best = store.scores(HOME, 1, 4)
    assert [n for _, n in best] == [4, 3, 2, 1]
    assert best[3][0] == next(m for m, one in enumerate(done, 1) if one.order == 4), "of equal ones who was there first"


def test_pieces_hang_together_with_their_entry(store: Activities) -> None:
    activity = opened(store, award=5, most=1)
    assert put(store, activity, 1, "A", part="q1", score=2, team="红").entries == 0, "a piece alone takes nobody in"
    joined = put(store, activity, 2, "B", part="q1", score=3, joins=True)
    assert (joined.outcome, joined.seq, joined.points, joined.entries) == ("ok", 1, 5, 1)
    assert put(store, activity, 3, "C", part="q1", joins=True).outcome == "full"
    assert set(store.entries_of(HOME, 1, 2)) == {"", "q1"}
    assert {kept.member: kept.value for kept in store.pieces(HOME, 1, "q1")} == {1: "A", 2: "B"}
    store.withdraw(HOME, activity, 2, NOW, today=TODAY, once="w")
    assert store.entries_of(HOME, 1, 2) == {}
    assert store.scores(HOME, 1) == [(1, 2)]


def test_coming_and_going_earns_an_award_once(store: Activities, database: Database) -> None:
    activity, points = opened(store, award=10), Points(database)
    for n in range(3):
        assert put(store, activity, 1).balance == 10
        store.withdraw(HOME, activity, 1, NOW, today=TODAY, once=f"w{n}")
    assert points.balance(HOME, 1) == 0
    put(store, activity, 1)
    points.adjust(HOME, 1, -8, NOW, today=TODAY, actor=9, reason="adjustment", note="", once="a")
    store.withdraw(HOME, activity, 1, NOW, today=TODAY, once="w")
    assert points.balance(HOME, 1) == 0, "what he has spent cannot be taken back"
    assert put(store, activity, 1).points == 2, "so he gets the rest only"
    assert points.discrepancies(HOME) == []


def test_what_forgets_cannot_be_told_again(store: Activities, database: Database) -> None:
    activity = opened(store)
    put(store, activity, 1, "", tallies=("2",), forgets=True, unnamed=True)
    put(store, activity, 1, "x", tallies=("1",), forgets=True, unnamed=True, replaces=True)
    assert store.tally(HOME, 1) == {"1": 1, "2": 1}, "nobody knows any more what he raised first"
    everything = [database.command("HGETALL", key) for key in database.scan("qb:{*}:home:activity:1:entries")]
    assert '"c"' not in str(everything)
    entered = [row for _, row in database.command("XRANGE", "qb:{4}:events", "-", "+") if "entered" in row[13]]
    assert [(row[9], row[11]) for row in entered] == [("0", "")], "the log names neither him nor his message"


def test_awards_are_paid_in_batches_each_once(database: Database) -> None:
    store, points = Activities(database, 16, paid_at_once=3), Points(database)
    activity = store.change(HOME, opened(store), NOW, state="closed").activity
    awards = [Payment(member, member, "第一|名") for member in range(1, 8)]
    activity = store.change(HOME, activity, NOW, state="settled", result={"x": 1}, awards=awards).activity
    batches = []
    while not activity.is_paid:
        owed, reached, is_last = store.owed(HOME, activity)
        batches.append(len(owed))
        again = [
            store.pay(HOME, activity, owed, NOW, today=TODAY, lapses=None, reached=reached, is_last=is_last) for _ in range(2)
        ]  # fmt: skip
        assert again[0] is not None
        assert not again[1], "who comes second pays nothing"
        activity = store.find(HOME, 1) or activity
    assert batches == [3, 3, 1]
    assert [points.balance(HOME, member) for member in range(1, 8)] == list(range(1, 8))
    assert points.rows(HOME, 1)[0].reason == "event_win"
    assert store.due(NOW + timedelta(days=9)) == []


def test_a_member_who_is_erased_leaves_what_runs_and_is_nobody_in_what_has_ended(store: Activities) -> None:
    running, ended = opened(store), opened(store)
    for activity in (running, ended):
        put(store, activity, 1, "我和孩子", tallies=("1",), score=2)
        put(store, activity, 2, "mark", tallies=("1",), stays=True)
    ended = store.change(HOME, ended, NOW, state="closed").activity
    assert store.export_user(1)["home"][1]["内容"][0]["内容"] == "我和孩子"
    for member in (1, 2):
        store.erase_user(member)
    assert (store.entries(HOME, 1), store.tally(HOME, 1), store.scores(HOME, 1)) == ([], {}, [])
    assert [(kept.seq, kept.value) for kept in store.entries(HOME, 2)] == [(1, ""), (2, "mark")]
    assert store.tally(HOME, 2) == {"1": 2}
    assert "我和孩子" not in str(store.export_user(1))


def test_entries_go_with_time_and_the_result_stays(store: Activities) -> None:
    activity = opened(store)
    put(store, activity, 1)
    activity = store.change(HOME, activity, NOW, state="closed").activity
    store.change(HOME, activity, NOW, state="settled", result={"n": 1})
    assert store.drop_entries(NOW - timedelta(seconds=1)) == 0
    assert store.drop_entries(NOW) == 1
    assert store.drop_entries(NOW) == 0
    found = store.find(HOME, 1)
    assert found is not None
    assert (found.result, store.entries(HOME, 1), found.entries) == ({"n": 1}, [], 1)


def test_the_common_reads_cost_one_round_trip(store: Activities, database: Database) -> None:
    activity = opened(store)
    store.running(HOME)
    put(store, activity, 2)  # from here on Redis knows the script
    asked = []
    database._on_round_trip = lambda: asked.append(1)
    store.running(HOME)
    put(store, activity, 1)
    store.entry_of(HOME, 1, 1)
    store.entries(HOME, 1)
    assert len(asked) == 4


# The desk and the clock ---------------------------------------------------------------------------------------------------


def desk_of(chat: Chat) -> ActivityDesk:
    return ActivityDesk(chat.stores, chat.live.current, chat.config, chat.community, chat.clock())


def ring(chat: Chat) -> int:
    return ring_due(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def posts(chat: Chat) -> list[str]:
    """What was posted of activities, by tag."""
    return [delivery.id.removeprefix("activity:main:") for delivery in chat.outbox() if delivery.id.startswith("activity:main:")]


def a_chain(chat: Chat, **settings: Any) -> Activity:
    return desk_of(chat).draft("chain", "周六爬山", {}, author=1, chat="", once=f"d{next(NAMES)}", **settings)


def test_the_clock_leads_an_activity_through_its_life(chat: Chat) -> None:
    chat.at("2026-03-10 09:00")
    chat.says("你好")
    now = chat.clock()
    activity = a_chain(chat, opens=now + timedelta(hours=1), closes=now + timedelta(hours=9))
    desk_of(chat).schedule(activity, BOSS, once="s")
    assert ring(chat) == 0
    assert "待开始，今天 10:00 开始" in chat.says("活动")
    assert "还没开始，今天 10:00 开始" in chat.says("接龙 1号 我")
    chat.later(hours=1)
    assert ring(chat) == 1
    assert ring(chat) == 0
    chat.says("接龙 我和孩子")
    chat.later(hours=7)
    assert ring(chat) == 1
    assert ring(chat) == 0
    chat.later(hours=1)
    assert ring(chat) == 1
    assert ring(chat) == 0
    assert posts(chat) == ["1:open", "1:remind:3", "1:settled", "1:settled:image"]
    found = chat.stores.activities.find(chat.community.keys, 1)
    assert found is not None
    assert (found.state, found.is_paid, found.entries) == ("settled", True, 1)
    assert "截止了" in chat.says("接龙 1号 晚了")


def test_a_long_debt_is_paid_on_by_the_clock(chat: Chat) -> None:
    stores = replace(chat.stores, activities=Activities(chat.stores.database, chat.stores.shards, paid_at_once=1))
    desk = replace(desk_of(chat), stores=stores)
    activity = desk.open(a_chain(chat, cost=5), BOSS, once="o").activity
    users = [f"u{n}" for n in range(8)]
    for user in users:
        chat.says("签到", user=user)
        desk.enter(activity, chat.member(user), Entry("我"), once=user)
    assert desk.cancel(desk.get(1), BOSS, once="c").outcome == "done"
    assert [chat.points(user) for user in users] == [5] * BATCHES + [0] * 3, "whoever cancels does not wait for all"
    assert ring_due(stores, chat.config, chat.live.current, chat.communities, chat.clock()) == 1
    assert [chat.points(user) for user in users] == [5] * 8
    assert desk.get(1).is_paid


def test_two_clocks_do_each_thing_once(chat: Chat, open_chat: OpenChat) -> None:
    other = open_chat(clock=chat.clock)
    now = chat.clock()
    for _ in range(5):
        desk_of(chat).schedule(a_chain(chat, opens=now + timedelta(hours=1), closes=now + timedelta(hours=2)), BOSS, once=f"s{next(NAMES)}")
    for _ in range(2):
        chat.later(hours=1)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ring, (chat, other, chat, other)))
    assert sorted(posts(chat)) == sorted(tag for n in range(1, 6) for tag in (f"{n}:open", f"{n}:settled", f"{n}:settled:image"))


def test_nobody_is_reminded_at_night_or_of_what_is_short(chat: Chat) -> None:
    chat.at("2026-03-10 12:00")
    now = chat.clock()
    ends = {"1": timedelta(hours=1), "2": timedelta(hours=19, minutes=30), "3": timedelta(hours=20, minutes=30), "4": timedelta(hours=5)}
    found = [desk_of(chat).open(a_chain(chat, closes=now + end), BOSS, once=f"o{n}").activity.remind for n, end in ends.items()]
    said = [at and f"{at.astimezone(chat.community.zone):%d %H:%M}" for at in found]
    assert said[0] is None, "too short"
    assert said[1] is None, "at 06:30 people sleep, at 07:30 it is over"
    assert said[2:] == ["11 08:00", "10 16:00"]


def test_what_nobody_was_there_to_open_in_time_is_called_off(chat: Chat) -> None:
    now = chat.clock()
    activity = a_chain(chat, opens=now + timedelta(hours=1), closes=now + timedelta(hours=2))
    desk_of(chat).schedule(activity, BOSS, once="s")
    chat.later(hours=3)
    assert ring(chat) == 1
    assert desk_of(chat).get(1).state == "cancelled"
    assert posts(chat) == ["1:stuck:2"], "those who look after the community hear of it, and nobody else"
    assert "没能开始，取消了" in str(chat.outbox()[-1].body)


def test_what_the_clock_cannot_begin_is_told_once(chat: Chat) -> None:
    chat.as_admin("发起答题 社群常识 | 2题 | 个人 | 开始 明天9点 | 截止 后天9点")
    assert "定好了" in chat.as_admin("1")
    chat.stores.content.put("quizzes", dict.fromkeys((one.id for one in chat.live.current.quizzes), None), "boss", chat.clock())
    chat.live.refresh()
    chat.later(days=1)
    for _ in range(3):
        ring(chat)
        chat.later(minutes=11)
    told = [delivery for delivery in chat.outbox() if ":stuck:" in delivery.id]
    assert [delivery.id for delivery in told] == ["activity:main:1:stuck:2"]
    assert "没有“社群常识”这个题库" in str(told[0].body)
    assert desk_of(chat).get(1).state == "scheduled"


def test_who_calls_off_what_is_closed_tells_the_group(chat: Chat) -> None:
    desk = desk_of(chat)
    for name, state in enumerate(("open", "closed", "draft"), 1):
        activity = a_chain(chat)
        activity = activity if state == "draft" else desk.open(activity, BOSS, once=f"o{name}").activity
        activity = desk.close(activity, BOSS, once=f"c{name}").activity if state == "closed" else activity
        desk.cancel(activity, BOSS, once=f"x{name}")
    assert [post for post in posts(chat) if post.endswith("cancelled")] == ["1:cancelled", "2:cancelled"]


def test_what_is_over_is_not_begun_again_by_another_end(chat: Chat) -> None:
    activity = desk_of(chat).open(a_chain(chat, closes=chat.clock() + timedelta(hours=1)), BOSS, once="o").activity
    chat.later(hours=2)
    assert "已经截止，不能再改" in chat.as_admin(f"活动 改期 {activity.number} 明天20:00")
    assert desk_of(chat).get(activity.number).closes == activity.closes


def test_an_activity_that_fails_does_not_stop_the_others(chat: Chat) -> None:
    for _ in range(2):
        desk_of(chat).open(a_chain(chat, closes=chat.clock() + timedelta(hours=1)), BOSS, once=f"o{next(NAMES)}")
    key = next(chat.stores.database.scan("qb:{*}:main:activity:1"))
    chat.stores.database.command("HSET", key, "kind", "fireworks")
    chat.later(hours=1)
    assert ring(chat) == 1
    assert desk_of(chat).get(2).state == "settled"
    assert ring(chat) == 0, "the broken one is left alone for a while"
    with pytest.raises(UserError, match="还不支持"):
        desk_of(chat).settle(desk_of(chat).get(1), BOSS, once="x")


def test_conditions_say_what_is_missing(chat: Chat) -> None:
    chat.says("你好")
    member, level = chat.member(), chat.live.current.levels.steps[1].id
    missing = {
        Conditions(level=level): "再得",
        Conditions(level="gone"): "请联系管理员",
        Conditions(tag="新手"): "“新手”标签",
        Conditions(days=7): "还差 7 天",
        Conditions(check_ins=2): "签到了 0 天",
        Conditions(checked_in=True): "先签到",
    }
    for conditions, why in missing.items():
        activity = desk_of(chat).open(a_chain(chat, conditions=conditions), BOSS, once=why).activity
        with pytest.raises(UserError, match=why):
            desk_of(chat).enter(activity, member, Entry("我"), once="e")
    assert desk_of(chat).admits(replace(activity, conditions=Conditions()), member) == ""


def test_conditions_let_in_whoever_fulfils_them(chat: Chat) -> None:
    chat.says("签到")
    chat.as_admin("标签 lilei 加 新手")
    chat.later(days=7)
    chat.says("签到")
    wanted = Conditions(tag="新手", days=7, check_ins=2, checked_in=True)
    activity = desk_of(chat).open(a_chain(chat, conditions=wanted), BOSS, once="o").activity
    assert desk_of(chat).admits(activity, chat.member()) == ""


def test_states_lead_to_each_other_only_as_the_table_says() -> None:
    assert NEXT["settled"] == NEXT["cancelled"] == frozenset()
    assert all("open" not in NEXT[state] for state in ("closed", "settled", "cancelled")), "what was closed is never open again"
    assert all("cancelled" in NEXT[state] for state in ("draft", "scheduled", "open", "closed"))


# In chat ------------------------------------------------------------------------------------------------------------------


def begin(chat: Chat, words: str = "发起接龙 周六爬山 | 截止 明天20:00") -> None:
    chat.as_admin(words)
    assert "开始了" in chat.as_admin("1")


def test_an_operator_sees_it_first_and_then_begins(chat: Chat) -> None:
    chat.at("2026-03-10 10:00")
    said = chat.as_admin("发起接龙 周六爬山 | 截止 明天20:00 | 上限 20 | 花费 5 | 奖励积分 2 | 条件 签到 / 入群 7天 / 等级 2")
    for words in (
        "活动 1",
        "截止：明天 20:00",
        "要花 5 积分",
        "得 2 积分",
        "名额：20 人",
        "入群满 7 天",
        "今天签过到",
        "1. 现在开始",
        "2. 先存草稿",
    ):
        assert words in said
    assert "没有进行中的活动" in chat.says("活动"), "a draft is nobody's"
    for words in ("活动 1", "活动 结果 1", "抽奖 1", "答题 1号", "抽奖 结果 1"):
        assert "没有活动 1" in (said := chat.says(words)), words
        assert "周六爬山" not in said
    assert "活动 开始 1" in chat.as_admin("2")
    assert "草稿" in chat.as_admin("活动")
    assert "1. 现在开始" in chat.as_admin("活动 预览 1")
    assert "已经发到群里" in chat.as_admin("活动 开始 1")
    assert "接龙“周六爬山”（活动 1，进行中）" in chat.says("活动 1")
    assert "只有管理员可以用" in chat.says("发起接龙 别的")


def test_what_begins_later_is_timed(chat: Chat) -> None:
    chat.at("2026-03-10 10:00")
    assert "1. 今天 20:00 自动开始" in chat.as_admin("发起接龙 周六爬山 | 开始 今晚8点 | 截止 明天20:00")
    assert "定好了" in chat.as_admin("1")
    assert "改好了" in chat.as_admin("活动 改期 1 开始 明天9点 截止 后天20:00")
    assert "明天 09:00 开始" in chat.says("活动")
    assert "已经过了" in chat.as_admin("活动 改期 1 2020-01-01")
    assert "截止时间要在开始之后" in chat.as_admin("活动 改期 1 今晚8点")
    assert "要有开始时间" in chat.as_admin("活动 改期 1 开始 不限")


def test_a_draft_may_be_thrown_away(chat: Chat) -> None:
    chat.as_admin("发起接龙 周六爬山")
    assert "取消了" in chat.as_admin("3")
    assert "已取消，不能再开始" in chat.as_admin("活动 开始 1")


def test_an_operator_closes_and_everybody_sees_the_result(chat: Chat) -> None:
    begin(chat)
    chat.says("接龙 我和孩子两人")
    assert "还没有结果" not in chat.says("活动 结果 1")
    said = chat.as_admin("活动 截止 1")
    assert "我和孩子两人" in said
    assert "最近结束" in chat.says("活动")
    assert "我和孩子两人" in chat.says("活动结果1")
    for words in ("活动 截止 1", "活动 取消 1"):
        assert "已结束，不能再" in chat.as_admin(words)
    assert "我和孩子两人" in chat.as_admin("活动 结算 1"), "there is nothing left to do but to say it"
    assert "不能再改" in chat.as_admin("活动 改期 1 明天20:00")


def test_cancelling_is_asked_for_twice_and_gives_back_what_it_cost(chat: Chat) -> None:
    chat.says("签到")
    begin(chat, "发起接龙 周六爬山 | 花费 3")
    chat.says("接龙 我")
    assert chat.points() == 2
    assert "花掉的积分全部退回" in chat.as_admin("活动 取消 1")
    assert chat.points() == 2
    assert "取消了" in chat.as_admin("1")
    assert chat.points() == 5
    assert "活动退回" in chat.privately("积分明细")
    assert chat.stores.points.discrepancies(chat.community.keys) == []
    assert "没有结果" in chat.says("活动 结果 1")


def test_who_has_too_few_points_is_told_what_is_missing(chat: Chat) -> None:
    begin(chat, "发起接龙 周六爬山 | 花费 8")
    chat.says("签到")
    assert "还差 3 积分" in chat.says("接龙 我")
    assert chat.points() == 5


def test_a_repeat_of_a_command_says_the_same(chat: Chat) -> None:
    begin(chat)
    first = chat.as_admin("活动 截止 1")
    assert "不能再截止" in chat.as_admin("活动 截止 1"), "another message is no repeat"
    desk = desk_of(chat)
    activity = desk.open(a_chain(chat), BOSS, once="o").activity
    assert desk.close(activity, BOSS, once="c").outcome == "done"
    assert desk.close(desk.get(activity.number), BOSS, once="c").outcome == "again", "a process died over it, another does it again"
    assert "周六爬山" in first


def test_wrong_words_are_answered_with_the_right_ones(chat: Chat) -> None:
    begin(chat)
    right = {
        "活动 99": "没有活动 99",
        "活动 结果": "例如：活动 结果 3",
        "活动 结果 九": "例如：活动 结果 3",
        "活动 改期 1": "活动 改期 1 明天20:00",
        "活动 改期 1 天晓得": "看不懂是什么时候",
        "活动 改期 1 十十点": "看不懂是什么时候",
        "活动 改期 1 2099-01-01": "太远了，最多一年。例如：活动 改期 1 明天20:00",
        "活动 改期 1 9999-12-31": "太远了",
        "发起接龙 爬山 | 花费": "例如：花费 20",
        "发起接龙 爬山 | 名额": "例如：名额 20",
        "活动 结算 1": "活动 截止 1",
        "活动 开始 1": "不能再开始",
        "发起接龙": "发起接龙 周六爬山",
        "发起接龙 爬山 | 上限 很多": "例如：上限 20",
        "发起接龙 爬山 | 条件 长得帅": "条件可以写",
        "发起接龙 爬山 | 条件 等级 99": "例如：条件 等级 2",
        "发起接龙 爬山 | 截止 昨天": "看不懂是什么时候",
    }
    answers = {said: chat.as_admin(said) for said in right}
    assert {said: answers[said] for said, answer in right.items() if answer not in answers[said]} == {}


def test_members_look_and_operators_act(chat: Chat) -> None:
    begin(chat)
    for words in ("开始", "截止", "结算", "取消", "改期", "下一步", "预览"):
        assert "只有运营" in chat.says(f"活动 {words} 1")
    assert desk_of(chat).get(1).is_open


def test_a_sentence_about_activities_is_not_a_command(chat: Chat) -> None:
    for words in ("活动 什么时候有", "活动 真好玩", "活动 怎么参加"):
        assert "现在没有进行中的活动" not in chat.says(words)
    for words in ("活动 20 号开始", "活动20 号开始", "活动 3 月开始报名", "活动 10 点开始", "活动截止 3 天了", "活动 3人可以成团"):
        assert not any(refused in chat.says(words) for refused in ("没有活动", "写法是", "只有运营")), words


@pytest.mark.parametrize("words", ["活动 1", "活动1", "活动 第1号", "活动 1 结果", "活动1结果", "活动 结果1", "活动结果 1号"])
def test_a_number_stands_alone_or_with_what_is_wanted(chat: Chat, words: str) -> None:
    begin(chat)
    assert "周六爬山" in chat.says(words)


@pytest.mark.parametrize("words", ["活动 改期 1 3小时后", "活动改期1 3小时后", "活动 1 改期 3小时后", "活动1改期 3小时后"])
def test_an_end_is_moved_however_it_is_written(chat: Chat, words: str) -> None:
    begin(chat)
    assert "改好了" in chat.as_admin(words)
    closes = desk_of(chat).get(1).closes
    assert closes
    assert abs(closes - chat.clock() - timedelta(hours=3)) < timedelta(seconds=5)


def test_of_several_the_one_of_this_group_is_meant(chat: Chat) -> None:
    chat.says("你好", group=SUB)
    chat.says("你好")
    for group in (SUB, "wrMAIN"):
        activity = desk_of(chat).draft("chain", f"接龙 {group}", {}, author=1, chat=group, once=group)
        desk_of(chat).open(activity, BOSS, once=f"o{group}")
    desk = desk_of(chat)
    assert desk.find_running("chain", chat=SUB).number == 1
    assert desk.find_running("chain", chat="wrMAIN").number == 2
    assert desk.find_running("chain", "#2号", chat=SUB).number == 2
    with pytest.raises(UserError, match="请带上编号"):
        desk.find_running("chain")
    with pytest.raises(UserError, match="不是投票"):
        desk.find_running("poll", "2")
    with pytest.raises(UserError, match="没有进行中的投票"):
        desk.find_running("poll")


def test_activities_of_one_community_are_unknown_in_another(chat: Chat) -> None:
    begin(chat)
    assert "没有进行中的活动" in chat.says("活动", group="wrFAR")
    assert "没有活动 1" in chat.says("活动 1", group="wrFAR")


def test_changes_stand_in_the_audit_and_entries_in_the_log_without_words(chat: Chat) -> None:
    begin(chat)
    chat.says("接龙 我和孩子两人")
    chat.as_admin("活动 截止 1")
    acts = [row.act for row in chat.stores.audit.newest("main", 10)]
    assert {"活动新建", "活动开始", "活动截止", "活动结算"} <= set(acts)
    logged = [entry for entry in chat.log("change") if entry.data.get("act") == "activity"]
    assert [entry.data["what"] for entry in logged][-2:] == ["closed", "settled"] or {"entered", "settled"} <= {
        e.data["what"] for e in logged
    }
    assert "我和孩子" not in str([entry.data for entry in chat.log()])
