"""等级, 勋章 and 任务: what a member has become, what he is seen for, and what is to be had today. Badges are also given by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from bot import deliveries
from bot.communities import Communities, Community
from bot.config import Config
from bot.context import Context
from bot.errors import UserError
from bot.live import Contents
from bot.members import called, find_members, left_out, listed, still_here
from bot.message import Message, Prompt, Reply
from bot.permissions import Actor, may
from bot.praise import badge_name, facts_of, held_ids, level_name
from bot.private import tell
from bot.router import Router
from rules.badges import BY, UNITS, Badge, BadgeRules, Facts, Monthly, near, reached
from rules.challenges import challenges_of, is_open
from rules.flows import EVENTS
from rules.levels import Levels, level_of, new_rights, next_level, progress, rights_of
from rules.points import PointRules, check_in_reward
from rules.questions import asks
from storage.badges import LEVEL, Crowned, Held, How
from storage.moment import to_ms
from storage.stores import Stores

BAR = 10
"""Signs of a progress bar."""
MOST_SHOWN = 30
CROWN_AFTER = timedelta(minutes=10)
"""How long after a month's end its winners are named: by then every message of it was worked on."""
EARN = {
    "first_message": "在群里说句话",
    "thanks": "帮到别人，请他说“谢谢 @你”",
    "featured": "写下有用的内容，版主会评精华",
}
"""What to do for the points of a reason."""
HOW = ("怎么", "怎样", "咋", "如何", "多少", "几分", "哪些", "是什么", "有什么", "条件", "规则", "说明")
"""What is in words that ask how levels or badges are got."""
LONGEST_ASKED = 12
ACTS: dict[str, How] = {"授勋": "hand", "收回勋章": "take"}

router = Router()


def _asks_how(words: str) -> bool:
    return len(words) <= LONGEST_ASKED and any(word in words for word in HOW)


def _asks_otherwise(words: str) -> bool:
    return asks(words) and not _asks_how(words)


@router.command(
    "等级", "我的等级", "级别", "我的级别", "等级列表", "level", "lv", "等级怎么升", "怎么升级", "如何升级", "怎么升等级", takes_words=True,
    unless=_asks_otherwise,
)  # fmt: skip
def show_level(message: Message, ctx: Context) -> Reply:
    """等级：你的等级、权益和升级进度；等级 全部 看每一级，等级 怎么升 看怎么升级"""
    levels, where, words = ctx.contents.levels, ctx.community.keys, "".join(ctx.args)
    if _asks_how(words or message.text):
        earned = ctx.stores.points.earned(where, ctx.member)
        return Reply("\n".join([*_ladder(levels), *_next_step(levels, earned), "怎么攒积分，说“任务”。"]))
    if ctx.args and ctx.args[0] not in ("全部", "列表", "所有"):
        raise UserError("写法是：等级，或者 等级 全部，或者 等级 怎么升")
    if ctx.args or message.text.strip().endswith("列表"):
        return Reply("\n".join(_ladder(levels)))
    earned = ctx.stores.points.earned(where, ctx.member)
    level, following = level_of(levels, earned), next_level(levels, earned)
    lines = [f"你是 {level_name(levels, level)}，累计获得 {earned} 积分。"]
    told = (f"{LEVEL}{level.id}",) if level.at else ()
    if told and ctx.stores.badges.give(where, ctx.member, told, ctx.now(), today=ctx.today(), once=message.id):
        lines.insert(0, "🎉 恭喜升级！")  # reached without an act of his: by an import, or by new levels
    if following:
        lines.append(f"{_bar(progress(levels, earned))} 再得 {following.at - earned} 分升到 **{following.name}**")
    lines += [f"现在的权益：{'、'.join(rights_of(level))}"] if rights_of(level) else []
    more = new_rights(levels, following) if following else ()
    lines += [f"下一级新增：{'、'.join(more)}"] if more else []
    return Reply("\n".join(lines), markdown=True)


@router.command(
    "勋章", "我的勋章", "徽章", "我的徽章", "荣誉", "我的荣誉", "勋章列表", "勋章怎么得", "怎么得勋章", "勋章怎么获得", "怎么获得勋章",
    takes_words=True, unless=_asks_otherwise,
)  # fmt: skip
def show_badges(message: Message, ctx: Context) -> Reply:
    """勋章：你得到的勋章和快到手的；勋章 全部 看有哪些，勋章 怎么得 看每一枚怎么得、你到哪一步了"""
    rules, where = ctx.contents.badges, ctx.community.keys
    if meant := rules.named(ctx.args[0]) if ctx.args else None:
        return Reply("\n".join(_ways(replace(rules, badges=(meant,)), ctx)))
    if _asks_how("".join(ctx.args) or message.text):
        return Reply("\n".join(["每一枚勋章怎么得：" if rules.badges else "这里还没有勋章。", *_ways(rules, ctx)]))
    if ctx.args and ctx.args[0] not in ("全部", "列表", "所有"):
        raise UserError(
            "写法是：勋章，或者 勋章 全部，或者 勋章 怎么得" + (f"，一枚的话：勋章 {rules.badges[0].name}" if rules.badges else "")
        )
    if ctx.args or message.text.strip().endswith("列表"):
        return Reply("\n".join(_all_badges(rules)))
    facts = facts_of(ctx.stores, ctx.community, ctx.member, ctx.now())
    due = [badge.id for badge in reached(rules, facts)]
    fresh = ctx.stores.badges.give(where, ctx.member, due, ctx.now(), today=ctx.today(), once=message.id) if due else ()
    held = ctx.stores.badges.of(where, ctx.member)
    lines = [f"你有 {len(held)} 枚勋章：" if held else "你还没有勋章。"]
    lines += [f"• {badge_name(rules, one)}，{one.since:%Y-%m-%d}{' 🆕' if one.id in fresh else ''}" for one in held[-MOST_SHOWN:]]
    lines += _near(rules, facts, held)
    return Reply("\n".join(lines), note={"badges": list(fresh)} if fresh else {}, counts=("badges",) * len(fresh))


@router.command("任务", "今日任务", "每日任务", "我的任务", "赚积分", "怎么赚积分", "怎么攒积分", "如何赚积分")
def show_tasks(message: Message, ctx: Context) -> Reply:
    """任务：今天怎么攒积分，哪些做过了"""
    rules, where, today = ctx.contents.points, ctx.community.keys, ctx.today()
    standing = ctx.stores.check_ins.standing(where, ctx.member, today)
    open_ones = [id for id in EARN if rules.reason(id).points]
    given = ctx.stores.badges.given_today(where, ctx.member, today, open_ones)
    streak = standing.streak + (standing.last != today)
    is_done = standing.last == today
    lines = [_task(is_done, "签到", f"+{check_in_reward(streak, rules.check_in)}", "" if is_done else "说“签到”")]
    # Whoever asks has just said something: that is awarded behind the answer.
    lines += [_of_reason(rules, id, given[id] or (rules.reason(id).points if id == "first_message" else 0)) for id in open_ones]
    lines += _of_challenges(ctx)
    lines += _of_flows(ctx)
    return Reply("今天可以这样攒积分：\n" + "\n".join(lines) + "\n说“等级”看升级进度，说“商城”看能换什么。")


# By hand ------------------------------------------------------------------------------------------------------------------


@router.command("授勋", "颁发勋章", "发勋章", role="operator", takes_words=True)
def award(message: Message, ctx: Context) -> Reply | list[Reply]:
    """授勋 @谁 勋章名：亲手发一枚勋章"""
    return _by_hand("授勋", message, ctx)


@router.command("收回勋章", "撤销勋章", "取消勋章", role="operator", takes_words=True)
def take_back(message: Message, ctx: Context) -> Reply | list[Reply]:
    """收回勋章 @谁 勋章名：收回一枚勋章"""
    return _by_hand("收回勋章", message, ctx)


@router.prompt("honour")
def choose(message: Message, ctx: Context) -> Reply | list[Reply]:
    """授勋：用数字选一个人"""
    number, act, badge = ctx.args[0].split(" ", 2)
    found = ctx.contents.badges.find(badge)
    if not may(ctx.role, "operator") or found is None or act not in ACTS:
        raise UserError("这个命令只有运营可以用。" if found else "这枚勋章刚刚被删掉了，说“勋章 全部”看有哪些。")
    return _settle(still_here(ctx.stores, number, ctx.community.keys), act, found, message, ctx)


def _by_hand(act: str, message: Message, ctx: Context) -> Reply | list[Reply]:
    rules = ctx.contents.badges
    if len(ctx.args) < 2:
        raise UserError(f"写法是：{act} @谁 勋章名，例如：{act} @李雷 {_example(rules)}")
    who, name = " ".join(ctx.args[:-1]).lstrip("@＠"), ctx.args[-1]
    badge = rules.named(name)
    if badge is None:
        raise UserError(f"没有叫“{name}”的勋章。现有：{'、'.join(badge.name for badge in rules.badges) or '还没有，请先写 badges.yaml'}")
    found = find_members(ctx.stores, who, ctx.community.keys)
    if len(found) > 1:
        choices = tuple(f"{number} {act} {badge.id}" for number in found)
        text = f"有 {len(found)} 个人叫“{who}”，回复数字选一个：\n{listed(ctx.stores, found)}"
        return Reply(text, prompt=Prompt("honour", choices), about=found)
    return _settle(found[0], act, badge, message, ctx)


def _settle(number: int, act: str, badge: Badge, message: Message, ctx: Context) -> Reply | list[Reply]:
    how, who = ACTS[act], called(ctx.stores, number)
    if not honour(ctx.stores, ctx.community, ctx.actor, number, act, badge, ctx.now(), once=message.id):
        return Reply(f"{who}{'已经有' if how == 'hand' else '没有'}“{badge.name}”这枚勋章。", note={"honour": "same"}, about=(number,))
    note = {"honour": act, "of": number, "badge": badge.id}
    if how == "take":
        return Reply(f"已收回{who}的勋章“{badge.name}”。", note=note, about=(number,))
    told = Reply(f"{badge.icon} 恭喜{who}获得勋章「{badge.name}」！", note=note, counts=("badges",), about=(number,))
    if message.chat and not ctx.in_admin_group:
        return told
    return [told, Reply(words_of_honour(badge, ctx.community), to=number, about=(number,))]


def honour(stores: Stores, community: Community, actor: Actor, number: int, act: str, badge: Badge, now: datetime, *, once: str) -> bool:
    """Gives a member a badge by hand (授勋) or takes it back (收回勋章), audited; False when he has it already, or has none."""
    where, how, today = community.keys, ACTS[act], community.day_of(now)
    id = badge.id if how == "hand" else stores.badges.newest(where, number, badge.id)
    if not stores.badges.give(where, number, [id], now, today=today, once=once, how=how, actor=actor.member):
        return False
    before, after = ("", badge.name) if how == "hand" else (badge.name, "")
    stores.audit.record(community.id, actor.id, act, f"成员 {number}", before, after, now, once=once)
    return True


def words_of_honour(badge: Badge, community: Community) -> str:
    """What a member is told alone of a badge that he was given by hand."""
    return f"{badge.icon} 你获得了“{community.name}”的勋章「{badge.name}」！"


# By the clock -------------------------------------------------------------------------------------------------------------


def crown_months(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Names the best of the past month in each community, once; gives in how many. After a downtime that is made up for, until the next month."""
    places = communities.listed
    months = [_past_month((now - CROWN_AFTER).astimezone(place.zone).date()) for place in places]
    done: set[str] = set()
    for by in BY:
        told = stores.badges.told_months([place.keys for place in places], months, by)
        for place, month, is_told in zip(places, months, told, strict=True):
            if not is_told:
                _crown(stores, config, contents.badges, place, month, by, now)
                done.add(place.id)
    return len(done)


def _crown(
    stores: Stores, config: Config, rules: BadgeRules, community: Community, month: date, by: Monthly, now: datetime
) -> None:  # fmt: skip
    badge, today = rules.of_month(by), community.day_of(now)
    places = badge.month_top if badge else 0
    out = left_out(stores, config, community.id) if badge else ()
    crowned = stores.badges.crown(
        community.keys, month, now, today=today, badge=badge.id if badge else "", places=max(1, places), left_out=out, by=by
    )
    if badge and crowned.winners:
        _tell_winners(stores, config, badge, community, month, crowned, now)
    stores.badges.note_told(community.keys, month, now, by)


def _tell_winners(
    stores: Stores, config: Config, badge: Badge, community: Community, month: date, crowned: Crowned, now: datetime
) -> None:  # fmt: skip
    name, id = f"{month.year} 年 {month.month} 月", f"crown:{community.id}:{month:%Y-%m}{'' if badge.by == 'points' else f':{badge.by}'}"
    lines = [f"{badge.icon} **{name}的{badge.name}**"]
    lines += [f"• {called(stores, member)}{f'，{points} 积分' if badge.by == 'points' else ''}" for member, points in crowned.winners]
    text = "\n".join([*lines, "谢谢你们让这里热闹起来！新的一月，人人都有机会。"])
    post = deliveries.to_group(config, community.id, "", text, id=id, lane="bulk", now_ms=to_ms(now))
    if post:
        named = tuple(member for member, _ in crowned.winners)
        stores.outbox.enqueue(community.shard, [replace(post, about=named)], to_ms(now))
    for member, _ in crowned.winners:
        words = f"{badge.icon} 你是“{community.name}”{name}的{badge.name}，恭喜！"
        tell(stores, config, community, member, words, now, id=f"{id}:{member}")


def _past_month(today: date) -> date:
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


# Words ----------------------------------------------------------------------------------------------------------------------


def _ladder(levels: Levels) -> Iterator[str]:
    yield "等级按累计获得的积分升，花掉不降级："
    for level in levels.steps:
        rights = "、".join(rights_of(level))
        yield f"{levels.number(level)}. {level.name}：{level.at} 分{f'，{rights}' if rights else ''}"


def _all_badges(rules: BadgeRules) -> Iterator[str]:
    yield "这里的勋章：" if rules.badges else "这里还没有勋章。"
    for badge in rules.badges[: 2 * MOST_SHOWN]:
        yield f"• {badge.icon} {badge.name}：{_how_to_get(badge)}"


def _how_to_get(badge: Badge) -> str:
    """How a badge is got: as operators say it, else by its rule."""
    if badge.text:
        return badge.text
    if badge.counter:
        return "做完一个流程" if badge.flow else f"满 {badge.at} {UNITS[badge.counter]}"
    return f"月度{BY[badge.by]}前 {badge.month_top} 名" if badge.month_top else "由管理员授予"


def _ways(rules: BadgeRules, ctx: Context) -> Iterator[str]:
    """How each badge is got, and how far the member is."""
    facts, held = facts_of(ctx.stores, ctx.community, ctx.member, ctx.now()), ctx.stores.badges.of(ctx.community.keys, ctx.member)
    had = {one.id.partition("@")[0] for one in held}
    for badge in rules.badges[: 2 * MOST_SHOWN]:
        done = f"（你 {min(facts.towards(badge), badge.at)}/{badge.at}）" if badge.counter else ""
        yield f"• {badge.icon} {badge.name}：{_how_to_get(badge)}{'（已得到 ✅）' if badge.id in had else done}"


def _next_step(levels: Levels, earned: int) -> Iterator[str]:
    following = next_level(levels, earned)
    missing = f"，再得 {following.at - earned} 分升到 {following.name}" if following else "，已经是最高一级"
    yield f"你累计获得 {earned} 分，是 {level_of(levels, earned).name}{missing}。"


def _near(rules: BadgeRules, facts: Facts, held: Sequence[Held]) -> Iterator[str]:
    found = near(rules, facts, held_ids(held))
    if found:
        yield "快到手的："
    for badge, missing in found:
        yield f"• {badge.icon} {badge.name}：{badge.text or '继续加油'}，还差 {missing}"


def _of_reason(rules: PointRules, id: str, given: int) -> str:
    reason = rules.reason(id)
    of_day = f"，今天 {given}/{reason.per_day} 分" if reason.per_day else f"，今天得了 {given} 分" if given else ""
    is_done = given >= reason.per_day if reason.per_day else given > 0
    return _task(is_done, reason.title, f"+{reason.points}{of_day}", "" if is_done else EARN[id])


def _of_challenges(ctx: Context) -> Iterator[str]:
    """The challenges that the member is in, as far as something is to be done today; where he is in none, that there are some."""
    today = ctx.today()
    listed = challenges_of(ctx.contents.challenges, ctx.community.id, today)
    runs = ctx.stores.challenges.of_member(ctx.community.keys, ctx.member, listed)
    mine = {one: run for one in listed if (run := runs.get(one.id)) and (run.did(today) or is_open(one, run, today))}
    for challenge, run in mine.items():
        if run.did(today) or (challenge.is_due(today) and run.begin <= today):
            earns = f"+{challenge.points}" if challenge.points else "挑战"
            yield _task(run.did(today), challenge.title, earns, "" if run.did(today) else "说“打卡”")
    if listed and not mine:
        most = max(challenge.points for challenge in listed)
        yield _task(False, "打卡挑战", f"每天 +{most}" if most else "挑战", "说“挑战”看看")


def _of_flows(ctx: Context) -> Iterator[str]:
    """The flows that the member is in or was, and those that he may begin by a word."""
    states = ctx.stores.flows.of_member(ctx.community.keys, ctx.member)
    for flow in ctx.contents.flows.by_id.values():
        state = states.get(flow.id)
        if state and state.status == "done":
            yield f"✅ {flow.title}"
        elif state and state.status in ("asking", "left"):
            yield f"⬜ {flow.title}：说“继续”接着做"
        elif state and state.is_active and state.event:
            yield f"⬜ {flow.title}：下一步，{EVENTS.get(state.event, state.event)}"
        elif state is None and flow.words and flow.is_for(ctx.community.id, is_customer=True):
            yield f"⬜ {flow.title}：说“{flow.words[0]}”开始"


def _task(is_done: bool, title: str, points: str, what: str) -> str:
    return f"{'✅' if is_done else '⬜'} {title}（{points}）{f'：{what}' if what else ''}"


def _bar(share: float) -> str:
    full = min(BAR, int(share * BAR))
    return "▓" * full + "░" * (BAR - full)


def _example(rules: BadgeRules) -> str:
    by_hand = [badge.name for badge in rules.badges if not badge.counter and not badge.month_top]
    return by_hand[0] if by_hand else "社群之光"
