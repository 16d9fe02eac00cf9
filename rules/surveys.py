"""Surveys: the questions, what counts as an answer to one, and what the answers come to – the Net Promoter Score among it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, Literal

from rules.choices import ENDINGS, choose, is_choice
from rules.questions import is_question
from rules.text import normalise

QuestionKind = Literal["choice", "multi", "score", "text"]
KINDS: Mapping[QuestionKind, str] = {"choice": "单选", "multi": "多选", "score": "打分", "text": "问答"}
"""What the kinds of questions are called."""
HIGHEST = 10
"""Scores are 0 to this."""
LONGEST_TEXT = 500
ENOUGH = 10
"""With fewer scores the Net Promoter Score says nothing."""
SKIPPED = "-"
"""Kept for a question that was skipped: it was asked, so it is not asked again."""
SKIPS = frozenset({"跳过", "略过", "没有", "无", "下一题", "不回答"})
PROMOTERS, DETRACTORS = range(9, 11), range(7)

_Z95 = 1.96
# 9分, 9, and 9 分，因为你们很热心; but neither 9 分钟 nor 9，10 都行
_SCORE = re.compile(r"(?:我?[打给])?([0-9]{1,2})(?:\.0)?\s*(?:分|(?:分(?!钟)|[,;:。!~、(])[^0-9]*)?")


class AnswerProblem(ValueError):
    """Words that are no answer to a question: in Chinese, with an example of the right way."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``options`` are those of a choice, of which ``most`` may be chosen in a multi; ``low`` and ``high`` name the ends of the scores.

    ``nps``: the scores are of how likely somebody recommends, so that the Net Promoter Score is made of them, and not their mean.
    """

    ask: str
    kind: QuestionKind
    options: tuple[str, ...] = ()
    most: int = 0
    low: str = ""
    high: str = ""
    nps: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """Questions that are asked one after the other. ``text`` is said before the first, ``thanks`` after the last."""

    id: str
    title: str
    questions: tuple[Question, ...]
    text: str = ""
    thanks: str = ""

    @property
    def spec(self) -> dict[str, Any]:
        """The survey as it is kept with its activity: an edit of the questionnaire does not change what was begun."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Nps:
    """The Net Promoter Score of ``n`` scores: ``score`` is the promoters' (9–10) percentage less the detractors' (0–6), −100 to 100.

    ``margin`` is that of the interval which holds the true score in 95 of 100 samples, by the normal approximation for the difference of two
    shares of one sample: 1.96 · √((p + d − (p − d)²) / n), in points.
    """

    n: int
    promoters: int
    passives: int
    detractors: int
    score: float
    margin: float

    @property
    def is_enough(self) -> bool:
        """Whether there are enough scores to say anything."""
        return self.n >= ENOUGH


def survey_of(spec: Mapping[str, Any]) -> Survey:
    """The survey of a kept spec."""
    questions = tuple(Question(**{**row, "options": tuple(row.get("options", ()))}) for row in spec["questions"])
    return Survey(spec["id"], spec["title"], questions, spec.get("text", ""), spec.get("thanks", ""))


def find_survey(surveys: Iterable[Survey], said: str) -> Survey | None:
    """The survey of an id or a title."""
    plain = normalise(said)
    return next((one for one in surveys if plain in (normalise(one.id), normalise(one.title))), None)


def part_of(at: int) -> str:
    """The name under which the answer to a question is kept; ``at`` counts from 0."""
    return f"q{at + 1}"


def next_question(survey: Survey, answered: Iterable[str]) -> int | None:
    """The first question (from 0) that has no answer yet; None when all have."""
    there = frozenset(answered)
    return next((at for at in range(len(survey.questions)) if part_of(at) not in there), None)


# Answering ----------------------------------------------------------------------------------------------------------------


def read_answer(survey: Survey, at: int, words: str) -> str:
    """What words answer to a question, as it is kept. Raises AnswerProblem."""
    question = survey.questions[at]
    said = normalise(words).strip(ENDINGS)
    if said in SKIPS and question.optional:
        return SKIPPED
    if said == "跳过":
        raise AnswerProblem(f"这一题不能跳过。{example_of(question)}")
    if question.kind == "text":
        return _text(words, question)
    if question.kind == "score":
        score = _score(said)
        if score is None:
            raise AnswerProblem(example_of(question))
        return str(score)
    return ",".join(map(str, _options(said, question)))


def tallies_of(survey: Survey, answers: Mapping[str, str]) -> tuple[str, ...]:
    """The counters that kept answers raise, by the part of each."""
    raised = list[str]()
    for at, question in enumerate(survey.questions):
        value, names = answers.get(part_of(at), ""), list[str]()
        if value == SKIPPED or (value and question.kind == "score"):
            names = [value]
        elif value and question.kind == "text":
            names = ["text"]
        elif value:
            names = [*value.split(","), "n"]
        raised += [f"{part_of(at)}:{name}" for name in names]
    return tuple(raised)


def nps_counters(survey: Survey, answers: Mapping[str, str]) -> tuple[str, ...]:
    """The counters of a day that kept answers raise: how likely somebody recommends, by score."""
    scored = (part_of(at) for at, question in enumerate(survey.questions) if question.nps)
    return tuple(f"nps:{answers[part]}" for part in scored if answers.get(part, SKIPPED) != SKIPPED)


def could_answer(question: Question, words: str) -> bool:
    """Whether words are meant as an answer: all of them for a free question, else only what is nothing but an answer, right or wrong.

    To a question of scores whatever begins with a digit and asks nothing is one; what score it is, is asked again where it is not clear.
    """
    said = normalise(words).strip(ENDINGS)
    if question.kind == "text" or said in SKIPS:
        return bool(said)
    if question.kind == "score":
        return _SCORE.fullmatch(said) is not None or (said[:1].isdecimal() and not is_question(words))
    return is_choice(words, question.options)


def example_of(question: Question) -> str:
    """How to answer a question, with an example."""
    skip = "，不想答就回复：跳过" if question.optional else ""
    if question.kind == "text":
        return f"请用一两句话回答，最多 {LONGEST_TEXT} 个字，例如：活动很好，希望再多一点{skip}"
    if question.kind == "score":
        ends = f"（0 {question.low}，{HIGHEST} {question.high}）" if question.low and question.high else ""
        return f"请回复 0–{HIGHEST} 的一个整数{ends}，例如：9{skip}"
    if question.kind == "multi":
        limit = f"最多选 {question.most} 项" if question.most else "可以选几项"
        return f"请回复选项的编号，{limit}，例如：1 2{skip}"
    return f"请回复选项的编号 1–{len(question.options)}，例如：1{skip}"


def _text(words: str, question: Question) -> str:
    text = " ".join(words.split())
    if not any(map(str.isalnum, text)):
        raise AnswerProblem(example_of(question))
    if len(text) > LONGEST_TEXT:
        raise AnswerProblem(f"太长了（{len(text)} 个字）。{example_of(question)}")
    return text


def _score(said: str) -> int | None:
    found = _SCORE.fullmatch(said)
    return int(found[1]) if found and int(found[1]) <= HIGHEST else None


def _options(said: str, question: Question) -> tuple[int, ...]:
    chosen, missing = choose(said, question.options)
    if missing or not chosen:
        raise AnswerProblem(f"没有这个选项。{example_of(question)}")
    most = 1 if question.kind == "choice" else question.most or len(question.options)
    if len(chosen) > most:
        raise AnswerProblem(f"选多了：这一题{'只能选一项' if most == 1 else f'最多选 {most} 项'}。{example_of(question)}")
    return chosen


# What the answers come to -------------------------------------------------------------------------------------------------


def scores_of(tally: Mapping[str, int], at: int) -> tuple[int, ...]:
    """How often each score from 0 to 10 was given to a question."""
    return tuple(max(0, tally.get(f"{part_of(at)}:{score}", 0)) for score in range(HIGHEST + 1))


def nps_of(scores: Sequence[int]) -> Nps:
    """The Net Promoter Score of how often each score was given."""
    n, promoters, detractors = sum(scores), sum(scores[score] for score in PROMOTERS), sum(scores[score] for score in DETRACTORS)
    if not n:
        return Nps(0, 0, 0, 0, 0.0, 0.0)
    p, d = promoters / n, detractors / n
    return Nps(n, promoters, n - promoters - detractors, detractors, 100 * (p - d), 100 * _Z95 * sqrt((p + d - (p - d) ** 2) / n))


def mean_of(scores: Sequence[int]) -> float:
    """The mean of how often each score was given; 0 of none."""
    n = sum(scores)
    return sum(score * times for score, times in enumerate(scores)) / n if n else 0.0


def told_nps(nps: Nps) -> str:
    """A Net Promoter Score in words, with its n and margin; too few scores are said to be too few."""
    if not nps.n:
        return "还没有人打分。"
    groups = f"推荐者（9–10 分）{nps.promoters} 人，中立者（7–8 分）{nps.passives} 人，贬损者（0–6 分）{nps.detractors} 人"
    if not nps.is_enough:
        return f"只有 {nps.n} 人打分，不到 {ENOUGH} 人，算出的 NPS 没有意义，先不显示。{groups}。"
    return f"NPS = {signed(nps.score)}（n = {nps.n}，{margin_of(nps)}）。{groups}。"


def margin_of(nps: Nps) -> str:
    """The margin in words."""
    return f"95% 误差 ±{nps.margin:.0f}" if nps.margin else "大家打的分同属一类，误差算不出来"


def signed(score: float) -> str:
    """A score as it is said: +32, 0, −5."""
    whole = int(abs(score) + 0.5)
    return "0" if not whole else f"{'+' if score > 0 else '−'}{whole}"


def counted(tally: Mapping[str, int], question: Question, at: int) -> tuple[int, tuple[int, ...]]:
    """How many answered a question of options, and how often each option was chosen."""
    part = part_of(at)
    return max(0, tally.get(f"{part}:n", 0)), tuple(max(0, tally.get(f"{part}:{n}", 0)) for n in range(1, len(question.options) + 1))
