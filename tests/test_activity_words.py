"""What operators type to make an activity: moments, titles, lines and settings."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.activity_words import MOST_LINES, Request, RequestProblem, read_moment, read_request

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 25, 15, 0, tzinfo=ZONE)
"""A Wednesday."""


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("今晚8点", "2026-11-25 20:00"),
        ("今晚 8 点半", "2026-11-25 20:30"),
        ("明天20:00", "2026-11-26 20:00"),
        ("明天 20：00", "2026-11-26 20:00"),
        ("明晚九点", "2026-11-26 21:00"),
        ("后天中午12点", "2026-11-27 12:00"),
        ("明天", "2026-11-26 23:59"),
        ("今晚", "2026-11-25 20:00"),
        ("今天24点", "2026-11-25 23:59"),
        ("今晚12点", "2026-11-25 23:59"),
        ("周五18点", "2026-11-27 18:00"),
        ("星期五晚上", "2026-11-27 20:00"),
        ("周三14:00", "2026-12-02 14:00"),
        ("周三18:00", "2026-11-25 18:00"),
        ("下周一上午10点", "2026-11-30 10:00"),
        ("下下周二", "2026-12-08 23:59"),
        ("周日20:00", "2026-11-29 20:00"),
        ("11-30 20:00", "2026-11-30 20:00"),
        ("11月30日晚上8点", "2026-11-30 20:00"),
        ("11.30 18点", "2026-11-30 18:00"),
        ("2026-12-01 09:30", "2026-12-01 09:30"),
        ("2026年12月1日", "2026-12-01 23:59"),
        ("1-5 9点", "2027-01-05 09:00"),
        ("8点", "2026-11-25 20:00"),
        ("8:00", "2026-11-26 08:00"),
        ("上午8点", "2026-11-26 08:00"),
        ("20点30分", "2026-11-25 20:30"),
        ("下午三点一刻", "2026-11-25 15:15"),
        ("凌晨1点", "2026-11-26 01:00"),
        ("30分钟", "2026-11-25 15:30"),
        ("十分钟后", "2026-11-25 15:10"),
        ("半小时后", "2026-11-25 15:30"),
        ("一个半小时", "2026-11-25 16:30"),
        ("2小时后", "2026-11-25 17:00"),
        ("两天后", "2026-11-27 15:00"),
        ("3天之后", "2026-11-28 15:00"),
        ("1周", "2026-12-02 15:00"),
        ("周二十点", "2026-12-01 10:00"),
        ("下周一十二点半", "2026-11-30 12:30"),
    ],
)
def test_a_moment_is_read_as_people_write_it(words: str, wanted: str) -> None:
    found = read_moment(words, NOW)
    assert found is not None
    assert f"{found:%Y-%m-%d %H:%M}" == wanted


@pytest.mark.parametrize(
    "words",
    [
        "",
        "随便",
        "25:00",
        "明天25点",
        "13月1日",
        "2月30日 8点",
        "3",
        "8点99分",
        "99999天",
        "明天吃饭",
        "周八",
        "0分钟",
        "十十点",
        "二十十",
        "一二十点",
        "零十十分钟",
    ],
)
def test_what_is_no_moment_is_none(words: str) -> None:
    assert read_moment(words, NOW) is None


def test_a_day_without_an_hour_means_what_the_caller_says() -> None:
    assert read_moment("明天", NOW, bare=time(9)) == NOW.replace(day=26, hour=9)


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from([*"十二零两半3点时:天后周末今明晚月号年-. ٣²", "9999", "小时", "下下", "12"]), max_size=7).map("".join)
)
def test_no_words_break_the_reading_of_moments(words: str) -> None:
    found = read_moment(words, NOW)
    assert found is None or found.tzinfo is not None


@given(st.datetimes(NOW.replace(tzinfo=None) + timedelta(minutes=1), NOW.replace(tzinfo=None) + timedelta(days=300)))
def test_a_whole_date_is_read_back(moment: datetime) -> None:
    assert read_moment(f"{moment:%Y-%m-%d %H:%M}", NOW) == moment.replace(second=0, microsecond=0, tzinfo=ZONE)


def test_a_request_has_a_title_lines_and_settings() -> None:
    words = "周末去哪 | 爬山｜看电影\n截止 明天20:00 | 多选 2 | 匿名 | 奖品 咖啡券 3 | 奖品：马克杯 1"
    found = read_request(words, NOW, ("多选", "匿名", "奖品"))
    assert (found.title, found.lines) == ("周末去哪", ("爬山", "看电影"))
    assert found.settings == {"多选": ("2",), "匿名": ("",), "奖品": ("咖啡券 3", "马克杯 1")}
    assert found.closes == NOW.replace(day=26, hour=20)
    assert (found.one("多选"), found.one("队伍", "没有"), found.has("匿名"), found.has("队伍")) == ("2", "没有", True, False)


def test_a_line_that_only_begins_like_a_setting_is_a_line() -> None:
    found = read_request("哪个好 | 多选题真多 | 开始的时候 | 截止不了 | 截止今晚8点 | 多选2", NOW, ("多选",))
    assert found.lines == ("多选题真多", "开始的时候", "截止不了")
    assert (found.one("多选"), found.closes) == ("2", NOW.replace(hour=20))


def test_a_request_may_be_a_title_alone() -> None:
    assert read_request("  周六爬山 ", NOW, ()) == Request("周六爬山")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "先写标题"),
        (" | ", "先写标题"),
        ("\u200b\u2060 | 甲", "要有字"),
        ("长" * 61, "最多 60 个字"),
        ("标题 | 截止 天晓得", "看不懂是什么时候"),
        ("标题 | 截止 2020-01-01 8:00", "已经过了"),
        ("标题 | 开始 2030-01-01", "最多一年"),
        ("标题" + " | 甲" * (MOST_LINES + 1), "太多了"),
    ],
)
def test_a_wrong_request_says_what_would_be_right(words: str, problem: str) -> None:
    with pytest.raises(RequestProblem, match=problem):
        read_request(words, NOW, ())
