"""``log``: what happened, as lines to read or as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from commands.build import now
from commands.opening import config_option, stores_of
from commands.roles import stop_event
from storage.moment import to_ms


@click.command()
@config_option
@click.option("--follow", "-f", is_flag=True, help="一直看下去，新的记录随时出现")
@click.option("--community", "-c", default="", help="只看这个社群")
@click.option("--user", "-u", default="", help="只看这个成员：企业微信 userid 或成员编号")
@click.option("--message", "-m", default="", help="只看这条消息和因它而变的：消息编号，积分那几行 why= 后面写着")
@click.option("--lines", "-n", type=click.IntRange(1, 100_000), default=50, help="先看最近多少条")
@click.option("--json", "as_json", is_flag=True, help="每条一行 JSON")
@click.option("--files-lost", is_flag=True, help="旧记录的文件夹确实没有了：从此只有还在的部分")
@click.pass_obj
def log(
    path: Path, later: Path | None, follow: bool, community: str, user: str, message: str, lines: int, as_json: bool, files_lost: bool
) -> None:  # fmt: skip
    """看发生了什么：收到、判断、状态变化、发出、推送、管理、错误。"""
    from handlers.privacy import find_member
    from storage.events import ELSEWHERE

    with stores_of(later or path) as stores:
        if files_lost:
            click.echo("记下了：旧文件没有了。" if stores.events.forget_files() else "没有记着任何文件夹，不用说。")
            return
        if not stores.events.is_whole():
            click.echo(f"⚠️ {ELSEWHERE}", err=True)
        member = find_member(stores, user) if user else None
        tail = stores.events.tail()
        for entry in _newest(stores.events, lines, community, member, message):
            click.echo(_line(entry, as_json))
        stop = stop_event() if follow else None
        while stop and not stop.wait(0.5):
            for entry in stores.events.since(tail, community=community, member=member):
                if not message or _tells_of(entry, message):
                    click.echo(_line(entry, as_json))


def _newest(events: Any, lines: int, community: str, member: int | None, message: str) -> list[Any]:
    """The newest entries; of one message all of the log is read, for it may be old."""
    if not message:
        return list(events.newest(lines, community=community, member=member))
    found = [entry for entry in events.read(community=community, member=member) if _tells_of(entry, message)]
    return sorted(found, key=lambda entry: tuple(map(int, entry.id.split("-"))))[-lines:]


def _tells_of(entry: Any, message: str) -> bool:
    """Whether an entry is the message's own, or of points that it moved."""
    return entry.message == message or message in str(entry.data.get("why", ""))


def _line(entry: Any, as_json: bool) -> str:
    if as_json:
        return json.dumps(
            {"id": entry.id, "at": entry.at.isoformat(), "kind": entry.kind, "community": entry.community, "member": entry.member,
             "message": entry.message, "data": dict(entry.data)}, ensure_ascii=False,
        )  # fmt: skip
    facts = " ".join(f"{key}={value}" for key, value in entry.data.items() if value is not None)
    who = f"成员 {entry.member}" if entry.member else "—"
    return f"{entry.at.astimezone():%m-%d %H:%M:%S} {entry.kind:<8} {entry.community} {who} {entry.message} {facts}"


@click.command("log-level")
@config_option
@click.argument("level", type=click.Choice(["debug", "info", "warning", "error", "reset"]))
@click.option("--minutes", type=click.IntRange(1, 1440), default=30, show_default=True, help="多少分钟以后自己恢复成配置里的")
@click.pass_obj
def log_level(path: Path, later: Path | None, level: str, minutes: int) -> None:
    """日志的详细程度：让正在运行的每个进程两三秒内改过来，不用重启；reset 马上恢复。"""
    with stores_of(later or path) as stores:
        at_ms = to_ms(now())
        stores.machine.set_log_level("" if level == "reset" else level, at_ms + minutes * 60_000, at_ms)
        is_heard = any(one.is_alive(at_ms) for one in stores.machine.processes())
    click.echo("恢复成配置里的程度。" if level == "reset" else f"{minutes} 分钟内按 {level} 记日志。")
    if not is_heard:
        click.echo("现在没有进程在运行，启动以后才看得出来。", err=True)
