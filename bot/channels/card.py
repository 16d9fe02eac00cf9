"""What a click on a template card says, the same in all channels."""

from __future__ import annotations

from bot.channels.fields import Tree, branches, leaf, leaves
from bot.message import Event

EVENTS = frozenset({"template_card_event", "template_card_menu_event"})
"""A click on a button or a submitted question, and one in the menu at the top right."""


def click(name: str, detail: Tree) -> Event:
    """A click on a card, out of field names already ``folded``."""
    return Event(
        name,
        key=leaf(detail, "eventkey"),
        task=leaf(detail, "taskid"),
        card_kind=leaf(detail, "cardtype"),
        code=leaf(detail, "responsecode"),
        selected=_selected(detail.get("selecteditems")),
    )


def _selected(value: object) -> dict[str, tuple[str, ...]]:
    rows = value.get("selecteditem", value) if isinstance(value, dict) else value
    return {leaf(row, "questionkey"): _options(row.get("optionids")) for row in branches(rows)}


def _options(value: object) -> tuple[str, ...]:
    return leaves(value.get("optionid") if isinstance(value, dict) else value)


def chosen(event: Event) -> tuple[str, ...]:
    """The questions and chosen options in one fixed order, to tell two clicks apart."""
    return tuple(word for question in sorted(event.selected) for word in (question, *event.selected[question]))
