"""Praise: a new level or badge, said exactly once, wherever it was earned.

What was reached lies between two moments: the counters before an act and those after it. The act's own result gives both, so a repeat of the
act says the same again; that it was told is kept with the badges, so a threshold that is crossed a second time is not told a second time.
An act that crosses nothing costs no round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.channels.plain import without_marks
from bot.communities import Community
from bot.config import Config
from bot.context import Context
from bot.live import Contents
from bot.members import called
from bot.message import Reply
from bot.private import tell
from rules.badges import Badge, BadgeRules, Facts, crossed
from rules.levels import Level, Levels, new_rights, promotion
from storage.badges import LEVEL, Held
from storage.stores import Stores

MOST_COUNTED = 200
"""Orders of one member that are counted for badges where he asks; the act of buying counts them all."""


@dataclass(frozen=True, slots=True)
class News:
    """What a member reached: a level, and badges."""

    level: Level | None = None
    badges: tuple[Badge, ...] = ()

    def __bool__(self) -> bool:
        return self.level is not None or bool(self.badges)


def praise(ctx: Context, before: Facts, after: Facts, *, member: int = 0, private: bool = False, once: str) -> list[Reply]:
    """What to say of what was reached between two moments, beside the answer to what caused it; nothing on most days.

    ``member`` 0 is who speaks; another is called by his name, or told alone with ``private``. Levels go by ``earned``. ``once`` names the act
    that brought it: two for one message have two names. Counters would not do, what was earned can be taken back.
    """
    who = member or ctx.member
    news = news_of(ctx.stores, ctx.contents, ctx.community, who, before, after, ctx.now(), once=once)
    if not news:
        return []
    note = {"praised": who, **({"level": news.level.id} if news.level else {}), "badges": [badge.id for badge in news.badges]}
    counts = (("promotions",) if news.level else ()) + ("badges",) * len(news.badges)
    if private:
        return [Reply(without_marks(words_of(news, ctx.contents.levels)), to=who, note=note, counts=counts, about=(who,))]
    name = "" if who == ctx.member else called(ctx.stores, who)
    return [Reply(words_of(news, ctx.contents.levels, name), markdown=True, note=note, counts=counts, about=(who,))]


def praise_alone(
    stores: Stores, config: Config, contents: Contents, community: Community, member: int, before: Facts, after: Facts, now: datetime, *, once: str
) -> News:  # fmt: skip
    """The same where nobody waits for an answer (the clock, background work, an import): told in private, once for each ``once``."""
    news = news_of(stores, contents, community, member, before, after, now, once=once)
    if news:
        text = without_marks(words_of(news, contents.levels))
        tell(stores, config, community, member, text, now, id=f"praise:{community.id}:{member}:{once}")
    return news


def news_of(
    stores: Stores, contents: Contents, community: Community, member: int, before: Facts, after: Facts, now: datetime, *, once: str
) -> News:  # fmt: skip
    """What was reached between two moments and was not told before by another act; one round trip where a threshold lies between them, else none."""
    level = promotion(contents.levels, before.earned, after.earned)
    badges = crossed(contents.badges, before, after)
    if level is None and not badges:
        return News()
    ids = [*([f"{LEVEL}{level.id}"] if level else []), *(badge.id for badge in badges)]
    today = community.day_of(now)
    told = stores.badges.give(community.keys, member, ids, now, today=today, once=once)
    return News(level if level and f"{LEVEL}{level.id}" in told else None, tuple(badge for badge in badges if badge.id in told))


# Words --------------------------------------------------------------------------------------------------------------------


def words_of(news: News, levels: Levels, name: str = "") -> str:
    """What was reached, in words: to the member himself, or of the one of that name."""
    lines = []
    if news.level:
        whose = f"{name} 升到了" if name else "升级啦！你现在是 "
        lines.append(f"🎉 {whose}{level_name(levels, news.level)}。{_rights(levels, news.level)}")
    who = f"{name} 获得勋章" if name else "获得勋章"
    lines += [f"{badge.icon} {who}「{badge.name}」{_why(badge)}" for badge in news.badges]
    return "\n".join(lines)


def level_name(levels: Levels, level: Level) -> str:
    """A level as it is said: 常客（2 级）."""
    return f"**{level.name}**（{levels.number(level)} 级）" if level in levels.steps else f"**{level.name}**"


def badge_name(rules: BadgeRules, held: Held) -> str:
    """A badge that somebody holds, as it is said: ⭐ 活跃之星（2026 年 10 月）; one that the rules do not know any more by its id."""
    badge, month = rules.find(held.id), held.id.partition("@")[2]
    of_month = f"（{int(month[:4])} 年 {int(month[5:])} 月）" if month else ""
    return f"{badge.icon} {badge.name}{of_month}" if badge else f"🏅 {held.id}"


def _rights(levels: Levels, level: Level) -> str:
    fresh = new_rights(levels, level)
    return f"新权益：{'、'.join(fresh)}。" if fresh else ""


def _why(badge: Badge) -> str:
    return f"：{badge.text}" if badge.text else ""


# A member as a whole ----------------------------------------------------------------------------------------------------


def facts_of(stores: Stores, community: Community, member: int, now: datetime) -> Facts:
    """All of a member's counters as they are now; some round trips, so only for him who asks."""
    where, today = community.keys, community.day_of(now)
    standing = stores.check_ins.standing(where, member, today)
    counts, since = stores.badges.counts(where, member), stores.roster.since(where, member)
    days = (today - community.day_of(since)).days if since else 0
    flows = stores.flows.of_member(where, member)
    return Facts(
        orders=len(stores.orders.of_member(where, member, MOST_COUNTED)),
        challenges=stores.challenges.finished(where, member),
        flows=sum(state.status == "done" for state in flows.values()),
        finished=frozenset(state.flow for state in flows.values() if state.status == "done"),
        streak=standing.streak, check_ins=standing.total, earned=stores.points.earned(where, member), thanks=counts["thanks"],
        featured=counts["featured"], days=max(0, days),
    )  # fmt: skip


def held_ids(held: Sequence[Held]) -> frozenset[str]:
    """The ids of what somebody holds."""
    return frozenset(badge.id for badge in held)
