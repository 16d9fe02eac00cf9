"""What comes in and what goes out: one frozen ``Message`` for every channel, one ``Reply`` for every handler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Attachment:
    """A reference to an image, file, voice or video; the bytes stay with WeCom until somebody asks for them.

    ``aes_key`` opens what lies at ``url``, where that has a key of its own (over a long connection).
    """

    kind: str
    url: str = field(default="", repr=False)
    media_id: str = ""
    aes_key: str = field(default="", repr=False)


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
    one-time secret for an active answer. Over a long connection ``reply_id`` is what an answer has to name, and ``arrived_ms`` when it came by
    our own clock, for some answers are taken for seconds only. ``overheard``: said in a group, but not to the bot – judged and counted, never
    answered.
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
    reply_id: str = field(default="", repr=False)
    arrived_ms: int = 0
    overheard: bool = False

    @property
    def is_private(self) -> bool:
        """A single chat with the bot."""
        return not self.chat


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a member that a bare number answers: the next ``kind`` handler gets ``choices[number - 1]``.

    Where ``none`` is set, 0 and 都不是 are answers as well: the handler gets "" and ``none``. It is waited for ``life_s`` seconds. What is said while
    one that ``is_secret`` waits never stands in the log, nor what is answered. It is waited for in the community in which it was asked, as numbers and
    ids begin anew in each; ``anywhere``: its choices name their community.
    """

    kind: str
    choices: tuple[str, ...]
    none: str = ""
    life_s: int = 600
    is_secret: bool = False
    anywhere: bool = False


class Face(Protocol):
    """What a card looks like in a kind of channel, and the same in words."""

    def body_for(self, place: Literal["aibot", "app", "webhook"]) -> dict[str, object]:
        """The card as WeCom's JSON; raises ``CardError`` where that kind shows no such card."""
        ...

    @property
    def twin(self) -> str:
        """The card in words with its choices numbered, for where no card is shown."""
        ...

    @property
    def words(self) -> str:
        """The same without the choices, for where no number is waited for."""
        ...


class Card(Face, Protocol):
    """A template card of ``bot/cards.py``. ``prompt`` is what a number means that answers its twin."""

    @property
    def prompt(self) -> Prompt | None: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler says. By default to where the message came from, in the callback's own response.

    ``card`` is a template card (of ``bot/cards.py``, or in WeCom's JSON shape), ``text`` its twin for channels that show none; without one a
    card's own twin is told; one that ``keeps_text`` is shown below it. ``update_card`` answers a click on a card; replies beside that one are
    said as a message of their own.
    ``to`` names another member (by number): said to him in private. ``push`` asks for a message of its own through the group's webhook.
    ``about`` are the members (by number) whom it names, besides who asked: where one of them is forgotten, what is unsent of it stays unsent, and an
    answer is not kept for repeats any more. Those in a drawn picture count by themselves.
    ``stream`` names the router's producer that makes the rest of the answer behind the callback; ``text`` is shown until it does.
    ``markdown``: the text is Markdown, to be shown as plain text where a channel shows none. ``image`` and ``file`` come with the text: a path
    below the content's ``files`` folder, or an https address; a channel that shows neither names them.
    ``topic`` is the id of an answer that a short question may take up; ``told`` says that nobody knows the answer.
    ``feedback`` names the answer to WeCom, which then asks members whether it was useful; the pipeline sets it where there is a topic.
    ``prompt`` waits for a choice; one that ``closes_prompt`` ends what was waited for. ``note`` explains the decision in the log, ``counts`` names
    the day's counters to raise, ``unanswered`` is a question that nobody could answer. What ``is_secret`` (a login link) never stands in the log.
    ``is_filed``: what it answers is kept sealed, with a case, and nowhere else: not as a question.
    """

    text: str = ""
    card: Card | Mapping[str, Any] | None = None
    update_card: Face | Mapping[str, Any] | None = None
    to: int | None = None
    push: bool = False
    about: tuple[int, ...] = ()
    stream: str = ""
    keeps_text: bool = False
    markdown: bool = False
    image: str = ""
    file: str = ""
    topic: str = ""
    told: bool = False
    feedback: str = ""
    prompt: Prompt | None = None
    closes_prompt: bool = False
    note: Mapping[str, Any] = field(default_factory=dict)
    counts: tuple[str, ...] = ()
    unanswered: str = ""
    is_secret: bool = False
    is_filed: bool = False

    @property
    def said(self) -> str:
        """What is said where no card is shown: its text, or its card's twin."""
        face = self.card if self.card is not None else self.update_card
        return self.text if self.text or face is None or isinstance(face, Mapping) else face.twin

    @property
    def words(self) -> str:
        """What is said as a message of its own where no card is shown: nobody's number is waited for there."""
        return self.text if self.text or self.card is None or isinstance(self.card, Mapping) else self.card.words


Replies = Reply | list[Reply] | None
