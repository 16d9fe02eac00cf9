"""WeCom's rules for template cards (manual page 101032), as one check."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

INTERACTIVE = ("button_interaction", "vote_interaction", "multiple_interaction")
NOTICES = ("text_notice", "news_notice")
_TASK = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
_LIST_LIMITS = {"horizontal_content_list": 6, "jump_list": 3, "vertical_content_list": 4, "button_list": 6, "select_list": 3}


def find_problem(card: Any, kinds: Sequence[str] = NOTICES + INTERACTIVE) -> str:
    """What WeCom would refuse about a card, or the empty string."""
    if not isinstance(card, Mapping):
        return "template_card is not an object"
    kind = card.get("card_type")
    if kind not in kinds:
        return f"card_type {kind!r} is not allowed here"
    checks = (_long_list, _bad_task, _bad_notice, _bad_buttons, _bad_questions, _bad_menu)
    return next((problem for check in checks if (problem := check(card))), "")


def has_buttons(card: Mapping[str, Any]) -> bool:
    """True if a click on it calls the bot back."""
    return card.get("card_type") in INTERACTIVE or bool(card.get("action_menu"))


def _long_list(card: Mapping[str, Any]) -> str:
    for name, limit in _LIST_LIMITS.items():
        if len(card.get(name) or ()) > limit:
            return f"{name} has more than {limit} items"
    return ""


def _bad_task(card: Mapping[str, Any]) -> str:
    task = card.get("task_id")
    if task is None:
        needed = card["card_type"] in ("button_interaction", "vote_interaction") or card.get("action_menu")
        return "task_id is missing" if needed else ""
    return "" if isinstance(task, str) and _TASK.fullmatch(task) else "task_id has forbidden characters or more than 128 bytes"


def _bad_notice(card: Mapping[str, Any]) -> str:
    if card["card_type"] not in NOTICES:
        return ""
    title = (card.get("main_title") or {}).get("title")
    if card["card_type"] == "text_notice" and not title and not card.get("sub_title_text"):
        return "text_notice needs main_title.title or sub_title_text"
    if card["card_type"] == "news_notice" and not (card.get("card_image") or card.get("image_text_area")):
        return "news_notice needs card_image or image_text_area"
    return "" if (card.get("card_action") or {}).get("type") in (1, 2) else "card_action with type 1 or 2 is required"


def _bad_buttons(card: Mapping[str, Any]) -> str:
    if card["card_type"] != "button_interaction":
        return ""
    buttons = card.get("button_list") or []
    keys = [button.get("key") for button in buttons if not button.get("type")]
    if not buttons:
        return "button_list is missing"
    if any(not key or len(str(key).encode()) > 1024 for key in keys):
        return "a button has no key or one of more than 1024 bytes"
    return "two buttons have one key" if len(set(keys)) < len(keys) else ""


def _bad_questions(card: Mapping[str, Any]) -> str:
    if card["card_type"] not in ("vote_interaction", "multiple_interaction"):
        return ""
    if not (card.get("submit_button") or {}).get("key"):
        return "submit_button.key is missing"
    if card["card_type"] == "multiple_interaction":
        questions = card.get("select_list") or []
        return (
            "" if questions and all(1 <= len(q.get("option_list") or ()) <= 10 for q in questions) else "select_list: 1 to 10 options each"
        )
    options = (card.get("checkbox") or {}).get("option_list") or []
    if not 1 <= len(options) <= 20:
        return "checkbox.option_list has 1 to 20 options"
    return "an option id has more than 128 bytes" if any(len(str(o.get("id")).encode()) > 128 for o in options) else ""


def _bad_menu(card: Mapping[str, Any]) -> str:
    menu = card.get("action_menu")
    return "action_menu.action_list has 1 to 3 items" if menu and not 1 <= len(menu.get("action_list") or ()) <= 3 else ""
