"""What changed, told to pages that are open: a stream of server-sent events that only names communities. What is new on its page a browser fetches
itself, through the same doors as ever, so a stream can tell nobody what he may not see.

Threads are few and callbacks need them. Only some streams of a process are held, for some minutes each; whoever comes then is told what he missed and sent
away, and comes again after ``RETRY_MS``. However many are open, a process looks at the log once a second, and not at all when none is.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from flask import Blueprint, request
from werkzeug.wrappers import Response

from console.doors import find_place, held_roles
from console.parts import Parts, Visitor, visitor
from storage.connection import StorageAway
from storage.events import Events

RETRY_MS = 5_000
LOOK_S = 1.0
LONGEST_S = 240.0
BEAT_S = 15.0
"""How often a silent stream says that it is alive, which is when a browser that went is noticed; and how often any looks at its session and roles."""
ONE_IN = 4
"""One thread in so many may hold a stream."""


class Changes:
    """In which communities something happened, and when; one look serves everybody who waits in this process."""

    def __init__(self, events: Events, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._events = events
        self._monotonic = monotonic
        self._tail: dict[int, str] | None = None
        self._changed: dict[str, int] = {}
        self._began = 0
        self._mark = 0
        self._looked = -LOOK_S
        self._lock = threading.Lock()

    def look(self) -> int:
        """Reads what happened, no more than once a second; gives the mark (ms) up to which is known what did. Raises StorageAway."""
        with self._lock:
            now = self._monotonic()
            if now - self._looked >= LOOK_S:
                self._looked = now
                self._read()
            return self._mark

    def since(self, mark: int, places: frozenset[str]) -> list[str]:
        """Those of some communities in which something happened after a mark; all of them if the mark is older than what is known here."""
        if mark < self._began:
            return sorted(places)
        return sorted(place for place in places if self._changed.get(place, 0) > mark)

    def _read(self) -> None:
        if self._tail is None:
            self._tail = self._events.tail()
            self._began = self._mark = max(map(_ms, self._tail.values()), default=0)
            return
        if found := self._events.since(self._tail):
            # Always higher than before: shards are not read at one instant, so an older entry may be seen after a newer one.
            self._mark = max(self._mark + 1, *(_ms(entry.id) for entry in found))
            self._changed |= dict.fromkeys((entry.community for entry in found), self._mark)


class Live:
    """The page's line to what happens."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._changes = Changes(parts.stores.events)
        self._free = threading.BoundedSemaphore(most) if (most := parts.config.server.threads // ONE_IN) else None
        self._is_closing = False

    def add_to(self, pages: Blueprint) -> None:
        """Adds the stream to the console; when the process is asked to end, streams end first."""
        pages.add_url_rule("/live", "live", self.stream)
        pages.record(lambda setup: setup.app.extensions.setdefault("at_exit", []).append(self.close))

    def stream(self) -> Response:
        """Names, from now on or from the mark that the browser saw last, the communities of the visitor in which something happened."""
        who, asked = visitor(), request.args.get("place", "")
        if asked:
            find_place(next((place for place in self._parts.places if place.id == asked), None))
        places = frozenset({asked} if asked else who.roles)
        seen = request.headers.get("Last-Event-ID", "")
        mark = self._changes.look()
        after = int(seen) if seen.isdecimal() and len(seen) < 16 else mark
        held = None if self._is_closing or self._free is None or not self._free.acquire(blocking=False) else self._free
        lines = _Stream(self._changes, lambda: places & self._open_to(who), places, after, mark, held, lambda: self._is_closing)
        return Response(lines, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def close(self) -> None:
        """Ends all streams within a second. Called where a signal interrupted: it takes no lock."""
        self._is_closing = True

    def _open_to(self, who: Visitor) -> frozenset[str]:
        """The communities that a visitor may see by now, none once his session has ended; looking does not keep it awake."""
        parts = self._parts
        if parts.stores.sessions.look(who.cookie, parts.clock()) is None or (user := parts.stores.directory.find_user(who.number)) is None:
            return frozenset()
        return frozenset(held_roles(parts, user, who.number))


class _Stream:
    """The lines of one stream; ``close`` gives its place back, also when nobody read a line."""

    def __init__(
        self, changes: Changes, still_open: Callable[[], frozenset[str]], places: frozenset[str], after: int, mark: int, held: threading.Semaphore | None,
        is_closing: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._changes, self._still_open, self._places, self._held, self._is_closing = changes, still_open, places, held, is_closing
        self._lines = self._tell(after, mark)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        return next(self._lines)

    def close(self) -> None:
        """Gives the stream's place to the next."""
        held, self._held = self._held, None
        if held:
            held.release()

    def _tell(self, after: int, mark: int) -> Iterator[str]:
        began = beat = checked = time.monotonic()
        yield f"retry: {RETRY_MS}\nid: {mark}\n{self._news(after)}\n"
        while self._held and not self._is_closing() and time.monotonic() - began < LONGEST_S:
            time.sleep(LOOK_S)
            after = mark
            try:
                mark = self._changes.look()
                if time.monotonic() - checked >= BEAT_S:  # by a clock of its own: news must not put it off
                    checked, self._places = time.monotonic(), self._still_open()
                    if not self._places:
                        return
            except StorageAway:
                return  # the browser comes again
            if (news := self._news(after)) or time.monotonic() - beat >= BEAT_S:
                beat = time.monotonic()
                yield f"id: {mark}\n{news}\n"

    def _news(self, after: int) -> str:
        changed = self._changes.since(after, self._places)
        return f"event: changed\ndata: {json.dumps(changed)}\n" if changed else ""


def _ms(id: str) -> int:
    return int(id.partition("-")[0])
