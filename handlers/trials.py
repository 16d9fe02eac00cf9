"""治理: how strict moderation is in a community, and its trial run: what would have been done."""

from __future__ import annotations

from dataclasses import replace

from bot.context import Context
from bot.errors import UserError
from bot.members import called, plain
from bot.message import Message, Reply
from bot.permissions import may
from bot.router import Router
from bot.trials import PROFILES, STRICTNESS, Course, change_place, course, sum_up, tell_place, title_of
from rules.lines import one_line
from rules.numerals import whole
from rules.policy import Place
from rules.questions import asks
from storage.trials import TrialRow

PAGE = 10
USAGE = "写法是：治理，治理 报告，治理 严格（普通、宽松），治理 客服群（聊天群），或：治理 试运行 开（关）"
SHOWN = {"warn": "会提醒", "review": "会转人工"}
_STRICTNESS = {title: name for name, title in STRICTNESS.items()}
_PROFILES = {title: name for name, title in PROFILES.items()}
_TRIALS = {"开": "on", "开启": "on", "打开": "on", "关": "off", "关闭": "off", "结束": "off", "按配置": "auto"}

router = Router()


@router.command("治理", "社群治理", role="moderator", private=True, takes_words=True, unless=asks)
def govern(message: Message, ctx: Context) -> Reply:
    """治理：判得多严、是不是试运行；治理 报告、治理 严格/普通/宽松、治理 客服群/聊天群、治理 试运行 开/关"""
    words = ctx.args
    if not words:
        return _standing(ctx)
    if words[0] in ("报告", "试判", "记录") and len(words) <= 2:
        return _report(ctx, _page(words[1:]))
    place = ctx.contents.judge.policy.place(ctx.community.id)
    wanted = _wanted(place, words)
    if wanted is None:
        raise UserError(USAGE)
    if not may(ctx.role, "operator"):
        raise UserError("只有运营和管理员能改。看现在怎样请说：治理；看试运行的结果请说：治理 报告")
    change_place(ctx.stores, ctx.community, ctx.actor, wanted, " ".join(("治理", *words)), ctx.now(), once=message.id)
    policy = ctx.contents.judge.policy
    return Reply(
        f"“{ctx.community.name}”的治理：{tell_place(wanted, policy)}。两秒内生效；改回去请说：治理 {_back(place, wanted, ctx)}",
        note={"moderation": "changed"},
    )


def _wanted(place: Place, words: tuple[str, ...]) -> Place | None:
    if len(words) == 1 and words[0] in _STRICTNESS:
        return replace(place, strictness=_STRICTNESS[words[0]])  # type: ignore[arg-type]
    if len(words) == 1 and words[0] in _PROFILES:
        return replace(place, profile=_PROFILES[words[0]])  # type: ignore[arg-type]
    if len(words) == 2 and words[0] == "试运行" and words[1] in _TRIALS:
        return replace(place, trial=_TRIALS[words[1]])  # type: ignore[arg-type]
    return None


def _back(before: Place, after: Place, ctx: Context) -> str:
    """The words that undo a change."""
    if before.trial != after.trial:
        return "试运行 " + {"on": "开", "off": "关", "auto": "按配置"}[before.trial]
    if before.profile != after.profile:
        return PROFILES[before.profile]
    return STRICTNESS[before.strictness or ctx.contents.judge.policy.strictness]


def _standing(ctx: Context) -> Reply:
    policy = ctx.contents.judge.policy
    place, now = policy.place(ctx.community.id), ctx.now()
    lines = [
        f"**{ctx.community.name} · 治理**",
        f"尺度：{STRICTNESS[policy.strictness_in(ctx.community.id)]}（{PROFILES[place.profile]}）",
        f"状态：{_told(course(ctx.stores, ctx.config, policy, ctx.community, now), ctx)}",
        "只判断机器人听得到的话：@它的、私聊它的、举报引用的。不能撤回消息，也不能踢人。",
        "改尺度：治理 严格、治理 普通、治理 宽松；都是来投诉的群：治理 客服群；看试运行结果：治理 报告。",
    ]
    return Reply("\n".join(lines))


def _told(now: Course, ctx: Context) -> str:
    if not ctx.community.is_listed:
        return "这个群没有写进配置，只立案，不提醒任何人"
    if not now.is_trial:
        return "正式，过分的话会私下提醒本人，拿不准的转给你们看"
    until = f"，到 {now.until.astimezone(ctx.community.zone):%m 月 %d 日 %H:%M} 为止" if now.until else ""
    return f"试运行{until}：只记下本来会怎样，不提醒任何人"


def _report(ctx: Context, page: int) -> Reply:
    report = ctx.stores.trials.report(ctx.community.keys, ctx.contents.judge.policy.ladder)
    if report.since is None or not report.rows:
        return Reply(f"“{ctx.community.name}”的试运行还没有记下什么。{sum_up(report)}")
    pages = -(-len(report.rows) // PAGE)
    if page > pages:
        raise UserError(f"只有 {pages} 页，例如：治理 报告 {pages}")
    shown = report.rows[(page - 1) * PAGE : page * PAGE]
    head = f"**{ctx.community.name} · 试运行**（{report.since.astimezone(ctx.community.zone):%m-%d} 起）\n{sum_up(report)}"
    more = [f"下一页：治理 报告 {page + 1}"] if page < pages else []
    about = tuple({row.member for row in shown})
    return Reply("\n".join([head, *(_line(row, ctx) for row in shown), *more]), about=about)


def _line(row: TrialRow, ctx: Context) -> str:
    at, grounds = row.at.astimezone(ctx.community.zone), row.evidence.grounds
    why = f"（{one_line(plain(grounds[0].said), 60)}）" if grounds else ""
    said = one_line(plain(row.evidence.text), 60)
    is_spared = row.outcome == "warn" and row.is_newcomer and ctx.contents.judge.policy.ladder.spare_newcomers
    shown = "会提示新人" if is_spared else SHOWN[row.outcome]
    return f"- {at:%m-%d %H:%M} {called(ctx.stores, row.member)}：{shown}，{title_of(row.category)}：“{said}”{why}"


def _page(words: tuple[str, ...]) -> int:
    if not words:
        return 1
    page = whole(words[0], 100)
    if page is None:
        raise UserError("页码是 1 到 100 的数，例如：治理 报告 2")
    return page
