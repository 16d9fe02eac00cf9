"""What tests of invitations share: looks at a customer group, and the clock that sees to invitations.

PYTEST_DONT_REWRITE: test modules import names from here before pytest sees it as a plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chat import Chat

from bot.invitation_desk import InvitationDesk, Newcomer, ring_invitations
from rules.roster import Roster, Seat, compare
from storage.customer_groups import KnownGroup, News

Brought = tuple[str, str]
"""The WeCom id of who brought somebody into a group, and the state of his way in; each may be ''."""
ALONE: Brought = ("", "")


def ring(chat: Chat) -> int:
    """What the clock does about invitations; gives of how many something became."""
    return ring_invitations(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def desk(chat: Chat) -> InvitationDesk:
    """The desk of the main community at this moment."""
    return InvitationDesk(chat.stores, chat.config, chat.live.current, chat.community, chat.clock())


def look(chat: Chat, seats: Mapping[str, Brought], group: str = "wrX", *, anew: Iterable[str] = ()) -> None:
    """A worker looks at a customer group in which users sit; those ``anew`` left and joined again since the last look."""
    now_s = int(chat.clock().timestamp())
    numbers = {user: chat.stores.directory.enrol(user, name=user, community="main").number for user in seats}
    before = chat.stores.customer_groups.look_back(chat.community.keys, group)
    known = before.roster.seats if before.roster else {}
    after = {number: Seat(2, now_s) if user in anew else known.get(number, Seat(2, now_s)) for user, number in numbers.items()}
    difference = compare(before.roster, roster := Roster(f"v{now_s}", seats=after), looked_s=before.at_ms // 1000 or now_s + 1)
    users = {number: user for user, number in numbers.items()}
    joined = [Newcomer(number, after[number].joined_s, *seats[users[number]]) for number in difference.joined]
    left = {number: known[number].joined_s for number in difference.left}
    for _ in range(2):  # the second time as when the look before could not be kept
        desk(chat).see_roster(group, joined, left)
    where, day = chat.community.keys, chat.clock().date().isoformat()
    assert chat.stores.customer_groups.keep(KnownGroup(group, where, "customers"), before, roster, News(), chat.clock(), day)
