"""The human desk: a member's question goes to those on duty, their answer back to him; what chat, console and clock do with a ticket is done here.

Whatever is told of an act is queued in the same act (``storage/tickets.py``). Where no channel leads to somebody, the words are kept for his next
single chat; that is done after the act and bears being repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot import deliveries
from bot.cards import Button, ButtonInteraction, Fact, task_of
from bot.communities import Community
from bot.config import Config
from bot.errors import UserError
from bot.members import name_of, unmentioned
from bot.permissions import Actor, may, role_in
from bot.private import keep
from rules import duty
from rules.duty import ADMINS, DUTY, DutyPlan, DutyPlans
from rules.lines import one_line
from storage.community import CommunityKeys
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.stores import Stores
from storage.tickets import MOST_A_DAY, Act, Changed, Opened, Ticket, Words

log = structlog.get_logger(__name__)

LONGEST_QUESTION, LONGEST_ANSWER, LONGEST_REASON = 500, 2_000, 200
"""Characters of a question, an answer, and a reason to close."""
AGAIN_DAYS = 7
"""So long after an answer a member may ask again in the same ticket."""
AFTERGLOW = timedelta(minutes=30)
"""Who went off duty so short a time ago still hears of what fell due at the last minute."""
NEW = "新工单"
STATES = {
    "open": "等人接",
    "taken": "已接单",
    "answered": "已答复",
    "closed": "已关闭",
    "cancelled": "成员已取消",
    "erased": "成员已删除数据",
}


@dataclass(frozen=True, slots=True)
class Mail:
    """What is told of an act: deliveries, and words (member, text, once) for those to whom no channel leads."""

    deliveries: tuple[Delivery, ...] = ()
    notices: tuple[tuple[int, str, str], ...] = ()

    def __add__(self, other: Mail) -> Mail:
        return Mail(self.deliveries + other.deliveries, self.notices + other.notices)


@dataclass(frozen=True, slots=True)
class Thread:
    """A ticket with what was said."""

    ticket: Ticket
    words: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class HumanDesk:
    """The tickets of one community at one moment."""

    stores: Stores
    config: Config
    plans: DutyPlans
    community: Community
    now: datetime

    # The member -----------------------------------------------------------------------------------------------------------

    def open(self, member: int, question: str, chat: str, *, once: str) -> tuple[Opened, Ticket | None]:
        """Opens a ticket for a question and tells those on duty; the ticket is None when there were too many that day."""
        marks = self._moments(self.now)
        is_heard = self._is_on_duty() or marks[0] is None  # a roster without a day in it: somebody has to hear of it at all
        steps = 1 if is_heard else 0
        day = self.community.day_of(self.now)
        known = self.stores.tickets.find_outcome(self.community.keys, member, day, once=once)
        if known and known.outcome == "many":
            return known, None  # without a number that nobody would ever use
        number = known.number if known else self.stores.tickets.give_number(self.community.keys)
        mail = self._to_staff((DUTY,), self._draft(number, member, chat), question, f"{number}:new") if is_heard else Mail()
        opened = self.stores.tickets.open(
            self.community.keys, number, member, question, self.now, chat=chat,
            day=day, due=self._due(self.now), steps=steps,
            next_step=marks[steps] if steps < len(marks) else None, deliveries=mail.deliveries, once=once,
        )  # fmt: skip
        if opened.outcome == "many":
            return opened, None
        if opened.outcome == "opened" and opened.number != number and is_heard:  # a repeat: its first try may have died before this
            mail = self._to_staff((DUTY,), self._draft(opened.number, member, chat), question, f"{opened.number}:new")
        if opened.outcome == "opened":
            self._keep(mail)
        return opened, self.stores.tickets.find(self.community.keys, opened.number)

    def add(self, ticket: Ticket, text: str, chat: str, *, once: str) -> Changed:
        """Adds words of the member to his ticket and tells who is at it. Said in another chat than the ticket's, they make it a private one."""
        mail = self._to_staff((DUTY,), ticket, text, f"{ticket.number}:add:{once}", head="成员补充") if ticket.steps else Mail()
        return self._change(ticket.number, "add", mail, actor=ticket.member, text=text, chat=chat, once=once)

    def cancel(self, ticket: Ticket, *, once: str) -> Changed:
        """Ends a ticket at its member's word; who had taken it hears of it."""
        mail = Mail()
        if ticket.taker:
            mail = self._to_member(ticket.taker, f"工单 {ticket.number} 已由成员取消，不用回复了。", f"{ticket.number}:cancel")
        return self._change(ticket.number, "cancel", mail, actor=ticket.member, once=once)

    def ask_again(self, ticket: Ticket, text: str, chat: str, *, once: str) -> Changed:
        """Opens an answered ticket again: its clock begins anew, and it is his who answered. Asked in another chat, it is a private one."""
        marks = self._moments(self.now)
        steps = 1 if self._is_on_duty() or marks[0] is None else 0
        again = replace(ticket, taker=ticket.by)
        mail = self._to_staff((DUTY,), again, text, f"{ticket.number}:again:{once}", head="成员再问") if steps else Mail()
        return self._change(
            ticket.number, "reopen", mail, actor=ticket.member, text=text, chat=chat, steps=steps, due=self._due(self.now),
            next_step=marks[steps] if steps < len(marks) else None, once=once,
        )  # fmt: skip

    # Those on duty --------------------------------------------------------------------------------------------------------

    def list_tickets(self, count: int = 20) -> list[Thread]:
        """Tickets that wait, the first due first, with what was said."""
        tickets = self.stores.tickets.waiting(self.community.keys, count)
        return [Thread(ticket, tuple(self.stores.tickets.words(self.community.keys, ticket.number))) for ticket in tickets]

    def get(self, number: int) -> Thread:
        """One ticket with what was said. Raises UserError when this community has none of that number."""
        ticket = self.stores.tickets.find(self.community.keys, number)
        if ticket is None:
            raise UserError(f"没有编号为 {number} 的工单。说“工单”看还有哪些。")
        return Thread(ticket, tuple(self.stores.tickets.words(self.community.keys, number)))

    def take(self, number: int, actor: Actor, *, once: str) -> Changed:
        """Takes a ticket on, so that others know. Somebody else's stays his."""
        before = self.get(number).ticket
        return self._by_staff(before, "take", Mail(), actor, once=once)

    def pass_on(self, number: int, actor: Actor, to: int, *, once: str) -> Changed:
        """Gives a ticket to another, who hears of it. Raises UserError when he may not answer."""
        ticket = self.get(number).ticket
        user = self.stores.directory.find_user(to)
        if user is None or self.stores.leavers.has_left(user):
            raise UserError("他已经不在了，请换一个人。")
        if not may(role_in(self.community.id, user, to, self.config, self.stores), "moderator"):
            raise UserError(f"{name_of(self.stores, to)}还没有版主以上的角色，不能回复工单。管理员可以说：角色 @他 版主")
        words = f"工单 {number}（{self.community.name}）转给了你。说“工单 {number}”看问题，“回复 {number} 答案”作答。"
        return self._by_staff(ticket, "pass", self._to_member(to, words, f"{number}:pass:{once}"), actor, to=to, once=once)

    def answer(self, number: int, actor: Actor, text: str, *, once: str) -> Changed:
        """Answers a ticket: the member is told where he asked, and the pair is proposed as a new entry. The first answer counts."""
        thread = self.get(number)
        asked = _last_question(thread.words)
        body = (
            f"你问的“{one_line(asked, 60)}”（工单 {number}），值班同事答复：\n{text}\n\n"
            f"解决了请说“解决了”；没解决请说“再问 还想问的”。"
        )  # fmt: skip
        done = self._by_staff(
            thread.ticket, "answer", self._to_asker(thread.ticket, body, f"{number}:answer:{once}"), actor, text=text, once=once
        )
        if done.done and asked:
            self.stores.proposals.add(
                self.community.id,
                asked,
                text,
                (),
                f"人工 工单 {number}",
                self.now,
                member=thread.ticket.member,
                once=f"ticket:{number}:{once}",
            )
        return done

    def close(self, number: int, actor: Actor, reason: str, *, once: str) -> Changed:
        """Closes a ticket without an answer; the member is told why."""
        thread = self.get(number)
        body = f"你问的“{one_line(_last_question(thread.words), 60)}”（工单 {number}）已关闭：{reason}\n还要问请再说“人工 问题”。"
        return self._by_staff(
            thread.ticket, "close", self._to_asker(thread.ticket, body, f"{number}:close:{once}"), actor, text=reason, once=once
        )

    # The clock ------------------------------------------------------------------------------------------------------------

    def step(self, number: int) -> bool:
        """Does the step of a ticket's clock that has come; True when somebody was told. What was missed is made up for in one go."""
        ticket = self.stores.tickets.find(self.community.keys, number)
        if ticket is None or not ticket.waits:
            return False
        marks = self._moments(ticket.since)
        come = duty.steps_due(self._plan, self.community.zone, ticket.since, self.now)
        wakes = duty.due_at(self._plan, self.community.zone, self.now, 0)
        if come <= ticket.steps:  # the roster was changed meanwhile
            return self._wait_until(ticket, marks[ticket.steps] if ticket.steps < len(marks) else None)
        if self._people() is None and wakes is not None:  # nobody is woken at night for what was missed by day
            return self._wait_until(ticket, wakes)
        names = duty.told_by(self._plan, ticket.steps, come)
        words = self.stores.tickets.words(self.community.keys, number)
        tag = f"{number}:{to_ms(ticket.since)}:{come}"
        mail = self._to_staff(names, ticket, _last_question(words), tag, head=NEW if come == 1 else self._overdue(ticket))
        done = self._change(
            number, "step", mail, to=ticket.steps, steps=come, next_step=marks[come] if come < len(marks) else None,
            once="",
        )  # fmt: skip
        if done.done:
            log.info("ticket step", ticket=number, community=self.community.id, step=come, told=len(mail.deliveries) + len(mail.notices))
        return done.done

    # What people read -----------------------------------------------------------------------------------------------------

    def promise(self, ticket: Ticket) -> str:
        """What a member is told of when he will be answered."""
        if ticket.due is None:
            return "问题已记下，值班的同事看到后回复"
        if not self._is_on_duty():
            opens = duty.due_at(self._plan, self.community.zone, self.now, 0)
            return f"现在不在值班时间，问题已记下，{self.say(opens or ticket.due)}后回复"
        if ticket.due < self.now:
            return "比答应的晚了，已经在催"
        return f"预计 {self.say(ticket.due)} 前回复"

    def say(self, moment: datetime) -> str:
        """A moment as people of the community say it: 10:30, 明天 09:00, 3 月 12 日 09:00."""
        at, today = moment.astimezone(self.community.zone), self.community.day_of(self.now)
        days = (at.date() - today).days
        day = {0: "", 1: "明天 ", -1: "昨天 "}.get(days, f"{at.month} 月 {at.day} 日 ")
        return f"{day}{at:%H:%M}"

    def left(self, ticket: Ticket) -> str:
        """How long a ticket may wait still: 还有 12 分钟, 超时 5 分钟, 明天 09:30 前."""
        if ticket.due is None:
            return "没有期限"
        minutes = int((ticket.due - self.now).total_seconds() // 60)
        if minutes < 0:
            return f"超时 {_span(-minutes)}"
        return f"还有 {_span(minutes)}" if minutes < 120 else f"{self.say(ticket.due)} 前"

    # Inside ---------------------------------------------------------------------------------------------------------------

    @property
    def _plan(self) -> DutyPlan:
        return self.plans.of(self.community.id)

    def _moments(self, since: datetime) -> tuple[datetime | None, ...]:
        return duty.moments(self._plan, self.community.zone, since)

    def _due(self, since: datetime) -> datetime | None:
        return duty.due_at(self._plan, self.community.zone, since, self._plan.answer_within_minutes)

    def _is_on_duty(self) -> bool:
        return duty.people_on_duty(self._plan, self.community.zone, self.now) is not None

    def _people(self) -> tuple[str, ...] | None:
        """Who is on duty or was a moment ago."""
        now = duty.people_on_duty(self._plan, self.community.zone, self.now)
        return now if now is not None else duty.people_on_duty(self._plan, self.community.zone, self.now - AFTERGLOW)

    def _overdue(self, ticket: Ticket) -> str:
        waited = _span(int((self.now - ticket.since).total_seconds() // 60))
        is_late = ticket.due is not None and ticket.due <= self.now
        return f"⏰ 已{'超时，' if is_late else ''}等了 {waited}"

    def _draft(self, number: int, member: int, chat: str) -> Ticket:
        """The ticket that is about to be opened, as far as it is told to others."""
        return Ticket(number, self.community.id, member, "open", chat, self.now, self.now, self._due(self.now), 0, 0, 0, 0, None, 0)

    def _wait_until(self, ticket: Ticket, at: datetime | None) -> bool:
        self._change(ticket.number, "step", Mail(), to=ticket.steps, steps=ticket.steps, next_step=at, once="")
        return False

    def _by_staff(self, before: Ticket, act: Act, mail: Mail, actor: Actor, *, once: str, **more: Any) -> Changed:
        done = self._change(before.number, act, mail, actor=actor.member, once=once, **more)
        if done.done:
            # A repeat whose first try died before this finds the ticket ended by itself.
            was = STATES[before.state if before.waits else "taken" if before.taker else "open"]
            subject = f"工单 {before.number}"
            self.stores.audit.record(self.community.id, actor.id, _ACTS[act], subject, was, STATES[done.ticket.state], self.now, once=once)
        return done

    def _change(self, number: int, act: Act, mail: Mail, *, once: str, **more: Any) -> Changed:
        done = self.stores.tickets.change(self.community.keys, number, act, self.now, deliveries=mail.deliveries, once=once, **more)
        if done is None:
            raise UserError(f"没有编号为 {number} 的工单。说“工单”看还有哪些。")
        if done.done:
            self._keep(mail)
        return done

    def _keep(self, mail: Mail) -> None:
        for member, text, once in mail.notices:
            keep(self.stores, member, text, once=once)

    def _to_asker(self, ticket: Ticket, text: str, tag: str) -> Mail:
        """Words for who asked: in the group where he did, else in private."""
        if ticket.chat:
            called = f"@{unmentioned(name_of(self.stores, ticket.member))} {unmentioned(text)}"
            post = deliveries.to_group(
                self.config, self.community.id, ticket.chat, called, id=f"ticket:{tag}", lane="now", now_ms=to_ms(self.now)
            )
            if post:
                return Mail((replace(post, about=(ticket.member,)),))
        return self._to_member(ticket.member, text, tag)

    def _to_member(self, number: int, text: str, tag: str, *, card: ButtonInteraction | None = None, about: int = 0) -> Mail:
        id = f"ticket:{tag}:{number}"
        private = deliveries.to_member(
            self.config, number, text, user=self.stores.directory.find_user(number) or "", id=id, community=self.community.id, message="",
            now_ms=to_ms(self.now),
        )  # fmt: skip
        if private is None:
            return Mail(notices=((number, text, id),))
        return Mail((replace(deliveries.as_card(private, card), about=(about,) if about else ()),))

    def _to_staff(self, names: Sequence[str], ticket: Ticket, text: str, tag: str, *, head: str = NEW) -> Mail:
        """What those hear who are to look at a ticket. The member's words stand on the card only: what is kept for days goes without them."""
        is_late = ticket.due is not None and ticket.due <= self.now
        until = f"，{'本该' if is_late else '要'}在 {self.say(ticket.due)} 前回复" if ticket.due else ""
        words = (
            f"{head}：工单 {ticket.number}（{self.community.name}）{until}。"
            f"说“工单 {ticket.number}”看问题，“回复 {ticket.number} 答案”作答。"
        )  # fmt: skip
        mail = Mail()
        for number in self._staff(names, ticket):
            mail += self._to_member(number, words, tag, card=self._card(ticket, text, head, f"{tag}:{number}"), about=ticket.member)
        is_alarm = ADMINS in names
        post = deliveries.to_admins(self.config, self.community.id, words, id=f"ticket:{tag}:admins", now_ms=to_ms(self.now))
        return mail + Mail((post,)) if post and (is_alarm or head == NEW) else mail

    def _staff(self, names: Sequence[str], ticket: Ticket) -> list[int]:
        """The numbers of those who are meant, without those who left and him who asks; the owners where nobody is left of those on duty."""
        users: list[str] = [name for name in names if name not in (DUTY, ADMINS)]
        asker = self.stores.directory.find_user(ticket.member)
        numbers: list[int] = []
        if DUTY in names:
            people = self._people()
            on_duty = [user for user in self._here(self.config.admins if people == () else people or ()) if user != asker]
            taker = self.stores.directory.find_user(ticket.taker) if ticket.taker not in (0, ticket.member) else None
            if taker and not self.stores.leavers.has_left(taker):
                numbers.append(ticket.taker)
                users += [] if taker in on_duty else on_duty  # his shift may be over
            else:
                users += on_duty or self._here(self.config.admins)
        if ADMINS in names and not self._has_admin_group():
            users += self.config.admins
        numbers += [self.stores.directory.enrol(user).number for user in self._here(users)]
        return list(dict.fromkeys(number for number in numbers if number != ticket.member))

    def _has_admin_group(self) -> bool:
        return deliveries.to_admins(self.config, self.community.id, "", id="", now_ms=0) is not None

    def _here(self, users: Iterable[str]) -> list[str]:
        return [user for user in users if not self.stores.leavers.has_left(user)]

    def _card(self, ticket: Ticket, text: str, head: str, once: str) -> ButtonInteraction:
        key = f"ticket:{self.community.id}:{ticket.number}"
        due = (Fact("最晚", self.say(ticket.due)),) if ticket.due else ()
        return ButtonInteraction(
            title=f"工单 {ticket.number} · {head}",
            desc=name_of(self.stores, ticket.member),
            sub_title=text or "（原文已清除）",
            facts=(Fact("社群", self.community.name), *due, Fact("作答", f"回复 {ticket.number} 答案")),
            buttons=(Button("接单", f"{key}:take", style=1), Button("看全部", f"{key}:show", style=2)),
            task=task_of("ticket", self.community.id, str(ticket.number), once),
        )


_ACTS = {"take": "接单", "pass": "转给", "answer": "回复工单", "close": "关闭工单"}


def rate_newest(
    stores: Stores, where: CommunityKeys, member: int, verdict: int, after: datetime, now: datetime, *, once: str
) -> Changed | None:  # fmt: skip
    """Notes what a member says (1 or -1) of the answer to his newest ticket; None when none was answered after ``after`` and in the last week."""
    ticket = stores.tickets.newest_of(where, member) if member else None
    if ticket is None or ticket.state != "answered" or ticket.ended is None:
        return None
    if ticket.ended <= after or now - ticket.ended >= timedelta(days=AGAIN_DAYS):
        return None
    done = stores.tickets.change(where, ticket.number, "rate", now, actor=member, to=verdict, once=once)
    return done if done and done.done else None


def counts_of(rated: Changed) -> tuple[str, ...]:
    """The day's counters that a rating raises: an answer counts once, however often it is rated."""
    if rated.why:
        return ()
    return ("tickets_solved" if rated.ticket.rate > 0 else "tickets_unsolved",)


def roster_problems(stores: Stores, config: Config, plans: DutyPlans) -> list[str]:
    """Who stands on a roster and could not answer, each in Chinese with the remedy."""
    found = []
    for listed in config.communities:
        for user in duty.people_of(plans.of(listed.id)):
            number = stores.directory.find_number(user) or 0
            if stores.leavers.has_left(user):
                found.append(f"值班（{listed.id}）：{user} 已经离职，不会再通知他。请在值班表里换人：content export duty")
            elif not may(role_in(listed.id, user, number, config, stores), "moderator"):
                found.append(f"值班（{listed.id}）：{user} 没有版主以上的角色，收到工单也不能回复。请说：角色 @{user} 版主")
    return found


def asked_too_often() -> str:
    """What a member reads who opened too many tickets on one day."""
    return f"今天已经找过 {MOST_A_DAY} 次人工了，请明天再来；急事请直接联系群主。"


def _last_question(words: Sequence[Words]) -> str:
    """What the member asked since the last answer, without what he added to it; where an answer ends the thread, what that one answers."""
    asked = ""
    for row in words[:-1] if words and words[-1].who == "staff" else words:
        asked = "" if row.who == "staff" else asked or row.text
    return asked


def _span(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} 小时 {rest} 分钟" if hours and rest else f"{hours} 小时" if hours else f"{rest} 分钟"
