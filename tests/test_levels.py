"""Levels: reached by what was earned in a life, told exactly once, wherever it was earned."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat import Chat, OpenChat
from hypothesis import given
from hypothesis import strategies as st

from bot.praise import praise_alone
from rules import contents
from rules.badges import Facts
from rules.contents import ContentProblem
from rules.levels import BASE, Level, Levels, level_of, new_rights, next_level, progress, promotion, rights_of
from storage.points import Short

pytest_plugins = ("chat",)

SHIPPED = Path(__file__).parent.parent / "rules" / "content" / "levels.yaml"
LADDER = Levels((Level("1", "新芽"), Level("2", "常客", 50, makeup_cards=1), Level("3", "熟人", 200, rights=("发起话题",))))
ladders = st.lists(st.integers(1, 10_000), unique=True, max_size=12).map(
    lambda marks: Levels(tuple(Level(str(n), f"L{n}", at) for n, at in enumerate([0, *sorted(marks)])))
)


def give(chat: Chat, n: int, user: str = "lilei", once: str = "") -> int:
    """Points from nowhere, as an import gives them; gives what was earned in all."""
    points, where = chat.stores.points, chat.community.keys
    done = points.award(where, chat.member(user), chat.clock(), today=chat.clock().date(), reason="event", points=n, once=once)
    return done.earned


# Rules --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("earned", "id"), [(0, "1"), (49, "1"), (50, "2"), (199, "2"), (200, "3"), (10**9, "3")])
def test_a_level_begins_at_its_points(earned: int, id: str) -> None:
    assert level_of(LADDER, earned).id == id


def test_without_levels_everybody_is_a_member() -> None:
    assert level_of(Levels(), 10_000) == BASE
    assert next_level(Levels(), 0) is None
    assert progress(Levels(), 5) == 1.0


def test_a_promotion_tells_what_is_new() -> None:
    assert promotion(LADDER, 45, 50) == LADDER.steps[1]
    assert promotion(LADDER, 45, 500) == LADDER.steps[2], "the highest of several"
    assert promotion(LADDER, 50, 60) is None
    assert new_rights(LADDER, LADDER.steps[2]) == ("发起话题",)
    assert "每月 1 张补签卡" in rights_of(LADDER.steps[1])


@given(ladders, st.lists(st.integers(0, 3_000), max_size=30))
def test_every_level_is_announced_once_at_most_and_the_last_one_is_held(levels: Levels, gains: list[int]) -> None:
    earned, announced = 0, []
    for gain in gains:
        if reached := promotion(levels, earned, earned + gain):
            announced.append(reached)
        earned += gain
        assert 0.0 <= progress(levels, earned) <= 1.0
    assert len(set(announced)) == len(announced)
    assert level_of(levels, earned) == (announced[-1] if announced else levels.steps[0])


@given(ladders, st.integers(0, 20_000), st.integers(0, 20_000))
def test_more_points_are_never_a_lower_level(levels: Levels, one: int, more: int) -> None:
    assert levels.number(level_of(levels, one)) <= levels.number(level_of(levels, one + more))


# Content ------------------------------------------------------------------------------------------------------------------


def test_the_shipped_file_reads_back_as_it_is() -> None:
    levels = contents.parse(contents.LEVELS, SHIPPED.read_text(encoding="utf-8"))
    assert contents.parse(contents.LEVELS, contents.dump(contents.LEVELS, levels)) == levels
    assert len(levels.steps) == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {id: a, name: 甲, at: 5}", "第 1 行（第 1 条 的 at）：第一级要从 0 分开始"),
        ("- {id: a, name: 甲, at: 0}\n- {id: b, name: 乙, at: 0}", "第 2 行（第 2 条 的 at）：要比上一级高"),
        ("- {id: a, name: 甲, at: 0}\n- {id: a, name: 乙, at: 9}", "id“a”已经用过了"),
        ("- {id: a, name: 甲, at: 0}\n- {id: b, name: 甲, at: 9}", "名字“甲”已经用过了"),
        ("- {id: 'a:b', name: 甲, at: 0}", "不能含空格或"),
        ("- {id: a, name: 甲, at: 零}", "应该是整数"),
        ("- {id: a, name: 甲, at: 0, cards: 2}", "没有“cards”这一项"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ContentProblem) as problem:
        contents.parse(contents.LEVELS, text)
    assert said in "\n".join(problem.value.problems)


# In chat ------------------------------------------------------------------------------------------------------------------


def test_a_member_sees_his_level_and_the_way_to_the_next(chat: Chat) -> None:
    chat.says("签到")
    said = chat.says("等级")
    assert "新芽**（1 级），累计获得 5 积分" in said
    assert "░ 再得 45 分升到 **常客**" in said
    assert "下一级新增：每月 1 张补签卡" in said
    assert "2000 分" in chat.says("等级 全部")


def test_another_way_of_typing_it_gets_an_example(chat: Chat) -> None:
    assert "写法是：等级，或者 等级 全部" in chat.says("等级 啊")


@pytest.mark.parametrize("typed", ["等级 怎么升", "等级怎么升", "怎么升级", "等级 要多少分？", "等级 有什么用"])
def test_who_asks_how_levels_are_climbed_sees_the_ladder_and_his_place_on_it(chat: Chat, typed: str) -> None:
    chat.says("签到")
    said = chat.says(typed)
    assert "等级按累计获得的积分升，花掉不降级" in said
    assert "2. 常客：50 分，每月 1 张补签卡" in said
    assert "你累计获得 5 分，是 新芽，再得 45 分升到 常客" in said
    assert "说“任务”" in said


def test_another_question_about_levels_goes_to_the_faq(chat: Chat) -> None:
    asked = chat.says("等级 为什么还没有更新")
    assert "花掉不降级" not in asked
    assert "写法是" not in asked


def test_a_promotion_is_said_in_the_answer_of_what_caused_it_and_never_again(chat: Chat) -> None:
    chat.says("群规")
    give(chat, 48)
    said = chat.says("签到", id="S")
    assert "🎉 升级啦！你现在是 **常客**（2 级）" in said
    assert "新权益：每月 1 张补签卡" in said
    assert chat.says("签到", id="S") == said, "a repeat hears the same"
    assert "升级" not in chat.says("签到")
    assert "恭喜升级" not in chat.says("等级"), "it was told"


def test_spending_demotes_nobody(chat: Chat) -> None:
    chat.says("群规")
    give(chat, 60)
    take = chat.stores.points.adjust
    lilei, now = chat.member(), chat.clock()
    with pytest.raises(Short):
        take(chat.community.keys, lilei, -61, now, today=now.date(), reason="x", actor=0, note="", once="")
    giver, taker = lilei, 4711
    chat.stores.points.transfer(chat.community.keys, giver, taker, 55, now, today=now.date(), once="t")
    assert chat.points() == 5
    assert "常客" in chat.says("等级")


def test_levels_that_are_edited_later_promote_nobody_twice(chat: Chat) -> None:
    chat.says("群规")
    give(chat, 48)
    assert "升级啦" in chat.says("签到")
    raised = SHIPPED.read_text(encoding="utf-8").replace("at: 50,", "at: 60,")
    chat.stores.content.put("levels", contents.to_items(contents.LEVELS, raised), "boss", chat.clock())
    chat.live.refresh()
    assert "新芽" in chat.says("等级"), "what the rules say now"
    give(chat, 6)
    chat.later(days=1)
    said = chat.says("签到")
    assert "签到成功" in said
    assert "升级" not in said, "he was told of this level before"
    assert "常客" in chat.says("等级")


def test_levels_that_are_lowered_later_are_told_when_he_asks_and_once(chat: Chat) -> None:
    chat.says("签到")
    lowered = SHIPPED.read_text(encoding="utf-8").replace("at: 50,", "at: 5,")
    chat.stores.content.put("levels", contents.to_items(contents.LEVELS, lowered), "boss", chat.clock())
    chat.live.refresh()
    assert "🎉 恭喜升级！" in chat.says("等级", id="L")
    assert "🎉 恭喜升级！" in chat.says("等级", id="L")
    assert "恭喜升级" not in chat.says("等级")


def test_a_promotion_is_no_news_a_second_time_though_the_same_points_bring_it(chat: Chat) -> None:
    chat.says("群规", name="李雷")
    challenge = contents.to_items(contents.KINDS["challenges"], "- {id: a, title: 晨读, days: 5, points: 10}\n")
    chat.stores.content.put("challenges", challenge, "boss", chat.clock())
    chat.live.refresh()
    chat.says("参加挑战 晨读")
    chat.as_admin("发积分 @李雷 45 热心")
    said = chat.says("打卡 晨读", id="A")
    assert "升级啦" in said
    assert chat.says("打卡 晨读", id="A") == said
    chat.as_admin("扣积分 @李雷 10 更正")
    chat.later(days=1)
    said = chat.says("打卡 晨读")
    assert "2/5" in said
    assert "升级啦" not in said


def test_what_the_clock_gives_is_told_in_private_and_once(chat: Chat, open_chat: OpenChat) -> None:
    chat.says("群规")
    other = open_chat()
    for one in (chat, other, chat):  # two processes, and a repeat after a crash
        before, after = Facts(earned=40), Facts(earned=60)
        praise_alone(one.stores, one.config, one.live.current, one.community, one.member(), before, after, one.clock(), once="import")
    told = [delivery for delivery in chat.outbox() if "升级啦" in str(delivery.body)]
    assert [delivery.via for delivery in told] == ["app"]


def test_where_no_channel_leads_to_a_member_his_promotion_waits_for_his_single_chat(open_chat: OpenChat) -> None:
    chat = open_chat(app=False)
    chat.says("群规")
    praise_alone(
        chat.stores, chat.config, chat.live.current, chat.community, chat.member(), Facts(), Facts(earned=60), chat.clock(), once="import"
    )
    assert "升级啦！你现在是 常客（2 级）" in chat.privately("等级")
    assert "升级" not in chat.privately("等级").split("下一级")[0]


def test_what_an_administrator_gives_is_told_in_private_and_once(chat: Chat) -> None:
    chat.says("群规", name="李雷")
    chat.as_admin("发积分 @李雷 60 热心解答")
    chat.as_admin("扣积分 @李雷 30 误发更正")
    assert "升级" not in chat.as_admin("发积分 @李雷 30 补发")
    told = [str(delivery.body) for delivery in chat.outbox() if "升级啦" in str(delivery.body)]
    assert len(told) == 1
    assert "你现在是 **常客**" in told[0] or "你现在是 常客" in told[0]


def test_a_level_may_forbid_giving_points_away(chat: Chat) -> None:
    chat.says("签到", name="李雷")
    chat.says("签到", user="hanmei", name="韩梅梅")
    closed = SHIPPED.read_text(encoding="utf-8").replace("name: 新芽, at: 0", "name: 新芽, at: 0, transfer: false")
    chat.stores.content.put("levels", contents.to_items(contents.LEVELS, closed), "boss", chat.clock())
    chat.live.refresh()
    assert "你现在的等级还不能转赠积分" in chat.says("转赠 @韩梅梅 2")
    assert "下一级新增：每月 1 张补签卡、可以转赠积分" in chat.says("等级")
    give(chat, 50)
    assert "已送给韩梅梅 2 积分" in chat.says("转赠 @韩梅梅 2")


def test_a_community_without_levels_badges_and_flows_works_as_well(open_chat: OpenChat, tmp_path: Path) -> None:
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "welcome.yaml").write_text("first_message: 你好\n", encoding="utf-8")
    (folder / "levels.yaml").write_text("[]\n", encoding="utf-8")
    chat = open_chat(content=folder)
    assert "签到成功" in chat.says("签到")
    assert "你是 **成员**（1 级），累计获得 5 积分" in chat.says("等级")
    assert "1. 成员：0 分" in chat.says("等级 全部")
    assert "你还没有勋章" in chat.says("勋章")
    assert "这里还没有勋章" in chat.says("勋章 全部")
    assert "✅ 签到" in chat.says("任务")
    assert "还没有，请先写 badges.yaml" in chat.as_admin("授勋 @lilei 大奖")
