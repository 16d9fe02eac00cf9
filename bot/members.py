"""@谁: the members that somebody means by a display name, a user id or a member number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.config import Config
from bot.errors import UserError
from storage.community import CommunityKeys
from storage.directory import MOST_ALIKE
from storage.roles import ALL
from storage.stores import Stores

MOST_OFFERED = 9
MENTION_ENDS = "\u2005"
"""The blank that WeCom's clients write behind a mention; what people type has none."""
MOST_TRIED = 6
"""Beginnings of some words that are looked up as a name, the longest first."""
LONGEST_NAME = 64
GONE = "（已退出的成员）"
"""What to call somebody who was erased."""
_AT = re.compile(r"(?<![0-9A-Za-z._-])[@＠]")
_BORDER = re.compile(r"\s+|[，,、。.！!？?~～：:；;]|$")
_ENDINGS = " 。.!！?？~～,，、;；"
_BETWEEN = " \t\n\u2005\u2006\u3000,，、"


class NobodyFound(UserError):
    """Nobody here is called so."""


@dataclass(frozen=True, slots=True)
class Meant:
    """Who is meant by a name: one member, or several of one name."""

    name: str
    numbers: tuple[int, ...]


def find_members(stores: Stores, who: str, where: CommunityKeys, *, strangers: bool = False) -> tuple[int, ...]:
    """The numbers of those whom ``who`` fits: one user id, else one member number, else every display name.

    Only those are found who were seen in the community; with ``strangers`` a user id fits everybody who is known anywhere. Raises NobodyFound
    when it fits nobody, UserError when too many.
    """
    wanted = who.strip().lstrip("@＠").strip()
    known = stores.directory.find_number(wanted) if wanted else None
    if known and (strangers or stores.roster.seen(where, [known])):
        return (known,)
    if wanted.isdecimal() and len(wanted) < 16 and stores.roster.seen(where, [int(wanted)]):
        return (int(wanted),)
    named = stores.directory.find_named(wanted) if wanted else []
    if len(named) > MOST_ALIKE:
        raise UserError(f"叫“{wanted[:30]}”的人太多了，请写企业微信 userid 或成员编号。")
    found = stores.roster.seen(where, named)
    if not found and known:
        raise NobodyFound(f"“{wanted[:30]}”还没有来过这里（还没有在这里说过话），请他先在群里和我说一句。")
    if not found:
        raise NobodyFound(
            f"没有找到“{wanted[:30]}”：请写他的名字、企业微信 userid 或成员编号，例如 @李雷。没和机器人说过话的人，先请他说一句。"
        )
    if len(found) > MOST_OFFERED:
        raise UserError(f"有 {len(found)} 个人叫“{wanted}”，请写企业微信 userid 或成员编号。")
    return tuple(found)


def still_here(stores: Stores, number: int | str, where: CommunityKeys) -> int:
    """The number that somebody chose a while ago. Raises UserError when that member was erased meanwhile, or was never here."""
    chosen = int(number)
    if stores.directory.find_user(chosen) is None or not stores.roster.seen(where, [chosen]):
        raise UserError("这位成员刚刚不在了（可能删除了数据），什么也没有改。请重新说一次。")
    return chosen


def behind(text: str) -> str:
    """What stands behind the first word of a text, with the blanks that end mentions; its last punctuation is left out."""
    parts = text.rstrip(_ENDINGS).split(None, 1)
    return parts[1] if len(parts) > 1 else ""


def find_meant(stores: Stores, words: str, where: CommunityKeys) -> tuple[Meant, str]:
    """Who is meant at the beginning of some words, and what stands behind him.

    A mention ends at its own blank (U+2005); without one the longest beginning that is a name here counts, as names have blanks and digits in
    them. Raises NobodyFound, or UserError when a name fits too many.
    """
    is_mention, said = words.lstrip()[:1] in ("@", "＠"), words.lstrip(" \t\n\u3000@＠")
    if is_mention and MENTION_ENDS in said:
        name, _, rest = said.partition(MENTION_ENDS)
        return Meant(name.strip(), find_members(stores, name, where)), rest.strip(_BETWEEN)
    missing: NobodyFound | None = None
    for name, rest in _beginnings(said):
        try:
            return Meant(name, find_members(stores, name, where)), rest.strip(_BETWEEN)
        except NobodyFound as nobody:
            missing = nobody  # the shortest is named last: most names are one word
    raise missing or NobodyFound("请写上名字，例如：@李雷")


def find_all_meant(stores: Stores, words: str, where: CommunityKeys) -> tuple[tuple[Meant, ...], str]:
    """Everybody who is mentioned at the beginning of some words, in a row, and what stands behind them. Raises as :func:`find_meant` does."""
    people, left = list[Meant](), words.strip(_BETWEEN)
    while left and (not people or left[0] in "@＠"):
        following = _AT.search(left, 1)
        end = following.start() if following else len(left)
        meant, rest = find_meant(stores, left[:end], where)
        people.append(meant)
        left = f"{rest} {left[end:]}".strip(_BETWEEN) if rest else left[end:].strip(_BETWEEN)
        if rest:
            break
    return tuple(people), left


def _beginnings(words: str) -> Iterator[tuple[str, str]]:
    """What of some words may be a name, longest first, each with what stands behind it."""
    ends = [found.start() for found in _BORDER.finditer(words) if 0 < found.start() <= LONGEST_NAME][:MOST_TRIED]
    for end in reversed(ends):
        if words[:end] == words[:end].rstrip(_BETWEEN):
            yield words[:end], words[end:]


def name_of(stores: Stores, number: int) -> str:
    """What to call a member: his name, or his number while it is unknown."""
    return stores.directory.find_name(number) or f"成员 {number}"


def unmentioned(text: str) -> str:
    """A text of ours, links and all, in whose members' words nobody is mentioned: <@all> is not for members to say through the bot."""
    return text.replace("<@", "＜@")


def harmless(text: str) -> str:
    """A text of ours without links of its own, in whose members' words nobody is mentioned and nothing leads anywhere."""
    return unmentioned(text).replace("](", "］（")


def plain(words: str) -> str:
    """Members' words and names where Markdown may show them: what looks like a mention mentions nobody, what looks like a link leads nowhere."""
    return words.replace("<", "＜").replace("](", "］（")


def called(stores: Stores, number: int) -> str:
    """What to call a member where a group's Markdown may show it."""
    return plain(name_of(stores, number))


def all_called(stores: Stores, numbers: Sequence[int]) -> dict[int, str]:
    """The same for a whole page, and for who was erased; one round trip, two where a name is unknown."""
    names = stores.directory.find_names(numbers)
    users = stores.directory.find_users([number for number, name in names.items() if not name])
    return {number: plain(name) if name else f"成员 {number}" if users[number] else GONE for number, name in names.items()}


def left_out(stores: Stores, config: Config, community: str) -> tuple[int, ...]:
    """Those who steer a community, where the configuration leaves them out of boards and honours; two round trips then, else none."""
    if not config.boards.leave_out_roles:
        return ()
    granted = [grant.member for grant in stores.roles.all() if grant.place in (ALL, community)]
    owners = [found[0] for found in stores.directory.find_people(config.admins) if found]
    return tuple(dict.fromkeys([*owners, *granted]))


def listed(stores: Stores, numbers: Sequence[int]) -> str:
    """Members as numbered choices: with name and member number, as they may have one name."""
    return "\n".join(f"{at}. {called(stores, number)}（成员 {number}）" for at, number in enumerate(numbers, 1))
