"""邀请: a member's own code and poster, what came of it, the board; newcomers say who invited them; operators look at what is doubtful."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.cards import Fact, Link, TextNotice
from bot.communities import listed_community
from bot.context import Context
from bot.drawing import drawn
from bot.errors import UserError
from bot.invitation_desk import InvitationDesk, why_held
from bot.members import NobodyFound, all_called, called, find_members, listed, plain, still_here
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from rules.invitations import CLAIM, STATES, is_meant_as_code, looks_like_code, read_claim, read_code
from rules.numerals import whole
from rules.questions import is_question
from storage.invitations import How, Invitation

PAGE = 10
MOST_COUNTED = 1_000
"""Newcomers of one inviter that are counted by what became of them."""
LONGEST_REASON = 100
USAGE = "说“邀请”得到你的邀请码和海报，“我的邀请”看谁来了，“邀请榜”看名次。新朋友这样说：邀请码 K3M7PQ，或者：我是小王邀请的。"
REVIEW_USAGE = "写法是：邀请 待审，看过之后：邀请 通过 编号，或者：邀请 驳回 编号 理由，例如：邀请 通过 3、邀请 驳回 3 都是小号"
CLAIM_EXAMPLE = "可以说他在这里的名字，例如：我是小王邀请的；也可以说邀请码，例如：邀请码 K3M7PQ。"
CLOSED = "这里现在没有开邀请。"
ADDED = frozenset({"add_external_contact", "add_half_external_contact"})
_REVIEW = re.compile(r"(待审|审核|通过|驳回|拒绝)\s*(?:[#＃]?\s*(\d{1,9}))?(?:[\s：:，,]+(.*))?", re.DOTALL)

router = Router()


def _is_talk(words: str) -> bool:
    """Whether words behind 邀请 are neither a code nor something that operators do with invitations: somebody talks of inviting."""
    return not (is_meant_as_code(words) or _REVIEW.fullmatch(words.strip())) or is_question(words)


def _is_no_code(words: str) -> bool:
    return not is_meant_as_code(_code_in(words)) or is_question(words)


def _code_in(words: str) -> str:
    return "".join(words.split()).lstrip("：:是")


# Inviters -------------------------------------------------------------------------------------------------------------------


@router.command(
    "邀请",
    "我的邀请码",
    "邀请好友",
    "邀请朋友",
    "邀请新人",
    "邀请链接",
    "邀请海报",
    "邀请有礼",
    "我要邀请",
    takes_words=True,
    unless=_is_talk,
)
def invite(message: Message, ctx: Context) -> Reply:
    """邀请：你的邀请码和海报，朋友留下来就得积分"""
    if ctx.args:
        return _with_words(" ".join(ctx.args), message, ctx)
    return _own_code(ctx)


@router.command("邀请码", takes_words=True, unless=_is_no_code, is_hidden=True)
def code(message: Message, ctx: Context) -> Reply:
    """邀请码 K3M7PQ：新朋友说自己是用谁的邀请码来的；只说“邀请码”看自己的"""
    words = _code_in(" ".join(ctx.args))
    return _by_code(words, message, ctx) if words else _own_code(ctx)


@router.command("我的邀请", "邀请记录", "我的邀请记录", "我邀请的人", takes_words=True, unless=is_question)
def mine(message: Message, ctx: Context) -> Reply:
    """我的邀请：谁来了、到哪一步，离下一档还差几位"""
    page = whole(ctx.args[0], 999) if ctx.args else 1
    if page is None:
        raise UserError("写法是：我的邀请，后面的页说：我的邀请 2")
    return _mine(page, message, ctx)


@router.command("邀请榜", "邀请排行榜", "邀请排行", "邀请排名", takes_words=True, unless=is_question)
def board(message: Message, ctx: Context) -> Reply:
    """邀请榜：邀请来的朋友留下来最多的人"""
    if ctx.args:
        raise UserError("写法是：邀请榜。自己邀请了谁，说：我的邀请")
    where = ctx.community.keys
    top = ctx.stores.invitations.board(where, PAGE)
    if not top:
        return Reply("还没有人上榜。说“邀请”拿到你的邀请码，朋友留下来就能上榜。")
    names = all_called(ctx.stores, [member for member, _ in top])
    lines = [f"{_rank(top, n)}. {names[member]}　{n} 位" for member, n in top]
    own = ctx.stores.invitations.inviter(where, ctx.member).credited
    last = f"\n你有 {own} 位，第 {ctx.stores.invitations.rank(where, ctx.member)} 名。" if own else "\n你还没有，说“邀请”拿到邀请码。"
    return Reply("邀请榜（留下来的朋友）：\n" + "\n".join(lines) + last, about=tuple(member for member, _ in top))


# Newcomers ------------------------------------------------------------------------------------------------------------------


@router.pattern(CLAIM, name="我是小王邀请的")
def claim(message: Message, ctx: Context) -> Reply:
    """我是小王邀请的：新朋友说是谁邀请来的"""
    who = read_claim(message.text) or next(filter(None, ctx.args), "")
    if read_code(who) or (looks_like_code(who) and "邀请码" in message.text):
        return _by_code(who, message, ctx)
    return _by_name(who, message, ctx)


@router.prompt("inviter")
def choose(message: Message, ctx: Context) -> Reply:
    """我是小王邀请的：同名的用数字选一个"""
    return _claim(still_here(ctx.stores, ctx.args[0], ctx.community.keys), "name", message, ctx)


@router.follow
def contact_added(message: Message, ctx: Context, said: Sequence[Reply]) -> None:
    """A customer who added an employee by a link with a code as its state was invited by that code's owner."""
    event = message.event
    if event is None or event.name != "change_external_contact" or event.detail not in ADDED or not event.members:
        return
    state = read_code(event.key)
    owner = ctx.stores.invitations.find_owner(state) if state else None
    community = ctx.config.community(owner[0]) if owner else None
    if owner and community:
        desk = InvitationDesk(ctx.stores, ctx.config, ctx.contents, listed_community(community, ctx.stores.shards), ctx.now())
        desk.see_contact(event.members[0], state, once=message.id)


# Operators ------------------------------------------------------------------------------------------------------------------


@router.command("邀请待审", "待审邀请", "审核邀请", role="operator", private=True)
def waiting(message: Message, ctx: Context) -> Reply:
    """邀请待审：看等待处理的邀请，再说“邀请 通过 编号”或“邀请 驳回 编号 理由”"""
    return _held(ctx)


@router.card("invite", role="operator")
def click(message: Message, ctx: Context) -> Reply:
    """待审的邀请：点按钮通过或驳回"""
    # Numbers begin anew in every community.
    if len(ctx.args) != 3 or ctx.args[0] != ctx.community.id or not ctx.args[1].isdecimal() or ctx.args[2] not in ("ok", "no"):
        raise UserError("这张卡片属于另一个社群，或已经过期，请再说一次“邀请 待审”。")
    said = _review(int(ctx.args[1]), "", message, ctx, approve=ctx.args[2] == "ok")
    face = TextNotice(
        title=f"邀请 {ctx.args[1]}", sub_title=said.text, facts=(Fact("处理人", ctx.nickname, user=message.user),),
        action=Link(ctx.config.server.home),
    )  # fmt: skip
    return replace(said, update_card=face)


@router.pattern(r"(?s)邀请(?:审核|(?:通过|驳回|拒绝)\s*[#＃]?\s*\d{1,9}.*)", name="邀请通过3")
def review_glued(message: Message, ctx: Context) -> Reply:
    """邀请通过3：编号和命令写在一起"""
    return _with_words(message.text.strip().removeprefix("邀请"), message, ctx)


def _with_words(words: str, message: Message, ctx: Context) -> Reply:
    found = _REVIEW.fullmatch(words.strip())
    if found is None:
        raise UserError(USAGE + (f"\n{REVIEW_USAGE}" if may(ctx.role, "operator") else ""))
    if not may(ctx.role, "operator"):
        raise UserError("待审的邀请只有运营和管理员可以处理。你的邀请码说：邀请")
    if not (message.is_private or ctx.in_admin_group):
        raise UserError("这里人多，待审的邀请请私聊我，或者在管理群里说。")
    act, number, reason = found[1], found[2], " ".join((found[3] or "").split())
    if act in ("待审", "审核"):
        return _one(int(number), ctx) if number else _held(ctx)
    if not number or len(reason) > LONGEST_REASON:
        raise UserError(REVIEW_USAGE if not number else f"理由最多 {LONGEST_REASON} 个字。{REVIEW_USAGE}")
    return _review(int(number), reason, message, ctx, approve=act == "通过")


def _held(ctx: Context) -> Reply:
    total, found = ctx.stores.invitations.held(ctx.community.keys, PAGE)
    if not found:
        return Reply("没有等待处理的邀请。")
    if total == 1:
        return _one(found[0].number, ctx)
    lines = [
        f"{one.number}. {called(ctx.stores, one.newcomer)}（成员 {one.newcomer}）← {called(ctx.stores, one.by)}（成员 {one.by}），"
        f"{_say(one.at, ctx)}，{why_held(one.why)}"
        for one in found
    ]
    more = f"\n还有 {total - len(found)} 条，处理完这些再看。" if total > len(found) else ""
    about = tuple({number for one in found for number in (one.newcomer, one.by)})
    said = "等待处理的邀请：\n" + "\n".join(lines) + more
    said += f"\n一条一条看：邀请 待审 {found[0].number}。也可以直接说“邀请 通过 {found[0].number}”，或“邀请 驳回 {found[0].number} 理由”。"
    return Reply(said, about=about)


def _one(number: int, ctx: Context) -> Reply:
    found = ctx.stores.invitations.find_numbered(ctx.community.keys, number)
    if found is None or found.state != "held":
        raise UserError(f"没有编号为 {number} 的待审邀请。等待处理的说“邀请 待审”看。")
    return Reply(card=_desk(ctx).card(found), about=(found.newcomer, found.by))


def _review(number: int, reason: str, message: Message, ctx: Context, *, approve: bool) -> Reply:
    found, done = _desk(ctx).review(number, ctx.actor, reason, approve=approve, once=message.id)
    who = f"{called(ctx.stores, found.newcomer)}（成员 {found.newcomer}）"
    note = {"invite": number, "outcome": done.outcome}
    if not done.is_done:
        return Reply(f"邀请 {number}（{who}）已经处理过了：{STATES[found.state]}。", note=note, about=(found.newcomer,))
    days = ctx.contents.invitations.stay_days
    said = f"通过了，满 {days} 天还在就算数。" if approve else "驳回了，不算数。"
    return Reply(f"邀请 {number}（{who}）{said}", note=note, about=(found.newcomer,))


# Inside ---------------------------------------------------------------------------------------------------------------------


def _desk(ctx: Context) -> InvitationDesk:
    return InvitationDesk(ctx.stores, ctx.config, ctx.contents, ctx.community, ctx.now())


def _own_code(ctx: Context) -> Reply:
    rules, desk = ctx.contents.invitations, _desk(ctx)
    if not rules.enabled:
        raise UserError(CLOSED)
    mine = ctx.stores.invitations.code_of(ctx.community.keys, ctx.member)
    points = ctx.contents.points.reason("invited").points
    own = ctx.stores.invitations.inviter(ctx.community.keys, ctx.member).credited
    following = rules.next_tier(own)
    lines = [
        f"你的邀请码：{mine}",
        f"朋友进群后 {rules.claim_days} 天内对我说“邀请码 {mine}”，或者“我是{plain(ctx.person.name) or '谁'}邀请的”。",
        f"他留满 {rules.stay_days} 天" + (f"，你得 {points} 积分。" if points else "就算数。"),
    ]
    if following:
        lines.append(f"再有 {following.at - own} 位就满 {following.at} 位{desk.brings(following)}。")
    facts = {
        "nickname": desk.fit_name(ctx.member)[:64],
        "community": ctx.community.name[:64] if ctx.community.is_listed else "我们",
        "code": mine,
        "target": desk.target(mine),
        "sentence": rules.sentence,
        "hint": f"进群后对 @{ctx.config.bot_name} 说：邀请码 {mine}"[:120],
    }
    picture = drawn("invite", facts, about=(ctx.member,))
    return Reply("\n".join(lines), image=picture, note={"invite": "asked"}, counts=("invite_asked",))


def _mine(page: int, message: Message, ctx: Context) -> Reply:
    where, rules, desk = ctx.community.keys, ctx.contents.invitations, _desk(ctx)
    total, found = ctx.stores.invitations.of_inviter(where, ctx.member, MOST_COUNTED)
    own, came = ctx.stores.invitations.inviter(where, ctx.member), ctx.stores.invitations.find(where, ctx.member)
    lines = [f"你是 {called(ctx.stores, came.by)} 邀请来的。"] if came and came.by else []
    about = (came.by,) if came and came.by else ()
    if not total:
        return Reply("\n".join([*lines, "你还没有邀请到新朋友。说“邀请”拿到你的邀请码。"]), about=about)
    counted = Counter(one.state for one in found)
    lines.append(
        f"你邀请了 {total} 位：" + "，".join(f"{said} {counted[state]} 位" for state, said in STATES.items() if counted[state]) + "。"
    )
    shown = found[(page - 1) * PAGE : page * PAGE]
    if message.is_private:
        names = all_called(ctx.stores, [one.newcomer for one in shown])
        lines += [f"· {names[one.newcomer]}：{_standing(one, ctx)}" for one in shown] or ["后面没有了。"]
        lines += [f"后面的说：我的邀请 {page + 1}"] if total > page * PAGE else []
    else:
        lines.append("都有谁，请私聊我说“我的邀请”。")
    if own.owed > 0:
        lines.append(f"还有 {own.owed} 分，按每天的上限陆续补上。")
    if own.owed < 0:
        lines.append(f"还欠 {-own.owed} 分，从以后邀请得到的里面扣。")
    if following := rules.next_tier(own.credited):
        lines.append(f"再有 {following.at - own.credited} 位留下来就满 {following.at} 位{desk.brings(following)}。")
    named = tuple(one.newcomer for one in shown if one.newcomer > 0) if message.is_private else ()
    return Reply("\n".join(lines), about=(*about, *named))


def _standing(one: Invitation, ctx: Context) -> str:
    if one.state == "waiting":
        return f"{_say(one.due, ctx)} 满天数"
    return STATES[one.state] + (f"（+{one.n}）" if one.state == "credited" and one.n else "")


def _by_code(words: str, message: Message, ctx: Context) -> Reply:
    code = read_code(words)
    owner = ctx.stores.invitations.find_owner(code) if code else None
    if owner is None or owner[0] != ctx.community.id:
        raise UserError(f"没有“{plain(words[:20])}”这个邀请码，请再看一眼（6 位字母和数字）。{CLAIM_EXAMPLE}")
    return _claim(owner[1], "code", message, ctx)


def _by_name(who: str, message: Message, ctx: Context) -> Reply:
    try:
        found = find_members(ctx.stores, who, ctx.community.keys)
    except NobodyFound as nobody:
        raise UserError(f"没有找到“{plain(who[:30])}”：没和我说过话的人我不认识，先请他说一句。{CLAIM_EXAMPLE}") from nobody
    if len(found) > 1:
        text = f"有 {len(found)} 个人叫“{plain(who[:30])}”，回复数字选一个：\n{listed(ctx.stores, found)}"
        return Reply(text, prompt=Prompt("inviter", tuple(map(str, found))), about=found)
    return _claim(found[0], "name", message, ctx)


def _claim(inviter: int, how: How, message: Message, ctx: Context) -> Reply:
    if not ctx.contents.invitations.enabled:
        raise UserError(CLOSED)
    done = _desk(ctx).claim(ctx.member, inviter, how, once=message.id)
    said = _SAID[done.outcome](called(ctx.stores, inviter), ctx)
    about: tuple[int, ...] = (inviter,)
    if done.outcome == "taken":
        kept = ctx.stores.invitations.find(ctx.community.keys, ctx.member)
        if kept and kept.by:
            said, about = f"已经记过了：你是 {called(ctx.stores, kept.by)} 邀请来的。记错了请找管理员。", (inviter, kept.by)
    return Reply(said, note={"invite": "claim", "by": inviter, "outcome": done.outcome}, about=about)


def _late(name: str, ctx: Context) -> str:
    return f"只有来了 {ctx.contents.invitations.claim_days} 天以内的新朋友可以说是谁邀请的，你已经是老朋友啦。想邀请别人，说：邀请"


def _back(name: str, ctx: Context) -> str:
    return "欢迎回来！以前来过这里的不算新朋友，邀请就不记了。想邀请别人，说：邀请"


_SAID: Mapping[str, Callable[[str, Context], str]] = {
    "ok": lambda name, ctx: f"记下了：你是 {name} 邀请来的，欢迎！",
    "held": lambda name, ctx: f"记下了：你是 {name} 邀请来的，欢迎！管理员看过后就算数。",
    "same": lambda name, ctx: f"已经记着了：你是 {name} 邀请来的。",
    "taken": lambda name, ctx: "已经记过是谁邀请你来的，不能再改。记错了请找管理员。",
    "self": lambda name, ctx: f"自己不能邀请自己。{CLAIM_EXAMPLE}",
    "circle": lambda name, ctx: f"{name} 正是从你这里邀请来的，不能反过来再算一次。",
    "late": _late,
    "back": _back,
    "erased": _back,
}
"""What a newcomer hears, by what came of his word."""


def _rank(top: Sequence[tuple[int, int]], n: int) -> int:
    return 1 + sum(other > n for _, other in top)


def _say(moment: datetime, ctx: Context) -> str:
    at = moment.astimezone(ctx.community.zone)
    return f"{at.month} 月 {at.day} 日 {at:%H:%M}"
