"""What an operator does with an app at a terminal: say something at once, take it back, look after its groups and its menu."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot import bodies
from bot.app_api import AppApi, Receivers, SendResult
from bot.appchat import AppChats
from bot.client import WeComClient, Wire
from bot.config import AppChannel, Config
from bot.errors import UserError
from bot.files import sniff
from bot.media import MOST_BYTES, Account, Content, Kind, Media, of_app
from storage.app_chats import AppChatStore
from storage.connection import Database
from storage.events import Events
from storage.media import MediaStore
from storage.tokens import TokenStore

MOST_MESSAGES = 10
_KINDS: Mapping[str, Kind] = {"image/png": "image", "image/jpeg": "image", "audio/amr": "voice", "video/mp4": "video"}


@dataclass(frozen=True, slots=True)
class App:
    """One app of the configuration, with everything that can be asked of it."""

    name: str
    api: AppApi
    chats: AppChats
    media: Media
    account: Account


def open_app(config: Config, database: Database, name: str, now: Callable[[], datetime]) -> App:
    """The app of a channel, the first one when ``name`` is empty; raises UserError when there is none."""
    found = [channel for channel in config.channels if isinstance(channel, AppChannel) and name in ("", channel.name)]
    if not found:
        raise UserError(f"没有叫 {name} 的自建应用" if name else "没有配置自建应用：在 config.yaml 的 channels 里加一个 kind: app")
    channel = found[0]
    client = WeComClient(
        config.wecom.corp_id, channel.secret.get_secret_value(), wire=Wire(config.wecom.api_base), tokens=TokenStore(database), now=now
    )
    return App(
        channel.name, AppApi(client, channel.agent_id), AppChats(client, channel.name, AppChatStore(database)),
        Media(MediaStore(database), now), of_app(channel.name, client),
    )  # fmt: skip


def content_of(path: Path) -> Content:
    """A file as it will be shown: by its look a picture, a voice or a video, else a file under its name. Raises UserError."""
    try:
        if path.stat().st_size > MOST_BYTES["file"]:
            raise UserError(f"{path.name} 超过 {MOST_BYTES['file']} 字节，企业微信不收")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"读不了 {path}：{error.strerror}") from error
    return Content(_KINDS.get(sniff(data), "file"), data, path.name)


def messages_of(text: str, markdown: str) -> list[bodies.Body]:
    """What is to be said, in as many messages as it takes; raises UserError for more than a member is shown at once."""
    said = [*(bodies.texts(text) if text else []), *(bodies.markdowns(markdown) if markdown else [])]
    if len(said) > MOST_MESSAGES:
        raise UserError(f"太长：会分成 {len(said)} 条，一次最多 {MOST_MESSAGES} 条（超出每分钟 30 条的，企业微信会悄悄丢掉）")
    return said


def announce(app: App, to: Receivers, said: Sequence[bodies.Body], content: Content | None) -> list[SendResult]:
    """Sends texts, then a file, to the same receivers; gives what became of each. Raises ApiError."""
    results = [app.api.send(to, body) for body in said]
    if content:
        results.append(app.media.send(app.account, content, lambda media_id: app.api.send(to, _body_of(content, media_id))))
    return results


def say(app: App, chat: str, said: Sequence[bodies.Body], content: Content | None) -> None:
    """Says texts, then a file, in a group of the app's. Raises ApiError."""
    for body in said:
        app.chats.send(chat, body)
    if content:
        app.media.send(app.account, content, lambda media_id: app.chats.send(chat, _body_of(content, media_id)))


def record(events: Events, app: App, results: Sequence[SendResult], community: str, now: datetime) -> str:
    """Notes what was sent, so that it can be taken back; gives the id under which it was noted."""
    id = f"cli:{secrets.token_hex(4)}"
    for number, result in enumerate(results):
        part = id if number == 0 else f"{id}/{number + 1}"
        events.record(0, "outbound", community, now, {"via": "app", "app": app.name, **result.facts}, message=part)
    return id


def missed_lines(result: SendResult) -> list[str]:
    """Who was not reached, in Chinese, a line a reason."""
    named = (
        ("成员不存在或不在应用的可见范围内", result.invalid_users),
        ("部门不存在或不在应用的可见范围内", result.invalid_parties),
        ("标签不存在或不在应用的可见范围内", result.invalid_tags),
        ("成员没有企业微信接口许可", result.unlicensed_users),
    )
    return [f"没有送到 {'、'.join(ids)}：{why}" for why, ids in named if ids]


def _body_of(content: Content, media_id: str) -> dict[str, Any]:
    makers: Mapping[Kind, Callable[[str], bodies.Body]] = {
        "image": bodies.image, "voice": bodies.voice, "video": bodies.video, "file": bodies.file,
    }  # fmt: skip
    return makers[content.kind](media_id)
