"""推送: operators plan in a chat what is to be said, look at it and take it back. What they do is done at the desk (bot/push_desk.py)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, time

from bot.context import Context
from bot.errors import UserError
from bot.faq_edits import behind_command, first_word, office_of
from bot.mailing_desk import MailingDesk, troubles, words_of
from bot.message import Message, Reply
from bot.outlook import DAYS, outlook, share_words
from bot.push_desk import LONGEST_SHOWN, Braked, Done, Kept, Moved, PushDesk
from bot.router import Router
from rules.activity_words import read_moment
from rules.calendar import AT, WEEKDAY_NAMES, next_moment, parse_at, say_when
from rules.contents import Push
from rules.lines import one_line
from rules.pushes import is_granted, texts_of
from rules.questions import asks

MOST_LISTED = 20
MOST_WORDS = 5
"""Words of which a moment is made: 下周五 下午 3 点."""
MORNING = time(9)
"""When what is planned for a day without an hour is said."""
USAGE = """推送怎么用：
• 推送 列表：有哪些，下次什么时候发
• 推送 新建 明天 9:00 早上好：只发一次
• 推送 新建 明天 9:00 私聊 @沉默的老成员：好久不见：一个一个私聊给一个群体
• 推送 预览 3：私聊发给你自己看
• 推送 取消 3：不发了，留作草稿；推送 启用 3：照常发
• 推送 未来：以后 7 天发什么、发给多少人、挤不挤
• 推送 批准 3：同意别人写的发出去；只说“推送 批准”看哪些在等
• 推送 停 3：正在发的马上停
• 推送 撤销：收回最近一次修改
每天、每周重复的，和改时间，请到控制台的“日历”。"""
NEW_USAGE = "写法是：推送 新建 时间 内容，例如：推送 新建 明天 9:00 早上好，今天三点有直播"
SHOW_USAGE = "写法是：推送 预览 编号，例如：推送 预览 3。编号看“推送 列表”"
STOP_USAGE = "写法是：推送 取消 编号，例如：推送 取消 3。编号看“推送 列表”"
START_USAGE = "写法是：推送 启用 编号，人多的再加人数，例如：推送 启用 3，或者：推送 启用 3 1240。编号看“推送 列表”"
GRANT_USAGE = "写法是：推送 批准 编号，例如：推送 批准 3，我会给你看现在的内容和接下来怎么说。哪些在等批准：推送 批准"
HALT_USAGE = "写法是：推送 停 编号，例如：推送 停 3。编号看“推送 列表”"
UNDO_USAGE = "写法是：推送 撤销，或者：推送 撤销 版本号，例如：推送 撤销 12"

_TIMELY = re.compile(r"[0-9一二三四五六七八九十点分半刻后]")
"""How a moment ends that is written without a blank before what is to be said."""

_PRIVATELY = re.compile(r"(?s)私聊(?:发?给)?\s*@([^\s:：@]{1,30})(?:\s*[:：]\s*|\s+)(\S.*)")
"""What begins with so explicit words is said to the members of a saved segment one by one."""
_LETTERS = re.compile(r"[A-Za-z]{4}")
_NUMBER = re.compile(r"[0-9]{2}|[零〇一二两三四五六七八九十]{2}")
_LIKE_A_MOMENT = re.compile(r"[0-9]{1,2}[:：点时日号月]")
_BROKEN = re.compile(r"[:：][0-9]|[日号][0-9]{1,2}[:：点时]")

router = Router()


@router.command("推送", role="operator", takes_words=True, private=True, unless=asks)
def pushes(message: Message, ctx: Context) -> Reply:
    """推送 列表/未来/新建/预览/批准/停/取消/启用/撤销：定时推送，只说“推送”看全部用法"""
    word, rest = first_word(behind_command(message.text))
    return _act(word, rest, message, ctx)


@router.pattern(
    r"(?s)\s*推送(列表|清单|未来|新建|添加|预览|批准|取消|停用|启用|撤销)(?:[\s:：]+(.*))?", name="推送列表", role="operator", private=True
)  # fmt: skip
def pushes_joined(message: Message, ctx: Context) -> Reply:
    """推送：动词和命令写在一起"""
    return _act(ctx.args[0], ctx.args[1] or "", message, ctx)


def read_plan(text: str, now: datetime) -> tuple[datetime, str] | None:
    """The moment that a text begins with (``now`` is local), to the minute, and what stands behind it; None where it begins with none."""
    words = list(re.finditer(r"\S+", text))
    for last in reversed(words[:MOST_WORDS]):
        if found := read_moment(text[: last.end()], now, bare=MORNING):
            return _plan(text, last.end(), found, now)
    if words:
        first = words[0][0]
        for end in range(len(first) - 1, 1, -1):
            if _NUMBER.fullmatch(first[end - 1 : end + 1]):
                continue  # a number is not cut: 2月30日 is not the third of February
            if _TIMELY.fullmatch(first[end - 1]) and (found := read_moment(first[:end], now, bare=MORNING)):
                return _plan(text, words[0].start() + end, found, now)
    return None


def _plan(text: str, end: int, found: datetime, now: datetime) -> tuple[datetime, str] | None:
    """A moment and what stands behind it; None where that is the rest of a moment that cannot be: 12月1日 25:00."""
    rest = text[end:].strip()
    names_hour = found == read_moment(text[:end], now, bare=MORNING.replace(minute=1))
    if _BROKEN.match(rest) or (not names_hour and _LIKE_A_MOMENT.match(rest)):
        return None
    return found.replace(second=0, microsecond=0), rest


def _act(word: str, rest: str, message: Message, ctx: Context) -> Reply:
    act = _ACTS.get(word)
    if act is None:
        raise UserError(USAGE)
    try:
        return act(rest, message, ctx)
    except Moved:
        raise UserError("这条推送刚刚被别人改过，请再看一次：推送 列表") from None


def _list(rest: str, message: Message, ctx: Context) -> Reply:
    del rest, message
    desk = _desk(ctx)
    found = [(desk.is_over(kept.push), _next(desk, kept.push), kept.push) for kept in desk.pushes()]
    # what comes soonest first, then what has no moment ahead
    left = sorted((one for one in found if not one[0]), key=lambda one: (not one[2].enabled, one[1] is None, one[1] or desk.now))
    wrong = troubles(desk)
    told = [line for _, _, push in found for line in _went_wrong(push, wrong)][:MOST_LISTED]
    told = ["最近没有照常发的：", *told] if told else []
    if not left:
        return Reply("\n".join([*told, "还没有要发的推送。说一句就能建，例如：推送 新建 明天 9:00 早上好"]))
    rows = [_row(push, moment, desk) for _, moment, push in left[:MOST_LISTED]]
    more = [f"……还有 {len(left) - MOST_LISTED} 条，请到控制台的“日历”看"] if len(left) > MOST_LISTED else []
    shown = [f"“{ctx.community.name}”的推送（{len(left)} 条）：", *rows, *more, *told, "看内容：推送 预览 编号；不发了：推送 取消 编号"]
    return Reply("\n".join(shown))


def _went_wrong(push: Push, wrong: Mapping[str, str]) -> list[str]:
    return [f"• {push.id}  {push.label}  {wrong[push.id]}"] if push.id in wrong else []


def _make(rest: str, message: Message, ctx: Context) -> Reply:
    found = read_plan(rest, ctx.now().astimezone(ctx.community.zone))
    if found is None or not found[1]:
        raise UserError(NEW_USAGE if found is None or not rest else f"还没有写要发什么。{NEW_USAGE}")
    at, text = found
    desk = _desk(ctx)
    wanted = Push("", "", text, ctx.community.id, at=at.strftime(AT))
    if private := _PRIVATELY.fullmatch(text):
        wanted = replace(wanted, text=private[2], to="members", segment=_named(private[1]))
    try:
        done = desk.make(wanted, once=message.id)
    except Braked as brake:
        draft = desk.make(replace(wanted, enabled=False), once=message.id).after
        assert draft
        return Reply(
            f"先存成了草稿（编号 {draft.id}）：这会发给 {brake.reach.words}，发出去就收不回来。\n"
            f"看看样子：推送 预览 {draft.id}\n确认要发，把人数输一遍：推送 启用 {draft.id} {brake.reach.people}"
        )
    if not done.after or not done.after.enabled:
        return Reply(f"先存成了草稿。确认要发就启用它，例如：推送 启用 {done.after.id if done.after else 3}")
    push = done.after
    to = f"一个一个私聊给 {push.segment}（现在 {desk.reach(push).words}）" if push.to == "members" else f"发到“{ctx.community.name}”"
    return Reply(
        f"{_made(push)}：{_said_at(push.at)}{to}（编号 {push.id}）：\n{push.text}\n"
        f"先看看样子：推送 预览 {push.id}；不发了：推送 取消 {push.id}；收回这次新建：推送 撤销 {done.version}"
    )


def _named(name: str) -> str:
    """How a saved segment is named in an expression."""
    return f"@{name}" if name.isidentifier() else f'@"{name}"'


def _made(push: Push) -> str:
    return "定好了" if is_granted(push) else "写好了，等另一位管理员批准才发，已经请他们看"


def _show(rest: str, message: Message, ctx: Context) -> Reply:
    desk, kept = _picked(rest, ctx, SHOW_USAGE)
    desk.show_to(ctx.member, kept.push, once=message.id)
    state = "" if kept.push.enabled else "它现在是草稿，不会发。"
    return Reply(f"“{kept.push.label}”（{say_when(kept.push)}）已私聊发给你。{state}")


def _stop(rest: str, message: Message, ctx: Context) -> Reply:
    desk, kept = _picked(rest, ctx, STOP_USAGE)
    done = desk.switch(kept.push.id, kept.mark, is_on=False, once=message.id)
    return Reply(f"“{kept.push.label}”不发了，留作草稿。反悔：推送 启用 {kept.push.id}，或者：推送 撤销 {done.version}")


def _start(rest: str, message: Message, ctx: Context) -> Reply:
    id, typed = _numbered(rest, START_USAGE)
    desk, kept = _picked(id, ctx, START_USAGE)
    try:
        done = desk.switch(kept.push.id, kept.mark, is_on=True, once=message.id, typed=typed)
    except Braked as brake:
        raise UserError(f"{brake}，例如：推送 启用 {kept.push.id} {brake.reach.people}") from None
    push = done.after or kept.push
    if not is_granted(push):
        return Reply(f"“{push.label}”等另一位管理员批准才发，已经请他们看。不发了：推送 取消 {push.id}")
    share = share_words(desk, push)
    return Reply(f"“{push.label}”照常发：{_when(done, kept)}。不发了：推送 取消 {push.id}" + (f"\n注意：{share}" if share else ""))


def _grant(rest: str, message: Message, ctx: Context) -> Reply:
    desk = _desk(ctx)
    if not rest.strip():
        waiting = desk.waiting()
        if not waiting:
            return Reply("没有推送在等批准。")
        rows = [
            f"• {one.push.id}  {one.push.label}  {say_when(one.push)}，发给 {desk.reach(one.push).words}" for one in waiting[:MOST_LISTED]
        ]
        return Reply(
            "\n".join([f"等批准的推送（{len(waiting)} 条）：", *rows, f"看内容：推送 预览 编号；同意：推送 批准 {waiting[0].push.id}"])
        )
    words = rest.split()
    letters = words.pop() if len(words) > 1 and _LETTERS.fullmatch(words[-1]) else ""
    id, typed = _numbered(" ".join(words), GRANT_USAGE)
    kept = desk.get(id)
    if kept.push.approval == "asked" and kept.letters != letters.lower():
        return Reply(_to_agree_to(desk, kept, letters.lower()))
    try:
        done = desk.grant(id, kept.mark, once=message.id, typed=typed)
    except Braked as brake:
        raise UserError(f"{brake}，例如：{desk.consent(kept, brake.reach)}") from None
    push = done.after or kept.push
    alone = "（只有你一位管理员，审计里记着是单人批准）" if push.granted_by and push.granted_by == push.asked_by else ""
    return Reply(f"批准了“{push.label}”：{say_when(push)}发{alone}。不发了：推送 取消 {push.id}")


def _to_agree_to(desk: PushDesk, kept: Kept, letters: str) -> str:
    """A push as it stands, with what is said by whoever agrees to it; and what he had seen, where that was another state."""
    push, reach = kept.push, desk.reach(kept.push)
    before = desk.version_of(push.id, letters) if letters else None
    mistaken = "四个字母对不上，没有批准。" if letters else "请先看清要批准的内容。"
    began = "你看过的那一版后来又改过，没有批准。" if before else mistaken
    was = [f"你看过的：{say_when(before)}，{one_line('／'.join(texts_of(before)), LONGEST_SHOWN)}"] if before else []
    shown = [f"> {one_line(text, LONGEST_SHOWN)}" for text in texts_of(push)]
    return "\n".join([
        began, *was, f"{'现在的' if before else ''}“{push.label}”：{say_when(push)}，发给 {reach.words}", *shown,
        f"同意就说：{desk.consent(kept, reach)}（最后四个字母说的是这一版，再有人改就不作数）",
    ])  # fmt: skip


def _halt(rest: str, message: Message, ctx: Context) -> Reply:
    word = rest.strip().removeprefix("#").removesuffix("号")
    if not word or len(word.split()) > 1 or len(word) > 64:
        raise UserError(HALT_USAGE)
    desk = MailingDesk(_desk(ctx))
    done = desk.stop(desk.newest(word), once=message.id)
    return Reply(f"{words_of(done)}。已经发出的收不回来；要更正，在控制台的日历里点开它，“准备一条更正”。")


def _ahead(rest: str, message: Message, ctx: Context) -> Reply:
    del rest, message
    desk = _desk(ctx)
    found = outlook(desk)
    if not found.moments:
        return Reply(f"以后 {DAYS} 天没有要发的推送。说一句就能建，例如：推送 新建 明天 9:00 早上好")
    rows: list[str] = []
    for one in found.moments[:MOST_LISTED]:
        times = f" ×{one.count}" if one.count > 1 else ""
        rows.append(f"• {one.at:%m-%d %H:%M}{times}  {one.push.label}{'〔营销〕' if one.push.marketing else ''} → {one.reach.words}")
        rows += [f"  注意：{note}" for note in one.notes]
    more = len(found.moments) + found.more - MOST_LISTED
    rows += [f"……还有 {more} 项，请到控制台的“日历”看"] if more > 0 else []
    return Reply(
        "\n".join(
            [f"“{ctx.community.name}”以后 {DAYS} 天要发的：", *rows, f"{'注意：' if found.share.is_too_much else ''}{found.share.words}。"]
        )
    )


def _undo(rest: str, message: Message, ctx: Context) -> Reply:
    word, desk = rest.strip(), _desk(ctx)
    if word and not (word.isascii() and word.isdecimal() and len(word) < 8):
        raise UserError(UNDO_USAGE)
    number = int(word) if word else desk.newest_version()
    version = desk.undo(number, once=message.id)
    return Reply(f"已撤销推送的第 {number} 版。要再改回来：推送 撤销 {version}")


_Act = Callable[[str, Message, Context], Reply]
_ACTS: Mapping[str, _Act] = {
    **dict.fromkeys(("列表", "清单", "列出"), _list),
    **dict.fromkeys(("新建", "添加", "新增"), _make),
    **dict.fromkeys(("预览", "试看"), _show),
    **dict.fromkeys(("取消", "停用"), _stop),
    **dict.fromkeys(("启用", "恢复"), _start),
    **dict.fromkeys(("批准", "同意"), _grant),
    **dict.fromkeys(("未来", "展望"), _ahead),
    **dict.fromkeys(("停", "停下", "停止"), _halt),
    "撤销": _undo,
}


# Small steps ----------------------------------------------------------------------------------------------------------------


def _desk(ctx: Context) -> PushDesk:
    return PushDesk.of(office_of(ctx), ctx.config)


def _picked(rest: str, ctx: Context, usage: str) -> tuple[PushDesk, Kept]:
    id = rest.strip().removeprefix("#").removesuffix("号")
    if not id or len(id.split()) > 1 or len(id) > 64:
        raise UserError(usage)
    desk = _desk(ctx)
    return desk, desk.get(id)


def _numbered(rest: str, usage: str) -> tuple[str, int | None]:
    """The id of a push, and the number of readers that is typed behind it."""
    words = rest.split()
    number = words[1].removesuffix("人").replace(",", "").replace("，", "") if len(words) == 2 else ""
    if not words or len(words) > 2 or (len(words) == 2 and not (number.isascii() and number.isdecimal() and len(number) < 10)):
        raise UserError(usage)
    return words[0], int(number) if number else None


def _next(desk: PushDesk, push: Push) -> datetime | None:
    return next_moment(push, desk.community.zone, desk.now, desk.contents.workdays)


def _row(push: Push, moment: datetime | None, desk: PushDesk) -> str:
    when = say_when(push) if push.cron or not moment else _said_at(push.at)
    following = f"，下次 {moment.astimezone(desk.community.zone):%m-%d %H:%M}" if moment and push.cron and push.enabled else ""
    marks = "".join(
        f"〔{mark}〕"
        for mark, is_so in (
            ("草稿", not push.enabled),
            ("等批准", push.enabled and not is_granted(push)),
            ("营销", push.marketing),
            ("所有社群", push.community == "*"),
            ("一个一个发", push.to == "members"),
        )
        if is_so
    )
    return f"• {push.id}  {push.label}{marks}  {when}{following}"


def _when(done: Done, kept: Kept) -> str:
    return say_when(done.after or kept.push)


def _said_at(at: str) -> str:
    """A moment as people say it: 12 月 1 日（周二）09:00."""
    moment = parse_at(at)
    return f"{moment.month} 月 {moment.day} 日（周{WEEKDAY_NAMES[moment.weekday()]}）{moment:%H:%M} "
