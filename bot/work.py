"""A message on its way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.communities import Community
from bot.message import Message
from storage.directory import Person
from storage.inbox import Accepted, Place, Said
from storage.moment import to_ms


@dataclass(slots=True)
class Work:
    """A message on its way: where it lives, who sent it, what accepting told – or what is taken for granted while it is ``UNTOUCHED``.

    ``said`` is what is counted of it, None for what is not counted; of one that ``is_confidential`` nothing may tell whose it is.
    """

    message: Message
    place: Place
    community: Community
    person: Person
    accepted: Accepted
    now: datetime
    as_json: bool
    said: Said | None = None
    is_confidential: bool = False

    now_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self.begin(self.now)

    def begin(self, now: datetime) -> None:
        """The work begins at this moment, or anew."""
        self.now, self.now_ms = now, to_ms(now)

    @property
    def local(self) -> datetime:
        """The moment in the community's zone: on the day and in the hour in which the message counts."""
        return self.now.astimezone(self.community.zone)
