"""Badges and honours: given once by rules, by hand and at a month's end; taken back; gone with the member."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from chat import Chat, OpenChat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.contents import publish
from handlers.levels import crown_months
from rules import contents
from rules.badges import COUNTERS, Badge, BadgeRules, Counter, Facts, crossed, near, reached
from rules.contents import ContentProblem
from storage.badges import Badges
from storage.community import CommunityKeys
from storage.connection import Database
from tests.timing import START

pytest_plugins = ("chat",)

SHIPPED = Path(__file__).parent.parent / "rules" / "content" / "badges.yaml"
RULES = BadgeRules((Badge("week", "一周", counter="streak", at=7), Badge("star", "星", month_top=3), Badge("hand", "亲手")))
WHERE, TODAY = CommunityKeys("main", 3), date(2026, 3, 10)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The bot, and three members who have spoken."""
    chat = open_chat()
    for user, name in (("lilei", "李雷"), ("hanmei", "韩梅梅"), ("lily", "莉莉")):
        chat.says("群规", user=user, name=name)
    return chat


def award(chat: Chat, user: str, n: int, *, day: date = TODAY) -> None:
    chat.stores.points.award(chat.community.keys, chat.member(user), chat.clock(), today=day, reason="event", points=n, once="")


def ring(chat: Chat) -> int:
    return crown_months(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def held(chat: Chat, user: str = "lilei") -> list[str]:
    return [badge.id for badge in chat.stores.badges.of(chat.community.keys, chat.member(user))]


# Rules --------------------------------------------------------------------------------------------------------------------


def test_a_threshold_is_crossed_between_two_moments_only() -> None:
    assert crossed(RULES, Facts(streak=6), Facts(streak=7)) == RULES.badges[:1]
    assert crossed(RULES, Facts(streak=7), Facts(streak=8)) == ()
    assert crossed(RULES, Facts(), Facts()) == ()
    assert reached(RULES, Facts(streak=9)) == RULES.badges[:1]


def test_a_badge_of_one_flow_is_for_that_flow_alone() -> None:
    rules = BadgeRules((Badge("a", "毕业", counter="flows", flow="newcomer", at=1), Badge("b", "三个", counter="flows", at=3)))
    other, both = Facts(flows=1, finished=frozenset({"survey"})), Facts(flows=2, finished=frozenset({"survey", "newcomer"}))
    assert crossed(rules, Facts(), other) == ()
    assert crossed(rules, other, both) == reached(rules, both) == rules.badges[:1]
    assert near(rules, other, frozenset()) == [(rules.badges[0], 1)]
    assert near(rules, both, frozenset()) == [(rules.badges[1], 1)]


def test_the_shipped_badge_of_newcomers_is_for_their_flow(chat: Chat) -> None:
    publish(chat.stores, contents.FLOWS, "- {id: survey, title: 调查, start: {words: 调查}, steps: [{end: 谢谢}]}", "boss", chat.clock())
    chat.live.refresh()
    assert "谢谢" in chat.says("调查")
    assert "graduate" not in held(chat)


def test_what_is_near_names_the_next_of_each_counter() -> None:
    rules = BadgeRules((Badge("a", "甲", counter="thanks", at=10), Badge("b", "乙", counter="thanks", at=100), *RULES.badges))
    assert [(badge.id, missing) for badge, missing in near(rules, Facts(streak=6, thanks=1), frozenset())] == [("week", 1), ("a", 9)]
    assert near(rules, Facts(streak=6, thanks=99), frozenset({"week", "a", "b"})) == []


def facts_of(counts: Mapping[Counter, int]) -> Facts:
    """Facts that are nothing but counters."""
    return Facts(**counts)  # type: ignore[arg-type]


facts = st.fixed_dictionaries({name: st.integers(0, 60) for name in COUNTERS}).map(facts_of)
rules = st.lists(st.tuples(st.sampled_from(COUNTERS), st.integers(1, 50)), max_size=15).map(
    lambda rows: BadgeRules(tuple(Badge(str(n), str(n), counter=counter, at=at) for n, (counter, at) in enumerate(rows)))
)


@given(rules, st.lists(facts, min_size=1, max_size=10))
def test_whoever_only_grows_crosses_each_threshold_once_and_all_that_he_reached(badges: BadgeRules, moments: list[Facts]) -> None:
    grown, now = [Facts()], Facts()
    for step in moments:
        now = facts_of({name: now.of(name) + step.of(name) for name in COUNTERS})
        grown.append(now)
    given_ones = [badge for before, after in itertools.pairwise(grown) for badge in crossed(badges, before, after)]
    assert len(set(given_ones)) == len(given_ones)
    assert set(given_ones) == set(reached(badges, now))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {id: a, name: 甲, counter: streak}", "写了 counter 就要写 at"),
        ("- {id: a, name: 甲, at: 3}", "写了 at 就要写 counter"),
        ("- {id: a, name: 甲, counter: flows, flow: newcomer, at: 3}", "就要写 counter: flows 和 at: 1"),
        ("- {id: a, name: 甲, counter: steps, at: 3}", "只能是 streak、check_ins"),
        ("- {id: a, name: 甲, counter: streak, at: 3, month_top: 3}", "不能既按计数又按月度名次"),
        (
            "- {id: a, name: 甲, month_top: 3}\n- {id: b, name: 乙, month_top: 1}",
            "第 2 行（第 2 条 的 month_top）：按月度积分名次的勋章只能有一枚",
        ),
        (
            "- {id: a, name: 甲, month_top: 3, by: influence}\n- {id: b, name: 乙, month_top: 1, by: influence}",
            "按月度影响力名次的勋章只能有一枚",
        ),
        ("- {id: a, name: 甲, by: influence}", "就要写 month_top"),
        ("- {id: a@b, name: 甲}", "不能含空格或"),
        ("- {id: a, name: 甲}\n- {id: b, name: 甲}", "名字“甲”已经用过了"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(text: str, said: str) -> None:
    with pytest.raises(ContentProblem) as problem:
        contents.parse(contents.BADGES, text)
    assert said in "\n".join(problem.value.problems)


def test_the_shipped_file_reads_back_as_it_is() -> None:
    badges = contents.parse(contents.BADGES, SHIPPED.read_text(encoding="utf-8"))
    assert contents.parse(contents.BADGES, contents.dump(contents.BADGES, badges)) == badges


# The act --------------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["give", "hand", "take"]), st.integers(0, 9)), max_size=25))
def test_a_badge_is_held_or_not_as_in_a_plain_model(database: Database, acts: list[tuple[str, str, int]]) -> None:
    database.command("FLUSHALL")
    store, has, taken, results = Badges(database), set[str](), set[str](), dict[tuple[str, str, int], tuple[str, ...]]()
    for id, how, act in acts:
        once = f"{id}{how}{act}"
        done = store.give(WHERE, 1, [id], START, today=TODAY, once=once, how=how)  # type: ignore[arg-type]
        if (id, how, act) in results:
            assert done == results[id, how, act]
            continue
        results[id, how, act] = done
        if how == "take":
            assert done == ((id,) if id in has else ())
            taken |= {id} & has
            has -= {id}
        elif id not in has and (how == "hand" or id not in taken):
            assert done == (id,)
            has, taken = has | {id}, taken - {id}
        else:
            assert done == ()
        assert {badge.id for badge in store.of(WHERE, 1)} == has


def test_a_repeat_gives_what_the_first_call_gave(database: Database) -> None:
    store = Badges(database)
    for _ in range(3):
        assert store.give(WHERE, 1, ["week", "hand"], START, today=TODAY, once="a") == ("week", "hand")
    assert store.give(WHERE, 1, ["week"], START, today=TODAY, once="b") == ()
    assert len(database.command("XRANGE", "qb:{3}:events", "-", "+")) == 2


# In chat ------------------------------------------------------------------------------------------------------------------


def test_a_badge_comes_with_the_act_that_reached_it(chat: Chat) -> None:
    for _ in range(6):
        chat.says("签到")
        chat.later(days=1)
    said = chat.says("签到", id="S")
    assert "🔥 获得勋章「一周不断」：连续签到 7 天" in said
    assert chat.says("签到", id="S") == said
    chat.later(days=9)  # the streak breaks, and is built again
    for _ in range(6):
        chat.says("签到")
        chat.later(days=1)
    assert "勋章" not in chat.says("签到"), "the second time it is no news"
    assert held(chat) == ["first_step", "week"]


def test_badges_of_new_rules_come_when_he_looks(chat: Chat) -> None:
    chat.says("签到")
    more = SHIPPED.read_text(encoding="utf-8") + "- {id: five, name: 五分, counter: earned, at: 5}\n"
    chat.stores.content.put("badges", contents.to_items(contents.BADGES, more), "boss", chat.clock())
    chat.live.refresh()
    said = chat.says("勋章")
    assert "你有 2 枚勋章" in said
    assert "五分，2026-03-10 🆕" in said
    assert "一周不断：连续签到 7 天，还差 6" in said
    assert "🆕" not in chat.says("勋章")


def test_whoever_has_none_sees_what_is_near(chat: Chat) -> None:
    said = chat.says("勋章")
    assert "你还没有勋章" in said
    assert "初次见面：第一次签到，还差 1" in said
    assert "写法是：勋章，或者 勋章 全部" in chat.says("勋章 啊")
    assert "社群之光：由管理员授予" in chat.says("勋章 全部")


@pytest.mark.parametrize("typed", ["勋章 怎么得", "勋章怎么得", "怎么获得勋章", "勋章 有哪些"])
def test_who_asks_how_badges_are_got_sees_each_way_and_how_far_he_is(chat: Chat, typed: str) -> None:
    chat.says("签到")
    lines = chat.says(typed).splitlines()
    assert "• 🌱 初次见面：第一次签到（已得到 ✅）" in lines
    assert "• 🔥 一周不断：连续签到 7 天（你 1/7）" in lines
    assert "• ⭐ 活跃之星：月度积分前三名" in lines
    assert "• 🏆 社群之光：由管理员授予" in lines


def test_one_badge_is_explained_by_its_name(chat: Chat) -> None:
    assert chat.says("勋章 一周不断") == "• 🔥 一周不断：连续签到 7 天（你 0/7）"
    assert chat.says("勋章 一周不断 怎么得") == "• 🔥 一周不断：连续签到 7 天（你 0/7）"


def test_a_badge_without_words_is_explained_by_its_rule(chat: Chat) -> None:
    rules = "- {id: a, name: 甲, counter: thanks, at: 3}\n- {id: b, name: 乙, month_top: 5}\n- {id: c, name: 丙}\n"
    publish(chat.stores, contents.BADGES, rules, "boss", chat.clock())
    chat.live.refresh()
    said = chat.says("勋章 怎么得")
    assert "甲：满 3 次被感谢（你 0/3）" in said
    assert "乙：月度积分前 5 名" in said
    assert "丙：由管理员授予" in said


def test_an_operator_gives_a_badge_by_hand_and_takes_it_again(chat: Chat) -> None:
    assert "只有管理员可以用" in chat.says("授勋 @李雷 社群之光", user="hanmei")
    assert "恭喜李雷获得勋章「社群之光」" in chat.as_admin("授勋 @李雷 社群之光")
    assert any("你获得了“主群”的勋章「社群之光」" in str(delivery.body) for delivery in chat.outbox())
    assert "已经有" in chat.as_admin("授勋 李雷 社群之光")
    assert held(chat) == ["pillar"]
    assert "已收回李雷的勋章" in chat.as_admin("收回勋章 李雷 社群之光")
    assert "没有“社群之光”" in chat.as_admin("收回勋章 李雷 社群之光")
    assert held(chat) == []
    assert "授勋" in chat.as_admin("审计")


def test_what_was_taken_comes_back_by_hand_only(chat: Chat) -> None:
    chat.says("签到")
    chat.as_admin("收回勋章 李雷 初次见面")
    chat.says("勋章")
    assert held(chat) == [], "though its rule is fulfilled"
    chat.as_admin("授勋 李雷 初次见面")
    assert held(chat) == ["first_step"]


def test_a_wrong_way_of_typing_it_gets_an_example(chat: Chat) -> None:
    assert "授勋 @李雷 社群之光" in chat.as_admin("授勋")
    assert "没有叫“大奖”的勋章。现有：初次见面" in chat.as_admin("授勋 李雷 大奖")
    assert "没有找到“谁”" in chat.as_admin("授勋 谁 社群之光")


def test_two_of_one_name_are_offered_by_number(chat: Chat) -> None:
    chat.says("群规", user="lilei2", name="李雷")
    assert "有 2 个人叫“李雷”" in chat.as_admin("授勋 @李雷 社群之光")
    assert "恭喜李雷" in chat.as_admin("2")
    assert held(chat, "lilei2") == ["pillar"]
    assert held(chat) == []


# A month's end --------------------------------------------------------------------------------------------------------------


def test_the_best_of_a_month_are_named_once(chat: Chat, open_chat: OpenChat) -> None:
    award(chat, "lilei", 30)
    award(chat, "hanmei", 20)
    chat.at("2026-04-01 00:05")
    ring(chat)
    assert held(chat) == [], "messages of the last minute may be under way"
    chat.at("2026-04-01 00:10")
    other = open_chat(clock=chat.clock)
    assert ring(chat) == 1, "in New York the month goes on"
    assert [ring(one) for one in (chat, other)] == [0, 0]
    assert held(chat) == held(chat, "hanmei") == ["star@2026-03"]
    posts = [delivery.body["markdown"]["content"] for delivery in chat.outbox() if delivery.id == "crown:main:2026-03"]
    assert len(posts) == 1
    assert "2026 年 3 月的活跃之星" in posts[0]
    assert "李雷，30 积分" in posts[0]
    assert "⭐ 活跃之星（2026 年 3 月），2026-04-01" in chat.says("勋章")
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def test_a_tie_at_the_last_place_is_in(chat: Chat) -> None:
    for user, name in (("jim", "吉姆"), ("kate", "凯特"), ("tom", "汤姆")):
        chat.says("群规", user=user, name=name)
    for user, points in (("lilei", 50), ("hanmei", 40), ("lily", 30), ("jim", 30), ("kate", 29)):
        award(chat, user, points)
    chat.at("2026-04-01 09:00")
    ring(chat)
    won = [user for user in ("lilei", "hanmei", "lily", "jim", "kate", "tom") if held(chat, user)]
    assert won == ["lilei", "hanmei", "lily", "jim"]


def test_a_downtime_over_the_months_end_is_made_up_for(chat: Chat) -> None:
    award(chat, "lilei", 30)
    chat.at("2026-04-20 15:00")
    assert ring(chat) == 2
    assert held(chat) == ["star@2026-03"]


def test_a_crash_between_naming_and_telling_is_made_up_for(chat: Chat) -> None:
    award(chat, "lilei", 30)
    chat.at("2026-04-01 09:00")
    chat.stores.badges.crown(chat.community.keys, date(2026, 3, 1), chat.clock(), today=date(2026, 4, 1), badge="star", places=3)
    award(chat, "hanmei", 99)  # counted for the month before, by a process whose clock is behind
    assert not [delivery for delivery in chat.outbox() if delivery.id.startswith("crown")]
    ring(chat)
    assert [delivery.id for delivery in chat.outbox() if delivery.via == "webhook"] == ["crown:main:2026-03"]
    assert held(chat, "hanmei") == [], "the winners stay those that were named first"


def test_a_clock_that_goes_back_over_the_months_end_names_nobody_twice(chat: Chat) -> None:
    award(chat, "lilei", 30)
    chat.at("2026-04-01 00:20")
    ring(chat)
    chat.at("2026-03-31 23:20")
    ring(chat)
    chat.at("2026-04-01 00:20")
    ring(chat)
    assert held(chat) == ["star@2026-03"]


def test_a_month_in_which_nobody_earned_anything_passes_quietly(chat: Chat) -> None:
    chat.at("2026-04-01 09:00")
    assert ring(chat) == 2
    assert ring(chat) == 0
    assert chat.outbox() == []


def test_the_newest_of_a_members_month_badges_is_the_one_that_is_taken_back(chat: Chat) -> None:
    for month in ("2026-04-01 09:00", "2026-05-01 09:00"):
        award(chat, "lilei", 5, day=TODAY if month.startswith("2026-04") else date(2026, 4, 10))
        chat.at(month)
        ring(chat)
    assert held(chat) == ["star@2026-03", "star@2026-04"]
    said = chat.as_admin("收回勋章 李雷 活跃之星")
    assert "已收回" in said
    assert held(chat) == ["star@2026-03"]


def test_a_repeat_of_taking_back_takes_no_second_badge(chat: Chat) -> None:
    store, where, lilei = chat.stores.badges, chat.community.keys, chat.member()
    store.give(where, lilei, ["star@2026-03", "star@2026-04"], chat.clock(), today=TODAY, once="a")
    for _ in range(2):
        id = store.newest(where, lilei, "star")
        assert store.give(where, lilei, [id], chat.clock(), today=TODAY, once="M", how="take") == ("star@2026-04",)
    assert held(chat) == ["star@2026-03"]


def test_a_member_who_is_forgotten_leaves_no_badge_behind(chat: Chat) -> None:
    award(chat, "lilei", 30)
    award(chat, "hanmei", 20)
    chat.at("2026-04-01 09:00")
    ring(chat)
    number = chat.member()
    assert chat.stores.badges.export_user(number) == {"main": {"勋章": {"star@2026-03": "2026-04-01"}, "被感谢": 0, "精华": 0}}
    chat.erase()
    assert chat.stores.badges.export_user(number) == {}
    crowned = chat.stores.badges.crown(chat.community.keys, date(2026, 3, 1), chat.clock(), today=date(2026, 4, 1), badge="star", places=3)
    assert [member for member, _ in crowned.winners] == [chat.member("hanmei")]
