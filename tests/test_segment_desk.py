"""群体 in chat and at its desk: looked at, saved, changed, taken back – and never so that something else loses its meaning."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from chat import Chat, OpenChat

from bot.communities import Community
from bot.errors import UserError
from bot.permissions import COMMAND_LINE, Actor, Role
from bot.segment_desk import Moved, SegmentDesk
from handlers.contents import current_text, publish, undo
from rules.content_pushing import PUSHING
from rules.contents import PUSHES, SEGMENTS
from rules.saved_segments import Segment

pytest_plugins = ("chat",)


@pytest.fixture
def told(chat: Chat) -> Chat:
    """A community of three whose levels are known."""
    for at, user in enumerate(("lilei", "hanmei", "jim"), 1):
        chat.says("签到", user=user, name={"lilei": "李雷", "hanmei": "韩梅梅", "jim": "吉姆"}[user])
        chat.stores.traits.write(chat.community.keys, {chat.member(user): {"level": at, "points": at * 100}})
    return chat


def desk(chat: Chat, *, may_share: bool = True, community: Community | None = None) -> SegmentDesk:
    role: Role = "operator"
    place = community or chat.community
    return SegmentDesk(chat.stores, chat.live.current, place, Actor(1, "老板", role), chat.clock(), may_share)


def test_a_condition_is_explained_and_counted_with_the_first_who_fit(told: Chat) -> None:
    said = told.as_admin("群体 看 等级 >= 2 且 积分 < 300")
    assert "等级至少 2 级，并且积分少于 300 分。" in said
    assert "现在 1 人，占 " in said
    assert f"韩梅梅（成员 {told.member('hanmei')}）" in said


def test_a_wrong_word_is_shown_in_its_place(told: Chat) -> None:
    said = told.as_admin("群体 看 lvel >= 2 且 积分 < 300")
    assert "第 1 个字：没有 lvel，是不是 level？" in said
    assert "【lvel】 >= 2 且 积分 < 300" in said
    assert "例如：群体 看" in said


def test_a_segment_is_saved_seen_changed_removed_and_brought_back(told: Chat) -> None:
    said = told.as_admin("群体 新建 高手 level >= 2")
    assert "存好了“高手”：等级至少 2 级。" in said
    assert "现在 2 人" in said
    assert "• 高手（2 人）  level >= 2" in told.as_admin("群体 列表")
    assert "现在 2 人" in told.as_admin("群体 看 高手")
    assert "现在 1 人" in told.as_admin("群体 看 @高手 and level < 3")
    assert "改成：等级至少 3 级。\n现在 1 人" in told.as_admin("群体 修改 高手 level >= 3")
    assert "已撤销" in told.as_admin("群体 撤销")
    assert "现在 2 人" in told.as_admin("群体 看 高手")
    assert "“高手”删掉了" in told.as_admin("群体 删除 高手")
    assert "没有存着叫“高手”的群体" in told.as_admin("群体 删除 高手")
    told.as_admin("群体 撤销")
    assert "高手" in told.as_admin("群体列表")
    acts = [row.act for row in told.stores.audit.newest(told.community.id, 20)]
    assert [act for act in acts if act.startswith("群体")] == ["群体 撤销", "群体 删除", "群体 撤销", "群体 修改", "群体 新建"]


def test_a_repeat_of_a_message_saves_once(told: Chat) -> None:
    first = told.says("群体 新建 高手 level >= 2", user="boss", group="wrADMIN", id="m-1")
    assert told.says("群体 新建 高手 level >= 2", user="boss", group="wrADMIN", id="m-1") == first
    assert told.as_admin("群体 列表").count("高手") == 1


def test_members_are_refused_and_everyday_words_are_none_of_it(chat: Chat) -> None:
    assert "高手" not in chat.says("群体 看 level > 1")
    chat.says("我们这个群体很有意思")
    assert not [row for row in chat.stores.audit.newest(chat.community.id, 20) if row.act.startswith("群体")]


@pytest.mark.parametrize(
    "text",
    [
        "群体",
        "群体 新建",
        "群体 新建 高手",
        "群体 修改 高手",
        "群体 删除",
        "群体 看",
        "群体 撤销 x",
        "群体 新建 高手 level >",
        "群体 撤销 999",
    ],
)
def test_what_is_said_wrongly_is_answered_with_the_right_way(chat: Chat, text: str) -> None:
    said = chat.as_admin(text)
    assert "群体 看" in said or "例如：群体" in said


def test_nothing_is_taken_away_that_something_else_names(told: Chat) -> None:
    told.as_admin("群体 新建 高手 level >= 2")
    told.as_admin("群体 新建 富高手 @高手 and points > 250")
    assert "还有别处在用：群体“富高手”" in told.as_admin("群体 删除 高手")
    assert "还有别处在用：群体“富高手”" in told.as_admin("群体 修改 高手 @富高手 or level > 9") or "绕回" in told.as_admin(
        "群体 修改 高手 @富高手 or level > 9"
    )
    told.as_admin("群体 删除 富高手")
    assert "删掉了" in told.as_admin("群体 删除 高手")


def test_who_saw_another_state_is_told_and_changes_nothing(told: Chat) -> None:
    made = desk(told).make(Segment("", "高手", "level >= 2", told.community.id), once="a")
    assert made.after
    seen = desk(told).get("高手")
    desk(told).change(made.after.id, seen.mark, Segment("", "高手", "level >= 3", told.community.id), once="b")
    with pytest.raises(Moved) as moved:
        desk(told).remove(made.after.id, seen.mark, once="c")
    assert moved.value.now
    assert moved.value.now.text == "level >= 3"
    assert desk(told).make(Segment("", "别的", "level >= 9", told.community.id), once="a") == made


def test_a_community_changes_its_own_only(open_chat: OpenChat) -> None:
    chat = open_chat()
    far = next(one for one in chat.communities.listed if one.id == "far")
    shared = desk(chat).get("核心成员")
    with pytest.raises(UserError, match="所有社群共用"):
        desk(chat, may_share=False).remove(shared.segment.id, shared.mark, once="a")
    made = desk(chat, may_share=False).make(Segment("", "我们的", "all", chat.community.id), once="b")
    assert made.after
    with pytest.raises(UserError, match="没有存着"):
        desk(chat, community=far).get("我们的")
    with pytest.raises(Moved):
        desk(chat, community=far).remove(made.after.id, desk(chat).get("我们的").mark, once="c")
    own = desk(chat, community=far).make(Segment("", "核心成员", "level >= 9", far.id), once="d")
    assert own.after
    assert desk(chat, community=far).get("核心成员").segment.text == "level >= 9"
    assert desk(chat).get("核心成员").segment.text == shared.segment.text
    with pytest.raises(UserError, match="已经有一个叫"):
        desk(chat, community=far).make(Segment("", "核心成员", "level >= 8", far.id), once="e")


def test_all_segments_are_counted_in_one_pass(told: Chat) -> None:
    kept = [one.segment for one in desk(told).segments()] + [Segment("x", "坏", "lvel > 1"), Segment("y", "高手", "level >= 2")]
    counts = desk(told).count(kept, within_s=60)
    assert counts.of == 3
    assert counts.members["y"] == 2
    assert "x" not in counts.members
    assert len(counts.members) == len(kept) - 1
    assert desk(told).count(kept, within_s=-1).is_late


def writes_push(chat: Chat, **row: Any) -> None:
    """The only push there is: to the members of 高手, one by one, every day."""
    push = {"id": "p", "cron": "0 9 * * *", "community": "main", "text": "早安", "to": "members", "segment": "@高手"} | row
    publish(chat.stores, PUSHES, msgspec.json.encode([push]).decode(), "boss", chat.clock())
    chat.live.refresh()


@pytest.mark.parametrize("enabled", [True, False])
def test_a_segment_does_not_become_others_than_those_whom_a_push_was_agreed_for(told: Chat, enabled: bool) -> None:
    told.as_admin("群体 新建 高手 level >= 2")
    writes_push(told, approval="granted", asked_by=1, granted_by=2, enabled=enabled)
    assert "有人批准过，不能这样换成别的人" in told.as_admin("群体 修改 高手 level >= 1")
    assert "现在 2 人" in told.as_admin("群体 看 高手")
    told.as_admin("群体 新建 更多人 level >= 1")
    writes_push(told, segment="@更多人", approval="asked", asked_by=1, enabled=enabled)
    assert "改成：" in told.as_admin("群体 修改 高手 level >= 1"), "whoever agrees to the push now sees whom it goes to"


def test_a_segment_inside_another_does_not_widen_a_push_that_was_agreed_to_either(told: Chat) -> None:
    told.as_admin("群体 新建 高手 level >= 2")
    told.as_admin("群体 新建 核心 @高手 and points > 0")
    writes_push(told, segment="@核心", approval="granted", asked_by=1, granted_by=2)
    assert "不能这样换成别的人" in told.as_admin("群体 修改 高手 level >= 1")


def test_taking_a_version_back_does_not_widen_a_push_that_was_agreed_to_either(told: Chat) -> None:
    told.as_admin("群体 新建 高手 level >= 1")
    told.as_admin("群体 修改 高手 level >= 3")
    writes_push(told, approval="granted", asked_by=1, granted_by=2)
    assert "不能这样换成别的人" in told.as_admin("群体 撤销")


def test_a_segment_does_not_grow_so_large_that_somebody_would_have_to_agree(told: Chat) -> None:
    publish(told.stores, PUSHING, "approve_above: 2\n", "boss", told.clock())
    told.as_admin("群体 新建 高手 level >= 3")
    writes_push(told)
    assert "改成：" in told.as_admin("群体 修改 高手 level >= 2"), "two may be spoken to without anybody else"
    assert "超过 2 人要另一个人批准" in told.as_admin("群体 修改 高手 level >= 1")


def test_what_was_said_once_leaves_its_segment_free(told: Chat) -> None:
    told.as_admin("群体 新建 高手 level >= 2")
    at = (told.clock().astimezone(told.community.zone) - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
    writes_push(told, cron="", at=at, approval="granted", asked_by=1, granted_by=2)
    assert "改成：" in told.as_admin("群体 修改 高手 level >= 1")


def test_no_door_widens_a_push_that_was_agreed_to(told: Chat) -> None:
    """By the command line, too: a file of segments, and a version that is taken back."""
    told.as_admin("群体 新建 高手 level >= 1")
    told.as_admin("群体 修改 高手 level >= 3")
    writes_push(told, community="*", approval="granted", asked_by=1, granted_by=2)
    file = current_text(told.stores, SEGMENTS)
    with pytest.raises(UserError, match="不能这样换成别的人"):
        publish(told.stores, SEGMENTS, file.replace("level >= 3", "level >= 1"), "命令行", told.clock())
    with pytest.raises(UserError, match="不能这样换成别的人"):
        undo(told.stores, SEGMENTS, told.stores.content.history(SEGMENTS.name, 1)[0].number, COMMAND_LINE, told.clock())
    before = told.stores.content.history(SEGMENTS.name, 1)[0].number
    assert publish(told.stores, SEGMENTS, file.replace("level >= 3", "等级 >= 3"), "命令行", told.clock()) > before, (
        "the same members in other words"
    )
