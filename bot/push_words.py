"""What stands for a member's own points and level in a push that is said to him alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from bot.communities import Community
from bot.live import Contents
from rules.levels import level_of
from rules.pushes import Push, own_words_in
from storage.stores import Stores


def own_words(
    push: Push, community: Community, members: Sequence[int], stores: Stores, contents: Contents, day: date
) -> dict[int, Mapping[str, str]]:  # fmt: skip
    """The words of each member that the texts of a push ask for, as they stand; one round trip, none where they ask for none."""
    if not own_words_in(push):
        return {}
    accounts = stores.points.accounts(community.keys, members, day)
    return {
        member: {"points": f"{account.balance:,}", "level": level_of(contents.levels, account.earned).name}
        for member, account in accounts.items()
    }
