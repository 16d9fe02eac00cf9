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
    from bot.config import Config
    from bot.tries import Finding


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
    from bot.check import Check, Part

    config = load_config(path)
    yield from Check(config, lambda: stores_of(path), now, is_online=is_online).parts()
    if config.tracing.endpoint:
        yield Part("追踪", findings=_collector(config, is_online=is_online))


def _collector(config: Config, *, is_online: bool) -> list[Finding]:
    from bot.errors import StartError
    from bot.tracing import check_tracing
    from bot.tries import BAD, GOOD, NOTE, Finding

    try:
        check_tracing(config)
    except StartError as missing:
        return [Finding(BAD, problem) for problem in missing.problems]
    if not is_online:
        return [Finding(NOTE, "没有试收集器")]
    from bot.telemetry import refusal_of

    if why := refusal_of(config.tracing):
        return [
            Finding(BAD, f"收集器不收：{why}。检查 tracing.endpoint、OTEL_EXPORTER_OTLP_HEADERS 和收集器；机器人照常工作，只是没有追踪")
        ]
    return [Finding(GOOD, "收集器收得到")]


def _alive(path: Path) -> Iterator[Part]:
    from bot.live_check import look_alive

    with stores_of(path) as stores:
        yield from look_alive(load_config(path), stores, now)
