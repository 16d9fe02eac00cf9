"""控制台: a login link for whoever has a role, made for him alone."""

from __future__ import annotations

from bot.console_links import login_link
from bot.context import Context
from bot.message import Message, Reply
from bot.router import Router

LOCAL = "\n（config.yaml 里没有写 server.public_url，这个网址只在机器人所在的机器上能打开。）"

router = Router()


@router.command("控制台", "管理后台", role="viewer", private=True)
def invite(message: Message, ctx: Context) -> Reply:
    """控制台：登录网页控制台的一次性链接"""
    link = login_link(ctx.stores, ctx.config.server, ctx.member, ctx.now())
    text = f"控制台登录链接，5 分钟内有效，只能用一次，请只由你本人打开：\n{link.url}\n打不开的话，在 {link.page} 输入登录码 {link.code}"
    return Reply(text + (LOCAL if link.is_local else ""), note={"console": "invited"}, is_secret=True)
