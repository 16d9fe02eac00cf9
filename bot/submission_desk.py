"""The submission desk: what chat and console do with replies to topics, words for the tree hole and works is done here.

A decision is one act that compares the state (``storage/submissions.py``), together with what is posted in the group. What it brings its author –
points, a tag, words – is done behind it under names of its own, so that doing it twice is doing it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from bot import deliveries
from bot.activities.written import authors_of
from bot.communities import Communities, Community
from bot.config import Config
from bot.drawing import drawn
from bot.enclosures import picture_to_group
from bot.errors import UserError
from bot.featuring import OWN, single_out
from bot.flow_desk import FlowDesk
from bot.live import Contents
from bot.members import all_called, called, name_of, plain
from bot.permissions import SYSTEM, Actor
from bot.praise import praise_alone
from bot.private import tell
from bot.staff import to_staff
from bot.tagging import change_tag
from rules.activities import TITLES, Activity
from rules.badges import Facts
from rules.despair import is_despair
from rules.judgement import Verdict
from rules.lines import one_line
from rules.submissions import LONGEST_REASON, LONGEST_TEXT, STATES, Decision, SubmissionState, climbed, koc_score, next_step, step_of
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.stores import Stores
from storage.submissions import Added, Draft, Reviewed, Submission

REWARD = "event_win"
"""The reason of the points for a work that was taken."""
REMINDED_AT = (10, 18)
"""Hours of the day, in the community's zone, at which it is told how many texts wait."""
PAGE = 10
NAMELESS = "没有留名"
WORDS: Mapping[str, Decision] = {
    "通过": "approved", "同意": "approved", "采用": "approved", "精华": "featured", "加精": "featured", "退回": "rejected", "不通过": "rejected",
    "拒绝": "rejected", "撤下": "rejected", "已联系": "cared",
}  # fmt: skip
"""What reviewers say."""
HELP_LINES = (
    "谢谢你愿意说出来。听起来你现在很难受，这不是你的错，也不用一个人扛着。\n"
    "• 全国统一心理援助热线 12356：那里有受过训练的人可以听你说。\n"
    "• 如果现在有危险，请立刻拨 120 或 110，或者请身边的人陪你去最近的医院急诊。\n"
    "• 也可以先给一个你信得过的人打个电话，什么都不解释，请他陪陪你。\n"
    "我只是一个机器人，没有办法替你做这些。"
)
"""What somebody reads who may need help: where it is, and what a bot cannot do."""
HEARD = "你的话没有公开；我把原话告诉了管理员，里面没有你的名字，我也不能保证他们马上看到。愿意让他们找你聊聊，请对我说：树洞 请联系我"
KEPT = "你的话没有公开，只留给这里的审核人员看，里面没有你的名字；我现在没有办法马上通知到他们。愿意让他们找你聊聊，请直接私聊群主。"
NOT_HEARD = "你的话没有公开，也没有别人看到：这里现在没有能通知到的管理员。想找群主聊，请直接私聊他。"


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of handing something in, and in which state it is."""

    added: Added
    state: SubmissionState


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a decision: the submission as it was found, what the act says, what the author got, and whether the group was told."""

    found: Submission
    reviewed: Reviewed
    decision: Decision
    points: int = 0
    step: str = ""
    image: str = ""
    is_posted: bool = False

    @property
    def is_done(self) -> bool:
        """Whether this decision counted."""
        return self.reviewed.done


@dataclass(frozen=True, slots=True)
class SubmissionDesk:
    """The submissions of one community at one moment."""

    stores: Stores
    contents: Contents
    config: Config
    community: Community
    now: datetime

    @property
    def today(self) -> date:
        """The day in the community's zone."""
        return self.community.day_of(self.now)

    # Members --------------------------------------------------------------------------------------------------------------

    def hand_in(
        self, activity: Activity, member: int, text: str, *, pictures: int = 0, parent: int = 0, most: int = 0, most_a_day: int = 0,
        is_reviewed: bool = True, example: str, once: str,
    ) -> Handed:  # fmt: skip
        """Takes a text in: at once where nobody ``is_reviewed`` and nothing is doubtful, else for a person to look at. Raises UserError.

        What is said to a tree hole is kept without its author.
        """
        verdict = self.check(text, pictures, example)
        is_unnamed = activity.kind == "box"
        state: SubmissionState = "waiting" if is_reviewed or verdict.verdict == "review" else "approved"
        doubt = verdict.rule if verdict.verdict == "review" else ""
        draft = Draft(member, text, state, pictures, doubt, parent, is_unnamed, most, most_a_day)
        added = self.stores.submissions.add(
            self.community.keys, activity.number, activity.kind, draft, self.now, today=self.today, once=once
        )  # fmt: skip
        if added.outcome == "ok" and state == "waiting" and not is_unnamed:
            marked = f"（词库提示：{doubt}）" if doubt else ""
            said = f"📝 {TITLES[activity.kind]}有新内容 {added.number} 等审核{marked}。说“审稿 {added.number}”看，“审稿”看全部。"
            self._tell_staff(said, f"{added.number}:new")
        return Handed(added, state)

    def sounds_of_despair(self, text: str) -> bool:
        """Whether somebody who says this may need help."""
        return is_despair(text, self.contents.judge, self.community.id)

    def hear_despair(self, activity: Activity | None, member: int, text: str, *, once: str) -> str:
        """Tells those who look after the community at once, without a name, and keeps the words where only they see them (in a tree hole, if one is
        open). No limit and no word list stands before this. Gives what the member reads of it: who heard him, nobody, or whoever reviews later.
        """
        where, kept, number = self.community.keys, text[:LONGEST_TEXT], 0
        if activity is not None:
            draft = Draft(member, kept, "help", is_unnamed=True)
            number = self.stores.submissions.add(where, activity.number, "box", draft, self.now, today=self.today, once=once).number
        then = f"关心过了说“审稿 {number} 已联系”。" if number else ""
        said = (
            f"🆘 有人对树洞说了让人担心的话，没有公开，也没有留名，已把求助热线告诉他：\n“{plain(kept[:300])}”\n"
            f"请留意群里谁状态不好；不知道怎么做可以拨 12356 咨询。{then}"
        )
        if self._tell_staff(said, f"help:{self.stores.submissions.pseudonym(where, once)}"):
            return HEARD
        return KEPT if number else NOT_HEARD

    def check(self, text: str, pictures: int, example: str) -> Verdict:
        """What the word list says of a text. Raises UserError where it may not be handed in at all."""
        if not any(map(str.isalnum, text)) and not pictures:
            raise UserError(f"要写点什么。写法是：{example}")
        if len(text) > LONGEST_TEXT:
            raise UserError(f"写了 {len(text)} 个字，最多 {LONGEST_TEXT} 个字，请短一些，例如：{example}")
        verdict = self.contents.judge.judge(text)
        if verdict.verdict == "warn":
            raise UserError(f"这段话不能发，它触发了规则：{verdict.rule}。改一改再说，例如：{example}")
        return verdict

    # Reviewers ------------------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Submission:
        """A submission by its number. Raises UserError when there is none."""
        found = self.stores.submissions.find(self.community.keys, number)
        if found is None:
            raise UserError(f"没有编号为 {number} 的稿子。说“审稿”看还有哪些。")
        return found

    def review(self, number: int, decision: Decision, actor: Actor, why: str = "", *, once: str) -> Judged:
        """Decides on a submission, once: posts it, tells its author, counts and awards his work. Raises UserError where it may not be."""
        found, why = self.get(number), " ".join(why.split()).replace("|", "｜")
        self._check_decision(found, decision, actor, why)
        image = self._picture(found, decision)
        posts = self._posts(found, decision, image)
        done = self.stores.submissions.review(
            self.community.keys, found, decision, actor.member, self.now, why=why, counts=found.kind == "contest" or decision == "featured",
            deliveries=posts, once=once,
        )  # fmt: skip
        if done is None:
            raise UserError(f"没有编号为 {number} 的稿子。说“审稿”看还有哪些。")
        if not done.done:
            return Judged(found, done, decision)
        subject = f"{TITLES[found.kind]} {found.number}"
        self.stores.audit.record(
            self.community.id, actor.id, "审稿", subject, STATES[done.before], f"{STATES[decision]} {why}".strip(), self.now, once=once
        )
        is_told = bool(posts) and (decision != "featured" or _is_newly_featured(done))
        points, step = self._reward(found, decision, done, actor, why), self._climb(found, done, once)
        if found.author:
            said = self._words_for_author(found, decision, why, points, step)
            id = f"submission:{self.community.id}:{found.number}:{decision}:{once}"
            tell(self.stores, self.config, self.community, found.author, said, self.now, id=id)
        return Judged(found, done, decision, points, step, image if is_told or not posts else "", is_told)

    # What people read -----------------------------------------------------------------------------------------------------

    def lines(self, found: Sequence[Submission]) -> list[str]:
        """Submissions, each on one line, for reviewers: who wrote it, save of the tree hole."""
        names = all_called(self.stores, authors_of(found))
        return [
            f"{one.number}. {_marks(one)}{TITLES[one.kind]}{_who(one, names)}：{plain(one_line(shown(one), 60))}" for one in found
        ]  # fmt: skip

    def whole(self, one: Submission) -> str:
        """All of a submission, for reviewers."""
        at, who = one.at.astimezone(self.community.zone), _who(one, all_called(self.stores, authors_of([one])))
        facts = [
            f"{TITLES[one.kind]} {one.number}{who} · {at:%m-%d}{'' if one.kind == 'box' else f' {at:%H:%M}'} · {STATES[one.state]}",
            f"⚠️ 词库提示：{one.doubt}" if one.doubt else "",
            "🆘 这段话让人担心，不能公开。作者没有留名，他已经看到求助热线。" if one.state == "help" else "",
            f"（回应树洞 {one.parent}）" if one.parent else "",
            plain(shown(one)),
            f"上次处理的理由：{plain(one.why)}" if one.why else "",
        ]
        return "\n".join(filter(None, facts))

    def gallery(self, page: int = 1) -> tuple[str, tuple[int, ...]]:
        """The featured works, newest first; and whom it names."""
        total = self.stores.submissions.count_featured(self.community.keys)
        works = self.stores.submissions.featured(self.community.keys, PAGE, skip=(page - 1) * PAGE)
        if not works:
            return "还没有精华作品。说“投稿 内容”把你的写给大家看。" if page == 1 else "没有更多了。", ()
        names = all_called(self.stores, authors_of(works))
        rows = [
            f"✨ {one.number}. {names.get(one.author, NAMELESS)}：{plain(one_line(shown(one), 60))}{f'（赞 {one.likes}）' if one.likes else ''}"
            for one in works
        ]
        more = f"\n说“精华列表 {page + 1}”看后面的。" if page * PAGE < total else ""
        return f"{self.community.name} · 精华 {total} 篇：\n" + "\n".join(rows) + more, authors_of(works)

    def own(self, member: int) -> str:
        """What a member handed in, and how far he is up the pyramid."""
        where, rules = self.community.keys, self.contents.contributions
        mine, works = self.stores.submissions.of_member(where, member, PAGE), self.stores.submissions.works(where, member)
        if not mine:
            return "你还没有投过稿。有征稿时说：投稿 你写的内容"
        rows = [f"{one.number}. {TITLES[one.kind]}，{STATES[one.state]}{_why(one)}：{plain(one_line(shown(one), 40))}" for one in mine]
        here, ahead = step_of(rules, works), next_step(rules, works)
        missing = [
            f"{ahead.works - works.approved} 篇通过" if ahead and ahead.works > works.approved else "",
            f"{ahead.featured - works.featured} 篇精华" if ahead and ahead.featured > works.featured else "",
        ]
        then = f"，再有 {'、'.join(filter(None, missing))}就是{ahead.tag}" if ahead and any(missing) else ""
        stand = f"通过 {works.approved} 篇，精华 {works.featured} 篇，KOC 分 {koc_score(rules, works)}"
        return "你写过的（新的在前）：\n" + "\n".join(rows) + f"\n{stand}{f'，{here.tag}' if here else ''}{then}。"

    # Inside ---------------------------------------------------------------------------------------------------------------

    def _check_decision(self, found: Submission, decision: Decision, actor: Actor, why: str) -> None:
        if found.author and found.author == actor.member:
            raise UserError(OWN)
        if len(why) > LONGEST_REASON:
            raise UserError(f"理由最多 {LONGEST_REASON} 个字，例如：审稿 {found.number} 退回 请补充出处")
        if decision != "cared" and found.state in ("help", "cared"):
            raise UserError(f"{found.number} 是需要关心的话，不能公开。关心过了说：审稿 {found.number} 已联系")
        if decision == "cared" and found.state not in ("help", "cared"):
            raise UserError(
                f"“已联系”只用于让人担心的话。{found.number} 号{STATES[found.state]}，可以说：审稿 {found.number} 退回 请补充出处"
            )
        if decision == "featured" and found.kind == "box":
            raise UserError(f"树洞的话不评精华，可以说：审稿 {found.number} 通过")

    def _reward(self, found: Submission, decision: Decision, done: Reviewed, actor: Actor, why: str) -> int:
        """Points for a work: the activity's for the author's first that was taken, and those for 精华."""
        if not found.author or decision == "rejected":
            return 0
        once, points = f"submission|{found.number}", 0
        if found.kind == "contest" and done.is_first:
            points += self._prize(found, once)
        if decision == "featured" and _is_newly_featured(done):
            reason = why or f"{TITLES[found.kind]} {found.number}"
            featured = single_out(
                self.stores, self.contents, self.community, actor, found.author, reason, self.now, once=f"{once}|featured", is_work=True,
            )  # fmt: skip
            points += featured.done.n
            self._praise(found.author, featured.before, featured.after, f"{once}|featured")
        return points

    def _prize(self, found: Submission, once: str) -> int:
        activity = self.stores.activities.find(self.community.keys, found.activity)
        prize = int(activity.spec.get("prize", 0)) if activity else 0
        if not prize:
            return 0
        moved = self.stores.points.award(
            self.community.keys, found.author, self.now, today=self.today, reason=REWARD, points=prize, once=once,
            note=activity.title if activity else "", lapses=self.contents.points,
        )  # fmt: skip
        self._praise(found.author, Facts(earned=moved.earned - moved.n), Facts(earned=moved.earned), once)
        return moved.n

    def _praise(self, member: int, before: Facts, after: Facts, once: str) -> None:
        praise_alone(self.stores, self.config, self.contents, self.community, member, before, after, self.now, once=once)

    def _climb(self, found: Submission, done: Reviewed, once: str) -> str:
        """The tag of the step that the author reached by this; that of a lower step goes."""
        rules = self.contents.contributions
        reached = climbed(rules, done.works_before, done.works) if found.author else None
        if reached is None:
            return ""
        desk = FlowDesk(self.stores, self.contents, self.config, self.now)
        held = self.stores.tags.of(self.community.keys, found.author)
        clock = Actor(0, SYSTEM, "owner")
        try:
            for step in rules.steps[: rules.steps.index(reached)]:
                if step.tag in held:
                    change_tag(desk, self.community, clock, found.author, step.tag, is_added=False, once=once)
            change_tag(desk, self.community, clock, found.author, reached.tag, is_added=True, once=once)
        except UserError:  # his tags are full: the work counts all the same
            return ""
        return reached.tag

    def _tell_staff(self, said: str, tag: str) -> bool:
        """Tells those who look after the community, once for each tag; False where no way leads to any of them."""
        now_ms, id = to_ms(self.now), f"submission:{self.community.id}:{tag}"
        posts = to_staff(self.stores, self.config, self.community, said, id=id, now_ms=now_ms)
        self.stores.outbox.enqueue(self.community.shard, posts, now_ms)
        return bool(posts)

    def _posts(self, found: Submission, decision: Decision, image: str) -> list[Delivery]:
        """What the group sees of a decision: a voice of the tree hole, or a featured work."""
        said = self._said_in_group(found, decision)
        if not said:
            return []
        activity = self.stores.activities.find(self.community.keys, found.activity)
        chat, now_ms = activity.chat if activity else "", to_ms(self.now)
        id = f"submission:{self.community.id}:{found.number}:{decision}:{now_ms}"
        about, lane = (found.author,) if found.author else (), self.stores.pauses.lane(self.community.id)
        text = deliveries.to_group(self.config, self.community.id, chat, plain(said), id=id, lane=lane, now_ms=now_ms)
        picture = (
            picture_to_group(self.config, self.community.id, chat, image, id=f"{id}:image", lane=lane, now_ms=now_ms) if image else None
        )
        return [replace(one, about=about) for one in (text, picture) if one]

    def _said_in_group(self, found: Submission, decision: Decision) -> str:
        if found.kind == "box" and decision == "approved":
            head = f"🌳 树洞 {found.number}（回应树洞 {found.parent}）" if found.parent else f"🌳 树洞 {found.number}"
            return f"{head}：\n{found.text}\n想回应请私聊我：树洞 回复 {found.parent or found.number} 你想说的话"
        if decision == "featured":
            return (
                f"✨ 精华：{self._author(found)} 的{TITLES[found.kind]} {found.number}\n{one_line(shown(found), 200)}\n说“精华列表”看更多。"
            )
        return ""

    def _picture(self, found: Submission, decision: Decision) -> str:
        if found.kind == "box" and decision == "approved":
            return drawn(
                "voice", {"number": found.number, "text": _beginning(found.text), "community": self._place(), "parent": found.parent}
            )
        if decision == "featured" and found.text:
            activity = self.stores.activities.find(self.community.keys, found.activity)
            facts = {
                "author": name_of(self.stores, found.author)[:24], "text": _beginning(found.text), "community": self._place(),
                "title": activity.title[:40] if activity else "", "likes": found.likes,
                "date": f"{self.today.year} 年 {self.today.month} 月 {self.today.day} 日",
            }  # fmt: skip
            return drawn("gem", facts, about=(found.author,))
        return ""

    def _words_for_author(self, found: Submission, decision: Decision, why: str, points: int, step: str) -> str:
        what = f"你在“{self.community.name}”的{TITLES[found.kind]} {found.number} 号"
        gained = f"积分 +{points}。" if points else ""
        climbed_to = f"你现在是「{step}」了！" if step else ""
        match decision:
            case "approved":
                return f"✅ {what}通过了。{gained}{climbed_to}谢谢你的分享！"
            case "featured":
                return f"✨ {what}被评为精华{f'：{why}' if why else ''}。{gained}{climbed_to}谢谢你的分享！"
            case _:
                again = "改好了随时再来：投稿 新的内容" if found.kind == "contest" else "改一改可以再发。"
                return f"{what}没有通过{f'：{why}' if why else ''}。{again}"

    def _author(self, one: Submission) -> str:
        return called(self.stores, one.author) if one.author else NAMELESS

    def _place(self) -> str:
        return self.community.name[:24] if self.community.is_listed else ""


MOST_DRAWN = 300
"""Characters of a text that a picture shows."""


def remind_reviewers(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Tells those who look after a community, at fixed hours and once each, how many texts wait; gives in how many communities.

    It is all that is told of the tree hole's: a notice for each would come when it was said, and so tell who said it.
    """
    del contents
    told = 0
    for community in communities.listed:
        local = now.astimezone(community.zone)
        waiting = stores.submissions.count_waiting(community.keys) if local.hour in REMINDED_AT else 0
        if not waiting:
            continue
        said = f"📝 有 {waiting} 篇等待审核（投稿、话题、树洞）。说“审稿”看看。"
        id = f"submission:{community.id}:waiting:{local:%Y-%m-%d-%H}"
        posts = to_staff(stores, config, community, said, id=id, now_ms=to_ms(now))
        told += stores.outbox.enqueue(community.shard, posts, to_ms(now)) > 0
    return told


def _marks(one: Submission) -> str:
    """What reviewers should look at first."""
    return "🆘 " if one.state == "help" else f"⚠️{one.doubt} " if one.doubt else ""


def _who(one: Submission, names: Mapping[int, str]) -> str:
    return f"（{names[one.author]}，成员 {one.author}）" if one.author else f"（{NAMELESS}）"


def shown(one: Submission) -> str:
    """The text of a submission, with how many pictures came with it."""
    pictures = f"[图片{f' ×{one.pictures}' if one.pictures > 1 else ''}]" if one.pictures else ""
    return f"{one.text} {pictures}".strip() or "（已清除）"


def _is_newly_featured(done: Reviewed) -> bool:
    return done.works.featured > done.works_before.featured


def _beginning(text: str) -> str:
    return text if len(text) <= MOST_DRAWN else f"{text[: MOST_DRAWN - 1]}…"


def _why(one: Submission) -> str:
    return f"（{one.why}）" if one.why and one.state in ("rejected", "featured") else ""
