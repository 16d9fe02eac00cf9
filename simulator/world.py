"""The corp as WeCom sees it: people, groups, chats and the posts in them, one-time codes, tokens and media."""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.customers import CustomerDesk

KEEP_POSTS = 500
KEEP_CODES = 20_000
KEEP_MEDIA = 300
KEEP_ROSTERS = 50
BOT = "bot"
"""The sender of what a robot or app says."""
SYSTEM = "system"
"""The sender of grey lines such as "加入了群聊"."""


class RefusedError(Exception):
    """A REST call that WeCom answers with an error code."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(f"{errcode} {errmsg}")
        self.errcode = errcode
        self.errmsg = errmsg


@dataclass(slots=True)
class Post:
    """One message as the members see it. ``rev`` grows with every change, so that a page can ask for what is new.

    ``kind`` is text, markdown, card, image, news, file, voice or system. ``state`` of a member's own post is sending, retrying, failed,
    delivered, refused (WeCom would not show the answer) or unheard (no mention, so the bot was not told), of a bot's post streaming or
    empty. ``via`` says how a bot's post came: passive, response, webhook, app or welcome. ``only_for`` limits who sees it (empty: all).
    """

    id: int
    chat: str
    sender: str
    kind: str
    at_ms: int
    rev: int = 0
    text: str = ""
    card: dict[str, Any] | None = None
    cards_for: dict[str, dict[str, Any]] = field(default_factory=dict)
    quote: dict[str, str] | None = None
    image: str = ""
    articles: list[dict[str, Any]] = field(default_factory=list)
    state: str = ""
    via: str = ""
    channel: str = ""
    msgid: str = ""
    recalled: bool = False
    only_for: frozenset[str] = frozenset()

    def card_of(self, user: str) -> dict[str, Any] | None:
        """The card as this member sees it: an update may have been meant for some only."""
        return self.cards_for.get(user, self.card)


@dataclass(slots=True)
class Room:
    """A group with its members of the moment; ``version`` is WeCom's member_version, ``past`` when each earlier one was replaced."""

    group: Group
    members: dict[str, int]
    version: str
    past: list[tuple[float, dict[str, int], str]] = field(default_factory=list)
    is_dismissed: bool = False

    def seen_at(self, at: float) -> tuple[dict[str, int], str]:
        """Members and version as of a moment."""
        return next(((members, version) for replaced, members, version in self.past if replaced > at), (self.members, self.version))

    @property
    def owner(self) -> str:
        """Who owns the group: as configured, else the first member."""
        return self.group.owner or next(iter(self.members), "")


@dataclass(frozen=True, slots=True)
class AppGroup:
    """A group that an app created; it becomes a room, which members see, with its first message."""

    id: str
    channel: str
    name: str
    owner: str
    users: list[str]


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code that WeCom handed out; ``detail`` is what it stands for."""

    kind: str
    expires_at: float
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Media:
    """Stored bytes; ``owner`` is the webhook key that alone may use them, or empty for all apps."""

    kind: str
    data: bytes = field(repr=False)
    mime: str = "application/octet-stream"
    filename: str = ""
    expires_at: float = 0.0
    owner: str = field(default="", repr=False)


def single_chat(channel: str, user: str) -> str:
    """The id of a member's single chat with a channel's robot or app."""
    return f"single|{channel}|{user}"


class World:
    """All state, behind one lock. ``now`` gives Unix seconds."""

    def __init__(self, config: SimulatorConfig, now: Callable[[], float]) -> None:
        self.config = config
        self.now = now
        self.lock = RLock()
        self.channels = {channel.name: channel for channel in config.channels}
        self.people: dict[str, Person] = {person.user: person for person in config.people}
        self.rooms: dict[str, Room] = {}
        self.app_groups: dict[str, AppGroup] = {}
        self.menus: dict[str, list[dict[str, Any]]] = {}
        self.unlicensed: set[str] = set()
        self.customers = CustomerDesk()
        self.rev = 0
        self.roster_rev = 0
        self._posts: dict[str, deque[Post]] = {}
        self._by_id: dict[int, Post] = {}
        self._last_id = 0
        self._codes: dict[str, Code] = {}
        self._media: dict[str, Media] = {}
        self._seen_until: dict[Hashable, float] = {}
        for group in config.groups:
            self.add_room(group)

    # -- people and groups

    def add_room(self, group: Group) -> Room:
        """A new group; members nobody knows become people of that name."""
        with self.lock:
            for user in group.members:
                self.people.setdefault(user, Person(user, user))
            at = int(self.now()) - group.age_s
            self.rooms[group.id] = Room(group, dict.fromkeys(group.members, at), _version(group.members))
            self._roster_changed()
            return self.rooms[group.id]

    def add_person(self, name: str, user: str = "") -> Person:
        """A new person; the id is made up unless given. A known id keeps its person."""
        with self.lock:
            person = Person(user or f"new_{secrets.token_hex(4)}", name)
            found = self.people.setdefault(person.user, person)
            self._roster_changed()
            return found

    def change_members(self, chat: str, joining: Iterable[str] = (), leaving: Iterable[str] = ()) -> tuple[str, str]:
        """Members in or out; returns member_version before and after. KeyError for an unknown group."""
        with self.lock:
            room = self.rooms[chat]
            before = room.version
            room.past = [*room.past, (self.now(), dict(room.members), before)][-KEEP_ROSTERS:]
            for user in joining:
                room.members.setdefault(user, int(self.now()))
            for user in leaving:
                room.members.pop(user, None)
            room.version = _version([*room.members, before])
            self._roster_changed()
            return before, room.version

    def _roster_changed(self) -> None:
        self.rev += 1
        self.roster_rev = self.rev

    def find_channel(self, kind: str) -> Channel | None:
        """The first channel of a kind."""
        return next((channel for channel in self.channels.values() if channel.kind == kind), None)

    def room_of_key(self, key: str) -> Room | None:
        """The group whose webhook robot has this key."""
        return next((room for room in self.rooms.values() if key and room.group.webhook_key == key), None)

    # -- posts

    def post(self, chat: str, sender: str, kind: str, **fields: Any) -> Post:
        """A new post in a chat; the oldest beyond ``KEEP_POSTS`` is forgotten."""
        with self.lock:
            self._last_id += 1
            self.rev += 1
            post = Post(self._last_id, chat, sender, kind, int(self.now() * 1000), self.rev, **fields)
            posts = self._posts.setdefault(chat, deque())
            posts.append(post)
            self._by_id[post.id] = post
            if len(posts) > KEEP_POSTS:
                self._by_id.pop(posts.popleft().id, None)
            return post

    def change(self, post: Post, **fields: Any) -> None:
        """New values for a post, visible to pages from now on."""
        with self.lock:
            for name, value in fields.items():
                setattr(post, name, value)
            self.rev += 1
            post.rev = self.rev

    def find_post(self, post_id: int) -> Post | None:
        """A kept post by its number."""
        return self._by_id.get(post_id)

    def posts(self, chat: str, after: int = 0) -> list[Post]:
        """The kept posts of a chat changed after a revision, oldest first."""
        with self.lock:
            return [post for post in self._posts.get(chat, ()) if post.rev > after]

    def posts_of_message(self, msgid: str) -> list[Post]:
        """The posts one app message became."""
        with self.lock:
            return [post for post in self._by_id.values() if post.msgid == msgid]

    def cards(self) -> list[Post]:
        """The kept posts with a card, oldest first."""
        with self.lock:
            return [post for post in self._by_id.values() if post.card]

    def replace_card(self, post: Post, card: dict[str, Any], users: Iterable[str] = ()) -> None:
        """A card's new face, for some users or (none named) for all."""
        chosen = tuple(users)
        if not chosen:
            self.change(post, card=card, cards_for={})
            return
        self.change(post, cards_for={**post.cards_for, **dict.fromkeys(chosen, card)})

    # -- codes and media

    def give_code(self, kind: str, life_s: float, **detail: Any) -> str:
        """A fresh one-time code that stands for ``detail``."""
        with self.lock:
            if len(self._codes) >= KEEP_CODES:
                self._codes.pop(next(iter(self._codes)))
            code = secrets.token_urlsafe(24)
            self._codes[code] = Code(kind, self.now() + life_s, detail)
            return code

    def look_at_code(self, kind: str, code: str) -> Mapping[str, Any] | None:
        """What a live code stands for, without using it up; None when it is unknown, used, expired or of another kind."""
        with self.lock:
            found = self._codes.get(code)
            return found.detail if found and found.kind == kind and found.expires_at > self.now() else None

    def use_code(self, code: str) -> None:
        """The code is spent."""
        with self.lock:
            self._codes.pop(code, None)

    def first_time(self, key: Hashable, interval_s: float) -> bool:
        """False when the same key was seen within the interval."""
        with self.lock:
            at = self.now()
            self._seen_until = {known: until for known, until in self._seen_until.items() if until > at}
            if key in self._seen_until:
                return False
            self._seen_until[key] = at + interval_s
            return True

    def store(self, media: Media) -> str:
        """The media id of stored bytes; the oldest beyond ``KEEP_MEDIA`` are forgotten."""
        with self.lock:
            if len(self._media) >= KEEP_MEDIA:
                self._media.pop(next(iter(self._media)))
            media_id = secrets.token_urlsafe(30)
            self._media[media_id] = media
            return media_id

    def find_media(self, media_id: str) -> Media | None:
        """Stored bytes that have not expired."""
        with self.lock:
            found = self._media.get(media_id)
            return found if found and (not found.expires_at or found.expires_at > self.now()) else None


def _version(members: Iterable[str]) -> str:
    return hashlib.md5("\n".join(sorted(members)).encode(), usedforsecurity=False).hexdigest()
