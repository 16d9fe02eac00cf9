"""The numbers of a place as chat, console and reports get them: from the stores, through the daybook, to a figure."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from chat import Chat

from bot.numbers import NOTHING, Cohort, Figure, Numbers
from rules.figures import Kept, Where
from rules.metrics import METRICS, Length, missing
from tests import ten_people

pytest_plugins = ("chat",)

MAIN = Where("main")


@pytest.fixture
def numbers(chat: Chat) -> Numbers:
    """The numbers of the ten people, on the morning after their five weeks."""
    chat.at("2026-04-06 10:00")
    for at in range(35):
        counts = {name: n for name, n in ten_people.COUNTED.get(at, {}).items() if name not in ("came", "gone")}
        spoke = [who for who, on in ten_people.SPOKE.items() if at in on]
        chat.stores.daybook.bring(
            MAIN, ten_people.FIRST + timedelta(days=at), counts={"messages": 2 * len(spoke), f"h:{9 + at % 2}": 2 * len(spoke), **counts},
            spoke=spoke, came=[who for who, came in ten_people.CAME.items() if came == at], took_part=ten_people.TOOK_PART.get(at, ()),
            gone=ten_people.COUNTED.get(at, {}).get("gone", 0),
        )  # fmt: skip
    return Numbers(chat.stores, chat.communities, chat.clock, chat.live.current)


def by_id(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.metric.id: figure for figure in figures}


@pytest.mark.parametrize(("length", "expected"), [("week", ten_people.WEEK), ("month", ten_people.MONTH), ("day", ten_people.DAY)])
def test_what_is_read_from_the_stores_gives_the_figures_worked_out_by_hand(
    chat: Chat, numbers: Numbers, length: Length, expected: dict[str, float | None]
) -> None:
    inlets = numbers.inlets(chat.community)
    open_ones = {id: value for id, value in expected.items() if not missing(METRICS[id], inlets)}

    found = by_id(numbers.figures(MAIN, length, ten_people.LAST))

    assert {id: found[id].value for id in open_ones} == pytest.approx(open_ones)
    assert len(open_ones) > len(expected) / 2


def test_a_figure_without_its_inlet_is_grey_and_one_without_cases_says_so(chat: Chat, numbers: Numbers) -> None:
    found = by_id(numbers.figures(MAIN, "week", ten_people.LAST))

    assert found["churn"].value is None
    assert "客户联系" in found["churn"].why_grey
    assert found["retention_d1"].why_grey == NOTHING
    assert (found["wau"].value, found["wau"].before, found["wau"].base) == (5, 5, 5)
    assert found["messages"].before == 24  # two each: A on seven days, I on two, B, D and J on one
    assert found["messages"].change == pytest.approx((22 - 24) / 24)


def test_figures_of_a_page_cost_three_round_trips_at_most(chat: Chat, numbers: Numbers) -> None:
    asked: list[int] = []
    chat.stores.database._on_round_trip = lambda: asked.append(1)

    numbers.figures(MAIN, "month", ten_people.LAST)

    assert len(asked) <= 3


def test_a_course_has_a_point_for_each_span_counted_back_from_the_last(numbers: Numbers) -> None:
    weeks = numbers.series(MAIN, "wau", ten_people.FIRST, ten_people.LAST, "week")

    assert [end for end, _ in weeks] == [date(2026, 3, 8), date(2026, 3, 15), date(2026, 3, 22), date(2026, 3, 29), date(2026, 4, 5)]
    assert [value for _, value in weeks] == [5, 4, 3, 5, 5]  # A B C G H; A B F G; A B D; A B D I J; A B D G I
    days = numbers.series(MAIN, "dau", date(2026, 3, 30), date(2026, 4, 5))
    assert [value for _, value in days] == [3, 1, 3, 1, 1, 1, 1]
    assert numbers.courses(MAIN, "week", ten_people.LAST, 5)["wau"] == [5, 4, 3, 5, 5]


def test_a_course_without_its_inlet_has_no_figures(numbers: Numbers) -> None:
    assert [value for _, value in numbers.series(MAIN, "churn", ten_people.FIRST, ten_people.LAST, "week")] == [None] * 5


def test_heat_is_messages_by_weekday_and_hour(numbers: Numbers) -> None:
    heat = numbers.heat(MAIN, date(2026, 3, 30), ten_people.LAST)

    assert [sum(row) for row in heat] == [6, 2, 6, 2, 2, 2, 2]
    assert heat[0][9] == 6  # day 28 is even


def test_cohorts_tell_who_of_a_week_was_back_and_nothing_of_days_to_come(numbers: Numbers) -> None:
    found = numbers.cohorts(MAIN, ten_people.FIRST, ten_people.LAST)

    assert found[0] == Cohort(date(2026, 3, 2), 2, {1: Kept(2, 1), 7: Kept(2, 1), 30: Kept(2, 1)})  # G and H
    assert found[3] == Cohort(date(2026, 3, 23), 2, {1: Kept(2, 1), 7: Kept(2, 1)})  # I and J, whose thirtieth day is to come
    assert found[4] == Cohort(date(2026, 3, 30), 0, {1: Kept(0, 0)})


def test_the_whole_installation_has_figures_too(chat: Chat, numbers: Numbers) -> None:
    assert by_id(numbers.figures(Where(), "week", ten_people.LAST))["messages"].value == 22


def test_what_comes_in_of_a_community_follows_from_channels_rosters_and_content(chat: Chat, numbers: Numbers) -> None:
    assert numbers.inlets(chat.community) >= {"mentions", "invitations"}
    assert not numbers.inlets(chat.community) & {"roster", "archive"}
    asks = any(question.nps for survey in chat.live.current.surveys for question in survey.questions)
    assert ("surveys" in numbers.inlets(chat.community)) == asks
