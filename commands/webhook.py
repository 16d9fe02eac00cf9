"""``webhook``: a group robot's address put in and looked at; the key itself is never shown."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

import click

from commands.build import now
from commands.opening import config_option, load_config, stores_of


@click.group()
def webhook() -> None:
    """群机器人的 Webhook：泄露了就换掉，不用重启。"""


@webhook.command("set")
@config_option
@click.argument("community")
@click.argument("chat", default="")
@click.pass_obj
def set_webhook(path: Path, later: Path | None, community: str, chat: str) -> None:
    """换一个 Webhook，五秒内生效，旧的从此不用。COMMUNITY 是社群编号，CHAT 是群的 chatid（空着是主群）；新地址从提示或标准输入读。"""
    from bot.permissions import COMMAND_LINE
    from bot.webhooks import WebhookKeys
    from storage.keys import shard_of

    path = later or path
    is_asked = sys.stdin.isatty()
    given = click.prompt("新的 Webhook（地址或 key，不会显示）", hide_input=True) if is_asked else sys.stdin.readline()
    with stores_of(path) as stores:
        keys = WebhookKeys(load_config(path), stores.webhooks)
        digest = keys.replace(community, chat, given)
        facts = {"act": "webhook", "chat": chat, "digest": digest, "by": getpass.getuser()}
        stores.events.record(shard_of(community, stores.shards), "admin", community, now(), facts)
        stores.audit.record(community, COMMAND_LINE.id, "更换 Webhook", chat or "主群", "", f"摘要 {digest}", now(), once="")
    click.echo(f"已换成 {digest}，五秒内生效；旧的不再使用。记得把环境变量里的值也换成新的。")


@webhook.command("list")
@config_option
@click.pass_obj
def list_webhooks(path: Path, later: Path | None) -> None:
    """有哪些 Webhook、从哪里来：只显示摘要，从不显示 key。"""
    from bot.config import ADMINS
    from bot.webhooks import WebhookKeys

    path = later or path
    with stores_of(path) as stores:
        for shown in WebhookKeys(load_config(path), stores.webhooks).all():
            state = "已作废，不会用它发送" if shown.is_refused else "打不开：evidence.key 换过了" if not shown.digest else "在用"
            chat = "管理群" if shown.chat == ADMINS else shown.chat or "主群"
            click.echo(f"{shown.community}  {chat}  {shown.digest or '—'}  来自{shown.source}  {state}")
