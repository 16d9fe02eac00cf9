"""What of a handler's replies belongs into the callback's own response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.channels.plain import without_marks
from bot.channels.text import clean, keep_numbers
from bot.message import Face, Prompt, Reply

BETWEEN = "\n\n"
"""Several replies become one passive answer, a blank line between them."""

_MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """One passive answer: its text, and at most one card to show or to update. ``is_begun``: more of the text is to follow.

    ``images`` are pictures of ours by their names, for a channel that shows pictures in its answer. ``feedback`` names the answer to WeCom, so that
    members may judge it.
    """

    text: str = ""
    card: Mapping[str, object] | None = None
    update_card: Mapping[str, object] | None = None
    is_begun: bool = False
    feedback: str = ""
    images: tuple[str, ...] = ()


def with_card(replies: Sequence[Reply]) -> Answer:
    """The answer for a channel that shows cards: one card, without its twin text; further cards are told by their twins."""
    texts, images, feedback, is_begun = list[str](), list[str](), "", False
    card = update = None
    for reply in _here(replies):
        is_told = True
        if card is None and reply.card is not None:
            card, is_told = body_of(reply.card, "aibot"), reply.keeps_text
        if is_told and (said := spoken(reply, shows_markdown=True)):
            texts.append(said)
        if reply.image and not is_address(reply.image):
            images.append(reply.image)
        if update is None and reply.update_card is not None:
            update = body_of(reply.update_card, "aibot")
        is_begun, feedback = is_begun or bool(reply.stream), feedback or reply.feedback
    return Answer(BETWEEN.join(texts), card, update, is_begun, feedback, tuple(images))


def without_card(replies: Sequence[Reply]) -> Answer:
    """The answer for a channel that shows no card: every card's twin text instead."""
    here = _here(replies)
    update = next((body_of(reply.update_card, "app") for reply in here if reply.update_card is not None), None)
    return Answer(BETWEEN.join(said for reply in here if (said := spoken(reply, shows_markdown=False))), update_card=update)


def as_post(replies: Sequence[Reply]) -> str:
    """The answer as a post of its own, where the card may go missing and no number is waited for in its stead."""
    here, shown = _here(replies), shown_card(replies)
    told = (clean(reply.words).strip() if reply is shown else spoken(reply, shows_markdown=True) for reply in here)
    return BETWEEN.join(filter(None, told))


def shown_card(replies: Sequence[Reply]) -> Reply | None:
    """The reply whose card a channel shows that shows cards; all others are told by their twins."""
    return next((reply for reply in _here(replies) if reply.card is not None), None)


def twin_prompt(reply: Reply) -> Prompt | None:
    """What a number means that answers a card told by its twin; None where a text of its own stands for the card."""
    is_told = reply.to is None and not reply.push and not reply.text
    return None if reply.card is None or isinstance(reply.card, Mapping) or not is_told else reply.card.prompt


def body_of(card: Face | Mapping[str, object], place: Literal["aibot", "app", "webhook"]) -> dict[str, object]:
    """A card as WeCom's JSON for a place, out of plain dicts, lists and clean texts; raises ``CardError`` where it cannot be shown."""
    return plain(card if isinstance(card, Mapping) else card.body_for(place))


def plain(card: Mapping[str, object]) -> dict[str, object]:
    """A copy of ``card`` out of plain dicts, lists and clean texts, without fields that are None."""
    return {str(name): _plain(value, _MAX_DEPTH) for name, value in card.items() if value is not None}


def _plain(value: object, depth: int) -> object:
    if depth == 0:
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item, depth - 1) for name, item in value.items() if item is not None}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(item, depth - 1) for item in value if item is not None]
    return value if isinstance(value, int | float) else clean(str(value))


def _here(replies: Sequence[Reply]) -> list[Reply]:
    # What is for another member, or wants a message of its own, goes out through the outbox.
    return [reply for reply in replies if reply.to is None and not reply.push]


def spoken(reply: Reply, *, shows_markdown: bool) -> str:
    """What a reply says in words, its pictures and files on the web as links."""
    said = clean(reply.said).strip()
    if shows_markdown:
        said = keep_numbers(said)
    elif reply.markdown:
        said = without_marks(said)
    if not reply.image and not reply.file:
        return said
    links = [
        _link(name, kind, shows_markdown=shows_markdown) for name, kind in ((reply.image, "图片"), (reply.file, "文件")) if is_address(name)
    ]
    return "\n\n".join(filter(None, (said, *links)))


def is_address(name: str) -> bool:
    """Whether a picture or file is somewhere on the web, and not in our folder."""
    return name.startswith("https:")


def _link(address: str, kind: str, *, shows_markdown: bool) -> str:
    if not shows_markdown:
        return f"{kind}：{address}"
    bracketed = address.replace("(", "%28").replace(")", "%29")
    return f"{'!' * (kind == '图片')}[{kind}]({bracketed})"
