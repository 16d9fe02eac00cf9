"""The invitation desk: what chat, contact events, rosters, clock and console do with invitations is done here.

A newcomer is attributed once (``claim``); the clock looks whether he stayed (``ring_invitations``). What that moves is one act; what is told of it
stands in the invitation until it was told, so a crash in between tells it later, and once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

import structlog

from bot import deliveries
from bot.cards import Button, ButtonInteraction, Fact, task_of
from bot.communities import Communities, Community
from bot.config import Config
from bot.errors import UserError
from bot.live import Contents
from bot.members import GONE, all_called, called
from bot.permissions import Actor
from bot.praise import praise_alone
from bot.private import tell
from rules.badges import Facts
from rules.invitations import InvitationRules, Presence, Step, Tier, is_back, judge_credited, judge_waiting, read_code
from storage.connection import StorageAway
from storage.invitations import Arrival, Claimed, Due, How, Invitation, Stepped
from storage.moment import from_ms, to_ms
from storage.stores import Stores

log = structlog.get_logger(__name__)

AGAIN = timedelta(minutes=10)
"""When an invitation that failed is looked at again."""
_WHYS: Mapping[str, str] = {"burst": "短时间内邀请的人很多", "circle": "互相邀请", "deep": "邀请链太长，没法一路看清"}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody whom a roster shows as having joined (``joined_s``, Unix seconds): WeCom's id of who brought him, and the state of his way in."""

    number: int
    joined_s: int
    inviter: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class InvitationDesk:
    """The invitations of one community at one moment."""

    stores: Stores
    config: Config
    contents: Contents
    community: Community
    now: datetime

    @property
    def rules(self) -> InvitationRules:
        """What holds now."""
        return self.contents.invitations

    @property
    def today(self) -> date:
        """The day in the community's zone."""
        return self._day(self.now)

    # Codes ----------------------------------------------------------------------------------------------------------------

    def target(self, code: str) -> str:
        """Where the QR picture of a code leads; without a link or a public address it says the code itself."""
        if self.rules.link:
            return self.rules.link.replace("{code}", code)
        base = self.config.server.public_url
        return f"{base.rstrip('/')}/i/{code}" if base else f"邀请码 {code}"

    def fit_name(self, member: int) -> str:
        """What a member may be called in public; '' where a rule objects to his name, or he has none."""
        name = self.stores.directory.find_name(member)
        return name if name and self.contents.judge.judge(name).verdict == "pass" else ""

    # Attributing ----------------------------------------------------------------------------------------------------------

    def claim(self, newcomer: int, inviter: int, how: How, *, once: str) -> Claimed:
        """Attributes a newcomer to his inviter, if he is one; what is doubtful is put aside, and the administrators hear of it."""
        claimed = self.stores.invitations.claim(
            self.community.keys, newcomer, inviter, how, self.now, today=self.today, due=self.now + timedelta(days=self.rules.stay_days),
            rules=self.rules, why_not=self._why_not(newcomer), once=once,
        )  # fmt: skip
        if claimed.outcome == "held":
            self._tell_of_held(inviter)
        return claimed

    def see_contact(self, user: str, state: str, *, once: str) -> Claimed | None:
        """Attributes a customer who added an employee by a link whose state is a code of this community; None where it is none of them."""
        inviter = self._owner_of(state)
        if not inviter or not self.rules.enabled:
            return None
        number = self.stores.directory.find_number(user) or self.stores.directory.enrol(user, community=self.community.id).number
        return self.claim(number, inviter, "link", once=once)

    def see_roster(self, chat: str, joined: Sequence[Newcomer], left: Mapping[int, int]) -> None:
        """Takes in what a look at a customer group showed: who joined, and who left (member → since when he was there, in s).

        Done before the look is kept, and again where that fails: everything here counts once. Who is in another group of the community has not
        left it; nor has who left and came back between two looks, who stands in both.
        """
        if not (joined or left):
            return
        still = self.stores.customer_groups.seated(self.community.keys, list(left), without=chat)
        came = {one.number: one.joined_s for one in joined}
        gone = {number: since for number, since in left.items() if number not in still and number not in came}
        here = came | {number: since for number, since in left.items() if number not in gone}
        self.stores.invitations.note_seen(self.community.keys, here, gone, self.now)
        for one in joined if self.rules.enabled else ():
            inviter = self._owner_of(one.state) or (self.stores.directory.find_number(one.inviter) if one.inviter else None)
            if inviter:
                self.claim(one.number, inviter, "roster", once=f"roster:{one.number}:{one.joined_s}")

    def _owner_of(self, state: str) -> int:
        code = read_code(state)
        owner = self.stores.invitations.find_owner(code) if code else None
        return owner[1] if owner and owner[0] == self.community.id else 0

    def _why_not(self, newcomer: int) -> Literal["", "late", "back", "erased"]:
        """What is against attributing somebody, from when and how he came; a few round trips."""
        where, user = self.community.keys, self.stores.directory.find_user(newcomer) or ""
        if self.stores.invitations.was_erased(where, user):
            return "erased"
        arrival = self.stores.invitations.arrival(where, newcomer)
        seated = self._seated(newcomer)
        if arrival and _gone_since(arrival, seated):
            return "back"
        known = [arrival.joined if arrival else None, self.stores.roster.since(where, newcomer), *seated]
        first = min((moment for moment in known if moment), default=self.now)
        return "late" if self.now - first > timedelta(days=self.rules.claim_days) else ""

    def _seated(self, member: int) -> list[datetime]:
        """Since when a member sits in groups with a roster; two round trips."""
        return [from_ms(seat.joined_s * 1000) for seat in self.stores.customer_groups.seats_of(self.community.keys, member)]

    def _tell_of_held(self, inviter: int) -> None:
        text = f"🔎 {called(self.stores, inviter)} 邀请的人里有需要看一下的，说“邀请 待审”查看。"
        id = f"invite:{self.community.id}:held:{inviter}:{self.today.isoformat()}"
        post = deliveries.to_admins(self.config, self.community.id, text, id=id, now_ms=to_ms(self.now))
        if post:
            self.stores.outbox.enqueue(self.community.shard, [replace(post, about=(inviter,))], to_ms(self.now))

    # Deciding -------------------------------------------------------------------------------------------------------------

    def review(self, number: int, actor: Actor, reason: str, *, approve: bool, once: str) -> tuple[Invitation, Stepped]:
        """A person decides about an invitation that was put aside; audited. Raises UserError where none waits under that number."""
        found = self.stores.invitations.find_numbered(self.community.keys, number)
        if found is None:
            raise UserError(f"没有编号为 {number} 的待审邀请。等待处理的说“邀请 待审”看。")
        due = max(self.now, found.at + timedelta(days=self.rules.stay_days))
        done = self._step(found, "approve" if approve else "reject", due, actor=actor.member, once=f"{number}|{once}")
        if done.is_done:
            subject, said = f"邀请 {number}（成员 {found.newcomer}）", "通过" if approve else f"驳回 {reason}".strip()
            self.stores.audit.record(self.community.id, actor.id, "审核邀请", subject, "待审", said, self.now, once=once)
        return found, done

    def card(self, found: Invitation) -> ButtonInteraction:
        """An invitation that waits for a person, as a card."""
        key, at = f"invite:{self.community.id}:{found.number}", found.at.astimezone(self.community.zone)
        return ButtonInteraction(
            title=f"邀请 {found.number} · 等待处理",
            desc=why_held(found.why),
            sub_title=f"也可以说：邀请 驳回 {found.number} 理由",
            facts=(
                Fact("新朋友", f"{called(self.stores, found.newcomer)}（成员 {found.newcomer}）"),
                Fact("邀请人", f"{called(self.stores, found.by)}（成员 {found.by}）"),
                Fact("时间", f"{at.month} 月 {at.day} 日 {at:%H:%M}"),
            ),
            buttons=(Button("通过", f"{key}:ok", style=1), Button("驳回", f"{key}:no", style=2)),
            task=task_of("invite", self.community.id, str(found.number), "held"),
        )

    # The clock ------------------------------------------------------------------------------------------------------------

    def look(self, newcomer: int) -> bool:
        """Sees to one invitation whose time has come; whether something became of it."""
        found = self.stores.invitations.find(self.community.keys, newcomer)
        if found is None:
            self.stores.invitations.forget_step(self.community.keys, newcomer)
            return False
        if found.tell:
            self._announce(found)
            return False
        step = self._judge(found)
        if step.act == "later":
            self._step(found, "later", step.again)
            return False
        done = self._step(found, step.act, self.now, note=f"成员 {newcomer}" if newcomer > 0 else GONE)
        changed = self.stores.invitations.find(self.community.keys, newcomer)
        if done.is_done and changed and changed.tell:
            self._announce(changed)
        return done.is_done

    def pay(self, inviter: int) -> bool:
        """Gives an inviter what a day's caps put off; whether he got something."""
        paid = self.stores.invitations.pay(
            self.community.keys, inviter, self.now, today=self.today, next_day=self._next_day, points=self.contents.points, rules=self.rules
        )  # fmt: skip
        if paid.paid > 0:
            self._praise(inviter, paid.earned, paid.paid, f"pay:{self.today.isoformat()}")
        return paid.paid > 0

    def _judge(self, found: Invitation) -> Step:
        seen = self._presence(found)
        if found.state == "waiting":
            return judge_waiting(self.rules, found.at, self._day(found.at), found.due, seen, self.now)
        if found.state == "credited" and found.ended:
            return judge_credited(self.rules, found.ended, seen, self.now)
        return Step("done")

    def _presence(self, found: Invitation) -> Presence:
        if found.newcomer < 0:
            return Presence(left=found.ended)
        user = self.stores.directory.find_user(found.newcomer) or ""
        if user and (left := self.stores.leavers.left_since(user)):
            return Presence(left=left)
        arrival = self.stores.invitations.arrival(self.community.keys, found.newcomer)
        if arrival:
            return Presence(arrived=True, left=_gone_since(arrival, self._seated(found.newcomer) if arrival.left else ()))
        days = max(1, (self.today - self._day(found.at)).days + 1)
        spoke = self.stores.roster.last_active(self.community.keys, found.newcomer, user, self.today, min(days, 400))
        return Presence(spoke=spoke)

    def _step(
        self, found: Invitation, act: Literal["credit", "leave", "silent", "later", "done", "told", "approve", "reject"], again: datetime | None,
        *, note: str = "", actor: int = 0, once: str = "",
    ) -> Stepped:  # fmt: skip
        return self.stores.invitations.step(
            self.community.keys, found.newcomer, found.by, act, self.now, today=self.today, again=again, next_day=self._next_day,
            points=self.contents.points, rules=self.rules, note=note, actor=actor, once=once,
        )  # fmt: skip

    # Telling --------------------------------------------------------------------------------------------------------------

    def _announce(self, found: Invitation) -> None:
        """Tells an inviter what became of an invitation, with what goes along with it; all of it once, whoever repeats it."""
        told = found.tell
        assert told is not None
        once = f"invite|{found.newcomer}|{found.state}"
        for tier in self._tiers(told.gained):
            self._hand(found.by, tier, once)
        for tier in self._tiers(told.lost):
            self._take(found.by, tier, once)
        text = self._good_news(found) if found.state == "credited" else self._bad_news(found)
        id = f"invite:{self.community.id}:{found.newcomer}:{found.state}"
        tell(
            self.stores, self.config, self.community, found.by, text, self.now, id=id, about=(found.newcomer,) if found.newcomer > 0 else ()
        )
        if told.paid > 0:
            self._praise(found.by, told.earned, told.paid, once)
        self._step(found, "told", self.now + timedelta(days=1) if found.state == "credited" else None)

    def _praise(self, inviter: int, earned: int, paid: int, once: str) -> None:
        before, after = Facts(earned=earned - paid), Facts(earned=earned)
        praise_alone(self.stores, self.config, self.contents, self.community, inviter, before, after, self.now, once=once)

    def _good_news(self, found: Invitation) -> str:
        told = found.tell
        assert told is not None
        gained = f"，积分 +{told.paid}（现有 {told.balance}）" if told.paid else ""
        lines = [f"🎉 你邀请的 {self._guest(found)} 在“{self.community.name}”留下来了{gained}。已有 {told.credited} 位。"]
        lines += [f"🏅 邀请满 {tier.at} 位{self.brings(tier)}。" for tier in self._tiers(told.gained)]
        if told.owed > 0:
            lines.append(f"今天的积分到上限了，还有 {told.owed} 分明天补上。")
        if told.owed < 0:
            lines.append(f"之前退回时不够的积分已从这里扣除，还差 {-told.owed} 分。")
        following = self.rules.next_tier(told.credited)
        if following:
            lines.append(f"再有 {following.at - told.credited} 位就满 {following.at} 位{self.brings(following)}。")
        return "\n".join(lines)

    def _bad_news(self, found: Invitation) -> str:
        told = found.tell
        assert told is not None
        taken = f"，之前的积分退回 {-told.paid} 分（现有 {told.balance}）" if told.paid else ""
        lines = [f"你邀请的 {self._guest(found)} 离开了“{self.community.name}”{taken}。现有 {told.credited} 位。"]
        lines += [f"不满 {tier.at} 位了，那一档的奖励也收回。" for tier in self._tiers(told.lost)]
        if told.owed < 0:
            lines.append(f"积分不够，还差 {-told.owed} 分，从以后邀请得到的里面扣，别的积分不动。")
        return "\n".join(lines)

    def _guest(self, found: Invitation) -> str:
        return all_called(self.stores, [found.newcomer])[found.newcomer]

    def brings(self, tier: Tier) -> str:
        """What a tier brings, as it is said behind it: ，另得 30 积分、勋章「好客之星」; '' nothing."""
        badge = self.contents.badges.find(tier.badge) if tier.badge else None
        parts = [f"{tier.points} 积分"] if tier.points else []
        parts += [f"勋章「{badge.name}」"] if badge else []
        parts += [f"标签“{tier.tag}”"] if tier.tag else []
        return f"，另得{' ' if tier.points else ''}{'、'.join(parts)}" if parts else ""

    def _tiers(self, ats: tuple[int, ...]) -> list[Tier]:
        """The tiers of some numbers; one that the rules do not know any more brought nothing but its points."""
        return [self.rules.tier(at) or Tier(at) for at in ats]

    def _hand(self, inviter: int, tier: Tier, once: str) -> None:
        if tier.badge and self.contents.badges.find(tier.badge):
            self.stores.badges.give(
                self.community.keys, inviter, [tier.badge], self.now, today=self.today, once=f"{once}|{tier.at}", how="hand"
            )  # fmt: skip
        if tier.tag:
            self.stores.tags.add(self.community.keys, inviter, tier.tag, self.now, actor=0, once=f"{once}|{tier.at}")

    def _take(self, inviter: int, tier: Tier, once: str) -> None:
        if tier.badge:
            self.stores.badges.give(
                self.community.keys, inviter, [tier.badge], self.now, today=self.today, once=f"{once}|{tier.at}", how="take"
            )  # fmt: skip
        if tier.tag:
            self.stores.tags.remove(self.community.keys, inviter, tier.tag, self.now, actor=0, once=f"{once}|{tier.at}")

    # Moments --------------------------------------------------------------------------------------------------------------

    @property
    def _next_day(self) -> datetime:
        """Soon after the next midnight of the community."""
        midnight = datetime.combine(self.today + timedelta(days=1), datetime.min.time(), self.community.zone)
        return midnight + timedelta(minutes=5)

    def _day(self, moment: datetime) -> date:
        return self.community.day_of(moment)


def _gone_since(arrival: Arrival, seated: Sequence[datetime]) -> datetime | None:
    """Since when a member is gone. Two groups may be looked at in any order, and at once: where he sits now tells that he had only moved."""
    return None if arrival.left and any(is_back(arrival.left, joined) for joined in seated) else arrival.left


def why_held(why: str) -> str:
    """Why an invitation waits for a person, in Chinese."""
    return _WHYS.get(why, why)


def ring_invitations(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Looks at every invitation whose time has come; gives of how many something became. Any number of processes may ring."""
    done = 0
    for due in stores.invitations.due(now):
        try:
            done += _see_to(InvitationDesk(stores, config, contents, communities.named(due.where.id), now), due)
        except StorageAway:
            raise
        except Exception as error:
            # One invitation that cannot be read must not keep all others waiting.
            log.error("invitation failed", community=due.where.id, member=due.member, error=type(error).__name__, exc_info=True)
            stores.invitations.look_later(due, now + AGAIN)
    if done:
        log.info("invitations seen to", n=done)
    return done


def _see_to(desk: InvitationDesk, due: Due) -> bool:
    return desk.pay(due.member) if due.is_pay else desk.look(due.member)
