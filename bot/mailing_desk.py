"""The desk of mailings: how far one has come, stopped, let go on, and put right – by chat and console alike. Nothing that was said can be recalled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import UserError
from bot.push_desk import WHYS, Done, PushDesk
from rules.calendar import AT
from rules.content_pushes import LONGEST_TITLE
from rules.lines import one_line
from rules.pushes import Push
from storage.firings import Settled
from storage.mailings import GivenUp, Mailing, State

SOON = timedelta(hours=1)
"""When a prepared correction would be said, if nobody chooses another time: it is a draft until somebody has read it."""
MOST = 20
"""Mailings of one push that are shown."""
MOST_GROUPS = 10_000
"""Groups that a push may name."""
REMEMBERED = timedelta(days=3)
"""How long a list of pushes tells what did not go as planned."""
MOST_LOOKED = 100
"""Mailings among which those of the last days are looked for."""
QUOTED = 60
"""Characters of what was wrong that a correction begins with."""
STATES: Mapping[State, str] = {
    "running": "正在发", "first": "先发了一部分，等一等再发其余的", "waits": "安静时段里，等结束再发", "stopped": "已停下", "done": "发完了",
}  # fmt: skip
GIVEN_UP: Mapping[GivenUp, str] = {
    "": "", "off": "推送改成了草稿、删掉了，或者不再批准", "segment": "发给谁的条件读不懂了，请点开推送改一改", "paused": "社群暂停了一天以上",
}  # fmt: skip
"""Why a mailing was stopped by itself, in words."""
SKIPS: Mapping[str, str] = {
    "opted_out": "免打扰", "cap": "超过上限", "no_way": "没有路能发到他", "crisis": "危机模式里不发营销", "holdout": "对照组，本来就不发",
    "elsewhere": "在别的社群里收到",
    "quiet": "安静时段里不发", "stopped": "停下时还在排队，没有发", "erased": "排队时删除了资料，没有发", "body": "那里显示不了这个内容",
}  # fmt: skip
"""Why somebody did not get it, in words."""
RUNNING: frozenset[State] = frozenset({"running", "first", "waits"})


@dataclass(frozen=True, slots=True)
class MailingDesk:
    """What whoever looks after a community's pushes can do about what is being said."""

    desk: PushDesk

    def get(self, push: str, planned: datetime) -> Mailing:
        """A mailing of this community. Raises UserError where there is none."""
        found = self.desk.stores.mailings.find(self.desk.community.keys, push, planned)
        if found is None:
            raise UserError("没有这一次发送，或者太久了不再保存。看看“日历”，或者说：推送 列表")
        return found

    def newest(self, push: str) -> Mailing:
        """The newest mailing of a push. Raises UserError where it was never said."""
        found = self.desk.stores.mailings.of_push(self.desk.community.keys, push, 1)
        if not found:
            raise UserError(f"推送 {push[:64]} 还没有发过。正在发的才能停，例如：推送 停 3；还没到时间的用：推送 取消 3")
        return found[0]

    def stop(self, mailing: Mailing, *, once: str) -> Mailing:
        """Stops what is being said: what waits in the queue is dropped, what was said stays said. Raises UserError where nothing is left to stop."""
        if mailing.state not in RUNNING:
            raise UserError(f"这一次{STATES[mailing.state]}，没有可停的。要改正的话，在控制台的日历里点开它，准备一条更正")
        desk = self.desk
        done = desk.stores.mailings.stop(desk.community.keys, mailing.push, mailing.planned, desk.actor.member, desk.now, once)
        return self._noted("停", mailing, done, once)

    def go_on(self, mailing: Mailing, *, once: str) -> Mailing:
        """Lets a mailing go on after its first readers, before its time. Raises UserError where it does not wait."""
        if mailing.state != "first":
            raise UserError(f"这一次{STATES[mailing.state]}，不用继续。看别的：推送 列表")
        desk = self.desk
        done = desk.stores.mailings.go_on(desk.community.keys, mailing.push, mailing.planned, desk.actor.member, desk.now, once)
        return self._noted("继续", mailing, done, once)

    def correct(self, mailing: Mailing, *, once: str) -> Done:
        """Prepares a correction: a draft to exactly those who got it. Raises UserError where nobody did, or while it still runs."""
        if mailing.state in RUNNING:
            raise UserError("还在发。先停下，再准备更正，例如：推送 停 " + mailing.push)
        if not mailing.sent:
            raise UserError("这一次没有人收到，不用更正。改好内容再发一次就行，例如在日历里点开它")
        draft = correction_of(self.said(mailing), mailing, self.desk)
        if mailing.to == "groups" and not draft.groups and self.desk.community.main_group:  # without groups it would go to all
            raise UserError("收到的群都不在这个社群里了，或者太久了（90 天）不再记得谁收到过。要说的话请新建一条推送")
        return self.desk.make(draft, once=once)

    def said(self, mailing: Mailing) -> Push:
        """The push as it stands, or what is left of one that is gone."""
        try:
            return self.desk.get(mailing.push).push
        except UserError:
            return Push(mailing.push, "", "（原文已经删除）", self.desk.community.id, title=mailing.title)

    def _noted(self, act: str, before: Mailing, after: Mailing | None, once: str) -> Mailing:
        desk, done = self.desk, after or before
        desk.stores.audit.record(
            desk.community.id, desk.actor.id, f"推送 {act}", f"{done.push}（{done.planned.astimezone(desk.community.zone):%m-%d %H:%M}）",
            words_of(before), words_of(done), desk.now, once=once,
        )  # fmt: skip
        return done


def troubles(desk: PushDesk) -> dict[str, str]:
    """What did not go as planned with the newest moment of each push of the last days, by its id: why nothing was said, was given up, or did not arrive."""
    community, today = desk.community, desk.community.day_of(desk.now)
    newest: dict[str, Settled] = {}
    for receipt in desk.stores.firings.receipts(community.keys, today - REMEMBERED, today):
        newest[receipt.push] = max((*receipt.moments, newest.get(receipt.push, receipt.moments[0])), key=lambda one: one.planned)
    mailings = {(one.push, one.planned): one for one in desk.stores.mailings.newest(community.keys, MOST_LOOKED)}
    found: dict[str, str] = {}
    for push, settled in newest.items():
        mailing = mailings.get((push, settled.planned))
        is_trouble = mailing is not None and (mailing.state == "stopped" or mailing.failed > 0)
        if told := WHYS[settled.why] if settled.why else words_of(mailing) if mailing and is_trouble else "":
            found[push] = f"{settled.planned.astimezone(community.zone):%m-%d %H:%M} {told}"
    return found


def left_of(mailing: Mailing) -> int:
    """How many nothing was decided or done about yet."""
    return max(mailing.of - mailing.sent - mailing.failed - sum(mailing.skipped.values()), 0)


def state_of(mailing: Mailing) -> str:
    """How a mailing stands, in words, and why where it was stopped by itself."""
    why = GIVEN_UP.get(mailing.why, "") if mailing.state == "stopped" else ""
    return f"{STATES[mailing.state]}（{why}）" if why else STATES[mailing.state]


def words_of(mailing: Mailing) -> str:
    """How far a mailing has come, in one line."""
    unit, left = "人" if mailing.to == "members" else "个群", left_of(mailing)
    parts = [f"{state_of(mailing)}：发出 {mailing.sent:,} {unit}"]
    parts += [f"其中 {mailing.twice:,} {unit}可能收到两次"] if mailing.twice else []
    parts += [f"没发成 {mailing.failed:,}"] if mailing.failed else []
    parts += [f"{SKIPS.get(why, why)} {count:,}" for why, count in mailing.skipped.items() if count]
    parts += [f"还没发的 {left:,}{' 都不发了' if mailing.state == 'stopped' else ''}"] if left else []
    return f"{'，'.join(parts)}（共 {mailing.of:,} {unit}）"


def correction_of(push: Push, mailing: Mailing, desk: PushDesk) -> Push:
    """The draft that puts a mailing right, to be read and finished by whoever asked for it: to exactly those at whom it arrived."""
    local = (desk.now + SOON).astimezone(desk.community.zone)
    at = local.replace(minute=local.minute // 5 * 5)
    text = f"【更正】刚才发的“{one_line(push.text, QUOTED)}”有误，请以这一条为准：\n"
    bare = Push(
        "", "", text, desk.community.id, enabled=False, at=at.strftime(AT), title=f"更正：{push.label}"[:LONGEST_TITLE], quiet="ignore"
    )
    if mailing.to == "members":
        return replace(bare, to="members", receivers_of=mailing.name)
    got = desk.stores.mailings.got(desk.community.keys, mailing.push, mailing.planned, MOST_GROUPS)
    here = desk.config.groups_of(desk.community.id)
    return replace(bare, groups=tuple(chat for chat in got if chat in here))
