"""``export``, ``erase``, ``rehire``: what is done with one person's data and rights."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import click

from commands.build import now
from commands.opening import config_option, erased_register, load_config, stores_of


@click.command()
@config_option
@click.argument("user")
@click.pass_obj
def export(path: Path, later: Path | None, user: str) -> None:
    """导出一个人的全部数据（JSON，写到标准输出）。USER 是企业微信 userid 或成员编号。"""
    from handlers.privacy import export_person, find_member

    with stores_of(later or path) as stores:
        click.echo(json.dumps(export_person(stores, find_member(stores, user)), ensure_ascii=False, indent=2))


@click.command()
@config_option
@click.argument("user")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def erase(path: Path, later: Path | None, user: str, yes: bool) -> None:
    """删除一个人的全部数据，不能恢复。USER 是企业微信 userid 或成员编号。"""
    from bot.permissions import COMMAND_LINE
    from handlers.privacy import erase_person, find_member

    path = later or path
    with stores_of(path) as stores:
        number = find_member(stores, user)
        if not yes:
            click.confirm(f"将删除成员 {number} 的全部数据，不能恢复。继续吗？", abort=True)
        stores.wishes.ask_to_be_erased(number, now())  # a worker looks once more, and goes on if this process is killed
        for name, done in erase_person(stores, erased_register(load_config(path)), number):
            click.echo(f"{name}：{done}")
        stores.audit.record("", COMMAND_LINE.id, "删除个人数据", f"成员 {number}", "", "", now(), once="")


@click.command()
@config_option
@click.argument("user")
@click.pass_obj
def rehire(path: Path, later: Path | None, user: str) -> None:
    """取消一个人的离职标记：写在 admins 里的权限随之恢复，其余管理员收到告警。USER 是企业微信 userid。"""
    from bot.errors import UserError
    from bot.leavers import note_back
    from bot.permissions import COMMAND_LINE

    path = later or path
    with stores_of(path) as stores:
        if not note_back(stores, load_config(path), user, f"命令行 {getpass.getuser()}", now()):
            raise UserError(f"{user} 没有离职标记")
        number = stores.directory.find_number(user) or 0
        stores.audit.record("", COMMAND_LINE.id, "取消离职标记", f"成员 {number}", "已离职", "在职", now(), once="")
    click.echo(f"{user} 的离职标记已取消，五秒内生效。")
