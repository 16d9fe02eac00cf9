"""What changed in a customer group: two rosters in, the joins and leaves out. A roster is the truth, an event about it only a hint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SLACK_S = 600
"""How long WeCom may take until a join shows in a roster: who joined earlier than that before the last look was not missed by it."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One member of a group: ``kind`` 1 employee or 2 customer, and since when he is there (Unix seconds)."""

    kind: int
    joined_s: int


@dataclass(frozen=True, slots=True)
class Roster:
    """A group at one look. ``version`` is WeCom's member_version, ``owner`` a member number, ``notice`` a digest of its 群公告."""

    version: str
    owner: int = 0
    name: str = ""
    notice: str = ""
    seats: Mapping[int, Seat] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be told, by member number, and which of owner, name and notice are new. ``relearned`` are there again without having joined.

    Who left and came back between two looks stands in ``left`` and in ``joined``.
    """

    joined: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    relearned: tuple[int, ...] = ()
    altered: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be told or kept."""
        return not (self.joined or self.left or self.relearned or self.altered)


def compare(before: Roster | None, after: Roster, *, looked_s: int) -> Difference:
    """What happened between two looks, the first of them at ``looked_s`` (Unix seconds).

    At the first look at a group (``before`` is None) everybody is there already, but for those who joined since ``looked_s``. A stranger
    who joined long before the last look has not joined now: he was forgotten here meanwhile, because he asked for it.
    """
    if before is None:
        return Difference(joined=tuple(number for number, seat in after.seats.items() if seat.joined_s >= looked_s))
    new = [number for number in after.seats if number not in before.seats]
    back = [number for number, seat in after.seats.items() if number in before.seats and _has_moved(before.seats[number], seat)]
    joined = [number for number in new if after.seats[number].joined_s >= looked_s - SLACK_S]
    return Difference(
        joined=(*joined, *back),
        left=(*(number for number in before.seats if number not in after.seats), *back),
        relearned=tuple(number for number in new if number not in joined),
        altered=tuple(what for what in ("owner", "name", "notice") if getattr(before, what) != getattr(after, what)),
    )


def _has_moved(before: Seat, after: Seat) -> bool:
    """Whether somebody left and came back: only a later time says so, for an earlier one can only come from an older copy of the roster."""
    return after.joined_s > before.joined_s
