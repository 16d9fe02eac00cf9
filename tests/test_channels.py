"""The channels: captured payloads become exact messages, replies become exact bodies, and nothing malformed gets through as anything else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xmltodict
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels import KINDS
from bot.channels.text import MAX_TEXT_CHARS, clean, cut, keep_numbers, spoken, without_mention
from bot.errors import Refused
from bot.message import Attachment, Event, Message, Quote, Reply

PAYLOADS = Path(__file__).parent / "payloads"
NAMES = ("小助手", "RobotA")
RESPONSE_URL = "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=CODE"
WEBHOOK_URL = "http://in.qyapi.weixin.qq.com/cgi-bin/webhook/send?key=KEY"
CORP = "ww1436e0e65a779aee"
CARD = {"card_type": "text_notice", "main_title": {"title": "本周榜单"}, "card_action": {"type": 1, "url": "https://e.example"}}


def parsed(name: str, *, names: tuple[str, ...] = NAMES) -> Message:
    """The message in a captured payload, ``name`` being its path below tests/payloads."""
    return KINDS[name.split("/")[0]].parse((PAYLOADS / name).read_text(), channel="c", names=names)


def rendered(message: Message, *replies: Reply, kind: str = "aibot", **options: Any) -> str:
    return KINDS[kind].render(message, replies, **options)


def in_xml(text: str) -> dict[str, Any]:
    found: dict[str, Any] = xmltodict.parse(text)["xml"]
    return found


# Captured payloads → exact messages -----------------------------------------------------------------------------------

GROUP = Message(id="", channel="c", kind="text", user="lilei", chat="wrGROUP1")
SINGLE = Message(id="", channel="c", kind="text", user="lilei", reply_url=RESPONSE_URL)
CLICK = Message(id="", channel="c", kind="event", user="lilei", chat="wrGROUP1", sent_at=1700000000)
APP = Message(id="", channel="c", kind="event", user="zhangsan", sent_at=1403610513)
CHAT = Message(id="", channel="c", kind="event", user="sys", chat="wrCUSTOMERS", sent_at=1403610513)
ROBOT = Message(id="abcd", channel="c", kind="text", user="zhangsan", chat="wrkSFf", name="张三", reply_url=WEBHOOK_URL)
VOTE = Event("template_card_event", key="submit", task="poll-7", card_kind="vote_interaction", selected={"q1": ("one", "two")})
POLL = Event("template_card_event", key="submit", task="poll-7", card_kind="vote_interaction", selected={"q1": ("a",)}, code="RC")
JOIN = Event("change_external_chat", "add_member", key="9c3f97c2/71217227", members=("Jack", "Rose"))
MORE = Event("attachment", detail="btn_more", key="more", task="btn_for_show_more")

WITH_ID = {
    "aibot/text_group_quote.json": replace(
        GROUP,
        id="CAIQ16HMjQYY/NGagIOAgAMgq4KM0AI=",
        text="怎么退款",
        quote=Quote("text", "这是今日的测试情况"),
        reply_url=RESPONSE_URL,
    ),
    "aibot/text_single.json": replace(SINGLE, id="M2", text="签到"),
    "aibot/image.json": replace(
        SINGLE, id="M3", kind="image", attachments=(Attachment("image", "https://ww-aibot-img.example/BHoPdA3/75716?sign=abc"),)
    ),
    "aibot/file.json": replace(SINGLE, id="M4", kind="file", attachments=(Attachment("file", "https://files.example/a"),)),
    "aibot/video.json": replace(SINGLE, id="M5", kind="video", attachments=(Attachment("video", "https://files.example/v"),)),
    "aibot/voice.json": replace(SINGLE, id="M6", kind="voice", text="这是语音转成文本的内容"),
    "aibot/mixed.json": replace(
        GROUP,
        id="M7",
        kind="mixed",
        text="这是今日的测试情况\n请看",
        attachments=(Attachment("image", "https://img.example/1"),),
        reply_url=RESPONSE_URL,
    ),
    "aibot/quote_image.json": replace(
        GROUP, id="M8", text="举报", quote=Quote("image", attachments=(Attachment("image", "https://img.example/2"),))
    ),
    "aibot/quote_mixed.json": replace(
        GROUP, id="M9", text="举报", quote=Quote("mixed", "T", (Attachment("image", "https://img.example/3"),))
    ),
    "aibot/quote_voice.json": replace(GROUP, id="M10", text="举报", quote=Quote("voice", "T")),
    "aibot/quote_file.json": replace(
        GROUP, id="M11", text="举报", quote=Quote("file", attachments=(Attachment("file", "https://files.example/f"),))
    ),
    "aibot/quote_video.json": replace(
        GROUP, id="M12", text="举报", quote=Quote("video", attachments=(Attachment("video", "https://files.example/w"),))
    ),
    "aibot/stream_refresh.json": replace(GROUP, id="M13", kind="refresh", event=Event("stream", key="STREAMID")),
    "aibot/enter_chat.json": replace(CLICK, id="M14", chat="", event=Event("enter_chat")),
    "aibot/card_vote.json": replace(CLICK, id="M15", event=VOTE, reply_url=RESPONSE_URL),
    "aibot/card_vote_without_underscores.json": replace(CLICK, id="M16", event=replace(VOTE, selected={"q1": ("one",)})),
    "aibot/card_flat.json": replace(CLICK, id="M17", event=Event("template_card_event", key="approve", task="case-3")),
    "aibot/feedback.json": replace(
        CLICK,
        id="M18",
        text="能再详细一些么",
        event=Event("feedback_event", detail="2", key="FEEDBACKID", selected={"reasons": ("2", "4")}),
    ),
    "aibot/unknown_type.json": replace(SINGLE, id="M19", kind="unknown"),
    "aibot/group_without_chat.json": replace(GROUP, id="M20", kind="unknown", chat=""),
    "app/text.xml": replace(APP, id="1234567890123456", kind="text", text="签到", sent_at=1348831860),
    "app/image.xml": replace(
        APP, id="11", kind="image", sent_at=1348831860, attachments=(Attachment("image", "https://p.example/1", "MEDIA1"),)
    ),
    "app/voice.xml": replace(APP, id="12", kind="voice", sent_at=1348831860, attachments=(Attachment("voice", media_id="MEDIA2"),)),
    "app/video.xml": replace(APP, id="13", kind="video", sent_at=1348831860, attachments=(Attachment("video", media_id="MEDIA3"),)),
    "app/location.xml": replace(APP, id="14", kind="location", sent_at=1348831860, text="广州塔"),
    "app/link.xml": replace(
        APP,
        id="15",
        kind="link",
        sent_at=1348831860,
        text="活动\n周末读书会",
        attachments=(Attachment("link", "https://e.example/a"),),
    ),
    "robot/text.xml": replace(ROBOT, text="hello robot"),
    "robot/image_single.xml": replace(ROBOT, kind="image", chat="", attachments=(Attachment("image", "https://p.qpic.example/1"),)),
    "robot/mixed.xml": replace(ROBOT, kind="mixed", text="看", attachments=(Attachment("image", "https://p.qpic.example/2"),)),
    "robot/add_to_chat.xml": replace(ROBOT, kind="event", event=Event("add_to_chat")),
    "robot/delete_from_chat.xml": replace(ROBOT, kind="event", event=Event("delete_from_chat")),
    "robot/enter_chat.xml": replace(ROBOT, kind="event", event=Event("enter_chat")),
    "robot/attachment.xml": replace(ROBOT, kind="event", event=MORE),
}

WITHOUT_ID = {
    "aibot/card_without_msgid.json": replace(CLICK, event=Event("template_card_event", key="mute", task="case-3", card_kind="text_notice")),
    "app/subscribe.xml": replace(APP, event=Event("subscribe")),
    "app/unsubscribe.xml": replace(APP, event=Event("unsubscribe")),
    "app/enter_agent.xml": replace(APP, event=Event("enter_agent")),
    "app/click.xml": replace(APP, event=Event("click", key="MENU_POINTS")),
    "app/view.xml": replace(APP, event=Event("view", key="https://e.example/m")),
    "app/card_one_option.xml": replace(APP, event=POLL),
    "app/card_two_questions.xml": replace(APP, event=replace(POLL, selected={"q1": ("a", "b"), "q2": ("c",)})),
    "app/card_menu.xml": replace(APP, event=replace(POLL, name="template_card_menu_event", selected={})),
    "app/change_contact.xml": replace(APP, user="lisi", name="李四", event=Event("change_contact", "create_user", members=("lisi",))),
    "app/unknown_event.xml": replace(APP, user="sys", event=Event("batch_job_result")),
    "contact/chat_create.xml": replace(CHAT, event=Event("change_external_chat", "create")),
    "contact/chat_dismiss.xml": replace(CHAT, event=Event("change_external_chat", "dismiss")),
    "contact/chat_add_members.xml": replace(
        CHAT, event=replace(JOIN, selected={"join_scene": ("1",), "quit_scene": ("0",), "count": ("2",)})
    ),
    "contact/chat_add_one_member.xml": replace(
        CHAT, event=replace(JOIN, members=("Jack",), selected={"join_scene": ("3",), "count": ("1",)})
    ),
    "contact/chat_del_members_joined.xml": replace(
        CHAT, event=replace(JOIN, detail="del_member", key="", selected={"quit_scene": ("1",), "count": ("2",)})
    ),
    "contact/chat_del_member_unlisted.xml": replace(
        CHAT, event=replace(JOIN, detail="del_member", key="", members=(), selected={"quit_scene": ("0",), "count": ("1",)})
    ),
    "contact/customer_added.xml": replace(
        APP,
        event=Event("change_external_contact", "add_external_contact", key="teststate", members=("woAJ2GCAAAXt",), code="WELCOMECODE"),
    ),
    "contact/customer_transfer_failed.xml": replace(
        APP, event=Event("change_external_contact", "transfer_fail", key="customer_refused", members=("woAJ2GCAAAXt",))
    ),
    "contact/user_renamed.xml": replace(APP, user="lisi", event=Event("change_contact", "update_user", members=("lisi", "lisi001"))),
    "contact/tag_changed.xml": replace(
        APP, user="sys", event=Event("change_contact", "update_tag", key="1", members=("a", "b"), selected={"added": ("a", "b")})
    ),
}


@pytest.mark.parametrize("name", WITH_ID)
def test_a_captured_payload_becomes_exactly_this_message(name: str) -> None:
    assert parsed(name) == WITH_ID[name]


@pytest.mark.parametrize("name", WITHOUT_ID)
def test_a_captured_event_without_an_id_becomes_this_message_with_a_made_one(name: str) -> None:
    message = parsed(name)
    assert replace(message, id="") == WITHOUT_ID[name]
    assert message.id[0] == "e"
    assert len(message.id) == 32
    assert parsed(name).id == message.id


@pytest.mark.parametrize("name", ["text", "image_single", "mixed", "enter_chat", "attachment"])
def test_a_robots_json_says_the_same_as_its_xml(name: str) -> None:
    assert parsed(f"robot/{name}.json") == parsed(f"robot/{name}.xml")


def test_every_captured_payload_is_in_a_table() -> None:
    files = {f"{path.parent.name}/{path.name}" for path in PAYLOADS.glob("*/*")}
    assert files - {name for name in files if name.startswith("robot/") and name.endswith(".json")} == {*WITH_ID, *WITHOUT_ID}


def test_different_events_get_different_ids() -> None:
    made = [parsed(name).id for name in WITHOUT_ID]
    assert len(set(made)) == len(made)


def test_two_clicks_that_differ_in_the_chosen_option_only_get_different_ids() -> None:
    first = (PAYLOADS / "app/card_one_option.xml").read_text()
    second = first.replace("[a]", "[b]")
    app = KINDS["app"]
    assert app.parse(first, channel="c").id != app.parse(second, channel="c").id


def test_an_id_that_could_not_be_a_key_is_replaced_by_a_made_one() -> None:
    for odd in ("", "a b", "{7}", "签到", "x" * 129, "a\nb"):
        payload = json.dumps({"msgid": odd, "msgtype": "text", "text": {"content": "签到"}, "from": {"userid": "u"}})
        assert KINDS["aibot"].parse(payload, channel="c").id.startswith("e")


# Replies → exact bodies -----------------------------------------------------------------------------------------------


def test_a_reply_to_an_aibots_message_is_one_finished_stream() -> None:
    body = json.loads(rendered(parsed("aibot/text_single.json"), Reply("签到成功，+5 分")))
    assert body == {"msgtype": "stream", "stream": {"id": body["stream"]["id"], "finish": True, "content": "签到成功，+5 分"}}


def test_several_replies_are_joined_by_a_blank_line() -> None:
    body = json.loads(rendered(parsed("aibot/text_single.json"), Reply("一"), Reply(""), Reply("二")))
    assert body["stream"]["content"] == "一\n\n二"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("现在：\n2. 投票\n3. 接龙\n5. 抽奖\n说编号", "现在：\n2．投票\n3．接龙\n5．抽奖\n说编号"),
        ("5. 先\n3. 后", "5．先\n3．后"),
        ("一共 3 项：\n1. 签到\n2. 打卡\n\n5. 别的", "一共 3 项：\n1. 签到\n2. 打卡\n\n5. 别的"),
        ("5451. 说过的话", "5451．说过的话"),
        ("1. 数一数\n1. 再数", "1. 数一数\n1. 再数"),
        ("版本 1.2\n3.5 折", "版本 1.2\n3.5 折"),
    ],
)
def test_numbers_that_jump_are_not_counted_anew_where_markdown_is_shown(said: str, shown: str) -> None:
    assert keep_numbers(said) == shown
    body = json.loads(rendered(parsed("aibot/text_single.json"), Reply(said)))
    assert body["stream"]["content"] == shown


def test_what_is_meant_for_others_or_for_the_webhook_is_not_said_here() -> None:
    message = parsed("aibot/text_group_quote.json")
    assert rendered(message, Reply("悄悄话", to=7), Reply("公告", push=True)) == ""


def test_a_card_alone_is_a_template_card_without_its_twin() -> None:
    body = json.loads(rendered(parsed("aibot/text_single.json"), Reply("本周榜单：…", card=CARD)))
    assert body == {"msgtype": "template_card", "template_card": CARD}


def test_a_text_and_a_card_go_together_and_a_second_card_is_told_by_its_twin() -> None:
    body = json.loads(rendered(parsed("aibot/text_single.json"), Reply("你好"), Reply("甲", card=CARD), Reply("乙", card=CARD)))
    assert body["msgtype"] == "stream_with_template_card"
    assert body["stream"]["content"] == "你好\n\n乙"
    assert body["template_card"] == CARD


def test_entering_the_single_chat_is_answered_by_text_or_a_card() -> None:
    enter = parsed("aibot/enter_chat.json")
    assert json.loads(rendered(enter, Reply("你好"))) == {"msgtype": "text", "text": {"content": "你好"}}
    assert json.loads(rendered(enter, Reply("你好", card=CARD))) == {"msgtype": "template_card", "template_card": CARD}


def test_a_click_updates_the_card_that_was_clicked_and_says_nothing() -> None:
    click = parsed("aibot/card_vote.json")
    body = json.loads(rendered(click, Reply("谢谢", update_card=CARD)))
    assert body == {"response_type": "update_template_card", "template_card": {**CARD, "task_id": "poll-7"}}
    assert rendered(click, Reply("谢谢")) == ""


@pytest.mark.parametrize("name", ["feedback", "stream_refresh", "unknown_type", "group_without_chat"])
def test_where_an_aibot_may_not_answer_it_does_not(name: str) -> None:
    assert rendered(parsed(f"aibot/{name}.json"), Reply("你好", card=CARD, update_card=CARD)) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_no_replies_are_an_empty_answer(kind: str) -> None:
    message = Message(id="m", channel="c", kind="text", user="u")
    assert rendered(message, kind=kind) == rendered(message, Reply(""), Reply(" \n"), kind=kind) == ""


def test_an_apps_answer_swaps_sender_and_receiver_and_bears_the_messages_time() -> None:
    message = parsed("app/text.xml")
    assert rendered(message, Reply("签到成功"), kind="app", corp_id=CORP) == (
        f"<xml><ToUserName><![CDATA[zhangsan]]></ToUserName><FromUserName><![CDATA[{CORP}]]></FromUserName>"
        "<CreateTime>1348831860</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[签到成功]]></Content></xml>"
    )


def test_an_app_tells_a_card_by_its_twin() -> None:
    assert in_xml(rendered(parsed("app/text.xml"), Reply("本周榜单：…", card=CARD), kind="app"))["Content"] == "本周榜单：…"


def test_an_apps_card_is_updated_in_camel_case_with_repeated_siblings() -> None:
    card = {
        "card_type": "button_interaction",
        "source": {"icon_url": "U", "desc_color": 2},
        "horizontal_content_list": [{"keyname": "邀请人", "value": "张三"}, {"keyname": "官网", "type": 1, "appid": "A"}],
        "checkbox": {"disable": True, "option_list": [{"id": "a", "is_checked": False}]},
        "emphasis_content": None,
    }
    assert rendered(parsed("app/card_one_option.xml"), Reply(update_card=card), kind="app", corp_id=CORP) == (
        f"<xml><ToUserName><![CDATA[zhangsan]]></ToUserName><FromUserName><![CDATA[{CORP}]]></FromUserName>"
        "<CreateTime>1403610513</CreateTime><MsgType><![CDATA[update_template_card]]></MsgType><TemplateCard>"
        "<CardType><![CDATA[button_interaction]]></CardType><Source><IconUrl><![CDATA[U]]></IconUrl><DescColor>2</DescColor></Source>"
        "<HorizontalContentList><KeyName><![CDATA[邀请人]]></KeyName><Value><![CDATA[张三]]></Value></HorizontalContentList>"
        "<HorizontalContentList><KeyName><![CDATA[官网]]></KeyName><Type>1</Type><AppId><![CDATA[A]]></AppId></HorizontalContentList>"
        "<CheckBox><Disable>true</Disable><OptionList><Id><![CDATA[a]]></Id><IsChecked>false</IsChecked></OptionList></CheckBox>"
        "</TemplateCard></xml>"
    )


def test_an_apps_button_gets_new_words() -> None:
    body = in_xml(rendered(parsed("app/card_one_option.xml"), Reply(update_card={"replace_name": "已完成"}), kind="app"))
    assert body["MsgType"] == "update_button"
    assert body["Button"] == {"ReplaceName": "已完成"}


@pytest.mark.parametrize(("name", "is_answered"), [("subscribe", True), ("click", True), ("card_menu", True), ("unsubscribe", False)])
def test_an_app_answers_only_the_events_that_allow_it(name: str, is_answered: bool) -> None:
    assert bool(rendered(parsed(f"app/{name}.xml"), Reply("你好"), kind="app")) is is_answered


@pytest.mark.parametrize("name", ["card_one_option", "change_contact", "unknown_event"])
def test_an_app_says_nothing_to_the_other_events(name: str) -> None:
    assert rendered(parsed(f"app/{name}.xml"), Reply("你好"), kind="app") == ""


def test_a_robot_answers_in_the_format_it_was_asked_in() -> None:
    message = parsed("robot/text.xml")
    as_xml = "<xml><MsgType><![CDATA[text]]></MsgType><Text><Content><![CDATA[你好]]></Content></Text></xml>"
    assert rendered(message, Reply("你好"), kind="robot") == as_xml
    as_json = rendered(message, Reply("你好"), kind="robot", as_json=True)
    assert json.loads(as_json) == {"msgtype": "text", "text": {"content": "你好"}}


def test_a_robot_that_was_removed_says_nothing_any_more() -> None:
    assert rendered(parsed("robot/delete_from_chat.xml"), Reply("再见"), kind="robot") == ""


@pytest.mark.parametrize("name", [name for name in WITHOUT_ID if name.startswith("contact/")])
def test_contact_events_are_never_answered(name: str) -> None:
    assert rendered(parsed(name), Reply("你好", card=CARD, update_card=CARD), kind="contact") == ""


def test_the_end_of_a_cdata_section_inside_a_text_is_harmless() -> None:
    sneaky = "a]]></Content><MsgType>b]]>"
    assert in_xml(rendered(parsed("app/text.xml"), Reply(sneaky), kind="app"))["Content"] == sneaky


# The mention ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@小助手 签到", "签到"),
        ("@小助手\u2005签到", "签到"),
        ("@小助手\u3000 \u00a0签到", "签到"),
        ("@小助手\u200b签到", "签到"),
        ("签到 @小助手", "签到"),
        ("签到@小助手", "签到"),
        ("你好@小助手 怎么退款", "你好 怎么退款"),
        ("你好 @小助手 怎么退款", "你好 怎么退款"),
        ("@小助手\n签到", "签到"),
        ("@小助手，签到", "签到"),
        ("@小助手: 签到", "签到"),
        ("@小助手！", "！"),
        ("@小助手 @小助手 签到", "签到"),
        ("@My Bot 签到", "签到"),
        ("＠小助手 签到", "签到"),
        ("@小助手", ""),
        ("@小助手二号 签到", "@小助手二号 签到"),
        ("@小助手 二号", "二号"),
        ("@小助", "@小助"),
        ("me@小助手 签到", "me@小助手 签到"),
        ("小助手 签到", "小助手 签到"),
        ("发积分 @张三 5 谢谢", "发积分 @张三 5 谢谢"),
    ],
)
def test_the_bots_mention_is_taken_out_and_nobody_elses(text: str, said: str) -> None:
    assert spoken(text, ("小助手", "My Bot", "小")) == said


def test_of_two_names_the_longer_one_is_the_mention() -> None:
    assert spoken("@小助手 测试版 签到", ("小助手", "小助手 测试版")) == "签到"


@settings(deadline=None)
@given(text=st.text(), names=st.lists(st.text(max_size=6), max_size=3).map(tuple))
def test_a_text_without_an_at_sign_keeps_every_word(text: str, names: tuple[str, ...]) -> None:
    plain = text.replace("@", "").replace("＠", "")
    assert without_mention(plain, names) == plain


# Text and its limits --------------------------------------------------------------------------------------------------


def test_control_characters_go_and_line_ends_become_newlines() -> None:
    assert clean("签\x00到\x1b[0m\r\n第\t二\r行\x7f\x85\ud800\ufffe") == "签到[0m\n第\t二\n行"


def test_a_text_is_kept_up_to_its_limit() -> None:
    payload = json.dumps({"msgid": "m", "msgtype": "text", "text": {"content": "签" * (MAX_TEXT_CHARS + 5)}, "from": {"userid": "u"}})
    assert KINDS["aibot"].parse(payload, channel="c").text == "签" * MAX_TEXT_CHARS


@settings(deadline=None)
@given(text=st.text(max_size=200), limit=st.integers(min_value=3, max_value=300))
def test_cutting_never_exceeds_the_limit_and_never_breaks_a_character(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short.encode()) <= limit
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
    assert short == text or len(short.encode()) > limit - 4


@pytest.mark.parametrize(("kind", "limit"), [("aibot", 20_480), ("app", 2_048), ("robot", 2_048)])
def test_a_long_answer_is_cut_to_the_channels_bytes(kind: str, limit: int) -> None:
    message = Message(id="m", channel="c", kind="text", user="u", sent_at=1)
    body = rendered(message, Reply("很" * 30_000), kind=kind)
    content = {
        "aibot": lambda: json.loads(body)["stream"]["content"],
        "app": lambda: in_xml(body)["Content"],
        "robot": lambda: in_xml(body)["Text"]["Content"],
    }[kind]()
    assert limit - 3 <= len(content.encode()) <= limit
    assert content.endswith("很…")


# Whatever comes -------------------------------------------------------------------------------------------------------

FOR_EACH_KIND = settings(deadline=None, max_examples=40)
"""Of a test that is done for several kinds of channel."""
WORDS = st.sampled_from(
    "msgid msgtype text content mixed msg_item image url voice file video quote event eventtype template_card_event selected_items "
    "selected_item option_ids option_id chattype chatid single group from userid stream create_time enter_chat feedback_event attachment "
    "actions mixed_message webhook_url".split()
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS
TREES = st.recursive(LEAVES, lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(WORDS, deeper, max_size=6), max_leaves=12)
XML_WORDS = st.sampled_from(
    "xml MsgType Event text event Content MsgId FromUserName CreateTime ChangeType MemChangeList Item SelectedItems SelectedItem OptionIds "
    "OptionId change_external_chat change_contact template_card_event UpdateDetail update From UserId ChatType group Text Image Attachment "
    "Actions MixedMessage MsgItem EventType location link".split()
)


def as_xml(tree: Any) -> str:
    """A tree of (name, children) written out; children are such pairs or texts."""
    if isinstance(tree, str):
        return tree.replace("&", "&amp;").replace("<", "&lt;")
    name, children = tree
    return f"<{name}>{''.join(as_xml(child) for child in children)}</{name}>"


XML_TREES = st.recursive(XML_WORDS | st.text(max_size=6), lambda deeper: st.tuples(XML_WORDS, st.lists(deeper, max_size=5)), max_leaves=12)


def check_parse(kind: str, payload: str) -> None:
    try:
        message = KINDS[kind].parse(payload, channel="c", names=NAMES)
    except Refused as refused:
        assert refused.status == 400
        return
    assert 1 <= len(message.id) <= 128
    assert message == KINDS[kind].parse(payload, channel="c", names=NAMES)
    assert (message.event is not None) == (message.kind in {"event", "refresh"})
    check_render(kind, message, [Reply("好", card=CARD, update_card=CARD)])


def check_render(kind: str, message: Message, replies: Sequence[Reply]) -> None:
    for as_json in (False, True):
        body = KINDS[kind].render(message, replies, corp_id=CORP, as_json=as_json)
        assert body == KINDS[kind].render(message, replies, corp_id=CORP, as_json=as_json)
        if body.startswith("{"):
            json.loads(body.encode())
        elif body:
            in_xml(body)


@pytest.mark.parametrize("kind", ["aibot", "robot"])
@FOR_EACH_KIND
@given(tree=st.dictionaries(WORDS, TREES, max_size=8))
def test_any_json_object_becomes_a_message(kind: str, tree: Mapping[str, Any]) -> None:
    check_parse(kind, json.dumps(tree))


@pytest.mark.parametrize("kind", ["app", "robot", "contact"])
@FOR_EACH_KIND
@given(children=st.lists(XML_TREES, max_size=8))
def test_any_xml_tree_becomes_a_message_or_is_refused(kind: str, children: list[Any]) -> None:
    check_parse(kind, as_xml(("xml", children)))


@pytest.mark.parametrize("kind", KINDS)
@FOR_EACH_KIND
@given(payload=st.text(alphabet=st.characters(), max_size=60) | st.text(alphabet='<>/xml{}[]":!&;CDAT ', max_size=60))
def test_any_text_becomes_a_message_or_is_refused(kind: str, payload: str) -> None:
    check_parse(kind, payload)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "payload",
    [
        "",
        "null",
        "[]",
        "{",
        '{"a":' * 100_000,
        "<xml/>",
        "<a></a>",
        "<xml>",
        "<xml>" + "<a>" * 50_000 + "</a>" * 50_000 + "</xml>",
        "<xml>" + "<a>x</a>" * 200_000 + "</xml>",
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><xml><Content>&b;</Content></xml>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml>&x;</xml>',
        '<?xml version="1.0" encoding="no-such"?><xml><a>1</a',
        "<xml>\x00</xml>",
        "<xml>\ud800</xml>",
    ],
    ids=range(15),
)
def test_what_is_no_callback_is_refused(kind: str, payload: str) -> None:
    with pytest.raises(Refused) as caught:
        KINDS[kind].parse(payload, channel="c")
    assert caught.value.status == 400


SAYINGS = st.builds(
    Reply,
    text=st.text(alphabet=st.characters(), max_size=60) | st.text(alphabet="]>签&<\x00", max_size=900),
    card=st.none() | st.dictionaries(WORDS, st.recursive(st.text(max_size=5) | st.booleans() | st.none(), st.lists, max_leaves=4)),
    update_card=st.none() | st.dictionaries(WORDS | st.text(max_size=4), st.text(alphabet=st.characters(), max_size=9)),
)


@pytest.mark.parametrize("kind", KINDS)
@FOR_EACH_KIND
@given(event=st.sampled_from(["", "enter_chat", "template_card_event", "click"]), replies=st.lists(SAYINGS, max_size=4))
def test_whatever_is_said_the_answer_is_well_formed_and_always_the_same(kind: str, event: str, replies: list[Reply]) -> None:
    happened = Event(event, task="t") if event else None
    check_render(kind, Message(id="m", channel="c", kind="event" if event else "text", user="u", event=happened), replies)
