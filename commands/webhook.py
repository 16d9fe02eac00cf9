"""``webhook``: a group robot's address put in, taken out and looked at; the key itself is never shown."""

from __future__ import annotations

import getpass
import secrets
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now, try_webhook
from commands.opening import config_option, load_config, stores_of

if TYPE_CHECKING:
    from bot.webhooks import Put
    from storage.stores import Stores


@click.group()
def webhook() -> None:
    """群机器人的 Webhook：放进来、换掉、拿走，不用重启。"""


@webhook.command("set")
@config_option
@click.argument("community")
@click.argument("chat", default="")
@click.option("--untried", is_flag=True, help="不试就换：这台机器连不上企业微信的时候")
@click.pass_obj
def set_webhook(path: Path, later: Path | None, community: str, chat: str, *, untried: bool) -> None:
    """放进或换掉一个 Webhook，试通了才换，五秒内生效。COMMUNITY 是社群编号，CHAT 是群的 chatid（空着是主群）；没登记的只写 chatid。地址从提示或标准输入读。"""
    from bot.webhooks import WebhookKeys

    path = later or path
    is_asked = sys.stdin.isatty()
    given = click.prompt("新的 Webhook（地址或 key，不会显示）", hide_input=True) if is_asked else sys.stdin.readline()
    with stores_of(path) as stores:
        config = load_config(path)
        keys = WebhookKeys(config, stores.webhooks, stores.groups)
        refusal = (lambda key: "") if untried else partial(try_webhook, config)
        put = keys.put(community, chat, given, once=secrets.token_hex(8), refusal=refusal)
        _record(stores, "更换 Webhook" if put.before else "添加 Webhook", community, chat, put)
    old = "；旧的不再使用。config.yaml 或环境变量里有它的，也换成新的。" if put.before else "。"
    click.echo(f"已放入 {put.digest}，五秒内生效{old}")


@webhook.command("remove")
@config_option
@click.argument("community")
@click.argument("chat", default="")
@click.pass_obj
def remove_webhook(path: Path, later: Path | None, community: str, chat: str) -> None:
    """拿走一个放进来的 Webhook；写在 config.yaml 里的要在那里删。COMMUNITY、CHAT 和 set 的一样。"""
    from bot.webhooks import WebhookKeys

    path = later or path
    with stores_of(path) as stores:
        keys = WebhookKeys(load_config(path), stores.webhooks, stores.groups)
        _record(stores, "拿走 Webhook", community, chat, keys.remove(community, chat, once=secrets.token_hex(8)))
    click.echo("已拿走，五秒内生效；这个群里不再有推送。")


@webhook.command("list")
@config_option
@click.pass_obj
def list_webhooks(path: Path, later: Path | None) -> None:
    """有哪些 Webhook、从哪里来：只显示摘要，从不显示 key。"""
    from bot.config import ADMINS
    from bot.webhooks import WebhookKeys

    path = later or path
    with stores_of(path) as stores:
        for shown in WebhookKeys(load_config(path), stores.webhooks, stores.groups).all():
            state = "已作废，不会用它发送" if shown.is_refused else "打不开：evidence.key 换过了" if not shown.digest else "在用"
            state = "用不上了：config.yaml 里没有这个群" if shown.is_idle else state
            chat = "管理群" if shown.chat == ADMINS else shown.chat or "主群"
            click.echo(f"{shown.community}  {chat}  {shown.digest or '—'}  {'后来放进' if shown.is_kept else '来自配置'}  {state}")


def _record(stores: Stores, act: str, community: str, chat: str, put: Put) -> None:
    from bot.permissions import COMMAND_LINE
    from storage.keys import shard_of

    facts = {"act": "webhook", "chat": chat, "digest": put.digest, "by": getpass.getuser()}
    stores.events.record(shard_of(community, stores.shards), "admin", community, now(), facts)
    before, after = (f"摘要 {digest}" if digest else "" for digest in (put.before, put.digest))
    stores.audit.record(community, COMMAND_LINE.id, act, chat or "主群", before, after, now(), once="")
