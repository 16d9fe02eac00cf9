"""运营内容: 问答、词库、欢迎语、积分规则、推送 – as files, out and in. A new version is live in every process within two seconds."""

from __future__ import annotations

from datetime import datetime

from bot.errors import UserError
from rules.contents import KINDS, ContentProblem, Kind, parse
from storage.stores import Stores


def find_kind(name: str) -> Kind[object]:
    """A kind of content by its name, such as ``faq``, or its Chinese title. Raises UserError."""
    for kind in KINDS.values():
        if name in (kind.name, kind.title):
            return kind
    raise UserError(f"没有“{name}”这种内容，可以是：" + "、".join(f"{kind.name}（{kind.title}）" for kind in KINDS.values()))


def publish(stores: Stores, kind: Kind[object], text: str, author: str, now: datetime) -> int:
    """Puts a new version of a kind of content in force; gives its number. Raises UserError with every problem in it."""
    try:
        parse(kind, text)
    except ContentProblem as problem:
        raise UserError("\n".join(problem.problems)) from problem
    return stores.content.put(kind.name, text, author, now)


def current_text(stores: Stores, kind: Kind[object]) -> str:
    """The file in force. Raises UserError when there is none yet."""
    version = stores.content.versions().get(kind.name)
    if version is None:
        raise UserError(f"还没有{kind.title}：机器人第一次启动时才读入初始内容")
    return stores.content.text(kind.name, version)
