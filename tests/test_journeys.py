"""Journeys of messages over HTTP: an independent client seals them, a real bot answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from storage.events import Events, LogEntry
from storage.keys import SHARDS
from storage.points import Points
from tests.outside import Answer, aibot, aibot_event, aibot_text, app, callback, new_id, opened, robot_json, robot_xml
from tests.storm import communities_of
from tests.timing import SLOWER, await_until
from tests.tree import GROUP, Tree

URL = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=CODE"
FRESH, AGAIN = "签到成功", "今天已经签到过了"


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    tree = Tree(tmp_path_factory.mktemp("journeys"))
    try:
        tree.start()
        yield tree
    finally:
        tree.stop()


def tell(bot: Tree, channel: str, payload: str, *, as_json: bool | None = None) -> Answer:
    return bot.client.tell(bot.channels[channel], payload, as_json=as_json)


def logged(bot: Tree, id: str) -> list[LogEntry]:
    with bot.database() as database:
        return [entry for entry in Events(database, SHARDS).read() if entry.message == id]


@pytest.mark.parametrize("name", ["assistant", "desk", "robot", "customers"])
def test_saving_an_address_in_wecoms_console_succeeds(bot: Tree, name: str) -> None:
    answer = bot.client.verify(bot.channels[name], "1288432023552776189")

    assert (answer.status, answer.body) == (200, b"1288432023552776189")
    assert answer.took_s < 1 * SLOWER, "a second where nothing else runs"


@pytest.mark.parametrize(
    ("channel", "check_in", "as_json"),
    [
        ("assistant", lambda user: aibot_text(user, "@小助手 签到", chat=GROUP, url=URL), None),
        ("assistant", lambda user: aibot_text(user, "签到"), None),
        ("desk", lambda user: app(user, Content="签到"), None),
        ("robot", lambda user: robot_xml(user, "@小助手 签到", chat=GROUP), False),
        ("robot", lambda user: robot_json(user, "签到", chat=GROUP), True),
    ],
    ids=["aibot in a group", "aibot alone", "app", "robot XML", "robot JSON"],
)
def test_a_check_in_is_rewarded_once_a_day_on_every_kind(
    bot: Tree, channel: str, check_in: Callable[[str], str], as_json: bool | None
) -> None:
    user = f"checker-{new_id()[:8]}"

    first = tell(bot, channel, check_in(user), as_json=as_json)
    second = tell(bot, channel, check_in(user), as_json=as_json)

    assert (first.status, second.status) == (200, 200)
    assert FRESH in first.said
    assert "+5" in first.said
    assert AGAIN in second.said


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (aibot("v1", kind="voice", voice={"content": "签到"}), FRESH),
        (
            aibot(
                "m1",
                chat=GROUP,
                kind="mixed",
                mixed={
                    "msg_item": [
                        {"msgtype": "text", "text": {"content": "@小助手 签到"}},
                        {"msgtype": "image", "image": {"url": "https://example.com/a.jpg"}},
                    ]
                },
            ),
            FRESH,
        ),
        (aibot_text("q1", "@小助手 签到", chat=GROUP, quote={"msgtype": "text", "text": {"content": "原来的话"}}), FRESH),
        (aibot_event("e1", "enter_chat", {}), "小助手"),
    ],
    ids=["voice", "mixed", "quote", "enter_chat"],
)
def test_every_way_to_speak_to_the_aibot_is_understood(bot: Tree, payload: str, said: str) -> None:
    answer = tell(bot, "assistant", payload)

    assert answer.status == 200
    assert said in answer.said


def test_a_welcome_in_the_aibots_single_chat_is_a_plain_text(bot: Tree) -> None:
    assert json.loads(tell(bot, "assistant", aibot_event("e2", "enter_chat", {})).plain)["msgtype"] == "text"


def test_a_question_gets_the_operators_answer(bot: Tree) -> None:
    answer = tell(bot, "desk", app("curious", Content="怎么退款"))

    assert "原路退回" in answer.said


def test_a_member_who_is_given_the_app_is_greeted(bot: Tree) -> None:
    answer = tell(bot, "desk", app("newcomer", "event", Event="subscribe"))

    assert answer.said.startswith("你好")
    assert "新朋友" in answer.said


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        ("assistant", aibot("s1", kind="image", image={"url": "https://example.com/a.jpg"})),
        ("assistant", aibot("s2", kind="file", file={"url": "https://example.com/a.pdf"})),
        ("assistant", aibot_event("s4", "feedback_event", {"id": "F", "type": 2, "content": "不对", "inaccurate_reason_list": [2]})),
        ("assistant", aibot_event("s5", "template_card_event", {"card_type": "text_notice", "event_key": "nobody's", "task_id": "T"})),
        ("desk", app("s6", "event", Event="unsubscribe")),
        (
            "customers",
            app(
                "sys", "event", Event="change_external_chat", ChatId=GROUP, ChangeType="update", UpdateDetail="add_member", MemChangeCnt="1"
            ),
        ),
    ],
    ids=["image", "file", "feedback", "nobody's card", "unsubscribe", "contact"],
)
def test_what_needs_no_words_gets_an_empty_200(bot: Tree, channel: str, payload: str) -> None:
    answer = tell(bot, channel, payload)

    assert (answer.status, answer.body) == (200, b"")


def test_an_answer_in_parts_is_asked_for_until_it_is_whole(bot: Tree) -> None:
    begun = json.loads(tell(bot, "assistant", aibot_text("boss", "数据 本周", id="week-1")).plain)["stream"]
    assert (begun["finish"], begun["content"]) == (False, "正在统计最近七天……")

    def asked(number: int) -> dict[str, Any]:
        refresh = aibot("boss", id=f"week-1-{number}", kind="stream", stream={"id": begun["id"]})
        shown: dict[str, Any] = json.loads(tell(bot, "assistant", refresh).plain)["stream"]
        return shown

    await_until(lambda: asked(0)["finish"], 20, "the whole week")
    assert len(asked(1)["content"].splitlines()) == 8


def test_who_asks_for_an_answer_that_nobody_gave_is_told_so(bot: Tree) -> None:
    shown = json.loads(tell(bot, "assistant", aibot("s3", chat=GROUP, kind="stream", stream={"id": "STREAM"})).plain)["stream"]
    assert shown == {"id": "STREAM", "finish": True, "content": "这个回答已经过期，请再问一次。"}


@pytest.mark.parametrize(
    ("channel", "payload", "as_json"),
    [
        ("assistant", aibot("x1", id="unheard-of-1", kind="hologram", hologram={"depth": 3}), None),
        ("desk", app("x2", "hologram", id="9000000000000002", Depth="3"), None),
        ("robot", robot_json("x3", "", id="unheard-of-3").replace('"text"', '"hologram"', 1), True),
    ],
)
def test_a_kind_of_message_that_nobody_knows_is_kept_and_answered_with_an_empty_200(
    bot: Tree, channel: str, payload: str, as_json: bool | None
) -> None:
    id = {"assistant": "unheard-of-1", "desk": "9000000000000002", "robot": "unheard-of-3"}[channel]

    answer = tell(bot, channel, payload, as_json=as_json)

    assert (answer.status, answer.body) == (200, b"")
    entries = logged(bot, f"{channel}:{id}")
    assert [entry.kind for entry in entries] == ["inbound", "decision", "outbound"]
    assert entries[0].data["kind"] == "unknown"


def test_an_admins_click_on_a_case_card_updates_the_card(bot: Tree) -> None:
    tell(bot, "assistant", aibot_text("rude", "@小助手 你是个王八蛋", chat=GROUP))
    listed = json.loads(tell(bot, "assistant", aibot_text("boss", "案件")).plain)
    card = listed["template_card"]
    key = next(button["key"] for button in card["button_list"] if button["key"].endswith("忽略"))

    click = {"card_type": "button_interaction", "event_key": key, "task_id": card["task_id"]}
    answer = json.loads(tell(bot, "assistant", aibot_event("boss", "template_card_event", click, url=URL)).plain)

    assert answer["response_type"] == "update_template_card"
    assert answer["template_card"]["task_id"] == card["task_id"]
    assert "已忽略" in answer["template_card"]["main_title"]["desc"]


@pytest.mark.parametrize("channel", ["assistant", "desk"])
def test_a_chunked_body_without_a_length_is_read(bot: Tree, channel: str) -> None:
    at = bot.channels[channel]
    asked = callback(at, aibot_text("chunky", "签到") if channel == "assistant" else app("chunky-app", Content="签到"))
    pieces = (asked.body[start : start + 7] for start in range(0, len(asked.body), 7))

    answer = bot.client.ask("POST", asked.target, pieces, {"Transfer-Encoding": "chunked"}, encode_chunked=True)

    assert FRESH in opened(at, asked, answer).said


def test_a_repeat_gets_the_first_answer_sealed_anew(bot: Tree) -> None:
    payload = aibot_text("echo", "签到", id=new_id())

    first, second = tell(bot, "assistant", payload), tell(bot, "assistant", payload)

    assert FRESH in first.said
    assert second.plain == first.plain
    assert second.body != first.body


def test_200_repeats_of_one_check_in_at_once_give_one_award_and_200_equal_answers(bot: Tree) -> None:
    payload = aibot_text("crowd", "@小助手 签到", id=new_id(), chat=GROUP, url=URL)

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: tell(bot, "assistant", payload), range(200)))

    assert [answer.status for answer in answers] == [200] * 200
    assert len({answer.plain for answer in answers}) == 1
    assert FRESH in answers[0].said
    with bot.database() as database:
        points, where = Points(database), communities_of(database)["main"]
        member = int(database.command("HGET", "qb:{people}:ids", "crowd"))
        assert [row.reason for row in points.rows(where, member)] == ["check_in"]
        assert points.discrepancies(where) == []


def test_the_log_holds_no_word_that_anybody_said(bot: Tree, tmp_path: Path) -> None:
    words = "今天的晚霞真好看"

    tell(bot, "assistant", aibot_text("poet", words))
    tell(bot, "desk", app("poet", Content=words))

    assert words not in bot.log_text()
    assert "王八蛋" not in bot.log_text()
    assert "response_code=CODE" not in bot.log_text()
