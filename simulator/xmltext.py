"""WeCom's XML dialect: text in CDATA, numbers bare, lists as repeated siblings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

_LISTS = frozenset(
    {"horizontal_content_list", "vertical_content_list", "jump_list", "button_list", "select_list", "option_list", "action_list"}
)
_NAMES = {"KeyName": "keyname", "CheckBox": "checkbox", "AppId": "appid", "PagePath": "pagepath", "UserId": "userid"}
_NUMBERS = frozenset({"type", "style", "desc_color", "mode"})


def to_xml(fields: Mapping[str, Any]) -> str:
    """The ``<xml>`` text of nested fields: str becomes CDATA, int stays bare, None is left out, a list repeats its element."""
    return f"<xml>{_inner(fields)}</xml>"


def _inner(fields: Mapping[str, Any]) -> str:
    return "".join(_element(name, value) for name, value in fields.items())


def _element(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        return f"<{name}>{_inner(value)}</{name}>"
    if isinstance(value, int | float):
        return f"<{name}>{value}</{name}>"
    safe = str(value).replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{safe}]]></{name}>"


def from_xml(text: str) -> dict[str, Any]:
    """The fields of an ``<xml>`` text; a repeated element becomes a list. ValueError when it is none."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("an XML answer with a document type is not accepted")
    try:
        found = _fields(ET.fromstring(text))  # noqa: S314 - document types were refused above
    except ET.ParseError as error:
        raise ValueError(f"not XML: {error}") from error
    return found if isinstance(found, dict) else {}


def _fields(element: ET.Element) -> dict[str, Any] | str:
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        value = _fields(child)
        if child.tag not in found:
            found[child.tag] = value
        elif isinstance(found[child.tag], list):
            found[child.tag].append(value)
        else:
            found[child.tag] = [found[child.tag], value]
    return found


def card_from_xml(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A template card written in CamelCase XML, in its JSON shape."""
    return {_snake(name): _card_value(_snake(name), value) for name, value in fields.items()}


def _card_value(name: str, value: Any) -> Any:
    if name in _LISTS:
        return [_card_value("", item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(value, Mapping):
        return card_from_xml(value)
    if name in _NUMBERS and str(value).isdigit():
        return int(value)
    return value


def _snake(name: str) -> str:
    return _NAMES.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
