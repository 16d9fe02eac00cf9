"""答题: members answer, one after the other or all at once; operators begin, go on, and withdraw a question."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.activities.asking import desk_of, honours, propose, read_from
from bot.activities.desk import ActivityDesk
from bot.activities.quiz import (
    EXAMPLE,
    TEAM,
    Asked,
    Paper,
    answers_text,
    asked_of,
    emptiest,
    how_text,
    paper_of,
    question_text,
    seconds_text,
    settings_text,
    team_of,
    void_question,
)
from bot.cards import Button, ButtonInteraction, Link, TextNotice, task_of
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.pipeline import Gated
from bot.router import Router
from rules.activities import STATES, Activity
from rules.questions import is_question, is_remark
from rules.quiz import (
    BONUSES,
    GRACE_MS,
    LATE,
    LETTERS,
    RIGHT,
    SETTINGS,
    Answered,
    Question,
    banks_of,
    find_team,
    looks_like_answer,
    option_text,
    read_answer,
    read_answered,
    score_alone,
)
from rules.text import normalise
from storage.activities import Entered, Entry, Kept
from storage.ledger import digest_of
from storage.moment import to_ms

HASTE_MS = 1_000
"""Nobody has read a question so soon: what comes then was meant for the one before."""
LATE_WORDS_S = 5
"""Words that were sent so long before a round began, by WeCom's clock, were not meant for it."""
LONGEST_FACE = 112
"""Characters of a question and its options that a card shows whole."""
MOST_BUTTONS = 6

router = Router()


# What members say -----------------------------------------------------------------------------------------------------------


@router.command(
    "答题",
    "我要答题",
    "开始答题",
    "参加答题",
    "继续答题",
    "答题竞赛",
    "知识竞赛",
    "抢答",
    takes_words=True,
    unless=lambda words: is_question(words) or is_remark(words),
)
def quiz(message: Message, ctx: Context) -> Reply | list[Reply]:
    """答题：参加正在进行的答题；答题 B 作答，答题 红队 选队伍，答题 排名、答题 解析看结果"""
    return _heard(" ".join(ctx.args), message, ctx)


@router.pattern(r"(?:答题|抢答)\s*[:,，]?\s*([a-h1-8])", name="答题B")
def quiz_at_once(message: Message, ctx: Context) -> Reply | list[Reply]:
    """答题：和答案写在一起"""
    return _heard(ctx.args[0], message, ctx)


@router.open_prompt("quiz", accepts=lambda words, choices: read_answer(words, choices[2:]) is not None or looks_like_answer(words))
def answer(message: Message, ctx: Context) -> list[Reply]:
    """答题：字母、编号或选项原文就是回答"""
    words, number, part, *_ = ctx.args
    return _numbered(number, message, ctx).take(words, part)


@router.card("quiz")
def click(message: Message, ctx: Context) -> list[Reply]:
    """答题卡片：点一个选项"""
    community, number, member, part, letter = (*ctx.args, *[""] * 5)[:5]
    if community != ctx.community.id or not (number.isdecimal() and part.isdecimal()) or len(number) > 9:
        raise UserError("这张卡片属于另一个社群，或已经过期。说“答题”看看现在有什么。")
    if member != str(ctx.member):
        raise UserError("这张卡片是别人的，每个人的题不一样。请说“答题”领自己的题。")
    return _numbered(number, message, ctx).take(letter, part)


def gate(message: Message, ctx: Context) -> Gated | None:
    """In 抢答 a letter alone answers, also of who has said nothing before: nothing else waits for it, and a round runs in this group."""
    if not ctx.is_unclaimed or message.event or message.overheard:
        return None
    letter = normalise(message.text).strip(" .。)）!！")
    if not _LETTER.fullmatch(letter):
        return None
    running = ctx.stores.activities.running_for(ctx.community.keys, ctx.member)
    here = [(one, kept) for one, kept in running if one.kind == "quiz" and one.round and one.chat in ("", message.chat)]
    if len(here) != 1:
        return None
    try:
        return Gated(_Turn.of(*here[0], message, ctx).take(letter), stops=True)
    except UserError as refusal:
        return Gated([Reply(str(refusal), note={"refused": True})], stops=True)


def _heard(words: str, message: Message, ctx: Context) -> Reply | list[Reply]:
    named = _NUMBERED.match(words)
    number, words = (named[1], words[named.end() :]) if named else ("", words)
    act, _, rest = words.strip().partition(" ")
    if act in _ACTS:
        return _ACTS[act](number, rest.strip(), message, ctx)
    running = {one.number: (one, kept) for one, kept in ctx.stores.activities.running_for(ctx.community.keys, ctx.member)}
    activity, words = _meant(number, words.strip(), [one for one, _ in running.values()], message, ctx)
    _, kept = running.get(activity.number) or ctx.stores.activities.find_for(ctx.community.keys, activity.number, ctx.member)
    return _Turn.of(activity, kept, message, ctx).take(words)


def _numbered(number: str, message: Message, ctx: Context) -> _Turn:
    """The turn of who speaks in the quiz of a number. Raises UserError where there is none."""
    activity, kept = ctx.stores.activities.find_for(ctx.community.keys, int(number), ctx.member)
    if activity is None:
        raise UserError(f"没有活动 {number}。说“答题”看看现在有什么。")
    return _Turn.of(activity, kept, message, ctx)


def _meant(number: str, words: str, running: Sequence[Activity], message: Message, ctx: Context) -> tuple[Activity, str]:
    """The quiz that is meant, and the words for it. Where several run, a bare number is the quiz's."""
    desk = desk_of(ctx)
    try:
        return desk.find_running("quiz", number, chat=message.chat, among=running), words
    except UserError:
        if number or not (words.isascii() and words.isdecimal()):
            raise
        return desk.find_running("quiz", words, chat=message.chat, among=running), ""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A member, and a quiz that is open. ``act`` stands for his message: one that was taken before is not taken for another question.

    ``besides`` is said beside the answer: a level that taking part brought.
    """

    desk: ActivityDesk
    activity: Activity
    paper: Paper
    message: Message
    ctx: Context
    kept: Mapping[str, Kept]
    act: str
    besides: list[Reply] = field(default_factory=list)

    @classmethod
    def of(cls, activity: Activity, kept: Mapping[str, Kept], message: Message, ctx: Context) -> _Turn:
        """The turn of who speaks. Raises UserError where the quiz has not begun, or is over."""
        if activity.kind != "quiz":
            raise UserError(f"活动 {activity.number} 不是答题。说“活动 {activity.number}”看看。")
        paper = paper_of(activity)
        if not activity.is_open:
            raise UserError(f"“{activity.title}”{STATES[activity.state]}。说“答题 排名”看名次，“答题 解析”看答案。")
        return cls(desk_of(ctx), activity, paper, message, ctx, kept, digest_of(message.id))

    def take(self, words: str, part: str = "") -> list[Reply]:
        """What is said to an answer, a team's name, or nothing; ``part`` is the question that was before him ('' the present one)."""
        return [*self._take(words, part), *self.besides]

    def _take(self, words: str, part: str) -> list[Reply]:
        if self.paper.quiz.teams and (team := find_team(self.paper.quiz.teams, words)):
            return self._join(team)
        return self._race(words, part) if self.paper.quiz.mode == "race" else self._alone(words, part)

    # Teams ----------------------------------------------------------------------------------------------------------------

    def _join(self, team: str) -> list[Reply]:
        mine = team_of(self.kept)
        if mine and not self._is_repeat:
            said = f"你已经在{mine}了" + ("。" if mine == team else "，不能换队。")
            return self._go_on(said, self.kept)
        entered = self._enter(self._beginning(team))
        said = self.desk.words_of(entered, self.activity) or f"你加入了{team}！"
        return self._go_on(said, self._looked()) if entered.outcome in ("ok", "already") else self._say(said)

    def _beginning(self, team: str) -> Entry:
        """What a member begins with, in his team or the one with the fewest."""
        return Entry(self.act, team=team, tallies=(TEAM + team,) if team else (), stays=True)

    def _team(self) -> str:
        """The team that he has, or is put into."""
        teams = self.paper.quiz.teams
        if not teams or team_of(self.kept):
            return team_of(self.kept)
        return emptiest(teams, self.ctx.stores.activities.tally(self.ctx.community.keys, self.activity.number))

    def _go_on(self, said: str, kept: Mapping[str, Kept]) -> list[Reply]:
        """Some words, and the question that is before him."""
        if self.paper.quiz.mode == "race":
            return self._show_round(said)
        return self._show_own(said, asked_of(self.paper, self.ctx.member, kept, self.ctx.now()))

    # 抢答 -----------------------------------------------------------------------------------------------------------------

    def _race(self, words: str, part: str) -> list[Reply]:
        if not words or not self.activity.round:
            return self._show_round("")
        done = next((one for one in self.kept.values() if one.part and read_answered(one.value).act == self.act), None)
        if done:
            return self._taken(done.part, read_answered(done.value).option)
        question, until, now = self.paper.question(self.activity.round), self.activity.round_until, self.ctx.now()
        if self._is_too_old(to_ms(now)) or (self.message.event and part != self.activity.round):
            return self._show_round("刚刚换题了，你的回答没有算到新题上。")
        option = read_answer(words, question.options)
        if option is None:
            return self._say(_unread(words, question))
        if until and now >= until:
            return self._say("这一题的时间到了，没有算。等下一题吧。")
        return self._answer(question, option, max(0, to_ms(now) - self.paper.began_ms))

    def _answer(self, question: Question, option: int, used_ms: int) -> list[Reply]:
        """Keeps the answer to the present round: one act, in which Redis also says who was how fast."""
        round, is_right, team = self.activity.round, option == question.answer, self._team()
        joining = (TEAM + team,) if team and "" not in self.kept else ()
        entered = self._enter(
            Entry(
                Answered(option, used_ms, self.act).kept, round, (f"{round}:{option}", *joining), round=round, score=RIGHT if is_right else 0,
                race=round if is_right else "", bonuses=BONUSES if is_right else (), team=team, joins=True, stays=True,
            )
        )  # fmt: skip
        if entered.outcome == "ok":
            return self._taken(round, option)
        if entered.outcome == "already":
            return self._say(f"第 {round} 题你已经答过了，只算第一次的回答。")
        return self._say(self.desk.words_of(entered, self.activity))

    def _is_too_old(self, now_ms: int) -> bool:
        """Whether words cannot have been meant for the present round."""
        sent_ms = self.message.sent_at * 1_000
        return now_ms - self.paper.began_ms < HASTE_MS or 0 < sent_ms < self.paper.began_ms - LATE_WORDS_S * 1_000

    def _taken(self, part: str, option: int) -> list[Reply]:
        until = self.activity.round_until if part == self.activity.round else None
        rest = f"，{seconds_text((until - self.ctx.now()).total_seconds())}后公布答案" if until and until > self.ctx.now() else ""
        return self._say(
            f"收到，第 {part} 题你答的是 {option_text(self.paper.question(part).options, option)}{rest}。后面的题回复字母就行。"
        )

    def _show_round(self, said: str) -> list[Reply]:
        round, until = self.activity.round, self.activity.round_until
        if not round or until is None:
            return self._say(f"{said}“{self.activity.title}”第一题马上开始，会发在群里。")
        left_s = (until - self.ctx.now()).total_seconds()
        if round in self.kept:
            return self._say(f"{said}第 {round} 题你已经答过了，{seconds_text(left_s)}后公布答案。")
        return self._question(
            said, self.paper.question(round), f"第 {round}/{len(self.paper.questions)} 题（还剩 {seconds_text(left_s)}）", round
        )

    # 个人 -----------------------------------------------------------------------------------------------------------------

    def _alone(self, words: str, part: str) -> list[Reply]:
        if not self.kept:
            return self._begin()
        asked = asked_of(self.paper, self.ctx.member, self.kept, self.ctx.now())
        if self._is_repeat or asked is None:
            return self._show_own("收到。" if self._is_repeat else "", asked)
        used_ms = max(0, to_ms(self.ctx.now()) - to_ms(asked.since))
        if asked.is_gone or used_ms > self.paper.quiz.seconds * 1_000 + GRACE_MS:
            said = (
                "上一题作废了，不算分。" if asked.is_gone else f"⏰ 上一题超时了（每题 {seconds_text(self.paper.quiz.seconds)}），不得分。"
            )
            return self._put(asked, Answered(LATE, used_ms, self.act), 0, said)
        if part and part != asked.part:
            return self._show_own("那一题你已经答过了，只算第一次的回答。" if part in self.kept else "那不是你现在的题。", asked)
        if not words:
            return self._show_own("", asked)
        seen = read_answer(words, asked.question.options)
        if seen is None:
            return self._say(_unread(words, asked.question), prompt=self._prompt(asked.part, asked.question))
        is_right = seen == asked.question.answer
        option = self.paper.own_options(self.ctx.member, asked.part)[seen]
        said = f"收到：{option_text(asked.question.options, seen)}。"
        return self._put(asked, Answered(option, used_ms, self.act), score_alone(self.paper.quiz, used_ms) if is_right else 0, said)

    def _begin(self) -> list[Reply]:
        entered = self._enter(self._beginning(self._team()))
        if entered.outcome not in ("ok", "already"):
            return self._say(self.desk.words_of(entered, self.activity))
        kept = self._looked()
        return self._go_on(f"开始！{f'你在{team_of(kept)}。' if team_of(kept) else ''}看到题目就开始计时。", kept)

    def _put(self, asked: Asked, answered: Answered, score: int, said: str) -> list[Reply]:
        """Keeps the answer to a question of his own, and shows the next one."""
        tallies = (f"{asked.part}:{answered.option}",) if answered.option != LATE else ()
        entered = self._enter(Entry(answered.kept, asked.part, tallies, score=score, team=team_of(self.kept), stays=True))
        if entered.outcome not in ("ok", "already"):
            return self._say(self.desk.words_of(entered, self.activity))
        if entered.outcome == "already":
            return self._go_on("那一题你已经答过了，只算第一次的回答。", self._looked())
        now = self.ctx.now()
        added = Kept(self.ctx.member, 0, now, answered.kept, asked.part, score=score)
        return self._show_own(said, asked_of(self.paper, self.ctx.member, {**self.kept, asked.part: added}, now))

    def _show_own(self, said: str, asked: Asked | None) -> list[Reply]:
        if asked is None:
            closes = f"（{self.desk.say(self.activity.closes)}）" if self.activity.closes else ""
            return self._say(f"{said}🏁 你的题都答完了。名次、得分和解析在截止后{closes}公布，到时候说“答题 解析”。")
        left_s = self.paper.quiz.seconds - (self.ctx.now() - asked.since) / timedelta(seconds=1)
        head = f"第 {asked.number}/{len(self.paper.parts())} 题（{seconds_text(max(1, left_s))}内回答）"
        return self._question(said, asked.question, head, asked.part)

    # Saying ---------------------------------------------------------------------------------------------------------------

    def _question(self, said: str, question: Question, head: str, part: str) -> list[Reply]:
        """A question behind some words, so that a letter answers it."""
        how = "回复字母就行" if self.message.is_private else "@我 回复字母就行"
        text, prompt, note = f"{question_text(question, head)}\n{how}，例如：{LETTERS[0]}", self._prompt(part, question), self._note
        card = self._card(said if self.message.event else "", question, head, part)
        if self.message.event:
            face = card or TextNotice(title=self.activity.title, sub_title=said or head, action=Link(self.ctx.config.server.home))
            return [Reply(said, update_card=face, prompt=prompt, note=note), *([] if card else [Reply(text)])]
        if card is None:
            return [Reply("\n".join(filter(None, [said, text])), prompt=prompt, note=note)]
        return [*([Reply(said)] if said else []), Reply(text, card=card, prompt=prompt, note=note)]

    def _say(self, text: str, *, prompt: Prompt | None = None) -> list[Reply]:
        """Some words. In 抢答 a letter goes on answering, whatever was said: the questions come by themselves."""
        if prompt is None and self.paper.quiz.mode == "race" and self.activity.round:
            prompt = self._prompt(self.activity.round, self.paper.question(self.activity.round))
        face = (
            TextNotice(title=self.activity.title, sub_title=text, action=Link(self.ctx.config.server.home)) if self.message.event else None
        )
        return [Reply(text, update_card=face, prompt=prompt, note=self._note)]

    @property
    def _note(self) -> Mapping[str, int]:
        return {"activity": self.activity.number}

    def _prompt(self, part: str, question: Question) -> Prompt:
        return Prompt("quiz", (str(self.activity.number), part, *question.options))

    def _card(self, said: str, question: Question, head: str, part: str) -> ButtonInteraction | None:
        """The question as a card, in a single chat, where it shows it whole: in a group others would press its buttons."""
        shown = question_text(question, "").strip()
        if not self.message.is_private or len(question.options) > MOST_BUTTONS or len(shown) > LONGEST_FACE:
            return None
        key = f"quiz:{self.ctx.community.id}:{self.activity.number}:{self.ctx.member}:{part}"
        buttons = tuple(Button(LETTERS[at], f"{key}:{LETTERS[at]}", style=2) for at in range(len(question.options)))
        return ButtonInteraction(title=said or self.activity.title, desc=head, sub_title=shown, buttons=buttons, task=task_of("quiz", key))

    # Doing ----------------------------------------------------------------------------------------------------------------

    @property
    def _is_repeat(self) -> bool:
        """Whether this very message was taken before, by a process that did not come to its end."""
        pieces = (one.value if not one.part else read_answered(one.value).act for one in self.kept.values())
        return self.act in pieces

    def _enter(self, entry: Entry) -> Entered:
        entered = self.desk.enter(self.activity, self.ctx.member, entry, once=self.message.id)
        if entered.points:
            self.besides.append(Reply(f"参加答题，积分 +{entered.points}，现有 {entered.balance} 积分。"))
            self.besides.extend(honours(self.ctx, entered, once=f"{self.activity.number}|{self.message.id}"))
        return entered

    def _looked(self) -> Mapping[str, Kept]:
        return self.ctx.stores.activities.entries_of(self.ctx.community.keys, self.activity.number, self.ctx.member)


def _unread(words: str, question: Question) -> str:
    letters = "、".join(LETTERS[: len(question.options)])
    return f"“{words[:20]}”不像这一题的选项。请回答 {letters} 里的一个，编号或选项原文也行，例如：答题 B"


# Results --------------------------------------------------------------------------------------------------------------------


def _standings(number: str, words: str, message: Message, ctx: Context) -> Reply:
    desk, activity = desk_of(ctx), _begun(number, "排名", message, ctx)
    post = desk.kind_of(activity).results(desk.stage(activity))
    return Reply(post.text, markdown=True, image=post.image, about=post.about, note={"activity": activity.number})


def _answers(number: str, words: str, message: Message, ctx: Context) -> Reply:
    activity = _begun(number, "解析", message, ctx)
    if activity.state not in ("closed", "settled"):
        raise UserError(f"“{activity.title}”{STATES[activity.state]}，答案在截止后公布。现在可以说“答题”参加。")
    kept = ctx.stores.activities.entries_of(ctx.community.keys, activity.number, ctx.member)
    return Reply(f"“{activity.title}”的答案：\n\n{answers_text(paper_of(activity), kept)}", note={"activity": activity.number})


def _rules(number: str, words: str, message: Message, ctx: Context) -> Reply:
    activity = _begun(number, "规则", message, ctx)
    paper = paper_of(activity)
    return Reply(f"“{activity.title}”：{settings_text(paper.quiz, len(paper.questions))}。\n{how_text(paper.quiz, ctx.config.bot_name)}")


def _begun(number: str, what: str, message: Message, ctx: Context) -> Activity:
    """The quiz of a number, else the one that runs here, else the newest that ended. Raises UserError where there is none."""
    return desk_of(ctx).find_begun("quiz", number, chat=message.chat, example=f"答题 {{}}号 {what}")


# What operators say ---------------------------------------------------------------------------------------------------------


def _void(number: str, words: str, message: Message, ctx: Context) -> Reply:
    _check_operator(ctx)
    part = normalise(words).removeprefix("第").removesuffix("题").strip()
    activity = _begun(number, f"作废 {part if part.isdecimal() else 3}", message, ctx)
    if not part.isdecimal():
        raise UserError("写法是：答题 作废 题号，例如：答题 作废 3")
    changed = void_question(ctx.stores, ctx.community, activity, part, ctx.actor, ctx.now(), once=message.id)
    return Reply(f"“{changed.activity.title}”第 {int(part)} 题作废了，谁都不算分。", note={"activity": activity.number, "void": int(part)})


def _next(number: str, words: str, message: Message, ctx: Context) -> Reply:
    _check_operator(ctx)
    desk = desk_of(ctx)
    changed = desk.next_step(desk.find_running("quiz", number, chat=message.chat, example="答题 {}号 下一题"), ctx.actor, once=message.id)
    activity = changed.activity
    if not activity.is_open:
        return Reply(f"“{activity.title}”的题都出完了，马上公布名次。")
    if changed.outcome == "moved":
        return Reply(f"刚刚已经换到第 {activity.round} 题了。")
    paper = paper_of(activity)
    head = f"第 {activity.round}/{len(paper.questions)} 题（{seconds_text(paper.quiz.seconds)}内回答）"
    return Reply(question_text(paper.question(activity.round), head), note={"activity": activity.number, "round": int(activity.round)})


def _check_operator(ctx: Context) -> None:
    if not may(ctx.role, "operator"):
        raise UserError("这个命令只有运营可以用。参加答题请说“答题”。")


@router.command("发起答题", "发起答题竞赛", "新建答题", "创建答题", "发起抢答", role="operator", takes_words=True)
def begin(message: Message, ctx: Context) -> Reply:
    """发起答题 题库：用一个题库办一场答题，可以加 题数 10、每题 20秒、抢答 或 个人、队伍 红队 蓝队、奖励 50 30 20、截止"""
    request = read_from(message, ctx, SETTINGS, f"写法是：{EXAMPLE}\n有哪些题库，说“题库”看看。")
    return propose(message, ctx, "quiz", request)


@router.command("下一题", role="operator", is_common=True)
def go_on(message: Message, ctx: Context) -> Reply:
    """下一题：抢答时不等时间到，直接换题"""
    return _next("", "", message, ctx)


@router.command("题库", "题库列表", role="operator", is_common=True)
def banks(message: Message, ctx: Context) -> Reply:
    """题库：有哪些题库，各有多少题"""
    found = banks_of(ctx.contents.quizzes)
    if not found:
        return Reply("还没有题库。请在控制台的“规则 → 题库”里写，或者导入：python run.py content import quizzes 题库.xlsx")
    rows = [f"- {bank}：{n} 题" for bank, n in found.items()]
    return Reply("\n".join(["题库：", *rows, f"发起答题的写法：{EXAMPLE}"]))


_LETTER = re.compile("[a-hA-H]")
_NUMBERED = re.compile(r"\s*#?(\d{1,6})号\s*")
_Act = Callable[[str, str, Message, Context], Reply]
_ACTS: Mapping[str, _Act] = {
    "排名": _standings, "排行": _standings, "排行榜": _standings, "名次": _standings, "结果": _standings, "解析": _answers, "答案": _answers,
    "规则": _rules, "说明": _rules, "帮助": _rules, "作废": _void, "下一题": _next,
}  # fmt: skip
"""What 答题 understands besides an answer and a team's name."""
