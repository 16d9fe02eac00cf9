"""The boards: who earned most on a day, in a week, in a month and in all time, by community. What stands there is put there by the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, Script
from storage.ledger import month_of, week_of
from storage.personal import Personal

Period = Literal["day", "week", "month", "all"]

MOST_LEFT_OUT = 100
"""Members who may be left out of a board at once."""


@dataclass(frozen=True, slots=True)
class Place:
    """A member's place; those with equal points share a rank, and the next rank counts them all (1, 2, 2, 4)."""

    rank: int
    member: int
    points: int


@dataclass(frozen=True, slots=True)
class Board:
    """``top``: the first places; ``own``: the asker's, None where he is not on it; ``around``: his neighbours and he; ``gap``: the points that
    he lacks to whoever is next above him, 0 for the first; ``size``: how many are on it.

    Within a rank the smaller member number stands first. Where more share a rank than are shown, those who are is left to the store.
    """

    top: tuple[Place, ...]
    own: Place | None
    around: tuple[Place, ...]
    gap: int
    size: int


class Boards:
    """Boards of points earned; what is spent, handed on or lapses takes nobody's place away."""

    PERSONAL = Personal(
        "排行榜",
        "按积分排名",
        (keys.BOARD_ALL, keys.BOARD_MONTH, keys.BOARD_WEEK, keys.BOARD_DAY),
        what="各期得了多少积分",
        erasing="从每个榜上去掉",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._page = Script("board_page")

    def page(
        self,
        where: CommunityKeys,
        period: Period,
        today: date,
        member: int,
        *,
        first: int = 10,
        around: int = 2,
        without: Sequence[int] = (),
    ) -> Board:
        """A board as a member sees it, ``today`` being the day in the community's zone; one round trip, O(log n).

        ``without`` are members who are left out, at most ``MOST_LEFT_OUT``: the others' ranks close up.
        """
        got = self._database.act(self._page, [_key(where, period, today)], [member, first, around, *without[:MOST_LEFT_OUT]])
        size, gap, shown = map(int, got[:3])
        places = [Place(int(got[at]), int(got[at + 1]), int(got[at + 2])) for at in range(3, len(got), 3)]
        top, own, near = places[:shown], places[shown : shown + 1], places[shown + 1 :]
        return Board(_sorted(top), own[0] if own else None, _sorted(near), gap, size)

    def places(self, where: CommunityKeys, period: Period, today: date, *, first: int, count: int) -> tuple[int, tuple[Place, ...]]:
        """How many are on a board, and ``count`` places of it from the ``first``-th (1) on, nobody left out; two round trips, O(log n)."""
        key = _key(where, period, today)
        size, flat = self._database.pipeline([("ZCARD", key), ("ZREVRANGE", key, first - 1, first + count - 2, "WITHSCORES")])
        if not flat:
            return int(size), ()
        rank, before = int(self._database.command("ZCOUNT", key, f"({flat[1]}", "+inf")) + 1, flat[1]
        found = []
        for at, (member, points) in enumerate(zip(flat[::2], flat[1::2], strict=True), first):
            rank, before = (rank if points == before else at), points
            found.append(Place(rank, int(member), int(points)))
        return int(size), tuple(found)

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's points and rank on every board that he is on."""
        found: dict[str, Any] = {}
        for key in self._all():
            if (points := self._database.command("ZSCORE", key, number)) is not None:
                community, _, period = key.split("}:", 1)[1].rpartition(":board:")
                better = self._database.command("ZCOUNT", key, f"({points}", "+inf")
                found.setdefault(community, {})[period] = {"积分": int(points), "名次": int(better) + 1}
        return found

    def erase_user(self, number: int) -> str:
        """Takes the member from every board."""
        gone = sum(int(self._database.command("ZREM", key, number)) for key in self._all())
        return f"已从 {gone} 个排行榜中移除"

    def _all(self) -> list[str]:
        return sorted(set(self._database.scan("qb:{*}:*:board:*")))


def _key(where: CommunityKeys, period: Period, today: date) -> str:
    part = {"shard": where.shard, "community": where.id}
    match period:
        case "day":
            return keys.BOARD_DAY(**part, day=today.isoformat())
        case "week":
            return keys.BOARD_WEEK(**part, week=week_of(today))
        case "month":
            return keys.BOARD_MONTH(**part, month=month_of(today))
        case "all":
            return keys.BOARD_ALL(**part)


def _sorted(places: Sequence[Place]) -> tuple[Place, ...]:
    return tuple(sorted(places, key=lambda place: (place.rank, place.member)))
