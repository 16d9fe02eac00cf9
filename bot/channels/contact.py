"""客户联系 and 通讯录 events: XML callbacks → ``Message`` (paths 92130, 90376). They allow no passive answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.channels import xml
from bot.channels.fields import MAX_ITEMS, Tree, leaf, leaves, number
from bot.channels.text import digest, identity
from bot.message import Event, Message, Reply

_MARKS = ("FromUserName", "CreateTime", "UserID", "ExternalUserID", "ChatId", "ChangeType")


def parse(payload: str, *, channel: str, names: tuple[str, ...] = ()) -> Message:
    """The event in an opened callback. ``Refused`` only for what is no XML document of WeCom's."""
    del names  # nobody is mentioned here
    return from_tree(xml.read(payload), payload, channel=channel)


def render(message: Message, replies: Sequence[Reply], *, corp_id: str = "", as_json: bool = False) -> str:
    """Always "": WeCom takes no answer to these events."""
    del message, replies, corp_id, as_json
    return ""


def from_tree(tree: Tree, payload: str, *, channel: str) -> Message:
    """The event in ``tree``, also for an app that is permitted to receive these events."""
    event = event_of(tree)
    return Message(
        id=_id(tree, event, payload),
        channel=channel,
        kind="event" if event else "unknown",
        user=leaf(tree, "UserID") or leaf(tree, "FromUserName"),
        chat=leaf(tree, "ChatId"),
        name=leaf(tree, "Name"),
        sent_at=number(tree, "CreateTime"),
        event=event,
    )


def is_change(tree: Tree) -> bool:
    """Whether ``tree`` is one of the events of this module."""
    return leaf(tree, "Event") in _READERS


def event_of(tree: Tree) -> Event | None:
    """The event that ``tree`` tells of, or None if it is none."""
    name = leaf(tree, "Event")
    if leaf(tree, "MsgType") != "event" or not name:
        return None
    return _READERS.get(name, _read_other)(name, tree)


def _read_chat(name: str, tree: Tree) -> Event:
    """A customer group changed: ``key`` is "last/current" roster version, ``selected`` holds the scenes and the announced count."""
    change = leaf(tree, "ChangeType")
    versions = (leaf(tree, "LastMemVer"), leaf(tree, "CurMemVer"))
    return Event(
        name,
        detail=(leaf(tree, "UpdateDetail") or change) if change == "update" else change,
        key="/".join(versions) if any(versions) else "",
        members=_members(tree.get("MemChangeList")),
        selected=_present(tree, join_scene="JoinScene", quit_scene="QuitScene", count="MemChangeCnt"),
    )


def _read_customer(name: str, tree: Tree) -> Event:
    """An employee's customer came or went: ``key`` is the contact way's state, or why it failed."""
    return Event(
        name,
        detail=leaf(tree, "ChangeType"),
        key=leaf(tree, "State", "FailReason", "Source"),
        members=leaves(tree.get("ExternalUserID")),
        code=leaf(tree, "WelcomeCode"),
    )


def _read_directory(name: str, tree: Tree) -> Event:
    """The company's directory changed: ``members`` is the member, followed by his new id if that changed, or all of a tag's change."""
    added, removed = _split(leaf(tree, "AddUserItems")), _split(leaf(tree, "DelUserItems"))
    changes = {"added": added, "removed": removed}
    return Event(
        name,
        detail=leaf(tree, "ChangeType"),
        key=leaf(tree, "TagId", "Id"),
        members=tuple(filter(None, (leaf(tree, "UserID"), leaf(tree, "NewUserID")))) or added + removed,
        selected={what: who for what, who in changes.items() if who},
    )


def _read_other(name: str, tree: Tree) -> Event:
    return Event(name, detail=leaf(tree, "ChangeType"), key=leaf(tree, "EventKey", "Id"))


_READERS: dict[str, Callable[[str, Tree], Event]] = {
    "change_external_chat": _read_chat,
    "change_external_contact": _read_customer,
    "change_contact": _read_directory,
}


def _members(value: object) -> tuple[str, ...]:
    """A list of items, one comma-joined text in older payloads, nothing in the oldest."""
    if isinstance(value, dict):
        return tuple(one.strip() for one in leaves(value.get("Item")) if one.strip())
    return _split(value) if isinstance(value, str) else ()


def _split(joined: str) -> tuple[str, ...]:
    return tuple(one for part in joined.split(",")[:MAX_ITEMS] if (one := part.strip()))


def _present(tree: Tree, **fields: str) -> dict[str, tuple[str, ...]]:
    return {ours: (value,) for ours, theirs in fields.items() if (value := leaf(tree, theirs))}


def _id(tree: Tree, event: Event | None, payload: str) -> str:
    given = leaf(tree, "MsgId")
    if given or event is None or event.name not in _READERS:
        return identity(given, payload)
    marks = [leaf(tree, name) for name in _MARKS]
    return digest("e", *marks, event.name, event.detail, event.key, event.members)
