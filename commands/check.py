"""``check``: everything that would keep the bot from working, each with its cure."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now
from commands.opening import config_option, load_config, stores_of

if TYPE_CHECKING:
    from bot.check import Part


@click.command()
@config_option
@click.option("--offline", is_flag=True, help="不联网：不试企业微信的接口和公网地址")
@click.option("--live", is_flag=True, help="看正在运行的机器人：进程、队列、Redis、空间，每个告警都带解决办法")
@click.option("--json", "as_json", is_flag=True, help="写成 JSON，给程序看")
@click.pass_obj
def check(path: Path, later: Path | None, offline: bool, live: bool, as_json: bool) -> None:
    """检查配置、内容、Redis、密钥和连通，并说明企业微信后台该填什么：所有问题一次说完，每个都带解决办法。"""
    from bot.tries import BAD

    path = later or path
    parts = _alive(path) if live else _checked(path, is_online=not offline)
    problems: list[str] = []
    told: list[dict[str, object]] = []
    for part in parts:
        problems += [f"{part.title}：{finding.text}" for finding in part.findings if finding.mark == BAD]
        told.append({"title": part.title, "lines": part.lines, "findings": [{"mark": one.mark, "text": one.text} for one in part.findings]})
        if not as_json:
            _show(part)
    if as_json:
        click.echo(json.dumps({"ok": not problems, "problems": problems, "parts": told}, ensure_ascii=False, indent=2))
    else:
        click.echo(f"共 {len(problems)} 个问题：" if problems else "✓ 没有发现问题。")
        for problem in problems:
            click.echo(f"  {BAD} {problem}")
    sys.exit(1 if problems else 0)


def _show(part: Part) -> None:
    click.echo(part.title)
    for line in part.lines:
        click.echo(f"  {line}")
    for finding in part.findings:
        click.echo(f"  {finding.mark} {finding.text}")
    click.echo()


def _checked(path: Path, *, is_online: bool) -> Iterator[Part]:
    from bot.check import Check

    return Check(load_config(path), lambda: stores_of(path), now, is_online=is_online).parts()


def _alive(path: Path) -> Iterator[Part]:
    from bot.live_check import look_alive

    with stores_of(path) as stores:
        yield from look_alive(load_config(path), stores, now)
