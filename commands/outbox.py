"""``outbox``: what waits to be sent and what could not be, looked at and settled."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now
from commands.opening import config_option, stores_of
from storage.moment import to_ms

if TYPE_CHECKING:
    from storage.outbox import Outbox


@click.group()
def outbox() -> None:
    """发件箱：看等待发送和没能送达的消息，重发或丢弃没能送达的。"""


@outbox.command("list")
@config_option
@click.option("--community", "-c", default="", help="只看这个社群")
@click.option("--dead", "only_dead", is_flag=True, help="只看死信：没能送达、已放弃的")
@click.option("--json", "as_json", is_flag=True, help="每条一行 JSON")
@click.pass_obj
def list_outbox(path: Path, later: Path | None, community: str, only_dead: bool, as_json: bool) -> None:
    """列出等待发送的和死信：编号、社群、方式、目标、等了多久、试过几次、原因。"""
    from bot.outbox_cli import rows_of, table

    with stores_of(later or path) as stores:
        at_ms = to_ms(now())
        shards = range(stores.shards)
        rows = [row for shard in shards for row in rows_of(stores.outbox, shard, at_ms, community=community, only_dead=only_dead)]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row.as_json(), ensure_ascii=False))
        return
    if rows:
        click.echo("\n".join(table(rows)))
    dead = sum(row.state == "dead" for row in rows)
    click.echo(f"等待发送 {len(rows) - dead} 条，死信 {dead} 条。" if not only_dead else f"死信 {dead} 条。")


@outbox.command("replay")
@config_option
@click.argument("id", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="全部死信")
@click.option("--community", "-c", default="", help="只管这个社群的")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def replay_outbox(path: Path, later: Path | None, id: str, everything: bool, community: str, yes: bool) -> None:
    """重发死信：放回队尾，重新计次。ID 是 outbox list 里的编号；也可以用 --all。"""
    _settle_dead(later or path, id, everything, community, yes, "重发", lambda outbox, shard, one, at_ms: outbox.replay(shard, one, at_ms))


@outbox.command("drop")
@config_option
@click.argument("id", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="全部死信")
@click.option("--community", "-c", default="", help="只管这个社群的")
@click.option("--yes", is_flag=True, help="不再询问")
@click.pass_obj
def drop_outbox(path: Path, later: Path | None, id: str, everything: bool, community: str, yes: bool) -> None:
    """丢弃死信，不能恢复。ID 是 outbox list 里的编号；也可以用 --all。"""
    _settle_dead(later or path, id, everything, community, yes, "丢弃", lambda outbox, shard, one, at_ms: outbox.drop(shard, one))


def _settle_dead(
    path: Path, id: str, everything: bool, community: str, yes: bool, verb: str, settle: Callable[[Outbox, int, str, int], bool]
) -> None:
    from bot.errors import UserError
    from bot.outbox_cli import rows_of

    if bool(id) == everything:
        raise click.UsageError(f"写明要{verb}哪一条的编号，或者用 --all {verb}全部")
    with stores_of(path) as stores:
        at_ms = to_ms(now())
        rows = [row for shard in range(stores.shards) for row in rows_of(stores.outbox, shard, at_ms, community=community, only_dead=True)]
        rows = [row for row in rows if everything or row.id == id]
        if id and not rows:
            raise UserError(f"没有编号为 {id} 的死信；python run.py outbox list --dead 列出全部")
        if rows and not yes and (everything or verb == "丢弃"):
            click.confirm(f"将{verb} {len(rows)} 条死信，继续吗？", abort=True)
        with click.progressbar(rows, label=verb, file=sys.stderr, hidden=len(rows) < 100) as shown:
            done = sum(settle(stores.outbox, row.shard, row.id, at_ms) for row in shown)
        click.echo(f"已{verb} {done} 条。")
