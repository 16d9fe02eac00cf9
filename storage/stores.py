"""All stores of the bot, built once by ``run.py`` and handed down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from storage.cases import Cases
from storage.connection import Database
from storage.content import ContentStore
from storage.directory import Directory
from storage.events import Events
from storage.firings import Firings
from storage.groups import Groups
from storage.inbox import Inbox
from storage.jobs import Jobs
from storage.leases import Leases
from storage.moods import Moods
from storage.notices import Notices
from storage.outbox import Outbox
from storage.points import Points
from storage.roster import Roster
from storage.tallies import Tallies


class KeepsPersons(Protocol):
    """What every store of people's data can do: give a person's data away, and forget him."""

    def export_user(self, number: int) -> Any:
        """What is kept of a member, in plain types."""

    def erase_user(self, number: int) -> str:
        """Forgets a member; says in Chinese what was done and what stays, and why."""


@dataclass(frozen=True, slots=True)
class Stores:
    """One of each store."""

    database: Database
    shards: int
    directory: Directory
    groups: Groups
    inbox: Inbox
    outbox: Outbox
    jobs: Jobs
    events: Events
    points: Points
    cases: Cases
    moods: Moods
    notices: Notices
    roster: Roster
    tallies: Tallies
    firings: Firings
    content: ContentStore
    leases: Leases

    def of_persons(self) -> Mapping[str, KeepsPersons]:
        """Every store by what it holds, in the order in which a person is erased: his row in the directory goes last."""
        return {
            "积分": self.points,
            "案件": self.cases,
            "情绪": self.moods,
            "待转达": self.notices,
            "发件箱": self.outbox,
            "收件箱": self.inbox,
            "后台工作": self.jobs,
            "事件记录": self.events,
            "成员名册": self.roster,
            "统计": self.tallies,
            "推送": self.firings,
            "内容": self.content,
            "群": self.groups,
            "通讯录": self.directory,
        }


def open_stores(database: Database, shards: int, *, consumer: Callable[[], str], evidence_key: bytes, answers_hours: int) -> Stores:
    """All stores on one database. ``consumer`` names the calling process."""
    return Stores(
        database=database,
        shards=shards,
        directory=Directory(database),
        groups=Groups(database),
        inbox=Inbox(database, consumer, shards=shards, answers_hours=answers_hours),
        outbox=Outbox(database, shards),
        jobs=Jobs(database, consumer, shards),
        events=Events(database, shards),
        points=Points(database),
        cases=Cases(database, evidence_key),
        moods=Moods(database),
        notices=Notices(database, shards),
        roster=Roster(database, shards),
        tallies=Tallies(database, shards),
        firings=Firings(database),
        content=ContentStore(database),
        leases=Leases(database, consumer),
    )
