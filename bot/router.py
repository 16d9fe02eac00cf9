"""From a message to its handler: an exact command, a waiting question, a pattern, then whatever is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bot.cards import PROMPT, click_of
from bot.context import Context
from bot.errors import WiringError
from bot.message import Event, Message, Prompt, Replies, Reply
from bot.permissions import Role
from rules.text import normalise

Handler = Callable[[Message, Context], Replies]
Producer = Callable[[Message, Context], Iterator[str]]
Follower = Callable[[Message, Context, Sequence[Reply]], Replies]
"""Sees what a message was answered with, and may add to it."""
Accepts = Callable[[str, tuple[str, ...]], bool]
"""Whether words can be the answer to an open question with these choices."""
Unless = Callable[[str], bool]
"""Whether the words behind a command show that it was not meant."""
"""Makes an answer in parts: each text replaces the one before, the last one stays. It may run again from the start after a crash."""

CONFIDENTIAL = "（不记）"
"""What the log calls every route whose use nobody may learn of."""
REMEMBERED, LONGEST_REMEMBERED = 4096, 60
"""Of how many texts, and up to which length (characters), it is remembered that they fit no pattern."""
_ENDINGS = " 。.!！?？~～,，、;；"
_NUMBER = re.compile(r"[1-9]\d?")
_NAMED = re.compile(r"[@＠\d]")
_NONE = frozenset({"0", "都不是", "以上都不是"})
_NUMBERS = re.compile(r"[1-9]\d?(?:[\s,，、]+[1-9]\d?){0,29}")


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and when it is called. ``takes_words``: words may follow the command. ``private``: only in single chats and admin groups.

    ``anywhere``: alone with the bot the role in any community suffices; the handler looks which one it acts in. ``is_secret``: what is typed with
    it may be a secret, and never stands in the log. With words that ``unless`` says yes to the command was not meant.
    ``is_common``: its names are everyday words; a member without the role means the command only where he names somebody or a number with it.
    ``alone``: it is meant in single chats only.
    ``is_confidential``: nothing that is kept may tell that this member used it, nor what he typed; in a single chat its handler judges it.
    """

    handler: Handler = field(repr=False)
    names: tuple[str, ...]
    role: Role = "member"
    takes_words: bool = False
    private: bool = False
    is_hidden: bool = False
    is_fallback: bool = False
    anywhere: bool = False
    is_secret: bool = False
    unless: Unless | None = field(default=None, repr=False)
    is_common: bool = False
    is_confidential: bool = False
    alone: bool = False

    @property
    def name(self) -> str:
        """Its first name."""
        return self.names[0]

    @property
    def logged(self) -> str:
        """What the log calls it."""
        return CONFIDENTIAL if self.is_confidential else self.names[0]

    @property
    def hides(self) -> bool:
        """Whether what is typed with it never stands in the log."""
        return self.is_secret or self.is_confidential

    @property
    def help(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().splitlines()[0] if self.handler.__doc__ else ""

    @property
    def feature(self) -> str:
        """The name of the module that it stands in: one feature a file."""
        return self.handler.__module__


@dataclass(frozen=True, slots=True)
class Match:
    """The route of a message and the words that its handler gets. ``click`` is the click that a typed number stands for."""

    route: Route
    args: tuple[str, ...] = ()
    answers_prompt: bool = False
    click: Event | None = None


class Router:
    """Routes of one feature; ``handlers`` joins those of all features into one."""

    def __init__(self) -> None:
        self.commands: dict[str, Route] = {}
        self.producers: dict[str, Producer] = {}
        self._prompts: dict[str, Route] = {}
        self._open_prompts: dict[str, Route] = {}
        self._accepts: dict[str, Accepts] = {}
        self._picture_prompts: set[str] = set()
        self.followers: list[Follower] = []
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        self._fitting_none: set[str] = set()
        self._events: dict[str, Route] = {}
        self._cards: dict[str, Route] = {}
        self._fallbacks: list[Route] = []

    # Telling the router -------------------------------------------------------------------------------------------------

    def command(
        self,
        *names: str,
        role: Role = "member",
        takes_words: bool = False,
        private: bool = False,
        is_hidden: bool = False,
        anywhere: bool = False,
        is_secret: bool = False,
        unless: Unless | None = None,
        is_common: bool = False,
        is_confidential: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Calls the handler on one of ``names``; with ``takes_words`` also when words follow, ``unless`` these do not fit.

        The docstring's first line is its help.
        """

        def add(handler: Handler) -> Handler:
            route = Route(
                handler, names, role, takes_words, private, is_hidden, anywhere=anywhere, is_secret=is_secret, unless=unless, is_common=is_common,
                is_confidential=is_confidential,
            )  # fmt: skip
            for name in names:
                _put(self.commands, normalise(name), route)
            return handler

        return add

    def prompt(self, kind: str) -> Callable[[Handler], Handler]:
        """Calls the handler when a bare number answers a prompt of this kind; ``ctx.args`` holds the choice."""
        return self._adder(self._prompts, kind)

    def open_prompt(
        self, kind: str, accepts: Accepts = lambda words, choices: True, *, pictures: bool = False, is_confidential: bool = False
    ) -> Callable[[Handler], Handler]:
        """Calls the handler with whatever a member says next to a prompt of this kind, if it is no command and ``accepts`` takes it.

        ``ctx.args`` holds his words, then the prompt's choices. With ``pictures`` also when he says nothing ('') but shows something.
        """
        self._accepts[kind] = accepts
        if pictures:
            self._picture_prompts.add(kind)
        return self._adder(self._open_prompts, kind, is_confidential=is_confidential)

    def follow(self, follower: Follower) -> Follower:
        """Shows the follower every message with the replies that its gates and handler gave; what it adds comes behind them."""
        self.followers.append(follower)
        return follower

    def pattern(
        self, expression: str, *, name: str, role: Role = "member", private: bool = False, anywhere: bool = False, is_secret: bool = False,
        is_confidential: bool = False, alone: bool = False, unless: Unless | None = None,
    ) -> Callable[[Handler], Handler]:  # fmt: skip
        """Calls the handler when the whole text fits, with ``alone`` in single chats only, and ``unless`` says no to it; ``ctx.args`` holds the groups."""

        def add(handler: Handler) -> Handler:
            route = Route(
                handler, (name,), role, private=private, anywhere=anywhere, is_secret=is_secret, unless=unless, is_confidential=is_confidential,
                alone=alone,
            )  # fmt: skip
            self._patterns.append((re.compile(expression), route))
            self._fitting_none.clear()
            return handler

        return add

    def event(self, *names: str) -> Callable[[Handler], Handler]:
        """Calls the handler on events of these names (WeCom's own words), or on one sub-kind of them: ``change_contact.update_user``."""
        return self._adder(self._events, *names)

    def card(self, prefix: str, *, role: Role = "member", anywhere: bool = False) -> Callable[[Handler], Handler]:
        """Calls the handler when a card was clicked whose key is ``prefix:…``; ``ctx.args`` holds the rest of the key, split at colons.

        Where no feature owns the key's prefix, the card's task id ``prefix@…`` decides and ``ctx.args`` holds the whole key. The handler is
        called in the same way, with ``message.event``, when a number answers the card's twin; it says what it did both in ``text`` and by
        ``update_card``.
        """

        def add(handler: Handler) -> Handler:
            _put(self._cards, prefix, Route(handler, (f"card {prefix}",), role, anywhere=anywhere))
            return handler

        return add

    def stream(self, name: str) -> Callable[[Producer], Producer]:
        """Makes the rest of answers whose ``Reply.stream`` is ``name``, in a worker, behind the callback."""

        def add(producer: Producer) -> Producer:
            if name in self.producers:
                raise WiringError([f"分段回答“{name}”有两个处理函数，请改掉其中一个的名字"])
            self.producers[name] = producer
            return producer

        return add

    def fallback(self, handler: Handler) -> Handler:
        """Calls the handler for every text that nothing else wants."""
        self._fallbacks.append(Route(handler, (handler.__name__,), is_fallback=True))
        return handler

    def include(self, other: Router) -> None:
        """Takes over another feature's routes."""
        for mine, theirs in (
            (self.commands, other.commands),
            (self._prompts, other._prompts),
            (self._open_prompts, other._open_prompts),
            (self._events, other._events),
            (self._cards, other._cards),
        ):
            for name, route in theirs.items():
                _put(mine, name, route)
        self._accepts |= other._accepts
        self._picture_prompts |= other._picture_prompts
        self.followers += other.followers
        for name, producer in other.producers.items():
            self.stream(name)(producer)
        self._patterns += other._patterns
        self._fitting_none.clear()
        self._fallbacks += other._fallbacks
        if len(self._fallbacks) > 1:
            raise WiringError([f"有两个兜底处理：{_where(self._fallbacks[0])} 与 {_where(self._fallbacks[1])}，只能留一个"])

    # Asking it -----------------------------------------------------------------------------------------------------------

    def find(self, message: Message, waiting: Prompt | None, may_use: Callable[[Route], bool] = lambda route: True) -> Match | None:
        """The route of a message, None when nobody wants it. ``may_use`` tells the speaker's rights; only commands that are common words ask."""
        if message.event:
            return self._find_event(message)
        text = _stripped(message.text)
        if not text:
            is_awaited = bool(message.attachments) and waiting is not None and waiting.kind in self._picture_prompts
            return self._find_open("", waiting) if is_awaited else None
        return (
            self._find_command(text, message.text, may_use)
            or self._find_choice(text, waiting)
            or self._find_pattern(text, message)
            or self._find_open(message.text, waiting)
            or self._last_resort()
        )

    def takes_numbers(self, kind: str) -> bool:
        """Whether only a number, or that it is none of them, answers a question of this kind."""
        return (kind in self._prompts or kind == PROMPT) and kind not in self._open_prompts

    @staticmethod
    def may_choose(message: Message) -> bool:
        """Whether a message can be the answer to a question that takes numbers."""
        text = _stripped(message.text)
        return message.event is not None or not text or text in _NONE or _NUMBERS.fullmatch(text) is not None

    def hides(self, message: Message) -> bool:
        """Whether a text may hold a secret, by its first word or by a pattern that it fits."""
        text = _stripped(message.text)
        route = self.commands.get(text.partition(" ")[0]) or self.commands.get(text)
        return bool(route and route.hides) or any(route.hides for route, _ in self._fitting(text, message))

    def listed(self, role_suffices: Callable[[Role], bool]) -> Iterator[Route]:
        """The commands that a role may use, each once, for 帮助."""
        seen: set[int] = set()
        for route in self.commands.values():
            if id(route) not in seen and not route.is_hidden and role_suffices(route.role):
                seen.add(id(route))
                yield route

    def find_begun(self, text: str) -> Route | None:
        """The command that the first word of a longer text names, whether or not it takes what follows."""
        head, _, tail = _stripped(text).partition(" ")
        return self.commands.get(head) if tail else None

    def _find_event(self, message: Message) -> Match | None:
        event = message.event
        assert event is not None
        if event.name.startswith("template_card"):
            return self._find_click(event)
        route = self._events.get(f"{event.name}.{event.detail}") or self._events.get(event.name)
        return Match(route) if route else None

    def _find_click(self, event: Event) -> Match | None:
        prefix, *rest = event.key.split(":")
        if card := self._cards.get(prefix):
            return Match(card, tuple(rest))
        owner, at, _ = event.task.partition("@")
        card = self._cards.get(owner) if at else None
        return Match(card, (prefix, *rest)) if card else None

    def _find_command(self, text: str, raw: str, may_use: Callable[[Route], bool]) -> Match | None:
        if route := self.commands.get(text):
            return Match(route) if _is_meant(route, "", may_use) else None
        head, _, tail = text.partition(" ")
        route = self.commands.get(head) if tail else None
        if (
            route is None
            or not route.takes_words
            or not _is_meant(route, tail, may_use)
            or (route.unless and route.unless(" ".join(raw.split()[1:])))
        ):
            return None
        return Match(route, tuple(raw.rstrip(_ENDINGS).split()[1:]))

    def _find_choice(self, text: str, waiting: Prompt | None) -> Match | None:
        if waiting is None:
            return None
        if waiting.kind == PROMPT:
            return self._find_typed_click(text, waiting)
        route = self._prompts.get(waiting.kind)
        if route and waiting.none and text in _NONE:
            return Match(route, ("", waiting.none), answers_prompt=True)
        if not _NUMBER.fullmatch(text):
            return None
        number = int(text)
        return Match(route, (waiting.choices[number - 1],), answers_prompt=True) if route and number <= len(waiting.choices) else None

    def _find_typed_click(self, text: str, waiting: Prompt) -> Match | None:
        numbers = [int(number) for number in re.findall(r"\d+", text)] if _NUMBERS.fullmatch(text) else []
        if not numbers or max(numbers) > len(waiting.choices):
            return None
        click = click_of([waiting.choices[number - 1] for number in numbers])
        match = self._find_click(click) if click else None
        return replace(match, answers_prompt=True, click=click) if match else None

    def _find_open(self, raw: str, waiting: Prompt | None) -> Match | None:
        route = self._open_prompts.get(waiting.kind) if waiting else None
        if route is None or waiting is None or not self._accepts[waiting.kind](raw.strip(), waiting.choices):
            return None
        return Match(route, (raw.strip(), *waiting.choices), answers_prompt=True)

    def _find_pattern(self, text: str, message: Message) -> Match | None:
        for route, found in self._fitting(text, message):
            return Match(route, tuple(group or "" for group in found.groups()))
        return None

    def _fitting(self, text: str, message: Message) -> Iterator[tuple[Route, re.Match[str]]]:
        for route, found in self._found(text):
            if (message.is_private or not route.alone) and not (route.unless and route.unless(text)):
                yield route, found

    def _found(self, text: str) -> Sequence[tuple[Route, re.Match[str]]]:
        """Which patterns a text fits, whoever may use them. Of what many say it is known that there is none."""
        if text in self._fitting_none:
            return ()
        found = [(route, match) for expression, route in self._patterns if (match := expression.fullmatch(text))]
        if not found and len(text) <= LONGEST_REMEMBERED:
            if len(self._fitting_none) >= REMEMBERED:
                self._fitting_none.clear()  # no order to keep up to date: what is said all the time is soon back
            self._fitting_none.add(text)
        return found

    def _last_resort(self) -> Match | None:
        return Match(self._fallbacks[0]) if self._fallbacks else None

    def _adder(self, table: dict[str, Route], *names: str, is_confidential: bool = False) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            for name in names:
                _put(table, name, Route(handler, (name,), is_confidential=is_confidential))
            return handler

        return add


def _stripped(text: str) -> str:
    """What is looked for: a text made comparable, without the marks around it."""
    plain = normalise(text)
    return plain.strip(_ENDINGS) or plain


def _is_meant(route: Route, words: str, may_use: Callable[[Route], bool]) -> bool:
    """Whether a command was meant and not a word of everyday: by its form, or because the speaker has it at hand."""
    return not route.is_common or _NAMED.search(words) is not None or may_use(route)


def _put(table: dict[str, Route], name: str, route: Route) -> None:
    if name in table and table[name] is not route:
        raise WiringError([f"“{name}”有两个处理函数：{_where(table[name])} 与 {_where(route)}，请改掉其中一个的名字"])
    table[name] = route


def _where(route: Route) -> str:
    return f"{route.handler.__module__}.{route.handler.__qualname__}"
