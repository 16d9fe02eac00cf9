"""A check-in as it is answered: whatever word a member says for it."""

from __future__ import annotations

from bot.context import Context
from bot.message import Message, Reply
from bot.praise import praise
from rules.badges import Facts
from rules.check_ins import next_bonus
from rules.levels import level_of
from rules.points import bonus_on
from storage.check_ins import CheckIn


def check_in(message: Message, ctx: Context) -> list[Reply]:
    """Checks the speaker in, once a day, and says what it brought; one round trip, another where a level or badge is reached."""
    rule = ctx.contents.points.make_up
    done = ctx.stores.check_ins.check_in(
        ctx.community.keys,
        ctx.member,
        ctx.now(),
        today=ctx.today(),
        rewards=ctx.contents.rewards,
        lapses=ctx.contents.points,
        once=message.id,
        card_every=rule.card_every if rule.a_month else 0,
        most_cards=rule.most_cards,
    )
    if not done.is_fresh:
        return [Reply(_again(done, ctx), note={"fresh": False})]
    before = Facts(streak=done.streak - 1, check_ins=done.total - 1, earned=done.earned - done.reward)
    after = Facts(streak=done.streak, check_ins=done.total, earned=done.earned)
    return [
        Reply(_fresh(done, ctx), markdown=True, note={"fresh": True}, counts=("check_ins",)),
        *praise(ctx, before, after, once=f"check_in|{message.id}"),
    ]


def coming(streak: int, ctx: Context) -> str:
    """What the next days of a streak bring, as a sentence; '' when nothing does."""
    found = next_bonus(streak, ctx.contents.points.check_in)
    return f"再签 {found[0]} 天有 +{found[1]}。" if found else ""


def _fresh(done: CheckIn, ctx: Context) -> str:
    bonus = bonus_on(done.streak, ctx.contents.points.check_in)
    parts = [f"签到成功！积分 +{done.reward}，现有 **{done.balance}** 积分，已连续签到 {done.streak} 天。"]
    if bonus:
        parts.append(f"其中 {bonus} 分是连续 {done.streak} 天的奖励！")
    parts.append(coming(done.streak, ctx))
    if done.card_won:
        parts.append(f"送你一张补签卡（现在有 {done.cards} 张），漏了一天说“补签”就能补上。")
    elif done.gap and _can_make_up(done, ctx):
        parts.append("前面漏了？说“补签”就能接上。")
    return "".join(parts)


def _can_make_up(done: CheckIn, ctx: Context) -> bool:
    """Whether all days that were missed can be made up for now: a card for a streak that stays broken would be lost."""
    rule, rights = ctx.contents.points.make_up, level_of(ctx.contents.levels, done.earned).makeup_cards
    return done.gap <= min(done.cards + max(0, rights - done.by_right), rule.a_month - done.made_up, rule.within_days)


def _again(done: CheckIn, ctx: Context) -> str:
    return f"今天已经签到过了，连续 {done.streak} 天，积分 {done.balance}。{coming(done.streak, ctx)}明天再来！"
