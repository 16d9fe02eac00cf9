"""The activity desk: what chat, cards, clock and console do with activities is done here.

Each change is one act that compares the activity's revision (``storage/activities.py``), together with what is told in the group. What is owed at the
end – words to single members, points – is done behind it, each once, and begun again by the clock where a process died in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, cast

import structlog

from bot import deliveries
from bot.activities.kind import PROPOSED, ActivityKind, Post, Settlement, Stage, Step
from bot.activities.kinds import KINDS
from bot.activities.words import say, terms
from bot.communities import Communities, Community
from bot.config import Config
from bot.enclosures import picture_to_group
from bot.errors import UserError
from bot.live import Contents
from bot.permissions import SYSTEM, Actor
from bot.praise import praise_alone
from bot.private import tell
from bot.staff import to_staff
from rules.activities import MOST_RUNNING, NEXT, STATES, TITLES, Activity, Conditions, KindId, State
from rules.activity_words import RequestProblem, check_sizes
from rules.badges import Facts
from rules.flows import after_quiet
from storage.activities import ANYBODY, Changed, Changes, Draft, Entered, Entry, Payment
from storage.connection import StorageAway
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.stores import Stores

log = structlog.get_logger(__name__)

CLOCK = Actor(0, SYSTEM, "owner")
"""Who acts where nobody does."""
PUT_OFF = timedelta(minutes=10)
"""When an activity that failed is tried again."""
REMIND_BEFORE = timedelta(hours=1)
"""How long before its end members are reminded of an activity."""
LEAST_REMINDED = timedelta(minutes=10)
"""A reminder that comes later than so long before the end, as the night was in between, is left out."""
FARTHEST = timedelta(days=2 * 366)
"""How long ahead an activity may be planned."""
LONG_ENOUGH = timedelta(hours=2)
"""An activity that runs shorter is not worth a reminder."""
NEWEST = 50
"""Activities among which the last one of a kind is looked for."""
BATCHES = 5
"""Batches of members who are paid in one go."""
MOST_ACTS = 6
"""Acts that one activity makes at one ring: opened, stepped, closed, settled and paid."""
_ACTS: Mapping[State, str] = {
    "scheduled": "定时",
    "open": "开始",
    "closed": "截止",
    "settled": "结算",
    "cancelled": "取消",
    "draft": "撤回定时",
}


@dataclass(frozen=True, slots=True)
class ActivityDesk:
    """The activities of one community at one moment."""

    stores: Stores
    contents: Contents
    config: Config
    community: Community
    now: datetime
    kinds: Mapping[KindId, ActivityKind] = field(default_factory=lambda: KINDS)

    @property
    def today(self) -> date:
        """The day in the community's zone."""
        return self.community.day_of(self.now)

    def stage(self, activity: Activity) -> Stage:
        """What the activity's kind looks at."""
        return Stage(self.stores, self.contents, self.config, self.community, activity, self.now)

    def kind_of(self, activity: Activity) -> ActivityKind:
        """Its kind. Raises UserError for one that this version does not know."""
        found = self.kinds.get(activity.kind)
        if found is None:
            raise UserError(f"活动 {activity.number}（{TITLES.get(activity.kind, activity.kind)}）这个版本还不支持。")
        return found

    def standing(self, activity: Activity, member: int) -> Post:
        """What its kind tells a member of it."""
        said = self.kind_of(activity).standing(self.stage(activity), member)
        return said if isinstance(said, Post) else Post(said)

    # Operators ------------------------------------------------------------------------------------------------------------

    def draft(
        self, kind: KindId, title: str, spec: Mapping[str, Any], *, author: int, chat: str, opens: datetime | None = None,
        closes: datetime | None = None, cost: int = 0, award: int = 0, most: int = 0, conditions: Conditions = ANYBODY, once: str,
    ) -> Activity:  # fmt: skip
        """Makes an activity that nobody sees yet. Raises UserError where it cannot be."""
        self._check_times(opens, closes)
        if kind not in self.kinds:
            raise UserError(f"{TITLES.get(kind, kind)}这个版本还不支持。")
        _check_title(title)
        checked = self.kinds[kind].check(spec)
        try:
            draft = Draft(kind, title, author, chat, opens, closes, cost, award, most, conditions, checked)
            activity = self.stores.activities.create(self.community.keys, draft, self.now, once=once)
        except ValueError as problem:
            raise UserError("标题要 1 到 60 个字，内容不要太长。") from problem
        subject = f"活动 {activity.number}（{TITLES[kind]}）"
        self.stores.audit.record(self.community.id, str(author), "活动新建", subject, "", self._told(activity), self.now, once=once)
        return activity

    def get(self, number: int, *, drafts: bool = True) -> Activity:
        """An activity by its number. Raises UserError when there is none; without ``drafts`` also for one that nobody may know of yet."""
        found = self.stores.activities.find(self.community.keys, number)
        if found is None or (found.state == "draft" and not drafts):
            raise UserError(f"没有活动 {number}。说“活动”看看有哪些。")
        return found

    def edit(self, activity: Activity, actor: Actor, *, once: str, **changes: Any) -> Changed:
        """Changes the settings of an activity: of a draft or scheduled one all, of an open one when it closes. Raises UserError."""
        if activity.is_over or activity.state == "closed":
            raise UserError(f"“{activity.title}”{STATES[activity.state]}，不能再改了。")
        if activity.is_open and self._has_come(activity.closes):  # what is over stays over, though the clock has not rung yet
            raise UserError(f"“{activity.title}”已经截止，不能再改了。")
        if activity.is_open and set(changes) - {"closes", "title"}:
            raise UserError(f"“{activity.title}”已经开始，只能改标题和截止时间，例如：活动 改期 {activity.number} 明天20:00")
        if "title" in changes:
            _check_title(changes["title"])
        if "spec" in changes:
            changes["spec"] = self.kind_of(activity).check(changes["spec"] | ({PROPOSED: True} if activity.spec.get(PROPOSED) else {}))
        opens, closes = changes.get("opens", activity.opens), changes.get("closes", activity.closes)
        self._check_times(opens if not activity.is_open else None, closes)
        if activity.state == "scheduled" and (opens is None or opens <= self.now):
            raise UserError(f"定时的活动要有开始时间，例如：活动 改期 {activity.number} 开始 明天9点")
        if activity.is_open:
            changes["remind"] = self._reminder(replace(activity, closes=closes), activity.opened or self.now)
        before, after = self._told(activity), self._told(replace(activity, **changes))
        return self._change(activity, actor, "修改", before, after, (), once, cast(Changes, changes))

    def schedule(self, activity: Activity, actor: Actor, *, once: str) -> Changed:
        """Has the clock open it at the time it says. Raises UserError where it says none."""
        if activity.opens is None or activity.opens <= self.now:
            raise UserError(f"还没有设开始时间，例如：活动 改期 {activity.number} 开始 今晚8点，或者：活动 开始 {activity.number}")
        return self._tell_proposer(self._move(activity, "scheduled", actor, once=once), activity, "通过了，谢谢你！")

    def open(self, activity: Activity, actor: Actor, *, once: str) -> Changed:
        """Opens it and tells its group. Raises UserError where it has no time left."""
        if "open" not in NEXT[activity.state]:
            return self._tell_proposer(self._move(activity, "open", actor, once=once), activity, "通过了，谢谢你！")
        if activity.closes and activity.closes <= self.now:
            raise UserError(f"截止时间已经过了，先改一下，例如：活动 改期 {activity.number} 明天20:00")
        kind = self.kind_of(activity)
        live = dict(kind.prepare(self.stage(activity)))
        opened = replace(activity, state="open", opened=self.now, live=live)
        more = Changes(live=live, next_step=kind.next_step(self.stage(opened)), remind=self._reminder(opened, self.now))
        moved = self._move(activity, "open", actor, post=kind.opening(self.stage(opened)), changes=more, once=once)
        return self._tell_proposer(moved, activity, "通过了，谢谢你！")

    def close(self, activity: Activity, actor: Actor, *, once: str) -> Changed:
        """Takes no more entries; :meth:`settle` says what came of it."""
        return self._move(activity, "closed", actor, once=once)

    def settle(self, activity: Activity, actor: Actor, *, once: str) -> Changed:
        """Says what came of a closed activity, tells it and pays, each once. Where something has to come first it stays closed. Raises UserError."""
        came = self.kind_of(activity).settle(self.stage(activity)) if activity.state == "closed" else Settlement({})
        if isinstance(came, Step):
            return self._wait(activity, came, actor, once=once)
        self._follow(activity)
        result = replace(activity, state="settled", result=dict(came.result))
        awards = self.kind_of(activity).awards(self.stage(result)) if activity.state == "closed" else ()
        owed = [Payment(award.member, award.n, award.note) for award in awards if award.n > 0]
        changed = self._move(activity, "settled", actor, post=came.post, changes=Changes(result=result.result), awards=owed, once=once)
        if changed.activity.is_over:
            self.finish(changed.activity)
        return changed

    def _follow(self, activity: Activity) -> None:
        """Makes and times the activity that follows this one, before it is settled: a process that dies in between does it again, to the same effect."""
        draft = self.kind_of(activity).successor(self.stage(activity)) if activity.state == "closed" else None
        if draft is None:
            return
        once = f"follow:{activity.number}"
        following = self.stores.activities.create(self.community.keys, draft, self.now, once=once)
        if following.state == "draft":
            self.schedule(following, CLOCK, once=once)

    def _wait(self, activity: Activity, step: Step, actor: Actor, *, once: str) -> Changed:
        """Keeps and tells what comes before settling; what changes nothing is not kept again."""
        live = dict(step.live) or activity.live
        if (live, step.until) == (activity.live, activity.next_step):
            return Changed("done", activity)
        posts = self._posts(activity, step.post, f"closed:{activity.revision}")
        changed = self._change(activity, actor, "", "", "", posts, "", Changes(live=live, next_step=step.until))
        is_ready = changed.outcome == "done" and self._has_come(step.until) and live != activity.live
        return self.settle(changed.activity, actor, once=once) if is_ready else changed

    def cancel(self, activity: Activity, actor: Actor, *, once: str) -> Changed:
        """Calls it off: what entries cost goes back."""
        told = Post(f"“{activity.title}”取消了" + ("，花掉的积分会退回。" if activity.cost else "。"))
        was_told = activity.state in ("open", "closed")  # of any other the group has not heard
        changed = self._move(activity, "cancelled", actor, post=told if was_told else None, once=once)
        self._tell_proposer(changed, activity, "这次没有采用，换一个再试试。")
        if changed.activity.is_over:
            self.finish(changed.activity)
        return changed

    def _tell_proposer(self, changed: Changed, before: Activity, words: str) -> Changed:
        """Tells the member who proposed an activity what became of his draft, once, whichever way an operator decided; the change, as it came."""
        is_decided = changed.outcome == "again" or (changed.outcome == "done" and before.state == "draft")
        if is_decided and before.spec.get(PROPOSED):
            said = f"你提的{TITLES[before.kind]}“{before.title}”{words}"
            id = f"activity:{self.community.id}:{before.number}:proposed"
            tell(self.stores, self.config, self.community, before.author, said, self.now, id=id)
        return changed

    def next_step(self, activity: Activity, actor: Actor, *, once: str) -> Changed:
        """Has its kind do what comes next: a quiz its next question. Raises UserError where it is not open."""
        if not activity.is_open:
            raise UserError(f"“{activity.title}”{STATES[activity.state]}，没有下一步。")
        kind = self.kind_of(activity)
        step = kind.step(self.stage(activity))
        if step.closes:
            return self._move(activity, "closed", actor, post=step.post, changes=Changes(live=step.live or activity.live), once=once)
        after = replace(activity, round=step.round, round_until=step.until, live=dict(step.live) or activity.live)
        more = Changes(
            round=after.round, round_until=after.round_until, live=after.live, next_step=kind.next_step(self.stage(after))
        )  # fmt: skip
        return self._change(activity, actor, "", "", "", self._posts(after, step.post, f"step:{activity.revision}"), once, more)

    def remind(self, activity: Activity) -> Changed:
        """Tells its group that it closes soon, once."""
        post = self.kind_of(activity).reminder(self.stage(activity))
        told = self._posts(activity, post, f"remind:{activity.revision}")
        return self._change(activity, CLOCK, "", "", "", told, "", Changes(remind=None))

    def finish(self, activity: Activity) -> None:
        """Does what is owed behind the end: tells single members, and pays or gives back, a batch an act."""
        if activity.is_paid:
            return
        if activity.state == "settled" and not activity.paid:
            came = self.kind_of(activity).settle(self.stage(activity))
            for member, words in came.told if isinstance(came, Settlement) else ():
                id = f"activity:{self.community.id}:{activity.number}:told:{member}"
                tell(self.stores, self.config, self.community, member, words, self.now, id=id)
        found: Activity | None = activity
        for _ in range(BATCHES):  # nobody who waits for an answer waits for a hundred thousand refunds: the clock goes on
            if found is None or found.is_paid:
                break
            self._pay(found)
            found = self.stores.activities.find(self.community.keys, activity.number)

    def _pay(self, activity: Activity) -> None:
        where, store = self.community.keys, self.stores.activities
        payments, reached, is_last = store.owed(where, activity)
        known = self.stores.directory.find_users([one.member for one in payments])
        payments = [one if known[one.member] else replace(one, n=0) for one in payments]  # who was erased is passed over
        paid = store.pay(
            where, activity, payments, self.now, today=self.today, lapses=self.contents.points, reached=reached, is_last=is_last
        )  # fmt: skip
        for one in paid or () if activity.state == "settled" else ():
            before, after = Facts(earned=one.earned - one.n), Facts(earned=one.earned)
            once = f"activity|{activity.number}|{one.member}"
            praise_alone(self.stores, self.config, self.contents, self.community, one.member, before, after, self.now, once=once)

    # The clock ------------------------------------------------------------------------------------------------------------

    def ring(self, number: int) -> bool:
        """Does what has come of an activity; True when that was something."""
        done = False
        for _ in range(MOST_ACTS):
            activity = self.stores.activities.find(self.community.keys, number)
            if activity is None or not self._ring(activity):
                break
            done = True
        return done

    def _ring(self, activity: Activity) -> bool:
        act = self._due_act(activity)
        if act is not None:
            act()
        return act is not None

    def _due_act(self, activity: Activity) -> Callable[[], object] | None:
        """What the clock owes an activity now; None for nothing."""
        match activity.state:
            case "scheduled" if self._has_come(activity.closes):
                return partial(self._call_off, activity)
            case "scheduled" if self._has_come(activity.opens):
                return partial(self.open, activity, CLOCK, once="")
            case "open":
                return self._due_while_open(activity)
            case "closed" if self._has_come(activity.next_step):
                return partial(self.settle, activity, CLOCK, once="")
            case "settled" | "cancelled" if not activity.is_paid:
                return partial(self.finish, activity)
            case _:
                return None

    def _due_while_open(self, activity: Activity) -> Callable[[], object] | None:
        if self._has_come(activity.closes):
            return partial(self.close, activity, CLOCK, once="")
        if self._has_come(activity.next_step):
            return partial(self.next_step, activity, CLOCK, once="")
        return partial(self.remind, activity) if self._has_come(activity.remind) else None

    def _call_off(self, activity: Activity) -> None:
        """Where nobody was there to open it in time it is cancelled."""
        self.tell_staff(activity, "本来要自动开始，可是到截止时间都没能开始，取消了。要再办请重新发起。")
        self.cancel(activity, CLOCK, once="")

    def tell_staff(self, activity: Activity, words: str) -> None:
        """Says once to who looks after the community what the clock could not do; again when the activity was changed."""
        subject = f"{TITLES.get(activity.kind, activity.kind)}“{activity.title}”（活动 {activity.number}）"
        id = f"activity:{self.community.id}:{activity.number}:stuck:{activity.revision}"
        posts = to_staff(self.stores, self.config, self.community, f"⚠️ {subject}{words}", id=id, now_ms=to_ms(self.now))
        self.stores.outbox.enqueue(self.community.shard, posts, to_ms(self.now))

    def _has_come(self, moment: datetime | None) -> bool:
        return moment is not None and moment <= self.now

    # Members --------------------------------------------------------------------------------------------------------------

    def admits(self, activity: Activity, member: int) -> str:
        """'' where a member may enter or has begun to, else why not, in Chinese; no round trip where there are no conditions."""
        wanted, where = activity.conditions, self.community.keys
        if wanted == ANYBODY or self.stores.activities.entries_of(where, activity.number, member):
            return ""
        if wanted.level:
            level = self.contents.levels.find(wanted.level)
            missing = level.at - self.stores.points.earned(where, member) if level else 0
            if level is None or missing > 0:
                return f"要到「{level.name}」才能参加，再得 {missing} 积分就到了。" if level else "要的等级现在没有了，请联系管理员。"
        if wanted.tag and wanted.tag not in self.stores.tags.of(where, member):
            return f"这个活动只给有“{wanted.tag}”标签的成员。"
        if wanted.days:
            since = self.stores.roster.since(where, member)
            days = (self.today - self.community.day_of(since)).days if since else 0
            if days < wanted.days:
                return f"要入群满 {wanted.days} 天才能参加，你还差 {wanted.days - max(0, days)} 天。"
        if wanted.check_ins or wanted.checked_in:
            standing = self.stores.check_ins.standing(where, member, self.today)
            if standing.total < wanted.check_ins:
                return f"要累计签到 {wanted.check_ins} 天才能参加，你签到了 {standing.total} 天。"
            if wanted.checked_in and standing.last != self.today:
                return "要先签到才能参加：说“签到”，再来一次。"
        return ""

    def enter(self, activity: Activity, member: int, entry: Entry, *, once: str) -> Entered:
        """Puts a member's entry in, or says why not. Raises UserError with what the conditions say."""
        if activity.is_open and (why := self.admits(activity, member)):
            raise UserError(why)
        rules = self.contents.points
        return self.stores.activities.enter(
            self.community.keys, activity, member, entry, self.now, today=self.today, lapses=rules, once=once,
            cap_of_reason=rules.reason("event").per_day, cap_of_day=rules.cap_of_day,
        )  # fmt: skip

    def withdraw(self, activity: Activity, member: int, *, once: str, part: str = "", unnamed: bool = False) -> Entered:
        """Takes a member's entry out again; what it cost goes back."""
        return self.stores.activities.withdraw(
            self.community.keys, activity, member, self.now, today=self.today, once=once, part=part, unnamed=unnamed
        )  # fmt: skip

    def words_of(self, entered: Entered, activity: Activity) -> str:
        """What the common refusals say; '' where it was taken (ok, changed)."""
        match entered.outcome:
            case "ok" | "changed":
                return ""
            case "same":
                return "和你之前的一样，不用再来一次。"
            case "already":
                return f"你已经参加“{activity.title}”了。"
            case "early":
                return f"“{activity.title}”还没开始" + (f"，{self.say(activity.opens)} 开始。" if activity.opens else "。")
            case "late" | "round":
                return "这一题的时间已经过了，等下一题吧。" if activity.kind == "quiz" else "这一轮的时间已经过了。"
            case "full":
                return f"“{activity.title}”已经满了（{entered.entries} 人）。"
            case "short":
                return (
                    f"参加要 {activity.cost} 积分，你现在有 {entered.balance} 积分，还差 {max(1, activity.cost - entered.balance)} 积分。"
                )
            case "out":
                return f"你还没有参加“{activity.title}”。"
            case _:
                return f"“{activity.title}”已经截止了。说“活动 结果 {activity.number}”看结果。"

    def find_running(
        self, kind: KindId | None = None, words: str = "", *, chat: str = "", among: Sequence[Activity] | None = None, example: str = ""
    ) -> Activity:  # fmt: skip
        """The open activity that is meant: by number, else the only one of its kind in this group, else the only one. Raises UserError listing them.

        ``among`` are those that run, where they were looked at already; ``example`` is how to say it with a number, {} in its place.
        """
        title = TITLES[kind] if kind else "活动"
        example = example or f"{title} {{}}"
        found = self.stores.activities.running(self.community.keys) if among is None else among
        running = [one for one in found if kind in (None, one.kind)]
        if words.strip():
            return self._numbered(kind, words, running, example)
        if activity := self._only(running, title, chat, example):
            return activity
        soon = min((one for one in running if one.opens), key=lambda one: cast(datetime, one.opens), default=None)
        later = f"“{soon.title}”{self.say(soon.opens)} 开始。" if soon and soon.opens else ""
        raise UserError(f"现在没有进行中的{title}。{later}说“活动”看看有什么。")

    def find_begun(self, kind: KindId, words: str = "", *, chat: str = "", example: str) -> Activity:
        """The activity that is meant where one may be asked of that is over: by number, else the one that runs, else the newest that ended, one of
        this group first. ``example`` as of :meth:`find_running`. Raises UserError, also for one that was called off or has not begun.
        """
        if words.strip():
            activity = self._numbered(kind, words, (), example)
        else:
            running = [one for one in self.stores.activities.running(self.community.keys) if one.kind == kind]
            _, newest = self.stores.activities.newest(self.community.keys, NEWEST)
            ended = [one for one in newest if one.kind == kind and one.state in ("closed", "settled")]
            here = [one for one in ended if one.chat in ("", chat)]
            found = self._only(running, TITLES[kind], chat, example) or next(iter(here or ended), None)
            if found is None:
                raise UserError(f"还没有办过{TITLES[kind]}。说“活动”看看有什么，有了再说，例如：{example.format(3)}")
            activity = found
        if activity.state == "cancelled":
            raise UserError(f"“{activity.title}”取消了，没有结果。说“活动”看看有什么。")
        if activity.state in ("draft", "scheduled"):
            raise UserError(f"“{activity.title}”{STATES[activity.state]}，还没有结果。说“活动 {activity.number}”看怎么参加。")
        return activity

    def _numbered(self, kind: KindId | None, words: str, among: Sequence[Activity], example: str) -> Activity:
        """The activity of a number as it is typed; drafts are not spoken of."""
        word = words.strip().removesuffix("号").removeprefix("#")
        if not (word.isascii() and word.isdecimal() and len(word) < 7):
            raise UserError(f"请写活动的编号，例如：{example.format(among[0].number if among else 1)}")
        activity = next((one for one in among if one.number == int(word)), None) or self.get(int(word), drafts=False)
        if kind and activity.kind != kind:
            raise UserError(f"活动 {word} 是{TITLES[activity.kind]}，不是{TITLES[kind]}。说“活动 {word}”看看。")
        return activity

    def _only(self, running: Sequence[Activity], title: str, chat: str, example: str) -> Activity | None:
        """The one that is open, of this group first; None for none. Raises UserError listing several."""
        opened = [one for one in running if one.is_open]
        here = [one for one in opened if one.chat in ("", chat)] if chat else []
        for fitting in (here, opened):
            if len(fitting) == 1:
                return fitting[0]
        if opened:
            rows = "\n".join(f"{one.number}. {one.title}" for one in opened[:9])
            raise UserError(f"现在有 {len(opened)} 个{title}，请带上编号，例如：{example.format(opened[0].number)}\n{rows}")
        return None

    # What people read -----------------------------------------------------------------------------------------------------

    def say(self, moment: datetime) -> str:
        """A moment as people of the community say it: 今天 20:00, 3 月 12 日 09:00."""
        return say(moment, self.now, self.community.zone)

    def terms(self, activity: Activity) -> str:
        """The settings that all kinds have, one a line; '' where it has none."""
        return terms(activity, self.contents.levels, self.now, self.community.zone)

    def reaches_group(self, activity: Activity) -> bool:
        """Whether posts lead to its group."""
        return bool(self._posts(activity, Post("…"), ""))

    # Inside ---------------------------------------------------------------------------------------------------------------

    def _move(
        self, activity: Activity, state: State, actor: Actor, *, post: Post | None = None, changes: Changes | None = None,
        awards: Sequence[Payment] = (), once: str,
    ) -> Changed:  # fmt: skip
        if state not in NEXT[activity.state]:
            if self.stores.activities.has_done(self.community.keys, activity.number, once=once):
                return Changed("again", activity)
            raise UserError(f"“{activity.title}”{STATES[activity.state]}，不能再{_ACTS[state]}。")
        after = replace(activity, state=state, **cast(dict[str, Any], changes or {}))
        posts = self._posts(after, post, state)
        changed = self._change(
            activity, actor, _ACTS[state], STATES[activity.state], STATES[state], posts, once, Changes(state=state, **(changes or {})), awards
        )  # fmt: skip
        if changed.outcome == "full":
            raise UserError(f"同时进行和待开始的活动最多 {MOST_RUNNING} 个，先截止几个，例如：活动 截止 1")
        return changed

    def _change(
        self, activity: Activity, actor: Actor, act: str, before: str, after: str, posts: Sequence[Delivery], once: str, changes: Changes,
        awards: Sequence[Payment] = (),
    ) -> Changed:  # fmt: skip
        changed = self.stores.activities.change(
            self.community.keys, activity, self.now, awards=awards, deliveries=posts, actor=actor.member, once=once, **changes
        )  # fmt: skip
        if act and actor.member and changed.outcome in ("done", "again"):
            subject = f"活动 {activity.number}（{TITLES.get(activity.kind, activity.kind)}）"
            self.stores.audit.record(self.community.id, actor.id, f"活动{act}", subject, before, after, self.now, once=once)
        return changed

    def _posts(self, activity: Activity, post: Post | None, tag: str) -> list[Delivery]:
        if post is None:
            return []
        id, now_ms = f"activity:{self.community.id}:{activity.number}:{tag}", to_ms(self.now)
        chat, lane = activity.chat, self.stores.pauses.lane(self.community.id)
        text = deliveries.to_group(self.config, self.community.id, chat, post.text, id=id, lane=lane, now_ms=now_ms)
        image = (
            picture_to_group(self.config, self.community.id, chat, post.image, id=f"{id}:image", lane=lane, now_ms=now_ms)
            if post.image
            else None
        )
        shown = deliveries.as_card(text, post.card) if text else None
        return [replace(one, about=(*post.about, *one.about)) for one in (shown, image) if one]

    def _reminder(self, activity: Activity, since: datetime) -> datetime | None:
        """When members are reminded of the end: an hour before, or in the morning; None where it is too short for that."""
        if activity.closes is None or activity.closes - since < LONG_ENOUGH:
            return None
        at = after_quiet((activity.closes - REMIND_BEFORE).astimezone(self.community.zone))
        return at if self.now < at <= activity.closes - LEAST_REMINDED else None

    def _check_times(self, opens: datetime | None, closes: datetime | None) -> None:
        if any(at and at > self.now + FARTHEST for at in (opens, closes)):
            raise UserError("时间太远了，活动最多提前两年安排。")
        if closes and closes <= max(self.now, opens or self.now):
            raise UserError(f"截止时间要在{'开始' if opens else '现在'}之后，例如：截止 明天20:00")

    def _told(self, activity: Activity) -> str:
        return "，".join([activity.title, *filter(None, self.terms(activity).splitlines())])


def _check_title(title: str) -> None:
    try:
        check_sizes(title, ())
    except RequestProblem as problem:
        raise UserError(str(problem)) from problem


def ring_due(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Does what has come of every community's activities; gives of how many. Any number of processes may ring, each act is done once."""
    done = 0
    for where, number in stores.activities.due(now):
        desk = ActivityDesk(stores, contents, config, communities.named(where.id), now)
        try:
            done += desk.ring(number)
        except StorageAway:
            raise
        except UserError as problem:  # only people can help: the bank is gone, too many run
            log.warning("activity cannot go on", community=where.id, activity=number)
            desk.tell_staff(desk.get(number), f"到时间了，但是做不下去：{problem}")
            stores.activities.ring_later(where, number, now + PUT_OFF)
        except Exception as error:
            # One activity that cannot go on must not stop the clock of all others.
            log.error("activity failed", community=where.id, activity=number, error=type(error).__name__, exc_info=True)
            stores.activities.ring_later(where, number, now + PUT_OFF)
    return done
