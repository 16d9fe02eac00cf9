"""``shop``: codes put in from a file, and what is in stock."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.build import now
from commands.opening import chosen_community, config_option, load_config, stores_of

if TYPE_CHECKING:
    from bot.shop_desk import ShopDesk

MOST_BYTES = 8_000_000
"""Of a file of codes."""


@click.group()
def shop() -> None:
    """积分商城：从文件加兑换码，看库存。"""


@shop.command("codes")
@config_option
@click.option("--community", "-c", default="", help="社群 id；只有一个社群时不用写")
@click.argument("item")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def add_codes(path: Path, later: Path | None, community: str, item: str, file: Path) -> None:
    """给商品 ITEM（id 或名字）加兑换码：FILE 是文本文件，一行一个。以前加过的不会再加，所以同一个文件可以再来一次。"""
    from bot.errors import UserError
    from bot.permissions import COMMAND_LINE
    from bot.shop_desk import read_codes

    with _desk(later or path, community) as desk:
        found = desk.shop.named(desk.community.id, item)
        if len(found) != 1:
            names = "、".join(f"{each.id}（{each.name}）" for each in desk.shop.of(desk.community.id))
            raise click.ClickException(f"没有商品“{item}”，有的是：{names or '还没有商品，请先写 shop.yaml'}")
        try:
            added = desk.add_codes(found[0], read_codes(_text(file).splitlines()), COMMAND_LINE, once=f"cli:{secrets.token_hex(8)}")
        except UserError as wrong:
            raise click.ClickException(str(wrong)) from wrong
    doubled = f"，{added.doubled} 个以前加过，没有再加" if added.doubled else ""
    click.echo(f"“{found[0].name}”加了 {added.new} 个兑换码{doubled}，现在有 {added.left} 个。文件里还是明文，用完请删掉。")


@shop.command("stock")
@config_option
@click.option("--community", "-c", default="", help="社群 id；只有一个社群时不用写")
@click.pass_obj
def show_stock(path: Path, later: Path | None, community: str) -> None:
    """每件商品还剩多少，今天换出多少，有几个订单等待处理。"""
    with _desk(later or path, community) as desk:
        for offer in desk.offers(items=desk.shop.of(desk.community.id)):
            left = "不限量" if offer.shelf.left is None else f"剩 {offer.shelf.left}"
            click.echo(f"{offer.item.id}  {offer.item.name}  {offer.item.price} 积分  {left}  今天 {offer.shelf.today}")
        click.echo(f"等待处理的订单 {desk.stores.orders.count_waiting(desk.community.keys)} 个")


@contextmanager
def _desk(path: Path, community: str) -> Iterator[ShopDesk]:
    """The shop of the community that is meant."""
    from bot.communities import listed_community
    from bot.shop_desk import ShopDesk
    from rules.contents import KINDS, from_items
    from rules.levels import Levels

    config = load_config(path)
    listed = chosen_community(config, community)
    with stores_of(path) as stores:
        shop = from_items(KINDS["shop"], stores.content.items("shop"))
        yield ShopDesk(stores, config, shop, Levels(), listed_community(listed, stores.shards), now())


def _text(file: Path) -> str:
    raw = file.read_bytes() if file.stat().st_size <= MOST_BYTES else b""
    if not raw:
        raise click.ClickException(f"{file.name} 是空的，或者大于 {MOST_BYTES // 1_000_000} MB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file.name} 不是 UTF-8 文本，请另存为 UTF-8 再试") from None
