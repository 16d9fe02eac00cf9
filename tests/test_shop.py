"""The shop and its orders, as members and operators see them, and what holds whatever happens to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chat import MAIN, Chat, OpenChat, Said
from command_line import Cli

from bot.permissions import Actor
from bot.shop_desk import ShopDesk, ring_due
from rules.shop import Item, Shop, patience
from storage import keys

pytest_plugins = ("chat", "command_line")

ITEMS = """
confirm_from: 100
remind_after_days: 3
refund_after_days: 7
items:
  - {id: card, name: 补签卡, price: 30, kind: makeup_card, per_member_day: 1, counted: false}
  - {id: coffee, name: 咖啡兑换码, price: 40, kind: code, per_member: 2, description: 一杯中杯美式}
  - {id: sticker, name: 群贴纸, price: 20, per_member: 1}
  - {id: mug, name: 马克杯, price: 150, min_level: "3", per_day: 1}
"""


def sell(chat: Chat, text: str = ITEMS) -> None:
    """Puts a shop in force."""
    chat.stores.content.put("shop", {"": text}, "boss", chat.clock())
    chat.live.refresh()


def give(chat: Chat, points: int, user: str = "lilei") -> None:
    """A member who spoke once has so many points more."""
    chat.says("帮助", user=user)
    today = chat.clock().astimezone(chat.community.zone).date()
    chat.stores.points.award(
        chat.community.keys, chat.member(user), chat.clock(), today=today, reason="event", points=points, once=f"give:{user}:{chat.clock()}"
    )


def forget_answer(chat: Chat, id: str) -> None:
    """As if the process had died between the act and the answer to this message."""
    chat.stores.database.command("DEL", *chat.stores.database.scan(f"qb:{{*}}:msg:*{id}"))


def ring(chat: Chat) -> int:
    """What the clock does to orders."""
    return ring_due(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def told(chat: Chat, user: str = "") -> list[str]:
    """What waits to be sent to a member, or to the administrators."""
    number = chat.member(user) if user else None
    return [str(delivery.body) for delivery in chat.outbox() if delivery.member == number]


@pytest.fixture
def shop(chat: Chat) -> Chat:
    """A shop with ten stickers, and 李雷 with 100 points."""
    sell(chat)
    chat.as_admin("商城 补货 群贴纸 10")
    give(chat, 100)
    return chat


# Looking ------------------------------------------------------------------------------------------------------------------


def test_the_list_says_what_there_is_and_what_is_missing(shop: Chat) -> None:
    said = shop.says("商城")
    assert "你有 100 积分" in said
    assert "1. 补签卡 · 30 积分\n" in said
    assert "2. 咖啡兑换码 · 40 积分 · 剩 0 件 · 已换完" in said
    assert "3. 群贴纸 · 20 积分 · 剩 10 件\n" in said
    assert "需要等级 3（再攒 100 分）" in said
    assert said.card is None, "in a group it would turn into somebody's receipt"


def test_alone_the_list_comes_with_a_card_and_its_text(shop: Chat) -> None:
    said = shop.privately("商城")
    assert said.choices == ["1 补签卡", "2 咖啡兑换码", "3 群贴纸", "4 马克杯"]
    assert "3. 群贴纸" in said
    clicked = shop.clicks(said, "3 群贴纸", user="lilei", group="")
    assert clicked.updated
    assert "换到了“群贴纸”" in clicked.updated["sub_title_text"]
    assert shop.points() == 80


def test_one_item_is_told_with_its_limits(shop: Chat) -> None:
    shop.says("商城")
    said = shop.says("商城 2")
    assert "一杯中杯美式" in said
    assert "每人限 2 件" in said
    assert "没有“火箭”" in shop.says("商城 火箭")


# Exchanging ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["兑换 3", "兑换3", "兑换 群贴纸", "我要兑换 sticker", "3"])
def test_an_exchange_takes_points_and_stock_and_makes_an_order(shop: Chat, words: str) -> None:
    shop.says("商城")
    said = shop.says(words)
    assert "换到了“群贴纸”，花了 20 积分，还剩 80 积分。订单 1 已交给管理员" in said
    assert shop.points() == 80
    assert "剩 9 件" in shop.as_admin("商城 盘点")
    assert "订单 1 · 群贴纸 · 20 积分" in shop.says("我的订单")
    [post] = [text for text in told(shop) if "新订单 1" in text]
    assert "订单 1 完成" in post


def test_a_repeat_of_an_exchange_says_the_same_and_takes_nothing(shop: Chat) -> None:
    shop.says("商城")
    first = shop.says("兑换 3", id="same")
    forget_answer(shop, "same")
    again = shop.says("兑换 3", id="same")
    assert again == first
    assert shop.points() == 80
    assert len([text for text in told(shop) if "新订单" in text]) == 1


def test_what_is_missing_is_said_exactly(shop: Chat) -> None:
    give(shop, 5, "hanmei")
    assert "还差 15 分" in shop.says("兑换 群贴纸", user="hanmei")
    shop.says("兑换 群贴纸")
    assert "每人限 1 件" in shop.says("兑换 群贴纸")
    shop.says("兑换 补签卡")
    assert "每人每天限 1 件，明天再来" in shop.says("兑换 补签卡")
    shop.later(days=1)
    assert "换到了“补签卡”" in shop.says("兑换 补签卡")
    assert "已经换完了" in shop.says("兑换 咖啡兑换码")
    assert "现在换不了：需要等级 3（再攒 100 分）" in shop.says("兑换 马克杯")


def test_a_level_opens_what_it_gates_and_a_day_has_its_limit(shop: Chat) -> None:
    shop.as_admin("商城 补货 马克杯 5")
    give(shop, 300)
    give(shop, 400, "hanmei")
    for user in ("lilei", "hanmei"):
        assert "1. 换\n2. 不换" in shop.says("兑换 马克杯", user=user)
    assert "换到了“马克杯”" in shop.says("1")
    assert "今天的已经换完，明天再来" in shop.says("1", user="hanmei"), "it was there when he was asked"
    assert "今天的换完了" in shop.says("兑换 马克杯", user="hanmei")
    shop.later(days=1)
    shop.says("兑换 马克杯", user="hanmei")
    assert "换到了“马克杯”" in shop.says("1", user="hanmei")


def test_a_dear_item_asks_first_and_takes_no_for_an_answer(shop: Chat) -> None:
    shop.as_admin("商城 补货 马克杯 5")
    give(shop, 300)
    shop.says("兑换 马克杯")
    assert "没有兑换" in shop.says("2")
    assert shop.points() == 400


def test_a_price_that_changed_since_the_list_is_asked_about_again(shop: Chat) -> None:
    shop.says("商城")
    sell(shop, ITEMS.replace("price: 20", "price: 50"))
    assert "从 20 改成了 50 积分" in shop.says("兑换 3")
    assert shop.points() == 100
    assert "花了 50 积分" in shop.says("1")


def test_a_number_means_what_was_listed_whatever_stands_there_now(shop: Chat) -> None:
    shop.says("商城")
    sell(shop, ITEMS.replace("items:\n", "items:\n  - {id: new, name: 新品, price: 1}\n"))
    assert "换到了“群贴纸”" in shop.says("兑换 3")


def test_a_number_of_somebody_elses_list_is_asked_about(shop: Chat) -> None:
    assert "用 20 积分换“群贴纸”吗" in shop.says("兑换 3")


def test_an_item_has_its_days_and_its_communities(shop: Chat) -> None:
    sell(shop, "items:\n  - {id: a, name: 月饼, price: 1, ends: 2020-01-01}\n  - {id: b, name: 粽子, price: 1, communities: [far]}\n")
    assert "还没有上架" in shop.says("商城")
    assert "现在不能兑换" in shop.says("兑换 月饼")
    assert "没有“粽子”" in shop.says("兑换 粽子")
    assert "（不在兑换日期内）" in shop.as_admin("商城 盘点")
    sell(shop, "items:\n  - {id: a, name: 月饼, price: 1, min_level: gold, counted: false}\n")
    assert "没有 gold 这个等级" in shop.as_admin("商城 盘点")
    assert "等级门槛写错了" in shop.says("兑换 月饼")


def test_a_make_up_card_is_there_at_once_and_once(shop: Chat) -> None:
    today = shop.clock().astimezone(shop.community.zone).date()
    before = shop.stores.check_ins.standing(shop.community.keys, shop.member(), today).cards
    assert "补签卡已到账" in shop.says("兑换 补签卡", id="same")
    forget_answer(shop, "same")
    shop.says("兑换 补签卡", id="same")
    assert shop.stores.check_ins.standing(shop.community.keys, shop.member(), today).cards == before + 1


def question(chat: Chat) -> Said:
    """李雷 is asked, alone with the bot, whether he wants a mug: the card with 换 and 不换."""
    asked = chat.clicks(chat.privately("商城"), "4 马克杯", user="lilei", group="")
    assert asked.updated
    return Said("", asked.updated)


@pytest.fixture
def rich(shop: Chat) -> Chat:
    """The same with 1,000 points for 李雷, and mugs without a daily limit."""
    sell(shop, ITEMS.replace(", per_day: 1", ""))
    shop.as_admin("商城 补货 马克杯 10")
    give(shop, 900)
    return shop


def test_a_question_answered_twice_is_one_exchange(rich: Chat) -> None:
    card = question(rich)
    for _ in range(2):
        assert "换到了“马克杯”" in str(rich.clicks(card, "换", user="lilei", group="").updated)
    assert "换到了“马克杯”" in rich.privately("1"), "the same question, answered by its number as well"
    assert rich.points() == 850
    rich.clicks(question(rich), "换", user="lilei", group="")
    assert rich.points() == 700, "asked anew it is another one"


def test_two_answers_at_once_are_one_exchange(rich: Chat) -> None:
    for n in range(1, 4):
        rich.privately("兑换 马克杯")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: rich.privately("1"), range(2)))
        assert rich.points() == 1_000 - 150 * n


def test_a_button_of_the_list_pressed_twice_is_one_exchange(rich: Chat) -> None:
    said = rich.privately("商城")
    for _ in range(2):
        assert "换到了“补签卡”" in str(rich.clicks(said, "1 补签卡", user="lilei", group="").updated)
    rich.clicks(said, "3 群贴纸", user="lilei", group="")
    assert rich.points() == 950


@pytest.mark.parametrize("words", ["换", "换吧", "确定", "是", "好的！"])
def test_yes_in_words_is_taken(rich: Chat, words: str) -> None:
    rich.says("兑换 马克杯")
    assert "换到了“马克杯”" in rich.says(words)


@pytest.mark.parametrize("words", ["不换", "取消", "不要了", "算了。"])
def test_no_in_words_is_taken_and_stops_nothing_else(rich: Chat, words: str) -> None:
    rich.says("兑换 马克杯")
    assert "没有兑换，积分没有动" in rich.says(words)
    assert rich.points() == 1_000


def test_a_part_of_a_name_asks_first(shop: Chat) -> None:
    assert "用 30 积分换“补签卡”吗" in shop.says("兑换 签")
    assert shop.points() == 100
    assert "换到了“补签卡”" in shop.says("换")


@pytest.mark.parametrize(
    "words",
    [
        "商店 几点开门", "礼品 什么时候发", "积分兑换 规则", "我要换 手机号", "订单 什么时候发货", "待发货 的怎么办", "流程 是什么", "商城 怎么用",
        "兑换 码怎么用", "我的奖品 什么时候到", "兑换 规则",
    ],
)  # fmt: skip
def test_a_question_that_begins_like_a_command_is_a_question(shop: Chat, words: str) -> None:
    shop.says(words)
    assert shop.log("decision")[-1].data["route"] == "answer"


# Codes --------------------------------------------------------------------------------------------------------------------


def load(chat: Chat, *codes: str) -> str:
    """The owner puts codes in, alone with the bot."""
    return chat.privately("商城 加码 咖啡兑换码\n" + "\n".join(codes), user="boss")


def test_codes_are_given_in_their_order_and_told_alone(shop: Chat) -> None:
    assert "加了 2 个兑换码，现在有 2 个" in load(shop, "ABC-1", "ABC-2")
    assert "2 个以前加过" in load(shop, "ABC-1", "ABC-2", "ABC-3")
    said = shop.says("兑换 咖啡兑换码")
    assert "已私聊发给你" in said
    assert "ABC" not in said
    assert any("ABC-1" in text for text in told(shop, "lilei"))
    assert "ABC" not in shop.says("我的订单")
    assert "兑换码：ABC-1" in shop.privately("我的订单")
    assert "ABC-2" in shop.privately("兑换 咖啡兑换码")
    give(shop, 100, "hanmei")
    assert "ABC" not in shop.privately("订单 1", user="hanmei"), "it is not his"


def test_a_click_gives_the_code_beside_the_receipt(shop: Chat) -> None:
    load(shop, "A" * 180)
    clicked = shop.clicks(shop.privately("商城"), "2 咖啡兑换码", user="lilei", group="")
    assert clicked.updated
    assert "换到了“咖啡兑换码”" in clicked.updated["sub_title_text"]
    assert any("A" * 180 in text for text in told(shop, "lilei")), "whole: a card is too short for it"


def test_without_a_way_to_him_the_member_asks_for_his_code(open_chat: OpenChat) -> None:
    chat = open_chat(app=False)
    sell(chat)
    give(chat, 100)
    load(chat, "ABC-1")
    assert "请私聊我说“我的订单”" in chat.says("兑换 咖啡兑换码")
    assert "ABC-1" in chat.privately("我的订单")


def test_a_code_stands_nowhere_in_the_clear(open_chat: OpenChat) -> None:
    chat = open_chat(app=False, keep_text=True)
    sell(chat)
    give(chat, 100)
    load(chat, "TOPSECRET-77", "TOPSECRET-78")
    chat.says("兑换 咖啡兑换码")
    database = chat.stores.database
    events = [str(entry) for entry in chat.log()]
    assert not [line for line in events if "TOPSECRET" in line]
    kept = {key: str(database.command("DUMP", key)) for key in database.scan("*") if ":msg:" not in key}
    assert not [key for key, value in kept.items() if "TOPSECRET" in value]
    rows = [str(row) for row in chat.stores.audit.newest("main", 10)]
    assert rows
    assert "TOPSECRET" not in str(rows)
    assert "TOPSECRET" not in repr(chat.stores.orders.of_member(chat.community.keys, chat.member()))


@pytest.mark.parametrize(
    "first_line",
    ["商城加码 咖啡兑换码", "加码 咖啡兑换码", "商城：加码 咖啡兑换码", "给商城 加码 咖啡兑换码", "商店 加兑换码", "咖啡兑换码 加码"],
)
def test_codes_after_a_slip_are_answered_and_stand_nowhere(open_chat: OpenChat, first_line: str) -> None:
    chat = open_chat(keep_text=True)
    sell(chat)
    for said in (chat.as_admin(f"{first_line}\nTOPSECRET-77"), chat.privately(f"{first_line}\nTOPSECRET-77?", user="boss")):
        assert "商城 加码 咖啡兑换码\nABCD-1234" in said
    assert "这里人多" in chat.says(f"{first_line}\nTOPSECRET-77", user="boss")
    assert "TOPSECRET" not in str(chat.unanswered())
    assert not [entry for entry in chat.log() if "TOPSECRET" in str(entry)]


def test_a_code_may_end_as_a_question_does(shop: Chat) -> None:
    assert "加了 1 个" in load(shop, "ABC-1?")


def test_a_code_in_the_place_of_the_item_is_not_quoted(shop: Chat) -> None:
    assert "TOPSECRET" not in shop.as_admin("商城 加码 TOPSECRET-1\nTOPSECRET-2")


def test_a_customer_whom_the_app_cannot_reach_asks_for_his_code(shop: Chat) -> None:
    customer = "wm" + "A" * 30
    give(shop, 100, customer)
    load(shop, "ABC-1")
    said = shop.says("兑换 咖啡兑换码", user=customer)
    assert "请私聊我说“我的订单”" in said
    assert not told(shop, customer)
    assert "ABC-1" in shop.privately("我的订单", user=customer)


def test_what_is_for_a_customer_waits_until_he_speaks_to_the_bot(shop: Chat) -> None:
    customer = "wm" + "A" * 30
    give(shop, 100, customer)
    shop.says("兑换 群贴纸", user=customer)
    shop.as_admin("订单 1 完成 SF123")
    assert not told(shop, customer)
    assert "SF123" in shop.privately("你好", user=customer)


def test_codes_are_not_taken_in_a_members_group(shop: Chat) -> None:
    assert "这里人多" in shop.says("商城 加码 咖啡兑换码\nABC-1", user="boss")
    assert "只有运营" in shop.privately("商城 加码 咖啡兑换码\nABC-1")


# Orders -------------------------------------------------------------------------------------------------------------------


def test_an_operator_completes_an_order_and_its_member_hears_of_it(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    assert "1. 群贴纸" in shop.as_admin("订单")
    assert "已完成" in shop.as_admin("订单 1 完成 顺丰 SF123")
    assert any("顺丰 SF123" in text for text in told(shop, "lilei"))
    assert "没有改动" in shop.as_admin("订单 1 完成")
    assert shop.points() == 80
    assert "不能取消了" in shop.says("取消订单 1")
    [row] = [row for row in shop.stores.audit.newest("main", 10) if row.act == "完成订单"]
    assert (row.before, row.after) == ("待处理", "已完成")


def test_without_an_admin_group_the_owners_hear_of_an_order(shop: Chat) -> None:
    sell(shop, "items:\n  - {id: a, name: 月饼, price: 0, counted: false}\n")
    assert "换到了“月饼”" in shop.says("兑换 月饼", group="wrFAR")
    [delivery] = [delivery for delivery in shop.outbox() if delivery.id.startswith("order:far")]
    assert delivery.member == shop.member("boss")
    assert delivery.body["msgtype"] == "template_card"
    assert delivery.about == (shop.member(),)


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("订单1完成SF123", "备注：SF123"), ("订单 1 完成，SF123", "备注：SF123"), ("订单1完成：顺丰 SF123", "备注：顺丰 SF123"),
        ("订单1完成顺丰SF1234", "备注：顺丰SF1234"), ("订单1已发货 SF123", "备注：SF123"), ("订单1退款缺货", "理由：缺货"),
        ("订单 1 退款：缺货", "理由：缺货"), ("订单1退 缺货", "理由：缺货"),
    ],
)  # fmt: skip
def test_an_order_is_settled_however_the_words_are_put_together(shop: Chat, words: str, outcome: str) -> None:
    shop.says("兑换 群贴纸")
    assert "已私聊告诉他" in shop.as_admin(words)
    assert any(outcome in text for text in told(shop, "lilei"))


@pytest.mark.parametrize("words", ["订单1完成了吗", "订单 1 完成不了", "订单1退货 3 件", "订单1退款了没", "订单 1 退款？"])
def test_what_only_sounds_like_settling_settles_nothing(shop: Chat, words: str) -> None:
    shop.says("兑换 群贴纸")
    shop.as_admin(words)
    order = shop.stores.orders.find(shop.community.keys, 1)
    assert order is not None
    assert order.waits


def test_a_refund_gives_back_points_stock_and_the_members_share(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    assert "已退款 20 积分" in shop.as_admin("订单 1 退款 缺货")
    assert shop.points() == 100
    assert "剩 10 件" in shop.as_admin("商城 盘点")
    assert any("理由：缺货" in text for text in told(shop, "lilei"))
    assert "换到了“群贴纸”" in shop.says("兑换 群贴纸")
    assert shop.stores.points.discrepancies(shop.community.keys) == []


def test_what_was_handed_over_may_be_refunded_once_and_stays_out_of_stock(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    shop.as_admin("订单 1 完成 顺丰 SF123")
    shop.later(days=5)
    assert "例如：订单 1 退款 缺货" in shop.as_admin("订单 1 退款")
    said = shop.says("订单1退款 寄到时坏了", user="boss", group="wrADMIN", id="back")
    assert "已退款 20 积分" in said
    assert "之前已经完成，库存没有动" in said
    assert "商城 补货 群贴纸 1" in said
    forget_answer(shop, "back")
    assert shop.says("订单1退款 寄到时坏了", user="boss", group="wrADMIN", id="back") == said
    assert "已退款" in shop.as_admin("订单 1 退款 再来一次")
    assert "没有改动" in shop.as_admin("订单 1 完成")
    assert shop.points() == 100
    assert "剩 9 件" in shop.as_admin("商城 盘点")
    assert any("已退款，20 积分已退回。理由：寄到时坏了" in text for text in told(shop, "lilei"))
    assert "寄到时坏了（完成时的备注：顺丰 SF123）" in shop.as_admin("订单 1")
    [row] = [row for row in shop.stores.audit.newest("main", 10) if row.act == "订单退款"]
    assert (row.before, row.after) == ("已完成", "已退款")
    assert "换到了“群贴纸”" in shop.says("兑换 群贴纸"), "it does not count for the limit"
    assert shop.stores.points.discrepancies(shop.community.keys) == []


def test_an_order_of_a_forgotten_member_gives_nothing_back(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    shop.as_admin("订单 1 完成")
    shop.erase("lilei")
    assert "没有改动" in shop.as_admin("订单 1 退款 缺货")
    assert shop.stores.points.discrepancies(shop.community.keys) == []


def test_what_was_given_out_by_itself_is_not_refunded(shop: Chat) -> None:
    shop.as_admin("商城 加码 咖啡兑换码\nABC-1")
    shop.privately("兑换 咖啡兑换码")
    shop.says("兑换 补签卡")
    points = shop.points()
    assert "不能退款：兑换码已经发出" in shop.as_admin("订单 1 退款 缺货")
    assert "不能退款：“补签卡”已经自动到账" in shop.as_admin("订单 2 退款 缺货")
    assert shop.points() == points


def test_an_old_card_takes_nothing_back(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    card = shop.as_admin("订单 1")
    shop.as_admin("订单 1 完成")
    assert "没有改动" in str(shop.clicks(card, "退款").updated)
    assert shop.points() == 80


def test_of_two_who_refund_a_finished_order_one_does(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    shop.as_admin("订单 1 完成")
    contents = shop.live.current
    desk = ShopDesk(shop.stores, shop.config, contents.shop, contents.levels, shop.community, shop.clock())
    actor = Actor(shop.member("boss"), "老板", "owner")
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: desk.refund(1, actor, "坏了", once=f"r{n}", seen="done").done, range(16)))
    assert sum(done) == 1
    assert shop.points() == 100


def test_a_card_of_a_waiting_order_settles_it(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    said = shop.as_admin("订单 1")
    assert said.choices == ["完成", "退款"]
    assert "已退款" in str(shop.clicks(said, "退款").updated)
    assert "没有改动" in str(shop.clicks(said, "完成").updated)
    assert shop.points() == 100


def test_a_member_takes_back_what_waits_and_only_his_own(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    assert "没有编号为 1" in shop.says("取消订单 1", user="hanmei")
    assert "退回 20 积分，现有 100 积分" in shop.says("取消订单")
    assert any("自己取消了" in text for text in told(shop))
    assert "没有等待处理" in shop.says("取消订单")
    assert "已取消" in shop.says("我的订单")


def test_an_order_that_waits_is_recalled_once_and_then_given_back_once(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    assert ring(shop) == 0
    shop.later(days=3)
    assert [ring(shop), ring(shop)] == [1, 0]
    assert len([text for text in told(shop) if "已经等了 3 天" in text]) == 1
    shop.later(days=4)
    assert [ring(shop), ring(shop)] == [1, 0]
    assert shop.points() == 100
    assert any("积分已退回" in text for text in told(shop, "lilei"))
    assert "超时已退款" in shop.says("我的订单")
    assert shop.stores.points.discrepancies(shop.community.keys) == []


def test_after_days_without_a_clock_the_recall_comes_first(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    shop.later(days=30)
    assert ring(shop) == 1
    assert shop.points() == 80
    assert ring(shop) == 0, "they have a day for it still"
    shop.later(days=1)
    assert ring(shop) == 1
    assert shop.points() == 100


def test_the_list_says_the_new_moment_of_giving_back(shop: Chat) -> None:
    shop.at("2026-03-10 10:00")
    shop.says("兑换 群贴纸")
    shop.at("2026-04-09 10:00")
    ring(shop)
    assert "4 月 10 日 10:00 自动退款" in shop.as_admin("订单")


def test_who_wants_no_recall_gets_none(shop: Chat) -> None:
    sell(shop, ITEMS.replace("remind_after_days: 3", "remind_after_days: 0"))
    shop.says("兑换 群贴纸")
    shop.later(days=6, hours=23)
    assert ring(shop) == 0
    shop.later(hours=1)
    assert ring(shop) == 1
    assert not [text for text in told(shop) if "已经等了" in text]
    assert shop.points() == 100


def test_an_order_that_cannot_be_read_does_not_hold_up_the_others(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    give(shop, 100, "hanmei")
    shop.says("兑换 群贴纸", user="hanmei")
    where = shop.community.keys
    shop.stores.database.command("HSET", keys.ORDERS(shard=where.shard, community=where.id), 1, "no JSON")
    shop.later(days=3)
    assert ring(shop) == 1
    assert [number for _, number in shop.stores.orders.due(shop.clock())] == []
    shop.later(minutes=10)
    assert [number for _, number in shop.stores.orders.due(shop.clock())] == [1], "it is tried again"


def test_points_that_go_back_do_not_lapse_at_once(shop: Chat) -> None:
    shop.says("帮助", user="hanmei")
    today = shop.clock().astimezone(shop.community.zone).date()
    where, number = shop.community.keys, shop.member("hanmei")
    shop.stores.points.award(
        where, number, shop.clock(), today=today, reason="event", points=40, once="soon", lapses=today + timedelta(days=10)
    )
    shop.says("兑换 群贴纸", user="hanmei")
    shop.later(days=20)  # what was not spent has lapsed by now
    shop.as_admin("订单 1 退款 缺货")
    assert shop.points("hanmei") == 20
    shop.later(days=30)
    assert "还差 10 分" in shop.says("兑换 补签卡", user="hanmei")
    assert shop.points("hanmei") == 20
    shop.later(days=1)
    assert "还差 30 分" in shop.says("兑换 补签卡", user="hanmei")
    assert shop.points("hanmei") == 0
    assert shop.stores.points.discrepancies(where) == []


def test_orders_outlive_their_items(shop: Chat) -> None:
    shop.says("兑换 群贴纸")
    sell(shop, "items: []\n")
    assert "群贴纸" in shop.says("我的订单")
    assert "已退款 20 积分" in shop.as_admin("订单 1 退款 下架了")
    assert shop.points() == 100


def test_a_repeat_finds_its_order_when_the_item_is_gone(shop: Chat) -> None:
    shop.says("兑换 群贴纸", id="same")
    forget_answer(shop, "same")
    sell(shop, "items: []\n")
    assert "换到了“群贴纸”" in shop.says("兑换 群贴纸", id="same")
    assert shop.points() == 80


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ("兑换", "例如：兑换 1"),
        ("兑换 99", "说“商城”看有什么"),
        ("取消订单 abc", "例如：取消订单 12"),
        ("订单 99", "没有编号为 99 的订单"),
        ("订单 1 送货", "例如：订单 12 完成"),
        ("订单 1 退款", "例如：订单 1 退款 缺货"),
        ("商城 补货", "例如：商城 补货"),
        ("商城 补货 群贴纸 很多", "例如：商城 补货"),
        ("商城 补货 火箭 3", "没有商品“火箭”"),
        ("商城 补货 咖啡兑换码 3", "商城 加码"),
        ("商城 加码 咖啡兑换码", "一行一个兑换码，例如"),
        ("商城 加码 群贴纸\nA", "不发兑换码"),
    ],
)
def test_every_command_answers_the_wrong_way_of_typing_it(shop: Chat, words: str, usage: str) -> None:
    assert usage in shop.as_admin(words)


# What always holds --------------------------------------------------------------------------------------------------------


def test_a_hundred_buyers_for_ten_items_get_ten(open_chat: OpenChat) -> None:
    chats = [open_chat(), open_chat()]
    first = chats[0]
    sell(first)
    chats[1].live.refresh()
    first.as_admin("商城 补货 群贴纸 10")
    buyers = [f"u{n}" for n in range(100)]
    for user in buyers:
        give(first, 50, user)
    messages = [first.words(f"@{first.config.bot_name} 兑换 群贴纸", user=user, group=MAIN) for user in buyers]
    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(chats[n % 2].hears, message) for n, message in enumerate([*messages, *messages])]
        said = [str(job.result()) for job in jobs]
    assert len({text for text in said if "换到了" in text}) == 10
    places = first.community.keys
    assert first.stores.orders.count_waiting(places) == 10
    assert first.stores.database.command("HGET", keys.SHOP_STOCK(shard=places.shard, community=places.id), "sticker") == "0"
    assert sorted(first.points(user) for user in buyers) == [30] * 10 + [50] * 90
    assert first.stores.points.balance(places, "shop") == 200  # type: ignore[arg-type]
    assert first.stores.points.discrepancies(places) == []


def test_who_is_erased_leaves_orders_without_himself(shop: Chat) -> None:
    load(shop, "ABC-1")
    shop.says("兑换 群贴纸")
    shop.says("兑换 咖啡兑换码")
    number = shop.member()
    exported: Any = shop.stores.orders.export_user(number)
    assert [row["商品"] for row in exported["main"]] == ["咖啡兑换码", "群贴纸"]
    assert exported["main"][0]["兑换码"] == "ABC-1"
    shop.erase()
    assert shop.stores.orders.export_user(number) == {}
    assert "剩 10 件" in shop.as_admin("商城 盘点")
    assert shop.stores.orders.count_waiting(shop.community.keys) == 0
    order = shop.stores.orders.find(shop.community.keys, 2)
    assert order is not None
    assert shop.stores.orders.codes_of(shop.community.keys, [order]) == {}


def test_patience_always_recalls_before_it_gives_back() -> None:
    item = Item("a", "a", 1)
    assert patience(Shop(), item) == (timedelta(days=3), timedelta(days=7))
    assert patience(Shop(refund_after_days=1), item) == (timedelta(hours=12), timedelta(days=1))
    assert patience(Shop(refund_after_days=2), item) == (timedelta(days=1), timedelta(days=2))
    assert patience(Shop(refund_after_days=0), item) == (timedelta(days=3), None)
    assert patience(Shop(remind_after_days=0, refund_after_days=0), item) == (None, None)
    assert patience(Shop(remind_after_days=0), item) == (None, timedelta(days=7))
    assert patience(Shop(), Item("a", "a", 1, refund_after_days=30)) == (timedelta(days=3), timedelta(days=30))


def test_codes_come_from_a_file_too_and_the_same_file_adds_nothing_twice(shop: Chat, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "codes.txt"
    file.write_text("\ufeffABC-1\nABC-2\n\nABC-2\n", encoding="utf-8")
    assert "加了 2 个兑换码，现在有 2 个" in cli("shop", "codes", "-c", "main", "coffee", str(file)).out
    assert "加了 0 个兑换码，2 个以前加过" in cli("shop", "codes", "-c", "main", "咖啡", str(file)).out
    assert "coffee  咖啡兑换码  40 积分  剩 2" in cli("shop", "stock", "-c", "main").out
    assert "请用 -c 写明社群：main、far" in cli("shop", "stock").err
    assert "没有商品“茶”" in cli("shop", "codes", "-c", "main", "茶", str(file)).err
    assert [row.actor for row in shop.stores.audit.newest("main", 2)] == ["命令行", "命令行"]
    assert "ABC" in shop.privately("兑换 咖啡兑换码")


def test_a_code_that_is_none_is_named_by_its_line(shop: Chat) -> None:
    assert "第 2 行" in load(shop, "ABC-1", "x" * 201)
