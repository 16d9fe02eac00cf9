"""From a message to its handler: who comes first, what is refused at the start, and what never matches by accident."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import Config
from bot.context import Context
from bot.errors import WiringError
from bot.message import Event, Message, Prompt, Reply
from bot.permissions import Role, may, role_of
from bot.router import Route, Router
from handlers import discover

SAID = Message(id="1", channel="assistant", kind="text", user="lilei", chat="wrMAIN")


def answering(words: str) -> Any:
    """A handler that says ``words``."""

    def handler(message: Message, ctx: Context) -> Reply:
        return Reply(words)

    handler.__name__ = handler.__qualname__ = words
    return handler


@pytest.fixture
def router() -> Router:
    """One of everything, each route named for what it is."""
    router = Router()
    router.command("签到", "qd")(answering("check in"))
    router.command("转账", takes_words=True)(answering("transfer"))
    router.command("数据 今日", role="viewer")(answering("figures"))
    router.command("秘密", is_hidden=True)(answering("secret"))
    router.prompt("faq")(answering("choice"))
    router.pattern(r"抽(\d+)次(快)?", name="draw")(answering("draw"))
    router.event("enter_chat", "subscribe")(answering("entered"))
    router.card("case", role="moderator")(answering("card"))
    router.fallback(answering("fallback"))
    return router


def found(router: Router, text: str, waiting: Prompt | None = None) -> str | None:
    """The name of the handler that gets ``text``."""
    match = router.find(replace(SAID, text=text), waiting)
    return match.route.handler.__name__ if match else None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("签到", "check in"),
        (" 签到！ ", "check in"),
        ("ＱＤ", "check in"),
        ("签到 一下", "fallback"),
        ("我要签到", "fallback"),
        ("转账", "transfer"),
        ("转账 李雷 5", "transfer"),
        ("转账李雷", "fallback"),
        ("数据  今日", "figures"),
        ("抽3次", "draw"),
        ("抽3次吧", "fallback"),
        ("怎么退款", "fallback"),
        ("1", "fallback"),
        ("", None),
        ("？！。", "fallback"),
    ],
)
def test_a_text_goes_to_the_handler_that_it_names(router: Router, text: str, name: str | None) -> None:
    assert found(router, text) == name


def test_the_words_after_a_command_come_as_they_were_written(router: Router) -> None:
    match = router.find(replace(SAID, text="转账  Li_Lei\u3000ＡＢ 5"), None)
    assert match
    assert match.args == ("Li_Lei", "ＡＢ", "5")


def test_a_pattern_hands_over_its_groups(router: Router) -> None:
    match = router.find(replace(SAID, text="抽12次"), None)
    assert match
    assert match.args == ("12", "")


@pytest.mark.parametrize(
    ("text", "choice"), [("1", "甲"), ("2。", "乙"), ("２", "乙"), ("3", None), ("0", None), ("01", None), ("一", None)]
)
def test_a_bare_number_answers_the_waiting_question(router: Router, text: str, choice: str | None) -> None:
    match = router.find(replace(SAID, text=text), Prompt("faq", ("甲", "乙")))
    assert match
    assert (match.args, match.answers_prompt) == (((choice,), True) if choice else ((), False))


def test_a_command_goes_before_a_waiting_question(router: Router) -> None:
    assert found(router, "签到", Prompt("faq", ("甲",))) == "check in"


def test_a_question_of_a_kind_that_nobody_handles_any_more_is_no_obstacle(router: Router) -> None:
    assert found(router, "1", Prompt("gone", ("甲",))) == "fallback"


@pytest.mark.parametrize(
    ("event", "name", "args"),
    [
        (Event("enter_chat"), "entered", ()),
        (Event("template_card_event", key="case:3:警告"), "card", ("3", "警告")),
        (Event("template_card_event", key="poll:1"), None, ()),
        (Event("template_card_menu_event", key="case"), "card", ()),
        (Event("location"), None, ()),
    ],
)
def test_an_event_goes_to_its_handler_or_to_nobody(router: Router, event: Event, name: str | None, args: tuple[str, ...]) -> None:
    match = router.find(replace(SAID, kind="event", text="签到", event=event), None)
    assert (match.route.handler.__name__, match.args) == (name, args) if match else name is None


def test_two_handlers_for_the_same_words_are_refused_with_both_names() -> None:
    one, other = Router(), Router()
    one.command("签到")(answering("a"))
    other.command("打卡", "签到 ")(answering("b"))
    with pytest.raises(WiringError, match=r"签到.*\.a 与 .*\.b"):
        one.include(other)


def test_two_fallbacks_are_refused() -> None:
    one, other = Router(), Router()
    one.fallback(answering("a"))
    other.fallback(answering("b"))
    with pytest.raises(WiringError, match="兜底"):
        one.include(other)


def test_help_shows_each_command_once_and_no_hidden_one(router: Router) -> None:
    assert [route.name for route in router.listed(lambda role: role == "member")] == ["签到", "转账"]
    assert [route.name for route in router.listed(lambda role: True)] == ["签到", "转账", "数据 今日"]


def test_all_features_are_found_by_themselves() -> None:
    router = discover()
    assert {"签到", "我的积分", "积分明细", "帮助", "管理帮助", "案件", "处理", "数据"} <= router.commands.keys()
    assert found(router, "怎么退款") == "answer"


@given(st.text(max_size=40))
def test_no_text_breaks_the_router(text: str) -> None:
    router = discover()
    match = router.find(replace(SAID, text=text), Prompt("faq", ("甲", "乙")))
    assert match is None or match.route.names


@given(st.text(max_size=40))
def test_no_card_key_breaks_the_router(key: str) -> None:
    discover().find(replace(SAID, kind="event", event=Event("template_card_event", key=key)), None)


def test_a_higher_role_may_what_a_lower_one_may() -> None:
    ranks: list[Role] = ["member", "viewer", "moderator", "operator", "admin", "owner"]
    for place, role in enumerate(ranks):
        assert [may(role, needed) for needed in ranks] == [n <= place for n in range(6)]


def test_only_the_owners_of_the_configuration_are_owners() -> None:
    config = Config(admins=("boss",))
    assert role_of("boss", config, has_left=lambda user: False) == "owner"
    assert role_of("Boss", config, has_left=lambda user: False) == "member"
    assert role_of("", config, has_left=lambda user: False) == "member"


def test_an_owner_who_left_the_company_is_a_member() -> None:
    assert role_of("boss", Config(admins=("boss",)), has_left=lambda user: user == "boss") == "member"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("精华", "fallback"),
        ("精华 在哪里看", "fallback"),
        ("精华 @李雷 好", "feature"),
        ("精华 12 好", "feature"),
        ("精华 李雷 好", "fallback"),
    ],
)
def test_an_everyday_word_is_a_command_of_who_may_use_it_or_names_somebody(router: Router, text: str, name: str) -> None:
    router.command("精华", role="moderator", takes_words=True, is_common=True)(answering("feature"))
    message = replace(SAID, text=text)
    as_member, as_moderator = router.find(message, None, lambda route: False), router.find(message, None, lambda route: True)
    assert as_member
    assert as_moderator
    assert as_member.route.handler.__name__ == name
    assert as_moderator.route.handler.__name__ == "feature"


def test_rights_are_looked_at_for_everyday_words_only(router: Router) -> None:
    asked: list[str] = []

    def may_use(route: Route) -> bool:
        asked.append(route.name)
        return False

    for text in ("数据 今日", "怎么退款", "转账 李雷 5"):
        router.find(replace(SAID, text=text), None, may_use)
    assert asked == []
