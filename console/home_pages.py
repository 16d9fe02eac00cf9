"""总览 over all communities that a visitor may see: the worst first, each with the reason and the act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from console.asked import page_of
from console.glances import URGENCY, WORDS, colour_of, glances
from console.parts import Parts, visitor
from rules.health import Colour, Light

PAGE = 24
"""Communities of one page."""
FEW = 8
"""Up to so many, nobody needs to look for one; and as many are judged while somebody waits."""


class HomePages:
    """The page that one sees first."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the page to the console."""
        pages.add_url_rule("/", "home", self.show)

    def show(self) -> Any:
        """All communities of the visitor; where there is only one, that one's overview."""
        parts, who = self._parts, visitor()
        places = [place for place in parts.places if place.id in who.roles]
        if len(places) == 1:
            return redirect(url_for("console.overview", place=places[0].id, said=request.args.get("said"), n=request.args.get("n")), 303)
        lights, late = parts.numbers.lights_at_hand(places, FEW)
        colours = {place.id: colour_of(lights[place.id]) for place in places}
        wanted, only = request.args.get("q", "").strip()[:50], request.args.get("only", "")
        found = [place for place in places if wanted.lower() in place.name.lower() and only in ("", colours[place.id])]
        found.sort(key=lambda place: _rank(lights[place.id], colours[place.id]))
        at = (min(page_of(), max(-(-len(found) // PAGE), 1)) - 1) * PAGE
        return render_template(
            "home.html", glances=glances(parts, lights, found[at : at + PAGE]), counted=Counter(colours.values()), words=WORDS, total=len(places),
            found=len(found), page=at // PAGE + 1, pages=max(-(-len(found) // PAGE), 1), wanted=wanted, only=only, few=FEW, late=late,
        )  # fmt: skip


def _rank(lights: Sequence[Light], colour: Colour) -> tuple[int, int]:
    """The worst colour first, of one colour those with most to be done."""
    return URGENCY[colour], -sum(light.colour in ("red", "yellow") for light in lights)
