"""WeCom's JSON: opened callbacks in, passive answers out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bot.channels.fields import Tree
from bot.errors import Refused


def read(payload: str) -> Tree:
    """The object in ``payload``. ``Refused`` for what is none."""
    try:
        tree: Tree = msgspec.json.decode(payload, type=dict)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "payload is not a JSON object") from error
    return tree


def write(fields: Mapping[str, object]) -> str:
    """``fields`` as compact JSON."""
    return msgspec.json.encode(fields).decode()
