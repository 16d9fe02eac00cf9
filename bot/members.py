"""@谁: the members that somebody means by a display name, a user id or a member number."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import UserError
from storage.community import CommunityKeys
from storage.stores import Stores

MOST_OFFERED = 9


def find_members(stores: Stores, who: str, where: CommunityKeys) -> tuple[int, ...]:
    """The numbers of those whom ``who`` fits: one user id, else one member number, else every display name.

    By number or name those only are found who were seen in the community. Raises UserError when it fits nobody, or too many.
    """
    wanted = who.strip().lstrip("@＠").strip()
    if number := stores.directory.find_number(wanted) if wanted else None:
        return (number,)
    if wanted.isdecimal() and len(wanted) < 16 and stores.roster.seen(where, [int(wanted)]):
        return (int(wanted),)
    found = stores.roster.seen(where, stores.directory.find_named(wanted)) if wanted else ()
    if not found:
        raise UserError(f"没有找到“{wanted}”：请写他的名字、企业微信 userid 或成员编号。没和机器人说过话的人，先请他说一句。")
    if len(found) > MOST_OFFERED:
        raise UserError(f"有 {len(found)} 个人叫“{wanted}”，请写企业微信 userid 或成员编号。")
    return tuple(found)


def name_of(stores: Stores, number: int) -> str:
    """What to call a member: his name, or his number while it is unknown."""
    return stores.directory.find_name(number) or f"成员 {number}"


def listed(stores: Stores, numbers: Sequence[int]) -> str:
    """Members as numbered choices: with name and member number, as they may have one name."""
    return "\n".join(f"{at}. {name_of(stores, number)}（成员 {number}）" for at, number in enumerate(numbers, 1))
