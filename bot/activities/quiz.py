"""答题: what a quiz asks, round by round or of each member alone, and what came of it. How it is scored: ``rules/quiz.py``.

The questions are drawn and fixed when the activity opens; a bank that is edited afterwards changes nothing of it. A question's *part* is its number
in the quiz, from 1: under it a member's answer is kept, and in 抢答 it is the round.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.activities.form import Field, Form
from bot.activities.kind import ActivityKind, Award, Post, Settlement, Stage, Step
from bot.communities import Community
from bot.drawing import drawn as picture
from bot.errors import UserError
from bot.live import Contents
from bot.members import plain
from bot.permissions import Actor
from rules.activities import Activity, KindId
from rules.activity_words import Request
from rules.quiz import (
    GRACE_MS,
    LATE,
    LETTERS,
    SETTINGS,
    Mark,
    Place,
    Question,
    Quiz,
    QuizProblem,
    banks_of,
    drawn,
    find_bank,
    means_told,
    mixed,
    option_text,
    order_of,
    places_of,
    prizes_of,
    read_answered,
    read_quiz,
    read_settings,
    team_places,
)
from storage.activities import Changed, Kept
from storage.moment import to_ms
from storage.stores import Stores

READY = timedelta(seconds=10)
"""From the opening of a 抢答 to its first question."""
TEAM = "team:"
"""Begins the name of the counter of a team's members."""
SHOWN = 10
KEPT = 100
"""Places that are told, and that are kept of the result."""
MOST_LIVE_BYTES = 60_000
LONGEST_NAME = 20
EXAMPLE = "发起答题 社群常识 | 题数 10 | 每题 20秒 | 抢答"
MODE_NAMES = {"race": "抢答", "own": "个人答题"}
_PAGE, _TRIES = 1_000, 3


# What was drawn -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paper:
    """A quiz that has begun: its questions as they were drawn, and when each was withdrawn that was (its part → milliseconds).

    ``began_ms`` is when the present round began, ``told`` who had how much when the last one was over.
    """

    quiz: Quiz
    seed: str
    questions: tuple[Question, ...]
    void: Mapping[str, int]
    began_ms: int = 0
    told: tuple[tuple[int, int], ...] = ()

    @property
    def live(self) -> dict[str, Any]:
        """As it is kept with the activity."""
        rows = [[one.id, one.question, list(one.options), one.answer, one.explanation] for one in self.questions]
        return {
            "seed": self.seed,
            "questions": rows,
            "void": dict(self.void),
            "began": self.began_ms,
            "told": [list(one) for one in self.told],
        }

    def parts(self) -> list[str]:
        """The parts that count, in order."""
        return [part for part in map(str, range(1, len(self.questions) + 1)) if part not in self.void]

    def question(self, part: str) -> Question:
        """The question of a part, as everybody gets it in 抢答."""
        return self.questions[int(part) - 1]

    def own_order(self, member: int) -> list[str]:
        """The parts in the order in which a member gets them alone."""
        return [str(at + 1) for at in order_of(len(self.questions), self.seed, "member", member)]

    def own_options(self, member: int, part: str) -> tuple[int, ...]:
        """The order in which a member gets the options of a question."""
        return order_of(len(self.question(part).options), self.seed, "member", member, part)

    def own_question(self, member: int, part: str) -> Question:
        """The question of a part as a member gets it alone."""
        return mixed(self.question(part), self.own_options(member, part))


def paper_of(activity: Activity) -> Paper:
    """What a quiz that has begun asks. Raises UserError where it has not."""
    live = activity.live
    if not live:
        raise UserError(f"“{activity.title}”还没有开始，到时候会在群里说。")
    quiz = read_quiz(activity.spec)
    rows = live["questions"]
    questions = tuple(Question(id, quiz.bank, asked, tuple(options), answer, why) for id, asked, options, answer, why in rows)
    told = tuple((int(member), int(score)) for member, score in live.get("told", ()))
    return Paper(quiz, live["seed"], questions, dict(live.get("void", {})), int(live.get("began", 0)), told)


@dataclass(frozen=True, slots=True)
class Asked:
    """The question that a member has before him alone: its part, its number among his own, as he sees it, and since when.

    ``is_gone``: it was withdrawn after he had been shown it, so the next one has to be shown to him first.
    """

    part: str
    number: int
    question: Question
    since: datetime
    is_gone: bool = False


def asked_of(paper: Paper, member: int, kept: Mapping[str, Kept], now: datetime) -> Asked | None:
    """What a member who has begun is to answer next; None when he is through, or his time is over."""
    begun, since = kept[""].at, max(one.at for one in kept.values())
    total = timedelta(seconds=paper.quiz.total_s)
    if paper.quiz.total_s and now > begun + total + timedelta(milliseconds=GRACE_MS):
        return None
    number = 0
    for part in paper.own_order(member):
        if part in paper.void and (part in kept or paper.void[part] <= to_ms(since)):
            continue
        number += 1
        if part not in kept:
            return Asked(part, number, paper.own_question(member, part), since, part in paper.void)
    return None


def team_of(kept: Mapping[str, Kept]) -> str:
    """The team that a member plays for; '' while he has none."""
    return next((one.team for one in kept.values() if one.team), "")


def emptiest(teams: Sequence[str], tally: Mapping[str, int]) -> str:
    """The team with the fewest members, the first of several; '' where there are no teams."""
    return min(teams, key=lambda team: tally.get(TEAM + team, 0), default="")


# Words ----------------------------------------------------------------------------------------------------------------------


def question_text(question: Question, head: str) -> str:
    """A question with its options as it is asked."""
    return "\n".join([head, question.question, *(option_text(question.options, at) for at in range(len(question.options)))])


def reveal_text(question: Question) -> str:
    """The right answer of a question, with why."""
    return f"正确答案：{question.right}" + (f"\n{question.explanation}" if question.explanation else "")


def seconds_text(seconds: float) -> str:
    """A time as it is said: 20 秒, 1 分 5 秒."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{rest} 秒"
    return f"{minutes} 分 {rest} 秒" if rest else f"{minutes} 分钟"


def score_text(score: int) -> str:
    """A score as it is said: 8,412 分."""
    return f"{score:,} 分"


def settings_text(quiz: Quiz, there: int) -> str:
    """What was set of a quiz of ``there`` questions, in one line."""
    parts = [MODE_NAMES[quiz.mode], f"{there} 题", f"每题 {seconds_text(quiz.seconds)}"]
    parts += [f"全程 {seconds_text(quiz.total_s)}"] if quiz.total_s else []
    parts += [f"队伍 {'、'.join(quiz.teams)}"] if quiz.teams else []
    parts += [f"前 {len(quiz.prizes)} 名奖励 {'、'.join(map(str, quiz.prizes))} 积分"] if quiz.prizes else []
    return "，".join(parts)


def how_text(quiz: Quiz, bot_name: str) -> str:
    """How to take part, and how it is scored."""
    team = f"说“答题 {quiz.teams[0]}”选队伍，不选会安排到人少的一队。" if quiz.teams else ""
    if quiz.mode == "race":
        return (
            f"大家同时答同一题：@{bot_name} 说“答题 B”（字母、编号、选项原文都行），只算第一次的回答。"
            f"答对得 10 分，最先答对的三位另加 5、3、1 分。{team}"
        )
    return (
        f"@{bot_name} 或者私聊我说“答题”开始，题目一道一道给你，题序和选项每个人都不一样。"
        f"答对一题得 1000 分，答得快最多另加 {quiz.most_speed} 分。{team}"
    )


# The kind -------------------------------------------------------------------------------------------------------------------


class QuizKind(ActivityKind):
    """答题."""

    id: KindId = "quiz"
    form = Form(
        lines="", titled="题库", titles=lambda contents: {bank: f"{bank}（{n} 题）" for bank, n in banks_of(contents.quizzes).items()}, rules="quizzes",
        fields=(
            Field("标题", "不写就叫“题库名 + 答题”"),
            Field("玩法", "抢答：大家同时答同一题；个人：各答各的，题序和选项每人不同", choices=("个人", "抢答")),
            Field("题数", "从题库随机抽几题，例如：10"),
            Field("每题", "每题多少时间，例如：20秒"),
            Field("全程", "个人答题一共多少时间，例如：10分钟"),
            Field("队伍", "用空格隔开，例如：红队 蓝队"),
            Field("奖励", "前几名各得多少积分，例如：50 30 20"),
        ),
    )  # fmt: skip

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec; the request's title is the bank."""
        given = {name: request.one(name) for name in SETTINGS if request.has(name)}
        try:
            quiz = read_settings(request.title, given, request.lines)
        except QuizProblem as problem:
            raise UserError(str(problem)) from None
        bank = bank_of(contents.quizzes, quiz)[0].bank
        return request.one("标题") or f"{bank}答题", replace(quiz, bank=bank).spec

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """The spec with its defaults. Raises UserError with an example where it cannot be."""
        try:
            return read_quiz(spec).spec
        except QuizProblem as problem:
            raise UserError(str(problem)) from None

    def prepare(self, stage: Stage) -> Mapping[str, Any]:
        """Draws the questions and fixes them. Raises UserError where the bank is gone."""
        quiz, seed = read_quiz(stage.activity.spec), secrets.token_hex(16)
        paper = Paper(quiz, seed, tuple(drawn(bank_of(stage.contents.quizzes, quiz), quiz.count, seed)), {})
        if sum(len(text.encode()) for one in paper.questions for text in (one.question, one.explanation, *one.options)) > MOST_LIVE_BYTES:
            raise UserError("这些题目加起来太长了，请把题数减少一些，例如：题数 20")
        return paper.live

    def preview(self, stage: Stage) -> str:
        """The settings and one question without its answer, for members may read along."""
        quiz = read_quiz(stage.activity.spec)
        bank = bank_of(stage.contents.quizzes, quiz)
        there = min(len(bank), quiz.count)
        short = f"\n题库只有 {len(bank)} 题，会全部用上。" if len(bank) < quiz.count else ""
        example = question_text(bank[0], "例题：")
        return f"题库“{quiz.bank}”（共 {len(bank)} 题，开始时随机抽）：{settings_text(quiz, there)}。{short}\n\n{example}"

    def opening(self, stage: Stage) -> Post:
        """What is told when it opens."""
        paper = paper_of(stage.activity)
        begins = f"\n\n第一题 {READY.seconds} 秒后开始，请做好准备！" if paper.quiz.mode == "race" else _until(stage)
        title = f"🧠 答题开始：{stage.activity.title}（活动 {stage.activity.number}）"
        how = how_text(paper.quiz, stage.config.bot_name)
        return Post(f"{title}\n{settings_text(paper.quiz, len(paper.questions))}。\n{how}{begins}")

    def reminder(self, stage: Stage) -> Post | None:
        """What those hear who have not answered yet; nothing in 抢答, which everybody plays at one time."""
        if read_quiz(stage.activity.spec).mode == "race":
            return None
        name = stage.config.bot_name
        return Post(f"⏰ 答题“{stage.activity.title}”快截止了，还没答的 @{name} 说“答题”，已经有 {stage.activity.entries} 人参加。")

    def next_step(self, stage: Stage) -> datetime | None:
        """When the round of a 抢答 is over, or its first one begins."""
        activity = stage.activity
        if read_quiz(activity.spec).mode == "own":
            return None
        return activity.round_until if activity.round else (activity.opened or stage.now) + READY

    def step(self, stage: Stage) -> Step:
        """Tells the answer of the round that is over, and asks the next question."""
        activity, paper = stage.activity, paper_of(stage.activity)
        if paper.quiz.mode == "own":
            raise UserError(f"个人答题每个人各答各的，没有下一题。要结束请说：活动 截止 {activity.number}")
        over = _reveal(stage, paper) if activity.round else ""
        told = _interim(stage.stores, stage.community, activity, paper)
        left = [part for part in paper.parts() if int(part) > int(activity.round or 0)]
        if not left:
            ended = replace(paper, began_ms=0, told=told)
            return Step(live=ended.live, post=Post(over), closes=True)
        part, until = left[0], stage.now + timedelta(seconds=paper.quiz.seconds)
        begun = replace(paper, began_ms=to_ms(stage.now), told=told)
        head = f"**第 {part}/{len(paper.questions)} 题**（{seconds_text(paper.quiz.seconds)}内回答）"
        asked = f"{question_text(paper.question(part), head)}\n\n@{stage.config.bot_name} 说“答题 {_letters(paper.question(part))}”作答"
        return Step(round=part, until=until, live=begun.live, post=Post("\n\n".join(filter(None, [over, asked]))))

    def settle(self, stage: Stage) -> Settlement:
        """The places of all who took part, out of what is kept of every answer."""
        paper, result = paper_of(stage.activity), count(stage)
        places = places_in(result)
        told = [
            (place.member, f"🏆 你在“{stage.activity.title}”得了第 {place.rank} 名（{score_text(place.score)}），奖励 {n} 积分。")
            for place, n in prizes_of(places, paper.quiz.prizes)
        ]
        return Settlement(result, _told(stage, paper, result), told)

    def awards(self, stage: Stage) -> Sequence[Award]:
        """What the first places get."""
        quiz, title = read_quiz(stage.activity.spec), stage.activity.title
        won = prizes_of(places_in(stage.activity.result), quiz.prizes)
        return [Award(place.member, n, f"{title} 第 {place.rank} 名") for place, n in won]

    def standing(self, stage: Stage, member: int) -> str:
        """The settings, and how far the member has come; no scores while it runs, for they would tell who was right."""
        activity = stage.activity
        if not activity.live:
            quiz = read_quiz(activity.spec)
            return f"{settings_text(quiz, quiz.count)}。"
        paper = paper_of(activity)
        lines = [f"{settings_text(paper.quiz, len(paper.questions))}。"]
        kept = stage.stores.activities.entries_of(stage.community.keys, activity.number, member)
        done = sum(part in kept for part in paper.parts())
        if kept:
            team = team_of(kept)
            lines.append(f"你答了 {done}/{len(paper.parts())} 题" + (f"，在{team}。" if team else "。"))
        if activity.is_open:
            more = "都答完了，名次在截止后公布。" if done == len(paper.parts()) else "说“答题”继续。"
            lines.append(more if kept else how_text(paper.quiz, stage.config.bot_name))
        return "\n".join(lines)

    def results(self, stage: Stage) -> Post:
        """The places with their picture once it is settled; of a running 抢答 those of the last round."""
        activity = stage.activity
        if activity.result:
            return _told(stage, paper_of(activity), activity.result)
        if not activity.live:
            return Post(f"“{activity.title}”还没有开始。")
        if activity.state == "closed":
            return Post(f"“{activity.title}”截止了，名次马上公布。")
        paper = paper_of(activity)
        if paper.quiz.mode == "own" or not paper.told:
            return Post(f"“{activity.title}”还没有结束，{activity.entries} 人参加。排名在截止后公布，免得有人看出答案。")
        names = names_of(stage.stores, [member for member, _ in paper.told])
        rows = [f"{at}. {names[member]}　{score_text(score)}" for at, (member, score) in enumerate(paper.told, 1)]
        return Post("\n".join([f"“{activity.title}”到上一题为止：", *rows]), about=tuple(member for member, _ in paper.told))


def count(stage: Stage) -> dict[str, Any]:
    """Everybody's place and the teams' at this moment, as the result of a quiz keeps it; walks over all answers."""
    paper = paper_of(stage.activity)
    places, right = _counted(stage.stores, stage.community, stage.activity, paper)
    teams = team_places(places, paper.quiz.teams)
    return {
        "n": len(places),
        "questions": len(paper.parts()),
        "top": [[one.rank, one.member, one.score, one.right, one.used_ms, one.answered, one.team] for one in places[:KEPT]],
        "teams": [[one.rank, one.name, mean, one.members] for one, mean in zip(teams, means_told(teams), strict=True)],
        "right": right,
    }


def places_in(result: Mapping[str, Any]) -> list[Place]:
    """The places that a result of a quiz keeps."""
    return [Place(*row) for row in result["top"]]


def bank_of(questions: Sequence[Question], quiz: Quiz) -> list[Question]:
    """The questions of the quiz's bank. Raises UserError where there is no such bank."""
    name = find_bank(questions, quiz.bank)
    if not name:
        there = "、".join(f"{bank}（{n} 题）" for bank, n in banks_of(questions).items())
        raise UserError(f"没有“{quiz.bank[:20]}”这个题库。现有：{there or '一个都没有，请先导入题库'}。例如：{EXAMPLE}")
    return [one for one in questions if one.bank == name]


def names_of(stores: Stores, numbers: Iterable[int]) -> Mapping[int, str]:
    """What to call members where a group's Markdown may show it; one round trip."""
    asked = list(numbers)
    found = stores.directory.find_names(asked) if asked else {}
    return {number: plain((found.get(number) or f"成员 {number}")[:LONGEST_NAME]) for number in asked}


def void_question(
    stores: Stores, community: Community, activity: Activity, part: str, actor: Actor, now: datetime, *, once: str
) -> Changed:
    """Withdraws a question of a quiz that is not settled: it counts for nobody, also of who has answered it. Raises UserError.

    Somebody who has it before him gets the next one. What changed meanwhile (the next round) is looked at again.
    """
    for _ in range(_TRIES):
        paper = paper_of(activity)
        if activity.is_over:
            raise UserError(f"“{activity.title}”已经结算，不能再作废题目了。")
        if not (part.isascii() and part.isdecimal() and len(part) < 4 and 1 <= int(part) <= len(paper.questions)):
            raise UserError(f"“{activity.title}”有 {len(paper.questions)} 题，写法是：答题 作废 题号，例如：答题 作废 1")
        void = {**paper.void, str(int(part)): paper.void.get(str(int(part)), to_ms(now))}
        voided = replace(paper, void=void)
        # the round that runs is left out: who gains by it would be seen to be right
        told = _interim(stores, community, activity, replace(voided, void={**void, activity.round: 0})) if paper.told else ()
        live = replace(voided, told=told).live
        changed = stores.activities.change(community.keys, activity, now, live=live, actor=actor.member, once=once)
        if changed.outcome != "moved":
            subject = f"活动 {activity.number}（答题）"
            stores.audit.record(community.id, actor.id, "答题作废题目", subject, "", f"第 {int(part)} 题", now, once=once)
            return changed
        activity = changed.activity
    raise UserError("题目刚好在换，请再说一次。")


def answers_text(paper: Paper, kept: Mapping[str, Kept]) -> str:
    """All questions with their right answers, and what a member had answered."""
    blocks = []
    for part in map(str, range(1, len(paper.questions) + 1)):
        one, mine = paper.question(part), kept.get(part)
        lines = [f"{part}. {one.question}", f"正确答案：{one.options[one.answer]}"]
        lines += [one.explanation] if one.explanation else []
        if part in paper.void:
            lines.append("（这题作废，不算分）")
        elif mine and mine.value:
            option = read_answered(mine.value).option
            said = "超时没有算" if option == LATE else f"{one.options[option]} {'✅' if option == one.answer else '❌'}"
            lines.append(f"你的回答：{said}" + (f"，+{mine.score}" if mine.score else ""))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


# Inside ---------------------------------------------------------------------------------------------------------------------


def _letters(question: Question) -> str:
    return LETTERS[min(1, len(question.options) - 1)]


def _until(stage: Stage) -> str:
    if stage.activity.closes is None:
        return ""
    at = stage.activity.closes.astimezone(stage.community.zone)
    return f"\n\n{at.month} 月 {at.day} 日 {at:%H:%M} 截止，名次和解析截止后公布。"


def _everybody(stores: Stores, community: Community, activity: Activity) -> Iterable[dict[str, Kept]]:
    """Everything that each member put in, in the order in which they came; a page of them at a time."""
    start = 0
    while page := stores.activities.all_of(community.keys, activity.number, start=start, count=_PAGE):
        yield from page
        start += _PAGE


def _interim(stores: Stores, community: Community, activity: Activity, paper: Paper) -> tuple[tuple[int, int], ...]:
    """The first places by what counts so far, as they are told between two rounds."""
    places, _ = _counted(stores, community, activity, paper)
    return tuple((place.member, place.score) for place in places[:SHOWN])


def _counted(stores: Stores, community: Community, activity: Activity, paper: Paper) -> tuple[list[Place], dict[str, int]]:
    """Everybody's place, and how many were right by question."""
    marks, teams, right = list[Mark](), dict[int, str](), dict.fromkeys(paper.parts(), 0)
    for pieces in _everybody(stores, community, activity):
        for part, kept in pieces.items():
            teams.setdefault(kept.member, team_of(pieces))
            if not part or not kept.value:
                continue
            answered = read_answered(kept.value)
            is_right = answered.option == paper.question(part).answer
            marks.append(Mark(kept.member, part, kept.score, answered.used_ms, is_right))
            if is_right and part in right:
                right[part] += 1
    return places_of(marks, teams, paper.void), right


def _reveal(stage: Stage, paper: Paper) -> str:
    """What is told of the round that is over: the right answer, how many had it, and who was first."""
    part = stage.activity.round
    question = paper.question(part)
    head = f"第 {part} 题"
    if part in paper.void:
        return f"{head}作废，不算分。"
    tally = stage.stores.activities.tally(stage.community.keys, stage.activity.number)
    counts = [tally.get(f"{part}:{at}", 0) for at in range(len(question.options))]
    first = sorted(
        (
            kept
            for pieces in _everybody(stage.stores, stage.community, stage.activity)
            if (kept := pieces.get(part)) and 1 <= kept.order <= 3
        ),
        key=lambda kept: kept.order,
    )
    names = names_of(stage.stores, [kept.member for kept in first])
    fastest = "，最先答对：" + "、".join(names[kept.member] for kept in first) if first else ""
    return f"{head}{reveal_text(question)}\n{sum(counts)} 人回答，{counts[question.answer]} 人答对{fastest}。"


def _told(stage: Stage, paper: Paper, result: Mapping[str, Any]) -> Post:
    """The result in words and as a picture."""
    activity, places = stage.activity, [place for place in places_in(result) if place.score > 0][:SHOWN]
    if not places:
        return Post(f"🧠 “{activity.title}”结束了，{result['n']} 人参加，没有人得分。说“答题 解析”看答案。")
    names = names_of(stage.stores, [place.member for place in places])
    total = result["questions"]
    rows = [_place_text(place, names[place.member], total, places) for place in places]
    teams = [_Team(*row) for row in result["teams"]]
    lines = [
        f"🏆 “{activity.title}”结束：{result['n']} 人参加，{total} 题",
        *rows,
        *_team_lines(teams),
        *_prize_lines(paper.quiz, places, names),
    ]
    facts = {
        "title": activity.title[:40],
        "community": stage.community.name[:40],
        "said": f"{result['n']} 人参加 · {total} 题 · {MODE_NAMES[paper.quiz.mode]}",
        "top": [
            {"rank": place.rank, "name": names[place.member], "score": place.score, "right": place.right} for place in places
        ],
        "of": total,
        "teams": [{"rank": team.rank, "name": team.name, "mean": team.mean, "members": team.members} for team in teams],
    }  # fmt: skip
    about = tuple(place.member for place in places)
    return Post("\n".join([*lines, "说“答题 解析”看答案和自己的得分。"]), image=picture("podium", facts, about=about), about=about)


def _place_text(place: Place, name: str, total: int, places: Sequence[Place]) -> str:
    mark = {1: "🥇", 2: "🥈", 3: "🥉"}.get(place.rank, f"{place.rank}.")
    same = [one for one in places if one.score == place.score and one is not place]
    by_time = "（同分看用时）" if any(one.used_ms != place.used_ms for one in same) else "（并列）" if same else ""
    return f"{mark} {name}　{score_text(place.score)}，答对 {place.right}/{total}，用时 {place.used_ms / 1000:.1f} 秒{by_time}"


@dataclass(frozen=True, slots=True)
class _Team:
    """A team's place as the result keeps it: the mean as it is told."""

    rank: int
    name: str
    mean: str
    members: int


def _team_lines(teams: Sequence[_Team]) -> list[str]:
    if not teams:
        return []
    best = [team for team in teams if team.rank == 1 and team.members]
    who = f"{best[0].name}获胜！" if len(best) == 1 else f"{'、'.join(team.name for team in best)}平局！" if best else "没有队伍得分。"
    each = "；".join(f"{team.name} 平均 {team.mean} 分（{team.members} 人）" for team in teams)
    return [f"🚩 {who}{each}"]


def _prize_lines(quiz: Quiz, places: Sequence[Place], names: Mapping[int, str]) -> list[str]:
    won = [f"{names[place.member]} +{n}" for place, n in prizes_of(places, quiz.prizes)]
    return [f"🎁 奖励积分：{'、'.join(won)}"] if won else []
