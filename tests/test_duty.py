"""值班: who answers when, and how minutes on duty are counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import contents, duty
from rules.contents import ContentProblem
from rules.duty import DutyPlan, DutyPlans, ExtraDay, Hours, Step, due_at, moments, people_on_duty, steps_due, told_by

ZONE = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
OFFICE = DutyPlan(
    hours=(Hours((0, 1, 2, 3, 4), ((9 * 60, 12 * 60), (13 * 60, 18 * 60)), ("zhang", "li")), Hours((5,), ((10 * 60, 12 * 60),), ("wang",))),
    closed=((date(2026, 10, 1), date(2026, 10, 7)),),
    extra=(ExtraDay(date(2026, 10, 10), ((9 * 60, 10 * 60),), ("boss",)),),
    escalation=(Step(15, ("duty",)), Step(30, ("boss",)), Step(60, ("admins",))),
)


def at(text: str, zone: ZoneInfo = ZONE) -> datetime:
    """A moment by the wall: ``2026-03-10 10:00`` (a Tuesday)."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("when", "people"),
    [
        ("2026-03-10 09:00", ("zhang", "li")),
        ("2026-03-10 08:59", None),
        ("2026-03-10 12:30", None),
        ("2026-03-10 18:00", None),
        ("2026-03-14 11:00", ("wang",)),
        ("2026-03-15 11:00", None),
        ("2026-10-01 10:00", None),  # a Thursday, closed
        ("2026-10-10 09:30", ("boss",)),  # a Saturday with a roster of its own
        ("2026-10-10 11:00", None),
    ],
)
def test_who_is_on_duty(when: str, people: tuple[str, ...] | None) -> None:
    assert people_on_duty(OFFICE, ZONE, at(when)) == people


@pytest.mark.parametrize(
    ("asked", "minutes", "due"),
    [
        ("2026-03-10 10:00", 30, "2026-03-10 10:30"),
        ("2026-03-10 11:45", 30, "2026-03-10 13:15"),  # over lunch
        ("2026-03-10 17:50", 30, "2026-03-11 09:20"),  # over night
        ("2026-03-10 20:00", 30, "2026-03-11 09:30"),
        ("2026-03-10 20:00", 0, "2026-03-11 09:00"),
        ("2026-03-10 11:30", 30, "2026-03-10 12:00"),  # to the last minute
        ("2026-03-13 17:59", 30, "2026-03-14 10:29"),  # to Saturday
        ("2026-03-14 11:59", 2, "2026-03-16 09:01"),  # over Sunday
        ("2026-09-30 17:50", 30, "2026-10-08 09:20"),  # over the holidays
    ],
)
def test_only_minutes_on_duty_count(asked: str, minutes: int, due: str) -> None:
    assert due_at(OFFICE, ZONE, at(asked), minutes) == at(due)


def test_the_roster_goes_by_the_wall_clock_of_the_community_also_when_that_is_put_forward() -> None:
    plan = DutyPlan(hours=(Hours(tuple(range(7)), ((60, 240),)),))  # 01:00 to 04:00; on 8 March 2026 there is no 02:00 in New York
    assert due_at(plan, NEW_YORK, at("2026-03-08 01:30", NEW_YORK), 60) == at("2026-03-08 03:30", NEW_YORK)


def test_spans_that_overlap_or_touch_count_once() -> None:
    plan = DutyPlan(hours=(Hours((0, 1), ((540, 600), (600, 660)), ("a",)), Hours((1,), ((570, 720),), ("b", "a"))))
    assert due_at(plan, ZONE, at("2026-03-10 09:00"), 150) == at("2026-03-10 11:30")
    assert people_on_duty(plan, ZONE, at("2026-03-10 09:45")) == ("a", "b")


def test_a_roster_that_is_closed_for_ever_has_no_due_time() -> None:
    plan = DutyPlan(closed=((date(2026, 1, 1), date(2030, 1, 1)),))
    assert due_at(plan, ZONE, at("2026-03-10 10:00"), 30) is None
    assert set(moments(plan, ZONE, at("2026-03-10 10:00"))) == {None}
    assert steps_due(plan, ZONE, at("2026-03-10 10:00"), at("2026-05-10 10:00")) == 0


def test_the_ladder_is_climbed_by_minutes_on_duty() -> None:
    asked = at("2026-03-10 17:50")
    assert [steps_due(OFFICE, ZONE, asked, at(now)) for now in ("2026-03-10 17:50", "2026-03-11 09:04", "2026-03-11 09:05", "2026-03-12 10:00")] \
        == [1, 1, 2, 4]  # fmt: skip
    assert steps_due(OFFICE, ZONE, asked, asked - timedelta(hours=1)) == 0  # a clock that went back


def test_what_was_missed_is_told_once_to_everybody_it_concerns() -> None:
    assert told_by(OFFICE, 0, 4) == ("duty", "boss", "admins")
    assert told_by(OFFICE, 2, 3) == ("boss",)
    assert told_by(OFFICE, 4, 4) == ()


def test_a_community_has_its_own_roster_or_that_for_all_or_the_owners() -> None:
    mine, all_ = DutyPlan("main", answer_within_minutes=5), DutyPlan("*", answer_within_minutes=10)
    plans = DutyPlans((all_, mine))
    assert [plans.of("main"), plans.of("far")] == [mine, all_]
    assert DutyPlans().of("main").answer_within_minutes == 30


@given(st.integers(0, 365 * 1440), st.integers(0, 600), st.integers(0, 600))
def test_a_due_time_is_on_duty_after_the_question_and_grows_with_the_minutes(minute: int, some: int, more: int) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    first, second = (due_at(OFFICE, ZONE, since, minutes) for minutes in (some, some + more))
    assert first is not None
    assert second is not None
    assert since <= first <= second
    assert any(people_on_duty(OFFICE, ZONE, moment) for moment in (first, first - timedelta(seconds=1)))
    assert second - first >= timedelta(minutes=more)


# The file -----------------------------------------------------------------------------------------------------------------

FILE = """
plans:
  - community: main
    hours:
      - {when: "Mon-Fri 09:00-12:00,13:30-18:00", people: [zhang, li]}
      - {when: "sat,sun 10:00-12:00"}
      - {when: "fri-mon 22:00-24:00", people: [wang]}
    closed: [2026-10-01..2026-10-07, 2027-01-01]
    extra: [{day: 2026-10-10, when: "09:00-18:00", people: [zhang]}]
    answer_within_minutes: 20
    escalation: [{after_minutes: 15, tell: [duty]}, {after_minutes: 60, tell: [boss, admins]}]
"""


def test_a_roster_is_read_and_written_back() -> None:
    read = contents.parse(contents.DUTY, FILE)
    plan = read.of("main")
    assert plan.hours[0] == Hours((0, 1, 2, 3, 4), ((540, 720), (810, 1080)), ("zhang", "li"))
    assert plan.hours[2].weekdays == (0, 4, 5, 6)
    assert plan.closed == ((date(2026, 10, 1), date(2026, 10, 7)), (date(2027, 1, 1), date(2027, 1, 1)))
    assert plan.escalation == (Step(15, ("duty",)), Step(60, ("boss", "admins")))
    assert contents.parse(contents.DUTY, contents.dump(contents.DUTY, read)) == read


def test_the_shipped_roster_is_sound() -> None:
    shipped = Path(__file__).parent.parent / "rules" / "content" / "duty.yaml"
    assert contents.parse(contents.DUTY, shipped.read_text(encoding="utf-8")).of("anything").answer_within_minutes == 30


@pytest.mark.parametrize(
    ("line", "say"),
    [
        ('hours: [{when: "mon-fri 9-18"}]', "写成 09:00-18:00 的样子"),
        ('hours: [{when: "周一 09:00-18:00"}]', "星期“周一”看不懂"),
        ('hours: [{when: "mon-fri"}]', "要写星期和时间"),
        ('hours: [{when: "daily 22:00-02:00"}]', "跨过半夜请写成两段"),
        ('hours: [{when: "daily 09:00-12:00,11:00-13:00"}]', "有重叠"),
        ('hours: [{when: "daily 09:61-12:00"}]', "没有“09:61-12:00”这样的时间"),
        ('hours: [{when: "daily 09:00-25:00"}]', "没有“09:00-25:00”这样的时间"),
        ('hours: [{when: "daily 09:00-18:00"}]\n    closed: [明天]', "日期“明天”看不懂"),
        ('hours: [{when: "daily 09:00-18:00"}]\n    closed: [2026-10-07..2026-10-01]', "请对调"),
        ('hours: [{when: "daily 09:00-18:00"}]\n    extra: [{day: 2026-02-30, when: "09:00-10:00"}]', "没有 2026-02-30 这一天"),
        ('hours: [{when: "daily 09:00-18:00", people: [zhang san]}]', "不能有空白"),
        ('hours: [{when: "daily 09:00-18:00"}]\n    escalation: [{after_minutes: 30, tell: [duty]}, {after_minutes: 15, tell: [duty]}]', "要比上一步晚"),
        ('hours: [{when: "daily 09:00-18:00"}]\n    escalation: [{after_minutes: 30, tell: []}]', "至少要有 1 项"),
        ('hours: [{when: "daily 09:00-18:00"}]\n    answer_within: 30', "是不是想写 answer_within_minutes"),
        ("hours: []", "至少要有 1 项"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_a_remedy(line: str, say: str) -> None:
    with pytest.raises(ContentProblem) as caught:
        contents.parse(contents.DUTY, f"plans:\n  - community: main\n    {line}\n")
    assert any(problem.startswith("第 ") and say in problem for problem in caught.value.problems), caught.value.problems


def test_two_rosters_for_one_community_are_a_problem() -> None:
    with pytest.raises(ContentProblem, match="写了两份"):
        contents.parse(contents.DUTY, 'plans: [{hours: [{when: "daily 09:00-18:00"}]}, {hours: [{when: "daily 09:00-18:00"}]}]')


@given(st.text(max_size=40))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (duty.parse_when, duty.parse_spans, duty.parse_days, duty.parse_weekdays):
        try:
            read(text)
        except ValueError as problem:
            assert problem.args
