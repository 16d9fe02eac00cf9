"""What a command opens before it does its work: the configuration, Redis, the stores."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now, open_all, open_database

if TYPE_CHECKING:
    from bot.config import CommunityConfig, Config
    from bot.erased import ErasedRegister
    from storage.connection import Database
    from storage.stores import Stores


def config_option(command: Callable[..., None]) -> Callable[..., None]:
    """``--config`` behind the command's name too: both places are natural."""
    return click.option("--config", "later", type=click.Path(path_type=Path), default=None, help="配置文件，默认 config.yaml")(command)


def load_config(path: Path, **more: str) -> Config:
    """The configuration; secrets from the environment, else from a ``.env`` file beside it."""
    from bot.config import load

    return load(path, {**_env_file(path), **os.environ, **more})


def _env_file(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(path.resolve().parent / ".env", interpolate=False).items() if value}


def one_role(path: Path) -> Config:
    """The configuration for a process that is one role of many; raises StartError where Redis belongs to ``serve`` alone.

    From here until the role is built no garbage is collected: what it imports and makes stays, and a fifth of its start went into looking
    through it again and again.
    """
    gc.disable()
    from bot.errors import StartError

    config = load_config(path)
    if config.redis.is_embedded:
        raise StartError(
            ["redis.url 是 embedded：自带的 Redis 只能由 serve 或 demo 使用。要分开启动各个角色，请把 redis.url 改成 redis://…"]
        )
    end_with_parent()
    start_logs(config)
    for where in config.literal_secrets:
        click.echo(f"警告：{where} 直接写出了密钥，请改成 ${{变量名}}，由环境变量给出", err=True)
    return config


def chosen_community(config: Config, id: str) -> CommunityConfig:
    """The community of an id; where there is only one it need not be named. Raises ClickException."""
    listed = config.community(id) if id else config.communities[0] if len(config.communities) == 1 else None
    if listed is None:
        ids = "、".join(each.id for each in config.communities)
        raise click.ClickException(f"没有社群“{id}”，有的是：{ids}" if id else f"请用 -c 写明社群：{ids}")
    return listed


@contextmanager
def redis_of(config: Config) -> Iterator[str]:
    """The Redis that this process owns while it runs, or the one that the configuration names."""
    from storage.embedded import EmbeddedServer

    if not config.redis.is_embedded:
        yield config.redis.url.get_secret_value()
        return
    with EmbeddedServer(config.data_path) as server:
        yield server.url


@contextmanager
def stores_of(path: Path) -> Iterator[Stores]:
    """All stores for a short command: joins the embedded server that runs, or starts one meanwhile."""
    from storage.embedded import join_or_start

    config = load_config(path)
    if not config.redis.is_embedded:
        yield open_all(config, "command")
        return
    with join_or_start(config.data_path) as url:
        yield open_all(load_config(path, BOT_REDIS_URL=url), "command")


@contextmanager
def database_of(path: Path) -> Iterator[Database]:
    """The Redis alone for a short command, whatever lies in it."""
    from storage.embedded import join_or_start

    config = load_config(path)
    if not config.redis.is_embedded:
        yield open_database(config)
        return
    with join_or_start(config.data_path) as url:
        yield open_database(load_config(path, BOT_REDIS_URL=url))


def refuse_running(config: Config) -> None:
    """Raises StartError while a bot works on the data; its embedded server need not answer for that."""
    from bot.errors import StartError
    from storage.embedded import owner_of
    from storage.machine import Machine
    from storage.moment import to_ms

    if config.redis.is_embedded:
        if owner := owner_of(config.data_path):
            raise StartError([f"机器人（进程 {owner}）正在 {config.data_path} 上运行：请先停掉它（systemctl stop …，或结束 run.py serve）"])
        return
    alive = [one.name for one in Machine(open_database(config), lambda: "", 16).processes() if one.is_alive(to_ms(now()))]
    if alive:
        raise StartError(
            [
                f"机器人正在这个 Redis 上运行（{alive[0]} 等 {len(alive)} 个进程）：请先停掉所有机器上的进程；断电、被强制结束的要过 75 秒才看得出"
            ]
        )


def beside_serve(path: Path, config: Config) -> Config:
    """The configuration with the Redis that ``serve`` runs, be it up already or not; nobody else may hold the data for long."""
    from storage.embedded import EmbeddedServer

    if not config.redis.is_embedded:
        return config
    click.echo("自带的 Redis 由 serve 启动：serve 没有在运行时，等它起来", err=True)
    return load_config(path, BOT_REDIS_URL=EmbeddedServer(config.data_path).url)


def erased_register(config: Config) -> ErasedRegister:
    """Who was erased: outlives a restored backup."""
    from bot.erased import ErasedRegister
    from bot.keyring import sealing_key

    return ErasedRegister(config.data_path, sealing_key(config))


def start_logs(config: Config) -> None:
    """The log as the configuration wants it, from now on."""
    from bot.logs import set_up_logs

    set_up_logs(config.log.level)


def end_with_parent() -> None:
    """This process ends with the one that started it, if that asked for it."""
    from bot.processes import die_with_parent

    if parent := os.environ.get("BOT_PARENT"):
        die_with_parent(int(parent))
