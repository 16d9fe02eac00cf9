"""``serve`` and the roles that it starts, but for the worker: ``web``, ``mood``, ``clock``."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import Bot, build, create_web, metrics_folder, open_all, watch
from commands.opening import config_option, end_with_parent, load_config, one_role, redis_of, start_logs
from commands.roles import bot_environment, bot_roles, end_soon, patiently, refuse_taken_port, start_clock, stop_event, tell_status

if TYPE_CHECKING:
    from flask import Flask


@click.command()
@config_option
@click.pass_obj
def serve(path: Path, later: Path | None) -> None:
    """启动整个机器人：自带的 Redis（如果用它）、网页、后台（后台也报时）。"""
    path = later or path
    config = load_config(path)
    refuse_taken_port(config.server.host, config.server.port)
    end_with_parent()
    start_logs(config)
    from bot.processes import ProcessTree

    with redis_of(config) as url:
        click.echo(f"群管家：http://{config.server.host}:{config.server.port}/  数据：{config.data_path}")
        sys.exit(ProcessTree(bot_roles(path, bot_environment(config.data_path, url))).run())


@click.command()
@config_option
@click.pass_obj
def web(path: Path, later: Path | None) -> None:
    """只启动网页：接收企业微信的回调。"""
    path = later or path
    config = one_role(path)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics_folder(config))
    os.environ["BOT_CONFIG"] = str(path.resolve())
    if config.server.engine == "granian":
        from bot.serving_fast import serve_granian

        serve_granian(config.server, "run:granian_app", metrics_folder(config))
        return
    from bot.serving import serve_gthread

    built: list[Bot] = []

    def build_app() -> Flask:
        built.append(patiently(lambda: build(config, "web")))
        return create_web(built[0])

    serve_gthread(config.server, build_app, lambda: watch(built[0]))


@click.command(hidden=True)
@config_option
@click.pass_obj
def mood(path: Path, later: Path | None) -> None:
    """只算情绪值：由后台启动，整个部署里只有一个在工作。"""
    _run_when_idle()
    config = one_role(later or path)
    gc.enable()
    from bot.communities import Communities
    from bot.moods import keep_moods

    stores = patiently(lambda: open_all(config, "mood"))
    keep_moods(stores, Communities(config, stores.groups, stores.shards), stop_event())


@click.command()
@config_option
@click.pass_obj
def clock(path: Path, later: Path | None) -> None:
    """只启动时钟：到点把推送放进发件箱（可以有任意多个）。"""
    config = one_role(later or path)
    bot, stop = patiently(lambda: build(config, "clock")), stop_event()
    ringing = start_clock(bot)
    tell_status(bot)
    stop.wait()
    end_soon()
    ringing.stop()


def _run_when_idle() -> None:
    """Figures can wait, answers cannot: this process gets what no other wants."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)
