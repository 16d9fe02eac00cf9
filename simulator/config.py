"""What the pretend WeCom is told at its start: the corp, its callback channels, its people and its groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

KINDS = ("aibot", "aibot_ws", "app", "contact", "robot")


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to the bot, with the secrets both sides know.

    ``kind`` is one of ``KINDS``; ``format`` (robot only) is xml or json; ``path`` defaults to ``/wecom/<name>``. An aibot_ws has no address,
    token or key: the bot comes to us with its ``bot_id`` and ``secret``.
    """

    name: str
    kind: str
    token: str = field(default="", repr=False)
    aes_key: str = field(default="", repr=False)
    agent_id: int = 0
    secret: str = field(default="", repr=False)
    format: str = "xml"
    path: str = ""
    bot_id: str = ""

    @property
    def url_path(self) -> str:
        """The path below the bot's address that receives this channel's callbacks."""
        return self.path or f"/wecom/{self.name}"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can chat; ``external`` marks a customer (member type 2 in a customer group)."""

    user: str
    name: str
    admin: bool = False
    external: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A group chat; ``customer`` groups raise change_external_chat and answer groupchat/get. The first member owns it unless named.

    ``age_s`` is how long it has been there, with these members, when the simulator starts.
    """

    id: str
    name: str
    members: tuple[str, ...] = ()
    webhook_key: str = field(default="", repr=False)
    owner: str = ""
    customer: bool = True
    age_s: int = 0


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything the simulator needs. ``message_retries`` counts the repeats of an unanswered aibot message: the manual names no number.

    ``ws_port`` is where an aibot_ws bot finds the long connection, below ``ws://127.0.0.1``; 0 takes a free one.
    """

    corp_id: str
    channels: tuple[Channel, ...]
    people: tuple[Person, ...] = ()
    groups: tuple[Group, ...] = ()
    bot: str = "http://127.0.0.1:8080"
    bot_name: str = "小助手"
    message_retries: int = 2
    retry_waits_s: tuple[float, ...] = (1.0, 2.0, 4.0)
    timeout_s: float = 5.0
    refresh_every_s: float = 1.0
    ws_port: int = 0

    def __post_init__(self) -> None:
        problems = [f"channel {c.name}: kind {c.kind!r} is none of {', '.join(KINDS)}" for c in self.channels if c.kind not in KINDS]
        problems += [f"channel {c.name}: needs {' and '.join(_needed(c))}" for c in self.channels if not all(_needed(c).values())]
        problems += [f"channel {name}: named twice" for name in _twice(c.name for c in self.channels)]
        problems += [f"group {name}: named twice" for name in _twice(g.id for g in self.groups)]
        if problems:
            raise ValueError("; ".join(problems))


def _needed(channel: Channel) -> dict[str, str]:
    """What this kind of channel cannot do without, with the value it has."""
    if channel.kind == "aibot_ws":
        return {"bot_id": channel.bot_id, "secret": channel.secret}
    return {"token": channel.token, "aes_key": channel.aes_key}


def _twice(names: Any) -> list[str]:
    seen = list(names)
    return sorted({name for name in seen if seen.count(name) > 1})


def read_config(path: Path) -> SimulatorConfig:
    """The configuration in a YAML file; ValueError names what is wrong with it."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(raw, Mapping):
        raise ValueError(f"{path} holds no mapping")
    return parse_config(raw)


def parse_config(raw: Mapping[str, Any]) -> SimulatorConfig:
    """The configuration in a plain mapping (the shape of the YAML file)."""
    admins = set(raw.get("admins", ()))
    plain = {key: raw[key] for key in ("bot", "bot_name", "message_retries", "timeout_s", "refresh_every_s", "ws_port") if key in raw}
    if "retry_waits_s" in raw:
        plain["retry_waits_s"] = tuple(float(wait) for wait in raw["retry_waits_s"])
    try:
        return SimulatorConfig(
            corp_id=raw["corp_id"],
            channels=tuple(Channel(**channel) for channel in raw["channels"]),
            people=tuple(_person(person, admins) for person in raw.get("people", ())),
            groups=tuple(Group(**{**group, "members": tuple(group.get("members", ()))}) for group in raw.get("groups", ())),
            **plain,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"simulator configuration: {error}") from error


def _person(raw: Mapping[str, Any], admins: set[str]) -> Person:
    person = Person(**raw)
    return Person(person.user, person.name, person.admin or person.user in admins, person.external)
