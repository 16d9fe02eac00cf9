"""``members``: arriving with a history, and taking it along."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now
from commands.files import read_file, refuse, shown, write_file
from commands.opening import config_option, erased_register, load_config, stores_of

if TYPE_CHECKING:
    from bot.communities import Communities, Community
    from bot.config import Config
    from bot.member_transfer import MemberTransfer
    from rules.member_sheets import Reading
    from storage.stores import Stores

MOST_SHOWN = 20
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def members() -> None:
    """成员：从 Excel、CSV 导入积分、签到、等级、勋章、标签，或者全部导出。"""


@members.command("import")
@config_option
@click.option("--community", "-c", default="", help="没有“社群”一列时，导入到哪个社群（id 或名字）")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), default=None, help="没有“最近签到”日期的行，连续签到算到这一天")
@click.option("--dry-run", is_flag=True, help="只检查并说明会改什么，不改")
@click.option("--skip-bad", is_flag=True, help="不对的行跳过，其余的照样导入；默认有一行不对就都不导入")
@click.option("--add", "adds", is_flag=True, help="成员在这里已经有积分的，也加在上面；默认就都不导入")
@click.option("--report", type=FILE, default=None, help="不对的行写到哪里（.xlsx 或 .csv），默认在 FILE 旁边")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_members(
    path: Path,
    later: Path | None,
    community: str,
    as_of: datetime | None,
    dry_run: bool,
    skip_bad: bool,
    adds: bool,
    report: Path | None,
    file: Path,
) -> None:
    """从 FILE（.xlsx 或 .csv）导入成员。同一个文件导入两次不会重复；改正后再导入，只补差额。列名见 docs/operators/moving-in.md。"""
    from bot.member_reader import read_apart
    from bot.permissions import COMMAND_LINE
    from rules.sheets import MOST_BYTES

    path = later or path
    config = load_config(path)
    with stores_of(path) as stores:
        transfer, communities = _transfer(config, stores)
        today = max(now().astimezone(place.zone).date() for place in communities.listed) if communities.listed else now().date()
        with shown("读取和检查") as step:
            reading = read_apart(file.name, read_file(file, MOST_BYTES), today=today, as_of=as_of.date() if as_of else None)
            step(1, 2)
            plan = transfer.plan(reading, community)
            tried = transfer.try_out(plan)
            step(2, 2)
        for note in plan.notes:
            click.echo(note)
        if tried.warning:
            click.echo(f"{tried.warning}。", err=not adds)
        bad = list(plan.bad)
        refused = [
            *(["有不对的行：请改好后再导入一次，或者加 --skip-bad 先导入其余的"] if bad and not skip_bad else []),
            *(["真的要加，请写 --add；这张表是从这里导出的，就不用导入"] if tried.warning and not adds else []),
        ]
        if dry_run:
            click.echo(f"{tried.summary}。这是试运行，什么都没有改。")
        if refused:
            click.echo(f"{'照这样导入，什么都不会导入' if dry_run else '什么都没有导入'}。{'。'.join(refused)}。", err=True)
        elif not dry_run:
            with shown("导入") as step:
                done = transfer.bring_in(plan, COMMAND_LINE, file.name, step)
            click.echo(f"{done.summary}。")
            bad += done.bad
    if bad:
        _tell(replace(reading, bad=tuple(bad)), report or file.with_name(f"{file.stem}.问题.xlsx"))
    if bad or refused:
        sys.exit(1)


@members.command("export")
@config_option
@click.option("--community", "-c", default="", help="只导出这个社群（id 或名字）")
@click.argument("file", type=FILE)
@click.pass_obj
def export_members(path: Path, later: Path | None, community: str, file: Path) -> None:
    """把成员写进 FILE（.xlsx 或 .csv）：积分、签到、等级、勋章、标签。可以原样导入另一套安装。"""
    from rules.member_sheets import WIDTHS, table_of

    path = later or path
    config = load_config(path)
    with stores_of(path) as stores:
        transfer, _ = _transfer(config, stores)
        with shown("导出") as step:
            _write(file, "成员", table_of(transfer.everybody(_chosen(transfer.places(), community), step)), WIDTHS)
    click.echo(f"已写入 {file}，{-(-file.stat().st_size // 1024)} KB。里面有成员的个人数据，请妥善保管。")


@click.command("export")
@config_option
@click.option("--community", "-c", default="", help="只导出这个社群（id 或名字）")
@click.option("--user", "-u", default="", help="只导出一个人：企业微信 userid 或成员编号")
@click.argument("file", type=FILE)
@click.pass_obj
def export_points(path: Path, later: Path | None, community: str, user: str, file: Path) -> None:
    """把积分账本写进 FILE（.xlsx 或 .csv）：每一笔的时间、成员、分数、来源、理由、余额。"""
    from bot.member_transfer import LEDGER_WIDTHS, ledger_of
    from handlers.privacy import find_member

    path = later or path
    config = load_config(path)
    with stores_of(path) as stores:
        transfer, _ = _transfer(config, stores)
        member = find_member(stores, user) if user else 0
        with shown("导出") as step:
            rows = ledger_of(stores, transfer.standards.points, _chosen(transfer.places(), community), member, step)
            _write(file, "积分账本", rows, LEDGER_WIDTHS)
    click.echo(f"已写入 {file}，{-(-file.stat().st_size // 1024)} KB。里面有成员的个人数据，请妥善保管。")


def _transfer(config: Config, stores: Stores) -> tuple[MemberTransfer, Communities]:
    from bot.communities import Communities
    from bot.member_transfer import MemberTransfer, standards_of

    communities = Communities(config, stores.groups, stores.shards)
    return MemberTransfer(stores, standards_of(stores.content, config.content_path), communities, erased_register(config), now), communities


def _chosen(places: list[Community], name: str) -> list[Community]:
    chosen = [place for place in places if name in ("", place.id, place.name)]
    if not chosen:
        refuse(f"没有“{name}”这个社群，有：" + "、".join(place.id for place in places[:20]))
    return chosen


def _tell(reading: Reading, report: Path) -> None:
    """Every bad row, the first of them here and all in a file that can be mended."""
    from rules.member_sheets import report_of

    for bad in reading.bad[:MOST_SHOWN]:
        click.echo(f"✗ {bad}", err=True)
    if len(reading.bad) > MOST_SHOWN:
        click.echo(f"……还有 {len(reading.bad) - MOST_SHOWN} 行", err=True)
    if not reading.head:
        return
    rows = list(report_of(reading))
    _write(report, "问题", rows, [18] * (len(rows[0]) - 2) + [60, 14])
    click.echo(f"不对的 {len(reading.bad)} 行写在 {report}，在里面改好就可以直接导入这个文件。", err=True)


def _write(file: Path, title: str, rows: Iterator[list[str]] | list[list[str]], widths: tuple[int, ...] | list[int]) -> None:
    """A file that is there whole or as it was before."""
    from rules.sheets import write_csv, write_excel

    kind = file.suffix.lower()
    if kind not in (".xlsx", ".csv"):
        refuse(f"不认识“{kind or file.name}”这种文件，可以是 .xlsx、.csv")
    data = write_excel(title, rows, widths) if kind == ".xlsx" else write_csv(rows)
    write_file(file, data, is_private=True)
