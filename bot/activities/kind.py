"""What a kind of activity tells the desk: how it is announced, what comes next while it runs, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bot.activities.form import Form
from bot.communities import Community
from bot.config import Config
from bot.live import Contents
from bot.message import Card
from rules.activities import Activity, KindId
from rules.activity_words import Request
from storage.activities import Draft
from storage.stores import Stores

PROPOSED = "proposed"
"""What marks the spec of an activity that a member proposed, who is told what operators decide of it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """An activity at one moment, with what its kind may look at."""

    stores: Stores
    contents: Contents
    config: Config
    community: Community
    activity: Activity
    now: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """What is said in the activity's group: words, a card for channels that show one, a drawn picture's name ('' none), and whom it names."""

    text: str
    card: Card | None = None
    image: str = ""
    about: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Award:
    """Points for one member when an activity is settled; ``note`` stands in his ledger."""

    member: int
    n: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of an activity: ``result`` is kept (JSON, at most 64 KB), ``post`` told in the group, ``told`` to single members in private.

    What ``ActivityKind.awards`` then gives is kept with it and paid, each once, whatever crashes; at most 10,000.
    """

    result: Mapping[str, Any]
    post: Post | None = None
    told: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What a kind does while its activity is open: the round that begins ('' none) and until when it takes entries, new ``live`` data, a post.

    ``closes``: it has come to its end.
    """

    round: str = ""
    until: datetime | None = None
    live: Mapping[str, Any] = field(default_factory=dict)
    post: Post | None = None
    closes: bool = False


class ActivityKind(Protocol):
    """One kind of activity: a class of its own below this one. All methods may look at the stores, none may change anything.

    Most kinds keep nothing while they run, have no steps, pay all with the entry, and are followed by nothing: those need not say so.
    """

    id: KindId
    form: Form

    def read(self, request: Request, contents: Contents) -> tuple[str, Mapping[str, Any]]:
        """Title and spec of what an operator asks for, in chat or in the form. Raises UserError with an example where it cannot be understood."""
        ...

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """The spec with its defaults, for a new or edited activity. Raises UserError with an example where it cannot be."""
        ...

    def prepare(self, stage: Stage) -> Mapping[str, Any]:
        """``live`` as it is when the activity opens: a lottery's sealed seed and its hash, a quiz's order."""
        return {}

    def preview(self, stage: Stage) -> str:
        """What an operator checks before it begins: all that members will see, and the settings."""
        ...

    def opening(self, stage: Stage) -> Post:
        """What is told when it opens, with how to take part."""
        ...

    def reminder(self, stage: Stage) -> Post | None:
        """What is told an hour before it closes; None for nothing."""
        ...

    def next_step(self, stage: Stage) -> datetime | None:
        """When the kind wants ``step`` to be called while the activity is open; None for never."""
        return None

    def step(self, stage: Stage) -> Step:
        """What is done at that moment, or at an operator's 下一题."""
        return Step()

    def settle(self, stage: Stage) -> Settlement | Step:
        """What came of it, once it is closed: the same whenever it is asked, for nothing of it changes any more. It is asked again for what it has
        ``told``, when a process died behind settling.

        A ``Step`` where something is to be kept and told first: its ``live`` and its post, and ``settle`` is asked again at ``until``; None: when
        somebody gave what it waits for, or an operator settles it. Asked again before, it gives the same step, which then changes nothing.
        """
        ...

    def awards(self, stage: Stage) -> Sequence[Award]:
        """Who gets what, from ``stage.activity.result`` and what is kept; asked once, as it is settled."""
        return ()

    def successor(self, stage: Stage) -> Draft | None:
        """The activity that follows the one that is being settled, with when it opens; None for none. Asked again, it gives the same."""
        return None

    def standing(self, stage: Stage, member: int) -> str | Post:
        """What 活动 N tells a member besides the common lines: the question, the options, his own entry; figures only where they may be seen.

        A ``Post`` where it names other members.
        """
        ...

    def results(self, stage: Stage) -> Post:
        """The result with its picture, for who asks: of a running one what may be seen already."""
        ...
