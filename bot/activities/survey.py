"""问卷: questions that are asked in private, one after the other. What comes of them is told without names, and words only to operators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bot.activities.form import Field, Form
from bot.activities.kind import ActivityKind, Post, Settlement, Stage
from bot.activities.words import short, terms_of
from bot.cards import Checkbox, Link, Option, Submit, TextNotice, VoteInteraction, task_of
from bot.drawing import drawn
from bot.errors import UserError
from bot.live import Contents
from bot.members import plain
from rules.activities import Activity, KindId
from rules.activity_words import Request
from rules.polls import bar, percent
from rules.surveys import (
    HIGHEST,
    KINDS,
    SKIPPED,
    Question,
    Survey,
    counted,
    example_of,
    find_survey,
    margin_of,
    mean_of,
    nps_counters,
    nps_of,
    part_of,
    scores_of,
    signed,
    survey_of,
    tallies_of,
    told_nps,
)
from storage.activities import Entry, Kept

FEWEST = 3
"""With fewer people the figures say who answered what, so only operators see them."""
MOST_TEXTS, LONGEST_TEXT = 20, 150
"""What people wrote that a report shows of one question, and characters of each."""
DONE = "done"
"""Kept as the entry itself of who has answered everything."""
QUESTION = "answer"
"""The key of a card's question."""
EXAMPLE = "发起问卷 nps | 截止 明天20:00"
_PAGE = 1_000


class SurveyKind(ActivityKind):
    """What the desk asks about a survey."""

    id: KindId = "survey"
    form = Form(
        lines="", titled="问卷", titles=lambda contents: {one.id: one.title for one in contents.surveys}, rules="surveys",
        fields=(Field("不公布", "截止后数字只给管理员看", is_switch=True),),
    )  # fmt: skip

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec of the survey that is meant by its id or title."""
        found = find_survey(contents.surveys, request.title)
        if found is None or request.lines:
            wrong = (
                f"没有“{request.title}”这份问卷"
                if found is None
                else f"“{request.lines[0][:20]}”看不懂，可以加的是 截止、开始、上限、奖励积分、不公布"
            )
            raise UserError(f"{wrong}。现有的问卷：{offered(contents)}。写法是：{EXAMPLE}")
        return found.title, {"survey": found.spec, "is_public": not request.has("不公布")}

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """The questionnaire as it was when the survey was made, and whether its figures are told in the group (``is_public``)."""
        if not spec.get("survey"):
            raise UserError("是哪一份问卷？写法是：发起问卷 nps | 截止 明天20:00。说“发起问卷”看有哪些。")
        return {"survey": survey_of(spec["survey"]).spec, "is_public": bool(spec.get("is_public", True))}

    def preview(self, stage: Stage) -> str:
        """All the questions, and who will see what comes of them."""
        survey = questions_of(stage.activity)
        rows = [f"{at}. {_asked(question)}" for at, question in enumerate(survey.questions, 1)]
        public = "截止后在群里公布数字，回答的原话只给管理员看（不带名字）。"
        private = "结果只给管理员看（不带名字）。"
        return "\n".join(
            filter(None, (f"📋 {stage.activity.title}", survey.text, *rows, public if stage.activity.spec.get("is_public") else private))
        )

    def opening(self, stage: Stage) -> Post:
        """How many questions, and how to answer."""
        activity, survey = stage.activity, questions_of(stage.activity)
        head = f"📋 问卷：{activity.title}（{len(survey.questions)} 题）"
        return Post("\n".join(filter(None, (head, survey.text, terms_of(stage), how_to(activity), "管理员看得到回答，看不到是谁答的。"))))

    def reminder(self, stage: Stage) -> Post | None:
        """How many have answered already."""
        return Post(f"📋 问卷“{stage.activity.title}”快截止了，已有 {stage.activity.entries} 人答完。{how_to(stage.activity)}")

    def settle(self, stage: Stage) -> Settlement:
        """The counts; what people wrote is read where it is shown, so that it goes with them."""
        return Settlement({"tally": stage.stores.activities.tally(stage.community.keys, stage.activity.number)}, self.results(stage))

    def standing(self, stage: Stage, member: int) -> str:
        """How far one's own answers have come."""
        activity, survey = stage.activity, questions_of(stage.activity)
        there = stage.stores.activities.entries_of(stage.community.keys, activity.number, member) if member else {}
        answered = sum(part_of(at) in there for at in range(len(survey.questions)))
        if "" in there:
            return "你已经答完了，谢谢！"
        own = f"你答了 {answered}/{len(survey.questions)} 题。" if answered else ""
        return f"{len(survey.questions)} 题。{own}{how_to(activity) if activity.is_open else ''}"

    def results(self, stage: Stage) -> Post:
        """The figures with their picture, as far as everybody may see them: none of what people wrote."""
        activity = stage.activity
        head = f"📋 问卷“{activity.title}”，{activity.entries} 人答完"
        if activity.state not in ("closed", "settled"):
            return Post(f"{head}。" + ("截止后公布结果。" if activity.spec.get("is_public") else "结果只给管理员看。"))
        if not activity.spec.get("is_public"):
            return Post(f"{head}，已截止，谢谢大家！结果只给管理员看。")
        if activity.entries < FEWEST:
            return Post(f"{head}，已截止，谢谢！不到 {FEWEST} 人就不公布数字，否则会看出谁答了什么。")
        return Post("\n".join([f"{head}：", *figures(stage)]), image=picture(stage))


def offered(contents: Contents) -> str:
    """The questionnaires that there are, as they are listed."""
    return "、".join(f"{one.title}（{one.id}）" for one in contents.surveys) or "还没有，请写在 surveys.yaml 里"


def questions_of(activity: Activity) -> Survey:
    """The questionnaire of an activity."""
    return survey_of(activity.spec["survey"])


def piece(at: int, answer: str) -> Entry:
    """An answer as it is put in; the first one holds. It counts with all others, when its member is through."""
    return Entry(answer, part=part_of(at), unnamed=True)


def finished(survey: Survey, answers: Mapping[str, Kept]) -> Entry:
    """That somebody has answered everything, with these answers by part."""
    values = {part: kept.value for part, kept in answers.items()}
    return Entry(DONE, tallies=(DONE, *tallies_of(survey, values)), unnamed=True, counts=nps_counters(survey, values))


def how_to(activity: Activity) -> str:
    """How to answer, in words that are clear whatever else is running."""
    return f"请私聊我说“问卷 {activity.number}号”，一题一题地答，中途停了再说一次就接着来。"


# What came of it ----------------------------------------------------------------------------------------------------------


def report(stage: Stage) -> Post:
    """Everything that operators see: the figures at this moment, and what people wrote, in an order that tells nobody's place."""
    activity = stage.activity
    head = f"📋 问卷“{activity.title}”（{activity.number} 号），{activity.entries} 人答完"
    return Post("\n".join([f"{head}：", *figures(stage, with_texts=True)]), image=picture(stage))


def figures(stage: Stage, *, with_texts: bool = False) -> list[str]:
    """What was answered to each question, as lines."""
    survey, tally = questions_of(stage.activity), _tally(stage)
    texts = texts_of(stage) if with_texts else {}
    lines = list[str]()
    for at, question in enumerate(survey.questions):
        lines.append(f"{at + 1}. {question.ask}")
        lines += _told(question, at, tally)
        lines += _listed(stage, texts.get(at, ())) if question.kind == "text" and with_texts else []
    return lines


def texts_of(stage: Stage) -> dict[int, list[str]]:
    """What those who answered everything wrote, by question (from 0), in an order that tells nothing of whose it is.

    Reasons that are asked behind a score for the Net Promoter Score have it in front, the best first; else the texts' own order counts.
    """
    survey = questions_of(stage.activity)
    asked = [at for at, question in enumerate(survey.questions) if question.kind == "text"]
    scored = {at: part_of(at - 1) for at in asked if at and survey.questions[at - 1].nps}
    found: dict[int, list[tuple[int, str]]] = {at: [] for at in asked}
    for answers in _everybody(stage) if asked else ():
        for at in asked:
            score = answers.get(scored[at], "") if at in scored else ""
            is_scored = score.isdecimal()
            if (text := answers.get(part_of(at), "")) not in ("", SKIPPED):
                found[at].append((-int(score), f"{score} 分：{text}") if is_scored else (0, text))
    return {at: [said for _, said in sorted(rows)] for at, rows in found.items()}


def answers_of(stage: Stage) -> list[list[str]]:
    """The answers of those who answered everything as rows below the questions: without names, and in an order that tells nobody's place."""
    questions = questions_of(stage.activity).questions
    rows = [[_in_words(question, answers.get(part_of(at), "")) for at, question in enumerate(questions)] for answers in _everybody(stage)]
    return [[question.ask for question in questions], *sorted(rows)]


def picture(stage: Stage) -> str:
    """The first question of scores as a picture, that of recommending before others; else the first of options; '' without either."""
    survey, tally = questions_of(stage.activity), _tally(stage)
    order = sorted(range(len(survey.questions)), key=lambda at: (not survey.questions[at].nps, survey.questions[at].kind != "score", at))
    for at in order:
        question = survey.questions[at]
        if question.kind == "score":
            return _scores(stage, question, scores_of(tally, at))
        if question.kind != "text":
            return _bars(stage, question, *counted(tally, question, at))
    return ""


def _everybody(stage: Stage) -> Iterator[Mapping[str, str]]:
    """The answers of each who is through, by part."""
    store, where, number = stage.stores.activities, stage.community.keys, stage.activity.number
    for start in range(0, stage.activity.entries, _PAGE):
        for kept in store.all_of(where, number, start=start, count=_PAGE):
            yield {part: one.value for part, one in kept.items()}


def _in_words(question: Question, value: str) -> str:
    """An answer as it is kept, in words; '' for one that was skipped."""
    if value in ("", SKIPPED):
        return ""
    if not question.options:
        return value
    return "、".join(question.options[int(number) - 1] for number in value.split(",") if 0 < int(number) <= len(question.options))


def _tally(stage: Stage) -> Mapping[str, int]:
    tally: Mapping[str, int] = stage.activity.result.get("tally") or stage.stores.activities.tally(
        stage.community.keys, stage.activity.number
    )
    return tally


def _told(question: Question, at: int, tally: Mapping[str, int]) -> list[str]:
    skipped = tally.get(f"{part_of(at)}:{SKIPPED}", 0)
    also = f"（{skipped} 人跳过）" if skipped else ""
    if question.kind == "text":
        return [f"{tally.get(f'{part_of(at)}:text', 0)} 人写了{also}"]
    if question.kind == "score":
        scores = scores_of(tally, at)
        shares = "，".join(f"{score} 分 {times} 人" for score, times in enumerate(scores) if times)
        if question.nps:
            return [told_nps(nps_of(scores)) + also]
        return [f"平均 {mean_of(scores):.1f} 分（{sum(scores)} 人打分{also}）：{shares}" if shares else f"还没有人打分{also}"]
    n, times = counted(tally, question, at)
    rows = zip(question.options, times, strict=True)
    return [
        f"{n} 人回答{also}",
        *(f"{text}\n{bar(count / n if n else 0)} {count} 人 {percent(count / n if n else 0)}" for text, count in rows),
    ]


def _listed(stage: Stage, texts: Sequence[str]) -> list[str]:
    """What people wrote, but what the judge objects to."""
    fit = [text for text in texts if stage.contents.judge.judge(text).verdict == "pass"]
    hidden = len(texts) - len(fit)
    more = [f"……还有 {len(fit) - MOST_TEXTS} 条"] if len(fit) > MOST_TEXTS else []
    return [
        *(f"• {plain(short(text, LONGEST_TEXT))}" for text in fit[:MOST_TEXTS]),
        *more,
        *([f"（{hidden} 条有不合适的话，没有显示）"] if hidden else []),
    ]


def _scores(stage: Stage, question: Question, times: Sequence[int]) -> str:
    n = sum(times)
    facts: dict[str, Any] = {
        "title": short(stage.activity.title, 60), "question": short(question.ask, 60), "community": short(stage.community.name, 40), "times": list(times),
        "is_nps": question.nps, "sentence": f"{n} 人打分",
    }  # fmt: skip
    if question.nps and (nps := nps_of(times)).is_enough:
        sentence = f"n = {nps.n}，{margin_of(nps)}"
        facts |= {"nps": {"score": nps.score, "margin": nps.margin, "said": signed(nps.score)}, "sentence": sentence}
    elif n and not question.nps:
        facts |= {"mean": f"{mean_of(times):.1f}", "sentence": f"{stage.activity.entries} 人答完"}
    return drawn("scores", facts)


def _bars(stage: Stage, question: Question, n: int, times: Sequence[int]) -> str:
    most = max(times, default=0)
    order = sorted(range(len(times)), key=lambda at: (-times[at], at))
    facts = {
        "title": short(question.ask, 60), "subtitle": f"问卷“{short(stage.activity.title, 20)}” · {n} 人回答", "community": short(stage.community.name, 40),
        "bars": [[at + 1, short(question.options[at], 24), times[at], bool(most) and times[at] == most] for at in order], "voters": n,
    }  # fmt: skip
    return drawn("bars", facts)


# Asking -------------------------------------------------------------------------------------------------------------------


def ask(activity: Activity, at: int) -> str:
    """A question as it is asked."""
    survey = questions_of(activity)
    question = survey.questions[at]
    options = [f"{number}. {text}" for number, text in enumerate(question.options, 1)]
    return "\n".join([f"（{at + 1}/{len(survey.questions)}）{question.ask}", *options, example_of(question)])


def card_of(activity: Activity, at: int, community: str, home: str, *, once: str) -> VoteInteraction | TextNotice:
    """A question as a card: to be clicked, or to be read where words are asked for. ``home`` is where a tap leads."""
    survey = questions_of(activity)
    question, number = survey.questions[at], f"{at + 1}/{len(survey.questions)}"
    if question.kind == "text":
        return TextNotice(title=f"{number} {question.ask}", sub_title=example_of(question), action=Link(home))
    texts: Iterable[tuple[int, str]] = enumerate(question.options, 1)
    if question.kind == "score":
        texts = ((score, f"{score} 分") for score in range(HIGHEST, -1, -1))
    return VoteInteraction(
        title=f"{number} {question.ask}",
        desc=example_of(question) if question.kind == "score" else "",
        checkbox=Checkbox(QUESTION, tuple(Option(str(id), text) for id, text in texts), is_many=question.kind == "multi"),
        submit=Submit(f"survey:{community}:{activity.number}:{at}", "提交"),
        task=task_of("survey", community, str(activity.number), str(at), once),
    )


def _asked(question: Question) -> str:
    options = f"：{'、'.join(question.options)}" if question.options else ""
    return f"{question.ask}（{KINDS[question.kind]}{'，可跳过' if question.optional else ''}）{options}"
