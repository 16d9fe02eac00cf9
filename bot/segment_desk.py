"""The desk of segments: what chat and console do with saved groups of members is done here, and how many a condition means is looked up.

A segment stands in the operators' content, so every change is a version that can be taken back. What all communities have is changed only by whoever may
in all of them, and nothing is changed or taken away that would leave another segment or a push without its meaning.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from itertools import islice

import msgspec
import numpy as np

from bot.communities import Community
from bot.errors import UserError
from bot.faq_office import Office
from bot.live import Contents
from bot.permissions import Actor
from rules.calendar import moment_in
from rules.content_pushes import read_push
from rules.content_segments import MOST_SEGMENTS, SEGMENTS, read_segment, segment_row, wrong_with
from rules.contents import PUSHES, Push, check_segment
from rules.pushes import needs_grant
from rules.saved_segments import EVERYWHERE, Segment, Segments
from rules.segments import Query, SegmentError, explain, fits, names_of, traits_of
from storage.content import ChangedSince, NoSuchVersion, Outdated, Version
from storage.stores import Stores

KIND = SEGMENTS.name
MOST_TRIES = 5
MOST_UNDONE = 100
"""Segments of a version that is taken back here; larger ones are, by the command line."""
MOST_LOOKED = 50
"""Versions among which those about a community are looked for."""
MOST_NAMED = 5
"""Segments and pushes that are named where a change would break them."""
AGREED = "有人批准过"
FARTHEST_WEST = timezone(-timedelta(hours=12))
"""Where a moment of the wall clock comes last: what is over there is over everywhere."""
EXAMPLE = "例如：群体 看 level >= 3 且 silent_days > 7d"


class Moved(Exception):
    """Somebody changed or removed the segment since it was looked at: ``now`` is how it stands (None: gone). Look again, then decide anew."""

    def __init__(self, now: Segment | None) -> None:
        super().__init__("the segment was changed meanwhile")
        self.now = now


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment as it stands in the store, and the mark of this state."""

    segment: Segment
    mark: str


@dataclass(frozen=True, slots=True)
class Done:
    """A change in force: its version, and the segment before and after it (None: there was none, or it is gone)."""

    version: int
    before: Segment | None
    after: Segment | None


@dataclass(frozen=True, slots=True)
class Look:
    """Whom a text means: the ``query``, in words, how many ``members`` of ``of``, and the ``first`` of them by number."""

    query: Query
    words: str
    members: int
    of: int
    first: tuple[int, ...]

    @property
    def share(self) -> float:
        """Which part of all members they are, 0–1."""
        return self.members / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of ``of`` members each segment means, by its id; nothing where counting took too long (``is_late``)."""

    members: Mapping[str, int]
    of: int
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class SegmentDesk:
    """The segments of a community, and who looks after them. ``may_share``: he may change what all communities have."""

    stores: Stores
    contents: Contents
    community: Community
    actor: Actor
    now: datetime
    may_share: bool

    @classmethod
    def of(cls, office: Office) -> SegmentDesk:
        """The desk of somebody who also looks after the FAQ: the same rights."""
        return cls(office.stores, office.contents, office.community, office.actor, office.now(), office.may_share)

    # Looking ------------------------------------------------------------------------------------------------------------

    def segments(self) -> list[Kept]:
        """Those of this community by this moment's content, in the order in which they were written down."""
        _, items = self.stores.content.snapshot(KIND)
        own = {one.id for one in _read(items).of(self.community.id)}
        return [_kept(item) for id, item in items.items() if id in own]

    def saved(self) -> Segments:
        """All that is saved, of every community, by this moment's content."""
        return _read(self.stores.content.snapshot(KIND)[1])

    def get(self, name: str) -> Kept:
        """The segment that this community means by a name. Raises UserError."""
        name = name.removeprefix("@").removeprefix("＠")
        found = next((kept for kept in self.segments() if kept.segment.name == name), None)
        if found is None:
            raise UserError(f"没有存着叫“{name[:30]}”的群体。说“群体 列表”看有哪些，{EXAMPLE}")
        return found

    def may_change(self, segment: Segment) -> bool:
        """Whether he may change a segment: what others have as well only with the role in all communities."""
        return segment.community == self.community.id or (segment.community == EVERYWHERE and self.may_share)

    def look(self, text: str, *, first: int = 0) -> Look:
        """Whom a text means today, and the first of them. Raises SegmentError."""
        query = self.saved().query(text, self.community.id)
        members = of = 0
        named: list[int] = []
        for _, block in self.stores.traits.blocks(self.community.keys, traits_of(query), names_of(query), self._day):
            meant = fits(query, block)
            members += int(np.count_nonzero(meant))
            of += len(meant)
            if len(named) < first:
                named += block.members[meant][: first - len(named)].tolist()
        return Look(query, explain(query), members, of, tuple(named))

    def count(self, segments: Sequence[Segment], *, within_s: float) -> Counted:
        """How many each of some segments means today: all in one pass, and nothing where that takes longer. What cannot be understood is left out."""
        saved, until = self.saved(), time.monotonic() + within_s
        queries: dict[str, Query] = {}
        for one in segments:
            try:
                queries[one.id] = saved.query(one.text, self.community.id)
            except SegmentError:
                continue
        traits = frozenset[str]().union(*map(traits_of, queries.values()))
        names = frozenset[tuple[str, str]]().union(*map(names_of, queries.values()))
        counts, of = dict.fromkeys(queries, 0), 0
        for _, block in self.stores.traits.blocks(self.community.keys, traits, names, self._day):
            of += len(block.members)
            for id, query in queries.items():
                counts[id] += int(np.count_nonzero(fits(query, block)))
            if time.monotonic() > until:
                return Counted({}, 0, is_late=True)
        return Counted(counts, of)

    def history(self, count: int) -> list[Version]:
        """The newest versions that changed something of this community."""
        return list(islice(filter(self._is_ours, self.stores.content.history(KIND, MOST_LOOKED)), count))

    def newest_version(self) -> int:
        """The number of the newest version that he made and that is about this community, among the last; 0 where there is none."""
        mine = (
            version.number
            for version in self.stores.content.history(KIND, MOST_LOOKED)
            if version.author == str(self.actor.id) and self._is_ours(version)
        )
        return next(mine, 0)

    # Changing -----------------------------------------------------------------------------------------------------------

    def make(self, segment: Segment, *, once: str) -> Done:
        """Saves a segment; its id is given here. Raises UserError for what cannot be."""
        if first := self._made(once):
            return first
        for _ in range(MOST_TRIES):
            version, items = self.stores.content.snapshot(KIND)
            if len(items) >= MOST_SEGMENTS:
                raise UserError(f"群体最多 {MOST_SEGMENTS} 个，请先删去不用的，例如：群体 删除 旧名字")
            named = replace(segment, id=_fresh_id(version + 1, items))
            if done := self._put("新建", None, named, version, items, once):
                return done
        raise Moved(None)

    def change(self, id: str, mark: str, wanted: Segment, *, once: str) -> Done:
        """Puts ``wanted`` in the place of the segment that was seen with ``mark``. Raises :class:`Moved`, and UserError for what cannot be."""
        return self._edit(id, mark, replace(wanted, id=id), "修改", once)

    def remove(self, id: str, mark: str, *, once: str) -> Done:
        """Takes a segment away. Raises :class:`Moved`, and UserError where something still names it."""
        return self._edit(id, mark, None, "删除", once)

    def undo(self, number: int, *, once: str) -> int:
        """Takes a version back, if it changed nothing but what he may change; gives the number of the new one. Raises UserError."""
        if first := self.stores.content.made(KIND, once):
            return first
        try:
            _, changes = self.stores.content.version(KIND, number)
        except NoSuchVersion:
            raise UserError(f"群体没有第 {number} 版，或者太久了不再保存。说“群体 列表”看现在有哪些，例如：群体 撤销") from None
        touched = [read_segment(text) for change in changes[:MOST_UNDONE] for text in (change.before, change.after) if text]
        if len(changes) > MOST_UNDONE or not all(map(self.may_change, touched)):
            raise UserError(f"第 {number} 版也改了别的社群的群体，这里不能撤销，请用命令行：python run.py content undo segments {number}")
        _, items = self.stores.content.snapshot(KIND)
        self._refuse_broken(items, {change.id: change.before for change in changes})
        try:
            version = self.stores.content.undo(KIND, number, self.actor.id, self.now, once=once)
        except ChangedSince as since:
            raise UserError(f"不能撤销：群体 {'、'.join(since.ids[:5])} 之后又改过，请直接修改，例如：群体 修改 名字 条件") from None
        where = "" if any(one.community == EVERYWHERE for one in touched) else self.community.id
        self.stores.audit.record(where, self.actor.id, "群体 撤销", f"第 {number} 版", "", f"第 {version} 版", self.now, once=once)
        return version

    # Small steps --------------------------------------------------------------------------------------------------------

    def _edit(self, id: str, mark: str, wanted: Segment | None, act: str, once: str) -> Done:
        if first := self._made(once):
            return first
        for _ in range(MOST_TRIES):
            version, items = self.stores.content.snapshot(KIND)
            present = _kept(items[id]) if id in items else None
            if present is None or present.segment.community not in (EVERYWHERE, self.community.id):
                raise Moved(None)
            if present.mark != mark:
                raise Moved(present.segment)
            self._refuse_others(present.segment)
            if done := self._put(act, present.segment, wanted, version, items, once):
                return done
        raise Moved(None)

    def _put(
        self, act: str, before: Segment | None, after: Segment | None, version: int, items: Mapping[str, str], once: str
    ) -> Done | None:
        """Puts a change in force and notes it; None where somebody changed the segments meanwhile. Raises UserError."""
        named = after or before
        assert named
        if after:
            self._refuse(after, items)
        text = msgspec.json.encode(segment_row(after)).decode() if after else None
        self._refuse_broken(items, {named.id: text})
        try:
            number = self.stores.content.put(
                KIND, {named.id: text}, self.actor.id, self.now, note=f"{act} {named.name}", once=once, expect=version
            )
        except Outdated:
            return None
        if number != version:
            where = "" if any(one and one.community == EVERYWHERE for one in (before, after)) else self.community.id
            self.stores.audit.record(
                where, self.actor.id, f"群体 {act}", f"{named.id}（{named.name}）", _told(before), _told(after), self.now, once=once
            )
        return Done(number, before, after)

    def _refuse(self, wanted: Segment, items: Mapping[str, str]) -> None:
        """Raises UserError for a segment that cannot be."""
        if wrong := check_segment(wanted):
            raise UserError("；".join(wrong))
        self._refuse_others(wanted)
        others = [read_segment(item) for id, item in items.items() if id != wanted.id]
        if any(one.name == wanted.name and one.community == wanted.community for one in others):
            raise UserError(f"已经有一个叫“{wanted.name}”的群体了，请换一个名字，或者改它，例如：群体 修改 {wanted.name} level >= 3")
        segments = Segments((*others, wanted))
        if problem := wrong_with(wanted.text, self.community.id, segments):
            raise UserError(problem)

    def _refuse_others(self, segment: Segment) -> None:
        if not self.may_change(segment):
            raise UserError(
                "这个群体是所有社群共用的，要在所有社群都是运营才能改。可以给本社群另存一个，例如：群体 新建 老成员 joined > 90d"
            )

    def _refuse_broken(self, items: Mapping[str, str], changes: Mapping[str, str | None]) -> None:
        """Raises UserError where something has a meaning now that it would lose by these changes."""
        was = _read(items)
        would_be = _read({id: item for id, item in (dict(items) | dict(changes)).items() if item is not None})
        broken = [
            what for what, text, place in self._users(would_be) if wrong_with(text, place, would_be) and not wrong_with(text, place, was)
        ]
        if broken:
            more = f" 等 {len(broken)} 处" if len(broken) > MOST_NAMED else ""
            raise UserError(
                f"还有别处在用：{'、'.join(broken[:MOST_NAMED])}{more}，这样改它们就看不懂了。请先改那些，例如：群体 修改 名字 条件"
            )
        self._refuse_unagreed(was, would_be)

    def _refuse_unagreed(self, was: Segments, would_be: Segments) -> None:
        """Raises UserError where a push would go to others than those for whom somebody agreed to it, or to so many that somebody has to."""
        for push in self._private_pushes():
            place = self.community.id if push.community == EVERYWHERE else push.community
            wanted = _meaning(would_be, push.segment, place)
            if wanted is None or wanted == _meaning(was, push.segment, place):
                continue
            why = AGREED if push.approval == "granted" else ""
            if not why and push.enabled and not push.approval and place == self.community.id:
                why = needs_grant(push, self.contents.pushing.of(place), self._count(wanted))
            if why:
                raise UserError(_unagreed(push, why))

    def _private_pushes(self) -> Iterator[Push]:
        """The pushes to members that name saved segments and are not over, by this moment's content."""
        for push in _naming_segments(self.stores):
            if not push.at or moment_in(push.at, self.community.zone) > self.now:
                yield push

    def _count(self, query: Query) -> int:
        blocks = self.stores.traits.blocks(self.community.keys, traits_of(query), names_of(query), self._day)
        return sum(int(np.count_nonzero(fits(query, block))) for _, block in blocks)

    def _users(self, segments: Segments) -> Iterator[tuple[str, str, str]]:
        """Everything that names saved segments: what it is, its text, and the community in which that is read."""
        places = {self.community.id, *(one.community for one in segments.rows)} - {EVERYWHERE}
        for one in segments.rows:
            if "@" in one.text or "＠" in one.text:
                for place in places if one.community == EVERYWHERE else {one.community}:
                    yield f"群体“{one.name}”", one.text, place
        for push in self.contents.pushes:
            if "@" in push.segment or "＠" in push.segment:
                yield f"推送“{push.label}”", push.segment, self.community.id if push.community == EVERYWHERE else push.community

    def _made(self, once: str) -> Done | None:
        """What was done with ``once`` before, None where it was not."""
        number = self.stores.content.made(KIND, once)
        if not number:
            return None
        try:
            _, [change] = self.stores.content.version(KIND, number)
        except (NoSuchVersion, ValueError):  # nothing differed, so no version of one change was made
            return Done(number, None, None)
        return Done(number, *(read_segment(text) if text else None for text in (change.before, change.after)))

    def _is_ours(self, version: Version) -> bool:
        if version.count > MOST_UNDONE:
            return False
        _, changes = self.stores.content.version(KIND, version.number)
        return all(
            read_segment(text).community in (EVERYWHERE, self.community.id) for one in changes for text in (one.before, one.after) if text
        )

    @property
    def _day(self) -> date:
        return self.community.day_of(self.now)


def refuse_unagreed(stores: Stores, before: Mapping[str, str], after: Mapping[str, str], now: datetime) -> None:
    """Raises UserError where a file of segments (items by id, as they stand and as they would) has an agreed push go to others, in any community."""
    was, would_be = _read(before), _read(after)
    places = {one.community for one in (*was.rows, *would_be.rows)} | {EVERYWHERE}
    for push in _naming_segments(stores):
        if push.approval != "granted" or (push.at and moment_in(push.at, FARTHEST_WEST) <= now):
            continue
        for place in places if push.community == EVERYWHERE else {push.community}:
            if _meaning(would_be, push.segment, place) != _meaning(was, push.segment, place):
                raise UserError(_unagreed(push, AGREED))


def _naming_segments(stores: Stores) -> Iterator[Push]:
    """The pushes to members that name saved segments, by this moment's content."""
    for push in map(read_push, stores.content.snapshot(PUSHES.name)[1].values()):
        if push.to == "members" and ("@" in push.segment or "＠" in push.segment):
            yield push


def _unagreed(push: Push, why: str) -> str:
    return (
        f"推送“{push.label}”（编号 {push.id}）在用这个群体，{why}，不能这样换成别的人。"
        "请另存一个名字，再到“日历”里把推送改成用它，例如：群体 新建 新名字 level >= 3"
    )


def _read(items: Mapping[str, str]) -> Segments:
    return Segments(tuple(map(read_segment, items.values())))


def _kept(item: str) -> Kept:
    return Kept(read_segment(item), hashlib.sha256(item.encode()).hexdigest()[:16])


def _meaning(segments: Segments, text: str, place: str) -> Query | None:
    """What a text asks in a community, None where it cannot be understood."""
    try:
        return segments.query(text, place)
    except SegmentError:
        return None


def _fresh_id(number: int, taken: Iterable[str]) -> str:
    """An id that no segment had before: that of the version that makes it, which is never made again."""
    return str(number) if str(number) not in taken else f"{number}-1"


def _told(segment: Segment | None) -> str:
    return f"{segment.name}：{segment.text}" if segment else ""
