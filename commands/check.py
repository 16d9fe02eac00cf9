"""``check``: everything that would keep the bot from working, each with its cure."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from commands.build import now
from commands.opening import config_option, load_config, stores_of


@click.command()
@config_option
@click.option("--offline", is_flag=True, help="不联网：不试企业微信的接口和公网地址")
@click.pass_obj
def check(path: Path, later: Path | None, offline: bool) -> None:
    """检查配置、内容、Redis、密钥和连通，并说明企业微信后台该填什么：所有问题一次说完，每个都带解决办法。"""
    from bot.check import Check
    from bot.tries import BAD

    path = later or path
    problems: list[str] = []
    for part in Check(load_config(path), lambda: stores_of(path), now, is_online=not offline).parts():
        click.echo(part.title)
        for line in part.lines:
            click.echo(f"  {line}")
        for finding in part.findings:
            click.echo(f"  {finding.mark} {finding.text}")
        click.echo()
        problems += [f"{part.title}：{finding.text}" for finding in part.findings if finding.mark == BAD]
    click.echo(f"共 {len(problems)} 个问题：" if problems else "✓ 没有发现问题。")
    for problem in problems:
        click.echo(f"  {BAD} {problem}")
    sys.exit(1 if problems else 0)
