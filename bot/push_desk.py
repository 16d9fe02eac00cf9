"""The desk of pushes: what chat, console and clock do with what is planned to be said is done here.

A push stands in the operators' content, so every change is a version that can be taken back. A change is decided on what its maker saw: who saw
another state of that push is told, whatever happened to others meanwhile. What goes to all communities is changed only by whoever may in all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import msgspec
import structlog

from bot import deliveries
from bot.communities import Community, listed_community
from bot.config import Config
from bot.errors import UserError
from bot.faq_office import Office
from bot.live import Contents
from bot.permissions import Actor, known_role, may
from bot.private import tell
from bot.push_reach import Reach, reach_of
from bot.push_words import own_words
from rules.calendar import AT, moment_in, parse_at, say_when
from rules.content_kind import variables_in
from rules.content_pushes import read_push
from rules.content_segments import wrong_with
from rules.contents import PUSHES, Push, check_push, push_row
from rules.lines import one_line
from rules.pushes import OWN_VARIABLES, VARIABLES, audience_of, is_same_saying, needs_grant, said, texts_of
from storage.content import ChangedSince, NoSuchVersion, Outdated
from storage.firings import Why
from storage.moment import from_ms, to_ms
from storage.roles import ALL
from storage.stores import Stores

log = structlog.get_logger(__name__)

KIND = PUSHES.name
MOST_PUSHES = 1_000
FURTHEST = timedelta(days=731)
IMMINENT = timedelta(seconds=10)
"""What goes out so soon is not moved any more: a process may be saying it at this moment."""
MOST_TRIES = 5
MOST_UNDONE = 100
"""Pushes of a version that is taken back here; larger ones are, by the command line."""
MOST_LOOKED = 50
"""Versions among which the newest of one's own is looked for."""
ALONE_AFTER = timedelta(minutes=10)
"""After so long the only administrator may agree to what he wrote himself."""
NEAR = 0.02
"""How far the number that is typed may be off: people come and go between reading and typing."""
LONGEST_TRIED = 4_000
"""Characters of a text that somebody tries on himself."""
LONGEST_SHOWN = 300
"""Characters of a push that administrators are shown when they are asked to agree."""
_LETTERS = "abcdefghjkmnpqrs"
WHYS: Mapping[Why, str] = {
    "": "已发出", "paused": "没有发：社群在暂停", "crisis": "没有发：危机模式里不发营销", "no_way": "没有发：没有到群里的 webhook 或长连接",
    "missed": "错过了：到点时机器人没有在运行，也超过了补发时间", "unapproved": "没有发：到点时还没有人批准", "quiet": "没有发：到点在安静时段里",
    "segment": "没有发：发给谁的条件读不懂了，请点开改一改",
}  # fmt: skip
"""What became of a planned moment, in words."""


class Braked(UserError):
    """So many would read it that their number has to be typed; ``reach`` is whom it goes to."""

    def __init__(self, reach: Reach, typed: int | None) -> None:
        told = f"人数不对：你输的是 {typed:,}。" if typed is not None else ""
        super().__init__(f"{told}这会发给 {reach.words}，发出去就收不回来。确认要发，请把人数（{reach.people}）输一遍")
        self.reach = reach


class Moved(Exception):
    """Somebody changed or removed the push since it was looked at: ``now`` is how it stands (None: gone). Look again, then decide anew."""

    def __init__(self, now: Push | None) -> None:
        super().__init__("the push was changed meanwhile")
        self.now = now


@dataclass(frozen=True, slots=True)
class Kept:
    """A push as it stands in the store, and the mark of this state."""

    push: Push
    mark: str

    @property
    def letters(self) -> str:
        """The mark for people to type: four letters, so that they are no number and no id."""
        return "".join(_LETTERS[int(digit, 16)] for digit in self.mark[:4])


@dataclass(frozen=True, slots=True)
class Done:
    """A change in force: its version, and the push before and after it (None: there was none, or it is gone)."""

    version: int
    before: Push | None
    after: Push | None


@dataclass(frozen=True, slots=True)
class PushDesk:
    """The pushes of a community, and who looks after them.

    ``may_share``: he may change what goes to all ``communities``, those of the configuration; ``may_agree``: he is an administrator of all of them.
    """

    stores: Stores
    config: Config
    contents: Contents
    communities: Sequence[Community]
    community: Community
    actor: Actor
    now: datetime
    may_share: bool
    may_agree: bool = False

    @classmethod
    def of(cls, office: Office, config: Config) -> PushDesk:
        """The desk of somebody who also looks after the FAQ: the same rights."""
        listed = tuple(listed_community(one, office.stores.shards) for one in config.communities)
        return cls(
            office.stores, config, office.contents, listed, office.community, office.actor, office.now(), office.may_share, office.may_agree
        )

    # Looking ------------------------------------------------------------------------------------------------------------

    def pushes(self) -> list[Kept]:
        """What goes to this community, by this moment's content: in the order in which it was written down."""
        _, items = self.stores.content.snapshot(KIND)
        return [kept for kept in map(_kept, items.values()) if self.sees(kept.push)]

    def get(self, id: str) -> Kept:
        """A push by its id. Raises UserError where there is none for this community."""
        text = self.stores.content.find(KIND, [id]).get(id)
        kept = _kept(text) if text else None
        if kept is None or not self.sees(kept.push):
            raise UserError(f"没有推送 {id[:64]}。说“推送 列表”看看有哪些，再说，例如：推送 预览 3")
        return kept

    def sees(self, push: Push) -> bool:
        """Whether a push goes to this community."""
        return push.community in ("*", self.community.id)

    def may_change(self, push: Push) -> bool:
        """Whether he may change a push: what others hear as well only with the role in all communities."""
        return self.sees(push) and (push.community == self.community.id or self.may_share)

    def is_over(self, push: Push) -> bool:
        """Whether a push that is said once has its moment behind it, everywhere."""
        return bool(push.at) and all(moment <= self.now for moment in self._moments(push))

    def is_settled(self, push: Push) -> bool:
        """Whether a push that is said once was said, or settled without a word, in any community."""
        places = [(one.keys, moment_in(push.at, one.zone)) for one in self._audience(push)] if push.at else []
        return self.stores.firings.are_claimed(push.id, places)

    # Changing -----------------------------------------------------------------------------------------------------------

    def make(self, push: Push, *, once: str, typed: int | None = None) -> Done:
        """Writes a push down; its id is given here. Raises UserError for what cannot be, :class:`Braked` where the number of its readers is not ``typed``."""
        if first := self._made(once):
            return first
        self._refuse(push, None)
        push = self._weighed(push, None, typed)
        for _ in range(MOST_TRIES):
            if first := self._made(once):
                return first
            version, items = self.stores.content.snapshot(KIND)
            if len(items) >= MOST_PUSHES:
                raise UserError(f"推送最多 {MOST_PUSHES} 条，请先在控制台的“日历”里删去发过的")
            named = replace(push, id=_fresh_id(version + 1, items))
            if done := self._put("新建", named.id, None, named, version, once):
                return done
        raise Moved(None)

    def change(self, id: str, mark: str, wanted: Push, *, once: str, act: str = "修改", typed: int | None = None) -> Done:
        """Puts ``wanted`` in the place of the push that was seen with ``mark``. Raises :class:`Moved`, :class:`Braked`, UserError for what cannot be."""
        return self._edit(id, mark, replace(wanted, id=id), act, once, typed)

    def move(self, id: str, mark: str, day: date, *, once: str) -> Done:
        """Has a push that is said once be said on another day at the same time. Raises :class:`Moved`, UserError."""
        push = self.get(id).push
        if not push.at:
            raise UserError(
                f"“{push.label}”是重复的（{say_when(push)}），不能只挪一天；要改就改它的时间，只想这一天不同就另建一条只发一次的"
            )
        at = datetime.combine(day, parse_at(push.at).time())
        return self.change(id, mark, replace(push, at=at.strftime(AT)), once=once, act="改期")

    def switch(self, id: str, mark: str, *, is_on: bool, once: str, typed: int | None = None) -> Done:
        """Has a push be said from now on, or makes it a draft again. Raises :class:`Moved`, :class:`Braked`, UserError."""
        kept = self.get(id)
        return self.change(id, mark, replace(kept.push, enabled=is_on), once=once, act="启用" if is_on else "取消", typed=typed)

    def grant(self, id: str, mark: str, *, once: str, typed: int | None = None) -> Done:
        """Agrees to a push that waits for it: an administrator who is not its writer, or the only one there is, after :data:`ALONE_AFTER`.

        What goes to all communities is agreed to by an administrator of all. Raises :class:`Moved`, :class:`Braked`, UserError.
        """
        if first := self._made(once):
            return first
        push = self.get(id).push
        if push.approval != "asked":
            raise UserError(f"“{push.label}”不在等批准。等批准的看：推送 批准")
        if not self.may_grant(push):
            whom = "所有社群的管理员（不是一个社群的）" if push.community == ALL else "管理员"
            raise UserError(f"批准这条推送要{whom}。可以请一位来说：推送 批准 {id}")
        self._refuse_alone(push)
        if push.at:
            self._refuse_past(push)
        self._brake(push, typed)
        act = "批准（单人）" if self.actor.member == push.asked_by else "批准"
        return self._edit(id, mark, replace(push, approval="granted", granted_by=self.actor.member), act, once, typed)

    def may_grant(self, push: Push) -> bool:
        """Whether he is one of those who may agree to a push: an administrator of each community that hears it."""
        return self.may_agree if push.community == ALL else may(self.actor.role, "admin")

    def version_of(self, id: str, letters: str) -> Push | None:
        """The state of a push that somebody was shown with these letters, among the newest versions; None where there is none."""
        for version in self.stores.content.history(KIND, MOST_LOOKED):
            if version.count > MOST_UNDONE:
                continue
            _, changes = self.stores.content.version(KIND, version.number)
            for text in (text for one in changes if one.id == id for text in (one.after, one.before) if text):
                if (kept := _kept(text)).letters == letters:
                    return kept.push
        return None

    def is_braked(self, push: Push, reach: Reach) -> bool:
        """Whether so many would read a push that their number has to be typed."""
        return reach.people > min((self.contents.pushing.of(one.id).brake_above for one in self._audience(push)), default=0)

    def waiting(self) -> list[Kept]:
        """The pushes that wait for somebody's consent, the longest waiting first."""
        return sorted((kept for kept in self.pushes() if kept.push.approval == "asked"), key=lambda kept: kept.push.asked_at)

    def reach(self, push: Push) -> Reach:
        """Whom a push would reach at this moment. Raises UserError for a segment that cannot be."""
        return reach_of(push, self._audience(push), self.stores, self.config, self.contents, self.now)

    def consent(self, kept: Kept, reach: Reach) -> str:
        """What an administrator says who agrees to a push as it stands, and to nothing else."""
        number = f" {reach.people}" if self.is_braked(kept.push, reach) else ""
        return f"推送 批准 {kept.push.id}{number} {kept.letters}"

    def reach_here(self, push: Push) -> Reach:
        """Whom a push would reach in this community alone. Raises UserError for a segment that cannot be."""
        return reach_of(push, [self.community], self.stores, self.config, self.contents, self.now)

    def why_grant(self, push: Push, reach: Reach) -> str:
        """Why another has to agree to a push, '' where nobody has to: the strictest of the communities that it goes to."""
        found = (needs_grant(push, self.contents.pushing.of(one.id), reach.people) for one in self._audience(push))
        return next(filter(None, found), "")

    def drawn_up(self, wanted: Push, present: Push | None) -> Push:
        """A push as a table may bring it: a draft where another would have to agree, or its readers' number be typed. Raises UserError for what cannot be."""
        if present:
            self._refuse_others(present)
        self._refuse(wanted, present)
        try:
            weighed = self._weighed(wanted, present, None)
            if weighed.approval != "asked":
                return weighed
        except Braked:
            pass
        return replace(self._dated(wanted), enabled=False, approval="", asked_by=0, asked_at=0, granted_by=0)

    def take_in(self, changes: Sequence[tuple[Push | None, Push]], version: int, *, note: str, once: str) -> int:
        """Puts pushes (before and after) in force that :meth:`drawn_up` gave of this version of them all, as one version; gives its number. Raises Outdated."""
        texts = {after.id: _to_json(after) for _, after in changes}
        number = self.stores.content.put(KIND, texts, self.actor.id, self.now, note=note, once=once, expect=version)
        for before, after in changes:
            self._begin(before, after)
        where = "" if any(push and push.community == ALL for both in changes for push in both) else self.community.id
        was, is_now = ("\n".join(f"{both[1].id}：{_told(both[at])}" for both in changes if both[at]) for at in (0, 1))
        self.stores.audit.record(where, self.actor.id, "推送 导入", note, was, is_now, self.now, once=once)
        return number

    def remove(self, id: str, mark: str, *, once: str) -> Done:
        """Takes a push away. Raises :class:`Moved`, UserError."""
        return self._edit(id, mark, None, "删除", once)

    def undo(self, number: int, *, once: str) -> int:
        """Takes a version of the pushes back, if it changed nothing but what he may change; gives the number of the new one. Raises UserError."""
        if first := self.stores.content.made(KIND, once):
            return first
        try:
            _, changes = self.stores.content.version(KIND, number)
        except NoSuchVersion:
            raise UserError(f"推送没有第 {number} 版，或者太久了不再保存") from None
        touched = [read_push(text) for change in changes[:MOST_UNDONE] for text in (change.before, change.after) if text]
        if len(changes) > MOST_UNDONE or not all(map(self.may_change, touched)):
            raise UserError(f"第 {number} 版也改了别的社群的推送，这里不能撤销，请用命令行：python run.py content undo pushes {number}")
        for change in changes:
            self._refuse_back(*(read_push(text) if text else None for text in (change.before, change.after)))
        try:
            version = self.stores.content.undo(KIND, number, self.actor.id, self.now, once=once)
        except ChangedSince as since:
            raise UserError(f"不能撤销：推送 {'、'.join(since.ids[:5])} 之后又改过，请直接修改") from None
        for change in changes:
            self._begin(read_push(change.after) if change.after else None, read_push(change.before) if change.before else None)
        where = "" if any(push.community == "*" for push in touched) else self.community.id
        self.stores.audit.record(where, self.actor.id, "推送 撤销", f"第 {number} 版", "", f"第 {version} 版", self.now, once=once)
        return version

    def newest_version(self) -> int:
        """The number of the newest version that he made and that is about this community, among the last; 0 where there is none."""
        for version in self.stores.content.history(KIND, MOST_LOOKED):
            if version.author == str(self.actor.id):
                _, changes = self.stores.content.version(KIND, version.number)
                if all(self.sees(read_push(text)) for one in changes for text in (one.before, one.after) if text):
                    return version.number
        return 0

    def show_to(self, member: int, push: Push, *, once: str) -> None:
        """Says each text of a push to one member alone, as its readers will read it, but marked as a trial."""
        day = self.community.day_of(self.now)
        own = own_words(push, self.community, [member], self.stores, self.contents, day).get(member)
        for n, text in enumerate(texts_of(push)):
            shown = f"【预览，只有你看到】\n{said(text[:LONGEST_TRIED], own=own)}"
            id = f"push:trial:{once}:{n}" if n else f"push:trial:{once}"
            tell(self.stores, self.config, self.community, member, shown, self.now, id=id, is_answer=True)

    # Small steps --------------------------------------------------------------------------------------------------------

    def _weighed(self, wanted: Push, present: Push | None, typed: int | None) -> Push:
        """The push with whether another has to agree. Raises :class:`Braked` where the number of its readers has to be typed, and is not."""
        wanted = self._dated(wanted)
        is_same = present is not None and is_same_saying(present, wanted)
        if is_same and present and present.approval == "granted":
            return replace(wanted, approval="granted", asked_by=present.asked_by, asked_at=present.asked_at, granted_by=present.granted_by)
        bare = replace(wanted, approval="", asked_by=0, asked_at=0, granted_by=0)
        if not wanted.enabled or (is_same and present and present.enabled and not present.approval):
            return bare
        reach = self.reach(wanted)
        if self.why_grant(wanted, reach):
            return replace(bare, approval="asked", asked_by=self.actor.member, asked_at=to_ms(self.now) // 1000)
        if not _is_moved(present, wanted):
            self._brake(wanted, typed, reach)
        return bare

    def _dated(self, wanted: Push) -> Push:
        """The push with the day of its first episode."""
        if wanted.episodes and not wanted.began:
            return replace(wanted, began=self.community.day_of(self.now).isoformat())
        return wanted

    def _brake(self, push: Push, typed: int | None, reach: Reach | None = None) -> None:
        reach = reach or self.reach(push)
        if self.is_braked(push, reach) and (typed is None or abs(typed - reach.people) > reach.people * NEAR):
            raise Braked(reach, typed)

    def _refuse_alone(self, push: Push) -> None:
        """Raises UserError where the writer of a push agrees to it himself, and there is another, or it is too early."""
        if self.actor.member != push.asked_by:
            return
        if self._others_to_agree(push):
            raise UserError(f"“{push.label}”是你最后改的，要另一位管理员批准，他说：推送 批准 {push.id}")
        left = from_ms(push.asked_at * 1000) + ALONE_AFTER - self.now
        if left > timedelta():
            minutes = -(-int(left.total_seconds()) // 60)
            raise UserError(f"这里只有你一位管理员：再过 {minutes} 分钟可以自己批准，到时说：推送 批准 {push.id}")

    def _others_to_agree(self, push: Push) -> list[str]:
        """The user ids of those besides himself who may agree to a push."""
        places = {ALL} if push.community == ALL else {ALL, self.community.id}
        granted = [one.member for one in self.stores.roles.all() if may(known_role(one.role), "admin") and one.place in places]
        users = self.stores.directory.find_users([*granted, self.actor.member])
        known = dict.fromkeys([*self.config.admins, *(users[member] for member in granted)])
        return [user for user in known if user and user != users[self.actor.member] and not self.stores.leavers.has_left(user)]

    def _tell_admins(self, push: Push, once: str) -> None:
        """Asks the administrators to agree to a push: in the admin group, and alone whoever may agree to what goes to all, for he may not be in it."""
        shown = [f"> {one_line(text, LONGEST_SHOWN)}" for text in texts_of(push)]
        who = "另一位所有社群的管理员" if push.community == ALL else "另一位管理员"
        reach = self.reach(push)
        text = "\n".join([
            f"**等批准：{push.label}**（编号 {push.id}）",
            f"{self.actor.name}写的，{say_when(push)}，发给 {reach.words}。{self.why_grant(push, reach)}", *shown,
            f"{who}同意就说：{self.consent(_kept(_to_json(push)), reach)}；不发就说：推送 取消 {push.id}",
        ])  # fmt: skip
        post = deliveries.to_admins(self.config, self.community.id, text, id=f"push:asked:{once}", now_ms=to_ms(self.now))
        if post:
            self.stores.outbox.enqueue(self.community.shard, [post], to_ms(self.now))
        numbers = map(self.stores.directory.find_number, self._others_to_agree(push) if push.community == ALL else ())
        for member in filter(None, numbers):
            tell(self.stores, self.config, self.community, member, text, self.now, id=f"push:asked:{once}:{member}")

    def _edit(self, id: str, mark: str, wanted: Push | None, act: str, once: str, typed: int | None = None) -> Done:
        if first := self._made(once):
            return first
        for _ in range(MOST_TRIES):
            version, items = self.stores.content.snapshot(KIND)
            present = _kept(items[id]) if id in items else None
            if present is None or not self.sees(present.push):
                raise Moved(None)
            if present.mark != mark:
                raise Moved(present.push)
            self._refuse_others(present.push)
            if wanted:
                self._refuse(wanted, present.push)
            if wanted and not act.startswith("批准"):
                wanted = self._weighed(wanted, present.push, typed)
            if done := self._put(act, id, present.push, wanted, version, once):
                return done
        raise Moved(self.get(id).push)

    def _put(self, act: str, id: str, before: Push | None, after: Push | None, version: int, once: str) -> Done | None:
        """Puts a change in force and notes it; None where somebody changed the pushes meanwhile."""
        text = _to_json(after) if after else None
        shown = (after or before or Push(id, "", "")).label
        try:
            number = self.stores.content.put(KIND, {id: text}, self.actor.id, self.now, note=f"{act} {shown}", once=once, expect=version)
        except Outdated:
            return None
        if number != version:
            self._begin(before, after)
            shared = any(push and push.community == "*" for push in (before, after))
            self.stores.audit.record(
                "" if shared else self.community.id, self.actor.id, f"推送 {act}", f"{id}（{shown}）", _told(before), _told(after), self.now, once=once
            )  # fmt: skip
            if after and after.approval == "asked" and (before is None or before.approval != "asked" or before != after):
                self._tell_admins(after, once)
        return Done(number, before, after)

    def _made(self, once: str) -> Done | None:
        """What was done with ``once`` before, None where it was not."""
        number = self.stores.content.made(KIND, once)
        if not number:
            return None
        try:
            _, [change] = self.stores.content.version(KIND, number)
        except (NoSuchVersion, ValueError):  # nothing differed, so no version of one change was made
            return Done(number, None, None)
        return Done(number, *(read_push(text) if text else None for text in (change.before, change.after)))

    def _refuse(self, wanted: Push, present: Push | None) -> None:
        """Raises UserError for a push that cannot be, or not any more."""
        if wrong := check_push(replace(wanted, id=wanted.id or "新")):
            raise UserError("；".join(wrong))
        self._refuse_variables(wanted)
        for one in self._audience(wanted) if wanted.segment else ():
            if problem := wrong_with(wanted.segment, one.id, self.contents.segments):
                raise UserError(problem if one.id == self.community.id else f"{one.name}：{problem}")
        self._refuse_others(wanted)
        if not self._audience(wanted):
            raise UserError(f"“{self.community.name}”没有写进配置（communities），推送发不到那里，请先在 config.yaml 里加上")
        self._refuse_groups(wanted)
        was_due = (present.cron, present.at, present.days, present.community) if present else None
        if not wanted.at or was_due == (wanted.cron, wanted.at, wanted.days, wanted.community):
            if wanted.at and wanted.enabled and present and not present.enabled:
                self._refuse_past(wanted)
            return
        self._refuse_past(wanted)
        if present and present.at and present.enabled and self.is_settled(present):
            raise UserError(f"“{present.label}”已经发过了，不能再改时间。要再发一次请新建一条，例如：推送 新建 明天 9:00 早上好")
        if present:
            self._refuse_late(present)

    def _refuse_groups(self, wanted: Push) -> None:
        """Raises UserError for groups of others."""
        here = self.config.groups_of(wanted.community)
        if strangers := [chat for chat in wanted.groups if chat not in here]:
            raise UserError(f"群 {'、'.join(strangers[:5])} 不在“{self.community.name}”里，推送只能发到本社群的群，请去掉再保存")

    @staticmethod
    def _refuse_variables(wanted: Push) -> None:
        """Raises UserError for braces that would be read as they stand. Only here: what was kept before is said as it ever was."""
        texts = (wanted.text, *wanted.episodes, *(arm.body.text for arm in wanted.arms))
        known = VARIABLES + (OWN_VARIABLES if wanted.to == "members" else ())
        unknown = sorted({name for text in texts for name in variables_in(text) if name and name not in known})
        if unknown and unknown[0] in OWN_VARIABLES:
            raise UserError(f"{{{unknown[0]}}} 是每个人自己的，只能用在一个一个发的推送里；发到群里的可以用 {{{'}、{'.join(VARIABLES)}}}")
        if unknown:
            raise UserError(f"没有 {{{unknown[0]}}} 这个变量，可以用的是 {{{'}、{'.join(known)}}}；要原样写大括号请用全角的｛｝")

    def _refuse_back(self, before: Push | None, after: Push | None) -> None:
        """Raises UserError where a change is taken back too late: ``after`` is said already or right now, or ``before`` would never be."""
        if before and after and after.at and self.is_settled(after):
            raise UserError(f"“{after.label}”按改后的时间已经发过了，不能再改回去。要再发一次请新建一条")
        if not _is_due_otherwise(before, after):
            return
        if after:
            self._refuse_late(after)
        if before and before.at and before.enabled and not self.is_settled(before):
            self._refuse_past(before)

    def _refuse_late(self, present: Push) -> None:
        """Raises UserError for what a process may be saying at this moment: what is about to be said, or is late and will be made up for."""
        if not present.at or not present.enabled or self.is_settled(present):
            return
        ahead = [moment - self.now for moment in self._moments(present)]
        if any(timedelta() <= left < IMMINENT for left in ahead):
            raise UserError(f"“{present.label}”几秒钟后就要发了，来不及改时间。等它发完再看")
        if any(-timedelta(minutes=present.grace_minutes) - IMMINENT < left < timedelta() for left in ahead):
            raise UserError(f"“{present.label}”已经到点，随时会补发，不能再改时间。不想发请取消，例如：推送 取消 {present.id}")

    def _begin(self, before: Push | None, after: Push | None) -> None:
        """Notes from when on a push can be missed, though no process that rings may notice the change before it falls due."""
        if after and _is_due_otherwise(before, after):
            for one in self._audience(after):
                self.stores.firings.begin_anew(one.keys, after.id, self.now)

    def _refuse_past(self, wanted: Push) -> None:
        moments = self._moments(wanted)
        if any(moment - self.now < IMMINENT for moment in moments):
            raise UserError(f"{wanted.at} 已经过了，请写以后的时间，例如：推送 新建 明天 9:00 早上好")
        if any(moment - self.now > FURTHEST for moment in moments):
            raise UserError(f"{wanted.at} 太远了，最多两年以后，例如：推送 新建 明天 9:00 早上好")

    def _refuse_others(self, push: Push) -> None:
        if not self.may_change(push):
            raise UserError("这条推送是发给所有社群的，要在所有社群都是运营才能改。可以给本社群另建一条，例如：推送 新建 明天 9:00 早上好")

    def _audience(self, push: Push) -> list[Community]:
        return [one for one in self.communities if push.community in ("*", one.id)]

    def _moments(self, push: Push) -> list[datetime]:
        return [moment_in(push.at, one.zone) for one in self._audience(push)]


def _kept(text: str) -> Kept:
    return Kept(read_push(text), hashlib.sha256(text.encode()).hexdigest()[:16])


def _to_json(push: Push) -> str:
    return msgspec.json.encode(push_row(push)).decode()


def _fresh_id(number: int, taken: Mapping[str, str]) -> str:
    """An id that no push had before: that of the version that makes it, which is never made again."""
    return str(number) if str(number) not in taken else f"{number}-1"


def _is_due_otherwise(before: Push | None, after: Push | None) -> bool:
    """Whether a change made a push, took it away, switched it, or put it at another time or elsewhere."""
    was, is_now = ((one.cron, one.at, one.days, one.community, one.enabled) if one else None for one in (before, after))
    return was != is_now


def _is_moved(before: Push | None, after: Push) -> bool:
    """Whether what is in force already is said at another time, and nothing else: then its number was typed."""
    return bool(before and before.enabled and is_same_saying(replace(before, at=after.at, cron=after.cron, days=after.days), after))


def _told(push: Push | None) -> str:
    if push is None:
        return ""
    state = {"asked": "等批准", "granted": "已批准"}.get(push.approval, "启用") if push.enabled else "草稿"
    where = "所有社群" if push.community == "*" else push.community
    to = f"，一个一个发给 {audience_of(push)}" if push.to == "members" else f"，{len(push.groups)} 个群" if push.groups else ""
    arms = "".join(f"／{arm.name}：{arm.body.text}" for arm in push.arms)
    return f"{say_when(push)}，{where}{to}，{state}{'，营销' if push.marketing else ''}：{push.text}{arms}"
