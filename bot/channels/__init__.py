"""The kinds of channel, each two pure functions: an opened callback → ``Message``, a ``Message`` and its replies → the passive answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from bot.channels import aibot, aibot_ws, app, archive, contact, robot
from bot.message import Message, Reply


class Parse(Protocol):
    """Turns an opened callback into a ``Message``; raises nothing but ``Refused``."""

    def __call__(self, payload: str, *, channel: str, names: tuple[str, ...] = ()) -> Message: ...


class Render(Protocol):
    """Turns replies into the plaintext of the passive answer; "" is an empty answer.

    The same message and replies always give the same text. ``corp_id`` is named in an app's answers; ``as_json`` is the format of the
    callback, for a group robot that speaks both.
    """

    def __call__(self, message: Message, replies: Sequence[Reply], *, corp_id: str = "", as_json: bool = False) -> str: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of channel.

    ``json``: its envelope is JSON (a robot's is what the body shows). ``receives_corp_id``: its envelopes name the CorpID as receiver.
    """

    name: str
    json: bool
    receives_corp_id: bool
    parse: Parse
    render: Render


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("aibot", json=True, receives_corp_id=False, parse=aibot.parse, render=aibot.render),
            Kind("app", json=False, receives_corp_id=True, parse=app.parse, render=app.render),
            Kind("robot", json=False, receives_corp_id=False, parse=robot.parse, render=robot.render),
            Kind("contact", json=False, receives_corp_id=True, parse=contact.parse, render=contact.render),
            Kind("aibot_ws", json=True, receives_corp_id=False, parse=aibot_ws.parse, render=aibot_ws.render),
            Kind("archive", json=True, receives_corp_id=False, parse=archive.parse, render=archive.render),
        )
    }
)
