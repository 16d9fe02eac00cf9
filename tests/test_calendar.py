"""When what is planned falls due: by cron or once, on workdays, over month borders and changed clocks; and what the days of China are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import (
    Due,
    Rhythm,
    cron_of,
    due_on,
    moments_on,
    newest_moments,
    next_moment,
    parse_at,
    rhythm_of,
    say_when,
    weeks_of,
)
from rules.contents import PUSHES, WORKDAYS, ContentProblem, parse
from rules.workdays import Sort, SpecialDay, Workdays

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
CHINA = Workdays()


@dataclass(frozen=True)
class Plan:
    """Something planned."""

    cron: str = ""
    at: str = ""
    days: Sort = "all"


def days_of(plan: Plan, first: str, count: int) -> list[str]:
    days = (date.fromisoformat(first) + timedelta(days=n) for n in range(count))
    return [f"{day:%m-%d}" for day in days if due_on(plan, day, CHINA)]


# Days ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "is_worked", "name"),
    [
        ("2026-02-17", False, "春节"),
        ("2026-02-14", True, "春节调休上班"),  # a Saturday
        ("2026-10-10", True, "国庆节调休上班"),
        ("2026-03-10", True, ""),
        ("2026-03-14", False, ""),
        ("2027-02-06", False, "春节"),  # not announced yet: statutory
        ("2027-02-09", True, ""),
        ("2028-10-03", False, "中秋节、国庆节"),
    ],
)
def test_a_day_of_china_is_worked_or_not(day: str, is_worked: bool, name: str) -> None:
    found = date.fromisoformat(day)
    assert (CHINA.is_workday(found), CHINA.name(found)) == (is_worked, name)
    assert CHINA.is_made_up(found) == (is_worked and found.weekday() > 4)


def test_which_years_are_announced_is_known() -> None:
    assert [CHINA.is_announced(year) for year in (2026, 2036)] == [True, False]


def test_what_operators_write_down_goes_before() -> None:
    own = parse(WORKDAYS, "days: [{day: 2027-02-09, work: false, name: 春节}, {day: 2026-03-14, work: true}]")
    assert own.name(date(2027, 2, 9)) == "春节"
    assert [own.is_workday(date(2027, 2, 9)), own.is_workday(date(2026, 3, 14)), own.is_workday(date(2026, 2, 17))] == [False, True, False]
    with pytest.raises(ContentProblem) as caught:
        parse(WORKDAYS, "days: [{day: 2027-02-09, work: false}, {day: 2027-02-09, work: true}]")
    assert "写了两次" in caught.value.problems[0]


# Expansion ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "first", "count", "expected"),
    [
        (Plan("0 9 31 * *"), "2026-01-01", 151, ["01-31", "03-31", "05-31"]),  # months that have no 31st pass
        (Plan("0 9 29 2 *"), "2028-02-01", 60, ["02-29"]),
        (Plan("0 9 29 2 *"), "2026-02-01", 60, []),
        (Plan("0 9 * * sun"), "2026-02-23", 14, ["03-01", "03-08"]),
        (Plan("0 9 * * *", days="workdays"), "2026-02-12", 14, ["02-12", "02-13", "02-14", "02-24", "02-25"]),
        (Plan("0 9 * * *", days="holidays"), "2026-02-12", 5, ["02-15", "02-16"]),
        (
            Plan("0 9 * * *", days="first_workday"),
            "2026-01-01",
            100,
            ["01-04", "02-02", "03-02", "04-01"],
        ),  # a Sunday that makes up for the New Year
        (Plan("0 9 * * *", days="last_workday"), "2026-01-01", 92, ["01-30", "02-28", "03-31"]),
        (Plan("0 9 * * mon", days="first_workday"), "2026-01-01", 100, ["02-02", "03-02"]),
        (Plan(at="2026-02-28 09:00"), "2026-02-20", 30, ["02-28"]),
    ],
)
def test_it_is_due_on_these_days(plan: Plan, first: str, count: int, expected: list[str]) -> None:
    assert days_of(plan, first, count) == expected


def test_a_day_tells_how_often_without_counting_each_time() -> None:
    assert due_on(Plan("*/15 8-20 * * *"), date(2026, 3, 10), CHINA) == Due(time(8), 52)
    assert len(moments_on(Plan("* * * * *"), date(2026, 3, 10), SHANGHAI, CHINA)) == 1440


@pytest.mark.parametrize(
    ("cron", "day", "expected"),
    [
        ("30 2 * * *", "2026-03-08", ["07:30"]),  # there is no 2:30 there: an hour later by the wall
        ("30 1 * * *", "2026-11-01", ["05:30"]),  # it is 1:30 twice: the first one
        ("0,30 1-3 * * *", "2026-03-08", ["06:00", "06:30", "07:00", "07:30"]),  # 2:00 and 3:00 are one moment
    ],
)
def test_what_is_said_once_a_day_is_said_once_though_the_clocks_change(cron: str, day: str, expected: list[str]) -> None:
    moments = moments_on(Plan(cron), date.fromisoformat(day), NEW_YORK, CHINA)
    assert [f"{moment:%H:%M}" for moment in moments] == expected


def test_one_moment_is_another_in_each_zone() -> None:
    plan, before = Plan(at="2026-12-01 09:00"), datetime(2026, 11, 1, tzinfo=UTC)
    assert next_moment(plan, SHANGHAI, before, CHINA) == datetime(2026, 12, 1, 1, tzinfo=UTC)
    assert next_moment(plan, NEW_YORK, before, CHINA) == datetime(2026, 12, 1, 14, tzinfo=UTC)
    assert next_moment(plan, SHANGHAI, datetime(2026, 12, 1, 1, tzinfo=UTC), CHINA) is None


def test_the_next_leap_day_that_is_worked_is_found() -> None:
    assert next_moment(Plan("0 9 29 2 *", days="workdays"), SHANGHAI, datetime(2026, 3, 1, tzinfo=UTC), CHINA) == datetime(
        2028, 2, 29, 1, tzinfo=UTC
    )
    everything_off = Workdays(tuple(SpecialDay(date(2028 + 4 * n, 2, 29), True) for n in range(12)))
    assert next_moment(Plan("0 9 29 2 *", days="workdays"), SHANGHAI, datetime(2026, 3, 1, tzinfo=UTC), everything_off) is None


@given(
    st.sampled_from(["*/7 * * * *", "0 9 * * *", "30 2 * * *", "15,45 8-18 * * 1-5", "0 0 1 * *", "59 23 31 * *"]),
    st.sampled_from([SHANGHAI, NEW_YORK, ZoneInfo("Australia/Lord_Howe")]),
    st.integers(0, 730 * 24 * 60),
    st.sampled_from(["all", "workdays", "holidays"]),
)
def test_the_newest_moment_before_the_next_is_the_one_before_it(cron: str, zone: ZoneInfo, minutes: int, days: Sort) -> None:
    plan, after = Plan(cron, days=days), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    first = next_moment(plan, zone, after, CHINA)
    assert first
    assert first > after
    assert newest_moments(plan, zone, after, first - timedelta(seconds=1), CHINA, 1) == []
    second = next_moment(plan, zone, first, CHINA)
    assert second
    assert newest_moments(plan, zone, after, second, CHINA, 5) == [second, first]


# What people write and read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2026-02-30 09:00", "2026-12-01 25:00", "12-01 09:00", "明天九点", "2026-12-01", "２026-12-01 09:00"])
def test_a_moment_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="时间"):
        parse_at(text)


rhythms = st.one_of(
    st.builds(Rhythm, st.just("daily"), st.times().map(lambda at: at.replace(second=0, microsecond=0))),
    st.builds(
        lambda at, days: Rhythm("weekly", at, tuple(sorted(days))),
        st.just(time(20, 30)),
        st.sets(st.integers(0, 6), min_size=1, max_size=6),
    ),
    st.builds(lambda day: Rhythm("monthly", time(9), day=day), st.integers(1, 31)),
)


@given(rhythms)
def test_a_rhythm_comes_back_from_its_cron(rhythm: Rhythm) -> None:
    assert rhythm_of(Plan(cron_of(rhythm))) == rhythm


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan("0 9 * * *"), "每天 09:00"),
        (Plan("0 9 * * *", days="workdays"), "工作日 09:00"),
        (Plan("30 20 * * mon,3"), "每周一、三 20:30"),
        (Plan("0 9 1 * *"), "每月 1 日 09:00"),
        (Plan("0 9 1 1 *"), "cron 0 9 1 1 *"),
        (Plan("0 9 * * 1-5", days="workdays"), "每周一、二、三、四、五 09:00（工作日）"),
        (Plan(at="2026-12-01 09:00"), "2026-12-01 09:00"),
    ],
)
def test_when_it_is_due_is_said_in_words(plan: Plan, said: str) -> None:
    assert say_when(plan) == said


def test_a_month_has_whole_weeks_from_monday() -> None:
    weeks = weeks_of(2026, 2)
    assert (weeks[0][0], weeks[-1][-1]) == (date(2026, 1, 26), date(2026, 3, 1))
    assert all(len(week) == 7 for week in weeks)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("text: 早", "只写一个"),
        ("text: 早, cron: '0 9 * * *', at: 2026-12-01 09:00", "只写一个"),
        ("text: 早, at: 2026-12-01 09:00, days: workdays", "不用写 days"),
        ("text: 早, at: 12 月 1 日", "看不懂"),
        ("text: 早, cron: '0 9 * * *', days: 周末", "只能是"),
    ],
)
def test_a_push_that_could_never_be_said_is_refused(row: str, problem: str) -> None:
    with pytest.raises(ContentProblem) as caught:
        parse(PUSHES, f"- {{id: a, {row}}}\n")
    assert problem in str(caught.value.problems)


def test_a_push_says_only_what_its_writer_said() -> None:
    [push] = parse(PUSHES, '- {id: a, at: 2026-12-01T09:00, text: "# 早安，**大家**好，今天也要加油呀，我们一起来打卡"}\n')
    assert (push.at, push.cron, push.label) == ("2026-12-01 09:00", "", "早安，大家好，今天也要加油呀，我们一起…")
