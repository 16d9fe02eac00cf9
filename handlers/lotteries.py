"""抽奖: taking part, one's own ticket, who won, and the proof. What a lottery is: bot/activities/lottery.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bot.activities.asking import desk_of, honours, propose, read_from, shown
from bot.activities.desk import ActivityDesk
from bot.activities.lottery import USAGE, proof_name, said_ticket, winners_of, wins_of
from bot.activities.lottery_desk import USAGE as WITNESS_USAGE
from bot.activities.lottery_desk import check_waits, give_witness, witnessed_in
from bot.cards import Link, TextNotice
from bot.context import Context
from bot.errors import UserError
from bot.members import plain
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from rules.activities import STATES, Activity
from rules.questions import asks
from storage.activities import Entered, Entry

MOST_LISTED = 200
"""Winners in one answer; all stand in the proof."""
HOW_TO_CHECK = (
    "怎么核对：在文件里找得到自己的号码；要全部重算，用谁都能运行的独立程序（不到 30 行，见 docs/lottery.md，也可以向管理员要）。"
)

_NUMBER = re.compile(r"[#第]?[\d零一二两三四五六七八九十]{1,6}[号个]?")

router = Router()


def _is_no_number(words: str) -> bool:
    """Whether words behind the command are no lottery's number: 开奖 了没 is no wish to see who won."""
    return not _NUMBER.fullmatch(words.strip(" 。.!！~～"))


def _not_meant(words: str) -> bool:
    """Whether words behind 抽奖 are neither a number nor what it understands: 抽奖 太黑了 is for others."""
    first = words.partition(" ")[0]
    return asks(words) or (first not in _ACTS and _is_no_number(words))


# What members say -------------------------------------------------------------------------------------------------------


@router.command("抽奖", "参加抽奖", "我要抽奖", "参与抽奖", takes_words=True, unless=_not_meant)
def lottery(message: Message, ctx: Context) -> list[Reply]:
    """抽奖：参加正在进行的抽奖；抽奖 结果、抽奖 号码、抽奖 凭证、抽奖 退出"""
    first, *rest = ctx.args or ("",)
    act = _ACTS.get(first)
    return act(rest, message, ctx) if act else _enter(" ".join(ctx.args), message, ctx)


@router.pattern(r"(?:参加|参与)?抽奖\s*[:：#]?\s*(\d{1,6})号?", name="抽奖3")
def enter_at_once(message: Message, ctx: Context) -> list[Reply]:
    """抽奖：和编号写在一起"""
    return _enter(ctx.args[0], message, ctx)


@router.command("抽奖结果", "开奖", "开奖结果", "中奖名单", takes_words=True, unless=_is_no_number, is_hidden=True)
def show_results(message: Message, ctx: Context) -> list[Reply]:
    """抽奖结果：谁中奖了"""
    return _results(ctx.args, message, ctx)


@router.command("抽奖凭证", "抽奖公证", "验证抽奖", "抽奖验证", takes_words=True, unless=_is_no_number, is_hidden=True)
def show_proof(message: Message, ctx: Context) -> list[Reply]:
    """抽奖凭证：谁都可以重算一遍的文件"""
    return _prove(ctx.args, message, ctx)


@router.command("我的抽奖", "抽奖号码", "我的抽奖号码", takes_words=True, unless=_is_no_number, is_hidden=True)
def show_ticket(message: Message, ctx: Context) -> list[Reply]:
    """我的抽奖：自己的号码和校验码"""
    return _ticket(ctx.args, message, ctx)


@router.card("lottery")
def click(message: Message, ctx: Context) -> list[Reply]:
    """抽奖卡片：点按钮参加"""
    community, number, *_ = (*ctx.args, "", "")
    if community != ctx.community.id or not number.isdecimal():
        raise UserError("这张卡片属于另一个社群，或已经过期。说“抽奖”看看。")
    said, *more = _enter(number, message, ctx)
    if message.is_private:
        face = TextNotice(title="抽奖", sub_title=said.text, action=Link(ctx.config.server.home))
        said = replace(said, update_card=face)
    return [said, *more]  # in a group the card stays, for others want to press it too


# What operators say -----------------------------------------------------------------------------------------------------


@router.command("发起抽奖", "新建抽奖", "创建抽奖", role="operator", takes_words=True)
def begin(message: Message, ctx: Context) -> Reply:
    """发起抽奖 标题 | 奖品 咖啡券 3 | 截止 明天20:00：办一次谁都能验证的抽奖"""
    asked = read_from(message, ctx, ("公证数",), f"写法是：{USAGE}")
    return propose(message, ctx, "lottery", asked)


@router.prompt("lottery witness")
def confirm_witness(message: Message, ctx: Context) -> Reply:
    """抽奖：用数字确认公证数"""
    number, _, witnessed = ctx.args[0].partition(" ")
    if not number:
        return Reply("好的，没有记下。看清楚以后再说一次，例如：抽奖 公证数 3 4011.23")
    if not may(ctx.role, "operator"):
        raise UserError("公证数只有运营可以写。")
    desk = desk_of(ctx)
    give_witness(desk, desk.get(int(number)), witnessed, ctx.actor, once=message.id)
    note = {"activity": int(number), "witnessed": witnessed}
    return Reply(f"公证数 {witnessed} 记下了，抽奖 {number} 开奖。谁中了，说：抽奖 结果 {number}", note=note)


# Taking part ------------------------------------------------------------------------------------------------------------


def _enter(words: str, message: Message, ctx: Context) -> list[Reply]:
    desk = desk_of(ctx)
    activity = desk.find_running("lottery", words, chat=message.chat)
    entered = desk.enter(activity, ctx.member, Entry("", stays=True), once=message.id)
    note = {"activity": activity.number, "outcome": entered.outcome}
    if entered.outcome == "already":
        return [Reply(f"你已经参加了「{activity.title}」，{said_ticket(ctx.config, activity, entered.seq)}。", note=note)]
    if entered.outcome != "ok":
        return [Reply(desk.words_of(entered, activity), note=note)]
    said = [Reply(_welcomed(entered, activity, desk, ctx), note=note, counts=("lottery_entries",))]
    return [*said, *honours(ctx, entered, once=message.id)]


def _welcomed(entered: Entered, activity: Activity, desk: ActivityDesk, ctx: Context) -> str:
    paid = f"花了 {activity.cost} 积分，还有 {entered.balance} 积分。" if activity.cost else ""
    earned = f"积分 +{entered.points}。" if entered.points else ""
    until = f"{desk.say(activity.closes)} 截止，" if activity.closes else ""
    return (
        f"参加了「{activity.title}」！{said_ticket(ctx.config, activity, entered.seq)}。{paid}{earned}\n"
        f"现在 {entered.entries} 人参加，{until}说“抽奖 结果 {activity.number}”看开奖。请留着号码和校验码，开奖后可以核对。"
    )


def _leave(words: Sequence[str], message: Message, ctx: Context) -> list[Reply]:
    desk = desk_of(ctx)
    activity = desk.find_running("lottery", " ".join(words), chat=message.chat)
    left = desk.withdraw(activity, ctx.member, once=message.id)
    note = {"activity": activity.number, "outcome": left.outcome}
    if left.outcome != "ok":
        return [Reply(desk.words_of(left, activity) + _whole(activity, ctx), note=note)]
    back = f"花掉的 {activity.cost} 积分退回了，" if activity.cost else ""
    return [Reply(f"退出了「{activity.title}」，{back}号码作废。想再参加说：抽奖 {activity.number}{_whole(activity, ctx)}", note=note)]


def _whole(activity: Activity, ctx: Context) -> str:
    """What an operator is told beside leaving: he may have meant the lottery itself."""
    is_his = may(ctx.role, "operator") and not activity.is_over
    return f"\n要取消整个抽奖，说：活动 取消 {activity.number}" if is_his else ""


# Looking ----------------------------------------------------------------------------------------------------------------


def _results(words: Sequence[str], message: Message, ctx: Context) -> list[Reply]:
    desk, activity = _named(words, "结果", message, ctx)
    return [shown(desk.kind_of(activity).results(desk.stage(activity)), activity)]


def _ticket(words: Sequence[str], message: Message, ctx: Context) -> list[Reply]:
    _, activity = _named(words, "号码", message, ctx)
    mine = ctx.stores.activities.entry_of(ctx.community.keys, activity.number, ctx.member)
    if mine is None:
        return [Reply(f"你没有参加「{activity.title}」。" + (f"现在参加说：抽奖 {activity.number}" if activity.is_open else ""))]
    won = next((prize for ticket, prize, _ in wins_of(activity) if ticket == mine.seq), None)
    then = f"恭喜，你中了“{won.name}”！" if won else "这次没有中。" if activity.state == "settled" else f"{STATES[activity.state]}。"
    return [Reply(f"「{activity.title}」：{said_ticket(ctx.config, activity, mine.seq)}。{then}", note={"activity": activity.number})]


def _prove(words: Sequence[str], message: Message, ctx: Context) -> list[Reply]:
    _, activity = _named(words, "凭证", message, ctx)
    live = activity.live
    if "list" not in live:
        known = f"公平承诺是：\n{live['commitment']}"
        return [Reply(f"抽奖 {activity.number}「{activity.title}」还没有截止，凭证从截止开始有。{known}")]
    seed = f"种子：{activity.result['seed']}" if activity.result else "种子开奖时公布。"
    rows = (
        f"抽奖 {activity.number}「{activity.title}」的凭证：",
        f"承诺：{live['commitment']}",
        f"名单哈希：{live['list']}（{live['count']} 人）",
        seed,
        HOW_TO_CHECK,
    )
    return [Reply("\n".join(rows), file=proof_name(ctx.community.id, activity), note={"activity": activity.number, "proof": True})]


def _listed(words: Sequence[str], message: Message, ctx: Context) -> list[Reply]:
    if not may(ctx.role, "operator"):
        raise UserError("名单只有运营可以看。谁中奖了，说“抽奖 结果”。")
    if not (message.is_private or ctx.in_admin_group):
        raise UserError("这里人多，名单请私聊我看。")
    _, activity = _named(words, "名单", message, ctx)
    if activity.state != "settled":
        return [Reply(f"抽奖 {activity.number}「{activity.title}」{STATES[activity.state]}，还没有开奖。")]
    winners = winners_of(ctx.stores, activity)
    rows = [f"{one.ticket} 号 {plain(one.name) or '（已删除数据）'}（成员 {one.member}）：{one.prize}" for one in winners[:MOST_LISTED]]
    more = f"\n……共 {len(winners)} 人，其余见控制台。" if len(winners) > MOST_LISTED else ""
    about = tuple(one.member for one in winners[:MOST_LISTED])
    return [Reply(f"「{activity.title}」中奖 {len(winners)} 人：\n" + "\n".join(rows) + more, about=about)]


def _witness(words: Sequence[str], message: Message, ctx: Context) -> list[Reply]:
    if not may(ctx.role, "operator"):
        raise UserError("公证数只有运营可以写。")
    if len(words) < 2 or not words[0].isdecimal():
        raise UserError(WITNESS_USAGE)
    _, activity = _named(words[:1], "公证数", message, ctx)
    check_waits(activity)
    witnessed = witnessed_in("".join(words[1:]))
    said = f"「{activity.title}」的公证数（{activity.live['witness']}）是 {witnessed} 吗？记下就开奖，不能再改：\n1. 对，开奖\n2. 不对"
    return [Reply(said, prompt=Prompt("lottery witness", (f"{activity.number} {witnessed}", "")))]


def _named(words: Sequence[str], what: str, message: Message, ctx: Context) -> tuple[ActivityDesk, Activity]:
    """The lottery of a number, else the one that runs, else the newest that ended."""
    desk = desk_of(ctx)
    return desk, desk.find_begun("lottery", "".join(words), chat=message.chat, example=f"抽奖 {what} {{}}")


_ACTS: Mapping[str, Callable[[Sequence[str], Message, Context], list[Reply]]] = {
    "结果": _results, "开奖": _results, "开奖结果": _results, "中奖": _results, "凭证": _prove, "验证": _prove, "核对": _prove, "公证": _prove,
    "公证数": _witness, "名单": _listed, "中奖名单": _listed, "退出": _leave, "取消": _leave, "不参加": _leave, "号码": _ticket, "我的": _ticket,
}  # fmt: skip
