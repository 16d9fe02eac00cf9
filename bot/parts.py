"""Deliveries made to fit: a long one in parts, small notices in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.channels.pieces import split
from storage.outbox import Delivery

BETWEEN = "\n\n"
MOST_MERGED = 50
"""How many notices are looked at behind the first."""


def parts_of(delivery: Delivery, most_bytes: Mapping[str, int], shown: Delivery | None = None) -> list[Delivery]:
    """The delivery in parts that its way takes, ``id/1``, ``id/2``… in order; itself alone when it fits.

    ``most_bytes`` is the limit by msgtype; the content of a msgtype without one is not looked at. ``shown`` says it with the names of those whom it
    calls: the parts leave room for them, and the last one calls.
    """
    said, names = _said(delivery), _bytes(_said(shown)) - _bytes(_said(delivery)) if shown else 0
    limit = most_bytes.get(_kind(delivery), 0) - names
    if limit <= 0 or _bytes(said) <= limit:
        return [delivery]
    pieces = [piece.strip("\n") for piece in split(said.encode("utf-8", "replace").decode(), limit) if piece.strip()]
    rest = replace(delivery, pushed="", whom="", counted=(), trial="", called=())  # a push in parts is one
    parts = [replace(delivery, called=()), *(rest for _ in pieces[1:])]
    parts[-1] = replace(parts[-1], called=delivery.called)
    return [_saying(part, piece, id=f"{delivery.id}/{number}") for number, (part, piece) in enumerate(zip(parts, pieces, strict=True), 1)]


def merged(head: Delivery, behind: Sequence[Delivery], most_bytes: Mapping[str, int]) -> tuple[Delivery, int]:
    """One delivery that says what ``head`` and the first of those behind it say, and how many of them are in it."""
    said, ids, limit = _said(head), list(head.merged), most_bytes.get(_kind(head), 0)
    about = head.about
    taken = 0
    for other in behind:
        more = said + BETWEEN + _said(other)
        if not is_like(head, other) or _bytes(more) > limit:
            break
        said, taken = more, taken + 1
        ids += [other.id, *other.merged]
        about += other.about
    if not taken:
        return head, 0
    return replace(_saying(head, said, id=head.id), merged=tuple(ids), about=about), taken


def is_like(head: Delivery, other: Delivery) -> bool:
    """Whether two may be one message: both small notices to the same place that were never tried."""
    never_tried = not (head.attempts or other.attempts)
    return head.mergeable and other.mergeable and never_tried and _place(head) == _place(other)


def _place(delivery: Delivery) -> tuple[Delivery, str]:
    """All of a delivery that two must share."""
    return replace(delivery, id="", body={}, born_ms=0, message="", merged=(), about=()), _kind(delivery)


def is_private(delivery: Delivery) -> bool:
    """Whether a delivery is for some persons alone: it may say what concerns only them."""
    return bool(delivery.member or delivery.receivers)


def opening(delivery: Delivery, characters: int = 20) -> str:
    """The first characters of what a delivery says, on one line."""
    return " ".join(_said(delivery).split())[:characters]


def _bytes(said: str) -> int:
    return len(said.encode("utf-8", "replace"))


def _kind(delivery: Delivery) -> str:
    return str(delivery.body.get("msgtype", ""))


def _said(delivery: Delivery) -> str:
    content: Any = delivery.body.get(_kind(delivery))
    said = content.get("content") if isinstance(content, Mapping) else ""
    return said if isinstance(said, str) else ""


def _saying(delivery: Delivery, said: str, *, id: str) -> Delivery:
    kind = _kind(delivery)
    return replace(delivery, id=id, body={**delivery.body, kind: {**delivery.body[kind], "content": said}})
