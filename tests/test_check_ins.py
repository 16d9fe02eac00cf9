"""Check-ins: a day at a time, streaks that follow from the days, and cards that mend them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from chat import MAIN, Chat, OpenChat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.check_ins import FIRST_DAY, longest_streak, next_bonus, streak_to
from rules.points import Bonus, CheckInRule, MakeUpRule, bonus_on
from storage import keys
from storage.check_ins import CheckIn, CheckIns, MadeUp, Standing, opening
from storage.community import CommunityKeys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.points import Points, Rewards

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)
HOME = CommunityKeys("home", 4)
FIVES = Rewards((5,), repeat=False)
RULE = MakeUpRule(within_days=7, a_month=3, cost_points=0, card_every=3, most_cards=4)
NAMES = itertools.count()
on_a_shared_server = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def check_ins(database: Database) -> CheckIns:
    return CheckIns(database)


def somewhere() -> CommunityKeys:
    """A community that nobody has used."""
    number = next(NAMES)
    return CommunityKeys(f"k{number}", number % 16)


def check_in(store: CheckIns, where: CommunityKeys, today: date, once: str, member: int = 1, rewards: Rewards = FIVES) -> CheckIn:
    return store.check_in(
        where, member, NOW, today=today, rewards=rewards, lapses=None, once=once, card_every=RULE.card_every, most_cards=RULE.most_cards
    )


def make_up(
    store: CheckIns, where: CommunityKeys, today: date, once: str, *, day: date | None = None, rule: MakeUpRule = RULE, rights: int = 0,
    pays: bool = False,
) -> MadeUp:  # fmt: skip
    return store.make_up(where, 1, NOW, today=today, day=day, rule=rule, rights=[(0, rights)], pays=pays, once=once)


# Days and streaks -----------------------------------------------------------------------------------------------------------


@dataclass
class Model:
    """A member's check-ins as a set of days."""

    days: set[date] = field(default_factory=set)
    mended: set[date] = field(default_factory=set)
    cards: int = 0
    made: dict[str, int] = field(default_factory=dict)

    @property
    def last(self) -> date:
        return max(self.days, default=date.min)

    def check_in(self, today: date) -> bool:
        if self.last >= today:
            return False
        self.days.add(today)
        if streak_to(today, self.days) % RULE.card_every == 0 and self.cards < RULE.most_cards:
            self.cards += 1
        return True

    def make_up(self, today: date, wanted: date | None) -> str:
        if not self.days:
            return "never"
        back = [today - timedelta(days=n) for n in range(1, RULE.within_days + 1)]
        day = wanted or next((d for d in back if d not in self.days and d > min(self.days)), None)
        if day is None:
            return "none"
        if day >= today:
            return "today" if day == today else "future"
        if day in self.days:
            return "had"
        if day not in back:
            return "far"
        if day < min(self.days):
            return "before"
        if self.made.get(f"{today:%Y-%m}", 0) >= RULE.a_month:
            return "month"
        if not self.cards:
            return "card"
        self.cards -= 1
        self.made[f"{today:%Y-%m}"] = self.made.get(f"{today:%Y-%m}", 0) + 1
        self.days.add(day)
        self.mended.add(day)
        return "ok"

    def standing(self, today: date) -> tuple[int, int, int, int]:
        streak = streak_to(self.last, self.days) if self.last >= today - timedelta(days=1) else 0
        return streak, longest_streak(self.days), len(self.days), self.cards


def figures(standing: Standing) -> tuple[int, int, int, int]:
    return standing.streak, standing.longest, standing.total, standing.cards


steps = st.lists(
    st.tuples(st.sampled_from([0, 1, 1, 1, 1, 2, 3, 9, -1]), st.sampled_from(["in", "in", "in", "up", "day"]), st.integers(-1, 9)),
    min_size=1,
    max_size=40,
)


@given(steps)
@settings(on_a_shared_server, max_examples=50)
def test_streaks_follow_from_the_days_whatever_is_done_repeated_or_late(check_ins: CheckIns, steps: list[tuple[int, str, int]]) -> None:
    where, model, today = somewhere(), Model(), date(2026, 2, 20)
    for once, (more, act, back) in enumerate(steps):
        today += timedelta(days=more)  # a day back, too: the clock of another process
        if act == "in":
            done = check_in(check_ins, where, today, str(once))
            assert done.is_fresh == model.check_in(today)
            assert check_in(check_ins, where, today, str(once)) == done, "a repeat gets its first result"
        else:
            day = today - timedelta(days=back) if act == "day" else None
            made = make_up(check_ins, where, today, str(once), day=day)
            assert made.outcome == model.make_up(today, day)
            if made.outcome == "ok":
                assert make_up(check_ins, where, today, str(once), day=day) == made, "a repeat makes up once"
        assert figures(check_ins.standing(where, 1, today)) == model.standing(today)
    assert check_ins.days(where, 1) == model.days
    for year, month in ((2026, 2), (2026, 3)):
        assert check_ins.made_up(where, 1, year, month) == {day.day for day in model.mended if (day.year, day.month) == (year, month)}


def test_fifteen_hundred_days_of_a_forgetful_member_add_up(check_ins: CheckIns, database: Database) -> None:
    dice, model, today = random.Random(5), Model(), date(2025, 11, 1)
    for n in range(1_500):
        today += timedelta(days=1)
        if dice.random() < 0.85:
            assert check_in(check_ins, HOME, today, f"in{n}").is_fresh == model.check_in(today)
        if dice.random() < 0.1:
            assert make_up(check_ins, HOME, today, f"up{n}").outcome == model.make_up(today, None)
    assert figures(check_ins.standing(HOME, 1, today)) == model.standing(today)
    for year, month in ((2025, 11), (2025, 12), (2026, 1), (2026, 2), (2028, 2), (2029, 12)):
        assert check_ins.month(HOME, 1, year, month) == {day.day for day in model.days if (day.year, day.month) == (year, month)}
    assert Points(database).discrepancies(HOME) == []


@given(st.sets(st.integers(0, 60).map(lambda n: TODAY + timedelta(days=n)), max_size=40))
def test_a_streak_is_as_long_as_its_days(days: set[date]) -> None:
    ordinals = {day.toordinal() for day in days}
    longest = 0
    for day in ordinals:
        length = 0
        while day + length in ordinals:
            length += 1
        longest = max(longest, length)
    assert longest_streak(days) == longest


@given(st.integers(0, 100), st.booleans())
def test_what_comes_next_is_what_will_come(streak: int, repeat: bool) -> None:
    rule = CheckInRule(5, (Bonus(3, 5), Bonus(7, 15)), repeat)
    found = next_bonus(streak, rule)
    if found is None:
        assert not repeat
        assert streak >= 7
        return
    more, points = found
    assert bonus_on(streak + more, rule) == points > 0
    assert all(bonus_on(streak + n, rule) == 0 for n in range(1, more))


@pytest.mark.parametrize("day", [date(2026, 3, 31), date(2026, 12, 31), date(2028, 2, 28), date(2028, 2, 29)])
def test_a_streak_goes_on_over_the_end_of_a_month_and_a_year(check_ins: CheckIns, day: date) -> None:
    check_in(check_ins, HOME, day, "a")
    assert check_in(check_ins, HOME, day + timedelta(days=1), "b").streak == 2
    assert check_ins.month(HOME, 1, day.year, day.month) == {day.day} | ({29} if day == date(2028, 2, 28) else set())


def test_a_clock_that_is_ahead_does_not_open_the_day_before_again(check_ins: CheckIns) -> None:
    assert check_in(check_ins, HOME, TODAY + timedelta(days=1), "ahead").is_fresh
    assert not check_in(check_ins, HOME, TODAY, "behind").is_fresh
    assert check_ins.standing(HOME, 1, TODAY).total == 1


def test_a_message_that_is_worked_on_again_after_midnight_counts_for_its_day(check_ins: CheckIns) -> None:
    done = check_in(check_ins, HOME, TODAY, "late")
    assert check_in(check_ins, HOME, TODAY + timedelta(days=1), "late") == done
    assert check_in(check_ins, HOME, TODAY + timedelta(days=1), "next").streak == 2


def test_a_clock_from_before_the_first_bit_still_checks_in(check_ins: CheckIns) -> None:
    early = FIRST_DAY - timedelta(days=1)
    assert check_in(check_ins, HOME, early, "a").is_fresh
    assert check_in(check_ins, HOME, FIRST_DAY, "b").streak == 2
    assert check_ins.days(HOME, 1) == {FIRST_DAY}


def test_the_act_is_one_round_trip_and_a_member_costs_little(database: Database, redis_server: EmbeddedServer) -> None:
    trips: list[int] = []
    counted = Database(redis_server.url, on_round_trip=lambda: trips.append(1))
    store = CheckIns(counted)
    check_in(store, HOME, TODAY, "warm")
    trips.clear()
    check_in(store, HOME, TODAY + timedelta(days=1), "a")
    assert len(trips) == 1
    for member in range(2, 32):
        for n in range(31):
            check_in(store, HOME, TODAY + timedelta(days=n), f"{member}.{n}", member=member)
    record = database.command("MEMORY", "USAGE", keys.CHECK_INS(shard=4, community="home"), "SAMPLES", 0) / 31
    bits = database.command("MEMORY", "USAGE", keys.CHECK_IN_DAYS(shard=4, community="home", member=7))
    counted.close()
    assert record < 180
    assert bits < 300


# Make-ups at once, and what they cost ---------------------------------------------------------------------------------------


def at_once(act: Callable[[int], MadeUp]) -> list[str]:
    with ThreadPoolExecutor(8) as pool:
        return [made.outcome for made in pool.map(act, range(8))]


def test_of_many_make_ups_at_once_one_card_pays_for_one(check_ins: CheckIns) -> None:
    for n in range(3):
        check_in(check_ins, HOME, TODAY - timedelta(days=6 - n), f"in{n}")
    check_in(check_ins, HOME, TODAY, "now")
    assert check_ins.standing(HOME, 1, TODAY).cards == 1
    assert sorted(at_once(lambda n: make_up(check_ins, HOME, TODAY, f"up{n}"))) == ["card"] * 7 + ["ok"]
    assert check_ins.standing(HOME, 1, TODAY).total == 5


def gap(check_ins: CheckIns) -> None:
    """Two days, and one between them that was missed; no card."""
    check_in(check_ins, HOME, TODAY - timedelta(days=2), "a")
    check_in(check_ins, HOME, TODAY, "b")


def test_a_level_pays_before_cards_do_and_anew_each_month(check_ins: CheckIns) -> None:
    gap(check_ins)
    check_ins.give_cards(HOME, 1, 2, once="c")
    assert make_up(check_ins, HOME, TODAY, "1", rights=1).cards == 2
    later = date(2026, 4, 6)
    for n in (7, 5, 3, 0):
        check_in(check_ins, HOME, later - timedelta(days=n), f"in{n}")
    assert [make_up(check_ins, HOME, later, f"up{n}", rights=1).cards for n in range(2)] == [2, 1]
    standing = check_ins.standing(HOME, 1, later)
    assert (standing.made_up, standing.by_right) == (2, 1)


def test_points_pay_only_where_the_member_says_so_and_has_them(check_ins: CheckIns, database: Database) -> None:
    rule = MakeUpRule(cost_points=8)
    gap(check_ins)
    assert make_up(check_ins, HOME, TODAY, "1", rule=rule).outcome == "price"
    made = make_up(check_ins, HOME, TODAY, "2", rule=rule, pays=True)
    assert (made.outcome, made.paid, made.balance, made.streak) == ("ok", 8, 2, 3)
    later = TODAY + timedelta(days=2)
    check_in(check_ins, HOME, later, "d", rewards=Rewards((0,), repeat=False))
    assert make_up(check_ins, HOME, later, "3", rule=rule, pays=True).outcome == "short"
    points = Points(database)
    assert points.balance(HOME, 1) == 2
    assert points.earned(HOME, 1) == 10, "what was spent stays earned"
    assert points.discrepancies(HOME) == []


def test_cards_given_twice_under_one_name_are_given_once(check_ins: CheckIns) -> None:
    assert [check_ins.give_cards(HOME, 1, 2, once="order:1") for _ in range(2)] == [2, 2]
    assert check_ins.give_cards(HOME, 1, 1, once="order:2") == 3
    assert check_in(check_ins, HOME, TODAY, "a").cards == 3
    assert check_ins.standing(HOME, 2, TODAY) == Standing()


def test_records_of_the_layout_before_are_converted_with_their_streak(check_ins: CheckIns, database: Database) -> None:
    database.command("HSET", keys.CHECK_INS(shard=4, community="home"), "1", "2026-03-09|5", "2", "2026-01-02|1")
    assert [check_ins.convert(), check_ins.convert()] == [2, 0]
    assert check_in(check_ins, HOME, TODAY, "a").streak == 6
    assert check_ins.month(HOME, 1, 2026, 3) == {5, 6, 7, 8, 9, 10}
    assert check_in(check_ins, HOME, TODAY, "b", member=2).streak == 1


def test_a_streak_from_elsewhere_goes_on(check_ins: CheckIns, database: Database) -> None:
    database.pipeline(opening(HOME, 1, TODAY - timedelta(days=1), 1_000, 1_200, 1_500))
    done = check_in(check_ins, HOME, TODAY, "a")
    assert (done.streak, done.longest, done.total) == (1_001, 1_200, 1_501)
    check_in(check_ins, HOME, TODAY + timedelta(days=2), "b")
    made = make_up(check_ins, HOME, TODAY + timedelta(days=2), "c", rights=1)
    assert made.streak == sum(1 for _ in check_ins.days(HOME, 1)), "only days that are known one by one are joined"


def test_a_member_can_be_exported_and_forgotten(check_ins: CheckIns, database: Database) -> None:
    gap(check_ins)
    assert check_ins.export_user(1)["home"]["日期"] == ["2026-03-08", "2026-03-10"]
    check_ins.erase_user(1)
    assert check_ins.export_user(1) == {}
    assert not list(database.scan("*check_ins:days*"))


# In chat --------------------------------------------------------------------------------------------------------------------


def test_a_check_in_says_what_the_next_days_bring(chat: Chat) -> None:
    assert "再签 2 天有 +5" in chat.says("签到")
    chat.later(days=1)
    assert "再签 1 天有 +5" in chat.says("签到")
    chat.later(days=1)
    said = chat.says("签到")
    assert "积分 +10" in said
    assert "其中 5 分是连续 3 天的奖励" in said
    assert "再签 4 天有 +15" in said
    assert "今天已经签到过了，连续 3 天，积分 20。再签 4 天有 +15。明天再来" in chat.says("签到")


def test_the_day_ends_at_midnight_of_the_community(chat: Chat) -> None:
    chat.at("2026-03-31 23:59")
    assert "签到成功" in chat.says("签到")
    chat.at("2026-04-01 00:00")
    assert "已连续签到 2 天" in chat.says("签到")


def test_a_missed_day_is_made_up_for_with_a_card(chat: Chat) -> None:
    for _ in range(7):
        said = chat.says("签到")
        chat.later(days=1)
    assert "送你一张补签卡（现在有 1 张）" in said
    chat.later(days=1)
    assert "已连续签到 1 天。再签 2 天有 +5。前面漏了？说“补签”就能接上" in chat.says("签到")
    made = chat.says("补签")
    assert "补上了 3 月 17 日的签到" in made
    assert "连续签到 **9** 天" in made
    assert chat.points() == 7 * 5 + 5 + 15 + 5, "days that were made up for earn nothing"
    chat.later(days=1)
    assert "已连续签到 10 天" in chat.says("签到")
    assert "连续签到 **10** 天，最长 10 天，一共 10 天" in chat.says("我的签到")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("补签 3月8日", "补上了 3 月 8 日"),
        ("补签3月8日", "补上了 3 月 8 日"),
        ("补签 2026-03-08", "补上了 3 月 8 日"),
        ("补签 ３／８", "补上了 3 月 8 日"),
        ("补签8号", "补上了 3 月 8 日"),
        ("补签前天的签到", "补上了 3 月 8 日"),
        ("补打卡 昨天", "补上了 3 月 9 日"),
        ("补签", "补上了 3 月 9 日"),
        ("补签 3月10日", "今天不用补"),
        ("补签 3月1日", "只能补最近 7 天"),
        ("补签 3月5日", "之后才开始签到的"),
        ("补签 3月7日", "已经签到过了"),
        ("补签 12月31日", "只能补最近 7 天"),
        ("补签 2026-03-11", "还没到"),
        ("补签 2月30日", "没有“2月30日”这一天。写法是：补签 日期"),
        ("补签 那天", "例如：补签 3月8日"),
        ("补签 99号", "没有“99号”这一天"),
    ],
)
def test_the_day_to_make_up_for_may_be_named_in_many_ways(chat: Chat, typed: str, answer: str) -> None:
    chat.at("2026-03-06 10:00")
    chat.says("签到")
    chat.later(days=1)
    chat.says("签到")
    chat.at("2026-03-10 10:00")
    chat.stores.check_ins.give_cards(chat.community.keys, chat.member(), 1, once="x")
    assert answer in chat.says(typed)


@pytest.mark.parametrize(
    ("missed", "cards", "said"), [(1, 1, True), (2, 2, True), (2, 1, False), (4, 5, False), (8, 5, False), (1, 0, False)]
)
def test_making_up_is_offered_only_where_it_mends_the_streak(chat: Chat, missed: int, cards: int, said: bool) -> None:
    chat.says("签到")
    chat.stores.check_ins.give_cards(chat.community.keys, chat.member(), cards, once="x") if cards else None
    chat.later(days=missed + 1)
    assert ("说“补签”就能接上" in chat.says("签到", id="a")) is said
    assert ("说“补签”就能接上" in chat.says("签到", id="a")) is said, "a repeat says the same"
    if said:
        for _ in range(missed):
            streak = chat.says("补签")
        assert f"连续签到 **{missed + 2}** 天" in streak


def test_what_was_made_up_for_this_month_counts_where_making_up_is_offered(chat: Chat) -> None:
    chat.says("签到")
    chat.stores.check_ins.give_cards(chat.community.keys, chat.member(), 5, once="x")
    for missed in (2, 1):
        chat.later(days=missed + 1)
        assert "就能接上" in chat.says("签到")
        for _ in range(missed):
            chat.says("补签")
    chat.later(days=2)
    assert "就能接上" not in chat.says("签到"), "three times a month"


@pytest.mark.parametrize("asked", ["补签 需要什么材料", "补卡 需要什么材料", "签到日历 怎么看", "日历 2026 放假安排", "排行榜 怎么算"])
def test_a_question_behind_a_command_is_a_question(chat: Chat, asked: str) -> None:
    chat.says("签到")
    assert "写法是" not in chat.says(asked)
    assert "榜" not in chat.says(asked)


def test_without_a_card_the_bot_says_how_to_get_one(chat: Chat) -> None:
    assert "还没有签过到" in chat.says("补签")
    assert "还没有签过到" in chat.says("我的签到")
    chat.says("签到")
    assert "没有漏签" in chat.says("补签")
    chat.later(days=2)
    chat.says("签到")
    assert "没有补签卡了。连续签到每满 7 天送一张" in chat.says("补签")


def test_a_repeated_make_up_is_said_again_and_done_once(chat: Chat) -> None:
    chat.says("签到")
    chat.later(days=2)
    chat.stores.check_ins.give_cards(chat.community.keys, chat.member(), 3, once="x")
    first = chat.says("补签", id="twice")
    assert chat.says("补签", id="twice") == first
    assert chat.stores.check_ins.standing(chat.community.keys, chat.member(), TODAY).cards == 2


def test_of_two_processes_one_checks_in_and_both_know_it(open_chat: OpenChat) -> None:
    one, two = open_chat(), open_chat()
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: (one if n % 2 else two).privately("签到", id=f"S{n}"), range(8)))
    assert sum("签到成功" in words for words in said) == 1
    assert sum("今天已经签到过了" in words for words in said) == 7
    assert one.points() == two.points() == 5


def test_another_community_has_check_ins_of_its_own(chat: Chat) -> None:
    assert "签到成功" in chat.says("签到", group=MAIN)
    assert "签到成功" in chat.says("签到", group="wrFAR")
