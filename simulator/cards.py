"""WeCom's rules for template cards (manual pages 101032, 90236, 99110), as one check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

INTERACTIVE = ("button_interaction", "vote_interaction", "multiple_interaction")
NOTICES = ("text_notice", "news_notice")
KEY_BYTES = 1_024
OPTION_BYTES = 128
QUESTION_BYTES = 200
_TASK = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
_LIST_LIMITS = {"horizontal_content_list": 6, "jump_list": 3, "vertical_content_list": 4, "button_list": 6, "select_list": 3}
_FACT_TYPES = {"aibot": (0, 1, 3), "app": (0, 1, 2, 3), "webhook": (0, 1, 3)}
"""A file to download is an app's; every type needs a field of its own."""
_FACT_NEEDS = {1: "url", 2: "media_id", 3: "userid"}


def find_problem(card: Any, kinds: Sequence[str] = NOTICES + INTERACTIVE, *, place: str = "aibot") -> str:
    """What WeCom would refuse about a card, or the empty string. ``place`` is aibot, app or webhook."""
    if not isinstance(card, Mapping):
        return "template_card is not an object"
    kind = card.get("card_type")
    if kind not in kinds:
        return f"card_type {kind!r} is not allowed here"
    checks: tuple[Callable[[Mapping[str, Any]], str], ...] = (
        _bad_shape, _long_list, _bad_task, _bad_notice, _bad_questions, _bad_menu, _bad_jumps, _bad_pictures,
    )  # fmt: skip
    placed: tuple[Callable[[Mapping[str, Any], str], str], ...] = (_bad_buttons, _bad_facts, _not_for_webhooks)
    found = next((problem for check in checks if (problem := check(card))), "")
    return found or next((problem for check_there in placed if (problem := check_there(card, place))), "")


def has_buttons(card: Mapping[str, Any]) -> bool:
    """True if a click on it calls the bot back."""
    return card.get("card_type") in INTERACTIVE or bool(card.get("action_menu"))


def _bad_shape(card: Mapping[str, Any]) -> str:
    """A list has to be a list of objects, an area an object."""
    for name, value in card.items():
        if name.endswith("_list") and not (isinstance(value, list) and all(isinstance(item, Mapping) for item in value)):
            return f"{name} is not a list of objects"
    areas = ("main_title", "card_action", "action_menu", "checkbox", "submit_button", "button_selection", "card_image", "image_text_area")
    wrong = [name for name in areas if card.get(name) is not None and not isinstance(card[name], Mapping)]
    return f"{wrong[0]} is not an object" if wrong else ""


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
    if card["card_type"] == "news_notice" and not card.get("main_title"):
        return "news_notice needs main_title"
    if card["card_type"] == "news_notice" and not (card.get("card_image") or card.get("image_text_area")):
        return "news_notice needs card_image or image_text_area"
    return "" if _leads_somewhere(card.get("card_action") or {}) else "card_action with type 1 and url or type 2 and appid is required"


def _leads_somewhere(action: Mapping[str, Any]) -> bool:
    return bool((action.get("type") == 1 and action.get("url")) or (action.get("type") == 2 and action.get("appid")))


def _bad_buttons(card: Mapping[str, Any], place: str) -> str:
    if card["card_type"] != "button_interaction":
        return ""
    buttons = card.get("button_list") or []
    pressed = [button for button in buttons if not (place == "app" and button.get("type") == 1)]
    if not buttons:
        return "button_list is missing"
    if any(not button.get("text") for button in buttons):
        return "a button has no text"
    if any(button.get("style", 1) not in (1, 2, 3, 4) for button in buttons):
        return "a button's style is 1 to 4"
    if any(not button.get("url") for button in buttons if button not in pressed):
        return "a button of type 1 has no url"
    if any(not _fits(button.get("key"), KEY_BYTES) for button in pressed):
        return f"a button has no key or one of more than {KEY_BYTES} bytes"
    if _has_twins(str(button.get("key")) for button in pressed):
        return "two buttons have one key"
    return _bad_options("button_selection", card["button_selection"], 10) if card.get("button_selection") else ""


def _bad_questions(card: Mapping[str, Any]) -> str:
    if card["card_type"] not in ("vote_interaction", "multiple_interaction"):
        return ""
    if not _fits((card.get("submit_button") or {}).get("key"), KEY_BYTES):
        return f"submit_button.key is missing or has more than {KEY_BYTES} bytes"
    if card["card_type"] == "vote_interaction":
        return _bad_checkbox(card.get("checkbox") or {})
    questions = card.get("select_list") or []
    if not questions:
        return "select_list is missing"
    if _has_twins(str(question.get("question_key")) for question in questions):
        return "two questions have one question_key"
    return next((problem for question in questions if (problem := _bad_options("select_list", question, 10))), "")


def _bad_checkbox(box: Mapping[str, Any]) -> str:
    if box.get("mode", 0) not in (0, 1):
        return "checkbox.mode is 0 or 1"
    return _bad_options("checkbox", box, 20)


def _bad_options(where: str, question: Mapping[str, Any], most: int) -> str:
    options = question.get("option_list") or []
    if not question.get("question_key"):
        return f"{where}.question_key is missing"
    if not isinstance(options, list) or not 1 <= len(options) <= most or not all(isinstance(option, Mapping) for option in options):
        return f"{where}.option_list has 1 to {most} options"
    if any(not _fits(option.get("id"), OPTION_BYTES) or not option.get("text") for option in options):
        return f"an option of {where} has no id, one of more than {OPTION_BYTES} bytes, or no text"
    return f"two options of {where} have one id" if _has_twins(str(option["id"]) for option in options) else ""


def _bad_menu(card: Mapping[str, Any]) -> str:
    menu = card.get("action_menu")
    if not menu:
        return ""
    actions = menu.get("action_list") or ()
    if not 1 <= len(actions) <= 3:
        return "action_menu.action_list has 1 to 3 items"
    if any(not action.get("text") or not _fits(action.get("key"), KEY_BYTES) for action in actions):
        return f"an action of action_menu has no text, no key, or one of more than {KEY_BYTES} bytes"
    return "two actions of action_menu have one key" if _has_twins(str(action["key"]) for action in actions) else ""


def _bad_jumps(card: Mapping[str, Any]) -> str:
    for jump in card.get("jump_list") or ():
        if not jump.get("title"):
            return "a jump has no title"
        needs = {"1": "url", "2": "appid", "3": "question"}.get(str(jump.get("type", 0)))
        if needs and not jump.get(needs):
            return f"a jump of type {jump['type']} needs {needs}"
        if len(str(jump.get("question", "")).encode()) > QUESTION_BYTES:
            return f"jump_list.question has more than {QUESTION_BYTES} bytes"
    return ""


def _bad_facts(card: Mapping[str, Any], place: str) -> str:
    for fact in card.get("horizontal_content_list") or ():
        kind = fact.get("type", 0)
        if not fact.get("keyname"):
            return "horizontal_content_list.keyname is missing"
        if kind not in _FACT_TYPES[place]:
            return f"horizontal_content_list.type {kind!r} is not allowed here"
        if kind and not fact.get(_FACT_NEEDS[kind]):
            return f"horizontal_content_list of type {kind} needs {_FACT_NEEDS[kind]}"
    return ""


def _bad_pictures(card: Mapping[str, Any]) -> str:
    picture = card.get("card_image")
    if not picture:
        return ""
    ratio = picture.get("aspect_ratio", 1.3)
    if not picture.get("url"):
        return "card_image.url is missing"
    return "" if isinstance(ratio, int | float) and 1.3 <= ratio <= 2.25 else "card_image.aspect_ratio is between 1.3 and 2.25"


def _not_for_webhooks(card: Mapping[str, Any], place: str) -> str:
    if place != "webhook":
        return ""
    if card["card_type"] not in NOTICES:
        return "a webhook shows text_notice and news_notice only"
    extra = [name for name in ("task_id", "action_menu") if card.get(name)]
    return f"{extra[0]} is not allowed through a webhook" if extra else ""


def _fits(key: Any, most_bytes: int) -> bool:
    return isinstance(key, str) and 0 < len(key.encode()) <= most_bytes


def _has_twins(keys: Any) -> bool:
    return any(count > 1 for count in Counter(keys).values())
