"""The audit: what those with a role did, one row an act, for as long as the installation keeps it. Rows are appended, never changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script, pairs
from storage.keys import shard_of
from storage.moment import from_ms, to_ms
from storage.personal import Personal

EVERYWHERE = "~all"
"""Stands for the whole installation where a community is asked for."""
MOST_SHOWN = 2_000
"""Characters kept of what was before and of what is after."""
ONCE_LIFE_MS = 7 * 86_400_000
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One act: who (a member number as text, or 命令行), what, to what, and how that looked before and after. ``community`` '' is all of them."""

    id: str
    at: datetime
    community: str
    actor: str
    act: str
    subject: str
    before: str
    after: str


class Audit:
    """A stream of rows for each community, in its shard, and one for the installation. Rows name members by number only."""

    PERSONAL = Personal(
        "审计",
        "查得到谁改了什么、看了谁的数据",
        (keys.AUDIT,),
        what="他做过的管理操作，和别人对他做的；只有编号",
        erasing="不删除",
        stays=(keys.AUDIT,),
        stays_why="被审计的人能删掉的审计就不是审计；到期自动清除，编号不再指向任何人",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._record = Script("record_audit")

    def record(
        self, community: str, actor: str, act: str, subject: str, before: str, after: str, now: datetime, *, once: str
    ) -> None:  # fmt: skip
        """Appends a row, longer texts cut at 2,000 characters; a repeat with the same ``once`` (if it is not '') appends nothing."""
        where = self._where(community)
        row = (_clipped(text) for text in (actor, act, subject, before, after))
        names = [self._key(where), self._once(where, once, act, subject)]
        self._database.act(self._record, names, [to_ms(now), *row, ONCE_LIFE_MS if once else 0])

    def holds(self, community: str, act: str, subject: str, *, once: str) -> bool:
        """Whether a row of this act was appended with ``once`` in the last seven days."""
        return bool(once and self._database.command("EXISTS", self._once(self._where(community), once, act, subject)))

    def newest(self, community: str, count: int, *, skip: int = 0) -> list[AuditRow]:
        """The newest rows of a community ('' those of the whole installation), newest first, after ``skip`` of them; one round trip."""
        where = self._where(community)
        page = self._database.command("XREVRANGE", self._key(where), "+", "-", "COUNT", skip + count)
        return [_row(where, id, flat) for id, flat in page[skip:]]

    def walk(self, community: str) -> Iterator[AuditRow]:
        """All rows of a community ('' those of the whole installation), newest first; for tables to take along."""
        where, last = self._where(community), "+"
        while page := self._database.command("XREVRANGE", self._key(where), last, "-", "COUNT", _PAGE):
            yield from (_row(where, id, flat) for id, flat in page)
            last = f"({page[-1][0]}"

    def drop_before(self, before: datetime) -> int:
        """Removes the rows of acts before ``before``; gives how many went."""
        limit, gone = to_ms(before), 0
        for where in communities_with(self._database, keys.AUDIT):
            while page := self._database.command("XRANGE", self._key(where), "-", "+", "COUNT", _PAGE):
                old = [id for id, flat in page if int(flat[1]) < limit]
                if old:
                    gone += self._database.command("XDEL", self._key(where), *old)
                if len(old) < len(page):
                    break
        return gone

    def export_user(self, number: int) -> list[dict[str, Any]]:
        """What the member did, and what was done about him."""
        return [
            {"时间": row.at.isoformat(), "社群": row.community, "操作": row.act, "对象": row.subject, "之前": row.before, "之后": row.after}
            for row in self._all()
            if row.actor == str(number) or re.search(rf"成员 {number}(?!\d)", row.subject)
        ]

    def erase_user(self, number: int) -> str:
        """Nothing goes: an audit that its subject can thin out is none. Rows hold his number, which leads to nobody any more."""
        return "审计记录保留到期满：其中只有成员编号（不再指向任何人）"

    def _all(self) -> Iterator[AuditRow]:
        for where in communities_with(self._database, keys.AUDIT):
            last = "-"
            while page := self._database.command("XRANGE", self._key(where), last, "+", "COUNT", _PAGE):
                yield from (_row(where, id, flat) for id, flat in page)
                last = f"({page[-1][0]}"

    def _where(self, community: str) -> CommunityKeys:
        id = community or EVERYWHERE
        return CommunityKeys(id, shard_of(id, self._shards))

    def _key(self, where: CommunityKeys) -> str:
        return keys.AUDIT(shard=where.shard, community=where.id)

    def _once(self, where: CommunityKeys, once: str, act: str, subject: str) -> str:
        return keys.ONCE(shard=where.shard, community=where.id, id=f"audit:{once}:{act}:{subject[:64]}")


def _row(where: CommunityKeys, id: str, flat: list[str]) -> AuditRow:
    row = pairs(flat)
    community = "" if where.id == EVERYWHERE else where.id
    return AuditRow(id, from_ms(int(row["t"])), community, row["actor"], row["act"], row["subject"], row["before"], row["after"])


def _clipped(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
