"""Everything that is to end does: every key of a finite life by its own time to live or by the hourly cleaning, and not long before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from casework import in_service
from chat import Chat, OpenChat
from lives import USER, be_pushed_to, everything, family_of, live_everywhere, with_accidents

from bot.config import RetentionConfig
from scheduler.clock import Agenda
from storage import keys
from storage.keys import FAMILIES, Family
from storage.moment import to_ms

pytest_plugins = ("chat",)

UNITS = {"days": 86_400, "h": 3_600, "min": 60, "s": 1}
SHORT = RetentionConfig(
    events_days=20, unanswered_days=3, evidence_days=9, tickets_days=18, proofs_days=6, activities_days=12, audit_days=30
)  # fmt: skip
LIVED_DAYS = 2
"""The life before takes a day and a half."""


def seconds_of(family: Family, keep: RetentionConfig) -> int | None:
    """How long a family's keys live by a time to live of their own; None: something else decides."""
    said = re.findall(r"(?:^|, of a questionnaire or flow )(\d+) (days|h|min|s)(?=$|,| at most)", family.life)
    if family.life.startswith("retention.answers_hours"):
        return keep.answers_hours * 3600
    if family is keys.ONCE:
        return 30 * 86_400
    return max((int(count) * UNITS[unit] for count, unit in said), default=0) or None


def days_kept(family: Family, keep: RetentionConfig) -> int | None:
    """How many days a setting keeps a family's keys; None: no setting does."""
    found = re.match(r"retention\.(\w+_days)", family.life)
    return getattr(keep, found[1]) if found else None


def held_by(chat: Chat) -> Mapping[Family, list[str]]:
    """The keys of each family that hold something."""
    found: dict[Family, list[str]] = {}
    for key, held in everything(chat).items():
        if held != key.encode():
            found.setdefault(family_of(key), []).append(key)
    return found


def ends_of_all(chat: Chat) -> None:
    """All activities are over."""
    for number in range(1, 10):
        chat.as_admin(f"活动 截止 {number}")


def test_every_setting_of_retention_is_some_familys_life() -> None:
    named = {name for family in FAMILIES for name in re.findall(r"retention\.(\w+)", family.life)}
    assert named == set(RetentionConfig.model_fields)


def look_at_lives(chat: Chat) -> int:
    """Looks that keys with a life of their own have no more time to live than is said; gives how many they were."""
    seen = 0
    for family, found in held_by(chat).items():
        lives = seconds_of(family, chat.config.retention)
        for key in found if lives and family is not keys.MAILINGS else ():
            left = chat.stores.database.command("PTTL", key)
            assert 0 < left <= lives * 1000, f"{key} is to live {family.life}, and has {left / 1000:.0f} s left"
            seen += 1
    assert all(0 < chat.stores.database.command("PTTL", key) <= 86_400_000 for key in finished(chat))
    return seen


def finished(chat: Chat) -> Iterator[str]:
    """Messages with their answers, kept for repeats."""
    found = [key for key in chat.stores.database.scan("qb:{*}:msg:*") if chat.stores.database.command("HGET", key, "answer")]
    assert len(found) > 20
    yield from found


def test_everything_ends_by_itself_or_on_the_day_that_a_setting_says(open_chat: OpenChat) -> None:
    chat = in_service(open_chat, router=with_accidents(), keep_text=True)
    live_everywhere(chat)
    assert look_at_lives(chat) > 100
    ends_of_all(chat)
    chat.config = chat.config.model_copy(update={"retention": SHORT})
    kept = {family: days for family in held_by(chat) if (days := days_kept(family, SHORT))}
    assert {re.match(r"retention\.(\w+)", family.life)[1] for family in kept} == set(RetentionConfig.model_fields) - {"answers_hours"}  # type: ignore[index]
    today = 0
    for day in sorted({max(days - LIVED_DAYS - 1, 0) for days in kept.values()} | {days + 1 for days in kept.values()}):
        chat.later(days=day - today)
        today = day
        chat.clean_up()
        held = held_by(chat).keys()
        assert {family.pattern for family, days in kept.items() if day > days and family in held} == set(), f"still there on day {day}"
        gone = {family.pattern for family, days in kept.items() if day < days - LIVED_DAYS and family not in held}
        assert gone == set(), f"gone on day {day} already"


def test_mailings_of_long_ago_are_let_go_of_by_the_next(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says("签到", user=USER)
    be_pushed_to(chat)
    chat.later(days=401)
    chat.says("签到", user=USER)
    agenda = Agenda(chat.stores, chat.config, chat.live, chat.communities, chat.clock, without=("reports", "models", "health"))
    for _ in range(2):
        agenda.ring(chat.clock())
        chat.later(seconds=61)
    oldest = to_ms(chat.clock() - timedelta(days=400))
    scores = chat.stores.database.command("ZRANGE", keys.MAILINGS(shard=chat.community.shard, community="main"), 0, -1, "WITHSCORES")[1::2]
    assert scores
    assert all(int(score) >= oldest for score in scores)
