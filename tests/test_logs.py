"""Strangers cannot fill the disk with log lines."""

from __future__ import annotations

from bot.logs import Seldom


def test_twenty_lines_of_a_kind_a_minute_and_then_their_number() -> None:
    seldom = Seldom(per_minute=20)
    assert [seldom.admits("stale", 60.0 + n / 10) for n in range(50)] == [0] * 20 + [None] * 30
    assert seldom.admits("stale", 121.0) == 30
    assert seldom.admits("stale", 122.0) == 0


def test_one_kind_does_not_silence_another() -> None:
    seldom = Seldom(per_minute=1)
    assert seldom.admits("stale", 0.0) == 0
    assert seldom.admits("stale", 1.0) is None
    assert seldom.admits("wrong signature", 1.0) == 0
