"""``points``: whether the ledger adds up, and the ledger as a file."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from commands.members import export_points
from commands.opening import config_option, stores_of


@click.group()
def points() -> None:
    """积分：核对账本，导出账本。"""


@points.command("check")
@config_option
@click.option("--community", "-c", default="", help="只核对这个社群")
@click.pass_obj
def check_points(path: Path, later: Path | None, community: str) -> None:
    """核对每个社群的账本：余额合计为零，每个人的余额等于他的明细之和，到期批次不超过余额。对不上就列出来，退出码 1。"""
    with stores_of(later or path) as stores:
        places = [place for place in stores.points.communities() if community in ("", place.id)]
        found, members = [], 0
        for place in places:
            count = stores.points.count(place)
            with click.progressbar(length=count, label=place.id, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
                wrong = stores.points.discrepancies(place, partial(_show, bar))
            found += [f"{place.id}：{line}" for line in wrong]
            members += count
    for line in found:
        click.echo(f"✗ {line}")
    if found:
        click.echo(f"有 {len(found)} 处对不上。请保留现场，联系开发者；机器人可以继续运行。", err=True)
        sys.exit(1)
    click.echo(f"账本正确：{len(places)} 个社群，{members} 个成员，余额合计为零，每个人的余额都等于他的明细之和。")


def _show(bar: Any, done: int) -> None:
    bar.update(done - bar.pos)


points.add_command(export_points)
