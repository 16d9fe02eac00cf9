"""The bodies of what an app, a group of an app's, or a webhook says: each type of message with its limits (paths 90236, 90248, 99110).

A body is WeCom's JSON without its receivers. Texts that are too long become several bodies, titles and descriptions are cut as WeCom itself
would; what cannot be saved that way is a BodyError before anything is sent.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.channels.pieces import split
from bot.channels.text import clean, cut
from bot.errors import UserError
from bot.files import sniff

Body = dict[str, Any]

TEXT_BYTES = 2_048
TITLE_BYTES = 128
DESCRIPTION_BYTES = 512
ADDRESS_BYTES = 2_048
BUTTON_CHARS = 4
MOST_ARTICLES = 8
WEBHOOK_IMAGE_BYTES = 2_097_152


class BodyError(UserError):
    """A message that WeCom would refuse; says in Chinese which field is wrong and what its limit is."""


@dataclass(frozen=True, slots=True)
class Article:
    """One entry of a news message: the first is shown large. ``picture`` is the address of a JPG or PNG."""

    title: str
    url: str
    description: str = ""
    picture: str = ""


def texts(content: str, *, mentions: Sequence[str] = ()) -> list[Body]:
    """A text in as many bodies as it takes. ``mentions`` are user ids to call, or ``@all``: in groups only, with the first body."""
    bodies = [{"msgtype": "text", "text": {"content": part}} for part in _parts(content)]
    if mentions:
        bodies[0]["text"] = {**bodies[0]["text"], "mentioned_list": list(mentions)}  # type: ignore[dict-item]
    return bodies


def markdowns(content: str) -> list[Body]:
    """Markdown in as many bodies as it takes: headings, bold, links, quotes and three colours, nothing else is shown."""
    return [{"msgtype": "markdown", "markdown": {"content": part}} for part in _parts(content)]


def text_card(title: str, description: str, url: str, *, button: str = "详情") -> Body:
    """A card that leads to one address. ``description`` may hold ``<div class="gray|normal|highlight">``."""
    if not 1 <= len(button) <= BUTTON_CHARS:
        raise BodyError(f"文本卡片的按钮文字应为 1 到 {BUTTON_CHARS} 个字")
    card = {"title": _title(title), "description": _filled("description", cut(description, DESCRIPTION_BYTES)), "url": _address(url)}
    return {"msgtype": "textcard", "textcard": {**card, "btntxt": button}}


def news(articles: Sequence[Article]) -> Body:
    """One to eight articles."""
    if not 1 <= len(articles) <= MOST_ARTICLES:
        raise BodyError(f"图文消息应有 1 到 {MOST_ARTICLES} 条，现为 {len(articles)} 条")
    return {"msgtype": "news", "news": {"articles": [_article(article) for article in articles]}}


def image(media_id: str) -> Body:
    """An uploaded picture."""
    return _uploaded("image", media_id)


def voice(media_id: str) -> Body:
    """An uploaded voice."""
    return _uploaded("voice", media_id)


def file(media_id: str) -> Body:
    """An uploaded file; its name was given with the upload."""
    return _uploaded("file", media_id)


def video(media_id: str, *, title: str = "", description: str = "") -> Body:
    """An uploaded video."""
    body = _uploaded("video", media_id)
    said = {"title": cut(title, TITLE_BYTES), "description": cut(description, DESCRIPTION_BYTES)}
    return {**body, "video": {**body["video"], **{name: text for name, text in said.items() if text}}}


def template_card(card: Mapping[str, Any]) -> Body:
    """A template card in WeCom's JSON shape."""
    return {"msgtype": "template_card", "template_card": dict(card)}


def raw(kind: str, content: Mapping[str, Any]) -> Body:
    """Any other type, as WeCom's page has it: ``mpnews``, ``miniprogram_notice``. WeCom alone judges it."""
    if not kind.isidentifier():
        raise BodyError("消息类型只由英文字母、数字和下划线组成")
    return {"msgtype": kind, kind: dict(content)}


def webhook_image(data: bytes) -> Body:
    """A picture for a webhook: JPG or PNG, at most 2 MB, sent with the message itself (path 99110)."""
    if len(data) > WEBHOOK_IMAGE_BYTES:
        raise BodyError(f"图片有 {len(data)} 字节，webhook 最多 {WEBHOOK_IMAGE_BYTES} 字节")
    if sniff(data) not in ("image/png", "image/jpeg"):
        raise BodyError("图片只能是 JPG 或 PNG")
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return {"msgtype": "image", "image": {"base64": base64.b64encode(data).decode(), "md5": digest}}


def _parts(content: str) -> list[str]:
    # WeCom takes no empty text, and a part between two long ones may be all blanks
    return [part for part in split(_filled("content", clean(content)), TEXT_BYTES) if part.strip()]


def _article(article: Article) -> dict[str, str]:
    found = {"title": _title(article.title), "url": _address(article.url), "description": cut(article.description, DESCRIPTION_BYTES)}
    if article.picture:
        found["picurl"] = _address(article.picture)
    return {name: text for name, text in found.items() if text}


def _uploaded(kind: str, media_id: str) -> Body:
    return {"msgtype": kind, kind: {"media_id": _filled("media_id", media_id)}}


def _title(title: str) -> str:
    return _filled("title", cut(title, TITLE_BYTES))


def _filled(name: str, text: str) -> str:
    if not text.strip():
        raise BodyError(f"{name} 是空的")
    return text


def _address(url: str) -> str:
    if len(url.encode()) > ADDRESS_BYTES:
        raise BodyError(f"网址超过 {ADDRESS_BYTES} 字节")
    try:
        is_whole = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        is_whole = False
    if not is_whole or any(character.isspace() for character in url):
        raise BodyError("网址应以 http:// 或 https:// 开头，不含空格")
    return url
