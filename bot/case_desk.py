"""The case desk: warning, reporting, appealing and deciding, as chat, console and clock do them.

What is decided is one act in the store (``storage/cases.py``, ``reports.py``, ``appeals.py``); what people are told of it follows under names
made of the act's own, so that doing it twice is telling once. Who may decide what – nobody about himself, nobody twice about one thing – is
looked at in those acts and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import structlog

from bot import deliveries
from bot.case_words import STATES, percent
from bot.communities import Communities, Community
from bot.config import Config
from bot.errors import UserError
from bot.live import Contents
from bot.permissions import Actor, granted_in, may
from bot.private import tell
from bot.staff import to_staff
from rules.disagreement import Disagreement, Tally, disagreement
from rules.judgement import RULES, Verdict
from rules.ladder import Ladder, filled, how_to_appeal
from rules.reporting import category_of, is_campaign
from rules.text import fit, normalise
from storage.appeals import Ruled, Ruling, Taken
from storage.cases import Act, Case, Decided, Decision, Filed, Filing
from storage.evidence import Evidence, grounds_of
from storage.moment import to_ms
from storage.reports import Reported
from storage.roles import ALL
from storage.stores import Stores

log = structlog.get_logger(__name__)

LONGEST_WHY = 200
LONGEST_PLEA = 500
"""Characters of what a member writes to a report or an appeal."""
LONGEST_QUOTED = 2_000
REMINDED_AFTER = timedelta(hours=24)
"""How long an appeal waits before those who decide are reminded; then again each such time."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A decision: the case as it was found, and what came of it."""

    case: Case
    done: Decided


@dataclass(frozen=True, slots=True)
class Appealed:
    """A ruling on an appeal: the case as it was found, what came of it, and how often people found the case's rule right."""

    case: Case
    ruled: Ruled
    rule: Tally


@dataclass(frozen=True, slots=True)
class CaseDesk:
    """The cases of one community at one moment."""

    stores: Stores
    contents: Contents
    config: Config
    community: Community
    now: datetime

    @property
    def ladder(self) -> Ladder:
        """What a member is told at which strike."""
        return self.contents.judge.policy.ladder

    @property
    def today(self) -> date:
        """The day in the community's zone."""
        return self.community.day_of(self.now)

    # Filing ---------------------------------------------------------------------------------------------------------------

    def file(self, member: int, text: str, verdict: Verdict, act: Act, *, chat: str = "", once: str) -> Filed:
        """Files what a judge found in a message."""
        worst = verdict.reasons[0]
        filing = Filing(
            member, verdict.rule, verdict.category, verdict.severity, Evidence(fit(text), grounds_of(verdict)), self.mark(text), worst.source,
            worst.score, verdict.verdict, chat,
        )  # fmt: skip
        ladder = self.ladder
        return self.stores.cases.open(
            self.community.keys, filing, act, self.now, lapse=ladder.lapse, cool_down=ladder.cool_down, once=once
        )  # fmt: skip

    def mark(self, text: str) -> str:
        """What stands for a text; the same for all ways to put blanks and marks into it."""
        plain = normalise(text)
        return self.stores.cases.mark(self.community.keys, "".join(filter(str.isalnum, plain)) or plain)

    def warning(self, rule: str, number: int, strikes: int) -> str:
        """What the member reads: which rule, which case, and how to appeal. Without a strike it is the hint for newcomers."""
        words = self.ladder.step(strikes).words if strikes else self.ladder.hint
        said = filled(words, community=self.community.name, rule=rule, case=number, strikes=strikes)
        return f"{said}\n{how_to_appeal(number)}"

    def go_public(self, rule: str, strikes: int, chat: str, *, id: str) -> None:
        """Reminds a group of a rule, naming nobody and quoting nothing, where the step says so."""
        if self.ladder.step(strikes).group:
            self._remind_group(rule, chat, id=id)

    def call_staff(self, number: int, member: int, rule: str, strikes: int, *, id: str) -> None:
        """Tells those who look after the community, where the step says so."""
        if self.ladder.step(strikes).admins:
            said = f"⚠️ 成员 {member} 第 {strikes} 次收到提醒（{rule}），请看看要不要当面聊聊。说“案件 {number}”看。"
            self._tell_staff(said, id, about=(member,))

    # Deciding ---------------------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Case:
        """A case by its number. Raises UserError when there is none."""
        case = self.stores.cases.find(self.community.keys, number) if 0 < number < 10**9 else None
        if case is None:
            raise UserError(f"没有编号为 {number} 的案件。说“案件”看还有哪些。")
        return case

    def decide(
        self, number: int, decision: Decision, actor: Actor, why: str = "", *, to: int = 0, only_open: bool = False, once: str,
    ) -> Settled:  # fmt: skip
        """Decides a case, once; the member is told where he is warned. Raises UserError where it may not be."""
        case = self.get(number)
        done = self.stores.cases.first_result(self.community.keys, once)  # a repeat finds the case changed, and may still have to tell
        if done is None:
            self._check(case, decision, why, to)
            done = self.stores.cases.decide(
                self.community.keys, case, decision, actor.member, self.now, why=why, to=to, only_open=only_open,
                is_alone=self._is_alone(actor, case, set(case.reporters)), lapse=self.ladder.lapse, once=once,
            )  # fmt: skip
        if done.outcome == "own":
            raise UserError(f"案件 {number} 是关于你自己的，请别的版主来处理，例如：处理 {number} 移交 @谁")
        if done.outcome == "party":
            raise UserError(f"案件 {number} 是你举报的，请别的版主来处理，例如：处理 {number} 移交 @谁")
        if done.outcome == "target":
            raise UserError(f"案件 {to} 刚刚也并到别处了，先看看：案件 {to}")
        if done.outcome == "appealed":
            raise UserError(f"案件 {number} 有申诉等着，先复核申诉：处理 {number} 维持 理由，或：处理 {number} 撤销 理由")
        if done.done:
            self._follow(case, decision, done, actor, why, to, once)
        return Settled(case, done)

    def _check(self, case: Case, decision: Decision, why: str, to: int) -> None:
        number = case.number
        if len(why) > LONGEST_WHY:
            raise UserError(f"理由最多 {LONGEST_WHY} 个字，例如：处理 {number} 警告 当众骂人")
        if case.into:
            raise UserError(f"案件 {number} 已经并入案件 {case.into} 了，请说：案件 {case.into}")
        if decision == "warned" and self.stores.pauses.of(self.community.id):
            raise UserError(f"这里暂停了，不发警告。先说“恢复”再处理，或者：处理 {number} 忽略")
        if decision == "warned" and case.member and not self.stores.directory.find_user(case.member):
            raise UserError(f"案件 {number} 的人已经注销，没有谁可以提醒了。请说：处理 {number} 忽略")
        if decision == "merge":
            other = self.get(to)
            if to == number or other.into:
                raise UserError(f"不能并入案件 {to}，请换一个，例如：处理 {number} 合并 {max(1, number - 1)}")
            if case.member and other.member != case.member:
                raise UserError(f"案件 {number} 和 {to} 不是同一个人的，不能合并。可以分别处理，例如：处理 {number} 忽略")

    def _follow(self, case: Case, decision: Decision, done: Decided, actor: Actor, why: str, to: int, once: str) -> None:
        """What a decision brings: its row in the audit, and words for whom it concerns."""
        subject, before = f"案件 {case.number}（成员 {case.member}）", STATES[done.before]
        after = {"hand": f"移交成员 {to}", "merge": f"并入案件 {to}"}.get(decision) or STATES[decision]
        noted = f"{after} {why}".strip() + ("（一个人决定的）" if done.alone else "")
        self.stores.audit.record(self.community.id, actor.id, "处理案件", subject, before, noted, self.now, once=once)
        id = f"case:{self.community.id}:{case.number}:{decision}:{once}"
        if decision == "hand":
            said = f"📌 “{self.community.name}”的案件 {case.number} 移交给你了{f'：{why}' if why else ''}。说“案件 {case.number}”看。"
            tell(self.stores, self.config, self.community, to, said, self.now, id=id)
        elif decision == "warned" and done.before != "warned" and case.member:
            words = self.warning(case.rule, case.number, done.strikes)
            tell(self.stores, self.config, self.community, case.member, words, self.now, id=id)
        elif decision == "ignored" and done.before == "warned" and case.member:
            said = f"案件 {case.number} 的提醒撤销了，不再计数{f'（{why}）' if why else ''}。误会你了，对不起。"
            tell(self.stores, self.config, self.community, case.member, said, self.now, id=id, is_answer=True)
        elif decision == "warned" and done.before != "warned":  # nobody knows whose words they were: the rule is said to all
            self._remind_group(case.rule, case.chat, id=id)

    def deciders(self) -> set[int]:
        """Everybody who may decide in this community."""
        directory = self.stores.directory
        owners = {number for user in self.config.admins if (number := directory.find_number(user))}
        granted = {grant.member for grant in self.stores.roles.all() if grant.place in (ALL, self.community.id)}
        return owners | {number for number in granted if may(granted_in(self.community.id, number, self.stores), "moderator")}

    def _is_alone(self, actor: Actor, case: Case, partial: AbstractSet[int]) -> bool:
        """Whether nobody else may decide a case: for him whom it is about nobody at all, for others nobody who is not ``partial`` himself."""
        return self.deciders() <= {actor.member, *(() if actor.member == case.member else (case.member, *partial))}

    # Reports ----------------------------------------------------------------------------------------------------------------

    def report(self, reporter: int, about: int, quoted: str, note: str, *, chat: str = "", once: str) -> Reported:
        """Takes a member's report of what was ``quoted`` ('' nothing) of the member ``about`` (0: nobody knows). Raises UserError."""
        if about == reporter:
            raise UserError("不能举报自己。想申诉请说：申诉 案件编号 理由")
        if len(note) > LONGEST_PLEA:
            raise UserError(f"说明最多 {LONGEST_PLEA} 个字，例如：举报 @李雷 一直在群里骂人")
        quoted = quoted[:LONGEST_QUOTED]
        verdict = self._judged(quoted) if quoted else Verdict()
        evidence = Evidence(quoted, grounds_of(verdict), note, reporter)
        mark = self.mark(quoted) if quoted else self.stores.cases.mark(self.community.keys, f"\x1fabout {about}")
        rule = verdict.rule if verdict.verdict != "pass" else RULES[category_of(note)]
        filing = Filing(about, rule, "report", max(1, verdict.severity), evidence, mark, "member", 1.0, "review", chat)
        ladder = self.ladder
        return self.stores.reports.report(
            self.community.keys, reporter, filing, self.now, today=self.today, most=ladder.reports_a_day,
            most_of_one=ladder.reports_of_one_a_day, same_for=ladder.lapse or timedelta(days=30), once=once,
        )  # fmt: skip

    def looks_staged(self, case: Case) -> bool:
        """Whether the reporters of a case look like a campaign: several who only ever report this one."""
        return bool(case.reporters) and is_campaign(self.stores.reports.ever_reported(self.community.keys, tuple(case.reporters)))

    # Appeals ----------------------------------------------------------------------------------------------------------------

    def appealable(self, member: int) -> list[Case]:
        """The cases of a member against which he may appeal, the newest first."""
        found = self.stores.cases.of_member(self.community.keys, member)
        return [case for case in found if case.state in ("warned", "hinted")]

    def appeal(self, member: int, number: int, words: str, *, once: str) -> Taken:
        """Takes a member's appeal, and tells those who decide. Raises UserError where the case is not his."""
        case = self.stores.cases.find(self.community.keys, number) if 0 < number < 10**9 else None
        if case is None or case.member != member:
            raise UserError(f"在“{self.community.name}”没有你的 {number} 号案件。编号在提醒里；是别的社群的，先说“切换社群”。")
        if len(words) > LONGEST_PLEA:
            raise UserError(f"理由最多 {LONGEST_PLEA} 个字，例如：申诉 {number} 我是在开玩笑，没有骂人")
        taken = self.stores.appeals.appeal(
            self.community.keys, case, words, self.now, today=self.today, most_a_week=self.ladder.appeals_a_week, once=once
        )  # fmt: skip
        if taken.outcome == "ok":
            id = f"appeal:{self.community.id}:{number}:{once}"
            self._tell_staff(f"⚖️ 案件 {number} 有人申诉，请没处理过它的一位来复核。说“案件 {number}”看。", id, about=(member,))
        return taken

    def rule(self, number: int, ruling: Ruling, actor: Actor, why: str, *, once: str) -> Appealed:
        """Decides an appeal, once; the member is told why, with an apology where it is granted. Raises UserError where it may not be."""
        case = self.get(number)
        if not why and ruling == "upheld":
            raise UserError(f"请写上理由，他会看到，例如：处理 {number} 维持 原话就是在骂人")
        if len(why) > LONGEST_WHY:
            raise UserError(f"理由最多 {LONGEST_WHY} 个字，例如：处理 {number} 维持 原话就是在骂人")
        partial = {*case.reporters, *self.stores.cases.deciders(self.community.keys, number)}
        ruled = self.stores.appeals.rule(
            self.community.keys, case, ruling, actor.member, self.now, why=why, is_alone=self._is_alone(actor, case, partial),
            lapse=self.ladder.lapse, once=once,
        )  # fmt: skip
        match ruled.outcome:
            case "own":
                raise UserError(f"案件 {number} 是关于你自己的，请别的版主来复核：处理 {number} 移交 @谁")
            case "party":
                raise UserError(f"案件 {number} 是你举报的，请别的版主来复核：处理 {number} 移交 @谁")
            case "same":
                raise UserError(f"案件 {number} 是你处理的，申诉要由另一位来复核：处理 {number} 移交 @谁")
            case "soon":
                raise UserError(f"没有别人能复核这件，而你自己处理或举报过它：请过 10 分钟再看一遍，再说：处理 {number} 维持 理由")
            case "done":
                self._follow_ruling(case, ruling, ruled, actor, why, once)
        return Appealed(case, ruled, self.error_rate(case.rule))

    def _follow_ruling(self, case: Case, ruling: Ruling, ruled: Ruled, actor: Actor, why: str, once: str) -> None:
        after = "申诉成立，警告撤销" if ruling == "granted" else "维持原判"
        noted = f"{after} {why}".strip() + ("（一个人决定的）" if ruled.alone else "")
        subject = f"案件 {case.number}（成员 {case.member}）"
        self.stores.audit.record(self.community.id, actor.id, "复核申诉", subject, STATES[ruled.before], noted, self.now, once=once)
        if ruling == "granted":
            said = f"你对案件 {case.number} 的申诉成立：提醒撤销，不再计数{f'（{why}）' if why else ''}。误会你了，对不起，谢谢你告诉我们。"
        else:
            said = f"你对案件 {case.number} 的申诉复核过了，维持原来的处理。理由：{why}。还有疑问可以说“人工”。"
        id = f"ruling:{self.community.id}:{case.number}:{once}"
        tell(self.stores, self.config, self.community, case.member, said, self.now, id=id, is_answer=True)

    # Looking back -----------------------------------------------------------------------------------------------------------

    def disagreement(self) -> Disagreement:
        """How often people found the judges wrong."""
        return disagreement(self.stores.cases.counts(self.community.keys))

    def error_rate(self, rule: str) -> Tally:
        """How often people found the cases of a rule right and wrong."""
        return self.disagreement().rules.get(rule, Tally())

    # Inside -----------------------------------------------------------------------------------------------------------------

    def _judged(self, quoted: str) -> Verdict:
        try:
            return self.contents.judge.judge(quoted, community=self.community.id)
        except Exception as error:
            # What a member reports is looked at by people anyway: it must not wait for a judge that breaks.
            log.error("judge failed on a report", community=self.community.id, error=type(error).__name__, exc_info=True)
            return Verdict()

    def _remind_group(self, rule: str, chat: str, *, id: str) -> None:
        said = filled(self.ladder.public, community=self.community.name, rule=rule, case=0)
        lane, now_ms = self.stores.pauses.lane(self.community.id), to_ms(self.now)
        post = deliveries.to_group(self.config, self.community.id, chat, said, id=f"{id}:public", lane=lane, now_ms=now_ms)
        self.stores.outbox.enqueue(self.community.shard, [post] if post else [], now_ms)

    def _tell_staff(self, said: str, id: str, *, about: Sequence[int] = ()) -> None:
        now_ms = to_ms(self.now)
        posts = to_staff(self.stores, self.config, self.community, said, id=f"{id}:staff", now_ms=now_ms, about=tuple(about))
        self.stores.outbox.enqueue(self.community.shard, posts, now_ms)


def error_rate_line(tally: Tally) -> str:
    """How often people found a rule wrong, for who just decided."""
    return f"这条规则人工看过 {tally.n} 件，判错 {tally.overturned} 件（{percent(tally.wrong)}）。"


def remind_of_appeals(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Reminds those who decide of appeals that have waited for a day, once a day each; gives how many communities were."""
    del contents
    reminded = 0
    for community in communities.listed:
        late = stores.appeals.overdue(community.keys, now - REMINDED_AFTER)
        if not late:
            continue
        said = f"⏰ 有 {len(late)} 件申诉等了一天以上：案件 {'、'.join(map(str, late[:10]))}。说“案件 申诉”看，请尽快复核。"
        id = f"appeals:{community.id}:{now.astimezone(community.zone):%Y-%m-%d}"
        posts = [replace(post, lane="now") for post in to_staff(stores, config, community, said, id=id, now_ms=to_ms(now))]
        reminded += stores.outbox.enqueue(community.shard, posts, to_ms(now)) > 0
    return reminded
