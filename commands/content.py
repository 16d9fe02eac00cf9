"""``content``: what operators own, as files going out and in."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from commands.build import now
from commands.faq import take_in
from commands.opening import config_option, stores_of

if TYPE_CHECKING:
    from rules.contents import Kind
    from storage.stores import Stores

ZONE = "Asia/Shanghai"


@click.group()
def content() -> None:
    """运营内容（问答、词库、欢迎语、积分规则、推送）：导出成文件，改好再导入。"""


@content.command("export")
@config_option
@click.option(
    "--to", "file", type=click.Path(dir_okay=False, path_type=Path), help="写到一个 .csv 或 .xlsx 文件（题库、问卷、词库、推送这样的表格）"
)
@click.argument("kind")
@click.pass_obj
def export_content(path: Path, later: Path | None, file: Path | None, kind: str) -> None:
    """把现在的内容写到标准输出。KIND 是 faq、words、welcome、points、pushes、duty 或 quizzes 等，写错了会列出来。"""
    from handlers.contents import current_text, find_kind

    with stores_of(later or path) as stores:
        found = find_kind(kind)
        if file is None:
            click.echo(current_text(stores, found), nl=False)
            return
        file.write_bytes(_table(stores, found, file.name))
        click.echo(f"{found.title}：已写到 {file}", err=True)


@content.command("import")
@config_option
@click.option("--force", is_flag=True, help="只对问答：有用例会答错也照样发布")
@click.argument("kind")
@click.argument("file", type=click.File("rb"))
@click.pass_obj
def import_content(path: Path, later: Path | None, force: bool, kind: str, file: IO[bytes]) -> None:
    """发布一个新版本，各进程两秒内生效。KIND 同 export；题库、问卷、词库和推送也可以是 .csv、.xlsx。有错就一条都不改，全部指出来。

    问答先核对用例，会答错就不发布；文件里没有的问答会删除（只想新增和修改，用 faq import）。
    """
    from handlers.contents import find_kind, publish
    from rules.contents import FAQ

    path = later or path
    with stores_of(path) as stores:
        found = find_kind(kind)
        if found is FAQ:
            take_in(path, stores, _named(file.name), file.read(), replace=True, force=force)
            return
        version = publish(stores, found, _text(stores, found, file.name, file.read()), f"命令行 {getpass.getuser()}", now())
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


def _named(name: str) -> str:
    """What a file of the FAQ is called, by whose ending it is read: what comes by a pipe, or has another, is YAML."""
    ends_so = Path(name).suffix.lower() in (".yaml", ".yml", ".json", ".csv", ".xlsx")
    return Path(name).name if ends_so else f"{Path(name).name.strip('<>')}.yaml"


def _text(stores: Stores, kind: Kind[Any], name: str, data: bytes) -> str:
    """The file to be published: what was handed in, or, of a table, what is in force together with it. Raises UserError."""
    from bot.errors import UserError
    from rules.content_file import ContentProblem
    from rules.content_tables import is_table, text_of_table
    from rules.sheets import decode

    try:
        return text_of_table(kind, stores.content.snapshot(kind.name)[1], name, data) if is_table(name) else decode(data)
    except ContentProblem as problem:
        raise UserError("\n".join(problem.problems)) from problem


def _table(stores: Stores, kind: Kind[Any], name: str) -> bytes:
    """What is in force as a table. Raises UserError."""
    from bot.errors import UserError
    from rules.content_file import ContentProblem
    from rules.content_tables import ENDINGS, is_table, table_of

    if not is_table(name):
        raise UserError(f"文件名要以 {' 或 '.join(ENDINGS)} 结尾，例如：--to {kind.name}.xlsx")
    try:
        return table_of(kind, stores.content.snapshot(kind.name)[1], name)
    except ContentProblem as problem:
        raise UserError("\n".join(problem.problems)) from problem
