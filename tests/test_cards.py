"""Template cards: what can be built WeCom takes, a click and a typed number do the same, a case is decided once."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from casework import RUDE, in_service
from chat import ADMINS, FAR, MAIN, Chat, OpenChat, Said, a_config
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cards import (
    Button,
    ButtonInteraction,
    CardError,
    Checkbox,
    Emphasis,
    Fact,
    ImageText,
    Jump,
    Link,
    Menu,
    MenuItem,
    MultipleInteraction,
    NewsNotice,
    Option,
    Paragraph,
    Picture,
    Place,
    QuoteArea,
    Select,
    Source,
    Submit,
    TextNotice,
    VoteInteraction,
    click_of,
    task_of,
)
from bot.channels import KINDS
from bot.client import WeComClient, Wire
from bot.config import AibotWsChannel
from bot.context import Context
from bot.deliveries import as_card, to_member
from bot.longframes import answer_by_link
from bot.message import Card, Event, Message, Prompt, Replies, Reply
from bot.router import Router
from bot.sender import Sender
from bot.ways import Lookups, Ways
from bot.worker import recover_once
from simulator.cards import find_problem
from simulator.config import Channel, Person, SimulatorConfig
from simulator.pretend import PretendWeCom
from simulator.server import serve
from storage.limits import Limits
from storage.tokens import TokenStore

pytest_plugins = ("chat",)

URL = "https://e.example/x"
TASK = "poll@7"
CODE = "RESPONSE-CODE-SECRET"
YES_NO = (Button("同意", "poll:7:yes"), Button("不同意", "poll:7:no", style=2))
TWO = (Option("a", "甲"), Option("b", "乙"))

# What WeCom takes: written from the protocol page alone, for the JSON that goes over the wire -----------------------------------

NOTICES, ASKING = {"text_notice", "news_notice"}, {"button_interaction", "vote_interaction", "multiple_interaction"}


def problems(card: dict[str, Any], place: str) -> list[str]:
    """Everything about a card that breaks a hard limit of the manual."""
    kind = card["card_type"]
    rules: dict[str, object] = {
        "kind": kind in NOTICES or (place != "webhook" and kind in ASKING),
        "lists": all(
            len(card.get(name, [])) <= most
            for name, most in (
                ("horizontal_content_list", 6),
                ("jump_list", 3),
                ("vertical_content_list", 4),
                ("button_list", 6),
                ("select_list", 3),
            )
        ),
        "question": all(len(jump.get("question", "").encode()) <= 200 for jump in card.get("jump_list", [])),
        "task": re.fullmatch(r"[0-9A-Za-z_\-@]{1,128}", card.get("task_id", "none")),
        "task missing": "task_id" in card or (kind in NOTICES and "action_menu" not in card),
        "webhook": place != "webhook" or not {"task_id", "action_menu"} & card.keys(),
        "menu": "action_menu" not in card or 1 <= len(card["action_menu"]["action_list"]) <= 3,
        "menu keys": all(item["text"] and item["key"] for item in card.get("action_menu", {}).get("action_list", [])),
        "facts": all(
            fact["keyname"] and fact.get("type", 0) in ({0, 1, 2, 3} if place == "app" else {0, 1, 3})
            for fact in card.get("horizontal_content_list", [])
        ),
        "updates only": "replace_text" not in card and '"disable"' not in json.dumps(card),
    }
    rules |= of_notice(card) if kind in NOTICES else of_buttons(card, place) if kind == "button_interaction" else of_questions(card)
    return [name for name, holds in rules.items() if not holds]


def of_notice(card: dict[str, Any]) -> dict[str, object]:
    action, title = card.get("card_action", {}), card.get("main_title", {}).get("title")
    leads = {1: action.get("url"), 2: action.get("appid")}.get(action.get("type"))
    if card["card_type"] == "text_notice":
        return {"card_action": leads, "title": title or card.get("sub_title_text")}
    ratio = card.get("card_image", {}).get("aspect_ratio", 1.3)
    return {
        "card_action": leads,
        "title": title,
        "picture": "card_image" in card or "image_text_area" in card,
        "ratio": 1.3 <= ratio <= 2.25,
    }


def of_buttons(card: dict[str, Any], place: str) -> dict[str, object]:
    buttons = card["button_list"]
    keys = [button["key"] for button in buttons if place != "app" or button["type"] == 0]
    return {
        "buttons": buttons and all(button["style"] in {1, 2, 3, 4} and button["text"] for button in buttons),
        "button keys": len(set(keys)) == len(keys) and all(0 < len(key.encode()) <= 1024 for key in keys),
        "pages": all(button["url"] for button in buttons if button.get("type") == 1),
        "options": all(are_options(question, 10) for question in (card[name] for name in ("button_selection",) if name in card)),
    }


def of_questions(card: dict[str, Any]) -> dict[str, object]:
    boxes = [card["checkbox"]] if card["card_type"] == "vote_interaction" else card["select_list"]
    return {
        "submit": card["submit_button"]["key"],
        "questions": boxes and all(are_options(box, 10 if "select_list" in card else 20) for box in boxes),
        "mode": all(box.get("mode", 0) in {0, 1} for box in boxes),
    }


def are_options(question: dict[str, Any], most: int) -> bool:
    ids = [option["id"] for option in question["option_list"]]
    well_formed = len(set(ids)) == len(ids) and all(0 < len(id.encode()) <= 128 for id in ids)
    return bool(question["question_key"]) and 1 <= len(ids) <= most and well_formed


# Cards of all sorts, too large ones among them ------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(["", " ", "积分榜", "x" * 300, "字" * 120])
said = st.sampled_from(["积分榜", "x" * 300, "字" * 120]) | st.text("字a1 #*>\n", max_size=30).map(lambda text: "题" + text)
keys = st.text("abc:字-\n", max_size=12) | st.sampled_from(["k" * 1_024, "k" * 1_025, "字" * 342])
ids = st.text("ab字", max_size=5) | st.sampled_from(["i" * 128, "i" * 129, "字" * 43])
links = st.just(Link(URL)) | st.just(Link(appid="wx1", pagepath="p"))
tasks = st.sampled_from(["", TASK, "t" * 128, "t" * 129, "字", "a b"])


def several(of: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=most + 1).map(tuple)


options = several(st.builds(Option, ids, words), 21)
selects = st.builds(Select, keys, options, title=words)
head: dict[str, st.SearchStrategy[Any]] = {"title": words, "desc": words, "source": st.none() | st.builds(Source, words), "task": tasks}
told: dict[str, st.SearchStrategy[Any]] = {
    "quote": st.none() | st.builds(QuoteArea, words, words, st.none() | links),
    "facts": several(st.builds(Fact, words, words, url=st.sampled_from(["", URL])) | st.builds(Fact, words, media_id=st.just("M")), 6),
    "menu": st.none() | st.builds(Menu, several(st.builds(MenuItem, words, keys), 3)),
    "action": st.none() | links,
}
notice = head | told | {"jumps": several(st.builds(Jump, words, links) | st.builds(Jump, words, question=words), 3)}
buttons = several(st.builds(Button, words, keys, style=st.integers(0, 5)) | st.builds(Button, words, url=st.just(URL)), 6)
cards: list[st.SearchStrategy[Any]] = [
    st.builds(TextNotice, **notice, sub_title=words, emphasis=st.none() | st.builds(Emphasis, words, words)),
    st.builds(
        NewsNotice,
        **notice,
        picture=st.none() | st.builds(Picture, st.just(URL), st.floats(1, 3)),
        image_text=st.none() | st.builds(ImageText, st.just(URL), words),
        paragraphs=several(st.builds(Paragraph, words, words), 4),
    ),
    st.builds(ButtonInteraction, **head, **told, buttons=buttons, sub_title=words, select=st.none() | selects),
    st.builds(VoteInteraction, **head, checkbox=st.builds(Checkbox, keys, options, st.booleans()), submit=st.builds(Submit, keys)),
    st.builds(MultipleInteraction, **head, selects=several(selects, 3), submit=st.builds(Submit, keys)),
]


@st.composite
def built(draw: st.DrawFn) -> Any:
    """A card that could be built, or None: the limit it broke was named."""
    try:
        return draw(st.one_of(cards))
    except CardError as error:
        assert error.field
        assert str(error) != error.field
        return None


# Valid by construction, so that the property is not about refusals only.
few_options = st.integers(1, 10).map(lambda n: tuple(Option(f"o{i}", f"选项 {i}") for i in range(n)))
good_select = st.builds(lambda n, options, title: Select(f"q{n}", options, title), st.integers(0, 99), few_options, words)
good_facts = st.lists(st.builds(Fact, said, words, url=st.sampled_from(["", URL])), max_size=6).map(tuple)
good_menu = st.none() | st.integers(1, 3).map(lambda n: Menu(tuple(MenuItem(f"项 {i}", f"menu:{i}") for i in range(n))))
good_head: dict[str, st.SearchStrategy[Any]] = {"title": said, "desc": words, "task": st.just(TASK)}
good_told: dict[str, st.SearchStrategy[Any]] = {"facts": good_facts, "menu": good_menu, "action": links}
good: st.SearchStrategy[Any] = st.one_of(
    st.builds(TextNotice, **good_head, **good_told, sub_title=words),
    st.builds(NewsNotice, **good_head, **good_told, picture=st.just(Picture(URL, 2.25))),
    st.builds(
        ButtonInteraction,
        **good_head,
        **good_told,
        buttons=st.integers(1, 6).map(lambda n: tuple(Button(f"按钮 {i}", f"poll:7:{i}") for i in range(n))),
        select=st.none() | good_select,
    ),
    st.builds(
        VoteInteraction,
        **good_head,
        checkbox=st.builds(lambda options, many: Checkbox("q", options, many), few_options, st.booleans()),
        submit=st.just(Submit("poll:7")),
    ),
    st.builds(
        MultipleInteraction,
        **good_head,
        selects=st.lists(good_select, min_size=1, max_size=3, unique_by=lambda select: select.key).map(tuple),
        submit=st.just(Submit("poll:7")),
    ),
)
anything = good | built()
PLACES: tuple[Place, ...] = ("aibot", "app", "webhook")


@settings(deadline=None)
@given(anything, st.sampled_from(PLACES))
def test_whatever_can_be_built_wecom_takes(card: Any, place: Place) -> None:
    if card is None:
        return
    try:
        body = card.body_for(place)
    except CardError:
        assert (place, card.kind in ASKING) == ("webhook", True)
        return
    assert problems(body, place) == []
    assert find_problem(body, place=place) == "", "the pretend WeCom agrees with the page"
    assert json.loads(json.dumps(body, ensure_ascii=False).encode()) == body


@settings(deadline=None)
@given(anything)
def test_the_twin_is_never_empty_and_tells_every_choice_under_its_number(card: Any) -> None:
    if card is None:
        return
    assert card.twin.strip()
    choices = card.prompt.choices if card.prompt else ()
    assert all(re.search(rf"(?m)^{number}\. ", card.twin) for number in range(1, len(choices) + 1))
    pressed = {button["key"] for button in card.body.get("button_list", [])} if card.kind == "button_interaction" else set()
    for choice in choices:
        click = click_of([choice])
        assert click
        assert click.task == card.task
        assert not pressed or click.key in pressed | {item.key for item in (card.menu.items if card.menu else ())}


VOTE = VoteInteraction(title="t", task=TASK, checkbox=Checkbox("q", TWO), submit=Submit("k")).prompt
assert VOTE


@settings(deadline=None)
@given(st.lists(st.text(max_size=20) | st.sampled_from(VOTE.choices), max_size=4))
def test_no_kept_choice_breaks_the_reading(kept: list[str]) -> None:
    click_of(kept)


# Limits, one by one ---------------------------------------------------------------------------------------------------------------


def vote(*options: Option, key: str = "q", submit: str = "s") -> VoteInteraction:
    return VoteInteraction(title="t", task=TASK, checkbox=Checkbox(key, options), submit=Submit(submit))


def notice_of(**more: Any) -> TextNotice:
    fields: dict[str, Any] = {"title": "t", "action": Link(URL)} | more
    return TextNotice(**fields)


def pressed_of(*buttons: Button, **more: Any) -> ButtonInteraction:
    fields: dict[str, Any] = {"title": "t", "task": TASK, "buttons": buttons} | more
    return ButtonInteraction(**fields)


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: notice_of(title=""), "main_title.title"),
        (lambda: notice_of(title="\u0000 "), "main_title.title"),
        (lambda: notice_of(action=None), "card_action"),
        (lambda: notice_of(facts=(Fact("a"),) * 7), "horizontal_content_list"),
        (lambda: notice_of(jumps=(Jump("a", Link(URL)),) * 4), "jump_list"),
        (lambda: notice_of(menu=Menu((MenuItem("a", "k"),))), "task_id"),
        (lambda: notice_of(task="案件"), "task_id"),
        (lambda: notice_of(task="t" * 129), "task_id"),
        (lambda: Menu(()), "action_menu.action_list"),
        (lambda: Menu((MenuItem("a", "k"), MenuItem("b", "k"))), "action_menu.key"),
        (lambda: Jump("问", question="问" * 67), "jump_list.question"),
        (lambda: Jump("问"), "jump_list"),
        (Link, "link"),
        (lambda: Picture(URL, 2.26), "card_image.aspect_ratio"),
        (lambda: Fact("a", url=URL, user="u"), "horizontal_content_list"),
        (lambda: NewsNotice(title="t", action=Link(URL)), "card_image"),
        (lambda: NewsNotice(title="t", action=Link(URL), picture=Picture(URL), paragraphs=(Paragraph("a"),) * 5), "vertical_content_list"),
        (lambda: Button("a", "k", style=5), "button_list.style"),
        (lambda: Button("a", "字" * 342), "button_list.key"),
        (lambda: Button("a"), "button_list"),
        (lambda: Button("", "k"), "button_list.text"),
        (pressed_of, "button_list"),
        (lambda: pressed_of(*(Button("a", str(n)) for n in range(7))), "button_list"),
        (lambda: pressed_of(Button("a", "k"), Button("b", "k")), "button_list.key"),
        (lambda: pressed_of(Button("a", url=URL)), "button_list with a key"),
        (lambda: pressed_of(*YES_NO, task=""), "task_id"),
        (vote, "option_list"),
        (lambda: vote(*(Option(str(n), "x") for n in range(21))), "option_list"),
        (lambda: vote(Option("a", "x"), Option("a", "y")), "option_list.id"),
        (lambda: vote(*TWO, submit=""), "submit_button.key"),
        (lambda: Option("字" * 43, "x"), "option_list.id"),
        (lambda: Select("q", TWO, selected="c"), "selected_id"),
        (lambda: Checkbox("q", TWO, checked=("a", "b")), "is_checked"),
        (lambda: MultipleInteraction(title="t", task=TASK, selects=(), submit=Submit("k")), "select_list"),
        (lambda: MultipleInteraction(title="t", task=TASK, selects=(Select("q", TWO),) * 2, submit=Submit("k")), "question_key"),
        (lambda: pressed_of(*YES_NO).for_webhook(), "card_type"),
        (lambda: task_of("案件", "m"), "task_id"),
    ],
)
def test_a_broken_limit_is_named(build: Callable[[], object], field: str) -> None:
    with pytest.raises(CardError) as caught:
        build()
    assert caught.value.field == field


def test_what_the_manual_only_advises_is_cut_on_the_card_and_told_whole_by_the_twin() -> None:
    card = notice_of(title="题" * 40, desc="述" * 40, sub_title="文" * 200, facts=(Fact("键" * 9, "值" * 40),))
    body: dict[str, Any] = card.body
    fact = body["horizontal_content_list"][0]
    lengths = [len(text) for text in (*body["main_title"].values(), body["sub_title_text"], fact["keyname"], fact["value"])]
    assert lengths == [26, 30, 112, 5, 26]
    assert body["main_title"]["title"].endswith("…")
    assert "题" * 40 in card.twin
    assert "值" * 40 in card.twin


def test_a_task_id_is_of_its_making_and_says_whose_it_is() -> None:
    assert task_of("case", "m1", "2") == task_of("case", "m1", "2")
    assert task_of("case", "m1", "2") != task_of("case", "m12", "")
    assert re.fullmatch(r"case@[0-9a-f]{31}", task_of("case", "微信:" + "x" * 500))


def test_each_place_is_shown_what_it_knows() -> None:
    card = pressed_of(*YES_NO, Button("打开", url=URL), facts=(Fact("附件", media_id="M"),))
    aibot, app = card.body, card.body_for("app")
    assert aibot["button_list"] == [{"text": "同意", "style": 1, "key": "poll:7:yes"}, {"text": "不同意", "style": 2, "key": "poll:7:no"}]
    assert [button["type"] for button in app["button_list"]] == [0, 0, 1]  # type: ignore[attr-defined]
    assert (aibot["horizontal_content_list"], app["horizontal_content_list"]) == (
        [{"keyname": "附件"}],
        [{"keyname": "附件", "type": 2, "media_id": "M"}],
    )
    assert f"打开：{URL}" in card.twin


def test_a_webhook_gets_neither_task_nor_menu_nor_question() -> None:
    menu = Menu((MenuItem("不再推送", "stop"),))
    card = notice_of(task=TASK, menu=menu, jumps=(Jump("官网", Link(URL)), Jump("问", question="怎么退款")))
    assert {"task_id", "action_menu"} <= card.body.keys()
    assert card.for_webhook().keys() == {"card_type", "main_title", "jump_list", "card_action"}
    assert card.for_webhook()["jump_list"] == [{"type": 1, "url": URL, "title": "官网"}]


def test_an_answered_card_shows_the_answer_and_cannot_be_pressed_again() -> None:
    select = Select("who", TWO, selected="a")
    done: dict[str, Any] = pressed_of(*YES_NO, select=select).done("已同意", {"who": ("b",)}).body_for("app")
    assert done["replace_text"] == "已同意"
    assert (done["button_selection"]["disable"], done["button_selection"]["selected_id"]) == (True, "b")
    voted: dict[str, Any] = vote(*TWO).done("已投票", {"q": ("b",)}).body_for("aibot")
    assert voted["checkbox"]["disable"]
    assert [option.get("is_checked", False) for option in voted["checkbox"]["option_list"]] == [False, True]
    many = MultipleInteraction(title="t", task=TASK, selects=(select,), submit=Submit("k"))
    assert many.done("好", {}).body_for("aibot")["select_list"][0]["selected_id"] == "a"  # type: ignore[index]


def test_the_twin_reads_like_a_message() -> None:
    card = pressed_of(
        *YES_NO, title="团建去哪", desc="周五前", source=Source("行政"), quote=QuoteArea("上次去了\n海边"), facts=(Fact("预算", "三千"),)
    )
    assert card.twin == "【行政】\n团建去哪\n周五前\n> 上次去了\n> 海边\n预算：三千\n1. 同意\n2. 不同意\n回复选项编号即可选择。"


# The pretend WeCom ------------------------------------------------------------------------------------------------------------


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.pop(name, None)


SPOILED: list[tuple[Card, Place, Callable[[dict[str, Any]], object]]] = [
    (pressed_of(*YES_NO), "aibot", without("task_id")),
    (pressed_of(*YES_NO), "aibot", lambda body: body["button_list"][0].update(key="k" * 1_025)),
    (pressed_of(*YES_NO), "aibot", lambda body: body["button_list"][0].update(style=9)),
    (pressed_of(*YES_NO), "aibot", lambda body: body["button_list"][0].update(key="poll:7:no")),
    (pressed_of(*YES_NO), "aibot", lambda body: body.update(button_list="none")),
    (pressed_of(*YES_NO, facts=(Fact("a", media_id="M"),)), "app", lambda body: body["horizontal_content_list"][0].update(type=4)),
    (notice_of(), "aibot", without("card_action")),
    (notice_of(), "aibot", without("main_title")),
    (notice_of(), "webhook", lambda body: body.update(task_id=TASK)),
    (notice_of(jumps=(Jump("问", question="q"),)), "aibot", lambda body: body["jump_list"][0].update(question="问" * 67)),
    (NewsNotice(title="t", action=Link(URL), picture=Picture(URL)), "app", lambda body: body["card_image"].update(aspect_ratio=3)),
    (NewsNotice(title="t", action=Link(URL), picture=Picture(URL)), "app", without("card_image")),
    (vote(*TWO), "aibot", lambda body: body["checkbox"]["option_list"][0].update(id="b")),
    (vote(*TWO), "aibot", lambda body: body["checkbox"].update(mode=2)),
    (vote(*TWO), "webhook", lambda body: None),
]


@pytest.mark.parametrize(("card", "place", "spoil"), SPOILED, ids=range(len(SPOILED)))
def test_the_pretend_wecom_refuses_what_wecom_would(card: Card, place: Place, spoil: Callable[[dict[str, Any]], object]) -> None:
    body: dict[str, Any] = json.loads(json.dumps(card.body_for("aibot" if place == "webhook" else place)))
    spoil(body)
    assert find_problem(body, place=place)


# Clicks as they come in ---------------------------------------------------------------------------------------------------------


def of_aibot(event: Mapping[str, Any]) -> Event:
    tree = {"msgid": "M", "msgtype": "event", "chattype": "single", "from": {"userid": "u"}, "event": event}
    found = KINDS["aibot"].parse(json.dumps(tree), channel="c").event
    assert found
    return found


@pytest.mark.parametrize(
    "event",
    [
        {"eventtype": "template_card_event", "template_card_event": {"card_type": "vote_interaction", "event_key": "k", "task_id": "t",
         "selected_items": {"selected_item": [{"question_key": "q", "option_ids": {"option_id": ["a", "b"]}}]}}},
        {"eventtype": "template_card_event", "template_card_event": {"cardtype": "vote_interaction", "eventkey": "k", "taskid": "t",
         "selecteditems": {"selecteditem": {"questionkey": "q", "optionids": ["a", "b"]}}}},
        {"eventtype": "template_card_event", "card_type": "vote_interaction", "event_key": "k", "task_id": "t",
         "selected_items": [{"question_key": "q", "option_ids": {"option_id": ["a", "b"]}}]},
        {"event_type": "template_card_event", "TemplateCardEvent": {"CardType": "vote_interaction", "EventKey": "k", "TaskId": "t",
         "SelectedItems": {"SelectedItem": [{"QuestionKey": "q", "OptionIds": {"OptionId": ["a", "b"]}}]}}},
    ],
    ids=["samples", "tables", "SDK", "app's names"],
)  # fmt: skip
def test_a_click_is_read_in_every_spelling(event: dict[str, Any]) -> None:
    assert of_aibot(event) == Event("template_card_event", key="k", task="t", card_kind="vote_interaction", selected={"q": ("a", "b")})


def test_one_selected_item_is_read_like_several_and_a_menus_click_has_none() -> None:
    one = {
        "card_type": "x",
        "event_key": "k",
        "task_id": "t",
        "selected_items": {"selected_item": {"question_key": "q", "option_ids": {"option_id": "a"}}},
    }
    assert of_aibot({"eventtype": "template_card_event", "template_card_event": one}).selected == {"q": ("a",)}
    menu = of_aibot(
        {
            "eventtype": "template_card_menu_event",
            "template_card_menu_event": {"card_type": "text_notice", "event_key": "stop", "task_id": TASK},
        }
    )
    assert (menu.key, menu.task, menu.selected) == ("stop", TASK, {})


# A click and a number -------------------------------------------------------------------------------------------------------------


def poll(card: Card, heard: list[Event], *, done: Callable[[], Any] | None = None) -> Router:
    """A router with one card, and a handler that keeps the clicks it hears."""
    router = Router()

    def ask(message: Message, ctx: Context) -> Reply:
        return Reply(card=card)

    def click(message: Message, ctx: Context) -> Reply:
        assert message.event
        heard.append(replace(message.event, code=""))
        return Reply("收到 " + " ".join(ctx.args), update_card=done() if done else None)

    router.command("投票")(ask)
    router.card("poll")(click)
    router.fallback(lambda message, ctx: Reply("没听懂"))
    return router


MANY = VoteInteraction(title="吃什么", task=TASK, checkbox=Checkbox("q", TWO, is_many=True), submit=Submit("poll:7"))
TWICE = MultipleInteraction(
    title="报名", task=TASK, selects=(Select("day", TWO, "哪天"), Select("who", TWO, "几人", selected="b")), submit=Submit("poll:7")
)


@pytest.mark.parametrize(
    ("card", "typed", "key", "selected"),
    [
        (pressed_of(*YES_NO), "2", "poll:7:no", {}),
        (pressed_of(*YES_NO, select=Select("who", TWO, selected="a")), "1", "poll:7:yes", {"who": ("a",)}),
        (vote(*TWO, submit="poll:7"), "2", "poll:7", {"q": ("b",)}),
        (MANY, "1 2", "poll:7", {"q": ("a", "b")}),
        (MANY, "2，1", "poll:7", {"q": ("b", "a")}),
        (TWICE, "2", "poll:7", {"day": ("b",), "who": ("b",)}),
        (TWICE, "1、3", "poll:7", {"day": ("a",), "who": ("a",)}),
        (notice_of(task=TASK, menu=Menu((MenuItem("不再推送", "stop"),))), "1", "stop", {}),
    ],
)
def test_a_typed_number_is_the_click(
    open_chat: OpenChat, card: Card, typed: str, key: str, selected: Mapping[str, tuple[str, ...]]
) -> None:
    heard: list[Event] = []
    chat = open_chat(router=poll(card, heard), gates=())
    shown = chat.privately("投票", through="desk")
    assert "1. " in shown
    assert chat.privately(typed, through="desk").startswith("收到")
    kind = card.body_for("app")["card_type"]
    assert heard == [Event("template_card_event", key=key, task=TASK, card_kind=str(kind), selected=selected)]
    assert chat.privately(typed, through="desk") == "没听懂", "the question is answered"


@pytest.mark.parametrize("typed", ["3", "0", "1 2", "1 9", "1.5", "一"])
def test_a_number_that_fits_no_choice_is_no_click(open_chat: OpenChat, typed: str) -> None:
    heard: list[Event] = []
    chat = open_chat(router=poll(pressed_of(*YES_NO), heard), gates=())
    chat.privately("投票", through="desk")
    assert chat.privately(typed, through="desk") == "没听懂"
    assert heard == []


def test_where_the_card_itself_is_shown_a_number_is_just_a_number(open_chat: OpenChat) -> None:
    heard: list[Event] = []
    chat = open_chat(router=poll(pressed_of(*YES_NO), heard), gates=())
    asked = chat.privately("投票")
    assert asked.card
    assert chat.privately("1") == "没听懂"
    assert chat.clicks(asked, "同意", user="lilei", group="") == ""
    assert [event.key for event in heard] == ["poll:7:yes"]


def test_a_key_that_no_feature_owns_goes_by_the_cards_task() -> None:
    router = poll(pressed_of(*YES_NO), [])
    message = Message("m", "c", "event", "u", event=Event("template_card_menu_event", key="stop:now", task=TASK))
    match = router.find(message, None)
    assert match
    assert match.args == ("stop", "now")
    assert router.find(replace(message, event=Event("template_card_event", key="stop", task="gone@1")), None) is None
    assert router.find(replace(message, event=None, text="1"), Prompt("card", ("not ours",))).route.is_fallback  # type: ignore[union-attr]


# The app: its card, its click, its update -------------------------------------------------------------------------------------------


def app_click(chat: Chat, key: str, task: str, *, user: str = "boss", at: int = 0, event: str = "template_card_event") -> Message:
    """A click on a card of the app, as WeCom tells of it."""
    fields = {"ToUserName": "wwCORP", "FromUserName": user, "CreateTime": at or int(chat.clock().timestamp()), "MsgType": "event"}
    fields |= {"Event": event, "EventKey": key, "TaskId": task, "CardType": "button_interaction", "ResponseCode": CODE, "AgentID": 1000002}
    root = ET.Element("xml")
    for name, value in fields.items():
        ET.SubElement(root, name).text = str(value)
    return KINDS["app"].parse(ET.tostring(root, encoding="unicode"), channel="desk")


@pytest.fixture
def service(open_chat: OpenChat) -> Chat:
    """The bot in service, past its trial run."""
    return in_service(open_chat)


def sent_card(chat: Chat, number: int = -1) -> dict[str, Any]:
    """A card that waits in the outbox."""
    cards = [delivery.body["template_card"] for delivery in chat.outbox() if delivery.body["msgtype"] == "template_card"]
    found: dict[str, Any] = cards[number]
    return found


def press(chat: Chat, card: Mapping[str, Any], text: str, **more: Any) -> ET.Element:
    """A click on a button of an app's card; gives the answer's XML."""
    key = next(button["key"] for button in card["button_list"] if button["text"] == text)
    answer = chat.receive(app_click(chat, key, card["task_id"], **more)).answer
    return ET.fromstring(answer) if answer else ET.Element("xml")


def test_a_case_is_sent_to_the_administrator_as_a_card_and_the_click_says_who_decided_what(service: Chat) -> None:
    service.as_admin("案件")
    service.says(RUDE)
    (delivery,) = service.outbox()
    assert (delivery.via, delivery.member) == ("app", service.member("boss"))
    card = sent_card(service)
    assert problems(card, "app") == []
    assert RUDE not in str(card), "the member's words are kept sealed, and a card may wait for days"

    answer = press(service, card, "忽略")

    assert answer.findtext("MsgType") == "update_template_card"
    face = answer.find("TemplateCard")
    assert face is not None
    assert face.findtext("MainTitle/Title") == "案件 1"
    assert face.findtext("MainTitle/Desc") == "待处理 → 已忽略"
    assert (face.findtext("HorizontalContentList/KeyName"), face.findtext("HorizontalContentList/UserId")) == ("处理人", "boss")
    assert face.find("ButtonList") is None
    assert "没有待处理的案件" in service.as_admin("案件")


def test_an_administrator_who_never_spoke_here_or_is_at_home_elsewhere_gets_no_card(service: Chat) -> None:
    service.says(RUDE)
    assert service.outbox() == []
    service.says("签到", user="boss", group=FAR)
    service.says(RUDE)
    assert service.outbox() == []


def test_a_card_that_waits_goes_when_the_member_it_shows_is_forgotten(service: Chat) -> None:
    service.as_admin("案件")
    service.says(RUDE)
    assert "成员" in str(service.outbox()[0].body)
    service.erase("lilei")
    assert service.outbox() == []


def test_in_a_raid_the_list_has_to_do(service: Chat) -> None:
    service.as_admin("案件")
    for number in range(14):
        service.says(f"{RUDE} {number}", user=f"m{number}")
    cards = [delivery.body["template_card"]["task_id"] for delivery in service.outbox() if delivery.body["msgtype"] == "template_card"]
    assert len(cards) == len(set(cards)) == 10


def test_without_an_app_the_card_comes_when_it_is_asked_for(open_chat: OpenChat) -> None:
    chat = in_service(open_chat, app=False)
    chat.as_admin("案件")
    chat.says(RUDE)
    assert chat.outbox() == []
    assert chat.privately("案件", user="boss").card, "and no notice waits for him"


def test_in_the_app_a_case_is_decided_by_a_number(service: Chat) -> None:
    service.says(RUDE)
    service.says("你好", user="boss")
    listed = service.privately("案件", user="boss", through="desk")
    assert "1. 警告\n2. 忽略\n回复选项编号即可选择。" in listed
    assert "待处理 → 已忽略" in service.privately("2", user="boss", through="desk")
    assert "没有待处理的案件" in service.as_admin("案件")
    assert "没有待处理的案件" in service.privately("案件", user="boss", through="desk")


def test_the_first_click_stands_and_the_second_is_told_who_was_first(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says(RUDE)
    cases = chat.as_admin("案件")
    assert chat.clicks(cases, "警告").updated
    later = chat.clicks(cases, "忽略")
    assert later.updated
    assert "已由成员" in later.updated["sub_title_text"]
    assert later.updated["main_title"]["desc"] == "已警告"
    assert chat.stores.cases.find(chat.community.keys, 1).state == "warned"  # type: ignore[union-attr]
    assert "已警告 → 已忽略" in chat.as_admin("处理 1 忽略"), "an amendment is made by words"


def test_the_same_click_again_gets_the_same_answer_and_counts_once(service: Chat) -> None:
    service.as_admin("案件")
    service.says(RUDE)
    card = sent_card(service)
    click = app_click(service, card["button_list"][0]["key"], card["task_id"], at=1_772_000_000)
    first, again = service.receive(click).answer, service.receive(click).answer
    assert first == again != ""
    assert [row.data["act"] for row in service.log("admin")].count("decide_case") == 1


def test_two_clicks_at_once_decide_once(open_chat: OpenChat) -> None:
    one, other = in_service(open_chat), in_service(open_chat)
    one.as_admin("案件")
    one.says(RUDE)
    card = sent_card(one)
    ready, answers = threading.Barrier(2), list[str]()

    def click(chat: Chat, button: int, at: int) -> None:
        message = app_click(chat, card["button_list"][button]["key"], card["task_id"], at=at)
        ready.wait(5)
        answers.append(chat.receive(message).answer)

    threads = [threading.Thread(target=click, args=args) for args in ((one, 0, 1_772_000_001), (other, 1, 1_772_000_002))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    decided = [row.data for row in one.log("admin") if row.data["act"] == "decide_case"]
    assert len(decided) == 1
    state = one.stores.cases.find(one.community.keys, 1).state  # type: ignore[union-attr]
    assert state == decided[0]["after"]
    assert sum("已由" in answer for answer in answers) == 1
    warnings = [delivery for delivery in one.outbox() if delivery.member == one.member("lilei")]
    assert len(warnings) == (1 if state == "warned" else 0)


def test_a_member_cannot_decide_with_a_card_he_got_hold_of(service: Chat) -> None:
    service.as_admin("案件")
    service.says(RUDE)
    service.says("签到", user="hanmei")
    assert list(press(service, sent_card(service), "忽略", user="hanmei")) == []
    (refusal,) = [delivery for delivery in service.outbox() if delivery.member == service.member("hanmei")]
    assert "只有管理员" in refusal.body["text"]["content"]
    assert "1." in service.as_admin("案件")


# Too late for the response -------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What a kill looks like from within: nothing of ours catches it."""


def dying_once(card: ButtonInteraction) -> Router:
    """A router whose card handler dies at its first call."""
    deaths = iter([True])

    def done() -> object:
        if next(deaths, False):
            raise Killed
        return card.done("已同意")

    return poll(card, [], done=done)


def killed_click(chat: Chat) -> None:
    """A click whose process dies at work; the worker then does it again."""
    chat.privately("投票", user="boss", through="desk")
    with pytest.raises(Killed):
        chat.receive(app_click(chat, "poll:7:yes", TASK))
    assert recover_once(chat.pipeline, chat.stores, idle_ms=0) == 1


def keeping(router: Router) -> Router:
    """The same router, whose card handler looks at the stores first, so that a kill does not lose the click."""
    route = router._cards["poll"]

    def handler(message: Message, ctx: Context) -> Replies:
        assert ctx.stores is not None
        return route.handler(message, ctx)

    router._cards["poll"] = replace(route, handler=handler)
    return router


def test_a_click_that_was_answered_too_late_updates_its_card_by_the_code(open_chat: OpenChat, capfd: pytest.CaptureFixture[str]) -> None:
    chat = open_chat(router=keeping(dying_once(pressed_of(*YES_NO))), gates=())
    killed_click(chat)
    (delivery,) = chat.outbox()
    assert (delivery.via, delivery.member, delivery.code) == ("app_update", chat.member("boss"), CODE)
    assert delivery.body["template_card"]["replace_text"] == "已同意"
    assert CODE not in repr(delivery)
    captured = capfd.readouterr()
    assert CODE not in captured.out + captured.err


def test_the_late_update_reaches_the_card_once(open_chat: OpenChat) -> None:
    card = pressed_of(*YES_NO)
    chat = open_chat(router=keeping(dying_once(card)), gates=())
    desk = Channel("desk", "app", token="t", aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", agent_id=1000002, secret="s")
    pretend = PretendWeCom(SimulatorConfig(corp_id="wwCORP", channels=(desk,), people=(Person("boss", "老板"),)))
    with serve(pretend) as server:
        wire = Wire(server.url)
        client = WeComClient("wwCORP", "s", wire=wire, tokens=TokenStore(chat.stores.database), now=chat.clock)
        body = {"touser": "boss", "agentid": 1000002, "msgtype": "template_card", "template_card": card.body_for("app")}
        code = client.post("message/send", data=body)["response_code"]
        killed_click(chat)
        (queued,) = chat.outbox()
        chat.stores.outbox.erase_user(chat.member("boss"))
        shard, now_ms = 3, int(chat.clock().timestamp() * 1000)
        chat.stores.outbox.enqueue(shard, [replace(queued, code=code, id="u1"), replace(queued, code=code, id="u2", attempts=1)], now_ms)
        dead: list[str] = []
        lookups = Lookups(webhook_key=lambda *_: None, user_id={chat.member("boss"): "boss"}.get, app=lambda _: (client, 1000002))
        ways = Ways(wire, lookups).table()
        sender = Sender(
            chat.stores.outbox,
            Limits(chat.stores.database),
            ways,
            now=chat.clock,
            shards=range(16),
            on_dead=lambda _, reason: dead.append(reason),
        )
        sender.drain_once()
        wire.close()
        (post,) = pretend.world.cards()
    shown = post.card_of("boss")
    assert shown
    assert shown["replace_text"] == "已同意"
    assert len(dead) == 1, "the code works once"


def test_an_aibots_click_that_was_answered_too_late_is_answered_in_words(open_chat: OpenChat) -> None:
    chat = open_chat(router=keeping(dying_once(pressed_of(*YES_NO))), gates=())
    url = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=CODE"
    event = {"eventtype": "template_card_event", "template_card_event": {"event_key": "poll:7:yes", "task_id": TASK}}
    tree = {"msgid": "M", "msgtype": "event", "chattype": "single", "from": {"userid": "boss"}, "response_url": url, "event": event}
    with pytest.raises(Killed):
        chat.receive(KINDS["aibot"].parse(json.dumps(tree), channel="assistant"))
    recover_once(chat.pipeline, chat.stores, idle_ms=0)
    (delivery,) = chat.outbox()
    assert (delivery.via, delivery.body["markdown"]["content"]) == ("response_url", "收到 7 yes")


# Posts of their own ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("card", "kind"), [(notice_of(), "template_card"), (pressed_of(*YES_NO), "markdown")])
def test_a_groups_webhook_shows_a_notice_and_tells_the_rest(open_chat: OpenChat, card: Card, kind: str) -> None:
    router = Router()
    router.fallback(lambda message, ctx: Reply(card=card, push=True))
    chat = open_chat(router=router, gates=())
    chat.says("x", group=MAIN)
    (post,) = chat.outbox()
    assert (post.via, post.body["msgtype"]) == ("webhook", kind)
    if kind == "markdown":
        assert post.body["markdown"]["content"] == card.words == "t", "nobody's number is waited for in a post"


def test_over_a_long_connection_a_card_is_shown_with_its_words_to_fall_back_on(chat: Chat) -> None:
    link = AibotWsChannel.model_validate({"name": "link", "kind": "aibot_ws", "bot_id": "B", "secret": "s"})
    config = chat.config.model_copy(update={"channels": (link,)})
    card = pressed_of(*YES_NO)
    said = to_member(config, 5, card.words, user="u", id="d", community="main", message="m", now_ms=1)
    assert said
    delivery = as_card(said, card)
    assert (delivery.via, delivery.body["frame"]["template_card"]["button_list"]) == ("aibot_ws", card.body["button_list"])
    assert delivery.body["text"] == "t"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Message("m", "link", "text", "u", reply_id="R"), id="an answer that comes too late"),
        pytest.param(Message("m", "link", "event", "u", event=Event("feedback_event")), id="an event that takes no answer"),
    ],
)
def test_an_answer_over_a_long_connection_that_becomes_a_post_asks_for_no_number(tmp_path: Path, message: Message) -> None:
    tree = {"channels": [{"name": "link", "kind": "aibot_ws", "bot_id": "B", "secret": "s"}]}
    config = a_config(tmp_path, "redis://127.0.0.1:1", tree)
    delivery = answer_by_link(config, message, [Reply("看一看"), Reply(card=pressed_of(*YES_NO))], "main", 5, now_ms=1)
    assert delivery
    assert delivery.body["text"] == "看一看\n\nt", "nobody waits for a number there"


def test_the_group_robot_tells_a_card_by_its_twin() -> None:
    asked = Message("m", "c", "text", "u", chat="g")
    assert json.loads(KINDS["robot"].render(asked, [Reply(card=pressed_of(*YES_NO))], as_json=True))["text"]["content"].startswith(
        "t\n1. 同意"
    )


def test_several_cards_are_one_card_and_the_twins_of_the_others() -> None:
    first, second = pressed_of(*YES_NO, title="甲"), pressed_of(*YES_NO, title="乙")
    body = json.loads(KINDS["aibot"].render(Message("m", "c", "text", "u"), [Reply(card=first), Reply(card=second)]))
    assert body["template_card"]["main_title"] == {"title": "甲"}
    assert body["stream"]["content"].startswith("乙\n1. 同意")


def test_said_is_read_from_the_card() -> None:
    assert Said("x").choices == []
    assert Reply(update_card=pressed_of(*YES_NO).done("已同意")).said == "已同意"
    assert ADMINS not in Reply("文", card=notice_of()).said
