"""A quiz: questions of which one option is right, two ways to play them, and how it is scored.

**抢答** (race): everybody gets the same question at the same time. A right answer scores ``RIGHT``; the first three that are right get ``BONUSES``
besides, in the order in which Redis took the answers – nobody's clock is asked.

**个人** (own): each member gets the questions one after the other, in an order and with options in an order of his own, so that a neighbour's “B”
helps nobody. A right answer scores ``RIGHT_ALONE``, and up to ``999 // questions`` more the sooner it comes: all that speed can bring is less than one
right answer, so accuracy comes first. The time of a question runs from when it was shown, which is when the one before was answered.

In both a wrong, late or missing answer scores nothing, and the first answer to a question holds. Equal scores are told apart by the time that the
right answers took together; who is equal in that too shares the place, and the next place counts him (1, 2, 2, 4). A team's score is the mean of its
members who answered anything: teams are seldom of one size, and a sum would go to the larger one. Equal means are a tie. A question that is
withdrawn counts for nobody, and neither does the time that it took.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from typing import Any, Literal

from rules.text import normalise

Mode = Literal["race", "own"]
MODES: Mapping[str, Mode] = {
    "抢答": "race", "同题抢答": "race", "同题": "race", "个人": "own", "个人答题": "own", "单人": "own", "各答各的": "own",
}  # fmt: skip
"""What operators call the two ways to play."""

LETTERS = "ABCDEFGH"
MOST_OPTIONS = len(LETTERS)
MOST_QUESTIONS = 50
SHORTEST_S, LONGEST_S = 5, 600
"""Seconds for one question."""
LONGEST_QUIZ_S = 6 * 3_600
MOST_TEAMS, LONGEST_TEAM = 6, 10
MOST_PRIZES, HIGHEST_PRIZE = 10, 10_000

RIGHT = 10
BONUSES = (5, 3, 1)
RIGHT_ALONE = 1_000
_SPEED = RIGHT_ALONE - 1
GRACE_MS = 2_000
"""How much later than its time an answer may come: words are a while on their way."""

LATE = -1
"""Stands for the option of who was too late."""

SETTINGS = ("题库", "标题", "玩法", "题数", "每题", "全程", "队伍", "奖励")
"""What an operator may set besides what all activities have."""

TEAM_WORDS = frozenset({"排名", "排行", "解析", "答案", "作废", "下一题", "题目", "规则", "说明", "队伍", "帮助", "结果", "开始", "退出"})
"""What 答题 understands besides a team's name."""
_TEAM = re.compile(r"[\w·-]+")
_AMOUNT = re.compile(r"(\d{1,6})\s*(秒钟?|s|分钟?|min|小时)?", re.IGNORECASE)
_COUNT = re.compile(r"(\d{1,4})\s*[题道]题?")
_UNITS = {"秒": 1, "秒钟": 1, "s": 1, "分": 60, "分钟": 60, "min": 60, "小时": 3_600}
_PARTING = re.compile(r"[\s,，、;；/]+")
_ENDINGS = " \t\n。.!！~～,，、;；"
_AROUND = re.compile(
    r"(?:我?(?:觉得|认为|猜|想|的)?)(?:应该)?(?:选择?|答案?|回答)?[是为:]?\s*第?([a-h]|[1-8])(?:[个项号]|选项)?\s*[吧呀啊]?"
)


class QuizProblem(ValueError):
    """Why a quiz cannot be as it was asked for: in Chinese, with an example."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a bank. ``answer`` is the number of the right option, counted from 0."""

    id: str
    bank: str
    question: str
    options: tuple[str, ...]
    answer: int
    explanation: str = ""

    @property
    def right(self) -> str:
        """The right option as it is told: B. 三天."""
        return option_text(self.options, self.answer)


@dataclass(frozen=True, slots=True)
class Quiz:
    """What an operator asked for: ``count`` questions of a bank, ``seconds`` for each, ``total_s`` for all of them (0: no limit of its own).

    ``prizes`` are the points of the first, second … place.
    """

    bank: str
    mode: Mode = "race"
    count: int = 10
    seconds: int = 20
    total_s: int = 0
    teams: tuple[str, ...] = ()
    prizes: tuple[int, ...] = ()

    @property
    def most_speed(self) -> int:
        """The most that speed brings for one right answer of who plays alone."""
        return _SPEED // self.count

    @property
    def spec(self) -> dict[str, Any]:
        """As it is kept with its activity."""
        return {
            "bank": self.bank, "mode": self.mode, "count": self.count, "seconds": self.seconds, "total_s": self.total_s,
            "teams": list(self.teams), "prizes": list(self.prizes),
        }  # fmt: skip


# What an operator writes ----------------------------------------------------------------------------------------------------


def read_quiz(spec: Mapping[str, Any]) -> Quiz:
    """The quiz of a spec, with defaults for what it does not name. Raises QuizProblem."""
    mode = spec.get("mode", "race")
    if mode not in ("race", "own"):
        raise QuizProblem("玩法只能是抢答或个人，例如：抢答")
    quiz = Quiz(
        bank=str(spec.get("bank", "")).strip(),
        mode=mode,
        count=_whole(spec.get("count", 10), "题数", 1, MOST_QUESTIONS, "题数 10"),
        seconds=_whole(spec.get("seconds", 20 if mode == "race" else 30), "每题的秒数", SHORTEST_S, LONGEST_S, "每题 20秒"),
        total_s=_whole(spec.get("total_s", 0), "全程的秒数", 0, LONGEST_QUIZ_S, "全程 10分钟"),
        teams=tuple(map(str, spec.get("teams", ()))),
        prizes=tuple(_whole(one, "奖励", 0, HIGHEST_PRIZE, "奖励 50 30 20") for one in spec.get("prizes", ())),
    )
    if not quiz.bank:
        raise QuizProblem("请写用哪个题库，例如：发起答题 社群常识 | 题数 10")
    if len(quiz.prizes) > MOST_PRIZES:
        raise QuizProblem(f"最多奖励前 {MOST_PRIZES} 名，例如：奖励 50 30 20")
    if quiz.total_s and quiz.mode == "race":
        raise QuizProblem("抢答是大家一题一题同时答，不用写全程；要限制全程请用个人，例如：个人 | 全程 10分钟")
    _check_teams(quiz.teams)
    return quiz


def read_settings(bank: str, settings: Mapping[str, str], words: Iterable[str] = ()) -> Quiz:
    """The quiz of a request: ``settings`` by their names in Chinese, ``words`` that name a way to play. Raises QuizProblem."""
    spec: dict[str, Any] = {"bank": settings.get("题库") or bank}
    for word in [*words, *filter(None, [settings.get("玩法")])]:
        if (found := _COUNT.fullmatch(word.strip())) is not None:
            spec["count"] = found[1]
            continue
        if word.strip() not in MODES:
            raise QuizProblem(
                f"“{word.strip()[:20]}”看不懂。玩法写“抢答”或“个人”，别的写法例如：题数 10、每题 20秒、队伍 红队 蓝队、奖励 50 30 20"
            )
        spec["mode"] = MODES[word.strip()]
    if "题数" in settings:
        spec["count"] = settings["题数"].strip(" 题道")
    if "每题" in settings:
        spec["seconds"] = _seconds(settings["每题"], "每题 20秒")
    if "全程" in settings:
        spec["total_s"] = _seconds(settings["全程"], "全程 10分钟")
    if "队伍" in settings:
        spec["teams"] = [team for team in _PARTING.split(settings["队伍"].strip()) if team]
    if "奖励" in settings:
        spec["prizes"] = [prize for prize in _PARTING.split(settings["奖励"].strip(" 分")) if prize]
    return read_quiz(spec)


def _whole(value: Any, what: str, least: int, most: int, example: str) -> int:
    text = str(value).strip().removesuffix("分")
    if isinstance(value, bool) or not text.isdecimal() or len(text) > 9 or not least <= int(text) <= most:
        raise QuizProblem(f"{what}要是 {least} 到 {most} 的整数，例如：{example}")
    return int(text)


def _seconds(words: str, example: str) -> int:
    found = _AMOUNT.fullmatch(words.strip())
    if found is None:
        raise QuizProblem(f"“{words.strip()[:20]}”不是一段时间，例如：{example}")
    return int(found[1]) * _UNITS[(found[2] or "秒").lower()]


def _check_teams(teams: Sequence[str]) -> None:
    example = "例如：队伍 红队 蓝队"
    if len(teams) == 1 or len(teams) > MOST_TEAMS:
        raise QuizProblem(f"队伍要有 2 到 {MOST_TEAMS} 支，{example}")
    plain = [normalise(team) for team in teams]
    for team, name in zip(teams, plain, strict=True):
        if not _TEAM.fullmatch(team) or len(team) > LONGEST_TEAM or _AROUND.fullmatch(name) or name.isdecimal() or name in TEAM_WORDS:
            raise QuizProblem(
                f"“{team[:20]}”不能当队名：队名最多 {LONGEST_TEAM} 个字，不含空格和标点，也不能是数字、一个字母或答题的命令，{example}"
            )
    if len(set(plain)) < len(plain):
        raise QuizProblem(f"有两支队伍同名，请换一个，{example}")


def find_team(teams: Sequence[str], words: str) -> str:
    """The team that somebody means, also without 队 or with 加入 in front; '' for none."""
    wanted = normalise(words).strip(_ENDINGS).removeprefix("加入").removeprefix("我要").removeprefix("选").strip()
    names = {normalise(team): team for team in teams}
    return names.get(wanted) or names.get(f"{wanted}队") or ""


# Banks ----------------------------------------------------------------------------------------------------------------------


def banks_of(questions: Iterable[Question]) -> Mapping[str, int]:
    """The banks there are, in the order of the file, and how many questions each has."""
    return Counter(question.bank for question in questions)


def find_bank(questions: Sequence[Question], words: str) -> str:
    """The bank that somebody means by its name, or by a part of one name only; '' for none."""
    wanted, names = normalise(words), list(banks_of(questions))
    exact = [name for name in names if normalise(name) == wanted]
    near = exact or [name for name in names if wanted and wanted in normalise(name)]
    return near[0] if len(near) == 1 else ""


# Orders of one's own ----------------------------------------------------------------------------------------------------------


def order_of(n: int, seed: str, *names: object) -> tuple[int, ...]:
    """The numbers 0 … n-1 in an order that follows from seed and names, and that nobody can foretell without the seed."""
    told = "|".join([seed, *map(str, names)])
    return tuple(sorted(range(n), key=lambda at: blake2b(f"{told}|{at}".encode(), digest_size=16).digest()))


def drawn(questions: Sequence[Question], count: int, seed: str) -> list[Question]:
    """``count`` of the questions, with their options mixed anew; all of them where there are no more."""
    return [
        mixed(questions[at], order_of(len(questions[at].options), seed, questions[at].id)) for at in order_of(len(questions), seed)[:count]
    ]


def mixed(question: Question, order: Sequence[int]) -> Question:
    """The question with its options in another order."""
    return Question(
        question.id, question.bank, question.question, tuple(question.options[at] for at in order), order.index(question.answer), question.explanation
    )  # fmt: skip


# Answers --------------------------------------------------------------------------------------------------------------------


def read_answer(words: str, options: Sequence[str]) -> int | None:
    """The place of the option that somebody means: by its letter, its number or its own words; None where it is none of them.

    A number means a number of an option only where no option is a number itself.
    """
    plain, texts = normalise(words).strip(_ENDINGS), [normalise(option) for option in options]
    if texts.count(plain) == 1:
        return texts.index(plain)
    found = _AROUND.fullmatch(plain)
    if found is None or (found[1].isdecimal() and any(text.isdecimal() for text in texts)):
        return None
    at = int(found[1]) - 1 if found[1].isdecimal() else LETTERS.lower().index(found[1])
    return at if at < len(options) else None


def looks_like_answer(words: str) -> bool:
    """Whether words are a letter or a number such as options have, whatever the question."""
    return _AROUND.fullmatch(normalise(words).strip(_ENDINGS)) is not None


def option_text(options: Sequence[str], at: int) -> str:
    """An option as it is told: B. 三天."""
    return f"{LETTERS[at]}. {options[at]}"


@dataclass(frozen=True, slots=True)
class Answered:
    """What is kept of an answer: the option's number in the quiz (``LATE``: too late), the milliseconds it took, and which message it was."""

    option: int
    used_ms: int
    act: str = ""

    @property
    def kept(self) -> str:
        """As text; it tells nobody whether it was right."""
        return f"{self.option}|{self.used_ms}|{self.act}"


def read_answered(kept: str) -> Answered:
    """The answer that was kept."""
    option, used_ms, act = kept.split("|", 2)
    return Answered(int(option), int(used_ms), act)


def score_alone(quiz: Quiz, used_ms: int) -> int:
    """What a right answer scores that took ``used_ms`` of its time, for who plays alone."""
    limit_ms = quiz.seconds * 1_000
    left_ms = limit_ms - min(max(used_ms, 0), limit_ms)  # two machines' clocks may differ
    return RIGHT_ALONE + quiz.most_speed * left_ms // limit_ms


# Places ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """What one answer of a member scored."""

    member: int
    question: str
    score: int
    used_ms: int
    is_right: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A member's place: his score, how many answers were right, the milliseconds that these took, and his team ('' none)."""

    rank: int
    member: int
    score: int
    right: int
    used_ms: int
    answered: int
    team: str = ""


@dataclass(frozen=True, slots=True)
class TeamPlace:
    """A team's place: the mean of its ``members`` who answered."""

    rank: int
    name: str
    mean: Fraction
    members: int


def places_of(marks: Iterable[Mark], teams: Mapping[int, str], void: Collection[str] = ()) -> list[Place]:
    """Everybody's place, the best first. ``teams`` holds all who take part, in the order in which they came, each with his team."""
    sums: dict[int, list[int]] = {member: [0, 0, 0, 0] for member in teams}
    for mark in marks:
        if mark.question in void:
            continue
        total = sums.setdefault(mark.member, [0, 0, 0, 0])
        total[0] += mark.score
        total[1] += mark.is_right
        total[2] += mark.used_ms if mark.is_right else 0
        total[3] += 1
    best_first = sorted(sums.items(), key=lambda one: (-one[1][0], one[1][2]))
    placed: list[Place] = []
    for at, (member, (score, right, used_ms, answered)) in enumerate(best_first, 1):
        before = placed[-1] if placed else None
        rank = before.rank if before and (before.score, before.used_ms) == (score, used_ms) else at
        placed.append(Place(rank, member, score, right, used_ms, answered, teams.get(member, "")))
    return placed


def team_places(places: Iterable[Place], names: Sequence[str]) -> list[TeamPlace]:
    """The teams' places, the best first; equal means share one, and so do teams that nobody played for."""
    scores: dict[str, list[int]] = {name: [] for name in names}
    for place in places:
        if place.answered and place.team in scores:
            scores[place.team].append(place.score)
    means = {name: Fraction(sum(found), len(found)) if found else Fraction(0) for name, found in scores.items()}
    best_first = sorted(names, key=lambda name: -means[name])
    return [TeamPlace(1 + sum(mean > means[name] for mean in means.values()), name, means[name], len(scores[name])) for name in best_first]


def prizes_of(places: Iterable[Place], prizes: Sequence[int]) -> list[tuple[Place, int]]:
    """Who gets how many points: by his place, if he scored anything; who shares a place gets what it brings, each."""
    return [(place, prizes[place.rank - 1]) for place in places if place.rank <= len(prizes) and place.score > 0 and prizes[place.rank - 1]]


def means_told(teams: Sequence[TeamPlace]) -> list[str]:
    """The means as text: with as many decimals as it takes to tell different ones apart, at most three."""
    digits = next((n for n in (1, 2) if len({f"{float(team.mean):.{n}f}" for team in teams}) == len({team.mean for team in teams})), 3)
    return [f"{float(team.mean):.{digits}f}" for team in teams]
