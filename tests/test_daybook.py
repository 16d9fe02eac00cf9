"""The book of days against a plain model: marks and counters of any order, closed in any order, twice, late and after gaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.figures import Day, Where
from rules.recount import Tale
from storage.connection import Database
from storage.daybook import Daybook
from storage.keys import shard_of
from storage.tallies import counts_key

FIRST = date(2026, 2, 20)
SHARDS = 16
HOUSE, GROUP, OTHER = Where("house"), Where("house", "wrA"), Where("other")


@pytest.fixture
def book(database: Database) -> Iterator[Daybook]:
    """An empty book."""
    database.command("FLUSHDB")
    yield Daybook(database, SHARDS)
    database.command("FLUSHDB")


MEMBERS = st.sets(st.integers(1, 40), max_size=5)
BRINGS = st.tuples(
    st.sampled_from([HOUSE, GROUP, OTHER]), st.integers(0, 66), MEMBERS, MEMBERS, MEMBERS,
    st.dictionaries(st.sampled_from(["messages", "h:9", "hit:refund", "useless"]), st.integers(-2, 5), max_size=3), st.integers(0, 2),
)  # fmt: skip
CLOSES = st.tuples(st.just("close"), st.integers(1, 70))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.one_of(BRINGS, BRINGS, CLOSES), max_size=10))
def test_the_book_says_what_a_plain_model_says_however_it_is_closed(
    book: Daybook, database: Database, acts: list[tuple[object, ...]]
) -> None:
    """What is brought late is counted on its day; closing in any order, twice, or after gaps changes no figure."""
    database.command("FLUSHDB")
    model: dict[Where, Tale] = defaultdict(Tale)
    for act in acts:
        if act[0] == "close":
            close(book, FIRST + timedelta(days=cast(int, act[1])))
            continue
        where, at, spoke, came, part, counts, gone = cast(Any, act)
        day, kept = FIRST + timedelta(days=at), model[where]
        book.bring(where, day, counts=counts, spoke=spoke, came=came, took_part=part, gone=gone)
        if not any((counts, spoke, came, part, gone)):
            continue
        kept.counts[day].update({name: n for name, n in {**counts, "came": len(came), "gone": gone}.items() if n})
        kept.spoke[day] |= spoke
        kept.part[day] |= part
        kept.new[day] |= came
    last = FIRST + timedelta(days=68)
    places = [HOUSE, GROUP, OTHER]
    expected = {where: [model[where].day(FIRST + timedelta(days=n)) for n in range(69)] for where in places}
    for _ in range(2):
        found = book.many(places, FIRST, last, last)
        for where in places:
            for mine, theirs in zip(found[where], expected[where], strict=True):
                assert without_nothing(mine) == without_nothing(theirs), where
        close(book, last + timedelta(days=1))


def without_nothing(day: Day) -> Day:
    """Counters that are nothing are as good as none."""
    return Day(
        day.day, {name: n for name, n in day.counts.items() if n}, day.spoke, day.took_part, day.members, day.new,
        day.returned if any(kept.of for kept in day.returned.values()) else {}, day.stayed if any(kept.of for kept in day.stayed.values()) else {},
    )  # fmt: skip


def close(book: Daybook, today: date) -> int:
    """Closes as the clock would on a day."""
    return book.close({"house": today, "other": today}, today, datetime(today.year, today.month, today.day, 1, tzinfo=UTC))


def test_days_that_a_fast_clock_closed_are_closed_once_more_when_it_is_right_again(book: Daybook) -> None:
    today = FIRST + timedelta(days=3)
    for n in range(4):
        book.bring(HOUSE, FIRST + timedelta(days=n), counts={"messages": 2}, spoke=[1])
    close(book, today + timedelta(days=15))
    # counted by messages, which know nothing of closing
    book._database.command("HINCRBY", counts_key(shard_of("house", SHARDS), "house", today.isoformat()), "messages", 5)
    assert book.days(HOUSE, today, today, today)[0].counts == {"messages": 7}
    close(book, today + timedelta(days=4))
    assert book.closed([HOUSE]) == {HOUSE: today + timedelta(days=3)}
    days = book.days(HOUSE, today, today + timedelta(days=5), today + timedelta(days=5))
    assert days[0].counts == {"messages": 7}


def test_one_message_of_a_clock_that_stood_at_2001_makes_nobody_read_25_years(book: Daybook) -> None:
    book.bring(HOUSE, date(2001, 1, 1), counts={"messages": 1})
    book.bring(HOUSE, FIRST, counts={"messages": 1})
    assert book.days(HOUSE, FIRST, FIRST, FIRST)[0].counts == {"messages": 1}
    close(book, FIRST + timedelta(days=1))
    closed = book.closed([HOUSE])[HOUSE]
    assert closed is not None
    assert closed > FIRST - timedelta(days=401)
