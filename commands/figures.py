"""``figures``: the figures of days, held against the event log."""

from __future__ import annotations

from pathlib import Path

import click

from commands.build import now
from commands.opening import chosen_community, config_option, load_config, stores_of

DAYS = 30


@click.group()
def figures() -> None:
    """每日数字：用事件记录重新数一遍"""


@figures.command()
@click.option("-c", "--community", "id", default="", help="社群的编号；不写就是全部")
@click.option("--days", type=click.IntRange(1, 400), default=DAYS, show_default=True, help="最近多少天，含今天")
@config_option
@click.pass_obj
def recount(path: Path, later: Path | None, id: str, days: int) -> None:
    """从事件记录重算每日数字，和账上对比，逐条列出不同；有不同时退出码为 1"""
    from datetime import timedelta

    from bot.communities import Communities
    from bot.recounting import recount as differences
    from bot.recounting import told_from

    config = load_config(later or path)
    if id:
        chosen_community(config, id)
    with stores_of(later or path) as stores:
        communities = Communities(config, stores.groups, stores.shards)
        today = max((now().astimezone(place.zone).date() for place in communities.listed), default=now().date())
        found, first = 0, today - timedelta(days=days - 1)
        whole = told_from(stores, communities, today, config.retention.events_days)
        if whole and whole > first:
            click.echo(f"事件记录从 {whole} 起才是完整的，只对比这一天以后的")
            first = min(whole, today)
            days = (today - first).days + 1
        for line in differences(stores, communities, first, today, community=id, whole=whole):
            click.echo(line)
            found += 1
    click.echo(f"{days} 天里有 {found} 处不同" if found else f"最近 {days} 天的数字都和事件记录一致")
    if found:
        raise SystemExit(1)
