"""Communities at a glance: how well each is, why, what to do about it, and its last thirty days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import url_for

from bot.communities import Community
from console.lines import Line, line_of
from console.navigation import Menu
from console.parts import Parts, visitor
from rules.figures import Day, Where
from rules.health import Colour, Light, Remedy
from rules.metrics import METRICS, shown

DAYS = 30
URGENCY: Mapping[Colour, int] = {"red": 0, "yellow": 1, "green": 2, "grey": 3}
LEAST_GOOD = 3
"""So many lights have to be green, and none worse, before a community is called well."""
WORDS: Mapping[Colour, str] = {"red": "需要处理", "yellow": "留意", "green": "良好", "grey": "还看不出来"}
"""What a colour means; said beside it, for not everybody sees colours."""
INSTEAD: Mapping[str, tuple[str, str]] = {"running": ("groups", "看社群")}
"""Where a remedy leads whom its own page is closed to, and what its button then says."""


@dataclass(frozen=True, slots=True)
class Lamp:
    """A light as it is shown: with its word, its figure, where its remedy leads ('' nowhere) and as what, and the line of its course."""

    light: Light
    word: str
    value: str
    href: str
    label: str
    line: Line | None

    @property
    def is_bad(self) -> bool:
        """Whether something is to be done."""
        return self.light.colour in ("red", "yellow")


@dataclass(frozen=True, slots=True)
class Glance:
    """A community with its lamps, the worst first, and its newest days, the last of which is today."""

    community: Community
    lamps: Sequence[Lamp]
    days: Sequence[Day]

    @property
    def colour(self) -> Colour:
        """How it is as a whole: see :func:`colour_of`."""
        return colour_of([lamp.light for lamp in self.lamps])

    @property
    def word(self) -> str:
        """What its colour means."""
        return WORDS[self.colour]

    @property
    def first(self) -> Lamp | None:
        """The lamp to look at first."""
        return next((lamp for lamp in self.lamps if lamp.light.colour == self.colour), None)

    @property
    def bad(self) -> int:
        """How many lamps ask for something to be done."""
        return sum(lamp.is_bad for lamp in self.lamps)

    @property
    def others(self) -> list[Lamp]:
        """The next three that ask for something, after the first."""
        return [lamp for lamp in self.lamps if lamp.is_bad and lamp is not self.first][:3]

    @property
    def line(self) -> Line | None:
        """How many spoke on each of the last whole days."""
        spoke = [day.spoke.day for day in self.days[:-1]]
        return line_of(spoke) if any(spoke) else None

    @property
    def today(self) -> Day:
        """The day that runs."""
        return self.days[-1]

    @property
    def yesterday(self) -> Day:
        """The newest whole day: the seven days that end with it are those that the lights judge."""
        return self.days[-2]


def colour_of(lights: Sequence[Light]) -> Colour:
    """The worst of the lights; green only where enough of them are known."""
    colours: list[Colour] = [light.colour for light in lights]
    worst: Colour = min(colours, key=URGENCY.__getitem__, default="grey")
    return worst if worst != "green" or colours.count("green") >= LEAST_GOOD else "grey"


def lamp_of(light: Light, community: Community) -> Lamp:
    """A light, ready to be shown."""
    metric = METRICS.get(light.metric)
    value = shown(metric, light.value) if metric and light.value is not None else ""
    endpoint, label = _way(light.remedy, Menu(visitor(), community.id, "")) if light.remedy else ("", "")
    return Lamp(light, WORDS[light.colour], value, _href(light, endpoint, community) if endpoint else "", label, line_of(light.trend))


def _way(remedy: Remedy, menu: Menu) -> tuple[str, str]:
    """The page that a remedy leads this visitor to, and what its button says; '' where every such page is closed to him."""
    ways = ((remedy.endpoint, remedy.label), INSTEAD.get(remedy.endpoint, ("", "")))
    return next(((endpoint, label) for endpoint, label in ways if endpoint and menu.opens(endpoint)), ("", ""))


def _href(light: Light, endpoint: str, community: Community) -> str:
    """The address of a page; who is to look at figures, is led to the light's own."""
    if endpoint == "numbers" and light.metric in METRICS:
        return url_for("console.numbers_of", place=community.id, metric=light.metric, length="day")
    return url_for(f"console.{endpoint}", place=community.id)


def sorted_lamps(lights: Sequence[Light], community: Community) -> list[Lamp]:
    """The lights of a community, the worst first."""
    return [lamp_of(light, community) for light in sorted(lights, key=lambda light: URGENCY[light.colour])]


def glances(parts: Parts, lights: Mapping[str, Sequence[Light]], communities: Sequence[Community]) -> list[Glance]:
    """Some communities at a glance; their days are read together."""
    here = {community.id: community.day_of(parts.clock()) for community in communities}
    newest = max(here.values(), default=parts.clock().date())
    books = parts.stores.daybook.many([Where(community.id) for community in communities], newest - timedelta(days=DAYS + 1), newest, newest)
    found = []
    for community in communities:
        days = [day for day in books[Where(community.id)] if day.day <= here[community.id]]  # it may be tomorrow elsewhere
        found.append(Glance(community, sorted_lamps(lights[community.id], community), days[-DAYS - 1 :]))
    return found
