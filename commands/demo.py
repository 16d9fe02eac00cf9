"""``demo``: the bot and a pretend WeCom, for a first look without an account."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import HERE
from commands.opening import config_option
from commands.roles import bot_environment, bot_roles, refuse_taken_port
from storage import parent_death
from storage.moment import to_ms

if TYPE_CHECKING:
    from simulator.scene import Stage


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
        environment = bot_environment(stage.data, server.url) | {"BOT_DEMO_URL": f"http://127.0.0.1:{port + 1}"}
        threading.Thread(target=_open_demo, args=(port, stage, environment), daemon=True).start()
        sys.exit(ProcessTree([*bot_roles(stage.bot_config, environment), Role("simulator", pretend)]).run())


def _open_demo(port: int, stage: Stage, environment: Mapping[str, str]) -> None:
    """Waits until the bot answers, brings the community's past in, then lets people come and speak, through the real path."""
    from simulator.scene import speak, wait_until_ready

    if not wait_until_ready(port):
        return
    if not stage.opened.exists():
        figures = threading.Thread(target=_bring_past, args=(environment["BOT_REDIS_URL"],), daemon=True)
        figures.start()  # while the other program starts
        _bring_in(stage, environment)
        figures.join()
    click.echo(f"\n  演示已就绪：http://127.0.0.1:{port}/demo/")
    click.echo("  控制台：在演示里做王店长（boss），私聊小助手说“控制台”，打开它给的链接。\n  按 Ctrl-C 结束。\n")
    speak(port + 1, stage.lines)
    stage.opened.touch()


def _bring_in(stage: Stage, environment: Mapping[str, str]) -> None:
    """``members import``, as an operator would type it. It ends with the demo, however that ends."""
    way = "kernel" if sys.platform == "linux" else "watch"
    tie = [sys.executable, "-I", "-S", str(Path(parent_death.__file__)), str(os.getpid()), way]
    words = [sys.executable, str(HERE / "run.py"), "members", "import", str(stage.history), "-c", "main", "--config", str(stage.bot_config)]
    subprocess.run([*tie, *words], env={**os.environ, **environment}, check=False)


def _bring_past(url: str) -> None:
    """The figures of nine weeks, from which the console has something to show. From here: a program of its own would take a second to start."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from commands.past import bring_friend, bring_past, pasts
    from rules.invitations import InvitationRules
    from simulator.opening import MAIN, NAMES, PHOTOS, STARTERS, user_of
    from storage.connection import Database
    from storage.moment import DEFAULT_TIMEZONE
    from storage.schema import settle_schema

    now, database = datetime.now(ZoneInfo(DEFAULT_TIMEZONE)), Database(url)
    everybody = [user_of(n) for n in range(1, len(NAMES) + 1)]
    found = pasts(everybody, well=("main", MAIN), unwell=("starters", STARTERS), young=("photos", PHOTOS))
    shards = settle_schema(database, to_ms(now))
    bring_past(database, shards, found, now.date())
    bring_friend(database, shards, found[0], InvitationRules(), now)
    database.close()
