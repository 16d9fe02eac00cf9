"""精华: moderators single out what somebody contributed."""

from __future__ import annotations

from bot.context import Context
from bot.errors import UserError
from bot.featuring import single_out
from bot.members import behind, called, find_meant, listed, still_here
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.praise import praise
from bot.router import Router
from bot.submission_desk import SubmissionDesk

LONGEST_REASON = 100
LISTS = frozenset({"列表", "作品", "作品列表"})
USAGE = "写法是：精华 @谁 理由，例如：精华 @李雷 整理了报销流程"

router = Router()


@router.command("精华", "加精", "设为精华", role="moderator", takes_words=True, is_common=True)
def feature(message: Message, ctx: Context) -> Reply | list[Reply]:
    """精华 @谁 理由：表扬一条好内容，他得到积分和勋章"""
    words = behind(message.text)
    if not words:
        raise UserError(USAGE)
    if words in LISTS:
        said, about = SubmissionDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now()).gallery()
        return Reply(said, about=about)
    meant, said = find_meant(ctx.stores, words, ctx.community.keys)
    found, reason = meant.numbers, " ".join(said.split())
    if not reason:
        raise UserError(USAGE)
    if len(reason) > LONGEST_REASON:
        raise UserError(f"理由最多 {LONGEST_REASON} 个字。{USAGE}")
    if len(found) > 1:
        choices = tuple(f"{number} {reason}" for number in found)
        text = f"有 {len(found)} 个人叫“{meant.name}”，回复数字选一个：\n{listed(ctx.stores, found)}"
        return Reply(text, prompt=Prompt("feature", choices), about=found)
    return _feature(found[0], reason, message, ctx)


@router.prompt("feature")
def choose(message: Message, ctx: Context) -> Reply | list[Reply]:
    """精华：用数字选一个人"""
    if not may(ctx.role, "moderator"):
        raise UserError("这个命令只有版主和管理员可以用。")
    number, _, reason = ctx.args[0].partition(" ")
    return _feature(still_here(ctx.stores, number, ctx.community.keys), reason, message, ctx)


def _feature(number: int, reason: str, message: Message, ctx: Context) -> list[Reply]:
    featured = single_out(
        ctx.stores, ctx.contents, ctx.community, ctx.actor, number, reason, ctx.now(), once=message.id
    )  # fmt: skip
    done = featured.done
    gained = f"积分 +{done.n}，" if done.n else ""
    text = f"✍️ {called(ctx.stores, number)} 的内容被评为精华：{reason}。{gained}第 {done.count} 篇。"
    said = Reply(text, note={"featured": number, "points": done.n}, about=(number,))
    is_public = bool(message.chat) and not ctx.in_admin_group
    told = Reply(f"✍️ 你在“{ctx.community.name}”的内容被评为精华：{reason}。{gained}谢谢分享！", to=number, about=(number,))
    return [said, told, *praise(ctx, featured.before, featured.after, member=number, private=not is_public, once=f"featured|{message.id}")]
