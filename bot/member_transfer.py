"""Members come with a history and may take it along: a sheet is checked, booked as opening entries, and written again.

Apart from everything that answers messages because the libraries for Excel take a second to load, which no process but a command needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from itertools import groupby, repeat
from pathlib import Path
from typing import Any

from bot.communities import LOBBY, OVERFLOW, Communities, Community
from bot.erased import ErasedRegister
from bot.permissions import Actor
from rules.badges import BadgeRules, Facts, reached
from rules.content_kind import Kind
from rules.contents import BADGES, LEVELS, POINTS, from_items, parse
from rules.levels import Levels, level_of
from rules.member_sheets import BadRow, Lot, MemberRow, Reading, Run, Worn
from rules.points import PointRules
from storage import keys
from storage.community import communities_with
from storage.content import ContentStore
from storage.openings import Booked, Known, Opened, Opening, PastDays, Standing
from storage.stores import Stores
from storage.tags import LONGEST, MOST_OF_COMMUNITY, MOST_OF_MEMBER, is_tag

ACCOUNTS = {"treasury": "金库", "shop": "商城", "events": "活动", "expiry": "到期"}
"""What the accounts are called that are no member's."""
AT_ONCE = 500
"""Members looked up in one go."""
HANDS = 24
"""Members brought in at the same time: acts that wait for the disk together are written together."""
MOST_ROWS = 1_000_000
"""Rows of one member's account; more than one sheet can hold."""
LEDGER_WIDTHS = (20, 14, 10, 24, 16, 10, 16, 16, 30, 14, 10, 14)
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Standards:
    """What a history is measured by: the operators' levels, badges and rules of points."""

    levels: Levels
    badges: BadgeRules
    points: PointRules


@dataclass(frozen=True, slots=True)
class Arrival:
    """A member who comes: his row, the community, the points that his level wants (None: it names none), and his badges by their ids."""

    row: MemberRow
    community: Community
    level_at: int | None
    badges: tuple[Worn, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sheet would bring, the rows that are wrong, and what its reader should know besides."""

    arrivals: tuple[Arrival, ...]
    bad: tuple[BadRow, ...]
    notes: tuple[str, ...]

    @property
    def points(self) -> int:
        """All points that stand in it."""
        return sum(arrival.row.points or 0 for arrival in self.arrivals)


@dataclass(slots=True)
class Brought:
    """What came of bringing members in: how many were new, changed or the same, the points booked, and the rows that could not be booked.

    ``doubled`` have something of their own here, on top of which what they bring would come: as when an export is taken in where it was made.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    booked: int = 0
    own_days: int = 0
    doubled: int = 0
    own_points: int = 0
    own_earned: int = 0
    bad: list[BadRow] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The figures in Chinese."""
        kept = f"；{self.own_days} 人在这里又签到过，签到以这里的为准" if self.own_days else ""
        return f"新导入 {self.new} 人，改动 {self.changed} 人，没有变化 {self.same} 人；记入期初积分 {self.booked:+d}{kept}"

    @property
    def warning(self) -> str:
        """What would come on top of what, in Chinese; '' where nothing would."""
        if not self.doubled:
            return ""
        return f"{self.doubled} 人在这里已经有 {self.own_points} 积分（累计获得 {self.own_earned}），导入会加在上面"


@dataclass(slots=True)
class _Checks:
    """What the rows of a sheet are checked against, and where each member was seen first in it.

    ``default`` is the community of rows that name none, ``groups`` are known though not listed, ``alike`` are ids that somebody has in other case,
    ``tags`` those of a community with what the rows so far add.
    """

    default: str
    erased: frozenset[str]
    groups: frozenset[str]
    alike: Mapping[str, str]
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)


class MemberTransfer:
    """Brings members in and out. ``now`` is the clock."""

    def __init__(
        self, stores: Stores, standards: Standards, communities: Communities, register: ErasedRegister, now: Callable[[], datetime]
    ) -> None:
        self._stores = stores
        self.standards = standards
        self._communities = communities
        self._register = register
        self._now = now

    # In -----------------------------------------------------------------------------------------------------------------

    def plan(self, reading: Reading, default: str = "") -> Plan:
        """What a sheet would bring. ``default`` is the community (id or name) of the rows that name none; '' the only one there is."""
        users = [row.user for row in (*reading.rows, *(bad.row for bad in reading.bad if bad.row)) if row.user]
        checks = _Checks(
            default, self._register.find_erased(users), frozenset(self._stores.groups.all()), self._stores.directory.find_alike(users)
        )
        rows: list[MemberRow | BadRow] = sorted([*reading.rows, *reading.bad], key=lambda row: row.line)
        checked = [self._told_more(row, checks) if isinstance(row, BadRow) else self._check(row, checks) for row in rows]
        fitting = list(self._fitting([one for one in checked if isinstance(one, Arrival)], checks))
        bad = [one for one in (*checked, *fitting) if isinstance(one, BadRow)]
        arrivals = tuple(one for one in fitting if isinstance(one, Arrival))
        return Plan(arrivals, tuple(sorted(bad, key=lambda row: row.line)), (*reading.notes, *self._level_notes(arrivals)))

    def try_out(self, plan: Plan) -> Brought:
        """What bringing a plan in would come to, without doing it; a member who has spent his points is not found out."""
        done = Brought()
        for arrival, standing in self._looked_up(plan.arrivals):
            _compare(done, arrival, standing)
        return done

    def bring_in(self, plan: Plan, actor: Actor, name: str, on_progress: OnProgress = lambda done, total: None) -> Brought:
        """Brings a plan's members in, each by acts that may be repeated: after an interruption the same file is simply taken in again."""
        done, at = Brought(), 0
        with ThreadPoolExecutor(HANDS) as hands:
            for chunk in _chunks(plan.arrivals):
                known = self._stores.directory.find_people([arrival.row.user for arrival in chunk])
                for arrival, (opened, left) in zip(chunk, hands.map(self._bring, chunk, known, repeat(actor)), strict=True):
                    _count(done, arrival, opened, left)
                at += len(chunk)
                on_progress(at, len(plan.arrivals))
        self._stores.audit.record("", actor.id, "导入成员", name, "", done.summary, self._now(), once="")
        return done

    def _looked_up(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, Standing]]:
        """Those who come, and how they stand here; some round trips for 500."""
        for chunk in _chunks(arrivals):
            known = self._stores.directory.find_people([arrival.row.user for arrival in chunk])
            for community, pairs in groupby(zip(chunk, known, strict=True), key=lambda pair: pair[0].community):
                listed = [(arrival, person[0] if person else 0) for arrival, person in pairs]
                standings = self._stores.openings.find(community.keys, [number for _, number in listed])
                yield from ((arrival, standing) for (arrival, _), standing in zip(listed, standings, strict=True))

    def _fitting(self, arrivals: Sequence[Arrival], checks: _Checks) -> Iterator[Arrival | BadRow]:
        """Those whose rows fit what is here already, bad rows of the others."""
        for arrival, standing in self._looked_up(arrivals):
            row, wrong = arrival.row, list[str]()
            if standing.has_other_lots(_opening_of(arrival)):
                wrong.append("“积分到期”在上次导入时就定下了，不能再改：请清空这一格，别的照样能改")
            if row.tags:
                wrong += self._check_tags(arrival, standing.tags, checks)
            yield BadRow(row.line, row.place, tuple(wrong), row.cells) if wrong else arrival

    def _check_tags(self, arrival: Arrival, own: Sequence[str], checks: _Checks) -> Iterator[str]:
        """What is wrong where tags do not fit: on the member, or in the community with those of the rows above."""
        where, tags = arrival.community.keys, arrival.row.tags
        if len({*own, *tags}) > MOST_OF_MEMBER:
            yield f"标签已满：他已经有 {len(own)} 个，加上这一行的就超过 {MOST_OF_MEMBER} 个，请删去几个"
            return
        if where.id not in checks.tags:
            checks.tags[where.id] = set(self._stores.tags.all(where))
        kinds = checks.tags[where.id]
        if len({*kinds, *tags}) > MOST_OF_COMMUNITY:
            new = "、".join(tag for tag in tags if tag not in kinds)
            yield f"标签已满：一个社群最多 {MOST_OF_COMMUNITY} 种标签，再加不了“{new}”，请改用已经有的标签"
            return
        kinds.update(tags)

    def _bring(self, arrival: Arrival, person: tuple[int, str] | None, actor: Actor) -> tuple[Opened, tuple[str, ...]]:
        """Brings one in; gives also the tags for which there was no room."""
        row, where, now = arrival.row, arrival.community.keys, self._now()
        today = now.astimezone(arrival.community.zone).date()
        if person is None:
            number = self._stores.directory.enrol(row.user, name=row.name, community=where.id).number
        else:
            number = person[0]
            if row.name and not person[1]:
                self._stores.directory.enrol(row.user, name=row.name)
        opened = self._stores.openings.book(
            where, number, _opening_of(arrival), now,
            today=today, lapses=self.standards.points, once=f"opening:{where.id}:{number}", actor=str(actor.member),
        )  # fmt: skip
        if opened.outcome == "short":
            return opened, ()
        return opened, self._decorate(arrival, number, opened.earned, actor, now, today)

    def _decorate(self, arrival: Arrival, number: int, earned: int, actor: Actor, now: datetime, today: date) -> tuple[str, ...]:
        """Badges – those of the sheet, and those that his history earns him – and tags; nothing is announced. Gives the tags that found no room."""
        row, where = arrival.row, arrival.community.keys
        facts = Facts(streak=row.longest or 0, check_ins=row.check_ins or 0, earned=earned)
        due = {badge.id: today for badge in reached(self.standards.badges, facts)}
        due |= {worn.name: worn.since or today for worn in arrival.badges}
        for since, pairs in groupby(sorted(due.items(), key=lambda pair: (pair[1], pair[0])), key=lambda pair: pair[1]):
            ids = [id for id, _ in pairs]
            self._stores.badges.give(where, number, ids, now, today=since, once=f"opening:{number}:{since}", actor=actor.member)
        put = {tag: self._stores.tags.add(where, number, tag, now, actor=actor.member, once="") for tag in row.tags}
        return tuple(tag for tag, outcome in put.items() if outcome in ("full", "many"))

    def _told_more(self, bad: BadRow, checks: _Checks) -> BadRow:
        """A row that could not be read whole, with what else is wrong about it."""
        more = self._check(bad.row, checks) if bad.row else None
        return replace(bad, says=(*bad.says, *more.says)) if isinstance(more, BadRow) else bad

    def _check(self, row: MemberRow, checks: _Checks) -> Arrival | BadRow:
        wrong: list[str] = []
        community = self._find_community(row.community or checks.default, checks.groups, wrong)
        if community and row.user:
            # the server does not tell upper from lower case either
            first = checks.seen.setdefault((community.id, row.user.casefold()), row.place)
            if first != row.place:
                wrong.append(f"和{first}是同一个人（{row.user}），请只保留一行")
        if row.user in checks.erased:
            wrong.append("他要求删除过个人数据，不能再导入，请删去这一行")
        if known := checks.alike.get(row.user):
            wrong.append(f"这里已经有“{known}”，和“{row.user}”只是大小写不同，请改成一样的")
        wrong += [f"标签“{tag}”不能用：最多 {LONGEST} 个字，不能有空格、冒号等符号" for tag in row.tags if not is_tag(tag)]
        if len(row.tags) > MOST_OF_MEMBER:
            wrong.append(f"一个人最多 {MOST_OF_MEMBER} 个标签")
        level_at = self._level_at(row, wrong)
        badges = tuple(self._badge(worn, wrong) for worn in row.badges)
        if wrong or community is None:
            return BadRow(row.line, row.place, tuple(wrong), row.cells)
        return Arrival(row, community, level_at, badges)

    def _find_community(self, name: str, groups: frozenset[str], wrong: list[str]) -> Community | None:
        listed = self._communities.listed
        if not name:
            if len(listed) == 1:
                return listed[0]
            wrong.append("不知道是哪个社群：请加“社群”一列，或者用 --community 社群id")
            return None
        found = next((community for community in listed if name in (community.id, community.name)), None)
        if found or name in (LOBBY, OVERFLOW) or name in groups:  # a group that the configuration does not list is its chat id
            return found or self._communities.named(name)
        of_chat = self._communities.of_home(name)
        if of_chat.is_listed:
            return of_chat
        why = "机器人没有在这个群里说过话。先在群里和它说一句，或者在 config.yaml 里列出来。" if name.startswith("wr") else ""
        wrong.append(f"没有“{name}”这个社群，{why}有：" + "、".join(f"{community.id}（{community.name}）" for community in listed[:20]))
        return None

    def _level_at(self, row: MemberRow, wrong: list[str]) -> int | None:
        """The points that his level wants to be earned."""
        if not row.level:
            return None
        levels = self.standards.levels
        level = levels.find(row.level) or next((level for level in levels.steps if level.name.casefold() == row.level.casefold()), None)
        if level is None:
            wrong.append(f"没有“{row.level}”这个等级，有：" + "、".join(level.name for level in levels.steps))
            return None
        return level.at

    def _badge(self, worn: Worn, wrong: list[str]) -> Worn:
        badge = self.standards.badges.named(worn.name) or self.standards.badges.find(worn.name)
        if badge is None:
            wrong.append(f"没有“{worn.name}”这枚勋章，请改名，或者先加到勋章里（run.py content export badges）")
            return worn
        return Worn(worn.name if "@" in worn.name else badge.id, worn.since)

    def _level_notes(self, arrivals: Sequence[Arrival]) -> Iterator[str]:
        levelled = [(_earned(arrival.row), arrival.level_at) for arrival in arrivals if arrival.level_at is not None]
        if raised := sum(earned < at for earned, at in levelled):
            yield f"{raised} 人的累计获得不够所写的等级，加上在这里得到的还不够的，补到这一级的起点"
        if higher := sum(level_of(self.standards.levels, earned).at > at for earned, at in levelled):
            yield f"{higher} 人的累计获得够得上比所写更高的等级，以累计获得为准"

    # Out ----------------------------------------------------------------------------------------------------------------

    def places(self) -> list[Community]:
        """Every community that has members, those of the configuration first."""
        found = {where.id for where in communities_with(self._stores.database, keys.MEMBERS)}
        listed = {community.id for community in self._communities.listed}
        return [*self._communities.listed, *(self._communities.named(id) for id in sorted(found - listed))]

    def everybody(self, places: Iterable[Community], on_progress: OnProgress = lambda done, total: None) -> Iterator[MemberRow]:
        """The members of communities, as a sheet has them."""
        listed = list(places)
        done, total = 0, sum(self._stores.openings.count(place.keys) for place in listed)
        for place in listed:
            for known in self._stores.openings.everybody(place.keys):
                done += 1
                if done % AT_ONCE == 0:
                    on_progress(done, total)
                yield self._row_of(place, known)
        on_progress(total, total)

    def _row_of(self, place: Community, known: Known) -> MemberRow:
        opening, days = known.opening, known.opening.days
        badges = self._stores.badges.of(place.keys, known.number) if known.has_badges else ()
        return MemberRow(
            line=0,
            community=place.id,
            user=known.user,
            name=known.name,
            points=opening.points,
            earned=known.earned,
            lapses=tuple(Lot(day, n) for day, n in opening.lots or ()),
            level=level_of(self.standards.levels, known.earned).name,
            streak=days.streak if days else None,
            longest=days.longest if days else None,
            check_ins=days.total if days else None,
            last=days.last if days else None,
            days=tuple(Run(first, last) for first, last in days.runs) if days else (),
            cards=opening.cards,
            badges=tuple(Worn(self._badge_name(held.id), held.since) for held in badges),
            tags=self._stores.tags.of(place.keys, known.number) if known.has_tags else (),
            joined=opening.since.astimezone(place.zone).date() if opening.since else None,
        )

    def _badge_name(self, id: str) -> str:
        badge = self.standards.badges.find(id)
        return badge.name if badge and badge.id == id else id


def standards_of(store: ContentStore, folder: Path) -> Standards:
    """What is in force, or, before the first start, what lies in the folder of starting files. Without the dictionary that messages need."""
    versions = store.versions()

    def find(kind: Kind[Any], otherwise: Any) -> Any:
        if kind.name in versions:
            return from_items(kind, store.items(kind.name))
        file = folder / kind.file
        return parse(kind, file.read_text(encoding="utf-8")) if file.exists() else otherwise

    return Standards(find(LEVELS, Levels()), find(BADGES, BadgeRules()), find(POINTS, PointRules()))


def ledger_of(
    stores: Stores, rules: PointRules, places: Sequence[Community], member: int = 0, on_progress: OnProgress = lambda done, total: None
) -> Iterator[list[str]]:
    """The ledger as a table, its head first: each member's rows with their reasons, oldest first; of one ``member``, or of all (0)."""
    yield ["时间", "社群", "成员编号", "成员 ID", "名字", "积分", "对方", "来源", "说明", "操作人", "余额", "凭据"]
    for at, place in enumerate(places):
        on_progress(at, len(places))
        for known in stores.openings.everybody(place.keys):
            if member not in (0, known.number):
                continue
            for row in reversed(stores.points.rows(place.keys, known.number, MOST_ROWS)):
                other = f"成员 {row.other}" if row.other.isdecimal() else ACCOUNTS.get(row.other, row.other)
                actor = "" if row.actor in (0, known.number) else f"成员 {row.actor}"
                yield [
                    f"{row.at.astimezone(place.zone):%Y-%m-%d %H:%M:%S}", place.id, str(known.number), known.user, known.name, str(row.amount),
                    other, rules.title_of_reason(row.reason), row.note, actor, str(row.balance), row.once,
                ]  # fmt: skip
    on_progress(len(places), len(places))


def _opening_of(arrival: Arrival) -> Opening:
    row = arrival.row
    days = PastDays(row.last, row.streak or 0, row.longest or 0, row.check_ins or 0, [(run.first, run.last) for run in row.days])
    return Opening(
        points=row.points,
        earned=row.earned,
        level_at=arrival.level_at,
        lots=None if row.lapses is None else [(lot.day, lot.points) for lot in row.lapses],
        cards=row.cards,
        days=None if row.check_ins is None else days,
        since=datetime.combine(row.joined, time(), arrival.community.zone) if row.joined else None,
    )


def _earned(row: MemberRow) -> int:
    """What a row says to be earned, its level aside."""
    return row.earned if row.earned is not None else row.points or 0


def _count(done: Brought, arrival: Arrival, opened: Opened, left: Sequence[str]) -> None:
    row = arrival.row
    if left:
        says = f"标签已满，“{'、'.join(left)}”没有加上，别的都导入了"
        done.bad.append(BadRow(row.line, row.place, (says,), row.cells))
    if opened.outcome == "short":
        says = f"上次导入的积分多了，要收回的比他现有的 {opened.balance} 分还多，这一行没有改"
        done.bad.append(BadRow(row.line, row.place, (says,), row.cells))
        return
    setattr(done, opened.outcome, getattr(done, opened.outcome) + 1)
    done.booked += opened.booked
    done.own_days += opened.has_own_days


def _compare(done: Brought, arrival: Arrival, standing: Standing) -> None:
    """Counts what booking an arrival would come to."""
    was = standing.booked or Booked()
    will = was.after(_opening_of(arrival))
    outcome = "new" if standing.booked is None else "same" if will == was else "changed"
    setattr(done, outcome, getattr(done, outcome) + 1)
    done.booked += will.points - was.points
    if (
        _is_doubled(was.points, will.points, standing.balance)
        or _is_doubled(was.earned, will.earned, standing.earned - was.raised)
        or _is_doubled(was.cards, will.cards, standing.cards)
    ):
        done.doubled += 1
        done.own_points += standing.balance
        done.own_earned += standing.earned


def _is_doubled(was: int, will: int, has: int) -> bool:
    """Whether what is brought would come on top of something that he got here: at first, or when his row says just what he has now."""
    return will > was and has > 0 and (was == 0 or will == has)


def _chunks(arrivals: Sequence[Arrival]) -> Iterator[Sequence[Arrival]]:
    for at in range(0, len(arrivals), AT_ONCE):
        yield arrivals[at : at + AT_ONCE]
