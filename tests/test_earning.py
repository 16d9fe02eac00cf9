"""Other ways to earn: the day's first message, thanks, featured contributions; what 任务 and 成员 show of them."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from chat import FAR, Chat, OpenChat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.first_messages import award_firsts
from rules import contents
from rules.points import PointRules
from storage.badges import Badges, Recognised
from storage.community import CommunityKeys
from storage.connection import Database
from storage.firsts import First
from storage.points import Points
from tests.timing import START

pytest_plugins = ("chat",)

TODAY = date(2026, 3, 10)
RULES = Path(__file__).parent.parent / "rules" / "content" / "points.yaml"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The bot, and three members whose first messages were awarded yesterday."""
    chat = open_chat()
    for user, name in (("lilei", "李雷"), ("hanmei", "韩梅梅"), ("lily", "莉莉")):
        chat.says("群规", user=user, name=name)
    award(chat)
    chat.later(days=1)
    return chat


def award(chat: Chat) -> int:
    return award_firsts(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def earned(chat: Chat, user: str = "lilei", reason: str = "first_message") -> int:
    rows = chat.stores.points.rows(chat.community.keys, chat.member(user), 100)
    return sum(row.amount for row in rows if row.reason == reason)


def with_rule(chat: Chat, reason: str, points: int) -> int:
    """Changes what a reason gives; what it gave before."""
    before = chat.live.current.points.reason(reason).points
    text = RULES.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if f"id: {reason}," in line)
    changed = text.replace(line, line.replace(f"points: {before},", f"points: {points},"))
    chat.stores.content.put("points", contents.to_items(contents.POINTS, changed), "boss", chat.clock())
    chat.live.refresh()
    return before


def limit_thanks(chat: Chat, limits: str) -> None:
    """Changes how often one may thank on a day."""
    text = RULES.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("thanks: "))
    items = contents.to_items(contents.POINTS, text.replace(line, f"thanks: {limits}"))
    chat.stores.content.put("points", items, "boss", chat.clock())
    chat.live.refresh()


# The day's first message ----------------------------------------------------------------------------------------------------


def test_the_first_message_of_a_day_earns_points_once(chat: Chat) -> None:
    each = chat.live.current.points.reason("first_message").points
    assert each, "the shipped rule gives something"
    chat.says("发票")
    chat.says("群规")
    assert award(chat) == 1
    assert award(chat) == 0
    chat.says("群规")
    assert award(chat) == 0
    assert earned(chat) == 2 * each, "yesterday's and today's"
    chat.later(days=1)
    chat.says("群规")
    assert award(chat) == 1
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def test_a_day_in_a_group_and_alone_with_the_bot_is_one_day(chat: Chat) -> None:
    before = earned(chat)
    chat.privately("群规")
    chat.says("群规")
    award(chat)
    award(chat)
    assert earned(chat) == before + chat.live.current.points.reason("first_message").points


def test_where_the_rule_gives_nothing_nothing_is_noted(chat: Chat) -> None:
    with_rule(chat, "first_message", 0)
    chat.says("群规")
    assert chat.stores.firsts.waiting() == []


def test_awarding_many_costs_as_many_round_trips_as_awarding_few(chat: Chat) -> None:
    def cost(people: int) -> int:
        chat.later(days=1)
        for n in range(people):
            chat.says("群规", user=f"person{n}")
        trips = list[int]()
        chat.stores.database._on_round_trip = lambda: trips.append(1)
        assert award(chat) == people
        chat.stores.database._on_round_trip = lambda: None
        return len(trips)

    cost(1)
    assert cost(30) == cost(2)
    assert award(chat) == 0, "none of them twice"


def test_a_server_that_has_forgotten_the_act_awards_all_the_same(chat: Chat) -> None:
    for user in ("lilei", "jim"):
        chat.says("群规", user=user)
    chat.stores.database.command("SCRIPT", "FLUSH")
    assert award(chat) == 2
    assert earned(chat, "jim") > 0


def test_noting_it_costs_no_round_trip(chat: Chat) -> None:
    def cost() -> int:
        chat.later(days=1)
        chat.says("群规")  # what this process did not know of him it knows now
        chat.later(days=1)
        trips = list[int]()
        chat.stores.database._on_round_trip = lambda: trips.append(1)
        chat.says("群规")
        chat.stores.database._on_round_trip = lambda: None
        return len(trips)

    with_it = cost()
    with_rule(chat, "first_message", 0)
    assert with_it == cost() == 1


def test_a_crash_between_awarding_and_taking_off_awards_nothing_twice(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.says("群规")
    waiting = chat.stores.firsts.waiting()
    award(chat)
    before = earned(chat)
    for first in waiting:  # the process died before it took them off
        chat.stores.database.command("SADD", f"qb:{{{first.shard}}}:firsts", f"{first.community}|{first.member}|{first.day}")
    assert award(chat) == 0
    assert earned(chat) == before
    assert chat.stores.firsts.waiting() == []


def test_a_late_award_counts_for_the_day_on_which_he_spoke(chat: Chat) -> None:
    chat.says("群规")
    spoke = chat.clock().date()
    chat.later(days=2)
    award(chat)
    given = chat.stores.badges.given_today(chat.community.keys, chat.member(), spoke, ["first_message"])
    assert given["first_message"] == chat.live.current.points.reason("first_message").points


def test_whoever_was_forgotten_meanwhile_gets_nothing(chat: Chat) -> None:
    chat.says("群规")
    number = chat.member()
    left = First(chat.community.shard, "main", number, chat.clock().date())
    chat.erase()
    assert chat.stores.firsts.waiting() == []
    chat.stores.database.command("SADD", f"qb:{{{left.shard}}}:firsts", f"main|{number}|{left.day}")
    assert award(chat) == 0


def test_a_year_in_the_group_is_seen_at_the_first_message_after_it(chat: Chat) -> None:
    chat.later(days=400)
    chat.says("群规")
    award(chat)
    told = [str(delivery.body) for delivery in chat.outbox()]
    assert any("🎂 获得勋章「老朋友」" in text for text in told)
    chat.later(days=1)
    chat.says("群规")
    award(chat)
    assert len([text for text in map(str, (delivery.body for delivery in chat.outbox())) if "老朋友" in text]) == 1


# Thanks ---------------------------------------------------------------------------------------------------------------------


def test_thanks_earn_points_and_both_hear_of_it(chat: Chat) -> None:
    said = chat.says("谢谢 @韩梅梅 帮我查到了发票", id="T")
    assert "🤝 李雷 感谢了 韩梅梅！积分 +2，一共被感谢 1 次" in said
    assert earned(chat, "hanmei", "thanks") == 2
    told = [delivery.body for delivery in chat.outbox()]
    assert any("李雷 在“主群”感谢了你，积分 +2" in str(body) for body in told)
    assert chat.says("谢谢 @韩梅梅 帮我查到了发票", id="T") == said
    assert earned(chat, "hanmei", "thanks") == 2
    row = chat.stores.points.rows(chat.community.keys, chat.member("hanmei"), 1)[0]
    assert (row.reason, row.actor, row.other) == ("thanks", chat.member("lilei"), "treasury")


@pytest.mark.parametrize("words", ["感谢@韩梅梅", "多谢 @hanmei", "有用 @韩梅梅", "谢谢，@韩梅梅！", "辛苦了 ＠韩梅梅 大好人"])
def test_thanks_are_heard_in_the_words_that_people_use(chat: Chat, words: str) -> None:
    assert "感谢了 韩梅梅" in chat.says(words)


def test_thanks_without_a_name_are_what_they_were(chat: Chat) -> None:
    assert "感谢了" not in chat.says("谢谢")
    assert "您是在说哪个回答" in chat.says("有用")


def test_one_thanks_each_other_only_so_often(chat: Chat) -> None:
    chat.says("谢谢 @韩梅梅")
    assert "今天已经谢过韩梅梅了" in chat.says("谢谢 @韩梅梅")
    for n in range(4):
        chat.says("群规", user=f"u{n}", name=f"友{n}")
        assert "感谢了" in chat.says(f"谢谢 @友{n}")
    assert "今天已经感谢过 5 次了" in chat.says("谢谢 @莉莉")
    chat.later(days=1)
    assert "一共被感谢 2 次" in chat.says("谢谢 @韩梅梅")


def test_operators_say_how_often_one_may_thank(chat: Chat) -> None:
    for n in range(7):
        chat.says("群规", user=f"u{n}", name=f"友{n}")
    limit_thanks(chat, "{a_day: 2, a_pair: 2}")
    assert ["感谢了" in chat.says("谢谢 @韩梅梅") for _ in range(2)] == [True, True]
    assert "今天已经谢过韩梅梅了" in chat.says("谢谢 @韩梅梅")
    assert "今天已经感谢过 2 次了" in chat.says("谢谢 @友1")
    limit_thanks(chat, "{a_day: 0, a_pair: 1}")
    assert all("感谢了" in chat.says(f"谢谢 @友{n}") for n in range(7))


def test_beyond_the_days_cap_thanks_count_and_points_do_not(chat: Chat) -> None:
    for n in range(6):
        chat.says("群规", user=f"u{n}", name=f"友{n}")
        said = chat.says("谢谢 @韩梅梅", user=f"u{n}")
    assert "今天的感谢积分已满，一共被感谢 6 次" in said
    assert earned(chat, "hanmei", "thanks") == 10


def test_the_tenth_thanks_bring_a_badge(chat: Chat) -> None:
    for n in range(9):
        chat.says("群规", user=f"u{n}", name=f"友{n}")
        chat.says("谢谢 @韩梅梅", user=f"u{n}")
    said = chat.says("谢谢 @韩梅梅", id="T")
    assert "🤝 韩梅梅 获得勋章「热心肠」" in said
    assert chat.says("谢谢 @韩梅梅", id="T") == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("谢谢 @", "写法是：谢谢 @名字，例如"),
        ("谢谢 @李雷", "给自己点赞放在心里就好"),
        ("谢谢 @韩梅梅 @李雷", "给自己点赞放在心里就好"),
        ("谢谢 @没有这个人", "没有找到“没有这个人”"),
        ("谢谢 @a @b @c @d", "一次最多感谢 3 个人"),
    ],
)
def test_thanks_that_lead_nowhere_get_an_example_and_change_nothing(chat: Chat, words: str, said: str) -> None:
    assert said in chat.says(words)
    assert earned(chat, "hanmei", "thanks") == 0


def test_thanks_are_said_where_others_hear_them(chat: Chat) -> None:
    assert "请在群里 @ 我" in chat.privately("谢谢 @韩梅梅")


def test_a_member_of_another_community_is_not_thanked_here(chat: Chat) -> None:
    chat.says("群规", user="far", name="远方", group=FAR)
    assert "还没有在这里说过话" in chat.says("谢谢 @far")
    assert chat.stores.badges.counts(chat.communities.named("far").keys, chat.member("far"))["thanks"] == 0


def test_of_two_with_one_name_a_number_chooses(chat: Chat) -> None:
    chat.says("群规", user="hanmei2", name="韩梅梅")
    assert "有 2 个人叫这个名字" in chat.says("谢谢 @韩梅梅")
    assert "感谢了 韩梅梅" in chat.says("2")
    assert earned(chat, "hanmei2", "thanks") == 2


def test_a_name_that_is_a_mention_mentions_nobody(chat: Chat) -> None:
    chat.says("群规", user="evil", name="<@all>")
    assert "<@all>" not in chat.says("谢谢 @evil")


thanks = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.integers(0, 7)), max_size=40)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(thanks)
def test_thanks_keep_to_all_limits_as_in_a_plain_model(database: Database, given_ones: list[tuple[int, int, int, int]]) -> None:
    database.command("FLUSHALL")
    badges, points, rules, where = Badges(database), Points(database), PointRules(), CommunityKeys("main", 3)
    why, first = rules.reason("thanks"), dict[tuple[int, int, int, int], Recognised]()
    by_giver, by_pair, by_taker, count = Counter[Any](), Counter[Any](), Counter[Any](), Counter[int]()
    for act in given_ones:
        giver, taker, ago, _ = act
        day = TODAY - timedelta(days=ago)  # days in any order, as clocks and processes have them
        done = badges.recognise(
            where, giver, taker, START, today=day, reason="thanks", counter="thanks", rules=rules, once=str(act), most_of_giver=3, most_of_pair=1
        )  # fmt: skip
        if act in first:
            assert done == replace(first[act], is_fresh=False)
            continue
        first[act] = done
        state = "pair" if by_pair[giver, taker, day] >= 1 else "giver" if by_giver[giver, day] >= 3 else "done"
        assert done.state == state
        if state == "done":
            by_pair[giver, taker, day] += 1
            by_giver[giver, day] += 1
            count[taker] += 1
            n = min(why.points, why.per_day - by_taker[taker, day])
            assert (done.n, done.count) == (n, count[taker])
            by_taker[taker, day] += n
    for member in range(1, 5):
        assert points.earned(where, member) == sum(n for (taker, _), n in by_taker.items() if taker == member)
    assert points.discrepancies(where) == []


def test_of_many_who_thank_at_once_each_counts_once(chat: Chat) -> None:
    where, rules, taker = chat.community.keys, chat.live.current.points, chat.member("hanmei")

    def thank(n: int) -> Recognised:
        return chat.stores.badges.recognise(
            where,
            100 + n % 10,
            taker,
            chat.clock(),
            today=TODAY,
            reason="thanks",
            counter="thanks",
            rules=rules,
            once=f"t{n}",
            most_of_pair=1,
        )

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(thank, range(40)))
    assert [one.state for one in done].count("done") == 10
    assert chat.stores.badges.counts(where, taker)["thanks"] == 10
    assert sum(one.n for one in done) == rules.reason("thanks").per_day
    assert chat.stores.points.discrepancies(where) == []


# Featured -------------------------------------------------------------------------------------------------------------------


def test_a_moderator_features_a_contribution(chat: Chat) -> None:
    chat.as_admin("角色 @莉莉 版主")
    said = chat.says("精华 @韩梅梅 整理了报销流程", user="lily", id="F")
    assert "✍️ 韩梅梅 的内容被评为精华：整理了报销流程。积分 +20，第 1 篇" in said
    assert "韩梅梅 获得勋章「精华作者」" in said
    assert chat.says("精华 @韩梅梅 整理了报销流程", user="lily", id="F") == said
    assert earned(chat, "hanmei", "featured") == 20
    row = chat.stores.audit.newest("main", 1)[0]
    assert (row.act, row.subject, row.after) == ("精华", f"成员 {chat.member('hanmei')}", "整理了报销流程（+20）")


def test_what_is_featured_from_the_admin_group_is_told_to_its_author_alone(chat: Chat) -> None:
    assert "获得勋章" not in chat.as_admin("精华 @韩梅梅 整理了报销流程")
    told = " ".join(str(delivery.body) for delivery in chat.outbox())
    assert "你在“主群”的内容被评为精华：整理了报销流程" in told
    assert "获得勋章「精华作者」" in told


def test_only_moderators_feature_and_not_themselves(chat: Chat) -> None:
    assert "只有管理员可以用" in chat.says("精华 @韩梅梅 好")
    assert "写法是：精华 @谁 理由" in chat.as_admin("精华 @韩梅梅")
    assert "理由最多 100 个字" in chat.as_admin("精华 @韩梅梅 " + "好" * 101)
    chat.says("群规", user="boss", name="老板")
    assert "请别的版主来评" in chat.as_admin("精华 @老板 我真棒")


def test_a_reason_with_bars_stays_one_row_of_the_ledger(chat: Chat) -> None:
    chat.as_admin("精华 @韩梅梅 甲|乙 | 丙")
    row = chat.stores.points.rows(chat.community.keys, chat.member("hanmei"), 1)[0]
    assert (row.reason, row.amount, row.note) == ("featured", 20, "甲｜乙 ｜ 丙")
    assert chat.stores.points.discrepancies(chat.community.keys) == []


# What is shown --------------------------------------------------------------------------------------------------------------


def test_tasks_show_what_is_done_today(chat: Chat) -> None:
    said = chat.says("任务")
    assert "⬜ 签到（+5）：说“签到”" in said
    assert "今天 0/10 分）：帮到别人，请他说“谢谢 @你”" in said
    chat.says("签到")
    chat.says("谢谢 @李雷", user="hanmei")
    award(chat)
    said = chat.says("怎么赚积分")
    assert "✅ 签到" in said
    assert "今天 2/10 分" in said


def test_an_operator_sees_a_member_at_a_glance(chat: Chat) -> None:
    chat.says("签到")
    chat.says("谢谢 @李雷", user="hanmei")
    chat.as_admin("标签 @李雷 加 老客户")
    said = chat.as_admin("成员 @李雷")
    for part in (
        f"**李雷**（成员 {chat.member()}，成员）", "第一次发言：2026-03-10", "最近发言：2026-03-11", "**新芽**（1 级）",
        f"积分：{chat.points()}，累计获得 {chat.points()}", "连续 1 天", "🌱 初次见面", "被感谢 1 次", "标签：老客户", "计入的违规：0 次",
    ):  # fmt: skip
        assert part in said
    assert "写法是：成员 @谁" in chat.as_admin("成员")
    assert "只有管理员可以用" in chat.privately("成员 @李雷")
    assert "请私聊我" in chat.says("成员 @李雷", user="boss")


def test_of_two_with_one_name_a_number_chooses_the_card(chat: Chat) -> None:
    chat.says("群规", user="lilei2", name="李雷")
    assert "有 2 个人叫“李雷”" in chat.as_admin("成员 李雷")
    assert f"（成员 {chat.member('lilei2')}，成员）" in chat.as_admin("2")


def test_whoever_comes_to_the_end_of_a_flow_hears_of_his_badge_there_and_only_there(chat: Chat) -> None:
    flow = "- id: newcomer\n  title: 短\n  start: {words: [短流程]}\n  where: group\n  steps:\n  - say: 完了\n"
    chat.stores.content.put("flows", contents.to_items(contents.KINDS["flows"], flow), "boss", chat.clock())
    chat.live.refresh()
    said = chat.says("短流程")
    assert "完了" in said
    assert "新人毕业" in said
    assert "✅ 短" in chat.says("任务")
    chat.later(days=1)
    chat.says("群规")
    award(chat)
    assert not [delivery for delivery in chat.outbox() if "新人毕业" in str(delivery.body)]
    assert "新人毕业" not in chat.says("签到")
