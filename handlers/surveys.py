"""问卷: answered in a single chat, one question after the other; operators begin surveys and read what came of them, without names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.activities.asking import desk_of, honours, propose, read_from
from bot.activities.meant import listed, marked, numbered, of_number, running_of
from bot.activities.survey import EXAMPLE, ask, card_of, finished, how_to, offered, piece, questions_of, report
from bot.cards import Link, TextNotice, VoteInteraction
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from rules.activities import Activity
from rules.choices import ENDINGS
from rules.questions import asks
from rules.surveys import AnswerProblem, could_answer, next_question, part_of, read_answer, survey_of
from rules.text import normalise
from storage.activities import Kept

SETTINGS = ("不公布",)
LEAVES = frozenset({"退出", "取消", "不答了", "退出问卷", "以后再说", "先不答", "算了"})
CHOICE_LIFE_S, WORDS_LIFE_S = 86_400, 1_800
"""How long a question is waited for: a day where only a number can be meant, half an hour where any words can."""

router = Router()


# Operators ----------------------------------------------------------------------------------------------------------------


@router.command("发起问卷", "新建问卷", "创建问卷", role="operator", takes_words=True)
def begin(message: Message, ctx: Context) -> Reply:
    """发起问卷 名称 | 截止 明天20:00：发起一份写好的问卷，可以加 不公布"""
    request = read_from(message, ctx, SETTINGS, f"写法是：{EXAMPLE}\n现有的问卷：{offered(ctx.contents)}")
    return propose(message, ctx, "survey", request)


# Members ------------------------------------------------------------------------------------------------------------------


@router.command("问卷", "填问卷", "问卷调查", "做问卷", "答问卷", takes_words=True, unless=asks)
def begin_answering(message: Message, ctx: Context) -> Reply | list[Reply]:
    """问卷：在单聊里一题一题地回答，停下了再说一次就接着来"""
    words = normalise(" ".join(ctx.args)).strip(ENDINGS)
    head, _, rest = words.partition(" ")
    if head in ("结果", "报告"):
        return _report(rest, message, ctx)
    running = running_of(ctx, "survey")
    if not words and len(running) != 1:
        return _list(running)
    activity = _of_number(words, ctx) if words else running[0]
    if message.chat:
        return Reply(f"📋 “{activity.title}”（{len(questions_of(activity).questions)} 题）：{how_to(activity)}群里不用答。")
    return _go_on(activity, message, ctx)


def _is_answer(words: str, choices: tuple[str, ...]) -> bool:
    """Whether words answer the question: what its own kind takes, or a word that leaves the survey."""
    if normalise(words).strip(ENDINGS) in LEAVES:
        return True
    kind, options = choices[2], choices[3:]
    question = {"ask": "", "kind": kind, "options": options}
    return could_answer(survey_of({"id": "", "title": "", "questions": [question]}).questions[0], words)


# what the word list finds would be filed with its name as a case: _answered judges the words itself, and keeps nobody
@router.open_prompt("survey", _is_answer, is_confidential=True)
def answer(message: Message, ctx: Context) -> Reply | list[Reply]:
    """问卷：回答正在问的题"""
    words, number, at, *_ = ctx.args
    activity = _of_number(number, ctx)
    if normalise(words).strip(ENDINGS) in LEAVES:
        return Reply(f"好的，答过的都记着。想接着答说“问卷 {activity.number}号”。", note={"activity": activity.number, "left": True})
    if message.chat:
        raise UserError(f"群里人多，{how_to(activity)}")
    return _answered(activity, int(at), words, message, ctx)


@router.card("survey")
def click(message: Message, ctx: Context) -> Reply | list[Reply]:
    """问卷卡片：选好以后点“提交”"""
    try:
        head, *rest = _clicked(message, ctx)
    except UserError as refusal:
        # a click has no other answer than the card's new face
        head, rest = Reply(f"{refusal}", note={"refused": True}), []
    shown = head.card if isinstance(head.card, VoteInteraction | TextNotice) else None
    face = shown or TextNotice(title="问卷", sub_title=head.text, action=Link(ctx.config.server.home))
    return [Reply(head.text, update_card=face, prompt=head.prompt, note=head.note, counts=head.counts), *rest]


def _clicked(message: Message, ctx: Context) -> list[Reply]:
    is_ours = len(ctx.args) == 3 and ctx.args[0] == ctx.community.id and ctx.args[2].isdecimal()
    if not is_ours or message.event is None:
        raise UserError("这张卡片属于另一个社群，或已经过期，请再说一次“问卷”。")
    activity, at = _of_number(ctx.args[1], ctx), int(ctx.args[2])
    if at >= len(questions_of(activity).questions):
        raise UserError("这张卡片已经过期，请再说一次“问卷”。")
    words = " ".join(id for ids in message.event.selected.values() for id in ids)
    return _answered(activity, at, words, message, ctx)


def _answered(activity: Activity, at: int, words: str, message: Message, ctx: Context) -> list[Reply]:
    """Takes an answer and asks the next question; the same question again, with an example, where it was none."""
    survey = questions_of(activity)
    try:
        given = read_answer(survey, at, words)
    except AnswerProblem as problem:
        return [_asking(activity, at, message, ctx, before=f"{problem}\n\n")]
    if survey.questions[at].kind == "text" and ctx.contents.judge.judge(given).verdict == "warn":
        return [_asking(activity, at, message, ctx, before="这句话里有不合适的内容，没有记下，请换个说法。\n\n")]
    desk = desk_of(ctx)
    done = desk.enter(activity, ctx.member, piece(at, given), once=message.id)
    if done.outcome not in ("ok", "same", "already"):
        return [Reply(desk.words_of(done, activity), note={"activity": activity.number, "outcome": done.outcome})]
    before = "这一题你答过了，第一次的算数。\n\n" if done.outcome == "already" else ""
    return _next(activity, message, ctx, before=before)


def _go_on(activity: Activity, message: Message, ctx: Context) -> list[Reply]:
    if not activity.is_open:
        raise UserError(f"问卷“{activity.title}”现在不能答。说“问卷”看有没有别的，例如：问卷 {activity.number}号")
    if why := desk_of(ctx).admits(activity, ctx.member):
        raise UserError(why)
    return _next(activity, message, ctx, is_begin=True)


def _next(activity: Activity, message: Message, ctx: Context, *, before: str = "", is_begin: bool = False) -> list[Reply]:
    """The first question without an answer; the end where there is none left."""
    survey = questions_of(activity)
    there = ctx.stores.activities.entries_of(ctx.community.keys, activity.number, ctx.member)
    at = next_question(survey, there)
    if at is None:
        return _ended(activity, there, message, ctx)
    if 0 < activity.most <= activity.entries:
        raise UserError(f"问卷“{activity.title}”已经收满 {activity.most} 份了，谢谢！说“问卷”看有没有别的。")
    if is_begin:
        left = len(survey.questions) - sum(part_of(n) in there for n in range(len(survey.questions)))
        text = survey.text if not there else f"接着上次的来，还有 {left} 题。"
        before = "\n".join(filter(None, (f"📋 {activity.title}", text, "管理员看得到回答，看不到是谁答的。说“退出”停下。"))) + "\n\n"
    return [_asking(activity, at, message, ctx, before=before)]


def _ended(activity: Activity, there: Mapping[str, Kept], message: Message, ctx: Context) -> list[Reply]:
    survey = questions_of(activity)
    thanks = survey.thanks or "答完了，谢谢你！"
    if "" in there:
        return [Reply(f"“{activity.title}”你已经答完了，谢谢！每人答一次。", note={"activity": activity.number, "outcome": "already"})]
    desk = desk_of(ctx)
    done = desk.enter(activity, ctx.member, finished(survey, there), once=message.id)
    note = {"activity": activity.number, "outcome": done.outcome}
    if done.outcome not in ("ok", "already"):
        return [Reply(desk.words_of(done, activity), note=note)]
    points = f"积分 +{done.points}，现有 {done.balance} 积分。" if done.points else ""
    said = Reply(f"{thanks}{points}", note=note, counts=("survey_entries",))
    return [said, *honours(ctx, done, once=f"{activity.number}|{message.id}")]


def _asking(activity: Activity, at: int, message: Message, ctx: Context, *, before: str = "") -> Reply:
    question = questions_of(activity).questions[at]
    life = WORDS_LIFE_S if question.kind == "text" else CHOICE_LIFE_S
    prompt = Prompt("survey", (str(activity.number), str(at), question.kind, *question.options), life_s=life, is_secret=True)
    card = card_of(activity, at, ctx.community.id, ctx.config.server.home, once=message.id)
    shown = card if question.kind != "text" or message.event is not None else None
    note = {"activity": activity.number, "asked": at + 1}
    return Reply(f"{before}{ask(activity, at)}", card=shown, keeps_text=True, prompt=prompt, note=note)


# Which survey -------------------------------------------------------------------------------------------------------------


def _list(running: Sequence[Activity]) -> Reply:
    if not running:
        return Reply("现在没有进行中的问卷。说“活动”看看别的。")
    return Reply(f"正在进行的问卷：\n{listed(running)}\n请私聊我说编号，例如：问卷 {running[0].number}号")


def _of_number(words: str, ctx: Context) -> Activity:
    head = marked(words) or numbered(words)
    if head is None or head[1]:
        raise UserError("写法是：问卷 编号，例如：问卷 3号。只说“问卷”看有哪些。")
    return of_number(ctx, "survey", head[0], "问卷 3号")


def _report(words: str, message: Message, ctx: Context) -> Reply:
    if not may(ctx.role, "operator"):
        raise UserError("问卷的回答只有运营可以看。要答问卷请私聊我说：问卷")
    if not (message.is_private or ctx.in_admin_group):
        raise UserError("这里人多，结果请私聊我看，例如：问卷 结果 3")
    if not words:
        raise UserError("写法是：问卷 结果 编号，例如：问卷 结果 3。说“活动”看编号。")
    activity = _of_number(words, ctx)
    post = report(desk_of(ctx).stage(activity))
    return Reply(post.text, image=post.image, note={"activity": activity.number})
