"""``experiments``: what was counted of pushes on trial, held against the event log."""

from __future__ import annotations

from pathlib import Path

import click

from commands.opening import config_option, load_config, stores_of


@click.group()
def experiments() -> None:
    """实验：用事件记录重新数一遍"""


@experiments.command()
@click.argument("push")
@config_option
@click.pass_obj
def recount(path: Path, later: Path | None, push: str) -> None:
    """从事件记录重数一条推送的实验，和账上对比，逐条列出不同；有不同时退出码为 1"""
    from bot.communities import Communities
    from bot.experiment_desk import recount as differences

    config, found = load_config(later or path), 0
    with stores_of(later or path) as stores:
        for line in differences(stores, Communities(config, stores.groups, stores.shards), push):
            click.echo(line)
            found += 1
    click.echo(f"推送 {push} 的实验有 {found} 处不同" if found else f"推送 {push} 的实验和事件记录一致")
    if found:
        raise SystemExit(1)
