"""我的积分, 积分明细, 转赠, 发积分 and 扣积分: what a member has, where it came from, and who may move it. What lapses is told of and taken by the clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bot.communities import Community
from bot.config import Config
from bot.context import Context
from bot.errors import UserError
from bot.members import Meant, NobodyFound, behind, called, find_all_meant, find_members, listed, still_here, unmentioned
from bot.message import Message, Prompt, Reply
from bot.permissions import Actor, may
from bot.praise import praise
from bot.private import tell
from bot.router import Router
from rules.badges import Facts
from rules.levels import level_of
from rules.numerals import whole
from rules.points import PointRules
from rules.questions import asks
from storage.points import MOST, DayFull, Lot, Moved, Row, Short
from storage.stores import Stores

PAGE = 10
MOST_PAGES = 1_000
MOST_MEMBERS = 50
"""How many members one 发积分 is for at most."""
WARNED_DAYS = 7
"""So long ahead members hear of points that lapse."""
WORTH_TELLING = 20
"""Fewer points lapse without a word ahead."""
BATCHES = 500
"""Batches of 200 members whose points lapse in one ring; what is left waits for the next."""
TALKATIVE_HOURS = range(9, 21)

TRANSFER_USAGE = "写法是：转赠 @谁 多少，例如：转赠 @李雷 20"
GIVE_USAGE = "写法是：发积分 @谁 多少 理由，可以一次 @ 多人，例如：发积分 @李雷 @韩梅梅 20 热心解答"
TAKE_USAGE = "写法是：扣积分 @谁 多少 理由，例如：扣积分 @李雷 20 误发更正"
ROWS_USAGE = "写法是：积分明细，或：积分明细 页码，例如：积分明细 2"

_NUMBER_FIRST = re.compile(r"(\d{1,12})\s*(?:积分|分)?\s*(?:给|送给)?\s*([^\d\s].*)", re.DOTALL)
_NUMBER = re.compile(r"(\d{1,12})\s*(?:积分|分)?(?:[\s,，:：]+(.*))?", re.DOTALL)
_NUMBER_JOINED = re.compile(r"(.*?[^\d\s+.-])(\d{1,12}\s*(?:积分|分)?(?:[\s,，:：]+.*)?)", re.DOTALL)

router = Router()


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody typed: who is meant, how many points, and the words behind it."""

    people: tuple[Meant, ...]
    n: int
    note: str


@router.command("我的积分", "积分", "查积分", "积分查询", "查询积分", "余额", "积分余额", "我有多少积分", "jf")
def show_points(message: Message, ctx: Context) -> Reply:
    """我的积分：看看攒了多少、什么时候到期"""
    has = ctx.stores.points.account(ctx.community.keys, ctx.member, ctx.today())
    soon = f"其中 {has.lots[0].n} 分在 {_day(has.lots[0].last)}到期。" if has.lots else ""
    return Reply(f"你现在有 **{has.balance}** 积分，累计获得 {has.earned}。{soon}说“积分明细”看来源。", markdown=True)


@router.command("积分明细", "积分记录", "明细", "积分流水", "积分来源", "积分账单", takes_words=True, unless=asks)
def show_rows(message: Message, ctx: Context) -> Reply:
    """积分明细 [页]：每一分从哪里来、到哪里去"""
    words = " ".join(ctx.args)
    if words and not words.strip("第页 ").isdecimal():
        return _rows_of_other(behind(message.text), message, ctx)
    return _rows(ctx.member, _page(words), ctx)


@router.command("转赠", "转积分", "送积分", "赠送积分", "积分转赠", "转赠积分", takes_words=True, unless=asks)
def transfer(message: Message, ctx: Context) -> Reply | list[Reply]:
    """转赠 @谁 多少：把积分送给别人，例如：转赠 @李雷 20"""
    _check_right(ctx)
    asked = _asked(message, ctx, TRANSFER_USAGE)
    if len(asked.people) > 1:
        raise UserError(f"一次只能送给一个人。{TRANSFER_USAGE}")
    if re.match(r"\d", asked.note):
        raise UserError(f"这里有两个数，不确定送多少。{TRANSFER_USAGE}")
    found = [number for number in asked.people[0].numbers if number != ctx.member]
    if not found:
        raise UserError("不能转赠给自己。")
    if len(found) > 1:
        prompt = Prompt("points_transfer", tuple(f"{number} {asked.n}" for number in found))
        text = f"有 {len(found)} 个人叫“{asked.people[0].name}”，回复数字选一个，就送出 {asked.n} 分：\n{listed(ctx.stores, found)}"
        return Reply(text, prompt=prompt, about=tuple(found))
    return _transfer(found[0], asked.n, message, ctx)


@router.prompt("points_transfer")
def choose_taker(message: Message, ctx: Context) -> Reply | list[Reply]:
    """转赠：用数字选一个人"""
    number, n = map(int, ctx.args[0].split(" "))
    _check_right(ctx)
    return _transfer(still_here(ctx.stores, number, ctx.community.keys), n, message, ctx)


@router.command("发积分", "加积分", "奖励积分", "发放积分", role="operator", takes_words=True)
def give(message: Message, ctx: Context) -> list[Reply]:
    """发积分 @谁 多少 理由：给一个或多个成员积分，例如：发积分 @李雷 20 热心解答"""
    return _adjust_all(1, _asked(message, ctx, GIVE_USAGE), GIVE_USAGE, message, ctx)


@router.command("扣积分", "减积分", "扣除积分", role="operator", takes_words=True)
def take(message: Message, ctx: Context) -> list[Reply]:
    """扣积分 @谁 多少 理由：收回积分，例如：扣积分 @李雷 20 误发更正"""
    return _adjust_all(-1, _asked(message, ctx, TAKE_USAGE), TAKE_USAGE, message, ctx)


def adjust_points(
    stores: Stores, rules: PointRules, community: Community, actor: Actor, member: int, n: int, note: str, now: datetime, *, once: str,
    is_public: bool = False,
) -> Moved:  # fmt: skip
    """Gives a member points, or takes them where ``n`` is below 0, and writes it into the audit.

    Raises UserError; where it ``is_public`` that does not say what the member has.
    """
    if not 1 <= abs(n) <= rules.most_at_once:
        raise UserError(f"一次可以发放或扣除 1 到 {rules.most_at_once} 分。")
    where, today = community.keys, community.day_of(now)
    try:
        moved = stores.points.adjust(
            where, member, n, now, today=today, reason="adjustment", actor=actor.member, note=note, once=once, lapses=rules
        )
    except Short as short:
        has = "的积分" if is_public else f"只有 {short.balance} 积分，"
        raise UserError(f"{called(stores, member)}{has}不够扣 {-n} 分。") from short
    act, before, after = "发积分" if n > 0 else "扣积分", str(moved.balance - moved.n), f"{moved.balance}（{note}）"
    stores.audit.record(community.id, actor.id, act, f"成员 {member}", before, after, now, once=once)
    return moved


def words_of_adjustment(moved: Moved, note: str, community: Community) -> str:
    """What a member is told of points that an administrator gave him, or took."""
    words = f"管理员给你发了 {moved.n} 积分" if moved.n > 0 else f"管理员扣除了你 {-moved.n} 积分"
    return f"{words}（{community.name}）：{note}。你现在有 {moved.balance} 积分。"


def lapse_due(stores: Stores, config: Config, communities: Iterable[Community], now: datetime) -> int:
    """Takes points whose last day is past; gives from how many members. By day those of listed communities hear what lapses within a week.

    One look tells for all communities in which something lapsed: unlisted groups, of which there may be thousands, cost no round trip each.
    """
    taken, places = 0, list(communities)
    days = [community.day_of(now) for community in places]
    due = stores.points.has_lapsed([(community.keys, today) for community, today in zip(places, days, strict=True)])
    for community, today, is_due in zip(places, days, due, strict=True):
        for _ in range(BATCHES if is_due else 0):
            gone = stores.points.lapse(community.keys, now, today=today)
            taken += len(gone)
            if not gone:
                break
        if community.is_listed and now.astimezone(community.zone).hour in TALKATIVE_HOURS:
            _warn(stores, config, community, today, now)
    return taken


def _warn(stores: Stores, config: Config, community: Community, today: date, now: datetime) -> None:
    """Tells those whose points lapse within a week; the days up to which everybody was told are remembered, and no word is sent twice."""
    until, seen = today + timedelta(days=WARNED_DAYS), 0
    while due := stores.points.to_warn(community.keys, until, skip=seen):
        for member, lots in due.items():
            total = sum(lot.n for lot in lots)
            if total >= WORTH_TELLING:
                text = f"你在“{community.name}”有 {total} 积分在 {_day(lots[0].last)}到期，先到期的会先用。说“商城”看看能换什么。"
                tell(stores, config, community, member, text, now, id=f"lapse:{community.id}:{member}:{lots[0].last.toordinal()}")
        seen += len(due)
    if seen:
        stores.points.note_warned(community.keys, until)


# Moving points ----------------------------------------------------------------------------------------------------------


def _transfer(taker: int, n: int, message: Message, ctx: Context) -> Reply | list[Reply]:
    rule, points = ctx.contents.points.transfer, ctx.stores.points
    if n < rule.least:
        raise UserError(f"一次最少转赠 {rule.least} 分。{TRANSFER_USAGE}")
    if n > MOST:
        raise UserError("谁也没有这么多积分。")
    if rule.most_a_day and n > rule.most_a_day:
        raise UserError(f"每天最多转赠 {rule.most_a_day} 分。")
    try:
        done = points.transfer(
            ctx.community.keys,
            ctx.member,
            taker,
            n,
            ctx.now(),
            today=ctx.today(),
            once=message.id,
            most_a_day=rule.most_a_day,
            keep=rule.keep,
        )
    except Short as short:
        kept = f"，转赠后至少要留 {rule.keep} 分" if rule.keep else ""
        raise UserError(f"积分不足：你有 {short.balance} 积分{kept}，还差 {n + rule.keep - short.balance} 分。") from short
    except DayFull as full:
        left = f"今天还可以送 {full.left} 分" if full.left else "今天的已经送完，明天再来"
        raise UserError(f"每天最多转赠 {rule.most_a_day} 分，{left}。") from full
    name, giver = called(ctx.stores, taker), called(ctx.stores, ctx.member)
    return [
        Reply(f"已送给{name} {n} 积分，你还有 {done.giver_balance} 积分。", note={"to": taker, "n": n}, about=(taker,)),
        Reply(f"{giver}在“{ctx.community.name}”送给你 {n} 积分，你现在有 {done.taker_balance} 积分。", to=taker, about=(ctx.member,)),
    ]


def _adjust_all(sign: int, asked: Asked, usage: str, message: Message, ctx: Context) -> list[Reply]:
    if not asked.note:
        raise UserError(f"请写上理由，积分明细里会看到。{usage}")
    members = _one_each(asked.people, ctx)
    if not 1 <= asked.n <= ctx.contents.points.most_at_once:
        raise UserError(f"一次可以发放或扣除 1 到 {ctx.contents.points.most_at_once} 分。")
    lines, told = [], []
    is_public = not (message.is_private or ctx.in_admin_group)
    for member in members:
        try:
            moved = adjust_points(
                ctx.stores, ctx.contents.points, ctx.community, ctx.actor, member, sign * asked.n, asked.note, ctx.now(), once=message.id,
                is_public=is_public,
            )  # fmt: skip
        except UserError as refused:
            lines.append(str(refused))
            continue
        lines.append(f"{called(ctx.stores, member)} {moved.n:+d}" + ("" if is_public else f"，现有 {moved.balance} 积分"))
        told.append(Reply(words_of_adjustment(moved, asked.note, ctx.community), to=member, about=(member,)))
        if sign > 0:
            before, after = Facts(earned=moved.earned - moved.n), Facts(earned=moved.earned)
            told += praise(ctx, before, after, member=member, private=True, once=f"{message.id}:{member}")
    if not told:
        raise UserError("\n".join(lines))
    return [Reply("\n".join(lines), note={"members": list(members), "n": sign * asked.n}, about=members), *told]


def _asked(message: Message, ctx: Context, usage: str) -> Asked:
    """What was typed behind a command; the number may stand before the names, or behind them."""
    text = behind(message.text)
    mentioned = text.count("@") + text.count("＠")
    if not text or text.isdecimal():
        raise UserError(usage)
    if mentioned > MOST_MEMBERS:
        raise UserError(f"一次最多 {MOST_MEMBERS} 个人，这里有 {mentioned} 个，请分几次。")
    if first := _NUMBER_FIRST.fullmatch(text):
        people, note = find_all_meant(ctx.stores, first[2], ctx.community.keys)
        return _checked(people, first[1], note, usage)
    people, rest = _before_number(text, ctx)
    found = _NUMBER.fullmatch(rest)
    if found is None:
        raise UserError(usage)
    return _checked(people, found[1], found[2] or "", usage)


def _before_number(text: str, ctx: Context) -> tuple[tuple[Meant, ...], str]:
    """The people before a number, which may stand right behind a name."""
    try:
        return find_all_meant(ctx.stores, text, ctx.community.keys)
    except NobodyFound:
        if (joined := _NUMBER_JOINED.fullmatch(text)) is None:
            raise
        people, rest = find_all_meant(ctx.stores, joined[1], ctx.community.keys)
        return people, f"{rest}{joined[2]}"


def _checked(people: Sequence[Meant], n: str, note: str, usage: str) -> Asked:
    if int(n) < 1:
        raise UserError(f"至少 1 分。{usage}")
    return Asked(tuple({meant.numbers: meant for meant in people}.values()), int(n), note.strip())


def _one_each(people: Sequence[Meant], ctx: Context) -> tuple[int, ...]:
    members: dict[int, None] = {}
    for meant in people:
        if len(meant.numbers) > 1:
            found = meant.numbers
            raise UserError(f"有 {len(found)} 个人叫“{meant.name}”，请用成员编号写：\n{listed(ctx.stores, found)}")
        members[meant.numbers[0]] = None
    return tuple(members)


def _check_right(ctx: Context) -> None:
    """Raises UserError where the speaker may not hand points to others now."""
    if not ctx.contents.points.transfer.enabled:
        raise UserError("这里没有开放积分转赠。")
    levels = ctx.contents.levels
    is_limited = not all(level.transfer for level in levels.steps)
    if is_limited and not level_of(levels, ctx.stores.points.earned(ctx.community.keys, ctx.member)).transfer:
        raise UserError("你现在的等级还不能转赠积分，说“等级”看怎么升级。")


# Looking ----------------------------------------------------------------------------------------------------------------


def _rows_of_other(who: str, message: Message, ctx: Context) -> Reply:
    """Another member's rows, for operators."""
    _check_place(message, ctx)
    where, who = ctx.community.keys, who.lstrip("@＠")
    words = who.split()
    try:
        found, page = find_members(ctx.stores, who, where), 1
    except NobodyFound:
        if len(words) < 2 or not words[-1].strip("第页").isdecimal():
            raise
        found, page = find_members(ctx.stores, " ".join(words[:-1]), where), _page(words[-1])
    if len(found) > 1:
        prompt = Prompt("points_rows", tuple(f"{number} {page}" for number in found))
        return Reply(f"有 {len(found)} 个人叫“{who}”，回复数字选一个：\n{listed(ctx.stores, found)}", prompt=prompt, about=found)
    return _rows(found[0], page, ctx)


@router.prompt("points_rows")
def choose_rows(message: Message, ctx: Context) -> Reply:
    """积分明细：用数字选一个人"""
    _check_place(message, ctx)
    number, page = map(int, ctx.args[0].split(" "))
    return _rows(still_here(ctx.stores, number, ctx.community.keys), page, ctx)


def _check_place(message: Message, ctx: Context) -> None:
    """Raises UserError where somebody's rows are not for the speaker, or not for here."""
    if not may(ctx.role, "operator"):
        raise UserError(ROWS_USAGE)
    if not (message.is_private or ctx.in_admin_group):
        raise UserError("别人的积分明细只在管理群或单聊里看。")


def _rows(member: int, page: int, ctx: Context) -> Reply:
    where, points = ctx.community.keys, ctx.stores.points
    found = points.rows(where, member, PAGE + 1, (page - 1) * PAGE)
    own = member == ctx.member
    if not found:
        return Reply("没有更早的记录了。" if page > 1 else "还没有积分记录。" + ("说“签到”就有第一笔。" if own else ""))
    head = f"{'你' if own else called(ctx.stores, member)}的积分明细" + (f"（第 {page} 页）" if page > 1 else "")
    names: dict[int, str] = {}
    lines = [_line(row, names, ctx) for row in found[:PAGE]]
    lapsing = _lapsing(points.account(where, member, ctx.today()).lots) if page == 1 else []
    more = [f"更早的：积分明细 {page + 1}" if own else f"更早的：积分明细 @{member} {page + 1}"] if len(found) > PAGE else []
    return Reply("\n".join([f"{head}：", *lines, *lapsing, *more]), about=(member, *names))


def _line(row: Row, names: dict[int, str], ctx: Context) -> str:
    def who(number: int) -> str:
        if number not in names:
            names[number] = called(ctx.stores, number)
        return names[number]

    at = row.at.astimezone(ctx.community.zone)
    if row.reason == "erased":
        return f"• 更早的合计 {row.amount:+d}"
    title = title_of_row(row, ctx.contents.points, who)
    note = unmentioned(f"：{row.note}") if row.note else ""
    return f"• {at:%m-%d %H:%M} {title}{note} {row.amount:+d}，余额 {row.balance}"


def title_of_row(row: Row, rules: PointRules, called: Callable[[int], str], *, owner: str = "你") -> str:
    """What a row of the ledger is called in Chinese, for ``owner``, whose it is; ``called`` names the other members in it."""
    if row.reason == "erased":
        return "更早的合计"
    if row.other.isdecimal():
        return f"{called(int(row.other))}送给{owner}" if row.amount > 0 else f"送给{called(int(row.other))}"
    if row.reason == "adjustment":
        return f"{'管理员发放' if row.amount > 0 else '管理员扣除'}（{called(row.actor) if row.actor else '系统'}）"
    return rules.title_of_reason(row.reason)


def _lapsing(lots: Sequence[Lot]) -> list[str]:
    if not lots:
        return []
    more = f"，之后还有 {sum(lot.n for lot in lots[3:])} 分" if len(lots) > 3 else ""
    return ["到期：" + "，".join(f"{_day(lot.last)} {lot.n} 分" for lot in lots[:3]) + more]


def _page(words: str) -> int:
    digits = words.strip("第页 ")
    if not digits:
        return 1
    page = whole(digits, MOST_PAGES)
    if page is None:
        raise UserError(ROWS_USAGE)
    return page


def _day(day: date) -> str:
    return f"{day.year} 年 {day.month} 月 {day.day} 日"
