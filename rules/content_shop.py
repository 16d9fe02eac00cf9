"""The shop as a file of content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Day, Id, Kind, Phrase, Row, has_no_line_break, twins
from rules.shop import Item, ItemKind, Shop

MOST_ITEMS = 200
Often = Annotated[int, Field(ge=0, le=100_000)]
Days = Annotated[int, Field(ge=0, le=366)]


class ItemRow(Row):
    """One thing to exchange points for."""

    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,32}$")]
    name: Phrase
    price: Annotated[int, Field(ge=0, le=10_000_000)]
    description: Annotated[str, Field(max_length=500), AfterValidator(has_no_line_break)] = ""
    kind: ItemKind = "manual"
    per_member: Often = 0
    per_member_day: Often = 0
    per_day: Often = 0
    min_level: Annotated[str, Field(max_length=64)] = ""
    starts: Day | None = None
    ends: Day | None = None
    communities: Annotated[tuple[Id, ...], Field(max_length=1_000)] = ()
    counted: bool = True
    refund_after_days: Days | None = None
    image: Annotated[str, Field(max_length=2_000), AfterValidator(has_no_line_break)] = ""


class ShopSheet(Row):
    """The shop."""

    confirm_from: Annotated[int, Field(ge=0, le=10_000_000)] = 100
    remind_after_days: Days = 3
    refund_after_days: Days = 7
    items: Annotated[tuple[ItemRow, ...], Field(max_length=MOST_ITEMS)] = ()


def _shop(sheet: ShopSheet) -> Shop:
    return Shop(tuple(map(_item, sheet.items)), sheet.confirm_from, sheet.remind_after_days, sheet.refund_after_days)


def _item(row: ItemRow) -> Item:
    return Item(**{name: value for name, value in row if name != "counted"}, is_counted=row.counted or row.kind == "code")


def _sheet(shop: Shop) -> dict[str, Any]:
    return {
        "confirm_from": shop.confirm_from,
        "remind_after_days": shop.remind_after_days,
        "refund_after_days": shop.refund_after_days,
        "items": [_row(item) for item in shop.items],
    }


def _row(item: Item) -> dict[str, Any]:
    """What was written of an item, without what goes without saying."""
    plain = Item(item.id, item.name, item.price)
    row: dict[str, Any] = {"id": item.id, "name": item.name, "price": item.price}
    for name in ("description", "kind", "per_member", "per_member_day", "per_day", "min_level", "refund_after_days", "image"):
        if getattr(item, name) != getattr(plain, name):
            row[name] = getattr(item, name)
    row |= {name: day.isoformat() for name, day in (("starts", item.starts), ("ends", item.ends)) if day}
    row |= {"communities": list(item.communities)} if item.communities else {}
    return row | ({} if item.is_counted else {"counted": False})


def _problems(sheet: ShopSheet) -> Iterator[tuple[Path, str]]:
    yield from twins(((("items", n, "id"), row.id) for n, row in enumerate(sheet.items)), "商品 id“{name}”已经用过了，请换一个")
    yield from twins(((("items", n, "name"), row.name) for n, row in enumerate(sheet.items)), "商品“{name}”写了两次，请换一个名字")
    for n, row in enumerate(sheet.items):
        if row.starts and row.ends and row.ends < row.starts:
            yield ("items", n, "ends"), "最后一天 ends 比第一天 starts 还早"
        if row.kind == "code" and not row.counted:
            yield ("items", n, "counted"), "兑换码有几个就是几件，请去掉 counted: false"


SHOP: Kind[Shop] = Kind("shop", "shop.yaml", "积分商城", False, TypeAdapter(ShopSheet), _shop, _sheet, _problems)
