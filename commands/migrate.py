"""``migrate``: data of an older layout brought into the present one, with a bar, before the bot is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now
from commands.files import shown
from commands.opening import config_option, database_of, load_config, refuse_running
from storage.moment import to_ms

if TYPE_CHECKING:
    from storage.layouts import Step


@click.command()
@config_option
@click.option("--plan", "is_plan", is_flag=True, help="只说要做什么，什么也不改")
@click.pass_obj
def migrate(path: Path, later: Path | None, is_plan: bool) -> None:
    """把旧版本的数据转换成本程序的版式：编号、只向前、断了接着做。不运行它，下一次启动也会做同样的事。"""
    from bot.errors import StartError
    from storage.schema import VERSION, NewerData, find_layout, settle_schema, steps_due

    path = later or path
    if not is_plan:
        refuse_running(load_config(path))  # an older program that still runs would go on writing the old layout
    with database_of(path) as database:
        try:
            layout, steps = find_layout(database), steps_due(database)
            if layout is None or not steps:
                click.echo("✓ 没有要转换的：" + (f"数据已经是第 {VERSION} 版" if layout else "还没有数据"))
                return
            click.echo(f"数据是第 {layout} 版，本程序是第 {VERSION} 版，要做 {len(steps)} 步：")
            for step in steps:
                click.echo(f"  {step.to}. {step.title}")
            if is_plan:
                click.echo("先备份（run.py backup），再运行 python run.py migrate。旧程序读不了转换后的数据，退回要用这份备份")
                return
            settle_schema(database, to_ms(now()), _bar)
        except NewerData as newer:
            raise StartError([str(newer)]) from newer
    click.echo(f"✓ 数据现在是第 {VERSION} 版")


@contextmanager
def _bar(step: Step) -> Iterator[Callable[[int, int], None]]:
    with shown(f"{step.to}. {step.title}") as on_part:
        yield on_part
