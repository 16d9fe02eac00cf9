"""A push on trial and what its readers make of it, for tests of experiments.

PYTEST_DONT_REWRITE: test modules import names from here before pytest sees it as a plugin.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from chat import Chat

from bot.communities import Communities
from bot.experiment_desk import ring_experiments
from bot.readers import ring_log
from rules.contents import PUSHES, to_items
from rules.experiments import assign, mark_of
from rules.pushes import Push

TRIED = """
- id: tea
  cron: "0 9 * * *"
  text: 喝茶吗
  title: 喝茶
  to: members
  arms: [{name: A, text: 喝茶吗}, {name: B, text: 今天喝什么茶？}]
  trial: {outcome: reply, within_hours: 24, baseline: 0.3, lift: 1.0}
"""


def trying(chat: Chat) -> Chat:
    """The bot, with a push on trial besides its others."""
    chat.stores.content.put(PUSHES.name, to_items(PUSHES, TRIED), "boss", chat.clock())
    chat.live.refresh()
    return chat


def push_of(chat: Chat) -> Push:
    """The push as it stands now."""
    chat.live.refresh()
    return next(push for push in chat.live.current.pushes if push.id == "tea")


def send(chat: Chat, members: range) -> None:
    """What a mailing logs: each member gets the arm that is his."""
    push = push_of(chat)
    for member in members:
        arm = assign(push, f"m:{member}")
        data = {"push": "tea", "trial": mark_of(push), "planned": chat.clock().isoformat(), "arm": arm.name if arm else "", "to": "members"}
        chat.stores.events.record(
            chat.community.shard, "push", "main", chat.clock(), data if arm else data | {"why": "holdout"}, member=member
        )


def answers(chat: Chat, members: range, *, chances: Mapping[str, float]) -> None:
    """Some of them say something, at home or in private: in another shard's log."""
    push, dice = push_of(chat), np.random.default_rng(2)
    for member in members:
        arm = assign(push, f"m:{member}")
        if dice.random() < chances[arm.name if arm else ""]:
            shard = chat.community.shard if member % 2 else (chat.community.shard + 1) % chat.stores.shards
            chat.stores.events.record(shard, "decision", "main", chat.clock(), {"route": None}, member=member)


def tend(chat: Chat) -> int:
    """What the clock does; gives how many experiments it settled."""
    chat.live.refresh()
    places = Communities(chat.config, chat.stores.groups, chat.stores.shards)
    parts = chat.stores, chat.config, chat.live.current, places, chat.clock()
    ring_log(*parts)
    return ring_experiments(*parts)


def live_through(chat: Chat, *, days: int = 4, a_day: int = 60, chances: Mapping[str, float]) -> None:
    """Some days on which others are reached each time, and two more until all their hours are over."""
    for day in range(days):
        members = range(1 + day * a_day, 1 + (day + 1) * a_day)
        send(chat, members)
        chat.later(hours=1)
        answers(chat, members, chances=chances)
        tend(chat)
        chat.later(hours=23)
    chat.later(days=2)
