"""谢谢 @谁: thanks that count. Whoever was thanked gets points and, in time, a badge."""

from __future__ import annotations

import re

from bot.context import Context
from bot.errors import UserError
from bot.members import called, find_meant, listed, still_here
from bot.message import Message, Prompt, Reply
from bot.praise import praise
from bot.router import Router
from rules.badges import Facts
from storage.badges import Recognised

MOST_AT_ONCE = 3
USAGE = "写法是：谢谢 @名字，例如：谢谢 @李雷 帮我查到了发票"
OWN = "给自己点赞放在心里就好。想感谢别人，例如：谢谢 @李雷"
_WORDS = r"(?:谢谢|感谢|多谢|谢啦|谢谢你|有用|辛苦了|点赞)"
_AT = re.compile("[@＠]")

router = Router()


@router.pattern(rf"(?s){_WORDS}\s*[,，!！]?\s*[@＠].*", name="谢谢 @谁")
def thank(message: Message, ctx: Context) -> Reply | list[Reply]:
    """谢谢 @谁：感谢帮到你的人，他会得到积分"""
    if message.is_private:
        raise UserError("感谢要让大家看见：请在群里 @ 我，说 谢谢 @名字，例如：谢谢 @李雷")
    people = [part.strip() for part in _AT.split(message.text)[1:] if part.strip()]
    if not people:
        raise UserError(USAGE)
    if len(people) > MOST_AT_ONCE:
        raise UserError(f"一次最多感谢 {MOST_AT_ONCE} 个人，请分开说，例如：谢谢 @李雷 @韩梅梅")
    found = [_find(words, ctx) for words in people]
    if len(found) == 1 and len(found[0]) > 1:
        choices = tuple(map(str, found[0]))
        text = f"有 {len(choices)} 个人叫这个名字，回复数字选一个：\n{listed(ctx.stores, found[0])}"
        return Reply(text, prompt=Prompt("thank", choices), about=found[0])
    if any(len(fits) > 1 for fits in found):
        raise UserError("有人重名，请一次只感谢一个人，例如：谢谢 @李雷")
    takers = dict.fromkeys(number for (number,) in found)
    if ctx.member in takers:
        raise UserError(OWN)
    return [reply for number in takers for reply in _thank(number, message, ctx)]


@router.prompt("thank")
def choose(message: Message, ctx: Context) -> list[Reply]:
    """谢谢：用数字选一个人"""
    return _thank(still_here(ctx.stores, ctx.args[0], ctx.community.keys), message, ctx)


def _find(words: str, ctx: Context) -> tuple[int, ...]:
    """Those who are meant at the beginning of some words: what they did may stand behind the name."""
    if words.strip(" ，,。.!！~").startswith(("所有人", "全体", "大家", "全员")):
        raise UserError(f"一次感谢一个人，他才知道是谢他。{USAGE}")
    return find_meant(ctx.stores, f"@{words}", ctx.community.keys)[0].numbers


def _thank(number: int, message: Message, ctx: Context) -> list[Reply]:
    if number == ctx.member:
        raise UserError(OWN)
    rule = ctx.contents.points.thanks
    done = ctx.stores.badges.recognise(
        ctx.community.keys, ctx.member, number, ctx.now(), today=ctx.today(), reason="thanks", counter="thanks", rules=ctx.contents.points,
        once=message.id, most_of_giver=rule.a_day, most_of_pair=rule.a_pair,
    )  # fmt: skip
    who, giver = called(ctx.stores, number), called(ctx.stores, ctx.member)
    if done.state == "pair":
        return [Reply(f"今天已经谢过{who}了，心意收到，明天再来。", note={"thanked": "pair"}, about=(number,))]
    if done.state == "giver":
        return [Reply(f"今天已经感谢过 {rule.a_day} 次了，明天再来。", note={"thanked": "limit"})]
    gained = _gained(done, number, ctx)
    said = Reply(f"🤝 {giver} 感谢了 {who}！{gained}", note={"thanked": number, "points": done.n}, counts=("thanks",), about=(number,))
    private = Reply(f"🤝 {giver} 在“{ctx.community.name}”感谢了你，{gained}", to=number, about=(number, ctx.member))
    before, after = Facts(earned=done.earned - done.n, thanks=done.count - 1), Facts(earned=done.earned, thanks=done.count)
    return [said, private, *praise(ctx, before, after, member=number, once=f"thanks|{message.id}")]


def _gained(done: Recognised, taker: int, ctx: Context) -> str:
    """What thanks brought; where a day's cap left nothing of the points, which one."""
    count, reason = f"一共被感谢 {done.count} 次。", ctx.contents.points.reason("thanks")
    if done.n:
        return f"积分 +{done.n}，{count}"
    if not reason.points:
        return count
    given = ctx.stores.badges.given_today(ctx.community.keys, taker, ctx.today(), ["thanks"])["thanks"]
    return f"{'今天的感谢积分' if reason.per_day and given >= reason.per_day else '今天能得的积分'}已满，{count}"
