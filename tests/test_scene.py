"""The demo's stage: a past that is brought in without one bad row, and an opening that does once what is to be done once."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.member_sheets import members_of
from rules.sheets import read_csv
from simulator.opening import BOSS, MAIN, NAMES, NEWCOMERS, Line, history, user_of
from simulator.scene import Stage, set_stage

CONTENT = Path(__file__).parent.parent / "rules" / "content"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "demo"


def staged(folder: Path) -> Stage:
    return set_stage(folder, 8080, starting_content=CONTENT)


@given(st.dates(date(2026, 1, 1), date(2099, 12, 31)))
def test_the_past_of_thirty_members_has_no_bad_row_on_any_day(today: date) -> None:
    reading = members_of([read_csv(history(today).encode())], today=today)

    assert reading.bad == ()
    assert [row.name for row in reading.rows] == list(NAMES)
    assert all((row.points or 0) <= (row.earned or 0) for row in reading.rows)
    assert all(row.last and row.last < today for row in reading.rows), "everybody can check in today"
    assert all(row.joined and row.joined <= row.days[0].first for row in reading.rows if row.days)


def test_one_member_stands_before_each_bonus() -> None:
    today = date(2026, 11, 22)
    rows = members_of([read_csv(history(today).encode())], today=today).rows
    assert {2, 6, 29} <= {row.streak for row in rows if row.last == today - timedelta(days=1)}


def test_the_thirtieth_member_has_the_last_word_in_the_main_group(folder: Path) -> None:
    last = staged(folder).lines[-1]
    assert last == Line(user_of(30), last.text, MAIN) if isinstance(last, Line) else False


def test_what_happens_once_does_not_happen_when_the_demo_begins_again(folder: Path) -> None:
    first = staged(folder)
    first.opened.touch()
    sheet = first.history.read_text()

    again = staged(folder)

    fresh = [line for line in first.lines if isinstance(line, Line) and line.once]
    assert any(line.user == BOSS and "补货" in line.text for line in fresh)
    assert set(first.lines) - set(again.lines) == set(fresh)
    assert again.history.read_text() == sheet


def test_the_newcomers_flow_begins_by_itself_in_the_demo_alone(folder: Path) -> None:
    staged(folder)
    assert "  on: [joined, first_message]\n" in (folder / "content" / "flows" / "newcomer.yaml").read_text(encoding="utf-8")
    assert "  on: []\n" in (CONTENT / "flows" / "newcomer.yaml").read_text(encoding="utf-8")
    assert set(NEWCOMERS.values()).isdisjoint(NAMES)
