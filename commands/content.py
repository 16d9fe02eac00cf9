"""``content``: what operators own, as files going out and in."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import click

from commands.build import now
from commands.opening import config_option, stores_of

ZONE = "Asia/Shanghai"


@click.group()
def content() -> None:
    """运营内容（问答、词库、欢迎语、积分规则、推送）：导出成文件，改好再导入。"""


@content.command("export")
@config_option
@click.argument("kind")
@click.pass_obj
def export_content(path: Path, later: Path | None, kind: str) -> None:
    """把现在的内容写到标准输出。KIND 是 faq、words、welcome、points、pushes 或 duty。"""
    from handlers.contents import current_text, find_kind

    with stores_of(later or path) as stores:
        click.echo(current_text(stores, find_kind(kind)), nl=False)


@content.command("import")
@config_option
@click.argument("kind")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.pass_obj
def import_content(path: Path, later: Path | None, kind: str, file: IO[str]) -> None:
    """发布一个新版本，各进程两秒内生效。KIND 是 faq、words、welcome、points、pushes 或 duty；有错就一条都不改，全部指出来。"""
    from handlers.contents import find_kind, publish

    with stores_of(later or path) as stores:
        found = find_kind(kind)
        version = publish(stores, found, file.read(), f"命令行 {getpass.getuser()}", now())
        click.echo(f"{found.title}：第 {version} 版已发布。")


@content.command("history")
@config_option
@click.option("--count", type=click.IntRange(1, 500), default=20, help="最近多少版，默认 20")
@click.argument("kind")
@click.pass_obj
def show_history(path: Path, later: Path | None, count: int, kind: str) -> None:
    """最近的版本：时间、谁、改了几处。KIND 同上。"""
    from handlers.contents import find_kind, history

    with stores_of(later or path) as stores:
        click.echo("\n".join(history(stores, find_kind(kind), ZoneInfo(ZONE), count)) or "还没有版本。")


@content.command("diff")
@config_option
@click.argument("kind")
@click.argument("number", type=click.IntRange(1))
@click.pass_obj
def show_diff(path: Path, later: Path | None, kind: str, number: int) -> None:
    """第 NUMBER 版改了什么。KIND 同上。"""
    from handlers.contents import diff, find_kind

    with stores_of(later or path) as stores:
        click.echo("\n".join(diff(stores, find_kind(kind), number, ZoneInfo(ZONE))))


@content.command("undo")
@config_option
@click.argument("kind")
@click.argument("number", type=click.IntRange(1))
@click.pass_obj
def undo_version(path: Path, later: Path | None, kind: str, number: int) -> None:
    """撤销第 NUMBER 版，成为新的一版，各进程两秒内生效。KIND 同上；问答用 faq undo，它会先核对用例。"""
    from bot.errors import UserError
    from bot.permissions import COMMAND_LINE
    from handlers.contents import find_kind, undo
    from rules.contents import FAQ

    found = find_kind(kind)
    if found is FAQ:
        raise UserError(f"问答请用：python run.py faq undo {number}")
    with stores_of(later or path) as stores:
        version = undo(stores, found, number, COMMAND_LINE, now())
        click.echo(f"{found.title}：已撤销第 {number} 版，现在是第 {version} 版。")
