"""What comes in and what goes out: one frozen ``Message`` for every channel, one ``Reply`` for every handler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Attachment:
    """A reference to an image, file, voice or video; the bytes stay with WeCom until somebody asks for them."""

    kind: str
    url: str = field(default="", repr=False)
    media_id: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that was quoted. WeCom names neither its author nor its id."""

    kind: str
    text: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: a card was clicked, a chat entered, a member joined.

    ``name`` is WeCom's own word (``enter_chat``, ``template_card_event``, ``subscribe``, ``change_external_chat``…), ``detail`` its sub-kind
    (``add_member``…), ``key`` the clicked key, ``task`` the card's task id, ``selected`` the chosen option ids by question, ``members`` who is
    meant, ``code`` a one-time code of WeCom's for an answer (welcome code, card response code).
    """

    name: str
    detail: str = ""
    key: str = ""
    task: str = ""
    selected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    card_kind: str = ""
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message or event of a member, the same for all channels.

    ``kind`` is text, mixed, voice, image, file, video, location, link, event or unknown; ``chat`` is empty in a single chat; ``user`` is WeCom's id
    (opaque, case-sensitive); ``text`` comes without the mention; ``sent_at`` is in Unix seconds, 0 where WeCom names none; ``reply_url`` is a
    one-time secret for an active answer.
    """

    id: str
    channel: str
    kind: str
    user: str
    chat: str = ""
    text: str = ""
    name: str = ""
    sent_at: int = 0
    quote: Quote | None = None
    attachments: tuple[Attachment, ...] = ()
    event: Event | None = None
    reply_url: str = field(default="", repr=False)

    @property
    def is_private(self) -> bool:
        """A single chat with the bot."""
        return not self.chat


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a member that a bare number answers: the next ``kind`` handler gets ``choices[number - 1]``."""

    kind: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler says. By default to where the message came from, in the callback's own response.

    ``card`` is a template card in WeCom's JSON shape and ``text`` its twin for channels that show none; ``update_card`` answers a click on a card.
    ``to`` names another member (by number): said to him in private. ``push`` asks for a message of its own through the group's webhook.
    ``prompt`` waits for a choice. ``note`` explains the decision in the log, ``counts`` names the day's counters to raise, ``unanswered`` is a
    question that nobody could answer.
    """

    text: str = ""
    card: Mapping[str, Any] | None = None
    update_card: Mapping[str, Any] | None = None
    to: int | None = None
    push: bool = False
    prompt: Prompt | None = None
    note: Mapping[str, Any] = field(default_factory=dict)
    counts: tuple[str, ...] = ()
    unanswered: str = ""


Replies = Reply | list[Reply] | None
