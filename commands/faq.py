"""``faq``: the questions and answers as files, and their versions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now, private_folder
from commands.files import read_file, refuse, shown, write_file
from commands.opening import config_option, load_config, stores_of

if TYPE_CHECKING:
    from bot.faq_desk import Breaks, Desk
    from storage.stores import Stores

ZONE = "Asia/Shanghai"
MOST_BROKEN = 20


@click.group()
def faq() -> None:
    """问答：从文件导入、导出成文件，看历史、看改了什么、撤销。"""


@faq.command("import")
@config_option
@click.option("--dry-run", is_flag=True, help="只检查并说明会改什么，不改")
@click.option("--replace", is_flag=True, help="文件里没有的问答也删除；默认只新增和修改")
@click.option("--force", is_flag=True, help="有用例会答错也照样发布")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_faq(path: Path, later: Path | None, dry_run: bool, replace: bool, force: bool, file: Path) -> None:
    """从 FILE（.yaml、.csv 或 .xlsx）导入，各进程两秒内生效。有一行不对就一条都不改，所有不对的行都指出来。"""
    from rules.content_file import MOST_BYTES

    path = later or path
    with stores_of(path) as stores:
        take_in(path, stores, file.name, read_file(file, MOST_BYTES), dry_run=dry_run, replace=replace, force=force)


@faq.command("export")
@config_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def export_faq(path: Path, later: Path | None, file: Path) -> None:
    """把现在的问答写进 FILE（.yaml、.csv 或 .xlsx），已有的文件会被换掉。"""
    from bot.faq_transfer import export_file

    with stores_of(later or path) as stores, shown("导出") as step:
        data = export_file(stores.content, file.name)
        step(1, 1)
    write_file(file, data)
    click.echo(f"已写入 {file}，{len(data) / 1024:.0f} KB。")


@faq.command("history")
@config_option
@click.option("--count", type=click.IntRange(1, 500), default=20, help="最近多少版，默认 20")
@click.pass_obj
def show_history(path: Path, later: Path | None, count: int) -> None:
    """最近的版本：时间、谁、改了几处、为什么。"""
    from zoneinfo import ZoneInfo

    from handlers.contents import history
    from rules.contents import FAQ

    with stores_of(later or path) as stores:
        click.echo("\n".join(history(stores, FAQ, ZoneInfo(ZONE), count)) or "还没有版本。")


@faq.command("diff")
@config_option
@click.argument("number", type=click.IntRange(1))
@click.pass_obj
def show_diff(path: Path, later: Path | None, number: int) -> None:
    """第 NUMBER 版改了什么：新增、删除的条目，改动的每一项。"""
    from zoneinfo import ZoneInfo

    from handlers.contents import diff
    from rules.contents import FAQ

    with stores_of(later or path) as stores:
        click.echo("\n".join(diff(stores, FAQ, number, ZoneInfo(ZONE), most=100_000)))


@faq.command("undo")
@config_option
@click.option("--force", is_flag=True, help="有用例会答错也照样撤销")
@click.argument("number", type=click.IntRange(1))
@click.pass_obj
def undo_version(path: Path, later: Path | None, force: bool, number: int) -> None:
    """撤销第 NUMBER 版：把它改的条目改回去，成为新的一版。之后又改过的条目会指出来，不会被盖掉。"""
    from bot.faq_desk import Breaks
    from bot.permissions import COMMAND_LINE

    path = later or path
    with stores_of(path) as stores:
        try:
            done = _desk(path, stores, tries=not force).undo(COMMAND_LINE, number, force=force)
        except Breaks as breaks:
            _explain(breaks)
            sys.exit(1)
    click.echo(f"已撤销第 {number} 版，现在是第 {done.version} 版，各进程两秒内生效。")


def take_in(path: Path, stores: Stores, name: str, data: bytes, *, dry_run: bool = False, replace: bool, force: bool) -> None:
    """Takes in a file of questions and answers, after trying it unless with ``force``; ends the program with 1 where it breaks any."""
    from bot.faq_desk import Breaks
    from bot.faq_reader import read
    from bot.faq_transfer import plan_import
    from bot.permissions import COMMAND_LINE
    from storage.content import Outdated

    with shown("读取和检查") as step:
        plan = plan_import(stores.content, name, data, replace=replace, on_progress=step, read=read)
    for note in plan.notes:
        click.echo(note)
    if not plan.changes:
        click.echo(f"{plan.summary}。和现在的问答一样，没有新版本。")
        return
    if dry_run:
        click.echo(f"{plan.summary}。这是试运行，什么都没有改。")
        return
    try:
        with shown("核对和写入") as step:
            desk = _desk(path, stores, tries=not force)
            done = desk.publish(COMMAND_LINE, plan.changes, force=force, expect=plan.version, note=f"导入 {name}", on_progress=step)
    except Breaks as breaks:
        _explain(breaks)
        sys.exit(1)
    except Outdated:
        refuse("导入期间有人改了问答，什么都没有导入，请再执行一次")
    click.echo(f"{plan.summary}。第 {done.version} 版已发布，撤销请执行：python run.py faq undo {done.version}")


def _desk(path: Path, stores: Stores, *, tries: bool) -> Desk:
    """Where the FAQ is edited. What is in force is loaded only where it ``tries`` an edit before."""
    from bot.faq_desk import Desk
    from bot.live import LiveContents
    from rules.text import Words

    config = load_config(path)
    words = Words(private_folder(config, "jieba"))
    live = LiveContents(stores.content, stores.directory, words, is_eager=False, faq_folder=private_folder(config, "faq"))
    if tries:
        live.refresh()
    return Desk(stores, live.current, now)


def _explain(breaks: Breaks) -> None:
    click.echo(f"没有发布：这次修改会让 {breaks.total} 条用例中的 {len(breaks.broken)} 条答错。", err=True)
    for one in breaks.broken[:MOST_BROKEN]:
        before = f"{one.before} → " if one.before else ""
        click.echo(f"  “{one.case.question}”应该到 {one.case.entry}：{before}{one.after}", err=True)
    if len(breaks.broken) > MOST_BROKEN:
        click.echo(f"  ……还有 {len(breaks.broken) - MOST_BROKEN} 条", err=True)
    click.echo("确认要发布，请加 --force 再执行一次。", err=True)
