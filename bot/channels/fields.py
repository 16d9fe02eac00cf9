"""Reading fields out of decoded JSON or XML without trusting any of it: a field of the wrong shape reads as empty."""

from __future__ import annotations

from collections.abc import Mapping

from bot.channels.text import clean

Tree = Mapping[str, object]
"""A decoded JSON object or XML element; what stands below it is checked at reading."""

MAX_LEAF_CHARS = 4_096
"""Ids, keys and addresses beyond this are cut; texts are read whole."""

MAX_ITEMS = 2_000
"""No list of WeCom's is longer: a group has at most 2,000 members."""

_MAX_DEPTH = 12
_EMPTY: Tree = {}


def branch(tree: Tree, *names: str) -> Tree:
    """The first object among the fields ``names``, or an empty one."""
    for name in names:
        value = tree.get(name)
        if isinstance(value, dict):
            return value
    return _EMPTY


def leaf(tree: Tree, *names: str) -> str:
    """The first text or whole number among the fields ``names``, as one clean line-safe text, or ""."""
    for name in names:
        found = _as_text(tree.get(name))
        if found:
            return clean(found)[:MAX_LEAF_CHARS].strip()
    return ""


def text(tree: Tree, *names: str) -> str:
    """The first text among the fields ``names`` as it came, or ""."""
    for name in names:
        value = tree.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def place(tree: Tree) -> tuple[str, bool]:
    """The chat id ("" in a single chat), and whether the place is known.

    A group's message without its chat id must not pass as a private one: private things would be said in public.
    """
    kind, chat = leaf(tree, "chattype"), leaf(tree, "chatid")
    if kind == "single":
        return "", True
    return chat, bool(chat) or not kind


def number(tree: Tree, name: str) -> int:
    """A field's whole number, not below 0; 0 where there is none."""
    value = _as_text(tree.get(name))
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 15 else 0


def branches(value: object) -> list[Tree]:
    """The objects in ``value``, be it a list of them or a single one."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items[:MAX_ITEMS] if isinstance(item, dict)]


def leaves(value: object) -> tuple[str, ...]:
    """The texts in ``value``, be it a list of them or a single one."""
    items = value if isinstance(value, list) else [value]
    return tuple(clean(found)[:MAX_LEAF_CHARS] for item in items[:MAX_ITEMS] if (found := _as_text(item)))


def folded(tree: Tree) -> Tree:
    """``tree`` with all field names in one spelling: ``EventKey``, ``event_key`` and ``eventkey`` become ``eventkey``.

    WeCom's tables, samples and SDKs disagree about them. What lies deeper than any message of WeCom's is dropped.
    """
    return {_fold_name(name): _fold(value, _MAX_DEPTH) for name, value in tree.items()}


def _fold(value: object, depth: int) -> object:
    if depth == 0:
        return None
    if isinstance(value, dict):
        return {_fold_name(name): _fold(item, depth - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_fold(item, depth - 1) for item in value[:MAX_ITEMS]]
    return value


def _fold_name(name: str) -> str:
    return name.replace("_", "").lower()


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**20:
        return str(value)
    return ""
