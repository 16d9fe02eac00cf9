"""Whom operators look for among the members of a community, by number, by WeCom user id or by a part of a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from threading import Lock

from bot.communities import Community
from storage.stores import Stores


class Busy(Exception):
    """Another search looks through all names and takes its time."""


class People:
    """The search of one process: one at a time looks through all names, of a hundred thousand that takes a moment."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._one_search = Lock()

    def search(self, community: Community, words: str, *, most: int, batches: int | None = None) -> list[int]:
        """Members seen here whom the words fit, until there are ``most``; looks at ``batches`` of some thousand names, None: at all. Raises Busy."""
        stores, wanted = self._stores, words.lstrip("@＠").strip()
        numbers = [int(wanted)] if wanted.isdecimal() and len(wanted) < 16 else []
        if (by_id := stores.directory.find_number(wanted)) is not None:
            numbers.append(by_id)
        found = dict.fromkeys(stores.roster.seen(community.keys, numbers)) if numbers else {}
        with self._alone():
            for batch in islice(stores.directory.walk_containing(wanted), batches) if wanted else ():
                found |= dict.fromkeys(stores.roster.seen(community.keys, batch))
                if len(found) >= most:
                    break
        return list(found)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one_search.acquire(timeout=2):
            raise Busy
        try:
            yield
        finally:
            self._one_search.release()
