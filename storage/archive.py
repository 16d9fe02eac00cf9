"""How far a message archive was read: a mark for whoever pulls it, and what tells a repeat from a message that comes late."""

from __future__ import annotations

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

REMEMBERED = 2_000
"""How many numbers are remembered one by one: twice what WeCom gives at one pull."""


class ArchiveMarks:
    """The marks of all archive channels. ``seq`` is the archive's own growing number of a message, at most 15 digits."""

    PERSONAL = Personal(
        "会话存档的进度",
        "读到存档的第几条",
        (keys.ARCHIVE_MARK, keys.ARCHIVE_TAKEN),
    )

    def __init__(self, database: Database, *, remembered: int = REMEMBERED) -> None:
        self._database = database
        self._remembered = remembered
        self._take = Script("archive_take")

    def find_mark(self, channel: str) -> int:
        """Everything up to this number was taken in; 0 before the first."""
        return int(self._database.command("HGET", keys.ARCHIVE_MARK(channel=channel), "mark") or 0)

    def is_taken(self, channel: str, seq: int) -> bool:
        """Whether a message was noted as taken in, or is so old that it must have been."""
        floor, score = self._database.pipeline(
            [("HGET", keys.ARCHIVE_MARK(channel=channel), "floor"), ("ZSCORE", keys.ARCHIVE_TAKEN(channel=channel), seq)]
        )
        return score is not None or seq <= int(floor or 0)

    def take(self, channel: str, *seqs: int) -> int:
        """Notes that messages were taken in, after they were; gives the mark. A repeat changes nothing. At least one, a few hundred at most."""
        where = [keys.ARCHIVE_MARK(channel=channel), keys.ARCHIVE_TAKEN(channel=channel)]
        return int(self._database.act(self._take, where, [self._remembered, *seqs]))
