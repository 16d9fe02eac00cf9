"""The keys and arguments that every act on the ledger begins with: what ``storage/lua/parts/ledger.lua`` expects in front of an act's own."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from rules.points import PointRules
from storage import keys
from storage.community import CommunityKeys
from storage.moment import to_ms
from storage.tallies import counted_in

Lapses = PointRules | date | int | None
"""When points that are earned now lapse: as the rules say, after a day (a date or its ordinal), or, None or 0, never."""

DAY_MS = 86_400_000
BOARD_LIVES_MS = (3 * DAY_MS, 16 * DAY_MS, 70 * DAY_MS)
"""How long the boards of a day, a week and a month are kept after their last change, which may be on its first day: until the next one is over."""


def keys_of(where: CommunityKeys, now: datetime, today: date) -> list[str]:
    """The first fourteen keys of every act on the ledger; ``today`` is the day in the community's zone.

    Repeats are known by the week of ``now``, and by those around it: a clock may be behind, and a repeat come late.
    """
    return list(_keys_of_day(where, now.astimezone(UTC).date(), today))


@lru_cache(4096)
def _keys_of_day(where: CommunityKeys, this: date, today: date) -> tuple[str, ...]:
    part = {"shard": where.shard, "community": where.id}
    return (
        keys.BALANCES(**part),
        keys.LOTS(**part),
        keys.EXPIRING(**part),
        keys.BOARD_ALL(**part),
        keys.BOARD_MONTH(**part, month=month_of(today)),
        keys.BOARD_WEEK(**part, week=week_of(today)),
        keys.BOARD_DAY(**part, day=today.isoformat()),
        keys.POINT_CAPS(**part, day=today.isoformat()),
        keys.EVENTS(shard=where.shard),
        *(keys.POINTS_DONE(**part, week=week_of(day)) for day in (this, this - timedelta(days=7), this + timedelta(days=7))),
        *counted_in(where, today),
    )


def args_of(where: CommunityKeys, now: datetime, today: date, once: str, rules: Lapses, *, why: str | None = None) -> list[str | int]:
    """The first six arguments of every act on the ledger. ``once`` names the act, "" none: whoever does two acts for one message adds to its id.

    ``why`` is what the event log says of the cause, mostly a message's id; without it ``once``, "" for what nobody may trace back.
    """
    act = f"{digest_of(once)} {once if why is None else why}"
    return [to_ms(now), where.id, act, today.toordinal(), last_day(rules, today), ",".join(map(str, BOARD_LIVES_MS))]


def rows_key(where: CommunityKeys, member: int) -> str:
    """The key of a member's rows."""
    return keys.LEDGER_ROWS(shard=where.shard, community=where.id, member=member)


def digest_of(once: str) -> str:
    """Twelve characters that stand for an act's name in the ledger; '' for none."""
    return base64.urlsafe_b64encode(hashlib.blake2b(once.encode(), digest_size=9).digest()).decode() if once else ""


def last_day(lapses: Lapses, today: date) -> int:
    """The last day, as an ordinal, of points that are earned today; 0 for ever."""
    if isinstance(lapses, PointRules):
        lapses = lapses.last_day_of(today)
    return lapses.toordinal() if isinstance(lapses, date) else lapses or 0


def month_of(day: date) -> str:
    """The name of a month's board: 2026-11."""
    return f"{day:%Y-%m}"


def week_of(day: date) -> str:
    """The name of a week's board, Monday to Sunday: 2026-W47."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"
