"""What a handler may use: the stores, the operators' content, the clock, and who is speaking where."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from bot.communities import Community
from bot.config import Config
from bot.live import Contents
from bot.permissions import Actor, Role
from rules.judgement import NO_HISTORY, History
from storage.directory import Person
from storage.roles import ALL
from storage.stores import Stores
from storage.talk import Talk


class Command(Protocol):
    """What a member may type: its first name, what it does in one line, the feature that it belongs to (a module's name), and whose it is."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> Role: ...

    @property
    def help(self) -> str: ...

    @property
    def feature(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Context:
    """Everything around one message. ``now()`` is the only clock; ``args`` are the words after a command, or the choice made at a prompt.

    ``commands`` lists the commands whose role a test accepts, ``find_begun`` gives the one that a text's first word names. ``is_unclaimed``:
    nothing but the FAQ wants the message. ``is_confidential``: nothing that is kept may tell that the member said it; in a single chat its handler
    judges it, and no gate. ``pause``: what an administrator stopped in the community, as :data:`storage.pauses.Pause`. ``history``: what was said
    before, where it is too much. ``is_filed``: a gate filed the message; its text is kept with the case and nowhere else.
    """

    open_stores: Callable[[], Stores]
    config: Config
    contents: Contents
    commands: Callable[[Callable[[Role], bool]], Iterable[Command]]
    community: Community
    person: Person
    clock: Callable[[], datetime]
    is_first: bool = False
    in_admin_group: bool = False
    args: tuple[str, ...] = ()
    find_role: Callable[[str], Role] = lambda place: "member"
    find_talk: Callable[[], Talk] = Talk
    pause: str = ""
    is_unclaimed: bool = False
    is_confidential: bool = False
    history: History = NO_HISTORY
    is_filed: bool = False
    find_begun: Callable[[str], Command | None] = lambda text: None

    @property
    def stores(self) -> Stores:
        """All that is remembered. Whoever looks here first has his message kept before: from then on a crash does not lose it."""
        return self.open_stores()

    @property
    def member(self) -> int:
        """The number of the member who speaks."""
        return self.person.number

    @property
    def nickname(self) -> str:
        """What to call him; 新朋友 while his name is unknown."""
        return self.person.name or "新朋友"

    @property
    def role(self) -> Role:
        """What the member may do in this community; at most one round trip in two seconds, whoever asks. The message need not be kept for it."""
        return self.find_role(self.community.id)

    @property
    def role_everywhere(self) -> Role:
        """What the member may do in every community."""
        return self.find_role(ALL)

    @property
    def actor(self) -> Actor:
        """The member as one who changes something."""
        return Actor(self.member, self.person.name or f"成员 {self.member}", self.role)

    @property
    def talk(self) -> Talk:
        """What was just said to the member in this chat. Whoever looks has the message kept before, as by ``stores``."""
        return self.find_talk()

    def now(self) -> datetime:
        """The present moment, aware."""
        return self.clock()

    def today(self) -> date:
        """The day in the community's zone."""
        return self.community.day_of(self.now())
