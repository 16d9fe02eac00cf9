"""``demo``: the bot and a pretend WeCom, for a first look without an account."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import click

from commands.build import HERE
from commands.opening import config_option
from commands.roles import bot_environment, bot_roles, refuse_taken_port


@click.command()
@config_option
@click.option("--port", type=click.IntRange(1, 65534), default=8080, help="网页端口；演示用的企业微信在它的下一个端口")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=HERE / "data" / "demo", help="演示数据的文件夹")
@click.pass_obj
def demo(path: Path, later: Path | None, port: int, data: Path) -> None:
    """演示：机器人和一个假的企业微信，不需要账号、密钥或任何设置。"""
    del path, later  # the demo writes a configuration of its own
    from bot.processes import ProcessTree, Role
    from simulator.scene import set_stage
    from storage.embedded import EmbeddedServer

    for number in (port, port + 1):
        refuse_taken_port("127.0.0.1", number)
    stage = set_stage(data.resolve(), port, starting_content=HERE / "rules" / "content")
    pretend = [sys.executable, "-m", "simulator", "--port", str(port + 1), "--config", str(stage.simulator_config), "--with-parent"]
    os.chdir(HERE)  # where python -m finds the simulator
    with EmbeddedServer(stage.data) as server:
        threading.Thread(target=_open_demo, args=(port, stage.lines), daemon=True).start()
        environment = bot_environment(stage.data, server.url) | {"BOT_DEMO_URL": f"http://127.0.0.1:{port + 1}"}
        sys.exit(ProcessTree([*bot_roles(stage.bot_config, environment), Role("simulator", pretend)]).run())


def _open_demo(port: int, lines: Any) -> None:
    """Waits until the bot answers, then lets thirty people speak, through the real path."""
    from simulator.scene import speak, wait_until_ready

    if wait_until_ready(port):
        click.echo(f"\n  演示已就绪：http://127.0.0.1:{port}/demo/")
        click.echo("  控制台：在演示里做王店长（boss），私聊小助手说“控制台”，打开它给的链接。\n  按 Ctrl-C 结束。\n")
        speak(port + 1, lines)
