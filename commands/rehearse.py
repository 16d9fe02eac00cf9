"""``rehearse``: a month of the community in seconds, before a real group is touched."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import click

from commands.opening import config_option, load_config

if TYPE_CHECKING:
    from bot.config import Config
    from commands.rehearsal.living import Part

DAYS, MEMBERS, GROUPS, MESSAGES = 30, 2_000, 20, 30_000
QUICK = (7, 200, 4, 2_000)
IN_ONE = 4
"""Groups of a community that is made up."""
PROCESSES = 2
DEFAULT_BEGIN = "2026-03-02"
"""A Monday."""


@click.command()
@config_option
@click.option("--days", type=click.IntRange(1, 366), default=DAYS, show_default=True, help="多少天")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="随机种子：同样的种子给同样的报告")
@click.option("--members", type=click.IntRange(1, 100_000), default=MEMBERS, show_default=True, help="多少虚拟成员")
@click.option("--groups", type=click.IntRange(1, 500), default=GROUPS, show_default=True, help="多少个群；配置里不够的补上虚拟的社群")
@click.option("--messages", type=click.IntRange(0, 1_000_000), default=MESSAGES, show_default=True, help="机器人大约听到多少条消息")
@click.option("--begin", type=click.DateTime(["%Y-%m-%d"]), default=DEFAULT_BEGIN, show_default=True, help="从哪一天起")
@click.option("--quick", is_flag=True, help="快看一眼：一周、200 人")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=None, help="报告写到这个文件；不写就显示出来")
@click.pass_obj
def rehearse(
    path: Path, later: Path | None, days: int, seed: int, members: int, groups: int, messages: int, begin: datetime, quick: bool, out: Path | None
) -> None:  # fmt: skip
    """演练：用你的配置和内容，让虚拟成员过一个月，看推送会不会太多、撞车、被限流"""
    from commands.rehearsal.report import Asked, report_of

    if quick:
        days, members, groups, messages = QUICK
    config = _settings(later or path)
    kept = _kept(config)
    config.follow_webhooks(kept.has_webhook)
    begun = begin.replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    parts = _parts(_plain(config), config, kept.items, begun, days, members, groups, messages, seed)
    text = report_of(Asked(begun, days, seed, kept.source), _live_all(parts))
    if out:
        out.write_text(text, encoding="utf-8")
        click.echo(f"报告在 {out}")
    else:
        click.echo(text)


def _plain(config: Config) -> dict[str, Any]:
    """The settings of the operator, without his secrets and addresses: a rehearsal has its own, but no way that he has not."""
    plain = config.model_dump(mode="json", include={"bot_name", "admins", "moderation", "boards", "retention"})
    plain["moderation"] |= {"dry_run": False, "pictures": False}  # what a trial would only note is to be seen
    return {**plain, "mood": {"enabled": False}, "admins": plain["admins"] or ["boss"], "log": {"level": "error"}}


def _settings(path: Path) -> Config:
    """The operator's configuration. Secrets that are not at hand are made up, for a rehearsal uses none. Raises ConfigError."""
    from bot.errors import ConfigError

    named = set(re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8"))) if path.exists() else set()
    try:
        return load_config(path)
    except ConfigError:
        fillers = {name: hashlib.sha256(name.encode()).hexdigest()[:42] + "A" for name in named}
        return load_config(path, **{name: filler for name, filler in fillers.items() if not os.environ.get(name)})


@dataclass(frozen=True, slots=True)
class _Kept:
    """What stands in the operator's Redis: the content by kind, where it was found, and which places got a webhook there."""

    items: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    source: str = ""
    has_webhook: Callable[[str], bool] = lambda place: False


def _kept(config: Config) -> _Kept:
    """Reads, and only reads, what is in force; where the bot never ran its files are taken. Raises ClickException."""
    from cryptography.fernet import Fernet

    from rules.contents import KINDS
    from storage import keys
    from storage.connection import Database, StorageAway
    from storage.content import ContentStore
    from storage.schema import VERSION
    from storage.webhooks import Webhooks

    files = _Kept(source=f" {config.content_path.name} 里的文件")
    if config.redis.is_embedded and not (config.data_path / "redis").exists():
        return files
    try:
        with _redis_of(config) as url:
            database = Database(url)
            version = database.command("HGET", keys.SCHEMA(), "version")
            if version is None:
                return files
            if int(version) != VERSION:
                raise click.ClickException("Redis 里的数据是另一个版本的程序写的：先用这个版本启动一次机器人，再演练")
            content, webhooks = ContentStore(database), Webhooks(database, Fernet.generate_key())
            webhooks.keep_up()
            found = {name: content.items(name) for name in KINDS}
            return _Kept({name: items for name, items in found.items() if items}, "正在使用的内容", webhooks.has)
    except StorageAway as away:
        raise click.ClickException(f"连不上 Redis，读不到正在使用的内容：{away}。先启动它，或者换一个没有用过的 data_dir") from None


@contextmanager
def _redis_of(config: Config) -> Iterator[str]:
    from storage.embedded import join_or_start

    if not config.redis.is_embedded:
        yield config.redis.url.get_secret_value()
        return
    with join_or_start(config.data_path) as url:
        yield url


def _parts(
    settings: Mapping[str, Any], config: Config, items: Mapping[str, Mapping[str, str]], begin: datetime, days: int, members: int, groups: int,
    messages: int, seed: int,
) -> list[Part]:  # fmt: skip
    """The communities over as many processes as run at once: they share nothing but their members' words."""
    from bot.config import AppChannel
    from commands.rehearsal.living import Part

    has_app = not config.channels or any(isinstance(channel, AppChannel) for channel in config.channels)
    listed = _communities(config, groups)
    shares: list[list[dict[str, Any]]] = [[] for _ in range(min(PROCESSES, len(listed)))]
    for one in sorted(listed, key=lambda one: -len(one["groups"])):
        min(shares, key=lambda share: sum(len(other["groups"]) for other in share)).append(one)
    total, found, first = sum(len(one["groups"]) for one in listed), [], 1
    for share in shares:
        part = sum(len(one["groups"]) for one in share) / total
        count = max(round(members * part), 1)
        place, said = {**settings, "communities": share}, round(messages * part)
        found.append(Part(place, config.content_path, items, begin, days, count, said, first, seed, has_app))
        first += count
    return found


def _communities(config: Config, groups: int) -> list[dict[str, Any]]:
    """The configured communities, as many groups of them as are wanted, and made-up ones for the rest."""
    found: list[dict[str, Any]] = []
    left = groups
    for one in config.communities:
        chats = list(one.groups)[:left]
        if chats:
            found.append(
                _community(one.id, one.name or one.id, chats, one.timezone, [chat for chat in chats if config.has_webhook(one.id, chat)])
            )
            left -= len(chats)
    number = 1
    while left > 0:
        chats = [f"wrREHEARSAL{number:03}{n}" for n in range(min(IN_ONE, left))]
        found.append(_community(f"rehearsal-{number}", f"演练社群 {number}", chats, "Asia/Shanghai", chats))
        left -= len(chats)
        number += 1
    return found


def _community(id: str, name: str, chats: list[str], zone: str, hooked: list[str]) -> dict[str, Any]:
    """A community whose groups have a webhook where those of the operator have one."""
    hooks = {chat: f"hook-{id}-{n}" for n, chat in enumerate(chats) if chat in hooked}
    return {
        "id": id, "name": name, "groups": chats, "timezone": zone, "webhook": hooks.pop(chats[0], ""), "webhooks": hooks,
        "admin_group": f"wrADMIN-{id}", "admin_webhook": f"hook-{id}-admin",
    }  # fmt: skip


def _live_all(parts: list[Part]) -> list[Any]:
    """Lives through all parts side by side, each in a process of its own, with a bar of the days."""
    import multiprocessing

    os.environ["PYTHONHASHSEED"] = "0"
    spawning = multiprocessing.get_context("spawn")
    pipes = [spawning.Pipe(duplex=False) for _ in parts]
    processes = [spawning.Process(target=_live_one, args=(part, sends), daemon=True) for part, (_, sends) in zip(parts, pipes, strict=True)]
    for process, (_, sends) in zip(processes, pipes, strict=True):
        process.start()
        sends.close()  # so that the end of a process is the end of what it tells
    listening = {takes: number for number, (takes, _) in enumerate(pipes)}
    found: dict[int, Any] = {}
    with click.progressbar(length=sum(part.days for part in parts), label="演练", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        while listening:
            for ready in wait(list(listening)):
                try:
                    what = cast(Any, ready).recv()
                except EOFError:
                    raise click.ClickException("演练没有走完：一个进程突然结束了（内存不够？），请减少 --members 再试") from None
                if what is None:
                    bar.update(1)
                elif isinstance(what, str):
                    raise click.ClickException(f"演练没有走完：{what}")
                else:
                    found[listening.pop(cast(Any, ready))] = what
    for process in processes:
        process.join()
    return [found[number] for number in range(len(parts))]


def _live_one(part: Part, sends: Any) -> None:
    from bot.logs import set_up_logs
    from commands.rehearsal.living import live

    set_up_logs("error")
    try:
        sends.send(live(part, lambda: sends.send(None)))
    except Exception as error:
        sends.send(f"{type(error).__name__}: {error}")
        raise
