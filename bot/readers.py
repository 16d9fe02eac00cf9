"""Who works something out of the event log: members' facts, recognitions, experiments."""

from __future__ import annotations

from datetime import datetime

from bot.communities import Communities
from bot.config import Config
from bot.experiment_desk import counting_reader
from bot.follower import read_on
from bot.live import Contents
from bot.member_models import recognition_reader
from bot.traits import trait_reader
from storage.stores import Stores


def ring_log(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Has all of them read on; gives how many entries were read. Harmless to repeat."""
    readers = (
        trait_reader(stores, config, contents, communities, now),
        recognition_reader(stores, communities),
        counting_reader(stores, communities),
    )
    return read_on(stores, readers, now)
