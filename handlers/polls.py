"""投票: members vote in words, by number or on a card; operators begin polls and see who chose what, where a poll is not anonymous."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.activities.asking import desk_of, honours, propose, read_from
from bot.activities.meant import listed, marked, numbered, of_number, running_of
from bot.activities.poll import ballot, card_of, figures, how_to, named_options, own_vote, rules_of, voters_of
from bot.cards import Link, TextNotice
from bot.context import Context
from bot.errors import UserError
from bot.members import all_called
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from rules.activities import Activity
from rules.choices import ENDINGS, is_choice
from rules.polls import EXAMPLE, MOST_OPTIONS, SETTINGS, PollProblem, poll_of, read_ballot
from rules.questions import asks
from rules.text import normalise

MOST_NAMED = 30
"""Voters of one option that a list for operators names."""
NAMES_USAGE = "写法是：投票 名单 编号，例如：投票 名单 2"

router = Router()


# Operators ----------------------------------------------------------------------------------------------------------------


@router.command("发起投票", "新建投票", "创建投票", role="operator", takes_words=True)
def begin(message: Message, ctx: Context) -> Reply:
    """发起投票 标题 | 选项 | 选项：发起一个投票，可以加 截止、多选 2、匿名、不可改"""
    request = read_from(message, ctx, SETTINGS, f"写法是：{EXAMPLE}。还可以加：多选 2、匿名、不可改、上限 50")
    return propose(message, ctx, "poll", request)


# Members ------------------------------------------------------------------------------------------------------------------


# What is chosen may be a secret: none of it stands in the log, whatever the log keeps else.
@router.command("投票", "我要投票", "去投票", "参加投票", takes_words=True, is_secret=True, unless=asks)
def vote(message: Message, ctx: Context) -> Reply | list[Reply]:
    """投票：看正在进行的投票；投票 2 选第 2 项，投票 1 3 选两项"""
    words = " ".join(ctx.args)
    head, _, rest = words.partition(" ")
    if head in ("名单", "谁投了"):
        return _names(rest, message, ctx)
    if head in ("结果", "票数"):
        return _results(rest, ctx)
    running = running_of(ctx, "poll")
    if not words:
        return _shown(running, message, ctx)
    activity, said = _meant(words, running, ctx)
    return _voted(activity, said, message, ctx) if said else _one(activity, message, ctx)


@router.pattern(r"(?:投票|我投)\s*[:,]?\s*(\d{1,2}(?:[\s,、和]+\d{1,2}){0,19})|投票\s*[:,]\s*(\S.{0,80})", name="投票1", is_secret=True)
def vote_at_once(message: Message, ctx: Context) -> Reply | list[Reply]:
    """投票：编号和命令写在一起"""
    numbers, words = ctx.args
    activity, said = _meant(numbers.replace("和", " ") or words, running_of(ctx, "poll"), ctx)
    return _voted(activity, said, message, ctx) if said else _one(activity, message, ctx)


@router.open_prompt("poll", lambda words, choices: is_choice(words, choices[1:]))
def vote_by_number(message: Message, ctx: Context) -> Reply | list[Reply]:
    """投票：看到选项以后只回复编号"""
    words, number, *_ = ctx.args
    return _voted(_of_number(int(number), ctx), words, message, ctx)


@router.card("vote")
def click(message: Message, ctx: Context) -> Reply | list[Reply]:
    """投票卡片：选好以后点“投票”"""
    try:
        head, *rest = _clicked(message, ctx)
    except UserError as refusal:
        # a click has no other answer than the card's new face
        head, rest = Reply(f"{refusal}", note={"refused": True}), []
    face = TextNotice(title="投票", sub_title=head.text, action=Link(ctx.config.server.home))
    return [Reply(head.text, update_card=face, note=head.note, counts=head.counts), *rest]


def _clicked(message: Message, ctx: Context) -> list[Reply]:
    if len(ctx.args) != 2 or ctx.args[0] != ctx.community.id or not ctx.args[1].isdecimal() or message.event is None:
        raise UserError("这张卡片属于另一个社群，或已经过期，请再说一次“投票”。")
    chosen = [id for ids in message.event.selected.values() for id in ids]
    return _voted(_of_number(int(ctx.args[1]), ctx), " ".join(chosen), message, ctx)


def _voted(activity: Activity, words: str, message: Message, ctx: Context) -> list[Reply]:
    poll = poll_of(activity.spec)
    if poll.is_anonymous and message.chat:
        raise UserError(f"“{activity.title}”是匿名投票，这一票没有算。{how_to(activity)}")
    try:
        chosen = read_ballot(words, poll)
    except PollProblem as problem:
        several = f"（{activity.number} 号投票写成：投票 {activity.number}号 选项）" if activity.number > len(poll.options) else ""
        raise UserError(f"{problem}{several}") from None
    desk = desk_of(ctx)
    done = desk.enter(activity, ctx.member, ballot(poll, chosen), once=message.id)
    note = {"activity": activity.number, "outcome": done.outcome}
    named = "（匿名，不记选了什么）" if poll.is_anonymous else named_options(poll, chosen)
    if done.outcome == "already":
        kept = own_vote(activity, done.value)
        return [Reply(f"“{activity.title}”投出后不能改。{kept}", note=note)]
    if done.outcome == "same":
        return [Reply(f"你已经投了：{named}（“{activity.title}”）。", note=note)]
    if refusal := desk.words_of(done, activity):
        return [Reply(refusal, note=note)]
    points = f"积分 +{done.points}，现有 {done.balance} 积分。" if done.points else ""
    verb = "改投了" if done.outcome == "changed" else "投了"
    later = "截止后公布结果。" if poll.is_anonymous else f"说“投票 结果 {activity.number}”看票数。"
    reply = Reply(f"你{verb}：{named}（“{activity.title}”，共 {done.entries} 人）。{points}{later}", note=note, counts=("poll_entries",))
    return [reply, *honours(ctx, done, once=f"{activity.number}|{message.id}")]


# Which poll ---------------------------------------------------------------------------------------------------------------


def _of_number(number: int, ctx: Context) -> Activity:
    return of_number(ctx, "poll", number, "投票 1")


def _meant(words: str, running: Sequence[Activity], ctx: Context) -> tuple[Activity, str]:
    """Which poll words speak of, and what they say of it: a number in front is the poll's where several run, else the first option.

    Raises UserError with the polls that run.
    """
    by_number, said = {one.number: one for one in running}, normalise(words).strip(ENDINGS)
    if (head := marked(said)) and (head[0] in by_number or not running or head[0] > MOST_OPTIONS):
        return by_number.get(head[0]) or _of_number(head[0], ctx), head[1]
    if not running:
        raise UserError("现在没有进行中的投票。以前的结果说“投票 结果 编号”，例如：投票 结果 1")
    if len(running) == 1:
        return running[0], words
    if (head := numbered(said)) and head[0] in by_number:
        return by_number[head[0]], head[1]
    fitting = [one for one in running if not head and is_choice(words, poll_of(one.spec).options)]
    if len(fitting) == 1:
        return fitting[0], words
    raise UserError(f"现在有 {len(running)} 个投票，前面请写是几号：\n{listed(running)}\n例如：投票 {running[0].number}号 1")


def _shown(running: Sequence[Activity], message: Message, ctx: Context) -> Reply:
    if not running:
        return Reply("现在没有进行中的投票。说“活动”看看别的。")
    if len(running) == 1:
        return _one(running[0], message, ctx)
    return Reply(f"正在进行的投票：\n{listed(running)}\n说“投票 {running[0].number}号”看选项，“投票 {running[0].number}号 1”投给第 1 项。")


def _one(activity: Activity, message: Message, ctx: Context) -> Reply:
    """A poll with its options, so that a number, its words or a card answer it."""
    poll = poll_of(activity.spec)
    kept = ctx.stores.activities.entry_of(ctx.community.keys, activity.number, ctx.member)
    desk = desk_of(ctx)
    options = "\n".join(f"{number}. {text}" for number, text in enumerate(poll.options, 1))
    own = own_vote(activity, kept.value) if kept else ""
    rows = (f"🗳 投票（{activity.number} 号）：{activity.title}", options, rules_of(poll), desk.terms(activity), own)
    text = "\n".join(filter(None, rows))
    if not activity.is_open or (kept and poll.is_final):
        return Reply(text)
    prompt = Prompt("poll", (str(activity.number), *poll.options), is_secret=poll.is_anonymous)
    # A card that somebody clicked in a group would turn into his receipt before everybody's eyes.
    card = card_of(activity, ctx.community.id, once=message.id) if message.is_private else None
    how = how_to(activity) if poll.is_anonymous and message.chat else f"回复选项的编号就行，例如：{'1 2' if poll.most > 1 else '1'}"
    return Reply(f"{text}\n{how}", card=card, keeps_text=True, prompt=prompt)


# Looking ------------------------------------------------------------------------------------------------------------------


def _results(words: str, ctx: Context) -> Reply:
    number = normalise(words).strip(ENDINGS).removesuffix("号").removeprefix("#")
    if number and not (number.isdecimal() and len(number) < 7):
        raise UserError("写法是：投票 结果 编号，例如：投票 结果 1")
    running = [] if number else running_of(ctx, "poll")
    if not number and len(running) != 1:
        raise UserError("是几号投票？写法是：投票 结果 编号，例如：投票 结果 1。说“活动”看编号。")
    activity = _of_number(int(number), ctx) if number else running[0]
    desk = desk_of(ctx)
    post = desk.kind_of(activity).results(desk.stage(activity))
    return Reply(post.text, image=post.image, about=post.about)


def _names(words: str, message: Message, ctx: Context) -> Reply:
    if not may(ctx.role, "operator"):
        raise UserError("名单只有运营可以看。看票数请说：投票 结果 1")
    if not (message.is_private or ctx.in_admin_group):
        raise UserError("这里人多，名单请私聊我看，例如：投票 名单 1")
    number = normalise(words).strip(ENDINGS).removesuffix("号")
    if not (number.isdecimal() and len(number) < 7):
        raise UserError(NAMES_USAGE)
    activity = _of_number(int(number), ctx)
    poll, desk = poll_of(activity.spec), desk_of(ctx)
    if poll.is_anonymous:
        return Reply(f"“{activity.title}”是匿名投票，没有记下谁选了什么。{figures(desk.stage(activity))}")
    chose = voters_of(desk.stage(activity))
    shown = tuple(dict.fromkeys(member for members in chose.values() for member in members[:MOST_NAMED]))
    names = all_called(ctx.stores, shown)
    rows = [f"{at}. {text}（{len(chose[at])} 票）：{_people(chose[at], names)}" for at, text in enumerate(poll.options, 1)]
    return Reply(f"“{activity.title}”{activity.entries} 人投票：\n" + "\n".join(rows), about=shown, note={"activity": activity.number})


def _people(members: Sequence[int], names: Mapping[int, str]) -> str:
    named = "、".join(names[member] for member in members[:MOST_NAMED])
    return f"{named} 等" if len(members) > MOST_NAMED else named or "无"
