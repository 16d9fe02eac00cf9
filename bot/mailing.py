"""Mailings: who gets what a push says at a planned moment, and when – groups or members, page by page, until it is through or stopped.

The clock rings :func:`fire` for a planned moment; what does not fit into its first page is carried on by :func:`ring_mailings`, in whichever process. What
stands in the store when a page is made is what is said: a change holds from the next page on, and a push that was switched off is stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog

from bot import bodies, deliveries
from bot.audience import Audience
from bot.bodies import Article, BodyError
from bot.cards import CardError, Link, NewsNotice, Picture, TextNotice
from bot.channels.answer import is_address
from bot.communities import Communities, Community
from bot.config import Config
from bot.enclosures import enclosing
from bot.experiment_desk import arm_in_force
from bot.live import Contents
from bot.message import Card
from bot.push_words import own_words
from rules.calendar import AT, end_of_quiet
from rules.content_pushes import read_push
from rules.contents import PUSHES, Push
from rules.entries import LinkCard
from rules.experiments import assign, mark_of
from rules.pushes import EVERYWHERE, Arm, Body, audience_of, body_at, is_granted, said
from rules.segments import Query, SegmentError, fits, names_of, traits_of
from storage.community import CommunityKeys
from storage.connection import StorageAway
from storage.firings import Why
from storage.mailings import Claim, Due, GivenUp, Mailing, Page, Skipped, State, Unit, name_of
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery
from storage.stores import Stores

log = structlog.get_logger(__name__)

PAGE = 200
"""Units of one act: it keeps Redis busy for a few milliseconds."""
MOST_IN_FLIGHT = 600
"""How many units of a mailing are queued ahead of the senders: few enough that others' posts are not held up, and that stopping finds most undone."""
MOST_PAGES = 5
"""Pages of a mailing that one ring does, so that others get their turn."""
AGAIN = timedelta(seconds=1)
"""When a mailing goes on that waits for the senders."""
TROUBLED = timedelta(minutes=1)
"""When a mailing is tried again that could not go on."""
PAUSED = timedelta(seconds=10)
"""When a mailing of a paused community is looked at again; later the longer the pause is."""
OLDEST = timedelta(days=1)
"""After so long a pause a mailing is given up, as a delivery is."""
MOST_GROUPS = 100_000
"""Groups that a correction goes to at most."""
MOST_BLOCKS = 500
"""Blocks of seats, each as large as a page, that are looked through for one page where few fit."""
MOST_MENTIONED = 20
"""Members whom one post to a group calls."""
MOST_ASKED = 60
"""Members of a group who are asked whether they want to be called."""
CHATS_AT_ONCE = 50
"""Groups whose members are looked for together."""
HINT = "不想收：回复 免打扰"
"""What each push to a member says below its text."""


# The planned moment ---------------------------------------------------------------------------------------------------------


def fire(push: Push, community: Community, planned: datetime, stores: Stores, config: Config, contents: Contents, now: datetime) -> bool:
    """Begins the mailing of a planned moment; False when another process was first, or when nothing is said.

    What falls due while the community is paused is not made up for, and neither is marketing in a crisis, nor what no way leads anywhere for.
    """
    return _Round(push, community, planned, stores, config, contents, now).begin()


def settle(push: Push, community: Community, planned: datetime, why: Why, stores: Stores, now: datetime) -> None:
    """Notes once why nothing was said at a planned moment."""
    day = planned.astimezone(community.zone).date()
    if stores.firings.claim(community.keys, push.id, planned, (), now, None, day=day, title=push.label, why=why):
        log.info("push not said", push=push.id, community=community.id, planned=planned.isoformat(), why=why)


def give_up(stores: Stores, where: CommunityKeys, push: str, planned: datetime, why: GivenUp, now: datetime) -> None:
    """Stops a mailing that cannot or may not go on, and says why."""
    log.warning("mailing given up", push=push, community=where.id, planned=planned.isoformat(), why=why)
    stores.mailings.stop(where, push, planned, 0, now, f"{name_of(push, planned)}:{why}", why)


def audience(push: Push, communities: Communities) -> Iterable[Community]:
    """The listed communities that a push goes to."""
    if not push.enabled:
        return ()
    return [community for community in communities.listed if push.community in ("*", community.id)]


def find_in_force(stores: Stores, id: str) -> Push | None:
    """The push of an id as it stands in the store at this moment, None where it is gone or a draft."""
    text = stores.content.find(PUSHES.name, [id]).get(id)
    push = _read(text) if text else None
    return push if push and push.enabled else None


@lru_cache(1_000)
def _read(text: str) -> Push:
    return read_push(text)


def was_changed_since(stores: Stores, moment: datetime) -> bool:
    """Whether the pushes were changed after a moment: until then what stood before was in force."""
    return any(version.at > moment for version in stores.content.history(PUSHES.name, 1))


def ring_mailings(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Carries on every mailing that is due; gives how many pages were done. One round trip where none is.

    Any number of processes may do so at once: of two that make the same page, one does it.
    """
    due = stores.mailings.due({community.shard for community in communities.listed}, now)
    pages = 0
    for one in due:
        try:
            pages += _carry_on(one, stores, config, contents, communities, now)
        except StorageAway:
            raise
        except Exception:  # one mailing never holds up the others
            log.exception("mailing cannot go on", push=one.push, community=one.where.id)
            stores.mailings.put_off(one.where, one.push, one.planned, now + TROUBLED)
    return pages


def _carry_on(one: Due, stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Carries on one mailing; gives how many pages were done."""
    mailing = stores.mailings.find(one.where, one.push, one.planned)
    if mailing is None:
        return 0
    community, push = communities.named(one.where.id), find_in_force(stores, one.push)
    if push is None or push.to != mailing.to or not may_be_said(push, community):
        give_up(stores, one.where, one.push, one.planned, "off", now)
        return 0
    return _Round(push, community, one.planned, stores, config, contents, now).go_on(mailing)


# A page -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """The next units of a mailing: chats, or members with their user ids and names; how far it is after them, and whether they are the last."""

    chats: Sequence[str] = ()
    members: Sequence[int] = ()
    after: str = ""
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who is spoken to: a group by its chat, with the members whom the post calls; or a member with his user id, name, and own words."""

    chat: str = ""
    called: Sequence[int] = ()
    member: int = 0
    user: str = ""
    nickname: str = ""
    own: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What his arm is drawn by."""
        return f"m:{self.member}" if self.member else f"g:{self.chat}"


@dataclass(frozen=True, slots=True)
class _Round:
    """What one process does for one planned moment at this moment."""

    push: Push
    community: Community
    planned: datetime
    stores: Stores
    config: Config
    contents: Contents
    now: datetime

    def begin(self) -> bool:
        """Claims the moment, with its first page."""
        if self.push.to == "members" and self.stores.firings.are_claimed(self.push.id, [(self.community.keys, self.planned)]):
            return False  # a look costs less than counting an audience that another process has counted
        quiet = self._quiet_until()
        try:
            why = self._why(bool(quiet))
            count = 0 if why else self._count()
        except SegmentError as wrong:
            log.error("segment of a push cannot be read", push=self.push.id, community=self.community.id, reason=str(wrong))
            why, count = "segment", 0
        if not why and self.push.to == "groups" and not count:
            why = "no_way"
        if not why and quiet and self._waits_already():
            why = "quiet"
        if why:
            settle(self.push, self.community, self.planned, why, self.stores, self.now)
            self.stores.firings.begin_anew(self.community.keys, self.push.id, self.now)
            return False
        claim = Claim(self.push.to, self.push.label, count, self._local(self.planned).date())
        if quiet:
            return self._do([], None, "", "waits", quiet, claim)
        return self._next_page("", 0, claim)

    def _waits_already(self) -> bool:
        """Whether another moment of it waits for the end of the same night: nobody wants five good mornings. With ``after`` each has readers of its own."""
        waiting = (one for one in self.stores.mailings.under_way(self.community.keys, self.push.id) if one.state == "waits")
        return self.push.after is None and any(not one.looked and one.planned != self.planned for one in waiting)

    def go_on(self, mailing: Mailing) -> int:
        """Does the next pages of a mailing; gives how many."""
        if self.stores.pauses.of(self.community.id):
            self._wait_out(mailing)
            return 0
        if (quiet := self._quiet_until()) and self.push.quiet == "wait":
            return int(self._do([], mailing.cursor, mailing.cursor, "waits", quiet))
        in_flight, queued, cursor, done = mailing.in_flight, mailing.queued, mailing.cursor, 0
        while done < MOST_PAGES:
            if in_flight + PAGE > MOST_IN_FLIGHT:
                self.stores.mailings.put_off(self.community.keys, self.push.id, self.planned, self.now + AGAIN)
                break
            try:
                is_mine = self._next_page(
                    cursor, queued, None, "crisis" if self._is_crisis() else "quiet" if quiet and self.push.quiet == "skip" else ""
                )
            except SegmentError as wrong:
                log.error("segment of a push cannot be read", push=self.push.id, community=self.community.id, reason=str(wrong))
                give_up(self.stores, self.community.keys, self.push.id, self.planned, "segment", self.now)
                break
            if not is_mine:
                break
            done += 1
            if (present := self.stores.mailings.find(self.community.keys, self.push.id, self.planned)) is None or present.cursor == cursor:
                break
            if present.next_at is None or present.next_at > self.now or present.state in ("done", "stopped"):
                break
            in_flight, queued, cursor = present.in_flight, present.queued, present.cursor
        return done

    def _wait_out(self, mailing: Mailing) -> None:
        """Waits for the end of a pause; what waited a day in it, however long it took before, is not said any more."""
        waited = self.now - (mailing.next_at or self.now)
        if waited > OLDEST:
            give_up(self.stores, self.community.keys, self.push.id, self.planned, "paused", self.now)
        else:
            until = self.now + max(PAUSED, waited / 10)
            self.stores.mailings.put_off(self.community.keys, self.push.id, self.planned, until)

    # What is decided about all of it ----------------------------------------------------------------------------------------

    def _why(self, is_quiet: bool) -> Why:
        if not is_granted(self.push):
            return "unapproved"
        if self.stores.pauses.of(self.community.id):
            return "paused"
        if self._is_crisis():
            return "crisis"
        return "quiet" if is_quiet and self.push.quiet == "skip" else ""

    def _is_crisis(self) -> bool:
        return self.push.marketing and bool(self.stores.pauses.crisis_since(self.community.id))

    def _quiet_until(self) -> datetime | None:
        """When the quiet hours end that it is now, None where it is not quiet or they do not count."""
        if self.push.quiet == "ignore":
            return None
        return end_of_quiet(self.contents.pushing.of(self.community.id).quiet, self.now, self.community.zone)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.community.zone)

    # Whom ---------------------------------------------------------------------------------------------------------------------

    def _count(self) -> int:
        if self.push.to == "groups":
            return len(self._chats())
        if self.push.receivers_of:
            push, planned = _mailing_of(self.push.receivers_of)
            return self.stores.mailings.count_receivers(self.community.keys, push, planned)
        readers = Audience(self.stores, self.contents)
        return readers.count(self.community, readers.query(self.community, audience_of(self.push)), self._day()).members

    def _day(self) -> date:
        """The day as of which the members are looked at: it stays the same however long the mailing takes."""
        return self._local(self.planned).date()

    def _chats(self) -> list[str]:
        """The groups in their order: all that a way leads to, or those that the push names."""
        if self.push.receivers_of:
            push, planned = _mailing_of(self.push.receivers_of)
            return sorted(self.stores.mailings.got(self.community.keys, push, planned, MOST_GROUPS))
        if self.push.groups:
            return sorted(set(self.push.groups))
        return sorted(chat for chat in self.config.groups_of(self.community.id) or ("",) if self._post(chat, "x") is not None)

    def _find(self, cursor: str, most: int) -> _Found:
        if self.push.to == "groups":
            names = [f"g{chat}" for chat in self._chats()]
            rest = [name for name in names if name > cursor]
            some = rest[:most]
            return _Found([name[1:] for name in some], (), some[-1] if some else cursor, len(rest) <= most)
        after = int(cursor[1:] or 0)
        if self.push.receivers_of:
            push, planned = _mailing_of(self.push.receivers_of)
            got, mark = self.stores.mailings.receivers(self.community.keys, push, planned, after, most)
            return _Found((), got, f"m{got[-1] if got else after}", mark is None)
        members, after, is_last = self._find_members(after, most)
        return _Found((), members, f"m{after}", is_last)

    def _find_members(self, after: int, most: int) -> tuple[list[int], int, bool]:
        """The next members of the segment, at most so many; how far that is, and whether it is the end."""
        query = Audience(self.stores, self.contents).query(self.community, audience_of(self.push))
        asked = (self.community.keys, traits_of(query), names_of(query), self._day())
        found: list[int] = []
        for number, (mark, block) in enumerate(self.stores.traits.blocks(*asked, after, most), 1):  # no block alone is too much
            some = block.members[fits(query, block)].tolist()
            if len(found) + len(some) > most:
                return found, after, False
            found += some
            after = mark
            if number == MOST_BLOCKS:
                return found, after, after >= self.stores.traits.size(self.community.keys)
        return found, after, True

    # What ---------------------------------------------------------------------------------------------------------------------

    def _next_page(self, cursor: str, queued: int, claim: Claim | None, why: Skipped = "") -> bool:
        """Does the next page, and with a claim begins; False when another process was first."""
        first = max(self.push.first - queued, 0)
        found = self._find(cursor, min(PAGE, first) if first and not why else PAGE)
        return self._do(
            self._units(found, why), None if claim else cursor, found.after, "done" if found.is_last else "running", self.now, claim, first
        )

    def _do(
        self, units: Sequence[Unit], cursor: str | None, after: str, state: State, next_at: datetime, claim: Claim | None = None, first: int = 0
    ) -> bool:  # fmt: skip
        rules = self.contents.pushing.of(self.community.id)
        caps = rules.caps if self.push.to == "members" else rules.group_caps
        # a correction goes to exactly those who got what is wrong: it neither needs room among the caps nor takes any
        kinds = () if self.push.receivers_of else self.push.kinds
        page = Page(
            units, cursor, after, state, next_at, self._local(self.now).date(), kinds,
            [(cap.kind, cap.most, cap.days) for cap in caps if cap.kind in kinds], self.push.marketing,
            first, self.now + timedelta(minutes=self.push.first_minutes),
        )  # fmt: skip
        return self.stores.mailings.carry_on(self.community.keys, self.push.id, self.planned, page, self.now, claim)

    def _units(self, found: _Found, why: Skipped) -> list[Unit]:
        winner = arm_in_force(self.stores, self.community.keys, self.push)
        if self.push.to == "groups":
            called = self._called(found.chats) if self.push.segment and not why else {}
            return [self._unit(_Reader(chat, called.get(chat, ())), winner, why) for chat in found.chats]
        theirs = self._spoken_to_elsewhere(found.members) if not why else frozenset()
        users = self.stores.directory.find_users(found.members)
        is_named = any("{nickname}" in text for text in (self.push.text, *self.push.episodes, *(arm.body.text for arm in self.push.arms)))
        names = self.stores.directory.find_names(found.members) if is_named else {}
        own = own_words(self.push, self.community, found.members, self.stores, self.contents, self._local(self.now).date())
        readers = [
            _Reader(member=member, user=users.get(member, ""), nickname=names.get(member, ""), own=own.get(member, {}))
            for member in found.members
        ]
        return [self._unit(reader, winner, why or ("elsewhere" if reader.member in theirs else "")) for reader in readers]

    def _spoken_to_elsewhere(self, members: Sequence[int]) -> frozenset[int]:
        """Those of the members who get it in another of their communities: what is said to everybody's members is said to each of them once."""
        if self.push.community != EVERYWHERE or self.push.receivers_of:
            return frozenset()
        moment = self._local(self.planned).strftime(AT)
        return self.stores.mailings.claim_readers(self.community.keys, self.push.id, moment, members)

    def _unit(self, reader: _Reader, winner: str, why: Skipped) -> Unit:
        chat, member = reader.chat, reader.member
        arm = next((arm for arm in self.push.arms if arm.name == winner), None) if winner else assign(self.push, reader.name)
        facts: dict[str, Any] = {
            "push": self.push.id, "planned": self.planned.isoformat(), "arm": arm.name if arm else "", "to": self.push.to,
            "late_s": round((self.now - self.planned).total_seconds(), 1),
        }  # fmt: skip
        if not member:
            facts["chat"] = chat or self.community.main_group
        trial = mark_of(self.push) if self.push.trial and not winner else ""
        if why:
            return Unit(facts, member=member, chat=chat, why=why)
        try:
            queued = self._deliveries(arm or Arm("", self.push.body), reader, trial)
        except (BodyError, CardError) as wrong:
            log.error("push cannot be shown", push=self.push.id, community=self.community.id, reason=str(wrong))
            return Unit(facts, member=member, chat=chat, why="body")
        if queued and arm is None:  # only whom it could have reached is held out
            return Unit({**facts, "trial": trial} if trial else facts, member=member, chat=chat, why="holdout")
        return Unit(facts, queued, member, chat, "" if queued else "no_way")

    def _deliveries(self, arm: Arm, reader: _Reader, trial: str) -> list[Delivery]:
        """What is queued for one unit, in order; nothing where no way leads there."""
        chat, member = reader.chat, reader.member
        body = body_at(self.push, self.planned, self.community.zone, self.contents.workdays, arm if arm.name else None)
        words: dict[str, Any] = {"community": self.community.name, "on": self._local(self.planned).date(), "own": reader.own}
        text = said(body.text, **(words | {"nickname": reader.nickname} if reader.nickname else words))
        text = "\n".join([text, *_addresses(body)])
        post = self._letter(member, reader.user, f"{text}\n\n{HINT}") if member else self._post(chat, text)
        if post is None:
            return []
        posts = [_shown(post, body, text if not member else f"{text}\n\n{HINT}")]
        posts[0] = replace(posts[0], called=tuple(reader.called))
        for kind, name in (("image", body.image), ("file", body.file)):
            if name and not is_address(name):
                posts.append(enclosing(post, "image" if kind == "image" else "file", name))
        name = name_of(self.push.id, self.planned)
        whom = str(member) if member else chat or self.community.main_group or self.community.id
        pushed = "" if member else f"{self._local(self.now):%Y-%m-%d}|{chat or self.community.main_group}"
        # the text settles the unit: who read it got the push, whatever becomes of a picture behind it
        tried = f"{trial}|{arm.name}" if trial else ""
        return [replace(posts[0], mailing=name, whom=whom, pushed=pushed, trial=tried), *(replace(one, mailing=name) for one in posts[1:])]

    def _post(self, chat: str, text: str) -> Delivery | None:
        """A post to a group of this community, and to no other, whatever a push names."""
        is_main = chat in ("", self.community.main_group)
        if not is_main and chat not in self.config.groups_of(self.community.id):
            return None
        id = f"push:{self.community.id}:{name_of(self.push.id, self.planned)}"
        return deliveries.to_group(
            self.config, self.community.id, "" if is_main else chat, text, id=id if is_main else f"{id}:{chat}", lane="bulk", now_ms=to_ms(self.now)
        )  # fmt: skip

    def _letter(self, member: int, user: str, text: str) -> Delivery | None:
        if not user:
            return None
        id = f"push:{self.community.id}:{name_of(self.push.id, self.planned)}:m{member}"
        return deliveries.to_member(
            self.config, member, text, user=user, id=id, community=self.community.id, message="", now_ms=to_ms(self.now), lane="bulk"
        )  # fmt: skip

    def _called(self, chats: Sequence[str]) -> dict[str, list[int]]:
        """Those of the segment who are in each of some groups and want to be called, as many as one post calls.

        Nobody where the segment cannot be read. The members are gone through once for all groups.
        """
        try:
            query = Audience(self.stores, self.contents).query(self.community, f"({self.push.segment}) and not opted_out")
        except SegmentError as wrong:
            log.error("segment of a push cannot be read", push=self.push.id, community=self.community.id, reason=str(wrong))
            return {}
        asked: dict[str, list[int]] = {}
        for start in range(0, len(chats), CHATS_AT_ONCE):
            asked |= self._members_in(chats[start : start + CHATS_AT_ONCE], query)
        everybody = sorted({member for members in asked.values() for member in members})
        wanted = frozenset(willing(self.stores, self.community, self.push, everybody))
        return {chat: [member for member in members if member in wanted][:MOST_MENTIONED] for chat, members in asked.items()}

    def _members_in(self, chats: Sequence[str], query: Query) -> dict[str, list[int]]:
        """The first members in each of some groups who fit a question."""
        places = {chat: chat or self.community.main_group for chat in chats}
        names = {*names_of(query), *(("group", place) for place in places.values())}
        found: dict[str, list[int]] = {chat: [] for chat in chats}
        for _, block in self.stores.traits.blocks(self.community.keys, traits_of(query), names, self._day()):
            meant = fits(query, block)
            for chat, members in found.items() if meant.any() else ():
                room = MOST_ASKED - len(members)
                members += block.members[meant & block.within("group", places[chat])][:room].tolist() if room else []
            if all(len(members) == MOST_ASKED for members in found.values()):
                break
        return found


def may_be_said(push: Push, community: Community) -> bool:
    """Whether a push in force is for a community that the configuration has, and nobody's consent is missing."""
    return community.is_listed and push.community in (EVERYWHERE, community.id) and is_granted(push)


def willing(stores: Stores, community: Community, push: Push, members: Sequence[int]) -> list[int]:
    """Those of some members who want to hear of a push; one round trip."""
    unwilling = {"all", "marketing"} if push.marketing else {"all"}
    wishes = stores.subscriptions.wishes(community.keys, members)
    return [member for member in members if wishes[member] not in unwilling]


# How it looks -------------------------------------------------------------------------------------------------------------------


def _shown(post: Delivery, body: Body, text: str) -> Delivery:
    """A post as its way shows the body; what it cannot show is told in words. Raises BodyError, CardError for what cannot be built."""
    if body.card:
        shown = deliveries.as_card(post, _card_of(body.card))
        return shown if shown is not post else _worded(post, text, [body.card])
    if body.articles:
        if post.via == "aibot_ws":
            return _worded(post, text, body.articles)
        return replace(post, body=bodies.news([Article(one.title, one.url, one.text, one.picture) for one in body.articles]))
    kind = "markdown" if body.markdown else "text"
    if post.via in ("webhook", "app"):
        return replace(post, body={"msgtype": kind, kind: {"content": text}})
    return post


def _worded(post: Delivery, text: str, links: Sequence[LinkCard]) -> Delivery:
    """What is told of cards where none are shown."""
    lines = [text, *(f"[{one.title}]({one.url}) {one.text}".strip() if one.url else f"{one.title} {one.text}".strip() for one in links)]
    told = "\n".join(lines)
    if post.via != "aibot_ws":
        return replace(post, body={"msgtype": "markdown", "markdown": {"content": told}})
    frame = {"msgtype": "markdown", "markdown": {"content": told}}
    return replace(post, body={**post.body, "frame": frame, "text": told})


def _addresses(body: Body) -> list[str]:
    """Links to a picture or file that is at an address."""
    return [f"[{name}]({at})" for name, at in (("图片", body.image), ("文件", body.file)) if at and is_address(at)]


def _card_of(card: LinkCard) -> Card:
    action = Link(card.url)
    if not card.picture:
        return TextNotice(title=card.title, sub_title=card.text, action=action)
    return NewsNotice(title=card.title, desc=card.text, picture=Picture(card.picture), action=action)


def _mailing_of(name: str) -> tuple[str, datetime]:
    """The push and planned moment of a mailing's name."""
    push, _, planned = name.rpartition("@")
    return push, from_ms(int(planned))
