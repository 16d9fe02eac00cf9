"""``archive``: hears a group's chat archive, line by line."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import build, now, watch
from commands.opening import beside_serve, config_option, end_with_parent, load_config, start_logs
from commands.roles import patiently

if TYPE_CHECKING:
    from bot.archive import Ear
    from bot.config import ArchiveChannel, Config


@click.command()
@config_option
@click.argument("channel")
@click.option("--socket", "at", type=click.Path(path_type=Path), default=None, help="在这个 Unix 套接字上等，不读标准输入")
@click.pass_obj
def archive(path: Path, later: Path | None, channel: str, at: Path | None) -> None:
    """旁听：逐行读入会话内容存档（每行一条解密后的 JSON），收到哪里就写出 {"seq":n}。CHANNEL 是 archive 渠道的名字。"""
    path = later or path
    config = beside_serve(path, load_config(path))
    heard = _archive_channel(config, channel)
    end_with_parent()
    start_logs(config)
    from bot.archive import Ear, acknowledgement, listen, serve_pullers

    listening = listen(at.absolute()) if at else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # at any moment: what was begun is done again
    try:
        bot = patiently(lambda: build(config, "archive"))
        watch(bot)
        # Whoever is mentioned by any of the bot's names hears it himself: the archive's copy is not judged a second time.
        ear = Ear(
            bot.pipeline, bot.stores.archive, heard, config.all_names(),
            clock=now, complain=_say, rest=time.sleep,
        )  # fmt: skip
        show = _progress(ear)
        if listening:
            serve_pullers(ear, listening, show)
        ear.hear(lambda size: os.read(0, size), lambda mark: _write_all(1, acknowledgement(mark)), show)
        tally = ear.tally
        _say(f"读完 {tally.lines} 行：收下 {tally.taken}，重复 {tally.repeated}，不相干 {tally.passed}，坏行 {tally.bad}。")
    finally:
        if listening and at:
            listening.close()
            at.unlink(missing_ok=True)


def _archive_channel(config: Config, name: str) -> ArchiveChannel:
    from bot.config import ArchiveChannel
    from bot.errors import UserError

    channel = config.channel(name)
    if isinstance(channel, ArchiveChannel):
        return channel
    known = "、".join(channel.name for channel in config.channels if isinstance(channel, ArchiveChannel))
    raise UserError(f"没有叫 {name} 的 archive 渠道" + (f"，有的是 {known}" if known else "：在 config.yaml 的 channels 里加一个"))


def _progress(ear: Ear) -> Callable[[], None]:
    """Shows how many lines a second are heard, on a terminal."""
    if not sys.stderr.isatty():
        return lambda: None
    began, shown = time.monotonic(), time.monotonic()

    def show() -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            lines = ear.tally.lines
            click.echo(f"\r{lines} 行，{lines / (shown - began):.0f} 行/秒 ", err=True, nl=False)

    return show


def _say(text: str) -> None:
    """A line to read, over the progress where that is shown."""
    click.echo(f"\r{text}" if sys.stderr.isatty() else text, err=True)


def _write_all(to: int, text: bytes) -> None:
    while text:
        text = text[os.write(to, text) :]
