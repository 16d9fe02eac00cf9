"""话题: members reply to a topic and like each other's replies; who has the level for it may propose one, which an operator then begins."""

from __future__ import annotations

import re

from bot.activities.asking import desk_of, draft_of, honours, propose, read_from
from bot.activities.desk import ActivityDesk
from bot.activities.kind import PROPOSED
from bot.activities.meant import addressed
from bot.activities.topic import EXAMPLE, TopicKind
from bot.cards import Button, ButtonInteraction, Fact, Link, TextNotice, task_of
from bot.context import Context
from bot.errors import UserError
from bot.members import harmless, name_of
from bot.message import Message, Reply
from bot.permissions import may
from bot.router import Router
from bot.staff import to_staff
from bot.submission_desk import SubmissionDesk
from rules.activities import Activity
from rules.activity_words import Request
from rules.levels import level_of
from rules.questions import asks_about
from storage.activities import Entry
from storage.moment import to_ms

SETTINGS = ("奖励", "每人", "先审", "先审后发", "每周")
USAGE = f"写法是：{EXAMPLE}。还可以加：每人 3、先审后发、每周（或：每周 下周题目 / 再下周题目）"
SAY = "话题 我每天睡前读二十页"
LIKE = "写法是：赞 编号，例如：赞 3。编号在每条话题回复的前面，说“话题”看。"
LOOKED_AT = 20
"""The newest activities, among which a member's own proposals are looked for."""

router = Router()


# Operators, and who has the level for it ----------------------------------------------------------------------------------


@router.command("发起话题", "新建话题", "创建话题", takes_words=True, unless=asks_about)
def begin(message: Message, ctx: Context) -> Reply:
    """发起话题 标题 | 说明 | 奖励 30：开一个话题，可以加 截止、每周；等级够的成员也可以提"""
    is_operator = may(ctx.role, "operator")
    if not is_operator:
        _check_level(ctx)
    request = read_from(message, ctx, SETTINGS, USAGE)
    if is_operator:
        return propose(message, ctx, "topic", request)
    return _suggest(request, message, ctx)


@router.card("topic", role="operator")
def decide_by_card(message: Message, ctx: Context) -> Reply:
    """话题卡片：点一下，成员提的话题就开始，或者不要"""
    if len(ctx.args) != 3 or ctx.args[0] != ctx.community.id or not ctx.args[1].isdecimal() or ctx.args[2] not in ("yes", "no"):
        raise UserError("这张卡片属于另一个社群，或已经过期，请说“活动”看看。")
    desk = desk_of(ctx)
    activity = desk.get(int(ctx.args[1]))
    link = Link(ctx.config.server.home)
    is_repeat = ctx.stores.activities.has_done(ctx.community.keys, activity.number, once=message.id)
    if activity.state != "draft" and not is_repeat:
        said = f"话题“{activity.title}”已经有人处理过了。"
        return Reply(said, update_card=TextNotice(title=f"话题 {activity.number}", sub_title=said, action=link))
    if ctx.args[2] == "yes":
        later = activity.opens is not None and activity.opens > ctx.now()
        changed = (desk.schedule if later else desk.open)(activity, ctx.actor, once=message.id)
        said = f"话题“{activity.title}”{'定好了时间' if later else '开始了'}。"
    else:
        changed = desk.cancel(activity, ctx.actor, once=message.id)
        said = f"话题“{activity.title}”没有采用。"
    if changed.outcome == "moved":
        raise UserError(f"刚刚有人动过这个话题，请再看一眼：活动 {activity.number}")
    return Reply(
        said, update_card=TextNotice(title=f"话题 {activity.number}", sub_title=said, action=link), note={"activity": activity.number}
    )


def _check_level(ctx: Context) -> None:
    levels = ctx.contents.levels
    if level_of(levels, ctx.stores.points.earned(ctx.community.keys, ctx.member)).topics:
        return
    first = next((level for level in levels.steps if level.topics), None)
    who = f"到「{first.name}」（累计 {first.at} 积分）就可以发起话题了。" if first else "话题由运营发起。"
    raise UserError(f"{who}现在可以参加大家的话题，例如：{SAY}")


def _suggest(request: Request, message: Message, ctx: Context) -> Reply:
    """A member's topic is a draft until an operator begins it; what it brings is for operators to say."""
    if any(request.has(name) for name in ("奖励", "奖励积分", "花费", "每周")):
        raise UserError("奖励、花费和每周由运营来定，不用写，例如：发起话题 你最近怎么读书？ | 说说你的办法 | 截止 周日20:00")
    if ctx.contents.judge.judge(" ".join((request.title, *request.lines))).verdict != "pass":
        raise UserError("话题里有不合适的内容，请换个说法，例如：发起话题 你最近怎么读书？ | 说说你的办法")
    desk = desk_of(ctx)
    _, newest = ctx.stores.activities.newest(ctx.community.keys, LOOKED_AT)
    mine = next((one for one in newest if one.kind == "topic" and one.author == ctx.member and one.state == "draft"), None)
    if mine and mine.title != request.title:
        raise UserError(f"你提的“{mine.title}”还在等运营点头，等有了回音再提下一个。先聊聊现在的，例如：{SAY}")
    chat = "" if message.is_private else message.chat
    if mine is None:
        activity = draft_of(desk, "topic", request, author=ctx.member, chat=chat, once=message.id, is_proposed=True)
    else:
        activity = _corrected(desk, mine, request, ctx, once=message.id)
    _ask_operators(activity, ctx)
    return Reply(f"已经把话题“{harmless(activity.title)}”交给运营，同意后就会开始，结果会私聊告诉你。", note={"activity": activity.number})


def _corrected(desk: ActivityDesk, mine: Activity, request: Request, ctx: Context, *, once: str) -> Activity:
    """What a member proposes is proposed again in other words: the draft takes them."""
    _, spec = TopicKind().read(request, ctx.contents)
    wanted = TopicKind().check({**spec, PROPOSED: True})
    if (wanted, request.opens, request.closes) == (mine.spec, mine.opens, mine.closes):
        return mine
    changed = desk.edit(mine, ctx.actor, once=once, spec=wanted, opens=request.opens, closes=request.closes)
    if changed.outcome == "moved":
        raise UserError(f"运营刚刚动过你提的“{mine.title}”，请再说一次，例如：发起话题 {mine.title} | 说说你的办法")
    return changed.activity


def _ask_operators(activity: Activity, ctx: Context) -> None:
    number, name = activity.number, name_of(ctx.stores, ctx.member)
    said = harmless(
        f"💬 {name} 想发起话题“{activity.title}”（活动 {number}）。看看：活动 {number}；同意说：活动 开始 {number}；不要说：活动 取消 {number}"
    )
    key = f"topic:{ctx.community.id}:{number}"
    card = ButtonInteraction(
        title=f"话题：{activity.title}",
        desc=f"{name} 提议",
        sub_title=activity.spec["note"] or "同意就马上开始。",
        facts=(Fact("社群", ctx.community.name),),
        buttons=(Button("同意", f"{key}:yes", style=1), Button("不要", f"{key}:no", style=2)),
        task=task_of("topic", ctx.community.id, str(number)),
    )
    now_ms, id = to_ms(ctx.now()), f"topic:{ctx.community.id}:{number}:asked:{activity.revision}"
    posts = to_staff(ctx.stores, ctx.config, ctx.community, said, id=id, now_ms=now_ms, card=card, about=(ctx.member,))
    ctx.stores.outbox.enqueue(ctx.community.shard, posts, now_ms)


# Members ------------------------------------------------------------------------------------------------------------------


@router.command("话题", "本周话题", "今日话题", takes_words=True, unless=asks_about)
def talk(message: Message, ctx: Context) -> Reply | list[Reply]:
    """话题 你的想法：参加正在聊的话题；话题 看有哪些，赞 3 给一条点赞"""
    parts = message.text.split(None, 1)
    return _talk(parts[1].strip() if len(parts) > 1 else "", message, ctx)


@router.pattern(r"话题\s*[:,][\s\S]+", name="话题：")
def talk_at_once(message: Message, ctx: Context) -> Reply | list[Reply]:
    """话题：和想法写在一起"""
    return _talk(message.text.strip()[2:].lstrip(" :：,，\n"), message, ctx)


@router.pattern(r"给\s*(\d{1,7})\s*号\s*(?:点个?赞|赞一?个?)", name="给3号点赞")
@router.pattern(r"(?:赞|点赞)\s*#?第?\s*(\d{1,7})\s*(?:号|条)?", name="赞3")
def like(message: Message, ctx: Context) -> Reply:
    """赞 3：给话题里的 3 号点赞"""
    return _like(ctx.args[0], message, ctx)


def _talk(words: str, message: Message, ctx: Context) -> Reply | list[Reply]:
    liked = re.fullmatch(r"(?:赞|点赞)\s*#?(\d{0,7})\s*(?:号|条)?", words)
    if liked:
        if not liked[1]:
            raise UserError(LIKE)
        return _like(liked[1], message, ctx)
    pictures = sum(one.kind == "image" for one in message.attachments)
    if not words and not pictures:
        return _show(message, ctx)
    return _reply(words, pictures, message, ctx)


def _show(message: Message, ctx: Context) -> Reply:
    running = [one for one in ctx.stores.activities.running(ctx.community.keys) if one.kind == "topic" and one.is_open]
    desk = desk_of(ctx)
    if len(running) == 1:
        topic = running[0]
        said = TopicKind().standing(desk.stage(topic), ctx.member)
        parts = (f"💬 话题：{topic.title}", said.text, desk.terms(topic))
        return Reply("\n".join(filter(None, parts)), note={"activity": topic.number}, about=said.about)
    if not running:
        return Reply(f"现在没有正在聊的话题。有话题的时候这样说：{SAY}")
    rows = "\n".join(f"{one.number}号 {one.title}" for one in running[:20])
    return Reply(f"正在聊的话题：\n{rows}\n前面写上几号，例如：话题 {running[0].number}号 我的想法")


def _reply(words: str, pictures: int, message: Message, ctx: Context) -> Reply | list[Reply]:
    desk, shelf = desk_of(ctx), SubmissionDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())
    running = [one for one in ctx.stores.activities.running(ctx.community.keys) if one.kind == "topic"]
    named, text = addressed(words, running)
    activity = named or desk.find_running("topic", chat=message.chat, among=running)
    shelf.check(text, pictures, SAY)
    entered = desk.enter(activity, ctx.member, Entry(""), once=message.id)
    if entered.outcome not in ("ok", "same", "already"):
        return Reply(desk.words_of(entered, activity), note={"activity": activity.number, "outcome": entered.outcome})
    handed = shelf.hand_in(
        activity, ctx.member, text, pictures=pictures, most=activity.spec["each"], is_reviewed=activity.spec["review"], example=SAY,
        once=message.id,
    )  # fmt: skip
    number, note = handed.added.number, {"activity": activity.number, "outcome": handed.added.outcome, "submission": handed.added.number}
    if handed.added.outcome == "most":
        return Reply(f"“{activity.title}”每人最多 {activity.spec['each']} 条，你说完了。看看别人的，喜欢就说：赞 编号", note=note)
    if handed.added.outcome != "ok":
        return Reply(f"“{activity.title}”已经截止了。说“活动 结果 {activity.number}”看结果。", note=note)
    gained = f"积分 +{entered.points}。" if entered.outcome == "ok" and entered.points else ""
    if handed.state == "approved":
        said = f"记下了，你的是 {number} 号。{gained}大家喜欢就说：赞 {number}"
    else:
        said = f"收到（{number} 号），审核后大家就能看到。{gained}"
    return [Reply(said, note=note, counts=("topic_replies",)), *honours(ctx, entered, once=f"{activity.number}|{message.id}")]


def _like(number: str, message: Message, ctx: Context) -> Reply:
    store, where = ctx.stores.submissions, ctx.community.keys
    found = store.find(where, int(number))
    if found is None or found.kind == "box":
        raise UserError(f"没有 {int(number)} 号。编号在每条话题回复的前面，说“话题”看，例如再说：赞 3")
    liked = store.like(where, found, ctx.member, ctx.now(), once=message.id)
    note = {"submission": found.number, "like": liked.outcome}
    if liked.outcome == "ok":
        return Reply(f"👍 {found.number} 号现在有 {liked.likes} 个赞。", note=note, counts=("likes",))
    refusal = {
        "already": f"你已经赞过 {found.number} 号了，它有 {liked.likes} 个赞。",
        "own": "不能给自己点赞，看看别人的吧。",
        "closed": "已经截止了，不能再点赞。",
        "gone": f"{found.number} 号还看不到，等审核通过再来赞。",
    }[liked.outcome]
    return Reply(refusal, note=note)
