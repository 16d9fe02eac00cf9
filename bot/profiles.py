"""What is known of a member in a community: his card, and what happened, from what he did and from nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import isnan

from bot.case_words import APPEAL_STATES
from bot.case_words import STATES as CASE_STATES
from bot.communities import Community
from bot.config import Config
from bot.human_desk import STATES as TICKET_STATES
from bot.live import Contents
from bot.members import name_of
from bot.permissions import Role, role_in
from bot.praise import badge_name
from bot.shop_desk import STATES as ORDER_STATES
from rules.invitations import STATES as INVITATION_STATES
from rules.layers import Doings, Stand, stands
from rules.levels import Level, level_of
from storage.badges import Held
from storage.check_ins import Standing
from storage.moods import Mood
from storage.orders import Order
from storage.points import Account
from storage.stores import Stores

MOST_ORDERS = 50
MOST_OF_EACH = 50
"""Things of one sort that a member's past is told from."""
DAYS = 60
"""Check-ins of so many days are told one by one."""
LEAST_FELT = 5
"""Messages from which a mood can be told."""
GLAD, LOW = 0.6, 0.4
HOURS_DAYS = 60
"""Messages of so many days say when somebody is there."""
MOST_TOPICS = 5


@dataclass(frozen=True, slots=True)
class Profile:
    """A member at a glance. ``mood`` is a word, '' where nobody knows; ``waiting`` are orders that somebody has to see to."""

    number: int
    name: str
    role: Role
    since: datetime | None
    last_active: date | None
    account: Account
    level: Level
    standing: Standing
    badges: tuple[Held, ...]
    thanks: int
    featured: int
    invited: int
    tags: tuple[str, ...]
    waiting: tuple[Order, ...]
    strikes: int
    mood: str


@dataclass(frozen=True, slots=True)
class Portrait:
    """How a member stands among the others. ``churn`` and ``koc`` are shares, None where nobody knows."""

    stage: Stand
    layer: Stand
    trust: Stand
    churn: float | None
    koc: float | None


@dataclass(frozen=True, slots=True)
class Habits:
    """When a member speaks, as messages by hour of the day, and which answers he asked for how often; of what the log keeps ``since`` then."""

    hours: tuple[int, ...]
    topics: tuple[tuple[str, int], ...]
    since: date

    @property
    def messages(self) -> int:
        """How many messages that are."""
        return sum(self.hours)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: what in Chinese, and where it is looked at: a page's endpoint with its number, '' nowhere."""

    at: datetime
    text: str
    page: str = ""
    number: int = 0


def profile_of(stores: Stores, contents: Contents, config: Config, community: Community, number: int, user: str, now: datetime) -> Profile:
    """The card of a member with this WeCom user id."""
    where, today = community.keys, community.day_of(now)
    account, counts = stores.points.account(where, number, today), stores.badges.counts(where, number)
    orders = stores.orders.of_member(where, number, MOST_ORDERS)
    return Profile(
        number, name_of(stores, number), role_in(community.id, user, number, config, stores), stores.roster.since(where, number),
        stores.roster.last_active(where, number, user, today), account, level_of(contents.levels, account.earned),
        stores.check_ins.standing(where, number, today), stores.badges.of(where, number), counts["thanks"], counts["featured"],
        stores.invitations.inviter(where, number).credited, tuple(stores.tags.of(where, number)), tuple(order for order in orders if order.waits),
        stores.cases.count_strikes(where, number, now, contents.judge.policy.ladder.lapse), mood_word(stores.moods.find_member(where, number)),
    )  # fmt: skip


def portrait_of(stores: Stores, community: Community, number: int, now: datetime) -> Portrait | None:
    """How a member stands, None where that was not worked out yet or he is not there any more; three round trips."""
    block = stores.traits.of(community.keys, number, community.day_of(now))
    if block is None:
        return None
    churn, koc = (float(block.number(name)[0]) for name in ("churn", "koc"))
    return Portrait(*stands(Doings.of(block)), None if isnan(churn) else churn, None if isnan(koc) else koc)


def habits_of(stores: Stores, contents: Contents, community: Community, number: int, now: datetime) -> Habits:
    """What the log tells of a member's habits in his community's groups; it looks at no more than 20,000 entries."""
    entries, since = stores.events.look_back(community.keys, number, now - timedelta(days=HOURS_DAYS), now)
    hours = Counter(
        entry.at.astimezone(community.zone).hour for entry in entries if entry.kind == "inbound" and entry.data.get("kind") != "event"
    )
    asked = Counter(str(entry.data["entry"]) for entry in entries if entry.kind == "decision" and "entry" in entry.data)
    topics = [(found.question, n) for id, n in asked.most_common(2 * MOST_TOPICS) if (found := contents.faq.find(id))]
    return Habits(tuple(hours[hour] for hour in range(24)), tuple(topics[:MOST_TOPICS]), community.day_of(since))


def mood_word(mood: Mood | None) -> str:
    """A member's mood in a word; '' where too little of him was heard."""
    if mood is None or mood.messages < LEAST_FELT:
        return ""
    return "愉快" if mood.mean >= GLAD else "低落" if mood.mean < LOW else "平静"


def past_of(stores: Stores, contents: Contents, community: Community, number: int, now: datetime) -> list[Event]:
    """What happened to a member and what he did, the newest first, at most fifty of each sort; ten round trips or so."""
    found = [
        *_joined(stores, community, number), *_check_ins(stores, community, number, now), *_orders(stores, community, number),
        *_badges(stores, contents, community, number), *_cases(stores, community, number), *_invitations(stores, community, number),
        *_tickets(stores, community, number), *_works(stores, community, number),
    ]  # fmt: skip
    return sorted(found, key=lambda event: event.at, reverse=True)


def _joined(stores: Stores, community: Community, number: int) -> Iterator[Event]:
    if since := stores.roster.since(community.keys, number):
        yield Event(since, "第一次发言")
    if (invitation := stores.invitations.find(community.keys, number)) and invitation.by > 0:
        told = INVITATION_STATES[invitation.state]
        yield Event(invitation.at, f"由{name_of(stores, invitation.by)}邀请来，{told}", "member", invitation.by)


def _check_ins(stores: Stores, community: Community, number: int, now: datetime) -> Iterator[Event]:
    oldest = community.day_of(now) - timedelta(days=DAYS)
    for day in stores.check_ins.days(community.keys, number):
        if day >= oldest:
            yield Event(_start_of(day, community), "签到")


def _orders(stores: Stores, community: Community, number: int) -> Iterator[Event]:
    for order in stores.orders.of_member(community.keys, number, MOST_OF_EACH):
        yield Event(order.at, f"兑换 {order.name}，{order.price} 积分，{ORDER_STATES[order.state]}", "order", order.number)


def _badges(stores: Stores, contents: Contents, community: Community, number: int) -> Iterator[Event]:
    for held in stores.badges.of(community.keys, number)[-MOST_OF_EACH:]:
        yield Event(_start_of(held.since, community), f"得到勋章 {badge_name(contents.badges, held)}")


def _cases(stores: Stores, community: Community, number: int) -> Iterator[Event]:
    for case in stores.cases.of_member(community.keys, number)[:MOST_OF_EACH]:
        yield Event(case.at, f"案件 {case.number}：{case.rule}，{CASE_STATES[case.state]}", "case", case.number)
        if appeal := stores.appeals.find(community.keys, case.number):
            yield Event(appeal.at, f"对案件 {case.number} 申诉，{APPEAL_STATES[appeal.state]}", "case", case.number)


def _invitations(stores: Stores, community: Community, number: int) -> Iterator[Event]:
    for one in stores.invitations.of_inviter(community.keys, number, MOST_OF_EACH)[1]:
        who = name_of(stores, one.newcomer) if one.newcomer > 0 else "一位已退出的成员"
        yield Event(one.at, f"邀请了{who}，{INVITATION_STATES[one.state]}", "inviter", number)


def _tickets(stores: Stores, community: Community, number: int) -> Iterator[Event]:
    if ticket := stores.tickets.newest_of(community.keys, number):
        yield Event(ticket.asked, f"找人工，工单 {ticket.number}，{TICKET_STATES[ticket.state]}", "ticket", ticket.number)


def _works(stores: Stores, community: Community, number: int) -> Iterator[Event]:
    for one in stores.submissions.of_member(community.keys, number, MOST_OF_EACH):
        yield Event(one.at, f"投稿 {one.number} 号", "submission", one.number)


def _start_of(day: date, community: Community) -> datetime:
    return datetime.combine(day, time(), community.zone)
