"""帮助 and 管理帮助: made from the routes themselves, so they cannot lag behind."""

from __future__ import annotations

from collections.abc import Callable

from bot.context import Context
from bot.message import Message, Reply
from bot.permissions import Role, may
from bot.router import Router

router = Router()


@router.command("帮助", "help", "菜单", "功能", "你会什么", "怎么用", "使用说明", "?", "？")
def show_help(message: Message, ctx: Context) -> Reply:
    """帮助：我会做什么"""
    lines = _lines(ctx, lambda role: role == "member")
    ask = "群里先 @ 我，单聊直接说" if not message.is_private else "直接说就行"
    return Reply(f"我可以（{ask}）：\n" + "\n".join(lines) + "\n\n其他问题直接问我，我会从问答里找答案。")


@router.command("管理帮助", "管理员帮助", "管理菜单", role="viewer")
def show_admin_help(message: Message, ctx: Context) -> Reply:
    """管理帮助：管理员可以用的命令"""
    role = ctx.role
    lines = _lines(ctx, lambda needed: needed != "member" and may(role, needed))
    return Reply(f"管理命令（{ctx.community.name}）：\n" + "\n".join(lines))


def _lines(ctx: Context, wanted: Callable[[Role], bool]) -> list[str]:
    return [f"• **{command.name}** {_after_colon(command.help)}" for command in ctx.commands(wanted)]


def _after_colon(help: str) -> str:
    return help.split("：", 1)[-1]
