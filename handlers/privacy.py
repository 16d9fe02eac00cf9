"""个人数据: one person's data over all stores, given away or forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.erased import ErasedRegister
from bot.errors import UserError
from storage.stores import Stores


def find_member(stores: Stores, who: str) -> int:
    """The member number behind a WeCom user id or a member number. Raises UserError when there is none."""
    number = stores.directory.find_number(who)
    if number is None and who.isdecimal() and stores.directory.find_user(int(who)):
        number = int(who)
    if number is None:
        raise UserError(f"没有找到成员 {who}：请写企业微信 userid，或成员编号")
    return number


def export_person(stores: Stores, number: int) -> dict[str, Any]:
    """Everything kept of a member, by store, in plain types."""
    return {name: store.export_user(number) for name, store in stores.of_persons().items()}


def erase_person(stores: Stores, register: ErasedRegister, number: int) -> Iterator[tuple[str, str]]:
    """Forgets a member store by store; gives each store's name and what was done there. His row in the directory goes last."""
    if user := stores.directory.find_user(number):
        register.note(number, user)
    for name, store in stores.of_persons().items():
        yield name, store.erase_user(number)


def sweep_restored(stores: Stores, register: ErasedRegister) -> int:
    """Forgets again whom a restored backup brought back; gives how many they were."""
    back = 0
    for erased in dict.fromkeys(register.all()):
        user = stores.directory.find_user(erased.number)
        if user and register.is_meant(erased, user):
            back += 1
            for store in stores.of_persons().values():
                store.erase_user(erased.number)
    return back
