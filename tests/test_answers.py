"""The answers themselves: what an entry of the FAQ says, where, to whom, when – and what a short question after it means."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chat import ADMINS, FAR, MAIN, ROOT, Chat, OpenChat

from bot.channels.answer import spoken
from bot.channels.plain import without_marks
from bot.files import PLACE, FileProblem, Files
from bot.message import Reply
from handlers.faq import VALUES
from rules.contents import FAQ, ContentProblem, entry_to_json, parse
from rules.entries import VARIABLES
from rules.follow_ups import joined, may_lean, subject_of

pytest_plugins = ("chat",)

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
ENTRIES = """
- {id: refund, question: 怎么退款, similar: [如何申请退款, 退款流程, 退款的事], answer: 在“我的订单”里点“申请退款”。}
- {id: refund-when, question: 退款多久到账, similar: [退款几天到, 退款的事], answer: 1–3 个工作日到账。}
- {id: member, question: 会员怎么开通, similar: [如何成为会员], answer: 在“我的”里点“开通会员”。}
- {id: member-price, question: 会员多少钱, similar: [会员价格], answer: 一年 99 元。}
- {id: venue, question: 场地怎么预订, answer: 找管理员预订。}
- {id: venue-price, question: 场地多少钱, answer: 一小时 200 元。}
- id: me
  question: 我的情况怎么样
  answer: "{nickname}，您在{community}有 {points} 分，连续签到 {streak} 天，今天是 {date}（{weekday}）{time}，我是{bot_name}。"
- {id: map, question: 会场地图在哪里看, answer: 地图见下图。, image: 会场/地图.png}
- {id: photo, question: 上次活动的照片, answer: 照片在这里。, image: "https://example.com/a.jpg", file: "https://example.com/all.zip"}
- {id: form, question: 报名表在哪里下载, answer: 请填好发给班长。, file: 报名表.pdf}
- {id: rules, question: 群规是什么, answer: "## 群规\\n- **友善**\\n- 不发广告，见[全文](https://example.com/r)", markdown: true}
- {id: summit, question: 峰会什么时候开, answer: 五月开。, card: {title: 开发者峰会, text: 五月二十日, url: "https://example.com/summit"}}
- {id: far-parking, question: 停车场怎么收费, answer: 免费。, communities: [far]}
- {id: deposit, question: 押金账户的余额, answer: 三万元。, role: operator}
- {id: sale, question: 春季促销什么时候开始, answer: 已经开始了。, valid_from: 2026-03-11, valid_to: 2026-03-12}
"""


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """The shipped content with answers of every form."""
    folder = tmp_path / "content"
    shutil.copytree(ROOT / "rules" / "content", folder)
    (folder / "faq.yaml").write_text(ENTRIES, encoding="utf-8")
    (folder / "files" / "会场").mkdir(parents=True)
    (folder / "files" / "会场" / "地图.png").write_bytes(PNG)
    (folder / "files" / "报名表.pdf").write_bytes(b"%PDF-1.4 \n")
    return folder


@pytest.fixture
def chat(open_chat: OpenChat, content: Path) -> Chat:
    """A bot with these answers, whose member is known."""
    chat = open_chat(content=content)
    chat.says("签到", name="李雷")
    return chat


def raw(chat: Chat, text: str, **who: Any) -> dict[str, Any]:
    """The passive answer to a question in the main group, as WeCom gets it."""
    return msgspec.json.decode(chat.receive(chat.words(f"@小助手 {text}", group=MAIN, **who)).answer, type=dict[str, Any])


def trips(chat: Chat, text: str) -> int:
    """The round trips that a question costs, once it is known who has a role."""
    chat.says(text, user="hanmei")
    made: list[int] = []
    chat.stores.database._on_round_trip = lambda: made.append(1)
    chat.says(text)
    return len(made)


def publish_instead(chat: Chat, change: Callable[[str], str]) -> None:
    """Puts another FAQ in force."""
    wanted = {entry.id: entry_to_json(entry) for entry in parse(FAQ, change(ENTRIES))}
    gone: dict[str, str | None] = dict.fromkeys(chat.stores.content.items("faq").keys() - wanted.keys())
    chat.stores.content.put("faq", gone | wanted, "boss", chat.clock())
    chat.live.refresh()


# Variables -----------------------------------------------------------------------------------------------------------------


def test_every_variable_an_answer_may_use_has_a_value() -> None:
    assert VALUES.keys() == VARIABLES.keys()


def test_an_answer_speaks_of_the_one_who_asked(chat: Chat) -> None:
    said = chat.says("我的情况怎么样")
    assert said == f"李雷，您在主群有 {chat.points()} 分，连续签到 1 天，今天是 3 月 10 日（星期二）10:00，我是小助手。"


def test_a_broken_streak_is_none(chat: Chat) -> None:
    chat.later(days=2)
    assert "连续签到 0 天" in chat.says("我的情况怎么样")


def test_what_an_answer_does_not_name_is_not_looked_up(chat: Chat) -> None:
    assert trips(chat, "怎么退款") == 1


def test_a_variable_that_there_is_not_is_a_problem_of_the_file() -> None:
    with pytest.raises(ContentProblem, match=r"没有 \{balance\} 这个变量"):
        parse(FAQ, "- {id: a, question: 问, answer: '你有 {balance} 分'}")


# Where, to whom, when -------------------------------------------------------------------------------------------------------


def test_an_answer_of_another_community_is_neither_given_nor_offered(chat: Chat) -> None:
    assert "还没有答案" in chat.says("停车场怎么收费")
    assert chat.says("停车场怎么收费", group=FAR, user="far").endswith("\n\n免费。")


def test_an_answer_for_a_role_is_given_to_that_role_where_nobody_else_reads_it(chat: Chat) -> None:
    assert "还没有答案" in chat.says("押金账户的余额")
    assert "私聊" in chat.says("押金账户的余额", user="boss")
    assert chat.says("押金账户的余额", user="boss", group=ADMINS) == "三万元。"
    assert chat.privately("押金账户的余额", user="boss") == "三万元。"


def test_an_offer_in_a_group_does_not_even_name_what_is_for_a_role(chat: Chat) -> None:
    assert "押金" not in chat.says("押金账户", user="boss")


def test_an_answer_comes_into_force_and_ends_by_itself_at_midnight_in_the_community(chat: Chat) -> None:
    asked = "春季促销什么时候开始"
    chat.at("2026-03-10 23:59")
    assert "已经开始了" not in chat.says(asked)
    chat.at("2026-03-11 00:00")
    assert chat.says(asked) == "已经开始了。"
    chat.at("2026-03-12 23:59")
    assert chat.says(asked) == "已经开始了。"
    chat.at("2026-03-13 00:00")
    assert "已经开始了" not in chat.says(asked)


# What is not known ------------------------------------------------------------------------------------------------------------

UNKNOWN = "量子纠缠的贝尔不等式是什么意思"


def test_that_nobody_knows_is_said_once_in_ten_minutes_and_every_question_noted(chat: Chat) -> None:
    first = chat.says(UNKNOWN)
    assert "人工" in first
    chat.later(minutes=9)
    assert chat.says("木星有几颗卫星") == ""
    chat.later(minutes=2)
    assert chat.says("谁写了资治通鉴") == first
    assert chat.unanswered() == [UNKNOWN, "木星有几颗卫星", "谁写了资治通鉴"]


def test_an_answer_in_between_does_not_make_the_bot_repeat_itself(chat: Chat) -> None:
    assert chat.says(UNKNOWN)
    assert chat.says("怎么退款")
    assert chat.says("木星有几颗卫星") == ""


def test_each_member_and_each_chat_is_told(chat: Chat) -> None:
    assert chat.says(UNKNOWN)
    assert "人工" in chat.says(UNKNOWN, user="hanmei")
    assert "人工" in chat.privately(UNKNOWN)


def test_a_question_without_an_answer_costs_one_round_trip_more(chat: Chat) -> None:
    assert trips(chat, UNKNOWN) == 2


# Choices ----------------------------------------------------------------------------------------------------------------------


def test_a_number_leads_to_the_very_entry_that_was_offered_also_after_its_question_was_changed(chat: Chat) -> None:
    offer = chat.says("退款的事")
    assert offer.startswith("您是想问：\n1. ")
    line = next(line for line in offer.splitlines() if "怎么退款" in line)
    publish_instead(chat, lambda text: text.replace("怎么退款", "钱怎么要回来"))
    assert chat.says(line[0]) == "在“我的订单”里点“申请退款”。"


def test_a_choice_that_was_taken_away_says_so(chat: Chat) -> None:
    chat.says("退款的事")
    publish_instead(chat, lambda text: "- {id: other, question: 别的事情, answer: 好。}")
    assert "刚刚被管理员修改了" in chat.says("1")


@pytest.mark.parametrize("none", ["0", "都不是"])
def test_none_of_the_offered_notes_the_question_that_was_asked(chat: Chat, none: str) -> None:
    chat.says("退款的事")
    assert "记下来" in chat.says(none)
    assert chat.unanswered() == ["退款的事"]
    chat.says(none)
    assert chat.log("decision")[-1].data["faq"] != "none", "an offer is used up"


def test_an_offer_has_a_button_for_each_choice_where_cards_are_shown(chat: Chat) -> None:
    offer = chat.says("退款的事")
    assert sorted(offer.choices) == sorted(["怎么退款", "退款多久到账", "都不是"])
    clicked = chat.clicks(offer, "怎么退款", user="hanmei", group=MAIN)
    assert clicked.updated
    assert (clicked.updated["main_title"]["title"], clicked.updated["sub_title_text"]) == ("怎么退款", "在“我的订单”里点“申请退款”。")
    assert chat.outbox() == [], "the card says it all"


def test_a_clicked_answer_that_is_longer_than_a_card_follows_as_a_message(chat: Chat) -> None:
    long = "请先看说明再操作。" * 20
    publish_instead(chat, lambda text: text.replace("1–3 个工作日到账。", long))
    clicked = chat.clicks(chat.says("退款的事"), "退款多久到账", user="hanmei", group=MAIN)
    assert clicked.updated
    assert clicked.updated["sub_title_text"].endswith("…")
    (beside,) = chat.outbox()
    assert (beside.via, beside.body["markdown"]["content"]) == ("webhook", long)


def test_a_click_on_none_notes_the_question(chat: Chat) -> None:
    chat.clicks(chat.says("退款的事"), "都不是", user="lilei", group=MAIN)
    assert chat.unanswered() == ["退款的事"]


def test_a_click_on_a_choice_that_was_taken_away_says_so(chat: Chat) -> None:
    offer = chat.says("退款的事")
    publish_instead(chat, lambda text: "- {id: other, question: 别的事情, answer: 好。}")
    clicked = chat.clicks(offer, "怎么退款", user="lilei", group=MAIN)
    assert clicked.updated
    assert "刚刚被管理员修改了" in clicked.updated["sub_title_text"]


def test_an_app_is_offered_choices_in_words_once(chat: Chat) -> None:
    offer = chat.privately("退款", through="desk")
    assert offer.count("怎么退款") == 1
    assert chat.privately(offer[offer.index("怎么退款") - 3], through="desk") == "在“我的订单”里点“申请退款”。"


# Follow-ups -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then", "answer"), [("怎么退款", "那多久？", "1–3 个工作日到账。"), ("场地怎么预订", "那多少钱？", "一小时 200 元。")]
)
def test_a_short_question_right_after_an_answer_keeps_its_topic(chat: Chat, first: str, then: str, answer: str) -> None:
    assert answer not in chat.says(then)
    chat.says(first)
    assert chat.says(then) == answer
    assert chat.log("decision")[-1].data["why"] == "follow-up"


@pytest.mark.parametrize(
    ("first", "then", "entry"),
    [
        ("怎么退款", "那多久", "refund-time"),
        ("怎么获得积分", "那怎么花", "points-use"),
        ("怎么退款", "你们老板是谁？", None),
        ("怎么退款", "今天好热呢", None),
        ("怎么退款", "你吃了吗", None),
        ("怎么退款", "那要多少钱", None),
    ],
)
def test_the_shipped_answers_are_taken_up_by_what_asks_about_them_only(
    open_chat: OpenChat, first: str, then: str, entry: str | None
) -> None:
    chat = open_chat()
    chat.says("签到")
    chat.says(first)
    chat.says(then)
    noted = chat.log("decision")[-1].data
    assert noted.get("entry") == entry


def test_a_topic_ends_after_two_minutes_and_belongs_to_its_member_and_chat(chat: Chat) -> None:
    chat.says("怎么退款")
    for said in (chat.says("那多久", user="hanmei"), chat.privately("那多久")):
        assert "工作日" not in said
    chat.later(minutes=2)
    assert "工作日" not in chat.says("那多久")


def test_a_topic_helps_nobody_who_asks_something_else(chat: Chat) -> None:
    chat.says("怎么退款")
    assert "还没有答案" in chat.says("木星有几颗卫星")


def test_a_chosen_answer_is_a_topic_too(chat: Chat) -> None:
    offer = chat.says("退款的事")
    line = next(line for line in offer.splitlines() if "怎么退款" in line)
    chat.says(line[0])
    assert chat.says("多久") == "1–3 个工作日到账。"


def test_what_was_talked_about_is_forgotten_with_the_member(chat: Chat) -> None:
    chat.says("怎么退款")
    number = chat.member()
    assert list(chat.stores.database.scan(f"qb:{{*}}:talk:*:{number}"))
    chat.erase()
    assert not list(chat.stores.database.scan(f"qb:{{*}}:talk:*:{number}"))


def test_a_subject_is_what_remains_without_the_words_that_ask() -> None:
    assert subject_of("怎么退款？") == "退款"
    assert joined("怎么退款", "那多久？") == "退款多久"
    assert joined("怎么退款", "退款多久") == "", "who names the subject needs no help"
    assert joined("怎么办", "多久") == ""
    assert may_lean("多久")
    assert not may_lean("我想问一下上个月买的那双鞋子多久能到")
    assert not may_lean("今天好热"), "it asks nothing"
    assert not may_lean("地下停车场多少钱"), "it has a subject of its own"


# Forms ------------------------------------------------------------------------------------------------------------------------


def test_a_picture_stands_in_the_answer_itself_with_its_digest(chat: Chat) -> None:
    said = raw(chat, "会场地图在哪里看")["stream"]
    assert said["content"] == "地图见下图。"
    (item,) = said["msg_item"]
    assert base64.b64decode(item["image"]["base64"]) == PNG
    assert item["image"]["md5"] == hashlib.md5(PNG, usedforsecurity=False).hexdigest()
    assert said["finish"] is True


def test_redis_keeps_the_name_of_a_picture_only_and_a_repeat_shows_it_again(chat: Chat) -> None:
    first = raw(chat, "会场地图在哪里看", id="A")
    kept = chat.stores.database.command("HGET", next(iter(chat.stores.database.scan("qb:{*}:msg:assistant:A"))), "answer")
    assert len(kept) < 300
    assert raw(chat, "会场地图在哪里看", id="A") == first


def test_a_picture_that_is_gone_is_said_in_words(chat: Chat, content: Path) -> None:
    (content / "files" / "会场" / "地图.png").unlink()
    said = raw(chat, "会场地图在哪里看")["stream"]
    assert "msg_item" not in said
    assert said["content"].startswith("地图见下图。\n\n（有图片暂时显示不了")


def test_what_is_on_the_web_is_a_link(chat: Chat) -> None:
    assert chat.says("上次活动的照片") == "照片在这里。\n\n![图片](https://example.com/a.jpg)\n\n[文件](https://example.com/all.zip)"
    assert (
        chat.privately("上次活动的照片", through="desk")
        == "照片在这里。\n\n图片：https://example.com/a.jpg\n\n文件：https://example.com/all.zip"
    )


def test_an_address_with_brackets_stays_one_link() -> None:
    reply = Reply("见图", image="https://example.com/a_(1).png")
    assert spoken(reply, shows_markdown=True) == "见图\n\n![图片](https://example.com/a_%281%29.png)"


def test_a_picture_for_an_app_is_a_message_of_its_own(chat: Chat) -> None:
    assert chat.privately("会场地图在哪里看", through="desk") == "地图见下图。"
    (picture,) = chat.outbox()
    assert (picture.via, picture.member, picture.body) == ("app", chat.member(), {"msgtype": "image", "image": {PLACE: "会场/地图.png"}})


def test_a_file_goes_through_the_groups_webhook(chat: Chat) -> None:
    assert chat.says("报名表在哪里下载") == "请填好发给班长。"
    (file,) = chat.outbox()
    assert (file.via, file.chat, file.body) == ("webhook", MAIN, {"msgtype": "file", "file": {PLACE: "报名表.pdf"}})


def test_a_file_that_no_way_leads_to_is_said_in_words(open_chat: OpenChat, content: Path) -> None:
    chat = open_chat(content=content, app=False)
    assert chat.privately("报名表在哪里下载") == "请填好发给班长。\n\n（文件“报名表.pdf”在这里发不了，请联系管理员）"
    assert chat.outbox() == []


def test_an_answer_longer_than_an_apps_response_goes_on_in_a_message_of_its_own(chat: Chat) -> None:
    long = "".join(f"第 {number} 条：请先看说明再操作。\n" for number in range(1, 201))
    publish_instead(chat, lambda text: msgspec.json.encode([{"id": "long", "question": "全部条款", "answer": long}]).decode())
    first = chat.privately("全部条款", through="desk")
    assert len(first.encode()) <= 2_048
    assert first.endswith("（接下一条）")
    (rest,) = chat.outbox()
    assert rest.via == "app"
    told = first.removesuffix("（接下一条）").strip() + "\n" + rest.body["text"]["content"]
    assert told == long.strip()
    assert chat.says("全部条款") == long.strip()


def test_markdown_stays_what_it_is_where_it_is_shown_and_loses_its_marks_elsewhere(chat: Chat) -> None:
    assert chat.says("群规是什么").startswith("## 群规\n- **友善**")
    assert chat.privately("群规是什么", through="desk") == "群规\n• 友善\n• 不发广告，见全文：https://example.com/r"


def test_a_card_comes_with_its_words_and_is_told_where_none_is_shown(chat: Chat) -> None:
    said = chat.says("峰会什么时候开")
    assert said == "五月开。"
    assert said.card
    assert said.card["main_title"]["title"] == "开发者峰会"
    assert said.card["card_action"]["url"] == "https://example.com/summit"
    assert chat.privately("峰会什么时候开", through="desk") == "五月开。\n\n开发者峰会\n五月二十日\n详情：https://example.com/summit"


# Files ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "会场", "无.png", "会场/../../secret.png", "link.png", "a\x00b.png"])
def test_nothing_outside_the_folder_is_ever_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "files"
    (folder / "会场").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(FileProblem):
        Files(folder).read(name, 10_000)


def test_what_is_too_large_or_no_picture_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "big.png").write_bytes(PNG + bytes(1_000))
    (tmp_path / "page.png").write_bytes(b"<html>")
    with pytest.raises(FileProblem, match="最多 100 字节"):
        Files(tmp_path).read_picture("big.png", 100)
    with pytest.raises(FileProblem, match="不是 JPG 或 PNG"):
        Files(tmp_path).read_picture("page.png")


def test_words_that_look_like_a_place_for_a_picture_stay_words(tmp_path: Path) -> None:
    said = msgspec.json.encode({"msgtype": "stream", "stream": {"content": f'"{PLACE}":"x.png"'}}).decode()
    assert Files(tmp_path).put_in(said) == said
    xml = f'<xml><Content><![CDATA["{PLACE}":"x"]]></Content></xml>'
    assert Files(tmp_path).put_in(xml) == xml


def test_marks_of_markdown_go_and_what_only_looks_like_one_stays() -> None:
    assert without_marks("# 题\n> 引\n1. 一\n* 二\n```py\nx*y*z\n```\n---\n~~删~~ `码` ![](https://e.cn/a.png)") == (
        "题\n引\n1. 一\n• 二\nx*y*z\n————\n删 码 https://e.cn/a.png"
    )
    assert without_marks("2 * 3 * 4，a_b_c") == "2 * 3 * 4，a_b_c"
