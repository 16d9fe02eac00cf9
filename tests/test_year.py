"""Some weeks of the year that ``python -m tests.soak --only year`` lives whole: every occurrence is sent once or skipped with its reason."""

from __future__ import annotations

from chat import Chat

from tests.year import live_through

pytest_plugins = ("chat",)


def test_every_occurrence_is_sent_once_or_skipped_with_its_reason(chat: Chat) -> None:
    happened = live_through(chat, 20_250_101, many=60, days=36, kills=6)
    assert happened.wrong[:20] == []
    assert happened.kills >= 5
    assert {"sent", "missed", "paused", "quiet", "cap"} <= set(happened.became)
    assert happened.became["sent"] > 100
