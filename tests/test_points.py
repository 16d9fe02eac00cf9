"""Points: what earns them, who may move them, when they lapse, and that every one of them can be explained."""

from __future__ import annotations

import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from chat import ADMINS, FAR, Chat, OpenChat
from command_line import Cli
from hypothesis import given
from hypothesis import strategies as st

from handlers.points import lapse_due
from rules.contents import KINDS, ContentProblem, from_items, text_of, to_items
from rules.points import REASONS, Bonus, CheckInRule, PointRules, TransferRule, check_in_reward
from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.points import Moved, Points, Row, Short
from storage.schema import VERSION, settle_schema

pytest_plugins = ("chat", "command_line")

RULE = CheckInRule(5, (Bonus(3, 5), Bonus(7, 15), Bonus(30, 100)))
NOW = datetime(2026, 3, 10, 2, tzinfo=UTC)
TODAY = date(2026, 3, 10)
MAIN = CommunityKeys("main", 4)
rules = st.builds(
    CheckInRule,
    st.integers(0, 100),
    st.lists(st.builds(Bonus, st.integers(2, 60), st.integers(0, 500)), max_size=4, unique_by=lambda bonus: bonus.days).map(tuple),
    st.booleans(),
)


# Rules ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("streak", "points"), [(1, 5), (2, 5), (3, 10), (4, 5), (7, 20), (8, 5), (30, 105), (31, 5), (33, 10), (37, 20), (60, 105)]
)
def test_the_reward_is_the_base_and_a_bonus_on_the_day_a_streak_is_reached(streak: int, points: int) -> None:
    assert check_in_reward(streak, RULE) == points


def test_without_repeat_there_is_no_bonus_after_the_longest_streak() -> None:
    rule = CheckInRule(5, RULE.bonuses, repeat=False)
    assert check_in_reward(33, rule) == 5


def test_without_bonuses_every_day_earns_the_base() -> None:
    assert {check_in_reward(day, CheckInRule(2, ())) for day in range(1, 100)} == {2}


@given(st.integers(1, 5_000), rules)
def test_a_reward_is_never_less_than_the_base(streak: int, rule: CheckInRule) -> None:
    assert check_in_reward(streak, rule) >= rule.base


@pytest.mark.parametrize(
    ("months", "earned", "last"),
    [(12, "2026-03-10", "2027-03-31"), (12, "2027-02-01", "2028-02-29"), (1, "2026-12-31", "2027-01-31"), (3, "2026-11-30", "2027-02-28")],
)
def test_points_lapse_at_the_end_of_a_month(months: int, earned: str, last: str) -> None:
    assert PointRules(expire_after_months=months).last_day_of(date.fromisoformat(earned)) == date.fromisoformat(last)


def test_points_may_never_lapse() -> None:
    assert PointRules(expire_after_months=0).last_day_of(TODAY) is None


@given(st.dates(date(2000, 1, 1), date(2200, 12, 31)), st.integers(1, 120))
def test_points_last_as_many_months_as_the_rule_says_and_to_a_months_end(earned: date, months: int) -> None:
    last = PointRules(expire_after_months=months).last_day_of(earned)
    assert last
    assert (last.year - earned.year) * 12 + last.month - earned.month == months
    assert (last + timedelta(days=1)).day == 1


def test_a_file_of_rules_says_what_differs_and_the_rest_holds() -> None:
    kind = KINDS["points"]
    found = from_items(kind, to_items(kind, "reasons:\n  - {id: thanks, title: 谢谢你, points: 3}\ntransfer: {most_a_day: 5}\n"))
    assert found.title_of_reason("thanks") == "谢谢你"
    assert found.reasons["task"] == REASONS["task"]
    assert found.transfer == TransferRule(most_a_day=5)
    assert found.expire_after_months == 12


def test_rules_go_out_as_a_file_that_comes_in_the_same() -> None:
    kind = KINDS["points"]
    first = from_items(
        kind, to_items(kind, "check_in: {base: 7, bonuses: [{days: 3, points: 5}]}\nreasons: [{id: x, title: 某事, points: 1}]\n")
    )
    assert from_items(kind, to_items(kind, text_of(kind, to_items(kind, text_of(kind, kind_items(first)))))) == first


def kind_items(found: PointRules) -> dict[str, str]:
    """Rules as they are kept."""
    kind = KINDS["points"]
    return to_items(kind, json.dumps(kind.unbuild(found), ensure_ascii=False))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reasons: [{id: a, title: 甲, points: 1}, {id: a, title: 乙, points: 1}]\n", "理由“a”写了两次"),
        ("reasons: [{id: 甲, title: 甲, points: 1}]\n", "小写英文字母"),
        ("expire_after_months: -1\n", "不能小于 0"),
        ("transfer: {least: 0}\n", "不能小于 1"),
        ("transfer: {leest: 1}\n", "是不是想写 least"),
    ],
)
def test_a_wrong_rule_is_told_with_its_line_and_remedy(text: str, said: str) -> None:
    with pytest.raises(ContentProblem, match=said):
        to_items(KINDS["points"], text)


# Acts -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def points(database: Database) -> Points:
    return Points(database)


def award(points: Points, member: int, n: int, once: str = "", **more: Any) -> Moved:
    """Gives a member points for a task."""
    return points.award(MAIN, member, NOW, today=TODAY, reason="task", points=n, once=once, **more)


def test_what_is_awarded_twice_for_one_message_is_awarded_once(points: Points) -> None:
    assert award(points, 1, 5, "m") == Moved(5, 5, 5, True)
    assert award(points, 1, 5, "m") == Moved(5, 5, 5, False)
    assert award(points, 2, 5, "m").is_fresh, "another member"


def test_a_repeat_is_known_across_the_end_of_a_week_and_by_a_clock_that_is_behind(points: Points) -> None:
    sunday, monday = datetime(2026, 3, 15, 15, 30, tzinfo=UTC), datetime(2026, 3, 16, 1, tzinfo=UTC)
    for at in (monday, sunday, monday + timedelta(days=6)):
        points.award(MAIN, 1, at, today=(at + timedelta(hours=8)).date(), reason="task", points=5, once="m")
    assert points.balance(MAIN, 1) == 5


def test_the_caps_of_a_day_bite_partly_then_wholly_and_begin_anew_at_midnight(points: Points) -> None:
    caps = {"cap_of_reason": 7, "cap_of_day": 100}
    assert [award(points, 1, 5, str(n), **caps).n for n in range(3)] == [5, 2, 0]
    tomorrow = points.award(MAIN, 1, NOW, today=TODAY + timedelta(days=1), reason="task", points=5, once="4", **caps)
    assert tomorrow.n == 5


def test_a_repeat_of_what_a_cap_cut_gets_the_cut_result(points: Points) -> None:
    award(points, 1, 5, "a", cap_of_day=7)
    assert award(points, 1, 5, "b", cap_of_day=7).n == 2
    assert award(points, 1, 5, "b", cap_of_day=7) == Moved(2, 7, 7, False)


@pytest.mark.parametrize("n", [0, -1, 10**10])
def test_no_act_moves_nothing_or_less_or_too_much(points: Points, n: int) -> None:
    with pytest.raises(ValueError, match="points"):
        award(points, 1, n)


def test_the_soonest_to_lapse_go_first_and_keep_their_day_with_the_next_owner(points: Points) -> None:
    soon, late = TODAY + timedelta(days=1), TODAY + timedelta(days=90)
    award(points, 1, 10, "late", lapses=late)
    award(points, 1, 10, "soon", lapses=soon)
    award(points, 1, 10, "ever")
    points.transfer(MAIN, 1, 2, 15, NOW, today=TODAY, once="t")
    assert [(lot.last, lot.n) for lot in points.account(MAIN, 2, TODAY).lots] == [(soon, 10), (late, 5)]
    assert [(lot.last, lot.n) for lot in points.account(MAIN, 1, TODAY).lots] == [(late, 5)]


def test_points_hold_through_their_last_day(points: Points) -> None:
    award(points, 1, 10, "a", lapses=TODAY)
    assert points.lapse(MAIN, NOW, today=TODAY) == {}
    assert points.account(MAIN, 1, TODAY + timedelta(days=1)).balance == 0, "also before anybody took them"
    assert points.lapse(MAIN, NOW, today=TODAY + timedelta(days=1)) == {1: 10}
    assert points.balance(MAIN, 1) == 0


def test_nobody_spends_what_has_lapsed(points: Points) -> None:
    award(points, 1, 10, "a", lapses=TODAY)
    with pytest.raises(Short) as short:
        points.transfer(MAIN, 1, 2, 1, NOW, today=TODAY + timedelta(days=1), once="t")
    assert short.value.balance == 0


def test_what_was_handed_on_was_not_earned_by_who_got_it(points: Points) -> None:
    award(points, 1, 10, "a")
    points.transfer(MAIN, 1, 2, 10, NOW, today=TODAY, once="t")
    assert (points.earned(MAIN, 1), points.earned(MAIN, 2)) == (10, 0)


def test_of_many_transfers_at_once_no_more_is_given_than_there_is(points: Points) -> None:
    award(points, 1, 10, "a")

    def give(n: int) -> bool:
        try:
            points.transfer(MAIN, 1, 2 + n % 3, 3, NOW, today=TODAY, once=str(n))
        except Short:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(give, range(16))) == 3
    assert points.balance(MAIN, 1) == 1
    assert points.discrepancies(MAIN) == []


def test_two_who_hand_each_other_points_at_once_lose_none(points: Points) -> None:
    for member in (1, 2):
        award(points, member, 50, f"a{member}")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: points.transfer(MAIN, 1 + n % 2, 2 - n % 2, 1, NOW, today=TODAY, once=str(n)), range(60)))
    assert points.balance(MAIN, 1) + points.balance(MAIN, 2) == 100
    assert points.discrepancies(MAIN) == []


@pytest.mark.parametrize("note", ["a|b|c", "一\n二", "  ", "x" * 1_000, "🎉" * 300, "{}[]\"'\\", "\x00"])
def test_what_is_written_behind_a_row_is_read_as_one_line(points: Points, note: str) -> None:
    points.adjust(MAIN, 1, 5, NOW, today=TODAY, reason="adjustment", actor=9, note=note, once="a")
    [row] = points.rows(MAIN, 1)
    assert (row.amount, row.balance, row.actor) == (5, 5, 9)
    assert "|" not in row.note
    assert len(row.note) <= 200


def test_pages_of_rows_go_on_where_the_one_before_ended(points: Points) -> None:
    for n in range(1, 26):
        award(points, 1, n, str(n))
    pages = [points.rows(MAIN, 1, 10, skip) for skip in (0, 10, 20, 30)]
    assert [row.amount for row in itertools.chain(*pages)] == list(range(25, 0, -1))
    assert [row.balance for row in itertools.chain(*pages)] == [sum(range(n + 1)) for n in range(25, 0, -1)]


def test_the_row_says_where_points_came_from(points: Points) -> None:
    award(points, 1, 5, "m", actor=7, note="第三题")
    [row] = points.rows(MAIN, 1)
    assert row == Row(NOW, 5, "treasury", "task", 7, row.once, "第三题", 5)
    assert re.fullmatch(r"[\w-]{8}", row.once)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (("HINCRBY", keys.BALANCES(shard=4, community="main"), 1, 3), "成员 1：余额 8，明细合计 5"),
        (("HSET", keys.LOTS(shard=4, community="main"), 1, "800000:9"), "余额 5，会到期的却有 9"),
        (("ZADD", keys.EXPIRING(shard=4, community="main"), 5, 1), "到期索引与批次不一致"),
        (("HINCRBY", keys.BALANCES(shard=4, community="main"), "shop", 2), "账户 shop：余额与成员明细相差 2"),
    ],
)
def test_a_ledger_that_does_not_add_up_is_found(points: Points, database: Database, harm: tuple[Any, ...], said: str) -> None:
    award(points, 1, 5, "a", lapses=TODAY)
    assert points.discrepancies(MAIN) == []
    database.command(*harm)
    assert said in "\n".join(points.discrepancies(MAIN))


def test_the_books_may_be_checked_while_points_move(points: Points) -> None:
    ends = Event()

    def move(member: int) -> None:
        for n in itertools.count():
            if ends.is_set():
                return
            award(points, member, 5, f"{member}:{n}", lapses=TODAY + timedelta(days=n % 3))
            points.transfer(MAIN, member, 9, 2, NOW, today=TODAY, once=f"{member}:{n}")

    with ThreadPoolExecutor(2) as pool:
        moving = [pool.submit(move, member) for member in (1, 2)]
        try:
            assert [points.discrepancies(MAIN) for _ in range(20)] == [[]] * 20
        finally:
            ends.set()
        assert [done.result() for done in moving] == [None, None]


def test_one_community_knows_nothing_of_another(points: Points) -> None:
    award(points, 1, 5, "a")
    other = CommunityKeys("main2", 4)
    assert points.balance(other, 1) == 0
    assert points.rows(other, 1) == []
    assert points.communities() == [MAIN]


# Talks ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def met(chat: Chat) -> Chat:
    """李雷 has 100 points; 韩梅梅 and the owner were seen."""
    for user, name in (("lilei", "李雷"), ("hanmei", "韩梅梅"), ("boss", "老板")):
        chat.says("大家好", user=user, name=name)
    chat.as_admin("发积分 @李雷 100 开张")
    return chat


def test_a_member_hands_points_to_another_and_both_are_told(met: Chat) -> None:
    assert met.says("转赠 @韩梅梅 20") == "已送给韩梅梅 20 积分，你还有 80 积分。"
    assert (met.points("lilei"), met.points("hanmei")) == (80, 20)
    told = [delivery for delivery in met.outbox() if delivery.member == met.member("hanmei")]
    assert "李雷在“主群”送给你 20 积分，你现在有 20 积分。" in str(told[-1].body)


def test_a_repeat_of_the_message_hands_points_once(met: Chat) -> None:
    first = met.says("转赠 @韩梅梅 20", id="T")
    assert met.says("转赠 @韩梅梅 20", id="T") == first
    assert met.points("hanmei") == 20


@pytest.mark.parametrize(
    "words",
    [
        "转赠 韩梅梅 20",
        "转积分 @韩梅梅 20 积分",
        "送积分 20 给 韩梅梅",
        "转赠 20 @韩梅梅",
        "转赠 @韩梅梅20分",
        "转赠 hanmei 20",
        "转赠 ＠韩梅梅 ２０",
    ],
)
def test_people_write_it_as_they_like(met: Chat, words: str) -> None:
    assert "已送给韩梅梅 20 积分" in met.says(words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("转赠", "例如：转赠 @李雷 20"),
        ("转赠 20", "例如：转赠 @李雷 20"),
        ("转赠 @韩梅梅", "例如：转赠 @李雷 20"),
        ("转赠 @韩梅梅 -20", "例如：转赠 @李雷 20"),
        ("转赠 @韩梅梅 0", "至少 1 分"),
        ("转赠 @李雷 20", "不能转赠给自己"),
        ("转赠 @韩梅梅 @老板 20", "一次只能送给一个人"),
        ("转赠 @没有这个人 20", "没有找到“没有这个人”"),
        ("转赠 @韩梅梅 101", "每天最多转赠 100 分"),
        ("转赠 @韩梅梅 999999999999999999999", "例如：转赠 @李雷 20"),
        ("积分明细 一二三", "例如：积分明细 2"),
        ("积分明细 0", "例如：积分明细 2"),
    ],
)
def test_what_cannot_be_is_refused_with_an_example(met: Chat, words: str, said: str) -> None:
    assert said in met.says(words)
    assert met.points() == 100


def test_a_day_has_a_limit_and_the_next_day_another(met: Chat) -> None:
    met.as_admin("发积分 @李雷 500 再来")
    met.says("转赠 @韩梅梅 90")
    assert "每天最多转赠 100 分，今天还可以送 10 分" in met.says("转赠 @韩梅梅 20")
    assert "还有 500 积分" in met.says("转赠 @韩梅梅 10")
    assert "今天的已经送完，明天再来" in met.says("转赠 @韩梅梅 1")
    met.later(days=1)
    assert "已送给" in met.says("转赠 @韩梅梅 20")


def test_who_has_too_little_hears_how_much_is_missing(met: Chat) -> None:
    met.says("转赠 @韩梅梅 90")
    met.later(days=1)
    assert "积分不足：你有 10 积分，还差 20 分" in met.says("转赠 @韩梅梅 30")


def test_two_of_one_name_are_offered_by_number(met: Chat) -> None:
    met.says("我也来了", user="hanmei2", name="韩梅梅")
    assert "有 2 个人叫“韩梅梅”" in met.says("转赠 @韩梅梅 20")
    assert "已送给韩梅梅 20 积分" in met.says("2")
    assert (met.points("hanmei"), met.points("hanmei2")) == (0, 20)


def test_nobody_is_given_points_where_he_never_was(met: Chat) -> None:
    met.says("hello", user="anna", name="Anna", group=FAR)
    assert "没有来过" in met.says("转赠 anna 5")


def test_transfers_may_be_switched_off(met: Chat) -> None:
    met.stores.content.put("points", to_items(KINDS["points"], "transfer: {enabled: false}\n"), "boss", met.clock())
    met.live.refresh()
    assert met.says("转赠 @韩梅梅 5") == "这里没有开放积分转赠。"


def test_without_a_limit_a_day_nobody_gives_more_than_he_has_all_the_same(met: Chat) -> None:
    met.stores.content.put("points", to_items(KINDS["points"], "transfer: {most_a_day: 0, keep: 10}\n"), "boss", met.clock())
    met.live.refresh()
    assert "没有这么多" in met.says("转赠 @韩梅梅 999999999999")
    assert "转赠后至少要留 10 分，还差 1 分" in met.says("转赠 @韩梅梅 91")
    assert "你还有 10 积分" in met.says("转赠 @韩梅梅 90")


def test_an_administrator_gives_several_members_points_and_each_is_told(met: Chat) -> None:
    assert met.as_admin("发积分 @李雷 @韩梅梅 30 热心解答") == "李雷 +30，现有 130 积分\n韩梅梅 +30，现有 30 积分"
    told = str([delivery.body for delivery in met.outbox() if delivery.member == met.member("hanmei")])
    assert "管理员给你发了 30 积分（主群）：热心解答。你现在有 30 积分。" in told


def test_what_an_administrator_takes_was_not_earned_either(met: Chat) -> None:
    met.as_admin("扣积分 @李雷 60 误发更正")
    assert met.stores.points.earned(met.community.keys, met.member()) == 40
    assert "不够扣 50 分" in met.as_admin("扣积分 @李雷 50 再扣")


def test_each_adjustment_stands_in_the_audit_with_before_and_after(met: Chat) -> None:
    met.as_admin("扣积分 @李雷 60 误发更正")
    row, *_ = met.stores.audit.newest("main", 1)
    assert (row.act, row.subject, row.before, row.after) == ("扣积分", f"成员 {met.member()}", "100", "40（误发更正）")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("发积分", "例如：发积分 @李雷 @韩梅梅 20 热心解答"),
        ("发积分 @李雷 20", "请写上理由"),
        ("发积分 @李雷 -5 理由", "例如：发积分"),
        ("发积分 @李雷 10001 理由", "1 到 10000 分"),
        ("扣积分 @李雷", "例如：扣积分"),
        ("发积分 " + " ".join(f"@甲{n}" for n in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") + " 5 都好", "一次最多 50 个人"),
    ],
)
def test_an_administrator_who_types_it_wrong_gets_an_example(met: Chat, words: str, said: str) -> None:
    assert said in met.as_admin(words)
    assert met.points() == 100


def test_no_member_gives_himself_points(met: Chat) -> None:
    met.says("发积分 @李雷 100 我要")
    assert met.points() == 100


def test_every_point_is_explained(met: Chat) -> None:
    met.says("签到")
    met.says("转赠 @韩梅梅 20")
    met.as_admin("扣积分 @李雷 3 迟到")
    said = met.says("积分明细").splitlines()
    assert said[0] == "你的积分明细："
    assert [line.partition(" ")[2][12:] for line in said[1:5]] == [
        "管理员扣除（老板）：迟到 -3，余额 82", "送给韩梅梅 -20，余额 85", "签到 +5，余额 105", "管理员发放（老板）：开张 +100，余额 100",
    ]  # fmt: skip
    assert said[-1] == "到期：2027 年 3 月 31 日 82 分"
    assert "李雷送给你 +20，余额 20" in met.privately("积分明细", user="hanmei")


def test_a_name_that_is_a_mention_mentions_nobody(met: Chat) -> None:
    met.says("大家好", user="joker", name="<@all>")
    met.as_admin("发积分 joker 5 谢谢<@all>")
    assert "<@all>" not in met.says("转赠 joker 5") + met.says("积分明细") + met.says("积分明细", user="joker")


def test_a_repeat_of_an_adjustment_changes_nothing_and_is_audited_once(met: Chat) -> None:
    for _ in range(2):
        met.says("发积分 @李雷 @韩梅梅 30 热心解答", user="boss", group=ADMINS, id="G")
    assert (met.points("lilei"), met.points("hanmei")) == (130, 30)
    assert [row.act for row in met.stores.audit.newest("main", 9)].count("发积分") == 3


def test_what_a_handler_did_before_it_died_is_not_done_again_and_the_rest_is(met: Chat) -> None:
    met.stores.points.adjust(
        met.community.keys, met.member(), 30, met.clock(), today=TODAY, reason="adjustment", actor=met.member("boss"), note="热心解答",
        once="assistant:G",
    )  # fmt: skip
    said = met.says("发积分 @李雷 @韩梅梅 30 热心解答", user="boss", group=ADMINS, id="G")
    assert said == "李雷 +30，现有 130 积分\n韩梅梅 +30，现有 30 积分"
    assert [row.subject for row in met.stores.audit.newest("main", 2)] == [f"成员 {met.member('hanmei')}", f"成员 {met.member()}"]


def test_rows_of_others_are_for_operators_away_from_the_group(met: Chat) -> None:
    assert "李雷的积分明细" in met.as_admin("积分明细 @李雷")
    assert "只在管理群或单聊里看" in met.says("积分明细 @李雷", user="boss")
    assert "例如：积分明细 2" in met.says("积分明细 @老板")


def test_long_histories_have_pages(met: Chat) -> None:
    for n in range(12):
        met.as_admin(f"发积分 @李雷 {n + 1} 第{n}次")
    assert "更早的：积分明细 2" in met.says("积分明细")
    assert met.says("积分明细 第2页").splitlines()[0] == "你的积分明细（第 2 页）："
    assert "没有更早的记录" in met.says("积分明细 3")


# The clock ------------------------------------------------------------------------------------------------------------------


def ring(chat: Chat) -> int:
    """What the clock does about points."""
    return lapse_due(chat.stores, chat.config, chat.communities.listed, chat.clock())


def words_to(chat: Chat, user: str) -> list[str]:
    """What a member is told in private."""
    return [str(delivery.body) for delivery in chat.outbox() if delivery.member == chat.member(user)]


def test_members_hear_once_a_week_ahead_of_points_that_lapse(met: Chat) -> None:
    met.at("2027-03-23 10:00")
    ring(met)
    assert not any("到期" in words for words in words_to(met, "lilei"))
    met.at("2027-03-24 03:00")
    ring(met)
    assert not any("到期" in words for words in words_to(met, "lilei")), "nobody is woken"
    for _ in range(3):
        met.at("2027-03-24 10:00")
        ring(met)
    assert sum("100 积分在 2027 年 3 月 31 日到期" in words for words in words_to(met, "lilei")) == 1


def test_a_member_whom_no_channel_reaches_hears_of_it_in_his_next_single_chat(open_chat: OpenChat) -> None:
    chat = open_chat(app=False)
    chat.says("大家好", name="李雷")
    chat.as_admin("发积分 @李雷 100 开张")
    chat.privately("我的积分")
    chat.at("2027-03-24 10:00")
    ring(chat)
    assert "100 积分在 2027 年 3 月 31 日到期" in chat.privately("我的积分")


def test_points_go_at_midnight_after_their_last_day_where_the_community_lives(met: Chat) -> None:
    met.at("2027-03-31 23:59")
    assert ring(met) == 0
    met.at("2027-04-01 00:00")
    assert "**0** 积分" in met.says("我的积分"), "before the clock came by"
    assert ring(met) == 1
    assert ring(met) == 0
    assert "到期清零 -100，余额 0" in met.says("积分明细")
    assert met.stores.points.discrepancies(met.community.keys) == []


def test_one_look_tells_where_something_lapsed_among_a_thousand_groups(points: Points) -> None:
    places = [CommunityKeys(f"g{n}", n % 8) for n in range(1_200)]
    for n in (3, 700, 1_199):
        points.award(places[n], 1, NOW, today=TODAY, reason="task", points=5, once="a", lapses=PointRules())
    for day, expected in ((date(2027, 3, 31), []), (date(2027, 4, 1), [3, 700, 1_199])):
        found = points.has_lapsed([(where, day) for where in places])
        assert [n for n, is_due in enumerate(found) if is_due] == expected
        assert len(found) == len(places)
    assert points.has_lapsed([]) == []


def test_a_thousand_members_lapse_in_batches(met: Chat) -> None:
    points, where = met.stores.points, met.community.keys
    for member in range(1_000, 1_450):
        points.award(where, member, met.clock(), today=TODAY, reason="task", points=5, once="", lapses=TODAY)
    met.later(days=2)
    assert ring(met) == 450
    assert points.discrepancies(where) == []


# People and data ------------------------------------------------------------------------------------------------------------


def test_a_forgotten_member_leaves_a_ledger_that_adds_up(met: Chat) -> None:
    met.says("转赠 @韩梅梅 20")
    number = met.member()
    met.erase("lilei")
    assert met.stores.points.discrepancies(met.community.keys) == []
    rows = met.stores.points.rows(met.community.keys, number)
    assert {(row.reason, row.note, row.once) for row in rows} == {("erased", "", "")}
    assert met.stores.points.account(met.community.keys, number, TODAY).lots == ()


def test_a_person_gets_every_row_of_his(met: Chat) -> None:
    met.says("转赠 @韩梅梅 20")
    given = met.stores.points.export_user(met.member())["main"]
    assert (given["积分"], given["累计获得"], given["到期"]) == (80, 100, {"2027-03-31": 80})
    assert [row["积分"] for row in given["明细"]] == [-20, 100]


def test_a_members_number_in_front_of_the_points_is_not_taken_for_points(met: Chat) -> None:
    hanmei = met.member("hanmei")
    assert met.as_admin(f"发积分 {hanmei} 20 热心解答").startswith("韩梅梅 +20")
    assert met.as_admin("发积分 20 韩梅梅 热心解答").startswith("韩梅梅 +20")
    assert met.as_admin("发积分 20 分给 @韩梅梅 热心解答").startswith("韩梅梅 +20")


def test_the_event_log_tells_every_movement(met: Chat) -> None:
    met.says("转赠 @韩梅梅 20")
    told = [entry.data for entry in met.log("change") if entry.data.get("act") == "points"]
    lilei, hanmei = met.member("lilei"), met.member("hanmei")
    today = met.clock().astimezone(met.community.zone).date().toordinal()
    assert {
        "act": "points",
        "from": lilei,
        "to": hanmei,
        "n": 20,
        "reason": "transfer",
        "balance": 20,
        "day": today,
        "why": "assistant:M5",
    } in told
    assert {
        "act": "points",
        "from": "treasury",
        "to": lilei,
        "n": 100,
        "reason": "adjustment",
        "balance": 100,
        "counts": True,
        "day": TODAY.toordinal(),
        "why": "assistant:M4",
    } in told


def test_the_command_line_checks_the_books(met: Chat, cli: Cli) -> None:
    ran = cli("points", "check")
    assert (ran.code, "账本正确" in ran.out) == (0, True)
    met.stores.database.command("HINCRBY", keys.BALANCES(shard=met.community.shard, community="main"), met.member(), 3)
    ran = cli("points", "check")
    assert ran.code == 1
    assert f"main：成员 {met.member()}：余额 103，明细合计 100" in ran.out


# Layout 2 -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def old(database: Database) -> Database:
    """What layout 2 left behind, written as its program wrote it: member 3 was erased."""
    database.command("HSET", "qb:{meta}:schema", "version", "2", "shards", "16", "first_start_ms", "5")
    for day in range(60):
        for member in (1, 2, 3):
            t = 1_770_000_000_000 + day * 86_400_000
            row = ("t", t, "from", "treasury", "to", member, "n", 5, "reason", "签到", "actor", member, "once", f"m{day}:{member}")
            database.command("XADD", "qb:{4}:main:points:ledger", "*", *row)
            database.command("HINCRBY", "qb:{4}:main:points:balances", member, 5)
            database.command("HINCRBY", "qb:{4}:main:points:balances", "treasury", -5)
            if member != 3:
                database.command("RPUSH", f"qb:{{4}}:main:points:rows:{member}", f"{t}|5|签到|{day * 5 + 5}")
                database.command("LTRIM", f"qb:{{4}}:main:points:rows:{member}", -50, -1)
                database.command("HSET", "qb:{4}:main:check_ins", member, f"2026-04-02|{day + 1}")
    return database


def check_converted(database: Database) -> None:
    """All rows are there, and everything adds up."""
    points = Points(database)
    assert points.discrepancies(MAIN) == []
    assert len(points.rows(MAIN, 1, 100)) == 60
    assert points.rows(MAIN, 1)[0].reason == "check_in"
    assert [row.reason for row in points.rows(MAIN, 3)] == ["erased"]
    assert (points.earned(MAIN, 1), points.account(MAIN, 1, TODAY).lots) == (300, ())
    assert database.command("EXISTS", "qb:{4}:main:points:ledger") == 0
    assert database.command("HGET", "qb:{meta}:schema", "version") == str(VERSION)


def test_the_old_ledger_becomes_the_members_rows(old: Database) -> None:
    settle_schema(old, 9)
    check_converted(old)


def test_a_conversion_that_was_cut_off_is_done_to_the_end(old: Database) -> None:
    entries = old.command("XRANGE", "qb:{4}:main:points:ledger", "-", "+")
    settle_schema(old, 9)
    for id, flat in entries:
        old.command("XADD", "qb:{4}:main:points:ledger", id, *flat)
    old.command("DEL", "qb:{4}:main:points:rows:2")
    old.command("RPUSH", "qb:{4}:main:points:rows:2", "1770000000000|5|签到|5")
    old.command("HSET", "qb:{meta}:schema", "version", "2")
    settle_schema(old, 9)
    check_converted(old)


def test_many_processes_that_start_at_once_convert_it_once(old: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: settle_schema(old, 9), range(8)))
    check_converted(old)


def test_a_row_that_was_written_meanwhile_stays(old: Database) -> None:
    settle_schema(old, 9)
    points = Points(old)
    award(points, 1, 7, "new")
    t = ("t", 1, "from", "treasury", "to", 1, "n", 5, "reason", "签到", "actor", 1, "once", "x")
    old.command("XADD", "qb:{4}:main:points:ledger", "*", *t)  # as if the slower process had read the stream before
    old.command("HSET", "qb:{meta}:schema", "version", "2")
    settle_schema(old, 9)
    assert points.rows(MAIN, 1)[0].amount == 7
    assert points.discrepancies(MAIN) == []
