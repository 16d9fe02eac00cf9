"""Login links of the console: made in chat and on the command line, good once and for five minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.config import ServerConfig
from storage.stores import Stores

CONSOLE = "/console/"


@dataclass(frozen=True, slots=True)
class LoginLink:
    """A way into the console. The code stands behind ``#``, where no server and no proxy logs it; ``page`` is where it can be typed instead."""

    url: str
    page: str
    code: str
    is_local: bool


def login_link(stores: Stores, server: ServerConfig, number: int, now: datetime) -> LoginLink:
    """A login link for a member. Without ``server.public_url`` it is ``is_local``: the address that the bot listens at."""
    page = f"{base_url(server)}{CONSOLE}login"
    code = stores.sessions.invite(number, now)
    return LoginLink(f"{page}#{code}", page, code, not server.public_url)


def base_url(server: ServerConfig) -> str:
    """What links to the bot begin with."""
    if server.public_url:
        return server.public_url
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104 - what it is replaced by
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{server.port}"
