"""客户联系: customer groups read and compared, and whatever else is asked of that interface without anybody waiting for it.

A callback about a group is a hint: it asks for an errand, and a worker reads the group's roster when WeCom has had time to make it
consistent. What the roster says is compared with the last look and told in the act that keeps it, so each join and leave is told once, whatever
was lost, doubled or reordered on the way. A nightly look at every group finds what no hint told of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Event as Flag
from typing import Any

import structlog

from bot import deliveries
from bot.communities import Communities, Community
from bot.config import Config
from bot.customer_api import CustomerApi, GroupChat, Listed
from bot.errors import ApiError
from bot.invitation_desk import Newcomer
from rules.roster import Difference, Roster, compare
from storage.connection import StorageAway
from storage.customer_groups import KnownGroup, Look, Moves, News
from storage.errands import Errand
from storage.limits import Limits
from storage.moment import to_ms
from storage.stores import Stores

log = structlog.get_logger(__name__)

ROSTER, SWEEP = "roster", "sweep"
WAIT_MS = 2_000
"""How long after a hint a roster is read: before, WeCom may not have it yet. All hints of that time are one read."""
MOST_LOOKS = 5
"""How often a roster is read again that does not show yet what the hint told of."""
CLOCKS_APART_S = 30
"""Who joined so long before the first hint about a group that nobody knew may be whom it tells of."""
FOUNDING_S = 5
"""Who is there so soon after a group was made was there from the beginning."""
PAUSE_MS = 60_000
POLL_S = 0.5
SLOWEST_MS = 900_000
DAY_MS = 86_400_000
LOUD_AFTER = 6
"""After so many tries in vain, some two minutes, the administrators hear of it."""
TOO_OFTEN, NO_GROUP = 45009, 90501
_NEVER_S = 1 << 40
CUSTOMER = 2
"""The kind of a seat that is no employee's: colleagues who are put into a group by its owner were not won by him."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a notice names."""

    number: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupNews:
    """What the administrators are to hear of one look at a group."""

    group: str
    joined: tuple[Person, ...] = ()
    left: tuple[Person, ...] = ()
    altered: tuple[str, ...] = ()
    is_closed: bool = False


Act = Callable[[Errand, CustomerApi], bool]
"""Does an errand; False: it is to be tried again. ApiError, too, puts it off."""
Compose = Callable[[Community, GroupNews], str]
"""What to say of news; '' says nothing."""
SeeRoster = Callable[[Community, str, Sequence[Newcomer], Mapping[int, int]], None]
"""Takes in who joined a group and who left it (member → since when he was there, in s), before the look is kept; may see the same again."""


class Customers:
    """Does the errands of 客户联系; any number of processes may do so side by side. ``apis`` are the channels by name."""

    def __init__(
        self,
        stores: Stores,
        config: Config,
        communities: Communities,
        limits: Limits,
        apis: Mapping[str, CustomerApi],
        *,
        clock: Callable[[], datetime],
        compose: Compose,
        more: Mapping[str, Act] | None = None,
        see_roster: SeeRoster = lambda community, chat, joined, left: None,
    ) -> None:
        self._stores = stores
        self._config = config
        self._communities = communities
        self._limits = limits
        self._apis = apis
        self._clock = clock
        self._compose = compose
        self._see_roster = see_roster
        self._acts: dict[str, Act] = {ROSTER: self._look, SWEEP: self._sweep, **(more or {})}

    def run(self, stop: Flag) -> None:
        """Does what is due until ``stop``."""
        while not stop.wait(POLL_S):
            try:
                while not stop.is_set() and self.work_once():
                    pass
            except StorageAway as away:
                log.warning("errands wait", reason=str(away))
            except Exception as error:
                # This loop is what keeps the rosters true: whatever happens, it looks again.
                log.error("errands failed", error=type(error).__name__, exc_info=True)

    def work_once(self) -> int:
        """Tries every errand that is due now, once; gives how many were taken."""
        taken = 0
        for shard, id in self._stores.errands.due(self._now_ms()):
            errand = self._stores.errands.take(shard, id, self._now_ms())
            if errand is not None:
                taken += 1
                self._do(errand)
        return taken

    # One errand -----------------------------------------------------------------------------------------------------------

    def _do(self, errand: Errand) -> None:
        act, api = self._acts.get(errand.kind), self._apis.get(errand.channel)
        if act is None or api is None:
            log.error("errand that nobody can do", errand=errand.id)
            self._done(errand)
            return
        pause_ms = self._limits.paused_for(_pause(errand), self._now_ms())
        if pause_ms:
            self._stores.errands.again(errand, self._now_ms() + pause_ms)
            return
        try:
            if act(errand, api):
                self._done(errand)
            else:
                self._put_off(errand)
        except StorageAway:
            raise
        except ApiError as error:
            self._failed(errand, error)
        except Exception as error:
            # One that fails by a bug must not hold up the others.
            log.error("errand failed", errand=errand.id, tries=errand.tries, error=type(error).__name__, exc_info=True)
            self._put_off(errand)

    def _failed(self, errand: Errand, error: ApiError) -> None:
        log.warning("errand failed", errand=errand.id, tries=errand.tries, error=str(error))
        now_ms = self._now_ms()
        if error.code == TOO_OFTEN:
            self._limits.pause(_pause(errand), now_ms + PAUSE_MS, now_ms)
            self._stores.errands.again(errand, now_ms + PAUSE_MS)
            return
        if errand.tries == LOUD_AFTER:
            self._complain(errand, error, now_ms)
        self._put_off(errand)

    def _complain(self, errand: Errand, error: ApiError, now_ms: int) -> None:
        """Tells the administrators, once a day for one trouble: what is put off for ever in silence is lost."""
        code = f"错误码 {error.code}" if error.code is not None else "没有应答"
        text = (
            f"⚠️ 客户联系（渠道 {errand.channel}）连续 {errand.tries} 次失败：{code}。会继续尝试，请检查这个渠道的 Secret、权限和可信 IP。"
        )
        id = f"errands:{errand.channel}:{error.code}:{now_ms // DAY_MS}"
        alarm = deliveries.to_admins(self._config, errand.where.id, text, id=id, now_ms=now_ms)
        if alarm:
            self._stores.outbox.enqueue(errand.where.shard, [alarm], now_ms)

    def _put_off(self, errand: Errand) -> None:
        self._stores.errands.again(errand, self._now_ms() + min(SLOWEST_MS, WAIT_MS * 2 ** min(errand.tries, 12)))

    def _done(self, errand: Errand) -> None:
        self._stores.errands.done(errand, self._now_ms() + WAIT_MS)

    # Rosters --------------------------------------------------------------------------------------------------------------

    def _look(self, errand: Errand, api: CustomerApi) -> bool:
        """Reads a group and tells what changed since the last look."""
        group = KnownGroup(errand.subject, errand.where, errand.channel)
        before = self._stores.customer_groups.look_back(errand.where, errand.subject)
        if self._communities.of_chat(errand.subject, self._now_ms()).keys != errand.where:
            return self._close(errand, group, before, has_moved=True)
        try:
            found = api.read_group(errand.subject)
        except ApiError as error:
            if error.code != NO_GROUP:
                raise
            return self._close(errand, group, before)
        expected, is_last_try = errand.facts.get("current", ""), errand.tries >= MOST_LOOKS
        if found.version in before.past and found.version != expected and not is_last_try:
            return False  # an older copy of what we saw: told from it, somebody would leave and join who never moved
        kept = self._keep(errand, group, before, found)
        return kept and (expected in ("", found.version) or is_last_try)

    def _keep(self, errand: Errand, group: KnownGroup, before: Look, found: GroupChat) -> bool:
        community, now = self._communities.named(errand.where.id), self._clock()
        numbers = self._numbers_of(found.members, community)
        after = _roster(found, numbers)
        difference = compare(before.roster, after, looked_s=_looked_s(errand, before, found))
        # What the hint says was there before is not what we saw last: something was missed, and this look makes it good.
        missed = bool(before.roster and errand.facts.get("last") and errand.facts["last"] != before.roster.version)
        events = list(_events(group.chat, difference, after, missed=missed))
        if before.roster is None or before.is_closed:
            events.insert(0, (0, {"group": "known", "chat": group.chat, "members": len(after.seats)}))
        moves = self._moved(community, group, before, after, difference)
        news = self._news(community, group, before, self._told(found, numbers, difference), events, moves)
        self._see_roster(community, group.chat, *_moves(found, numbers, difference, before))
        return self._stores.customer_groups.keep(group, before, after, news, now, self._day(community, now))

    def _told(self, found: GroupChat, numbers: Mapping[str, int], difference: Difference) -> GroupNews:
        """The news with names: of those who are there from the roster, of those who left from the directory."""
        people = {numbers[one.user]: Person(numbers[one.user], _names(one)) for one in found.members}
        for number in difference.left:
            if number not in people:
                people[number] = Person(number, (self._stores.directory.find_name(number),))
        joined, left = (tuple(people[number] for number in numbers) for numbers in (difference.joined, difference.left))
        return GroupNews(found.name, joined, left, difference.altered)

    def _close(self, errand: Errand, group: KnownGroup, before: Look, *, has_moved: bool = False) -> bool:
        """Ends a group that is no more, or that belongs to another community now: of that nobody needs to hear."""
        if before.roster is None or before.is_closed:
            return True
        community, now = self._communities.named(errand.where.id), self._clock()
        told = GroupNews(before.roster.name, is_closed=True)
        events = [(0, {"group": "moved" if has_moved else "dismissed", "chat": group.chat, "members": len(before.roster.seats)})]
        left = tuple(before.roster.seats)
        moves = Moves(left=left, gone=self._gone(community, group, left))
        quiet = News([*_counted(group.chat, moves), *events], moves=moves)
        news = quiet if has_moved else self._news(community, group, before, told, events, moves)
        return self._stores.customer_groups.close(group, before, news, now, self._day(community, now))

    def _news(
        self, community: Community, group: KnownGroup, before: Look, told: GroupNews, events: Sequence[tuple[int, Mapping[str, Any]]],
        moves: Moves,
    ) -> News:  # fmt: skip
        counts = {name: n for name, n in (("joins", len(told.joined)), ("leaves", len(told.left))) if n}
        text = self._compose(community, told)
        notice = None
        if text:
            id = f"roster:{group.chat}:{int(before.serial or 0) + 1}"
            notice = deliveries.to_admins(self._config, community.id, text, id=id, now_ms=self._now_ms())
        about = tuple(person.number for person in (*told.joined, *told.left))
        newcomers = tuple(person.number for person in told.joined) if community.is_listed else ()
        told_of = [*_counted(group.chat, moves), *events]
        return News(told_of, counts, (replace(notice, mergeable=True, about=about),) if notice else (), newcomers, moves)

    def _moved(self, community: Community, group: KnownGroup, before: Look, after: Roster, difference: Difference) -> Moves:
        """Who moved, as the community counts it: who is in another of its groups is not gone."""
        was_unknown = before.roster is None or before.is_closed
        found = [number for number in after.seats if number not in difference.joined] if was_unknown else difference.relearned
        return Moves(difference.joined, found, difference.left, self._gone(community, group, difference.left))

    def _gone(self, community: Community, group: KnownGroup, left: Sequence[int]) -> list[int]:
        still = self._stores.customer_groups.seated(community.keys, left, without=group.chat)
        return [number for number in left if number not in still]

    def _numbers_of(self, members: Sequence[Listed], community: Community) -> dict[str, int]:
        """The member numbers behind a roster. A name is learned where none is known; a customer's always, for nowhere else is it told."""
        known = self._stores.directory.find_people([one.user for one in members])
        numbers = {}
        for one, person in zip(members, known, strict=True):
            if person and (person[1] == one.name or (person[1] and one.seat.kind == 1) or not one.name):
                numbers[one.user] = person[0]
                continue
            home = "" if person else community.id
            numbers[one.user] = self._stores.directory.enrol(one.user, name=one.name, community=home).number
        return numbers

    def _sweep(self, errand: Errand, api: CustomerApi) -> bool:
        """Has every group of a channel looked at: those that WeCom lists, and where we know them and they are no more or belong elsewhere now."""
        now_ms = self._now_ms()
        listed = set(api.list_groups())
        for chat in sorted(listed):
            ask_for_look(self._stores, self._communities.of_chat(chat, now_ms), errand.channel, chat, now_ms)
        for group in self._stores.customer_groups.all_open():
            is_here = group.chat in listed and self._communities.of_chat(group.chat, now_ms).keys == group.where
            if group.channel == errand.channel and not is_here:
                self._stores.errands.ask(Errand(ROSTER, group.channel, group.chat, group.where), now_ms)
        log.info("customer groups swept", channel=errand.channel, groups=len(listed))
        return True

    def _day(self, community: Community, now: datetime) -> str:
        return community.day_of(now).isoformat()

    def _now_ms(self) -> int:
        return to_ms(self._clock())


def ask_for_look(
    stores: Stores,
    community: Community,
    channel: str,
    chat: str,
    due_ms: int,
    *,
    facts: Mapping[str, str] | None = None,
    first: Mapping[str, str] | None = None,
) -> None:
    """Asks for a look at a customer group; all asking before it is done are one.

    ``facts`` are what the newest hint says: ``last`` and ``current``, WeCom's member_version before and after. ``first`` is ``since``, when
    the first hint was sent (Unix seconds).
    """
    stores.errands.ask(Errand(ROSTER, channel, chat, community.keys, facts or {}), due_ms, first=first)


def ask_for_sweep(stores: Stores, community: Community, channel: str, now: datetime) -> None:
    """Asks for a look at all groups of a channel."""
    stores.errands.ask(Errand(SWEEP, channel, "all", community.keys), to_ms(now))


def _looked_s(errand: Errand, before: Look, found: GroupChat) -> int:
    """Since when a join counts as one: since the last look or, in a group never seen, since the first hint, but not with those who founded it."""
    if before.roster is not None:
        return before.at_ms // 1000
    if "since" not in errand.facts:
        return _NEVER_S
    return max(int(errand.facts["since"]) - CLOCKS_APART_S, found.created_s + FOUNDING_S)


def _events(chat: str, difference: Difference, after: Roster, *, missed: bool) -> Iterator[tuple[int, Mapping[str, Any]]]:
    about: dict[str, Any] = {"chat": chat} | ({"missed": True} if missed else {})
    for number in difference.left:
        yield number, {"group": "leave", **about}
    for number in difference.joined:
        yield number, {"group": "join", **about, "kind": after.seats[number].kind}
    for what in difference.altered:
        yield (after.owner if what == "owner" else 0), {"group": what, **about}


def _counted(chat: str, moves: Moves) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """What the log is told of who counts as here, and who no more."""
    for number in moves.left:
        yield number, {"group": "out", "chat": chat, "gone": number in moves.gone}
    for number in moves.found:
        yield number, {"group": "found", "chat": chat}


def _moves(
    found: GroupChat, numbers: Mapping[str, int], difference: Difference, before: Look
) -> tuple[list[Newcomer], dict[int, int]]:  # fmt: skip
    """Who joined, and who left with since when he was there."""
    listed = {numbers[one.user]: one for one in found.members}
    joined = [
        Newcomer(number, one.seat.joined_s, one.inviter if one.seat.kind == CUSTOMER else "", one.state)
        for number in difference.joined
        for one in [listed[number]]
    ]
    seats = before.roster.seats if before.roster else {}
    return joined, {number: seats[number].joined_s for number in difference.left}


def _roster(found: GroupChat, numbers: Mapping[str, int]) -> Roster:
    seats = {numbers[one.user]: one.seat for one in found.members}
    return Roster(found.version, numbers.get(found.owner, 0), found.name, _digest(found.notice), seats)


def _digest(text: str) -> str:
    """What tells two 群公告 apart; their words are not kept."""
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def _names(one: Listed) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (one.name, one.nickname) if name))


def _pause(errand: Errand) -> str:
    return f"customers.{errand.channel}.{errand.kind}"
