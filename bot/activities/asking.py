"""How operators make an activity by chat: what they typed becomes a draft, they see it as members will, and say by a number whether it begins."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from bot.activities.desk import ActivityDesk
from bot.activities.kind import PROPOSED, Post
from bot.activities.kinds import KINDS
from bot.context import Context
from bot.errors import UserError
from bot.members import behind
from bot.message import Message, Prompt, Reply
from bot.praise import praise
from rules.activities import MOST_ENTRIES, TITLES, Activity, Conditions, KindId
from rules.activity_words import Request, RequestProblem, read_request
from rules.badges import Facts
from rules.levels import Levels
from rules.text import normalise
from storage.activities import ANYBODY, Entered
from storage.tags import is_tag

COMMON = ("花费", "奖励积分", "上限", "名额", "条件")
"""Settings that every kind may have."""
PROMPT = "activity"
MOST_POINTS = 10_000
_CONDITION = re.compile(r"(等级|标签|入群|签到)\s*(.*)")
CONDITION_USAGE = "条件可以写：签到、等级 2、标签 新手、入群 7天、签到 3天，用 / 隔开，例如：条件 签到 / 入群 7天"


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that all kinds have, as the desk takes them."""

    cost: int = 0
    award: int = 0
    most: int = 0
    conditions: Conditions = ANYBODY


def desk_of(ctx: Context) -> ActivityDesk:
    """The desk of the community in which somebody speaks."""
    return ActivityDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())


def read_from(message: Message, ctx: Context, settings: Collection[str], usage: str) -> Request:
    """What stands behind a command like 发起投票, with the common settings and ``settings``. Raises UserError, with ``usage`` where nothing stands there."""
    words = behind(message.text)
    if not words:
        raise UserError(usage)
    try:
        return read_request(words, ctx.now().astimezone(ctx.community.zone), (*settings, *COMMON))
    except RequestProblem as problem:
        raise UserError(str(problem)) from problem


def read_terms(request: Request, levels: Levels) -> Terms:
    """The settings that all kinds have. Raises UserError with an example."""
    return Terms(
        cost=_number(request, "花费", MOST_POINTS),
        award=_number(request, "奖励积分", MOST_POINTS),
        most=_number(request, "上限" if request.has("上限") else "名额", MOST_ENTRIES),
        conditions=_conditions(request.settings.get("条件", ()), levels),
    )


def propose(message: Message, ctx: Context, kind: KindId, request: Request) -> Reply:
    """Makes a draft of what somebody asked for, shows it as members will see it, and asks whether it is to begin. Raises UserError."""
    desk, chat = desk_of(ctx), "" if message.is_private or ctx.in_admin_group else message.chat
    return ask_to_begin(desk, draft_of(desk, kind, request, author=ctx.member, chat=chat, once=message.id))


def draft_of(
    desk: ActivityDesk, kind: KindId, request: Request, *, author: int, chat: str, once: str, is_proposed: bool = False
) -> Activity:  # fmt: skip
    """A draft of what somebody asked for. ``is_proposed``: operators decide on it, and he is told what they decided. Raises UserError."""
    title, spec = KINDS[kind].read(request, desk.contents)
    spec = {**spec, PROPOSED: True} if is_proposed else spec
    terms = read_terms(request, desk.contents.levels)
    return desk.draft(
        kind, title, spec, author=author, chat=chat, opens=request.opens, closes=request.closes, cost=terms.cost, award=terms.award,
        most=terms.most, conditions=terms.conditions, once=once,
    )  # fmt: skip


def ask_to_begin(desk: ActivityDesk, activity: Activity) -> Reply:
    """A draft as members will see it, and what may be done with it."""
    begin = f"{desk.say(activity.opens)} 自动开始" if activity.opens else "现在开始"
    said = [
        f"{TITLES[activity.kind]}（活动 {activity.number}）的预览：",
        desk.kind_of(activity).preview(desk.stage(activity)),
        desk.terms(activity),
        f"回复数字：\n1. {begin}\n2. 先存草稿\n3. 不要了",
    ]
    number = activity.number
    choices = (f"begin {number}", f"keep {number}", f"drop {number}")
    return Reply("\n\n".join(filter(None, said)), prompt=Prompt(PROMPT, choices), note={"activity": number, "kind": activity.kind})


def shown(post: Post, activity: Activity) -> Reply:
    """What is told of an activity, as an answer."""
    return Reply(post.text, card=post.card, image=post.image, about=post.about, note={"activity": activity.number})


def honours(ctx: Context, entered: Entered, *, once: str) -> list[Reply]:
    """What an entry brought besides: a level by its award, said beside the answer; and it is counted, which flows that wait for it hear of."""
    before, after = Facts(earned=entered.earned - entered.points), Facts(earned=entered.earned)
    counted = [Reply(counts=("activity_entries",))] if entered.outcome == "ok" else []
    return [*counted, *praise(ctx, before, after, once=f"activity|{once}")]


def _number(request: Request, name: str, most: int) -> int:
    """A setting that is a number; 0 where it does not stand there."""
    if not request.has(name):
        return 0
    text = request.one(name)
    found = re.fullmatch(r"(\d{1,7})\s*(?:积分|分|人|个|名)?", normalise(text))
    if found is None or not 0 < int(found[1]) <= most:
        raise UserError(f"“{f'{name} {text[:20]}'.strip()}”要写 1 到 {most} 的数字，例如：{name} 20")
    return int(found[1])


def _conditions(given: Collection[str], levels: Levels) -> Conditions:
    level, tag, days, check_ins, checked_in = "", "", 0, 0, False
    for word in (word.strip() for text in given for word in re.split(r"[/、，,；;]", text)):
        found = _CONDITION.fullmatch(word)
        if found is None:
            raise UserError(f"“{word[:20]}”不是能用的条件。{CONDITION_USAGE}")
        name, value = found[1], found[2].strip()
        match name:
            case "等级":
                level = _level(value, levels)
            case "标签":
                if not is_tag(value):
                    raise UserError(f"标签要 20 个字以内、不含标点。{CONDITION_USAGE}")
                tag = value
            case "签到" if not value:
                checked_in = True
            case _:
                n = re.fullmatch(r"(?:满|累计)?\s*(\d{1,4})\s*天?", normalise(value))
                if n is None:
                    raise UserError(f"“{word[:20]}”要写天数。{CONDITION_USAGE}")
                days, check_ins = (int(n[1]), check_ins) if name == "入群" else (days, int(n[1]))
    return Conditions(level, tag, days, check_ins, checked_in)


def _level(value: str, levels: Levels) -> str:
    """A level by its number on the ladder, its name or its id."""
    word = normalise(value).removesuffix("级")
    if word.isdecimal() and 0 < int(word) <= len(levels.steps):
        return levels.steps[int(word) - 1].id
    found = next((level for level in levels.steps if value in (level.name, level.id)), None)
    if found is None:
        names = "、".join(f"{n} {level.name}" for n, level in enumerate(levels.steps, 1))
        raise UserError(f"没有“{value[:20]}”这个等级，有：{names}。例如：条件 等级 2")
    return found.id
