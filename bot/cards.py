"""Template cards (path 101032): five kinds as frozen values that cannot be built against WeCom's limits.

::

    card = ButtonInteraction(
        title="案件 3", buttons=(Button("警告", "case:main:3:警告", style=2), Button("忽略", "case:main:3:忽略")), task=task_of("case", message.id)
    )
    Reply(card=card)

A hard limit that is broken raises :class:`CardError` when the value is built. Lengths that the manual only advises are cut with "…" when the
card is shown; its ``twin``, the same in words for where no card is shown, says all of it, with the choices numbered. A number that a member
types and a click on the button lead to the same handler: :func:`click_of` makes of the one what WeCom makes of the other.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from bot.channels.text import clean, digest
from bot.errors import BotError
from bot.members import harmless
from bot.message import Event, Prompt

Place = Literal["aibot", "app", "webhook"]
"""Where a card is shown; each place knows a little more or less than the others."""

PROMPT = "card"
"""The kind of the prompts that cards make: their numbers are clicks."""

TASK_BYTES, KEY_BYTES, ID_BYTES, QUESTION_BYTES = 128, 1_024, 128, 200
_TASK = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
_PREFIX = re.compile(r"[0-9A-Za-z_\-]{1,64}")


class CardError(BotError):
    """A card that WeCom would refuse: which field, and its limit."""

    def __init__(self, where: str, limit: str) -> None:
        super().__init__(f"{where}: {limit}")
        self.field = where


def task_of(prefix: str, *parts: str) -> str:
    """A task id: the route's prefix, and a digest of what makes the card unique (the message's or act's id, the receiver)."""
    if not _PREFIX.fullmatch(prefix):
        raise CardError("task_id", "the prefix is 1 to 64 letters, digits, - or _")
    return f"{prefix}@{digest('', *parts)}"


# The parts ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """Where a tap leads: a web page, or a page of a mini program."""

    url: str = ""
    appid: str = ""
    pagepath: str = ""

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.appid):
            raise CardError("link", "needs either a url or an appid")

    @property
    def body(self) -> dict[str, object]:
        """Its fields, with WeCom's type."""
        if self.url:
            return {"type": 1, "url": self.url}
        return {"type": 2, "appid": self.appid} | ({"pagepath": self.pagepath} if self.pagepath else {})


@dataclass(frozen=True, slots=True)
class Source:
    """Who speaks, in small print at the top. ``ink`` is 0 grey, 1 black, 2 red or 3 green."""

    desc: str
    icon_url: str = ""
    ink: int = 0

    def __post_init__(self) -> None:
        _check_range("source.desc_color", self.ink, 0, 3)

    @property
    def body(self) -> dict[str, object]:
        """Its fields."""
        return _filled(icon_url=self.icon_url, desc=_short(self.desc, 13), desc_color=self.ink)


@dataclass(frozen=True, slots=True)
class MenuItem:
    """An entry of the menu in the top right corner."""

    text: str
    key: str

    def __post_init__(self) -> None:
        _check_text("action_menu.text", self.text)
        _check_bytes("action_menu.key", self.key, KEY_BYTES)


@dataclass(frozen=True, slots=True)
class Menu:
    """The menu in the top right corner: 1 to 3 entries."""

    items: tuple[MenuItem, ...]
    desc: str = ""

    def __post_init__(self) -> None:
        _check_range("action_menu.action_list", len(self.items), 1, 3)
        _check_unique("action_menu.key", [item.key for item in self.items])

    @property
    def body(self) -> dict[str, object]:
        """Its fields."""
        return {**_filled(desc=_said(self.desc)), "action_list": [{"text": _said(item.text), "key": item.key} for item in self.items]}


@dataclass(frozen=True, slots=True)
class Emphasis:
    """One figure, set large, and what it means."""

    title: str
    desc: str = ""

    @property
    def body(self) -> dict[str, object]:
        """Its fields."""
        return _filled(title=_short(self.title, 10), desc=_short(self.desc, 15))


@dataclass(frozen=True, slots=True)
class QuoteArea:
    """A quotation, which may lead somewhere."""

    text: str
    title: str = ""
    link: Link | None = None

    @property
    def body(self) -> dict[str, object]:
        """Its fields."""
        return _filled(title=_said(self.title), quote_text=_said(self.text)) | (self.link.body if self.link else {"type": 0})


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value. The value may lead to a page (``url``), to a member (``user``, WeCom's id) or, in an app, to a file (``media_id``)."""

    name: str
    value: str = ""
    url: str = ""
    user: str = field(default="", repr=False)
    media_id: str = ""

    def __post_init__(self) -> None:
        _check_text("horizontal_content_list.keyname", self.name)
        if sum(map(bool, (self.url, self.user, self.media_id))) > 1:
            raise CardError("horizontal_content_list", "leads to one of url, user and media_id only")

    def body_for(self, place: Place) -> dict[str, object]:
        """Its fields; a file is offered in an app only."""
        shown = _filled(keyname=_short(self.name, 5), value=_short(self.value, 26))
        if self.url:
            return shown | {"type": 1, "url": self.url}
        if self.user:
            return shown | {"type": 3, "userid": self.user}
        return shown | ({"type": 2, "media_id": self.media_id} if self.media_id and place == "app" else {})


@dataclass(frozen=True, slots=True)
class Jump:
    """A line at the foot that leads somewhere, or asks the bot a ``question`` (aibot only)."""

    title: str
    link: Link | None = None
    question: str = ""

    def __post_init__(self) -> None:
        _check_text("jump_list.title", self.title)
        if bool(self.link) == bool(self.question):
            raise CardError("jump_list", "needs either a link or a question")
        if self.question:
            _check_bytes("jump_list.question", self.question, QUESTION_BYTES)

    @property
    def body(self) -> dict[str, object]:
        """Its fields."""
        leads = self.link.body if self.link else {"type": 3, "question": clean(self.question)}
        return leads | {"title": _said(self.title)}


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of a news card; its width is 1.3 to 2.25 times its height."""

    url: str
    aspect_ratio: float = 1.3

    def __post_init__(self) -> None:
        _check_text("card_image.url", self.url)
        if not 1.3 <= self.aspect_ratio <= 2.25:
            raise CardError("card_image.aspect_ratio", "between 1.3 and 2.25")


@dataclass(frozen=True, slots=True)
class ImageText:
    """A small picture with text beside it."""

    image_url: str
    title: str = ""
    desc: str = ""
    link: Link | None = None

    def __post_init__(self) -> None:
        _check_text("image_text_area.image_url", self.image_url)

    @property
    def body(self) -> dict[str, object]:
        """Its fields."""
        shown = _filled(title=_short(self.title, 26), desc=_short(self.desc, 30), image_url=self.image_url)
        return shown | (self.link.body if self.link else {"type": 0})


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A heading and a text below each other."""

    title: str
    desc: str = ""

    def __post_init__(self) -> None:
        _check_text("vertical_content_list.title", self.title)


@dataclass(frozen=True, slots=True)
class Button:
    """A button: it calls the bot with ``key``, or in an app leads to ``url``. ``style`` is 1 to 4."""

    text: str
    key: str = ""
    style: int = 1
    url: str = ""

    def __post_init__(self) -> None:
        _check_text("button_list.text", self.text)
        _check_range("button_list.style", self.style, 1, 4)
        if bool(self.key) == bool(self.url):
            raise CardError("button_list", "a button needs either a key or a url")
        if self.key:
            _check_bytes("button_list.key", self.key, KEY_BYTES)

    def body_for(self, place: Place) -> dict[str, object]:
        """Its fields."""
        shown: dict[str, object] = {"text": _short(self.text, 10), "style": self.style}
        if place != "app":
            return shown | {"key": self.key}
        return shown | ({"type": 1, "url": self.url} if self.url else {"type": 0, "key": self.key})


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to a question."""

    id: str
    text: str

    def __post_init__(self) -> None:
        _check_bytes("option_list.id", self.id, ID_BYTES)
        _check_text("option_list.text", self.text)


@dataclass(frozen=True, slots=True)
class Select:
    """A question with 1 to 10 options, of which one is chosen; ``selected`` is the one chosen at first."""

    key: str
    options: tuple[Option, ...]
    title: str = ""
    selected: str = ""

    def __post_init__(self) -> None:
        _check_bytes("question_key", self.key, KEY_BYTES)
        _check_options(self.options, 10)
        if self.selected and self.selected not in [option.id for option in self.options]:
            raise CardError("selected_id", "is the id of an option")

    def body_for(self, *, is_done: bool = False, chosen: Sequence[str] = ()) -> dict[str, object]:
        """Its fields."""
        selected = chosen[0] if chosen else self.selected
        options = [{"id": option.id, "text": _short(option.text, 10)} for option in self.options]
        disabled = {"disable": True} if is_done else {}
        return {**_filled(question_key=self.key, title=_said(self.title), selected_id=selected), **disabled, "option_list": options}


@dataclass(frozen=True, slots=True)
class Checkbox:
    """A question with 1 to 20 options; ``is_many``: any number of them may be chosen. ``checked`` are chosen at first."""

    key: str
    options: tuple[Option, ...]
    is_many: bool = False
    checked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_bytes("question_key", self.key, KEY_BYTES)
        _check_options(self.options, 20)
        if not set(self.checked) <= {option.id for option in self.options}:
            raise CardError("is_checked", "names options that there are")
        if len(self.checked) > 1 and not self.is_many:
            raise CardError("is_checked", "one option at most, unless many may be chosen")

    def body_for(self, *, is_done: bool = False, chosen: Sequence[str] = ()) -> dict[str, object]:
        """Its fields."""
        checked = chosen or self.checked
        options = [
            {"id": option.id, "text": _short(option.text, 11)} | ({"is_checked": True} if option.id in checked else {})
            for option in self.options
        ]
        disabled = {"disable": True} if is_done else {}
        return {"question_key": self.key, "mode": int(self.is_many), **disabled, "option_list": options}


@dataclass(frozen=True, slots=True)
class Submit:
    """The button below the questions of a card."""

    key: str
    text: str = "提交"

    def __post_init__(self) -> None:
        _check_bytes("submit_button.key", self.key, KEY_BYTES)
        _check_text("submit_button.text", self.text)

    @property
    def body(self) -> dict[str, object]:
        """Its fields."""
        return {"text": _short(self.text, 10), "key": self.key}


# The cards ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """What one number of a card's twin stands for: a click on ``key``, and for a question the chosen ``option``.

    ``others`` are the options that are chosen elsewhere on the card as long as nobody changes them.
    """

    key: str
    task: str = ""
    card_kind: str = ""
    question: str = ""
    option: str = ""
    is_many: bool = False
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card(ABC):
    """What all cards have: a head, a task id, and how they are told in words."""

    title: str = ""
    desc: str = ""
    source: Source | None = None
    task: str = ""

    def __post_init__(self) -> None:
        if self.task and not _TASK.fullmatch(self.task):
            raise CardError("task_id", "1 to 128 letters, digits, -, _ or @")
        self._check()

    @property
    @abstractmethod
    def kind(self) -> str:
        """WeCom's card_type."""

    @property
    def body(self) -> dict[str, object]:
        """The card for an aibot, as WeCom's JSON."""
        return self.body_for("aibot")

    @property
    def twin(self) -> str:
        """The card in words: title, facts and numbered choices. Never empty."""
        numbered = [f"{number}. {text}" for number, (text, _) in enumerate(self._choices(), 1)]
        return "\n".join([self.words, *map(_said, self._numbered(numbered))])

    @property
    def words(self) -> str:
        """The twin without its choices, for where no number is waited for. Never empty."""
        return _said("\n".join(line for line in self._lines() if line)).strip() or self.kind

    @property
    def prompt(self) -> Prompt | None:
        """What a number means that answers the twin; None when there is nothing to choose."""
        choices = tuple(_encode(choice).decode() for _, choice in self._choices())
        return Prompt(PROMPT, choices) if choices else None

    def body_for(self, place: Place) -> dict[str, object]:
        """The card as WeCom's JSON for a place; CardError where that place shows no such card."""
        head = {"card_type": self.kind, **({"source": self.source.body} if self.source else {})}
        titles = _filled(title=_short(self.title, 26), desc=_short(self.desc, 30))
        return {**head, **({"main_title": titles} if titles else {}), **self._parts(place), **_filled(task_id=self.task)}

    def for_webhook(self) -> dict[str, object]:
        """The card for a group's webhook, which can be looked at only; CardError for a card that asks for clicks."""
        return self.body_for("webhook")

    @abstractmethod
    def _check(self) -> None: ...

    @abstractmethod
    def _parts(self, place: Place) -> dict[str, object]: ...

    def _choices(self) -> Sequence[tuple[str, Choice]]:
        return ()

    def _lines(self) -> Iterator[str]:
        if self.source and self.source.desc:
            yield f"【{self.source.desc}】"
        yield self.title
        yield self.desc

    def _numbered(self, choices: Sequence[str]) -> list[str]:
        return [*choices, "回复选项编号即可选择。"] if choices else []

    def _choice(self, key: str, **more: Any) -> Choice:
        return Choice(key, self.task, self.kind, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told(_Card):
    """What cards have that tell something: a quotation, facts, a menu, and where a tap leads."""

    quote: QuoteArea | None = None
    facts: tuple[Fact, ...] = ()
    menu: Menu | None = None
    action: Link | None = None

    def _check(self) -> None:
        _check_range("horizontal_content_list", len(self.facts), 0, 6)
        if self.menu and not self.task:
            raise CardError("task_id", "required with action_menu")

    def _told(self, place: Place) -> dict[str, object]:
        parts: dict[str, object] = {}
        if self.menu and place != "webhook":
            parts["action_menu"] = self.menu.body
        if self.quote:
            parts["quote_area"] = self.quote.body
        if self.facts:
            parts["horizontal_content_list"] = [fact.body_for(place) for fact in self.facts]
        return parts | ({"card_action": self.action.body} if self.action else {})

    def _choices(self) -> Sequence[tuple[str, Choice]]:
        return [(item.text, self._choice(item.key)) for item in self.menu.items] if self.menu else []

    def _fact_lines(self) -> Iterator[str]:
        if self.quote:
            yield from filter(None, (self.quote.title, *(f"> {line}" for line in self.quote.text.splitlines())))
        for fact in self.facts:
            yield f"{fact.name}：{'　'.join(filter(None, (fact.value, fact.url)))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notice(_Told):
    """A card to be read: ``action`` is required, jumps stand at its foot."""

    jumps: tuple[Jump, ...] = ()

    def _check(self) -> None:
        # a class with slots is made anew by its decorator, so that a bare super() would not find it
        _Told._check(self)
        _check_range("jump_list", len(self.jumps), 0, 3)
        if self.action is None:
            raise CardError("card_action", "required")

    def body_for(self, place: Place) -> dict[str, object]:
        """The card as WeCom's JSON for a place. A webhook's has no task id and no menu; questions are asked of an aibot only."""
        shown = _Card.body_for(self, place)
        if place == "webhook":
            shown.pop("task_id", None)
        return shown

    def _jumps(self, place: Place) -> dict[str, object]:
        jumps = [jump.body for jump in self.jumps if jump.link or place == "aibot"]
        return {"jump_list": jumps} if jumps else {}

    def _foot(self) -> Iterator[str]:
        for jump in self.jumps:
            yield f"{jump.title}：{(jump.link.url if jump.link else jump.question) or '（小程序）'}"
        if self.action and self.action.url:
            yield f"详情：{self.action.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextNotice(_Notice):
    """文本通知: a title or a text, and optionally a figure."""

    sub_title: str = ""
    emphasis: Emphasis | None = None

    @property
    def kind(self) -> str:
        """WeCom's card_type."""
        return "text_notice"

    def _check(self) -> None:
        _Notice._check(self)
        if not clean(self.title).strip() and not clean(self.sub_title).strip():
            raise CardError("main_title.title", "required unless there is a sub_title_text")

    def _parts(self, place: Place) -> dict[str, object]:
        emphasis = {"emphasis_content": self.emphasis.body} if self.emphasis else {}
        return {**emphasis, **_filled(sub_title_text=_short(self.sub_title, 112)), **self._told(place), **self._jumps(place)}

    def _lines(self) -> Iterator[str]:
        yield from _Card._lines(self)
        if self.emphasis:
            yield " ".join(filter(None, (self.emphasis.title, self.emphasis.desc)))
        yield self.sub_title
        yield from self._fact_lines()
        yield from self._foot()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsNotice(_Notice):
    """图文展示: a title and a picture, or a picture with text beside it."""

    picture: Picture | None = None
    image_text: ImageText | None = None
    paragraphs: tuple[Paragraph, ...] = ()

    @property
    def kind(self) -> str:
        """WeCom's card_type."""
        return "news_notice"

    def _check(self) -> None:
        _Notice._check(self)
        _check_text("main_title.title", self.title)
        _check_range("vertical_content_list", len(self.paragraphs), 0, 4)
        if self.picture is None and self.image_text is None:
            raise CardError("card_image", "required unless there is an image_text_area")

    def _parts(self, place: Place) -> dict[str, object]:
        parts: dict[str, object] = {}
        if self.picture:
            parts["card_image"] = {"url": self.picture.url, "aspect_ratio": self.picture.aspect_ratio}
        if self.image_text:
            parts["image_text_area"] = self.image_text.body
        if self.paragraphs:
            rows = [_filled(title=_short(row.title, 26), desc=_short(row.desc, 112)) for row in self.paragraphs]
            parts["vertical_content_list"] = rows
        return {**parts, **self._told(place), **self._jumps(place)}

    def _lines(self) -> Iterator[str]:
        yield from _Card._lines(self)
        if self.image_text:
            yield " ".join(filter(None, (self.image_text.title, self.image_text.desc)))
        for row in self.paragraphs:
            yield from (row.title, row.desc)
        yield from self._fact_lines()
        yield from self._foot()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interactive(_Card):
    """What the cards have in common that ask for clicks."""

    def done(self, text: str, chosen: Mapping[str, Sequence[str]] | None = None) -> Done:
        """The card after it was answered: ``text`` on or in place of its buttons, which no longer work, the ``chosen`` options marked."""
        return Done(self, text, dict(chosen or {}))

    def body_for(self, place: Place) -> dict[str, object]:
        """The card as WeCom's JSON for a place; CardError for a webhook."""
        if place == "webhook":
            raise CardError("card_type", f"a webhook shows no {self.kind}: nobody hears its clicks")
        return _Card.body_for(self, place)

    @abstractmethod
    def _finished(self, chosen: Mapping[str, Sequence[str]]) -> dict[str, object]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonInteraction(_Interactive, _Told):
    """按钮交互: 1 to 6 buttons, at least one of which calls the bot; beside them at most one question.

    Buttons that lead to a page are shown in an app only.
    """

    buttons: tuple[Button, ...]
    sub_title: str = ""
    select: Select | None = None

    @property
    def kind(self) -> str:
        """WeCom's card_type."""
        return "button_interaction"

    def _check(self) -> None:
        _Told._check(self)
        _check_required(self.title, self.task)
        _check_range("button_list", len(self.buttons), 1, 6)
        keys = [button.key for button in self.buttons if button.key]
        _check_range("button_list with a key", len(keys), 1, 6)
        _check_unique("button_list.key", [*keys, *((item.key for item in self.menu.items) if self.menu else ())])

    def _parts(self, place: Place) -> dict[str, object]:
        buttons = [button.body_for(place) for button in self.buttons if button.key or place == "app"]
        select = {"button_selection": self.select.body_for()} if self.select else {}
        return {**_filled(sub_title_text=_short(self.sub_title, 112)), **self._told(place), **select, "button_list": buttons}

    def _finished(self, chosen: Mapping[str, Sequence[str]]) -> dict[str, object]:
        return {"button_selection": self.select.body_for(is_done=True, chosen=chosen.get(self.select.key, ()))} if self.select else {}

    def _choices(self) -> Sequence[tuple[str, Choice]]:
        others = {self.select.key: (self.select.selected,)} if self.select and self.select.selected else {}
        pressed = [(button.text, self._choice(button.key, others=others)) for button in self.buttons if button.key]
        return [*pressed, *_Told._choices(self)]

    def _lines(self) -> Iterator[str]:
        yield from _Card._lines(self)
        yield self.sub_title
        yield from self._fact_lines()
        for button in self.buttons:
            if button.url:
                yield f"{button.text}：{button.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteInteraction(_Interactive):
    """投票选择: one question with 1 to 20 options."""

    checkbox: Checkbox
    submit: Submit

    @property
    def kind(self) -> str:
        """WeCom's card_type."""
        return "vote_interaction"

    def _check(self) -> None:
        _check_required(self.title, self.task)

    def _parts(self, place: Place) -> dict[str, object]:
        return {"checkbox": self.checkbox.body_for(), "submit_button": self.submit.body}

    def _finished(self, chosen: Mapping[str, Sequence[str]]) -> dict[str, object]:
        return {"checkbox": self.checkbox.body_for(is_done=True, chosen=chosen.get(self.checkbox.key, ()))}

    def _choices(self) -> Sequence[tuple[str, Choice]]:
        box = self.checkbox
        return [
            (option.text, self._choice(self.submit.key, question=box.key, option=option.id, is_many=box.is_many)) for option in box.options
        ]

    def _numbered(self, choices: Sequence[str]) -> list[str]:
        return [*choices, "回复选项编号即可选择；可选多项，用空格隔开，例如：1 2。" if self.checkbox.is_many else "回复选项编号即可选择。"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleInteraction(_Interactive):
    """多项选择: 1 to 3 questions of 1 to 10 options each."""

    selects: tuple[Select, ...]
    submit: Submit

    @property
    def kind(self) -> str:
        """WeCom's card_type."""
        return "multiple_interaction"

    def _check(self) -> None:
        _check_required(self.title, self.task)
        _check_range("select_list", len(self.selects), 1, 3)
        _check_unique("question_key", [select.key for select in self.selects])

    def _parts(self, place: Place) -> dict[str, object]:
        return {"select_list": [select.body_for() for select in self.selects], "submit_button": self.submit.body}

    def _finished(self, chosen: Mapping[str, Sequence[str]]) -> dict[str, object]:
        return {"select_list": [select.body_for(is_done=True, chosen=chosen.get(select.key, ())) for select in self.selects]}

    def _choices(self) -> Sequence[tuple[str, Choice]]:
        defaults = {select.key: (select.selected,) for select in self.selects if select.selected}
        return [
            (option.text, self._choice(self.submit.key, question=select.key, option=option.id, others=defaults))
            for select in self.selects
            for option in select.options
        ]

    def _numbered(self, choices: Sequence[str]) -> list[str]:
        rows, left = [], list(choices)
        for select in self.selects:
            rows += [f"{select.title or '请选择'}：", *left[: len(select.options)]]
            left = left[len(select.options) :]
        several = len(self.selects) > 1
        return [*rows, "回复选项编号即可选择；每题选一个，用空格隔开。" if several else "回复选项编号即可选择。"]


@dataclass(frozen=True, slots=True)
class Done:
    """A card that was answered: for updates only. ``twin`` is what stands in place of its buttons."""

    card: _Interactive
    text: str
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_text("replace_text", self.text)

    @property
    def twin(self) -> str:
        """What is said where the card cannot be updated."""
        return _said(self.text)

    @property
    def words(self) -> str:
        """The same."""
        return self.text

    def body_for(self, place: Place) -> dict[str, object]:
        """The card's new face as WeCom's JSON: nothing on it can be pressed any more."""
        return {**self.card.body_for(place), **self.card._finished(self.chosen), "replace_text": _short(self.text, 10)}


# A typed number as a click ----------------------------------------------------------------------------------------------------


def click_of(choices: Sequence[str]) -> Event | None:
    """The click that the chosen entries of a card's prompt stand for; None when they do not go together, or none is chosen.

    One number is a button, or one answer to a question; several numbers answer several questions, or one where many may be chosen.
    """
    picked = [found for choice in dict.fromkeys(choices) if (found := _read_choice(choice))]
    if not picked or len(picked) < len(set(choices)) or len({(one.key, one.task) for one in picked}) > 1:
        return None
    selected = {name: tuple(options) for name, options in picked[0].others.items()}
    answered: dict[str, tuple[str, ...]] = {}
    for one in picked:
        if one.question in answered and not one.is_many:
            return None
        if one.question:
            answered[one.question] = (*answered.get(one.question, ()), one.option)
    first = picked[0]
    return Event("template_card_event", key=first.key, task=first.task, card_kind=first.card_kind, selected=selected | answered)


def _read_choice(kept: str) -> Choice | None:
    try:
        return _decode(kept)
    except msgspec.DecodeError:
        return None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Choice).decode


# Texts and checks -------------------------------------------------------------------------------------------------------------


def _said(text: str) -> str:
    """A text as a card and its twin show it: whatever members wrote in it mentions nobody and leads nowhere; a card's own links have fields."""
    return harmless(clean(text))


def _short(text: str, most_chars: int) -> str:
    """A text in the length that the manual advises, cut with "…"."""
    said = _said(text)
    return said if len(said) <= most_chars else said[: most_chars - 1] + "…"


def _filled(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _check_text(where: str, text: str) -> None:
    if not clean(text).strip():
        raise CardError(where, "required")


def _check_bytes(where: str, text: str, most: int) -> None:
    if not text or clean(text) != text:
        raise CardError(where, "required, without control characters")
    if len(text.encode()) > most:
        raise CardError(where, f"at most {most} bytes")


def _check_range(where: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise CardError(where, f"{least} to {most}")


def _check_unique(where: str, keys: Sequence[str]) -> None:
    if len(set(keys)) < len(keys):
        raise CardError(where, "no two alike")


def _check_options(options: Sequence[Option], most: int) -> None:
    _check_range("option_list", len(options), 1, most)
    _check_unique("option_list.id", [option.id for option in options])


def _check_required(title: str, task: str) -> None:
    _check_text("main_title.title", title)
    if not task:
        raise CardError("task_id", "required")
