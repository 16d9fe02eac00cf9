"""角色: who may do more than a member. Given and taken by somebody with a higher role, in one community or in all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.config import Config
from bot.context import Context
from bot.errors import UserError
from bot.members import find_members, listed, name_of
from bot.message import Message, Prompt, Reply
from bot.permissions import TITLES, Actor, Role, grants_shown, known_role, may, outranks, title_of
from bot.router import Router
from storage.keys import shard_of
from storage.roles import ALL
from storage.stores import Stores

ROLES: Mapping[str, Role] = {
    "管理员": "admin", "运营": "operator", "版主": "moderator", "审核": "moderator", "观察员": "viewer", "观察": "viewer",
    "无": "member", "取消": "member", "成员": "member",
}  # fmt: skip
EVERYWHERE = ("全部", "所有社群")
USAGE = "写法是：角色 @谁 管理员/运营/版主/观察员/无。所有社群都算的话在后面加“全部”，例如：角色 @李雷 运营 全部"

router = Router()


@router.command("角色", "角色列表", role="admin", takes_words=True, private=True)
def roles(message: Message, ctx: Context) -> Reply:
    """角色 @谁 管理员/运营/版主/观察员/无：给出或收回角色；只说“角色”列出现有的"""
    if not ctx.args:
        return Reply(_list(ctx))
    words = list(ctx.args)
    place = ALL if words[-1] in EVERYWHERE else ctx.community.id
    if place == ALL:
        words.pop()
    if len(words) < 2 or words[-1] not in ROLES:
        raise UserError(USAGE)
    role, who = ROLES[words[-1]], " ".join(words[:-1])
    found = find_members(ctx.stores, who, ctx.community.keys, strangers=True)
    if len(found) > 1:
        choices = tuple(f"{number} {role} {place}" for number in found)
        return Reply(f"有 {len(found)} 个人叫“{who}”，回复数字选一个：\n{listed(ctx.stores, found)}", prompt=Prompt("role", choices))
    return _set(found[0], role, place, message, ctx)


@router.prompt("role")
def choose(message: Message, ctx: Context) -> Reply:
    """角色：用数字选一个人"""
    number, role, place = ctx.args[0].split(" ")
    return _set(int(number), known_role(role), place, message, ctx)


def set_role(
    stores: Stores, config: Config, actor: Actor, number: int, role: Role, place: str, now: datetime, *, once: str
) -> str:  # fmt: skip
    """Gives a member a role in a place (member: none), as somebody with a higher one there; gives what he had. Raises UserError."""
    user = stores.directory.find_user(number)
    if user is None:
        raise UserError("没有这个成员。")
    if user in config.admins:
        raise UserError(f"{name_of(stores, number)}写在 config.yaml 的 admins 里，是所有者；要改请改那里并重启。")
    seen = stores.roles.granted(number, place)
    if not (outranks(actor.role, role) and outranks(actor.role, known_role(seen))):
        raise UserError(f"你在这里是{title_of(actor.role)}，只能给出和收回比自己低的角色。")
    if role != "member" and stores.leavers.has_left(user):
        raise UserError(f"{name_of(stores, number)}已经离职，不能给角色。")
    wanted = "" if role == "member" else role
    try:
        done = stores.roles.grant(number, place, wanted, seen=seen, once=once)
    except ValueError as full:
        raise UserError("角色给得太多了，请先收回一些。") from full
    if not done:
        raise UserError("他的角色刚刚被别人改过，请再看一次“角色”。")
    if not stores.roles.of_member(number):  # his tokens are looked at for his role whenever one is shown
        stores.sessions.end_all(number)
        stores.accounts.drop(number)
    community = "" if place == ALL else place
    if community:
        told = {"act": "role", "role": wanted, "actor": actor.id}
        stores.events.record(shard_of(community, stores.shards), "change", community, now, told, member=number)
    stores.audit.record(community, actor.id, "设置角色", f"成员 {number}", title_of(seen), title_of(wanted), now, once=once)
    return seen


def _set(number: int, role: Role, place: str, message: Message, ctx: Context) -> Reply:
    own = ctx.role_everywhere if place == ALL else ctx.role
    if not may(own, "admin"):
        raise UserError("给出全部社群的角色，自己要在全部社群都是管理员。" if place == ALL else "这个命令只有管理员可以用。")
    actor = Actor(ctx.member, ctx.nickname, own)
    set_role(ctx.stores, ctx.config, actor, number, role, place, ctx.now(), once=message.id)
    where = "所有社群" if place == ALL else f"“{ctx.community.name}”"
    who = f"{name_of(ctx.stores, number)}（成员 {number}）"
    text = f"{who}在{where}不再有角色。" if role == "member" else f"{who}现在是{where}的{TITLES[role]}。"
    return Reply(text, note={"role": role, "of": number, "place": place})


def _list(ctx: Context) -> str:
    everywhere = may(ctx.role_everywhere, "admin")
    lines = [f"• {user}：所有者（config.yaml）" for user in ctx.config.admins] if everywhere else []
    for grant in grants_shown(ctx.stores, ctx.community.id, ctx.role_everywhere):
        where = "（全部社群）" if grant.place == ALL else ""
        lines.append(f"• {name_of(ctx.stores, grant.member)}（成员 {grant.member}）：{title_of(grant.role)}{where}")
    return f"{ctx.community.name} · 角色：\n" + "\n".join(lines or ["还没有给过角色。"]) + f"\n{USAGE}"
