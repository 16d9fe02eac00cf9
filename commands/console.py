"""``console-link``: the way into the console for whoever may start programs beside the data – the first time, say, or without WeCom."""

from __future__ import annotations

from pathlib import Path

import click

from commands.build import now
from commands.opening import config_option, load_config, stores_of


@click.command("console-link")
@config_option
@click.argument("user")
@click.option("--drop-password", is_flag=True, help="同时关闭他的密码登录：忘了密码，或者手机和恢复码都丢了")
@click.pass_obj
def console_link(path: Path, later: Path | None, user: str, drop_password: bool) -> None:
    """给一个人登录控制台的一次性链接，5 分钟内有效。USER 是企业微信 userid（写在 admins 里的也行）或成员编号。"""
    from bot.console_links import login_link
    from bot.errors import UserError
    from bot.permissions import COMMAND_LINE, may, role_in
    from handlers.privacy import find_member
    from storage.roles import ALL

    path = later or path
    config = load_config(path)
    with stores_of(path) as stores:
        number = stores.directory.enrol(user).number if user in config.admins else find_member(stores, user)
        known = stores.directory.find_user(number) or ""
        places = [ALL, *(listed.id for listed in config.communities)]
        if not any(may(role_in(place, known, number, config, stores), "viewer") for place in places):
            raise UserError(f"{user} 没有角色，进不了控制台：把他写进 config.yaml 的 admins，或在管理群里说“角色 @他 运营”")
        link = login_link(stores, config.server, number, now())
        stores.audit.record("", COMMAND_LINE.id, "控制台链接", f"成员 {number}", "", "", now(), once="")
        if drop_password and stores.accounts.drop(number):
            stores.sessions.end_all(number)
            stores.audit.record("", COMMAND_LINE.id, "关闭他的密码登录", f"成员 {number}", "", "", now(), once="")
    click.echo(f"{link.url}\n打不开的话，在 {link.page} 输入登录码 {link.code}")
    if link.is_local:
        click.echo("（config.yaml 里没有写 server.public_url，这个网址只在机器人所在的机器上能打开。）", err=True)
