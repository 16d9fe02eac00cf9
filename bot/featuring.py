"""精华: what somebody contributed is singled out – counted, awarded, audited – whichever way a moderator does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.communities import Community
from bot.errors import UserError
from bot.live import Contents
from bot.permissions import Actor
from rules.badges import Facts
from storage.badges import Recognised
from storage.stores import Stores

OWN = "自己的内容请别的版主来评。"


@dataclass(frozen=True, slots=True)
class Featured:
    """What came of it: what the member got, and his counters before and after, by which levels and badges are told."""

    done: Recognised
    before: Facts
    after: Facts


def single_out(
    stores: Stores, contents: Contents, community: Community, actor: Actor, member: int, reason: str, now: datetime, *, once: str,
    is_work: bool = False,
) -> Featured:  # fmt: skip
    """Features something of a member, once for each ``once``: points by the rules, one more of his count, a row in the audit.

    ``is_work``: a work, whose review the day's figures counted already.
    """
    if member == actor.member:
        raise UserError(OWN)
    done = stores.badges.recognise(
        community.keys, actor.member, member, now, today=community.day_of(now), reason="featured", counter="featured",
        rules=contents.points, once=once, note=reason, is_work=is_work,
    )  # fmt: skip
    stores.audit.record(community.id, actor.id, "精华", f"成员 {member}", "", f"{reason}（+{done.n}）", now, once=once)
    before = Facts(earned=done.earned - done.n, featured=done.count - 1)
    return Featured(done, before, Facts(earned=done.earned, featured=done.count))
