"""个人数据: one person's data over all stores, given away or forgotten – by the command line, or as he asks for it alone with the bot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.communities import Communities
from bot.config import Config
from bot.context import Context
from bot.erased import ErasedRegister
from bot.errors import UserError
from bot.keyring import sealing_key
from bot.live import Contents
from bot.message import Message, Prompt, Reply
from bot.permissions import SYSTEM
from bot.router import Router
from rules.contents import fill
from rules.numerals import whole
from storage.connection import StorageAway
from storage.events import ELSEWHERE
from storage.stores import Stores

log = structlog.get_logger(__name__)

COPIES = "copy"
"""Names of files that begin with it are made of a member's data when they are sent."""
CONFIRM = "确认删除"
SETTLES = timedelta(seconds=10)
"""So long the last message of who wants to be forgotten has for ending."""
LEASE_MS = 300_000
PLEASE = "这是你的私事，请私聊我说：{}"
NOTICE = """我只记办事要用的：
- 你的企业微信号和名字，用来认出你；
- 积分、签到、活动、订单这些记录；
- 违规的话（加密）和找人工时说的话，到期就删。
只用来服务这个社群，不给别人。
想看记了你什么，私聊我说“导出我的数据”；想全部删掉，私聊我说“删除我的数据”；不想收推送，说“免打扰”。
还有疑问，说“人工”找管理员。"""
FORGOTTEN = "平时说的话，回答完就不留。"
KEPT = "这里打开了原文记录：你对我说的话保存 {} 天，用来查问题。"

router = Router()


def find_member(stores: Stores, who: str) -> int:
    """The member number behind a WeCom user id or a member number. Raises UserError when there is none."""
    number = stores.directory.find_number(who)
    if number is None and (given := whole(who, 10**15)) and stores.directory.find_user(given):
        number = given
    if number is None:
        raise UserError(f"没有找到成员 {who}：请写企业微信 userid，或成员编号")
    return number


def export_person(stores: Stores, number: int) -> dict[str, Any]:
    """Everything kept of a member, by store, in plain types. Raises UserError where a part of it is not to be seen from here."""
    _need_all(stores)
    return {name: store.export_user(number) for name, store in stores.of_persons().items()}


def erase_person(stores: Stores, register: ErasedRegister, number: int) -> Iterator[tuple[str, str]]:
    """Forgets a member store by store; gives each store's name and what was done there. His row in the directory goes last.

    Raises UserError, and forgets nothing, where a part of what is kept is not to be seen from here.
    """
    _need_all(stores)
    if user := stores.directory.find_user(number):
        register.note(number, user)
    for name, store in stores.of_persons().items():
        yield name, store.erase_user(number)
    stores.database.rewrite_log()


def _need_all(stores: Stores) -> None:
    if not stores.events.is_whole():
        raise UserError(ELSEWHERE)


@router.command("隐私", "隐私说明", "隐私政策", "隐私保护", "个人信息保护")
def tell_of_privacy(message: Message, ctx: Context) -> Reply:
    """隐私：我记着什么、为什么、怎么看、怎么删"""
    text = fill(ctx.contents.welcome.privacy or NOTICE, {"nickname": ctx.nickname})
    kept = KEPT.format(ctx.config.retention.events_days) if ctx.config.log.keep_text else FORGOTTEN
    return Reply(f"{text}\n\n{kept}", note={"privacy": "own" if ctx.contents.welcome.privacy else "shipped"})


# What a member asks for --------------------------------------------------------------------------------------------------


@router.command("导出我的数据", "导出我的资料", "下载我的数据", "我的数据")
def take_copy(message: Message, ctx: Context) -> Reply:
    """导出我的数据：把记着的、和你有关的一切发给你（要私聊）"""
    _alone(message, "导出我的数据")
    if not ctx.stores.wishes.take_copy(ctx.member, once=message.id):
        raise UserError("一小时里已经给过你一份了，请过一会儿再要。")
    return Reply(
        "这是我记着的、和你有关的一切，是一个 JSON 文件，用记事本就能打开。里面有你的私事，转发前请想一想。",
        file=f"{COPIES}:{ctx.member}/我的数据.json", about=(ctx.member,),
    )  # fmt: skip


@router.command("删除我的数据", "删除我的资料", "注销", "注销账号")
def forget_me(message: Message, ctx: Context) -> Reply:
    """删除我的数据：忘掉和你有关的一切，不能恢复（要私聊，会再问一次）"""
    _alone(message, "删除我的数据")
    _refuse_owners(ctx)
    return Reply(
        "要忘掉和你有关的一切吗？删除以后不能恢复：\n"
        "- 会删掉：你的名字和企业微信号、积分和明细、签到、等级、勋章、标签、订单、投稿、活动里的回答、人工里的对话、案件里的原话；\n"
        "- 会留下：不再指向任何人的合计，例如账本的总数和每天有多少人说话；\n"
        "- 还没兑完的积分和没领的奖品都会失效，管理员给你的权限也会收回。\n"
        f"想要一份备份，先说“导出我的数据”。确定的话，十分钟内回复：{CONFIRM}",
        prompt=Prompt("forget_me", ()),
    )  # fmt: skip


@router.open_prompt("forget_me", lambda words, choices: words.strip(" 。.！!“”\"'") == CONFIRM)
def forget_me_surely(message: Message, ctx: Context) -> Reply:
    """删除我的数据：回复“确认删除”"""
    _alone(message, "删除我的数据")
    _refuse_owners(ctx)
    ctx.stores.audit.record("", "本人", "要求删除个人数据", f"成员 {ctx.member}", "", "", ctx.now(), once=message.id)
    ctx.stores.wishes.ask_to_be_erased(ctx.member, ctx.now())
    return Reply("好，几分钟内全部删除。删完就不认识你了，所以不会再通知你。谢谢你来过。以后再跟我说话，会当作一位新朋友。")


def copy_file(stores: Stores, name: str) -> bytes:
    """A member's data as a file, by what stands behind its ``COPIES:``. Raises UserError for a name that is none."""
    number = name.partition("/")[0]
    if not number.isdecimal():
        raise UserError("没有这个文件")
    return json.dumps(export_person(stores, int(number)), ensure_ascii=False, indent=2).encode()


def ring_erasures(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Forgets whoever is to be forgotten, one process at a time; what a killed one left is done again from the start. Gives how many.

    Each is looked for once more in a later round: what he said meanwhile was still his, and other processes knew his number a moment longer.
    """
    del contents, communities
    waiting = stores.wishes.to_erase(now - SETTLES)
    if waiting and not stores.events.is_whole():
        log.error("erasing is left to another machine", reason=ELSEWHERE)
        return 0
    if not waiting or not stores.leases.hold("erasures", LEASE_MS):
        return 0
    register, done = ErasedRegister(config.data_path, sealing_key(config)), 0
    for member in waiting:
        try:
            done += _forget(stores, register, member, now)
        except StorageAway:
            raise
        except Exception as error:  # whom one store cannot forget yet is tried again in the next round, and those behind him do not wait
            log.error("a member is not forgotten yet", member=member, error=type(error).__name__, exc_info=True)
    stores.leases.release("erasures")
    return done


def _forget(stores: Stores, register: ErasedRegister, member: int, now: datetime) -> bool:
    """Forgets a member; gives whether he was known still. Who is not, was looked for twice, and is waited for no more."""
    is_known = stores.directory.find_user(member) is not None
    for _ in erase_person(stores, register, member):
        stores.leases.hold("erasures", LEASE_MS)
    if is_known:
        stores.audit.record("", SYSTEM, "删除个人数据", f"成员 {member}", "", "", now, once=f"erasure:{member}")
        log.info("forgot a member", member=member)
    else:
        stores.wishes.settle(member)
    return is_known


def _alone(message: Message, words: str) -> None:
    if not message.is_private:
        raise UserError(PLEASE.format(words))


def _refuse_owners(ctx: Context) -> None:
    if ctx.role_everywhere == "owner":
        raise UserError("你是所有者（写在 config.yaml 的 admins 里）：请先让别人接手，把你的 userid 从那里去掉，再来说一次。")
