"""WeCom's XML: opened callbacks in, passive answers out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.parsers.expat import ExpatError

import xmltodict

from bot.channels.fields import Tree
from bot.channels.text import clean
from bot.errors import Refused

MAX_CHARS = 524_288
_MAX_DEPTH = 12
_LISTS = ("SelectedItem", "OptionId", "Item", "MsgItem", "Actions")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# Words that WeCom's JSON writes as one and its XML as two (path 90241).
_TWO_WORDS = {"keyname": "KeyName", "appid": "AppId", "pagepath": "PagePath", "userid": "UserId", "checkbox": "CheckBox"}


def read(payload: str) -> Tree:
    """The fields below ``<xml>``; repeated elements are lists. ``Refused`` for what is no such document.

    Entities are refused, attributes and comments ignored, depth and size bounded.
    """
    if len(payload) > MAX_CHARS:
        raise Refused(400, "payload is too large")
    try:
        document = xmltodict.parse(payload, xml_attribs=False, force_list=_LISTS, postprocessor=_bounded)
    except (ExpatError, ValueError) as error:
        raise Refused(400, "payload is not XML") from error
    root = document.get("xml") if isinstance(document, dict) else None
    if not isinstance(root, dict):
        raise Refused(400, "payload has no element xml")
    return root


def write(fields: Mapping[str, object]) -> str:
    """``<xml>`` around ``fields``: texts as CDATA, numbers bare, lists as repeated siblings, None left out. Names are taken as they are."""
    return f"<xml>{_children(fields)}</xml>"


def camel_case(card: Mapping[str, object]) -> dict[str, object]:
    """A template card in the names of WeCom's XML: ``main_title`` → ``MainTitle``, ``keyname`` → ``KeyName``."""
    return {_camel_name(name): _camel(value) for name, value in card.items()}


def _camel(value: object) -> object:
    if isinstance(value, Mapping):
        return camel_case(value)
    if isinstance(value, list | tuple):
        return [_camel(item) for item in value]
    return value


def _camel_name(name: str) -> str:
    return "".join(_TWO_WORDS.get(word) or word[:1].upper() + word[1:] for word in name.split("_"))


def _children(fields: Mapping[str, object]) -> str:
    return "".join(_element(name, value) for name, value in fields.items() if _NAME.fullmatch(name))


def _element(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "".join(_element(name, item) for item in value)
    return f"<{name}>{_content(value)}</{name}>"


def _content(value: object) -> str:
    if isinstance(value, Mapping):
        return _children(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    # A section ends at the first "]]>", so one inside the text is split over two sections.
    return "<![CDATA[" + clean(str(value)).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _bounded(path: list[tuple[str, object]], name: str, value: object) -> tuple[str, object]:
    if len(path) > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    return name, value
