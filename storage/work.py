"""What all streams of work have in common: entries that are some member's, and the names of processes that took from them."""

from __future__ import annotations

from storage.connection import Database

IDLE_CONSUMER_MS = 3_600_000


def drop_entries_of(database: Database, stream: str, number: int) -> int:
    """Takes off what a stream of work holds of one member; gives how much. A rare act: looks at every entry."""
    gone = 0
    for entry, flat in database.command("XRANGE", stream, "-", "+"):
        if mark_of(number) in flat[1]:
            gone += database.pipeline([("XACK", stream, "bot", entry), ("XDEL", stream, entry)])[1]
    return gone


def mark_of(number: int) -> str:
    """How a member stands in the JSON of work, to be looked for as text."""
    return f'"member":{number},'


def drop_idle_consumers(database: Database, stream: str) -> int:
    """Removes consumers of a stream that have nothing pending and were silent for an hour."""
    gone = 0
    for flat in database.command("XINFO", "CONSUMERS", stream, "bot"):
        about = dict(zip(flat[::2], flat[1::2], strict=True))
        if about["pending"] == 0 and about["idle"] > IDLE_CONSUMER_MS:
            database.command("XGROUP", "DELCONSUMER", stream, "bot", about["name"])
            gone += 1
    return gone
