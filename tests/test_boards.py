"""排行榜: fair ranks, one's own place and neighbours, by day, week, month and in all time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from chat import FAR, Chat, a_config, build, settings
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bot.metrics import Metrics
from rules.text import Words
from storage import keys
from storage.boards import MOST_LEFT_OUT, Board, Boards, Place
from storage.community import CommunityKeys
from storage.connection import Database
from storage.embedded import EmbeddedServer

pytest_plugins = ("chat",)

HERE, DAY = CommunityKeys("main", 4), date(2026, 3, 10)
ALL = keys.BOARD_ALL(shard=4, community="main")


@pytest.fixture(scope="module")
def lasting(redis_server: EmbeddedServer) -> Iterator[Database]:
    """A Redis for many examples."""
    database = Database(redis_server.url)
    yield database
    database.close()


def fill(database: Database, points: dict[int, int], key: str = ALL) -> Boards:
    """A board with these points."""
    database.command("DEL", key)
    if points:
        database.command("ZADD", key, *(word for member, n in points.items() for word in (n, member)))
    return Boards(database)


def expected_rank(points: dict[int, int], member: int) -> int:
    """One more than those who have more."""
    return 1 + sum(n > points[member] for n in points.values())


# The store ------------------------------------------------------------------------------------------------------------------


def test_ties_share_a_rank_and_the_next_counts_them(database: Database) -> None:
    seen = fill(database, {1: 30, 2: 50, 3: 30, 4: 10}).page(HERE, "all", DAY, 4)
    assert [(place.rank, place.member) for place in seen.top] == [(1, 2), (2, 1), (2, 3), (4, 4)]
    assert seen.own == Place(4, 4, 10)
    assert (seen.gap, seen.size) == (20, 4)


def test_the_asker_sees_his_neighbours_wherever_he_is(database: Database) -> None:
    boards = fill(database, {member: 10_000 - member for member in range(1, 1_001)})
    seen = boards.page(HERE, "all", DAY, 500, first=3, around=2)
    assert [place.member for place in seen.top] == [1, 2, 3]
    assert [(place.rank, place.member) for place in seen.around] == [(498, 498), (499, 499), (500, 500), (501, 501), (502, 502)]
    assert seen.gap == 1


def test_who_is_not_on_the_board_has_no_place(database: Database) -> None:
    boards = fill(database, {1: 5})
    assert boards.page(HERE, "all", DAY, 99) == Board((Place(1, 1, 5),), None, (), 0, 1)
    assert boards.page(HERE, "day", DAY, 1) == Board((), None, (), 0, 0)


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=st.dictionaries(st.integers(1, 60), st.integers(0, 12) | st.integers(0, 10**12), max_size=40),
    without=st.lists(st.integers(1, 60), max_size=8, unique=True),
    asker=st.integers(1, 60),
    first=st.integers(0, 12),
    around=st.integers(0, 3),
)
def test_every_rank_is_one_more_than_those_who_have_more(
    lasting: Database, points: dict[int, int], without: list[int], asker: int, first: int, around: int
) -> None:
    seen = fill(lasting, points).page(HERE, "all", DAY, asker, first=first, around=around, without=without)
    counted = {member: n for member, n in points.items() if member not in without}
    for place in (*seen.top, *seen.around, *filter(None, [seen.own])):
        assert place == Place(expected_rank(counted, place.member), place.member, counted[place.member])
    assert seen.size == len(counted)
    assert [place.points for place in seen.top] == sorted(counted.values(), reverse=True)[:first]
    assert (seen.own is not None) == (asker in counted)
    better = [n for n in counted.values() if asker in counted and n > counted[asker]]
    assert seen.gap == (min(better) - counted[asker] if better else 0)
    if asker in counted:
        assert asker in {place.member for place in seen.around}
        assert len(seen.around) <= 2 * around + 1
        assert len(seen.around) >= min(around + 1, len(counted))


def test_more_than_a_hundred_are_not_left_out(database: Database) -> None:
    boards = fill(database, dict.fromkeys(range(1, 301), 5))
    assert boards.page(HERE, "all", DAY, 300, without=range(1, 300)).size == 300 - MOST_LEFT_OUT


def test_without_first_places_none_are_read(database: Database) -> None:
    boards = fill(database, {member: member for member in range(1, 1_001)})
    boards.page(HERE, "all", DAY, 500, first=0, around=0)  # the script is made known to the server
    database.command("CONFIG", "RESETSTAT")
    seen = boards.page(HERE, "all", DAY, 500, first=0, around=0)
    assert seen.top == ()
    assert seen.own == Place(501, 500, 500)
    assert "cmdstat_zcount:calls=1," in str(database.command("INFO", "commandstats")), "his own rank, and nobody else's"


def test_a_page_costs_one_round_trip(redis_server: EmbeddedServer, database: Database) -> None:
    trips: list[int] = []
    fill(database, {1: 5, 2: 7})
    counted = Database(redis_server.url, on_round_trip=lambda: trips.append(1))
    boards = Boards(counted)
    boards.page(HERE, "all", DAY, 1)  # the script is made known to the server
    trips.clear()
    boards.page(HERE, "all", DAY, 1)
    counted.close()
    assert len(trips) == 1


# In chat ----------------------------------------------------------------------------------------------------------------------


def test_the_board_names_everybody_with_his_rank_and_says_what_is_missing(chat: Chat) -> None:
    chat.says("签到", user="hanmei", name="韩梅梅")
    chat.later(days=1)
    chat.says("签到", user="hanmei")
    chat.says("签到", name="李雷")
    said = chat.says("排行榜")
    assert said.index("🥇 韩梅梅 10 分") < said.index("🥈 李雷（你） 5 分")
    assert "你第 2 名，共 2 人上榜，距上一名还差 5 分" in said


def test_in_words_the_first_three_and_the_asker_with_his_neighbours(chat: Chat) -> None:
    for day in range(6):
        for user in "abcdef"[: 6 - day]:
            chat.says("签到", user=user, name=user.upper())
        chat.later(days=1)
    lines = chat.says("总榜", user="e").splitlines()
    assert [line.split()[-3:][0] for line in lines[1:4]] == ["A", "B", "C"]
    assert [line.split()[0][0] for line in lines[4:7]] == ["4", "5", "6"]
    assert "（你）" in lines[5]
    assert "……" in chat.says("总榜", user="f"), "somebody is left out in between"


def test_equals_are_equals(chat: Chat) -> None:
    for user in ("a", "b", "c"):
        chat.says("签到", user=user)
    said = chat.says("排行榜", user="a")
    assert said.count("🥇") == 3
    assert "你并列第一名，共 3 人上榜" in said


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("排行榜", "本周积分榜"), ("排行榜 今日", "今日积分榜"), ("日榜", "今日积分榜"), ("排行 今天", "今日积分榜"), ("周榜", "本周积分榜"),
        ("排行榜 本月", "本月积分榜"), ("月榜", "本月积分榜"), ("总榜", "积分总榜"), ("排行榜 总榜", "积分总榜"), ("我的排名", "本周积分榜"),
    ],
)  # fmt: skip
def test_it_is_asked_for_in_many_ways(chat: Chat, words: str, title: str) -> None:
    chat.says("签到")
    assert f"**{title}**" in chat.says(words)


def test_a_wrong_word_is_answered_with_an_example(chat: Chat) -> None:
    assert "没有“去年”这个榜。写法是：排行榜 今日/本周/本月/总榜，例如：排行榜 本月" in chat.says("排行榜 去年")
    assert "没有“第 3 名”这个榜" in chat.says("排名 第 3 名")


def test_an_empty_board_invites(chat: Chat) -> None:
    assert "今日积分榜还空着。说“签到”，你就是第一名！" in chat.says("日榜")
    assert "上周积分榜是空的。" in chat.says("上周榜")


@pytest.mark.parametrize(
    ("before", "after", "ended", "goes_on"),
    [
        ("2026-03-10 23:59", "2026-03-11 00:01", "日榜", "周榜"),
        ("2026-03-15 23:59", "2026-03-16 00:01", "周榜", "月榜"),
        ("2026-03-31 23:59", "2026-04-01 00:01", "月榜", "周榜"),
        ("2025-12-31 23:59", "2026-01-01 00:01", "月榜", "周榜"),
    ],
)
def test_a_board_ends_with_its_time_in_the_communitys_zone(chat: Chat, before: str, after: str, ended: str, goes_on: str) -> None:
    chat.at(before)
    chat.says("签到")
    chat.at(after)
    assert "还空着" in chat.says(ended)
    last = {"日榜": "昨日榜", "周榜": "排行榜 上周", "月榜": "排行榜 上个月"}[ended]
    assert "你是第一名" in chat.says(last)
    assert "5 分" in chat.says(goes_on)
    assert "5 分" in chat.says("总榜")


def test_the_board_of_a_period_lasts_until_the_next_one_is_over(chat: Chat) -> None:
    chat.at("2026-03-09 00:01")  # a Monday; nothing is earned after that
    chat.says("签到", name="李雷")
    part = {"shard": chat.community.keys.shard, "community": "main"}
    left = {
        name: chat.stores.database.command("PTTL", key)
        for name, key in (
            ("day", keys.BOARD_DAY(**part, day="2026-03-09")), ("week", keys.BOARD_WEEK(**part, week="2026-W11")),
            ("month", keys.BOARD_MONTH(**part, month="2026-03")),
        )
    }  # fmt: skip
    assert left["day"] >= 2 * 86_400_000
    assert left["week"] >= 15 * 86_400_000
    assert left["month"] >= 62 * 86_400_000


def test_what_is_earned_in_one_community_shows_in_no_other(chat: Chat) -> None:
    chat.says("签到", name="李雷")
    said = chat.says("总榜", user="far", group=FAR)
    assert "李雷" not in said
    assert "还空着" in said


def test_a_name_makes_no_link(chat: Chat) -> None:
    chat.says("签到", name="[领奖](https://evil.example)**x**")
    assert "［领奖］(https://evil" in chat.says("总榜")


def test_who_has_no_name_is_called_by_his_number(chat: Chat) -> None:
    chat.says("签到", user="nobody")
    assert f"成员 {chat.member('nobody')}（你） 5 分" in chat.says("总榜", user="nobody")


def test_those_with_a_role_can_be_left_out(
    chat: Chat, redis_server: EmbeddedServer, tmp_path: Path, dictionary: Words, metrics: Metrics
) -> None:
    for user, name in (("boss", "老板"), ("hanmei", "韩梅梅"), ("lilei", "李雷")):
        chat.says("签到", user=user, name=name)
    chat.as_admin("角色 韩梅梅 运营")
    assert "老板" in chat.says("总榜")
    strict = a_config(tmp_path, redis_server.url, {**settings(), "boards": {"leave_out_roles": True}})
    other = build(itertools.count(1_000), strict, dictionary, metrics, clock=chat.clock)
    said = other.says("总榜")
    assert "老板" not in said
    assert "韩梅梅" not in said
    assert "你是第一名，共 1 人上榜" in said
    assert "你在这里有角色，按设置不上榜" in other.says("总榜", user="boss")
    assert "挣了 5 积分，排第 1 名" in other.says("海报")
    assert other.says("海报", user="boss").endswith("挣了 5 积分。"), "no rank, and still what he earned"
    other.stores.database.close()


def test_an_erased_member_leaves_every_board_and_the_others_move_up(chat: Chat) -> None:
    for day in range(2):
        chat.says("签到", user="hanmei", name="韩梅梅")
        chat.later(days=1 - day)
    chat.says("签到", name="李雷")
    number = chat.member("hanmei")
    first, second = {"积分": 5, "名次": 1}, {"积分": 10, "名次": 1}
    periods = {"day:2026-03-10": first, "day:2026-03-11": first, "week:2026-W11": second, "month:2026-03": second, "all": second}
    assert chat.stores.boards.export_user(number) == {"main": periods}
    assert "韩梅梅" in chat.says("总榜")
    chat.erase("hanmei")
    for words in ("日榜", "周榜", "月榜", "总榜"):
        said = chat.says(words)
        assert "韩梅梅" not in said
        assert f"成员 {number}" not in said
    assert "你是第一名，共 1 人上榜" in chat.says("总榜")
    assert chat.stores.boards.export_user(number) == {}


@pytest.mark.parametrize("through", ["assistant", "desk"])
def test_the_answer_that_shows_an_erased_member_is_not_kept_for_repeats(chat: Chat, through: str) -> None:
    chat.says("签到", user="hanmei", name="韩梅梅")
    chat.says("签到", name="李雷")
    said = chat.privately("总榜", id="77", through=through)
    assert "韩梅梅" in said
    database = chat.stores.database
    (mine,) = database.scan("qb:{*}:msg:*:77")
    assert bool(chat.outbox()) == (through == "desk")
    chat.erase("hanmei")
    assert database.command("EXISTS", mine) == 0
    assert chat.outbox() == [], "nor does her name leave in a picture"
