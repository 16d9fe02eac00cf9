"""打卡 and 挑战: something done on many days, said or shown. A bare 打卡 is 签到 as well, unless one challenge waits for its proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from bot.check_ins import check_in
from bot.context import Context
from bot.drawing import drawn
from bot.errors import UserError
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.praise import praise
from bot.router import Router
from rules.badges import Facts
from rules.calendar import WEEKDAY_NAMES
from rules.challenges import EVERY_DAY, Challenge, Run, challenges_of, find_challenge, is_open, missed_days
from rules.lines import one_line
from rules.numerals import whole
from rules.questions import asks, is_question
from rules.text import normalise
from storage.challenges import LONGEST_PROOF, Act, Shown, Stepped, is_work_of

PICTURE = "[图片]"
"""What is kept of a picture that was shown."""
PAGE = 20
LONGEST_DRAWN = 366
ENOUGH = frozenset({"算了", "算了吧", "取消", "不打了", "不写了", "不发了", "不用了", "没有", "不打卡了", "下次吧"})
JOIN_USAGE = "写法是：参加挑战 编号或名字，例如：参加挑战 1。有哪些挑战，说“挑战”看看。"
WHO_USAGE = "写法是：挑战 名单 编号，例如：挑战 名单 1；后面的人看：挑战 名单 1 第2页"
NONE_HERE = "现在没有打卡挑战。每天的签到请说“签到”。"
NOT_IN_ANY = "你没有正在进行的挑战。说“挑战”看看有哪些，“参加挑战 1”就能加入。"

LONGEST_SHOWN = 60
"""Characters of a proof in a list."""

router = Router()


# What members say -------------------------------------------------------------------------------------------------------


@router.command("打卡", "我要打卡", "今日打卡", "每日打卡", "我来打卡", "dk", takes_words=True, unless=is_question)
def check(message: Message, ctx: Context) -> list[Reply]:
    """打卡：记下今天的挑战（要写的话跟在后面），没有挑战就是签到"""
    words = " ".join(ctx.args)
    mine = _mine(message, ctx)
    if not mine:
        return check_in(message, ctx)
    if words or message.attachments:
        return _with_proof(words, mine, message, ctx)
    return _bare(mine, message, ctx)


@router.pattern(r"(?s)打卡\s*[:,，]\s*(.+)", name="打卡：")
def check_at_once(message: Message, ctx: Context) -> list[Reply]:
    """打卡：和正文写在一起"""
    mine = _mine(message, ctx)
    words = message.text.strip()[2:].lstrip(" :：,，\n")
    return _with_proof(words, mine, message, ctx) if mine else check_in(message, ctx)


@router.open_prompt("challenge", accepts=lambda words, choices: not is_question(words), pictures=True)
def check_by_words(message: Message, ctx: Context) -> list[Reply]:
    """打卡：被问到之后说的话、发的图片就是打卡内容"""
    words, *chosen = ctx.args
    if words.strip("。！!~ ") in ENOUGH and not message.attachments:
        return [Reply("好的，想打卡了再说“打卡”。", note={"challenge": "dropped"})]
    mine = _mine(message, ctx)
    challenge = next((one for one in mine if one.id in chosen), None)
    return _proven(challenge, words, _shows(message), message, ctx) if challenge else [Reply(NOT_IN_ANY)]


@router.prompt("challenge pick")
def pick(message: Message, ctx: Context) -> list[Reply]:
    """打卡：用数字选是哪个挑战"""
    id, shown, words = ctx.args[0].split(" ", 2)
    challenge = next((one for one in _mine(message, ctx) if one.id == id), None)
    return _proven(challenge, words, shown == "shown", message, ctx) if challenge else [Reply(NOT_IN_ANY)]


@router.command("挑战", "打卡挑战", "挑战列表", "有哪些挑战", "挑战赛", takes_words=True, unless=asks)
def show(message: Message, ctx: Context) -> Reply:
    """挑战：有哪些打卡挑战，自己到哪一天了；挑战 1 看详细"""
    listed = _listed(ctx)
    if ctx.args and ctx.args[0] in ("名单", "成员", "进度名单"):
        return _who(ctx.args[1:], message, ctx)
    runs = ctx.stores.challenges.of_member(ctx.community.keys, ctx.member, listed)
    if ctx.args:
        challenge = _named(" ".join(ctx.args), listed, "写法是：挑战 编号或名字，例如：挑战 1。只说“挑战”看全部。")
        return Reply(_detail(challenge, runs.get(challenge.id), listed.index(challenge) + 1, ctx), markdown=True)
    if not listed:
        return Reply(NONE_HERE)
    rows = [f"{n}. {_line(one, runs.get(one.id), ctx)}" for n, one in enumerate(listed, 1)]
    said = "打卡挑战：\n" + "\n".join(rows) + "\n\n说“参加挑战 1”加入，每天说“打卡”，“打卡进度”看自己的。"
    return Reply(said, markdown=True)


@router.command("参加挑战", "报名挑战", "加入挑战", "参与挑战", "我要参加挑战", takes_words=True, unless=asks)
def join(message: Message, ctx: Context) -> Reply:
    """参加挑战 编号：从今天开始一个打卡挑战"""
    return _join(" ".join(ctx.args), message, ctx)


@router.pattern(r"(?:我要)?(?:参加|报名|加入|参与)挑战\s*[:,，]?\s*(\S.{0,30})", name="参加挑战1")
def join_at_once(message: Message, ctx: Context) -> Reply:
    """参加挑战：和编号写在一起"""
    return _join(ctx.args[0], message, ctx)


@router.command("打卡进度", "挑战进度", "我的挑战", "我的打卡", "打卡记录", takes_words=True, unless=asks)
def progress(message: Message, ctx: Context) -> Reply:
    """打卡进度：自己的挑战到第几天了"""
    listed = _listed(ctx, with_over=True)
    runs = ctx.stores.challenges.of_member(ctx.community.keys, ctx.member, listed)
    mine = [one for one in listed if one.id in runs]
    if ctx.args:
        named = _named(" ".join(ctx.args), _listed(ctx), "写法是：打卡进度 名字，例如：打卡进度 早起打卡。只说“打卡进度”看全部。")
        mine = [named] if named in mine else []
    if not mine:
        return Reply(NOT_IN_ANY)
    rows = [f"“{one.title}”：{standing_of(one, runs[one.id], ctx.today())}" for one in mine]
    live = [one for one in mine if is_open(one, runs[one.id], ctx.today())] or mine
    return Reply("\n".join(rows), image=_picture(live[0], runs[live[0].id], ctx) if len(live) == 1 else "")


@router.command("退出挑战", "放弃挑战", "退出打卡", "不参加挑战了", takes_words=True, unless=asks, is_hidden=True)
def ask_to_leave(message: Message, ctx: Context) -> Reply:
    """退出挑战：不再继续一个挑战"""
    mine = [one for one, run in _mine(message, ctx).items() if run.state == "on"]
    if ctx.args:
        named = _named(" ".join(ctx.args), _listed(ctx), "写法是：退出挑战 名字，例如：退出挑战 早起打卡")
        mine = [named] if named in mine else []
    if not mine:
        return Reply(NOT_IN_ANY)
    rows = [f"{n}. 退出“{one.title}”" for n, one in enumerate(mine, 1)]
    said = "退出后进度不保留，再参加要从头开始（已经得到的积分还在）。回复数字确认：\n"
    return Reply(said + "\n".join(rows), prompt=Prompt("challenge leave", tuple(one.id for one in mine)))


@router.prompt("challenge leave")
def leave(message: Message, ctx: Context) -> Reply:
    """退出挑战：用数字确认"""
    challenge = next((one for one in _listed(ctx, with_over=True) if one.id == ctx.args[0]), None)
    if challenge is None:
        return Reply(NOT_IN_ANY)
    done = _step(challenge, "leave", message, ctx)
    if done.outcome != "left":
        return Reply(f"“{challenge.title}”已经不在进行中了。")
    return Reply(f"已退出“{challenge.title}”。想再来随时说“参加挑战”。", note={"challenge": challenge.id, "left": True})


@router.command("挑战名单", role="moderator", takes_words=True, private=True)
def who(message: Message, ctx: Context) -> Reply:
    """挑战名单 编号：谁参加了、到第几天、最近一次写了什么"""
    return _who(ctx.args, message, ctx)


# 打卡 --------------------------------------------------------------------------------------------------------------------


def _bare(mine: Mapping[Challenge, Run], message: Message, ctx: Context) -> list[Reply]:
    """打卡 alone: what needs no proof is done; one challenge that wants a proof is asked for it, else this is 签到 too."""
    today, lost = ctx.today(), _lost(mine, message, ctx)
    wanting = _wanting(mine, today)
    said = [reply for one in mine if one.proof == "none" or one in lost for reply in _record(one, "", message, ctx)]
    if len(wanting) == 1:
        return [*(reply for reply in said if reply.note.get("outcome") != "already"), _ask(wanting[0])]
    said += check_in(message, ctx)
    resting = (one for one in mine if one.proof != "none" and one not in lost and not one.is_due(today) and not one.is_over(today))
    said += [Reply(_rest_day(one, today)) for one in resting]
    return [*said, _ask_which(wanting, "", shown=False)] if wanting else said


def _with_proof(words: str, mine: Mapping[Challenge, Run], message: Message, ctx: Context) -> list[Reply]:
    chosen, rest = _chosen(words, list(mine), _listed(ctx))
    shown, lost = _shows(message), _lost(mine, message, ctx)
    if chosen:
        return _record(chosen, "", message, ctx) if chosen in lost else _proven(chosen, rest, shown, message, ctx)
    over = [reply for one in lost for reply in _record(one, "", message, ctx)]
    # a repeat of the message that did one gets its first result, whatever else still waits
    repeated = [one for one, run in mine.items() if one.proof != "none" and one not in lost and is_work_of(run, one, message.id)]
    wanting = repeated or _wanting(mine, ctx.today())
    fitting = repeated or [one for one in wanting if (one.proof == "picture") == shown] or wanting
    if len(fitting) > 1:
        return [*over, _ask_which(fitting, words[:LONGEST_PROOF], shown)]
    if fitting:
        return [*over, *_proven(fitting[0], words, shown, message, ctx)]
    proving = [one for one in mine if one.proof != "none" and one not in lost]
    if not proving:
        return _bare(mine, message, ctx)
    return [*over, *(reply for one in proving for reply in _record(one, words, message, ctx))]


def _wanting(mine: Mapping[Challenge, Run], today: date) -> list[Challenge]:
    """Those that wait for a proof today."""
    return [one for one, run in mine.items() if one.proof != "none" and is_open(one, run, today) and _is_due(one, run, today)]


def _lost(mine: Mapping[Challenge, Run], message: Message, ctx: Context) -> list[Challenge]:
    """Those that too many missed days ended, though nobody has said so yet: no proof is asked for that could not count any more."""
    today = ctx.today()
    return [
        one for one, run in mine.items()
        if (run.state == "on" and missed_days(one, run, today) > one.misses) or (run.state == "failed" and is_work_of(run, one, message.id))
    ]  # fmt: skip


def _chosen(words: str, mine: Sequence[Challenge], listed: Sequence[Challenge]) -> tuple[Challenge | None, str]:
    """The challenge that the first word names, by its title or, if there are several, its number in the list; and the words behind it."""
    head, _, rest = words.strip().partition(" ")
    by_title = next((one for one in mine if normalise(head) == normalise(one.title)), None)
    if by_title or len(mine) < 2:
        return by_title, rest.strip() if by_title else words
    numbered = find_challenge(listed, head) if head.isdecimal() else None
    return (numbered, rest.strip()) if numbered in mine else (None, words)


def _proven(challenge: Challenge, words: str, shown: bool, message: Message, ctx: Context) -> list[Reply]:
    """Takes words, or a picture that was ``shown``, for the proof that a challenge wants; asks for it where there is none."""
    is_enough = shown if challenge.proof == "picture" else challenge.proof == "none" or any(map(str.isalnum, words))
    if not is_enough:
        return [_ask(challenge)]
    return _record(challenge, f"{PICTURE if shown else ''}{words}", message, ctx)


def _record(challenge: Challenge, proof: str, message: Message, ctx: Context) -> list[Reply]:
    done = _step(challenge, "check_in", message, ctx, proof=proof if challenge.proof != "none" else "")
    note = {"challenge": challenge.id, "outcome": done.outcome}
    if done.outcome != "ok":
        return [Reply(_REFUSALS[done.outcome](challenge, done, ctx), note=note)]
    counts = ("challenge_days", *(("challenges_done",) if done.finished else ()))
    reply = Reply(_recorded(challenge, done), markdown=True, note=note, counts=counts)
    return [reply, *_honours(challenge, done, message, ctx)]


def _honours(challenge: Challenge, done: Stepped, message: Message, ctx: Context) -> list[Reply]:
    """A level that the points brought, and what comes with the end: the challenge's badge, and those for challenges finished."""
    before, after, once = done.earned - done.points, done.earned, f"challenge|{challenge.id}|{message.id}"
    if not done.finished:
        return praise(ctx, Facts(earned=before), Facts(earned=after), once=once)
    finished = ctx.stores.challenges.finished(ctx.community.keys, ctx.member)
    said = praise(ctx, Facts(earned=before, challenges=finished - 1), Facts(earned=after, challenges=finished), once=f"{once}|end")
    badge = ctx.contents.badges.find(challenge.badge) if challenge.badge else None
    if badge is None:
        return said
    given = ctx.stores.badges.give(ctx.community.keys, ctx.member, [badge.id], ctx.now(), today=ctx.today(), once=once)
    return [Reply(f"{badge.icon} 获得勋章「{badge.name}」", counts=("badges",)), *said] if given else said


def _step(challenge: Challenge, act: Act, message: Message, ctx: Context, *, proof: str = "", least_earned: int = 0) -> Stepped:
    rules = ctx.contents.points
    return ctx.stores.challenges.step(
        ctx.community.keys, ctx.member, challenge, act, ctx.now(), today=ctx.today(), lapses=rules, proof=proof,
        least_earned=least_earned, cap_of_reason=rules.reason("challenge").per_day, cap_of_day=rules.cap_of_day, once=message.id,
    )  # fmt: skip


# Joining ------------------------------------------------------------------------------------------------------------------


def _join(words: str, message: Message, ctx: Context) -> Reply:
    listed = _listed(ctx)
    if not listed:
        return Reply(NONE_HERE)
    challenge = _named(words, listed, JOIN_USAGE)
    level = ctx.contents.levels.find(challenge.min_level) if challenge.min_level else None
    done = _step(challenge, "join", message, ctx, least_earned=level.at if level else 0)
    note = {"challenge": challenge.id, "outcome": done.outcome}
    if done.outcome == "low" and level:
        return Reply(f"“{challenge.title}”要到「{level.name}」才能参加，再得 {level.at - done.earned} 积分就到了。", note=note)
    if done.outcome == "already":
        return Reply(
            f"你已经参加了“{challenge.title}”，完成了 {done.done}/{challenge.days} 天。每天说“打卡”，“打卡进度”看自己的。", note=note
        )
    if done.outcome != "joined":
        return Reply(_REFUSALS[done.outcome](challenge, done, ctx), note=note)
    return Reply(
        f"已参加“{challenge.title}”：{rules_of(challenge)}。{_begins(challenge, done.begin or ctx.today(), ctx.today())}",
        note=note,
        counts=("challenge_joins",),
    )


def _begins(challenge: Challenge, begin: date, today: date) -> str:
    first = _next_due(challenge, begin)
    how = {"none": "说“打卡”", "text": "说“打卡 ”加一句话", "picture": "说“打卡”再发一张图片"}[challenge.proof]
    return f"今天就可以开始：{how}。" if first == today else f"{_day(first)}开始，到时候{how}。"


# Lists --------------------------------------------------------------------------------------------------------------------


def _who(words: Sequence[str], message: Message, ctx: Context) -> Reply:
    if not may(ctx.role, "moderator"):
        raise UserError("名单只有管理员可以看。自己的进度请说“打卡进度”。")
    if not (message.is_private or ctx.in_admin_group):
        raise UserError("这里人多，名单请私聊我看。")
    listed = _listed(ctx, with_over=True)
    page = _page(words[-1]) if len(words) > 1 else 0
    challenge = _named(" ".join(words[:-1] if page else words), listed, WHO_USAGE)
    where, today = ctx.community.keys, ctx.today()
    runs = ctx.stores.challenges.members(where, challenge.id)
    if not runs:
        return Reply(f"还没有人参加“{challenge.title}”。")
    order = sorted(runs, key=lambda member: (-runs[member].done, member))
    pages = -(-len(order) // PAGE)
    page = min(max(1, page), pages)
    shown = order[(page - 1) * PAGE : page * PAGE]
    proofs = ctx.stores.challenges.proofs(where, challenge.id, shown)
    rows = [_person(member, challenge, runs[member], proofs.get(member), ctx) for member in shown]
    more = f"\n第 {page}/{pages} 页，接着看：挑战 名单 {challenge.title} 第{page + 1}页" if page < pages else ""
    going = sum(is_open(challenge, run, today) for run in runs.values())
    head = f"“{challenge.title}”有 {len(order)} 人参加，{going} 人进行中，{sum(run.times > 0 for run in runs.values())} 人完成过："
    return Reply(f"{head}\n" + "\n".join(rows) + more, about=tuple(shown), note={"challenge": challenge.id})


def _page(word: str) -> int:
    number = normalise(word).removeprefix("第").removesuffix("页")
    return whole(number, 9_999) or 0


def _person(member: int, challenge: Challenge, run: Run, proof: Shown | None, ctx: Context) -> str:
    name = ctx.stores.directory.find_name(member) or "未知名字"
    shown = f"，{proof.at.astimezone(ctx.community.zone):%m-%d}：{one_line(proof.text, LONGEST_SHOWN)}" if proof else ""
    return f"- {name}（成员 {member}）{standing_of(challenge, run, ctx.today())}{shown}"


def _line(challenge: Challenge, run: Run | None, ctx: Context) -> str:
    standing = f"\n   {standing_of(challenge, run, ctx.today())}" if run else ""
    return f"**{challenge.title}**：{rules_of(challenge)}{standing}"


def _detail(challenge: Challenge, run: Run | None, number: int, ctx: Context) -> str:
    level = ctx.contents.levels.find(challenge.min_level) if challenge.min_level else None
    dates = [f"{_day(challenge.start)}开始" if challenge.start else "", f"{_day(challenge.end)}结束" if challenge.end else ""]
    lines = [f"**{challenge.title}**", challenge.text, f"规则：{rules_of(challenge)}。", "，".join(filter(None, dates))]
    lines.append(f"要到「{level.name}」才能参加。" if level else "")
    lines.append(f"你的进度：{standing_of(challenge, run, ctx.today())}" if run else f"说“参加挑战 {number}”加入。")
    return "\n".join(filter(None, lines))


def rules_of(challenge: Challenge) -> str:
    """What a challenge takes and brings, in words."""
    when = _when(sorted(challenge.weekdays))
    proof = {"none": "", "text": "，要写一句话", "picture": "，要发图片"}[challenge.proof]
    misses = f"，最多漏 {challenge.misses} 天" if challenge.misses else "，一天都不能漏"
    earns = (f"，每天 +{challenge.points}" if challenge.points else "") + (
        f"，完成再 +{challenge.points_end}" if challenge.points_end else ""
    )
    return f"{when}打卡，共 {challenge.days} 天{proof}{misses}{earns}"


def _when(days: Sequence[int]) -> str:
    if tuple(days) == EVERY_DAY:
        return "每天"
    names = [WEEKDAY_NAMES[day - 1] for day in days]
    return f"周{names[0]}到周{names[-1]}" if len(days) > 2 and days[-1] - days[0] == len(days) - 1 else "周" + "、".join(names)


def standing_of(challenge: Challenge, run: Run, today: date) -> str:
    """How far a run has come, in words."""
    if run.state == "done":
        return f"已完成 {run.times} 次 🎉"
    missed = missed_days(challenge, run, today)
    done = f"{run.done}/{challenge.days} 天" + (f"，漏了 {missed} 天" if missed else "")
    if not is_open(challenge, run, today):
        return f"没有坚持到底（{done}），可以重新参加" if not challenge.is_over(today) else f"已经结束（{done}）"
    if run.did(today):
        return f"{done}，今天已打卡"
    return f"{done}，今天还没打卡" if _is_due(challenge, run, today) else f"{done}，{_day(_next_due(challenge, max(run.begin, today)))}打卡"


def _picture(challenge: Challenge, run: Run, ctx: Context) -> str:
    day = (ctx.today() - run.begin).days + 1
    # a dot stands for its day only where every day is due and all of them have one; else the dots just tell how many are done
    is_daily = set(challenge.weekdays) == set(EVERY_DAY) and day <= challenge.days
    days = [n + 1 for n, mark in enumerate(run.marks[: challenge.days]) if mark == "1"] if is_daily else list(range(1, run.done + 1))
    facts = {
        "nickname": ctx.nickname[:40], "community": ctx.community.name[:40], "title": challenge.title, "done": min(run.done, challenge.days),
        "of": challenge.days, "day": max(0, min(day, challenge.days)) if is_daily else 0, "days": days[:LONGEST_DRAWN],
        "sentence": standing_of(challenge, run, ctx.today())[:120],
    }  # fmt: skip
    return drawn("progress", facts, about=(ctx.member,))


# Words --------------------------------------------------------------------------------------------------------------------


def _recorded(challenge: Challenge, done: Stepped) -> str:
    points = f"，积分 +{done.points}，现有 **{done.balance}** 积分" if done.points else ""
    if done.points < challenge.points + done.finished * challenge.points_end:
        points += "（今天能得的积分已经满了）"
    said = f"“{challenge.title}”打卡成功，第 {done.done}/{challenge.days} 天{points}。"
    if done.finished:
        end = f"其中 {challenge.points_end} 分是完成的奖励。" if challenge.points_end else ""
        return f"{said}🎉 {challenge.days} 天完成了，真棒！{end}"
    left = challenge.misses - done.missed
    return said + (f"漏了 {done.missed} 天，还可以漏 {left} 天。" if done.missed else "")


def _ask(challenge: Challenge) -> Reply:
    wanted = "发一张图片（在群里发请同时 @我）" if challenge.proof == "picture" else "写一句话（在群里请 @我）"
    said = f"“{challenge.title}”今天的打卡：请{wanted}，不打就说“算了”。签到是另外的，说“签到”就行。"
    return Reply(said, prompt=Prompt("challenge", (challenge.id,)), note={"challenge": challenge.id, "asked": challenge.proof})


def _ask_which(wanting: Sequence[Challenge], words: str, shown: bool) -> Reply:
    rows = [f"{n}. {one.title}（{'要发图片' if one.proof == 'picture' else '要写一句话'}）" for n, one in enumerate(wanting, 1)]
    return Reply(
        "给哪个挑战打卡？回复数字选一个：\n" + "\n".join(rows),
        prompt=Prompt("challenge pick", tuple(f"{one.id} {'shown' if shown else 'said'} {words}" for one in wanting)),
    )


_REFUSALS: Mapping[str, Callable[[Challenge, Stepped, Context], str]] = {
    "already": lambda one, done, ctx: f"“{one.title}”" + (f"今天已经打过卡了，第 {done.done}/{one.days} 天。明天再来！"),
    "out": lambda one, done, ctx: f"你还没有参加“{one.title}”，说“参加挑战 {one.title}”加入。",
    "done": lambda one, done, ctx: f"“{one.title}”你已经完成了。想再来一轮，说“参加挑战 {one.title}”。",
    "failed": lambda one, done, ctx: (
        f"“{one.title}”漏了 {done.missed} 天，超过了最多 {one.misses} 天，这一轮结束了。说“参加挑战 {one.title}”可以重新开始。"
    ),
    "off": lambda one, done, ctx: _rest_day(one, ctx.today()),
    "early": lambda one, done, ctx: (
        f"“{one.title}”还没开始，{_day(_next_due(one, max(done.begin or ctx.today(), one.start or date.min)))}开始。"
    ),
    "over": lambda one, done, ctx: f"“{one.title}”已经结束了。",
    "late": lambda one, done, ctx: f"“{one.title}”剩下的日子做不满 {one.days} 天了，等下一期吧。",
    "low": lambda one, done, ctx: f"“{one.title}”现在还不能参加。",
}
"""Why nothing was recorded, as the outcomes of ``storage/lua/challenge_act.lua`` name it."""


def _rest_day(challenge: Challenge, today: date) -> str:
    return f"“{challenge.title}”今天不用打卡，下一次是 {_day(_next_due(challenge, max(today, challenge.start or today)))}。"


def _day(day: date | None) -> str:
    return f"{day.month} 月 {day.day} 日（周{WEEKDAY_NAMES[day.weekday()]}）" if day else ""


# Small steps --------------------------------------------------------------------------------------------------------------


def _listed(ctx: Context, *, with_over: bool = False) -> list[Challenge]:
    """The challenges of this community, in the order in which they are numbered: those that are over behind the others."""
    return challenges_of(ctx.contents.challenges, ctx.community.id, ctx.today(), with_over=with_over)


def _mine(message: Message, ctx: Context) -> dict[Challenge, Run]:
    """The challenges that the speaker is in, with those that he finished today, and whose run ended by this very message.

    No round trip where there are no challenges.
    """
    listed, today = _listed(ctx), ctx.today()
    runs = ctx.stores.challenges.of_member(ctx.community.keys, ctx.member, listed)

    def counts(one: Challenge, run: Run) -> bool:
        return run.state == "on" or (run.state == "done" and run.did(today)) or is_work_of(run, one, message.id)

    return {one: run for one in listed if (run := runs.get(one.id)) and counts(one, run)}


def _shows(message: Message) -> bool:
    return any(shown.kind in ("image", "video") for shown in message.attachments)


def _is_due(challenge: Challenge, run: Run, today: date) -> bool:
    return challenge.is_due(today) and run.begin <= today and not run.did(today)


def _named(words: str, listed: Sequence[Challenge], usage: str) -> Challenge:
    if not words.strip():
        if len(listed) == 1:
            return listed[0]
        raise UserError(usage)
    found = find_challenge(listed, normalise(words)) or find_challenge(listed, words)
    if found is None:
        raise UserError(f"没有找到“{words.strip()[:30]}”。{usage}")
    return found


def _next_due(challenge: Challenge, day: date) -> date:
    return next(later for later in (day + timedelta(days=n) for n in range(8)) if challenge.is_due(later))
